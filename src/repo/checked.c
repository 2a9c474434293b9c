/* SPDX-License-Identifier: MIT */
/*
 * checked.c - a sorted array. The file: magic, u64 last check, u32 n, n times pack id [32] and u64
 * time, SHA-256 of all before. Local state, not part of the formats that outlive a version.
 */
#include <repo/checked.h>

#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/bytes.h>
#include <base/cursor.h>
#include <base/err.h>
#include <base/smallfile.h>

static const char file_name[] = "checked";
static const uint8_t magic[8] = "sherd-c\n";
enum { entry_size = HASH_SIZE + 8 };
static const size_t file_max = (size_t)64 << 20;

struct entry {
	struct hash id;
	uint64_t time;
};

struct checked {
	struct sherd_pool *pool;
	struct entry *entries; /* ascending by id up to sorted, then as they came */
	size_t count, sorted, room;
	uint64_t last;
};

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return memcmp(x->id.bytes, y->id.bytes, HASH_SIZE);
}

void checked_free(struct checked *c)
{
	if (!c)
		return;
	mem_free(c->entries);
	mem_free(c);
}

static bool grow(struct checked *c)
{
	size_t room = c->room ? c->room * 2 : 64;
	struct entry *more;

	if (c->count < c->room)
		return true;
	more = mem_array(room, sizeof(*more));
	if (!more)
		return false;
	if (c->count)
		memcpy(more, c->entries, c->count * sizeof(*more));
	mem_free(c->entries);
	c->entries = more;
	c->room = room;
	return true;
}

/* Whatever is not as it was written is as good as absent. */
static int parse(struct checked *c, const struct bytes *file)
{
	struct cursor cur = cursor_of(file->data, file->size);
	struct hash sum;
	uint32_t count;
	const uint8_t *head = cursor_take(&cur, sizeof(magic));

	if (!head || memcmp(head, magic, sizeof(magic)) || file->size < HASH_SIZE)
		return 0;
	hash_sha256(&(struct iovec){file->data, file->size - HASH_SIZE}, 1, &sum);
	if (memcmp(file->data + file->size - HASH_SIZE, sum.bytes, HASH_SIZE))
		return 0;
	c->last = cursor_u64(&cur);
	count = cursor_u32(&cur);
	if (cursor_left(&cur) != (uint64_t)count * entry_size + HASH_SIZE)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		if (!grow(c))
			return SHERD_NOMEM;
		cursor_copy(&cur, c->entries[i].id.bytes, HASH_SIZE);
		c->entries[i].time = cursor_u64(&cur);
		c->count++;
	}
	c->sorted = c->count;
	return 0;
}

int checked_load(struct sherd_pool *pool, struct checked **ret, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes file = BYTES_INIT;
	struct checked *c = mem_array(1, sizeof(*c));
	int code;

	if (!c)
		return err_nomem(err);
	c->pool = pool;
	code = smallfile_read(
		pool_env(pool), pool_state_fd(pool), file_name, file_max, &file, NULL);
	if (!code)
		code = parse(c, &file);
	if (code == SHERD_NOMEM) {
		checked_free(c);
		return err_nomem(err);
	}
	*ret = c;
	return 0;
}

static struct entry *find(const struct checked *c, const struct hash *id)
{
	struct entry key = {.id = *id};

	return c->sorted ? bsearch(&key, c->entries, c->sorted, sizeof(key), compare) : NULL;
}

uint64_t checked_time(const struct checked *c, const struct hash *id)
{
	const struct entry *e = find(c, id);

	return e ? e->time : 0;
}

uint64_t checked_last(const struct checked *c)
{
	return c->last;
}

int checked_note(struct checked *c, const struct hash *id, uint64_t now, struct sherd_error *err)
{
	struct entry *e = find(c, id);

	if (e) {
		e->time = now;
		return 0;
	}
	if (!grow(c))
		return err_nomem(err);
	c->entries[c->count++] = (struct entry){*id, now};
	return 0;
}

void checked_done(struct checked *c, uint64_t now)
{
	c->last = now;
	if (c->count)
		qsort(c->entries, c->count, sizeof(*c->entries), compare);
	c->sorted = c->count;
}

int checked_save(const struct checked *c, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes file = BYTES_INIT;
	struct hash sum;

	if (pool_read_only(c->pool))
		return 0;
	bytes_add(&file, magic, sizeof(magic));
	bytes_u64(&file, c->last);
	bytes_u32(&file, (uint32_t)c->count);
	for (size_t i = 0; i < c->count; i++) {
		bytes_add(&file, c->entries[i].id.bytes, HASH_SIZE);
		bytes_u64(&file, c->entries[i].time);
	}
	if (file.failed)
		return err_nomem(err);
	hash_sha256(&(struct iovec){file.data, file.size}, 1, &sum);
	bytes_add(&file, sum.bytes, HASH_SIZE);
	if (file.failed)
		return err_nomem(err);
	return smallfile_replace(
		pool_env(c->pool), pool_state_fd(c->pool), file_name, file.data, file.size, err);
}
