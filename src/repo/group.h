/* SPDX-License-Identifier: MIT */
/*
 * group.h - a group as it lies in a pack: coded (zstd or not), then sealed
 * (docs/format.md, 5.2, 5.3); the footer and the table of a pack are sealed in the same way
 * (5.4, 5.5).
 */
#ifndef REPO_GROUP_H
#define REPO_GROUP_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <base/cursor.h>
#include <crypt/aead.h>
#include <pool/pool.h>
#include <pool/ref.h>
#include <repo/blob.h>
#include <sherd/error.h>

#define GROUP_AAD_SIZE 72
#define GROUP_NUMBER_TABLE 0xfffffffeu
#define GROUP_NUMBER_FOOTER 0xffffffffu

enum group_codec { GROUP_PLAIN = 0, GROUP_ZSTD = 1 };

/* Where a group lies in its pack, and what it is. */
struct group_place {
	uint32_t number;
	uint32_t offset; /* in the payload */
	uint32_t sealed; /* bytes there */
	uint32_t plain;  /* bytes when opened */
	uint8_t type, codec;
};

/* The keys of one pack, and what its seals are bound to. */
struct group_keys {
	struct aead_keys keys;
	uint8_t pool[POOL_ID_SIZE];
	uint8_t nonce[POOL_NONCE_SIZE];
	uint32_t epoch;
	uint8_t suite;
};

/* group_keys_init(k, pool, epoch, nonce, err): Errors: CORRUPT (no such epoch). group_keys_wipe(k).
 */
int group_keys_init(struct group_keys *k, const struct sherd_pool *pool, uint32_t epoch,
	const uint8_t nonce[POOL_NONCE_SIZE], struct sherd_error *err);
void group_keys_wipe(struct group_keys *k);

/*
 * group_seal(k, g, commitment, sealed, err): the g->sealed - 28 coded bytes at sealed +
 * AEAD_NONCE_SIZE are sealed in place. ${commitment} NULL: of the coded bytes themselves.
 */
int group_seal(const struct group_keys *k, const struct group_place *g,
	const struct hash *commitment, uint8_t *sealed, struct sherd_error *err);

/*
 * group_open(k, g, sealed, plain, scratch, err):
 * Open the g->sealed bytes at ${sealed} into the g->plain bytes at ${plain}. ${scratch} is used for
 * what is compressed. Errors: CORRUPT (not sealed so, or it expands to another length), NOMEM.
 */
int group_open(const struct group_keys *k, const struct group_place *g, const uint8_t *sealed,
	uint8_t *plain, struct bytes *scratch, struct sherd_error *err);

/* group_plain_max(type): the most plain bytes of a group of this type that are believed; 0: no such
 * type. */
uint32_t group_plain_max(uint8_t type);

/* Compressors: made once, used by one thread at a time. */
struct codec;
int codec_new(int level, struct codec **ret, struct sherd_error *err);
void codec_free(struct codec *c);

/*
 * codec_compress(c, data, size, out, ret_size): compress into out[0..size); false: it does not get
 * small enough to be worth it (31/32), or cannot be compressed; then it is stored as it is.
 */
bool codec_compress(
	struct codec *c, const uint8_t *data, size_t size, uint8_t *out, size_t *ret_size);

/* ---- the table (5.4) and the footer (5.5) ---- */

#define TABLE_GROUP_SIZE 16
#define TABLE_BLOB_SIZE 36
#define FOOTER_PLAIN_SIZE 36
#define FOOTER_SIZE 64

static_assert(FOOTER_PLAIN_SIZE + AEAD_OVERHEAD == FOOTER_SIZE, "docs/format.md, 5.5");

void table_add_group(struct bytes *t, const struct group_place *g, uint32_t blobs);
void table_add_blob(struct bytes *t, const struct hash *id, uint32_t size);

/* Reading: every group in order, and its blobs in order. */
struct table_reader {
	struct cursor cursor;
	uint32_t number; /* of the next group */
	uint64_t offset; /* where it begins */
	uint64_t limit;  /* payload bytes there are for groups */
	uint32_t blobs_left;
	uint64_t plain_left; /* of the group being read */
};
/* table_open(r, data, size, payload): ${payload}: k * S of the pack. */
void table_open(struct table_reader *r, const uint8_t *data, size_t size, uint64_t payload);
/* table_next_group(r, ret, ret_blobs, err): 1, 0 at the end, CORRUPT. All blobs of the one before
 * must be read. */
int table_next_group(struct table_reader *r, struct group_place *ret, uint32_t *ret_blobs,
	struct sherd_error *err);
/* table_next_blob(r, ret_id, ret_size, err): 1, 0 when the group has no more, CORRUPT. */
int table_next_blob(
	struct table_reader *r, struct hash *ret_id, uint32_t *ret_size, struct sherd_error *err);

/* footer_write(k, table, groups, footer, err): seal the footer's 64 bytes. */
int footer_write(const struct group_keys *k, const struct group_place *table, uint32_t groups,
	uint8_t *footer, struct sherd_error *err);
/* footer_read(k, footer, payload, ret_table, ret_groups, err): where the table is. Errors: CORRUPT.
 */
int footer_read(const struct group_keys *k, const uint8_t *footer, uint64_t payload,
	struct group_place *ret_table, uint32_t *ret_groups, struct sherd_error *err);

#endif
