/* SPDX-License-Identifier: MIT */
/*
 * store_commit.c - making what was put in visible: packs, then index, then catalog, then head.
 *
 * Packs that are closed before the last one are described in an index stream, which goes into the
 * last one; the last one describes itself. Packs that describe themselves gather, a few for each
 * small backup; when there are too many their tables go into a stream as well, and small streams
 * are merged, so that a head always lists few things.
 *
 * Nothing of the store changes before the head is published. If it cannot be, the packs are in the
 * journal.
 */
#include "store_inner.h"

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/log.h>

/* More of either than this, and they are merged. */
enum { selfs_max = 16, streams_max = 8, merge_at_least = 4 };
enum { chunk = GROUP_SIZE_AIM };

struct commit {
	struct store *s;
	struct head_content next;
	struct catalog *catalog;  /* owned; with the new fact; NULL: as it was */
	struct head_stream fresh; /* the index stream being written; groups owned */
	struct head_stream facts; /* the catalog's, likewise */
	struct bytes pending;     /* of the index stream, not yet in a group */
	struct bytes covered;     /* u32: packs the fresh stream has */
	bool *merged;             /* for each stream of s->own: it goes into the fresh one; owned */
	uint32_t cover_count;     /* packs it will have */
};

static void commit_release(struct commit *c)
{
	head_content_release(&c->next);
	catalog_free(c->catalog);
	mem_free(c->fresh.groups);
	mem_free(c->facts.groups);
	bytes_release(&c->pending);
	bytes_release(&c->covered);
	mem_free(c->merged);
}

/* ---- the index stream ---- */

static int emit(struct commit *c, bool all, struct sherd_error *err)
{
	size_t done = 0;
	int code = 0;

	if (c->pending.failed)
		return err_nomem(err);
	while (!code && (c->pending.size - done >= chunk || (all && c->pending.size > done))) {
		size_t part = INT_MIN_OF(c->pending.size - done, (size_t)chunk);

		code = packer_stream(
			c->s->packer, BLOB_INDEX, c->pending.data + done, part, &c->fresh, err);
		done += part;
	}
	if (done)
		memmove(c->pending.data, c->pending.data + done, c->pending.size - done);
	c->pending.size -= done;
	return code;
}

static int cover(struct commit *c, const struct pool_ref *ref, const uint8_t *table, size_t size,
	struct sherd_error *err)
{
	uint32_t pack = index_pack_find(c->s->index, &ref->id);
	const struct pool_ref *newest =
		pack == INDEX_NONE ? ref : &index_pack_at(c->s->index, pack)->ref;

	segment_pack(&c->pending, newest, table, size);
	if (pack != INDEX_NONE)
		bytes_add(&c->covered, &pack, sizeof(pack));
	if (c->covered.failed)
		return err_nomem(err);
	return emit(c, false, err);
}

static int cover_journal(void *context, const struct pool_ref *ref, const uint8_t *table,
	size_t size, struct sherd_error *err)
{
	struct commit *c = context;
	uint32_t pack = index_pack_find(c->s->index, &ref->id);

	if (pack == INDEX_NONE || index_pack_at(c->s->index, pack)->published)
		return 0;
	return cover(c, ref, table, size, err);
}

static int count_journal(void *context, const struct pool_ref *ref, const uint8_t *table,
	size_t size, struct sherd_error *err)
{
	struct commit *c = context;
	uint32_t pack = index_pack_find(c->s->index, &ref->id);

	(void)table;
	(void)size;
	(void)err;
	c->cover_count += pack != INDEX_NONE && !index_pack_at(c->s->index, pack)->published;
	return 0;
}

static int cover_selfs(struct commit *c, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes table = BYTES_INIT;
	int code = 0;

	for (uint32_t i = 0; !code && i < c->s->own.pack_count; i++) {
		if (!c->s->own.packs[i].self)
			continue;
		code = reader_table(c->s->reader, &c->s->own.packs[i].ref, &table, err);
		if (!code)
			code = cover(c, &c->s->own.packs[i].ref, table.data, table.size, err);
	}
	return code;
}

static uint64_t stream_size(const struct head_stream *stream)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < stream->count; i++)
		size += stream->groups[i].place.plain;
	return size;
}

static int read_all(struct commit *c, const struct head_stream *stream, struct bytes *out,
	struct sherd_error *err)
{
	int code = 0;

	bytes_clear(out);
	for (uint32_t i = 0; !code && i < stream->count; i++)
		code = reader_group(c->s->reader, &c->s->own.packs[stream->groups[i].pack].ref,
			&stream->groups[i].place, out, err);
	return code;
}

/* Go over the packs of the streams that are merged: only count them, or write them. */
static int merge_streams(struct commit *c, bool write, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes data = BYTES_INIT;

	for (uint32_t i = 0; i < c->s->own.stream_count; i++) {
		struct segment_reader r;
		struct pool_ref ref;
		const uint8_t *table;
		size_t size;
		int code;

		if (!c->merged[i])
			continue;
		code = read_all(c, &c->s->own.streams[i], &data, err);
		if (!code)
			code = segment_open(&r, data.data, data.size, err);
		while (!code && (code = segment_next(&r, &ref, &table, &size, err)) > 0) {
			c->cover_count += !write;
			code = write ? cover(c, &ref, table, size, err) : 0;
		}
		if (code)
			return code;
	}
	return 0;
}

