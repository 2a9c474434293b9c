/* SPDX-License-Identifier: MIT */
/*
 * naive.h - the code as a textbook has it, to compare the real one with. Nothing is shared with
 * src/fec: products are polynomials multiplied bit by bit and reduced modulo 0x11d, powers are
 * repeated products, and the generator is a Vandermonde matrix brought to systematic form by
 * Gauss. Slow, and simple enough to be believed. Also the random numbers and the blocks between
 * guard pages that the tests of the codec use. naive_product() and naive_encode() may be called
 * from one thread only until either has returned once.
 */
#ifndef TESTS_NAIVE_H
#define TESTS_NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAIVE_SHARES_MAX 256

/* naive_product(a, b): a * b in GF(2^8) modulo 0x11d. */
uint8_t naive_product(uint8_t a, uint8_t b);

/* naive_point(share): 0, 1, 2, 4, 8 ... for share 0, 1, 2, 3, 4 ... */
uint8_t naive_point(unsigned share);

/* naive_generator(k, m, ret_rows): m rows of k bytes; row s gives share s from the data shares. */
void naive_generator(unsigned k, unsigned m, uint8_t *ret_rows);

/* naive_encode(k, m, size, shares): compute shares k..m-1 from shares 0..k-1. */
void naive_encode(unsigned k, unsigned m, size_t size, uint8_t *const *shares);

/* random_start(): seed from SHERD_SEED, else always the same, and say which. */
void random_start(void);

/* random_setup(state): the same as a group's set-up. */
int random_setup(void **state);

/* random_below(n): 0..n-1, n >= 1. The same sequence everywhere; one thread. */
unsigned random_below(unsigned n);

void random_fill(uint8_t *bytes, size_t size);

/* random_order(count, ret_numbers): 0..count-1, shuffled. */
void random_order(unsigned count, unsigned *ret_numbers);

/*
 * A set of m shares of one code, all in memory of their own (so that a sanitizer sees its ends),
 * with random data and the check shares that naive_encode() gives.
 */
struct naive_set {
	unsigned k, m;
	size_t size;
	uint8_t *share[NAIVE_SHARES_MAX];
};

/* naive_set_new(k, m, size): never NULL; free with naive_set_free(). */
struct naive_set *naive_set_new(unsigned k, unsigned m, size_t size);
void naive_set_free(struct naive_set *set);

/* Readable and writable pages between two that are not: a byte read or written outside faults. */
struct guarded {
	uint8_t *bytes; /* page-aligned */
	size_t size;    /* whole pages; bytes + size is the first that faults */
};

/* guarded_new(size): at least that many bytes, rounded up to pages. Fails the test if it cannot. */
struct guarded guarded_new(size_t size);
void guarded_free(struct guarded *g);

/* guarded_freeze(g): from now on only reading is allowed. */
void guarded_freeze(const struct guarded *g);

#endif
