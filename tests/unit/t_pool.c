/* SPDX-License-Identifier: MIT */
/* t_pool.c - pools: made, opened, joined, published to; places come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/hex.h>
#include <base/intmath.h>
#include "ctlfix.h"

static int setup(void **state)
{
	*state = ctlfix_new();
	return 0;
}

static int teardown(void **state)
{
	ctlfix_free(*state);
	return 0;
}

/* --- init and open --- */

static void test_init_and_open(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool_info info;
	struct sherd_error err;
	struct sherd_pool *pool, *second = NULL;
	struct stat st;
	size_t count;

	ctlfix_init(f, "a");
	assert_non_null(strstr(f->text, "recovery kit"));
	assert_int_equal(stat(ctlfix_path(f, "a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(ctlfix_path(f, "a/device"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(ctlfix_try_init(f, "a", false, &err), SHERD_EXISTS);
	pool = ctlfix_open(f, "a");
	assert_int_equal(f->asked, 0);
	sherd_pool_info(pool, &info);
	assert_string_equal(info.name, "test");
	assert_string_equal(info.host, "a");
	assert_int_equal(info.k, 2);
	assert_int_equal(info.m, 0);
	assert_int_equal(info.seq, 1);
	assert_int_equal(info.epoch, 1);
	assert_int_equal(sherd_pool_fresh(pool), 1);
	assert_int_equal(ctlfix_try_open(f, "a", &second, &err), SHERD_BUSY);
	assert_int_equal(ctlfix_try_publish(pool, "x", &err), SHERD_QUORUM);
	sherd_pool_places(pool, 1, &count);
	assert_int_equal(count, 0);
	sherd_pool_free(pool);
	pool = ctlfix_open(f, "a");
	sherd_pool_free(pool);
	assert_int_equal(ctlfix_try_open(f, "b", &second, &err), SHERD_NOPOOL);
}

static void test_init_refuses(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool_init_options good = {.env = &f->env,
		.state = ctlfix_path(f, "a"),
		.name = "n",
		.k = 1,
		.passphrase = "x",
		.passphrase_size = 1,
		.kdf_memory_kib = 8192,
		.kdf_passes = 1};
	struct sherd_pool_init_options bad[8];
	struct sherd_error err;
	char *kit = NULL;

	for (unsigned i = 0; i < 8; i++)
		bad[i] = good;
	bad[0].k = 0;
	bad[1].k = 3, bad[1].m = 2;
	bad[2].m = 65;
	bad[3].name = ".x";
	bad[4].name = "a b";
	bad[5].passphrase_size = 0;
	bad[6].kdf_memory_kib = 100;
	bad[7].kdf_passes = 17;
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(sherd_pool_init(&bad[i], &kit, &err), SHERD_INVALID);
		assert_int_not_equal(access(ctlfix_path(f, "a"), F_OK), 0);
		good.state = ctlfix_path(f, "a");
	}
	assert_null(kit);
	/* other people's files */
	assert_int_equal(mkdir(ctlfix_path(f, "a"), 0700), 0);
	fclose(fopen(ctlfix_path(f, "a/photo"), "w"));
	good.state = ctlfix_path(f, "a");
	assert_int_equal(sherd_pool_init(&good, &kit, &err), SHERD_EXISTS);
	assert_int_equal(access(ctlfix_path(f, "a/photo"), F_OK), 0);
}

static void test_no_device_key(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_error err;
	struct sherd_pool *pool = NULL;

	assert_int_equal(ctlfix_try_init(f, "a", true, &err), 0);
	pool = ctlfix_open(f, "a");
	assert_int_equal(f->asked, 1);
	ctlfix_add(pool, 0);
	ctlfix_publish(pool, "one");
	sherd_pool_free(pool);
	f->passphrase = "wrong";
	assert_int_equal(ctlfix_try_open(f, "a", &pool, &err), SHERD_BADKEY);
	f->passphrase = NULL;
	assert_int_equal(ctlfix_try_open(f, "a", &pool, &err), SHERD_CANCELLED);
	f->kit = f->text;
	pool = ctlfix_open(f, "a");
	assert_int_equal(ctlfix_publish(pool, "two"), 2);
	sherd_pool_free(pool);
}

/* --- quorums --- */

static void test_quorum_numbers(void **state)
{
	static const unsigned table[][4] = {{0, 0, 0, 0}, {1, 0, 1, 1}, {2, 0, 2, 1}, {3, 0, 2, 2},
		{4, 0, 3, 2}, {5, 1, 4, 3}, {6, 1, 4, 4}, {7, 1, 5, 4}, {8, 1, 5, 5}, {9, 2, 6, 6}};

	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(table); i++) {
		struct quorum q = quorum_of(table[i][0]);

		assert_int_equal(q.faults, table[i][1]);
		assert_int_equal(q.write, table[i][2]);
		assert_int_equal(q.read, table[i][3]);
	}
	for (unsigned p = 1; p <= 64; p++) {
		struct quorum q = quorum_of(p);

		assert_int_equal(q.write + q.read, p + q.faults + 1);
		assert_true(q.write <= p && q.read >= 1 && q.read <= q.write);
	}
}

/* With exactly w places a head is published, with one fewer it is not; with r it is fresh. */
static void test_quorum_edges(void **state)
{
	for (unsigned p = 1; p <= 6; p++) {
		CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
		struct quorum q = quorum_of(p);
		struct sherd_pool *pool = ctlfix_make(f, "a", p);
		struct sherd_error err = {0};

		assert_int_equal(ctlfix_publish(pool, "one"), 1);
		for (unsigned i = 0; i < p - q.write; i++)
			ctlfix_break(f, i, WRAP_FAULT_OFFLINE, 0);
		assert_int_equal(ctlfix_publish(pool, "two"), 2);
		ctlfix_break(f, p - q.write, WRAP_FAULT_OFFLINE, 0);
		assert_int_equal(ctlfix_try_publish(pool, "three", &err), SHERD_QUORUM);
		assert_non_null(strstr(err.message, "'p"));
		sherd_pool_free(pool);
		ctlfix_mend(f);
		pool = ctlfix_open(f, "a");
		assert_int_equal(sherd_pool_fresh(pool), 1);
		assert_string_equal(ctlfix_head(pool, pool_incarnation(pool)), "three");
		assert_int_equal(ctlfix_publish(pool, "four"), 4);
		sherd_pool_free(pool);
		for (unsigned i = 0; i < p - q.read; i++)
			ctlfix_break(f, i, WRAP_FAULT_OFFLINE, 0);
		pool = ctlfix_open(f, "a");
		assert_int_equal(sherd_pool_fresh(pool), 1);
		sherd_pool_free(pool);
		ctlfix_break(f, p - q.read, WRAP_FAULT_OFFLINE, 0);
		pool = ctlfix_open(f, "a");
		assert_int_equal(sherd_pool_fresh(pool), 0);
		assert_string_equal(ctlfix_head(pool, pool_incarnation(pool)), "four");
		assert_int_equal(ctlfix_try_publish(pool, "five", &err), SHERD_DENIED);
		sherd_pool_free(pool);
	}
	(void)state;
}

/* --- clone --- */

static void test_clone(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 5), *b;
	uint8_t incarnation[16];
	struct sherd_error err;
	size_t count;
	const struct sherd_device_info *devices;

	memcpy(incarnation, pool_incarnation(a), 16);
	ctlfix_publish(a, "from a");
	for (unsigned i = 0; i < 5; i++) {
		char name[8];

		snprintf(name, sizeof(name), "b%u", i);
		if (i % 2) {
			f->kit = f->text;
			f->passphrase = NULL;
		} else {
			f->kit = NULL;
			f->passphrase = CTLFIX_PASSPHRASE;
		}
		b = ctlfix_clone(f, name, i);
		assert_int_equal(sherd_pool_fresh(b), 1);
		assert_string_equal(ctlfix_head(b, incarnation), "from a");
		ctlfix_publish(b, name);
		devices = sherd_pool_devices(b, &count);
		assert_int_equal(count, i + 2);
		for (size_t j = 0; j < count; j++)
			assert_string_equal(devices[j].fault, "");
		sherd_pool_free(b);
		b = ctlfix_open(f, name);
		assert_string_equal(ctlfix_head(b, pool_incarnation(b)), name);
		assert_int_equal(pool_refresh(a, &err), 0);
		assert_string_equal(ctlfix_head(a, pool_incarnation(b)), name);
		sherd_pool_free(b);
	}
	sherd_pool_free(a);
}

