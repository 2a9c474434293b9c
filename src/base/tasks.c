/* SPDX-License-Identifier: MIT */
/*
 * tasks.c - a ring of jobs under one lock. Jobs are numbered in the order of their submission and
 * taken in that order; each thread notes the number of the job it runs. So the lowest number that
 * has not ended is known, and tasks_wait() waits for the numbers given out before it came and for
 * no later ones: a wait ends even while others go on submitting.
 */
#include <base/tasks.h>

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/thread.h>

#define IDLE UINT64_MAX /* number of the job of a thread that has none */

struct task {
	tasks_job *job;
	void *context;
};

struct worker {
	struct tasks *queue;
	pthread_t thread;
	uint64_t number; /* of the job it runs, or IDLE; under the queue's lock */
};

struct tasks {
	/* Constant. */
	unsigned threads;
	size_t queue_max;
	struct task *ring; /* queue_max of them; job number n stands at n % queue_max */
	struct worker *workers;

	pthread_mutex_t lock;   /* guards what follows, and the workers' numbers */
	pthread_cond_t arrived; /* a job was queued, or stopping set */
	pthread_cond_t taken;   /* there is room */
	pthread_cond_t ended;   /* a job ended while somebody waited */
	uint64_t submitted;     /* number of the next job */
	uint64_t started;       /* number of the next job to start; <= submitted */
	unsigned waiting;       /* callers of tasks_wait() */
	bool stopping;
};

static void run_next(struct tasks *t, struct worker *me)
{
	struct task task = t->ring[t->started % t->queue_max];

	me->number = t->started++;
	pthread_cond_signal(&t->taken);
	pthread_mutex_unlock(&t->lock);
	task.job(task.context);
	pthread_mutex_lock(&t->lock);
	me->number = IDLE;
	if (t->waiting)
		pthread_cond_broadcast(&t->ended);
}

static void *worker_main(void *argument)
{
	struct worker *me = argument;
	struct tasks *t = me->queue;

	pthread_mutex_lock(&t->lock);
	for (;;) {
		while (t->started == t->submitted && !t->stopping)
			pthread_cond_wait(&t->arrived, &t->lock);
		if (t->started == t->submitted)
			break;
		run_next(t, me);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

/* Let the first ${started} threads run what is queued, and end. */
static void stop(struct tasks *t, unsigned started)
{
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	pthread_cond_broadcast(&t->arrived);
	pthread_mutex_unlock(&t->lock);
	for (unsigned i = 0; i < started; i++)
		pthread_join(t->workers[i].thread, NULL);
}

static void destroy(struct tasks *t)
{
	pthread_cond_destroy(&t->ended);
	pthread_cond_destroy(&t->taken);
	pthread_cond_destroy(&t->arrived);
	pthread_mutex_destroy(&t->lock);
	mem_free(t->workers);
	mem_free(t->ring);
	mem_free(t);
}

/* 0, or the errno of the thread that could not be started; none runs then. */
static int start(struct tasks *t, size_t stack_size)
{
	for (unsigned i = 0; i < t->threads; i++) {
		struct worker *worker = &t->workers[i];
		int failed;

		worker->queue = t;
		worker->number = IDLE;
		failed = thread_start(stack_size, worker_main, worker, &worker->thread);
		if (failed) {
			stop(t, i);
			return failed;
		}
	}
	return 0;
}

int tasks_new(unsigned threads, size_t queue_max, size_t stack_size, struct tasks **ret_tasks,
	struct sherd_error *err)
{
	struct tasks *t;
	int failed;

	if (threads > THREAD_MAX)
		return err_set(err, SHERD_INVALID, "%u threads asked for, at most %d can be",
			threads, THREAD_MAX);
	if (!queue_max)
		return err_set(err, SHERD_INVALID, "a queue that holds no job");
	t = mem_array(1, sizeof(*t));
	if (!t)
		return err_nomem(err);
	t->threads = threads;
	t->queue_max = queue_max;
	pthread_mutex_init(&t->lock, NULL); /* cannot fail with default attributes on Linux */
	pthread_cond_init(&t->arrived, NULL);
	pthread_cond_init(&t->taken, NULL);
	pthread_cond_init(&t->ended, NULL);
	if (threads) {
		t->ring = mem_array(queue_max, sizeof(*t->ring));
		t->workers = mem_array(threads, sizeof(*t->workers));
		if (!t->ring || !t->workers) {
			destroy(t);
			return err_nomem(err);
		}
		failed = start(t, stack_size);
		if (failed) {
			destroy(t);
			return err_system(err, failed, "cannot start %u threads", threads);
		}
	}
	*ret_tasks = t;
	return 0;
}

void tasks_free(struct tasks *t)
{
	if (!t)
		return;
	stop(t, t->threads);
	assert(t->started == t->submitted && !t->waiting);
	destroy(t);
}

void tasks_submit(struct tasks *t, tasks_job *job, void *context)
{
	assert(job);
	if (!t->threads) {
		job(context);
		return;
	}
	pthread_mutex_lock(&t->lock);
	assert(!t->stopping);
	while (t->submitted - t->started == t->queue_max)
		pthread_cond_wait(&t->taken, &t->lock);
	t->ring[t->submitted++ % t->queue_max] = (struct task){job, context};
	pthread_cond_signal(&t->arrived);
	pthread_mutex_unlock(&t->lock);
}

/* Is there a job with a number below ${end} that has not ended? */
static bool unfinished(const struct tasks *t, uint64_t end)
{
	if (t->started < end)
		return true;
	for (unsigned i = 0; i < t->threads; i++)
		if (t->workers[i].number < end)
			return true;
	return false;
}

void tasks_wait(struct tasks *t)
{
	uint64_t end;

	pthread_mutex_lock(&t->lock);
	end = t->submitted;
	t->waiting++;
	while (unfinished(t, end))
		pthread_cond_wait(&t->ended, &t->lock);
	t->waiting--;
	pthread_mutex_unlock(&t->lock);
}
