/* SPDX-License-Identifier: MIT */
/*
 * t_whole_bytes.c - a small pool, 2 of 3, with one pack of shares of 64 KiB: each byte of each
 * share is changed in turn, and each share cut at each length. What is read is right every time, as
 * long as two shares are left; with the bytes of only one, and a wrong one, it is an error.
 */
#include "wholefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <base/intmath.h>
#include <pool/pool.h>
#include <repo/repo.h>
#include <repo/store.h>
#include "treefix.h"

enum { share_size = 65536, leaf_size = 32768, sample = 1511 };

struct bench {
	struct whole *w;
	struct session s;
	struct packs packs; /* the pool's, without what is kept of heads */
	struct pool_ref ref;
	uint8_t *payload;
	struct place_mem_store *store[3];
	char name[3][SHARE_NAME_SIZE];
	size_t size; /* of a share's file */
	struct packs_watch watch;
	unsigned told, told_share;
};

static void told(void *context, const struct pool_ref *ref, unsigned share,
	const struct member *member, int code, const char *why)
{
	struct bench *b = context;

	(void)ref;
	(void)member;
	(void)why;
	assert_true(code == SHERD_CORRUPT || code == SHERD_NOTFOUND);
	b->told++;
	b->told_share = share;
}

static void find_share(struct bench *b, unsigned i)
{
	const struct packs *packs = pool_packs(b->s.pool);

	share_name(&b->ref.id, i, b->name[i]);
	for (size_t p = 0; p < packs->count; p++)
		if (packs->members[p].number == b->ref.places[i])
			b->store[i] =
				b->w->f->store[member_name(packs->members[p].member)[1] - '0'];
	assert_non_null(b->store[i]);
	b->size = (size_t)whole_size(b->store[i], b->name[i]);
}

/* A folder of some small files. */
static void make(struct bench *b)
{
	struct sherd_backup_result result;
	struct sherd_error err;
	struct store_pack pack;
	char *tree;

	*b = (struct bench){.w = whole_new(2, 3), .watch = {.share = told, .context = b}};
	tree = strdup(whole_tree(b->w, 0));
	assert_int_equal(mkdir(tree, 0755), 0);
	for (unsigned i = 0; i < 20; i++) {
		uint8_t data[3000];
		char name[16];

		for (size_t j = 0; j < sizeof(data); j++)
			data[j] = (uint8_t)((j * j + i) * 2654435761u >> 15);
		snprintf(name, sizeof(name), "file %u", i);
		treefix_file(tree, name, data, sizeof(data));
	}
	session_open(b->w, "a", &b->s);
	assert_int_equal(whole_backup(&b->s, tree, &result, &err), 0);
	b->w->versions = 1;
	free(tree);
	ctlfix_copy(b->w->f, "a", "copy");
	assert_int_equal(store_pack_count(b->s.repo->store), 1);
	store_pack_at(b->s.repo->store, 0, &pack);
	b->ref = *pack.ref;
	assert_int_equal(b->ref.share_size, share_size);
	b->packs = *pool_packs(b->s.pool);
	b->packs.heads = NULL;
	for (unsigned i = 0; i < 3; i++)
		find_share(b, i);
	b->payload = aligned_alloc(4096, 2 * share_size);
	assert_non_null(b->payload);
	assert_int_equal(packs_read_all(&b->packs, &b->ref, b->payload, NULL, &err), 0);
}

static void end(struct bench *b)
{
	session_close(&b->s);
	whole_free(b->w);
	free(b->payload);
}

/* The leaf of data share ${share} in which the file's byte ${at} is; of a head's byte, the first.
 */
static int read_leaf(struct bench *b, unsigned share, size_t at, struct sherd_error *err)
{
	static uint8_t got[leaf_size];
	size_t head = b->size - share_size;
	size_t leaf = at < head + leaf_size ? 0 : 1;
	uint64_t from = share * (uint64_t)share_size + leaf * leaf_size;
	int r;

	b->told = 0;
	memset(got, 0xa5, sizeof(got));
	r = packs_read(&b->packs, &b->ref, from, leaf_size, got, &b->watch, err);
	if (!r)
		assert_memory_equal(got, b->payload + from, leaf_size);
	return r;
}

