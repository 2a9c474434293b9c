/* SPDX-License-Identifier: MIT */
/*
 * gf256.h - the field GF(2^8) modulo x^8+x^4+x^3+x^2+1 (0x11d), generator 2.
 *
 * Constant tables, made at build time by gf256_tables.py; addition is xor. The points of the code:
 * x_0 = 0, x_s = 2^(s-1) for share s = 1..255.
 */
#ifndef FEC_GF256_H
#define FEC_GF256_H

#include <stdint.h>

extern const uint8_t gf256_exp[765]; /* 2^i, thrice over: sums of three logs need no modulo */
extern const uint8_t gf256_log[256]; /* log to the base 2 of 1..255; [0] is 0 and means nothing */
extern const uint8_t gf256_product[256][256];
/* Products of c with 0x00..0x0f, then with 0x00, 0x10 .. 0xf0: what a byte shuffle looks up. */
extern const uint8_t gf256_nibbles[256][32];
extern const uint64_t gf256_affine[256]; /* multiplication by c, as gf2p8affineqb's bit matrix */

static inline uint8_t gf256_mul(uint8_t a, uint8_t b)
{
	return gf256_product[a][b];
}

/* a / b; b is not 0. */
static inline uint8_t gf256_div(uint8_t a, uint8_t b)
{
	return a ? gf256_exp[gf256_log[a] + 255 - gf256_log[b]] : 0;
}

/* The field element at which share ${share} (0..255) is the value of the polynomial. */
static inline uint8_t gf256_point(unsigned share)
{
	return share ? gf256_exp[share - 1] : 0;
}

#endif