/* The smallest ones, as long as the next is not much larger than all before it together. */
static int choose_merged(struct commit *c, struct sherd_error *err)
{
	const struct head_content *own = &c->s->own;
	uint32_t count = 0, taken = 0;
	uint64_t sum = 0;

	c->merged = mem_array(own->stream_count, sizeof(*c->merged));
	if (!c->merged)
		return err_nomem(err);
	for (uint32_t i = 0; i < own->stream_count; i++)
		count += own->streams[i].type == BLOB_INDEX;
	while (count >= streams_max) {
		uint32_t best = UINT32_MAX;

		for (uint32_t i = 0; i < own->stream_count; i++)
			if (own->streams[i].type == BLOB_INDEX && !c->merged[i] &&
				(best == UINT32_MAX || stream_size(&own->streams[i]) <
							       stream_size(&own->streams[best])))
				best = i;
		if (best == UINT32_MAX ||
			(taken >= merge_at_least && stream_size(&own->streams[best]) > 2 * sum))
			break;
		c->merged[best] = true;
		sum += stream_size(&own->streams[best]);
		taken++;
	}
	return 0;
}

static int write_index(struct commit *c, struct sherd_error *err)
{
	struct store *s = c->s;
	uint32_t selfs = 0;
	int code = choose_merged(c, err);

	for (uint32_t i = 0; i < s->own.pack_count; i++)
		selfs += s->own.packs[i].self;
	if (selfs < selfs_max)
		selfs = 0;
	c->cover_count = selfs;
	if (!code)
		code = journal_each(s->journal, count_journal, c, err);
	if (!code)
		code = merge_streams(c, false, err);
	if (code || !c->cover_count)
		return code;
	c->fresh.type = BLOB_INDEX;
	segment_begin(&c->pending, c->cover_count);
	code = journal_each(s->journal, cover_journal, c, err);
	if (!code && selfs)
		code = cover_selfs(c, err);
	if (!code)
		code = merge_streams(c, true, err);
	return code ? code : emit(c, true, err);
}

/* ---- the catalog ---- */

static int write_catalog(
	struct commit *c, const void *snapshot, size_t size, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes data = BYTES_INIT;
	int code = catalog_new(&c->catalog, err);

	if (!code)
		code = catalog_join(c->catalog, c->s->catalog, err);
	if (!code)
		code = catalog_add(c->catalog, pool_incarnation(c->s->pool), CATALOG_SNAPSHOT,
			snapshot, (uint32_t)size, err);
	if (code)
		return code;
	catalog_write(c->catalog, &data);
	if (data.failed)
		return err_nomem(err);
	c->facts.type = BLOB_CATALOG;
	return packer_stream(c->s->packer, BLOB_CATALOG, data.data, data.size, &c->facts, err);
}

/* ---- the head ---- */

static bool is_covered(const struct commit *c, uint32_t pack)
{
	const uint32_t *list = (const uint32_t *)c->covered.data;

	for (size_t i = 0; i < c->covered.size / sizeof(*list); i++)
		if (list[i] == pack)
			return true;
	return false;
}

static const struct pool_ref *newest_ref(const struct store *s, const struct pool_ref *ref)
{
	uint32_t pack = index_pack_find(s->index, &ref->id);

	return pack == INDEX_NONE ? ref : &index_pack_at(s->index, pack)->ref;
}

/* A stream of the device's last head goes on to be in force. */
static int keep_stream(struct commit *c, const struct head_stream *old, struct sherd_error *err)
{
	struct head_stream *kept;
	int code = head_content_stream(&c->next, old->type, &kept, err);

	for (uint32_t i = 0; !code && i < old->count; i++) {
		const struct pool_ref *ref = &c->s->own.packs[old->groups[i].pack].ref;
		uint32_t at;

		code = head_content_pack(&c->next, newest_ref(c->s, ref), false, &at, err);
		if (!code)
			code = head_stream_group(kept, at, &old->groups[i].place, err);
	}
	return code;
}

/* A stream that was just written: its groups' packs have their names by now. */
static int add_stream(struct commit *c, const struct head_stream *made, struct sherd_error *err)
{
	struct head_stream *added;
	int code;

	if (!made->count)
		return 0;
	code = head_content_stream(&c->next, made->type, &added, err);
	for (uint32_t i = 0; !code && i < made->count; i++) {
		struct group_place place;
		uint32_t pack, at;

		index_group_at(c->s->index, made->groups[i].pack, &pack, &place);
		code = head_content_pack(
			&c->next, &index_pack_at(c->s->index, pack)->ref, false, &at, err);
		if (!code)
			code = head_stream_group(added, at, &place, err);
	}
	return code;
}

