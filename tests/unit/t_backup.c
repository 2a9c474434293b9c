/* SPDX-License-Identifier: MIT */
/*
 * t_backup.c - backups of folders on disk into a real pool whose places are in memory, looked at by
 * restoring them and comparing every attribute. Files that vanish, change or cannot be read are
 * made by an environment that does something before a call.
 */
#include <sherd/repo.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include "ctlfix.h"
#include "treecmp.h"
#include "treefix.h"

/* What the environment does to the source tree. One test at a time. */
static struct {
	const struct sherd_env_files *real;
	struct sherd_env_files files;
	const char *denied;    /* this name cannot be opened */
	const char *vanishing; /* removed before it is opened */
	const char *changing;  /* grows whenever it is read */
	unsigned changes;      /* so often at most */
	const char *swapped;   /* a fifo when it is opened */
	const char *folder;    /* where these are */
	unsigned long data_reads;
	unsigned long cancel_at; /* of these */
	struct sherd_cancel *cancel;
	uint64_t slept_ns;
} world;

static int world_openat(void *context, int directory, const char *path, int flags, mode_t mode)
{
	if (world.denied && strcmp(path, world.denied) == 0) {
		errno = EACCES;
		return -1;
	}
	if (world.vanishing && strcmp(path, world.vanishing) == 0)
		unlink(treefix_path(world.folder, path));
	if (world.swapped && strcmp(path, world.swapped) == 0) {
		unlink(treefix_path(world.folder, path));
		mkfifo(treefix_path(world.folder, path), 0600);
	}
	return world.real->openat(context, directory, path, flags, mode);
}

static ssize_t world_preadv(void *context, int fd, const struct iovec *parts, int count, off_t at)
{
	ssize_t n = world.real->preadv(context, fd, parts, count, at);
	struct stat a, b;

	if (++world.data_reads == world.cancel_at)
		sherd_cancel_request(world.cancel);
	if (world.changing && world.changes && fstat(fd, &a) == 0 &&
		stat(treefix_path(world.folder, world.changing), &b) == 0 && a.st_ino == b.st_ino) {
		int out = open(treefix_path(world.folder, world.changing), O_WRONLY | O_APPEND);

		world.changes--;
		assert_int_equal(write(out, "more", 4), 4);
		close(out);
	}
	return n;
}

static void world_sleep(void *context, uint64_t duration_ns)
{
	(void)context;
	world.slept_ns += duration_ns;
	env_system()->sleep_ns(NULL, duration_ns);
}

struct bench {
	struct ctlfix *fix;
	struct sherd_pool *pool;
	struct sherd_repo *repo;
	char *source;
	unsigned notes[SHERD_NOTE_DELETED + 1];
	char noted[4096]; /* path of the last note */
	struct sherd_repo_hooks hooks;
	struct sherd_cancel cancel;
	unsigned long told; /* calls of progress */
	uint64_t partway;   /* most bytes that were done while no file was */
	int answer;         /* of note() */
};

static int take_note(void *context, const struct sherd_note *note)
{
	struct bench *b = context;

	b->notes[note->kind]++;
	snprintf(b->noted, sizeof(b->noted), "%s", note->path);
	return b->answer;
}

static void take_progress(void *context, const struct sherd_repo_progress *progress)
{
	struct bench *b = context;

	assert_true(!progress->files_total || progress->files_done <= progress->files_total);
	b->told++;
	if (!progress->files_done)
		b->partway = INT_MAX_OF(b->partway, progress->bytes_done);
}

static void open_repo(struct bench *b)
{
	const struct sherd_repo_options options = {.threads = 1};
	struct sherd_error err;

	b->pool = ctlfix_open(b->fix, "a");
	if (sherd_repo_open(b->pool, &options, &b->repo, &err))
		fail_msg("%s", err.message);
}

static void close_repo(struct bench *b)
{
	sherd_repo_free(b->repo);
	sherd_pool_free(b->pool);
	b->repo = NULL;
	b->pool = NULL;
}

