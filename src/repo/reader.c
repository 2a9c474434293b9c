/* SPDX-License-Identifier: MIT */
/*
 * reader.c - two caches. Opened groups, a dozen; and up to two payloads of whole packs, from
 * which groups are opened without asking a place. A group's blobs are verified one by one as they
 * are asked for; one that was verified is not verified again while its group is kept.
 *
 * A pack is read as a whole when an eighth of it was asked for group by group. Then the pack with
 * the next number is fetched by the reader's own thread, since backups write, and restores read,
 * packs in that order.
 *
 * Locks: r->lock guards both caches. It is not held while places are asked, groups opened or hashes
 * made; an entry being filled is marked, and others who want it wait.
 */
#include <repo/reader.h>

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/tasks.h>

enum { groups_max = 12, slots_max = 2, page = 4096, whole_part = 8, asked_max = 64 };

enum state { EMPTY, FILLING, READY };

struct cached {
	enum state state;
	struct hash pack;
	uint32_t number;
	unsigned users;
	uint64_t used; /* when last asked for */
	struct bytes plain;
	struct bytes verified; /* offsets (u32) of blobs that were verified */
};

struct slot {
	enum state state;
	bool failed; /* it cannot be read as a whole: group by group is left */
	struct hash pack;
	unsigned users;
	uint64_t used;
	uint8_t *payload; /* owned */
	size_t room;
};

/* How much of a pack was asked for group by group. */
struct asked {
	struct hash pack;
	uint64_t bytes;
};

struct reader {
	struct reader_options o;
	struct tasks *ahead;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct cached groups[groups_max];
	struct slot slots[slots_max];
	size_t slot_count;
	struct asked asked[asked_max];
	size_t asked_next;
	uint64_t clock;
	struct pool_ref next; /* to be fetched ahead; guarded by lock */
	bool fetching;
};

void blob_id(const struct crypt_key *key, uint8_t type, uint64_t size, const struct hash *root,
	struct hash *ret)
{
	uint8_t head[9] = {type};
	struct iovec parts[] = {{head, sizeof(head)}, {(void *)(uintptr_t)root->bytes, HASH_SIZE}};

	for (unsigned i = 0; i < 8; i++)
		head[1 + i] = (uint8_t)(size >> 8 * i);
	hash_hmac(key->bytes, CRYPT_KEY_SIZE, parts, 2, ret);
}

/* ---- whole packs ---- */

static struct slot *find_slot(struct reader *r, const struct hash *pack)
{
	for (size_t i = 0; i < r->slot_count; i++)
		if (r->slots[i].state != EMPTY && hash_equal(&r->slots[i].pack, pack))
			return &r->slots[i];
	return NULL;
}

/* A slot to fill, or NULL: all are in use. Lock held. */
static struct slot *claim_slot(struct reader *r, const struct pool_ref *ref)
{
	struct slot *oldest = NULL;

	for (size_t i = 0; i < r->slot_count; i++) {
		struct slot *s = &r->slots[i];

		if (s->state == FILLING || s->users)
			continue;
		if (!oldest || s->state == EMPTY ||
			(oldest->state != EMPTY && s->used < oldest->used))
			oldest = s;
	}
	if (oldest) {
		oldest->state = FILLING;
		oldest->failed = false;
		oldest->pack = ref->id;
	}
	return oldest;
}

