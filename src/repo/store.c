/* SPDX-License-Identifier: MIT */
/*
 * store.c - opening a store, and everything that only looks at it.
 *
 * Opening goes over the newest heads of all devices, the one with the least knowledge (lamport)
 * first. What the index file knows already is not read again: packs are known by their ids, index
 * streams by the pack and group they begin with. A head that cannot be read is left out and
 * counted; the device's own must be readable before it may be superseded (store_begin), because the
 * next one is built upon it.
 */
#include "store_inner.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/log.h>

/* ---- what readers find wrong ---- */

static void told(void *context, const struct pool_ref *ref, unsigned share,
	const struct member *member, int code, const char *why)
{
	struct store *s = context;
	const struct packs_watch *on;
	uint32_t pack;

	pthread_rwlock_wrlock(&s->index_lock);
	pack = index_pack_find(s->index, &ref->id);
	if (pack != INDEX_NONE) {
		index_pack_at(s->index, pack)->suspects |= UINT64_C(1) << share;
		s->suspects_dirty = true;
	}
	pthread_rwlock_unlock(&s->index_lock);
	pthread_mutex_lock(&s->told_lock);
	on = s->told_on;
	pthread_mutex_unlock(&s->told_lock);
	if (on)
		on->share(on->context, ref, share, member, code, why);
}

void store_watch(struct store *s, const struct packs_watch *watch)
{
	pthread_mutex_lock(&s->told_lock);
	s->told_on = watch;
	pthread_mutex_unlock(&s->told_lock);
}

/* ---- heads ---- */

/* All of a stream, its groups one behind the other. */
static int read_stream(struct store *s, const struct head_content *h,
	const struct head_stream *stream, struct bytes *out, struct sherd_error *err)
{
	int code = 0;

	bytes_clear(out);
	for (uint32_t i = 0; !code && i < stream->count; i++) {
		if (out->size > CATALOG_SIZE_MAX)
			return err_set(err, SHERD_CORRUPT, "a stream of a head is too long");
		code = reader_group(s->reader, &h->packs[stream->groups[i].pack].ref,
			&stream->groups[i].place, out, err);
	}
	return code;
}

static int add_table(struct store *s, const struct pool_ref *ref, bool published,
	const uint8_t *table, size_t size, uint32_t *ret_pack, struct sherd_error *err)
{
	int code;

	pthread_rwlock_wrlock(&s->index_lock);
	code = index_add_table(s->index, ref, published, table, size, ret_pack, err);
	pthread_rwlock_unlock(&s->index_lock);
	return code;
}

static int take_segment(struct store *s, const struct bytes *data, const struct hash *pack,
	uint32_t number, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes covered = BYTES_INIT;
	struct segment_reader r;
	struct pool_ref ref;
	const uint8_t *table;
	size_t size;
	int code = segment_open(&r, data->data, data->size, err);

	if (code)
		return code;
	while ((code = segment_next(&r, &ref, &table, &size, err)) > 0) {
		uint32_t added;

		code = add_table(s, &ref, true, table, size, &added, err);
		if (code)
			return code;
		bytes_add(&covered, &added, sizeof(added));
	}
	if (!code && covered.failed)
		code = err_nomem(err);
	return code ? code
		    : index_stream_add(s->index, pack, number, (const uint32_t *)covered.data,
			      (uint32_t)(covered.size / sizeof(uint32_t)), err);
}

static int take_index(struct store *s, const struct head_content *h,
	const struct head_stream *stream, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes data = BYTES_INIT;
	const struct hash *pack;
	uint32_t number;
	int code;

	if (!stream->count)
		return 0;
	pack = &h->packs[stream->groups[0].pack].ref.id;
	number = stream->groups[0].place.number;
	if (index_stream_find(s->index, pack, number))
		return 0;
	code = read_stream(s, h, stream, &data, err);
	return code ? code : take_segment(s, &data, pack, number, err);
}

