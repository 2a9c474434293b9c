/* SPDX-License-Identifier: MIT */
/*
 * t_whole_wrong.c - places that are wrong. With as many of them as a pool can bear (m - k), in each
 * way that is known, everything is restored, and the place that lied is named, no other. With one
 * more, what cannot be had is named, all else is restored, and nothing that is wrong is ever
 * delivered.
 */
#include "wholefix.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/intmath.h>
#include "treecmp.h"
#include "treefix.h"

/* A pool, its places as they are when they are right and as they were before the last backup, and
 * shares of another pool. */
struct bed {
	struct whole *w;
	struct place_mem_store *right[WHOLE_PLACES], *stale[WHOLE_PLACES];
	struct place_mem_store *foreign;
};

/* --- ways to be wrong --- */

static void cut_objects(struct bed *b, unsigned store, const char *prefix, unsigned part)
{
	struct place_mem_store *s = b->w->f->store[store];
	struct names n = names_of(s, prefix);

	for (size_t i = 0; i < n.count; i++)
		assert_true(
			place_mem_cut(s, n.name[i], part ? whole_size(s, n.name[i]) / part : 0));
	names_free(&n);
}

static void cut_all_empty(struct bed *b, unsigned store)
{
	cut_objects(b, store, "", 0);
}

static void cut_all_half(struct bed *b, unsigned store)
{
	cut_objects(b, store, "", 2);
}

static void cut_shares_empty(struct bed *b, unsigned store)
{
	cut_objects(b, store, "packs/", 0);
}

static void cut_shares_half(struct bed *b, unsigned store)
{
	cut_objects(b, store, "packs/", 2);
}

static void drop(struct bed *b, unsigned store, const char *prefix)
{
	struct place_mem_store *s = b->w->f->store[store];
	struct names n = names_of(s, prefix);

	for (size_t i = 0; i < n.count; i++)
		assert_true(place_mem_drop(s, n.name[i]));
	names_free(&n);
}

static void nothing_left(struct bed *b, unsigned store)
{
	drop(b, store, "");
}

static void shares_gone(struct bed *b, unsigned store)
{
	drop(b, store, "packs/");
}

/* One bit of each object, somewhere else in each; of a share, one of each leaf. */
static void flip(struct bed *b, unsigned store, const char *prefix)
{
	struct place_mem_store *s = b->w->f->store[store];
	struct names n = names_of(s, prefix);

	for (size_t i = 0; i < n.count; i++) {
		uint64_t size = whole_size(s, n.name[i]);

		assert_true(place_mem_corrupt(
			s, n.name[i], (i * 7919 + store) % size, (uint8_t)(1 << (i + store) % 8)));
		for (uint64_t at = 8192; at + i < size; at += 32768)
			assert_true(place_mem_corrupt(s, n.name[i], at + i, 1));
	}
	names_free(&n);
}

static void flip_all(struct bed *b, unsigned store)
{
	flip(b, store, "");
}

static void flip_shares(struct bed *b, unsigned store)
{
	flip(b, store, "packs/");
}

/* Each object stands under the name of the next. */
static void turn(struct bed *b, unsigned store, const char *prefix)
{
	struct place_mem_store *s = b->w->f->store[store];
	struct names n = names_of(s, prefix);

	assert_true(n.count > 2);
	for (size_t i = 0; i + 1 < n.count; i++)
		assert_true(place_mem_swap(s, n.name[i], n.name[i + 1]));
	names_free(&n);
}

static void turn_shares(struct bed *b, unsigned store)
{
	turn(b, store, "packs/");
}

static void turn_all(struct bed *b, unsigned store)
{
	turn(b, store, "");
}

/* Another share of the same pack, as it stands at another place. */
static void other_number(struct bed *b, unsigned store)
{
	struct place_mem_store *s = b->w->f->store[store];
	struct place_mem_store *from = b->right[(store + 1) % b->w->places];
	struct names n = names_of(s, "packs/");

	for (size_t i = 0; i < n.count; i++) {
		char prefix[PLACE_NAME_MAX + 1];
		struct names there;
		uint8_t *data;
		size_t size;

		snprintf(prefix, sizeof(prefix), "%.*s",
			(int)(strrchr(n.name[i], '.') - n.name[i] + 1), n.name[i]);
		there = names_of(from, prefix);
		assert_int_equal(there.count, 1);
		data = whole_bytes(from, there.name[0], &size);
		whole_set(s, n.name[i], data, size);
		free(data);
		names_free(&there);
	}
	names_free(&n);
}

