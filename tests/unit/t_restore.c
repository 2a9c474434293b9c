/* SPDX-License-Identifier: MIT */
/* t_restore.c - restoring: all kinds of files, rules for what is there, what is wanted, what is
 * lost. */
#include "faultenv.h"
#include "memstore.h"
#include "treecmp.h"
#include "treefix.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/intmath.h>

#define NOTES_MAX 64

struct fixture {
	struct memstore m;
	char *source, *target;
	struct sherd_restore_options options;
	struct sherd_restore_result result;
	struct sherd_error err;
	struct sherd_repo_hooks hooks;
	struct sherd_cancel cancel;
	unsigned notes[SHERD_NOTE_DELETED + 1];
	char paths[NOTES_MAX][256]; /* "kind path" of each note */
	size_t told;
	int answer; /* of the note callback */
	unsigned progress;
};

static int note(void *context, const struct sherd_note *n)
{
	struct fixture *f = context;

	f->notes[n->kind]++;
	assert_non_null(n->path);
	if (f->told < NOTES_MAX)
		snprintf(f->paths[f->told++], 256, "%d %s", (int)n->kind, n->path);
	return f->answer;
}

static void progress(void *context, const struct sherd_repo_progress *p)
{
	struct fixture *f = context;

	f->progress++;
	assert_true(p->place_count == 0 && p->bytes_moved == 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memstore_open(&f->m);
	f->source = treefix_folder();
	f->target = treefix_folder();
	f->options.target = f->target;
	f->hooks = (struct sherd_repo_hooks){
		.note = note, .progress = progress, .cancel = &f->cancel, .context = f};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	memstore_close(&f->m);
	treefix_remove(f->source);
	treefix_remove(f->target);
	free(f);
	return 0;
}

static int restore(struct fixture *f)
{
	unsigned open_before = faultenv_descriptors();
	int r;

	memset(f->notes, 0, sizeof(f->notes));
	f->told = 0;
	f->err.message[0] = '\0';
	r = sherd_restore(f->m.repo, f->m.snapshots, &f->options, &f->hooks, &f->result, &f->err);
	assert_int_equal(faultenv_descriptors(), open_before);
	if (r)
		assert_int_equal(f->err.code, r);
	return r;
}

static void restore_well(struct fixture *f)
{
	if (restore(f) != 0)
		fail_msg("%s", f->err.message);
	for (size_t i = 0; i < f->told && f->result.lost + f->result.refused; i++)
		print_message("# note %s\n", f->paths[i]);
}

static bool was_told(const struct fixture *f, enum sherd_note_kind kind, const char *path)
{
	char text[256];

	snprintf(text, sizeof(text), "%d %s", (int)kind, path);
	for (size_t i = 0; i < f->told; i++)
		if (strcmp(f->paths[i], text) == 0)
			return true;
	return false;
}

static void save(struct fixture *f)
{
	treefix_save(f->m.repo->store, f->source, &f->m.roots[0]);
}

/* --- all kinds --- */

static void test_all_kinds(void **state)
{
	struct fixture *f = *state;

	treefix_kinds(f->source);
	save(f);
	for (int round = 0; round < 4; round++) {
		*f->m.threads = round & 1;
		f->options.verify = round >= 2;
		treefix_remove(f->target);
		f->target = treefix_folder();
		f->options.target = f->target;
		restore_well(f);
		assert_same_trees(f->source, f->target, 0);
		assert_int_equal(f->result.lost + f->result.refused + f->result.skipped, 0);
		assert_int_equal(f->result.attributes, 0);
		assert_int_equal(f->result.folders, 3);
		assert_int_equal(f->result.files, geteuid() == 0 ? 11 : 10);
		assert_int_equal(f->result.others, geteuid() == 0 ? 9 : 6);
		assert_int_equal(f->told, 0);
		assert_true(f->progress > 0);
	}
}

static void test_again_is_same(void **state)
{
	static const enum sherd_overwrite rules[] = {
		SHERD_OVERWRITE_NEVER, SHERD_OVERWRITE_NEWER, SHERD_OVERWRITE_DIFFER};
	struct fixture *f = *state;
	uint64_t all;

	treefix_kinds(f->source);
	save(f);
	restore_well(f);
	all = f->result.files + f->result.others + f->result.folders;
	for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
		f->options.overwrite = rules[i];
		restore_well(f);
		assert_int_equal(f->result.same, all);
		assert_int_equal(f->result.files + f->result.others + f->result.folders, 0);
		assert_int_equal(f->result.skipped + f->result.bytes, 0);
		assert_same_trees(f->source, f->target, 0);
	}
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	restore_well(f);
	assert_int_equal(f->result.files + f->result.others + f->result.same, all);
	assert_int_equal(f->result.same, 3); /* folders that are as they should be */
	assert_same_trees(f->source, f->target, 0);
}

