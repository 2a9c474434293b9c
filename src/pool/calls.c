/* SPDX-License-Identifier: MIT */
/*
 * calls.c - a group of calls: those that are on their way, in the order in which they were made,
 * and those that have ended, in the order in which they did.
 *
 * Locks: a group has one, a member has one, and nobody holds both. A call that is over its deadline
 * is *forgotten*: it leaves the group at once; if it was only queued it is taken from its member's
 * queue as well, else whoever makes it drops its end. Its memory, and what it holds, goes with the
 * last of the two.
 *
 * A call may wait in its member's queue for one deadline, and then take another one.
 */
#include "member.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>

#define WAIT_MAX_NS UINT64_C(3600000000000) /* one wait of the system; then we look again */
#define BUFFER_ALIGNMENT 4096

struct list {
	struct call *first, *last;
};

struct calls {
	const struct sherd_env *env; /* constant */
	atomic_uint refs;            /* the owner, and each call */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t ended_one;
	struct list open;
	struct list ended;
	size_t count; /* of both lists */
};

/* --- lists; with the group's lock --- */

static void list_add(struct list *list, struct call *c)
{
	c->next = NULL;
	c->before = list->last;
	if (list->last)
		list->last->next = c;
	else
		list->first = c;
	list->last = c;
}

static void list_remove(struct list *list, struct call *c)
{
	if (c->before)
		c->before->next = c->next;
	else
		list->first = c->next;
	if (c->next)
		c->next->before = c->before;
	else
		list->last = c->before;
	c->next = c->before = NULL;
}

/* --- life --- */

int calls_new(const struct sherd_env *env, struct calls **ret, struct sherd_error *err)
{
	struct calls *g = mem_array(1, sizeof(*g));
	pthread_condattr_t attributes;

	if (!g)
		return err_nomem(err);
	g->env = env_or_system(env);
	atomic_init(&g->refs, 1);
	pthread_mutex_init(&g->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&g->ended_one, &attributes);
	pthread_condattr_destroy(&attributes);
	*ret = g;
	return 0;
}

