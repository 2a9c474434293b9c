/* SPDX-License-Identifier: MIT */
/*
 * cursor.h - bounded reading of foreign bytes. A cursor never leaves its buffer: a read past the
 * end gives zeros and sets `failed`, which stays set, so that a parser may read a whole record and
 * ask once. No allocation, no ownership. One cursor belongs to one thread.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *next; /* first byte not read */
	const uint8_t *end;  /* behind the last byte */
	bool failed;         /* a read went past the end */
};

static inline struct cursor cursor_of(const void *bytes, size_t size)
{
	const uint8_t *p = bytes;

	return (struct cursor){.next = p, .end = size ? p + size : p, .failed = false};
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->next);
}

/* The next ${size} bytes, which the cursor steps over; NULL, and failed, if there are fewer. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t size)
{
	const uint8_t *p = c->next;

	if (c->failed || cursor_left(c) < size) {
		c->failed = true;
		return NULL;
	}
	c->next = size ? p + size : p;
	return p;
}

/* The next ${size} bytes, at most 8, as a big-endian number; 0 if there are fewer. */
static inline uint64_t cursor_big_endian(struct cursor *c, size_t size)
{
	const uint8_t *p = cursor_take(c, size);
	uint64_t value = 0;

	for (size_t i = 0; p && i < size; i++)
		value = value << 8 | p[i];
	return value;
}

#endif
