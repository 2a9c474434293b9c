/* SPDX-License-Identifier: MIT */
/*
 * restore_links.c - entries with more than one name. The first is written; a later one becomes
 * another name of what was written, which is found again by its path beneath the target and must
 * be the very file, by device and inode. (To hold it open would take a descriptor for each.) A
 * group is forgotten when all its names have come. Only in the walking thread.
 */
#include <repo/restore.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

#define BUCKETS 4096
/* Names yet to come are held for so many, and for such a length of paths together; the rest are
 * copies. A snapshot may be of somebody who means ill. */
#define GROUPS_MAX (1u << 20)
#define PATHS_MAX ((size_t)96 << 20)

struct group {
	struct group *next;
	uint64_t device, inode; /* of the source: the key */
	uint32_t left;          /* names to come */
	dev_t target_device;
	ino_t target_inode;
	char path[]; /* beneath the target */
};

struct links {
	struct group *buckets[BUCKETS];
	size_t count;
	size_t path_bytes;
};

static struct group **bucket(struct links *l, const struct tree_entry *e)
{
	uint64_t mixed = (e->link_inode ^ (e->link_device << 32)) * UINT64_C(0x9e3779b97f4a7c15);
	struct group **at = &l->buckets[mixed >> 52];

	while (*at && ((*at)->inode != e->link_inode || (*at)->device != e->link_device))
		at = &(*at)->next;
	return at;
}

static_assert(BUCKETS == 1 << (64 - 52), "a bucket for each value");

void restore_links_free(struct links *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (l->buckets[i]) {
			struct group *next = l->buckets[i]->next;

			mem_free(l->buckets[i]);
			l->buckets[i] = next;
		}
	mem_free(l);
}

/* Beneath the target: the path in the snapshot less that of the first folder. */
static char *path_below(const struct folder *f, const char *name)
{
	const struct folder *first = f;
	char *path = restore_path(f, name);
	size_t skip;

	if (!path)
		return NULL;
	while (first->around)
		first = first->around;
	skip = strlen(first->name) + 1;
	memmove(path, path + skip, strlen(path + skip) + 1);
	return path;
}

static void remember(struct restore *r, struct folder *f, const char *name,
	const struct tree_entry *e, const struct stat *there)
{
	CLEANUP(mem_free_at) char *path = path_below(f, name);
	struct group **at = bucket(r->links, e);
	struct group *g;
	size_t size;

	if (!path) {
		restore_stop(r, SHERD_NOMEM, NULL);
		return;
	}
	size = strlen(path) + 1;
	if (*at || r->links->count >= GROUPS_MAX || size > PATHS_MAX - r->links->path_bytes)
		return;
	g = mem_array(sizeof(*g) + size, 1);
	if (!g) {
		restore_stop(r, SHERD_NOMEM, NULL);
		return;
	}
	g->device = e->link_device;
	g->inode = e->link_inode;
	g->left = e->links - 1;
	g->target_device = there->st_dev;
	g->target_inode = there->st_ino;
	memcpy(g->path, path, size);
	*at = g;
	r->links->count++;
	r->links->path_bytes += size;
}

static void count_down(struct restore *r, struct group **at)
{
	struct group *g = *at;

	if (g->left-- > 1)
		return;
	*at = g->next;
	r->links->path_bytes -= strlen(g->path) + 1;
	mem_free(g);
	r->links->count--;
}

/* Open what was written first: 0 or errno; ESTALE: it is not that any more. */
static int open_first(struct restore *r, const struct group *g, int *ret_fd)
{
	struct stat there;
	int fd;
	int error = target_open_path(&r->target, g->path, &fd);

	if (error)
		return error;
	if (r->env->files->fstat(r->env->context, fd, &there) != 0)
		error = errno;
	else if (there.st_dev != g->target_device || there.st_ino != g->target_inode)
		error = ESTALE;
	if (error)
		env_close(r->env, fd);
	else
		*ret_fd = fd;
	return error;
}

static int link_to(
	struct restore *r, const struct group *g, struct folder *f, const char *name, bool replace)
{
	const char *temporary = r->walker->temporary;
	int fd;
	int error = open_first(r, g, &fd);

	if (error)
		return error;
	error = target_link(&r->target, fd, f->fd, replace ? temporary : name);
	env_close(r->env, fd);
	if (error || !replace)
		return error;
	error = target_publish(&r->target, f->fd, temporary, name, TARGET_REPLACE);
	/* rename() does nothing where both names are of one file. */
	target_discard(&r->target, f->fd, temporary);
	return error;
}

/* A later name of a group. False: make it a file of its own. */
static bool add_name(struct restore *r, const struct group *g, struct folder *f, const char *name,
	const struct tree_entry *e)
{
	struct restorer *w = r->walker;
	enum there_answer answer = restore_there(r, w, f, name, e, NULL);
	int error;

	if (answer != THERE_NOTHING && answer != THERE_REPLACE)
		return true;
	error = link_to(r, g, f, name, answer == THERE_REPLACE);
	if (error == EEXIST || error == ENOTEMPTY) {
		restore_taken(r, w, f, name);
	} else if (error) {
		restore_attribute(
			r, w, f, name, err_system(&w->error, error, "cannot make it a hard link"));
		return false;
	} else if (e->type == TREE_FILE) {
		w->tally.files++;
	} else {
		w->tally.others++;
	}
	return true;
}

static bool is_like(const struct tree_entry *e, const struct stat *there)
{
	return e->type == TREE_SYMLINK ? S_ISLNK(there->st_mode)
				       : !S_ISREG(there->st_mode) && !S_ISDIR(there->st_mode);
}

/* The first name of a group, or one that stays alone. ${ret_there}: all zero if it is not there. */
static void make_one(struct restore *r, struct folder *f, const char *name,
	const struct tree_entry *e, struct stat *ret_there)
{
	struct restorer *w = r->walker;
	int error;

	if (e->type == TREE_FILE) {
		restore_file(r, w, f, e, ret_there);
		return;
	}
	restore_special(r, w, f, e);
	error = target_stat(&r->target, f->fd, name, ret_there);
	if (error && error != ENOENT)
		restore_attribute(
			r, w, f, name, err_system(&w->error, error, "cannot be linked to"));
	if (error || !is_like(e, ret_there))
		*ret_there = (struct stat){0};
}

void restore_linked(struct restore *r, struct folder *f, const struct tree_entry *e)
{
	char name[TREE_NAME_MAX + 1] = "";
	struct stat there = {0};
	struct group **at;

	memcpy(name, e->name, e->name_size);
	if (r->options->dry_run) {
		if (e->type == TREE_FILE)
			restore_file(r, r->walker, f, e, NULL);
		else
			restore_special(r, r->walker, f, e);
		return;
	}
	if (!r->links) {
		r->links = mem_array(1, sizeof(*r->links));
		if (!r->links) {
			restore_stop(r, SHERD_NOMEM, NULL);
			return;
		}
	}
	at = bucket(r->links, e);
	if (!*at) {
		make_one(r, f, name, e, &there);
		if (there.st_ino)
			remember(r, f, name, e, &there);
		return;
	}
	if (!add_name(r, *at, f, name, e))
		make_one(r, f, name, e, &there);
	count_down(r, at);
}
