/* SPDX-License-Identifier: MIT */
/*
 * state.h - the state folder of a device (docs/format.md, 12): files that are replaced whole and
 * durably, and the lock that one process holds.
 *
 *     device      who this device is, and its secrets             mode 0600
 *     seen        what was seen last, and how the places did
 *     records/    a copy of all live control records, by their names at places
 *     lock        flock()
 */
#ifndef POOL_STATE_H
#define POOL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/env.h>
#include <sherd/error.h>
#include "record.h"

#define STATE_DEVICE "device"
#define STATE_SEEN "seen"
#define STATE_RECORDS "records"
#define STATE_LOCK "lock"

struct state {
	const struct sherd_env *env;
	char *path;     /* owned */
	int fd;         /* of the folder */
	int lock;       /* of the lock file; -1: not locked */
	bool read_only; /* nothing is written */
	bool made;      /* state_create() made the folder */
};
#define STATE_INIT ((struct state){.fd = -1, .lock = -1})

/* state_open(s, env, path, read_only, err): open the folder of a pool and lock it, unless
 * read_only. Errors: NOPOOL (no folder, or no file 'device' in it), BUSY, DENIED, IO, NOMEM. */
int state_open(struct state *s, const struct sherd_env *env, const char *path, bool read_only,
	struct sherd_error *err);

/* state_create(s, env, path, err): the same for a folder that does not hold a pool; it is made if
 * need be (mode 0700). What an attempt that was cut short left in it is removed.
 * Errors: EXISTS (a pool is there, or files that are not ours), BUSY, NOTFOUND (no folder to make
 * it in), ... */
int state_create(
	struct state *s, const struct sherd_env *env, const char *path, struct sherd_error *err);

/* state_undo(s): remove everything that was put there since state_create(), quietly. */
void state_undo(struct state *s);
void state_release(struct state *s);

/* state_write(s, name, data, size, secret, err): replace a file; durable at return. ${secret}: mode
 * 0600. Errors: NOSPACE, DENIED, IO, NOMEM. */
int state_write(struct state *s, const char *name, const void *data, size_t size, bool secret,
	struct sherd_error *err);

/* state_read(s, name, size_max, ret_data, ret_size, err): mem_free() the result.
 * Errors: NOTFOUND, CORRUPT (larger), DENIED, IO, NOMEM. */
int state_read(const struct state *s, const char *name, size_t size_max, uint8_t **ret_data,
	size_t *ret_size, struct sherd_error *err);

/* state_put_record(s, name, file, err): keep a record; one that is there already is replaced.
 * Durable. state_drop_record(s, name): quietly. */
int state_put_record(
	struct state *s, const char *name, const struct record_file *file, struct sherd_error *err);
void state_drop_record(struct state *s, const char *name);

/* state_each_record(s, visit, context, err): every file below records/ whose name is a record's:
 * visit() returns 0 or an error that ends it. Errors: IO, NOMEM, those of visit(). */
typedef int state_visit(void *context, const char *name);
int state_each_record(
	const struct state *s, state_visit *visit, void *context, struct sherd_error *err);

#endif
