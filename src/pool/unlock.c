/* SPDX-License-Identifier: MIT */
/*
 * unlock.c - the pool's keys out of its slots. Slots of the newest epoch come first, and of these
 * the ones that most places show: a place can invent slots, and each passphrase slot that is tried
 * costs seconds, so only a few are.
 */
#include "inner.h"

#include <stdio.h>
#include <string.h>

#include <base/err.h>
#include "kit.h"

#define PASSPHRASE_ROOM 1024
#define TRIES_MAX 8

struct attempt {
	const struct sherd_pool *pool;
	enum keyslot_kind kind;
	const uint8_t *id; /* of the slot; NULL: any */
	const struct entry *tried[TRIES_MAX];
	size_t count;
};

/* The next slot to try; NULL when there is none, or enough were tried. */
static const struct entry *next_slot(struct attempt *a)
{
	const struct mirror *store = &a->pool->store;
	const struct entry *best = NULL;

	for (size_t i = mirror_first(store, RECORD_KEYS);
		i < store->count && store->entries[i]->name.kind == RECORD_KEYS; i++) {
		const struct entry *e = store->entries[i];
		bool fits = (e->state == ENTRY_OPEN || e->state == ENTRY_VALID) &&
			    e->slot.kind == a->kind &&
			    (!a->id || memcmp(a->id, e->slot.id, RECORD_ID_SIZE) == 0);

		for (size_t j = 0; j < a->count; j++)
			fits = fits && a->tried[j] != e;
		if (fits && (!best || e->name.seq > best->name.seq ||
				    (e->name.seq == best->name.seq &&
					    ask_bits(e->shown) > ask_bits(best->shown))))
			best = e;
	}
	if (!best || a->count == TRIES_MAX)
		return NULL;
	a->tried[a->count++] = best;
	return best;
}

static int try_passphrase(const struct sherd_pool *pool, const char *passphrase, size_t size,
	struct keyslot_keys *ret, struct sherd_error *err)
{
	struct attempt a = {.pool = pool, .kind = KEYSLOT_PASSPHRASE};
	const struct entry *e;
	int r = err_set(err, SHERD_BADKEY, "the pool has no key slot for a passphrase");

	while ((e = next_slot(&a))) {
		CLEANUP(crypt_key_wipe_at) struct crypt_key key;

		memset(&key, 0, sizeof(key));
		r = keyslot_passphrase_key(&e->slot, passphrase, size, &key, err);
		if (!r)
			r = keyslot_unlock(&e->slot, &key, ret, err);
		if (!r || r == SHERD_NOMEM)
			return r;
	}
	return r;
}

static int with_passphrase(const struct sherd_pool *pool, const struct sherd_secrets *secrets,
	struct keyslot_keys *ret, struct sherd_error *err)
{
	char *buffer = secret_new(PASSPHRASE_ROOM);
	size_t size = 0;
	int r;

	if (!buffer)
		return err_nomem(err);
	r = secrets->passphrase(secrets->context, buffer, PASSPHRASE_ROOM, &size, err);
	if (!r && (!size || size > PASSPHRASE_ROOM))
		r = err_set(err, SHERD_BADKEY, "the passphrase is empty");
	if (!r)
		r = try_passphrase(pool, buffer, size, ret, err);
	secret_free(buffer);
	return r;
}

static int try_kit(const struct sherd_pool *pool, const struct kit *kit, struct keyslot_keys *ret,
	struct sherd_error *err)
{
	struct attempt a = {.pool = pool, .kind = KEYSLOT_KIT, .id = kit->slot};
	CLEANUP(crypt_key_wipe_at) struct crypt_key key;
	const struct entry *e;
	int r;

