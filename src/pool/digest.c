/* SPDX-License-Identifier: MIT */
/*
 * digest.c - which records count. What is VALID stays so; the rest is looked at again whenever
 * something came in, because the record that proves it may have come just now. Nothing depends on
 * the order in which records arrive.
 */
#include "inner.h"

#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

bool entry_confirmed(const struct sherd_pool *pool, const struct entry *e)
{
	struct quorum q = quorum_of((unsigned)pool->rec.place_count);

	return ask_bits(e->shown & seats_all(pool)) >= q.write;
}

/* --- unsealing and parsing --- */

static int parse_body(struct sherd_pool *pool, struct entry *e, struct sherd_error *err)
{
	const uint8_t *body = e->record.body;
	size_t size = e->record.body_size;
	uint8_t id[POOL_ID_SIZE];
	int r;

	switch (e->name.kind) {
	case RECORD_POOL:
		r = poolrec_read(body, size, &e->pool, err);
		if (r)
			return r;
		poolrec_id(e->pool.admin, e->pool.salt, id);
		if (memcmp(id, pool->id, POOL_ID_SIZE) != 0)
			return err_set(
				err, SHERD_CORRUPT, "its administrator is not that of this pool");
		return 0;
	case RECORD_DEVICE:
		r = devicerec_read(body, size, &e->device, err);
		if (!r && memcmp(e->device.device, e->name.subject, RECORD_ID_SIZE) != 0)
			r = err_set(err, SHERD_CORRUPT, "it is of another device");
		return r;
	case RECORD_HEAD:
		return headrec_read(body, size, &e->head, err);
	case RECORD_GC:
	case RECORD_KEYS:
		break;
	}
	return err_set(err, SHERD_CORRUPT, "it is of no kind that is read");
}

static int parse_record(struct sherd_pool *pool, struct entry *e, struct sherd_error *err)
{
	int r;

	if (!pool->ring)
		return SHERD_NOTFOUND;
	r = record_open(pool->ring, e->file->data, e->file->size, &e->record, err);
	if (r)
		return r;
	if (!record_named(&e->record, &e->name))
		r = err_set(err, SHERD_CORRUPT, "its name is not that of its contents");
	e->state = ENTRY_OPEN;
	/* The union must be empty for what is released if the name is wrong. */
	memset(&e->pool, 0, sizeof(e->pool));
	if (e->name.kind == RECORD_DEVICE)
		memset(&e->device, 0, sizeof(e->device));
	if (e->name.kind == RECORD_HEAD)
		memset(&e->head, 0, sizeof(e->head));
	return r ? r : parse_body(pool, e, err);
}

static int parse_slot(struct sherd_pool *pool, struct entry *e, struct sherd_error *err)
{
	int r = keyslot_read(e->file->data, e->file->size, &e->slot, err);

	if (r)
		return r;
	if (e->slot.epoch != e->name.seq ||
		memcmp(e->slot.id, e->name.subject, RECORD_ID_SIZE) != 0 ||
		memcmp(e->slot.pool, pool->id, POOL_ID_SIZE) != 0)
		return err_set(err, SHERD_CORRUPT, "its name is not that of its contents");
	e->state = ENTRY_OPEN;
	return 0;
}

static int parse(struct sherd_pool *pool, struct entry *e, struct sherd_error *err)
{
	struct sherd_error why = {0};
	int r = e->name.kind == RECORD_KEYS ? parse_slot(pool, e, &why)
					    : parse_record(pool, e, &why);
	struct record_file *file;

	if (!r || r == SHERD_NOTFOUND)
		return 0;
	if (r == SHERD_NOMEM) {
		file = record_file_ref(e->file);
		entry_set_file(e, file);
		return err_nomem(err);
	}
	entry_forget(e);
	e->state = r == SHERD_NEWER ? ENTRY_NEWER : ENTRY_BAD;
	snprintf(e->why, sizeof(e->why), "%.*s", (int)sizeof(e->why) - 1, why.message);
	return 0;
}

/* --- whose signature --- */

