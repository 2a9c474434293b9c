/* SPDX-License-Identifier: MIT */
/*
 * status.c - how the pool and its snapshots stand, from indexes and what was seen: no data is read.
 * For snapshots the folders are walked only when some pack is not as it should be.
 */
#include <sherd/repo.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <repo/health.h>
#include <repo/reach.h>

/* The element type of sherd_status.places has no name in the public header. */
typedef __typeof__(*((struct sherd_status *)0)->places) status_place;

/* What the set of places allows at best: the spare of a pack with a share at every place it may
 * use. */
static int full_spare(const struct sherd_repo *repo, const struct health_places *p)
{
	const struct pool_shape *shape = pool_shape(repo->pool);
	uint8_t nonce[POOL_NONCE_SIZE] = {0};
	uint16_t places[POOL_SHARES_MAX];
	unsigned m = shape->m ? shape->m : (unsigned)p->packs->count;

	if (m < shape->k || m > POOL_SHARES_MAX || layout_choose(p->packs, nonce, m, places, NULL))
		return -1;
	return layout_spare(p->packs, shape->k, m, places, NULL);
}

static void count_pack(const struct health_places *p, const struct store *store, size_t index,
	status_place *places, struct sherd_status *status)
{
	struct health_pack health;
	struct store_pack pack;
	size_t homes[POOL_SHARES_MAX];
	uint64_t file;

	store_pack_at(store, index, &pack);
	health_of_pack(p, store, index, &health);
	file = health_file_size(pack.ref);
	health_homes(p->packs, pack.ref, homes);
	for (unsigned i = 0; i < pack.ref->m; i++) {
		bool there = homes[i] == health_place(p->packs, pack.ref->places[i]) &&
			     !(store_suspects(store, index) >> i & 1);

		if (homes[i] < p->packs->count) {
			places[homes[i]].shares_wanted++;
			places[homes[i]].shares_there += there;
			places[homes[i]].bytes += there ? file : 0;
		}
		status->repair_bytes += there ? 0 : file;
	}
	status->packs++;
	status->packs_lost += health.spare < 0;
	status->packs_degraded += health.spare >= 0 && health.shares < pack.ref->m;
	status->spare = INT_MIN_OF(status->spare, health.spare);
}

static void last_backup(struct sherd_repo *repo, struct sherd_status *status)
{
	struct repo_results *results = repo->results;
	size_t count;
	const struct sherd_snapshot *list = sherd_snapshots(repo, &count);

	status->snapshots = count;
	status->last_backup_host = "";
	if (!count)
		return;
	status->last_backup_ns = list[count - 1].time_ns;
	snprintf(results->host, sizeof(results->host), "%s", list[count - 1].host);
	status->last_backup_host = results->host;
}

static int last_check(struct sherd_repo *repo, struct sherd_status *status, struct sherd_error *err)
{
	struct checked *checked;
	int code = checked_load(repo->pool, &checked, err);

	if (code)
		return code;
	status->last_check_ns = checked_last(checked);
	checked_free(checked);
	return 0;
}

int sherd_status(struct sherd_repo *repo, struct sherd_status *ret, struct sherd_error *err)
{
	struct repo_results *results;
	struct health_places p;
	struct store_numbers numbers;
	struct sherd_status status = {.spare = INT_MAX};
	status_place *places;
	int code;

	if (!repo || !ret)
		return err_set(err, SHERD_INVALID, "an argument is missing");
	results = repo_results(repo, err);
	code = results ? health_places_init(&p, repo, false, err) : SHERD_NOMEM;
	if (code)
		return code;
	mem_free(results->status_places);
	places = results->status_places = mem_array(p.packs->count, sizeof(*places));
	if (!places)
		return err_nomem(err);
	for (size_t i = 0; i < store_pack_count(repo->store); i++)
		count_pack(&p, repo->store, i, places, &status);
	store_numbers(repo->store, &numbers);
	status.places = (void *)places;
	status.place_count = p.packs->count;
	status.blobs = numbers.blobs;
	status.index_bytes = numbers.index_bytes;
	status.quarantined = numbers.quarantined;
	status.full_spare = full_spare(repo, &p);
	if (status.spare == INT_MAX)
		status.spare = status.full_spare;
	last_backup(repo, &status);
	code = last_check(repo, &status, err);
	if (!code)
		*ret = status;
	return code;
}

/* ---- the health of snapshots ---- */

/* What is known of each pack, once for all snapshots. */
struct pack_states {
	struct health_pack *packs; /* owned */
	size_t count;
	uint8_t *needed; /* owned: working space of a walk */
	uint8_t *lost;   /* owned */
	bool whole;      /* all packs are as they should be */
};

