/* SPDX-License-Identifier: MIT */
/*
 * repair.c - make missing and bad shares again, and bring control records everywhere. Each pack is
 * asked for by name at its places; one with a share that was seen to be wrong is read in full,
 * because its size tells nothing. Where shares went is published at the end with a head of its own;
 * if that fails the shares are where they are, and every reader finds them by asking all places.
 */
#include <sherd/repo.h>

#include <limits.h>
#include <string.h>

#include <base/err.h>
#include <base/intmath.h>
#include <repo/health.h>

struct repair {
	struct sherd_repo *repo;
	const struct sherd_repair_options *options;
	const struct sherd_repo_hooks *hooks;
	struct health_places places;
	struct health_progress progress;
	struct sherd_repair_result result;
	uint16_t only;  /* number of the only place to repair; 0: all */
	bool moved;     /* some share is elsewhere now */
	int first_code; /* of the first pack that could not be repaired */
	struct sherd_error first;
};

static int find_place(struct repair *r, struct sherd_error *err)
{
	if (!r->options->place)
		return 0;
	for (size_t i = 0; i < r->places.count; i++)
		if (!strcmp(r->places.infos[i].name, r->options->place)) {
			r->only = (uint16_t)r->places.infos[i].number;
			return 0;
		}
	return err_set(err, SHERD_NOTFOUND, "the pool has no place '%s'", r->options->place);
}

/* Shares to make again; the others that are not good are set aside as unreachable. */
static unsigned wanted(struct repair *r, const struct pool_ref *ref, struct pack_health *health)
{
	unsigned count = 0;
	size_t homes[POOL_SHARES_MAX];

	health_homes(r->places.packs, ref, homes);
	for (unsigned i = 0; i < ref->m; i++) {
		bool homeless =
			health_place(r->places.packs, health->places[i]) == r->places.packs->count;

		if (health->shares[i] == SHARE_GOOD ||
			(health->shares[i] == SHARE_UNREACHABLE && !homeless))
			continue;
		if (r->only && homes[i] != health_place(r->places.packs, r->only))
			health->shares[i] = SHARE_UNREACHABLE;
		else
			count++;
	}
	return count;
}

static void keep_first(struct repair *r, int code, const struct sherd_error *err)
{
	r->result.packs_failed++;
	if (r->first_code)
		return;
	r->first_code = code;
	r->first = *err;
}

/* Take off the list of suspects what is good now. */
static void settle(struct repair *r, size_t index, const struct pool_ref *ref,
	const struct pack_health *health)
{
	for (unsigned i = 0; i < ref->m; i++)
		if (health->shares[i] == SHARE_GOOD)
			store_suspect(r->repo->store, index, i, false);
		else if (health->shares[i] != SHARE_UNREACHABLE)
			store_suspect(r->repo->store, index, i, true);
}

/* Where good shares were found is where they are; one that is nowhere now is told so. */
static void note_places(const struct pack_health *health, struct pool_ref *ref)
{
	for (unsigned i = 0; i < ref->m; i++)
		if (health->shares[i] == SHARE_GOOD)
			ref->places[i] = health->places[i];
		else if (health->shares[i] != SHARE_UNREACHABLE)
			ref->places[i] = POOL_PLACE_NONE;
}

static bool same_places(const struct pool_ref *a, const struct pool_ref *b)
{
	return !memcmp(a->places, b->places, a->m * sizeof(a->places[0]));
}

static int take_places(struct repair *r, size_t index, const struct pool_ref *before,
	const struct pack_health *health, struct sherd_error *err)
{
	struct pool_ref ref = *before;

	note_places(health, &ref);
	if (same_places(before, &ref))
		return 0;
	r->moved = true;
	return store_moved(r->repo->store, index, &ref, err);
}

static int mend(struct repair *r, size_t index, const struct pool_ref *ref,
	const struct pack_health *health, struct sherd_error *err)
{
	struct pack_health after;
	struct pool_ref moved;
	struct sherd_error why;
	unsigned written = 0;
	int code = packs_repair(r->places.packs, ref, health, &moved, &written, &why);

	r->result.shares_written += written;
	r->result.bytes_written += written * health_file_size(ref);
	if (code == SHERD_CANCELLED || code == SHERD_NOMEM) {
		if (err)
			*err = why;
		return code;
	}
	if (code == SHERD_LOST)
		r->result.packs_lost++;
	if (code)
		keep_first(r, code, &why);
	else
		r->result.packs_repaired++;
	if (!written)
		return 0;
	if (!same_places(ref, &moved)) {
		r->moved = true;
		code = store_moved(r->repo->store, index, &moved, err);
		if (code)
			return code;
	}
	code = packs_check(r->places.packs, &moved, PACKS_DEPTH_HEAD, NULL, 0, &after, NULL, err);
	if (code)
		return code;
	settle(r, index, &moved, &after);
	r->result.spare = INT_MIN_OF(r->result.spare, after.spare);
	return 0;
}

