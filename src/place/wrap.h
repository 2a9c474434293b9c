/* SPDX-License-Identifier: MIT */
/*
 * wrap.h - places that wrap places. Each takes ownership of ${inner} when it succeeds (place_free()
 * of the wrapper frees it) and keeps its promises (place.h). Errors of all: NOMEM.
 */
#ifndef PLACE_WRAP_H
#define PLACE_WRAP_H

#include <stdatomic.h>
#include <stdio.h>
#include <place/place.h>

/*
 * Retry: what failed with IO, TIMEOUT or OFFLINE is tried again, up to ${tries} times in all, after
 * ${first_ns} * 2^i with a random half of it as jitter, at most ${most_ns} each. A put that is
 * tried again and then finds the object is verified by size and answered with EXISTS only if it was
 * there before the first try (a stat before the second try decides); else 0.
 */
struct wrap_retry_options {
	unsigned tries;    /* 0: 4 */
	uint64_t first_ns; /* 0: 200 ms */
	uint64_t most_ns;  /* 0: 10 s */
};
int wrap_retry(struct place *inner, const struct sherd_env *env,
	const struct wrap_retry_options *options, struct place **ret, struct sherd_error *err);

/* Throttle: bytes a second up and down, by token buckets that hold one second; 0: no limit. The
 * rates may be changed at any time, from any thread. */
struct wrap_rates {
	_Atomic uint64_t up, down;
};
int wrap_throttle(struct place *inner, const struct sherd_env *env, const struct wrap_rates *rates,
	struct place **ret, struct sherd_error *err);

/* Trace: one line for each call to ${sink}: "put packs/ab/... 16777216 ok 12.3ms". */
typedef void wrap_trace_sink(void *context, const char *line);
int wrap_trace(struct place *inner, const struct sherd_env *env, wrap_trace_sink *sink,
	void *context, struct place **ret, struct sherd_error *err);

/*
 * Fault: for tests. ${decide} is asked before each call and says what shall happen to it.
 */
enum wrap_fault {
	WRAP_FAULT_NONE,
	WRAP_FAULT_IO,      /* fails with IO, nothing done */
	WRAP_FAULT_OFFLINE, /* fails with OFFLINE, nothing done */
	WRAP_FAULT_NOSPACE, /* a put fails with NOSPACE, others work */
	WRAP_FAULT_DENIED,  /* put and remove fail with DENIED, others work */
	WRAP_FAULT_LOSE,    /* a put or remove says 0 and does nothing */
	WRAP_FAULT_DONE_IO, /* the call is carried out, and its success reported as IO */
	WRAP_FAULT_TORN,    /* a put stores only the first half of the bytes, and says 0 */
	WRAP_FAULT_FLIP,    /* a get flips one bit of what it returns; a put of what it stores */
	WRAP_FAULT_GARBAGE, /* a get returns other bytes of the right number, says 0 */
	WRAP_FAULT_EMPTY,   /* a get returns 0 bytes; a stat says size 0; a list has no names */
	WRAP_FAULT_ABSENT,  /* get, stat, remove: NOTFOUND; a list has no names */
	WRAP_FAULT_HANG,    /* sleeps ${hang_ns} first, then fails with TIMEOUT */
	WRAP_FAULT_SLOW,    /* sleeps ${hang_ns} first, then works */
	WRAP_FAULT_FORGET,  /* a list leaves out every other name; others work */
};
enum wrap_call {
	WRAP_CALL_PUT,
	WRAP_CALL_GET,
	WRAP_CALL_STAT,
	WRAP_CALL_REMOVE,
	WRAP_CALL_LIST,
	WRAP_CALL_SPACE,
};
struct wrap_fault_options {
	enum wrap_fault (*decide)(void *context, enum wrap_call call, const char *name);
	void *context;
	uint64_t hang_ns;
};
int wrap_fault(struct place *inner, const struct sherd_env *env,
	const struct wrap_fault_options *options, struct place **ret, struct sherd_error *err);

#endif
