/* SPDX-License-Identifier: MIT */
/*
 * t_calls.c - members and groups of calls: inline and in order, on threads, over the deadline, with
 * places that never come back, with ends that nobody collects, with many callers at once.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/log.h>
#include <place/place_mem.h>
#include <place/wrap.h>
#include <pool/calls.h>

#define MS UINT64_C(1000000)

static uint64_t now_ns(void)
{
	return env_system()->clock_monotonic_ns(env_system()->context);
}

/* One member over a store, with a fault that may be changed. */
struct fix {
	atomic_uint fault;
	atomic_uint made; /* calls that reached the place */
	struct place_mem_store *store;
	struct member *member;
	struct calls *group;
};

static enum wrap_fault decide(void *context, enum wrap_call call, const char *name)
{
	struct fix *f = context;

	(void)call;
	(void)name;
	atomic_fetch_add(&f->made, 1);
	return (enum wrap_fault)atomic_load(&f->fault);
}

static void fix_init(struct fix *f, unsigned threads, uint64_t deadline, uint64_t hang)
{
	struct wrap_fault_options wrong = {.decide = decide, .context = f, .hang_ns = hang};
	struct member_options options = {.threads = threads, .deadline_ns = deadline};
	struct place *inner, *outer;

	*f = (struct fix){.fault = WRAP_FAULT_NONE};
	assert_int_equal(place_mem_store_new(env_system(), &f->store, NULL), 0);
	assert_int_equal(place_mem_new(f->store, &inner, NULL), 0);
	assert_int_equal(wrap_fault(inner, env_system(), &wrong, &outer, NULL), 0);
	assert_int_equal(member_new(7, "nas", outer, NULL, &options, &f->member, NULL), 0);
	assert_int_equal(calls_new(env_system(), &f->group, NULL), 0);
}

static void fix_release(struct fix *f)
{
	calls_free(f->group);
	member_free(f->member);
	place_mem_store_unref(f->store);
}

static struct call_end next(struct fix *f)
{
	struct call_end end;

	assert_int_equal(calls_next(f->group, UINT64_MAX, &end, NULL), 0);
	return end;
}

static int put(struct fix *f, uint64_t tag, const char *name, const char *text,
	const struct call_hold *hold)
{
	struct iovec part = {NULL, strlen(text)};

	memcpy(&part.iov_base, &text, sizeof(text)); /* a constant: only read, and lives for ever */
	return calls_put(f->group, f->member, tag, name, &part, 1, hold, NULL);
}

static void every_call(unsigned threads)
{
	struct fix f;
	struct call_end end;
	uint8_t buffer[8];
	struct member_counts counts;

	fix_init(&f, threads, 0, 0);
	assert_int_equal(member_number(f.member), 7);
	assert_string_equal(member_name(f.member), "nas");
	assert_non_null(member_place(f.member));
	assert_int_equal(calls_next(f.group, 0, &end, NULL), SHERD_NOTFOUND);
	assert_int_equal(put(&f, 1, "a/b", "hello", NULL), 0);
	assert_int_equal(calls_open(f.group), 1);
	end = next(&f);
	assert_true(
		end.code == 0 && end.kind == CALL_PUT && end.tag == 1 && end.member == f.member);
	assert_int_equal(put(&f, 2, "a/b", "other", NULL), 0);
	assert_int_equal(next(&f).code, SHERD_EXISTS);
	assert_int_equal(calls_get(f.group, f.member, 3, "a/b", 1, 8, buffer, NULL, NULL), 0);
	end = next(&f);
	assert_true(end.code == 0 && end.got == 4 && !end.data);
	assert_memory_equal(buffer, "ello", 4);
	assert_int_equal(calls_get(f.group, f.member, 4, "a/b", 0, 100, NULL, NULL, NULL), 0);
	end = next(&f);
	assert_true(end.code == 0 && end.got == 5 && end.data);
	assert_memory_equal(end.data, "hello", 5);
	call_end_release(&end);
	assert_int_equal(calls_stat(f.group, f.member, 5, "a/b", NULL), 0);
	assert_int_equal(next(&f).stat.size, 5);
	assert_int_equal(calls_list(f.group, f.member, 6, "a/", NULL, NULL), 0);
	end = next(&f);
	assert_true(end.code == 0 && end.page.count == 1);
	assert_string_equal(end.page.entries[0].name, "a/b");
	call_end_release(&end);
	assert_int_equal(calls_list(f.group, f.member, 6, "a/", "a/b", NULL), 0);
	end = next(&f);
	assert_int_equal(end.page.count, 0);
	call_end_release(&end);
	assert_int_equal(calls_remove(f.group, f.member, 7, "a/b", NULL), 0);
	assert_int_equal(next(&f).code, 0);
	assert_int_equal(calls_stat(f.group, f.member, 8, "a/b", NULL), 0);
	end = next(&f);
	assert_int_equal(end.code, SHERD_NOTFOUND);
	assert_int_equal(end.error.code, SHERD_NOTFOUND);
	assert_true(end.error.message[0]);
	assert_int_equal(calls_stat(f.group, f.member, 9, "../b", NULL), 0);
	assert_int_equal(next(&f).code, SHERD_INVALID);
	member_counts(f.member, &counts);
	assert_true(counts.reads == 5 && counts.writes == 2 && counts.bytes_read == 9);
	assert_true(counts.bytes_written == 5 && counts.read_errors == 1 && !counts.write_errors);
	assert_true(counts.last_ok_ns && counts.latency_ns && !counts.lies);
	fix_release(&f);
}

