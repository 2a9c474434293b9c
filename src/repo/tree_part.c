/* SPDX-License-Identifier: MIT */
/* tree_part.c - a part of a folder, read entry by entry (docs/format.md, 11.2). */
#include <repo/tree.h>

#include <base/err.h>
#include <repo/tree_entry.h>

#define PART_FORMAT 1

int tree_part_open(struct tree_part *p, const uint8_t *data, size_t size, struct sherd_error *err)
{
	uint16_t format, reserved;

	*p = (struct tree_part){.cursor = cursor_of(data, size)};
	format = cursor_u16(&p->cursor);
	reserved = cursor_u16(&p->cursor);
	p->left = cursor_u32(&p->cursor);
	if (!p->cursor.failed && format > PART_FORMAT)
		return err_set(err, SHERD_NEWER, "part of a folder: format %u is not known here",
			(unsigned)format);
	if (p->cursor.failed || format != PART_FORMAT || reserved)
		return err_set(err, SHERD_CORRUPT, "part of a folder: bad head");
	return 0;
}

int tree_part_next(struct tree_part *p, struct tree_entry *ret, struct sherd_error *err)
{
	struct tree_entry e;
	int r;

	if (p->left == 0) {
		if (!cursor_done(&p->cursor))
			return err_set(
				err, SHERD_CORRUPT, "part of a folder: bytes behind its end");
		return 0;
	}
	r = tree_entry_read(&p->cursor, &e, err);
	if (r)
		return r;
	if (p->last_name && tree_name_compare(p->last_name, p->last_size, e.name, e.name_size) >= 0)
		return err_set(err, SHERD_CORRUPT, "part of a folder: names do not ascend");
	p->last_name = e.name;
	p->last_size = e.name_size;
	p->left--;
	*ret = e;
	return 1;
}
