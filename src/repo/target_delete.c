/* SPDX-License-Identifier: MIT */
/*
 * target_delete.c - which names a folder of the target has, and removing what is not wanted.
 *
 * A tree is removed without recursion and with two descriptors: down by names, up by "..", where
 * the folder met must be the one that was left. The first thing that cannot be removed ends it.
 */
#include <repo/target.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/err.h>

#define LISTING_SIZE (32u << 10) /* bytes of records in one call */

/* --- listing --- */

/* Told of each name but "." and ".."; other than 0 ends the listing, which gives it. */
typedef int told_name(void *context, const char *name);

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int tell_records(const uint8_t *records, size_t size, told_name *told, void *context)
{
	size_t at = 0;

	while (at + offsetof(struct dirent64, d_name) < size) {
		const uint8_t *record = records + at;
		const char *name = (const char *)record + offsetof(struct dirent64, d_name);
		unsigned short length;
		int r;

		memcpy(&length, record + offsetof(struct dirent64, d_reclen), sizeof(length));
		r = is_dots(name) ? 0 : told(context, name);
		if (r)
			return r;
		at += length;
	}
	return 0;
}

/* Tell of all names in the folder: 0, errno, or what told() gave. */
static int list(struct target *t, int fd, told_name *told, void *context)
{
	CLEANUP(mem_free_at) uint8_t *records = mem_array(LISTING_SIZE, 1);
	int r = 0;

	if (!records)
		return ENOMEM;
	if (t->env->files->lseek(t->env->context, fd, 0, SEEK_SET) < 0)
		return errno;
	while (r == 0) {
		ssize_t got = t->env->files->getdents(t->env->context, fd, records, LISTING_SIZE);

		if (got < 0)
			return errno;
		if (got == 0)
			return 0;
		r = tell_records(records, (size_t)got, told, context);
	}
	return r;
}

static int add_name(void *context, const char *name)
{
	struct target_names *n = context;

	bytes_add(&n->text, name, strlen(name) + 1);
	n->count++;
	return n->text.failed ? ENOMEM : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int target_names_read(struct target *t, int fd, struct target_names *ret, struct sherd_error *err)
{
	struct target_names n = {0};
	const char *next;
	int error = list(t, fd, add_name, &n);

	if (!error) {
		n.names = mem_array(n.count, sizeof(*n.names));
		n.seen = mem_array(n.count, 1);
		if (!n.names || !n.seen)
			error = ENOMEM;
	}
	if (error) {
		target_names_release(&n);
		return err_system(err, error, "cannot list the folder");
	}
	next = (const char *)n.text.data;
	for (size_t i = 0; i < n.count; i++) {
		n.names[i] = next;
		next += strlen(next) + 1;
	}
	if (n.count)
		qsort(n.names, n.count, sizeof(*n.names), by_name);
	*ret = n;
	return 0;
}

void target_names_release(struct target_names *n)
{
	bytes_release(&n->text);
	mem_free(n->names);
	mem_free(n->seen);
	*n = (struct target_names){0};
}

static const char **find(const struct target_names *n, const char *name)
{
	return n->count ? bsearch(&name, n->names, n->count, sizeof(*n->names), by_name) : NULL;
}

bool target_names_find(const struct target_names *n, const char *name)
{
	return find(n, name) != NULL;
}

void target_names_see(struct target_names *n, const char *name)
{
	const char **found = find(n, name);

	if (found)
		n->seen[found - n->names] = 1;
}

/* --- removing --- */

/* A folder on the way down. */
struct removal_level {
	dev_t device;
	ino_t inode;
	char name[TREE_NAME_MAX + 1]; /* of the folder below it that was entered */
};

struct removal {
	struct target *target;
	const struct sherd_cancel *cancel;
	int fd;                        /* of the folder being emptied */
	struct stat stat;              /* of it */
	struct bytes levels;           /* struct removal_level, from the top */
	char below[TREE_NAME_MAX + 1]; /* a folder in it that is not empty */
};

#define REMOVAL_DOWN (-1) /* not an errno: a folder is in the way */

/* 0, errno; ENOTEMPTY: a folder with something in it. */
static int remove_one(struct target *t, int folder, const char *name)
{
	const struct sherd_env *env = t->env;

	if (env->files->unlinkat(env->context, folder, name, 0) == 0)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return errno;
	if (env->files->unlinkat(env->context, folder, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno == ENOTDIR)
		return EPERM;
	return errno == EEXIST ? ENOTEMPTY : errno;
}

static int remove_named(void *context, const char *name)
{
	struct removal *r = context;
	int error;

	if (sherd_cancel_requested(r->cancel))
		return ECANCELED;
	error = remove_one(r->target, r->fd, name);
	if (error != ENOTEMPTY)
		return error;
	if (strlen(name) > TREE_NAME_MAX)
		return ENAMETOOLONG;
	memcpy(r->below, name, strlen(name) + 1);
	return REMOVAL_DOWN;
}

/* Enter a folder beneath ${folder}; never that of another file system. */
static int enter(struct removal *r, int folder, const char *name)
{
	struct target *t = r->target;
	struct stat around;
	int error, fd;

	if (t->env->files->fstat(t->env->context, folder, &around) != 0)
		return errno;
	error = target_folder_open(t, folder, name, &fd, &r->stat);
	if (error)
		return error;
	if (r->stat.st_dev != around.st_dev) {
		env_close(t->env, fd);
		return EXDEV;
	}
	if (r->fd >= 0)
		env_close(t->env, r->fd);
	r->fd = fd;
	return 0;
}

static int go_down(struct removal *r)
{
	struct removal_level level = {.device = r->stat.st_dev, .inode = r->stat.st_ino};
	char name[TREE_NAME_MAX + 1];

	memcpy(name, r->below, sizeof(name));
	memcpy(level.name, r->below, sizeof(level.name));
	bytes_add(&r->levels, &level, sizeof(level));
	if (r->levels.failed)
		return ENOMEM;
	return enter(r, r->fd, name);
}

/* Up one folder, and remove the one that was left, which is empty now. */
static int go_up(struct removal *r)
{
	struct removal_level level;
	int up;
	int error;

	r->levels.size -= sizeof(level);
	memcpy(&level, r->levels.data + r->levels.size, sizeof(level));
	error = target_folder_up(r->target, r->fd, level.device, level.inode, &up);
	if (error)
		return error;
	env_close(r->target->env, r->fd);
	r->fd = up;
	r->stat.st_dev = level.device;
	r->stat.st_ino = level.inode;
	return remove_one(r->target, r->fd, level.name);
}

static int remove_tree(struct removal *r, int folder, const char *name)
{
	int error = enter(r, folder, name);

	while (!error) {
		error = list(r->target, r->fd, remove_named, r);
		if (error == REMOVAL_DOWN)
			error = go_down(r);
		else if (!error && r->levels.size)
			error = go_up(r);
		else if (!error)
			return remove_one(r->target, folder, name);
	}
	return error;
}

int target_delete(struct target *t, int folder, const char *name, const struct sherd_cancel *cancel)
{
	struct removal r = {.target = t, .cancel = cancel, .fd = -1};
	int error = remove_one(t, folder, name);

	if (error != ENOTEMPTY)
		return error;
	error = remove_tree(&r, folder, name);
	if (r.fd >= 0)
		env_close(t->env, r.fd);
	bytes_release(&r.levels);
	return error;
}