static int setup(void **state)
{
	struct bench *b = test_calloc(1, sizeof(*b));

	memset(&world, 0, sizeof(world));
	b->fix = ctlfix_new();
	world.real = b->fix->env.files;
	world.files = *world.real;
	world.files.openat = world_openat;
	world.files.preadv = world_preadv;
	b->fix->env.files = &world.files;
	b->fix->env.sleep_ns = world_sleep;
	sherd_pool_free(ctlfix_make(b->fix, "a", 3));
	open_repo(b);
	b->source = treefix_folder();
	world.folder = b->source;
	b->hooks = (struct sherd_repo_hooks){.note = take_note, .context = b};
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	close_repo(b);
	treefix_remove(b->source);
	ctlfix_free(b->fix);
	test_free(b);
	return 0;
}

static int try_with(struct bench *b, struct sherd_backup_options options,
	struct sherd_backup_result *ret, struct sherd_error *err)
{
	const char *paths[] = {b->source};

	if (!options.path_count && !options.stdin_name) {
		options.paths = paths;
		options.path_count = 1;
	}
	return sherd_backup(b->repo, &options, &b->hooks, ret, err);
}

static struct sherd_backup_result with(struct bench *b, struct sherd_backup_options options)
{
	struct sherd_backup_result result;
	struct sherd_error err;

	if (try_with(b, options, &result, &err))
		fail_msg("%s", err.message);
	return result;
}

static struct sherd_backup_result save(struct bench *b)
{
	return with(b, (struct sherd_backup_options){0});
}

static const struct sherd_snapshot *find(struct bench *b, const char *text)
{
	const struct sherd_snapshot *s;
	struct sherd_error err;

	if (sherd_snapshot_find(b->repo, text, NULL, &s, &err))
		fail_msg("%s", err.message);
	return s;
}

/* Restore the newest snapshot; the folder that the source became. */
static char *restore(struct bench *b)
{
	char *target = treefix_folder();
	const struct sherd_restore_options options = {
		.path = b->source, .target = target, .devices = 1};
	struct sherd_restore_result result;
	struct sherd_error err;

	if (sherd_restore(b->repo, find(b, "latest"), &options, NULL, &result, &err))
		fail_msg("%s", err.message);
	return target;
}

static bool there(struct bench *b, const char *name)
{
	char path[4096];
	struct sherd_error err;
	int null = open("/dev/null", O_WRONLY);
	int r;

	snprintf(path, sizeof(path), "%s/%s", b->source, name);
	r = sherd_cat(b->repo, find(b, "latest"), path, null, NULL, &err);
	close(null);
	assert_true(r == 0 || r == SHERD_NOTFOUND || r == SHERD_INVALID);
	return r != SHERD_NOTFOUND;
}

/* --- what comes back --- */

static void random_file(struct bench *b, const char *name, size_t size)
{
	uint8_t *data = test_malloc(size);
	uint64_t x = size;

	for (size_t i = 0; i < size; i++) {
		x = x * 6364136223846793005 + 1442695040888963407;
		data[i] = (uint8_t)(x >> 56);
	}
	treefix_file(b->source, name, data, size);
	test_free(data);
}

static void everything_comes_back(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_result r;
	char *target;

	treefix_kinds(b->source);
	random_file(b, "large", 9000001);
	random_file(b, "just-one-blob", 262144);
	random_file(b, "one-byte-more", 262145);
	assert_int_equal(
		link(treefix_path(b->source, "large"), treefix_path(b->source, "again")), 0);
	r = save(b);
	assert_int_equal(r.files, r.files_new);
	assert_int_equal(r.files_unreadable, 0);
	assert_true(r.folders > 1 && r.others > 1 && r.bytes > 9000000 && r.bytes_new > 9000000);
	assert_int_equal(r.spare, 1);
	assert_int_equal(r.shares_least, 3);
	assert_int_equal(r.places_complete, 3);
	assert_int_equal(r.places_total, 3);
	target = restore(b);
	assert_same_trees(b->source, target, geteuid() ? TREECMP_NO_OWNERS : 0);
	treefix_remove(target);
}

