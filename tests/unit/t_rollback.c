/* SPDX-License-Identifier: MIT */
/* t_rollback.c - places and devices that were put back, liars, forks, and devices that do things at
 * the same time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/hex.h>
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

static char *state_listing(struct ctlfix *f, const char *device)
{
	char command[256], *text = mem_array(1, 65536);
	FILE *pipe;

	assert_non_null(text);
	snprintf(command, sizeof(command), "cd '%s' && find . -type f | sort | xargs sha256sum",
		ctlfix_path(f, device));
	pipe = popen(command, "r");
	assert_non_null(pipe);
	text[fread(text, 1, 65535, pipe)] = '\0';
	pclose(pipe);
	return text;
}

/* All places show what was there before: nothing is changed, nothing is lost when they are back. */
static void test_all_put_back(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3);
	struct sherd_error err;
	char *before, *after;

	ctlfix_publish(a, "one");
	for (unsigned i = 0; i < 3; i++)
		ctlfix_copy_store(f, i, i + 3);
	ctlfix_publish(a, "two");
	sherd_pool_free(a);
	for (unsigned i = 0; i < 3; i++)
		ctlfix_copy_store(f, i + 3, i);
	before = state_listing(f, "a");
	assert_int_equal(ctlfix_try_open(f, "a", &a, &err), SHERD_ROLLBACK);
	assert_non_null(strstr(err.message, "'a'"));
	after = state_listing(f, "a");
	assert_string_equal(before, after);
	mem_free(before);
	mem_free(after);
	/* below the quorum that proves nothing */
	ctlfix_break(f, 0, WRAP_FAULT_OFFLINE, 0);
	ctlfix_break(f, 1, WRAP_FAULT_OFFLINE, 0);
	a = ctlfix_open(f, "a");
	assert_int_equal(sherd_pool_fresh(a), 0);
	assert_string_equal(ctlfix_head(a, pool_incarnation(a)), "two");
	assert_int_equal(ctlfix_place(a, "p2")->state, SHERD_PLACE_SUSPECT);
	sherd_pool_free(a);
}

static void test_pool_record_put_back(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3);
	struct sherd_error err;

	for (unsigned i = 0; i < 3; i++)
		ctlfix_copy_store(f, i, i + 3);
	assert_int_equal(pool_fix_m(a, &err), 0);
	for (unsigned i = 0; i < 3; i++)
		ctlfix_copy_store(f, i + 3, i);
	assert_int_equal(pool_refresh(a, &err), SHERD_ROLLBACK);
	sherd_pool_free(a);
	assert_int_equal(ctlfix_try_open(f, "a", &a, &err), SHERD_ROLLBACK);
}

/* One liar of five: neither a known device nor a new one is deceived, wherever it comes from. */
static void test_one_liar(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 5), *b;
	uint8_t incarnation[16];
	static const enum wrap_fault lies[] = {WRAP_FAULT_EMPTY, WRAP_FAULT_ABSENT,
		WRAP_FAULT_FORGET, WRAP_FAULT_GARBAGE, WRAP_FAULT_FLIP, WRAP_FAULT_TORN,
		WRAP_FAULT_LOSE};

	memcpy(incarnation, pool_incarnation(a), 16);
	ctlfix_publish(a, "one");
	ctlfix_copy_store(f, 0, 5);
	ctlfix_publish(a, "two");
	sherd_pool_free(a);
	ctlfix_copy_store(f, 5, 0);
	for (unsigned i = 0; i < 5; i++) {
		char name[8];

		/* The device's record goes to the old place, too, which is then old no more: so
		 * put it back each time. */
		ctlfix_copy_store(f, 5, 0);
		snprintf(name, sizeof(name), "b%u", i);
		b = ctlfix_clone(f, name, i);
		assert_int_equal(sherd_pool_fresh(b), 1);
		assert_string_equal(ctlfix_head(b, incarnation), "two");
		assert_int_equal(ctlfix_place(b, "p0")->state, SHERD_PLACE_BEHIND);
		sherd_pool_free(b);
	}
	ctlfix_copy_store(f, 5, 0);
	a = ctlfix_open(f, "a");
	assert_string_equal(ctlfix_head(a, incarnation), "two");
	assert_int_equal(ctlfix_place(a, "p0")->state, SHERD_PLACE_SUSPECT);
	assert_int_equal(ctlfix_publish(a, "three"), 3);
	sherd_pool_free(a);
	for (unsigned i = 0; i < 7; i++) {
		char name[8], text[8];

		ctlfix_mend(f);
		snprintf(name, sizeof(name), "c%u", i);
		snprintf(text, sizeof(text), "x%u", i);
		a = ctlfix_open(f, "a");
		ctlfix_publish(a, text);
		sherd_pool_free(a);
		ctlfix_break(f, 2, lies[i], 0);
		a = ctlfix_open(f, "a");
		assert_string_equal(ctlfix_head(a, incarnation), text);
		sherd_pool_free(a);
		b = ctlfix_clone(f, name, 3);
		assert_string_equal(ctlfix_head(b, incarnation), text);
		ctlfix_publish(b, text);
		sherd_pool_free(b);
	}
}

