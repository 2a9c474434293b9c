/* SPDX-License-Identifier: MIT */
/*
 * segment.h - what a head says of packs, and index streams (docs/format.md, 9.1, 9.2), as bytes and
 * back.
 */
#ifndef REPO_SEGMENT_H
#define REPO_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <base/cursor.h>
#include <pool/ref.h>
#include <repo/group.h>

struct head_pack {
	struct pool_ref ref;
	bool self; /* its table is in no index stream */
};

struct head_group {
	uint32_t pack; /* index into the head's packs */
	struct group_place place;
};

struct head_stream {
	uint8_t type;              /* BLOB_INDEX or BLOB_CATALOG */
	struct head_group *groups; /* owned */
	uint32_t count;
};

struct head_content {
	struct head_pack *packs; /* owned */
	uint32_t pack_count, pack_room;
	struct head_stream *streams; /* owned */
	uint32_t stream_count, stream_room;
};

void head_content_release(struct head_content *h);

/* head_content_read(data, size, ret, err): Errors: CORRUPT, NEWER, NOMEM. */
int head_content_read(
	const uint8_t *data, size_t size, struct head_content *ret, struct sherd_error *err);
void head_content_write(const struct head_content *h, struct bytes *out);

/* head_content_pack(h, ref, self, ret_index, err): the pack's index; it is added if it is not
 * there.
 * ${self} is set, never cleared. Errors: NOMEM. */
int head_content_pack(struct head_content *h, const struct pool_ref *ref, bool self,
	uint32_t *ret_index, struct sherd_error *err);

/* head_content_find(h, id): index of the pack, or UINT32_MAX. */
uint32_t head_content_find(const struct head_content *h, const struct hash *id);

/* head_content_stream(h, type, ret, err): a new stream without groups. head_stream_group(): one
 * more group. */
int head_content_stream(
	struct head_content *h, uint8_t type, struct head_stream **ret, struct sherd_error *err);
int head_stream_group(struct head_stream *s, uint32_t pack, const struct group_place *place,
	struct sherd_error *err);

/* Index streams. */
void segment_begin(struct bytes *out, uint32_t packs);
void segment_pack(struct bytes *out, const struct pool_ref *ref, const void *table, size_t size);
struct segment_reader {
	struct cursor cursor;
	uint32_t left;
};
int segment_open(
	struct segment_reader *r, const uint8_t *data, size_t size, struct sherd_error *err);
/* segment_next(r, ret, ret_table, ret_size, err): 1, 0 at the end, CORRUPT. */
int segment_next(struct segment_reader *r, struct pool_ref *ret, const uint8_t **ret_table,
	size_t *ret_size, struct sherd_error *err);

#endif
