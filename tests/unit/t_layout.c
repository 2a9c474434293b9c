/* SPDX-License-Identifier: MIT */
/*
 * t_layout.c - which place gets which share: evenly, no more than its part, domains first, and with
 * few changes when a place comes. The spare, against trying every set of domains.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <base/intmath.h>
#include <pool/packs.h>
#include "naive.h"

#define NONCES 10000

/* Members are not looked into by layout: a set without any place behind it. */
static struct packs set_of(struct packs_member *members, size_t count)
{
	for (size_t i = 0; i < count; i++)
		members[i] = (struct packs_member){
			.number = (uint16_t)(i + 1), .domain = "", .writable = true};
	return (struct packs){.members = members, .count = count};
}

static void nonce_of(unsigned n, uint8_t nonce[POOL_NONCE_SIZE])
{
	memset(nonce, 0, POOL_NONCE_SIZE);
	memcpy(nonce, &n, sizeof(n)); /* nonces that differ little are as good as any */
}

static void test_balance(void **state)
{
	static const struct {
		unsigned places, m;
	} shapes[] = {{5, 5}, {7, 5}, {3, 5}, {5, 12}, {16, 3}, {5, 64}, {1, 3}};
	struct packs_member members[POOL_PLACES_MAX];

	(void)state;
	for (size_t s = 0; s < ARRAY_COUNT(shapes); s++) {
		unsigned places = shapes[s].places, m = shapes[s].m;
		struct packs packs = set_of(members, places);
		static unsigned held[POOL_PLACES_MAX + 1][POOL_SHARES_MAX];
		unsigned nonces = m > 20 ? NONCES / 10 : NONCES;

		memset(held, 0, sizeof(held));
		for (unsigned n = 0; n < nonces; n++) {
			uint8_t nonce[POOL_NONCE_SIZE];
			uint16_t where[POOL_SHARES_MAX];
			unsigned count[POOL_PLACES_MAX + 1] = {0};

			nonce_of(n, nonce);
			assert_int_equal(layout_choose(&packs, nonce, m, where, NULL), 0);
			for (unsigned i = 0; i < m; i++) {
				assert_in_range(where[i], 1, places);
				held[where[i]][i]++;
				assert_true(++count[where[i]] <= int_div_up(m, places));
			}
			for (unsigned i = m; i < POOL_SHARES_MAX; i++)
				assert_int_equal(where[i], POOL_PLACE_NONE);
		}
		for (unsigned p = 1; p <= places; p++) {
			unsigned total = 0, even = nonces * m / places;

			for (unsigned i = 0; i < m; i++)
				total += held[p][i];
			assert_in_range(total, even - even / 20 - 60, even + even / 20 + 60);
			/* and each number is as likely as any other */
			for (unsigned i = 0; m < 20 && i < m; i++)
				assert_in_range(held[p][i], nonces / places * 85 / 100,
					nonces / places * 115 / 100 + 1);
		}
	}
}

/* Weights count where there are more places than shares. */
static void test_weights(void **state)
{
	struct packs_member members[4];
	struct packs packs = set_of(members, 4);
	unsigned held[5] = {0};

	(void)state;
	members[3].weight = 3; /* the others have 1 */
	for (unsigned n = 0; n < NONCES; n++) {
		uint8_t nonce[POOL_NONCE_SIZE];
		uint16_t where[POOL_SHARES_MAX];

		nonce_of(n, nonce);
		assert_int_equal(layout_choose(&packs, nonce, 1, where, NULL), 0);
		held[where[0]]++;
	}
	assert_in_range(held[4], NONCES / 2 * 95 / 100, NONCES / 2 * 105 / 100);
	assert_in_range(held[1], NONCES / 6 * 90 / 100, NONCES / 6 * 110 / 100);
}

static void test_domains(void **state)
{
	struct packs_member members[6];
	struct packs packs = set_of(members, 6);

	(void)state;
	members[0].domain = members[1].domain = members[2].domain = "attic";
	members[3].domain = members[4].domain = "cellar";
	for (unsigned n = 0; n < 1000; n++) {
		uint8_t nonce[POOL_NONCE_SIZE];
		uint16_t where[POOL_SHARES_MAX];
		unsigned attic = 0, cellar = 0;

		nonce_of(n, nonce);
		assert_int_equal(layout_choose(&packs, nonce, 3, where, NULL), 0);
		for (unsigned i = 0; i < 3; i++) {
			attic += where[i] <= 3;
			cellar += where[i] == 4 || where[i] == 5;
		}
		assert_true(attic == 1 && cellar == 1); /* and one for place 6 */
		/* 5 shares at 6 places: one each at most, so attic has to take 2 */
		assert_int_equal(layout_choose(&packs, nonce, 5, where, NULL), 0);
		for (unsigned i = attic = 0; i < 5; i++)
			attic += where[i] <= 3;
		assert_int_equal(attic, 2);
	}
	/* within the domain evenly */
	unsigned held[7] = {0};
	for (unsigned n = 0; n < NONCES; n++) {
		uint8_t nonce[POOL_NONCE_SIZE];
		uint16_t where[POOL_SHARES_MAX];

		nonce_of(n, nonce);
		assert_int_equal(layout_choose(&packs, nonce, 3, where, NULL), 0);
		for (unsigned i = 0; i < 3; i++)
			held[where[i]]++;
	}
	for (unsigned p = 1; p <= 3; p++)
		assert_in_range(held[p], NONCES / 3 * 95 / 100, NONCES / 3 * 105 / 100);
}

