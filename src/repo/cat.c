/* SPDX-License-Identifier: MIT */
/* cat.c - sherd_cat(): the content of one file, run after run, to a descriptor. */
#include <repo/repo.h>

#include <errno.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <repo/told.h>

struct output {
	struct sherd_repo *repo;
	const struct sherd_env *env;
	const struct sherd_cancel *cancel;
	struct told told;
	int fd;
	uint64_t at, length;
	uint8_t *buffer; /* BLOB_SIZE_MAX */
};

static int put(struct output *o, size_t size, struct sherd_error *err)
{
	if (env_write(o->env, o->fd, o->buffer, size) == 0)
		return 0;
	err_system(err, errno, "cannot write");
	if (err)
		err->code = SHERD_IO;
	return SHERD_IO;
}

static int report(struct output *o, struct sherd_error *err)
{
	struct sherd_repo_progress p = {
		.bytes_done = o->at, .bytes_total = o->length, .files_total = 1};
	int r = told_notes(&o->told);

	if (r)
		return err_set(err, r, "stopped by a callback");
	if (sherd_cancel_requested(o->cancel))
		return err_set(err, SHERD_CANCELLED, "cancelled");
	if (told_due(&o->told))
		told_progress(&o->told, &p);
	return 0;
}

static int put_hole(struct output *o, uint64_t length, struct sherd_error *err)
{
	memset(o->buffer, 0, BLOB_SIZE_MAX);
	while (length) {
		size_t size = (size_t)INT_MIN_OF(length, (uint64_t)BLOB_SIZE_MAX);
		int r = put(o, size, err);

		o->at += size;
		if (!r)
			r = report(o, err);
		if (r)
			return r;
		length -= size;
	}
	return 0;
}

static int put_data(struct output *o, const struct content_run *run, struct sherd_error *err)
{
	uint32_t size;
	int r = store_read(
		o->repo->store, BLOB_DATA, &run->id, o->buffer, BLOB_SIZE_MAX, &size, err);

	if (r == SHERD_NOTFOUND) {
		err_wrap(err, r, "a piece of the file");
		if (err)
			err->code = SHERD_LOST;
		return SHERD_LOST;
	}
	if (r)
		return r;
	if (size != run->length)
		return err_set(err, SHERD_CORRUPT, "a piece of the file has another length");
	r = put(o, size, err);
	o->at += size;
	return r;
}

static int put_content(struct output *o, const struct tree_entry *e, struct sherd_error *err)
{
	struct content_reader reader;
	struct content_run run;
	int r = content_reader_open(&reader, o->repo->store, e->content, e->content_size, err);

	if (r)
		return r;
	while (!(r = report(o, err)) && (r = content_reader_next(&reader, &run, err)) == 1) {
		r = run.hole ? put_hole(o, run.length, err) : put_data(o, &run, err);
		if (r)
			break;
	}
	content_reader_release(&reader);
	if (!r && o->at != o->length)
		r = err_set(err, SHERD_CORRUPT, "the file's pieces do not add up to its length");
	return r;
}

static int put_file(struct sherd_repo *repo, const struct tree_entry *e, int fd,
	const struct sherd_repo_hooks *hooks, struct sherd_error *err)
{
	CLEANUP(mem_free_at) uint8_t *buffer = mem_aligned(64, BLOB_SIZE_MAX);
	struct output o = {.repo = repo,
		.env = pool_env(repo->pool),
		.cancel = repo_cancel(repo, hooks),
		.fd = fd,
		.length = e->length,
		.buffer = buffer};
	struct packs_watch watch;
	int r, stopped;

	if (!buffer)
		return err_nomem(err);
	r = told_init(&o.told, hooks, repo->pool, err);
	if (r)
		return r;
	watch = told_watch(&o.told);
	store_watch(repo->store, &watch);
	r = put_content(&o, e, err);
	store_watch(repo->store, NULL);
	stopped = told_notes(&o.told);
	if (stopped && !r)
		r = err_set(err, stopped, "stopped by a callback");
	told_release(&o.told);
	return r;
}

int sherd_cat(struct sherd_repo *repo, const struct sherd_snapshot *snapshot, const char *path,
	int fd, const struct sherd_repo_hooks *hooks, struct sherd_error *err)
{
	struct bytes keep = BYTES_INIT;
	struct tree_entry e;
	const uint8_t *root = NULL;
	size_t root_size = 0;
	int r;

	if (!repo || !snapshot || !path)
		return err_set(err, SHERD_INVALID, "no file is given");
	repo_snapshot_root(repo, snapshot, &root, &root_size);
	if (!root)
		return err_set(err, SHERD_NOTFOUND, "no such snapshot");
	r = repo_find_path(repo, root, root_size, path, &e, &keep, err);
	if (!r && e.type != TREE_FILE)
		r = err_set(err, SHERD_INVALID, "'%s' is no file", path);
	if (!r) {
		r = put_file(repo, &e, fd, hooks, err);
		if (r)
			err_wrap(err, r, "'%s'", path);
	}
	bytes_release(&keep);
	return r;
}
