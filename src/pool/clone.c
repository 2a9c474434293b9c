/* SPDX-License-Identifier: MIT */
/*
 * clone.c - a new device joins: identity files tell which pool it is, slots at any place give the
 * keys, the keys open the records, these tell of all the other places, and the administrator's
 * seed, which is wiped at once, signs the new device's record.
 */
#include "inner.h"

#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <place/place.h>
#include "identity.h"

#define RIGHTS_DEFAULT DEVICEREC_RIGHTS

/* What the named places say who they are. */
struct arrival {
	struct sherd_pool *pool;
	const struct sherd_clone_options *options;
	unsigned found; /* places of a pool */
	int code;       /* of the last that was none, and why */
	struct sherd_error why;
};

/* The identity of the place at one URL. */
static int look_at(struct sherd_pool *pool, struct place *place, struct identity *ret,
	const char *url, struct sherd_error *err)
{
	CLEANUP(mem_free_at) uint8_t *data = NULL;
	size_t size = 0;
	int r = place_get_whole(place, IDENTITY_NAME, IDENTITY_SIZE_MAX, &data, &size, err);

	(void)pool;
	if (r == SHERD_NOTFOUND)
		return err_set(err, SHERD_NOPOOL, "there is no place of a pool at '%s'", url);
	if (r)
		return err_wrap(err, r, "'%s'", url);
	r = identity_read(data, size, ret, err);
	return r ? err_wrap(err, r, "'%s'", url) : 0;
}

static int take_place(struct arrival *a, struct place *place, const char *url,
	const struct identity *identity, struct sherd_error *err)
{
	struct sherd_pool *pool = a->pool;
	char name[SHERD_POOL_NAME_MAX], none[] = "", *address = wire_copy(url);
	struct poolrec_place as = {.name = name, .domain = none};
	int r;

	if (!address) {
		place_free(place);
		return err_nomem(err);
	}
	/* Until the pool's record gives it its real name. */
	snprintf(name, sizeof(name), "place-%u", a->found + 1);
	as.url = address;
	memcpy(as.id, identity->place, RECORD_ID_SIZE);
	r = seat_new(pool, &as, url, place, &pool->seats[pool->seat_count], err);
	mem_free(address);
	if (r)
		return r;
	pool->members[pool->seat_count] = pool->seats[pool->seat_count]->member;
	pool->seats[pool->seat_count++]->known = true;
	a->found++;
	return 0;
}

static int arrive_at(struct arrival *a, const char *url, struct sherd_error *err)
{
	struct sherd_pool *pool = a->pool;
	struct place *place = NULL;
	struct identity identity;
	int r = pool_open_place(pool, url, false, &place, &a->why);

	if (!r)
		r = look_at(pool, place, &identity, url, &a->why);
	if (r) {
		place_free(place);
		a->code = r == SHERD_NOTFOUND ? err_set(&a->why, SHERD_NOPOOL,
							"there is no place of a pool at '%s'", url)
					      : r;
		return r == SHERD_NOMEM || r == SHERD_CANCELLED
			       ? err_set(err, r, "%s", a->why.message)
			       : 0;
	}
	if (!a->found && !a->options->pool.id)
		memcpy(pool->id, identity.pool, POOL_ID_SIZE);
	if (memcmp(pool->id, identity.pool, POOL_ID_SIZE) != 0) {
		place_free(place);
		return err_set(err, SHERD_MISMATCH, "'%s' is a place of another pool", url);
	}
	for (size_t i = 0; i < pool->seat_count; i++)
		if (memcmp(pool->seats[i]->id, identity.place, RECORD_ID_SIZE) == 0) {
			place_free(place);
			return 0;
		}
	return take_place(a, place, url, &identity, err);
}

static int arrive(struct arrival *a, struct sherd_error *err)
{
	const struct sherd_clone_options *o = a->options;
	int r = 0;

	if (!o->place_count || o->place_count > POOL_PLACES_MAX)
		return err_set(
			err, SHERD_INVALID, "one to %d places are to be named", POOL_PLACES_MAX);
	if (o->pool.id)
		memcpy(a->pool->id, o->pool.id, POOL_ID_SIZE);
	for (size_t i = 0; !r && i < o->place_count; i++)
		r = arrive_at(a, o->places[i], err);
	if (r || a->found)
		return r;
	/* Not there is one thing, not to be reached is another. */
	switch (a->code) {
	case SHERD_NOPOOL:
	case SHERD_NEWER:
	case SHERD_INVALID:
	case SHERD_DENIED:
	case SHERD_CORRUPT:
		return err_set(err, a->code, "%s", a->why.message);
	default:
		return err_set(err, SHERD_OFFLINE, "%s", a->why.message);
	}
}

