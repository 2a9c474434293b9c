/* SPDX-License-Identifier: MIT */
/*
 * t_whole_two.c - two devices save into one pool at the same time: in the middle of any call that
 * one makes to a place the other does a whole backup; and two processes with threads on folders.
 * Both succeed, both see both, and all is restored.
 */
#include "wholefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <pool/pool.h>
#include <repo/repo.h>
#include <repo/store.h>
#include "treecmp.h"
#include "treefix.h"

static void small_tree(const char *tree, const char *own)
{
	static uint8_t data[300000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 2654435761u >> 17);
	assert_int_equal(mkdir(tree, 0755), 0);
	treefix_file(tree, "both have it", data, sizeof(data));
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(data[i] + own[i % strlen(own)]);
	treefix_file(tree, own, data, sizeof(data));
	treefix_text(tree, "text", own);
}

/* --- interleaved --- */

struct pair {
	struct whole *w;
	struct session a, b;
	char *tree_a, *tree_b;
	bool ran;
};

static void other_backs_up(void *context)
{
	struct pair *p = context;
	struct sherd_backup_result result;
	struct sherd_error err;

	p->ran = true;
	if (whole_backup(&p->b, p->tree_b, &result, &err))
		fail_msg("the second device: %s", err.message);
}

static void sees_both(struct session *s, struct pair *p)
{
	const struct sherd_snapshot *list;
	struct sherd_error err;
	size_t count;

	if (pool_refresh(s->pool, &err) || store_refresh(s->repo->store, &err))
		fail_msg("%s", err.message);
	assert_int_equal(repo_snapshots_load(s->repo, &err), 0);
	list = sherd_snapshots(s->repo, &count);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < 2; i++) {
		const char *tree = strcmp(list[i].host, "a") == 0 ? p->tree_a : p->tree_b;
		struct sherd_restore_options options = {.path = tree};
		struct sherd_restore_result result;
		char *target = treefix_folder();

		options.target = target;
		assert_int_equal(
			sherd_restore(s->repo, &list[i], &options, NULL, &result, &err), 0);
		assert_int_equal(result.lost, 0);
		assert_same_trees(tree, target, 0);
		treefix_remove(target);
	}
}

/* The other one works at call ${at} of the first one's backup; false: there are fewer. */
static bool interleave(unsigned long at)
{
	struct pair p = {.w = whole_new(2, 3)};
	struct ctlfix *f = p.w->f;
	struct sherd_backup_result result;
	struct sherd_error err;
	bool within;

	p.tree_a = strdup(treefix_path(p.w->source, "a"));
	p.tree_b = strdup(treefix_path(p.w->source, "b"));
	small_tree(p.tree_a, "of a");
	small_tree(p.tree_b, "of b");
	sherd_pool_free(ctlfix_clone(f, "b", 0));
	session_open(p.w, "a", &p.a);
	session_open(p.w, "b", &p.b);
	f->hook = other_backs_up;
	f->hook_context = &p;
	f->hook_at = atomic_load(&f->made) + at;
	if (whole_backup(&p.a, p.tree_a, &result, &err))
		fail_msg("the first device, call %lu: %s", at, err.message);
	f->hook_at = 0;
	within = p.ran;
	if (!within)
		other_backs_up(&p);
	sees_both(&p.b, &p);
	sees_both(&p.a, &p);
	session_close(&p.a);
	session_close(&p.b);
	session_clone(p.w, 1, &p.a);
	sees_both(&p.a, &p);
	session_close(&p.a);
	free(p.tree_a);
	free(p.tree_b);
	whole_free(p.w);
	return within;
}

static void test_interleaved(void **state)
{
	unsigned long at = 1;

	(void)state;
	while (interleave(at))
		at++;
	print_message("# %lu calls of a backup, another within each\n", at - 1);
	assert_true(at > 20);
}

/* --- two processes --- */

struct folders {
	char *base;
	char state[2][256], place[3][256], tree[256];
};

static int give(void *context, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	(void)context;
	(void)size;
	(void)err;
	*ret_size = strlen(CTLFIX_PASSPHRASE);
	memcpy(buffer, CTLFIX_PASSPHRASE, *ret_size);
	return 0;
}

