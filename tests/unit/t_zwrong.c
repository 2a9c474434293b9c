/* SPDX-License-Identifier: MIT */
/*
 * t_zwrong.c - share files that are wrong. One rule stands over all: with more than k shares given
 * the right bytes come out, or a clear error and no file; with exactly k whatever header and length
 * show is refused.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>

#include "zfix.h"

/* A decode and what came of it. */
struct outcome {
	int code;
	struct sherd_error err;
	struct sherd_zfec_decode_result result;
	struct zfix_notices notices;
};

static void decode_with(const struct zfix *f, const unsigned *shares, size_t count,
	unsigned threads, struct outcome *ret)
{
	struct sherd_zfec_decode_options o = {
		.no_sync = 1, .threads = threads, .notice = zfix_notice};

	*ret = (struct outcome){0};
	o.notice_context = &ret->notices;
	unlink("out");
	ret->code = zfix_decode(f, shares, count, "out", &o, &ret->result, &ret->err);
	if (ret->code) {
		assert_false(zfix_exists("out"));
		assert_int_equal(ret->err.code, ret->code);
		assert_true(strlen(ret->err.message) > 0);
		return;
	}
	assert_int_equal(ret->result.left_out, ret->notices.count);
	for (unsigned i = 0; i < ret->notices.count; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(ret->notices.path[i], ret->notices.path[j]);
}

static void decode_all(const struct zfix *f, unsigned threads, struct outcome *ret)
{
	unsigned shares[256];

	for (unsigned s = 0; s < f->m; s++)
		shares[s] = s;
	decode_with(f, shares, f->m, threads, ret);
}

static bool is_noticed(const struct outcome *o, const struct zfix *f, unsigned share,
	enum sherd_zfec_verdict verdict)
{
	char path[ZFIX_PATH_SIZE];

	zfix_path(f, share, path);
	for (unsigned i = 0; i < o->notices.count; i++)
		if (strcmp(o->notices.path[i], path) == 0)
			return o->notices.verdict[i] == verdict;
	return false;
}

static void assert_restored(const struct zfix *f, const struct outcome *o)
{
	if (o->code)
		fail_msg("%d: %s", o->code, o->err.message);
	if (!zfix_is("out", f->bytes, f->size))
		fail_msg("%u of %u, %zu bytes: not the file", f->k, f->m, f->size);
}

/* Write the share file with other bytes than it has; ${f} keeps the right ones. */
static void put_changed(const struct zfix *f, unsigned share, size_t at, size_t size, uint8_t mask)
{
	CLEANUP(mem_free_at) uint8_t *bytes = mem_array(f->share_size, 1);
	char path[ZFIX_PATH_SIZE];

	assert_non_null(bytes);
	memcpy(bytes, f->shares[share], f->share_size);
	for (size_t i = at; i < at + size; i++)
		bytes[i] ^= mask ? mask : (uint8_t)(1 + zfix_random(255));
	zfix_write(zfix_path(f, share, path), bytes, f->share_size);
}

/* As many as can be located, wholly wrong or in some places, are named and left out. */
static void located(unsigned k, unsigned m, size_t size, bool wholly)
{
	struct zfix f;
	struct outcome o;
	unsigned wrong[256], count = (m - k) / 2;

	zfix_make(&f, k, m, size);
	zfix_put_all(&f);
	zfix_choose(count, m, wrong);
	for (unsigned i = 0; i < count; i++) {
		size_t body = f.share_size - f.header_size;
		size_t at = zfix_random((unsigned)body);

		if (wholly)
			put_changed(&f, wrong[i], f.header_size, body, 0);
		else
			put_changed(&f, wrong[i], f.header_size + at, 1, 0);
	}
	decode_all(&f, 1 + zfix_random(4), &o);
	assert_restored(&f, &o);
	assert_int_equal(o.result.left_out, count);
	assert_int_equal(o.result.verified, 1);
	for (unsigned i = 0; i < count; i++)
		assert_true(is_noticed(&o, &f, wrong[i], SHERD_ZFEC_WRONG));
	zfix_clear();
	zfix_free(&f);
}

static void wrong_shares_are_located(void **state)
{
	static const struct {
		unsigned k, m;
		size_t size;
	} sets[] = {{1, 3, 1}, {1, 5, 9000}, {2, 6, 3}, {3, 10, 100}, {3, 10, 3 * 65536 * 4 + 7},
		{6, 12, 100000}, {10, 14, 10 * 65536 * 3}, {94, 100, 400000}, {17, 64, 200000},
		{250, 256, 3000}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sets); i++)
		for (unsigned times = 0; times < 6; times++)
			located(sets[i].k, sets[i].m, sets[i].size, times % 2);
}