/* What another device's head has seen, and no place shows. */
static void test_withheld(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3), *b = ctlfix_clone(f, "b", 0), *c = NULL;
	char prefix[64], digits[33];
	struct sherd_error err;

	ctlfix_publish(a, "one");
	ctlfix_publish(a, "two");
	assert_int_equal(pool_refresh(b, &err), 0);
	ctlfix_publish(b, "has seen two");
	snprintf(prefix, sizeof(prefix), "heads/%s/", hex_of(pool_incarnation(a), 16, digits));
	for (unsigned i = 0; i < 3; i++)
		assert_true(place_mem_drop(f->store[i], ctlfix_name(f, i, prefix, 1)));
	assert_int_equal(ctlfix_try_clone(f, "c", 0, &c, &err), SHERD_ROLLBACK);
	assert_non_null(strstr(err.message, "withheld"));
	assert_int_equal(pool_refresh(b, &err), SHERD_ROLLBACK);
	ctlfix_break(f, 1, WRAP_FAULT_OFFLINE, 0);
	ctlfix_break(f, 2, WRAP_FAULT_OFFLINE, 0);
	c = ctlfix_clone(f, "c", 0);
	assert_int_equal(sherd_pool_fresh(c), 0);
	sherd_pool_free(c);
	sherd_pool_free(b);
	sherd_pool_free(a);
}

/* The state folder is put back: a new incarnation, and nothing of the old log is lost. */
static void test_device_put_back(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3);
	uint8_t old[16];
	struct sherd_error err;
	size_t count;

	memcpy(old, pool_incarnation(a), 16);
	ctlfix_publish(a, "one");
	sherd_pool_free(a);
	ctlfix_copy(f, "a", "backup");
	a = ctlfix_open(f, "a");
	ctlfix_publish(a, "two");
	sherd_pool_free(a);
	ctlfix_copy(f, "backup", "a");
	a = ctlfix_open(f, "a");
	assert_string_equal(ctlfix_head(a, old), "two");
	assert_int_equal(ctlfix_try_publish(a, "three", &err), SHERD_ROLLBACK);
	assert_non_null(strstr(err.message, "incarnation"));
	assert_memory_not_equal(old, pool_incarnation(a), 16);
	assert_int_equal(ctlfix_publish(a, "three"), 1);
	assert_string_equal(ctlfix_head(a, old), "two");
	assert_string_equal(ctlfix_head(a, pool_incarnation(a)), "three");
	sherd_pool_free(a);
	a = ctlfix_open(f, "a");
	assert_string_equal(ctlfix_head(a, pool_incarnation(a)), "three");
	assert_int_equal(ctlfix_publish(a, "four"), 2);
	sherd_pool_devices(a, &count);
	assert_int_equal(count, 1);
	sherd_pool_free(a);
	/* and the same backup once more */
	ctlfix_copy(f, "backup", "a");
	a = ctlfix_open(f, "a");
	assert_int_equal(ctlfix_try_publish(a, "five", &err), SHERD_ROLLBACK);
	assert_int_equal(ctlfix_publish(a, "five"), 1);
	pool_heads(a, &count);
	assert_int_equal(count, 3);
	sherd_pool_free(a);
}

