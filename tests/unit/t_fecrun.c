/* SPDX-License-Identifier: MIT */
/*
 * t_fecrun.c - how a plan is run must not show: the loop orders of run.c, `stream`, worker threads
 * and alignment give the bytes that the portable kernel gives with none of them; and
 * sherd_fec_check() sees a single bit anywhere. t_fec.c compares the plain way with a textbook's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <base/cleanup.h>
#include <base/intmath.h>
#include <base/workers.h>
#include <sherd/fec.h>
#include "naive.h"

#define GUARD 128 /* bytes painted before and after each output */
#define PAINT 0xc7

DEFINE_CLEANUP(struct sherd_fec, sherd_fec_free)
DEFINE_CLEANUP(struct sherd_fec_plan, sherd_fec_plan_free)

/* Blocks of one code, long ones: data, and what the plain portable way makes of it. */
struct blocks {
	unsigned k, outputs;
	size_t size;
	uint8_t *known[NAIVE_SHARES_MAX], *want[NAIVE_SHARES_MAX];
	uint8_t *memory[NAIVE_SHARES_MAX]; /* of each output, with paint around it */
};

static struct sherd_workers *pools[3]; /* of 1, 2 and 4 threads */

static int start_pools(void **state)
{
	(void)state;
	random_start();
	for (unsigned i = 0; i < ARRAY_COUNT(pools); i++) {
		assert_int_equal(sherd_workers_new(1U << i, &pools[i], NULL), 0);
		assert_int_equal(sherd_workers_count(pools[i]), 1U << i);
	}
	return 0;
}

static int stop_pools(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(pools); i++)
		sherd_workers_free(pools[i]);
	return 0;
}

static uint8_t *bytes(size_t size)
{
	uint8_t *p = malloc(size ? size : 1);

	assert_non_null(p);
	return p;
}

static struct sherd_fec_plan *encode_plan(unsigned k, unsigned m, const char *kernel)
{
	CLEANUP(sherd_fec_free_at) struct sherd_fec *code = NULL;
	struct sherd_fec_plan *plan = NULL;

	assert_int_equal(sherd_fec_new(k, m, kernel, &code, NULL), 0);
	assert_int_equal(sherd_fec_plan_encode(code, &plan, NULL), 0);
	return plan;
}

static void run(const struct sherd_fec_plan *plan, const struct blocks *b, uint8_t *const *to,
	const struct sherd_fec_options *options)
{
	struct sherd_error err;

	if (sherd_fec_run(plan, (const uint8_t *const *)b->known, to, b->size, options, &err))
		fail_msg("%s", err.message);
}

static void blocks_fill(struct blocks *b, unsigned k, unsigned outputs, size_t size)
{
	CLEANUP(sherd_fec_plan_free_at)
	struct sherd_fec_plan *plan = encode_plan(k, k + outputs, "portable");

	*b = (struct blocks){.k = k, .outputs = outputs, .size = size};
	for (unsigned j = 0; j < k; j++) {
		b->known[j] = bytes(size);
		random_fill(b->known[j], INT_MIN_OF(size, (size_t)1000));
		for (size_t c = 1000; c < size; c++)
			b->known[j][c] = (uint8_t)(b->known[j][c - 997] * 5 + j + (c >> 11));
	}
	for (unsigned o = 0; o < outputs; o++) {
		b->want[o] = bytes(size);
		b->memory[o] = bytes(size + 2 * (size_t)GUARD + 64);
	}
	run(plan, b, b->want, NULL);
}

static void blocks_release(struct blocks *b)
{
	for (unsigned j = 0; j < b->k; j++)
		free(b->known[j]);
	for (unsigned o = 0; o < b->outputs; o++) {
		free(b->want[o]);
		free(b->memory[o]);
	}
}

/* One run into painted memory; target o begins ${skew}[o] bytes behind a cache line. */
static void same_bytes(const struct sherd_fec_plan *plan, const struct blocks *b,
	const uint8_t *skew, const struct sherd_fec_options *options)
{
	uint8_t *to[NAIVE_SHARES_MAX];

	for (unsigned o = 0; o < b->outputs; o++) {
		uint8_t *line = b->memory[o] + GUARD;

		to[o] = line + (-(uintptr_t)line % 64 + skew[o]) % 64;
		memset(b->memory[o], PAINT, b->size + 2 * (size_t)GUARD + 64);
	}
	run(plan, b, to, options);
	for (unsigned o = 0; o < b->outputs; o++) {
		if (memcmp(to[o], b->want[o], b->size))
			fail_msg("(%u,%u) size %zu, output %u skewed by %u, stream %d, threads %u",
				b->k, b->k + b->outputs, b->size, o, skew[o],
				options ? options->stream : 0,
				options ? sherd_workers_count(options->workers) : 0);
		for (size_t i = 1; i <= GUARD / 2; i++)
			assert_true(*(to[o] - i) == PAINT && to[o][b->size + i - 1] == PAINT);
	}
}

/* All kernels, all ways; targets aligned, all skewed alike, and each skewed differently. */
static void every_way(unsigned k, unsigned outputs, size_t size)
{
	struct blocks b;
	uint8_t skew[NAIVE_SHARES_MAX];
	const char *name;

	blocks_fill(&b, k, outputs, size);
	for (size_t i = 0; (name = sherd_fec_kernel_name(i)); i++) {
		CLEANUP(sherd_fec_plan_free_at)
		struct sherd_fec_plan *plan = encode_plan(k, k + outputs, name);

		/* long blocks: the fastest, and one that neither fetches ahead nor takes 16 outputs
		 */
		if (k * outputs * size > 1000000 && i > 1)
			break;
		for (unsigned way = 0; way < 3 + ARRAY_COUNT(pools); way++) {
			struct sherd_fec_options options = {
				.workers = way < 3 ? NULL : pools[way - 3]};
			uint8_t all = (uint8_t)(way % 3 ? 1 + random_below(63) : 0);

			for (unsigned o = 0; o < outputs; o++)
				skew[o] = way % 3 == 2 ? (uint8_t)random_below(64) : all;
			same_bytes(plan, &b, skew, &options);
			options.stream = !options.stream;
			same_bytes(plan, &b, skew, &options);
		}
	}
	blocks_release(&b);
}