/* One more than that, wholly wrong: nothing is written. */
static void too_many_wrong(void **state)
{
	static const struct {
		unsigned k, m;
	} codes[] = {{1, 2}, {3, 4}, {3, 5}, {3, 10}, {6, 12}, {94, 100}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
		unsigned wrong[256], count = (codes[i].m - codes[i].k) / 2 + 1;
		struct zfix f;
		struct outcome o;

		zfix_make(&f, codes[i].k, codes[i].m, 50000);
		zfix_put_all(&f);
		zfix_choose(count, f.m, wrong);
		for (unsigned w = 0; w < count; w++)
			put_changed(&f, wrong[w], f.header_size, f.share_size - f.header_size, 0);
		decode_all(&f, 2, &o);
		assert_int_equal(o.code, SHERD_MISMATCH);
		zfix_clear();
		zfix_free(&f);
	}
}

/*
 * Every share is damaged, each in a place of its own: no share is right everywhere, and the file
 * is restored all the same, since in each place only one is wrong.
 */
static void damage_in_turn(unsigned k, unsigned m, size_t size, size_t step, unsigned threads)
{
	struct zfix f;
	struct outcome o;

	zfix_make(&f, k, m, size);
	assert_true(m * step < f.share_size);
	for (unsigned s = 0; s < m; s++)
		put_changed(&f, s, f.header_size + s * step, 1 + zfix_random(20), 0);
	decode_all(&f, threads, &o);
	assert_restored(&f, &o);
	assert_int_equal(o.result.left_out, m);
	assert_int_equal(o.result.verified, 1);
	zfix_clear();
	zfix_free(&f);
}

static void wrong_in_turn(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 4; threads++) {
		/* Each in a piece of its own. */
		damage_in_turn(3, 5, 3 * 65536 * 8, 65536, threads);
		damage_in_turn(3, 6, 3 * 65536 * 8, 65536, threads);
		/* All in the same pieces. */
		damage_in_turn(3, 10, 3 * 30000, 2048, threads);
		damage_in_turn(6, 8, 6 * 65536 * 3, 2048, threads);
	}
}

/* Share files of an older version of the file, of the same size. */
static void stale_shares(void **state)
{
	struct zfix f, old;
	struct outcome o;
	char path[ZFIX_PATH_SIZE];

	(void)state;
	zfix_make(&f, 3, 8, 500000);
	zfix_make(&old, 3, 8, 500000);
	for (unsigned stale = 1; stale <= 5; stale++) {
		zfix_put_all(&f);
		for (unsigned s = 0; s < stale; s++)
			zfix_write(zfix_path(&f, s, path), old.shares[s], old.share_size);
		decode_all(&f, 2, &o);
		if (stale <= 2)
			assert_restored(&f, &o);
		else
			assert_int_equal(o.code, SHERD_MISMATCH);
	}
	zfix_clear();
	zfix_free(&f);
	zfix_free(&old);
}

