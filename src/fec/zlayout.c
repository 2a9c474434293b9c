/* SPDX-License-Identifier: MIT */
/*
 * zlayout.c - encode and decode move bytes between a file and blocks by the same list of parts, so
 * that the format's arithmetic stands here once.
 */
#include <fec/zlayout.h>

#include <assert.h>
#include <string.h>
#include <base/alloc.h>
#include <base/intmath.h>

#define CHUNK SHERD_ZFEC_CHUNK
#define CACHE_LINE 64
#define PIECE_BYTES (8 << 20) /* of all blocks of a piece: more falls out of the caches */
#define PIECE_SEGMENTS 32     /* more make the system calls no cheaper */

unsigned zlayout_segments(size_t blocks)
{
	size_t segments = PIECE_BYTES / (blocks * CHUNK);

	assert(blocks);
	segments = INT_MIN_OF(segments, (size_t)PIECE_SEGMENTS);
	return (unsigned)INT_MAX_OF(segments, (size_t)1);
}

struct zpiece zlayout_piece(unsigned k, unsigned segments, uint64_t index, uint64_t size)
{
	uint64_t whole = (uint64_t)k * segments * CHUNK;
	uint64_t at = index * whole;
	uint64_t left = INT_MIN_OF(size - at, whole);
	uint64_t segment = (uint64_t)k * CHUNK;

	assert(at < size);
	return (struct zpiece){
		.index = index,
		.file_at = at,
		.body_at = index * segments * CHUNK,
		.size = (size_t)left,
		.columns = (size_t)(left / segment * CHUNK + int_div_up(left % segment, k)),
	};
}

uint64_t zlayout_pieces(unsigned k, unsigned segments, uint64_t size)
{
	return int_div_up(size, (uint64_t)k * segments * CHUNK);
}

size_t zlayout_parts(
	unsigned k, const struct zpiece *piece, uint8_t *const *blocks, struct iovec *ret_parts)
{
	size_t left = piece->size;
	size_t count = 0;

	for (size_t at = 0; at < piece->columns; at += CHUNK) {
		size_t chunk = INT_MIN_OF((size_t)CHUNK, piece->columns - at);

		for (unsigned i = 0; i < k && left; i++) {
			size_t part = INT_MIN_OF(chunk, left);

			ret_parts[count++] = (struct iovec){blocks[i] + at, part};
			left -= part;
		}
	}
	assert(!left);
	return count;
}

void zlayout_scatter(const struct iovec *parts, size_t count, const uint8_t *bytes)
{
	for (size_t i = 0; i < count; i++) {
		memcpy(parts[i].iov_base, bytes, parts[i].iov_len);
		bytes += parts[i].iov_len;
	}
}

void zlayout_gather(const struct iovec *parts, size_t count, uint8_t *ret_bytes)
{
	for (size_t i = 0; i < count; i++) {
		memcpy(ret_bytes, parts[i].iov_base, parts[i].iov_len);
		ret_bytes += parts[i].iov_len;
	}
}

/* The padding of chunk ${i} of the last segment: its first byte; returns how many there are. */
static size_t padding(unsigned k, const struct zpiece *piece, uint8_t *const *blocks, unsigned i,
	uint8_t **ret_first)
{
	size_t at = (piece->columns - 1) / CHUNK * CHUNK;
	size_t chunk = piece->columns - at;
	size_t size = piece->size - at * k;
	size_t used = size > i * chunk ? INT_MIN_OF(size - i * chunk, chunk) : 0;

	*ret_first = blocks[i] + at + used;
	return chunk - used;
}

void zlayout_pad(unsigned k, const struct zpiece *piece, uint8_t *const *blocks)
{
	for (unsigned i = 0; i < k; i++) {
		uint8_t *first;
		size_t count = padding(k, piece, blocks, i, &first);

		memset(first, 0, count);
	}
}

bool zlayout_padded(unsigned k, const struct zpiece *piece, uint8_t *const *blocks)
{
	for (unsigned i = 0; i < k; i++) {
		uint8_t *first;
		size_t count = padding(k, piece, blocks, i, &first);

		for (size_t b = 0; b < count; b++)
			if (first[b])
				return false;
	}
	return true;
}

int zblocks_new(struct zblocks *b, size_t count, unsigned segments)
{
	b->stride = (size_t)segments * CHUNK + CACHE_LINE;
	b->memory = mem_aligned(CACHE_LINE, count * b->stride);
	return b->memory ? 0 : -1;
}

void zblocks_release(struct zblocks *b)
{
	mem_free(b->memory);
	b->memory = NULL;
}
