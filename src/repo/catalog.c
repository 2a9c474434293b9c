/* SPDX-License-Identifier: MIT */
/*
 * catalog.c - two sorted arrays: the vector, by incarnation, and the facts, by dot. Each fact owns
 * its payload.
 *
 * What makes joins agree on all devices is that every dot of a fact is covered by the vector of the
 * catalog that holds it; so "covered and not here" always means removed. Adding keeps this (the
 * dot is the vector's next), joining too (the vector is the maximum of both), and a stream that
 * breaks it is refused. Numbers of 0 are refused as well, since nobody makes them: then equal
 * catalogs are equal streams.
 *
 * A join first copies what it will take from the other side and makes room for everything. From
 * there on nothing can fail, and the arrays are merged.
 */
#include <repo/catalog.h>

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/cursor.h>
#include <base/err.h>
#include <base/intmath.h>

#define FORMAT 1
#define HEAD_SIZE (2 + 2 + 4 + 4)
#define KNOWN_SIZE (16 + 8)
#define FACT_SIZE (16 + 8 + 4 + 1 + 3 + 4)
#define ROOM_LEAST 8

struct catalog {
	struct catalog_known *known; /* ascending by incarnation */
	size_t known_count, known_room;
	struct catalog_fact *facts; /* ascending by dot; each owns its payload */
	size_t fact_count, fact_room;
	uint64_t size; /* bytes of the stream, at most CATALOG_SIZE_MAX */
};

/* --- parts --- */

static int compare_incarnations(const uint8_t a[16], const uint8_t b[16])
{
	return memcmp(a, b, 16);
}

