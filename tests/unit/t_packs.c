/* SPDX-License-Identifier: MIT */
/*
 * t_packs.c - packs that are coded, put and read: every k-subset of the places, ranges of any kind,
 * slow and silent places, packs as large as they get, memory that runs out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/workers.h>
#include "naive.h"
#include "poolfix.h"

#define SMALL (64u << 10)
#define MS UINT64_C(1000000)

static uint64_t now_ns(void)
{
	return env_system()->clock_monotonic_ns(env_system()->context);
}

static const struct {
	unsigned k, m;
} codes[] = {{1, 1}, {1, 3}, {2, 3}, {3, 5}, {4, 4}, {3, 6}, {10, 14}};

/* --- coding --- */

static void test_code_is_the_code(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 1});
	CLEANUP(sherd_workers_free_at) struct sherd_workers *workers = NULL;

	(void)state;
	assert_int_equal(sherd_workers_new(3, &workers, NULL), 0);
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
		unsigned k = codes[i].k, m = codes[i].m;
		struct pack_buffer *buffer;
		struct pool_ref ref;
		uint8_t *shares[POOL_SHARES_MAX];

		f->packs.workers = i % 2 ? workers : NULL;
		ref = poolfix_code(f, k, m, SMALL << 2, &buffer);
		for (unsigned s = 0; s < m; s++)
			shares[s] = mem_aligned(64, SMALL << 2);
		for (unsigned s = 0; s < k; s++)
			memcpy(shares[s], pack_buffer_payload(buffer) + (size_t)s * (SMALL << 2),
				SMALL << 2);
		naive_encode(k, m, SMALL << 2, shares);
		/* the bodies stand one behind the other */
		for (unsigned s = 0; s < m; s++) {
			assert_memory_equal(shares[s],
				pack_buffer_payload(buffer) + (size_t)s * (SMALL << 2), SMALL << 2);
			mem_free(shares[s]);
		}
		assert_true(ref.k == k && ref.m == m && ref.share_size == SMALL << 2);
		pack_buffer_unref(buffer);
	}
}

static void test_buffer(void **state)
{
	struct pack_buffer *b, *other;

	(void)state;
	assert_int_equal(pack_buffer_new(2, 3, SMALL << 2, &b, NULL), 0);
	assert_int_equal((uintptr_t)pack_buffer_payload(b) % 4096, 0);
	for (size_t i = 0; i < (size_t)2 * (SMALL << 2); i++)
		assert_int_equal(pack_buffer_payload(b)[i], 0);
	memset(pack_buffer_payload(b), 7, (size_t)2 * (SMALL << 2));
	assert_false(pack_buffer_reuse(b, SMALL << 4)); /* larger */
	other = pack_buffer_ref(b);
	assert_false(pack_buffer_reuse(b, SMALL)); /* held by another */
	pack_buffer_unref(other);
	assert_true(pack_buffer_reuse(b, SMALL));
	for (size_t i = 0; i < (size_t)2 * SMALL; i++)
		assert_int_equal(pack_buffer_payload(b)[i], 0);
	pack_buffer_unref(b);
	pack_buffer_unref(NULL);
}

/* --- every k-subset of the places up --- */

static void check_subset(
	struct poolfix *f, const struct pool_ref *ref, const uint8_t *payload, unsigned up)
{
	for (unsigned i = 0; i < ref->m; i++)
		poolfix_break(f, i + 1, up >> i & 1 ? WRAP_FAULT_NONE : WRAP_FAULT_OFFLINE, 0);
	poolfix_read(f, ref, payload);
}

static void test_subsets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
		unsigned k = codes[i].k, m = codes[i].m;
		CLEANUP(mem_free_at) uint8_t *payload = NULL;
		CLEANUP(poolfix_free_at)
		struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = m});
		struct pool_ref ref = poolfix_put(f, k, m, SMALL, &payload);

		for (unsigned up = 0; up < 1U << m; up++)
			if ((unsigned)__builtin_popcount(up) == k && (m < 10 || up % 8 == 3))
				check_subset(f, &ref, payload, up);
		assert_int_equal(poolfix_lies(f), 0);
	}
}

