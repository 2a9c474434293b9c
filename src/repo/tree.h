/* SPDX-License-Identifier: MIT */
/*
 * tree.h - folders as blobs: entries, parts, contents (docs/format.md, 11). Reading is bounded by
 * the bytes given, writing is deterministic. Single-threaded objects.
 */
#ifndef REPO_TREE_H
#define REPO_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <base/cursor.h>
#include <crypt/secret.h>
#include <repo/store.h>
#include <sherd/error.h>

#define TREE_NAME_MAX 255
#define TREE_TARGET_MAX 4095
#define TREE_OWNER_MAX 1024                /* bytes of the name of an owner or group */
#define TREE_ENTRY_MAX ((3u << 20) - 4096) /* bytes of one entry behind its size field */
#define TREE_XATTRS_MAX (1u << 20)         /* bytes of all attributes of one entry */
#define TREE_PART_AIM (1u << 20)           /* a part is closed at this size at the latest */
#define TREE_DEPTH_MAX 3                   /* of a content */
#define TREE_RUNS_MAX 8192                 /* of one content */

enum tree_type {
	TREE_FILE = 1,
	TREE_FOLDER,
	TREE_SYMLINK,
	TREE_FIFO,
	TREE_SOCKET,
	TREE_CHARACTER,
	TREE_BLOCK,
};
#define TREE_FLAG_TORN 1 /* changed while it was read */

/* One entry; pointers are into somebody's bytes: those parsed, or the maker's. */
struct tree_entry {
	uint8_t type, flags;
	uint16_t mode;
	uint32_t uid, gid, links;
	int64_t mtime_s, ctime_s, btime_s;
	uint32_t mtime_ns, ctime_ns, btime_ns;
	bool has_btime, has_link;
	uint64_t length, inode;
	uint64_t link_device, link_inode;
	uint32_t device_major, device_minor;
	const char *name; /* not NUL-terminated */
	size_t name_size;
	const uint8_t *content; /* encoded, 11.3; NULL: none (an empty file or folder has a content
				   of 0 runs) */
	size_t content_size;
	const uint8_t *xattrs; /* encoded; NULL: none */
	size_t xattrs_size;
	const char *target, *owner, *group; /* not NUL-terminated; NULL: none */
	size_t target_size, owner_size, group_size;
	const uint8_t *unknown; /* fields with tags unknown here, as they are; NULL: none */
	size_t unknown_size;
	const uint8_t *
		raw; /* the whole entry as it is encoded, its size field included; set by reading */
	size_t raw_size;
};

/* Reading a part: tree_part_open(), then tree_part_next() until it gives false. */
struct tree_part {
	struct cursor cursor;
	uint32_t left;
	const char *last_name; /* of the entry before, to see that names ascend */
	size_t last_size;
};
/* tree_part_open(p, data, size, err): Errors: CORRUPT, NEWER. */
int tree_part_open(struct tree_part *p, const uint8_t *data, size_t size, struct sherd_error *err);
/* tree_part_next(p, ret, err): 1: an entry; 0: the end, and all bytes were used; CORRUPT. */
int tree_part_next(struct tree_part *p, struct tree_entry *ret, struct sherd_error *err);

/* tree_entry_write(e, out): append the encoding of an entry (fields in order of tags). */
void tree_entry_write(const struct tree_entry *e, struct bytes *out);

/* Extended attributes: append one (names ascending); read one after the other. */
void tree_xattr_begin(struct bytes *out);
void tree_xattr_add(struct bytes *out, const char *name, const void *value, size_t size);
struct tree_xattr {
	const char *name; /* not NUL-terminated */
	size_t name_size;
	const uint8_t *value;
	size_t value_size;
};
/* tree_xattr_open(data, size, c, ret_count); tree_xattr_next(c, ret): false: broken. */
bool tree_xattr_open(const uint8_t *data, size_t size, struct cursor *c, uint16_t *ret_count);
bool tree_xattr_next(struct cursor *c, struct tree_xattr *ret);

/*
 * Writing a content: runs are added in order; when there are more than TREE_RUNS_MAX, lists go to
 * the store.
 */
struct content_writer {
	struct store *store;
	struct bytes levels[TREE_DEPTH_MAX + 1]; /* runs not yet in a list, by depth */
	uint32_t counts[TREE_DEPTH_MAX + 1];
	uint64_t lengths[TREE_DEPTH_MAX + 1];
};
void content_writer_init(struct content_writer *w, struct store *store);
void content_writer_release(struct content_writer *w);
int content_writer_data(
	struct content_writer *w, const struct hash *id, uint64_t length, struct sherd_error *err);
