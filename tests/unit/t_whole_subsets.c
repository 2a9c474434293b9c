/* SPDX-License-Identifier: MIT */
/*
 * t_whole_subsets.c - any k places bring everything back: every subset of k places, all others
 * down, restores every snapshot the same in all things; on the device that saved it, and on a new
 * one that knows any one place of the subset and the passphrase, or the recovery kit.
 */
#include "wholefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void known_device(struct whole *w)
{
	struct session s;

	session_open(w, "a", &s);
	for (unsigned v = 0; v < w->versions; v++)
		whole_right(&s, v);
	session_close(&s);
}

/* By passphrase and by kit in turn, a new device for each place of the subset. */
static void new_devices(struct whole *w, uint32_t up, unsigned *turn)
{
	for (unsigned i = 0; i < w->places; i++) {
		struct session s;
		bool kit = *turn % 2;
		size_t count;

		if (!(up >> i & 1))
			continue;
		w->f->asked = 0;
		w->f->kit = kit ? w->f->text : NULL;
		w->f->passphrase = kit ? NULL : CTLFIX_PASSPHRASE;
		session_clone(w, i, &s);
		(void)sherd_snapshots(s.repo, &count);
		assert_int_equal(count, w->versions);
		assert_true(w->f->asked > 0);
		whole_right(&s, (*turn)++ / 2 % w->versions);
		session_close(&s);
	}
	w->f->kit = NULL;
	w->f->passphrase = CTLFIX_PASSPHRASE;
}

static void several_packs(struct whole *w)
{
	struct sherd_status status;
	struct sherd_error err;
	struct session s;

	session_open(w, "a", &s);
	assert_int_equal(sherd_status(s.repo, &status, &err), 0);
	assert_true(status.packs > w->versions);
	assert_int_equal(status.spare, w->places - w->k);
	session_close(&s);
}

static void subsets(unsigned k, unsigned places, unsigned versions)
{
	struct whole *w = whole_make(k, places, versions);
	uint32_t all = (UINT32_C(1) << places) - 1;
	unsigned count = 0, turn = 0;

	several_packs(w);
	for (uint32_t up = (UINT32_C(1) << k) - 1; up; up = subset_next(up, places), count++) {
		whole_offline(w, all & ~up);
		known_device(w);
		new_devices(w, up, &turn);
	}
	print_message("# %u of %u: %u subsets\n", k, places, count);
	whole_free(w);
}

static void test_3_of_5(void **state)
{
	(void)state;
	subsets(3, 5, 3);
}

static void test_2_of_3(void **state)
{
	(void)state;
	subsets(2, 3, 3);
}

static void test_1_of_3(void **state)
{
	(void)state;
	subsets(1, 3, 2);
}

static void test_4_of_6(void **state)
{
	(void)state;
	subsets(4, 6, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_3_of_5),
		cmocka_unit_test(test_2_of_3),
		cmocka_unit_test(test_1_of_3),
		cmocka_unit_test(test_4_of_6),
	};

	return cmocka_run_group_tests_name("whole_subsets", tests, NULL, NULL);
}
