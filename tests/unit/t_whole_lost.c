/* SPDX-License-Identifier: MIT */
/*
 * t_whole_lost.c - more places wrong than can be borne (m - k + 1), for one pack after the other:
 * what cannot be had is named, all else is restored, and no file has a wrong byte. And places that
 * hang, of which as many as can be borne only cost time.
 */
#include "wholefix.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/env.h>
#include <base/intmath.h>
#include <pool/pool.h>
#include <repo/repo.h>
#include <repo/store.h>
#include "treecmp.h"
#include "treefix.h"

/* --- what is there is right, what is not was named --- */

static bool same_content(const char *a, const char *b)
{
	static uint8_t x[65536], y[65536];
	int fa = open(a, O_RDONLY | O_NOFOLLOW), fb = open(b, O_RDONLY | O_NOFOLLOW);
	bool same = fa >= 0 && fb >= 0;
	ssize_t got = 1;

	while (same && got > 0) {
		got = read(fa, x, sizeof(x));
		same = got >= 0 && read(fb, y, sizeof(y)) == got && !memcmp(x, y, (size_t)got);
	}
	close(fa);
	close(fb);
	return same;
}

static bool was_named(const struct whole *w, const char *path)
{
	for (unsigned i = 0; i < w->notes[SHERD_NOTE_LOST] && i < ARRAY_COUNT(w->lost); i++) {
		size_t length = strlen(w->lost[i]);

		/* Itself, or a folder that it is in. */
		if (strncmp(path, w->lost[i], length) == 0 &&
			(path[length] == '\0' || path[length] == '/'))
			return true;
	}
	return false;
}

struct tally {
	unsigned there, missing;
};

/* All that the source has: it is at the target, and right, or it is not there, and was named. */
static void compare(struct whole *w, const char *source, const char *target, struct tally *t)
{
	DIR *listing = opendir(source);
	struct dirent *d;

	assert_non_null(listing);
	while ((d = readdir(listing)) != NULL) {
		char *a, *b;
		struct stat sa, sb;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		a = strdup(treefix_path(source, d->d_name));
		b = strdup(treefix_path(target, d->d_name));
		assert_int_equal(lstat(a, &sa), 0);
		if (lstat(b, &sb) != 0) {
			if (!was_named(w, a))
				fail_msg("'%s' is missing, and nobody was told", a);
			t->missing++;
		} else {
			assert_true((sa.st_mode & S_IFMT) == (sb.st_mode & S_IFMT));
			t->there++;
			if (S_ISREG(sa.st_mode)) {
				assert_true(same_content(a, b));
				assert_true(sa.st_mode == sb.st_mode);
			}
			if (S_ISDIR(sa.st_mode))
				compare(w, a, b, t);
		}
		free(a);
		free(b);
	}
	closedir(listing);
}

static unsigned entries(const char *folder)
{
	DIR *listing = opendir(folder);
	struct dirent *d;
	unsigned count = 0;

	assert_non_null(listing);
	while ((d = readdir(listing)) != NULL)
		count += strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
	closedir(listing);
	return count;
}

/* Restore what is known; what is lost is lost by name. */
static void restore_rest(struct session *s, unsigned version, struct tally *sum)
{
	struct whole *w = s->w;
	struct tally t = {0};
	struct sherd_error err;
	char *target = whole_restore(s, version, &err), *source = strdup(whole_tree(w, version));

	if (!target) {
		/* The folder that was asked for is itself in the pack that is lost. */
		assert_int_equal(err.code, SHERD_LOST);
		assert_true(strlen(err.message) > 0);
		sum->missing++;
		free(source);
		return;
	}
	compare(w, source, target, &t);
	if (entries(target) > entries(source))
		fail_msg("'%s' has more than there was", target);
	assert_true((w->result.lost > 0) == (t.missing > 0));
	assert_true((w->result.lost > 0) == (w->notes[SHERD_NOTE_LOST] > 0));
	if (!t.missing)
		assert_same_trees(source, target, 0);
	sum->there += t.there;
	sum->missing += t.missing;
	treefix_remove(target);
	free(source);
}

/* --- packs that are lost --- */

enum ruin { RUIN_FLIP, RUIN_DROP, RUIN_CUT, RUINS };