static void second_names_are_not_read(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_result r;

	random_file(b, "a", 500000);
	random_file(b, "b", 5000);
	assert_int_equal(link(treefix_path(b->source, "a"), treefix_path(b->source, "x")), 0);
	assert_int_equal(link(treefix_path(b->source, "b"), treefix_path(b->source, "y")), 0);
	r = save(b);
	assert_int_equal(r.files, 4);
	assert_int_equal(r.bytes, 2 * 505000);
	assert_int_equal(r.bytes_read, 505000);
	assert_true(there(b, "x") && there(b, "y"));
}

static void many_entries_make_parts(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_result r;
	char *target, name[32];

	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "%05u", i);
		if (symlink("x", treefix_path(b->source, name)))
			fail();
	}
	r = save(b);
	assert_int_equal(r.others, 20000);
	target = restore(b);
	assert_same_trees(b->source, target, geteuid() ? TREECMP_NO_OWNERS : 0);
	treefix_remove(target);
	unlink(treefix_path(b->source, "10000"));
	r = save(b);
	assert_int_equal(r.others, 19999);
	assert_true(r.bytes_new < 1500000); /* of some 2 MB: most parts are as they were */
}

static void deep_trees(void **state)
{
	enum { depth = 600 };
	struct bench *b = *state;
	struct sherd_backup_result r;
	int fd = open(b->source, O_RDONLY | O_DIRECTORY);
	unsigned descriptors;

	for (unsigned i = 0; i < depth; i++) {
		int next, out;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		out = openat(fd, "e", O_CREAT | O_WRONLY, 0644);
		assert_int_equal(write(out, &i, sizeof(i)), sizeof(i));
		close(out);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	descriptors = faultenv_descriptors();
	r = save(b);
	assert_int_equal(faultenv_descriptors(), descriptors);
	assert_int_equal(
		r.files, depth); /* "e" comes after "d": on the way back, by folders reopened */
	assert_int_equal(r.files_unreadable, 0);
	r = save(b);
	assert_int_equal(r.files_same, depth);
	assert_int_equal(r.bytes_read, 0);
}

/* --- unchanged --- */

static void nothing_is_read_again(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_result r;
	unsigned long reads;

	treefix_kinds(b->source);
	random_file(b, "large", 3000000);
	r = save(b);
	close_repo(b);
	open_repo(b);
	reads = world.data_reads;
	r = save(b);
	assert_int_equal(r.files_same, r.files);
	assert_int_equal(r.files_new + r.files_changed, 0);
	assert_int_equal(r.bytes_read, 0);
	assert_true(r.bytes_new < 4096);
	treefix_text(b->source, "large", "other");
	r = save(b);
	assert_int_equal(r.files_changed, 1);
	assert_int_equal(r.bytes_read, 5);
	r = with(b, (struct sherd_backup_options){.force_read = 1});
	assert_int_equal(r.files_same, 0);
	assert_true(r.bytes_read > 5);
	assert_true(world.data_reads > reads);
}

static void names_that_go_are_gone(void **state)
{
	struct bench *b = *state;

	treefix_text(b->source, "a", "1");
	treefix_text(b->source, "b", "2");
	treefix_text(b->source, "c", "3");
	save(b);
	unlink(treefix_path(b->source, "b"));
	/* the folder keeps its old times, so only the names tell */
	save(b);
	assert_true(there(b, "a") && !there(b, "b") && there(b, "c"));
	save(b);
	with(b, (struct sherd_backup_options){.exclude_larger_than = 1});
	assert_true(there(b, "a"));
	treefix_text(b->source, "long", "12345");
	save(b);
	assert_true(there(b, "long"));
	with(b, (struct sherd_backup_options){.exclude_larger_than = 4});
	assert_false(there(b, "long"));
	assert_true(there(b, "a"));
}

/* --- what goes wrong --- */

static void unreadable_files_are_left_out(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_result r;

	treefix_text(b->source, "secret", "1");
	treefix_text(b->source, "open", "2");
	world.denied = "secret";
	r = save(b);
	assert_int_equal(r.files_unreadable, 1);
	assert_int_equal(r.files, 1);
	assert_int_equal(b->notes[SHERD_NOTE_UNREADABLE], 1);
	assert_string_equal(b->noted, treefix_path(b->source, "secret"));
	assert_true(find(b, "latest")->incomplete);
	assert_true(there(b, "open") && !there(b, "secret"));
	world.denied = NULL;
	save(b);
	assert_false(find(b, "latest")->incomplete);
	assert_true(there(b, "secret"));
}

static void an_unreadable_folder_is_kept_empty(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_result r;

	mkdir(treefix_path(b->source, "locked"), 0700);
	treefix_text(b->source, "locked/in", "1");
	world.denied = "locked";
	r = save(b);
	assert_int_equal(r.files_unreadable, 1);
	assert_int_equal(b->notes[SHERD_NOTE_UNREADABLE], 1);
	assert_true(there(b, "locked") && !there(b, "locked/in"));
}

static void vanishing_files_are_told(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_result r;

	treefix_text(b->source, "gone", "1");
	treefix_text(b->source, "stays", "2");
	world.vanishing = "gone";
	r = save(b);
	assert_int_equal(r.files_unreadable, 1);
	assert_int_equal(b->notes[SHERD_NOTE_VANISHED], 1);
	assert_true(there(b, "stays") && !there(b, "gone"));
}

static void a_fifo_swapped_in_does_not_hang(void **state)
{
	struct bench *b = *state;

	treefix_text(b->source, "swap", "1");
	world.swapped = "swap";
	assert_int_equal(save(b).files_unreadable, 1);
	assert_int_equal(b->notes[SHERD_NOTE_VANISHED], 1);
}

static void changing_files_are_read_twice(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_result r;

	treefix_text(b->source, "hot", "begin");
	world.changing = "hot";
	world.changes = 1;
	r = save(b);
	assert_int_equal(r.files_torn, 0);
	assert_int_equal(r.bytes, 9);
	world.changes = 2;
	treefix_text(b->source, "hot", "again");
	r = save(b);
	assert_int_equal(r.files_torn, 1);
	assert_int_equal(r.files, 1);
	assert_int_equal(b->notes[SHERD_NOTE_CHANGED], 1);
	r = save(b); /* one that is torn is read again though nothing changed */
	assert_int_equal(r.files_same, 0);
	assert_int_equal(r.files_torn, 0);
	assert_int_equal(save(b).files_same, 1);
}

static void a_note_stops_the_work(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_result r;
	struct sherd_error err;

	treefix_text(b->source, "secret", "1");
	world.denied = "secret";
	b->answer = SHERD_CANCELLED;
	assert_int_equal(try_with(b, (struct sherd_backup_options){0}, &r, &err), SHERD_CANCELLED);
	b->answer = 0;
	save(b);
}

static void cancelled_and_resumed(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_result r;
	struct sherd_error err;
	char name[16];
	size_t count;

	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "%u", i);
		random_file(b, name, 300000 + i);
	}
	b->hooks.progress = take_progress;
	b->hooks.cancel = &b->cancel;
	world.cancel = &b->cancel;
	world.cancel_at = world.data_reads + 20;
	assert_int_equal(try_with(b, (struct sherd_backup_options){0}, &r, &err), SHERD_CANCELLED);
	sherd_snapshots(b->repo, &count);
	assert_int_equal(count, 0);
	memset(&b->cancel, 0, sizeof(b->cancel));
	r = save(b);
	assert_int_equal(r.files, 40);
	assert_true(b->told >= 2);
}

