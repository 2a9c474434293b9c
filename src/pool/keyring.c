/* SPDX-License-Identifier: MIT */
/* keyring.c - one block of locked memory with all keys; epochs ascend. */
#include "keyring.h"

#include <string.h>

#include <base/err.h>
#include <crypt/kdf.h>

struct keyring {
	uint8_t pool[POOL_ID_SIZE];
	struct crypt_key content;
	size_t count;
	struct {
		uint32_t epoch;
		struct crypt_key key;
	} epochs[KEYRING_EPOCHS_MAX];
};

int keyring_new(const uint8_t pool[POOL_ID_SIZE], const struct crypt_key *content,
	struct keyring **ret, struct sherd_error *err)
{
	struct keyring *ring = secret_new(sizeof(*ring));

	if (!ring)
		return err_nomem(err);
	memcpy(ring->pool, pool, POOL_ID_SIZE);
	ring->content = *content;
	*ret = ring;
	return 0;
}

void keyring_free(struct keyring *ring)
{
	secret_free(ring);
}

int keyring_add(
	struct keyring *ring, uint32_t epoch, const struct crypt_key *key, struct sherd_error *err)
{
	const struct crypt_key *known = keyring_epoch(ring, epoch);
	size_t at = ring->count;

	if (known && secret_equal(known, key, sizeof(*key)))
		return 0;
	if (known || !epoch || ring->count == KEYRING_EPOCHS_MAX)
		return err_set(err, SHERD_CORRUPT, "the key of epoch %u is refused", epoch);
	while (at > 0 && ring->epochs[at - 1].epoch > epoch) {
		ring->epochs[at] = ring->epochs[at - 1];
		at--;
	}
	ring->epochs[at].epoch = epoch;
	ring->epochs[at].key = *key;
	ring->count++;
	return 0;
}

const uint8_t *keyring_pool(const struct keyring *ring)
{
	return ring->pool;
}

uint32_t keyring_newest(const struct keyring *ring)
{
	return ring->count ? ring->epochs[ring->count - 1].epoch : 0;
}

const struct crypt_key *keyring_epoch(const struct keyring *ring, uint32_t epoch)
{
	for (size_t i = 0; i < ring->count; i++)
		if (ring->epochs[i].epoch == epoch)
			return &ring->epochs[i].key;
	return NULL;
}

const struct crypt_key *keyring_content(const struct keyring *ring)
{
	return &ring->content;
}

bool keyring_record_keys(
	const struct keyring *ring, uint32_t epoch, uint8_t kind, struct aead_keys *ret)
{
	const struct crypt_key *key = keyring_epoch(ring, epoch);

	if (!key)
		return false;
	kdf_derive(key, ring->pool, POOL_ID_SIZE, "sherd record seal", &kind, 1, &ret->seal);
	kdf_derive(key, ring->pool, POOL_ID_SIZE, "sherd record nonce", &kind, 1, &ret->nonce);
	return true;
}

bool keyring_pack_keys(const struct keyring *ring, uint32_t epoch,
	const uint8_t nonce[POOL_NONCE_SIZE], struct aead_keys *ret)
{
	const struct crypt_key *key = keyring_epoch(ring, epoch);

	if (!key)
		return false;
	kdf_derive(key, ring->pool, POOL_ID_SIZE, "sherd pack seal", nonce, POOL_NONCE_SIZE,
		&ret->seal);
	kdf_derive(key, ring->pool, POOL_ID_SIZE, "sherd pack nonce", nonce, POOL_NONCE_SIZE,
		&ret->nonce);
	return true;
}

void keyring_commitment(const uint8_t pool[POOL_ID_SIZE], uint32_t epoch,
	const struct crypt_key *key, uint8_t ret[HASH_SIZE])
{
	uint8_t number[4] = {(uint8_t)epoch, (uint8_t)(epoch >> 8), (uint8_t)(epoch >> 16),
		(uint8_t)(epoch >> 24)};
	struct crypt_key out;

	kdf_derive(key, pool, POOL_ID_SIZE, "sherd epoch commitment", number, sizeof(number), &out);
	memcpy(ret, out.bytes, HASH_SIZE);
}
