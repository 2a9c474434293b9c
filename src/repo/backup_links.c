/* SPDX-License-Identifier: MIT */
/*
 * backup_links.c - files of several names are read once. A table of bounded size remembers what was
 * read; when it is full it starts anew, and some are read again, to the same result.
 */
#include "backup.h"

#include <string.h>

#include <base/alloc.h>

#define SLOTS (2 * LINKS_MAX)

static void forget_all(struct links *l)
{
	for (size_t i = 0; l->slots && i < SLOTS; i++) {
		mem_free(l->slots[i].content);
		l->slots[i] = (struct link){0};
	}
	l->count = 0;
}

void backup_links_release(struct links *l)
{
	forget_all(l);
	mem_free(l->slots);
	*l = (struct links){0};
}

/* The slot of a file, or the empty one that it would get. */
static struct link *slot_of(const struct links *l, uint64_t device, uint64_t inode)
{
	size_t at = (inode * UINT64_C(0x9e3779b97f4a7c15) + device) >> 32 & (SLOTS - 1);

	while (l->slots[at].inode && (l->slots[at].inode != inode || l->slots[at].device != device))
		at = (at + 1) & (SLOTS - 1);
	return &l->slots[at];
}

struct link *backup_links_find(const struct links *l, const struct source_stat *st)
{
	struct link *link;

	if (!l->slots || !st->inode)
		return NULL;
	link = slot_of(l, st->device, st->inode);
	if (!link->inode || link->length != st->length || link->ctime_s != st->ctime_s ||
		link->ctime_ns != st->ctime_ns)
		return NULL;
	return link;
}

int backup_links_add(struct backup *b, const struct source_stat *st, const uint8_t *content,
	size_t size, struct link **ret, struct sherd_error *err)
{
	struct links *l = &b->links;
	struct link *link;
	uint8_t *copy;

	*ret = NULL;
	if (l->count == LINKS_MAX) {
		int r = backup_batch_flush(b, err); /* its fixes point into the table */

		if (r)
			return r;
		forget_all(l);
	}
	if (!l->slots)
		l->slots = mem_array(SLOTS, sizeof(*l->slots));
	copy = mem_array(size, 1);
	if (!l->slots || !copy || !st->inode) {
		mem_free(copy);
		return 0;
	}
	memcpy(copy, content, size);
	link = slot_of(l, st->device, st->inode);
	l->count += link->inode == 0;
	if (link->inode && link->batch == b->batch.number) {
		mem_free(copy); /* an id is about to be written there */
		return 0;
	}
	mem_free(link->content);
	*link = (struct link){.device = st->device,
		.inode = st->inode,
		.length = st->length,
		.ctime_s = st->ctime_s,
		.ctime_ns = st->ctime_ns,
		.content = copy,
		.content_size = size};
	*ret = link;
	return 0;
}
