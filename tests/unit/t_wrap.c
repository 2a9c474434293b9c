/* SPDX-License-Identifier: MIT */
/*
 * t_wrap.c - what each wrapper does besides keeping the contract: retries and what lost answers
 * mean, rates by a clock that only sleeping moves, lines of a trace, every fault on every call.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include <place/place_mem.h>
#include <place/wrap.h>

#include "place_contract.h"

#define SECOND UINT64_C(1000000000)
#define MIB ((size_t)1 << 20)

/* --- a world in which only sleeping takes time --- */

struct world {
	struct sherd_env env;
	atomic_ullong now_ns;
	atomic_uint sleeps;
	uint64_t slept[40];
	void (*asleep)(struct world *w); /* called in each sleep */
	struct wrap_rates *rates;
	uint8_t random; /* every random byte */
	bool random_fails;
};

static uint64_t world_clock(void *context)
{
	struct world *w = context;

	return atomic_load(&w->now_ns);
}

static void world_sleep(void *context, uint64_t duration_ns)
{
	struct world *w = context;
	unsigned n = atomic_fetch_add(&w->sleeps, 1);

	if (n < ARRAY_COUNT(w->slept))
		w->slept[n] = duration_ns;
	atomic_fetch_add(&w->now_ns, duration_ns);
	if (w->asleep)
		w->asleep(w);
}

static int world_random(void *context, void *buffer, size_t size)
{
	struct world *w = context;

	memset(buffer, w->random, size);
	return w->random_fails ? -1 : 0;
}

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->env = *env_system();
	w->env.context = w;
	w->env.clock_real_ns = world_clock;
	w->env.clock_monotonic_ns = world_clock;
	w->env.sleep_ns = world_sleep;
	w->env.random = world_random;
	atomic_store(&w->now_ns, 5000);
}

/* --- faults by a list: the n-th call to the place gets the n-th --- */

struct plan {
	enum wrap_fault faults[20];
	unsigned calls;
	char log[400]; /* the letters of the calls */
};

static enum wrap_fault planned(void *context, enum wrap_call call, const char *name)
{
	struct plan *plan = context;
	size_t length = strlen(plan->log);

	(void)name;
	if (length + 1 < sizeof(plan->log)) {
		plan->log[length] = "pgsrl#"[call];
		plan->log[length + 1] = '\0';
	}
	return plan->calls < ARRAY_COUNT(plan->faults) ? plan->faults[plan->calls++]
						       : WRAP_FAULT_NONE;
}

/* A store, a place that fails as planned, and the same behind it without faults. */
struct stage {
	struct world world;
	struct plan plan;
	struct place_mem_store *store;
	struct place *plain; /* to look */
	struct place *place; /* with faults, and whatever is put around it */
};

static int setup(void **state)
{
	static struct stage s;
	struct wrap_fault_options o = {planned, &s.plan, 3 * SECOND};

	memset(&s, 0, sizeof(s));
	world_init(&s.world);
	*state = &s;
	return place_mem_store_new(&s.world.env, &s.store, NULL) ||
	       place_mem_new(s.store, &s.plain, NULL) || place_mem_new(s.store, &s.place, NULL) ||
	       wrap_fault(s.place, &s.world.env, &o, &s.place, NULL);
}

static int teardown(void **state)
{
	struct stage *s = *state;

	mem_fail_at(0);
	place_free(s->plain);
	place_free(s->place);
	place_mem_store_unref(s->store);
	return 0;
}

static void plan(
	struct stage *s, enum wrap_fault first, enum wrap_fault second, enum wrap_fault third)
{
	s->plan = (struct plan){.faults = {first, second, third}};
	atomic_store(&s->world.sleeps, 0);
}

/* --- retry --- */

static void with_retry(struct stage *s, struct wrap_retry_options o)
{
	assert_int_equal(wrap_retry(s->place, &s->world.env, &o, &s->place, NULL), 0);
}