/* Every single bit of every share: with a share more than k the file or a refusal comes out. */
static void flips_with_spare(unsigned k, unsigned m, size_t size)
{
	struct zfix f;
	struct outcome o;

	zfix_make(&f, k, m, size);
	zfix_put_all(&f);
	for (unsigned s = 0; s < m; s += ZFIX_SLOW ? m : 1)
		for (size_t bit = 0; bit < 8 * f.share_size; bit++) {
			put_changed(&f, s, bit / 8, 1, (uint8_t)(1 << bit % 8));
			decode_all(&f, 1, &o);
			if (!o.code)
				assert_restored(&f, &o);
			else
				assert_true(o.code == SHERD_MISMATCH || o.code == SHERD_DUPLICATE ||
					    o.code == SHERD_TOOFEW || o.code == SHERD_CORRUPT);
			/* Two spare shares tell where; only two alike are not told apart. */
			if (m - k >= 2 && o.code)
				assert_int_equal(o.code, SHERD_DUPLICATE);
			if (m - k >= 2 && !o.code)
				assert_int_equal(o.result.left_out, 1);
			zfix_put(&f, s);
		}
	zfix_clear();
	zfix_free(&f);
}

static void every_bit_with_spare(void **state)
{
	(void)state;
	flips_with_spare(1, 2, 5);
	flips_with_spare(1, 3, 5);
	flips_with_spare(2, 3, 11);
	flips_with_spare(3, 5, 20);
	flips_with_spare(3, 8, 100);
	flips_with_spare(5, 7, 26);
}

/*
 * Without a spare share a flip in the body passes, unless it hits padding. One in the header may
 * pass only as another number of the share, or as padding that happens to be zero.
 */
static void flips_without_spare(unsigned k, unsigned m, size_t size)
{
	struct zfix f;
	struct outcome o;
	unsigned shares[256];

	zfix_make(&f, k, m, size);
	zfix_put_all(&f);
	for (unsigned i = 0; i < k; i++)
		shares[i] = m - k + i;
	for (unsigned i = 0; i < k; i++)
		for (size_t bit = 0; bit < 8 * f.share_size; bit++) {
			put_changed(&f, shares[i], bit / 8, 1, (uint8_t)(1 << bit % 8));
			decode_with(&f, shares, k, 1, &o);
			if (k > 1 && bit < 8)
				assert_true(o.code != 0); /* m */
			if (!o.code) {
				struct stat st;

				assert_int_equal(o.result.verified, 0);
				assert_int_equal(stat("out", &st), 0);
				assert_int_equal(st.st_size, o.result.size);
				if (k > 1)
					assert_int_equal(o.result.size, f.size);
			}
			zfix_put(&f, shares[i]);
		}
	zfix_clear();
	zfix_free(&f);
}

static void every_bit_without_spare(void **state)
{
	(void)state;
	flips_without_spare(1, 1, 5);
	flips_without_spare(1, 5, 5);
	flips_without_spare(2, 3, 11);
	flips_without_spare(3, 3, 10);
	flips_without_spare(3, 8, 100);
	flips_without_spare(5, 10, 26);
}

/* A share cut at every length, or with bytes behind its end. */
static void cut_shares(void **state)
{
	struct zfix f;
	struct outcome o;
	char path[ZFIX_PATH_SIZE];
	uint8_t longer[200] = {0};

	(void)state;
	zfix_make(&f, 3, 8, 100);
	for (size_t length = 0; length <= f.share_size + 3; length++) {
		static const unsigned spare[] = {0, 5, 1, 7}, none[] = {5, 2, 0};
		bool whole = length == f.share_size;

		zfix_put_all(&f);
		memcpy(longer, f.shares[5], f.share_size);
		zfix_write(zfix_path(&f, 5, path), longer, length);
		decode_with(&f, none, 3, 1, &o);
		if (whole)
			assert_restored(&f, &o);
		else
			assert_true(o.code == SHERD_TOOFEW || o.code == SHERD_MISMATCH);
		decode_with(&f, spare, 4, 1, &o);
		assert_restored(&f, &o);
		assert_int_equal(o.result.verified, whole);
		if (!whole)
			assert_true(is_noticed(&o, &f, 5,
				length < f.header_size    ? SHERD_ZFEC_DAMAGED
				: length == f.header_size ? SHERD_ZFEC_DAMAGED
							  : SHERD_ZFEC_STRANGER));
	}
	zfix_clear();
	zfix_free(&f);
}