static void test_target_is_made(void **state)
{
	struct fixture *f = *state;
	char *below = strdup(treefix_path(f->target, "a/b/c"));
	struct stat there;

	treefix_text(f->source, "file", "text");
	save(f);
	f->options.target = below;
	f->options.dry_run = 1;
	restore_well(f);
	assert_int_equal(f->result.files, 1);
	assert_int_equal(f->result.bytes, 4);
	assert_false(treefix_there(f->target, "a"));
	f->options.dry_run = 0;
	restore_well(f);
	assert_same_trees(f->source, below, 0);
	assert_int_equal(lstat(below, &there), 0);
	assert_int_equal(there.st_mode & 07777, 0700);
	free(below);
}

static void test_sparse(void **state)
{
	struct fixture *f = *state;
	struct stat there;
	int fd = open(treefix_path(f->source, "s"), O_WRONLY | O_CREAT, 0600);

	assert_int_equal(pwrite(fd, "end", 3, (3 << 20) + 17), 3);
	close(fd);
	save(f);
	restore_well(f);
	assert_same_trees(f->source, f->target, 0);
	assert_int_equal(lstat(treefix_path(f->target, "s"), &there), 0);
	assert_true(there.st_blocks < 64);
	f->options.no_sparse = 1;
	f->options.verify = 1;
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	restore_well(f);
	assert_same_trees(f->source, f->target, TREECMP_NO_HOLES);
	assert_int_equal(lstat(treefix_path(f->target, "s"), &there), 0);
	assert_true(there.st_blocks * 512 >= 3 << 20);
	/* the same content, though not in the same places */
	f->options.overwrite = SHERD_OVERWRITE_NEVER;
	restore_well(f);
	assert_int_equal(f->result.same, 1);
}

/* --- what is there --- */

static void set_time(const char *folder, const char *name, long s)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = s}};

	assert_int_equal(utimensat(AT_FDCWD, treefix_path(folder, name), times, 0), 0);
}

/* Files of the target after a restore by a rule; NULL: as it was before ("old"). */
static void check_rule(struct fixture *f, enum sherd_overwrite rule, const char *older,
	const char *newer, const char *touched, const char *equal)
{
	static const char *const names[] = {"equal", "newer", "older", "touched"};

	f->options.overwrite = rule;
	for (size_t i = 0; i < 4; i++) {
		treefix_text(f->source, names[i], "new");
		set_time(f->source, names[i], 5000);
		treefix_text(f->target, names[i], "old");
	}
	treefix_text(f->target, "equal", "new");
	set_time(f->target, "equal", 5000);
	set_time(f->target, "touched", 5000);
	set_time(f->target, "older", 4000);
	set_time(f->target, "newer", 6000);
	save(f);
	restore_well(f);
	assert_string_equal(treefix_read(f->target, "older"), older);
	assert_string_equal(treefix_read(f->target, "newer"), newer);
	assert_string_equal(treefix_read(f->target, "touched"), touched);
	assert_string_equal(treefix_read(f->target, "equal"), equal);
	assert_int_equal(f->result.skipped, f->notes[SHERD_NOTE_EXISTS]);
}

static void test_rules(void **state)
{
	struct fixture *f = *state;

	check_rule(f, SHERD_OVERWRITE_NEVER, "old", "old", "old", "new");
	assert_int_equal(f->result.skipped, 3);
	assert_int_equal(f->result.same, 1);
	assert_true(was_told(f, SHERD_NOTE_EXISTS, "/touched"));
	check_rule(f, SHERD_OVERWRITE_NEWER, "new", "old", "old", "new");
	assert_int_equal(f->result.skipped, 2);
	assert_int_equal(f->result.files, 1);
	assert_int_equal(f->result.same, 1);
	check_rule(f, SHERD_OVERWRITE_DIFFER, "new", "new", "new", "new");
	assert_int_equal(f->result.files, 3);
	assert_int_equal(f->result.same, 1);
	check_rule(f, SHERD_OVERWRITE_ALWAYS, "new", "new", "new", "new");
	assert_int_equal(f->result.files, 4);
}

