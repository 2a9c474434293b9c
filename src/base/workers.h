/* SPDX-License-Identifier: MIT */
/* workers.h - running one function many times on the threads of a pool (sherd/job.h). */
#ifndef BASE_WORKERS_H
#define BASE_WORKERS_H

#include <stddef.h>
#include <sherd/job.h>
#include <base/cleanup.h>

/* One piece of work: ${index} counts from 0; no two run with the same ${worker} at one time. */
typedef void workers_job(void *context, size_t index, unsigned worker);

/*
 * workers_run(w, job, context, count):
 * Run job(context, 0..count-1, worker) on the pool's threads, in any order, and return when all
 * have ended. ${worker} is below sherd_workers_count(w). With w NULL the caller runs them all, in
 * order. Jobs must not call workers_run() on the same pool; they have 256 KiB of stack. What a job
 * wrote is visible to the caller afterwards.
 */
void workers_run(struct sherd_workers *w, workers_job *job, void *context, size_t count);

/*
 * workers_wanted(asked, ret_threads, err):
 * How many threads ${asked} for means: itself, or for 0 one for each processor, at most 16.
 * Errors: INVALID (more than 256).
 */
int workers_wanted(unsigned asked, unsigned *ret_threads, struct sherd_error *err);

DEFINE_CLEANUP(struct sherd_workers, sherd_workers_free)

#endif
