/* SPDX-License-Identifier: MIT */
/*
 * place_mem.c - objects are immutable and counted by reference: a put makes its copy before it
 * takes the lock, a get takes a reference under the lock and copies after it, so that the lock is
 * held for a search only. What the back door changes it changes in a new object.
 */
#include <place/place_mem.h>

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <place/mem_index.h>
#include <place/place_backend.h>

struct object {
	struct mem_item item; /* its name points to ${name} */
	atomic_uint references;
	uint64_t size;
	uint64_t mtime_ns;
	char name[PLACE_NAME_MAX + 1];
	uint8_t bytes[];
};

struct place_mem_store {
	const struct sherd_env *env;
	atomic_uint references;
	pthread_mutex_t lock;   /* guards what follows */
	struct mem_index index; /* of struct object; a reference to each */
	uint64_t bytes;         /* sum of their sizes */
	uint64_t limit;         /* 0: none */
};

struct place_mem {
	struct place place;
	struct place_mem_store *store; /* a reference */
};

static struct place_mem_store *store_of(struct place *p)
{
	return ((struct place_mem *)p)->store;
}

/* --- objects --- */

static struct object *object_new(const char *name, uint64_t size, uint64_t mtime_ns)
{
	struct object *o;
	size_t total;

	if (!INT_ADD(sizeof(*o), size, &total))
		return NULL;
	o = mem_array(total, 1);
	if (!o)
		return NULL;
	memcpy(o->name, name, strlen(name) + 1);
	o->item.name = o->name;
	o->size = size;
	o->mtime_ns = mtime_ns;
	atomic_init(&o->references, 1);
	return o;
}

static void object_unref(struct object *o)
{
	if (o && atomic_fetch_sub(&o->references, 1) == 1)
		mem_free(o);
}

DEFINE_CLEANUP(struct object, object_unref)

/* The object at ${spot}; the item is its first member. */
static struct object *object_at(const struct place_mem_store *s, struct mem_spot spot)
{
	return (struct object *)mem_index_at(&s->index, spot);
}

/* A new reference to the object; NULL if there is none. */
static struct object *object_get(struct place_mem_store *s, const char *name)
{
	struct object *o = NULL;
	struct mem_spot spot;

	pthread_mutex_lock(&s->lock);
	if (mem_index_find(&s->index, name, &spot)) {
		o = object_at(s, spot);
		atomic_fetch_add(&o->references, 1);
	}
	pthread_mutex_unlock(&s->lock);
	return o;
}

/* --- the place --- */

static int not_found(const char *name, struct sherd_error *err)
{
	return err_set(err, SHERD_NOTFOUND, "there is no '%s'", name);
}

/* With the lock: the reference moves to the store. */
static int insert(struct place_mem_store *s, struct object *o, struct sherd_error *err)
{
	struct mem_spot spot;

	if (mem_index_find(&s->index, o->name, &spot))
		return err_set(err, SHERD_EXISTS, "'%s' exists already", o->name);
	if (s->limit && (s->bytes > s->limit || o->size > s->limit - s->bytes))
		return err_set(err, SHERD_NOSPACE, "no space left for '%s'", o->name);
	if (mem_index_add(&s->index, &o->item) != 0)
		return err_nomem(err);
	s->bytes += o->size;
	return 0;
}

static int mem_put(struct place *p, const char *name, const struct iovec *parts, size_t count,
	struct sherd_error *err)
{
	struct place_mem_store *s = store_of(p);
	CLEANUP(object_unref_at) struct object *o = NULL;
	uint64_t size, at = 0;
	int r;

	if (place_parts_size(parts, count, &size) != 0)
		return err_nomem(err);
	o = object_new(name, size, s->env->clock_real_ns(s->env->context));
	if (!o)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].iov_len)
			memcpy(o->bytes + at, parts[i].iov_base, parts[i].iov_len);
		at += parts[i].iov_len;
	}
	pthread_mutex_lock(&s->lock);
	r = insert(s, o, err);
	if (!r)
		o = NULL;
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int mem_get(struct place *p, const char *name, uint64_t at, size_t size, void *buffer,
	size_t *ret_got, struct sherd_error *err)
{
	CLEANUP(object_unref_at) struct object *o = object_get(store_of(p), name);
	size_t got;

	if (!o)
		return not_found(name, err);
	got = at < o->size ? (size_t)INT_MIN_OF(o->size - at, (uint64_t)size) : 0;
	if (got)
		memcpy(buffer, o->bytes + at, got);
	*ret_got = got;
	return 0;
}

