/* SPDX-License-Identifier: MIT */
/* fuzz_table.c - u32 size of a payload, then a table: refused, or written again as it was; what it
 * tells lies within the payload, and its numbers ascend. */
#include <stdlib.h>
#include <string.h>

#include <base/cursor.h>
#include <repo/group.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

/* The blobs of one group; 0 or CORRUPT. */
static int read_blobs(struct table_reader *r, const struct group_place *g, uint32_t blobs,
	struct bytes *again, int *ret_fills)
{
	uint64_t plain = 0;
	uint32_t count = 0;
	struct hash id;
	uint32_t length;
	int code;

	table_add_group(again, g, blobs);
	while ((code = table_next_blob(r, &id, &length, NULL)) == 1) {
		must(length >= 1 && length <= BLOB_SIZE_MAX);
		plain += length;
		count++;
		table_add_blob(again, &id, length);
	}
	must(code == SHERD_CORRUPT || (code == 0 && count == blobs));
	*ret_fills = !blobs || plain == g->plain;
	return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct cursor in = cursor_of(bytes, size);
	uint32_t payload = cursor_u32(&in), number = 0, blobs;
	struct bytes again = BYTES_INIT;
	struct table_reader r;
	struct group_place g;
	uint64_t end = 0;
	int code, fills = 1;

	if (in.failed)
		return 0;
	table_open(&r, in.next, cursor_left(&in), payload);
	while ((code = table_next_group(&r, &g, &blobs, NULL)) == 1) {
		must(fills); /* told by the next group, if not */
		must(g.number == number++ && g.offset == end && g.sealed >= AEAD_OVERHEAD);
		end += g.sealed;
		must(end <= payload);
		code = read_blobs(&r, &g, blobs, &again, &fills);
		if (code)
			break;
	}
	must(code == SHERD_CORRUPT || (code == 0 && fills));
	if (code == 0 && !again.failed)
		must(again.size == size - 4 &&
			(!again.size || !memcmp(again.data, in.next, again.size)));
	bytes_release(&again);
	return 0;
}
