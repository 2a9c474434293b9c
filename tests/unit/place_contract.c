/* SPDX-License-Identifier: MIT */
/* place_contract.c - each test gets a new, empty place; which one is its initial state. */
#include "place_contract.h"

#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>

#define ALIGNED 4096
#define MIB ((size_t)1 << 20)
#define STEPS_MAX 1000

/* --- helpers --- */

uint8_t *contract_bytes(const char *name, size_t size)
{
	uint8_t *bytes = mem_aligned(ALIGNED, size + 1);
	uint32_t x = 1 + (uint32_t)size;

	assert_non_null(bytes);
	for (; *name; name++)
		x = x * 31 + (uint8_t)*name;
	for (size_t i = 0; i < size; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(x >> 24);
	}
	return bytes;
}

int contract_put(struct place *p, const char *name, size_t size)
{
	CLEANUP(mem_free_at) uint8_t *bytes = contract_bytes(name, size);
	struct iovec part = {bytes, size};
	struct sherd_error err = {0};
	int r = place_put(p, name, &part, 1, &err);

	assert_int_equal(err.code, r);
	return r;
}

int contract_holds(struct place *p, const char *name, size_t size)
{
	CLEANUP(mem_free_at) uint8_t *bytes = contract_bytes(name, size);
	CLEANUP(mem_free_at) uint8_t *found = NULL;
	size_t found_size = 0;
	struct sherd_error err = {0};
	int r = place_get_whole(p, name, size + 100, &found, &found_size, &err);

	assert_int_equal(err.code, r);
	if (r)
		return r;
	assert_int_equal(found_size, size);
	assert_memory_equal(found, bytes, size);
	return 0;
}

char *contract_names(struct place *p, const char *prefix, const char *after)
{
	CLEANUP(place_page_release) struct place_page page = {0};
	char *names = mem_format("%s", "");

	assert_int_equal(place_list(p, prefix, after, &page, NULL), 0);
	for (size_t i = 0; i < page.count; i++) {
		char *longer = mem_format("%s%s%s", names, i ? " " : "", page.entries[i].name);

		mem_free(names);
		names = longer;
	}
	assert_non_null(names);
	return names;
}

static void assert_names(struct place *p, const char *prefix, const char *after, const char *want)
{
	CLEANUP(mem_free_at) char *names = contract_names(p, prefix, after);

	assert_string_equal(names, want);
}

/* --- the state of a test --- */

struct bench {
	const struct place_maker *maker;
	struct place *place;
};

static int bench_setup(void **state)
{
	struct bench *b = *state;

	mem_fail_at(0);
	b->place = b->maker->open(b->maker);
	return b->place ? 0 : -1;
}

static int bench_teardown(void **state)
{
	struct bench *b = *state;

	mem_fail_at(0);
	place_free(b->place);
	b->place = NULL;
	b->maker->clean(b->maker);
	return 0;
}

static struct place *place_of(void **state)
{
	return ((struct bench *)*state)->place;
}

/* --- objects --- */

static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 65536, 65537, MIB, 5 * MIB + 1};

static void check_range(struct place *p, const char *name, const uint8_t *bytes, size_t size,
	uint64_t at, size_t want, size_t shift)
{
	CLEANUP(mem_free_at) uint8_t *buffer = mem_aligned(ALIGNED, shift + want + 1);
	size_t got = 12345, there = at < size ? INT_MIN_OF(size - (size_t)at, want) : 0;

	assert_non_null(buffer);
	buffer[shift + want] = 0x5a;
	assert_int_equal(place_get(p, name, at, want, buffer + shift, &got, NULL), 0);
	assert_int_equal(got, there);
	if (there)
		assert_memory_equal(buffer + shift, bytes + at, there);
	assert_int_equal(buffer[shift + want], 0x5a);
}

