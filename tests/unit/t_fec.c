/* SPDX-License-Identifier: MIT */
/*
 * t_fec.c - plans and their running: any shares from any k others, against a textbook's code. What
 * a plan answers to misuse is in t_fecmisuse.c, what it does without memory in t_fecmemory.c.
 */
#include <pthread.h>
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

#define GUARD 70 /* bytes painted before and after each output */
#define WANTED_MOST 300

DEFINE_CLEANUP(struct sherd_fec, sherd_fec_free)
DEFINE_CLEANUP(struct sherd_fec_plan, sherd_fec_plan_free)
DEFINE_CLEANUP(struct naive_set, naive_set_free)

static void done(int r, const struct sherd_error *err)
{
	if (r)
		fail_msg("%d: %s", r, err->message);
}

static struct sherd_fec *new_code(unsigned k, unsigned m, const char *kernel)
{
	struct sherd_fec *code = NULL;
	struct sherd_error err;

	done(sherd_fec_new(k, m, kernel, &code, &err), &err);
	assert_int_equal(sherd_fec_k(code), k);
	assert_int_equal(sherd_fec_m(code), m);
	if (kernel)
		assert_string_equal(sherd_fec_kernel(code), kernel);
	return code;
}

/* Compute ${wanted} of the set from ${known}, into memory of its own, and compare. */
static void recover(const struct sherd_fec *code, const struct naive_set *set,
	const unsigned *known, const unsigned *wanted, size_t count,
	const struct sherd_fec_options *options)
{
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	const uint8_t *from[NAIVE_SHARES_MAX];
	uint8_t *to[WANTED_MOST], *memory[WANTED_MOST];
	struct sherd_error err;

	done(sherd_fec_plan_new(code, known, wanted, count, &plan, &err), &err);
	assert_int_equal(sherd_fec_plan_known_count(plan), set->k);
	assert_int_equal(sherd_fec_plan_wanted_count(plan), count);
	for (unsigned j = 0; j < set->k; j++)
		from[j] = set->share[known[j]];
	for (size_t w = 0; w < count; w++) {
		memory[w] = malloc(set->size + 2 * GUARD);
		assert_non_null(memory[w]);
		memset(memory[w], 0xee, set->size + 2 * GUARD);
		to[w] = memory[w] + GUARD;
	}
	done(sherd_fec_run(plan, from, to, set->size, options, &err), &err);
	for (size_t w = 0; w < count; w++) {
		if (memcmp(to[w], set->share[wanted[w]], set->size))
			fail_msg("(%u,%u) %s: share %u, the %zuth of %zu wanted, is wrong", set->k,
				set->m, sherd_fec_kernel(code), wanted[w], w, count);
		for (size_t i = 0; i < GUARD; i++)
			assert_true(memory[w][i] == 0xee && to[w][set->size + i] == 0xee);
		free(memory[w]);
	}
	assert_int_equal(sherd_fec_check(plan, from, (const uint8_t *const *)to, 0, NULL, &err), 0);
}

static void reorder(unsigned *numbers, unsigned count)
{
	unsigned order[NAIVE_SHARES_MAX], kept[NAIVE_SHARES_MAX];

	random_order(count, order);
	memcpy(kept, numbers, count * sizeof(*numbers));
	for (unsigned i = 0; i < count; i++)
		numbers[i] = kept[order[i]];
}

/* All sets of k shares of m as known, all the others wanted; in order, and in any order. */
static void all_patterns_of(const struct sherd_fec *code, const struct naive_set *set)
{
	for (unsigned pattern = 0; pattern < 1U << set->m; pattern++) {
		unsigned known[10], wanted[10], known_count = 0, wanted_count = 0;

		if ((unsigned)__builtin_popcount(pattern) != set->k)
			continue;
		for (unsigned s = 0; s < set->m; s++) {
			if (pattern >> s & 1)
				known[known_count++] = s;
			else
				wanted[wanted_count++] = s;
		}
		recover(code, set, known, wanted, wanted_count, NULL);
		reorder(known, known_count);
		reorder(wanted, wanted_count);
		recover(code, set, known, wanted, wanted_count, NULL);
	}
}

