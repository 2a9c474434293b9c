/* SPDX-License-Identifier: MIT */
/*
 * t_catalog.c - streams against the golden table; what joins must be, on states that devices reach
 * and on any; hostile streams; what fails leaves no trace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include <repo/catalog.h>

#include "golden.h"

#define HEAD_SIZE 12
#define KNOWN_SIZE 24
#define FACT_SIZE 36

/* --- helpers --- */

static struct catalog *make(void)
{
	struct catalog *c = NULL;

	assert_int_equal(catalog_new(&c, NULL), 0);
	return c;
}

static void add(struct catalog *c, char device, const char *payload)
{
	uint8_t incarnation[16];

	memset(incarnation, device, sizeof(incarnation));
	assert_int_equal(catalog_add(c, incarnation, CATALOG_SNAPSHOT, payload,
				 (uint32_t)strlen(payload), NULL),
		0);
}

static struct bytes stream(const struct catalog *c)
{
	struct bytes b = BYTES_INIT;

	catalog_write(c, &b);
	assert_false(b.failed);
	return b;
}

static struct catalog *read_bytes(const struct bytes *b)
{
	struct catalog *c = NULL;

	assert_int_equal(catalog_read(b->data, b->size, &c, NULL), 0);
	return c;
}

static struct catalog *copy(const struct catalog *c)
{
	CLEANUP(bytes_release) struct bytes b = stream(c);

	return read_bytes(&b);
}

/* A new catalog: both joined. */
static struct catalog *joined(const struct catalog *a, const struct catalog *b)
{
	struct catalog *c = copy(a);

	assert_int_equal(catalog_join(c, b, NULL), 0);
	return c;
}

