/* SPDX-License-Identifier: MIT */
/*
 * t_share.c - the bytes of share files, references and names against the golden table; the ladder;
 * what a reader must refuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include <pool/packs.h>
#include "cryptfix.h"
#include "golden.h"
#include "naive.h"

#define PACKS 4
#define RECORDS 18
#define LEAVES_MAX (POOL_SHARE_SIZE_MAX / HASH_LEAF_SIZE)

/* --- the golden table --- */

struct made {
	struct pack_buffer *buffer;
	struct pool_ref ref;
	struct share_manifest manifest;
};

static void make_pack(unsigned number, struct golden *g, struct made *ret)
{
	struct packs packs = {.env = env_system()};
	struct share_manifest *m = &ret->manifest;
	CLEANUP(mem_free_at) uint8_t *payload = NULL;
	CLEANUP(mem_free_at) uint8_t *pool = golden_stream(1300 + number, POOL_ID_SIZE);
	CLEANUP(mem_free_at) uint8_t *nonce = golden_stream(2300 + number, POOL_NONCE_SIZE);
	size_t size;

	*m = (struct share_manifest){.suite = 1};
	m->k = (uint8_t)golden_number(g);
	m->m = (uint8_t)golden_number(g);
	m->share_size = golden_number(g);
	m->epoch = golden_number(g);
	memcpy(m->pool, pool, POOL_ID_SIZE);
	memcpy(m->nonce, nonce, POOL_NONCE_SIZE);
	size = (size_t)m->k * m->share_size;
	payload = golden_stream(300 + number, size);
	assert_int_equal(pack_buffer_new(m->k, m->m, m->share_size, &ret->buffer, NULL), 0);
	memcpy(pack_buffer_payload(ret->buffer), payload, size);
	assert_int_equal(packs_code(&packs, ret->buffer, m, &ret->ref, NULL), 0);
}

/* Head and body of a share as packs_put() sends them. */
static void file_of(const struct made *p, unsigned share, struct iovec parts[2])
{
	size_t head = share_head_size(p->ref.m, p->ref.share_size);
	uint8_t *payload = pack_buffer_payload(p->buffer);

	parts[0].iov_base = payload + (size_t)p->ref.m * p->ref.share_size + share * head;
	parts[0].iov_len = head;
	parts[1].iov_base = payload + (size_t)share * p->ref.share_size;
	parts[1].iov_len = p->ref.share_size;
}

static void check_pack(struct golden *g, struct made *p)
{
	CLEANUP(bytes_release) struct bytes b = BYTES_INIT;
	uint8_t expected[256], id[HASH_SIZE];
	struct pool_ref again;
	struct hash named;
	size_t size = 76 + 2 * (size_t)p->ref.m;

	golden_bytes(g, HASH_SIZE, id);
	assert_memory_equal(p->ref.id.bytes, id, HASH_SIZE);
	share_manifest_id(&p->manifest, &named);
	assert_memory_equal(named.bytes, id, HASH_SIZE);
	for (unsigned i = 0; i < p->ref.m; i++)
		p->ref.places[i] = (uint16_t)(i * 7919);
	ref_write(&p->ref, &b);
	golden_bytes(g, size, expected);
	assert_int_equal(b.size, size);
	assert_memory_equal(b.data, expected, size);
	struct cursor c = cursor_of(b.data, b.size);
	assert_true(ref_read(&c, &again) && cursor_done(&c));
	assert_memory_equal(&again, &p->ref, sizeof(again));
	assert_int_equal(ref_payload(&again), (uint64_t)p->ref.k * p->ref.share_size);
}

static void check_file(struct golden *g, const struct made *p)
{
	unsigned share = golden_number(g), parsed;
	char name[SHARE_NAME_SIZE];
	uint8_t expected[HASH_SIZE];
	struct hash found, id;
	struct iovec parts[2];

	share_name(&p->ref.id, share, name);
	assert_string_equal(name, golden_text(g));
	assert_int_equal(share_name_parse(name, &id, &parsed), 0);
	assert_true(parsed == share && hash_equal(&id, &p->ref.id));
	golden_bytes(g, HASH_SIZE, expected);
	file_of(p, share, parts);
	hash_sha256(parts, 2, &found);
	assert_memory_equal(found.bytes, expected, HASH_SIZE);
}

static void test_golden(void **state)
{
	CLEANUP(golden_close_at) struct golden *g = golden_open("shares.txt");
	struct made packs[PACKS] = {0};
	unsigned records = 0;

	(void)state;
	while (golden_next(g)) {
		const char *what = golden_text(g);
		bool is_pack = strcmp(what, "pack") == 0, is_head = strcmp(what, "head") == 0;
		unsigned number = golden_number(g);

		records++;
		assert_true(number < PACKS);
		if (is_pack) {
			make_pack(number, g, &packs[number]);
			check_pack(g, &packs[number]);
		} else if (is_head) {
			uint8_t head[32 + 64 + 96 + 64];
			struct iovec parts[2];

			file_of(&packs[number], golden_number(g), parts);
			golden_bytes(g, sizeof(head), head);
			assert_memory_equal(parts[0].iov_base, head, sizeof(head));
		} else {
			check_file(g, &packs[number]);
		}
		golden_end(g);
	}
	assert_int_equal(records, RECORDS);
	for (unsigned i = 0; i < PACKS; i++)
		pack_buffer_unref(packs[i].buffer);
}

