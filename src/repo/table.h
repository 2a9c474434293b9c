/* SPDX-License-Identifier: MIT */
/*
 * table.h - what is in a pack: its groups and their blobs, and the footer that leads to that
 * (docs/format.md, 5.4, 5.5). Reading is by a cursor over the table's bytes, which table_check()
 * has gone through once. Threads: any.
 */
#ifndef REPO_TABLE_H
#define REPO_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <base/cursor.h>
#include <crypt/hash.h>
#include <repo/blob.h>
#include <sherd/error.h>

#define TABLE_GROUP_SIZE 16
#define TABLE_BLOB_SIZE 36
#define TABLE_SIZE_MAX (48u << 20)
#define FOOTER_PLAIN_SIZE 36
#define FOOTER_SIZE 64 /* sealed */

struct table_group {
	uint8_t type, codec;
	uint32_t sealed, plain, blobs;
	uint32_t number;        /* of the group; by reading */
	uint32_t offset;        /* in the payload; by reading */
	const uint8_t *entries; /* of the blobs, TABLE_BLOB_SIZE each; by reading */
};

/* table_write_group(out, g), then table_write_blob() g->blobs times. */
void table_write_group(struct bytes *out, const struct table_group *g);
void table_write_blob(struct bytes *out, const struct hash *id, uint32_t length);

struct table_count {
	uint32_t groups, blobs;
	uint32_t end; /* where the table begins: sum of the groups' sealed lengths */
};

/* table_check(data, size, ret, err): every rule of the format. Errors: CORRUPT. */
int table_check(const uint8_t *data, size_t size, struct table_count *ret, struct sherd_error *err);

/* Reading what table_check() passed. */
struct table_reader {
	struct cursor cursor;
	uint32_t number, offset;
};
struct table_reader table_reader(const uint8_t *data, size_t size);
bool table_next(struct table_reader *r, struct table_group *ret);

/* table_blob(g, i, ret_id): blob ${i} of the group; returns its length. */
uint32_t table_blob(const struct table_group *g, uint32_t index, struct hash *ret_id);

struct footer {
	uint32_t table_offset, table_sealed, table_plain, groups;
	uint8_t table_codec;
};
void footer_write(const struct footer *f, uint8_t out[FOOTER_PLAIN_SIZE]);
/* footer_read(data, payload, ret, err): ${payload}: bytes of it. Errors: CORRUPT. */
int footer_read(const uint8_t data[FOOTER_PLAIN_SIZE], uint64_t payload, struct footer *ret,
	struct sherd_error *err);

#endif
