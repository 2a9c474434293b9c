/* SPDX-License-Identifier: MIT */
/*
 * zfec.h - share files in zfec's format: one file in, m share files out, any k bring it back.
 *
 * The format is described in docs/format.md, section 2. A share file is a header of 2 to 4 bytes
 * (k, m, pad, share number) and a body of ceil(file size / k) bytes. It has no checksum: a wrong
 * share can only be noticed when more than k of them are given, and then it is.
 *
 * All calls work in memory that does not grow with the file, write through unnamed or temporary
 * files that are synced and then moved into place, and leave nothing behind when they fail.
 */
#ifndef SHERD_ZFEC_H
#define SHERD_ZFEC_H

#include <stddef.h>
#include <stdint.h>
#include <sherd/error.h>
#include <sherd/export.h>
#include <sherd/job.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHERD_ZFEC_HEADER_MAX 4 /* bytes of the longest header */
#define SHERD_ZFEC_CHUNK 4096   /* bytes each share gets of one segment of k chunks */

struct sherd_env; /* clock, randomness and files; NULL everywhere means the system's own */

/* What the header of a share file says. */
struct sherd_zfec_header {
	unsigned k;     /* 1..m: shares needed */
	unsigned m;     /* 1..256: shares made */
	unsigned pad;   /* 0..k-1: bytes of zero added to make the file a multiple of k */
	unsigned share; /* 0..m-1: number of this share */
};

/*
 * sherd_zfec_header_size(k, m):
 * Bytes of the header: 2, 3 or 4; 0 if not 1 <= k <= m <= 256.
 */
SHERD_API size_t sherd_zfec_header_size(unsigned k, unsigned m);

/*
 * sherd_zfec_header_write(header, ret_bytes, ret_size, err):
 * The header's bytes into ${ret_bytes}, their number into ${ret_size}.
 * Errors: INVALID (a field out of range).
 */
SHERD_API int sherd_zfec_header_write(const struct sherd_zfec_header *header,
	uint8_t ret_bytes[SHERD_ZFEC_HEADER_MAX], size_t *ret_size, struct sherd_error *err);

/*
 * sherd_zfec_header_read(bytes, size, ret_header, ret_size, err):
 * Read the header at the start of the ${size} bytes (4 or more suffice always); ${ret_size} gets
 * its length. ${bytes} may be anything.
 * Errors: CORRUPT (cut short, k above m, pad not below k, share not below m, or a bit set behind
 * the last field: no writer makes these).
 */
SHERD_API int sherd_zfec_header_read(const uint8_t *bytes, size_t size,
	struct sherd_zfec_header *ret_header, size_t *ret_size, struct sherd_error *err);

/* How to encode. Zero means the default named; only k and m must be given. */
struct sherd_zfec_encode_options {
	unsigned k, m;         /* 1 <= k <= m <= 256 */
	const char *directory; /* where share files go; NULL: "." */
	const char *prefix;    /* their names: DIRECTORY/PREFIX.NN_MM + SUFFIX; NULL: "" */
	const char *suffix;    /* NULL: ".fec" */
	int overwrite;         /* 1: replace existing share files, once all new ones are safe */
	int no_sync;           /* 1: do not fsync: fast, and lost if the power fails */
	unsigned threads;      /* 0: one for each processor, at most 16 */
	const struct sherd_progress *progress;
	const struct sherd_cancel *cancel;
	const struct sherd_env *env;
};

/*
 * sherd_zfec_encode(fd, name, options, ret_size, err):
 * Read the file at ${fd}, called ${name} in messages, from its current position to its end, and
 * write m share files. ${fd} may be a pipe of any length. All share files appear, or none: on any
 * failure every file that was there before is there again, unchanged.
 * ${ret_size}, unless NULL, gets the number of bytes read. ${fd} stays open.
 * Threads: any. Memory: below 40 MiB for each thread.
 * Errors: EXISTS (a share file is there, and overwrite is 0), CHANGED (a regular file's size or
 * time of modification or change is another after it was read), INVALID (also: the input is a
 * directory, or a share file would replace the input itself), NOMEM, IO, NOSPACE, DENIED, NOTFOUND
 * (no such directory), CANCELLED.
 */
SHERD_API int sherd_zfec_encode(int fd, const char *name,
	const struct sherd_zfec_encode_options *options, uint64_t *ret_size,
	struct sherd_error *err);

/*
 * sherd_zfec_share_name(options, share, buffer, size):
 * The name that share ${share} gets, as sherd_zfec_encode() makes it, cut to ${size} bytes with
 * the final NUL. Returns its whole length, as snprintf() does; 0 if k, m or share is out of range.
 */
SHERD_API size_t sherd_zfec_share_name(
	const struct sherd_zfec_encode_options *options, unsigned share, char *buffer, size_t size);

/* What a decode has to say about one of the files it was given. */
enum sherd_zfec_verdict {
	SHERD_ZFEC_UNREADABLE, /* cannot be opened or read; left out */
	SHERD_ZFEC_DAMAGED,    /* its header or length cannot be right; left out */
	SHERD_ZFEC_STRANGER,   /* k, m, pad or length differ from the majority's; left out */
	SHERD_ZFEC_WRONG,      /* its bytes disagree with those of all the others; left out */
};

/* How to decode. Zero means the default named. */
struct sherd_zfec_decode_options {
	int overwrite;    /* 1: replace an existing output, once the new one is safe */
	int no_sync;      /* 1: do not fsync: fast, and lost if the power fails */
	unsigned threads; /* 0: one for each processor, at most 16 */
	/* Told once of every file that is left out; ${path} and ${why} live during the call only.
	 */
	void (*notice)(
		void *context, enum sherd_zfec_verdict verdict, const char *path, const char *why);
	void *notice_context;
	const struct sherd_progress *progress;
	const struct sherd_cancel *cancel;
	const struct sherd_env *env;
};

/* What a decode found out. */
struct sherd_zfec_decode_result {
	uint64_t size;     /* bytes of the file */
	unsigned k, m;     /* of its code */
	unsigned given;    /* files named */
	unsigned left_out; /* files that were not used, for whatever reason */
	int verified;      /* 1: every byte was confirmed by more than k shares */
};

/*
 * sherd_zfec_decode(paths, count, output, options, ret_result, err):
 * Restore the file from the share files ${paths}[0..count-1] and put it at ${output}, whole or
 * not at all; ${output} NULL or "-" means descriptor 1, and then nothing is written before all
 * shares were read and compared. Share files may be pipes: they are first copied to an unnamed
 * temporary file. All shares given are used: those that agree in k, m, pad and length and are the
 * most (at least k) are taken, and what is more than k checks the rest.
 * ${ret_result}, unless NULL, is written on success. A symbolic link at ${output} is followed; a
 * fifo or character device is written to as descriptor 1 is, a block device only with overwrite.
 * Threads: any. Memory: below 40 MiB for each thread.
 * Errors: TOOFEW (fewer than k usable), DUPLICATE (two of the usable files hold the same share),
 * MISMATCH (no majority, or the shares disagree and it cannot be told which is wrong), CORRUPT
 * (the padding that the header announces is not zero), CHANGED (with no share to check by, a share
 * file that was modified while it was read), EXISTS, INVALID (also: the output would replace one
 * of the share files), NOMEM, IO, NOSPACE, DENIED, NOTFOUND, CANCELLED.
 */
SHERD_API int sherd_zfec_decode(const char *const *paths, size_t count, const char *output,
	const struct sherd_zfec_decode_options *options,
	struct sherd_zfec_decode_result *ret_result, struct sherd_error *err);

#ifdef __cplusplus
}
#endif
#endif
