/* SPDX-License-Identifier: MIT */
/* open.c - from the state folder to a pool that is in use. */
#include "inner.h"

#include <string.h>

#include <base/err.h>

/* The keys: by the device's slot, or asked for. */
static int unlock(
	struct sherd_pool *pool, const struct sherd_secrets *secrets, struct sherd_error *err)
{
	CLEANUP(keyslot_keys_wipe_at) struct keyslot_keys keys = {0};
	int r;

	if (!pool->device.locked)
		return pool_unlock_device(pool, err);
	r = pool_unlock(pool, secrets, &keys, err);
	if (!r)
		r = pool_digest(pool, err); /* keys of old epochs */
	return r ? r : device_file_show(&pool->device, pool->ring, pool->secrets, err);
}

static int load(
	struct sherd_pool *pool, const struct sherd_pool_options *o, struct sherd_error *err)
{
	int r = device_file_load(&pool->state, &pool->device, err);

	if (r)
		return r;
	memcpy(pool->id, pool->device.pool, POOL_ID_SIZE);
	if (o->id && memcmp(o->id, pool->id, POOL_ID_SIZE) != 0)
		return err_set(err, SHERD_MISMATCH,
			"the pool in '%s' is not the one that is expected", o->state);
	r = seen_load(&pool->state, &pool->seen, err);
	if (!r)
		r = pool_load(pool, err);
	if (!r)
		r = pool_digest(pool, err); /* the slots */
	if (!r)
		r = unlock(pool, o->secrets, err);
	if (!r)
		r = pool_digest(pool, err);
	if (!r && (!pool->rec_seq || !pool_device_entry(pool, pool->device.device)))
		r = err_set(err, SHERD_CORRUPT,
			"the state folder '%s' is damaged: records are missing", o->state);
	return r;
}

/* A head that was written here and not yet noted: the crash came between. */
static void own_seq_from_records(struct sherd_pool *pool)
{
	for (size_t i = mirror_first(&pool->store, RECORD_HEAD);
		i < mirror_end(&pool->store, RECORD_HEAD); i++) {
		const struct entry *e = pool->store.entries[i];

		if (e->state == ENTRY_VALID && e->own && e->name.seq > pool->seen.own_seq &&
			memcmp(e->name.subject, pool->device.incarnation, RECORD_ID_SIZE) == 0)
			pool->seen.own_seq = e->name.seq;
	}
}

int sherd_pool_open(const struct sherd_pool_options *options, struct sherd_pool **ret_pool,
	struct sherd_error *err)
{
	CLEANUP(sherd_pool_free_at) struct sherd_pool *pool = NULL;
	int r;

	if (!options->state || !options->state[0])
		return err_set(err, SHERD_INVALID, "no state folder is named");
	r = pool_new(options, &pool, err);
	if (!r)
		r = state_open(&pool->state, pool->env, options->state, pool->read_only, err);
	if (!r)
		r = load(pool, options, err);
	if (!r) {
		own_seq_from_records(pool);
		r = pool_refresh(pool, err);
	}
	if (r) {
		/* Nothing is written of what was refused. */
		if (pool)
			pool->read_only = true;
		return r;
	}
	*ret_pool = TAKE(pool);
	return 0;
}
