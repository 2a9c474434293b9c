/* SPDX-License-Identifier: MIT */
/*
 * alloc.h - memory. All of the library allocates through here and nowhere else, so that a test can
 * make the n-th allocation fail. Every call may return NULL, which the caller reports as
 * SHERD_NOMEM. Threads: any.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/cleanup.h>

/* mem_array(count, size): count * size bytes, zeroed; NULL if that overflows. A product of 0
 * gives a pointer that is not NULL. Free with mem_free(). */
void *mem_array(size_t count, size_t size) __attribute__((malloc, warn_unused_result));

/* mem_aligned(alignment, size): uninitialised bytes at a multiple of ${alignment}, a power of two
 * of at least sizeof(void *). Free with mem_free(). */
void *mem_aligned(size_t alignment, size_t size) __attribute__((malloc, warn_unused_result));

/* mem_format(format, ...): a new NUL-terminated string, as asprintf() makes. */
char *mem_format(const char *format, ...)
	__attribute__((format(printf, 1, 2), malloc, warn_unused_result));

/* mem_count(): count an allocation that another library is about to make for us; false if it is the
 * one to fail, and the caller then acts as if it had. */
bool mem_count(void) __attribute__((warn_unused_result));

/* mem_free(p): NULL does nothing. Keeps errno. */
void mem_free(void *p);

/* For CLEANUP(): frees what the variable points to. */
static inline void mem_free_at(void *p)
{
	mem_free(*(void **)p);
}

/*
 * mem_fail_at(n):
 * Tests only: let the n-th allocation from now on fail (1 is the next), and all after it succeed;
 * 0 fails none. Returns how many were made since the last call. The counter is process wide and
 * atomic; it is the one piece of global state that a test may turn.
 */
unsigned long mem_fail_at(unsigned long n);

#endif
