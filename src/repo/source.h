/* SPDX-License-Identifier: MIT */
/*
 * source.h - the file system as a backup reads it: folders, what each name is, and its attributes.
 * Everything is asked relative to a folder's descriptor, follows no link, and waits for nobody.
 *
 * Where an int is returned and nothing else is said it is 0 or an errno: the caller knows the path
 * and what the failure means. One struct belongs to one thread.
 */
#ifndef REPO_SOURCE_H
#define REPO_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <base/env.h>
#include <repo/tree.h>

/* What statx() says, and no more than is saved. */
struct source_stat {
	uint64_t device, inode, length, blocks; /* blocks of 512 bytes */
	uint32_t links, uid, gid, type_mode;    /* type_mode as in st_mode */
	int64_t mtime_s, ctime_s, btime_s;
	uint32_t mtime_ns, ctime_ns, btime_ns;
	bool has_btime;
	uint32_t rdev_major, rdev_minor;
};

/* source_stat(env, folder, name, ret): of a name in a folder, not followed. ${name} "": of the
 * descriptor itself. */
int source_stat(const struct sherd_env *env, int folder, const char *name, struct source_stat *ret);

/* source_same(a, b): the same file, and neither its bytes nor its attributes changed between. */
bool source_same(const struct source_stat *a, const struct source_stat *b);

/* source_fill(st, e): type and all numbers of an entry; pointers are left alone. */
void source_fill(const struct source_stat *st, struct tree_entry *e);

enum source_kind {
	SOURCE_FILE,
	SOURCE_FOLDER,
	SOURCE_FOLDER_FOLLOWED, /* a link to a folder will do */
};
/* source_open(env, folder, name, kind, quiet, ret_fd): for reading; ${quiet}: without a new access
 * time, where that is allowed. A fifo or device that stands there does not block. */
int source_open(const struct sherd_env *env, int folder, const char *name, enum source_kind kind,
	bool quiet, int *ret_fd);

/* The names in a folder, in order of their bytes. */
struct source_names {
	struct bytes arena; /* names with their NUL */
	uint32_t *order;    /* where each begins */
	size_t count, room;
};
/* source_names_read(env, fd, buffer, size, names): replaces what was there; "." and ".." are left
 * out. ${buffer} of SOURCE_DENTS_SIZE bytes is working space. */
#define SOURCE_DENTS_SIZE (128u << 10)
int source_names_read(
	const struct sherd_env *env, int fd, void *buffer, struct source_names *names);
/* source_names_add(), source_names_sort(): the same, by hand. ENOMEM. */
int source_names_add(struct source_names *names, const char *name);
void source_names_sort(struct source_names *names);
void source_names_release(struct source_names *names);
/* source_names_at(names, i): the i-th name. source_names_have(names, name): whether it is there. */
static inline const char *source_names_at(const struct source_names *names, size_t i)
{
	return (const char *)names->arena.data + names->order[i];
}
bool source_names_have(const struct source_names *names, const char *name);

/*
 * source_xattrs(env, fd, folder, name, out): the extended attributes that can be read, encoded
 * (docs/format.md, 11.2); ${out} is empty if there are none. Of ${fd}, or with fd -1 of a name in a
 * folder, which works only where /proc is. Attributes that cannot be read are passed over and the
 * first errno is returned: what could be read stays in ${out}. A file system that knows none has
 * none.
 */
int source_xattrs(
	const struct sherd_env *env, int fd, int folder, const char *name, struct bytes *out);

/* Names of owners and groups, each asked for once. */
struct source_owners;
int source_owners_new(struct source_owners **ret, struct sherd_error *err);
void source_owners_free(struct source_owners *o);
/* source_owner(o, group, id, ret_size): the name; NULL: it has none. Lives as long as ${o}. */
const char *source_owner(struct source_owners *o, bool group, uint32_t id, size_t *ret_size);

/* source_data(env, fd, at, end, ret_data, ret_hole): the next bytes that are no hole within [at,
 * end): [*ret_data, *ret_hole); both are ${end} if there are none. A file system that knows no
 * holes has none. */
void source_data(const struct sherd_env *env, int fd, uint64_t at, uint64_t end, uint64_t *ret_data,
	uint64_t *ret_hole);

#endif
