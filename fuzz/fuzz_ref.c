/* SPDX-License-Identifier: MIT */
/* fuzz_ref.c - any bytes as references to packs, one behind the other: refused, or written again as
 * they were; and the rest as the name of a share file. */
#include <stdlib.h>
#include <string.h>
#include <pool/share.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void try_name(const uint8_t *bytes, size_t size)
{
	char name[200], again[SHARE_NAME_SIZE];
	struct hash id;
	unsigned share;

	if (size >= sizeof(name))
		return;
	if (size)
		memcpy(name, bytes, size);
	name[size] = '\0';
	if (share_name_parse(name, &id, &share) != 0)
		return;
	must(share < POOL_SHARES_MAX);
	share_name(&id, share, again);
	must(strcmp(name, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct cursor c = cursor_of(bytes, size);
	const uint8_t *start = bytes;
	struct pool_ref ref;

	while (ref_read(&c, &ref)) {
		struct bytes b = BYTES_INIT;

		must(ref.k >= 1 && ref.k <= ref.m && ref.m <= POOL_SHARES_MAX);
		must(ref_payload(&ref) <= POOL_PAYLOAD_MAX ||
			ref.share_size == POOL_SHARE_SIZE_MIN);
		ref_write(&ref, &b);
		must(b.failed ||
			(b.size == (size_t)(c.next - start) && memcmp(b.data, start, b.size) == 0));
		bytes_release(&b);
		start = c.next;
	}
	must(c.failed);
	try_name(start, (size_t)(bytes + size - start));
	return 0;
}