static void tries_and_pauses(void **state)
{
	struct stage *s = *state;

	with_retry(s, (struct wrap_retry_options){0});
	plan(s, WRAP_FAULT_IO, WRAP_FAULT_OFFLINE, WRAP_FAULT_HANG);
	assert_int_equal(contract_put(s->place, "a", 10), 0);
	assert_string_equal(s->plan.log, "pppp");
	/* Half certain, half by chance, which is 0 here; the third sleep is that of the hanging. */
	assert_int_equal(atomic_load(&s->world.sleeps), 4);
	assert_int_equal(s->world.slept[0], SECOND / 10);
	assert_int_equal(s->world.slept[1], SECOND / 5);
	assert_int_equal(s->world.slept[2], 3 * SECOND);
	assert_int_equal(s->world.slept[3], SECOND * 2 / 5);
	assert_int_equal(contract_holds(s->plain, "a", 10), 0);
}

static void gives_up(void **state)
{
	struct stage *s = *state;
	struct sherd_error err = {0};
	struct place_stat st;

	with_retry(s, (struct wrap_retry_options){.tries = 3, .first_ns = 1000, .most_ns = 1500});
	s->world.random = 0xff;
	plan(s, WRAP_FAULT_IO, WRAP_FAULT_IO, WRAP_FAULT_OFFLINE);
	assert_int_equal(place_stat(s->place, "a", &st, &err), SHERD_OFFLINE);
	assert_int_equal(err.code, SHERD_OFFLINE);
	assert_string_equal(s->plan.log, "sss");
	assert_in_range(s->world.slept[0], 500, 1000);
	assert_in_range(s->world.slept[1], 750, 1500);
	/* Without randomness it waits all the same. */
	s->world.random_fails = true;
	plan(s, WRAP_FAULT_IO, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
	assert_int_equal(place_stat(s->place, "a", &st, NULL), SHERD_NOTFOUND);
	assert_int_equal(s->world.slept[0], 500);
}

/* Answers that are final, also when they are bad ones. */
static void final_answers(void **state)
{
	struct stage *s = *state;

	with_retry(s, (struct wrap_retry_options){0});
	plan(s, WRAP_FAULT_NOSPACE, WRAP_FAULT_DENIED, WRAP_FAULT_NONE);
	assert_int_equal(contract_put(s->place, "a", 10), SHERD_NOSPACE);
	assert_int_equal(contract_put(s->place, "a", 10), SHERD_DENIED);
	assert_int_equal(contract_holds(s->place, "a", 10), SHERD_NOTFOUND);
	assert_int_equal(contract_put(s->place, "a", 10), 0);
	assert_int_equal(contract_put(s->place, "a", 10), SHERD_EXISTS);
	assert_string_equal(s->plan.log, "ppgpp");
	assert_int_equal(atomic_load(&s->world.sleeps), 0);
}

static void all_calls_are_tried_again(void **state)
{
	struct stage *s = *state;
	CLEANUP(mem_free_at) char *names = NULL;
	struct place_space space;
	struct place_stat st;

	with_retry(s, (struct wrap_retry_options){0});
	assert_int_equal(contract_put(s->plain, "a", 10), 0);
	plan(s, WRAP_FAULT_IO, WRAP_FAULT_NONE, WRAP_FAULT_IO);
	assert_int_equal(place_stat(s->place, "a", &st, NULL), 0);
	assert_int_equal(contract_holds(s->place, "a", 10), 0);
	plan(s, WRAP_FAULT_DONE_IO, WRAP_FAULT_NONE, WRAP_FAULT_DONE_IO);
	names = contract_names(s->place, "", NULL);
	assert_string_equal(names, "a");
	assert_int_equal(place_space(s->place, &space, NULL), 0);
	assert_string_equal(s->plan.log, "ll##");
	plan(s, WRAP_FAULT_IO, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
	assert_int_equal(place_remove(s->place, "a", NULL), 0);
	assert_int_equal(place_mem_count(s->store), 0);
}

/* The first put was carried out, and its answer lost. */
static void lost_answer_of_a_put(void **state)
{
	static const size_t sizes[] = {0, 10, 300000, 524288};
	struct stage *s = *state;

	with_retry(s, (struct wrap_retry_options){0});
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		plan(s, WRAP_FAULT_DONE_IO, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
		assert_int_equal(contract_put(s->place, "a", sizes[i]), 0);
		assert_int_equal(strncmp(s->plan.log, "pps", 3), 0);
		assert_int_equal(contract_holds(s->plain, "a", sizes[i]), 0);
		/* Lost twice; the second time it says EXISTS anyway. */
		assert_int_equal(place_remove(s->plain, "a", NULL), 0);
		plan(s, WRAP_FAULT_IO, WRAP_FAULT_DONE_IO, WRAP_FAULT_IO);
		assert_int_equal(contract_put(s->place, "a", sizes[i]), 0);
		assert_int_equal(contract_holds(s->plain, "a", sizes[i]), 0);
		assert_int_equal(place_remove(s->plain, "a", NULL), 0);
	}
}

/* Somebody else's was there, and the first try failed without saying so. */
static void lost_answer_about_anothers(void **state)
{
	static const size_t theirs[] = {11, 10, 0};
	struct stage *s = *state;
	CLEANUP(mem_free_at) uint8_t *bytes = contract_bytes("another", 20);
	struct iovec part = {bytes, 0};
	struct sherd_error err = {0};

	with_retry(s, (struct wrap_retry_options){0});
	for (size_t i = 0; i < ARRAY_COUNT(theirs); i++) {
		part.iov_len = theirs[i];
		assert_int_equal(place_put(s->plain, "a", &part, 1, NULL), 0);
		plan(s, WRAP_FAULT_IO, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
		assert_int_equal(contract_put(s->place, "a", 10), SHERD_EXISTS);
		assert_int_equal(place_remove(s->plain, "a", NULL), 0);
	}
	/* Ours, but for one bit in the second 256 KiB. */
	assert_int_equal(contract_put(s->plain, "a", 300000), 0);
	assert_true(place_mem_corrupt(s->store, "a", 299999, 1));
	plan(s, WRAP_FAULT_IO, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
	assert_int_equal(contract_put(s->place, "a", 300000), SHERD_EXISTS);
	/* And when it cannot be found out, the answer is no success. */
	s->plan = (struct plan){.faults = {WRAP_FAULT_IO, WRAP_FAULT_NONE, WRAP_FAULT_IO,
					WRAP_FAULT_IO, WRAP_FAULT_IO, WRAP_FAULT_IO}};
	part.iov_len = 1;
	assert_int_equal(place_put(s->place, "a", &part, 1, &err), SHERD_IO);
	assert_int_equal(err.code, SHERD_IO);
}

static void lost_answer_in_many_parts(void **state)
{
	struct stage *s = *state;
	CLEANUP(mem_free_at) uint8_t *bytes = contract_bytes("a", 1000);
	struct iovec parts[] = {{bytes, 0}, {bytes, 300}, {bytes + 300, 0}, {bytes + 300, 699},
		{bytes + 999, 1}, {NULL, 0}};

	with_retry(s, (struct wrap_retry_options){0});
	plan(s, WRAP_FAULT_DONE_IO, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
	assert_int_equal(place_put(s->place, "a", parts, ARRAY_COUNT(parts), NULL), 0);
	assert_int_equal(contract_holds(s->plain, "a", 1000), 0);
	bytes[999] ^= 1;
	plan(s, WRAP_FAULT_IO, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
	assert_int_equal(place_put(s->place, "a", parts, ARRAY_COUNT(parts), NULL), SHERD_EXISTS);
}

static void lost_answer_of_a_remove(void **state)
{
	struct stage *s = *state;

	with_retry(s, (struct wrap_retry_options){0});
	assert_int_equal(contract_put(s->plain, "a", 10), 0);
	plan(s, WRAP_FAULT_DONE_IO, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
	assert_int_equal(place_remove(s->place, "a", NULL), 0);
	assert_int_equal(place_remove(s->place, "a", NULL), SHERD_NOTFOUND);
}

static void comparing_without_memory(void **state)
{
	struct stage *s = *state;
	unsigned long made, n = 1;

	with_retry(s, (struct wrap_retry_options){0});
	do {
		struct iovec part = {(uint8_t[3]){1, 2, 3}, 3};
		int r;

		plan(s, WRAP_FAULT_DONE_IO, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
		mem_fail_at(n);
		r = place_put(s->place, "a", &part, 1, NULL);
		made = mem_fail_at(0);
		assert_int_equal(r, made >= n ? SHERD_NOMEM : 0);
		place_remove(s->plain, "a", NULL);
	} while (made >= n++);
	assert_true(n > 3);
}

/* --- throttle --- */

static void with_throttle(struct stage *s, struct wrap_rates *rates)
{
	s->world.rates = rates;
	assert_int_equal(wrap_throttle(s->place, &s->world.env, rates, &s->place, NULL), 0);
}

static uint64_t time_of_put(struct stage *s, const char *name, size_t size)
{
	uint64_t before = atomic_load(&s->world.now_ns);

	assert_int_equal(contract_put(s->place, name, size), 0);
	return atomic_load(&s->world.now_ns) - before;
}

static uint64_t time_of_get(struct stage *s, const char *name, size_t size)
{
	uint64_t before = atomic_load(&s->world.now_ns);

	assert_int_equal(contract_holds(s->place, name, size), 0);
	return atomic_load(&s->world.now_ns) - before;
}

static void rates_hold(void **state)
{
	struct stage *s = *state;
	struct wrap_rates rates = {100000, 50000};

	with_throttle(s, &rates);
	/* A burst of one second, then the rate. */
	assert_int_equal(time_of_put(s, "a", 100000), 0);
	assert_in_range(time_of_put(s, "b", 100000), SECOND - 10, SECOND + 20000);
	assert_in_range(time_of_put(s, "c", 300000), 3 * SECOND - 10, 3 * SECOND + 40000);
	/* Down has a bucket of its own; what is paid is what came. */
	assert_int_equal(time_of_get(s, "a", 100000) / 1000000, 1000);
	assert_in_range(time_of_get(s, "b", 100000), 2 * SECOND - 10, 2 * SECOND + 40000);
	/* The bucket up has been filling meanwhile, for more than a second: it holds one. */
	assert_int_equal(time_of_put(s, "d", 100000), 0);
	assert_true(time_of_put(s, "e", 1000) > 0);
	/* Other calls cost nothing. */
	{
		uint64_t before = atomic_load(&s->world.now_ns);
		CLEANUP(mem_free_at) char *names = contract_names(s->place, "", NULL);
		struct place_space space;
		struct place_stat st;

		assert_string_equal(names, "a b c d e");
		assert_int_equal(place_stat(s->place, "a", &st, NULL), 0);
		assert_int_equal(place_space(s->place, &space, NULL), 0);
		assert_int_equal(place_remove(s->place, "a", NULL), 0);
		assert_int_equal(atomic_load(&s->world.now_ns), before);
	}
}

/* A bucket holds a second, also when it was not empty; and fractions of bytes are not lost. */
static void buckets(void **state)
{
	struct stage *s = *state;
	struct wrap_rates rates = {100000, 0};

	with_throttle(s, &rates);
	assert_int_equal(time_of_put(s, "a", 10000), 0);
	atomic_fetch_add(&s->world.now_ns, SECOND * 9 / 10);
	assert_in_range(time_of_put(s, "b", 150000), SECOND / 2 - 10, SECOND / 2 + 20000);
	rates.up = 15;
	atomic_fetch_add(&s->world.now_ns, 2 * SECOND);
	assert_int_equal(time_of_put(s, "c", 15), 0);
	for (unsigned i = 0; i < 10; i++) {
		char name[20];

		snprintf(name, sizeof(name), "d%u", i);
		atomic_fetch_add(&s->world.now_ns, SECOND / 10);
		assert_int_equal(time_of_put(s, name, 1), 0);
	}
	assert_in_range(time_of_put(s, "e", 5), 0, 10);
}

static void odd_rates(void **state)
{
	struct stage *s = *state;
	struct wrap_rates rates = {0, 0};

	with_throttle(s, &rates);
	assert_int_equal(time_of_put(s, "none", 5 * MIB), 0);
	assert_int_equal(time_of_get(s, "none", 5 * MIB), 0);
	rates.up = UINT64_MAX;
	assert_int_equal(time_of_put(s, "most", 5 * MIB), 0);
	rates.up = (uint64_t)1 << 33;
	assert_int_equal(time_of_put(s, "much", 5 * MIB), 0);
	rates.up = 1;
	atomic_fetch_add(&s->world.now_ns, 10 * SECOND);
	assert_int_equal(time_of_put(s, "one", 1), 0);
	assert_in_range(time_of_put(s, "two", 2), 2 * SECOND - 10, 2 * SECOND + 10);
	rates.up = 7;
	assert_in_range(time_of_put(s, "three", 70), 9 * SECOND, 10 * SECOND + 1000);
	/* A clock that goes backwards gives nothing away, and takes nothing. */
	atomic_fetch_sub(&s->world.now_ns, 4000);
	assert_in_range(time_of_put(s, "four", 70), 9 * SECOND, 10 * SECOND + 10000);
}

/* In the third sleep the limit is taken away. */
static void lift(struct world *w)
{
	if (atomic_load(&w->sleeps) == 3)
		atomic_store(&w->rates->up, 0);
}

static void rates_change(void **state)
{
	struct stage *s = *state;
	struct wrap_rates rates = {1000, 0};

	with_throttle(s, &rates);
	s->world.asleep = lift;
	/* A thousand seconds by the old rate. */
	assert_in_range(time_of_put(s, "a", MIB), SECOND / 4, SECOND / 2);
	s->world.asleep = NULL;
	rates.up = MIB;
	assert_in_range(time_of_put(s, "b", 4 * MIB), 3 * SECOND, 4 * SECOND);
}

#define THREADS 4

static void *put_some(void *context)
{
	struct stage *s = context;
	static atomic_uint number;
	uint8_t bytes[1000] = {0};
	struct iovec part = {bytes, sizeof(bytes)};

	for (unsigned i = 0; i < 100; i++) {
		char name[20];

		snprintf(name, sizeof(name), "%u", atomic_fetch_add(&number, 1));
		if (place_put(s->place, name, &part, 1, NULL) != 0)
			return s;
		atomic_store(&s->world.rates->down, i); /* rates change under everybody's hands */
	}
	return NULL;
}

/* Together they get what one would: 400,000 bytes at 100,000 a second, less the burst. */
static void threads_share_a_rate(void **state)
{
	struct stage *s = *state;
	struct wrap_rates rates = {100000, 0};
	uint64_t before = atomic_load(&s->world.now_ns);
	pthread_t threads[THREADS];
	void *failed;

	/* Not through the plan, which is for one thread. */
	place_free(s->place);
	assert_int_equal(place_mem_new(s->store, &s->place, NULL), 0);
	with_throttle(s, &rates);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_some, s), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	/* Threads that sleep at once move this clock each: it may only have gone further. */
	assert_true(atomic_load(&s->world.now_ns) - before >= 3 * SECOND - 1000);
	assert_int_equal(place_mem_bytes(s->store), 400000);
}

/* --- trace --- */

static void keep_line(void *context, const char *line)
{
	snprintf(context, 400, "%s", line);
}

static void lines(void **state)
{
	struct stage *s = *state;
	char line[400] = "", longest[PLACE_NAME_MAX + 1];
	struct place_space space;
	struct place_stat st;
	CLEANUP(mem_free_at) char *names = NULL;

	assert_int_equal(wrap_trace(s->place, &s->world.env, keep_line, line, &s->place, NULL), 0);
	assert_int_equal(contract_put(s->place, "packs/ab/c1", 1234567), 0);
	assert_string_equal(line, "put packs/ab/c1 1234567 ok 0.0ms");
	plan(s, WRAP_FAULT_SLOW, WRAP_FAULT_HANG, WRAP_FAULT_NONE);
	assert_int_equal(place_stat(s->place, "packs/ab/c1", &st, NULL), 0);
	assert_string_equal(line, "stat packs/ab/c1 1234567 ok 3000.0ms");
	assert_int_equal(contract_put(s->place, "b", 7), SHERD_TIMEOUT);
	assert_string_equal(line, "put b 7 TIMEOUT 3000.0ms");
	assert_int_equal(contract_holds(s->place, "b", 7), SHERD_NOTFOUND);
	assert_string_equal(line, "get b 108 NOTFOUND 0.0ms");
	assert_int_equal(contract_put(s->place, "b", 7), 0);
	assert_int_equal(contract_holds(s->place, "b", 7), 0);
	assert_string_equal(line, "get b 7 ok 0.0ms");
	names = contract_names(s->place, "", NULL);
	assert_string_equal(line, "list - 2 ok 0.0ms");
	assert_int_equal(place_remove(s->place, "b", NULL), 0);
	assert_string_equal(line, "remove b 0 ok 0.0ms");
	place_mem_limit(s->store, 2000000);
	assert_int_equal(place_space(s->place, &space, NULL), 0);
	assert_string_equal(line, "space - 765433 ok 0.0ms");
	memset(longest, 'x', PLACE_NAME_MAX);
	longest[PLACE_NAME_MAX] = '\0';
	assert_int_equal(place_remove(s->place, longest, NULL), SHERD_NOTFOUND);
	assert_string_equal(line + 7 + PLACE_NAME_MAX, " 0 NOTFOUND 0.0ms");
}

/* --- fault --- */

/* One call after a fault was ordered for it. */
static int call_with(struct stage *s, enum wrap_call call, enum wrap_fault fault)
{
	CLEANUP(place_page_release) struct place_page page = {0};
	struct sherd_error err = {0};
	struct place_space space;
	struct place_stat st;
	struct iovec part = {(uint8_t[2]){1, 2}, 2};
	uint8_t byte;
	size_t got;
	int r = 1;

	plan(s, fault, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
	if (call == WRAP_CALL_PUT)
		r = place_put(s->place, "new", &part, 1, &err);
	if (call == WRAP_CALL_GET)
		r = place_get(s->place, "a", 0, 1, &byte, &got, &err);
	if (call == WRAP_CALL_STAT)
		r = place_stat(s->place, "a", &st, &err);
	if (call == WRAP_CALL_REMOVE)
		r = place_remove(s->place, "a", &err);
	if (call == WRAP_CALL_LIST)
		r = place_list(s->place, "", NULL, &page, &err);
	if (call == WRAP_CALL_SPACE)
		r = place_space(s->place, &space, &err);
	assert_int_equal(err.code, r);
	assert_int_equal(strlen(s->plan.log), 1);
	return r;
}

/* What each fault makes of each call, and what is in the store afterwards: 'a', 'new', both. */
static void every_fault_on_every_call(void **state)
{
	enum {
		OK = 0,
		IO = SHERD_IO,
		OFF = SHERD_OFFLINE,
		NOSP = SHERD_NOSPACE,
		DEN = SHERD_DENIED,
		ABS = SHERD_NOTFOUND,
		TIME = SHERD_TIMEOUT
	};
	static const struct {
		enum wrap_fault fault;
		int put, get, stat, remove, list, space;
		bool put_done, remove_done;
	} rows[] = {
		{WRAP_FAULT_NONE, OK, OK, OK, OK, OK, OK, true, true},
		{WRAP_FAULT_IO, IO, IO, IO, IO, IO, IO, false, false},
		{WRAP_FAULT_OFFLINE, OFF, OFF, OFF, OFF, OFF, OFF, false, false},
		{WRAP_FAULT_NOSPACE, NOSP, OK, OK, OK, OK, OK, false, true},
		{WRAP_FAULT_DENIED, DEN, OK, OK, DEN, OK, OK, false, false},
		{WRAP_FAULT_LOSE, OK, OK, OK, OK, OK, OK, false, false},
		{WRAP_FAULT_DONE_IO, IO, IO, IO, IO, IO, IO, true, true},
		{WRAP_FAULT_TORN, OK, OK, OK, OK, OK, OK, true, true},
		{WRAP_FAULT_FLIP, OK, OK, OK, OK, OK, OK, true, true},
		{WRAP_FAULT_GARBAGE, OK, OK, OK, OK, OK, OK, true, true},
		{WRAP_FAULT_EMPTY, OK, OK, OK, OK, OK, OK, true, true},
		{WRAP_FAULT_ABSENT, OK, ABS, ABS, ABS, OK, OK, true, false},
		{WRAP_FAULT_HANG, TIME, TIME, TIME, TIME, TIME, TIME, false, false},
		{WRAP_FAULT_SLOW, OK, OK, OK, OK, OK, OK, true, true},
		{WRAP_FAULT_FORGET, OK, OK, OK, OK, OK, OK, true, true},
	};
	struct stage *s = *state;

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		enum wrap_fault f = rows[i].fault;
		unsigned sleeps = f == WRAP_FAULT_HANG || f == WRAP_FAULT_SLOW ? 1 : 0;
		struct place_stat st;

		assert_int_equal(contract_put(s->plain, "a", 10), 0);
		assert_int_equal(call_with(s, WRAP_CALL_GET, f), rows[i].get);
		assert_int_equal(call_with(s, WRAP_CALL_STAT, f), rows[i].stat);
		assert_int_equal(call_with(s, WRAP_CALL_LIST, f), rows[i].list);
		assert_int_equal(call_with(s, WRAP_CALL_SPACE, f), rows[i].space);
		assert_int_equal(atomic_load(&s->world.sleeps), sleeps);
		assert_int_equal(call_with(s, WRAP_CALL_PUT, f), rows[i].put);
		assert_int_equal(place_stat(s->plain, "new", &st, NULL),
			rows[i].put_done ? 0 : SHERD_NOTFOUND);
		assert_int_equal(call_with(s, WRAP_CALL_REMOVE, f), rows[i].remove);
		assert_int_equal(place_stat(s->plain, "a", &st, NULL),
			rows[i].remove_done ? SHERD_NOTFOUND : 0);
		place_remove(s->plain, "a", NULL);
		place_remove(s->plain, "new", NULL);
	}
}

static unsigned bits_that_differ(const uint8_t *a, const uint8_t *b, size_t size)
{
	unsigned bits = 0;

	for (size_t i = 0; i < size; i++)
		bits += (unsigned)__builtin_popcount(a[i] ^ b[i]);
	return bits;
}

static void get_into(
	struct stage *s, enum wrap_fault fault, uint8_t *buffer, size_t want, size_t expected)
{
	size_t got = 77;

	plan(s, fault, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
	assert_int_equal(place_get(s->place, "a", 0, want, buffer, &got, NULL), 0);
	assert_int_equal(got, expected);
}

static void lies_of_a_get(void **state)
{
	struct stage *s = *state;
	CLEANUP(mem_free_at) uint8_t *bytes = contract_bytes("a", 5000);
	uint8_t one[5000], other[5000];

	assert_int_equal(contract_put(s->plain, "a", 5000), 0);
	get_into(s, WRAP_FAULT_FLIP, one, 5000, 5000);
	assert_int_equal(bits_that_differ(one, bytes, 5000), 1);
	get_into(s, WRAP_FAULT_FLIP, other, 5000, 5000);
	assert_memory_equal(one, other, 5000); /* the same bit */
	get_into(s, WRAP_FAULT_GARBAGE, one, 5000, 5000);
	for (size_t i = 0; i < 5000; i++)
		assert_int_not_equal(one[i], bytes[i]);
	get_into(s, WRAP_FAULT_GARBAGE, other, 5000, 5000);
	assert_memory_equal(one, other, 5000);
	get_into(s, WRAP_FAULT_EMPTY, other, 5000, 0);
	get_into(s, WRAP_FAULT_FLIP, other, 0, 0);
	get_into(s, WRAP_FAULT_NONE, other, 5000, 5000);
	assert_memory_equal(other, bytes, 5000);
}

static void lies_of_a_put(void **state)
{
	struct stage *s = *state;
	CLEANUP(mem_free_at) uint8_t *bytes = contract_bytes("a", 5000);
	CLEANUP(mem_free_at) uint8_t *kept = mem_array(5000, 1);
	CLEANUP(mem_free_at) uint8_t *found = NULL;
	struct iovec parts[] = {{bytes, 100}, {NULL, 0}, {bytes + 100, 3000}, {bytes + 3100, 1900}};
	size_t size;

	memcpy(kept, bytes, 5000);
	plan(s, WRAP_FAULT_FLIP, WRAP_FAULT_TORN, WRAP_FAULT_NONE);
	assert_int_equal(place_put(s->place, "flip", parts, 4, NULL), 0);
	assert_int_equal(place_put(s->place, "torn", parts, 4, NULL), 0);
	assert_memory_equal(kept, bytes, 5000);
	assert_int_equal(place_get_whole(s->plain, "flip", 9999, &found, &size, NULL), 0);
	assert_int_equal(size, 5000);
	assert_int_equal(bits_that_differ(found, bytes, 5000), 1);
	mem_free(found);
	assert_int_equal(place_get_whole(s->plain, "torn", 9999, &found, &size, NULL), 0);
	assert_int_equal(size, 2500);
	assert_memory_equal(found, bytes, 2500);
	plan(s, WRAP_FAULT_FLIP, WRAP_FAULT_TORN, WRAP_FAULT_NONE);
	assert_int_equal(place_put(s->place, "empty", NULL, 0, NULL), 0);
	assert_int_equal(place_put(s->place, "none", NULL, 0, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		plan(s, i ? WRAP_FAULT_FLIP : WRAP_FAULT_TORN, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
		mem_fail_at(1);
		assert_int_equal(place_put(s->place, "x", parts, 4, NULL), SHERD_NOMEM);
	}
}

static void lies_of_a_stat(void **state)
{
	struct stage *s = *state;
	struct place_stat st;

	assert_int_equal(contract_put(s->plain, "a", 5000), 0);
	plan(s, WRAP_FAULT_EMPTY, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
	assert_int_equal(place_stat(s->place, "a", &st, NULL), 0);
	assert_int_equal(st.size, 0);
	assert_int_equal(place_stat(s->place, "a", &st, NULL), 0);
	assert_int_equal(st.size, 5000);
}

static void assert_list(struct stage *s, enum wrap_fault fault, const char *want)
{
	CLEANUP(mem_free_at) char *names = NULL;

	plan(s, fault, WRAP_FAULT_NONE, WRAP_FAULT_NONE);
	names = contract_names(s->place, "", NULL);
	assert_string_equal(names, want);
}

static void lies_of_a_list(void **state)
{
	struct stage *s = *state;
	CLEANUP(place_page_release) struct place_page page = {0};

	assert_list(s, WRAP_FAULT_FORGET, "");
	for (char c = 'a'; c <= 'e'; c++)
		assert_int_equal(contract_put(s->plain, (char[]){c, '\0'}, 1), 0);
	assert_list(s, WRAP_FAULT_FORGET, "b d");
	assert_list(s, WRAP_FAULT_EMPTY, "");
	assert_list(s, WRAP_FAULT_ABSENT, "");
	assert_list(s, WRAP_FAULT_NONE, "a b c d e");
	/* Over pages: every other of all. */
	for (unsigned i = 0; i < PLACE_LIST_MAX; i++) {
		char name[20];

		snprintf(name, sizeof(name), "f%04u", i);
		assert_int_equal(place_put(s->plain, name, NULL, 0, NULL), 0);
	}
	plan(s, WRAP_FAULT_FORGET, WRAP_FAULT_FORGET, WRAP_FAULT_NONE);
	assert_int_equal(place_list(s->place, "", NULL, &page, NULL), 0);
	assert_int_equal(page.count, PLACE_LIST_MAX / 2);
	assert_true(page.more);
	assert_string_equal(page.entries[page.count - 1].name, "f0994");
	place_page_release(&page);
	assert_int_equal(place_list(s->place, "", "f0994", &page, NULL), 0);
	assert_int_equal(page.count, 2);
	assert_string_equal(page.entries[0].name, "f0996");
}

/* --- all --- */

static void wrapping_without_memory(void **state)
{
	struct stage *s = *state;
	struct wrap_rates rates = {0, 0};
	struct place *p = NULL;

	for (unsigned long n = 1; n <= 2; n++)
		for (unsigned i = 0; i < 4; i++) {
			mem_fail_at(n);
			assert_int_equal(
				i == 0   ? wrap_retry(s->plain, NULL, NULL, &p, NULL)
				: i == 1 ? wrap_throttle(s->plain, NULL, &rates, &p, NULL)
				: i == 2 ? wrap_trace(s->plain, NULL, keep_line, NULL, &p, NULL)
					 : wrap_fault(s->plain, NULL, NULL, &p, NULL),
				SHERD_NOMEM);
			mem_fail_at(0);
			assert_null(p);
			/* It is still the caller's. */
			assert_int_equal(contract_holds(s->plain, "a", 1), SHERD_NOTFOUND);
		}
}

/* The place stands before a message once, however many wrappers there are. */
static void messages(void **state)
{
	struct stage *s = *state;
	struct sherd_error err;
	struct place_stat st;

	with_retry(s, (struct wrap_retry_options){0});
	assert_string_equal(s->place->url, "mem:");
	assert_int_equal(place_stat(s->place, "a", &st, &err), SHERD_NOTFOUND);
	assert_string_equal(err.message, "place 'mem:': there is no 'a'");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tries_and_pauses),
		TEST(gives_up),
		TEST(final_answers),
		TEST(all_calls_are_tried_again),
		TEST(lost_answer_of_a_put),
		TEST(lost_answer_about_anothers),
		TEST(lost_answer_in_many_parts),
		TEST(lost_answer_of_a_remove),
		TEST(comparing_without_memory),
		TEST(rates_hold),
		TEST(buckets),
		TEST(odd_rates),
		TEST(rates_change),
		TEST(threads_share_a_rate),
		TEST(lines),
		TEST(every_fault_on_every_call),
		TEST(lies_of_a_get),
		TEST(lies_of_a_put),
		TEST(lies_of_a_stat),
		TEST(lies_of_a_list),
		TEST(wrapping_without_memory),
		TEST(messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
