/* SPDX-License-Identifier: MIT */
/*
 * columns.c - whom to ask for which share, and when.
 *
 * The wanted data shares are asked for at their recorded places. As soon as one of them fails, or
 * has not answered after hedge_ns, or stands at a place that is down, any k shares will do, so that
 * others are asked, one for each that is missing to k: data shares before check shares, quick
 * places before slow ones, places that seem down last. Only when every share was asked for at its
 * recorded place are the other members asked, share by share. A late answer still counts if it
 * comes first.
 *
 * The end: all wanted are good; or k are good, and the others are computed from them; or nobody is
 * left to be asked. Then the pack is LOST if every member has answered for every share, and else
 * nobody knows: QUORUM.
 */
#include "columns.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <sherd/fec.h>

#define HEDGE_DEFAULT_NS UINT64_C(1000000000)
#define CANCEL_POLL_NS UINT64_C(100000000)
#define STORY_SIZE SHERD_ERROR_SIZE

DEFINE_CLEANUP(struct sherd_fec, sherd_fec_free)
DEFINE_CLEANUP(struct sherd_fec_plan, sherd_fec_plan_free)

const struct packs_member *packs_find_member(const struct packs *packs, uint16_t number)
{
	for (size_t i = 0; i < packs->count; i++)
		if (packs->members[i].number == number)
			return &packs->members[i];
	return NULL;
}

const struct packs_member *packs_candidate(const struct packs *packs, uint16_t recorded, size_t n)
{
	if (n == 0)
		return packs_find_member(packs, recorded);
	if (n > packs->count || packs->members[n - 1].number == recorded)
		return NULL;
	return &packs->members[n - 1];
}

uint64_t packs_poll_ns(const struct packs *packs, uint64_t wait_ns)
{
	return packs->cancel ? INT_MIN_OF(wait_ns, CANCEL_POLL_NS) : wait_ns;
}

static uint64_t now_ns(const struct columns *c)
{
	const struct sherd_env *env = env_or_system(c->packs->env);

	return env->clock_monotonic_ns(env->context);
}

static uint64_t hedge_ns(const struct columns *c)
{
	return c->packs->hedge_ns ? c->packs->hedge_ns : HEDGE_DEFAULT_NS;
}

static bool is_wanted(const struct columns *c, unsigned share)
{
	return c->wanted >> share & 1;
}

/* --- counting --- */

struct standing {
	unsigned good;   /* verified */
	unsigned flying; /* asked, and not late */
	unsigned late;   /* asked, and late */
	bool content;    /* each wanted one is good, or flying */
	bool complete;   /* each wanted one is good */
};

static struct standing look(const struct columns *c)
{
	struct standing s = {.content = !c->any_k, .complete = !c->any_k};

	for (unsigned i = 0; i < c->ref->m; i++) {
		const struct source *source = &c->source[i];
		bool good = source->state == SOURCE_GOOD;
		bool flying = source->state == SOURCE_ASKED && !source->late;

		s.good += good;
		s.flying += flying;
		s.late += source->state == SOURCE_ASKED && source->late;
		if (is_wanted(c, i)) {
			s.content = s.content && (good || flying);
			s.complete = s.complete && good;
		}
	}
	return s;
}

/* --- asking --- */

static int ask(struct columns *c, struct calls *g, unsigned share, const struct packs_member *whom,
	struct sherd_error *err)
{
	struct source *source = &c->source[share];
	struct probe *p = &source->probe;
	uint64_t tag = (uint64_t)c->id << COLUMNS_TAG_SHIFT | (uint64_t)share << 48 |
		       (uint64_t)++source->attempt * PROBE_PARTS;
	int r;

	probe_release(p);
	*p = (struct probe){
		.packs = c->packs,
		.ref = c->ref,
		.share = share,
		.member = whom->member,
		.parts = PROBE_HEAD | PROBE_BODY,
		.first_leaf = c->first_leaf,
		.leaf_count = c->leaf_count,
		.use_heads = !c->any_k,
	};
	if (is_wanted(c, share)) {
		p->to = c->to[share];
		p->from = c->from;
		p->size = c->size;
	}
	r = probe_start(p, g, tag, err);
	if (r)
		return r;
	source->state = SOURCE_ASKED;
	source->late = false;
	return 0;
}

