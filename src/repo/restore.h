/* SPDX-License-Identifier: MIT */
/*
 * restore.h - a restore under way, for the files restore*.c.
 *
 * The calling thread walks the snapshot (restore_walk.c) and makes folders, links and nodes;
 * files go in batches to threads (restore_batch.c), each of which writes whole files
 * (restore_file.c). A folder that the walk has left waits until the files in it are there, and then
 * gets its links and attributes (restore_folder.c); folders are finished in the order in which
 * they were left, so a folder comes after all that is in it.
 *
 * One lock, `restore.lock`, guards what threads share; it is not held across a system call, a call
 * to the store or a callback.
 */
#ifndef REPO_RESTORE_H
#define REPO_RESTORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <base/tasks.h>
#include <repo/descent.h>
#include <repo/pattern.h>
#include <repo/repo.h>
#include <repo/target.h>
#include <repo/told.h>

#define RESTORE_FOLDERS_OPEN 48 /* lowest folders of the walk whose descriptors are kept */
#define RESTORE_LEFT_MAX 64     /* folders left and not finished */

struct restore;

/* An entry with bytes of its own. */
struct kept_entry {
	struct tree_entry entry; /* points into bytes */
	uint8_t bytes[];
};
/* restore_keep(e): a copy; NULL without memory. Free with mem_free(). */
struct kept_entry *restore_keep(const struct tree_entry *e);

/* A folder that the walk is in, or has left and not finished. Its descriptor is of the walking
 * thread, but stays open while `pending` is not 0. */
struct folder {
	struct folder *around;   /* NULL: the first one */
	struct folder *below;    /* while unready ones are made ready */
	struct kept_entry *kept; /* NULL: no attributes are set (the target itself) */
	char *name;              /* of the first: its path in the snapshot, "" for the root */
	int fd;
	dev_t device;
	ino_t inode;
	bool ready;                /* made or found; fd is open, or was closed for a while */
	bool blocked;              /* cannot be: nothing in it is restored */
	bool absent;               /* a dry run: it would have been made */
	bool made;                 /* by this run */
	bool owned_fd;             /* fd is closed with it */
	bool leading;              /* only leads to what is restored */
	bool keep;                 /* was there, and its attributes are left */
	bool same;                 /* was there with these attributes */
	bool gaps;                 /* a part of it is lost: what it should have is not known */
	bool inherits;             /* hands down ACLs */
	bool unlisted;             /* its names could not be read: each is asked for */
	bool taken;                /* what is in it is restored, whatever the includes say */
	size_t depth;              /* 0: the first */
	struct target_names names; /* that were there; none if made */
	struct bytes links;        /* struct kept_entry *: symbolic links, made at its end */
	size_t links_size;         /* bytes of these */
	unsigned pending;          /* files under way; under the lock */
};

/* What a thread needs. */
struct restorer {
	struct restorer *next; /* in the list of idle ones */
	uint8_t *buffer;       /* BLOB_SIZE_MAX */
	char temporary[TARGET_TEMPORARY_SIZE];
	struct sherd_restore_result tally; /* not yet added to the result */
	struct sherd_error error;          /* scratch */
};

/* Hard links seen: restore_links.c. */
struct links;

struct batch; /* restore_batch.c */

struct restore {
	struct sherd_repo *repo;
	struct store *store;
	const struct sherd_env *env;
	const struct sherd_snapshot *snapshot;
	const struct sherd_restore_options *options;
	const struct sherd_cancel *cancel;
	struct told told; /* notes and progress */
	struct target target;
	struct patterns *includes, *excludes; /* NULL: none */
	char *only;                           /* in place: the path that is restored; NULL: all */
	struct descent descent;
	struct folder **chain; /* the folders the walk is in, from the first */
	size_t depth, chain_room;
	struct bytes path; /* of the folder the walk is in, with its last slash */
	struct folder *left[RESTORE_LEFT_MAX];
	size_t left_first, left_count;
	struct restorer *walker; /* of the calling thread */
	struct tasks *tasks;
	struct batch *batch; /* being gathered */
	struct links *links;
	atomic_uint_fast64_t reserved; /* bytes written or about to be */
	atomic_bool stopped;

	pthread_mutex_t lock;
	pthread_cond_t settled;             /* some folder's pending became 0 */
	struct sherd_restore_result result; /* under the lock while there are threads */
	struct restorer *idle;              /* under the lock */
	unsigned restorers;                 /* under the lock: made */
	int code;                           /* under the lock: why it stopped */
	struct sherd_error error;           /* likewise */
};

/* ---- stopping and telling (restore_report.c) ---- */

/* restore_stop(r, code, err): the first one counts. */
void restore_stop(struct restore *r, int code, const struct sherd_error *err);
bool restore_going(struct restore *r); /* neither stopped nor cancelled */

