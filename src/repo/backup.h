/* SPDX-License-Identifier: MIT */
/*
 * backup.h - what the files of a backup share. One struct backup is one run, in one thread.
 *
 *   backup.c         the run: options, parent, walk, commit, result
 *   backup_paths.c   the paths asked for as one tree; patterns tied to them
 *   backup_walk.c    a stack of open folders, each name looked at once
 *   backup_file.c    one file: unchanged, a second name of one read before, or read
 *   backup_stream.c  a large or sparse file, or standard input: cut into blobs as it comes
 *   backup_batch.c   small files gathered, so that their hashes are computed side by side
 *   backup_folder.c  entries, whose ids may be missing still, become the blobs of a folder
 *   backup_links.c   what was read under another name
 *   backup_tell.c    notes, progress, paths
 *   backup_scan.c    counting ahead, for the progress
 */
#ifndef REPO_BACKUP_H
#define REPO_BACKUP_H

#include <repo/chunker.h>
#include <repo/content.h>
#include <repo/health.h>
#include <repo/pattern.h>
#include <repo/repo.h>
#include <repo/source.h>
#include <repo/tree_entry.h>

struct backup;

/* ---- paths ---- */

/* A path asked for, or a folder on the way to one. Names ascend. */
struct wanted {
	char *name;
	struct wanted *children;
	size_t count, room;
	bool whole;    /* asked for: with everything beneath */
	bool followed; /* it ended in '/': a link there means its folder */
};

struct backup_paths {
	struct wanted root;
	char **list; /* absolute, in order, none twice: what the snapshot is found by */
	size_t count;
	bool all; /* "/" itself was asked for */
};
/* Errors: INVALID, NOTFOUND (no working folder), NOMEM. Release in any case. */
int backup_paths_init(
	struct backup_paths *p, const char *const *paths, size_t count, struct sherd_error *err);
void backup_paths_release(struct backup_paths *p);

/* backup_patterns(paths, texts, count, ret, err): patterns with a '/' are tied to each of the
 * paths, and, if they begin with one, to the root too. ${ret} is NULL if there are none. */
int backup_patterns(const struct backup_paths *paths, const char *const *texts, size_t count,
	struct patterns **ret, struct sherd_error *err);

/* ---- folders being made ---- */

struct slot {
	size_t at;     /* of the entry in `encoded` */
	uint32_t size; /* with its size field */
	bool ready;    /* else its id, or all of it, is not known yet */
};

struct folder {
	struct folder *before, *after; /* of all of a backup */
	struct folder *parent;         /* NULL: the root */
	size_t parent_slot;
	struct tree_entry own; /* of the folder, but for its content; pointers into `keep` */
	struct bytes keep;     /* name, then attributes */
	struct bytes prior;    /* its entry in the parent snapshot; empty: it had none */
	struct bytes prior_content;
	struct bytes encoded;
	struct slot *slots;
	size_t count, room;
	size_t done;                /* slots that the writer has */
	size_t pending;             /* slots not ready */
	bool queued;                /* to be completed by the flush that is under way */
	bool walked;                /* no other entry will come */
	bool same;                  /* so far byte for byte what the parent snapshot has */
	struct tree_writer *writer; /* made when it is needed */
};

/* backup_folder_new(b, parent, own, prior, ret): a folder in ${parent} (NULL: the root).
 * Copies what own and prior (may be NULL) point to. NOMEM. */
int backup_folder_new(struct backup *b, struct folder *parent, const struct tree_entry *own,
	const struct tree_entry *prior, struct folder **ret, struct sherd_error *err);
/* backup_folder_enter(f): its parent waits for it from now on. */
int backup_folder_enter(struct folder *f, struct sherd_error *err);
/* backup_folder_drop(b, f): free. */
void backup_folder_drop(struct backup *b, struct folder *f);
/* backup_folder_add(b, f, e, prior): an entry that is complete. ${prior}: what the parent snapshot
 * has under the name, or NULL. */
int backup_folder_add(struct backup *b, struct folder *f, const struct tree_entry *e,
	const struct tree_entry *prior, struct sherd_error *err);