static void test_clone_refuses(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3), *b = NULL, *other;
	char url0[] = "mem:0", url4[] = "mem:4";
	const char *urls[] = {url0, url4};
	struct sherd_clone_options options = {
		.pool = ctlfix_options(f, "b"), .places = urls, .place_count = 2};
	struct sherd_error err;
	char kit[4096], *spot;

	assert_int_equal(ctlfix_try_clone(f, "b", 6, &b, &err), SHERD_NOPOOL);
	f->passphrase = "wrong";
	assert_int_equal(ctlfix_try_clone(f, "b", 0, &b, &err), SHERD_BADKEY);
	f->passphrase = NULL;
	snprintf(kit, sizeof(kit), "%s", f->text);
	spot = strstr(kit, "    3 ") + 8;
	*spot = *spot == 'a' ? 'b' : 'a';
	f->kit = kit;
	assert_int_equal(ctlfix_try_clone(f, "b", 0, &b, &err), SHERD_BADKEY);
	assert_non_null(strstr(err.message, "line 3"));
	f->kit = NULL;
	f->passphrase = CTLFIX_PASSPHRASE;
	assert_int_equal(ctlfix_try_clone(f, "a", 0, &b, &err), SHERD_EXISTS);
	ctlfix_break(f, 0, WRAP_FAULT_OFFLINE, 0);
	assert_int_equal(ctlfix_try_clone(f, "b", 0, &b, &err), SHERD_OFFLINE);
	ctlfix_mend(f);
	ctlfix_init(f, "other");
	other = ctlfix_open(f, "other");
	ctlfix_add(other, 4);
	options.pool = ctlfix_options(f, "b");
	assert_int_equal(sherd_pool_clone(&options, &b, &err), SHERD_MISMATCH);
	assert_int_not_equal(access(ctlfix_path(f, "b"), F_OK), 0);
	sherd_pool_free(other);
	sherd_pool_free(a);
}

