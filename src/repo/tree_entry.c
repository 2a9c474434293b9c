/* SPDX-License-Identifier: MIT */
/*
 * tree_entry.c - one entry of a folder, to bytes and back (docs/format.md, 11.2).
 *
 * Reading refuses whatever a writer would not have written, so that those who use an entry need not
 * ask again: each type has the fields that it must have and none that it must not, names can be
 * made in a folder, nanoseconds are below a second, and a file's content adds up to its length.
 * Fields behind the known ones are kept as they are, with their tags: a newer version's entry is
 * written again as it was. The two directions check each other: what the reader refuses, the writer
 * asserts.
 */
#include "tree_entry.h"

#include <assert.h>

#include <base/err.h>
#include <repo/content.h>

#define NS_MAX 999999999u
#define MODE_MAX 07777
#define FIXED_SIZE 60 /* of an entry, with its size field, before its name */
#define FIELD_HEAD 6  /* tag and length */
#define XATTR_NAME_MAX 255

enum tag {
	TAG_CONTENT = 1,
	TAG_TARGET,
	TAG_DEVICE,
	TAG_XATTRS,
	TAG_OWNER,
	TAG_GROUP,
	TAG_LINK,
	TAG_BIRTH, /* the last one known */
};

bool tree_name_allowed(const char *name, size_t size)
{
	if (size == 0 || size > TREE_NAME_MAX)
		return false;
	if (memchr(name, '/', size) || memchr(name, '\0', size))
		return false;
	return !(name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.')));
}

int tree_name_compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t least = a_size < b_size ? a_size : b_size;
	int order = memcmp(a, b, least);

	if (order)
		return order;
	return (a_size > b_size) - (a_size < b_size);
}

/* --- extended attributes --- */

void tree_xattr_begin(struct bytes *out)
{
	bytes_clear(out);
	bytes_u16(out, 0);
}

void tree_xattr_add(struct bytes *out, const char *name, const void *value, size_t size)
{
	size_t name_size = strlen(name);
	unsigned count;

	assert(name_size >= 1 && name_size <= XATTR_NAME_MAX && size <= TREE_XATTRS_MAX);
	bytes_u16(out, (uint16_t)name_size);
	bytes_u32(out, (uint32_t)size);
	bytes_add(out, name, name_size);
	bytes_add(out, value, size);
	if (out->failed)
		return;
	count = out->data[0] + out->data[1] * 256u + 1;
	assert(count <= UINT16_MAX);
	out->data[0] = (uint8_t)count;
	out->data[1] = (uint8_t)(count >> 8);
}

bool tree_xattr_open(const uint8_t *data, size_t size, struct cursor *c, uint16_t *ret_count)
{
	*c = cursor_of(data, size);
	*ret_count = cursor_u16(c);
	return !c->failed;
}

bool tree_xattr_next(struct cursor *c, struct tree_xattr *ret)
{
	uint32_t value_size;

	ret->name_size = cursor_u16(c);
	value_size = cursor_u32(c);
	ret->name = (const char *)cursor_take(c, ret->name_size);
	ret->value = cursor_take(c, value_size);
	ret->value_size = value_size;
	return !c->failed;
}

static bool xattrs_right(const uint8_t *data, size_t size)
{
	struct tree_xattr last = {.name = ""}, x;
	struct cursor c;
	uint16_t count;

	if (size > TREE_XATTRS_MAX || !tree_xattr_open(data, size, &c, &count) || count == 0)
		return false;
	for (; count > 0; count--) {
		if (!tree_xattr_next(&c, &x) || x.name_size == 0 || x.name_size > XATTR_NAME_MAX)
			return false;
		if (memchr(x.name, '\0', x.name_size) ||
			tree_name_compare(last.name, last.name_size, x.name, x.name_size) >= 0)
			return false;
		last = x;
	}
	return cursor_done(&c);
}

/* --- what an entry must be, whoever made it: NULL, or what is wrong --- */

static const char *type_fault(const struct tree_entry *e)
{
	bool device = e->type == TREE_CHARACTER || e->type == TREE_BLOCK;
	bool holds = e->type == TREE_FILE || e->type == TREE_FOLDER;

	if (e->type < TREE_FILE || e->type > TREE_BLOCK)
		return "unknown type";
	if (holds != (e->content != NULL))
		return holds ? "no content" : "a content without a file";
	if ((e->type == TREE_SYMLINK) != (e->target != NULL))
		return e->target ? "a target without a link" : "a link without a target";
	if (!device && (e->device_major || e->device_minor))
		return "a device number without a device";
	if (e->type != TREE_FILE && e->length)
		return "a length without a file";
	return NULL;
}