static void a_large_file_is_told_of_in_parts(void **state)
{
	struct bench *b = *state;
	const size_t size = 40u << 20;

	random_file(b, "large", size);
	b->hooks.progress = take_progress;
	assert_int_equal(save(b).files, 1);
	assert_true(b->partway >= size / 2 && b->partway <= size);
}

/* --- what is asked for --- */

static void excludes(void **state)
{
	static const char *const patterns[] = {"*.o", "!keep.o", "/sub/only-here", "cache/"};
	struct bench *b = *state;
	struct sherd_backup_options o = {.excludes = patterns, .exclude_count = 4};

	mkdir(treefix_path(b->source, "sub"), 0755);
	mkdir(treefix_path(b->source, "sub/cache"), 0755);
	mkdir(treefix_path(b->source, "sub/sub"), 0755);
	treefix_text(b->source, "a.o", "1");
	treefix_text(b->source, "keep.o", "1");
	treefix_text(b->source, "sub/b.o", "1");
	treefix_text(b->source, "sub/only-here", "1");
	treefix_text(b->source, "sub/sub/only-here", "1");
	treefix_text(b->source, "sub/cache/x", "1");
	treefix_text(b->source, "cache", "1");
	with(b, o);
	assert_false(there(b, "a.o") || there(b, "sub/b.o") || there(b, "sub/only-here"));
	assert_false(there(b, "sub/cache"));
	assert_true(there(b, "keep.o") && there(b, "cache"));
	assert_true(there(b, "sub/only-here") == false && there(b, "sub/sub/only-here"));
}

