/* SPDX-License-Identifier: MIT */
/*
 * packs_repair.c - k verified shares are read once and give all the others. Each new body is proved
 * by the root that the manifest has for it before anything is written; each new share is read back
 * as a whole; a bad one that it replaces is removed after that.
 *
 * One case cannot wait: a bad share under the very name and at the very place where the new one
 * belongs. A place never replaces, so the bad one is removed first. That takes nothing away: it is
 * wrong as it was read a moment ago, and k others are good, of other numbers and so of other names.
 *
 * A put may meet a share that is already there and right, for example when ${health} is old. Then
 * it counts, and nothing is removed.
 */
#include <pool/packs.h>

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/workers.h>
#include <sherd/fec.h>
#include "columns.h"
#include "packbuf.h"
#include "storing.h"

DEFINE_CLEANUP(struct sherd_fec, sherd_fec_free)
DEFINE_CLEANUP(struct sherd_fec_plan, sherd_fec_plan_free)

struct repair {
	const struct packs *packs;
	const struct pool_ref *ref;
	const struct pack_health *health;
	struct pool_ref now;        /* ${ref} with the places that are known */
	uint64_t wanted;            /* shares to make */
	struct columns *columns;    /* owned: k good shares */
	struct pack_buffer *buffer; /* owned: the new ones */
	struct share_manifest manifest;
	struct storing *storing;         /* owned */
	uint64_t tried[POOL_SHARES_MAX]; /* bit: index of a member */
	bool removed[POOL_SHARES_MAX];   /* a bad one gave way already */
	struct packs up;                 /* members that may be written to now */
	struct packs_member up_members[POOL_PLACES_MAX];
	uint16_t target[POOL_SHARES_MAX]; /* what layout_choose() says of those */
	int code;                         /* first refusal */
	struct sherd_error why;
};

static void repair_free(struct repair *w)
{
	if (!w)
		return;
	storing_free(w->storing);
	columns_release(w->columns);
	mem_free(w->columns);
	pack_buffer_unref(w->buffer);
	mem_free(w);
}

DEFINE_CLEANUP(struct repair, repair_free)

static bool is_wanted(const struct repair *w, unsigned share)
{
	return w->wanted >> share & 1;
}

/* Which shares are to be made, and where the others are. */
static void find_wanted(struct repair *w)
{
	w->now = *w->ref;
	for (unsigned i = 0; i < w->ref->m; i++) {
		unsigned health = w->health->shares[i];
		bool placed = packs_find_member(w->packs, w->health->places[i]) != NULL;

		if (health == SHARE_MISSING || health == SHARE_BAD || !placed)
			w->wanted |= UINT64_C(1) << i;
		else
			w->now.places[i] = w->health->places[i];
	}
}

/* --- reading k shares --- */

static int read_good(struct repair *w, struct sherd_error *err)
{
	struct columns *c = mem_array(1, sizeof(*c));
	int r;

	if (!c)
		return err_nomem(err);
	w->columns = c;
	c->packs = w->packs;
	c->ref = &w->now;
	c->leaf_count = w->ref->share_size / HASH_LEAF_SIZE;
	c->size = w->ref->share_size;
	c->any_k = true;
	c->avoid = w->wanted;
	r = columns_run(&c, 1, err);
	if (r)
		return r;
	for (unsigned i = 0; i < w->ref->m; i++)
		if (c->source[i].state == SOURCE_GOOD && c->source[i].probe.manifest)
			w->manifest = *c->source[i].probe.manifest;
	/* Some that were said to be bad are good after all. */
	for (unsigned i = 0; i < w->ref->m; i++)
		if (c->source[i].state == SOURCE_GOOD) {
			w->wanted &= ~(UINT64_C(1) << i);
			w->now.places[i] = member_number(c->source[i].probe.member);
		}
	return 0;
}

/* --- making the others --- */

