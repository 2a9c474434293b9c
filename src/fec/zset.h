/* SPDX-License-Identifier: MIT */
/*
 * zset.h - the share files a decode was given: opened, judged, and those that belong together
 * chosen. Nothing of their bodies is read here.
 */
#ifndef FEC_ZSET_H
#define FEC_ZSET_H

#include <stdbool.h>
#include <sys/stat.h>
#include <fec/ztask.h>
#include <sherd/fec.h>
#include <sherd/zfec.h>

/* One of the files given. */
struct zmember {
	const char *path; /* the caller's */
	int fd;           /* -1: could not be opened */
	struct stat before;
	struct sherd_zfec_header header;
	size_t header_size;
	uint64_t length; /* bytes of the file, the header's included */
	bool left_out;   /* its verdict was told */
};

/*
 * Those that are used agree in all but their number. A zset is single-threaded but for reading it;
 * zset_leave_out() needs the caller's lock.
 */
struct zset {
	const struct sherd_env *env;
	const struct sherd_zfec_decode_options *options;
	struct zmember *members; /* [count], as given */
	size_t count;
	size_t left_out;                             /* of them */
	struct zmember *share[SHERD_FEC_SHARES_MAX]; /* used, by number; NULL: not given */
	unsigned held;                               /* number of those */
	unsigned k, m, pad;
	size_t header_size;
	uint64_t body; /* bytes of each share file behind its header */
	uint64_t size; /* bytes of the file they make */
};

/*
 * zset_open(set, task, paths, count, options, err):
 * Open the files and choose. Tells the caller of those left out. Release it in any case.
 * Errors: TOOFEW, DUPLICATE, MISMATCH, NOMEM, IO (too many open files, or no room to copy a pipe),
 * NOSPACE, CANCELLED.
 */
int zset_open(struct zset *set, struct ztask *task, const char *const *paths, size_t count,
	const struct sherd_zfec_decode_options *options, struct sherd_error *err);
void zset_release(struct zset *set);

/* zset_leave_out(set, member, verdict, why): tell the caller, unless this file was told before. */
void zset_leave_out(
	struct zset *set, struct zmember *member, enum sherd_zfec_verdict verdict, const char *why);

/* zset_unchanged(set, err): CHANGED if a share file in use is not what it was when it was opened.
 */
int zset_unchanged(const struct zset *set, struct sherd_error *err);

#endif