static bool by_admin(const struct sherd_pool *pool, const struct entry *e)
{
	static const uint8_t zeros[RECORD_ID_SIZE];

	return memcmp(e->record.signer, zeros, RECORD_ID_SIZE) == 0 && pool->have_admin &&
	       record_signed_by(&e->record, pool->admin);
}

/* A device may renew its own record, with the keys and no more than the rights that the
 * administrator gave it last. */
static bool renews_itself(const struct sherd_pool *pool, size_t at)
{
	const struct entry *e = pool->store.entries[at], *given = NULL;

	if (e->name.seq < 2 || memcmp(e->record.signer, e->name.subject, RECORD_ID_SIZE) != 0)
		return false;
	for (size_t i = at; i-- > 0;) {
		const struct entry *before = pool->store.entries[i];

		if (before->name.kind != RECORD_DEVICE ||
			memcmp(before->name.subject, e->name.subject, RECORD_ID_SIZE) != 0)
			break;
		if (before->state == ENTRY_VALID && before->name.seq < e->name.seq &&
			memcmp(before->record.signer, before->name.subject, RECORD_ID_SIZE) != 0) {
			given = before;
			break;
		}
	}
	return given && memcmp(given->device.sign_key, e->device.sign_key, SIGN_PUBLIC_SIZE) == 0 &&
	       memcmp(given->device.box_key, e->device.box_key, BOX_PUBLIC_SIZE) == 0 &&
	       !(e->device.rights & ~given->device.rights) &&
	       record_signed_by(&e->record, given->device.sign_key);
}

struct entry *pool_device_entry(const struct sherd_pool *pool, const uint8_t *device)
{
	struct entry *found = NULL;

	for (size_t i = mirror_first(&pool->store, RECORD_DEVICE);
		i < pool->store.count && pool->store.entries[i]->name.kind == RECORD_DEVICE; i++) {
		struct entry *e = pool->store.entries[i];

		if (e->state == ENTRY_VALID && memcmp(e->name.subject, device, RECORD_ID_SIZE) == 0)
			found = e;
	}
	return found;
}

static struct entry *find_owner(
	const struct sherd_pool *pool, const uint8_t *incarnation, const uint8_t *device)
{
	struct entry *found = NULL;

	for (size_t i = mirror_first(&pool->store, RECORD_DEVICE);
		i < pool->store.count && pool->store.entries[i]->name.kind == RECORD_DEVICE; i++) {
		struct entry *e = pool->store.entries[i];

		if (e->state == ENTRY_VALID &&
			memcmp(e->device.incarnation, incarnation, RECORD_ID_SIZE) == 0 &&
			(!device || memcmp(e->name.subject, device, RECORD_ID_SIZE) == 0))
			found = e;
	}
	return found;
}

struct entry *pool_owner(const struct sherd_pool *pool, const uint8_t *incarnation)
{
	return find_owner(pool, incarnation, NULL);
}

static bool head_counts(const struct sherd_pool *pool, const struct entry *e)
{
	const struct entry *owner = find_owner(pool, e->name.subject, e->head.device);

	return owner && owner->device.rights & DEVICEREC_ADD &&
	       memcmp(e->record.signer, e->head.device, RECORD_ID_SIZE) == 0 &&
	       record_signed_by(&e->record, owner->device.sign_key);
}

/* Signed by who may change the pool now; or known to have counted: seen before, or the forerunner
 * of a record that counts. */
static bool pool_record_counts(const struct sherd_pool *pool, const struct entry *e)
{
	const struct entry *signer = pool_device_entry(pool, e->record.signer);

	if (by_admin(pool, e))
		return true;
	if (signer && signer->device.rights & DEVICEREC_MANAGE &&
		record_signed_by(&e->record, signer->device.sign_key))
		return true;
	if (pool->seen.pool_seq == e->name.seq && hash_equal(&pool->seen.pool_hash, &e->file->hash))
		return true;
	for (size_t i = mirror_first(&pool->store, RECORD_POOL);
		i < pool->store.count && pool->store.entries[i]->name.kind == RECORD_POOL; i++) {
		const struct entry *later = pool->store.entries[i];

		if (later->state == ENTRY_VALID && later->name.seq == e->name.seq + 1 &&
			hash_equal(&later->pool.previous, &e->file->hash))
			return true;
	}
	return false;
}

