/* SPDX-License-Identifier: MIT */
/* sign.c - libsodium wants the seed and the public key side by side; made anew each time, which
 * doubles the cost of a signature (to 30 us) and leaves nothing secret to keep. */
#include <crypt/sign.h>

#include <assert.h>
#include <sodium.h>

#include "ready.h"

static_assert(SIGN_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES && SIGN_SIZE == crypto_sign_BYTES &&
		      CRYPT_KEY_SIZE == crypto_sign_SEEDBYTES,
	"libsodium's sizes");

void sign_public(const struct crypt_key *seed, uint8_t ret_public[SIGN_PUBLIC_SIZE])
{
	uint8_t pair[crypto_sign_SECRETKEYBYTES];

	crypt_ready();
	crypto_sign_seed_keypair(ret_public, pair, seed->bytes);
	secret_wipe(pair, sizeof(pair));
}

void sign_make(const struct crypt_key *seed, const void *data, size_t size,
	uint8_t ret_signature[SIGN_SIZE])
{
	uint8_t pair[crypto_sign_SECRETKEYBYTES];
	uint8_t public_key[SIGN_PUBLIC_SIZE];

	crypt_ready();
	crypto_sign_seed_keypair(public_key, pair, seed->bytes);
	crypto_sign_detached(ret_signature, NULL, data, size, pair);
	secret_wipe(pair, sizeof(pair));
}

int sign_check(const uint8_t public_key[SIGN_PUBLIC_SIZE], const void *data, size_t size,
	const uint8_t signature[SIGN_SIZE])
{
	crypt_ready();
	return crypto_sign_verify_detached(signature, data, size, public_key) == 0;
}
