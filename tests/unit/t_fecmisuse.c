/* SPDX-License-Identifier: MIT */
/*
 * t_fecmisuse.c - every misuse that sherd/fec.h names: the code it names, a message, and outputs
 * as they were.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <base/cleanup.h>
#include <base/intmath.h>
#include <sherd/fec.h>
#include "naive.h"

#define SIZE 64 /* of the blocks here */
#define K 4
#define M 7

DEFINE_CLEANUP(struct sherd_fec, sherd_fec_free)
DEFINE_CLEANUP(struct sherd_fec_plan, sherd_fec_plan_free)

static struct sherd_fec *code;      /* (K, M) */
static struct sherd_fec_plan *plan; /* its check shares */

static const struct sherd_error fresh = {.code = 77, .message = "untouched"};

/* ${r} is ${expected}, and the struct says the same with a line that holds ${word}. */
static void refused(int r, const struct sherd_error *err, int expected, const char *word)
{
	assert_int_equal(r, expected);
	assert_int_equal(err->code, expected);
	assert_int_equal(err->os_errno, 0);
	if (!strstr(err->message, word))
		fail_msg("'%s' does not say '%s'", err->message, word);
}

static void code_out_of_range(void **state)
{
	static const unsigned wrong[][2] = {{0, 0}, {0, 1}, {0, 256}, {2, 1}, {1, 257}, {257, 257},
		{256, 255}, {UINT_MAX, UINT_MAX}, {1, UINT_MAX}, {1, 0x10001}, {0x10001, 4}};
	struct sherd_fec *c = code;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		struct sherd_error err = fresh;
		int r = sherd_fec_new(wrong[i][0], wrong[i][1], NULL, &c, &err);

		refused(r, &err, SHERD_INVALID, "must be 1 to");
		r = sherd_fec_new(wrong[i][0], wrong[i][1], NULL, &c, NULL);
		assert_int_equal(r, SHERD_INVALID);
		assert_ptr_equal(c, code);
	}
	assert_int_equal(sherd_fec_new(1, 1, NULL, NULL, NULL), SHERD_INVALID);
}

static void null_is_nobody(void **state)
{
	(void)state;
	sherd_fec_free(NULL);
	sherd_fec_plan_free(NULL);
	assert_int_equal(sherd_fec_k(NULL), 0);
	assert_int_equal(sherd_fec_m(NULL), 0);
	assert_non_null(sherd_fec_kernel(NULL));
	assert_int_equal(sherd_fec_plan_known_count(NULL), 0);
	assert_int_equal(sherd_fec_plan_wanted_count(NULL), 0);
}

static void plan_of_nothing(void **state)
{
	static const unsigned list[4097] = {0, 1, 2, 3};
	struct sherd_fec_plan *p = plan;
	const struct sherd_error none = fresh;
	struct sherd_error err = fresh;

	(void)state;
	refused(sherd_fec_plan_new(NULL, list, list, 4, &p, &err), &err, SHERD_INVALID, "");
	refused(sherd_fec_plan_new(code, NULL, list, 4, &p, &err), &err, SHERD_INVALID, "");
	refused(sherd_fec_plan_new(code, list, NULL, 1, &p, &err), &err, SHERD_INVALID, "");
	refused(sherd_fec_plan_new(code, list, list, 4, NULL, &err), &err, SHERD_INVALID, "");
	refused(sherd_fec_plan_new(code, list, list, 4097, &p, &err), &err, SHERD_INVALID, "4097");
	refused(sherd_fec_plan_new(code, list, list, SIZE_MAX, &p, &err), &err, SHERD_INVALID, "");
	refused(sherd_fec_plan_encode(NULL, &p, &err), &err, SHERD_INVALID, "");
	refused(sherd_fec_plan_encode(code, NULL, &err), &err, SHERD_INVALID, "");
	assert_int_equal(sherd_fec_plan_new(code, NULL, NULL, 0, &p, NULL), SHERD_INVALID);
	assert_ptr_equal(p, plan);

	/* and what is right after all leaves the error alone */
	err = none;
	assert_int_equal(sherd_fec_plan_new(code, list, NULL, 0, &p, &err), 0);
	assert_memory_equal(&err, &none, sizeof(err));
	sherd_fec_plan_free(p);
	assert_int_equal(sherd_fec_plan_new(code, list, list, 4096, &p, &err), 0);
	sherd_fec_plan_free(p);
}

