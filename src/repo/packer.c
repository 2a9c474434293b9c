/* SPDX-License-Identifier: MIT */
/*
 * packer.c - the pipeline of a backup behind the chunker.
 *
 *     packer_add -> open group of the blob's type -> closed: a job, compressed by a task
 *     jobs, in order -> the open pack (copied to where it will be sealed)
 *     full pack -> a task: seal every group in place, pad, table, footer, code, put, verify,
 * journal
 *
 * A compressed group is copied once, to its place in the payload, 12 bytes in, where its nonce will
 * stand before it; the seal is made there. What bounds memory is the number of pack buffers:
 * whoever needs one waits for the oldest pack.
 *
 * Locks: p->lock guards jobs, slots, totals and the first error; never held across a call to places
 * or while compressing.
 */
#include <repo/packer.h>

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/tasks.h>

enum { type_count = 4, slots_max = 3, jobs_extra = 2, codecs_max = 64 };
/* The last pack is cut in two when more than a quarter of it would be padding, and it is not small
 * anyway. */
enum { tail_worth_cutting = 3 << 20 };

/* A group on its way. */
struct job {
	struct packer *packer;
	struct job *next;
	uint32_t group; /* number in the index */
	uint8_t type, codec;
	struct bytes plain;
	struct bytes blobs; /* of the table: id, size, for each */
	struct bytes coded;
	uint32_t blob_count;
	bool done;
};

/* A group in the open pack. */
struct laid {
	struct group_place place;
	struct hash commitment;
	bool has_commitment;
};

enum slot_state { SLOT_FREE, SLOT_FILLING, SLOT_STORING };

/* A pack: memory, and what is in it. */
struct slot {
	struct packer *packer;
	enum slot_state state;
	struct pack_buffer *buffer; /* owned; NULL until first used */
	uint32_t used;              /* bytes of payload */
	uint32_t index_pack;        /* number in the index */
	uint32_t share_size;        /* when it is closed */
	struct laid *laid;          /* owned */
	uint32_t laid_count, laid_room;
	struct bytes table;
	uint32_t blobs;
#ifdef SHERD_MUTANT_HEAD_FIRST
	struct pool_ref late;
#endif
};

struct packer {
	struct packer_options o;
	const struct pool_shape *shape;
	struct packs *packs;
	uint32_t top; /* largest share size */
	struct tasks *compress, *store;
	struct codec *codecs[codecs_max]; /* free ones; guarded by lock */
	size_t codec_count;
	struct job *open[type_count]; /* groups being filled, by blob type */
	struct job *first, *last;     /* closed, in order */
	size_t queued, queue_max;
	struct job *spare; /* to be used again */
	struct slot slots[slots_max];
	size_t slot_count;
	struct slot *filling; /* the open pack, or NULL */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct store_totals totals;
	uint64_t closed; /* packs */
	int code;        /* first failure of a task */
	struct sherd_error err;
};

/* ---- jobs ---- */

static void job_free(struct job *j)
{
	if (!j)
		return;
	bytes_release(&j->plain);
	bytes_release(&j->blobs);
	bytes_release(&j->coded);
	mem_free(j);
}

static int job_new(struct packer *p, uint8_t type, struct job **ret, struct sherd_error *err)
{
	struct job *j = p->spare;
	int code;

	if (j)
		p->spare = j->next;
	else
		j = mem_array(1, sizeof(*j));
	if (!j)
		return err_nomem(err);
	bytes_clear(&j->plain);
	bytes_clear(&j->blobs);
	j->packer = p;
	j->next = NULL;
	j->type = type;
	j->blob_count = 0;
	j->done = false;
	pthread_rwlock_wrlock(p->o.index_lock);
	code = index_open_group(p->o.index, type, &j->group, err);
	pthread_rwlock_unlock(p->o.index_lock);
	if (code) {
		job_free(j);
		return code;
	}
	*ret = j;
	return 0;
}

static struct codec *take_codec(struct packer *p)
{
	struct codec *c = NULL;

	pthread_mutex_lock(&p->lock);
	if (p->codec_count)
		c = p->codecs[--p->codec_count];
	pthread_mutex_unlock(&p->lock);
	return c;
}

static void give_codec(struct packer *p, struct codec *c)
{
	pthread_mutex_lock(&p->lock);
	assert(p->codec_count < codecs_max);
	p->codecs[p->codec_count++] = c;
	pthread_mutex_unlock(&p->lock);
}

