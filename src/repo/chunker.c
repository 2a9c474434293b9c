/* SPDX-License-Identifier: MIT */
/*
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
			return i;
	}
	return to;
}

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
}

size_t chunker_next(const struct chunker *c, const uint8_t *data, size_t size, bool end)
{
	return next(c, data, size, end, scan);
}

size_t chunker_next_plain(const struct chunker *c, const uint8_t *data, size_t size, bool end)
{
	return next(c, data, size, end, scan_plain);
}
