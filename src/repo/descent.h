/* SPDX-License-Identifier: MIT */
/*
 * descent.h - a walk down a snapshot's folders: a stack of tree readers of any depth, of which only
 * the lowest are kept open, so that memory does not grow with the depth of a hostile tree.
 * Single-threaded.
 */
#ifndef REPO_DESCENT_H
#define REPO_DESCENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <repo/tree.h>
#include <sherd/error.h>

#define DESCENT_OPEN_MAX 32            /* readers held open */
#define DESCENT_MEMORY_MAX (64u << 20) /* bytes of contents of all folders of the stack */

struct descent_level;
struct descent {
	struct store *store;
	struct descent_level *levels;
	size_t depth, room;
	size_t memory; /* bytes of contents */
};

void descent_init(struct descent *d, struct store *store);
void descent_release(struct descent *d);

/* descent_push(d, content, size, err): go down into a folder; the content is copied. Entries given
 * before stay valid as descent_next() says. Errors: CORRUPT, NOMEM, LOST (too deep to be true). */
int descent_push(struct descent *d, const uint8_t *content, size_t size, struct sherd_error *err);

/* descent_pop(d): back to the folder around. pre: depth > 0. */
void descent_pop(struct descent *d);

/*
 * descent_next(d, ret, err):
 * The next entry of the lowest folder: 1, valid until the next call at this depth or above; 0: no
 * more. Errors: descent_gone(): a part of the folder is missing, the next call goes on behind it;
 * others end the walk.
 */
int descent_next(struct descent *d, struct tree_entry *ret, struct sherd_error *err);

/* descent_gone(code): whether the error means that data is not to be had (now), and the rest is. */
bool descent_gone(int code);

#endif
