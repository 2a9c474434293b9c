/* SPDX-License-Identifier: MIT */
/*
 * fec.h - the C interface of zfec, served by libsherd.
 *
 * A program written for zfec's fec.h compiles with this header and links with -lsherd, unchanged.
 * Same code, same bytes, same conventions: fec_encode() takes k primary blocks and any list of
 * check block numbers; fec_decode() writes only the missing primaries, compacted, lowest first.
 * New programs should use <sherd/fec.h>, which says what went wrong.
 *
 * Other than in zfec: fec_init() need not be called; any number of threads may share one fec_t;
 * all sizes up to k = m = 256 and any number of blocks in one call work; no alloca. A call that
 * zfec answers with a crash or garbage (a number of m or more, a block twice, a NULL pointer)
 * writes nothing and sets errno to EINVAL; a call that succeeds leaves errno alone.
 */
#ifndef SHERD_ZFEC_FEC_H
#define SHERD_ZFEC_FEC_H

#include <stddef.h>
#include <sherd/export.h>

#ifdef __cplusplus
extern "C" {
#define SHERD_RESTRICT
#else
#define SHERD_RESTRICT restrict
#endif

typedef unsigned char gf;

/* Read only. `enc_matrix` has n rows of k bytes, the k upper rows being the identity. */
typedef struct {
	unsigned long magic;
	unsigned short k, n;
	gf *enc_matrix;
} fec_t;

/* fec_init(): does nothing; here for zfec's callers. */
SHERD_API void fec_init(void);

/* fec_new(k, m): NULL (errno EINVAL or ENOMEM) unless 1 <= k <= m <= 256. */
SHERD_API fec_t *fec_new(unsigned short k, unsigned short m);

/* fec_free(p): NULL does nothing. */
SHERD_API void fec_free(fec_t *p);

/*
 * fec_encode(code, src, fecs, block_nums, num_block_nums, sz):
 * From the k primary blocks ${src}, each of ${sz} bytes, compute block ${block_nums}[i] into
 * ${fecs}[i], in any order, duplicates allowed. A number below k, which zfec forbids, copies that
 * primary. Any alignment, any size; input and output may not overlap.
 */
SHERD_API void fec_encode(const fec_t *code,
	const gf *SHERD_RESTRICT const *SHERD_RESTRICT const src,
	gf *SHERD_RESTRICT const *SHERD_RESTRICT const fecs,
	const unsigned *SHERD_RESTRICT const block_nums, size_t num_block_nums, size_t sz);

/*
 * fec_decode(code, inpkts, outpkts, index, sz):
 * From k blocks, ${inpkts}[i] being block ${index}[i], compute the primaries that are not among
 * them: ${outpkts}[0] is the lowest missing one, and so on. zfec demands that a primary i which is
 * present stand at inpkts[i]; here any order will do.
 */
SHERD_API void fec_decode(const fec_t *code,
	const gf *SHERD_RESTRICT const *SHERD_RESTRICT const inpkts,
	gf *SHERD_RESTRICT const *SHERD_RESTRICT const outpkts,
	const unsigned *SHERD_RESTRICT const index, size_t sz);

#undef SHERD_RESTRICT
#ifdef __cplusplus
}
#endif
#endif
