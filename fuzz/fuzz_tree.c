/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tree.c - any bytes as a part of a folder: refused with a message, or entries that hold to
 * every rule and are written again as the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include <repo/content.h>
#include <repo/tree_entry.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void use_xattrs(const struct tree_entry *e)
{
	struct tree_xattr x;
	struct cursor c;
	uint16_t count;

	if (!e->xattrs)
		return;
	must(tree_xattr_open(e->xattrs, e->xattrs_size, &c, &count));
	for (; count > 0; count--)
		must(tree_xattr_next(&c, &x) && x.name_size > 0);
	must(cursor_done(&c));
}

static void use_entry(const struct tree_entry *e)
{
	struct bytes again = BYTES_INIT;
	size_t name_size;

	must(tree_name_allowed(e->name, e->name_size));
	must(tree_raw_name(e->raw, &name_size) == e->name && name_size == e->name_size);
	if (e->content)
		must(content_size(e->content, e->content_size) == e->content_size);
	use_xattrs(e);
	tree_entry_write(e, &again);
	must(again.failed ||
		(again.size == e->raw_size && memcmp(again.data, e->raw, e->raw_size) == 0));
	bytes_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct tree_part p;
	struct tree_entry e;
	struct sherd_error err = {0};
	int r = tree_part_open(&p, bytes, size, &err);

	if (r == 0)
		while ((r = tree_part_next(&p, &e, &err)) == 1)
			use_entry(&e);
	must(r == 0 ||
		((r == SHERD_CORRUPT || r == SHERD_NEWER) && err.code == r && err.message[0]));
	return 0;
}
