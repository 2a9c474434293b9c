/* SPDX-License-Identifier: MIT */
/*
 * rollback.c - what the places show, against what this device has seen and what the heads say that
 * their authors had seen.
 *
 *  - `seen` has only what stood at the write quorum. So r places that answer and all show less are
 *    more than can lie: the pool was put back, or is withheld. Fewer than r prove nothing.
 *  - A vector has only what stood at the write quorum as well. So what a head had seen and r places
 * do not show is withheld. With fewer than r it is not known: not fresh.
 *  - Two valid heads of one incarnation and seq are a fork: a device was copied. It is over when
 * that device has taken a new incarnation.
 *  - A head of our own incarnation that we did not make: our own memory was put back, or we were
 * copied. Then the next publish takes a new incarnation.
 */
#include "inner.h"

#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/hex.h>

static const char *name_of_device(const struct sherd_pool *pool, const uint8_t *incarnation)
{
	const struct entry *owner = pool_owner(pool, incarnation);

	return owner && owner->device.host[0] ? owner->device.host : "(unknown)";
}

static unsigned answering(const struct sherd_pool *pool)
{
	unsigned count = 0;

	for (size_t i = 0; i < pool->rec.place_count && i < pool->seat_count; i++)
		count += pool->seats[i]->answered;
	return count;
}

/* The newest that is shown anywhere; NULL. */
static struct entry *shown_head(const struct sherd_pool *pool, const uint8_t *incarnation)
{
	struct entry *found = NULL;

	for (size_t i = mirror_first(&pool->store, RECORD_HEAD);
		i < pool->store.count && pool->store.entries[i]->name.kind == RECORD_HEAD; i++) {
		struct entry *e = pool->store.entries[i];

		if (e->state == ENTRY_VALID && e->shown &&
			memcmp(e->name.subject, incarnation, RECORD_ID_SIZE) == 0 &&
			(!found || e->name.seq > found->name.seq))
			found = e;
	}
	return found;
}

bool head_forked(const struct sherd_pool *pool, const uint8_t *incarnation)
{
	const struct entry *last = NULL;

	for (size_t i = mirror_first(&pool->store, RECORD_HEAD);
		i < pool->store.count && pool->store.entries[i]->name.kind == RECORD_HEAD; i++) {
		const struct entry *e = pool->store.entries[i];

		if (e->state != ENTRY_VALID ||
			memcmp(e->name.subject, incarnation, RECORD_ID_SIZE) != 0)
			continue;
		if (last && last->name.seq == e->name.seq)
			return true;
		if (last && last->name.seq + 1 == e->name.seq &&
			!hash_equal(&e->head.previous, &last->file->hash))
			return true;
		last = e;
	}
	return false;
}

static bool is_own(const struct sherd_pool *pool, const uint8_t *incarnation)
{
	return memcmp(incarnation, pool->device.incarnation, RECORD_ID_SIZE) == 0;
}

/* Whether the device that had this incarnation has another one by now. */
static bool left_behind(const struct sherd_pool *pool, const uint8_t *incarnation)
{
	const struct entry *owner = pool_owner(pool, incarnation), *now;

	now = owner ? pool_device_entry(pool, owner->name.subject) : NULL;
	return now && memcmp(now->device.incarnation, incarnation, RECORD_ID_SIZE) != 0;
}

/* --- the checks --- */

static uint64_t shown_pool_seq(const struct sherd_pool *pool, uint64_t mask)
{
	uint64_t seq = 0;

	for (size_t i = mirror_first(&pool->store, RECORD_POOL);
		i < pool->store.count && pool->store.entries[i]->name.kind == RECORD_POOL; i++) {
		const struct entry *e = pool->store.entries[i];

		if (e->state == ENTRY_VALID && e->shown & mask)
			seq = e->name.seq;
	}
	return seq;
}

static int check_pool_seq(struct sherd_pool *pool, struct sherd_error *err)
{
	uint64_t shown = shown_pool_seq(pool, UINT64_MAX);

	if (shown >= pool->seen.pool_seq)
		return 0;
	return err_set(err, SHERD_ROLLBACK,
		"the places show record %llu of the pool, and this device has seen %llu",
		(unsigned long long)shown, (unsigned long long)pool->seen.pool_seq);
}

