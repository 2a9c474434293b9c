/* SPDX-License-Identifier: MIT */
/*
 * place_dir_put.c - how an object comes into a folder: written where nobody sees it, synced, looked
 * at (its size), and given its name by a call that fails if the name is taken; then the folder is
 * synced.
 *
 * The good way is a file without a name (O_TMPFILE), which a crash takes away, and O_DIRECT where
 * the parts allow it: for 1 MiB and more that costs a hundredth of the processor time of copying
 * into the page cache, and a quarter of the time. If anything on this way is refused in terms of
 * "that I cannot do", all is done again in the plain way: a file with a hidden name, through the
 * cache, then renameat2(RENAME_NOREPLACE) or link and unlink. A file system that can neither of
 * these could only put objects that might replace others, and is refused.
 *
 * Hidden files that a crash left are removed when one day old, by the file system's own clock, once
 * in the life of a place: by the first put that goes the plain way, for only that leaves any.
 */
#include <place/place_dir.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* RENAME_NOREPLACE */
#include <string.h>

#include <base/alloc.h>
#include <base/bytes.h>
#include <base/err.h>
#include <base/hex.h>
#include <base/intmath.h>
#include <base/log.h>
#include <place/place_backend.h>

#define FILE_MODE 0600
#define BATCH_PARTS 64
#define BATCH_SIZE ((size_t)16 << 20) /* bytes given to the system at once */
#define TRIES_MAX 20                  /* hidden names tried */
#define RANDOM_SIZE 8
#define NO_WAY (-1)                    /* no errno: nothing here puts without perhaps replacing */
#define SWEEP_AGE ((int64_t)24 * 3600) /* seconds */
#define SWEEP_QUEUE_MAX ((size_t)1 << 20) /* bytes of names of folders yet to be looked into */

/* A put that is under way. */
struct draft {
	struct place_dir *d;
	const char *name, *last;
	const struct iovec *parts;
	size_t count;
	uint64_t size;
	int folder;
	int fd;
	char hidden[sizeof(DIR_TEMPORARY) + 2 * (size_t)RANDOM_SIZE]; /* "": nameless */
};

/* --- writing --- */

static bool is_aligned(const struct draft *f)
{
	if (f->size < DIR_DIRECT_MIN)
		return false;
	for (size_t i = 0; i < f->count; i++)
		if ((uintptr_t)f->parts[i].iov_base % DIR_ALIGNED != 0 ||
			f->parts[i].iov_len % DIR_ALIGNED != 0)
			return false;
	return true;
}

/* Write all parts, BATCH_SIZE at a time; the caller's array is not to be changed. */
static int write_parts(const struct draft *f)
{
	struct iovec batch[BATCH_PARTS];
	size_t next = 0, skip = 0; /* part, and bytes of it that are written */
	uint64_t at = 0;

	while (next < f->count) {
		size_t used = 0, size = 0;

		while (next < f->count && used < BATCH_PARTS && size < BATCH_SIZE) {
			size_t left = f->parts[next].iov_len - skip;
			size_t take = INT_MIN_OF(left, BATCH_SIZE - size);

			if (take)
				batch[used++] = (struct iovec){
					(uint8_t *)f->parts[next].iov_base + skip, take};
			size += take;
			skip = take < left ? skip + take : 0;
			next += take == left;
		}
		if (env_pwritev(f->d->env, f->fd, batch, used, at) != 0)
			return errno;
		at += size;
	}
	return 0;
}

/* All of it, on the medium, and as long as it should be: stores were seen to lie. */
static int fill(const struct draft *f)
{
	const struct sherd_env *env = f->d->env;
	struct stat st;
	int failed = write_parts(f);

	if (failed)
		return failed;
	do
		failed = env->files->fsync(env->context, f->fd) != 0 ? errno : 0;
	while (failed == EINTR);
	if (failed)
		return failed == EINVAL ? EIO : failed;
	if (env->files->fstat(env->context, f->fd, &st) != 0)
		return errno;
	return (uint64_t)st.st_size == f->size ? 0 : EIO;
}

/* --- the good way --- */

static int open_nameless(struct draft *f, int flags)
{
	f->fd = f->d->env->files->openat(f->d->env->context, f->folder, ".",
		O_TMPFILE | O_WRONLY | O_CLOEXEC | flags, FILE_MODE);
	return f->fd < 0 ? errno : 0;
}

