/* SPDX-License-Identifier: MIT */
/* memstore.c - a table of blobs. Reading is locked: any thread. */
#include "memstore.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include <base/alloc.h>
#include <base/err.h>
#include <pool/pool.h>
#include <repo/store.h>

#define BUCKETS 65536

struct blob {
	struct blob *next;
	struct hash id;
	enum blob_type type;
	int code; /* of reading it */
	uint32_t size;
	uint8_t data[];
};

struct sherd_pool {
	const struct sherd_env *env;
	const struct sherd_cancel *cancel;
	bool threads;
	struct packs packs; /* no members */
};

struct store {
	struct sherd_pool *pool;
	pthread_mutex_t lock;
	struct blob *buckets[BUCKETS];
	atomic_ulong reads;
	void (*hook)(void *context);
	void *hook_context;
};

static struct memstore *the_one; /* whose roots repo_snapshot_root() gives */

void memstore_open(struct memstore *m)
{
	struct store *s = mem_array(1, sizeof(*s));
	struct sherd_pool *pool = mem_array(1, sizeof(*pool));

	assert_non_null(s);
	assert_non_null(pool);
	*m = (struct memstore){.repo = mem_array(1, sizeof(*m->repo)),
		.snapshots = mem_array(2, sizeof(*m->snapshots))};
	assert_non_null(m->repo);
	assert_non_null(m->snapshots);
	pool->env = env_system();
	s->pool = pool;
	pthread_mutex_init(&s->lock, NULL);
	m->repo->pool = pool;
	m->repo->store = s;
	m->env = &pool->env;
	m->cancel = &pool->cancel;
	m->threads = &pool->threads;
	m->reads = &s->reads;
	m->snapshots[0].id[0] = 1;
	m->snapshots[1].id[0] = 2;
	the_one = m;
}

void memstore_close(struct memstore *m)
{
	struct store *s = m->repo->store;

	for (size_t i = 0; i < BUCKETS; i++)
		while (s->buckets[i]) {
			struct blob *next = s->buckets[i]->next;

			mem_free(s->buckets[i]);
			s->buckets[i] = next;
		}
	pthread_mutex_destroy(&s->lock);
	mem_free(s->pool);
	mem_free(s);
	mem_free(m->repo);
	mem_free(m->snapshots);
	bytes_release(&m->roots[0]);
	bytes_release(&m->roots[1]);
	the_one = NULL;
}

static struct blob **find(struct store *s, const struct hash *id)
{
	struct blob **at = &s->buckets[id->bytes[0] * 256 + id->bytes[1]];

	while (*at && memcmp(&(*at)->id, id, sizeof(*id)) != 0)
		at = &(*at)->next;
	return at;
}

void memstore_lose(struct memstore *m, const struct hash *id, int code)
{
	struct blob **at = find(m->repo->store, id);

	assert_non_null(*at);
	(*at)->code = code;
}

void memstore_lose_all(struct memstore *m, enum blob_type type, int code)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct blob *b = m->repo->store->buckets[i]; b; b = b->next)
			if (b->type == type)
				b->code = code;
}

void memstore_hook(struct memstore *m, void (*hook)(void *context), void *context)
{
	m->repo->store->hook = hook;
	m->repo->store->hook_context = context;
}

/* --- repo/store.h --- */

struct sherd_pool *store_pool(struct store *s)
{
	return s->pool;
}

void store_watch(struct store *s, const struct packs_watch *watch)
{
	(void)s;
	(void)watch;
}

void store_id(
	const struct store *s, enum blob_type type, const void *data, size_t size, struct hash *ret)
{
	uint8_t kind = (uint8_t)type;
	struct iovec parts[2] = {hash_part(&kind, 1), hash_part(data, size)};

	(void)s;
	hash_sha256(parts, 2, ret);
}

bool store_find(struct store *s, const struct hash *id, uint32_t *ret_size)
{
	struct blob *b = *find(s, id);

	if (b)
		*ret_size = b->size;
	return b != NULL;
}

bool store_sound(struct store *s, const struct hash *id)
{
	uint32_t size;

	return store_find(s, id, &size);
}

int store_read(struct store *s, enum blob_type type, const struct hash *id, void *buffer,
	size_t room, uint32_t *ret_size, struct sherd_error *err)
{
	struct blob *b;

	atomic_fetch_add(&s->reads, 1);
	if (s->hook)
		s->hook(s->hook_context);
	pthread_mutex_lock(&s->lock);
	b = *find(s, id);
	pthread_mutex_unlock(&s->lock);
	if (!b || b->type != type)
		return err_set(err, SHERD_NOTFOUND, "no such blob");
	if (b->code)
		return err_set(err, b->code, "a blob that a test lost");
	if (b->size > room)
		return err_set(err, SHERD_INVALID, "no room for a blob");
	memcpy(buffer, b->data, b->size);
	*ret_size = b->size;
	return 0;
}

int store_read_bytes(struct store *s, enum blob_type type, const struct hash *id, struct bytes *out,
	struct sherd_error *err)
{
	uint32_t size = 0;
	int r;

	bytes_clear(out);
	if (!store_find(s, id, &size))
		return err_set(err, SHERD_NOTFOUND, "no such blob");
	if (size && !bytes_extend(out, size))
		return err_nomem(err);
	r = store_read(s, type, id, out->data, size, &size, err);
	if (r)
		bytes_clear(out);
	return r;
}

int store_add(struct store *s, struct store_item *items, size_t count, struct sherd_error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct store_item *item = &items[i];
		struct blob **at, *b;

		assert_true(item->size >= 1 && item->size <= BLOB_SIZE_MAX);
		store_id(s, item->type, item->data, item->size, &item->id);
		at = find(s, &item->id);
		item->fresh = !*at;
		if (*at)
			continue;
		b = mem_array(sizeof(*b) + item->size, 1);
		if (!b)
			return err_nomem(err);
		b->id = item->id;
		b->type = item->type;
		b->size = item->size;
		memcpy(b->data, item->data, item->size);
		*at = b;
	}
	return 0;
}

/* --- pool/pool.h and repo/repo.h --- */

const struct sherd_env *pool_env(const struct sherd_pool *pool)
{
	return pool->env;
}

const struct sherd_cancel *pool_cancel(const struct sherd_pool *pool)
{
	return pool->cancel;
}

struct packs *pool_packs(struct sherd_pool *pool)
{
	return &pool->packs;
}

bool pool_inline(const struct sherd_pool *pool)
{
	return !pool->threads;
}

void pool_content_key(
	const struct sherd_pool *pool, enum pool_content_key which, struct crypt_key *ret)
{
	(void)pool;
	memset(ret, 7 + (int)which, sizeof(*ret));
}

const struct sherd_cancel *repo_cancel(
	const struct sherd_repo *repo, const struct sherd_repo_hooks *hooks)
{
	return hooks && hooks->cancel ? hooks->cancel : repo->pool->cancel;
}

void repo_snapshot_root(struct sherd_repo *repo, const struct sherd_snapshot *snapshot,
	const uint8_t **ret_content, size_t *ret_size)
{
	const struct bytes *root = &the_one->roots[snapshot == &the_one->snapshots[1]];

	(void)repo;
	*ret_content = root->data;
	*ret_size = root->size;
}