static int check_seen_heads(struct sherd_pool *pool, struct sherd_error *err)
{
	for (size_t i = 0; i < pool->seen.head_count; i++) {
		const struct seen_head *seen = &pool->seen.heads[i];
		const struct entry *e = shown_head(pool, seen->incarnation);

		if (e && e->name.seq >= seen->seq)
			continue;
		return err_set(err, SHERD_ROLLBACK,
			"the places show head %llu of device '%s', and this device has seen %llu",
			e ? (unsigned long long)e->name.seq : 0,
			name_of_device(pool, seen->incarnation), (unsigned long long)seen->seq);
	}
	return 0;
}

/* What the head's author had seen of one other. */
static int check_vector_entry(struct sherd_pool *pool, const struct entry *head,
	const struct headrec_seen *seen, bool quorum, struct sherd_error *err)
{
	const struct entry *e = shown_head(pool, seen->incarnation);

	if (e && e->name.seq >= seen->seq)
		return 0;
	if (!quorum) {
		pool->fresh = false;
		return 0;
	}
	return err_set(err, SHERD_ROLLBACK,
		"head %llu of device '%s' is withheld: the places show %llu, and device '%s' has seen "
		"it",
		(unsigned long long)seen->seq, name_of_device(pool, seen->incarnation),
		e ? (unsigned long long)e->name.seq : 0, name_of_device(pool, head->name.subject));
}

static int check_vectors(struct sherd_pool *pool, bool quorum, struct sherd_error *err)
{
	for (size_t i = mirror_first(&pool->store, RECORD_HEAD);
		i < pool->store.count && pool->store.entries[i]->name.kind == RECORD_HEAD; i++) {
		const struct entry *e = pool->store.entries[i];

		if (e->state != ENTRY_VALID || !e->shown)
			continue;
		for (size_t j = 0; j < e->head.vector_count; j++) {
			int r = check_vector_entry(pool, e, &e->head.vector[j], quorum, err);

			if (r)
				return r;
		}
	}
	return 0;
}

/* A head that this device has seen, or another one's vector, with another hash. */
static bool contradicted(const struct sherd_pool *pool, const struct entry *e)
{
	const struct seen_head *seen =
		seen_head_find(pool->seen.heads, pool->seen.head_count, e->name.subject);

	if (seen && seen->seq == e->name.seq && !hash_equal(&seen->hash, &e->file->hash))
		return true;
	if (seen && seen->seq + 1 == e->name.seq && !hash_equal(&seen->hash, &e->head.previous))
		return true;
	for (size_t i = mirror_first(&pool->store, RECORD_HEAD);
		i < pool->store.count && pool->store.entries[i]->name.kind == RECORD_HEAD; i++) {
		const struct entry *other = pool->store.entries[i];

		if (other->state != ENTRY_VALID)
			continue;
		for (size_t j = 0; j < other->head.vector_count; j++) {
			const struct headrec_seen *v = &other->head.vector[j];

			if (v->seq == e->name.seq &&
				memcmp(v->incarnation, e->name.subject, RECORD_ID_SIZE) == 0 &&
				memcmp(v->hash, e->file->hash.bytes, RECORD_HASH_SIZE) != 0)
				return true;
		}
	}
	return false;
}

static int check_forks(struct sherd_pool *pool, struct sherd_error *err)
{
	for (size_t i = mirror_first(&pool->store, RECORD_HEAD);
		i < pool->store.count && pool->store.entries[i]->name.kind == RECORD_HEAD; i++) {
		const struct entry *e = pool->store.entries[i];

		if (e->state != ENTRY_VALID ||
			(!head_forked(pool, e->name.subject) && !contradicted(pool, e)))
			continue;
		if (is_own(pool, e->name.subject)) {
			pool->own_fault = true;
			snprintf(pool->own_why, sizeof(pool->own_why),
				"this device was copied: its head %llu has a twin",
				(unsigned long long)e->name.seq);
			continue;
		}
		if (left_behind(pool, e->name.subject) || pool->read_only)
			continue;
		return err_set(err, SHERD_ROLLBACK,
			"device '%s' was copied: there are two of its head %llu",
			name_of_device(pool, e->name.subject), (unsigned long long)e->name.seq);
	}
	return 0;
}

static void check_own(struct sherd_pool *pool)
{
	const struct entry *e = shown_head(pool, pool->device.incarnation);

	if (!e || e->name.seq <= pool->seen.own_seq)
		return;
	pool->own_fault = true;
	snprintf(pool->own_why, sizeof(pool->own_why),
		"this device's state is older than its own head %llu: it was put back, or copied",
		(unsigned long long)e->name.seq);
}

/* --- single places --- */

