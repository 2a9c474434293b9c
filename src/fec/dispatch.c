/* SPDX-License-Identifier: MIT */
/*
 * dispatch.c - which kernels this processor can run, and the choice among them.
 *
 * The list is made once: a kernel whose instructions are there is tried against the portable one,
 * and is dropped with a warning if it differs. That is not paranoia: clang before 20 assembles an
 * instruction of the GFNI kernel wrongly (llvm-project #120340), and the bytes are then wrong
 * without any fault. The choice, and the tables made for it, never leave the process.
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <base/cpu.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/log.h>
#include <sherd/fec.h>
#include <fec/gf256.h>
#include <fec/kernel.h>

static const struct fec_kernel *const known_kernels[] = {
#if defined(__x86_64__)
	&fec_kernel_avx512,
	&fec_kernel_avx2,
	&fec_kernel_ssse3,
#endif
	&fec_kernel_portable,
};

/* The kernels that work here, fastest first. Written once, under `once`. */
static const struct fec_kernel *usable[ARRAY_COUNT(known_kernels) + 1];
static pthread_once_t once = PTHREAD_ONCE_INIT;

#define TEST_SOURCES 5    /* two steps of two, and one */
#define TEST_SIZE_MAX 590 /* two of the widest column steps, a register, and some bytes */
#define TEST_AT 64        /* where an aligned target begins; others one byte later */
#define TEST_ROW (TEST_AT + TEST_SIZE_MAX + 50)
static_assert(TEST_ROW % 64 == 0, "each row of targets is aligned as the first");

/* One product to try a kernel with. */
struct trial {
	_Alignas(64) uint8_t got[FEC_OUTPUTS_MAX][TEST_ROW];
	uint8_t want[FEC_OUTPUTS_MAX][TEST_SIZE_MAX];
	uint8_t blocks[TEST_SOURCES][TEST_SIZE_MAX + 64];
	uint8_t coefficients[TEST_SOURCES * FEC_OUTPUTS_MAX];
	size_t outputs, size, skew;
	bool with_start;
};

static uint8_t paint(size_t output)
{
	return (uint8_t)(0xa5 + output);
}

/* Random enough; any 256 bytes of a block in a row are all different. */
static void fill_trial(struct trial *t, unsigned first_coefficient)
{
	for (size_t i = 0; i < TEST_SOURCES * t->outputs; i++)
		t->coefficients[i] = (uint8_t)(first_coefficient + i);
	for (size_t s = 0; s < TEST_SOURCES; s++)
		for (size_t c = 0; c < t->skew + t->size; c++)
			t->blocks[s][c] = (uint8_t)(first_coefficient + 7 * s + c * (29 + 2 * s));
}

enum fetch { NOTHING, MANY, AHEAD, FETCHES };

/* Outputs go to ${rows}, ${row_size} bytes apart, from byte ${at} on. */
static void dot_trial(const struct trial *t, const struct fec_kernel *kernel, uint8_t *rows,
	size_t row_size, size_t at, enum fetch fetch)
{
	_Alignas(64) uint8_t table[TEST_SOURCES * FEC_OUTPUTS_MAX * 32];
	const uint8_t *source[TEST_SOURCES];
	uint8_t *target[FEC_OUTPUTS_MAX];

	assert(kernel->slot_size <= 32);
	kernel->prepare(t->coefficients, TEST_SOURCES * t->outputs, table);
	for (size_t s = 0; s < TEST_SOURCES; s++)
		source[s] = t->blocks[s];
	for (size_t o = 0; o < t->outputs; o++) {
		target[o] = rows + o * row_size;
		memset(target[o], paint(o), row_size);
	}
	kernel->dot(&(struct fec_dot){.table = table,
		.source = source,
		.source_at = t->skew,
		.ahead = fetch == AHEAD ? source : NULL,
		.target = target,
		.target_at = at,
		.start = t->with_start ? (const uint8_t *const *)target : NULL,
		.start_at = at,
		.size = t->size,
		.sources = TEST_SOURCES,
		.outputs = t->outputs,
		.many = fetch == MANY,
		.bypass = at == TEST_AT});
	if (kernel->fence)
		kernel->fence();
}

