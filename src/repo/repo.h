/* SPDX-License-Identifier: MIT */
/* repo.h - what a sherd_repo is made of, for the files of this floor (sherd/repo.h is the
 * contract). */
#ifndef REPO_REPO_H
#define REPO_REPO_H

#include <base/bytes.h>
#include <repo/store.h>
#include <repo/tree.h>
#include <sherd/repo.h>

struct sherd_repo {
	struct sherd_pool *pool;
	struct store *store;
	struct repo_snapshots *snapshots; /* the parsed catalog, oldest first; snapshots.c */
	struct repo_results *results;     /* what the last check or status told; health.c */
};

/* repo_snapshots_load(repo, err): parse the store's catalog again (after commit or refresh).
 * snapshots.c */
int repo_snapshots_load(struct sherd_repo *repo, struct sherd_error *err);
void repo_snapshots_free(struct repo_snapshots *s);

/* repo_snapshot_root(repo, snapshot, ret_content, ret_size): the root folder's content of a listed
 * snapshot. */
void repo_snapshot_root(struct sherd_repo *repo, const struct sherd_snapshot *snapshot,
	const uint8_t **ret_content, size_t *ret_size);

void repo_results_free(struct repo_results *r); /* health.c; NULL does nothing */

/* Hooks: the cancel flag in force; and progress at most ten times a second, from the thread that
 * calls. */
const struct sherd_cancel *repo_cancel(
	const struct sherd_repo *repo, const struct sherd_repo_hooks *hooks);

/*
 * repo_find_path(repo, root, root_size, path, ret_entry, ret_keep, err):
 * Walk down to ${path} (absolute; "." parts and double slashes are dropped, ".." refused). The
 * entry's pointers lead into ${ret_keep}, which the caller releases. The root itself: type FOLDER
 * with name "". browse.c
 */
int repo_find_path(struct sherd_repo *repo, const uint8_t *root, size_t root_size, const char *path,
	struct tree_entry *ret_entry, struct bytes *ret_keep, struct sherd_error *err);

#endif
