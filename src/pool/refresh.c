/* SPDX-License-Identifier: MIT */
/*
 * refresh.c - what the places show. All are asked for the names they have; what is new and matters
 * is fetched, from any place that shows it, and digested; and again, because a record may bring new
 * places, or prove others.
 *
 * What matters: every pool and device record, the key slots of the newest epochs, and of the heads
 * of an incarnation the newest, and any two of one seq (a fork). A name is only a hint: bytes are
 * taken when they have the hash that the name has.
 */
#include "inner.h"

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/log.h>

#define ROUNDS_MAX 32
#define SETS_MAX 4     /* times the place set may change under our hands */
#define WANTS_MAX 4096 /* fetched in one round */
#define EPOCHS_BACK 4  /* of which slots are fetched while no key is known */

/* --- the state folder --- */

struct loading {
	struct sherd_pool *pool;
	struct sherd_error *err;
};

static int load_record(void *context, const char *name)
{
	struct loading *l = context;
	CLEANUP(mem_free_at) char *path = mem_format(STATE_RECORDS "/%s", name);
	CLEANUP(mem_free_at) uint8_t *data = NULL;
	CLEANUP(record_file_unref_at) struct record_file *file = NULL;
	uint8_t hash[RECORD_HASH_SIZE];
	struct entry *e;
	size_t size = 0;
	int r;

	if (!path)
		return err_nomem(l->err);
	r = state_read(&l->pool->state, path, RECORD_SIZE_MAX, &data, &size, l->err);
	if (r == SHERD_CORRUPT)
		return 0;
	if (r)
		return r;
	file = record_file_new(data, size);
	if (!file)
		return err_nomem(l->err);
	if (!ask_hash_of(name, hash) || memcmp(hash, file->hash.bytes, RECORD_HASH_SIZE) != 0) {
		log_warn("'%s' in the state folder is damaged; it is fetched again", name);
		return 0;
	}
	r = mirror_add(&l->pool->store, name, &e, l->err);
	if (r)
		return r;
	entry_set_file(e, TAKE(file));
	e->local = e->own = true;
	return 0;
}

int pool_load(struct sherd_pool *pool, struct sherd_error *err)
{
	struct sherd_error own;
	struct loading l = {pool, err ? err : &own};

	return state_each_record(&pool->state, load_record, &l, err);
}

/* What has been superseded: neither kept here nor in memory. */
static bool superseded(const struct sherd_pool *pool, const struct entry *e)
{
	const struct entry *newest;

	if (e->name.kind == RECORD_KEYS)
		return e->state == ENTRY_VALID && e->name.seq < keyring_newest(pool->ring);
	if (e->name.kind != RECORD_HEAD || e->state != ENTRY_VALID)
		return false;
	newest = pool_newest_head(pool, e->name.subject);
	return newest && e->name.seq < newest->name.seq;
}

int pool_save_entry(struct sherd_pool *pool, struct entry *e, struct sherd_error *err)
{
	int r = e->local ? 0 : state_put_record(&pool->state, e->text, e->file, err);

	if (!r)
		e->local = true;
	return r;
}

int pool_keep(struct sherd_pool *pool, struct sherd_error *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < pool->store.count; i++) {
		struct entry *e = pool->store.entries[i];

		/* A head of our own incarnation that was not made here is no memory of ours. */
		if (e->name.kind == RECORD_HEAD && !e->own &&
			memcmp(e->name.subject, pool->device.incarnation, RECORD_ID_SIZE) == 0)
			continue;
		if (entry_live(pool, e) && !pool->read_only)
			r = pool_save_entry(pool, e, err);
	}
	if (!r)
		r = rollback_remember(pool, err);
	if (!r && !pool->read_only)
		r = seen_save(&pool->state, &pool->seen, err);
	for (size_t i = 0; !r && i < pool->store.count; i++) {
		struct entry *e = pool->store.entries[i];

		if (!superseded(pool, e))
			continue;
		if (e->local && !pool->read_only)
			state_drop_record(&pool->state, e->text);
		e->local = e->own = false;
		/* Of a fork both stay in sight. */
		if (!head_forked(pool, e->name.subject))
			entry_forget(e);
	}
	if (!r)
		mirror_sweep(&pool->store);
	return r;
}

/* --- listing --- */

static int see_name(void *context, size_t index, const char *name, uint64_t size)
{
	struct sherd_pool *pool = context;
	struct record_name parsed;
	struct entry *e;
	int r;

	if (record_name_parse(name, &parsed) != 0 || size > RECORD_SIZE_MAX)
		return 0;
	r = mirror_add(&pool->store, name, &e, NULL);
	if (r)
		return r;
	e->shown |= BIT(index);
	if (!e->file)
		e->size = INT_MAX_OF(e->size, (size_t)size);
	return 0;
}