static void test_other_types_there(void **state)
{
	struct fixture *f = *state;
	char *canary = treefix_folder();

	assert_int_equal(mkdir(treefix_path(f->source, "folder"), 0755), 0);
	treefix_text(f->source, "folder/in", "it");
	treefix_text(f->source, "file", "text");
	treefix_text(f->source, "other", "text");
	assert_int_equal(symlink("x", treefix_path(f->source, "link")), 0);
	save(f);
	/* links where a folder and a file should be, folders where others should be */
	assert_int_equal(symlink(canary, treefix_path(f->target, "folder")), 0);
	assert_int_equal(symlink(treefix_path(canary, "made"), treefix_path(f->target, "file")), 0);
	assert_int_equal(mkdir(treefix_path(f->target, "link"), 0755), 0);
	assert_int_equal(mkdir(treefix_path(f->target, "other"), 0755), 0);
	treefix_text(f->target, "other/kept", "kept");
	restore_well(f);
	assert_int_equal(f->result.skipped, 4);
	assert_int_equal(f->result.files + f->result.folders + f->result.others, 0);
	assert_true(was_told(f, SHERD_NOTE_EXISTS, "/folder"));
	assert_false(treefix_there(canary, "in"));
	assert_false(treefix_there(canary, "made"));
	f->options.overwrite = SHERD_OVERWRITE_DIFFER;
	restore_well(f);
	assert_int_equal(f->result.skipped, 1); /* the folder that is not empty */
	assert_true(was_told(f, SHERD_NOTE_EXISTS, "/other"));
	assert_string_equal(treefix_read(f->target, "other/kept"), "kept");
	f->options.delete_extra = 1;
	restore_well(f);
	assert_same_trees(f->source, f->target, 0);
	assert_false(treefix_there(canary, "in"));
	assert_false(treefix_there(canary, "made"));
	treefix_remove(canary);
}

static void test_rights_are_brought_up(void **state)
{
	struct fixture *f = *state;

	treefix_text(f->source, "file", "text");
	assert_int_equal(mkdir(treefix_path(f->source, "folder"), 0711), 0);
	set_time(f->source, "folder", 7000);
	save(f);
	restore_well(f);
	assert_int_equal(chmod(treefix_path(f->target, "file"), 0600), 0);
	assert_int_equal(chmod(treefix_path(f->target, "folder"), 0100), 0);
	set_time(f->target, "folder", 7001);
	restore_well(f); /* never: nothing changes */
	assert_int_equal(f->result.same, 2);
	f->options.overwrite = SHERD_OVERWRITE_DIFFER;
	restore_well(f);
	assert_int_equal(f->result.files, 1);
	assert_int_equal(f->result.folders, 1);
	assert_same_trees(f->source, f->target, 0);
}

static void test_delete_extra(void **state)
{
	static const char *const excludes[] = {"*.keep"};
	struct fixture *f = *state;

	assert_int_equal(mkdir(treefix_path(f->source, "saved"), 0755), 0);
	assert_int_equal(mkdir(treefix_path(f->source, "saved/in"), 0755), 0);
	treefix_text(f->source, "saved/file", "1");
	save(f);
	restore_well(f);
	treefix_text(f->target, "extra", "not in a restored folder");
	treefix_text(f->target, "saved/extra", "");
	treefix_text(f->target, "saved/in/extra", "");
	treefix_text(f->target, "saved/in/this.keep", "");
	assert_int_equal(mkdir(treefix_path(f->target, "saved/gone"), 0755), 0);
	assert_int_equal(mkdir(treefix_path(f->target, "saved/gone/deep"), 0755), 0);
	treefix_text(f->target, "saved/gone/deep/file", "");
	assert_int_equal(symlink(f->source, treefix_path(f->target, "saved/gone/link")), 0);
	f->options.delete_extra = 1;
	f->options.dry_run = 1;
	f->options.excludes = excludes;
	f->options.exclude_count = 1;
	restore_well(f);
	assert_int_equal(f->result.deleted, 3);
	assert_true(treefix_there(f->target, "saved/gone/deep/file"));
	f->options.dry_run = 0;
	restore_well(f);
	assert_int_equal(f->result.deleted, 3);
	assert_int_equal(f->notes[SHERD_NOTE_DELETED], 3);
	assert_true(was_told(f, SHERD_NOTE_DELETED, "/saved/gone"));
	assert_true(treefix_there(f->target, "extra"));
	assert_true(treefix_there(f->target, "saved/in/this.keep"));
	assert_false(treefix_there(f->target, "saved/extra"));
	assert_false(treefix_there(f->target, "saved/in/extra"));
	assert_false(treefix_there(f->target, "saved/gone"));
	assert_true(treefix_there(f->source, "saved/file"));
}

