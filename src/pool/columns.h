/* SPDX-License-Identifier: MIT */
/*
 * columns.h - the same leaves of as many shares of one pack as are needed to have those of the
 * wanted data shares, or of any k. Several of these may share one group of calls.
 */
#ifndef POOL_COLUMNS_H
#define POOL_COLUMNS_H

#include <pool/calls.h>
#include <pool/packs.h>
#include "probe.h"

enum source_state {
	SOURCE_UNASKED,
	SOURCE_ASKED,
	SOURCE_GOOD,
	SOURCE_FAILED, /* where it was asked last; there may be more members to ask */
};

/* One share. */
struct source {
	enum source_state state;
	struct probe probe;
	size_t next;      /* number of the candidate to ask next, columns.c */
	uint32_t attempt; /* part of the tag */
	bool late;        /* no answer after hedge_ns */
	bool unsure;      /* some place could not be asked for it */
	int code;         /* what its recorded place said, or whoever had it wrong */
	const struct member *said_by;
	char why[PROBE_WHY_SIZE];
};

struct columns {
	/* What is wanted: set before columns_start(). */
	const struct packs *packs;
	const struct pool_ref *ref;
	const struct packs_watch *watch;
	unsigned id; /* of this one in its group, below COLUMNS_IDS */
	size_t first_leaf, leaf_count;
	size_t from, size;            /* the bytes of these leaves that go to ${to} */
	uint64_t wanted;              /* bit i: data share i */
	uint8_t *to[POOL_SHARES_MAX]; /* of the wanted ones */
	uint64_t avoid;               /* bit i: share i is asked for after all others */
	bool any_k;                   /* k good shares, which stay in the sources, in place of
				       * wanted ones; verified heads are read anew */

	/* Results, when done: */
	bool done;
	int code; /* 0, LOST, QUORUM */
	struct source source[POOL_SHARES_MAX];
};

#define COLUMNS_IDS 16
#define COLUMNS_TAG_SHIFT 56 /* tag: id, share (8 bits), attempt (32), part */

/*
 * columns_run(c, count, err): get them all. NOMEM, CANCELLED, LOST or QUORUM with the whole story,
 * or 0: what was wanted is there. columns_release(c): free what it holds, however it ended.
 */
int columns_run(struct columns **c, size_t count, struct sherd_error *err);
void columns_release(struct columns *c);

/* columns_say(c, code, err): put what each place said into ${err}. Returns the code. */
int columns_say(const struct columns *c, int code, struct sherd_error *err);

/* packs_find_member(packs, number): the member of that number, NULL if it is not in the set. */
const struct packs_member *packs_find_member(const struct packs *packs, uint16_t number);

/* packs_candidate(packs, recorded, n): whom to ask for a share as the n-th (from 0): the recorded
 * member, then all others. NULL: nobody (there may be others behind, below count + 1). */
const struct packs_member *packs_candidate(const struct packs *packs, uint16_t recorded, size_t n);

/* packs_deadline..: how long to wait for the next end, with ${packs} to be cancelled: at most 100
 * ms */
uint64_t packs_poll_ns(const struct packs *packs, uint64_t wait_ns);

#endif
