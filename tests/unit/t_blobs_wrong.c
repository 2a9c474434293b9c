/* SPDX-License-Identifier: MIT */
/*
 * t_blobs_wrong.c - what a store does when places fail, files of its own are damaged, heads are
 * nonsense, memory ends, and the random source repeats itself.
 */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/alloc.h>
#include "storefix.h"

#define BLOBS 24

struct blob {
	uint8_t data[3000];
	uint32_t size;
	enum blob_type type;
	struct hash id;
};

static void make_blobs(struct blob *blobs, size_t count, unsigned seed)
{
	uint64_t x = seed + 1;

	for (size_t i = 0; i < count; i++) {
		blobs[i].size = (uint32_t)(1 + i * 97 % sizeof(blobs[i].data));
		blobs[i].type = i % 5 == 4 ? BLOB_TREE : BLOB_DATA;
		for (uint32_t n = 0; n < blobs[i].size; n++) {
			x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
			blobs[i].data[n] = (uint8_t)(x >> 40);
		}
	}
}

static int try_add(struct store *s, struct blob *blobs, size_t count, size_t *ret_fresh)
{
	struct store_item items[BLOBS];
	struct sherd_error err;
	int r;

	for (size_t i = 0; i < count; i++)
		items[i] = (struct store_item){
			.type = blobs[i].type, .data = blobs[i].data, .size = blobs[i].size};
	r = store_add(s, items, count, &err);
	*ret_fresh = 0;
	for (size_t i = 0; !r && i < count; i++) {
		blobs[i].id = items[i].id;
		*ret_fresh += items[i].fresh;
	}
	return r;
}

/* A batch with these blobs and a snapshot; the code of what failed, and then it was aborted. */
static int try_batch(struct store *s, struct blob *blobs, size_t count, unsigned need,
	size_t *ret_fresh, struct store_totals *totals)
{
	struct store_write_options options = {.need = need};
	struct sherd_error err;
	uint64_t seq;
	int r = store_begin(s, &options, &err);

	*ret_fresh = 0;
	if (r)
		return r;
	r = try_add(s, blobs, count, ret_fresh);
	if (!r)
		r = store_commit(s, "snapshot", 8, &seq, &err);
	if (totals)
		store_totals(s, totals);
	if (r)
		store_abort(s);
	return r;
}

static void batch(struct store *s, struct blob *blobs, size_t count)
{
	size_t fresh;

	assert_int_equal(try_batch(s, blobs, count, 0, &fresh, NULL), 0);
}

static int try_check(struct store *s, const struct blob *blobs, size_t count)
{
	uint8_t buffer[sizeof(blobs->data)];
	int r = 0;

	for (size_t i = 0; !r && i < count; i++) {
		struct sherd_error err;
		uint32_t size = 0;

		r = store_read(s, blobs[i].type, &blobs[i].id, buffer, sizeof(buffer), &size, &err);
		if (!r) {
			assert_int_equal(size, blobs[i].size);
			assert_memory_equal(buffer, blobs[i].data, size);
		}
	}
	return r;
}

static struct storefix *fix(unsigned k, unsigned m)
{
	struct storefix_options options = {.k = k, .m = m};

	return storefix_new(&options);
}

/* ---- places ---- */

static void test_places_down(void **unused)
{
	CLEANUP(storefix_free_at) struct storefix *f = fix(3, 5);
	struct store *s = storefix_open(f, 0, 0), *other;
	struct blob blobs[BLOBS];
	struct store_totals totals;
	size_t fresh;

	(void)unused;
	make_blobs(blobs, BLOBS, 1);
	poolfix_break(f->places, 2, WRAP_FAULT_OFFLINE, 0);
	assert_int_equal(try_batch(s, blobs, 8, 0, &fresh, &totals), 0);
	assert_int_equal(totals.shares_least, 4);
	assert_int_equal(totals.spare, 1);
	assert_non_null(strstr(totals.missing, "p2"));

	/* two down: not by default, and nothing of it is seen */
	poolfix_break(f->places, 4, WRAP_FAULT_OFFLINE, 0);
	assert_int_equal(try_batch(s, blobs + 8, 8, 0, &fresh, NULL), SHERD_QUORUM);
	assert_int_equal(f->heads[0].seq, 1);
	assert_int_equal(catalog_count(store_catalog(s)), 1);
	assert_false(store_sound(s, &blobs[8].id));
	assert_int_equal(try_check(s, blobs, 8), 0);
	other = storefix_open(f, 1, 0);
	assert_int_equal(catalog_count(store_catalog(other)), 1);
	assert_false(store_find(other, &blobs[8].id, NULL));
	store_free(other);

	/* but if three are declared to be enough; then they are not sound, and stored again */
	assert_int_equal(try_batch(s, blobs + 8, 8, 3, &fresh, &totals), 0);
	assert_int_equal(fresh, 8);
	assert_int_equal(totals.shares_least, 3);
	assert_int_equal(totals.spare, 0);
	assert_false(store_sound(s, &blobs[8].id));
	poolfix_mend(f->places);
	assert_int_equal(try_batch(s, blobs, 16, 0, &fresh, NULL), 0);
	assert_int_equal(fresh, 8);
	assert_true(store_sound(s, &blobs[8].id));
	store_free(s);
	s = storefix_open(f, 0, 0);
	assert_true(store_sound(s, &blobs[8].id));
	assert_int_equal(try_check(s, blobs, 16), 0);
	store_free(s);
}