/* With fewer than r places a new device reads; it is registered later. */
static void test_clone_alone(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 5), *b;
	struct sherd_error err;
	uint8_t incarnation[16];
	size_t count;

	memcpy(incarnation, pool_incarnation(a), 16);
	ctlfix_publish(a, "from a");
	for (unsigned i = 1; i < 5; i++)
		ctlfix_break(f, i, WRAP_FAULT_OFFLINE, 0);
	b = ctlfix_clone(f, "b", 0);
	assert_int_equal(sherd_pool_fresh(b), 0);
	assert_string_equal(ctlfix_head(b, incarnation), "from a");
	assert_int_equal(ctlfix_try_publish(b, "x", &err), SHERD_DENIED);
	ctlfix_mend(f);
	assert_int_equal(ctlfix_publish(b, "x"), 1);
	assert_int_equal(pool_refresh(a, &err), 0);
	sherd_pool_devices(a, &count);
	assert_int_equal(count, 2);
	assert_string_equal(ctlfix_head(a, pool_incarnation(b)), "x");
	sherd_pool_free(a);
	sherd_pool_free(b);
}

/* --- two devices --- */

static void test_two_devices(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3), *b = ctlfix_clone(f, "b", 1);
	struct sherd_error err;

	for (unsigned i = 1; i <= 40; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%u", i);
		assert_int_equal(ctlfix_publish(a, text), i);
		assert_int_equal(ctlfix_publish(b, text), i);
		if (i % 3 == 0) {
			assert_int_equal(pool_refresh(a, &err), 0);
			assert_string_equal(ctlfix_head(a, pool_incarnation(b)), text);
		}
		if (i % 4 == 0) {
			assert_int_equal(pool_refresh(b, &err), 0);
			assert_string_equal(ctlfix_head(b, pool_incarnation(a)), text);
		}
	}
	/* forerunners are gone but for the last 16 */
	assert_non_null(ctlfix_name(f, 0, "heads/", 31));
	assert_null(ctlfix_name(f, 0, "heads/", 32));
	sherd_pool_free(a);
	sherd_pool_free(b);
	a = ctlfix_open(f, "a");
	assert_int_equal(ctlfix_publish(a, "41"), 41);
	sherd_pool_free(a);
}