/* backup_folder_add_raw(b, f, prior): the entry of the parent snapshot, unchanged. */
int backup_folder_add_raw(struct backup *b, struct folder *f, const struct tree_entry *prior,
	struct sherd_error *err);
/* backup_folder_add_pending(f, e, ret_slot, ret_at): an entry whose content is one blob with an id
 * that is not known yet, and stands at ${ret_at} of the encoded entry. */
int backup_folder_add_pending(struct folder *f, const struct tree_entry *e, size_t *ret_slot,
	size_t *ret_at, struct sherd_error *err);
/* backup_folder_fix(f, slot, at, id): the id is known. */
void backup_folder_fix(struct folder *f, size_t slot, size_t at, const struct hash *id);
/* backup_folder_complete(b, f): if it is walked and nothing is pending, write it, and then its
 * parents of which the same holds; they are freed. */
int backup_folder_complete(struct backup *b, struct folder *f, struct sherd_error *err);

/* ---- files read under another name ---- */

#define LINKS_MAX 16384 /* remembered at one time */

struct link {
	uint64_t device, inode; /* inode 0: an empty slot */
	uint64_t length;
	int64_t ctime_s;
	uint32_t ctime_ns;
	uint8_t *content; /* owned */
	size_t content_size;
	uint64_t batch; /* number of the batch that will give the id; 0: it is known */
	uint32_t item;
};
struct links {
	struct link *slots; /* made at first use */
	size_t count;
};
void backup_links_release(struct links *l);
/* backup_links_find(l, st): the file, if it is remembered and has not changed since; else NULL. */
struct link *backup_links_find(const struct links *l, const struct source_stat *st);
/* backup_links_add(b, st, content, size, ret): remember; NULL in ${ret}, and success, if there is
 * no memory for it. */
int backup_links_add(struct backup *b, const struct source_stat *st, const uint8_t *content,
	size_t size, struct link **ret, struct sherd_error *err);

/* ---- small files ---- */

#define BATCH_SIZE (2u << 20) /* bytes, at least; a file of chunk_min bytes always fits */
#define BATCH_ITEMS 1024

struct fix {
	struct folder *folder; /* NULL: a link */
	struct link *link;
	size_t slot, at;
	uint32_t item;
};
struct batch {
	uint8_t *buffer;
	size_t size, used;
	struct store_item *items;
	uint32_t count;
	struct fix *fixes;
	size_t fix_count, fix_room;
	uint64_t number; /* from 1 */
};
int backup_batch_init(struct batch *batch, size_t file_max, struct sherd_error *err);
void backup_batch_release(struct batch *batch);
/* backup_batch_room(b, size, ret): room for a file of so many bytes, after a flush if need be. */
int backup_batch_room(struct backup *b, size_t size, uint8_t **ret, struct sherd_error *err);
/* backup_batch_add(b, size): the first ${size} >= 1 bytes of that room are a blob; its number. */
uint32_t backup_batch_add(struct backup *b, size_t size);
/* backup_batch_fix(b, fix): tell so when the id is there. NOMEM. */
int backup_batch_fix(struct backup *b, const struct fix *fix, struct sherd_error *err);
/* backup_batch_flush(b): ids are asked for and told; folders that were waiting are written. */
int backup_batch_flush(struct backup *b, struct sherd_error *err);

/* ---- large files ---- */

struct stream {
	struct chunker chunker;
	uint8_t *buffer; /* made at first use */
	size_t size;
	struct content_writer content;
};
#define STREAM_SIZE (8u << 20)
#define STREAM_ITEMS 64

int backup_stream_init(struct stream *s, struct store *store, struct sherd_error *err);
void backup_stream_release(struct stream *s);
/* backup_stream_file(b, fd, st, out, ret_got, ret_failed, err): replaces ${out} by the content of a
 * file of st->length bytes; fewer if it ends before. ret_failed: errno of a read that failed, and
 * then nothing else holds. */
int backup_stream_file(struct backup *b, int fd, const struct source_stat *st, struct bytes *out,
	uint64_t *ret_got, int *ret_failed, struct sherd_error *err);
/* backup_stream_input(b, fd, out, ret_got, err): the same of what can be read from ${fd}. */
int backup_stream_input(
	struct backup *b, int fd, struct bytes *out, uint64_t *ret_got, struct sherd_error *err);