static void test_publish_fails(void **unused)
{
	CLEANUP(storefix_free_at) struct storefix *f = fix(2, 3);
	struct store *s = storefix_open(f, 0, 0), *other;
	struct blob blobs[BLOBS];
	size_t fresh;

	(void)unused;
	make_blobs(blobs, BLOBS, 2);
	f->publish = SHERD_QUORUM;
	assert_int_equal(try_batch(s, blobs, BLOBS, 0, &fresh, NULL), SHERD_QUORUM);
	assert_int_equal(catalog_count(store_catalog(s)), 0);
	other = storefix_open(f, 1, 0);
	assert_int_equal(store_pack_count(other), 0);
	store_free(other);
	f->publish = 0;
	/* what was stored is used */
	assert_int_equal(try_batch(s, blobs, BLOBS, 0, &fresh, NULL), 0);
	assert_int_equal(fresh, 0);
	assert_int_equal(catalog_count(store_catalog(s)), 1);
	store_free(s);
	other = storefix_open(f, 1, 0);
	assert_int_equal(catalog_count(store_catalog(other)), 1);
	assert_int_equal(try_check(other, blobs, BLOBS), 0);
	store_free(other);
}

static void test_suspects(void **unused)
{
	CLEANUP(storefix_free_at) struct storefix *f = fix(3, 5);
	struct store *s = storefix_open(f, 0, 0);
	struct blob blobs[BLOBS];
	size_t fresh, pack = 99;

	(void)unused;
	make_blobs(blobs, BLOBS, 3);
	batch(s, blobs, BLOBS);
	assert_true(store_pack_of(s, &blobs[0].id, &pack));
	store_suspect(s, pack, 1, true);
	assert_true(store_sound(s, &blobs[0].id));
	store_suspect(s, pack, 4, true);
	assert_false(store_sound(s, &blobs[0].id));
	assert_int_equal(store_suspects(s, pack), 0x12);
	store_free(s);
	s = storefix_open(f, 0, 0);
	assert_true(store_pack_of(s, &blobs[0].id, &pack));
	assert_int_equal(store_suspects(s, pack), 0x12);
	assert_false(store_sound(s, &blobs[0].id));
	store_suspect(s, pack, 4, false);
	assert_true(store_sound(s, &blobs[0].id));
	store_suspect(s, pack, 4, true);
	assert_int_equal(try_batch(s, blobs, BLOBS, 0, &fresh, NULL), 0);
	assert_int_equal(fresh, BLOBS);
	assert_true(store_sound(s, &blobs[0].id));
	assert_int_equal(try_check(s, blobs, BLOBS), 0);
	store_free(s);
}

/* Shares vanish: what k cannot bring back is lost, and said to be; suspects are noted. */
static void test_lost(void **unused)
{
	CLEANUP(storefix_free_at) struct storefix *f = fix(2, 3);
	struct store *s = storefix_open(f, 0, 0);
	struct blob blobs[BLOBS];
	struct store_pack pack;
	size_t index;

	(void)unused;
	make_blobs(blobs, BLOBS, 4);
	batch(s, blobs, BLOBS);
	assert_true(store_pack_of(s, &blobs[0].id, &index));
	store_free(s);
	s = storefix_open(f, 0, 0);
	assert_true(store_pack_of(s, &blobs[0].id, &index));
	store_pack_at(s, index, &pack);
	poolfix_drop(f->places, pack.ref, 0);
	assert_int_equal(try_check(s, blobs, 1), 0);
	assert_int_equal(store_suspects(s, index), 1);
	store_free(s);
	s = storefix_open(f, 0, 0);
	assert_true(store_pack_of(s, &blobs[0].id, &index));
	store_pack_at(s, index, &pack);
	poolfix_drop(f->places, pack.ref, 2);
	assert_int_equal(try_check(s, blobs, 1), SHERD_LOST);
	store_free(s);
}

