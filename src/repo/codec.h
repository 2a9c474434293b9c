/* SPDX-License-Identifier: MIT */
/*
 * codec.h - groups made smaller (docs/format.md, 5.2): zstd, or nothing where it gains nothing.
 * Contexts are kept for the next call; so a codec may be used from any number of threads at once.
 */
#ifndef REPO_CODEC_H
#define REPO_CODEC_H

#include <stddef.h>
#include <stdint.h>
#include <base/cleanup.h>
#include <sherd/error.h>

#define CODEC_PLAIN 0
#define CODEC_ZSTD 1

#define CODEC_LEVEL_DEFAULT 1
#define CODEC_LEVEL_MAX 19
#define CODEC_LEVEL_OFF (-1)

struct codec;

int codec_new(struct codec **ret, struct sherd_error *err);
void codec_free(struct codec *c);
DEFINE_CLEANUP(struct codec, codec_free)

/*
 * codec_encode(c, level, data, size, out, ret_size, err):
 * Code ${size} bytes into ${out}, which has room for as many: less than 31/32 of them come out with
 * CODEC_ZSTD, or ${out} is left as it is: CODEC_PLAIN. Returns which, or NOMEM. Level 0 is the
 * default, CODEC_LEVEL_OFF does nothing.
 */
int codec_encode(struct codec *c, int level, const uint8_t *data, size_t size, uint8_t *out,
	size_t *ret_size, struct sherd_error *err);

/* codec_decode(c, codec, coded, coded_size, out, size, err): exactly ${size} bytes. Errors:
 * CORRUPT (more, fewer, or no frame at all; no such codec), NOMEM. */
int codec_decode(struct codec *c, unsigned codec, const uint8_t *coded, size_t coded_size,
	uint8_t *out, size_t size, struct sherd_error *err);

#endif
