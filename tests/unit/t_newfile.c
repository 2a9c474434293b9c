/* SPDX-License-Identifier: MIT */
/*
 * t_newfile.c - files that appear whole or not at all. The sweeps at the end go through every way
 * of every kind of file system and let each single call, each allocation, every call from one on,
 * and the process itself at each call fail, and look at what is left in the folder.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/log.h>
#include <base/newfile.h>

#include "faultenv.h"

#define OLD "what was there before"
#define NEW "the new bytes, all of them"
#define PLACE "place.bin"

/* --- a folder for each test, which is also the current one --- */

static int enter_folder(void **state, const char *base)
{
	char *folder = mem_format("%s/t_newfile.XXXXXX", base);

	if (!folder || !mkdtemp(folder) || chdir(folder) != 0)
		return -1;
	*state = folder;
	umask(022);
	return 0;
}

static int setup(void **state)
{
	const char *base = getenv("TMPDIR");

	return enter_folder(state, base ? base : "/tmp");
}

/* The sweeps sync some ten thousand times, which no disk should have to bear. */
static int setup_in_memory(void **state)
{
	return access("/dev/shm", W_OK) == 0 ? enter_folder(state, "/dev/shm") : setup(state);
}

static void empty_folder(void)
{
	DIR *folder = opendir(".");
	struct dirent *entry;

	assert_non_null(folder);
	while ((entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			assert_int_equal(remove(entry->d_name), 0);
	closedir(folder);
}

static int teardown(void **state)
{
	empty_folder();
	if (chdir("/") != 0 || rmdir(*state) != 0)
		return -1;
	mem_free(*state);
	return 0;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static bool file_is(const char *path, const char *text)
{
	char bytes[200];
	ssize_t got = -1;
	int fd = open(path, O_RDONLY | O_NONBLOCK); /* pipes too */

	if (fd >= 0) {
		got = read(fd, bytes, sizeof(bytes));
		close(fd);
	}
	return got == (ssize_t)strlen(text) && memcmp(bytes, text, strlen(text)) == 0;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* Entries of the folder but for ${path}; whether one of them holds OLD. */
static unsigned count_strays(const char *path, bool *ret_old)
{
	DIR *folder = opendir(".");
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(folder);
	*ret_old = false;
	while ((entry = readdir(folder))) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, path) == 0)
			continue;
		count++;
		*ret_old |= file_is(name, OLD);
	}
	closedir(folder);
	return count;
}

static unsigned strays(const char *path)
{
	bool old;

	return count_strays(path, &old);
}

/* --- the ways of file systems --- */

struct way {
	const char *name;
	int no_tmpfile, no_flags, no_link;
};

static const struct way ways[] = {
	{"nameless", 0, 0, 0},
	{"nameless, no flags", 0, EINVAL, 0},
	{"nameless, no flags, no links", 0, EINVAL, EPERM},
	{"named", EOPNOTSUPP, 0, 0},
	{"named, no flags", EISDIR, ENOSYS, 0},
	{"named, no flags, no links", EINVAL, EOPNOTSUPP, EOPNOTSUPP},
};

static void init_way(struct faultenv *f, const struct way *way)
{
	faultenv_init(f);
	f->no_tmpfile = way->no_tmpfile;
	f->no_flags = way->no_flags;
	f->no_link = way->no_link;
}

static void begin(struct newfile *n, const struct sherd_env *env, const char *path, bool overwrite)
{
	struct sherd_error err = {0};

	if (newfile_open(n, env, path, overwrite, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(env_write(n->env, n->fd, NEW, strlen(NEW)), 0);
	assert_int_equal(newfile_sync(n, NULL), 0);
}

/* As a set of new files does it: the folder first, then the old file goes. */
static int settle(struct newfile *n, bool sync, struct sherd_error *err)
{
	int r = sync ? newfile_sync_folder(n, err) : 0;

	return r ? r : newfile_settle(n, err);
}

static void finish(struct newfile *n)
{
	struct sherd_error err = {0};

	if (newfile_publish(n, &err) != 0 || settle(n, true, &err) != 0)
		fail_msg("%s", err.message);
	newfile_release(n);
	newfile_release(n);
	assert_int_equal(n->fd, -1);
	assert_int_equal(n->directory, -1);
}

static void put(const struct sherd_env *env, const char *path, bool overwrite)
{
	struct newfile n;

	begin(&n, env, path, overwrite);
	finish(&n);
}

/* --- what it promises --- */

static void new_file_appears_when_published(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
		struct faultenv f;
		struct newfile n;
		unsigned before = faultenv_descriptors();

		init_way(&f, &ways[i]);
		begin(&n, &f.env, PLACE, i & 1);
		assert_false(exists(PLACE));
		assert_int_equal(strays(PLACE), ways[i].no_tmpfile ? 1 : 0);
		finish(&n);
		assert_true(file_is(PLACE, NEW));
		assert_int_equal(mode_of(PLACE), 0644);
		assert_int_equal(strays(PLACE), 0);
		assert_int_equal(faultenv_descriptors(), before);
		empty_folder();
	}
}

static void old_file_gives_way_with_its_mode(void **state)
{
	static const mode_t modes[][2] = {
		{0644, 0644}, {0600, 0600}, {0777, 0777}, {04755, 0755}, {0400, 0400}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++)
		for (size_t m = 0; m < ARRAY_COUNT(modes); m++) {
			struct faultenv f;
			struct newfile n;

			init_way(&f, &ways[i]);
			write_file(PLACE, OLD, modes[m][0]);
			begin(&n, &f.env, PLACE, true);
			assert_true(file_is(PLACE, OLD));
			finish(&n);
			assert_true(file_is(PLACE, NEW));
			assert_int_equal(mode_of(PLACE), modes[m][1]);
			assert_int_equal(strays(PLACE), 0);
			empty_folder();
		}
}

static void nothing_is_replaced_unasked(void **state)
{
	struct sherd_error err;
	struct newfile n;

	(void)state;
	write_file(PLACE, OLD, 0644);
	assert_int_equal(newfile_open(&n, NULL, PLACE, false, &err), SHERD_EXISTS);
	assert_string_equal(err.message, "'place.bin' exists already");
	newfile_release(&n);
	assert_true(file_is(PLACE, OLD));
	assert_int_equal(strays(PLACE), 0);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void refuse(const char *path, bool overwrite, int code, const char *part)
{
	struct sherd_error err = {0};
	struct newfile n;
	unsigned before = faultenv_descriptors();

	assert_int_equal(newfile_open(&n, NULL, path, overwrite, &err), code);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, part))
		fail_msg("'%s' lacks '%s'", err.message, part);
	assert_int_equal(faultenv_descriptors(), before);
	newfile_release(&n);
}

static void only_regular_files_are_replaced(void **state)
{
	char by_fd[64];
	int pipes[2];

	(void)state;
	assert_int_equal(mkdir("folder", 0755), 0);
	assert_int_equal(mkfifo("fifo", 0644), 0);
	make_socket("socket");
	assert_int_equal(symlink("fifo", "to-fifo"), 0);
	assert_int_equal(pipe(pipes), 0);
	snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", pipes[1]);
	for (int overwrite = 0; overwrite < 2; overwrite++) {
		refuse("folder", overwrite, SHERD_EXISTS, "'folder' is a directory");
		refuse("folder/", overwrite, SHERD_EXISTS, "is a directory");
		refuse(".", overwrite, SHERD_EXISTS, "is a directory");
		refuse("..", overwrite, SHERD_EXISTS, "is a directory");
		refuse("/", overwrite, SHERD_EXISTS, "is a directory");
		refuse("fifo", overwrite, SHERD_EXISTS, "is a pipe");
		refuse("to-fifo", overwrite, SHERD_EXISTS, "is a pipe");
		refuse("socket", overwrite, SHERD_EXISTS, "is a socket");
		refuse("/dev/null", overwrite, SHERD_EXISTS, "is a device");
		refuse(by_fd, overwrite, SHERD_EXISTS, "is a pipe");
	}
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(strays("folder"), 3);
}

static void bad_paths_are_refused(void **state)
{
	char long_name[300];

	(void)state;
	write_file("file", OLD, 0644);
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(symlink("loop", "loop"), 0);
	refuse("", true, SHERD_NOTFOUND, "''");
	refuse("nowhere/file", true, SHERD_NOTFOUND, "cannot open the folder 'nowhere/'");
	refuse("nowhere/", true, SHERD_NOTFOUND, "'nowhere/' names a folder");
	refuse("file/x", true, SHERD_NOTFOUND, "file/x");
	refuse("file/", true, SHERD_NOTFOUND, "file/");
	refuse("loop", true, SHERD_IO, "symbolic link");
	refuse(long_name, true, SHERD_IO, "name too long");
	assert_int_equal(strays("file"), 1);
}

/* A file that was unlinked while it was open has a link in /proc that leads nowhere. */
static void file_without_path_is_refused(void **state)
{
	char by_fd[64];
	int fd = open("gone", O_RDWR | O_CREAT, 0644);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink("gone"), 0);
	snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", fd);
	refuse(by_fd, true, SHERD_IO, "no path of its own");
	close(fd);
	assert_int_equal(strays(PLACE), 0);
}

