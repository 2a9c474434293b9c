/* SPDX-License-Identifier: MIT */
/*
 * heads.c - a table of 64 entries, of which the one that was not used for longest gives way. A head
 * is what the pack's id makes it, wherever it was read; so no place is remembered with it.
 */
#include "heads.h"

#include <pthread.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

#define HEADS_MAX 64

struct entry {
	struct hash id;
	unsigned share;
	size_t count;
	struct hash *leaves; /* NULL: free */
	uint64_t used;
};

struct packs_heads {
	pthread_mutex_t lock; /* guards what follows; held across no call */
	uint64_t clock;
	struct entry entries[HEADS_MAX];
};

int packs_init(struct packs *packs, struct sherd_error *err)
{
	struct packs_heads *h = mem_array(1, sizeof(*h));

	if (!h)
		return err_nomem(err);
	pthread_mutex_init(&h->lock, NULL);
	packs->heads = h;
	return 0;
}

void packs_release(struct packs *packs)
{
	struct packs_heads *h = packs->heads;

	packs->heads = NULL;
	if (!h)
		return;
	for (size_t i = 0; i < HEADS_MAX; i++)
		mem_free(h->entries[i].leaves);
	pthread_mutex_destroy(&h->lock);
	mem_free(h);
}

/* With the lock. */
static struct entry *find(struct packs_heads *h, const struct hash *id, unsigned share)
{
	for (size_t i = 0; i < HEADS_MAX; i++) {
		struct entry *e = &h->entries[i];

		if (e->leaves && e->share == share && memcmp(&e->id, id, sizeof(*id)) == 0)
			return e;
	}
	return NULL;
}

bool heads_find(struct packs_heads *h, const struct hash *id, unsigned share, size_t first,
	size_t count, struct hash *ret_leaves)
{
	struct entry *e;
	bool found;

	if (!h)
		return false;
	pthread_mutex_lock(&h->lock);
	e = find(h, id, share);
	found = e && first + count <= e->count;
	if (found) {
		memcpy(ret_leaves, e->leaves + first, count * sizeof(*ret_leaves));
		e->used = ++h->clock;
	}
	pthread_mutex_unlock(&h->lock);
	return found;
}

static struct entry *oldest(struct packs_heads *h)
{
	struct entry *best = &h->entries[0];

	for (size_t i = 1; i < HEADS_MAX; i++)
		if (h->entries[i].used < best->used)
			best = &h->entries[i];
	return best;
}

void heads_add(struct packs_heads *h, const struct hash *id, unsigned share,
	const struct hash *leaves, size_t count)
{
	struct hash *copy = h ? mem_array(count, sizeof(*copy)) : NULL;
	struct entry *e;

	if (!copy)
		return;
	memcpy(copy, leaves, count * sizeof(*copy));
	pthread_mutex_lock(&h->lock);
	if (!find(h, id, share)) {
		struct hash *dropped;

		e = oldest(h);
		dropped = e->leaves;
		*e = (struct entry){*id, share, count, copy, ++h->clock};
		copy = dropped;
	}
	pthread_mutex_unlock(&h->lock);
	mem_free(copy);
}
