/* SPDX-License-Identifier: MIT */
/*
 * keyslot.h - key slots (docs/format.md, 8.1 and 8.2): the keys of an epoch, sealed to an X25519
 * key whose secret half is locked by a passphrase, the recovery kit, or kept by a device. Threads:
 * any.
 */
#ifndef POOL_KEYSLOT_H
#define POOL_KEYSLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <base/env.h>
#include <crypt/box.h>
#include <crypt/kdf.h>
#include <crypt/sign.h>
#include <sherd/error.h>
#include "record.h"

#define KEYSLOT_FILE_SIZE 424
#define KEYSLOT_LOCKED_SIZE 104
#define KEYSLOT_SEALED_SIZE 152

enum keyslot_kind { KEYSLOT_PASSPHRASE = 1, KEYSLOT_KIT = 2, KEYSLOT_DEVICE = 3 };

/* What a slot gives to who can open it. Secret: wipe it. */
struct keyslot_keys {
	uint32_t epoch;
	struct crypt_key epoch_key, content;
	bool has_seed;
	struct crypt_key seed; /* of the administrator; zeros without has_seed */
	uint8_t admin[SIGN_PUBLIC_SIZE];
};
static inline void keyslot_keys_wipe_at(struct keyslot_keys *keys)
{
	secret_wipe(keys, sizeof(*keys));
}

/* A slot's file, parsed; nothing in it is secret. */
struct keyslot {
	uint8_t kind;
	uint32_t epoch;
	uint8_t pool[POOL_ID_SIZE];
	uint8_t id[RECORD_ID_SIZE];
	uint32_t memory_kib, passes;
	uint8_t salt[KDF_SALT_SIZE];
	uint8_t public_key[BOX_PUBLIC_SIZE];
	uint8_t commitment[HASH_SIZE];
	uint8_t locked[KEYSLOT_LOCKED_SIZE];
	uint8_t sealed[KEYSLOT_SEALED_SIZE];
};

/* keyslot_write(slot, ret_file): its file. keyslot_read(file, size, ret, err): Errors: CORRUPT,
 * NEWER (format, kind or algorithm unknown), INVALID (Argon2id costs outside of the bounds). */
void keyslot_write(const struct keyslot *slot, uint8_t ret_file[KEYSLOT_FILE_SIZE]);
int keyslot_read(const uint8_t *file, size_t size, struct keyslot *ret, struct sherd_error *err);

/*
 * keyslot_make(env, slot, secret, locking, keys, err):
 * Fill in public key, commitment, locked and sealed of ${slot}, which comes with the rest, for the
 * X25519 secret ${secret}. ${locking} is NULL for a device's slot, which never gets the seed.
 * Errors: IO (no randomness).
 */
int keyslot_make(const struct sherd_env *env, struct keyslot *slot, const struct crypt_key *secret,
	const struct crypt_key *locking, const struct keyslot_keys *keys, struct sherd_error *err);

/* The locking key of a passphrase slot (Argon2id: slow) and of a kit slot. Errors: INVALID, NOMEM.
 */
int keyslot_passphrase_key(const struct keyslot *slot, const char *passphrase, size_t size,
	struct crypt_key *ret, struct sherd_error *err);
void keyslot_kit_key(const uint8_t pool[POOL_ID_SIZE], const struct crypt_key *kit_secret,
	struct crypt_key *ret);

/* keyslot_unlock(slot, locking, ret, err): open a passphrase or kit slot.
 * Errors: BADKEY (not locked with this key), CORRUPT (its parts do not belong together). */
int keyslot_unlock(const struct keyslot *slot, const struct crypt_key *locking,
	struct keyslot_keys *ret, struct sherd_error *err);

/* keyslot_unseal(slot, secret, ret, err): open a device's slot. ret->admin is zeros. Errors: as
 * above. */
int keyslot_unseal(const struct keyslot *slot, const struct crypt_key *secret,
	struct keyslot_keys *ret, struct sherd_error *err);

#endif
