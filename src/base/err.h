/* SPDX-License-Identifier: MIT */
/*
 * err.h - filling in a struct sherd_error (sherd/error.h). Every function here accepts NULL for
 * ${err} and returns the code it was given, so that a failing call ends with
 *     return err_set(err, SHERD_CORRUPT, "header of '%s' is cut short", path);
 * Detecting code calls err_set() or err_system(); a caller with something to add calls err_wrap().
 * Threads: any; one struct belongs to one thread.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <sherd/error.h>

/* Fill in ${err} with ${code} and the formatted message; os_errno becomes 0. */
int err_set(struct sherd_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The same for a failed system call: the code follows from ${os_errno} (ENOENT, ENOTDIR: NOTFOUND;
 * EEXIST: EXISTS; ENOSPC, EDQUOT, EFBIG: NOSPACE; EACCES, EPERM, EROFS: DENIED; ENOMEM: NOMEM;
 * else IO), and ": " with the system's text for it is appended to the message.
 */
int err_system(struct sherd_error *err, int os_errno, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Put the formatted text and ": " before the message; returns err's code, or ${code} without err.
 */
int err_wrap(struct sherd_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "out of memory", for every failed allocation. */
int err_nomem(struct sherd_error *err);

#endif
