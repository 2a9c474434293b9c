/* SPDX-License-Identifier: MIT */
/*
 * plan.c - coefficients of "these shares from those", in the kernel's own form.
 *
 * For known shares with points x_j and a wanted share with point y that is not known, Lagrange's
 * interpolation gives (+ is xor)
 *     P(y) = sum over j of A_j * P(x_j),   A_j = N(y) / ((y + x_j) * D_j),
 *     N(y) = product over i of (y + x_i),  D_j = product over i != j of (x_j + x_i).
 * Products are sums of logarithms. No matrix is inverted, no set of known shares is singular.
 * The product of x_j + e over all 255 other elements e is 1 (Wilson), so D_j is also one over the
 * product over the elements that are not known: the smaller side is taken.
 */
#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <fec/gf256.h>
#include <fec/plan.h>

#define FIELD 256
#define ORDER 255 /* of the multiplicative group: logarithms are modulo this */

/* log of D_j for each known point x[j], modulo ORDER. */
static void log_denominators(size_t k, const uint8_t *x, const bool *is_known, uint8_t *ret_log)
{
	uint8_t other[FIELD];
	bool inside = k <= FIELD / 2;
	size_t count = 0;

	if (inside) {
		memcpy(other, x, k);
		count = k;
	} else {
		for (unsigned e = 0; e < FIELD; e++)
			if (!is_known[e])
				other[count++] = (uint8_t)e;
	}
	for (size_t j = 0; j < k; j++) {
		unsigned sum = 0;

		/* x_j itself, which is among the others if inside, adds log[0], which is 0 */
		for (size_t i = 0; i < count; i++)
			sum += gf256_log[x[j] ^ other[i]];
		sum %= ORDER;
		ret_log[j] = (uint8_t)(inside ? sum : (ORDER - sum) % ORDER);
	}
}

static void one_row(size_t k, const uint8_t *x, const uint8_t *log_d, uint8_t y, uint8_t *row)
{
	uint8_t log_miss[FIELD]; /* of y + x[j] */
	unsigned log_n = 0;

	for (size_t j = 0; j < k; j++) {
		log_miss[j] = gf256_log[y ^ x[j]];
		log_n += log_miss[j];
	}
	/* less two logs it is not negative, and less than three orders */
	log_n = log_n % ORDER + 2 * ORDER;
	for (size_t j = 0; j < k; j++)
		row[j] = gf256_exp[log_n - log_d[j] - log_miss[j]];
}

void fec_coefficients(size_t k, const unsigned *known, const unsigned *wanted, size_t wanted_count,
	uint8_t *ret_rows)
{
	uint8_t x[FIELD], log_d[FIELD];
	bool is_known[FIELD] = {false};

	assert(k >= 1 && k <= FIELD);
	for (size_t j = 0; j < k; j++) {
		x[j] = gf256_point(known[j]);
		is_known[x[j]] = true;
	}
	log_denominators(k, x, is_known, log_d);
	for (size_t w = 0; w < wanted_count; w++) {
		uint8_t y = gf256_point(wanted[w]), *row = ret_rows + w * k;

		if (!is_known[y]) {
			one_row(k, x, log_d, y, row);
			continue;
		}
		for (size_t j = 0; j < k; j++)
			row[j] = x[j] == y;
	}
}

/* Where each share stands among the known ones, or -1; INVALID for numbers out of range or twice.
 */
static int index_known(const struct sherd_fec *code, const unsigned *known, int16_t *ret_index,
	struct sherd_error *err)
{
	for (unsigned i = 0; i < SHERD_FEC_SHARES_MAX; i++)
		ret_index[i] = -1;
	for (unsigned j = 0; j < code->k; j++) {
		if (known[j] >= code->m)
			return err_set(err, SHERD_INVALID,
				"known share %u does not exist: they are 0 to %u", known[j],
				code->m - 1);
		if (ret_index[known[j]] >= 0)
			return err_set(err, SHERD_INVALID,
				"share %u is named twice among the known", known[j]);
		ret_index[known[j]] = (int16_t)j;
	}
	return 0;
}