static int take_catalog(struct store *s, const struct head_content *h,
	const struct head_stream *stream, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes data = BYTES_INIT;
	CLEANUP(catalog_free_at) struct catalog *catalog = NULL;
	int code = read_stream(s, h, stream, &data, err);

	if (!code)
		code = catalog_read(data.data, data.size, &catalog, err);
	return code ? code : catalog_join(s->catalog, catalog, err);
}

/* Whether work on a head ends here; else the first error is kept and the rest is taken. */
static bool ends(int code, int *first, struct sherd_error *kept, const struct sherd_error *why)
{
	if (code && !*first) {
		*first = code;
		*kept = *why;
	}
	return code == SHERD_NOMEM || code == SHERD_CANCELLED;
}

static int take_pack(struct store *s, const struct head_pack *p, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes table = BYTES_INIT;
	uint32_t pack;
	int code;

	pthread_rwlock_wrlock(&s->index_lock);
	pack = index_pack_find(s->index, &p->ref.id);
	if (pack != INDEX_NONE) {
		struct index_pack *known = index_pack_at(s->index, pack);

		memcpy(known->ref.places, p->ref.places, sizeof(p->ref.places));
		known->published = true;
	}
	pthread_rwlock_unlock(&s->index_lock);
	if (pack != INDEX_NONE || !p->self)
		return 0;
	code = reader_table(s->reader, &p->ref, &table, err);
	return code ? code : add_table(s, &p->ref, true, table.data, table.size, NULL, err);
}

static int take_head(struct store *s, const struct head_content *h, struct sherd_error *err)
{
	struct sherd_error why = {0};
	int first = 0;

	for (uint32_t i = 0; i < h->stream_count; i++)
		if (h->streams[i].type == BLOB_INDEX &&
			ends(take_index(s, h, &h->streams[i], &why), &first, err, &why))
			return first;
	for (uint32_t i = 0; i < h->pack_count; i++)
		if (ends(take_pack(s, &h->packs[i], &why), &first, err, &why))
			return first;
	for (uint32_t i = 0; i < h->stream_count; i++)
		if (h->streams[i].type == BLOB_CATALOG &&
			ends(take_catalog(s, h, &h->streams[i], &why), &first, err, &why))
			return first;
	return first;
}

static void quarantine(struct store *s, const struct pool_head *head, const struct sherd_error *err)
{
	if (!s->quarantined++)
		snprintf(s->quarantine, sizeof(s->quarantine),
			"head %llu of %02x%02x%02x%02x: %.110s", (unsigned long long)head->seq,
			head->incarnation[0], head->incarnation[1], head->incarnation[2],
			head->incarnation[3], err->message);
}

static bool is_own(const struct store *s, const struct pool_head *head)
{
	return !memcmp(head->incarnation, pool_incarnation(s->pool), POOL_INCARNATION_SIZE);
}

static int take_content(struct store *s, const struct pool_head *head, struct head_content *ret,
	struct sherd_error *err)
{
	int code = head_content_read(head->content, head->content_size, ret, err);

	return code ? code : take_head(s, ret, err);
}

/* What the newest one leads to is not all there: the forerunners, until one is. */
static int take_older(struct store *s, const struct pool_head *newest, struct sherd_error *err)
{
	struct pool_head head = *newest;
	int code;

	do {
		struct head_content content = {0};
		struct sherd_error why;

		code = pool_older_head(s->pool, newest->incarnation, head.seq, &head, err);
		if (code)
			return code == SHERD_NOTFOUND ? 0 : code;
		code = take_content(s, &head, &content, &why);
		head_content_release(&content);
		if (code == SHERD_NOMEM || code == SHERD_CANCELLED) {
			*err = why;
			return code;
		}
	} while (code);
	return 0;
}

static int take_one(struct store *s, const struct pool_head *head, struct sherd_error *err)
{
	struct head_content content = {0};
	struct sherd_error why = {0};
	int code = take_content(s, head, &content, &why);

	if (is_own(s, head)) {
		head_content_release(&s->own);
		s->own_code = code;
		s->own_err = why;
		s->own = content;
		content = (struct head_content){0};
	}
	head_content_release(&content);
	if (code == SHERD_NOMEM || code == SHERD_CANCELLED) {
		*err = why;
		return code;
	}
	if (!code)
		return 0;
	quarantine(s, head, &why);
	return take_older(s, head, err);
}

