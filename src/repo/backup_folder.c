/* SPDX-License-Identifier: MIT */
/*
 * backup_folder.c - the entries of a folder on their way to the store.
 *
 * Entries come in order of names, but are not complete in that order: ids of small files come in
 * batches, and a folder within a folder is written when the last of what is in it is known. So each
 * entry has a slot, in order, and a count says how many are not ready. A folder is written when it
 * has been walked and nothing is pending; its own entry then goes into the slot of its parent,
 * whose turn it may be next: a loop, no recursion.
 *
 * A folder whose entries are all, byte for byte, those of the parent snapshot has that one's
 * content; nothing is encoded or hashed for it. Folders of a million entries are handed to the
 * writer in the meantime, so that memory is bounded by the names.
 */
#include "backup.h"

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

#define SLOTS_FIRST 32
#define DRAIN_SIZE (1u << 20) /* bytes of entries that are kept before the writer gets them */

int backup_folder_new(struct backup *b, struct folder *parent, const struct tree_entry *own,
	const struct tree_entry *prior, struct folder **ret, struct sherd_error *err)
{
	struct folder *f = mem_array(1, sizeof(*f));

	if (!f)
		return err_nomem(err);
	f->after = b->folders;
	if (f->after)
		f->after->before = f;
	b->folders = f;
	f->parent = parent;
	f->own = *own;
	bytes_add(&f->keep, own->name, own->name_size);
	bytes_add(&f->keep, own->xattrs, own->xattrs_size);
	if (prior) {
		f->same = true;
		bytes_add(&f->prior, prior->raw, prior->raw_size);
		bytes_add(&f->prior_content, prior->content, prior->content_size);
	}
	if (f->keep.failed || f->prior.failed || f->prior_content.failed) {
		backup_folder_drop(b, f);
		return err_nomem(err);
	}
	f->own.name = (const char *)f->keep.data;
	f->own.xattrs = own->xattrs ? f->keep.data + own->name_size : NULL;
	*ret = f;
	return 0;
}

void backup_folder_drop(struct backup *b, struct folder *f)
{
	if (f->after)
		f->after->before = f->before;
	if (f->before)
		f->before->after = f->after;
	else
		b->folders = f->after;
	bytes_release(&f->keep);
	bytes_release(&f->prior);
	bytes_release(&f->prior_content);
	bytes_release(&f->encoded);
	mem_free(f->slots);
	tree_writer_free(f->writer);
	mem_free(f);
}

/* --- slots --- */

static int new_slot(struct folder *f, size_t *ret, struct sherd_error *err)
{
	if (f->count == f->room) {
		size_t room = f->room ? 2 * f->room : SLOTS_FIRST;
		struct slot *slots = mem_array(room, sizeof(*slots));

		if (!slots)
			return err_nomem(err);
		if (f->count)
			memcpy(slots, f->slots, f->count * sizeof(*slots));
		mem_free(f->slots);
		f->slots = slots;
		f->room = room;
	}
	f->slots[f->count] = (struct slot){0};
	*ret = f->count++;
	return 0;
}

static int encode(
	struct folder *f, size_t slot, const struct tree_entry *e, struct sherd_error *err)
{
	struct slot *s = &f->slots[slot];

	s->at = f->encoded.size;
	tree_entry_write(e, &f->encoded);
	if (f->encoded.failed)
		return err_nomem(err);
	s->size = (uint32_t)(f->encoded.size - s->at);
	return 0;
}

static bool equals(const struct folder *f, size_t slot, const uint8_t *raw, size_t size)
{
	const struct slot *s = &f->slots[slot];

	return s->size == size && memcmp(f->encoded.data + s->at, raw, size) == 0;
}

/* Give the writer what is ready, from the first slot on. */
static int drain(struct backup *b, struct folder *f, struct sherd_error *err)
{
	int r = f->writer ? 0 : tree_writer_new(b->store, &f->writer, err);

	for (; r == 0 && f->done < f->count && f->slots[f->done].ready; f->done++) {
		const uint8_t *raw = f->encoded.data + f->slots[f->done].at;
		size_t name_size;
		const char *name = tree_raw_name(raw, &name_size);

		r = tree_writer_raw(f->writer, raw, f->slots[f->done].size, name, name_size, err);
	}
	if (r == 0 && f->done == f->count && f->pending == 0) {
		f->done = f->count = 0;
		bytes_clear(&f->encoded);
	}
	return r;
}

