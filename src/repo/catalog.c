/* SPDX-License-Identifier: MIT */
/*
 * catalog.c - facts in an array that ascends by dot, and a vector that ascends by incarnation. A
 * dot that the vector covers and that no fact has is one that was removed: so a join needs no
 * tombstones. Joins build the new arrays aside and change nothing before nothing can fail.
 */
#include <repo/catalog.h>

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/cursor.h>
#include <base/err.h>
#include <base/intmath.h>

#define DOT_SIZE (16 + 8 + 4)
#define CLOCK_SIZE (16 + 8)
#define FACT_SIZE_MIN (DOT_SIZE + 8)

struct clock {
	uint8_t incarnation[16];
	uint64_t seq;
};

struct catalog {
	struct catalog_fact *facts; /* each payload is a block of its own */
	size_t count, room;
	struct clock *vector;
	size_t clocks, clock_room;
};

int catalog_new(struct catalog **ret, struct sherd_error *err)
{
	struct catalog *c = mem_array(1, sizeof(*c));

	if (!c)
		return err_nomem(err);
	*ret = c;
	return 0;
}

static void free_payload(struct catalog_fact *f)
{
	union {
		const uint8_t *from;
		uint8_t *to;
	} u = {f->payload};

	mem_free(u.to);
	f->payload = NULL;
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		free_payload(&c->facts[i]);
	mem_free(c->facts);
	mem_free(c->vector);
	mem_free(c);
}