static void links_are_followed(void **state)
{
	CLEANUP(mem_free_at) char *absolute = mem_format("%s/d/real", (char *)*state);

	for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
		struct faultenv f;

		init_way(&f, &ways[i]);
		assert_int_equal(mkdir("d", 0755), 0);
		assert_int_equal(symlink("d/first", "to"), 0);
		assert_int_equal(symlink("../d/second", "d/first"), 0);
		assert_int_equal(symlink(absolute, "d/second"), 0);
		put(&f.env, "to", false); /* it dangles: the target is made */
		assert_true(file_is("d/real", NEW));
		write_file("d/real", OLD, 0640);
		refuse("to", false, SHERD_EXISTS, "exists already");
		put(&f.env, "to", true);
		assert_true(file_is("d/real", NEW));
		assert_int_equal(mode_of("d/real"), 0640);
		assert_int_equal(strays("to"), 1);
		assert_int_equal(chdir("d"), 0);
		assert_int_equal(strays("real"), 2);
		empty_folder();
		assert_int_equal(chdir(".."), 0);
		empty_folder();
	}
}

/* ".NAME.RANDOM.tmp", NAME cut between two characters of ${width} bytes. */
static void assert_hidden_name(const char *hidden, size_t width)
{
	size_t wide = 0;

	assert_int_equal(hidden[0], '.');
	assert_string_equal(hidden + strlen(hidden) - 4, ".tmp");
	assert_true(strlen(hidden) < 143);
	for (const char *p = hidden; *p; p++)
		wide += (unsigned char)*p >= 0x80;
	assert_int_equal(wide % width, 0);
}