static int by_lamport(const void *a, const void *b)
{
	const struct pool_head *const *x = a, *const *y = b;

	if ((*x)->lamport != (*y)->lamport)
		return (*x)->lamport < (*y)->lamport ? -1 : 1;
	return memcmp((*x)->incarnation, (*y)->incarnation, POOL_INCARNATION_SIZE);
}

static int take_heads(struct store *s, struct sherd_error *err)
{
	size_t count;
	const struct pool_head *heads = pool_heads(s->pool, &count);
	CLEANUP(mem_free_at) const struct pool_head **order = mem_array(count, sizeof(*order));
	int code = 0;

	if (!order)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++)
		order[i] = &heads[i];
	if (count)
		qsort(order, count, sizeof(*order), by_lamport);
	s->quarantined = 0;
	s->quarantine[0] = '\0';
	for (size_t i = 0; !code && i < count; i++)
		code = take_one(s, order[i], err);
	return code;
}

static int take_journal(void *context, const struct pool_ref *ref, const uint8_t *table,
	size_t size, struct sherd_error *err)
{
	struct store *s = context;

	if (index_pack_find(s->index, &ref->id) != INDEX_NONE)
		return 0;
	/* A record that is no table is as good as none: it may be of another version. */
	return add_table(s, ref, false, table, size, NULL, err) == SHERD_NOMEM ? SHERD_NOMEM : 0;
}

int store_refresh(struct store *s, struct sherd_error *err)
{
	struct sherd_error why, own;
	int code = take_heads(s, err ? err : &own);

	if (!code)
		code = journal_each(s->journal, take_journal, s, err);
	if (!code && index_dirty(s->index) && index_save(s->index, &why))
		log_warn("%s", why.message);
	return code;
}

/* ---- life ---- */

static int make_parts(struct store *s, struct sherd_error *err)
{
	struct reader_options reader = {.pool = s->pool,
		.index_lock = &s->index_lock,
		.watch = &s->watch,
		.threads = s->o.threads > 0,
		.memory = s->o.memory};
	int code;

	s->id_key = secret_new(sizeof(*s->id_key));
	if (!s->id_key)
		return err_nomem(err);
	pool_content_key(s->pool, POOL_KEY_ID, s->id_key);
	code = index_new(s->pool, s->o.cache, !s->o.no_cache, &s->index, err);
	reader.index = s->index;
	reader.id_key = s->id_key;
	if (!code)
		code = reader_new(&reader, &s->reader, err);
	if (!code)
		code = journal_open(s->pool, &s->journal, err);
	if (!code)
		code = catalog_new(&s->catalog, err);
	if (!code && s->o.threads > 1)
		code = sherd_workers_new(s->o.threads, &s->workers, err);
	if (!code && s->workers)
		pool_packs(s->pool)->workers = s->workers;
	return code;
}

int store_open(struct sherd_pool *pool, const struct store_options *options, struct store **ret,
	struct sherd_error *err)
{
	struct store *s = mem_array(1, sizeof(*s));
	int code;

	if (!s)
		return err_nomem(err);
	s->pool = pool;
	s->o = *options;
	s->o.cache = options->cache;
	if (!s->o.memory)
		s->o.memory = STORE_MEMORY_DEFAULT;
	s->watch = (struct packs_watch){.share = told, .context = s};
	pthread_rwlock_init(&s->index_lock, NULL);
	pthread_mutex_init(&s->told_lock, NULL);
	code = make_parts(s, err);
	if (!code)
		code = store_refresh(s, err);
	if (!code)
		code = suspects_load(s, err);
	if (code) {
		store_free(s);
		return code;
	}
	*ret = s;
	return 0;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	if (s->begun)
		store_abort(s);
	reader_free(s->reader);
	if (s->index)
		suspects_save(s);
	if (s->workers)
		pool_packs(s->pool)->workers = NULL;
	sherd_workers_free(s->workers);
	journal_free(s->journal);
	catalog_free(s->catalog);
	index_free(s->index);
	head_content_release(&s->own);
	secret_free(s->id_key);
	mem_free(s->moved);
	pthread_rwlock_destroy(&s->index_lock);
	pthread_mutex_destroy(&s->told_lock);
	mem_free(s);
}

