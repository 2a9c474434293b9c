/* SPDX-License-Identifier: MIT */
/* group.h - the seal of a group (docs/format.md, 4 and 5.2, 5.3). Threads: any. */
#ifndef REPO_GROUP_H
#define REPO_GROUP_H

#include <stdint.h>
#include <crypt/aead.h>
#include <pool/ref.h>
#include <repo/blob.h>
#include <sherd/error.h>

#define GROUP_NUMBER_TABLE 0xfffffffeu
#define GROUP_NUMBER_FOOTER 0xffffffffu
#define GROUP_AAD_SIZE 72

/* What the seal binds, beside the bytes. */
struct group_place {
	const uint8_t *pool;  /* [POOL_ID_SIZE] */
	const uint8_t *nonce; /* [POOL_NONCE_SIZE] of the pack */
	uint32_t epoch, number;
	uint8_t type, codec;
	uint32_t plain, coded;
};

void group_aad(const struct group_place *g, uint8_t ret[GROUP_AAD_SIZE]);

/* group_seal(keys, g, ids, coded, sealed, err): ${coded}, g->coded bytes, may be sealed +
 * AEAD_NONCE_SIZE. ${ids}: tree hash of the blobs' ids where that is the commitment, else NULL. */
int group_seal(const struct aead_keys *keys, const struct group_place *g, const struct hash *ids,
	const uint8_t *coded, uint8_t *sealed, struct sherd_error *err);

/* group_open(keys, g, sealed, coded, err): in place or not, as aead_open(). Errors: CORRUPT. */
int group_open(const struct aead_keys *keys, const struct group_place *g, const uint8_t *sealed,
	uint8_t *coded, struct sherd_error *err);

/* group_by_ids(type, codec): whether the commitment is that of the ids. */
static inline int group_by_ids(uint8_t type, uint8_t codec)
{
	return codec == 0 && (type == BLOB_DATA || type == BLOB_TREE || type == BLOB_LIST);
}

#endif
