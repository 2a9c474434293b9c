/* SPDX-License-Identifier: MIT */
/*
 * t_packs_wrong.c - places that lie. Whatever they do, what is read is right or nothing is read,
 * and the liar is named; and nothing counts as stored that a place only says it has.
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
#define LEAF 32768

struct small {
	struct poolfix *f;
	struct pool_ref ref;
	uint8_t *payload;
	struct place_mem_store *store; /* of share 1, a data share */
	char name[SHARE_NAME_SIZE];
	size_t head, size; /* of its file */
};

static void small_init(struct small *s)
{
	s->f = poolfix_new(&(struct poolfix_options){.places = 3});
	s->ref = poolfix_put(s->f, 2, 3, SMALL, &s->payload);
	s->store = poolfix_store(s->f, &s->ref, 1);
	poolfix_name(&s->ref, 1, s->name);
	s->head = share_head_size(3, SMALL);
	s->size = s->head + SMALL;
}

static void small_release(struct small *s)
{
	poolfix_free(s->f);
	mem_free(s->payload);
}

/* The pack is read rightly, and share 1's place is the liar. */
static void check_found(struct small *s, const char *what, size_t at)
{
	uint64_t before = poolfix_lies(s->f);
	uint8_t out[100];

	s->f->told = 0;
	poolfix_read(s->f, &s->ref, s->payload);
	if (s->f->told != 1 || s->f->told_share != 1 || s->f->told_code != SHERD_CORRUPT ||
		s->f->told_place != s->ref.places[1])
		fail_msg("%s at %zu: told %u times, share %u, place %u, code %d", what, at,
			s->f->told, s->f->told_share, s->f->told_place, s->f->told_code);
	if (poolfix_lies(s->f) != before + 1)
		fail_msg("%s at %zu: no lie was counted", what, at);
	/* a small range, too */
	assert_int_equal(packs_read(&s->f->packs, &s->ref, SMALL + 40000, 100, out, NULL, NULL), 0);
	assert_memory_equal(out, s->payload + SMALL + 40000, 100);
}

static void test_every_byte_of_the_head(void **state)
{
	struct small s;

	(void)state;
	small_init(&s);
	for (size_t at = 0; at < s.head; at++) {
		uint8_t mask = (uint8_t)(1 << random_below(8));

		assert_true(place_mem_corrupt(s.store, s.name, at, mask));
		check_found(&s, "flipped", at);
		assert_true(place_mem_corrupt(s.store, s.name, at, mask));
	}
	small_release(&s);
}

static void test_every_leaf(void **state)
{
	struct small s;

	(void)state;
	small_init(&s);
	for (size_t leaf = 0; leaf < SMALL / LEAF; leaf++)
		for (unsigned i = 0; i < 40; i++) {
			size_t in = i == 0 ? 0 : i == 1 ? LEAF - 1 : random_below(LEAF);
			size_t at = s.head + leaf * LEAF + in;

			assert_true(place_mem_corrupt(s.store, s.name, at, 0x10));
			check_found(&s, "flipped", at);
			assert_true(place_mem_corrupt(s.store, s.name, at, 0x10));
		}
	small_release(&s);
}

/* Put a file of another length at the place of share 1. */
static void cut_to(struct small *s, const uint8_t *file, size_t size)
{
	CLEANUP(place_free_at) struct place *place = NULL;
	struct iovec part = {NULL, size};
	CLEANUP(mem_free_at) uint8_t *copy = mem_aligned(64, s->size + 10);

	memcpy(copy, file, INT_MIN_OF(size, s->size));
	part.iov_base = copy;
	assert_true(place_mem_drop(s->store, s->name));
	assert_int_equal(place_mem_new(s->store, &place, NULL), 0);
	assert_int_equal(place_put(place, s->name, &part, 1, NULL), 0);
}

static void test_every_length(void **state)
{
	CLEANUP(place_free_at) struct place *place = NULL;
	CLEANUP(mem_free_at) uint8_t *file = NULL;
	struct pack_health health;
	struct small s;
	size_t got;

	(void)state;
	small_init(&s);
	assert_int_equal(place_mem_new(s.store, &place, NULL), 0);
	assert_int_equal(place_get_whole(place, s.name, s.size, &file, &got, NULL), 0);
	assert_int_equal(got, s.size);
	for (size_t size = 0; size < s.head; size++) {
		cut_to(&s, file, size);
		check_found(&s, "cut", size);
	}
	for (size_t leaf = 0; leaf <= SMALL / LEAF; leaf++)
		for (size_t d = 0; d < 3; d++) {
			size_t size = s.head + leaf * LEAF + d - 1;

			if (size >= s.size)
				continue;
			cut_to(&s, file, size);
			check_found(&s, "cut", size);
		}
	/* too long: no byte that is read is wrong, but a check sees it */
	cut_to(&s, file, s.size + 1);
	poolfix_read(s.f, &s.ref, s.payload);
	for (int depth = PACKS_DEPTH_STAT; depth <= PACKS_DEPTH_BODY; depth++) {
		assert_int_equal(packs_check(&s.f->packs, &s.ref, (enum packs_depth)depth, NULL, 0,
					 &health, NULL, NULL),
			0);
		assert_int_equal(health.shares[1], SHARE_BAD);
		assert_int_equal(health.good, 2);
	}
	small_release(&s);
}