int content_writer_hole(struct content_writer *w, uint64_t length, struct sherd_error *err);
/* content_writer_end(w, out, err): append the content; the writer is empty again. */
int content_writer_end(struct content_writer *w, struct bytes *out, struct sherd_error *err);

/* Reading a content, runs in order, lists fetched from the store as needed; no recursion. */
struct content_run {
	bool hole;
	uint64_t length;
	struct hash id; /* unless hole */
};
struct content_reader {
	struct store *store;
	struct {
		struct bytes owned;
		struct cursor cursor;
		uint32_t left;
	} levels[TREE_DEPTH_MAX + 1]; /* by depth */
	int level, top;               /* depths: where reading is, and of the content itself */
	bool sound_only; /* fail, instead of reading a list that store_sound() denies */
};
/* content_reader_open(r, store, data, size, err): ${data} must live as long. Errors: CORRUPT. */
int content_reader_open(struct content_reader *r, struct store *store, const uint8_t *data,
	size_t size, struct sherd_error *err);
/* content_reader_next(r, ret, err): 1: a run; 0: the end; CORRUPT, or errors of store_read(): then
 * ${ret}->length says how many bytes (of a folder: of its parts) are passed over, and the next call
 * goes on behind them. */
int content_reader_next(struct content_reader *r, struct content_run *ret, struct sherd_error *err);
void content_reader_release(struct content_reader *r);

/*
 * Writing a folder: entries ascending by name; parts go to the store as they are closed (gathered,
 * so that small folders of one parent are hashed together: the caller may keep several writers
 * open). tree_writer_end() gives the folder's content.
 */
struct tree_writer;
int tree_writer_new(struct store *store, struct tree_writer **ret, struct sherd_error *err);
void tree_writer_free(struct tree_writer *w);
/* tree_writer_add(w, e, err): encode and append. tree_writer_raw(): the same for an encoded entry
 * with its name. */
int tree_writer_add(struct tree_writer *w, const struct tree_entry *e, struct sherd_error *err);
int tree_writer_raw(struct tree_writer *w, const uint8_t *raw, size_t size, const char *name,
	size_t name_size, struct sherd_error *err);
int tree_writer_end(struct tree_writer *w, struct bytes *out_content, struct sherd_error *err);

/*
 * Reading a folder: all entries of all its parts, in order.
 */
struct tree_reader;
int tree_reader_new(struct store *store, const uint8_t *content, size_t size,
	struct tree_reader **ret, struct sherd_error *err);
void tree_reader_free(struct tree_reader *r);
/* tree_reader_next(r, ret, err): 1: an entry, valid until the next call; 0: the end; CORRUPT (also:
 * names that do not ascend over parts), or errors of store_read(): the next call goes on with the
 * part behind. */
int tree_reader_next(struct tree_reader *r, struct tree_entry *ret, struct sherd_error *err);
DEFINE_CLEANUP(struct tree_writer, tree_writer_free)
DEFINE_CLEANUP(struct tree_reader, tree_reader_free)

/* Snapshots, 9.4: what a catalog's fact holds. Pointers into the bytes parsed, or the maker's. */
struct snapshot_text {
	const char *text; /* not NUL-terminated */
	size_t size;
};
struct snapshot_record {
	uint16_t flags;      /* 1 incomplete, 2 from standard input */
	const uint8_t *root; /* content of the root folder */
	size_t root_size;
	uint64_t begun_ns, ended_ns, files, folders, others, bytes, bytes_new, bytes_packed,
		bytes_stored;
	uint8_t parent[32];
	struct snapshot_text host, user, name, version;
	const struct snapshot_text *paths, *tags; /* for writing: arrays of the maker */
	size_t path_count, tag_count;
	const uint8_t *paths_raw, *tags_raw; /* from reading: iterate with snapshot_text_next() */
	size_t paths_raw_size, tags_raw_size;
};
void snapshot_write(const struct snapshot_record *s, struct bytes *out);
int snapshot_read(
	const uint8_t *data, size_t size, struct snapshot_record *ret, struct sherd_error *err);
bool snapshot_text_next(struct cursor *c, struct snapshot_text *ret);

#endif