static void short_blocks(void **state)
{
	static const size_t sizes[] = {1, 2, 63, 64, 65, 100, 127, 129, 1000};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		every_way(3, 7, sizes[i]);
		every_way(10, 4, sizes[i]);
		every_way(20, 17, sizes[i]);
	}
}

/*
 * Sizes beside the steps of run.c (runs of 4,096 columns, tiles of 256 KiB), and for each of its
 * loop orders enough work that 4 threads get some: k * outputs * size / 64 >= 4 * 2^17.
 */
static void one_pass(void **state)
{
	(void)state;
	every_way(8, 8, 4 * (64U << 11) + 4097);
}

static void tiles(void **state)
{
	(void)state;
	every_way(40, 20, 65537);
	every_way(250, 6, 4095); /* more than one group for the shuffles only at 7 */
	every_way(200, 40, 4097);
	every_way(255, 1, 9000);
}

static void blocks_of_sources(void **state)
{
	static const unsigned sources[] = {9, 11, 12, 13, 18, 31};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sources); i++)
		for (size_t size = 4095; size <= 4097; size++)
			every_way(sources[i], 1 + (unsigned)i, size);
	every_way(14, 8, 300001);
	every_way(13, 20, 150000);
}

static void fetching_ahead(void **state)
{
	(void)state;
	every_way(33, 3, 340000);
	every_way(94, 6, 70003);
}

/* What is found when bit ${bit} of held block ${which} is flipped in byte ${at}. */
static void flip_is_found(const struct sherd_fec_plan *plan, const struct blocks *b, unsigned which,
	size_t at, unsigned bit)
{
	uint8_t differs[NAIVE_SHARES_MAX];
	struct sherd_error err;
	const uint8_t *const *known = (const uint8_t *const *)b->known;
	const uint8_t *const *held = (const uint8_t *const *)b->want;

	b->want[which][at] ^= (uint8_t)(1U << bit);
	memset(differs, 7, sizeof(differs));
	err.code = 0;
	assert_int_equal(
		sherd_fec_check(plan, known, held, b->size, differs, &err), SHERD_MISMATCH);
	assert_int_equal(err.code, SHERD_MISMATCH);
	for (unsigned o = 0; o < b->outputs; o++)
		assert_int_equal(differs[o], o == which);
	assert_int_equal(differs[b->outputs], 7);
	assert_int_equal(sherd_fec_check(plan, known, held, b->size, NULL, NULL), SHERD_MISMATCH);
	b->want[which][at] ^= (uint8_t)(1U << bit);
	assert_int_equal(sherd_fec_check(plan, known, held, b->size, differs, &err), 0);
	for (unsigned o = 0; o < b->outputs; o++)
		assert_int_equal(differs[o], 0);
}

static void check_finds_one_bit(void **state)
{
	static const size_t sizes[] = {1, 16383, 16384, 16385, 40000};
	static const size_t places[] = {0, 1, 63, 64, 16382, 16383, 16384, 16385, 32767, 32768};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		CLEANUP(sherd_fec_plan_free_at)
		struct sherd_fec_plan *plan = encode_plan(5, 14, NULL);
		struct blocks b;

		blocks_fill(&b, 5, 9, sizes[i]);
		for (size_t p = 0; p < ARRAY_COUNT(places); p++)
			if (places[p] < sizes[i])
				flip_is_found(
					plan, &b, random_below(9), places[p], random_below(8));
		for (unsigned o = 0; o < 9; o++)
			flip_is_found(plan, &b, o, sizes[i] - 1, random_below(8));
		blocks_release(&b);
	}
}

/* A wrong known share makes every computed one differ, and a copy of it, but no other copy. */
static void check_with_copies(void **state)
{
	CLEANUP(sherd_fec_free_at) struct sherd_fec *code = NULL;
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	static const unsigned known[] = {0, 1, 2}, wanted[] = {1, 4, 2, 3};
	struct naive_set *set = naive_set_new(3, 5, 777);
	const uint8_t *held[4];
	uint8_t differs[4], *wrong = bytes(777);
	const uint8_t *from[] = {set->share[0], wrong, set->share[2]};

	(void)state;
	assert_int_equal(sherd_fec_new(3, 5, NULL, &code, NULL), 0);
	assert_int_equal(sherd_fec_plan_new(code, known, wanted, 4, &plan, NULL), 0);
	for (size_t w = 0; w < 4; w++)
		held[w] = set->share[wanted[w]];
	memcpy(wrong, set->share[1], 777);
	wrong[776] ^= 0x80;
	assert_int_equal(sherd_fec_check(plan, from, held, 777, differs, NULL), SHERD_MISMATCH);
	assert_memory_equal(differs, ((uint8_t[]){1, 1, 0, 1}), 4);
	free(wrong);
	naive_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_blocks),
		cmocka_unit_test(one_pass),
		cmocka_unit_test(tiles),
		cmocka_unit_test(blocks_of_sources),
		cmocka_unit_test(fetching_ahead),
		cmocka_unit_test(check_finds_one_bit),
		cmocka_unit_test(check_with_copies),
	};

	return cmocka_run_group_tests_name("fecrun", tests, start_pools, stop_pools);
}