static void test_in_place_leaves_what_leads(void **state)
{
	static const char *paths[] = {"/home/user"};
	struct fixture *f = *state;
	struct stat before, after;

	assert_int_equal(mkdir(treefix_path(f->source, "home"), 0700), 0);
	assert_int_equal(mkdir(treefix_path(f->source, "home/user"), 0711), 0);
	treefix_text(f->source, "home/user/a", "a");
	treefix_text(f->source, "home/user/b", "b");
	save(f);
	f->m.snapshots[0].paths = paths;
	f->m.snapshots[0].path_count = 1;
	assert_int_equal(mkdir(treefix_path(f->target, "home"), 0755), 0);
	assert_int_equal(mkdir(treefix_path(f->target, "home/user"), 0755), 0);
	treefix_text(f->target, "home/neighbour", "stays");
	treefix_text(f->target, "home/user/extra", "goes");
	assert_int_equal(stat(treefix_path(f->target, "home"), &before), 0);
	f->options.in_place = 1;
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	f->options.delete_extra = 1;
	f->options.path = "/home//user/./b";
	restore_well(f);
	assert_false(treefix_there(f->target, "home/user/a"));
	assert_true(treefix_there(f->target, "home/user/extra"));
	assert_string_equal(treefix_read(f->target, "home/user/b"), "b");
	f->options.path = NULL;
	restore_well(f);
	assert_int_equal(stat(treefix_path(f->target, "home"), &after), 0);
	assert_int_equal(before.st_mode, after.st_mode);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	assert_true(treefix_there(f->target, "home/neighbour"));
	assert_false(treefix_there(f->target, "home/user/extra"));
	assert_int_equal(stat(treefix_path(f->target, "home/user"), &after), 0);
	assert_int_equal(after.st_mode & 07777, 0711);
}

/* --- what is wanted --- */

static void make_some(struct fixture *f)
{
	assert_int_equal(mkdir(treefix_path(f->source, "a"), 0750), 0);
	assert_int_equal(mkdir(treefix_path(f->source, "a/b"), 0750), 0);
	assert_int_equal(mkdir(treefix_path(f->source, "a/empty"), 0750), 0);
	treefix_text(f->source, "a/b/one.txt", "one");
	treefix_text(f->source, "a/b/two.jpg", "two");
	treefix_text(f->source, "a/three.txt", "three");
	treefix_text(f->source, "four.jpg", "four");
	save(f);
}

static void test_patterns(void **state)
{
	static const char *const txt[] = {"*.txt"}, *const b[] = {"/a/b"};
	struct fixture *f = *state;

	make_some(f);
	f->options.includes = txt;
	f->options.include_count = 1;
	restore_well(f);
	assert_int_equal(f->result.files, 2);
	assert_true(treefix_there(f->target, "a/b/one.txt"));
	assert_true(treefix_there(f->target, "a/three.txt"));
	assert_false(treefix_there(f->target, "a/empty"));
	assert_false(treefix_there(f->target, "a/b/two.jpg"));
	f->options.excludes = b;
	f->options.exclude_count = 1;
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	restore_well(f);
	assert_int_equal(f->result.files, 1);
	f->options.exclude_count = 0;
	f->options.includes = b;
	restore_well(f);
	assert_int_equal(f->result.files, 2);
	assert_true(treefix_there(f->target, "a/b/two.jpg"));
	assert_false(treefix_there(f->target, "four.jpg"));
}

static void test_path(void **state)
{
	struct fixture *f = *state;

	make_some(f);
	f->options.path = "/a";
	restore_well(f);
	assert_int_equal(f->result.files, 3);
	assert_string_equal(treefix_read(f->target, "b/one.txt"), "one");
	assert_false(treefix_there(f->target, "a"));
	f->options.path = "a/b/two.jpg";
	restore_well(f);
	assert_int_equal(f->result.files, 1);
	assert_string_equal(treefix_read(f->target, "two.jpg"), "two");
	f->options.path = "/a/nothing";
	assert_int_equal(restore(f), SHERD_NOTFOUND);
	assert_non_null(strstr(f->err.message, "/a/nothing"));
	f->options.path = "/four.jpg/below";
	assert_int_equal(restore(f), SHERD_NOTFOUND);
	f->options.path = "/a/../b";
	assert_int_equal(restore(f), SHERD_INVALID);
}

