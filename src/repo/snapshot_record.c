/* SPDX-License-Identifier: MIT */
/*
 * snapshot_record.c - a snapshot as a catalog's fact has it, to bytes and back (docs/format.md,
 * 9.4). What stands behind the tags (extensions) is checked for its form and passed over.
 */
#include <repo/tree.h>

#include <assert.h>
#include <string.h>

#include <base/err.h>
#include <base/intmath.h>
#include <repo/content.h>

#define SNAPSHOT_FORMAT 1

/* --- writing --- */

static void write_text(struct bytes *out, const struct snapshot_text *t)
{
	assert(t->size <= UINT16_MAX);
	bytes_u16(out, (uint16_t)t->size);
	bytes_add(out, t->text, t->size);
}

static void write_texts(struct bytes *out, const struct snapshot_text *texts, size_t count)
{
	assert(count <= UINT16_MAX);
	bytes_u16(out, (uint16_t)count);
	for (size_t i = 0; i < count; i++)
		write_text(out, &texts[i]);
}

void snapshot_write(const struct snapshot_record *s, struct bytes *out)
{
	const uint64_t numbers[] = {s->begun_ns, s->ended_ns, s->files, s->folders, s->others,
		s->bytes, s->bytes_new, s->bytes_packed, s->bytes_stored};

	assert(content_right(s->root, s->root_size, false, 0));
	bytes_u16(out, SNAPSHOT_FORMAT);
	bytes_u16(out, s->flags);
	bytes_add(out, s->root, s->root_size);
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
		bytes_u64(out, numbers[i]);
	bytes_add(out, s->parent, sizeof(s->parent));
	write_text(out, &s->host);
	write_text(out, &s->user);
	write_text(out, &s->name);
	write_text(out, &s->version);
	write_texts(out, s->paths, s->path_count);
	write_texts(out, s->tags, s->tag_count);
	bytes_u16(out, 0); /* extensions */
}

/* --- reading --- */

bool snapshot_text_next(struct cursor *c, struct snapshot_text *ret)
{
	ret->size = cursor_u16(c);
	ret->text = (const char *)cursor_take(c, ret->size);
	return !c->failed && !memchr(ret->text, '\0', ret->size);
}

static bool read_texts(
	struct cursor *c, const uint8_t **ret_raw, size_t *ret_size, size_t *ret_count)
{
	struct snapshot_text text;

	*ret_count = cursor_u16(c);
	*ret_raw = c->next;
	for (size_t i = 0; i < *ret_count; i++)
		if (!snapshot_text_next(c, &text))
			return false;
	*ret_size = (size_t)(c->next - *ret_raw);
	return !c->failed;
}

static void read_numbers(struct cursor *c, struct snapshot_record *s)
{
	uint64_t *const numbers[] = {&s->begun_ns, &s->ended_ns, &s->files, &s->folders, &s->others,
		&s->bytes, &s->bytes_new, &s->bytes_packed, &s->bytes_stored};

	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
		*numbers[i] = cursor_u64(c);
}

static bool read_extensions(struct cursor *c)
{
	for (unsigned count = cursor_u16(c); count > 0 && !c->failed; count--) {
		cursor_u16(c);
		cursor_take(c, cursor_u32(c));
	}
	return cursor_done(c);
}

static bool read_behind_root(struct cursor *c, struct snapshot_record *s)
{
	read_numbers(c, s);
	cursor_copy(c, s->parent, sizeof(s->parent));
	return snapshot_text_next(c, &s->host) && snapshot_text_next(c, &s->user) &&
	       snapshot_text_next(c, &s->name) && snapshot_text_next(c, &s->version) &&
	       read_texts(c, &s->paths_raw, &s->paths_raw_size, &s->path_count) &&
	       read_texts(c, &s->tags_raw, &s->tags_raw_size, &s->tag_count) && read_extensions(c);
}

int snapshot_read(
	const uint8_t *data, size_t size, struct snapshot_record *ret, struct sherd_error *err)
{
	struct cursor c = cursor_of(data, size);
	struct snapshot_record s = {0};
	uint16_t format = cursor_u16(&c);

	s.flags = cursor_u16(&c);
	if (!c.failed && format > SNAPSHOT_FORMAT)
		return err_set(err, SHERD_NEWER, "snapshot: format %u is not known here",
			(unsigned)format);
	s.root = c.next;
	s.root_size = content_size(c.next, cursor_left(&c));
	cursor_take(&c, s.root_size);
	if (c.failed || format != SNAPSHOT_FORMAT ||
		!content_right(s.root, s.root_size, false, 0) || !read_behind_root(&c, &s))
		return err_set(err, SHERD_CORRUPT, "snapshot: it is not what it must be");
	*ret = s;
	return 0;
}
