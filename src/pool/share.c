/* SPDX-License-Identifier: MIT */
/*
 * share.c - the head of a share file is written by one function, and read by taking what cannot be
 * known from elsewhere (manifest, leaves), proving it by hashes, and comparing all other bytes with
 * what the writer would have put there: so nothing of a head is left unchecked.
 *
 * Order of the reader: the manifest's place and size follow from the file's length, which is
 * bounded; its hash is the pack's name, or nothing of it is believed.
 */
#include <pool/share.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <base/cursor.h>
#include <base/err.h>
#include <base/hex.h>
#include <base/intmath.h>

#define FORMAT 1
#define SUITE 1
#define ID_TAG "sherd pack"
#define FOLDER "packs/"

static const uint8_t magic[8] = {'s', 'h', 'e', 'r', 'd', '-', 's', '\n'};

#define MANIFEST_MAX (SHARE_MANIFEST_FIXED + HASH_SIZE * POOL_SHARES_MAX)
#define LEAVES_MAX (POOL_SHARE_SIZE_MAX / HASH_LEAF_SIZE)
_Static_assert(sizeof(struct hash) == HASH_SIZE, "leaves stand as they are in a head");
_Static_assert((SHARE_PREFIX_SIZE + MANIFEST_MAX + LEAVES_MAX * HASH_SIZE + SHARE_ALIGN - 1) /
			       SHARE_ALIGN * SHARE_ALIGN ==
		       SHARE_HEAD_MAX,
	"the largest head");

static size_t manifest_size(unsigned m)
{
	return SHARE_MANIFEST_FIXED + (size_t)HASH_SIZE * m;
}

size_t share_head_size(unsigned m, uint32_t share_size)
{
	size_t used = SHARE_PREFIX_SIZE + manifest_size(m) +
		      (size_t)(share_size / HASH_LEAF_SIZE) * HASH_SIZE;

	return (used + SHARE_ALIGN - 1) / SHARE_ALIGN * SHARE_ALIGN;
}

/* --- names --- */

void share_name(const struct hash *id, unsigned share, char ret[SHARE_NAME_SIZE])
{
	char hex[2 * HASH_SIZE + 1];

	assert(share < POOL_SHARES_MAX);
	hex_of(id->bytes, HASH_SIZE, hex);
	snprintf(ret, SHARE_NAME_SIZE, FOLDER "%.2s/%s.%u", hex, hex, share);
}

int share_name_parse(const char *name, struct hash *ret_id, unsigned *ret_share)
{
	const size_t hex_at = sizeof(FOLDER) - 1 + 3, dot_at = hex_at + 2 * HASH_SIZE;
	char again[SHARE_NAME_SIZE];
	unsigned share = 0;
	size_t length = strnlen(name, SHARE_NAME_SIZE);

	if (length < dot_at + 2 || length > dot_at + 3)
		return -1;
	if (hex_parse(name + hex_at, 2 * (size_t)HASH_SIZE, ret_id->bytes) != 0)
		return -1;
	for (size_t i = dot_at + 1; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		share = share * 10 + (unsigned)(name[i] - '0');
	}
	if (share >= POOL_SHARES_MAX)
		return -1;
	share_name(ret_id, share, again);
	if (strcmp(name, again) != 0)
		return -1;
	*ret_share = share;
	return 0;
}

/* --- writing; into room that is known to suffice --- */

static uint8_t *put(uint8_t *to, const void *bytes, size_t size)
{
	memcpy(to, bytes, size);
	return to + size;
}

static uint8_t *put_number(uint8_t *to, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)(value >> (8 * i));
	return to + size;
}

static bool manifest_ok(const struct share_manifest *m)
{
	return m->suite == SUITE && m->epoch >= 1 && m->k >= 1 && m->k <= m->m &&
	       m->m <= POOL_SHARES_MAX && ladder_ok(m->share_size) &&
	       m->share_size <= ladder_top(m->k, m->m);
}

