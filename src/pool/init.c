/* SPDX-License-Identifier: MIT */
/*
 * init.c - a new pool: keys, three slots, the first device and the first pool record, all in the
 * state folder. The file `device` comes last: without it there is no pool, and what stands in the
 * folder is swept away by the next attempt.
 */
#include "inner.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <base/alloc.h>
#include <base/err.h>
#include <crypt/kdf.h>
#include "kit.h"

#define CHUNK_MIN (256u << 10)
#define CHUNK_AVERAGE (1u << 20)
#define CHUNK_MAX (4u << 20)

/* What a new pool begins with; in locked memory. */
struct beginning {
	struct keyslot_keys keys; /* of epoch 1, with the administrator's seed */
	struct kit kit;
	struct crypt_key slot_secrets[2]; /* passphrase, kit */
	uint8_t slot_ids[2][RECORD_ID_SIZE];
	uint8_t salt[POOLREC_SALT_SIZE];
	struct crypt_key locking;
};

static int check_options(const struct sherd_pool_init_options *o, struct sherd_error *err)
{
	if (!o->state || !o->state[0])
		return err_set(err, SHERD_INVALID, "no state folder is named");
	if (!o->name || !wire_name_ok(o->name))
		return err_set(err, SHERD_INVALID,
			"a pool's name is 1 to %d of A-Z a-z 0-9 . _ -, with no . in front",
			SHERD_POOL_NAME_MAX);
	if (o->k < 1 || o->k > POOL_SHARES_MAX || o->m > POOL_SHARES_MAX || (o->m && o->k > o->m))
		return err_set(err, SHERD_INVALID, "k is 1 to m, and m at most %d: not %u of %u",
			POOL_SHARES_MAX, o->k, o->m);
	if (o->m && !ladder_holds(o->k, o->m))
		return err_set(err, SHERD_INVALID,
			"%u of %u makes packs that are too small: take a larger k, or a smaller m",
			o->k, o->m);
	if (!o->passphrase || !o->passphrase_size)
		return err_set(err, SHERD_INVALID, "the passphrase is empty");
	return 0;
}

static int draw(struct sherd_pool *pool, struct beginning *b, struct sherd_error *err)
{
	const struct sherd_env *env = pool->env;
	int r = pool_random(env, &b->keys.epoch_key, CRYPT_KEY_SIZE, err);

	if (!r)
		r = pool_random(env, &b->keys.content, CRYPT_KEY_SIZE, err);
	if (!r)
		r = pool_random(env, &b->keys.seed, CRYPT_KEY_SIZE, err);
	if (!r)
		r = pool_random(env, &b->kit.secret, CRYPT_KEY_SIZE, err);
	if (!r)
		r = pool_random(env, b->slot_secrets, sizeof(b->slot_secrets), err);
	if (!r)
		r = pool_random(env, b->slot_ids, sizeof(b->slot_ids), err);
	if (!r)
		r = pool_random(env, b->salt, sizeof(b->salt), err);
	if (r)
		return r;
	b->keys.epoch = 1;
	b->keys.has_seed = true;
	sign_public(&b->keys.seed, b->keys.admin);
	poolrec_id(b->keys.admin, b->salt, pool->id);
	memcpy(b->kit.pool, pool->id, POOL_ID_SIZE);
	memcpy(b->kit.slot, b->slot_ids[1], RECORD_ID_SIZE);
	return 0;
}

static int add_slots(struct sherd_pool *pool, const struct sherd_pool_init_options *o,
	struct beginning *b, struct sherd_error *err)
{
	struct keyslot slot = {.kind = KEYSLOT_PASSPHRASE,
		.memory_kib = o->kdf_memory_kib ? o->kdf_memory_kib : KDF_MEMORY_KIB_DEFAULT,
		.passes = o->kdf_passes ? o->kdf_passes : KDF_PASSES_DEFAULT};
	struct keyslot kit = {.kind = KEYSLOT_KIT};
	int r;

	memcpy(slot.pool, pool->id, POOL_ID_SIZE);
	memcpy(slot.id, b->slot_ids[0], RECORD_ID_SIZE);
	memcpy(kit.pool, pool->id, POOL_ID_SIZE);
	memcpy(kit.id, b->slot_ids[1], RECORD_ID_SIZE);
	r = pool_random(pool->env, slot.salt, sizeof(slot.salt), err);
	if (!r)
		r = keyslot_passphrase_key(
			&slot, o->passphrase, o->passphrase_size, &b->locking, err);
	if (!r)
		r = keyslot_make(pool->env, &slot, &b->slot_secrets[0], &b->locking, &b->keys, err);
	if (!r)
		r = pool_add_slot(pool, &slot, err);
	if (r)
		return r;
	keyslot_kit_key(pool->id, &b->kit.secret, &b->locking);
	r = keyslot_make(pool->env, &kit, &b->slot_secrets[1], &b->locking, &b->keys, err);
	return r ? r : pool_add_slot(pool, &kit, err);
}