/* Both change the pool, neither knows of the other: both changes are there. */
static void test_pool_race(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3), *b = ctlfix_clone(f, "b", 1);
	struct sherd_pool_info info;
	struct sherd_error err;
	size_t count;

	/* b's record of the pool comes to be beside a's: b does not hear of a's */
	for (unsigned i = 0; i < 3; i++)
		ctlfix_break(f, i, WRAP_FAULT_NONE, 0);
	ctlfix_copy_store(f, 0, 5);
	ctlfix_add(a, 3);
	assert_int_equal(pool_fix_m(b, &err), 0);
	assert_int_equal(pool_refresh(a, &err), 0);
	sherd_pool_places(a, 0, &count);
	assert_int_equal(count, 4);
	sherd_pool_info(a, &info);
	assert_int_equal(info.m, 4);
	sherd_pool_free(a);
	sherd_pool_free(b);
}

/* --- places --- */

static void test_place_add_refuses(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 2), *other;
	struct sherd_place_add_options same = {.name = "again", .url = "mem:1"},
				       taken = {.name = "p1", .url = "mem:3"},
				       bad = {.name = "a/b", .url = "mem:3"};
	struct sherd_error err;
	struct place *place;
	struct iovec part = hash_part("x", 1);
	size_t count;

	assert_int_equal(sherd_pool_place_add(a, &same, &err), SHERD_EXISTS);
	assert_non_null(strstr(err.message, "'p1'"));
	assert_int_equal(sherd_pool_place_add(a, &taken, &err), SHERD_EXISTS);
	assert_int_equal(sherd_pool_place_add(a, &bad, &err), SHERD_INVALID);
	assert_int_equal(place_mem_new(f->store[3], &place, NULL), 0);
	assert_int_equal(place_put(place, "photos/1.jpg", &part, 1, NULL), 0);
	place_free(place);
	assert_int_equal(ctlfix_try_add(a, 3, &err), SHERD_EXISTS);
	ctlfix_init(f, "other");
	other = ctlfix_open(f, "other");
	ctlfix_add(other, 4);
	assert_int_equal(ctlfix_try_add(a, 4, &err), SHERD_EXISTS);
	assert_non_null(strstr(err.message, "another pool"));
	sherd_pool_free(other);
	ctlfix_break(f, 5, WRAP_FAULT_NOSPACE, 0);
	assert_int_equal(ctlfix_try_add(a, 5, &err), SHERD_NOSPACE);
	ctlfix_break(f, 5, WRAP_FAULT_DENIED, 0);
	assert_int_equal(ctlfix_try_add(a, 5, &err), SHERD_DENIED);
	ctlfix_break(f, 5, WRAP_FAULT_LOSE, 0);
	assert_int_not_equal(ctlfix_try_add(a, 5, &err), 0);
	ctlfix_break(f, 5, WRAP_FAULT_FLIP, 1 << WRAP_CALL_PUT);
	assert_int_equal(ctlfix_try_add(a, 5, &err), SHERD_CORRUPT);
	ctlfix_mend(f);
	sherd_pool_places(a, 0, &count);
	assert_int_equal(count, 2);
	ctlfix_add(a, 6);
	sherd_pool_places(a, 0, &count);
	assert_int_equal(count, 3);
	sherd_pool_free(a);
}

static void test_place_remove(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3), *b;
	struct sherd_error err;
	size_t count;

	ctlfix_publish(a, "one");
	assert_int_equal(sherd_pool_place_remove(a, "nobody", 0, &err), SHERD_NOTFOUND);
	assert_int_equal(sherd_pool_place_remove(a, "p1", 0, &err), 0);
	sherd_pool_places(a, 0, &count);
	assert_int_equal(count, 2);
	/* of two, the other must agree, unless it is lost */
	ctlfix_break(f, 2, WRAP_FAULT_OFFLINE, 0);
	assert_int_equal(sherd_pool_place_remove(a, "p2", 0, &err), SHERD_QUORUM);
	assert_int_equal(sherd_pool_place_remove(a, "p2", 1, &err), 0);
	assert_int_equal(sherd_pool_place_remove(a, "p0", 1, &err), SHERD_INVALID);
	ctlfix_publish(a, "two");
	sherd_pool_free(a);
	ctlfix_mend(f);
	b = ctlfix_clone(f, "b", 0);
	sherd_pool_places(b, 0, &count);
	assert_int_equal(count, 1);
	/* a place that was removed can come back, with a number of its own */
	ctlfix_add(b, 1);
	assert_int_equal(ctlfix_place(b, "p1")->number, 4);
	sherd_pool_free(b);
}