static void duplicates(void **state)
{
	struct zfix f;
	struct outcome o;

	(void)state;
	zfix_make(&f, 3, 8, 100);
	zfix_put_all(&f);
	decode_with(&f, (const unsigned[]){2, 5, 2}, 3, 1, &o);
	assert_int_equal(o.code, SHERD_DUPLICATE);
	assert_string_equal(
		o.err.message, "'./f.2_8.fec' and './f.2_8.fec' are the same share, number 2");
	assert_int_equal(rename("f.7_8.fec", "f.1_8.fec"), 0);
	zfix_put(&f, 7);
	decode_with(&f, (const unsigned[]){0, 1, 2, 3, 7}, 5, 1, &o);
	assert_int_equal(o.code, SHERD_DUPLICATE);
	assert_string_equal(
		o.err.message, "'./f.1_8.fec' and './f.7_8.fec' are the same share, number 7");
	zfix_clear();
	zfix_free(&f);
}

/* Share files of another file among them. */
static void strangers(void **state)
{
	struct zfix f, other;
	struct outcome o;
	char path[ZFIX_PATH_SIZE];

	(void)state;
	zfix_make(&f, 3, 8, 1000);
	zfix_make(&other, 3, 8, 1234);
	zfix_put_all(&f);
	/* A minority is left out. */
	zfix_write(zfix_path(&f, 6, path), other.shares[6], other.share_size);
	zfix_write(zfix_path(&f, 7, path), other.shares[7], other.share_size);
	decode_with(&f, (const unsigned[]){7, 1, 6, 2, 4}, 5, 1, &o);
	assert_restored(&f, &o);
	assert_int_equal(o.result.left_out, 2);
	assert_int_equal(o.result.verified, 0);
	assert_true(is_noticed(&o, &f, 6, SHERD_ZFEC_STRANGER));
	assert_true(is_noticed(&o, &f, 7, SHERD_ZFEC_STRANGER));
	/* Two that agree are not enough; and of two groups as large nobody knows which is meant. */
	decode_with(&f, (const unsigned[]){7, 1, 4}, 3, 1, &o);
	assert_int_equal(o.code, SHERD_MISMATCH);
	assert_non_null(strstr(o.err.message, "2 like './f.1_8.fec'"));
	assert_non_null(strstr(o.err.message, "1 like './f.7_8.fec'"));
	zfix_write(zfix_path(&f, 5, path), other.shares[5], other.share_size);
	decode_with(&f, (const unsigned[]){7, 0, 1, 5, 6, 4}, 6, 1, &o);
	assert_int_equal(o.code, SHERD_MISMATCH);
	/* The larger group is short of its own k: the smaller one is not taken instead. */
	zfix_free(&other);
	zfix_make(&other, 1, 8, 10);
	zfix_write(zfix_path(&f, 5, path), other.shares[5], other.share_size);
	decode_with(&f, (const unsigned[]){0, 1, 5}, 3, 1, &o);
	assert_int_equal(o.code, SHERD_MISMATCH);
	zfix_clear();
	zfix_free(&f);
	zfix_free(&other);
}

