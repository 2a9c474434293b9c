/* SPDX-License-Identifier: MIT */
/*
 * kernel_avx512.c - AVX-512 and GFNI: 64 columns in a register.
 *
 * Multiplication by a constant is linear over GF(2), so gf2p8affineqb does 64 of them at once with
 * the constant's 8x8 bit matrix. The unit that executes it takes one a cycle, which bounds the
 * whole codec at 64 bytes of one source for one output in each cycle; everything else is arranged
 * so that nothing but this unit is the limit:
 *  - two sources a step, joined with the accumulator by one three-way xor (vpternlogq 0x96), so
 *    that xors cost half an instruction for each multiplication;
 *  - all outputs in one pass, so that a source is loaded once: PASS(outputs, columns) keeps
 *    outputs * columns accumulators in the 32 registers, the number of columns chosen for each
 *    number of outputs by measurement (bench/, docs/decisions/005-kernels.md);
 *  - ends shorter than a register through masked loads and stores, which touch nothing else.
 * The compiler unrolls the loops over outputs and columns completely, as both are constants.
 */
#include <immintrin.h>
#include <base/cpu.h>
#include <fec/gf256.h>
#include <fec/kernel.h>

#ifdef __clang__
#define UNROLL(n) _Pragma("clang loop unroll(full)")
#else
#define UNROLL(n) _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))
#define WIDTH ((size_t)64)
#define XOR3 0x96 /* truth table of a ^ b ^ c */

typedef uint64_t matrix;

static void prepare(const uint8_t *coefficients, size_t count, uint8_t *slots)
{
	matrix *m = (matrix *)(void *)slots;

	for (size_t i = 0; i < count; i++)
		m[i] = gf256_affine[coefficients[i]];
}

INLINE __m512i multiply(__m512i block, matrix m)
{
	return _mm512_gf2p8affine_epi64_epi8(block, _mm512_set1_epi64((long long)m), 0);
}

/* What is fetched into the cache while columns are computed. */
enum fetch { NOTHING, NEXT_COLUMNS, OTHER_BLOCKS };

/* The first-level cache holds the next columns; other blocks come later and go to the second. */
INLINE void fetch(const struct fec_dot *d, const int U, const enum fetch F, size_t s, size_t at)
{
	if (F == NEXT_COLUMNS) {
		const uint8_t *next = d->source[s] + d->source_at + at + WIDTH * (size_t)U;

		UNROLL(16)
		for (int u = 0; u < U; u++)
			_mm_prefetch((const char *)next + WIDTH * (size_t)u, _MM_HINT_T0);
	} else if (F == OTHER_BLOCKS) {
		const uint8_t *other = d->ahead[s] + d->ahead_at + at;

		UNROLL(16)
		for (int u = 0; u < U; u++)
			_mm_prefetch((const char *)other + WIDTH * (size_t)u, _MM_HINT_T1);
	}
}

/* Columns [at, at + 64 * U) of P outputs. */
INLINE void columns(
	const struct fec_dot *d, const int P, const int U, const enum fetch F, size_t at)
{
	__m512i sum[32];
	const matrix *m = (const matrix *)(const void *)d->table;
	const uint8_t *const *source = d->source;
	const size_t from = d->source_at + at, left = d->sources;
	size_t s = 0;

	if (d->start) {
		UNROLL(16)
		for (int p = 0; p < P; p++) {
			UNROLL(16)
			for (int u = 0; u < U; u++)
				sum[p * U + u] = _mm512_loadu_si512(
					d->start[p] + d->start_at + at + WIDTH * (size_t)u);
		}
	} else {
		UNROLL(16)
		for (int p = 0; p < P; p++) {
			UNROLL(16)
			for (int u = 0; u < U; u++)
				sum[p * U + u] = _mm512_setzero_si512();
		}
	}
	for (; s + 1 < left; s += 2, m += 2 * P) {
		const uint8_t *even = source[s] + from, *odd = source[s + 1] + from;
		__m512i a[4], b[4];

		UNROLL(16)
		for (int u = 0; u < U; u++) {
			a[u] = _mm512_loadu_si512(even + WIDTH * (size_t)u);
			b[u] = _mm512_loadu_si512(odd + WIDTH * (size_t)u);
		}
		fetch(d, U, F, s, at);
		fetch(d, U, F, s + 1, at);
		UNROLL(16)
		for (int p = 0; p < P; p++) {
			UNROLL(16)
			for (int u = 0; u < U; u++)
				sum[p * U + u] = _mm512_ternarylogic_epi64(sum[p * U + u],
					multiply(a[u], m[p]), multiply(b[u], m[P + p]), XOR3);
		}
	}
	if (s < left) {
		fetch(d, U, F, s, at);
		UNROLL(16)
		for (int u = 0; u < U; u++) {
			__m512i a = _mm512_loadu_si512(source[s] + from + WIDTH * (size_t)u);

			UNROLL(16)
			for (int p = 0; p < P; p++)
				sum[p * U + u] =
					_mm512_xor_si512(sum[p * U + u], multiply(a, m[p]));
		}
	}
	UNROLL(16)
	for (int p = 0; p < P; p++) {
		uint8_t *target = d->target[p] + d->target_at + at;

		UNROLL(16)
		for (int u = 0; u < U; u++) {
			if (d->bypass)
				_mm512_stream_si512(
					(void *)(target + WIDTH * (size_t)u), sum[p * U + u]);
			else
				_mm512_storeu_si512(target + WIDTH * (size_t)u, sum[p * U + u]);
		}
	}
}

