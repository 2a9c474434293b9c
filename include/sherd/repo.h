/* SPDX-License-Identifier: MIT */
/*
 * repo.h - snapshots in a pool: back up, list, look into, restore, check, repair.
 *
 * A sherd_repo stands on an open sherd_pool (sherd/pool.h), which must outlive it, and is used by
 * one thread at a time; it uses threads of its own. Paths, names and link targets are bytes, not
 * necessarily UTF-8, without a zero. Strings handed to callbacks live until the callback returns.
 * A callback that returns other than 0 stops the work, which returns that value.
 */
#ifndef SHERD_REPO_H
#define SHERD_REPO_H

#include <stddef.h>
#include <stdint.h>
#include <sherd/error.h>
#include <sherd/export.h>
#include <sherd/job.h>
#include <sherd/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHERD_ID_SIZE 32 /* of a snapshot or blob */

struct sherd_repo;

struct sherd_repo_options {
	const char
		*cache; /* folder for what can be made again (index); NULL: none is kept, memory */
	unsigned
		threads; /* that compute; 0: one for each processor; 1 with the pool inline: none */
	size_t memory;   /* bytes for packs in flight and caches; 0: 192 MiB */
	int no_cache;    /* rebuild the index from the pool, trust nothing kept */
};

/*
 * sherd_repo_open(pool, options, ret_repo, err):
 * Bring the local index up to date with the heads the pool shows.
 * A head whose index cannot be read is left out (quarantined), and told by status.
 * Errors: NOMEM, IO, NOSPACE (cache), CANCELLED.
 */
SHERD_API int sherd_repo_open(struct sherd_pool *pool, const struct sherd_repo_options *options,
	struct sherd_repo **ret_repo, struct sherd_error *err);
SHERD_API void sherd_repo_free(struct sherd_repo *repo);

/* Something that a person should hear of while work goes on. */
enum sherd_note_kind {
	SHERD_NOTE_UNREADABLE, /* a source file or its attribute could not be read: left out */
	SHERD_NOTE_VANISHED,   /* a source file went away while it was to be read */
	SHERD_NOTE_CHANGED,   /* a source file changed while it was read, twice: saved and marked */
	SHERD_NOTE_LOST,      /* data of this path cannot be restored */
	SHERD_NOTE_EXISTS,    /* restore: something else is there and was left as it is */
	SHERD_NOTE_ATTRIBUTE, /* restore: the content is right, an attribute could not be set */
	SHERD_NOTE_SHARE,     /* a share was bad or missing where it was needed; path is its name */
	SHERD_NOTE_REFUSED,   /* restore: an entry was not made (unsafe, or it needs more rights) */
	SHERD_NOTE_DELETED,   /* restore --delete: removed */
};
struct sherd_note {
	enum sherd_note_kind kind;
	const char *path;
	const char *place;             /* of a share; else NULL */
	const struct sherd_error *why; /* may be NULL */
};

/* What long work reports; called from the calling thread only, a few times a second at most. */
struct sherd_place_progress {
	const char *name;
	uint64_t bytes; /* moved to or from it by this work */
	int failing;    /* its last call failed, or it is slow */
};
struct sherd_repo_progress {
	uint64_t files_done, files_total; /* total 0: not known yet */
	uint64_t bytes_done, bytes_total; /* of files */
	uint64_t bytes_new;               /* backup: not in the pool before */
	uint64_t bytes_moved;             /* to or from places, all together */
	const char *current;              /* a path being worked on, or NULL */
	const struct sherd_place_progress *places;
	size_t place_count;
};
struct sherd_repo_hooks {
	const struct sherd_cancel *cancel; /* NULL: the pool's */
	void (*progress)(void *context, const struct sherd_repo_progress *progress);
	int (*note)(void *context, const struct sherd_note *note);
	void *context;
};

/* ---- backup ---- */