static void pack_states_release(struct pack_states *s)
{
	mem_free(s->packs);
	mem_free(s->needed);
	mem_free(s->lost);
}

/* Ask for the size of every share at its place, and remember what is missing. */
static int ask_pack(struct sherd_repo *repo, size_t index, struct sherd_error *err)
{
	struct store_pack pack;
	struct pack_health health;
	int code;

	store_pack_at(repo->store, index, &pack);
	code = packs_check(
		pool_packs(repo->pool), pack.ref, PACKS_DEPTH_STAT, NULL, 0, &health, NULL, err);
	for (unsigned i = 0; !code && i < pack.ref->m; i++)
		if (health.shares[i] == SHARE_MISSING || health.shares[i] == SHARE_BAD)
			store_suspect(repo->store, index, i, true);
	return code;
}

static int pack_states_init(
	struct pack_states *s, struct sherd_repo *repo, bool ask, struct sherd_error *err)
{
	struct health_places p;
	int code;

	s->count = store_pack_count(repo->store);
	s->packs = mem_array(s->count, sizeof(*s->packs));
	s->needed = mem_array(s->count, 1);
	s->lost = mem_array(s->count, 1);
	if (!s->packs || !s->needed || !s->lost)
		return err_nomem(err);
	for (size_t i = 0; ask && i < s->count; i++) {
		code = ask_pack(repo, i, err);
		if (code)
			return code;
	}
	code = health_places_init(&p, repo, false, err);
	s->whole = true;
	for (size_t i = 0; !code && i < s->count; i++) {
		struct store_pack pack;

		store_pack_at(repo->store, i, &pack);
		health_of_pack(&p, repo->store, i, &s->packs[i]);
		s->lost[i] = s->packs[i].spare < 0;
		s->whole = s->whole && s->packs[i].shares == pack.ref->m;
	}
	return code;
}

/* The worst of the packs marked as needed. */
static void sum_up(struct sherd_repo *repo, const struct pack_states *s, bool all,
	struct sherd_snapshot_health *ret)
{
	uint64_t short_packs = 0;

	ret->places_least = UINT_MAX;
	ret->spare = INT_MAX;
	for (size_t i = 0; i < s->count; i++) {
		struct store_pack pack;

		if (!all && !s->needed[i])
			continue;
		store_pack_at(repo->store, i, &pack);
		ret->packs++;
		ret->places_least = INT_MIN_OF(ret->places_least, s->packs[i].places);
		ret->spare = INT_MIN_OF(ret->spare, s->packs[i].spare);
		ret->missing_shares += pack.ref->m - s->packs[i].shares;
		short_packs += s->packs[i].shares < pack.ref->m;
	}
	if (!ret->packs) {
		ret->places_least = (unsigned)pool_packs(repo->pool)->count;
		ret->spare = 0;
	}
	if (short_packs)
		snprintf(ret->why, sizeof(ret->why), "%llu of %llu packs lack shares",
			(unsigned long long)short_packs, (unsigned long long)ret->packs);
}

static int ignore(void *context, const char *path)
{
	(void)context;
	(void)path;
	return 0;
}

static int one_snapshot(struct sherd_repo *repo, const struct sherd_snapshot *snapshot,
	const struct pack_states *s, struct sherd_snapshot_health *ret, struct sherd_error *err)
{
	struct reach reach = {.repo = repo,
		.cancel = pool_cancel(repo->pool),
		.packs = s->needed,
		.lost = s->lost,
		.hurt = ignore};
	const uint8_t *root;
	size_t size;
	int code;

	if (s->whole) {
		/* The least over all packs is the least over its own. */
		sum_up(repo, s, true, ret);
		return 0;
	}
	memset(s->needed, 0, s->count);
	repo_snapshot_root(repo, snapshot, &root, &size);
	code = reach_walk(&reach, root, size, err);
	if (code)
		return code;
	sum_up(repo, s, false, ret);
	if (reach.torn) {
		ret->spare = -1;
		snprintf(ret->why, sizeof(ret->why), "data is lost");
	}
	return 0;
}

int sherd_snapshot_health(struct sherd_repo *repo, const struct sherd_snapshot *const *snapshots,
	size_t count, int ask, struct sherd_snapshot_health *ret_health, struct sherd_error *err)
{
	CLEANUP(pack_states_release) struct pack_states s = {0};
	int code;

	if (!repo || (count && (!snapshots || !ret_health)))
		return err_set(err, SHERD_INVALID, "an argument is missing");
	code = pack_states_init(&s, repo, ask, err);
	for (size_t i = 0; !code && i < count; i++) {
		ret_health[i] = (struct sherd_snapshot_health){0};
		code = one_snapshot(repo, snapshots[i], &s, &ret_health[i], err);
	}
	return code;
}
