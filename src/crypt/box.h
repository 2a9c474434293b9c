/* SPDX-License-Identifier: MIT */
/*
 * box.h - small secrets in envelopes (libsodium): sealed to a public key (X25519 and
 * XSalsa20-Poly1305, crypto_box_seal), or locked with a key (XChaCha20-Poly1305). For keys, never
 * for bulk. Threads: any.
 */
#ifndef CRYPT_BOX_H
#define CRYPT_BOX_H

#include <stddef.h>
#include <stdint.h>
#include <base/env.h>
#include <sherd/error.h>
#include <crypt/secret.h>

#define BOX_PUBLIC_SIZE 32
#define BOX_SEAL_OVERHEAD 48 /* ephemeral public key and tag */
#define BOX_LOCK_OVERHEAD 40 /* nonce of 24 and tag */

/* box_public(secret, ret_public): the public key that belongs to 32 random bytes. */
void box_public(const struct crypt_key *secret, uint8_t ret_public[BOX_PUBLIC_SIZE]);

/*
 * box_seal(env, public, plain, size, sealed, err): size + BOX_SEAL_OVERHEAD bytes that only the
 * holder of the secret key can open. The ephemeral key comes from env->random, and from a hash of
 * ${plain} as well, so that a frozen random source does not repeat one for two plaintexts.
 * Errors: IO (no randomness), INVALID (a weak public key).
 */
int box_seal(const struct sherd_env *env, const uint8_t public_key[BOX_PUBLIC_SIZE],
	const void *plain, size_t size, uint8_t *sealed, struct sherd_error *err);

/* box_open(secret, sealed, sealed_size, plain, err): Errors: CORRUPT (not for this key, changed).
 */
int box_open(const struct crypt_key *secret, const uint8_t *sealed, size_t sealed_size, void *plain,
	struct sherd_error *err);

/*
 * box_lock(env, key, aad, aad_size, plain, size, locked, err): size + BOX_LOCK_OVERHEAD bytes:
 * nonce || ciphertext || tag. The nonce is random, mixed with a hash of aad and plain as above.
 * Errors: IO (no randomness).
 */
int box_lock(const struct sherd_env *env, const struct crypt_key *key, const void *aad,
	size_t aad_size, const void *plain, size_t size, uint8_t *locked, struct sherd_error *err);

/* box_unlock(...): Errors: CORRUPT (another key or aad, or changed bytes). */
int box_unlock(const struct crypt_key *key, const void *aad, size_t aad_size, const uint8_t *locked,
	size_t locked_size, void *plain, struct sherd_error *err);

#endif
