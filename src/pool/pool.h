/* SPDX-License-Identifier: MIT */
/*
 * pool.h - a pool as the floors above see it, beside sherd/pool.h: keys, the place set as packs
 * use it, heads in and out, and files in the state folder.
 */
#ifndef POOL_POOL_H
#define POOL_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <crypt/aead.h>
#include <pool/packs.h>
#include <pool/ref.h>
#include <sherd/pool.h>

#define POOL_INCARNATION_SIZE 16
#define POOL_SUITE 1

/* What the pool record fixes for those above. */
struct pool_shape {
	uint8_t id[POOL_ID_SIZE];
	unsigned k, m; /* m 0: not fixed */
	uint8_t suite;
	uint32_t epoch; /* the newest */
	uint32_t chunk_min, chunk_average, chunk_max;
};
const struct pool_shape *pool_shape(const struct sherd_pool *pool);

/* The world, the cancel flag, the set of members, the incarnation, the state folder. Valid as long
 * as the pool; the members change with place add and remove. */
const struct sherd_env *pool_env(const struct sherd_pool *pool);
const struct sherd_cancel *pool_cancel(const struct sherd_pool *pool);
struct packs *pool_packs(struct sherd_pool *pool);
const uint8_t *pool_incarnation(const struct sherd_pool *pool);
const uint8_t *pool_device(const struct sherd_pool *pool);
const char *pool_host(const struct sherd_pool *pool);
bool pool_read_only(const struct sherd_pool *pool);
bool pool_inline(const struct sherd_pool *pool); /* inline_calls was asked for */

/* pool_state_fd(pool): descriptor of the state folder, for files of the floors above (the journal);
 * not closed by the caller. */
int pool_state_fd(const struct sherd_pool *pool);

/* Keys (docs/format.md, 4.2). pool_pack_keys(): CORRUPT if the pool has no such epoch. */
enum pool_content_key { POOL_KEY_ID, POOL_KEY_CHUNKER, POOL_KEY_NAME };
void pool_content_key(
	const struct sherd_pool *pool, enum pool_content_key which, struct crypt_key *ret);
int pool_pack_keys(const struct sherd_pool *pool, uint32_t epoch,
	const uint8_t nonce[POOL_NONCE_SIZE], struct aead_keys *ret, struct sherd_error *err);

/* pool_place_name(pool, number): the name of a place, "place 7" for one no longer in the set. */
const char *pool_place_name(const struct sherd_pool *pool, unsigned number);

/* pool_need(pool): shares that a put must verify by default: k + ceil((m-k)/2), at least 2 for k =
 * 1 and m > 1. pre: m is fixed. */
unsigned pool_need(const struct sherd_pool *pool);

/* pool_fix_m(pool, err): if m is not fixed, fix it to the number of places in the set (at least k;
 * QUORUM with fewer) by a new pool record. */
int pool_fix_m(struct sherd_pool *pool, struct sherd_error *err);

/* A head that is in force: the newest of its incarnation, verified. */
struct pool_head {
	uint8_t incarnation[POOL_INCARNATION_SIZE];
	uint8_t device[16];
	uint64_t seq, time_ns, lamport;
	unsigned agreed;        /* places that show it */
	const uint8_t *content; /* docs/format.md, 9.1; owned by the pool */
	size_t content_size;
};

/* pool_heads(pool, ret_count): the newest head of each incarnation known, own included, ascending
 * by incarnation. Valid until the next refresh, publish or free. */
const struct pool_head *pool_heads(const struct sherd_pool *pool, size_t *ret_count);

/*
 * pool_older_head(pool, incarnation, before, ret, err):
 * The newest valid head of an incarnation with a seq below ${before} that some place still gives:
 * for when what a newer one leads to cannot be read. ret->content is valid until the next refresh.
 * Errors: NOTFOUND (there is none), CANCELLED, NOMEM.
 */
int pool_older_head(struct sherd_pool *pool, const uint8_t *incarnation, uint64_t before,
	struct pool_head *ret, struct sherd_error *err);

/* pool_refresh(pool, err): read pool records, devices and heads from the places again.
 * Errors: ROLLBACK, CANCELLED, NOMEM; too few places is no error (sherd_pool_fresh()). */
int pool_refresh(struct sherd_pool *pool, struct sherd_error *err);

/*
 * pool_publish(pool, content, size, ret_seq, err):
 * Publish this device's next head with that content: the seq is recorded durably in the state
 * folder first, then the head is written to all places of the set; success means the write quorum
 * has it, verified. Registers the device first if that was left undone.
 * If it fails with QUORUM, some places may have the head: the next publish takes another seq, after
 * bringing the unfinished head to the quorum or superseding it.
 * Errors: QUORUM (names the places), DENIED (read-only, or not fresh), ROLLBACK (own log is ahead
 * of what this device remembers: it takes a new incarnation and says so), IO, CANCELLED, NOMEM.
 */
int pool_publish(struct sherd_pool *pool, const uint8_t *content, size_t size, uint64_t *ret_seq,
	struct sherd_error *err);

/*
 * pool_leave_incarnation(pool, err):
 * Go on under a new incarnation, with a head log of its own: for when the newest head leads to what
 * is lost, so that nothing can be built upon it. What older heads lead to stays. Errors: QUORUM (it
 * is not told yet, but kept: the next publish tells it), IO, NOMEM, CANCELLED.
 */
int pool_leave_incarnation(struct sherd_pool *pool, struct sherd_error *err);

/*
 * pool_replicate(pool, ret_written, err): bring all live control records (pool, devices, keys, the
 * newest heads) to every place of the set that lacks one. For repair. Errors: those of the first
 * place that refused; the rest is done.
 */
int pool_replicate(struct sherd_pool *pool, unsigned *ret_written, struct sherd_error *err);

/* pool_control_check(pool, told, context, err): every live record at every place by name:
 * told(place, name, code) for each that is missing (NOTFOUND), wrong (CORRUPT) or cannot be asked.
 */
int pool_control_check(struct sherd_pool *pool,
	void (*told)(void *context, const char *place, const char *name, int code), void *context,
	struct sherd_error *err);

#endif
