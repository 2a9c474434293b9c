/* SPDX-License-Identifier: MIT */
/*
 * error.h - what every failing call of libsherd returns, and the text that goes with it.
 *
 * A function that can fail for more than one reason returns int: 0, or one of the negative codes
 * below. Its last argument is a `struct sherd_error *`, which may be NULL; when it is not and the
 * call fails, it holds the same code, the errno that led to it (0 if none did) and one line for a
 * person: lower case, no full stop, what failed first. It is not touched when the call succeeds.
 * The struct is owned by the caller, needs no initialisation and nothing to free it; use one for
 * each thread.
 */
#ifndef SHERD_ERROR_H
#define SHERD_ERROR_H

#include <sherd/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a caller can do about an error. Several codes share one class. */
enum sherd_class {
	SHERD_CLASS_OK,          /* no error */
	SHERD_CLASS_USAGE,       /* the call itself is wrong; calling again will not help */
	SHERD_CLASS_ABSENT,      /* the thing asked for is not there */
	SHERD_CLASS_PRESENT,     /* a thing is there which must not be replaced */
	SHERD_CLASS_CORRUPT,     /* bytes were read, and they are not what they must be */
	SHERD_CLASS_UNREACHABLE, /* the system refused or failed; another time or place may do */
	SHERD_CLASS_RESOURCE,    /* memory, space or a limit is used up */
	SHERD_CLASS_STOPPED,     /* the caller asked to stop */
};

/* X(name, number, class, text): the one list of codes. Numbers are part of the ABI: append only. */
#define SHERD_ERROR_CODES(X)                                                                       \
	X(INVALID, -1, USAGE, "invalid argument")                                                  \
	X(NOMEM, -2, RESOURCE, "out of memory")                                                    \
	X(IO, -3, UNREACHABLE, "input/output error")                                               \
	X(NOTFOUND, -4, ABSENT, "not found")                                                       \
	X(EXISTS, -5, PRESENT, "exists already")                                                   \
	X(NOSPACE, -6, RESOURCE, "no space left")                                                  \
	X(DENIED, -7, UNREACHABLE, "permission denied")                                            \
	X(CORRUPT, -8, CORRUPT, "damaged data")                                                    \
	X(MISMATCH, -9, CORRUPT, "shares disagree")                                                \
	X(TOOFEW, -10, ABSENT, "too few shares")                                                   \
	X(DUPLICATE, -11, USAGE, "the same share twice")                                           \
	X(CHANGED, -12, CORRUPT, "input changed while it was read")                                \
	X(UNSUPPORTED, -13, USAGE, "not supported")                                                \
	X(CANCELLED, -14, STOPPED, "cancelled")                                                    \
	X(TIMEOUT, -15, UNREACHABLE, "no answer in time")                                          \
	X(OFFLINE, -16, UNREACHABLE, "place cannot be reached")                                    \
	X(QUORUM, -17, UNREACHABLE, "too few places")                                              \
	X(LOST, -18, CORRUPT, "data is lost")                                                      \
	X(ROLLBACK, -19, CORRUPT, "an older state than was seen before")                           \
	X(BADKEY, -20, USAGE, "wrong passphrase or key")                                           \
	X(NEWER, -21, USAGE, "made by a newer version")                                            \
	X(NOPOOL, -22, ABSENT, "no such pool")                                                     \
	X(BUSY, -23, PRESENT, "in use by another process")                                         \
	X(STALE, -24, UNREACHABLE, "freshness unproven")

enum sherd_code {
	SHERD_OK = 0,
#define SHERD_X(name, number, class, text) SHERD_##name = number,
	SHERD_ERROR_CODES(SHERD_X)
#undef SHERD_X
};

#define SHERD_ERROR_SIZE 512 /* bytes of message, with its final NUL; longer ones are cut */

struct sherd_error {
	int code;                       /* enum sherd_code */
	int os_errno;                   /* errno of the system call that failed, 0 if none */
	char message[SHERD_ERROR_SIZE]; /* one line, NUL-terminated */
};

/*
 * sherd_code_class(code):
 * The class of a code; SHERD_CLASS_UNREACHABLE for a number that is none of them.
 * Threads: any.
 */
SHERD_API enum sherd_class sherd_code_class(int code);

/*
 * sherd_code_text(code):
 * A short constant text for a code ("shares disagree"), never NULL.
 * Threads: any.
 */
SHERD_API const char *sherd_code_text(int code);

#ifdef __cplusplus
}
#endif
#endif
