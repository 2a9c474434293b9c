/* SPDX-License-Identifier: MIT */
/*
 * restore_batch.c - files on their way to the threads. Handing over one at a time would cost more
 * than writing a small file does; a batch is of files next to each other in the snapshot, whose
 * data lies together too.
 */
#include <repo/restore.h>

#include <assert.h>

#include <base/alloc.h>
#include <base/err.h>

#define BATCH_FILES 64
#define BATCH_BYTES (512u << 10) /* a batch that has so many is handed over */

struct batch {
	struct restore *restore;
	size_t count;
	uint64_t bytes;
	struct {
		struct folder *folder;
		struct kept_entry *kept;
	} files[BATCH_FILES];
};

static void settle(struct restore *r, struct batch *b)
{
	bool settled = false;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < b->count; i++) {
		assert(b->files[i].folder->pending);
		settled = --b->files[i].folder->pending == 0 || settled;
	}
	if (settled)
		pthread_cond_signal(&r->settled);
	pthread_mutex_unlock(&r->lock);
}

static void run(void *context)
{
	struct batch *b = context;
	struct restore *r = b->restore;
	struct restorer *w = NULL;
	struct sherd_error err;
	int code = restorer_take(r, &w, &err);

	if (code)
		restore_stop(r, code, &err);
	for (size_t i = 0; i < b->count; i++) {
		if (w && restore_going(r))
			restore_file(r, w, b->files[i].folder, &b->files[i].kept->entry, NULL);
		mem_free(b->files[i].kept);
	}
	if (w)
		restorer_give(r, w);
	settle(r, b);
	mem_free(b);
}

void restore_batch_flush(struct restore *r)
{
	if (r->batch)
		tasks_submit(r->tasks, run, TAKE(r->batch));
}

void restore_batch_drop(struct restore *r)
{
	struct batch *b = TAKE(r->batch);

	if (!b)
		return;
	for (size_t i = 0; i < b->count; i++)
		mem_free(b->files[i].kept);
	settle(r, b);
	mem_free(b);
}

int restore_batch_add(struct restore *r, struct folder *f, const struct tree_entry *e)
{
	struct batch *b = r->batch;
	struct kept_entry *kept = restore_keep(e);

	if (!b) {
		b = mem_array(1, sizeof(*b));
		r->batch = b;
	}
	if (!b || !kept) {
		mem_free(kept);
		return SHERD_NOMEM;
	}
	b->restore = r;
	b->files[b->count].folder = f;
	b->files[b->count++].kept = kept;
	b->bytes += e->content_size + (e->length < BATCH_BYTES ? e->length : BATCH_BYTES);
	pthread_mutex_lock(&r->lock);
	f->pending++;
	pthread_mutex_unlock(&r->lock);
	if (b->count == BATCH_FILES || b->bytes >= BATCH_BYTES)
		restore_batch_flush(r);
	return 0;
}
