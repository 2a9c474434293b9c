/* SPDX-License-Identifier: MIT */
/*
 * source_attributes.c - extended attributes, and the names of owners.
 *
 * Most files have no extended attributes, and one call with a buffer on the stack tells. Names of
 * owners come from the system's data base, which may be far away: each id is asked for once, found
 * or not, in a table that never grows beyond a limit (further ids go without a name).
 */
#include <repo/source.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

#define LIST_SIZE 4096       /* of names, at first */
#define LIST_MAX (64u << 10) /* the kernel's own limit */
#define VALUE_MAX (64u << 10)
#define PROC_PATH_SIZE 320
#define OWNERS_SLOTS 8192 /* a power of two */
#define OWNERS_MAX (OWNERS_SLOTS / 2)
#define DATABASE_SIZE (64u << 10) /* a group may have many members */

/* --- extended attributes --- */

struct asking {
	const struct sherd_env *env;
	int fd; /* -1: by path */
	const char *path;
};

static ssize_t ask_list(const struct asking *a, char *names, size_t size)
{
	const struct sherd_env *env = a->env;

	return a->fd >= 0 ? env->files->flistxattr(env->context, a->fd, names, size)
			  : env->files->llistxattr(env->context, a->path, names, size);
}

static ssize_t ask_value(const struct asking *a, const char *name, void *value, size_t size)
{
	const struct sherd_env *env = a->env;

	return a->fd >= 0 ? env->files->fgetxattr(env->context, a->fd, name, value, size)
			  : env->files->lgetxattr(env->context, a->path, name, value, size);
}

static int take_names(const char *list, size_t size, struct source_names *names)
{
	for (size_t at = 0; at < size;) {
		size_t length = strnlen(list + at, size - at);
		int failed;

		if (length == size - at)
			return EIO;
		failed = length >= 1 && length <= TREE_NAME_MAX ? source_names_add(names, list + at)
								: 0;
		if (failed)
			return failed;
		at += length + 1;
	}
	source_names_sort(names);
	return 0;
}

/* The attributes of these names, one after the other; the first errno of those passed over. */
static int take_values(const struct asking *a, const struct source_names *names, struct bytes *out)
{
	CLEANUP(mem_free_at) uint8_t *value = mem_array(VALUE_MAX, 1);
	int first = 0;

	if (!value)
		return ENOMEM;
	for (size_t i = 0; i < names->count; i++) {
		const char *name = source_names_at(names, i);
		ssize_t size = ask_value(a, name, value, VALUE_MAX);

		if (size < 0) {
			if (errno != ENODATA && !first) /* gone meanwhile is no fault */
				first = errno;
			continue;
		}
		if (out->size + (size_t)size + strlen(name) + 8 > TREE_XATTRS_MAX) {
			first = first ? first : E2BIG;
			continue;
		}
		if (out->size == 0)
			tree_xattr_begin(out);
		tree_xattr_add(out, name, value, (size_t)size);
	}
	return out->failed ? ENOMEM : first;
}

static int take_list(const struct asking *a, const char *list, size_t size, struct bytes *out)
{
	struct source_names names = {0};
	int failed = take_names(list, size, &names);

	if (!failed)
		failed = take_values(a, &names, out);
	source_names_release(&names);
	return failed;
}

int source_xattrs(
	const struct sherd_env *env, int fd, int folder, const char *name, struct bytes *out)
{
	struct asking a = {.env = env, .fd = fd};
	char list[LIST_SIZE], path[PROC_PATH_SIZE];
	CLEANUP(mem_free_at) char *longer = NULL;
	ssize_t size;

	bytes_clear(out);
	if (fd < 0) {
		int length = snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", folder, name);

		if (length < 0 || (size_t)length >= sizeof(path))
			return ENAMETOOLONG;
		a.path = path;
	}
	size = ask_list(&a, list, sizeof(list));
	if (size < 0 && errno == ERANGE) {
		longer = mem_array(LIST_MAX, 1);
		if (!longer)
			return ENOMEM;
		size = ask_list(&a, longer, LIST_MAX);
	}
	if (size < 0)
		return errno == EOPNOTSUPP || errno == ENOSYS || (fd < 0 && errno == ENOENT)
			       ? 0
			       : errno;
	return size ? take_list(&a, longer ? longer : list, (size_t)size, out) : 0;
}

/* --- owners --- */

struct owner {
	char *name; /* NULL: it has none */
	size_t size;
	uint32_t id;
	bool group, known;
};

struct source_owners {
	struct owner slots[OWNERS_SLOTS];
	size_t count;
	char *buffer; /* for the data base */
};

int source_owners_new(struct source_owners **ret, struct sherd_error *err)
{
	CLEANUP(mem_free_at) struct source_owners *o = mem_array(1, sizeof(*o));

	if (!o)
		return err_nomem(err);
	o->buffer = mem_array(DATABASE_SIZE, 1);
	if (!o->buffer)
		return err_nomem(err);
	*ret = TAKE(o);
	return 0;
}

void source_owners_free(struct source_owners *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < OWNERS_SLOTS; i++)
		mem_free(o->slots[i].name);
	mem_free(o->buffer);
	mem_free(o);
}

/* Owned by the buffer; NULL: no name, or none that can be saved. */
static const char *look_up(struct source_owners *o, bool group, uint32_t id)
{
	const char *name = NULL;

	if (group) {
		struct group g, *found = NULL;

		if (getgrgid_r(id, &g, o->buffer, DATABASE_SIZE, &found) == 0 && found)
			name = found->gr_name;
	} else {
		struct passwd p, *found = NULL;

		if (getpwuid_r(id, &p, o->buffer, DATABASE_SIZE, &found) == 0 && found)
			name = found->pw_name;
	}
	return name && *name && strlen(name) <= TREE_OWNER_MAX ? name : NULL;
}

static void fill_slot(struct source_owners *o, struct owner *slot, bool group, uint32_t id)
{
	const char *name = look_up(o, group, id);

	*slot = (struct owner){.id = id, .group = group, .known = true};
	o->count++;
	if (!name)
		return;
	slot->name = mem_format("%s", name);
	slot->size = slot->name ? strlen(name) : 0;
}

const char *source_owner(struct source_owners *o, bool group, uint32_t id, size_t *ret_size)
{
	size_t at = (id * 2654435761u + group) % OWNERS_SLOTS;

	*ret_size = 0;
	while (o->slots[at].known && (o->slots[at].id != id || o->slots[at].group != group))
		at = (at + 1) % OWNERS_SLOTS;
	if (!o->slots[at].known) {
		if (o->count == OWNERS_MAX)
			return NULL;
		fill_slot(o, &o->slots[at], group, id);
	}
	*ret_size = o->slots[at].size;
	return o->slots[at].name;
}
