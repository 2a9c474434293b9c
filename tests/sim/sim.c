/* SPDX-License-Identifier: MIT */
/*
 * sim [--print] [--expect-caught] [--verify N] [--work DIR] FIRST COUNT: runs seeds FIRST ..
 * FIRST+COUNT-1, each twice.
 *
 * One process, one seed: two devices and five places, 3-of-5, through init, clone, backup, restore,
 * check and repair by the library's own code, in one thread, while places delay, fail, lose, lie,
 * rot, vanish and are rolled back, and devices are switched off at any step. After each step and at
 * the end:
 *
 *   - every acknowledged snapshot restores, byte for byte, on a fresh device, from any places
 * within its spare;
 *   - every listed snapshot restores, acknowledged or not: a head never comes before its packs;
 *   - a fresh device whose freshness is proven sees every acknowledged head;
 *   - a device that has seen a state refuses an older one that all places agree on;
 *   - the same seed gives the same trace of calls.
 *
 * --expect-caught: the program is broken on purpose (a mutant); exit 0 if some seed shows it.
 * --verify N: what a put reads back (enum packs_verify): 2 believes the places, which must be
 * caught.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/intmath.h>
#include <sherd/pool.h>
#include <sherd/repo.h>
#include "simenv.h"
#include "simplace.h"
#include "simtree.h"

enum { places_count = 5, k = 3, devices_max = 2, snapshots_max = 64, path_room = 256, steps = 22 };
static const char passphrase[] = "ochre mantle twig";

struct acknowledged {
	uint8_t id[SHERD_ID_SIZE];
	struct simtree tree;
	char folder[path_room]; /* its path in the snapshot */
	int spare;
	unsigned hits; /* bit: place damaged since */
};

struct device {
	struct simenv env;
	struct simplaces_hook hook;
	char state[path_room], cache[path_room], source[path_room];
	struct simtree tree;
	bool joined;
	uint64_t head_seq; /* newest acknowledged */
	uint8_t incarnation[16];
};

struct sim {
	uint64_t seed;
	const char *work;
	unsigned verify;
	bool print;
	struct simworld world;
	struct simplaces places;
	struct simrandom random;
	struct device devices[devices_max + 1]; /* the last one is the fresh one */
	struct acknowledged snapshots[snapshots_max];
	size_t snapshot_count;
	unsigned wiped;   /* bit: place wiped since then: it shows the past */
	unsigned damaged; /* bit: place damaged since the last repair; a backup may rely on what was
			     there */
	char fault[512];  /* what was violated; "" */
};

__attribute__((format(printf, 2, 3))) static bool violated(struct sim *s, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (!s->fault[0])
		vsnprintf(s->fault, sizeof(s->fault), format, arguments);
	va_end(arguments);
	return false;
}

__attribute__((format(printf, 2, 3))) static void note(struct sim *s, const char *format, ...)
{
	char line[300];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	simplaces_note(&s->places, line);
}

/* ---- opening ---- */

static int tell_passphrase(
	void *context, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	(void)context;
	(void)err;
	snprintf(buffer, size, "%s", passphrase);
	*ret_size = strlen(buffer);
	return 0;
}

static const struct sherd_secrets secrets = {.passphrase = tell_passphrase};

static struct sherd_pool_options pool_options(struct sim *s, struct device *d)
{
	return (struct sherd_pool_options){
		.env = &d->env.env,
		.state = d->state,
		.inline_calls = 1,
		.timeout_ms = 5000,
		.open_place = simplaces_open,
		.open_context = &d->hook,
		.verify = s->verify,
	};
}

/* A run of the program: pool and repo open. Either may be NULL. */
struct session {
	struct sherd_pool *pool;
	struct sherd_repo *repo;
	struct sherd_error err;
};

static void session_end(struct session *x)
{
	sherd_repo_free(x->repo);
	sherd_pool_free(x->pool);
	x->repo = NULL;
	x->pool = NULL;
}

