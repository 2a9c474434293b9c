/* SPDX-License-Identifier: MIT */
/*
 * store.h - blobs in a pool: put in, found again, read back. Below it are chunks, groups, packs and
 * indexes (docs/format.md, 5, 9, 10); above it trees and files.
 *
 * Reading: any thread. Writing (store_add, store_commit ...): one thread.
 * Memory is bounded by options->memory, whatever is stored.
 */
#ifndef REPO_STORE_H
#define REPO_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <base/cleanup.h>
#include <pool/packs.h>
#include <pool/pool.h>
#include <repo/blob.h>
#include <repo/catalog.h>
#include <sherd/error.h>

struct store;

struct store_options {
	const char *cache; /* folder; NULL: the index lives in memory (an unnamed file) only */
	unsigned threads;  /* that compute; 0: inline, deterministic */
	size_t memory;     /* bytes; 0: 192 MiB */
	bool no_cache;
};

/* store_open(pool, options, ret, err): indexes of all heads, and the journal of an interrupted
 * backup of this device (packs stored, not yet in any head). Errors: as sherd_repo_open(). */
int store_open(struct sherd_pool *pool, const struct store_options *options, struct store **ret,
	struct sherd_error *err);
void store_free(struct store *s);
DEFINE_CLEANUP(struct store, store_free)

/* store_refresh(s, err): after pool_refresh(): take in new heads. */
int store_refresh(struct store *s, struct sherd_error *err);

struct sherd_pool *store_pool(struct store *s);

/* store_watch(s, watch): told of bad and missing shares met while reading; NULL: nobody. The
 * store itself always remembers them (store_suspects). Called with no lock held, from any thread.
 */
void store_watch(struct store *s, const struct packs_watch *watch);

/* ---- ids ---- */

/* store_id(s, type, data, size, ret): the id of one blob. */
void store_id(const struct store *s, enum blob_type type, const void *data, size_t size,
	struct hash *ret);

/* ---- reading ---- */

/* store_find(s, id, ret_size): whether the blob is known, and its length. */
bool store_find(struct store *s, const struct hash *id, uint32_t *ret_size);

/*
 * store_sound(s, id): whether the blob is known *and* may be relied on: its pack has at least h
 * (pool_need) shares that are not known to be missing or bad. Only then need it not be stored
 * again.
 */
bool store_sound(struct store *s, const struct hash *id);

/*
 * store_read(s, type, id, buffer, room, ret_size, err):
 * The blob's bytes, verified: share leaves, seal, and id. Keeps recently used groups, and reads a
 * whole pack ahead when it notices that most of it is wanted (a restore), so that in-order reading
 * is fast. Errors: NOTFOUND (in no index), LOST (in an index, and cannot be had), QUORUM, CORRUPT
 * (the pack is right and the blob is not: a fault of the writer), INVALID (room is too small),
 * CANCELLED, NOMEM.
 */
int store_read(struct store *s, enum blob_type type, const struct hash *id, void *buffer,
	size_t room, uint32_t *ret_size, struct sherd_error *err);

/* store_read_bytes(): the same, replacing the contents of ${out}. */
int store_read_bytes(struct store *s, enum blob_type type, const struct hash *id, struct bytes *out,
	struct sherd_error *err);

/* ---- writing ---- */

struct store_write_options {
	int level;     /* zstd 1..19; 0: the default; -1: off */
	unsigned need; /* verified shares; 0: pool_need() */
	bool dry_run;  /* ids and counts, nothing is packed */
};

/* store_begin(s, options, err): begin a batch of writing. pre: none is begun. Errors: DENIED
 * (read-only pool), STALE (not fresh), QUORUM (m cannot be fixed: fewer places than k), NOMEM. */
int store_begin(
	struct store *s, const struct store_write_options *options, struct sherd_error *err);

struct store_item {
	enum blob_type type; /* DATA, TREE or LIST */
	const uint8_t *data;
	uint32_t size;  /* 1 .. BLOB_SIZE_MAX */
	struct hash id; /* result */
	bool fresh;     /* result: it was not known, and is stored now */
};

