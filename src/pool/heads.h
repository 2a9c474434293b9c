/* SPDX-License-Identifier: MIT */
/* heads.h - a few leaf hashes of shares, verified when they were put in. Threads: any. */
#ifndef POOL_HEADS_H
#define POOL_HEADS_H

#include <stdbool.h>
#include <pool/packs.h>

/* heads_find(h, id, share, first, count, ret_leaves): leaves [first, first + count) of that share,
 * if they are here. NULL has none. */
bool heads_find(struct packs_heads *h, const struct hash *id, unsigned share, size_t first,
	size_t count, struct hash *ret_leaves);

/* heads_add(h, id, share, leaves, count): all leaves of a share. Without memory nothing happens. */
void heads_add(struct packs_heads *h, const struct hash *id, unsigned share,
	const struct hash *leaves, size_t count);

#endif
