/* SPDX-License-Identifier: MIT */
/* t_base.c - the base floor but for newfile: errors, memory, numbers, transfers, threads. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/cpu.h>
#include <base/cursor.h>
#include <base/env.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/log.h>
#include <base/units.h>
#include <base/workers.h>

#include "faultenv.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* --- errors --- */

static void err_fills_in(void **state)
{
	struct sherd_error err = {.os_errno = 5};

	(void)state;
	assert_int_equal(err_set(&err, SHERD_CORRUPT, "header of '%s' is cut", "a"), SHERD_CORRUPT);
	assert_int_equal(err.code, SHERD_CORRUPT);
	assert_int_equal(err.os_errno, 0);
	assert_string_equal(err.message, "header of 'a' is cut");
	assert_int_equal(err_set(NULL, SHERD_INVALID, "%d", 1), SHERD_INVALID);
	assert_int_equal(err_nomem(&err), SHERD_NOMEM);
	assert_string_equal(err.message, "out of memory");
}

static void err_maps_errno(void **state)
{
	static const struct {
		int os_errno, code;
	} expected[] = {
		{ENOENT, SHERD_NOTFOUND},
		{ENOTDIR, SHERD_NOTFOUND},
		{EEXIST, SHERD_EXISTS},
		{ENOSPC, SHERD_NOSPACE},
		{EDQUOT, SHERD_NOSPACE},
		{EFBIG, SHERD_NOSPACE},
		{EACCES, SHERD_DENIED},
		{EPERM, SHERD_DENIED},
		{EROFS, SHERD_DENIED},
		{ENOMEM, SHERD_NOMEM},
		{EIO, SHERD_IO},
		{ELOOP, SHERD_IO},
		{123456, SHERD_IO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
		struct sherd_error err;
		int code = err_system(&err, expected[i].os_errno, "cannot do '%d'", 7);

		assert_int_equal(code, expected[i].code);
		assert_int_equal(err.code, code);
		assert_int_equal(err.os_errno, expected[i].os_errno);
		assert_memory_equal(err.message, "cannot do '7': ", 15);
		assert_true(strlen(err.message) > 15);
		assert_int_equal(err_system(NULL, expected[i].os_errno, "x"), code);
	}
}

static void err_wraps_itself(void **state)
{
	struct sherd_error err;

	(void)state;
	err_system(&err, EIO, "end");
	assert_int_equal(err_wrap(&err, SHERD_INVALID, "middle"), SHERD_IO);
	assert_string_equal(err.message, "middle: end: Input/output error");
	assert_int_equal(err.os_errno, EIO);
	assert_int_equal(err_wrap(&err, 0, "<%s>", err.message), SHERD_IO);
	assert_string_equal(
		err.message, "<middle: end: Input/output error>: middle: end: Input/output error");
	err_set(&err, SHERD_IO, "%s", "abc");
	err_set(&err, SHERD_CORRUPT, "%s and %s", err.message, err.message + 1);
	assert_string_equal(err.message, "abc and bc");
	assert_int_equal(err_wrap(NULL, SHERD_INVALID, "x"), SHERD_INVALID);
}

static void assert_valid_utf8(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		int more = *p < 0x80 ? 0 : *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;

		assert_true(*p < 0x80 || *p >= 0xc0);
		for (p++; more; more--, p++)
			assert_int_equal(*p & 0xc0, 0x80);
	}
}