static bool same_bytes(const struct bytes *a, const struct bytes *b)
{
	return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static bool equal(const struct catalog *a, const struct catalog *b)
{
	CLEANUP(bytes_release) struct bytes left = stream(a), right = stream(b);

	return same_bytes(&left, &right);
}

/* The payloads, each with a space behind it. */
static void assert_facts(const struct catalog *c, const char *wanted)
{
	char all[200] = "";
	size_t size = 0;

	for (size_t i = 0; i < catalog_count(c); i++) {
		const struct catalog_fact *fact = catalog_at(c, i);

		assert_true(size + fact->size + 2 < sizeof(all));
		memcpy(all + size, fact->payload, fact->size);
		size += fact->size;
		all[size++] = ' ';
	}
	assert_string_equal(all, wanted);
}

/* What every catalog must be. */
static void assert_sound(const struct catalog *c)
{
	for (size_t i = 1; i < catalog_vector_count(c); i++)
		assert_true(memcmp(catalog_vector_at(c, i - 1)->incarnation,
				    catalog_vector_at(c, i)->incarnation, 16) < 0);
	for (size_t i = 0; i < catalog_count(c); i++) {
		const struct catalog_fact *fact = catalog_at(c, i);
		bool covered = false;

		for (size_t j = 0; j < catalog_vector_count(c); j++) {
			const struct catalog_known *known = catalog_vector_at(c, j);

			covered |= memcmp(known->incarnation, fact->incarnation, 16) == 0 &&
				   fact->seq >= 1 && fact->seq <= known->seq;
		}
		assert_true(covered);
	}
}

/* --- streams --- */

static struct catalog *golden_catalog(struct golden *g, const char *name)
{
	struct bytes b = BYTES_INIT, again;
	struct catalog *c;
	size_t facts, size;

	assert_true(golden_next(g));
	assert_string_equal(golden_text(g), name);
	facts = golden_number(g);
	size = golden_number(g);
	assert_non_null(bytes_extend(&b, size));
	golden_bytes(g, size, b.data);
	golden_end(g);
	c = read_bytes(&b);
	assert_int_equal(catalog_count(c), facts);
	again = stream(c);
	assert_true(same_bytes(&b, &again));
	bytes_release(&b);
	bytes_release(&again);
	assert_sound(c);
	return c;
}

static void streams_are_those_of_the_table(void **state)
{
	CLEANUP(golden_close_at) struct golden *g = golden_open("catalog.txt");
	CLEANUP(catalog_free_at) struct catalog *fresh = make();
	CLEANUP(catalog_free_at) struct catalog *empty = golden_catalog(g, "empty");
	CLEANUP(catalog_free_at) struct catalog *one = golden_catalog(g, "one");
	CLEANUP(catalog_free_at) struct catalog *two = golden_catalog(g, "two");
	CLEANUP(catalog_free_at) struct catalog *both = golden_catalog(g, "joined");
	CLEANUP(catalog_free_at) struct catalog *there = joined(one, two);
	CLEANUP(catalog_free_at) struct catalog *back = joined(two, one);
	const struct catalog_fact *fact = catalog_at(both, 4);

	(void)state;
	assert_false(golden_next(g));
	assert_true(equal(fresh, empty));
	assert_true(equal(both, there));
	assert_true(equal(both, back));
	assert_int_equal(fact->kind, 1);
	assert_int_equal(fact->number, 9);
	assert_true(fact->seq == UINT64_C(1) << 40);
	assert_int_equal(catalog_at(both, 3)->kind, 200);
	assert_int_equal(fact->incarnation[15], 0xff);
	assert_facts(both, "first third  kind unknown ninth ");
	assert_int_equal(catalog_vector_count(both), 3);
	assert_true(catalog_vector_at(both, 2)->seq == UINT64_C(1) << 40);
	assert_int_equal(catalog_vector_at(both, 1)->incarnation[0], 7);
}

static void writing_appends(void **state)
{
	CLEANUP(bytes_release) struct bytes b = BYTES_INIT;
	CLEANUP(catalog_free_at) struct catalog *c = make();

	(void)state;
	add(c, 'a', "x");
	bytes_text(&b, "before");
	catalog_write(c, &b);
	assert_int_equal(b.size, 6 + HEAD_SIZE + KNOWN_SIZE + FACT_SIZE + 1);
	assert_memory_equal(b.data, "before\x01\0\0\0", 10);
	bytes_release(&b);
	mem_fail_at(1);
	catalog_write(c, &b);
	mem_fail_at(0);
	assert_true(b.failed);
}

/* --- adding and removing --- */

static void dots_count_up_and_stay_covered(void **state)
{
	CLEANUP(catalog_free_at) struct catalog *c = make();
	CLEANUP(catalog_free_at) struct catalog *again = NULL;

	(void)state;
	add(c, 'b', "b1");
	add(c, 'a', "a1");
	add(c, 'b', "b2");
	add(c, 'c', "c1");
	add(c, 'a', "a2");
	assert_facts(c, "a1 a2 b1 b2 c1 ");
	assert_true(catalog_at(c, 1)->seq == 2 && catalog_at(c, 1)->number == 0);
	catalog_remove(c, 1);
	catalog_remove(c, 3);
	assert_facts(c, "a1 b1 b2 ");
	assert_int_equal(catalog_vector_count(c), 3);
	add(c, 'a', "a3");
	assert_true(catalog_at(c, 1)->seq == 3);
	while (catalog_count(c) > 0)
		catalog_remove(c, 0);
	again = copy(c);
	add(again, 'c', "c2");
	assert_true(catalog_at(again, 0)->seq == 2);
	assert_sound(again);
}

static void many_facts(void **state)
{
	CLEANUP(catalog_free_at) struct catalog *c = make();
	char text[20];

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "%u", i);
		add(c, (char)('a' + i % 23), text);
	}
	assert_int_equal(catalog_count(c), 3000);
	assert_int_equal(catalog_vector_count(c), 23);
	assert_sound(c);
	for (size_t i = 0; i < 3000; i++)
		assert_true(catalog_at(c, i)->seq >= 1 && catalog_at(c, i)->seq <= 131);
}

/* --- joining --- */