static void ruin(struct place_mem_store *store, const char *name, enum ruin how)
{
	uint64_t size = whole_size(store, name);

	switch (how) {
	case RUIN_FLIP:
		for (uint64_t at = 100; at < size; at += 16384)
			assert_true(place_mem_corrupt(store, name, at, 0x40));
		break;
	case RUIN_DROP:
		assert_true(place_mem_drop(store, name));
		break;
	default:
		assert_true(place_mem_cut(store, name, size / 2));
	}
}

/* m - k + 1 shares of one pack, at other places each time. */
static void ruin_pack(
	struct whole *w, const char *pack, enum ruin how, struct place_mem_store **kept)
{
	unsigned left = w->places - w->k + 1;

	for (unsigned turn = 0; turn < w->places; turn++) {
		unsigned i = (turn + (unsigned)how) % w->places;
		struct names n = names_of(w->f->store[i], pack);

		kept[i] = NULL;
		if (n.count && left) {
			kept[i] = whole_copy(w->f->store[i]);
			ruin(w->f->store[i], n.name[0], how);
			left--;
		}
		names_free(&n);
	}
	assert_int_equal(left, 0);
}

static void bring_back(struct whole *w, struct place_mem_store **kept)
{
	for (unsigned i = 0; i < w->places; i++)
		if (kept[i]) {
			whole_bring_back(w, i, kept[i]);
			place_mem_store_unref(kept[i]);
		}
}

/*
 * A device that has had its index for long knows where all is, though the pack's table is lost.
 * One that has not must learn it, and knows less: but what it shows must be as right.
 */
static void lose_pack(
	struct whole *w, const char *pack, enum ruin how, struct tally *old, unsigned *snapshots)
{
	struct place_mem_store *kept[WHOLE_PLACES];
	struct session known, fresh;
	struct tally young = {0};
	struct sherd_error err;
	size_t count;

	session_open(w, "a", &known);
	ctlfix_copy(w->f, "a", "copy");
	ruin_pack(w, pack, how, kept);
	for (unsigned v = 0; v < w->versions; v++)
		restore_rest(&known, v, old);
	session_close(&known);
	if (session_try(w, "copy", &fresh, &err))
		fail_msg("one lost pack, and the repository cannot be opened: %s", err.message);
	(void)sherd_snapshots(fresh.repo, &count);
	for (unsigned v = 0; v < count; v++)
		restore_rest(&fresh, v, &young);
	*snapshots += (unsigned)count;
	session_close(&fresh);
	bring_back(w, kept);
}

static void lose_each_pack(unsigned k, unsigned places)
{
	struct whole *w = whole_make(k, places, 3);
	struct names packs = names_of(w->f->store[0], "packs/");
	struct tally sum = {0};
	unsigned snapshots = 0, ruined = 0;

	assert_true(packs.count >= 4);
	for (size_t i = 0; i < packs.count; i++) {
		*strrchr(packs.name[i], '.') = '\0';
		for (enum ruin how = 0; how < RUINS; how++, ruined++)
			lose_pack(w, packs.name[i], how, &sum, &snapshots);
	}
	print_message("# %u of %u: %u ruins: %u entries right, %u lost; a new index had %u of %u "
		      "snapshots\n",
		k, places, ruined, sum.there, sum.missing, snapshots, 3 * ruined);
	assert_true(sum.there > 0 && sum.missing > 0);
	names_free(&packs);
	whole_free(w);
}

static void test_packs_lost(void **state)
{
	(void)state;
	lose_each_pack(2, 3);
	lose_each_pack(3, 5);
}

/* --- backups that find out --- */

static void right_by_itself(struct session *s, size_t index)
{
	struct sherd_restore_options options = {.path = whole_tree(s->w, 0)};
	struct sherd_repo_hooks hooks = whole_hooks(s->w);
	struct sherd_error err;
	size_t count;
	const struct sherd_snapshot *list = sherd_snapshots(s->repo, &count);
	char *target = strdup(treefix_path(s->w->scratch, "again"));

	assert_true(count > index);
	options.target = target;
	if (sherd_restore(s->repo, &list[index], &options, &hooks, &s->w->result, &err))
		fail_msg("%s", err.message);
	assert_int_equal(s->w->result.lost, 0);
	assert_same_trees(whole_tree(s->w, 0), target, 0);
	treefix_remove(target);
}

/* The pack is lost, and nobody knows it before the backup reads the folders of the last one: what
 * it had taken to be there is saved once more. False: there are no so many packs. */
