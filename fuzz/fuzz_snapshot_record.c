/* SPDX-License-Identifier: MIT */
/* fuzz_snapshot_record.c - any bytes as a snapshot: refused with a message, or every text can be
 * read. */
#include <stdlib.h>

#include <repo/content.h>
#include <repo/tree.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void use_texts(const uint8_t *raw, size_t size, size_t count)
{
	struct cursor c = cursor_of(raw, size);
	struct snapshot_text text;

	for (; count > 0; count--)
		must(snapshot_text_next(&c, &text));
	must(cursor_done(&c));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct snapshot_record s;
	struct sherd_error err = {0};
	int r = snapshot_read(bytes, size, &s, &err);

	if (r) {
		must((r == SHERD_CORRUPT || r == SHERD_NEWER) && err.code == r && err.message[0]);
		return 0;
	}
	must(content_right(s.root, s.root_size, false, 0));
	use_texts(s.paths_raw, s.paths_raw_size, s.path_count);
	use_texts(s.tags_raw, s.tags_raw_size, s.tag_count);
	return 0;
}