static uint8_t *write_manifest(const struct share_manifest *m, uint8_t *to)
{
	assert(manifest_ok(m));
	to = put_number(to, FORMAT, 2);
	to = put_number(to, m->suite, 1);
	to = put_number(to, 0, 1);
	to = put_number(to, m->epoch, 4);
	to = put(to, m->pool, POOL_ID_SIZE);
	to = put(to, m->nonce, POOL_NONCE_SIZE);
	to = put_number(to, m->k, 2);
	to = put_number(to, m->m, 2);
	to = put_number(to, m->share_size, 4);
	return put(to, m->roots, (size_t)HASH_SIZE * m->m);
}

static void manifest_id(const uint8_t *manifest, size_t size, struct hash *ret_id)
{
	char tag[] = ID_TAG;
	uint8_t copy[MANIFEST_MAX];
	struct iovec parts[] = {{tag, sizeof(ID_TAG) - 1}, {copy, size}};

	assert(size <= sizeof(copy));
	memcpy(copy, manifest, size);
	hash_sha256(parts, ARRAY_COUNT(parts), ret_id);
}

void share_manifest_id(const struct share_manifest *manifest, struct hash *ret_id)
{
	uint8_t bytes[MANIFEST_MAX];
	uint8_t *end = write_manifest(manifest, bytes);

	manifest_id(bytes, (size_t)(end - bytes), ret_id);
}

static uint8_t *write_prefix(unsigned m, uint32_t share_size, unsigned share, uint8_t *to)
{
	size_t head_size = share_head_size(m, share_size);

	to = put(to, magic, sizeof(magic));
	to = put_number(to, share, 2);
	to = put_number(to, 0, 2);
	to = put_number(to, manifest_size(m), 4);
	to = put_number(to, share_size / HASH_LEAF_SIZE, 4);
	to = put_number(to, head_size, 4);
	return put_number(to, (uint64_t)head_size + share_size, 8);
}

void share_head_write(const struct share_manifest *manifest, unsigned share,
	const struct hash *leaves, uint8_t *head)
{
	uint8_t *end = head + share_head_size(manifest->m, manifest->share_size);
	uint8_t *to = write_prefix(manifest->m, manifest->share_size, share, head);

	assert(share < manifest->m && to == head + SHARE_PREFIX_SIZE);
	to = write_manifest(manifest, to);
	to = put(to, leaves, (size_t)(manifest->share_size / HASH_LEAF_SIZE) * HASH_SIZE);
	assert(to <= end);
	memset(to, 0, (size_t)(end - to));
}

/* --- reading --- */

/* The fields of a manifest whose hash was right: a writer of a later version may have made it. */
static int parse_manifest(
	const uint8_t *bytes, size_t size, struct share_manifest *ret, struct sherd_error *err)
{
	struct cursor c = cursor_of(bytes, size);
	unsigned format = cursor_u16(&c), k, m, reserved;

	if (format != FORMAT)
		return err_set(
			err, SHERD_NEWER, "manifest of format %u, known is %d", format, FORMAT);
	*ret = (struct share_manifest){0};
	ret->suite = cursor_u8(&c);
	reserved = cursor_u8(&c);
	ret->epoch = cursor_u32(&c);
	cursor_copy(&c, ret->pool, POOL_ID_SIZE);
	cursor_copy(&c, ret->nonce, POOL_NONCE_SIZE);
	k = cursor_u16(&c);
	m = cursor_u16(&c);
	ret->share_size = cursor_u32(&c);
	if (ret->suite != SUITE)
		return err_set(
			err, SHERD_NEWER, "manifest of suite %u, known is %d", ret->suite, SUITE);
	if (k > POOL_SHARES_MAX || m > POOL_SHARES_MAX)
		return err_set(err, SHERD_CORRUPT, "manifest with k = %u, m = %u", k, m);
	ret->k = (uint8_t)k;
	ret->m = (uint8_t)m;
	cursor_copy(&c, ret->roots, (size_t)HASH_SIZE * m);
	if (reserved || !manifest_ok(ret) || !cursor_done(&c))
		return err_set(err, SHERD_CORRUPT, "manifest breaks the rules");
	return 0;
}

