/* SPDX-License-Identifier: MIT */
/*
 * t_kernel.c - the inner loops: every kernel of this processor against products made bit by bit.
 *
 * Sources lie in pages that cannot be written, targets and starts in pages between two that cannot
 * be touched, all of them flush to one end or somewhere between; what stands around a target is
 * compared as well. So a byte read or written outside a block either faults or is seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <base/intmath.h>
#include <fec/kernel.h>
#include <sherd/fec.h>
#include "naive.h"

#define SOURCES_MAX 20
#define SIZE_LARGEST 20000
#define AROUND 80  /* bytes looked at before and after each target */
#define ANYWHERE 2 /* a place in the pages: the start, the end, or anywhere */
#define KERNELS_MAX 8

enum start_kind { START_NONE, START_TARGET, START_APART, START_KINDS };

static const struct fec_kernel *kernels[KERNELS_MAX];
static size_t kernel_count;
static struct guarded sources[SOURCES_MAX], targets[FEC_OUTPUTS_MAX], starts[FEC_OUTPUTS_MAX];

/* One product to compute; offsets are from the pages' start or, if below 0, from their end. */
struct product {
	size_t size, sources_count, outputs;
	enum start_kind start;
	bool ahead, many, bypass;
	size_t source_place[SOURCES_MAX], target_place[FEC_OUTPUTS_MAX],
		start_place[FEC_OUTPUTS_MAX];
	uint8_t coefficients[SOURCES_MAX * FEC_OUTPUTS_MAX]; /* [source][output] */
};

static int find_kernels(void **state)
{
	const char *name;

	(void)state;
	random_start();
	for (; (name = sherd_fec_kernel_name(kernel_count)); kernel_count++) {
		assert_true(kernel_count < KERNELS_MAX);
		assert_int_equal(fec_kernel_find(name, &kernels[kernel_count], NULL), 0);
		assert_string_equal(kernels[kernel_count]->name, name);
	}
	for (size_t s = 0; s < SOURCES_MAX; s++) {
		sources[s] = guarded_new(SIZE_LARGEST);
		random_fill(sources[s].bytes, sources[s].size);
		guarded_freeze(&sources[s]);
	}
	for (size_t o = 0; o < FEC_OUTPUTS_MAX; o++) {
		targets[o] = guarded_new(SIZE_LARGEST);
		starts[o] = guarded_new(SIZE_LARGEST);
		random_fill(starts[o].bytes, starts[o].size);
		guarded_freeze(&starts[o]);
	}
	return 0;
}

static int forget_kernels(void **state)
{
	(void)state;
	for (size_t s = 0; s < SOURCES_MAX; s++)
		guarded_free(&sources[s]);
	for (size_t o = 0; o < FEC_OUTPUTS_MAX; o++) {
		guarded_free(&targets[o]);
		guarded_free(&starts[o]);
	}
	return 0;
}

/* At the first byte of the pages, flush to their last, or at any of 64 offsets from the first. */
static size_t random_place(size_t size, const struct guarded *g)
{
	switch (random_below(ANYWHERE + 1)) {
	case 0:
		return 0;
	case 1:
		return g->size - size;
	default:
		return random_below(64);
	}
}

static void choose_product(struct product *p, size_t size, size_t sources_count, size_t outputs)
{
	*p = (struct product){.size = size,
		.sources_count = sources_count,
		.outputs = outputs,
		.start = (enum start_kind)random_below(START_KINDS),
		.ahead = random_below(2),
		.many = random_below(2),
		.bypass = random_below(4) == 0};
	for (size_t s = 0; s < sources_count; s++)
		p->source_place[s] = random_place(size, &sources[s]);
	for (size_t o = 0; o < outputs; o++) {
		p->target_place[o] = random_place(size, &targets[o]);
		p->start_place[o] = random_place(size, &starts[o]);
		if (p->bypass)
			p->target_place[o] = p->target_place[o] / 64 * 64;
	}
	random_fill(p->coefficients, sources_count * outputs);
}