static void joins_add_and_remove(void **state)
{
	CLEANUP(catalog_free_at) struct catalog *a = make();
	CLEANUP(catalog_free_at) struct catalog *b = NULL;
	CLEANUP(catalog_free_at) struct catalog *empty = make();

	(void)state;
	add(a, 'a', "a1");
	add(a, 'a', "a2");
	b = copy(a);
	catalog_remove(b, 0);
	add(b, 'b', "b1");
	add(a, 'a', "a3");
	assert_int_equal(catalog_join(a, b, NULL), 0);
	assert_facts(a, "a2 a3 b1 "); /* removed there, unknown there, unknown here */
	assert_int_equal(catalog_join(b, a, NULL), 0);
	assert_true(equal(a, b));
	assert_int_equal(catalog_join(a, a, NULL), 0);
	assert_true(equal(a, b));
	assert_int_equal(catalog_join(a, empty, NULL), 0);
	assert_true(equal(a, b));
	assert_int_equal(catalog_join(empty, a, NULL), 0);
	assert_true(equal(empty, a));
	/* what is removed does not come back from who still has it */
	catalog_remove(a, 2);
	assert_int_equal(catalog_join(a, b, NULL), 0);
	assert_facts(a, "a2 a3 ");
}

static unsigned below(uint64_t *x, unsigned bound)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return (unsigned)((*x >> 20) % bound);
}

#define DEVICES 3
#define STATES 60

/* States of devices that add, remove and join, each under its own name. */
static void wander(uint64_t seed, struct catalog *states[STATES])
{
	struct catalog *devices[DEVICES];
	uint64_t x = seed;
	char text[30];

	for (unsigned i = 0; i < DEVICES; i++)
		devices[i] = make();
	for (unsigned i = 0; i < STATES; i++) {
		for (unsigned move = 0; move < 3; move++) {
			unsigned who = below(&x, DEVICES), what = below(&x, 10);
			struct catalog *c = devices[who];

			snprintf(text, sizeof(text), "%u.%u", i, move);
			if (what < 5)
				add(c, (char)('a' + who), text);
			else if (what < 8 && catalog_count(c) > 0)
				catalog_remove(c, below(&x, (unsigned)catalog_count(c)));
			else
				assert_int_equal(
					catalog_join(c, devices[below(&x, DEVICES)], NULL), 0);
		}
		states[i] = copy(devices[below(&x, DEVICES)]);
	}
	for (unsigned i = 0; i < DEVICES; i++)
		catalog_free(devices[i]);
}

/* States that no device reaches: the same dots with other facts. */
static void forge(uint64_t seed, struct catalog *states[STATES])
{
	uint64_t x = seed;
	char text[30];

	for (unsigned i = 0; i < STATES; i++) {
		struct catalog *c = states[i] = make();

		for (unsigned n = below(&x, 8); n > 0; n--) {
			snprintf(text, sizeof(text), "%.*s%u", (int)below(&x, 4), "xyz",
				below(&x, 2));
			add(c, (char)('a' + below(&x, DEVICES)), text);
			if (below(&x, 3) == 0)
				catalog_remove(c, below(&x, (unsigned)catalog_count(c)));
		}
	}
}

static void check_laws(struct catalog *states[STATES], uint64_t seed)
{
	uint64_t x = seed;

	for (unsigned i = 0; i < 400; i++) {
		const struct catalog *a = states[below(&x, STATES)];
		const struct catalog *b = states[below(&x, STATES)];
		const struct catalog *c = states[below(&x, STATES)];
		CLEANUP(catalog_free_at) struct catalog *ab = joined(a, b);
		CLEANUP(catalog_free_at) struct catalog *ba = joined(b, a);
		CLEANUP(catalog_free_at) struct catalog *bc = joined(b, c);
		CLEANUP(catalog_free_at) struct catalog *ab_c = joined(ab, c);
		CLEANUP(catalog_free_at) struct catalog *a_bc = joined(a, bc);
		CLEANUP(catalog_free_at) struct catalog *aa = joined(a, a);
		CLEANUP(catalog_free_at) struct catalog *ab_a = joined(ab, a);
		CLEANUP(catalog_free_at) struct catalog *self = copy(a);

		assert_true(equal(ab, ba));
		assert_true(equal(ab_c, a_bc));
		assert_true(equal(aa, self));
		assert_true(equal(ab_a, ab));
		assert_sound(ab_c);
	}
	for (unsigned i = 0; i < STATES; i++)
		catalog_free(states[i]);
}

static void joins_keep_the_laws(void **state)
{
	struct catalog *states[STATES];

	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		wander(seed * 7919, states);
		check_laws(states, seed);
		forge(seed * 104729, states);
		check_laws(states, seed);
	}
}

