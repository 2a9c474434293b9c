/* SPDX-License-Identifier: MIT */
/* enroll.c - new devices, new incarnations and key slots: all of it entries that are not yet
 * written anywhere. */
#include "inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/err.h>

int pool_random(const struct sherd_env *env, void *ret, size_t size, struct sherd_error *err)
{
	if (env->random(env->context, ret, size) == 0)
		return 0;
	return err_system(err, errno, "there is no randomness");
}

int pool_add_slot(struct sherd_pool *pool, const struct keyslot *slot, struct sherd_error *err)
{
	uint8_t data[KEYSLOT_FILE_SIZE];
	struct record_name name = {.kind = RECORD_KEYS, .seq = slot->epoch};
	CLEANUP(record_file_unref_at) struct record_file *file = NULL;
	struct entry *e;

	keyslot_write(slot, data);
	file = record_file_new(data, sizeof(data));
	if (!file)
		return err_nomem(err);
	memcpy(name.subject, slot->id, RECORD_ID_SIZE);
	memcpy(name.hash, file->hash.bytes, RECORD_HASH_SIZE);
	return pool_adopt(pool, &name, file, &e, err);
}

/* A device's slot holds the keys of the newest epoch and no seed. */
static int add_device_slot(struct sherd_pool *pool, struct sherd_error *err)
{
	CLEANUP(keyslot_keys_wipe_at) struct keyslot_keys keys = {0};
	struct keyslot slot = {.kind = KEYSLOT_DEVICE};
	int r;

	keys.epoch = keyring_newest(pool->ring);
	keys.epoch_key = *keyring_epoch(pool->ring, keys.epoch);
	keys.content = *keyring_content(pool->ring);
	memcpy(slot.pool, pool->id, POOL_ID_SIZE);
	memcpy(slot.id, pool->device.slot, RECORD_ID_SIZE);
	r = keyslot_make(pool->env, &slot, &pool->secrets->box, NULL, &keys, err);
	return r ? r : pool_add_slot(pool, &slot, err);
}

/* A text of somebody's that fits into a record. */
static char *fitting(const char *text)
{
	return mem_format("%.*s", DEVICEREC_TEXT_MAX, text);
}

static char *host_name(const char *given)
{
	char buffer[256] = "";

	if (given)
		return fitting(given);
	if (gethostname(buffer, sizeof(buffer) - 1) != 0 || !buffer[0])
		return fitting("unknown");
	return fitting(buffer);
}

static int make_device_record(struct sherd_pool *pool, const struct devicerec *rec, uint64_t seq,
	const uint8_t *signer, const struct crypt_key *seed, struct entry **ret,
	struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes body = BYTES_INIT;
	CLEANUP(record_file_unref_at) struct record_file *file = NULL;
	struct record_name name;
	int r;

	devicerec_write(rec, &body);
	r = pool_seal(
		pool, RECORD_DEVICE, rec->device, seq, &body, signer, seed, &name, &file, err);
	return r ? r : pool_adopt(pool, &name, file, ret, err);
}

static int make_ids(struct sherd_pool *pool, bool locked, struct sherd_error *err)
{
	struct device_file *device = &pool->device;
	int r;

	memcpy(device->pool, pool->id, POOL_ID_SIZE);
	device->locked = locked;
	r = pool_random(pool->env, device->device, RECORD_ID_SIZE, err);
	if (!r)
		r = pool_random(pool->env, device->incarnation, RECORD_ID_SIZE, err);
	if (!r && !locked)
		r = pool_random(pool->env, device->slot, RECORD_ID_SIZE, err);
	if (!r)
		r = pool_random(pool->env, &pool->secrets->sign, CRYPT_KEY_SIZE, err);
	if (!r)
		r = pool_random(pool->env, &pool->secrets->box, CRYPT_KEY_SIZE, err);
	if (!r)
		r = device_file_hide(pool->env, device, pool->ring, pool->secrets, err);
	return r;
}

int pool_enroll(struct sherd_pool *pool, const struct enroll *how, struct sherd_error *err)
{
	static const uint8_t admin[RECORD_ID_SIZE];
	struct devicerec rec = {.rights = how->rights};
	struct entry *e;
	int r = make_ids(pool, how->no_device_key, err);

	if (r)
		return r;
	memcpy(rec.device, pool->device.device, RECORD_ID_SIZE);
	memcpy(rec.incarnation, pool->device.incarnation, RECORD_ID_SIZE);
	sign_public(&pool->secrets->sign, rec.sign_key);
	box_public(&pool->secrets->box, rec.box_key);
	rec.created_ns = pool->env->clock_real_ns(pool->env->context);
	rec.host = host_name(how->host);
	rec.label = fitting(how->label ? how->label : "");
	r = rec.host && rec.label ? 0 : err_nomem(err);
	if (!r)
		r = make_device_record(pool, &rec, 1, admin, how->admin_seed, &e, err);
	devicerec_release(&rec);
	if (!r && !how->no_device_key)
		r = add_device_slot(pool, err);
	return r;
}

/* Not from the random source alone: where that stands still, an incarnation must not come twice. */
static int new_incarnation(
	struct sherd_pool *pool, uint64_t seq, uint8_t *ret, struct sherd_error *err)
{
	struct {
		uint8_t random[RECORD_HASH_SIZE], device[RECORD_ID_SIZE], old[RECORD_ID_SIZE];
		uint64_t seq, time;
	} from = {.seq = seq, .time = pool->env->clock_real_ns(pool->env->context)};
	struct iovec part = hash_part(&from, sizeof(from));
	struct hash hash;
	int r = pool_random(pool->env, from.random, sizeof(from.random), err);

	if (r)
		return r;
	memcpy(from.device, pool->device.device, RECORD_ID_SIZE);
	memcpy(from.old, pool->device.incarnation, RECORD_ID_SIZE);
	hash_sha256(&part, 1, &hash);
	memcpy(ret, hash.bytes, RECORD_ID_SIZE);
	return 0;
}

/*
 * The record first: it does no harm if the device file never follows. `seen` goes before the device
 * file: were it the other way round, a crash between them would leave the new incarnation with the
 * old one's seq, which only makes a gap; this way the old one has seq 0, and finds itself behind
 * again.
 */
int pool_reincarnate(struct sherd_pool *pool, struct sherd_error *err)
{
	const struct entry *now = pool_device_entry(pool, pool->device.device);
	CLEANUP(device_file_wipe_at) struct device_file device = pool->device;
	struct devicerec rec;
	struct entry *e = NULL;
	uint64_t own_seq = pool->seen.own_seq;
	int r;

	if (!now)
		return err_set(err, SHERD_CORRUPT, "this device's own record is missing");
	r = new_incarnation(pool, now->name.seq + 1, device.incarnation, err);
	if (r)
		return r;
	rec = now->device;
	memcpy(rec.incarnation, device.incarnation, RECORD_ID_SIZE);
	r = make_device_record(
		pool, &rec, now->name.seq + 1, pool->device.device, &pool->secrets->sign, &e, err);
	if (!r)
		r = pool_digest(pool, err);
	if (!r)
		r = pool_save_entry(pool, e, err);
	if (r)
		return r;
	pool->seen.own_seq = 0;
	r = seen_save(&pool->state, &pool->seen, err);
	if (!r)
		r = device_file_save(&pool->state, &device, err);
	if (r) {
		pool->seen.own_seq = own_seq;
		return r;
	}
	memcpy(pool->device.incarnation, device.incarnation, RECORD_ID_SIZE);
	pool->own_fault = false;
	return 0;
}
