/* SPDX-License-Identifier: MIT */
/* kernel_ssse3.c - byte shuffles, 16 columns in a register (kernel_shuffle.h). */
#include <tmmintrin.h>
#include <base/cpu.h>

#define WIDTH 16
#define VECTOR __m128i
#define OF_BYTES(operation) _mm_##operation
#define OF_BITS(operation) _mm_##operation##_si128
#define TABLE(p) _mm_load_si128(p)
#include <fec/kernel_shuffle.h>

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
