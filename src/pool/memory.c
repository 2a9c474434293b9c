/* SPDX-License-Identifier: MIT */
/* memory.c - the files `device` and `seen`; each ends with the SHA-256 of what stands before. */
#include "memory.h"

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/cursor.h>
#include <base/err.h>
#include <crypt/box.h>
#include <crypt/kdf.h>
#include "wire.h"

#define DEVICE_MAGIC "sherd-d\n"
#define SEEN_MAGIC "sherd-v\n"
#define MAGIC_SIZE 8
#define FORMAT 1
#define FLAG_LOCKED 1
#define SECRETS_SIZE (2 * CRYPT_KEY_SIZE)
#define DEVICE_SIZE (MAGIC_SIZE + 2 + 2 + 4 + 4 * RECORD_ID_SIZE + SECRETS_SIZE + 40 + HASH_SIZE)
#define SEEN_SIZE_MAX ((size_t)64 << 20)
#define HEADS_MAX 65536
#define HEAD_SIZE (RECORD_ID_SIZE + 8 + HASH_SIZE)
#define PLACE_SIZE (RECORD_ID_SIZE + 7 * 8 + 4)
#define PLACES_MAX 4096

static_assert(BOX_LOCK_OVERHEAD == 40 && DEVICE_SIZE == 216, "size of the file 'device'");

/* --- device --- */

static void lock_key(
	const struct keyring *ring, const struct crypt_key *epoch, struct crypt_key *ret)
{
	kdf_derive(epoch, keyring_pool(ring), POOL_ID_SIZE, "sherd device", NULL, 0, ret);
}

static_assert(sizeof(struct device_secrets) == SECRETS_SIZE, "no gaps");

int device_file_hide(const struct sherd_env *env, struct device_file *file,
	const struct keyring *ring, const struct device_secrets *secrets, struct sherd_error *err)
{
	CLEANUP(crypt_key_wipe_at) struct crypt_key key;

	memset(&key, 0, sizeof(key));
	memset(file->secrets, 0, sizeof(file->secrets));
	file->epoch = 0;
	if (!file->locked) {
		memcpy(file->secrets, secrets, SECRETS_SIZE);
		return 0;
	}
	file->epoch = keyring_newest(ring);
	lock_key(ring, keyring_epoch(ring, file->epoch), &key);
	return box_lock(
		env, &key, file->device, RECORD_ID_SIZE, secrets, SECRETS_SIZE, file->secrets, err);
}

int device_file_show(const struct device_file *file, const struct keyring *ring,
	struct device_secrets *ret, struct sherd_error *err)
{
	CLEANUP(crypt_key_wipe_at) struct crypt_key key;
	const struct crypt_key *epoch;
	int r;

	memset(&key, 0, sizeof(key));
	if (!file->locked) {
		memcpy(ret, file->secrets, SECRETS_SIZE);
		return 0;
	}
	epoch = keyring_epoch(ring, file->epoch);
	if (!epoch)
		return err_set(err, SHERD_CORRUPT, "the pool has no key of epoch %u", file->epoch);
	lock_key(ring, epoch, &key);
	r = box_unlock(&key, file->device, RECORD_ID_SIZE, file->secrets, sizeof(file->secrets),
		ret, NULL);
	return r ? err_set(err, SHERD_CORRUPT, "the device's keys in the state folder are damaged")
		 : 0;
}

static void add_hash(struct bytes *b)
{
	struct iovec part = hash_part(b->data, b->size);
	struct hash hash;

	if (b->failed)
		return;
	hash_sha256(&part, 1, &hash);
	bytes_add(b, hash.bytes, HASH_SIZE);
}

/* A file with its magic, format and hash: a cursor on what is between. */
static int open_file(const uint8_t *data, size_t size, const char *magic, const char *name,
	struct cursor *ret, struct sherd_error *err)
{
	struct hash hash;
	struct iovec part;
	unsigned format;

	if (size < MAGIC_SIZE + 2 + HASH_SIZE || memcmp(data, magic, MAGIC_SIZE) != 0)
		return err_set(err, SHERD_CORRUPT, "'%s' in the state folder is damaged", name);
	part = hash_part(data, size - HASH_SIZE);
	hash_sha256(&part, 1, &hash);
	if (memcmp(hash.bytes, data + size - HASH_SIZE, HASH_SIZE) != 0)
		return err_set(err, SHERD_CORRUPT, "'%s' in the state folder is damaged", name);
	*ret = cursor_of(data + MAGIC_SIZE, size - MAGIC_SIZE - HASH_SIZE);
	format = cursor_u16(ret);
	if (format != FORMAT)
		return err_set(err, SHERD_NEWER,
			"'%s' in the state folder was made by a newer version of sherd", name);
	return 0;
}

