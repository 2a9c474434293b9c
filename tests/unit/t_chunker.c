/* SPDX-License-Identifier: MIT */
/*
 * t_chunker.c - cuts against the golden table, the fast way against the definition, wherever in a
 * block a hit lies; and what cuts are for: they come again after a change, whatever the pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include <repo/blob.h>
#include <repo/chunker.h>

#include "cryptfix.h"
#include "golden.h"

#define KEY_SEED 400

static void make(struct chunker *c, uint32_t min, uint32_t average, uint32_t max)
{
	CLEANUP(mem_free_at) uint8_t *stream = golden_stream(KEY_SEED, CRYPT_KEY_SIZE);
	struct crypt_key key;

	memcpy(key.bytes, stream, sizeof(key.bytes));
	chunker_init(c, &key, min, average, max);
}

/* --- the golden table --- */

static size_t golden_case(struct golden *g, struct chunker *c, unsigned number, uint8_t **ret_data)
{
	unsigned min, average, max, mask;
	size_t size;

	assert_int_equal(golden_number(g), number);
	min = golden_number(g);
	average = golden_number(g);
	max = golden_number(g);
	size = golden_number(g);
	mask = golden_number(g);
	make(c, min, average, max);
	*ret_data = golden_stream(500 + number, size);
	for (size_t i = 0; i < size; i++)
		(*ret_data)[i] &= (uint8_t)mask;
	return size;
}

static void golden_table(struct golden *g)
{
	struct chunker c;
	uint8_t bytes[8];
	unsigned at = golden_number(g);
	uint64_t entry = 0;

	make(&c, 4096, 4096, 4096);
	golden_bytes(g, sizeof(bytes), bytes);
	for (unsigned i = 8; i > 0; i--)
		entry = entry << 8 | bytes[i - 1];
	assert_true(c.table[at] == entry);
}

static void cuts_are_those_of_the_table(void **state)
{
	CLEANUP(golden_close_at) struct golden *g = golden_open("chunker.txt");
	CLEANUP(mem_free_at) uint8_t *data = NULL;
	struct chunker c = {0};
	size_t size = 0, at = 0;
	unsigned entries = 0, cases = 0, chunks = 0;

	(void)state;
	while (golden_next(g)) {
		const char *kind = golden_text(g);

		if (strcmp(kind, "table") == 0) {
			golden_table(g);
			entries++;
		} else if (strcmp(kind, "case") == 0) {
			assert_int_equal(at, size);
			mem_free(data);
			size = golden_case(g, &c, cases++, &data);
			at = 0;
		} else {
			size_t length = chunker_next(&c, data + at, size - at, true);

			assert_string_equal(kind, "chunk");
			assert_int_equal(golden_number(g), cases - 1);
			assert_int_equal(length, golden_number(g));
			at += length;
			chunks++;
		}
		golden_end(g);
	}
	assert_int_equal(at, size);
	assert_int_equal(entries, 4);
	assert_int_equal(cases, 6);
	assert_int_equal(chunks, 181);
}

/* --- the definition --- */

/* Both ways, from memory of exactly that size. */
static size_t both(const struct chunker *c, const uint8_t *data, size_t size, bool end)
{
	CLEANUP(mem_free_at) uint8_t *exact = mem_array(size, 1);
	size_t length;

	assert_non_null(exact);
	memcpy(exact, data, size);
	length = chunker_next(c, exact, size, end);
	assert_int_equal(length, chunker_next_plain(c, exact, size, end));
	assert_true(length <= size && length <= c->max);
	if (size == 0)
		assert_int_equal(length, 0);
	else if (end && size <= c->min)
		assert_int_equal(length, size);
	else if (end || size >= c->max)
		assert_true(length >= c->min);
	else
		assert_true(length == 0 || length > c->min);
	return length;
}

static const uint32_t shapes[][3] = {
	{4096, 4096, 4096},
	{4096, 4096, 4097},
	{4096, 4096, 100000},
	{4097, 8192, 8192},
	{4096, 16384, 65536},
	{8191, 8192, 30000},
	{20000, 32768, 100001},
	{4096, 131072, 200000},
};

static void the_fast_way_is_the_definition(void **state)
{
	CLEANUP(mem_free_at) uint8_t *random = golden_stream(1, 240000);
	static const uint8_t masks[] = {0xff, 0x11, 0x01, 0x00};

	(void)state;
	for (size_t m = 0; m < ARRAY_COUNT(masks); m++) {
		for (size_t i = 0; i < 240000; i++)
			random[i] &= masks[m];
		for (size_t s = 0; s < ARRAY_COUNT(shapes); s++) {
			const uint32_t *p = shapes[s];
			struct chunker c;

			make(&c, p[0], p[1], p[2]);
			for (unsigned i = 0; i < 3; i++)
				for (size_t size = p[i] - 2; size <= p[i] + 2u; size++) {
					both(&c, random, size, true);
					both(&c, random, size, false);
				}
			for (size_t size = 0; size < p[2] + 9000u; size = size * 5 / 4 + 7) {
				both(&c, random + size / 16, size, true);
				both(&c, random + size / 16, size, false);
			}
		}
	}
}

