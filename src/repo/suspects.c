/* SPDX-License-Identifier: MIT */
/*
 * suspects.c - shares known to be missing or bad: file `suspects` of the state folder, pack id and
 * a bit for each share. What it forgets, a check finds again.
 */
#include "store_inner.h"

#include <string.h>

#include <base/bytes.h>
#include <base/cursor.h>
#include <base/smallfile.h>

static const char name[] = "suspects";
static const uint8_t magic[8] = "sherd-u\n";
enum { entry_size = HASH_SIZE + 8 };
static const size_t size_max = (size_t)64 << 20;

int suspects_load(struct store *s, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes file = BYTES_INIT;
	struct cursor c;
	const uint8_t *head;
	int code = smallfile_read(
		pool_env(s->pool), pool_state_fd(s->pool), name, size_max, &file, err);

	if (code)
		return code == SHERD_NOMEM ? code : 0;
	c = cursor_of(file.data, file.size);
	head = cursor_take(&c, sizeof(magic));
	if (!head || memcmp(head, magic, sizeof(magic)))
		return 0;
	while (cursor_left(&c) >= entry_size) {
		struct hash id;
		uint64_t bits;
		uint32_t pack;

		cursor_copy(&c, id.bytes, sizeof(id.bytes));
		bits = cursor_u64(&c);
		pack = index_pack_find(s->index, &id);
		if (pack != INDEX_NONE)
			index_pack_at(s->index, pack)->suspects = bits;
	}
	return 0;
}

void suspects_save(struct store *s)
{
	CLEANUP(bytes_release) struct bytes file = BYTES_INIT;

	if (!s->suspects_dirty || pool_read_only(s->pool))
		return;
	bytes_add(&file, magic, sizeof(magic));
	for (uint32_t i = 0; i < index_pack_count(s->index); i++) {
		const struct index_pack *p = index_pack_at(s->index, i);

		if (p->dead || !p->suspects)
			continue;
		bytes_add(&file, p->ref.id.bytes, HASH_SIZE);
		bytes_u64(&file, p->suspects);
	}
	if (!file.failed && !smallfile_replace(pool_env(s->pool), pool_state_fd(s->pool), name,
				    file.data, file.size, NULL))
		s->suspects_dirty = false;
}