static void check_ranges(struct place *p, const char *name, const uint8_t *bytes, size_t size)
{
	check_range(p, name, bytes, size, 0, size, 0);
	check_range(p, name, bytes, size, 0, size + 1, 0);
	check_range(p, name, bytes, size, 0, 0, 0);
	check_range(p, name, bytes, size, size, 10, 0);
	check_range(p, name, bytes, size, size + 1, 10, 0);
	check_range(p, name, bytes, size, UINT64_MAX, 10, 0);
	check_range(p, name, bytes, size, INT64_MAX, 10, 0);
	check_range(p, name, bytes, size, 1, size, 1);
	check_range(p, name, bytes, size, size / 2, 100, 3);
	check_range(p, name, bytes, size, 0, 2 * MIB, 0);
	check_range(p, name, bytes, size, MIB, MIB, 0);
	check_range(p, name, bytes, size, 4096, MIB, 0);
	check_range(p, name, bytes, size, 4 * MIB, 4 * MIB, 0);
	check_range(p, name, bytes, size, 8 * MIB, MIB, 0);
	check_range(p, name, bytes, size, 4096, MIB, 512);
}

static void check_object(struct place *p, const char *name, const uint8_t *bytes, size_t size)
{
	struct place_stat st = {0};

	assert_int_equal(place_stat(p, name, &st, NULL), 0);
	assert_int_equal(st.size, size);
	check_ranges(p, name, bytes, size);
}

/* Parts of ${piece} bytes each, which begin ${shift} behind a multiple of 4096; some are empty. */
static void put_in_parts(struct place *p, const char *name, const uint8_t *bytes, size_t size,
	size_t piece, size_t shift)
{
	size_t count = 2 * (size / piece + 1), used = 0;
	CLEANUP(mem_free_at) uint8_t *buffer = mem_aligned(ALIGNED, shift + size + 1);
	CLEANUP(mem_free_at) struct iovec *parts = mem_array(count, sizeof(*parts));
	CLEANUP(mem_free_at) struct iovec *before = mem_array(count, sizeof(*parts));

	assert_true(buffer && parts && before);
	memcpy(buffer + shift, bytes, size);
	for (size_t at = 0; at < size; at += piece) {
		parts[used++] = (struct iovec){buffer + shift + at, INT_MIN_OF(piece, size - at)};
		parts[used++] = (struct iovec){buffer, 0};
	}
	memcpy(before, parts, used * sizeof(*parts));
	assert_int_equal(place_put(p, name, parts, used, NULL), 0);
	/* The parts are only read. */
	assert_memory_equal(before, parts, used * sizeof(*parts));
	assert_memory_equal(buffer + shift, bytes, size);
}

static void objects_of_all_sizes(void **state)
{
	static const size_t pieces[] = {6 * MIB, 4096, 65536, 2 * MIB, 5000};
	struct place *p = place_of(state);

	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		CLEANUP(mem_free_at) uint8_t *bytes = contract_bytes("x", sizes[i]);

		for (size_t j = 0; j < 2 * ARRAY_COUNT(pieces); j++) {
			char name[40];

			snprintf(name, sizeof(name), "o/%zu-%zu", sizes[i], j);
			put_in_parts(p, name, bytes, sizes[i], pieces[j / 2], j & 1 ? 1 : 0);
			check_object(p, name, bytes, sizes[i]);
			assert_int_equal(place_remove(p, name, NULL), 0);
		}
	}
}

static void many_parts(void **state)
{
	struct place *p = place_of(state);
	CLEANUP(mem_free_at) uint8_t *bytes = contract_bytes("x", 5000);

	put_in_parts(p, "tiny", bytes, 5000, 1, 0);
	check_object(p, "tiny", bytes, 5000);
	assert_int_equal(place_put(p, "none", NULL, 0, NULL), 0);
	check_object(p, "none", bytes, 0);
}

static void too_large(void **state)
{
	struct iovec parts[2] = {{NULL, SIZE_MAX / 2 + 1}, {NULL, SIZE_MAX / 2 + 1}};
	struct sherd_error err = {0};

	assert_int_equal(place_put(place_of(state), "x", parts, 2, &err), SHERD_INVALID);
	assert_int_equal(place_put(place_of(state), "x", parts, 1, &err), SHERD_INVALID);
	assert_int_equal(contract_holds(place_of(state), "x", 0), SHERD_NOTFOUND);
}

