/* SPDX-License-Identifier: MIT */
/* t_record.c - control records, key slots, kits and identities as bytes: golden ones, and every way
 * in which they can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/hex.h>
#include <base/intmath.h>
#include <pool/identity.h>
#include <pool/kit.h>
#include "ctlfix.h"
#include "golden.h"

#define BODY "the body"

static struct keyring *new_ring(uint8_t first)
{
	uint8_t pool[16] = {first};
	struct crypt_key key = {{first, 1}};
	struct keyring *ring;

	assert_int_equal(keyring_new(pool, &key, &ring, NULL), 0);
	assert_int_equal(keyring_add(ring, 1, &key, NULL), 0);
	key.bytes[1] = 2;
	assert_int_equal(keyring_add(ring, 3, &key, NULL), 0);
	return ring;
}

static struct record_file *seal(
	const struct keyring *ring, uint8_t kind, uint32_t epoch, uint64_t seq, uint8_t subject)
{
	static const uint8_t signer[16] = {9};
	struct crypt_key seed = {{5}};
	struct record_head head = {.kind = kind, .epoch = epoch, .seq = seq, .subject = {subject}};
	struct record_file *file;

	assert_int_equal(record_seal(ring, &head, (const uint8_t *)BODY, strlen(BODY), signer,
				 &seed, &file, NULL),
		0);
	return file;
}

static void test_round(void **state)
{
	struct keyring *ring = new_ring(1), *other = new_ring(2);
	struct record_file *file = seal(ring, RECORD_DEVICE, 3, 77, 4), *again;
	struct crypt_key seed = {{5}};
	uint8_t public_key[32];
	struct record record;
	struct sherd_error err;

	(void)state;
	sign_public(&seed, public_key);
	assert_int_equal(record_open(ring, file->data, file->size, &record, &err), 0);
	assert_int_equal(record.head.kind, RECORD_DEVICE);
	assert_int_equal(record.head.epoch, 3);
	assert_int_equal(record.head.seq, 77);
	assert_int_equal(record.signer[0], 9);
	assert_int_equal(record.body_size, strlen(BODY));
	assert_memory_equal(record.body, BODY, strlen(BODY));
	assert_true(record_signed_by(&record, public_key));
	public_key[0] ^= 1;
	assert_false(record_signed_by(&record, public_key));
	record_release(&record);
	again = seal(ring, RECORD_DEVICE, 3, 77, 4);
	assert_true(hash_equal(&file->hash, &again->hash));
	assert_int_equal(record_open(other, file->data, file->size, &record, &err), SHERD_CORRUPT);
	record_file_unref(again);
	record_file_unref(file);
	keyring_free(ring);
	keyring_free(other);
}

static void test_every_byte(void **state)
{
	struct keyring *ring = new_ring(1);
	struct record_file *file = seal(ring, RECORD_HEAD, 1, 5, 4);
	struct record record;

	(void)state;
	for (size_t i = 0; i < file->size; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			file->data[i] ^= (uint8_t)(1u << bit);
			assert_int_not_equal(
				record_open(ring, file->data, file->size, &record, NULL), 0);
			file->data[i] ^= (uint8_t)(1u << bit);
		}
	for (size_t size = 0; size < file->size; size++)
		assert_int_equal(record_open(ring, file->data, size, &record, NULL), SHERD_CORRUPT);
	file->data[8]++;
	assert_int_equal(record_open(ring, file->data, file->size, &record, NULL), SHERD_NEWER);
	record_file_unref(file);
	keyring_free(ring);
}

/* A record of one kind, pool, subject, seq or epoch is none of another, whoever changes the header,
 * and its signature is none either where the seal is made anew by one who has the keys. */
