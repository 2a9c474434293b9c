/* SPDX-License-Identifier: MIT */
/*
 * keyslot.c - anybody can seal something to a slot's public key, which is no secret; so what comes
 * out is believed only as far as it is proved: the epoch key by the commitment (which proves no
 * more than that one key was meant), the administrator's public key by the lock, the seed by that
 * key. The rest of the proof is the chain of records (digest.h): a forged epoch key opens none.
 */
#include "keyslot.h"

#include <assert.h>
#include <string.h>

#include <base/bytes.h>
#include <base/cursor.h>
#include <base/err.h>
#include <base/intmath.h>

#define MAGIC "sherd-k\n"
#define MAGIC_SIZE 8
#define FORMAT 1
#define ALGORITHM 1
#define RESERVED_SIZE 32
#define FLAG_SEED 1
#define PAYLOAD_SIZE 104
#define LOCK_SIZE (CRYPT_KEY_SIZE + SIGN_PUBLIC_SIZE)
#define LOCK_AAD_SIZE (POOL_ID_SIZE + RECORD_ID_SIZE + 1)

static_assert(MAGIC_SIZE + 2 + 1 + 1 + 4 + POOL_ID_SIZE + RECORD_ID_SIZE + 8 + KDF_SALT_SIZE +
			      BOX_PUBLIC_SIZE + HASH_SIZE + KEYSLOT_LOCKED_SIZE +
			      KEYSLOT_SEALED_SIZE + RESERVED_SIZE ==
		      KEYSLOT_FILE_SIZE,
	"size of a slot's file");
static_assert(LOCK_SIZE + BOX_LOCK_OVERHEAD == KEYSLOT_LOCKED_SIZE, "locked part");
static_assert(PAYLOAD_SIZE + BOX_SEAL_OVERHEAD == KEYSLOT_SEALED_SIZE, "sealed part");
static_assert(4 + 4 + 3 * CRYPT_KEY_SIZE == PAYLOAD_SIZE, "payload");

/* --- the file --- */

struct writer {
	uint8_t *next;
};

static void add(struct writer *w, const void *data, size_t size)
{
	memcpy(w->next, data, size);
	w->next += size;
}

static void add_number(struct writer *w, uint32_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*w->next++ = (uint8_t)(value >> (8 * i));
}

void keyslot_write(const struct keyslot *slot, uint8_t ret_file[KEYSLOT_FILE_SIZE])
{
	struct writer w = {ret_file};

	memset(ret_file, 0, KEYSLOT_FILE_SIZE);
	add(&w, MAGIC, MAGIC_SIZE);
	add_number(&w, FORMAT, 2);
	add_number(&w, slot->kind, 1);
	add_number(&w, ALGORITHM, 1);
	add_number(&w, slot->epoch, 4);
	add(&w, slot->pool, POOL_ID_SIZE);
	add(&w, slot->id, RECORD_ID_SIZE);
	add_number(&w, slot->memory_kib, 4);
	add_number(&w, slot->passes, 4);
	add(&w, slot->salt, KDF_SALT_SIZE);
	add(&w, slot->public_key, BOX_PUBLIC_SIZE);
	add(&w, slot->commitment, HASH_SIZE);
	add(&w, slot->locked, KEYSLOT_LOCKED_SIZE);
	add(&w, slot->sealed, KEYSLOT_SEALED_SIZE);
	assert(w.next + RESERVED_SIZE == ret_file + KEYSLOT_FILE_SIZE);
}

static bool all_zero(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i])
			return false;
	return true;
}

/* Before any work is done for it: a hostile slot may ask for terabytes, or for next to nothing. */
static int check_costs(const struct keyslot *slot, struct sherd_error *err)
{
	bool asked = slot->kind == KEYSLOT_PASSPHRASE;

	if (!asked && (slot->memory_kib || slot->passes))
		return err_set(err, SHERD_CORRUPT, "a key slot has costs and no passphrase");
	if (asked &&
		(slot->memory_kib < KDF_MEMORY_KIB_MIN || slot->memory_kib > KDF_MEMORY_KIB_MAX ||
			slot->passes < KDF_PASSES_MIN || slot->passes > KDF_PASSES_MAX))
		return err_set(err, SHERD_INVALID,
			"a key slot asks for %u KiB and %u passes of Argon2id: refused",
			slot->memory_kib, slot->passes);
	return 0;
}

