/* SPDX-License-Identifier: MIT */
/*
 * codec.c - zstd contexts in two locked lists. What does not shrink is found out early: of a large
 * group a few samples are coded first, at the fastest level there is, and if these do not shrink
 * the group is left as it is. zstd leaves alone what it cannot shrink rather quickly by itself,
 * at level 1; the samples matter at the others.
 */
#include "codec.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <zstd.h>

#include <base/alloc.h>
#include <base/err.h>

#define CONTEXTS_MAX 64 /* kept; more are freed at once */
#define SAMPLES 4       /* of SAMPLE_SIZE bytes each, spread over a group */
#define SAMPLE_SIZE 4096
#define SAMPLED_FROM ((size_t)256 << 10) /* smaller groups are simply tried */

struct codec {
	pthread_mutex_t lock; /* guards what follows */
	ZSTD_CCtx *encoders[CONTEXTS_MAX];
	ZSTD_DCtx *decoders[CONTEXTS_MAX];
	unsigned encoder_count, decoder_count;
};

int codec_new(struct codec **ret, struct sherd_error *err)
{
	struct codec *c = mem_array(1, sizeof(*c));

	if (!c)
		return err_nomem(err);
	pthread_mutex_init(&c->lock, NULL);
	*ret = c;
	return 0;
}

void codec_free(struct codec *c)
{
	if (!c)
		return;
	while (c->encoder_count)
		ZSTD_freeCCtx(c->encoders[--c->encoder_count]);
	while (c->decoder_count)
		ZSTD_freeDCtx(c->decoders[--c->decoder_count]);
	pthread_mutex_destroy(&c->lock);
	mem_free(c);
}

static ZSTD_CCtx *take_encoder(struct codec *c)
{
	ZSTD_CCtx *context = NULL;

	pthread_mutex_lock(&c->lock);
	if (c->encoder_count)
		context = c->encoders[--c->encoder_count];
	pthread_mutex_unlock(&c->lock);
	if (!context && mem_count())
		context = ZSTD_createCCtx();
	return context;
}

static void give_encoder(struct codec *c, ZSTD_CCtx *context)
{
	pthread_mutex_lock(&c->lock);
	if (c->encoder_count < CONTEXTS_MAX) {
		c->encoders[c->encoder_count++] = context;
		context = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	ZSTD_freeCCtx(context);
}

static ZSTD_DCtx *take_decoder(struct codec *c)
{
	ZSTD_DCtx *context = NULL;

	pthread_mutex_lock(&c->lock);
	if (c->decoder_count)
		context = c->decoders[--c->decoder_count];
	pthread_mutex_unlock(&c->lock);
	if (!context && mem_count())
		context = ZSTD_createDCtx();
	return context;
}

static void give_decoder(struct codec *c, ZSTD_DCtx *context)
{
	pthread_mutex_lock(&c->lock);
	if (c->decoder_count < CONTEXTS_MAX) {
		c->decoders[c->decoder_count++] = context;
		context = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	ZSTD_freeDCtx(context);
}

/* Do the samples shrink? ${out} is working space of ${size} bytes. */
static bool promising(ZSTD_CCtx *context, const uint8_t *data, size_t size, uint8_t *out)
{
	size_t all = 0;

	if (size < SAMPLED_FROM)
		return true;
	for (size_t i = 0; i < SAMPLES; i++) {
		const uint8_t *from = data + (size - SAMPLE_SIZE) / (SAMPLES - 1) * i;
		size_t got = ZSTD_compressCCtx(context, out, size, from, SAMPLE_SIZE, 1);

		all += ZSTD_isError(got) ? SAMPLE_SIZE : got;
	}
	return all < SAMPLES * (SAMPLE_SIZE - SAMPLE_SIZE / 64);
}

int codec_encode(struct codec *c, int level, const uint8_t *data, size_t size, uint8_t *out,
	size_t *ret_size, struct sherd_error *err)
{
	size_t room = size - size / 32, got = 0;
	ZSTD_CCtx *context;
	bool done = false;

	if (level < 0 || size < 2)
		return CODEC_PLAIN;
	context = take_encoder(c);
	if (!context)
		return err_nomem(err);
	if (level > 1 ? promising(context, data, size, out) : true) {
		got = ZSTD_compressCCtx(
			context, out, room, data, size, level ? level : CODEC_LEVEL_DEFAULT);
		done = !ZSTD_isError(got) && got < room;
	}
	give_encoder(c, context);
	if (!done)
		return CODEC_PLAIN;
	*ret_size = got;
	return CODEC_ZSTD;
}

int codec_decode(struct codec *c, unsigned codec, const uint8_t *coded, size_t coded_size,
	uint8_t *out, size_t size, struct sherd_error *err)
{
	ZSTD_DCtx *context;
	size_t got;

	if (codec == CODEC_PLAIN) {
		if (coded_size != size)
			return err_set(err, SHERD_CORRUPT, "a group has the wrong length");
		if (size && out != coded)
			memcpy(out, coded, size);
		return 0;
	}
	if (codec != CODEC_ZSTD)
		return err_set(err, SHERD_CORRUPT, "a group has the unknown codec %u", codec);
	if (ZSTD_findFrameCompressedSize(coded, coded_size) != coded_size)
		return err_set(err, SHERD_CORRUPT, "a group is not one zstd frame");
	context = take_decoder(c);
	if (!context)
		return err_nomem(err);
	got = ZSTD_decompressDCtx(context, out, size, coded, coded_size);
	give_decoder(c, context);
	if (ZSTD_isError(got) || got != size)
		return err_set(err, SHERD_CORRUPT, "a group does not unpack to its length");
	return 0;
}