/* All that three devices ever did meets at last: each has what was added and nobody removed. */
static void joins_lose_nothing(void **state)
{
	CLEANUP(catalog_free_at) struct catalog *a = make();
	CLEANUP(catalog_free_at) struct catalog *b = make();
	CLEANUP(catalog_free_at) struct catalog *c = make();

	(void)state;
	add(a, 'a', "1");
	add(b, 'b', "2");
	add(c, 'c', "3");
	assert_int_equal(catalog_join(b, a, NULL), 0);
	catalog_remove(b, 0); /* 1 */
	add(c, 'c', "4");
	assert_int_equal(catalog_join(c, a, NULL), 0);
	assert_facts(c, "1 3 4 ");
	assert_int_equal(catalog_join(c, b, NULL), 0);
	assert_facts(c, "2 3 4 ");
	assert_int_equal(catalog_join(a, c, NULL), 0);
	assert_int_equal(catalog_join(b, c, NULL), 0);
	assert_facts(a, "2 3 4 ");
	assert_true(equal(a, b));
}

/* --- hostile streams --- */

/* Refused with that code and with these words, from memory of exactly that size. */
static void refused(const uint8_t *data, size_t size, int code, const char *words)
{
	CLEANUP(mem_free_at) uint8_t *exact = mem_array(size, 1);
	struct catalog *c = NULL;
	struct sherd_error err;

	assert_non_null(exact);
	if (size)
		memcpy(exact, data, size);
	assert_int_equal(catalog_read(exact, size, &c, &err), code);
	assert_int_equal(err.code, code);
	assert_null(c);
	if (!strstr(err.message, words))
		fail_msg("'%s' does not say '%s'", err.message, words);
}

/* Refused, or a catalog that is these bytes. */
static void harmless(const uint8_t *data, size_t size)
{
	CLEANUP(catalog_free_at) struct catalog *c = NULL;
	CLEANUP(bytes_release) struct bytes b = BYTES_INIT;
	int r = catalog_read(data, size, &c, NULL);

	if (r != 0) {
		assert_null(c);
		assert_true(r == SHERD_CORRUPT || r == SHERD_NEWER);
		return;
	}
	assert_sound(c);
	b = stream(c);
	assert_int_equal(b.size, size);
	assert_memory_equal(b.data, data, size);
}

/* 2 of the vector, 3 facts of 1 to 3 bytes. */
static struct bytes sample(void)
{
	CLEANUP(catalog_free_at) struct catalog *c = make();

	add(c, 'a', "1");
	add(c, 'a', "22");
	add(c, 'b', "333");
	return stream(c);
}

#define VECTOR_AT 8
#define FACTS_AT (VECTOR_AT + 2 * KNOWN_SIZE + 4)
#define SECOND_AT (FACTS_AT + FACT_SIZE + 1)
#define THIRD_AT (SECOND_AT + FACT_SIZE + 2)