static int session_repo(struct session *x, struct device *d)
{
	struct sherd_repo_options options = {.cache = d->cache, .threads = 1};

	mkdir(d->cache, 0700);
	return sherd_repo_open(x->pool, &options, &x->repo, &x->err);
}

static int session_begin(struct sim *s, struct device *d, struct session *x)
{
	struct sherd_pool_options options = pool_options(s, d);
	int code;

	*x = (struct session){0};
	code = sherd_pool_open(&options, &x->pool, &x->err);
	return code ? code : session_repo(x, d);
}

static void device_init(struct sim *s, struct device *d, char name)
{
	*d = (struct device){.hook = {.places = &s->places, .name = name}};
	d->hook.device = &d->env;
	simenv_init(&d->env, &s->world, s->seed * 8 + (uint64_t)name);
	snprintf(d->state, sizeof(d->state), "%s/%c-state", s->work, name);
	snprintf(d->cache, sizeof(d->cache), "%s/%c-cache", s->work, name);
	snprintf(d->source, sizeof(d->source), "%s/%c", s->work, name);
}

static int join(struct sim *s, struct device *d, size_t place, struct session *x)
{
	char url[16];
	const char *urls[] = {url};
	struct sherd_clone_options options = {
		.pool = pool_options(s, d),
		.places = urls,
		.place_count = 1,
		.host = "host",
		.label = "",
	};

	options.pool.secrets = &secrets;
	snprintf(url, sizeof(url), "mem:%zu", place);
	*x = (struct session){0};
	return sherd_pool_clone(&options, &x->pool, &x->err);
}

/* ---- the beginning: nothing goes wrong here ---- */

static bool set_up(struct sim *s)
{
	struct device *a = &s->devices[0];
	struct sherd_pool_init_options options = {
		.env = &a->env.env,
		.state = a->state,
		.name = "sim",
		.k = k,
		.m = places_count,
		.passphrase = passphrase,
		.passphrase_size = strlen(passphrase),
		.kdf_memory_kib = 8192,
		.kdf_passes = 1,
		.host = "host",
		.label = "",
	};
	struct sherd_pool_options open = pool_options(s, a);
	struct session x = {0};
	char *kit;
	int code = sherd_pool_init(&options, &kit, &x.err);

	if (code)
		return violated(s, "init: %s", x.err.message);
	sherd_text_free(kit);
	code = sherd_pool_open(&open, &x.pool, &x.err);
	for (unsigned i = 0; !code && i < places_count; i++) {
		char name[16], url[16];
		struct sherd_place_add_options add = {.name = name, .url = url, .domain = ""};

		snprintf(name, sizeof(name), "p%u", i);
		snprintf(url, sizeof(url), "mem:%u", i);
		code = sherd_pool_place_add(x.pool, &add, &x.err);
	}
	session_end(&x);
	a->joined = !code;
	return code ? violated(s, "set up: %s", x.err.message) : true;
}

/* ---- what goes wrong ---- */

static void all_good(struct sim *s)
{
	for (size_t i = 0; i < places_count; i++)
		s->places.stores[i].mood = SIMPLACE_GOOD;
}

static void moods(struct sim *s)
{
	static const enum simplace_mood bad[] = {
		SIMPLACE_FLAKY, SIMPLACE_LOSING, SIMPLACE_LYING, SIMPLACE_OFFLINE};
	unsigned count = (unsigned)simrandom_below(&s->random, 3);

	all_good(s);
	while (count--)
		s->places.stores[simrandom_below(&s->random, places_count)].mood =
			bad[simrandom_below(&s->random, ARRAY_COUNT(bad))];
}

static unsigned bits(unsigned x)
{
	return (unsigned)__builtin_popcount(x);
}

/* May this place be damaged, and every snapshot still keep its promise? */
static bool may_damage(const struct sim *s, size_t place)
{
	for (size_t i = 0; i < s->snapshot_count; i++)
		if ((int)bits(s->snapshots[i].hits | 1U << place) > s->snapshots[i].spare)
			return false;
	return true;
}

