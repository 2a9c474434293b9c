/* SPDX-License-Identifier: MIT */
/* fuzz_segment.c - u8 0: the content of a head, refused or written again as it was; else an index
 * stream: its packs and their tables, as far as they are right. */
#include <stdlib.h>
#include <string.h>

#include <base/cursor.h>
#include <repo/segment.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void try_head(const uint8_t *bytes, size_t size)
{
	struct head_content h = {0};
	struct bytes again = BYTES_INIT;
	int r = head_content_read(bytes, size, &h, NULL);

	must(r == 0 || r == SHERD_CORRUPT || r == SHERD_NEWER || r == SHERD_NOMEM);
	if (r)
		return; /* nothing to release: the leak checker says if there was */
	for (uint32_t i = 0; i < h.stream_count; i++)
		for (uint32_t n = 0; n < h.streams[i].count; n++) {
			const struct head_group *g = &h.streams[i].groups[n];

			must(g->pack < h.pack_count);
			must((uint64_t)g->place.offset + g->place.sealed <=
				ref_payload(&h.packs[g->pack].ref));
		}
	head_content_write(&h, &again);
	must(again.failed || (again.size == size && memcmp(again.data, bytes, size) == 0));
	bytes_release(&again);
	head_content_release(&h);
}

static void read_table(const struct pool_ref *ref, const uint8_t *table, size_t size)
{
	struct table_reader t;
	struct group_place g;
	struct hash id;
	uint32_t blobs, length;

	table_open(&t, table, size, ref_payload(ref));
	while (table_next_group(&t, &g, &blobs, NULL) == 1)
		while (table_next_blob(&t, &id, &length, NULL) == 1)
			must(length <= BLOB_SIZE_MAX);
}

static void try_index(const uint8_t *bytes, size_t size)
{
	struct segment_reader r;
	struct bytes again = BYTES_INIT;
	struct pool_ref ref;
	const uint8_t *table;
	size_t table_size;
	int code = segment_open(&r, bytes, size, NULL);

	must(code == 0 || code == SHERD_CORRUPT || code == SHERD_NEWER);
	if (code)
		return;
	segment_begin(&again, r.left);
	while ((code = segment_next(&r, &ref, &table, &table_size, NULL)) == 1) {
		must(table >= bytes && table + table_size <= bytes + size);
		read_table(&ref, table, table_size);
		segment_pack(&again, &ref, table, table_size);
	}
	must(code == 0 || code == SHERD_CORRUPT);
	if (code == 0 && !again.failed)
		must(again.size == size && memcmp(again.data, bytes, size) == 0);
	bytes_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size >= 1)
		(bytes[0] ? try_index : try_head)(bytes + 1, size - 1);
	return 0;
}