static void every_erasure_pattern(void **state)
{
	const char *const kernels[] = {sherd_fec_kernel_name(0), "portable"};

	(void)state;
	for (unsigned m = 1; m <= 10; m++) {
		for (unsigned k = 1; k <= m; k++) {
			CLEANUP(naive_set_free_at) struct naive_set *set = naive_set_new(k, m, 37);

			for (size_t i = 0; i < ARRAY_COUNT(kernels); i++) {
				CLEANUP(sherd_fec_free_at)
				struct sherd_fec *code = new_code(k, m, kernels[i]);

				all_patterns_of(code, set);
			}
		}
	}
}

/* With every kernel: random known shares, and a list of any shares in any order, any repeated. */
static void random_lists(unsigned k, unsigned m, size_t size, size_t wanted_count)
{
	CLEANUP(naive_set_free_at) struct naive_set *set = naive_set_new(k, m, size);
	unsigned known[NAIVE_SHARES_MAX], wanted[WANTED_MOST];
	const char *name;

	for (size_t i = 0; (name = sherd_fec_kernel_name(i)); i++) {
		CLEANUP(sherd_fec_free_at) struct sherd_fec *code = new_code(k, m, name);

		random_order(m, known);
		for (size_t w = 0; w < wanted_count; w++)
			wanted[w] = random_below(m);
		recover(code, set, known, wanted, wanted_count, NULL);
		/* those that are not known, each once */
		recover(code, set, known, known + k, m - k, NULL);
	}
}

static void random_sets(void **state)
{
	static const unsigned shapes[][2] = {{1, 1}, {1, 256}, {2, 256}, {127, 256}, {128, 256},
		{129, 256}, {255, 256}, {256, 256}, {255, 255}, {17, 20}, {94, 100}, {3, 40}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(shapes); i++) {
		random_lists(shapes[i][0], shapes[i][1], 1 + random_below(150), random_below(90));
		random_lists(shapes[i][0], shapes[i][1], 1, WANTED_MOST);
	}
	for (unsigned turn = 0; turn < 30; turn++) {
		unsigned m = 1 + random_below(256), k = 1 + random_below(m);

		random_lists(k, m, random_below(turn % 4 ? 40 : 700), random_below(40));
	}
}

/* Every number of outputs from 0 on: the split in passes. */
static void every_count_of_wanted(void **state)
{
	(void)state;
	for (unsigned count = 0; count <= 70; count++)
		random_lists(5, 80, 65, count);
}

static void encode_plan(void **state)
{
	static const unsigned shapes[][2] = {{1, 1}, {1, 9}, {3, 10}, {9, 9}, {40, 97}, {3, 256}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(shapes); i++) {
		unsigned k = shapes[i][0], m = shapes[i][1];
		CLEANUP(naive_set_free_at) struct naive_set *set = naive_set_new(k, m, 1001);
		CLEANUP(naive_set_free_at) struct naive_set *out = naive_set_new(k, m, 1001);
		CLEANUP(sherd_fec_free_at) struct sherd_fec *code = new_code(k, m, NULL);
		CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
		struct sherd_error err;

		done(sherd_fec_plan_encode(code, &plan, &err), &err);
		assert_int_equal(sherd_fec_plan_wanted_count(plan), m - k);
		done(sherd_fec_run(plan, (const uint8_t *const *)set->share, out->share + k,
			     set->size, NULL, &err),
			&err);
		for (unsigned s = k; s < m; s++)
			assert_memory_equal(out->share[s], set->share[s], set->size);
	}
}

static void empty_blocks(void **state)
{
	CLEANUP(sherd_fec_free_at) struct sherd_fec *code = new_code(3, 10, NULL);
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	uint8_t differs[7];

	(void)state;
	assert_int_equal(sherd_fec_plan_encode(code, &plan, NULL), 0);
	assert_int_equal(sherd_fec_run(plan, NULL, NULL, 0, NULL, NULL), 0);
	memset(differs, 9, sizeof(differs));
	assert_int_equal(sherd_fec_check(plan, NULL, NULL, 0, differs, NULL), 0);
	for (size_t w = 0; w < sizeof(differs); w++)
		assert_int_equal(differs[w], 0);
}

/* A share of a code does not depend on its m, and one plan outlives others of its code. */
static void shares_do_not_depend_on_m(void **state)
{
	CLEANUP(naive_set_free_at) struct naive_set *set = naive_set_new(6, 9, 100);
	unsigned known[] = {8, 1, 7, 3, 0, 6}, wanted[] = {2, 4, 5, 8, 8};

	(void)state;
	for (unsigned m = 9; m <= 256; m += 13) {
		CLEANUP(sherd_fec_free_at) struct sherd_fec *code = new_code(6, m, NULL);

		recover(code, set, known, wanted, ARRAY_COUNT(wanted), NULL);
	}
}

