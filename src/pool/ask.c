/* SPDX-License-Identifier: MIT */
/*
 * ask.c - one group of calls for each question; the next step at a place is made when its last one
 * has ended, so that a slow place holds up nobody else.
 *
 * A call's tag is the place's index; for fetching, the want's number and the index.
 */
#include "ask.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/hex.h>
#include <base/intmath.h>

#define TICK_NS UINT64_C(100000000)       /* how often we look whether to stop */
#define GRACE_MIN_NS UINT64_C(1000000000) /* what slow places get at least */
#define FETCH_BYTES ((size_t)16 << 20)    /* on their way at one time */
#define FETCH_CALLS 64

#define BIT(i) (UINT64_C(1) << (i))

unsigned ask_bits(uint64_t mask)
{
	return (unsigned)__builtin_popcountll(mask);
}

bool ask_met(const struct ask_need *need, uint64_t good)
{
	return ask_bits(need->of & good) >= need->count;
}

bool ask_hash_of(const char *name, uint8_t ret[RECORD_HASH_SIZE])
{
	size_t size = strlen(name), digits = 2 * RECORD_HASH_SIZE;

	return size > digits && hex_parse(name + size - digits, digits, ret) == 0;
}

/* A question on its way. */
struct question {
	const struct ask *ask;
	struct calls *calls;
	struct ask_answers *answers;
	uint64_t good;       /* answered with success */
	uint64_t started;    /* monotonic ns */
	uint64_t grace_till; /* 0: the needs are not met yet */
};

static uint64_t now(const struct ask *ask)
{
	return ask->env->clock_monotonic_ns(ask->env->context);
}

static int begin(struct question *q, const struct ask *ask, struct ask_answers *answers,
	struct sherd_error *err)
{
	assert(ask->count <= POOL_PLACES_MAX);
	*q = (struct question){.ask = ask, .answers = answers, .started = now(ask)};
	if (answers) {
		memset(answers, 0, sizeof(*answers));
		for (size_t i = 0; i < ask->count; i++)
			answers->code[i] = SHERD_TIMEOUT;
	}
	return calls_new(ask->env, &q->calls, err);
}

static void answer(struct question *q, size_t index, int code, const char *why)
{
	struct ask_answers *a = q->answers;

	a->answered |= BIT(index);
	a->code[index] = code;
	snprintf(a->why[index], ASK_WHY_SIZE, "%.*s", ASK_WHY_SIZE - 1, code ? why : "");
	if (!code)
		q->good |= BIT(index);
}

/* Those that never came to an end. */
static void name_slow_ones(struct question *q, uint64_t mask)
{
	for (size_t i = 0; i < q->ask->count; i++)
		if (mask & ~q->answers->answered & BIT(i))
			snprintf(q->answers->why[i], ASK_WHY_SIZE, "place '%s': slower than others",
				member_name(q->ask->members[i]));
}

/*
 * Wait for the next end. 1: there is one; 0: nothing is left to wait for, or enough has come and
 * the others had their time; else an error.
 */
static int next_end(struct question *q, const struct ask_need *needs, size_t need_count,
	struct call_end *ret, struct sherd_error *err)
{
	for (;;) {
		uint64_t wait = TICK_NS, time;
		bool met = need_count > 0;
		int r;

		if (!calls_open(q->calls))
			return 0;
		if (sherd_cancel_requested(q->ask->cancel))
			return err_set(err, SHERD_CANCELLED, "cancelled");
		time = now(q->ask);
		for (size_t i = 0; i < need_count; i++)
			met = met && ask_met(&needs[i], q->good);
		if (met && !q->grace_till)
			q->grace_till = time + INT_MAX_OF(2 * (time - q->started), GRACE_MIN_NS);
		if (q->grace_till)
			wait = time < q->grace_till ? INT_MIN_OF(TICK_NS, q->grace_till - time) : 0;
		r = calls_next(q->calls, wait, ret, err);
		if (!r)
			return 1;
		if (r != SHERD_TIMEOUT)
			return r;
		if (q->grace_till && now(q->ask) >= q->grace_till)
			return 0;
	}
}

/* --- putting --- */

static void hold_ref(void *object)
{
	record_file_ref(object);
}

