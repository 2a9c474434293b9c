/* SPDX-License-Identifier: MIT */
/*
 * t_locate.c - finding wrong shares: as many as (n - k) / 2 are always found, however they are
 * wrong; what cannot be told is MISMATCH (misuse: t_fecmisuse.c). Small cases are compared with a
 * search of all subsets.
 */
#include <limits.h>
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
#include <sherd/fec.h>
#include "naive.h"

#define CANARY 0x77

DEFINE_CLEANUP(struct sherd_fec, sherd_fec_free)
DEFINE_CLEANUP(struct sherd_fec_plan, sherd_fec_plan_free)
DEFINE_CLEANUP(struct naive_set, naive_set_free)

/* n of the m shares of a set, in random order, some of them spoiled. */
struct hand {
	struct naive_set *set;
	struct sherd_fec *code;
	unsigned count;
	unsigned number[NAIVE_SHARES_MAX];
	const uint8_t *block[NAIVE_SHARES_MAX];
	uint8_t wrong[NAIVE_SHARES_MAX]; /* what is to be found */
	unsigned wrong_count;
};

static void deal(struct hand *h, unsigned k, unsigned n, unsigned m, size_t size)
{
	*h = (struct hand){.set = naive_set_new(k, m, size), .count = n};
	assert_int_equal(sherd_fec_new(k, m, NULL, &h->code, NULL), 0);
	random_order(m, h->number);
	for (unsigned i = 0; i < n; i++)
		h->block[i] = h->set->share[h->number[i]];
}

static void put_away(struct hand *h)
{
	sherd_fec_free(h->code);
	naive_set_free(h->set);
}

static void spoil_byte(struct hand *h, unsigned i, size_t at)
{
	h->set->share[h->number[i]][at] ^= (uint8_t)(1 + random_below(255));
	h->wrong_count += !h->wrong[i];
	h->wrong[i] = 1;
}

enum manner { EVERYWHERE, ONE_BYTE, SAME_COLUMNS, ENDS, MANNERS };

static void spoil(struct hand *h, unsigned i, enum manner manner)
{
	size_t size = h->set->size;

	switch (manner) {
	case EVERYWHERE:
		for (size_t c = 0; c < size; c++)
			spoil_byte(h, i, c);
		break;
	case ONE_BYTE:
		spoil_byte(h, i, random_below((unsigned)size));
		break;
	case SAME_COLUMNS:
		for (size_t c = size / 2; c < size && c < size / 2 + 3; c++)
			spoil_byte(h, i, c);
		break;
	default:
		spoil_byte(h, i, i & 1 ? size - 1 : 0);
		break;
	}
}

static void expect_found(const struct hand *h)
{
	uint8_t wrong[NAIVE_SHARES_MAX + 1];
	struct sherd_error err = {.code = 5};
	size_t count = 12345;

	memset(wrong, CANARY, sizeof(wrong));
	if (sherd_fec_locate(
		    h->code, h->number, h->block, h->count, h->set->size, wrong, &count, &err))
		fail_msg("(%u of %u, m %u) size %zu, %u wrong: %s", h->set->k, h->count, h->set->m,
			h->set->size, h->wrong_count, err.message);
	assert_int_equal(err.code, 5);
	assert_int_equal(count, h->wrong_count);
	assert_memory_equal(wrong, h->wrong, h->count);
	assert_int_equal(wrong[h->count], CANARY);
}

/* Do the shares that ${wrong} does not name agree? By computing all of them from the first k. */
static bool rest_agrees(const struct hand *h, const uint8_t *wrong)
{
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	unsigned number[NAIVE_SHARES_MAX];
	const uint8_t *block[NAIVE_SHARES_MAX];
	unsigned n = 0, k = h->set->k;

	for (unsigned i = 0; i < h->count; i++) {
		if (wrong[i])
			continue;
		number[n] = h->number[i];
		block[n++] = h->block[i];
	}
	assert_true(n >= k);
	assert_int_equal(sherd_fec_plan_new(h->code, number, number + k, n - k, &plan, NULL), 0);
	return sherd_fec_check(plan, block, block + k, h->set->size, NULL, NULL) == 0;
}