static uint64_t every_seat(const struct sherd_pool *pool)
{
	return pool->seat_count < 64 ? BIT(pool->seat_count) - 1 : UINT64_MAX;
}

static int no_answer(const struct sherd_pool *pool, struct sherd_error *err)
{
	const struct seat *seat = pool->seats[0];

	return err_set(err, seat->code == SHERD_NOMEM ? SHERD_NOMEM : SHERD_OFFLINE,
		"a place does not give what it has: %s", seat->why);
}

/* Keys, then all records. */
static int read_pool(struct sherd_pool *pool, const struct sherd_clone_options *o,
	struct keyslot_keys *keys, struct sherd_error *err)
{
	uint64_t answered;
	int r = pool_listen_to(pool, every_seat(pool), &answered, err);

	if (!r && !answered)
		r = no_answer(pool, err);
	if (!r)
		r = pool_unlock(pool, o->pool.secrets, keys, err);
	if (!r)
		r = pool_listen_to(pool, every_seat(pool), &answered, err);
	if (!r && !answered)
		r = no_answer(pool, err);
	if (!r && !pool->rec_seq)
		r = err_set(err, SHERD_CORRUPT,
			"the places that were named show no record of the pool that can be believed");
	if (!r && !pool->rec.place_count)
		r = err_set(err, SHERD_NOPOOL,
			"what was named was made for a pool, and is not among its places yet");
	if (!r && keys->has_seed && memcmp(keys->admin, pool->admin, SIGN_PUBLIC_SIZE) != 0)
		r = err_set(err, SHERD_CORRUPT, "the key slot is not of this pool's administrator");
	return r ? r : pool_refresh(pool, err);
}

static int join(struct sherd_pool *pool, const struct sherd_clone_options *o,
	const struct keyslot_keys *keys, struct sherd_error *err)
{
	struct enroll how = {.host = o->host,
		.label = o->label,
		.rights = o->rights ? o->rights : RIGHTS_DEFAULT,
		.no_device_key = o->no_device_key,
		.admin_seed = &keys->seed};
	int r;

	if (!keys->has_seed)
		return err_set(err, SHERD_DENIED, "this key slot cannot admit new devices");
	r = pool_enroll(pool, &how, err);
	if (!r)
		r = pool_digest(pool, err);
	if (!r) {
		pool->read_only = false;
		r = pool_keep(pool, err);
	}
	return r ? r : device_file_save(&pool->state, &pool->device, err);
}

/* The device is one from here on; that the places know of it may come later. */
static int announce(struct sherd_pool *pool, struct sherd_error *err)
{
	int r = pool->fresh ? pool_refresh(pool, err) : pool_gather_heads(pool, err);

	if (!r)
		seats_use(pool);
	return r;
}

static int clone(
	struct sherd_pool *pool, const struct sherd_clone_options *o, struct sherd_error *err)
{
	CLEANUP(keyslot_keys_wipe_at) struct keyslot_keys keys = {0};
	struct arrival a = {.pool = pool, .options = o};
	int r = arrive(&a, err);

	/* Until there is a device nothing is written, here or there. */
	pool->read_only = true;
	if (!r)
		r = read_pool(pool, o, &keys, err);
	if (!r)
		r = join(pool, o, &keys, err);
	return r ? r : announce(pool, err);
}

int sherd_pool_clone(const struct sherd_clone_options *options, struct sherd_pool **ret_pool,
	struct sherd_error *err)
{
	CLEANUP(sherd_pool_free_at) struct sherd_pool *pool = NULL;
	int r;

	if (!options->pool.state || !options->pool.state[0])
		return err_set(err, SHERD_INVALID, "no state folder is named");
	if (options->pool.read_only || options->rights & ~(unsigned)DEVICEREC_RIGHTS)
		return err_set(err, SHERD_INVALID, "a new device cannot be made in this way");
	r = pool_new(&options->pool, &pool, err);
	if (!r)
		r = state_create(&pool->state, pool->env, options->pool.state, err);
	if (r)
		return r;
	r = clone(pool, options, err);
	if (r) {
		pool->read_only = true;
		state_undo(&pool->state);
		return r;
	}
	*ret_pool = TAKE(pool);
	return 0;
}
