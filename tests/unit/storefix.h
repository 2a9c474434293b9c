/* SPDX-License-Identifier: MIT */
/*
 * storefix.h - for tests of the store: a pool without control records. Places are those of poolfix;
 * heads are kept in memory and seen by all devices at once; randomness and clock are made of a
 * seed. It stands in for src/pool's own struct sherd_pool, which is tested elsewhere.
 */
#ifndef TESTS_STOREFIX_H
#define TESTS_STOREFIX_H

#include <pool/pool.h>
#include <repo/store.h>
#include "poolfix.h"

#define STOREFIX_DEVICES 3

struct storefix_head {
	uint8_t *content;
	size_t size;
	uint64_t seq;
};

/* What all devices share. */
struct storefix {
	struct poolfix *places;
	struct pool_shape shape;
	struct storefix_head heads[STOREFIX_DEVICES];
	struct sherd_pool *pools[STOREFIX_DEVICES];
	struct sherd_env env; /* of the devices; random bytes may be frozen */
	const struct sherd_env *inner;
	uint64_t seed, randoms;
	bool frozen;  /* the random source gives the same bytes always */
	int publish;  /* code that pool_publish() fails with; 0: none */
	char *folder; /* below: state folders and caches of the devices */
};

struct storefix_options {
	unsigned k, m;
	const struct poolfix_options *places; /* NULL: m places, inline */
	const struct sherd_env *env;          /* beneath; NULL: the real one */
};

/* storefix_new(options): never NULL. */
struct storefix *storefix_new(const struct storefix_options *options);
void storefix_free(struct storefix *f);
DEFINE_CLEANUP(struct storefix, storefix_free)

struct sherd_pool *storefix_pool(struct storefix *f, unsigned device);

/* storefix_open(f, device, threads): with a cache; asserts that it opens. */
struct store *storefix_open(struct storefix *f, unsigned device, unsigned threads);
/* storefix_forget(f, device): its cache is gone. storefix_state(f, device, name, path): path of a
 * file in its state folder; "cache" is the cache. */
void storefix_forget(struct storefix *f, unsigned device);
const char *storefix_state(struct storefix *f, unsigned device, const char *name, char path[512]);

#endif