struct sherd_backup_options {
	const char *const *paths; /* absolute or relative to the working folder; path_count >= 1 */
	size_t path_count;
	int stdin_fd;                /* with stdin_name: the content comes from here */
	const char *stdin_name;      /* not NULL: no paths; one file of this name in the root */
	const char *const *excludes; /* gitignore patterns, in order */
	size_t exclude_count;
	int exclude_caches; /* folders that hold a CACHEDIR.TAG: their contents */
	const char *const *exclude_if_present; /* NAME: folders that hold NAME: their contents */
	size_t exclude_if_present_count;
	uint64_t exclude_larger_than; /* files of more bytes; 0: no limit */
	int one_file_system;
	int force_read; /* read all files, whatever their metadata says */
	int no_xattrs;
	int dry_run; /* read and count, store nothing */
	int no_scan; /* do not count files beforehand for the progress */
	const char *const *tags;
	size_t tag_count;
	const char *name, *user, *version; /* of the snapshot; NULL: "", the user's, none */
	uint64_t time_ns;                  /* 0: now */
	unsigned need;                     /* verified shares of each pack; 0: the pool's default */
	int compression;                   /* zstd level 1..19; 0: the default; -1: off */
};

struct sherd_backup_result {
	uint8_t snapshot[SHERD_ID_SIZE]; /* zeros for a dry run */
	uint64_t files, folders, others;
	uint64_t files_new, files_changed, files_same; /* against the parent snapshot */
	uint64_t files_unreadable;                     /* left out, vanished ones included */
	uint64_t files_torn;                           /* changed while being read, marked */
	uint64_t bytes, bytes_read;                    /* of files; actually read */
	uint64_t bytes_new;                            /* not in the pool before, plain */
	uint64_t bytes_packed; /* new, compressed and sealed, padding included, before parity */
	uint64_t bytes_stored; /* at all places together */
	uint64_t packs;
	unsigned shares_least; /* least number of verified shares of a new pack; m if none is new */
	int spare;             /* failure domains that may still vanish; -1: unknown */
	unsigned places_complete; /* places that have all that they should have of it */
	unsigned places_total;
	uint64_t head_seq, duration_ns;
	char missing[256]; /* for people: which place lacks what and why; "" */
};

/*
 * sherd_backup(repo, options, hooks, ret_result, err):
 * Save the paths as a new snapshot, whose tree has the full absolute paths. A file is not
 * read again if the parent (the newest snapshot of this host with the same paths) has it with the
 * same ctime, inode, length and mtime, and its blobs are known to be there. What cannot be
 * read is told and left out; the rest is saved (files_unreadable).
 * When it returns 0 the snapshot is acknowledged (DESIGN promise 1). Otherwise nothing is visible,
 * and what was stored is used by the next backup of this device. Errors: NOTFOUND (none of the
 * paths is there), QUORUM (too few places; names them), STALE (the heads' freshness is unproven),
 * DENIED (the pool is open read-only), CANCELLED, NOSPACE, NOMEM, ...
 */
SHERD_API int sherd_backup(struct sherd_repo *repo, const struct sherd_backup_options *options,
	const struct sherd_repo_hooks *hooks, struct sherd_backup_result *ret_result,
	struct sherd_error *err);

/* ---- snapshots ---- */

struct sherd_snapshot {
	uint8_t id[SHERD_ID_SIZE];
	uint8_t parent[SHERD_ID_SIZE]; /* zeros: none */
	uint64_t time_ns, ended_ns;
	const char *host, *user, *name, *version;
	const char *const *paths;
	size_t path_count;
	const char *const *tags;
	size_t tag_count;
	uint64_t files, folders, others, bytes, bytes_new, bytes_packed, bytes_stored;
	int incomplete; /* some source files could not be read */
	int from_stdin;
};

/* sherd_snapshots(repo, ret_count): all snapshots of all devices, oldest first; valid until the
 * next backup or free. */
