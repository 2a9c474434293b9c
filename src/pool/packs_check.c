/* SPDX-License-Identifier: MIT */
/*
 * packs_check.c - every share is asked for at its recorded place, all at once. One that is missing
 * or bad there is asked for at the other members, one after the other; if nobody has it, its
 * recorded place is asked a second time (or, when it is recorded nowhere, everybody is), because a
 * share that is believed lost is made again, at a price. A place that does not answer is not asked
 * again: its share is most likely where it was.
 */
#include <pool/packs.h>

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include "columns.h"
#include "probe.h"

#define SHARE_SHIFT 48

struct look {
	struct probe probe;
	size_t next; /* candidate */
	bool second; /* round */
	bool ended;
	uint32_t attempt;
};

struct check {
	const struct packs *packs;
	const struct pool_ref *ref;
	const struct packs_watch *watch;
	unsigned parts;
	uint8_t *buffer; /* or NULL */
	struct pack_health *health;
	struct calls *group;
	unsigned open;
	struct look look[POOL_SHARES_MAX];
};

static void check_free(struct check *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < POOL_SHARES_MAX; i++)
		probe_release(&c->look[i].probe);
	calls_free(c->group);
	mem_free(c);
}

DEFINE_CLEANUP(struct check, check_free)

static unsigned parts_of(enum packs_depth depth)
{
	switch (depth) {
	case PACKS_DEPTH_STAT:
		return PROBE_STAT;
	case PACKS_DEPTH_HEAD:
		return PROBE_STAT | PROBE_HEAD;
	case PACKS_DEPTH_BODY:
		break;
	}
	return PROBE_STAT | PROBE_HEAD | PROBE_BODY;
}

static int ask(
	struct check *c, unsigned share, const struct packs_member *whom, struct sherd_error *err)
{
	struct look *look = &c->look[share];
	struct probe *p = &look->probe;
	uint64_t tag = (uint64_t)share << SHARE_SHIFT | (uint64_t)++look->attempt * PROBE_PARTS;
	int r;

	*p = (struct probe){
		.packs = c->packs,
		.ref = c->ref,
		.share = share,
		.member = whom->member,
		.parts = c->parts,
		.leaf_count = c->ref->share_size / HASH_LEAF_SIZE,
		.size = c->ref->share_size,
	};
	if (c->buffer)
		p->to = c->buffer + (size_t)share * c->ref->share_size;
	r = probe_start(p, c->group, tag, err);
	if (!r)
		c->open++;
	return r;
}

/* Whom to ask next for this share; NULL: nobody. */
static const struct packs_member *next_candidate(struct check *c, unsigned share)
{
	struct look *look = &c->look[share];
	uint16_t recorded = c->ref->places[share];

	for (;;) {
		const struct packs_member *whom;

		if (look->next > c->packs->count) {
			if (look->second)
				return NULL;
			look->second = true;
			look->next = 0;
		}
		whom = packs_candidate(c->packs, recorded, look->next++);
		/* The second time only the recorded place, if there is one. */
		if (look->second && look->next > 1 && packs_find_member(c->packs, recorded))
			return NULL;
		if (whom)
			return whom;
	}
}

static int ask_next(struct check *c, unsigned share, struct sherd_error *err)
{
	const struct packs_member *whom = next_candidate(c, share);

	if (!whom) {
		c->look[share].ended = true;
		return 0;
	}
	return ask(c, share, whom, err);
}

static void note_good(struct check *c, unsigned share)
{
	c->health->shares[share] = SHARE_GOOD;
	c->health->places[share] = member_number(c->look[share].probe.member);
	c->health->good++;
	c->look[share].ended = true;
}

