/* SPDX-License-Identifier: MIT */
/*
 * backup_batch.c - small files side by side in one buffer. Their hashes are computed many at a time
 * when it is full; until then their entries have a hole where the id belongs, and a fix says where.
 */
#include "backup.h"

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>

#define FIXES_FIRST 2048

int backup_batch_init(struct batch *batch, size_t file_max, struct sherd_error *err)
{
	batch->size = INT_MAX_OF((size_t)BATCH_SIZE, 2 * file_max);
	batch->buffer = mem_aligned(4096, batch->size);
	batch->items = mem_array(BATCH_ITEMS, sizeof(*batch->items));
	batch->number = 1;
	return batch->buffer && batch->items ? 0 : err_nomem(err);
}

void backup_batch_release(struct batch *batch)
{
	mem_free(batch->buffer);
	mem_free(batch->items);
	mem_free(batch->fixes);
	*batch = (struct batch){0};
}

int backup_batch_room(struct backup *b, size_t size, uint8_t **ret, struct sherd_error *err)
{
	struct batch *batch = &b->batch;

	assert(size <= batch->size);
	if (batch->count == BATCH_ITEMS || size > batch->size - batch->used) {
		int r = backup_batch_flush(b, err);

		if (r)
			return r;
	}
	*ret = batch->buffer + batch->used;
	return 0;
}

uint32_t backup_batch_add(struct backup *b, size_t size)
{
	struct batch *batch = &b->batch;

	assert(size >= 1 && batch->count < BATCH_ITEMS && size <= batch->size - batch->used);
	batch->items[batch->count] = (struct store_item){
		.type = BLOB_DATA, .data = batch->buffer + batch->used, .size = (uint32_t)size};
	batch->used += size;
	return batch->count++;
}

int backup_batch_fix(struct backup *b, const struct fix *fix, struct sherd_error *err)
{
	struct batch *batch = &b->batch;

	if (batch->fix_count == batch->fix_room) {
		size_t room = batch->fix_room ? 2 * batch->fix_room : FIXES_FIRST;
		struct fix *fixes = mem_array(room, sizeof(*fixes));

		if (!fixes)
			return err_nomem(err);
		if (batch->fix_count)
			memcpy(fixes, batch->fixes, batch->fix_count * sizeof(*fixes));
		mem_free(batch->fixes);
		batch->fixes = fixes;
		batch->fix_room = room;
	}
	batch->fixes[batch->fix_count++] = *fix;
	return 0;
}

static void fix_link(struct link *link, const struct hash *id)
{
	assert(link->content_size == CONTENT_ONE_SIZE);
	memcpy(link->content + CONTENT_ONE_ID, id->bytes, HASH_SIZE);
	link->batch = 0;
}

/* Tell all ids first: a folder that is written frees itself, and has no fix left then. */
static void apply_fixes(struct batch *batch)
{
	for (size_t i = 0; i < batch->fix_count; i++) {
		const struct fix *fix = &batch->fixes[i];
		const struct hash *id = &batch->items[fix->item].id;

		if (fix->folder)
			backup_folder_fix(fix->folder, fix->slot, fix->at, id);
		else
			fix_link(fix->link, id);
	}
}

/* Fixes of one folder may stand apart, with its children's between: each folder once. */
static void keep_each_once(struct batch *batch)
{
	size_t kept = 0;

	for (size_t i = 0; i < batch->fix_count; i++) {
		struct folder *f = batch->fixes[i].folder;

		if (!f || !f->walked || f->pending || f->queued)
			continue;
		f->queued = true;
		batch->fixes[kept++].folder = f;
	}
	batch->fix_count = kept;
}

int backup_batch_flush(struct backup *b, struct sherd_error *err)
{
	struct batch *batch = &b->batch;
	int r = batch->count ? store_add(b->store, batch->items, batch->count, err) : 0;

	if (r)
		return r;
	apply_fixes(batch);
	keep_each_once(batch);
	batch->count = 0;
	batch->used = 0;
	batch->number++;
	for (size_t i = 0; i < batch->fix_count && !r; i++)
		r = backup_folder_complete(b, batch->fixes[i].folder, err);
	batch->fix_count = 0;
	return r;
}
