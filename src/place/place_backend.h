/* SPDX-License-Identifier: MIT */
/*
 * place_backend.h - what backends and wrappers share with place.c. A backend is called with names
 * that keep the rules of place.h, with parts whose sum fits in int64_t, and with an ${after} that
 * is NULL or not empty; the url is put before its messages.
 */
#ifndef PLACE_PLACE_BACKEND_H
#define PLACE_PLACE_BACKEND_H

#include <place/place.h>

/* One entry of the list of schemes: opens what stands behind "SCHEME:". Contract: place_open(). */
typedef int place_opener(const char *rest, const struct sherd_env *env, bool create,
	struct place **ret_place, struct sherd_error *err);

place_opener place_dir_open; /* place_dir.c: ${rest} is a path */
place_opener place_mem_open; /* place_mem.c: ${rest} is empty */

/* place_page_add(page, name, size, err): append one entry. pre: count < PLACE_LIST_MAX.
 * Errors: NOMEM; the page is as it was. */
int place_page_add(
	struct place_page *page, const char *name, uint64_t size, struct sherd_error *err);

/* place_parts_size(parts, count, ret_size): the sum; 0, or -1 if it does not fit in int64_t. */
int place_parts_size(const struct iovec *parts, size_t count, uint64_t *ret_size);

/* place_under(name, prefix): whether name begins with prefix. */
bool place_under(const char *name, const char *prefix);

#endif