/* One fewer than k: unreachable places say nothing about loss, empty ones do. */
static void check_too_few(enum wrap_fault what, int code, const char *word)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 5});
	struct pool_ref ref = poolfix_put(f, 3, 5, SMALL, NULL);
	CLEANUP(mem_free_at) uint8_t *out = mem_aligned(4096, (size_t)3 * SMALL);
	struct sherd_error err;

	for (unsigned i = 1; i <= 3; i++)
		poolfix_break(f, i, what, 0);
	assert_int_equal(packs_read_all(&f->packs, &ref, out, &f->watch, &err), code);
	assert_int_equal(err.code, code);
	assert_int_equal(packs_read(&f->packs, &ref, SMALL - 5, SMALL + 10, out, NULL, &err), code);
	for (unsigned i = 1; i <= 5; i++) {
		char name[32];

		snprintf(name, sizeof(name), i <= 3 ? "p%u %s" : "p%u ok", i, word);
		if (!strstr(err.message, name))
			fail_msg("'%s' is not in: %s", name, err.message);
	}
}

static void test_lost_or_unreachable(void **state)
{
	(void)state;
	check_too_few(WRAP_FAULT_ABSENT, SHERD_LOST, "missing");
	check_too_few(WRAP_FAULT_EMPTY, SHERD_LOST, "bad (cut short at 0)");
	check_too_few(WRAP_FAULT_GARBAGE, SHERD_LOST, "bad (");
	check_too_few(WRAP_FAULT_OFFLINE, SHERD_QUORUM, "unreachable (");
	check_too_few(WRAP_FAULT_IO, SHERD_QUORUM, "unreachable (");
}

/* --- ranges --- */

static void test_ranges(void **state)
{
	const uint32_t size = SMALL << 2; /* 8 leaves */
	CLEANUP(mem_free_at) uint8_t *payload = NULL;
	CLEANUP(mem_free_at) uint8_t *out = mem_aligned(64, (size_t)3 * size);
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 5});
	struct pool_ref ref = poolfix_put(f, 3, 5, size, &payload);
	uint64_t end = ref_payload(&ref);

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		uint64_t at = i % 4 ? random_below((unsigned)end) : i / 4 % 3 * size;
		size_t left = (size_t)(end - at);
		size_t length = random_below((unsigned)INT_MIN_OF(
					left, (size_t)(i % 3 ? 3 * size : 40000))) +
				1;

		if (i == 300)
			assert_int_equal(packs_init(&f->packs, NULL), 0);
		for (unsigned p = 1; p <= 5; p++)
			poolfix_break(f, p,
				p == i % 7 || p == i / 7 % 7 ? (enum wrap_fault)(1 + i % 2)
							     : WRAP_FAULT_NONE,
				0);
		memset(out, 0xee, (size_t)end);
		assert_int_equal(packs_read(&f->packs, &ref, at, length, out, NULL, NULL), 0);
		assert_memory_equal(out, payload + at, length);
		for (size_t j = length; j < end; j++)
			if (out[j] != 0xee)
				fail_msg("wrote behind the range");
	}
	poolfix_mend(f);
	assert_int_equal(packs_read(&f->packs, &ref, end, 0, out, NULL, NULL), 0);
	assert_int_equal(packs_read(&f->packs, &ref, end, 1, out, NULL, NULL), SHERD_INVALID);
	assert_int_equal(
		packs_read(&f->packs, &ref, 1, (size_t)end, out, NULL, NULL), SHERD_INVALID);
	assert_int_equal(
		packs_read(&f->packs, &ref, UINT64_MAX, 2, out, NULL, NULL), SHERD_INVALID);
}

