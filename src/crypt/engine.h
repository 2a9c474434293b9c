/* SPDX-License-Identifier: MIT */
/*
 * engine.h - what computes in bulk: many HMACs with a public key, and AES-256-GCM. One table for
 * each library that can do it; all give the same bytes. For hash.c and aead.c, tests and
 * benchmarks; others use hash.h and aead.h.
 */
#ifndef CRYPT_ENGINE_H
#define CRYPT_ENGINE_H

#include <stddef.h>
#include <stdint.h>
#include <sherd/error.h>
#include <crypt/hash.h>

/* The HMAC keys of the tree hash. */
enum hmac_kind { HMAC_LEAF, HMAC_NODE, HMAC_KINDS };

/* One message; ${ret} lies in the data of no job of its batch. */
struct hmac_job {
	const uint8_t *data;
	size_t size; /* at most HASH_LEAF_SIZE */
	struct hash *ret;
};

/* One call of AES-256-GCM; ${to} is ${from} or does not overlap it. */
struct gcm_message {
	const uint8_t *key;   /* 32 bytes */
	const uint8_t *nonce; /* 12 bytes */
	const void *aad;
	size_t aad_size;
	const uint8_t *from;
	uint8_t *to;
	size_t size;
};

struct crypt_engine {
	const char *name;
	/* Does it work here? Called once, before any other function. NULL: always. */
	int (*usable)(void);
	void (*hmac_many)(enum hmac_kind kind, const struct hmac_job *jobs, size_t count);
	/* Errors: NOMEM, INVALID (it refuses). */
	int (*gcm_seal)(const struct gcm_message *m, uint8_t ret_tag[16], struct sherd_error *err);
	/* Errors: CORRUPT, NOMEM; what was written to ${to} is worth nothing then. */
	int (*gcm_open)(
		const struct gcm_message *m, const uint8_t tag[16], struct sherd_error *err);
};

extern const struct crypt_engine crypt_engine_openssl;  /* the definition */
extern const struct crypt_engine crypt_engine_ipsec_mb; /* where built in */

/* The keys of the tree hash, with their sizes. */
struct hmac_key {
	const char *text;
	size_t size;
};
extern const struct hmac_key crypt_hmac_keys[HMAC_KINDS];

/* crypt_engine(): the one in use: the fastest, or what SHERD_CRYPTO forces. Threads: any. */
const struct crypt_engine *crypt_engine(void);

/* crypt_engine_at(index): all that work here, fastest first; NULL behind the last. Threads: any. */
const struct crypt_engine *crypt_engine_at(size_t index);

/* crypt_engine_self_test(e): does it give the bytes of OpenSSL? */
int crypt_engine_self_test(const struct crypt_engine *e);

/* Tests and benchmarks only: let crypt_engine() give ${e}; NULL: as before. Not while others work.
 */
void crypt_engine_use(const struct crypt_engine *e);

#endif
