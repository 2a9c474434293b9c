/* SPDX-License-Identifier: MIT */
/* kernel_avx2.c - byte shuffles, 32 columns in a register (kernel_shuffle.h). */
#include <immintrin.h>
#include <base/cpu.h>

#define INLINE static inline __attribute__((always_inline))
#define WIDTH ((size_t)32)

typedef __m256i vec;

INLINE vec load(const void *p)
{
	return _mm256_loadu_si256(p);
}

INLINE void store(void *p, vec v)
{
	_mm256_storeu_si256(p, v);
}

INLINE void bypass(void *p, vec v)
{
	_mm256_stream_si256(p, v);
}

/* A shuffle looks up in each half of the register: the table stands in both. */
INLINE vec table(const void *p)
{
	return _mm256_broadcastsi128_si256(_mm_load_si128(p));
}

INLINE vec shuffle(vec table, vec index)
{
	return _mm256_shuffle_epi8(table, index);
}

INLINE vec low_nibbles(vec x)
{
	return _mm256_and_si256(x, _mm256_set1_epi8(15));
}

INLINE vec high_nibbles(vec x)
{
	return _mm256_and_si256(_mm256_srli_epi64(x, 4), _mm256_set1_epi8(15));
}

INLINE vec xor (vec a, vec b) { return _mm256_xor_si256(a, b); }

	INLINE vec zero(void)
{
	return _mm256_setzero_si256();
}

#include <fec/kernel_shuffle.h>

static void fence(void)
{
	_mm_sfence();
}

const struct fec_kernel fec_kernel_avx2 = {
	.name = "avx2",
	.slot_size = SLOT,
	.outputs_max = 6,
	.group = 4,
	.needs = CPU_AVX2,
	.prepare = prepare,
	.dot = dot,
	.fence = fence,
};
