/* SPDX-License-Identifier: MIT */
/* sign.h - Ed25519 signatures (RFC 8032, by libsodium). Threads: any. */
#ifndef CRYPT_SIGN_H
#define CRYPT_SIGN_H

#include <stddef.h>
#include <stdint.h>
#include <sherd/error.h>
#include <crypt/secret.h>

#define SIGN_PUBLIC_SIZE 32
#define SIGN_SIZE 64

/* The secret half is its seed of 32 bytes, a struct crypt_key. */

/* sign_public(seed, ret_public): the public key of a seed. */
void sign_public(const struct crypt_key *seed, uint8_t ret_public[SIGN_PUBLIC_SIZE]);

/* sign_make(seed, data, size, ret_signature): sign. Deterministic. */
void sign_make(const struct crypt_key *seed, const void *data, size_t size,
	uint8_t ret_signature[SIGN_SIZE]);

/* sign_check(public, data, size, signature): 1 if it is good, else 0. */
int sign_check(const uint8_t public_key[SIGN_PUBLIC_SIZE], const void *data, size_t size,
	const uint8_t signature[SIGN_SIZE]);

#endif
