/* SPDX-License-Identifier: MIT */
/*
 * t_restore_pool.c - the whole way: a backup into a pool of four places (k = 2), and back with
 * places gone and shares bad. While two shares of a pack are good nothing is lost; beyond that only
 * what was in that pack is, and it is named.
 */
#include "ctlfix.h"
#include "treecmp.h"
#include "treefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <sherd/repo.h>

#define PLACES 4
#define SHARES_MAX 64

struct fixture {
	struct ctlfix *ctl;
	struct sherd_pool *pool;
	struct sherd_repo *repo;
	char *source, *target;
	struct sherd_restore_result result;
	struct sherd_error err;
	unsigned notes[SHERD_NOTE_DELETED + 1];
	char lost[4][256];
	char share[256], place[64]; /* of the last note of a share */
	int why;                    /* code of the last note of something lost */
	bool cached;                /* the index is kept in `cache` */
	char *cache;
	bool keep; /* the next restore uses the repo that is open */
};

static int note(void *context, const struct sherd_note *n)
{
	struct fixture *f = context;

	if (n->kind == SHERD_NOTE_LOST && f->notes[n->kind] < 4)
		snprintf(f->lost[f->notes[n->kind]], 256, "%s", n->path);
	if (n->kind == SHERD_NOTE_LOST)
		f->why = n->why->code;
	if (n->kind == SHERD_NOTE_SHARE) {
		snprintf(f->share, sizeof(f->share), "%s", n->path);
		snprintf(f->place, sizeof(f->place), "%s", n->place ? n->place : "");
	}
	f->notes[n->kind]++;
	return 0;
}

static void backup(struct fixture *f)
{
	const char *paths[] = {f->source};
	struct sherd_backup_options options = {.paths = paths, .path_count = 1};
	struct sherd_backup_result result;

	if (sherd_backup(f->repo, &options, NULL, &result, &f->err) != 0)
		fail_msg("%s", f->err.message);
}

