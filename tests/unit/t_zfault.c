/* SPDX-License-Identifier: MIT */
/*
 * t_zfault.c - encode and decode when something outside fails: each system call in turn, all from
 * one on, each allocation, the process itself, an input that changes, a request to stop. Whatever
 * happens there is either all of the new or all of the old, never a stray file, never a descriptor
 * left open.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>

#include "faultenv.h"
#include "zfix.h"

#define K 2
#define M 5
#define PIECE ((size_t)K * 16 * 4096)
#define SIZE (3 * PIECE + 12345)
#define STEPS_MAX 5000 /* no sweep here is longer: one that is goes round in circles */

static const int errors[] = {EIO, ENOSPC, EMFILE, EINTR};

/* The file system of an encode or decode, and what was there before. */
struct scene {
	struct zfix f;
	bool old;       /* files stand where the new ones go */
	int no_tmpfile; /* for struct faultenv */
	unsigned threads;
};

static void old_bytes(unsigned share, uint8_t ret[8])
{
	memcpy(ret, "old .fec", 8);
	ret[3] = (uint8_t)('0' + share);
}

/* Whether any file of the folder is that old one. */
static bool old_is_somewhere(unsigned share)
{
	DIR *folder = opendir(".");
	struct dirent *entry;
	uint8_t bytes[8];
	bool found = false;

	old_bytes(share, bytes);
	assert_non_null(folder);
	while ((entry = readdir(folder)))
		if (entry->d_type == DT_REG)
			found |= zfix_is(entry->d_name, bytes, sizeof(bytes));
	closedir(folder);
	return found;
}

/* --- encode --- */

static void set_encode_scene(const struct scene *s)
{
	char path[ZFIX_PATH_SIZE];

	zfix_clear();
	zfix_write("in", s->f.bytes, s->f.size);
	for (unsigned share = 0; s->old && share < M; share++) {
		uint8_t bytes[8];

		old_bytes(share, bytes);
		zfix_write(zfix_path(&s->f, share, path), bytes, sizeof(bytes));
	}
}

static int encode(const struct scene *s, const struct sherd_env *env, struct sherd_error *err)
{
	struct sherd_zfec_encode_options o = {.k = K,
		.m = M,
		.prefix = "f",
		.overwrite = s->old,
		.threads = s->threads,
		.env = env};
	int fd = open("in", O_RDONLY);
	int r;

	assert_true(fd >= 0);
	r = sherd_zfec_encode(fd, "in", &o, NULL, err);
	close(fd);
	return r;
}

static unsigned shares_that_are(const struct scene *s, bool old)
{
	unsigned count = 0;
	char path[ZFIX_PATH_SIZE];

	for (unsigned share = 0; share < M; share++) {
		uint8_t bytes[8];

		zfix_path(&s->f, share, path);
		old_bytes(share, bytes);
		count += old ? zfix_is(path, bytes, sizeof(bytes))
			     : zfix_is(path, s->f.shares[share], s->f.share_size);
	}
	return count;
}

/* ${strays}: hidden files that may be left since they could not be removed. */
static void check_encode(const struct scene *s, int r, unsigned strays)
{
	unsigned expected = 1 + (r == 0 || s->old ? M : 0);

	if (r == 0)
		assert_int_equal(shares_that_are(s, false), M);
	else
		assert_int_equal(shares_that_are(s, true), s->old ? M : 0);
	assert_in_range(zfix_entries(), expected, expected + strays);
}

static void encode_with_each_call_failing(const struct scene *s, int error)
{
	struct faultenv e;
	unsigned long n = 1;

	do {
		unsigned before = faultenv_descriptors();
		struct sherd_error err = {0};
		int r;

		set_encode_scene(s);
		faultenv_init(&e);
		e.no_tmpfile = s->no_tmpfile;
		e.fail_at = n;
		e.error = error;
		r = encode(s, &e.env, &err);
		assert_int_equal(err.code, r);
		check_encode(s, r, atomic_load(&e.struck) == FAULTENV_UNLINKAT);
		assert_int_equal(faultenv_descriptors(), before);
		assert_true(n++ < STEPS_MAX);
	} while (faultenv_struck(&e));
	assert_true(n > 50);
}