/* A verified head is not read again. */
static void test_heads_are_kept(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 3});
	struct pool_ref ref = poolfix_put(f, 2, 3, 1u << 20, NULL);
	uint8_t out[100];
	unsigned long first, second;

	(void)state;
	assert_int_equal(packs_init(&f->packs, NULL), 0);
	atomic_store(&f->calls, 0);
	assert_int_equal(packs_read(&f->packs, &ref, 900000, 100, out, NULL, NULL), 0);
	first = atomic_exchange(&f->calls, 0);
	assert_int_equal(packs_read(&f->packs, &ref, 700000, 100, out, NULL, NULL), 0);
	second = atomic_load(&f->calls);
	assert_int_equal(first, 2);
	assert_int_equal(second, 1);
	/* and more packs than there is room for */
	for (unsigned i = 0; i < 100; i++) {
		struct pool_ref other = poolfix_put(f, 1, 1, SMALL, NULL);

		assert_int_equal(packs_read(&f->packs, &other, 9, 100, out, NULL, NULL), 0);
	}
}

/* A share that was moved is found wherever it is. */
static void test_moved(void **state)
{
	CLEANUP(mem_free_at) uint8_t *payload = NULL;
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 6});
	struct pool_ref ref = poolfix_put(f, 4, 4, SMALL, &payload), stale;

	(void)state;
	for (unsigned n = 0; n < 20; n++) {
		stale = ref;
		for (unsigned i = 0; i < 4; i++)
			stale.places[i] = (uint16_t)random_below(9); /* 0, 7, 8 are nowhere */
		poolfix_read(f, &stale, payload);
	}
	assert_int_equal(poolfix_lies(f), 0);
}

static void test_large(void **state)
{
	CLEANUP(mem_free_at) uint8_t *payload = NULL;
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 5, .threads = 2});
	CLEANUP(sherd_workers_free_at) struct sherd_workers *workers = NULL;
	struct pool_ref ref;

	(void)state;
	assert_int_equal(sherd_workers_new(2, &workers, NULL), 0);
	f->packs.workers = workers;
	ref = poolfix_put(f, 3, 5, 4u << 20, &payload);
	poolfix_read(f, &ref, payload);
	poolfix_break(f, ref.places[1], WRAP_FAULT_ABSENT, 0);
	poolfix_break(f, ref.places[3], WRAP_FAULT_ABSENT, 0);
	poolfix_read(f, &ref, payload);
	assert_true(f->told >= 1 && f->told_code == SHERD_NOTFOUND);
}

/* 64 shares on 5 places */
static void test_wide(void **state)
{
	CLEANUP(mem_free_at) uint8_t *payload = NULL;
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 5, .threads = 1});
	struct pool_ref ref = poolfix_put(f, 38, 64, SMALL, &payload);

	(void)state;
	poolfix_read(f, &ref, payload);
	poolfix_break(f, 1, WRAP_FAULT_ABSENT, 0);
	poolfix_break(f, 4, WRAP_FAULT_OFFLINE, 0);
	poolfix_read(f, &ref, payload);
}

/* --- real folders --- */

static struct member *folder_member(const char *base, unsigned i)
{
	struct member_options options = {.threads = i % 3};
	char url[PLACE_NAME_MAX];
	struct place *place;
	struct member *m;

	snprintf(url, sizeof(url), "dir:%s/%u", base, i);
	assert_int_equal(place_open(url, NULL, true, &place, NULL), 0);
	assert_int_equal(
		member_new((uint16_t)(i + 1), "folder", place, NULL, &options, &m, NULL), 0);
	return m;
}

static void remove_all(const char *base)
{
	char command[PLACE_NAME_MAX];

	snprintf(command, sizeof(command), "rm -rf '%s'", base);
	assert_int_equal(system(command), 0);
}