/* Every length around the limit, with characters of each size, by every function. */
static void err_cuts_cleanly(void **state)
{
	static const char *const letters[] = {"x", "\u00e9", "\u20ac", "\U0001f600"};

	(void)state;
	for (size_t l = 0; l < ARRAY_COUNT(letters); l++)
		for (size_t shift = 0; shift < 8; shift++) {
			char text[2000] = "";
			struct sherd_error err;

			memset(text, 'y', shift);
			while (strlen(text) < 900)
				memcpy(text + strlen(text), letters[l], strlen(letters[l]) + 1);
			err_set(&err, SHERD_IO, "%s", text);
			assert_valid_utf8(err.message);
			assert_in_range(
				strlen(err.message), SHERD_ERROR_SIZE - 5, SHERD_ERROR_SIZE - 1);
			assert_string_equal(err.message + strlen(err.message) - 3, "...");
			err_wrap(&err, 0, "%s", text);
			assert_valid_utf8(err.message);
			assert_in_range(
				strlen(err.message), SHERD_ERROR_SIZE - 12, SHERD_ERROR_SIZE - 1);
			err_set(&err, SHERD_IO, "cause");
			err_wrap(&err, 0, "%s", text);
			assert_valid_utf8(err.message);
			assert_non_null(strstr(err.message, "...: cause"));
			err_system(&err, EIO, "%s", text);
			assert_valid_utf8(err.message);
			assert_non_null(strstr(err.message, "...: Input/output error"));
		}
}

static void err_keeps_what_fits(void **state)
{
	char text[SHERD_ERROR_SIZE + 1];
	struct sherd_error err;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[SHERD_ERROR_SIZE - 1] = '\0';
	err_set(&err, SHERD_IO, "%s", text);
	assert_string_equal(err.message, text);
	/* Not UTF-8 at all: still cut within the buffer. */
	memset(text, 0x80, SHERD_ERROR_SIZE);
	text[SHERD_ERROR_SIZE] = '\0';
	err_set(&err, SHERD_IO, "%s", text);
	assert_int_equal(strlen(err.message), SHERD_ERROR_SIZE - 1);
	err_set(&err, SHERD_IO, "'%s'", "a\nb\x1b[31m\x7f");
	assert_string_equal(err.message, "'a?b?[31m?'");
}