static const char *field_fault(const struct tree_entry *e)
{
	if (e->target && (e->target_size == 0 || e->target_size > TREE_TARGET_MAX ||
				 memchr(e->target, '\0', e->target_size)))
		return "bad target";
	if (e->owner && (e->owner_size == 0 || e->owner_size > TREE_OWNER_MAX ||
				memchr(e->owner, '\0', e->owner_size)))
		return "bad owner";
	if (e->group && (e->group_size == 0 || e->group_size > TREE_OWNER_MAX ||
				memchr(e->group, '\0', e->group_size)))
		return "bad group";
	if (e->xattrs && !xattrs_right(e->xattrs, e->xattrs_size))
		return "bad extended attributes";
	if (e->has_link && e->links < 2)
		return "a hard link of one name";
	if (e->content &&
		!content_right(e->content, e->content_size, e->type == TREE_FILE, e->length))
		return "bad content";
	return NULL;
}

static const char *entry_fault(const struct tree_entry *e)
{
	const char *fault;

	if (!tree_name_allowed(e->name, e->name_size))
		return "bad name";
	if (e->mode > MODE_MAX)
		return "bad mode";
	if (e->mtime_ns > NS_MAX || e->ctime_ns > NS_MAX || e->btime_ns > NS_MAX)
		return "bad time";
	fault = type_fault(e);
	return fault ? fault : field_fault(e);
}

/* --- writing --- */

static void write_field(
	struct bytes *out, uint16_t *count, enum tag tag, const void *data, size_t size)
{
	assert(size <= TREE_ENTRY_MAX);
	if (!data)
		return;
	bytes_u16(out, (uint16_t)tag);
	bytes_u32(out, (uint32_t)size);
	bytes_add(out, data, size);
	++*count;
}

static void write_numbers_field(struct bytes *out, uint16_t *count, enum tag tag, uint32_t size)
{
	bytes_u16(out, (uint16_t)tag);
	bytes_u32(out, size);
	++*count;
}

static void write_fields(const struct tree_entry *e, struct bytes *out, uint16_t *count)
{
	write_field(out, count, TAG_CONTENT, e->content, e->content_size);
	write_field(out, count, TAG_TARGET, e->target, e->target_size);
	if (e->type == TREE_CHARACTER || e->type == TREE_BLOCK) {
		write_numbers_field(out, count, TAG_DEVICE, 8);
		bytes_u32(out, e->device_major);
		bytes_u32(out, e->device_minor);
	}
	write_field(out, count, TAG_XATTRS, e->xattrs, e->xattrs_size);
	write_field(out, count, TAG_OWNER, e->owner, e->owner_size);
	write_field(out, count, TAG_GROUP, e->group, e->group_size);
	if (e->has_link) {
		write_numbers_field(out, count, TAG_LINK, 16);
		bytes_u64(out, e->link_device);
		bytes_u64(out, e->link_inode);
	}
	if (e->has_btime) {
		write_numbers_field(out, count, TAG_BIRTH, 12);
		bytes_u64(out, (uint64_t)e->btime_s);
		bytes_u32(out, e->btime_ns);
	}
}

/* How many fields there are in bytes that were read as such before. */
static uint16_t count_unknown(const struct tree_entry *e)
{
	struct cursor c = cursor_of(e->unknown, e->unknown_size);
	uint16_t count = 0;

	while (cursor_left(&c) > 0) {
		cursor_u16(&c);
		cursor_take(&c, cursor_u32(&c));
		assert(!c.failed);
		count++;
	}
	return count;
}

void tree_entry_write(const struct tree_entry *e, struct bytes *out)
{
	size_t start = out->size;
	uint16_t count = 0;
	size_t count_at;

	assert(entry_fault(e) == NULL);
	bytes_u32(out, 0);
	bytes_u8(out, e->type);
	bytes_u8(out, e->flags);
	bytes_u16(out, e->mode);
	bytes_u32(out, e->uid);
	bytes_u32(out, e->gid);
	bytes_u32(out, e->links);
	bytes_u64(out, (uint64_t)e->mtime_s);
	bytes_u32(out, e->mtime_ns);
	bytes_u64(out, (uint64_t)e->ctime_s);
	bytes_u32(out, e->ctime_ns);
	bytes_u64(out, e->length);
	bytes_u64(out, e->inode);
	bytes_u16(out, (uint16_t)e->name_size);
	count_at = out->size;
	bytes_u16(out, 0);
	bytes_add(out, e->name, e->name_size);
	write_fields(e, out, &count);
	if (e->unknown) {
		bytes_add(out, e->unknown, e->unknown_size);
		count = (uint16_t)(count + count_unknown(e));
	}
	if (out->failed)
		return;
	static_assert(
		FIXED_SIZE == 4 + 4 + 12 + 24 + 16, "sum of the fields above, docs/format.md");
	assert(count_at + 2 == start + FIXED_SIZE + 4 && out->size - start <= UINT32_MAX);
	bytes_set_u32(out, start, (uint32_t)(out->size - start - 4));
	out->data[count_at] = (uint8_t)count;
	out->data[count_at + 1] = (uint8_t)(count >> 8);
}

