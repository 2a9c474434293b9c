/* SPDX-License-Identifier: MIT */
/*
 * told.h - hooks of long work (sherd/repo.h) served from any thread: notes are queued and told, as
 * progress is, only when the calling thread comes by.
 */
#ifndef REPO_TOLD_H
#define REPO_TOLD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <repo/repo.h>

struct told_note;
struct told_shares;

struct told {
	const struct sherd_repo_hooks *hooks; /* may be NULL */
	struct sherd_pool *pool;
	uint64_t next_ns; /* when progress is due */
	uint64_t *base;   /* bytes read of each place when the work began */
	struct sherd_place_progress *places;
	size_t place_count;
	atomic_bool waiting; /* there are notes */
	pthread_mutex_t lock;
	struct told_note *first, **last; /* under the lock */
	struct told_shares *shares;      /* under the lock: told already */
	uint64_t bad_shares;             /* under the lock */
};

/* told_init(t, hooks, pool, err): Errors: NOMEM. */
int told_init(struct told *t, const struct sherd_repo_hooks *hooks, struct sherd_pool *pool,
	struct sherd_error *err);
void told_release(struct told *t);

/* told_note(t, kind, path, place, why): queue a note; any thread. Errors: NOMEM. */
int told_note(struct told *t, enum sherd_note_kind kind, const char *path, const char *place,
	const struct sherd_error *why);

/* told_watch(t): for store_watch(): each bad or missing share is told and counted once. */
struct packs_watch told_watch(struct told *t);
uint64_t told_bad_shares(struct told *t);

/* told_notes(t): tell what is queued; calling thread. Other than 0: what a callback gave. */
int told_notes(struct told *t);

/* told_due(t): whether it is time for progress. told_progress(t, p): tell it; fills in bytes_moved
 * and places. */
int told_due(struct told *t);
void told_progress(struct told *t, struct sherd_repo_progress *p);

#endif