static void test_place_test(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 1);
	struct sherd_place_test test;
	struct sherd_error err;
	size_t before = place_mem_count(f->store[0]);

	assert_int_equal(sherd_pool_place_test(a, "p9", &test, &err), SHERD_NOTFOUND);
	assert_int_equal(sherd_pool_place_test(a, "p0", &test, &err), 0);
	assert_int_equal(test.write | test.read | test.list | test.remove, 0);
	assert_int_equal(test.overwrite_refused, 1);
	assert_string_equal(test.message, "");
	assert_int_equal(place_mem_count(f->store[0]), before);
	ctlfix_break(f, 0, WRAP_FAULT_FLIP, 1 << WRAP_CALL_GET);
	assert_int_equal(sherd_pool_place_test(a, "p0", &test, &err), 0);
	assert_int_equal(test.read, SHERD_CORRUPT);
	assert_non_null(strstr(test.message, "reading"));
	ctlfix_break(f, 0, WRAP_FAULT_DENIED, 0);
	assert_int_equal(sherd_pool_place_test(a, "p0", &test, &err), 0);
	assert_int_equal(test.write, SHERD_DENIED);
	ctlfix_mend(f);
	sherd_pool_free(a);
}

static void test_read_only(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3), *reader = NULL;
	struct sherd_pool_options options = ctlfix_options(f, "a");
	struct sherd_error err;
	unsigned long writes;

	ctlfix_publish(a, "one");
	options.state = ctlfix_path(f, "a");
	options.read_only = 1;
	writes = f->fault.counts[FAULTENV_WRITE];
	assert_int_equal(sherd_pool_open(&options, &reader, &err), 0);
	assert_string_equal(ctlfix_head(reader, pool_incarnation(reader)), "one");
	assert_int_equal(ctlfix_try_publish(reader, "x", &err), SHERD_DENIED);
	assert_int_equal(ctlfix_try_add(reader, 4, &err), SHERD_DENIED);
	sherd_pool_free(reader);
	assert_int_equal(f->fault.counts[FAULTENV_WRITE], writes);
	options.id = (const uint8_t *)"0123456789abcdef";
	assert_int_equal(sherd_pool_open(&options, &reader, &err), SHERD_MISMATCH);
	sherd_pool_free(a);
}

/* With threads, and one place that hangs: nobody waits for it longer than its deadline. */
static void test_threads(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3);
	struct sherd_pool_options options = ctlfix_options(f, "a");
	const struct sherd_place_info *list;
	struct sherd_error err;
	size_t count;

	sherd_pool_free(a);
	options.inline_calls = 0;
	options.timeout_ms = 200;
	options.state = ctlfix_path(f, "a");
	assert_int_equal(sherd_pool_open(&options, &a, &err), 0);
	assert_int_equal(ctlfix_publish(a, "one"), 1);
	sherd_pool_free(a);
	ctlfix_break(f, 1, WRAP_FAULT_HANG, 0);
	options.state = ctlfix_path(f, "a");
	assert_int_equal(sherd_pool_open(&options, &a, &err), 0);
	assert_int_equal(sherd_pool_fresh(a), 1);
	assert_int_equal(ctlfix_place(a, "p1")->state, SHERD_PLACE_SLOW);
	list = sherd_pool_places(a, 1, &count); /* asks again, and comes back */
	assert_int_equal(count, 3);
	assert_int_equal(list[0].state, SHERD_PLACE_ONLINE);
	assert_int_not_equal(list[1].state, SHERD_PLACE_ONLINE);
	assert_int_equal(ctlfix_publish(a, "two"), 2);
	ctlfix_mend(f);
	sherd_pool_free(a);
	a = ctlfix_open(f, "a");
	assert_string_equal(ctlfix_head(a, pool_incarnation(a)), "two");
	sherd_pool_free(a);
}

