/* SPDX-License-Identifier: MIT */
/*
 * calls.h - the places of a pool (*members*), and calls to them that somebody else waits for.
 *
 * A member is an open place with threads of its own. Calls are made through a group: each
 * is queued at its member, and its end is collected from the group, with a deadline. A call that is
 * not waited for any longer goes on by itself (a hanging place cannot be interrupted); what it
 * needs is kept alive by references. No lock is held across a call to a place.
 *
 * With 0 threads a member runs each call when it is made, in the caller's thread: so a whole pool
 * can be replayed from a seed.
 *
 * Threads: a member may be used from any thread; a group belongs to one thread.
 */
#ifndef POOL_CALLS_H
#define POOL_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <base/cleanup.h>
#include <base/env.h>
#include <place/place.h>
#include <pool/ref.h>
#include <sherd/error.h>

struct member;

/* What happened at a member since it was opened; all atomic, read with member_counts(). */
struct member_counts {
	uint64_t reads, writes;             /* calls that worked */
	uint64_t read_errors, write_errors; /* calls that failed, NOTFOUND and EXISTS not counted */
	uint64_t lies;                      /* answers that were proved wrong: member_lied() */
	uint64_t bytes_read, bytes_written;
	uint64_t latency_ns; /* smoothed round trip of small calls; 0: none yet */
	uint64_t last_ok_ns; /* real clock; 0: never */
};

struct member_options {
	const struct sherd_env *env;
	unsigned threads;     /* 0: inline; else calls that may run at one time, at most 16 */
	uint64_t deadline_ns; /* of each call, after which it counts as failed; 0: 60 s */
};

/*
 * member_new(number, name, place, options, ret, err):
 * Takes ${place}, which may be NULL: a member that cannot be opened; every call then fails with
 * OFFLINE and the text ${why}. Errors: NOMEM, IO (no thread); ${place} stays the caller's then.
 */
int member_new(uint16_t number, const char *name, struct place *place, const char *why,
	const struct member_options *options, struct member **ret, struct sherd_error *err);

/* member_free(m): waits up to a second for calls under way, then leaves them to themselves: the
 * member's memory goes with the last of them. NULL does nothing. */
void member_free(struct member *m);

uint16_t member_number(const struct member *m);
const char *member_name(const struct member *m);
struct place *member_place(struct member *m); /* NULL: could not be opened */
void member_counts(const struct member *m, struct member_counts *ret);

/* member_lied(m, what): count a lie; ${what} goes to the log, once for each name and place. */
void member_lied(struct member *m, const char *what);

/* member_usable(m): false when its last calls failed OFFLINE or TIMEOUT and less than a while has
 * passed (breaker: 3 failures in a row, then one probe a deadline): such a member is asked last. */
bool member_usable(const struct member *m);

enum call_kind { CALL_PUT, CALL_GET, CALL_STAT, CALL_REMOVE, CALL_LIST };

/* A call that has ended. */
struct call_end {
	struct member *member;
	enum call_kind kind;
	uint64_t tag;           /* as given */
	int code;               /* 0 or enum sherd_code */
	size_t got;             /* bytes read (GET) */
	uint8_t *data;          /* GET with buffer NULL: what was read; owned by the receiver */
	struct place_stat stat; /* STAT */
	struct place_page page; /* LIST; owned by the receiver: call_end_release() */
	uint64_t duration_ns;
	struct sherd_error error; /* when code is not 0 */
};
void call_end_release(struct call_end *end);

struct calls; /* a group */

/* calls_new(env, ret, err): Errors: NOMEM. calls_free(g): forgets what is under way. */
int calls_new(const struct sherd_env *env, struct calls **ret, struct sherd_error *err);
void calls_free(struct calls *g);
DEFINE_CLEANUP(struct calls, calls_free)

/* Something a call needs until it ends: memory behind parts or buffer. */
struct call_hold {
	void (*ref)(void *object);
	void (*unref)(void *object);
	void *object;
};

/*
 * Make a call. Each takes NOMEM as its only error; whatever goes wrong at the place is in the end.
 * put: the parts (at most 3) must live until the call has ended: ${hold}, if not NULL, is
 * referenced for as long. get: ${buffer} likewise; NULL: the call has a buffer of its own.
 */
int calls_put(struct calls *g, struct member *m, uint64_t tag, const char *name,
	const struct iovec *parts, size_t count, const struct call_hold *hold,
	struct sherd_error *err);
int calls_get(struct calls *g, struct member *m, uint64_t tag, const char *name, uint64_t at,
	size_t size, uint8_t *buffer, const struct call_hold *hold, struct sherd_error *err);
int calls_stat(
	struct calls *g, struct member *m, uint64_t tag, const char *name, struct sherd_error *err);
int calls_remove(
	struct calls *g, struct member *m, uint64_t tag, const char *name, struct sherd_error *err);
int calls_list(struct calls *g, struct member *m, uint64_t tag, const char *prefix,
	const char *after, struct sherd_error *err);

/* calls_open(g): calls made and not yet collected. */
size_t calls_open(const struct calls *g);

/*
 * calls_next(g, wait_ns, ret_end, err):
 * Collect the next end. A call over its member's deadline ends with TIMEOUT here (the place goes on
 * for itself, and its real end is dropped, its counts kept). Errors: TIMEOUT (nothing ended within
 * ${wait_ns}), NOTFOUND (no call is open), NOMEM.
 */
int calls_next(
	struct calls *g, uint64_t wait_ns, struct call_end *ret_end, struct sherd_error *err);

#endif
