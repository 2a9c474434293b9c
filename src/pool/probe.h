/* SPDX-License-Identifier: MIT */
/*
 * probe.h - one share asked for at one place: its size, its head, some leaves of its body, in as
 * few calls as is sensible, and what is wrong with the answer.
 */
#ifndef POOL_PROBE_H
#define POOL_PROBE_H

#include <pool/packs.h>

enum probe_part {
	PROBE_STAT = 1,
	PROBE_HEAD = 2,
	PROBE_BODY = 4,
	PROBE_TOGETHER = 8, /* head and body in one call; not for the caller */
};
#define PROBE_PARTS 16 /* tags of a probe: its own, a multiple of this, plus the part */
#define PROBE_WHY_SIZE 160

struct probe {
	/* What is wanted: set before probe_start(). */
	const struct packs *packs;
	const struct pool_ref *ref;
	unsigned share;
	struct member *member;
	unsigned parts;                /* STAT | HEAD | BODY; a BODY is verified with the head */
	size_t first_leaf, leaf_count; /* of the body */
	bool use_heads;                /* the verified heads of ${packs} may serve */
	/* Bytes [from, from + size) of these leaves are copied to ${to} when they are verified;
	 * NULL: none. */
	uint8_t *to;
	size_t from, size;
	/* Compare with these bytes, in place of hashes; NULL: hashes. */
	const uint8_t *expect_head, *expect_body; /* the body's from ${first_leaf} on */

	/* How it goes. */
	uint64_t tag;
	bool asked;       /* probe_start() was called, and no end yet */
	unsigned pending; /* parts that have not ended */
	uint64_t asked_ns;

	/* What came of it, when it has ended: 0, NOTFOUND, CORRUPT (it is there, and wrong), else
	 * why it could not be asked. */
	int code;
	char why[PROBE_WHY_SIZE];
	const uint8_t *body;             /* the leaves; valid until probe_release() */
	struct share_manifest *manifest; /* owned; NULL if no head was read and hashed */

	/* Inner. */
	uint8_t *memory[2]; /* owned: heads, bodies */
	const uint8_t *head;
	struct hash *leaves; /* owned: leaf_count of them */
};

/* probe_start(p, g, tag, err): make its calls in group ${g}. Errors: NOMEM (it is not asked then).
 */
int probe_start(struct probe *p, struct calls *g, uint64_t tag, struct sherd_error *err);

/* probe_take(p, end): give it the end of one of its calls, which is used up. True when the probe
 * has ended; p->asked is false then. An end that is not of what was asked last is dropped. */
bool probe_take(struct probe *p, struct call_end *end);

/* probe_release(p): free what came of it. Calls under way go on and are dropped. */
void probe_release(struct probe *p);

/* probe_drop_body(p): free the body, which stands at ${elsewhere} as well. */
void probe_drop_body(struct probe *p, const uint8_t *elsewhere);

/* probe_bad(code): whether that says that the share is there, or not there, and not good. */
static inline bool probe_bad(int code)
{
	return code == SHERD_NOTFOUND || code == SHERD_CORRUPT;
}

#endif