static void test_every_call(void **state)
{
	(void)state;
	every_call(0);
	every_call(3);
}

/* Without threads ends come in the order of the calls. With one thread as well. */
static void test_order(void **state)
{
	(void)state;
	for (unsigned threads = 0; threads < 2; threads++) {
		struct fix f;

		fix_init(&f, threads, 0, 0);
		for (unsigned i = 0; i < 200; i++)
			assert_int_equal(calls_stat(f.group, f.member, i, "x", NULL), 0);
		assert_int_equal(calls_open(f.group), 200);
		for (unsigned i = 0; i < 200; i++)
			assert_int_equal(next(&f).tag, i);
		fix_release(&f);
	}
}

static void test_no_place(void **state)
{
	struct member_options options = {.threads = 1};
	struct member *m;
	struct calls *g;
	struct call_end end;

	(void)state;
	assert_int_equal(member_new(1, "b2", NULL, "no such host", &options, &m, NULL), 0);
	assert_null(member_place(m));
	assert_int_equal(calls_new(NULL, &g, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(member_usable(m));
		assert_int_equal(calls_stat(g, m, 0, "x", NULL), 0);
		assert_int_equal(calls_next(g, UINT64_MAX, &end, NULL), 0);
		assert_int_equal(end.code, SHERD_OFFLINE);
		assert_non_null(strstr(end.error.message, "no such host"));
	}
	assert_false(member_usable(m));
	calls_free(g);
	member_free(m);
	member_free(NULL);
	calls_free(NULL);
}

/* --- time --- */

static void test_deadline(void **state)
{
	struct fix f;
	struct call_end end;
	struct sherd_error err;
	uint64_t start = now_ns();

	(void)state;
	fix_init(&f, 1, 100 * MS, 700 * MS);
	atomic_store(&f.fault, WRAP_FAULT_SLOW);
	/* the first hangs, those behind it cannot even start */
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(calls_get(f.group, f.member, i, "x", 0, 100, NULL, NULL, NULL), 0);
	assert_int_equal(calls_next(f.group, 20 * MS, &end, &err), SHERD_TIMEOUT);
	assert_in_range(now_ns() - start, 20 * MS, 90 * MS);
	for (unsigned i = 0; i < 20; i++) {
		end = next(&f);
		assert_int_equal(end.code, SHERD_TIMEOUT);
		assert_int_equal(end.error.code, SHERD_TIMEOUT);
	}
	assert_true(now_ns() - start < 500 * MS);
	assert_int_equal(calls_open(f.group), 0);
	assert_int_equal(atomic_load(&f.made), 1);
	assert_false(member_usable(f.member));
	fix_release(&f);
	assert_true(now_ns() - start < 1500 * MS);
}

/* The breaker opens again for one probe after a deadline. */
static void test_breaker(void **state)
{
	struct fix f;

	(void)state;
	fix_init(&f, 0, 50 * MS, 0);
	atomic_store(&f.fault, WRAP_FAULT_OFFLINE);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(member_usable(f.member));
		assert_int_equal(calls_stat(f.group, f.member, 0, "x", NULL), 0);
		assert_int_equal(next(&f).code, SHERD_OFFLINE);
	}
	assert_false(member_usable(f.member));
	env_system()->sleep_ns(env_system()->context, 60 * MS);
	assert_true(member_usable(f.member));
	assert_int_equal(calls_stat(f.group, f.member, 0, "x", NULL), 0);
	assert_int_equal(next(&f).code, SHERD_OFFLINE);
	assert_false(member_usable(f.member));
	atomic_store(&f.fault, WRAP_FAULT_NONE);
	assert_int_equal(calls_stat(f.group, f.member, 0, "x", NULL), 0);
	assert_int_equal(next(&f).code, SHERD_NOTFOUND);
	assert_true(member_usable(f.member)); /* it answers */
	fix_release(&f);
}

