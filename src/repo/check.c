/* SPDX-License-Identifier: MIT */
/*
 * check.c - is everything there? Control records by name and content; every pack's shares by name
 * and size; of a part of the packs, those not read for longest first, every byte; and, deep, every
 * blob.
 *
 * A pack that was read is opened by a task while the next one is read: two buffers of m * S bytes.
 * What is missing or bad is remembered (store_suspect) for status and repair, and what was thought
 * so and proves good is taken off the list.
 */
#include <sherd/repo.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <repo/health.h>
#include <repo/reach.h>

enum { buffers = 2, page = 4096 };

/* One pack being read or opened. */
struct slot {
	struct check *check;
	uint8_t *bytes; /* m * S, owned */
	size_t room;
	size_t index; /* of the pack */
	uint64_t bad; /* result of the task: blobs that are wrong */
	int code;     /* of the task */
	bool busy;    /* a task was submitted and not yet collected */
	struct sherd_error err;
};

struct check {
	struct sherd_repo *repo;
	const struct sherd_check_options *options;
	const struct sherd_repo_hooks *hooks;
	struct health_places places;
	struct sherd_place_check *checks; /* of the results; one for each place */
	struct sherd_check_result result;
	struct checked *checked;
	struct tasks *tasks;
	struct slot slots[buffers];
	struct health_progress progress;
	size_t *order; /* packs, those to be read first in front; owned */
	size_t read_count, pack_count;
	uint8_t *lost; /* for each pack; owned */
	bool some_unreachable;
	int stopped; /* what a hook returned */
};

static void check_release(struct check *c)
{
	if (c->tasks)
		tasks_wait(c->tasks);
	tasks_free(c->tasks);
	for (size_t i = 0; i < buffers; i++)
		mem_free(c->slots[i].bytes);
	checked_free(c->checked);
	health_progress_release(&c->progress);
	mem_free(c->order);
	mem_free(c->lost);
}

/* ---- which packs to read ---- */

struct pack_age {
	uint64_t time;
	size_t index;
};

