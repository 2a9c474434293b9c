/* SPDX-License-Identifier: MIT */
/*
 * state.c - every file appears by base/newfile: written without a name, synced, moved into place,
 * folder synced. So a crash leaves the old or the new one. What a crash may leave besides are
 * hidden temporary files, which the next process that has the lock removes.
 */
#include "state.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/newfile.h>

#define FOLDER_MODE 0700
#define SECRET_MODE 0600
#define DIRENTS_SIZE 8192
#define DEPTH_MAX 4

/* --- folders --- */

/* What getdents64() gives. */
struct dirent_head {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

typedef int entry_visit(void *context, const char *name);

static int open_folder_at(const struct state *s, const char *name)
{
	return s->env->files->openat(
		s->env->context, s->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0);
}

/* Calls visit() for each entry but "." and ".."; 0, or -1 with errno, or what visit() gave. */
static int each_entry(const struct state *s, int fd, entry_visit *visit, void *context)
{
	_Alignas(8) uint8_t buffer[DIRENTS_SIZE];
	ssize_t got;

	while ((got = s->env->files->getdents(s->env->context, fd, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < got;) {
			const struct dirent_head *entry = (const void *)(buffer + at);
			int r = 0;

			if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
				r = visit(context, entry->name);
			if (r)
				return r;
			at += entry->size;
		}
	}
	return got < 0 ? -1 : 0;
}

static int sync_folder(const struct state *s, const char *name)
{
	int fd = open_folder_at(s, name), r;

	if (fd < 0)
		return -1;
	do
		r = s->env->files->fsync(s->env->context, fd);
	while (r != 0 && errno == EINTR);
	if (r != 0 && errno == EINVAL)
		r = 0;
	env_close(s->env, fd);
	return r;
}

/* Make the folders of records/NAME. */
static int make_folders(const struct state *s, const char *path, struct sherd_error *err)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		CLEANUP(mem_free_at) char *folder = mem_format("%.*s", (int)(slash - path), path);
		CLEANUP(mem_free_at) char *above = NULL;
		const char *last;

		if (!folder)
			return err_nomem(err);
		if (s->env->files->mkdirat(s->env->context, s->fd, folder, FOLDER_MODE) != 0) {
			if (errno == EEXIST)
				continue;
			return err_system(err, errno, "cannot make '%s/%s'", s->path, folder);
		}
		last = strrchr(folder, '/');
		above = last ? mem_format("%.*s", (int)(last - folder), folder) : mem_format(".");
		if (!above)
			return err_nomem(err);
		if (sync_folder(s, above) != 0)
			return err_system(err, errno, "cannot sync '%s/%s'", s->path, above);
	}
	return 0;
}

/* --- files --- */

static int fill_and_publish(struct newfile *f, const struct state *s, const void *data, size_t size,
	bool secret, struct sherd_error *err)
{
	int r;

	if (secret && s->env->files->fchmod(s->env->context, f->fd, SECRET_MODE) != 0)
		return err_system(err, errno, "cannot close '%s' to others", f->path);
	if (env_write(s->env, f->fd, data, size) != 0)
		return err_system(err, errno, "cannot write '%s'", f->path);
	r = newfile_sync(f, err);
	if (!r)
		r = newfile_publish(f, err);
	if (r)
		return r;
	r = newfile_sync_folder(f, err);
	if (r) {
		newfile_revert(f);
		return r;
	}
	/* The new one stands, and is durable: an old one that stays behind does no harm. */
	(void)newfile_settle(f, NULL);
	return 0;
}

int state_write(struct state *s, const char *name, const void *data, size_t size, bool secret,
	struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *path = mem_format("%s/%s", s->path, name);
	struct newfile f;
	int r;

	assert(!s->read_only);
	if (!path)
		return err_nomem(err);
	r = newfile_open(&f, s->env, path, true, err);
	if (!r)
		r = fill_and_publish(&f, s, data, size, secret, err);
	newfile_release(&f);
	return r;
}

int state_read(const struct state *s, const char *name, size_t size_max, uint8_t **ret_data,
	size_t *ret_size, struct sherd_error *err)
{
	CLEANUP(mem_free_at) uint8_t *data = NULL;
	struct stat st;
	int fd = s->env->files->openat(
		s->env->context, s->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	int r = 0;

	if (fd < 0)
		return err_system(err, errno, "cannot open '%s/%s'", s->path, name);
	if (s->env->files->fstat(s->env->context, fd, &st) != 0)
		r = err_system(err, errno, "cannot look at '%s/%s'", s->path, name);
	else if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > size_max)
		r = err_set(err, SHERD_CORRUPT, "'%s/%s' is no file of ours", s->path, name);
	else if (!(data = mem_array((size_t)st.st_size + 1, 1)))
		r = err_nomem(err);
	else if (env_pread(s->env, fd, data, (size_t)st.st_size, 0, ret_size) != 0)
		r = err_system(err, errno, "cannot read '%s/%s'", s->path, name);
	env_close(s->env, fd);
	if (!r)
		*ret_data = TAKE(data);
	return r;
}