static void plan_of_wrong_numbers(void **state)
{
	static const unsigned wrong[] = {M, M + 1, 255, 256, 0x10000, UINT_MAX, 1U << 31};
	struct sherd_fec_plan *p = plan;

	(void)state;
	for (unsigned at = 0; at < K; at++) {
		for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
			unsigned known[K] = {0, 6, 2, 5}, wanted[K] = {1, 3, 0, 0};
			struct sherd_error err = fresh;
			char number[16];

			snprintf(number, sizeof(number), "share %u ", wrong[i]);
			known[at] = wrong[i];
			refused(sherd_fec_plan_new(code, known, wanted, K, &p, &err), &err,
				SHERD_INVALID, number);
			known[at] = at;
			wanted[at] = wrong[i];
			memcpy(known, ((unsigned[]){3, 2, 1, 0}), sizeof(known));
			refused(sherd_fec_plan_new(code, known, wanted, K, &p, &err), &err,
				SHERD_INVALID, number);
		}
	}
	for (unsigned a = 0; a < K; a++) {
		for (unsigned b = 0; b < a; b++) {
			unsigned known[K] = {0, 6, 2, 5};
			struct sherd_error err = fresh;

			known[a] = known[b];
			refused(sherd_fec_plan_new(code, known, NULL, 0, &p, &err), &err,
				SHERD_INVALID, "twice");
		}
	}
	assert_ptr_equal(p, plan);
}

/* K known blocks and M - K wanted ones, side by side in one piece of memory. */
struct field {
	uint8_t bytes[(M + 2) * SIZE];
	const uint8_t *known[K];
	uint8_t *wanted[M - K];
};

static void lay_out(struct field *f)
{
	random_fill(f->bytes, sizeof(f->bytes));
	for (unsigned i = 0; i < M; i++) {
		uint8_t *block = f->bytes + (i + 1) * SIZE;

		if (i < K)
			f->known[i] = block;
		else
			f->wanted[i - K] = block;
	}
}

static void run_refused(struct field *f, size_t size, const char *word)
{
	static const struct sherd_fec_options stream = {.stream = 1};
	uint8_t before[sizeof(f->bytes)];
	struct sherd_error err = fresh;

	memcpy(before, f->bytes, sizeof(before));
	refused(sherd_fec_run(plan, f->known, f->wanted, size, NULL, &err), &err, SHERD_INVALID,
		word);
	assert_int_equal(
		sherd_fec_run(plan, f->known, f->wanted, size, &stream, NULL), SHERD_INVALID);
	assert_memory_equal(f->bytes, before, sizeof(before));
}

static void run_of_nothing(void **state)
{
	struct sherd_error err = fresh;
	struct field f, g;
	uint8_t differs[M - K] = {9, 9, 9};

	(void)state;
	lay_out(&f);
	refused(sherd_fec_run(NULL, f.known, f.wanted, SIZE, NULL, &err), &err, SHERD_INVALID, "");
	assert_int_equal(sherd_fec_run(NULL, NULL, NULL, 0, NULL, NULL), SHERD_INVALID);
	refused(sherd_fec_run(plan, NULL, f.wanted, SIZE, NULL, &err), &err, SHERD_INVALID,
		"known");
	refused(sherd_fec_run(plan, f.known, NULL, 1, NULL, &err), &err, SHERD_INVALID, "wanted");
	for (unsigned i = 0; i < M; i++) {
		const uint8_t *const *held = (const uint8_t *const *)g.wanted;
		int r;

		memcpy(&g, &f, sizeof(f));
		if (i < K)
			g.known[i] = NULL;
		else
			g.wanted[i - K] = NULL;
		run_refused(&g, SIZE, "NULL");
		r = sherd_fec_check(plan, g.known, held, SIZE, differs, &err);
		refused(r, &err, SHERD_INVALID, "NULL");
		assert_int_equal(sherd_fec_run(plan, g.known, g.wanted, 0, NULL, NULL), 0);
	}
	run_refused(&f, SIZE_MAX, "");
	run_refused(&f, (size_t)PTRDIFF_MAX + 1, "");
	assert_int_equal(sherd_fec_check(NULL, NULL, NULL, 0, NULL, NULL), SHERD_INVALID);
	assert_int_equal(sherd_fec_check(plan, NULL, f.known, SIZE, differs, NULL), SHERD_INVALID);
	assert_int_equal(sherd_fec_check(plan, f.known, NULL, SIZE, differs, NULL), SHERD_INVALID);
	assert_int_equal(
		sherd_fec_check(plan, f.known, f.known, SIZE_MAX, differs, NULL), SHERD_INVALID);
	assert_memory_equal(differs, ((uint8_t[]){9, 9, 9}), 3);
}

/* Move each wanted block over each other block, from just touching to just touching. */
static void overlap(void **state)
{
	(void)state;
	for (unsigned w = 0; w < M - K; w++) {
		for (unsigned other = 0; other < M; other++) {
			for (ptrdiff_t shift = -SIZE; shift <= SIZE; shift++) {
				struct field f;

				lay_out(&f);
				if (other == K + w)
					continue;
				/* the blocks beside it, where they are not the subject, step aside:
				 * known ones upon the other if it is known, which is allowed */
				f.wanted[w] = f.bytes + (ptrdiff_t)((other + 1) * SIZE) + shift;
				if (shift > -SIZE && shift < SIZE)
					run_refused(&f, SIZE, "overlaps");
			}
		}
	}
}

