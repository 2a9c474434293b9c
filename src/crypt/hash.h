/* SPDX-License-Identifier: MIT */
/*
 * hash.h - SHA-256, HMAC, and the one tree hash that serves blobs and shares (docs/format.md, 3).
 *
 *     leaf(data)        = HMAC-SHA-256("sherd leaf", data)         data of at most 32 KiB
 *     node(left, right) = HMAC-SHA-256("sherd node", left || right)
 *     root(leaves 1..n) = the leaf if n = 1, else node(root of the first 2^j, root of the rest),
 *                         2^j the largest power of two below n
 * Data of 0 bytes has one leaf, of no bytes; other data has ceil(size / 32 KiB) leaves, all but the
 * last of 32 KiB. The keys are public: they separate leaves, nodes and everything else, and anybody
 * can verify. HMAC and not a prefix byte, because engines that hash many buffers at once want each
 * buffer in one piece.
 *
 * Engines: OpenSSL everywhere; Intel's IPsec-MB where built in and the processor has AVX-512 or
 * AVX2, many leaves at once. Both give the same bytes. SHERD_CRYPTO=openssl|ipsec-mb forces one.
 * Threads: any. One exception to "no global state": IPsec-MB's managers cost too much to be made
 * for each call, so idle ones wait in a locked list, as many as there ever were threads at work at
 * once; nothing that a caller could see depends on them.
 */
#ifndef CRYPT_HASH_H
#define CRYPT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define HASH_SIZE 32
#define HASH_LEAF_SIZE 32768

struct hash {
	uint8_t bytes[HASH_SIZE];
};

/* hash_equal(a, b): 1 or 0, in constant time. */
int hash_equal(const struct hash *a, const struct hash *b);

/* hash_part(bytes, size): one part for the functions below, which only read it. */
static inline struct iovec hash_part(const void *bytes, size_t size)
{
	union {
		const void *from;
		void *to; /* an iovec has no const */
	} u = {bytes};

	return (struct iovec){u.to, size};
}

/* hash_sha256(parts, count, ret): plain SHA-256 of the parts, one behind the other. */
void hash_sha256(const struct iovec *parts, size_t count, struct hash *ret);

/* hash_hmac(key, key_size, parts, count, ret): HMAC-SHA-256. Any key size. */
void hash_hmac(const void *key, size_t key_size, const struct iovec *parts, size_t count,
	struct hash *ret);

/* hash_leaf_count(size): leaves of ${size} bytes, at least 1. */
size_t hash_leaf_count(uint64_t size);

/* hash_leaves(data, size, ret_leaves): the hash_leaf_count(size) leaf hashes of one buffer. */
void hash_leaves(const uint8_t *data, size_t size, struct hash *ret_leaves);

/* One buffer of a batch. */
struct hash_item {
	const uint8_t *data;
	size_t size;
	struct hash root; /* result */
};

/*
 * hash_trees(items, count, scratch):
 * The tree roots of many buffers of any size, all their leaves in one batch: much faster than
 * one by one when they are small. ${scratch} has room for the leaves of all of them together
 * (sum of hash_leaf_count(size)).
 */
void hash_trees(struct hash_item *items, size_t count, struct hash *scratch);

/* hash_root(leaves, count, ret_root): the root over ${count} >= 1 leaf hashes, which are destroyed:
 * the array serves as working space. ${ret_root} may be leaves[0]. */
void hash_root(struct hash *leaves, size_t count, struct hash *ret_root);

/* hash_engine(): "ipsec-mb" or "openssl": what computes leaves in this process. Constant. */
const char *hash_engine(void);

#endif