static void hold_unref(void *object)
{
	record_file_unref(object);
}

/* A put has ended, or the reading back. */
static int put_step(struct question *q, const char *name, struct record_file *file,
	struct call_end *end, struct sherd_error *err)
{
	size_t index = (size_t)end->tag;
	struct member *m = q->ask->members[index];

	if (end->kind == CALL_PUT) {
		if (end->code == 0 || end->code == SHERD_EXISTS)
			return calls_get(
				q->calls, m, index, name, 0, file->size + 1, NULL, NULL, err);
		answer(q, index, end->code, end->error.message);
		return 0;
	}
	if (end->code) {
		answer(q, index, end->code, end->error.message);
		return 0;
	}
	if (end->got == file->size && memcmp(end->data, file->data, file->size) == 0) {
		answer(q, index, 0, "");
		return 0;
	}
	member_lied(m, name);
	answer(q, index, SHERD_CORRUPT, "it gave back other bytes than were written");
	return 0;
}

static int put_all(struct question *q, uint64_t mask, const char *name, struct record_file *file,
	const struct ask_need *needs, size_t need_count, struct sherd_error *err)
{
	struct iovec part = hash_part(file->data, file->size);
	struct call_hold hold = {hold_ref, hold_unref, file};
	struct call_end end;
	int r = 0;

	for (size_t i = 0; !r && i < q->ask->count; i++)
		if (mask & BIT(i))
			r = calls_put(q->calls, q->ask->members[i], i, name, &part, 1, &hold, err);
	while (!r && (r = next_end(q, needs, need_count, &end, err)) == 1) {
		r = put_step(q, name, file, &end, err);
		call_end_release(&end);
	}
	return r;
}

int ask_put(const struct ask *ask, uint64_t mask, const char *name, struct record_file *file,
	const struct ask_need *needs, size_t need_count, uint64_t *ret_good,
	struct ask_answers *answers, struct sherd_error *err)
{
	struct question q;
	int r = begin(&q, ask, answers, err);

	*ret_good = 0;
	if (r)
		return r;
	r = put_all(&q, mask, name, file, needs, need_count, err);
	calls_free(q.calls);
	name_slow_ones(&q, mask);
	*ret_good = q.good;
	return r;
}

/* --- listing --- */

struct listing {
	const char *prefix;
	ask_visit *visit;
	void *context;
	size_t seen[POOL_PLACES_MAX];
};

/* A page must go on where the last one ended: a place that lists for ever is stopped. */
static int list_step(
	struct question *q, struct listing *l, struct call_end *end, struct sherd_error *err)
{
	size_t index = (size_t)end->tag, count = end->page.count;
	const char *last;

	if (end->code) {
		answer(q, index, end->code, end->error.message);
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		int r = l->visit(
			l->context, index, end->page.entries[i].name, end->page.entries[i].size);

		if (r)
			return r == SHERD_NOMEM ? err_nomem(err) : r;
	}
	l->seen[index] += count;
	if (!end->page.more || !count) {
		answer(q, index, 0, "");
		return 0;
	}
	if (l->seen[index] > ASK_NAMES_MAX) {
		answer(q, index, SHERD_CORRUPT, "it lists more names than there can be");
		return 0;
	}
	last = end->page.entries[count - 1].name;
	return calls_list(q->calls, q->ask->members[index], index, l->prefix, last, err);
}

static int list_all(struct question *q, uint64_t mask, struct listing *l,
	const struct ask_need *need, struct sherd_error *err)
{
	struct call_end end;
	int r = 0;

	for (size_t i = 0; !r && i < q->ask->count; i++)
		if (mask & BIT(i))
			r = calls_list(q->calls, q->ask->members[i], i, l->prefix, NULL, err);
	while (!r && (r = next_end(q, need, need ? 1 : 0, &end, err)) == 1) {
		r = list_step(q, l, &end, err);
		call_end_release(&end);
	}
	return r;
}