static uint8_t target_before(size_t o, size_t at)
{
	return (uint8_t)(0x5a + 31 * o + at);
}

/* Paint the target and what is around it; returns where painting began, and ends at *ret_end. */
static size_t around(const struct product *p, size_t o, size_t *ret_end)
{
	size_t at = p->target_place[o];

	*ret_end = INT_MIN_OF(at + p->size + AROUND, targets[o].size);
	return at > AROUND ? at - AROUND : 0;
}

static void paint(const struct product *p)
{
	for (size_t o = 0; o < p->outputs; o++) {
		size_t end, from = around(p, o, &end);

		for (size_t at = from; at < end; at++)
			targets[o].bytes[at] = target_before(o, at);
	}
}

static void run_kernel(const struct fec_kernel *kernel, const struct product *p)
{
	_Alignas(64) uint8_t table[SOURCES_MAX * FEC_OUTPUTS_MAX * 32];
	const uint8_t *source[SOURCES_MAX], *start[FEC_OUTPUTS_MAX];
	uint8_t *target[FEC_OUTPUTS_MAX];
	/* each base is before its block: all of them are reached through the common offset */
	size_t source_at = random_below(64), target_at = random_below(64);
	size_t start_at = random_below(64);
	struct fec_dot d = {.table = table,
		.source = source,
		.target = target,
		.source_at = source_at,
		.target_at = target_at,
		.start_at = start_at,
		.ahead = p->ahead ? source : NULL,
		.ahead_at = source_at + 128,
		.many = !p->ahead && p->many,
		.start = p->start == START_NONE ? NULL : start,
		.size = p->size,
		.sources = p->sources_count,
		.outputs = p->outputs,
		.bypass = p->bypass};

	kernel->prepare(p->coefficients, p->sources_count * p->outputs, table);
	for (size_t s = 0; s < p->sources_count; s++)
		source[s] = sources[s].bytes + p->source_place[s] - source_at;
	for (size_t o = 0; o < p->outputs; o++) {
		uint8_t *block = targets[o].bytes + p->target_place[o];

		target[o] = block - target_at;
		start[o] = p->start == START_TARGET
				   ? block - start_at
				   : starts[o].bytes + p->start_place[o] - start_at;
	}
	kernel->dot(&d);
	if (p->bypass && kernel->fence)
		kernel->fence();
}

/* What the bytes around target ${o} must be after the product, from offset ${from} to ${end}. */
static void expect(const struct product *p, size_t o, size_t from, size_t end, uint8_t *ret)
{
	size_t place = p->target_place[o];

	for (size_t at = from; at < end; at++)
		ret[at - from] = target_before(o, at);
	ret += place - from;
	if (p->start == START_NONE)
		memset(ret, 0, p->size);
	if (p->start == START_APART)
		memcpy(ret, starts[o].bytes + p->start_place[o], p->size);
	for (size_t s = 0; s < p->sources_count; s++) {
		const uint8_t *source = sources[s].bytes + p->source_place[s];
		uint8_t coefficient = p->coefficients[s * p->outputs + o], product[256];

		for (unsigned x = 0; x < 256; x++)
			product[x] = naive_product(coefficient, (uint8_t)x);
		for (size_t c = 0; c < p->size; c++)
			ret[c] ^= product[source[c]];
	}
}

/* Every kernel that can make so many outputs makes these. */
static void verify(const struct product *p)
{
	static uint8_t want[FEC_OUTPUTS_MAX][SIZE_LARGEST + 2 * AROUND];

	for (size_t o = 0; o < p->outputs; o++) {
		size_t end, from = around(p, o, &end);

		expect(p, o, from, end, want[o]);
	}
	for (size_t i = 0; i < kernel_count; i++) {
		if (p->outputs > kernels[i]->outputs_max)
			continue;
		paint(p);
		run_kernel(kernels[i], p);
		for (size_t o = 0; o < p->outputs; o++) {
			size_t end, from = around(p, o, &end);

			if (memcmp(targets[o].bytes + from, want[o], end - from))
				fail_msg("%s: output %zu of %zu, %zu sources, size %zu, start "
					 "%d%s%s",
					kernels[i]->name, o, p->outputs, p->sources_count, p->size,
					p->start,
					p->ahead  ? ", ahead"
					: p->many ? ", many"
						  : "",
					p->bypass ? ", bypass" : "");
		}
	}
}

