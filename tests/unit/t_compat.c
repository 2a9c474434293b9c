/* SPDX-License-Identifier: MIT */
/*
 * t_compat.c - zfec's C interface, as zfec/fec.h promises it: zfec's conventions, and EINVAL with
 * nothing written where zfec would crash.
 */
#include <errno.h>
#include <limits.h>
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
#include <zfec/fec.h>
#include "naive.h"

#define MANY 5000 /* block numbers in one call */
#define PAINT 0x3c

DEFINE_CLEANUP(fec_t, fec_free)
DEFINE_CLEANUP(struct naive_set, naive_set_free)

static const unsigned shapes[][2] = {{1, 1}, {1, 2}, {2, 2}, {3, 10}, {10, 10}, {94, 100},
	{128, 256}, {255, 256}, {256, 256}, {1, 256}};

/* Any errno that is no answer here: a call that succeeds must leave it. */
static void succeeds(void)
{
	errno = EILSEQ;
}

static void succeeded(void)
{
	assert_int_equal(errno, EILSEQ);
}

/* Outputs of our own, painted, as many as a test wants. */
struct outputs {
	size_t count, size;
	gf *memory;
	gf **block;
};

static struct outputs outputs_new(size_t count, size_t size)
{
	struct outputs o = {
		count, size, malloc(count * size + 1), malloc((count + 1) * sizeof(gf *))};

	assert_true(o.memory && o.block);
	memset(o.memory, PAINT, count * size + 1);
	for (size_t i = 0; i < count; i++)
		o.block[i] = o.memory + i * size;
	return o;
}

static void outputs_untouched(const struct outputs *o)
{
	for (size_t i = 0; i < o->count * o->size; i++)
		assert_int_equal(o->memory[i], PAINT);
}

static void outputs_free(struct outputs *o)
{
	free(o->memory);
	free(o->block);
}

DEFINE_CLEANUP(struct outputs, outputs_free)

static fec_t *new_code(unsigned k, unsigned m)
{
	fec_t *code;

	succeeds();
	code = fec_new((unsigned short)k, (unsigned short)m);
	succeeded();
	assert_non_null(code);
	assert_int_equal(code->k, k);
	assert_int_equal(code->n, m);
	return code;
}

static void matrix(void **state)
{
	static uint8_t rows[256 * 256];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(shapes); i++) {
		CLEANUP(fec_free_at) fec_t *code = new_code(shapes[i][0], shapes[i][1]);

		naive_generator(shapes[i][0], shapes[i][1], rows);
		assert_memory_equal(code->enc_matrix, rows, (size_t)shapes[i][0] * shapes[i][1]);
	}
	fec_init();
	fec_free(NULL);
}

static void new_out_of_range(void **state)
{
	static const unsigned short wrong[][2] = {
		{0, 0}, {0, 1}, {2, 1}, {257, 257}, {1, 257}, {USHRT_MAX, USHRT_MAX}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		errno = 0;
		assert_null(fec_new(wrong[i][0], wrong[i][1]));
		assert_int_equal(errno, EINVAL);
	}
}

static void encode_and_compare(
	const fec_t *code, const struct naive_set *set, const unsigned *numbers, size_t count)
{
	CLEANUP(outputs_free_at)
	struct outputs *o = &(struct outputs){0};

	*o = outputs_new(count, set->size);
	succeeds();
	fec_encode(code, (const gf *const *)set->share, (gf *const *)o->block, numbers, count,
		set->size);
	succeeded();
	for (size_t i = 0; i < count; i++)
		assert_memory_equal(o->block[i], set->share[numbers[i]], set->size);
	assert_int_equal(o->memory[count * set->size], PAINT);
}

static void encode(void **state)
{
	static const size_t counts[] = {0, 1, 7, 300, MANY};
	static unsigned numbers[MANY];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(shapes); i++) {
		unsigned k = shapes[i][0], m = shapes[i][1];
		CLEANUP(naive_set_free_at) struct naive_set *set = naive_set_new(k, m, 33);
		CLEANUP(fec_free_at) fec_t *code = new_code(k, m);

		for (unsigned s = k; s < m; s++)
			numbers[s - k] = s;
		encode_and_compare(code, set, numbers, m - k); /* the usual list */
		random_order(m, numbers);
		encode_and_compare(code, set, numbers, m);
		for (size_t c = 0; c < ARRAY_COUNT(counts); c++) {
			for (size_t n = 0; n < counts[c]; n++)
				numbers[n] = random_below(m);
			encode_and_compare(code, set, numbers, counts[c]);
		}
	}
}