static void wipe(struct sim *s, size_t place)
{
	simplaces_wipe(&s->places, place);
	s->wiped |= 1U << place;
}

static void damage(struct sim *s)
{
	size_t place = simrandom_below(&s->random, places_count);

	if (!may_damage(s, place))
		return;
	for (size_t i = 0; i < s->snapshot_count; i++)
		s->snapshots[i].hits |= 1U << place;
	s->damaged |= 1U << place;
	note(s, "damage %zu", place);
	if (simrandom_chance(&s->random, 1, 3))
		wipe(s, place);
	else
		simplaces_rot(&s->places, place, 1 + (unsigned)simrandom_below(&s->random, 6));
}

/* ---- steps ---- */

static void power(struct sim *s, struct device *d)
{
	bool fall = simrandom_chance(&s->random, 1, 3);

	simenv_power(&d->env, fall ? 1 + simrandom_below(&s->random, 260) : 0);
}

static bool bad_code(struct sim *s, const char *what, int code, const struct sherd_error *err)
{
	note(s, "%s %d", what, code);
	switch (code) {
	case SHERD_ROLLBACK:
		/* Of five places one may show the past; with two it is right to refuse. */
		return bits(s->wiped) <= 1 && !violated(s, "%s: %s", what, err->message);
	case SHERD_LOST:
	case SHERD_CORRUPT:
	case SHERD_MISMATCH:
	case SHERD_BADKEY:
	case SHERD_NEWER:
	case SHERD_INVALID:
		return !violated(s, "%s: %d %s", what, code, err->message);
	default:
		return false;
	}
}

static bool fresh_sees(
	struct sim *s, const struct simplace_copy *old, size_t liar, unsigned hide_first);
static bool backup(struct sim *s, struct device *d);

static unsigned offline(const struct sim *s)
{
	unsigned off = 0;

	for (size_t i = 0; i < places_count; i++)
		off |= s->places.stores[i].mood == SIMPLACE_OFFLINE ? 1U << i : 0;
	return off;
}

static size_t some_place(struct sim *s, unsigned hidden)
{
	size_t place;

	do
		place = simrandom_below(&s->random, places_count);
	while (hidden >> place & 1);
	return place;
}

/* A backup, and now and then at once the look of a fresh device. The worst for it: places that were
 * away at the backup are back, of those that were there one shows what it had before, and the
 * others are the ones that do not answer. */
static bool backup_and_look(struct sim *s, struct device *d)
{
	size_t before = s->snapshot_count, liar;
	struct simplace_copy old;
	unsigned away;
	bool well;

	if (!simrandom_chance(&s->random, 1, 3))
		return backup(s, d);
	/* With two of five away nothing may be acknowledged. */
	while (simrandom_chance(&s->random, 1, 2) && bits(offline(s)) < 2)
		s->places.stores[some_place(s, 0)].mood = SIMPLACE_OFFLINE;
	away = offline(s);
	liar = some_place(s, away);
	simplaces_copy(&s->places, liar, &old);
	well = backup(s, d);
	/* More than one that shows the past is more than was promised. */
	if (well && s->snapshot_count > before && !s->wiped)
		well = fresh_sees(s, &old, liar, ~away);
	simplace_copy_release(&old);
	return well;
}