/* Split the wanted shares in copies and outputs; ret_numbers gets the outputs' share numbers. */
static int split_wanted(struct sherd_fec_plan *plan, const struct sherd_fec *code,
	const unsigned *wanted, const int16_t *known_index, unsigned *ret_numbers,
	struct sherd_error *err)
{
	for (size_t w = 0; w < plan->wanted_count; w++) {
		if (wanted[w] >= code->m)
			return err_set(err, SHERD_INVALID,
				"wanted share %u does not exist: they are 0 to %u", wanted[w],
				code->m - 1);
		if (known_index[wanted[w]] >= 0) {
			plan->copies[plan->copy_count++] = (struct fec_copy){
				.known = (size_t)known_index[wanted[w]], .wanted = w};
		} else if (code->k == 1) { /* every share is a copy */
			plan->copies[plan->copy_count++] = (struct fec_copy){.wanted = w};
		} else {
			ret_numbers[plan->output_count] = wanted[w];
			plan->outputs[plan->output_count++] = w;
		}
	}
	return 0;
}

/* All outputs in one pass if the kernel can, else in passes of about equal breadth. */
static void choose_group(struct sherd_fec_plan *plan)
{
	size_t n = plan->output_count;

	if (n <= plan->kernel->outputs_max)
		plan->group = INT_MAX_OF(n, (size_t)1);
	else
		plan->group = int_div_up(n, int_div_up(n, plan->kernel->group));
}

static int fill_table(struct sherd_fec_plan *plan, const unsigned *known, const unsigned *numbers,
	struct sherd_error *err)
{
	const struct fec_kernel *kernel = plan->kernel;
	CLEANUP(mem_free_at) uint8_t *rows = mem_array(plan->output_count, plan->k);
	uint8_t *slot;

	plan->table = mem_aligned(64, plan->output_count * plan->k * kernel->slot_size + 64);
	if (!rows || !plan->table)
		return err_nomem(err);
	fec_coefficients(plan->k, known, numbers, plan->output_count, rows);
	slot = plan->table;
	for (size_t first = 0; first < plan->output_count; first += plan->group) {
		size_t count = INT_MIN_OF(plan->group, plan->output_count - first);

		for (size_t j = 0; j < plan->k; j++, slot += count * kernel->slot_size) {
			uint8_t column[FEC_OUTPUTS_MAX];

			for (size_t o = 0; o < count; o++)
				column[o] = rows[(first + o) * plan->k + j];
			kernel->prepare(column, count, slot);
		}
	}
	return 0;
}

int sherd_fec_plan_new(const struct sherd_fec *code, const unsigned *known, const unsigned *wanted,
	size_t wanted_count, struct sherd_fec_plan **ret_plan, struct sherd_error *err)
{
	int16_t known_index[SHERD_FEC_SHARES_MAX];
	int r;

	if (!code || !known || !ret_plan || (!wanted && wanted_count))
		return err_set(err, SHERD_INVALID, "a plan needs a code and two lists of shares");
	if (wanted_count > FEC_WANTED_MAX)
		return err_set(err, SHERD_INVALID, "%zu wanted shares are more than %d",
			wanted_count, FEC_WANTED_MAX);
	r = index_known(code, known, known_index, err);
	if (r)
		return r;

	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = mem_array(1, sizeof(*plan));
	CLEANUP(mem_free_at) unsigned *numbers = mem_array(wanted_count, sizeof(*numbers));
	if (!plan || !numbers)
		return err_nomem(err);
	plan->kernel = code->kernel;
	plan->k = code->k;
	plan->wanted_count = wanted_count;
	plan->copies = mem_array(wanted_count, sizeof(*plan->copies));
	plan->outputs = mem_array(wanted_count, sizeof(*plan->outputs));
	if (!plan->copies || !plan->outputs)
		return err_nomem(err);
	r = split_wanted(plan, code, wanted, known_index, numbers, err);
	if (r)
		return r;
	choose_group(plan);
	r = fill_table(plan, known, numbers, err);
	if (r)
		return r;
	*ret_plan = TAKE(plan);
	return 0;
}

int sherd_fec_plan_encode(
	const struct sherd_fec *code, struct sherd_fec_plan **ret_plan, struct sherd_error *err)
{
	unsigned shares[SHERD_FEC_SHARES_MAX];

	if (!code)
		return err_set(err, SHERD_INVALID, "a plan needs a code");
	for (unsigned i = 0; i < code->m; i++)
		shares[i] = i;
	return sherd_fec_plan_new(code, shares, shares + code->k, code->m - code->k, ret_plan, err);
}

void sherd_fec_plan_free(struct sherd_fec_plan *plan)
{
	if (!plan)
		return;
	mem_free(plan->copies);
	mem_free(plan->outputs);
	mem_free(plan->table);
	mem_free(plan);
}

size_t sherd_fec_plan_known_count(const struct sherd_fec_plan *plan)
{
	return plan ? plan->k : 0;
}

size_t sherd_fec_plan_wanted_count(const struct sherd_fec_plan *plan)
{
	return plan ? plan->wanted_count : 0;
}