static void whole_objects(void **state)
{
	static const size_t whole_sizes[] = {0, 1, 65535, 65536, 65537, 131072, 300000};
	struct place *p = place_of(state);

	for (size_t i = 0; i < ARRAY_COUNT(whole_sizes); i++) {
		size_t size = whole_sizes[i], found_size = 77;
		CLEANUP(mem_free_at) uint8_t *bytes = contract_bytes("w", size);
		CLEANUP(mem_free_at) uint8_t *found = NULL;
		uint8_t *untouched = NULL;
		struct sherd_error err = {0};
		char name[20];

		snprintf(name, sizeof(name), "w%zu", size);
		put_in_parts(p, name, bytes, size, 7000, 0);
		assert_int_equal(place_get_whole(p, name, size, &found, &found_size, NULL), 0);
		assert_int_equal(found_size, size);
		assert_non_null(found);
		assert_memory_equal(found, bytes, size);
		mem_free(found);
		assert_int_equal(place_get_whole(p, name, SIZE_MAX, &found, &found_size, NULL), 0);
		assert_int_equal(found_size, size);
		if (!size)
			continue;
		found_size = 77;
		assert_int_equal(place_get_whole(p, name, size - 1, &untouched, &found_size, &err),
			SHERD_CORRUPT);
		assert_int_equal(err.code, SHERD_CORRUPT);
		assert_null(untouched);
		assert_int_equal(found_size, 77);
	}
}

static void never_replaced(void **state)
{
	struct place *p = place_of(state);
	CLEANUP(mem_free_at) uint8_t *other = contract_bytes("other", 2 * MIB);
	struct iovec part = {other, 2 * MIB};
	struct sherd_error err = {0};

	for (size_t i = 0; i < 2; i++) {
		const char *name = i ? "in/a/folder" : "alone";

		assert_int_equal(contract_put(p, name, 1000), 0);
		part.iov_len = 10;
		assert_int_equal(place_put(p, name, &part, 1, &err), SHERD_EXISTS);
		assert_int_equal(err.code, SHERD_EXISTS);
		part.iov_len = 2 * MIB;
		assert_int_equal(place_put(p, name, &part, 1, NULL), SHERD_EXISTS);
		assert_int_equal(contract_put(p, name, 1000), SHERD_EXISTS);
		assert_int_equal(place_put(p, name, NULL, 0, NULL), SHERD_EXISTS);
		assert_int_equal(contract_holds(p, name, 1000), 0);
	}
	assert_names(p, "", NULL, "alone in/a/folder");
}

static void absent_objects(void **state)
{
	static const char *const names[] = {
		"a", "a/b", "a/b/c/d", "there/more", "folder", "folder/x"};
	struct place *p = place_of(state);
	struct place_stat st = {77, 77};
	uint8_t buffer[4] = "abc";
	size_t got = 77;

	assert_int_equal(contract_put(p, "there", 3), 0);
	assert_int_equal(contract_put(p, "folder/deep/x", 3), 0);
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct sherd_error err = {0};

		assert_int_equal(place_get(p, names[i], 0, 4, buffer, &got, &err), SHERD_NOTFOUND);
		assert_int_equal(err.code, SHERD_NOTFOUND);
		assert_non_null(strstr(err.message, p->url));
		assert_int_equal(place_get(p, names[i], 0, 0, NULL, &got, NULL), SHERD_NOTFOUND);
		assert_int_equal(place_stat(p, names[i], &st, &err), SHERD_NOTFOUND);
		assert_int_equal(place_remove(p, names[i], &err), SHERD_NOTFOUND);
		assert_int_equal(place_remove(p, names[i], NULL), SHERD_NOTFOUND);
	}
	assert_int_equal(got, 77);
	assert_int_equal(st.size, 77);
	assert_names(p, "", NULL, "folder/deep/x there");
}

static void removing(void **state)
{
	struct place *p = place_of(state);

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(contract_put(p, "a/b", 100 + i), 0);
		assert_int_equal(contract_put(p, "a/c", 5), i ? SHERD_EXISTS : 0);
		assert_int_equal(place_remove(p, "a/b", NULL), 0);
		assert_int_equal(contract_holds(p, "a/b", 100), SHERD_NOTFOUND);
		assert_int_equal(place_remove(p, "a/b", NULL), SHERD_NOTFOUND);
		assert_int_equal(contract_holds(p, "a/c", 5), 0);
	}
	assert_int_equal(place_remove(p, "a/c", NULL), 0);
	assert_names(p, "", NULL, "");
}

/* --- names --- */

