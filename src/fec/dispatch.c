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

#define TEST_SOURCES 3
#define TEST_SIZE_MAX 545 /* two of the widest column steps, a register, and some bytes */

/* One product: do the kernel and the definition agree, and is nothing beyond the blocks written? */
static bool same_dot(const struct fec_kernel *kernel, const uint8_t coefficients[], size_t outputs,
	size_t size, size_t skew, bool with_start)
{
	_Alignas(64) uint8_t table[TEST_SOURCES * FEC_OUTPUTS_MAX * 32];
	_Alignas(64) uint8_t blocks[TEST_SOURCES][TEST_SIZE_MAX + 64];
	static_assert(sizeof(table) + sizeof(blocks) < 8192, "fits a small stack");
	uint8_t got[FEC_OUTPUTS_MAX][TEST_SIZE_MAX + 3], want[FEC_OUTPUTS_MAX][TEST_SIZE_MAX + 3];
	const uint8_t *source[TEST_SOURCES], *start[FEC_OUTPUTS_MAX];
	uint8_t *target[FEC_OUTPUTS_MAX];
	struct fec_dot d = {.table = table,
		.source = source,
		.source_at = skew,
		.ahead = source,
		.target = target,
		.target_at = 1,
		.size = size,
		.sources = TEST_SOURCES,
		.outputs = outputs};

	for (size_t s = 0; s < TEST_SOURCES; s++) {
		for (size_t c = 0; c < sizeof(blocks[s]); c++)
			blocks[s][c] = (uint8_t)(coefficients[s] + 7 * s + c * 29 + (c >> 3));
		source[s] = blocks[s];
	}
	for (int turn = 0; turn < 2; turn++) {
		const struct fec_kernel *k = turn ? &fec_kernel_portable : kernel;

		for (size_t i = 0; i < TEST_SOURCES * outputs; i++)
			k->prepare(coefficients[i], table + i * k->slot_size);
		for (size_t o = 0; o < outputs; o++) {
			target[o] = turn ? want[o] : got[o];
			memset(target[o], 0xa5 + (int)o, sizeof(got[o]));
			start[o] = target[o];
		}
		d.start = with_start ? start : NULL;
		d.start_at = d.target_at;
		k->dot(&d);
	}
	return memcmp(got, want, outputs * sizeof(got[0])) == 0;
}

bool fec_kernel_self_test(const struct fec_kernel *kernel)
{
	static const size_t sizes[] = {1, 15, 31, 63, 64, 100, 129, 257, TEST_SIZE_MAX};
	uint8_t coefficients[TEST_SOURCES * FEC_OUTPUTS_MAX];
	unsigned next = 0; /* runs through all coefficients again and again */

	for (size_t outputs = 1; outputs <= kernel->outputs_max; outputs++) {
		for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
			for (size_t c = 0; c < TEST_SOURCES * outputs; c++)
				coefficients[c] = (uint8_t)next++;
			if (!same_dot(kernel, coefficients, outputs, sizes[i], i * 5 % 64, i & 1))
				return false;
		}
	}
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
		"%s'%s' is no codec kernel of this processor (the fastest is '%s', the safest "
		"'portable')",
		forced ? "SHERD_CPU=" : "", name, usable[0]->name);
}
