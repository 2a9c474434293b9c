/* SPDX-License-Identifier: MIT */
/*
 * hmac.h - SHA-256 and HMAC-SHA-256 by OpenSSL, piece by piece; nothing here allocates or fails.
 * Inner to this floor: others use hash.h. One struct belongs to one thread, or is constant.
 */
#ifndef CRYPT_HMAC_H
#define CRYPT_HMAC_H

#define OPENSSL_SUPPRESS_DEPRECATED /* see hmac.c */
#include <openssl/sha.h>
#include <stddef.h>
#include <crypt/hash.h>

/* A key: the states of the two hashes behind their first block. */
struct hmac_pads {
	SHA256_CTX inner, outer;
};

/* hmac_pads_init(pads, key, size): any size. The caller wipes a secret one. */
void hmac_pads_init(struct hmac_pads *pads, const void *key, size_t size);

/* hmac_end(pads, inner, ret): ${inner}, a copy of pads->inner, has got the whole message. */
void hmac_end(const struct hmac_pads *pads, SHA256_CTX *inner, struct hash *ret);

#endif
