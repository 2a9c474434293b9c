/* SPDX-License-Identifier: MIT */
/*
 * t_placefaults.c - each call to a place in turn goes wrong in the middle of a backup or a repair:
 * it fails, it is done and reported as failed, it is reported as done and nothing was done; once or
 * from then on; at one place and at two. What is acknowledged must be there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <base/intmath.h>
#include <place/wrap.h>
#include "sweepfix.h"

#define STEPS_MAX 10000
#define STEPS_QUICK 5 /* of each scene and fault, unless all are asked for */

static const struct {
	enum wrap_fault fault;
	const char *name;
} faults[] = {
	{WRAP_FAULT_IO, "fails"},
	{WRAP_FAULT_OFFLINE, "offline"},
	{WRAP_FAULT_DONE_IO, "done and failed"},
	{WRAP_FAULT_LOSE, "lost"},
	{WRAP_FAULT_TORN, "torn"},
	{WRAP_FAULT_FLIP, "flipped"},
	{WRAP_FAULT_ABSENT, "absent"},
	{WRAP_FAULT_EMPTY, "empty"},
};

struct trouble {
	struct sweepfix *fix;
	enum wrap_fault fault;
	unsigned places;  /* the first so many have it */
	unsigned long at; /* number of the call at each of them; 0: none */
	bool on;          /* and all after it */
	unsigned long calls[SWEEPFIX_PLACES];
	unsigned long struck;
};

struct handle {
	struct trouble *t;
	unsigned place;
};

static struct handle handles[SWEEPFIX_PLACES];

static enum wrap_fault decide(void *context, enum wrap_call call, const char *name)
{
	const struct handle *h = context;
	struct trouble *t = h->t;
	unsigned long number = ++t->calls[h->place];

	(void)call;
	(void)name;
	if (h->place >= t->places || !t->at || number < t->at || (number > t->at && !t->on))
		return WRAP_FAULT_NONE;
	t->struck++;
	return t->fault;
}

static int open_place(void *context, const char *url, void **ret_place, struct sherd_error *err)
{
	struct trouble *t = context;
	struct wrap_fault_options options = {.decide = decide};
	struct place *inner, *outer;
	unsigned i = 0;
	int r;

	while (i < t->fix->m && strcmp(t->fix->url[i].text, url) != 0)
		i++;
	assert_true(i < t->fix->m);
	handles[i] = (struct handle){t, i};
	options.context = &handles[i];
	r = place_open(url, NULL, true, &inner, err);
	if (r)
		return r;
	r = wrap_fault(inner, NULL, &options, &outer, err);
	if (r) {
		place_free(inner);
		return r;
	}
	*ret_place = outer;
	return 0;
}

struct scene {
	const char *name;
	sweepfix_work *work;
	enum sweepfix_stage stage;
	unsigned places;
	bool on;
	bool must_work; /* whatever happens there */
};

static int work(
	struct sweepfix *f, const struct scene *s, struct trouble *t, struct sherd_error *err)
{
	struct faultenv e;
	int r;

	sweepfix_load(f, s->stage);
	faultenv_init(&e);
	e.no_sleep = true;
	f->open_place = open_place;
	f->open_context = t;
	r = s->work(f, &e.env, err);
	f->open_place = NULL;
	return r;
}

static bool step(struct sweepfix *f, const struct scene *s, unsigned long n, size_t fault)
{
	struct trouble t = {
		.fix = f, .fault = faults[fault].fault, .places = s->places, .at = n, .on = s->on};
	struct sherd_error err;
	char what[128];
	int r = work(f, s, &t, &err);

	f->steps = n;
	f->may_be_bad = t.fault == WRAP_FAULT_TORN || t.fault == WRAP_FAULT_FLIP;
	snprintf(what, sizeof(what), "%s %u-of-%u at %u places, call %lu%s: %s", s->name, f->k,
		f->m, s->places, n, s->on ? " and all after it" : "", faults[fault].name);
	if (r && s->must_work)
		fail_msg("%s: %s", what, err.message);
	sweepfix_judge(f, what);
	return t.struck > 0;
}

static unsigned long count_calls(struct sweepfix *f, const struct scene *s)
{
	struct trouble t = {.fix = f};
	struct sherd_error err;
	unsigned long most = 0;

	if (work(f, s, &t, &err))
		fail_msg("%s: %s", s->name, err.message);
	for (unsigned i = 0; i < s->places; i++)
		most = INT_MAX_OF(most, t.calls[i]);
	return most;
}

static void sweep(struct sweepfix *f, const struct scene *s)
{
	unsigned long total = count_calls(f, s), struck = 0;
	struct sweepfix_sample sample = sweepfix_sample(s->name, total, STEPS_QUICK);

	assert_true(total > 3 && total < STEPS_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
		/* A bit that flips in a share is not always noticed at once: k must be right. */
		if (faults[i].fault == WRAP_FAULT_FLIP && s->places > f->m - f->k)
			continue;
		for (unsigned long n = 1 + (sample.first + i) % sample.stride; n <= total;
			n += sample.stride)
			struck += step(f, s, n, i);
	}
	print_message("# %s: %lu faults\n", s->name, struck);
	assert_true(struck > 0);
}

static void sweeps(unsigned k, unsigned m, unsigned many)
{
	const struct scene list[] = {
		{"backup, one call", sweepfix_backup, SWEEPFIX_BACKED, 1, false, m > 3},
		{"backup, all calls", sweepfix_backup, SWEEPFIX_BACKED, 1, true, m > 3},
		{"backup, one call, more places", sweepfix_backup, SWEEPFIX_BACKED, many, false,
			false},
		{"backup, all calls, more places", sweepfix_backup, SWEEPFIX_BACKED, many, true,
			false},
		{"repair, one call", sweepfix_repair, SWEEPFIX_DEGRADED, 2, false, false},
		{"repair, all calls", sweepfix_repair, SWEEPFIX_DEGRADED, 2, true, false},
	};
	struct sweepfix *f = sweepfix_new(k, m);

	for (size_t i = 0; i < ARRAY_COUNT(list); i++)
		sweep(f, &list[i]);
	sweepfix_free(f);
}

static void three_of_five(void **state)
{
	(void)state;
	sweeps(3, 5, 2);
}

static void two_of_three(void **state)
{
	(void)state;
	sweeps(2, 3, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_of_five),
		cmocka_unit_test(two_of_three),
	};

	return cmocka_run_group_tests_name("placefaults", tests, NULL, NULL);
}