static int look_at(struct repair *r, size_t index, struct sherd_error *err)
{
	bool read = r->options->read_all || store_suspects(r->repo->store, index);
	struct store_pack pack;
	struct pool_ref ref;
	struct pack_health health;
	unsigned count;
	int code;

	store_pack_at(r->repo->store, index, &pack);
	ref = *pack.ref;
	code = packs_check(r->places.packs, &ref, read ? PACKS_DEPTH_BODY : PACKS_DEPTH_STAT, NULL,
		0, &health, NULL, err);
	if (code)
		return code;
	r->result.packs_looked_at++;
	count = wanted(r, &ref, &health);
	r->result.shares_wanted += count;
	if (!count || r->options->dry_run) {
		if (!r->options->dry_run && read)
			settle(r, index, &ref, &health);
		r->result.spare = INT_MIN_OF(r->result.spare, health.spare);
		return r->options->dry_run ? 0 : take_places(r, index, &ref, &health, err);
	}
	return mend(r, index, &ref, &health, err);
}

static int all_packs(struct repair *r, struct sherd_error *err)
{
	const struct sherd_cancel *cancel = repo_cancel(r->repo, r->hooks);
	size_t count = store_pack_count(r->repo->store);
	int code = health_progress_init(&r->progress, r->repo, r->hooks, count, err);

	for (size_t i = 0; !code && i < count; i++) {
		if (sherd_cancel_requested(cancel))
			return err_set(err, SHERD_CANCELLED, "cancelled");
		code = look_at(r, i, err);
		health_progress_tell(&r->progress, i + 1, i + 1 == count);
	}
	return code;
}

/* A head that says where shares are now. */
static int publish(struct repair *r, struct sherd_error *err)
{
	static const struct store_write_options options;
	uint64_t seq;
	int code = store_begin(r->repo->store, &options, err);

	if (code)
		return code;
	code = store_commit(r->repo->store, NULL, 0, &seq, err);
	if (code)
		store_abort(r->repo->store);
	return code;
}

static int run(struct repair *r, struct sherd_error *err)
{
	unsigned records = 0;
	int code = health_places_init(&r->places, r->repo, true, err), later;
	struct sherd_error refused;

	if (!code)
		code = find_place(r, err);
	if (code)
		return code;
	/* A place that is away, or refuses records, is no hindrance to repairing packs at others:
	 * status tells of it. */
	if (!r->options->dry_run) {
		code = pool_replicate(r->repo->pool, &records, &refused);
		r->result.records_written = records;
		if (code == SHERD_CANCELLED || code == SHERD_NOMEM) {
			*err = refused;
			return code;
		}
	}
	code = all_packs(r, err);
	if (!r->moved)
		return code;
	later = publish(r, code ? NULL : err);
	return code ? code : later;
}

int sherd_repair(struct sherd_repo *repo, const struct sherd_repair_options *options,
	const struct sherd_repo_hooks *hooks, struct sherd_repair_result *ret_result,
	struct sherd_error *err)
{
	static const struct sherd_repair_options defaults;
	struct repair r = {.repo = repo, .options = options ? options : &defaults, .hooks = hooks};
	const struct sherd_env *env;
	struct sherd_error own;
	uint64_t begun;
	int code;

	if (!repo || !ret_result)
		return err_set(err, SHERD_INVALID, "an argument is missing");
	if (pool_read_only(repo->pool) && !r.options->dry_run)
		return err_set(err, SHERD_DENIED, "the pool is open for reading only");
	if (!err)
		err = &own;
	env = pool_env(repo->pool);
	begun = env->clock_monotonic_ns(env->context);
	r.result.spare = INT_MAX;
	code = run(&r, err);
	health_progress_release(&r.progress);
	if (r.result.spare == INT_MAX)
		r.result.spare = 0;
	r.result.duration_ns = env->clock_monotonic_ns(env->context) - begun;
	if (!code || r.result.packs_looked_at)
		*ret_result = r.result;
	if (!code && r.first_code && r.first_code != SHERD_LOST) {
		*err = r.first;
		return r.first_code;
	}
	return code;
}