static void codes_have_texts(void **state)
{
	(void)state;
#define SHERD_X(name, number, class, text)                                                         \
	assert_string_equal(sherd_code_text(SHERD_##name), text);                                  \
	assert_int_equal(sherd_code_class(SHERD_##name), SHERD_CLASS_##class);
	SHERD_ERROR_CODES(SHERD_X)
#undef SHERD_X
	assert_int_equal(sherd_code_class(0), SHERD_CLASS_OK);
	assert_int_equal(sherd_code_class(-999), SHERD_CLASS_UNREACHABLE);
	assert_int_equal(sherd_code_class(1), SHERD_CLASS_UNREACHABLE);
	assert_non_null(sherd_code_text(-999));
	assert_string_not_equal(sherd_code_text(0), sherd_code_text(1));
}

/* --- numbers --- */

static void assert_size(uint64_t bytes, const char *text)
{
	char buffer[UNITS_SIZE];

	assert_ptr_equal(units_size(bytes, buffer), buffer);
	assert_string_equal(buffer, text);
}

static void units_write_sizes(void **state)
{
	(void)state;
	assert_size(0, "0 B");
	assert_size(999, "999 B");
	assert_size(1023, "1023 B");
	assert_size(1024, "1.0 KiB");
	assert_size(1229, "1.2 KiB");
	assert_size(1048524, "1023.9 KiB");
	assert_size(1048525, "1.0 MiB");
	assert_size(1048576, "1.0 MiB");
	assert_size(33500000000, "31.2 GiB");
	assert_size(UINT64_C(1) << 50, "1.0 PiB");
	assert_size(UINT64_C(1) << 60, "1.0 EiB");
	assert_size(UINT64_MAX, "16.0 EiB");
}

static void assert_duration(uint64_t seconds, const char *text)
{
	char buffer[UNITS_SIZE];

	assert_string_equal(units_duration(seconds, buffer), text);
}

static void units_write_durations(void **state)
{
	(void)state;
	assert_duration(0, "0:00");
	assert_duration(7, "0:07");
	assert_duration(754, "12:34");
	assert_duration(3599, "59:59");
	assert_duration(3600, "1:00:00");
	assert_duration(3723, "1:02:03");
	assert_duration(UINT64_MAX, "5124095576030431:00:15");
}

static void units_read_numbers(void **state)
{
	static const char *const bad[] = {"", " ", "1 ", " 1", "+1", "-1", "0x1", "1.0", "1e3",
		"99999999999999999999999", "9223372036854775808", "256", "\xd9\xa1"};
	long value = -5;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(units_number(bad[i], LONG_MIN, 255, &value), -1);
	assert_int_equal(units_number("9223372036854775808", 0, LONG_MAX, &value), -1);
	assert_int_equal(units_number("2", 3, 9, &value), -1);
	assert_int_equal(value, -5);
	assert_int_equal(units_number("3", 3, 9, &value), 0);
	assert_int_equal(value, 3);
	assert_int_equal(units_number("0009", 3, 9, &value), 0);
	assert_int_equal(value, 9);
	assert_int_equal(units_number("9223372036854775807", 0, LONG_MAX, &value), 0);
	assert_true(value == LONG_MAX);
}

static void intmath_checks(void **state)
{
	uint64_t big;
	uint8_t small;
	size_t size;

	(void)state;
	assert_true(INT_ADD(UINT64_MAX - 1, 1, &big) && big == UINT64_MAX);
	assert_false(INT_ADD(UINT64_MAX, 1, &big));
	assert_true(INT_ADD(200, 55, &small) && small == 255);
	assert_false(INT_ADD(200, 56, &small));
	assert_false(INT_SUB(3, 4, &big));
	assert_false(INT_MUL(SIZE_MAX / 2 + 1, 2, &size));
	assert_true(INT_MUL(SIZE_MAX / 2, 2, &size) && size == SIZE_MAX - 1);
	assert_int_equal(int_div_up(0, 7), 0);
	assert_int_equal(int_div_up(7, 7), 1);
	assert_int_equal(int_div_up(8, 7), 2);
	assert_true(int_div_up(UINT64_MAX, 1) == UINT64_MAX);
	assert_int_equal(int_bits(1), 0);
	assert_int_equal(int_bits(2), 1);
	assert_int_equal(int_bits(3), 2);
	assert_int_equal(int_bits(256), 8);
	assert_int_equal(int_bits(257), 9);
	assert_int_equal(int_bits(UINT_MAX), 32);
}

static void cursor_stays_inside(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	struct cursor c = cursor_of(bytes, sizeof(bytes));

	(void)state;
	assert_true(cursor_big_endian(&c, 8) == UINT64_C(0x0102030405060708));
	assert_int_equal(cursor_left(&c), 1);
	assert_int_equal(cursor_big_endian(&c, 2), 0);
	assert_true(c.failed);
	assert_int_equal(cursor_left(&c), 1);
	assert_int_equal(cursor_big_endian(&c, 1), 0);
	assert_null(cursor_take(&c, 0));

	c = cursor_of(bytes, 3);
	assert_ptr_equal(cursor_take(&c, 2), bytes);
	assert_ptr_equal(cursor_take(&c, 1), bytes + 2);
	assert_non_null(cursor_take(&c, 0));
	assert_null(cursor_take(&c, SIZE_MAX));
	assert_true(c.failed);

	c = cursor_of(NULL, 0);
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_big_endian(&c, 0), 0);
	assert_false(c.failed);
	assert_int_equal(cursor_big_endian(&c, 1), 0);
	assert_true(c.failed);
}

/* --- memory --- */

static void memory_is_zeroed_and_aligned(void **state)
{
	uint8_t *array = mem_array(1000, 3);
	volatile size_t huge = SIZE_MAX / 2 + 2;

	(void)state;
	assert_non_null(array);
	for (size_t i = 0; i < 3000; i++)
		assert_int_equal(array[i], 0);
	mem_free(array);
	assert_null(mem_array(huge, 2));
	for (size_t zero = 0; zero < 3; zero++) {
		void *p = mem_array(zero & 1, zero & 2);

		assert_non_null(p);
		mem_free(p);
	}
	for (size_t alignment = sizeof(void *); alignment <= 4096; alignment *= 2) {
		uint8_t *p = mem_aligned(alignment, 100);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % alignment, 0);
		memset(p, 1, 100);
		errno = 77;
		mem_free(p);
		assert_int_equal(errno, 77);
	}
	CLEANUP(mem_free_at) char *text = mem_format("%d-%s", 12, "x");
	assert_string_equal(text, "12-x");
}

static void *make_one(unsigned kind)
{
	switch (kind) {
	case 0:
		return mem_array(1, 1);
	case 1:
		return mem_aligned(64, 64);
	default:
		return mem_format("x");
	}
}

static void memory_fails_on_order(void **state)
{
	(void)state;
	for (unsigned failing = 0; failing <= 6; failing++) {
		mem_fail_at(failing);
		for (unsigned i = 1; i <= 6; i++) {
			void *p = make_one(i % 3);

			assert_int_equal(p == NULL, i == failing);
			mem_free(p);
		}
		assert_int_equal(mem_fail_at(0), 6);
	}
}

struct allocations {
	atomic_uint failed;
};

static void allocate_job(void *context, size_t index, unsigned worker)
{
	struct allocations *a = context;
	void *p = mem_array(1, 10);

	(void)index;
	(void)worker;
	if (!p)
		atomic_fetch_add(&a->failed, 1);
	mem_free(p);
}

static void memory_counts_across_threads(void **state)
{
	CLEANUP(sherd_workers_free_at) struct sherd_workers *w = NULL;
	struct allocations a = {0};

	(void)state;
	assert_int_equal(sherd_workers_new(4, &w, NULL), 0);
	mem_fail_at(500);
	workers_run(w, allocate_job, &a, 1000);
	assert_int_equal(mem_fail_at(0), 1000);
	assert_int_equal(a.failed, 1);
}

/* --- transfers --- */

#define TRANSFER_SIZE 50000
#define TRANSFER_PARTS 3000 /* more than the kernel takes at once */

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8));
}

