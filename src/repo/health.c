/* SPDX-License-Identifier: MIT */
/*
 * health.c - see health.h. Nothing here asks a place but health_places_init() with probe.
 */
#include <repo/health.h>

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <pool/share.h>

enum { tell_every_ns = 100000000 };

struct repo_results *repo_results(struct sherd_repo *repo, struct sherd_error *err)
{
	if (!repo->results)
		repo->results = mem_array(1, sizeof(*repo->results));
	if (!repo->results)
		err_nomem(err);
	return repo->results;
}

void repo_results_free(struct repo_results *r)
{
	if (!r)
		return;
	mem_free(r->checks);
	mem_free(r->status_places);
	mem_free(r);
}

uint64_t health_file_size(const struct pool_ref *ref)
{
	return (uint64_t)share_head_size(ref->m, ref->share_size) + ref->share_size;
}

size_t health_place(const struct packs *packs, uint16_t number)
{
	size_t i = 0;

	while (i < packs->count && packs->members[i].number != number)
		i++;
	return i;
}

void health_homes(
	const struct packs *packs, const struct pool_ref *ref, size_t ret_homes[POOL_SHARES_MAX])
{
	uint16_t due[POOL_SHARES_MAX];
	bool known = !layout_choose(packs, ref->nonce, ref->m, due, NULL);

	for (unsigned i = 0; i < ref->m; i++) {
		ret_homes[i] = health_place(packs, ref->places[i]);
		if (ret_homes[i] == packs->count && known)
			ret_homes[i] = health_place(packs, due[i]);
	}
}

int health_places_init(
	struct health_places *p, struct sherd_repo *repo, bool probe, struct sherd_error *err)
{
	p->packs = pool_packs(repo->pool);
	p->infos = sherd_pool_places(repo->pool, probe, &p->count);
	return p->infos ? 0 : err_nomem(err);
}

bool health_answers(const struct health_places *p, uint16_t number)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->infos[i].number == number)
			return p->infos[i].state != SHERD_PLACE_OFFLINE &&
			       p->infos[i].state != SHERD_PLACE_GONE;
	return false;
}

/* Distinct places among the good shares. */
static unsigned count_places(const struct pool_ref *ref, const bool *good)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ref->m; i++) {
		unsigned before = 0;

		if (!good[i])
			continue;
		while (before < i && !(good[before] && ref->places[before] == ref->places[i]))
			before++;
		count += before == i;
	}
	return count;
}

void health_of_pack(const struct health_places *p, const struct store *store, size_t index,
	struct health_pack *ret)
{
	uint64_t suspects = store_suspects(store, index);
	struct store_pack pack;

	memset(ret, 0, sizeof(*ret));
	store_pack_at(store, index, &pack);
	for (unsigned i = 0; i < pack.ref->m; i++) {
		uint16_t place = pack.ref->places[i];

		if (suspects >> i & 1 || health_place(p->packs, place) == p->packs->count) {
			ret->missing++;
			continue;
		}
		ret->good[i] = health_answers(p, place);
		ret->shares += ret->good[i];
	}
	ret->places = count_places(pack.ref, ret->good);
	ret->spare = layout_spare(p->packs, pack.ref->k, pack.ref->m, pack.ref->places, ret->good);
}

int health_progress_init(struct health_progress *p, struct sherd_repo *repo,
	const struct sherd_repo_hooks *hooks, uint64_t packs_total, struct sherd_error *err)
{
	*p = (struct health_progress){
		.hooks = hooks, .env = pool_env(repo->pool), .packs = pool_packs(repo->pool)};
	p->state.bytes_total = packs_total;
	p->places = mem_array(p->packs->count, sizeof(*p->places));
	p->begun = mem_array(p->packs->count, sizeof(*p->begun));
	if (!p->places || !p->begun) {
		health_progress_release(p);
		return err_nomem(err);
	}
	for (size_t i = 0; i < p->packs->count; i++) {
		struct member_counts counts;

		member_counts(p->packs->members[i].member, &counts);
		p->begun[i] = counts.bytes_read + counts.bytes_written;
		p->places[i].name = member_name(p->packs->members[i].member);
	}
	p->state.places = p->places;
	p->state.place_count = p->packs->count;
	return 0;
}

void health_progress_release(struct health_progress *p)
{
	mem_free(p->places);
	mem_free(p->begun);
	p->places = NULL;
	p->begun = NULL;
}

void health_progress_tell(struct health_progress *p, uint64_t done, bool last)
{
	uint64_t now;

	if (!p->hooks || !p->hooks->progress)
		return;
	now = p->env->clock_monotonic_ns(p->env->context);
	if (!last && now - p->told_ns < tell_every_ns)
		return;
	p->told_ns = now;
	p->state.bytes_moved = 0;
	for (size_t i = 0; i < p->packs->count; i++) {
		struct member_counts counts;
		const struct member *member = p->packs->members[i].member;

		member_counts(member, &counts);
		p->places[i].bytes = counts.bytes_read + counts.bytes_written - p->begun[i];
		p->places[i].failing = !member_usable(member);
		p->state.bytes_moved += p->places[i].bytes;
	}
	p->state.bytes_done = done;
	p->hooks->progress(p->hooks->context, &p->state);
}

int health_note_share(const struct sherd_repo_hooks *hooks, const struct pool_ref *ref,
	unsigned share, const char *place, int code, const char *why)
{
	char name[SHARE_NAME_SIZE];
	struct sherd_error err;
	struct sherd_note note = {
		.kind = SHERD_NOTE_SHARE, .path = name, .place = place, .why = &err};

	if (!hooks || !hooks->note)
		return 0;
	share_name(&ref->id, share, name);
	err_set(&err, code, "%s", why ? why : sherd_code_text(code));
	return hooks->note(hooks->context, &note);
}
