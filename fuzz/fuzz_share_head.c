/* SPDX-License-Identifier: MIT */
/*
 * fuzz_share_head.c - any bytes as the head of a share file: refused with a message, or exactly
 * what a writer makes of what was read. The first byte is the share's number. The pack's id is made
 * to be that of the manifest that stands there, because no fuzzer finds a SHA-256.
 */
#include <stdlib.h>
#include <string.h>
#include <pool/share.h>

#define MANIFEST_AT 32
#define MANIFEST_SIZE_AT 12

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

/* The id of the manifest in the head, if there is a whole one. */
static void find_id(const uint8_t *head, size_t size, struct hash *ret_id)
{
	uint8_t copy[SHARE_HEAD_MAX];
	char tag[] = "sherd pack";
	size_t manifest_size = 0;
	struct iovec parts[] = {{tag, sizeof(tag) - 1}, {copy, 0}};

	memset(ret_id, 0, sizeof(*ret_id));
	if (size < MANIFEST_AT || size > sizeof(copy))
		return;
	for (size_t i = 4; i > 0; i--)
		manifest_size = manifest_size << 8 | head[MANIFEST_SIZE_AT + i - 1];
	if (manifest_size > size - MANIFEST_AT)
		return;
	memcpy(copy, head + MANIFEST_AT, manifest_size);
	parts[1].iov_len = manifest_size;
	hash_sha256(parts, 2, ret_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct hash leaves[POOL_SHARE_SIZE_MAX / HASH_LEAF_SIZE];
	static uint8_t again[SHARE_HEAD_MAX];
	struct share_manifest manifest;
	struct sherd_error err = {0};
	struct hash id;
	int r;

	if (!size)
		return 0;
	find_id(bytes + 1, size - 1, &id);
	r = share_head_read(bytes + 1, size - 1, &id, bytes[0], &manifest, leaves, &err);
	if (r) {
		must((r == SHERD_CORRUPT || r == SHERD_NEWER) && err.code == r && err.message[0]);
		return 0;
	}
	must(size - 1 == share_head_size(manifest.m, manifest.share_size));
	must(bytes[0] < manifest.m && manifest.k >= 1 && manifest.k <= manifest.m);
	share_head_write(&manifest, bytes[0], leaves, again);
	must(memcmp(again, bytes + 1, size - 1) == 0);
	return 0;
}
