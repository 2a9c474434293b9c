/* SPDX-License-Identifier: MIT */
/*
 * zrestore.h - one piece of the file from the share files: read, computed, checked against all
 * shares that are not needed, and put right where a share is wrong. What a piece taught about a
 * share serves the pieces after it.
 */
#ifndef FEC_ZRESTORE_H
#define FEC_ZRESTORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <fec/zlayout.h>
#include <fec/zlineup.h>
#include <fec/zset.h>
#include <fec/ztask.h>

struct zrestore {
	struct ztask *task;
	struct zset *set; /* zset_leave_out() under the lock */
	struct sherd_fec *code;
	unsigned segments; /* of a piece */
	uint64_t pieces;
	size_t most_computed;  /* blocks beside those that are read */
	atomic_bool unchecked; /* some piece was not confirmed by more than k shares */

	pthread_mutex_t lock; /* guards what follows */
	enum ztrust trust[SHERD_FEC_SHARES_MAX];
	struct zlineup *lineups; /* the first is in force, older ones may still be in use */
	bool outdated;           /* trust changed since that was made */
};

/* What one thread works with. */
struct zdesk {
	struct zblocks memory;
	uint8_t *home[SHERD_FEC_SHARES_MAX];  /* [share]: its block; NULL: neither held nor data */
	uint8_t *spare[SHERD_FEC_SHARES_MAX]; /* for what is held and computed all the same */
	bool read[SHERD_FEC_SHARES_MAX];      /* [share]: home has what the share file says */
	struct iovec *parts;                  /* the restored piece, in the order of the file */
	size_t part_count;
};

/* zrestore_init(r, task, set, err): Errors: NOMEM, UNSUPPORTED. Release it in any case. */
int zrestore_init(
	struct zrestore *r, struct ztask *task, struct zset *set, struct sherd_error *err);
void zrestore_release(struct zrestore *r);

/* zdesk_init(d, r, err): Errors: NOMEM. Release it in any case; all zero is released too. */
int zdesk_init(struct zdesk *d, const struct zrestore *r, struct sherd_error *err);
void zdesk_release(struct zdesk *d);

/*
 * zrestore_piece(r, d, index, ret_piece, err):
 * Restore piece ${index}; d->parts then say where it lies, until the next call with that desk.
 * Any number of threads, each with its own desk.
 * Errors: MISMATCH (shares disagree and it cannot be told which is wrong), CORRUPT (the padding is
 * not zero), TOOFEW (shares became unreadable), NOMEM.
 */
int zrestore_piece(struct zrestore *r, struct zdesk *d, uint64_t index, struct zpiece *ret_piece,
	struct sherd_error *err);

#endif