/* The next candidate of this share; NULL: all were asked. */
static const struct packs_member *next_candidate(const struct columns *c, unsigned share)
{
	const struct packs *packs = c->packs;

	for (size_t n = c->source[share].next; n <= packs->count; n++) {
		const struct packs_member *found = packs_candidate(packs, c->ref->places[share], n);

		if (found)
			return found;
	}
	return NULL;
}

static void pass_candidate(struct columns *c, unsigned share)
{
	struct source *source = &c->source[share];
	const struct packs *packs = c->packs;

	while (source->next <= packs->count &&
		!packs_candidate(packs, c->ref->places[share], source->next))
		source->next++;
	source->next++;
}

static uint64_t latency(const struct packs_member *member)
{
	struct member_counts counts;

	member_counts(member->member, &counts);
	return counts.latency_ns;
}

/* How gladly this share is asked for next: the less the better; UINT64_MAX: not at all. */
static uint64_t reluctance(const struct columns *c, unsigned share)
{
	const struct source *source = &c->source[share];
	const struct packs_member *whom;
	uint64_t cost;
	bool first;

	if (source->state == SOURCE_GOOD || source->state == SOURCE_ASKED)
		return UINT64_MAX;
	whom = next_candidate(c, share);
	if (!whom)
		return UINT64_MAX;
	first = whom->number == c->ref->places[share];
	cost = INT_MIN_OF(latency(whom), UINT64_C(1) << 40);
	cost |= (uint64_t)(share >= c->ref->k) << 41;
	cost |= (uint64_t)!member_usable(whom->member) << 42;
	cost |= (uint64_t)(c->avoid >> share & 1) << 43;
	return cost | (uint64_t)!first << 44;
}

/* Ask for one more share; *ret_asked is false if there is none to be asked for. */
static int ask_one(struct columns *c, struct calls *g, bool *ret_asked, struct sherd_error *err)
{
	uint64_t least = UINT64_MAX;
	unsigned best = 0;
	const struct packs_member *whom;

	for (unsigned i = 0; i < c->ref->m; i++) {
		uint64_t cost = reluctance(c, i);

		if (cost < least) {
			least = cost;
			best = i;
		}
	}
	*ret_asked = least != UINT64_MAX;
	if (!*ret_asked)
		return 0;
	whom = next_candidate(c, best);
	pass_candidate(c, best);
	return ask(c, g, best, whom, err);
}

/* The wanted ones, at their recorded places, unless those are down. */
static int ask_wanted(struct columns *c, struct calls *g, struct sherd_error *err)
{
	for (unsigned i = 0; i < c->ref->k; i++) {
		const struct packs_member *whom;
		int r;

		if (!is_wanted(c, i))
			continue;
		whom = packs_find_member(c->packs, c->ref->places[i]);
		if (!whom || !member_usable(whom->member))
			continue;
		pass_candidate(c, i);
		r = ask(c, g, i, whom, err);
		if (r)
			return r;
	}
	return 0;
}

/* --- answers --- */

static void tell(struct columns *c, unsigned share, const struct probe *p)
{
	if (c->watch && probe_bad(p->code))
		c->watch->share(c->watch->context, c->ref, share, p->member, p->code, p->why);
}

static void note_failure(struct columns *c, unsigned share)
{
	struct source *source = &c->source[share];
	const struct probe *p = &source->probe;
	bool recorded = member_number(p->member) == c->ref->places[share];

	source->state = SOURCE_FAILED;
	source->unsure = source->unsure || !probe_bad(p->code);
	if (recorded || p->code == SHERD_CORRUPT)
		tell(c, share, p);
	/* What the recorded place said is the story, unless another has it wrong. */
	if (recorded || p->code == SHERD_CORRUPT ||
		(!source->said_by && p->code != SHERD_NOTFOUND)) {
		source->code = p->code;
		source->said_by = p->member;
		memcpy(source->why, p->why, sizeof(source->why));
	}
}