static int add_pool_record(struct sherd_pool *pool, const struct sherd_pool_init_options *o,
	const struct beginning *b, struct sherd_error *err)
{
	static const uint8_t zeros[RECORD_ID_SIZE];
	static char empty[] = "";
	char name[SHERD_POOL_NAME_MAX + 1];
	CLEANUP(wire_wipe) struct bytes body = BYTES_INIT;
	CLEANUP(record_file_unref_at) struct record_file *file = NULL;
	struct poolrec_slot slots[3] = {{.kind = KEYSLOT_PASSPHRASE, .label = empty},
		{.kind = KEYSLOT_KIT, .label = empty}, {.kind = KEYSLOT_DEVICE, .label = empty}};
	struct poolrec rec = {.k = (uint8_t)o->k,
		.m = (uint8_t)o->m,
		.chunk_min = CHUNK_MIN,
		.chunk_average = CHUNK_AVERAGE,
		.chunk_max = CHUNK_MAX,
		.name = name,
		.next_place = 1,
		.slots = slots,
		.slot_count = o->no_device_key ? 2 : 3};
	struct record_name record;
	struct entry *e;
	int r;

	snprintf(name, sizeof(name), "%s", o->name);
	for (size_t i = 0; i < 2; i++) {
		memcpy(slots[i].id, b->slot_ids[i], RECORD_ID_SIZE);
		box_public(&b->slot_secrets[i], slots[i].public_key);
	}
	memcpy(slots[2].id, pool->device.slot, RECORD_ID_SIZE);
	box_public(&pool->secrets->box, slots[2].public_key);
	memcpy(rec.admin, b->keys.admin, SIGN_PUBLIC_SIZE);
	memcpy(rec.salt, b->salt, POOLREC_SALT_SIZE);
	rec.created_ns = pool->env->clock_real_ns(pool->env->context);
	poolrec_write(&rec, &body);
	r = pool_seal(pool, RECORD_POOL, zeros, 1, &body, pool->device.device, &pool->secrets->sign,
		&record, &file, err);
	return r ? r : pool_adopt(pool, &record, file, &e, err);
}

static int make_records(struct sherd_pool *pool, const struct sherd_pool_init_options *o,
	struct beginning *b, struct sherd_error *err)
{
	struct enroll how = {.host = o->host,
		.label = o->label,
		.rights = DEVICEREC_RIGHTS,
		.no_device_key = o->no_device_key,
		.admin_seed = &b->keys.seed};
	int r = draw(pool, b, err);

	if (!r)
		r = keyring_new(pool->id, &b->keys.content, &pool->ring, err);
	if (!r)
		r = keyring_add(pool->ring, 1, &b->keys.epoch_key, err);
	if (!r)
		r = add_slots(pool, o, b, err);
	if (!r)
		r = pool_enroll(pool, &how, err);
	if (!r)
		r = add_pool_record(pool, o, b, err);
	return r ? r : pool_digest(pool, err);
}

static int write_kit(struct sherd_pool *pool, const struct beginning *b, const char *name,
	char **ret_kit, struct sherd_error *err)
{
	time_t seconds = (time_t)(pool->env->clock_real_ns(pool->env->context) / 1000000000);
	struct tm day;
	char created[16] = "";

	if (gmtime_r(&seconds, &day))
		(void)strftime(created, sizeof(created), "%Y-%m-%d", &day);
	return kit_write(&b->kit, name, created, ret_kit, err);
}

static int init(struct sherd_pool *pool, const struct sherd_pool_init_options *o,
	struct beginning *b, char **ret_kit, struct sherd_error *err)
{
	CLEANUP(secret_free_at) char *kit = NULL;
	int r = make_records(pool, o, b, err);

	if (!r)
		r = write_kit(pool, b, o->name, &kit, err);
	if (!r)
		r = pool_keep(pool, err);
	if (!r)
		r = device_file_save(&pool->state, &pool->device, err);
	if (!r)
		*ret_kit = TAKE(kit);
	return r;
}

int sherd_pool_init(
	const struct sherd_pool_init_options *options, char **ret_kit, struct sherd_error *err)
{
	struct sherd_pool_options open = {.env = options->env, .inline_calls = 1};
	CLEANUP(sherd_pool_free_at) struct sherd_pool *pool = NULL;
	CLEANUP(secret_free_at) struct beginning *b = NULL;
	int r = check_options(options, err);

	if (!r)
		r = pool_new(&open, &pool, err);
	if (r)
		return r;
	b = secret_new(sizeof(*b));
	if (!b)
		return err_nomem(err);
	r = state_create(&pool->state, pool->env, options->state, err);
	if (r)
		return r;
	r = init(pool, options, b, ret_kit, err);
	if (r) {
		state_undo(&pool->state);
		state_release(&pool->state);
	}
	return r;
}
