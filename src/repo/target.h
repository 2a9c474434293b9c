/* SPDX-License-Identifier: MIT */
/*
 * target.h - the folder that a restore writes into, and nothing else.
 *
 * Everything is done relative to descriptors of folders that were reached from the target's own
 * descriptor one name at a time; a path is never resolved again, a symbolic link is never followed
 * (openat2 with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS; where the kernel
 * lacks it, O_NOFOLLOW for each name). So whatever stands in the target, and whatever somebody puts
 * there meanwhile, nothing outside of it changes.
 *
 * Functions here give 0 or the errno of what failed, unless they take a struct sherd_error. Names
 * are NUL-terminated and have passed target_name_ok(). A struct target is read-only once it is
 * open: any thread.
 */
#ifndef REPO_TARGET_H
#define REPO_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <base/bytes.h>
#include <base/env.h>
#include <repo/tree.h>
#include <sherd/error.h>
#include <sherd/job.h>

#define TARGET_TEMPORARY_SIZE 40 /* bytes of a temporary name with its NUL */

struct target {
	const struct sherd_env *env;
	int root;               /* the target folder; -1: none */
	bool root_made;         /* by target_open() */
	bool owners;            /* owners are set */
	bool special_bits;      /* setuid and setgid bits are set */
	bool privileged_xattrs; /* security.* and trusted.* too */
	bool xattrs;            /* extended attributes are set */
	char run[16];           /* of this run, in all its temporary names */
	atomic_bool no_openat2; /* the kernel lacks it */
};

/*
 * target_open(t, env, path, make, err):
 * Open ${path} as the target; links in ${path} itself are the user's own choice and are followed.
 * ${make}: make what is missing of it (mode 0700). The permissions (owners ...) are the caller's to
 * set. If it is not there and ${make} is false: success, and root is -1. Errors: NOTFOUND (part of
 * it is no folder), DENIED, NOSPACE, IO, INVALID.
 */
int target_open(struct target *t, const struct sherd_env *env, const char *path, bool make,
	struct sherd_error *err);
void target_close(struct target *t);

/* target_name_ok(name, size): 1..255 bytes, no '/', no NUL, not "." or "..". */
bool target_name_ok(const char *name, size_t size);

/* ---- folders ---- */

/* target_folder_open(t, folder, name, ret_fd, ret_stat): ENOTDIR or ELOOP: something else is there.
 * A folder that may be entered and not read is opened all the same (O_PATH). */
int target_folder_open(
	struct target *t, int folder, const char *name, int *ret_fd, struct stat *ret_stat);

/* target_folder_make(t, folder, name, inherits, ret_fd, ret_stat): mkdir, mode 0700, and open.
 * ${inherits}: the folder around it hands down ACLs: they are removed. EEXIST: something is there.
 */
int target_folder_make(struct target *t, int folder, const char *name, bool inherits, int *ret_fd,
	struct stat *ret_stat);

/* target_folder_up(t, fd, device, inode, ret_fd): the folder that ${fd} is in, if it is the one
 * described; ESTALE if ${fd} was moved elsewhere. */
int target_folder_up(struct target *t, int fd, dev_t device, ino_t inode, int *ret_fd);

/* target_folder_inherits(t, fd): whether what is made in there gets an ACL from it. */
bool target_folder_inherits(struct target *t, int fd);

/* target_open_path(t, path, ret_fd): what is at the relative ${path}, of any length, beneath the
 * target (O_PATH); the last part may be anything, and is not followed. */
int target_open_path(struct target *t, const char *path, int *ret_fd);

/* ---- files ---- */

/* target_temporary(t, number, name): the temporary name of worker ${number}. */
void target_temporary(const struct target *t, unsigned number, char name[TARGET_TEMPORARY_SIZE]);

/* target_file_begin(t, folder, temporary, ret_fd): a new file, mode 0600, under that hidden name.
 */
int target_file_begin(struct target *t, int folder, const char *temporary, int *ret_fd);

/* What may be done to an entry that stands at the name. */
enum target_replace {
	TARGET_KEEP,    /* nothing: EEXIST */
	TARGET_REPLACE, /* anything but a folder that is not empty: ENOTEMPTY, EEXIST */
};

/* target_publish(t, folder, temporary, name, replace): the new entry gets its name. After a failure
 * it still has the temporary one. */
int target_publish(struct target *t, int folder, const char *temporary, const char *name,
	enum target_replace replace);

/* target_discard(t, folder, name): unlink, quietly but for a warning in the log. */
void target_discard(struct target *t, int folder, const char *name);

/* target_stat(t, folder, name, ret): of the entry itself. */
int target_stat(struct target *t, int folder, const char *name, struct stat *ret);

/* target_link(t, fd, folder, name): another name for what ${fd} (O_PATH will do) is. EEXIST. */
int target_link(struct target *t, int fd, int folder, const char *name);

/* ---- attributes (target_attributes.c) ---- */

/* target_mode(t, e, group): the permission bits that ${e} gets: without setuid and setgid unless
 * these may be set, or it is a folder whose group is ${group} already. */
mode_t target_mode(const struct target *t, const struct tree_entry *e, gid_t group);

/*
 * target_attributes(t, fd, e, inherited, err):
 * Give an open file or folder owner, extended attributes, mode and mtime. All are tried; the first
 * that could not be set is told. ${inherited}: an ACL that it has and ${e} has not is removed.
 */
int target_attributes(struct target *t, int fd, const struct tree_entry *e, bool inherited,
	struct sherd_error *err);

/* target_attributes_of(t, folder, name, e, inherited, err): the same for what cannot be opened:
 * links, pipes, nodes. */
int target_attributes_of(struct target *t, int folder, const char *name, const struct tree_entry *e,
	bool inherited, struct sherd_error *err);

/* ---- what is there (target_delete.c) ---- */

/* The names in a folder when the restore came to it, sorted, to find again what it must not touch.
 */
struct target_names {
	struct bytes text;  /* NUL-terminated names, one behind the other */
	const char **names; /* sorted; into text */
	uint8_t *seen;      /* of each name: the snapshot has it */
	size_t count;
};
/* target_names_read(t, fd, ret, err): Errors: NOMEM, IO. target_names_release(n): all zero after.
 */
int target_names_read(struct target *t, int fd, struct target_names *ret, struct sherd_error *err);
void target_names_release(struct target_names *n);
/* target_names_find(n, name): whether it is there. target_names_see(n, name): if so, it is seen. */
bool target_names_find(const struct target_names *n, const char *name);
void target_names_see(struct target_names *n, const char *name);

/* target_delete(t, folder, name, cancel): remove an entry, with all that is in it if it is a
 * folder. Stays on its file system (EXDEV) and follows no links. ECANCELED. */
int target_delete(
	struct target *t, int folder, const char *name, const struct sherd_cancel *cancel);

#endif
