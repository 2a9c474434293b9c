/* SPDX-License-Identifier: MIT */
/*
 * job.c - the pool of threads, and the request to stop.
 *
 * The threads of a pool live as long as it does and sleep between calls. A call publishes its work
 * and invites as many sleepers as there are jobs for; whoever wakes takes job numbers from one
 * atomic counter until none is left. The caller does so too. When the numbers are used up the
 * caller withdraws the invitations that nobody took yet and waits only for those who came: a
 * thread that is slow to wake up delays nothing.
 */
#include <base/workers.h>

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <base/alloc.h>
#include <base/cpu.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/thread.h>

#define THREADS_DEFAULT_MAX 16

struct worker {
	struct sherd_workers *pool;
	unsigned number; /* 1 and up; 0 is the caller of workers_run() */
	pthread_t thread;
};

struct sherd_workers {
	unsigned count; /* threads, the caller's included; constant */

	pthread_mutex_t calls; /* held through workers_run(): one call at a time */

	/* Set by the caller before it invites, read by those who accepted. */
	workers_job *job;
	void *context;
	size_t jobs;
	atomic_size_t next; /* number of the next job; may run past ${jobs} */

	pthread_mutex_t lock;   /* guards what follows */
	pthread_cond_t invited; /* invitations or stopping changed */
	pthread_cond_t left;    /* active became 0 */
	unsigned invitations;   /* how many more threads may join the call */
	unsigned active;        /* how many joined and have not left */
	bool stopping;

	struct worker workers[]; /* count - 1 */
};

static void take_jobs(struct sherd_workers *w, unsigned worker)
{
	for (;;) {
		size_t index = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed);

		if (index >= w->jobs)
			return;
		w->job(w->context, index, worker);
	}
}

static void *worker_main(void *argument)
{
	const struct worker *me = argument;
	struct sherd_workers *w = me->pool;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->invitations && !w->stopping)
			pthread_cond_wait(&w->invited, &w->lock);
		if (w->stopping)
			break;
		w->invitations--;
		w->active++;
		pthread_mutex_unlock(&w->lock);
		take_jobs(w, me->number);
		pthread_mutex_lock(&w->lock);
		if (--w->active == 0)
			pthread_cond_signal(&w->left);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void invite(struct sherd_workers *w, unsigned guests)
{
	pthread_mutex_lock(&w->lock);
	w->invitations = guests;
	if (guests + 1 == w->count)
		pthread_cond_broadcast(&w->invited);
	else
		for (unsigned i = 0; i < guests; i++)
			pthread_cond_signal(&w->invited);
	pthread_mutex_unlock(&w->lock);
}

static void see_off(struct sherd_workers *w)
{
	pthread_mutex_lock(&w->lock);
	w->invitations = 0;
	while (w->active)
		pthread_cond_wait(&w->left, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

void workers_run(struct sherd_workers *w, workers_job *job, void *context, size_t count)
{
	if (!w) {
		for (size_t i = 0; i < count; i++)
			job(context, i, 0);
		return;
	}
	if (!count)
		return;
	pthread_mutex_lock(&w->calls);
	w->job = job;
	w->context = context;
	w->jobs = count;
	atomic_store_explicit(&w->next, 0, memory_order_relaxed);
	if (w->count > 1 && count > 1)
		invite(w, (unsigned)INT_MIN_OF((size_t)w->count - 1, count - 1));
	take_jobs(w, 0);
	see_off(w);
	pthread_mutex_unlock(&w->calls);
}

static void stop_workers(struct sherd_workers *w, unsigned started)
{
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->invited);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < started; i++)
		pthread_join(w->workers[i].thread, NULL);
}

/* 0, or the errno of the thread that could not be started; none runs then. */
static int start_workers(struct sherd_workers *w)
{
	unsigned started = 0;
	int failed = 0;

	while (!failed && started < w->count - 1) {
		struct worker *worker = &w->workers[started];

		worker->pool = w;
		worker->number = started + 1;
		failed = thread_start(0, worker_main, worker, &worker->thread);
		started += !failed;
	}
	if (failed)
		stop_workers(w, started);
	return failed;
}

int workers_wanted(unsigned asked, unsigned *ret_threads, struct sherd_error *err)
{
	if (asked > THREAD_MAX)
		return err_set(err, SHERD_INVALID, "%u threads asked for, at most %d can be", asked,
			THREAD_MAX);
	*ret_threads = asked ? asked : INT_MIN_OF(cpu_count(), THREADS_DEFAULT_MAX);
	return 0;
}

int sherd_workers_new(unsigned threads, struct sherd_workers **ret_workers, struct sherd_error *err)
{
	CLEANUP(mem_free_at) struct sherd_workers *w = NULL;
	int failed;

	if (!ret_workers)
		return err_set(err, SHERD_INVALID, "no place for the pool of threads");
	failed = workers_wanted(threads, &threads, err);
	if (failed)
		return failed;
	w = mem_array(1, sizeof(*w) + (threads - 1) * sizeof(*w->workers));
	if (!w)
		return err_nomem(err);
	w->count = threads;
	pthread_mutex_init(&w->calls, NULL); /* cannot fail with default attributes on Linux */
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->invited, NULL);
	pthread_cond_init(&w->left, NULL);
	failed = start_workers(w);
	if (failed)
		return err_system(err, failed, "cannot start %u threads", threads - 1);
	*ret_workers = TAKE(w);
	return 0;
}

void sherd_workers_free(struct sherd_workers *w)
{
	if (!w)
		return;
	assert(!w->active);
	stop_workers(w, w->count - 1);
	pthread_cond_destroy(&w->left);
	pthread_cond_destroy(&w->invited);
	pthread_mutex_destroy(&w->lock);
	pthread_mutex_destroy(&w->calls);
	mem_free(w);
}

unsigned sherd_workers_count(const struct sherd_workers *w)
{
	return w ? w->count : 1;
}

/* A lone flag, which orders nothing else: relaxed, and lock-free, hence fit for signal handlers. */
void sherd_cancel_request(struct sherd_cancel *c)
{
	if (c)
		__atomic_store_n(&c->requested, 1, __ATOMIC_RELAXED);
}

int sherd_cancel_requested(const struct sherd_cancel *c)
{
	return c && __atomic_load_n(&c->requested, __ATOMIC_RELAXED) != 0;
}
