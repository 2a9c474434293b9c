/* SPDX-License-Identifier: MIT */
/*
 * store_write.c - putting blobs in: ids for many at once, known ones left out, the others to the
 * packer. And the deep check of a pack, which does the same the other way round.
 */
#include "store_inner.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/log.h>

/*
 * The next head is built upon this device's newest one. What that leads to may be away for now:
 * then nothing can be written. If it is lost, a new head log begins: what older heads and other
 * devices lead to stays as it is.
 */
static int go_on_from_own(struct store *s, struct sherd_error *err)
{
	int code = s->own_code;

	if (!code)
		return 0;
	if (code != SHERD_LOST && code != SHERD_CORRUPT) {
		if (err)
			*err = s->own_err;
		return err_wrap(
			err, code, "what this device's newest head leads to cannot be read now");
	}
	code = pool_leave_incarnation(s->pool, err);
	if (code)
		return code;
	log_warn(
		"what this device's newest head leads to is lost (%s): it goes on under a new incarnation",
		s->own_err.message);
	head_content_release(&s->own);
	s->own_code = 0;
	return 0;
}

int store_begin(struct store *s, const struct store_write_options *options, struct sherd_error *err)
{
	struct packer_options p = {.pool = s->pool,
		.index = s->index,
		.index_lock = &s->index_lock,
		.journal = s->journal,
		.threads = s->o.threads,
		.memory = s->o.memory};
	int code = 0;

	assert(!s->begun);
	store_rely_anew(s);
	s->w = *options;
	s->dry = options->dry_run;
	s->batch_totals = (struct store_totals){.shares_least = UINT_MAX, .spare = INT_MAX};
	if (s->dry) {
		code = index_open_group(s->index, BLOB_DATA, &s->dry_group, err);
		s->begun = !code;
		return code;
	}
	if (pool_read_only(s->pool))
		return err_set(err, SHERD_DENIED, "the pool is open for reading only");
	if (!sherd_pool_fresh(s->pool))
		return err_set(err, SHERD_STALE,
			"too few places answer to know the newest state of the pool");
	code = go_on_from_own(s, err);
	if (!code)
		code = pool_fix_m(s->pool, err);
	if (code)
		return code;
	reader_release_packs(s->reader);
	p.level = options->level < 0 ? 0 : options->level ? options->level : STORE_LEVEL_DEFAULT;
	p.need = options->need ? options->need : pool_need(s->pool);
	code = packer_new(&p, &s->packer, err);
	s->begun = !code;
	return code;
}

void store_abort(struct store *s)
{
	struct store_totals totals;

	if (!s->begun)
		return;
	store_totals(s, &totals);
	s->suspects_dirty |= totals.lack_count > 0;
	packer_free(s->packer);
	s->packer = NULL;
	s->begun = false;
	pthread_rwlock_wrlock(&s->index_lock);
	index_drop_unsealed(s->index);
	pthread_rwlock_unlock(&s->index_lock);
	suspects_save(s);
}

/* Ids of all items, their leaves in one batch. */
static int make_ids(
	struct store *s, struct store_item *items, size_t count, struct sherd_error *err)
{
	CLEANUP(mem_free_at) struct hash_item *batch = mem_array(count, sizeof(*batch));
	CLEANUP(mem_free_at) struct hash *scratch = NULL;
	size_t leaves = 0;

	for (size_t i = 0; i < count; i++)
		leaves += hash_leaf_count(items[i].size);
	scratch = mem_array(leaves, sizeof(*scratch));
	if (!batch || !scratch)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++)
		batch[i] = (struct hash_item){.data = items[i].data, .size = items[i].size};
	hash_trees(batch, count, scratch);
	for (size_t i = 0; i < count; i++)
		blob_id(s->id_key, (uint8_t)items[i].type, items[i].size, &batch[i].root,
			&items[i].id);
	return 0;
}

static int count_dry(struct store *s, const struct store_item *item, struct sherd_error *err)
{
	s->batch_totals.blobs_new++;
	s->batch_totals.bytes_new += item->size;
	return index_add_blob(s->index, s->dry_group, &item->id, 0, item->size, err);
}

int store_add(struct store *s, struct store_item *items, size_t count, struct sherd_error *err)
{
	int code = make_ids(s, items, count, err);

	assert(s->begun);
	for (size_t i = 0; !code && i < count; i++) {
		items[i].fresh = !store_sound(s, &items[i].id);
		if (!items[i].fresh)
			continue;
		if (sherd_cancel_requested(pool_cancel(s->pool)))
			return err_set(err, SHERD_CANCELLED, "cancelled");
		code = s->dry ? count_dry(s, &items[i], err)
			      : packer_add(s->packer, items[i].type, items[i].data, items[i].size,
					&items[i].id, err);
	}
	return code;
}

