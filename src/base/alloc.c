/* SPDX-License-Identifier: MIT */
/*
 * alloc.c - thin covers of the C library's allocator. Every allocation takes a number from one
 * counter; the one whose number a test asked for fails. The counter costs an uncontended atomic
 * add, which is nothing beside an allocation, so that releases run the code that was tested.
 */
#include <base/alloc.h>

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <base/intmath.h>

static atomic_ulong made;    /* allocations since the last mem_fail_at() */
static atomic_ulong failing; /* the number of the one that fails; 0: none */

bool mem_count(void)
{
	unsigned long number = atomic_fetch_add_explicit(&made, 1, memory_order_relaxed) + 1;

	return number != atomic_load_explicit(&failing, memory_order_relaxed);
}

void *mem_array(size_t count, size_t size)
{
	size_t total;

	if (!mem_count() || !INT_MUL(count, size, &total))
		return NULL;
	return calloc(1, total ? total : 1);
}

void *mem_aligned(size_t alignment, size_t size)
{
	void *p;

	assert(alignment >= sizeof(void *) && (alignment & (alignment - 1)) == 0);
	if (!mem_count())
		return NULL;
	if (posix_memalign(&p, alignment, size ? size : 1) != 0)
		return NULL;
	return p;
}

char *mem_format(const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	if (!mem_count())
		return NULL;
	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return length < 0 ? NULL : text;
}

void mem_free(void *p)
{
	int saved = errno;

	free(p);
	errno = saved;
}

unsigned long mem_fail_at(unsigned long n)
{
	atomic_store(&failing, 0);
	unsigned long count = atomic_exchange(&made, 0);

	atomic_store(&failing, n);
	return count;
}
