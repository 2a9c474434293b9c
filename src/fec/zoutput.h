/* SPDX-License-Identifier: MIT */
/*
 * zoutput.h - where a decoded file goes: a new file (base/newfile.h), to which pieces are written
 * in any order, or a stream (standard output, a fifo, a device), to which they go in theirs.
 */
#ifndef FEC_ZOUTPUT_H
#define FEC_ZOUTPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <base/newfile.h>
#include <fec/zlayout.h>
#include <fec/ztask.h>

struct zoutput {
	struct ztask *task;
	const struct sherd_env *env;
	const char *name; /* for messages */
	bool stream;
	struct newfile file; /* if it is no stream */
	int fd;              /* of the stream */
	bool close;          /* the stream's descriptor is ours */
	uint8_t *bytes;      /* of the stream: one piece in its order */

	pthread_mutex_t lock; /* guards next */
	pthread_cond_t moved; /* next changed, or the task failed */
	uint64_t next;        /* piece that the stream waits for */
};

/*
 * zoutput_open(o, task, path, overwrite, err):
 * ${path} NULL or "-" is descriptor 1. Errors: as newfile_open(), IO. Release it in any case.
 */
int zoutput_open(struct zoutput *o, struct ztask *task, const char *path, bool overwrite,
	struct sherd_error *err);
void zoutput_release(struct zoutput *o);

/* zoutput_reserve(o, size, err): pieces have at most ${size} bytes; before the first. NOMEM. */
int zoutput_reserve(struct zoutput *o, size_t size, struct sherd_error *err);

/*
 * zoutput_put(o, piece, parts, count, err):
 * Write a piece; the parts are used up. To a stream it waits for its turn: pieces must be begun in
 * order, by threads that either put them or call zoutput_wake() after they have let the task fail.
 * Any thread. Errors: of the write; the task's.
 */
int zoutput_put(struct zoutput *o, const struct zpiece *piece, struct iovec *parts, size_t count,
	struct sherd_error *err);

/* zoutput_wake(o): the task has failed; nobody needs to wait for his turn. */
void zoutput_wake(struct zoutput *o);

/* zoutput_commit(o, sync, err): all is written; a file appears now. */
int zoutput_commit(struct zoutput *o, bool sync, struct sherd_error *err);

#endif