static void refused_everywhere(struct place *p, const char *name)
{
	struct iovec part = {(uint8_t[1]){1}, 1};
	struct place_stat st;
	struct sherd_error err = {0};
	uint8_t byte;
	size_t got;

	assert_false(place_name_ok(name));
	assert_int_equal(place_put(p, name, &part, 1, &err), SHERD_INVALID);
	assert_int_equal(err.code, SHERD_INVALID);
	assert_int_equal(place_put(p, name, &part, 1, NULL), SHERD_INVALID);
	assert_int_equal(place_get(p, name, 0, 1, &byte, &got, NULL), SHERD_INVALID);
	assert_int_equal(place_get_whole(p, name, 9, NULL, NULL, NULL), SHERD_INVALID);
	assert_int_equal(place_stat(p, name, &st, NULL), SHERD_INVALID);
	assert_int_equal(place_remove(p, name, NULL), SHERD_INVALID);
}

static void names_refused(void **state)
{
	static const char *const bad[] = {"", "/", "/a", "a/", "a//b", ".", "..", ".a", "a/.",
		"a/..", "a/.b", "../a", "a/../b", "A", "a b", "a\n", "a\\b", "\xc3\xa4", "a:b",
		"a*", "~", "-/..", "a/b/", "a\x7f"};
	struct place *p = place_of(state);
	CLEANUP(place_page_release) struct place_page page = {0};
	char name[PLACE_NAME_MAX + 2];

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		refused_everywhere(p, bad[i]);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	refused_everywhere(p, name);
	for (size_t i = 1; i < sizeof(name); i += 2)
		name[i] = i + 1 < sizeof(name) ? '/' : '\0';
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		size_t length = strlen(bad[i]);

		/* Of prefixes only what ends in '/', less that, is a name. */
		if (strcmp(bad[i], "") == 0 || strcmp(bad[i], "a/") == 0 ||
			strcmp(bad[i], "a/b/") == 0)
			continue;
		assert_int_equal(place_list(p, bad[i], NULL, &page, NULL), SHERD_INVALID);
		assert_true(length > 0);
	}
	assert_int_equal(place_list(p, "a", NULL, &page, NULL), SHERD_INVALID);
	assert_int_equal(place_list(p, "", "a b", &page, NULL), SHERD_INVALID);
	assert_null(page.entries);
	assert_names(p, "", NULL, "");
}

static void longest_names(void **state)
{
	struct place *p = place_of(state);
	char one[PLACE_NAME_MAX + 1], deep[PLACE_NAME_MAX + 1];
	CLEANUP(mem_free_at) char *both = NULL;

	memset(one, 'z', PLACE_NAME_MAX);
	memset(deep, 'y', PLACE_NAME_MAX);
	one[PLACE_NAME_MAX] = deep[PLACE_NAME_MAX] = '\0';
	/* 199 bytes, 100 parts; and the same with a last part of two letters. */
	for (size_t i = 1; i < PLACE_NAME_MAX - 1; i += 2)
		deep[i] = '/';
	assert_true(place_name_ok(one) && place_name_ok(deep));
	for (size_t i = 0; i < 2; i++) {
		const char *name = i ? deep : one;

		assert_int_equal(contract_put(p, name, 9), 0);
		assert_int_equal(contract_put(p, name, 9), SHERD_EXISTS);
		assert_int_equal(contract_holds(p, name, 9), 0);
	}
	both = mem_format("%s %s", deep, one);
	assert_names(p, "", NULL, both);
	assert_names(p, "y/y/y/", NULL, deep);
	assert_names(p, "", deep, one);
	assert_int_equal(place_remove(p, deep, NULL), 0);
	assert_names(p, "", NULL, one);
}

/* --- lists --- */