static int scratch_file(void)
{
	FILE *file = tmpfile();
	int fd;

	assert_non_null(file);
	fd = dup(fileno(file));
	fclose(file);
	assert_true(fd >= 0);
	return fd;
}

/* Parts of every size, empty ones among them, that cover buffer. */
static size_t cut_in_parts(uint8_t *buffer, size_t size, struct iovec *ret_parts)
{
	size_t used = 0;
	size_t count = 0;

	while (count < TRANSFER_PARTS - 1 && used < size) {
		size_t part = INT_MIN_OF(count % 23, size - used);

		ret_parts[count++] = (struct iovec){buffer + used, part};
		used += part;
	}
	if (used < size)
		ret_parts[count++] = (struct iovec){buffer + used, size - used};
	return count;
}

struct transfer {
	uint8_t out[TRANSFER_SIZE];
	uint8_t in[TRANSFER_SIZE + 10];
	struct iovec parts[TRANSFER_PARTS];
};

static void check_transfer(const struct faultenv *f, int fd, struct transfer *t)
{
	size_t got = 0;
	size_t count = cut_in_parts(t->out, TRANSFER_SIZE, t->parts);

	assert_int_equal(count, TRANSFER_PARTS);
	assert_int_equal(env_pwritev(&f->env, fd, t->parts, count, 5), 0);
	memset(t->in, 0, sizeof(t->in));
	assert_int_equal(env_pread(&f->env, fd, t->in, sizeof(t->in), 5, &got), 0);
	assert_int_equal(got, TRANSFER_SIZE);
	assert_memory_equal(t->in, t->out, TRANSFER_SIZE);
	memset(t->in, 0, sizeof(t->in));
	count = cut_in_parts(t->in, TRANSFER_SIZE, t->parts);
	assert_int_equal(env_preadv(&f->env, fd, t->parts, count, 5, &got), 0);
	assert_int_equal(got, TRANSFER_SIZE);
	assert_memory_equal(t->in, t->out, TRANSFER_SIZE);
	assert_int_equal(env_preadv(&f->env, fd, t->parts, 0, 5, &got), 0);
	assert_int_equal(got, 0);
}