int device_file_save(struct state *s, const struct device_file *file, struct sherd_error *err)
{
	CLEANUP(wire_wipe) struct bytes b = BYTES_INIT;

	if (!bytes_reserve(&b, DEVICE_SIZE))
		return err_nomem(err);
	bytes_add(&b, DEVICE_MAGIC, MAGIC_SIZE);
	bytes_u16(&b, FORMAT);
	bytes_u16(&b, file->locked ? FLAG_LOCKED : 0);
	bytes_u32(&b, file->epoch);
	bytes_add(&b, file->pool, POOL_ID_SIZE);
	bytes_add(&b, file->device, RECORD_ID_SIZE);
	bytes_add(&b, file->incarnation, RECORD_ID_SIZE);
	bytes_add(&b, file->slot, RECORD_ID_SIZE);
	bytes_add(&b, file->secrets, sizeof(file->secrets));
	add_hash(&b);
	assert(b.size == DEVICE_SIZE);
	return state_write(s, STATE_DEVICE, b.data, b.size, true, err);
}

int device_file_load(const struct state *s, struct device_file *ret, struct sherd_error *err)
{
	uint8_t *data;
	size_t size;
	struct cursor c;
	unsigned flags;
	int r = state_read(s, STATE_DEVICE, DEVICE_SIZE, &data, &size, err);

	if (r)
		return r;
	r = open_file(data, size, DEVICE_MAGIC, STATE_DEVICE, &c, err);
	if (!r) {
		flags = cursor_u16(&c);
		ret->locked = flags & FLAG_LOCKED;
		ret->epoch = cursor_u32(&c);
		cursor_copy(&c, ret->pool, POOL_ID_SIZE);
		cursor_copy(&c, ret->device, RECORD_ID_SIZE);
		cursor_copy(&c, ret->incarnation, RECORD_ID_SIZE);
		cursor_copy(&c, ret->slot, RECORD_ID_SIZE);
		cursor_copy(&c, ret->secrets, sizeof(ret->secrets));
		if (!cursor_done(&c) || flags & ~(unsigned)FLAG_LOCKED)
			r = err_set(err, SHERD_CORRUPT,
				"'" STATE_DEVICE "' in the state folder is damaged");
	}
	secret_wipe(data, size);
	mem_free(data);
	return r;
}

/* --- seen --- */

struct seen_head *seen_head_find(struct seen_head *heads, size_t count, const uint8_t *incarnation)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(heads[i].incarnation, incarnation, RECORD_ID_SIZE) == 0)
			return &heads[i];
	return NULL;
}

bool seen_head_set(struct seen_head **heads, size_t *count, const struct seen_head *head)
{
	struct seen_head *known = seen_head_find(*heads, *count, head->incarnation), *more;
	size_t at = 0;

	if (known) {
		if (known->seq < head->seq)
			*known = *head;
		return true;
	}
	more = mem_array(*count + 1, sizeof(*more));
	if (!more)
		return false;
	while (at < *count &&
		memcmp((*heads)[at].incarnation, head->incarnation, RECORD_ID_SIZE) < 0)
		at++;
	if (*count) {
		memcpy(more, *heads, at * sizeof(*more));
		memcpy(more + at + 1, *heads + at, (*count - at) * sizeof(*more));
	}
	more[at] = *head;
	mem_free(*heads);
	*heads = more;
	(*count)++;
	return true;
}

struct seen_place *seen_place_of(struct seen *seen, const uint8_t *id, bool add)
{
	struct seen_place *more;

	for (size_t i = 0; i < seen->place_count; i++)
		if (memcmp(seen->places[i].id, id, RECORD_ID_SIZE) == 0)
			return &seen->places[i];
	if (!add || seen->place_count == PLACES_MAX)
		return NULL;
	more = mem_array(seen->place_count + 1, sizeof(*more));
	if (!more)
		return NULL;
	if (seen->place_count)
		memcpy(more, seen->places, seen->place_count * sizeof(*more));
	memcpy(more[seen->place_count].id, id, RECORD_ID_SIZE);
	mem_free(seen->places);
	seen->places = more;
	return &more[seen->place_count++];
}

static void write_heads(const struct seen_head *heads, size_t count, struct bytes *b)
{
	bytes_u32(b, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		bytes_add(b, heads[i].incarnation, RECORD_ID_SIZE);
		bytes_u64(b, heads[i].seq);
		bytes_add(b, heads[i].hash.bytes, HASH_SIZE);
	}
}

