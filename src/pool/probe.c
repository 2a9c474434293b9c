/* SPDX-License-Identifier: MIT */
/*
 * probe.c - head and body come in one call when the body wanted is whole (share files are read
 * best in one piece) or near the head; else in two calls at one time. A member without threads
 * reads right into the caller's memory; any other reads into memory of the call's own, for a call
 * that is given up may still write into it when the caller has long gone on. What was verified is
 * copied from there while it is in the cache.
 *
 * The order of judgement: sizes, then the head, then leaf by leaf. The first thing that is wrong
 * names the fault, and the place is said to have lied, because no honest store answers so. (Bit rot
 * is a lie here: the store answered for the bytes.)
 */
#include "probe.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/workers.h>
#include "heads.h"
#include "member.h"

#define TOGETHER_MAX ((size_t)256 << 10) /* bytes read for nothing at most, to save a call */
#define CHECK_LEAVES 16                  /* one piece of verifying */
#define LEAVES_MAX (POOL_SHARE_SIZE_MAX / HASH_LEAF_SIZE)

static size_t head_size(const struct probe *p)
{
	return share_head_size(p->ref->m, p->ref->share_size);
}

static size_t body_size(const struct probe *p)
{
	return p->leaf_count * HASH_LEAF_SIZE;
}

static size_t body_at(const struct probe *p)
{
	return head_size(p) + p->first_leaf * HASH_LEAF_SIZE;
}

static bool covers_all(const struct probe *p)
{
	return p->from == 0 && p->size == body_size(p);
}

static bool reads_direct(const struct probe *p)
{
	return p->to && covers_all(p) && member_inline(p->member);
}

/* --- asking --- */

/* The calls that fetch the parts: which of them go together. */
static unsigned calls_for(const struct probe *p)
{
	size_t all = p->ref->share_size / HASH_LEAF_SIZE;
	unsigned both = PROBE_HEAD | PROBE_BODY;
	bool near = p->first_leaf * HASH_LEAF_SIZE <= TOGETHER_MAX;

	if ((p->parts & both) != both || reads_direct(p))
		return p->parts;
	if (p->leaf_count == all || (near && body_size(p) <= TOGETHER_MAX))
		return (p->parts & ~both) | PROBE_TOGETHER;
	return p->parts;
}

static int make_call(struct probe *p, struct calls *g, enum probe_part part, const char *name,
	struct sherd_error *err)
{
	uint64_t tag = p->tag + part;

	switch (part) {
	case PROBE_STAT:
		return calls_stat(g, p->member, tag, name, err);
	case PROBE_HEAD:
		return calls_get(g, p->member, tag, name, 0, head_size(p), NULL, NULL, err);
	case PROBE_BODY:
		return calls_get(g, p->member, tag, name, body_at(p), body_size(p),
			reads_direct(p) ? p->to : NULL, NULL, err);
	case PROBE_TOGETHER:
		return calls_get(
			g, p->member, tag, name, 0, body_at(p) + body_size(p), NULL, NULL, err);
	}
	return err_set(err, SHERD_INVALID, "no such part of a share");
}

static int prepare(struct probe *p, struct sherd_error *err)
{
	p->code = 0;
	p->why[0] = '\0';
	if (!(p->parts & PROBE_BODY) || p->expect_body)
		return 0;
	assert(p->leaf_count && p->parts & PROBE_HEAD);
	p->leaves = mem_array(p->leaf_count, sizeof(*p->leaves));
	if (!p->leaves)
		return err_nomem(err);
	if (p->use_heads && heads_find(p->packs->heads, &p->ref->id, p->share, p->first_leaf,
				    p->leaf_count, p->leaves))
		p->parts &= ~(unsigned)PROBE_HEAD;
	return 0;
}