/* A copied disk: two that are one. */
static void test_fork(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3), *b = ctlfix_clone(f, "b", 0), *twin;
	uint8_t old[16];
	struct sherd_error err;

	memcpy(old, pool_incarnation(a), 16);
	ctlfix_publish(a, "one");
	ctlfix_copy(f, "a", "twin");
	twin = ctlfix_open(f, "twin");
	ctlfix_publish(a, "two of a");
	ctlfix_publish(twin, "two of its twin");
	assert_int_equal(pool_refresh(b, &err), SHERD_ROLLBACK);
	assert_non_null(strstr(err.message, "'a'"));
	assert_int_equal(pool_refresh(a, &err), 0);
	assert_int_equal(ctlfix_try_publish(a, "three", &err), SHERD_ROLLBACK);
	assert_int_equal(ctlfix_publish(a, "three"), 1);
	assert_int_equal(pool_refresh(twin, &err), 0);
	assert_int_equal(ctlfix_try_publish(twin, "three", &err), SHERD_ROLLBACK);
	assert_int_equal(ctlfix_publish(twin, "three"), 1);
	assert_memory_not_equal(pool_incarnation(a), pool_incarnation(twin), 16);
	assert_int_equal(pool_refresh(b, &err), 0);
	assert_string_equal(ctlfix_head(b, pool_incarnation(a)), "three");
	assert_string_equal(ctlfix_head(b, pool_incarnation(twin)), "three");
	ctlfix_publish(b, "b goes on");
	sherd_pool_free(twin);
	sherd_pool_free(b);
	sherd_pool_free(a);
	a = ctlfix_open(f, "a");
	ctlfix_publish(a, "so does a");
	sherd_pool_free(a);
}

/* --- at the same time --- */

struct other {
	struct sherd_pool *pool;
	int code;
	struct sherd_error err;
};

static void fix_m(void *context)
{
	struct other *o = context;

	o->code = pool_fix_m(o->pool, &o->err);
}

static void publish_two(void *context)
{
	struct other *o = context;

	o->code = ctlfix_try_publish(o->pool, "two", &o->err);
}

/* b changes the pool before each single call that a makes while it changes it; with other random
 * numbers either's record has the lower hash. */
static void race_with(unsigned seed)
{
	bool struck = true;

	for (unsigned long n = 1; struck; n++) {
		CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
		uint8_t drawn[8];
		int unused = f->env.random(f->env.context, drawn, seed);
		struct sherd_pool *a = ctlfix_make(f, "a", 3), *b = ctlfix_clone(f, "b", 1), *c;
		struct other other = {.pool = b};
		struct sherd_pool_info info, of_a;
		struct sherd_error err = {0};
		size_t count;
		int r;

		assert_int_equal(unused, 0);
		f->hook = fix_m;
		f->hook_context = &other;
		f->hook_at = atomic_load(&f->made) + n;
		r = ctlfix_try_add(a, 3, &err);
		if (r)
			print_error("%lu: %s\n", n, err.message);
		assert_int_equal(r, 0);
		struck = f->hook_at == 0;
		f->hook_at = 0;
		assert_int_equal(other.code, 0);
		c = ctlfix_clone(f, "c", 2);
		assert_int_equal(pool_refresh(a, &err), 0);
		sherd_pool_info(c, &info);
		sherd_pool_info(a, &of_a);
		assert_int_equal(info.seq, of_a.seq);
		assert_int_equal(info.m, struck ? info.m : 0);
		assert_true(!struck || info.m == 3 || info.m == 4);
		sherd_pool_places(c, 0, &count);
		assert_int_equal(count, 4);
		sherd_pool_free(a);
		sherd_pool_free(b);
		sherd_pool_free(c);
	}
}

static void test_pool_race(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 3; seed++)
		race_with(seed);
}

/* And b publishes. */
static void test_publish_race(void **state)
{
	bool struck = true;

	(void)state;
	for (unsigned long n = 1; struck; n++) {
		CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
		struct sherd_pool *a = ctlfix_make(f, "a", 3), *b = ctlfix_clone(f, "b", 1);
		struct other other = {.pool = b};
		struct sherd_error err;

		ctlfix_publish(b, "one");
		assert_int_equal(pool_refresh(a, &err), 0);
		f->hook = publish_two;
		f->hook_context = &other;
		f->hook_at = atomic_load(&f->made) + n;
		ctlfix_publish(a, "of a");
		assert_int_equal(pool_refresh(a, &err), 0);
		struck = f->hook_at == 0;
		f->hook_at = 0;
		assert_int_equal(other.code, 0);
		assert_int_equal(pool_refresh(a, &err), 0);
		assert_int_equal(pool_refresh(b, &err), 0);
		assert_string_equal(ctlfix_head(a, pool_incarnation(b)), struck ? "two" : "one");
		assert_string_equal(ctlfix_head(b, pool_incarnation(a)), "of a");
		sherd_pool_free(a);
		sherd_pool_free(b);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_put_back),
		TEST(test_pool_record_put_back),
		TEST(test_one_liar),
		TEST(test_withheld),
		TEST(test_device_put_back),
		TEST(test_fork),
		cmocka_unit_test(test_pool_race),
		cmocka_unit_test(test_publish_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
