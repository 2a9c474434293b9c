/* SPDX-License-Identifier: MIT */
/*
 * t_faults.c - each system call in turn fails, once or from then on (a disk that stays full), at
 * one place and in the state folder, in the middle of a backup, a repair, adding a place, making a
 * pool, a restore. At one place of several that is no reason to fail; anywhere it is no reason to
 * lose what was acknowledged, to say that something is there which is not, or to forget
 * descriptors.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <base/intmath.h>
#include "sweepfix.h"

#define STEPS_MAX 100000
#define STEPS_QUICK 24 /* of each scene, unless all are asked for */

struct scene {
	const char *name;
	sweepfix_work *work;
	enum sweepfix_stage stage;
	const char *below;
	bool must_work;          /* whatever one call does */
	bool on;                 /* all calls from that one on fail */
	enum faultenv_call kind; /* FAULTENV_CHANGING: with each of the errors; ANY: with EIO */
};

static const int errors[] = {ENOSPC, EIO, EACCES};

static void order(struct faultenv *e, struct sweepfix *f, const struct scene *s)
{
	faultenv_init(e);
	e->kind = s->kind;
	e->below = sweepfix_path(f, s->below);
	e->no_sleep = true;
	e->fail_on = s->on;
}

static unsigned long count_calls(struct sweepfix *f, const struct scene *s)
{
	struct faultenv e;
	struct sherd_error err;
	int r;

	sweepfix_load(f, s->stage);
	order(&e, f, s);
	r = s->work(f, &e.env, &err);
	if (r)
		fail_msg("%s: %s", s->name, err.message);
	return atomic_load(&e.counted);
}

/* What it says of a backup must be so. A share whose put failed may be there all the same. */
static void check_told(struct sweepfix *f, const char *what)
{
	const struct sherd_backup_result *b = &f->backup;
	bool told = b->missing[0] || b->shares_least < f->m;
	bool known = sweepfix_known_whole(f), whole;

	assert_int_equal(b->places_total, f->places);
	whole = sweepfix_whole(f);
	if (!told && !whole)
		fail_msg("%s: it says that nothing is missing, and packs are degraded", what);
	if (known && !whole)
		fail_msg("%s: status does not know what is missing", what);
	if (told && f->places == f->m && b->places_complete == b->places_total)
		fail_msg("%s: it lacks '%s', and all places are called complete", what, b->missing);
	if (b->missing[0] == '\0' && b->shares_least < f->places)
		fail_msg("%s: %u shares, and it does not say which place lacks them", what,
			b->shares_least);
}

static bool step(struct sweepfix *f, const struct scene *s, unsigned long n, int error)
{
	unsigned before = faultenv_descriptors();
	struct sherd_error err = {0};
	struct faultenv e;
	char what[160];
	int r;

	sweepfix_load(f, s->stage);
	f->steps = n;
	order(&e, f, s);
	e.fail_at = n;
	e.error = error;
	r = s->work(f, &e.env, &err);
	snprintf(what, sizeof(what), "%s, call %lu (%s) %s%s", s->name, n,
		faultenv_name(atomic_load(&e.struck)), strerrorname_np(error),
		s->on ? " and all after it" : "");
	if (faultenv_descriptors() != before)
		fail_msg("%s: descriptors are left open", what);
	if (r && s->must_work)
		fail_msg("%s: %s", what, r == 1 ? "not all was done" : err.message);
	if (r < 0 && (err.code != r || !err.message[0]))
		fail_msg("%s: %d without a word", what, r);
	if (r && !faultenv_struck(&e))
		fail_msg("%s: failed by itself: %s", what, err.message);
	if (!r && s->work == sweepfix_backup)
		check_told(f, what);
	sweepfix_judge(f, what);
	return faultenv_struck(&e);
}

static void sweep(struct sweepfix *f, const struct scene *s)
{
	unsigned long total = count_calls(f, s), struck = 0;
	struct sweepfix_sample sample = sweepfix_sample(s->name, total, STEPS_QUICK);

	assert_true(total > 3 && total < STEPS_MAX);
	for (unsigned long n = sample.first; n <= total; n += sample.stride) {
		if (s->kind != FAULTENV_CHANGING) {
			struck += step(f, s, n, EIO);
			continue;
		}
		for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
			if (sweepfix_all() || i == n / sample.stride % ARRAY_COUNT(errors))
				struck += step(f, s, n, errors[i]);
	}
	print_message("# %s: %lu failures\n", s->name, struck);
	assert_true(struck > 0);
}

static void sweep_all(const struct scene *list, size_t count)
{
	struct sweepfix *f = sweepfix_new(3, 5);

	for (size_t i = 0; i < count; i++)
		sweep(f, &list[i]);
	sweepfix_free(f);
}

#define SCENES(name, work, stage, below, must)                                                     \
	{name ", a change", work, stage, below, must, false, FAULTENV_CHANGING},                   \
		{name ", changes", work, stage, below, must, true, FAULTENV_CHANGING},             \
		{name ", any call", work, stage, below, must, false, FAULTENV_ANY},                \
	{                                                                                          \
		name ", all calls", work, stage, below, must, true, FAULTENV_ANY                   \
	}

static void at_a_place(void **state)
{
	static const struct scene list[] = {
		SCENES("backup at p2", sweepfix_backup, SWEEPFIX_BACKED, "work/p2", true),
		SCENES("first backup at p4", sweepfix_backup, SWEEPFIX_JOINING, "work/p4", false),
		SCENES("repair at p1", sweepfix_repair, SWEEPFIX_DEGRADED, "work/p1", false),
		/* a restore changes nothing there */
		{"restore at p2, any call", sweepfix_restore, SWEEPFIX_BACKED, "work/p2", true,
			false, FAULTENV_ANY},
		{"restore at p2, all calls", sweepfix_restore, SWEEPFIX_BACKED, "work/p2", true,
			true, FAULTENV_ANY},
		SCENES("adding p5, at p1", sweepfix_add, SWEEPFIX_JOINING, "work/p1", false),
		SCENES("adding p5, at p5", sweepfix_add, SWEEPFIX_JOINING, "work/p5", false),
	};

	(void)state;
	sweep_all(list, ARRAY_COUNT(list));
}

static void in_the_state_folder(void **state)
{
	static const struct scene list[] = {
		SCENES("init, state", sweepfix_init, SWEEPFIX_EMPTY, "work/state", false),
		SCENES("adding p5, state", sweepfix_add, SWEEPFIX_JOINING, "work/state", false),
		SCENES("backup, state", sweepfix_backup, SWEEPFIX_BACKED, "work/state", false),
		SCENES("repair, state", sweepfix_repair, SWEEPFIX_DEGRADED, "work/state", false),
	};

	(void)state;
	sweep_all(list, ARRAY_COUNT(list));
}

static void in_the_cache(void **state)
{
	static const struct scene list[] = {
		SCENES("backup, cache", sweepfix_backup, SWEEPFIX_BACKED, "work/cache", false),
	};

	(void)state;
	sweep_all(list, ARRAY_COUNT(list));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_a_place),
		cmocka_unit_test(in_the_state_folder),
		cmocka_unit_test(in_the_cache),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
