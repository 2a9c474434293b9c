/* SPDX-License-Identifier: MIT */
/*
 * fecplan.c - counted codes and plans, and a cache of one plan.
 *
 * One entry is enough: who encodes or decodes a stream asks for the same blocks from the same
 * blocks, call after call, and comparing at most 512 numbers costs nothing beside making a plan.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <assert.h>
#include <string.h>
#include "fecplan.h"

static int no_memory(struct sherd_error *err)
{
	static const char text[] = "out of memory";

	err->code = SHERD_NOMEM;
	err->os_errno = 0;
	memcpy(err->message, text, sizeof(text));
	return SHERD_NOMEM;
}

int fec_code_new(unsigned k, unsigned m, struct fec_code **ret_code, struct sherd_error *err)
{
	struct fec_code *code = PyMem_Calloc(1, sizeof(*code));
	int r;

	if (!code)
		return no_memory(err);
	code->refs = 1;
	code->k = k;
	code->m = m;
	r = sherd_fec_new(k, m, NULL, &code->fec, err);
	if (r < 0) {
		PyMem_Free(code);
		return r;
	}
	*ret_code = code;
	return 0;
}

struct fec_code *fec_code_ref(struct fec_code *code)
{
	assert(code->refs > 0);
	code->refs++;
	return code;
}

void fec_code_unref(struct fec_code *code)
{
	if (!code || --code->refs > 0)
		return;
	sherd_fec_free(code->fec);
	PyMem_Free(code);
}

void fec_plan_unref(struct fec_plan *plan)
{
	if (!plan || --plan->refs > 0)
		return;
	sherd_fec_plan_free(plan->plan);
	fec_code_unref(plan->code);
	PyMem_Free(plan);
}

/* A plan without coefficients: its numbers, and one reference. NULL if memory is out. */
static struct fec_plan *plan_alloc(
	struct fec_code *code, const unsigned *known, const unsigned *wanted, size_t wanted_count)
{
	struct fec_plan *plan = PyMem_Calloc(1, sizeof(*plan));

	assert(wanted_count <= SHERD_FEC_SHARES_MAX);
	if (!plan)
		return NULL;
	plan->refs = 1;
	plan->code = fec_code_ref(code);
	plan->wanted_count = wanted_count;
	memcpy(plan->known, known, code->k * sizeof(*known));
	memcpy(plan->wanted, wanted, wanted_count * sizeof(*wanted));
	return plan;
}

int fec_plan_all(struct fec_code *code, struct fec_plan **ret_plan, struct sherd_error *err)
{
	unsigned numbers[SHERD_FEC_SHARES_MAX];
	struct fec_plan *plan;
	int r;

	for (unsigned i = 0; i < code->m; i++)
		numbers[i] = i;
	plan = plan_alloc(code, numbers, numbers + code->k, code->m - code->k);
	if (!plan)
		return no_memory(err);
	r = sherd_fec_plan_encode(code->fec, &plan->plan, err);
	if (r < 0) {
		fec_plan_unref(plan);
		return r;
	}
	*ret_plan = plan;
	return 0;
}

static int plan_is(const struct fec_plan *plan, const struct fec_code *code, const unsigned *known,
	const unsigned *wanted, size_t wanted_count)
{
	return plan && plan->code == code && plan->wanted_count == wanted_count &&
	       memcmp(plan->known, known, code->k * sizeof(*known)) == 0 &&
	       memcmp(plan->wanted, wanted, wanted_count * sizeof(*wanted)) == 0;
}

int fec_plan_get(struct fec_code *code, struct fec_plan *ready, struct fec_plan **cache,
	const unsigned *known, const unsigned *wanted, size_t wanted_count,
	struct fec_plan **ret_plan, struct sherd_error *err)
{
	struct fec_plan *plan = NULL;
	int r;

	if (plan_is(ready, code, known, wanted, wanted_count))
		plan = ready;
	else if (plan_is(*cache, code, known, wanted, wanted_count))
		plan = *cache;
	if (plan) {
		plan->refs++;
		*ret_plan = plan;
		return 0;
	}

	plan = plan_alloc(code, known, wanted, wanted_count);
	if (!plan)
		return no_memory(err);
	r = sherd_fec_plan_new(code->fec, known, wanted, wanted_count, &plan->plan, err);
	if (r < 0) {
		fec_plan_unref(plan);
		return r;
	}
	fec_plan_unref(*cache);
	plan->refs++; /* the cache's */
	*cache = plan;
	*ret_plan = plan;
	return 0;
}
