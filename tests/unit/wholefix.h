/* SPDX-License-Identifier: MIT */
/*
 * wholefix.h - for proofs of the whole: a pool of ctlfix's places with snapshots of trees of every
 * type of file in it, sessions of devices on it, restores that are compared with what was saved,
 * and places that are made wrong in every way one can think of. What goes wrong fails the test.
 */
#ifndef TESTS_WHOLEFIX_H
#define TESTS_WHOLEFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sherd/pool.h>
#include <sherd/repo.h>

#include "ctlfix.h"

#define WHOLE_VERSIONS 3
#define WHOLE_PLACES CTLFIX_STORES

struct whole {
	struct ctlfix *f;
	unsigned k, places;
	unsigned versions; /* saved so far */
	char *source;      /* folder with the trees "v0", "v1" ...: snapshot i is of tree i */
	char *scratch;     /* folder for targets */
	unsigned next;     /* number of the next target and clone */
	/* what the last work told */
	uint32_t liars; /* bit i: a note named a share of the place "p<i>" */
	unsigned notes[SHERD_NOTE_DELETED + 1];
	char lost[64][300]; /* paths of LOST notes, the first ones */
	struct sherd_restore_result result;
};

/* whole_new(k, places): a pool, device "a" and no snapshot yet. whole_new_named(): with other names
 * than "test", "a" and "p0", "p1" ...: ${place} stands before the number. */
struct whole *whole_new(unsigned k, unsigned places);
struct whole *whole_new_named(
	unsigned k, unsigned places, const char *name, const char *host, const char *place);
void whole_free(struct whole *w);

/* A device at work: the pool and the repository are open, without threads and cache. */
struct session {
	struct whole *w;
	struct sherd_pool *pool;
	struct sherd_repo *repo;
};
int session_try(struct whole *w, const char *device, struct session *ret, struct sherd_error *err);
void session_open(struct whole *w, const char *device, struct session *ret);
/* session_clone(w, store, ret): a new device that has heard of that place alone. */
void session_clone(struct whole *w, unsigned store, struct session *ret);
void session_close(struct session *s);

/* whole_tree(w, version): path of the tree that snapshot ${version} is of. */
const char *whole_tree(const struct whole *w, unsigned version);
/* whole_save(w, version): make that tree and save it with device "a". Each has the trees of its
 * forerunners' kind, one large file that all share, and one of its own. */
void whole_save(struct whole *w, unsigned version);
/* whole_make(k, places, versions): all of that. */
struct whole *whole_make(unsigned k, unsigned places, unsigned versions);
/* whole_backup(s, path, ret, err): one path. */
int whole_backup(struct session *s, const char *path, struct sherd_backup_result *ret,
	struct sherd_error *err);

/* whole_hooks(w): notes are counted. */
struct sherd_repo_hooks whole_hooks(struct whole *w);
/* whole_restore(s, version, err): into a new folder, the path of which is given (free it with
 * treefix_remove()); NULL: it failed. w->result and notes tell the rest. */
char *whole_restore(struct session *s, unsigned version, struct sherd_error *err);
/* whole_right(s, version): it is restored, nothing is lost, and it is the same in all things. */
void whole_right(struct session *s, unsigned version);

/* Stores besides those of ctlfix: a copy of one, kept to be brought back. */
struct place_mem_store *whole_copy(struct place_mem_store *from);
/* whole_bring_back(w, store, copy): the store's objects are the copy's. */
void whole_bring_back(struct whole *w, unsigned store, struct place_mem_store *copy);

/* All names of objects at a place that begin with ${prefix}. */
struct names {
	char (*name)[PLACE_NAME_MAX + 1];
	size_t count;
};
struct names names_of(struct place_mem_store *store, const char *prefix);
void names_free(struct names *n);
/* whole_size(store, name): of an object that is there. */
uint64_t whole_size(struct place_mem_store *store, const char *name);
/* whole_bytes(store, name, ret_size): a copy of an object; free() it. */
uint8_t *whole_bytes(struct place_mem_store *store, const char *name, size_t *ret_size);
/* whole_set(store, name, data, size): the object holds that from now on. */
void whole_set(struct place_mem_store *store, const char *name, const void *data, size_t size);

/* The next subset of that many of ${count} bits; 0 at the end. First: (1 << size) - 1. */
uint32_t subset_next(uint32_t subset, unsigned count);

/* whole_offline(w, mask): those places are down, all others well. */
void whole_offline(struct whole *w, uint32_t mask);

#endif
