/* SPDX-License-Identifier: MIT */
/*
 * fecplan.h - codes and plans that outlive the Python object they were made for.
 *
 * A call of Encoder.encode() computes without the interpreter's lock. Meanwhile another thread may
 * call __init__() again, or ask for other blocks and so replace the cached plan. Hence both are
 * counted: a running call holds the plan, the plan holds its code. The counts, and everything else
 * here, are touched only by a thread that has the interpreter's lock.
 */
#ifndef SHERD_PYTHON_FECPLAN_H
#define SHERD_PYTHON_FECPLAN_H

#include <stddef.h>
#include <sherd/fec.h>

struct fec_code {
	size_t refs;
	unsigned k, m;
	struct sherd_fec *fec;
};

struct fec_plan {
	size_t refs;
	struct fec_code *code;       /* counted */
	struct sherd_fec_plan *plan; /* may run in any number of threads */
	size_t wanted_count;
	unsigned known[SHERD_FEC_SHARES_MAX]; /* what it was made from: the key of the cache */
	unsigned wanted[SHERD_FEC_SHARES_MAX];
};

/*
 * fec_code_new(k, m, ret_code, err):
 * A code with one reference, which the caller drops with fec_code_unref().
 * Errors: as sherd_fec_new().
 */
int fec_code_new(unsigned k, unsigned m, struct fec_code **ret_code, struct sherd_error *err);

/* fec_code_ref(code): one reference more; returns ${code}. */
struct fec_code *fec_code_ref(struct fec_code *code);

/* fec_code_unref(code): one less; the last one frees. NULL does nothing. */
void fec_code_unref(struct fec_code *code);

/*
 * fec_plan_all(code, ret_plan, err):
 * The plan that wants all check blocks, in order, from all data blocks, in order. One reference.
 * Errors: as sherd_fec_plan_encode().
 */
int fec_plan_all(struct fec_code *code, struct fec_plan **ret_plan, struct sherd_error *err);

/*
 * fec_plan_get(code, ready, cache, known, wanted, wanted_count, ret_plan, err):
 * The plan that computes ${wanted}[0..wanted_count-1] from ${known}[0..k-1]: ${ready} (may be
 * NULL) or *${cache} (may hold NULL) if it is that one, else a new one, which then takes the place
 * of *${cache}. wanted_count is at most SHERD_FEC_SHARES_MAX. The caller gets a reference.
 * Errors: as sherd_fec_plan_new(); the cache is unchanged then.
 */
int fec_plan_get(struct fec_code *code, struct fec_plan *ready, struct fec_plan **cache,
	const unsigned *known, const unsigned *wanted, size_t wanted_count,
	struct fec_plan **ret_plan, struct sherd_error *err);

/* fec_plan_unref(plan): one reference less; the last one frees. NULL does nothing. */
void fec_plan_unref(struct fec_plan *plan);

#endif
