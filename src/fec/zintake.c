/* SPDX-License-Identifier: MIT */
/*
 * zintake.c - a regular file's bytes go by one scattering read straight to the blocks they belong
 * to. Of a stream nobody knows which segment is the last, and how its bytes must be cut, before its
 * end: so a segment is read as a whole, under the lock, and then copied.
 *
 * A regular file of size 0 may be one of /proc, which has bytes all the same: it is a stream too.
 */
#include <fec/zintake.h>

#include <errno.h>
#include <unistd.h>
#include <base/alloc.h>
#include <base/err.h>

static int changed(const struct zintake *in, struct sherd_error *err)
{
	return err_set(err, SHERD_CHANGED, "'%s' changed while it was read", in->name);
}

static bool has_size(const struct zintake *in)
{
	return S_ISREG(in->before.st_mode) && in->before.st_size > 0;
}

int zintake_open(struct zintake *in, struct ztask *task, int fd, const char *name, unsigned k,
	unsigned segments, struct sherd_error *err)
{
	const struct sherd_env *env = task->env;

	*in = (struct zintake){.task = task, .fd = fd, .name = name, .k = k, .segments = segments};
	pthread_mutex_init(&in->lock, NULL);
	if (env->files->fstat(env->context, fd, &in->before) != 0)
		return err_system(err, errno, "cannot read '%s'", name);
	if (S_ISDIR(in->before.st_mode))
		return err_set(err, SHERD_INVALID, "'%s' is a directory", name);
	in->stream = !has_size(in);
	if (in->stream) {
		in->segment = mem_aligned(64, (size_t)k * SHERD_ZFEC_CHUNK);
		return in->segment ? 0 : err_nomem(err);
	}
	/* Only asks where it stands. */
	off_t start = lseek(fd, 0, SEEK_CUR);

	if (start < 0)
		return err_system(err, errno, "cannot read '%s'", name);
	in->start = (uint64_t)start;
	if (in->before.st_size > start)
		in->size = (uint64_t)(in->before.st_size - start);
	return 0;
}

void zintake_release(struct zintake *in)
{
	mem_free(in->segment);
	in->segment = NULL;
	pthread_mutex_destroy(&in->lock);
}

uint64_t zintake_pieces(struct zintake *in)
{
	uint64_t pieces;

	if (!in->stream)
		return zlayout_pieces(in->k, in->segments, in->size);
	pthread_mutex_lock(&in->lock);
	pieces = in->ended ? in->pieces : UINT64_MAX;
	pthread_mutex_unlock(&in->lock);
	return pieces;
}

static int take_at(struct zintake *in, uint8_t *const *blocks, struct iovec *parts,
	struct zpiece *ret_piece, struct sherd_error *err)
{
	uint64_t index = atomic_fetch_add(&in->next, 1);
	struct zpiece piece;
	size_t count, got;

	if (index >= zlayout_pieces(in->k, in->segments, in->size))
		return 0;
	piece = zlayout_piece(in->k, in->segments, index, in->size);
	count = zlayout_parts(in->k, &piece, blocks, parts);
	if (env_preadv(in->task->env, in->fd, parts, count, in->start + piece.file_at, &got) != 0)
		return err_system(err, errno, "cannot read '%s'", in->name);
	if (got < piece.size)
		return changed(in, err);
	zlayout_pad(in->k, &piece, blocks);
	*ret_piece = piece;
	return 1;
}

/* One segment of a stream into the blocks at column ${at}; ${ret_size} gets what it has. */
static int stream_segment(struct zintake *in, uint8_t *const *blocks, size_t at,
	struct iovec *parts, size_t *ret_size, struct sherd_error *err)
{
	size_t whole = (size_t)in->k * SHERD_ZFEC_CHUNK;
	struct zpiece segment;
	size_t count, got;
	int r = ztask_read(in->task, in->fd, in->name, in->segment, whole, &got, err);

	if (r)
		return r;
	if (got) {
		segment = zlayout_piece(in->k, 1, 0, got);
		count = zlayout_parts(in->k, &segment, blocks, parts);
		for (size_t i = 0; i < count; i++)
			parts[i].iov_base = (uint8_t *)parts[i].iov_base + at;
		zlayout_scatter(parts, count, in->segment);
	}
	in->ended = got < whole;
	*ret_size = got;
	return 0;
}

static int take_next(struct zintake *in, uint8_t *const *blocks, struct iovec *parts,
	struct zpiece *ret_piece, struct sherd_error *err)
{
	size_t size = 0;

	for (unsigned s = 0; s < in->segments && !in->ended; s++) {
		size_t got;
		int r = stream_segment(in, blocks, (size_t)s * SHERD_ZFEC_CHUNK, parts, &got, err);

		if (r)
			return r;
		size += got;
	}
	if (!size)
		return 0;
	in->size += size;
	*ret_piece = zlayout_piece(in->k, in->segments, in->pieces++, in->size);
	zlayout_pad(in->k, ret_piece, blocks);
	return 1;
}

int zintake_take(struct zintake *in, uint8_t *const *blocks, struct iovec *parts,
	struct zpiece *ret_piece, struct sherd_error *err)
{
	int r;

	if (!in->stream)
		return take_at(in, blocks, parts, ret_piece, err);
	pthread_mutex_lock(&in->lock);
	r = take_next(in, blocks, parts, ret_piece, err);
	pthread_mutex_unlock(&in->lock);
	return r;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Whether bytes stand behind those that were read. */
static int find_more(struct zintake *in, struct sherd_error *err)
{
	uint8_t byte;
	size_t got;

	if (env_pread(in->task->env, in->fd, &byte, 1, in->start + in->size, &got) != 0)
		return err_system(err, errno, "cannot read '%s'", in->name);
	return got ? changed(in, err) : 0;
}

int zintake_finish(struct zintake *in, struct sherd_error *err)
{
	const struct sherd_env *env = in->task->env;
	const struct stat *before = &in->before;
	struct stat after;

	if (!S_ISREG(before->st_mode))
		return 0;
	if (env->files->fstat(env->context, in->fd, &after) != 0)
		return err_system(err, errno, "cannot read '%s'", in->name);
	if (after.st_size != before->st_size || !same_time(after.st_mtim, before->st_mtim) ||
		!same_time(after.st_ctim, before->st_ctim))
		return changed(in, err);
	return in->stream ? 0 : find_more(in, err);
}
