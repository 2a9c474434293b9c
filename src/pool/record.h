/* SPDX-License-Identifier: MIT */
/*
 * record.h - the file of a control record (docs/format.md, 7.1 and 7.2): signed, sealed, and named
 * by what it holds. Threads: any; one struct belongs to one thread.
 */
#ifndef POOL_RECORD_H
#define POOL_RECORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <crypt/hash.h>
#include <crypt/sign.h>
#include <pool/ref.h>
#include <sherd/error.h>
#include "keyring.h"

#define RECORD_SIZE_MAX (4u << 20)
#define RECORD_HEADER_SIZE 64
#define RECORD_ID_SIZE 16   /* of subjects and signers */
#define RECORD_HASH_SIZE 16 /* bytes of its hash that a name has */
#define RECORD_NAME_SIZE 96 /* of a name, with its NUL */

enum record_kind {
	RECORD_POOL = 1,
	RECORD_DEVICE = 2,
	RECORD_HEAD = 3,
	RECORD_GC = 4,
	RECORD_KEYS = 255, /* a key slot: named among the records, a file of its own kind */
};

/* The bytes of a file, shared by whoever holds a reference: a slow place may still read them. */
struct record_file {
	atomic_uint refs;
	size_t size;
	struct hash hash; /* SHA-256 of the bytes */
	uint8_t data[];
};
/* record_file_new(data, size): a copy, NULL without memory. */
struct record_file *record_file_new(const uint8_t *data, size_t size);
struct record_file *record_file_ref(struct record_file *file);
void record_file_unref(struct record_file *file); /* NULL does nothing */
static inline void record_file_unref_at(struct record_file **file)
{
	record_file_unref(*file);
}

/* What a name says. */
struct record_name {
	enum record_kind kind;
	uint8_t subject[RECORD_ID_SIZE]; /* zeros of a pool record; the slot of a key slot */
	uint64_t seq;                    /* the epoch of a key slot */
	uint8_t hash[RECORD_HASH_SIZE];
};
/* record_name_write(name, ret): as text. record_name_parse(text, ret): 0, or -1 if it is no name of
 * a record of kind pool, device or head, or of a key slot. */
void record_name_write(const struct record_name *name, char ret[RECORD_NAME_SIZE]);
int record_name_parse(const char *text, struct record_name *ret);

/* The fields that are not secret. */
struct record_head {
	uint8_t kind;
	uint32_t epoch;
	uint8_t pool[POOL_ID_SIZE];
	uint64_t seq;
	uint8_t subject[RECORD_ID_SIZE];
};

/* One that was opened; release it. */
struct record {
	struct record_head head;
	uint8_t signer[RECORD_ID_SIZE]; /* zeros: the administrator */
	const uint8_t *body;
	size_t body_size;
	uint8_t *signed_bytes; /* owned: what the signature is over, then the signature */
	size_t signed_size;
};

/*
 * record_seal(ring, head, body, size, signer, seed, ret_file, err):
 * Sign and seal. head->pool is taken from the ring. Deterministic.
 * Errors: NOMEM, INVALID (too large), CORRUPT (no key of that epoch).
 */
int record_seal(const struct keyring *ring, const struct record_head *head, const uint8_t *body,
	size_t size, const uint8_t signer[RECORD_ID_SIZE], const struct crypt_key *seed,
	struct record_file **ret_file, struct sherd_error *err);

/*
 * record_open(ring, file, size, ret, err):
 * Parse and unseal; the signature is *not* checked yet: record_signed_by().
 * Errors: CORRUPT (what is wrong is in the message), NEWER (a format or suite that is unknown
 * here), NOTFOUND (the ring has no key of its epoch), NOMEM.
 */
int record_open(const struct keyring *ring, const uint8_t *file, size_t size, struct record *ret,
	struct sherd_error *err);
void record_release(struct record *record); /* wipes */

/* record_signed_by(record, public_key): whether its signature is of that key. */
bool record_signed_by(const struct record *record, const uint8_t public_key[SIGN_PUBLIC_SIZE]);

/* record_named(record, name): whether the name's kind, subject and seq are the record's. (That the
 * hash is the file's is checked when it is fetched.) */
bool record_named(const struct record *record, const struct record_name *name);

#endif