/* Fill a claimed slot. Not under the lock. */
static void fill_slot(struct reader *r, struct slot *s, const struct pool_ref *ref)
{
	size_t need = (size_t)ref_payload(ref);
	bool well = true;

	if (s->room < need) {
		mem_free(s->payload);
		s->payload = mem_aligned(page, need);
		s->room = s->payload ? need : 0;
		well = s->payload != NULL;
	}
	well = well && !packs_read_all(pool_packs(r->o.pool), ref, s->payload, r->o.watch, NULL);
	pthread_mutex_lock(&r->lock);
	s->state = READY;
	s->failed = !well;
	s->used = ++r->clock;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static void run_ahead(void *context)
{
	struct reader *r = context;
	struct pool_ref ref;
	struct slot *s = NULL;

	pthread_mutex_lock(&r->lock);
	ref = r->next;
	if (!find_slot(r, &ref.id))
		s = claim_slot(r, &ref);
	pthread_mutex_unlock(&r->lock);
	if (s)
		fill_slot(r, s, &ref);
	pthread_mutex_lock(&r->lock);
	r->fetching = false;
	pthread_mutex_unlock(&r->lock);
}

/* The pack with the next number, if it is not here yet. */
static void fetch_ahead(struct reader *r, const struct pool_ref *ref)
{
	struct pool_ref next;
	uint32_t pack;
	bool start = false;

	if (!r->ahead)
		return;
	pthread_rwlock_rdlock(r->o.index_lock);
	pack = index_pack_find(r->o.index, &ref->id);
	if (pack != INDEX_NONE && pack + 1 < index_pack_count(r->o.index) &&
		!index_pack_at(r->o.index, pack + 1)->dead) {
		next = index_pack_at(r->o.index, pack + 1)->ref;
		start = next.k && next.share_size == ref->share_size;
	}
	pthread_rwlock_unlock(r->o.index_lock);
	if (!start)
		return;
	pthread_mutex_lock(&r->lock);
	start = !r->fetching && !find_slot(r, &next.id);
	if (start) {
		r->fetching = true;
		r->next = next;
	}
	pthread_mutex_unlock(&r->lock);
	if (start)
		tasks_submit(r->ahead, run_ahead, r);
}

/* Note that so much of the pack is asked for; whether it is worth reading whole. Lock held. */
static bool worth_all(struct reader *r, const struct pool_ref *ref, uint32_t size)
{
	struct asked *a = NULL;

	for (size_t i = 0; i < asked_max && !a; i++)
		if (hash_equal(&r->asked[i].pack, &ref->id))
			a = &r->asked[i];
	if (!a) {
		a = &r->asked[r->asked_next++ % asked_max];
		*a = (struct asked){.pack = ref->id};
	}
	a->bytes += size;
	return a->bytes > ref_payload(ref) / whole_part;
}

/*
 * The payload of the pack, in use until slot_done(), or NULL: it is read group by group.
 */
static struct slot *use_slot(struct reader *r, const struct pool_ref *ref, uint32_t size)
{
	struct slot *s;
	bool first = false;

	pthread_mutex_lock(&r->lock);
	s = find_slot(r, &ref->id);
	if (!s && r->slot_count && worth_all(r, ref, size)) {
		s = claim_slot(r, ref);
		first = s != NULL;
	}
	if (s && first) {
		s->users++;
		pthread_mutex_unlock(&r->lock);
		fill_slot(r, s, ref);
		pthread_mutex_lock(&r->lock);
		s->users--;
	}
	while (s && s->state == FILLING)
		pthread_cond_wait(&r->changed, &r->lock);
	/* While we waited it may have been given to another pack. */
	if (s && (s->failed || s->state != READY || !hash_equal(&s->pack, &ref->id)))
		s = NULL;
	if (s) {
		s->users++;
		s->used = ++r->clock;
	}
	pthread_mutex_unlock(&r->lock);
	if (s)
		fetch_ahead(r, ref);
	return s;
}

static void slot_done(struct reader *r, struct slot *s)
{
	pthread_mutex_lock(&r->lock);
	s->users--;
	pthread_mutex_unlock(&r->lock);
}

/* ---- groups ---- */

static int read_sealed(struct reader *r, const struct pool_ref *ref,
	const struct group_place *place, struct bytes *sealed, struct sherd_error *err)
{
	bytes_clear(sealed);
	if (!bytes_reserve(sealed, place->sealed))
		return err_nomem(err);
	sealed->size = place->sealed;
	return packs_read(pool_packs(r->o.pool), ref, place->offset, place->sealed, sealed->data,
		r->o.watch, err);
}

/* The group's plaintext into ${plain}, which has room for it. */
static int open_group(struct reader *r, const struct pool_ref *ref, const struct group_place *place,
	uint8_t *plain, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes sealed = BYTES_INIT;
	CLEANUP(bytes_release) struct bytes scratch = BYTES_INIT;
	CLEANUP(group_keys_wipe) struct group_keys keys;
	struct slot *s;
	int code;

	memset(&keys, 0, sizeof(keys));
	if ((uint64_t)place->offset + place->sealed > ref_payload(ref) ||
		place->sealed < AEAD_OVERHEAD)
		return err_set(err, SHERD_CORRUPT, "a group lies outside of its pack");
	code = group_keys_init(&keys, r->o.pool, ref->epoch, ref->nonce, err);
	if (code)
		return code;
	s = use_slot(r, ref, place->sealed);
	if (s) {
		code = group_open(&keys, place, s->payload + place->offset, plain, &scratch, err);
		slot_done(r, s);
		return code;
	}
	code = read_sealed(r, ref, place, &sealed, err);
	return code ? code : group_open(&keys, place, sealed.data, plain, &scratch, err);
}

int reader_group(struct reader *r, const struct pool_ref *ref, const struct group_place *place,
	struct bytes *out, struct sherd_error *err)
{
	uint8_t *plain;

	if (place->plain > group_plain_max(place->type))
		return err_set(err, SHERD_CORRUPT, "a group is too large");
	plain = bytes_extend(out, place->plain);
	if (!plain)
		return err_nomem(err);
	return open_group(r, ref, place, plain, err);
}

static struct cached *find_group(struct reader *r, const struct hash *pack, uint32_t number)
{
	for (size_t i = 0; i < groups_max; i++) {
		struct cached *c = &r->groups[i];

		if (c->state != EMPTY && c->number == number && hash_equal(&c->pack, pack))
			return c;
	}
	return NULL;
}

static struct cached *claim_group(struct reader *r)
{
	struct cached *oldest = NULL;

	for (size_t i = 0; i < groups_max; i++) {
		struct cached *c = &r->groups[i];

		if (c->state == FILLING || c->users)
			continue;
		if (!oldest || c->state == EMPTY ||
			(oldest->state != EMPTY && c->used < oldest->used))
			oldest = c;
	}
	return oldest;
}

static int fill_group(struct reader *r, struct cached *c, const struct pool_ref *ref,
	const struct group_place *place, struct sherd_error *err)
{
	int code = 0;

	bytes_clear(&c->plain);
	bytes_clear(&c->verified);
	if (!bytes_reserve(&c->plain, place->plain))
		code = err_nomem(err);
	if (!code)
		code = open_group(r, ref, place, c->plain.data, err);
	c->plain.size = code ? 0 : place->plain;
	pthread_mutex_lock(&r->lock);
	c->state = code ? EMPTY : READY;
	c->used = ++r->clock;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return code;
}

/* The opened group, in use until users-- under the lock. Lock not held. */
static int use_group(struct reader *r, const struct pool_ref *ref, const struct group_place *place,
	struct cached **ret, struct sherd_error *err)
{
	struct cached *c;
	int code;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		c = find_group(r, &ref->id, place->number);
		if (c && c->state == READY)
			break;
		if (!c && (c = claim_group(r))) {
			c->state = FILLING;
			c->pack = ref->id;
			c->number = place->number;
			c->users++;
			pthread_mutex_unlock(&r->lock);
			code = fill_group(r, c, ref, place, err);
			if (code) {
				pthread_mutex_lock(&r->lock);
				c->users--;
				pthread_mutex_unlock(&r->lock);
				return code;
			}
			*ret = c;
			return 0;
		}
		/* Somebody fills it, or all are in use. */
		pthread_cond_wait(&r->changed, &r->lock);
	}
	c->users++;
	c->used = ++r->clock;
	pthread_mutex_unlock(&r->lock);
	*ret = c;
	return 0;
}

