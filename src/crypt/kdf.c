/* SPDX-License-Identifier: MIT */
/* kdf.c - HKDF is two HMACs when one block is enough; Argon2id is libsodium's. */
#include <crypt/kdf.h>

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <crypt/hash.h>
#include "ready.h"

static_assert(KDF_SALT_SIZE == crypto_pwhash_argon2id_SALTBYTES, "libsodium's salt");
static_assert(KDF_MEMORY_KIB_MIN * 1024 >= crypto_pwhash_argon2id_MEMLIMIT_MIN &&
		      KDF_PASSES_MIN >= crypto_pwhash_argon2id_OPSLIMIT_MIN,
	"libsodium takes what we take");
static_assert(sizeof(struct hash) == sizeof(struct crypt_key), "one block of HKDF is a key");

void kdf_derive(const struct crypt_key *key, const void *salt, size_t salt_size, const char *info,
	const void *extra, size_t extra_size, struct crypt_key *ret)
{
	static const uint8_t first_block = 1;
	struct iovec input = hash_part(key->bytes, sizeof(key->bytes));
	struct iovec expand[] = {hash_part(info, strlen(info)), hash_part(extra, extra_size),
		hash_part(&first_block, 1)};
	struct hash middle, out;

	hash_hmac(salt, salt_size, &input, 1, &middle);
	hash_hmac(middle.bytes, sizeof(middle.bytes), expand, 3, &out);
	memcpy(ret->bytes, out.bytes, sizeof(ret->bytes));
	secret_wipe(&middle, sizeof(middle));
	secret_wipe(&out, sizeof(out));
}

int kdf_passphrase(const void *passphrase, size_t size, const uint8_t salt[KDF_SALT_SIZE],
	uint32_t memory_kib, uint32_t passes, struct crypt_key *ret, struct sherd_error *err)
{
	struct crypt_key out;
	int r;

	if (memory_kib < KDF_MEMORY_KIB_MIN || memory_kib > KDF_MEMORY_KIB_MAX)
		return err_set(err, SHERD_INVALID,
			"%u KiB of memory for a passphrase, must be %u to %u", memory_kib,
			KDF_MEMORY_KIB_MIN, KDF_MEMORY_KIB_MAX);
	if (passes < KDF_PASSES_MIN || passes > KDF_PASSES_MAX)
		return err_set(err, SHERD_INVALID, "%u passes for a passphrase, must be %u to %u",
			passes, KDF_PASSES_MIN, KDF_PASSES_MAX);
	if (size > crypto_pwhash_argon2id_PASSWD_MAX)
		return err_set(err, SHERD_INVALID, "a passphrase of %zu bytes is too long", size);
	crypt_ready();
	if (!mem_count())
		return err_nomem(err);
	r = crypto_pwhash(out.bytes, sizeof(out.bytes), size ? passphrase : "", size, salt, passes,
		(size_t)memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13);
	if (r != 0)
		return err_set(
			err, SHERD_NOMEM, "no %u KiB of memory for a passphrase", memory_kib);
	*ret = out;
	secret_wipe(&out, sizeof(out));
	return 0;
}
