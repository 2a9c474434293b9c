/* SPDX-License-Identifier: MIT */
/*
 * sweepfix.c - the stages are made with the library itself, healthy. Random numbers are real ones:
 * a second run from the same pool must not draw what the first one drew.
 */
#include "sweepfix.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "treecmp.h"

#define PATHS 8
#define LARGE 600000
#define HIDDEN_MAX 2 /* that one death may leave */
#define WALK_FILES 16

/* --- files --- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)where;
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, WALK_FILES, FTW_DEPTH | FTW_PHYS);
}

/* nftw() hands nothing on. */
static struct {
	size_t skip;
	const char *to;
	unsigned count;
} walk;

static int copy_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	static char bytes[1 << 16];
	char to[512];
	int in, out;
	ssize_t got;

	(void)where;
	snprintf(to, sizeof(to), "%s%s", walk.to, path + walk.skip);
	if (type == FTW_D)
		return mkdir(to, st->st_mode & 07777);
	in = open(path, O_RDONLY);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL, st->st_mode & 07777);
	assert_true(in >= 0 && out >= 0);
	while ((got = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)got), got);
	assert_int_equal(got, 0);
	close(in);
	close(out);
	return 0;
}

static void copy_tree(const char *from, const char *to)
{
	walk.skip = strlen(from);
	walk.to = to;
	assert_int_equal(nftw(from, copy_one, WALK_FILES, FTW_PHYS), 0);
}

static int count_hidden(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	walk.count += type == FTW_F && path[where->base] == '.';
	return 0;
}

unsigned sweepfix_hidden(struct sweepfix *f)
{
	walk.count = 0;
	nftw(sweepfix_path(f, "work"), count_hidden, WALK_FILES, FTW_PHYS);
	return walk.count;
}

const char *sweepfix_path(struct sweepfix *f, const char *name)
{
	char *path = f->paths[f->next_path++ % PATHS].text;

	snprintf(path, sizeof(f->paths[0].text), "%s/%s", f->folder, name);
	return path;
}

static void make_file(struct sweepfix *f, const char *name, size_t size, uint64_t seed)
{
	FILE *file = fopen(sweepfix_path(f, name), "w");

	assert_non_null(file);
	for (size_t i = 0; i < size; i += 8) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		fwrite(&seed, 1, size - i < 8 ? size - i : 8, file);
	}
	assert_int_equal(fclose(file), 0);
}

/* With every attribute. */
static void keep_source(struct sweepfix *f, const char *as)
{
	char command[512];

	snprintf(command, sizeof(command), "cp -a '%s/source' '%s/%s'", f->folder, f->folder, as);
	assert_int_equal(system(command), 0);
}

static void make_source(struct sweepfix *f)
{
	assert_int_equal(mkdir(sweepfix_path(f, "source"), 0755), 0);
	assert_int_equal(mkdir(sweepfix_path(f, "source/folder"), 0750), 0);
	for (unsigned i = 0; i < 9; i++) {
		char name[32];

		snprintf(name, sizeof(name), "source/%s%u", i % 2 ? "folder/" : "", i);
		make_file(f, name, i * 777, i);
	}
	make_file(f, "source/large", LARGE, 77);
	assert_int_equal(symlink("folder/1", sweepfix_path(f, "source/link")), 0);
	keep_source(f, "A");
}

static void change_source(struct sweepfix *f)
{
	make_file(f, "source/2", 3000, 99);
	make_file(f, "source/folder/new", 70000, 98);
	assert_int_equal(unlink(sweepfix_path(f, "source/folder/3")), 0);
	keep_source(f, "B");
}

/* --- pieces of work --- */

static int give_passphrase(
	void *context, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	(void)context;
	(void)err;
	assert_true(size >= strlen(SWEEPFIX_PASSPHRASE));
	*ret_size = strlen(SWEEPFIX_PASSPHRASE);
	memcpy(buffer, SWEEPFIX_PASSPHRASE, *ret_size);
	return 0;
}

