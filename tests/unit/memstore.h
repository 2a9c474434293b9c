/* SPDX-License-Identifier: MIT */
/*
 * memstore.h - blobs in memory behind the names of repo/store.h, so that what stands on a store can
 * be tested without pools, and blobs can be lost at will. A program that links memstore.c uses this
 * store instead of the library's; it is no part of test_support for that reason.
 */
#ifndef TEST_MEMSTORE_H
#define TEST_MEMSTORE_H

#include <stdatomic.h>
#include <base/env.h>
#include <repo/repo.h>

struct memstore {
	struct sherd_repo *repo;          /* to hand to what is tested */
	struct sherd_snapshot *snapshots; /* two, whose roots are below */
	struct bytes roots[2];
	const struct sherd_env **env;       /* of the pool: may be set */
	const struct sherd_cancel **cancel; /* of the pool: may be set */
	bool *threads;                      /* whether the pool allows threads; false at first */
	atomic_ulong *reads;                /* blobs read */
};

void memstore_open(struct memstore *m);
void memstore_close(struct memstore *m);

/* memstore_lose(m, id, code): reading the blob fails with that from now on; 0: it is back. */
void memstore_lose(struct memstore *m, const struct hash *id, int code);
/* memstore_lose_all(m, type, code): all blobs of a type. */
void memstore_lose_all(struct memstore *m, enum blob_type type, int code);
/* memstore_hook(m, hook, context): called before each reading. */
void memstore_hook(struct memstore *m, void (*hook)(void *context), void *context);

#endif