/* Known blocks may overlap each other, wanted ones may touch them. */
static void overlap_that_is_allowed(void **state)
{
	enum { K = 4, OUT = 3, SIZE = 100 };
	CLEANUP(sherd_fec_free_at) struct sherd_fec *code = new_code(K, K + OUT, NULL);
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	uint8_t shares[K + OUT][SIZE], *share[K + OUT], memory[4 * SIZE + 3];
	const uint8_t *from[K];
	uint8_t *to[OUT];

	(void)state;
	random_fill(memory, sizeof(memory));
	for (size_t j = 0; j < K; j++) {
		from[j] = memory + SIZE + (j == 3 ? 0 : j); /* and one is there twice */
		memcpy(shares[j], from[j], SIZE);
	}
	for (size_t s = 0; s < K + OUT; s++)
		share[s] = shares[s];
	naive_encode(K, K + OUT, SIZE, share);
	to[0] = memory + 2 * SIZE + 2; /* known ones end here */
	to[1] = memory;
	to[2] = memory + 3 * SIZE + 2;
	assert_int_equal(sherd_fec_plan_encode(code, &plan, NULL), 0);
	assert_int_equal(sherd_fec_run(plan, from, to, SIZE, NULL, NULL), 0);
	for (size_t w = 0; w < OUT; w++)
		assert_memory_equal(to[w], shares[K + w], SIZE);
}

struct crowd {
	struct sherd_fec *code;
	struct sherd_fec_plan *plan;
	const struct naive_set *set;
	pthread_barrier_t start;
};

/* cmocka's assertions belong to the main thread: the count of faults goes back to it. */
static void *one_of_the_crowd(void *context)
{
	struct crowd *crowd = context;
	const struct naive_set *set = crowd->set;
	unsigned m = set->m, k = set->k, known[20], wanted[20];
	uintptr_t wrong = 0;
	uint8_t out[20][999], *to[20];
	const uint8_t *from[20];

	for (unsigned i = 0; i < m; i++) {
		known[i] = m - 1 - i;
		wanted[i] = i;
		to[i] = out[i];
	}
	pthread_barrier_wait(&crowd->start);
	for (unsigned turn = 0; turn < 20; turn++) {
		CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;

		wrong += sherd_fec_run(crowd->plan, (const uint8_t *const *)set->share, to, 999,
				 &(struct sherd_fec_options){.stream = turn & 1}, NULL) != 0;
		for (unsigned s = k; s < m; s++)
			wrong += memcmp(out[s - k], set->share[s], 999) != 0;
		wrong += sherd_fec_plan_new(crowd->code, known, wanted, m, &plan, NULL) != 0;
		for (unsigned j = 0; j < k; j++)
			from[j] = set->share[known[j]];
		wrong += plan && sherd_fec_run(plan, from, to, 999, NULL, NULL) != 0;
		for (unsigned s = 0; s < m; s++)
			wrong += memcmp(out[s], set->share[s], 999) != 0;
	}
	return (void *)wrong;
}

static void eight_threads_share_code_and_plan(void **state)
{
	CLEANUP(naive_set_free_at) struct naive_set *set = naive_set_new(13, 20, 999);
	struct crowd crowd = {.code = new_code(13, 20, NULL), .set = set};
	pthread_t threads[8];

	(void)state;
	assert_int_equal(sherd_fec_plan_encode(crowd.code, &crowd.plan, NULL), 0);
	assert_int_equal(pthread_barrier_init(&crowd.start, NULL, ARRAY_COUNT(threads)), 0);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, one_of_the_crowd, &crowd), 0);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	pthread_barrier_destroy(&crowd.start);
	sherd_fec_plan_free(crowd.plan);
	sherd_fec_free(crowd.code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_threads_share_code_and_plan),
		cmocka_unit_test(every_erasure_pattern),
		cmocka_unit_test(random_sets),
		cmocka_unit_test(every_count_of_wanted),
		cmocka_unit_test(encode_plan),
		cmocka_unit_test(empty_blocks),
		cmocka_unit_test(shares_do_not_depend_on_m),
		cmocka_unit_test(overlap_that_is_allowed),
	};

	return cmocka_run_group_tests_name("fec", tests, random_setup, NULL);
}
