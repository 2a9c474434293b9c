/* SPDX-License-Identifier: MIT */
/* kernel_ssse3.c - byte shuffles, 16 columns in a register (kernel_shuffle.h). */
#include <tmmintrin.h>
#include <base/cpu.h>

#define INLINE static inline __attribute__((always_inline))
#define WIDTH ((size_t)16)

typedef __m128i vec;

INLINE vec load(const void *p)
{
	return _mm_loadu_si128(p);
}

INLINE void store(void *p, vec v)
{
	_mm_storeu_si128(p, v);
}

INLINE void bypass(void *p, vec v)
{
	_mm_stream_si128(p, v);
}

INLINE vec table(const void *p)
{
	return _mm_load_si128(p);
}

INLINE vec shuffle(vec table, vec index)
{
	return _mm_shuffle_epi8(table, index);
}

INLINE vec low_nibbles(vec x)
{
	return _mm_and_si128(x, _mm_set1_epi8(15));
}

INLINE vec high_nibbles(vec x)
{
	return _mm_and_si128(_mm_srli_epi64(x, 4), _mm_set1_epi8(15));
}

INLINE vec xor (vec a, vec b) { return _mm_xor_si128(a, b); }

	INLINE vec zero(void)
{
	return _mm_setzero_si128();
}

#include <fec/kernel_shuffle.h>

static void fence(void)
{
	_mm_sfence();
}

const struct fec_kernel fec_kernel_ssse3 = {
	.name = "ssse3",
	.slot_size = SLOT,
	.outputs_max = 6,
	.group = 4,
	.needs = CPU_SSSE3,
	.prepare = prepare,
	.dot = dot,
	.fence = fence,
};