static void lists_in_order(void **state)
{
	static const char *const put[] = {"b", "a/x", "a0", "a.b", "a-", "a/b/c", "a/b/a", "a/b.c",
		"a/b0", "a_", "c/d/e/f", "c/d/e-f", "aa/b", "a.a/z"};
	struct place *p = place_of(state);

	for (size_t i = 0; i < ARRAY_COUNT(put); i++)
		assert_int_equal(contract_put(p, put[i], i), 0);
	assert_names(p, "", NULL,
		"a- a.a/z a.b a/b.c a/b/a a/b/c a/b0 a/x a0 a_ aa/b b c/d/e-f c/d/e/f");
	assert_names(
		p, "", "", "a- a.a/z a.b a/b.c a/b/a a/b/c a/b0 a/x a0 a_ aa/b b c/d/e-f c/d/e/f");
	assert_names(p, "a/", NULL, "a/b.c a/b/a a/b/c a/b0 a/x");
	assert_names(p, "a/b/", NULL, "a/b/a a/b/c");
	assert_names(p, "c/", NULL, "c/d/e-f c/d/e/f");
	assert_names(p, "c/d/e/", NULL, "c/d/e/f");
	assert_names(p, "a.b/", NULL, ""); /* an object, not a prefix of any */
	assert_names(p, "nothing/", NULL, "");
	assert_names(p, "a/nothing/here/", NULL, "");
	/* after: names that are there, and that are not, within the prefix and outside. */
	assert_names(p, "", "a/b/a", "a/b/c a/b0 a/x a0 a_ aa/b b c/d/e-f c/d/e/f");
	assert_names(p, "", "a/b/b", "a/b/c a/b0 a/x a0 a_ aa/b b c/d/e-f c/d/e/f");
	assert_names(p, "", "a/b", "a/b.c a/b/a a/b/c a/b0 a/x a0 a_ aa/b b c/d/e-f c/d/e/f");
	assert_names(p, "", "a/b/", "a/b/a a/b/c a/b0 a/x a0 a_ aa/b b c/d/e-f c/d/e/f");
	assert_names(p, "", "a/zzz", "a0 a_ aa/b b c/d/e-f c/d/e/f");
	assert_names(p, "", "c/d/e", "c/d/e-f c/d/e/f");
	assert_names(p, "", "c/d/e-f", "c/d/e/f");
	assert_names(p, "", "c/d/e/f", "");
	assert_names(p, "", "z", "");
	assert_names(p, "a/", "a", "a/b.c a/b/a a/b/c a/b0 a/x");
	assert_names(p, "a/", "a-", "a/b.c a/b/a a/b/c a/b0 a/x");
	assert_names(p, "a/", "a/b/a", "a/b/c a/b0 a/x");
	assert_names(p, "a/", "a/x", "");
	assert_names(p, "a/", "a0", "");
	assert_names(p, "a/b/", "a/b/a", "a/b/c");
}

static void list_sizes(void **state)
{
	struct place *p = place_of(state);
	CLEANUP(place_page_release) struct place_page page = {0};

	assert_int_equal(place_list(p, "", NULL, &page, NULL), 0);
	assert_int_equal(page.count, 0);
	assert_false(page.more);
	place_page_release(&page);
	for (size_t i = 0; i < 20; i++) {
		char name[20];

		snprintf(name, sizeof(name), "n%02zu", i);
		assert_int_equal(contract_put(p, name, i * 100), 0);
	}
	assert_int_equal(place_list(p, "", NULL, &page, NULL), 0);
	assert_int_equal(page.count, 20);
	assert_false(page.more);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(page.entries[i].size, i * 100);
	place_page_release(&page);
	assert_null(page.entries);
	assert_int_equal(page.count, 0);
}

#define PAGED 2500

static void paged_name(unsigned i, bool folders, char name[40])
{
	if (folders)
		snprintf(name, 40, "p/%02x/n%05u", i * 40 / PAGED, i);
	else
		snprintf(name, 40, "p/n%05u", i);
}

static bool removed_meanwhile(unsigned i)
{
	return i % 3 == 1;
}

/* Go through all pages; behind each one remove a third of what is still to come. */
static void page_through(struct place *p, bool folders)
{
	CLEANUP(mem_free_at) bool *seen = mem_array(PAGED, sizeof(bool));
	unsigned pages = 0, removed_from = PAGED;
	char after[PLACE_NAME_MAX + 1] = "", name[40];
	bool more = true;

	assert_non_null(seen);
	while (more) {
		CLEANUP(place_page_release) struct place_page page = {0};

		assert_int_equal(place_list(p, pages & 1 ? "p/" : "", after, &page, NULL), 0);
		assert_true(page.count <= PLACE_LIST_MAX);
		assert_true(page.count == PLACE_LIST_MAX || !page.more);
		for (size_t i = 0; i < page.count; i++) {
			unsigned number;

			assert_true(strcmp(page.entries[i].name, after) > 0);
			snprintf(after, sizeof(after), "%s", page.entries[i].name);
			assert_int_equal(sscanf(strrchr(after, 'n'), "n%u", &number), 1);
			paged_name(number, folders, name);
			assert_string_equal(name, after);
			assert_true(number < PAGED);
			assert_false(seen[number]);
			seen[number] = true;
		}
		more = page.more;
		for (unsigned i = 0; pages == 0 && i < PAGED; i++) {
			paged_name(i, folders, name);
			if (strcmp(name, after) <= 0 || !removed_meanwhile(i))
				continue;
			removed_from = INT_MIN_OF(removed_from, i);
			assert_int_equal(place_remove(p, name, NULL), 0);
		}
		assert_true(pages++ < 5);
	}
	for (unsigned i = 0; i < PAGED; i++)
		assert_int_equal(seen[i], i < removed_from || !removed_meanwhile(i));
	assert_true(pages >= 2);
}

