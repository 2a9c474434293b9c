/* SPDX-License-Identifier: MIT */
/* mirror.c - a sorted array of pointers. Some thousand names at most; a new one costs one move. */
#include "mirror.h"

#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>

static void release_body(struct entry *e)
{
	if (e->state != ENTRY_OPEN && e->state != ENTRY_VALID)
		return;
	switch (e->name.kind) {
	case RECORD_POOL:
		poolrec_release(&e->pool);
		break;
	case RECORD_DEVICE:
		devicerec_release(&e->device);
		break;
	case RECORD_HEAD:
		headrec_release(&e->head);
		break;
	case RECORD_GC:
	case RECORD_KEYS:
		break;
	}
	record_release(&e->record);
}

void entry_forget(struct entry *e)
{
	release_body(e);
	record_file_unref(e->file);
	e->file = NULL;
	e->state = ENTRY_NAMED;
}

void entry_set_file(struct entry *e, struct record_file *file)
{
	entry_forget(e);
	e->file = file;
	e->size = file->size;
	e->state = ENTRY_FETCHED;
}

static void entry_free(struct entry *e)
{
	entry_forget(e);
	mem_free(e);
}

void mirror_release(struct mirror *store)
{
	for (size_t i = 0; i < store->count; i++)
		entry_free(store->entries[i]);
	mem_free(store->entries);
	*store = (struct mirror){0};
}

/* Index of the first entry whose name is not less. */
static size_t lower_bound(const struct mirror *store, const char *text)
{
	size_t low = 0, high = store->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(store->entries[middle]->text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct entry *mirror_find(const struct mirror *store, const char *text)
{
	size_t at = lower_bound(store, text);

	return at < store->count && strcmp(store->entries[at]->text, text) == 0 ? store->entries[at]
										: NULL;
}

static bool grow(struct mirror *store)
{
	size_t room = INT_MAX_OF(2 * store->room, (size_t)32);
	struct entry **entries;

	if (store->count < store->room)
		return true;
	entries = mem_array(room, sizeof(struct entry *));
	if (!entries)
		return false;
	if (store->count)
		memcpy(entries, store->entries, store->count * sizeof(struct entry *));
	mem_free(store->entries);
	store->entries = entries;
	store->room = room;
	return true;
}

int mirror_add(struct mirror *store, const char *text, struct entry **ret, struct sherd_error *err)
{
	struct entry *e = mirror_find(store, text);
	struct record_name name;
	size_t at;

	if (e) {
		*ret = e;
		return 0;
	}
	if (record_name_parse(text, &name) != 0)
		return err_set(err, SHERD_INVALID, "'%s' is no name of a control record", text);
	e = mem_array(1, sizeof(*e));
	if (!e || !grow(store)) {
		mem_free(e);
		return err_nomem(err);
	}
	e->name = name;
	snprintf(e->text, sizeof(e->text), "%s", text);
	at = lower_bound(store, text);
	memmove(store->entries + at + 1, store->entries + at,
		(store->count - at) * sizeof(struct entry *));
	store->entries[at] = e;
	store->count++;
	*ret = e;
	return 0;
}

void mirror_sweep(struct mirror *store)
{
	size_t kept = 0;

	for (size_t i = 0; i < store->count; i++) {
		struct entry *e = store->entries[i];

		if (e->shown || e->local || e->own)
			store->entries[kept++] = e;
		else
			entry_free(e);
	}
	store->count = kept;
}

static const char *folder_of(enum record_kind kind)
{
	switch (kind) {
	case RECORD_POOL:
		return "pool/";
	case RECORD_DEVICE:
		return "devices/";
	case RECORD_HEAD:
		return "heads/";
	case RECORD_KEYS:
		return "keys/";
	case RECORD_GC:
		break;
	}
	return "gc/";
}

size_t mirror_first(const struct mirror *store, enum record_kind kind)
{
	return lower_bound(store, folder_of(kind));
}

size_t mirror_end(const struct mirror *store, enum record_kind kind)
{
	size_t at = mirror_first(store, kind);

	while (at < store->count && store->entries[at]->name.kind == kind)
		at++;
	return at;
}

size_t mirror_group_end(const struct mirror *store, size_t at)
{
	const struct entry *first = store->entries[at];

	while (at < store->count && store->entries[at]->name.kind == first->name.kind &&
		memcmp(store->entries[at]->name.subject, first->name.subject, RECORD_ID_SIZE) == 0)
		at++;
	return at;
}
