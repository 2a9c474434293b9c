/* SPDX-License-Identifier: MIT */
/*
 * pool_tool.c - makes and reads pools for the tests of scripts/sherd-reader and for
 * tests/golden/pool-1, with public headers alone.
 *
 *     pool_tool make DIR K M TREE... [+ TREE...]   a new pool: DIR/state, DIR/kit.txt, places
 * DIR/p0, p1 ... and a snapshot of each TREE; those behind + by a second device, which joins with
 * the kit (state DIR/state2) pool_tool backup DIR TREE...                 more snapshots, by the
 * first device pool_tool restore STATE KIT SNAP TARGET PLACE... join with the kit (a file) into the
 * new STATE, then restore a whole snapshot
 *
 * The passphrase is PASSPHRASE, and its derivation the cheapest: these pools keep no secrets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sherd/pool.h>
#include <sherd/repo.h>

#define PASSPHRASE "ochre mantle twig suburb lunar fjord"
#define PATH_SIZE 4096
#define PLACES 64
#define KDF_MEMORY_KIB 8192
#define KDF_PASSES 1

/* A step that must succeed: this is a test's tool. */
static void need(int r, const char *what, const struct sherd_error *err)
{
	if (r >= 0)
		return;
	fprintf(stderr, "pool_tool: %s: %s\n", what, err->message);
	exit(1);
}

static void path_of(char ret[PATH_SIZE], const char *folder, const char *name)
{
	int length = snprintf(ret, PATH_SIZE, "%s/%s", folder, name);
	if (length < 0 || length >= PATH_SIZE)
		exit(2);
}

static FILE *open_file(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);
	if (file)
		return file;
	perror(path);
	exit(1);
}

static int ask_passphrase(
	void *context, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	(void)context;
	(void)err;
	if (size < sizeof(PASSPHRASE))
		return SHERD_INVALID;
	memcpy(buffer, PASSPHRASE, sizeof(PASSPHRASE) - 1);
	*ret_size = sizeof(PASSPHRASE) - 1;
	return 0;
}

/* ${context} is the path of the kit. */
static int ask_kit(
	void *context, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	(void)err;
	FILE *file = open_file(context, "r");
	*ret_size = fread(buffer, 1, size, file);
	fclose(file);
	return 0;
}

static int tell(void *context, const struct sherd_note *note)
{
	(void)context;
	fprintf(stderr, "pool_tool: note %d: '%s': %s\n", note->kind, note->path ? note->path : "",
		note->why ? note->why->message : "");
	return 0;
}

static void make_pool(const char *folder, unsigned k, unsigned m)
{
	struct sherd_error err;
	char state[PATH_SIZE], path[PATH_SIZE], *kit = NULL;
	path_of(state, folder, "state");
	struct sherd_pool_init_options options = {
		.state = state,
		.name = "golden",
		.k = k,
		.m = m,
		.passphrase = PASSPHRASE,
		.passphrase_size = sizeof(PASSPHRASE) - 1,
		.kdf_memory_kib = KDF_MEMORY_KIB,
		.kdf_passes = KDF_PASSES,
		.host = "first",
		.label = "test",
	};
	need(sherd_pool_init(&options, &kit, &err), "init", &err);
	path_of(path, folder, "kit.txt");
	FILE *file = open_file(path, "w");
	fputs(kit, file);
	if (fclose(file) != 0)
		exit(1);
	sherd_text_free(kit);

	struct sherd_pool *pool = NULL;
	need(sherd_pool_open(&(struct sherd_pool_options){.state = state}, &pool, &err), "open",
		&err);
	for (unsigned i = 0; i < m; i++) {
		char name[16];
		snprintf(name, sizeof(name), "p%u", i);
		path_of(path, folder, name);
		struct sherd_place_add_options place = {.name = name, .url = path};
		need(sherd_pool_place_add(pool, &place, &err), "place add", &err);
	}
	sherd_pool_free(pool);
}

static void back_up(struct sherd_pool *pool, const char *tree)
{
	struct sherd_error err;
	struct sherd_repo *repo = NULL;
	struct sherd_repo_hooks hooks = {.note = tell};
	struct sherd_backup_options options = {
		.paths = &tree, .path_count = 1, .user = "user", .version = "golden"};
	struct sherd_backup_result result;
	need(sherd_repo_open(pool, &(struct sherd_repo_options){0}, &repo, &err), "repo", &err);
	need(sherd_backup(repo, &options, &hooks, &result, &err), "backup", &err);
	for (size_t i = 0; i < SHERD_ID_SIZE; i++)
		printf("%02x", result.snapshot[i]);
	printf(" %s\n", tree);
	sherd_repo_free(repo);
}

