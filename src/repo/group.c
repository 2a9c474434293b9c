/* SPDX-License-Identifier: MIT */
/* group.c - the 72 bytes that every group of a pack is sealed with. */
#include "group.h"

#include <assert.h>
#include <string.h>

#include <pool/pool.h>

static uint8_t *put(uint8_t *at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> 8 * i);
	return at + size;
}

void group_aad(const struct group_place *g, uint8_t ret[GROUP_AAD_SIZE])
{
	uint8_t *at = ret;

	at = put(at, 1, 2);
	at = put(at, POOL_SUITE, 1);
	at = put(at, g->type, 1);
	at = put(at, g->epoch, 4);
	memcpy(at, g->pool, POOL_ID_SIZE);
	at += POOL_ID_SIZE;
	memcpy(at, g->nonce, POOL_NONCE_SIZE);
	at += POOL_NONCE_SIZE;
	at = put(at, g->number, 4);
	at = put(at, g->plain, 4);
	at = put(at, g->coded, 4);
	at = put(at, g->codec, 1);
	at = put(at, 0, 3);
	assert(at == ret + GROUP_AAD_SIZE);
}

int group_seal(const struct aead_keys *keys, const struct group_place *g, const struct hash *ids,
	const uint8_t *coded, uint8_t *sealed, struct sherd_error *err)
{
	uint8_t aad[GROUP_AAD_SIZE];

	assert(!ids == !group_by_ids(g->type, g->codec));
	group_aad(g, aad);
	return aead_seal(keys, aad, sizeof(aad), ids, coded, g->coded, sealed, err);
}

int group_open(const struct aead_keys *keys, const struct group_place *g, const uint8_t *sealed,
	uint8_t *coded, struct sherd_error *err)
{
	uint8_t aad[GROUP_AAD_SIZE];

	group_aad(g, aad);
	return aead_open(
		keys, aad, sizeof(aad), sealed, (size_t)g->coded + AEAD_OVERHEAD, coded, err);
}
