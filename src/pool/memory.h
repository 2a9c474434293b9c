/* SPDX-License-Identifier: MIT */
/*
 * memory.h - what a device remembers (docs/format.md, 12): who it is (file `device`), and what it
 * has seen (file `seen`), against which every older state is refused. Threads: one.
 */
#ifndef POOL_MEMORY_H
#define POOL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <crypt/secret.h>
#include "keyring.h"
#include "record.h"
#include "state.h"

/* The device's secrets; in locked memory. */
struct device_secrets {
	struct crypt_key sign; /* Ed25519 seed */
	struct crypt_key box;  /* X25519 secret; of its key slot, too */
};

/* The file `device`. */
struct device_file {
	uint8_t pool[POOL_ID_SIZE];
	uint8_t device[RECORD_ID_SIZE];
	uint8_t incarnation[RECORD_ID_SIZE];
	uint8_t slot[RECORD_ID_SIZE]; /* of its key slot; zeros with ${locked} */
	uint32_t epoch;               /* whose key locks the secrets */
	bool locked;                  /* no device key: the passphrase is asked for at every use */
	uint8_t secrets[2 * CRYPT_KEY_SIZE + 40]; /* locked, or in clear and zeros */
};

/* device_file_hide(env, file, ring, secrets, err): fill in ${secrets}, locked under the newest
 * epoch if file->locked. device_file_show(): the reverse. Errors: IO; CORRUPT. */
int device_file_hide(const struct sherd_env *env, struct device_file *file,
	const struct keyring *ring, const struct device_secrets *secrets, struct sherd_error *err);
int device_file_show(const struct device_file *file, const struct keyring *ring,
	struct device_secrets *ret, struct sherd_error *err);

/* Errors: those of state_write() and state_read(); CORRUPT, NEWER. */
int device_file_save(struct state *s, const struct device_file *file, struct sherd_error *err);
int device_file_load(const struct state *s, struct device_file *ret, struct sherd_error *err);
static inline void device_file_wipe_at(struct device_file *file)
{
	secret_wipe(file, sizeof(*file));
}

/* A head that was seen at the write quorum. */
struct seen_head {
	uint8_t incarnation[RECORD_ID_SIZE];
	uint64_t seq;
	struct hash hash; /* of its file */
};

/* What a place has shown, and how it did. */
struct seen_place {
	uint8_t id[RECORD_ID_SIZE];
	uint64_t pool_seq;
	uint64_t read_errors, write_errors, lies, bytes_read, bytes_written, last_ok_ns;
	size_t head_count;
	struct seen_head *heads; /* owned; ascending; their hashes are zeros */
};

/* The file `seen`. */
struct seen {
	uint64_t pool_seq; /* newest at the write quorum; 0: none */
	struct hash pool_hash;
	uint64_t own_seq; /* newest seq that this incarnation has given to a head */
	size_t head_count, place_count;
	struct seen_head *heads;   /* owned; ascending by incarnation */
	struct seen_place *places; /* owned */
	struct hash written;       /* SHA-256 of the file as it was written last */
};

int seen_load(const struct state *s, struct seen *ret, struct sherd_error *err);
/* seen_save(s, seen, err): if it has changed. */
int seen_save(struct state *s, struct seen *seen, struct sherd_error *err);
void seen_release(struct seen *seen);

/* seen_head_find(heads, count, incarnation): NULL: never seen. */
struct seen_head *seen_head_find(struct seen_head *heads, size_t count, const uint8_t *incarnation);
/* seen_head_set(heads, count, head): raise or add; false without memory. */
bool seen_head_set(struct seen_head **heads, size_t *count, const struct seen_head *head);
/* seen_place_of(seen, id, add): NULL: none (and without memory). */
struct seen_place *seen_place_of(struct seen *seen, const uint8_t *id, bool add);

#endif
