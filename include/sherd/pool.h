/* SPDX-License-Identifier: MIT */
/*
 * pool.h - a pool: m places, of which any k suffice, its keys, and the devices that use it.
 *
 * A pool is known to a machine by its *state folder*, which holds the device's key, a copy of all
 * control records, and what was seen last, so that an older state is not taken for the present one.
 * It is precious. Formats: docs/format.md.
 *
 * A sherd_pool belongs to one thread at a time. Strings in results are owned by the result.
 */
#ifndef SHERD_POOL_H
#define SHERD_POOL_H

#include <stddef.h>
#include <stdint.h>
#include <sherd/error.h>
#include <sherd/export.h>
#include <sherd/job.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHERD_POOL_ID_SIZE 16
#define SHERD_POOL_NAME_MAX                                                                        \
	64 /* bytes of a pool's or place's name: [A-Za-z0-9._-], no '.' first                      \
	    */

struct sherd_pool;
struct sherd_env; /* the world; NULL everywhere means the real one. For tests and simulators. */

/* Asks for a passphrase or the kit. Called only when the device key does not do. */
struct sherd_secrets {
	/* Fill in ${buffer} and its length; 0, or an error code (CANCELLED, BADKEY ...) with err
	 * set. */
	int (*passphrase)(void *context, char *buffer, size_t size, size_t *ret_size,
		struct sherd_error *err);
	/* The text of a recovery kit, or its secret lines alone. NULL: not offered. */
	int (*kit)(void *context, char *buffer, size_t size, size_t *ret_size,
		struct sherd_error *err);
	void *context;
};

struct sherd_pool_init_options {
	const struct sherd_env *env;
	const char *state; /* state folder; made (mode 0700), must not hold a pool yet */
	const char *name;
	unsigned k, m; /* m 0: fixed at the first backup, to the number of places then there */
	const char *passphrase; /* not empty */
	size_t passphrase_size;
	uint32_t kdf_memory_kib, kdf_passes; /* 0: 256 MiB, 3 */
	const char *host, *label;            /* of this device; NULL: the host name, "" */
	int no_device_key;                   /* the passphrase is asked for at every use */
};

/*
 * sherd_pool_init(options, ret_kit, err):
 * Make a pool: keys, slots, the first records, all in the state folder; places come later. On
 * success *${ret_kit}, NUL-terminated, is the text of the recovery kit; free it with
 * sherd_text_free(), which wipes it. If it fails nothing is left.
 * Errors: INVALID (k, m, name), EXISTS (a pool is there), NOSPACE, DENIED, IO, NOMEM.
 */
SHERD_API int sherd_pool_init(
	const struct sherd_pool_init_options *options, char **ret_kit, struct sherd_error *err);
SHERD_API void sherd_text_free(char *text);

/* Where a place is found on this machine, if not at the URL that the pool has. */
struct sherd_place_url {
	const char *name, *url;
};

struct sherd_pool_options {
	const struct sherd_env *env;
	const char *state;                   /* state folder */
	const uint8_t *id;                   /* the pinned pool id, or NULL */
	const struct sherd_secrets *secrets; /* NULL: only the device key */
	const struct sherd_place_url *urls;  /* url_count of them; they win */
	size_t url_count;
	unsigned threads;    /* calls at one time at each place; 0: 4 */
	int inline_calls;    /* no threads at all: for replaying a run */
	uint64_t timeout_ms; /* of a call to a place; 0: 60,000 */
	int read_only; /* no lock is taken, nothing is written, not even to the state folder */
	const struct sherd_cancel *cancel;
	/* For tests and simulators: makes the place for a URL instead of the library. NULL: none.
	 */
	int (*open_place)(
		void *context, const char *url, void **ret_place, struct sherd_error *err);
	void *open_context;
	unsigned verify; /* what is read back after a write: 0 a sample, 1 everything; 2 nothing
			    (for tests) */
};

/*
 * sherd_pool_open(options, ret_pool, err):
 * Lock the state folder, unlock the keys, open the places, read the newest records from them.
 * A place that cannot be opened is a state (see status), no error.
 * With fewer than the read quorum of places: success, and sherd_pool_fresh() says 0.
 * Errors: NOPOOL (no pool in that folder), BUSY (another process has it), BADKEY, NEWER, ROLLBACK
 * (a quorum shows less than this device has seen, or a fork; nothing is changed), MISMATCH (the id
 * is another), CANCELLED, NOMEM, IO, CORRUPT (the state folder is damaged).
 */
SHERD_API int sherd_pool_open(const struct sherd_pool_options *options,
	struct sherd_pool **ret_pool, struct sherd_error *err);
SHERD_API void sherd_pool_free(struct sherd_pool *pool);

struct sherd_clone_options {
	struct sherd_pool_options pool; /* .state must not hold a pool; .secrets must be there */
	const char *const *places;      /* URLs of one or more places */
	size_t place_count;
	const char *host, *label;
	int no_device_key;
	unsigned rights; /* 0: add, delete and manage; else bits of docs/format.md 7.4 */
};