/* ---- files of its own ---- */

static size_t read_file(const char *path, uint8_t *data, size_t room)
{
	FILE *file = fopen(path, "rb");
	size_t size;

	assert_non_null(file);
	size = fread(data, 1, room, file);
	fclose(file);
	assert_true(size < room);
	return size;
}

static void write_file(const char *path, const uint8_t *data, size_t size)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
}

/* The one file in the cache. */
static void cache_file(struct storefix *f, char path[512])
{
	char folder[512];
	struct dirent *e;
	DIR *d;
	bool found = false;

	storefix_state(f, 0, "cache", folder);
	d = opendir(folder);
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			assert_false(found);
			found = true;
			snprintf(path, 512, "%.200s/%.200s", folder, e->d_name);
		}
	closedir(d);
	assert_true(found);
}

/* Whatever the cache holds: the store is right, or, for some few bits, does not notice and is. */
static void check_all(struct storefix *f, const struct blob *blobs, size_t count)
{
	struct store *s = storefix_open(f, 0, 0);

	assert_int_equal(catalog_count(store_catalog(s)), 1);
	for (size_t i = 0; i < count; i++) {
		uint32_t size = 0;

		assert_true(store_find(s, &blobs[i].id, &size));
		assert_int_equal(size, blobs[i].size);
	}
	assert_int_equal(try_check(s, blobs, 1), 0);
	store_free(s);
}

static void test_damaged_index(void **unused)
{
	CLEANUP(storefix_free_at) struct storefix *f = fix(1, 1);
	struct store *s = storefix_open(f, 0, 0);
	struct blob blobs[BLOBS];
	static uint8_t good[65536], bad[65536];
	char path[512];
	size_t size, step;

	(void)unused;
	make_blobs(blobs, 6, 5);
	batch(s, blobs, 6);
	store_free(s);
	cache_file(f, path);
	size = read_file(path, good, sizeof(good));
	step = 1 + size / 1500;
	for (size_t i = 0; i < size; i += step) {
		memcpy(bad, good, size);
		bad[i] ^= (uint8_t)(1 << i % 8);
		write_file(path, bad, size);
		check_all(f, blobs, 6);
	}
	for (size_t i = 0; i < size; i += 1 + size / 100) {
		write_file(path, good, i);
		check_all(f, blobs, 6);
	}
	memcpy(bad, good, size);
	memset(bad + size, 0, 100);
	write_file(path, bad, size + 100);
	check_all(f, blobs, 6);
}

/* The journal may end anywhere, and hold anything. */
static void test_damaged_journal(void **unused)
{
	CLEANUP(storefix_free_at) struct storefix *f = fix(1, 1);
	struct store *s = storefix_open(f, 0, 0);
	struct blob blobs[BLOBS];
	static uint8_t good[65536], bad[65536];
	char path[512];
	size_t size, fresh, whole = 0;

	(void)unused;
	make_blobs(blobs, BLOBS, 6);
	f->publish = SHERD_QUORUM; /* what is stored stays in the journal */
	assert_int_equal(try_batch(s, blobs, 4, 0, &fresh, NULL), SHERD_QUORUM);
	assert_int_equal(try_batch(s, blobs + 4, 4, 0, &fresh, NULL), SHERD_QUORUM);
	store_free(s);
	f->publish = 0;
	storefix_state(f, 0, "journal", path);
	size = read_file(path, good, sizeof(good));
	for (size_t i = 0; i <= size; i++) {
		bool first, second;

		memcpy(bad, good, size);
		if (i < size)
			bad[i] ^= 0x40;
		write_file(path, bad, i % 2 ? i : size);
		s = storefix_open(f, 0, 0);
		first = store_sound(s, &blobs[0].id);
		second = store_sound(s, &blobs[4].id);
		assert_true(first || !second);
		whole += second;
		if (first)
			assert_int_equal(try_check(s, blobs, 4), 0);
		if (second)
			assert_int_equal(try_check(s, blobs + 4, 4), 0);
		store_free(s);
	}
	assert_true(whole >= 1);
	/* and is written on behind a torn end */
	write_file(path, good, size - 1);
	s = storefix_open(f, 0, 0);
	assert_true(store_sound(s, &blobs[0].id));
	assert_int_equal(try_batch(s, blobs, 12, 0, &fresh, NULL), 0);
	assert_int_equal(fresh, 8);
	store_free(s);
	s = storefix_open(f, 1, 0);
	assert_int_equal(try_check(s, blobs, 12), 0);
	store_free(s);
}