static void note_failure(struct sherd_pool *pool, const struct ask_answers *answers, uint64_t *mask)
{
	for (size_t i = 0; i < pool->seat_count; i++) {
		struct seat *seat = pool->seats[i];

		if (!(*mask & BIT(i)) || !answers->code[i])
			continue;
		*mask &= ~BIT(i);
		seat->code = answers->code[i];
		memcpy(seat->why, answers->why[i], sizeof(seat->why));
		if (seat->code == SHERD_TIMEOUT || seat->code == SHERD_OFFLINE)
			seat->known = false; /* who comes back may be somebody else */
	}
}

/* Names from all places; ${mask} keeps those that listed everything. */
static int list_all(struct sherd_pool *pool, uint64_t *mask, struct sherd_error *err)
{
	static const char *const prefixes[] = {"pool/", "devices/", "keys/", "heads/"};
	struct quorum q = quorum_of((unsigned)pool->rec.place_count);
	struct ask_need need = {seats_all(pool), q.read};
	struct ask_answers *answers = mem_array(1, sizeof(*answers));
	struct ask ask = pool_ask(pool);
	int r = 0;

	if (!answers)
		return err_nomem(err);
	for (size_t i = 0; i < pool->store.count; i++) {
		pool->store.entries[i]->shown = 0;
		pool->store.entries[i]->tried = false;
	}
	for (size_t i = 0; !r && *mask && i < ARRAY_COUNT(prefixes); i++) {
		r = ask_list(&ask, *mask, prefixes[i], pool->rec.place_count ? &need : NULL,
			see_name, pool, answers, err);
		if (!r)
			note_failure(pool, answers, mask);
	}
	mem_free(answers);
	return r;
}

/* --- fetching --- */

static bool can_fetch(const struct entry *e)
{
	return e->state == ENTRY_NAMED && e->shown && !e->tried;
}

struct wanted {
	struct ask_want *wants;
	struct entry **entries;
	size_t count;
};

static void want(struct wanted *w, struct entry *e)
{
	if (!can_fetch(e) || w->count == WANTS_MAX)
		return;
	e->tried = true;
	w->wants[w->count] = (struct ask_want){.name = e->text, .size = e->size, .from = e->shown};
	w->entries[w->count++] = e;
}

/*
 * Of one incarnation: the newest that some place shows and that may be valid, what has its seq, and
 * forks. One that stands in the state folder alone (the device stopped before it told anybody) must
 * not hide what the places have.
 */
static void want_heads(struct sherd_pool *pool, struct wanted *w, size_t from, size_t end)
{
	struct entry **all = pool->store.entries;
	const struct seen_head *seen =
		seen_head_find(pool->seen.heads, pool->seen.head_count, all[from]->name.subject);
	uint64_t newest = 0;

	for (size_t i = end; i-- > from;) {
		struct entry *e = all[i];
		bool twin = (i > from && all[i - 1]->name.seq == e->name.seq &&
				    all[i - 1]->state != ENTRY_BAD) ||
			    (i + 1 < end && all[i + 1]->name.seq == e->name.seq &&
				    all[i + 1]->state != ENTRY_BAD);
		bool other = seen && seen->seq == e->name.seq &&
			     memcmp(seen->hash.bytes, e->name.hash, RECORD_HASH_SIZE) != 0;

		if (!newest && e->shown &&
			(e->state == ENTRY_VALID || e->state == ENTRY_FETCHED || can_fetch(e)))
			newest = e->name.seq;
		if (e->name.seq == newest || twin || other)
			want(w, e);
	}
}

static void choose_wanted(struct sherd_pool *pool, struct wanted *w)
{
	struct mirror *store = &pool->store;
	uint64_t epoch = pool->ring ? keyring_newest(pool->ring) : 0;
	size_t keys_end = mirror_end(store, RECORD_KEYS);

	if (!pool->ring && keys_end > mirror_first(store, RECORD_KEYS)) {
		epoch = store->entries[keys_end - 1]->name.seq;
		epoch = epoch > EPOCHS_BACK ? epoch - EPOCHS_BACK : 1;
	}
	for (size_t i = 0; i < store->count; i++) {
		struct entry *e = store->entries[i];
		size_t end = i + 1;

		if (e->name.kind == RECORD_HEAD) {
			end = mirror_group_end(store, i);
			if (pool->ring)
				want_heads(pool, w, i, end);
			i = end - 1;
		} else if (e->name.kind != RECORD_KEYS ? pool->ring != NULL
						       : e->name.seq >= epoch) {
			want(w, e);
		}
	}
}

static int fetch_wanted(struct sherd_pool *pool, struct wanted *w, struct sherd_error *err)
{
	struct ask ask = pool_ask(pool);
	int r = ask_fetch(&ask, w->wants, w->count, err);

	for (size_t i = 0; i < w->count; i++)
		if (w->wants[i].file)
			entry_set_file(w->entries[i], w->wants[i].file);
	return r;
}