static int add_new_selfs(void *context, const struct pool_ref *ref, const uint8_t *table,
	size_t size, struct sherd_error *err)
{
	struct commit *c = context;
	uint32_t pack = index_pack_find(c->s->index, &ref->id);

	(void)table;
	(void)size;
	if (pack == INDEX_NONE || index_pack_at(c->s->index, pack)->published ||
		is_covered(c, pack))
		return 0;
	return head_content_pack(&c->next, &index_pack_at(c->s->index, pack)->ref, true, NULL, err);
}

/* Whether a pack of the last head is there for a stream alone. */
static bool only_host(const struct head_content *h, uint32_t pack)
{
	for (uint32_t s = 0; s < h->stream_count; s++)
		for (uint32_t g = 0; g < h->streams[s].count; g++)
			if (h->streams[s].groups[g].pack == pack)
				return true;
	return false;
}

/* Packs of the last head that describe themselves, or stand there because they moved. */
static int keep_packs(struct commit *c, struct sherd_error *err)
{
	const struct head_content *own = &c->s->own;
	int code = 0;

	for (uint32_t i = 0; !code && i < own->pack_count; i++) {
		const struct pool_ref *ref = newest_ref(c->s, &own->packs[i].ref);
		uint32_t pack = index_pack_find(c->s->index, &ref->id);

		if (pack != INDEX_NONE && is_covered(c, pack))
			continue;
		if (own->packs[i].self || !only_host(own, i))
			code = head_content_pack(&c->next, ref, own->packs[i].self, NULL, err);
	}
	for (size_t i = 0; !code && i < c->s->moved_count; i++)
		if (!is_covered(c, c->s->moved[i]))
			code = head_content_pack(&c->next,
				&index_pack_at(c->s->index, c->s->moved[i])->ref, false, NULL, err);
	return code;
}

static int compose(struct commit *c, struct sherd_error *err)
{
	const struct head_content *own = &c->s->own;
	int code = keep_packs(c, err);

	for (uint32_t i = 0; !code && i < own->stream_count; i++) {
		bool kept = own->streams[i].type == BLOB_INDEX ? !c->merged[i] : !c->facts.count;

		if (kept)
			code = keep_stream(c, &own->streams[i], err);
	}
	if (!code)
		code = add_stream(c, &c->fresh, err);
	if (!code)
		code = add_stream(c, &c->facts, err);
	return code ? code : journal_each(c->s->journal, add_new_selfs, c, err);
}

static int publish(struct commit *c, uint64_t *ret_seq, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes content = BYTES_INIT;

	head_content_write(&c->next, &content);
	if (content.failed)
		return err_nomem(err);
	return pool_publish(c->s->pool, content.data, content.size, ret_seq, err);
}

/* ---- after it ---- */

static int now_published(void *context, const struct pool_ref *ref, const uint8_t *table,
	size_t size, struct sherd_error *err)
{
	struct store *s = context;
	uint32_t pack = index_pack_find(s->index, &ref->id);

	(void)table;
	(void)size;
	(void)err;
	if (pack != INDEX_NONE)
		index_pack_at(s->index, pack)->published = true;
	return 0;
}

/* It is acknowledged: nothing that fails from here on may say otherwise. */
static void settle(struct commit *c)
{
	struct store *s = c->s;
	struct sherd_error why;
	int code = 0;

	pthread_rwlock_wrlock(&s->index_lock);
	journal_each(s->journal, now_published, s, NULL);
	if (c->fresh.count) {
		struct group_place place;
		uint32_t pack;

		index_group_at(s->index, c->fresh.groups[0].pack, &pack, &place);
		code = index_stream_add(s->index, &index_pack_at(s->index, pack)->ref.id,
			place.number, (const uint32_t *)c->covered.data,
			(uint32_t)(c->covered.size / sizeof(uint32_t)), &why);
	}
	index_drop_unsealed(s->index);
	if (!code)
		code = index_save(s->index, &why);
	pthread_rwlock_unlock(&s->index_lock);
	if (code)
		log_warn("the snapshot is stored; the index cache is not: %s", why.message);
	journal_clear(s->journal);
	head_content_release(&s->own);
	s->own = c->next;
	c->next = (struct head_content){0};
	s->moved_count = 0;
	if (c->catalog) {
		catalog_free(s->catalog);
		s->catalog = c->catalog;
		c->catalog = NULL;
	}
}

int store_commit(struct store *s, const void *snapshot, size_t size, uint64_t *ret_seq,
	struct sherd_error *err)
{
	CLEANUP(commit_release) struct commit c = {.s = s};
	int code;

	assert(s->begun && !s->dry);
	code = packer_flush(s->packer, err);
	if (!code)
		code = packer_wait(s->packer, err);
	if (!code)
		code = write_index(&c, err);
	if (!code && snapshot)
		code = write_catalog(&c, snapshot, size, err);
	if (!code)
		code = packer_finish(s->packer, err);
	if (!code)
		code = compose(&c, err);
	if (!code)
		code = publish(&c, ret_seq, err);
	if (code)
		return code;
	settle(&c);
	packer_totals(s->packer, &s->batch_totals);
	s->suspects_dirty |= s->batch_totals.lack_count > 0;
	packer_free(s->packer);
	s->packer = NULL;
	s->begun = false;
	suspects_save(s);
	return 0;
}