	memset(&key, 0, sizeof(key));
	if (memcmp(kit->pool, pool->id, POOL_ID_SIZE) != 0)
		return err_set(err, SHERD_BADKEY, "this is the recovery kit of another pool");
	r = err_set(err, SHERD_BADKEY, "the pool has no key slot for this recovery kit any more");
	keyslot_kit_key(pool->id, &kit->secret, &key);
	while (r && (e = next_slot(&a)))
		r = keyslot_unlock(&e->slot, &key, ret, err);
	return r;
}

static int with_kit(const struct sherd_pool *pool, const struct sherd_secrets *secrets,
	struct keyslot_keys *ret, struct sherd_error *err)
{
	CLEANUP(kit_wipe_at) struct kit kit = {0};
	char *buffer = secret_new(KIT_TEXT_MAX);
	size_t size = 0;
	int r;

	if (!buffer)
		return err_nomem(err);
	r = secrets->kit(secrets->context, buffer, KIT_TEXT_MAX, &size, err);
	if (!r)
		r = kit_read(buffer, size, &kit, err);
	else if (r == SHERD_NOTFOUND)
		r = 1; /* not at hand */
	secret_free(buffer);
	return r ? r : try_kit(pool, &kit, ret, err);
}

int pool_unlock(struct sherd_pool *pool, const struct sherd_secrets *secrets,
	struct keyslot_keys *ret, struct sherd_error *err)
{
	int r = 1;

	if (secrets && secrets->kit)
		r = with_kit(pool, secrets, ret, err);
	if (r == 1 && secrets && secrets->passphrase)
		r = with_passphrase(pool, secrets, ret, err);
	if (r == 1)
		r = err_set(err, SHERD_BADKEY, "the passphrase or the recovery kit is needed");
	if (!r)
		r = keyring_new(pool->id, &ret->content, &pool->ring, err);
	return r ? r : keyring_add(pool->ring, ret->epoch, &ret->epoch_key, err);
}

int pool_unlock_device(struct sherd_pool *pool, struct sherd_error *err)
{
	struct attempt a = {.pool = pool, .kind = KEYSLOT_DEVICE, .id = pool->device.slot};
	CLEANUP(keyslot_keys_wipe_at) struct keyslot_keys keys = {0};
	const struct entry *e;
	int r = err_set(
		err, SHERD_CORRUPT, "this device's key slot is missing in the state folder");

	r = device_file_show(&pool->device, NULL, pool->secrets, NULL) ? SHERD_CORRUPT : r;
	while (r && (e = next_slot(&a)))
		if (e->own)
			r = keyslot_unseal(&e->slot, &pool->secrets->box, &keys, err);
	if (!r)
		r = keyring_new(pool->id, &keys.content, &pool->ring, err);
	if (!r)
		r = keyring_add(pool->ring, keys.epoch, &keys.epoch_key, err);
	return r == SHERD_BADKEY
		       ? err_set(err, SHERD_CORRUPT,
				 "this device's key slot in the state folder is not its own")
		       : r;
}

/* Anybody can seal to a slot's public key; who knows the content key is one of us. */
bool pool_learn_epochs(struct sherd_pool *pool)
{
	bool any = false;

	if (pool->device.locked)
		return false;
	for (size_t i = mirror_first(&pool->store, RECORD_KEYS);
		i < mirror_end(&pool->store, RECORD_KEYS); i++) {
		const struct entry *e = pool->store.entries[i];
		CLEANUP(keyslot_keys_wipe_at) struct keyslot_keys keys = {0};

		if (e->state != ENTRY_OPEN || e->slot.kind != KEYSLOT_DEVICE ||
			memcmp(e->slot.id, pool->device.slot, RECORD_ID_SIZE) != 0 ||
			keyring_epoch(pool->ring, e->slot.epoch))
			continue;
		if (keyslot_unseal(&e->slot, &pool->secrets->box, &keys, NULL) == 0 &&
			secret_equal(&keys.content, keyring_content(pool->ring), CRYPT_KEY_SIZE) &&
			keyring_add(pool->ring, keys.epoch, &keys.epoch_key, NULL) == 0)
			any = true;
	}
	return any;
}