int probe_start(struct probe *p, struct calls *g, uint64_t tag, struct sherd_error *err)
{
	const struct sherd_env *env = env_or_system(p->packs->env);
	char name[SHARE_NAME_SIZE];
	unsigned parts;
	int r = prepare(p, err);

	assert(tag % PROBE_PARTS == 0 && !p->asked);
	share_name(&p->ref->id, p->share, name);
	p->tag = tag;
	p->asked_ns = env->clock_monotonic_ns(env->context);
	parts = calls_for(p);
	p->pending = parts;
	for (unsigned part = PROBE_STAT; !r && part <= PROBE_TOGETHER; part *= 2)
		if (parts & part)
			r = make_call(p, g, (enum probe_part)part, name, err);
	if (r)
		probe_release(p);
	else
		p->asked = true;
	return r;
}

/* --- judging --- */

__attribute__((format(printf, 2, 3))) static int wrong(struct probe *p, const char *format, ...)
{
	char name[SHARE_NAME_SIZE];
	char line[PROBE_WHY_SIZE + SHARE_NAME_SIZE + 8];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(p->why, sizeof(p->why), format, arguments);
	va_end(arguments);
	share_name(&p->ref->id, p->share, name);
	snprintf(line, sizeof(line), "'%s': %s", name, p->why);
	member_lied(p->member, line);
	return SHERD_CORRUPT;
}

static int keep_head(struct probe *p, const struct hash *leaves)
{
	size_t all = p->ref->share_size / HASH_LEAF_SIZE;

	if (p->leaves)
		memcpy(p->leaves, leaves + p->first_leaf, p->leaf_count * sizeof(*leaves));
	if (p->use_heads)
		heads_add(p->packs->heads, &p->ref->id, p->share, leaves, all);
	return 0;
}

static int judge_head(struct probe *p)
{
	struct hash leaves[LEAVES_MAX];
	struct sherd_error err;
	int r;

	if (p->expect_head)
		return memcmp(p->head, p->expect_head, head_size(p)) == 0
			       ? 0
			       : wrong(p, "head is not what was written");
	if (!p->manifest)
		p->manifest = mem_array(1, sizeof(*p->manifest));
	if (!p->manifest)
		return SHERD_NOMEM;
	r = share_head_read(
		p->head, head_size(p), &p->ref->id, p->share, p->manifest, leaves, &err);
	if (r == SHERD_NEWER) {
		snprintf(p->why, sizeof(p->why), "%.*s", PROBE_WHY_SIZE - 1, err.message);
		return r;
	}
	if (r)
		return wrong(p, "%.*s", PROBE_WHY_SIZE - 1, err.message);
	if (p->manifest->k != p->ref->k || p->manifest->m != p->ref->m ||
		p->manifest->share_size != p->ref->share_size)
		return wrong(p, "pack is of another shape than its reference says");
	return keep_head(p, leaves);
}

struct checking {
	struct probe *p;
	atomic_size_t wrong; /* number of the first wrong leaf; leaf_count: none */
};

/* Copy what is wanted of bytes [at, at + size) of the leaves. */
static void copy_part(const struct probe *p, size_t at, size_t size)
{
	size_t from = INT_MAX_OF(at, p->from);
	size_t end = INT_MIN_OF(at + size, p->from + p->size);

	if (from < end)
		memcpy(p->to + (from - p->from), p->body + from, end - from);
}

static void note_wrong(struct checking *c, size_t leaf)
{
	size_t before = atomic_load(&c->wrong);

	while (leaf < before && !atomic_compare_exchange_weak(&c->wrong, &before, leaf))
		;
}

static size_t check_leaves(const struct probe *p, size_t first, size_t count)
{
	size_t at = first * HASH_LEAF_SIZE, size = count * HASH_LEAF_SIZE;

	if (p->leaves)
		return share_check(p->leaves, first, p->body + at, size);
	for (size_t i = 0; i < count; i++, at += HASH_LEAF_SIZE)
		if (memcmp(p->body + at, p->expect_body + at, HASH_LEAF_SIZE) != 0)
			return i;
	return count;
}