/* Too many are wrong: MISMATCH and nothing written, or a set which fits the definition. */
static bool expect_undecided(const struct hand *h)
{
	uint8_t wrong[NAIVE_SHARES_MAX], clean[NAIVE_SHARES_MAX];
	struct sherd_error err = {.code = 5};
	size_t count = 12345, sum = 0;
	int r;

	memset(wrong, CANARY, sizeof(wrong));
	memset(clean, CANARY, sizeof(clean));
	r = sherd_fec_locate(
		h->code, h->number, h->block, h->count, h->set->size, wrong, &count, &err);
	if (r) {
		assert_int_equal(r, SHERD_MISMATCH);
		assert_int_equal(err.code, SHERD_MISMATCH);
		assert_int_equal(count, 12345);
		assert_memory_equal(wrong, clean, sizeof(wrong));
		return true;
	}
	for (unsigned i = 0; i < h->count; i++) {
		assert_in_range(wrong[i], 0, 1);
		sum += wrong[i];
	}
	assert_int_equal(sum, count);
	assert_in_range(count, 0, (h->count - h->set->k) / 2);
	assert_true(rest_agrees(h, wrong));
	return false;
}

static void one_case(unsigned k, unsigned n, unsigned m, size_t size, unsigned bad)
{
	struct hand h;

	deal(&h, k, n, m, size);
	for (unsigned i = 0; i < bad && size; i++)
		spoil(&h, i, (enum manner)random_below(MANNERS));
	if (bad <= (n - k) / 2)
		expect_found(&h);
	else
		expect_undecided(&h);
	put_away(&h);
}

static void random_cases(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < 150; turn++) {
		unsigned m = 1 + random_below(turn % 10 ? 40 : 256);
		unsigned n = 1 + random_below(m), k = 1 + random_below(n);

		one_case(k, n, m, 1 + random_below(60), (n - k) / 2);
		one_case(k, n, m, 1 + random_below(60), random_below((n - k) / 2 + 1));
		if (n > k)
			one_case(k, n, m, 1 + random_below(60), (n - k) / 2 + 1);
	}
}

static void widest_codes(void **state)
{
	(void)state;
	one_case(1, 256, 256, 9, 127);
	one_case(2, 256, 256, 9, 127);
	one_case(128, 256, 256, 70, 64);
	one_case(128, 256, 256, 70, 65);
	one_case(254, 256, 256, 70, 1);
	one_case(255, 256, 256, 70, 0);
	one_case(256, 256, 256, 70, 0);
	one_case(1, 256, 256, 9, 128);
}

/* Every manner alone, all wrong ones alike: the same columns, the same byte. */
static void each_manner(void **state)
{
	(void)state;
	for (unsigned manner = 0; manner < MANNERS; manner++) {
		for (unsigned bad = 0; bad <= 6; bad++) {
			struct hand h;

			deal(&h, 5, 18, 20, 333);
			for (unsigned i = 0; i < bad; i++)
				spoil(&h, i, (enum manner)manner);
			expect_found(&h);
			put_away(&h);
		}
	}
}

static void tile_borders(void **state)
{
	static const size_t sizes[] = {1, 2, 8191, 8192, 8193, 16384, 20000};
	static const size_t places[] = {0, 8190, 8191, 8192, 16383, 19999};

	(void)state;
	one_case(3, 7, 9, 0, 0);
	one_case(3, 3, 9, 0, 0);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		for (unsigned bad = 0; bad <= 3; bad++)
			one_case(3, 8, 12, sizes[i], bad);
		for (size_t p = 0; p < ARRAY_COUNT(places); p++) {
			struct hand h;

			deal(&h, 3, 9, 12, sizes[i]);
			for (unsigned bad = 0; bad < 3; bad++) /* one after the other */
				if (places[p] + bad < sizes[i])
					spoil_byte(&h, 2 * bad, places[p] + bad);
			expect_found(&h);
			put_away(&h);
		}
	}
}