struct sherd_pool *store_pool(struct store *s)
{
	return s->pool;
}

const struct catalog *store_catalog(const struct store *s)
{
	return s->catalog;
}

/* ---- looking ---- */

void store_id(
	const struct store *s, enum blob_type type, const void *data, size_t size, struct hash *ret)
{
	struct hash scratch[BLOB_SIZE_MAX / HASH_LEAF_SIZE + 1];
	struct hash_item item = {.data = data, .size = size};

	assert(size <= BLOB_SIZE_MAX);
	hash_trees(&item, 1, scratch);
	blob_id(s->id_key, (uint8_t)type, size, &item.root, ret);
}

static bool find(struct store *s, const struct hash *id, struct index_found *ret)
{
	bool found;

	pthread_rwlock_rdlock(&s->index_lock);
	found = index_find(s->index, id, ret);
	pthread_rwlock_unlock(&s->index_lock);
	return found;
}

bool store_find(struct store *s, const struct hash *id, uint32_t *ret_size)
{
	struct index_found found;

	if (!find(s, id, &found))
		return false;
	if (ret_size)
		*ret_size = found.size;
	return true;
}

/* Shares at places of the set, and not known to be missing or bad. */
static bool pack_sound(const struct store *s, const struct index_pack *pack)
{
	const struct packs *packs = pool_packs(s->pool);
	unsigned good = 0, need = pool_need(s->pool);

	for (unsigned i = 0; i < pack->ref.m; i++) {
		if (pack->suspects >> i & 1)
			continue;
		for (size_t p = 0; p < packs->count; p++)
			good += packs->members[p].number == pack->ref.places[i];
	}
	return good >= need;
}

bool store_sound(struct store *s, const struct hash *id)
{
	struct index_found found;
	struct index_pack *pack;
	bool sound;

	/* Written to, since what a batch relies on decides what may still be lost after it. */
	pthread_rwlock_wrlock(&s->index_lock);
	sound = index_find(s->index, id, &found);
	if (sound && found.pack != INDEX_NONE) {
		pack = index_pack_at(s->index, found.pack);
		/* One of this batch that is still on its way has no reference yet. */
		sound = !pack->ref.k || pack_sound(s, pack);
		pack->used = pack->used || sound;
	}
	pthread_rwlock_unlock(&s->index_lock);
	return sound;
}

bool store_relies_well(struct store *s)
{
	bool well = true;

	pthread_rwlock_rdlock(&s->index_lock);
	for (uint32_t i = 0; well && i < index_pack_count(s->index); i++) {
		const struct index_pack *pack = index_pack_at(s->index, i);

		well = !pack->used || !pack->ref.k || pack_sound(s, pack);
	}
	pthread_rwlock_unlock(&s->index_lock);
	return well;
}

void store_rely_anew(struct store *s)
{
	pthread_rwlock_wrlock(&s->index_lock);
	for (uint32_t i = 0; i < index_pack_count(s->index); i++)
		index_pack_at(s->index, i)->used = false;
	pthread_rwlock_unlock(&s->index_lock);
}

int store_read(struct store *s, enum blob_type type, const struct hash *id, void *buffer,
	size_t room, uint32_t *ret_size, struct sherd_error *err)
{
	struct index_found found;
	int code;

	if (!find(s, id, &found) || found.pack == INDEX_NONE)
		return err_set(err, SHERD_NOTFOUND, "blob %02x%02x%02x%02x is in no index",
			id->bytes[0], id->bytes[1], id->bytes[2], id->bytes[3]);
	if (found.size > room)
		return err_set(err, SHERD_INVALID, "a blob is larger than was said");
	code = reader_blob(s->reader, &found, (uint8_t)type, id, buffer, err);
	if (!code && ret_size)
		*ret_size = found.size;
	return code;
}

