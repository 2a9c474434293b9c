/* SPDX-License-Identifier: MIT */
/* plan.h - inside of codes and plans (sherd/fec.h): immutable once made. */
#ifndef FEC_PLAN_H
#define FEC_PLAN_H

#include <stddef.h>
#include <stdint.h>
#include <base/cleanup.h>
#include <sherd/fec.h>
#include <fec/kernel.h>

#define FEC_WANTED_MAX 4096 /* shares one plan may want */

struct sherd_fec {
	unsigned k, m;
	const struct fec_kernel *kernel;
};

/* A wanted share that is also known: no arithmetic. */
struct fec_copy {
	size_t known;  /* index of its block among the known ones */
	size_t wanted; /* index among the wanted ones */
};

struct sherd_fec_plan {
	const struct fec_kernel *kernel;
	size_t k;
	size_t wanted_count; /* = copy_count + output_count */
	size_t copy_count;
	size_t output_count; /* wanted shares that are computed */
	size_t group;        /* outputs computed in one pass over the sources; the last has less */
	struct fec_copy *copies;
	size_t *outputs; /* [output_count]: index among the wanted ones */
	uint8_t *table;  /* prepared coefficients: for each group [source][output of the group] */
};

/* Bytes of the table before the group that begins with output ${first}, a multiple of group. */
static inline size_t fec_plan_table_offset(const struct sherd_fec_plan *plan, size_t first)
{
	return first * plan->k * plan->kernel->slot_size;
}

/*
 * fec_coefficients(k, known, wanted, wanted_count, ret_rows):
 * Lagrange's coefficients: ret_rows[w * k + j] multiplies known share j in the sum for wanted
 * share w. Shares below 256; known ones distinct; a wanted one may be known (its row is a unit
 * vector). Time O(k * (min(k, 256 - k) + wanted_count)). Cannot fail.
 */
void fec_coefficients(size_t k, const unsigned *known, const unsigned *wanted, size_t wanted_count,
	uint8_t *ret_rows);

/*
 * fec_check_blocks(known, k, wanted, wanted_count, size, err):
 * What sherd_fec_run() refuses of blocks of ${size} bytes, at least 1: INVALID for a NULL, or for a
 * wanted block that overlaps another block. Compares every wanted block with every other.
 */
int fec_check_blocks(const uint8_t *const *known, size_t k, const uint8_t *const *wanted,
	size_t wanted_count, size_t size, struct sherd_error *err);

/*
 * fec_run(plan, known, wanted, size, options):
 * sherd_fec_run() for arguments that were checked. Cannot fail.
 */
void fec_run(const struct sherd_fec_plan *plan, const uint8_t *const *known, uint8_t *const *wanted,
	size_t size, const struct sherd_fec_options *options);

DEFINE_CLEANUP(struct sherd_fec, sherd_fec_free)
DEFINE_CLEANUP(struct sherd_fec_plan, sherd_fec_plan_free)

#endif
