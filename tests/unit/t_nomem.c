/* SPDX-License-Identifier: MIT */
/*
 * t_nomem.c - each allocation of a whole piece of work fails in turn. It must end with NOMEM or as
 * if nothing had been (what was only for convenience is left out), and with nothing lost; that
 * nothing is leaked the address sanitizer tells.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include "sweepfix.h"

#define STEPS_MAX 1000000
#define STEPS_QUICK 120 /* of each piece of work, unless all are asked for */
#define JUDGED_QUICK                                                                               \
	10 /* after one step in so many the pool is judged, where it is not changed                \
	    */

struct scene {
	const char *name;
	sweepfix_work *work;
	enum sweepfix_stage stage;
	bool changes; /* the pool */
};

static void order(struct faultenv *e)
{
	faultenv_init(e);
	e->no_sleep = true;
}

static unsigned long count(struct sweepfix *f, const struct scene *s)
{
	struct sherd_error err;
	struct faultenv e;
	int r;

	sweepfix_load(f, s->stage);
	order(&e);
	mem_fail_at(0);
	r = s->work(f, &e.env, &err);
	if (r)
		fail_msg("%s: %s", s->name, err.message);
	return mem_fail_at(0);
}

static void step(struct sweepfix *f, const struct scene *s, unsigned long n, bool judged)
{
	unsigned before = faultenv_descriptors();
	struct sherd_error err = {0};
	unsigned long made;
	struct faultenv e;
	char what[96];
	int r;

	sweepfix_load(f, s->stage);
	f->steps = n;
	order(&e);
	mem_fail_at(n);
	r = s->work(f, &e.env, &err);
	made = mem_fail_at(0);
	snprintf(what, sizeof(what), "%s, allocation %lu of %lu", s->name, n, made);
	if (r && r != SHERD_NOMEM)
		fail_msg("%s: %d: %s", what, r, r == 1 ? "not all was done" : err.message);
	if (r && made < n)
		fail_msg("%s: failed by itself: %s", what, err.message);
	if (r && err.code != r)
		fail_msg("%s: no message", what);
	if (faultenv_descriptors() != before)
		fail_msg("%s: descriptors are left open", what);
	if (judged)
		sweepfix_judge(f, what);
}

static void sweep(struct sweepfix *f, const struct scene *s)
{
	unsigned long total = count(f, s), steps = 0;
	struct sweepfix_sample sample = sweepfix_sample(s->name, total, STEPS_QUICK);

	assert_true(total > 50 && total < STEPS_MAX);
	for (unsigned long n = sample.first; n <= total; n += sample.stride)
		step(f, s, n, steps++ % (s->changes ? JUDGED_QUICK / 4 : JUDGED_QUICK) == 0);
	print_message("# %s: %lu failures\n", s->name, steps);
}

static void sweeps(void **state)
{
	static const struct scene list[] = {
		{"init", sweepfix_init, SWEEPFIX_EMPTY, true},
		{"place add", sweepfix_add, SWEEPFIX_JOINING, true},
		{"backup", sweepfix_backup, SWEEPFIX_BACKED, true},
		{"repair", sweepfix_repair, SWEEPFIX_DEGRADED, true},
		{"check", sweepfix_check, SWEEPFIX_DEGRADED, false},
		{"restore", sweepfix_restore, SWEEPFIX_DEGRADED, false},
		{"clone", sweepfix_clone, SWEEPFIX_BACKED, true},
	};
	struct sweepfix *f = sweepfix_new(3, 5);

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(list); i++)
		sweep(f, &list[i]);
	sweepfix_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sweeps),
	};

	return cmocka_run_group_tests_name("nomem", tests, NULL, NULL);
}
