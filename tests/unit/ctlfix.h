/* SPDX-License-Identifier: MIT */
/*
 * ctlfix.h - for tests of pools: a folder for state folders, up to eight stores in memory with the
 * URLs "mem:0" ... "mem:7", each behind a wrapper that does wrong as ordered, and short ways to
 * make, open and join pools. Whatever goes wrong here fails the running test.
 */
#ifndef TESTS_CTLFIX_H
#define TESTS_CTLFIX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <place/place_mem.h>
#include <place/wrap.h>
#include <pool/inner.h>

#include "faultenv.h"

#define CTLFIX_STORES 8
#define CTLFIX_PASSPHRASE "correct horse"

struct ctlfix {
	char folder[64];
	struct faultenv fault; /* of the state folder */
	struct sherd_env env; /* of pools: random numbers count up, the clock moves by 1 s a look */
	struct place_mem_store *store[CTLFIX_STORES];
	atomic_uint what[CTLFIX_STORES];  /* enum wrap_fault */
	atomic_uint calls[CTLFIX_STORES]; /* bits of enum wrap_call; 0: all */
	atomic_ulong made;                /* calls at all places */
	atomic_ulong offline_from;        /* number of the call from which on all fail; 0: none */
	unsigned long hook_at;            /* before the call of that number hook() is run, once */
	void (*hook)(void *context);
	void *hook_context;
	bool freeze_clock;
	bool freeze;            /* randomness stands still */
	const char *kit;        /* given when it is asked for; NULL: not offered */
	const char *passphrase; /* likewise */
	unsigned asked;         /* times a secret was asked for */
	char *text;             /* kit of the last ctlfix_init(), owned */
};

struct ctlfix *ctlfix_new(void);
void ctlfix_free(struct ctlfix *f);
DEFINE_CLEANUP(struct ctlfix, ctlfix_free)

/* ctlfix_path(f, device): its state folder; a static text. */
const char *ctlfix_path(const struct ctlfix *f, const char *device);

/* Options for one device. */
struct sherd_pool_options ctlfix_options(struct ctlfix *f, const char *device);

/* ctlfix_try_init(f, device, no_key, err), ctlfix_init(f, device): k = 2, m not fixed. */
int ctlfix_try_init(struct ctlfix *f, const char *device, bool no_key, struct sherd_error *err);
void ctlfix_init(struct ctlfix *f, const char *device);
struct sherd_pool *ctlfix_open(struct ctlfix *f, const char *device);
int ctlfix_try_open(
	struct ctlfix *f, const char *device, struct sherd_pool **ret, struct sherd_error *err);
int ctlfix_try_clone(struct ctlfix *f, const char *device, unsigned store, struct sherd_pool **ret,
	struct sherd_error *err);
struct sherd_pool *ctlfix_clone(struct ctlfix *f, const char *device, unsigned store);
/* ctlfix_add(pool, store): the place "pN" at "mem:N". */
int ctlfix_try_add(struct sherd_pool *pool, unsigned store, struct sherd_error *err);
void ctlfix_add(struct sherd_pool *pool, unsigned store);
/* ctlfix_make(f, device, places): init, open, add mem:0 ... */
struct sherd_pool *ctlfix_make(struct ctlfix *f, const char *device, unsigned places);

int ctlfix_try_publish(struct sherd_pool *pool, const char *text, struct sherd_error *err);
uint64_t ctlfix_publish(struct sherd_pool *pool, const char *text);
/* ctlfix_head(pool, incarnation): content of the head in force as a static text; "" if there is
 * none. */
const char *ctlfix_head(struct sherd_pool *pool, const uint8_t *incarnation);

void ctlfix_break(struct ctlfix *f, unsigned store, enum wrap_fault what, unsigned calls);
void ctlfix_mend(struct ctlfix *f);

/* ctlfix_name(f, store, prefix, number): the number-th object (from 0) whose name begins with that;
 * a static text; NULL: there are fewer. */
const char *ctlfix_name(struct ctlfix *f, unsigned store, const char *prefix, unsigned number);
/* ctlfix_copy_objects(from, to): all objects of one store into another that has none of them. */
void ctlfix_copy_objects(struct place_mem_store *from, struct place_mem_store *to);
/* ctlfix_copy_store(f, from, to): whatever ${to} held is dropped. */
void ctlfix_copy_store(struct ctlfix *f, unsigned from, unsigned to);
/* ctlfix_copy(f, from, to): a device's state folder, as a copied disk has it. */
void ctlfix_copy(struct ctlfix *f, const char *from, const char *to);
void ctlfix_remove(struct ctlfix *f, const char *device);

const struct sherd_place_info *ctlfix_place(struct sherd_pool *pool, const char *name);

#endif
