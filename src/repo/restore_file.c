/* SPDX-License-Identifier: MIT */
/*
 * restore_file.c - one file: its blobs one behind the other into a hidden file, attributes, and
 * then its name.
 *
 * The first blob is read before anything is made, so that a file that is lost leaves no trace.
 * Holes are not written: the file is new, and gets its length at the end.
 */
#include <repo/restore.h>

#include <errno.h>
#include <string.h>

#include <base/err.h>
#include <base/intmath.h>

struct writing {
	struct restore *restore;
	struct restorer *tools;
	struct folder *folder;
	const struct tree_entry *entry;
	char name[TREE_NAME_MAX + 1];
	int fd;       /* -1: not made yet */
	uint64_t at;  /* bytes of the file so far, holes included */
	uint64_t end; /* behind the last byte written */
	bool ours;    /* what failed is the target, not the store */
};

static int failed(struct writing *s, int os_errno, const char *what)
{
	s->ours = true;
	return err_system(&s->tools->error, os_errno, "cannot %s", what);
}

static int begin(struct writing *s)
{
	int error;

	if (s->fd >= 0)
		return 0;
	error = target_file_begin(&s->restore->target, s->folder->fd, s->tools->temporary, &s->fd);
	return error ? failed(s, error, "make the file") : 0;
}

/* Whether ${size} bytes more may be written. */
static int reserve(struct writing *s, uint64_t size)
{
	struct restore *r = s->restore;
	uint64_t max = r->options->max_bytes;
	uint64_t before;

	if (!max)
		return 0;
	before = atomic_fetch_add(&r->reserved, size);
	if (before <= max && size <= max - before)
		return 0;
	atomic_fetch_sub(&r->reserved, size);
	s->ours = true;
	return err_set(&s->tools->error, SHERD_NOSPACE, "more than the limit of %llu bytes",
		(unsigned long long)max);
}

static int put(struct writing *s, const uint8_t *data, size_t size, uint64_t at)
{
	int r = reserve(s, size);

	if (!r)
		r = begin(s);
	if (r)
		return r;
	if (env_pwrite(s->restore->env, s->fd, data, size, at) != 0)
		return failed(s, errno, "write");
	s->end = at + size;
	return 0;
}

static int put_data(struct writing *s, const struct content_run *run)
{
	struct restorer *w = s->tools;
	uint32_t size;
	int r = store_read(
		s->restore->store, BLOB_DATA, &run->id, w->buffer, BLOB_SIZE_MAX, &size, &w->error);

	if (r)
		return r;
	if (size != run->length)
		return err_set(&w->error, SHERD_CORRUPT,
			"a piece of the file has another length than its list says");
	return put(s, w->buffer, size, s->at);
}

static int put_hole(struct writing *s, const struct content_run *run)
{
	uint64_t left = run->length;
	int r = 0;

	if (!s->restore->options->no_sparse)
		return 0;
	memset(s->tools->buffer, 0, BLOB_SIZE_MAX);
	while (!r && left) {
		size_t size = (size_t)INT_MIN_OF(left, (uint64_t)BLOB_SIZE_MAX);

		r = restore_going(s->restore)
			    ? put(s, s->tools->buffer, size, s->at + run->length - left)
			    : err_set(&s->tools->error, SHERD_CANCELLED, "cancelled");
		left -= size;
	}
	return r;
}

static int put_run(struct writing *s, const struct content_run *run)
{
	int r;

	if (!restore_going(s->restore))
		return err_set(&s->tools->error, SHERD_CANCELLED, "cancelled");
	if (run->length > s->entry->length - s->at)
		return err_set(&s->tools->error, SHERD_CORRUPT,
			"the file's pieces are longer than the file");
	r = run->hole ? put_hole(s, run) : put_data(s, run);
	s->at += run->length;
	return r;
}

static int put_content(struct writing *s)
{
	const struct tree_entry *e = s->entry;
	struct sherd_error *err = &s->tools->error;
	struct content_reader reader;
	struct content_run run;
	int r = 0, got;

	if (e->content) {
		got = content_reader_open(
			&reader, s->restore->store, e->content, e->content_size, err);
		if (got)
			return got;
		while (!r && (got = content_reader_next(&reader, &run, err)) == 1)
			r = put_run(s, &run);
		content_reader_release(&reader);
		if (r || got)
			return r ? r : got;
	}
	if (s->at != e->length)
		return err_set(err, SHERD_CORRUPT, "the file's pieces are shorter than the file");
	return 0;
}

static int set_length(struct writing *s)
{
	const struct sherd_env *env = s->restore->env;

	if (s->end == s->entry->length)
		return 0;
	if (s->entry->length > INT64_MAX)
		return failed(s, EFBIG, "set the file's length");
	if (env->files->ftruncate(env->context, s->fd, (off_t)s->entry->length) != 0)
		return failed(s, errno, "set the file's length");
	return 0;
}

static int verify(struct writing *s)
{
	int same;

	if (!s->restore->options->verify)
		return 0;
	same = restore_compare(s->restore, s->tools, s->fd, s->entry);
	if (same < 0)
		return same;
	if (same)
		return 0;
	if (!restore_going(s->restore))
		return err_set(&s->tools->error, SHERD_CANCELLED, "cancelled");
	s->ours = true;
	return err_set(&s->tools->error, SHERD_IO, "what was written reads back differently");
}

/* Attributes and name of a file that is whole. 1: something stands there, which was told. */
static int publish(struct writing *s, enum target_replace replace)
{
	struct restore *r = s->restore;
	int error;

	restore_attribute(r, s->tools, s->folder, s->name,
		target_attributes(
			&r->target, s->fd, s->entry, s->folder->inherits, &s->tools->error));
	error = target_publish(&r->target, s->folder->fd, s->tools->temporary, s->name, replace);
	if (error == EEXIST || error == ENOTEMPTY || error == EISDIR) {
		restore_taken(r, s->tools, s->folder, s->name);
		return 1;
	}
	return error ? failed(s, error, "give the file its name") : 0;
}

static int make(struct writing *s, enum target_replace replace)
{
	int r = put_content(s);

	if (!r)
		r = begin(s);
	if (!r)
		r = set_length(s);
	if (!r)
		r = verify(s);
	return r ? r : publish(s, replace);
}

static void write_file(struct writing *s, enum target_replace replace, struct stat *ret_there)
{
	struct restore *r = s->restore;
	int code = make(s, replace);

	if (code == 0) {
		s->tools->tally.files++;
		s->tools->tally.bytes += s->entry->length;
		if (ret_there && r->env->files->fstat(r->env->context, s->fd, ret_there) != 0)
			*ret_there = (struct stat){0};
	} else if (s->fd >= 0) {
		target_discard(&r->target, s->folder->fd, s->tools->temporary);
	}
	env_close(r->env, s->fd);
	if (code < 0)
		restore_failed(r, s->tools, s->folder, s->name, code, s->ours);
}

void restore_file(struct restore *r, struct restorer *w, struct folder *f,
	const struct tree_entry *e, struct stat *ret_there)
{
	struct writing s = {.restore = r, .tools = w, .folder = f, .entry = e, .fd = -1};
	enum there_answer answer;

	memcpy(s.name, e->name, e->name_size);
	answer = restore_there(r, w, f, s.name, e, ret_there);
	if (answer != THERE_NOTHING && answer != THERE_REPLACE)
		return;
	if (r->options->dry_run) {
		w->tally.files++;
		w->tally.bytes += e->length;
		return;
	}
	write_file(&s, answer == THERE_REPLACE ? TARGET_REPLACE : TARGET_KEEP, ret_there);
}
