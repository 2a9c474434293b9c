/* SPDX-License-Identifier: MIT */
/*
 * t_fecmemory.c - each allocation of the codec fails once: NOMEM (or ENOMEM), nothing written,
 * nothing leaked (which the sanitizer sees at the end), and the next try succeeds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <base/alloc.h>
#include <base/intmath.h>
#include <sherd/fec.h>
#include <zfec/fec.h>
#include "naive.h"

#define K 3
#define M 9
#define SIZE 50
#define MANY 5000 /* block numbers of one fec_encode() */
#define PAINT 0x69

static struct naive_set *set;
static struct sherd_fec *code;
static struct sherd_fec_plan *plan;
static fec_t *face;
static struct sherd_error err;

/* A call that allocates. Returns its code; asserts that what it did or did not do is right. */
typedef int call(void);

static int make_code(void)
{
	struct sherd_fec *c = NULL;
	int r = sherd_fec_new(K, M, NULL, &c, &err);

	assert_int_equal(!r, c != NULL);
	sherd_fec_free(c);
	return r;
}

static int make_plan(void)
{
	static const unsigned known[K] = {8, 1, 5}, wanted[] = {0, 1, 2, 3, 4, 8, 7, 6, 5};
	struct sherd_fec_plan *p = NULL;
	int r = sherd_fec_plan_new(code, known, wanted, ARRAY_COUNT(wanted), &p, &err);

	assert_int_equal(!r, p != NULL);
	sherd_fec_plan_free(p);
	return r;
}

static int make_empty_plan(void)
{
	static const unsigned known[K] = {8, 1, 5};
	struct sherd_fec_plan *p = NULL;
	int r = sherd_fec_plan_new(code, known, NULL, 0, &p, &err);

	assert_int_equal(!r, p != NULL);
	sherd_fec_plan_free(p);
	return r;
}

static int make_encode_plan(void)
{
	struct sherd_fec_plan *p = NULL;
	int r = sherd_fec_plan_encode(code, &p, &err);

	assert_int_equal(!r, p != NULL);
	sherd_fec_plan_free(p);
	return r;
}

static int check(void)
{
	const uint8_t *const *share = (const uint8_t *const *)set->share;
	uint8_t differs[M - K];
	int r;

	memset(differs, PAINT, sizeof(differs));
	r = sherd_fec_check(plan, share, share + K, SIZE, differs, &err);
	for (size_t i = 0; i < sizeof(differs); i++)
		assert_int_equal(differs[i], r ? PAINT : 0);
	return r;
}

/* With three wrong shares, each in a column of its own, so that three rounds are needed. */
static int locate(void)
{
	unsigned numbers[M];
	uint8_t wrong[M];
	size_t count = 77;
	int r;

	memset(wrong, PAINT, sizeof(wrong));
	for (unsigned i = 0; i < M; i++)
		numbers[i] = i;
	for (unsigned i = 0; i < 3; i++)
		set->share[2 * i][10 * i] ^= 1;
	r = sherd_fec_locate(
		code, numbers, (const uint8_t *const *)set->share, M, SIZE, wrong, &count, &err);
	for (unsigned i = 0; i < 3; i++)
		set->share[2 * i][10 * i] ^= 1;
	assert_int_equal(count, r ? 77 : 3);
	for (unsigned i = 0; i < M; i++)
		assert_int_equal(wrong[i], r ? PAINT : i % 2 == 0 && i < 6);
	return r;
}

/* Nothing is said by the old interface but errno. */
static int by_errno(void)
{
	if (!errno)
		return 0;
	assert_int_equal(errno, ENOMEM);
	err.code = SHERD_NOMEM;
	return SHERD_NOMEM;
}

static int make_face(void)
{
	fec_t *f;

	errno = 0;
	f = fec_new(K, M);
	assert_int_equal(!errno, f != NULL);
	if (f) {
		fec_free(f);
		return 0;
	}
	return by_errno();
}