static void transfers_are_whole(void **state)
{
	static const size_t limits[] = {0, 1, 22, 4097};
	CLEANUP(mem_free_at) struct transfer *t = mem_array(1, sizeof(*t));

	(void)state;
	for (size_t i = 0; i < TRANSFER_SIZE; i++)
		t->out[i] = pattern(i);
	for (size_t i = 0; i < ARRAY_COUNT(limits); i++) {
		struct faultenv f;
		int fd = scratch_file();

		faultenv_init(&f);
		f.short_max = limits[i];
		check_transfer(&f, fd, t);
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(env_write(&f.env, fd, t->out, TRANSFER_SIZE), 0);
		assert_int_equal(pread(fd, t->in, sizeof(t->in), 0), TRANSFER_SIZE);
		assert_memory_equal(t->in, t->out, TRANSFER_SIZE);
		close(fd);
	}
}

static void transfers_survive_interruption(void **state)
{
	CLEANUP(mem_free_at) struct transfer *t = mem_array(1, sizeof(*t));
	struct faultenv f;
	unsigned long n = 0;

	(void)state;
	do {
		int fd = scratch_file();

		faultenv_init(&f);
		f.short_max = 9000;
		f.error = EINTR;
		f.fail_at = ++n;
		check_transfer(&f, fd, t);
		close(fd);
	} while (faultenv_struck(&f));
	assert_true(n > 10);
}

static void transfers_report_failures(void **state)
{
	static const enum faultenv_call calls[] = {
		FAULTENV_PREADV, FAULTENV_PWRITEV, FAULTENV_WRITE};
	uint8_t bytes[100] = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(calls); i++)
		for (unsigned long n = 1; n <= 10; n++) {
			struct faultenv f;
			int fd = scratch_file();
			size_t got = 12345;
			int failures;

			faultenv_init(&f);
			f.kind = calls[i];
			f.short_max = 10;
			f.fail_at = n;
			failures = env_pwrite(&f.env, fd, bytes, 100, 0) != 0;
			if (!failures) {
				failures += env_pread(&f.env, fd, bytes, 100, 0, &got) != 0;
				assert_int_equal(got, failures ? 12345 : 100);
			}
			failures += env_write(&f.env, fd, bytes, 100) != 0;
			assert_int_equal(errno, EIO);
			assert_int_equal(failures, 1);
			close(fd);
		}
}

