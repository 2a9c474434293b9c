/* SPDX-License-Identifier: MIT */
/*
 * compat.c - zfec's C interface (zfec/fec.h) on top of codes and plans.
 *
 * Written from a description of zfec's behaviour. Where zfec's functions return nothing, errno says
 * EINVAL or ENOMEM, and nothing was written. The encode plan that wants every check block in order,
 * by far the most used, is made once with the code; any other list gets a plan of its own.
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

/* What fec_new() returns points at `face`; the rest is ours. */
struct zfec_code {
	fec_t face;
	struct sherd_fec *code;
	struct sherd_fec_plan *encode; /* k..n-1 from 0..k-1 */
	gf matrix[];                   /* n rows of k bytes */
};

static_assert(offsetof(struct zfec_code, face) == 0, "a fec_t * is a struct zfec_code *");

static unsigned long magic_of(const fec_t *face)
{
	return MAGIC ^ face->k ^ face->n ^ (unsigned long)(uintptr_t)face->enc_matrix;
}

static const struct zfec_code *code_of(const fec_t *face)
{
	return face && face->magic == magic_of(face) ? (const struct zfec_code *)face : NULL;
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
	struct zfec_code *z = (struct zfec_code *)p;

	if (!code_of(p))
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

/* At most FEC_WANTED_MAX blocks by a plan made for them. */
static int encode_some(const struct zfec_code *z, const uint8_t *const *src, uint8_t *const *fecs,
	const unsigned *numbers, size_t count, size_t size)
{
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	unsigned known[SHERD_FEC_SHARES_MAX];
	int r;

	for (unsigned i = 0; i < z->face.k; i++)
		known[i] = i;
	r = sherd_fec_plan_new(z->code, known, numbers, count, &plan, NULL);
	return r ? r : sherd_fec_run(plan, src, fecs, size, NULL, NULL);
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
	/* a bad number anywhere: nothing is written, not even the blocks before it */
	for (size_t i = 0; i < num_block_nums; i++)
		if (block_nums[i] >= code->n)
			r = SHERD_INVALID;
	if (!r && all_check_blocks(code, block_nums, num_block_nums)) {
		r = sherd_fec_run(z->encode, known, wanted, sz, NULL, NULL);
	} else {
		for (size_t at = 0; !r && at < num_block_nums; at += FEC_WANTED_MAX)
			r = encode_some(z, known, wanted + at, block_nums + at,
				INT_MIN_OF(num_block_nums - at, (size_t)FEC_WANTED_MAX), sz);
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