/* Each coefficient with each byte, alone and at each output. */
static void all_coefficients(void **state)
{
	struct product p;

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		for (size_t outputs = 1; outputs <= FEC_OUTPUTS_MAX; outputs += 5) {
			choose_product(&p, 2048, 1, outputs);
			for (size_t o = 0; o < outputs; o++)
				p.coefficients[o] = (uint8_t)(c + 16 * o);
			verify(&p);
		}
	}
}

static void all_sizes_and_outputs(void **state)
{
	struct product p;

	(void)state;
	for (size_t size = 0; size <= 330; size++) {
		for (size_t outputs = 1; outputs <= FEC_OUTPUTS_MAX; outputs++) {
			choose_product(&p, size, 1 + random_below(SOURCES_MAX), outputs);
			verify(&p);
		}
	}
}

/* Every combination of outputs, sources, start, what is fetched, and bypass. */
static void all_shapes(void **state)
{
	struct product p;

	(void)state;
	for (size_t outputs = 1; outputs <= FEC_OUTPUTS_MAX; outputs++) {
		for (size_t count = 1; count <= SOURCES_MAX; count++) {
			for (unsigned shape = 0; shape < START_KINDS * 6; shape++) {
				choose_product(&p, 1 + random_below(330), count, outputs);
				p.start = (enum start_kind)(shape / 6);
				p.ahead = shape % 3 == 1;
				p.many = shape % 3 == 2;
				p.bypass = shape % 6 / 3;
				for (size_t o = 0; p.bypass && o < outputs; o++)
					p.target_place[o] = p.target_place[o] / 64 * 64;
				verify(&p);
			}
		}
	}
}

static void all_offsets(void **state)
{
	struct product p;

	(void)state;
	for (size_t from = 0; from < 64; from++) {
		for (size_t to = 0; to < 64; to++) {
			choose_product(&p, 60 + random_below(140), 1 + random_below(4),
				1 + random_below(4));
			p.bypass = false;
			for (size_t s = 0; s < p.sources_count; s++)
				p.source_place[s] = from;
			for (size_t o = 0; o < p.outputs; o++)
				p.target_place[o] = to;
			verify(&p);
		}
	}
}

static void larger_sizes(void **state)
{
	static const size_t sizes[] = {511, 513, 1023, 4095, 4097, 8191, 16385, SIZE_LARGEST - 1};
	struct product p;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		for (size_t outputs = 1; outputs <= FEC_OUTPUTS_MAX; outputs += 3) {
			choose_product(&p, sizes[i], 1 + random_below(6), outputs);
			verify(&p);
		}
	}
}

/* What dispatch.c and run.c take for granted. */
static void properties(void **state)
{
	(void)state;
	for (size_t i = 0; i < kernel_count; i++) {
		const struct fec_kernel *k = kernels[i];

		assert_in_range(k->outputs_max, 1, FEC_OUTPUTS_MAX);
		assert_in_range(k->group, 1, k->outputs_max);
		assert_in_range(k->slot_size, 1, 32);
		assert_true(fec_kernel_self_test(k));
	}
	assert_ptr_equal(kernels[kernel_count - 1], &fec_kernel_portable);
	assert_int_equal(fec_kernel_portable.needs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(properties),
		cmocka_unit_test(all_coefficients),
		cmocka_unit_test(all_sizes_and_outputs),
		cmocka_unit_test(all_shapes),
		cmocka_unit_test(all_offsets),
		cmocka_unit_test(larger_sizes),
	};

	return cmocka_run_group_tests_name("kernel", tests, find_kernels, forget_kernels);
}