static void group_done(struct reader *r, struct cached *c)
{
	pthread_mutex_lock(&r->lock);
	c->users--;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

/* ---- blobs ---- */

static bool was_verified(struct reader *r, const struct cached *c, uint32_t offset)
{
	bool found = false;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i + sizeof(offset) <= c->verified.size && !found; i += sizeof(offset))
		found = !memcmp(c->verified.data + i, &offset, sizeof(offset));
	pthread_mutex_unlock(&r->lock);
	return found;
}

static int verify(struct reader *r, struct cached *c, const struct index_found *found, uint8_t type,
	const struct hash *id, const uint8_t *data, struct sherd_error *err)
{
	struct hash_item item = {.data = data, .size = found->size};
	struct hash scratch[BLOB_SIZE_MAX / HASH_LEAF_SIZE], right;

	hash_trees(&item, 1, scratch);
	blob_id(r->o.id_key, type, found->size, &item.root, &right);
	if (!hash_equal(&right, id))
		return err_set(err, SHERD_CORRUPT, "a blob is not what its id says");
	pthread_mutex_lock(&r->lock);
	bytes_add(&c->verified, &found->offset, sizeof(found->offset));
	pthread_mutex_unlock(&r->lock);
	return 0;
}

int reader_blob(struct reader *r, const struct index_found *found, uint8_t type,
	const struct hash *id, uint8_t *buffer, struct sherd_error *err)
{
	struct pool_ref ref;
	struct cached *c;
	int code;

	pthread_rwlock_rdlock(r->o.index_lock);
	ref = index_pack_at(r->o.index, found->pack)->ref;
	pthread_rwlock_unlock(r->o.index_lock);
	if (found->place.type != type)
		return err_set(err, SHERD_CORRUPT, "a blob is of another type than was asked for");
	code = use_group(r, &ref, &found->place, &c, err);
	if (code)
		return code;
	if ((uint64_t)found->offset + found->size > c->plain.size)
		code = err_set(err, SHERD_CORRUPT, "a blob lies outside of its group");
	else if (!was_verified(r, c, found->offset))
		code = verify(r, c, found, type, id, c->plain.data + found->offset, err);
	if (!code)
		memcpy(buffer, c->plain.data + found->offset, found->size);
	group_done(r, c);
	return code;
}