SHERD_API const struct sherd_snapshot *sherd_snapshots(struct sherd_repo *repo, size_t *ret_count);

/*
 * sherd_snapshot_find(repo, text, host, ret, err):
 * The snapshot that ${text} means: an id prefix of 4 hex digits or more, "latest", "latest~N" (N
 * before it), "@TIME" (the newest not after TIME: 2026-11-01, 2026-11-01T10:00[:00], local), or the
 * name given to a backup (the newest). ${host} NULL: of all hosts. Errors: NOTFOUND, DUPLICATE (a
 * prefix of several), INVALID.
 */
SHERD_API int sherd_snapshot_find(struct sherd_repo *repo, const char *text, const char *host,
	const struct sherd_snapshot **ret, struct sherd_error *err);

/* How the packs of a snapshot stand, by name (no data is read), from what was last seen of them. */
struct sherd_snapshot_health {
	uint64_t packs;
	unsigned places_least; /* the least number of places over its packs */
	int spare;             /* the least spare over its packs; -1: something is lost */
	uint64_t missing_shares;
	char why[160]; /* "b2 missing 12 packs"; "" */
};
/*
 * sherd_snapshot_health(repo, ids, count, ask, ret_health, err):
 * ${ask} 0: from the index and the shares known missing; 1: every share's size is asked at its
 * place.
 */
SHERD_API int sherd_snapshot_health(struct sherd_repo *repo,
	const struct sherd_snapshot *const *snapshots, size_t count, int ask,
	struct sherd_snapshot_health *ret_health, struct sherd_error *err);

/* ---- looking into a snapshot ---- */

enum sherd_entry_type {
	SHERD_ENTRY_FILE = 1,
	SHERD_ENTRY_FOLDER,
	SHERD_ENTRY_SYMLINK,
	SHERD_ENTRY_FIFO,
	SHERD_ENTRY_SOCKET,
	SHERD_ENTRY_CHARACTER,
	SHERD_ENTRY_BLOCK,
};
struct sherd_entry {
	const char *path; /* full path within the snapshot, begins with '/' */
	enum sherd_entry_type type;
	unsigned mode; /* 07777 */
	uint32_t uid, gid, links;
	const char *owner, *group; /* "" if unknown */
	int64_t mtime_s, ctime_s;
	uint32_t mtime_ns, ctime_ns;
	uint64_t length, inode;
	const char *target; /* of a symbolic link; else NULL */
	uint32_t device_major, device_minor;
	int torn;               /* changed while it was read */
	const uint8_t *content; /* hash of where its content is: equal hashes, equal content */
};
typedef int sherd_entry_told(void *context, const struct sherd_entry *entry);

/*
 * sherd_list(repo, snapshot, path, recursive, told, context, err):
 * Tell of ${path} (NULL or "/": the root): of a folder its entries, in order of names (with all
 * below, each folder before what is in it, if recursive), of anything else itself. Parts that
 * cannot be read: told of what can, then LOST. Errors: NOTFOUND, LOST, QUORUM, CANCELLED, NOMEM.
 */
SHERD_API int sherd_list(struct sherd_repo *repo, const struct sherd_snapshot *snapshot,
	const char *path, int recursive, sherd_entry_told *told, void *context,
	struct sherd_error *err);

enum sherd_change {
	SHERD_CHANGE_ADDED,
	SHERD_CHANGE_REMOVED,
	SHERD_CHANGE_CONTENT, /* modified: content, or target */
	SHERD_CHANGE_META,    /* only attributes */
	SHERD_CHANGE_TYPE,    /* another type of file */
};
typedef int sherd_diff_told(void *context, enum sherd_change change,
	const struct sherd_entry *before,
	const struct sherd_entry *after); /* NULL where there is none */

/* sherd_diff(...): differences from ${a} to ${b} at or below the path, in order of paths; equal
 * subtrees are not read. Errors as sherd_list(). */