/* --- hits where we want them --- */

/* The first 64 bytes of ${data} after which the hash is a hit for ${mask}, and for no bit of
 * ${not_mask} besides. */
static const uint8_t *find_window(
	const struct chunker *c, const uint8_t *data, size_t size, uint64_t mask, uint64_t not_mask)
{
	uint64_t h = 0;

	for (size_t i = 0; i < size; i++) {
		h = (h << 1) + c->table[data[i]];
		if (i >= CHUNKER_WINDOW && (h & mask) == 0 && (not_mask == 0 || (h & not_mask)))
			return data + i + 1 - CHUNKER_WINDOW;
	}
	fail_msg("no window");
	return NULL;
}

struct planting {
	struct chunker c;
	uint8_t *random, *ground; /* the ground has no hit by itself */
	size_t size;
	const uint8_t *strong, *weak; /* a window that hits with both masks, with the later only */
};

static void planting_init(struct planting *p, uint32_t min, uint32_t average, uint32_t max)
{
	size_t random_size = 1 << 20;

	make(&p->c, min, average, max);
	p->random = golden_stream(2, random_size);
	p->size = max;
	p->ground = mem_array(p->size, 1);
	assert_non_null(p->ground);
	assert_int_equal(chunker_next_plain(&p->c, p->ground, max, false), max);
	p->strong = find_window(&p->c, p->random, random_size, p->c.mask_before, 0);
	p->weak = find_window(&p->c, p->random, random_size, p->c.mask_after, p->c.mask_before);
}

static void planting_release(struct planting *p)
{
	mem_free(p->random);
	mem_free(p->ground);
}

/* Let byte ${at} be the last of the window; what is found then. */
static size_t with_hit(struct planting *p, const uint8_t *window, size_t at)
{
	uint8_t *place = p->ground + at + 1 - CHUNKER_WINDOW;
	size_t length;

	memcpy(place, window, CHUNKER_WINDOW);
	length = chunker_next(&p->c, p->ground, p->size, false);
	assert_int_equal(length, chunker_next_plain(&p->c, p->ground, p->size, false));
	memset(place, 0, CHUNKER_WINDOW);
	return length;
}

static void hits_are_found_everywhere(void **state)
{
	struct planting p;
	const size_t min = 4096, average = 65536, max = 120000;

	(void)state;
	planting_init(&p, min, average, max);
	/* the bounds, byte by byte */
	assert_int_equal(with_hit(&p, p.strong, min - 1), max);
	assert_int_equal(with_hit(&p, p.strong, min), min + 1);
	assert_int_equal(with_hit(&p, p.weak, average - 2), max);
	assert_int_equal(with_hit(&p, p.weak, average - 1), average);
	assert_int_equal(with_hit(&p, p.strong, max - 2), max - 1);
	assert_int_equal(with_hit(&p, p.strong, max - 1), max);
	for (size_t at = min; at < max; at += 61)
		assert_int_equal(with_hit(&p, p.strong, at), at + 1);
	/* around each stretch of 4 KiB from min on, and from average on */
	for (size_t at = min; at < max; at += 4096)
		for (size_t near = at - (at > min); near < at + 3 && near < max; near++)
			assert_int_equal(with_hit(&p, p.strong, near), near + 1);
	for (size_t at = average - 1; at + 2 < max; at += 4096)
		for (size_t near = at; near < at + 3; near++)
			assert_int_equal(with_hit(&p, p.weak, near), near + 1);
	planting_release(&p);
}

static void the_first_of_two_hits_counts(void **state)
{
	struct planting p;
	const size_t min = 4096;

	(void)state;
	planting_init(&p, min, 65536, 120000);
	for (size_t first = min + 100; first < min + 40000; first += 1021) {
		memcpy(p.ground + first + 1 - CHUNKER_WINDOW, p.strong, CHUNKER_WINDOW);
		/* the second nearer to the start of its stretch than the first, and further */
		for (size_t second = first + 64; second < min + 40064; second += 997)
			assert_int_equal(with_hit(&p, p.strong, second), first + 1);
		memset(p.ground + first + 1 - CHUNKER_WINDOW, 0, CHUNKER_WINDOW);
	}
	planting_release(&p);
}

/* --- what cuts are for --- */

#define CUTS_MAX 4096

/* The ends of all chunks; their number. */
static size_t cut(const struct chunker *c, const uint8_t *data, size_t size, size_t ends[CUTS_MAX])
{
	size_t count = 0;

	for (size_t at = 0; at < size; count++) {
		size_t length = chunker_next(c, data + at, size - at, true);

		assert_true(length > 0 && count < CUTS_MAX);
		at += length;
		ends[count] = at;
	}
	return count;
}

/* How many of ${ends} are in ${others}, moved by ${shift}. */
static size_t common(
	const size_t *ends, size_t count, const size_t *others, size_t other_count, size_t shift)
{
	size_t same = 0;

	for (size_t i = 0, j = 0; i < count && j < other_count;) {
		same += ends[i] + shift == others[j];
		if (ends[i] + shift <= others[j])
			i++;
		else
			j++;
	}
	return same;
}