int ask_list(const struct ask *ask, uint64_t mask, const char *prefix, const struct ask_need *need,
	ask_visit *visit, void *context, struct ask_answers *answers, struct sherd_error *err)
{
	struct listing l = {.prefix = prefix, .visit = visit, .context = context};
	struct question q;
	int r = begin(&q, ask, answers, err);

	if (r)
		return r;
	r = list_all(&q, mask, &l, need, err);
	calls_free(q.calls);
	name_slow_ones(&q, mask);
	return r;
}

/* --- one name from all --- */

int ask_get(const struct ask *ask, uint64_t mask, const char *name, size_t size_max,
	const struct ask_need *need, ask_data *visit, void *context, struct ask_answers *answers,
	struct sherd_error *err)
{
	struct question q;
	struct call_end end;
	int r = begin(&q, ask, answers, err);

	if (r)
		return r;
	for (size_t i = 0; !r && i < ask->count; i++)
		if (mask & BIT(i))
			r = calls_get(
				q.calls, ask->members[i], i, name, 0, size_max, NULL, NULL, err);
	while (!r && (r = next_end(&q, need, need ? 1 : 0, &end, err)) == 1) {
		answer(&q, (size_t)end.tag, end.code, end.error.message);
		r = end.code ? 0 : visit(context, (size_t)end.tag, end.data, end.got);
		call_end_release(&end);
	}
	calls_free(q.calls);
	name_slow_ones(&q, mask);
	return r;
}

/* --- fetching --- */

#define TAG(want, place) ((uint64_t)(want) << 8 | (place))
#define TAG_WANT(tag) ((size_t)((tag) >> 8))
#define TAG_PLACE(tag) ((size_t)((tag)&255))

/* Ask the next place that may have it; 0 also if there is none left. */
static int fetch_next(
	struct question *q, struct ask_want *want, size_t number, struct sherd_error *err)
{
	size_t best = q->ask->count;

	for (size_t i = q->ask->count; i-- > 0;)
		if (want->from & BIT(i))
			best = best < q->ask->count && !member_usable(q->ask->members[i]) ? best
											  : i;
	if (best == q->ask->count)
		return 0;
	want->from &= ~BIT(best);
	return calls_get(q->calls, q->ask->members[best], TAG(number, best), want->name, 0,
		want->size + 1, NULL, NULL, err);
}

static int take_file(struct ask_want *want, const struct call_end *end, struct sherd_error *err)
{
	CLEANUP(record_file_unref_at) struct record_file *file = NULL;
	uint8_t hash[RECORD_HASH_SIZE];

	if (end->got > want->size)
		return 0;
	file = record_file_new(end->data, end->got);
	if (!file)
		return err_nomem(err);
	if (ask_hash_of(want->name, hash) && memcmp(hash, file->hash.bytes, RECORD_HASH_SIZE) == 0)
		want->file = TAKE(file);
	return 0;
}

static int fetch_step(
	struct question *q, struct ask_want *wants, struct call_end *end, struct sherd_error *err)
{
	size_t number = TAG_WANT(end->tag), place = TAG_PLACE(end->tag);
	struct ask_want *want = &wants[number];

	want->code = end->code;
	if (!end->code) {
		int r = take_file(want, end, err);

		if (r || want->file)
			return r;
		want->code = SHERD_CORRUPT;
		want->wrong |= BIT(place);
		member_lied(q->ask->members[place], want->name);
	}
	return fetch_next(q, want, number, err);
}

int ask_fetch(const struct ask *ask, struct ask_want *wants, size_t count, struct sherd_error *err)
{
	struct question q;
	struct call_end end;
	size_t next = 0, bytes = 0;
	int r = begin(&q, ask, NULL, err);

	if (r)
		return r;
	while (!r) {
		if (!calls_open(q.calls))
			bytes = 0;
		for (; !r && next < count && calls_open(q.calls) < FETCH_CALLS &&
			(bytes == 0 || bytes + wants[next].size <= FETCH_BYTES);
			next++) {
			bytes += wants[next].size;
			r = fetch_next(&q, &wants[next], next, err);
		}
		if (r)
			break;
		r = next_end(&q, NULL, 0, &end, err);
		if (r == 0 && next == count)
			break;
		if (r != 1) {
			continue;
		}
		r = fetch_step(&q, wants, &end, err);
		call_end_release(&end);
	}
	calls_free(q.calls);
	return r;
}
