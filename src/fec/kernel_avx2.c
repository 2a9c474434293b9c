/* SPDX-License-Identifier: MIT */
/* kernel_avx2.c - byte shuffles, 32 columns in a register (kernel_shuffle.h). */
#include <immintrin.h>
#include <base/cpu.h>

#define WIDTH 32
#define VECTOR __m256i
#define OF_BYTES(operation) _mm256_##operation
#define OF_BITS(operation) _mm256_##operation##_si256
/* A shuffle looks up in each half of the register: the table stands in both. */
#define TABLE(p) _mm256_broadcastsi128_si256(_mm_load_si128(p))
#include <fec/kernel_shuffle.h>

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