static void cuts_move_with_the_content(void **state)
{
	size_t size = 4 << 20, count, moved;
	CLEANUP(mem_free_at) uint8_t *data = golden_stream(3, size);
	CLEANUP(mem_free_at) uint8_t *more = mem_array(size + 1, 1);
	static size_t ends[CUTS_MAX], others[CUTS_MAX];
	struct chunker c;

	(void)state;
	assert_non_null(more);
	make(&c, 4096, 16384, 65536);
	count = cut(&c, data, size, ends);
	memcpy(more + 1, data, size);
	moved = cut(&c, more, size + 1, others);
	assert_true(common(ends, count, others, moved, 1) * 100 >= count * 97);
	/* one byte changed in the middle: all cuts before it, and most behind it */
	data[size / 2] ^= 1;
	moved = cut(&c, data, size, others);
	assert_true(common(ends, count, others, moved, 0) + 8 >= count);
	/* bytes taken away at the front */
	data[size / 2] ^= 1;
	moved = cut(&c, data + 12345, size - 12345, others);
	assert_true(common(others, moved, ends, count, 12345) * 100 >= moved * 97);
}

static void sizes_are_spread_around_the_average(void **state)
{
	size_t size = 16 << 20, count, full = 0;
	CLEANUP(mem_free_at) uint8_t *data = golden_stream(4, size);
	static size_t ends[CUTS_MAX];
	struct chunker c;

	(void)state;
	make(&c, 4096, 16384, 65536);
	count = cut(&c, data, size, ends);
	for (size_t i = 0; i < count; i++) {
		size_t length = ends[i] - (i ? ends[i - 1] : 0);

		assert_true(length <= c.max);
		assert_true(length > c.min || i + 1 == count);
		full += length == c.max;
	}
	/* by the definition: 1.14 averages */
	assert_in_range(size / count, 16384 * 108 / 100, 16384 * 120 / 100);
	assert_true(full * 100 <= count);
}

static void pieces_do_not_matter(void **state)
{
	size_t size = 400000;
	CLEANUP(mem_free_at) uint8_t *data = golden_stream(5, size);
	struct chunker c;

	(void)state;
	make(&c, 4096, 16384, 65536);
	for (size_t step = 1; step < 100000; step = step * 3 + 1000) {
		for (size_t at = 0; at < size;) {
			size_t whole = chunker_next(&c, data + at, size - at, true), got = 0,
			       have = 0;

			while (got == 0 && have < size - at) {
				have = INT_MIN_OF(have + step, size - at);
				got = chunker_next(&c, data + at, have, false);
				assert_true(got != 0 || have < c.max);
			}
			if (got == 0)
				got = chunker_next(&c, data + at, have, true);
			assert_int_equal(got, whole);
			at += got;
		}
	}
}

static void another_key_cuts_elsewhere(void **state)
{
	size_t size = 1 << 20, count, other_count;
	CLEANUP(mem_free_at) uint8_t *data = golden_stream(6, size);
	static size_t ends[CUTS_MAX], others[CUTS_MAX];
	struct crypt_key key = {{1}};
	struct chunker a, b;

	(void)state;
	make(&a, 4096, 16384, 65536);
	chunker_init(&b, &key, 4096, 16384, 65536);
	count = cut(&a, data, size, ends);
	other_count = cut(&b, data, size, others);
	assert_true(common(ends, count, others, other_count, 0) <= 2); /* the end, and chance */
}

static void the_largest_chunks_can_be_made(void **state)
{
	CLEANUP(mem_free_at) uint8_t *zeros = mem_array(BLOB_SIZE_MAX, 1);
	struct chunker c;

	(void)state;
	assert_non_null(zeros);
	make(&c, BLOB_SIZE_MAX, BLOB_SIZE_MAX, BLOB_SIZE_MAX);
	assert_int_equal(chunker_next(&c, zeros, BLOB_SIZE_MAX - 1, false), 0);
	assert_int_equal(chunker_next(&c, zeros, BLOB_SIZE_MAX - 1, true), BLOB_SIZE_MAX - 1);
	assert_int_equal(chunker_next(&c, zeros, BLOB_SIZE_MAX, false), BLOB_SIZE_MAX);
	make(&c, 256u << 10, 1u << 20, BLOB_SIZE_MAX);
	assert_true(c.mask_before == UINT64_C(0xfffffc0000000000)); /* 22 bits */
	assert_true(c.mask_after == UINT64_C(0xffffc00000000000));  /* 18 bits */
	assert_int_equal(both(&c, zeros, BLOB_SIZE_MAX, false), BLOB_SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_are_those_of_the_table),
		cmocka_unit_test(the_fast_way_is_the_definition),
		cmocka_unit_test(hits_are_found_everywhere),
		cmocka_unit_test(the_first_of_two_hits_counts),
		cmocka_unit_test(cuts_move_with_the_content),
		cmocka_unit_test(sizes_are_spread_around_the_average),
		cmocka_unit_test(pieces_do_not_matter),
		cmocka_unit_test(another_key_cuts_elsewhere),
		cmocka_unit_test(the_largest_chunks_can_be_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
