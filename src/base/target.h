/* SPDX-License-Identifier: MIT */
/*
 * target.h - what a path for a new file stands for: where its symbolic links end, and what is
 * there. Only a regular file is ever replaced, and only when that is asked for. Threads: any.
 */
#ifndef BASE_TARGET_H
#define BASE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <base/env.h>
#include <sherd/error.h>

/*
 * target_find(env, path, overwrite, ret_path, ret_stat, err):
 * Follow the symbolic links at ${path}. ${ret_path} is where they end (the caller frees it);
 * ${ret_stat} is the regular file there, to be replaced, or all zero if nothing is there.
 * Errors: as target_check(), and IO (too many links; a link in /proc to what has no path), DENIED,
 * NOTFOUND (part of the path is no folder), NOMEM.
 */
int target_find(const struct sherd_env *env, const char *path, bool overwrite, char **ret_path,
	struct stat *ret_stat, struct sherd_error *err);

/* target_check(path, there, overwrite, err): 0, or EXISTS where ${there} must not be replaced. */
int target_check(
	const char *path, const struct stat *there, bool overwrite, struct sherd_error *err);

/* target_same_file(a, b): whether both describe one file. */
bool target_same_file(const struct stat *a, const struct stat *b);

/* target_folder_length(path): bytes up to the last slash and with it; 0 if there is none. */
size_t target_folder_length(const char *path);

#endif
