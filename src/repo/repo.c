/* SPDX-License-Identifier: MIT */
/* repo.c - opening and closing: a repo is a pool, the store of its blobs, and the list of snapshots
 * that its catalog is. */
#include <repo/repo.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/workers.h>

/* Threads of the store: none where the pool has none and one was asked for. */
static int store_threads(const struct sherd_pool *pool, unsigned asked, unsigned *ret_threads,
	struct sherd_error *err)
{
	if (asked == 1 && pool_inline(pool)) {
		*ret_threads = 0;
		return 0;
	}
	return workers_wanted(asked, ret_threads, err);
}

static int open_steps(
	struct sherd_repo *repo, const struct sherd_repo_options *options, struct sherd_error *err)
{
	struct store_options store = {
		.cache = options->cache, .memory = options->memory, .no_cache = options->no_cache};
	int r = store_threads(repo->pool, options->threads, &store.threads, err);

	if (r)
		return r;
	r = store_open(repo->pool, &store, &repo->store, err);
	return r ? r : repo_snapshots_load(repo, err);
}

int sherd_repo_open(struct sherd_pool *pool, const struct sherd_repo_options *options,
	struct sherd_repo **ret_repo, struct sherd_error *err)
{
	static const struct sherd_repo_options defaults;
	struct sherd_repo *repo;
	int r;

	if (!pool || !ret_repo)
		return err_set(err, SHERD_INVALID, "cannot open a repository without a pool");
	repo = mem_array(1, sizeof(*repo));
	if (!repo)
		return err_nomem(err);
	repo->pool = pool;
	r = open_steps(repo, options ? options : &defaults, err);
	if (r) {
		sherd_repo_free(repo);
		return r;
	}
	*ret_repo = repo;
	return 0;
}

void sherd_repo_free(struct sherd_repo *repo)
{
	if (!repo)
		return;
	repo_snapshots_free(repo->snapshots);
	repo_results_free(repo->results);
	store_free(repo->store);
	mem_free(repo);
}

const struct sherd_cancel *repo_cancel(
	const struct sherd_repo *repo, const struct sherd_repo_hooks *hooks)
{
	return hooks && hooks->cancel ? hooks->cancel : pool_cancel(repo->pool);
}