/* As long as names can be, of one-byte and of three-byte characters. */
static void long_names_work(void **state)
{
	char name[256] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++)
		for (size_t shift = 0; shift < 4; shift++) {
			struct faultenv f;
			struct newfile n;

			init_way(&f, &ways[i]);
			memset(name, 'a', shift);
			name[shift] = '\0';
			for (size_t at = shift; at + 3 <= 255; at += 3)
				memcpy(name + at, shift ? "\u20ac" : "abc", 4);
			begin(&n, &f.env, name, false);
			if (n.temporary)
				assert_hidden_name(n.temporary, shift ? 3 : 1);
			finish(&n);
			put(&f.env, name, true);
			assert_true(file_is(name, NEW));
			assert_int_equal(strays(name), 0);
			empty_folder();
		}
}

static void abandoned_file_vanishes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
		struct faultenv f;
		struct newfile n;

		init_way(&f, &ways[i]);
		write_file(PLACE, OLD, 0600);
		begin(&n, &f.env, PLACE, true);
		newfile_release(&n);
		assert_true(file_is(PLACE, OLD));
		assert_int_equal(strays(PLACE), 0);
	}
}

static void reverted_file_returns(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++)
		for (int old = 0; old < 2; old++) {
			struct faultenv f;
			struct newfile n;
			struct stat before = {0};
			struct stat after = {0};

			init_way(&f, &ways[i]);
			if (old) {
				write_file(PLACE, OLD, 0600);
				assert_int_equal(stat(PLACE, &before), 0);
			}
			begin(&n, &f.env, PLACE, true);
			assert_int_equal(newfile_publish(&n, NULL), 0);
			assert_true(file_is(PLACE, NEW));
			assert_int_equal(strays(PLACE), old);
			newfile_revert(&n);
			newfile_revert(&n);
			newfile_release(&n);
			assert_int_equal(exists(PLACE), old);
			assert_int_equal(strays(PLACE), 0);
			if (old) {
				assert_true(file_is(PLACE, OLD));
				assert_int_equal(stat(PLACE, &after), 0);
				assert_true(before.st_ino == after.st_ino);
			}
			empty_folder();
		}
}

