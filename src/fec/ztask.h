/* SPDX-License-Identifier: MIT */
/*
 * ztask.h - what the threads of one encode or decode share: the first error, which ends the work
 * of all of them, the request to stop, and the progress report. Any thread may call everything
 * but ztask_init(), ztask_result() and ztask_release().
 */
#ifndef FEC_ZTASK_H
#define FEC_ZTASK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/env.h>
#include <sherd/error.h>
#include <sherd/job.h>

struct ztask {
	const struct sherd_env *env;
	const struct sherd_progress *progress; /* NULL: nobody wants to know */
	const struct sherd_cancel *cancel;     /* NULL: nobody will ask to stop */
	uint64_t total;                        /* bytes to do; 0: unknown */
	atomic_bool failed;

	pthread_mutex_t lock;     /* guards what follows */
	int code;                 /* of the first error, 0 while there is none */
	struct sherd_error error; /* the first error */
	uint64_t done;            /* bytes */
	uint64_t told_ns;         /* when progress was last reported */
};

/* ztask_init(t, env, progress, cancel): no error yet, nothing done. */
void ztask_init(struct ztask *t, const struct sherd_env *env, const struct sherd_progress *progress,
	const struct sherd_cancel *cancel);
void ztask_release(struct ztask *t);

/* ztask_goes_on(t): false once there was an error or the caller asked to stop. */
bool ztask_goes_on(struct ztask *t);

/* ztask_fail(t, code, err): the work has failed; counts only if it is the first time. */
void ztask_fail(struct ztask *t, int code, const struct sherd_error *err);

/* ztask_advance(t, bytes): as many more are done. */
void ztask_advance(struct ztask *t, uint64_t bytes);

/* ztask_result(t, err): 0 and a last report of progress, or the first error. */
int ztask_result(struct ztask *t, struct sherd_error *err);

/*
 * ztask_read(t, fd, name, buffer, size, ret_got, err):
 * Read ${size} bytes of a pipe, terminal or the like, fewer only at its end. A request to stop is
 * noticed while waiting. Errors: of the read; CANCELLED, or the first error of the task.
 */
int ztask_read(struct ztask *t, int fd, const char *name, void *buffer, size_t size,
	size_t *ret_got, struct sherd_error *err);

#endif