static void paging(void **state)
{
	struct place *p = place_of(state);
	char name[40];

	for (unsigned folders = 0; folders < 2; folders++) {
		for (unsigned i = 0; i < PAGED; i++) {
			/* not in order: 1999 is prime to 2500 */
			paged_name(i * 1999 % PAGED, folders, name);
			assert_int_equal(place_put(p, name, NULL, 0, NULL), 0);
		}
		page_through(p, folders);
		for (unsigned i = 0; i < PAGED; i++) {
			int r;

			paged_name(i, folders, name);
			r = place_remove(p, name, NULL);
			assert_true(r == 0 || (r == SHERD_NOTFOUND && removed_meanwhile(i)));
		}
		assert_names(p, "", NULL, "");
	}
}

/* Exactly as many as a page holds, one less, one more. */
static void full_pages(void **state)
{
	struct place *p = place_of(state);
	char name[20];

	for (unsigned i = 0; i <= PLACE_LIST_MAX; i++) {
		CLEANUP(place_page_release) struct place_page page = {0};

		snprintf(name, sizeof(name), "%05u", i);
		assert_int_equal(place_put(p, name, NULL, 0, NULL), 0);
		if (i + 2 < PLACE_LIST_MAX)
			continue;
		assert_int_equal(place_list(p, "", NULL, &page, NULL), 0);
		assert_int_equal(page.count, INT_MIN_OF(i + 1, (unsigned)PLACE_LIST_MAX));
		if (i + 1 > PLACE_LIST_MAX)
			assert_true(page.more);
		if (i + 1 < PLACE_LIST_MAX)
			assert_false(page.more);
	}
}

/* --- space --- */

static void space(void **state)
{
	struct place_space s = {1, 2};
	int r = place_space(place_of(state), &s, NULL);

	if (r == SHERD_UNSUPPORTED)
		return;
	assert_int_equal(r, 0);
	assert_true(s.free <= s.total);
}

/* --- threads --- */

#define THREADS 4
#define ROUNDS 40

struct crowd {
	struct place *place;
	pthread_barrier_t barrier;
	int results[THREADS];
	atomic_uint faults; /* assertions belong to the first thread */
	atomic_bool done;
};

struct member {
	struct crowd *crowd;
	unsigned number;
};

