/* SPDX-License-Identifier: MIT */
/*
 * mem_index.c - two levels: an array of blocks, each an array of at most BLOCK_ITEMS pointers. A
 * full block is halved. Blocks that run low are not joined, only empty ones are dropped: a store in
 * memory is for tests and simulations, and its order must not depend on anything but its contents.
 */
#include <place/mem_index.h>

#include <assert.h>
#include <string.h>

#include <base/alloc.h>

#define BLOCK_ITEMS 512
#define BLOCKS_FIRST 8

struct mem_block {
	size_t count;
	struct mem_item *items[BLOCK_ITEMS];
};

void mem_index_release(struct mem_index *x)
{
	for (size_t i = 0; i < x->count; i++)
		mem_free(x->blocks[i]);
	mem_free(x->blocks);
	*x = (struct mem_index){0};
}

/* The first block whose last name is >= name; x->count if there is none. */
static size_t find_block(const struct mem_index *x, const char *name)
{
	size_t low = 0, high = x->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct mem_block *b = x->blocks[middle];

		if (strcmp(b->items[b->count - 1]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t find_item(const struct mem_block *b, const char *name)
{
	size_t low = 0, high = b->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(b->items[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool mem_index_find(const struct mem_index *x, const char *name, struct mem_spot *ret_spot)
{
	struct mem_spot spot = {find_block(x, name), 0};

	if (spot.block < x->count)
		spot.item = find_item(x->blocks[spot.block], name);
	*ret_spot = spot;
	return spot.block < x->count &&
	       strcmp(x->blocks[spot.block]->items[spot.item]->name, name) == 0;
}

struct mem_item *mem_index_at(const struct mem_index *x, struct mem_spot spot)
{
	return spot.block < x->count ? x->blocks[spot.block]->items[spot.item] : NULL;
}

struct mem_spot mem_index_next(const struct mem_index *x, struct mem_spot spot)
{
	assert(spot.block < x->count && spot.item < x->blocks[spot.block]->count);
	if (++spot.item == x->blocks[spot.block]->count)
		spot = (struct mem_spot){spot.block + 1, 0};
	return spot;
}

static int reserve_block(struct mem_index *x)
{
	size_t room = x->room ? x->room * 2 : BLOCKS_FIRST;
	struct mem_block **blocks;

	if (x->count < x->room)
		return 0;
	blocks = mem_array(room, sizeof(struct mem_block *));
	if (!blocks)
		return -1;
	if (x->count)
		memcpy(blocks, x->blocks, x->count * sizeof(struct mem_block *));
	mem_free(x->blocks);
	x->blocks = blocks;
	x->room = room;
	return 0;
}

/* A new block at ${at} with the upper half of the one before it, if there is one. */
static int insert_block(struct mem_index *x, size_t at)
{
	struct mem_block *b;

	if (reserve_block(x) != 0)
		return -1;
	b = mem_array(1, sizeof(*b));
	if (!b)
		return -1;
	memmove(x->blocks + at + 1, x->blocks + at, (x->count - at) * sizeof(struct mem_block *));
	x->blocks[at] = b;
	x->count++;
	if (at) {
		struct mem_block *lower = x->blocks[at - 1];

		b->count = lower->count / 2;
		lower->count -= b->count;
		memcpy(b->items, lower->items + lower->count, b->count * sizeof(struct mem_item *));
	}
	return 0;
}

int mem_index_add(struct mem_index *x, struct mem_item *item)
{
	size_t at = find_block(x, item->name);
	struct mem_block *b;

	if (at == x->count && x->count)
		at--; /* behind all names: into the last block */
	if (!x->count || x->blocks[at]->count == BLOCK_ITEMS) {
		if (insert_block(x, x->count ? at + 1 : 0) != 0)
			return -1;
		b = x->blocks[at];
		if (b->count && strcmp(b->items[b->count - 1]->name, item->name) < 0)
			at++;
	}
	b = x->blocks[at];
	at = find_item(b, item->name);
	memmove(b->items + at + 1, b->items + at, (b->count - at) * sizeof(struct mem_item *));
	b->items[at] = item;
	b->count++;
	x->items++;
	return 0;
}

struct mem_item *mem_index_set(struct mem_index *x, struct mem_spot spot, struct mem_item *item)
{
	struct mem_item **at = &x->blocks[spot.block]->items[spot.item];
	struct mem_item *old = *at;

	assert(strcmp(old->name, item->name) == 0);
	*at = item;
	return old;
}

struct mem_item *mem_index_remove(struct mem_index *x, struct mem_spot spot)
{
	struct mem_block *b = x->blocks[spot.block];
	struct mem_item *item = b->items[spot.item];

	b->count--;
	memmove(b->items + spot.item, b->items + spot.item + 1,
		(b->count - spot.item) * sizeof(struct mem_item *));
	if (!b->count) {
		mem_free(b);
		x->count--;
		memmove(x->blocks + spot.block, x->blocks + spot.block + 1,
			(x->count - spot.block) * sizeof(struct mem_block *));
	}
	x->items--;
	return item;
}