/* Are ${count} bytes, at least one, all equal to ${value}? */
static bool all_equal(const uint8_t *bytes, size_t count, uint8_t value)
{
	return bytes[0] == value && memcmp(bytes, bytes + 1, count - 1) == 0;
}

/* Is ${row} what is wanted of output ${o}, and paint before and after it? */
static bool row_right(const struct trial *t, size_t o, const uint8_t *row, size_t at)
{
	size_t end = at + t->size;

	return all_equal(row, at, paint(o)) && memcmp(row + at, t->want[o], t->size) == 0 &&
	       all_equal(row + end, TEST_ROW - end, paint(o));
}

/* Every way to compute one product: fetching ahead or not, bypassing the cache or not. */
static bool trial_right(
	struct trial *t, const struct fec_kernel *kernel, unsigned first_coefficient)
{
	fill_trial(t, first_coefficient);
	dot_trial(t, &fec_kernel_portable, t->want[0], TEST_SIZE_MAX, 0, NOTHING);
	for (unsigned way = 0; way < 2 * FETCHES; way++) {
		size_t at = TEST_AT + way / FETCHES;

		dot_trial(t, kernel, t->got[0], TEST_ROW, at, way % FETCHES);
		for (size_t o = 0; o < t->outputs; o++)
			if (!row_right(t, o, t->got[o], at))
				return false;
	}
	return true;
}

bool fec_kernel_self_test(const struct fec_kernel *kernel)
{
	/* every second one with `start`; the last two hold every step and an end */
	static const size_t sizes[] = {1, 15, 31, 64, 100, 330, TEST_SIZE_MAX};
	struct trial t;
	unsigned next = 0; /* first coefficient of a trial */

	for (t.outputs = 1; t.outputs <= kernel->outputs_max; t.outputs++) {
		for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
			t.size = sizes[i];
			t.skew = i * 5;
			t.with_start = i & 1;
			if (!trial_right(&t, kernel, next))
				return false;
			next += TEST_SOURCES * (unsigned)t.outputs;
		}
	}
	/* each coefficient with each byte */
	t.outputs = kernel->outputs_max;
	t.size = 256;
	for (next = 0; next < 256; next += TEST_SOURCES * (unsigned)t.outputs)
		if (!trial_right(&t, kernel, next))
			return false;
	return true;
}

static void find_usable(void)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(known_kernels); i++) {
		const struct fec_kernel *k = known_kernels[i];

		if ((cpu_features() & k->needs) != k->needs)
			continue;
		if (k != &fec_kernel_portable && !fec_kernel_self_test(k)) {
			log_warn("codec kernel '%s' gives wrong bytes on this machine and is not "
				 "used; please report this",
				k->name);
			continue;
		}
		usable[count++] = k;
	}
}

const char *sherd_fec_kernel_name(size_t index)
{
	pthread_once(&once, find_usable);
	for (size_t i = 0; i < ARRAY_COUNT(usable) && usable[i]; i++)
		if (i == index)
			return usable[i]->name;
	return NULL;
}

int fec_kernel_find(const char *name, const struct fec_kernel **ret_kernel, struct sherd_error *err)
{
	bool forced = false;

	pthread_once(&once, find_usable);
	if (!name) {
		name = getenv("SHERD_CPU");
		forced = name && *name;
		if (!forced) {
			*ret_kernel = usable[0];
			return 0;
		}
	}
	for (size_t i = 0; usable[i]; i++) {
		if (strcmp(usable[i]->name, name) == 0) {
			*ret_kernel = usable[i];
			return 0;
		}
	}
	return err_set(err, SHERD_UNSUPPORTED,
		"%s'%.99s' is no codec kernel of this processor (the fastest is '%s', the safest "
		"'portable')",
		forced ? "SHERD_CPU=" : "", name, usable[0]->name);
}
