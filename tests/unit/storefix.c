/* SPDX-License-Identifier: MIT */
/* storefix.c - see storefix.h. */
#include "storefix.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/alloc.h>
#include <base/err.h>
#include <crypt/kdf.h>

struct sherd_pool {
	struct storefix *fix;
	unsigned device;
	uint8_t incarnation[POOL_INCARNATION_SIZE];
	int state;
	struct pool_head heads[STOREFIX_DEVICES];
};

static int random_bytes(void *context, void *buffer, size_t size)
{
	struct storefix *f = context;
	uint8_t *to = buffer;
	uint64_t x =
		f->seed + (f->frozen ? 0 : __atomic_add_fetch(&f->randoms, 1, __ATOMIC_RELAXED));

	for (size_t i = 0; i < size; i++) {
		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		to[i] = (uint8_t)(x >> 56);
	}
	return 0;
}

static uint64_t real_ns(void *context)
{
	struct storefix *f = context;

	return f->inner->clock_real_ns(f->inner->context);
}

static uint64_t monotonic_ns(void *context)
{
	struct storefix *f = context;

	return f->inner->clock_monotonic_ns(f->inner->context);
}

static void sleep_ns(void *context, uint64_t duration_ns)
{
	struct storefix *f = context;

	f->inner->sleep_ns(f->inner->context, duration_ns);
}

struct storefix *storefix_new(const struct storefix_options *options)
{
	struct storefix *f = calloc(1, sizeof(*f));
	struct poolfix_options places = {.places = options->m};
	char name[] = "/tmp/sherd-store-XXXXXX";

	assert_non_null(f);
	f->inner = env_or_system(options->env);
	f->env = (struct sherd_env){.context = f,
		.files = f->inner->files,
		.clock_real_ns = real_ns,
		.clock_monotonic_ns = monotonic_ns,
		.random = random_bytes,
		.sleep_ns = sleep_ns};
	assert_non_null(mkdtemp(name));
	f->folder = strdup(name);
	f->places = poolfix_new(options->places ? options->places : &places);
	memcpy(f->shape.id, f->places->packs.pool, POOL_ID_SIZE);
	f->shape.k = options->k;
	f->shape.m = options->m;
	f->shape.suite = POOL_SUITE;
	f->shape.epoch = 1;
	f->shape.chunk_min = 256u << 10;
	f->shape.chunk_average = 1u << 20;
	f->shape.chunk_max = 4u << 20;
	for (unsigned i = 0; i < STOREFIX_DEVICES; i++) {
		struct sherd_pool *p = calloc(1, sizeof(*p));
		char path[512];

		assert_non_null(p);
		p->fix = f;
		p->device = i;
		memset(p->incarnation, 0x10 + (int)i, sizeof(p->incarnation));
		snprintf(path, sizeof(path), "%s/%u", f->folder, i);
		assert_int_equal(mkdir(path, 0700), 0);
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "/cache");
		assert_int_equal(mkdir(path, 0700), 0);
		snprintf(path, sizeof(path), "%s/%u", f->folder, i);
		p->state = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(p->state >= 0);
		f->pools[i] = p;
	}
	return f;
}

void storefix_free(struct storefix *f)
{
	char command[600];

	if (!f)
		return;
	for (unsigned i = 0; i < STOREFIX_DEVICES; i++) {
		close(f->pools[i]->state);
		free(f->pools[i]);
		free(f->heads[i].content);
	}
	poolfix_free(f->places);
	snprintf(command, sizeof(command), "rm -rf '%s'", f->folder);
	assert_int_equal(system(command), 0);
	free(f->folder);
	free(f);
}

struct sherd_pool *storefix_pool(struct storefix *f, unsigned device)
{
	return f->pools[device];
}

void storefix_forget(struct storefix *f, unsigned device)
{
	char command[600];

	snprintf(command, sizeof(command), "rm -rf '%s/%u/cache'", f->folder, device);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s/%u/cache", f->folder, device);
	assert_int_equal(mkdir(command, 0700), 0);
}

const char *storefix_state(struct storefix *f, unsigned device, const char *name, char path[512])
{
	snprintf(path, 512, "%s/%u/%s", f->folder, device, name);
	return path;
}

struct store *storefix_open(struct storefix *f, unsigned device, unsigned threads)
{
	struct store *s = NULL;
	struct sherd_error err;
	char path[512];
	struct store_options options = {
		.cache = storefix_state(f, device, "cache", path), .threads = threads};
	int r = store_open(f->pools[device], &options, &s, &err);

