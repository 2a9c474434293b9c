/* SPDX-License-Identifier: MIT */
/*
 * t_golden.c - the code against what the original zfec computed (tests/golden/MANIFEST.md): each
 * row of its generator matrices, each block of its encoder, and back from random sets of shares,
 * with every kernel of this processor.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include <base/cleanup.h>
#include <sherd/fec.h>
#include "golden.h"
#include "naive.h"

#define SHARES_MAX SHERD_FEC_SHARES_MAX
#define SIZE_MAX_GOLDEN 64 /* bytes of the longest block of raw-encoder.txt */
#define MATRIX_ROWS 1394
#define ENCODER_RECORDS 71
#define SETS_PER_RECORD 6 /* decodes of each record with each kernel */

DEFINE_CLEANUP(struct sherd_fec, sherd_fec_free)
DEFINE_CLEANUP(struct sherd_fec_plan, sherd_fec_plan_free)

static void assert_done(int r, const struct sherd_error *err)
{
	if (r)
		fail_msg("%d: %s", r, err->message);
}

/* Share numbers 0..m-1 in random order; or in falling order, so that the check shares come first.
 */
static void shuffle(unsigned *numbers, unsigned m, bool random)
{
	for (unsigned i = 0; i < m; i++)
		numbers[i] = m - 1 - i;
	for (unsigned i = m; random && i > 1; i--) {
		unsigned j = random_below(i);
		unsigned kept = numbers[j];

		numbers[j] = numbers[i - 1];
		numbers[i - 1] = kept;
	}
}

/* A row of the matrix is what the code makes of unit vectors, one column each. */
static void check_matrix_row(unsigned k, unsigned m, unsigned row, const uint8_t *expected,
	const char *kernel, bool stream)
{
	struct sherd_error err;
	CLEANUP(sherd_fec_free_at) struct sherd_fec *code = NULL;
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	struct sherd_fec_options options = {.stream = stream};
	static uint8_t unit[SHARES_MAX][SHARES_MAX];
	const uint8_t *known[SHARES_MAX];
	unsigned numbers[SHARES_MAX];
	uint8_t computed[SHARES_MAX];
	uint8_t *wanted[] = {computed};

	for (unsigned i = 0; i < k; i++) {
		numbers[i] = i;
		unit[i][i] = 1;
		known[i] = unit[i];
	}
	memset(computed, 0xa5, sizeof(computed));
	assert_done(sherd_fec_new(k, m, kernel, &code, &err), &err);
	assert_done(sherd_fec_plan_new(code, numbers, &row, 1, &plan, &err), &err);
	assert_done(sherd_fec_run(plan, known, wanted, k, &options, &err), &err);
	assert_memory_equal(computed, expected, k);
}

static void test_matrices(void **state)
{
	CLEANUP(golden_close_at) struct golden *g = golden_open("generator-matrices.txt");
	unsigned rows = 0;
	const char *kernel;

	(void)state;
	while (golden_next(g)) {
		uint8_t expected[SHARES_MAX];
		unsigned k = golden_number(g);
		unsigned m = golden_number(g);
		unsigned row = golden_number(g);

		assert_in_range(k, 1, SHARES_MAX);
		golden_bytes(g, k, expected);
		golden_end(g);
		for (size_t i = 0; (kernel = sherd_fec_kernel_name(i)); i++) {
			check_matrix_row(k, m, row, expected, kernel, false);
			check_matrix_row(k, m, row, expected, kernel, true);
		}
		rows++;
	}
	assert_int_equal(rows, MATRIX_ROWS);
}

/* One record of raw-encoder.txt: all m blocks, the data ones first. */
struct record {
	unsigned k, m;
	size_t size;
	uint8_t blocks[SHARES_MAX][SIZE_MAX_GOLDEN];
};