/* Decode from random blocks; ${in_place}: primaries stand at their own index, as zfec demands. */
static void decode_and_compare(const fec_t *code, const struct naive_set *set, bool in_place)
{
	unsigned index[256], k = set->k, missing = 0;
	const gf *in[256];
	bool present[256] = {false};
	struct outputs o = outputs_new(k, set->size);

	random_order(set->m, index);
	for (unsigned i = 0; in_place && i < k; i++) {
		while (index[i] < k && index[i] != i) {
			unsigned to = index[i], kept = index[to];

			index[to] = to;
			index[i] = kept;
		}
	}
	for (unsigned i = 0; i < k; i++) {
		in[i] = set->share[index[i]];
		present[index[i]] = true;
	}
	succeeds();
	fec_decode(code, in, (gf *const *)o.block, index, set->size);
	succeeded();
	for (unsigned i = 0; i < k; i++)
		if (!present[i])
			assert_memory_equal(o.block[missing++], set->share[i], set->size);
	for (size_t i = missing * set->size; i < o.count * set->size; i++)
		assert_int_equal(o.memory[i], PAINT); /* no output more than are missing */
	outputs_free(&o);
}

static void decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(shapes); i++) {
		unsigned k = shapes[i][0], m = shapes[i][1];
		CLEANUP(naive_set_free_at) struct naive_set *set = naive_set_new(k, m, 65);
		CLEANUP(fec_free_at) fec_t *code = new_code(k, m);

		for (unsigned turn = 0; turn < 20; turn++)
			decode_and_compare(code, set, turn & 1);
	}
}

static void nothing_missing_needs_no_outputs(void **state)
{
	CLEANUP(naive_set_free_at) struct naive_set *set = naive_set_new(3, 5, 8);
	CLEANUP(fec_free_at) fec_t *code = new_code(3, 5);
	static const unsigned index[] = {2, 0, 1};

	(void)state;
	succeeds();
	fec_decode(code, (const gf *const *)set->share, NULL, index, 8);
	fec_encode(code, (const gf *const *)set->share, NULL, NULL, 0, 8);
	fec_encode(code, NULL, NULL, index, 3, 0);
	fec_decode(code, NULL, NULL, index, 0);
	succeeded();
}

/* One encode that must be refused; what is wrong with it stands at index ${at} of MANY. */
static void encode_refused(
	const fec_t *code, const struct naive_set *set, struct outputs *o, const unsigned *numbers)
{
	errno = 0;
	fec_encode(code, (const gf *const *)set->share, (gf *const *)o->block, numbers, o->count,
		set->size);
	assert_int_equal(errno, EINVAL);
	outputs_untouched(o);
}

static void encode_misused(void **state)
{
	static const size_t places[] = {0, 1, 255, 4095, 4096, MANY - 1};
	CLEANUP(naive_set_free_at) struct naive_set *set = naive_set_new(3, 9, 16);
	CLEANUP(fec_free_at) fec_t *code = new_code(3, 9);
	struct outputs o = outputs_new(MANY, 16);
	static unsigned numbers[MANY];

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		numbers[i] = (unsigned)(i % 9);
	for (size_t p = 0; p < ARRAY_COUNT(places); p++) {
		size_t at = places[p];
		gf *block = o.block[at], *primary = set->share[p % 3];

		for (unsigned wrong = 9; wrong; wrong = wrong == 9 ? UINT_MAX : 0) {
			numbers[at] = wrong;
			encode_refused(code, set, &o, numbers);
		}
		numbers[at] = (unsigned)(at % 9);
		o.block[at] = NULL;
		encode_refused(code, set, &o, numbers);
		o.block[at] = o.block[at ? at - 1 : 1] + 15; /* upon another output */
		encode_refused(code, set, &o, numbers);
		o.block[at] = set->share[p % 3] + 1; /* upon an input */
		encode_refused(code, set, &o, numbers);
		o.block[at] = block;
		set->share[p % 3] = NULL;
		encode_refused(code, set, &o, numbers);
		set->share[p % 3] = primary;
	}
	encode_refused(NULL, set, &o, numbers);
	encode_refused(code, set, &o, NULL);
	errno = 0;
	fec_encode(code, NULL, (gf *const *)o.block, numbers, MANY, 16);
	assert_int_equal(errno, EINVAL);
	errno = 0;
	fec_encode(code, (const gf *const *)set->share, NULL, numbers, MANY, 16);
	assert_int_equal(errno, EINVAL);
	outputs_untouched(&o);
	outputs_free(&o);
}