/*
 * sherd_pool_clone(options, ret_pool, err):
 * Join a pool from any of its places: fetch slots, unlock, find the other places, write this
 * device's registry record to the quorum. With fewer than the read quorum the result is read-only
 * ("freshness unproven": sherd_pool_fresh() is 0) and registration is left for later. The pool is
 * open at return. If it fails the state folder is as it was before.
 * Errors: NOPOOL (no sherd place there), MISMATCH (places of two pools), BADKEY, NEWER, EXISTS,
 * OFFLINE (none can be reached), and those of open.
 */
SHERD_API int sherd_pool_clone(const struct sherd_clone_options *options,
	struct sherd_pool **ret_pool, struct sherd_error *err);

/* What the pool is. */
struct sherd_pool_info {
	uint8_t id[SHERD_POOL_ID_SIZE];
	const char *name;
	unsigned k, m; /* m 0: not fixed yet */
	unsigned suite, epoch;
	uint64_t seq; /* of the pool record */
	uint64_t created_ns;
	unsigned quorum_write, quorum_read; /* places */
	uint8_t device[16], incarnation[16];
	const char *host;
};
/* Valid until the pool changes or is freed. */
SHERD_API void sherd_pool_info(const struct sherd_pool *pool, struct sherd_pool_info *ret);

/* sherd_pool_fresh(pool): 1 if the read quorum answered when it was opened or refreshed, else 0. */
SHERD_API int sherd_pool_fresh(const struct sherd_pool *pool);

enum sherd_place_state {
	SHERD_PLACE_ONLINE,
	SHERD_PLACE_BEHIND, /* shows less than other places do */
	SHERD_PLACE_SLOW,
	SHERD_PLACE_SUSPECT, /* lied, or shows less than it showed before */
	SHERD_PLACE_OFFLINE,
	SHERD_PLACE_FULL,
	SHERD_PLACE_READONLY,
	SHERD_PLACE_GONE, /* answers, but is no place of this pool any more */
};
/* "ONLINE" ... constant text. */
SHERD_API const char *sherd_place_state_text(enum sherd_place_state state);

struct sherd_place_info {
	unsigned number;
	uint8_t id[16];
	const char *name, *url, *domain; /* domain "": its own */
	enum sherd_place_state state;
	char why[160];        /* for people: why it is not ONLINE; "" if it is */
	uint64_t total, free; /* bytes; total 0: it does not say */
	uint64_t rtt_ns;      /* smoothed round trip; 0: none yet */
	uint64_t read_errors, write_errors,
		lies;                       /* since the pool was made here: kept in the state */
	uint64_t bytes_read, bytes_written; /* likewise */
	uint64_t last_ok_ns;                /* real clock; 0: never */
};
/* sherd_pool_places(pool, ret_count): the place set, in order of numbers. Valid until the next call
 * with this pool. ${probe}: ask each place now (round trip, space). NULL without memory. */
SHERD_API const struct sherd_place_info *sherd_pool_places(
	struct sherd_pool *pool, int probe, size_t *ret_count);

/* The devices of the pool and their newest heads. */
struct sherd_device_info {
	uint8_t id[16], incarnation[16];
	const char *host, *label;
	unsigned rights;
	uint64_t created_ns;
	uint64_t head_seq, head_time_ns; /* 0: none yet */
	unsigned head_agreed;            /* places that show this head */
	int self;
	char fault[160]; /* why its newest head cannot be used; "": it can */
};
SHERD_API const struct sherd_device_info *sherd_pool_devices(
	struct sherd_pool *pool, size_t *ret_count);

struct sherd_place_add_options {
	const char *name, *url, *domain;
	uint32_t weight; /* 0: 1 */
};
/*
 * sherd_pool_place_add(pool, options, err):
 * Make ${url} a place: it must be empty or not there yet (its last folder is made). It gets its
 * identity file and all live records before it counts; then the new place set is written with
 * quorum in the old and the new set. Errors: EXISTS (the name is taken, or it is a place of this
 * pool already, or of another, or not empty: the message says which), INVALID, QUORUM, and those of
 * the place.
 */
SHERD_API int sherd_pool_place_add(struct sherd_pool *pool,
	const struct sherd_place_add_options *options, struct sherd_error *err);

/*
 * sherd_pool_place_remove(pool, name, lost, err):
 * Take a place out of the set; nothing at it is touched. Shares it holds are then missing:
 * repair makes them again elsewhere. ${lost}: it is gone for good, and need not agree: the quorum
 * is that of the remaining places. Errors: NOTFOUND, QUORUM, INVALID (it is the last).
 */
SHERD_API int sherd_pool_place_remove(
	struct sherd_pool *pool, const char *name, int lost, struct sherd_error *err);

/* What a test of a place found. Every step is tried, the first error is kept. */
struct sherd_place_test {
	int write, read, list, remove; /* 0 or an error code */
	int overwrite_refused;         /* 1: a second put of one name was refused */
	uint64_t write_bps, read_bps;  /* bytes a second with one object of 16 MiB */
	uint64_t rtt_ns;               /* smallest round trip of a stat */
	uint64_t total, free;
	char message[256]; /* of the first error */
};
/* sherd_pool_place_test(pool, name, ret, err): writes, reads, lists and removes test objects.
 * Errors: NOTFOUND (no such name). */
SHERD_API int sherd_pool_place_test(struct sherd_pool *pool, const char *name,
	struct sherd_place_test *ret, struct sherd_error *err);

#ifdef __cplusplus
}
#endif
#endif