static void crowd_run(struct crowd *c, void *(*main)(void *member))
{
	struct member members[THREADS];
	pthread_t threads[THREADS];

	assert_int_equal(pthread_barrier_init(&c->barrier, NULL, THREADS), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		members[i] = (struct member){c, i};
		assert_int_equal(pthread_create(&threads[i], NULL, main, &members[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&c->barrier);
	assert_int_equal(atomic_load(&c->faults), 0);
}

/* All bytes the same, which tells the writer. */
static int put_filled(struct place *p, const char *name, uint8_t value, size_t size)
{
	uint8_t *bytes = mem_aligned(ALIGNED, size + 1);
	struct iovec part = {bytes, size};
	int r;

	memset(bytes, value, size);
	r = place_put(p, name, &part, 1, NULL);
	mem_free(bytes);
	return r;
}

/* What the object is filled with; -1: not there, -2: not whole. */
static int filled_with(struct place *p, const char *name, size_t size)
{
	uint8_t *bytes = NULL;
	size_t got = 0;
	int r = place_get_whole(p, name, size, &bytes, &got, NULL);
	int value = r == SHERD_NOTFOUND ? -1 : -2;

	if (r == 0 && got == size) {
		value = bytes[0];
		for (size_t i = 0; i < size; i++)
			if (bytes[i] != value)
				value = -2;
	}
	if (r == 0)
		mem_free(bytes);
	return value;
}

static void *put_the_same(void *context)
{
	struct member *m = context;
	struct crowd *c = m->crowd;
	size_t size = 70000;

	for (unsigned round = 0; round < ROUNDS; round++) {
		char name[40];

		/* In folders that nobody has made yet. */
		snprintf(name, sizeof(name), "r/%u/x", round);
		pthread_barrier_wait(&c->barrier);
		c->results[m->number] = put_filled(c->place, name, (uint8_t)m->number, size);
		pthread_barrier_wait(&c->barrier);
		if (m->number == 0) {
			int winner = -1;

			for (int i = 0; i < THREADS; i++) {
				if (c->results[i] == 0 && winner >= 0)
					atomic_fetch_add(&c->faults, 1);
				else if (c->results[i] == 0)
					winner = i;
				else if (c->results[i] != SHERD_EXISTS)
					atomic_fetch_add(&c->faults, 1);
			}
			if (winner < 0 || filled_with(c->place, name, size) != winner)
				atomic_fetch_add(&c->faults, 1);
		}
	}
	return NULL;
}

static void one_of_many_puts_wins(void **state)
{
	struct crowd c = {.place = place_of(state)};

	crowd_run(&c, put_the_same);
}

#define SEEN_SIZE ((size_t)1 << 20)

/* Thread 0 puts and removes, the others look. */
static void *put_or_look(void *context)
{
	struct member *m = context;
	struct crowd *c = m->crowd;

	pthread_barrier_wait(&c->barrier);
	for (unsigned i = 0; m->number == 0 && i < ROUNDS; i++) {
		if (put_filled(c->place, "v/x", (uint8_t)i, SEEN_SIZE) != 0)
			atomic_fetch_add(&c->faults, 1);
		if (i + 1 < ROUNDS && place_remove(c->place, "v/x", NULL) != 0)
			atomic_fetch_add(&c->faults, 1);
	}
	if (m->number == 0)
		atomic_store(&c->done, true);
	while (m->number && !atomic_load(&c->done)) {
		struct place_page page = {0};
		struct place_stat st;
		int r = place_stat(c->place, "v/x", &st, NULL);
		uint8_t *bytes = mem_aligned(ALIGNED, SEEN_SIZE);
		size_t got = SEEN_SIZE;

		if (r != SHERD_NOTFOUND && (r != 0 || st.size != SEEN_SIZE))
			atomic_fetch_add(&c->faults, 1);
		r = place_get(c->place, "v/x", 0, SEEN_SIZE, bytes, &got, NULL);
		if (r != SHERD_NOTFOUND && (r != 0 || got != SEEN_SIZE))
			atomic_fetch_add(&c->faults, 1);
		if (r == 0 && memcmp(bytes, bytes + 1, SEEN_SIZE - 1) != 0)
			atomic_fetch_add(&c->faults, 1);
		mem_free(bytes);
		if (place_list(c->place, "", NULL, &page, NULL) != 0 || page.count > 1)
			atomic_fetch_add(&c->faults, 1);
		if (page.count && page.entries[0].size != SEEN_SIZE)
			atomic_fetch_add(&c->faults, 1);
		place_page_release(&page);
	}
	return NULL;
}

static void whole_or_not_at_all(void **state)
{
	struct crowd c = {.place = place_of(state)};

	crowd_run(&c, put_or_look);
	assert_int_equal(filled_with(c.place, "v/x", SEEN_SIZE), ROUNDS - 1);
}

/* Everybody with names of their own, of which others see as much as they see. */
static void *each_for_itself(void *context)
{
	struct member *m = context;
	struct crowd *c = m->crowd;

	pthread_barrier_wait(&c->barrier);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct place_page page = {0};
		struct place_space s;
		char name[40];

		snprintf(name, sizeof(name), "m/%u/%u", i % 5, i * THREADS + m->number);
		if (put_filled(c->place, name, (uint8_t)i, 100 + i) != 0 ||
			filled_with(c->place, name, 100 + i) != (int)i)
			atomic_fetch_add(&c->faults, 1);
		if (place_list(c->place, "m/", NULL, &page, NULL) != 0 || page.count < 1)
			atomic_fetch_add(&c->faults, 1);
		place_page_release(&page);
		place_space(c->place, &s, NULL);
		if (i % 2 && place_remove(c->place, name, NULL) != 0)
			atomic_fetch_add(&c->faults, 1);
	}
	return NULL;
}

static void threads(void **state)
{
	struct crowd c = {.place = place_of(state)};
	CLEANUP(place_page_release) struct place_page page = {0};

	crowd_run(&c, each_for_itself);
	assert_int_equal(place_list(c.place, "m/", NULL, &page, NULL), 0);
	assert_int_equal(page.count, THREADS * ROUNDS / 2);
}

/* --- without memory --- */

static void failing_allocations(void **state)
{
	struct place *p = place_of(state);
	unsigned long made, n = 1;

	assert_int_equal(contract_put(p, "a/old", 200000), 0);
	do {
		CLEANUP(place_page_release) struct place_page page = {0};
		CLEANUP(mem_free_at) uint8_t *found = NULL;
		struct iovec part = {(uint8_t[3]){1, 2, 3}, 3};
		struct sherd_error err = {0};
		size_t size = 0;
		int r[4];

		mem_fail_at(n);
		r[0] = place_put(p, "a/new", &part, 1, &err);
		r[1] = place_get_whole(p, "a/old", 300000, &found, &size, &err);
		r[2] = place_list(p, "", NULL, &page, &err);
		r[3] = place_remove(p, "a/old2", &err);
		made = mem_fail_at(0);
		assert_true(r[0] == 0 || r[0] == SHERD_NOMEM);
		assert_true(r[1] == 0 || r[1] == SHERD_NOMEM);
		assert_true(r[2] == 0 || r[2] == SHERD_NOMEM);
		assert_int_equal(r[3], SHERD_NOTFOUND);
		assert_int_equal(r[0] || r[1] || r[2], made >= n);
		if (r[1] == 0)
			assert_int_equal(size, 200000);
		if (r[2] == 0)
			assert_int_equal(page.count, r[0] ? 1 : 2);
		assert_int_equal(place_remove(p, "a/new", NULL), r[0] ? SHERD_NOTFOUND : 0);
		assert_int_equal(contract_holds(p, "a/old", 200000), 0);
		assert_true(n++ < STEPS_MAX);
	} while (made >= n - 1);
	assert_true(n > 3);
}

/* Errors may go unasked. */
static void without_an_error(void **state)
{
	struct place *p = place_of(state);
	struct place_stat st;

	assert_int_equal(place_stat(p, "a", &st, NULL), SHERD_NOTFOUND);
	assert_int_equal(place_stat(p, "", &st, NULL), SHERD_INVALID);
	place_free(NULL);
}

/* --- all of it --- */

static const struct {
	const char *name;
	CMUnitTestFunction function;
} tests[] = {
	{"objects of all sizes", objects_of_all_sizes},
	{"many parts", many_parts},
	{"too large", too_large},
	{"whole objects", whole_objects},
	{"never replaced", never_replaced},
	{"absent objects", absent_objects},
	{"removing", removing},
	{"names refused", names_refused},
	{"longest names", longest_names},
	{"lists in order", lists_in_order},
	{"list sizes", list_sizes},
	{"paging", paging},
	{"full pages", full_pages},
	{"space", space},
	{"one of many puts wins", one_of_many_puts_wins},
	{"whole or not at all", whole_or_not_at_all},
	{"threads", threads},
	{"failing allocations", failing_allocations},
	{"without an error", without_an_error},
};

int place_contract_run(const struct place_maker *makers, size_t count)
{
	size_t total = count * ARRAY_COUNT(tests);
	CLEANUP(mem_free_at) struct CMUnitTest *all = mem_array(total, sizeof(*all));
	CLEANUP(mem_free_at) struct bench *benches = mem_array(total, sizeof(*benches));
	CLEANUP(mem_free_at) char(*names)[80] = mem_array(total, sizeof(*names));

	assert(all && benches && names);
	for (size_t i = 0; i < total; i++) {
		const struct place_maker *maker = &makers[i / ARRAY_COUNT(tests)];
		size_t test = i % ARRAY_COUNT(tests);

		snprintf(names[i], sizeof(names[i]), "%s: %s", maker->name, tests[test].name);
		benches[i].maker = maker;
		all[i] = (struct CMUnitTest){.name = names[i],
			.test_func = tests[test].function,
			.setup_func = bench_setup,
			.teardown_func = bench_teardown,
			.initial_state = &benches[i]};
	}
	return _cmocka_run_group_tests("place contract", all, total, NULL, NULL);
}
