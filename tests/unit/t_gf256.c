/* SPDX-License-Identifier: MIT */
/* t_gf256.c - every entry of every table of the field, against products made bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fec/gf256.h>
#include "naive.h"

static void products(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			uint8_t c = naive_product((uint8_t)a, (uint8_t)b);

			assert_int_equal(gf256_mul((uint8_t)a, (uint8_t)b), c);
			assert_int_equal(gf256_product[a][b], c);
		}
	}
}

static void quotients(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 1; b < 256; b++) {
			uint8_t c = gf256_div((uint8_t)a, (uint8_t)b);

			assert_int_equal(naive_product(c, (uint8_t)b), a);
		}
	}
}

/* Powers of 2, thrice over; each of 1..255 once in a turn, and log leads back to it. */
static void powers_and_logs(void **state)
{
	uint8_t power = 1, seen[256] = {0};

	(void)state;
	for (unsigned i = 0; i < 765; i++, power = naive_product(power, 2)) {
		assert_int_equal(gf256_exp[i], power);
		assert_int_equal(gf256_log[power], i % 255);
		assert_int_equal(seen[power]++, i / 255);
	}
	assert_int_equal(power, 1);
	assert_int_equal(seen[0], 0);
	assert_int_equal(gf256_log[0], 0);
}

static void nibbles(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		for (unsigned x = 0; x < 16; x++) {
			assert_int_equal(
				gf256_nibbles[c][x], naive_product((uint8_t)c, (uint8_t)x));
			assert_int_equal(gf256_nibbles[c][16 + x],
				naive_product((uint8_t)c, (uint8_t)(x << 4)));
		}
	}
}

/* gf2p8affineqb as its manual defines it: bit i is the parity of x and the matrix' byte 7-i. */
static uint8_t affine(uint64_t matrix, uint8_t x)
{
	uint8_t y = 0;

	for (unsigned i = 0; i < 8; i++) {
		unsigned row = (unsigned)(matrix >> 8 * (7 - i)) & 0xff;

		y |= (uint8_t)((unsigned)__builtin_parity(row & x) << i);
	}
	return y;
}

static void matrices(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++)
		for (unsigned x = 0; x < 256; x++)
			assert_int_equal(affine(gf256_affine[c], (uint8_t)x),
				naive_product((uint8_t)c, (uint8_t)x));
}

static void points(void **state)
{
	uint8_t seen[256] = {0};

	(void)state;
	for (unsigned s = 0; s < 256; s++) {
		assert_int_equal(gf256_point(s), naive_point(s));
		assert_int_equal(seen[gf256_point(s)]++, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(products),
		cmocka_unit_test(quotients),
		cmocka_unit_test(powers_and_logs),
		cmocka_unit_test(nibbles),
		cmocka_unit_test(matrices),
		cmocka_unit_test(points),
	};

	return cmocka_run_group_tests_name("gf256", tests, NULL, NULL);
}