static void decode_refused(
	const fec_t *code, const gf *const *in, struct outputs *o, const unsigned *index)
{
	errno = 0;
	fec_decode(code, in, (gf *const *)(o->count ? o->block : NULL), index, 16);
	assert_int_equal(errno, EINVAL);
	outputs_untouched(o);
}

static void decode_misused(void **state)
{
	CLEANUP(naive_set_free_at) struct naive_set *set = naive_set_new(3, 9, 16);
	CLEANUP(fec_free_at) fec_t *code = new_code(3, 9);
	struct outputs o = outputs_new(3, 16), none = outputs_new(0, 16);
	const gf *in[] = {set->share[4], set->share[1], set->share[8]};
	unsigned index[] = {4, 1, 8};
	fec_t spoiled;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const unsigned number = index[i], wrong[] = {9, 256, UINT_MAX, index[(i + 1) % 3]};
		const gf *block = in[i];

		for (size_t w = 0; w < ARRAY_COUNT(wrong); w++) {
			index[i] = wrong[w];
			decode_refused(code, in, &o, index);
		}
		index[i] = number;
		in[i] = NULL;
		decode_refused(code, in, &o, index);
		in[i] = block;
	}
	for (unsigned i = 0; i < 2; i++) { /* two are missing */
		gf *block = o.block[i];

		o.block[i] = NULL;
		decode_refused(code, in, &o, index);
		o.block[i] = o.block[!i] + 3;
		decode_refused(code, in, &o, index);
		o.block[i] = block;
	}
	decode_refused(NULL, in, &o, index);
	decode_refused(code, NULL, &o, index);
	decode_refused(code, in, &o, NULL);
	decode_refused(code, in, &none, index);
	spoiled = *code;
	spoiled.magic ^= 1;
	decode_refused(&spoiled, in, &o, index);
	outputs_free(&o);
	outputs_free(&none);
}

/* The struct is public: zfec works with a copy of it, and so must this. */
static void copy_of_the_struct(void **state)
{
	CLEANUP(naive_set_free_at) struct naive_set *set = naive_set_new(5, 12, 40);
	CLEANUP(fec_free_at) fec_t *code = new_code(5, 12);
	static const unsigned numbers[] = {5, 6, 7, 8, 9, 10, 11};
	fec_t *copy = malloc(sizeof(*copy)); /* a sanitizer sees its end */

	(void)state;
	assert_non_null(copy);
	*copy = *code;
	encode_and_compare(copy, set, numbers, ARRAY_COUNT(numbers));
	decode_and_compare(copy, set, true);
	free(copy);
}

struct crowd {
	const fec_t *code;
	const struct naive_set *set;
};

static void *one_of_the_crowd(void *context)
{
	const struct crowd *crowd = context;
	static const unsigned numbers[] = {9, 3, 7, 7}, index[] = {9, 1, 6};
	const gf *in[3];
	gf memory[4][500], *out[4];
	uintptr_t wrong = 0;

	for (unsigned i = 0; i < 4; i++)
		out[i] = memory[i];
	for (unsigned i = 0; i < 3; i++)
		in[i] = crowd->set->share[index[i]];
	for (unsigned turn = 0; turn < 50; turn++) {
		fec_encode(crowd->code, (const gf *const *)crowd->set->share, (gf *const *)out,
			numbers, 4, 500);
		for (unsigned i = 0; i < 4; i++)
			wrong += memcmp(out[i], crowd->set->share[numbers[i]], 500) != 0;
		fec_decode(crowd->code, in, (gf *const *)out, index, 500);
		wrong += memcmp(out[0], crowd->set->share[0], 500) != 0;
		wrong += memcmp(out[1], crowd->set->share[2], 500) != 0;
		fec_free(fec_new(7, 11));
	}
	return (void *)wrong;
}

static void eight_threads(void **state)
{
	CLEANUP(naive_set_free_at) struct naive_set *set = naive_set_new(3, 10, 500);
	CLEANUP(fec_free_at) fec_t *code = new_code(3, 10);
	struct crowd crowd = {code, set};
	pthread_t threads[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, one_of_the_crowd, &crowd), 0);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matrix),
		cmocka_unit_test(new_out_of_range),
		cmocka_unit_test(encode),
		cmocka_unit_test(decode),
		cmocka_unit_test(nothing_missing_needs_no_outputs),
		cmocka_unit_test(encode_misused),
		cmocka_unit_test(decode_misused),
		cmocka_unit_test(copy_of_the_struct),
		cmocka_unit_test(eight_threads),
	};

	return cmocka_run_group_tests_name("compat", tests, random_setup, NULL);
}
