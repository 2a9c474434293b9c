/* SPDX-License-Identifier: MIT */
/*
 * newfile.h - files that appear whole or not at all.
 *
 * A new file is written without a name (O_TMPFILE) or, where the file system cannot do that, under
 * a hidden temporary name beside its place; it is then synced and moved into place. A set of new
 * files is moved as one: when one of them cannot be, those already moved are taken back, and files
 * they had replaced return unchanged. A crash leaves old files or new ones, each whole; in the
 * middle of a set some of each.
 *
 * Life: newfile_open(), write at `fd`, newfile_sync(), newfile_publish(), newfile_sync_folder(),
 * newfile_settle() or
 * newfile_revert(), newfile_release(). Single-threaded, but for writes at `fd` and newfile_sync().
 */
#ifndef BASE_NEWFILE_H
#define BASE_NEWFILE_H

#include <stdbool.h>
#include <base/env.h>
#include <sherd/error.h>

struct newfile {
	const struct sherd_env *env;
	int fd;          /* to write at; -1 when released */
	int directory;   /* of the folder it goes to, -1 when released */
	char *path;      /* as given, links followed: for messages */
	char *name;      /* last part of path */
	char *temporary; /* name it has in the folder while it is unpublished; NULL: nameless */
	char *displaced; /* name under which the file it replaced is kept; NULL: replaced none */
	bool overwrite;  /* an existing file may be replaced */
	bool published;  /* it stands at its place */
};

/* All zero but for the descriptors: newfile_release() may follow. */
#define NEWFILE_INIT ((struct newfile){.fd = -1, .directory = -1})

/*
 * newfile_open(f, env, path, overwrite, err):
 * Begin the file that will stand at ${path}. Its mode is 0666 less the umask, or that of the
 * file it replaces. A symbolic link at ${path} is followed. Nothing is visible at ${path} yet.
 * Errors: EXISTS (a file is there and overwrite is false, or what is there is no regular file),
 * NOTFOUND (no such folder), DENIED, NOSPACE, IO, NOMEM. ${f} needs no release then, but bears it.
 */
int newfile_open(struct newfile *f, const struct sherd_env *env, const char *path, bool overwrite,
	struct sherd_error *err);

/* newfile_sync(f, err): the bytes and size are on the medium. Errors: IO, NOSPACE. */
int newfile_sync(struct newfile *f, struct sherd_error *err);

/*
 * newfile_publish(f, err):
 * Move it to its place; the file it replaces, if any, is kept aside. Errors: EXISTS (somebody made
 * one meanwhile and overwrite is false), IO, NOSPACE, DENIED; it is unpublished then.
 */
int newfile_publish(struct newfile *f, struct sherd_error *err);

/* newfile_revert(f): undo newfile_publish(): the old file returns to its place. Never fails loudly.
 */
void newfile_revert(struct newfile *f);

/*
 * newfile_sync_folder(f, err):
 * What was published in the file's folder outlasts a crash. A file system that cannot sync folders
 * (EINVAL) is as good as it can be. Errors: IO, NOSPACE.
 */
int newfile_sync_folder(struct newfile *f, struct sherd_error *err);

/*
 * newfile_settle(f, err):
 * Let go of the file that was replaced; it is gone for good. Sync the folder first.
 * Errors: IO, DENIED: it stays under its hidden name, which the message tells. The new file stays
 * in place all the same.
 */
int newfile_settle(struct newfile *f, struct sherd_error *err);

/*
 * newfile_would_replace(f, input):
 * True if publishing ${f} would replace the very file that ${input} describes. False also if that
 * cannot be found out: then there is nothing that could be replaced.
 */
bool newfile_would_replace(const struct newfile *f, const struct stat *input);

/* newfile_release(f): close all; an unpublished file vanishes. Safe to call twice. */
void newfile_release(struct newfile *f);

#endif
