/* SPDX-License-Identifier: MIT */
/*
 * packs_code.c - check shares and leaf hashes in one pass over memory: a tile is some leaves of all
 * m shares at the same columns, at most 4 MiB. Its check leaves are computed and then all its
 * leaves hashed, while they are still in a cache, as one batch: engines that hash many buffers at
 * once want whole rounds of 16. (Smaller tiles, that fit the second-level cache, were slower for
 * that reason.) Tiles are independent, so workers take one after the other.
 */
#include "packbuf.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/workers.h>
#include <sherd/fec.h>

#define TILE_ITEMS 128 /* leaves of one tile at most, of all shares: 4 MiB */
#define LANES 16       /* leaves that an engine hashes at one time: whole rounds are fastest */
_Static_assert(TILE_ITEMS >= POOL_SHARES_MAX, "a tile has at least one leaf of each share");

DEFINE_CLEANUP(struct sherd_fec, sherd_fec_free)
DEFINE_CLEANUP(struct sherd_fec_plan, sherd_fec_plan_free)

struct coding {
	struct pack_buffer *buffer;
	const struct sherd_cancel *cancel;
	const struct sherd_fec_plan *plan; /* NULL: no check shares */
	unsigned k, m;
	size_t leaf_count;   /* of a share */
	size_t tile_leaves;  /* of each share in one tile */
	struct hash *leaves; /* share i's from i * leaf_count on */
	atomic_int failed;
};

static void code_tile(struct coding *c, size_t first, size_t count)
{
	const uint8_t *known[POOL_SHARES_MAX];
	uint8_t *wanted[POOL_SHARES_MAX];
	size_t at = first * HASH_LEAF_SIZE;
	int r;

	if (!c->plan)
		return;
	for (unsigned i = 0; i < c->k; i++)
		known[i] = packbuf_body(c->buffer, i) + at;
	for (unsigned i = c->k; i < c->m; i++)
		wanted[i - c->k] = packbuf_body(c->buffer, i) + at;
	r = sherd_fec_run(c->plan, known, wanted, count * HASH_LEAF_SIZE, NULL, NULL);
	if (r)
		atomic_store(&c->failed, r);
}

static void hash_tile(struct coding *c, size_t first, size_t count)
{
	struct hash_item items[TILE_ITEMS];
	struct hash scratch[TILE_ITEMS];
	size_t n = 0;

	for (unsigned i = 0; i < c->m; i++)
		for (size_t leaf = first; leaf < first + count; leaf++)
			items[n++] = (struct hash_item){
				.data = packbuf_body(c->buffer, i) + leaf * HASH_LEAF_SIZE,
				.size = HASH_LEAF_SIZE,
			};
	hash_trees(items, n, scratch);
	for (size_t j = 0; j < n; j++) /* the root of one leaf is that leaf */
		c->leaves[j / count * c->leaf_count + first + j % count] = items[j].root;
}

static void tile_job(void *context, size_t index, unsigned worker)
{
	struct coding *c = context;
	size_t first = index * c->tile_leaves;
	size_t count = INT_MIN_OF(c->tile_leaves, c->leaf_count - first);

	(void)worker;
	if (sherd_cancel_requested(c->cancel) || atomic_load(&c->failed))
		return;
	code_tile(c, first, count);
	hash_tile(c, first, count);
}

static size_t tile_leaves(unsigned m, size_t leaf_count)
{
	size_t fit = TILE_ITEMS / m;

	if (fit > LANES)
		fit -= fit % LANES;
	return INT_MIN_OF(fit, leaf_count);
}

static int run_tiles(struct coding *c, struct sherd_workers *workers, struct sherd_error *err)
{
	size_t tiles = (size_t)int_div_up(c->leaf_count, c->tile_leaves);
	int r;

	workers_run(workers, tile_job, c, tiles);
	if (sherd_cancel_requested(c->cancel))
		return err_set(err, SHERD_CANCELLED, "coding a pack was cancelled");
	r = atomic_load(&c->failed);
	return r ? err_set(err, r, "cannot code a pack: %s", sherd_code_text(r)) : 0;
}

/* The tree root of each share's leaves, which must be kept. */
static int make_roots(const struct coding *c, struct hash *roots, struct sherd_error *err)
{
	CLEANUP(mem_free_at) struct hash *scratch = mem_array(c->leaf_count, sizeof(*scratch));

	if (!scratch)
		return err_nomem(err);
	for (unsigned i = 0; i < c->m; i++) {
		memcpy(scratch, c->leaves + i * c->leaf_count, c->leaf_count * sizeof(*scratch));
		hash_root(scratch, c->leaf_count, &roots[i]);
	}
	return 0;
}

static void fill_ref(const struct share_manifest *manifest, struct pool_ref *ref)
{
	*ref = (struct pool_ref){
		.epoch = manifest->epoch,
		.share_size = manifest->share_size,
		.k = manifest->k,
		.m = manifest->m,
	};
	share_manifest_id(manifest, &ref->id);
	memcpy(ref->nonce, manifest->nonce, POOL_NONCE_SIZE);
}

static int make_plan(
	struct sherd_fec *code, struct sherd_fec_plan **ret_plan, struct sherd_error *err)
{
	*ret_plan = NULL;
	if (sherd_fec_k(code) == sherd_fec_m(code))
		return 0;
	return sherd_fec_plan_encode(code, ret_plan, err);
}

int packs_code(const struct packs *packs, struct pack_buffer *buffer,
	struct share_manifest *manifest, struct pool_ref *ret_ref, struct sherd_error *err)
{
	CLEANUP(sherd_fec_free_at) struct sherd_fec *code = NULL;
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	CLEANUP(mem_free_at) struct hash *leaves = NULL;
	struct coding c = {.buffer = buffer, .cancel = packs->cancel};
	int r;

	c.k = packbuf_k(buffer);
	c.m = packbuf_m(buffer);
	c.leaf_count = packbuf_share_size(buffer) / HASH_LEAF_SIZE;
	c.tile_leaves = tile_leaves(c.m, c.leaf_count);
	assert(manifest->k == c.k && manifest->m == c.m);
	assert(manifest->share_size == packbuf_share_size(buffer));
	r = sherd_fec_new(c.k, c.m, NULL, &code, err);
	if (!r)
		r = make_plan(code, &plan, err);
	if (r)
		return r;
	leaves = mem_array(c.m * c.leaf_count, sizeof(*leaves));
	if (!leaves)
		return err_nomem(err);
	c.plan = plan;
	c.leaves = leaves;
	r = run_tiles(&c, packs->workers, err);
	if (!r)
		r = make_roots(&c, manifest->roots, err);
	if (r)
		return r;
	for (unsigned i = 0; i < c.m; i++)
		share_head_write(manifest, i, leaves + i * c.leaf_count, packbuf_head(buffer, i));
	fill_ref(manifest, ret_ref);
	return 0;
}