/* The pack and its only restore, from what the places hold now. */
static void restored(struct bench *b)
{
	struct session s;

	session_open(b->w, "copy", &s);
	whole_right(&s, 0);
	session_close(&s);
}

static void test_each_byte_of_data_shares(void **state)
{
	struct sherd_error err;
	struct bench b;

	(void)state;
	make(&b);
	for (unsigned share = 0; share < 2; share++)
		for (size_t at = 0; at < b.size; at++) {
			uint8_t mask = (uint8_t)(1 + at * 37 % 255);

			assert_true(place_mem_corrupt(b.store[share], b.name[share], at, mask));
			if (read_leaf(&b, share, at, &err))
				fail_msg("share %u, byte %zu: %s", share, at, err.message);
			assert_int_equal(b.told, 1);
			assert_int_equal(b.told_share, share);
			if (at % sample == share)
				restored(&b);
			assert_true(place_mem_corrupt(b.store[share], b.name[share], at, mask));
		}
	assert_int_equal(read_leaf(&b, 0, 0, &err), 0);
	assert_int_equal(b.told, 0);
	end(&b);
}

/* Without a data share the check share is needed: wrong, it is no help, and does no harm. */
static void test_each_byte_of_the_check_share(void **state)
{
	struct sherd_error err;
	struct bench b;
	uint8_t *first;
	size_t size;

	(void)state;
	make(&b);
	first = whole_bytes(b.store[0], b.name[0], &size);
	assert_true(place_mem_drop(b.store[0], b.name[0]));
	assert_int_equal(read_leaf(&b, 0, 0, &err), 0);
	for (size_t at = 0; at < b.size; at++) {
		assert_true(
			place_mem_corrupt(b.store[2], b.name[2], at, (uint8_t)(1 + at * 37 % 255)));
		assert_int_equal(read_leaf(&b, 0, at, &err), SHERD_LOST);
		assert_true(b.told >= 1);
		assert_true(
			place_mem_corrupt(b.store[2], b.name[2], at, (uint8_t)(1 + at * 37 % 255)));
		/* With the data shares nobody misses it. */
		if (at % sample == 0) {
			whole_set(b.store[0], b.name[0], first, size);
			restored(&b);
			assert_true(place_mem_drop(b.store[0], b.name[0]));
		}
	}
	assert_int_equal(read_leaf(&b, 0, 0, &err), 0);
	free(first);
	end(&b);
}

static void test_each_length(void **state)
{
	struct sherd_error err;
	struct bench b;
	uint8_t *whole, *longer;
	size_t size;

	(void)state;
	make(&b);
	whole = whole_bytes(b.store[1], b.name[1], &size);
	longer = calloc(1, size + 4096);
	assert_non_null(longer);
	memcpy(longer, whole, size);
	for (size_t more = 1; more <= 4096; more += 4095) {
		whole_set(b.store[1], b.name[1], longer, size + more);
		assert_int_equal(read_leaf(&b, 1, 0, &err), 0);
		restored(&b);
	}
	whole_set(b.store[1], b.name[1], whole, size);
	for (size_t length = size; length-- > 0;) {
		assert_true(place_mem_cut(b.store[1], b.name[1], length));
		if (read_leaf(&b, 1, length, &err))
			fail_msg("%zu bytes: %s", length, err.message);
		assert_int_equal(b.told, 1);
		assert_int_equal(b.told_share, 1);
		if (length % sample == 0)
			restored(&b);
	}
	free(whole);
	free(longer);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_byte_of_data_shares),
		cmocka_unit_test(test_each_byte_of_the_check_share),
		cmocka_unit_test(test_each_length),
	};

	return cmocka_run_group_tests_name("whole_bytes", tests, NULL, NULL);
}
