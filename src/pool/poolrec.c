/* SPDX-License-Identifier: MIT */
/* poolrec.c - writing and reading the body of a pool record. A record is copied by writing it and
 * reading it again: one description of what belongs to it. */
#include "poolrec.h"

#include <string.h>

#include <base/alloc.h>
#include <base/cursor.h>
#include <base/err.h>
#include <base/intmath.h>
#include <sherd/pool.h>

#define SUITE 1
#define CHUNKER 1
#define ID_TEXT "sherd pool"
#define CHUNK_LIMIT (64u << 20) /* no chunk is larger than a payload */

void poolrec_id(const uint8_t admin[SIGN_PUBLIC_SIZE], const uint8_t salt[POOLREC_SALT_SIZE],
	uint8_t ret[POOL_ID_SIZE])
{
	struct iovec parts[] = {hash_part(ID_TEXT, sizeof(ID_TEXT) - 1),
		hash_part(admin, SIGN_PUBLIC_SIZE), hash_part(salt, POOLREC_SALT_SIZE)};
	struct hash hash;

	hash_sha256(parts, ARRAY_COUNT(parts), &hash);
	memcpy(ret, hash.bytes, POOL_ID_SIZE);
}

/* --- writing --- */

/* At least as much as it takes: a buffer that grew would leave keys in freed memory. */
static size_t size_bound(const struct poolrec *rec)
{
	size_t size = 4096 + rec->extensions.size + rec->epoch_count * 64;

	for (size_t i = 0; i < rec->slot_count; i++)
		size += 128 + strlen(rec->slots[i].label);
	for (size_t i = 0; i < rec->place_count; i++)
		size += 128 + strlen(rec->places[i].name) + strlen(rec->places[i].url) +
			strlen(rec->places[i].domain);
	return size;
}

static void write_sets(const struct poolrec *rec, struct bytes *b)
{
	bytes_u16(b, (uint16_t)rec->slot_count);
	for (size_t i = 0; i < rec->slot_count; i++) {
		bytes_add(b, rec->slots[i].id, RECORD_ID_SIZE);
		bytes_u8(b, rec->slots[i].kind);
		bytes_add(b, rec->slots[i].public_key, BOX_PUBLIC_SIZE);
		wire_add_text(b, rec->slots[i].label);
	}
	bytes_u16(b, (uint16_t)rec->epoch_count);
	for (size_t i = 0; i < rec->epoch_count; i++) {
		bytes_u32(b, rec->epochs[i].epoch);
		bytes_add(b, rec->epochs[i].key.bytes, CRYPT_KEY_SIZE);
	}
	bytes_u16(b, (uint16_t)rec->place_count);
	for (size_t i = 0; i < rec->place_count; i++) {
		bytes_u16(b, rec->places[i].number);
		bytes_add(b, rec->places[i].id, RECORD_ID_SIZE);
		bytes_u16(b, 0);
		bytes_u32(b, rec->places[i].weight);
		wire_add_text(b, rec->places[i].name);
		wire_add_text(b, rec->places[i].url);
		wire_add_text(b, rec->places[i].domain);
	}
}

void poolrec_write(const struct poolrec *rec, struct bytes *b)
{
	if (!bytes_reserve(b, size_bound(rec)))
		return;
	bytes_u32(b, 0);
	bytes_u32(b, rec->features_write);
	bytes_add(b, rec->previous.bytes, HASH_SIZE);
	bytes_add(b, rec->admin, SIGN_PUBLIC_SIZE);
	bytes_add(b, rec->salt, POOLREC_SALT_SIZE);
	bytes_u64(b, rec->created_ns);
	bytes_u8(b, rec->k);
	bytes_u8(b, rec->m);
	bytes_u8(b, SUITE);
	bytes_u8(b, CHUNKER);
	bytes_u32(b, rec->chunk_min);
	bytes_u32(b, rec->chunk_average);
	bytes_u32(b, rec->chunk_max);
	wire_add_text(b, rec->name);
	bytes_u16(b, rec->next_place);
	write_sets(rec, b);
	wire_add_extensions(b, &rec->extensions);
}

/* --- reading --- */

static int bad(struct sherd_error *err, const char *what)
{
	return err_set(err, SHERD_CORRUPT, "a pool record breaks the rules: %s", what);
}

/* A table of ${count} entries of which each takes at least ${least} bytes. */
static int new_table(struct cursor *c, size_t count, size_t most, size_t least, size_t size,
	void *ret_table, struct sherd_error *err)
{
	void *table;

	if (c->failed || count > most || count > cursor_left(c) / least)
		return bad(err, "a table is cut short or too long");
	table = mem_array(count, size);
	if (!table)
		return err_nomem(err);
	memcpy(ret_table, &table, sizeof(table));
	return 0;
}

