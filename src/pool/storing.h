/* SPDX-License-Identifier: MIT */
/* storing.h - shares of one coded pack on their way to places, each verified when it has arrived.
 */
#ifndef POOL_STORING_H
#define POOL_STORING_H

#include <pool/packs.h>
#include "probe.h"

struct stored {
	int code;                 /* 0: verified; else why not (yet): TIMEOUT while under way */
	char why[PROBE_WHY_SIZE]; /* when code is not 0 */
	bool existed;             /* it was there already */
	bool verified;
	bool started;
	/* Inner. */
	struct member *member;
	struct probe probe;
	bool open;
	uint32_t attempt;
};

struct storing {
	const struct packs *packs;
	const struct pool_ref *ref;
	struct pack_buffer *buffer; /* referenced; share i's body and head are its i-th */
	unsigned verify;            /* enum packs_verify */
	unsigned m;
	uint16_t places[POOL_SHARES_MAX];
	struct stored share[POOL_SHARES_MAX];
	struct calls *group;
};

int storing_new(const struct packs *packs, const struct pool_ref *ref, struct pack_buffer *buffer,
	unsigned verify, struct storing **ret, struct sherd_error *err);
void storing_free(struct storing *s);

/* storing_start(s, share, place, err): put it there. A place that is not in the set: the share's
 * code says so. May be called again when the share has ended. Errors: NOMEM. */
int storing_start(struct storing *s, unsigned share, uint16_t place, struct sherd_error *err);

/* storing_next(s, wait_ns, err): go on with whatever comes next. Errors: TIMEOUT (nothing within
 * ${wait_ns}), NOMEM. */
int storing_next(struct storing *s, uint64_t wait_ns, struct sherd_error *err);

/* storing_open(s): whether any share is under way. storing_verified(s): how many are good. */
bool storing_open(const struct storing *s);
unsigned storing_verified(const struct storing *s);

/* storing_abandon(s): what is under way goes on by itself and is no longer waited for. */
void storing_abandon(struct storing *s);

DEFINE_CLEANUP(struct storing, storing_free)

#endif
