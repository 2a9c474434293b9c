/* SPDX-License-Identifier: MIT */
/*
 * kdf.h - keys from keys (HKDF-SHA-256, RFC 5869) and keys from passphrases (Argon2id, RFC 9106,
 * by libsodium). Threads: any.
 */
#ifndef CRYPT_KDF_H
#define CRYPT_KDF_H

#include <stddef.h>
#include <stdint.h>
#include <sherd/error.h>
#include <crypt/secret.h>

/*
 * kdf_derive(key, salt, salt_size, info, extra, extra_size, ret):
 * HKDF-SHA-256 with input key ${key}, the salt, and info = the text ${info} without its NUL,
 * followed by the ${extra} bytes; one key of output.
 */
void kdf_derive(const struct crypt_key *key, const void *salt, size_t salt_size, const char *info,
	const void *extra, size_t extra_size, struct crypt_key *ret);

#define KDF_SALT_SIZE 16
/* What we make and what we accept: a hostile slot may ask for neither too little nor too much. */
#define KDF_MEMORY_KIB_MIN (8u * 1024) /* for tests and tiny machines; init warns below 64 MiB */
#define KDF_MEMORY_KIB_MAX (4u * 1024 * 1024) /* 4 GiB */
#define KDF_PASSES_MIN 1u
#define KDF_PASSES_MAX 16u
#define KDF_MEMORY_KIB_DEFAULT (256u * 1024)
#define KDF_PASSES_DEFAULT 3u

/*
 * kdf_passphrase(passphrase, size, salt, memory_kib, passes, ret, err):
 * Argon2id with one lane. Errors: INVALID (memory or passes out of the bounds above), NOMEM.
 */
int kdf_passphrase(const void *passphrase, size_t size, const uint8_t salt[KDF_SALT_SIZE],
	uint32_t memory_kib, uint32_t passes, struct crypt_key *ret, struct sherd_error *err);

#endif