static int read_slots(struct cursor *c, struct poolrec *ret, struct sherd_error *err)
{
	size_t count = cursor_u16(c);
	int r = new_table(c, count, POOLREC_SLOTS_MAX, 51, sizeof(*ret->slots), &ret->slots, err);

	if (r)
		return r;
	ret->slot_count = count;
	for (size_t i = 0; i < count; i++) {
		struct poolrec_slot *slot = &ret->slots[i];

		cursor_copy(c, slot->id, RECORD_ID_SIZE);
		slot->kind = cursor_u8(c);
		cursor_copy(c, slot->public_key, BOX_PUBLIC_SIZE);
		r = wire_text(c, POOLREC_TEXT_MAX, &slot->label, err);
		if (r)
			return r;
	}
	return 0;
}

static int read_epochs(struct cursor *c, struct poolrec *ret, struct sherd_error *err)
{
	size_t count = cursor_u16(c);
	int r = new_table(c, count, KEYRING_EPOCHS_MAX - 1, 4 + CRYPT_KEY_SIZE,
		sizeof(*ret->epochs), &ret->epochs, err);

	if (r)
		return r;
	ret->epoch_count = count;
	for (size_t i = 0; i < count; i++) {
		ret->epochs[i].epoch = cursor_u32(c);
		cursor_copy(c, ret->epochs[i].key.bytes, CRYPT_KEY_SIZE);
		if (ret->epochs[i].epoch <= (i ? ret->epochs[i - 1].epoch : 0))
			return bad(err, "epochs do not ascend");
	}
	return 0;
}

/* Place ${at} against those before it. */
static int check_place(const struct poolrec *rec, size_t at, struct sherd_error *err)
{
	const struct poolrec_place *place = &rec->places[at];

	if (!wire_name_ok(place->name) || !place->url[0])
		return bad(err, "the name of a place");
	if (place->number <= (at ? place[-1].number : 0) || place->number >= rec->next_place)
		return bad(err, "the numbers of places do not ascend");
	for (size_t i = 0; i < at; i++)
		if (strcmp(rec->places[i].name, place->name) == 0 ||
			memcmp(rec->places[i].id, place->id, RECORD_ID_SIZE) == 0)
			return bad(err, "a place stands in it twice");
	return 0;
}

static int read_places(struct cursor *c, struct poolrec *ret, struct sherd_error *err)
{
	size_t count = cursor_u16(c);
	int r = new_table(c, count, POOL_PLACES_MAX, 30, sizeof(*ret->places), &ret->places, err);

	if (r)
		return r;
	ret->place_count = count;
	for (size_t i = 0; i < count; i++) {
		struct poolrec_place *place = &ret->places[i];

		place->number = cursor_u16(c);
		cursor_copy(c, place->id, RECORD_ID_SIZE);
		if (cursor_u16(c))
			return err_set(err, SHERD_NEWER,
				"the pool has places of a kind made by a newer version of sherd");
		place->weight = cursor_u32(c);
		r = wire_text(c, SHERD_POOL_NAME_MAX, &place->name, err);
		if (!r)
			r = wire_text(c, POOLREC_URL_MAX, &place->url, err);
		if (!r)
			r = wire_text(c, POOLREC_TEXT_MAX, &place->domain, err);
		if (!r)
			r = check_place(ret, i, err);
		if (r)
			return r;
	}
	return 0;
}

static int check_fixed(const struct poolrec *rec, struct sherd_error *err)
{
	if (rec->k < 1 || rec->m > POOL_SHARES_MAX || (rec->m && rec->k > rec->m) ||
		rec->k > POOL_SHARES_MAX)
		return bad(err, "k and m");
	if (!rec->chunk_min || rec->chunk_min > rec->chunk_average ||
		rec->chunk_average > rec->chunk_max || rec->chunk_max > CHUNK_LIMIT)
		return bad(err, "the sizes of chunks");
	return 0;
}

static int read_fixed(struct cursor *c, struct poolrec *ret, struct sherd_error *err)
{
	uint32_t features = cursor_u32(c);
	unsigned suite, chunker;

	if (!c->failed && features)
		return err_set(err, SHERD_NEWER,
			"the pool has features (0x%x) made by a newer version of sherd", features);
	ret->features_write = cursor_u32(c);
	cursor_copy(c, ret->previous.bytes, HASH_SIZE);
	cursor_copy(c, ret->admin, SIGN_PUBLIC_SIZE);
	cursor_copy(c, ret->salt, POOLREC_SALT_SIZE);
	ret->created_ns = cursor_u64(c);
	ret->k = cursor_u8(c);
	ret->m = cursor_u8(c);
	suite = cursor_u8(c);
	chunker = cursor_u8(c);
	ret->chunk_min = cursor_u32(c);
	ret->chunk_average = cursor_u32(c);
	ret->chunk_max = cursor_u32(c);
	if (c->failed)
		return bad(err, "it is cut short");
	if (suite != SUITE || chunker != CHUNKER)
		return err_set(err, SHERD_NEWER,
			"the pool's suite or chunker was made by a newer version of sherd");
	return check_fixed(ret, err);
}