static void rules_of_the_stream(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		int code;
		const char *words;
	} changes[] = {
		{0, 2, SHERD_NEWER, "newer"},
		{1, 1, SHERD_NEWER, "newer"},
		{0, 0, SHERD_CORRUPT, "header"},
		{2, 1, SHERD_CORRUPT, "header"},
		{3, 1, SHERD_CORRUPT, "header"},
		{4, 200, SHERD_CORRUPT, "vector is cut short"},
		{7, 255, SHERD_CORRUPT, "vector is cut short"},
		{VECTOR_AT + 16, 0, SHERD_CORRUPT, "number is 0"},
		{VECTOR_AT + 16, 1, SHERD_CORRUPT, "covered"},
		{VECTOR_AT, 'c', SHERD_CORRUPT, "vector is out of order"},
		{VECTOR_AT + 15, 'b', SHERD_CORRUPT, "covered"},
		{FACTS_AT - 4, 4, SHERD_CORRUPT, "cut short"},
		{FACTS_AT - 1, 255, SHERD_CORRUPT, "facts are cut short"},
		{FACTS_AT - 4, 2, SHERD_CORRUPT, "behind its end"},
		{FACTS_AT, 'c', SHERD_CORRUPT, "covered"},
		{FACTS_AT + 16, 0, SHERD_CORRUPT, "covered"},
		{FACTS_AT + 16, 2, SHERD_CORRUPT, "facts are out of order"},
		{FACTS_AT + 17, 1, SHERD_CORRUPT, "covered"},
		{FACTS_AT + 29, 1, SHERD_CORRUPT, "reserved"},
		{FACTS_AT + 30, 1, SHERD_CORRUPT, "reserved"},
		{FACTS_AT + 31, 1, SHERD_CORRUPT, "reserved"},
		{FACTS_AT + 35, 255, SHERD_CORRUPT, "a fact is cut short"},
		{SECOND_AT + 16, 3, SHERD_CORRUPT, "covered"},
		{THIRD_AT + 32, 4, SHERD_CORRUPT, "a fact is cut short"},
		{THIRD_AT + 32, 2, SHERD_CORRUPT, "behind its end"},
	};
	CLEANUP(bytes_release) struct bytes b = sample();

	(void)state;
	assert_int_equal(b.size, THIRD_AT + FACT_SIZE + 3);
	for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
		uint8_t was = b.data[changes[i].at];

		b.data[changes[i].at] = changes[i].value;
		refused(b.data, b.size, changes[i].code, changes[i].words);
		b.data[changes[i].at] = was;
	}
	/* the same twice */
	memcpy(b.data + VECTOR_AT + KNOWN_SIZE, b.data + VECTOR_AT, 16);
	refused(b.data, b.size, SHERD_CORRUPT, "vector is out of order");
	refused(NULL, 0, SHERD_CORRUPT, "cut short");
	refused(b.data, 3, SHERD_CORRUPT, "cut short");
}

static void hostile_bytes_are_harmless(void **state)
{
	CLEANUP(bytes_release) struct bytes b = sample();

	(void)state;
	harmless(b.data, b.size);
	for (size_t size = 0; size < b.size; size++)
		refused(b.data, size, SHERD_CORRUPT, "");
	for (size_t at = 0; at < b.size; at++) {
		uint8_t was = b.data[at];

		for (unsigned value = 0; value < 256; value++) {
			CLEANUP(mem_free_at) uint8_t *exact = mem_array(b.size, 1);

			b.data[at] = (uint8_t)value;
			assert_non_null(exact);
			memcpy(exact, b.data, b.size);
			harmless(exact, b.size);
		}
		b.data[at] = was;
	}
	bytes_u8(&b, 0);
	refused(b.data, b.size, SHERD_CORRUPT, "behind its end");
}

/* A count that cannot be true costs no memory: nothing is allocated for it. */
static void counts_that_lie_cost_nothing(void **state)
{
	CLEANUP(bytes_release) struct bytes b = sample();

	(void)state;
	memset(b.data + 4, 0xff, 4);
	mem_fail_at(2); /* the catalog itself is the first */
	assert_int_equal(catalog_read(b.data, b.size, &(struct catalog *){0}, NULL), SHERD_CORRUPT);
	assert_int_equal(mem_fail_at(0), 1);
}

/* --- limits --- */

