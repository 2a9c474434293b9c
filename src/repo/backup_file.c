/* SPDX-License-Identifier: MIT */
/*
 * backup_file.c - one regular file.
 *
 * It is not read if the parent snapshot has it with the same numbers and all its blobs are sound,
 * nor if it was read under another name. Else it is opened, read, and looked at again: if its size
 * or times are others than before, it is read once more, and if that happens again what was read is
 * saved and marked (TORN).
 *
 * A clock that stamps files moves in steps of some milliseconds. A file that was written within the
 * last step could be written again and keep its times; so such a file is read a moment later, and
 * any change after that has another stamp.
 */
#include "backup.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <base/err.h>

#define STEP_NS UINT64_C(20000000) /* longer than any step of the clock that stamps files */
#define SECOND_NS UINT64_C(1000000000)
#define SPARSE_MIN (32u << 10) /* a file is looked at for holes from this size on */

static bool small(const struct backup *b, const struct source_stat *st)
{
	bool may_have_holes = st->length >= SPARSE_MIN && st->blocks * 512 < st->length;

	return st->length <= b->stream.chunker.min && !may_have_holes;
}

/* --- unchanged --- */

static bool unchanged(const struct source_stat *st, const struct tree_entry *prior)
{
	return prior->type == TREE_FILE && !(prior->flags & TREE_FLAG_TORN) &&
	       prior->ctime_s == st->ctime_s && prior->ctime_ns == st->ctime_ns &&
	       prior->inode == st->inode && prior->length == st->length &&
	       prior->mtime_s == st->mtime_s && prior->mtime_ns == st->mtime_ns &&
	       prior->mode == (st->type_mode & 07777) && prior->uid == st->uid &&
	       prior->gid == st->gid;
}

