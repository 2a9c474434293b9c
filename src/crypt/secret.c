/* SPDX-License-Identifier: MIT */
/*
 * secret.c - libsodium's guarded pages. They put a block at the end of its pages, so that a step
 * behind it faults; a size that is no multiple of 16 would leave the block badly aligned for
 * structs and is rounded up (what lies between is still watched by the canary when it is freed).
 */
#include <crypt/secret.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include "ready.h"

#define ALIGNMENT 16

static void start_sodium(void)
{
	/* Also picks the fastest code. It fails only where a lock of its own cannot be taken. */
	int r = sodium_init();

	assert(r >= 0);
	(void)r;
}

void crypt_ready(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start_sodium);
}

void *secret_new(size_t size)
{
	size_t room;
	void *p;

	crypt_ready();
	if (!mem_count() || !INT_ADD(size, (size_t)ALIGNMENT - 1, &room))
		return NULL;
	room = INT_MAX_OF(room - room % ALIGNMENT, (size_t)ALIGNMENT);
	p = sodium_malloc(room);
	if (p)
		memset(p, 0, room);
	return p;
}

void secret_free(void *p)
{
	int saved = errno;

	sodium_free(p);
	errno = saved;
}

void secret_wipe(void *p, size_t size)
{
	sodium_memzero(p, size);
}

int secret_equal(const void *a, const void *b, size_t size)
{
	return sodium_memcmp(a, b, size) == 0;
}