static void compress_job(struct job *j)
{
	struct codec *c = j->packer->o.level > 0 ? take_codec(j->packer) : NULL;
	size_t size;

	j->codec = GROUP_PLAIN;
	if (!c)
		return;
	bytes_clear(&j->coded);
	/* Without memory it is stored as it is. */
	if (bytes_reserve(&j->coded, j->plain.size) &&
		codec_compress(c, j->plain.data, j->plain.size, j->coded.data, &size)) {
		j->coded.size = size;
		j->codec = GROUP_ZSTD;
	}
	give_codec(j->packer, c);
}

static void run_compress(void *context)
{
	struct job *j = context;
	struct packer *p = j->packer;

	compress_job(j);
	pthread_mutex_lock(&p->lock);
	j->done = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

/* ---- storing a full pack: runs as a task ---- */

static int seal_groups(struct slot *s, const struct group_keys *keys, struct sherd_error *err)
{
	uint8_t *payload = pack_buffer_payload(s->buffer);
	int code = 0;

	for (uint32_t i = 0; !code && i < s->laid_count; i++) {
		const struct laid *l = &s->laid[i];

		code = group_seal(keys, &l->place, l->has_commitment ? &l->commitment : NULL,
			payload + l->place.offset, err);
	}
	return code;
}

/* Padding, table and footer fill what is left of the payload. */
static int seal_end(struct slot *s, const struct group_keys *keys, struct sherd_error *err)
{
	uint8_t *payload = pack_buffer_payload(s->buffer);
	uint32_t size = s->packer->shape->k * s->share_size;
	uint32_t table = (uint32_t)s->table.size + TABLE_GROUP_SIZE;
	struct group_place pad = {.number = s->laid_count,
		.offset = s->used,
		.sealed = size - FOOTER_SIZE - (table + AEAD_OVERHEAD) - s->used,
		.type = GROUP_PADDING};
	struct group_place end = {.number = GROUP_NUMBER_TABLE,
		.offset = pad.offset + pad.sealed,
		.sealed = table + AEAD_OVERHEAD,
		.plain = table,
		.type = GROUP_TABLE};
	int code;

	assert(pad.sealed >= AEAD_OVERHEAD && pad.sealed <= size);
	pad.plain = pad.sealed - AEAD_OVERHEAD;
	table_add_group(&s->table, &pad, 0);
	if (s->table.failed)
		return err_nomem(err);
	memset(payload + pad.offset, 0, pad.sealed);
	code = group_seal(keys, &pad, NULL, payload + pad.offset, err);
	if (code)
		return code;
	memcpy(payload + end.offset + AEAD_NONCE_SIZE, s->table.data, table);
	code = group_seal(keys, &end, NULL, payload + end.offset, err);
	return code ? code
		    : footer_write(
			      keys, &end, s->laid_count + 1, payload + size - FOOTER_SIZE, err);
}

static void count_lack(struct store_totals *t, uint16_t place, int code)
{
	unsigned i = 0;

	while (i < t->lack_count && t->lacks[i].place != place)
		i++;
	if (i == ARRAY_COUNT(t->lacks))
		return;
	if (i == t->lack_count)
		t->lacks[t->lack_count++] = (struct store_lack){.place = place, .code = code};
	t->lacks[i].shares++;
}

/* With all places that lack something. */
static void say_missing(const struct packer *p, struct store_totals *t)
{
	size_t used = 0;

	for (unsigned i = 0; i < t->lack_count && used < sizeof(t->missing); i++) {
		const struct store_lack *l = &t->lacks[i];
		int length = snprintf(t->missing + used, sizeof(t->missing) - used,
			"%s%s: %llu missing (%s)", used ? ", " : "",
			l->place == POOL_PLACE_NONE ? "no place"
						    : pool_place_name(p->o.pool, l->place),
			(unsigned long long)l->shares, sherd_code_text(l->code));

		used += length > 0 ? (size_t)length : 0;
	}
}

static void count_put(struct packer *p, const struct slot *s, const struct pack_put_result *put)
{
	int spare;
	bool good[POOL_SHARES_MAX];

	for (unsigned i = 0; i < put->ref.m; i++)
		good[i] = !put->code[i];
	spare = layout_spare(p->packs, put->ref.k, put->ref.m, put->ref.places, good);
	pthread_mutex_lock(&p->lock);
	p->totals.packs++;
	p->totals.bytes_packed += (uint64_t)p->shape->k * s->share_size;
	p->totals.bytes_stored += put->bytes;
	p->totals.shares_least = INT_MIN_OF(p->totals.shares_least, put->verified);
	p->totals.spare = INT_MIN_OF(p->totals.spare, spare);
	for (unsigned i = 0; i < put->ref.m; i++)
		if (put->code[i])
			count_lack(&p->totals, put->ref.places[i], put->code[i]);
	say_missing(p, &p->totals);
	pthread_mutex_unlock(&p->lock);
}

/*
 * It is where it must be: into the index and the journal. A share that was not verified is nowhere
 * as far as anybody is told, so that other devices do not count on it; repair makes it again.
 */
static int enter_pack(struct slot *s, const struct pack_put_result *put, struct sherd_error *err)
{
	struct packer *p = s->packer;
	struct pool_ref ref = put->ref;

	for (unsigned i = 0; i < ref.m; i++)
		if (put->code[i])
			ref.places[i] = POOL_PLACE_NONE;
	pthread_rwlock_wrlock(p->o.index_lock);
	index_seal_pack(p->o.index, s->index_pack, &ref);
	index_pack_at(p->o.index, s->index_pack)->blobs = s->blobs;
	pthread_rwlock_unlock(p->o.index_lock);
	return journal_add(p->o.journal, &ref, s->table.data, s->table.size, err);
}

#ifndef SHERD_MUTANT_HEAD_FIRST
static int put_pack(struct slot *s, const struct pool_ref *ref, struct pack_put_result *ret,
	struct sherd_error *err)
{
	return packs_put(s->packer->packs, s->buffer, ref, s->packer->o.need, ret, err);
}

static void put_late(struct slot *s)
{
	(void)s;
}
#else /* tests/sim: the head is published first, and the packs go out behind it. Must be noticed.  \
       */
static int put_pack(struct slot *s, const struct pool_ref *ref, struct pack_put_result *ret,
	struct sherd_error *err)
{
	s->late = *ref;
	*ret = (struct pack_put_result){.ref = *ref, .verified = ref->m};
	return layout_choose(s->packer->packs, ref->nonce, ref->m, ret->ref.places, err);
}

static void put_late(struct slot *s)
{
	struct pack_put_result put;

	if (s->late.k)
		packs_put(s->packer->packs, s->buffer, &s->late, s->packer->o.need, &put, NULL);
	s->late = (struct pool_ref){0};
}
#endif

static int store_pack(struct slot *s, struct sherd_error *err)
{
	struct packer *p = s->packer;
	const struct sherd_env *env = pool_env(p->o.pool);
	struct share_manifest manifest = {.suite = p->shape->suite,
		.epoch = p->shape->epoch,
		.k = (uint8_t)p->shape->k,
		.m = (uint8_t)p->shape->m,
		.share_size = s->share_size};
	CLEANUP(group_keys_wipe) struct group_keys keys;
	struct pack_put_result put;
	struct pool_ref ref;
	int code;

	memcpy(manifest.pool, p->shape->id, POOL_ID_SIZE);
	memset(&keys, 0, sizeof(keys));
	if (env->random(env->context, manifest.nonce, sizeof(manifest.nonce)))
		return err_set(err, SHERD_IO, "the system gives no random bytes");
	code = group_keys_init(&keys, p->o.pool, manifest.epoch, manifest.nonce, err);
	if (!code)
		code = seal_groups(s, &keys, err);
	if (!code)
		code = seal_end(s, &keys, err);
	if (!code)
		code = packs_code(p->packs, s->buffer, &manifest, &ref, err);
	if (!code)
		code = put_pack(s, &ref, &put, err);
	if (code)
		return code;
	count_put(p, s, &put);
	return enter_pack(s, &put, err);
}

static void run_store(void *context)
{
	struct slot *s = context;
	struct packer *p = s->packer;
	struct sherd_error err;
	bool broken;
	int code = 0;

	pthread_mutex_lock(&p->lock);
	broken = p->code != 0;
	pthread_mutex_unlock(&p->lock);
	/* After a failure nothing more is begun. */
	if (!broken)
		code = store_pack(s, &err);
	pthread_mutex_lock(&p->lock);
	if (code && !p->code) {
		p->code = code;
		p->err = err;
	}
	s->state = SLOT_FREE;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

/* ---- the open pack ---- */

static int failed(struct packer *p, struct sherd_error *err)
{
	int code;

	pthread_mutex_lock(&p->lock);
	code = p->code;
	if (code && err)
		*err = p->err;
	pthread_mutex_unlock(&p->lock);
	return code;
}

static struct slot *free_slot(struct packer *p)
{
	struct slot *found = NULL;

	pthread_mutex_lock(&p->lock);
	while (!found && !p->code) {
		for (size_t i = 0; i < p->slot_count; i++)
			if (p->slots[i].state == SLOT_FREE)
				found = &p->slots[i];
		if (!found)
			pthread_cond_wait(&p->changed, &p->lock);
	}
	if (found)
		found->state = SLOT_FILLING;
	pthread_mutex_unlock(&p->lock);
	return found;
}

static int open_pack(struct packer *p, struct sherd_error *err)
{
	struct slot *s = free_slot(p);
	int code = s ? 0 : failed(p, err);

	if (code)
		return code;
	p->filling = s;
	s->packer = p;
	put_late(s);
	s->used = 0;
	s->blobs = 0;
	s->laid_count = 0;
	bytes_clear(&s->table);
	/* A slow place may still read the last one from it. */
	if (s->buffer && !pack_buffer_reshape(s->buffer, p->top)) {
		pack_buffer_unref(s->buffer);
		s->buffer = NULL;
	}
	if (!s->buffer)
		code = pack_buffer_new_raw(p->shape->k, p->shape->m, p->top, &s->buffer, err);
	if (code)
		return code;
	pthread_rwlock_wrlock(p->o.index_lock);
	code = index_open_pack(p->o.index, &s->index_pack, err);
	pthread_rwlock_unlock(p->o.index_lock);
	return code;
}

/* Bytes of payload that are needed with what is laid and ${table} bytes of table: room for a
 * padding group is kept. */
static uint64_t size_with(uint64_t used, uint64_t table)
{
	return used + AEAD_OVERHEAD + (table + TABLE_GROUP_SIZE + AEAD_OVERHEAD) + FOOTER_SIZE;
}

static void close_pack(struct packer *p, uint32_t share_size)
{
	struct slot *s = p->filling;
	bool kept;

	p->filling = NULL;
	s->share_size = share_size;
	kept = pack_buffer_reshape(s->buffer, share_size);
	assert(kept);
	(void)kept;
	pthread_mutex_lock(&p->lock);
	s->state = SLOT_STORING;
	p->closed++;
	pthread_mutex_unlock(&p->lock);
	tasks_submit(p->store, run_store, s);
}

static bool fits(const struct packer *p, const struct slot *s, uint64_t coded, uint32_t blobs)
{
	uint64_t table = s->table.size + TABLE_GROUP_SIZE + (uint64_t)blobs * TABLE_BLOB_SIZE;

	return size_with(s->used + coded + AEAD_OVERHEAD, table) <= (uint64_t)p->shape->k * p->top;
}

static bool room_to_lay(struct slot *s)
{
	uint32_t more = s->laid_room ? s->laid_room * 2 : 256;
	struct laid *grown;

	if (s->laid_count < s->laid_room)
		return true;
	grown = mem_array(more, sizeof(*grown));
	if (!grown)
		return false;
	if (s->laid_count)
		memcpy(grown, s->laid, s->laid_count * sizeof(*grown));
	mem_free(s->laid);
	s->laid = grown;
	s->laid_room = more;
	return true;
}

/* Append a group whose coded bytes are given; pre: it fits. */
static int lay(struct packer *p, struct slot *s, const struct job *j, struct group_place *ret,
	struct sherd_error *err)
{
	const struct bytes *coded = j->codec ? &j->coded : &j->plain;
	struct laid *l;

	if (!room_to_lay(s))
		return err_nomem(err);
	l = &s->laid[s->laid_count];
	*l = (struct laid){.place = {.number = s->laid_count,
				   .offset = s->used,
				   .sealed = (uint32_t)coded->size + AEAD_OVERHEAD,
				   .plain = (uint32_t)j->plain.size,
				   .type = j->type,
				   .codec = j->codec}};
	memcpy(pack_buffer_payload(s->buffer) + s->used + AEAD_NONCE_SIZE, coded->data,
		coded->size);
	table_add_group(&s->table, &l->place, j->blob_count);
	bytes_add(&s->table, j->blobs.data, j->blobs.size);
	if (s->table.failed)
		return err_nomem(err);
	s->laid_count++;
	s->used += l->place.sealed;
	s->blobs += j->blob_count;
	pthread_rwlock_wrlock(p->o.index_lock);
	index_place_group(p->o.index, j->group, s->index_pack, &l->place);
	pthread_rwlock_unlock(p->o.index_lock);
	*ret = l->place;
	return 0;
}

/* The ids fix the bytes as well as the bytes do, and are shorter. */
static void commit_to_ids(struct slot *s, const struct job *j)
{
	struct laid *l = &s->laid[s->laid_count - 1];
	struct bytes ids = BYTES_INIT;
	struct hash_item item;
	struct hash *scratch;

	if (j->codec || !j->blob_count)
		return;
	for (uint32_t i = 0; i < j->blob_count; i++)
		bytes_add(&ids, j->blobs.data + (size_t)i * TABLE_BLOB_SIZE, HASH_SIZE);
	item = (struct hash_item){.data = ids.data, .size = ids.size};
	scratch = mem_array(hash_leaf_count(ids.size), sizeof(*scratch));
	if (!ids.failed && scratch) {
		hash_trees(&item, 1, scratch);
		l->commitment = item.root;
		l->has_commitment = true;
	}
	bytes_release(&ids);
	mem_free(scratch);
}

static int lay_job(struct packer *p, const struct job *j, uint32_t *ret_pack,
	struct group_place *ret_place, struct sherd_error *err)
{
	size_t coded = j->codec ? j->coded.size : j->plain.size;
	int code = 0;

	if (p->filling && !fits(p, p->filling, coded, j->blob_count))
		close_pack(p, p->top);
	if (!p->filling)
		code = open_pack(p, err);
	if (!code)
		code = lay(p, p->filling, j, ret_place, err);
	if (code)
		return code;
	commit_to_ids(p->filling, j);
	*ret_pack = p->filling->index_pack;
	return 0;
}

/* ---- the queue of groups ---- */

/* Take the first job if it is done, or wait for it. */
static struct job *next_done(struct packer *p, bool wait)
{
	struct job *j;

	pthread_mutex_lock(&p->lock);
	j = p->first;
	while (wait && j && !j->done)
		pthread_cond_wait(&p->changed, &p->lock);
	if (j && !j->done)
		j = NULL;
	if (j) {
		p->first = j->next;
		if (!p->first)
			p->last = NULL;
		p->queued--;
	}
	pthread_mutex_unlock(&p->lock);
	return j;
}

static int drain(struct packer *p, size_t keep, struct sherd_error *err)
{
	int code = failed(p, err);

	while (!code) {
		struct group_place place;
		uint32_t pack;
		struct job *j = next_done(p, p->queued > keep);

		if (!j)
			break;
		code = lay_job(p, j, &pack, &place, err);
		j->next = p->spare;
		p->spare = j;
	}
	return code;
}

static int close_group(struct packer *p, unsigned type, struct sherd_error *err)
{
	struct job *j = p->open[type];

	if (!j)
		return 0;
	p->open[type] = NULL;
	pthread_mutex_lock(&p->lock);
	if (p->last)
		p->last->next = j;
	else
		p->first = j;
	p->last = j;
	p->queued++;
	pthread_mutex_unlock(&p->lock);
	tasks_submit(p->compress, run_compress, j);
	return drain(p, p->queue_max, err);
}

int packer_add(struct packer *p, enum blob_type type, const uint8_t *data, size_t size,
	const struct hash *id, struct sherd_error *err)
{
	struct job *j = p->open[type];
	int code = 0;

	assert(type >= BLOB_DATA && type <= BLOB_LIST && size > 0 && size <= BLOB_SIZE_MAX);
	if (j && j->plain.size + size > GROUP_SIZE_AIM)
		code = close_group(p, type, err);
	if (!code && !p->open[type])
		code = job_new(p, (uint8_t)type, &p->open[type], err);
	if (code)
		return code;
	j = p->open[type];
	pthread_rwlock_wrlock(p->o.index_lock);
	code = index_add_blob(
		p->o.index, j->group, id, (uint32_t)j->plain.size, (uint32_t)size, err);
	pthread_rwlock_unlock(p->o.index_lock);
	if (code)
		return code;
	bytes_add(&j->plain, data, size);
	table_add_blob(&j->blobs, id, (uint32_t)size);
	if (j->plain.failed || j->blobs.failed)
		return err_nomem(err);
	j->blob_count++;
	pthread_mutex_lock(&p->lock);
	p->totals.blobs_new++;
	p->totals.bytes_new += size;
	pthread_mutex_unlock(&p->lock);
	return j->plain.size >= GROUP_SIZE_AIM ? close_group(p, type, err) : 0;
}

int packer_flush(struct packer *p, struct sherd_error *err)
{
	int code = 0;

	for (unsigned type = 0; !code && type < type_count; type++)
		code = close_group(p, type, err);
	return code ? code : drain(p, 0, err);
}

int packer_stream(struct packer *p, enum blob_type type, const uint8_t *data, size_t size,
	struct head_stream *stream, struct sherd_error *err)
{
	int code = 0;

	while (!code && size) {
		size_t part = INT_MIN_OF(size, (size_t)GROUP_SIZE_AIM);
		struct group_place place;
		struct job *j = NULL;
		uint32_t pack;

		code = job_new(p, (uint8_t)type, &j, err);
		if (code)
			return code;
		bytes_add(&j->plain, data, part);
		if (j->plain.failed)
			code = err_nomem(err);
		if (!code) {
			compress_job(j);
			code = lay_job(p, j, &pack, &place, err);
		}
		if (!code)
			code = head_stream_group(stream, j->group, &place, err);
		j->next = p->spare;
		p->spare = j;
		data += part;
		size -= part;
	}
	return code;
}

/* ---- the end ---- */

int packer_wait(struct packer *p, struct sherd_error *err)
{
	tasks_wait(p->store);
	return failed(p, err);
}

/*
 * The last pack would be too empty: its first groups become a pack of a smaller rung that they
 * fill, the others move to another.
 */
static int cut_tail(struct packer *p, uint32_t first_size, struct sherd_error *err)
{
	struct slot *old = p->filling, *s;
	uint64_t limit = (uint64_t)p->shape->k * first_size, table = 0;
	struct cursor c = cursor_of(old->table.data, old->table.size);
	uint32_t count = 0, from;
	size_t table_end = 0;
	int code;

	/* How many groups fit. */
	while (count < old->laid_count) {
		const struct group_place *g = &old->laid[count].place;
		struct cursor look = c;
		uint32_t blobs;

		cursor_take(&look, TABLE_GROUP_SIZE - 4);
		blobs = cursor_u32(&look);
		table = table_end + TABLE_GROUP_SIZE + (uint64_t)blobs * TABLE_BLOB_SIZE;
		if (size_with((uint64_t)g->offset + g->sealed, table) > limit)
			break;
		cursor_take(&c, (size_t)table - table_end);
		table_end = (size_t)table;
		count++;
	}
	if (!count || count == old->laid_count)
		return 0;
	p->filling = NULL;
	code = open_pack(p, err);
	if (code)
		return code;
	s = p->filling;
	from = old->laid[count].place.offset;
	memcpy(pack_buffer_payload(s->buffer), pack_buffer_payload(old->buffer) + from,
		old->used - from);
	s->used = old->used - from;
	bytes_add(&s->table, old->table.data + table_end, old->table.size - table_end);
	if (s->table.failed)
		return err_nomem(err);
	while (s->laid_room < old->laid_count - count) {
		s->laid_count = s->laid_room;
		if (!room_to_lay(s))
			return err_nomem(err);
	}
	s->laid_count = old->laid_count - count;
	memcpy(s->laid, old->laid + count, s->laid_count * sizeof(*s->laid));
	pthread_rwlock_wrlock(p->o.index_lock);
	for (uint32_t i = 0; i < s->laid_count; i++) {
		s->laid[i].place.number = i;
		s->laid[i].place.offset -= from;
	}
	index_move_groups(p->o.index, old->index_pack, count, s->index_pack, from);
	pthread_rwlock_unlock(p->o.index_lock);
	old->used = from;
	old->laid_count = count;
	old->table.size = table_end;
	/* Blobs are counted anew from the tables. */
	s->blobs = (uint32_t)((s->table.size - (size_t)s->laid_count * TABLE_GROUP_SIZE) /
			      TABLE_BLOB_SIZE);
	old->blobs = (uint32_t)((table_end - (size_t)count * TABLE_GROUP_SIZE) / TABLE_BLOB_SIZE);
	p->filling = old;
	close_pack(p, first_size);
	p->filling = s;
	return 0;
}

/* The largest rung that ${size} bytes fill. */
static uint32_t rung_filled(const struct packer *p, uint64_t size)
{
	uint32_t rung = p->top;

	while (rung > POOL_SHARE_SIZE_MIN && (uint64_t)p->shape->k * rung > size) {
		rung /= 2;
		while (!ladder_ok(rung))
			rung /= 2;
	}
	return rung;
}

int packer_finish(struct packer *p, struct sherd_error *err)
{
	struct slot *s;
	uint64_t size, payload;
	int code = packer_flush(p, err);

	s = p->filling;
	if (!code && s && s->laid_count) {
		size = size_with(s->used, s->table.size);
		payload = (uint64_t)p->shape->k * ladder_fit(p->shape->k, p->shape->m, size);
		if (size > tail_worth_cutting && payload - size > payload / 4 && p->slot_count > 1)
			code = cut_tail(p, rung_filled(p, size), err);
		s = p->filling;
		if (!code)
			close_pack(p, ladder_fit(p->shape->k, p->shape->m,
					      size_with(s->used, s->table.size)));
	}
	return code ? code : packer_wait(p, err);
}

uint64_t packer_packs(const struct packer *p)
{
	return p->closed;
}

void packer_totals(struct packer *p, struct store_totals *ret)
{
	pthread_mutex_lock(&p->lock);
	*ret = p->totals;
	pthread_mutex_unlock(&p->lock);
}

/* ---- life ---- */

void packer_free(struct packer *p)
{
	struct job *j;

	if (!p)
		return;
	tasks_free(p->compress);
	tasks_free(p->store);
	for (unsigned i = 0; i < type_count; i++)
		job_free(p->open[i]);
	while ((j = p->first)) {
		p->first = j->next;
		job_free(j);
	}
	while ((j = p->spare)) {
		p->spare = j->next;
		job_free(j);
	}
	for (size_t i = 0; i < slots_max; i++) {
		put_late(&p->slots[i]);
		pack_buffer_unref(p->slots[i].buffer);
		mem_free(p->slots[i].laid);
		bytes_release(&p->slots[i].table);
	}
	while (p->codec_count)
		codec_free(p->codecs[--p->codec_count]);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	mem_free(p);
}

static int make_codecs(struct packer *p, struct sherd_error *err)
{
	size_t count = p->o.threads + 1;
	int code = 0;

	if (p->o.level <= 0)
		return 0;
	while (!code && p->codec_count < INT_MIN_OF(count, (size_t)codecs_max)) {
		code = codec_new(p->o.level, &p->codecs[p->codec_count], err);
		p->codec_count += !code;
	}
	return code;
}

int packer_new(const struct packer_options *options, struct packer **ret, struct sherd_error *err)
{
	struct packer *p = mem_array(1, sizeof(*p));
	size_t each;
	int code;

	if (!p)
		return err_nomem(err);
	p->o = *options;
	p->o.threads = INT_MIN_OF(p->o.threads, (unsigned)codecs_max - 1);
	p->shape = pool_shape(options->pool);
	p->packs = pool_packs(options->pool);
	p->top = ladder_top(p->shape->k, p->shape->m);
	p->totals.shares_least = UINT_MAX;
	p->totals.spare = INT_MAX;
	each = (size_t)p->shape->m * p->top;
	p->slot_count = INT_MAX_OF((size_t)2, INT_MIN_OF(p->o.memory / each, (size_t)slots_max));
	p->queue_max = p->o.threads + jobs_extra;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	code = make_codecs(p, err);
	if (!code)
		code = tasks_new(p->o.threads, p->queue_max + 1, 0, &p->compress, err);
	if (!code)
		code = tasks_new(p->o.threads ? 1 : 0, slots_max, 0, &p->store, err);
	if (code) {
		packer_free(p);
		return code;
	}
	*ret = p;
	return 0;
}