/* The last columns, fewer than 64: only the bytes under the mask are touched. */
INLINE void last_columns(const struct fec_dot *d, const int P, size_t at, size_t count)
{
	const __mmask64 mask = _cvtu64_mask64((UINT64_C(1) << count) - 1);
	const matrix *m = (const matrix *)(const void *)d->table;
	__m512i sum[16];

	UNROLL(16)
	for (int p = 0; p < P; p++)
		sum[p] = d->start ? _mm512_maskz_loadu_epi8(mask, d->start[p] + d->start_at + at)
				  : _mm512_setzero_si512();
	for (size_t s = 0; s < d->sources; s++, m += P) {
		__m512i a = _mm512_maskz_loadu_epi8(mask, d->source[s] + d->source_at + at);

		UNROLL(16)
		for (int p = 0; p < P; p++)
			sum[p] = _mm512_xor_si512(sum[p], multiply(a, m[p]));
	}
	UNROLL(16)
	for (int p = 0; p < P; p++)
		_mm512_mask_storeu_epi8(d->target[p] + d->target_at + at, mask, sum[p]);
}

INLINE void pass(const struct fec_dot *d, const int P, const int U, const enum fetch F)
{
	size_t at = 0;

	for (; d->size - at >= WIDTH * (size_t)U; at += WIDTH * (size_t)U)
		columns(d, P, U, F, at);
	if (U > 1)
		for (; d->size - at >= WIDTH; at += WIDTH)
			columns(d, P, 1, F, at);
	if (at < d->size)
		last_columns(d, P, at, d->size - at);
}

/* P outputs; columns of a step without fetching, and with: fewer, so that they stay in the cache.
 */
#define PASSES(X)                                                                                  \
	X(1, 4, 4)                                                                                 \
	X(2, 4, 4)                                                                                 \
	X(3, 4, 4)                                                                                 \
	X(4, 4, 4)                                                                                 \
	X(5, 4, 2)                                                                                 \
	X(6, 3, 2)                                                                                 \
	X(7, 3, 2)                                                                                 \
	X(8, 2, 2)                                                                                 \
	X(9, 2, 2)                                                                                 \
	X(10, 2, 2)                                                                                \
	X(11, 2, 2)                                                                                \
	X(12, 2, 2)                                                                                \
	X(13, 1, 1)                                                                                \
	X(14, 1, 1)                                                                                \
	X(15, 1, 1)                                                                                \
	X(16, 1, 1)
#define FUNCTION(name, P, U, F)                                                                    \
	static __attribute__((noinline)) void name(const struct fec_dot *d)                        \
	{                                                                                          \
		pass(d, P, U, F);                                                                  \
	}
#define FUNCTIONS(P, U, V)                                                                         \
	FUNCTION(plain_##P, P, U, NOTHING)                                                         \
	FUNCTION(many_##P, P, V, NEXT_COLUMNS)                                                     \
	FUNCTION(ahead_##P, P, V, OTHER_BLOCKS)
PASSES(FUNCTIONS)

static void dot(const struct fec_dot *d)
{
	typedef void pass_function(const struct fec_dot *);
#define ENTRY(P, U, V) {plain_##P, many_##P, ahead_##P},
	static pass_function *const passes[][3] = {PASSES(ENTRY)};
	enum fetch f = d->ahead ? OTHER_BLOCKS : d->many ? NEXT_COLUMNS : NOTHING;

	passes[d->outputs - 1][f](d);
}

static void fence(void)
{
	_mm_sfence();
}

const struct fec_kernel fec_kernel_avx512 = {
	.name = "avx512",
	.slot_size = sizeof(matrix),
	.outputs_max = 16,
	.group = 8,
	.needs = CPU_AVX512_GFNI,
	.fetches = true,
	.prepare = prepare,
	.dot = dot,
	.fence = fence,
};