/* Shares in folders: put, read, lost, made again. */
static void test_folders(void **state)
{
	char base[] = "/tmp/t_packs.XXXXXX", name[SHARE_NAME_SIZE];
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 4});
	struct member *in_memory[4];
	CLEANUP(mem_free_at) uint8_t *payload = NULL;
	struct pool_ref ref, now;
	struct pack_health health;
	unsigned written;

	(void)state;
	assert_non_null(mkdtemp(base));
	for (unsigned i = 0; i < 4; i++) {
		in_memory[i] = f->member[i];
		f->member[i] = f->members[i].member = folder_member(base, i);
	}
	ref = poolfix_put(f, 2, 4, 1u << 20, &payload);
	poolfix_read(f, &ref, payload);
	for (unsigned i = 0; i < 2; i++) {
		poolfix_name(&ref, i, name);
		assert_int_equal(
			place_remove(member_place(f->member[ref.places[i] - 1]), name, NULL), 0);
	}
	poolfix_read(f, &ref, payload);
	assert_int_equal(
		packs_check(&f->packs, &ref, PACKS_DEPTH_BODY, NULL, 0, &health, NULL, NULL), 0);
	assert_int_equal(health.good, 2);
	assert_int_equal(packs_repair(&f->packs, &ref, &health, &now, &written, NULL), 0);
	assert_int_equal(written, 2);
	poolfix_read(f, &now, payload);
	for (unsigned i = 0; i < 4; i++)
		member_free(in_memory[i]);
	remove_all(base);
}

/* --- time --- */

static void test_hedge(void **state)
{
	CLEANUP(mem_free_at) uint8_t *payload = NULL;
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){
		.places = 5, .threads = 2, .deadline_ns = 10000 * MS, .hang_ns = 900 * MS});
	struct pool_ref ref = poolfix_put(f, 3, 5, SMALL, &payload);
	uint64_t start;

	(void)state;
	f->packs.hedge_ns = 20 * MS;
	poolfix_break(f, ref.places[0], WRAP_FAULT_HANG, 0);
	poolfix_break(f, ref.places[2], WRAP_FAULT_SLOW, 0);
	start = now_ns();
	poolfix_read(f, &ref, payload);
	assert_true(now_ns() - start < 600 * MS);
}

static void test_hanging_places(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){
		.places = 5, .threads = 1, .deadline_ns = 100 * MS, .hang_ns = 900 * MS});
	struct pool_ref ref = poolfix_put(f, 3, 5, SMALL, NULL);
	CLEANUP(mem_free_at) uint8_t *out = mem_aligned(4096, (size_t)3 * SMALL);
	uint64_t start = now_ns();

	(void)state;
	for (unsigned i = 1; i <= 5; i++)
		poolfix_break(f, i, WRAP_FAULT_HANG, 0);
	assert_int_equal(packs_read_all(&f->packs, &ref, out, NULL, NULL), SHERD_QUORUM);
	/* every share at every place, each within its deadline at most twice */
	assert_true(now_ns() - start < 1500 * MS);
}

/* need are there, one hangs: the put does not wait for it longer than it must. */
static void test_slow_put(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(
		&(struct poolfix_options){.places = 3, .threads = 1, .hang_ns = 1500 * MS});
	struct pack_buffer *buffer;
	struct pool_ref ref = poolfix_code(f, 2, 3, SMALL, &buffer);
	struct pack_put_result result;
	uint64_t start = now_ns();
	unsigned late = 0;

	(void)state;
	poolfix_break(f, 2, WRAP_FAULT_HANG, 0);
	assert_int_equal(packs_put(&f->packs, buffer, &ref, 2, &result, NULL), 0);
	assert_true(now_ns() - start < 1400 * MS);
	assert_int_equal(result.verified, 2);
	for (unsigned i = 0; i < 3; i++)
		late += result.code[i] == SHERD_TIMEOUT && result.ref.places[i] == 2;
	assert_int_equal(late, 1);
	assert_false(pack_buffer_reuse(buffer, SMALL)); /* the hanging one still has it */
	pack_buffer_unref(buffer);
}