/* ---- heads ---- */

/* Every byte of a head's content wrong: the store opens, and what is wrong is in quarantine or was
 * of no consequence. */
static void test_hostile_head(void **unused)
{
	CLEANUP(storefix_free_at) struct storefix *f = fix(1, 1);
	struct store *s = storefix_open(f, 0, 0);
	struct blob blobs[BLOBS];
	size_t size;

	(void)unused;
	make_blobs(blobs, 6, 7);
	batch(s, blobs, 6);
	store_free(s);
	size = f->heads[0].size;
	for (size_t i = 0; i < 2 * size; i++) {
		uint8_t *byte = &f->heads[0].content[i / 2], was = *byte;
		struct store_numbers numbers;
		struct store_options options = {.threads = 0};
		struct sherd_error err;
		int r;

		*byte = (uint8_t)(i % 2 ? 0xff : was ^ 1);
		r = store_open(storefix_pool(f, 1), &options, &s, &err);
		if (r)
			fail_msg("byte %zu: %s", i / 2, err.message);
		store_numbers(s, &numbers);
		/* a stream of a type that is not known is passed over */
		if (!numbers.quarantined)
			assert_true(catalog_count(store_catalog(s)) == 1 || was == BLOB_CATALOG);
		store_free(s);
		*byte = was;
	}
	f->heads[0].size = 0;
	s = storefix_open(f, 1, 0);
	store_free(s);
	f->heads[0].size = size;
	/* our own cannot be read: we may look, but not publish one that forgets what it had */
	f->heads[1] = f->heads[0];
	f->heads[1].content = malloc(size);
	assert_non_null(f->heads[1].content);
	memcpy(f->heads[1].content, f->heads[0].content, size);
	f->heads[1].content[size - 1] ^= 0xff;
	s = storefix_open(f, 1, 0);
	assert_int_equal(try_check(s, blobs, 6), 0);
	{
		struct store_write_options write = {0};
		struct sherd_error err;

		assert_int_not_equal(store_begin(s, &write, &err), 0);
	}
	store_free(s);
}

/* ---- nonces ---- */

#define SEALS_MAX 4096
struct seals {
	struct {
		struct crypt_key key;
		uint8_t nonce[AEAD_NONCE_SIZE];
		struct hash what;
	} seen[SEALS_MAX];
	size_t count;
	bool twice;
};

static void witness(void *context, const struct crypt_key *key,
	const uint8_t nonce[AEAD_NONCE_SIZE], const struct hash *what)
{
	struct seals *s = context;

	for (size_t i = 0; i < s->count; i++)
		if (!memcmp(&s->seen[i].key, key, sizeof(*key)) &&
			!memcmp(s->seen[i].nonce, nonce, AEAD_NONCE_SIZE) &&
			!hash_equal(&s->seen[i].what, what))
			s->twice = true;
	assert_true(s->count < SEALS_MAX);
	s->seen[s->count].key = *key;
	memcpy(s->seen[s->count].nonce, nonce, AEAD_NONCE_SIZE);
	s->seen[s->count++].what = *what;
}

/* All packs with one nonce and so with one key; blobs of like lengths and other contents. */
static void test_frozen(void **unused)
{
	CLEANUP(storefix_free_at) struct storefix *f = fix(1, 2);
	struct store *s = storefix_open(f, 0, 0);
	struct seals *seals = calloc(1, sizeof(*seals));
	struct blob blobs[BLOBS];
	size_t fresh;

	(void)unused;
	assert_non_null(seals);
	f->frozen = true;
	aead_set_witness(witness, seals);
	for (unsigned i = 0; i < 30; i++) {
		struct store_write_options options = {.level = i % 2 ? -1 : 0};
		struct sherd_error err;
		uint64_t seq;

		make_blobs(blobs, BLOBS, 100 + i);
		if (i % 3 == 0) /* compressible */
			for (size_t b = 0; b < BLOBS; b++)
				memset(blobs[b].data, (int)(i + b), blobs[b].size - 1);
		assert_int_equal(store_begin(s, &options, &err), 0);
		assert_int_equal(try_add(s, blobs, BLOBS, &fresh), 0);
		assert_int_equal(store_commit(s, "x", 1, &seq, &err), 0);
		assert_int_equal(try_check(s, blobs, BLOBS), 0);
	}
	aead_set_witness(NULL, NULL);
	assert_true(seals->count > 100);
	assert_false(seals->twice);
	free(seals);
	store_free(s);
}

