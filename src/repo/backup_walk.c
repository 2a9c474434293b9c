/* SPDX-License-Identifier: MIT */
/*
 * backup_walk.c - through the source tree, depth first, in the order of names, which is that of the
 * trees in snapshots: so the parent snapshot is read beside it like the other half of a merge.
 *
 * Open folders are a list of frames, not a recursion. Each keeps its descriptor, but those between
 * the outermost and the innermost FDS_KEPT: on the way back they are opened again from above, by
 * name, and must be the same folders as before. A folder is never opened by its path: what is
 * renamed or linked meanwhile leads nowhere else.
 */
#include "backup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <base/alloc.h>
#include <base/err.h>

#define FDS_KEPT 100 /* descriptors of outermost folders, and as many of innermost ones */
#define TAG_NAME "CACHEDIR.TAG"
#define TAG_TEXT "Signature: 8a477f597d28d172789f06886806bc55"

/* --- attributes --- */

void backup_owners(struct backup *b, struct tree_entry *e)
{
	e->owner = source_owner(b->owners, false, e->uid, &e->owner_size);
	e->group = source_owner(b->owners, true, e->gid, &e->group_size);
}

int backup_xattrs(
	struct backup *b, int fd, const char *name, struct tree_entry *e, struct sherd_error *err)
{
	struct sherd_error why;
	int failed;

	if (b->options->no_xattrs)
		return 0;
	failed = source_xattrs(b->env, fd, b->top ? b->top->fd : -1, name, &b->xattrs);
	if (failed == ENOMEM)
		return err_nomem(err);
	if (b->xattrs.size) {
		e->xattrs = b->xattrs.data;
		e->xattrs_size = b->xattrs.size;
	}
	if (!failed)
		return 0;
	b->incomplete = true;
	err_system(&why, failed, "an extended attribute cannot be read");
	return backup_note(b, SHERD_NOTE_UNREADABLE, name, &why, err);
}

/* --- frames --- */

static void frame_free(struct backup *b, struct frame *f)
{
	env_close(b->env, f->fd);
	source_names_release(&f->names);
	tree_reader_free(f->prior);
	mem_free(f);
}

static void close_in_between(struct backup *b, const struct frame *top)
{
	struct frame *f = b->top;

	if (top->depth < 2 * FDS_KEPT)
		return;
	while (f && f->depth > top->depth - FDS_KEPT)
		f = f->up;
	if (f && f->depth >= FDS_KEPT) {
		env_close(b->env, f->fd);
		f->fd = -1;
	}
}

static void push(struct backup *b, struct frame *f)
{
	f->up = b->top;
	f->depth = b->top ? b->top->depth + 1 : 0;
	close_in_between(b, f);
	if (f->up) {
		f->up->down = f;
		bytes_u8(&b->path, '/');
		bytes_add(&b->path, f->folder->own.name, f->folder->own.name_size);
	}
	f->path_size = b->path.size;
	b->top = f;
}

static void pop(struct backup *b)
{
	struct frame *f = b->top;

	b->top = f->up;
	if (b->top)
		b->top->down = NULL;
	frame_free(b, f);
	backup_path_end(b);
}

/* Open a frame's folder again, from the one it is in: 0, or an errno. */
static int reopen_one(struct backup *b, struct frame *f)
{
	char name[TREE_NAME_MAX + 1];
	struct source_stat st;
	int failed;

	memcpy(name, f->folder->own.name, f->folder->own.name_size);
	name[f->folder->own.name_size] = '\0';
	failed = source_open(b->env, f->up->fd, name, f->kind, false, &f->fd);
	if (failed)
		return failed;
	failed = source_stat(b->env, f->fd, "", &st);
	if (!failed && (st.device != f->device || st.inode != f->inode))
		failed = ENOENT;
	if (failed) {
		env_close(b->env, f->fd);
		f->fd = -1;
	}
	return failed;
}

static int reopen(struct backup *b, struct frame *top)
{
	struct frame *f = top;
	int failed = 0;

	while (f->fd < 0)
		f = f->up; /* the outermost are never closed */
	while (f != top && !failed) {
		failed = reopen_one(b, f->down);
		if (f->depth >= FDS_KEPT && f->depth + FDS_KEPT < top->depth) {
			env_close(b->env, f->fd);
			f->fd = -1;
		}
		f = f->down;
	}
	return failed;
}

