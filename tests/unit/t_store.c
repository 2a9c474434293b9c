/* SPDX-License-Identifier: MIT */
/*
 * t_store.c - blobs in a pool, with everything below it real but the places, which are in memory.
 */
#include <repo/store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/alloc.h>
#include "ctlfix.h"

enum { blobs_max = 400 };

/* A device with a pool of five places, and its store. */
struct device {
	struct ctlfix *fix;
	struct sherd_pool *pool;
	struct store *store;
	char cache[128];
};

static void must(int code, const struct sherd_error *err)
{
	if (code)
		fail_msg("%d: %s", code, err->message);
}

static void begin(struct device *d, struct ctlfix *fix, const char *name, unsigned threads)
{
	struct store_options options = {.cache = d->cache, .threads = threads};
	struct sherd_error err;

	d->fix = fix;
	snprintf(d->cache, sizeof(d->cache), "%s-cache", ctlfix_path(fix, name));
	mkdir(d->cache, 0700);
	if (!d->pool)
		d->pool = ctlfix_open(fix, name);
	must(store_open(d->pool, &options, &d->store, &err), &err);
}

static void end(struct device *d)
{
	store_free(d->store);
	sherd_pool_free(d->pool);
	d->store = NULL;
	d->pool = NULL;
}

/* Its cache is gone. */
static void forget(const struct device *d)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/index", d->cache);
	assert_int_equal(remove(path), 0);
}

static void make(struct ctlfix *fix)
{
	struct sherd_pool *pool;

	ctlfix_init(fix, "a");
	pool = ctlfix_open(fix, "a");
	for (unsigned i = 0; i < 5; i++)
		ctlfix_add(pool, i);
	sherd_pool_free(pool);
}

/* Blob number n: its length and bytes follow from n. */
static uint32_t blob_size(unsigned n)
{
	static const uint32_t sizes[] = {1, 100, 4096, 16384, 32768, 32769, 70000, 262144, 1000000};

	return n % 50 == 49 ? BLOB_SIZE_MAX : sizes[n % 9] + n / 9;
}

static void blob_fill(unsigned n, uint8_t *to, uint32_t size)
{
	uint64_t x = n * 0x9e3779b97f4a7c15 + 1;

	for (uint32_t i = 0; i < size; i++) {
		if (n % 5 || i % 4 == 0) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
		to[i] = (uint8_t)(x >> 24);
	}
}

static enum blob_type blob_type_of(unsigned n)
{
	return n % 7 == 3 ? BLOB_TREE : n % 11 == 5 ? BLOB_LIST : BLOB_DATA;
}

static uint8_t *room(void)
{
	static uint8_t bytes[BLOB_SIZE_MAX];

	return bytes;
}

/* Add blobs [first, end), some at a time; how many were fresh. */
static unsigned add(struct device *d, unsigned first, unsigned end, struct hash *ids)
{
	unsigned fresh = 0;
	struct sherd_error err;

	while (first < end) {
		struct store_item items[5];
		uint8_t *data[5];
		unsigned count = 0;

		for (; count < 5 && first + count < end; count++) {
			unsigned n = first + count;
			uint32_t size = blob_size(n);

			data[count] = malloc(size);
			blob_fill(n, data[count], size);
			items[count] = (struct store_item){
				.type = blob_type_of(n), .data = data[count], .size = size};
		}
		must(store_add(d->store, items, count, &err), &err);
		for (unsigned i = 0; i < count; i++) {
			ids[first + i] = items[i].id;
			fresh += items[i].fresh;
			free(data[i]);
		}
		first += count;
	}
	return fresh;
}

static void check(struct device *d, unsigned count, const struct hash *ids)
{
	uint8_t *expected = malloc(BLOB_SIZE_MAX);
	struct sherd_error err;

	for (unsigned n = 0; n < count; n++) {
		uint32_t size = 0, known = 0;

		assert_true(store_find(d->store, &ids[n], &known));
		assert_int_equal(known, blob_size(n));
		must(store_read(d->store, blob_type_of(n), &ids[n], room(), BLOB_SIZE_MAX, &size,
			     &err),
			&err);
		assert_int_equal(size, blob_size(n));
		blob_fill(n, expected, size);
		assert_memory_equal(room(), expected, size);
	}
	free(expected);
}

static void commit(struct device *d, const char *snapshot)
{
	struct sherd_error err;
	uint64_t seq;

	must(store_commit(d->store, snapshot, snapshot ? strlen(snapshot) : 0, &seq, &err), &err);
}