/* ---- memory ---- */

static void test_no_memory_writing(void **unused)
{
	CLEANUP(storefix_free_at) struct storefix *f = fix(1, 1);
	struct blob blobs[BLOBS];
	unsigned long n = 1;
	int r = SHERD_NOMEM;

	(void)unused;
	for (; r; n++) {
		struct store *s = storefix_open(f, 0, 0);
		uint64_t seq = f->heads[0].seq;
		size_t snapshots = catalog_count(store_catalog(s)), fresh;

		make_blobs(blobs, BLOBS, (unsigned)(1000 + n));
		mem_fail_at(n);
		r = try_batch(s, blobs, BLOBS, 0, &fresh, NULL);
		mem_fail_at(0);
		/* a failed allocation in a place or a helper may be a failed share: QUORUM */
		if (r != 0 && r != SHERD_NOMEM && r != SHERD_QUORUM && r != SHERD_IO)
			fail_msg("allocation %lu: code %d", n, r);
		if (r) {
			assert_int_equal(f->heads[0].seq, seq);
			assert_int_equal(catalog_count(store_catalog(s)), snapshots);
		}
		if (n % 8 == 0) {
			batch(s, blobs, BLOBS);
			assert_int_equal(try_check(s, blobs, BLOBS), 0);
		}
		store_free(s);
		s = storefix_open(f, 0, 0);
		if (r == 0 || n % 8 == 0)
			assert_int_equal(try_check(s, blobs, BLOBS), 0);
		store_free(s);
		assert_true(n < 5000);
	}
	assert_true(n > 20);
}

static void test_no_memory_reading(void **unused)
{
	CLEANUP(storefix_free_at) struct storefix *f = fix(2, 3);
	struct store *s = storefix_open(f, 0, 0);
	struct blob blobs[BLOBS];
	unsigned long n = 1;
	int r = SHERD_NOMEM;

	(void)unused;
	for (unsigned i = 0; i < 3; i++) {
		make_blobs(blobs, BLOBS, 2000 + i);
		batch(s, blobs, BLOBS);
	}
	store_free(s);
	for (; r; n++) {
		struct store_options options = {.threads = 0};
		struct sherd_error err;

		s = NULL;
		mem_fail_at(n);
		r = store_open(storefix_pool(f, 1), &options, &s, &err);
		if (!r)
			r = try_check(s, blobs, BLOBS);
		mem_fail_at(0);
		if (r && s) { /* it is as good as new */
			struct store_numbers numbers;

			store_numbers(s, &numbers);
			if (!numbers.quarantined)
				assert_int_equal(try_check(s, blobs, BLOBS), 0);
		}
		store_free(s);
		assert_true(n < 5000);
	}
	assert_true(n > 20);
}

/* ---- threads ---- */

struct reading {
	struct store *store;
	const struct blob *blobs;
	int code;
};

static void *reading_main(void *argument)
{
	struct reading *r = argument;

	for (unsigned i = 0; !r->code && i < 20; i++)
		r->code = try_check(r->store, r->blobs, BLOBS);
	return NULL;
}

/* Many read while one writes. */
static void test_threads(void **unused)
{
	struct poolfix_options places = {.places = 3, .threads = 2};
	struct storefix_options options = {.k = 2, .m = 3, .places = &places};
	CLEANUP(storefix_free_at) struct storefix *f = storefix_new(&options);
	struct store *s = storefix_open(f, 0, 2);
	struct blob blobs[BLOBS], more[BLOBS];
	struct reading readings[4];
	pthread_t threads[4];

	(void)unused;
	make_blobs(blobs, BLOBS, 10);
	batch(s, blobs, BLOBS);
	store_free(s);
	s = storefix_open(f, 0, 2);
	for (unsigned i = 0; i < 4; i++) {
		readings[i] = (struct reading){s, blobs, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, reading_main, &readings[i]), 0);
	}
	for (unsigned i = 0; i < 10; i++) {
		make_blobs(more, BLOBS, 20 + i);
		batch(s, more, BLOBS);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(readings[i].code, 0);
	}
	assert_int_equal(try_check(s, more, BLOBS), 0);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_down),
		cmocka_unit_test(test_publish_fails),
		cmocka_unit_test(test_suspects),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_damaged_index),
		cmocka_unit_test(test_damaged_journal),
		cmocka_unit_test(test_hostile_head),
		cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_no_memory_writing),
		cmocka_unit_test(test_no_memory_reading),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
