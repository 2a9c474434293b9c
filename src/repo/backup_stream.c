/* SPDX-License-Identifier: MIT */
/*
 * backup_stream.c - a file that is more than one blob, or has holes, or has no end yet: read in
 * pieces of some MiB, cut where its content says, several chunks handed to the store at once. A
 * hole ends the chunk before it.
 */
#include "backup.h"

#include <errno.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>

int backup_stream_init(struct stream *s, struct store *store, struct sherd_error *err)
{
	struct sherd_pool *pool = store_pool(store);
	const struct pool_shape *shape = pool_shape(pool);
	CLEANUP(crypt_key_wipe_at) struct crypt_key key;

	content_writer_init(&s->content, store);
	pool_content_key(pool, POOL_KEY_CHUNKER, &key);
	if (shape->chunk_min < CHUNKER_WINDOW || shape->chunk_min > shape->chunk_average ||
		shape->chunk_average > shape->chunk_max || shape->chunk_max > BLOB_SIZE_MAX)
		return err_set(err, SHERD_UNSUPPORTED, "the pool's sizes of chunks do not fit");
	chunker_init(&s->chunker, &key, shape->chunk_min, shape->chunk_average, shape->chunk_max);
	return 0;
}

void backup_stream_release(struct stream *s)
{
	content_writer_release(&s->content);
	mem_free(s->buffer);
	secret_wipe(&s->chunker, sizeof(s->chunker));
	*s = (struct stream){0};
}

static int begin(struct backup *b, struct sherd_error *err)
{
	struct stream *s = &b->stream;

	content_writer_release(&s->content);
	content_writer_init(&s->content, b->store);
	if (!s->buffer) {
		s->size = INT_MAX_OF((size_t)STREAM_SIZE, 2 * s->chunker.max);
		s->buffer = mem_aligned(4096, s->size);
	}
	return s->buffer ? 0 : err_nomem(err);
}

static int store_items(
	struct backup *b, struct store_item *items, size_t count, struct sherd_error *err)
{
	int r = count ? store_add(b->store, items, count, err) : 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = content_writer_data(&b->stream.content, &items[i].id, items[i].size, err);
	return r;
}

/* Cut what the buffer begins with into blobs; what is no whole chunk yet moves to its front. */
static int cut(struct backup *b, size_t *used, bool end, struct sherd_error *err)
{
	struct stream *s = &b->stream;
	struct store_item items[STREAM_ITEMS];
	size_t at = 0, count = 0;
	int r = 0;

	while (r == 0) {
		size_t size = chunker_next(&s->chunker, s->buffer + at, *used - at, end);

		if (size == 0)
			break;
		items[count++] = (struct store_item){
			.type = BLOB_DATA, .data = s->buffer + at, .size = (uint32_t)size};
		at += size;
		if (count == STREAM_ITEMS) {
			r = store_items(b, items, count, err);
			count = 0;
		}
	}
	if (r == 0)
		r = store_items(b, items, count, err);
	*used -= at;
	if (at)
		memmove(s->buffer, s->buffer + at, *used);
	return r;
}

static int finish(struct backup *b, struct bytes *out, struct sherd_error *err)
{
	bytes_clear(out);
	return content_writer_end(&b->stream.content, out, err);
}

/* The bytes [at, end) of a file without a hole. *ret_got: how many there were. */
static int stream_range(struct backup *b, int fd, uint64_t at, uint64_t end, uint64_t *ret_got,
	int *ret_failed, struct sherd_error *err)
{
	struct stream *s = &b->stream;
	size_t used = 0;
	bool over = false;

	*ret_got = 0;
	while (!over) {
		size_t want = (size_t)INT_MIN_OF(end - at, (uint64_t)(s->size - used));
		size_t got;
		int r;

		if (env_pread(b->env, fd, s->buffer + used, want, at, &got) != 0) {
			*ret_failed = errno;
			return 0;
		}
		at += got;
		used += got;
		*ret_got += got;
		over = got < want || at == end;
		r = backup_tell(b, NULL, got, err);
		if (r == 0)
			r = cut(b, &used, over, err);
		if (r)
			return r;
	}
	return 0;
}

int backup_stream_file(struct backup *b, int fd, const struct source_stat *st, struct bytes *out,
	uint64_t *ret_got, int *ret_failed, struct sherd_error *err)
{
	uint64_t at = 0;
	int r = begin(b, err);

	*ret_failed = 0;
	while (r == 0 && at < st->length) {
		uint64_t data, hole, got = 0;

		source_data(b->env, fd, at, st->length, &data, &hole);
		if (data > at)
			r = content_writer_hole(&b->stream.content, data - at, err);
		at = data;
		if (r == 0 && data < hole)
			r = stream_range(b, fd, data, hole, &got, ret_failed, err);
		if (r || *ret_failed)
			return r;
		if (data < hole) {
			at += got;
			if (at < hole)
				break; /* the file is shorter now */
		}
	}
	*ret_got = at;
	return r ? r : finish(b, out, err);
}

/* Read until the buffer is full: chunks do not depend on how a pipe was written. */
static int fill(struct backup *b, int fd, size_t *used, bool *ret_end, struct sherd_error *err)
{
	struct stream *s = &b->stream;

	*ret_end = false;
	while (*used < s->size) {
		ssize_t n = b->env->files->read(
			b->env->context, fd, s->buffer + *used, s->size - *used);
		int r;

		if (n < 0 && errno != EINTR)
			return err_system(err, errno, "cannot read the standard input");
		r = backup_tell(b, NULL, n > 0 ? (uint64_t)n : 0, err);
		if (r)
			return r;
		*ret_end = n == 0;
		if (n == 0)
			break;
		*used += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int backup_stream_input(
	struct backup *b, int fd, struct bytes *out, uint64_t *ret_got, struct sherd_error *err)
{
	size_t used = 0;
	bool end = false;
	int r = begin(b, err);

	*ret_got = 0;
	while (r == 0 && !end) {
		size_t before = used;

		r = fill(b, fd, &used, &end, err);
		*ret_got += used - before;
		if (r == 0)
			r = cut(b, &used, end, err);
	}
	return r ? r : finish(b, out, err);
}
