/* SPDX-License-Identifier: MIT */
/*
 * fec.h - Reed-Solomon erasure code: any k of m shares give all the others back.
 *
 * The code is zfec's, byte for byte. Field GF(2^8) modulo x^8+x^4+x^3+x^2+1 (0x11d), generator 2.
 * For each byte column let P be the polynomial of degree < k with P(x_i) = data share i, i < k;
 * share s is P(x_s), with x_0 = 0 and x_s = 2^(s-1). Hence shares 0..k-1 are the data itself
 * (*data shares*), k..m-1 are *check shares*, a check share depends on k and its number but not on
 * m, and with k = 1 every share is a copy. Rizzo, "Effective erasure codes for reliable computer
 * communication protocols" (1997); the closed form of the coefficients is Lagrange's.
 *
 * Everything is one operation, "these shares, wanted, from those, known":
 *     encode    wanted k..m-1 from known 0..k-1
 *     decode    wanted the lost data shares from any k known ones
 *     repair    wanted any lost shares from any k known ones, without decoding first
 *     verify    recompute shares that are held, and compare (sherd_fec_check)
 * A *plan* holds the coefficients of one such operation in the form the processor wants them.
 *
 * Codes and plans are immutable once made: any number of threads may use one at the same time
 * without a lock. No call needs initialisation. Every misuse is answered with SHERD_INVALID, and
 * the outputs are then untouched.
 *
 *     struct sherd_fec *code;
 *     struct sherd_fec_plan *plan;
 *     sherd_fec_new(3, 10, NULL, &code, &err);
 *     sherd_fec_plan_encode(code, &plan, &err);
 *     sherd_fec_run(plan, data, check, 65536, NULL, &err);   // 3 blocks in, 7 out
 */
#ifndef SHERD_FEC_H
#define SHERD_FEC_H

#include <stddef.h>
#include <stdint.h>
#include <sherd/error.h>
#include <sherd/export.h>
#include <sherd/job.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHERD_FEC_SHARES_MAX 256 /* largest m: the field has no more points */

struct sherd_fec;      /* a code: k, m and the kernel that computes it */
struct sherd_fec_plan; /* wanted shares from known shares */

/*
 * sherd_fec_new(k, m, kernel, ret_code, err):
 * A code of ${m} shares of which any ${k} suffice; 1 <= k <= m <= 256. ${kernel} names one of
 * sherd_fec_kernel_name(); NULL means the one named by the environment variable SHERD_CPU, else
 * the fastest this processor has.
 * Owns: the caller frees the result with sherd_fec_free(), after all plans made from it.
 * Errors: INVALID (k or m out of range), UNSUPPORTED (no such kernel, or this processor lacks it,
 * or it failed its self-test), NOMEM.
 */
SHERD_API int sherd_fec_new(unsigned k, unsigned m, const char *kernel, struct sherd_fec **ret_code,
	struct sherd_error *err);

/* sherd_fec_free(code): NULL does nothing. */
SHERD_API void sherd_fec_free(struct sherd_fec *code);

/* The numbers it was made with, and the name of its kernel (constant text). */
SHERD_API unsigned sherd_fec_k(const struct sherd_fec *code);
SHERD_API unsigned sherd_fec_m(const struct sherd_fec *code);
SHERD_API const char *sherd_fec_kernel(const struct sherd_fec *code);

/*
 * sherd_fec_kernel_name(index):
 * The kernels that work on this processor, fastest first, the last one always "portable";
 * NULL behind the last. Any thread.
 */
SHERD_API const char *sherd_fec_kernel_name(size_t index);

/*
 * sherd_fec_plan_new(code, known, wanted, wanted_count, ret_plan, err):
 * Plan to compute shares ${wanted}[0..wanted_count-1] from the k shares ${known}[0..k-1]. Numbers
 * are below m. Both lists may be in any order; a known share may not be named twice, a wanted one
 * may, and a share that is both known and wanted is copied. wanted_count may be 0, and is at most
 * 4,096. Takes O(k * (k + wanted_count)): below 100 microseconds for (128,256).
 * Owns: the caller frees the result with sherd_fec_plan_free(). The lists are not kept.
 * Errors: INVALID (a number is m or more, a known share twice, a NULL list), NOMEM.
 */