/* --- heads --- */

struct headed {
	struct share_manifest manifest;
	struct hash leaves[2], id;
	uint8_t head[SHARE_ALIGN];
};

static void make_head(struct headed *h)
{
	struct hash scratch[2];

	h->manifest = (struct share_manifest){
		.suite = 1, .epoch = 3, .k = 2, .m = 3, .share_size = POOL_SHARE_SIZE_MIN};
	random_fill(h->leaves[0].bytes, sizeof(h->leaves));
	for (unsigned i = 0; i < 3; i++) {
		memcpy(scratch, h->leaves, sizeof(scratch));
		hash_root(scratch, 2, &h->manifest.roots[i]);
	}
	share_manifest_id(&h->manifest, &h->id);
	share_head_write(&h->manifest, 1, h->leaves, h->head);
}

static int read_head(const struct headed *h, size_t size, unsigned share, struct sherd_error *err)
{
	static struct hash leaves[LEAVES_MAX];
	struct share_manifest manifest;
	/* memory of just that size, so that a sanitizer sees what is read behind it */
	CLEANUP(mem_free_at) uint8_t *copy = mem_aligned(64, size);
	int r;

	memcpy(copy, h->head, size);
	r = share_head_read(copy, size, &h->id, share, &manifest, leaves, err);
	if (!r) {
		assert_memory_equal(leaves, h->leaves, sizeof(h->leaves));
		assert_memory_equal(&manifest, &h->manifest, sizeof(manifest));
	}
	return r;
}

