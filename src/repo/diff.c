/* SPDX-License-Identifier: MIT */
/*
 * diff.c - sherd_diff(): two walks side by side, merged by names. Folders with the same content are
 * not read: equal folders have equal bytes. A folder that only one side has is told of
 * with all that is in it.
 *
 * An entry that waits for the other side's walk to come to its name is copied, because its reader
 * may be closed meanwhile. Where a part of a folder is lost the rest of that folder is left out:
 * what is not there could not be told from what cannot be read.
 */
#include <repo/browse.h>

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <repo/descent.h>

enum { BEFORE, AFTER, SIDES };

/* One side of the comparison. */
struct side {
	struct descent descent;
	struct shown shown;
};

/* A folder, or two of one path. */
struct pair {
	bool is[SIDES];    /* the side has the folder, and is read */
	bool waits[SIDES]; /* `entry` was read and is not dealt with */
	struct tree_entry entry[SIDES];
	struct bytes kept[SIDES]; /* what `entry` points to while something else is done */
	size_t path_end;          /* of the path of the folder around */
};

struct comparison {
	struct side sides[SIDES];
	struct pair *pairs;
	size_t depth, room;
	struct bytes path; /* of the folder, with its last slash */
	sherd_diff_told *told;
	void *context;
	const struct sherd_cancel *cancel;
	int lost;
	struct sherd_error first; /* of what is lost */
};

/* --- one entry on each side --- */

