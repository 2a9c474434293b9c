/* SPDX-License-Identifier: MIT */
/*
 * tree_reader.c - all entries of a folder, part after part. A part that cannot be had, or is found
 * wrong halfway, is one error; the next call goes on with the part behind it, so that a folder that
 * lost a part still shows the others.
 */
#include <repo/tree.h>

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <repo/tree_entry.h>

struct tree_reader {
	struct store *store;
	struct bytes content; /* a copy: the caller's may be part of an entry that goes away */
	struct content_reader runs;
	struct bytes bytes; /* of the part */
	struct tree_part part;
	bool in_part;
	char last[TREE_NAME_MAX]; /* of the part before */
	size_t last_size;
};

int tree_reader_new(struct store *store, const uint8_t *content, size_t size,
	struct tree_reader **ret, struct sherd_error *err)
{
	CLEANUP(tree_reader_free_at) struct tree_reader *r = mem_array(1, sizeof(*r));
	int code;

	if (!r)
		return err_nomem(err);
	r->store = store;
	bytes_add(&r->content, content, size);
	if (r->content.failed)
		return err_nomem(err);
	code = content_reader_open(&r->runs, store, r->content.data, r->content.size, err);
	if (code)
		return code;
	*ret = TAKE(r);
	return 0;
}

void tree_reader_free(struct tree_reader *r)
{
	if (!r)
		return;
	content_reader_release(&r->runs);
	bytes_release(&r->content);
	bytes_release(&r->bytes);
	mem_free(r);
}

/* 1: a part is open; 0: there is no other. */
static int next_part(struct tree_reader *r, struct sherd_error *err)
{
	struct content_run run;
	int code = content_reader_next(&r->runs, &run, err);

	if (code <= 0)
		return code;
	if (run.hole)
		return err_set(err, SHERD_CORRUPT, "a folder with a hole");
	code = store_read_bytes(r->store, BLOB_TREE, &run.id, &r->bytes, err);
	if (code)
		return code;
	if (r->bytes.size != run.length)
		return err_set(err, SHERD_CORRUPT, "a part of a folder has another length");
	code = tree_part_open(&r->part, r->bytes.data, r->bytes.size, err);
	if (code)
		return code;
	r->in_part = true;
	return 1;
}

/* Whether an entry comes behind the one before it, over the borders of parts. */
static bool in_order(struct tree_reader *r, const struct tree_entry *e)
{
	if (tree_name_compare(r->last, r->last_size, e->name, e->name_size) >= 0)
		return false;
	memcpy(r->last, e->name, e->name_size);
	r->last_size = e->name_size;
	return true;
}

int tree_reader_next(struct tree_reader *r, struct tree_entry *ret, struct sherd_error *err)
{
	for (;;) {
		struct tree_entry e;
		int code;

		if (!r->in_part) {
			code = next_part(r, err);
			if (code <= 0)
				return code;
		}
		code = tree_part_next(&r->part, &e, err);
		if (code == 1 && !in_order(r, &e))
			code = err_set(err, SHERD_CORRUPT, "a folder whose names do not ascend");
		if (code == 1) {
			*ret = e;
			return 1;
		}
		r->in_part = false;
		if (code)
			return code;
	}
}
