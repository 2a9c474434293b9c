/* SPDX-License-Identifier: MIT */
/*
 * kernel.h - the inner loop of the codec, one implementation for each instruction set.
 *
 * All a kernel does is the dot product of one row of coefficients with k source blocks, for a few
 * rows at once:
 *     target[o][c] = start[o][c] + sum over s of coefficient(s, o) * source[s][c]
 * kernel_portable.c is the definition; every other kernel must give the same bytes, and proves it
 * on a small vector before it is used (dispatch.c). Kernels check nothing, allocate nothing and
 * keep no state; run.c has checked. Any alignment, any size; no byte outside the blocks is read or
 * written, prefetches excepted.
 */
#ifndef FEC_KERNEL_H
#define FEC_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sherd/error.h>

#define FEC_OUTPUTS_MAX 16 /* most outputs any kernel computes in one pass */

struct fec_dot {
	const uint8_t
		*table; /* prepared coefficients, [source][output], at a multiple of slot_size */
	const uint8_t *const *source; /* `sources` blocks, each read from byte source_at on */
	uint8_t *const *target;       /* `outputs` blocks, each written from byte target_at on */
	const uint8_t *const *start;  /* values to begin with, from byte start_at; NULL: zeros.
				       * start[o] + start_at may equal target[o] + target_at. */
	const uint8_t *const *ahead;  /* `sources` blocks wanted next, from byte ahead_at on: fetch
				       * them into the cache meanwhile; NULL: none */
	size_t source_at, target_at, start_at, ahead_at;
	size_t size;    /* bytes of each block */
	size_t sources; /* at least 1 */
	size_t outputs; /* 1 .. kernel->outputs_max */
	bool many;      /* the sources are too many for the processor to follow: fetch the next
			 * columns of each while these are computed; not with `ahead` */
	bool bypass;    /* store around the cache: targets are 64-byte aligned, `fence` follows */
};

struct fec_kernel {
	const char *name;
	size_t slot_size;   /* bytes of one prepared coefficient */
	size_t outputs_max; /* outputs of one pass, at most FEC_OUTPUTS_MAX */
	size_t group;       /* outputs of a pass when one pass cannot take them all */
	unsigned needs;     /* cpu_features() bits */
	bool fetches;       /* honours `ahead` and `many`; the others may be given them as well */
	/* ${count} coefficients into as many slots, one behind the other. */
	void (*prepare)(const uint8_t *coefficients, size_t count, uint8_t *slots);
	void (*dot)(const struct fec_dot *d);
	void (*fence)(void); /* orders bypassing stores before what follows; NULL: none needed */
};

extern const struct fec_kernel fec_kernel_portable;
#if defined(__x86_64__)
extern const struct fec_kernel fec_kernel_ssse3;
extern const struct fec_kernel fec_kernel_avx2;
extern const struct fec_kernel fec_kernel_avx512;
#endif

/*
 * fec_kernel_find(name, ret_kernel, err):
 * The kernel of that name; with NULL the one that SHERD_CPU names, else the fastest. A kernel is
 * returned only if this processor has what it needs and it passed its self-test, which runs once.
 * Threads: any. Errors: UNSUPPORTED.
 */
int fec_kernel_find(
	const char *name, const struct fec_kernel **ret_kernel, struct sherd_error *err);

/*
 * fec_kernel_self_test(kernel):
 * True if the kernel equals the definition for every product of two bytes, for every count of
 * outputs with and without `start`, `ahead` and `bypass`, over a range of sizes and alignments, and
 * writes nothing else. Takes about a millisecond.
 */
bool fec_kernel_self_test(const struct fec_kernel *kernel);

#endif
