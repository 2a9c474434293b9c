/* SPDX-License-Identifier: MIT */
/*
 * kernel_shuffle.h - the byte-shuffle kernel, written once for two register widths.
 *
 * A product c * x is c * (low nibble of x) + c * (high nibble of x), and a byte shuffle looks up
 * 16 or 32 nibbles at once in the two 16-byte tables of c (Anvin, "The mathematics of RAID-6";
 * Plank, Greenan, Miller, "Screaming fast Galois field arithmetic using Intel SIMD", FAST 2013).
 *
 * The file that includes this one defines, for its registers,
 *     WIDTH, VECTOR          bytes of one, and its type
 *     OF_BYTES(operation)    the name of the intrinsic for an operation on bytes or words of it,
 *     OF_BITS(operation)     and for one on it as a whole
 *     TABLE(p)               16 aligned bytes at p, in each of its halves
 * and gets prepare(), dot() and fence(). Register use: outputs * columns accumulators, two nibble
 * vectors for each column, two tables: 4 outputs and 2 columns fill the 16 registers.
 */
#include <string.h>
#include <fec/gf256.h>
#include <fec/kernel.h>

#define SLOT 32 /* bytes of a prepared coefficient: the products of 16 low and 16 high nibbles */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#define INLINE static inline __attribute__((always_inline))

typedef VECTOR vec;

INLINE vec load(const void *p)
{
	return OF_BITS(loadu)(p);
}

INLINE vec table(const void *p)
{
	return TABLE(p);
}

INLINE vec low_nibbles(vec x)
{
	return OF_BITS(and)(x, OF_BYTES(set1_epi8)(15));
}

INLINE vec high_nibbles(vec x)
{
	return OF_BITS(and)(OF_BYTES(srli_epi64)(x, 4), OF_BYTES(set1_epi8)(15));
}

/* sum + the products of the bytes whose nibbles these are. */
INLINE vec add_products(vec sum, vec of_low, vec of_high, vec low, vec high)
{
	vec product = OF_BITS(xor)(
		OF_BYTES(shuffle_epi8)(of_low, low), OF_BYTES(shuffle_epi8)(of_high, high));

	return OF_BITS(xor)(sum, product);
}

static void fence(void)
{
	_mm_sfence();
}

static void prepare(const uint8_t *coefficients, size_t count, uint8_t *slots)
{
	for (size_t i = 0; i < count; i++)
		memcpy(slots + i * SLOT, gf256_nibbles[coefficients[i]], SLOT);
}

/* Columns [at, at + WIDTH * U) of P outputs. */
INLINE void columns(const struct fec_dot *d, const int P, const int U, size_t at)
{
	const uint8_t *t = d->table;
	vec sum[16];

	UNROLL
	for (int p = 0; p < P; p++) {
		UNROLL
		for (int u = 0; u < U; u++)
			sum[p * U + u] =
				d->start ? load(d->start[p] + d->start_at + at + WIDTH * (size_t)u)
					 : OF_BITS(setzero)();
	}
	for (size_t s = 0; s < d->sources; s++) {
		const uint8_t *source = d->source[s] + d->source_at + at;
		vec low[2], high[2];

		UNROLL
		for (int u = 0; u < U; u++) {
			vec x = load(source + WIDTH * (size_t)u);

			low[u] = low_nibbles(x);
			high[u] = high_nibbles(x);
		}
		UNROLL
		for (int p = 0; p < P; p++, t += SLOT) {
			vec of_low = table(t), of_high = table(t + 16);

			UNROLL
			for (int u = 0; u < U; u++)
				sum[p * U + u] = add_products(
					sum[p * U + u], of_low, of_high, low[u], high[u]);
		}
	}
	UNROLL
	for (int p = 0; p < P; p++) {
		uint8_t *target = d->target[p] + d->target_at + at;

		UNROLL
		for (int u = 0; u < U; u++) {
			vec *to = (vec *)(void *)(target + WIDTH * (size_t)u);

			if (d->bypass)
				OF_BITS(stream)(to, sum[p * U + u]);
			else
				OF_BITS(storeu)(to, sum[p * U + u]);
		}
	}
}

/* The last columns, fewer than a register: through copies, so that nothing else is touched. */
static void last_columns(const struct fec_dot *d, size_t at, size_t count)
{
	for (size_t p = 0; p < d->outputs; p++) {
		uint8_t bytes[WIDTH] = {0};
		const uint8_t *t = d->table + p * SLOT;
		vec sum;

		if (d->start)
			memcpy(bytes, d->start[p] + d->start_at + at, count);
		sum = load(bytes);
		for (size_t s = 0; s < d->sources; s++, t += d->outputs * SLOT) {
			memcpy(bytes, d->source[s] + d->source_at + at, count);
			vec x = load(bytes);
			sum = add_products(
				sum, table(t), table(t + 16), low_nibbles(x), high_nibbles(x));
		}
		OF_BITS(storeu)((vec *)(void *)bytes, sum);
		memcpy(d->target[p] + d->target_at + at, bytes, count);
	}
}

INLINE void pass(const struct fec_dot *d, const int P, const int U)
{
	size_t at = 0;

	for (; d->size - at >= WIDTH * (size_t)U; at += WIDTH * (size_t)U)
		columns(d, P, U, at);
	if (U > 1 && d->size - at >= WIDTH) {
		columns(d, P, 1, at);
		at += WIDTH;
	}
	if (at < d->size)
		last_columns(d, at, d->size - at);
}

/* Outputs and columns of each pass. */
#define PASSES(X)                                                                                  \
	X(1, 2)                                                                                    \
	X(2, 2)                                                                                    \
	X(3, 2)                                                                                    \
	X(4, 2)                                                                                    \
	X(5, 1)                                                                                    \
	X(6, 1)
#define PASS(P, U)                                                                                 \
	static __attribute__((noinline)) void pass_##P(const struct fec_dot *d)                    \
	{                                                                                          \
		pass(d, P, U);                                                                     \
	}
PASSES(PASS)

static void dot(const struct fec_dot *d)
{
	typedef void pass_function(const struct fec_dot *);
#define ENTRY(P, U) pass_##P,
	static pass_function *const passes[] = {PASSES(ENTRY)};

	passes[d->outputs - 1](d);
}