/* Swap two objects that may be in two stores. */
static void exchange(struct place_mem_store *one, const char *one_name,
	struct place_mem_store *other, const char *other_name, size_t size)
{
	struct place *places[2];
	uint8_t *files[2];
	size_t got[2];

	assert_int_equal(place_mem_new(one, &places[0], NULL), 0);
	assert_int_equal(place_mem_new(other, &places[1], NULL), 0);
	assert_int_equal(place_get_whole(places[0], one_name, size, &files[0], &got[0], NULL), 0);
	assert_int_equal(place_get_whole(places[1], other_name, size, &files[1], &got[1], NULL), 0);
	assert_int_equal(place_remove(places[0], one_name, NULL), 0);
	assert_int_equal(place_remove(places[1], other_name, NULL), 0);
	assert_int_equal(
		place_put(places[0], one_name, &(struct iovec){files[1], got[1]}, 1, NULL), 0);
	assert_int_equal(
		place_put(places[1], other_name, &(struct iovec){files[0], got[0]}, 1, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		mem_free(files[i]);
		place_free(places[i]);
	}
}

static void test_swapped(void **state)
{
	struct small s;
	CLEANUP(mem_free_at) uint8_t *payload = NULL;
	struct pool_ref other;
	char name[SHARE_NAME_SIZE];
	uint8_t out[16];

	(void)state;
	small_init(&s);
	/* another pack's, of another pool as well: the fixture makes a new pool id for each */
	other = poolfix_put(s.f, 2, 3, SMALL, &payload);
	poolfix_name(&other, 1, name);
	exchange(s.store, s.name, poolfix_store(s.f, &other, 1), name, s.size);
	check_found(&s, "another pack's share", 0);
	exchange(s.store, s.name, poolfix_store(s.f, &other, 1), name, s.size);
	/* the same pack's, under the other number: two are wrong then, of three */
	poolfix_name(&s.ref, 2, name);
	exchange(s.store, s.name, poolfix_store(s.f, &s.ref, 2), name, s.size);
	assert_int_equal(packs_read(&s.f->packs, &s.ref, 0, 16, out, NULL, NULL), 0);
	assert_memory_equal(out, s.payload, 16);
	assert_int_equal(packs_read(&s.f->packs, &s.ref, SMALL, 16, out, NULL, NULL), SHERD_LOST);
	exchange(s.store, s.name, poolfix_store(s.f, &s.ref, 2), name, s.size);
	poolfix_read(s.f, &s.ref, s.payload);
	small_release(&s);
}

static void test_lying_reads(void **state)
{
	static const enum wrap_fault lies[] = {
		WRAP_FAULT_FLIP, WRAP_FAULT_GARBAGE, WRAP_FAULT_EMPTY};
	struct small s;

	(void)state;
	small_init(&s);
	for (size_t i = 0; i < ARRAY_COUNT(lies); i++) {
		poolfix_break(s.f, s.ref.places[1], lies[i], 0);
		check_found(&s, "a lying place", i);
	}
	/* NOTFOUND is told, and is no lie */
	poolfix_break(s.f, s.ref.places[1], WRAP_FAULT_ABSENT, 0);
	uint64_t before = poolfix_lies(s.f);
	s.f->told = 0;
	poolfix_read(s.f, &s.ref, s.payload);
	assert_int_equal(s.f->told, 1);
	assert_int_equal(s.f->told_code, SHERD_NOTFOUND);
	assert_int_equal(poolfix_lies(s.f), before);
	small_release(&s);
}

/* m - k + 1 bad ones: LOST, and not one byte that is wrong. */
static void test_too_many_liars(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 6});
	CLEANUP(mem_free_at) uint8_t *payload = NULL;
	CLEANUP(mem_free_at) uint8_t *out = mem_aligned(4096, (size_t)4 * SMALL);
	struct pool_ref ref = poolfix_put(f, 4, 6, SMALL, &payload);
	char name[SHARE_NAME_SIZE];
	struct sherd_error err;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		poolfix_name(&ref, 2 * i, name);
		assert_true(place_mem_corrupt(
			poolfix_store(f, &ref, 2 * i), name, 8192 + 40000 + i, 1));
	}
	assert_int_equal(packs_read_all(&f->packs, &ref, out, NULL, &err), SHERD_LOST);
	assert_non_null(strstr(err.message, "bad (leaf 1)"));
	/* leaf 0 of every share is good */
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(packs_read(&f->packs, &ref, i * SMALL, 30000, out, NULL, NULL), 0);
		assert_memory_equal(out, payload + (size_t)i * SMALL, 30000);
	}
}

/* --- putting --- */

struct putting {
	struct pack_put_result result;
	int code;
	unsigned liar; /* share at place 2 */
};

