/* SPDX-License-Identifier: MIT */
/*
 * hmac.c - OpenSSL's plain SHA256_*() functions, which its version 3 would rather see replaced by
 * EVP. They have what a function needs that must not fail: their state is a plain struct, so
 * nothing is allocated, nothing is looked up by name, and a key's state is copied by assignment.
 * (They are faster, too: 64 bytes take 0.08 us, and 0.11 us with a copied EVP context.)
 */
#include "hmac.h"

#include <string.h>

#include <crypt/secret.h>

void hmac_pads_init(struct hmac_pads *pads, const void *key, size_t size)
{
	uint8_t block[SHA256_CBLOCK] = {0};

	if (size > sizeof(block)) {
		SHA256_Init(&pads->inner);
		SHA256_Update(&pads->inner, key, size);
		SHA256_Final(block, &pads->inner);
	} else if (size) {
		memcpy(block, key, size);
	}
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36;
	SHA256_Init(&pads->inner);
	SHA256_Update(&pads->inner, block, sizeof(block));
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36 ^ 0x5c;
	SHA256_Init(&pads->outer);
	SHA256_Update(&pads->outer, block, sizeof(block));
	secret_wipe(block, sizeof(block));
}

void hmac_end(const struct hmac_pads *pads, SHA256_CTX *inner, struct hash *ret)
{
	struct hash middle;

	SHA256_Final(middle.bytes, inner);
	*inner = pads->outer;
	SHA256_Update(inner, middle.bytes, sizeof(middle.bytes));
	SHA256_Final(ret->bytes, inner);
}
