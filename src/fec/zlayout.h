/* SPDX-License-Identifier: MIT */
/*
 * zlayout.h - where each byte of a file lies in its share files (docs/format.md, section 2).
 *
 * A file is cut into segments of k * 4096 bytes. A whole segment is k chunks of 4096 bytes, chunk i
 * for share i; the last one, of L bytes, is k chunks of ceil(L / k), zeros standing behind its end.
 * Chunk s of a share is bytes [s * 4096, s * 4096 + chunk) of its body.
 *
 * A *piece* is a run of segments that is read, coded and written at once. What a share has of it,
 * its *block*, is contiguous, in the share file and in memory; all its bytes at the same offset of
 * the k data blocks are one *column*. Pure arithmetic: no ownership, any thread.
 */
#ifndef FEC_ZLAYOUT_H
#define FEC_ZLAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <sherd/zfec.h>

/* One piece of a file. */
struct zpiece {
	uint64_t index;   /* counts pieces from 0 */
	uint64_t file_at; /* its first byte in the file */
	uint64_t body_at; /* its first column in the bodies */
	size_t size;      /* bytes of the file, at least 1 */
	size_t columns;   /* bytes of each block, at least 1; columns * k >= size */
};

/*
 * zlayout_segments(blocks):
 * Segments of a piece so that ${blocks} blocks of it, 1 to 512, stay in the caches; at least 1.
 */
unsigned zlayout_segments(size_t blocks);

/*
 * zlayout_piece(k, segments, index, size):
 * Piece ${index} of a file that has ${size} bytes, more than ${index} pieces of ${segments}.
 */
struct zpiece zlayout_piece(unsigned k, unsigned segments, uint64_t index, uint64_t size);

/* zlayout_pieces(k, segments, size): number of pieces of a file of ${size} bytes. */
uint64_t zlayout_pieces(unsigned k, unsigned segments, uint64_t size);

/*
 * zlayout_parts(k, piece, blocks, ret_parts):
 * The piece's bytes in the order of the file, as they lie in the k data blocks: at most
 * k * segments parts. Returns their number.
 */
size_t zlayout_parts(
	unsigned k, const struct zpiece *piece, uint8_t *const *blocks, struct iovec *ret_parts);

/* zlayout_scatter(parts, count, bytes): copy the bytes from ${bytes} on into the parts. */
void zlayout_scatter(const struct iovec *parts, size_t count, const uint8_t *bytes);

/* zlayout_gather(parts, count, ret_bytes): the reverse. */
void zlayout_gather(const struct iovec *parts, size_t count, uint8_t *ret_bytes);

/* zlayout_pad(k, piece, blocks): make the bytes of the blocks behind the end of the file zero. */
void zlayout_pad(unsigned k, const struct zpiece *piece, uint8_t *const *blocks);

/* zlayout_padded(k, piece, blocks): true if they are zero. */
bool zlayout_padded(unsigned k, const struct zpiece *piece, uint8_t *const *blocks);

/*
 * Memory for the blocks of one piece. Each begins at a multiple of 64, and no two at the same
 * offset of a page: processors mistake such loads and stores for the same address.
 */
struct zblocks {
	uint8_t *memory;
	size_t stride; /* from one block to the next */
};

/* zblocks_new(b, count, segments): 0, or -1 if there is no memory. Release it in either case. */
int zblocks_new(struct zblocks *b, size_t count, unsigned segments);
void zblocks_release(struct zblocks *b);

/* zblocks_at(b, i): block i. */
static inline uint8_t *zblocks_at(const struct zblocks *b, size_t i)
{
	return b->memory + i * b->stride;
}

#endif