/* From one call on nothing works: strays may be left, but no old file may be lost. */
static void encode_with_all_calls_failing(const struct scene *s)
{
	struct faultenv e;
	unsigned long n = 1;

	do {
		unsigned before = faultenv_descriptors();
		struct sherd_error err = {0};
		int r;

		set_encode_scene(s);
		faultenv_init(&e);
		e.no_tmpfile = s->no_tmpfile;
		e.fail_at = n;
		e.fail_on = true;
		r = encode(s, &e.env, &err);
		for (unsigned share = 0; r && s->old && share < M; share++)
			assert_true(old_is_somewhere(share));
		if (!r)
			assert_int_equal(shares_that_are(s, false), M);
		assert_int_equal(faultenv_descriptors(), before);
		assert_true(n++ < STEPS_MAX);
	} while (faultenv_struck(&e));
}

static void encode_and_die(const struct scene *s)
{
	int status;
	unsigned long n = 1;

	do {
		pid_t child;

		set_encode_scene(s);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct faultenv e;

			faultenv_init(&e);
			e.no_tmpfile = s->no_tmpfile;
			e.die_at = n;
			_exit(encode(s, &e.env, NULL) ? 1 : 0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		/* Each share file is the old or the new one, whole. */
		if (s->old)
			assert_int_equal(shares_that_are(s, true) + shares_that_are(s, false), M);
		assert_true(n++ < STEPS_MAX);
	} while (WIFEXITED(status) && WEXITSTATUS(status) == FAULTENV_DIED);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void encode_with_each_allocation_failing(const struct scene *s)
{
	unsigned long made, n = 1, forgiven = 0;

	do {
		unsigned before = faultenv_descriptors();
		struct sherd_error err = {0};
		int r;

		set_encode_scene(s);
		mem_fail_at(n);
		r = encode(s, NULL, &err);
		made = mem_fail_at(0);
		/* Threads for the syncs are a comfort: without them it goes on, and only then. */
		if (made >= n && r == 0)
			forgiven++;
		else if (made >= n)
			assert_int_equal(r, SHERD_NOMEM);
		check_encode(s, r, 0);
		assert_int_equal(faultenv_descriptors(), before);
		assert_true(n++ < STEPS_MAX);
	} while (made >= n - 1);
	assert_int_equal(forgiven, 1);
	assert_true(n > 10);
}

static void encode_faults(void **state)
{
	struct scene s = {0};

	(void)state;
	zfix_make(&s.f, K, M, SIZE);
	for (unsigned i = 0; i < 8; i++) {
		s.old = i & 1;
		s.no_tmpfile = i & 2 ? EOPNOTSUPP : 0;
		s.threads = i & 4 ? 2 : 1;
		encode_with_each_call_failing(&s, errors[i / 2]);
		encode_with_all_calls_failing(&s);
		if (s.threads == 1)
			encode_and_die(&s);
		if (!s.no_tmpfile)
			encode_with_each_allocation_failing(&s);
	}
	zfix_clear();
	zfix_free(&s.f);
}

/* --- decode --- */

/* Where share files come from and the file goes to. */
enum way { TO_FILE, TO_DEVICE, FROM_PIPES, WAYS };

static void set_decode_scene(const struct scene *s)
{
	uint8_t bytes[8];

	zfix_clear();
	zfix_put_all(&s->f);
	old_bytes(0, bytes);
	if (s->old)
		zfix_write("out", bytes, sizeof(bytes));
}

/* A pipe that holds a whole small share file. */
static int full_pipe(const uint8_t *bytes, size_t size)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) >= (int)size, 1);
	assert_int_equal(write(ends[1], bytes, size), size);
	close(ends[1]);
	return ends[0];
}