static int mem_stat(
	struct place *p, const char *name, struct place_stat *ret, struct sherd_error *err)
{
	CLEANUP(object_unref_at) struct object *o = object_get(store_of(p), name);

	if (!o)
		return not_found(name, err);
	*ret = (struct place_stat){.size = o->size, .mtime_ns = o->mtime_ns};
	return 0;
}

static int mem_remove(struct place *p, const char *name, struct sherd_error *err)
{
	return place_mem_drop(store_of(p), name) ? 0 : not_found(name, err);
}

/* With the lock. */
static int fill_page(struct place_mem_store *s, const char *prefix, const char *after,
	struct place_page *page, struct sherd_error *err)
{
	bool later = after && strcmp(after, prefix) >= 0;
	struct mem_spot spot;
	struct object *o;

	if (mem_index_find(&s->index, later ? after : prefix, &spot) && later)
		spot = mem_index_next(&s->index, spot);
	for (; (o = object_at(s, spot)); spot = mem_index_next(&s->index, spot)) {
		int r;

		if (!place_under(o->name, prefix))
			break;
		page->more = page->count == PLACE_LIST_MAX;
		if (page->more)
			break;
		r = place_page_add(page, o->name, o->size, err);
		if (r)
			return r;
	}
	return 0;
}

static int mem_list(struct place *p, const char *prefix, const char *after,
	struct place_page *ret_page, struct sherd_error *err)
{
	struct place_mem_store *s = store_of(p);
	struct place_page page = {0};
	int r;

	pthread_mutex_lock(&s->lock);
	r = fill_page(s, prefix, after, &page, err);
	pthread_mutex_unlock(&s->lock);
	if (r)
		place_page_release(&page);
	else
		*ret_page = page;
	return r;
}