SHERD_API int sherd_diff(struct sherd_repo *repo, const struct sherd_snapshot *a,
	const struct sherd_snapshot *b, const char *path, sherd_diff_told *told, void *context,
	struct sherd_error *err);

/* sherd_cat(repo, snapshot, path, fd, hooks, err): write the content of a file to ${fd}, holes as
 * zeros. Errors: NOTFOUND, INVALID (no file), LOST, QUORUM, IO (writing), CANCELLED. */
SHERD_API int sherd_cat(struct sherd_repo *repo, const struct sherd_snapshot *snapshot,
	const char *path, int fd, const struct sherd_repo_hooks *hooks, struct sherd_error *err);

/* ---- restore ---- */

enum sherd_overwrite {
	SHERD_OVERWRITE_NEVER,  /* what is there stays; differing files are told (EXISTS) */
	SHERD_OVERWRITE_NEWER,  /* replaced if the snapshot's mtime is newer */
	SHERD_OVERWRITE_DIFFER, /* replaced if length, mtime or (both equal) nothing differs: see
				   below */
	SHERD_OVERWRITE_ALWAYS,
};
struct sherd_restore_options {
	const char *path;   /* NULL: all of the snapshot, full paths beneath target */
	const char *target; /* folder; made if not there. "/" with path NULL: in place */
	int in_place;       /* target is "/": back to where it came from */
	enum sherd_overwrite overwrite;
	int delete_extra; /* entries of restored folders that the snapshot has not are removed */
	int dry_run;
	const char *const *includes; /* patterns: only what matches (and what leads to it) */
	size_t include_count;
	const char *const *excludes;
	size_t exclude_count;
	int no_owner; /* do not set owners (default for other than root) */
	int no_xattrs;
	int devices;   /* make device nodes, and restore setuid bits though owners are not set */
	int no_sparse; /* write holes as zeros */
	int verify;    /* read back and compare all that was written */
	uint64_t max_bytes; /* refuse to write more; 0: no limit */
};
struct sherd_restore_result {
	uint64_t files, folders, others; /* made or brought up to date */
	uint64_t same;                   /* were there already as they should be */
	uint64_t bytes;                  /* of files written */
	uint64_t skipped;                /* EXISTS: differing files left as they are */
	uint64_t lost;                   /* files that could not be restored */
	uint64_t attributes;             /* entries with an attribute that could not be set */
	uint64_t refused, deleted;
	uint64_t bad_shares; /* wrong or missing shares met */
	uint64_t duration_ns;
};
/*
 * sherd_restore(repo, snapshot, options, hooks, ret_result, err):
 * Everything written is verified by blob ids, and nothing is written outside the target: no
 * symbolic link is followed, not even one that somebody puts there meanwhile. A file appears under
 * its name only when it is whole. With options->path a folder's contents become the target's, a
 * file goes into the target. DIFFER compares type, length and mtime, and the content by blob ids
 * where these are equal but ctime is not known: equal files are not written again. Success with
 * lost > 0 is possible: each lost file was told (LOST); everything else is there. Errors: NOTFOUND
 * (no such path), NOSPACE, DENIED, QUORUM, CANCELLED, ...
 */
SHERD_API int sherd_restore(struct sherd_repo *repo, const struct sherd_snapshot *snapshot,
	const struct sherd_restore_options *options, const struct sherd_repo_hooks *hooks,
	struct sherd_restore_result *ret_result, struct sherd_error *err);

/* ---- check, repair, status ---- */

