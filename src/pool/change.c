/* SPDX-License-Identifier: MIT */
/*
 * change.c - a new pool record. inner.h says why this is sound; the steps:
 *
 *  1. hear what there is, and bring it to the quorum
 *  2. the record in force, changed, with the next seq
 *  3. to the quorum of the old and of the new set of places
 *  4. hear again: if it stands alone, the change is done; else begin again on what there is
 */
#include "inner.h"

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

#define TRIES_MAX 8

/* A place that is lost for good is asked for nothing. */
static uint64_t without_lost(const struct sherd_pool *pool, uint64_t mask, const uint8_t *lost)
{
	for (size_t i = 0; lost && i < pool->seat_count; i++)
		if (memcmp(pool->seats[i]->id, lost, RECORD_ID_SIZE) == 0)
			mask &= ~BIT(i);
	return mask;
}

/* Enough places answer: the read quorum, or that of the places that remain. */
static int check_fresh(struct sherd_pool *pool, const uint8_t *lost, struct sherd_error *err)
{
	uint64_t mask = without_lost(pool, seats_all(pool), lost);
	struct quorum q = quorum_of(ask_bits(mask));
	unsigned count = 0;

	for (size_t i = 0; i < pool->seat_count; i++)
		count += mask & BIT(i) && pool->seats[i]->answered;
	if (count >= q.read)
		return 0;
	return err_set(err, SHERD_QUORUM, "%u of %u places answer, and %u are needed", count,
		q.places, q.read);
}

static int check_rights(const struct sherd_pool *pool, struct sherd_error *err)
{
	const struct entry *own = pool_device_entry(pool, pool->device.device);

	if (pool->read_only)
		return err_set(err, SHERD_DENIED, "the pool was opened for reading only");
	if (pool->rec.features_write)
		return err_set(err, SHERD_NEWER,
			"the pool was changed by a newer version of sherd: this one only reads it");
	if (!own || !(own->device.rights & DEVICEREC_MANAGE))
		return err_set(err, SHERD_DENIED, "this device has no right to change the pool");
	return 0;
}

/* All records of seq rec_seq, and our own device's, to the quorum. */
static int finish_current(struct sherd_pool *pool, const uint8_t *lost, struct sherd_error *err)
{
	uint64_t mask = without_lost(pool, seats_all(pool), lost);
	struct ask_need need = {mask, quorum_of(ask_bits(mask)).write};

	for (size_t i = 0; i < pool->store.count; i++) {
		struct entry *e = pool->store.entries[i];
		bool wanted =
			(e->name.kind == RECORD_POOL && e->name.seq == pool->rec_seq) ||
			(e->name.kind == RECORD_DEVICE &&
				memcmp(e->name.subject, pool->device.device, RECORD_ID_SIZE) == 0);
		int r;

		if (!wanted || e->state != ENTRY_VALID || ask_met(&need, e->shown))
			continue;
		r = pool_spread_to(pool, e, mask, &need, 1, err);
		if (r)
			return r;
	}
	return 0;
}

static int make_record(
	struct sherd_pool *pool, struct poolrec *rec, struct entry **ret, struct sherd_error *err)
{
	static const uint8_t zeros[RECORD_ID_SIZE];
	CLEANUP(wire_wipe) struct bytes body = BYTES_INIT;
	CLEANUP(record_file_unref_at) struct record_file *file = NULL;
	struct record_name name;
	int r;

	rec->previous = pool->rec_hash;
	poolrec_write(rec, &body);
	r = pool_seal(pool, RECORD_POOL, zeros, pool->rec_seq + 1, &body, pool->device.device,
		&pool->secrets->sign, &name, &file, err);
	return r ? r : pool_adopt(pool, &name, file, ret, err);
}

/* To the quorum of both sets. */
static int write_record(struct sherd_pool *pool, struct entry *e, const struct poolrec *rec,
	const uint8_t *lost, struct sherd_error *err)
{
	uint64_t old = without_lost(pool, seats_all(pool), lost), new;
	struct ask_need needs[2];

	if (seats_of(pool, rec, &new) != 0)
		return err_set(err, SHERD_BUSY, "the set of places was changed by another device");
	needs[0] = (struct ask_need){new, quorum_of((unsigned)rec->place_count).write};
	needs[1] = (struct ask_need){old, quorum_of(ask_bits(old)).write};
	return pool_spread_to(pool, e, old | new, needs, 2, err);
}

/* 1: it is done already; 0: a record was written; else an error. */
static int try_change(struct sherd_pool *pool, pool_op *op, void *context, const uint8_t *lost,
	uint64_t *ret_seq, struct sherd_error *err)
{
	struct poolrec rec;
	struct entry *e = NULL;
	int r = poolrec_copy(&pool->rec, &rec, err);

	if (!r) {
		r = op(context, &rec, err);
		if (r == 1 && pool->unmerged)
			r = 0;
	}
	if (!r)
		r = make_record(pool, &rec, &e, err);
	if (!r) {
		*ret_seq = e->name.seq;
		r = write_record(pool, e, &rec, lost, err);
		/* With no place at all it stands in the state folder alone. */
		if (!r && !rec.place_count)
			r = pool_save_entry(pool, e, err);
		/* If a place has it, it will be heard; else it never was. */
		if (r && !e->shown) {
			entry_forget(e);
			e->own = false;
		}
	}
	poolrec_release(&rec);
	return r;
}

int pool_change(struct sherd_pool *pool, pool_op *op, void *context, const uint8_t *lost,
	struct sherd_error *err)
{
	int r = check_rights(pool, err);
	uint64_t seq = 0;

	for (unsigned i = 0; !r && i <= TRIES_MAX; i++) {
		r = pool_listen(pool, err);
		if (!r)
			r = rollback_check(pool, err);
		if (!r)
			r = check_fresh(pool, lost, err);
		if (!r)
			r = check_rights(pool, err);
		if (r)
			break;
		if (seq && pool->rec_seq == seq && !pool->unmerged) {
			/* It stands alone; that op() finds it done is a matter of course. */
			r = pool_keep(pool, err);
			if (!r)
				r = pool_gather_heads(pool, err);
			seats_use(pool);
			return r;
		}
		r = finish_current(pool, lost, err);
		if (!r)
			r = try_change(pool, op, context, lost, &seq, err);
		if (r == 1) {
			r = pool_keep(pool, err);
			seats_use(pool);
			return r;
		}
	}
	if (!r)
		r = err_set(err, SHERD_BUSY, "other devices keep changing the pool");
	return r;
}