static bool slot_counts(const struct sherd_pool *pool, const struct entry *e)
{
	const struct crypt_key *key = pool->ring ? keyring_epoch(pool->ring, e->slot.epoch) : NULL;
	uint8_t commitment[HASH_SIZE];

	if (!key)
		return false;
	keyring_commitment(pool->id, e->slot.epoch, key, commitment);
	return memcmp(commitment, e->slot.commitment, HASH_SIZE) == 0;
}

static bool counts(struct sherd_pool *pool, size_t at)
{
	struct entry *e = pool->store.entries[at];

	switch (e->name.kind) {
	case RECORD_POOL:
		return pool_record_counts(pool, e);
	case RECORD_DEVICE:
		return by_admin(pool, e) || renews_itself(pool, at);
	case RECORD_HEAD:
		return head_counts(pool, e);
	case RECORD_KEYS:
		return slot_counts(pool, e);
	case RECORD_GC:
		break;
	}
	return false;
}

/* Whether one of that kind came to count. */
static bool admit(struct sherd_pool *pool, enum record_kind kind)
{
	bool any = false;

	for (size_t i = mirror_end(&pool->store, kind); i-- > 0;) {
		struct entry *e = pool->store.entries[i];

		if (e->name.kind != kind)
			break;
		if (e->state == ENTRY_OPEN && counts(pool, i)) {
			e->state = ENTRY_VALID;
			any = true;
		}
	}
	return any;
}

static void find_admin(struct sherd_pool *pool)
{
	for (size_t i = mirror_first(&pool->store, RECORD_POOL);
		!pool->have_admin && i < mirror_end(&pool->store, RECORD_POOL); i++) {
		const struct entry *e = pool->store.entries[i];

		if (e->state != ENTRY_OPEN && e->state != ENTRY_VALID)
			continue;
		/* The pool's id fixes it: all that parse have the same. */
		memcpy(pool->admin, e->pool.admin, SIGN_PUBLIC_SIZE);
		pool->have_admin = true;
	}
}

/* --- the record in force --- */

static struct entry *entry_with_hash(const struct sherd_pool *pool, const struct hash *hash)
{
	for (size_t i = mirror_first(&pool->store, RECORD_POOL);
		i < mirror_end(&pool->store, RECORD_POOL); i++) {
		struct entry *e = pool->store.entries[i];

		if (e->state == ENTRY_VALID && hash_equal(&e->file->hash, hash))
			return e;
	}
	return NULL;
}

/* Bring a sibling into the record in force. Names ascend by hash, so the first is the lowest. */
static int merge_sibling(struct sherd_pool *pool, struct poolrec *into, const struct entry *first,
	const struct entry *e, bool *ret_differs, struct sherd_error *err)
{
	const struct entry *base = NULL;
	int same = poolrec_same(&first->pool, &e->pool);

	if (same < 0)
		return err_nomem(err);
	if (same)
		return 0;
	*ret_differs = true;
	if (hash_equal(&first->pool.previous, &e->pool.previous))
		base = entry_with_hash(pool, &e->pool.previous);
	return poolrec_merge(base ? &base->pool : NULL, into, &e->pool, err);
}

static int choose_record(struct sherd_pool *pool, struct sherd_error *err)
{
	size_t end = mirror_end(&pool->store, RECORD_POOL);
	const struct entry *first = NULL;
	bool differs = false;
	struct poolrec rec;
	int r = 0;

	for (size_t i = mirror_first(&pool->store, RECORD_POOL); i < end; i++) {
		const struct entry *e = pool->store.entries[i];

		if (e->state == ENTRY_VALID && (!first || e->name.seq > first->name.seq))
			first = e;
	}
	if (!first)
		return 0;
	r = poolrec_copy(&first->pool, &rec, err);
	for (size_t i = mirror_first(&pool->store, RECORD_POOL); !r && i < end; i++) {
		const struct entry *e = pool->store.entries[i];

		if (e->state == ENTRY_VALID && e->name.seq == first->name.seq && e != first)
			r = merge_sibling(pool, &rec, first, e, &differs, err);
	}
	if (r) {
		poolrec_release(&rec);
		return r;
	}
	poolrec_release(&pool->rec);
	pool->rec = rec;
	pool->rec_seq = first->name.seq;
	pool->rec_hash = first->file->hash;
	pool->unmerged = differs;
	return 0;
}