static void test_wrong_options(void **state)
{
	struct fixture *f = *state;

	make_some(f);
	f->options.target = NULL;
	assert_int_equal(restore(f), SHERD_INVALID);
	f->options.target = "";
	assert_int_equal(restore(f), SHERD_INVALID);
	f->options.target = treefix_path(f->source, "four.jpg");
	assert_int_equal(restore(f), SHERD_NOTFOUND);
	f->options.target = f->target;
	f->options.overwrite = (enum sherd_overwrite)9;
	assert_int_equal(restore(f), SHERD_INVALID);
	assert_int_equal(
		sherd_restore(f->m.repo, NULL, &f->options, NULL, NULL, NULL), SHERD_INVALID);
	assert_int_equal(
		sherd_restore(f->m.repo, f->m.snapshots, NULL, NULL, NULL, NULL), SHERD_INVALID);
}

/* --- what is lost --- */

static struct hash id_of(struct fixture *f, enum blob_type type, const char *text)
{
	struct hash id;

	store_id(f->m.repo->store, type, text, strlen(text), &id);
	return id;
}

static void test_lost_files(void **state)
{
	static const int codes[] = {SHERD_LOST, SHERD_QUORUM, SHERD_NOTFOUND, SHERD_CORRUPT};
	struct fixture *f = *state;
	struct hash id;

	make_some(f);
	id = id_of(f, BLOB_DATA, "one");
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
		*f->m.threads = i & 1;
		memstore_lose(&f->m, &id, codes[i]);
		f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
		restore_well(f);
		assert_int_equal(f->result.lost, 1);
		assert_int_equal(f->result.files, 3);
		assert_int_equal(f->told, 1);
		assert_true(was_told(f, SHERD_NOTE_LOST, "/a/b/one.txt"));
		assert_false(treefix_there(f->target, "a/b/one.txt"));
		assert_string_equal(treefix_read(f->target, "a/three.txt"), "three");
	}
	memstore_lose(&f->m, &id, 0);
	restore_well(f);
	assert_same_trees(f->source, f->target, 0);
	/* what is there stays when its successor is lost */
	memstore_lose(&f->m, &id, SHERD_LOST);
	restore_well(f);
	assert_string_equal(treefix_read(f->target, "a/b/one.txt"), "one");
}

static void test_lost_in_the_middle(void **state)
{
	struct fixture *f = *state;
	struct hash id;
	static uint8_t data[3 << 20];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i >> 16);
	treefix_file(f->source, "large", data, sizeof(data));
	treefix_text(f->source, "other", "small");
	save(f);
	store_id(f->m.repo->store, BLOB_DATA, data + (2 << 20), 1 << 20, &id);
	memstore_lose(&f->m, &id, SHERD_LOST);
	restore_well(f);
	assert_int_equal(f->result.lost, 1);
	assert_int_equal(f->result.files, 1);
	treefix_remove(f->source);
	f->source = treefix_folder();
	treefix_text(f->source, "other", "small");
	assert_same_trees(f->source, f->target, TREECMP_NO_TIMES); /* nothing else is left */
}

static void test_lost_folder(void **state)
{
	struct fixture *f = *state;
	struct bytes inner = BYTES_INIT;
	struct content_reader reader;
	struct content_run run;

	make_some(f);
	treefix_save(f->m.repo->store, treefix_path(f->source, "a/b"), &inner);
	assert_int_equal(
		content_reader_open(&reader, f->m.repo->store, inner.data, inner.size, NULL), 0);
	assert_int_equal(content_reader_next(&reader, &run, NULL), 1);
	content_reader_release(&reader);
	restore_well(f);
	memstore_lose(&f->m, &run.id, SHERD_LOST);
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	f->options.delete_extra = 1;
	restore_well(f);
	assert_int_equal(f->result.lost, 1);
	assert_true(was_told(f, SHERD_NOTE_LOST, "/a/b"));
	assert_int_equal(f->result.files, 2);
	/* what it should have is not known: nothing is removed from it */
	assert_int_equal(f->result.deleted, 0);
	assert_same_trees(f->source, f->target, 0);
	memstore_lose_all(&f->m, BLOB_TREE, SHERD_QUORUM);
	assert_int_equal(restore(f), SHERD_QUORUM);
	memstore_lose_all(&f->m, BLOB_TREE, SHERD_NOTFOUND);
	assert_int_equal(restore(f), SHERD_LOST);
	bytes_release(&inner);
}