static void test_replays(void **state)
{
	struct keyring *ring = new_ring(1);
	struct record_name name = {.kind = RECORD_HEAD, .seq = 5, .subject = {4}};
	struct crypt_key seed = {{5}};
	uint8_t public_key[32];

	(void)state;
	sign_public(&seed, public_key);
	for (uint8_t from = RECORD_POOL; from <= RECORD_GC; from++)
		for (uint8_t to = RECORD_POOL; to <= RECORD_GC; to++) {
			struct record_file *file = seal(ring, from, 1, 5, 4);
			struct record_file *made = seal(ring, to, 1, 5, 4);
			struct record a, b;

			if (from != to) {
				file->data[10] = to;
				assert_int_equal(
					record_open(ring, file->data, file->size, &a, NULL),
					SHERD_CORRUPT);
				file->data[10] = from;
				assert_int_equal(
					record_open(ring, file->data, file->size, &a, NULL), 0);
				assert_int_equal(
					record_open(ring, made->data, made->size, &b, NULL), 0);
				assert_true(record_signed_by(&b, public_key));
				memcpy(b.signed_bytes + b.signed_size,
					a.signed_bytes + a.signed_size, SIGN_SIZE);
				assert_false(record_signed_by(&b, public_key));
				record_release(&a);
				record_release(&b);
			}
			record_file_unref(file);
			record_file_unref(made);
		}
	for (unsigned what = 0; what < 4; what++) {
		struct record_file *file = what == 0   ? seal(ring, RECORD_DEVICE, 1, 5, 4)
					   : what == 1 ? seal(ring, RECORD_HEAD, 1, 6, 4)
					   : what == 2 ? seal(ring, RECORD_HEAD, 1, 5, 5)
						       : seal(ring, RECORD_HEAD, 3, 5, 4);
		struct record record;

		assert_int_equal(record_open(ring, file->data, file->size, &record, NULL), 0);
		assert_int_equal(record_named(&record, &name), what == 3);
		record_release(&record);
		record_file_unref(file);
	}
	keyring_free(ring);
}

static void test_names(void **state)
{
	static const char *const good[] = {
		"pool/0000000000000001-00112233445566778899aabbccddeeff",
		"devices/00112233445566778899aabbccddeeff/00000000000000ff-"
		"00112233445566778899aabbccddeeff",
		"heads/00112233445566778899aabbccddeeff/ffffffffffffffff-"
		"00112233445566778899aabbccddeeff",
		"keys/00000001/00112233445566778899aabbccddeeff-00112233445566778899aabbccddeeff",
	};
	static const char *const bad[] = {"", "pool/", "sherd-place",
		"pool/0000000000000000-00112233445566778899aabbccddeeff",
		"pool/000000000000001-00112233445566778899aabbccddeeff",
		"pool/000000000000000A-00112233445566778899aabbccddeeff",
		"pool/0000000000000001-00112233445566778899aabbccddeef",
		"pool/0000000000000001-00112233445566778899aabbccddeeff0",
		"pool/0000000000000001_00112233445566778899aabbccddeeff",
		"heads/0000000000000001-00112233445566778899aabbccddeeff",
		"keys/1/00112233445566778899aabbccddeeff-00112233445566778899aabbccddeeff",
		"gc/00112233445566778899aabbccddeeff/x-00112233445566778899aabbccddeeff"};
	struct record_name name;

	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(good); i++) {
		char text[RECORD_NAME_SIZE];

		assert_int_equal(record_name_parse(good[i], &name), 0);
		record_name_write(&name, text);
		assert_string_equal(text, good[i]);
		assert_true(place_name_ok(text));
	}
	for (unsigned i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(record_name_parse(bad[i], &name), -1);
}

/* --- key slots --- */

static void make_slot(struct keyslot *slot, struct crypt_key *locking)
{
	struct keyslot_keys keys = {
		.epoch = 7, .epoch_key = {{1}}, .content = {{2}}, .has_seed = true, .seed = {{3}}};
	struct crypt_key secret = {{8}};

	*slot = (struct keyslot){.kind = KEYSLOT_PASSPHRASE,
		.pool = {1},
		.id = {2},
		.memory_kib = 8192,
		.passes = 1,
		.salt = {4}};
	sign_public(&keys.seed, keys.admin);
	assert_int_equal(keyslot_passphrase_key(slot, "pass", 4, locking, NULL), 0);
	assert_int_equal(keyslot_make(env_system(), slot, &secret, locking, &keys, NULL), 0);
}

