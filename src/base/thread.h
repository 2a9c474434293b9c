/* SPDX-License-Identifier: MIT */
/* thread.h - starting a thread of the library's own: for job.c and tasks.c. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stddef.h>

#define THREAD_MAX 256                           /* threads of one pool or queue */
#define THREAD_STACK_DEFAULT ((size_t)256 << 10) /* jobs have small frames */

/*
 * thread_start(stack_size, main, argument, ret_thread):
 * Start a thread with so much stack (0: THREAD_STACK_DEFAULT; at least what the system asks for)
 * that blocks all signals but those of its own faults. Join it with pthread_join().
 * 0, or the errno of what failed. Threads: any.
 */
int thread_start(size_t stack_size, void *(*main)(void *), void *argument, pthread_t *ret_thread);

#endif