int reader_table(
	struct reader *r, const struct pool_ref *ref, struct bytes *out, struct sherd_error *err)
{
	CLEANUP(group_keys_wipe) struct group_keys keys;
	struct packs *packs = pool_packs(r->o.pool);
	uint8_t footer[FOOTER_SIZE];
	struct group_place table;
	uint32_t groups;
	int code;

	memset(&keys, 0, sizeof(keys));
	code = group_keys_init(&keys, r->o.pool, ref->epoch, ref->nonce, err);
	if (!code)
		code = packs_read(packs, ref, ref_payload(ref) - FOOTER_SIZE, FOOTER_SIZE, footer,
			r->o.watch, err);
	if (!code)
		code = footer_read(&keys, footer, ref_payload(ref), &table, &groups, err);
	bytes_clear(out);
	return code ? code : reader_group(r, ref, &table, out, err);
}

/* ---- life ---- */

void reader_release_packs(struct reader *r)
{
	if (r->ahead)
		tasks_wait(r->ahead);
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < slots_max; i++) {
		if (r->slots[i].users || r->slots[i].state == FILLING)
			continue;
		mem_free(r->slots[i].payload);
		r->slots[i] = (struct slot){0};
	}
	pthread_mutex_unlock(&r->lock);
}

int reader_new(const struct reader_options *options, struct reader **ret, struct sherd_error *err)
{
	struct reader *r = mem_array(1, sizeof(*r));
	int code;

	if (!r)
		return err_nomem(err);
	r->o = *options;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	r->slot_count = INT_MIN_OF(options->memory / POOL_PAYLOAD_MAX, (size_t)slots_max);
	code = options->threads ? tasks_new(1, 1, 0, &r->ahead, err) : 0;
	if (code) {
		reader_free(r);
		return code;
	}
	*ret = r;
	return 0;
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	tasks_free(r->ahead);
	for (size_t i = 0; i < groups_max; i++) {
		bytes_release(&r->groups[i].plain);
		bytes_release(&r->groups[i].verified);
	}
	for (size_t i = 0; i < slots_max; i++)
		mem_free(r->slots[i].payload);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	mem_free(r);
}
