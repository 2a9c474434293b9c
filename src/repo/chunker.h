/* SPDX-License-Identifier: MIT */
/*
 * chunker.h - where a file is cut into blobs: at places that its content chooses, so that a byte
 * put in moves the cuts around it only (docs/format.md, 10.1). Constant after chunker_init();
 * threads: any.
 */
#ifndef REPO_CHUNKER_H
#define REPO_CHUNKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <crypt/secret.h>

#define CHUNKER_WINDOW 64 /* bytes that the hash remembers */

struct chunker {
	size_t min, average, max;
	uint64_t limit_early, limit_late; /* a cut: the hash is below; before and from average */
	uint64_t table[256];              /* secret as the key is */
};

/* chunker_init(c, key, min, average, max): pre: CHUNKER_WINDOW <= min <= average <= max, and
 * average is at least 256. */
void chunker_init(
	struct chunker *c, const struct crypt_key *key, size_t min, size_t average, size_t max);

/*
 * chunker_next(c, data, size, end):
 * Length of the first chunk in ${data}; 0: more data is needed to tell. ${end}: the file ends with
 * it. ${size} bytes of max or more, or the end, are always enough. 0 bytes give 0.
 */
size_t chunker_next(const struct chunker *c, const uint8_t *data, size_t size, bool end);

/* chunker_next_plain(): the same byte by byte: the definition, for tests. */
size_t chunker_next_plain(const struct chunker *c, const uint8_t *data, size_t size, bool end);

#endif