/* What one answer that was not good says. */
static void note_other(struct check *c, unsigned share)
{
	const struct probe *p = &c->look[share].probe;
	uint16_t number = member_number(p->member);
	bool recorded = number == c->ref->places[share];

	if (probe_bad(p->code) && c->watch && (recorded || p->code == SHERD_CORRUPT) &&
		!c->look[share].second)
		c->watch->share(c->watch->context, c->ref, share, p->member, p->code, p->why);
	if (p->code == SHERD_CORRUPT && c->health->shares[share] != SHARE_BAD) {
		c->health->shares[share] = SHARE_BAD;
		c->health->places[share] = number;
	}
	/* A share that has no place now may be at one that cannot be asked. */
	if (!probe_bad(p->code) && c->health->shares[share] == SHARE_MISSING &&
		!packs_find_member(c->packs, c->ref->places[share]))
		c->health->shares[share] = SHARE_UNREACHABLE;
	if (!probe_bad(p->code) && recorded) {
		if (c->health->shares[share] != SHARE_BAD)
			c->health->shares[share] = SHARE_UNREACHABLE;
		c->look[share].ended = true;
	}
}

static int take(struct check *c, struct call_end *end, struct sherd_error *err)
{
	unsigned share = (unsigned)(end->tag >> SHARE_SHIFT);
	struct probe *p = &c->look[share].probe;
	int code;

	if (!probe_take(p, end))
		return 0;
	c->open--;
	code = p->code;
	if (code == SHERD_NOMEM)
		return err_nomem(err);
	if (code == 0)
		note_good(c, share);
	else
		note_other(c, share);
	probe_release(p);
	/* Bad in the first round is certain: no need to look twice. */
	if (c->look[share].second && c->health->shares[share] == SHARE_BAD)
		c->look[share].ended = true;
	return c->look[share].ended ? 0 : ask_next(c, share, err);
}

static int run(struct check *c, struct sherd_error *err)
{
	int r = 0;

	for (unsigned i = 0; !r && i < c->ref->m; i++)
		r = ask_next(c, i, err);
	while (!r && c->open) {
		struct call_end end;

		if (sherd_cancel_requested(c->packs->cancel))
			return err_set(err, SHERD_CANCELLED, "checking a pack was cancelled");
		r = calls_next(c->group, packs_poll_ns(c->packs, UINT64_MAX), &end, err);
		if (r == SHERD_TIMEOUT)
			r = 0;
		else if (!r)
			r = take(c, &end, err);
	}
	return r;
}

static void start_health(const struct pool_ref *ref, struct pack_health *health)
{
	*health = (struct pack_health){.spare = -1};
	for (unsigned i = 0; i < ref->m; i++) {
		health->shares[i] = SHARE_MISSING;
		health->places[i] = ref->places[i];
	}
}

static int spare_of(
	const struct packs *packs, const struct pool_ref *ref, const struct pack_health *health)
{
	bool good[POOL_SHARES_MAX];

	for (unsigned i = 0; i < ref->m; i++)
		good[i] = health->shares[i] == SHARE_GOOD;
	return layout_spare(packs, ref->k, ref->m, health->places, good);
}

int packs_check(const struct packs *packs, const struct pool_ref *ref, enum packs_depth depth,
	uint8_t *buffer, size_t buffer_size, struct pack_health *ret_health,
	const struct packs_watch *watch, struct sherd_error *err)
{
	CLEANUP(check_free_at) struct check *c = NULL;
	struct pack_health health;
	int r;

	if (buffer && depth == PACKS_DEPTH_BODY && buffer_size < (size_t)ref->m * ref->share_size)
		return err_set(err, SHERD_INVALID, "a buffer of %zu bytes for %u shares of %u",
			buffer_size, ref->m, ref->share_size);
	c = mem_array(1, sizeof(*c));
	if (!c)
		return err_nomem(err);
	c->packs = packs;
	c->ref = ref;
	c->watch = watch;
	c->parts = parts_of(depth);
	c->buffer = depth == PACKS_DEPTH_BODY ? buffer : NULL;
	c->health = &health;
	start_health(ref, &health);
	r = calls_new(packs->env, &c->group, err);
	if (!r)
		r = run(c, err);
	if (r)
		return r;
	health.spare = spare_of(packs, ref, &health);
	*ret_health = health;
	return 0;
}