static int mem_space(struct place *p, struct place_space *ret, struct sherd_error *err)
{
	struct place_mem_store *s = store_of(p);

	(void)err;
	pthread_mutex_lock(&s->lock);
	ret->total = s->limit;
	ret->free = s->limit > s->bytes ? s->limit - s->bytes : 0;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static void mem_place_free(struct place *p)
{
	place_mem_store_unref(store_of(p));
	mem_free(p->url);
	mem_free(p);
}

static const struct place_ops mem_ops = {
	.kind = "mem",
	.put = mem_put,
	.get = mem_get,
	.stat = mem_stat,
	.remove = mem_remove,
	.list = mem_list,
	.space = mem_space,
	.free = mem_place_free,
};

/* --- stores --- */

int place_mem_store_new(
	const struct sherd_env *env, struct place_mem_store **ret_store, struct sherd_error *err)
{
	struct place_mem_store *s = mem_array(1, sizeof(*s));
	int failed;

	if (!s)
		return err_nomem(err);
	s->env = env_or_system(env);
	atomic_init(&s->references, 1);
	failed = pthread_mutex_init(&s->lock, NULL);
	if (failed) {
		mem_free(s);
		return err_system(err, failed, "cannot make a store in memory");
	}
	*ret_store = s;
	return 0;
}

struct place_mem_store *place_mem_store_ref(struct place_mem_store *s)
{
	atomic_fetch_add(&s->references, 1);
	return s;
}

void place_mem_store_unref(struct place_mem_store *s)
{
	struct mem_spot spot = {0};
	struct object *o;

	if (!s || atomic_fetch_sub(&s->references, 1) != 1)
		return;
	while ((o = object_at(s, spot))) {
		spot = mem_index_next(&s->index, spot);
		object_unref(o);
	}
	mem_index_release(&s->index);
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}

int place_mem_new(struct place_mem_store *store, struct place **ret_place, struct sherd_error *err)
{
	struct place_mem *m = mem_array(1, sizeof(*m));
	char *url = mem_format("mem:");

	if (!m || !url) {
		mem_free(m);
		mem_free(url);
		return err_nomem(err);
	}
	m->place.ops = &mem_ops;
	m->place.url = url;
	m->store = place_mem_store_ref(store);
	*ret_place = &m->place;
	return 0;
}

int place_mem_open(const char *rest, const struct sherd_env *env, bool create,
	struct place **ret_place, struct sherd_error *err)
{
	CLEANUP(place_mem_store_unref_at) struct place_mem_store *s = NULL;
	int r;

	(void)create;
	if (rest[0])
		return err_set(err, SHERD_INVALID,
			"'mem:%s' is no place: nothing may follow 'mem:'", rest);
	r = place_mem_store_new(env, &s, err);
	return r ? r : place_mem_new(s, ret_place, err);
}

/* --- the back door --- */

void place_mem_limit(struct place_mem_store *s, uint64_t bytes)
{
	pthread_mutex_lock(&s->lock);
	s->limit = bytes;
	pthread_mutex_unlock(&s->lock);
}

/* With the lock: a copy of the object at ${spot} with the first ${size} bytes of ${from}. */
static struct object *replace(
	struct place_mem_store *s, struct mem_spot spot, const struct object *from, uint64_t size)
{
	struct object *old = object_at(s, spot);
	struct object *o = object_new(old->name, size, old->mtime_ns);

	if (!o)
		return NULL;
	memcpy(o->bytes, from->bytes, (size_t)size);
	s->bytes += size;
	s->bytes -= old->size;
	mem_index_set(&s->index, spot, &o->item);
	object_unref(old);
	return o;
}

bool place_mem_corrupt(struct place_mem_store *s, const char *name, uint64_t at, uint8_t mask)
{
	struct object *o = NULL;
	struct mem_spot spot;

	pthread_mutex_lock(&s->lock);
	if (mem_index_find(&s->index, name, &spot) && at < object_at(s, spot)->size) {
		o = replace(s, spot, object_at(s, spot), object_at(s, spot)->size);
		if (o) /* nobody else has it before the lock is given up */
			o->bytes[at] ^= mask;
	}
	pthread_mutex_unlock(&s->lock);
	return o != NULL;
}

bool place_mem_cut(struct place_mem_store *s, const char *name, uint64_t size)
{
	struct object *o = NULL;
	struct mem_spot spot;

	pthread_mutex_lock(&s->lock);
	if (mem_index_find(&s->index, name, &spot) && size <= object_at(s, spot)->size)
		o = replace(s, spot, object_at(s, spot), size);
	pthread_mutex_unlock(&s->lock);
	return o != NULL;
}

bool place_mem_drop(struct place_mem_store *s, const char *name)
{
	struct object *o = NULL;
	struct mem_spot spot;
	bool found;

	pthread_mutex_lock(&s->lock);
	found = mem_index_find(&s->index, name, &spot);
	if (found) {
		o = (struct object *)mem_index_remove(&s->index, spot);
		s->bytes -= o->size;
	}
	pthread_mutex_unlock(&s->lock);
	object_unref(o);
	return found;
}

/* With the lock. */
static bool swap(struct place_mem_store *s, struct mem_spot one, struct mem_spot other)
{
	struct object *first = object_at(s, one), *second = object_at(s, other);
	struct object *a = object_new(first->name, second->size, first->mtime_ns);
	struct object *b = object_new(second->name, first->size, second->mtime_ns);

	if (!a || !b) {
		object_unref(a);
		object_unref(b);
		return false;
	}
	memcpy(a->bytes, second->bytes, (size_t)second->size);
	memcpy(b->bytes, first->bytes, (size_t)first->size);
	mem_index_set(&s->index, one, &a->item);
	mem_index_set(&s->index, other, &b->item);
	object_unref(first);
	object_unref(second);
	return true;
}

bool place_mem_swap(struct place_mem_store *s, const char *one, const char *other)
{
	struct mem_spot first, second;
	bool done = false;

	if (strcmp(one, other) == 0)
		return false;
	pthread_mutex_lock(&s->lock);
	if (mem_index_find(&s->index, one, &first) && mem_index_find(&s->index, other, &second))
		done = swap(s, first, second);
	pthread_mutex_unlock(&s->lock);
	return done;
}

size_t place_mem_count(struct place_mem_store *s)
{
	size_t count;

	pthread_mutex_lock(&s->lock);
	count = s->index.items;
	pthread_mutex_unlock(&s->lock);
	return count;
}

uint64_t place_mem_bytes(struct place_mem_store *s)
{
	uint64_t bytes;

	pthread_mutex_lock(&s->lock);
	bytes = s->bytes;
	pthread_mutex_unlock(&s->lock);
	return bytes;
}

void place_mem_each(struct place_mem_store *s,
	bool (*visit)(void *context, const char *name, const uint8_t *bytes, uint64_t size),
	void *context)
{
	struct mem_spot spot = {0};
	struct object *o;

	pthread_mutex_lock(&s->lock);
	for (; (o = object_at(s, spot)); spot = mem_index_next(&s->index, spot))
		if (!visit(context, o->name, o->bytes, o->size))
			break;
	pthread_mutex_unlock(&s->lock);
}
