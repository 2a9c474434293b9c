/* SPDX-License-Identifier: MIT */
/*
 * compat.c - zfec's C interface (zfec/fec.h) on top of codes and plans.
 *
 * Written from a description of zfec's behaviour. Where zfec's functions return nothing, errno says
 * EINVAL or ENOMEM, and nothing was written. The encode plan that wants every check block in order,
 * by far the most used, is made once with the code; any other list gets a plan of its own, for
 * each of its numbers once.
 */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <base/alloc.h>
#include <base/intmath.h>
#include <zfec/fec.h>
#include <fec/plan.h>

#define MAGIC 0xFECC0DECul

/* zfec's `restrict` inside its lists means nothing to us; through a number it goes silently. */
#define KNOWN(list) ((const uint8_t *const *)(uintptr_t)(list))
#define WANTED(list) ((uint8_t *const *)(uintptr_t)(list))

/* What fec_new() returns points at `face`; the rest is ours, and is found through `enc_matrix`: the
 * caller may have copied the struct. */
struct zfec_code {
	fec_t face;
	struct sherd_fec *code;
	struct sherd_fec_plan *encode; /* k..n-1 from 0..k-1 */
	gf matrix[];                   /* n rows of k bytes */
};

static unsigned long magic_of(const fec_t *face)
{
	return MAGIC ^ face->k ^ face->n ^ (unsigned long)(uintptr_t)face->enc_matrix;
}

static struct zfec_code *code_of(const fec_t *face)
{
	if (!face || face->magic != magic_of(face))
		return NULL;
	return (struct zfec_code *)(void *)(face->enc_matrix - offsetof(struct zfec_code, matrix));
}

void fec_init(void)
{
}

/* errno for a code of our own. */
static void set_errno(int code)
{
	errno = code == SHERD_NOMEM ? ENOMEM : EINVAL;
}

fec_t *fec_new(unsigned short k, unsigned short m)
{
	unsigned shares[SHERD_FEC_SHARES_MAX];
	struct zfec_code *z;
	int r;

	if (k < 1 || m < k || m > SHERD_FEC_SHARES_MAX) {
		errno = EINVAL;
		return NULL;
	}
	z = mem_array(1, sizeof(*z) + (size_t)k * m);
	if (!z) {
		errno = ENOMEM;
		return NULL;
	}
	z->face = (fec_t){.k = k, .n = m, .enc_matrix = z->matrix};
	z->face.magic = magic_of(&z->face);
	r = sherd_fec_new(k, m, NULL, &z->code, NULL);
	if (!r)
		r = sherd_fec_plan_encode(z->code, &z->encode, NULL);
	if (r) {
		fec_free(&z->face);
		set_errno(r);
		return NULL;
	}
	for (unsigned i = 0; i < m; i++)
		shares[i] = i;
	fec_coefficients(k, shares, shares, m, z->matrix);
	return &z->face;
}

void fec_free(fec_t *p)
{
	struct zfec_code *z = code_of(p);

	if (!z)
		return;
	sherd_fec_plan_free(z->encode);
	sherd_fec_free(z->code);
	z->face.magic = 0;
	mem_free(z);
}

/* Is this list k, k+1 .. n-1, for which the plan is ready? */
static bool all_check_blocks(const fec_t *face, const unsigned *numbers, size_t count)
{
	if (count != (size_t)face->n - face->k)
		return false;
	for (size_t i = 0; i < count; i++)
		if (numbers[i] != face->k + i)
			return false;
	return true;
}

/* Any list, checked: each number once by a plan made for it, and copies where it comes again. */
static int encode_list(const struct zfec_code *z, const uint8_t *const *src, uint8_t *const *fecs,
	const unsigned *numbers, size_t count, size_t size)
{
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	unsigned known[SHERD_FEC_SHARES_MAX], wanted[SHERD_FEC_SHARES_MAX];
	uint8_t *first[SHERD_FEC_SHARES_MAX] = {NULL}, *target[SHERD_FEC_SHARES_MAX];
	size_t wanted_count = 0;
	int r;

	for (unsigned i = 0; i < z->face.k; i++)
		known[i] = i;
	for (size_t i = 0; i < count; i++) {
		if (first[numbers[i]])
			continue;
		first[numbers[i]] = fecs[i];
		target[wanted_count] = fecs[i];
		wanted[wanted_count++] = numbers[i];
	}
	r = sherd_fec_plan_new(z->code, known, wanted, wanted_count, &plan, NULL);
	if (r)
		return r;
	fec_run(plan, src, target, size, NULL);
	for (size_t i = 0; i < count; i++)
		if (fecs[i] != first[numbers[i]])
			memcpy(fecs[i], first[numbers[i]], size);
	return 0;
}

void fec_encode(const fec_t *code, const gf *restrict const *restrict const src,
	gf *restrict const *restrict const fecs, const unsigned *restrict const block_nums,
	size_t num_block_nums, size_t sz)
{
	const uint8_t *const *known = KNOWN(src);
	uint8_t *const *wanted = WANTED(fecs);
	const struct zfec_code *z = code_of(code);
	int r = 0;

	if (!z || (!block_nums && num_block_nums)) {
		errno = EINVAL;
		return;
	}
	/* a fault anywhere: nothing is written, not even the blocks before it */
	for (size_t i = 0; i < num_block_nums; i++)
		if (block_nums[i] >= code->n)
			r = SHERD_INVALID;
	if (!r && num_block_nums && sz)
		r = fec_check_blocks(
			known, code->k, (const uint8_t *const *)wanted, num_block_nums, sz, NULL);
	if (!r && num_block_nums && sz) {
		if (all_check_blocks(code, block_nums, num_block_nums))
			fec_run(z->encode, known, wanted, sz, NULL);
		else
			r = encode_list(z, known, wanted, block_nums, num_block_nums, sz);
	}
	if (r)
		set_errno(r);
}

void fec_decode(const fec_t *code, const gf *restrict const *restrict const inpkts,
	gf *restrict const *restrict const outpkts, const unsigned *restrict const index, size_t sz)
{
	const struct zfec_code *z = code_of(code);
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	bool present[SHERD_FEC_SHARES_MAX] = {false};
	const uint8_t *const *known = KNOWN(inpkts);
	uint8_t *const *wanted = WANTED(outpkts);
	unsigned missing[SHERD_FEC_SHARES_MAX];
	size_t count = 0;
	int r;

	if (!z || !index) {
		errno = EINVAL;
		return;
	}
	for (unsigned i = 0; i < code->k; i++)
		if (index[i] < code->k)
			present[index[i]] = true;
	for (unsigned i = 0; i < code->k; i++)
		if (!present[i])
			missing[count++] = i;
	r = sherd_fec_plan_new(z->code, index, missing, count, &plan, NULL);
	if (!r)
		r = sherd_fec_run(plan, known, wanted, sz, NULL, NULL);
	if (r)
		set_errno(r);
}