int store_read_bytes(struct store *s, enum blob_type type, const struct hash *id, struct bytes *out,
	struct sherd_error *err)
{
	uint32_t size = 0;

	bytes_clear(out);
	if (store_find(s, id, &size) && !bytes_reserve(out, size))
		return err_nomem(err);
	out->size = size;
	return store_read(s, type, id, out->data, size, NULL, err);
}

/* ---- packs ---- */

/* Packs that were never stored do not count; numbers here go over the others. */
static uint32_t number_of(const struct store *s, size_t at)
{
	uint32_t count = index_pack_count(s->index);

	for (uint32_t i = 0; i < count; i++) {
		const struct index_pack *p = index_pack_at(s->index, i);

		if (p->dead || !p->ref.k)
			continue;
		if (!at--)
			return i;
	}
	return INDEX_NONE;
}

static bool has_holes(const struct store *s)
{
	uint32_t count = index_pack_count(s->index);

	for (uint32_t i = 0; i < count; i++)
		if (!index_pack_at(s->index, i)->ref.k)
			return true;
	return false;
}

size_t store_pack_count(const struct store *s)
{
	size_t good = 0;

	for (uint32_t i = 0; i < index_pack_count(s->index); i++)
		good += index_pack_at(s->index, i)->ref.k != 0;
	return good;
}

static struct index_pack *pack_at(const struct store *s, size_t index)
{
	uint32_t number = has_holes(s) ? number_of(s, index) : (uint32_t)index;

	return index_pack_at(s->index, number);
}

void store_pack_at(const struct store *s, size_t index, struct store_pack *ret)
{
	const struct index_pack *p = pack_at(s, index);

	*ret = (struct store_pack){.ref = &p->ref,
		.groups = p->group_count,
		.blobs = p->blobs,
		.published = p->published};
}

bool store_pack_of(struct store *s, const struct hash *id, size_t *ret_index)
{
	struct index_found found;
	size_t before = 0;

	if (!find(s, id, &found) || found.pack == INDEX_NONE ||
		!index_pack_at(s->index, found.pack)->ref.k)
		return false;
	if (has_holes(s))
		for (uint32_t i = 0; i < found.pack; i++)
			before += !index_pack_at(s->index, i)->ref.k;
	*ret_index = found.pack - before;
	return true;
}

int store_moved(struct store *s, size_t index, const struct pool_ref *ref, struct sherd_error *err)
{
	struct index_pack *p = pack_at(s, index);
	uint32_t pack = index_pack_find(s->index, &p->ref.id);

	if (s->moved_count == s->moved_room) {
		size_t room = s->moved_room ? s->moved_room * 2 : 64;
		uint32_t *more = mem_array(room, sizeof(*more));

		if (!more)
			return err_nomem(err);
		if (s->moved_count)
			memcpy(more, s->moved, s->moved_count * sizeof(*more));
		mem_free(s->moved);
		s->moved = more;
		s->moved_room = room;
	}
	s->moved[s->moved_count++] = pack;
	memcpy(p->ref.places, ref->places, sizeof(ref->places));
	return 0;
}

void store_suspect(struct store *s, size_t index, unsigned share, bool bad)
{
	struct index_pack *p;
	uint64_t bit = UINT64_C(1) << share;

	pthread_rwlock_wrlock(&s->index_lock);
	p = pack_at(s, index);
	if (!(p->suspects & bit) == bad) {
		p->suspects ^= bit;
		s->suspects_dirty = true;
	}
	pthread_rwlock_unlock(&s->index_lock);
}

uint64_t store_suspects(const struct store *s, size_t index)
{
	return pack_at(s, index)->suspects;
}

void store_numbers(const struct store *s, struct store_numbers *ret)
{
	*ret = (struct store_numbers){.blobs = index_blobs(s->index),
		.packs = store_pack_count(s),
		.index_bytes = index_file_size(s->index),
		.quarantined = s->quarantined};
	memcpy(ret->quarantine, s->quarantine, sizeof(ret->quarantine));
}