static int compute(struct repair *w, struct sherd_error *err)
{
	CLEANUP(sherd_fec_free_at) struct sherd_fec *code = NULL;
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	struct sherd_fec_options options = {.workers = w->packs->workers};
	unsigned known[POOL_SHARES_MAX], wanted[POOL_SHARES_MAX];
	const uint8_t *from[POOL_SHARES_MAX];
	uint8_t *to[POOL_SHARES_MAX];
	unsigned known_count = 0, wanted_count = 0;
	int r;

	for (unsigned i = 0; i < w->ref->m; i++) {
		const struct source *source = &w->columns->source[i];

		if (source->state == SOURCE_GOOD && known_count < w->ref->k) {
			known[known_count] = i;
			from[known_count++] = source->probe.body;
		} else if (is_wanted(w, i)) {
			wanted[wanted_count] = i;
			to[wanted_count++] = packbuf_body(w->buffer, i);
		}
	}
	assert(known_count == w->ref->k);
	r = sherd_fec_new(w->ref->k, w->ref->m, NULL, &code, err);
	if (!r)
		r = sherd_fec_plan_new(code, known, wanted, wanted_count, &plan, err);
	return r ? r : sherd_fec_run(plan, from, to, w->ref->share_size, &options, err);
}

/* The new body must be what the manifest says it is. */
static int prove(struct repair *w, unsigned share, struct hash *leaves, struct sherd_error *err)
{
	size_t count = w->ref->share_size / HASH_LEAF_SIZE;
	struct hash root;

	hash_leaves(packbuf_body(w->buffer, share), w->ref->share_size, leaves);
	share_head_write(&w->manifest, share, leaves, packbuf_head(w->buffer, share));
	hash_root(leaves, count, &root);
	if (!hash_equal(&root, &w->manifest.roots[share]))
		return err_set(err, SHERD_CORRUPT,
			"share %u of a pack cannot be made again: its shares do not fit each other",
			share);
	return 0;
}

static int make_shares(struct repair *w, struct sherd_error *err)
{
	CLEANUP(mem_free_at) struct hash *leaves = NULL;
	int r = pack_buffer_new_raw(w->ref->k, w->ref->m, w->ref->share_size, &w->buffer, err);

	if (!r)
		r = compute(w, err);
	if (r)
		return r;
	leaves = mem_array(w->ref->share_size / HASH_LEAF_SIZE, sizeof(*leaves));
	if (!leaves)
		return err_nomem(err);
	for (unsigned i = 0; !r && i < w->ref->m; i++)
		if (is_wanted(w, i))
			r = prove(w, i, leaves, err);
	return r;
}

/* --- where they go --- */

static int choose(struct repair *w, struct sherd_error *err)
{
	w->up = *w->packs;
	w->up.members = w->up_members;
	w->up.count = 0;
	for (size_t i = 0; i < w->packs->count; i++) {
		const struct packs_member *member = &w->packs->members[i];

		if (member->writable && member_place(member->member) &&
			member_usable(member->member))
			w->up_members[w->up.count++] = *member;
	}
	return layout_choose(&w->up, w->ref->nonce, w->ref->m, w->target, err);
}

/* Shares that place ${number} has, or is just given. */
static unsigned load(const struct repair *w, uint16_t number)
{
	unsigned count = 0;

	for (unsigned i = 0; i < w->ref->m; i++)
		if (!is_wanted(w, i))
			count += w->now.places[i] == number;
		else if (w->storing->share[i].open || w->storing->share[i].verified)
			count += w->storing->places[i] == number;
	return count;
}

/* Shares that layout_choose() gives it. */
static unsigned part(const struct repair *w, uint16_t number)
{
	unsigned count = 0;

	for (unsigned i = 0; i < w->ref->m; i++)
		count += w->target[i] == number;
	return count;
}

/* How well the share fits there: 0 not at all. */
static unsigned fitness(const struct repair *w, unsigned share, size_t member)
{
	uint16_t number = w->up_members[member].number;
	unsigned each = (unsigned)int_div_up(w->ref->m, w->up.count);
	unsigned held = load(w, number), due = part(w, number);

	if (w->tried[share] >> member & 1 || held >= each)
		return 0;
	/* Its own place; else where most is due; the sum never falls below 1. */
	return 1 + (held < due ? 2 * (due - held) + (w->target[share] == number ? 128U : 0U) : 0);
}

/* Put the share at the best place that is left; ends it if none is. */
static int start_share(struct repair *w, unsigned share, struct sherd_error *err)
{
	unsigned best = 0;
	size_t at = 0;

	for (size_t i = 0; i < w->up.count; i++) {
		unsigned fit = fitness(w, share, i);

		if (fit > best) {
			best = fit;
			at = i;
		}
	}
	if (!best)
		return 0;
	w->tried[share] |= UINT64_C(1) << at;
	return storing_start(w->storing, share, w->up_members[at].number, err);
}

/* --- removing --- */

