/* SPDX-License-Identifier: MIT */
/*
 * t_repair.c - looking at packs and making shares again: after every loss that can be mended, with
 * places that refuse, with a process that dies at any call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include "naive.h"
#include "poolfix.h"

#define SMALL (64u << 10)

static struct pack_health look(struct poolfix *f, const struct pool_ref *ref)
{
	struct pack_health health;

	assert_int_equal(
		packs_check(&f->packs, ref, PACKS_DEPTH_BODY, NULL, 0, &health, &f->watch, NULL),
		0);
	return health;
}

static void spoil(struct poolfix *f, const struct pool_ref *ref, unsigned share)
{
	char name[SHARE_NAME_SIZE];

	poolfix_name(ref, share, name);
	assert_true(place_mem_corrupt(poolfix_store(f, ref, share), name, 4096 + 777, 0x80));
}

/* --- check --- */

static void test_check(void **state)
{
	CLEANUP(mem_free_at) uint8_t *payload = NULL;
	CLEANUP(mem_free_at) uint8_t *bodies = mem_aligned(4096, (size_t)5 * SMALL);
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 6});
	struct pool_ref ref = poolfix_put(f, 3, 5, SMALL, &payload), stale;
	struct pack_health health = look(f, &ref);

	(void)state;
	assert_int_equal(health.good, 5);
	assert_int_equal(health.spare, 2);
	spoil(f, &ref, 0);
	poolfix_drop(f, &ref, 3);
	poolfix_break(f, ref.places[4], WRAP_FAULT_OFFLINE, 0);
	assert_int_equal(packs_check(&f->packs, &ref, PACKS_DEPTH_BODY, bodies, 5 * SMALL, &health,
				 &f->watch, NULL),
		0);
	assert_int_equal(health.shares[0], SHARE_BAD);
	assert_int_equal(health.shares[1], SHARE_GOOD);
	assert_int_equal(health.shares[3], SHARE_MISSING);
	assert_int_equal(health.shares[4], SHARE_UNREACHABLE);
	assert_int_equal(health.good, 2);
	assert_int_equal(health.spare, -1);
	assert_int_equal(f->told, 2);
	assert_memory_equal(bodies + SMALL, payload + SMALL, (size_t)2 * SMALL);
	/* a wrong body is not seen by a look at the head, nor a wrong head by its size */
	assert_int_equal(
		packs_check(&f->packs, &ref, PACKS_DEPTH_HEAD, NULL, 0, &health, NULL, NULL), 0);
	assert_int_equal(health.shares[0], SHARE_GOOD);
	/* found where it is not recorded */
	poolfix_mend(f);
	stale = ref;
	stale.places[1] = ref.places[2];
	stale.places[2] = 99;
	health = look(f, &stale);
	assert_int_equal(health.shares[1], SHARE_GOOD);
	assert_int_equal(health.places[1], ref.places[1]);
	assert_int_equal(health.places[2], ref.places[2]);
	assert_int_equal(packs_check(&f->packs, &ref, PACKS_DEPTH_BODY, bodies, 4 * SMALL, &health,
				 NULL, NULL),
		SHERD_INVALID);
}

/* A place that once forgets what it has: asked again, it remembers. */
static void test_absence_is_asked_twice(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 3});
	struct pool_ref ref = poolfix_put(f, 2, 3, SMALL, NULL);
	struct pack_health health;

	(void)state;
	poolfix_drop(f, &ref, 1);
	atomic_store(&f->calls, 0);
	assert_int_equal(
		packs_check(&f->packs, &ref, PACKS_DEPTH_STAT, NULL, 0, &health, NULL, NULL), 0);
	/* three, then two others for share 1, then its own place again */
	assert_int_equal(atomic_load(&f->calls), 6);
	assert_int_equal(health.shares[1], SHARE_MISSING);
}

/* --- repair --- */

static void check_repaired(struct poolfix *f, const struct pool_ref *ref, unsigned m)
{
	struct pack_health health = look(f, ref);
	unsigned held[POOLFIX_PLACES + 1] = {0};
	unsigned objects = 0;

	assert_int_equal(health.good, m);
	for (unsigned i = 0; i < m; i++) {
		assert_int_equal(health.places[i], ref->places[i]);
		held[ref->places[i]]++;
	}
	for (unsigned i = 1; i <= f->count; i++) {
		assert_true(held[i] <= (m + f->count - 1) / f->count);
		objects += (unsigned)place_mem_count(f->store[i - 1]);
	}
	assert_int_equal(objects, m); /* no bad one was left */
}

