/* SPDX-License-Identifier: MIT */
/* told.c - a list of notes under a lock, and a clock for the progress. */
#include <repo/told.h>

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <pool/share.h>

#define SHARES_MAX 4096 /* remembered; a share met again behind so many others is told again */
#define PERIOD_NS UINT64_C(100000000) /* between two reports of progress */

struct told_note {
	struct told_note *next;
	enum sherd_note_kind kind;
	char *path, *place;
	bool explained;
	struct sherd_error why;
};

struct told_shares {
	size_t count;
	struct {
		struct hash pack;
		unsigned share;
	} told[SHARES_MAX]; /* a ring */
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
	mem_free(t->shares);
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

/* --- bad shares --- */

/* Whether the share was not met before. Without memory it is told as often as it is met. */
static bool is_news(struct told *t, const struct hash *pack, unsigned share)
{
	size_t known;

	if (!t->shares)
		t->shares = mem_array(1, sizeof(*t->shares));
	if (!t->shares)
		return true;
	known = t->shares->count < SHARES_MAX ? t->shares->count : SHARES_MAX;
	for (size_t i = 0; i < known; i++)
		if (t->shares->told[i].share == share &&
			memcmp(&t->shares->told[i].pack, pack, sizeof(*pack)) == 0)
			return false;
	t->shares->told[t->shares->count % SHARES_MAX].pack = *pack;
	t->shares->told[t->shares->count++ % SHARES_MAX].share = share;
	return true;
}

/* That it cannot be told without memory changes nothing. */
static void share_told(void *context, const struct pool_ref *ref, unsigned share,
	const struct member *member, int code, const char *why)
{
	struct told *t = context;
	char name[SHARE_NAME_SIZE];
	struct sherd_error err;
	bool news;

	pthread_mutex_lock(&t->lock);
	news = is_news(t, &ref->id, share);
	t->bad_shares += news;
	pthread_mutex_unlock(&t->lock);
	if (!news)
		return;
	share_name(&ref->id, share, name);
	err_set(&err, code ? code : SHERD_CORRUPT, "%s", why ? why : "bad share");
	(void)told_note(t, SHERD_NOTE_SHARE, name, member ? member_name(member) : NULL, &err);
}

struct packs_watch told_watch(struct told *t)
{
	return (struct packs_watch){.share = share_told, .context = t};
}

uint64_t told_bad_shares(struct told *t)
{
	uint64_t count;

	pthread_mutex_lock(&t->lock);
	count = t->bad_shares;
	pthread_mutex_unlock(&t->lock);
	return count;
}

/* --- telling --- */

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
