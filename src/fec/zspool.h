/* SPDX-License-Identifier: MIT */
/* zspool.h - a share file that comes through a pipe, made a file that can be read at any place. */
#ifndef FEC_ZSPOOL_H
#define FEC_ZSPOOL_H

#include <fec/ztask.h>

/*
 * zspool_copy(task, fd, name, ret_fd, ret_unreadable, err):
 * Copy all that ${fd} gives into a nameless temporary file in $TMPDIR, /var/tmp or /tmp. The caller
 * closes ${ret_fd}. On an error ${ret_unreadable} tells whether it is ${fd} that is to blame.
 */
int zspool_copy(struct ztask *task, int fd, const char *name, int *ret_fd, bool *ret_unreadable,
	struct sherd_error *err);

#endif