int keyslot_read(const uint8_t *file, size_t size, struct keyslot *ret, struct sherd_error *err)
{
	struct cursor c = cursor_of(file, size);
	const uint8_t *magic = cursor_take(&c, MAGIC_SIZE), *reserved;
	unsigned format = cursor_u16(&c), algorithm;

	if (!magic || memcmp(magic, MAGIC, MAGIC_SIZE) != 0 || size != KEYSLOT_FILE_SIZE)
		return err_set(err, SHERD_CORRUPT, "this is no key slot");
	*ret = (struct keyslot){.kind = cursor_u8(&c)};
	algorithm = cursor_u8(&c);
	if (format != FORMAT || algorithm != ALGORITHM || ret->kind < KEYSLOT_PASSPHRASE ||
		ret->kind > KEYSLOT_DEVICE)
		return err_set(err, SHERD_NEWER,
			"a key slot of format %u, kind %u, algorithm %u was made by a newer version "
			"of sherd",
			format, ret->kind, algorithm);
	ret->epoch = cursor_u32(&c);
	cursor_copy(&c, ret->pool, POOL_ID_SIZE);
	cursor_copy(&c, ret->id, RECORD_ID_SIZE);
	ret->memory_kib = cursor_u32(&c);
	ret->passes = cursor_u32(&c);
	cursor_copy(&c, ret->salt, KDF_SALT_SIZE);
	cursor_copy(&c, ret->public_key, BOX_PUBLIC_SIZE);
	cursor_copy(&c, ret->commitment, HASH_SIZE);
	cursor_copy(&c, ret->locked, KEYSLOT_LOCKED_SIZE);
	cursor_copy(&c, ret->sealed, KEYSLOT_SEALED_SIZE);
	reserved = cursor_take(&c, RESERVED_SIZE);
	if (!cursor_done(&c) || !reserved || !all_zero(reserved, RESERVED_SIZE) || !ret->epoch)
		return err_set(err, SHERD_CORRUPT, "a key slot is damaged");
	if (ret->kind == KEYSLOT_DEVICE && !all_zero(ret->locked, KEYSLOT_LOCKED_SIZE))
		return err_set(err, SHERD_CORRUPT, "a key slot is damaged");
	return check_costs(ret, err);
}

/* --- locking and sealing --- */

static void lock_aad(const struct keyslot *slot, uint8_t ret[LOCK_AAD_SIZE])
{
	struct writer w = {ret};

	add(&w, slot->pool, POOL_ID_SIZE);
	add(&w, slot->id, RECORD_ID_SIZE);
	add(&w, &slot->kind, 1);
}

static int lock(const struct sherd_env *env, struct keyslot *slot, const struct crypt_key *secret,
	const struct crypt_key *locking, const uint8_t *admin, struct sherd_error *err)
{
	uint8_t aad[LOCK_AAD_SIZE], plain[LOCK_SIZE];
	int r;

	lock_aad(slot, aad);
	memcpy(plain, secret->bytes, CRYPT_KEY_SIZE);
	memcpy(plain + CRYPT_KEY_SIZE, admin, SIGN_PUBLIC_SIZE);
	r = box_lock(env, locking, aad, sizeof(aad), plain, sizeof(plain), slot->locked, err);
	secret_wipe(plain, sizeof(plain));
	return r;
}

int keyslot_make(const struct sherd_env *env, struct keyslot *slot, const struct crypt_key *secret,
	const struct crypt_key *locking, const struct keyslot_keys *keys, struct sherd_error *err)
{
	uint8_t payload[PAYLOAD_SIZE] = {0};
	struct writer w = {payload};
	bool seed = locking && keys->has_seed;
	int r;

	assert((locking != NULL) == (slot->kind != KEYSLOT_DEVICE));
	slot->epoch = keys->epoch;
	box_public(secret, slot->public_key);
	keyring_commitment(slot->pool, keys->epoch, &keys->epoch_key, slot->commitment);
	memset(slot->locked, 0, sizeof(slot->locked));
	if (locking) {
		r = lock(env, slot, secret, locking, keys->admin, err);
		if (r)
			return r;
	}
	add_number(&w, seed ? FLAG_SEED : 0, 4);
	add_number(&w, keys->epoch, 4);
	add(&w, keys->epoch_key.bytes, CRYPT_KEY_SIZE);
	add(&w, keys->content.bytes, CRYPT_KEY_SIZE);
	if (seed)
		add(&w, keys->seed.bytes, CRYPT_KEY_SIZE);
	r = box_seal(env, slot->public_key, payload, sizeof(payload), slot->sealed, err);
	secret_wipe(payload, sizeof(payload));
	return r;
}