static const struct sherd_secrets secrets = {.passphrase = give_passphrase};

static struct sherd_pool_options pool_options(
	struct sweepfix *f, const struct sherd_env *env, const char *state)
{
	return (struct sherd_pool_options){
		.env = env,
		.state = sweepfix_path(f, state),
		.secrets = &secrets,
		.inline_calls = 1,
		.open_place = f->open_place,
		.open_context = f->open_context,
	};
}

int sweepfix_open(struct sweepfix *f, const struct sherd_env *env, bool no_cache,
	struct sweepfix_handle *ret, struct sherd_error *err)
{
	struct sherd_pool_options options = pool_options(f, env, "work/state");
	struct sherd_repo_options repo = {
		.cache = sweepfix_path(f, "work/cache"), .threads = 1, .no_cache = no_cache};
	int r;

	*ret = (struct sweepfix_handle){0};
	r = sherd_pool_open(&options, &ret->pool, err);
	if (!r)
		r = sherd_repo_open(ret->pool, &repo, &ret->repo, err);
	if (r)
		sweepfix_close(ret);
	return r;
}

void sweepfix_close(struct sweepfix_handle *h)
{
	sherd_repo_free(h->repo);
	sherd_pool_free(h->pool);
	*h = (struct sweepfix_handle){0};
}

int sweepfix_init(struct sweepfix *f, const struct sherd_env *env, struct sherd_error *err)
{
	struct sherd_pool_init_options options = {
		.env = env,
		.state = sweepfix_path(f, "work/state"),
		.name = "sweep",
		.k = f->k,
		.m = f->m,
		.passphrase = SWEEPFIX_PASSPHRASE,
		.passphrase_size = strlen(SWEEPFIX_PASSPHRASE),
		.kdf_memory_kib = 8192,
		.kdf_passes = 1,
		.host = "host",
	};
	char *kit = NULL;
	int r = sherd_pool_init(&options, &kit, err);

	assert_true(r || kit);
	sherd_text_free(kit);
	return r;
}

static int add_place(
	struct sweepfix *f, struct sherd_pool *pool, unsigned i, struct sherd_error *err)
{
	char name[16];
	struct sherd_place_add_options options = {.name = name, .url = f->url[i].text};

	snprintf(name, sizeof(name), "p%u", i + 1);
	return sherd_pool_place_add(pool, &options, err);
}

int sweepfix_add(struct sweepfix *f, const struct sherd_env *env, struct sherd_error *err)
{
	struct sherd_pool_options options = pool_options(f, env, "work/state");
	struct sherd_pool *pool;
	int r = sherd_pool_open(&options, &pool, err);

	if (r)
		return r;
	r = add_place(f, pool, f->m - 1, err);
	sherd_pool_free(pool);
	return r;
}

static int backup(
	struct sweepfix *f, struct sherd_repo *repo, const char *name, struct sherd_error *err)
{
	const char *path = sweepfix_path(f, "source");
	struct sherd_backup_options options = {
		.paths = &path, .path_count = 1, .name = name, .user = "somebody"};

	return sherd_backup(repo, &options, NULL, &f->backup, err);
}

int sweepfix_backup(struct sweepfix *f, const struct sherd_env *env, struct sherd_error *err)
{
	struct sweepfix_handle h;
	int r = sweepfix_open(f, env, false, &h, err);

	if (r)
		return r;
	r = backup(f, h.repo, "B", err);
	if (!r)
		atomic_store(&f->shared->acknowledged, true);
	sweepfix_close(&h);
	return r;
}

int sweepfix_repair(struct sweepfix *f, const struct sherd_env *env, struct sherd_error *err)
{
	struct sherd_repair_options options = {0};
	struct sherd_repair_result result;
	struct sweepfix_handle h;
	int r = sweepfix_open(f, env, false, &h, err);

	if (r)
		return r;
	r = sherd_repair(h.repo, &options, NULL, &result, err);
	sweepfix_close(&h);
	return r;
}