/* Each share of a code in turn, so that point 0 and every order have been wrong. */
static void each_share_wrong(void **state)
{
	static const unsigned shapes[][2] = {{1, 3}, {1, 10}, {2, 4}, {3, 10}, {7, 9}, {30, 32}};

	(void)state;
	for (size_t s = 0; s < ARRAY_COUNT(shapes); s++) {
		for (unsigned i = 0; i < shapes[s][1]; i++) {
			struct hand h;

			deal(&h, shapes[s][0], shapes[s][1], shapes[s][1], 40);
			spoil(&h, i, (enum manner)(i % MANNERS));
			expect_found(&h);
			put_away(&h);
		}
	}
}

static void nothing_to_compare(void **state)
{
	struct hand h;

	(void)state;
	for (unsigned k = 1; k <= 6; k++) {
		deal(&h, k, k, 9, 50);
		spoil(&h, 0, EVERYWHERE); /* nobody can know */
		h.wrong[0] = 0;
		h.wrong_count = 0;
		expect_found(&h);
		put_away(&h);

		deal(&h, k, k + 1, 9, 50); /* one too many to be right, too few to tell */
		expect_found(&h);
		spoil(&h, k, ONE_BYTE);
		assert_true(expect_undecided(&h));
		put_away(&h);
	}
}

/* The wrong ones agree with each other, and outvote the right ones: that is the definition. */
static void conspiracy(void **state)
{
	struct hand h;
	struct naive_set *other = naive_set_new(2, 9, 64);

	(void)state;
	deal(&h, 2, 9, 9, 64);
	for (unsigned i = 0; i < 6; i++)
		h.block[i] = other->share[h.number[i]];
	for (unsigned i = 6; i < 9; i++)
		h.wrong[i] = 1;
	h.wrong_count = 3;
	expect_found(&h);
	h.block[5] = h.set->share[h.number[5]]; /* five to four: none is few enough */
	assert_true(expect_undecided(&h));
	put_away(&h);
	naive_set_free(other);
}

/* Is there a set of at most (n - k) / 2 without which the rest agree? All subsets are tried. */
static bool search(const struct hand *h, uint8_t *ret_wrong)
{
	unsigned least = UINT_MAX;

	for (unsigned subset = 0; subset < 1U << h->count; subset++) {
		unsigned bits = (unsigned)__builtin_popcount(subset);
		uint8_t wrong[8];

		for (unsigned i = 0; i < h->count; i++)
			wrong[i] = subset >> i & 1;
		if (bits > (h->count - h->set->k) / 2 || bits >= least || !rest_agrees(h, wrong))
			continue;
		least = bits;
		memcpy(ret_wrong, wrong, h->count);
	}
	return least != UINT_MAX;
}

/* Any number of shares wrong, in one to three columns, with small errors that may well agree. */
static void like_a_search_of_all_subsets(void **state)
{
	unsigned found = 0, undecided = 0;

	(void)state;
	for (unsigned turn = 0; turn < 600; turn++) {
		unsigned n = 1 + random_below(7), k = 1 + random_below(n);
		unsigned spoiled = random_below(n + 1);
		struct hand h;

		deal(&h, k, n, n + random_below(3), 3);
		for (unsigned i = 0; i < spoiled; i++)
			h.set->share[h.number[random_below(n)]][random_below(3)] ^=
				(uint8_t)(1 + random_below(2));
		if (search(&h, h.wrong)) {
			h.wrong_count = 0;
			for (unsigned i = 0; i < n; i++)
				h.wrong_count += h.wrong[i];
			expect_found(&h);
			found++;
		} else {
			assert_true(expect_undecided(&h));
			undecided++;
		}
		put_away(&h);
	}
	assert_true(found > 50 && undecided > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_cases),
		cmocka_unit_test(widest_codes),
		cmocka_unit_test(each_manner),
		cmocka_unit_test(tile_borders),
		cmocka_unit_test(each_share_wrong),
		cmocka_unit_test(nothing_to_compare),
		cmocka_unit_test(conspiracy),
		cmocka_unit_test(like_a_search_of_all_subsets),
	};

	return cmocka_run_group_tests_name("locate", tests, random_setup, NULL);
}
