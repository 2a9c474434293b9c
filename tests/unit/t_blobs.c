/* SPDX-License-Identifier: MIT */
/* t_blobs.c - blobs in, blobs out: everything that a store promises while nothing goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <base/alloc.h>
#include "storefix.h"

struct blob {
	uint8_t *data;
	uint32_t size;
	enum blob_type type;
	struct hash id;
};

static uint64_t state = 1;

static uint64_t chance(void)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return state >> 33;
}

/* A blob that no other is like; every third one compresses well. */
static struct blob make_blob(uint32_t size, enum blob_type type)
{
	struct blob b = {malloc(size), size, type, {{0}}};
	bool soft = chance() % 3 == 0;

	assert_non_null(b.data);
	for (uint32_t i = 0; i < size; i++)
		b.data[i] = soft ? (uint8_t) "abc"[chance() % 3] : (uint8_t)chance();
	return b;
}

static void add(struct store *s, struct blob *blobs, size_t count, bool fresh)
{
	struct store_item *items = calloc(count, sizeof(*items));
	struct sherd_error err;

	assert_non_null(items);
	for (size_t i = 0; i < count; i++)
		items[i] = (struct store_item){
			.type = blobs[i].type, .data = blobs[i].data, .size = blobs[i].size};
	if (store_add(s, items, count, &err))
		fail_msg("store_add: %s", err.message);
	for (size_t i = 0; i < count; i++) {
		struct hash id;

		assert_int_equal(items[i].fresh, fresh);
		store_id(s, items[i].type, items[i].data, items[i].size, &id);
		assert_true(hash_equal(&id, &items[i].id));
		blobs[i].id = items[i].id;
	}
	free(items);
}

static void begin(struct store *s)
{
	struct store_write_options options = {0};
	struct sherd_error err;

	if (store_begin(s, &options, &err))
		fail_msg("store_begin: %s", err.message);
}

static uint64_t commit(struct store *s, const char *snapshot)
{
	struct sherd_error err;
	uint64_t seq = 0;

	if (store_commit(s, snapshot, snapshot ? strlen(snapshot) : 0, &seq, &err))
		fail_msg("store_commit: %s", err.message);
	return seq;
}

static void check(struct store *s, const struct blob *blobs, size_t count)
{
	uint8_t *buffer = malloc(BLOB_SIZE_MAX);

	assert_non_null(buffer);
	for (size_t i = 0; i < count; i++) {
		struct sherd_error err;
		uint32_t size = 0;

		assert_true(store_find(s, &blobs[i].id, &size));
		assert_int_equal(size, blobs[i].size);
		assert_true(store_sound(s, &blobs[i].id));
		size = 0;
		if (store_read(s, blobs[i].type, &blobs[i].id, buffer, BLOB_SIZE_MAX, &size, &err))
			fail_msg("blob %zu: %s", i, err.message);
		assert_int_equal(size, blobs[i].size);
		assert_memory_equal(buffer, blobs[i].data, size);
	}
	free(buffer);
}

static void free_blobs(struct blob *blobs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(blobs[i].data);
}

static const uint32_t sizes[] = {1, 2, 100, 4095, 4096, 32768, 32769, 300000, 1 << 20,
	(1 << 20) + 1, 3000000, BLOB_SIZE_MAX - 1, BLOB_SIZE_MAX};
#define SIZES (sizeof(sizes) / sizeof(*sizes))

static void round_trip(unsigned threads, unsigned k, unsigned m)
{
	struct storefix_options options = {.k = k, .m = m};
	CLEANUP(storefix_free_at) struct storefix *f = storefix_new(&options);
	struct store *s = storefix_open(f, 0, threads);
	struct blob blobs[SIZES + 200];
	size_t count = 0;
	struct store_totals totals;

	for (size_t i = 0; i < SIZES; i++)
		blobs[count++] = make_blob(sizes[i], BLOB_DATA);
	for (size_t i = 0; i < 200; i++)
		blobs[count++] =
			make_blob((uint32_t)(1 + chance() % 5000), i % 3 ? BLOB_TREE : BLOB_LIST);
	begin(s);
	add(s, blobs, count / 2, true);
	add(s, blobs, count / 2, false);
	add(s, blobs + count / 2, count - count / 2, true);
	assert_int_equal(commit(s, "one"), 1);
	check(s, blobs, count);
	store_totals(s, &totals);
	assert_int_equal(totals.blobs_new, count);
	assert_int_equal(totals.shares_least, m);
	assert_true(totals.packs >= 1);
	assert_int_equal(catalog_count(store_catalog(s)), 1);
	store_free(s);

	/* a second run, which has the cache */
	s = storefix_open(f, 0, threads);
	check(s, blobs, count);
	begin(s);
	add(s, blobs, count, false);
	commit(s, "two");
	assert_int_equal(catalog_count(store_catalog(s)), 2);
	store_free(s);

	/* another device, which has nothing */
	s = storefix_open(f, 1, threads);
	assert_int_equal(catalog_count(store_catalog(s)), 2);
	check(s, blobs, count);
	begin(s);
	add(s, blobs, count, false);
	commit(s, "three");
	store_free(s);

	s = storefix_open(f, 0, threads);
	assert_int_equal(catalog_count(store_catalog(s)), 3);
	check(s, blobs, count);
	store_free(s);
	free_blobs(blobs, count);
}