struct sherd_place_check {
	const char *name;
	uint64_t shares_wanted, shares_good, shares_missing, shares_bad, shares_unasked;
	uint64_t bytes_good;                   /* size of good shares */
	uint64_t bytes_verified;               /* actually read and verified */
	uint64_t records_missing, records_bad; /* control records */
	int unreachable;
};
struct sherd_check_options {
	double read_percent; /* 0: presence by name only; 100: every byte of every share */
	int deep;            /* with reading: decrypt and decompress too, verify every blob's id */
};
struct sherd_check_result {
	const struct sherd_place_check *places; /* valid until the next call with this repo */
	size_t place_count;
	uint64_t packs, packs_whole, packs_degraded, packs_lost, packs_read;
	uint64_t blobs_bad; /* deep: wrong though the shares are right */
	uint64_t snapshots_whole, snapshots_degraded, snapshots_lost;
	int spare; /* the least over all packs needed; -1 */
	uint64_t bytes_read, duration_ns;
};
/* sherd_check(...): Errors: QUORUM (fewer than k places answer), CANCELLED, NOMEM. What is missing
 * or bad is remembered for status and repair. Lost packs and the files they hurt are told as LOST
 * notes. */
SHERD_API int sherd_check(struct sherd_repo *repo, const struct sherd_check_options *options,
	const struct sherd_repo_hooks *hooks, struct sherd_check_result *ret_result,
	struct sherd_error *err);

struct sherd_repair_options {
	const char *place; /* only shares that belong to this place; NULL: all */
	int dry_run;
	int read_all; /* look for bad shares by reading everything first */
};
struct sherd_repair_result {
	uint64_t packs_looked_at, packs_repaired, packs_failed, packs_lost;
	uint64_t shares_written, shares_wanted; /* wanted: what a dry run would write */
	uint64_t bytes_written, records_written, duration_ns;
	int spare;
};
/* sherd_repair(...): make missing and bad shares again, move shares of places that left the set,
 * bring control records to places that lack them; then publish where shares are now. Errors:
 * QUORUM, DENIED, CANCELLED ... */
SHERD_API int sherd_repair(struct sherd_repo *repo, const struct sherd_repair_options *options,
	const struct sherd_repo_hooks *hooks, struct sherd_repair_result *ret_result,
	struct sherd_error *err);

/* From what is known without reading data: shares recorded, known missing or bad, places up. */
struct sherd_status {
	struct {
		uint64_t shares_wanted, shares_there, bytes;
	} * places; /* in the order of sherd_pool_places() */
	size_t place_count;
	uint64_t packs, packs_degraded, packs_lost;
	int spare;      /* any so many more places may be lost; -1: data is lost */
	int full_spare; /* m - k, or what the number of domains allows */
	uint64_t repair_bytes;
	uint64_t snapshots, blobs, index_bytes;
	uint64_t last_backup_ns, last_check_ns; /* 0: never */
	const char *last_backup_host;
	uint64_t quarantined; /* heads left out */
};
/* sherd_status(repo, ret, err): valid until the next call with this repo. */
SHERD_API int sherd_status(
	struct sherd_repo *repo, struct sherd_status *ret, struct sherd_error *err);

/* ---- plan: no pool is needed ---- */

struct sherd_plan_row {
	unsigned k, n, may_lose;
	double stored;          /* n / k */
	double loss_year;       /* probability that data is lost within a year (Markov, trust.md) */
	double unreadable;      /* probability that data cannot be read at some moment */
	double loss_unrepaired; /* within five years if nothing is ever repaired */
};
struct sherd_plan_options {
	unsigned places; /* n */
	const unsigned
		*domains; /* places of each failure domain; adds up to n. NULL: each its own */
	size_t domain_count;
	double place_loss_year; /* 0: 0.05 */
	double repair_days;     /* 0: 30 */
	double place_down; /* probability that a place cannot be read at some moment; 0: 0.01 */
};
/* sherd_plan(options, rows, ret_count, err): a row for each k = 1..n; room for n rows. */
SHERD_API int sherd_plan(const struct sherd_plan_options *options, struct sherd_plan_row *rows,
	size_t *ret_count, struct sherd_error *err);

#ifdef __cplusplus
}
#endif
#endif