static void test_slot(void **state)
{
	struct keyslot slot, back;
	struct keyslot_keys keys;
	struct crypt_key locking;
	uint8_t file[KEYSLOT_FILE_SIZE];
	struct sherd_error err;

	(void)state;
	make_slot(&slot, &locking);
	keyslot_write(&slot, file);
	assert_int_equal(keyslot_read(file, sizeof(file), &back, &err), 0);
	assert_int_equal(keyslot_unlock(&back, &locking, &keys, &err), 0);
	assert_int_equal(keys.epoch, 7);
	assert_int_equal(keys.epoch_key.bytes[0], 1);
	assert_int_equal(keys.content.bytes[0], 2);
	assert_int_equal(keys.seed.bytes[0], 3);
	assert_true(keys.has_seed);
	locking.bytes[0] ^= 1;
	assert_int_equal(keyslot_unlock(&back, &locking, &keys, &err), SHERD_BADKEY);
	assert_string_equal(err.message, "wrong passphrase");
	locking.bytes[0] ^= 1;
	/* no byte can be changed: what reads it, or what opens it, refuses. But for the costs and
	 * the salt, from which the locking key comes. */
	for (size_t i = 0; i < sizeof(file); i++) {
		int r;

		if (i >= 48 && i < 72)
			continue;
		file[i] ^= 0x10;
		r = keyslot_read(file, sizeof(file), &back, NULL);
		if (!r && back.kind != KEYSLOT_DEVICE)
			r = keyslot_unlock(&back, &locking, &keys, NULL);
		assert_int_not_equal(r, 0);
		file[i] ^= 0x10;
	}
	assert_int_equal(keyslot_read(file, sizeof(file) - 1, &back, NULL), SHERD_CORRUPT);
}

static void test_slot_costs(void **state)
{
	static const uint32_t bad[][2] = {{0, 1}, {8191, 1}, {4194305, 1}, {UINT32_MAX, 1},
		{8192, 0}, {8192, 17}, {8192, UINT32_MAX}};
	struct keyslot slot, back;
	struct crypt_key locking;
	uint8_t file[KEYSLOT_FILE_SIZE];

	(void)state;
	make_slot(&slot, &locking);
	for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
		slot.memory_kib = bad[i][0];
		slot.passes = bad[i][1];
		keyslot_write(&slot, file);
		assert_int_equal(keyslot_read(file, sizeof(file), &back, NULL), SHERD_INVALID);
	}
	slot.memory_kib = 8192;
	slot.passes = 1;
	keyslot_write(&slot, file);
	file[11] = 2;
	assert_int_equal(keyslot_read(file, sizeof(file), &back, NULL), SHERD_NEWER);
}

/* --- the kit --- */

static void test_kit(void **state)
{
	struct kit kit = {.pool = {1, 2}, .slot = {3, 4}, .secret = {{5, 6}}}, back;
	struct sherd_error err;
	char *text, copy[2048], lines[512] = "";
	size_t size;

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		kit.secret.bytes[i] = (uint8_t)(i * 37);
	assert_int_equal(kit_write(&kit, "name", "2026-01-01", &text, &err), 0);
	size = strlen(text);
	assert_int_equal(kit_read(text, size, &back, &err), 0);
	assert_memory_equal(&kit, &back, sizeof(kit));
	/* the secret lines alone, without numbers, in capitals, without spaces */
	for (unsigned i = 1; i <= 6; i++) {
		char start[16];
		const char *line;

		snprintf(start, sizeof(start), "\n    %u ", i);
		line = strstr(text, start);
		assert_non_null(line);
		for (line += strlen(start); *line != '\n'; line++)
			if (*line != ' ') {
				size_t at = strlen(lines);

				lines[at] = (char)(*line >= 'a' ? *line - 32 : *line);
				lines[at + 1] = '\0';
			}
		lines[strlen(lines)] = '\n';
	}
	assert_int_equal(kit_read(lines, strlen(lines), &back, &err), 0);
	assert_memory_equal(&kit, &back, sizeof(kit));
	/* every letter of the six lines, changed: the line is named (1 in 1024 would not be found)
	 */
	for (size_t i = 0; i < size; i++) {
		const char *start = text + i;
		unsigned line;
		char expected[16];
		int r;

		while (start > text && start[-1] != '\n')
			start--;
		if (sscanf(start, "    %u  ", &line) != 1 || text[i] == ' ' || text[i] == '\n' ||
			i < (size_t)(start - text) + 5)
			continue;
		memcpy(copy, text, size);
		copy[i] = copy[i] == 'a' ? 'b' : 'a';
		r = kit_read(copy, size, &back, &err);
		if (r == 0)
			continue;
		assert_int_equal(r, SHERD_BADKEY);
		snprintf(expected, sizeof(expected), "line %u ", line);
		assert_non_null(strstr(err.message, expected));
	}
	assert_int_equal(kit_read("", 0, &back, &err), SHERD_BADKEY);
	assert_int_equal(kit_read("1 abcd\n", 7, &back, &err), SHERD_BADKEY);
	assert_non_null(strstr(err.message, "line 1"));
	secret_free(text);
}

