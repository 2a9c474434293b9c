/* SPDX-License-Identifier: MIT */
/*
 * aead.c - the nonce, the layout and the limits; AES-256-GCM itself is the engine's. The nonce is
 * a keyed hash of all that fixes the sealed bytes, so equal nonces under a key mean equal messages,
 * but for a collision of 96 bits, which the number of seals under one key keeps out of reach.
 */
#include <crypt/aead.h>

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <crypt/engine.h>

#define SIZE_MAX_PLAIN ((size_t)1 << 31)
#define LEAVES_ON_STACK 64 /* 2 KiB of hashes for 2 MiB of data */

static_assert(sizeof(((struct crypt_key *)0)->bytes) == 32, "an AES-256 key");

static aead_witness *witness;
static void *witness_context;

void aead_set_witness(aead_witness *new_witness, void *context)
{
	witness = new_witness;
	witness_context = context;
}

struct u64le {
	uint8_t bytes[8];
};

static struct u64le u64le_of(uint64_t value)
{
	struct u64le number;

	for (size_t i = 0; i < sizeof(number.bytes); i++)
		number.bytes[i] = (uint8_t)(value >> (8 * i));
	return number;
}

static void make_nonce(const struct crypt_key *key, const void *aad, size_t aad_size,
	const struct hash *commitment, uint8_t ret_nonce[AEAD_NONCE_SIZE])
{
	struct u64le size = u64le_of(aad_size);
	struct iovec parts[] = {hash_part(size.bytes, sizeof(size.bytes)), hash_part(aad, aad_size),
		hash_part(commitment->bytes, HASH_SIZE)};
	struct hash full;

	hash_hmac(key->bytes, sizeof(key->bytes), parts, 3, &full);
	memcpy(ret_nonce, full.bytes, AEAD_NONCE_SIZE);
}

/* The tree root of ${plain}. */
static int commit(const uint8_t *plain, size_t size, struct hash *ret, struct sherd_error *err)
{
	CLEANUP(mem_free_at) struct hash *allocated = NULL;
	struct hash few[LEAVES_ON_STACK];
	struct hash *leaves = few;
	size_t count = hash_leaf_count(size);

	if (count > LEAVES_ON_STACK) {
		allocated = mem_array(count, sizeof(*allocated));
		if (!allocated)
			return err_nomem(err);
		leaves = allocated;
	}
	hash_leaves(plain, size, leaves);
	hash_root(leaves, count, ret);
	return 0;
}

static void tell_witness(const struct aead_keys *keys, const void *aad, size_t aad_size,
	const uint8_t *plain, size_t size, const uint8_t *nonce)
{
	struct u64le aad_number = u64le_of(aad_size);
	struct iovec parts[] = {hash_part(aad_number.bytes, sizeof(aad_number.bytes)),
		hash_part(aad, aad_size), hash_part(plain, size)};
	struct hash what;

	hash_sha256(parts, 3, &what);
	witness(witness_context, &keys->seal, nonce, &what);
}

int aead_seal(const struct aead_keys *keys, const void *aad, size_t aad_size,
	const struct hash *commitment, const uint8_t *plain, size_t size, uint8_t *sealed,
	struct sherd_error *err)
{
	uint8_t nonce[AEAD_NONCE_SIZE];
	struct gcm_message m = {
		keys->seal.bytes, nonce, aad, aad_size, plain, sealed + AEAD_NONCE_SIZE, size};
	struct hash root;
	int r;

	if (size > SIZE_MAX_PLAIN)
		return err_set(err, SHERD_INVALID, "%zu bytes are too many for one seal", size);
	if (!commitment) {
		r = commit(plain, size, &root, err);
		if (r)
			return r;
		commitment = &root;
	}
	make_nonce(&keys->nonce, aad, aad_size, commitment, nonce);
	if (witness)
		tell_witness(keys, aad, aad_size, plain, size, nonce);
	r = crypt_engine()->gcm_seal(&m, sealed + AEAD_NONCE_SIZE + size, err);
	if (r)
		return r;
	memcpy(sealed, nonce, sizeof(nonce));
	return 0;
}

int aead_open(const struct aead_keys *keys, const void *aad, size_t aad_size, const uint8_t *sealed,
	size_t sealed_size, uint8_t *plain, struct sherd_error *err)
{
	struct gcm_message m = {.key = keys->seal.bytes, .aad = aad, .aad_size = aad_size};
	int r;

	if (sealed_size < AEAD_OVERHEAD)
		return err_set(err, SHERD_CORRUPT, "%zu bytes are too few for a seal", sealed_size);
	m.nonce = sealed;
	m.from = sealed + AEAD_NONCE_SIZE;
	m.to = plain;
	m.size = sealed_size - AEAD_OVERHEAD;
	if (m.size > SIZE_MAX_PLAIN)
		r = err_set(err, SHERD_CORRUPT, "%zu bytes are too many for one seal", m.size);
	else
		r = crypt_engine()->gcm_open(&m, m.from + m.size, err);
	if (r && m.size)
		memset(plain, 0, m.size);
	return r;
}
