/* SPDX-License-Identifier: MIT */
/*
 * restore_folder.c - folders: made or found when the walk comes to them, finished when all that is
 * in them is there.
 *
 * Descriptors are bounded: of the folders that the walk is in, only the lowest are open; one that
 * was closed is opened again from the folder below it, by "..", and must be the one it was. Those
 * that were left and are not finished stand in a short queue.
 */
#include <repo/restore.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

#define MODE_OPEN 0700            /* what a folder of ours must allow us while we work in it */
#define KEPT_LINKS_MAX (1u << 20) /* bytes of symbolic links kept for the end of a folder */

/* --- life --- */

static struct folder *folder_new(const char *name, size_t name_size)
{
	struct folder *f = mem_array(1, sizeof(*f));

	if (!f)
		return NULL;
	f->fd = -1;
	f->name = mem_array(name_size + 1, 1);
	if (!f->name) {
		mem_free(f);
		return NULL;
	}
	if (name_size)
		memcpy(f->name, name, name_size);
	return f;
}

static void drop_links(struct folder *f)
{
	for (size_t at = 0; at < f->links.size; at += sizeof(struct kept_entry *)) {
		struct kept_entry *kept;

		memcpy(&kept, f->links.data + at, sizeof(kept));
		mem_free(kept);
	}
	bytes_release(&f->links);
	f->links_size = 0;
}

void restore_folder_free(struct restore *r, struct folder *f)
{
	drop_links(f);
	if (f->owned_fd)
		env_close(r->env, f->fd);
	target_names_release(&f->names);
	mem_free(f->kept);
	mem_free(f->name);
	mem_free(f);
}

static bool chain_grow(struct restore *r)
{
	size_t room = r->chain_room ? r->chain_room * 2 : 64;
	struct folder **chain;

	if (r->depth < r->chain_room)
		return true;
	chain = mem_array(room, sizeof(struct folder *));
	if (!chain)
		return false;
	if (r->depth)
		memcpy(chain, r->chain, r->depth * sizeof(struct folder *));
	mem_free(r->chain);
	r->chain = chain;
	r->chain_room = room;
	return true;
}

static int push(struct restore *r, struct folder *f)
{
	size_t before = r->path.size;

	bytes_add(&r->path, f->name, strlen(f->name));
	bytes_u8(&r->path, '/');
	if (r->path.failed || !chain_grow(r)) {
		r->path.size = before;
		restore_folder_free(r, f);
		return SHERD_NOMEM;
	}
	f->depth = r->depth;
	f->around = r->depth ? r->chain[r->depth - 1] : NULL;
	r->chain[r->depth++] = f;
	return 0;
}

int restore_folder_enter(struct restore *r, const struct tree_entry *e, bool leading)
{
	struct tree_entry without = *e;
	struct folder *f = folder_new(e->name, e->name_size);

	if (!f)
		return SHERD_NOMEM;
	without.content = NULL;
	without.content_size = 0;
	f->kept = restore_keep(&without);
	f->leading = leading;
	if (f->kept)
		return push(r, f);
	restore_folder_free(r, f);
	return SHERD_NOMEM;
}

/* --- waiting for files --- */

