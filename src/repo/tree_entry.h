/* SPDX-License-Identifier: MIT */
/* tree_entry.h - one entry by itself, for those who read parts; and names (docs/format.md, 11.2).
 * Threads: any. */
#ifndef REPO_TREE_ENTRY_H
#define REPO_TREE_ENTRY_H

#include <repo/tree.h>

/* tree_entry_read(c, ret, err): the next entry; every rule that concerns it alone holds. Errors:
 * CORRUPT. */
int tree_entry_read(struct cursor *c, struct tree_entry *ret, struct sherd_error *err);

/* Of an encoded entry, its size field included: its name; and where its content begins, if it is a
 * file or folder. */
#define TREE_RAW_NAME_AT 64
const char *tree_raw_name(const uint8_t *raw, size_t *ret_size);
static inline size_t tree_raw_content_at(size_t name_size)
{
	return TREE_RAW_NAME_AT + name_size + 6;
}

/* tree_name_allowed(name, size): 1..TREE_NAME_MAX bytes, no '/', no zero, neither "." nor "..". */
bool tree_name_allowed(const char *name, size_t size);

/* tree_name_compare(): the order of entries: below, equal to or above 0, by bytes. */
int tree_name_compare(const char *a, size_t a_size, const char *b, size_t b_size);

#endif