static int learn_old_epochs(struct sherd_pool *pool, bool *ret_any, struct sherd_error *err)
{
	for (size_t i = 0; i < pool->rec.epoch_count; i++) {
		const struct poolrec_epoch *epoch = &pool->rec.epochs[i];
		int r;

		if (keyring_epoch(pool->ring, epoch->epoch))
			continue;
		r = keyring_add(pool->ring, epoch->epoch, &epoch->key, err);
		if (r)
			return r;
		*ret_any = true;
	}
	return 0;
}

/* A newer record of the pool that we cannot read, shown by more places than may lie. */
static int check_newer(struct sherd_pool *pool, struct sherd_error *err)
{
	struct quorum q = quorum_of((unsigned)pool->rec.place_count);

	for (size_t i = mirror_first(&pool->store, RECORD_POOL);
		i < mirror_end(&pool->store, RECORD_POOL); i++) {
		const struct entry *e = pool->store.entries[i];

		if (e->state == ENTRY_NEWER && e->name.seq > pool->rec_seq &&
			(e->own || ask_bits(e->shown) > q.faults))
			return err_set(err, SHERD_NEWER, "%s", e->why);
	}
	return 0;
}

int pool_digest(struct sherd_pool *pool, struct sherd_error *err)
{
	bool again = true;

	while (again) {
		int r = 0;

		again = false;
		for (size_t i = 0; !r && i < pool->store.count; i++)
			if (pool->store.entries[i]->state == ENTRY_FETCHED)
				r = parse(pool, pool->store.entries[i], err);
		if (r)
			return r;
		find_admin(pool);
		/* From the end to the start a device's own renewals come before what allows them.
		 */
		while (admit(pool, RECORD_DEVICE))
			;
		while (admit(pool, RECORD_POOL))
			;
		(void)admit(pool, RECORD_HEAD);
		(void)admit(pool, RECORD_KEYS);
		r = choose_record(pool, err);
		if (!r && pool->ring && pool->rec_seq)
			r = learn_old_epochs(pool, &again, err);
		if (!r && pool->ring && pool_learn_epochs(pool))
			again = true;
		if (r)
			return r;
	}
	return check_newer(pool, err);
}

/* --- what matters of it --- */

struct entry *pool_newest_head(const struct sherd_pool *pool, const uint8_t *incarnation)
{
	const struct seen_head *seen =
		seen_head_find(pool->seen.heads, pool->seen.head_count, incarnation);
	struct entry *found = NULL;

	for (size_t i = mirror_first(&pool->store, RECORD_HEAD);
		i < pool->store.count && pool->store.entries[i]->name.kind == RECORD_HEAD; i++) {
		struct entry *e = pool->store.entries[i];
		bool known;

		if (e->state != ENTRY_VALID ||
			memcmp(e->name.subject, incarnation, RECORD_ID_SIZE) != 0)
			continue;
		known = seen && seen->seq == e->name.seq && hash_equal(&seen->hash, &e->file->hash);
		if (!found || e->name.seq > found->name.seq || known)
			found = e;
	}
	return found;
}

bool entry_live(const struct sherd_pool *pool, const struct entry *e)
{
	const struct entry *newest;

	if (e->state != ENTRY_VALID || !e->file)
		return false;
	switch (e->name.kind) {
	case RECORD_POOL:
	case RECORD_DEVICE:
		return true;
	case RECORD_KEYS:
		return e->name.seq == keyring_newest(pool->ring);
	case RECORD_HEAD:
		newest = pool_newest_head(pool, e->name.subject);
		return newest && newest->name.seq == e->name.seq;
	case RECORD_GC:
		break;
	}
	return false;
}