static int put_nameless(struct draft *f)
{
	const struct sherd_env *env = f->d->env;
	bool direct = is_aligned(f);
	int failed = open_nameless(f, direct ? O_DIRECT : 0);

	if (failed)
		return failed;
	/* Room in one piece; whether it is needed the writes will tell. */
	if (direct && env->files->fallocate(env->context, f->fd, 0, 0, (off_t)f->size) != 0 &&
		(errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return errno;
	failed = fill(f);
	if (failed)
		return failed;
	return env->files->link_fd(env->context, f->fd, f->folder, f->last) == 0 ? 0 : errno;
}

/* Errors by which the good way is refused rather than the put. */
static bool means_cannot(int os_errno)
{
	switch (os_errno) {
	case EINVAL:
	case EOPNOTSUPP:
	case ENOSYS:
	case EISDIR:
	case ENOENT: /* also of link_fd() without /proc */
	case EPERM:
	case EACCES: /* of link_fd(), where /proc is closed */
	case EMLINK:
	case EXDEV:
		return true;
	default:
		return false;
	}
}

/* --- the plain way --- */

static int open_hidden(struct draft *f)
{
	const struct sherd_env *env = f->d->env;

	for (unsigned i = 0; i < TRIES_MAX; i++) {
		uint8_t bytes[RANDOM_SIZE];

		if (env->random(env->context, bytes, sizeof(bytes)) != 0)
			return errno;
		memcpy(f->hidden, DIR_TEMPORARY, sizeof(DIR_TEMPORARY));
		hex_of(bytes, sizeof(bytes), f->hidden + strlen(DIR_TEMPORARY));
		f->fd = env->files->openat(env->context, f->folder, f->hidden,
			O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
		if (f->fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	f->hidden[0] = '\0';
	return errno;
}

static void unlink_hidden(struct draft *f)
{
	const struct sherd_env *env = f->d->env;

	if (f->hidden[0] && env->files->unlinkat(env->context, f->folder, f->hidden, 0) != 0)
		log_warn("cannot remove the temporary file '%s' of '%s'", f->hidden, f->name);
	f->hidden[0] = '\0';
}

static int publish_hidden(struct draft *f)
{
	const struct sherd_env *env = f->d->env;

	if (env->files->renameat2(env->context, f->folder, f->hidden, f->folder, f->last,
		    RENAME_NOREPLACE) == 0) {
		f->hidden[0] = '\0';
		return 0;
	}
	if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
		return errno;
	if (env->files->linkat(env->context, f->folder, f->hidden, f->folder, f->last, 0) != 0) {
		bool cannot =
			errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL;

		return cannot ? NO_WAY : errno;
	}
	unlink_hidden(f);
	return 0;
}

static int put_hidden(struct draft *f)
{
	const struct sherd_env *env = f->d->env;
	struct stat st;
	int failed = open_hidden(f);

	if (failed)
		return failed;
	if (!atomic_exchange(&f->d->swept, true) &&
		env->files->fstat(env->context, f->fd, &st) == 0)
		dir_sweep(f->d, st.st_mtim.tv_sec);
	failed = fill(f);
	return failed ? failed : publish_hidden(f);
}

/* --- both --- */

static void draft_reset(struct draft *f)
{
	unlink_hidden(f);
	env_close(f->d->env, f->fd);
	f->fd = -1;
}

/* What stands there already: an object, or something that no object can stand beside. */
static int taken(struct draft *f, struct sherd_error *err)
{
	const struct sherd_env *env = f->d->env;
	struct stat st;
	int failed;

	if (env->files->fstatat(env->context, f->folder, f->last, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return dir_failed(f->d, errno, SHERD_IO, err, "look at", f->name);
	if (S_ISDIR(st.st_mode))
		return err_set(err, SHERD_IO, "cannot put '%s': a folder is there", f->name);
	/* Whoever hears EXISTS counts on the object; the put that made it may not be done. */
	failed = dir_sync_folder(f->d, f->folder, f->name);
	if (failed)
		return dir_failed(f->d, failed, SHERD_IO, err, "sync the folder of", f->name);
	return err_set(err, SHERD_EXISTS, "'%s' exists already", f->name);
}

static bool is_there(struct draft *f)
{
	struct stat st;

	return f->d->env->files->fstatat(
		       f->d->env->context, f->folder, f->last, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int put_steps(struct draft *f, struct sherd_error *err)
{
	int failed;

	/* So that nothing is written for nothing; the exact answer is that of the last step. */
	if (is_there(f))
		return taken(f, err);
	failed = put_nameless(f);
	if (failed && means_cannot(failed)) {
		draft_reset(f);
		failed = put_hidden(f);
	}
	if (failed == EEXIST)
		return taken(f, err);
	if (!failed)
		failed = dir_sync_folder(f->d, f->folder, f->name);
	if (failed == NO_WAY)
		return err_set(err, SHERD_UNSUPPORTED,
			"cannot put '%s': this file system can neither link nor rename without "
			"replacing",
			f->name);
	return failed ? dir_failed(f->d, failed, SHERD_IO, err, "put", f->name) : 0;
}

int dir_put(struct place *p, const char *name, const struct iovec *parts, size_t count,
	struct sherd_error *err)
{
	struct place_dir *d = (struct place_dir *)p;
	struct draft f = {.d = d,
		.name = name,
		.last = dir_last(name),
		.parts = parts,
		.count = count,
		.folder = -1,
		.fd = -1};
	int failed, r = dir_check_root(d, err);

	if (r)
		return r;
	if (place_parts_size(parts, count, &f.size) != 0)
		return err_set(err, SHERD_INVALID, "'%s' would be too large", name);
	failed = dir_open_folder(d, name, (size_t)(f.last - name), true, &f.folder);
	if (failed)
		return dir_failed(d, failed, SHERD_IO, err, "make the folder of", name);
	r = put_steps(&f, err);
	draft_reset(&f);
	env_close(d->env, f.folder);
	/* If the folder went away meanwhile, what was put is where nobody will find it. */
	return r ? r : dir_check_root(d, err);
}

/* --- sweeping --- */

static bool is_temporary(const char *name)
{
	uint8_t bytes[RANDOM_SIZE];
	size_t length = strlen(DIR_TEMPORARY);

	return strncmp(name, DIR_TEMPORARY, length) == 0 &&
	       strlen(name) == length + 2 * (size_t)RANDOM_SIZE &&
	       hex_parse(name + length, 2 * (size_t)RANDOM_SIZE, bytes) == 0;
}

static void sweep_file(struct place_dir *d, int folder, const char *name, int64_t now_seconds)
{
	const struct sherd_env *env = d->env;
	struct stat st;

	if (!is_temporary(name) ||
		env->files->fstatat(env->context, folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (S_ISREG(st.st_mode) && st.st_mtim.tv_sec < now_seconds - SWEEP_AGE)
		env->files->unlinkat(env->context, folder, name, 0);
}

/* The folders in the folder at ${path} join the queue, as paths with a '/' and a NUL behind. */
static void queue_folder(struct bytes *queue, const char *path, const char *name)
{
	char below[PLACE_NAME_MAX + 2];
	size_t length = strlen(path), size = strlen(name);

	if (length + size + 2 > sizeof(below) || queue->size > SWEEP_QUEUE_MAX)
		return;
	memcpy(below, path, length);
	memcpy(below + length, name, size + 1);
	if (!place_name_ok(below))
		return;
	bytes_add(queue, below, length + size);
	bytes_add(queue, "/", sizeof("/"));
}

static void sweep_folder(
	struct place_dir *d, const char *path, int64_t now_seconds, struct bytes *queue)
{
	struct dir_reader reader;
	struct dir_entry entry;
	int fd;

	if (dir_open_folder(d, path, strlen(path), false, &fd) != 0)
		return;
	if (dir_read_begin(&reader, d, fd) == 0)
		while (dir_read(&reader, &entry) == 0 && entry.name) {
			if (entry.folder)
				queue_folder(queue, path, entry.name);
			else if (entry.file)
				sweep_file(d, fd, entry.name, now_seconds);
		}
	env_close(d->env, fd);
}

void dir_sweep(struct place_dir *d, int64_t now_seconds)
{
	struct bytes queue = BYTES_INIT;
	char path[PLACE_NAME_MAX + 2] = "";

	sweep_folder(d, path, now_seconds, &queue);
	/* Last in, first out: the queue never holds more than the folders beside the way. */
	while (queue.size && !queue.failed) {
		size_t at = queue.size - 1;

		while (at && queue.data[at - 1])
			at--;
		memcpy(path, queue.data + at, queue.size - at);
		queue.size = at;
		sweep_folder(d, path, now_seconds, &queue);
	}
	bytes_release(&queue);
}