/* Somebody else acts on the place between two of our steps. */
static void others_files_are_respected(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
		struct sherd_error err;
		struct faultenv f;
		struct newfile n;

		init_way(&f, &ways[i]);
		begin(&n, &f.env, PLACE, false);
		write_file(PLACE, OLD, 0644);
		assert_int_equal(newfile_publish(&n, &err), SHERD_EXISTS);
		newfile_release(&n);
		assert_true(file_is(PLACE, OLD));
		assert_int_equal(strays(PLACE), 0);

		begin(&n, &f.env, PLACE, true);
		assert_int_equal(unlink(PLACE), 0);
		finish(&n);
		assert_true(file_is(PLACE, NEW));
		empty_folder();

		begin(&n, &f.env, PLACE, true);
		write_file(PLACE, OLD, 0644);
		finish(&n);
		assert_true(file_is(PLACE, NEW));
		empty_folder();

		begin(&n, &f.env, PLACE, true);
		assert_int_equal(mkdir(PLACE, 0755), 0);
		assert_int_equal(newfile_publish(&n, &err), SHERD_EXISTS);
		newfile_release(&n);
		assert_int_equal(rmdir(PLACE), 0);
		assert_int_equal(strays(PLACE), 0);
	}
}

static void keep_lines(void *context, const char *line)
{
	char *kept = context;
	size_t length = strlen(kept);

	snprintf(kept + length, 900 - length, "%s", line);
}

static void revert_spares_others_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
		char said[1000] = "";
		struct faultenv f;
		struct newfile n;
		bool old_kept;

		init_way(&f, &ways[i]);
		write_file(PLACE, OLD, 0644);
		begin(&n, &f.env, PLACE, true);
		assert_int_equal(newfile_publish(&n, NULL), 0);
		write_file("theirs", "theirs", 0644);
		assert_int_equal(rename("theirs", PLACE), 0);
		log_set_sink(keep_lines, said);
		newfile_revert(&n);
		log_set_sink(NULL, NULL);
		newfile_release(&n);
		assert_true(file_is(PLACE, "theirs"));
		assert_int_equal(count_strays(PLACE, &old_kept), 1);
		assert_true(old_kept);
		assert_non_null(strstr(said, ".tmp"));
		empty_folder();

		write_file(PLACE, OLD, 0644);
		begin(&n, &f.env, PLACE, true);
		assert_int_equal(newfile_publish(&n, NULL), 0);
		assert_int_equal(unlink(PLACE), 0);
		newfile_revert(&n);
		newfile_release(&n);
		assert_true(file_is(PLACE, OLD));
		assert_int_equal(strays(PLACE), 0);
		empty_folder();
	}
}

/* The old file vanishes between the two calls of which the second would replace it. */
static void vanishing_file_is_no_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
		struct faultenv f;
		struct newfile n;

		if (ways[i].no_flags)
			continue;
		init_way(&f, &ways[i]);
		f.kind = FAULTENV_RENAMEAT2;
		f.error = ENOENT;
		f.fail_at = ways[i].no_tmpfile ? 2 : 1; /* the exchange */
		write_file(PLACE, OLD, 0644);
		begin(&n, &f.env, PLACE, true);
		finish(&n);
		assert_true(faultenv_struck(&f));
		assert_true(file_is(PLACE, NEW));
		assert_int_equal(strays(PLACE), 0);
		empty_folder();
	}
}

