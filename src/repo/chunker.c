/* SPDX-License-Identifier: MIT */
/*
<<<<<<< HEAD
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
=======
 * chunker.c - the hash of a byte is a sum in which each earlier byte is shifted out by one bit per
 * step, so that it depends on the last 64 bytes only. Hence it can be taken up anywhere, 64 bytes
 * before the place of interest. scan_plain() is the definition: one hash walks over all bytes.
 * Each of its steps waits for the one before it; a processor that could do four at once idles.
 *
 * scan() therefore takes blocks of LANES stretches of bytes and walks over all stretches of a block
 * in one loop. When any of them has a hit, the first one in the order of the file may still be in
 * another, so scan_plain() looks for it in this block; blocks are short enough for that to cost
 * little.
 *
 * The masks are the top bits, so "these bits are all 0" is "h <= limit", one comparison.
 */
#include <repo/chunker.h>

#include <assert.h>

#include <base/intmath.h>
#include <crypt/hash.h>
#include <repo/blob.h>

#define LANES 4
#define STRETCH ((size_t)4096) /* bytes of a lane in a block */

/* The top ${bits} bits of 64. */
static uint64_t top_bits(unsigned bits)
{
	assert(bits >= 1 && bits <= 63);
	return ~UINT64_C(0) << (64 - bits);
}

void chunker_init(struct chunker *c, const struct crypt_key *key, uint32_t min, uint32_t average,
	uint32_t max)
{
	unsigned bits = (unsigned)__builtin_ctz(average | UINT32_C(1) << 31);

	assert(min >= CHUNKER_SIZE_MIN && min <= average && average <= max);
	assert(max <= BLOB_SIZE_MAX && (average & (average - 1)) == 0);
	static_assert(CHUNKER_SIZE_MIN > CHUNKER_WINDOW, "the hash begins within the chunk");
	for (unsigned i = 0; i < ARRAY_COUNT(c->table); i++) {
		uint8_t byte = (uint8_t)i;
		struct iovec part = hash_part(&byte, 1);
		struct hash hash;

		hash_hmac(key->bytes, sizeof(key->bytes), &part, 1, &hash);
		c->table[i] = 0;
		for (unsigned j = 8; j > 0; j--)
			c->table[i] = c->table[i] << 8 | hash.bytes[j - 1];
	}
	c->mask_before = top_bits(bits + 2);
	c->mask_after = top_bits(bits - 2);
	c->min = min;
	c->average = average;
	c->max = max;
}

static inline uint64_t step(const struct chunker *c, uint64_t h, uint8_t byte)
{
	return (h << 1) + c->table[byte];
}

/* The hash behind data[at - 1]. */
static uint64_t hash_at(const struct chunker *c, const uint8_t *data, size_t at)
{
	uint64_t h = 0;

	assert(at >= CHUNKER_WINDOW);
	for (size_t i = at - CHUNKER_WINDOW; i < at; i++)
		h = step(c, h, data[i]);
	return h;
}

/* The first i in [from, to) with a hit behind data[i]; ${to} if there is none. */
static size_t scan_plain(
	const struct chunker *c, const uint8_t *data, size_t from, size_t to, uint64_t limit)
{
	uint64_t h = hash_at(c, data, from);

	for (size_t i = from; i < to; i++) {
		h = step(c, h, data[i]);
		if (h <= limit)
>>>>>>> main
			return i;
	}
	return to;
}

<<<<<<< HEAD
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
=======
/* scan_plain() of one block, [from, from + LANES * STRETCH). */
static size_t scan_block(const struct chunker *c, const uint8_t *data, size_t from, uint64_t limit)
{
	const uint8_t *p0 = data + from, *p1 = p0 + STRETCH, *p2 = p1 + STRETCH, *p3 = p2 + STRETCH;
	uint64_t h0 = hash_at(c, p0 - CHUNKER_WINDOW, CHUNKER_WINDOW);
	uint64_t h1 = hash_at(c, p1 - CHUNKER_WINDOW, CHUNKER_WINDOW);
	uint64_t h2 = hash_at(c, p2 - CHUNKER_WINDOW, CHUNKER_WINDOW);
	uint64_t h3 = hash_at(c, p3 - CHUNKER_WINDOW, CHUNKER_WINDOW);

	for (size_t i = 0; i < STRETCH; i++) {
		h0 = step(c, h0, p0[i]);
		h1 = step(c, h1, p1[i]);
		h2 = step(c, h2, p2[i]);
		h3 = step(c, h3, p3[i]);
		if (__builtin_expect(h0 <= limit || h1 <= limit || h2 <= limit || h3 <= limit, 0))
			return scan_plain(c, data, from, from + LANES * STRETCH, limit);
	}
	return from + LANES * STRETCH;
}

/* The same as scan_plain(), faster. */
static size_t scan(
	const struct chunker *c, const uint8_t *data, size_t from, size_t to, uint64_t limit)
{
	while (from < to && to - from >= LANES * STRETCH) {
		size_t hit = scan_block(c, data, from, limit);

		if (hit < from + LANES * STRETCH)
			return hit;
		from = hit;
	}
	return scan_plain(c, data, from, to, limit);
}

typedef size_t scanner(
	const struct chunker *c, const uint8_t *data, size_t from, size_t to, uint64_t limit);

/* A chunk of n bytes ends behind data[n - 1]; those of more than min are looked at. */
static inline size_t next(
	const struct chunker *c, const uint8_t *data, size_t size, bool end, scanner *scan_range)
{
	size_t top = INT_MIN_OF(size, (size_t)c->max);
	size_t turn = INT_MIN_OF(top, (size_t)c->average - 1);
	size_t at = c->min;

	if (size <= c->min)
		return end || size == c->max ? size : 0;
	if (at < turn) {
		at = scan_range(c, data, at, turn, ~c->mask_before);
		if (at < turn)
			return at + 1;
	}
	if (at < top) {
		at = scan_range(c, data, at, top, ~c->mask_after);
		if (at < top)
			return at + 1;
	}
	return end || top == c->max ? top : 0;
>>>>>>> main
}

size_t chunker_next(const struct chunker *c, const uint8_t *data, size_t size, bool end)
{
<<<<<<< HEAD
	return next(c, data, size, end, scan_lanes);
=======
	return next(c, data, size, end, scan);
>>>>>>> main
}

size_t chunker_next_plain(const struct chunker *c, const uint8_t *data, size_t size, bool end)
{
	return next(c, data, size, end, scan_plain);
}
