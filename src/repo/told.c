/* SPDX-License-Identifier: MIT */
/* told.c - a list of notes under a lock, and a clock for the progress. */
#include <repo/told.h>

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

#define PERIOD_NS UINT64_C(100000000) /* between two reports of progress */

struct told_note {
	struct told_note *next;
	enum sherd_note_kind kind;
	char *path, *place;
	bool explained;
	struct sherd_error why;
};

static void note_free(struct told_note *n)
{
	if (!n)
		return;
	mem_free(n->path);
	mem_free(n->place);
	mem_free(n);
}

static uint64_t bytes_read_at(const struct packs *packs, size_t i)
{
	struct member_counts counts;

	member_counts(packs->members[i].member, &counts);
	return counts.bytes_read;
}

int told_init(struct told *t, const struct sherd_repo_hooks *hooks, struct sherd_pool *pool,
	struct sherd_error *err)
{
	const struct packs *packs = pool_packs(pool);

	*t = (struct told){.hooks = hooks, .pool = pool, .last = &t->first};
	t->base = mem_array(packs->count, sizeof(*t->base));
	t->places = mem_array(packs->count, sizeof(*t->places));
	if (!t->base || !t->places) {
		mem_free(t->base);
		mem_free(t->places);
		return err_nomem(err);
	}
	t->place_count = packs->count;
	for (size_t i = 0; i < packs->count; i++)
		t->base[i] = bytes_read_at(packs, i);
	pthread_mutex_init(&t->lock, NULL);
	return 0;
}

void told_release(struct told *t)
{
	while (t->first) {
		struct told_note *next = t->first->next;

		note_free(t->first);
		t->first = next;
	}
	mem_free(t->base);
	mem_free(t->places);
	pthread_mutex_destroy(&t->lock);
}

int told_note(struct told *t, enum sherd_note_kind kind, const char *path, const char *place,
	const struct sherd_error *why)
{
	struct told_note *n;

	if (!t->hooks || !t->hooks->note)
		return 0;
	n = mem_array(1, sizeof(*n));
	if (!n)
		return SHERD_NOMEM;
	n->kind = kind;
	n->path = mem_format("%s", path);
	n->place = place ? mem_format("%s", place) : NULL;
	n->explained = why != NULL;
	if (why)
		n->why = *why;
	if (!n->path || (place && !n->place)) {
		note_free(n);
		return SHERD_NOMEM;
	}
	pthread_mutex_lock(&t->lock);
	*t->last = n;
	t->last = &n->next;
	pthread_mutex_unlock(&t->lock);
	atomic_store(&t->waiting, true);
	return 0;
}

static struct told_note *take_all(struct told *t)
{
	struct told_note *all;

	pthread_mutex_lock(&t->lock);
	atomic_store(&t->waiting, false);
	all = t->first;
	t->first = NULL;
	t->last = &t->first;
	pthread_mutex_unlock(&t->lock);
	return all;
}

int told_notes(struct told *t)
{
	struct told_note *n;
	int r = 0;

	if (!atomic_load_explicit(&t->waiting, memory_order_relaxed))
		return 0;
	n = take_all(t);
	while (n) {
		struct told_note *next = n->next;
		struct sherd_note note = {.kind = n->kind,
			.path = n->path,
			.place = n->place,
			.why = n->explained ? &n->why : NULL};

		if (!r)
			r = t->hooks->note(t->hooks->context, &note);
		note_free(n);
		n = next;
	}
	return r;
}

int told_due(struct told *t)
{
	const struct sherd_env *env = pool_env(t->pool);
	uint64_t now;

	if (!t->hooks || !t->hooks->progress)
		return 0;
	now = env->clock_monotonic_ns(env->context);
	if (now < t->next_ns)
		return 0;
	t->next_ns = now + PERIOD_NS;
	return 1;
}

void told_progress(struct told *t, struct sherd_repo_progress *p)
{
	const struct packs *packs = pool_packs(t->pool);
	size_t count = t->place_count < packs->count ? t->place_count : packs->count;

	for (size_t i = 0; i < count; i++) {
		t->places[i].name = member_name(packs->members[i].member);
		t->places[i].bytes = bytes_read_at(packs, i) - t->base[i];
		t->places[i].failing = !member_usable(packs->members[i].member);
		p->bytes_moved += t->places[i].bytes;
	}
	p->places = t->places;
	p->place_count = count;
	t->hooks->progress(t->hooks->context, p);
}