static void transfers_end(void **state)
{
	struct faultenv f;
	uint8_t byte = 0;
	size_t got;

	(void)state;
	faultenv_init(&f);
	f.write_nothing = true;
	assert_int_equal(env_pwrite(&f.env, 0, &byte, 1, 0), -1);
	assert_int_equal(errno, ENOSPC);
	errno = 0;
	assert_int_equal(env_write(&f.env, 0, &byte, 1), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(env_pwrite(env_system(), 0, &byte, 1, UINT64_MAX), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(env_pread(env_system(), 0, &byte, 1, (uint64_t)INT64_MAX + 1, &got), -1);
	assert_int_equal(errno, EOVERFLOW);
}

static void environment_answers(void **state)
{
	const struct sherd_env *env = env_or_system(NULL);
	uint8_t a[300] = {0};
	uint8_t b[300] = {0};
	uint64_t before;
	int pipes[2];

	(void)state;
	assert_ptr_equal(env, env_system());
	assert_ptr_equal(env_or_system(env), env);
	assert_int_equal(env->random(env->context, a, sizeof(a)), 0);
	assert_int_equal(env->random(env->context, b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a + 268, b + 268, 32);
	before = env->clock_monotonic_ns(env->context);
	assert_true(env->clock_monotonic_ns(env->context) >= before);
	assert_true(env->clock_real_ns(env->context) > UINT64_C(1600000000000000000));
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(env->files->wait_readable(env->context, pipes[0], 0), 0);
	assert_int_equal(env_write(env, pipes[1], "x", 1), 0);
	assert_int_equal(env->files->wait_readable(env->context, pipes[0], 0), 1);
	assert_int_equal(env->files->read(env->context, pipes[0], a, 10), 1);
	env_close(env, pipes[1]);
	assert_int_equal(env->files->wait_readable(env->context, pipes[0], 0), 1);
	errno = 33;
	env_close(env, pipes[0]);
	env_close(env, pipes[0]);
	env_close(env, -1);
	assert_int_equal(errno, 33);
	assert_int_equal(env->files->wait_readable(env->context, pipes[0], 0), -1);
	assert_int_equal(errno, EBADF);
}

/* --- processor and log --- */

static void cpu_answers(void **state)
{
	unsigned features = cpu_features();

	(void)state;
	assert_true(cpu_count() >= 1);
	assert_true((long)cpu_count() <= sysconf(_SC_NPROCESSORS_CONF));
	assert_int_equal(cpu_features(), features);
#if defined(__x86_64__)
	/* The compiler's own detection must agree where it knows the word. */
	assert_int_equal(!!(features & CPU_SSSE3), !!__builtin_cpu_supports("ssse3"));
	assert_int_equal(!!(features & CPU_AVX2), !!__builtin_cpu_supports("avx2"));
	if (features & CPU_AVX512_GFNI) {
		assert_true(__builtin_cpu_supports("avx512f"));
		assert_true(__builtin_cpu_supports("avx512bw"));
		assert_true(__builtin_cpu_supports("avx512vl"));
	}
#else
	assert_int_equal(features, 0);
#endif
}

static void keep_line(void *context, const char *line)
{
	memcpy(context, line, strlen(line) + 1);
}

static void log_says_one_line(void **state)
{
	char kept[512] = "";
	char text[1000];

	(void)state;
	log_warn("nobody hears %d", 1);
	log_set_sink(keep_line, kept);
	log_warn("a '%s'", "b\nc");
	assert_string_equal(kept, "a 'b?c'");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_warn("%s", text);
	assert_int_equal(strlen(kept), 511);
	log_set_sink(NULL, NULL);
	log_warn("nobody hears %d", 2);
	assert_int_equal(strlen(kept), 511);
}

/* --- threads --- */

#define JOBS 5000
#define WORKERS_MOST 256

struct board {
	unsigned done[JOBS];               /* times each job ran; no two write the same */
	unsigned long turns[WORKERS_MOST]; /* written without a lock: one worker, one number */
	atomic_uint inside[WORKERS_MOST];  /* now running as this worker */
	unsigned count;                    /* workers there may be */
	atomic_uint faults;
};

static void mark_job(void *context, size_t index, unsigned worker)
{
	struct board *b = context;

	if (worker >= b->count || index >= JOBS) {
		atomic_fetch_add(&b->faults, 1);
		return;
	}
	if (atomic_fetch_add(&b->inside[worker], 1) != 0)
		atomic_fetch_add(&b->faults, 1);
	b->done[index]++;
	b->turns[worker]++;
	atomic_fetch_sub(&b->inside[worker], 1);
}

static void workers_run_each_job_once(void **state)
{
	static const unsigned counts[] = {0, 1, 2, 3, 16, 256};
	static const size_t jobs[] = {0, 1, 2, 3, 17, JOBS};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
		CLEANUP(sherd_workers_free_at) struct sherd_workers *w = NULL;
		CLEANUP(mem_free_at) struct board *b = mem_array(1, sizeof(*b));
		unsigned long turns = 0;

		assert_int_equal(sherd_workers_new(counts[i], &w, NULL), 0);
		b->count = sherd_workers_count(w);
		assert_int_equal(b->count, counts[i] ? counts[i] : INT_MIN_OF(cpu_count(), 16));
		for (size_t j = 0; j < ARRAY_COUNT(jobs); j++)
			workers_run(w, mark_job, b, jobs[j]);
		assert_int_equal(b->faults, 0);
		for (size_t j = 0; j < ARRAY_COUNT(jobs); j++)
			for (size_t n = 0; n < jobs[j]; n++)
				b->done[n]--;
		for (size_t n = 0; n < JOBS; n++)
			assert_int_equal(b->done[n], 0);
		for (size_t n = 0; n < WORKERS_MOST; n++)
			turns += b->turns[n];
		assert_int_equal(turns, JOBS + 1 + 2 + 3 + 17);
	}
}

static void note_order(void *context, size_t index, unsigned worker)
{
	size_t *next = context;

	assert_int_equal(index, *next);
	assert_int_equal(worker, 0);
	(*next)++;
}

static void no_pool_runs_in_order(void **state)
{
	size_t next = 0;

	(void)state;
	workers_run(NULL, note_order, &next, 100);
	assert_int_equal(next, 100);
	assert_int_equal(sherd_workers_count(NULL), 1);
	sherd_workers_free(NULL);
}

struct caller {
	pthread_t thread;
	struct sherd_workers *w;
	struct board *board;
};

static void *call_often(void *argument)
{
	struct caller *c = argument;

	for (unsigned i = 0; i < 200; i++)
		workers_run(c->w, mark_job, c->board, 1 + i % 7);
	return NULL;
}

/* Four threads share one pool and one board: no worker number may be used twice at a time. */
static void callers_take_turns(void **state)
{
	CLEANUP(sherd_workers_free_at) struct sherd_workers *w = NULL;
	CLEANUP(mem_free_at) struct board *b = mem_array(1, sizeof(*b));
	struct caller callers[4];
	unsigned long turns = 0;

	(void)state;
	assert_int_equal(sherd_workers_new(3, &w, NULL), 0);
	b->count = 3;
	for (size_t i = 0; i < ARRAY_COUNT(callers); i++) {
		callers[i] = (struct caller){.w = w, .board = b};
		assert_int_equal(
			pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_COUNT(callers); i++)
		pthread_join(callers[i].thread, NULL);
	assert_int_equal(b->faults, 0);
	for (size_t i = 0; i < WORKERS_MOST; i++)
		turns += b->turns[i];
	assert_int_equal(turns, 4 * (200 / 7 * 28 + 1 + 2 + 3 + 4));
}

struct meeting {
	pthread_mutex_t lock;
	pthread_cond_t arrived;
	unsigned present, expected;
};

static void meet(void *context, size_t index, unsigned worker)
{
	struct meeting *m = context;

	(void)index;
	(void)worker;
	pthread_mutex_lock(&m->lock);
	if (++m->present == m->expected)
		pthread_cond_broadcast(&m->arrived);
	while (m->present < m->expected)
		pthread_cond_wait(&m->arrived, &m->lock);
	pthread_mutex_unlock(&m->lock);
}

/* As many jobs as threads, each of which ends only when all have begun. */
static void all_threads_work_at_once(void **state)
{
	CLEANUP(sherd_workers_free_at) struct sherd_workers *w = NULL;

	(void)state;
	assert_int_equal(sherd_workers_new(7, &w, NULL), 0);
	for (unsigned n = 1; n <= 7; n++)
		for (unsigned round = 0; round < 50; round++) {
			struct meeting m = {
				PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, n};

			workers_run(w, meet, &m, n);
			assert_int_equal(m.present, n);
		}
}

struct masks {
	struct meeting meeting;
	sigset_t blocked[4];
};

static void read_mask(void *context, size_t index, unsigned worker)
{
	struct masks *m = context;

	meet(&m->meeting, index, worker);
	pthread_sigmask(SIG_SETMASK, NULL, &m->blocked[worker]);
}

static void workers_leave_signals_alone(void **state)
{
	CLEANUP(sherd_workers_free_at) struct sherd_workers *w = NULL;
	struct masks m = {.meeting = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 4}};

	(void)state;
	assert_int_equal(sherd_workers_new(4, &w, NULL), 0);
	workers_run(w, read_mask, &m, 4);
	assert_int_equal(sigismember(&m.blocked[0], SIGINT), 0);
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(sigismember(&m.blocked[i], SIGINT), 1);
		assert_int_equal(sigismember(&m.blocked[i], SIGTERM), 1);
		assert_int_equal(sigismember(&m.blocked[i], SIGALRM), 1);
		assert_int_equal(sigismember(&m.blocked[i], SIGSEGV), 0);
	}
}

static void pools_refuse_what_cannot_be(void **state)
{
	struct sherd_workers *w = NULL;
	struct sherd_error err;

	(void)state;
	assert_int_equal(sherd_workers_new(257, &w, &err), SHERD_INVALID);
	assert_int_equal(sherd_workers_new(UINT_MAX, &w, &err), SHERD_INVALID);
	assert_int_equal(sherd_workers_new(1, NULL, &err), SHERD_INVALID);
	mem_fail_at(1);
	assert_int_equal(sherd_workers_new(4, &w, &err), SHERD_NOMEM);
	mem_fail_at(0);
	assert_null(w);
}

/* In a child, since limits stay: 256 threads do not fit, a few do, and nothing is left running. */
static int start_in_little_room(void)
{
	struct rlimit limit;
	struct sherd_workers *w = NULL;
	struct sherd_error err = {0};
	unsigned long pages;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%lu", &pages) != 1)
		return 1;
	fclose(file);
	limit.rlim_cur = limit.rlim_max =
		pages * (unsigned long)sysconf(_SC_PAGESIZE) + ((rlim_t)24 << 20);
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		return 2;
	if (sherd_workers_new(256, &w, &err) != SHERD_IO || w || err.os_errno != EAGAIN)
		return 3;
	if (sherd_workers_new(16, &w, &err) != 0)
		return 4;
	sherd_workers_free(w);
	return 0;
}

static void pools_start_whole_or_not_at_all(void **state)
{
	int status;
	pid_t child;

	(void)state;
	if (SANITIZED)
		skip(); /* their shadow memory does not bear the limit */
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(start_in_little_room());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void cancel_is_a_flag(void **state)
{
	static struct sherd_cancel cancel;

	(void)state;
	assert_int_equal(sherd_cancel_requested(&cancel), 0);
	assert_int_equal(sherd_cancel_requested(NULL), 0);
	sherd_cancel_request(&cancel);
	sherd_cancel_request(&cancel);
	assert_int_equal(sherd_cancel_requested(&cancel), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_fills_in),
		cmocka_unit_test(err_maps_errno),
		cmocka_unit_test(err_wraps_itself),
		cmocka_unit_test(err_cuts_cleanly),
		cmocka_unit_test(err_keeps_what_fits),
		cmocka_unit_test(codes_have_texts),
		cmocka_unit_test(units_write_sizes),
		cmocka_unit_test(units_write_durations),
		cmocka_unit_test(units_read_numbers),
		cmocka_unit_test(intmath_checks),
		cmocka_unit_test(cursor_stays_inside),
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(memory_fails_on_order),
		cmocka_unit_test(memory_counts_across_threads),
		cmocka_unit_test(transfers_are_whole),
		cmocka_unit_test(transfers_survive_interruption),
		cmocka_unit_test(transfers_report_failures),
		cmocka_unit_test(transfers_end),
		cmocka_unit_test(environment_answers),
		cmocka_unit_test(cpu_answers),
		cmocka_unit_test(log_says_one_line),
		cmocka_unit_test(workers_run_each_job_once),
		cmocka_unit_test(no_pool_runs_in_order),
		cmocka_unit_test(callers_take_turns),
		cmocka_unit_test(all_threads_work_at_once),
		cmocka_unit_test(workers_leave_signals_alone),
		cmocka_unit_test(pools_refuse_what_cannot_be),
		cmocka_unit_test(pools_start_whole_or_not_at_all),
		cmocka_unit_test(cancel_is_a_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
