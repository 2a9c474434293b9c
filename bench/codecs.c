/* SPDX-License-Identifier: MIT */
/*
 * codecs.c - the codecs compared, each behind the same three calls.
 *
 * libisal gets zfec's coefficients, which its tables accept, so all compute the same bytes. The C
 * core of Debian's python3-zfec is called where it lies, in the package's extension module.
 */
#include <dlfcn.h>
#include <glob.h>
#include <isa-l/erasure_code.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sherd/fec.h>
#include "bench.h"

struct sherd_ready {
	struct bench_task task;
	struct sherd_fec *code;
	struct sherd_fec_plan *plan;
};

static void *sherd_prepare_with(const struct bench_task *task, const char *kernel)
{
	struct sherd_ready *r = calloc(1, sizeof(*r));

	r->task = *task;
	if (sherd_fec_new(task->k, task->m, kernel, &r->code, NULL) ||
		sherd_fec_plan_new(
			r->code, task->known, task->wanted, task->wanted_count, &r->plan, NULL)) {
		sherd_fec_free(r->code);
		free(r);
		return NULL;
	}
	return r;
}

static void *sherd_prepare(const struct bench_task *task)
{
	return sherd_prepare_with(task, NULL);
}

static void *sherd_prepare_avx2(const struct bench_task *task)
{
	return sherd_prepare_with(task, "avx2");
}

static void sherd_run(void *ready, uint8_t **known, uint8_t **wanted, size_t size)
{
	const struct sherd_ready *r = ready;
	const struct sherd_fec_options options = {.stream = r->task.stream};

	if (sherd_fec_run(r->plan, (const uint8_t *const *)known, wanted, size, &options, NULL))
		abort();
}

static void sherd_release(void *ready)
{
	struct sherd_ready *r = ready;

	sherd_fec_plan_free(r->plan);
	sherd_fec_free(r->code);
	free(r);
}

const struct bench_codec bench_sherd = {"sherd", sherd_prepare, sherd_run, sherd_release};
const struct bench_codec bench_sherd_avx2 = {
	"sherd avx2", sherd_prepare_avx2, sherd_run, sherd_release};

uint8_t *bench_rows(const struct bench_task *task)
{
	struct sherd_ready *r = sherd_prepare(task);
	uint8_t *rows = calloc(task->wanted_count, task->k);
	uint8_t *unit = calloc(task->k, task->k);
	const uint8_t *known[SHARES_MAX];
	uint8_t *wanted[SHARES_MAX];

	for (unsigned j = 0; j < task->k; j++) {
		unit[j * task->k + j] = 1;
		known[j] = unit + j * task->k;
	}
	for (unsigned w = 0; w < task->wanted_count; w++)
		wanted[w] = rows + w * task->k;
	if (!r || sherd_fec_run(r->plan, known, wanted, task->k, NULL, NULL))
		abort();
	sherd_release(r);
	free(unit);
	return rows;
}

struct isal_ready {
	struct bench_task task;
	uint8_t *tables;
};

static void *isal_prepare(const struct bench_task *task)
{
	struct isal_ready *r = calloc(1, sizeof(*r));
	uint8_t *rows = malloc((size_t)task->k * task->wanted_count);

	r->task = *task;
	r->tables = aligned_alloc(64, ((size_t)32 * task->k * task->wanted_count + 63) / 64 * 64);
	memcpy(rows, task->rows, (size_t)task->k * task->wanted_count);
	ec_init_tables((int)task->k, (int)task->wanted_count, rows, r->tables);
	free(rows);
	return r;
}

static void isal_run(void *ready, uint8_t **known, uint8_t **wanted, size_t size)
{
	struct isal_ready *r = ready;

	ec_encode_data(
		(int)size, (int)r->task.k, (int)r->task.wanted_count, r->tables, known, wanted);
}

static void isal_run_avx2(void *ready, uint8_t **known, uint8_t **wanted, size_t size)
{
	struct isal_ready *r = ready;

	ec_encode_data_avx2(
		(int)size, (int)r->task.k, (int)r->task.wanted_count, r->tables, known, wanted);
}

static void isal_release(void *ready)
{
	struct isal_ready *r = ready;

	free(r->tables);
	free(r);
}

const struct bench_codec bench_isal = {"libisal", isal_prepare, isal_run, isal_release};
const struct bench_codec bench_isal_avx2 = {
	"libisal avx2", isal_prepare, isal_run_avx2, isal_release};

/* The functions of python3-zfec's extension module. */
struct zfec_calls {
	void *(*make)(unsigned short k, unsigned short m);
	void (*release)(void *code);
	void (*encode)(const void *code, const uint8_t *const *src, uint8_t *const *fecs,
		const unsigned *numbers, size_t count, size_t size);
	void (*decode)(const void *code, const uint8_t *const *in, uint8_t *const *out,
		const unsigned *index, size_t size);
};

static bool zfec_load(struct zfec_calls *calls)
{
	glob_t found = {0};
	void *module = NULL;

	/* the module's references to Python's data must resolve, though none is used */
	if (!glob("/usr/lib/*/libpython3.*.so.1.0", 0, NULL, &found) && found.gl_pathc)
		dlopen(found.gl_pathv[0], RTLD_LAZY | RTLD_GLOBAL);
	globfree(&found);
	if (!glob("/usr/lib/python3/dist-packages/zfec/_fec.*.so", 0, NULL, &found) &&
		found.gl_pathc)
		module = dlopen(found.gl_pathv[0], RTLD_LAZY | RTLD_LOCAL);
	globfree(&found);
	if (!module)
		return false;
	*(void **)&calls->make = dlsym(module, "fec_new");
	*(void **)&calls->release = dlsym(module, "fec_free");
	*(void **)&calls->encode = dlsym(module, "fec_encode");
	*(void **)&calls->decode = dlsym(module, "fec_decode");
	return calls->make && calls->release && calls->encode && calls->decode;
}

struct zfec_ready {
	struct bench_task task;
	struct zfec_calls calls;
	void *code;
};

static void *zfec_prepare(const struct bench_task *task)
{
	struct zfec_ready *r = calloc(1, sizeof(*r));

	r->task = *task;
	if (!zfec_load(&r->calls)) {
		free(r);
		return NULL;
	}
	r->code = r->calls.make((unsigned short)task->k, (unsigned short)task->m);
	return r;
}

static void zfec_run(void *ready, uint8_t **known, uint8_t **wanted, size_t size)
{
	struct zfec_ready *r = ready;
	const struct bench_task *t = &r->task;
	const uint8_t *const *in = (const uint8_t *const *)known;

	if (t->wanted[0] >= t->k)
		r->calls.encode(r->code, in, wanted, t->wanted, t->wanted_count, size);
	else
		r->calls.decode(r->code, in, wanted, t->known, size);
}

static void zfec_release(void *ready)
{
	struct zfec_ready *r = ready;

	r->calls.release(r->code);
	free(r);
}

const struct bench_codec bench_zfec = {"python3-zfec", zfec_prepare, zfec_run, zfec_release};
