/* SPDX-License-Identifier: MIT */
/*
 * chunker.c - a gear hash, shifted by one bit for each byte: it depends on the last 64 bytes only.
 * A hash is a chain of dependent steps, and one chain leaves most of a processor idle; so a stretch
 * is cut into four lanes that are hashed side by side, each started 64 bytes early. A cut is rare:
 * when any lane meets one, the stretch is looked at again, byte by byte, to find the first.
 */
#include "chunker.h"

#include <assert.h>
#include <string.h>

#include <base/cursor.h>
#include <base/intmath.h>
#include <crypt/hash.h>

#define LANE ((size_t)2048) /* bytes of one lane, beside its start */
#define LANES 4

static unsigned log2_floor(size_t n)
{
	unsigned bits = 0;

	while (n >>= 1)
		bits++;
	return bits;
}

void chunker_init(
	struct chunker *c, const struct crypt_key *key, size_t min, size_t average, size_t max)
{
	unsigned bits = log2_floor(average);

	assert(min >= CHUNKER_WINDOW && min <= average && average <= max && average >= 256);
	*c = (struct chunker){.min = min, .average = average, .max = max};
	c->limit_early = UINT64_C(1) << (64 - (bits + 2));
	c->limit_late = UINT64_C(1) << (64 - (bits - 2));
	for (unsigned i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i;
		struct iovec part = hash_part(&byte, 1);
		struct hash h;
		struct cursor cursor;

		hash_hmac(key->bytes, sizeof(key->bytes), &part, 1, &h);
		cursor = cursor_of(h.bytes, 8);
		c->table[i] = cursor_u64(&cursor);
		secret_wipe(&h, sizeof(h));
	}
}

/* The hash of the window before ${p}. */
static uint64_t start(const struct chunker *c, const uint8_t *p)
{
	uint64_t h = 0;

	for (size_t i = 0; i < CHUNKER_WINDOW; i++)
		h = (h << 1) + c->table[p[(ptrdiff_t)i - CHUNKER_WINDOW]];
	return h;
}

/* The first index in [from, to) at which the hash is below ${limit}; ${to} if there is none. */
static size_t scan_plain(
	const struct chunker *c, const uint8_t *data, size_t from, size_t to, uint64_t limit)
{
	uint64_t h;

	if (from >= to)
		return to;
	h = start(c, data + from);
	for (size_t i = from; i < to; i++) {
		h = (h << 1) + c->table[data[i]];
		if (h < limit)
			return i;
	}
	return to;
}

/* Is there a hash below ${limit} among the LANES * LANE bytes from ${p} on? */
static bool any_below(const struct chunker *c, const uint8_t *p, uint64_t limit)
{
	const uint8_t *p0 = p, *p1 = p + LANE, *p2 = p + 2 * LANE, *p3 = p + 3 * LANE;
	const uint64_t *table = c->table;
	uint64_t h0 = start(c, p0), h1 = start(c, p1), h2 = start(c, p2), h3 = start(c, p3);

	for (size_t i = 0; i < LANE; i++) {
		uint64_t low, low_b;

		h0 = (h0 << 1) + table[p0[i]];
		h1 = (h1 << 1) + table[p1[i]];
		h2 = (h2 << 1) + table[p2[i]];
		h3 = (h3 << 1) + table[p3[i]];
		low = INT_MIN_OF(h0, h1);
		low_b = INT_MIN_OF(h2, h3);
		if (__builtin_expect(INT_MIN_OF(low, low_b) < limit, 0))
			return true;
	}
	return false;
}

static size_t scan_lanes(
	const struct chunker *c, const uint8_t *data, size_t from, size_t to, uint64_t limit)
{
	size_t at = from;

	for (; to > at && to - at >= LANES * LANE; at += LANES * LANE)
		if (any_below(c, data + at, limit))
			return scan_plain(c, data, at, to, limit);
	return scan_plain(c, data, at, to, limit);
}

typedef size_t scan(
	const struct chunker *c, const uint8_t *data, size_t from, size_t to, uint64_t limit);

static size_t next(
	const struct chunker *c, const uint8_t *data, size_t size, bool end, scan *scan_some)
{
	size_t to = INT_MIN_OF(size, c->max - 1);
	size_t middle = INT_MIN_OF(to, c->average);
	size_t at;

	if (size <= c->min)
		return end ? size : 0;
	at = scan_some(c, data, INT_MIN_OF(c->min, middle), middle, c->limit_early);
	if (at < middle)
		return at + 1;
	at = scan_some(c, data, middle, to, c->limit_late);
	if (at < to)
		return at + 1;
	if (size >= c->max)
		return c->max;
	return end ? size : 0;
}

size_t chunker_next(const struct chunker *c, const uint8_t *data, size_t size, bool end)
{
	return next(c, data, size, end, scan_lanes);
}

size_t chunker_next_plain(const struct chunker *c, const uint8_t *data, size_t size, bool end)
{
	return next(c, data, size, end, scan_plain);
}