int keyslot_passphrase_key(const struct keyslot *slot, const char *passphrase, size_t size,
	struct crypt_key *ret, struct sherd_error *err)
{
	return kdf_passphrase(
		passphrase, size, slot->salt, slot->memory_kib, slot->passes, ret, err);
}

void keyslot_kit_key(
	const uint8_t pool[POOL_ID_SIZE], const struct crypt_key *kit_secret, struct crypt_key *ret)
{
	kdf_derive(kit_secret, pool, POOL_ID_SIZE, "sherd kit", NULL, 0, ret);
}

/* --- opening --- */

static int read_payload(const struct keyslot *slot, const uint8_t *payload,
	struct keyslot_keys *ret, struct sherd_error *err)
{
	struct cursor c = cursor_of(payload, PAYLOAD_SIZE);
	uint32_t flags = cursor_u32(&c);
	uint8_t commitment[HASH_SIZE], admin[SIGN_PUBLIC_SIZE];

	ret->epoch = cursor_u32(&c);
	cursor_copy(&c, ret->epoch_key.bytes, CRYPT_KEY_SIZE);
	cursor_copy(&c, ret->content.bytes, CRYPT_KEY_SIZE);
	cursor_copy(&c, ret->seed.bytes, CRYPT_KEY_SIZE);
	ret->has_seed = flags & FLAG_SEED;
	keyring_commitment(slot->pool, slot->epoch, &ret->epoch_key, commitment);
	if (flags & ~(uint32_t)FLAG_SEED || ret->epoch != slot->epoch ||
		memcmp(commitment, slot->commitment, HASH_SIZE) != 0)
		return err_set(err, SHERD_CORRUPT, "a key slot holds another key than it says");
	if (!ret->has_seed)
		return 0;
	if (slot->kind == KEYSLOT_DEVICE)
		return err_set(err, SHERD_CORRUPT, "a device's key slot holds too much");
	sign_public(&ret->seed, admin);
	if (memcmp(admin, ret->admin, SIGN_PUBLIC_SIZE) != 0)
		return err_set(err, SHERD_CORRUPT, "a key slot holds another administrator's seed");
	return 0;
}

static int unseal(const struct keyslot *slot, const struct crypt_key *secret,
	struct keyslot_keys *ret, struct sherd_error *err)
{
	uint8_t payload[PAYLOAD_SIZE], public_key[BOX_PUBLIC_SIZE];
	int r;

	box_public(secret, public_key);
	if (memcmp(public_key, slot->public_key, BOX_PUBLIC_SIZE) != 0)
		return err_set(err, SHERD_BADKEY, "a key slot belongs to another key");
	r = box_open(secret, slot->sealed, KEYSLOT_SEALED_SIZE, payload, err);
	if (!r)
		r = read_payload(slot, payload, ret, err);
	secret_wipe(payload, sizeof(payload));
	if (r)
		secret_wipe(ret, sizeof(*ret));
	return r;
}

int keyslot_unlock(const struct keyslot *slot, const struct crypt_key *locking,
	struct keyslot_keys *ret, struct sherd_error *err)
{
	CLEANUP(crypt_key_wipe_at) struct crypt_key secret;
	uint8_t aad[LOCK_AAD_SIZE], plain[LOCK_SIZE];
	int r;

	assert(slot->kind != KEYSLOT_DEVICE);
	*ret = (struct keyslot_keys){0};
	memset(&secret, 0, sizeof(secret));
	lock_aad(slot, aad);
	r = box_unlock(locking, aad, sizeof(aad), slot->locked, KEYSLOT_LOCKED_SIZE, plain, NULL);
	if (r)
		return err_set(err, SHERD_BADKEY, "%s",
			slot->kind == KEYSLOT_KIT ? "this recovery kit does not open the pool"
						  : "wrong passphrase");
	memcpy(secret.bytes, plain, CRYPT_KEY_SIZE);
	memcpy(ret->admin, plain + CRYPT_KEY_SIZE, SIGN_PUBLIC_SIZE);
	secret_wipe(plain, sizeof(plain));
	return unseal(slot, &secret, ret, err);
}

int keyslot_unseal(const struct keyslot *slot, const struct crypt_key *secret,
	struct keyslot_keys *ret, struct sherd_error *err)
{
	assert(slot->kind == KEYSLOT_DEVICE);
	*ret = (struct keyslot_keys){0};
	return unseal(slot, secret, ret, err);
}
