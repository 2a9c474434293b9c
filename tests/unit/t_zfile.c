/* SPDX-License-Identifier: MIT */
/*
 * t_zfile.c - files to share files and back, where nothing is wrong: every boundary of the format,
 * pipes in and out, several threads, and what is done about files that are there already.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>

#include "faultenv.h"
#include "zfix.h"

static void assert_done(int r, const struct sherd_error *err)
{
	if (r)
		fail_msg("%d: %s", r, err->message);
}

static struct sherd_zfec_encode_options encode_options(const struct zfix *f, unsigned threads)
{
	return (struct sherd_zfec_encode_options){
		.k = f->k, .m = f->m, .prefix = "f", .no_sync = 1, .threads = threads};
}

static void check_shares(const struct zfix *f)
{
	char path[ZFIX_PATH_SIZE];

	for (unsigned s = 0; s < f->m; s++)
		if (!zfix_is(zfix_path(f, s, path), f->shares[s], f->share_size))
			fail_msg("%s of %zu bytes is wrong", path, f->size);
}

static void encode(const struct zfix *f, int fd, unsigned threads)
{
	struct sherd_zfec_encode_options o = encode_options(f, threads);
	struct sherd_error err;
	uint64_t size = 77;

	assert_done(sherd_zfec_encode(fd, "input", &o, &size, &err), &err);
	assert_int_equal(size, f->size);
	check_shares(f);
}

static void encode_file(const struct zfix *f, unsigned threads)
{
	int fd;

	zfix_write("f", f->bytes, f->size);
	fd = open("f", O_RDONLY);
	encode(f, fd, threads);
	close(fd);
}

static void encode_pipe(const struct zfix *f, unsigned threads)
{
	int fd = zfix_pipe(f->bytes, f->size);

	encode(f, fd, threads);
	close(fd);
	zfix_reap();
}

static void decode(const struct zfix *f, const unsigned *shares, size_t count, unsigned threads)
{
	struct sherd_zfec_decode_options o = {.no_sync = 1, .threads = threads};
	struct sherd_zfec_decode_result result;
	struct sherd_error err;

	assert_done(zfix_decode(f, shares, count, "out", &o, &result, &err), &err);
	if (!zfix_is("out", f->bytes, f->size))
		fail_msg("%u of %u, %zu bytes: not the file", f->k, f->m, f->size);
	assert_int_equal(result.size, f->size);
	assert_int_equal(result.k, f->k);
	assert_int_equal(result.m, f->m);
	assert_int_equal(result.given, count);
	assert_int_equal(result.left_out, 0);
	assert_int_equal(result.verified, count > f->k);
	assert_int_equal(unlink("out"), 0);
}

/* The first k, the last k, any k, and more than k. */
static void decode_sets(const struct zfix *f, unsigned threads)
{
	unsigned shares[256];
	unsigned more = f->k + zfix_random(f->m - f->k + 1);

	for (unsigned i = 0; i < f->m; i++)
		shares[i] = i;
	decode(f, shares, f->k, threads);
	decode(f, shares + f->m - f->k, f->k, threads);
	zfix_choose(f->k, f->m, shares);
	decode(f, shares, f->k, threads);
	zfix_choose(more, f->m, shares);
	decode(f, shares, more, threads);
}

static void round_trip(unsigned k, unsigned m, size_t size)
{
	static const unsigned threads[] = {1, 2, 4};
	unsigned t = threads[zfix_random(3)];
	struct zfix f;

	if (ZFIX_SLOW && zfix_random(16))
		return;
	zfix_make(&f, k, m, size);
	encode_file(&f, t);
	decode_sets(&f, t);
	zfix_clear();
	encode_pipe(&f, t);
	zfix_clear();
	zfix_free(&f);
}

static const struct code {
	unsigned k, m;
} small_codes[] = {{1, 1}, {1, 5}, {2, 3}, {3, 8}, {5, 5}, {6, 12}},
  large_codes[] = {{94, 100}, {255, 256}, {256, 256}, {128, 256}};

static void tiny_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(small_codes); i++)
		for (size_t size = 0; size <= 20; size++)
			round_trip(small_codes[i].k, small_codes[i].m, size);
}

