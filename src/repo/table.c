/* SPDX-License-Identifier: MIT */
/* table.c - the list of what is in a pack, and the footer that says where it is
 * (docs/format.md, 5.4, 5.5). */
#include <repo/group.h>

#include <string.h>

#include <base/err.h>

void table_add_group(struct bytes *t, const struct group_place *g, uint32_t blobs)
{
	bytes_u8(t, g->type);
	bytes_u8(t, g->codec);
	bytes_u16(t, 0);
	bytes_u32(t, g->sealed);
	bytes_u32(t, g->plain);
	bytes_u32(t, blobs);
}

void table_add_blob(struct bytes *t, const struct hash *id, uint32_t size)
{
	bytes_add(t, id->bytes, sizeof(id->bytes));
	bytes_u32(t, size);
}

static int broken(struct sherd_error *err, const char *what)
{
	return err_set(err, SHERD_CORRUPT, "a pack's table is wrong: %s", what);
}

void table_open(struct table_reader *r, const uint8_t *data, size_t size, uint64_t payload)
{
	*r = (struct table_reader){.cursor = cursor_of(data, size), .limit = payload};
}

static bool has_blobs(uint8_t type)
{
	return type == BLOB_DATA || type == BLOB_TREE || type == BLOB_LIST;
}

static bool known_type(uint8_t type)
{
	return has_blobs(type) || type == BLOB_INDEX || type == BLOB_CATALOG ||
	       type == GROUP_PADDING;
}

int table_next_group(struct table_reader *r, struct group_place *ret, uint32_t *ret_blobs,
	struct sherd_error *err)
{
	if (r->blobs_left || r->plain_left)
		return broken(err, "blobs do not fill their group");
	if (!r->cursor.failed && !cursor_left(&r->cursor))
		return 0;
	ret->type = cursor_u8(&r->cursor);
	ret->codec = cursor_u8(&r->cursor);
	if (cursor_u16(&r->cursor))
		return broken(err, "a reserved field");
	ret->sealed = cursor_u32(&r->cursor);
	ret->plain = cursor_u32(&r->cursor);
	*ret_blobs = cursor_u32(&r->cursor);
	ret->number = r->number++;
	ret->offset = (uint32_t)r->offset;
	if (r->cursor.failed)
		return broken(err, "it is cut short");
	if (!known_type(ret->type) || ret->codec > GROUP_ZSTD || ret->sealed < AEAD_OVERHEAD ||
		ret->plain > group_plain_max(ret->type) ||
		(ret->codec == GROUP_PLAIN && ret->plain != ret->sealed - AEAD_OVERHEAD) ||
		ret->sealed > r->limit - r->offset)
		return broken(err, "a group");
	if (has_blobs(ret->type) ? !*ret_blobs : *ret_blobs)
		return broken(err, "a number of blobs");
	if (*ret_blobs > cursor_left(&r->cursor) / TABLE_BLOB_SIZE)
		return broken(err, "it is cut short");
	r->offset += ret->sealed;
	r->blobs_left = *ret_blobs;
	r->plain_left = *ret_blobs ? ret->plain : 0;
	return 1;
}

int table_next_blob(
	struct table_reader *r, struct hash *ret_id, uint32_t *ret_size, struct sherd_error *err)
{
	if (!r->blobs_left)
		return 0;
	cursor_copy(&r->cursor, ret_id->bytes, sizeof(ret_id->bytes));
	*ret_size = cursor_u32(&r->cursor);
	if (r->cursor.failed || !*ret_size || *ret_size > BLOB_SIZE_MAX ||
		*ret_size > r->plain_left)
		return broken(err, "a blob");
	r->blobs_left--;
	r->plain_left -= *ret_size;
	return 1;
}

static struct group_place footer_place(void)
{
	return (struct group_place){.number = GROUP_NUMBER_FOOTER,
		.sealed = FOOTER_SIZE,
		.plain = FOOTER_PLAIN_SIZE,
		.type = GROUP_FOOTER};
}

static void put_u32(uint8_t *to, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

int footer_write(const struct group_keys *k, const struct group_place *table, uint32_t groups,
	uint8_t *footer, struct sherd_error *err)
{
	struct group_place place = footer_place();
	uint8_t *plain = footer + AEAD_NONCE_SIZE;

	memset(plain, 0, FOOTER_PLAIN_SIZE);
	put_u32(plain, table->offset);
	put_u32(plain + 4, table->sealed);
	put_u32(plain + 8, table->plain);
	plain[12] = table->codec;
	put_u32(plain + 16, groups);
	return group_seal(k, &place, NULL, footer, err);
}

int footer_read(const struct group_keys *k, const uint8_t *footer, uint64_t payload,
	struct group_place *ret_table, uint32_t *ret_groups, struct sherd_error *err)
{
	struct group_place place = footer_place();
	uint8_t plain[FOOTER_PLAIN_SIZE];
	struct cursor c = cursor_of(plain, sizeof(plain));
	static const uint8_t zeros[16];
	bool reserved;
	int code = group_open(k, &place, footer, plain, NULL, err);

	if (code)
		return code;
	*ret_table = (struct group_place){.number = GROUP_NUMBER_TABLE, .type = GROUP_TABLE};
	ret_table->offset = cursor_u32(&c);
	ret_table->sealed = cursor_u32(&c);
	ret_table->plain = cursor_u32(&c);
	ret_table->codec = cursor_u8(&c);
	reserved = memcmp(cursor_take(&c, 3), zeros, 3) == 0;
	*ret_groups = cursor_u32(&c);
	reserved = reserved && memcmp(cursor_take(&c, 16), zeros, 16) == 0;
	if (!reserved || ret_table->codec > GROUP_ZSTD || ret_table->sealed < AEAD_OVERHEAD ||
		ret_table->plain > group_plain_max(GROUP_TABLE) ||
		(uint64_t)ret_table->offset + ret_table->sealed + FOOTER_SIZE != payload)
		return err_set(err, SHERD_CORRUPT, "a pack's footer is wrong");
	return 0;
}
