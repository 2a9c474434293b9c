/* SPDX-License-Identifier: MIT */
/* t_zshare.c - headers and names of share files, against those that the original zfec made. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include <base/cleanup.h>
#include <sherd/zfec.h>
#include "golden.h"

#define HEADER_RECORDS 8094

static bool same(const struct sherd_zfec_header *a, const struct sherd_zfec_header *b)
{
	return a->k == b->k && a->m == b->m && a->pad == b->pad && a->share == b->share;
}

/* Both ways, and refused at every shorter length. */
static void check_header(const struct sherd_zfec_header *h, const uint8_t *expected)
{
	uint8_t bytes[SHERD_ZFEC_HEADER_MAX];
	struct sherd_zfec_header read = {0};
	size_t size = 0, taken = 0;

	assert_int_equal(sherd_zfec_header_write(h, bytes, &size, NULL), 0);
	assert_int_equal(size, sherd_zfec_header_size(h->k, h->m));
	if (expected)
		assert_memory_equal(bytes, expected, size);
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(
			sherd_zfec_header_read(bytes, cut, &read, &taken, NULL), SHERD_CORRUPT);
	assert_int_equal(taken, 0);
	assert_int_equal(sherd_zfec_header_read(bytes, size, &read, &taken, NULL), 0);
	assert_int_equal(taken, size);
	assert_true(same(&read, h));
}

static void golden_headers(void **state)
{
	CLEANUP(golden_close_at) struct golden *g = golden_open("headers.txt");
	unsigned records = 0;

	(void)state;
	while (golden_next(g)) {
		uint8_t expected[SHERD_ZFEC_HEADER_MAX];
		struct sherd_zfec_header h;

		h.m = golden_number(g);
		h.k = golden_number(g);
		h.pad = golden_number(g);
		h.share = golden_number(g);
		golden_bytes(g, sherd_zfec_header_size(h.k, h.m), expected);
		golden_end(g);
		check_header(&h, expected);
		records++;
	}
	assert_int_equal(records, HEADER_RECORDS);
}

static void every_code(void **state)
{
	unsigned sizes[5] = {0};

	(void)state;
	for (unsigned m = 1; m <= 256; m++)
		for (unsigned k = 1; k <= m; k++) {
			const unsigned pads[] = {0, k / 2, k - 1}, shares[] = {0, m / 2, m - 1};

			sizes[sherd_zfec_header_size(k, m)]++;
			for (unsigned i = 0; i < 9; i++)
				check_header(&(struct sherd_zfec_header){k, m, pads[i % 3],
						     shares[i / 3]},
					NULL);
		}
	assert_int_equal(sizes[2], 34);
	assert_int_equal(sizes[3], 1390);
	assert_int_equal(sizes[4], 31472);
}

/* Whatever the bytes are: refused, or exactly what a writer makes of what was read. */
static void check_any(const uint8_t *bytes, size_t size)
{
	struct sherd_zfec_header h;
	uint8_t again[SHERD_ZFEC_HEADER_MAX];
	size_t taken, written;
	int r = sherd_zfec_header_read(bytes, size, &h, &taken, NULL);

	if (r) {
		assert_int_equal(r, SHERD_CORRUPT);
		return;
	}
	assert_true(taken <= size);
	assert_int_equal(sherd_zfec_header_write(&h, again, &written, NULL), 0);
	assert_int_equal(written, taken);
	assert_memory_equal(again, bytes, taken);
}

static void any_bytes(void **state)
{
	static const uint8_t ends[][2] = {
		{0, 0}, {0, 1}, {0x80, 0}, {1, 0}, {0x7f, 0x80}, {0xff, 0xff}, {0x55, 0xaa}};

	(void)state;
	for (unsigned start = 0; start < 65536; start++)
		for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
			uint8_t bytes[] = {
				(uint8_t)(start >> 8), (uint8_t)start, ends[i][0], ends[i][1]};

			for (size_t size = 0; size <= sizeof(bytes); size++)
				check_any(bytes, size);
		}
}

