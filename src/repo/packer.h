/* SPDX-License-Identifier: MIT */
/*
 * packer.h - from blobs to packs at places: groups are filled in order, compressed by tasks, laid
 * into the open pack in the order in which they were closed, and full packs are sealed, coded,
 * stored and verified by a task of their own. Memory: a fixed number of pack buffers, and some
 * groups. With 0 threads everything happens in the caller's thread.
 *
 * One thread calls. After an error the packer is broken: only packer_free() makes sense.
 */
#ifndef REPO_PACKER_H
#define REPO_PACKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <pool/pool.h>
#include <repo/index.h>
#include <repo/journal.h>
#include <repo/segment.h>
#include <repo/store.h>
#include <sherd/error.h>

struct packer;

struct packer_options {
	struct sherd_pool *pool;
	struct index *index;
	pthread_rwlock_t *index_lock; /* guards the index */
	struct journal *journal;
	unsigned threads;
	size_t memory;
	int level; /* zstd; <= 0: off */
	unsigned need;
};

int packer_new(const struct packer_options *options, struct packer **ret, struct sherd_error *err);

/* packer_free(p): waits for what is under way; packs not verified by then are not in the index. */
void packer_free(struct packer *p);

/*
 * packer_add(p, type, data, size, id, err): a blob that is new. It is in the index at return.
 */
int packer_add(struct packer *p, enum blob_type type, const uint8_t *data, size_t size,
	const struct hash *id, struct sherd_error *err);

/* packer_flush(p, err): close all groups and lay them into packs. The last pack stays open. */
int packer_flush(struct packer *p, struct sherd_error *err);

/* packer_stream(p, type, data, size, stream, err): groups of an index or catalog, laid into the
 * open pack (or the next) at once, and appended to ${stream}. Where they come to lie is known when
 * the packer has finished: until then a group's `pack` is its number in the index (index_group_at).
 * pre: flushed. */
int packer_stream(struct packer *p, enum blob_type type, const uint8_t *data, size_t size,
	struct head_stream *stream, struct sherd_error *err);

/* packer_finish(p, err): close the last pack, and wait until all packs are verified. */
int packer_finish(struct packer *p, struct sherd_error *err);

/* packer_wait(p, err): wait until all closed packs are verified (and in the journal). */
int packer_wait(struct packer *p, struct sherd_error *err);

/* packer_packs(p): packs closed so far, the last one not counted while it is open. */
uint64_t packer_packs(const struct packer *p);

void packer_totals(struct packer *p, struct store_totals *ret);

#endif
