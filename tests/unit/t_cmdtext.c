/* SPDX-License-Identifier: MIT */
/* t_cmdtext.c - texts of the program sherd: JSON, UTF-8, times, sizes, lists, exit codes. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <base/intmath.h>
#include <common/options.h>
#include <exitcode.h>
#include <json.h>
#include <lines.h>
#include <times.h>
#include <utf8.h>

static void test_utf8(void **state)
{
	static const char *const good[] = {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
		"\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
		"z\xc3\xa4z"};
	static const char *const bad[] = {"\x80", "\xc0\xaf", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf",
		"\xed\xa0\x80", "\xef\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf8\x88\x80\x80\x80", "\xff", "a\xc3z"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++)
		assert_true(utf8_valid(good[i]));
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_false(utf8_valid(bad[i]));
	assert_int_equal(utf8_columns("z\xc3\xa4z"), 3);
	assert_int_equal(utf8_columns("a\xff\xff"), 3);
}

static void test_json(void **state)
{
	char buffer[1024] = "";
	struct json j = {.out = fmemopen(buffer, sizeof(buffer), "w")};

	(void)state;
	assert_non_null(j.out);
	json_object(&j, NULL);
	json_text(&j, "t\"", "a\\\"\n\x01\x7f\xc3\xa4");
	json_text(&j, "none", NULL);
	json_path(&j, "good", "/x");
	json_path(&j, "path", "/\xff/x");
	json_array(&j, "list");
	json_number(&j, NULL, UINT64_MAX);
	json_signed(&j, NULL, -1);
	json_object(&j, NULL);
	json_end(&j);
	json_array(&j, NULL);
	json_end(&j);
	json_end(&j);
	json_real(&j, "r", 0.5);
	json_real(&j, "inf", 1e308 * 10);
	json_bool(&j, "b", true);
	json_hex(&j, "h", (const uint8_t *)"\x00\xab", 2);
	json_time(&j, "never", 0);
	json_end(&j);
	fclose(j.out);
	assert_string_equal(buffer,
		"{\"t\\\"\":\"a\\\\\\\"\\u000a\\u0001\\u007f\xc3\xa4\",\"none\":null,"
		"\"good\":\"/x\",\"path\":\"/\\ufffd/x\",\"path_bytes\":\"2fff2f78\","
		"\"list\":[18446744073709551615,-1,{},[]],\"r\":0.5,\"inf\":null,\"b\":true,"
		"\"h\":\"00ab\",\"never\":null}\n");
}

static void expect_time(const char *text, uint64_t seconds)
{
	struct sherd_error err;
	uint64_t ns;

	assert_int_equal(times_parse(text, &ns, &err), 0);
	assert_int_equal(ns, seconds * 1000000000);
}

static void test_times(void **state)
{
	static const char *const bad[] = {"", "yesterday", "2026", "2026-02-30", "2026-13-01",
		"2026-11-20T25:00", "2026-11-20T10:02x", "2026-11-20T10:02+1", "@", "@-1", "@1.5",
		"1960-01-01"};
	char text[TIMES_SIZE];
	struct sherd_error err;
	uint64_t ns = 7;

	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	assert_string_equal(times_exact(UINT64_C(1763629331123456789), text),
		"2025-11-20T10:02:11.123456789+01:00");
	assert_string_equal(times_minute(UINT64_C(1763629331123456789), text), "2025-11-20 10:02");
	assert_string_equal(
		times_second(UINT64_C(1763629331123456789), text), "2025-11-20 10:02:11");
	assert_string_equal(times_minute(0, text), "never");
	expect_time("2025-11-20T10:02:11", 1763629331);
	expect_time("2025-11-20 10:02:11", 1763629331);
	expect_time("2025-11-20T09:02:11Z", 1763629331);
	expect_time("2025-11-20T04:02:11-05:00", 1763629331);
	expect_time("2025-11-20T14:32:11+0530", 1763629331);
	expect_time("2025-11-20T10:02", 1763629320);
	expect_time("2025-11-20", 1763593200);
	expect_time("2025-07-01T12:00", 1751364000);
	expect_time("@12", 12);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(times_parse(bad[i], &ns, &err), SHERD_INVALID);
	assert_int_equal(ns, 7);
	assert_string_equal(times_age(UINT64_C(8000000000), text), "8 s");
	assert_string_equal(times_age(UINT64_C(7200) * 1000000000, text), "2 h");
	assert_string_equal(times_age(UINT64_C(259200) * 1000000000, text), "3 d");
}

static void test_amounts(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} sizes[] = {{"0", 0}, {"4096", 4096}, {"10KiB", 10240}, {"1.5GiB", 1610612736},
		{"2MB", 2000000}, {"3k", 3072}, {"1b", 1}, {"2tib", UINT64_C(2199023255552)}},
	  times[] = {{"90", UINT64_C(90000000000)}, {"500ms", 500000000},
		  {"1.5h", UINT64_C(5400000000000)}, {"2d", UINT64_C(172800000000000)}};
	static const char *const bad[] = {"", "-1", "1x", "x", "0x10", "1e3", "1.", ".5", "1 KiB",
		"99999999999999999999", "1..5", "nan", "inf"};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		assert_true(options_size(sizes[i].text, &value));
		assert_int_equal(value, sizes[i].value);
	}
	for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
		assert_true(options_time(times[i].text, &value));
		assert_int_equal(value, times[i].value);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_false(options_size(bad[i], &value));
		assert_false(options_time(bad[i], &value));
	}
}

static void read_lines(
	struct lines *l, const char *text, size_t size, char separator, bool patterns)
{
	char name[] = "/tmp/t_cmdtext.XXXXXX";
	struct sherd_error err;
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), (ssize_t)size);
	close(fd);
	*l = (struct lines){0};
	assert_int_equal(lines_read(l, name, separator, patterns, &err), 0);
	unlink(name);
}

static void test_lines(void **state)
{
	struct lines l;

	(void)state;
	read_lines(&l, "a\n\n# c\nb \nc\\ \nd\r\n\\#e", 20, '\n', true);
	assert_int_equal(l.count, 5);
	assert_string_equal(l.items[0], "a");
	assert_string_equal(l.items[1], "b");
	assert_string_equal(l.items[2], "c\\ ");
	assert_string_equal(l.items[3], "d");
	assert_string_equal(l.items[4], "\\#e");
	lines_release(&l);
	read_lines(&l, "# x\0y\nz\0\0", 9, '\0', false);
	assert_int_equal(l.count, 2);
	assert_string_equal(l.items[0], "# x");
	assert_string_equal(l.items[1], "y\nz");
	lines_release(&l);
	read_lines(&l, "", 0, '\n', false);
	assert_int_equal(l.count, 0);
	lines_release(&l);
}

static void test_exit_codes(void **state)
{
	(void)state;
	assert_int_equal(exitcode_of(0), 0);
	assert_int_equal(exitcode_of(SHERD_IO), 1);
	assert_int_equal(exitcode_of(SHERD_INVALID), 2);
	assert_int_equal(exitcode_of(SHERD_OFFLINE), 5);
	assert_int_equal(exitcode_of(SHERD_NOPOOL), 10);
	assert_int_equal(exitcode_of(SHERD_BUSY), 11);
	assert_int_equal(exitcode_of(SHERD_BADKEY), 12);
	assert_int_equal(exitcode_of(SHERD_NEWER), 13);
	assert_int_equal(exitcode_of(SHERD_NOSPACE), 14);
	assert_int_equal(exitcode_of(SHERD_QUORUM), 15);
	assert_int_equal(exitcode_of(SHERD_STALE), 15);
	assert_int_equal(exitcode_of(SHERD_LOST), 20);
	assert_int_equal(exitcode_of(SHERD_ROLLBACK), 21);
	assert_int_equal(exitcode_of(-9999), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_amounts),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
