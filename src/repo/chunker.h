/* SPDX-License-Identifier: MIT */
/*
 * chunker.h - where to cut a file, so that equal stretches of different files, or of one file at
 * different times, become equal chunks: keyed FastCDC (docs/format.md, 10.1).
 *
 * Whether a cut comes behind a byte depends on the 64 bytes up to it and on the length of the chunk
 * so far; so cuts are found again soon after a change. The table is keyed: who sees only lengths of
 * chunks cannot tell which known file they belong to.
 *
 * Constant after chunker_init(). Threads: any. The table tells of the key: wipe it (secret_wipe()).
 */
#ifndef REPO_CHUNKER_H
#define REPO_CHUNKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <crypt/secret.h>

#define CHUNKER_WINDOW 64      /* bytes that the hash remembers: one for each of its bits */
#define CHUNKER_SIZE_MIN 4096u /* the least that ${min} may be */

struct chunker {
	uint64_t table[256];        /* one number for each byte */
	uint64_t mask_before;       /* these bits of the hash are 0: a cut, in chunks < average */
	uint64_t mask_after;        /* the same from there on; fewer, so that a cut comes soon */
	uint32_t min, average, max; /* bytes of a chunk; the last of a file may be shorter */
};

/* chunker_init(c, key, min, average, max): pre: CHUNKER_SIZE_MIN <= min <= average <= max <=
 * BLOB_SIZE_MAX, average a power of two. */
void chunker_init(struct chunker *c, const struct crypt_key *key, uint32_t min, uint32_t average,
	uint32_t max);

/*
 * chunker_next(c, data, size, end):
 * The length of the first chunk of ${data}; ${end} says that no more data follows. 0: more is
 * needed to tell; never if size >= max, nor at the end unless size is 0. The same cuts are found in
 * whatever pieces the data is handed over: a length once given is final.
 */
size_t chunker_next(const struct chunker *c, const uint8_t *data, size_t size, bool end);

/* chunker_next_plain(): the same by the definition, byte by byte. For tests and benchmarks. */
size_t chunker_next_plain(const struct chunker *c, const uint8_t *data, size_t size, bool end);

#endif