const char *tree_raw_name(const uint8_t *raw, size_t *ret_size)
{
	static_assert(TREE_RAW_NAME_AT == FIXED_SIZE + 4, "two u16 stand between");
	*ret_size = raw[FIXED_SIZE] + raw[FIXED_SIZE + 1] * 256u;
	return (const char *)raw + TREE_RAW_NAME_AT;
}

/* --- reading --- */

static void read_birth(struct tree_entry *e, struct cursor *value)
{
	e->has_btime = true;
	e->btime_s = (int64_t)cursor_u64(value);
	e->btime_ns = cursor_u32(value);
}

static void read_link(struct tree_entry *e, struct cursor *value)
{
	e->has_link = true;
	e->link_device = cursor_u64(value);
	e->link_inode = cursor_u64(value);
}

static void read_text(const char **text, size_t *text_size, struct cursor *value)
{
	*text_size = cursor_left(value);
	*text = (const char *)cursor_take(value, *text_size);
}

static void read_bytes(const uint8_t **bytes, size_t *size, struct cursor *value)
{
	*size = cursor_left(value);
	*bytes = cursor_take(value, *size);
}

/* One known field, all of whose bytes must be used. */
static bool read_field(struct tree_entry *e, uint16_t tag, struct cursor value, bool *device)
{
	switch ((enum tag)tag) {
	case TAG_CONTENT:
		read_bytes(&e->content, &e->content_size, &value);
		break;
	case TAG_TARGET:
		read_text(&e->target, &e->target_size, &value);
		break;
	case TAG_DEVICE:
		*device = true;
		e->device_major = cursor_u32(&value);
		e->device_minor = cursor_u32(&value);
		break;
	case TAG_XATTRS:
		read_bytes(&e->xattrs, &e->xattrs_size, &value);
		break;
	case TAG_OWNER:
		read_text(&e->owner, &e->owner_size, &value);
		break;
	case TAG_GROUP:
		read_text(&e->group, &e->group_size, &value);
		break;
	case TAG_LINK:
		read_link(e, &value);
		break;
	case TAG_BIRTH:
		read_birth(e, &value);
		break;
	}
	return cursor_done(&value);
}

static const char *read_fields(struct tree_entry *e, struct cursor *c, uint16_t count)
{
	uint32_t last = 0;
	bool device = false;

	for (; count > 0; count--) {
		const uint8_t *start = c->next;
		uint16_t tag = cursor_u16(c);
		uint32_t size = cursor_u32(c);
		const uint8_t *value = cursor_take(c, size);

		if (c->failed)
			return "a field is cut short";
		if (tag <= last)
			return "tags that do not ascend";
		last = tag;
		if (tag <= TAG_BIRTH) {
			if (!read_field(e, tag, cursor_of(value, size), &device))
				return "a field of another size";
		} else {
			if (!e->unknown)
				e->unknown = start;
			e->unknown_size = (size_t)(c->next - e->unknown);
		}
	}
	if (device != (e->type == TREE_CHARACTER || e->type == TREE_BLOCK))
		return device ? "a device number without a device" : "no device number";
	return NULL;
}

static const char *read_entry(struct cursor *c, struct tree_entry *e)
{
	uint16_t fields;
	const char *fault;

	e->type = cursor_u8(c);
	e->flags = cursor_u8(c);
	e->mode = cursor_u16(c);
	e->uid = cursor_u32(c);
	e->gid = cursor_u32(c);
	e->links = cursor_u32(c);
	e->mtime_s = (int64_t)cursor_u64(c);
	e->mtime_ns = cursor_u32(c);
	e->ctime_s = (int64_t)cursor_u64(c);
	e->ctime_ns = cursor_u32(c);
	e->length = cursor_u64(c);
	e->inode = cursor_u64(c);
	e->name_size = cursor_u16(c);
	fields = cursor_u16(c);
	e->name = (const char *)cursor_take(c, e->name_size);
	if (c->failed)
		return "cut short";
	fault = read_fields(e, c, fields);
	if (fault)
		return fault;
	return cursor_done(c) ? entry_fault(e) : "bytes behind the last field";
}

int tree_entry_read(struct cursor *c, struct tree_entry *ret, struct sherd_error *err)
{
	struct tree_entry e = {.raw = c->next};
	uint32_t size = cursor_u32(c);
	const uint8_t *data = cursor_take(c, size);
	struct cursor inner;
	const char *fault;

	if (!data || size > TREE_ENTRY_MAX)
		return err_set(err, SHERD_CORRUPT, "entry of a folder: its size does not fit");
	e.raw_size = (size_t)size + 4;
	inner = cursor_of(data, size);
	fault = read_entry(&inner, &e);
	if (fault)
		return err_set(err, SHERD_CORRUPT, "entry of a folder: %s", fault);
	*ret = e;
	return 0;
}
