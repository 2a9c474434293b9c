/* SPDX-License-Identifier: MIT */
/*
 * restore_there.c - what stands where an entry is to be, and whether it gives way.
 *
 * Only names that were in the folder when the restore came to it are looked at: in a folder made by
 * this run there are none. A name that appears later, or that the file system takes for another
 * (upper and lower case), is found when the entry gets its name, which never replaces: so
 * of two entries that collide neither overwrites the other.
 */
#include <repo/restore.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <base/err.h>
#include <base/intmath.h>

/* --- content --- */

static bool all_zero(const uint8_t *p, size_t size)
{
	return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

/* Whether [at, end) reads as zeros; where the file has holes nothing is read. */
static bool reads_as_hole(struct restore *r, struct restorer *w, int fd, uint64_t at, uint64_t end)
{
	while (at < end && restore_going(r)) {
		off_t data = r->env->files->lseek(r->env->context, fd, (off_t)at, SEEK_DATA);
		size_t want, got;

		if (data < 0 && errno == ENXIO)
			return true;
		if (data >= 0 && (uint64_t)data > at)
			at = (uint64_t)data;
		if (at >= end)
			return true;
		want = (size_t)INT_MIN_OF(end - at, (uint64_t)BLOB_SIZE_MAX);
		if (env_pread(r->env, fd, w->buffer, want, at, &got) != 0 || got < want ||
			!all_zero(w->buffer, want))
			return false;
		at += want;
	}
	return at >= end;
}

static bool run_equals(
	struct restore *r, struct restorer *w, int fd, uint64_t at, const struct content_run *run)
{
	struct hash id;
	size_t got;

	if (run->hole)
		return reads_as_hole(r, w, fd, at, at + run->length);
	if (run->length > BLOB_SIZE_MAX ||
		env_pread(r->env, fd, w->buffer, (size_t)run->length, at, &got) != 0 ||
		got < run->length)
		return false;
	store_id(r->store, BLOB_DATA, w->buffer, got, &id);
	return hash_equal(&id, &run->id);
}

int restore_compare(struct restore *r, struct restorer *w, int fd, const struct tree_entry *e)
{
	struct content_reader reader;
	struct content_run run;
	uint64_t at = 0;
	bool equal = true;
	int got = e->content ? content_reader_open(
				       &reader, r->store, e->content, e->content_size, &w->error)
			     : 0;

	if (!e->content)
		return e->length == 0;
	if (got)
		return got;
	while (equal && restore_going(r)) {
		got = content_reader_next(&reader, &run, &w->error);
		if (got != 1)
			break;
		equal = run.length <= e->length - at && run_equals(r, w, fd, at, &run);
		at += equal ? run.length : 0;
	}
	content_reader_release(&reader);
	return got < 0 ? got : equal && got == 0 && at == e->length;
}

/* --- entries --- */

bool restore_newer(const struct tree_entry *e, const struct stat *there)
{
	if (e->mtime_s != there->st_mtim.tv_sec)
		return e->mtime_s > there->st_mtim.tv_sec;
	return e->mtime_ns > (uint64_t)there->st_mtim.tv_nsec;
}

static bool same_time(int64_t s, uint32_t ns, const struct timespec *there)
{
	return s == there->tv_sec && ns == (uint64_t)there->tv_nsec;
}

/* Whether mode and owner need nothing done; where nothing is replaced they do not count. */
static bool same_rights(
	const struct restore *r, const struct tree_entry *e, const struct stat *there)
{
	if (r->options->overwrite == SHERD_OVERWRITE_NEVER)
		return true;
	if ((there->st_mode & 07777) != target_mode(&r->target, e, there->st_gid))
		return false;
	return !r->target.owners || (there->st_uid == e->uid && there->st_gid == e->gid);
}

/* Files of equal length and mtime: the content, unless nobody can have touched it. */
static int same_content(struct restore *r, struct restorer *w, struct folder *f, const char *name,
	const struct tree_entry *e, const struct stat *there)
{
	const struct sherd_env *env = r->env;
	struct stat opened;
	int fd, same;

	if (there->st_ino == e->inode && same_time(e->ctime_s, e->ctime_ns, &there->st_ctim))
		return 1;
	fd = env->files->openat(
		env->context, f->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	if (env->files->fstat(env->context, fd, &opened) != 0 || opened.st_ino != there->st_ino ||
		opened.st_dev != there->st_dev)
		same = 0;
	else
		same = restore_compare(r, w, fd, e);
	env_close(env, fd);
	return same;
}

static int same_link(
	struct restore *r, struct folder *f, const char *name, const struct tree_entry *e)
{
	char target[TREE_TARGET_MAX + 1];
	ssize_t size =
		r->env->files->readlinkat(r->env->context, f->fd, name, target, sizeof(target));

	return size >= 0 && (size_t)size == e->target_size &&
	       memcmp(target, e->target, e->target_size) == 0;
}

static int same_entry(struct restore *r, struct restorer *w, struct folder *f, const char *name,
	const struct tree_entry *e, const struct stat *there)
{
	dev_t device = makedev(e->device_major, e->device_minor);

	switch (there->st_mode & S_IFMT) {
	case S_IFREG:
		if (e->type != TREE_FILE || (uint64_t)there->st_size != e->length ||
			!same_time(e->mtime_s, e->mtime_ns, &there->st_mtim) ||
			!same_rights(r, e, there))
			return 0;
		return same_content(r, w, f, name, e, there);
	case S_IFLNK:
		return e->type == TREE_SYMLINK && same_link(r, f, name, e);
	case S_IFIFO:
		return e->type == TREE_FIFO && same_rights(r, e, there);
	case S_IFSOCK:
		return e->type == TREE_SOCKET && same_rights(r, e, there);
	case S_IFCHR:
		return e->type == TREE_CHARACTER && there->st_rdev == device &&
		       same_rights(r, e, there);
	case S_IFBLK:
		return e->type == TREE_BLOCK && there->st_rdev == device &&
		       same_rights(r, e, there);
	default:
		return 0;
	}
}

/* A folder stands where something else is to be: it goes if it is empty, or if what the snapshot
 * has not is to be removed. */
static enum there_answer folder_in_the_way(
	struct restore *r, struct restorer *w, struct folder *f, const char *name)
{
	int error = ENOTEMPTY;

	if (r->options->dry_run && r->options->delete_extra)
		return THERE_NOTHING;
	if (r->options->delete_extra)
		error = target_delete(&r->target, f->fd, name, r->cancel);
	else if (!r->options->dry_run &&
		 r->env->files->unlinkat(r->env->context, f->fd, name, AT_REMOVEDIR) == 0)
		error = 0;
	if (!error)
		return THERE_NOTHING;
	restore_taken(r, w, f, name);
	return THERE_STAYS;
}

static enum there_answer gives_way(struct restore *r, struct restorer *w, struct folder *f,
	const char *name, const struct tree_entry *e, const struct stat *there)
{
	enum sherd_overwrite overwrite = r->options->overwrite;

	if (overwrite == SHERD_OVERWRITE_NEVER ||
		(overwrite == SHERD_OVERWRITE_NEWER && !restore_newer(e, there))) {
		restore_taken(r, w, f, name);
		return THERE_STAYS;
	}
	return S_ISDIR(there->st_mode) ? folder_in_the_way(r, w, f, name) : THERE_REPLACE;
}

enum there_answer restore_there(struct restore *r, struct restorer *w, struct folder *f,
	const char *name, const struct tree_entry *e, struct stat *ret_same)
{
	struct stat there;
	int error, same;

	if (f->fd < 0 || (!f->unlisted && !target_names_find(&f->names, name)))
		return THERE_NOTHING;
	error = target_stat(&r->target, f->fd, name, &there);
	if (error == ENOENT)
		return THERE_NOTHING;
	if (error) {
		int code = err_system(&w->error, error, "cannot look at what is there");

		restore_failed(r, w, f, name, code, true);
		return THERE_FAILED;
	}
	if (r->options->overwrite == SHERD_OVERWRITE_ALWAYS)
		return gives_way(r, w, f, name, e, &there);
	same = same_entry(r, w, f, name, e, &there);
	if (same < 0) {
		restore_failed(r, w, f, name, same, false);
		return THERE_FAILED;
	}
	if (!same)
		return gives_way(r, w, f, name, e, &there);
	w->tally.same++;
	if (ret_same)
		*ret_same = there;
	return THERE_SAME;
}
