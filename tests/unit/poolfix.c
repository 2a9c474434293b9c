/* SPDX-License-Identifier: MIT */
#include "poolfix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include "naive.h"

static enum wrap_fault decide(void *context, enum wrap_call call, const char *name)
{
	struct poolfix_fault *fault = context;
	struct poolfix *f = fault->fix;
	unsigned long number = atomic_fetch_add(&f->calls, 1) + 1;
	unsigned long from = atomic_load(&f->offline_from);
	unsigned calls = atomic_load(&fault->calls);

	(void)name;
	if (from && number >= from)
		return WRAP_FAULT_OFFLINE;
	if (calls && !(calls >> call & 1))
		return WRAP_FAULT_NONE;
	return (enum wrap_fault)atomic_load(&fault->what);
}

static void note(void *context, const struct pool_ref *ref, unsigned share,
	const struct member *member, int code, const char *why)
{
	struct poolfix *f = context;

	(void)ref;
	(void)why;
	f->told++;
	f->told_share = share;
	f->told_place = member_number(member);
	f->told_code = code;
}

static void open_place(struct poolfix *f, unsigned i, const struct poolfix_options *options)
{
	struct wrap_fault_options wrong = {
		.decide = decide, .context = &f->fault[i], .hang_ns = options->hang_ns};
	struct member_options member = {
		.threads = options->threads, .deadline_ns = options->deadline_ns};
	struct place *inner, *outer;
	char name[8];

	f->fault[i].fix = f;
	snprintf(name, sizeof(name), "p%u", i + 1);
	assert_int_equal(place_mem_store_new(env_system(), &f->store[i], NULL), 0);
	assert_int_equal(place_mem_new(f->store[i], &inner, NULL), 0);
	assert_int_equal(wrap_fault(inner, env_system(), &wrong, &outer, NULL), 0);
	assert_int_equal(
		member_new((uint16_t)(i + 1), name, outer, NULL, &member, &f->member[i], NULL), 0);
	f->members[i] = (struct packs_member){
		.member = f->member[i],
		.number = (uint16_t)(i + 1),
		.domain = "",
		.writable = true,
	};
}

struct poolfix *poolfix_new(const struct poolfix_options *options)
{
	struct poolfix *f = mem_array(1, sizeof(*f));

	assert_non_null(f);
	assert_true(options->places <= POOLFIX_PLACES);
	f->count = options->places;
	for (unsigned i = 0; i < f->count; i++)
		open_place(f, i, options);
	f->packs = (struct packs){
		.env = env_system(),
		.members = f->members,
		.count = f->count,
	};
	f->watch = (struct packs_watch){.share = note, .context = f};
	return f;
}

void poolfix_free(struct poolfix *f)
{
	if (!f)
		return;
	packs_release(&f->packs);
	for (unsigned i = 0; i < f->count; i++) {
		member_free(f->member[i]);
		place_mem_store_unref(f->store[i]);
	}
	mem_free(f);
}

void poolfix_break(struct poolfix *f, unsigned place, enum wrap_fault what, unsigned calls)
{
	atomic_store(&f->fault[place - 1].calls, calls);
	atomic_store(&f->fault[place - 1].what, what);
}

void poolfix_mend(struct poolfix *f)
{
	for (unsigned i = 0; i < f->count; i++)
		poolfix_break(f, i + 1, WRAP_FAULT_NONE, 0);
	atomic_store(&f->offline_from, 0);
}

struct pool_ref poolfix_code(struct poolfix *f, unsigned k, unsigned m, uint32_t share_size,
	struct pack_buffer **ret_buffer)
{
	struct share_manifest manifest = {
		.epoch = 1,
		.suite = 1,
		.k = (uint8_t)k,
		.m = (uint8_t)m,
		.share_size = share_size,
	};
	struct pool_ref ref;

	random_fill(manifest.nonce, sizeof(manifest.nonce));
	random_fill(manifest.pool, sizeof(manifest.pool));
	assert_int_equal(pack_buffer_new(k, m, share_size, ret_buffer, NULL), 0);
	random_fill(pack_buffer_payload(*ret_buffer), (size_t)k * share_size);
	assert_int_equal(packs_code(&f->packs, *ret_buffer, &manifest, &ref, NULL), 0);
	return ref;
}

struct pool_ref poolfix_put(
	struct poolfix *f, unsigned k, unsigned m, uint32_t share_size, uint8_t **ret_payload)
{
	struct pack_put_result result;
	struct pack_buffer *buffer;
	struct pool_ref ref = poolfix_code(f, k, m, share_size, &buffer);
	struct sherd_error err;

	if (packs_put(&f->packs, buffer, &ref, m, &result, &err) != 0)
		fail_msg("put: %s", err.message);
	assert_int_equal(result.verified, m);
	if (ret_payload) {
		*ret_payload = mem_aligned(4096, (size_t)k * share_size);
		assert_non_null(*ret_payload);
		memcpy(*ret_payload, pack_buffer_payload(buffer), (size_t)k * share_size);
	}
	pack_buffer_unref(buffer);
	return result.ref;
}

void poolfix_name(const struct pool_ref *ref, unsigned share, char name[SHARE_NAME_SIZE])
{
	share_name(&ref->id, share, name);
}

struct place_mem_store *poolfix_store(
	const struct poolfix *f, const struct pool_ref *ref, unsigned share)
{
	return f->store[ref->places[share] - 1];
}

void poolfix_drop(struct poolfix *f, const struct pool_ref *ref, unsigned share)
{
	char name[SHARE_NAME_SIZE];

	poolfix_name(ref, share, name);
	assert_true(place_mem_drop(poolfix_store(f, ref, share), name));
}

uint64_t poolfix_lies(const struct poolfix *f)
{
	struct member_counts counts;
	uint64_t lies = 0;

	for (unsigned i = 0; i < f->count; i++) {
		member_counts(f->member[i], &counts);
		lies += counts.lies;
	}
	return lies;
}

void poolfix_read(struct poolfix *f, const struct pool_ref *ref, const uint8_t *payload)
{
	CLEANUP(mem_free_at) uint8_t *out = mem_aligned(4096, (size_t)ref_payload(ref));
	struct sherd_error err;

	assert_non_null(out);
	if (packs_read_all(&f->packs, ref, out, &f->watch, &err) != 0)
		fail_msg("read: %s", err.message);
	assert_memory_equal(out, payload, (size_t)ref_payload(ref));
}
