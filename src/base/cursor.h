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
#include <string.h>

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

/* The next ${size} bytes, at most 8, as a little-endian number; 0 if there are fewer. */
static inline uint64_t cursor_little_endian(struct cursor *c, size_t size)
{
	const uint8_t *p = cursor_take(c, size);
	uint64_t value = 0;

	for (size_t i = size; p && i > 0; i--)
		value = value << 8 | p[i - 1];
	return value;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_little_endian(c, 1);
}

static inline uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)cursor_little_endian(c, 2);
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)cursor_little_endian(c, 4);
}

static inline uint64_t cursor_u64(struct cursor *c)
{
	return cursor_little_endian(c, 8);
}

/* Copy the next ${size} bytes to ${to}; zeros if there are fewer. */
static inline void cursor_copy(struct cursor *c, void *to, size_t size)
{
	const uint8_t *p = cursor_take(c, size);

	if (p && size)
		memcpy(to, p, size);
	else
		memset(to, 0, size);
}

/* Everything was read and nothing was missing: what a parser asks at the end of a record. */
static inline bool cursor_done(const struct cursor *c)
{
	return !c->failed && c->next == c->end;
}

#endif