static void read_record(struct golden *g, struct record *r)
{
	static uint8_t data[SHARES_MAX * SIZE_MAX_GOLDEN];

	r->k = golden_number(g);
	r->m = golden_number(g);
	r->size = golden_number(g);
	assert_in_range(r->m, 1, SHARES_MAX);
	assert_in_range(r->k, 1, r->m);
	assert_in_range(r->size, 0, SIZE_MAX_GOLDEN);
	golden_bytes(g, r->k * r->size, data);
	for (unsigned i = 0; i < r->k; i++)
		memcpy(r->blocks[i], data + i * r->size, r->size);
	for (unsigned i = r->k; i < r->m; i++)
		golden_bytes(g, r->size, r->blocks[i]);
	golden_end(g);
}

/* Compute shares ${wanted} from ${known}; every byte must be the record's, and none beyond. */
static void check_plan(const struct record *r, const struct sherd_fec *code, const unsigned *known,
	const unsigned *wanted, size_t wanted_count)
{
	struct sherd_error err;
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	static uint8_t computed[SHARES_MAX][SIZE_MAX_GOLDEN + 1];
	const uint8_t *known_blocks[SHARES_MAX];
	uint8_t *wanted_blocks[SHARES_MAX];

	memset(computed, 0xa5, sizeof(computed));
	for (unsigned i = 0; i < r->k; i++)
		known_blocks[i] = r->blocks[known[i]];
	for (size_t i = 0; i < wanted_count; i++)
		wanted_blocks[i] = computed[i];
	assert_done(sherd_fec_plan_new(code, known, wanted, wanted_count, &plan, &err), &err);
	assert_done(sherd_fec_run(plan, known_blocks, wanted_blocks, r->size, NULL, &err), &err);
	for (size_t i = 0; i < wanted_count; i++) {
		assert_memory_equal(computed[i], r->blocks[wanted[i]], r->size);
		assert_int_equal(computed[i][r->size], 0xa5);
	}
}

static void check_record(const struct record *r, const char *kernel, bool decode)
{
	struct sherd_error err;
	CLEANUP(sherd_fec_free_at) struct sherd_fec *code = NULL;
	unsigned numbers[SHARES_MAX];

	assert_done(sherd_fec_new(r->k, r->m, kernel, &code, &err), &err);
	assert_string_equal(sherd_fec_kernel(code), kernel);
	for (unsigned i = 0; i < r->m; i++)
		numbers[i] = i;
	if (!decode) {
		check_plan(r, code, numbers, numbers + r->k, r->m - r->k);
		return;
	}
	/* All shares, held and lost, from the last k (the worst loss) and from random ones. */
	for (unsigned set = 0; set < SETS_PER_RECORD; set++) {
		unsigned known[SHARES_MAX];

		shuffle(known, r->m, set > 0);
		check_plan(r, code, known, numbers, r->m);
		check_plan(r, code, known, known + r->k, r->m - r->k);
	}
}

static void each_record(bool decode)
{
	CLEANUP(golden_close_at) struct golden *g = golden_open("raw-encoder.txt");
	static struct record record;
	unsigned records = 0;
	const char *kernel;

	while (golden_next(g)) {
		read_record(g, &record);
		for (size_t i = 0; (kernel = sherd_fec_kernel_name(i)); i++)
			check_record(&record, kernel, decode);
		records++;
	}
	assert_int_equal(records, ENCODER_RECORDS);
}

static void test_encoder(void **state)
{
	(void)state;
	each_record(false);
}

static void test_decoder(void **state)
{
	(void)state;
	random_start();
	each_record(true);
}

static void test_kernels_are_named(void **state)
{
	size_t count = 0;

	(void)state;
	while (sherd_fec_kernel_name(count))
		count++;
	assert_true(count >= 1);
	assert_string_equal(sherd_fec_kernel_name(count - 1), "portable");
	for (size_t i = 0; i < count; i++)
		print_message("# kernel %s\n", sherd_fec_kernel_name(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernels_are_named),
		cmocka_unit_test(test_matrices),
		cmocka_unit_test(test_encoder),
		cmocka_unit_test(test_decoder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