/* Remove it and wait. 0, or what the place says. */
static int remove_share(
	struct repair *w, struct member *member, unsigned share, struct sherd_error *err)
{
	CLEANUP(calls_free_at) struct calls *g = NULL;
	char name[SHARE_NAME_SIZE];
	struct call_end end;
	int r = calls_new(w->packs->env, &g, err);

	share_name(&w->ref->id, share, name);
	if (!r)
		r = calls_remove(g, member, 0, name, err);
	if (!r)
		r = calls_next(g, UINT64_MAX, &end, err);
	if (r)
		return r;
	r = end.code == SHERD_NOTFOUND ? 0 : end.code;
	if (r)
		err_set(err, r, "%s", end.error.message);
	call_end_release(&end);
	return r;
}

/* The new one is verified: the bad one goes. That it stays is a pity, and no error. */
static void remove_old(struct repair *w, unsigned share)
{
	uint16_t old = w->health->places[share];
	const struct packs_member *member = packs_find_member(w->packs, old);

	if (w->health->shares[share] == SHARE_BAD && member && old != w->storing->places[share])
		remove_share(w, member->member, share, NULL);
}

static void note_refusal(struct repair *w, unsigned share)
{
	const struct stored *stored = &w->storing->share[share];

	if (w->code)
		return;
	w->code = err_set(&w->why, stored->code, "cannot store share %u again: place '%s': %s",
		share, member_name(stored->member), stored->why);
}

/* A share that was to be stored has ended, one way or the other. */
static int share_ended(struct repair *w, unsigned share, struct sherd_error *err)
{
	struct stored *stored = &w->storing->share[share];
	struct sherd_error refused;

	if (stored->verified) {
		w->now.places[share] = w->storing->places[share];
		remove_old(w, share);
		return 0;
	}
	if (stored->existed && stored->code == SHERD_CORRUPT && !w->removed[share]) {
		w->removed[share] = true;
		if (remove_share(w, stored->member, share, &refused) == 0)
			return storing_start(w->storing, share, w->storing->places[share], err);
	}
	note_refusal(w, share);
	w->removed[share] = false;
	return start_share(w, share, err);
}

static int store_all(struct repair *w, struct sherd_error *err)
{
	int r = 0;

	for (unsigned i = 0; !r && i < w->ref->m; i++)
		if (is_wanted(w, i))
			r = start_share(w, i, err);
	while (!r && storing_open(w->storing)) {
		uint64_t before = 0;

		if (sherd_cancel_requested(w->packs->cancel))
			return err_set(err, SHERD_CANCELLED, "repairing a pack was cancelled");
		for (unsigned i = 0; i < w->ref->m; i++)
			before |= (uint64_t)w->storing->share[i].open << i;
		r = storing_next(w->storing, packs_poll_ns(w->packs, UINT64_MAX), err);
		if (r == SHERD_TIMEOUT)
			r = 0;
		for (unsigned i = 0; !r && i < w->ref->m; i++)
			if (before >> i & 1 && !w->storing->share[i].open)
				r = share_ended(w, i, err);
	}
	return r;
}

static int store(struct repair *w, unsigned *ret_written, struct sherd_error *err)
{
	int r = storing_new(w->packs, w->ref, w->buffer, PACKS_VERIFY_FULL, &w->storing, err);

	if (!r)
		r = choose(w, err);
	if (r)
		return r;
	r = store_all(w, err);
	*ret_written = storing_verified(w->storing);
	if (r)
		return r;
	for (unsigned i = 0; i < w->ref->m; i++)
		if (is_wanted(w, i) && !w->storing->share[i].verified) {
			if (!w->code)
				return err_set(err, SHERD_QUORUM,
					"no place is left for share %u of a pack", i);
			return err_set(err, w->code, "%s", w->why.message);
		}
	return 0;
}

int packs_repair(const struct packs *packs, const struct pool_ref *ref,
	const struct pack_health *health, struct pool_ref *ret_ref, unsigned *ret_written,
	struct sherd_error *err)
{
	CLEANUP(repair_free_at) struct repair *w = mem_array(1, sizeof(*w));
	int r;

	*ret_ref = *ref;
	*ret_written = 0;
	if (!w)
		return err_nomem(err);
	w->packs = packs;
	w->ref = ref;
	w->health = health;
	find_wanted(w);
	*ret_ref = w->now;
	if (!w->wanted)
		return 0;
	r = read_good(w, err);
	if (!r && w->wanted)
		r = make_shares(w, err);
	if (!r && w->wanted)
		r = store(w, ret_written, err);
	*ret_ref = w->now;
	return r;
}
