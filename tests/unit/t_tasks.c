/* SPDX-License-Identifier: MIT */
/* t_tasks.c - the queue of jobs: order, limits, waiting, ending. */
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/tasks.h>

/* What jobs share. Their number is in the pointer to their own entry. */
#define JOBS 2000
struct board {
	atomic_uint started, ended;
	unsigned order[JOBS]; /* start order: job number */
	atomic_int gate;      /* jobs that wait go on when it is 1 */
};
struct job {
	struct board *board;
	unsigned number;
	atomic_uint runs;
	bool waits;
};

static void run_job(void *context)
{
	struct job *j = context;

	j->board->order[atomic_fetch_add(&j->board->started, 1)] = j->number;
	while (j->waits && !atomic_load(&j->board->gate))
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	atomic_fetch_add(&j->runs, 1);
	atomic_fetch_add(&j->board->ended, 1);
}

static struct job *make_jobs(struct board *board, unsigned count)
{
	struct job *jobs = mem_array(count, sizeof(*jobs));

	assert_non_null(jobs);
	memset(board, 0, sizeof(*board));
	for (unsigned i = 0; i < count; i++) {
		jobs[i].board = board;
		jobs[i].number = i;
	}
	return jobs;
}

static void each_job_runs_once(void **state)
{
	static const unsigned threads[] = {0, 1, 2, 7, 40};
	static const size_t queues[] = {1, 2, 1000};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		for (size_t q = 0; q < 3; q++) {
			static struct board board;
			CLEANUP(mem_free_at) struct job *jobs = make_jobs(&board, JOBS);
			struct tasks *t = NULL;

			assert_int_equal(tasks_new(threads[i], queues[q], 0, &t, NULL), 0);
			for (unsigned j = 0; j < JOBS; j++)
				tasks_submit(t, run_job, &jobs[j]);
			if (i % 2)
				tasks_wait(t);
			else
				tasks_free(TAKE(t));
			assert_int_equal(board.ended, JOBS);
			for (unsigned j = 0; j < JOBS; j++)
				assert_int_equal(jobs[j].runs, 1);
			tasks_free(t);
		}
	}
}

static void jobs_start_in_order(void **state)
{
	static struct board board;

	(void)state;
	for (unsigned threads = 0; threads < 2; threads++) {
		CLEANUP(mem_free_at) struct job *jobs = make_jobs(&board, JOBS);
		CLEANUP(tasks_free_at) struct tasks *t = NULL;

		assert_int_equal(tasks_new(threads, 5, 0, &t, NULL), 0);
		for (unsigned j = 0; j < JOBS; j++)
			tasks_submit(t, run_job, &jobs[j]);
		tasks_wait(t);
		for (unsigned j = 0; j < JOBS; j++)
			assert_int_equal(board.order[j], j);
	}
}

static void note_thread(void *context)
{
	*(pthread_t *)context = pthread_self();
}

/* Submits another to the same queue, which has no threads. */
static struct tasks *nested_in;
static void submit_another(void *context)
{
	tasks_submit(nested_in, note_thread, context);
}

static void without_threads_the_caller_runs_it(void **state)
{
	CLEANUP(tasks_free_at) struct tasks *t = NULL;
	pthread_t who = 0;

	(void)state;
	assert_int_equal(tasks_new(0, 1, 0, &t, NULL), 0);
	tasks_submit(t, note_thread, &who);
	assert_true(pthread_equal(who, pthread_self()));
	who = 0;
	nested_in = t;
	tasks_submit(t, submit_another, &who);
	assert_true(pthread_equal(who, pthread_self()));
	tasks_wait(t);
}

struct submitter {
	struct tasks *t;
	struct job *jobs;
	unsigned count;
	atomic_uint submitted;
};

