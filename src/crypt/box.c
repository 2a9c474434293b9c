/* SPDX-License-Identifier: MIT */
/*
 * box.c - crypto_box_seal() done by hand, because libsodium's takes its ephemeral key from a random
 * source that we cannot replace; what comes out is opened by crypto_box_seal_open().
 *
 * Fresh keys and nonces are a hash of random bytes and of all that goes into the envelope. If the
 * random bytes repeat, as in a machine that was copied while it ran, then equal envelopes come out
 * for equal contents and different keys or nonces for different ones; and since the hash is keyed
 * with what nobody else knows (the random bytes, and the key of a lock), a nonce tells nothing.
 */
#include <crypt/box.h>

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include <base/err.h>
#include <crypt/hash.h>
#include <crypt/kdf.h>
#include "ready.h"

static_assert(BOX_PUBLIC_SIZE == crypto_box_PUBLICKEYBYTES &&
		      BOX_SEAL_OVERHEAD == crypto_box_SEALBYTES &&
		      CRYPT_KEY_SIZE == crypto_box_SECRETKEYBYTES,
	"libsodium's sealed boxes");

#define LOCK_NONCE_SIZE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define LOCK_TAG_SIZE crypto_aead_xchacha20poly1305_ietf_ABYTES
static_assert(BOX_LOCK_OVERHEAD == LOCK_NONCE_SIZE + LOCK_TAG_SIZE &&
		      CRYPT_KEY_SIZE == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
	"libsodium's XChaCha20-Poly1305");

static int get_random(const struct sherd_env *env, struct crypt_key *ret, struct sherd_error *err)
{
	env = env_or_system(env);
	if (env->random(env->context, ret->bytes, sizeof(ret->bytes)) != 0)
		return err_set(err, SHERD_IO, "cannot get random bytes: %s", strerror(errno));
	return 0;
}

void box_public(const struct crypt_key *secret, uint8_t ret_public[BOX_PUBLIC_SIZE])
{
	crypt_ready();
	crypto_scalarmult_base(ret_public, secret->bytes);
}

/* As libsodium has it: BLAKE2b of both public keys. */
static void seal_nonce(const uint8_t ephemeral[BOX_PUBLIC_SIZE],
	const uint8_t receiver[BOX_PUBLIC_SIZE], uint8_t ret_nonce[crypto_box_NONCEBYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, crypto_box_NONCEBYTES);
	crypto_generichash_update(&state, ephemeral, BOX_PUBLIC_SIZE);
	crypto_generichash_update(&state, receiver, BOX_PUBLIC_SIZE);
	crypto_generichash_final(&state, ret_nonce, crypto_box_NONCEBYTES);
}

int box_seal(const struct sherd_env *env, const uint8_t public_key[BOX_PUBLIC_SIZE],
	const void *plain, size_t size, uint8_t *sealed, struct sherd_error *err)
{
	CLEANUP(crypt_key_wipe_at) struct crypt_key chance = {0};
	CLEANUP(crypt_key_wipe_at) struct crypt_key ephemeral = {0};
	uint8_t nonce[crypto_box_NONCEBYTES];
	struct iovec content = hash_part(plain, size);
	struct hash what;
	int r;

	r = get_random(env, &chance, err);
	if (r)
		return r;
	hash_sha256(&content, 1, &what);
	kdf_derive(&chance, what.bytes, sizeof(what.bytes), "sherd box ephemeral", public_key,
		BOX_PUBLIC_SIZE, &ephemeral);
	secret_wipe(&what, sizeof(what));
	box_public(&ephemeral, sealed);
	seal_nonce(sealed, public_key, nonce);
	if (crypto_box_easy(
		    sealed + BOX_PUBLIC_SIZE, plain, size, nonce, public_key, ephemeral.bytes) != 0)
		return err_set(err, SHERD_INVALID, "a public key that nothing can be sealed to");
	return 0;
}

int box_open(const struct crypt_key *secret, const uint8_t *sealed, size_t sealed_size, void *plain,
	struct sherd_error *err)
{
	uint8_t own[BOX_PUBLIC_SIZE];

	if (sealed_size < BOX_SEAL_OVERHEAD)
		return err_set(err, SHERD_CORRUPT, "sealed box is cut short");
	box_public(secret, own);
	if (crypto_box_seal_open(plain, sealed, sealed_size, own, secret->bytes) != 0)
		return err_set(err, SHERD_CORRUPT, "box was not sealed for this key");
	return 0;
}

/* A hash of what is locked, whose border between aad and plain cannot be moved. */
static void hash_content(
	const void *aad, size_t aad_size, const void *plain, size_t size, struct hash *ret)
{
	struct hash both[2];
	struct iovec aad_part = hash_part(aad, aad_size), plain_part = hash_part(plain, size);
	struct iovec all = hash_part(both, sizeof(both));

	hash_sha256(&aad_part, 1, &both[0]);
	hash_sha256(&plain_part, 1, &both[1]);
	hash_sha256(&all, 1, ret);
	secret_wipe(both, sizeof(both));
}

int box_lock(const struct sherd_env *env, const struct crypt_key *key, const void *aad,
	size_t aad_size, const void *plain, size_t size, uint8_t *locked, struct sherd_error *err)
{
	CLEANUP(crypt_key_wipe_at) struct crypt_key chance = {0};
	struct crypt_key nonce;
	struct hash what;
	int r;

	r = get_random(env, &chance, err);
	if (r)
		return r;
	hash_content(aad, aad_size, plain, size, &what);
	kdf_derive(key, chance.bytes, sizeof(chance.bytes), "sherd box nonce", what.bytes,
		sizeof(what.bytes), &nonce);
	secret_wipe(&what, sizeof(what));
	crypt_ready();
	crypto_aead_xchacha20poly1305_ietf_encrypt(locked + LOCK_NONCE_SIZE, NULL, plain, size, aad,
		aad_size, NULL, nonce.bytes, key->bytes);
	memcpy(locked, nonce.bytes, LOCK_NONCE_SIZE);
	return 0;
}

int box_unlock(const struct crypt_key *key, const void *aad, size_t aad_size, const uint8_t *locked,
	size_t locked_size, void *plain, struct sherd_error *err)
{
	if (locked_size < BOX_LOCK_OVERHEAD)
		return err_set(err, SHERD_CORRUPT, "locked box is cut short");
	crypt_ready();
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, locked + LOCK_NONCE_SIZE,
		    locked_size - LOCK_NONCE_SIZE, aad, aad_size, locked, key->bytes) != 0)
		return err_set(err, SHERD_CORRUPT, "box was not locked with this key");
	return 0;
}
