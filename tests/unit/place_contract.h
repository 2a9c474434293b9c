/* SPDX-License-Identifier: MIT */
/*
 * place_contract.h - the promises of place.h as tests, which every backend and every wrapper around
 * every backend must pass. Also the small helpers that other tests of places use.
 */
#ifndef TESTS_PLACE_CONTRACT_H
#define TESTS_PLACE_CONTRACT_H

#include <stddef.h>
#include <stdint.h>
#include <place/place.h>

/* How to get at a place that is to be tested. */
struct place_maker {
	const char *name;
	const char *backend, *wrapper; /* for open() */
	/* A new, empty place. */
	struct place *(*open)(const struct place_maker *maker);
	/* Called when the place is freed: what it left is removed. */
	void (*clean)(const struct place_maker *maker);
};

/* place_contract_run(makers, count): all tests with each; the number of failures, as cmocka's. */
int place_contract_run(const struct place_maker *makers, size_t count);

/* Bytes that belong to a name and a size; put, get and compare them, with assertions. */
uint8_t *contract_bytes(const char *name, size_t size); /* aligned to 4096; mem_free() */
int contract_put(struct place *p, const char *name, size_t size);
int contract_holds(struct place *p, const char *name, size_t size); /* 0, or the code of the get */

/* contract_names(p, prefix, after): one page, as "a b c"; mem_free(). */
char *contract_names(struct place *p, const char *prefix, const char *after);

#endif
