/* SPDX-License-Identifier: MIT */
/*
 * run.c - running a plan over blocks: which columns, which outputs, which sources come when.
 *
 * Three loop orders, each the fastest where it is used (docs/decisions/005-kernels.md):
 *  - one pass: all sources, all outputs, the columns from left to right; for stripes in the cache.
 *    Where the sources are more than the processor's own prefetchers follow and more than the
 *    second-level cache holds, the next columns are fetched by hand;
 *  - tiles: more outputs than one pass takes. The columns are cut so that all sources of a tile
 *    stay in the second-level cache while one group of outputs after the other reads them;
 *  - blocks of sources, for `stream` with many sources: a pass over k sources reads k streams from
 *    memory at once. So a run of columns is computed from a few sources at a time; sums are parked
 *    in a scratch that stays in the first-level cache, and the next sources are fetched meanwhile.
 */
#include <assert.h>
#include <string.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/workers.h>
#include <fec/plan.h>

#define CACHE_LINE 64
#define TILE_BYTES (256 * 1024) /* of sources, in a tile read by several groups of outputs */
#define TILE_MIN 512            /* columns: below that, starting a pass costs more than a miss */
#define BLOCK_SOURCES 6         /* sources of a block ... */
#define BLOCK_OUTPUTS 8         /* ... and most outputs of one */
#define BLOCK_K_MIN 9           /* sources worth blocks when they come from memory */
#define RUN_BYTES 4096          /* columns of a run: a page of each source */
#define MANY_K_MIN 33           /* sources that the processor does not follow by itself ... */
#define MANY_BYTES (1 << 20)    /* ... when they are more than this together: ... */
#define SPLIT_WORK (1 << 17)    /* products of 64 bytes that make a thread's start worth while */
#define CHECK_BYTES 16384       /* columns recomputed at a time by sherd_fec_check() */

/* A plan at work on some blocks. */
struct run {
	const struct sherd_fec_plan *plan;
	const uint8_t *const *known;
	uint8_t *const *wanted;
	bool many;   /* sources: fetch the next columns of each by hand */
	bool blocks; /* a few sources at a time */
	bool bypass; /* store around the cache */
};

/* Where outputs [first, first + count) go. */
static void output_targets(const struct run *r, size_t first, size_t count, uint8_t **ret_targets)
{
	for (size_t o = 0; o < count; o++)
		ret_targets[o] = r->wanted[r->plan->outputs[first + o]];
}

/* Outputs [first, first + count) of columns [from, from + size), in one pass over all sources. */
static void one_pass(const struct run *r, size_t first, size_t count, size_t from, size_t size)
{
	uint8_t *target[FEC_OUTPUTS_MAX];

	output_targets(r, first, count, target);
	r->plan->kernel->dot(&(struct fec_dot){
		.table = r->plan->table + fec_plan_table_offset(r->plan, first),
		.source = r->known,
		.source_at = from,
		.target = target,
		.target_at = from,
		.size = size,
		.sources = r->plan->k,
		.outputs = count,
		.many = r->many,
		.bypass = r->bypass,
	});
}

static void tiles(const struct run *r, size_t from, size_t size)
{
	const struct sherd_fec_plan *plan = r->plan;
	size_t tile = size;

	if (plan->output_count > plan->group) {
		tile = TILE_BYTES / plan->k / CACHE_LINE * CACHE_LINE;
		tile = INT_MAX_OF(tile, (size_t)TILE_MIN);
	}
	for (size_t at = 0; at < size; at += tile) {
		size_t part = INT_MIN_OF(tile, size - at);

		for (size_t first = 0; first < plan->output_count; first += plan->group)
			one_pass(r, first, INT_MIN_OF(plan->group, plan->output_count - first),
				from + at, part);
	}
}

/*
 * One run of columns of one group of outputs, a few sources at a time. With ${next_run} not 0, the
 * first sources of the columns from there on are fetched while the last ones are computed.
 */