static bool bytes_equal(const void *a, size_t a_size, const void *b, size_t b_size)
{
	return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static bool same_content(const struct tree_entry *a, const struct tree_entry *b)
{
	return a->length == b->length && a->device_major == b->device_major &&
	       a->device_minor == b->device_minor &&
	       bytes_equal(a->content, a->content_size, b->content, b->content_size) &&
	       bytes_equal(a->target, a->target_size, b->target, b->target_size);
}

static bool same_attributes(const struct tree_entry *a, const struct tree_entry *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	       a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns &&
	       bytes_equal(a->xattrs, a->xattrs_size, b->xattrs, b->xattrs_size);
}

static int show(struct comparison *c, int side, const struct tree_entry *e,
	const struct sherd_entry **ret, struct sherd_error *err)
{
	struct shown *shown = &c->sides[side].shown;

	*ret = e ? &shown->entry : NULL;
	return e ? shown_set(shown, (const char *)c->path.data, e, err) : 0;
}

static int tell(struct comparison *c, enum sherd_change change, const struct tree_entry *a,
	const struct tree_entry *b, struct sherd_error *err)
{
	const struct tree_entry *e = a ? a : b;
	const struct sherd_entry *before, *after;
	size_t end = c->path.size;
	int r;

	bytes_add(&c->path, e->name, e->name_size);
	if (!e->name_size && end > 1) /* the path itself: no slash behind it */
		c->path.data[end - 1] = '\0';
	bytes_u8(&c->path, 0);
	if (c->path.failed)
		return err_nomem(err);
	c->path.size = end;
	r = show(c, BEFORE, a, &before, err);
	if (!r)
		r = show(c, AFTER, b, &after, err);
	if (!r) {
		r = c->told(c->context, change, before, after);
		if (r)
			err_set(err, r, "stopped by a callback");
	}
	if (!e->name_size && end > 1)
		c->path.data[end - 1] = '/';
	return r;
}

/* --- folders --- */

static bool grow(struct comparison *c)
{
	size_t room = c->room ? c->room * 2 : 16;
	struct pair *pairs;

	if (c->depth < c->room)
		return true;
	pairs = mem_array(room, sizeof(*pairs));
	if (!pairs)
		return false;
	if (c->depth)
		memcpy(pairs, c->pairs, c->depth * sizeof(*pairs));
	mem_free(c->pairs);
	c->pairs = pairs;
	c->room = room;
	return true;
}

static void note_lost(struct comparison *c, int code, const struct sherd_error *why)
{
	if (c->lost)
		return;
	c->lost = code == SHERD_QUORUM ? code : SHERD_LOST;
	c->first = *why;
	c->first.code = c->lost;
	bytes_u8(&c->path, 0);
	if (c->path.failed)
		return;
	c->path.size--;
	err_wrap(&c->first, c->lost, "a part of '%s'", (const char *)c->path.data);
}

static void go_up(struct comparison *c)
{
	struct pair *p = &c->pairs[--c->depth];

	for (int side = 0; side < SIDES; side++) {
		bytes_release(&p->kept[side]);
		if (p->is[side])
			descent_pop(&c->sides[side].descent);
	}
	c->path.size = p->path_end;
}

/* Go down into the folders ${a} and ${b}, either of which may be NULL. */
static int go_down(struct comparison *c, const struct tree_entry *a, const struct tree_entry *b,
	struct sherd_error *err)
{
	const struct tree_entry *entries[SIDES] = {a, b};
	struct sherd_error why;
	struct pair *p;
	int r = 0;

	if (!grow(c))
		return err_nomem(err);
	p = &c->pairs[c->depth++];
	*p = (struct pair){.path_end = c->path.size};
	bytes_add(&c->path, (a ? a : b)->name, (a ? a : b)->name_size);
	if ((a ? a : b)->name_size)
		bytes_u8(&c->path, '/');
	if (c->path.failed)
		return err_nomem(err);
	for (int side = 0; side < SIDES && !r; side++) {
		if (!entries[side])
			continue;
		r = descent_push(&c->sides[side].descent, entries[side]->content,
			entries[side]->content_size, &why);
		p->is[side] = !r;
	}
	if (!r)
		return 0;
	if (!descent_gone(r)) {
		if (err)
			*err = why;
		return r;
	}
	note_lost(c, r, &why);
	go_up(c);
	return 0;
}

/* Before the walk goes down on one side: what waits on the other is copied. */
static int keep_waiting(struct comparison *c, struct sherd_error *err)
{
	struct pair *p = &c->pairs[c->depth - 1];

	for (int side = 0; side < SIDES; side++) {
		if (p->waits[side] && p->entry[side].raw != p->kept[side].data) {
			int r = tree_entry_keep(&p->entry[side], &p->kept[side], err);

			if (r)
				return r;
		}
	}
	return 0;
}

static bool is_folder(const struct tree_entry *e)
{
	return e && e->type == TREE_FOLDER;
}

/* Entries of one name; either may be NULL. They are dealt with: nothing waits for them. */
static int compare(struct comparison *c, const struct tree_entry *a, const struct tree_entry *b,
	struct sherd_error *err)
{
	bool down = is_folder(a) || is_folder(b);
	int r = 0;

	if (!a || !b) {
		r = tell(c, a ? SHERD_CHANGE_REMOVED : SHERD_CHANGE_ADDED, a, b, err);
	} else if (a->type != b->type) {
		r = tell(c, SHERD_CHANGE_TYPE, a, b, err);
	} else {
		bool same = same_content(a, b);

		if (!same && !down)
			r = tell(c, SHERD_CHANGE_CONTENT, a, b, err);
		else if (!same_attributes(a, b))
			r = tell(c, SHERD_CHANGE_META, a, b, err);
		down = down && !same;
	}
	if (r || !down)
		return r;
	r = c->depth ? keep_waiting(c, err) : 0;
	return r ? r : go_down(c, is_folder(a) ? a : NULL, is_folder(b) ? b : NULL, err);
}

/* --- merging --- */

static int name_order(const struct tree_entry *a, const struct tree_entry *b)
{
	size_t least = a->name_size < b->name_size ? a->name_size : b->name_size;
	int order = memcmp(a->name, b->name, least);

	return order ? order : (a->name_size > b->name_size) - (a->name_size < b->name_size);
}

/* Read what is needed to go on: 1; 0: both are at their end; negative. */
static int fill(struct comparison *c, struct pair *p, struct sherd_error *err)
{
	for (int side = 0; side < SIDES; side++) {
		int r;

		if (!p->is[side] || p->waits[side])
			continue;
		r = descent_next(&c->sides[side].descent, &p->entry[side], err);
		if (r < 0)
			return r;
		p->waits[side] = r == 1;
	}
	return p->waits[BEFORE] || p->waits[AFTER];
}

static int step(struct comparison *c, struct sherd_error *err)
{
	struct pair *p = &c->pairs[c->depth - 1];
	struct sherd_error why;
	struct tree_entry a, b;
	bool has_a, has_b;
	int order;
	int r = fill(c, p, &why);

	if (r < 0 && !descent_gone(r)) {
		if (err)
			*err = why;
		return r;
	}
	if (r < 0)
		note_lost(c, r, &why);
	if (r <= 0) {
		go_up(c);
		return 0;
	}
	order = p->waits[BEFORE] && p->waits[AFTER]
			? name_order(&p->entry[BEFORE], &p->entry[AFTER])
		: p->waits[BEFORE] ? -1
				   : 1;
	has_a = order <= 0;
	has_b = order >= 0;
	a = p->entry[BEFORE];
	b = p->entry[AFTER];
	if (has_a)
		p->waits[BEFORE] = false;
	if (has_b)
		p->waits[AFTER] = false;
	return compare(c, has_a ? &a : NULL, has_b ? &b : NULL, err);
}

static int run(struct comparison *c, const struct tree_entry *a, const struct tree_entry *b,
	struct sherd_error *err)
{
	int r = compare(c, a, b, err);

	while (!r && c->depth) {
		r = sherd_cancel_requested(c->cancel) ? err_set(err, SHERD_CANCELLED, "cancelled")
						      : step(c, err);
	}
	while (c->depth)
		go_up(c);
	if (!r && c->lost) {
		r = c->lost;
		if (err)
			*err = c->first;
	}
	return r;
}

/* --- what is compared --- */

/* What stands at the path: 1; 0: nothing; negative. Its name becomes "": the path has it. */
static int find(struct sherd_repo *repo, const struct sherd_snapshot *snapshot, const char *path,
	struct tree_entry *ret, struct bytes *keep, struct sherd_error *err)
{
	const uint8_t *root = NULL;
	size_t size = 0;
	int r;

	repo_snapshot_root(repo, snapshot, &root, &size);
	if (!root)
		return err_set(err, SHERD_INVALID, "no such snapshot");
	r = repo_find_path(repo, root, size, path, ret, keep, err);
	if (r)
		return r == SHERD_NOTFOUND ? 0 : r;
	ret->name = "";
	ret->name_size = 0;
	return 1;
}

int sherd_diff(struct sherd_repo *repo, const struct sherd_snapshot *a,
	const struct sherd_snapshot *b, const char *path, sherd_diff_told *told, void *context,
	struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *plain = repo_plain_path(path ? path : "/");
	const struct sherd_snapshot *snapshots[SIDES] = {a, b};
	struct comparison c = {.told = told, .context = context};
	struct tree_entry entries[SIDES];
	struct bytes keep[SIDES] = {BYTES_INIT, BYTES_INIT};
	int has[SIDES] = {0, 0};
	int r = 0;

	if (!repo || !a || !b || !told)
		return err_set(err, SHERD_INVALID, "nothing to compare");
	if (!plain)
		return err_nomem(err);
	c.cancel = repo_cancel(repo, NULL);
	for (int side = 0; side < SIDES && r >= 0; side++) {
		descent_init(&c.sides[side].descent, repo->store);
		r = find(repo, snapshots[side], plain, &entries[side], &keep[side], err);
		has[side] = r == 1;
	}
	if (r >= 0 && (has[BEFORE] || has[AFTER])) {
		bytes_add(&c.path, plain, strlen(plain));
		bytes_u8(&c.path, '/');
		r = c.path.failed ? err_nomem(err)
				  : run(&c, has[BEFORE] ? &entries[BEFORE] : NULL,
					    has[AFTER] ? &entries[AFTER] : NULL, err);
	} else if (r >= 0) {
		r = err_set(err, SHERD_NOTFOUND, "'%s': not in the snapshots", plain);
	}
	for (int side = 0; side < SIDES; side++) {
		descent_release(&c.sides[side].descent);
		shown_release(&c.sides[side].shown);
		bytes_release(&keep[side]);
	}
	bytes_release(&c.path);
	mem_free(c.pairs);
	return r;
}