static void an_absolute_pattern_means_that_path(void **state)
{
	struct bench *b = *state;
	char pattern[4096];
	const char *patterns[] = {pattern};

	treefix_text(b->source, "x", "1");
	treefix_text(b->source, "y", "1");
	snprintf(pattern, sizeof(pattern), "%s", treefix_path(b->source, "x"));
	with(b, (struct sherd_backup_options){.excludes = patterns, .exclude_count = 1});
	assert_true(!there(b, "x") && there(b, "y"));
}

static void caches_and_marked_folders(void **state)
{
	static const char *const marks[] = {".nobackup"};
	struct bench *b = *state;

	mkdir(treefix_path(b->source, "cache"), 0755);
	mkdir(treefix_path(b->source, "false"), 0755);
	mkdir(treefix_path(b->source, "marked"), 0755);
	treefix_text(b->source, "cache/CACHEDIR.TAG",
		"Signature: 8a477f597d28d172789f06886806bc55\n# more");
	treefix_text(b->source, "cache/x", "1");
	treefix_text(b->source, "false/CACHEDIR.TAG", "Signature: none");
	treefix_text(b->source, "false/x", "1");
	treefix_text(b->source, "marked/.nobackup", "");
	treefix_text(b->source, "marked/x", "1");
	with(b, (struct sherd_backup_options){.exclude_caches = 1,
			.exclude_if_present = marks,
			.exclude_if_present_count = 1});
	assert_true(there(b, "cache") && !there(b, "cache/x"));
	assert_true(there(b, "false/x"));
	assert_true(there(b, "marked") && !there(b, "marked/x"));
}

static void dry_runs_leave_nothing(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_result r;
	static const uint8_t zeros[SHERD_ID_SIZE];
	size_t count;

	random_file(b, "a", 400000);
	r = with(b, (struct sherd_backup_options){.dry_run = 1});
	assert_int_equal(r.bytes_read, 400000);
	assert_true(r.bytes_new >= 400000);
	assert_memory_equal(r.snapshot, zeros, sizeof(zeros));
	sherd_snapshots(b->repo, &count);
	assert_int_equal(count, 0);
	assert_true(save(b).bytes_new >= 400000);
}

static void standard_input(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_options o = {.stdin_name = "dump.sql"};
	struct sherd_backup_result r;
	struct sherd_error err;
	char got[16] = "";
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "select", 6), 6);
	close(ends[1]);
	o.stdin_fd = ends[0];
	r = with(b, o);
	close(ends[0]);
	assert_int_equal(r.bytes, 6);
	assert_int_equal(r.bytes_read, 6);
	assert_true(find(b, "latest")->from_stdin);
	assert_int_equal(pipe(ends), 0);
	if (sherd_cat(b->repo, find(b, "latest"), "/dump.sql", ends[1], NULL, &err))
		fail_msg("%s", err.message);
	assert_int_equal(read(ends[0], got, sizeof(got)), 6);
	assert_string_equal(got, "select");
	close(ends[0]);
	close(ends[1]);
	o.path_count = 1;
	assert_int_equal(try_with(b, o, &r, &err), SHERD_INVALID);
	o = (struct sherd_backup_options){.stdin_name = "a/b"};
	assert_int_equal(try_with(b, o, &r, &err), SHERD_INVALID);
}