static void one_run(const struct run *r, size_t first, size_t from, size_t size, size_t next_run,
	uint8_t *const *sums)
{
	const struct sherd_fec_plan *plan = r->plan;
	size_t count = INT_MIN_OF(plan->group, plan->output_count - first);
	const uint8_t *table = plan->table + fec_plan_table_offset(plan, first);
	uint8_t *target[FEC_OUTPUTS_MAX];

	output_targets(r, first, count, target);
	for (size_t s = 0; s < plan->k; s += BLOCK_SOURCES) {
		size_t sources = INT_MIN_OF((size_t)BLOCK_SOURCES, plan->k - s);
		bool last = s + sources == plan->k;
		/* as many sources from the next ones on: they overlap these near the end */
		size_t ahead = last ? 0 : INT_MIN_OF(s + sources, plan->k - sources);

		plan->kernel->dot(&(struct fec_dot){
			.table = table + s * count * plan->kernel->slot_size,
			.source = r->known + s,
			.source_at = from,
			.ahead = last && !next_run ? NULL : r->known + ahead,
			.ahead_at = last ? next_run : from,
			.start = s ? (const uint8_t *const *)sums : NULL,
			.target = last ? target : sums,
			.target_at = last ? from : 0,
			.size = size,
			.sources = sources,
			.outputs = count,
			.bypass = last && r->bypass,
		});
	}
}

static void runs(const struct run *r, size_t from, size_t size)
{
	_Alignas(CACHE_LINE) uint8_t scratch[BLOCK_OUTPUTS][RUN_BYTES];
	const struct sherd_fec_plan *plan = r->plan;
	uint8_t *sums[BLOCK_OUTPUTS];

	for (size_t o = 0; o < BLOCK_OUTPUTS; o++)
		sums[o] = scratch[o];
	for (size_t at = 0; at < size; at += RUN_BYTES) {
		size_t part = INT_MIN_OF((size_t)RUN_BYTES, size - at);

		for (size_t first = 0; first < plan->output_count; first += plan->group) {
			bool more = at + part < size && first + plan->group >= plan->output_count;

			one_run(r, first, from + at, part, more ? from + at + part : 0, sums);
		}
	}
}

/* Columns [from, from + size) of all outputs, by one thread. */
static void columns(const struct run *r, size_t from, size_t size)
{
	if (r->blocks)
		runs(r, from, size);
	else
		tiles(r, from, size);
	if (r->bypass && r->plan->kernel->fence)
		r->plan->kernel->fence();
}

/* The part of the columns that one thread computes. */
struct split {
	const struct run *run;
	size_t from, size, part;
};

static void split_job(void *context, size_t index, unsigned worker)
{
	const struct split *s = context;
	size_t at = index * s->part;

	(void)worker;
	if (at < s->size)
		columns(s->run, s->from + at, INT_MIN_OF(s->part, s->size - at));
}

static void split_columns(const struct run *r, size_t from, size_t size, struct sherd_workers *w)
{
	size_t work = size / CACHE_LINE * r->plan->k * r->plan->output_count;
	size_t threads = INT_MIN_OF((size_t)sherd_workers_count(w), work / SPLIT_WORK);

	if (threads < 2) {
		columns(r, from, size);
		return;
	}
	size_t part = int_div_up(int_div_up(size, threads), RUN_BYTES) * RUN_BYTES;
	struct split s = {.run = r, .from = from, .size = size, .part = part};
	workers_run(w, split_job, &s, int_div_up(size, part));
}

/*
 * Bytes until all outputs are at a multiple of a cache line; more than a line if they never are at
 * the same time, so that no store may bypass the cache.
 */
static size_t misalignment(const struct sherd_fec_plan *plan, uint8_t *const *wanted)
{
	size_t head = -(uintptr_t)wanted[plan->outputs[0]] % CACHE_LINE;

	for (size_t o = 1; o < plan->output_count; o++)
		if (-(uintptr_t)wanted[plan->outputs[o]] % CACHE_LINE != head)
			return CACHE_LINE + 1;
	return head;
}

void fec_run(const struct sherd_fec_plan *plan, const uint8_t *const *known, uint8_t *const *wanted,
	size_t size, const struct sherd_fec_options *options)
{
	struct run r = {.plan = plan, .known = known, .wanted = wanted};
	size_t head = 0;

	if (!size)
		return;
	for (size_t i = 0; i < plan->copy_count; i++)
		memcpy(wanted[plan->copies[i].wanted], known[plan->copies[i].known], size);
	if (!plan->output_count)
		return;
	r.many = plan->kernel->fetches && plan->k >= MANY_K_MIN &&
		 plan->output_count <= plan->group && size > MANY_BYTES / plan->k;
	if (options && options->stream) {
		size_t skew = misalignment(plan, wanted);

		r.blocks = plan->kernel->fetches && plan->k >= BLOCK_K_MIN &&
			   plan->group <= BLOCK_OUTPUTS;
		if (skew < CACHE_LINE && skew < size) {
			if (skew)
				columns(&r, 0, skew);
			head = skew;
			r.bypass = true;
		}
	}
	split_columns(&r, head, size - head, options ? options->workers : NULL);
}