static void foreign_shares(struct bed *b, unsigned store)
{
	struct place_mem_store *s = b->w->f->store[store];
	struct names n = names_of(s, "packs/"), foreign = names_of(b->foreign, "packs/");

	for (size_t i = 0; i < n.count; i++) {
		size_t size;
		uint8_t *data = whole_bytes(b->foreign, foreign.name[i % foreign.count], &size);

		whole_set(s, n.name[i], data, size);
		free(data);
	}
	names_free(&n);
	names_free(&foreign);
}

/* The whole of it: identity, keys, records and all. */
static void foreign_place(struct bed *b, unsigned store)
{
	whole_bring_back(b->w, store, b->foreign);
}

static void as_before(struct bed *b, unsigned store)
{
	whole_bring_back(b->w, store, b->stale[store]);
}

/* How to spoil a place: by its objects, or by its answers. */
static const struct way {
	const char *name;
	void (*spoil)(struct bed *b, unsigned store); /* NULL: */
	enum wrap_fault what;
	bool lies;  /* bytes of shares are wrong: a lie is counted */
	bool named; /* what is wanted is not there as it should be: told */
} ways[] = {
	{"all empty", cut_all_empty, 0, true, true},
	{"all cut in half", cut_all_half, 0, true, true},
	{"shares empty", cut_shares_empty, 0, true, true},
	{"shares cut in half", cut_shares_half, 0, true, true},
	{"nothing left", nothing_left, 0, false, true},
	{"shares gone", shares_gone, 0, false, true},
	{"a bit of everything", flip_all, 0, true, true},
	{"bits of shares", flip_shares, 0, true, true},
	{"shares under other packs' names", turn_shares, 0, true, true},
	{"objects under other names", turn_all, 0, true, true},
	{"shares under other numbers", other_number, 0, true, true},
	{"shares of another pool", foreign_shares, 0, true, true},
	{"a place of another pool", foreign_place, 0, false, true},
	/* What it lacks are shares of the last packs alone, which may be check shares. */
	{"as before the last backup", as_before, 0, false, false},
	{"garbage", NULL, WRAP_FAULT_GARBAGE, true, true},
	{"flipped answers", NULL, WRAP_FAULT_FLIP, true, true},
	{"empty answers", NULL, WRAP_FAULT_EMPTY, true, true},
	{"denies all", NULL, WRAP_FAULT_ABSENT, false, true},
	{"fails", NULL, WRAP_FAULT_IO, false, false},
	{"forgets names", NULL, WRAP_FAULT_FORGET, false, false},
};

static void spoil(struct bed *b, const struct way *way, uint32_t wrong)
{
	for (unsigned i = 0; i < b->w->places; i++) {
		if (!(wrong >> i & 1))
			continue;
		if (way->spoil)
			way->spoil(b, i);
		else
			ctlfix_break(b->w->f, i, way->what, 0);
	}
}

/* After a new device was there, what it wrote is taken away everywhere. */
static void mend(struct bed *b, const struct way *way, uint32_t wrong, bool written)
{
	ctlfix_mend(b->w->f);
	for (unsigned i = 0; i < b->w->places; i++)
		if (written || (way->spoil && wrong >> i & 1))
			whole_bring_back(b->w, i, b->right[i]);
}

/* --- the bed --- */

static void make_foreign(struct bed *b)
{
	struct whole *w = b->w;
	struct sherd_pool_init_options options = {
		.env = &w->f->env,
		.state = ctlfix_path(w->f, "other"),
		.name = "test",
		.k = w->k,
		.passphrase = CTLFIX_PASSPHRASE,
		.passphrase_size = strlen(CTLFIX_PASSPHRASE),
		.kdf_memory_kib = 8192,
		.kdf_passes = 1,
	};
	struct sherd_backup_result result;
	struct sherd_error err;
	struct session s;
	char *kit;

	assert_int_equal(sherd_pool_init(&options, &kit, &err), 0);
	sherd_text_free(kit);
	s.pool = ctlfix_open(w->f, "other");
	for (unsigned i = w->places; i < w->places + w->k; i++)
		ctlfix_add(s.pool, i);
	sherd_pool_free(s.pool);
	session_open(w, "other", &s);
	assert_int_equal(whole_backup(&s, whole_tree(w, 0), &result, &err), 0);
	assert_int_equal(whole_backup(&s, whole_tree(w, 1), &result, &err), 0);
	session_close(&s);
	b->foreign = whole_copy(w->f->store[w->places]);
}

