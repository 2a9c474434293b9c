/* SPDX-License-Identifier: MIT */
/* t_hash.c - SHA-256, HMAC and the tree hash, by every engine that works here. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include <base/log.h>
#include <crypt/engine.h>
#include <crypt/hash.h>

#include "cryptfix.h"
#include "golden.h"
#include "naive.h"

#define LEAF ((size_t)HASH_LEAF_SIZE)

static void sha256_as_fips_180_has_it(void **state)
{
	struct iovec parts[3] = {hash_part("abcdbcdecdefdefgefghfghighijhijkijkl", 36),
		hash_part(NULL, 0), hash_part("jklmklmnlmnomnopnopq", 20)};
	struct iovec abc = hash_part("abc", 3);
	struct hash h;

	(void)state;
	hash_sha256(NULL, 0, &h);
	assert_hex(h.bytes, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	hash_sha256(&abc, 1, &h);
	assert_hex(h.bytes, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_sha256(parts, 3, &h);
	assert_hex(h.bytes, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void hmac_as_rfc_4231_has_it(void **state)
{
	static const struct {
		const char *key, *data, *want;
	} vectors[] = {
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			"dddddddddddddddddddddddddddddddddddddddddddddddddd"
			"dddddddddddddddddddddddddddddddddddddddddddddddddd",
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		/* RFC 5869, test case 1: how HKDF begins */
		{"000102030405060708090a0b0c", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
			"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"},
	};
	uint8_t key[256], data[256], long_key[131];
	static const char text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	struct iovec parts[] = {hash_part(text, 20), hash_part(text + 20, sizeof(text) - 21)};
	struct hash h;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		size_t key_size = from_hex(vectors[i].key, key);
		struct iovec part = hash_part(data, from_hex(vectors[i].data, data));

		hash_hmac(key, key_size, &part, 1, &h);
		assert_hex(h.bytes, 32, vectors[i].want);
	}
	memset(long_key, 0xaa, sizeof(long_key));
	hash_hmac(long_key, sizeof(long_key), parts, 2, &h);
	assert_hex(h.bytes, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	hash_hmac(NULL, 0, NULL, 0, &h);
	assert_hex(h.bytes, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void hashes_are_compared(void **state)
{
	struct hash a, b;

	(void)state;
	memset(&a, 7, sizeof(a));
	b = a;
	assert_int_equal(hash_equal(&a, &b), 1);
	for (size_t bit = 0; bit < 8 * HASH_SIZE; bit++) {
		b.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(hash_equal(&a, &b), 0);
		b.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
}

static void leaves_are_counted(void **state)
{
	static const uint64_t sizes[][2] = {{0, 1}, {1, 1}, {32767, 1}, {32768, 1}, {32769, 2},
		{65536, 2}, {65537, 3}, {UINT64_C(1) << 40, UINT64_C(1) << 25},
		{UINT64_MAX, UINT64_C(1) << 49}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
		assert_int_equal(hash_leaf_count(sizes[i][0]), sizes[i][1]);
}

/* --- the definition, by recursion --- */

static void naive_hmac(const char *key, const void *data, size_t size, struct hash *ret)
{
	struct iovec part = hash_part(data, size);

	hash_hmac(key, strlen(key), &part, 1, ret);
}

static struct hash naive_root(const struct hash *leaves, size_t count)
{
	struct hash both[2], node;
	size_t left = 1;

	if (count == 1)
		return leaves[0];
	while (2 * left < count)
		left *= 2;
	both[0] = naive_root(leaves, left);
	both[1] = naive_root(leaves + left, count - left);
	naive_hmac("sherd node", both, sizeof(both), &node);
	return node;
}

static struct hash naive_tree(const uint8_t *data, size_t size)
{
	size_t count = size ? (size + LEAF - 1) / LEAF : 1;
	struct hash *leaves = mem_array(count, sizeof(*leaves));
	struct hash root;

	assert_non_null(leaves);
	for (size_t i = 0; i < count; i++)
		naive_hmac("sherd leaf", data + i * LEAF, INT_MIN_OF(size - i * LEAF, LEAF),
			&leaves[i]);
	root = naive_root(leaves, count);
	mem_free(leaves);
	return root;
}

/* --- every engine --- */

static struct hash tree_root(const uint8_t *data, size_t size)
{
	size_t count = hash_leaf_count(size);
	struct hash *leaves = mem_array(count, sizeof(*leaves));
	struct hash root;

	assert_non_null(leaves);
	hash_leaves(data, size, leaves);
	hash_root(leaves, count, &root);
	mem_free(leaves);
	return root;
}

typedef void test_of_engine(void);

static void with_each_engine(test_of_engine *test)
{
	for (size_t i = 0; crypt_engine_at(i); i++) {
		crypt_engine_use(crypt_engine_at(i));
		assert_string_equal(hash_engine(), crypt_engine_at(i)->name);
		test();
	}
	crypt_engine_use(NULL);
}

static void golden_trees(void)
{
	CLEANUP(golden_close_at) struct golden *g = golden_open("crypt.txt");
	unsigned records = 0;

	while (golden_next(g)) {
		CLEANUP(mem_free_at) uint8_t *data = NULL;
		struct hash want, root;
		unsigned seed;
		size_t size;

		if (strcmp(golden_text(g), "tree") != 0)
			continue;
		seed = golden_number(g);
		size = golden_number(g);
		golden_bytes(g, HASH_SIZE, want.bytes);
		golden_end(g);
		data = golden_stream(seed, size);
		root = tree_root(data, size);
		assert_memory_equal(&root, &want, sizeof(want));
		records++;
	}
	assert_int_equal(records, 17);
}

static void trees_are_those_of_the_table(void **state)
{
	(void)state;
	with_each_engine(golden_trees);
}

static void naive_trees(void)
{
	static const size_t sizes[] = {0, 1, 55, 56, 63, 64, 65, LEAF - 1, LEAF, LEAF + 1, 2 * LEAF,
		100000, 3 * LEAF, 3 * LEAF + 5, 4 * LEAF, 9 * LEAF - 1, 15 * LEAF + 1, 16 * LEAF,
		23 * LEAF + 100, 24 * LEAF};
	uint8_t *data = mem_array(25 * LEAF, 1);

	assert_non_null(data);
	random_fill(data, 25 * LEAF);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		size_t skew = random_below(64);
		struct hash want = naive_tree(data + skew, sizes[i]);
		struct hash got = tree_root(data + skew, sizes[i]);

		assert_memory_equal(&got, &want, sizeof(want));
	}
	mem_free(data);
}

static void trees_are_those_of_the_definition(void **state)
{
	(void)state;
	with_each_engine(naive_trees);
}

/* Roots over leaf hashes alone, for every count up to beyond two batches and where batches end. */
static void naive_roots(void)
{
	enum { MAX = 4100 };
	struct hash *leaves = mem_array(MAX, sizeof(*leaves));
	struct hash *copy = mem_array(MAX, sizeof(*copy));

	assert_non_null(leaves);
	assert_non_null(copy);
	random_fill(leaves[0].bytes, MAX * sizeof(*leaves));
	for (size_t count = 1; count <= MAX; count += count < 300 ? 1 : 633) {
		struct hash want = naive_root(leaves, count);

		memcpy(copy, leaves, MAX * sizeof(*leaves));
		hash_root(copy, count, &copy[0]);
		assert_memory_equal(&copy[0], &want, sizeof(want));
		assert_memory_equal(&copy[count], &leaves[count], (MAX - count) * sizeof(*copy));
	}
	mem_free(leaves);
	mem_free(copy);
}

static void roots_of_any_number_of_leaves(void **state)
{
	(void)state;
	with_each_engine(naive_roots);
}

/* One batch of ${count} items, each in memory of its own so that a sanitizer sees its ends. */
static void try_batch(size_t count, size_t size_max)
{
	struct hash_item *items = mem_array(count, sizeof(*items));
	uint8_t **blocks = mem_array(count, sizeof(*blocks));
	struct hash *scratch;
	size_t leaves = 0;

	assert_non_null(items);
	assert_non_null(blocks);
	for (size_t i = 0; i < count; i++) {
		size_t skew = random_below(16);

		/* mostly small, as blobs are */
		items[i].size =
			random_below(1 + (unsigned)(random_below(4) ? size_max / 8 : size_max));
		blocks[i] = mem_array(items[i].size + skew, 1);
		assert_non_null(blocks[i]);
		random_fill(blocks[i], items[i].size + skew);
		items[i].data = items[i].size ? blocks[i] + skew : NULL;
		leaves += hash_leaf_count(items[i].size);
	}
	scratch = mem_array(leaves, sizeof(*scratch));
	assert_non_null(scratch);
	hash_trees(items, count, scratch);
	for (size_t i = 0; i < count; i++) {
		struct hash want = naive_tree(items[i].data, items[i].size);

		assert_memory_equal(&items[i].root, &want, sizeof(want));
		mem_free(blocks[i]);
	}
	mem_free(scratch);
	mem_free(blocks);
	mem_free(items);
}

static void batches(void)
{
	static const size_t counts[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 40, 130};

	for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
		try_batch(counts[i], 3000);
		try_batch(counts[i], i < 9 ? 200000 : 40000);
	}
	try_batch(300, 2);
	try_batch(300, 700);
}

static void trees_in_batches(void **state)
{
	(void)state;
	with_each_engine(batches);
}

static void engines_agree(void **state)
{
	enum { JOBS = 300 };
	static uint8_t data[LEAF + 64];
	static struct hash want[JOBS], got[JOBS];
	struct hmac_job jobs[JOBS];

	(void)state;
	random_fill(data, sizeof(data));
	for (unsigned round = 0; round < 60; round++) {
		size_t count = 1 + random_below(round < 40 ? 40 : JOBS);
		enum hmac_kind kind = (enum hmac_kind)random_below(HMAC_KINDS);
		unsigned size_max = round % 3 ? 500 : (unsigned)LEAF;

		for (size_t i = 0; i < count; i++)
			jobs[i] = (struct hmac_job){data + random_below(64),
				random_below(4) ? random_below(size_max + 1) : size_max, &want[i]};
		crypt_engine_openssl.hmac_many(kind, jobs, count);
		for (size_t e = 0; crypt_engine_at(e); e++) {
			memset(got, 0, sizeof(got));
			for (size_t i = 0; i < count; i++)
				jobs[i].ret = &got[i];
			crypt_engine_at(e)->hmac_many(kind, jobs, count);
			assert_memory_equal(got, want, count * sizeof(*got));
		}
	}
}

/* --- the choice --- */

static unsigned warnings;

static void count_warning(void *context, const char *line)
{
	warnings += strstr(line, context) != NULL;
}

/* In a child, before anything was chosen there. */
static int child_choice(const char *asked, const char *want, const char *warning)
{
	warnings = 0;
	log_set_sink(count_warning, (void *)(uintptr_t)warning);
	setenv("SHERD_CRYPTO", asked, 1);
	if (strcmp(hash_engine(), want) != 0)
		return 1;
	return warnings == (*warning ? 1 : 0) ? 0 : 2;
}

static void assert_child_choice(const char *asked, const char *want, const char *warning)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		_exit(child_choice(asked, want, warning));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Must come before tests that choose. Whether there are two engines is seen in a child as well. */
static int child_has_two(void)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		_exit(crypt_engine_at(1) ? 1 : 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void environment_forces_an_engine(void **state)
{
	(void)state;
	if (getenv("SHERD_CRYPTO"))
		skip(); /* it is this test that sets it */
	assert_child_choice("openssl", "openssl", "");
	assert_child_choice("none such", "openssl", "SHERD_CRYPTO='none such' is no crypto engine");
	if (child_has_two()) {
		assert_child_choice("ipsec-mb", "ipsec-mb", "");
		assert_child_choice("", "ipsec-mb", "");
	}
}

static void broken_hmac(enum hmac_kind kind, const struct hmac_job *jobs, size_t count)
{
	crypt_engine_openssl.hmac_many(kind, jobs, count);
	if (count > 17 && jobs[17].size)
		jobs[17].ret->bytes[31] ^= 1;
}

static int broken_seal(const struct gcm_message *m, uint8_t tag[16], struct sherd_error *err)
{
	int r = crypt_engine_openssl.gcm_seal(m, tag, err);

	if (m->size > 256)
		m->to[256] ^= 0x80;
	return r;
}

static int trusting_open(
	const struct gcm_message *m, const uint8_t tag[16], struct sherd_error *err)
{
	(void)crypt_engine_openssl.gcm_open(m, tag, err);
	return 0;
}

static void broken_engines_are_found_out(void **state)
{
	struct crypt_engine e = crypt_engine_openssl;

	(void)state;
	for (size_t i = 0; crypt_engine_at(i); i++)
		assert_int_equal(crypt_engine_self_test(crypt_engine_at(i)), 1);
	e.hmac_many = broken_hmac;
	assert_int_equal(crypt_engine_self_test(&e), 0);
	e = crypt_engine_openssl;
	e.gcm_seal = broken_seal;
	assert_int_equal(crypt_engine_self_test(&e), 0);
	e = crypt_engine_openssl;
	e.gcm_open = trusting_open;
	assert_int_equal(crypt_engine_self_test(&e), 0);
}

/* --- threads and memory --- */

struct hasher {
	const uint8_t *data;
	size_t size;
	struct hash want;
	unsigned wrong;
};

static void *hash_often(void *argument)
{
	struct hasher *h = argument;
	struct hash leaves[40];
	struct hash_item items[20];

	for (unsigned round = 0; round < 10; round++) {
		for (size_t i = 0; i < 20; i++)
			items[i] = (struct hash_item){.data = h->data, .size = h->size};
		hash_trees(items, 20, leaves);
		for (size_t i = 0; i < 20; i++)
			h->wrong += !hash_equal(&items[i].root, &h->want);
	}
	return NULL;
}

static void many_threads_hash(void)
{
	enum { THREADS = 8 };
	struct hasher hashers[THREADS];
	pthread_t threads[THREADS];
	uint8_t *data = mem_array(LEAF + THREADS, 1);

	assert_non_null(data);
	random_fill(data, LEAF + THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		hashers[i] = (struct hasher){
			data + i, LEAF + i % 2, naive_tree(data + i, LEAF + i % 2), 0};
		assert_int_equal(pthread_create(&threads[i], NULL, hash_often, &hashers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(hashers[i].wrong, 0);
	}
	mem_free(data);
}

static void threads_hash_at_once(void **state)
{
	(void)state;
	with_each_engine(many_threads_hash);
}

/* Where an engine gets no memory another does its work: hashing cannot fail. */
static void hash_in_child(unsigned long fail_at)
{
	uint8_t *data = mem_array(20 * LEAF, 1);
	struct hash want, got, leaves[20];

	memset(data, 9, 20 * LEAF);
	want = naive_tree(data, 20 * LEAF);
	mem_fail_at(fail_at);
	hash_leaves(data, 20 * LEAF, leaves);
	mem_fail_at(0);
	hash_root(leaves, 20, &got);
	_exit(hash_equal(&got, &want) ? 0 : 1);
}

/* In children, before the first use of an engine here. */
static void hashing_needs_no_memory(void **state)
{
	(void)state;
	for (unsigned long n = 0; n < 4; n++) {
		int status;
		pid_t child = fork();

		assert_true(child >= 0);
		if (!child)
			hash_in_child(n);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashing_needs_no_memory),
		cmocka_unit_test(environment_forces_an_engine),
		cmocka_unit_test(sha256_as_fips_180_has_it),
		cmocka_unit_test(hmac_as_rfc_4231_has_it),
		cmocka_unit_test(hashes_are_compared),
		cmocka_unit_test(leaves_are_counted),
		cmocka_unit_test(trees_are_those_of_the_table),
		cmocka_unit_test(trees_are_those_of_the_definition),
		cmocka_unit_test(roots_of_any_number_of_leaves),
		cmocka_unit_test(trees_in_batches),
		cmocka_unit_test(engines_agree),
		cmocka_unit_test(broken_engines_are_found_out),
		cmocka_unit_test(threads_hash_at_once),
	};

	return cmocka_run_group_tests(tests, random_setup, NULL);
}
