/* SPDX-License-Identifier: MIT */
/* segment.c - see segment.h. Counts are believed as far as the bytes behind them go. */
#include <repo/segment.h>

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

enum { format = 1, group_size = 24, flag_self = 1 };

void head_content_release(struct head_content *h)
{
	for (uint32_t i = 0; i < h->stream_count; i++)
		mem_free(h->streams[i].groups);
	mem_free(h->streams);
	mem_free(h->packs);
	*h = (struct head_content){0};
}

/* Make room for one more of ${count} elements of ${size} bytes. */
static bool room_for(void **array, uint32_t count, uint32_t *room, size_t size)
{
	uint32_t more = *room ? *room * 2 : 16;
	void *grown;

	if (count < *room)
		return true;
	grown = mem_array(more, size);
	if (!grown)
		return false;
	if (count)
		memcpy(grown, *array, count * size);
	mem_free(*array);
	*array = grown;
	*room = more;
	return true;
}

uint32_t head_content_find(const struct head_content *h, const struct hash *id)
{
	for (uint32_t i = 0; i < h->pack_count; i++)
		if (hash_equal(&h->packs[i].ref.id, id))
			return i;
	return UINT32_MAX;
}

int head_content_pack(struct head_content *h, const struct pool_ref *ref, bool self,
	uint32_t *ret_index, struct sherd_error *err)
{
	uint32_t at = head_content_find(h, &ref->id);

	if (at == UINT32_MAX) {
		if (!room_for((void **)&h->packs, h->pack_count, &h->pack_room, sizeof(*h->packs)))
			return err_nomem(err);
		at = h->pack_count++;
		h->packs[at] = (struct head_pack){.ref = *ref};
	}
	h->packs[at].self = h->packs[at].self || self;
	if (ret_index)
		*ret_index = at;
	return 0;
}

int head_content_stream(
	struct head_content *h, uint8_t type, struct head_stream **ret, struct sherd_error *err)
{
	if (!room_for((void **)&h->streams, h->stream_count, &h->stream_room, sizeof(*h->streams)))
		return err_nomem(err);
	*ret = &h->streams[h->stream_count++];
	**ret = (struct head_stream){.type = type};
	return 0;
}

int head_stream_group(struct head_stream *s, uint32_t pack, const struct group_place *place,
	struct sherd_error *err)
{
	/* Groups come by the dozen: grown by one each time they are a power of two. */
	if (!(s->count & (s->count - 1))) {
		struct head_group *more =
			mem_array(s->count ? (size_t)s->count * 2 : 1, sizeof(*more));

		if (!more)
			return err_nomem(err);
		if (s->count)
			memcpy(more, s->groups, s->count * sizeof(*more));
		mem_free(s->groups);
		s->groups = more;
	}
	s->groups[s->count++] = (struct head_group){pack, *place};
	return 0;
}

void head_content_write(const struct head_content *h, struct bytes *out)
{
	bytes_u16(out, format);
	bytes_u16(out, 0);
	bytes_u32(out, h->pack_count);
	for (uint32_t i = 0; i < h->pack_count; i++) {
		ref_write(&h->packs[i].ref, out);
		bytes_u32(out, h->packs[i].self ? flag_self : 0);
	}
	bytes_u32(out, h->stream_count);
	for (uint32_t i = 0; i < h->stream_count; i++) {
		const struct head_stream *s = &h->streams[i];

		bytes_u32(out, s->type);
		bytes_u32(out, s->count);
		for (uint32_t g = 0; g < s->count; g++) {
			bytes_u32(out, s->groups[g].pack);
			bytes_u32(out, s->groups[g].place.number);
			bytes_u32(out, s->groups[g].place.offset);
			bytes_u32(out, s->groups[g].place.sealed);
			bytes_u32(out, s->groups[g].place.plain);
			bytes_u32(out, s->groups[g].place.codec);
		}
	}
}

static int broken(struct sherd_error *err)
{
	return err_set(err, SHERD_CORRUPT, "the content of a head is wrong");
}