static void paths_that_are_not_there(void **state)
{
	struct bench *b = *state;
	struct sherd_backup_result r;
	struct sherd_error err;
	const char *paths[2];
	char missing[4096];

	treefix_text(b->source, "a", "1");
	snprintf(missing, sizeof(missing), "%s", treefix_path(b->source, "missing"));
	paths[0] = missing;
	paths[1] = b->source;
	assert_int_equal(try_with(b, (struct sherd_backup_options){.paths = paths, .path_count = 1},
				 &r, &err),
		SHERD_NOTFOUND);
	r = with(b, (struct sherd_backup_options){.paths = paths, .path_count = 2});
	assert_int_equal(r.files, 1); /* one path lies in the other, and is part of all of it */
	paths[1] = missing;
	paths[0] = b->source;
	r = with(b, (struct sherd_backup_options){.paths = paths, .path_count = 2});
	assert_int_equal(find(b, "latest")->path_count, 2);
	assert_int_equal(r.files_same, 1);
}

static void only_what_is_asked_for(void **state)
{
	struct bench *b = *state;
	char first[4096], second[4096];
	const char *paths[] = {first, second};
	struct sherd_backup_result r;

	mkdir(treefix_path(b->source, "d"), 0755);
	treefix_text(b->source, "d/a", "1");
	treefix_text(b->source, "d/b", "1");
	treefix_text(b->source, "c", "1");
	assert_int_equal(symlink("d", treefix_path(b->source, "link")), 0);
	snprintf(first, sizeof(first), "%s/./d//x/../b", b->source);
	snprintf(second, sizeof(second), "%s/link/", b->source);
	r = with(b, (struct sherd_backup_options){.paths = paths, .path_count = 2});
	assert_int_equal(r.files, 3);
	assert_true(there(b, "d/b") && there(b, "link/a") && !there(b, "c") && !there(b, "d/a"));
}

/* --- snapshots --- */