int poolrec_read(const uint8_t *body, size_t size, struct poolrec *ret, struct sherd_error *err)
{
	struct cursor c = cursor_of(body, size);
	int r;

	*ret = (struct poolrec){0};
	r = read_fixed(&c, ret, err);
	if (!r)
		r = wire_text(&c, SHERD_POOL_NAME_MAX, &ret->name, err);
	if (r)
		return r;
	if (!wire_name_ok(ret->name))
		return bad(err, "the pool's name");
	ret->next_place = cursor_u16(&c);
	r = read_slots(&c, ret, err);
	if (!r)
		r = read_epochs(&c, ret, err);
	if (!r)
		r = read_places(&c, ret, err);
	if (!r)
		r = wire_extensions(&c, &ret->extensions, err);
	if (r)
		return r;
	return cursor_done(&c) ? 0 : bad(err, "it does not end where it should");
}

static void release_place(struct poolrec_place *place)
{
	mem_free(place->name);
	mem_free(place->url);
	mem_free(place->domain);
}

void poolrec_release(struct poolrec *rec)
{
	mem_free(rec->name);
	for (size_t i = 0; i < rec->slot_count; i++)
		mem_free(rec->slots[i].label);
	mem_free(rec->slots);
	if (rec->epochs)
		secret_wipe(rec->epochs, rec->epoch_count * sizeof(*rec->epochs));
	mem_free(rec->epochs);
	for (size_t i = 0; i < rec->place_count; i++)
		release_place(&rec->places[i]);
	mem_free(rec->places);
	wire_extensions_release(&rec->extensions);
	*rec = (struct poolrec){0};
}

/* --- copies, and the places of one --- */

int poolrec_copy(const struct poolrec *rec, struct poolrec *ret, struct sherd_error *err)
{
	CLEANUP(wire_wipe) struct bytes b = BYTES_INIT;

	*ret = (struct poolrec){0};
	poolrec_write(rec, &b);
	if (b.failed)
		return err_nomem(err);
	return poolrec_read(b.data, b.size, ret, err);
}

int poolrec_same(const struct poolrec *a, const struct poolrec *b)
{
	CLEANUP(wire_wipe) struct bytes x = BYTES_INIT;
	CLEANUP(wire_wipe) struct bytes y = BYTES_INIT;
	const size_t behind = 8 + HASH_SIZE; /* features and previous */

	poolrec_write(a, &x);
	poolrec_write(b, &y);
	if (x.failed || y.failed)
		return SHERD_NOMEM;
	return x.size == y.size && memcmp(x.data, y.data, 8) == 0 &&
	       memcmp(x.data + behind, y.data + behind, x.size - behind) == 0;
}

struct poolrec_place *poolrec_place(const struct poolrec *rec, const uint8_t *id)
{
	for (size_t i = 0; i < rec->place_count; i++)
		if (memcmp(rec->places[i].id, id, RECORD_ID_SIZE) == 0)
			return &rec->places[i];
	return NULL;
}

struct poolrec_place *poolrec_place_named(const struct poolrec *rec, const char *name)
{
	for (size_t i = 0; i < rec->place_count; i++)
		if (strcmp(rec->places[i].name, name) == 0)
			return &rec->places[i];
	return NULL;
}

int poolrec_add_place(
	struct poolrec *rec, const struct poolrec_place *place, struct sherd_error *err)
{
	struct poolrec_place *places, added = *place;

	if (poolrec_place(rec, place->id) || poolrec_place_named(rec, place->name))
		return err_set(err, SHERD_EXISTS, "the pool has a place '%s' already", place->name);
	if (rec->place_count == POOL_PLACES_MAX || rec->next_place == UINT16_MAX)
		return err_set(err, SHERD_INVALID, "the pool has as many places as it can have");
	places = mem_array(rec->place_count + 1, sizeof(*places));
	added.name = wire_copy(place->name);
	added.url = wire_copy(place->url);
	added.domain = wire_copy(place->domain);
	if (!places || !added.name || !added.url || !added.domain) {
		release_place(&added);
		mem_free(places);
		return err_nomem(err);
	}
	added.number = rec->next_place++;
	if (rec->place_count)
		memcpy(places, rec->places, rec->place_count * sizeof(*places));
	places[rec->place_count++] = added;
	mem_free(rec->places);
	rec->places = places;
	return 0;
}

void poolrec_remove_place(struct poolrec *rec, const uint8_t *id)
{
	struct poolrec_place *place = poolrec_place(rec, id);
	size_t at;

	if (!place)
		return;
	release_place(place);
	at = (size_t)(place - rec->places);
	rec->place_count--;
	memmove(place, place + 1, (rec->place_count - at) * sizeof(*place));
}