/* --- what is held --- */

static atomic_int holds;

static void hold_ref(void *object)
{
	(void)object;
	atomic_fetch_add(&holds, 1);
}

static void hold_unref(void *object)
{
	(void)object;
	atomic_fetch_sub(&holds, 1);
}

/* What is given up is held until the place comes back, and no longer; the queue behind it goes. */
static void test_holds(void **state)
{
	struct call_hold hold = {hold_ref, hold_unref, NULL};
	struct fix f;

	(void)state;
	fix_init(&f, 1, 50 * MS, 400 * MS);
	atomic_store(&f.fault, WRAP_FAULT_SLOW);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(put(&f, i, i ? "b" : "a", "text", &hold), 0);
	assert_int_equal(atomic_load(&holds), 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(next(&f).code, SHERD_TIMEOUT);
	assert_int_equal(atomic_load(&holds), 1);
	env_system()->sleep_ns(env_system()->context, 600 * MS);
	assert_int_equal(atomic_load(&holds), 0);
	/* it went on by itself, and its counts were kept */
	struct member_counts counts;
	member_counts(f.member, &counts);
	assert_int_equal(counts.writes, 1);
	assert_int_equal(counts.write_errors, 5);
	assert_int_equal(place_mem_count(f.store), 1);
	assert_true(member_usable(f.member));
	fix_release(&f);
}

/* The group goes first, then the member while its place hangs for longer than member_free() waits.
 */
static void test_free_while_hanging(void **state)
{
	struct call_hold hold = {hold_ref, hold_unref, NULL};
	static struct fix f; /* outlives this function: the place still asks it */
	uint64_t start;

	(void)state;
	fix_init(&f, 2, 0, 1700 * MS);
	atomic_store(&f.fault, WRAP_FAULT_SLOW);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(put(&f, i, "a", "text", &hold), 0);
	env_system()->sleep_ns(env_system()->context, 50 * MS);
	calls_free(f.group);
	assert_int_equal(atomic_load(&holds), 2);
	start = now_ns();
	member_free(f.member);
	assert_in_range(now_ns() - start, 900 * MS, 1300 * MS);
	while (atomic_load(&holds) && now_ns() - start < 5000 * MS)
		env_system()->sleep_ns(env_system()->context, 10 * MS);
	assert_int_equal(atomic_load(&holds), 0);
	place_mem_store_unref(f.store);
	/* the threads end on their own; nothing is left to wait for them by */
	env_system()->sleep_ns(env_system()->context, 100 * MS);
}

/* Calls that a member never started end when it is freed. */
static void test_free_ends_the_queue(void **state)
{
	struct fix f;
	unsigned offline = 0, worked = 0;

	(void)state;
	fix_init(&f, 1, 0, 100 * MS);
	atomic_store(&f.fault, WRAP_FAULT_SLOW);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(calls_stat(f.group, f.member, i, "x", NULL), 0);
	env_system()->sleep_ns(env_system()->context, 30 * MS);
	member_free(f.member);
	for (unsigned i = 0; i < 6; i++) {
		int code = next(&f).code;

		offline += code == SHERD_OFFLINE;
		worked += code == SHERD_NOTFOUND;
	}
	assert_int_equal(offline, 5);
	assert_int_equal(worked, 1);
	calls_free(f.group);
	place_mem_store_unref(f.store);
}

/* --- lies --- */

static unsigned lines;

static void count_lines(void *context, const char *line)
{
	(void)context;
	assert_non_null(strstr(line, "'nas'"));
	lines++;
}

static void test_lies(void **state)
{
	struct fix f;
	struct member_counts counts;

	(void)state;
	fix_init(&f, 0, 0, 0);
	log_set_sink(count_lines, NULL);
	for (unsigned i = 0; i < 10; i++) {
		member_lied(f.member, "'x': leaf 3");
		member_lied(f.member, "'x': leaf 4");
	}
	log_set_sink(NULL, NULL);
	member_counts(f.member, &counts);
	assert_int_equal(counts.lies, 20);
	assert_int_equal(lines, 2);
	fix_release(&f);
}

/* --- many at once --- */

static void *caller(void *argument)
{
	struct fix *shared = argument;
	struct fix f = {.member = shared->member};

	if (calls_new(env_system(), &f.group, NULL) != 0)
		return NULL;
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 10; i++)
			calls_get(f.group, f.member, i, "x", 0, 10, NULL, NULL, NULL);
		for (unsigned i = 0; i < 7; i++) {
			struct call_end end = next(&f);

			call_end_release(&end);
		}
		if (round % 10 == 9) { /* what is not collected is forgotten */
			calls_free(f.group);
			if (calls_new(env_system(), &f.group, NULL) != 0)
				return NULL;
		}
	}
	calls_free(f.group);
	return argument;
}

