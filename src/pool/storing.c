/* SPDX-License-Identifier: MIT */
/*
 * storing.c - the life of one share: put; then, as a probe that compares with the bytes that were
 * sent, read back. SAMPLE is the size, the head and one leaf that the place cannot foresee: a store
 * that loses, cuts or mixes up files is found at once, one that changes single bytes in the middle
 * only by luck. FULL finds everything.
 */
#include "storing.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include "columns.h"
#include "packbuf.h"

#define PART_PUT 0 /* of a tag: no part of a probe */
#define SHARE_SHIFT 48

int storing_new(const struct packs *packs, const struct pool_ref *ref, struct pack_buffer *buffer,
	unsigned verify, struct storing **ret, struct sherd_error *err)
{
	struct storing *s = mem_array(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem(err);
	r = calls_new(packs->env, &s->group, err);
	if (r) {
		mem_free(s);
		return r;
	}
	s->packs = packs;
	s->ref = ref;
	s->buffer = pack_buffer_ref(buffer);
	s->verify = verify;
	s->m = ref->m;
	for (unsigned i = 0; i < s->m; i++)
		s->share[i].code = SHERD_TIMEOUT;
	*ret = s;
	return 0;
}

void storing_abandon(struct storing *s)
{
	calls_free(s->group);
	s->group = NULL;
	for (unsigned i = 0; i < s->m; i++) {
		struct stored *share = &s->share[i];

		probe_release(&share->probe);
		if (share->open)
			snprintf(share->why, sizeof(share->why), "not ready in time");
		else if (!share->started)
			snprintf(share->why, sizeof(share->why), "not begun");
		share->open = false;
	}
}

void storing_free(struct storing *s)
{
	if (!s)
		return;
	storing_abandon(s);
	pack_buffer_unref(s->buffer);
	mem_free(s);
}

bool storing_open(const struct storing *s)
{
	for (unsigned i = 0; i < s->m; i++)
		if (s->share[i].open)
			return true;
	return false;
}

unsigned storing_verified(const struct storing *s)
{
	unsigned count = 0;

	for (unsigned i = 0; i < s->m; i++)
		count += s->share[i].verified;
	return count;
}

static uint64_t next_tag(struct storing *s, unsigned share)
{
	return (uint64_t)share << SHARE_SHIFT | (uint64_t)++s->share[share].attempt * PROBE_PARTS;
}

static void end_share(struct stored *share, int code, const char *why)
{
	share->open = false;
	share->code = code;
	share->verified = code == 0;
	snprintf(share->why, sizeof(share->why), "%.*s", PROBE_WHY_SIZE - 1, code ? why : "");
}

int storing_start(struct storing *s, unsigned share, uint16_t place, struct sherd_error *err)
{
	const struct packs_member *whom = packs_find_member(s->packs, place);
	struct stored *stored = &s->share[share];
	struct call_hold hold = packbuf_hold(s->buffer);
	struct iovec parts[] = {
		{packbuf_head(s->buffer, share), packbuf_head_size(s->buffer)},
		{packbuf_body(s->buffer, share), s->ref->share_size},
	};
	char name[SHARE_NAME_SIZE];

	assert(!stored->open && share < s->m);
	stored->started = true;
	stored->existed = false;
	if (!whom) {
		end_share(stored, SHERD_NOTFOUND, "there is no such place");
		return 0;
	}
	stored->member = whom->member;
	stored->open = true;
	stored->code = SHERD_TIMEOUT;
	s->places[share] = place;
	share_name(&s->ref->id, share, name);
	return calls_put(s->group, whom->member, next_tag(s, share) + PART_PUT, name, parts,
		ARRAY_COUNT(parts), &hold, err);
}

/* A leaf that nobody can foresee. */
static size_t random_leaf(const struct storing *s)
{
	const struct sherd_env *env = env_or_system(s->packs->env);
	uint64_t number = 0;

	/* Without randomness any leaf is better than none. */
	if (env->random(env->context, &number, sizeof(number)) != 0)
		number = env->clock_monotonic_ns(env->context);
	return (size_t)(number % (s->ref->share_size / HASH_LEAF_SIZE));
}

static int read_back(struct storing *s, unsigned share, bool full, struct sherd_error *err)
{
	struct stored *stored = &s->share[share];
	struct probe *p = &stored->probe;

	*p = (struct probe){
		.packs = s->packs,
		.ref = s->ref,
		.share = share,
		.member = stored->member,
		.parts = PROBE_STAT | PROBE_HEAD | PROBE_BODY,
		.first_leaf = full ? 0 : random_leaf(s),
		.leaf_count = full ? s->ref->share_size / HASH_LEAF_SIZE : 1,
		.expect_head = packbuf_head(s->buffer, share),
	};
	p->expect_body = packbuf_body(s->buffer, share) + p->first_leaf * HASH_LEAF_SIZE;
	return probe_start(p, s->group, next_tag(s, share), err);
}

static int take_put(
	struct storing *s, unsigned share, const struct call_end *end, struct sherd_error *err)
{
	struct stored *stored = &s->share[share];

	stored->existed = end->code == SHERD_EXISTS;
	if (end->code && !stored->existed) {
		end_share(stored, end->code, end->error.message);
		return 0;
	}
	if (s->verify == PACKS_VERIFY_NONE && !stored->existed) {
		end_share(stored, 0, "");
		return 0;
	}
	return read_back(s, share, stored->existed || s->verify == PACKS_VERIFY_FULL, err);
}

/* A place that says "stored" and then has nothing. */
static void lost_at_once(const struct storing *s, unsigned share)
{
	char name[SHARE_NAME_SIZE];
	char line[SHARE_NAME_SIZE + 40];

	share_name(&s->ref->id, share, name);
	snprintf(line, sizeof(line), "'%s': stored, and not there", name);
	member_lied(s->share[share].member, line);
}

int storing_next(struct storing *s, uint64_t wait_ns, struct sherd_error *err)
{
	struct call_end end;
	unsigned share;
	struct stored *stored;
	int r = calls_next(s->group, wait_ns, &end, err);

	if (r)
		return r;
	share = (unsigned)(end.tag >> SHARE_SHIFT);
	stored = &s->share[share];
	if (end.kind == CALL_PUT) {
		r = take_put(s, share, &end, err);
		call_end_release(&end);
		return r;
	}
	if (!probe_take(&stored->probe, &end))
		return 0;
	if (stored->probe.code == SHERD_NOMEM)
		return err_nomem(err);
	if (stored->probe.code == SHERD_NOTFOUND && !stored->existed)
		lost_at_once(s, share);
	end_share(stored, stored->probe.code, stored->probe.why);
	probe_release(&stored->probe);
	return 0;
}