static bool backup(struct sim *s, struct device *d)
{
	const char *paths[] = {d->source};
	struct sherd_backup_options options = {
		.paths = paths, .path_count = 1, .name = "", .user = "u", .version = "sim"};
	struct sherd_backup_result result;
	struct sherd_pool_info info;
	struct acknowledged *a;
	struct session x;
	int code;

	if (s->snapshot_count == snapshots_max)
		return true;
	simtree_change(d->source, &d->tree, &s->random, &s->world);
	power(s, d);
	code = session_begin(s, d, &x);
	if (!code)
		code = sherd_backup(x.repo, &options, NULL, &result, &x.err);
	if (!code) {
		a = &s->snapshots[s->snapshot_count++];
		*a = (struct acknowledged){
			.tree = d->tree, .spare = result.spare, .hits = s->damaged};
		memcpy(a->id, result.snapshot, sizeof(a->id));
		snprintf(a->folder, sizeof(a->folder), "%s", d->source);
		note(s, "acknowledged %02x%02x spare %d, damaged %x, least %u, %s", a->id[0],
			a->id[1], a->spare, a->hits, result.shares_least, result.missing);
		sherd_pool_info(x.pool, &info);
		memcpy(d->incarnation, info.incarnation, sizeof(d->incarnation));
		d->head_seq = result.head_seq;
		if (result.spare < 0 || result.spare > places_count - k)
			violated(s, "a backup claims a spare of %d", result.spare);
	}
	session_end(&x);
	simenv_power(&d->env, 0);
	bad_code(s, "backup", code, &x.err);
	return !s->fault[0];
}

static const struct sherd_snapshot *find(struct session *x, const uint8_t *id)
{
	size_t count;
	const struct sherd_snapshot *list = sherd_snapshots(x->repo, &count);

	for (size_t i = 0; i < count; i++)
		if (!memcmp(list[i].id, id, SHERD_ID_SIZE))
			return &list[i];
	return NULL;
}

/* What the pool says of each acknowledged snapshot after everything was looked at and mended. */
static bool take_health(struct sim *s, struct session *x)
{
	for (size_t i = 0; i < s->snapshot_count; i++) {
		struct acknowledged *a = &s->snapshots[i];
		const struct sherd_snapshot *snapshot = find(x, a->id);
		struct sherd_snapshot_health health = {.spare = -1};

		if (snapshot && sherd_snapshot_health(x->repo, &snapshot, 1, 0, &health, &x->err))
			return violated(s, "health: %s", x->err.message);
		if (health.spare < 0 && (int)bits(a->hits) <= a->spare)
			return violated(s, "after a repair snapshot %02x%02x is lost: %s", a->id[0],
				a->id[1], snapshot ? health.why : "not listed");
		a->hits = 0;
		a->spare = health.spare;
	}
	return true;
}

static bool check_and_repair(struct sim *s, struct device *d, bool all_well)
{
	struct sherd_check_options look = {.read_percent = 100, .deep = 1};
	struct sherd_check_result seen;
	struct sherd_repair_result mended;
	struct session x;
	int code;

	if (all_well)
		all_good(s);
	else
		power(s, d);
	code = session_begin(s, d, &x);
	if (!code)
		code = sherd_check(x.repo, &look, NULL, &seen, &x.err);
	if (!code)
		code = sherd_repair(x.repo, NULL, NULL, &mended, &x.err);
	note(s, "repair %d", code);
	if (!code && all_well)
		take_health(s, &x);
	session_end(&x);
	simenv_power(&d->env, 0);
	if (code && all_well && !(code == SHERD_ROLLBACK && bits(s->wiped) > 1))
		return violated(s, "repair with all places up: %s", x.err.message);
	if (code || !all_well || s->fault[0])
		return !s->fault[0];
	s->damaged = s->wiped = 0;
	return true;
}

static bool clone_second(struct sim *s)
{
	struct device *b = &s->devices[1];
	struct session x;
	int code;

	power(s, b);
	code = join(s, b, simrandom_below(&s->random, places_count), &x);
	b->joined = !code;
	session_end(&x);
	simenv_power(&b->env, 0);
	if (code)
		simtree_remove(b->state);
	note(s, "clone %d", code);
	return true;
}

/* ---- what must hold ---- */

static int tell_note(void *context, const struct sherd_note *n)
{
	note(context, "  %d %s %s: %s", n->kind, n->path, n->place ? n->place : "",
		n->why ? n->why->message : "");
	return 0;
}

