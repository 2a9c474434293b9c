/* SPDX-License-Identifier: MIT */
/*
 * publish.c - heads out, and the heads that are in force.
 *
 * Order of a publish: what the head builds on is at the quorum (the pool record, our own device
 * record and slot, our last head) -> the new head in the state folder -> its seq in `seen` -> the
 * places. So a head of ours is never at a place before we remember it, and after a crash anywhere
 * it is finished or stays unknown to everybody.
 */
#include "inner.h"

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/log.h>

/* --- heads in force --- */

static void fill_head(const struct sherd_pool *pool, const struct entry *e, struct pool_head *ret)
{
	*ret = (struct pool_head){
		.seq = e->name.seq,
		.time_ns = e->head.time_ns,
		.lamport = e->head.lamport,
		.agreed = ask_bits(e->shown & seats_all(pool)),
		.content = e->head.content,
		.content_size = e->head.content_size,
	};
	memcpy(ret->incarnation, e->name.subject, RECORD_ID_SIZE);
	memcpy(ret->device, e->head.device, RECORD_ID_SIZE);
}

int pool_gather_heads(struct sherd_pool *pool, struct sherd_error *err)
{
	size_t first = mirror_first(&pool->store, RECORD_HEAD),
	       end = mirror_end(&pool->store, RECORD_HEAD);
	struct pool_head *heads = mem_array(end - first, sizeof(*heads));
	size_t count = 0;

	if (!heads)
		return err_nomem(err);
	for (size_t i = first; i < end; i = mirror_group_end(&pool->store, i)) {
		const struct entry *e =
			pool_newest_head(pool, pool->store.entries[i]->name.subject);

		if (e)
			fill_head(pool, e, &heads[count++]);
	}
	mem_free(pool->heads);
	pool->heads = heads;
	pool->head_count = count;
	return 0;
}

const struct pool_head *pool_heads(const struct sherd_pool *pool, size_t *ret_count)
{
	*ret_count = pool->head_count;
	return pool->heads;
}

/* --- making a head --- */

/* What we have seen of the others, and stands at the quorum. */
static int make_vector(struct sherd_pool *pool, struct headrec *rec, struct sherd_error *err)
{
	rec->vector = mem_array(pool->head_count, sizeof(*rec->vector));
	if (!rec->vector)
		return err_nomem(err);
	rec->lamport = 0;
	for (size_t i = 0; i < pool->head_count; i++) {
		const struct entry *e = pool_newest_head(pool, pool->heads[i].incarnation);
		struct headrec_seen *seen = &rec->vector[rec->vector_count];

		rec->lamport = INT_MAX_OF(rec->lamport, e->head.lamport);
		if (memcmp(e->name.subject, pool->device.incarnation, RECORD_ID_SIZE) == 0 ||
			!entry_confirmed(pool, e))
			continue;
		memcpy(seen->incarnation, e->name.subject, RECORD_ID_SIZE);
		seen->seq = e->name.seq;
		memcpy(seen->hash, e->file->hash.bytes, RECORD_HASH_SIZE);
		rec->vector_count++;
	}
	rec->lamport++;
	return 0;
}

static int make_head(struct sherd_pool *pool, const uint8_t *content, size_t size,
	struct entry **ret, struct sherd_error *err)
{
	const struct entry *last = pool_newest_head(pool, pool->device.incarnation);
	CLEANUP(bytes_release) struct bytes body = BYTES_INIT;
	CLEANUP(record_file_unref_at) struct record_file *file = NULL;
	struct headrec rec = {
		.time_ns = pool->env->clock_real_ns(pool->env->context),
		.pool_seq = pool->rec_seq,
		.content = content,
		.content_size = size,
	};
	struct record_name name;
	uint64_t seq = INT_MAX_OF(pool->seen.own_seq, last ? last->name.seq : 0) + 1;
	int r;

	memcpy(rec.device, pool->device.device, RECORD_ID_SIZE);
	if (last)
		rec.previous = last->file->hash;
	r = make_vector(pool, &rec, err);
	if (!r)
		headrec_write(&rec, &body);
	headrec_release(&rec);
	if (!r)
		r = pool_seal(pool, RECORD_HEAD, pool->device.incarnation, seq, &body,
			pool->device.device, &pool->secrets->sign, &name, &file, err);
	return r ? r : pool_adopt(pool, &name, file, ret, err);
}

/* --- what it builds on --- */

static bool is_own_head(const struct sherd_pool *pool, const struct entry *e)
{
	return e->name.kind == RECORD_HEAD &&
	       memcmp(e->name.subject, pool->device.incarnation, RECORD_ID_SIZE) == 0;
}

static bool builds_on(const struct sherd_pool *pool, const struct entry *e)
{
	switch (e->name.kind) {
	case RECORD_POOL:
		return e->name.seq == pool->rec_seq;
	case RECORD_DEVICE:
		return memcmp(e->name.subject, pool->device.device, RECORD_ID_SIZE) == 0;
	case RECORD_KEYS:
		return memcmp(e->name.subject, pool->device.slot, RECORD_ID_SIZE) == 0;
	case RECORD_HEAD:
		return is_own_head(pool, e);
	case RECORD_GC:
		break;
	}
	return false;
}