static bool backup_after_loss(size_t index)
{
	struct whole *w = whole_new(3, 5);
	struct place_mem_store *kept[WHOLE_PLACES];
	struct sherd_backup_result result;
	struct names packs;
	struct sherd_error err;
	struct session s;
	char *tree = strdup(whole_tree(w, 0));
	bool there;

	/* "aaa" is looked at first, then what tells that the pack of both is lost. */
	assert_int_equal(mkdir(tree, 0755), 0);
	assert_int_equal(mkdir(treefix_path(tree, "folder"), 0755), 0);
	treefix_text(tree, "aaa", "in the first pack");
	treefix_text(treefix_path(tree, "folder"), "b", "in the first pack too");
	session_open(w, "a", &s);
	assert_int_equal(whole_backup(&s, tree, &result, &err), 0);
	treefix_text(tree, "c", "new: the root alone is in another pack");
	assert_int_equal(whole_backup(&s, tree, &result, &err), 0);
	session_close(&s);
	session_open(w, "a", &s); /* knows the index, and has read no folder */
	packs = names_of(w->f->store[0], "packs/");
	there = index < packs.count;
	if (there) {
		*strrchr(packs.name[index], '.') = '\0';
		ruin_pack(w, packs.name[index], RUIN_DROP, kept);
		if (whole_backup(&s, tree, &result, &err))
			fail_msg("%s", err.message);
		/* Nothing may have been read from it, or all was. */
		if (result.bytes_new)
			right_by_itself(&s, 2);
		assert_true(result.spare >= 1);
		for (unsigned i = 0; i < w->places; i++)
			place_mem_store_unref(kept[i]);
	}
	names_free(&packs);
	session_close(&s);
	whole_free(w);
	free(tree);
	return there;
}

static void test_backup_after_loss(void **state)
{
	size_t packs = 0;

	(void)state;
	while (backup_after_loss(packs))
		packs++;
	assert_true(packs >= 2);
}

/* All shares at m - k + 1 places: nothing can be had, and nothing is. */
static void test_places_lost(void **state)
{
	struct whole *w = whole_make(2, 3, 1);
	struct sherd_error err;
	struct session s;
	size_t count = 0;
	char *target;

	(void)state;
	session_open(w, "a", &s);
	whole_offline(w, 6);
	target = whole_restore(&s, 0, &err);
	assert_null(target);
	assert_int_equal(err.code, SHERD_QUORUM);
	assert_non_null(strstr(err.message, "p1"));
	assert_non_null(strstr(err.message, "p2"));
	session_close(&s);
	if (session_try(w, "a", &s, &err) == 0) {
		(void)sherd_snapshots(s.repo, &count);
		assert_int_equal(count, 0);
		session_close(&s);
	}
	ctlfix_mend(w->f);
	session_open(w, "a", &s);
	whole_right(&s, 0);
	session_close(&s);
	whole_free(w);
}

/* --- places that hang --- */

static void test_hanging(void **state)
{
	struct whole *w = whole_make(3, 5, 2);

	(void)state;
	for (uint32_t hang = 3; hang; hang = hang == 3 ? 12 : hang == 12 ? 17 : 0) {
		struct sherd_pool_options options = ctlfix_options(w->f, "a");
		struct sherd_repo_options repo = {.threads = 2};
		struct session s = {.w = w};
		struct sherd_error err;

		options.env = env_system();
		options.inline_calls = 0;
		options.threads = 2;
		options.timeout_ms = 150;
		for (unsigned i = 0; i < 5; i++)
			ctlfix_break(w->f, i, hang >> i & 1 ? WRAP_FAULT_HANG : WRAP_FAULT_NONE, 0);
		if (sherd_pool_open(&options, &s.pool, &err))
			fail_msg("%s", err.message);
		assert_int_equal(sherd_pool_fresh(s.pool), 1);
		assert_int_equal(sherd_repo_open(s.pool, &repo, &s.repo, &err), 0);
		whole_right(&s, 0);
		whole_right(&s, 1);
		assert_int_equal(w->liars, 0); /* slow is no lie */
		session_close(&s);
		ctlfix_mend(w->f);
	}
	whole_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packs_lost),
		cmocka_unit_test(test_backup_after_loss),
		cmocka_unit_test(test_places_lost),
		cmocka_unit_test(test_hanging),
	};

	return cmocka_run_group_tests_name("whole_lost", tests, NULL, NULL);
}
