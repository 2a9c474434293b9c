/* SPDX-License-Identifier: MIT */
/*
 * wrap_common.h - what all wrappers begin and end with. They call what they hold by its table, not
 * by the functions of place.h: names are checked already, and the url shall stand before a message
 * once.
 */
#ifndef PLACE_WRAP_COMMON_H
#define PLACE_WRAP_COMMON_H

#include <place/place.h>

/* wrap_begin(size, ops, inner, ret_place, err): a zeroed wrapper of ${size} bytes, which begin with
 * struct place, around ${inner}, whose url it repeats. wrap_end() or wrap_abandon() frees it.
 * Errors: NOMEM. */
int wrap_begin(size_t size, const struct place_ops *ops, struct place *inner,
	struct place **ret_place, struct sherd_error *err);

/* wrap_end(p): the `free` of a wrapper that owns nothing else: frees it and what it holds. */
void wrap_end(struct place *p);

/* wrap_abandon(p): frees the wrapper, not what it holds, when it could not be finished. */
void wrap_abandon(struct place *p);

#endif