static void back_up_all(const char *state, char *const *trees, size_t count)
{
	struct sherd_error err;
	struct sherd_pool *pool = NULL;
	struct sherd_secrets secrets = {.passphrase = ask_passphrase};
	struct sherd_pool_options options = {.state = state, .secrets = &secrets};
	need(sherd_pool_open(&options, &pool, &err), "open", &err);
	for (size_t i = 0; i < count; i++)
		back_up(pool, trees[i]);
	sherd_pool_free(pool);
}

/* Join with the kit, by way of the places given, which are where the pool's places of the same last
 * names are now. */
static struct sherd_pool *join(
	const char *state, char *kit, const char *const *places, size_t count, const char *host)
{
	struct sherd_error err;
	struct sherd_pool *pool = NULL;
	struct sherd_secrets secrets = {.kit = ask_kit, .context = kit};
	struct sherd_place_url urls[PLACES];
	for (size_t i = 0; i < count; i++) {
		const char *slash = strrchr(places[i], '/');
		urls[i] = (struct sherd_place_url){slash ? slash + 1 : places[i], places[i]};
	}
	struct sherd_clone_options options = {
		.pool = {.state = state, .secrets = &secrets, .urls = urls, .url_count = count},
		.places = places,
		.place_count = count,
		.host = host,
		.label = "test",
	};
	need(sherd_pool_clone(&options, &pool, &err), "clone", &err);
	return pool;
}

static void make(const char *folder, unsigned k, unsigned m, char **trees, size_t count)
{
	char state[PATH_SIZE], state2[PATH_SIZE], kit[PATH_SIZE], place[PATH_SIZE];
	const char *first = place;
	size_t own = 0;
	while (own < count && strcmp(trees[own], "+") != 0)
		own++;
	path_of(state, folder, "state");
	path_of(state2, folder, "state2");
	path_of(kit, folder, "kit.txt");
	path_of(place, folder, "p0");
	make_pool(folder, k, m);
	back_up_all(state, trees, own);
	if (own == count)
		return;
	struct sherd_pool *pool = join(state2, kit, &first, 1, "second");
	for (size_t i = own + 1; i < count; i++)
		back_up(pool, trees[i]);
	sherd_pool_free(pool);
}

static void restore(char **words, size_t count)
{
	struct sherd_error err;
	struct sherd_repo *repo = NULL;
	const struct sherd_snapshot *snapshot = NULL;
	const char *places[PLACES];
	size_t place_count = 0;
	for (size_t i = 4; i < count && place_count < PLACES; i++)
		places[place_count++] = words[i];
	struct sherd_pool *pool = join(words[0], words[1], places, place_count, "third");
	need(sherd_repo_open(pool, &(struct sherd_repo_options){0}, &repo, &err), "repo", &err);
	need(sherd_snapshot_find(repo, words[2], NULL, &snapshot, &err), "find", &err);
	struct sherd_restore_options options = {
		.target = words[3], .overwrite = SHERD_OVERWRITE_NEVER, .devices = 1, .verify = 1};
	struct sherd_repo_hooks hooks = {.note = tell};
	struct sherd_restore_result result;
	need(sherd_restore(repo, snapshot, &options, &hooks, &result, &err), "restore", &err);
	sherd_repo_free(repo);
	sherd_pool_free(pool);
	if (result.lost > 0)
		exit(1);
}

int main(int argc, char **argv)
{
	size_t count = argc > 2 ? (size_t)argc - 2 : 0;
	char state[PATH_SIZE];
	if (count >= 4 && strcmp(argv[1], "make") == 0) {
		make(argv[2], (unsigned)strtoul(argv[3], NULL, 10),
			(unsigned)strtoul(argv[4], NULL, 10), argv + 5, count - 3);
	} else if (count >= 2 && strcmp(argv[1], "backup") == 0) {
		path_of(state, argv[2], "state");
		back_up_all(state, argv + 3, count - 1);
	} else if (count >= 5 && strcmp(argv[1], "restore") == 0) {
		restore(argv + 2, count);
	} else {
		fputs("usage: see the head of pool_tool.c\n", stderr);
		return 2;
	}
	return 0;
}
