/* SPDX-License-Identifier: MIT */
/* t_crypt.c - seals, derived keys, passphrases, signatures, boxes, memory for secrets. */
#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include <crypt/aead.h>
#include <crypt/box.h>
#include <crypt/engine.h>
#include <crypt/hash.h>
#include <crypt/kdf.h>
#include <crypt/secret.h>
#include <crypt/sign.h>

#include "cryptfix.h"
#include "faultenv.h"
#include "golden.h"
#include "naive.h"

/* --- OpenSSL's allocations, which may be made to fail --- */

static atomic_ulong openssl_made, openssl_failing;

static bool openssl_allowed(void)
{
	unsigned long number = atomic_fetch_add(&openssl_made, 1) + 1;

	return number != atomic_load(&openssl_failing);
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return openssl_allowed() ? malloc(size) : NULL;
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return openssl_allowed() ? realloc(p, size) : NULL;
}

static void openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static unsigned long openssl_fail_at(unsigned long n)
{
	unsigned long made;

	atomic_store(&openssl_failing, 0);
	made = atomic_exchange(&openssl_made, 0);
	atomic_store(&openssl_failing, n);
	return made;
}

/* --- engines --- */

typedef void test_of_engine(void);

static void with_each_engine(test_of_engine *test)
{
	for (size_t i = 0; crypt_engine_at(i); i++) {
		crypt_engine_use(crypt_engine_at(i));
		test();
	}
	crypt_engine_use(NULL);
}

struct gcm_vector {
	const char *key, *nonce, *aad, *plain, *cipher, *tag;
};

