/* SPDX-License-Identifier: MIT */
/*
 * place.h - a place: a dumb, untrusted store of named byte strings that are written once.
 *
 * Names: 1 to PLACE_NAME_MAX bytes of [a-z0-9._-] in parts separated by single '/'; no part is
 * empty, "." or "..", or begins with '.'. Anything else is refused with INVALID by the functions
 * below, before a backend sees it.
 *
 * Every backend and every wrapper keeps these promises, which one contract suite tests:
 *  - An object is visible whole or not at all. place_put() never replaces anything.
 *  - place_put() returning 0 means durable, as far as the store can tell. A put that failed may
 *    have left the object, whole, or nothing; never a part under its name.
 *  - NOTFOUND, CORRUPT (the store's own word for damage) and everything else (IO, DENIED, NOSPACE,
 *    TIMEOUT, OFFLINE) are three different answers. A store that is not there as a whole
 * (unmounted, folder gone, no connection) answers OFFLINE, never NOTFOUND.
 *  - All functions may be called from any number of threads at the same time.
 *  - What a place returns is not trusted by anybody above; the place itself verifies nothing.
 *
 * A wrapper is a place that holds another: retry, throttle, trace, fault (place/wrap.h).
 */
#ifndef PLACE_PLACE_H
#define PLACE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <base/cleanup.h>
#include <base/env.h>
#include <sherd/error.h>

#define PLACE_NAME_MAX 200
#define PLACE_LIST_MAX 1000 /* names that one call of place_list() gives at most */

struct place;

struct place_stat {
	uint64_t size;     /* bytes */
	uint64_t mtime_ns; /* since 1970 by the store's clock; 0: unknown. For display only. */
};

struct place_space {
	uint64_t total, free; /* bytes; total 0: the store does not say */
};

/* One page of a listing. */
struct place_page {
	size_t count;
	bool more; /* there may be names behind the last one */
	struct {
		char name[PLACE_NAME_MAX + 1];
		uint64_t size;
	} * entries; /* owned: place_page_release() */
};

/* What a backend is: a constant table. Contracts are those of the functions of the same name. */
struct place_ops {
	const char *kind; /* "dir", "mem", "retry" ... */
	int (*put)(struct place *p, const char *name, const struct iovec *parts, size_t count,
		struct sherd_error *err);
	int (*get)(struct place *p, const char *name, uint64_t at, size_t size, void *buffer,
		size_t *ret_got, struct sherd_error *err);
	int (*stat)(
		struct place *p, const char *name, struct place_stat *ret, struct sherd_error *err);
	int (*remove)(struct place *p, const char *name, struct sherd_error *err);
	int (*list)(struct place *p, const char *prefix, const char *after,
		struct place_page *ret_page, struct sherd_error *err);
	int (*space)(struct place *p, struct place_space *ret, struct sherd_error *err);
	void (*free)(struct place *p);
};

/* Every backend's own struct begins with this one. */
struct place {
	const struct place_ops *ops;
	char *url;           /* for messages: without credentials; owned */
	struct place *inner; /* of a wrapper: the place it holds, and frees; else NULL */
};

/*
 * place_open(url, env, create, ret_place, err):
 * Open the place at ${url}: "dir:PATH" or a plain absolute or relative path, "mem:" (a new empty
 * store in memory, gone when freed). With ${create} a directory that is not there is made (its last
 * part only). Owns: the caller frees with place_free().
 * Errors: INVALID (no such scheme; the message lists the schemes), NOTFOUND (no such directory;
 * with create: no such parent), EXISTS (it is there and is no directory), DENIED, IO, NOMEM.
 */
int place_open(const char *url, const struct sherd_env *env, bool create, struct place **ret_place,
	struct sherd_error *err);

/* place_free(p): and what it holds. NULL does nothing. No call may be running. */
void place_free(struct place *p);

/*
 * place_put(p, name, parts, count, err):
 * Store the parts, one behind the other, as ${name}. Durable at return. Fastest when every part
 * begins at and is a multiple of 4096 bytes, and there is 1 MiB or more. The parts are only read.
 * Errors: EXISTS (an object of that name is there, whatever it holds), NOSPACE, DENIED, OFFLINE,
 * IO, TIMEOUT, INVALID (the name).
 */
int place_put(struct place *p, const char *name, const struct iovec *parts, size_t count,
	struct sherd_error *err);

/*
 * place_get(p, name, at, size, buffer, ret_got, err):
 * Read ${size} bytes from ${at} on; fewer, and success, where the object ends. Fastest when buffer,
 * at and size are multiples of 4096 and size is 256 KiB or more.
 * Errors: NOTFOUND, DENIED, OFFLINE, IO, TIMEOUT, CORRUPT, INVALID.
 */
int place_get(struct place *p, const char *name, uint64_t at, size_t size, void *buffer,
	size_t *ret_got, struct sherd_error *err);

/* place_get_whole(p, name, size_max, ret_data, ret_size, err): all of a small object; the caller
 * frees *ret_data with mem_free(). Errors: those of place_get(), and CORRUPT (more than size_max).
 */
int place_get_whole(struct place *p, const char *name, size_t size_max, uint8_t **ret_data,
	size_t *ret_size, struct sherd_error *err);

/* place_stat(p, name, ret, err): Errors: NOTFOUND, DENIED, OFFLINE, IO, TIMEOUT, INVALID. */
int place_stat(struct place *p, const char *name, struct place_stat *ret, struct sherd_error *err);

/* place_remove(p, name, err): durable at return. Errors: NOTFOUND, DENIED (the place refuses
 * deletes), OFFLINE, IO, TIMEOUT, INVALID. */
int place_remove(struct place *p, const char *name, struct sherd_error *err);

/*
 * place_list(p, prefix, after, ret_page, err):
 * Names that begin with ${prefix}, which is "" or ends in '/', in ascending byte order, those
 * greater than ${after} (NULL: from the start), at most PLACE_LIST_MAX. Objects that come or go
 * meanwhile may be listed or not. A prefix nothing is under gives an empty page. Objects whose
 * names break the rules above are not listed. Free with place_page_release().
 * Errors: DENIED, OFFLINE, IO, TIMEOUT, NOMEM, INVALID.
 */
int place_list(struct place *p, const char *prefix, const char *after, struct place_page *ret_page,
	struct sherd_error *err);
void place_page_release(struct place_page *page);

/* place_space(p, ret, err): what is free. Errors: OFFLINE, IO, UNSUPPORTED (the store cannot tell).
 */
int place_space(struct place *p, struct place_space *ret, struct sherd_error *err);

/* place_name_ok(name): whether the rules above are kept. */
bool place_name_ok(const char *name);

DEFINE_CLEANUP(struct place, place_free)

#endif
