/* SPDX-License-Identifier: MIT */
/*
 * smallfile.h - small files of one's own, in a folder given by its descriptor: read whole, and
 * replaced whole or not at all, durably. (newfile.h is for files that a user names.) Threads: any;
 * two that replace one file at the same time leave one of the two.
 */
#ifndef BASE_SMALLFILE_H
#define BASE_SMALLFILE_H

#include <stddef.h>
#include <base/bytes.h>
#include <base/env.h>
#include <sherd/error.h>

/*
 * smallfile_read(env, folder, name, size_max, out, err):
 * Replace the contents of ${out} with those of the file. Errors: NOTFOUND, CORRUPT (more than
 * size_max bytes), IO, DENIED, NOMEM.
 */
int smallfile_read(const struct sherd_env *env, int folder, const char *name, size_t size_max,
	struct bytes *out, struct sherd_error *err);

/*
 * smallfile_replace(env, folder, name, data, size, err):
 * Write ${name} anew, mode 0600: under a temporary name, synced, moved into place, folder synced.
 * Errors: NOSPACE, IO, DENIED; the old file, if any, is then as it was, or the new one is there
 * whole.
 */
int smallfile_replace(const struct sherd_env *env, int folder, const char *name, const void *data,
	size_t size, struct sherd_error *err);

#endif