static void wait_for_files(struct restore *r, struct folder *f)
{
	bool pending;

	pthread_mutex_lock(&r->lock);
	pending = f->pending != 0;
	pthread_mutex_unlock(&r->lock);
	if (!pending)
		return;
	restore_batch_flush(r);
	pthread_mutex_lock(&r->lock);
	while (f->pending)
		pthread_cond_wait(&r->settled, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

/* --- coming to a folder --- */

static void blocked(struct restore *r, struct folder *f, int os_errno, const char *what)
{
	int code = err_system(&r->walker->error, os_errno, "cannot %s the folder", what);

	f->blocked = true;
	restore_failed(r, r->walker, f, "", code, true);
}

static void stays(struct restore *r, struct folder *f)
{
	f->blocked = true;
	restore_taken(r, r->walker, f, "");
}

static bool times_equal(const struct tree_entry *e, const struct stat *there)
{
	return e->mtime_s == there->st_mtim.tv_sec &&
	       e->mtime_ns == (uint64_t)there->st_mtim.tv_nsec;
}

/* It was there: whether it gets the attributes it had. */
static void judge(struct restore *r, struct folder *f, const struct stat *there)
{
	const struct tree_entry *e = &f->kept->entry;
	enum sherd_overwrite overwrite = r->options->overwrite;

	f->keep = f->leading || overwrite == SHERD_OVERWRITE_NEVER ||
		  (overwrite == SHERD_OVERWRITE_NEWER && !restore_newer(e, there));
	f->same = times_equal(e, there) &&
		  (there->st_mode & 07777) == target_mode(&r->target, e, there->st_gid) &&
		  (!r->target.owners || (there->st_uid == e->uid && there->st_gid == e->gid));
}

/* The names in a folder that was there. False: the work is over. */
static bool read_names(struct restore *r, struct folder *f)
{
	int code = target_names_read(&r->target, f->fd, &f->names, &r->walker->error);

	if (code == SHERD_NOMEM) {
		restore_stop(r, code, &r->walker->error);
		return false;
	}
	/* It may be entered and not read. */
	f->unlisted = code != 0;
	return true;
}

static void found(struct restore *r, struct folder *f, int fd, const struct stat *there)
{
	f->fd = fd;
	f->owned_fd = true;
	f->device = there->st_dev;
	f->inode = there->st_ino;
	judge(r, f, there);
	if (!read_names(r, f))
		f->blocked = true;
	f->inherits = target_folder_inherits(&r->target, fd);
	if (!f->keep && !r->options->dry_run && (there->st_mode & MODE_OPEN) != MODE_OPEN)
		(void)r->env->files->fchmod(
			r->env->context, fd, (there->st_mode & 07777) | MODE_OPEN);
}

/* Something that is no folder stands there: 0 if it is gone now. */
static int clear_the_way(struct restore *r, struct folder *f)
{
	enum sherd_overwrite overwrite = r->options->overwrite;
	struct stat there;
	int error = target_stat(&r->target, f->around->fd, f->name, &there);

	if (error)
		return error == ENOENT ? 0 : error;
	if (S_ISDIR(there.st_mode) || overwrite == SHERD_OVERWRITE_NEVER ||
		(overwrite == SHERD_OVERWRITE_NEWER && !restore_newer(&f->kept->entry, &there)))
		return EEXIST;
	if (r->options->dry_run)
		return 0;
	return r->env->files->unlinkat(r->env->context, f->around->fd, f->name, 0) == 0 ? 0 : errno;
}

static void make(struct restore *r, struct folder *f)
{
	struct stat there;
	int error;

	if (r->options->dry_run) {
		f->absent = true;
		return;
	}
	error = target_folder_make(
		&r->target, f->around->fd, f->name, f->around->inherits, &f->fd, &there);
	if (error == EEXIST) {
		stays(r, f);
	} else if (error) {
		blocked(r, f, error, "make");
	} else {
		f->made = true;
		f->owned_fd = true;
		f->device = there.st_dev;
		f->inode = there.st_ino;
	}
}

static void come_to(struct restore *r, struct folder *f)
{
	struct folder *around = f->around;
	struct stat there;
	int error, fd;

	if (around->absent || (!around->unlisted && !target_names_find(&around->names, f->name))) {
		make(r, f);
		return;
	}
	error = target_folder_open(&r->target, around->fd, f->name, &fd, &there);
	if (!error) {
		found(r, f, fd, &there);
		return;
	}
	if (error == ENOTDIR || error == ELOOP)
		error = clear_the_way(r, f);
	else if (error == ENOENT)
		error = 0;
	if (error == EEXIST)
		stays(r, f);
	else if (error)
		blocked(r, f, error, "open");
	else
		make(r, f);
}

/* The descriptor of the folder RESTORE_FOLDERS_OPEN above, which is not needed for a while. */
static void close_above(struct restore *r, const struct folder *f)
{
	struct folder *above;

	if (f->depth < RESTORE_FOLDERS_OPEN)
		return;
	above = r->chain[f->depth - RESTORE_FOLDERS_OPEN];
	if (!above->owned_fd || above->fd < 0)
		return;
	wait_for_files(r, above);
	env_close(r->env, above->fd);
	above->fd = -1;
}

bool restore_folder_ready(struct restore *r)
{
	struct folder *f = r->chain[r->depth - 1];

	if (f->ready)
		return !f->blocked;
	f->below = NULL;
	while (!f->around->ready) {
		f->around->below = f;
		f = f->around;
	}
	for (; f; f = f->below) {
		f->ready = true;
		if (f->around->blocked)
			f->blocked = true;
		else
			come_to(r, f);
		close_above(r, f);
	}
	return !r->chain[r->depth - 1]->blocked;
}

int restore_folder_first(struct restore *r, const char *path)
{
	struct folder *f = folder_new(path, strlen(path));
	struct stat there;

	if (!f)
		return SHERD_NOMEM;
	f->ready = true;
	f->fd = r->target.root;
	f->made = r->target.root_made;
	f->absent = f->fd < 0;
	f->leading = f->keep = !f->made;
	f->taken = !r->includes;
	if (f->absent || f->made)
		return push(r, f);
	if (!read_names(r, f)) {
		restore_folder_free(r, f);
		return SHERD_NOMEM;
	}
	f->inherits = target_folder_inherits(&r->target, f->fd);
	if (r->env->files->fstat(r->env->context, f->fd, &there) == 0) {
		f->device = there.st_dev;
		f->inode = there.st_ino;
	}
	return push(r, f);
}

/* --- finishing --- */

static void make_links(struct restore *r, struct folder *f)
{
	for (size_t at = 0; at < f->links.size; at += sizeof(struct kept_entry *)) {
		struct kept_entry *kept;

		memcpy(&kept, f->links.data + at, sizeof(kept));
		if (!restore_going(r))
			break;
		if (kept->entry.has_link)
			restore_linked(r, f, &kept->entry);
		else
			restore_special(r, r->walker, f, &kept->entry);
	}
	drop_links(f);
}

int restore_folder_keep_link(struct restore *r, struct folder *f, const struct tree_entry *e)
{
	struct kept_entry *kept = restore_keep(e);

	if (kept)
		bytes_add(&f->links, &kept, sizeof(kept));
	if (!kept || f->links.failed) {
		mem_free(kept);
		return SHERD_NOMEM;
	}
	f->links_size += sizeof(*kept) + e->name_size + e->target_size + e->xattrs_size;
	if (f->links_size < KEPT_LINKS_MAX)
		return 0;
	wait_for_files(r, f);
	make_links(r, f);
	return 0;
}

static bool is_spared(struct restore *r, const struct folder *f, const char *name)
{
	CLEANUP(mem_free_at) char *path = NULL;
	struct stat there;

	if (!r->excludes)
		return false;
	path = restore_path(f, name);
	if (!path || target_stat(&r->target, f->fd, name, &there) != 0)
		return true;
	return patterns_ask(r->excludes, path, S_ISDIR(there.st_mode)) == PATTERN_MATCH;
}

/* What the snapshot has not. Not where that is unknown, or where only the way leads through. */
static void delete_extra(struct restore *r, struct folder *f)
{
	if (!r->options->delete_extra || f->gaps || f->leading || f->made)
		return;
	for (size_t i = 0; i < f->names.count && restore_going(r); i++) {
		const char *name = f->names.names[i];
		int error = 0;

		if (f->names.seen[i] || is_spared(r, f, name))
			continue;
		if (!r->options->dry_run)
			error = target_delete(&r->target, f->fd, name, r->cancel);
		if (error == ENOENT || error == ECANCELED)
			continue;
		if (error) {
			int code = err_system(&r->walker->error, error, "cannot remove it");

			restore_failed(r, r->walker, f, name, code, true);
			continue;
		}
		r->walker->tally.deleted++;
		restore_note(r, SHERD_NOTE_DELETED, f, name, NULL);
	}
}

static void set_attributes(struct restore *r, struct folder *f)
{
	struct restorer *w = r->walker;
	bool inherits = f->around && f->around->inherits;

	if (!f->kept || (f->keep && !f->made) || r->options->dry_run)
		return;
	restore_attribute(r, w, f, "",
		target_attributes(
			&r->target, f->fd, &f->kept->entry, inherits && !f->made, &w->error));
}

static void count(struct restore *r, const struct folder *f)
{
	struct sherd_restore_result *tally = &r->walker->tally;

	if (!f->kept)
		return;
	if (f->made || f->absent)
		tally->folders++;
	else if (f->same || (f->keep && !f->leading))
		tally->same++;
	else if (!f->leading)
		tally->folders++;
}

/* The folder that was left first. */
static void finish_one(struct restore *r)
{
	struct folder *f = r->left[r->left_first];

	wait_for_files(r, f);
	if (f->ready && !f->blocked && restore_going(r)) {
		make_links(r, f);
		if (!f->absent) {
			delete_extra(r, f);
			set_attributes(r, f);
		}
		count(r, f);
	}
	restore_folder_free(r, f);
	r->left_first = (r->left_first + 1) % RESTORE_LEFT_MAX;
	r->left_count--;
}

void restore_folder_finish_all(struct restore *r)
{
	while (r->left_count)
		finish_one(r);
}

/* The folder around ${f} was closed for a while and is needed again. */
static void open_around(struct restore *r, struct folder *f)
{
	struct folder *around = f->around;
	int error;

	if (!around || !around->owned_fd || around->fd >= 0 || around->blocked)
		return;
	error = f->fd < 0 ? EBADF
			  : target_folder_up(
				    &r->target, f->fd, around->device, around->inode, &around->fd);
	if (error)
		blocked(r, around, error, "return to");
}

void restore_folder_leave(struct restore *r)
{
	struct folder *f = r->chain[--r->depth];

	r->path.size -= strlen(f->name) + 1;
	open_around(r, f);
	if (r->left_count == RESTORE_LEFT_MAX)
		finish_one(r);
	r->left[(r->left_first + r->left_count++) % RESTORE_LEFT_MAX] = f;
}
