/* SPDX-License-Identifier: MIT */
/*
 * place_mem.h - places in memory, for tests and simulations: many handles on one store, and a back
 * door through which a store goes bad. Nothing depends on chance; times come from the store's env.
 * Threads: any, also through the back door.
 */
#ifndef PLACE_PLACE_MEM_H
#define PLACE_PLACE_MEM_H

#include <place/place.h>

struct place_mem_store;

/* place_mem_store_new(env, ret_store, err): an empty store. Owns: the caller's reference, which
 * place_mem_store_unref() gives back. Errors: NOMEM, IO (no mutex). */
int place_mem_store_new(
	const struct sherd_env *env, struct place_mem_store **ret_store, struct sherd_error *err);

/* place_mem_store_ref(s): one reference more; returns ${s}. */
struct place_mem_store *place_mem_store_ref(struct place_mem_store *s);

/* place_mem_store_unref(s): the last one frees all. NULL does nothing. */
void place_mem_store_unref(struct place_mem_store *s);

/* place_mem_new(store, ret_place, err): a place on the store, with a reference of its own. The
 * caller frees with place_free(). Errors: NOMEM. */
int place_mem_new(struct place_mem_store *store, struct place **ret_place, struct sherd_error *err);

/* place_mem_limit(s, bytes): puts that would make the objects hold more fail with NOSPACE; 0: no
 * limit. */
void place_mem_limit(struct place_mem_store *s, uint64_t bytes);

/* The back door. Each gives false, and changes nothing, if there is no such object, no such byte or
 * no memory. Readers see the object as it was or as it becomes, never half of each. */
/* place_mem_corrupt(s, name, at, mask): the byte at ${at} is xored with ${mask}. */
bool place_mem_corrupt(struct place_mem_store *s, const char *name, uint64_t at, uint8_t mask);
/* place_mem_cut(s, name, size): only the first ${size} bytes stay. */
bool place_mem_cut(struct place_mem_store *s, const char *name, uint64_t size);
/* place_mem_drop(s, name): the object is gone. */
bool place_mem_drop(struct place_mem_store *s, const char *name);
/* place_mem_swap(s, one, other): each has the other's bytes. */
bool place_mem_swap(struct place_mem_store *s, const char *one, const char *other);

/* place_mem_count(s): objects; place_mem_bytes(s): what they hold together. */
size_t place_mem_count(struct place_mem_store *s);
uint64_t place_mem_bytes(struct place_mem_store *s);

/* place_mem_each(s, visit, context): all objects in the order of their names, until visit() gives
 * false. The store is locked meanwhile: visit() must not call it. */
void place_mem_each(struct place_mem_store *s,
	bool (*visit)(void *context, const char *name, const uint8_t *bytes, uint64_t size),
	void *context);

DEFINE_CLEANUP(struct place_mem_store, place_mem_store_unref)

#endif
