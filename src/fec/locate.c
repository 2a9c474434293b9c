/* SPDX-License-Identifier: MIT */
/*
 * locate.c - which shares are wrong, found from the shares alone.
 *
 * In one column the shares are the values of a polynomial of degree < k at their points, but for
 * the wrong ones. With n values and at most (n - k) / 2 wrong ones there is exactly one such
 * polynomial, and Gao's decoder finds it: interpolate all n values, run Euclid's algorithm on that
 * polynomial and the product of (X + point) half way, and divide. A wrong share need not be wrong
 * in every column, so the search goes on: leave out what the first disagreeing column shows, look
 * for the next column that disagrees, until all the remaining shares agree everywhere. That final
 * agreement, not the way there, is the proof. Quadratic in n for each wrong share; used only when
 * something is wrong.
 */
#include <assert.h>
#include <string.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <fec/gf256.h>
#include <fec/plan.h>

#define POINTS 256      /* at most */
#define TILE_BYTES 8192 /* columns compared at a time */
#define NO_COLUMN SIZE_MAX

/* c[0] + c[1] X + ...; coefficients above `degree` are 0; the zero polynomial has degree -1. */
struct polynomial {
	uint8_t c[POINTS + 1];
	int degree;
};

static void trim(struct polynomial *p)
{
	while (p->degree >= 0 && !p->c[p->degree])
		p->degree--;
}

/* p += factor * X^shift * q; p's degree is set anew. */
static void add_shifted(struct polynomial *p, const struct polynomial *q, uint8_t factor, int shift)
{
	assert(q->degree + shift <= POINTS);
	for (int i = 0; i <= q->degree; i++)
		p->c[i + shift] ^= gf256_mul(factor, q->c[i]);
	p->degree = INT_MAX_OF(p->degree, q->degree + shift);
	trim(p);
}

/* p *= X + x. */
static void multiply_by_root(struct polynomial *p, uint8_t x)
{
	assert(p->degree < POINTS);
	p->c[++p->degree] = 0;
	for (int i = p->degree; i > 0; i--)
		p->c[i] = p->c[i - 1] ^ gf256_mul(x, p->c[i]);
	p->c[0] = gf256_mul(x, p->c[0]);
}

static uint8_t value_at(const struct polynomial *p, uint8_t x)
{
	uint8_t v = 0;

	for (int i = p->degree; i >= 0; i--)
		v = gf256_mul(v, x) ^ p->c[i];
	return v;
}

/* Newton's interpolation: the polynomial of degree < n through all points, and their product. */
static void interpolate(size_t n, const uint8_t *x, const uint8_t *v, struct polynomial *ret_p,
	struct polynomial *ret_product)
{
	*ret_p = (struct polynomial){.degree = -1};
	*ret_product = (struct polynomial){.c = {1}, .degree = 0};
	for (size_t i = 0; i < n; i++) {
		uint8_t miss = v[i] ^ value_at(ret_p, x[i]);

		if (miss)
			add_shifted(ret_p, ret_product,
				gf256_div(miss, value_at(ret_product, x[i])), 0);
		multiply_by_root(ret_product, x[i]);
	}
}

/*
 * Gao's decoder. The polynomial of degree < k that differs from the n values at the fewest points,
 * if those are at most (n - k) / 2; else false.
 */
static bool decode_column(
	size_t n, size_t k, const uint8_t *x, const uint8_t *v, struct polynomial *ret_p)
{
	struct polynomial r[2], cofactor[2] = {{.degree = -1}, {.c = {1}, .degree = 0}};
	unsigned now = 1;

	interpolate(n, x, v, &r[1], &r[0]);
	while (2 * r[now].degree >= (int)(n + k)) {
		unsigned last = !now;

		while (r[last].degree >= r[now].degree) {
			int shift = r[last].degree - r[now].degree;
			uint8_t factor =
				gf256_div(r[last].c[r[last].degree], r[now].c[r[now].degree]);

			add_shifted(&r[last], &r[now], factor, shift);
			add_shifted(&cofactor[last], &cofactor[now], factor, shift);
		}
		now = last;
	}

	const struct polynomial *divisor = &cofactor[now];
	struct polynomial *rest = &r[now], quotient = {.degree = -1};
	while (rest->degree >= divisor->degree) {
		int shift = rest->degree - divisor->degree;
		uint8_t factor = gf256_div(rest->c[rest->degree], divisor->c[divisor->degree]);

		quotient.c[shift] = factor;
		quotient.degree = INT_MAX_OF(quotient.degree, shift);
		add_shifted(rest, divisor, factor, shift);
	}
	*ret_p = quotient;
	return rest->degree < 0 && quotient.degree < (int)k;
}

/* Shares that are believed, and what they are compared with. */
struct jury {
	const struct sherd_fec *code;
	unsigned share[POINTS]; /* numbers; the first k are the known ones */
	const uint8_t *block[POINTS];
	size_t origin[POINTS]; /* index in the caller's list */
	size_t count;
};