static int check(struct sweepfix_handle *h, double percent, bool deep,
	struct sherd_check_result *ret, struct sherd_error *err)
{
	struct sherd_check_options options = {.read_percent = percent, .deep = deep};

	return sherd_check(h->repo, &options, NULL, ret, err);
}

int sweepfix_check(struct sweepfix *f, const struct sherd_env *env, struct sherd_error *err)
{
	struct sherd_check_result result;
	struct sweepfix_handle h;
	int r = sweepfix_open(f, env, false, &h, err);

	if (r)
		return r;
	r = check(&h, 100, true, &result, err);
	sweepfix_close(&h);
	return r;
}

static int restore(struct sweepfix *f, struct sherd_repo *repo, const struct sherd_snapshot *s,
	struct sherd_restore_result *ret, struct sherd_error *err)
{
	struct sherd_restore_options options = {.path = sweepfix_path(f, "source"),
		.target = sweepfix_path(f, "work/out"),
		.overwrite = SHERD_OVERWRITE_DIFFER};

	return sherd_restore(repo, s, &options, NULL, ret, err);
}

int sweepfix_restore(struct sweepfix *f, const struct sherd_env *env, struct sherd_error *err)
{
	const struct sherd_snapshot *snapshot;
	struct sherd_restore_result result;
	struct sweepfix_handle h;
	int r = sweepfix_open(f, env, false, &h, err);

	if (r)
		return r;
	r = sherd_snapshot_find(h.repo, "A", NULL, &snapshot, err);
	if (!r)
		r = restore(f, h.repo, snapshot, &result, err);
	if (!r && (result.lost || result.attributes || result.refused || result.skipped))
		r = 1; /* told of, and not the same */
	sweepfix_close(&h);
	return r;
}

int sweepfix_clone(struct sweepfix *f, const struct sherd_env *env, struct sherd_error *err)
{
	const char *place = f->url[1].text;
	struct sherd_clone_options options = {.pool = pool_options(f, env, "work/state2"),
		.places = &place,
		.place_count = 1,
		.host = "other"};
	struct sherd_pool *pool;
	int r = sherd_pool_clone(&options, &pool, err);

	if (!r)
		sherd_pool_free(pool);
	return r;
}

/* --- stages --- */

static void must(int code, const struct sherd_error *err, const char *what)
{
	if (code)
		fail_msg("%s: %d: %s", what, code, code == 1 ? "" : err->message);
}

static const char *stage_path(struct sweepfix *f, enum sweepfix_stage stage)
{
	static const char *const names[SWEEPFIX_STAGES] = {
		"empty", "joining", "backed", "degraded"};

	return sweepfix_path(f, names[stage]);
}

static void keep(struct sweepfix *f, enum sweepfix_stage stage)
{
	copy_tree(sweepfix_path(f, "work"), stage_path(f, stage));
}

static void add_places(struct sweepfix *f, unsigned count)
{
	struct sherd_pool_options options = pool_options(f, NULL, "work/state");
	struct sherd_pool *pool;
	struct sherd_error err;

	must(sherd_pool_open(&options, &pool, &err), &err, "open");
	for (unsigned i = 0; i < count; i++)
		must(add_place(f, pool, i, &err), &err, "add");
	sherd_pool_free(pool);
}

static void first_backup(struct sweepfix *f)
{
	struct sweepfix_handle h;
	struct sherd_error err;

	must(sweepfix_open(f, NULL, false, &h, &err), &err, "open");
	must(backup(f, h.repo, "A", &err), &err, "backup");
	sweepfix_close(&h);
}