/* --- the parent snapshot --- */

/* The next entry of the parent's folder, into prior_entry. One that cannot be read ends the
 * comparison, and what follows is saved anew. */
static int next_prior(struct backup *b, struct frame *f, struct sherd_error *err)
{
	struct sherd_error why;
	int r = tree_reader_next(f->prior, &f->prior_entry, &why);

	f->prior_there = r == 1;
	if (r == 1)
		return 0;
	tree_reader_free(f->prior);
	f->prior = NULL;
	if (r == 0)
		return 0;
	f->folder->same = false;
	if (r == SHERD_CANCELLED || r == SHERD_NOMEM) {
		(void)b;
		return err_set(err, r, "%s", why.message);
	}
	return 0;
}

static int prior_order(const struct frame *f, const char *name)
{
	return tree_name_compare(f->prior_entry.name, f->prior_entry.name_size, name, strlen(name));
}

/* What the parent has under that name: *ret, or NULL. Names it has before that are gone. */
static int find_prior(struct backup *b, struct frame *f, const char *name,
	const struct tree_entry **ret, struct sherd_error *err)
{
	*ret = NULL;
	while (f->prior) {
		int order = f->prior_there ? prior_order(f, name) : -1;
		int r;

		if (order == 0) {
			f->prior_there = false; /* its bytes stay until the next is asked for */
			*ret = &f->prior_entry;
			return 0;
		}
		if (order > 0)
			break;
		if (f->prior_there)
			f->folder->same = false;
		r = next_prior(b, f, err);
		if (r)
			return r;
	}
	return 0;
}

static int begin_prior(struct backup *b, struct frame *f, const uint8_t *content, size_t size,
	struct sherd_error *err)
{
	int r = size ? tree_reader_new(b->store, content, size, &f->prior, err) : 0;

	return r == SHERD_CORRUPT ? 0 : r;
}

/* --- entering a folder --- */

static bool has_tag(struct backup *b, int folder)
{
	char text[sizeof(TAG_TEXT) - 1];
	size_t got = 0;
	int fd;

	if (source_open(b->env, folder, TAG_NAME, SOURCE_FILE, false, &fd) != 0)
		return false;
	if (env_pread(b->env, fd, text, sizeof(text), 0, &got) != 0)
		got = 0;
	env_close(b->env, fd);
	return got == sizeof(text) && memcmp(text, TAG_TEXT, got) == 0;
}

static bool contents_excluded(struct backup *b, const struct frame *f)
{
	const struct sherd_backup_options *o = b->options;

	if (o->exclude_caches && source_names_have(&f->names, TAG_NAME) && has_tag(b, f->fd))
		return true;
	for (size_t i = 0; i < o->exclude_if_present_count; i++)
		if (source_names_have(&f->names, o->exclude_if_present[i]))
			return true;
	return false;
}

static bool is_place(const struct backup *b, const struct frame *f)
{
	for (size_t i = 0; i < b->place_count; i++)
		if (b->places[i].device == f->device && b->places[i].inode == f->inode)
			return true;
	return false;
}

static int names_of_wanted(struct frame *f, struct sherd_error *err)
{
	for (size_t i = 0; i < f->wanted->count; i++)
		if (source_names_add(&f->names, f->wanted->children[i].name))
			return err_nomem(err);
	return 0;
}

/* Which names are to be looked at; none where the contents are left out. */
static int read_names(struct backup *b, struct frame *f, struct sherd_error *err)
{
	struct sherd_error why;
	int failed;

	if (f->wanted)
		return names_of_wanted(f, err);
	if (b->options->one_file_system && f->device != f->device_begun)
		return 0;
	if (is_place(b, f)) {
		err_set(&why, SHERD_EXISTS, "it is a place of this pool and is left out");
		return backup_note(b, SHERD_NOTE_UNREADABLE, "", &why, err);
	}
	failed = source_names_read(b->env, f->fd, b->dents, &f->names);
	if (failed) {
		f->names.count = 0;
		f->folder->same = false;
		return backup_lost(b, "", failed, err);
	}
	if (contents_excluded(b, f))
		f->names.count = 0;
	return 0;
}