static int take(struct columns *c, struct call_end *end, struct sherd_error *err)
{
	unsigned share = end->tag >> 48 & 0xff;
	struct source *source = &c->source[share];
	struct probe *p = &source->probe;

	if (!probe_take(p, end))
		return 0;
	if (p->code == SHERD_NOMEM)
		return err_nomem(err);
	if (p->code) {
		note_failure(c, share);
		probe_release(p);
		return 0;
	}
	source->state = SOURCE_GOOD;
	source->said_by = p->member;
	if (p->to && c->from == 0 && c->size == c->leaf_count * HASH_LEAF_SIZE)
		probe_drop_body(p, p->to);
	return 0;
}

/* --- computing what is missing --- */

static int decode(struct columns *c, struct sherd_error *err)
{
	CLEANUP(sherd_fec_free_at) struct sherd_fec *code = NULL;
	CLEANUP(sherd_fec_plan_free_at) struct sherd_fec_plan *plan = NULL;
	struct sherd_fec_options options = {.workers = c->packs->workers};
	unsigned known[POOL_SHARES_MAX], wanted[POOL_SHARES_MAX];
	const uint8_t *from[POOL_SHARES_MAX];
	uint8_t *to[POOL_SHARES_MAX];
	unsigned known_count = 0, wanted_count = 0;
	int r;

	for (unsigned i = 0; i < c->ref->m; i++) {
		const struct source *source = &c->source[i];

		if (source->state == SOURCE_GOOD && known_count < c->ref->k) {
			known[known_count] = i;
			from[known_count++] = source->probe.body + c->from;
		} else if (is_wanted(c, i) && source->state != SOURCE_GOOD) {
			wanted[wanted_count] = i;
			to[wanted_count++] = c->to[i];
		}
	}
	assert(known_count == c->ref->k && wanted_count > 0);
	r = sherd_fec_new(c->ref->k, c->ref->m, NULL, &code, err);
	if (!r)
		r = sherd_fec_plan_new(code, known, wanted, wanted_count, &plan, err);
	return r ? r : sherd_fec_run(plan, from, to, c->size, &options, err);
}

/* --- what was heard --- */