static void start(struct device *d)
{
	struct sherd_error err;
	struct store_write_options options = {0};

	must(store_begin(d->store, &options, &err), &err);
}

static void round_trip_with(unsigned threads)
{
	struct ctlfix *fix = ctlfix_new();
	struct device d = {0};
	struct hash ids[blobs_max];
	struct store_totals totals;

	make(fix);
	begin(&d, fix, "a", threads);
	start(&d);
	assert_int_equal(add(&d, 0, 200, ids), 200);
	assert_int_equal(add(&d, 0, 200, ids), 0);
	commit(&d, "one");
	store_totals(d.store, &totals);
	assert_true(totals.packs > 1);
	assert_int_equal(totals.shares_least, 5);
	check(&d, 200, ids);
	end(&d);
	/* A new process, with and without its cache. */
	for (unsigned i = 0; i < 2; i++) {
		begin(&d, fix, "a", threads);
		check(&d, 200, ids);
		assert_int_equal(catalog_count(store_catalog(d.store)), 1);
		start(&d);
		assert_int_equal(add(&d, 0, 200, ids), 0);
		store_abort(d.store);
		end(&d);
		forget(&d);
	}
	ctlfix_free(fix);
}

static void round_trip(void **state)
{
	(void)state;
	round_trip_with(0);
}

static void round_trip_threads(void **state)
{
	(void)state;
	round_trip_with(2);
}

/* Many small commits: packs that describe themselves are gathered, streams merged. */
static void many_commits(void **state)
{
	struct ctlfix *fix = ctlfix_new();
	struct device d = {0};
	struct hash ids[blobs_max];
	unsigned n = 0;

	(void)state;
	make(fix);
	begin(&d, fix, "a", 0);
	for (; n < 180; n++) {
		start(&d);
		if (n % 9 != 8 && n % 50 != 49)
			add(&d, n, n + 1, ids);
		else
			add(&d, 0, 1, ids + n);
		commit(&d, "s");
	}
	end(&d);
	begin(&d, fix, "a", 0);
	forget(&d);
	end(&d);
	begin(&d, fix, "a", 0);
	assert_int_equal(catalog_count(store_catalog(d.store)), 180);
	for (n = 0; n < 180; n++) {
		struct sherd_error err;
		unsigned of = n % 9 != 8 && n % 50 != 49 ? n : 0;

		must(store_read(
			     d.store, blob_type_of(of), &ids[n], room(), BLOB_SIZE_MAX, NULL, &err),
			&err);
	}
	end(&d);
	ctlfix_free(fix);
}

/* A batch that ends badly leaves nothing visible, and what it stored is used by the next. */
static void resumed(void **state)
{
	struct ctlfix *fix = ctlfix_new();
	struct device d = {0};
	struct hash ids[blobs_max];
	unsigned again;

	(void)state;
	make(fix);
	begin(&d, fix, "a", 0);
	start(&d);
	add(&d, 0, 200, ids);
	store_abort(d.store);
	assert_int_equal(catalog_count(store_catalog(d.store)), 0);
	end(&d);
	begin(&d, fix, "a", 0);
	start(&d);
	again = add(&d, 0, 200, ids);
	assert_true(again > 0 && again < 190);
	commit(&d, "one");
	end(&d);
	begin(&d, fix, "a", 0);
	check(&d, 200, ids);
	end(&d);
	ctlfix_free(fix);
}

/* Two devices see each other's blobs, and do not store them again. */
static void two_devices(void **state)
{
	struct ctlfix *fix = ctlfix_new();
	struct device a = {0}, b = {0};
	struct hash ids[blobs_max];
	struct sherd_error err;

	(void)state;
	make(fix);
	begin(&a, fix, "a", 0);
	start(&a);
	add(&a, 0, 20, ids);
	commit(&a, "a1");
	b.pool = ctlfix_clone(fix, "b", 3);
	begin(&b, fix, "b", 0);
	start(&b);
	assert_int_equal(add(&b, 0, 20, ids), 0);
	assert_int_equal(add(&b, 20, 30, ids), 10);
	commit(&b, "b1");
	must(pool_refresh(a.pool, &err), &err);
	must(store_refresh(a.store, &err), &err);
	assert_int_equal(catalog_count(store_catalog(a.store)), 2);
	check(&a, 30, ids);
	end(&b);
	end(&a);
	ctlfix_free(fix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(round_trip_threads),
		cmocka_unit_test(many_commits),
		cmocka_unit_test(resumed),
		cmocka_unit_test(two_devices),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
