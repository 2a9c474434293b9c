/* SPDX-License-Identifier: MIT */
/*
 * member.h - what member.c and calls.c know of each other: the inside of a member, and a call on
 * its way. A call belongs to two: to its group, which waits for it, and to its member, which makes
 * it; each may let go first.
 */
#ifndef POOL_MEMBER_H
#define POOL_MEMBER_H

#include <pthread.h>
#include <stdatomic.h>
#include <pool/calls.h>

#define MEMBER_THREADS_MAX 16
#define CALL_PARTS_MAX 3

struct call {
	/* Constant. */
	struct member *member; /* referenced */
	struct calls *group;   /* referenced */
	enum call_kind kind;
	uint64_t tag;
	char name[PLACE_NAME_MAX + 1];  /* LIST: the prefix */
	char after[PLACE_NAME_MAX + 1]; /* LIST */
	bool has_after;
	struct iovec parts[CALL_PARTS_MAX];
	size_t part_count;
	uint64_t at;
	size_t size;
	uint8_t *buffer; /* of a GET: the caller's, or our own */
	bool own_buffer;
	struct call_hold hold;
	uint64_t queued_ns;

	atomic_uint refs;

	/* Under the member's lock. */
	bool queued;
	struct call *queue_next, *queue_before;

	/* Under the group's lock. */
	uint64_t started_ns;        /* 0: not yet */
	bool claimed;               /* it has ended, and the end is about to be there */
	bool forgotten;             /* nobody waits for the end */
	struct call *next, *before; /* in one of the group's two lists */

	struct call_end end; /* written by whoever makes the call, before call_finish() */
};

void call_ref(struct call *c);
void call_unref(struct call *c);

/* call_start(c, now): false if nobody waits for it any longer. Takes the group's lock. */
bool call_start(struct call *c, uint64_t now);

/* call_claim(c): it has ended: false if nobody waits for it any longer; else nobody will stop to,
 * and call_finish() follows. Takes the group's lock. */
bool call_claim(struct call *c);

/* call_finish(c): hand c->end to the group, if it waits. Takes the group's lock. */
void call_finish(struct call *c);

/* member_submit(m, c): queue a call, or without threads make it. Takes one reference of ${c}. */
void member_submit(struct member *m, struct call *c);

/* member_withdraw(m, c): take a call that has not been started out of the queue, if it is there. */
void member_withdraw(struct member *m, struct call *c);

/* member_overdue(m, kind): count a call that did not end in time. */
void member_overdue(struct member *m, enum call_kind kind);

uint64_t member_deadline_ns(const struct member *m);

/* member_inline(m): whether each call has ended when it has been made. */
bool member_inline(const struct member *m);

void member_ref(struct member *m);
void member_unref(struct member *m);

#endif
