/* SPDX-License-Identifier: MIT */
/*
 * share.h - the share file (docs/format.md, 6): prefix, manifest, leaf hashes, padding, body.
 *
 * Anybody can verify a share, block by block, without a key: the manifest's hash is the pack's
 * name, the manifest has the tree root of every share's body, the leaves lead to the root.
 */
#ifndef POOL_SHARE_H
#define POOL_SHARE_H

#include <stddef.h>
#include <stdint.h>
#include <crypt/hash.h>
#include <pool/ref.h>
#include <sherd/error.h>

#define SHARE_PREFIX_SIZE 32
#define SHARE_MANIFEST_FIXED 64
#define SHARE_ALIGN 4096 /* the body begins at a multiple of it */

/* share_head_size(m, share_size): bytes before the body. At most SHARE_HEAD_MAX. */
size_t share_head_size(unsigned m, uint32_t share_size);
#define SHARE_HEAD_MAX 20480 /* m = 64, S = 16 MiB: 32 + 2112 + 16384, rounded up */

/* share_name(id, share, ret): "packs/<aa>/<64 hex>.<share, decimal>", NUL-terminated. */
#define SHARE_NAME_SIZE (6 + 3 + 64 + 1 + 3 + 1)
void share_name(const struct hash *id, unsigned share, char ret[SHARE_NAME_SIZE]);

/* share_name_parse(name, ret_id, ret_share): 0, or -1 if it is no such name. */
int share_name_parse(const char *name, struct hash *ret_id, unsigned *ret_share);

/* What a manifest says. */
struct share_manifest {
	uint8_t pool[POOL_ID_SIZE];
	uint8_t nonce[POOL_NONCE_SIZE];
	uint32_t epoch;
	uint8_t suite;
	uint8_t k, m;
	uint32_t share_size;
	struct hash roots[POOL_SHARES_MAX]; /* m of them */
};

/* share_manifest_id(manifest, ret_id): the pack's name. pre: the fields keep the format's rules. */
void share_manifest_id(const struct share_manifest *manifest, struct hash *ret_id);

/* share_head_write(manifest, share, leaves, head): fill share_head_size() bytes; ${leaves} are the
 * S / 32 KiB leaf hashes of this share's body. */
void share_head_write(const struct share_manifest *manifest, unsigned share,
	const struct hash *leaves, uint8_t *head);

/*
 * share_head_read(head, size, id, share, ret_manifest, ret_leaves, err):
 * Verify the head of the file that is said to be share ${share} of pack ${id}: everything, padding
 * included, is what share_head_write() makes. ${ret_leaves} has room for
 * POOL_SHARE_SIZE_MAX / HASH_LEAF_SIZE hashes; S / 32 KiB are filled, and lead to the root.
 * Errors: CORRUPT (the message says in what), NEWER (its format is unknown here).
 */
int share_head_read(const uint8_t *head, size_t size, const struct hash *id, unsigned share,
	struct share_manifest *ret_manifest, struct hash *ret_leaves, struct sherd_error *err);

/* share_check(leaves, first, data, size): whether ${data}, whole leaves of the body from leaf
 * ${first} on, has these leaf hashes: the number of leaves that are right before the first wrong.
 */
size_t share_check(const struct hash *leaves, size_t first, const uint8_t *data, size_t size);

#endif
