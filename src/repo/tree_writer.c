/* SPDX-License-Identifier: MIT */
/*
 * tree_writer.c - a folder's entries become parts in the store (docs/format.md, 11.1).
 *
 * A part ends where a keyed hash of a *name* says so, whatever the history of the folder: two equal
 * folders have equal parts, and a name more or less changes one part. The size limit is the
 * exception that keeps parts bounded; behind it, the next such name brings both sides together
 * again.
 */
#include <repo/tree.h>

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <repo/tree_entry.h>

#define PART_FORMAT 1
#define PART_COUNT_AT 4 /* where the number of entries stands */
#define BOUNDARY 2048   /* one name of so many ends a part */

static_assert(TREE_PART_AIM + TREE_ENTRY_MAX + 4 <= BLOB_SIZE_MAX, "a part is a blob");

struct tree_writer {
	struct store *store;
	struct crypt_key name_key;
	struct content_writer content;
	struct bytes part; /* head included; empty: none is begun */
	uint32_t count;    /* entries in it */
	char last[TREE_NAME_MAX];
	size_t last_size; /* 0: no entry yet */
};

int tree_writer_new(struct store *store, struct tree_writer **ret, struct sherd_error *err)
{
	struct tree_writer *w = mem_array(1, sizeof(*w));

	if (!w)
		return err_nomem(err);
	w->store = store;
	pool_content_key(store_pool(store), POOL_KEY_NAME, &w->name_key);
	content_writer_init(&w->content, store);
	*ret = w;
	return 0;
}

void tree_writer_free(struct tree_writer *w)
{
	if (!w)
		return;
	content_writer_release(&w->content);
	bytes_release(&w->part);
	secret_wipe(&w->name_key, sizeof(w->name_key));
	mem_free(w);
}

static int close_part(struct tree_writer *w, struct sherd_error *err)
{
	struct store_item item = {.type = BLOB_TREE};
	int r;

	if (w->part.failed)
		return err_nomem(err);
	bytes_set_u32(&w->part, PART_COUNT_AT, w->count);
	item.data = w->part.data;
	item.size = (uint32_t)w->part.size;
	r = store_add(w->store, &item, 1, err);
	if (r)
		return r;
	r = content_writer_data(&w->content, &item.id, item.size, err);
	bytes_clear(&w->part);
	w->count = 0;
	return r;
}

static bool ends_part(const struct tree_writer *w, const char *name, size_t size)
{
	struct iovec part = hash_part(name, size);
	struct hash hash;
	struct cursor c;

	if (w->part.size >= TREE_PART_AIM)
		return true;
	hash_hmac(w->name_key.bytes, sizeof(w->name_key.bytes), &part, 1, &hash);
	c = cursor_of(hash.bytes, sizeof(hash.bytes));
	return cursor_u32(&c) % BOUNDARY == 0;
}

/* Names ascend: a caller that breaks this has a bug, and would make trees that nobody reads. */
static void begin_entry(struct tree_writer *w, const char *name, size_t name_size)
{
	assert(tree_name_allowed(name, name_size));
	assert(tree_name_compare(w->last, w->last_size, name, name_size) < 0);
	memcpy(w->last, name, name_size);
	w->last_size = name_size;
	if (w->part.size == 0) {
		bytes_u16(&w->part, PART_FORMAT);
		bytes_u16(&w->part, 0);
		bytes_u32(&w->part, 0);
	}
}

static int end_entry(struct tree_writer *w, struct sherd_error *err)
{
	if (w->part.failed)
		return err_nomem(err);
	w->count++;
	return ends_part(w, w->last, w->last_size) ? close_part(w, err) : 0;
}

int tree_writer_add(struct tree_writer *w, const struct tree_entry *e, struct sherd_error *err)
{
	size_t start;

	begin_entry(w, e->name, e->name_size);
	start = w->part.size;
	tree_entry_write(e, &w->part);
	if (!w->part.failed && w->part.size - start > TREE_ENTRY_MAX)
		return err_set(err, SHERD_UNSUPPORTED, "'%.*s' has too many attributes",
			(int)e->name_size, e->name);
	return end_entry(w, err);
}

int tree_writer_raw(struct tree_writer *w, const uint8_t *raw, size_t size, const char *name,
	size_t name_size, struct sherd_error *err)
{
	assert(size <= TREE_ENTRY_MAX + 4);
	begin_entry(w, name, name_size);
	bytes_add(&w->part, raw, size);
	return end_entry(w, err);
}

int tree_writer_end(struct tree_writer *w, struct bytes *out_content, struct sherd_error *err)
{
	int r = w->count ? close_part(w, err) : 0;

	w->last_size = 0;
	return r ? r : content_writer_end(&w->content, out_content, err);
}
