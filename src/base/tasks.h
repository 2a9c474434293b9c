/* SPDX-License-Identifier: MIT */
/*
 * tasks.h - a queue of jobs with threads that run them: for work that arrives piece by piece
 * (workers.h is for work whose number of pieces is known). Jobs start in the order in which they
 * were submitted. With 0 threads there is no queue: tasks_submit() runs the job itself before it
 * returns, so that a whole run can be replayed in one thread.
 */
#ifndef BASE_TASKS_H
#define BASE_TASKS_H

#include <stddef.h>
#include <sherd/error.h>
#include <base/cleanup.h>

struct tasks;

typedef void tasks_job(void *context);

/*
 * tasks_new(threads, queue_max, stack_size, ret_tasks, err):
 * Start ${threads} threads (0: none, see above; at most 256). At most ${queue_max} >= 1 jobs wait.
 * Threads have ${stack_size} bytes of stack (0: 256 KiB) and block all signals but those of their
 * own faults. Owns: the caller frees with tasks_free(). Errors: INVALID, NOMEM, IO (no thread).
 */
int tasks_new(unsigned threads, size_t queue_max, size_t stack_size, struct tasks **ret_tasks,
	struct sherd_error *err);

/* tasks_free(t): run what is queued, then stop and join the threads. NULL does nothing. */
void tasks_free(struct tasks *t);

/* tasks_submit(t, job, context): queue job(context); waits while the queue is full. A job must not
 * submit to the queue that runs it (unless there are no threads). Threads: any. */
void tasks_submit(struct tasks *t, tasks_job *job, void *context);

/* tasks_wait(t): return when everything submitted before has ended. Not from a job. */
void tasks_wait(struct tasks *t);

DEFINE_CLEANUP(struct tasks, tasks_free)

#endif
