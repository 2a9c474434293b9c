/* SPDX-License-Identifier: MIT */
/* store_inner.h - what a store is made of, for store*.c and suspects.c. */
#ifndef REPO_STORE_INNER_H
#define REPO_STORE_INNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <repo/index.h>
#include <repo/journal.h>
#include <repo/packer.h>
#include <repo/reader.h>
#include <repo/segment.h>
#include <repo/store.h>

#define STORE_LEVEL_DEFAULT 3
#define STORE_MEMORY_DEFAULT ((size_t)192 << 20)

struct store {
	struct sherd_pool *pool;
	struct store_options o;
	struct crypt_key *id_key;      /* owned, locked memory */
	struct sherd_workers *workers; /* owned; for coding packs */
	struct index *index;
	pthread_rwlock_t index_lock; /* guards the index; a leaf of the lock order */
	struct reader *reader;
	struct journal *journal;
	struct catalog *catalog;
	struct packs_watch watch;          /* what the reader is given: told() below */
	const struct packs_watch *told_on; /* store_watch(); guarded by told_lock */
	pthread_mutex_t told_lock;

	struct head_content own; /* of this device's newest head */
	int own_code;            /* why it cannot be built upon; 0: it can */
	struct sherd_error own_err;
	uint32_t *moved; /* packs whose places changed since; numbers in the index */
	size_t moved_count, moved_room;
	uint64_t quarantined;
	char quarantine[160];
	bool suspects_dirty;

	/* A batch. */
	struct packer *packer; /* NULL: none, or a dry run */
	bool begun, dry;
	struct store_write_options w;
	uint32_t dry_group;
	struct store_totals batch_totals; /* of a dry run, or of the batch that has ended */
};

/* suspects.c */
int suspects_load(struct store *s, struct sherd_error *err);
void suspects_save(struct store *s);

#endif
