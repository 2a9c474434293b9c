/* SPDX-License-Identifier: MIT */
/*
 * place_dir_list.c - names in order out of folders, which have none.
 *
 * A folder's entries are sorted with a '/' behind the names of folders; then everything below one
 * entry comes before everything below the next, and a walk in that order gives the names of all
 * objects in byte order. Below the folder a page begins with, only folders are entered that can
 * hold a name greater than ${after}. Of a folder with very many entries the least LEVEL_MAX are
 * kept; if that does not fill the page (entries were empty folders, or vanished), it is read again
 * from there on. So memory is bounded whatever the folder holds, and so is the depth: by the length
 * of names.
 */
#include <place/place_dir.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <place/place_backend.h>

#define LEVEL_MAX ((size_t)PLACE_LIST_MAX + 1)
#define LEVEL_ROOM (2 * LEVEL_MAX) /* entries held while a folder is read */
#define LEVEL_FIRST 32
#define DEPTH_MAX (PLACE_NAME_MAX / 2 + 1) /* parts of a name, and the root */

/* --- reading a folder --- */

/* What getdents64() gives; glibc names it only with some options. */
struct record {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

int dir_read_begin(struct dir_reader *r, struct place_dir *d, int fd)
{
	r->d = d;
	r->fd = fd;
	r->at = r->have = 0;
	return d->env->files->lseek(d->env->context, fd, 0, SEEK_SET) < 0 ? errno : 0;
}

/* Some file systems do not tell the type along with the name. */
static int find_type(struct dir_reader *r, struct dir_entry *e)
{
	const struct sherd_env *env = r->d->env;
	struct stat st;

	if (env->files->fstatat(env->context, r->fd, e->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : errno;
	e->folder = S_ISDIR(st.st_mode);
	e->file = S_ISREG(st.st_mode);
	return 0;
}

int dir_read(struct dir_reader *r, struct dir_entry *ret_entry)
{
	const struct record *record;

	if (r->at == r->have) {
		ssize_t got = r->d->env->files->getdents(
			r->d->env->context, r->fd, r->buffer, sizeof(r->buffer));

		*ret_entry = (struct dir_entry){0};
		if (got <= 0)
			return got < 0 ? errno : 0;
		r->at = 0;
		r->have = (size_t)got;
	}
	record = (const struct record *)(const void *)(r->buffer + r->at);
	assert(record->size && record->size <= r->have - r->at);
	r->at += record->size;
	*ret_entry = (struct dir_entry){.name = record->name,
		.folder = record->type == DT_DIR,
		.file = record->type == DT_REG};
	return record->type == DT_UNKNOWN ? find_type(r, ret_entry) : 0;
}

/* --- one folder of the walk --- */

struct item {
	char key[PLACE_NAME_MAX + 2]; /* the name; a folder's ends in '/' */
};

struct level {
	int fd;
	size_t length;      /* of the path of this folder, with its '/' */
	struct item *items; /* ascending; owned */
	size_t count, room;
	size_t next; /* the first that was not visited */
	bool cut;    /* there were more, greater than all of these */
};

struct listing {
	struct place_dir *d;
	const char *after; /* NULL: none */
	struct place_page *page;
	struct sherd_error *err;
	char path[PLACE_NAME_MAX + 2]; /* of the folder that is read */
	size_t depth;
	struct level levels[DEPTH_MAX];
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->key, ((const struct item *)b)->key);
}

static void sort(struct level *v)
{
	if (v->count)
		qsort(v->items, v->count, sizeof(struct item), compare);
	if (v->count > LEVEL_MAX) {
		v->count = LEVEL_MAX;
		v->cut = true;
	}
}

static int reserve(struct level *v)
{
	size_t room = v->room ? INT_MIN_OF(v->room * 2, LEVEL_ROOM) : LEVEL_FIRST;
	struct item *items;

	if (v->count < v->room)
		return 0;
	if (v->room == LEVEL_ROOM) {
		sort(v);
		return 0;
	}
	items = mem_array(room, sizeof(struct item));
	if (!items)
		return -1;
	if (v->count)
		memcpy(items, v->items, v->count * sizeof(struct item));
	mem_free(v->items);
	v->items = items;
	v->room = room;
	return 0;
}

/* The entry's key, if there can be names behind ${after} in it. */
static bool key_of(const struct listing *l, const struct level *v, const struct dir_entry *e,
	struct item *ret_item)
{
	char full[PLACE_NAME_MAX + 2];
	size_t size = strlen(e->name);

	if ((!e->folder && !e->file) || v->length + size > PLACE_NAME_MAX)
		return false;
	memcpy(full, l->path, v->length);
	memcpy(full + v->length, e->name, size + 1);
	if (!place_name_ok(full))
		return false;
	if (e->folder) {
		if (v->length + size + 2 > PLACE_NAME_MAX)
			return false;
		full[v->length + size] = '/';
		full[v->length + ++size] = '\0';
	}
	memcpy(ret_item->key, full + v->length, size + 1);
	if (!l->after)
		return true;
	if (e->folder)
		return strncmp(l->after, full, v->length + size) <= 0;
	return strcmp(l->after, full) < 0;
}

/* Read the folder: the least entries behind ${from} (NULL: from the start), sorted. */
static int fill_level(struct listing *l, struct level *v, const struct item *from)
{
	struct dir_reader reader;
	struct dir_entry entry;
	struct item item;
	int failed = dir_read_begin(&reader, l->d, v->fd);

	v->count = v->next = 0;
	v->cut = false;
	while (!failed && !(failed = dir_read(&reader, &entry)) && entry.name) {
		if (!key_of(l, v, &entry, &item) || (from && compare(&item, from) <= 0))
			continue;
		if (v->cut && compare(&item, &v->items[LEVEL_MAX - 1]) > 0)
			continue;
		if (reserve(v) != 0)
			return err_nomem(l->err);
		v->items[v->count++] = item;
	}
	if (failed)
		return dir_failed(l->d, failed, SHERD_IO, l->err, "list", l->path);
	sort(v);
	return 0;
}

/* --- the walk --- */

static void pop(struct listing *l)
{
	struct level *v = &l->levels[--l->depth];

	env_close(l->d->env, v->fd);
	mem_free(v->items);
}

/* Takes ${fd}; l->path names the folder. */
static int push(struct listing *l, int fd)
{
	struct level *v = &l->levels[l->depth];

	assert(l->depth < DEPTH_MAX);
	*v = (struct level){.fd = fd, .length = strlen(l->path)};
	l->depth++;
	return fill_level(l, v, NULL);
}

/* Folders go, and become something else, while we look. */
static bool is_gone(int os_errno)
{
	return os_errno == ENOENT || os_errno == ENOTDIR || os_errno == ELOOP;
}

static int enter(struct listing *l, struct level *v, const struct item *item)
{
	char part[sizeof(item->key)];
	size_t size = strlen(item->key);
	int fd;

	memcpy(part, item->key, size - 1);
	part[size - 1] = '\0';
	fd = dir_open_below(l->d, v->fd, part);
	if (fd < 0 && is_gone(errno))
		return 0;
	if (fd < 0)
		return dir_failed(l->d, errno, SHERD_IO, l->err, "open the folder", l->path);
	return push(l, fd);
}

static int emit(struct listing *l, struct level *v, const struct item *item)
{
	const struct sherd_env *env = l->d->env;
	const struct place_page *page = l->page;
	struct stat st;

	/* A folder that changes while it is read may give a name twice. */
	if (page->count && strcmp(page->entries[page->count - 1].name, l->path) >= 0)
		return 0;
	if (env->files->fstatat(env->context, v->fd, item->key, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (is_gone(errno))
			return 0;
		return dir_failed(l->d, errno, SHERD_IO, l->err, "look at", l->path);
	}
	if (!S_ISREG(st.st_mode))
		return 0;
	return place_page_add(l->page, l->path, (uint64_t)st.st_size, l->err);
}

static int visit(struct listing *l, struct level *v)
{
	const struct item *item = &v->items[v->next++];
	size_t size = strlen(item->key);

	if (l->page->count == PLACE_LIST_MAX) {
		l->page->more = true;
		return 0;
	}
	memcpy(l->path + v->length, item->key, size + 1);
	return item->key[size - 1] == '/' ? enter(l, v, item) : emit(l, v, item);
}

static int walk(struct listing *l)
{
	int r = 0;

	while (!r && l->depth && !l->page->more) {
		struct level *v = &l->levels[l->depth - 1];

		l->path[v->length] = '\0';
		if (v->next < v->count) {
			r = visit(l, v);
		} else if (v->cut) {
			struct item last = v->items[v->count - 1];

			r = fill_level(l, v, &last);
		} else {
			pop(l);
		}
	}
	while (l->depth)
		pop(l);
	return r;
}

static int list_from(struct listing *l, const char *prefix)
{
	int fd, failed, r;

	memcpy(l->path, prefix, strlen(prefix) + 1);
	failed = dir_open_folder(l->d, prefix, strlen(prefix), false, &fd);
	/* What is not there holds nothing; whether all is offline is asked at the end. */
	if (prefix[0] && (is_gone(failed) || failed == ENAMETOOLONG))
		return 0;
	if (failed)
		return dir_failed(l->d, failed, SHERD_IO, l->err, "open the folder", prefix);
	r = push(l, fd);
	if (!r)
		return walk(l);
	while (l->depth)
		pop(l);
	return r;
}

int dir_list(struct place *p, const char *prefix, const char *after, struct place_page *ret_page,
	struct sherd_error *err)
{
	struct place_dir *d = (struct place_dir *)p;
	CLEANUP(place_page_release) struct place_page page = {0};
	CLEANUP(mem_free_at) struct listing *l = NULL;
	int r = dir_check_root(d, err);

	if (r)
		return r;
	l = mem_array(1, sizeof(*l));
	if (!l)
		return err_nomem(err);
	l->d = d;
	l->after = after;
	l->page = &page;
	l->err = err;
	r = list_from(l, prefix);
	if (!r)
		r = dir_check_root(d, err);
	if (r)
		return r;
	*ret_page = page;
	page = (struct place_page){0};
	return 0;
}