/* The least spare of the packs that the batch relies on and did not make. */
static int spare_of_used(const struct store *s)
{
	const struct packs *packs = pool_packs(s->pool);
	int spare = INT_MAX;

	for (uint32_t i = 0; i < index_pack_count(s->index); i++) {
		const struct index_pack *p = index_pack_at(s->index, i);
		bool good[POOL_SHARES_MAX];

		if (!p->used || !p->ref.k)
			continue;
		for (unsigned n = 0; n < p->ref.m; n++)
			good[n] = !(p->suspects >> n & 1);
		spare = INT_MIN_OF(
			spare, layout_spare(packs, p->ref.k, p->ref.m, p->ref.places, good));
	}
	return spare;
}

void store_totals(struct store *s, struct store_totals *ret)
{
	int used;

	if (s->packer)
		packer_totals(s->packer, ret);
	else
		*ret = s->batch_totals;
	pthread_rwlock_rdlock(&s->index_lock);
	used = spare_of_used(s);
	pthread_rwlock_unlock(&s->index_lock);
	ret->spare = INT_MIN_OF(ret->spare, used);
}

/* ---- the deep check ---- */

struct deep {
	struct store *s;
	const struct group_keys *keys;
	const uint8_t *payload;
	struct bytes plain, scratch;
	struct bytes ids, items, leaves;
	uint64_t bad;
};

static void deep_release(struct deep *d)
{
	bytes_release(&d->plain);
	bytes_release(&d->scratch);
	bytes_release(&d->ids);
	bytes_release(&d->items);
	bytes_release(&d->leaves);
}

/* The blobs of the group that was just read from the table: ids and items, to be compared at once.
 */
static int read_blobs(
	struct deep *d, struct table_reader *r, uint32_t blobs, struct sherd_error *err)
{
	size_t leaves = 0;
	struct hash id;
	uint32_t size, offset = 0;
	int one;

	bytes_clear(&d->ids);
	bytes_clear(&d->items);
	bytes_clear(&d->leaves);
	if (!bytes_reserve(&d->items, blobs * sizeof(struct hash_item)))
		return err_nomem(err);
	while ((one = table_next_blob(r, &id, &size, err)) > 0) {
		struct hash_item item = {.data = d->plain.data + offset, .size = size};

		bytes_add(&d->ids, id.bytes, sizeof(id.bytes));
		bytes_add(&d->items, &item, sizeof(item));
		leaves += hash_leaf_count(size);
		offset += size;
	}
	if (one)
		return one;
	bytes_extend(&d->leaves, leaves * HASH_SIZE);
	return d->ids.failed || d->items.failed || d->leaves.failed ? err_nomem(err) : 0;
}

static int check_group(struct deep *d, struct table_reader *r, const struct group_place *g,
	uint32_t blobs, struct sherd_error *err)
{
	struct hash_item *items;
	struct sherd_error why;
	bool open;
	int code;

	bytes_clear(&d->plain);
	if (!bytes_reserve(&d->plain, g->plain))
		return err_nomem(err);
	code = group_open(d->keys, g, d->payload + g->offset, d->plain.data, &d->scratch, &why);
	open = !code;
	if (code == SHERD_NOMEM)
		return err_nomem(err);
	code = read_blobs(d, r, blobs, err);
	if (code)
		return code;
	if (!open) {
		d->bad += INT_MAX_OF(blobs, 1u);
		return 0;
	}
	items = (struct hash_item *)d->items.data;
	if (blobs)
		hash_trees(items, blobs, (struct hash *)d->leaves.data);
	for (uint32_t i = 0; i < blobs; i++) {
		struct hash id;

		blob_id(d->s->id_key, g->type, items[i].size, &items[i].root, &id);
		d->bad += memcmp(id.bytes, d->ids.data + (size_t)i * HASH_SIZE, HASH_SIZE) != 0;
	}
	return 0;
}

static int open_table(
	struct deep *d, const struct pool_ref *ref, struct bytes *table, struct sherd_error *err)
{
	struct group_place place;
	uint32_t groups;
	int code = footer_read(d->keys, d->payload + ref_payload(ref) - FOOTER_SIZE,
		ref_payload(ref), &place, &groups, err);

	if (code)
		return code;
	if (!bytes_extend(table, place.plain) && place.plain)
		return err_nomem(err);
	return group_open(
		d->keys, &place, d->payload + place.offset, table->data, &d->scratch, err);
}

int store_verify_pack(struct store *s, size_t index, const uint8_t *payload, uint64_t *ret_bad,
	struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes table = BYTES_INIT;
	CLEANUP(group_keys_wipe) struct group_keys keys;
	CLEANUP(deep_release) struct deep d = {.s = s, .keys = &keys, .payload = payload};
	struct store_pack pack;
	struct table_reader r;
	struct group_place place;
	uint32_t blobs;
	int code;

	memset(&keys, 0, sizeof(keys));
	store_pack_at(s, index, &pack);
	code = group_keys_init(&keys, s->pool, pack.ref->epoch, pack.ref->nonce, err);
	if (!code)
		code = open_table(&d, pack.ref, &table, err);
	if (code)
		return code;
	table_open(&r, table.data, table.size, ref_payload(pack.ref));
	while ((code = table_next_group(&r, &place, &blobs, err)) > 0) {
		code = place.type == GROUP_PADDING ? 0 : check_group(&d, &r, &place, blobs, err);
		if (code)
			return code;
	}
	*ret_bad = d.bad;
	return code;
}
