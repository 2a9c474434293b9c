/* SPDX-License-Identifier: MIT */
/*
 * packs_put.c - each share on its own: put, then read back what was asked for, and only then count.
 *
 * A share that is there already (EXISTS) may be what an earlier try of ours left, or anything: it
 * is read back as a whole, whatever ${verify} says. What is read back is compared with the bytes
 * that were sent, not with their hashes: that is quicker, and misses as little.
 *
 * What is slow is left to itself: a put that a place is working on goes on and may leave the share
 * there, unverified; one that only waits for its turn is dropped.
 *
 * storing.c does this for any set of shares; here are the choice of places and the time.
 */
#include <pool/packs.h>

#include <stdio.h>
#include <string.h>

#include <base/err.h>
#include <base/intmath.h>
#include "columns.h"
#include "packbuf.h"
#include "storing.h"

#define SLOWER 2 /* times as long as the first ones took */
#define SLOWER_MIN_NS UINT64_C(1000000000)

/* Why the shares that were not stored were not. */
static int say(
	const struct packs *packs, const struct storing *s, unsigned need, struct sherd_error *err)
{
	char text[SHERD_ERROR_SIZE] = "";
	size_t used = 0;

	for (unsigned i = 0; i < s->m; i++) {
		const struct stored *share = &s->share[i];
		const struct packs_member *member = packs_find_member(packs, s->places[i]);
		const char *name = member ? member_name(member->member) : "nowhere";
		int length = snprintf(text + used, sizeof(text) - used, "%s%s%s%s%s",
			used ? ", " : "", name, share->code ? " (" : " ok", share->why,
			share->code ? ")" : "");

		if (length > 0)
			used = INT_MIN_OF(used + (size_t)length, sizeof(text) - 1);
	}
	return err_set(err, SHERD_QUORUM, "%u of %u needed shares of a pack were stored: %s",
		storing_verified(s), need, text);
}

static void fill_result(const struct storing *s, const struct pool_ref *ref,
	struct pack_buffer *buffer, struct pack_put_result *ret)
{
	uint64_t each = packbuf_head_size(buffer) + (uint64_t)ref->share_size;

	ret->ref = *ref;
	memcpy(ret->ref.places, s->places, sizeof(ret->ref.places));
	ret->verified = storing_verified(s);
	ret->bytes = ret->verified * each;
	for (unsigned i = 0; i < ref->m; i++)
		ret->code[i] = s->share[i].code;
}

/* Wait for all; once ${need} are there, for the others no longer than SLOWER times as long. */
static int wait_for_all(struct storing *s, unsigned need, struct sherd_error *err)
{
	const struct sherd_env *env = env_or_system(s->packs->env);
	uint64_t start = env->clock_monotonic_ns(env->context), patience = UINT64_MAX;

	while (storing_open(s)) {
		uint64_t spent = env->clock_monotonic_ns(env->context) - start;
		int r;

		if (sherd_cancel_requested(s->packs->cancel))
			return err_set(err, SHERD_CANCELLED, "storing a pack was cancelled");
		if (patience == UINT64_MAX && storing_verified(s) >= need)
			patience = INT_MAX_OF(SLOWER * spent, SLOWER_MIN_NS);
		/* In one thread all is done already: nothing is gained by leaving it. */
		if (patience != UINT64_MAX && spent >= patience) {
			r = storing_next(s, 0, err);
			if (r == SHERD_TIMEOUT)
				return 0;
		} else {
			uint64_t wait = patience == UINT64_MAX ? patience : patience - spent;

			r = storing_next(s, packs_poll_ns(s->packs, wait), err);
		}
		if (r && r != SHERD_TIMEOUT)
			return r;
	}
	return 0;
}

static int put_all(
	struct storing *s, const struct pool_ref *ref, unsigned need, struct sherd_error *err)
{
	int r = 0;

	for (unsigned i = 0; !r && i < ref->m; i++)
		r = storing_start(s, i, s->places[i], err);
	if (!r)
		r = wait_for_all(s, need, err);
	return r;
}

int packs_put(const struct packs *packs, struct pack_buffer *buffer, const struct pool_ref *ref,
	unsigned need, struct pack_put_result *ret_result, struct sherd_error *err)
{
	CLEANUP(storing_free_at) struct storing *s = NULL;
	int r;

	*ret_result = (struct pack_put_result){.ref = *ref};
	for (unsigned i = 0; i < ref->m; i++) {
		ret_result->ref.places[i] = POOL_PLACE_NONE;
		ret_result->code[i] = SHERD_QUORUM;
	}
	r = storing_new(packs, ref, buffer, packs->verify, &s, err);
	if (!r)
		r = layout_choose(packs, ref->nonce, ref->m, s->places, err);
	if (r)
		return r;
	r = put_all(s, ref, need, err);
	storing_abandon(s);
	fill_result(s, ref, buffer, ret_result);
	if (!r && ret_result->verified < need)
		r = say(packs, s, need, err);
	return r;
}