static void seat(struct jury *jury, const struct sherd_fec *code, const unsigned *shares,
	const uint8_t *const *blocks, size_t count, const uint8_t *wrong)
{
	jury->code = code;
	jury->count = 0;
	for (size_t i = 0; i < count; i++) {
		if (wrong[i])
			continue;
		jury->share[jury->count] = shares[i];
		jury->block[jury->count] = blocks[i];
		jury->origin[jury->count++] = i;
	}
}

static size_t first_difference(const uint8_t *a, const uint8_t *b, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (a[i] != b[i])
			return i;
	return NO_COLUMN;
}

/* The first column from ${from} on in which the jury disagrees; NO_COLUMN if it never does. */
static int find_disagreement(const struct jury *jury, size_t from, size_t size, size_t *ret_column,
	struct sherd_error *err)
{
	const size_t k = jury->code->k, extra = jury->count - k;
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	CLEANUP(mem_free_at) uint8_t *scratch = mem_array(extra, TILE_BYTES);
	const uint8_t *part[POINTS];
	uint8_t *wanted[POINTS];
	int r;

	if (!scratch)
		return err_nomem(err);
	r = sherd_fec_plan_new(jury->code, jury->share, jury->share + k, extra, &plan, err);
	if (r)
		return r;
	*ret_column = NO_COLUMN;
	for (size_t w = 0; w < extra; w++)
		wanted[w] = scratch + w * TILE_BYTES;
	for (size_t at = from; at < size && *ret_column == NO_COLUMN; at += TILE_BYTES) {
		size_t count = INT_MIN_OF((size_t)TILE_BYTES, size - at), least = NO_COLUMN;

		for (size_t j = 0; j < k; j++)
			part[j] = jury->block[j] + at;
		fec_run(plan, part, wanted, count, NULL);
		for (size_t w = 0; w < extra; w++) {
			size_t d = first_difference(wanted[w], jury->block[k + w] + at, count);

			least = INT_MIN_OF(least, d);
		}
		if (least != NO_COLUMN)
			*ret_column = at + least;
	}
	return 0;
}

/* Mark the jurors whose byte in ${column} is wrong; false if that cannot be told. */
static bool judge_column(
	const struct jury *jury, size_t column, uint8_t *wrong, size_t *wrong_count)
{
	uint8_t x[POINTS], v[POINTS];
	struct polynomial p;

	for (size_t i = 0; i < jury->count; i++) {
		x[i] = gf256_point(jury->share[i]);
		v[i] = jury->block[i][column];
	}
	if (!decode_column(jury->count, jury->code->k, x, v, &p))
		return false;
	for (size_t i = 0; i < jury->count; i++) {
		if (value_at(&p, x[i]) != v[i]) {
			wrong[jury->origin[i]] = 1;
			++*wrong_count;
		}
	}
	return true;
}

static int check_list(const struct sherd_fec *code, const unsigned *shares,
	const uint8_t *const *blocks, size_t count, size_t size, struct sherd_error *err)
{
	uint8_t seen[SHERD_FEC_SHARES_MAX] = {0};

	if (!code || !shares || !blocks)
		return err_set(err, SHERD_INVALID, "no code or no list of shares");
	if (count < code->k || count > code->m)
		return err_set(
			err, SHERD_INVALID, "%zu shares are not %u to %u", count, code->k, code->m);
	if (size > PTRDIFF_MAX)
		return err_set(err, SHERD_INVALID, "a block of %zu bytes cannot be", size);
	for (size_t i = 0; i < count; i++) {
		if (shares[i] >= code->m || seen[shares[i]])
			return err_set(err, SHERD_INVALID, "share %u is %s", shares[i],
				shares[i] >= code->m ? "out of range" : "named twice");
		if (!blocks[i] && size)
			return err_set(err, SHERD_INVALID, "block %zu is NULL", i);
		seen[shares[i]] = 1;
	}
	return 0;
}

int sherd_fec_locate(const struct sherd_fec *code, const unsigned *shares,
	const uint8_t *const *blocks, size_t count, size_t size, uint8_t *ret_wrong,
	size_t *ret_wrong_count, struct sherd_error *err)
{
	uint8_t wrong[POINTS] = {0};
	size_t wrong_count = 0, column = 0;
	int r = check_list(code, shares, blocks, count, size, err);

	if (r)
		return r;
	if (!ret_wrong || !ret_wrong_count)
		return err_set(err, SHERD_INVALID, "no place for the answer");
	CLEANUP(mem_free_at) struct jury *jury = mem_array(1, sizeof(*jury));
	if (!jury)
		return err_nomem(err);
	while (count > code->k) {
		seat(jury, code, shares, blocks, count, wrong);
		r = find_disagreement(jury, column, size, &column, err);
		if (r)
			return r;
		if (column == NO_COLUMN)
			break;
		if (!judge_column(jury, column, wrong, &wrong_count) ||
			wrong_count > (count - code->k) / 2)
			return err_set(err, SHERD_MISMATCH,
				"the shares disagree, and it cannot be told which are wrong");
		column++;
	}
	memcpy(ret_wrong, wrong, count);
	*ret_wrong_count = wrong_count;
	return 0;
}
