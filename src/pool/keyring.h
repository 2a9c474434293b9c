/* SPDX-License-Identifier: MIT */
/*
 * keyring.h - the keys of a pool: its content key and the key of every epoch, and what is derived
 * from them (docs/format.md, 4.2). In locked memory, wiped when freed. Changing one belongs to one
 * thread; reading may go on in any number of them meanwhile if nobody changes it.
 */
#ifndef POOL_KEYRING_H
#define POOL_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <crypt/aead.h>
#include <crypt/secret.h>
#include <pool/ref.h>
#include <sherd/error.h>

#define KEYRING_EPOCHS_MAX 256

struct keyring;

/* keyring_new(pool, content, ret, err): Errors: NOMEM. keyring_free() wipes; NULL does nothing. */
int keyring_new(const uint8_t pool[POOL_ID_SIZE], const struct crypt_key *content,
	struct keyring **ret, struct sherd_error *err);
void keyring_free(struct keyring *ring);
DEFINE_CLEANUP(struct keyring, keyring_free)

/* keyring_add(ring, epoch, key, err): know an epoch's key; a known one must be the same.
 * Errors: CORRUPT (another key is known, epoch 0, or too many). */
int keyring_add(
	struct keyring *ring, uint32_t epoch, const struct crypt_key *key, struct sherd_error *err);

const uint8_t *keyring_pool(const struct keyring *ring);
uint32_t keyring_newest(const struct keyring *ring); /* 0: none */

/* keyring_epoch(ring, epoch): its key, NULL if unknown. keyring_content(ring). */
const struct crypt_key *keyring_epoch(const struct keyring *ring, uint32_t epoch);
const struct crypt_key *keyring_content(const struct keyring *ring);

/* keyring_record_keys(ring, epoch, kind, ret): keys of control records; false: no such epoch. */
bool keyring_record_keys(
	const struct keyring *ring, uint32_t epoch, uint8_t kind, struct aead_keys *ret);

/* keyring_pack_keys(ring, epoch, nonce, ret): keys of a pack; false: no such epoch. */
bool keyring_pack_keys(const struct keyring *ring, uint32_t epoch,
	const uint8_t nonce[POOL_NONCE_SIZE], struct aead_keys *ret);

/* keyring_commitment(pool, epoch, key, ret): what a slot shows of its epoch's key. */
void keyring_commitment(const uint8_t pool[POOL_ID_SIZE], uint32_t epoch,
	const struct crypt_key *key, uint8_t ret[HASH_SIZE]);

/* For CLEANUP(). */
static inline void aead_keys_wipe_at(struct aead_keys *keys)
{
	secret_wipe(keys, sizeof(*keys));
}

#endif
