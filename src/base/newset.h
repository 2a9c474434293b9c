/* SPDX-License-Identifier: MIT */
/*
 * newset.h - new files that appear together or not at all: struct newfile (base/newfile.h), many
 * of them, moved to their places as one.
 */
#ifndef BASE_NEWSET_H
#define BASE_NEWSET_H

#include <stdbool.h>
#include <stddef.h>
#include <base/newfile.h>

/*
 * newset_commit(files, count, sync, err):
 * Sync all files if ${sync}, move all to their places, sync the folders. If any of this fails,
 * every file that was replaced is back and the new ones are gone from sight. Once all stand, an
 * old one that cannot be removed is only logged. Release them in any case.
 */
int newset_commit(struct newfile *files, size_t count, bool sync, struct sherd_error *err);

/* newset_release(files, count): newfile_release() for each. */
void newset_release(struct newfile *files, size_t count);

#endif