static void make_stages(struct sweepfix *f)
{
	struct sherd_error err;

	assert_int_equal(mkdir(sweepfix_path(f, "work"), 0700), 0);
	assert_int_equal(mkdir(sweepfix_path(f, "work/cache"), 0700), 0);
	keep(f, SWEEPFIX_EMPTY);
	must(sweepfix_init(f, NULL, &err), &err, "init");
	add_places(f, f->m - 1);
	keep(f, SWEEPFIX_JOINING);
	must(sweepfix_add(f, NULL, &err), &err, "add");
	first_backup(f);
	keep(f, SWEEPFIX_BACKED);
	change_source(f);
	remove_tree(sweepfix_path(f, "work/p1/packs"));
	remove_tree(sweepfix_path(f, "work/p2/ctl/heads"));
	keep(f, SWEEPFIX_DEGRADED);
}

struct sweepfix *sweepfix_new(unsigned k, unsigned m)
{
	struct sweepfix *f = calloc(1, sizeof(*f));
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	assert_non_null(f);
	assert_true(k <= m && m <= SWEEPFIX_PLACES);
	f->paths = calloc(PATHS, sizeof(*f->paths));
	assert_non_null(f->paths);
	f->k = k;
	f->m = m;
	snprintf(f->folder, sizeof(f->folder), "%s/sweepfix.XXXXXX", base);
	assert_non_null(mkdtemp(f->folder));
	for (unsigned i = 0; i < m; i++)
		snprintf(f->url[i].text, sizeof(f->url[i].text), "dir:%s/work/p%u", f->folder,
			i + 1);
	f->shared = mmap(NULL, sizeof(*f->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(f->shared != MAP_FAILED);
	make_source(f);
	make_stages(f);
	return f;
}

void sweepfix_free(struct sweepfix *f)
{
	if (!f)
		return;
	remove_tree(f->folder);
	munmap(f->shared, sizeof(*f->shared));
	free(f->paths);
	free(f);
}

void sweepfix_load(struct sweepfix *f, enum sweepfix_stage stage)
{
	remove_tree(sweepfix_path(f, "work"));
	copy_tree(stage_path(f, stage), sweepfix_path(f, "work"));
	f->stage = stage;
	f->places = stage == SWEEPFIX_EMPTY ? 0 : stage == SWEEPFIX_JOINING ? f->m - 1 : f->m;
	atomic_store(&f->shared->acknowledged, false);
}

/* --- the judge --- */

static void restores(struct sweepfix *f, struct sherd_repo *repo, const struct sherd_snapshot *s,
	const char *what)
{
	char report[1024] = "";
	struct sherd_restore_result result;
	struct sherd_error err;
	int r;

	remove_tree(sweepfix_path(f, "work/out"));
	r = restore(f, repo, s, &result, &err);
	if (r)
		fail_msg("%s: '%s' does not restore: %s", what, s->name, err.message);
	if (result.lost)
		fail_msg("%s: restoring '%s': %u lost", what, s->name, (unsigned)result.lost);
	if (treecmp_differences(sweepfix_path(f, "work/out"),
		    sweepfix_path(f, strcmp(s->name, "A") == 0 ? "A" : "B"), 0, report,
		    sizeof(report)))
		fail_msg("%s: '%s' is not what was saved: %s", what, s->name, report);
	remove_tree(sweepfix_path(f, "work/out"));
}

/* All that is listed restores; and what must be listed is. */
static void judge_snapshots(struct sweepfix *f, struct sherd_repo *repo, bool has_a, bool has_b,
	bool has_c, const char *what)
{
	size_t count;
	const struct sherd_snapshot *list = sherd_snapshots(repo, &count);

	for (size_t i = 0; i < count; i++) {
		restores(f, repo, &list[i], what);
		has_a = has_a && strcmp(list[i].name, "A") != 0;
		has_b = has_b && strcmp(list[i].name, "B") != 0;
		has_c = has_c && strcmp(list[i].name, "C") != 0;
	}
	if (has_a || has_b || has_c)
		fail_msg("%s: snapshot '%s' is not listed", what, has_a ? "A" : has_b ? "B" : "C");
}

static void judge_bytes(struct sweepfix_handle *h, bool whole, bool may_be_bad, const char *what)
{
	struct sherd_check_result result;
	struct sherd_error err;
	int r = check(h, 100, true, &result, &err);

	if (r)
		fail_msg("%s: check: %s", what, err.message);
	if (result.packs_lost || result.snapshots_lost || result.blobs_bad)
		fail_msg("%s: check: %u packs and %u snapshots lost, %u blobs bad", what,
			(unsigned)result.packs_lost, (unsigned)result.snapshots_lost,
			(unsigned)result.blobs_bad);
	for (size_t i = 0; i < result.place_count; i++) {
		const struct sherd_place_check *p = &result.places[i];

		if ((!may_be_bad && (p->shares_bad || p->records_bad)) || p->unreachable ||
			(whole && (p->shares_missing || p->records_missing)))
			fail_msg("%s: %s: %u shares bad, %u missing, %u records bad, %u missing",
				what, p->name, (unsigned)p->shares_bad, (unsigned)p->shares_missing,
				(unsigned)p->records_bad, (unsigned)p->records_missing);
	}
}

/* A pool that lacks its last place gets it, whether or not it is there in part. */
static void complete(struct sweepfix *f, const char *what)
{
	struct sherd_pool_options options = pool_options(f, NULL, "work/state");
	struct sherd_pool *pool;
	struct sherd_error err;
	size_t count;
	int r = sherd_pool_open(&options, &pool, &err);

	if (f->stage == SWEEPFIX_EMPTY && r == SHERD_NOPOOL) {
		r = sweepfix_init(f, NULL, &err);
		if (!r)
			r = sherd_pool_open(&options, &pool, &err);
	}
	if (r)
		fail_msg("%s: open: %s", what, err.message);
	sherd_pool_places(pool, 0, &count);
	for (; count < f->m; count++) {
		r = add_place(f, pool, (unsigned)count, &err);
		if (r)
			fail_msg("%s: adding the place again: %s", what, err.message);
	}
	sherd_pool_free(pool);
}

static void go_on(struct sweepfix *f, struct sherd_repo *repo, const char *what)
{
	struct sherd_repair_options options = {0};
	struct sherd_repair_result result;
	struct sherd_error err;
	int r = backup(f, repo, "C", &err);

	if (r)
		fail_msg("%s: the next backup: %s", what, err.message);
	if (f->backup.missing[0] || f->backup.shares_least != f->m)
		fail_msg("%s: the next backup lacks: %s (%u)", what, f->backup.missing,
			f->backup.shares_least);
	r = sherd_repair(repo, &options, NULL, &result, &err);
	if (r)
		fail_msg("%s: the next repair: %s", what, err.message);
}

void sweepfix_judge(struct sweepfix *f, const char *what)
{
	bool has_a = f->stage >= SWEEPFIX_BACKED;
	bool has_b = atomic_load(&f->shared->acknowledged);
	unsigned hidden = sweepfix_hidden(f);
	struct sweepfix_handle h;
	struct sherd_error err;
	int r;

	if (hidden > HIDDEN_MAX)
		fail_msg("%s: %u hidden files are left", what, hidden);
	if (!has_a)
		complete(f, what);
	r = sweepfix_open(f, NULL, f->steps % 2, &h, &err);
	if (r)
		fail_msg("%s: open: %s", what, err.message);
	if (!sherd_pool_fresh(h.pool))
		fail_msg("%s: not fresh", what);
	judge_bytes(&h, false, f->may_be_bad, what);
	judge_snapshots(f, h.repo, has_a, has_b, false, what);
	go_on(f, h.repo, what);
	sweepfix_close(&h);
	/* And once more, as the next process sees it. */
	r = sweepfix_open(f, NULL, false, &h, &err);
	if (r)
		fail_msg("%s: open again: %s", what, err.message);
	judge_bytes(&h, true, false, what);
	judge_snapshots(f, h.repo, has_a, has_b, true, what);
	sweepfix_close(&h);
	if (sweepfix_hidden(f) > hidden)
		fail_msg("%s: more hidden files", what);
}

void sweepfix_judge_clone(struct sweepfix *f, const char *what)
{
	struct sherd_pool_options options = pool_options(f, NULL, "work/state2");
	struct sherd_pool *pool;
	struct sherd_error err;
	int r = sherd_pool_open(&options, &pool, &err);

	if (r == SHERD_NOPOOL) {
		r = sweepfix_clone(f, NULL, &err);
		if (r)
			fail_msg("%s: joining again: %s", what, err.message);
		r = sherd_pool_open(&options, &pool, &err);
	}
	if (r)
		fail_msg("%s: the pool that was joined: %s", what, err.message);
	assert_true(sherd_pool_fresh(pool));
	sherd_pool_free(pool);
}

static int remove_left_over(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	if (type == FTW_D || strncmp(path + where->base, ".sherd-", 7) != 0)
		return 0;
	walk.count++;
	return remove(path);
}

void sweepfix_judge_restore(struct sweepfix *f, const char *what)
{
	char report[1024] = "";
	struct sherd_error err;
	int r;

	/* A process that is killed leaves at most the file that each of its threads was writing,
	 * under a hidden name (sherd-restore(1)). */
	walk.count = 0;
	nftw(sweepfix_path(f, "work/out"), remove_left_over, WALK_FILES, FTW_PHYS);
	if (walk.count > 1)
		fail_msg("%s: %u hidden files are left", what, walk.count);
	r = sweepfix_restore(f, NULL, &err);

	if (r)
		fail_msg("%s: restoring again: %s", what, r == 1 ? "not all" : err.message);
	if (treecmp_differences(
		    sweepfix_path(f, "work/out"), sweepfix_path(f, "A"), 0, report, sizeof(report)))
		fail_msg("%s: restored again: %s", what, report);
	remove_tree(sweepfix_path(f, "work/out"));
}

bool sweepfix_whole(struct sweepfix *f)
{
	struct sherd_check_result result;
	struct sweepfix_handle h;
	struct sherd_error err;
	bool whole;

	must(sweepfix_open(f, NULL, true, &h, &err), &err, "open");
	must(check(&h, 0, false, &result, &err), &err, "check");
	whole = !result.packs_degraded && !result.packs_lost;
	sweepfix_close(&h);
	return whole;
}

bool sweepfix_known_whole(struct sweepfix *f)
{
	struct sherd_status status;
	struct sweepfix_handle h;
	struct sherd_error err;
	bool whole;

	must(sweepfix_open(f, NULL, false, &h, &err), &err, "open");
	must(sherd_status(h.repo, &status, &err), &err, "status");
	whole = !status.packs_degraded && !status.packs_lost;
	sweepfix_close(&h);
	return whole;
}

/* --- how much --- */

bool sweepfix_all(void)
{
	const char *sweep = getenv("SHERD_SWEEP");

	return sweep && strcmp(sweep, "all") == 0;
}

struct sweepfix_sample sweepfix_sample(const char *what, unsigned long total, unsigned long most)
{
	const char *given = getenv("SHERD_SEED");
	unsigned long seed = given ? strtoul(given, NULL, 0) : (unsigned long)time(NULL);
	struct sweepfix_sample s = {1, 1};

	if (!sweepfix_all() && total > most) {
		s.stride = (total + most - 1) / most;
		s.first = 1 + seed % s.stride;
	}
	print_message("# %s: %lu steps, every %lu. from %lu on (seed %lu)\n", what, total, s.stride,
		s.first, seed);
	return s;
}