static void test_heads(void **state)
{
	struct headed h;
	struct sherd_error err;

	(void)state;
	assert_int_equal(share_head_size(3, POOL_SHARE_SIZE_MIN), SHARE_ALIGN);
	assert_int_equal(share_head_size(64, POOL_SHARE_SIZE_MAX), SHARE_HEAD_MAX);
	make_head(&h);
	assert_int_equal(read_head(&h, sizeof(h.head), 1, &err), 0);
	/* all three have the same leaves here, and only the number tells them apart */
	assert_int_equal(read_head(&h, sizeof(h.head), 2, &err), SHERD_CORRUPT);
	assert_int_equal(read_head(&h, sizeof(h.head), 0, &err), SHERD_CORRUPT);
	assert_int_equal(read_head(&h, sizeof(h.head), 3, &err), SHERD_CORRUPT);
	for (size_t size = 0; size < sizeof(h.head); size++)
		assert_int_equal(read_head(&h, size, 1, &err), SHERD_CORRUPT);
	for (size_t bit = 0; bit < 8 * sizeof(h.head); bit++) {
		h.head[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (read_head(&h, sizeof(h.head), 1, &err) != SHERD_CORRUPT || !err.message[0])
			fail_msg("bit %zu may be flipped", bit);
		h.head[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(read_head(&h, sizeof(h.head), 1, &err), 0);
	h.id.bytes[31] ^= 1;
	assert_int_equal(read_head(&h, sizeof(h.head), 1, &err), SHERD_CORRUPT);
}

/* A manifest that is named rightly and breaks the rules all the same: field, bytes, value, code. */
static void test_manifests(void **state)
{
	static const struct {
		size_t at, size;
		uint32_t value;
		int code;
	} wrong[] = {{0, 2, 2, SHERD_NEWER}, {0, 2, 0, SHERD_NEWER}, {2, 1, 2, SHERD_NEWER},
		{3, 1, 1, SHERD_CORRUPT}, {4, 4, 0, SHERD_CORRUPT}, {56, 2, 0, SHERD_CORRUPT},
		{56, 2, 4, SHERD_CORRUPT}, {56, 2, 258, SHERD_CORRUPT}, {58, 2, 2, SHERD_CORRUPT},
		{58, 2, 4, SHERD_CORRUPT}, {58, 2, 65535, SHERD_CORRUPT}, {60, 4, 0, SHERD_CORRUPT},
		{60, 4, 65537, SHERD_CORRUPT}, {60, 4, 1u << 25, SHERD_CORRUPT},
		{60, 4, 0xffff0000, SHERD_CORRUPT}};
	const size_t size = SHARE_MANIFEST_FIXED + 3 * HASH_SIZE;
	struct headed h;
	struct sherd_error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		char tag[] = "sherd pack";
		uint8_t *manifest = h.head + SHARE_PREFIX_SIZE;
		struct iovec parts[] = {{tag, 10}, {manifest, size}};

		make_head(&h);
		for (size_t j = 0; j < wrong[i].size; j++)
			manifest[wrong[i].at + j] = (uint8_t)(wrong[i].value >> (8 * j));
		hash_sha256(parts, 2, &h.id);
		assert_int_equal(read_head(&h, sizeof(h.head), 1, &err), wrong[i].code);
	}
}

static void test_check(void **state)
{
	CLEANUP(mem_free_at) uint8_t *data = mem_aligned(64, (size_t)40 * HASH_LEAF_SIZE);
	struct hash leaves[40];

	(void)state;
	random_fill(data, (size_t)40 * HASH_LEAF_SIZE);
	hash_leaves(data, (size_t)40 * HASH_LEAF_SIZE, leaves);
	assert_int_equal(share_check(leaves, 0, data, (size_t)40 * HASH_LEAF_SIZE), 40);
	assert_int_equal(share_check(leaves, 3, data + 3 * HASH_LEAF_SIZE, HASH_LEAF_SIZE), 1);
	assert_int_equal(share_check(leaves, 0, data, 0), 0);
	for (size_t leaf = 0; leaf < 40; leaf++) {
		data[leaf * HASH_LEAF_SIZE + leaf * 800] ^= 1;
		assert_int_equal(share_check(leaves, 0, data, (size_t)40 * HASH_LEAF_SIZE), leaf);
		data[leaf * HASH_LEAF_SIZE + leaf * 800] ^= 1;
	}
}

/* --- names, references, the ladder --- */

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_names(void **state)
{
	static const char *const wrong[] = {"", "packs/", "packs/01/" HEX, "packs/01/" HEX ".",
		"packs/02/" HEX ".0", "packs/01/" HEX ".00", "packs/01/" HEX ".01",
		"packs/01/" HEX ".64", "packs/01/" HEX ".100", "packs/01/" HEX ".-1",
		"packs/01/" HEX ".0x", "packs/01/" HEX "0.0", "pack5/01/" HEX ".0",
		"packs/01-" HEX ".0", "packs/01/" HEX "/0", "/packs/01/" HEX ".0",
		"packs/01/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef.0"};
	struct hash id;
	unsigned share;

	(void)state;
	assert_int_equal(share_name_parse("packs/01/" HEX ".63", &id, &share), 0);
	assert_int_equal(share, 63);
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
		assert_int_equal(share_name_parse(wrong[i], &id, &share), -1);
}

static void test_references(void **state)
{
	struct pool_ref ref = {.epoch = 1, .share_size = POOL_SHARE_SIZE_MIN, .k = 2, .m = 3}, got;
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {
		{64, 0}, {68, 1}, {71, 1}, {72, 0}, {72, 4}, {73, 1}, {73, 65}, {74, 1}, {75, 1}};
	CLEANUP(bytes_release) struct bytes b = BYTES_INIT;
	struct cursor c;

	(void)state;
	ref_write(&ref, &b);
	for (size_t size = 0; size < b.size; size++) {
		c = cursor_of(b.data, size);
		assert_false(ref_read(&c, &got));
		assert_true(c.failed);
	}
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		uint8_t kept = b.data[wrong[i].at];

		b.data[wrong[i].at] = wrong[i].value;
		c = cursor_of(b.data, b.size);
		assert_false(ref_read(&c, &got));
		b.data[wrong[i].at] = kept;
	}
}

static void test_ladder(void **state)
{
	(void)state;
	assert_true(ladder_ok(64 << 10) && ladder_ok(256 << 10) && ladder_ok(16 << 20));
	assert_false(ladder_ok(0) || ladder_ok(128 << 10) || ladder_ok(32 << 20));
	assert_int_equal(ladder_top(3, 5), 16 << 20);
	assert_int_equal(ladder_top(1, 1), 16 << 20);
	assert_int_equal(ladder_top(4, 6), 8 << 20);
	assert_int_equal(ladder_top(3, 7), 8 << 20); /* m * S */
	assert_int_equal(ladder_top(64, 64), 512 << 10);
	assert_int_equal(ladder_fit(3, 5, 0), 64 << 10);
	assert_int_equal(ladder_fit(3, 5, 3 * (64 << 10)), 64 << 10);
	assert_int_equal(ladder_fit(3, 5, 3 * (64 << 10) + 1), 256 << 10);
	assert_int_equal(ladder_fit(3, 5, 48 << 20), 16 << 20);
	assert_int_equal(ladder_fit(3, 5, UINT64_MAX), 16 << 20);
	for (unsigned m = 1; m <= POOL_SHARES_MAX; m++)
		for (unsigned k = 1; k <= m; k++) {
			uint32_t top = ladder_top(k, m);

			assert_true(ladder_ok(top));
			assert_true(top == POOL_SHARE_SIZE_MIN ||
				    ((uint64_t)k * top <= POOL_PAYLOAD_MAX &&
					    (uint64_t)m * top <= POOL_CODED_MAX));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_manifests),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_ladder),
	};

	return cmocka_run_group_tests(tests, random_setup, NULL);
}