/* What comes and goes for ever ends in an error, not in a loop. */
static void restless_place_is_an_error(void **state)
{
	struct sherd_error err;
	struct faultenv f;
	struct newfile n;

	(void)state;
	faultenv_init(&f);
	f.kind = FAULTENV_RENAMEAT2;
	f.error = ENOENT;
	f.fail_at = 1;
	write_file(PLACE, OLD, 0644);
	begin(&n, &f.env, PLACE, true);
	f.fail_on = true;
	assert_true(newfile_publish(&n, &err) < 0);
	newfile_release(&n);
	assert_true(file_is(PLACE, OLD));
	assert_int_equal(strays(PLACE), 0);
}

/* File first, folder second, and only then is the old file let go. */
static void bytes_are_synced(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++)
		for (int sync = 0; sync < 2; sync++) {
			struct faultenv f;
			struct newfile n;

			init_way(&f, &ways[i]);
			write_file(PLACE, OLD, 0644);
			begin(&n, &f.env, PLACE, true);
			assert_int_equal(f.counts[FAULTENV_FSYNC], 1);
			assert_int_equal(newfile_publish(&n, NULL), 0);
			assert_int_equal(f.counts[FAULTENV_FSYNC], 1);
			assert_int_equal(settle(&n, sync, NULL), 0);
			assert_int_equal(f.counts[FAULTENV_FSYNC], 1 + sync);
			newfile_release(&n);
			assert_int_equal(strays(PLACE), 0);
			empty_folder();
		}
}

static void missing_proc_means_named(void **state)
{
	struct faultenv f;
	struct newfile n;

	(void)state;
	faultenv_init(&f);
	f.kind = FAULTENV_FSTATAT;
	f.fail_at = 3; /* two looks at the place, then one at /proc */
	f.error = ENOENT;
	begin(&n, &f.env, PLACE, false);
	assert_true(faultenv_struck(&f));
	assert_int_equal(strays(PLACE), 1);
	finish(&n);
	assert_true(file_is(PLACE, NEW));
	assert_int_equal(strays(PLACE), 0);
}

/* --- sweeps --- */

enum step { OPENING, WRITING, SYNCING, PUBLISHING, ENDING, RELEASING };
enum ending { ABANDON, SETTLE, REVERT };

struct run {
	const struct way *way;
	bool old;       /* a file is there before */
	bool overwrite; /* and may be replaced */
	enum ending ending;
};

struct outcome {
	struct sherd_error err;
	int code;         /* of the step that failed, or 0 */
	enum step struck; /* step in which the ordered fault struck */
	bool published;
};

static int take_step(struct newfile *n, enum step step, const struct run *run,
	const struct sherd_env *env, struct sherd_error *err)
{
	switch (step) {
	case OPENING:
		return newfile_open(n, env, PLACE, run->overwrite, err);
	case WRITING:
		if (env_write(env, n->fd, NEW, strlen(NEW)) != 0)
			return err_system(err, errno, "cannot write");
		return 0;
	case SYNCING:
		return newfile_sync(n, err);
	case PUBLISHING:
		return run->ending == ABANDON ? 0 : newfile_publish(n, err);
	case ENDING:
		if (run->ending == REVERT)
			newfile_revert(n);
		return run->ending == SETTLE ? settle(n, true, err) : 0;
	case RELEASING:
		newfile_release(n);
	}
	return 0;
}

static void perform(const struct run *run, struct faultenv *f, struct outcome *o)
{
	struct newfile n = NEWFILE_INIT;
	bool struck = false;

	*o = (struct outcome){0};
	for (enum step step = OPENING; step <= RELEASING; step++) {
		int code;

		if (o->code && step < RELEASING)
			continue;
		code = take_step(&n, step, run, &f->env, o->code ? NULL : &o->err);
		if (step == PUBLISHING)
			o->published = n.published;
		if (code && step == OPENING) /* needs no release */
			assert_true(n.fd == -1 && n.directory == -1 && !n.path && !n.name);
		o->code = code ? code : o->code;
		if (!struck && faultenv_struck(f)) {
			struck = true;
			o->struck = step;
		}
	}
}

static void prepare(const struct run *run)
{
	empty_folder();
	if (run->old)
		write_file(PLACE, OLD, 0640);
}