static void test_writable_only(void **state)
{
	struct packs_member members[4];
	struct packs packs = set_of(members, 4);
	uint8_t nonce[POOL_NONCE_SIZE] = {1};
	uint16_t where[POOL_SHARES_MAX], again[POOL_SHARES_MAX];
	struct sherd_error err;

	(void)state;
	members[1].writable = false;
	assert_int_equal(layout_choose(&packs, nonce, 6, where, NULL), 0);
	for (unsigned i = 0; i < 6; i++)
		assert_int_not_equal(where[i], 2);
	assert_int_equal(layout_choose(&packs, nonce, 6, again, NULL), 0);
	assert_memory_equal(where, again, sizeof(where));
	/* the order of the members does not matter */
	struct packs_member first = members[0];
	members[0] = members[3];
	members[3] = first;
	assert_int_equal(layout_choose(&packs, nonce, 6, again, NULL), 0);
	assert_memory_equal(where, again, sizeof(where));
	for (unsigned i = 0; i < 4; i++)
		members[i].writable = false;
	assert_int_equal(layout_choose(&packs, nonce, 6, again, &err), SHERD_QUORUM);
}

/* A new place takes its part, and little else moves. */
static void test_movement(void **state)
{
	static const struct {
		unsigned places, m, percent; /* at most, of all shares */
	} shapes[] = {{7, 5, 27}, {5, 5, 40}, {15, 6, 16}, {3, 3, 50}};
	struct packs_member members[POOL_PLACES_MAX];

	(void)state;
	for (size_t s = 0; s < ARRAY_COUNT(shapes); s++) {
		unsigned moved = 0, gained = 0, m = shapes[s].m;

		for (unsigned n = 0; n < 3000; n++) {
			struct packs packs = set_of(members, shapes[s].places);
			uint8_t nonce[POOL_NONCE_SIZE];
			uint16_t before[POOL_SHARES_MAX], after[POOL_SHARES_MAX];

			nonce_of(n, nonce);
			assert_int_equal(layout_choose(&packs, nonce, m, before, NULL), 0);
			packs = set_of(members, shapes[s].places + 1);
			assert_int_equal(layout_choose(&packs, nonce, m, after, NULL), 0);
			for (unsigned i = 0; i < m; i++) {
				moved += before[i] != after[i];
				gained += after[i] == shapes[s].places + 1;
			}
		}
		/* the new place has its part, and what moved besides is bounded */
		assert_in_range(gained * 100 / (3000 * m), 100 / (shapes[s].places + 1) - 2,
			100 / (shapes[s].places + 1) + 2);
		print_message("# %u places, m = %u: %u%% moved, %u%% to the new one\n",
			shapes[s].places, m, moved * 100 / (3000 * m), gained * 100 / (3000 * m));
		assert_true(moved * 100 <= shapes[s].percent * 3000 * m);
	}
}

/* --- the spare --- */

/* The smallest number of domains that can vanish with fewer than k left, less one. */
static int brute(
	const struct packs *packs, unsigned k, unsigned m, const uint16_t *places, const bool *good)
{
	unsigned domains = 5, best = domains + 1;

	for (unsigned gone = 0; gone < 1U << domains; gone++) {
		unsigned left = 0;

		for (unsigned i = 0; i < m; i++) {
			unsigned p = places[i];

			if (!good[i] || p < 1 || p > packs->count)
				continue;
			left += !(gone >> (packs->members[p - 1].domain[0] - 'a') & 1);
		}
		if (left < k)
			best = INT_MIN_OF(best, (unsigned)__builtin_popcount(gone));
	}
	return (int)best - 1;
}

static void test_spare(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e"};
	struct packs_member members[8];

	(void)state;
	for (unsigned n = 0; n < 3000; n++) {
		struct packs packs = set_of(members, 8);
		unsigned m = 1 + random_below(10), k = 1 + random_below(m);
		uint16_t places[POOL_SHARES_MAX];
		bool good[POOL_SHARES_MAX];

		for (unsigned i = 0; i < 8; i++)
			members[i].domain = names[random_below(5)];
		for (unsigned i = 0; i < m; i++) {
			places[i] = (uint16_t)random_below(10); /* 0 and 9 are nowhere */
			good[i] = random_below(6) > 0;
		}
		assert_int_equal(layout_spare(&packs, k, m, places, good),
			brute(&packs, k, m, places, good));
	}
	/* without domains each place is one; NULL: all are good */
	struct packs packs = set_of(members, 5);
	uint16_t places[] = {1, 2, 3, 4, 5};
	assert_int_equal(layout_spare(&packs, 3, 5, places, NULL), 2);
	assert_int_equal(layout_spare(&packs, 5, 5, places, NULL), 0);
	places[4] = 1;
	assert_int_equal(layout_spare(&packs, 3, 5, places, NULL), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_balance),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_writable_only),
		cmocka_unit_test(test_movement),
		cmocka_unit_test(test_spare),
	};

	return cmocka_run_group_tests(tests, random_setup, NULL);
}