SHERD_API int sherd_fec_plan_new(const struct sherd_fec *code, const unsigned *known,
	const unsigned *wanted, size_t wanted_count, struct sherd_fec_plan **ret_plan,
	struct sherd_error *err);

/*
 * sherd_fec_plan_encode(code, ret_plan, err):
 * The plan that wants the check shares k..m-1, in order, from the data shares 0..k-1, in order.
 * Ownership and errors as sherd_fec_plan_new().
 */
SHERD_API int sherd_fec_plan_encode(
	const struct sherd_fec *code, struct sherd_fec_plan **ret_plan, struct sherd_error *err);

/* sherd_fec_plan_free(plan): NULL does nothing. */
SHERD_API void sherd_fec_plan_free(struct sherd_fec_plan *plan);

/* Number of shares the plan reads (k) and writes (wanted_count). */
SHERD_API size_t sherd_fec_plan_known_count(const struct sherd_fec_plan *plan);
SHERD_API size_t sherd_fec_plan_wanted_count(const struct sherd_fec_plan *plan);

/* How to run a plan. All zero, or a NULL pointer to it, means: here, now, and cached. */
struct sherd_fec_options {
	/*
	 * 1: the blocks come from memory and go to memory that nobody reads soon. Uses a loop
	 * order for sources beyond the cache and stores that bypass it. Worth it when the
	 * blocks of one call are larger than the second-level cache; a loss otherwise.
	 */
	unsigned stream : 1;
	/* Share the columns among these threads when there is enough for all; NULL: only the
	 * caller's. */
	struct sherd_workers *workers;
};

/*
 * sherd_fec_run(plan, known, wanted, size, options, err):
 * Read the k blocks ${known}, in the order of the plan, each of ${size} bytes, and write the
 * blocks ${wanted}, each of ${size} bytes. Any size, 0 included; any alignment (64 bytes and block
 * starts that differ modulo 4 KiB are fastest). No byte outside the blocks is read or written. No
 * wanted block may overlap another block; known blocks may overlap each other.
 * Owns: nothing. Threads: any, concurrently, on one plan.
 * Errors: INVALID (a NULL block, an overlap); nothing is written then.
 */
SHERD_API int sherd_fec_run(const struct sherd_fec_plan *plan, const uint8_t *const *known,
	uint8_t *const *wanted, size_t size, const struct sherd_fec_options *options,
	struct sherd_error *err);

/*
 * sherd_fec_check(plan, known, held, size, ret_differs, err):
 * Compute the plan's wanted shares and compare them with the blocks ${held}, writing none of
 * them. ${ret_differs}, unless NULL, has wanted_count bytes: [i] becomes 1 if held[i] differs
 * from what the known shares say, else 0; it is written on success and on MISMATCH.
 * A difference tells that some share is wrong, held or known, not which.
 * Returns: 0 if all are equal, MISMATCH if any differs. Threads: any.
 * Errors: MISMATCH, INVALID (a NULL block), NOMEM.
 */
SHERD_API int sherd_fec_check(const struct sherd_fec_plan *plan, const uint8_t *const *known,
	const uint8_t *const *held, size_t size, uint8_t *ret_differs, struct sherd_error *err);

/*
 * sherd_fec_locate(code, shares, blocks, count, size, ret_wrong, ret_wrong_count, err):
 * Given ${count} shares, ${shares}[i] with ${size} bytes at ${blocks}[i], of which some may be
 * wrong, find the wrong ones: the one set of at most (count - k) / 2 shares without which all the
 * others agree. ${ret_wrong} has count bytes: [i] becomes 1 if share i is in the set, else 0.
 * If no more than (count - k) / 2 shares are wrong the answer is certain; if more are wrong the
 * answer is MISMATCH, save for the rare case that the wrong ones agree with each other.
 * Method: decoding beyond erasures of the first column that disagrees, after Gao, "A new algorithm
 * for decoding Reed-Solomon codes" (2003), then of the next that still does.
 * Owns: nothing. Threads: any.
 * Errors: MISMATCH (no such set), INVALID (count below k, a number twice or not below m, a NULL
 * block), NOMEM.
 */
SHERD_API int sherd_fec_locate(const struct sherd_fec *code, const unsigned *shares,
	const uint8_t *const *blocks, size_t count, size_t size, uint8_t *ret_wrong,
	size_t *ret_wrong_count, struct sherd_error *err);

#ifdef __cplusplus
}
#endif
#endif
