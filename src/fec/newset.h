/* SPDX-License-Identifier: MIT */
/*
 * newset.h - new files that appear together or not at all: struct newfile (base/newfile.h), many
 * of them, moved to their places as one.
 */
#ifndef FEC_NEWSET_H
#define FEC_NEWSET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <base/newfile.h>
#include <base/workers.h>

/*
 * newset_open(f, env, path, overwrite, err):
 * newfile_open() with an error that says what to do when there are too many open files.
 */
int newset_open(struct newfile *f, const struct sherd_env *env, const char *path, bool overwrite,
	struct sherd_error *err);

/*
 * newset_would_replace(f, input):
 * True if publishing ${f} would replace the very file that ${input} describes. False also if that
 * cannot be found out: then there is nothing that could be replaced.
 */
bool newset_would_replace(const struct newfile *f, const struct stat *input);

/*
 * newset_commit(files, count, sync, workers, err):
 * Sync all files if ${sync}, move all to their places, sync the folders. If any of this fails,
 * every file that was replaced is back and the new ones are gone from sight. Once all stand, an
 * old one that cannot be removed is only logged. Release them in any case.
 */
int newset_commit(struct newfile *files, size_t count, bool sync, struct sherd_workers *workers,
	struct sherd_error *err);

/* newset_release(files, count): newfile_release() for each. */
void newset_release(struct newfile *files, size_t count);

#endif