static void write_seen(const struct seen *seen, struct bytes *b)
{
	bytes_add(b, SEEN_MAGIC, MAGIC_SIZE);
	bytes_u16(b, FORMAT);
	bytes_u16(b, 0);
	bytes_u64(b, seen->pool_seq);
	bytes_add(b, seen->pool_hash.bytes, HASH_SIZE);
	bytes_u64(b, seen->own_seq);
	write_heads(seen->heads, seen->head_count, b);
	bytes_u32(b, (uint32_t)seen->place_count);
	for (size_t i = 0; i < seen->place_count; i++) {
		const struct seen_place *p = &seen->places[i];

		bytes_add(b, p->id, RECORD_ID_SIZE);
		bytes_u64(b, p->pool_seq);
		bytes_u64(b, p->read_errors);
		bytes_u64(b, p->write_errors);
		bytes_u64(b, p->lies);
		bytes_u64(b, p->bytes_read);
		bytes_u64(b, p->bytes_written);
		bytes_u64(b, p->last_ok_ns);
		write_heads(p->heads, p->head_count, b);
	}
	add_hash(b);
}

int seen_save(struct state *s, struct seen *seen, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes b = BYTES_INIT;
	const uint8_t *hash;
	int r;

	write_seen(seen, &b);
	if (b.failed)
		return err_nomem(err);
	hash = b.data + b.size - HASH_SIZE;
	if (memcmp(hash, seen->written.bytes, HASH_SIZE) == 0)
		return 0;
	r = state_write(s, STATE_SEEN, b.data, b.size, false, err);
	if (!r)
		memcpy(seen->written.bytes, hash, HASH_SIZE);
	return r;
}

static int damaged(struct sherd_error *err)
{
	return err_set(err, SHERD_CORRUPT, "'" STATE_SEEN "' in the state folder is damaged");
}

static int read_heads(
	struct cursor *c, struct seen_head **ret, size_t *ret_count, struct sherd_error *err)
{
	size_t count = cursor_u32(c);

	if (c->failed || count > HEADS_MAX || count > cursor_left(c) / HEAD_SIZE)
		return damaged(err);
	*ret = mem_array(count, sizeof(**ret));
	if (!*ret)
		return err_nomem(err);
	*ret_count = count;
	for (size_t i = 0; i < count; i++) {
		cursor_copy(c, (*ret)[i].incarnation, RECORD_ID_SIZE);
		(*ret)[i].seq = cursor_u64(c);
		cursor_copy(c, (*ret)[i].hash.bytes, HASH_SIZE);
	}
	return 0;
}

static int read_places(struct cursor *c, struct seen *ret, struct sherd_error *err)
{
	size_t count = cursor_u32(c);

	if (c->failed || count > PLACES_MAX || count > cursor_left(c) / PLACE_SIZE)
		return damaged(err);
	ret->places = mem_array(count, sizeof(*ret->places));
	if (!ret->places)
		return err_nomem(err);
	ret->place_count = count;
	for (size_t i = 0; i < count; i++) {
		struct seen_place *p = &ret->places[i];
		int r;

		cursor_copy(c, p->id, RECORD_ID_SIZE);
		p->pool_seq = cursor_u64(c);
		p->read_errors = cursor_u64(c);
		p->write_errors = cursor_u64(c);
		p->lies = cursor_u64(c);
		p->bytes_read = cursor_u64(c);
		p->bytes_written = cursor_u64(c);
		p->last_ok_ns = cursor_u64(c);
		r = read_heads(c, &p->heads, &p->head_count, err);
		if (r)
			return r;
	}
	return 0;
}

static int read_seen(const uint8_t *data, size_t size, struct seen *ret, struct sherd_error *err)
{
	struct cursor c;
	int r = open_file(data, size, SEEN_MAGIC, STATE_SEEN, &c, err);

	if (r)
		return r;
	cursor_u16(&c);
	ret->pool_seq = cursor_u64(&c);
	cursor_copy(&c, ret->pool_hash.bytes, HASH_SIZE);
	ret->own_seq = cursor_u64(&c);
	r = read_heads(&c, &ret->heads, &ret->head_count, err);
	if (!r)
		r = read_places(&c, ret, err);
	if (r)
		return r;
	memcpy(ret->written.bytes, data + size - HASH_SIZE, HASH_SIZE);
	return cursor_done(&c) ? 0 : damaged(err);
}

int seen_load(const struct state *s, struct seen *ret, struct sherd_error *err)
{
	CLEANUP(mem_free_at) uint8_t *data = NULL;
	size_t size = 0;
	int r = state_read(s, STATE_SEEN, SEEN_SIZE_MAX, &data, &size, err);

	*ret = (struct seen){0};
	if (r == SHERD_NOTFOUND)
		return err_set(
			err, SHERD_CORRUPT, "'" STATE_SEEN "' is missing in the state folder");
	return r ? r : read_seen(data, size, ret, err);
}

void seen_release(struct seen *seen)
{
	for (size_t i = 0; i < seen->place_count; i++)
		mem_free(seen->places[i].heads);
	mem_free(seen->places);
	mem_free(seen->heads);
	*seen = (struct seen){0};
}