int state_put_record(
	struct state *s, const char *name, const struct record_file *file, struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *path = mem_format(STATE_RECORDS "/%s", name);
	int r;

	if (!path)
		return err_nomem(err);
	r = make_folders(s, path, err);
	return r ? r : state_write(s, path, file->data, file->size, false, err);
}

void state_drop_record(struct state *s, const char *name)
{
	CLEANUP(mem_free_at) char *path = mem_format(STATE_RECORDS "/%s", name);

	if (path)
		(void)s->env->files->unlinkat(s->env->context, s->fd, path, 0);
}

/* --- walking --- */

struct walk {
	const struct state *s;
	state_visit *visit;
	void *context;
	char path[512];
	size_t size;
	unsigned depth;
	struct sherd_error *err;
};

static int walk_folder(struct walk *w);

/* A name in the folder at w->path: a folder, or a record. */
static int walk_entry(void *context, const char *name)
{
	struct walk *w = context;
	size_t size = w->size, length = strlen(name);
	struct record_name parsed;
	struct stat st;
	int r = 0;

	if (name[0] == '.' || size + length + 2 > sizeof(w->path))
		return 0;
	snprintf(w->path + size, sizeof(w->path) - size, "/%s", name);
	w->size += length + 1;
	if (record_name_parse(w->path + sizeof(STATE_RECORDS), &parsed) == 0)
		r = w->visit(w->context, w->path + sizeof(STATE_RECORDS));
	else if (w->s->env->files->fstatat(
			 w->s->env->context, w->s->fd, w->path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		r = err_system(w->err, errno, "cannot look at '%s/%s'", w->s->path, w->path);
	else if (S_ISDIR(st.st_mode) && w->depth < DEPTH_MAX)
		r = walk_folder(w);
	w->size = size;
	w->path[size] = '\0';
	return r;
}

static int walk_folder(struct walk *w)
{
	int fd = open_folder_at(w->s, w->path), r;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_system(w->err, errno, "cannot open '%s/%s'", w->s->path, w->path);
	w->depth++;
	r = each_entry(w->s, fd, walk_entry, w);
	if (r == -1 && errno)
		r = err_system(w->err, errno, "cannot list '%s/%s'", w->s->path, w->path);
	w->depth--;
	env_close(w->s->env, fd);
	return r;
}

int state_each_record(
	const struct state *s, state_visit *visit, void *context, struct sherd_error *err)
{
	struct sherd_error own;
	struct walk w = {.s = s, .visit = visit, .context = context, .err = err ? err : &own};

	w.size = (size_t)snprintf(w.path, sizeof(w.path), STATE_RECORDS);
	return walk_folder(&w);
}

/* --- opening and closing --- */

static int lock(struct state *s, struct sherd_error *err)
{
	s->lock = s->env->files->openat(s->env->context, s->fd, STATE_LOCK,
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, SECRET_MODE);
	if (s->lock < 0)
		return err_system(err, errno, "cannot open '%s/" STATE_LOCK "'", s->path);
	if (s->env->files->flock(s->env->context, s->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(
			err, SHERD_BUSY, "the pool in '%s' is in use by another process", s->path);
	return err_system(err, errno, "cannot lock '%s'", s->path);
}

static int open_folder(
	struct state *s, const struct sherd_env *env, const char *path, struct sherd_error *err)
{
	*s = STATE_INIT;
	s->env = env;
	s->path = mem_format("%s", path);
	if (!s->path)
		return err_nomem(err);
	s->fd = env->files->openat(
		env->context, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	return s->fd < 0 ? err_system(err, errno, "cannot open the folder '%s'", path) : 0;
}

/* 1: there is a pool; 0: there is none; else an error. */
static int holds_pool(const struct state *s, struct sherd_error *err)
{
	struct stat st;

	if (s->env->files->fstatat(
		    s->env->context, s->fd, STATE_DEVICE, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	return err_system(err, errno, "cannot look into '%s'", s->path);
}

static bool is_temporary(const char *name)
{
	size_t size = strlen(name);

	return name[0] == '.' && size > 4 && strcmp(name + size - 4, ".tmp") == 0;
}

static int remove_temporary(void *context, const char *name)
{
	struct state *s = context;

	if (is_temporary(name))
		(void)s->env->files->unlinkat(s->env->context, s->fd, name, 0);
	return 0;
}

static void remove_temporaries(struct state *s)
{
	int fd = open_folder_at(s, ".");

	if (fd < 0)
		return;
	(void)each_entry(s, fd, remove_temporary, s);
	env_close(s->env, fd);
}

int state_open(struct state *s, const struct sherd_env *env, const char *path, bool read_only,
	struct sherd_error *err)
{
	int r = open_folder(s, env, path, err);

	s->read_only = read_only;
	if (r == SHERD_NOTFOUND)
		r = err_set(err, SHERD_NOPOOL, "there is no pool in '%s'", path);
	if (!r) {
		r = holds_pool(s, err);
		if (r == 0)
			r = err_set(err, SHERD_NOPOOL, "there is no pool in '%s'", path);
		else if (r == 1)
			r = read_only ? 0 : lock(s, err);
	}
	if (!r && !read_only)
		remove_temporaries(s);
	if (r)
		state_release(s);
	return r;
}

static int is_ours(void *context, const char *name)
{
	(void)context;
	return strcmp(name, STATE_SEEN) == 0 || strcmp(name, STATE_RECORDS) == 0 ||
			       strcmp(name, STATE_LOCK) == 0 || is_temporary(name)
		       ? 0
		       : 1;
}

static int check_empty(const struct state *s, struct sherd_error *err)
{
	int fd = open_folder_at(s, "."), r;

	if (fd < 0)
		return err_system(err, errno, "cannot open '%s'", s->path);
	r = each_entry(s, fd, is_ours, NULL);
	if (r < 0)
		r = err_system(err, errno, "cannot list '%s'", s->path);
	else if (r > 0)
		r = err_set(err, SHERD_EXISTS, "the folder '%s' holds other files", s->path);
	env_close(s->env, fd);
	return r;
}

static int drop_record(void *context, const char *name)
{
	state_drop_record(context, name);
	return 0;
}

/* Folders of records/, from the deepest; those that are not empty stay. */
static int drop_folder(void *context, const char *name)
{
	struct walk *w = context;
	size_t size = w->size;
	int fd;

	if (size + strlen(name) + 2 > sizeof(w->path) || w->depth > DEPTH_MAX)
		return 0;
	w->size += (size_t)snprintf(w->path + size, sizeof(w->path) - size, "/%s", name);
	fd = open_folder_at(w->s, w->path);
	if (fd >= 0) {
		w->depth++;
		(void)each_entry(w->s, fd, drop_folder, w);
		w->depth--;
		env_close(w->s->env, fd);
		(void)w->s->env->files->unlinkat(
			w->s->env->context, w->s->fd, w->path, AT_REMOVEDIR);
	} else if (is_temporary(name)) {
		(void)w->s->env->files->unlinkat(w->s->env->context, w->s->fd, w->path, 0);
	}
	w->size = size;
	w->path[size] = '\0';
	return 0;
}

static void clear(struct state *s)
{
	struct walk w = {.s = s, .path = "."};

	w.size = 1;
	(void)s->env->files->unlinkat(s->env->context, s->fd, STATE_DEVICE, 0);
	(void)s->env->files->unlinkat(s->env->context, s->fd, STATE_SEEN, 0);
	(void)state_each_record(s, drop_record, s, NULL);
	(void)drop_folder(&w, STATE_RECORDS);
	remove_temporaries(s);
}

int state_create(
	struct state *s, const struct sherd_env *env, const char *path, struct sherd_error *err)
{
	bool made = env->files->mkdirat(env->context, AT_FDCWD, path, FOLDER_MODE) == 0;
	int r;

	*s = STATE_INIT;
	if (!made && errno != EEXIST)
		return err_system(err, errno, "cannot make the folder '%s'", path);
	r = open_folder(s, env, path, err);
	s->made = made;
	if (!r) {
		r = holds_pool(s, err);
		if (r == 1)
			r = err_set(err, SHERD_EXISTS, "there is a pool in '%s' already", path);
	}
	if (!r)
		r = check_empty(s, err);
	if (!r)
		r = lock(s, err);
	if (r) {
		state_release(s);
		if (made)
			(void)env->files->unlinkat(env->context, AT_FDCWD, path, AT_REMOVEDIR);
		return r;
	}
	clear(s);
	return 0;
}

void state_undo(struct state *s)
{
	if (s->fd < 0)
		return;
	clear(s);
	(void)s->env->files->unlinkat(s->env->context, s->fd, STATE_LOCK, 0);
	if (s->made)
		(void)s->env->files->unlinkat(s->env->context, AT_FDCWD, s->path, AT_REMOVEDIR);
}

void state_release(struct state *s)
{
	if (s->env) {
		env_close(s->env, s->lock);
		env_close(s->env, s->fd);
	}
	mem_free(s->path);
	*s = STATE_INIT;
}