/* Fetch and digest until there is nothing more to fetch. */
static int fetch_all(struct sherd_pool *pool, struct sherd_error *err)
{
	struct wanted w = {mem_array(WANTS_MAX, sizeof(struct ask_want)),
		mem_array(WANTS_MAX, sizeof(struct entry *)), 0};
	int r = w.wants && w.entries ? pool_digest(pool, err) : err_nomem(err);

	for (unsigned round = 0; !r && round < ROUNDS_MAX; round++) {
		w.count = 0;
		choose_wanted(pool, &w);
		if (!w.count)
			break;
		r = fetch_wanted(pool, &w, err);
		if (!r)
			r = pool_digest(pool, err);
	}
	mem_free(w.wants);
	mem_free(w.entries);
	return r;
}

int pool_listen_to(
	struct sherd_pool *pool, uint64_t mask, uint64_t *ret_answered, struct sherd_error *err)
{
	int r = seats_identify(pool, mask, err);

	if (r)
		return r;
	mask &= seats_known(pool);
	r = list_all(pool, &mask, err);
	if (!r)
		r = fetch_all(pool, err);
	/* Who names what nobody gives has not answered. */
	for (size_t i = 0; i < pool->store.count; i++)
		if (pool->store.entries[i]->tried && pool->store.entries[i]->state == ENTRY_NAMED)
			mask &= ~pool->store.entries[i]->shown;
	*ret_answered = mask;
	return r;
}

int pool_listen(struct sherd_pool *pool, struct sherd_error *err)
{
	bool changed = true;
	int r = 0;

	for (unsigned i = 0; !r && changed && i < SETS_MAX; i++) {
		uint64_t answered = 0;

		changed = false;
		r = seats_follow(pool, &changed, err);
		if (!r)
			r = pool_listen_to(pool, seats_all(pool), &answered, err);
		for (size_t j = 0; j < pool->seat_count; j++)
			pool->seats[j]->answered = answered & BIT(j);
		changed = false;
		if (!r)
			r = seats_follow(pool, &changed, err);
	}
	if (!r && changed)
		return err_set(err, SHERD_BUSY, "the set of places keeps changing");
	return r;
}

/* --- the whole --- */

/* What others, or we, could not finish. A failure here is that of nobody's request. */
static int finish_unfinished(struct sherd_pool *pool, struct sherd_error *err)
{
	for (size_t i = 0; i < pool->store.count; i++) {
		struct entry *e = pool->store.entries[i];
		struct sherd_error why;
		int r;

		if (!entry_live(pool, e) || entry_confirmed(pool, e) ||
			(e->name.kind == RECORD_HEAD && head_forked(pool, e->name.subject)) ||
			(pool->own_fault && e->name.kind == RECORD_HEAD && e->own &&
				memcmp(e->name.subject, pool->device.incarnation, RECORD_ID_SIZE) ==
					0))
			continue;
		r = pool_spread(pool, e, &why);
		if (r == SHERD_NOMEM || r == SHERD_CANCELLED)
			return err_set(err, r, "%s", why.message);
		if (r)
			return 0; /* the places that are up do not suffice */
	}
	return 0;
}

int pool_refresh(struct sherd_pool *pool, struct sherd_error *err)
{
	int r = pool_listen(pool, err);

	if (!r)
		r = rollback_check(pool, err);
	if (!r && pool->fresh && !pool->read_only && pool->rec.place_count)
		r = finish_unfinished(pool, err);
	if (!r)
		r = pool_keep(pool, err);
	if (!r)
		r = pool_gather_heads(pool, err);
	if (!r)
		seats_use(pool);
	return r;
}

/* --- heads that were superseded --- */

static int fetch_one(struct sherd_pool *pool, struct entry *e, struct sherd_error *err)
{
	struct ask ask = pool_ask(pool);
	struct ask_want want = {.name = e->text, .size = e->size, .from = e->shown};
	int r;

	if (e->state != ENTRY_NAMED)
		return 0;
	if (!e->shown)
		return 0;
	r = ask_fetch(&ask, &want, 1, err);
	if (want.file)
		entry_set_file(e, want.file);
	return r ? r : pool_digest(pool, err);
}

int pool_older_head(struct sherd_pool *pool, const uint8_t *incarnation, uint64_t before,
	struct pool_head *ret, struct sherd_error *err)
{
	for (size_t i = mirror_end(&pool->store, RECORD_HEAD); i-- > 0;) {
		struct entry *e = pool->store.entries[i];
		int r;

		if (e->name.kind != RECORD_HEAD)
			break;
		if (memcmp(e->name.subject, incarnation, RECORD_ID_SIZE) || e->name.seq >= before)
			continue;
		r = fetch_one(pool, e, err);
		if (r)
			return r;
		if (e->state != ENTRY_VALID)
			continue;
		*ret = (struct pool_head){.seq = e->name.seq,
			.time_ns = e->head.time_ns,
			.lamport = e->head.lamport,
			.agreed = ask_bits(e->shown),
			.content = e->head.content,
			.content_size = e->head.content_size};
		memcpy(ret->incarnation, incarnation, POOL_INCARNATION_SIZE);
		memcpy(ret->device, e->head.device, sizeof(ret->device));
		return 0;
	}
	return err_set(err, SHERD_NOTFOUND, "no older head is left");
}