static int read_packs(struct cursor *c, struct head_content *h, struct sherd_error *err)
{
	uint32_t count = cursor_u32(c);

	while (count--) {
		struct pool_ref ref;
		uint32_t flags;

		if (!ref_read(c, &ref))
			return broken(err);
		flags = cursor_u32(c);
		if (c->failed || flags > flag_self)
			return broken(err);
		if (!room_for((void **)&h->packs, h->pack_count, &h->pack_room, sizeof(*h->packs)))
			return err_nomem(err);
		h->packs[h->pack_count++] = (struct head_pack){ref, flags & flag_self};
	}
	return 0;
}

static int read_stream(struct cursor *c, struct head_content *h, struct sherd_error *err)
{
	uint32_t type = cursor_u32(c), count = cursor_u32(c);
	struct head_stream *s;
	int code;

	if (c->failed || (type != BLOB_INDEX && type != BLOB_CATALOG) ||
		count > cursor_left(c) / group_size)
		return broken(err);
	code = head_content_stream(h, (uint8_t)type, &s, err);
	while (!code && count--) {
		struct group_place place = {.type = (uint8_t)type};
		uint32_t pack = cursor_u32(c), codec;

		place.number = cursor_u32(c);
		place.offset = cursor_u32(c);
		place.sealed = cursor_u32(c);
		place.plain = cursor_u32(c);
		codec = cursor_u32(c);
		place.codec = (uint8_t)codec;
		if (pack >= h->pack_count || codec > GROUP_ZSTD || place.sealed < AEAD_OVERHEAD ||
			place.plain > GROUP_SIZE_MAX ||
			(uint64_t)place.offset + place.sealed > ref_payload(&h->packs[pack].ref))
			return broken(err);
		code = head_stream_group(s, pack, &place, err);
	}
	return code;
}

int head_content_read(
	const uint8_t *data, size_t size, struct head_content *ret, struct sherd_error *err)
{
	struct cursor c = cursor_of(data, size);
	uint16_t version = cursor_u16(&c);
	uint32_t streams;
	int code;

	*ret = (struct head_content){0};
	if (!c.failed && version != format)
		return err_set(err, SHERD_NEWER, "a head was made by a newer version of sherd");
	if (cursor_u16(&c) || c.failed)
		return broken(err);
	code = read_packs(&c, ret, err);
	streams = code ? 0 : cursor_u32(&c);
	while (!code && streams--)
		code = c.failed ? broken(err) : read_stream(&c, ret, err);
	if (!code && !cursor_done(&c))
		code = broken(err);
	if (code)
		head_content_release(ret);
	return code;
}

void segment_begin(struct bytes *out, uint32_t packs)
{
	bytes_u16(out, format);
	bytes_u16(out, 0);
	bytes_u32(out, packs);
}

void segment_pack(struct bytes *out, const struct pool_ref *ref, const void *table, size_t size)
{
	ref_write(ref, out);
	bytes_u32(out, (uint32_t)size);
	bytes_add(out, table, size);
}

static int broken_segment(struct sherd_error *err)
{
	return err_set(err, SHERD_CORRUPT, "an index stream is wrong");
}

int segment_open(
	struct segment_reader *r, const uint8_t *data, size_t size, struct sherd_error *err)
{
	uint16_t version, reserved;

	r->cursor = cursor_of(data, size);
	version = cursor_u16(&r->cursor);
	reserved = cursor_u16(&r->cursor);
	r->left = cursor_u32(&r->cursor);
	if (!r->cursor.failed && version != format)
		return err_set(
			err, SHERD_NEWER, "an index stream was made by a newer version of sherd");
	return r->cursor.failed || reserved ? broken_segment(err) : 0;
}

int segment_next(struct segment_reader *r, struct pool_ref *ret, const uint8_t **ret_table,
	size_t *ret_size, struct sherd_error *err)
{
	if (!r->left)
		return cursor_done(&r->cursor) ? 0 : broken_segment(err);
	r->left--;
	if (!ref_read(&r->cursor, ret))
		return broken_segment(err);
	*ret_size = cursor_u32(&r->cursor);
	*ret_table = cursor_take(&r->cursor, *ret_size);
	return *ret_table ? 1 : broken_segment(err);
}
