/* SPDX-License-Identifier: MIT */
/*
 * engine_openssl.c - one message after the other. The states of the two tree keys are made once;
 * the cipher is fetched once, and not looked up by name at each call.
 */
#include <crypt/engine.h>

#define OPENSSL_SUPPRESS_DEPRECATED /* see hmac.c */
#include <openssl/evp.h>
#include <pthread.h>

#include <base/err.h>
#include <base/intmath.h>
#include "hmac.h"

#define PIECE_MAX ((size_t)1 << 30) /* EVP counts in int */

static struct hmac_pads tree_pads[HMAC_KINDS];
static EVP_CIPHER *fetched; /* constant; NULL if it could not be had then */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
	for (int kind = 0; kind < HMAC_KINDS; kind++)
		hmac_pads_init(
			&tree_pads[kind], crypt_hmac_keys[kind].text, crypt_hmac_keys[kind].size);
	fetched = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

/* No fetching again later: EVP_aes_256_gcm() makes EVP do it itself, at every call. */
static const EVP_CIPHER *cipher(void)
{
	pthread_once(&once, prepare);
	return fetched ? fetched : EVP_aes_256_gcm();
}

static void hmac_many(enum hmac_kind kind, const struct hmac_job *jobs, size_t count)
{
	const struct hmac_pads *pads = &tree_pads[kind];

	pthread_once(&once, prepare);
	for (size_t i = 0; i < count; i++) {
		SHA256_CTX inner = pads->inner;

		SHA256_Update(&inner, jobs[i].data, jobs[i].size);
		hmac_end(pads, &inner, jobs[i].ret);
	}
}

/* EVP_CipherUpdate() of any number of bytes; ${to} NULL: they are associated data. */
static int update(EVP_CIPHER_CTX *ctx, uint8_t *to, const uint8_t *from, size_t size)
{
	while (size) {
		int piece = (int)INT_MIN_OF(size, PIECE_MAX);
		int put;

		if (!EVP_CipherUpdate(ctx, to, &put, from, piece))
			return 0;
		to = to ? to + piece : NULL;
		from += piece;
		size -= (size_t)piece;
	}
	return 1;
}

/* Everything but the tag. */
static int run(EVP_CIPHER_CTX *ctx, const struct gcm_message *m, int sealing)
{
	return EVP_CipherInit_ex2(ctx, cipher(), m->key, m->nonce, sealing, NULL) &&
	       update(ctx, NULL, m->aad, m->aad_size) && update(ctx, m->to, m->from, m->size);
}

/* All that run() does with a right call and can fail is to get memory. */
static int gcm_seal(const struct gcm_message *m, uint8_t ret_tag[16], struct sherd_error *err)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t none[16];
	int put, ran, good;

	if (!ctx)
		return err_nomem(err);
	ran = run(ctx, m, 1);
	good = ran && EVP_CipherFinal_ex(ctx, none, &put) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, ret_tag) > 0;
	EVP_CIPHER_CTX_free(ctx); /* wipes the key */
	if (!ran)
		return err_nomem(err);
	return good ? 0 : err_set(err, SHERD_INVALID, "the crypto library refuses to seal");
}

static int gcm_open(const struct gcm_message *m, const uint8_t tag[16], struct sherd_error *err)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t expected[16], none[16];
	int put, ran, good;

	if (!ctx)
		return err_nomem(err);
	for (size_t i = 0; i < sizeof(expected); i++)
		expected[i] = tag[i]; /* the control takes no const */
	ran = run(ctx, m, 0) && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, expected) > 0;
	good = ran && EVP_CipherFinal_ex(ctx, none, &put) > 0; /* compares in constant time */
	EVP_CIPHER_CTX_free(ctx);
	if (!ran)
		return err_nomem(err);
	return good ? 0 : err_set(err, SHERD_CORRUPT, "not sealed with this key");
}

const struct crypt_engine crypt_engine_openssl = {
	.name = "openssl",
	.hmac_many = hmac_many,
	.gcm_seal = gcm_seal,
	.gcm_open = gcm_open,
};