/* Whether the place of seat ${index} shows less than ${heads} and ${pool_seq} say. */
static bool shows_less(const struct sherd_pool *pool, size_t index, uint64_t pool_seq,
	const struct seen_head *heads, size_t count)
{
	if (shown_pool_seq(pool, BIT(index)) < pool_seq)
		return true;
	for (size_t i = 0; i < count; i++) {
		bool found = false;

		for (size_t j = mirror_first(&pool->store, RECORD_HEAD);
			j < pool->store.count && pool->store.entries[j]->name.kind == RECORD_HEAD;
			j++) {
			const struct entry *e = pool->store.entries[j];

			found = found || (e->shown & BIT(index) && e->name.seq >= heads[i].seq &&
						 memcmp(e->name.subject, heads[i].incarnation,
							 RECORD_ID_SIZE) == 0);
		}
		if (!found)
			return true;
	}
	return false;
}

static bool behind_others(const struct sherd_pool *pool, size_t index)
{
	for (size_t i = 0; i < pool->store.count; i++) {
		const struct entry *e = pool->store.entries[i];

		if (e->shown && !(e->shown & BIT(index)) && entry_live(pool, e))
			return true;
	}
	return false;
}

static void judge_places(struct sherd_pool *pool)
{
	for (size_t i = 0; i < pool->rec.place_count && i < pool->seat_count; i++) {
		struct seat *seat = pool->seats[i];
		const struct seen_place *seen = seen_place_of(&pool->seen, seat->id, false);

		if (!seat->answered)
			continue;
		seat->behind = behind_others(pool, i);
		seat->fell_back =
			seen && shows_less(pool, i, seen->pool_seq, seen->heads, seen->head_count);
	}
}

int rollback_check(struct sherd_pool *pool, struct sherd_error *err)
{
	struct quorum q = quorum_of((unsigned)pool->rec.place_count);
	bool quorum = answering(pool) >= q.read;
	int r = 0;

	pool->fresh = quorum;
	judge_places(pool);
	if (!q.places)
		return 0;
	if (quorum) {
		r = check_pool_seq(pool, err);
		if (!r)
			r = check_seen_heads(pool, err);
	}
	if (!r)
		r = check_vectors(pool, quorum, err);
	if (!r)
		r = check_forks(pool, err);
	if (!r)
		check_own(pool);
	return r;
}

/* --- remembering --- */

static int remember_place(struct sherd_pool *pool, size_t index, struct sherd_error *err)
{
	struct seen_place *place = seen_place_of(&pool->seen, pool->seats[index]->id, true);
	uint64_t seq = shown_pool_seq(pool, BIT(index));

	if (!place)
		return err_nomem(err);
	if (place->pool_seq < seq)
		place->pool_seq = seq;
	for (size_t i = mirror_first(&pool->store, RECORD_HEAD);
		i < pool->store.count && pool->store.entries[i]->name.kind == RECORD_HEAD; i++) {
		const struct entry *e = pool->store.entries[i];
		struct seen_head head = {.seq = e->name.seq};

		if (!(e->shown & BIT(index)) || e->state != ENTRY_VALID)
			continue;
		memcpy(head.incarnation, e->name.subject, RECORD_ID_SIZE);
		if (!seen_head_set(&place->heads, &place->head_count, &head))
			return err_nomem(err);
	}
	return 0;
}

int rollback_remember(struct sherd_pool *pool, struct sherd_error *err)
{
	for (size_t i = 0; i < pool->store.count; i++) {
		const struct entry *e = pool->store.entries[i];
		struct seen_head head;

		if (e->state != ENTRY_VALID || !e->file || !entry_confirmed(pool, e))
			continue;
		if (e->name.kind == RECORD_POOL && e->name.seq > pool->seen.pool_seq) {
			pool->seen.pool_seq = e->name.seq;
			pool->seen.pool_hash = e->file->hash;
		}
		/* A log that is not ours any more, or not alone ours, is not remembered further. */
		if (e->name.kind != RECORD_HEAD ||
			(pool->own_fault && is_own(pool, e->name.subject)))
			continue;
		head = (struct seen_head){.seq = e->name.seq, .hash = e->file->hash};
		memcpy(head.incarnation, e->name.subject, RECORD_ID_SIZE);
		if (!seen_head_set(&pool->seen.heads, &pool->seen.head_count, &head))
			return err_nomem(err);
	}
	for (size_t i = 0; i < pool->rec.place_count && i < pool->seat_count; i++) {
		int r = pool->seats[i]->answered ? remember_place(pool, i, err) : 0;

		if (r)
			return r;
	}
	seats_count(pool);
	return 0;
}