static void repair_subset(unsigned k, unsigned m, unsigned places, unsigned lost)
{
	CLEANUP(mem_free_at) uint8_t *payload = NULL;
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = places});
	struct pool_ref ref = poolfix_put(f, k, m, SMALL, &payload), now;
	struct pack_health health;
	struct sherd_error err;
	unsigned written, count = 0;

	for (unsigned i = 0; i < m; i++) {
		if (!(lost >> i & 1))
			continue;
		if (count++ % 2)
			spoil(f, &ref, i);
		else
			poolfix_drop(f, &ref, i);
	}
	health = look(f, &ref);
	assert_int_equal(health.good, m - count);
	if (packs_repair(&f->packs, &ref, &health, &now, &written, &err) != 0)
		fail_msg("lost %x: %s", lost, err.message);
	assert_int_equal(written, count);
	check_repaired(f, &now, m);
	poolfix_read(f, &now, payload);
}

static void test_every_loss(void **state)
{
	(void)state;
	for (unsigned lost = 0; lost < 1U << 5; lost++)
		if (__builtin_popcount(lost) <= 2)
			repair_subset(3, 5, 5 + lost % 3, lost);
	for (unsigned lost = 0; lost < 1U << 6; lost++)
		if (__builtin_popcount(lost) <= 4)
			repair_subset(2, 6, 4, lost);
	for (unsigned lost = 1; lost < 7; lost++)
		repair_subset(1, 3, 3, lost);
}

static void test_too_much(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 5});
	struct pool_ref ref = poolfix_put(f, 3, 5, SMALL, NULL), now;
	struct pack_health health;
	unsigned written;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		poolfix_drop(f, &ref, i);
	poolfix_break(f, ref.places[4], WRAP_FAULT_OFFLINE, 0);
	health = look(f, &ref);
	assert_int_equal(
		packs_repair(&f->packs, &ref, &health, &now, &written, NULL), SHERD_QUORUM);
	poolfix_mend(f);
	poolfix_drop(f, &ref, 4);
	health = look(f, &ref);
	assert_int_equal(packs_repair(&f->packs, &ref, &health, &now, &written, NULL), SHERD_LOST);
	assert_int_equal(written, 0);
	assert_memory_equal(&now.id, &ref.id, sizeof(ref.id));
}

/* A place leaves the set; its shares are made again elsewhere. */
static void test_place_leaves(void **state)
{
	CLEANUP(mem_free_at) uint8_t *payload = NULL;
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 5});
	struct pool_ref ref = poolfix_put(f, 3, 5, SMALL, &payload), now;
	struct pack_health health = look(f, &ref);
	unsigned written;

	(void)state;
	f->packs.count = 4; /* p5 is gone */
	assert_int_equal(packs_repair(&f->packs, &ref, &health, &now, &written, NULL), 0);
	assert_int_equal(written, 1);
	for (unsigned i = 0; i < 5; i++)
		assert_in_range(now.places[i], 1, 4);
	poolfix_read(f, &now, payload);
	/* a look at the new set says the same */
	health = look(f, &ref);
	assert_int_equal(health.good, 5);
}

/* What refuses is passed over, and named when nobody else is left. */
static void test_refusals(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 5});
	struct pool_ref ref = poolfix_put(f, 2, 4, SMALL, NULL), now;
	struct pack_health health;
	struct sherd_error err;
	unsigned written;

	(void)state;
	poolfix_drop(f, &ref, 0);
	health = look(f, &ref);
	poolfix_break(f, ref.places[0], WRAP_FAULT_NOSPACE, 0);
	assert_int_equal(packs_repair(&f->packs, &ref, &health, &now, &written, &err), 0);
	assert_int_equal(written, 1);
	assert_int_not_equal(now.places[0], ref.places[0]);
	poolfix_drop(f, &now, 0);
	health = look(f, &now);
	for (unsigned i = 1; i <= 5; i++)
		poolfix_break(f, i, WRAP_FAULT_NOSPACE, 0);
	assert_int_equal(
		packs_repair(&f->packs, &now, &health, &ref, &written, &err), SHERD_NOSPACE);
	assert_int_equal(written, 0);
	/* a place that will not delete keeps its bad share; the new one goes elsewhere */
	poolfix_mend(f);
	spoil(f, &now, 1);
	health = look(f, &now);
	poolfix_break(f, now.places[1], WRAP_FAULT_DENIED, 0);
	assert_int_equal(packs_repair(&f->packs, &now, &health, &ref, &written, &err), 0);
	assert_int_equal(written, 2);
	assert_int_not_equal(ref.places[1], now.places[1]);
}