static void test_many_callers(void **state)
{
	pthread_t threads[6];
	struct fix f;
	void *r;

	(void)state;
	fix_init(&f, 3, 0, 0);
	assert_int_equal(put(&f, 0, "x", "0123456789", NULL), 0);
	assert_int_equal(next(&f).code, 0);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, caller, &f), 0);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(pthread_join(threads[i], &r), 0);
		assert_non_null(r);
	}
	fix_release(&f);
}

/* --- memory --- */

static int a_few_calls(void)
{
	struct member_options options = {.threads = 0};
	struct place_mem_store *store = NULL;
	struct place *place = NULL;
	struct member *m = NULL;
	struct calls *g = NULL;
	struct call_end end;
	int r = place_mem_store_new(env_system(), &store, NULL);

	if (!r)
		r = place_mem_new(store, &place, NULL);
	if (!r)
		r = member_new(1, "x", place, NULL, &options, &m, NULL);
	if (!r)
		place = NULL;
	if (!r)
		r = calls_new(NULL, &g, NULL);
	if (!r)
		r = calls_get(g, m, 0, "x", 0, 100, NULL, NULL, NULL);
	if (!r)
		r = calls_list(g, m, 0, "", "a", NULL);
	if (!r)
		r = calls_remove(g, m, 0, "x", NULL);
	while (g && calls_next(g, 0, &end, NULL) == 0) {
		if (end.code == SHERD_NOMEM)
			r = end.code;
		call_end_release(&end);
	}
	calls_free(g);
	member_free(m);
	place_free(place);
	place_mem_store_unref(store);
	return r;
}

static void test_memory(void **state)
{
	unsigned long n = 1, made;

	(void)state;
	do {
		int r;

		mem_fail_at(n);
		r = a_few_calls();
		made = mem_fail_at(0);
		assert_int_equal(r, made < n ? 0 : SHERD_NOMEM);
	} while (made >= n++);
	assert_true(n > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_call),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_no_place),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_breaker),
		cmocka_unit_test(test_holds),
		cmocka_unit_test(test_free_while_hanging),
		cmocka_unit_test(test_free_ends_the_queue),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_many_callers),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