static bool restore_one(struct sim *s, struct session *x, const struct sherd_snapshot *snapshot,
	const struct acknowledged *a)
{
	char back[path_room], why[100];
	struct sherd_restore_options options = {
		.path = a ? a->folder : NULL, .target = back, .overwrite = SHERD_OVERWRITE_ALWAYS};
	struct sherd_repo_hooks hooks = {.note = tell_note, .context = s};
	struct sherd_restore_result result;
	int code;

	snprintf(back, sizeof(back), "%s/back", s->work);
	code = sherd_restore(x->repo, snapshot, &options, &hooks, &result, &x->err);
	if (code || result.lost)
		violated(s, "snapshot %02x%02x (%s) does not restore: %s", snapshot->id[0],
			snapshot->id[1], a ? "acknowledged" : "listed",
			code ? x->err.message : "files are lost");
	else if (a && !simtree_same(back, &a->tree, why, sizeof(why)))
		violated(s, "snapshot %02x%02x restores wrongly: %s", a->id[0], a->id[1], why);
	simtree_remove(back);
	return !s->fault[0];
}

/* Hide places so that the snapshot has just what its spare leaves. */
static unsigned hide(struct sim *s, const struct acknowledged *a)
{
	unsigned hidden = 0;

	all_good(s);
	while ((int)bits(a->hits | hidden) < a->spare) {
		size_t place = simrandom_below(&s->random, places_count);

		hidden |= 1U << place;
		s->places.stores[place].mood = SIMPLACE_OFFLINE;
	}
	return hidden;
}

/* A device that knows nothing but the passphrase and one place that is not hidden. */
static bool fresh_restores(struct sim *s, const struct acknowledged *a)
{
	struct device *f = &s->devices[devices_max];
	const struct sherd_snapshot *snapshot;
	struct session x;
	unsigned hidden = hide(s, a);
	size_t first = some_place(s, hidden);
	int code = -1;

	note(s, "restore %02x%02x, spare %d, damaged %x, hidden %x", a->id[0], a->id[1], a->spare,
		a->hits, hidden);

	/* Of the places that are left one may have been wiped, and know no pool any more. */
	for (size_t i = 0; code && i < places_count; i++) {
		size_t place = (first + i) % places_count;

		simtree_remove(f->state);
		simtree_remove(f->cache);
		if (hidden >> place & 1)
			continue;
		code = join(s, f, place, &x);
		if (code)
			session_end(&x);
	}
	if (code)
		return violated(s, "a fresh device cannot join: %s", x.err.message);
	code = session_repo(&x, f);
	snapshot = code ? NULL : find(&x, a->id);
	if (!snapshot)
		violated(s, "acknowledged snapshot %02x%02x is not listed: %s", a->id[0], a->id[1],
			code ? x.err.message : "it is not there");
	else
		restore_one(s, &x, snapshot, a);
	session_end(&x);
	all_good(s);
	return !s->fault[0];
}

static bool acknowledged_restore(struct sim *s, bool all)
{
	size_t first =
		all || !s->snapshot_count ? 0 : simrandom_below(&s->random, s->snapshot_count);
	size_t end = all ? s->snapshot_count : INT_MIN_OF(first + 1, s->snapshot_count);

	for (size_t i = first; i < end; i++)
		/* What was damaged before a backup, unknown to it, is not in its spare. */
		if ((int)bits(s->snapshots[i].hits) <= s->snapshots[i].spare &&
			!fresh_restores(s, &s->snapshots[i]))
			return false;
	return true;
}

static bool listed_restore(struct sim *s)
{
	struct session x;
	size_t count;
	const struct sherd_snapshot *list;
	int code;

	all_good(s);
	code = session_begin(s, &s->devices[0], &x);
	if (code) {
		session_end(&x);
		return violated(s, "with all places up the pool does not open: %s", x.err.message);
	}
	list = sherd_snapshots(x.repo, &count);
	for (size_t i = 0; i < count && !s->fault[0]; i++) {
		const struct sherd_snapshot *one = &list[i];
		struct sherd_snapshot_health health;

		if (sherd_snapshot_health(x.repo, &one, 1, 0, &health, &x.err))
			violated(s, "health: %s", x.err.message);
		/* What nobody was promised has been damaged as it came. */
		else if (!s->damaged || (int)bits(s->damaged) <= health.spare)
			restore_one(s, &x, one, NULL);
	}
	session_end(&x);
	return !s->fault[0];
}

