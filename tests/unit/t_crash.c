/* SPDX-License-Identifier: MIT */
/*
 * t_crash.c - a process dies in place of each call that changes a file system, in the middle of
 * making a pool, adding a place, a backup, a repair, joining and restoring, and what it leaves is
 * judged. With SHERD_SWEEP=all: in place of each call, and nothing is left out.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/intmath.h>
#include "sweepfix.h"

#define STEPS_MAX 100000
#define STEPS_QUICK 120 /* of each piece of work, unless all are asked for */
#define STEPS_FEW 12    /* of the second pool */

struct death {
	const char *name;
	sweepfix_work *work;
	enum sweepfix_stage stage;
	bool no_tmpfile; /* files need names from the start */
};

static void order(struct faultenv *e, const struct death *d)
{
	faultenv_init(e);
	e->kind = sweepfix_all() ? FAULTENV_ANY : FAULTENV_CHANGING;
	e->no_sleep = true;
	e->no_tmpfile = d->no_tmpfile ? EOPNOTSUPP : 0;
}

/* How many calls there are to die in place of. */
static unsigned long count_calls(struct sweepfix *f, const struct death *d)
{
	struct faultenv e;
	struct sherd_error err;

	sweepfix_load(f, d->stage);
	order(&e, d);
	if (d->work(f, &e.env, &err))
		fail_msg("%s: %s", d->name, err.message);
	return atomic_load(&e.counted);
}

/* True if it died. */
static bool die(struct sweepfix *f, const struct death *d, unsigned long n)
{
	struct faultenv e;
	struct sherd_error err;
	int status;
	pid_t child;

	order(&e, d);
	e.die_at = n;
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		atomic_store(&f->shared->code, d->work(f, &e.env, &err));
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == FAULTENV_DIED)
		return true;
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(atomic_load(&f->shared->code), 0);
	return false;
}

static void sweep(struct sweepfix *f, const struct death *d, unsigned most)
{
	unsigned long total = count_calls(f, d);
	struct sweepfix_sample s = sweepfix_sample(d->name, total, most);
	unsigned long died = 0;

	assert_true(total > 10 && total < STEPS_MAX);
	for (unsigned long n = s.first; n <= total; n += s.stride) {
		char what[64];

		snprintf(what, sizeof(what), "%s %u-of-%u, death %lu", d->name, f->k, f->m, n);
		sweepfix_load(f, d->stage);
		f->steps = n;
		died += die(f, d, n);
		if (d->work == sweepfix_clone)
			sweepfix_judge_clone(f, what);
		if (d->work == sweepfix_restore)
			sweepfix_judge_restore(f, what);
		sweepfix_judge(f, what);
	}
	print_message("# %s: died %lu times\n", d->name, died);
	assert_true(died >= (total / s.stride) * 9 / 10);
}

static void deaths(struct sweepfix *f, unsigned most)
{
	static const struct death list[] = {
		{"init", sweepfix_init, SWEEPFIX_EMPTY, false},
		{"place add", sweepfix_add, SWEEPFIX_JOINING, false},
		{"backup", sweepfix_backup, SWEEPFIX_BACKED, false},
		{"first backup", sweepfix_backup, SWEEPFIX_JOINING, false},
		{"backup with named files", sweepfix_backup, SWEEPFIX_BACKED, true},
		{"repair", sweepfix_repair, SWEEPFIX_DEGRADED, false},
		{"clone", sweepfix_clone, SWEEPFIX_BACKED, false},
		{"restore", sweepfix_restore, SWEEPFIX_BACKED, false},
	};

	for (size_t i = 0; i < ARRAY_COUNT(list); i++)
		sweep(f, &list[i], most);
}

static void three_of_five(void **state)
{
	struct sweepfix *f = sweepfix_new(3, 5);

	(void)state;
	deaths(f, STEPS_QUICK);
	sweepfix_free(f);
}

static void two_of_three(void **state)
{
	struct sweepfix *f = sweepfix_new(2, 3);

	(void)state;
	deaths(f, STEPS_FEW);
	sweepfix_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_of_five),
		cmocka_unit_test(two_of_three),
	};

	return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
