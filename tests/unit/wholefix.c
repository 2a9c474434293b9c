/* SPDX-License-Identifier: MIT */
#include "wholefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/alloc.h>
#include <base/bytes.h>
#include <base/err.h>
#include "treecmp.h"
#include "treefix.h"

/* Of files of the versions' own; the large one makes a batch that is cut into several packs. */
enum { SMALL = 1500000, LARGE = 9000000 };

static void must(int code, const struct sherd_error *err)
{
	if (code)
		fail_msg("%d: %s", code, err->message);
}

/* --- the pool --- */

static void init(struct whole *w, const char *name, const char *host)
{
	struct sherd_pool_init_options options = {
		.env = &w->f->env,
		.state = ctlfix_path(w->f, "a"),
		.name = name,
		.k = w->k,
		.passphrase = CTLFIX_PASSPHRASE,
		.passphrase_size = strlen(CTLFIX_PASSPHRASE),
		.kdf_memory_kib = 8192,
		.kdf_passes = 1,
		.host = host,
		.label = "a label",
	};
	struct sherd_error err;

	must(sherd_pool_init(&options, &w->f->text, &err), &err);
}

struct whole *whole_new(unsigned k, unsigned places)
{
	return whole_new_named(k, places, "test", "a", "p");
}

struct whole *whole_new_named(
	unsigned k, unsigned places, const char *name, const char *host, const char *place)
{
	struct whole *w = calloc(1, sizeof(*w));
	struct sherd_pool *pool;

	assert_non_null(w);
	w->f = ctlfix_new();
	w->k = k;
	w->places = places;
	w->source = treefix_folder();
	w->scratch = treefix_folder();
	init(w, name, host);
	pool = ctlfix_open(w->f, "a");
	for (unsigned i = 0; i < places; i++) {
		char url[16], text[SHERD_POOL_NAME_MAX + 1];
		struct sherd_place_add_options options = {.name = text, .url = url};
		struct sherd_error err;

		snprintf(url, sizeof(url), "mem:%u", i);
		snprintf(text, sizeof(text), "%s%u", place, i);
		must(sherd_pool_place_add(pool, &options, &err), &err);
	}
	sherd_pool_free(pool);
	return w;
}

void whole_free(struct whole *w)
{
	ctlfix_free(w->f);
	treefix_remove(w->source);
	treefix_remove(w->scratch);
	free(w);
}

/* --- sessions --- */

static int open_repo(struct session *s, struct sherd_error *err)
{
	struct sherd_repo_options options = {.threads = 1, .memory = 96 << 20};

	return sherd_repo_open(s->pool, &options, &s->repo, err);
}

int session_try(struct whole *w, const char *device, struct session *ret, struct sherd_error *err)
{
	int r;

	*ret = (struct session){.w = w};
	r = ctlfix_try_open(w->f, device, &ret->pool, err);
	if (!r)
		r = open_repo(ret, err);
	if (r)
		session_close(ret);
	return r;
}

void session_open(struct whole *w, const char *device, struct session *ret)
{
	struct sherd_error err;

	must(session_try(w, device, ret, &err), &err);
}

void session_clone(struct whole *w, unsigned store, struct session *ret)
{
	char device[32];
	struct sherd_error err;

	snprintf(device, sizeof(device), "clone%u", w->next++);
	*ret = (struct session){.w = w, .pool = ctlfix_clone(w->f, device, store)};
	must(open_repo(ret, &err), &err);
}

void session_close(struct session *s)
{
	sherd_repo_free(s->repo);
	sherd_pool_free(s->pool);
	s->repo = NULL;
	s->pool = NULL;
}

/* --- trees --- */

const char *whole_tree(const struct whole *w, unsigned version)
{
	char name[16];

	snprintf(name, sizeof(name), "v%u", version);
	return treefix_path(w->source, name);
}

/* Bytes that cannot be compressed. */
static void noise(const char *folder, const char *name, uint64_t seed, size_t size)
{
	uint8_t *data = malloc(size);
	uint64_t x = seed * 0x9e3779b97f4a7c15 + 1;

	assert_non_null(data);
	for (size_t i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		data[i] = (uint8_t)(x >> 24);
	}
	treefix_file(folder, name, data, size);
	free(data);
}

int whole_backup(struct session *s, const char *path, struct sherd_backup_result *ret,
	struct sherd_error *err)
{
	const char *paths[] = {path};
	struct sherd_backup_options options = {.paths = paths, .path_count = 1, .no_scan = 1};
	struct sherd_repo_hooks hooks = whole_hooks(s->w);

	return sherd_backup(s->repo, &options, &hooks, ret, err);
}

void whole_save(struct whole *w, unsigned version)
{
	char *tree = strdup(whole_tree(w, version)), name[32];
	struct sherd_backup_result result;
	struct sherd_error err;
	struct session s;

	assert_non_null(tree);
	assert_int_equal(mkdir(tree, 0755), 0);
	treefix_kinds(tree);
	noise(tree, "all have it", 1, 700000);
	snprintf(name, sizeof(name), "own of %u", version);
	noise(tree, name, version + 2, version == 1 ? LARGE : SMALL + version);
	session_open(w, "a", &s);
	must(whole_backup(&s, tree, &result, &err), &err);
	assert_int_equal(result.files_unreadable, 0);
	assert_int_equal(result.shares_least, w->places);
	session_close(&s);
	w->versions++;
	free(tree);
}

struct whole *whole_make(unsigned k, unsigned places, unsigned versions)
{
	struct whole *w = whole_new(k, places);

	for (unsigned i = 0; i < versions; i++)
		whole_save(w, i);
	return w;
}

/* --- restores --- */