struct story {
	char text[STORY_SIZE];
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void add(struct story *s, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(s->text + s->used, sizeof(s->text) - s->used, format, arguments);
	va_end(arguments);
	if (length > 0)
		s->used = INT_MIN_OF(s->used + (size_t)length, sizeof(s->text) - 1);
}

/* "usb bad (leaf 3)" */
static void describe(const struct columns *c, unsigned share, char *text, size_t size)
{
	const struct source *source = &c->source[share];
	const char *who = source->said_by ? member_name(source->said_by) : NULL;

	if (source->state == SOURCE_GOOD)
		snprintf(text, size, "%s ok", who);
	else if (source->state == SOURCE_ASKED)
		snprintf(text, size, "%s has not answered", member_name(source->probe.member));
	else if (!who)
		snprintf(text, size, "share %u is nowhere", share);
	else if (source->code == SHERD_NOTFOUND)
		snprintf(text, size, "%s missing", who);
	else if (source->code == SHERD_CORRUPT)
		snprintf(text, size, "%s bad (%s)", who, source->why);
	else
		snprintf(text, size, "%s unreachable (%s)", who, source->why);
}

static bool was_said(const struct story *s, const char *line)
{
	for (const char *at = strstr(s->text, line); at; at = strstr(at + 1, line))
		if (at == s->text || at[-1] == ' ')
			return true;
	return false;
}

static void describe_all(const struct columns *c, bool good, struct story *s)
{
	const char *between = s->used ? "; " : "";
	char line[PROBE_WHY_SIZE + 80];

	for (unsigned i = 0; i < c->ref->m; i++) {
		if ((c->source[i].state == SOURCE_GOOD) != good)
			continue;
		describe(c, i, line, sizeof(line));
		if (was_said(s, line)) /* a place may have several shares */
			continue;
		add(s, "%s%s", between, line);
		between = ", ";
	}
}

int columns_say(const struct columns *c, int code, struct sherd_error *err)
{
	struct story s = {.used = 0};
	struct standing standing = look(c);

	describe_all(c, true, &s);
	describe_all(c, false, &s);
	return err_set(err, code, "%u of %u needed shares of a pack are readable: %s",
		standing.good, c->ref->k, s.text);
}

/* --- going on --- */

static int code_of_failure(const struct columns *c)
{
	for (unsigned i = 0; i < c->ref->m; i++)
		if (c->source[i].state != SOURCE_GOOD && c->source[i].unsure)
			return SHERD_QUORUM;
	return SHERD_LOST;
}

static int finish(struct columns *c, const struct standing *s, struct sherd_error *err)
{
	c->done = true;
	c->code = 0;
	if (s->complete || (c->any_k && s->good >= c->ref->k))
		return 0;
	if (s->good >= c->ref->k)
		return decode(c, err);
	c->code = columns_say(c, code_of_failure(c), err);
	return c->code;
}

/* Ask for what is to be asked for now, or come to an end. */
static int go_on(struct columns *c, struct calls *g, struct sherd_error *err)
{
	struct standing s = look(c);
	bool asked = true;
	int r;

	while (!s.complete && !s.content && s.good < c->ref->k && s.good + s.flying < c->ref->k &&
		asked) {
		r = ask_one(c, g, &asked, err);
		if (r)
			return r;
		s = look(c);
	}
	if (s.complete || s.good >= c->ref->k || s.flying + s.late == 0)
		return finish(c, &s, err);
	return 0;
}

/* How long until the next one is late. */
static uint64_t patience_ns(const struct columns *c, uint64_t now)
{
	uint64_t next = UINT64_MAX, limit = hedge_ns(c);

	for (unsigned i = 0; i < c->ref->m; i++) {
		const struct source *source = &c->source[i];
		uint64_t waited = now - source->probe.asked_ns;

		if (source->state == SOURCE_ASKED && !source->late)
			next = INT_MIN_OF(next, waited >= limit ? 0 : limit - waited);
	}
	return next;
}

/* Nothing was heard: those that have not answered for hedge_ns are late. */
static void mark_late(struct columns *c, uint64_t now)
{
	uint64_t limit = hedge_ns(c);

	for (unsigned i = 0; i < c->ref->m; i++) {
		struct source *source = &c->source[i];

		if (source->state == SOURCE_ASKED && now - source->probe.asked_ns >= limit)
			source->late = true;
	}
}

static int wait_once(struct columns **c, size_t count, struct calls *g, struct sherd_error *err)
{
	uint64_t wait = UINT64_MAX;
	struct call_end end;
	int r;

	for (size_t i = 0; i < count; i++)
		if (!c[i]->done)
			wait = INT_MIN_OF(wait, patience_ns(c[i], now_ns(c[i])));
	r = calls_next(g, packs_poll_ns(c[0]->packs, wait), &end, err);
	if (r == SHERD_TIMEOUT) {
		for (size_t i = 0; i < count; i++)
			mark_late(c[i], now_ns(c[i]));
		return 0;
	}
	if (r)
		return r;
	assert(end.tag >> COLUMNS_TAG_SHIFT < count);
	return take(c[end.tag >> COLUMNS_TAG_SHIFT], &end, err);
}

static bool all_done(struct columns **c, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!c[i]->done)
			return false;
	return true;
}

static int go_on_all(struct columns **c, size_t count, struct calls *g, struct sherd_error *err)
{
	for (size_t i = 0; i < count; i++) {
		int r = c[i]->done ? 0 : go_on(c[i], g, err);

		if (r)
			return r;
	}
	return 0;
}

int columns_run(struct columns **c, size_t count, struct sherd_error *err)
{
	CLEANUP(calls_free_at) struct calls *g = NULL;
	int r;

	assert(count >= 1 && count <= COLUMNS_IDS);
	r = calls_new(c[0]->packs->env, &g, err);
	for (size_t i = 0; !r && i < count; i++) {
		c[i]->id = (unsigned)i;
		r = ask_wanted(c[i], g, err);
	}
	while (!r) {
		r = go_on_all(c, count, g, err);
		if (r || all_done(c, count))
			break;
		if (sherd_cancel_requested(c[0]->packs->cancel))
			return err_set(err, SHERD_CANCELLED, "reading a pack was cancelled");
		r = wait_once(c, count, g, err);
	}
	return r;
}

void columns_release(struct columns *c)
{
	for (unsigned i = 0; c && i < POOL_SHARES_MAX; i++)
		probe_release(&c->source[i].probe);
}