/* A lying place is not believed when it says that it has the new share. */
static void test_new_share_is_read_back(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 3});
	struct pool_ref ref = poolfix_put(f, 2, 3, SMALL, NULL), now;
	struct pack_health health;
	unsigned written;

	(void)state;
	poolfix_drop(f, &ref, 0);
	health = look(f, &ref);
	f->packs.verify = PACKS_VERIFY_NONE;
	poolfix_break(f, ref.places[0], WRAP_FAULT_FLIP, 1U << WRAP_CALL_PUT);
	assert_int_not_equal(packs_repair(&f->packs, &ref, &health, &now, &written, NULL), 0);
	assert_int_equal(written, 0);
	assert_int_equal(look(f, &ref).good, 2);
}

/* The new one goes elsewhere, and then the bad one is removed. */
static void test_bad_one_goes(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 4});
	struct pool_ref ref = poolfix_put(f, 2, 3, SMALL, NULL), now;
	struct pack_health health;
	unsigned written, old = ref.places[0];

	(void)state;
	spoil(f, &ref, 0);
	health = look(f, &ref);
	f->members[old - 1].writable = false;
	assert_int_equal(packs_repair(&f->packs, &ref, &health, &now, &written, NULL), 0);
	assert_int_equal(written, 1);
	assert_int_not_equal(now.places[0], old);
	assert_int_equal(place_mem_count(f->store[old - 1]), 0);
	check_repaired(f, &now, 3);
}

/* The health is old: what was bad is right again, and must not be removed. */
static void test_old_health(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 5});
	struct pool_ref ref = poolfix_put(f, 3, 5, SMALL, NULL), now;
	struct pack_health health = look(f, &ref);
	unsigned written;

	(void)state;
	health.shares[0] = health.shares[4] = SHARE_BAD;
	assert_int_equal(packs_repair(&f->packs, &ref, &health, &now, &written, NULL), 0);
	check_repaired(f, &now, 5);
}

/* --- a crash at each call --- */

static bool crash_at(unsigned long n, unsigned lost)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 5});
	struct pool_ref ref = poolfix_put(f, 3, 5, SMALL, NULL), now;
	struct pack_health health;
	unsigned written, count = 0;
	unsigned long made;
	int r;

	for (unsigned i = 0; i < 5; i++)
		if (lost >> i & 1) {
			if (count++ % 2)
				poolfix_drop(f, &ref, i);
			else
				spoil(f, &ref, i);
		}
	health = look(f, &ref);
	assert_int_equal(health.good, 5 - count);
	atomic_store(&f->calls, 0);
	atomic_store(&f->offline_from, n);
	r = packs_repair(&f->packs, &ref, &health, &now, &written, NULL);
	made = atomic_load(&f->calls);
	poolfix_mend(f);
	health = look(f, &ref);
	assert_true(health.good >= 5 - count);
	assert_true(health.good >= 5 - count + written);
	return r == 0 && made < n;
}

static void test_crash(void **state)
{
	static const unsigned losses[] = {1, 2, 3, 9, 18, 24};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(losses); i++) {
		unsigned long n = 1;

		while (!crash_at(n, losses[i]))
			n++;
		assert_in_range(n, 8, 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_absence_is_asked_twice),
		cmocka_unit_test(test_every_loss),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_place_leaves),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_new_share_is_read_back),
		cmocka_unit_test(test_bad_one_goes),
		cmocka_unit_test(test_old_health),
		cmocka_unit_test(test_crash),
	};

	return cmocka_run_group_tests(tests, random_setup, NULL);
}
