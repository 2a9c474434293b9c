/* SPDX-License-Identifier: MIT */
/*
 * zintake.h - the file that is encoded, handed out piece by piece to several threads. A regular
 * file is read from its current position, each piece by the thread that wants it; a pipe in the
 * order it comes.
 */
#ifndef FEC_ZINTAKE_H
#define FEC_ZINTAKE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <fec/zlayout.h>
#include <fec/ztask.h>

struct zintake {
	struct ztask *task;
	int fd;            /* the caller's */
	const char *name;  /* for messages; the caller's */
	unsigned k;        /* chunks of a segment */
	unsigned segments; /* of a piece */
	bool stream;       /* its size is not known before its end */
	struct stat before;
	uint64_t start;       /* position of the first byte, if it is no stream */
	uint64_t size;        /* bytes; of a stream those read up to now */
	atomic_ullong next;   /* number of the next piece, if it is no stream */
	pthread_mutex_t lock; /* guards what follows, and fd and size of a stream */
	uint64_t pieces;      /* read of a stream */
	bool ended;           /* the stream is */
	uint8_t *segment;     /* of a stream, before it is cut into chunks */
};

/*
 * zintake_open(in, task, fd, name, k, segments, err):
 * Look at what is to be read. Errors: INVALID (a directory), IO, NOMEM. Release it in any case.
 */
int zintake_open(struct zintake *in, struct ztask *task, int fd, const char *name, unsigned k,
	unsigned segments, struct sherd_error *err);
void zintake_release(struct zintake *in);

/* zintake_pieces(in): how many pieces there will be; UINT64_MAX for a stream not at its end. */
uint64_t zintake_pieces(struct zintake *in);

/*
 * zintake_take(in, blocks, parts, ret_piece, err):
 * Read the next piece into the k ${blocks}, padded; ${parts} is scratch for k * segments. Returns
 * 1, 0 at the end, or an error: CHANGED (it became shorter), IO, CANCELLED. Any thread.
 */
int zintake_take(struct zintake *in, uint8_t *const *blocks, struct iovec *parts,
	struct zpiece *ret_piece, struct sherd_error *err);

/* zintake_finish(in, err): all pieces were taken; CHANGED if the file is not what it was. */
int zintake_finish(struct zintake *in, struct sherd_error *err);

#endif