static void folders_make(struct folders *f)
{
	struct sherd_pool_init_options init = {.name = "test",
		.k = 2,
		.passphrase = CTLFIX_PASSPHRASE,
		.passphrase_size = strlen(CTLFIX_PASSPHRASE),
		.kdf_memory_kib = 8192,
		.kdf_passes = 1,
		.host = "first"};
	struct sherd_secrets secrets = {.passphrase = give};
	struct sherd_pool_options options = {.threads = 2};
	struct sherd_clone_options clone = {.place_count = 1, .host = "second"};
	const char *url;
	struct sherd_error err;
	struct sherd_pool *pool;
	char *kit;

	f->base = treefix_folder();
	snprintf(f->tree, sizeof(f->tree), "%s/tree", f->base);
	for (unsigned i = 0; i < 2; i++)
		snprintf(f->state[i], sizeof(f->state[i]), "%s/state%u", f->base, i);
	init.state = options.state = f->state[0];
	assert_int_equal(sherd_pool_init(&init, &kit, &err), 0);
	sherd_text_free(kit);
	assert_int_equal(sherd_pool_open(&options, &pool, &err), 0);
	for (unsigned i = 0; i < 3; i++) {
		char name[8];
		struct sherd_place_add_options add = {.name = name, .url = f->place[i]};

		snprintf(name, sizeof(name), "p%u", i);
		snprintf(f->place[i], sizeof(f->place[i]), "%s/place%u", f->base, i);
		if (sherd_pool_place_add(pool, &add, &err))
			fail_msg("%s", err.message);
	}
	sherd_pool_free(pool);
	clone.pool = (struct sherd_pool_options){.state = f->state[1], .secrets = &secrets};
	url = f->place[2];
	clone.places = &url;
	if (sherd_pool_clone(&clone, &pool, &err))
		fail_msg("%s", err.message);
	sherd_pool_free(pool);
}

static int backs_up(const struct folders *f, unsigned device, unsigned times)
{
	struct sherd_pool_options options = {.state = f->state[device], .threads = 2};
	struct sherd_repo_options repo_options = {.threads = 2};
	const char *paths[] = {f->tree};
	struct sherd_backup_options backup = {.paths = paths, .path_count = 1, .force_read = 1};
	struct sherd_backup_result result;
	struct sherd_pool *pool;
	struct sherd_repo *repo;
	struct sherd_error err;

	for (unsigned i = 0; i < times; i++) {
		int r = sherd_pool_open(&options, &pool, &err);

		if (!r) {
			r = sherd_repo_open(pool, &repo_options, &repo, &err);
			if (!r) {
				r = sherd_backup(repo, &backup, NULL, &result, &err);
				sherd_repo_free(repo);
			}
			sherd_pool_free(pool);
		}
		if (r) {
			fprintf(stderr, "device %u, backup %u: %d: %s\n", device, i, r,
				err.message);
			return 1;
		}
	}
	return 0;
}

static void all_there(const struct folders *f, unsigned device, size_t expected)
{
	struct sherd_pool_options options = {.state = f->state[device]};
	const struct sherd_snapshot *list;
	struct sherd_pool *pool;
	struct sherd_repo *repo;
	struct sherd_error err;
	size_t count;

	assert_int_equal(sherd_pool_open(&options, &pool, &err), 0);
	assert_int_equal(sherd_repo_open(pool, NULL, &repo, &err), 0);
	list = sherd_snapshots(repo, &count);
	assert_int_equal(count, expected);
	for (size_t i = 0; i < count; i++) {
		struct sherd_restore_options restore = {.path = f->tree};
		struct sherd_restore_result result;
		char *target = treefix_folder();

		restore.target = target;
		assert_int_equal(sherd_restore(repo, &list[i], &restore, NULL, &result, &err), 0);
		assert_int_equal(result.lost, 0);
		assert_same_trees(f->tree, target, 0);
		treefix_remove(target);
	}
	sherd_repo_free(repo);
	sherd_pool_free(pool);
}

static void test_processes(void **state)
{
	enum { times = 5 };
	struct folders f;
	pid_t child[2];

	(void)state;
	folders_make(&f);
	small_tree(f.tree, "of both");
	for (unsigned i = 0; i < 2; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0)
			_exit(backs_up(&f, i, times));
	}
	for (unsigned i = 0; i < 2; i++) {
		int status;

		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	all_there(&f, 0, 2 * times);
	all_there(&f, 1, 2 * times);
	treefix_remove(f.base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interleaved),
		cmocka_unit_test(test_processes),
	};

	return cmocka_run_group_tests_name("whole_two", tests, NULL, NULL);
}
