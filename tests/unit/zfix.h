/* SPDX-License-Identifier: MIT */
/*
 * zfix.h - what the tests of share files have in common: a folder of their own, files in it, and a
 * file together with its share files in memory. Whatever goes wrong here fails the running test.
 */
#ifndef TESTS_ZFIX_H
#define TESTS_ZFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sherd/zfec.h>

#define ZFIX_PATH_SIZE 64

/* Under ThreadSanitizer, where all takes fifty times as long: try less. */
#if defined(__SANITIZE_THREAD__)
#define ZFIX_SLOW 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ZFIX_SLOW 1
#endif
#endif
#ifndef ZFIX_SLOW
#define ZFIX_SLOW 0
#endif

/* zfix_setup(state), zfix_teardown(state): the current folder is a new, empty one in memory. */
int zfix_setup(void **state);
int zfix_teardown(void **state);

/* zfix_random(n): a number below n; the seed is printed by zfix_setup(), SHERD_SEED sets it. */
unsigned zfix_random(unsigned n);
void zfix_fill(uint8_t *bytes, size_t size);

/* zfix_write(path, bytes, size): make or replace a file. */
void zfix_write(const char *path, const uint8_t *bytes, size_t size);

/* zfix_is(path, bytes, size): whether that file is there and holds that and no more. */
bool zfix_is(const char *path, const uint8_t *bytes, size_t size);
bool zfix_exists(const char *path);

/* zfix_clear(): remove all files of the folder. zfix_entries(): how many there are. */
void zfix_clear(void);
unsigned zfix_entries(void);

/* zfix_pipe(bytes, size): the reading end of a pipe into which a child process writes that. */
int zfix_pipe(const uint8_t *bytes, size_t size);
/* zfix_reap(): wait for those children. */
void zfix_reap(void);

/* A file and its share files. */
struct zfix {
	unsigned k, m;
	size_t size;
	uint8_t *bytes;    /* [size] */
	size_t share_size; /* header included */
	size_t header_size;
	uint8_t *shares[256]; /* [m][share_size] */
};

/*
 * zfix_make(f, k, m, size): random bytes and their share files, computed from the description of
 * the format byte by byte, not by sherd_zfec_encode(). zfix_free(f) frees them.
 */
void zfix_make(struct zfix *f, unsigned k, unsigned m, size_t size);
void zfix_free(struct zfix *f);

/* zfix_path(f, share, buffer): the name its share file has in the folder; returns the buffer. */
char *zfix_path(const struct zfix *f, unsigned share, char buffer[ZFIX_PATH_SIZE]);

/* zfix_put(f, share): write that share file; zfix_put_all(f): all of them. */
void zfix_put(const struct zfix *f, unsigned share);
void zfix_put_all(const struct zfix *f);

/* What a decode said of the files it left out. */
struct zfix_notices {
	unsigned count;
	enum sherd_zfec_verdict verdict[600];
	char path[600][ZFIX_PATH_SIZE];
};

/* zfix_notice: a `notice` for struct sherd_zfec_decode_options, context struct zfix_notices. */
void zfix_notice(void *context, enum sherd_zfec_verdict verdict, const char *path, const char *why);

/*
 * zfix_decode(f, shares, count, output, options, ret_result, err):
 * sherd_zfec_decode() of the share files of those numbers.
 */
int zfix_decode(const struct zfix *f, const unsigned *shares, size_t count, const char *output,
	const struct sherd_zfec_decode_options *options,
	struct sherd_zfec_decode_result *ret_result, struct sherd_error *err);

/* zfix_choose(n, of, ret): n different numbers below ${of}, in random order. */
void zfix_choose(unsigned n, unsigned of, unsigned *ret);

#endif