/* One place of five lies about the past, two (of ${hide_first}, a bit each, if there are so many)
 * do not answer: what is acknowledged must be seen. */
static bool fresh_sees(
	struct sim *s, const struct simplace_copy *old, size_t liar, unsigned hide_first)
{
	struct device *f = &s->devices[devices_max];
	struct simplace_copy now;
	struct session x;
	size_t count, place;
	const struct sherd_device_info *list;
	unsigned hidden = 0;
	int code;

	all_good(s);
	simplaces_copy(&s->places, liar, &now);
	simplaces_revert(&s->places, liar, old);
	hide_first &= (1U << places_count) - 1;
	while (bits(hidden) < 2) {
		unsigned not_now = hidden | 1U << liar;

		if (hide_first & ~not_now)
			not_now |= ~hide_first;
		hidden |= 1U << some_place(s, not_now);
	}
	for (place = 0; place < places_count; place++)
		if (hidden >> place & 1)
			s->places.stores[place].mood = SIMPLACE_OFFLINE;
	simtree_remove(f->state);
	code = join(s, f, some_place(s, hidden | 1U << liar), &x);
	if (!code && sherd_pool_fresh(x.pool)) {
		list = sherd_pool_devices(x.pool, &count);
		for (size_t d = 0; d < devices_max; d++) {
			bool seen = !s->devices[d].head_seq;

			for (size_t i = 0; i < count; i++)
				seen = seen || (!memcmp(list[i].incarnation,
							s->devices[d].incarnation, 16) &&
						       list[i].head_seq >= s->devices[d].head_seq);
			if (!seen)
				violated(s, "a fresh device does not see head %llu of device %zu",
					(unsigned long long)s->devices[d].head_seq, d);
		}
	}
	session_end(&x);
	simplaces_revert(&s->places, liar, &now);
	simplace_copy_release(&now);
	all_good(s);
	return !s->fault[0];
}

/* All places go back together: whoever saw more refuses. */
static bool rollback_refused(struct sim *s, const struct simplace_copy *old, uint64_t old_seq)
{
	struct device *a = &s->devices[0];
	struct simplace_copy now[places_count];
	struct session x;
	int code;

	if (a->head_seq <= old_seq)
		return true;
	all_good(s);
	for (size_t i = 0; i < places_count; i++) {
		simplaces_copy(&s->places, i, &now[i]);
		simplaces_revert(&s->places, i, &old[i]);
	}
	code = session_begin(s, a, &x);
	session_end(&x);
	if (code != SHERD_ROLLBACK)
		violated(s,
			"all places were rolled back from head %llu to %llu, and opening says %d",
			(unsigned long long)a->head_seq, (unsigned long long)old_seq, code);
	for (size_t i = 0; i < places_count; i++) {
		simplaces_revert(&s->places, i, &now[i]);
		simplace_copy_release(&now[i]);
	}
	return !s->fault[0];
}

/* ---- one seed ---- */

static bool one_step(struct sim *s)
{
	struct device *d = &s->devices[simrandom_below(&s->random, 2)];

	if (!d->joined)
		d = &s->devices[0];
	moods(s);
	switch (simrandom_below(&s->random, 10)) {
	case 0:
		return s->devices[1].joined || clone_second(s);
	case 1:
		return check_and_repair(s, d, false);
	case 2:
		return check_and_repair(s, d, true);
	case 3:
		return acknowledged_restore(s, false);
	case 4:
	case 5:
		damage(s);
		return true;
	default:
		return backup_and_look(s, d);
	}
}