static int older_first(const void *a, const void *b)
{
	const struct pack_age *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static int order_packs(struct check *c, struct sherd_error *err)
{
	CLEANUP(mem_free_at) struct pack_age *ages = mem_array(c->pack_count, sizeof(*ages));
	double percent = c->options->read_percent;

	c->order = mem_array(c->pack_count, sizeof(*c->order));
	c->lost = mem_array(c->pack_count, 1);
	if (!ages || !c->order || !c->lost)
		return err_nomem(err);
	for (size_t i = 0; i < c->pack_count; i++) {
		struct store_pack pack;

		store_pack_at(c->repo->store, i, &pack);
		ages[i] = (struct pack_age){checked_time(c->checked, &pack.ref->id), i};
	}
	if (c->pack_count)
		qsort(ages, c->pack_count, sizeof(*ages), older_first);
	for (size_t i = 0; i < c->pack_count; i++)
		c->order[i] = ages[i].index;
	c->read_count = (size_t)((double)c->pack_count * percent / 100 + 0.999999);
	c->read_count = percent > 0 ? INT_MIN_OF(c->read_count, c->pack_count) : 0;
	return 0;
}

/* ---- one pack ---- */

static void count_share(struct check *c, const struct pool_ref *ref, unsigned share, size_t home,
	const struct pack_health *health, bool read)
{
	size_t at = health->shares[share] == SHARE_GOOD
			    ? health_place(c->places.packs, health->places[share])
			    : home;
	struct sherd_place_check *place;

	if (at == c->places.packs->count) {
		/* There is no place where it could be. */
		return;
	}
	place = &c->checks[at];
	place->shares_wanted++;
	switch (health->shares[share]) {
	case SHARE_GOOD:
		place->shares_good++;
		place->bytes_good += health_file_size(ref);
		place->bytes_verified += read ? health_file_size(ref) : 0;
		break;
	case SHARE_MISSING:
		place->shares_missing++;
		break;
	case SHARE_BAD:
		place->shares_bad++;
		break;
	default:
		place->shares_unasked++;
		c->some_unreachable = true;
	}
}

static void remember(struct check *c, size_t index, unsigned share, int health, bool read)
{
	bool suspect = store_suspects(c->repo->store, index) >> share & 1;

	if (health == SHARE_MISSING || health == SHARE_BAD)
		store_suspect(c->repo->store, index, share, true);
	else if (health == SHARE_GOOD && read && suspect)
		store_suspect(c->repo->store, index, share, false);
}

static void take_in(struct check *c, size_t index, const struct pool_ref *ref,
	const struct pack_health *health, bool read)
{
	unsigned unreachable = 0;
	size_t homes[POOL_SHARES_MAX];

	health_homes(c->places.packs, ref, homes);
	for (unsigned i = 0; i < ref->m; i++) {
		const char *place = pool_place_name(c->repo->pool, health->places[i]);

		count_share(c, ref, i, homes[i], health, read);
		remember(c, index, i, health->shares[i], read);
		unreachable += health->shares[i] == SHARE_UNREACHABLE;
		if (health->shares[i] == SHARE_MISSING && !c->stopped)
			c->stopped = health_note_share(
				c->hooks, ref, i, place, SHERD_NOTFOUND, "missing");
		else if (health->shares[i] == SHARE_BAD && !c->stopped)
			c->stopped =
				health_note_share(c->hooks, ref, i, place, SHERD_CORRUPT, "wrong");
	}
	c->result.packs++;
	if (health->good == ref->m)
		c->result.packs_whole++;
	else if (health->good >= ref->k || health->good + unreachable >= ref->k)
		c->result.packs_degraded++;
	else {
		c->result.packs_lost++;
		c->lost[index] = 1;
	}
	c->result.spare = INT_MIN_OF(c->result.spare, health->spare);
}

/* Runs as a task: the payload is right, is what is in it? */
static void open_pack(void *context)
{
	struct slot *slot = context;

	slot->code = store_verify_pack(
		slot->check->repo->store, slot->index, slot->bytes, &slot->bad, &slot->err);
}

/* Collect the result of a slot's task, whose end was waited for. */
static int collect(struct check *c, struct slot *slot, struct sherd_error *err)
{
	if (!slot->busy)
		return 0;
	slot->busy = false;
	if (slot->code == SHERD_NOMEM || slot->code == SHERD_CANCELLED) {
		if (err)
			*err = slot->err;
		return slot->code;
	}
	c->result.blobs_bad += slot->code ? 1 : slot->bad;
	if (slot->code || slot->bad)
		c->lost[slot->index] = 1;
	return 0;
}

static int slot_room(struct slot *slot, const struct pool_ref *ref, struct sherd_error *err)
{
	size_t need = (size_t)ref->m * ref->share_size;

	if (slot->room >= need)
		return 0;
	mem_free(slot->bytes);
	slot->room = 0;
	slot->bytes = mem_aligned(page, need);
	if (!slot->bytes)
		return err_nomem(err);
	slot->room = need;
	return 0;
}

/* The data shares lie one behind the other as the payload does, if all of them are good. */
static int have_payload(struct check *c, struct slot *slot, const struct pool_ref *ref,
	const struct pack_health *health, struct sherd_error *err)
{
	for (unsigned i = 0; i < ref->k; i++)
		if (health->shares[i] != SHARE_GOOD)
			return packs_read_all(c->places.packs, ref, slot->bytes, NULL, err);
	return 0;
}

static int read_pack(struct check *c, size_t index, struct slot *slot, struct sherd_error *err)
{
	struct store_pack pack;
	struct pack_health health;
	struct sherd_error ignored;
	int code;

	store_pack_at(c->repo->store, index, &pack);
	code = slot_room(slot, pack.ref, err);
	if (!code)
		code = packs_check(c->places.packs, pack.ref, PACKS_DEPTH_BODY, slot->bytes,
			slot->room, &health, NULL, err);
	if (code)
		return code;
	take_in(c, index, pack.ref, &health, true);
	c->result.packs_read++;
	c->result.bytes_read += health.good * health_file_size(pack.ref);
	code = checked_note(c->checked, &pack.ref->id,
		c->progress.env->clock_real_ns(c->progress.env->context), err);
	if (code || !c->options->deep || health.good < pack.ref->k ||
		have_payload(c, slot, pack.ref, &health, &ignored))
		return code;
	slot->index = index;
	slot->busy = true;
	tasks_submit(c->tasks, open_pack, slot);
	return 0;
}

static int stat_pack(struct check *c, size_t index, struct sherd_error *err)
{
	struct store_pack pack;
	struct pack_health health;
	int code;

	store_pack_at(c->repo->store, index, &pack);
	code = packs_check(
		c->places.packs, pack.ref, PACKS_DEPTH_STAT, NULL, 0, &health, NULL, err);
	if (!code)
		take_in(c, index, pack.ref, &health, false);
	return code;
}

static int check_packs(struct check *c, struct sherd_error *err)
{
	const struct sherd_cancel *cancel = repo_cancel(c->repo, c->hooks);
	int code = 0;

	for (size_t i = 0; !code && !c->stopped && i < c->pack_count; i++) {
		struct slot *slot = &c->slots[i % buffers];

		if (sherd_cancel_requested(cancel))
			return err_set(err, SHERD_CANCELLED, "cancelled");
		if (i >= c->read_count) {
			code = stat_pack(c, c->order[i], err);
		} else {
			/* The task of the pack before goes on; the one that used this slot has
			 * ended when all but the newest have. */
			if (slot->busy)
				tasks_wait(c->tasks);
			code = collect(c, slot, err);
			if (!code)
				code = read_pack(c, c->order[i], slot, err);
		}
		health_progress_tell(&c->progress, i + 1, false);
	}
	tasks_wait(c->tasks);
	for (size_t i = 0; !code && i < buffers; i++)
		code = collect(c, &c->slots[i], err);
	return code;
}

/* ---- records ---- */

static void record_told(void *context, const char *place, const char *name, int code)
{
	struct check *c = context;

	(void)name;
	for (size_t i = 0; i < c->places.packs->count; i++) {
		struct sherd_place_check *check = &c->checks[i];

		if (strcmp(check->name, place))
			continue;
		if (code == SHERD_NOTFOUND)
			check->records_missing++;
		else if (sherd_code_class(code) == SHERD_CLASS_CORRUPT)
			check->records_bad++;
		else
			check->unreachable = 1;
	}
}

/* ---- snapshots ---- */

static int hurt(void *context, const char *path)
{
	struct check *c = context;
	struct sherd_note note = {.kind = SHERD_NOTE_LOST, .path = path};

	return c->hooks && c->hooks->note ? c->hooks->note(c->hooks->context, &note) : 0;
}

static int check_snapshot(struct check *c, const struct sherd_snapshot *snapshot, uint8_t *needed,
	const uint8_t *degraded, struct sherd_error *err)
{
	struct reach reach = {.repo = c->repo,
		.cancel = repo_cancel(c->repo, c->hooks),
		.packs = needed,
		.lost = c->lost,
		.hurt = hurt,
		.context = c};
	bool some = false;
	const uint8_t *root;
	size_t size;
	int code;

	memset(needed, 0, c->pack_count);
	repo_snapshot_root(c->repo, snapshot, &root, &size);
	code = reach_walk(&reach, root, size, err);
	if (code)
		return code;
	for (size_t i = 0; i < c->pack_count; i++)
		some = some || (needed[i] && degraded[i]);
	if (reach.torn)
		c->result.snapshots_lost++;
	else if (some)
		c->result.snapshots_degraded++;
	else
		c->result.snapshots_whole++;
	return 0;
}

static int check_snapshots(struct check *c, struct sherd_error *err)
{
	CLEANUP(mem_free_at) uint8_t *needed = mem_array(c->pack_count, 1);
	CLEANUP(mem_free_at) uint8_t *degraded = mem_array(c->pack_count, 1);
	size_t count;
	const struct sherd_snapshot *list = sherd_snapshots(c->repo, &count);
	int code = 0;

	if (!needed || !degraded)
		return err_nomem(err);
	if (c->result.packs_whole == c->pack_count && !c->result.blobs_bad) {
		c->result.snapshots_whole = count;
		return 0;
	}
	for (size_t i = 0; i < c->pack_count; i++) {
		struct health_pack health;
		struct store_pack pack;

		store_pack_at(c->repo->store, i, &pack);
		health_of_pack(&c->places, c->repo->store, i, &health);
		degraded[i] = health.shares < pack.ref->m;
	}
	for (size_t i = 0; !code && i < count; i++)
		code = check_snapshot(c, &list[i], needed, degraded, err);
	return code;
}

/* ---- all of it ---- */

static int check_init(struct check *c, struct sherd_error *err)
{
	struct repo_results *results = repo_results(c->repo, err);
	int code = results ? health_places_init(&c->places, c->repo, true, err) : SHERD_NOMEM;

	if (code)
		return code;
	mem_free(results->checks);
	results->check_count = c->places.packs->count;
	results->checks = c->checks = mem_array(results->check_count, sizeof(*c->checks));
	if (!c->checks)
		return err_nomem(err);
	for (size_t i = 0; i < results->check_count; i++) {
		c->checks[i].name = member_name(c->places.packs->members[i].member);
		c->checks[i].unreachable =
			!health_answers(&c->places, c->places.packs->members[i].number);
	}
	for (size_t i = 0; i < buffers; i++)
		c->slots[i].check = c;
	c->pack_count = store_pack_count(c->repo->store);
	code = checked_load(c->repo->pool, &c->checked, err);
	if (!code)
		code = order_packs(c, err);
	if (!code)
		code = health_progress_init(&c->progress, c->repo, c->hooks, c->pack_count, err);
	if (!code)
		code = tasks_new(pool_inline(c->repo->pool) ? 0 : 1, 1, 0, &c->tasks, err);
	return code;
}

static int enough_places(const struct check *c, struct sherd_error *err)
{
	unsigned k = pool_shape(c->repo->pool)->k;
	size_t answer = 0;

	for (size_t i = 0; i < c->places.packs->count; i++)
		answer += !c->checks[i].unreachable;
	if (answer >= k || !c->pack_count)
		return 0;
	return err_set(err, SHERD_QUORUM, "%u places are needed and %zu of %zu answer", k, answer,
		c->places.packs->count);
}

static int run(struct check *c, struct sherd_error *err)
{
	uint64_t now;
	int code = check_init(c, err);

	if (!code)
		code = enough_places(c, err);
	if (!code)
		code = pool_control_check(c->repo->pool, record_told, c, err);
	if (!code)
		code = check_packs(c, err);
	if (!code && !c->stopped)
		code = check_snapshots(c, err);
	if (code || c->stopped)
		return code ? code : c->stopped;
	health_progress_tell(&c->progress, c->pack_count, true);
	now = c->progress.env->clock_real_ns(c->progress.env->context);
	checked_done(c->checked, now);
	return checked_save(c->checked, err);
}

int sherd_check(struct sherd_repo *repo, const struct sherd_check_options *options,
	const struct sherd_repo_hooks *hooks, struct sherd_check_result *ret_result,
	struct sherd_error *err)
{
	static const struct sherd_check_options defaults;
	struct check c = {.repo = repo, .options = options ? options : &defaults, .hooks = hooks};
	const struct sherd_env *env;
	uint64_t begun;
	int code;

	if (!repo || !ret_result || c.options->read_percent < 0 || c.options->read_percent > 100)
		return err_set(err, SHERD_INVALID, "a check reads 0 to 100 per cent");
	env = pool_env(repo->pool);
	begun = env->clock_monotonic_ns(env->context);
	c.result.spare = INT_MAX;
	code = run(&c, err);
	if (!code) {
		if (c.result.spare == INT_MAX)
			c.result.spare = 0;
		c.result.places = c.checks;
		c.result.place_count = c.places.packs->count;
		c.result.duration_ns = env->clock_monotonic_ns(env->context) - begun;
		*ret_result = c.result;
	}
	check_release(&c);
	return code;
}
