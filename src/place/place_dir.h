/* SPDX-License-Identifier: MIT */
/*
 * place_dir.h - inside of the folder backend: what place_dir.c, place_dir_put.c and
 * place_dir_list.c share. All of it may be called from any thread.
 */
#ifndef PLACE_PLACE_DIR_H
#define PLACE_PLACE_DIR_H

#include <stdatomic.h>
#include <sys/types.h>
#include <place/place.h>

struct place_dir {
	struct place place;
	const struct sherd_env *env;
	int root;             /* the folder */
	int base;             /* from where ${path} leads to it: AT_FDCWD or a descriptor */
	char *path;           /* owned */
	dev_t device;         /* what it was when it was opened */
	ino_t inode;          /* the same */
	atomic_uint unsynced; /* folders made whose entry in their parent may not be durable */
	atomic_bool swept;    /* old temporaries were looked for */
};

#define DIR_TEMPORARY ".tmp-" /* how names of unfinished files begin */

#define DIR_ALIGNED 4096 /* what O_DIRECT wants addresses and sizes to be multiples of */
#define DIR_DIRECT_MIN ((size_t)1 << 20) /* bytes from which on it pays */

/* dir_check_root(d, err): whether the folder is still reachable by its path. Errors: OFFLINE,
 * DENIED, IO. */
int dir_check_root(struct place_dir *d, struct sherd_error *err);

/* dir_failed(d, os_errno, absent, err, doing, name): what a failed system call means. "There is no
 * such thing" means ${absent} (NOTFOUND where that is an answer, else IO) if the folder as a whole
 * is there, OFFLINE if not. The message: "cannot ${doing} '${name}': ...". */
int dir_failed(struct place_dir *d, int os_errno, int absent, struct sherd_error *err,
	const char *doing, const char *name);

/* dir_open_folder(d, path, length, create, ret_fd): open the folder that the first ${length} bytes
 * of ${path} name (0: the root), following no link; with ${create} make what is missing. The caller
 * closes. 0, or an errno. */
int dir_open_folder(struct place_dir *d, const char *path, size_t length, bool create, int *ret_fd);

/* dir_open_below(d, folder, part): open a folder in a folder: its descriptor, or -1 with errno. */
int dir_open_below(struct place_dir *d, int folder, const char *part);

/* dir_last(name): its last part. */
const char *dir_last(const char *name);

/* dir_sync(d, fd): 0 or an errno; folders that cannot be synced are as durable as they can be. */
int dir_sync(struct place_dir *d, int fd);

/* dir_sync_folder(d, folder, name): make durable what changed in the folder of ${name}, and the way
 * to it if that is in doubt. 0, or an errno. */
int dir_sync_folder(struct place_dir *d, int folder, const char *name);

/* place_dir_put.c and place_dir_list.c: the calls of the same name. */
int dir_put(struct place *p, const char *name, const struct iovec *parts, size_t count,
	struct sherd_error *err);
int dir_list(struct place *p, const char *prefix, const char *after, struct place_page *ret_page,
	struct sherd_error *err);

/* Reading a folder: dir_read_begin(), dir_read() until it gives no entry. */
struct dir_reader {
	struct place_dir *d;
	int fd;
	size_t at, have;
	_Alignas(8) char buffer[32768];
};
struct dir_entry {
	const char *name;  /* valid until the next call */
	bool folder, file; /* neither: something else, or gone */
};

/* dir_read_begin(r, d, fd): from the start of the folder at ${fd}. 0, or an errno. */
int dir_read_begin(struct dir_reader *r, struct place_dir *d, int fd);

/* dir_read(r, ret_entry): the next entry, in no order; its name is NULL at the end. 0, or an errno.
 */
int dir_read(struct dir_reader *r, struct dir_entry *ret_entry);

/* dir_sweep(d, now_seconds): remove temporaries older than a day by the store's clock, which shows
 * ${now_seconds}. What cannot be removed stays. */
void dir_sweep(struct place_dir *d, int64_t now_seconds);

#endif
