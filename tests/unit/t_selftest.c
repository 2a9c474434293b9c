/* SPDX-License-Identifier: MIT */
/*
 * t_selftest.c - fec_kernel_self_test() refuses a kernel that is wrong. Each test here takes a good
 * kernel, spoils one thing about it, and expects a refusal: this is what stands between a
 * miscompiled kernel and wrong check shares.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <base/intmath.h>
#include <fec/kernel.h>
#include <sherd/fec.h>
#include "naive.h"

static const struct fec_kernel *real; /* the good one behind the spoiled */
static unsigned bad_coefficient;
static size_t bad_slot_bit;

/* When it is wrong, one bit of the last byte of one output is. */
static void spoil(const struct fec_dot *d, size_t output)
{
	d->target[output][d->target_at + d->size - 1] ^= 0x10;
}

static void slot_bit_flipped(const uint8_t *coefficients, size_t count, uint8_t *slots)
{
	real->prepare(coefficients, count, slots);
	for (size_t i = 0; i < count; i++)
		if (coefficients[i] == bad_coefficient)
			slots[i * real->slot_size + bad_slot_bit / 8] ^=
				(uint8_t)(1U << bad_slot_bit % 8);
}

/* Right but for the product of one coefficient and one byte. */
static void one_product_wrong(const struct fec_dot *d)
{
	real->dot(d);
	for (size_t s = 0; s < d->sources; s++) {
		for (size_t o = 0; o < d->outputs; o++) {
			const uint8_t bad = (uint8_t)bad_coefficient;
			_Alignas(8) uint8_t slot[32];

			real->prepare(&bad, 1, slot);
			if (memcmp(slot, d->table + (s * d->outputs + o) * real->slot_size,
				    real->slot_size))
				continue;
			for (size_t c = 0; c < d->size; c++)
				if (d->source[s][d->source_at + c] == bad_slot_bit)
					d->target[o][d->target_at + c] ^= 1;
		}
	}
}

static void last_byte_wrong_in_tails(const struct fec_dot *d)
{
	real->dot(d);
	if (d->size % 64)
		spoil(d, 0);
}

static void wrong_without_tail(const struct fec_dot *d)
{
	real->dot(d);
	if (d->size % 64 == 0)
		spoil(d, d->outputs - 1);
}

static size_t bad_outputs;

static void wrong_for_some_outputs(const struct fec_dot *d)
{
	real->dot(d);
	if (d->outputs == bad_outputs)
		spoil(d, d->outputs - 1);
}

static void wrong_for_some_outputs_plain(const struct fec_dot *d)
{
	real->dot(d);
	if (d->outputs == bad_outputs && !d->ahead && !d->many)
		spoil(d, 0);
}

static void wrong_for_some_outputs_many(const struct fec_dot *d)
{
	real->dot(d);
	if (d->outputs == bad_outputs && d->many)
		spoil(d, 0);
}

static void wrong_for_some_outputs_ahead(const struct fec_dot *d)
{
	real->dot(d);
	if (d->outputs == bad_outputs && d->ahead)
		spoil(d, 0);
}

static void wrong_for_some_outputs_bypassing(const struct fec_dot *d)
{
	real->dot(d);
	if (d->outputs == bad_outputs && d->bypass)
		spoil(d, 0);
}

static void wrong_for_some_outputs_started(const struct fec_dot *d)
{
	real->dot(d);
	if (d->outputs == bad_outputs && d->start)
		spoil(d, 0);
}

static void start_ignored(const struct fec_dot *d)
{
	struct fec_dot other = *d;

	other.start = NULL;
	real->dot(&other);
}

static void last_source_ignored(const struct fec_dot *d)
{
	struct fec_dot other = *d;

	other.sources--;
	real->dot(&other);
}

static void third_source_ignored(const struct fec_dot *d)
{
	struct fec_dot other = *d;

	other.sources = INT_MIN_OF(d->sources, (size_t)2);
	real->dot(&other);
}

static void byte_behind_written(const struct fec_dot *d)
{
	real->dot(d);
	d->target[0][d->target_at + d->size] ^= 1;
}

static void byte_before_written(const struct fec_dot *d)
{
	real->dot(d);
	d->target[d->outputs - 1][d->target_at - 1] ^= 1;
}