static void open_repo(struct fixture *f)
{
	struct sherd_repo_options options = {.cache = f->cached ? f->cache : NULL};

	sherd_repo_free(f->repo);
	f->repo = NULL;
	if (sherd_repo_open(f->pool, &options, &f->repo, &f->err) != 0)
		fail_msg("%s", f->err.message);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->ctl = ctlfix_new();
	f->pool = ctlfix_make(f->ctl, "device", PLACES);
	f->source = treefix_folder();
	f->target = treefix_folder();
	f->cache = treefix_folder();
	open_repo(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sherd_repo_free(f->repo);
	sherd_pool_free(f->pool);
	ctlfix_free(f->ctl);
	treefix_remove(f->source);
	treefix_remove(f->target);
	treefix_remove(f->cache);
	free(f);
	return 0;
}

/* The newest snapshot's folder into a fresh target, by a repo that has read nothing yet. */
static int restore(struct fixture *f)
{
	struct sherd_repo_hooks hooks = {.note = note, .context = f};
	struct sherd_restore_options options = {.path = f->source, .verify = 1};
	const struct sherd_snapshot *snapshots;
	size_t count;

	treefix_remove(f->target);
	f->target = treefix_folder();
	options.target = f->target;
	memset(f->notes, 0, sizeof(f->notes));
	if (!f->keep)
		open_repo(f);
	snapshots = sherd_snapshots(f->repo, &count);
	assert_true(count > 0);
	return sherd_restore(f->repo, &snapshots[count - 1], &options, &hooks, &f->result, &f->err);
}

static void restore_well(struct fixture *f)
{
	if (restore(f) != 0)
		fail_msg("%s", f->err.message);
}

/* All names of shares at a place: how many. */
static unsigned shares_at(struct fixture *f, unsigned store, char names[SHARES_MAX][128])
{
	unsigned count = 0;
	const char *name;

	while ((name = ctlfix_name(f->ctl, store, "packs/", count)) != NULL) {
		assert_true(count < SHARES_MAX);
		snprintf(names[count++], 128, "%s", name);
	}
	return count;
}

static void test_round_trip(void **state)
{
	struct fixture *f = *state;

	treefix_kinds(f->source);
	backup(f);
	restore_well(f);
	assert_same_trees(f->source, f->target, 0);
	assert_int_equal(f->result.lost + f->result.refused + f->result.bad_shares, 0);
	assert_int_equal(f->result.attributes, 0);
}

static void test_bad_shares(void **state)
{
	struct fixture *f = *state;
	char names[SHARES_MAX][128];

	treefix_kinds(f->source);
	backup(f);
	/* one share rots everywhere, one is gone: every place in turn */
	for (unsigned bad = 0; bad < PLACES; bad++) {
		unsigned gone = (bad + 1) % PLACES;
		unsigned count = shares_at(f, bad, names);

		assert_true(count > 0);
		for (unsigned i = 0; i < count; i++)
			for (uint64_t at = 20000; at < 65536 + 4096; at += 1000)
				place_mem_corrupt(f->ctl->store[bad], names[i], at, 1);
		ctlfix_break(f->ctl, gone, WRAP_FAULT_OFFLINE, 0);
		restore_well(f);
		assert_same_trees(f->source, f->target, 0);
		assert_int_equal(f->result.lost, 0);
		ctlfix_mend(f->ctl);
		for (unsigned i = 0; i < count; i++)
			for (uint64_t at = 20000; at < 65536 + 4096; at += 1000)
				place_mem_corrupt(f->ctl->store[bad], names[i], at, 1);
	}
}

static void test_missing_shares_are_named(void **state)
{
	struct fixture *f = *state;
	char names[SHARES_MAX][128];

	treefix_kinds(f->source);
	backup(f);
	for (unsigned place = 0; place < 2; place++) {
		unsigned count = shares_at(f, place, names);

		for (unsigned i = 0; i < count; i++)
			assert_true(place_mem_drop(f->ctl->store[place], names[i]));
	}
	restore_well(f);
	assert_same_trees(f->source, f->target, 0);
	assert_int_equal(f->result.bad_shares, f->notes[SHERD_NOTE_SHARE]);
	if (f->notes[SHERD_NOTE_SHARE]) {
		assert_int_equal(strncmp(f->share, "packs/", 6), 0);
		assert_true(f->place[0] == 'p');
	}
}

/* Each backup is a pack of its own; the newest has the trees. */
static void test_lost_pack(void **state)
{
	struct fixture *f = *state;
	char names[SHARES_MAX][128];
	char path[512];

	f->cached = true;
	open_repo(f);
	treefix_text(f->source, "first", "saved at first");
	assert_int_equal(mkdir(treefix_path(f->source, "folder"), 0755), 0);
	treefix_text(f->source, "folder/early", "saved at first, too");
	backup(f);
	assert_int_equal(shares_at(f, 0, names), 1);
	for (unsigned place = 0; place < PLACES - 1; place++) {
		char share[SHARES_MAX][128];

		assert_int_equal(shares_at(f, place, share), 1);
		snprintf(names[place], 128, "%s", share[0]);
	}
	treefix_text(f->source, "folder/second", "saved later");
	backup(f);
	restore_well(f);
	assert_same_trees(f->source, f->target, 0);
	for (unsigned place = 0; place < PLACES - 1; place++)
		assert_true(place_mem_drop(f->ctl->store[place], names[place]));
	restore_well(f);
	assert_int_equal(f->result.lost, 2);
	assert_int_equal(f->result.files, 1);
	assert_int_equal(f->notes[SHERD_NOTE_LOST], 2);
	snprintf(path, sizeof(path), "%s/first", f->source);
	assert_true(strcmp(f->lost[0], path) == 0 || strcmp(f->lost[1], path) == 0);
	snprintf(path, sizeof(path), "%s/folder/early", f->source);
	assert_true(strcmp(f->lost[0], path) == 0 || strcmp(f->lost[1], path) == 0);
	assert_false(treefix_there(f->target, "first"));
	assert_false(treefix_there(f->target, "folder/early"));
	assert_string_equal(treefix_read(f->target, "folder/second"), "saved later");
}

static void test_places_down(void **state)
{
	struct fixture *f = *state;

	f->cached = true;
	open_repo(f);
	treefix_kinds(f->source); /* with a file larger than what is read to open a repo */
	backup(f);
	ctlfix_break(f->ctl, 0, WRAP_FAULT_OFFLINE, 0);
	ctlfix_break(f->ctl, 2, WRAP_FAULT_OFFLINE, 0);
	restore_well(f);
	assert_same_trees(f->source, f->target, 0);
	ctlfix_mend(f->ctl);
	/* The catalog and the trees are in a newer pack, which is read when the repo is opened. */
	treefix_text(f->source, "second", "text of the second");
	backup(f);
	open_repo(f);
	for (unsigned place = 1; place < PLACES; place++)
		ctlfix_break(f->ctl, place, WRAP_FAULT_OFFLINE, 0);
	f->keep = true;
	restore_well(f);
	assert_int_equal(f->result.lost, f->notes[SHERD_NOTE_LOST]);
	assert_true(f->result.lost > 0 && f->result.files > 0);
	assert_int_equal(f->why, SHERD_QUORUM);
	ctlfix_mend(f->ctl);
	restore_well(f);
	assert_same_trees(f->source, f->target, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_bad_shares),
		TEST(test_missing_shares_are_named),
		TEST(test_lost_pack),
		TEST(test_places_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
