/* SPDX-License-Identifier: MIT */
/* naive.c - see naive.h. Written to be checked by reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "naive.h"

#define MODULUS 0x11d /* x^8 + x^4 + x^3 + x^2 + 1 */
#define PAGE 4096

static uint8_t multiply(uint8_t a, uint8_t b)
{
	unsigned product = 0;

	for (unsigned bit = 0; bit < 8; bit++)
		if (b >> bit & 1)
			product ^= (unsigned)a << bit;
	for (unsigned bit = 15; bit >= 8; bit--)
		if (product >> bit & 1)
			product ^= (unsigned)MODULUS << (bit - 8);
	return (uint8_t)product;
}

uint8_t naive_product(uint8_t a, uint8_t b)
{
	static uint8_t products[256][256]; /* multiply() remembered */
	static bool known;

	if (!known) {
		for (unsigned i = 0; i < 256; i++)
			for (unsigned j = 0; j < 256; j++)
				products[i][j] = multiply((uint8_t)i, (uint8_t)j);
		known = true;
	}
	return products[a][b];
}

uint8_t naive_point(unsigned share)
{
	uint8_t x = share ? 1 : 0;

	for (unsigned i = 1; i < share; i++)
		x = multiply(x, 2);
	return x;
}

/* The one b with a * b = 1. */
static uint8_t inverse(uint8_t a)
{
	for (unsigned b = 1; b < 256; b++)
		if (naive_product(a, (uint8_t)b) == 1)
			return (uint8_t)b;
	fail_msg("0 has no inverse");
	return 0;
}

/* row += factor * other */
static void add_row(uint8_t *row, const uint8_t *other, uint8_t factor, unsigned width)
{
	for (unsigned i = 0; factor && i < width; i++)
		row[i] ^= naive_product(factor, other[i]);
}

/* Gauss and Jordan: [v | unit] becomes [unit | inverse of v]; rows of 2k bytes. */
static void invert(unsigned k, uint8_t (*rows)[2 * NAIVE_SHARES_MAX])
{
	for (unsigned c = 0; c < k; c++) {
		unsigned pivot = c;
		uint8_t scale, kept[2 * NAIVE_SHARES_MAX];

		while (pivot < k && !rows[pivot][c])
			pivot++;
		assert_true(pivot < k);
		memcpy(kept, rows[pivot], sizeof(kept));
		memcpy(rows[pivot], rows[c], sizeof(kept));
		scale = inverse(kept[c]);
		for (unsigned i = 0; i < 2 * k; i++)
			rows[c][i] = naive_product(scale, kept[i]);
		for (unsigned r = 0; r < k; r++)
			if (r != c)
				add_row(rows[r], rows[c], rows[r][c], 2 * k);
	}
}

/* Powers 0..k-1 of the point of a share: what a polynomial's coefficients are multiplied with. */
static void powers(unsigned share, unsigned k, uint8_t *ret_row)
{
	uint8_t x = naive_point(share), power = 1;

	for (unsigned i = 0; i < k; i++, power = naive_product(power, x))
		ret_row[i] = power;
}

void naive_generator(unsigned k, unsigned m, uint8_t *ret_rows)
{
	static uint8_t rows[NAIVE_SHARES_MAX][2 * NAIVE_SHARES_MAX];

	memset(rows, 0, sizeof(rows));
	for (unsigned r = 0; r < k; r++) {
		powers(r, k, rows[r]);
		rows[r][k + r] = 1;
	}
	invert(k, rows);
	memset(ret_rows, 0, (size_t)k * m);
	for (unsigned s = 0; s < m; s++) {
		uint8_t row[NAIVE_SHARES_MAX];

		powers(s, k, row);
		for (unsigned i = 0; i < k; i++)
			add_row(ret_rows + (size_t)s * k, rows[i] + k, row[i], k);
	}
}

void naive_encode(unsigned k, unsigned m, size_t size, uint8_t *const *shares)
{
	static uint8_t rows[NAIVE_SHARES_MAX * NAIVE_SHARES_MAX];
	static unsigned rows_k, rows_m; /* what `rows` holds */

	if (rows_k != k || rows_m < m)
		naive_generator(k, m, rows);
	rows_k = k;
	rows_m = m;
	for (unsigned s = k; s < m; s++) {
		memset(shares[s], 0, size);
		for (unsigned j = 0; j < k; j++)
			for (size_t c = 0; c < size; c++)
				shares[s][c] ^=
					naive_product(rows[(size_t)s * k + j], shares[j][c]);
	}
}

static uint64_t random_state = 1;

void random_start(void)
{
	const char *seed = getenv("SHERD_SEED");

	random_state = seed ? strtoull(seed, NULL, 0) : 0x5eed;
	print_message("# SHERD_SEED=%llu\n", (unsigned long long)random_state);
	random_state |= UINT64_C(1) << 63;
}

int random_setup(void **state)
{
	(void)state;
	random_start();
	return 0;
}

unsigned random_below(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state >> 32) % n);
}

void random_fill(uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)random_below(256);
}

void random_order(unsigned count, unsigned *ret_numbers)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned j = random_below(i + 1);

		ret_numbers[i] = ret_numbers[j];
		ret_numbers[j] = i;
	}
}

struct naive_set *naive_set_new(unsigned k, unsigned m, size_t size)
{
	struct naive_set *set = calloc(1, sizeof(*set));

	assert_non_null(set);
	*set = (struct naive_set){.k = k, .m = m, .size = size};
	for (unsigned s = 0; s < m; s++) {
		set->share[s] = malloc(size ? size : 1);
		assert_non_null(set->share[s]);
		if (s < k)
			random_fill(set->share[s], size);
	}
	naive_encode(k, m, size, set->share);
	return set;
}

void naive_set_free(struct naive_set *set)
{
	for (unsigned s = 0; s < set->m; s++)
		free(set->share[s]);
	free(set);
}

struct guarded guarded_new(size_t size)
{
	size_t whole = (size + PAGE - 1) / PAGE * PAGE;
	uint8_t *map = mmap(NULL, whole + 2 * (size_t)PAGE, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_int_equal(sysconf(_SC_PAGESIZE), PAGE);
	assert_true(map != MAP_FAILED);
	assert_int_equal(mprotect(map + PAGE, whole, PROT_READ | PROT_WRITE), 0);
	return (struct guarded){.bytes = map + PAGE, .size = whole};
}

void guarded_free(struct guarded *g)
{
	assert_int_equal(munmap(g->bytes - PAGE, g->size + 2 * (size_t)PAGE), 0);
}

void guarded_freeze(const struct guarded *g)
{
	assert_int_equal(mprotect(g->bytes, g->size, PROT_READ), 0);
}
