/* SPDX-License-Identifier: MIT */
/*
 * job.h - what a caller hands down to long work: threads, a way to stop it, and a progress report.
 */
#ifndef SHERD_JOB_H
#define SHERD_JOB_H

#include <stdint.h>
#include <sherd/error.h>
#include <sherd/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A pool of worker threads. One pool serves one call at a time: concurrent callers of the same
 * pool wait for each other. The calling thread always works too, so a pool of 1 has no thread of
 * its own. Workers block all signals but those that a fault of their own raises.
 */
struct sherd_workers;

/*
 * sherd_workers_new(threads, ret_workers, err):
 * Start a pool that works with ${threads} threads, the caller's included; 0 means as many as the
 * processors this process may use, at most 16.
 * Owns: the caller frees the result with sherd_workers_free().
 * Errors: INVALID (more than 256), NOMEM, IO (a thread cannot be started).
 */
SHERD_API int sherd_workers_new(
	unsigned threads, struct sherd_workers **ret_workers, struct sherd_error *err);

/* sherd_workers_free(w): stop and join the threads. NULL does nothing. No call may be running. */
SHERD_API void sherd_workers_free(struct sherd_workers *w);

/* sherd_workers_count(w): threads of the pool, the caller's included; 1 for NULL. */
SHERD_API unsigned sherd_workers_count(const struct sherd_workers *w);

/*
 * A request to stop. Static storage, zero-initialised, is a request not made:
 *     static struct sherd_cancel cancel;
 */
struct sherd_cancel {
	int requested; /* only through the two functions below */
};

/* sherd_cancel_request(c): ask for the end. Async-signal-safe, any thread, any number of times. */
SHERD_API void sherd_cancel_request(struct sherd_cancel *c);

/* sherd_cancel_requested(c): 1 if the end was asked for, else 0; 0 for NULL. Any thread. */
SHERD_API int sherd_cancel_requested(const struct sherd_cancel *c);

/*
 * Progress of long work. `update` is called from any of the working threads, never two at once,
 * at most some hundred times a second, and must not call back into the work it is told of.
 */
struct sherd_progress {
	/* ${done} of ${total} bytes of payload are through; ${total} is 0 while it is unknown. */
	void (*update)(void *context, uint64_t done, uint64_t total);
	void *context;
};

#ifdef __cplusplus
}
#endif
#endif