static void too_few(void **state)
{
	struct zfix f;
	struct outcome o;

	(void)state;
	zfix_make(&f, 3, 8, 1000);
	zfix_put_all(&f);
	decode_with(&f, (const unsigned[]){6, 1}, 2, 1, &o);
	assert_int_equal(o.code, SHERD_TOOFEW);
	assert_string_equal(o.err.message, "3 share files are needed and 2 were given");
	assert_int_equal(unlink("f.2_8.fec"), 0);
	assert_int_equal(unlink("f.3_8.fec"), 0);
	assert_int_equal(mkdir("f.3_8.fec", 0755), 0);
	decode_with(&f, (const unsigned[]){6, 1, 2, 3}, 4, 1, &o);
	assert_int_equal(o.code, SHERD_TOOFEW);
	assert_string_equal(
		o.err.message, "3 share files are needed, and of the 4 given 2 can be used");
	assert_int_equal(o.notices.count, 2);
	assert_true(is_noticed(&o, &f, 2, SHERD_ZFEC_UNREADABLE));
	assert_true(is_noticed(&o, &f, 3, SHERD_ZFEC_UNREADABLE));
	decode_with(&f, (const unsigned[]){6, 1, 2, 3, 0}, 5, 1, &o);
	assert_restored(&f, &o);
	decode_with(&f, (const unsigned[]){2, 3}, 2, 1, &o);
	assert_int_equal(o.code, SHERD_TOOFEW);
	zfix_clear();
	zfix_free(&f);
}

/* Padding that is not zero shows even with exactly k shares. */
static void padding(void **state)
{
	struct zfix f;
	struct outcome o;

	(void)state;
	zfix_make(&f, 5, 8, 5 * 4096 + 11); /* 4 bytes of padding: all of chunk 4, one of 3 */
	zfix_put_all(&f);
	for (unsigned s = 3; s < 5; s++) {
		put_changed(&f, s, f.share_size - 1, 1, 0);
		decode_with(&f, (const unsigned[]){0, 1, 2, 3, 4}, 5, 1, &o);
		assert_int_equal(o.code, SHERD_CORRUPT);
		decode_with(&f, (const unsigned[]){0, 1, 2, 3, 4, 6}, 6, 1, &o);
		assert_int_equal(o.code, SHERD_MISMATCH);
		decode_with(&f, (const unsigned[]){0, 1, 2, 3, 4, 6, 7}, 7, 1, &o);
		assert_restored(&f, &o);
		assert_true(is_noticed(&o, &f, s, SHERD_ZFEC_WRONG));
		zfix_put(&f, s);
	}
	zfix_clear();
	zfix_free(&f);
}

static void decode_one(const uint8_t *bytes, size_t size, uint64_t length, int expected)
{
	const char *const paths[] = {"hostile", "hostile"};
	struct sherd_error err;

	zfix_write("hostile", bytes, size);
	assert_int_equal(truncate("hostile", (off_t)length), 0);
	assert_int_equal(sherd_zfec_decode(paths, 1, "out", NULL, NULL, &err), expected);
	assert_false(zfix_exists("out"));
	zfix_clear();
}

/* Lengths that no file can have take neither memory nor time. */
static void hostile_lengths(void **state)
{
	static const uint8_t wide[] = {0xff, 0xff, 0, 0}; /* 256 of 256 */

	(void)state;
	decode_one(wide, 4, 4, SHERD_TOOFEW);
	decode_one(wide, 4, UINT64_C(1) << 40, SHERD_TOOFEW);
	decode_one(wide, 3, 3, SHERD_TOOFEW);
	decode_one(wide, 0, 0, SHERD_TOOFEW);
	decode_one((const uint8_t[]){0xff, 0xff, 1, 0}, 4, 4, SHERD_TOOFEW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_shares_are_located),
		cmocka_unit_test(too_many_wrong),
		cmocka_unit_test(wrong_in_turn),
		cmocka_unit_test(stale_shares),
		cmocka_unit_test(every_bit_with_spare),
		cmocka_unit_test(every_bit_without_spare),
		cmocka_unit_test(cut_shares),
		cmocka_unit_test(duplicates),
		cmocka_unit_test(strangers),
		cmocka_unit_test(too_few),
		cmocka_unit_test(padding),
		cmocka_unit_test(hostile_lengths),
	};

	return cmocka_run_group_tests(tests, zfix_setup, zfix_teardown);
}