static bool same_text(const char *a, size_t a_size, const char *b, size_t b_size)
{
	return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

/* What does not come from the file itself: whose name the owner has today, how devices are
 * numbered. */
static bool same_around(const struct tree_entry *e, const struct tree_entry *prior)
{
	return same_text(e->owner, e->owner_size, prior->owner, prior->owner_size) &&
	       same_text(e->group, e->group_size, prior->group, prior->group_size) &&
	       e->has_link == prior->has_link && e->link_device == prior->link_device &&
	       e->link_inode == prior->link_inode && e->links == prior->links;
}

static int add_unchanged(struct backup *b, struct tree_entry *e, const struct tree_entry *prior,
	struct sherd_error *err)
{
	struct folder *f = b->top->folder;

	b->result.files_same++;
	if (same_around(e, prior))
		return backup_folder_add_raw(b, f, prior, err);
	e->content = prior->content;
	e->content_size = prior->content_size;
	e->xattrs = prior->xattrs;
	e->xattrs_size = prior->xattrs_size;
	e->unknown = prior->unknown;
	e->unknown_size = prior->unknown_size;
	return backup_folder_add(b, f, e, NULL, err);
}

/* --- saving --- */

static void count(struct backup *b, const struct tree_entry *e)
{
	b->result.files++;
	b->result.bytes += e->length;
	b->partial = 0;
}

/* An entry whose content is blob ${item} of the batch, now or soon. */
static int add_pending(
	struct backup *b, struct tree_entry *e, uint32_t item, struct sherd_error *err)
{
	struct fix fix = {.folder = b->top->folder, .item = item};
	int r = backup_folder_add_pending(fix.folder, e, &fix.slot, &fix.at, err);

	return r ? r : backup_batch_fix(b, &fix, err);
}

static int remember_pending(struct backup *b, const struct source_stat *st,
	const struct tree_entry *e, uint32_t item, struct sherd_error *err)
{
	struct fix fix = {.item = item};
	int r = backup_links_add(b, st, e->content, e->content_size, &fix.link, err);

	if (r || !fix.link)
		return r;
	fix.link->batch = b->batch.number;
	fix.link->item = item;
	return backup_batch_fix(b, &fix, err);
}

/* ${got} bytes stand in the batch's room. */
static int add_small(struct backup *b, const struct source_stat *st, struct tree_entry *e,
	size_t got, struct sherd_error *err)
{
	static const struct hash not_known;
	bool link = e->has_link && !(e->flags & TREE_FLAG_TORN);
	uint32_t item;
	int r;

	bytes_clear(&b->content);
	if (got == 0)
		content_write_empty(&b->content);
	else
		content_write_one(&b->content, &not_known, got);
	if (b->content.failed)
		return err_nomem(err);
	e->content = b->content.data;
	e->content_size = b->content.size;
	if (got == 0)
		return backup_folder_add(b, b->top->folder, e, NULL, err);
	item = backup_batch_add(b, got);
	r = add_pending(b, e, item, err);
	return r || !link ? r : remember_pending(b, st, e, item, err);
}

static int add_large(struct backup *b, const struct source_stat *st, struct tree_entry *e,
	struct sherd_error *err)
{
	struct link *link;
	int r;

	e->content = b->content.data;
	e->content_size = b->content.size;
	r = backup_folder_add(b, b->top->folder, e, NULL, err);
	if (r || !e->has_link || (e->flags & TREE_FLAG_TORN))
		return r;
	return backup_links_add(b, st, e->content, e->content_size, &link, err);
}

static int add_linked(
	struct backup *b, const struct link *link, struct tree_entry *e, struct sherd_error *err)
{
	e->content = link->content;
	e->content_size = link->content_size;
	if (link->batch) {
		assert(link->batch == b->batch.number);
		return add_pending(b, e, link->item, err);
	}
	return backup_folder_add(b, b->top->folder, e, NULL, err);
}

/* --- reading --- */

struct reading {
	int fd;
	struct source_stat st; /* before */
	bool is_small, torn;
	uint64_t got;
	int failed; /* errno */
};

static void wait_for_clock(struct backup *b, const struct source_stat *st)
{
	uint64_t now = b->env->clock_real_ns(b->env->context);
	uint64_t changed = (uint64_t)st->ctime_s * SECOND_NS + st->ctime_ns;

	if (now >= changed && now - changed < STEP_NS)
		b->env->sleep_ns(b->env->context, STEP_NS - (now - changed));
}

static int read_small(struct backup *b, struct reading *g, struct sherd_error *err)
{
	uint8_t *room;
	size_t got;
	int r = backup_batch_room(b, (size_t)g->st.length, &room, err);

	if (r)
		return r;
	if (env_pread(b->env, g->fd, room, (size_t)g->st.length, 0, &got) != 0)
		g->failed = errno;
	else
		g->got = got;
	b->result.bytes_read += g->got;
	return 0;
}

static int read_large(struct backup *b, struct reading *g, struct sherd_error *err)
{
	int r = backup_batch_flush(b, err); /* blobs go to packs in the order of the tree */

	return r ? r : backup_stream_file(b, g->fd, &g->st, &b->content, &g->got, &g->failed, err);
}

static int read_once(struct backup *b, struct reading *g, struct sherd_error *err)
{
	wait_for_clock(b, &g->st);
	g->is_small = small(b, &g->st);
	g->got = 0;
	b->partial = 0;
	return g->is_small ? read_small(b, g, err) : read_large(b, g, err);
}

/* Read until it did not change meanwhile, twice at most. */
static int read_whole(struct backup *b, struct reading *g, struct sherd_error *err)
{
	for (int try = 0; try < 2; try++) {
		struct source_stat after;
		int r;

		r = read_once(b, g, err);
		if (r)
			return r;
		if (source_stat(b->env, g->fd, "", &after) != 0)
			g->failed = g->failed ? g->failed : EIO;
		else if (!S_ISREG(after.type_mode))
			g->failed = ENOENT; /* another thing has the name now */
		if (g->failed)
			return 0;
		if (source_same(&g->st, &after))
			return 0;
		g->torn = try == 1;
		if (!g->torn)
			g->st = after;
	}
	return 0;
}

static int save(struct backup *b, const char *name, struct reading *g, struct sherd_error *err)
{
	struct tree_entry e = {.name = name, .name_size = strlen(name)};
	int r;

	source_fill(&g->st, &e);
	e.length = g->got;
	e.flags = g->torn ? TREE_FLAG_TORN : 0;
	backup_owners(b, &e);
	r = backup_xattrs(b, g->fd, name, &e, err);
	if (r == 0 && g->torn) {
		b->result.files_torn++;
		r = backup_note(b, SHERD_NOTE_CHANGED, name, NULL, err);
	}
	if (r)
		return r;
	count(b, &e);
	return g->is_small ? add_small(b, &g->st, &e, (size_t)g->got, err)
			   : add_large(b, &g->st, &e, err);
}

static int read_file(struct backup *b, const char *name, const struct source_stat *st, bool known,
	struct sherd_error *err)
{
	struct reading g = {.st = *st};
	bool quiet = b->user == 0 || b->user == st->uid;
	int failed = source_open(b->env, b->top->fd, name, SOURCE_FILE, quiet, &g.fd);
	int r;

	if (failed)
		return backup_lost(b, name, failed, err);
	r = read_whole(b, &g, err);
	if (r == 0)
		r = g.failed ? backup_lost(b, name, g.failed, err) : save(b, name, &g, err);
	env_close(b->env, g.fd);
	if (r == 0 && !g.failed) {
		b->result.files_new += !known;
		b->result.files_changed += known;
	}
	return r;
}

int backup_file(struct backup *b, const char *name, const struct source_stat *st,
	const struct tree_entry *prior, struct sherd_error *err)
{
	struct tree_entry e = {.name = name, .name_size = strlen(name)};
	bool known = prior && prior->type == TREE_FILE;
	struct link *link = st->links > 1 ? backup_links_find(&b->links, st) : NULL;
	int r;

	if (b->options->exclude_larger_than && st->length > b->options->exclude_larger_than) {
		b->top->folder->same = false;
		return 0;
	}
	source_fill(st, &e);
	backup_owners(b, &e);
	if (known && !b->options->force_read && unchanged(st, prior) &&
		content_sound(b->store, prior->content, prior->content_size)) {
		count(b, &e);
		r = add_unchanged(b, &e, prior, err);
		return r ? r : backup_tell(b, name, 0, err);
	}
	if (!link) {
		r = read_file(b, name, st, known, err);
		return r ? r : backup_tell(b, name, 0, err);
	}
	r = backup_xattrs(b, -1, name, &e, err);
	if (r)
		return r;
	count(b, &e);
	b->result.files_new += !known;
	b->result.files_changed += known;
	return add_linked(b, link, &e, err);
}