/* --- limits and ends --- */

static void test_max_bytes(void **state)
{
	struct fixture *f = *state;

	make_some(f); /* 15 bytes in 4 files */
	f->options.max_bytes = 15;
	restore_well(f);
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	f->options.max_bytes = 14;
	assert_int_equal(restore(f), SHERD_NOSPACE);
	assert_non_null(strstr(f->err.message, "limit"));
	assert_non_null(strstr(f->err.message, "'/"));
	assert_same_trees(f->source, f->target, TREECMP_NO_TIMES);
}

static void cancel_now(void *context)
{
	sherd_cancel_request(context);
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;

	make_some(f);
	memstore_hook(&f->m, cancel_now, &f->cancel);
	assert_int_equal(restore(f), SHERD_CANCELLED);
	assert_int_equal(f->result.files, 0);
	memstore_hook(&f->m, NULL, NULL);
	memset(&f->cancel, 0, sizeof(f->cancel));
	restore_well(f);
}

static void test_callback_stops(void **state)
{
	struct fixture *f = *state;
	struct hash id;

	make_some(f);
	id = id_of(f, BLOB_DATA, "four");
	memstore_lose(&f->m, &id, SHERD_LOST);
	f->answer = 77;
	assert_int_equal(restore(f), 77);
	f->answer = -4;
	assert_int_equal(restore(f), -4);
}

static void test_as_somebody_else(void **state)
{
	struct fixture *f = *state;
	struct stat there;

	if (geteuid() != 0)
		skip();
	treefix_kinds(f->source);
	save(f);
	assert_int_equal(chown(f->target, 4242, 4242), 0);
	assert_int_equal(setegid(4242), 0);
	assert_int_equal(seteuid(4242), 0);
	restore_well(f);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	/* two device nodes; setuid and setgid bits */
	assert_int_equal(f->result.refused, 2);
	assert_true(was_told(f, SHERD_NOTE_REFUSED, "/null"));
	assert_true(was_told(f, SHERD_NOTE_REFUSED, "/loop"));
	assert_int_equal(f->result.attributes, 1);
	assert_true(was_told(f, SHERD_NOTE_ATTRIBUTE, "/theirs"));
	assert_int_equal(lstat(treefix_path(f->target, "theirs"), &there), 0);
	assert_int_equal(there.st_mode & 07777, 0755);
	assert_int_equal(there.st_uid, 4242);
	assert_int_equal(lstat(treefix_path(f->target, "folder/none"), &there), 0);
	assert_int_equal(there.st_mode & 07777, 01555);
	assert_string_equal(treefix_read(f->target, "folder/inner/file"), "deep");
}

static void test_no_owner(void **state)
{
	struct fixture *f = *state;
	struct stat there;

	if (geteuid() != 0)
		skip();
	treefix_kinds(f->source);
	save(f);
	f->options.no_owner = 1;
	f->options.no_xattrs = 1;
	restore_well(f);
	assert_int_equal(f->result.refused, 2);
	assert_int_equal(lstat(treefix_path(f->target, "theirs"), &there), 0);
	assert_int_equal(there.st_mode & 07777, 0755);
	assert_int_equal(there.st_uid, 0);
	f->options.devices = 1;
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	restore_well(f);
	assert_int_equal(f->result.refused, 0);
	assert_int_equal(lstat(treefix_path(f->target, "theirs"), &there), 0);
	assert_int_equal(there.st_mode & 07777, 06755);
	assert_same_trees(f->source, f->target, TREECMP_NO_OWNERS | TREECMP_NO_XATTRS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_kinds),
		TEST(test_again_is_same),
		TEST(test_target_is_made),
		TEST(test_sparse),
		TEST(test_rules),
		TEST(test_other_types_there),
		TEST(test_rights_are_brought_up),
		TEST(test_delete_extra),
		TEST(test_in_place_leaves_what_leads),
		TEST(test_patterns),
		TEST(test_path),
		TEST(test_wrong_options),
		TEST(test_lost_files),
		TEST(test_lost_in_the_middle),
		TEST(test_lost_folder),
		TEST(test_max_bytes),
		TEST(test_cancel),
		TEST(test_callback_stops),
		TEST(test_as_somebody_else),
		TEST(test_no_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
