/* SPDX-License-Identifier: MIT */
/* t_place_mem.c - many handles on one store, the back door, and the index against a plain model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include <place/mem_index.h>
#include <place/place_mem.h>

#include "naive.h"
#include "place_contract.h"

struct shop {
	struct place_mem_store *store;
	struct place *one, *other;
};

static int setup(void **state)
{
	static struct shop s;

	random_start();
	s = (struct shop){0};
	if (place_mem_store_new(NULL, &s.store, NULL) != 0)
		return -1;
	*state = &s;
	return place_mem_new(s.store, &s.one, NULL) || place_mem_new(s.store, &s.other, NULL);
}

static int teardown(void **state)
{
	struct shop *s = *state;

	place_free(s->one);
	place_free(s->other);
	place_mem_store_unref(s->store);
	return 0;
}

static void two_handles(void **state)
{
	struct shop *s = *state;

	assert_int_equal(contract_put(s->one, "a", 100), 0);
	assert_int_equal(contract_put(s->other, "a", 100), SHERD_EXISTS);
	assert_int_equal(contract_holds(s->other, "a", 100), 0);
	assert_int_equal(place_mem_count(s->store), 1);
	assert_int_equal(place_mem_bytes(s->store), 100);
	/* A place keeps the store alive. */
	place_mem_store_unref(s->store);
	place_free(s->one);
	s->one = NULL;
	assert_int_equal(contract_holds(s->other, "a", 100), 0);
	s->store = place_mem_store_ref(s->store);
	place_mem_store_unref(NULL);
}

static uint8_t byte_at(struct place *p, const char *name, uint64_t at)
{
	uint8_t byte = 0;
	size_t got = 0;

	assert_int_equal(place_get(p, name, at, 1, &byte, &got, NULL), 0);
	assert_int_equal(got, 1);
	return byte;
}

static void back_door(void **state)
{
	struct shop *s = *state;
	struct place_stat st;
	uint8_t before;

	assert_int_equal(contract_put(s->one, "a", 100), 0);
	assert_int_equal(contract_put(s->one, "b", 50), 0);
	before = byte_at(s->one, "a", 99);
	assert_true(place_mem_corrupt(s->store, "a", 99, 0x81));
	assert_int_equal(byte_at(s->other, "a", 99), before ^ 0x81);
	assert_true(place_mem_corrupt(s->store, "a", 99, 0x81));
	assert_int_equal(contract_holds(s->one, "a", 100), 0);
	assert_false(place_mem_corrupt(s->store, "a", 100, 1));
	assert_false(place_mem_corrupt(s->store, "c", 0, 1));

	assert_true(place_mem_swap(s->store, "a", "b"));
	assert_int_equal(place_stat(s->one, "a", &st, NULL), 0);
	assert_int_equal(st.size, 50);
	assert_int_equal(place_mem_bytes(s->store), 150);
	assert_true(place_mem_swap(s->store, "b", "a"));
	assert_int_equal(contract_holds(s->one, "a", 100), 0);
	assert_int_equal(contract_holds(s->one, "b", 50), 0);
	assert_false(place_mem_swap(s->store, "a", "a"));
	assert_false(place_mem_swap(s->store, "a", "c"));

	assert_false(place_mem_cut(s->store, "a", 101));
	assert_true(place_mem_cut(s->store, "a", 10));
	assert_int_equal(place_stat(s->one, "a", &st, NULL), 0);
	assert_int_equal(st.size, 10);
	assert_int_equal(place_mem_bytes(s->store), 60);
	assert_true(place_mem_drop(s->store, "a"));
	assert_false(place_mem_drop(s->store, "a"));
	assert_int_equal(place_mem_count(s->store), 1);
	assert_int_equal(place_mem_bytes(s->store), 50);
}

static void back_door_without_memory(void **state)
{
	struct shop *s = *state;

	assert_int_equal(contract_put(s->one, "a", 100), 0);
	assert_int_equal(contract_put(s->one, "b", 50), 0);
	for (unsigned n = 1; n <= 2; n++) {
		mem_fail_at(n);
		assert_false(place_mem_swap(s->store, "a", "b"));
		mem_fail_at(1);
		assert_false(place_mem_corrupt(s->store, "a", 0, 1));
		mem_fail_at(1);
		assert_false(place_mem_cut(s->store, "a", 1));
		mem_fail_at(0);
	}
	assert_int_equal(contract_holds(s->one, "a", 100), 0);
	assert_int_equal(contract_holds(s->one, "b", 50), 0);
}