static int note(void *context, const struct sherd_note *n)
{
	struct whole *w = context;

	if (n->kind == SHERD_NOTE_SHARE && n->place) {
		assert_true(n->place[0] == 'p' && n->place[1] >= '0' && n->place[1] <= '9');
		w->liars |= UINT32_C(1) << (n->place[1] - '0');
	}
	if (n->kind == SHERD_NOTE_LOST && w->notes[n->kind] < 64)
		snprintf(w->lost[w->notes[n->kind]], sizeof(w->lost[0]), "%s", n->path);
	w->notes[n->kind]++;
	return 0;
}

struct sherd_repo_hooks whole_hooks(struct whole *w)
{
	w->liars = 0;
	memset(w->notes, 0, sizeof(w->notes));
	return (struct sherd_repo_hooks){.note = note, .context = w};
}

char *whole_restore(struct session *s, unsigned version, struct sherd_error *err)
{
	struct whole *w = s->w;
	struct sherd_repo_hooks hooks = whole_hooks(w);
	struct sherd_restore_options options = {.path = whole_tree(w, version)};
	size_t count;
	const struct sherd_snapshot *list = sherd_snapshots(s->repo, &count);
	char name[32], *target;
	int r;

	if (count <= version) {
		err_set(err, SHERD_NOTFOUND, "only %zu snapshots are there", count);
		return NULL;
	}
	snprintf(name, sizeof(name), "t%u", w->next++);
	target = strdup(treefix_path(w->scratch, name));
	assert_non_null(target);
	options.target = target;
	r = sherd_restore(s->repo, &list[version], &options, &hooks, &w->result, err);
	if (r) {
		treefix_remove(target);
		return NULL;
	}
	return target;
}

void whole_right(struct session *s, unsigned version)
{
	struct sherd_error err;
	char *target = whole_restore(s, version, &err);

	if (!target)
		fail_msg("snapshot %u: %d: %s", version, err.code, err.message);
	assert_int_equal(s->w->result.lost, 0);
	assert_int_equal(s->w->result.attributes, 0);
	assert_int_equal(s->w->notes[SHERD_NOTE_LOST], 0);
	assert_same_trees(whole_tree(s->w, version), target, 0);
	treefix_remove(target);
}

/* --- stores --- */

static bool put_one(void *context, const char *name, const uint8_t *bytes, uint64_t size)
{
	struct iovec part = hash_part(bytes, (size_t)size);

	assert_int_equal(place_put(context, name, &part, 1, NULL), 0);
	return true;
}

struct place_mem_store *whole_copy(struct place_mem_store *from)
{
	struct place_mem_store *to;

	assert_int_equal(place_mem_store_new(env_system(), &to, NULL), 0);
	ctlfix_copy_objects(from, to);
	return to;
}

void whole_bring_back(struct whole *w, unsigned store, struct place_mem_store *copy)
{
	struct names n = names_of(w->f->store[store], "");

	for (size_t i = 0; i < n.count; i++)
		assert_true(place_mem_drop(w->f->store[store], n.name[i]));
	names_free(&n);
	ctlfix_copy_objects(copy, w->f->store[store]);
}

struct gather {
	struct names *names;
	const char *prefix;
};

static bool gather_one(void *context, const char *name, const uint8_t *bytes, uint64_t size)
{
	struct gather *g = context;
	struct names *n = g->names;

	(void)bytes;
	(void)size;
	if (strncmp(name, g->prefix, strlen(g->prefix)) != 0)
		return true;
	n->name = realloc(n->name, (n->count + 1) * sizeof(*n->name));
	assert_non_null(n->name);
	snprintf(n->name[n->count++], sizeof(*n->name), "%s", name);
	return true;
}

struct names names_of(struct place_mem_store *store, const char *prefix)
{
	struct names n = {0};
	struct gather g = {&n, prefix};

	place_mem_each(store, gather_one, &g);
	return n;
}

void names_free(struct names *n)
{
	free(n->name);
}

uint64_t whole_size(struct place_mem_store *store, const char *name)
{
	struct place_stat there;
	struct place *place;

	assert_int_equal(place_mem_new(store, &place, NULL), 0);
	assert_int_equal(place_stat(place, name, &there, NULL), 0);
	place_free(place);
	return there.size;
}

uint8_t *whole_bytes(struct place_mem_store *store, const char *name, size_t *ret_size)
{
	struct place *place;
	struct place_stat there;
	uint8_t *data;

	assert_int_equal(place_mem_new(store, &place, NULL), 0);
	assert_int_equal(place_stat(place, name, &there, NULL), 0);
	data = malloc((size_t)there.size + 1);
	assert_non_null(data);
	assert_int_equal(place_get(place, name, 0, (size_t)there.size, data, ret_size, NULL), 0);
	place_free(place);
	return data;
}

void whole_set(struct place_mem_store *store, const char *name, const void *data, size_t size)
{
	struct place *place;

	(void)place_mem_drop(store, name);
	assert_int_equal(place_mem_new(store, &place, NULL), 0);
	assert_true(put_one(place, name, data, size));
	place_free(place);
}

/* --- subsets --- */

/* Gosper's: the next greater number with as many bits. */
uint32_t subset_next(uint32_t subset, unsigned count)
{
	uint32_t low = subset & -subset, ripple = subset + low;
	uint32_t next = ripple | ((subset ^ ripple) >> 2) / low;

	return next >> count ? 0 : next;
}

void whole_offline(struct whole *w, uint32_t mask)
{
	ctlfix_mend(w->f);
	for (unsigned i = 0; i < w->places; i++)
		if (mask >> i & 1)
			ctlfix_break(w->f, i, WRAP_FAULT_OFFLINE, 0);
}
