/* SPDX-License-Identifier: MIT */
/*
 * restore_report.c - what became of an entry: counted, told, or the end of the work.
 *
 * A file whose data is not to be had is lost, and the rest goes on; so does it where the target
 * refuses one entry. A full target, no memory, a cancelled run or a callback that says so end it.
 */
#include <repo/restore.h>

#include <errno.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>

void restore_stop(struct restore *r, int code, const struct sherd_error *err)
{
	pthread_mutex_lock(&r->lock);
	if (!r->code) {
		r->code = code;
		if (err)
			r->error = *err;
		else
			err_set(&r->error, code, "%s", sherd_code_text(code));
	}
	pthread_mutex_unlock(&r->lock);
	atomic_store(&r->stopped, true);
}

bool restore_going(struct restore *r)
{
	if (atomic_load_explicit(&r->stopped, memory_order_relaxed))
		return false;
	if (!sherd_cancel_requested(r->cancel))
		return true;
	restore_stop(r, SHERD_CANCELLED, NULL);
	return false;
}

/* --- paths --- */

char *restore_path(const struct folder *f, const char *name)
{
	size_t size = strlen(name) + 1;
	char *path, *at;

	for (const struct folder *g = f; g; g = g->around)
		size += strlen(g->name) + 1;
	path = mem_array(size + 1, 1);
	if (!path)
		return NULL;
	at = path + size;
	at -= strlen(name);
	memcpy(at, name, strlen(name));
	for (const struct folder *g = f; g; g = g->around) {
		size_t length = strlen(g->name);

		if (*at)
			*--at = '/';
		at -= length;
		memcpy(at, g->name, length);
	}
	if (!*at)
		*--at = '/';
	memmove(path, at, strlen(at) + 1);
	return path;
}

void restore_note(struct restore *r, enum sherd_note_kind kind, const struct folder *f,
	const char *name, const struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *path = restore_path(f, name);

	if (!path || told_note(&r->told, kind, path, NULL, err) != 0)
		restore_stop(r, SHERD_NOMEM, NULL);
}

/* --- counting --- */

static void add(uint64_t *into, uint64_t *more)
{
	if (!INT_ADD(*into, *more, into))
		*into = UINT64_MAX;
	*more = 0;
}

void restore_add(struct sherd_restore_result *into, struct sherd_restore_result *tally)
{
	add(&into->files, &tally->files);
	add(&into->folders, &tally->folders);
	add(&into->others, &tally->others);
	add(&into->same, &tally->same);
	add(&into->bytes, &tally->bytes);
	add(&into->skipped, &tally->skipped);
	add(&into->lost, &tally->lost);
	add(&into->attributes, &tally->attributes);
	add(&into->refused, &tally->refused);
	add(&into->deleted, &tally->deleted);
}

/* Whether the target is full, so that nothing more can be written; not: this file is too large. */
static bool is_full(const struct sherd_error *err)
{
	return err->code == SHERD_NOSPACE && err->os_errno != EFBIG;
}

void restore_failed(struct restore *r, struct restorer *w, const struct folder *f, const char *name,
	int code, bool ours)
{
	CLEANUP(mem_free_at) char *path = NULL;

	if (code == SHERD_CANCELLED || code == SHERD_NOMEM) {
		restore_stop(r, code, &w->error);
		return;
	}
	if (ours && is_full(&w->error)) {
		path = restore_path(f, name);
		err_wrap(&w->error, code, "restoring '%s'", path ? path : name);
		restore_stop(r, code, &w->error);
		return;
	}
	if (ours)
		w->tally.refused++;
	else
		w->tally.lost++;
	restore_note(r, ours ? SHERD_NOTE_REFUSED : SHERD_NOTE_LOST, f, name, &w->error);
}

void restore_attribute(
	struct restore *r, struct restorer *w, const struct folder *f, const char *name, int code)
{
	if (!code)
		return;
	w->tally.attributes++;
	restore_note(r, SHERD_NOTE_ATTRIBUTE, f, name, &w->error);
}

void restore_taken(struct restore *r, struct restorer *w, struct folder *f, const char *name)
{
	w->tally.skipped++;
	err_set(&w->error, SHERD_EXISTS, "something else is there");
	restore_note(r, SHERD_NOTE_EXISTS, f, name, &w->error);
}

/* --- the tools of threads --- */

static int restorer_new(struct restore *r, struct restorer **ret, struct sherd_error *err)
{
	CLEANUP(mem_free_at) struct restorer *w = mem_array(1, sizeof(*w));

	if (!w)
		return err_nomem(err);
	w->buffer = mem_aligned(64, BLOB_SIZE_MAX);
	if (!w->buffer)
		return err_nomem(err);
	pthread_mutex_lock(&r->lock);
	target_temporary(&r->target, r->restorers++, w->temporary);
	pthread_mutex_unlock(&r->lock);
	*ret = TAKE(w);
	return 0;
}

int restorer_take(struct restore *r, struct restorer **ret, struct sherd_error *err)
{
	pthread_mutex_lock(&r->lock);
	*ret = r->idle;
	if (r->idle)
		r->idle = r->idle->next;
	pthread_mutex_unlock(&r->lock);
	return *ret ? 0 : restorer_new(r, ret, err);
}

void restorer_give(struct restore *r, struct restorer *w)
{
	pthread_mutex_lock(&r->lock);
	restore_add(&r->result, &w->tally);
	w->next = r->idle;
	r->idle = w;
	pthread_mutex_unlock(&r->lock);
}

struct kept_entry *restore_keep(const struct tree_entry *e)
{
	size_t size = e->name_size + e->content_size + e->xattrs_size + e->target_size;
	struct kept_entry *kept = mem_array(sizeof(*kept) + size, 1);
	uint8_t *at;

	if (!kept)
		return NULL;
	at = kept->bytes;
	kept->entry = *e;
	kept->entry.owner = kept->entry.group = NULL;
	kept->entry.owner_size = kept->entry.group_size = 0;
	kept->entry.raw = kept->entry.unknown = NULL;
	kept->entry.raw_size = kept->entry.unknown_size = 0;
#define KEEP(field, field_size)                                                                    \
	do {                                                                                       \
		if (e->field) {                                                                    \
			memcpy(at, e->field, e->field_size);                                       \
			kept->entry.field = (void *)at;                                            \
			at += e->field_size;                                                       \
		}                                                                                  \
	} while (0)
	KEEP(name, name_size);
	KEEP(content, content_size);
	KEEP(xattrs, xattrs_size);
	KEEP(target, target_size);
#undef KEEP
	return kept;
}