static int dot_compare(const struct catalog_fact *a, const struct catalog_fact *b)
{
	int r = memcmp(a->incarnation, b->incarnation, 16);

	if (r)
		return r;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* Room for ${more} facts and clocks; false without memory. */
static bool reserve(struct catalog *c, size_t facts, size_t clocks)
{
	if (facts > c->room - c->count) {
		size_t room = c->count + INT_MAX_OF(facts, c->count / 2);
		struct catalog_fact *new = mem_array(room, sizeof(*new));

		if (!new)
			return false;
		if (c->count)
			memcpy(new, c->facts, c->count * sizeof(*new));
		mem_free(c->facts);
		c->facts = new;
		c->room = room;
	}
	if (clocks > c->clock_room - c->clocks) {
		size_t room = c->clocks + INT_MAX_OF(clocks, (size_t)4);
		struct clock *new = mem_array(room, sizeof(*new));

		if (!new)
			return false;
		if (c->clocks)
			memcpy(new, c->vector, c->clocks * sizeof(*new));
		mem_free(c->vector);
		c->vector = new;
		c->clock_room = room;
	}
	return true;
}

static uint8_t *copy_of(const uint8_t *data, size_t size)
{
	uint8_t *copy = mem_array(INT_MAX_OF(size, (size_t)1), 1);

	if (copy && size)
		memcpy(copy, data, size);
	return copy;
}

/* Where ${incarnation} stands in the vector, or would. */
static size_t clock_find(const struct catalog *c, const uint8_t incarnation[16])
{
	size_t i = 0;

	while (i < c->clocks && memcmp(c->vector[i].incarnation, incarnation, 16) < 0)
		i++;
	return i;
}

static uint64_t clock_of(const struct catalog *c, const uint8_t incarnation[16])
{
	size_t i = clock_find(c, incarnation);

	return i < c->clocks && !memcmp(c->vector[i].incarnation, incarnation, 16)
		       ? c->vector[i].seq
		       : 0;
}

/* Raise a clock. pre: room for one more. */
static void clock_raise(struct catalog *c, const uint8_t incarnation[16], uint64_t seq)
{
	size_t i = clock_find(c, incarnation);

	if (i == c->clocks || memcmp(c->vector[i].incarnation, incarnation, 16)) {
		assert(c->clocks < c->clock_room);
		memmove(c->vector + i + 1, c->vector + i, (c->clocks - i) * sizeof(*c->vector));
		c->clocks++;
		memcpy(c->vector[i].incarnation, incarnation, 16);
		c->vector[i].seq = seq;
	}
	c->vector[i].seq = INT_MAX_OF(c->vector[i].seq, seq);
}

static int read_vector(struct catalog *c, struct cursor *in, struct sherd_error *err)
{
	uint32_t count = cursor_u32(in);

	if (count > cursor_left(in) / CLOCK_SIZE)
		return err_set(err, SHERD_CORRUPT, "a catalog is cut short");
	if (!reserve(c, 0, count))
		return err_nomem(err);
	for (uint32_t i = 0; i < count; i++) {
		struct clock *clock = &c->vector[i];

		cursor_copy(in, clock->incarnation, 16);
		clock->seq = cursor_u64(in);
		if (i && memcmp(clock[-1].incarnation, clock->incarnation, 16) >= 0)
			return err_set(err, SHERD_CORRUPT, "the vector of a catalog is unordered");
		c->clocks++;
	}
	return 0;
}

static int read_fact(struct catalog *c, struct cursor *in, struct sherd_error *err)
{
	struct catalog_fact f = {0};
	uint32_t reserved = 0;

	cursor_copy(in, f.incarnation, 16);
	f.seq = cursor_u64(in);
	f.number = cursor_u32(in);
	f.kind = cursor_u8(in);
	reserved |= cursor_u8(in);
	reserved |= cursor_u16(in);
	f.size = cursor_u32(in);
	f.payload = cursor_take(in, f.size);
	if (in->failed || reserved)
		return err_set(err, SHERD_CORRUPT, "a fact of a catalog is cut short");
	if (c->count && dot_compare(&c->facts[c->count - 1], &f) >= 0)
		return err_set(err, SHERD_CORRUPT, "the facts of a catalog are unordered");
	if (f.seq > clock_of(c, f.incarnation))
		return err_set(err, SHERD_CORRUPT, "a fact that its catalog's vector lacks");
	f.payload = copy_of(f.payload, f.size);
	if (!f.payload)
		return err_nomem(err);
	c->facts[c->count++] = f;
	return 0;
}

int catalog_read(const uint8_t *data, size_t size, struct catalog **ret, struct sherd_error *err)
{
	CLEANUP(catalog_free_at) struct catalog *c = NULL;
	struct cursor in = cursor_of(data, size);
	uint16_t format, reserved;
	uint32_t count;
	int r = catalog_new(&c, err);

	if (r)
		return r;
	format = cursor_u16(&in);
	reserved = cursor_u16(&in);
	if (in.failed || size > CATALOG_SIZE_MAX)
		return err_set(err, SHERD_CORRUPT, "a catalog has the wrong size");
	if (format != 1 || reserved)
		return err_set(err, SHERD_NEWER, "a catalog has the unknown format %u", format);
	r = read_vector(c, &in, err);
	if (r)
		return r;
	count = cursor_u32(&in);
	if (in.failed || count > cursor_left(&in) / FACT_SIZE_MIN)
		return err_set(err, SHERD_CORRUPT, "a catalog is cut short");
	if (!reserve(c, count, 0))
		return err_nomem(err);
	for (uint32_t i = 0; !r && i < count; i++)
		r = read_fact(c, &in, err);
	if (r)
		return r;
	if (!cursor_done(&in))
		return err_set(err, SHERD_CORRUPT, "a catalog has bytes behind its end");
	*ret = TAKE(c);
	return 0;
}

void catalog_write(const struct catalog *c, struct bytes *out)
{
	bytes_u16(out, 1);
	bytes_u16(out, 0);
	bytes_u32(out, (uint32_t)c->clocks);
	for (size_t i = 0; i < c->clocks; i++) {
		bytes_add(out, c->vector[i].incarnation, 16);
		bytes_u64(out, c->vector[i].seq);
	}
	bytes_u32(out, (uint32_t)c->count);
	for (size_t i = 0; i < c->count; i++) {
		const struct catalog_fact *f = &c->facts[i];

		bytes_add(out, f->incarnation, 16);
		bytes_u64(out, f->seq);
		bytes_u32(out, f->number);
		bytes_u8(out, f->kind);
		bytes_u8(out, 0);
		bytes_u16(out, 0);
		bytes_u32(out, f->size);
		bytes_add(out, f->payload, f->size);
	}
}

/* The facts of the join, in order: those of ${a} and ${b} that stay. What is taken from ${b} is
 * copied; what is taken from ${a} is shared with it. */
static bool join_facts(struct catalog *to, const struct catalog *a, const struct catalog *b)
{
	size_t i = 0, j = 0;

	while (i < a->count || j < b->count) {
		int side = i == a->count   ? 1
			   : j == b->count ? -1
					   : dot_compare(&a->facts[i], &b->facts[j]);
		const struct catalog_fact *f = side <= 0 ? &a->facts[i] : &b->facts[j];
		bool stays = side == 0 || f->seq > clock_of(side < 0 ? b : a, f->incarnation);

		i += side <= 0;
		j += side >= 0;
		if (!stays)
			continue;
		to->facts[to->count] = *f;
		if (side > 0) {
			to->facts[to->count].payload = copy_of(f->payload, f->size);
			if (!to->facts[to->count].payload)
				return false;
		}
		to->count++;
	}
	return true;
}

/* Is this payload one of ${c}'s own? Both ascend by dot, so one walk would do; this is simpler. */
static bool has_payload(const struct catalog *c, const struct catalog_fact *f)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int side = dot_compare(&c->facts[middle], f);

		if (!side)
			return c->facts[middle].payload == f->payload;
		if (side < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Free what is in ${c} and not shared with ${other}; c has nothing then. */
static void drop_unshared(struct catalog *c, const struct catalog *other)
{
	for (size_t i = 0; i < c->count; i++)
		if (!has_payload(other, &c->facts[i]))
			free_payload(&c->facts[i]);
	c->count = 0;
}

int catalog_join(struct catalog *into, const struct catalog *other, struct sherd_error *err)
{
	CLEANUP(catalog_free_at) struct catalog *c = NULL;
	struct catalog old;
	int r = catalog_new(&c, err);

	if (r)
		return r;
	if (!reserve(c, into->count + other->count, 0) || !reserve(into, 0, other->clocks))
		return err_nomem(err);
	if (!join_facts(c, into, other)) {
		drop_unshared(c, into);
		return err_nomem(err);
	}
	for (size_t i = 0; i < other->clocks; i++)
		clock_raise(into, other->vector[i].incarnation, other->vector[i].seq);
	old = *into;
	into->facts = c->facts;
	into->count = c->count;
	into->room = c->room;
	c->facts = old.facts;
	c->count = old.count;
	c->room = old.room;
	drop_unshared(c, into);
	return 0;
}

int catalog_add(struct catalog *c, const uint8_t incarnation[16], uint8_t kind, const void *payload,
	uint32_t size, struct sherd_error *err)
{
	struct catalog_fact f = {.kind = kind, .size = size};
	size_t at = 0;

	f.seq = clock_of(c, incarnation) + 1;
	memcpy(f.incarnation, incarnation, 16);
	if (!reserve(c, 1, 1))
		return err_nomem(err);
	f.payload = copy_of(payload, size);
	if (!f.payload)
		return err_nomem(err);
	while (at < c->count && dot_compare(&c->facts[at], &f) < 0)
		at++;
	memmove(c->facts + at + 1, c->facts + at, (c->count - at) * sizeof(*c->facts));
	c->facts[at] = f;
	c->count++;
	clock_raise(c, incarnation, f.seq);
	return 0;
}

void catalog_remove(struct catalog *c, size_t index)
{
	assert(index < c->count);
	free_payload(&c->facts[index]);
	c->count--;
	memmove(c->facts + index, c->facts + index + 1, (c->count - index) * sizeof(*c->facts));
}

size_t catalog_count(const struct catalog *c)
{
	return c->count;
}

const struct catalog_fact *catalog_at(const struct catalog *c, size_t index)
{
	assert(index < c->count);
	return &c->facts[index];
}
