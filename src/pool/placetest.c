/* SPDX-License-Identifier: MIT */
/* placetest.c - does a place do what a place must? With objects of its own, "test-...", which are
 * removed; not in a folder, which would stay. */
#include "inner.h"

#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/hex.h>
#include <place/place.h>

#define SMALL 4096
#define LARGE ((size_t)16 << 20)
#define STATS 3
#define ALIGNMENT 4096
#define TAG_SIZE 8

struct test {
	struct place *place;
	const struct sherd_env *env;
	struct sherd_place_test *ret;
	char small[64], large[64];
	uint8_t *data, *back; /* LARGE bytes each */
};

static uint64_t now(const struct test *t)
{
	return t->env->clock_monotonic_ns(t->env->context);
}

/* The first error is the one that is told. */
static int note(struct test *t, const char *what, int r, const struct sherd_error *why)
{
	if (r && !t->ret->message[0])
		snprintf(t->ret->message, sizeof(t->ret->message), "%s: %.*s", what, 200,
			why->message);
	return r;
}

static uint64_t rate(size_t size, uint64_t ns)
{
	return ns ? (uint64_t)((double)size * 1e9 / (double)ns) : 0;
}

static int put(struct test *t, const char *name, size_t size, struct sherd_error *err)
{
	struct iovec part = hash_part(t->data, size);

	return place_put(t->place, name, &part, 1, err);
}

static int get(struct test *t, const char *name, size_t size, struct sherd_error *err)
{
	size_t got = 0;
	int r = place_get(t->place, name, 0, size, t->back, &got, err);

	if (!r && (got != size || memcmp(t->back, t->data, size) != 0))
		r = err_set(err, SHERD_CORRUPT, "it gave back other bytes than were written");
	return r;
}

static void test_writing(struct test *t)
{
	struct sherd_error why = {0};
	uint64_t begun;
	int r = put(t, t->small, SMALL, &why);

	if (!r) {
		struct sherd_error again = {0};
		int second = put(t, t->small, SMALL, &again);

		t->ret->overwrite_refused = second == SHERD_EXISTS;
		if (!t->ret->overwrite_refused)
			(void)note(t, "writing a name twice", second ? second : SHERD_EXISTS,
				second ? &again
				       : &(struct sherd_error){.message = "it was not refused"});
		begun = now(t);
		r = put(t, t->large, LARGE, &why);
		if (!r)
			t->ret->write_bps = rate(LARGE, now(t) - begun);
	}
	t->ret->write = note(t, "writing", r, &why);
}

static void test_reading(struct test *t)
{
	struct sherd_error why = {0};
	uint64_t begun;
	int r = get(t, t->small, SMALL, &why);

	if (!r) {
		begun = now(t);
		r = get(t, t->large, LARGE, &why);
		if (!r)
			t->ret->read_bps = rate(LARGE, now(t) - begun);
	}
	t->ret->read = note(t, "reading", r, &why);
	for (unsigned i = 0; i < STATS; i++) {
		struct place_stat st;
		uint64_t took;

		begun = now(t);
		if (place_stat(t->place, t->small, &st, NULL) != 0)
			break;
		took = now(t) - begun;
		if (!t->ret->rtt_ns || took < t->ret->rtt_ns)
			t->ret->rtt_ns = took;
	}
}

static void test_listing(struct test *t)
{
	struct sherd_error why = {0};
	struct place_page page = {0};
	bool found = t->ret->write != 0; /* then nothing need be there */
	int r = place_list(t->place, "", "test-", &page, &why);

	for (size_t i = 0; !r && i < page.count; i++)
		found = found || strcmp(page.entries[i].name, t->small) == 0;
	if (!r && !found && !page.more)
		r = err_set(&why, SHERD_NOTFOUND, "a new object is not in the list");
	place_page_release(&page);
	t->ret->list = note(t, "listing", r, &why);
}

static void test_removing(struct test *t)
{
	struct sherd_error why = {0};
	struct place_stat st;
	int r = place_remove(t->place, t->small, &why);
	int large = place_remove(t->place, t->large, NULL);

	if (r == SHERD_NOTFOUND && t->ret->write)
		r = 0;
	if (!r && !t->ret->write && large)
		r = err_set(&why, large, "the large test object stays");
	if (!r && place_stat(t->place, t->small, &st, NULL) != SHERD_NOTFOUND)
		r = err_set(&why, SHERD_IO, "a removed object is still there");
	t->ret->remove = note(t, "removing", r, &why);
}

static int prepare(struct test *t, struct sherd_error *err)
{
	uint8_t tag[TAG_SIZE];
	char digits[2 * TAG_SIZE + 1];
	int r = pool_random(t->env, tag, sizeof(tag), err);

	if (r)
		return r;
	hex_of(tag, sizeof(tag), digits);
	snprintf(t->small, sizeof(t->small), "test-%s.small", digits);
	snprintf(t->large, sizeof(t->large), "test-%s.large", digits);
	t->data = mem_aligned(ALIGNMENT, LARGE);
	t->back = mem_aligned(ALIGNMENT, LARGE);
	if (!t->data || !t->back)
		return err_nomem(err);
	for (size_t i = 0; i < LARGE; i += TAG_SIZE) {
		/* Different everywhere, so that no store makes it small. */
		uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ tag[i / TAG_SIZE % TAG_SIZE];

		x ^= x >> 29;
		x *= UINT64_C(0xbf58476d1ce4e5b9);
		memcpy(t->data + i, &x, TAG_SIZE);
	}
	return 0;
}

int sherd_pool_place_test(struct sherd_pool *pool, const char *name, struct sherd_place_test *ret,
	struct sherd_error *err)
{
	struct test t = {.env = pool->env, .ret = ret};
	struct place_space space;
	int r;

	*ret = (struct sherd_place_test){0};
	for (size_t i = 0; i < pool->rec.place_count && i < pool->seat_count; i++)
		if (strcmp(pool->seats[i]->name, name) == 0) {
			t.place = member_place(pool->seats[i]->member);
			if (!t.place) {
				ret->write = ret->read = ret->list = ret->remove =
					pool->seats[i]->code ? pool->seats[i]->code : SHERD_OFFLINE;
				snprintf(ret->message, sizeof(ret->message), "%s",
					pool->seats[i]->why);
				return 0;
			}
		}
	if (!t.place)
		return err_set(err, SHERD_NOTFOUND, "the pool has no place '%s'", name);
	if (pool->read_only)
		return err_set(err, SHERD_DENIED, "the pool was opened for reading only");
	r = prepare(&t, err);
	if (!r) {
		test_writing(&t);
		test_reading(&t);
		test_listing(&t);
		test_removing(&t);
		if (place_space(t.place, &space, NULL) == 0) {
			ret->total = space.total;
			ret->free = space.free;
		}
	}
	mem_free(t.data);
	mem_free(t.back);
	return r;
}