	if (r)
		fail_msg("store_open: %s", err.message);
	return s;
}

/* ---- the pool ---- */

const struct pool_shape *pool_shape(const struct sherd_pool *pool)
{
	return &pool->fix->shape;
}

const struct sherd_env *pool_env(const struct sherd_pool *pool)
{
	return &pool->fix->env;
}

const struct sherd_cancel *pool_cancel(const struct sherd_pool *pool)
{
	return pool->fix->places->packs.cancel;
}

struct packs *pool_packs(struct sherd_pool *pool)
{
	return &pool->fix->places->packs;
}

const uint8_t *pool_incarnation(const struct sherd_pool *pool)
{
	return pool->incarnation;
}

bool pool_read_only(const struct sherd_pool *pool)
{
	(void)pool;
	return false;
}

int pool_state_fd(const struct sherd_pool *pool)
{
	return pool->state;
}

static const struct crypt_key content_key = {"the content key of these tests  "};

void pool_content_key(
	const struct sherd_pool *pool, enum pool_content_key which, struct crypt_key *ret)
{
	static const char *const names[] = {"sherd id", "sherd chunker", "sherd name"};

	kdf_derive(&content_key, pool->fix->shape.id, POOL_ID_SIZE, names[which], NULL, 0, ret);
}

int pool_pack_keys(const struct sherd_pool *pool, uint32_t epoch,
	const uint8_t nonce[POOL_NONCE_SIZE], struct aead_keys *ret, struct sherd_error *err)
{
	static const struct crypt_key epoch_key = {"the epoch key of these tests    "};

	if (epoch != 1)
		return err_set(err, SHERD_CORRUPT, "no such epoch");
	kdf_derive(&epoch_key, pool->fix->shape.id, POOL_ID_SIZE, "sherd pack seal", nonce,
		POOL_NONCE_SIZE, &ret->seal);
	kdf_derive(&epoch_key, pool->fix->shape.id, POOL_ID_SIZE, "sherd pack nonce", nonce,
		POOL_NONCE_SIZE, &ret->nonce);
	return 0;
}

const char *pool_place_name(const struct sherd_pool *pool, unsigned number)
{
	return number <= pool->fix->places->count
		       ? member_name(pool->fix->places->member[number - 1])
		       : "gone";
}

unsigned pool_need(const struct sherd_pool *pool)
{
	unsigned k = pool->fix->shape.k, m = pool->fix->shape.m, need = k + (m - k + 1) / 2;

	return k == 1 && m > 1 && need < 2 ? 2 : need;
}

int pool_fix_m(struct sherd_pool *pool, struct sherd_error *err)
{
	(void)pool;
	(void)err;
	return 0;
}

int sherd_pool_fresh(const struct sherd_pool *pool)
{
	(void)pool;
	return 1;
}

const struct pool_head *pool_heads(const struct sherd_pool *pool, size_t *ret_count)
{
	struct sherd_pool *p = pool->fix->pools[pool->device];
	size_t count = 0;

	for (unsigned i = 0; i < STOREFIX_DEVICES; i++) {
		const struct storefix_head *h = &p->fix->heads[i];

		if (!h->seq)
			continue;
		p->heads[count] = (struct pool_head){
			.seq = h->seq, .content = h->content, .content_size = h->size};
		memcpy(p->heads[count].incarnation, p->fix->pools[i]->incarnation,
			POOL_INCARNATION_SIZE);
		count++;
	}
	*ret_count = count;
	return p->heads;
}

/* No device of this fixture loses what its newest head leads to. */
int pool_leave_incarnation(struct sherd_pool *pool, struct sherd_error *err)
{
	(void)pool;
	return err_set(err, SHERD_QUORUM, "not in this fixture");
}

int pool_older_head(struct sherd_pool *pool, const uint8_t *incarnation, uint64_t before,
	struct pool_head *ret, struct sherd_error *err)
{
	(void)pool;
	(void)incarnation;
	(void)before;
	(void)ret;
	return err_set(err, SHERD_NOTFOUND, "only the newest heads are kept here");
}

int pool_publish(struct sherd_pool *pool, const uint8_t *content, size_t size, uint64_t *ret_seq,
	struct sherd_error *err)
{
	struct storefix_head *h = &pool->fix->heads[pool->device];

	if (pool->fix->publish)
		return err_set(err, pool->fix->publish, "publishing was to fail");
	free(h->content);
	h->content = malloc(size);
	assert_non_null(h->content);
	memcpy(h->content, content, size);
	h->size = size;
	*ret_seq = ++h->seq;
	return 0;
}