/* Around every multiple of a chunk and of a segment, up to three segments. */
static void boundaries(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(small_codes); i++) {
		unsigned k = small_codes[i].k;

		for (size_t chunks = 1; chunks <= 3 * k; chunks += k > 3 ? 2 : 1)
			for (size_t size = chunks * 4096 - 1; size <= chunks * 4096 + 1; size++)
				round_trip(k, small_codes[i].m, size);
		for (size_t s = 1; s <= 3; s++)
			for (size_t size = s * k * 4096 - k; size <= s * k * 4096 + k; size += k)
				round_trip(k, small_codes[i].m, size);
	}
}

static void wide_codes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(large_codes); i++) {
		unsigned k = large_codes[i].k;
		const size_t sizes[] = {0, 1, k - 1, k, k + 1, 4095, 4097, (size_t)k * 4096 - 1,
			(size_t)k * 4096, (size_t)k * 4096 + 1, (size_t)k * 8192 - k,
			(size_t)k * 8192 + 4097};

		for (size_t s = 0; s < ARRAY_COUNT(sizes); s++)
			round_trip(k, large_codes[i].m, sizes[s]);
	}
}

/* Many pieces, so that threads really share the work. */
static void long_files(void **state)
{
	static const struct code codes[] = {{1, 2}, {3, 10}, {10, 14}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
		size_t piece = (size_t)codes[i].k * 16 * 4096;
		struct zfix f;

		for (size_t size = 3 * piece - 1; size <= 3 * piece + 1; size++)
			round_trip(codes[i].k, codes[i].m, size);
		zfix_make(&f, codes[i].k, codes[i].m, 9 * piece + zfix_random(99999));
		for (unsigned threads = 1; threads <= 4; threads *= 2) {
			encode_file(&f, threads);
			decode_sets(&f, threads);
			zfix_clear();
			encode_pipe(&f, threads);
			zfix_clear();
		}
		zfix_free(&f);
	}
}

/* Reads and writes that move less than was asked for, as pipes, signals and networks do. */
static void short_transfers(void **state)
{
	struct zfix f;
	struct faultenv env;
	unsigned shares[] = {7, 2, 5, 0};

	(void)state;
	zfix_make(&f, 3, 8, 50000);
	zfix_write("f", f.bytes, f.size);
	for (size_t most = 1; most < 5000; most = most * 5 + 2) {
		struct sherd_zfec_encode_options e = encode_options(&f, 1);
		struct sherd_zfec_decode_options d = {.no_sync = 1, .threads = 1};
		struct sherd_error err;
		int fd = open("f", O_RDONLY);

		faultenv_init(&env);
		env.short_max = most;
		e.env = d.env = &env.env;
		e.overwrite = d.overwrite = 1;
		assert_done(sherd_zfec_encode(fd, "f", &e, NULL, &err), &err);
		check_shares(&f);
		assert_done(zfix_decode(&f, shares, 4, "out", &d, NULL, &err), &err);
		assert_true(zfix_is("out", f.bytes, f.size));
		close(fd);
	}
	zfix_clear();
	zfix_free(&f);
}