static int encode_many(void)
{
	static gf out[MANY][SIZE], *block[MANY];
	static unsigned numbers[MANY];
	int r;

	for (size_t i = 0; i < MANY; i++) {
		block[i] = out[i];
		numbers[i] = (unsigned)(i * 5 % M);
	}
	memset(out, PAINT, sizeof(out));
	errno = 0;
	fec_encode(face, (const gf *const *)set->share, (gf *const *)block, numbers, MANY, SIZE);
	r = by_errno();
	for (size_t i = 0; i < MANY; i++)
		for (size_t c = 0; c < SIZE; c++)
			assert_int_equal(out[i][c], r ? PAINT : set->share[numbers[i]][c]);
	return r;
}

static int decode(void)
{
	static const unsigned index[K] = {8, 1, 5};
	const gf *in[K];
	gf out[2][SIZE], *block[] = {out[0], out[1]};
	int r;

	for (unsigned i = 0; i < K; i++)
		in[i] = set->share[index[i]];
	memset(out, PAINT, sizeof(out));
	errno = 0;
	fec_decode(face, in, (gf *const *)block, index, SIZE);
	r = by_errno();
	for (size_t c = 0; c < SIZE; c++) {
		assert_int_equal(out[0][c], r ? PAINT : set->share[0][c]);
		assert_int_equal(out[1][c], r ? PAINT : set->share[2][c]);
	}
	return r;
}

/* Let the 1st, 2nd, 3rd ... allocation of the call fail until it makes fewer. */
static void sweep(call *function)
{
	unsigned long made = 0, n = 0;

	err.code = 0;
	mem_fail_at(0);
	assert_int_equal(function(), 0);
	made = mem_fail_at(0);
	assert_true(made >= 1);
	while (++n <= made) {
		err = (struct sherd_error){.code = 1};
		mem_fail_at(n);
		int r = function();

		mem_fail_at(0);
		assert_int_equal(r, SHERD_NOMEM);
		assert_int_equal(err.code, SHERD_NOMEM);
		assert_int_equal(function(), 0);
	}
}

#define SWEEP(name)                                                                                \
	static void sweep_##name(void **state)                                                     \
	{                                                                                          \
		(void)state;                                                                       \
		sweep(name);                                                                       \
	}
SWEEP(make_code)
SWEEP(make_plan)
SWEEP(make_empty_plan)
SWEEP(make_encode_plan)
SWEEP(check)
SWEEP(locate)
SWEEP(make_face)
SWEEP(encode_many)
SWEEP(decode)

/* Running a plan is promised not to need memory. */
static void run_allocates_nothing(void **state)
{
	uint8_t out[M - K][SIZE], *to[M - K];

	(void)state;
	for (unsigned w = 0; w < M - K; w++)
		to[w] = out[w];
	mem_fail_at(1);
	assert_int_equal(sherd_fec_run(plan, (const uint8_t *const *)set->share, to, SIZE,
				 &(struct sherd_fec_options){.stream = 1}, &err),
		0);
	assert_int_equal(mem_fail_at(0), 0);
}

static int begin(void **state)
{
	(void)state;
	random_start();
	set = naive_set_new(K, M, SIZE);
	face = fec_new(K, M);
	return !face || sherd_fec_new(K, M, NULL, &code, NULL) ||
	       sherd_fec_plan_encode(code, &plan, NULL);
}

static int end(void **state)
{
	(void)state;
	sherd_fec_plan_free(plan);
	sherd_fec_free(code);
	fec_free(face);
	naive_set_free(set);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sweep_make_code),
		cmocka_unit_test(sweep_make_plan),
		cmocka_unit_test(sweep_make_empty_plan),
		cmocka_unit_test(sweep_make_encode_plan),
		cmocka_unit_test(sweep_check),
		cmocka_unit_test(sweep_locate),
		cmocka_unit_test(sweep_make_face),
		cmocka_unit_test(sweep_encode_many),
		cmocka_unit_test(sweep_decode),
		cmocka_unit_test(run_allocates_nothing),
	};

	return cmocka_run_group_tests_name("fecmemory", tests, begin, end);
}