/* Cases 13 to 16 of the paper that defines GCM. */
static const struct gcm_vector gcm_vectors[] = {
	{"0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
	{"0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000", "", "00000000000000000000000000000000",
		"cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
	{"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		"cafebabefacedbaddecaf888", "",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
		"b094dac5d93471bdec1a502270e3cc6c"},
	{"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		"cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		"76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void gcm_known_answers(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(gcm_vectors); i++) {
		const struct gcm_vector *v = &gcm_vectors[i];
		uint8_t key[32], nonce[12], aad[256], plain[256], out[256], tag[16];
		struct gcm_message m = {key, nonce, aad, from_hex(v->aad, aad), plain, out,
			from_hex(v->plain, plain)};

		from_hex(v->key, key);
		from_hex(v->nonce, nonce);
		assert_int_equal(crypt_engine()->gcm_seal(&m, tag, NULL), 0);
		assert_hex(out, m.size, v->cipher);
		assert_hex(tag, 16, v->tag);
		m.from = out;
		assert_int_equal(crypt_engine()->gcm_open(&m, tag, NULL), 0);
		assert_memory_equal(out, plain, m.size);
	}
}

static void gcm_as_its_paper_has_it(void **state)
{
	(void)state;
	with_each_engine(gcm_known_answers);
}

/* --- seals --- */

static void golden_seal(struct golden *g)
{
	unsigned seed = golden_number(g);
	size_t aad_size = golden_number(g), size = golden_number(g);
	bool own = golden_number(g) != 0;
	CLEANUP(mem_free_at) uint8_t *key_bytes = golden_stream(seed, 64);
	CLEANUP(mem_free_at) uint8_t *aad = golden_stream(seed + 1000, aad_size);
	CLEANUP(mem_free_at) uint8_t *plain = golden_stream(seed + 2000, size);
	CLEANUP(mem_free_at) uint8_t *commitment = golden_stream(seed + 3000, HASH_SIZE);
	CLEANUP(mem_free_at) uint8_t *sealed = mem_array(size + AEAD_OVERHEAD, 1);
	uint8_t want_begin[28];
	struct hash fixed, want, got;
	struct aead_keys keys;
	struct iovec all = hash_part(sealed, size + AEAD_OVERHEAD);

	golden_bytes(g, sizeof(want_begin), want_begin);
	golden_bytes(g, HASH_SIZE, want.bytes);
	golden_end(g);
	memcpy(&keys, key_bytes, 64);
	memcpy(&fixed, commitment, HASH_SIZE);
	assert_int_equal(
		aead_seal(&keys, aad, aad_size, own ? &fixed : NULL, plain, size, sealed, NULL), 0);
	assert_memory_equal(sealed, want_begin, sizeof(want_begin));
	hash_sha256(&all, 1, &got);
	assert_memory_equal(&got, &want, sizeof(want));
	assert_int_equal(aead_open(&keys, aad, aad_size, sealed, size + AEAD_OVERHEAD,
				 sealed + AEAD_NONCE_SIZE, NULL),
		0);
	assert_memory_equal(sealed + AEAD_NONCE_SIZE, plain, size);
}

static void golden_seals(void)
{
	CLEANUP(golden_close_at) struct golden *g = golden_open("crypt.txt");
	unsigned records = 0;

	while (golden_next(g)) {
		if (strcmp(golden_text(g), "seal") != 0)
			continue;
		golden_seal(g);
		records++;
	}
	assert_int_equal(records, 22);
}

static void seals_are_those_of_the_table(void **state)
{
	(void)state;
	with_each_engine(golden_seals);
}

static void random_keys(struct aead_keys *keys)
{
	random_fill(keys->seal.bytes, sizeof(keys->seal.bytes));
	random_fill(keys->nonce.bytes, sizeof(keys->nonce.bytes));
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
	uint8_t any = 0;

	for (size_t i = 0; i < size; i++)
		any |= bytes[i];
	return !any;
}

static void engines_seal_alike(void **state)
{
	enum { MAX = 70000 };
	CLEANUP(mem_free_at) uint8_t *plain = mem_array(MAX + 64, 1);
	CLEANUP(mem_free_at) uint8_t *want = mem_array(MAX + AEAD_OVERHEAD, 1);
	CLEANUP(mem_free_at) uint8_t *got = mem_array(MAX + AEAD_OVERHEAD + 64, 1);
	uint8_t aad[300];

	(void)state;
	random_fill(plain, MAX + 64);
	random_fill(aad, sizeof(aad));
	for (unsigned round = 0; round < 120; round++) {
		size_t size = random_below(round % 4 ? 1200 : MAX);
		size_t aad_size = random_below(sizeof(aad));
		const uint8_t *from = plain + random_below(64);
		uint8_t *to = got + random_below(64);
		struct aead_keys keys;

		random_keys(&keys);
		crypt_engine_use(&crypt_engine_openssl);
		assert_int_equal(aead_seal(&keys, aad, aad_size, NULL, from, size, want, NULL), 0);
		for (size_t e = 0; crypt_engine_at(e); e++) {
			crypt_engine_use(crypt_engine_at(e));
			memcpy(to + AEAD_NONCE_SIZE, from, size); /* in place */
			assert_int_equal(aead_seal(&keys, aad, aad_size, NULL, to + AEAD_NONCE_SIZE,
						 size, to, NULL),
				0);
			assert_memory_equal(to, want, size + AEAD_OVERHEAD);
			assert_int_equal(aead_open(&keys, aad, aad_size, to, size + AEAD_OVERHEAD,
						 to + AEAD_NONCE_SIZE, NULL),
				0);
			assert_memory_equal(to + AEAD_NONCE_SIZE, from, size);
		}
	}
	crypt_engine_use(NULL);
}

/* Open what is sealed[0..size+28) and expect a refusal, and zeros. */
static void assert_refused(const struct aead_keys *keys, const uint8_t *aad, size_t aad_size,
	const uint8_t *sealed, size_t sealed_size)
{
	uint8_t plain[128];
	struct sherd_error err;

	memset(plain, 0x55, sizeof(plain));
	assert_int_equal(
		aead_open(keys, aad, aad_size, sealed, sealed_size, plain, &err), SHERD_CORRUPT);
	assert_int_equal(err.code, SHERD_CORRUPT);
	if (sealed_size > AEAD_OVERHEAD)
		assert_true(all_zero(plain, sealed_size - AEAD_OVERHEAD));
}

static void refusals(void)
{
	static const size_t sizes[] = {0, 1, 16, 70};
	struct aead_keys keys, other;
	uint8_t aad[20], plain[70], sealed[70 + AEAD_OVERHEAD];

	random_keys(&keys);
	random_fill(aad, sizeof(aad));
	random_fill(plain, sizeof(plain));
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		size_t full = sizes[i] + AEAD_OVERHEAD;

		assert_int_equal(
			aead_seal(&keys, aad, sizeof(aad), NULL, plain, sizes[i], sealed, NULL), 0);
		for (size_t bit = 0; bit < 8 * full; bit++) {
			sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_refused(&keys, aad, sizeof(aad), sealed, full);
			sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		for (size_t bit = 0; bit < 8 * sizeof(aad); bit++) {
			aad[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_refused(&keys, aad, sizeof(aad), sealed, full);
			aad[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		for (size_t cut = 0; cut < full; cut++)
			assert_refused(&keys, aad, sizeof(aad), sealed, cut);
		for (size_t cut = 0; cut < sizeof(aad); cut++)
			assert_refused(&keys, aad, cut, sealed, full);
		other = keys;
		other.seal.bytes[31] ^= 1;
		assert_refused(&other, aad, sizeof(aad), sealed, full);
		/* the nonce key is the sealer's alone */
		other = keys;
		other.nonce.bytes[0] ^= 1;
		assert_int_equal(
			aead_open(&other, aad, sizeof(aad), sealed, full, sealed + 12, NULL), 0);
	}
}

static void changed_seals_are_refused(void **state)
{
	(void)state;
	with_each_engine(refusals);
}

static void nonces_follow_everything(void **state)
{
	struct aead_keys keys, other;
	struct hash commitment;
	uint8_t plain[64], first[64 + AEAD_OVERHEAD], next[64 + AEAD_OVERHEAD];

	(void)state;
	random_keys(&keys);
	random_fill(plain, sizeof(plain));
	memset(&commitment, 1, sizeof(commitment));
	assert_int_equal(aead_seal(&keys, "ab", 2, NULL, plain, 64, first, NULL), 0);
	assert_int_equal(aead_seal(&keys, "ab", 2, NULL, plain, 64, next, NULL), 0);
	assert_memory_equal(first, next, sizeof(first)); /* deterministic */
	plain[63] ^= 1;
	assert_int_equal(aead_seal(&keys, "ab", 2, NULL, plain, 64, next, NULL), 0);
	assert_memory_not_equal(first, next, AEAD_NONCE_SIZE);
	plain[63] ^= 1;
	assert_int_equal(aead_seal(&keys, "a", 1, NULL, plain, 64, next, NULL), 0);
	assert_memory_not_equal(first, next, AEAD_NONCE_SIZE);
	assert_int_equal(aead_seal(&keys, "ab", 2, &commitment, plain, 64, next, NULL), 0);
	assert_memory_not_equal(first, next, AEAD_NONCE_SIZE);
	other = keys;
	other.nonce.bytes[5] ^= 1;
	assert_int_equal(aead_seal(&other, "ab", 2, NULL, plain, 64, next, NULL), 0);
	assert_memory_not_equal(first, next, AEAD_NONCE_SIZE);
}

static void sizes_have_a_limit(void **state)
{
	struct aead_keys keys = {0};
	struct sherd_error err;
	uint8_t byte = 0;

	(void)state;
	/* refused before a byte is read */
	assert_int_equal(aead_seal(&keys, NULL, 0, NULL, &byte, ((size_t)1 << 31) + 1, &byte, &err),
		SHERD_INVALID);
	assert_non_null(strstr(err.message, "2147483649"));
}

struct seen {
	unsigned count;
	struct crypt_key key;
	uint8_t nonce[AEAD_NONCE_SIZE];
	struct hash what[3];
};

static void see(void *context, const struct crypt_key *key, const uint8_t nonce[AEAD_NONCE_SIZE],
	const struct hash *what)
{
	struct seen *s = context;

	s->key = *key;
	memcpy(s->nonce, nonce, AEAD_NONCE_SIZE);
	if (s->count < 3)
		s->what[s->count] = *what;
	s->count++;
}

static void a_witness_sees_each_seal(void **state)
{
	struct seen s = {0};
	struct aead_keys keys;
	uint8_t sealed[3 + AEAD_OVERHEAD];

	(void)state;
	random_keys(&keys);
	aead_set_witness(see, &s);
	aead_seal(&keys, "ab", 2, NULL, (const uint8_t *)"cde", 3, sealed, NULL);
	assert_memory_equal(&s.key, &keys.seal, sizeof(s.key));
	assert_memory_equal(s.nonce, sealed, sizeof(s.nonce));
	aead_seal(&keys, "ab", 2, NULL, (const uint8_t *)"cde", 3, sealed, NULL);
	aead_seal(&keys, "abc", 3, NULL, (const uint8_t *)"de", 2, sealed, NULL);
	aead_set_witness(NULL, NULL);
	aead_seal(&keys, "ab", 2, NULL, (const uint8_t *)"cde", 3, sealed, NULL);
	assert_int_equal(s.count, 3);
	assert_true(hash_equal(&s.what[0], &s.what[1]));
	assert_false(hash_equal(&s.what[0], &s.what[2]));
}

/* Each allocation of ours fails in turn, then each of OpenSSL's. */
static void seal_without_memory(void)
{
	enum { SIZE = 65 * HASH_LEAF_SIZE }; /* more leaves than fit on the stack */
	CLEANUP(mem_free_at) uint8_t *plain = mem_array(SIZE, 1);
	CLEANUP(mem_free_at) uint8_t *sealed = mem_array(SIZE + AEAD_OVERHEAD, 1);
	CLEANUP(mem_free_at) uint8_t *opened = mem_array(SIZE, 1);
	struct aead_keys keys = {0};
	struct sherd_error err;
	unsigned failed = 0;

	assert_int_equal(aead_seal(&keys, NULL, 0, NULL, plain, SIZE, sealed, NULL), 0);
	for (unsigned long n = 1;; n++) {
		int r;

		mem_fail_at(n);
		r = aead_seal(&keys, NULL, 0, NULL, plain, SIZE, sealed, &err);
		if (mem_fail_at(0) < n) {
			assert_int_equal(r, 0);
			break;
		}
		assert_int_equal(r, SHERD_NOMEM);
		failed++;
	}
	assert_int_equal(failed, 1);
	for (unsigned long n = 1;; n++) {
		int r;
		unsigned long made;

		openssl_fail_at(n);
		r = aead_seal(&keys, "a", 1, NULL, plain, 100, sealed, &err);
		made = openssl_fail_at(0);
		if (r)
			assert_int_equal(r, SHERD_NOMEM);
		if (made < n) {
			assert_int_equal(r, 0);
			break;
		}
	}
	for (unsigned long n = 1;; n++) {
		int r;

		memset(opened, 1, 100);
		openssl_fail_at(n);
		r = aead_open(&keys, "a", 1, sealed, 100 + AEAD_OVERHEAD, opened, &err);
		if (r) {
			assert_int_equal(r, SHERD_NOMEM);
			assert_true(all_zero(opened, 100));
		}
		if (openssl_fail_at(0) < n) {
			assert_int_equal(r, 0);
			break;
		}
	}
	assert_memory_equal(opened, plain, 100);
}

static void sealing_without_memory_fails(void **state)
{
	(void)state;
	with_each_engine(seal_without_memory);
}

struct sealer {
	struct aead_keys keys;
	const uint8_t *plain;
	size_t size;
	unsigned wrong;
};

static void *seal_often(void *argument)
{
	struct sealer *s = argument;
	CLEANUP(mem_free_at) uint8_t *sealed = mem_array(s->size + AEAD_OVERHEAD, 1);

	for (unsigned round = 0; round < 50; round++) {
		uint8_t *plain = sealed + AEAD_NONCE_SIZE;

		s->wrong +=
			aead_seal(&s->keys, &round, 4, NULL, s->plain, s->size, sealed, NULL) != 0;
		s->wrong += aead_open(&s->keys, &round, 4, sealed, s->size + AEAD_OVERHEAD, plain,
				    NULL) != 0;
		s->wrong += memcmp(plain, s->plain, s->size) != 0;
	}
	return NULL;
}

static void many_threads_seal(void)
{
	enum { THREADS = 8, SIZE = 20000 };
	struct sealer sealers[THREADS];
	pthread_t threads[THREADS];
	CLEANUP(mem_free_at) uint8_t *plain = mem_array(SIZE + THREADS, 1);

	random_fill(plain, SIZE + THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		random_keys(&sealers[i].keys);
		sealers[i].plain = plain + i;
		sealers[i].size = SIZE - 1000 * i;
		sealers[i].wrong = 0;
		assert_int_equal(pthread_create(&threads[i], NULL, seal_often, &sealers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(sealers[i].wrong, 0);
	}
}

static void threads_seal_at_once(void **state)
{
	(void)state;
	with_each_engine(many_threads_seal);
}

/* --- keys from keys, keys from passphrases --- */

static void derived_keys_are_those_of_the_table(void **state)
{
	CLEANUP(golden_close_at) struct golden *g = golden_open("crypt.txt");
	unsigned records = 0;

	(void)state;
	while (golden_next(g)) {
		CLEANUP(mem_free_at) uint8_t *bytes = NULL, *salt = NULL, *extra = NULL;
		size_t salt_size, extra_size;
		struct crypt_key key, want, got;
		char info[64];
		unsigned seed;

		if (strcmp(golden_text(g), "derive") != 0)
			continue;
		seed = golden_number(g);
		salt_size = golden_number(g);
		extra_size = golden_number(g);
		golden_bytes(g, sizeof(want.bytes), want.bytes);
		snprintf(info, sizeof(info), "%s", golden_text(g));
		golden_end(g);
		for (char *p = info; *p; p++)
			*p = *p == '_' ? ' ' : *p;
		bytes = golden_stream(seed, sizeof(key.bytes));
		memcpy(key.bytes, bytes, sizeof(key.bytes));
		salt = golden_stream(seed + 1000, salt_size);
		extra = golden_stream(seed + 2000, extra_size);
		kdf_derive(&key, salt, salt_size, strcmp(info, "-") ? info : "", extra, extra_size,
			&got);
		assert_memory_equal(&got, &want, sizeof(want));
		kdf_derive(&key, salt, salt_size, strcmp(info, "-") ? info : "", extra, extra_size,
			&key); /* in place */
		assert_memory_equal(&key, &want, sizeof(want));
		records++;
	}
	assert_int_equal(records, 4);
}

/* Computed by another implementation of Argon2id (OpenSSL 3.5's). */
static void passphrases_give_known_keys(void **state)
{
	static const struct {
		const char *passphrase, *salt;
		uint32_t memory_kib, passes;
		const char *want;
	} vectors[] = {
		{"password", "736f6d6573616c74736f6d6573616c74", 8192, 1,
			"84fb006bbc3cd69895722b64b5bf735251a9e8e9f3ecb93ff595b98aeb7accb7"},
		{"correct horse battery staple", "000102030405060708090a0b0c0d0e0f", 16384, 3,
			"f072313e321a041ba7a8fa6086979367d1ce285a4e34020c10901cda2af73553"},
		{"", "ffffffffffffffffffffffffffffffff", 8192, 2,
			"0dab1dd468d1952231408ba4966c6ef9e5f72c7ca3e3397ce6357101eac9b564"},
	};
	uint8_t salt[KDF_SALT_SIZE];
	struct crypt_key key;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		const char *p = vectors[i].passphrase;

		from_hex(vectors[i].salt, salt);
		assert_int_equal(kdf_passphrase(*p ? p : NULL, strlen(p), salt,
					 vectors[i].memory_kib, vectors[i].passes, &key, NULL),
			0);
		assert_hex(key.bytes, sizeof(key.bytes), vectors[i].want);
	}
}

static void passphrase_costs_have_bounds(void **state)
{
	static const uint32_t bad[][2] = {{KDF_MEMORY_KIB_MIN - 1, 1}, {0, 1}, {UINT32_MAX, 1},
		{KDF_MEMORY_KIB_MAX + 1, 1}, {KDF_MEMORY_KIB_MIN, 0},
		{KDF_MEMORY_KIB_MIN, KDF_PASSES_MAX + 1}, {KDF_MEMORY_KIB_MIN, UINT32_MAX}};
	uint8_t salt[KDF_SALT_SIZE] = {0};
	struct crypt_key key = {.bytes = {1, 2, 3}}, before = key;
	struct sherd_error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(kdf_passphrase("x", 1, salt, bad[i][0], bad[i][1], &key, &err),
			SHERD_INVALID);
	mem_fail_at(1);
	assert_int_equal(
		kdf_passphrase("x", 1, salt, KDF_MEMORY_KIB_MIN, 1, &key, &err), SHERD_NOMEM);
	mem_fail_at(0);
	assert_memory_equal(&key, &before, sizeof(key)); /* written on success only */
}

/* --- signatures --- */

static void signatures_as_rfc_8032_has_them(void **state)
{
	static const struct {
		const char *seed, *public_key, *data, *signature;
	} vectors[] = {
		{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
			"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
			"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
			"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
			"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		uint8_t public_key[256], data[256], signature[SIGN_SIZE];
		size_t size = from_hex(vectors[i].data, data);
		struct crypt_key seed;

		from_hex(vectors[i].seed, seed.bytes);
		sign_public(&seed, public_key);
		assert_hex(public_key, SIGN_PUBLIC_SIZE, vectors[i].public_key);
		sign_make(&seed, data, size, signature);
		assert_hex(signature, SIGN_SIZE, vectors[i].signature);
		assert_int_equal(sign_check(public_key, data, size, signature), 1);
	}
}

static void wrong_signatures_are_refused(void **state)
{
	uint8_t public_key[SIGN_PUBLIC_SIZE], data[10], signature[SIGN_SIZE];
	struct crypt_key seed;

	(void)state;
	random_fill(seed.bytes, sizeof(seed.bytes));
	random_fill(data, sizeof(data));
	sign_public(&seed, public_key);
	sign_make(&seed, data, sizeof(data), signature);
	assert_int_equal(sign_check(public_key, data, sizeof(data), signature), 1);
	for (size_t bit = 0; bit < 8 * SIGN_SIZE; bit++) {
		signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(sign_check(public_key, data, sizeof(data), signature), 0);
		signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(data); bit++) {
		data[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(sign_check(public_key, data, sizeof(data), signature), 0);
		data[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * SIGN_PUBLIC_SIZE; bit++) {
		public_key[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(sign_check(public_key, data, sizeof(data), signature), 0);
		public_key[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	assert_int_equal(sign_check(public_key, data, sizeof(data) - 1, signature), 0);
	/* keys and signatures of all zeros are no way in */
	memset(public_key, 0, sizeof(public_key));
	memset(signature, 0, sizeof(signature));
	assert_int_equal(sign_check(public_key, data, sizeof(data), signature), 0);
}

/* --- boxes --- */

/* A random source that always says the same. */
static int frozen_random(void *context, void *buffer, size_t size)
{
	(void)context;
	memset(buffer, 0x42, size);
	return 0;
}

static void public_keys_are_x25519(void **state)
{
	struct crypt_key secret;
	uint8_t public_key[BOX_PUBLIC_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(secret.bytes); i++)
		secret.bytes[i] = (uint8_t)i;
	box_public(&secret, public_key);
	assert_hex(public_key, sizeof(public_key),
		"8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f");
}

static void sealed_boxes_open_for_their_key(void **state)
{
	static const size_t sizes[] = {0, 1, 32, 100};
	struct crypt_key secret, other;
	uint8_t public_key[BOX_PUBLIC_SIZE], plain[100], back[100];
	uint8_t sealed[100 + BOX_SEAL_OVERHEAD], again[100 + BOX_SEAL_OVERHEAD];
	struct sherd_error err;

	(void)state;
	random_fill(secret.bytes, sizeof(secret.bytes));
	random_fill(other.bytes, sizeof(other.bytes));
	random_fill(plain, sizeof(plain));
	box_public(&secret, public_key);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		size_t full = sizes[i] + BOX_SEAL_OVERHEAD;

		assert_int_equal(box_seal(NULL, public_key, plain, sizes[i], sealed, NULL), 0);
		assert_int_equal(box_seal(NULL, public_key, plain, sizes[i], again, NULL), 0);
		assert_memory_not_equal(sealed, again, BOX_PUBLIC_SIZE);
		assert_int_equal(box_open(&secret, sealed, full, back, NULL), 0);
		assert_memory_equal(back, plain, sizes[i]);
		assert_int_equal(box_open(&other, sealed, full, back, &err), SHERD_CORRUPT);
		for (size_t cut = 0; cut < full; cut++)
			assert_int_equal(box_open(&secret, sealed, cut, back, &err), SHERD_CORRUPT);
		for (size_t bit = 0; bit < 8 * full; bit++) {
			/* X25519 ignores one bit of a public key, but the nonce does not */
			sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_int_equal(
				box_open(&secret, sealed, full, back, NULL), SHERD_CORRUPT);
			sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
	}
}

static void frozen_chance_repeats_nothing(void **state)
{
	struct sherd_env env = *env_system();
	struct crypt_key secret = {.bytes = {7}};
	uint8_t public_key[BOX_PUBLIC_SIZE], other_key[BOX_PUBLIC_SIZE];
	uint8_t a[1 + BOX_SEAL_OVERHEAD], b[1 + BOX_SEAL_OVERHEAD];

	(void)state;
	env.random = frozen_random;
	box_public(&secret, public_key);
	assert_int_equal(box_seal(&env, public_key, "a", 1, a, NULL), 0);
	assert_int_equal(box_seal(&env, public_key, "a", 1, b, NULL), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(box_seal(&env, public_key, "b", 1, b, NULL), 0);
	assert_memory_not_equal(a, b, BOX_PUBLIC_SIZE);
	secret.bytes[1] = 1;
	box_public(&secret, other_key);
	assert_int_equal(box_seal(&env, other_key, "a", 1, b, NULL), 0);
	assert_memory_not_equal(a, b, BOX_PUBLIC_SIZE);

	assert_int_equal(box_lock(&env, &secret, "x", 1, "a", 1, a, NULL), 0);
	assert_int_equal(box_lock(&env, &secret, "x", 1, "b", 1, b, NULL), 0);
	assert_memory_not_equal(a, b, 24);
	assert_int_equal(box_lock(&env, &secret, "y", 1, "a", 1, b, NULL), 0);
	assert_memory_not_equal(a, b, 24);
	assert_int_equal(box_lock(&env, &secret, "xa", 2, "", 0, b, NULL), 0);
	assert_memory_not_equal(a, b, 24);
	secret.bytes[1] = 2;
	assert_int_equal(box_lock(&env, &secret, "x", 1, "a", 1, b, NULL), 0);
	assert_memory_not_equal(a, b, 24);
}

static void boxes_refuse_to_be_made(void **state)
{
	uint8_t weak[BOX_PUBLIC_SIZE] = {0}, out[1 + BOX_SEAL_OVERHEAD];
	struct crypt_key key = {0};
	struct sherd_error err;
	struct faultenv f;

	(void)state;
	assert_int_equal(box_seal(NULL, weak, "a", 1, out, &err), SHERD_INVALID);
	weak[0] = 1;
	assert_int_equal(box_seal(NULL, weak, "a", 1, out, &err), SHERD_INVALID);
	faultenv_init(&f);
	f.fail_at = 1;
	box_public(&key, weak);
	assert_int_equal(box_seal(&f.env, weak, "a", 1, out, &err), SHERD_IO);
	assert_true(faultenv_struck(&f));
	faultenv_init(&f);
	f.fail_at = 1;
	assert_int_equal(box_lock(&f.env, &key, NULL, 0, "a", 1, out, &err), SHERD_IO);
	assert_non_null(strstr(err.message, "cannot get random bytes"));
}

static void locked_boxes_need_key_and_aad(void **state)
{
	static const size_t sizes[] = {0, 1, 32, 100};
	struct crypt_key key, other;
	uint8_t aad[9], plain[100], back[100], locked[100 + BOX_LOCK_OVERHEAD];

	(void)state;
	random_fill(key.bytes, sizeof(key.bytes));
	random_fill(plain, sizeof(plain));
	random_fill(aad, sizeof(aad));
	other = key;
	other.bytes[9] ^= 2;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		size_t full = sizes[i] + BOX_LOCK_OVERHEAD;

		assert_int_equal(box_lock(NULL, &key, aad, 9, plain, sizes[i], locked, NULL), 0);
		assert_int_equal(box_unlock(&key, aad, 9, locked, full, back, NULL), 0);
		assert_memory_equal(back, plain, sizes[i]);
		assert_int_equal(
			box_unlock(&other, aad, 9, locked, full, back, NULL), SHERD_CORRUPT);
		assert_int_equal(box_unlock(&key, aad, 8, locked, full, back, NULL), SHERD_CORRUPT);
		for (size_t cut = 0; cut < full; cut++)
			assert_int_equal(
				box_unlock(&key, aad, 9, locked, cut, back, NULL), SHERD_CORRUPT);
		for (size_t bit = 0; bit < 8 * full; bit++) {
			locked[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_int_equal(
				box_unlock(&key, aad, 9, locked, full, back, NULL), SHERD_CORRUPT);
			locked[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		for (size_t bit = 0; bit < 8 * sizeof(aad); bit++) {
			aad[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_int_equal(
				box_unlock(&key, aad, 9, locked, full, back, NULL), SHERD_CORRUPT);
			aad[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
	}
}

/* draft-irtf-cfrg-xchacha, A.3.1: that it is XChaCha20-Poly1305 that unlocks. */
static void locks_are_xchacha20_poly1305(void **state)
{
	static const char sunscreen[] =
		"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
		"the future, sunscreen would be it.";
	static const char hex[] = "404142434445464748494a4b4c4d4e4f5051525354555657"
				  "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
				  "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
				  "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
				  "21f9664c97637da9768812f615c68b13b52e"
				  "c0875924c1c7987947deafd8780acf49";
	uint8_t locked[256], aad[256], back[256];
	struct crypt_key key;
	size_t size = from_hex(hex, locked), aad_size = from_hex("50515253c0c1c2c3c4c5c6c7", aad);

	(void)state;
	for (size_t i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (uint8_t)(0x80 + i);
	assert_int_equal(size, sizeof(sunscreen) - 1 + BOX_LOCK_OVERHEAD);
	assert_int_equal(box_unlock(&key, aad, aad_size, locked, size, back, NULL), 0);
	assert_memory_equal(back, sunscreen, sizeof(sunscreen) - 1);
}

/* --- memory for secrets --- */

static void secrets_have_memory(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 4096, 100000};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		CLEANUP(secret_free_at) uint8_t *p = secret_new(sizes[i]);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		assert_true(all_zero(p, sizes[i]));
		memset(p, 0xff, sizes[i]);
	}
	mem_fail_at(1);
	assert_null(secret_new(32));
	mem_fail_at(0);
	assert_null(secret_new(SIZE_MAX));
	assert_null(secret_new(SIZE_MAX - 20));
	errno = 77;
	secret_free(NULL);
	secret_free(secret_new(3));
	errno = 77;
	secret_free(NULL);
	assert_int_equal(errno, 77);
}

static void secrets_are_wiped_and_compared(void **state)
{
	uint8_t a[40], b[40];
	struct crypt_key key;

	(void)state;
	memset(a, 3, sizeof(a));
	memset(b, 3, sizeof(b));
	assert_int_equal(secret_equal(a, b, sizeof(a)), 1);
	b[39] = 2;
	assert_int_equal(secret_equal(a, b, sizeof(a)), 0);
	assert_int_equal(secret_equal(a, b, 39), 1);
	assert_int_equal(secret_equal(a, b, 0), 1);
	secret_wipe(a, 39);
	assert_true(all_zero(a, 39));
	assert_int_equal(a[39], 3);
	memset(&key, 9, sizeof(key));
	crypt_key_wipe_at(&key);
	assert_true(all_zero(key.bytes, sizeof(key.bytes)));
}

static void *use_sodium(void *argument)
{
	(void)argument;
	secret_free(secret_new(10));
	return NULL;
}

/* First of all tests: libsodium is set up once, by whoever comes first. */
static void threads_start_sodium_at_once(void **state)
{
	pthread_t threads[8];

	(void)state;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_sodium, NULL), 0);
	for (size_t i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_start_sodium_at_once),
		cmocka_unit_test(gcm_as_its_paper_has_it),
		cmocka_unit_test(seals_are_those_of_the_table),
		cmocka_unit_test(engines_seal_alike),
		cmocka_unit_test(changed_seals_are_refused),
		cmocka_unit_test(nonces_follow_everything),
		cmocka_unit_test(sizes_have_a_limit),
		cmocka_unit_test(a_witness_sees_each_seal),
		cmocka_unit_test(sealing_without_memory_fails),
		cmocka_unit_test(threads_seal_at_once),
		cmocka_unit_test(derived_keys_are_those_of_the_table),
		cmocka_unit_test(passphrases_give_known_keys),
		cmocka_unit_test(passphrase_costs_have_bounds),
		cmocka_unit_test(signatures_as_rfc_8032_has_them),
		cmocka_unit_test(wrong_signatures_are_refused),
		cmocka_unit_test(public_keys_are_x25519),
		cmocka_unit_test(sealed_boxes_open_for_their_key),
		cmocka_unit_test(frozen_chance_repeats_nothing),
		cmocka_unit_test(boxes_refuse_to_be_made),
		cmocka_unit_test(locked_boxes_need_key_and_aad),
		cmocka_unit_test(locks_are_xchacha20_poly1305),
		cmocka_unit_test(secrets_have_memory),
		cmocka_unit_test(secrets_are_wiped_and_compared),
	};

	if (!CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free))
		return 1;
	return cmocka_run_group_tests(tests, random_setup, NULL);
}