/* What was there before is there, and nothing else. */
static bool unchanged(const struct run *run)
{
	if (!run->old)
		return !exists(PLACE);
	return file_is(PLACE, OLD) && mode_of(PLACE) == 0640;
}

/* Whether one failed call may have left something hidden, and the old file under a hidden name. */
static bool may_leave(const struct faultenv *f, const struct outcome *o)
{
	int call = atomic_load(&f->struck);

	if (call == FAULTENV_UNLINKAT)
		return true;
	if (o->struck != ENDING)
		return false;
	return call == FAULTENV_FSYNC || call == FAULTENV_FSTAT || call == FAULTENV_FSTATAT ||
	       call == FAULTENV_RENAMEAT2;
}

/* After one failure. Returns what is wrong, or NULL. */
static const char *judge(const struct run *run, const struct faultenv *f, const struct outcome *o)
{
	bool old_hidden;
	unsigned hidden = count_strays(PLACE, &old_hidden);

	if (o->code && (o->err.code != o->code || !o->err.message[0]))
		return "the error is not told";
	if (hidden > 1 || (hidden && !may_leave(f, o)))
		return "something stays behind";
	if (!o->published)
		return unchanged(run) ? NULL : "the old state is lost without a new file";
	if (run->ending == SETTLE) {
		if (!file_is(PLACE, NEW))
			return "the new file is not there";
		if (o->code && atomic_load(&f->struck) == FAULTENV_FSYNC && run->old && !old_hidden)
			return "the old file is gone before the new one is durable";
		return NULL;
	}
	if (unchanged(run) || (may_leave(f, o) && file_is(PLACE, NEW) && old_hidden == run->old))
		return NULL;
	return "the old file has not returned";
}

/* After any number of failures, or death: nothing whole may be lost. */
static const char *judge_loosely(const struct run *run, int settled)
{
	bool old_hidden;
	bool plain = run->way->no_flags && run->way->no_link;

	count_strays(PLACE, &old_hidden);
	if (settled)
		return file_is(PLACE, NEW) ? NULL : "the new file is not there";
	if (run->old) {
		if (file_is(PLACE, OLD))
			return NULL;
		if (old_hidden && (plain || file_is(PLACE, NEW)))
			return NULL;
		/* Let go of, when the new one was in place. */
		if (run->ending == SETTLE && file_is(PLACE, NEW))
			return NULL;
		return "the old file is lost";
	}
	if (!exists(PLACE) || file_is(PLACE, NEW) || (plain && file_is(PLACE, "")))
		return NULL;
	return "the new file is not whole";
}

typedef void each_run(const struct run *run);

static void for_each_run(each_run *each)
{
	for (size_t way = 0; way < ARRAY_COUNT(ways); way++)
		for (unsigned bits = 0; bits < 4; bits++)
			for (enum ending ending = ABANDON; ending <= REVERT; ending++) {
				struct run run = {&ways[way], bits & 1, bits & 2, ending};

				each(&run);
			}
	empty_folder();
}

static void expect(const char *wrong, const struct run *run, unsigned long n, const char *what)
{
	if (wrong)
		fail_msg("%s: way '%s', old %d, overwrite %d, ending %d, call %lu: %s", wrong,
			run->way->name, run->old, run->overwrite, (int)run->ending, n, what);
}

static void sweep_one_error(const struct run *run, int error)
{
	bool struck = true;

	for (unsigned long n = 1; struck; n++) {
		struct faultenv f;
		struct outcome o;
		unsigned before = faultenv_descriptors();

		prepare(run);
		init_way(&f, run->way);
		f.fail_at = n;
		f.error = error;
		perform(run, &f, &o);
		struck = faultenv_struck(&f);
		expect(judge(run, &f, &o), run, n, faultenv_name(f.struck));
		assert_int_equal(faultenv_descriptors(), before);
		if (!struck)
			assert_int_equal(o.code, run->old && !run->overwrite ? SHERD_EXISTS : 0);
		else if (error == EIO && f.struck == FAULTENV_FSYNC)
			assert_int_equal(o.code, SHERD_IO);
		assert_true(n < 100);
	}
}