/* The folder as an entry, its attributes read. */
static int describe(struct backup *b, const char *name, const struct source_stat *st, int fd,
	struct tree_entry *e, struct sherd_error *err)
{
	*e = (struct tree_entry){.name = name, .name_size = strlen(name)};
	source_fill(st, e);
	if (!*name)
		return 0; /* nothing of the root is saved */
	b->result.folders++;
	backup_owners(b, e);
	return backup_xattrs(b, fd, name, e, err);
}

static int begin_folder(struct backup *b, struct frame *f, const struct source_stat *st,
	const char *name, const struct tree_entry *prior, struct sherd_error *err)
{
	const struct tree_entry *had = prior && prior->type == TREE_FOLDER ? prior : NULL;
	struct tree_entry own;
	int r = describe(b, name, st, f->fd, &own, err);

	if (r == 0)
		r = begin_prior(b, f, had ? had->content : NULL, had ? had->content_size : 0, err);
	if (r == 0)
		r = backup_folder_new(
			b, b->top ? b->top->folder : NULL, &own, had, &f->folder, err);
	if (r == 0 && b->top)
		r = backup_folder_enter(f->folder, err);
	if (r)
		frame_free(b, f);
	return r;
}

/* Open a folder and make it the present one. *ret_failed: errno of the open, and nothing is done.
 */
static int enter(struct backup *b, const char *name, enum source_kind kind,
	const struct wanted *wanted, const struct tree_entry *prior, int *ret_failed,
	struct sherd_error *err)
{
	struct frame *f = mem_array(1, sizeof(*f));
	struct source_stat st;
	int r;

	if (!f)
		return err_nomem(err);
	f->fd = -1;
	f->kind = kind;
	*ret_failed = source_open(b->env, b->top ? b->top->fd : AT_FDCWD, b->top ? name : "/", kind,
		b->user == 0, &f->fd);
	if (!*ret_failed)
		*ret_failed = source_stat(b->env, f->fd, "", &st);
	if (*ret_failed) {
		frame_free(b, f);
		return 0;
	}
	f->device = st.device;
	f->inode = st.inode;
	f->device_begun = b->top && !b->top->wanted ? b->top->device_begun : st.device;
	f->wanted = wanted && !wanted->whole ? wanted : NULL;
	r = begin_folder(b, f, &st, name, prior, err);
	if (r)
		return r;
	push(b, f);
	r = b->path.failed ? err_nomem(err) : 0;
	return r ? r : read_names(b, f, err);
}

/* A folder that cannot be opened is there, and empty. */
static int add_closed(struct backup *b, const char *name, const struct source_stat *st, int failed,
	struct sherd_error *err)
{
	struct tree_entry e = {.name = name, .name_size = strlen(name)};
	int r = backup_lost(b, name, failed, err);

	if (r || failed == ENOENT || failed == ENOTDIR || failed == ELOOP)
		return r;
	source_fill(st, &e);
	backup_owners(b, &e);
	bytes_clear(&b->content);
	content_write_empty(&b->content);
	if (b->content.failed)
		return err_nomem(err);
	e.content = b->content.data;
	e.content_size = b->content.size;
	b->result.folders++;
	return backup_folder_add(b, b->top->folder, &e, NULL, err);
}

static int leave(struct backup *b, struct sherd_error *err)
{
	struct frame *f = b->top;
	struct folder *folder = f->folder;
	int r = 0;

	if (f->prior && !f->prior_there)
		r = next_prior(b, f, err);
	if (r)
		return r;
	if (f->prior_there)
		folder->same = false; /* names that are gone */
	folder->walked = true;
	pop(b);
	return backup_folder_complete(b, folder, err);
}

/* --- each name --- */

static int add_link(struct backup *b, const char *name, struct tree_entry *e,
	const struct tree_entry *prior, struct sherd_error *err)
{
	char target[TREE_TARGET_MAX + 1];
	ssize_t size = b->env->files->readlinkat(
		b->env->context, b->top->fd, name, target, sizeof(target));

	if (size < 0)
		return backup_lost(b, name, errno, err);
	if (size == 0 || size > TREE_TARGET_MAX)
		return backup_lost(b, name, ENAMETOOLONG, err);
	e->target = target;
	e->target_size = (size_t)size;
	b->result.others++;
	return backup_folder_add(b, b->top->folder, e, prior, err);
}

