/* SPDX-License-Identifier: MIT */
/* secret.h - memory for keys: locked, guarded, wiped when freed (libsodium). Threads: any. */
#ifndef CRYPT_SECRET_H
#define CRYPT_SECRET_H

#include <stddef.h>
#include <stdint.h>
#include <base/cleanup.h>

#define CRYPT_KEY_SIZE 32

struct crypt_key {
	uint8_t bytes[CRYPT_KEY_SIZE];
};

/* secret_new(size): zeroed; NULL without memory. Counts as an allocation of base/alloc.h, so that
 * tests can make it fail. Free with secret_free(), which keeps errno and takes NULL. */
void *secret_new(size_t size) __attribute__((malloc, warn_unused_result));
void secret_free(void *p);

/* secret_wipe(p, size): zero, and not optimised away. For keys that lived on the stack. */
void secret_wipe(void *p, size_t size);

/* secret_equal(a, b, size): 1 or 0 in constant time. */
int secret_equal(const void *a, const void *b, size_t size);

/* For CLEANUP(): wipes a struct crypt_key on the stack. */
static inline void crypt_key_wipe_at(struct crypt_key *key)
{
	secret_wipe(key, sizeof(*key));
}

/* For CLEANUP(): secret_free() of what the variable points to. */
static inline void secret_free_at(void *p)
{
	secret_free(*(void **)p);
}

#endif