static int decode(const struct scene *s, enum way way, unsigned count, const struct sherd_env *env,
	struct zfix_notices *notices, struct sherd_error *err)
{
	struct sherd_zfec_decode_options o = {.overwrite = s->old,
		.threads = s->threads,
		.notice = zfix_notice,
		.notice_context = notices,
		.env = env};
	char names[M][ZFIX_PATH_SIZE];
	const char *paths[M];
	int fds[M], r;

	for (unsigned i = 0; i < count; i++) {
		unsigned share = M - 1 - i;

		fds[i] = -1;
		paths[i] = zfix_path(&s->f, share, names[i]);
		if (way != FROM_PIPES)
			continue;
		fds[i] = full_pipe(s->f.shares[share], s->f.share_size);
		snprintf(names[i], ZFIX_PATH_SIZE, "/dev/fd/%d", fds[i]);
	}
	r = sherd_zfec_decode(paths, count, way == TO_DEVICE ? "/dev/null" : "out", &o, NULL, err);
	for (unsigned i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return r;
}

static void check_decode(const struct scene *s, enum way way, int r, unsigned strays)
{
	uint8_t old[8];
	unsigned expected = M + (s->old || (r == 0 && way != TO_DEVICE));

	old_bytes(0, old);
	if (r == 0 && way != TO_DEVICE)
		assert_true(zfix_is("out", s->f.bytes, s->f.size));
	else if (s->old)
		assert_true(zfix_is("out", old, sizeof(old)));
	else
		assert_false(zfix_exists("out"));
	assert_int_equal(shares_that_are(s, false), M);
	assert_in_range(zfix_entries(), expected, expected + strays);
}

static void decode_with_each_call_failing(
	const struct scene *s, enum way way, unsigned count, int error)
{
	struct faultenv e;
	unsigned long n = 1;

	do {
		unsigned before = faultenv_descriptors();
		struct zfix_notices notices = {0};
		struct sherd_error err = {0};
		int r;

		set_decode_scene(s);
		faultenv_init(&e);
		e.no_tmpfile = s->no_tmpfile;
		e.fail_at = n;
		e.error = error;
		r = decode(s, way, count, &e.env, &notices, &err);
		assert_int_equal(err.code, r);
		if (r == 0 && way != TO_DEVICE)
			assert_true(notices.count <= count - K);
		check_decode(s, way, r, atomic_load(&e.struck) == FAULTENV_UNLINKAT);
		assert_int_equal(faultenv_descriptors(), before);
		assert_true(n++ < STEPS_MAX);
	} while (faultenv_struck(&e));
	assert_true(n > 10);
}

static void decode_with_each_allocation_failing(const struct scene *s, enum way way, unsigned count)
{
	unsigned long made, n = 1;

	do {
		unsigned before = faultenv_descriptors();
		struct zfix_notices notices = {0};
		struct sherd_error err = {0};
		int r;

		set_decode_scene(s);
		mem_fail_at(n);
		r = decode(s, way, count, NULL, &notices, &err);
		made = mem_fail_at(0);
		if (made >= n)
			assert_int_equal(r, SHERD_NOMEM);
		check_decode(s, way, r, 0);
		assert_int_equal(faultenv_descriptors(), before);
		assert_true(n++ < STEPS_MAX);
	} while (made >= n - 1);
	assert_true(n > 10);
}

static void decode_faults(void **state)
{
	struct scene s = {0};

	(void)state;
	zfix_make(&s.f, K, M, SIZE);
	for (unsigned i = 0; i < 8; i++) {
		s.old = i & 1;
		s.no_tmpfile = i & 2 ? EOPNOTSUPP : 0;
		s.threads = i & 4 ? 2 : 1;
		for (enum way way = 0; way < WAYS; way++) {
			decode_with_each_call_failing(&s, way, K, errors[i / 2]);
			decode_with_each_call_failing(&s, way, K + 2, errors[i / 2]);
			if (!s.no_tmpfile)
				decode_with_each_allocation_failing(&s, way, K + 1);
		}
	}
	zfix_clear();
	zfix_free(&s.f);
}

/* The allocations of the way on which wrong shares are found. */
static void locating_without_memory(void **state)
{
	struct scene s = {.threads = 1};
	unsigned long made, n = 1;
	char path[ZFIX_PATH_SIZE];
	uint8_t *wrong;

	(void)state;
	zfix_make(&s.f, K, M, SIZE);
	set_decode_scene(&s);
	wrong = mem_array(s.f.share_size, 1);
	assert_non_null(wrong);
	memcpy(wrong, s.f.shares[4], s.f.share_size);
	wrong[70000]++;
	zfix_write(zfix_path(&s.f, 4, path), wrong, s.f.share_size);
	do {
		struct zfix_notices notices = {0};
		struct sherd_error err = {0};
		int r;

		unlink("out");
		mem_fail_at(n);
		r = decode(&s, TO_FILE, K + 2, NULL, &notices, &err);
		made = mem_fail_at(0);
		assert_int_equal(r, made >= n ? SHERD_NOMEM : 0);
		assert_int_equal(zfix_exists("out"), r == 0);
		assert_true(n++ < STEPS_MAX);
	} while (made >= n - 1);
	assert_true(zfix_is("out", s.f.bytes, s.f.size));
	zfix_clear();
	zfix_free(&s.f);
	mem_free(wrong);
}

/* --- things that change meanwhile --- */

/* What the first report of progress does. */
struct meddler {
	const char *path;
	off_t length;                /* to give that file; -1: only touch it */
	struct sherd_cancel *cancel; /* to ask for */
	bool done;
};

static void meddle(void *context, uint64_t done, uint64_t total)
{
	struct meddler *m = context;

	(void)done;
	(void)total;
	if (m->done)
		return;
	m->done = true;
	if (m->cancel)
		sherd_cancel_request(m->cancel);
	if (m->path && m->length >= 0)
		assert_int_equal(truncate(m->path, m->length), 0);
	else if (m->path)
		assert_int_equal(
			utimensat(AT_FDCWD, m->path, (const struct timespec[]){{1, 2}, {3, 4}}, 0),
			0);
}

static void encode_meddled(const struct scene *s, struct meddler m, int expected)
{
	struct sherd_progress p = {meddle, &m};
	struct sherd_zfec_encode_options o = {.k = K,
		.m = M,
		.prefix = "f",
		.overwrite = s->old,
		.threads = s->threads,
		.progress = &p,
		.cancel = m.cancel};
	struct sherd_error err;
	int fd;

	set_encode_scene(s);
	fd = open("in", O_RDONLY);
	assert_int_equal(sherd_zfec_encode(fd, "in", &o, NULL, &err), expected);
	close(fd);
	assert_true(m.done);
	check_encode(s, expected, 0);
}

static void input_changes(void **state)
{
	struct scene s = {0};

	(void)state;
	zfix_make(&s.f, K, M, SIZE);
	for (unsigned i = 0; i < 4; i++) {
		struct sherd_cancel cancel = {0};

		s.old = i & 1;
		s.threads = 1 + i / 2;
		encode_meddled(&s, (struct meddler){"in", SIZE - 1, NULL, false}, SHERD_CHANGED);
		encode_meddled(&s, (struct meddler){"in", 10, NULL, false}, SHERD_CHANGED);
		encode_meddled(&s, (struct meddler){"in", 0, NULL, false}, SHERD_CHANGED);
		encode_meddled(&s, (struct meddler){"in", SIZE + 1, NULL, false}, SHERD_CHANGED);
		encode_meddled(&s, (struct meddler){"in", -1, NULL, false}, SHERD_CHANGED);
		encode_meddled(&s, (struct meddler){NULL, 0, &cancel, false}, SHERD_CANCELLED);
	}
	zfix_clear();
	zfix_free(&s.f);
}

static void decode_meddled(
	const struct scene *s, unsigned count, struct meddler m, int expected, unsigned left_out)
{
	struct sherd_progress p = {meddle, &m};
	struct zfix_notices notices = {0};
	struct sherd_zfec_decode_options o = {.overwrite = s->old,
		.threads = s->threads,
		.notice = zfix_notice,
		.notice_context = &notices,
		.progress = &p,
		.cancel = m.cancel};
	struct sherd_error err;
	uint8_t old[8];

	old_bytes(0, old);
	set_decode_scene(s);
	assert_int_equal(
		zfix_decode(&s->f, (const unsigned[]){1, 4, 2, 3}, count, "out", &o, NULL, &err),
		expected);
	assert_true(m.done);
	assert_int_equal(notices.count, left_out);
	if (expected && s->old)
		assert_true(zfix_is("out", old, sizeof(old)));
	else if (expected)
		assert_false(zfix_exists("out"));
	else
		assert_true(zfix_is("out", s->f.bytes, s->f.size));
}

static void shares_change(void **state)
{
	struct scene s = {0};

	(void)state;
	zfix_make(&s.f, K, M, 20 * PIECE);
	for (unsigned i = 0; i < 4; i++) {
		struct meddler cut = {"f.4_5.fec", 10, NULL, false};
		struct meddler touch = {"f.4_5.fec", -1, NULL, false};
		struct sherd_cancel cancel = {0};

		s.old = i & 1;
		s.threads = 1 + i / 2;
		decode_meddled(&s, K, cut, SHERD_TOOFEW, 1);
		decode_meddled(&s, K + 1, cut, 0, 1);
		decode_meddled(&s, K + 2, cut, 0, 1);
		decode_meddled(&s, K, touch, SHERD_CHANGED, 0);
		decode_meddled(&s, K + 1, touch, 0, 0);
		decode_meddled(
			&s, K, (struct meddler){NULL, 0, &cancel, false}, SHERD_CANCELLED, 0);
	}
	zfix_clear();
	zfix_free(&s.f);
}

/* A share that was found wrong and then cannot be read is told of once. */
static void wrong_and_then_lost(void **state)
{
	struct scene s = {.threads = 1};
	struct meddler m = {"f.4_5.fec", 10, NULL, false};
	struct sherd_progress p = {meddle, &m};
	struct zfix_notices notices = {0};
	struct sherd_zfec_decode_options o = {
		.threads = 1, .notice = zfix_notice, .notice_context = &notices, .progress = &p};
	struct sherd_zfec_decode_result result;
	char path[ZFIX_PATH_SIZE];

	(void)state;
	zfix_make(&s.f, K, M, SIZE);
	set_decode_scene(&s);
	/* One is wrong in the first piece and then cut, another one in the third. */
	s.f.shares[4][100] ^= 1;
	zfix_put(&s.f, 4);
	s.f.shares[4][100] ^= 1;
	s.f.shares[3][150000] ^= 1;
	zfix_put(&s.f, 3);
	s.f.shares[3][150000] ^= 1;
	assert_int_equal(
		zfix_decode(&s.f, (const unsigned[]){0, 1, 2, 3, 4}, 5, "out", &o, &result, NULL),
		0);
	assert_true(m.done);
	assert_true(zfix_is("out", s.f.bytes, s.f.size));
	assert_int_equal(notices.count, 2);
	assert_string_equal(notices.path[0], zfix_path(&s.f, 4, path));
	assert_int_equal(notices.verdict[0], SHERD_ZFEC_WRONG);
	assert_string_equal(notices.path[1], zfix_path(&s.f, 3, path));
	assert_int_equal(notices.verdict[1], SHERD_ZFEC_WRONG);
	assert_int_equal(result.left_out, 2);
	assert_int_equal(result.verified, 1);
	zfix_clear();
	zfix_free(&s.f);
}

/* A file system that tells of one byte less than there is. */
static int fstat_short(void *context, int fd, struct stat *ret_stat)
{
	int r = env_system()->files->fstat(context, fd, ret_stat);

	if (r == 0 && S_ISREG(ret_stat->st_mode) && ret_stat->st_size)
		ret_stat->st_size--;
	return r;
}

static void more_than_its_size(void **state)
{
	struct scene s = {.threads = 1};
	struct sherd_env env = *env_system();
	struct sherd_env_files calls = *env.files;

	(void)state;
	zfix_make(&s.f, K, M, SIZE);
	set_encode_scene(&s);
	calls.fstat = fstat_short;
	env.files = &calls;
	assert_int_equal(encode(&s, &env, NULL), SHERD_CHANGED);
	check_encode(&s, SHERD_CHANGED, 0);
	zfix_clear();
	zfix_free(&s.f);
}

/* --- what is synced --- */

static unsigned long encode_syncs(const struct scene *s, bool no_sync)
{
	struct sherd_zfec_encode_options o = {
		.k = K, .m = M, .prefix = "f", .overwrite = 1, .no_sync = no_sync};
	struct faultenv e;
	int fd = open("in", O_RDONLY);

	faultenv_init(&e);
	o.env = &e.env;
	assert_int_equal(sherd_zfec_encode(fd, "in", &o, NULL, NULL), 0);
	assert_int_equal(shares_that_are(s, false), M);
	close(fd);
	return atomic_load(&e.counts[FAULTENV_FSYNC]);
}

/* Each file, and each folder once. */
static void syncs(void **state)
{
	struct scene s = {0};
	struct faultenv e;
	struct sherd_zfec_decode_options d = {.env = &e.env};

	(void)state;
	zfix_make(&s.f, K, M, 1000);
	set_encode_scene(&s);
	assert_int_equal(encode_syncs(&s, true), 0);
	assert_int_equal(encode_syncs(&s, false), M + 1);
	assert_int_equal(mkdir("other", 0755), 0);
	assert_int_equal(unlink("f.4_5.fec"), 0);
	assert_int_equal(symlink("other/last", "f.4_5.fec"), 0);
	assert_int_equal(encode_syncs(&s, false), M + 2);
	assert_true(zfix_is("other/last", s.f.shares[4], s.f.share_size));
	faultenv_init(&e);
	assert_int_equal(zfix_decode(&s.f, (const unsigned[]){4, 2}, 2, "out", &d, NULL, NULL), 0);
	assert_int_equal(atomic_load(&e.counts[FAULTENV_FSYNC]), 2);
	assert_int_equal(unlink("other/last"), 0);
	zfix_clear();
	zfix_free(&s.f);
}

/* --- asked to stop while waiting --- */

static void *cancel_soon(void *context)
{
	nanosleep(&(struct timespec){0, 50000000}, NULL);
	sherd_cancel_request(context);
	return NULL;
}

/* A pipe that gives nothing and does not end. */
static void stop_waiting(void **state)
{
	struct sherd_cancel cancel = {0};
	struct sherd_zfec_encode_options e = {.k = K, .m = M, .prefix = "f", .cancel = &cancel};
	struct sherd_zfec_decode_options d = {.cancel = &cancel};
	char path[ZFIX_PATH_SIZE];
	const char *const paths[] = {path};
	struct sherd_error err;
	pthread_t thread;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancel), 0);
	assert_int_equal(sherd_zfec_encode(ends[0], "pipe", &e, NULL, &err), SHERD_CANCELLED);
	pthread_join(thread, NULL);
	cancel = (struct sherd_cancel){0};
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancel), 0);
	assert_int_equal(sherd_zfec_decode(paths, 1, "out", &d, NULL, &err), SHERD_CANCELLED);
	pthread_join(thread, NULL);
	/* Asked before it began: it does not. */
	assert_int_equal(sherd_zfec_encode(ends[0], "pipe", &e, NULL, &err), SHERD_CANCELLED);
	assert_int_equal(sherd_zfec_decode(paths, 1, "out", &d, NULL, &err), SHERD_CANCELLED);
	assert_int_equal(zfix_entries(), 0);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encode_faults),
		cmocka_unit_test(decode_faults),
		cmocka_unit_test(locating_without_memory),
		cmocka_unit_test(input_changes),
		cmocka_unit_test(shares_change),
		cmocka_unit_test(wrong_and_then_lost),
		cmocka_unit_test(more_than_its_size),
		cmocka_unit_test(syncs),
		cmocka_unit_test(stop_waiting),
	};

	return cmocka_run_group_tests(tests, zfix_setup, zfix_teardown);
}