static void snapshots_are_found(void **state)
{
	static const char *const tags[] = {"one", "two"};
	struct bench *b = *state;
	const struct sherd_snapshot *s;
	struct sherd_backup_result r[3];
	struct sherd_error err;
	char text[65];

	setenv("TZ", "UTC", 1);
	treefix_text(b->source, "a", "1");
	for (unsigned i = 0; i < 3; i++)
		r[i] = with(b, (struct sherd_backup_options){
				       .time_ns = (1700000000 + i * 86400) * UINT64_C(1000000000),
				       .name = i == 1 ? "weekly" : NULL,
				       .tags = tags,
				       .tag_count = i == 1 ? 2 : 0,
				       .user = "me",
				       .version = "sherd x"});
	s = find(b, "latest");
	assert_memory_equal(s->id, r[2].snapshot, SHERD_ID_SIZE);
	assert_memory_equal(s->parent, r[1].snapshot, SHERD_ID_SIZE);
	assert_memory_equal(find(b, "latest~2")->id, r[0].snapshot, SHERD_ID_SIZE);
	assert_int_equal(sherd_snapshot_find(b->repo, "latest~3", NULL, &s, &err), SHERD_NOTFOUND);
	s = find(b, "weekly");
	assert_memory_equal(s->id, r[1].snapshot, SHERD_ID_SIZE);
	assert_int_equal(s->tag_count, 2);
	assert_string_equal(s->tags[1], "two");
	assert_string_equal(s->user, "me");
	assert_string_equal(s->version, "sherd x");
	assert_int_equal(s->path_count, 1);
	assert_string_equal(s->paths[0], b->source);
	for (unsigned i = 0; i < SHERD_ID_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", r[0].snapshot[i]);
	assert_memory_equal(find(b, text)->id, r[0].snapshot, SHERD_ID_SIZE);
	text[8] = '\0';
	assert_memory_equal(find(b, text)->id, r[0].snapshot, SHERD_ID_SIZE);
	/* 2023-11-14 22:13:20 UTC and the days after */
	assert_memory_equal(find(b, "@2023-11-15")->id, r[1].snapshot, SHERD_ID_SIZE);
	assert_memory_equal(find(b, "@2023-11-15T22:13")->id, r[1].snapshot, SHERD_ID_SIZE);
	assert_memory_equal(find(b, "@2023-11-15T22:12:59")->id, r[0].snapshot, SHERD_ID_SIZE);
	assert_int_equal(
		sherd_snapshot_find(b->repo, "@2023-11-13", NULL, &s, &err), SHERD_NOTFOUND);
	assert_int_equal(sherd_snapshot_find(b->repo, "@soon", NULL, &s, &err), SHERD_INVALID);
	assert_int_equal(sherd_snapshot_find(b->repo, "latest~x", NULL, &s, &err), SHERD_INVALID);
	assert_int_equal(
		sherd_snapshot_find(b->repo, "latest", "elsewhere", &s, &err), SHERD_NOTFOUND);
	assert_int_equal(sherd_snapshot_find(b->repo, "", NULL, &s, &err), SHERD_NOTFOUND);
}

static void bad_options(void **state)
{
	static const char *const broken[] = {"a["};
	static const char *const empty[] = {""};
	struct bench *b = *state;
	struct sherd_backup_result r;
	struct sherd_error err;
	struct sherd_backup_options none = {0};

	assert_int_equal(sherd_backup(b->repo, &none, NULL, &r, &err), SHERD_INVALID);
	assert_int_equal(
		try_with(b, (struct sherd_backup_options){.excludes = broken, .exclude_count = 1},
			&r, &err),
		SHERD_INVALID);
	assert_int_equal(try_with(b, (struct sherd_backup_options){.paths = empty, .path_count = 1},
				 &r, &err),
		SHERD_INVALID);
	assert_int_equal(try_with(b, (struct sherd_backup_options){.compression = 20}, &r, &err),
		SHERD_INVALID);
}

/* Each allocation fails in turn: NOMEM, nothing is left behind, and the next try works. */
static void without_memory(void **state)
{
	struct bench *b = *state;
	unsigned failed = 0;

	mkdir(treefix_path(b->source, "d"), 0755);
	treefix_text(b->source, "d/a", "1");
	assert_int_equal(link(treefix_path(b->source, "d/a"), treefix_path(b->source, "l")), 0);
	random_file(b, "large", 300000);
	for (unsigned long n = 1;; n++) {
		struct sherd_backup_result r;
		struct sherd_error err;
		unsigned long made;
		int code;

		mem_fail_at(n);
		code = try_with(b, (struct sherd_backup_options){.force_read = 1}, &r, &err);
		made = mem_fail_at(0);
		if (made < n) {
			assert_int_equal(code, 0);
			break;
		}
		if (code) {
			assert_true(
				code == SHERD_NOMEM || code == SHERD_QUORUM); /* at the places */
			failed++;
		}
	}
	assert_true(failed > 20);
	assert_int_equal(save(b).files, 3);
	assert_true(there(b, "d/a"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(everything_comes_back),
		TEST(second_names_are_not_read),
		TEST(many_entries_make_parts),
		TEST(deep_trees),
		TEST(nothing_is_read_again),
		TEST(names_that_go_are_gone),
		TEST(unreadable_files_are_left_out),
		TEST(an_unreadable_folder_is_kept_empty),
		TEST(vanishing_files_are_told),
		TEST(a_fifo_swapped_in_does_not_hang),
		TEST(changing_files_are_read_twice),
		TEST(a_note_stops_the_work),
		TEST(cancelled_and_resumed),
		TEST(a_large_file_is_told_of_in_parts),
		TEST(excludes),
		TEST(an_absolute_pattern_means_that_path),
		TEST(caches_and_marked_folders),
		TEST(dry_runs_leave_nothing),
		TEST(standard_input),
		TEST(paths_that_are_not_there),
		TEST(only_what_is_asked_for),
		TEST(snapshots_are_found),
		TEST(bad_options),
		TEST(without_memory),
	};

	return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