static void sweep_errors(const struct run *run)
{
	static const int errors[] = {EIO, ENOSPC, EINVAL, ENOENT, EEXIST, EINTR, EOPNOTSUPP, EACCES,
		ENOMEM, EXDEV, EMLINK, ELOOP};

	for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
		sweep_one_error(run, errors[i]);
}

static void each_call_may_fail(void **state)
{
	(void)state;
	for_each_run(sweep_errors);
}

static void sweep_from_on(const struct run *run)
{
	bool struck = true;

	for (unsigned long n = 1; struck; n++) {
		struct faultenv f;
		struct outcome o;
		unsigned before = faultenv_descriptors();

		prepare(run);
		init_way(&f, run->way);
		f.fail_at = n;
		f.fail_on = true;
		perform(run, &f, &o);
		struck = faultenv_struck(&f);
		expect(judge_loosely(run, run->ending == SETTLE && !o.code), run, n,
			faultenv_name(f.struck));
		assert_int_equal(faultenv_descriptors(), before);
	}
}

static void all_calls_may_fail_from_one_on(void **state)
{
	(void)state;
	for_each_run(sweep_from_on);
}

static void sweep_allocations(const struct run *run)
{
	unsigned long made = 1;

	for (unsigned long n = 1; n <= made; n++) {
		struct faultenv f;
		struct outcome o;
		unsigned before = faultenv_descriptors();

		prepare(run);
		init_way(&f, run->way);
		mem_fail_at(n);
		perform(run, &f, &o);
		made = mem_fail_at(0);
		expect(judge(run, &f, &o), run, n, "allocation");
		if (run->old && !run->overwrite)
			assert_int_equal(o.code, SHERD_EXISTS);
		else
			assert_int_equal(o.code, n <= made ? SHERD_NOMEM : 0);
		assert_int_equal(faultenv_descriptors(), before);
	}
}

static void each_allocation_may_fail(void **state)
{
	(void)state;
	for_each_run(sweep_allocations);
}

static void sweep_deaths(const struct run *run)
{
	int status = 0;

	for (unsigned long n = 1; n < 100; n++) {
		pid_t child;

		prepare(run);
		child = fork();
		assert_true(child >= 0);
		if (!child) {
			struct faultenv f;
			struct outcome o;

			init_way(&f, run->way);
			f.die_at = n;
			perform(run, &f, &o);
			_exit(o.code ? 1 : 0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		expect(judge_loosely(run, run->ending == SETTLE && status == 0), run, n, "death");
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) != FAULTENV_DIED)
			break;
	}
	assert_int_equal(WEXITSTATUS(status), run->old && !run->overwrite ? 1 : 0);
}

static void process_may_die_at_each_call(void **state)
{
	(void)state;
	for_each_run(sweep_deaths);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_file_appears_when_published, setup, teardown),
		cmocka_unit_test_setup_teardown(old_file_gives_way_with_its_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_replaced_unasked, setup, teardown),
		cmocka_unit_test_setup_teardown(only_regular_files_are_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_paths_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(file_without_path_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(links_are_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(long_names_work, setup, teardown),
		cmocka_unit_test_setup_teardown(abandoned_file_vanishes, setup, teardown),
		cmocka_unit_test_setup_teardown(reverted_file_returns, setup, teardown),
		cmocka_unit_test_setup_teardown(others_files_are_respected, setup, teardown),
		cmocka_unit_test_setup_teardown(revert_spares_others_files, setup, teardown),
		cmocka_unit_test_setup_teardown(vanishing_file_is_no_error, setup, teardown),
		cmocka_unit_test_setup_teardown(restless_place_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_are_synced, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_proc_means_named, setup, teardown),
		cmocka_unit_test_setup_teardown(each_call_may_fail, setup_in_memory, teardown),
		cmocka_unit_test_setup_teardown(
			all_calls_may_fail_from_one_on, setup_in_memory, teardown),
		cmocka_unit_test_setup_teardown(
			each_allocation_may_fail, setup_in_memory, teardown),
		cmocka_unit_test_setup_teardown(
			process_may_die_at_each_call, setup_in_memory, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