static void check_job(void *context, size_t index, unsigned worker)
{
	struct checking *c = context;
	struct probe *p = c->p;
	size_t first = index * CHECK_LEAVES;
	size_t count = INT_MIN_OF((size_t)CHECK_LEAVES, p->leaf_count - first);
	size_t right = check_leaves(p, first, count);

	(void)worker;
	if (right < count)
		note_wrong(c, first + right);
	else if (p->to && p->to != p->body)
		copy_part(p, first * HASH_LEAF_SIZE, count * HASH_LEAF_SIZE);
}

static int judge_body(struct probe *p)
{
	struct checking c = {.p = p};
	size_t first_wrong, pieces = (size_t)int_div_up(p->leaf_count, CHECK_LEAVES);

	atomic_init(&c.wrong, p->leaf_count);
	workers_run(pieces > 1 ? p->packs->workers : NULL, check_job, &c, pieces);
	first_wrong = atomic_load(&c.wrong);
	if (first_wrong < p->leaf_count)
		return wrong(p, "leaf %zu", p->first_leaf + first_wrong);
	return 0;
}

static int judge(struct probe *p)
{
	int r = 0;

	if (p->head)
		r = judge_head(p);
	if (!r && p->body)
		r = judge_body(p);
	if (r == SHERD_NOMEM)
		snprintf(p->why, sizeof(p->why), "out of memory");
	return r;
}

/* --- answers --- */

static int take_stat(struct probe *p, const struct call_end *end)
{
	uint64_t size = head_size(p) + (uint64_t)p->ref->share_size;

	if (end->stat.size == size)
		return 0;
	return wrong(p, "%" PRIu64 " bytes in place of %" PRIu64, end->stat.size, size);
}

static int take_get(struct probe *p, struct call_end *end, unsigned part)
{
	size_t wanted = part == PROBE_HEAD ? head_size(p) : body_size(p);
	uint8_t *data = end->data;

	if (part == PROBE_TOGETHER)
		wanted += body_at(p);
	p->memory[part == PROBE_HEAD ? 0 : 1] = TAKE(end->data);
	if (end->got != wanted)
		return wrong(
			p, "cut short at %zu", end->got + (part == PROBE_BODY ? body_at(p) : 0));
	if (part != PROBE_BODY)
		p->head = data;
	if (part == PROBE_BODY)
		p->body = data ? data : p->to;
	else if (part == PROBE_TOGETHER)
		p->body = data + body_at(p);
	return 0;
}

static int take_failure(struct probe *p, const struct call_end *end)
{
	snprintf(p->why, sizeof(p->why), "%.*s", PROBE_WHY_SIZE - 1, end->error.message);
	return end->code;
}

bool probe_take(struct probe *p, struct call_end *end)
{
	unsigned part = (unsigned)(end->tag % PROBE_PARTS);
	int r = 0;

	if (p->asked && end->tag - part == p->tag && p->pending & part) {
		p->pending &= ~part;
		if (end->code)
			r = take_failure(p, end);
		else if (part == PROBE_STAT)
			r = take_stat(p, end);
		else
			r = take_get(p, end, part);
		if (!r && !p->pending)
			r = judge(p);
		p->code = r;
		p->asked = !r && p->pending;
		call_end_release(end);
		return !p->asked;
	}
	call_end_release(end);
	return false;
}

void probe_drop_body(struct probe *p, const uint8_t *elsewhere)
{
	if (p->body == elsewhere)
		return;
	p->body = elsewhere;
	mem_free(p->memory[1]);
	p->memory[1] = NULL;
	p->head = NULL;
}

void probe_release(struct probe *p)
{
	mem_free(p->memory[0]);
	mem_free(p->memory[1]);
	mem_free(p->leaves);
	mem_free(p->manifest);
	p->memory[0] = p->memory[1] = NULL;
	p->leaves = NULL;
	p->manifest = NULL;
	p->head = p->body = NULL;
	p->asked = false;
	p->pending = 0;
}
