/* SPDX-License-Identifier: MIT */
/* table.c - tables and footers. Lengths are added up in 64 bits and compared, so that no sum of
 * them can leave the payload. */
#include "table.h"

#include <assert.h>

#include <base/err.h>
#include <crypt/aead.h>
#include <pool/ref.h>

static_assert(FOOTER_PLAIN_SIZE + AEAD_OVERHEAD == FOOTER_SIZE, "the footer of the format");

static bool has_blobs(uint8_t type)
{
	return type == BLOB_DATA || type == BLOB_TREE || type == BLOB_LIST;
}

void table_write_group(struct bytes *out, const struct table_group *g)
{
	assert(has_blobs(g->type) || !g->blobs);
	bytes_u8(out, g->type);
	bytes_u8(out, g->codec);
	bytes_u16(out, 0);
	bytes_u32(out, g->sealed);
	bytes_u32(out, g->plain);
	bytes_u32(out, g->blobs);
}

void table_write_blob(struct bytes *out, const struct hash *id, uint32_t length)
{
	bytes_add(out, id->bytes, sizeof(id->bytes));
	bytes_u32(out, length);
}

/* One group; false if the bytes end. */
static bool read_group(struct cursor *c, struct table_group *g, uint16_t *ret_reserved)
{
	*g = (struct table_group){0};
	g->type = cursor_u8(c);
	g->codec = cursor_u8(c);
	*ret_reserved = cursor_u16(c);
	g->sealed = cursor_u32(c);
	g->plain = cursor_u32(c);
	g->blobs = cursor_u32(c);
	if (c->failed || g->blobs > cursor_left(c) / TABLE_BLOB_SIZE)
		return false;
	g->entries = cursor_take(c, (size_t)g->blobs * TABLE_BLOB_SIZE);
	return true;
}

/* The rules for one group, but for its place. NULL: it keeps them. */
static const char *group_fault(const struct table_group *g)
{
	uint64_t lengths = 0;

	if (!has_blobs(g->type) && g->type != BLOB_INDEX && g->type != BLOB_CATALOG &&
		g->type != GROUP_PADDING)
		return "a group of unknown type";
	if (g->sealed < AEAD_OVERHEAD || g->codec > 1)
		return "a group that cannot be";
	if (g->codec == 0 && g->plain != g->sealed - AEAD_OVERHEAD)
		return "a group whose lengths disagree";
	if (g->type == GROUP_PADDING ? g->codec != 0 : g->plain > GROUP_SIZE_MAX)
		return "a group that is too large";
	if (!has_blobs(g->type))
		return g->blobs ? "blobs in a group that has none" : NULL;
	for (uint32_t i = 0; i < g->blobs; i++) {
		struct hash id;
		uint32_t length = table_blob(g, i, &id);

		if (!length || length > BLOB_SIZE_MAX)
			return "a blob of a length that cannot be";
		lengths += length;
	}
	return lengths != g->plain ? "blobs that do not fill their group" : NULL;
}

int table_check(const uint8_t *data, size_t size, struct table_count *ret, struct sherd_error *err)
{
	struct cursor c = cursor_of(data, size);
	uint64_t end = 0, blobs = 0, groups = 0;
	bool padded = false;

	while (cursor_left(&c)) {
		struct table_group g;
		uint16_t reserved;
		const char *fault;

		if (!read_group(&c, &g, &reserved))
			return err_set(err, SHERD_CORRUPT, "a pack's table is cut short");
		fault = reserved ? "a reserved field that is set" : group_fault(&g);
		if (!fault && padded)
			fault = "a group behind the padding";
		padded = g.type == GROUP_PADDING;
		end += g.sealed;
		blobs += g.blobs;
		groups++;
		if (!fault && end > UINT32_MAX)
			fault = "groups that are larger than any pack";
		if (fault)
			return err_set(err, SHERD_CORRUPT, "a pack's table has %s", fault);
	}
	if (c.failed || size > TABLE_SIZE_MAX)
		return err_set(err, SHERD_CORRUPT, "a pack's table is too large");
	*ret = (struct table_count){(uint32_t)groups, (uint32_t)blobs, (uint32_t)end};
	return 0;
}

struct table_reader table_reader(const uint8_t *data, size_t size)
{
	return (struct table_reader){.cursor = cursor_of(data, size)};
}

bool table_next(struct table_reader *r, struct table_group *ret)
{
	uint16_t reserved;

	if (!cursor_left(&r->cursor) || !read_group(&r->cursor, ret, &reserved))
		return false;
	ret->number = r->number++;
	ret->offset = r->offset;
	r->offset += ret->sealed;
	return true;
}

uint32_t table_blob(const struct table_group *g, uint32_t index, struct hash *ret_id)
{
	struct cursor c;

	assert(index < g->blobs);
	c = cursor_of(g->entries + (size_t)index * TABLE_BLOB_SIZE, TABLE_BLOB_SIZE);
	cursor_copy(&c, ret_id->bytes, sizeof(ret_id->bytes));
	return cursor_u32(&c);
}

static void put_u32(uint8_t *out, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> 8 * i);
}

void footer_write(const struct footer *f, uint8_t out[FOOTER_PLAIN_SIZE])
{
	memset(out, 0, FOOTER_PLAIN_SIZE);
	put_u32(out, f->table_offset);
	put_u32(out + 4, f->table_sealed);
	put_u32(out + 8, f->table_plain);
	out[12] = f->table_codec;
	put_u32(out + 16, f->groups);
}

int footer_read(const uint8_t data[FOOTER_PLAIN_SIZE], uint64_t payload, struct footer *ret,
	struct sherd_error *err)
{
	struct cursor c = cursor_of(data, FOOTER_PLAIN_SIZE);
	struct footer f = {0};
	uint8_t reserved = 0;

	f.table_offset = cursor_u32(&c);
	f.table_sealed = cursor_u32(&c);
	f.table_plain = cursor_u32(&c);
	f.table_codec = cursor_u8(&c);
	for (unsigned i = 0; i < 3; i++)
		reserved |= cursor_u8(&c);
	f.groups = cursor_u32(&c);
	for (unsigned i = 0; i < 16; i++)
		reserved |= cursor_u8(&c);
	if (reserved || !cursor_done(&c) || f.table_codec > 1 || f.table_sealed < AEAD_OVERHEAD ||
		(uint64_t)f.table_offset + f.table_sealed + FOOTER_SIZE != payload ||
		f.table_plain > TABLE_SIZE_MAX ||
		(f.table_codec == 0 && f.table_plain != f.table_sealed - AEAD_OVERHEAD))
		return err_set(err, SHERD_CORRUPT, "a pack's footer makes no sense");
	*ret = f;
	return 0;
}