static void test_round_trip(void **unused)
{
	(void)unused;
	round_trip(0, 2, 3);
	round_trip(2, 2, 3);
	round_trip(2, 3, 5);
	round_trip(1, 1, 2);
}

/* More than one pack: an index stream comes to be. */
static void test_many_packs(void **unused)
{
	struct storefix_options options = {.k = 1, .m = 2};
	CLEANUP(storefix_free_at) struct storefix *f = storefix_new(&options);
	struct store *s = storefix_open(f, 0, 2);
	struct blob blobs[60];

	(void)unused;
	for (size_t i = 0; i < 60; i++)
		blobs[i] = make_blob(1 << 20, BLOB_DATA);
	begin(s);
	add(s, blobs, 60, true);
	commit(s, "one");
	check(s, blobs, 60);
	assert_true(store_pack_count(s) >= 3);
	store_free(s);
	storefix_forget(f, 0);
	s = storefix_open(f, 0, 2);
	check(s, blobs, 60);
	begin(s);
	add(s, blobs, 60, false);
	commit(s, "two");
	store_free(s);
	free_blobs(blobs, 60);
}

/* Many small commits: the head does not grow with them. */
static void test_many_commits(void **unused)
{
	struct storefix_options options = {.k = 2, .m = 3};
	CLEANUP(storefix_free_at) struct storefix *f = storefix_new(&options);
	struct store *s = storefix_open(f, 0, 0);
	struct blob blobs[120];

	(void)unused;
	for (size_t i = 0; i < 120; i++) {
		blobs[i] = make_blob(1000, BLOB_DATA);
		begin(s);
		add(s, &blobs[i], 1, true);
		commit(s, "x");
		assert_true(f->heads[0].size < 4000);
	}
	check(s, blobs, 120);
	store_free(s);
	storefix_forget(f, 0);
	s = storefix_open(f, 0, 0);
	assert_int_equal(catalog_count(store_catalog(s)), 120);
	check(s, blobs, 120);
	store_free(s);
	free_blobs(blobs, 120);
}

static void test_interrupted(void **unused)
{
	struct storefix_options options = {.k = 1, .m = 2};
	CLEANUP(storefix_free_at) struct storefix *f = storefix_new(&options);
	struct store *s = storefix_open(f, 0, 2);
	struct blob blobs[40];
	struct store_pack pack;
	size_t packs, known = 0;

	(void)unused;
	for (size_t i = 0; i < 40; i++)
		blobs[i] = make_blob(1 << 20, BLOB_DATA);
	begin(s);
	add(s, blobs, 40, true);
	store_abort(s);
	packs = store_pack_count(s);
	assert_true(packs >= 1);
	store_free(s);
	assert_int_equal(f->heads[0].seq, 0);

	s = storefix_open(f, 0, 2);
	assert_int_equal(store_pack_count(s), packs);
	store_pack_at(s, 0, &pack);
	assert_false(pack.published);
	for (size_t i = 0; i < 40; i++)
		known += store_sound(s, &blobs[i].id);
	assert_true(known >= 14 && known < 40);
	check(s, blobs, known);
	begin(s);
	add(s, blobs, known, false);
	add(s, blobs + known, 40 - known, true);
	commit(s, "one");
	check(s, blobs, 40);
	store_free(s);
	s = storefix_open(f, 1, 2);
	check(s, blobs, 40);
	store_free(s);
	free_blobs(blobs, 40);
}

static void test_dry_run(void **unused)
{
	struct storefix_options options = {.k = 1, .m = 2};
	CLEANUP(storefix_free_at) struct storefix *f = storefix_new(&options);
	struct store *s = storefix_open(f, 0, 0);
	struct store_write_options dry = {.dry_run = true};
	struct store_totals totals;
	struct sherd_error err;
	struct blob b = make_blob(1000, BLOB_DATA);

	(void)unused;
	assert_int_equal(store_begin(s, &dry, &err), 0);
	add(s, &b, 1, true);
	add(s, &b, 1, false);
	store_totals(s, &totals);
	assert_int_equal(totals.bytes_new, 1000);
	store_abort(s);
	assert_false(store_find(s, &b.id, NULL));
	assert_int_equal(place_mem_count(f->places->store[0]), 0);
	store_free(s);
	free(b.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_many_packs),
		cmocka_unit_test(test_many_commits),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_dry_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