static void touching_is_no_overlap(void **state)
{
	struct field f;

	(void)state;
	lay_out(&f); /* every block touches the next */
	assert_int_equal(sherd_fec_run(plan, f.known, f.wanted, SIZE, NULL, NULL), 0);
	for (unsigned j = 0; j < K; j++)
		f.known[j] = f.bytes + 3 * SIZE;
	f.wanted[0] = f.bytes + 2 * SIZE;
	f.wanted[1] = f.bytes + 4 * SIZE;
	f.wanted[2] = f.bytes + SIZE;
	assert_int_equal(sherd_fec_run(plan, f.known, f.wanted, SIZE, NULL, NULL), 0);
	f.wanted[2]++;
	run_refused(&f, SIZE, "overlaps");
	f.wanted[2] = f.wanted[0];
	run_refused(&f, SIZE, "overlaps");
}

/* Arguments of sherd_fec_locate(), right until one is spoiled. */
struct question {
	const struct sherd_fec *code;
	const unsigned *numbers;
	const uint8_t *const *blocks;
	size_t count, size;
	uint8_t *wrong;
	size_t *wrong_count;
};

static void locate_refused(struct question q)
{
	struct sherd_error err = fresh;
	uint8_t kept[M];
	size_t kept_count = q.wrong_count ? *q.wrong_count : 0;
	int r;

	if (q.wrong)
		memcpy(kept, q.wrong, M);
	r = sherd_fec_locate(
		q.code, q.numbers, q.blocks, q.count, q.size, q.wrong, q.wrong_count, &err);
	refused(r, &err, SHERD_INVALID, "");
	assert_int_not_equal(err.message[0], '\0');
	r = sherd_fec_locate(
		q.code, q.numbers, q.blocks, q.count, q.size, q.wrong, q.wrong_count, NULL);
	assert_int_equal(r, SHERD_INVALID);
	if (q.wrong)
		assert_memory_equal(q.wrong, kept, M);
	if (q.wrong_count)
		assert_int_equal(*q.wrong_count, kept_count);
}

#define REFUSED(...)                                                                               \
	do {                                                                                       \
		struct question q = right;                                                         \
		__VA_ARGS__;                                                                       \
		locate_refused(q);                                                                 \
	} while (0)

static void locate_misused(void **state)
{
	struct naive_set *set = naive_set_new(K, M, SIZE);
	uint8_t wrong[M] = {3, 1, 4, 1, 5, 9, 2};
	size_t count = 99;
	unsigned numbers[M + 1] = {6, 5, 4, 3, 2, 1, 0, 0};
	const uint8_t *blocks[M + 1];
	const struct question right = {code, numbers, blocks, M, SIZE, wrong, &count};

	(void)state;
	for (unsigned i = 0; i <= M; i++)
		blocks[i] = set->share[numbers[i]];
	REFUSED(q.code = NULL);
	REFUSED(q.numbers = NULL);
	REFUSED(q.blocks = NULL);
	REFUSED(q.wrong = NULL);
	REFUSED(q.wrong_count = NULL);
	REFUSED(q.count = 0);
	REFUSED(q.count = K - 1);
	REFUSED(q.count = M + 1);
	REFUSED(q.count = SIZE_MAX);
	REFUSED(q.size = SIZE_MAX);
	REFUSED(q.count = K, q.size = SIZE_MAX);
	for (unsigned i = 0; i < M; i++) {
		const unsigned wrong_numbers[] = {M, 255, 256, UINT_MAX, numbers[(i + 1) % M]};
		const unsigned right_number = numbers[i];

		for (size_t n = 0; n < ARRAY_COUNT(wrong_numbers); n++) {
			numbers[i] = wrong_numbers[n];
			locate_refused(right);
		}
		numbers[i] = right_number;
		blocks[i] = NULL;
		locate_refused(right);
		blocks[i] = set->share[right_number];
	}
	assert_int_equal(sherd_fec_locate(code, numbers, blocks, M, SIZE, wrong, &count, NULL), 0);
	naive_set_free(set);
}

static int begin(void **state)
{
	(void)state;
	random_start();
	return sherd_fec_new(K, M, NULL, &code, NULL) || sherd_fec_plan_encode(code, &plan, NULL);
}

static int end(void **state)
{
	(void)state;
	sherd_fec_plan_free(plan);
	sherd_fec_free(code);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_out_of_range),
		cmocka_unit_test(null_is_nobody),
		cmocka_unit_test(plan_of_nothing),
		cmocka_unit_test(plan_of_wrong_numbers),
		cmocka_unit_test(run_of_nothing),
		cmocka_unit_test(overlap),
		cmocka_unit_test(touching_is_no_overlap),
		cmocka_unit_test(locate_misused),
	};

	return cmocka_run_group_tests_name("fecmisuse", tests, begin, end);
}
