/* SPDX-License-Identifier: MIT */
/*
 * packs_read.c - a range of the payload is at most three pieces, by the columns that they need: the
 * end of one data share, some whole data shares, the beginning of another. All are asked for at
 * once (columns.c).
 */
#include <pool/packs.h>

#include <assert.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include "columns.h"

#define PIECES_MAX 3

struct pieces {
	struct columns *piece[PIECES_MAX]; /* owned */
	size_t count;
};

static void pieces_release(struct pieces *p)
{
	for (size_t i = 0; i < p->count; i++) {
		columns_release(p->piece[i]);
		mem_free(p->piece[i]);
	}
}

/* One more piece: bytes [from, end) of data shares [first, first + count), which go to ${out}. */
static int add_piece(struct pieces *p, const struct columns *like, unsigned first, unsigned count,
	uint32_t from, uint32_t end, uint8_t *out, struct sherd_error *err)
{
	struct columns *c = mem_array(1, sizeof(*c));

	assert(p->count < PIECES_MAX && from < end);
	if (!c)
		return err_nomem(err);
	p->piece[p->count++] = c;
	c->packs = like->packs;
	c->ref = like->ref;
	c->watch = like->watch;
	c->first_leaf = from / HASH_LEAF_SIZE;
	c->leaf_count = (size_t)int_div_up(end, HASH_LEAF_SIZE) - c->first_leaf;
	c->from = from % HASH_LEAF_SIZE;
	c->size = end - from;
	for (unsigned i = 0; i < count; i++) {
		c->wanted |= UINT64_C(1) << (first + i);
		c->to[first + i] = out + (size_t)i * c->size;
	}
	return 0;
}

/* Cut [at, at + size) where data shares begin. */
static int cut(struct pieces *p, const struct columns *like, uint64_t at, size_t size, uint8_t *out,
	struct sherd_error *err)
{
	uint32_t share_size = like->ref->share_size;
	int r = 0;

	while (!r && size > 0) {
		unsigned first = (unsigned)(at / share_size);
		uint32_t from = (uint32_t)(at % share_size);
		unsigned whole = from ? 0 : (unsigned)(size / share_size);
		uint32_t end = whole ? share_size
				     : (uint32_t)INT_MIN_OF((uint64_t)share_size, from + size);
		size_t taken = (size_t)(end - from) * INT_MAX_OF(whole, 1U);

		r = add_piece(p, like, first, INT_MAX_OF(whole, 1U), from, end, out, err);
		at += taken;
		out += taken;
		size -= taken;
	}
	return r;
}

int packs_read(const struct packs *packs, const struct pool_ref *ref, uint64_t at, size_t size,
	uint8_t *out, const struct packs_watch *watch, struct sherd_error *err)
{
	struct columns *like;
	CLEANUP(pieces_release) struct pieces p = {.count = 0};
	int r;

	if (at > ref_payload(ref) || size > ref_payload(ref) - at)
		return err_set(err, SHERD_INVALID, "a range that is not in the pack");
	if (!size)
		return 0;
	like = mem_array(1, sizeof(*like));
	if (!like)
		return err_nomem(err);
	like->packs = packs;
	like->ref = ref;
	like->watch = watch;
	r = cut(&p, like, at, size, out, err);
	mem_free(like);
	return r ? r : columns_run(p.piece, p.count, err);
}

int packs_read_all(const struct packs *packs, const struct pool_ref *ref, uint8_t *out,
	const struct packs_watch *watch, struct sherd_error *err)
{
	return packs_read(packs, ref, 0, (size_t)ref_payload(ref), out, watch, err);
}