/* Does any of the ${count} blocks ${others} overlap the block at ${block}? */
static bool overlaps(const uint8_t *block, const uint8_t *const *others, size_t count, size_t size)
{
	bool any = false;

	/* without a branch, so that the compiler compares several at a time */
	for (size_t i = 0; i < count; i++)
		any |= (uintptr_t)block - (uintptr_t)others[i] + (size - 1) < 2 * size - 1;
	return any;
}

static int check_blocks(
	const uint8_t *const *blocks, size_t count, const char *what, struct sherd_error *err)
{
	if (count && !blocks)
		return err_set(err, SHERD_INVALID, "no list of %s blocks", what);
	for (size_t i = 0; i < count; i++)
		if (!blocks[i])
			return err_set(err, SHERD_INVALID, "%s block %zu is NULL", what, i);
	return 0;
}

static int check_lists(const uint8_t *const *known, size_t k, const uint8_t *const *others,
	size_t count, size_t size, struct sherd_error *err)
{
	int r;

	if (size > PTRDIFF_MAX)
		return err_set(err, SHERD_INVALID, "a block of %zu bytes cannot be", size);
	r = check_blocks(known, k, "known", err);
	return r ? r : check_blocks(others, count, "wanted", err);
}

int fec_check_blocks(const uint8_t *const *known, size_t k, const uint8_t *const *wanted,
	size_t wanted_count, size_t size, struct sherd_error *err)
{
	int r = check_lists(known, k, wanted, wanted_count, size, err);

	if (r)
		return r;
	for (size_t w = 0; w < wanted_count; w++) {
		if (overlaps(wanted[w], known, k, size) ||
			overlaps(wanted[w], wanted + w + 1, wanted_count - w - 1, size))
			return err_set(
				err, SHERD_INVALID, "wanted block %zu overlaps another block", w);
	}
	return 0;
}

int sherd_fec_run(const struct sherd_fec_plan *plan, const uint8_t *const *known,
	uint8_t *const *wanted, size_t size, const struct sherd_fec_options *options,
	struct sherd_error *err)
{
	int r;

	if (!plan)
		return err_set(err, SHERD_INVALID, "no plan");
	if (!size)
		return 0;
	r = fec_check_blocks(
		known, plan->k, (const uint8_t *const *)wanted, plan->wanted_count, size, err);
	if (r)
		return r;
	fec_run(plan, known, wanted, size, options);
	return 0;
}

int sherd_fec_check(const struct sherd_fec_plan *plan, const uint8_t *const *known,
	const uint8_t *const *held, size_t size, uint8_t *ret_differs, struct sherd_error *err)
{
	bool any = false;
	int r;

	if (!plan)
		return err_set(err, SHERD_INVALID, "no plan");
	r = size ? check_lists(known, plan->k, held, plan->wanted_count, size, err) : 0;
	if (r)
		return r;
	const size_t n = plan->wanted_count, stride = CHECK_BYTES + CACHE_LINE;
	CLEANUP(mem_free_at) uint8_t *scratch = mem_aligned(CACHE_LINE, n * stride + CACHE_LINE);
	CLEANUP(mem_free_at) uint8_t **wanted = mem_array(n, sizeof(*wanted));
	CLEANUP(mem_free_at) const uint8_t **part = mem_array(plan->k, sizeof(*part));
	CLEANUP(mem_free_at) uint8_t *differs = mem_array(n, 1);
	if (!scratch || !wanted || !part || !differs)
		return err_nomem(err);
	for (size_t w = 0; w < n; w++)
		wanted[w] = scratch + w * stride;
	for (size_t at = 0; at < size; at += CHECK_BYTES) {
		size_t count = INT_MIN_OF((size_t)CHECK_BYTES, size - at);

		for (size_t j = 0; j < plan->k; j++)
			part[j] = known[j] + at;
		fec_run(plan, part, wanted, count, NULL);
		for (size_t w = 0; w < n; w++)
			differs[w] |= memcmp(wanted[w], held[w] + at, count) != 0;
	}
	for (size_t w = 0; w < n; w++)
		any |= differs[w];
	if (ret_differs)
		memcpy(ret_differs, differs, n);
	return any ? err_set(err, SHERD_MISMATCH, "the shares do not agree") : 0;
}
