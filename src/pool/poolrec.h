/* SPDX-License-Identifier: MIT */
/*
 * poolrec.h - the body of a pool record (docs/format.md, 7.3), and how two that were written at the
 * same time become one.
 *
 * A struct poolrec holds the keys of old epochs: poolrec_release() wipes them.
 */
#ifndef POOL_POOLREC_H
#define POOL_POOLREC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <crypt/box.h>
#include <crypt/hash.h>
#include <crypt/sign.h>
#include <sherd/error.h>
#include "keyring.h"
#include "record.h"
#include "wire.h"

#define POOLREC_SALT_SIZE 16
#define POOLREC_SLOTS_MAX 256
#define POOLREC_URL_MAX 4096
#define POOLREC_TEXT_MAX 255 /* bytes of a label or a domain */

struct poolrec_slot {
	uint8_t id[RECORD_ID_SIZE];
	uint8_t kind;
	uint8_t public_key[BOX_PUBLIC_SIZE];
	char *label; /* owned */
};

struct poolrec_epoch {
	uint32_t epoch;
	struct crypt_key key;
};

struct poolrec_place {
	uint16_t number; /* 1.. */
	uint8_t id[RECORD_ID_SIZE];
	uint32_t weight;
	char *name, *url, *domain; /* owned */
};

struct poolrec {
	uint32_t features_write; /* bits that a writer must know */
	struct hash previous;
	uint8_t admin[SIGN_PUBLIC_SIZE];
	uint8_t salt[POOLREC_SALT_SIZE];
	uint64_t created_ns;
	uint8_t k, m;
	uint32_t chunk_min, chunk_average, chunk_max;
	char *name; /* owned */
	uint16_t next_place;
	size_t slot_count, epoch_count, place_count;
	struct poolrec_slot *slots;   /* owned */
	struct poolrec_epoch *epochs; /* owned; ascending */
	struct poolrec_place *places; /* owned; ascending by number */
	struct wire_extensions extensions;
};

/* poolrec_id(admin, salt, ret): the pool's id. */
void poolrec_id(const uint8_t admin[SIGN_PUBLIC_SIZE], const uint8_t salt[POOLREC_SALT_SIZE],
	uint8_t ret[POOL_ID_SIZE]);

/* poolrec_write(rec, b): append the body; ${b} holds secrets then (wire_wipe()). */
void poolrec_write(const struct poolrec *rec, struct bytes *b);

/* poolrec_read(body, size, ret, err): Errors: CORRUPT, NEWER, NOMEM. Release ${ret} in any case. */
int poolrec_read(const uint8_t *body, size_t size, struct poolrec *ret, struct sherd_error *err);
void poolrec_release(struct poolrec *rec);

/* poolrec_copy(rec, ret, err): Errors: NOMEM. Release ${ret} in any case. */
int poolrec_copy(const struct poolrec *rec, struct poolrec *ret, struct sherd_error *err);

/* poolrec_same(a, b): 1 if they say the same, whatever came before them; 0, or SHERD_NOMEM. */
int poolrec_same(const struct poolrec *a, const struct poolrec *b);

/* poolrec_place(rec, id), poolrec_place_named(rec, name): NULL if there is none. */
struct poolrec_place *poolrec_place(const struct poolrec *rec, const uint8_t *id);
struct poolrec_place *poolrec_place_named(const struct poolrec *rec, const char *name);

/*
 * poolrec_add_place(rec, place, err): with the next number, which is written to place->number; the
 * texts are copied. Errors: EXISTS (that id or name is there), INVALID (too many), NOMEM.
 */
int poolrec_add_place(
	struct poolrec *rec, const struct poolrec_place *place, struct sherd_error *err);
void poolrec_remove_place(struct poolrec *rec, const uint8_t *id);

/*
 * poolrec_merge(base, a, b, err):
 * Bring into ${a} what ${b} changed since ${base} (NULL: unknown; then nothing counts as removed).
 * Both came from it. Places, slots and epochs are sets: what either added is there, what either
 * removed is not. A place of b whose number or name a has given to another gets the next number, or
 * its name and "-2". Of m the one that is fixed counts; of the rest what a says.
 * Errors: NOMEM, CORRUPT (two keys of one epoch), INVALID (too many places or slots).
 */
int poolrec_merge(const struct poolrec *base, struct poolrec *a, const struct poolrec *b,
	struct sherd_error *err);

#endif