/* restore_path(f, name): the path in the snapshot; NULL without memory. */
char *restore_path(const struct folder *f, const char *name);

/* restore_note(r, kind, f, name, err): a note for a path; any thread. ${err} may be NULL. */
void restore_note(struct restore *r, enum sherd_note_kind kind, const struct folder *f,
	const char *name, const struct sherd_error *err);

/* restore_add(into, tally): add and clear. */
void restore_add(struct sherd_restore_result *into, struct sherd_restore_result *tally);

/*
 * restore_failed(r, w, f, name, code, ours): an entry could not be restored: from the store, or
 * (${ours}) because of the target. Tells and counts it, or stops the work if it must not go on.
 */
void restore_failed(struct restore *r, struct restorer *w, const struct folder *f, const char *name,
	int code, bool ours);

/* restore_attribute(r, w, f, name, code): an attribute could not be set; 0: all were. */
void restore_attribute(
	struct restore *r, struct restorer *w, const struct folder *f, const char *name, int code);

/* restorer_take(r, ret, err), restorer_give(r, w): a thread's tools; giving adds its tally. */
int restorer_take(struct restore *r, struct restorer **ret, struct sherd_error *err);
void restorer_give(struct restore *r, struct restorer *w);

/* ---- what is there (restore_there.c) ---- */

enum there_answer {
	THERE_NOTHING, /* make it */
	THERE_REPLACE, /* something is there and gives way */
	THERE_SAME,    /* it is there as it should be: counted */
	THERE_STAYS,   /* something else is there and stays: told and counted */
	THERE_FAILED,  /* told and counted, or the work is stopped */
};
/* restore_there(r, w, f, name, e): may ${e}, no folder, be made there? In ${ret_same}, if not NULL,
 * the stat of what is the same. */
enum there_answer restore_there(struct restore *r, struct restorer *w, struct folder *f,
	const char *name, const struct tree_entry *e, struct stat *ret_same);

/* restore_newer(e, there): whether the entry's mtime is behind that of what is there. */
bool restore_newer(const struct tree_entry *e, const struct stat *there);

/* restore_taken(r, w, f, name): something came to stand at the name meanwhile: told, counted. */
void restore_taken(struct restore *r, struct restorer *w, struct folder *f, const char *name);

/* restore_compare(r, w, fd, e): 1: the open file's content is the entry's; 0: not, or it cannot be
 * read; negative: the content's list could not be read (store). */
int restore_compare(struct restore *r, struct restorer *w, int fd, const struct tree_entry *e);

/* ---- entries ---- */

/* restore_file(r, w, f, e, ret_there): a file; counts, tells. ${ret_there}, if not NULL: its stat,
 * when it is there now (st_ino 0: not). restore_file.c */
void restore_file(struct restore *r, struct restorer *w, struct folder *f,
	const struct tree_entry *e, struct stat *ret_there);

/* restore_special(r, w, f, e): a link, pipe, socket or node. restore_special.c */
void restore_special(
	struct restore *r, struct restorer *w, struct folder *f, const struct tree_entry *e);

/* restore_linked(r, f, e): an entry with more than one name: made once, then linked.
 * restore_links.c */
void restore_linked(struct restore *r, struct folder *f, const struct tree_entry *e);
void restore_links_free(struct links *l);

/* ---- batches (restore_batch.c) ---- */

int restore_batch_add(struct restore *r, struct folder *f, const struct tree_entry *e);
void restore_batch_flush(struct restore *r); /* hand over what is gathered */
void restore_batch_drop(struct restore *r);  /* forget it */

/* ---- folders (restore_folder.c) ---- */

/* restore_folder_enter(r, e, leading): the walk goes into a folder. Lazily: nothing is made yet. */
int restore_folder_enter(struct restore *r, const struct tree_entry *e, bool leading);
/* restore_folder_ready(r): make or find the folder the walk is in, and those around it. False:
 * blocked. */
bool restore_folder_ready(struct restore *r);
/* restore_folder_leave(r): the walk is done with it. */
void restore_folder_leave(struct restore *r);
/* restore_folder_finish_all(r): finish all that were left. */
void restore_folder_finish_all(struct restore *r);
/* restore_folder_first(r, path): the target itself. */
int restore_folder_first(struct restore *r, const char *path);
/* restore_folder_keep_link(r, f, e): a symbolic link, to be made at the end of the folder. */
int restore_folder_keep_link(struct restore *r, struct folder *f, const struct tree_entry *e);
void restore_folder_free(struct restore *r, struct folder *f);

/* restore_walk.c */
void restore_walk(struct restore *r, const uint8_t *root, size_t root_size);
/* restore_close(r): wait for all files, finish all folders. */
void restore_close(struct restore *r);
void restore_one(struct restore *r, const struct tree_entry *e);

#endif