/* Zeros, which cost no memory until somebody writes to them. */
static void streams_have_a_limit(void **state)
{
	CLEANUP(mem_free_at) uint8_t *zeros = mem_array(CATALOG_SIZE_MAX + 1, 1);
	CLEANUP(catalog_free_at) struct catalog *a = make();
	CLEANUP(catalog_free_at) struct catalog *b = make();
	CLEANUP(catalog_free_at) struct catalog *small = make();
	const uint32_t overhead = HEAD_SIZE + KNOWN_SIZE + FACT_SIZE;
	const uint8_t one[16] = {1}, two[16] = {2};
	struct sherd_error err;

	(void)state;
	assert_non_null(zeros);
	zeros[0] = 1;
	assert_int_equal(catalog_read(zeros, CATALOG_SIZE_MAX + 1, &(struct catalog *){0}, &err),
		SHERD_CORRUPT);
	assert_non_null(strstr(err.message, "too large"));
	assert_int_equal(catalog_add(a, one, 1, zeros, CATALOG_SIZE_MAX - overhead + 1, &err),
		SHERD_NOSPACE);
	assert_int_equal(catalog_count(a), 0);
	assert_int_equal(catalog_vector_count(a), 0);
	assert_int_equal(catalog_add(a, one, 1, zeros, CATALOG_SIZE_MAX - overhead, &err), 0);
	assert_int_equal(catalog_add(a, one, 1, "", 0, &err), SHERD_NOSPACE);
	/* the other has one byte too much, in either direction */
	assert_int_equal(catalog_add(small, two, 1, "", 0, &err), 0);
	assert_int_equal(catalog_join(a, small, &err), SHERD_NOSPACE);
	assert_int_equal(catalog_count(a), 1);
	assert_int_equal(catalog_count(small), 1);
	/* and now it fits */
	catalog_remove(a, 0);
	assert_int_equal(catalog_join(a, small, &err), 0);
	assert_int_equal(catalog_add(b, one, 1, zeros, CATALOG_SIZE_MAX - overhead - 60, &err), 0);
	catalog_remove(small, 0);
	assert_int_equal(catalog_join(b, small, &err), 0);
	assert_int_equal(catalog_add(b, two, 1, "", 0, &err), 0);
	assert_int_equal(catalog_add(b, two, 1, "", 0, &err), SHERD_NOSPACE);
}

static void numbers_end(void **state)
{
	CLEANUP(bytes_release) struct bytes b = sample();
	CLEANUP(catalog_free_at) struct catalog *c = NULL;
	struct sherd_error err;
	uint8_t incarnation[16];

	(void)state;
	memset(b.data + VECTOR_AT + 16, 0xff, 8);
	c = read_bytes(&b);
	memset(incarnation, 'a', sizeof(incarnation));
	assert_int_equal(catalog_add(c, incarnation, 1, "x", 1, &err), SHERD_NOSPACE);
	assert_int_equal(catalog_count(c), 3);
	add(c, 'b', "x");
	assert_int_equal(catalog_count(c), 4);
}

/* --- memory that fails --- */

static void failures_leave_no_trace(void **state)
{
	CLEANUP(bytes_release) struct bytes b = sample();
	CLEANUP(catalog_free_at) struct catalog *other = make();
	uint8_t incarnation[16];
	unsigned fails[4] = {0};

	(void)state;
	add(other, 'b', "b1");
	add(other, 'b', "b2");
	add(other, 'd', "d1");
	catalog_remove(other, 0);
	memset(incarnation, 'c', sizeof(incarnation));
	for (unsigned what = 0; what < 4; what++) {
		for (unsigned long n = 1;; n++) {
			CLEANUP(catalog_free_at) struct catalog *c = NULL;
			CLEANUP(catalog_free_at) struct catalog *before = read_bytes(&b);
			int r;

			if (what >= 2)
				c = read_bytes(&b);
			mem_fail_at(n);
			if (what == 0)
				r = catalog_new(&c, NULL);
			else if (what == 1)
				r = catalog_read(b.data, b.size, &c, NULL);
			else if (what == 2)
				r = catalog_add(c, incarnation, 1, "x", 1, NULL);
			else
				r = catalog_join(c, other, NULL);
			mem_fail_at(0);
			if (r == 0)
				break;
			assert_int_equal(r, SHERD_NOMEM);
			assert_true(what < 2 ? c == NULL : equal(c, before));
			fails[what]++;
		}
	}
	assert_int_equal(fails[0], 1);
	assert_int_equal(fails[1], 1 + 2 + 3);
	assert_true(fails[2] >= 3);
	assert_true(fails[3] >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_those_of_the_table),
		cmocka_unit_test(writing_appends),
		cmocka_unit_test(dots_count_up_and_stay_covered),
		cmocka_unit_test(many_facts),
		cmocka_unit_test(joins_add_and_remove),
		cmocka_unit_test(joins_keep_the_laws),
		cmocka_unit_test(joins_lose_nothing),
		cmocka_unit_test(rules_of_the_stream),
		cmocka_unit_test(hostile_bytes_are_harmless),
		cmocka_unit_test(counts_that_lie_cost_nothing),
		cmocka_unit_test(streams_have_a_limit),
		cmocka_unit_test(numbers_end),
		cmocka_unit_test(failures_leave_no_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
