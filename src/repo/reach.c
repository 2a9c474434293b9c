/* SPDX-License-Identifier: MIT */
/*
 * reach.c - a stack of open folders, and the path of what is looked at. A blob is never read for
 * its own sake: data blobs are only looked up; parts of folders and lists of runs are read because
 * what they name must be known. What is lost in the middle of a folder costs that part alone, since
 * the tree reader goes on behind it.
 */
#include <repo/reach.h>

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

struct level {
	struct tree_reader *reader;
	struct bytes content; /* the reader's bytes */
	size_t path_size;     /* of the folder's path, its final '/' included */
	bool told;            /* that it is hurt */
};

struct walk {
	struct reach *reach;
	struct level *levels;
	size_t depth, room;
	struct bytes path;
};

static void level_release(struct level *l)
{
	tree_reader_free(l->reader);
	bytes_release(&l->content);
}

static void walk_release(struct walk *w)
{
	while (w->depth)
		level_release(&w->levels[--w->depth]);
	mem_free(w->levels);
	bytes_release(&w->path);
}

/* Tell of the path as it stands: ${size} bytes of it. */
static int tell(struct walk *w, size_t size)
{
	struct reach *r = w->reach;
	uint8_t kept;
	int code;

	r->torn = true;
	if (!r->hurt)
		return 0;
	if (size > 1 && w->path.data[size - 1] == '/')
		size--;
	kept = w->path.data[size];
	w->path.data[size] = '\0';
	code = r->hurt(r->context, (const char *)w->path.data);
	w->path.data[size] = kept;
	return code;
}

/* Whether the pack of this blob is there; it is marked as needed. */
static bool mark(struct reach *r, const struct hash *id)
{
	size_t index;

	if (!store_pack_of(r->repo->store, id, &index))
		return false;
	if (r->packs)
		r->packs[index] = 1;
	return !r->lost || !r->lost[index];
}

static bool stops(int code)
{
	return code == SHERD_CANCELLED || code == SHERD_NOMEM;
}

/*
 * All blobs of a content; *ret_whole says whether all are there. Lists are blobs that only the
 * reader sees; those it cannot read it fails for.
 */
static int mark_content(struct reach *r, const uint8_t *content, size_t size, bool *ret_whole,
	struct sherd_error *err)
{
	struct content_reader reader;
	struct content_run run;
	int code = content_reader_open(&reader, r->repo->store, content, size, err);

	*ret_whole = true;
	while (!code) {
		code = content_reader_next(&reader, &run, err);
		if (code <= 0)
			break;
		code = 0;
		if (!run.hole && !mark(r, &run.id))
			*ret_whole = false;
	}
	content_reader_release(&reader);
	if (stops(code))
		return code;
	if (code < 0)
		*ret_whole = false;
	return 0;
}

static int push(struct walk *w, const uint8_t *content, size_t size, struct sherd_error *err)
{
	struct level *level;
	bool whole;
	int code;

	if (w->depth == w->room) {
		size_t room = w->room ? w->room * 2 : 32;
		struct level *more = mem_array(room, sizeof(*more));

		if (!more)
			return err_nomem(err);
		if (w->depth)
			memcpy(more, w->levels, w->depth * sizeof(*more));
		mem_free(w->levels);
		w->levels = more;
		w->room = room;
	}
	level = &w->levels[w->depth];
	*level = (struct level){.path_size = w->path.size};
	bytes_add(&level->content, content, size);
	if (level->content.failed)
		return err_nomem(err);
	w->depth++;
	code = mark_content(w->reach, level->content.data, size, &whole, err);
	if (!code && !whole) {
		level->told = true;
		code = tell(w, w->path.size);
	}
	if (!code)
		code = tree_reader_new(
			w->reach->repo->store, level->content.data, size, &level->reader, err);
	if (!code || stops(code) || code > 0)
		return code;
	/* Its content is not even a list of parts: passed by. */
	code = level->told ? 0 : tell(w, w->path.size);
	level_release(level);
	w->depth--;
	return code;
}

static int visit(struct walk *w, const struct tree_entry *e, struct sherd_error *err)
{
	bool whole = true;
	int code = 0;

	w->path.size = w->levels[w->depth - 1].path_size;
	bytes_add(&w->path, e->name, e->name_size);
	bytes_u8(&w->path, '/');
	bytes_reserve(&w->path, 1);
	if (w->path.failed)
		return err_nomem(err);
	if (e->type == TREE_FOLDER && e->content)
		return push(w, e->content, e->content_size, err);
	if (e->type == TREE_FILE && e->content)
		code = mark_content(w->reach, e->content, e->content_size, &whole, err);
	if (!code && !whole)
		code = tell(w, w->path.size);
	return code;
}

/* One step: an entry of the innermost folder, or its end. */
static int step(struct walk *w, struct sherd_error *err)
{
	struct level *level = &w->levels[w->depth - 1];
	struct tree_entry entry;
	int code = tree_reader_next(level->reader, &entry, err);

	if (code > 0)
		return visit(w, &entry, err);
	if (code == 0) {
		level_release(level);
		w->depth--;
		return 0;
	}
	if (stops(code))
		return code;
	w->path.size = level->path_size;
	if (level->told)
		return 0;
	level->told = true;
	return tell(w, level->path_size);
}

int reach_walk(struct reach *r, const uint8_t *root, size_t size, struct sherd_error *err)
{
	struct walk w = {.reach = r};
	int code;

	bytes_u8(&w.path, '/');
	bytes_reserve(&w.path, 1);
	code = w.path.failed ? err_nomem(err) : push(&w, root, size, err);
	while (!code && w.depth) {
		if (sherd_cancel_requested(r->cancel)) {
			code = err_set(err, SHERD_CANCELLED, "cancelled");
			break;
		}
		code = step(&w, err);
	}
	walk_release(&w);
	return code;
}