/* The next head is written only after the last one has reached the quorum. */
static void test_last_head_first(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3);
	struct sherd_error err;
	char prefix[80], digits[33];
	unsigned count = 0;

	ctlfix_break(f, 1, WRAP_FAULT_OFFLINE, 1 << WRAP_CALL_PUT);
	ctlfix_break(f, 2, WRAP_FAULT_OFFLINE, 1 << WRAP_CALL_PUT);
	assert_int_equal(ctlfix_try_publish(a, "one", &err), SHERD_QUORUM);
	assert_non_null(strstr(err.message, "'p1'"));
	assert_non_null(strstr(err.message, "'p2'"));
	/* while it is not there, there is no second */
	assert_int_equal(ctlfix_try_publish(a, "two", &err), SHERD_QUORUM);
	snprintf(prefix, sizeof(prefix), "heads/%s/%016x", hex_of(pool_incarnation(a), 16, digits),
		2);
	assert_null(ctlfix_name(f, 0, prefix, 0));
	ctlfix_mend(f);
	ctlfix_publish(a, "two");
	snprintf(prefix, sizeof(prefix), "heads/%s/%016x", digits, 1);
	for (unsigned i = 0; i < 3; i++)
		count += ctlfix_name(f, i, prefix, 0) != NULL;
	assert_true(count >= 2);
	sherd_pool_free(a);
}

/* Another place at a place's address is not that place, whichever it is. */
static void test_exchanged(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3), *other;

	ctlfix_init(f, "other");
	other = ctlfix_open(f, "other");
	ctlfix_add(other, 4);
	sherd_pool_free(other);
	sherd_pool_free(a);
	ctlfix_copy_store(f, 1, 5);
	for (unsigned from = 0; from <= 4; from += 4) {
		size_t objects;

		ctlfix_copy_store(f, from, 1);
		objects = place_mem_count(f->store[1]);
		a = ctlfix_open(f, "a");
		assert_int_equal(sherd_pool_fresh(a), 1);
		assert_int_equal(ctlfix_place(a, "p1")->state, SHERD_PLACE_GONE);
		ctlfix_publish(a, "x");
		assert_int_equal(place_mem_count(f->store[1]), objects);
		sherd_pool_free(a);
	}
	ctlfix_copy_store(f, 5, 1);
	a = ctlfix_open(f, "a");
	assert_int_not_equal(ctlfix_place(a, "p1")->state, SHERD_PLACE_GONE);
	sherd_pool_free(a);
}

static unsigned told_count;
static int told_code;

static void told(void *context, const char *place, const char *name, int code)
{
	(void)name;
	assert_string_equal(place, context);
	told_count++;
	told_code = code;
}

static void test_replicate_and_check(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3);
	struct sherd_error err;
	unsigned written;
	char place[] = "p1";

	ctlfix_publish(a, "one");
	assert_int_equal(pool_control_check(a, told, place, &err), 0);
	assert_int_equal(told_count, 0);
	assert_true(place_mem_drop(f->store[1], ctlfix_name(f, 1, "heads/", 0)));
	assert_int_equal(pool_control_check(a, told, place, &err), 0);
	assert_int_equal(told_count, 1);
	assert_int_equal(told_code, SHERD_NOTFOUND);
	assert_int_equal(pool_refresh(a, &err), 0);
	assert_int_equal(ctlfix_place(a, "p1")->state, SHERD_PLACE_SUSPECT);
	assert_int_equal(pool_replicate(a, &written, &err), 0);
	assert_int_equal(written, 1);
	told_count = 0;
	assert_int_equal(pool_control_check(a, told, place, &err), 0);
	assert_int_equal(told_count, 0);
	assert_int_equal(pool_refresh(a, &err), 0);
	assert_int_equal(ctlfix_place(a, "p1")->state, SHERD_PLACE_ONLINE);
	assert_true(place_mem_corrupt(f->store[1], ctlfix_name(f, 1, "keys/", 0), 400, 1));
	assert_int_equal(pool_control_check(a, told, place, &err), 0);
	assert_int_equal(told_code, SHERD_CORRUPT);
	assert_int_equal(ctlfix_place(a, "p1")->state, SHERD_PLACE_SUSPECT);
	sherd_pool_free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_init_and_open),
		TEST(test_init_refuses),
		TEST(test_no_device_key),
		cmocka_unit_test(test_quorum_numbers),
		cmocka_unit_test(test_quorum_edges),
		TEST(test_clone),
		TEST(test_clone_refuses),
		TEST(test_clone_alone),
		TEST(test_two_devices),
		TEST(test_pool_race),
		TEST(test_place_add_refuses),
		TEST(test_place_remove),
		TEST(test_place_test),
		TEST(test_read_only),
		TEST(test_threads),
		TEST(test_last_head_first),
		TEST(test_exchanged),
		TEST(test_replicate_and_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