static int finish_own(struct sherd_pool *pool, struct sherd_error *err)
{
	for (size_t i = 0; i < pool->store.count; i++) {
		struct entry *e = pool->store.entries[i];
		int r;

		if (!entry_live(pool, e) || !builds_on(pool, e))
			continue;
		r = pool_spread(pool, e, err);
		if (r)
			return r;
	}
	return 0;
}

static int check_may_publish(struct sherd_pool *pool, struct sherd_error *err)
{
	const struct entry *own = pool_device_entry(pool, pool->device.device);

	if (pool->read_only)
		return err_set(err, SHERD_DENIED, "the pool was opened for reading only");
	if (pool->rec.features_write)
		return err_set(err, SHERD_NEWER,
			"the pool was changed by a newer version of sherd: this one only reads it");
	if (own && !(own->device.rights & DEVICEREC_ADD))
		return err_set(err, SHERD_DENIED, "this device has no right to add to the pool");
	if (!pool->rec.place_count)
		return err_set(err, SHERD_QUORUM, "the pool has no place yet");
	return 0;
}

/* Too few answered when we asked last: ask once more. */
static int check_fresh(struct sherd_pool *pool, struct sherd_error *err)
{
	int r = pool->fresh ? 0 : pool_refresh(pool, err);

	if (!r && !pool->fresh)
		r = err_set(err, SHERD_DENIED,
			"too few places answer to know that nothing newer is there");
	return r;
}

int pool_leave_incarnation(struct sherd_pool *pool, struct sherd_error *err)
{
	int r = check_may_publish(pool, err);

	if (!r)
		r = check_fresh(pool, err);
	if (!r)
		r = pool_reincarnate(pool, err);
	if (!r)
		r = finish_own(pool, err);
	if (!r)
		r = pool_keep(pool, err);
	return r ? r : pool_gather_heads(pool, err);
}

static int leave_old_log(struct sherd_pool *pool, struct sherd_error *err)
{
	char why[sizeof(pool->own_why)];
	int r;

	memcpy(why, pool->own_why, sizeof(why));
	r = pool_leave_incarnation(pool, err);
	if (r)
		return r;
	return err_set(err, SHERD_ROLLBACK, "%s; it goes on under a new incarnation", why);
}

/* --- forerunners that nobody needs any more --- */

static void remove_at_places(
	struct sherd_pool *pool, struct calls *calls, const char *name, uint64_t where)
{
	for (size_t i = 0; i < pool->seat_count; i++) {
		struct call_end end;

		if (!(where & BIT(i)) || calls_remove(calls, pool->members[i], i, name, NULL) != 0)
			continue;
		/* Best effort: a place that refuses, or is slow, keeps it. */
		if (calls_next(calls, UINT64_C(1000000000), &end, NULL) == 0)
			call_end_release(&end);
	}
}

static void remove_old_heads(struct sherd_pool *pool, uint64_t newest)
{
	struct calls *calls;

	if (newest <= HEADS_KEPT || calls_new(pool->env, &calls, NULL) != 0)
		return;
	for (size_t i = 0; i < pool->store.count; i++) {
		struct entry *e = pool->store.entries[i];

		if (!is_own_head(pool, e) || e->name.seq > newest - HEADS_KEPT)
			continue;
		remove_at_places(pool, calls, e->text, e->shown);
		e->shown = 0;
	}
	calls_free(calls);
	mirror_sweep(&pool->store);
}

/* --- publishing --- */

static int record_head(struct sherd_pool *pool, struct entry *e, struct sherd_error *err)
{
	int r = pool_digest(pool, err);

	if (r)
		return r;
	if (e->state != ENTRY_VALID)
		return err_set(err, SHERD_DENIED, "this device's heads do not count in the pool");
	r = pool_save_entry(pool, e, err);
	if (r)
		return r;
	pool->seen.own_seq = e->name.seq;
	return seen_save(&pool->state, &pool->seen, err);
}

static int publish(struct sherd_pool *pool, const uint8_t *content, size_t size, uint64_t *ret_seq,
	struct sherd_error *err)
{
	struct entry *e = NULL;
	int r = finish_own(pool, err);

	if (!r)
		r = make_head(pool, content, size, &e, err);
	if (!r) {
		r = record_head(pool, e, err);
		if (r && !e->local) {
			/* It never was. */
			entry_forget(e);
			e->own = false;
			mirror_sweep(&pool->store);
			return r;
		}
	}
	if (!r)
		r = pool_spread(pool, e, err);
	if (r)
		return r;
	*ret_seq = e->name.seq;
	r = pool_keep(pool, err);
	if (r) {
		/* It is at the quorum, and in `records`: what could not be noted is found again. */
		log_warn("the state folder could not be brought up to date");
	}
	remove_old_heads(pool, *ret_seq);
	return 0;
}

int pool_publish(struct sherd_pool *pool, const uint8_t *content, size_t size, uint64_t *ret_seq,
	struct sherd_error *err)
{
	struct sherd_error gather;
	int r = check_may_publish(pool, err);

	if (!r)
		r = check_fresh(pool, err);
	if (!r && pool->own_fault)
		return leave_old_log(pool, err);
	if (!r)
		r = publish(pool, content, size, ret_seq, err);
	/* The old array points into entries that may be gone. */
	if (pool_gather_heads(pool, &gather) != 0) {
		pool->head_count = 0;
		if (!r)
			r = err_nomem(err);
	}
	return r;
}
