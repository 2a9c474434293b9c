/* SPDX-License-Identifier: MIT */
/* intmath.h - arithmetic on foreign numbers: 1 if the result was stored, 0 if it does not fit. */
#ifndef BASE_INTMATH_H
#define BASE_INTMATH_H

#include <stdint.h>
#include <stddef.h>

#define INT_ADD(a, b, ret) (!__builtin_add_overflow((a), (b), (ret)))
#define INT_SUB(a, b, ret) (!__builtin_sub_overflow((a), (b), (ret)))
#define INT_MUL(a, b, ret) (!__builtin_mul_overflow((a), (b), (ret)))

/* Quotient rounded up; b is not 0, and nothing overflows. */
static inline uint64_t int_div_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

/* Number of bits that count from 0 to n-1: the least b with 2^b >= n. n >= 1. */
static inline unsigned int_bits(unsigned n)
{
	unsigned bits = 0;

	while (bits < 32 && (UINT64_C(1) << bits) < n)
		bits++;
	return bits;
}

#define INT_MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define INT_MAX_OF(a, b) ((a) > (b) ? (a) : (b))
#define ARRAY_COUNT(a) (sizeof(a) / sizeof(*(a)))

#endif
