/* SPDX-License-Identifier: MIT */
/* restore.c - sherd_restore(): what is asked for, and what it is done with. */
#include <repo/restore.h>

#include <string.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/cpu.h>
#include <base/err.h>
#include <repo/browse.h>

#define THREADS_MAX 2 /* that write files; more wait for each other in the folders' locks */
#define QUEUE_MAX 4   /* batches */
#define STACK_SIZE ((size_t)512 << 10)

/* --- beginning and end --- */

static int make_patterns(struct restore *r, struct sherd_error *err)
{
	const struct sherd_restore_options *o = r->options;
	int code = 0;

	if (o->include_count)
		code = patterns_new(o->includes, o->include_count, &r->includes, err);
	if (!code && o->exclude_count)
		code = patterns_new(o->excludes, o->exclude_count, &r->excludes, err);
	return code;
}

static int open_target(struct restore *r, struct sherd_error *err)
{
	const struct sherd_restore_options *o = r->options;
	const char *path = o->in_place && !o->target ? "/" : o->target;
	bool root = geteuid() == 0;
	int code = target_open(&r->target, r->env, path, !o->dry_run, err);

	r->target.owners = root && !o->no_owner;
	r->target.special_bits = r->target.owners || o->devices;
	r->target.privileged_xattrs = r->target.owners;
	r->target.xattrs = !o->no_xattrs;
	return code;
}

static int prepare(struct restore *r, struct sherd_error *err)
{
	unsigned threads = pool_inline(r->repo->pool) ? 0 : THREADS_MAX;
	int code = make_patterns(r, err);

	if (!code)
		code = open_target(r, err);
	if (!code)
		code = restorer_take(r, &r->walker, err);
	if (!code)
		code = tasks_new(threads, QUEUE_MAX, STACK_SIZE, &r->tasks, err);
	return code;
}

static int init(struct restore *r, struct sherd_repo *repo, const struct sherd_snapshot *snapshot,
	const struct sherd_restore_options *options, const struct sherd_repo_hooks *hooks,
	struct sherd_error *err)
{
	int code;

	*r = (struct restore){.repo = repo,
		.store = repo->store,
		.env = pool_env(repo->pool),
		.snapshot = snapshot,
		.options = options,
		.cancel = repo_cancel(repo, hooks),
		.target = {.root = -1}};
	code = told_init(&r->told, hooks, repo->pool, err);
	if (code)
		return code;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->settled, NULL);
	descent_init(&r->descent, repo->store);
	return 0;
}

static void restorer_free(struct restorer *w)
{
	if (w)
		mem_free(w->buffer);
	mem_free(w);
}

static void release(struct restore *r)
{
	tasks_free(r->tasks);
	while (r->depth)
		restore_folder_free(r, r->chain[--r->depth]);
	mem_free(r->chain);
	bytes_release(&r->path);
	descent_release(&r->descent);
	restore_links_free(r->links);
	patterns_free(r->includes);
	patterns_free(r->excludes);
	mem_free(r->only);
	while (r->idle) {
		struct restorer *next = r->idle->next;

		restorer_free(r->idle);
		r->idle = next;
	}
	restorer_free(r->walker);
	target_close(&r->target);
	told_release(&r->told);
	pthread_cond_destroy(&r->settled);
	pthread_mutex_destroy(&r->lock);
}

/* --- what is asked for --- */

/* The path of the folder that the entry at ${path} is in. */
static void cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

static int walk_from(struct restore *r, char *path, const struct tree_entry *e)
{
	int code;

	if (e->type != TREE_FOLDER)
		cut_last(path);
	code = restore_folder_first(r, path);
	if (code)
		return code;
	if (e->type == TREE_FOLDER) {
		struct folder *first = r->chain[0];

		if (first->made) {
			first->kept = restore_keep(e);
			if (!first->kept)
				return SHERD_NOMEM;
		}
		/* Its contents become the target's. */
		first->taken =
			first->taken || patterns_ask(r->includes, path, true) == PATTERN_MATCH;
		first->leading = !first->taken;
		restore_walk(r, e->content, e->content_size);
	} else {
		restore_one(r, e);
	}
	return 0;
}

static int restore_below(struct restore *r, const uint8_t *root, size_t root_size, char *path,
	struct sherd_error *err)
{
	struct bytes keep = BYTES_INIT;
	struct tree_entry e;
	int code = repo_find_path(r->repo, root, root_size, path, &e, &keep, err);

	if (!code && walk_from(r, path, &e) != 0)
		code = err_nomem(err);
	bytes_release(&keep);
	return code;
}

static int run(struct restore *r, struct sherd_error *err)
{
	CLEANUP(mem_free_at)
	char *path = repo_plain_path(r->options->path ? r->options->path : "/");
	const uint8_t *root;
	size_t root_size;

	if (!path)
		return err_nomem(err);
	repo_snapshot_root(r->repo, r->snapshot, &root, &root_size);
	if (!root)
		return err_set(err, SHERD_NOTFOUND, "no such snapshot");
	if (*path && !r->options->in_place)
		return restore_below(r, root, root_size, path, err);
	if (*path) {
		struct bytes keep = BYTES_INIT;
		struct tree_entry e;
		int code = repo_find_path(r->repo, root, root_size, path, &e, &keep, err);

		bytes_release(&keep);
		if (code)
			return code;
		r->only = TAKE(path);
	}
	if (restore_folder_first(r, "") != 0)
		return err_nomem(err);
	restore_walk(r, root, root_size);
	return 0;
}

static int check_options(const struct sherd_restore_options *o, struct sherd_error *err)
{
	if (!o || (!o->target && !o->in_place))
		return err_set(err, SHERD_INVALID, "no target folder is given");
	if ((o->include_count && !o->includes) || (o->exclude_count && !o->excludes))
		return err_set(err, SHERD_INVALID, "patterns are missing");
	if (o->overwrite < SHERD_OVERWRITE_NEVER || o->overwrite > SHERD_OVERWRITE_ALWAYS)
		return err_set(err, SHERD_INVALID, "no such rule for overwriting");
	return 0;
}

static void sum_up(struct restore *r, uint64_t began_ns, struct sherd_restore_result *ret)
{
	if (r->walker)
		restore_add(&r->result, &r->walker->tally);
	*ret = r->result;
	ret->bad_shares = told_bad_shares(&r->told);
	ret->duration_ns = r->env->clock_monotonic_ns(r->env->context) - began_ns;
}

int sherd_restore(struct sherd_repo *repo, const struct sherd_snapshot *snapshot,
	const struct sherd_restore_options *options, const struct sherd_repo_hooks *hooks,
	struct sherd_restore_result *ret_result, struct sherd_error *err)
{
	struct restore r;
	struct packs_watch watch;
	uint64_t began_ns;
	int code = check_options(options, err);

	if (code)
		return code;
	if (!repo || !snapshot)
		return err_set(err, SHERD_INVALID, "no snapshot is given");
	code = init(&r, repo, snapshot, options, hooks, err);
	if (code)
		return code;
	began_ns = r.env->clock_monotonic_ns(r.env->context);
	watch = told_watch(&r.told);
	store_watch(r.store, &watch);
	code = prepare(&r, err);
	if (!code)
		code = run(&r, err);
	store_watch(r.store, NULL);
	if (!code && r.code) {
		code = r.code;
		if (err)
			*err = r.error;
	}
	if (ret_result)
		sum_up(&r, began_ns, ret_result);
	release(&r);
	return code;
}