static void test_cancel(void **state)
{
	CLEANUP(poolfix_free_at)
	struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 3});
	struct pool_ref ref = poolfix_put(f, 2, 3, SMALL, NULL);
	static struct sherd_cancel cancel;
	struct pack_put_result result;
	struct pack_health health;
	struct pack_buffer *buffer;
	CLEANUP(mem_free_at) uint8_t *out = mem_aligned(4096, (size_t)2 * SMALL);
	unsigned written;

	(void)state;
	sherd_cancel_request(&cancel);
	poolfix_code(f, 2, 3, SMALL, &buffer);
	f->packs.cancel = &cancel;
	assert_int_equal(packs_read_all(&f->packs, &ref, out, NULL, NULL), SHERD_CANCELLED);
	assert_int_equal(packs_put(&f->packs, buffer, &ref, 2, &result, NULL), SHERD_CANCELLED);
	assert_int_equal(
		packs_check(&f->packs, &ref, PACKS_DEPTH_HEAD, NULL, 0, &health, NULL, NULL),
		SHERD_CANCELLED);
	memset(&health, 0, sizeof(health));
	memcpy(health.places, ref.places, sizeof(health.places));
	health.shares[1] = SHARE_MISSING;
	assert_int_equal(
		packs_repair(&f->packs, &ref, &health, &ref, &written, NULL), SHERD_CANCELLED);
	pack_buffer_unref(buffer);
}

/* --- memory --- */

/* All of a pack's life once; the first error. */
static int whole_life(struct poolfix *f)
{
	struct share_manifest manifest = {
		.epoch = 1, .suite = 1, .k = 2, .m = 3, .share_size = SMALL};
	CLEANUP(mem_free_at) uint8_t *out = NULL;
	struct pack_buffer *buffer;
	struct pack_put_result result;
	struct pack_health health;
	struct sherd_error err;
	struct pool_ref ref;
	unsigned written;
	char name[SHARE_NAME_SIZE];
	int r = pack_buffer_new(2, 3, SMALL, &buffer, &err);

	if (r)
		return r;
	random_fill(manifest.nonce, sizeof(manifest.nonce));
	r = packs_code(&f->packs, buffer, &manifest, &ref, &err);
	if (!r)
		r = packs_put(&f->packs, buffer, &ref, 3, &result, &err);
	pack_buffer_unref(buffer);
	if (r)
		return r;
	ref = result.ref;
	share_name(&ref.id, 0, name);
	place_mem_drop(f->store[ref.places[0] - 1], name);
	out = mem_aligned(4096, (size_t)2 * SMALL);
	if (!out)
		return SHERD_NOMEM;
	r = packs_read_all(&f->packs, &ref, out, NULL, &err);
	if (!r)
		r = packs_read(&f->packs, &ref, 1000, SMALL, out, NULL, &err);
	if (!r)
		r = packs_check(&f->packs, &ref, PACKS_DEPTH_BODY, NULL, 0, &health, NULL, &err);
	if (!r)
		r = packs_repair(&f->packs, &ref, &health, &ref, &written, &err);
	return r;
}

/* Each allocation fails in turn. A place that has no memory is a place that fails: QUORUM. */
static void test_memory(void **state)
{
	unsigned long n = 1;
	unsigned failed = 0;

	(void)state;
	for (;; n++) {
		CLEANUP(poolfix_free_at)
		struct poolfix *f = poolfix_new(&(struct poolfix_options){.places = 3});
		unsigned long made;
		int r;

		mem_fail_at(n);
		r = whole_life(f);
		made = mem_fail_at(0);
		assert_true(r == 0 || r == SHERD_NOMEM || r == SHERD_QUORUM);
		failed += r != 0;
		if (made < n) {
			assert_int_equal(r, 0);
			break;
		}
	}
	assert_true(n > 50 && failed > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code_is_the_code),
		cmocka_unit_test(test_buffer),
		cmocka_unit_test(test_subsets),
		cmocka_unit_test(test_lost_or_unreachable),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_heads_are_kept),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_hedge),
		cmocka_unit_test(test_hanging_places),
		cmocka_unit_test(test_slow_put),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, random_setup, NULL);
}