static void refused_message(const uint8_t *bytes, const char *part)
{
	struct sherd_zfec_header h;
	struct sherd_error err = {0};
	size_t size;

	assert_int_equal(sherd_zfec_header_read(bytes, 4, &h, &size, &err), SHERD_CORRUPT);
	if (!strstr(err.message, part))
		fail_msg("'%s' has no '%s'", err.message, part);
}

static void refusals_say_why(void **state)
{
	(void)state;
	/* m = 3: 8 bits, then k-1 in 2, pad in 2 (k = 3), share in 2 */
	refused_message((const uint8_t[]){2, 0xc0, 0, 0}, "4 shares of 3");
	refused_message((const uint8_t[]){2, 0xb0, 0, 0}, "padding");
	refused_message((const uint8_t[]){2, 0x8c, 0, 0}, "share 3");
	refused_message((const uint8_t[]){2, 0x81, 0, 0}, "behind its last field");
}

static void misuse(void **state)
{
	static const struct sherd_zfec_header bad[] = {{0, 1, 0, 0}, {2, 1, 0, 0}, {1, 257, 0, 0},
		{1, 0, 0, 0}, {3, 8, 3, 0}, {3, 8, 0, 8}, {1, 1, 1, 0}, {1, 1, 0, 1}};
	uint8_t bytes[SHERD_ZFEC_HEADER_MAX];
	struct sherd_zfec_header h = {1, 1, 0, 0};
	size_t size = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(
			sherd_zfec_header_write(&bad[i], bytes, &size, NULL), SHERD_INVALID);
	assert_int_equal(sherd_zfec_header_write(NULL, bytes, &size, NULL), SHERD_INVALID);
	assert_int_equal(sherd_zfec_header_read(NULL, 4, &h, &size, NULL), SHERD_INVALID);
	assert_int_equal(size, 77);
	assert_int_equal(sherd_zfec_header_size(0, 5), 0);
	assert_int_equal(sherd_zfec_header_size(6, 5), 0);
	assert_int_equal(sherd_zfec_header_size(6, 257), 0);
}

static void check_name(struct sherd_zfec_encode_options o, unsigned share, const char *expected)
{
	char name[100], cut[4];

	assert_int_equal(sherd_zfec_share_name(&o, share, name, sizeof(name)), strlen(expected));
	assert_string_equal(name, expected);
	assert_int_equal(sherd_zfec_share_name(&o, share, NULL, 0), strlen(expected));
	assert_int_equal(sherd_zfec_share_name(&o, share, cut, sizeof(cut)), strlen(expected));
	assert_memory_equal(cut, expected, 3);
	assert_int_equal(cut[3], 0);
}

static void names(void **state)
{
	struct sherd_zfec_encode_options o = {.k = 3, .m = 8};
	char name[10];

	(void)state;
	check_name(o, 0, "./.0_8.fec");
	o.prefix = "f";
	check_name(o, 7, "./f.7_8.fec");
	o.m = 10;
	check_name(o, 7, "./f.07_10.fec");
	o.directory = "a/b";
	check_name(o, 9, "a/b/f.09_10.fec");
	o.m = 100;
	o.suffix = "";
	check_name(o, 9, "a/b/f.009_100");
	o.m = 256;
	o.directory = "";
	check_name(o, 255, "./f.255_256");
	assert_int_equal(sherd_zfec_share_name(&o, 256, name, sizeof(name)), 0);
	assert_int_equal(sherd_zfec_share_name(NULL, 0, name, sizeof(name)), 0);
	o.k = 0;
	assert_int_equal(sherd_zfec_share_name(&o, 0, name, sizeof(name)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_headers),
		cmocka_unit_test(every_code),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(refusals_say_why),
		cmocka_unit_test(misuse),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
