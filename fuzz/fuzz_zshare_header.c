/* SPDX-License-Identifier: MIT */
/*
 * fuzz_zshare_header.c - any bytes as the header of a share file: refused with a message, or read
 * as exactly what a writer makes those bytes of.
 */
#include <stdlib.h>
#include <string.h>
#include <sherd/zfec.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct sherd_zfec_header header;
	struct sherd_error err = {0};
	uint8_t again[SHERD_ZFEC_HEADER_MAX];
	size_t taken, written;
	int r = sherd_zfec_header_read(bytes, size, &header, &taken, &err);

	if (r) {
		must(r == SHERD_CORRUPT && err.code == r && err.message[0]);
		return 0;
	}
	must(taken <= size && taken == sherd_zfec_header_size(header.k, header.m));
	must(header.k >= 1 && header.k <= header.m && header.m <= 256);
	must(header.pad < header.k && header.share < header.m);
	must(sherd_zfec_header_write(&header, again, &written, NULL) == 0);
	must(written == taken && memcmp(again, bytes, taken) == 0);
	return 0;
}
