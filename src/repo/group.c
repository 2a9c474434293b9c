/* SPDX-License-Identifier: MIT */
/*
 * group.c - sealing and opening. What is opened was authenticated before a single length in it is
 * believed; the plain length is part of what is authenticated, so a compressed group expands to
 * just that many bytes or is refused.
 */
#include <repo/group.h>

#include <string.h>
#include <zstd.h>

#include <base/alloc.h>
#include <base/err.h>

/* A padding group is as long as a payload; a table has 36 bytes for each blob, of which a pack may
 * have many. */
enum { table_max = 32 << 20 };

uint32_t group_plain_max(uint8_t type)
{
	switch (type) {
	case BLOB_DATA:
	case BLOB_TREE:
	case BLOB_LIST:
	case BLOB_INDEX:
	case BLOB_CATALOG:
		return GROUP_SIZE_MAX;
	case GROUP_PADDING:
		return UINT32_MAX;
	case GROUP_TABLE:
		return table_max;
	case GROUP_FOOTER:
		return FOOTER_PLAIN_SIZE;
	default:
		return 0;
	}
}

int group_keys_init(struct group_keys *k, const struct sherd_pool *pool, uint32_t epoch,
	const uint8_t nonce[POOL_NONCE_SIZE], struct sherd_error *err)
{
	const struct pool_shape *shape = pool_shape(pool);

	memcpy(k->pool, shape->id, sizeof(k->pool));
	memcpy(k->nonce, nonce, sizeof(k->nonce));
	k->epoch = epoch;
	k->suite = shape->suite;
	return pool_pack_keys(pool, epoch, nonce, &k->keys, err);
}

void group_keys_wipe(struct group_keys *k)
{
	secret_wipe(k, sizeof(*k));
}

static void put_u16(uint8_t *to, uint16_t v)
{
	to[0] = (uint8_t)v;
	to[1] = (uint8_t)(v >> 8);
}

static void put_u32(uint8_t *to, uint32_t v)
{
	put_u16(to, (uint16_t)v);
	put_u16(to + 2, (uint16_t)(v >> 16));
}

static void write_aad(
	const struct group_keys *k, const struct group_place *g, uint8_t aad[GROUP_AAD_SIZE])
{
	memset(aad, 0, GROUP_AAD_SIZE);
	put_u16(aad, 1);
	aad[2] = k->suite;
	aad[3] = g->type;
	put_u32(aad + 4, k->epoch);
	memcpy(aad + 8, k->pool, POOL_ID_SIZE);
	memcpy(aad + 24, k->nonce, POOL_NONCE_SIZE);
	put_u32(aad + 56, g->number);
	put_u32(aad + 60, g->plain);
	put_u32(aad + 64, g->sealed - AEAD_OVERHEAD);
	aad[68] = g->codec;
}

int group_seal(const struct group_keys *k, const struct group_place *g,
	const struct hash *commitment, uint8_t *sealed, struct sherd_error *err)
{
	uint8_t aad[GROUP_AAD_SIZE];

	write_aad(k, g, aad);
	return aead_seal(&k->keys, aad, sizeof(aad), commitment, sealed + AEAD_NONCE_SIZE,
		g->sealed - AEAD_OVERHEAD, sealed, err);
}

/* ---- zstd ---- */

struct codec {
	ZSTD_CCtx *context;
};

int codec_new(int level, struct codec **ret, struct sherd_error *err)
{
	struct codec *c = mem_array(1, sizeof(*c));

	if (c && mem_count())
		c->context = ZSTD_createCCtx();
	if (!c || !c->context) {
		mem_free(c);
		return err_nomem(err);
	}
	ZSTD_CCtx_setParameter(c->context, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(c->context, ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_setParameter(c->context, ZSTD_c_checksumFlag, 0);
	*ret = c;
	return 0;
}

void codec_free(struct codec *c)
{
	if (!c)
		return;
	ZSTD_freeCCtx(c->context);
	mem_free(c);
}

bool codec_compress(
	struct codec *c, const uint8_t *data, size_t size, uint8_t *out, size_t *ret_size)
{
	size_t limit = size - size / 32;

	if (limit < 16)
		return false;
	/* Room that is too small is an error of zstd's, and just what we want to know. */
	*ret_size = ZSTD_compress2(c->context, out, limit, data, size);
	return !ZSTD_isError(*ret_size);
}

static int expand(const uint8_t *coded, size_t coded_size, uint8_t *plain, size_t size,
	struct sherd_error *err)
{
	/* A context costs some microseconds, a group a thousand of them. */
	ZSTD_DCtx *context = mem_count() ? ZSTD_createDCtx() : NULL;
	size_t got;

	if (!context)
		return err_nomem(err);
	got = ZSTD_decompressDCtx(context, plain, size, coded, coded_size);
	ZSTD_freeDCtx(context);
	if (ZSTD_isError(got) || got != size)
		return err_set(err, SHERD_CORRUPT, "a group does not expand to its length");
	return 0;
}

int group_open(const struct group_keys *k, const struct group_place *g, const uint8_t *sealed,
	uint8_t *plain, struct bytes *scratch, struct sherd_error *err)
{
	uint8_t aad[GROUP_AAD_SIZE];
	size_t coded = g->sealed - AEAD_OVERHEAD;
	int code;

	if (g->sealed < AEAD_OVERHEAD || g->codec > GROUP_ZSTD ||
		g->plain > group_plain_max(g->type) ||
		(g->codec == GROUP_PLAIN && coded != g->plain))
		return err_set(err, SHERD_CORRUPT, "a group's lengths do not fit");
	write_aad(k, g, aad);
	if (g->codec == GROUP_PLAIN)
		return aead_open(&k->keys, aad, sizeof(aad), sealed, g->sealed, plain, err);
	bytes_clear(scratch);
	if (!bytes_reserve(scratch, coded))
		return err_nomem(err);
	code = aead_open(&k->keys, aad, sizeof(aad), sealed, g->sealed, scratch->data, err);
	return code ? code : expand(scratch->data, coded, plain, g->plain, err);
}