static void test_identity(void **state)
{
	struct identity identity = {{1}, {2}}, back;
	char *text = identity_write(&identity);
	const uint8_t *data = (const uint8_t *)text;
	struct sherd_error err;

	(void)state;
	assert_non_null(text);
	assert_int_equal(identity_read(data, strlen(text), &back, &err), 0);
	assert_memory_equal(&identity, &back, sizeof(back));
	for (size_t i = 0; i < 90; i++)
		assert_int_equal(identity_read(data, i, &back, &err), SHERD_CORRUPT);
	text[12] = '2';
	assert_int_equal(identity_read(data, strlen(text), &back, &err), SHERD_NEWER);
	mem_free(text);
}

/* --- bodies --- */

/* Whatever a body is cut to, it is refused. */
static void test_bodies_cut(void **state)
{
	CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
	struct sherd_pool *a = ctlfix_make(f, "a", 2), *b = ctlfix_clone(f, "b", 0);
	struct sherd_error err;

	(void)state;
	ctlfix_publish(b, "x");
	assert_int_equal(pool_refresh(a, &err), 0);
	ctlfix_publish(a, "y");
	for (size_t i = 0; i < a->store.count; i++) {
		const struct entry *e = a->store.entries[i];

		if (e->state != ENTRY_VALID || e->name.kind == RECORD_KEYS)
			continue;
		for (size_t size = 0; size < e->record.body_size; size++) {
			struct poolrec pool;
			struct devicerec device;
			struct headrec head;
			int r = 0;

			switch (e->name.kind) {
			case RECORD_POOL:
				r = poolrec_read(e->record.body, size, &pool, NULL);
				poolrec_release(&pool);
				break;
			case RECORD_DEVICE:
				r = devicerec_read(e->record.body, size, &device, NULL);
				devicerec_release(&device);
				break;
			default:
				r = headrec_read(e->record.body, size, &head, NULL);
				headrec_release(&head);
			}
			assert_int_equal(r, SHERD_CORRUPT);
		}
	}
	sherd_pool_free(a);
	sherd_pool_free(b);
}

static void test_merge(void **state)
{
	char name[] = "n", p1[] = "one", p2[] = "two", url[] = "mem:", none[] = "";
	struct poolrec base = {.k = 1,
			       .chunk_min = 1,
			       .chunk_average = 1,
			       .chunk_max = 1,
			       .name = name,
			       .next_place = 1},
		       a, b, c;
	struct poolrec_place first = {.id = {1}, .name = p1, .url = url, .domain = none},
			     second = {.id = {2}, .name = p1, .url = url, .domain = none},
			     third = {.id = {3}, .name = p2, .url = url, .domain = none};

	(void)state;
	assert_int_equal(poolrec_copy(&base, &a, NULL), 0);
	assert_int_equal(poolrec_add_place(&a, &third, NULL), 0);
	assert_int_equal(poolrec_copy(&a, &c, NULL), 0);
	assert_int_equal(poolrec_copy(&a, &b, NULL), 0);
	/* since c: a has added one place, b another of that name, and removed the third and fixed m
	 */
	assert_int_equal(poolrec_add_place(&a, &first, NULL), 0);
	poolrec_remove_place(&b, third.id);
	assert_int_equal(poolrec_add_place(&b, &second, NULL), 0);
	b.m = 1;
	assert_int_equal(poolrec_merge(&c, &a, &b, NULL), 0);
	assert_int_equal(a.m, 1);
	assert_int_equal(a.place_count, 2);
	assert_string_equal(poolrec_place(&a, first.id)->name, "one");
	assert_string_equal(poolrec_place(&a, second.id)->name, "one-2");
	assert_int_not_equal(
		poolrec_place(&a, first.id)->number, poolrec_place(&a, second.id)->number);
	assert_int_equal(poolrec_same(&a, &b), 0);
	assert_int_equal(poolrec_same(&a, &a), 1);
	/* unknown forerunner: nothing is taken for removed */
	assert_int_equal(poolrec_merge(NULL, &a, &c, NULL), 0);
	assert_int_equal(a.place_count, 3);
	poolrec_release(&a);
	poolrec_release(&b);
	poolrec_release(&c);
}