static void limits(void **state)
{
	struct shop *s = *state;
	struct place_space space;

	assert_int_equal(place_space(s->one, &space, NULL), 0);
	assert_int_equal(space.total, 0);
	place_mem_limit(s->store, 100);
	assert_int_equal(contract_put(s->one, "a", 60), 0);
	assert_int_equal(contract_put(s->one, "b", 41), SHERD_NOSPACE);
	assert_int_equal(contract_holds(s->one, "b", 41), SHERD_NOTFOUND);
	assert_int_equal(contract_put(s->one, "b", 40), 0);
	assert_int_equal(contract_put(s->one, "b", 40), SHERD_EXISTS);
	assert_int_equal(place_space(s->one, &space, NULL), 0);
	assert_int_equal(space.total, 100);
	assert_int_equal(space.free, 0);
	place_mem_limit(s->store, 50);
	assert_int_equal(contract_put(s->one, "c", 1), SHERD_NOSPACE);
	assert_int_equal(place_remove(s->one, "a", NULL), 0);
	assert_int_equal(contract_put(s->one, "c", 1), 0);
}

static bool visit(void *context, const char *name, const uint8_t *bytes, uint64_t size)
{
	char *seen = context;

	(void)bytes;
	snprintf(seen + strlen(seen), 100 - strlen(seen), "%s=%u ", name, (unsigned)size);
	return strcmp(name, "c") != 0;
}

static void each(void **state)
{
	struct shop *s = *state;
	char seen[100] = "";

	place_mem_each(s->store, visit, seen);
	assert_string_equal(seen, "");
	assert_int_equal(contract_put(s->one, "c", 1), 0);
	assert_int_equal(contract_put(s->one, "a/b", 2), 0);
	assert_int_equal(contract_put(s->one, "a", 3), 0);
	assert_int_equal(contract_put(s->one, "d", 4), 0);
	place_mem_each(s->store, visit, seen);
	assert_string_equal(seen, "a=3 a/b=2 c=1 ");
}

static void stores_without_memory(void **state)
{
	struct place_mem_store *store = NULL;
	struct place *p = NULL;

	(void)state;
	mem_fail_at(1);
	assert_int_equal(place_mem_store_new(NULL, &store, NULL), SHERD_NOMEM);
	assert_int_equal(place_mem_store_new(NULL, &store, NULL), 0);
	for (unsigned n = 1; n <= 2; n++) {
		mem_fail_at(n);
		assert_int_equal(place_mem_new(store, &p, NULL), SHERD_NOMEM);
	}
	mem_fail_at(0);
	assert_null(p);
	place_mem_store_unref(store);
}

/* --- the index --- */

#define NUMBERS 6000
#define STEPS 40000

struct number {
	struct mem_item item;
	char text[8];
	bool in;
};

static void check_index(const struct mem_index *x, const struct number *numbers)
{
	struct mem_spot spot = {0};
	const struct mem_item *item;

	for (unsigned i = 0; i < NUMBERS; i++) {
		if (!numbers[i].in)
			continue;
		item = mem_index_at(x, spot);
		assert_ptr_equal(item, &numbers[i].item);
		spot = mem_index_next(x, spot);
	}
	assert_null(mem_index_at(x, spot));
}

/* Random insertions and removals, first more of those, then more of these, until it is empty. */
static void index_as_a_model(void **state)
{
	CLEANUP(mem_free_at) struct number *numbers = mem_array(NUMBERS, sizeof(*numbers));
	struct mem_index x = {0};
	size_t count = 0;

	(void)state;
	assert_non_null(numbers);
	for (unsigned i = 0; i < NUMBERS; i++) {
		snprintf(numbers[i].text, sizeof(numbers[i].text), "%05u", i);
		numbers[i].item.name = numbers[i].text;
	}
	for (unsigned step = 0; step < STEPS; step++) {
		struct number *n = &numbers[random_below(NUMBERS)];
		bool add = random_below(10) < (step < STEPS / 2 ? 8u : 2u);
		struct mem_spot spot;
		bool found = mem_index_find(&x, n->text, &spot);

		assert_int_equal(found, n->in);
		if (!found) {
			const struct mem_item *next = mem_index_at(&x, spot);

			assert_true(!next || strcmp(next->name, n->text) > 0);
		}
		if (add && !found)
			assert_int_equal(mem_index_add(&x, &n->item), 0);
		else if (!add && found)
			assert_ptr_equal(mem_index_remove(&x, spot), &n->item);
		else
			continue;
		n->in = add;
		count += add ? 1 : -1;
		assert_int_equal(x.items, count);
		if (step % 2000 == 0)
			check_index(&x, numbers);
	}
	for (unsigned i = 0; i < NUMBERS; i++) {
		struct mem_spot spot;

		if (mem_index_find(&x, numbers[i].text, &spot))
			mem_index_remove(&x, spot);
	}
	assert_int_equal(x.items, 0);
	assert_int_equal(x.count, 0);
	mem_index_release(&x);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_handles),
		TEST(back_door),
		TEST(back_door_without_memory),
		TEST(limits),
		TEST(each),
		TEST(stores_without_memory),
		TEST(index_as_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
