/* SPDX-License-Identifier: MIT */
/*
 * thread.c - a new thread inherits the mask of the one that starts it, so the mask is set around
 * the start; set by the thread itself, a signal could come before.
 */
#include <base/thread.h>

#include <limits.h>
#include <signal.h>

#include <base/intmath.h>

/* Signals go to the threads of the program; only a thread's own faults reach it. */
static void block_signals(sigset_t *ret_before)
{
	static const int own_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
	sigset_t blocked;

	sigfillset(&blocked);
	for (size_t i = 0; i < ARRAY_COUNT(own_faults); i++)
		sigdelset(&blocked, own_faults[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, ret_before);
}

int thread_start(size_t stack_size, void *(*main)(void *), void *argument, pthread_t *ret_thread)
{
	/* The usual 8 MiB of stack each would not fit a limited address space. */
	size_t stack = stack_size ? stack_size : THREAD_STACK_DEFAULT;
	pthread_attr_t attributes;
	sigset_t before;
	int failed;

	failed = pthread_attr_init(&attributes);
	if (failed)
		return failed;
	stack = INT_MAX_OF(stack, (size_t)PTHREAD_STACK_MIN);
	failed = pthread_attr_setstacksize(&attributes, stack);
	if (!failed) {
		block_signals(&before);
		failed = pthread_create(ret_thread, &attributes, main, argument);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_attr_destroy(&attributes);
	return failed;
}
