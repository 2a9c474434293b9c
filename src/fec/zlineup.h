/* SPDX-License-Identifier: MIT */
/*
 * zlineup.h - which shares the data is computed from, and which ones check that: a choice among
 * the shares that are held, with its plan. Immutable once made, so any thread may use it.
 */
#ifndef FEC_ZLINEUP_H
#define FEC_ZLINEUP_H

#include <stdbool.h>
#include <stddef.h>
#include <base/cleanup.h>
#include <sherd/fec.h>

/* What is thought of a share. */
enum ztrust {
	ZTRUST_NONE,   /* not held, or it must not be used */
	ZTRUST_BLAMED, /* it was found wrong somewhere, and may be right elsewhere */
	ZTRUST_FULL,
};

struct zlineup {
	struct zlineup *older; /* for its owner's list */
	struct sherd_fec_plan *plan;
	size_t known_count;                   /* k */
	unsigned known[SHERD_FEC_SHARES_MAX]; /* shares the others are computed from */
	size_t wanted_count;
	unsigned wanted[SHERD_FEC_SHARES_MAX]; /* shares computed: lost data, and checks */
	bool check[SHERD_FEC_SHARES_MAX];      /* wanted[i] is held and must come out the same */
	size_t check_count;
};

/*
 * zlineup_new(code, trust, ret_lineup, err):
 * Choose k shares, the trusted before the blamed and data shares before check shares, so that the
 * fewest must be computed. The other trusted ones are checks; if there are none, the blamed ones.
 * At least k must be held. Owns: the caller frees it. Errors: NOMEM.
 */
int zlineup_new(const struct sherd_fec *code, const enum ztrust *trust, struct zlineup **ret_lineup,
	struct sherd_error *err);

/* zlineup_free(l): this one, not the older ones. NULL does nothing. */
void zlineup_free(struct zlineup *l);

DEFINE_CLEANUP(struct zlineup, zlineup_free)

#endif