/* --- golden --- */

/*
 * tests/golden/records.txt: "name file" for each object of a pool that a fixed random source and
 * clock made. SHERD_GOLDEN_WRITE=FILE writes it instead.
 */
struct golden_check {
	struct golden *g;
	FILE *out;
};

static bool golden_one(void *context, const char *name, const uint8_t *bytes, uint64_t size)
{
	struct golden_check *check = context;
	char digits[4097];

	assert_true(size <= 2048);
	hex_of(bytes, (size_t)size, digits);
	if (check->out) {
		fprintf(check->out, "%s %s\n", name, digits);
		return true;
	}
	assert_true(golden_next(check->g));
	assert_string_equal(golden_text(check->g), name);
	assert_string_equal(golden_text(check->g), digits);
	golden_end(check->g);
	return true;
}

static void test_golden(void **state)
{
	CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
	struct sherd_pool *a, *b;
	const char *write = getenv("SHERD_GOLDEN_WRITE");
	struct golden_check check = {0};

	(void)state;
	f->freeze_clock = true;
	a = ctlfix_make(f, "a", 1);
	ctlfix_publish(a, "content");
	f->kit = f->text;
	b = ctlfix_clone(f, "b", 0);
	ctlfix_publish(b, "more");
	sherd_pool_free(a);
	sherd_pool_free(b);
	if (write) {
		check.out = fopen(write, "w");
		assert_non_null(check.out);
		fprintf(check.out, "# name at the place, bytes: see tests/unit/t_record.c\n");
	} else {
		check.g = golden_open("records.txt");
	}
	place_mem_each(f->store[0], golden_one, &check);
	if (check.out) {
		fclose(check.out);
	} else {
		assert_false(golden_next(check.g));
		golden_close(check.g);
	}
}

/* And a new device can join by what stands there, whatever is written today. */
static void test_golden_reads(void **state)
{
	CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
	struct golden *g = golden_open("records.txt");
	struct sherd_pool *c;
	const struct pool_head *heads;
	struct place *place;
	size_t count;

	(void)state;
	assert_int_equal(place_mem_new(f->store[0], &place, NULL), 0);
	while (golden_next(g)) {
		const char *name = golden_text(g), *digits = golden_text(g);
		uint8_t bytes[2048];
		struct iovec part = hash_part(bytes, strlen(digits) / 2);

		assert_true(part.iov_len <= sizeof(bytes));
		assert_int_equal(hex_parse(digits, strlen(digits), bytes), 0);
		assert_int_equal(place_put(place, name, &part, 1, NULL), 0);
		golden_end(g);
	}
	golden_close(g);
	place_free(place);
	c = ctlfix_clone(f, "c", 0);
	heads = pool_heads(c, &count);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++)
		assert_true(heads[i].content_size == 7 ? memcmp(heads[i].content, "content", 7) == 0
						       : memcmp(heads[i].content, "more", 4) == 0);
	sherd_pool_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_replays),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_slot),
		cmocka_unit_test(test_slot_costs),
		cmocka_unit_test(test_kit),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_bodies_cut),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_golden_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