static int compare_dots(const struct catalog_fact *a, const struct catalog_fact *b)
{
	int way = compare_incarnations(a->incarnation, b->incarnation);

	if (way != 0)
		return way;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

/* For two facts of one dot. */
static int compare_contents(const struct catalog_fact *a, const struct catalog_fact *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	return a->size ? memcmp(a->payload, b->payload, a->size) : 0;
}

/* Index of the first of the vector that is not before ${incarnation}. */
static size_t known_find(const struct catalog *c, const uint8_t incarnation[16])
{
	size_t low = 0, high = c->known_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_incarnations(c->known[mid].incarnation, incarnation) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint64_t known_seq(const struct catalog *c, const uint8_t incarnation[16])
{
	size_t at = known_find(c, incarnation);

	if (at == c->known_count ||
		compare_incarnations(c->known[at].incarnation, incarnation) != 0)
		return 0;
	return c->known[at].seq;
}

/* Index of the first fact that is not before the dot of ${fact}. */
static size_t fact_find(const struct catalog *c, const struct catalog_fact *fact)
{
	size_t low = 0, high = c->fact_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_dots(&c->facts[mid], fact) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* ${count} things of ${size} bytes in a new array with room for ${room} >= 1; NULL: no memory. */
static void *array_copy(const void *things, size_t count, size_t room, size_t size)
{
	void *copy = mem_array(room, size);

	assert(count <= room);
	if (copy && count)
		memcpy(copy, things, count * size);
	return copy;
}

/* Room for one more, here and there. */
static bool reserve_known(struct catalog *c)
{
	size_t room = INT_MAX_OF(c->known_count * 2, (size_t)ROOM_LEAST);
	struct catalog_known *more;

	if (c->known_count < c->known_room)
		return true;
	more = array_copy(c->known, c->known_count, room, sizeof(*more));
	if (!more)
		return false;
	mem_free(c->known);
	c->known = more;
	c->known_room = room;
	return true;
}

static bool reserve_fact(struct catalog *c)
{
	size_t room = INT_MAX_OF(c->fact_count * 2, (size_t)ROOM_LEAST);
	struct catalog_fact *more;

	if (c->fact_count < c->fact_room)
		return true;
	more = array_copy(c->facts, c->fact_count, room, sizeof(*more));
	if (!more)
		return false;
	mem_free(c->facts);
	c->facts = more;
	c->fact_room = room;
	return true;
}

/* A payload of one's own; the fact's other fields stay. */
static bool payload_own(struct catalog_fact *fact, const void *payload)
{
	fact->payload = array_copy(payload, fact->size, INT_MAX_OF(fact->size, 1u), 1);
	return fact->payload;
}

static void payload_free(const struct catalog_fact *fact)
{
	union {
		const uint8_t *owned;
		void *to_free;
	} u = {fact->payload};

	mem_free(u.to_free);
}

static void facts_free(struct catalog_fact *facts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		payload_free(&facts[i]);
	mem_free(facts);
}

/* --- the whole --- */

int catalog_new(struct catalog **ret, struct sherd_error *err)
{
	struct catalog *c = mem_array(1, sizeof(*c));

	if (!c)
		return err_nomem(err);
	c->size = HEAD_SIZE;
	*ret = c;
	return 0;
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	facts_free(c->facts, c->fact_count);
	mem_free(c->known);
	mem_free(c);
}

size_t catalog_count(const struct catalog *c)
{
	return c->fact_count;
}

const struct catalog_fact *catalog_at(const struct catalog *c, size_t index)
{
	assert(index < c->fact_count);
	return &c->facts[index];
}

size_t catalog_vector_count(const struct catalog *c)
{
	return c->known_count;
}

const struct catalog_known *catalog_vector_at(const struct catalog *c, size_t index)
{
	assert(index < c->known_count);
	return &c->known[index];
}

/* --- streams --- */

void catalog_write(const struct catalog *c, struct bytes *out)
{
	size_t start = out->size;

	if (!bytes_reserve(out, (size_t)c->size))
		return;
	bytes_u16(out, FORMAT);
	bytes_u16(out, 0);
	bytes_u32(out, (uint32_t)c->known_count);
	for (size_t i = 0; i < c->known_count; i++) {
		bytes_add(out, c->known[i].incarnation, 16);
		bytes_u64(out, c->known[i].seq);
	}
	bytes_u32(out, (uint32_t)c->fact_count);
	for (size_t i = 0; i < c->fact_count; i++) {
		const struct catalog_fact *fact = &c->facts[i];

		bytes_add(out, fact->incarnation, 16);
		bytes_u64(out, fact->seq);
		bytes_u32(out, fact->number);
		bytes_u8(out, fact->kind);
		bytes_u8(out, 0);
		bytes_u16(out, 0);
		bytes_u32(out, fact->size);
		bytes_add(out, fact->payload, fact->size);
	}
	assert(out->size - start == c->size);
}

static int bad(struct sherd_error *err, const char *why)
{
	return err_set(err, SHERD_CORRUPT, "catalog is damaged: %s", why);
}

/* A count of things of at least ${size} bytes each, as many as can be there. */
static bool read_count(struct cursor *c, size_t size, size_t *ret)
{
	*ret = cursor_u32(c);
	return !c->failed && *ret <= cursor_left(c) / size;
}

static int read_vector(struct catalog *c, struct cursor *in, struct sherd_error *err)
{
	size_t count;

	if (!read_count(in, KNOWN_SIZE, &count))
		return bad(err, "its vector is cut short");
	c->known = mem_array(count, sizeof(*c->known));
	if (!c->known)
		return err_nomem(err);
	c->known_room = count;
	for (; c->known_count < count; c->known_count++) {
		struct catalog_known *known = &c->known[c->known_count];

		cursor_copy(in, known->incarnation, 16);
		known->seq = cursor_u64(in);
		if (known->seq == 0)
			return bad(err, "a sequence number is 0");
		if (c->known_count > 0 &&
			compare_incarnations(known[-1].incarnation, known->incarnation) >= 0)
			return bad(err, "its vector is out of order");
	}
	return 0;
}

/* One fact, behind those that are there already; there is room for it. */
static int read_fact(struct catalog *c, struct cursor *in, struct sherd_error *err)
{
	struct catalog_fact *fact = &c->facts[c->fact_count];
	const uint8_t *payload;
	unsigned reserved;

	cursor_copy(in, fact->incarnation, 16);
	fact->seq = cursor_u64(in);
	fact->number = cursor_u32(in);
	fact->kind = cursor_u8(in);
	reserved = cursor_u8(in);
	reserved |= cursor_u16(in);
	fact->size = cursor_u32(in);
	payload = cursor_take(in, fact->size);
	if (!payload)
		return bad(err, "a fact is cut short");
	if (reserved != 0)
		return bad(err, "a reserved field is not 0");
	if (fact->seq == 0 || fact->seq > known_seq(c, fact->incarnation))
		return bad(err, "a fact is not covered by its vector");
	if (c->fact_count > 0 && compare_dots(&fact[-1], fact) >= 0)
		return bad(err, "its facts are out of order");
	if (!payload_own(fact, payload))
		return err_nomem(err);
	c->fact_count++;
	return 0;
}

static int read_facts(struct catalog *c, struct cursor *in, struct sherd_error *err)
{
	size_t count;
	int r = 0;

	if (!read_count(in, FACT_SIZE, &count))
		return bad(err, "its facts are cut short");
	c->facts = mem_array(count, sizeof(*c->facts));
	if (!c->facts)
		return err_nomem(err);
	c->fact_room = count;
	while (r == 0 && c->fact_count < count)
		r = read_fact(c, in, err);
	return r;
}

int catalog_read(const uint8_t *data, size_t size, struct catalog **ret, struct sherd_error *err)
{
	CLEANUP(catalog_free_at) struct catalog *c = NULL;
	struct cursor in = cursor_of(data, size);
	unsigned format = cursor_u16(&in), reserved = cursor_u16(&in);
	int r;

	if (size > CATALOG_SIZE_MAX)
		return bad(err, "it is too large");
	if (in.failed)
		return bad(err, "it is cut short");
	if (format > FORMAT)
		return err_set(err, SHERD_NEWER, "catalog was made by a newer version of sherd");
	if (format != FORMAT || reserved != 0)
		return bad(err, "its header is wrong");
	r = catalog_new(&c, err);
	if (r == 0)
		r = read_vector(c, &in, err);
	if (r == 0)
		r = read_facts(c, &in, err);
	if (r != 0)
		return r;
	if (!cursor_done(&in))
		return bad(err, "there are bytes behind its end");
	c->size = size;
	*ret = TAKE(c);
	return 0;
}

/* --- changes --- */

int catalog_add(struct catalog *c, const uint8_t incarnation[16], uint8_t kind, const void *payload,
	uint32_t size, struct sherd_error *err)
{
	size_t at = known_find(c, incarnation), fact_at;
	uint64_t last = known_seq(c, incarnation);
	uint64_t more = FACT_SIZE + (uint64_t)size + (last == 0 ? KNOWN_SIZE : 0);
	struct catalog_fact fact = {.seq = last + 1, .number = 0, .kind = kind, .size = size};

	if (last == UINT64_MAX)
		return err_set(err, SHERD_NOSPACE, "catalog: this device has no numbers left");
	if (c->size + more > CATALOG_SIZE_MAX)
		return err_set(err, SHERD_NOSPACE, "catalog is full");
	memcpy(fact.incarnation, incarnation, sizeof(fact.incarnation));
	if (!reserve_known(c) || !reserve_fact(c) || !payload_own(&fact, payload))
		return err_nomem(err);
	if (last == 0) {
		memmove(&c->known[at + 1], &c->known[at],
			(c->known_count - at) * sizeof(*c->known));
		memcpy(c->known[at].incarnation, incarnation, sizeof(c->known[at].incarnation));
		c->known_count++;
	}
	c->known[at].seq = fact.seq;
	fact_at = fact_find(c, &fact);
	memmove(&c->facts[fact_at + 1], &c->facts[fact_at],
		(c->fact_count - fact_at) * sizeof(*c->facts));
	c->facts[fact_at] = fact;
	c->fact_count++;
	c->size += more;
	return 0;
}

void catalog_remove(struct catalog *c, size_t index)
{
	assert(index < c->fact_count);
	c->size -= FACT_SIZE + (uint64_t)c->facts[index].size;
	payload_free(&c->facts[index]);
	memmove(&c->facts[index], &c->facts[index + 1],
		(c->fact_count - index - 1) * sizeof(*c->facts));
	c->fact_count--;
}

/* --- joining --- */

/* The fact of this dot; NULL if it is not there. */
static const struct catalog_fact *fact_same(
	const struct catalog *c, const struct catalog_fact *fact)
{
	size_t at = fact_find(c, fact);

	if (at == c->fact_count || compare_dots(&c->facts[at], fact) != 0)
		return NULL;
	return &c->facts[at];
}

/* Whether a join with ${other} keeps this fact of another catalog. Of two that are equal either may
 * stay: ${own} is true on the side from which it is taken. */
static bool stays(const struct catalog_fact *fact, const struct catalog *other, bool own)
{
	const struct catalog_fact *same = fact_same(other, fact);
	int way;

	if (!same)
		return fact->seq > known_seq(other, fact->incarnation);
	way = compare_contents(fact, same);
	return own ? way >= 0 : way > 0;
}

/* Add what ${into} takes over from ${other} to ${fresh}, copied. */
static bool copy_fresh(
	struct catalog *fresh, const struct catalog *into, const struct catalog *other)
{
	for (size_t i = 0; i < other->fact_count; i++) {
		struct catalog_fact fact = other->facts[i];

		if (!stays(&fact, into, false))
			continue;
		if (!reserve_fact(fresh) || !payload_own(&fact, fact.payload))
			return false;
		fresh->facts[fresh->fact_count++] = fact;
	}
	return true;
}

/* The maximum of both vectors; there is room for it. */
static void merge_vectors(struct catalog *joined, const struct catalog *a, const struct catalog *b)
{
	size_t i = 0, j = 0;

	while (i < a->known_count || j < b->known_count) {
		int way = i == a->known_count ? 1 : -1;
		struct catalog_known *known = &joined->known[joined->known_count++];

		if (i < a->known_count && j < b->known_count)
			way = compare_incarnations(
				a->known[i].incarnation, b->known[j].incarnation);
		*known = way <= 0 ? a->known[i] : b->known[j];
		if (way == 0)
			known->seq = INT_MAX_OF(a->known[i].seq, b->known[j].seq);
		i += way <= 0;
		j += way >= 0;
		joined->size += KNOWN_SIZE;
	}
}

static void put_fact(struct catalog *c, const struct catalog_fact *fact)
{
	assert(c->fact_count < c->fact_room);
	c->facts[c->fact_count++] = *fact;
	c->size += FACT_SIZE + (uint64_t)fact->size;
}

/* What stays of ${into} and all of ${fresh}, in order; there is room for it. Payloads are still
 * owned by these two. */
static void merge_facts(struct catalog *joined, const struct catalog *into,
	const struct catalog *other, const struct catalog *fresh)
{
	size_t j = 0;

	for (size_t i = 0; i < into->fact_count; i++) {
		const struct catalog_fact *fact = &into->facts[i];

		if (!stays(fact, other, true))
			continue;
		while (j < fresh->fact_count && compare_dots(&fresh->facts[j], fact) < 0)
			put_fact(joined, &fresh->facts[j++]);
		put_fact(joined, fact);
	}
	while (j < fresh->fact_count)
		put_fact(joined, &fresh->facts[j++]);
}

/* Room for the join: how much is needed at most. */
static bool reserve_join(struct catalog *joined, const struct catalog *into,
	const struct catalog *other, const struct catalog *fresh)
{
	joined->known_room = into->known_count + other->known_count;
	joined->fact_room = into->fact_count + fresh->fact_count;
	joined->known = mem_array(joined->known_room, sizeof(*joined->known));
	joined->facts = mem_array(joined->fact_room, sizeof(*joined->facts));
	return joined->known && joined->facts;
}

/* ${into} becomes ${joined}, which has taken over what stays and what is fresh. */
static void commit_join(struct catalog *into, const struct catalog *other, struct catalog *joined,
	struct catalog *fresh)
{
	for (size_t i = 0; i < into->fact_count; i++)
		if (!stays(&into->facts[i], other, true))
			payload_free(&into->facts[i]);
	mem_free(into->known);
	mem_free(into->facts);
	*into = *joined;
	mem_free(fresh->facts);
	*fresh = (struct catalog){0};
}

int catalog_join(struct catalog *into, const struct catalog *other, struct sherd_error *err)
{
	struct catalog fresh = {0}, joined = {.size = HEAD_SIZE};
	int r = 0;

	if (into == other)
		return 0;
	if (!copy_fresh(&fresh, into, other) || !reserve_join(&joined, into, other, &fresh))
		r = err_nomem(err);
	if (r == 0) {
		merge_vectors(&joined, into, other);
		merge_facts(&joined, into, other, &fresh);
		if (joined.size > CATALOG_SIZE_MAX)
			r = err_set(err, SHERD_NOSPACE, "catalog is full");
	}
	if (r == 0) {
		commit_join(into, other, &joined, &fresh);
		return 0;
	}
	mem_free(joined.known);
	mem_free(joined.facts);
	facts_free(fresh.facts, fresh.fact_count);
	return r;
}