static void put_with(enum wrap_fault what, unsigned verify, struct putting *ret)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 3});
	struct pack_buffer *buffer;
	struct pool_ref ref = poolfix_code(f, 2, 3, SMALL << 2, &buffer);

	f->packs.verify = verify;
	poolfix_break(f, 2, what, 1U << WRAP_CALL_PUT);
	ret->code = packs_put(&f->packs, buffer, &ref, 3, &ret->result, NULL);
	for (unsigned i = 0; i < 3; i++)
		if (ret->result.ref.places[i] == 2)
			ret->liar = i;
	assert_int_equal(ret->result.bytes,
		ret->result.verified * (share_head_size(3, SMALL << 2) + (SMALL << 2)));
	pack_buffer_unref(buffer);
}

static void test_lying_puts(void **state)
{
	struct putting p;
	unsigned seen = 0;

	(void)state;
	put_with(WRAP_FAULT_LOSE, PACKS_VERIFY_SAMPLE, &p);
	assert_int_equal(p.code, SHERD_QUORUM);
	assert_int_equal(p.result.verified, 2);
	assert_int_equal(p.result.code[p.liar], SHERD_NOTFOUND);
	put_with(WRAP_FAULT_TORN, PACKS_VERIFY_SAMPLE, &p);
	assert_int_equal(p.code, SHERD_QUORUM);
	assert_int_equal(p.result.code[p.liar], SHERD_CORRUPT);
	/* one bit in the middle: FULL finds it always, SAMPLE by luck, one leaf of eight here */
	put_with(WRAP_FAULT_FLIP, PACKS_VERIFY_FULL, &p);
	assert_int_equal(p.result.code[p.liar], SHERD_CORRUPT);
	for (unsigned i = 0; i < 60; i++) {
		put_with(WRAP_FAULT_FLIP, PACKS_VERIFY_SAMPLE, &p);
		seen += p.code != 0;
	}
	assert_in_range(seen, 1, 40);
	/* and who does not look believes all of it */
	put_with(WRAP_FAULT_LOSE, PACKS_VERIFY_NONE, &p);
	assert_true(p.code == 0 && p.result.verified == 3);
	put_with(WRAP_FAULT_TORN, PACKS_VERIFY_NONE, &p);
	assert_true(p.code == 0 && p.result.verified == 3);
	put_with(WRAP_FAULT_FLIP, PACKS_VERIFY_NONE, &p);
	assert_true(p.code == 0 && p.result.verified == 3);
}

static void test_failing_puts(void **state)
{
	static const struct {
		enum wrap_fault what;
		int code;
	} faults[] = {{WRAP_FAULT_IO, SHERD_IO}, {WRAP_FAULT_OFFLINE, SHERD_OFFLINE},
		{WRAP_FAULT_NOSPACE, SHERD_NOSPACE}, {WRAP_FAULT_DENIED, SHERD_DENIED},
		{WRAP_FAULT_DONE_IO, SHERD_IO}};
	struct putting p;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
		put_with(faults[i].what, PACKS_VERIFY_SAMPLE, &p);
		assert_int_equal(p.code, SHERD_QUORUM);
		assert_int_equal(p.result.verified, 2);
		assert_int_equal(p.result.code[p.liar], faults[i].code);
	}
}

/* What is there already counts if it is right, to the last byte. */
static void test_there_already(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 3});
	struct pack_buffer *buffer;
	struct pool_ref ref = poolfix_code(f, 2, 3, SMALL, &buffer);
	struct pack_put_result result;
	struct sherd_error err;
	char name[SHARE_NAME_SIZE];

	(void)state;
	assert_int_equal(packs_put(&f->packs, buffer, &ref, 3, &result, NULL), 0);
	assert_int_equal(packs_put(&f->packs, buffer, &ref, 3, &result, NULL), 0);
	assert_int_equal(result.verified, 3);
	poolfix_name(&ref, 2, name);
	assert_true(place_mem_corrupt(f->store[result.ref.places[2] - 1], name, 50000, 4));
	for (unsigned verify = PACKS_VERIFY_SAMPLE; verify <= PACKS_VERIFY_NONE; verify++) {
		f->packs.verify = verify;
		assert_int_equal(packs_put(&f->packs, buffer, &ref, 2, &result, NULL), 0);
		assert_int_equal(result.verified, 2);
		assert_int_equal(result.code[2], SHERD_CORRUPT);
	}
	assert_int_equal(packs_put(&f->packs, buffer, &ref, 3, &result, &err), SHERD_QUORUM);
	assert_non_null(strstr(err.message, "(leaf 1)"));
	for (unsigned i = 0; i < 3; i++)
		f->members[i].writable = false;
	assert_int_equal(packs_put(&f->packs, buffer, &ref, 2, &result, &err), SHERD_QUORUM);
	assert_int_equal(result.verified, 0);
	pack_buffer_unref(buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_of_the_head),
		cmocka_unit_test(test_every_leaf),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_swapped),
		cmocka_unit_test(test_lying_reads),
		cmocka_unit_test(test_too_many_liars),
		cmocka_unit_test(test_lying_puts),
		cmocka_unit_test(test_failing_puts),
		cmocka_unit_test(test_there_already),
	};

	return cmocka_run_group_tests(tests, random_setup, NULL);
}