/*
 * store_add(s, items, count, err):
 * Put blobs in, in that order; the data is copied or used before it returns. Many small ones at
 * once are much faster (their hashes are computed side by side): gather about 1 MiB. Blobs are
 * grouped by type in the order they come. Waits when packs in flight fill the memory. Errors:
 * QUORUM (a pack could not be stored at the places needed: the batch is over, call store_abort),
 * CANCELLED, NOMEM, ...
 */
int store_add(struct store *s, struct store_item *items, size_t count, struct sherd_error *err);

/* What a batch has done so far. */
/* A place that lacks shares of new packs; POOL_PLACE_NONE: there were too few places. */
struct store_lack {
	uint16_t place;
	int code; /* why, the first time */
	uint64_t shares;
};
struct store_totals {
	uint64_t blobs_new, bytes_new; /* plain */
	uint64_t bytes_packed;         /* payloads of packs, padding included, before parity */
	uint64_t bytes_stored;         /* verified shares at places, heads included */
	uint64_t packs;
	unsigned shares_least; /* least verified shares of a pack; UINT_MAX: no pack yet */
	int spare;             /* least spare of the packs made and relied on; INT_MAX: none yet */
	char missing[256];     /* for people: which place lacks how many shares, and why */
	struct store_lack lacks[POOL_PLACES_MAX + 1];
	unsigned lack_count;
};
void store_totals(struct store *s, struct store_totals *ret);

/*
 * store_commit(s, snapshot, size, ret_seq, err):
 * Close groups and packs, wait until all of them are verified at ${need} shares; write what the
 * catalog is with the snapshot (its payload, docs/format.md 9.4) added as a fact, or without
 * (NULL); write index streams where due; publish the head. Small batches become one pack. After
 * success the batch is ended, and the catalog and index have it. Errors: as store_add() and
 * pool_publish(); the batch goes on to be open for store_abort().
 */
int store_commit(struct store *s, const void *snapshot, size_t size, uint64_t *ret_seq,
	struct sherd_error *err);

/* store_relies_well(s): false: packs that store_add() or store_sound() counted on in this batch
 * were found to lack shares since. store_rely_anew(s): what was counted on so far is of no account.
 */
bool store_relies_well(struct store *s);
void store_rely_anew(struct store *s);

/* store_abort(s): end a batch; packs already verified stay in the journal and are known to the
 * next. */
void store_abort(struct store *s);

/* store_catalog(s): the joined catalog of all heads. Valid until commit, refresh or free. */
const struct catalog *store_catalog(const struct store *s);

/* ---- packs, for check, repair and status ---- */

struct store_pack {
	const struct pool_ref *ref; /* with the newest known places */
	uint32_t groups, blobs;
	bool published; /* in a head; else only in our journal */
};
/* store_pack_count(s); store_pack_at(s, i, ret): all packs known, in a stable order. */
size_t store_pack_count(const struct store *s);
void store_pack_at(const struct store *s, size_t index, struct store_pack *ret);

/* store_pack_of(s, id, ret_index): which pack has the blob. */
bool store_pack_of(struct store *s, const struct hash *id, size_t *ret_index);

/*
 * store_moved(s, index, ref): the shares of a pack are elsewhere now (repair): remembered, and
 * published with the next store_commit(). Only places may differ.
 */
int store_moved(struct store *s, size_t index, const struct pool_ref *ref, struct sherd_error *err);

/* store_suspect(s, index, share, bad): a share is missing or bad (true), or good again (false).
 * Kept in the state folder (file "suspects"). store_suspects(s, index): bit i set: share i is known
 * missing or bad. */
void store_suspect(struct store *s, size_t index, unsigned share, bool bad);
uint64_t store_suspects(const struct store *s, size_t index);

/* store_verify_pack(s, index, payload, ret_bad, err): deep check: ${payload} is the pack's verified
 * payload: open every group, verify every blob's id and the table. ret_bad: blobs that are wrong.
 * Errors: CORRUPT (the table), NOMEM. */
int store_verify_pack(struct store *s, size_t index, const uint8_t *payload, uint64_t *ret_bad,
	struct sherd_error *err);

/* Numbers for status. */
struct store_numbers {
	uint64_t blobs, packs, index_bytes; /* bytes of the memory-mapped index file */
	uint64_t quarantined;               /* heads whose index or catalog cannot be read */
	char quarantine[160];               /* why, of the first */
};
void store_numbers(const struct store *s, struct store_numbers *ret);

#endif