/* The manifest in a head, if it is pack ${id}'s. */
static int read_manifest(struct cursor *c, const struct hash *id, struct share_manifest *ret,
	struct sherd_error *err)
{
	struct hash found;
	const uint8_t *bytes;
	size_t size;

	cursor_take(c, sizeof(magic) + 4);
	size = cursor_u32(c);
	cursor_take(c, SHARE_PREFIX_SIZE - sizeof(magic) - 8);
	if (c->failed)
		return err_set(err, SHERD_CORRUPT, "head is cut short");
	if (size < manifest_size(1) || size > MANIFEST_MAX)
		return err_set(err, SHERD_CORRUPT, "manifest of %zu bytes", size);
	bytes = cursor_take(c, size);
	if (!bytes)
		return err_set(err, SHERD_CORRUPT, "head is cut short");
	manifest_id(bytes, size, &found);
	if (!hash_equal(&found, id))
		return err_set(err, SHERD_CORRUPT, "manifest is not this pack's");
	return parse_manifest(bytes, size, ret, err);
}

static int check_leaves(const struct share_manifest *manifest, unsigned share,
	const struct hash *leaves, struct sherd_error *err)
{
	size_t count = manifest->share_size / HASH_LEAF_SIZE;
	struct hash scratch[LEAVES_MAX], root;

	memcpy(scratch, leaves, count * HASH_SIZE);
	hash_root(scratch, count, &root);
	if (!hash_equal(&root, &manifest->roots[share]))
		return err_set(err, SHERD_CORRUPT, "leaf hashes do not lead to the root");
	return 0;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
	uint8_t any = 0;

	for (size_t i = 0; i < size; i++)
		any |= bytes[i];
	return any == 0;
}

int share_head_read(const uint8_t *head, size_t size, const struct hash *id, unsigned share,
	struct share_manifest *ret_manifest, struct hash *ret_leaves, struct sherd_error *err)
{
	struct cursor c = cursor_of(head, size);
	uint8_t prefix[SHARE_PREFIX_SIZE];
	size_t leaves_size;
	int r = read_manifest(&c, id, ret_manifest, err);

	if (r)
		return r;
	if (share >= ret_manifest->m)
		return err_set(err, SHERD_CORRUPT, "pack has %u shares, and no share %u",
			ret_manifest->m, share);
	if (size != share_head_size(ret_manifest->m, ret_manifest->share_size))
		return err_set(err, SHERD_CORRUPT, "head is cut short");
	write_prefix(ret_manifest->m, ret_manifest->share_size, share, prefix);
	if (memcmp(prefix, head, sizeof(prefix)) != 0)
		return err_set(err, SHERD_CORRUPT, "prefix is wrong");
	leaves_size = (size_t)(ret_manifest->share_size / HASH_LEAF_SIZE) * HASH_SIZE;
	cursor_copy(&c, ret_leaves, leaves_size);
	if (c.failed || !all_zero(c.next, cursor_left(&c)))
		return err_set(err, SHERD_CORRUPT, "padding of the head is wrong");
	return check_leaves(ret_manifest, share, ret_leaves, err);
}

#define CHECK_BATCH 16 /* leaves hashed at one time */

size_t share_check(const struct hash *leaves, size_t first, const uint8_t *data, size_t size)
{
	size_t count = size / HASH_LEAF_SIZE;
	struct hash found[CHECK_BATCH];

	for (size_t at = 0; at < count; at += CHECK_BATCH) {
		size_t n = INT_MIN_OF(count - at, (size_t)CHECK_BATCH);

		hash_leaves(data + at * HASH_LEAF_SIZE, n * HASH_LEAF_SIZE, found);
		for (size_t i = 0; i < n; i++)
			if (!hash_equal(&found[i], &leaves[first + at + i]))
				return at + i;
	}
	return count;
}