static void source_offset_ignored(const struct fec_dot *d)
{
	struct fec_dot other = *d;

	other.source_at = 0;
	real->dot(&other);
}

static void nothing_written(const struct fec_dot *d)
{
	(void)d;
}

static bool passes(
	void (*prepare)(const uint8_t *, size_t, uint8_t *), void (*dot)(const struct fec_dot *))
{
	struct fec_kernel broken = *real;

	if (prepare)
		broken.prepare = prepare;
	if (dot)
		broken.dot = dot;
	return fec_kernel_self_test(&broken);
}

static void good_kernels_pass(void **state)
{
	const char *name;

	(void)state;
	for (size_t i = 0; (name = sherd_fec_kernel_name(i)); i++) {
		assert_int_equal(fec_kernel_find(name, &real, NULL), 0);
		assert_true(passes(NULL, NULL));
	}
}

static void wrong_in_a_way(void **state)
{
	static void (*const ways[])(const struct fec_dot *) = {last_byte_wrong_in_tails,
		wrong_without_tail, start_ignored, last_source_ignored, third_source_ignored,
		byte_behind_written, byte_before_written, source_offset_ignored, nothing_written};
	const char *name;

	(void)state;
	for (size_t i = 0; (name = sherd_fec_kernel_name(i)); i++) {
		assert_int_equal(fec_kernel_find(name, &real, NULL), 0);
		for (size_t w = 0; w < ARRAY_COUNT(ways); w++)
			if (passes(NULL, ways[w]))
				fail_msg("%s spoiled in way %zu passes", name, w);
	}
}

/* Each number of outputs is code of its own, and that once for each kind of fetching. */
static void wrong_for_one_number_of_outputs(void **state)
{
	static void (*const ways[])(const struct fec_dot *) = {wrong_for_some_outputs,
		wrong_for_some_outputs_ahead, wrong_for_some_outputs_many,
		wrong_for_some_outputs_plain, wrong_for_some_outputs_bypassing,
		wrong_for_some_outputs_started};
	const char *name;

	(void)state;
	for (size_t i = 0; (name = sherd_fec_kernel_name(i)); i++) {
		assert_int_equal(fec_kernel_find(name, &real, NULL), 0);
		for (bad_outputs = 1; bad_outputs <= real->outputs_max; bad_outputs++) {
			for (size_t w = 0; w < ARRAY_COUNT(ways); w++)
				if (passes(NULL, ways[w]))
					fail_msg("%s wrong for %zu outputs in way %zu passes", name,
						bad_outputs, w);
		}
	}
}

/* One bit of one prepared coefficient: each coefficient, some bit of it. */
static void wrong_in_one_coefficient(void **state)
{
	const char *name;

	(void)state;
	for (size_t i = 0; (name = sherd_fec_kernel_name(i)); i++) {
		assert_int_equal(fec_kernel_find(name, &real, NULL), 0);
		for (bad_coefficient = 0; bad_coefficient < 256; bad_coefficient++) {
			bad_slot_bit = random_below((unsigned)real->slot_size * 8);
			/* the products of 0 with nibble 0 are all 0 in the table, and any
			 * matrix has 0 times 0; any other entry matters */
			if (passes(slot_bit_flipped, NULL))
				fail_msg("%s with bit %zu of coefficient %u flipped passes", name,
					bad_slot_bit, bad_coefficient);
		}
	}
}

static void wrong_in_one_product(void **state)
{
	(void)state;
	assert_int_equal(fec_kernel_find(NULL, &real, NULL), 0);
	for (bad_coefficient = 0; bad_coefficient < 256; bad_coefficient++) {
		bad_slot_bit = random_below(256); /* here: the other factor */
		if (passes(NULL, one_product_wrong))
			fail_msg("%s with a wrong product of %u and %zu passes", real->name,
				bad_coefficient, bad_slot_bit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_kernels_pass),
		cmocka_unit_test(wrong_in_a_way),
		cmocka_unit_test(wrong_for_one_number_of_outputs),
		cmocka_unit_test(wrong_in_one_coefficient),
		cmocka_unit_test(wrong_in_one_product),
	};

	return cmocka_run_group_tests_name("selftest", tests, random_setup, NULL);
}