/* ---- the walk ---- */

struct frame {
	struct frame *up, *down; /* the folder it is in; the one in it that is open */
	struct folder *folder;
	unsigned depth;
	int fd; /* -1: closed to spare descriptors */
	uint64_t device, inode;
	uint64_t device_begun; /* of the path asked for: where one_file_system stays */
	enum source_kind kind; /* how it was opened */
	struct source_names names;
	size_t next;
	const struct wanted *wanted; /* only these; NULL: everything */
	struct tree_reader *prior;   /* NULL: nothing to compare with, or no more */
	struct tree_entry prior_entry;
	bool prior_there; /* prior_entry is one, not used yet */
	size_t path_size; /* of the backup's path when this folder is the present one */
};

struct backup_place {
	uint64_t device, inode;
};

struct backup {
	struct sherd_repo *repo;
	struct store *store;
	const struct sherd_env *env;
	const struct sherd_backup_options *options;
	const struct sherd_repo_hooks *hooks; /* may be NULL */
	const struct sherd_cancel *cancel;
	struct sherd_backup_result result; /* as far as it has come */
	uint64_t partial; /* read of the file at hand, which the result does not count yet */
	const struct sherd_snapshot *parent;
	struct backup_paths paths;
	struct patterns *patterns; /* NULL: none */
	struct source_owners *owners;
	struct backup_place *places; /* folders that are places of this pool */
	size_t place_count;
	struct batch batch;
	struct stream stream;
	struct links links;
	struct frame *top;
	struct folder *folders; /* all that are not complete */
	struct bytes path;      /* of the present folder, "" for the root; no NUL */
	struct bytes xattrs;    /* working space */
	struct bytes content;   /* likewise */
	uint8_t *dents;         /* likewise, SOURCE_DENTS_SIZE bytes */
	struct bytes root;      /* content of the root, at the end */
	size_t wanted_found;    /* of the paths asked for */
	uint32_t user;          /* effective user id */
	bool incomplete;
	struct health_progress progress;
	bool progress_begun;
	struct scan *scan; /* counts ahead; NULL: it does not */
};

/* backup_walk(b, root, root_size, err): the paths, against the parent's root (NULL: none), into
 * b->root. */
int backup_walk(struct backup *b, const uint8_t *root, size_t root_size, struct sherd_error *err);

/* backup_file(b, name, st, prior): one regular file of the present folder. */
int backup_file(struct backup *b, const char *name, const struct source_stat *st,
	const struct tree_entry *prior, struct sherd_error *err);

/* backup_owners(b, e): fill in the names of owner and group. */
void backup_owners(struct backup *b, struct tree_entry *e);
/* backup_xattrs(b, fd, name, e): fill in the extended attributes; they live until the next call. */
int backup_xattrs(
	struct backup *b, int fd, const char *name, struct tree_entry *e, struct sherd_error *err);

/* ---- telling ---- */

/* The path of a name in the present folder, in b->path until backup_path_end(); "" for the folder
 * itself. NULL without memory. */
const char *backup_path(struct backup *b, const char *name);
void backup_path_end(struct backup *b);

/* backup_lost(b, name, os_errno): a name that cannot be saved: noted and counted. 0, or what the
 * hook returned. backup_note(): only noted. */
int backup_lost(struct backup *b, const char *name, int os_errno, struct sherd_error *err);
int backup_note(struct backup *b, enum sherd_note_kind kind, const char *name,
	const struct sherd_error *why, struct sherd_error *err);

/* backup_tell(b, name, more): ${more} bytes were read; progress if it is time. CANCELLED. */
int backup_tell(struct backup *b, const char *name, uint64_t more, struct sherd_error *err);

/* ---- counting ahead ---- */

/* backup_scan_start(b, ret): a thread that counts files and bytes; NULL if it cannot be started. */
struct scan *backup_scan_start(const struct backup *b);
/* backup_scan_result(s, ret_files, ret_bytes): true once it has come to the end. */
bool backup_scan_result(const struct scan *s, uint64_t *ret_files, uint64_t *ret_bytes);
void backup_scan_stop(struct scan *s);

#endif