/* From the position where the file stands; a file of /proc has bytes though its size is 0. */
static void positions(void **state)
{
	struct sherd_zfec_encode_options o = {.k = 1, .m = 1, .prefix = "f", .suffix = ""};
	struct sherd_error err;
	uint64_t size = 0;
	int fd;

	(void)state;
	zfix_write("in", (const uint8_t *)"0123456789", 10);
	fd = open("in", O_RDONLY);
	assert_int_equal(lseek(fd, 4, SEEK_SET), 4);
	assert_done(sherd_zfec_encode(fd, "in", &o, &size, &err), &err);
	assert_int_equal(size, 6);
	assert_true(zfix_is("f.0_1", (const uint8_t *)"\0\000456789", 8));
	o.overwrite = 1;
	assert_int_equal(lseek(fd, 400, SEEK_SET), 400);
	assert_done(sherd_zfec_encode(fd, "in", &o, &size, &err), &err);
	assert_int_equal(size, 0);
	close(fd);
	fd = open("/proc/self/status", O_RDONLY);
	assert_done(sherd_zfec_encode(fd, "status", &o, &size, &err), &err);
	assert_true(size > 100);
	close(fd);
	fd = open(".", O_RDONLY);
	assert_int_equal(sherd_zfec_encode(fd, ".", &o, &size, &err), SHERD_INVALID);
	assert_string_equal(err.message, "'.' is a directory");
	close(fd);
	fd = open("in", O_WRONLY);
	assert_int_equal(sherd_zfec_encode(fd, "in", &o, &size, &err), SHERD_IO);
	close(fd);
	zfix_clear();
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* What is there stays, unless it may be overwritten; and then nothing else is left. */
static void existing_files(void **state)
{
	struct zfix f;
	struct sherd_zfec_encode_options e;
	struct sherd_zfec_decode_options d = {0};
	struct sherd_error err;
	unsigned shares[] = {1, 4, 6};
	const uint8_t *old = (const uint8_t *)"old";
	int fd;

	(void)state;
	zfix_make(&f, 3, 8, 12345);
	e = encode_options(&f, 0);
	e.no_sync = 0;
	zfix_write("in", f.bytes, f.size);
	zfix_write("f.5_8.fec", old, 3);
	fd = open("in", O_RDONLY);
	assert_int_equal(sherd_zfec_encode(fd, "in", &e, NULL, &err), SHERD_EXISTS);
	assert_string_equal(err.message, "'./f.5_8.fec' exists already");
	assert_int_equal(zfix_entries(), 2);
	assert_true(zfix_is("f.5_8.fec", old, 3));
	e.overwrite = 1;
	assert_done(sherd_zfec_encode(fd, "in", &e, NULL, &err), &err);
	check_shares(&f);
	assert_int_equal(zfix_entries(), 9);
	assert_int_equal(mode_of("f.0_8.fec"), 0644);
	close(fd);

	zfix_write("out", old, 3);
	assert_int_equal(zfix_decode(&f, shares, 3, "out", &d, NULL, &err), SHERD_EXISTS);
	assert_true(zfix_is("out", old, 3));
	d.overwrite = 1;
	assert_done(zfix_decode(&f, shares, 3, "out", &d, NULL, &err), &err);
	assert_true(zfix_is("out", f.bytes, f.size));
	assert_int_equal(zfix_entries(), 10);
	assert_int_equal(mode_of("out"), 0644);
	zfix_clear();
	zfix_free(&f);
}

/* An input is never replaced by what is made of it, whatever was allowed. */
static void own_input(void **state)
{
	struct zfix f;
	struct sherd_zfec_encode_options e;
	struct sherd_zfec_decode_options d = {.overwrite = 1};
	struct sherd_error err;
	unsigned shares[] = {1, 4, 6};
	int fd;

	(void)state;
	zfix_make(&f, 3, 8, 12345);
	e = encode_options(&f, 0);
	e.overwrite = 1;
	zfix_write("f.2_8.fec", f.bytes, f.size);
	fd = open("f.2_8.fec", O_RDONLY);
	assert_int_equal(sherd_zfec_encode(fd, "f.2_8.fec", &e, NULL, &err), SHERD_INVALID);
	assert_true(zfix_is("f.2_8.fec", f.bytes, f.size));
	assert_int_equal(zfix_entries(), 1);
	close(fd);
	zfix_put_all(&f);
	assert_int_equal(symlink("f.4_8.fec", "out"), 0);
	assert_int_equal(zfix_decode(&f, shares, 3, "out", &d, NULL, &err), SHERD_INVALID);
	check_shares(&f);
	assert_int_equal(zfix_entries(), 9);
	zfix_clear();
	zfix_free(&f);
}

/* Share files from pipes; and one from a file beside them. */
static void piped_shares(void **state)
{
	struct zfix f;
	struct sherd_zfec_decode_options o = {.no_sync = 1};
	struct sherd_zfec_decode_result result;
	struct sherd_error err;
	char names[3][ZFIX_PATH_SIZE], last[ZFIX_PATH_SIZE];
	const char *paths[4];
	int fds[3];

	(void)state;
	zfix_make(&f, 3, 8, 1000000);
	zfix_put(&f, 5);
	for (unsigned i = 0; i < 3; i++) {
		fds[i] = zfix_pipe(f.shares[i + 1], f.share_size);
		snprintf(names[i], sizeof(names[i]), "/dev/fd/%d", fds[i]);
		paths[i] = names[i];
	}
	paths[3] = zfix_path(&f, 5, last);
	assert_done(sherd_zfec_decode(paths, 4, "out", &o, &result, &err), &err);
	assert_true(zfix_is("out", f.bytes, f.size));
	assert_int_equal(result.verified, 1);
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
	zfix_reap();
	zfix_clear();
	zfix_free(&f);
}

/* Collects what comes out of a fifo. */
struct reader {
	const char *path;
	uint8_t *bytes;
	size_t size, got;
};

static void *read_fifo(void *context)
{
	struct reader *r = context;
	int fd = open(r->path, O_RDONLY);
	ssize_t got = 1;

	while (fd >= 0 && got > 0 && r->got < r->size) {
		got = read(fd, r->bytes + r->got, r->size - r->got);
		r->got += got > 0 ? (size_t)got : 0;
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* In order, with any number of threads; nothing at all if the shares are bad. */
static void decode_to_fifo(
	const struct zfix *f, const unsigned *shares, size_t count, unsigned threads, int expected)
{
	struct sherd_zfec_decode_options o = {.threads = threads};
	struct reader r = {.path = "fifo", .size = f->size + 1};
	struct sherd_error err = {0};
	pthread_t thread;

	r.bytes = mem_array(r.size, 1);
	assert_non_null(r.bytes);
	assert_int_equal(pthread_create(&thread, NULL, read_fifo, &r), 0);
	assert_int_equal(zfix_decode(f, shares, count, "fifo", &o, NULL, &err), expected);
	pthread_join(thread, NULL);
	if (expected) {
		assert_int_equal(r.got, 0);
	} else {
		assert_int_equal(r.got, f->size);
		assert_memory_equal(r.bytes, f->bytes, f->size);
	}
	mem_free(r.bytes);
}

static void streams_out(void **state)
{
	static const unsigned shares[] = {7, 2, 5, 0};
	struct zfix f;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	zfix_make(&f, 3, 8, 3 * 16 * 4096 * 7 + 12345);
	zfix_put_all(&f);
	for (unsigned threads = 1; threads <= 4; threads++)
		for (size_t count = 3; count <= 4; count++)
			decode_to_fifo(&f, shares, count, threads, 0);
	/* In the middle, and the last byte of the last column of the last piece. */
	f.shares[2][200000] ^= 1;
	zfix_put(&f, 2);
	decode_to_fifo(&f, shares, 4, 4, SHERD_MISMATCH);
	f.shares[2][200000] ^= 1;
	zfix_put(&f, 2);
	f.shares[5][f.share_size - 1] ^= 1;
	zfix_put(&f, 5);
	decode_to_fifo(&f, shares, 4, 4, SHERD_MISMATCH);
	f.shares[5][f.share_size - 1] ^= 1;
	zfix_put(&f, 5);
	zfix_free(&f);

	/* Nothing to check by but the padding: it is looked at before the first byte is written. */
	zfix_clear();
	assert_int_equal(mkfifo("fifo", 0600), 0);
	zfix_make(&f, 3, 8, 3 * 16 * 4096 * 7 + 1);
	f.shares[2][f.share_size - 1] ^= 1;
	zfix_put_all(&f);
	decode_to_fifo(&f, (const unsigned[]){0, 1, 2}, 3, 4, SHERD_CORRUPT);
	zfix_free(&f);
	zfix_clear();
}

static void decode_to_null(void **state)
{
	struct zfix f;
	struct sherd_error err;

	(void)state;
	zfix_make(&f, 3, 8, 100000);
	zfix_put_all(&f);
	assert_done(zfix_decode(&f, (const unsigned[]){0, 1, 7}, 3, "/dev/null", NULL, NULL, &err),
		&err);
	assert_int_equal(
		zfix_decode(&f, (const unsigned[]){0, 1, 7}, 3, "/dev/full", NULL, NULL, &err),
		SHERD_NOSPACE);
	zfix_free(&f);
	zfix_clear();
}

/* Small files start no thread and take few descriptors; too many say what to do. */
static void descriptors(void **state)
{
	struct zfix f;
	struct sherd_zfec_encode_options e;
	struct sherd_error err;
	struct rlimit before, few;
	unsigned shares[100];
	int fd;

	(void)state;
	zfix_make(&f, 94, 100, 1000);
	e = encode_options(&f, 0);
	zfix_write("in", f.bytes, f.size);
	fd = open("in", O_RDONLY);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 50;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(sherd_zfec_encode(fd, "in", &e, NULL, &err), SHERD_IO);
	assert_non_null(strstr(err.message, "Too many open files; raise the limit with"));
	assert_int_equal(zfix_entries(), 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	zfix_put_all(&f);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	zfix_choose(100, 100, shares);
	assert_int_equal(zfix_decode(&f, shares, 100, "out", NULL, NULL, &err), SHERD_IO);
	assert_non_null(strstr(err.message, "Too many open files; raise the limit with"));
	assert_int_equal(zfix_entries(), 101);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(fd);
	zfix_free(&f);
	zfix_clear();
}

struct report {
	unsigned calls;
	uint64_t done, total;
};

static void note_progress(void *context, uint64_t done, uint64_t total)
{
	struct report *r = context;

	assert_true(done >= r->done);
	r->calls++;
	r->done = done;
	r->total = total;
}

static void progress(void **state)
{
	struct report r = {0};
	struct sherd_progress p = {note_progress, &r};
	struct zfix f;
	struct sherd_zfec_encode_options e;
	struct sherd_zfec_decode_options d = {.progress = &p};
	struct sherd_error err;
	int fd;

	(void)state;
	zfix_make(&f, 2, 3, 3000000);
	e = encode_options(&f, 2);
	e.progress = &p;
	zfix_write("in", f.bytes, f.size);
	fd = open("in", O_RDONLY);
	assert_done(sherd_zfec_encode(fd, "in", &e, NULL, &err), &err);
	close(fd);
	assert_true(r.calls > 0 && r.calls < 1000);
	assert_int_equal(r.done, f.size);
	assert_int_equal(r.total, f.size);
	r = (struct report){0};
	assert_done(zfix_decode(&f, (const unsigned[]){1, 2}, 2, "out", &d, NULL, &err), &err);
	assert_int_equal(r.done, f.size);
	assert_int_equal(r.total, f.size);
	zfix_free(&f);
	zfix_clear();
}

static void misuse(void **state)
{
	struct sherd_zfec_encode_options e = {.k = 3, .m = 2};
	const char *const paths[] = {"a", NULL};
	struct sherd_error err;

	(void)state;
	assert_int_equal(sherd_zfec_encode(0, "x", &e, NULL, &err), SHERD_INVALID);
	assert_int_equal(sherd_zfec_encode(0, "x", NULL, NULL, NULL), SHERD_INVALID);
	e.m = 5;
	assert_int_equal(sherd_zfec_encode(-1, "x", &e, NULL, &err), SHERD_INVALID);
	assert_int_equal(sherd_zfec_encode(0, NULL, &e, NULL, &err), SHERD_INVALID);
	e.threads = 257;
	assert_int_equal(sherd_zfec_encode(0, "x", &e, NULL, &err), SHERD_INVALID);
	assert_int_equal(sherd_zfec_decode(paths, 2, "out", NULL, NULL, &err), SHERD_INVALID);
	assert_int_equal(sherd_zfec_decode(NULL, 2, "out", NULL, NULL, &err), SHERD_INVALID);
	assert_int_equal(sherd_zfec_decode(NULL, 0, "out", NULL, NULL, &err), SHERD_TOOFEW);
	assert_int_equal(zfix_entries(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiny_sizes),
		cmocka_unit_test(boundaries),
		cmocka_unit_test(wide_codes),
		cmocka_unit_test(long_files),
		cmocka_unit_test(short_transfers),
		cmocka_unit_test(positions),
		cmocka_unit_test(existing_files),
		cmocka_unit_test(own_input),
		cmocka_unit_test(piped_shares),
		cmocka_unit_test(streams_out),
		cmocka_unit_test(decode_to_null),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(progress),
		cmocka_unit_test(misuse),
	};

	return cmocka_run_group_tests(tests, zfix_setup, zfix_teardown);
}