static bool run_steps(struct sim *s)
{
	struct simplace_copy old[places_count] = {0};
	uint64_t old_seq = 0;
	bool well = set_up(s);
	size_t liar;

	for (unsigned i = 0; well && i < steps; i++) {
		note(s, "step %u", i);
		if (i == steps / 2) {
			for (size_t p = 0; p < places_count; p++)
				simplaces_copy(&s->places, p, &old[p]);
			old_seq = s->devices[0].head_seq;
		}
		well = one_step(s);
	}
	well = well && acknowledged_restore(s, true) && listed_restore(s);
	well = well && check_and_repair(s, &s->devices[0], true);
	liar = some_place(s, 0);
	well = well && fresh_sees(s, &old[liar], liar, 0) && rollback_refused(s, old, old_seq);
	for (size_t p = 0; p < places_count; p++)
		simplace_copy_release(&old[p]);
	return well && acknowledged_restore(s, true);
}

static bool run_seed(const char *work, uint64_t seed, unsigned verify, bool print,
	struct hash *ret_trace, char *fault, size_t fault_size)
{
	struct sim *s = calloc(1, sizeof(*s));
	bool well;

	if (!s)
		abort();
	s->seed = seed;
	s->work = work;
	s->verify = verify;
	simtree_remove(work);
	mkdir(work, 0700);
	simworld_init(&s->world);
	simrandom_init(&s->random, seed);
	if (simplaces_init(&s->places, &s->world, places_count, seed ^ 0x5eed))
		abort();
	s->places.print = print;
	device_init(s, &s->devices[0], 'A');
	device_init(s, &s->devices[1], 'B');
	device_init(s, &s->devices[devices_max], 'F');
	well = run_steps(s);
	*ret_trace = s->places.trace;
	snprintf(fault, fault_size, "%s", s->fault);
	simplaces_release(&s->places);
	simtree_remove(work);
	free(s);
	return well;
}

static bool one_seed(const char *work, uint64_t seed, unsigned verify, bool print)
{
	struct hash first, second;
	char fault[512], again[512];
	bool well = run_seed(work, seed, verify, print, &first, fault, sizeof(fault));

	if (!well) {
		printf("# seed %llu: %s\n", (unsigned long long)seed, fault);
		return false;
	}
	/* Every eighth seed is run once more: nothing in it may depend on anything else. */
	if (seed % 8 || print)
		return true;
	run_seed(work, seed, verify, false, &second, again, sizeof(again));
	if (!hash_equal(&first, &second)) {
		printf("# seed %llu: another trace when it is run again\n",
			(unsigned long long)seed);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	bool print = false, expect_caught = false;
	unsigned verify = 0;
	uint64_t first, count, failed = 0;
	/* Memory where there is some: the file system is not what is tested. */
	char made[] = "/dev/shm/sherd-sim.XXXXXX", other[] = "/tmp/sherd-sim.XXXXXX";
	const char *given = NULL, *work;
	int at = 1;

	for (; at < argc && !strncmp(argv[at], "--", 2); at++) {
		if (!strcmp(argv[at], "--print"))
			print = true;
		else if (!strcmp(argv[at], "--expect-caught"))
			expect_caught = true;
		else if (!strcmp(argv[at], "--work") && at + 1 < argc)
			given = argv[++at];
		else if (!strcmp(argv[at], "--verify") && at + 1 < argc)
			verify = (unsigned)strtoul(argv[++at], NULL, 10);
	}
	work = given ? given : mkdtemp(made);
	if (!work)
		work = mkdtemp(other);
	if (argc - at != 2 || !work) {
		fprintf(stderr,
			"usage: sim [--print] [--expect-caught] [--verify N] FIRST COUNT\n");
		return 2;
	}
	first = strtoull(argv[at], NULL, 10);
	count = strtoull(argv[at + 1], NULL, 10);
	printf("1..1\n");
	for (uint64_t i = 0; i < count && !(failed && expect_caught); i++)
		failed += !one_seed(work, first + i, verify, print);
	simtree_remove(work);
	printf("%sok 1 - %llu seeds, %llu failed%s\n", !failed == expect_caught ? "not " : "",
		(unsigned long long)count, (unsigned long long)failed,
		expect_caught ? " (one must)" : "");
	return !failed == expect_caught;
}