/* What is neither file nor folder. */
static int add_other(struct backup *b, const char *name, const struct source_stat *st,
	const struct tree_entry *prior, struct sherd_error *err)
{
	struct tree_entry e = {.name = name, .name_size = strlen(name)};
	int r;

	source_fill(st, &e);
	if (!e.type)
		return backup_lost(b, name, EOPNOTSUPP, err);
	backup_owners(b, &e);
	r = backup_xattrs(b, -1, name, &e, err);
	if (r)
		return r;
	if (e.type == TREE_SYMLINK)
		return add_link(b, name, &e, prior, err);
	b->result.others++;
	return backup_folder_add(b, b->top->folder, &e, prior, err);
}

static int excluded(
	struct backup *b, const char *name, bool folder, bool *ret, struct sherd_error *err)
{
	const char *path;

	*ret = false;
	if (!b->patterns || b->top->wanted)
		return 0;
	path = backup_path(b, name);
	if (path)
		*ret = patterns_ask(b->patterns, path, folder) == PATTERN_MATCH;
	backup_path_end(b);
	return path ? 0 : err_nomem(err);
}

static int visit_folder(struct backup *b, const char *name, const struct source_stat *st,
	const struct wanted *wanted, const struct tree_entry *prior, struct sherd_error *err)
{
	bool follow = wanted && (!wanted->whole || wanted->followed);
	int failed = 0;
	int r = enter(b, name, follow ? SOURCE_FOLDER_FOLLOWED : SOURCE_FOLDER, wanted, prior,
		&failed, err);

	if (r || !failed)
		return r;
	if (S_ISDIR(st->type_mode))
		return add_closed(b, name, st, failed, err);
	if (wanted->whole)
		return add_other(b, name, st, prior, err); /* a link to something else */
	return backup_lost(b, name, failed, err);
}

static int visit(
	struct backup *b, const char *name, const struct wanted *wanted, struct sherd_error *err)
{
	const struct tree_entry *prior;
	struct source_stat st;
	bool out, folder, link;
	int failed = source_stat(b->env, b->top->fd, name, &st);
	int r;

	if (failed)
		return backup_lost(b, name, failed, err);
	link = S_ISLNK(st.type_mode) && wanted && (!wanted->whole || wanted->followed);
	folder = S_ISDIR(st.type_mode) || (wanted && !wanted->whole) || link;
	r = excluded(b, name, folder, &out, err);
	if (r || out)
		return r;
	r = find_prior(b, b->top, name, &prior, err);
	if (r)
		return r;
	b->wanted_found += wanted && wanted->whole;
	if (folder)
		return visit_folder(b, name, &st, wanted, prior, err);
	if (S_ISREG(st.type_mode))
		return backup_file(b, name, &st, prior, err);
	return add_other(b, name, &st, prior, err);
}

static int step(struct backup *b, struct sherd_error *err)
{
	struct frame *f = b->top;
	const struct wanted *wanted;
	int r, failed;

	if (f->next == f->names.count)
		return leave(b, err);
	if (f->fd < 0) {
		failed = reopen(b, f);
		if (failed) {
			f->next = f->names.count;
			f->folder->same = false;
			return backup_lost(b, "", failed, err);
		}
	}
	r = backup_tell(b, NULL, 0, err);
	if (r)
		return r;
	wanted = f->wanted ? &f->wanted->children[f->next] : NULL;
	return visit(b, source_names_at(&f->names, f->next++), wanted, err);
}

static void abandon(struct backup *b)
{
	while (b->top)
		pop(b);
	while (b->folders)
		backup_folder_drop(b, b->folders);
}

int backup_walk(struct backup *b, const uint8_t *root, size_t root_size, struct sherd_error *err)
{
	struct tree_entry prior = {
		.type = TREE_FOLDER, .content = root, .content_size = root_size, .name = ""};
	int failed = 0;
	int r = enter(
		b, "", SOURCE_FOLDER_FOLLOWED, &b->paths.root, root ? &prior : NULL, &failed, err);

	if (r == 0 && failed)
		r = err_system(err, failed, "cannot open '/'");
	b->wanted_found += r == 0 && b->paths.root.whole;
	while (r == 0 && b->top)
		r = step(b, err);
	if (r == 0)
		r = backup_batch_flush(b, err);
	assert(r || !b->folders);
	abandon(b);
	return r;
}
