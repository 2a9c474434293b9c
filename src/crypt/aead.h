/* SPDX-License-Identifier: MIT */
/*
 * aead.h - AES-256-GCM with synthetic nonces (docs/format.md, 4).
 *
 *     sealed = nonce (12) || ciphertext || tag (16)
 *     nonce  = first 12 bytes of HMAC-SHA-256(nonce key, u64 size of aad || aad || commitment)
 * The commitment is a hash that fixes the bytes to be sealed; so under one (key, nonce) there is
 * never a second plaintext, without a counter and whatever the random source does.
 *
 * Engines as in hash.h. Threads: any; no state is shared.
 */
#ifndef CRYPT_AEAD_H
#define CRYPT_AEAD_H

#include <stddef.h>
#include <stdint.h>
#include <sherd/error.h>
#include <crypt/hash.h>
#include <crypt/secret.h>

#define AEAD_NONCE_SIZE 12
#define AEAD_TAG_SIZE 16
#define AEAD_OVERHEAD (AEAD_NONCE_SIZE + AEAD_TAG_SIZE)

struct aead_keys {
	struct crypt_key seal;  /* AES key */
	struct crypt_key nonce; /* HMAC key of nonces */
};

/*
 * aead_seal(keys, aad, aad_size, commitment, plain, size, sealed, err):
 * Write nonce, ciphertext and tag, size + AEAD_OVERHEAD bytes, to ${sealed}. ${plain} may be
 * sealed + AEAD_NONCE_SIZE (in place); otherwise they do not overlap. ${commitment} NULL: the tree
 * root (hash.h) of ${plain} is computed and used. size <= 2^31.
 * Errors: NOMEM, INVALID (too large, or the engine refuses).
 */
int aead_seal(const struct aead_keys *keys, const void *aad, size_t aad_size,
	const struct hash *commitment, const uint8_t *plain, size_t size, uint8_t *sealed,
	struct sherd_error *err);

/*
 * aead_open(keys, aad, aad_size, sealed, sealed_size, plain, err):
 * The reverse; ${plain} gets sealed_size - AEAD_OVERHEAD bytes and may be sealed + AEAD_NONCE_SIZE.
 * On error what ${plain} held is lost and it is zeroed.
 * Errors: CORRUPT (too short, or not sealed with this key and aad), NOMEM.
 */
int aead_open(const struct aead_keys *keys, const void *aad, size_t aad_size, const uint8_t *sealed,
	size_t sealed_size, uint8_t *plain, struct sherd_error *err);

/*
 * Tests only: a sink that is told of every seal (key, nonce, hash of aad and plaintext), to prove
 * that no pair (key, nonce) meets two plaintexts. NULL: none. Set while no other thread seals.
 */
typedef void aead_witness(void *context, const struct crypt_key *key,
	const uint8_t nonce[AEAD_NONCE_SIZE], const struct hash *sealed_what);
void aead_set_witness(aead_witness *witness, void *context);

#endif