static void *submit_all(void *argument)
{
	struct submitter *s = argument;

	for (unsigned i = 0; i < s->count; i++) {
		tasks_submit(s->t, run_job, &s->jobs[i]);
		atomic_fetch_add(&s->submitted, 1);
	}
	return NULL;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void submit_waits_while_full(void **state)
{
	static struct board board;
	CLEANUP(mem_free_at) struct job *jobs = make_jobs(&board, 10);
	CLEANUP(tasks_free_at) struct tasks *t = NULL;
	struct submitter s = {.jobs = jobs, .count = 10};
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		jobs[i].waits = true;
	assert_int_equal(tasks_new(2, 3, 0, &t, NULL), 0);
	s.t = t;
	assert_int_equal(pthread_create(&thread, NULL, submit_all, &s), 0);
	/* two run, three wait, and the submitter holds the sixth */
	while (atomic_load(&s.submitted) < 5)
		pause_ms(1);
	pause_ms(20);
	assert_int_equal(s.submitted, 5);
	assert_int_equal(board.started, 2);
	atomic_store(&board.gate, 1);
	pthread_join(thread, NULL);
	tasks_wait(t);
	assert_int_equal(board.ended, 10);
}

static atomic_bool stop_submitting;

static void nothing(void *context)
{
	(void)context;
}

static void *submit_for_ever(void *argument)
{
	while (!atomic_load(&stop_submitting))
		tasks_submit(argument, nothing, NULL);
	return NULL;
}

/* A wait is for what came before it, and ends although others never stop. */
static void wait_is_not_starved(void **state)
{
	static struct board board;
	CLEANUP(mem_free_at) struct job *jobs = make_jobs(&board, 500);
	CLEANUP(tasks_free_at) struct tasks *t = NULL;
	pthread_t thread;

	(void)state;
	assert_int_equal(tasks_new(3, 4, 0, &t, NULL), 0);
	atomic_store(&stop_submitting, false);
	assert_int_equal(pthread_create(&thread, NULL, submit_for_ever, t), 0);
	for (unsigned i = 0; i < 500; i++) {
		tasks_submit(t, run_job, &jobs[i]);
		if (i % 50 == 0) {
			tasks_wait(t);
			assert_int_equal(board.ended, i + 1);
		}
	}
	tasks_wait(t);
	assert_int_equal(board.ended, 500);
	atomic_store(&stop_submitting, true);
	pthread_join(thread, NULL);
}

static void *wait_there(void *argument)
{
	tasks_wait(argument);
	return NULL;
}

static void many_may_wait(void **state)
{
	static struct board board;
	CLEANUP(mem_free_at) struct job *jobs = make_jobs(&board, 4);
	CLEANUP(tasks_free_at) struct tasks *t = NULL;
	pthread_t threads[5];

	(void)state;
	assert_int_equal(tasks_new(2, 4, 65536, &t, NULL), 0);
	tasks_wait(t); /* nothing was submitted */
	for (unsigned i = 0; i < 4; i++) {
		jobs[i].waits = true;
		tasks_submit(t, run_job, &jobs[i]);
	}
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, wait_there, t), 0);
	pause_ms(5);
	atomic_store(&board.gate, 1);
	for (unsigned i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(board.ended, 4);
}

static void read_mask(void *context)
{
	pthread_sigmask(SIG_SETMASK, NULL, context);
}

/* 200 KiB are there, as promised. */
static void use_stack(void *context)
{
	volatile char room[200 << 10];

	for (size_t i = 0; i < sizeof(room); i += 512)
		room[i] = (char)i;
	*(int *)context = room[512] == 0;
}

static void threads_are_set_up(void **state)
{
	CLEANUP(tasks_free_at) struct tasks *t = NULL;
	int fits = 0;
	sigset_t mask;

	(void)state;
	assert_int_equal(tasks_new(1, 1, 0, &t, NULL), 0);
	tasks_submit(t, read_mask, &mask);
	tasks_submit(t, use_stack, &fits);
	tasks_wait(t);
	assert_int_equal(sigismember(&mask, SIGINT), 1);
	assert_int_equal(sigismember(&mask, SIGALRM), 1);
	assert_int_equal(sigismember(&mask, SIGSEGV), 0);
	assert_int_equal(fits, 1);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_int_equal(sigismember(&mask, SIGINT), 0);
}

static void refuses_what_cannot_be(void **state)
{
	struct tasks *t = NULL;
	struct sherd_error err;

	(void)state;
	assert_int_equal(tasks_new(257, 1, 0, &t, &err), SHERD_INVALID);
	assert_string_equal(err.message, "257 threads asked for, at most 256 can be");
	assert_int_equal(tasks_new(UINT_MAX, 1, 0, &t, &err), SHERD_INVALID);
	assert_int_equal(tasks_new(1, 0, 0, &t, &err), SHERD_INVALID);
	assert_int_equal(tasks_new(0, 0, 0, &t, &err), SHERD_INVALID);
	assert_int_equal(tasks_new(1, SIZE_MAX / 2, 0, &t, &err), SHERD_NOMEM);
	for (unsigned long n = 1; n <= 3; n++) {
		mem_fail_at(n);
		assert_int_equal(tasks_new(2, 3, 0, &t, &err), SHERD_NOMEM);
		assert_null(t);
	}
	mem_fail_at(0);
	/* more stack than there is address space */
	assert_int_equal(tasks_new(2, 3, SIZE_MAX / 4, &t, &err), SHERD_IO);
	assert_null(t);
	tasks_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_job_runs_once),
		cmocka_unit_test(jobs_start_in_order),
		cmocka_unit_test(without_threads_the_caller_runs_it),
		cmocka_unit_test(submit_waits_while_full),
		cmocka_unit_test(wait_is_not_starved),
		cmocka_unit_test(many_may_wait),
		cmocka_unit_test(threads_are_set_up),
		cmocka_unit_test(refuses_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
