/* SPDX-License-Identifier: MIT */
/*
 * engine.c - which engines work here, and the choice among them, made once and like that of the
 * codec's kernels (fec/dispatch.c): an engine is tried against OpenSSL before it is used, and is
 * dropped with a warning if one byte differs.
 */
#include <crypt/engine.h>

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <base/intmath.h>
#include <base/log.h>

const struct hmac_key crypt_hmac_keys[HMAC_KINDS] = {
	[HMAC_LEAF] = {"sherd leaf", 10},
	[HMAC_NODE] = {"sherd node", 10},
};

static const struct crypt_engine *const known[] = {
#ifdef SHERD_IPSEC_MB
	&crypt_engine_ipsec_mb,
#endif
	&crypt_engine_openssl,
};

/* The engines that work here, fastest first, and the choice. Written once, under `once`. */
static const struct crypt_engine *usable[ARRAY_COUNT(known) + 1];
static const struct crypt_engine *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* What a test asked for, or NULL. */
static _Atomic(const struct crypt_engine *) forced;

#define TEST_JOBS 40   /* more than two rounds of the widest engine, and some */
#define TEST_SIZE 4000 /* of the greatest message */
#define TEST_GCM 1100  /* more than 48 blocks, the widest step of any engine, twice taken */

static void fill(uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 167 + (i >> 8) * 13 + 5);
}

static bool hmacs_right(const struct crypt_engine *e, enum hmac_kind kind, const uint8_t *data)
{
	struct hash want[TEST_JOBS], got[TEST_JOBS];
	struct hmac_job jobs[TEST_JOBS];

	for (size_t i = 0; i < TEST_JOBS; i++) {
		/* The like of sizes that share a batch, every remainder of a block among them. */
		size_t size = i < TEST_JOBS / 2 ? TEST_SIZE - 3 * i : 20 + 7 * i;

		jobs[i] = (struct hmac_job){data + i, size, &want[i]};
	}
	crypt_engine_openssl.hmac_many(kind, jobs, TEST_JOBS);
	for (size_t i = 0; i < TEST_JOBS; i++)
		jobs[i].ret = &got[i];
	memset(got, 0, sizeof(got));
	e->hmac_many(kind, jobs, TEST_JOBS);
	return memcmp(got, want, sizeof(want)) == 0;
}

/* Sealed alike, opened again, and refused with one bit changed. */
static bool gcm_right(const struct crypt_engine *e, const uint8_t *data, size_t size)
{
	uint8_t want[TEST_GCM], got[TEST_GCM], want_tag[16], got_tag[16];
	struct gcm_message m = {.key = data + 1,
		.nonce = data + 2,
		.aad = data + 3,
		.aad_size = size % 67,
		.from = data + 4,
		.to = want,
		.size = size};

	if (crypt_engine_openssl.gcm_seal(&m, want_tag, NULL) != 0)
		return false;
	m.to = got;
	if (e->gcm_seal(&m, got_tag, NULL) != 0 || memcmp(got, want, size) != 0 ||
		memcmp(got_tag, want_tag, sizeof(want_tag)) != 0)
		return false;
	m.from = got; /* in place */
	if (e->gcm_open(&m, got_tag, NULL) != 0 || memcmp(got, data + 4, size) != 0)
		return false;
	got_tag[size % 16] ^= (uint8_t)(1U << size % 8);
	m.from = want;
	return e->gcm_open(&m, got_tag, NULL) == SHERD_CORRUPT;
}

int crypt_engine_self_test(const struct crypt_engine *e)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 127, 255, 256, 800, TEST_GCM};
	uint8_t data[TEST_SIZE + TEST_JOBS];

	fill(data, sizeof(data));
	for (int kind = 0; kind < HMAC_KINDS; kind++)
		if (!hmacs_right(e, (enum hmac_kind)kind, data))
			return 0;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
		if (!gcm_right(e, data, sizes[i]))
			return 0;
	return 1;
}

static const struct crypt_engine *find(const char *name)
{
	for (size_t i = 0; usable[i]; i++)
		if (strcmp(usable[i]->name, name) == 0)
			return usable[i];
	return NULL;
}

static void choose(void)
{
	const char *name = getenv("SHERD_CRYPTO");
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
		const struct crypt_engine *e = known[i];

		if (e->usable && !e->usable())
			continue;
		if (e != &crypt_engine_openssl && !crypt_engine_self_test(e)) {
			log_warn("crypto engine '%s' gives wrong bytes on this machine and is not "
				 "used; please report this",
				e->name);
			continue;
		}
		usable[count++] = e;
	}
	assert(count);
	chosen = usable[0];
	if (!name || !*name)
		return;
	/* No function that hashes can fail, so what cannot be had is said and not refused. */
	chosen = find(name);
	if (!chosen) {
		chosen = &crypt_engine_openssl;
		log_warn("SHERD_CRYPTO='%.99s' is no crypto engine of this machine; 'openssl' is "
			 "used",
			name);
	}
}

const struct crypt_engine *crypt_engine(void)
{
	const struct crypt_engine *e = atomic_load_explicit(&forced, memory_order_acquire);

	if (e)
		return e;
	pthread_once(&once, choose);
	return chosen;
}

const struct crypt_engine *crypt_engine_at(size_t index)
{
	pthread_once(&once, choose);
	return index < ARRAY_COUNT(usable) ? usable[index] : NULL;
}

void crypt_engine_use(const struct crypt_engine *e)
{
	atomic_store_explicit(&forced, e, memory_order_release);
}