static int drain_if_large(struct backup *b, struct folder *f, struct sherd_error *err)
{
	int r;

	if (f->encoded.size < DRAIN_SIZE)
		return 0;
	r = f->pending ? backup_batch_flush(b, err) : 0;
	return r ? r : drain(b, f, err);
}

int backup_folder_add(struct backup *b, struct folder *f, const struct tree_entry *e,
	const struct tree_entry *prior, struct sherd_error *err)
{
	size_t slot = 0;
	int r = new_slot(f, &slot, err);

	if (r == 0)
		r = encode(f, slot, e, err);
	if (r)
		return r;
	f->slots[slot].ready = true;
	f->same = f->same && prior && equals(f, slot, prior->raw, prior->raw_size);
	return drain_if_large(b, f, err);
}

int backup_folder_add_raw(
	struct backup *b, struct folder *f, const struct tree_entry *prior, struct sherd_error *err)
{
	size_t slot = 0;
	int r = new_slot(f, &slot, err);

	if (r)
		return r;
	f->slots[slot] = (struct slot){
		.at = f->encoded.size, .size = (uint32_t)prior->raw_size, .ready = true};
	bytes_add(&f->encoded, prior->raw, prior->raw_size);
	if (f->encoded.failed)
		return err_nomem(err);
	return drain_if_large(b, f, err);
}

int backup_folder_add_pending(struct folder *f, const struct tree_entry *e, size_t *ret_slot,
	size_t *ret_at, struct sherd_error *err)
{
	int r = new_slot(f, ret_slot, err);

	assert(e->content_size == CONTENT_ONE_SIZE);
	if (r == 0)
		r = encode(f, *ret_slot, e, err);
	if (r)
		return r;
	*ret_at = tree_raw_content_at(e->name_size) + CONTENT_ONE_ID;
	f->same = false; /* it was read because it is not what it was */
	f->pending++;
	return 0;
}

void backup_folder_fix(struct folder *f, size_t slot, size_t at, const struct hash *id)
{
	struct slot *s = &f->slots[slot];

	assert(!s->ready && at + HASH_SIZE <= s->size && f->pending > 0);
	memcpy(f->encoded.data + s->at + at, id->bytes, HASH_SIZE);
	s->ready = true;
	f->pending--;
}

/* --- written --- */

static int content_of(
	struct backup *b, struct folder *f, struct bytes *out, struct sherd_error *err)
{
	int r;

	if (f->same && f->prior_content.size &&
		content_sound(b->store, f->prior_content.data, f->prior_content.size)) {
		bytes_add(out, f->prior_content.data, f->prior_content.size);
		return out->failed ? err_nomem(err) : 0;
	}
	r = drain(b, f, err);
	return r ? r : tree_writer_end(f->writer, out, err);
}

/* The entry of a folder that is complete, into its parent's slot. */
static int to_parent(struct folder *f, const struct bytes *content, struct sherd_error *err)
{
	struct folder *parent = f->parent;
	int r;

	f->own.content = content->data;
	f->own.content_size = content->size;
	r = encode(parent, f->parent_slot, &f->own, err);
	if (r)
		return r;
	parent->slots[f->parent_slot].ready = true;
	parent->pending--;
	parent->same = parent->same && equals(parent, f->parent_slot, f->prior.data, f->prior.size);
	return 0;
}

int backup_folder_enter(struct folder *f, struct sherd_error *err)
{
	int r = new_slot(f->parent, &f->parent_slot, err);

	if (r == 0)
		f->parent->pending++;
	return r;
}

int backup_folder_complete(struct backup *b, struct folder *f, struct sherd_error *err)
{
	int r = 0;

	while (r == 0 && f && f->walked && f->pending == 0) {
		struct folder *parent = f->parent;
		struct bytes content = BYTES_INIT;

		r = content_of(b, f, &content, err);
		if (r == 0 && parent)
			r = to_parent(f, &content, err);
		if (r == 0 && !parent) {
			b->root = content;
			content = BYTES_INIT;
		}
		bytes_release(&content);
		backup_folder_drop(b, f);
		f = parent;
	}
	return r;
}
