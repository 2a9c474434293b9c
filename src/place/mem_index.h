/* SPDX-License-Identifier: MIT */
/*
 * mem_index.h - the objects of a store in memory, in the order of their names. Single-threaded.
 * Finding costs O(log n), putting in and taking out O(log n) comparisons and the move of at most a
 * few KiB and, once in some hundred times, of n/256 pointers.
 */
#ifndef PLACE_MEM_INDEX_H
#define PLACE_MEM_INDEX_H

#include <stdbool.h>
#include <stddef.h>

struct mem_block;

/* Anything that begins with its name. */
struct mem_item {
	const char *name;
};

struct mem_index {
	struct mem_block **blocks; /* ascending, none empty; owned */
	size_t count, room;        /* blocks in use, allocated */
	size_t items;              /* in all blocks */
};

/* Where an item stands, or would stand. */
struct mem_spot {
	size_t block, item;
};

/* mem_index_release(x): frees the index, not the items. */
void mem_index_release(struct mem_index *x);

/* mem_index_find(x, name, ret_spot): whether it is there; the spot of the first item >= name. */
bool mem_index_find(const struct mem_index *x, const char *name, struct mem_spot *ret_spot);

/* mem_index_at(x, spot): the item there, NULL behind the last one. */
struct mem_item *mem_index_at(const struct mem_index *x, struct mem_spot spot);

/* mem_index_next(x, spot): the spot behind; pre: an item is at ${spot}. */
struct mem_spot mem_index_next(const struct mem_index *x, struct mem_spot spot);

/* mem_index_add(x, item): pre: its name is not there. 0, or -1 without memory, nothing changed. */
int mem_index_add(struct mem_index *x, struct mem_item *item);

/* mem_index_set(x, spot, item): put another item of the same name there; returns the old one. */
struct mem_item *mem_index_set(struct mem_index *x, struct mem_spot spot, struct mem_item *item);

/* mem_index_remove(x, spot): take out the item at ${spot}, and return it. Needs no memory. */
struct mem_item *mem_index_remove(struct mem_index *x, struct mem_spot spot);

#endif