static void group_unref(struct calls *g)
{
	if (atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
		return;
	pthread_cond_destroy(&g->ended_one);
	pthread_mutex_destroy(&g->lock);
	mem_free(g);
}

void call_end_release(struct call_end *end)
{
	mem_free(end->data);
	end->data = NULL;
	place_page_release(&end->page);
	end->page = (struct place_page){0};
}

void call_ref(struct call *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

void call_unref(struct call *c)
{
	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	call_end_release(&c->end);
	if (c->own_buffer)
		mem_free(c->buffer);
	if (c->hold.unref)
		c->hold.unref(c->hold.object);
	member_unref(c->member);
	group_unref(c->group);
	mem_free(c);
}

/* Nobody waits for it any longer. With the group's lock; the group's reference is the caller's. */
static void forget(struct calls *g, struct call *c)
{
	list_remove(&g->open, c);
	g->count--;
	c->forgotten = true;
}

static struct call *forget_first(struct calls *g)
{
	struct call *c;

	pthread_mutex_lock(&g->lock);
	c = g->open.first;
	if (c)
		forget(g, c);
	pthread_mutex_unlock(&g->lock);
	return c;
}

void calls_free(struct calls *g)
{
	struct call *c;

	if (!g)
		return;
	while ((c = forget_first(g))) {
		member_withdraw(c->member, c);
		call_unref(c);
	}
	/* Nothing is open, so nothing ends any more. */
	while ((c = g->ended.first)) {
		list_remove(&g->ended, c);
		call_unref(c);
	}
	group_unref(g);
}

size_t calls_open(const struct calls *g)
{
	/* Only the owner, who is asking, changes it. */
	return g->count;
}

/* --- what a member does with a call --- */

bool call_start(struct call *c, uint64_t now)
{
	bool wanted;

	pthread_mutex_lock(&c->group->lock);
	wanted = !c->forgotten;
	c->started_ns = INT_MAX_OF(now, UINT64_C(1));
	pthread_mutex_unlock(&c->group->lock);
	return wanted;
}

bool call_claim(struct call *c)
{
	pthread_mutex_lock(&c->group->lock);
	c->claimed = !c->forgotten;
	pthread_mutex_unlock(&c->group->lock);
	return c->claimed;
}

/* What was read goes with the end, when the buffer was the call's own. */
static void finish_buffer(struct call *c)
{
	if (!c->own_buffer || c->end.code)
		return;
	c->end.data = c->buffer;
	c->buffer = NULL;
	c->own_buffer = false;
}

void call_finish(struct call *c)
{
	struct calls *g = c->group;

	finish_buffer(c);
	pthread_mutex_lock(&g->lock);
	if (!c->forgotten) {
		list_remove(&g->open, c);
		list_add(&g->ended, c);
		pthread_cond_signal(&g->ended_one);
	}
	pthread_mutex_unlock(&g->lock);
}

/* --- making calls --- */

static struct call *new_call(
	struct calls *g, struct member *m, enum call_kind kind, uint64_t tag, const char *name)
{
	struct call *c = mem_array(1, sizeof(*c));
	size_t length = strnlen(name, PLACE_NAME_MAX + 1);

	if (!c)
		return NULL;
	/* A name that is too long is cut to one that is too long still, and refused by the place.
	 */
	memcpy(c->name, name, INT_MIN_OF(length, sizeof(c->name) - 1));
	if (length > PLACE_NAME_MAX)
		c->name[0] = '/';
	c->member = m;
	member_ref(m);
	c->group = g;
	atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
	c->kind = kind;
	c->tag = tag;
	c->end.member = m;
	c->end.kind = kind;
	c->end.tag = tag;
	atomic_init(&c->refs, 1);
	return c;
}

static void take_hold(struct call *c, const struct call_hold *hold)
{
	if (!hold)
		return;
	hold->ref(hold->object);
	c->hold = *hold;
}

static void submit(struct calls *g, struct call *c)
{
	c->queued_ns = g->env->clock_monotonic_ns(g->env->context);
	call_ref(c); /* the member's */
	pthread_mutex_lock(&g->lock);
	list_add(&g->open, c);
	g->count++;
	pthread_mutex_unlock(&g->lock);
	member_submit(c->member, c);
}

int calls_put(struct calls *g, struct member *m, uint64_t tag, const char *name,
	const struct iovec *parts, size_t count, const struct call_hold *hold,
	struct sherd_error *err)
{
	struct call *c = new_call(g, m, CALL_PUT, tag, name);

	assert(count <= CALL_PARTS_MAX);
	if (!c)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++)
		c->parts[i] = parts[i];
	c->part_count = count;
	take_hold(c, hold);
	submit(g, c);
	return 0;
}

int calls_get(struct calls *g, struct member *m, uint64_t tag, const char *name, uint64_t at,
	size_t size, uint8_t *buffer, const struct call_hold *hold, struct sherd_error *err)
{
	struct call *c = new_call(g, m, CALL_GET, tag, name);

	if (!c)
		return err_nomem(err);
	c->at = at;
	c->size = size;
	c->buffer = buffer;
	c->own_buffer = !buffer;
	if (!buffer)
		c->buffer = mem_aligned(BUFFER_ALIGNMENT, size);
	if (!c->buffer) {
		call_unref(c);
		return err_nomem(err);
	}
	take_hold(c, hold);
	submit(g, c);
	return 0;
}

static int make_simple(struct calls *g, struct member *m, enum call_kind kind, uint64_t tag,
	const char *name, struct sherd_error *err)
{
	struct call *c = new_call(g, m, kind, tag, name);

	if (!c)
		return err_nomem(err);
	submit(g, c);
	return 0;
}

int calls_stat(
	struct calls *g, struct member *m, uint64_t tag, const char *name, struct sherd_error *err)
{
	return make_simple(g, m, CALL_STAT, tag, name, err);
}

int calls_remove(
	struct calls *g, struct member *m, uint64_t tag, const char *name, struct sherd_error *err)
{
	return make_simple(g, m, CALL_REMOVE, tag, name, err);
}

int calls_list(struct calls *g, struct member *m, uint64_t tag, const char *prefix,
	const char *after, struct sherd_error *err)
{
	struct call *c = new_call(g, m, CALL_LIST, tag, prefix);

	if (!c)
		return err_nomem(err);
	c->has_after = after != NULL;
	if (after)
		memcpy(c->after, after, strnlen(after, PLACE_NAME_MAX));
	submit(g, c);
	return 0;
}

/* --- collecting --- */

static uint64_t due_ns(const struct call *c)
{
	uint64_t from = c->started_ns ? c->started_ns : c->queued_ns, due;

	return INT_ADD(from, member_deadline_ns(c->member), &due) ? due : UINT64_MAX;
}

/* The call whose deadline comes first; NULL if none is open. With the lock. */
static struct call *first_due(struct calls *g, uint64_t *ret_due)
{
	struct call *best = NULL;

	*ret_due = UINT64_MAX;
	for (struct call *c = g->open.first; c; c = c->next) {
		uint64_t due = due_ns(c);

		if (c->claimed || due >= *ret_due)
			continue;
		*ret_due = due;
		best = c;
	}
	return best;
}

/* False if the time is over and nothing was signalled. */
static bool wait_for_end(struct calls *g, uint64_t wait_ns)
{
	struct timespec till;
	uint64_t ns;

	wait_ns = INT_MIN_OF(wait_ns, WAIT_MAX_NS);
	clock_gettime(CLOCK_MONOTONIC, &till);
	ns = (uint64_t)till.tv_nsec + wait_ns;
	till.tv_sec += (time_t)(ns / 1000000000);
	till.tv_nsec = (long)(ns % 1000000000);
	return pthread_cond_timedwait(&g->ended_one, &g->lock, &till) != ETIMEDOUT;
}

static void collect(struct calls *g, struct call *c, struct call_end *ret_end)
{
	list_remove(&g->ended, c);
	g->count--;
	*ret_end = c->end;
	c->end.data = NULL;
	c->end.page = (struct place_page){0};
}

/* The end of a call that is late. */
static void overdue(struct call *c, struct call_end *ret_end)
{
	struct member *m = c->member;

	member_withdraw(m, c);
	member_overdue(m, c->kind);
	*ret_end = (struct call_end){
		.member = m,
		.kind = c->kind,
		.tag = c->tag,
		.code = SHERD_TIMEOUT,
		.duration_ns = member_deadline_ns(m),
	};
	err_set(&ret_end->error, SHERD_TIMEOUT, "place '%s': no answer in time", member_name(m));
}

/*
 * Wait until a call has ended, which is returned, or is over its deadline, which is forgotten and
 * returned with ${ret_late}, or the time is over: NULL. With the lock.
 */
static struct call *await(struct calls *g, uint64_t wait_ns, bool *ret_late)
{
	const struct sherd_env *env = g->env;
	uint64_t start = env->clock_monotonic_ns(env->context), waited = 0;

	*ret_late = false;
	for (;;) {
		uint64_t now = env->clock_monotonic_ns(env->context), due;
		struct call *late;

		if (g->ended.first)
			return g->ended.first;
		late = first_due(g, &due);
		if (late && now >= due) {
			forget(g, late);
			*ret_late = true;
			return late;
		}
		waited = now - start;
		if (waited >= wait_ns)
			return NULL;
		/* The clock of a model may stand still, the system's does not. */
		if (!wait_for_end(g, INT_MIN_OF(wait_ns - waited, due - now)) &&
			wait_ns - waited <= INT_MIN_OF(due - now, WAIT_MAX_NS))
			wait_ns = 0;
	}
}

int calls_next(struct calls *g, uint64_t wait_ns, struct call_end *ret_end, struct sherd_error *err)
{
	struct call *c;
	bool late;

	if (!g->count)
		return err_set(err, SHERD_NOTFOUND, "no call is under way");
	pthread_mutex_lock(&g->lock);
	c = await(g, wait_ns, &late);
	if (c && !late)
		collect(g, c, ret_end);
	pthread_mutex_unlock(&g->lock);
	if (!c)
		return err_set(err, SHERD_TIMEOUT, "no answer yet");
	if (late)
		overdue(c, ret_end);
	call_unref(c);
	return 0;
}