static void bed_make(struct bed *b, unsigned k, unsigned places)
{
	b->w = whole_make(k, places, 2);
	for (unsigned i = 0; i < places; i++)
		b->stale[i] = whole_copy(b->w->f->store[i]);
	whole_save(b->w, 2);
	for (unsigned i = 0; i < places; i++)
		b->right[i] = whole_copy(b->w->f->store[i]);
	make_foreign(b);
}

static void bed_free(struct bed *b)
{
	for (unsigned i = 0; i < b->w->places; i++) {
		place_mem_store_unref(b->right[i]);
		place_mem_store_unref(b->stale[i]);
	}
	place_mem_store_unref(b->foreign);
	whole_free(b->w);
}

/* --- as many as can be borne --- */

static uint32_t who_lied(struct sherd_pool *pool)
{
	size_t count;
	const struct sherd_place_info *infos = sherd_pool_places(pool, 0, &count);
	uint32_t mask = 0;

	for (size_t i = 0; i < count; i++)
		if (infos[i].lies)
			mask |= UINT32_C(1) << (infos[i].name[1] - '0');
	return mask;
}

struct heard {
	uint32_t named, lied;
	unsigned turn;
};

static void look(struct session *s, uint32_t wrong, const struct way *way, struct heard *heard)
{
	uint32_t named, lied;

	/* One after the other; what the first one has the others have as well. */
	whole_right(s, 1 + heard->turn++ % (s->w->versions - 1));
	assert_true((s->w->result.bad_shares > 0) == (s->w->liars != 0));
	named = s->w->liars;
	lied = who_lied(s->pool);
	if (named & ~wrong || lied & ~wrong)
		fail_msg("%s: wrong are %x, named %x, counted %x", way->name, wrong, named, lied);
	heard->named |= named;
	heard->lied |= lied;
}

static unsigned first_not(uint32_t mask)
{
	unsigned i = 0;

	while (mask >> i & 1)
		i++;
	return i;
}

/* Every subset of m - k places is wrong in that way; a new device looks as well at the first. */
static void bear(struct bed *b, const struct way *way)
{
	struct whole *w = b->w;
	struct heard heard = {0}, other = {0};
	uint32_t all = (UINT32_C(1) << w->places) - 1;
	uint32_t first = (UINT32_C(1) << (w->places - w->k)) - 1;
	struct session s;

	for (uint32_t wrong = first; wrong; wrong = subset_next(wrong, w->places)) {
		spoil(b, way, wrong);
		/* The state folder remembers lies: each time it is a copy of a device's that saw
		 * none. */
		ctlfix_copy(w->f, "a", "copy");
		session_open(w, "copy", &s);
		look(&s, wrong, way, &heard);
		session_close(&s);
		if (wrong == first) {
			session_clone(w, first_not(wrong), &s);
			look(&s, wrong, way, &other);
			session_close(&s);
		}
		mend(b, way, wrong, wrong == first);
	}
	if (way->named && heard.named != all)
		fail_msg("%s: only places %x were ever named", way->name, heard.named);
	if (way->lies && heard.lied != all)
		fail_msg("%s: only lies of places %x were ever counted", way->name, heard.lied);
}

static void bear_all(unsigned k, unsigned places)
{
	struct bed b = {0};

	bed_make(&b, k, places);
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++)
		bear(&b, &ways[i]);
	bed_free(&b);
}

static void test_3_of_5(void **state)
{
	(void)state;
	bear_all(3, 5);
}

static void test_2_of_3(void **state)
{
	(void)state;
	bear_all(2, 3);
}

static void test_1_of_2(void **state)
{
	(void)state;
	bear_all(1, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_3_of_5),
		cmocka_unit_test(test_2_of_3),
		cmocka_unit_test(test_1_of_2),
	};

	return cmocka_run_group_tests_name("whole_wrong", tests, NULL, NULL);
}
