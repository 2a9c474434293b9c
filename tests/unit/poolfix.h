/* SPDX-License-Identifier: MIT */
/*
 * poolfix.h - for tests of packs: a place set over stores in memory, each behind a wrapper that
 * makes it fail as ordered, and packs of random data on it.
 */
#ifndef TESTS_POOLFIX_H
#define TESTS_POOLFIX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <place/place_mem.h>
#include <place/wrap.h>
#include <pool/packs.h>

#define POOLFIX_PLACES 16

/* What one place does wrong; may be changed at any time. */
struct poolfix_fault {
	struct poolfix *fix;
	atomic_uint what;  /* enum wrap_fault */
	atomic_uint calls; /* bit: 1 << enum wrap_call; 0: all */
};

struct poolfix {
	unsigned count;
	struct place_mem_store *store[POOLFIX_PLACES];
	struct poolfix_fault fault[POOLFIX_PLACES];
	struct member *member[POOLFIX_PLACES];
	struct packs_member members[POOLFIX_PLACES];
	struct packs packs;
	atomic_ulong calls;        /* made at all places */
	atomic_ulong offline_from; /* number of the call from which on all fail; 0: none */
	/* what a watch was told */
	struct packs_watch watch;
	unsigned told;
	unsigned told_share; /* last */
	uint16_t told_place;
	int told_code;
};

struct poolfix_options {
	unsigned places;
	unsigned threads;     /* of each member; 0: inline */
	uint64_t deadline_ns; /* 0: default */
	uint64_t hang_ns;     /* of HANG and SLOW; what still hangs when the fixture is freed must
			       * end within member_free()'s second */
};

/* poolfix_new(options): places 1..n called p1..pn, each a domain of its own. Never NULL. */
struct poolfix *poolfix_new(const struct poolfix_options *options);
void poolfix_free(struct poolfix *f);
DEFINE_CLEANUP(struct poolfix, poolfix_free)

/* poolfix_break(f, place, what, calls): from now on; ${place} from 1. */
void poolfix_break(struct poolfix *f, unsigned place, enum wrap_fault what, unsigned calls);
void poolfix_mend(struct poolfix *f);

/* poolfix_put(f, k, m, share_size, ret_payload): a pack of random bytes, put at need = m;
 * ${ret_payload}, unless NULL, is a copy to be freed with mem_free(). */
struct pool_ref poolfix_put(
	struct poolfix *f, unsigned k, unsigned m, uint32_t share_size, uint8_t **ret_payload);

/* poolfix_code(f, k, m, share_size, ret_buffer): the same, coded and not put. */
struct pool_ref poolfix_code(struct poolfix *f, unsigned k, unsigned m, uint32_t share_size,
	struct pack_buffer **ret_buffer);

/* poolfix_name(ref, share, name): its file. poolfix_store(f, ref, share): the store it was put at.
 */
void poolfix_name(const struct pool_ref *ref, unsigned share, char name[SHARE_NAME_SIZE]);
struct place_mem_store *poolfix_store(
	const struct poolfix *f, const struct pool_ref *ref, unsigned share);

/* poolfix_drop(f, ref, share): it is gone. */
void poolfix_drop(struct poolfix *f, const struct pool_ref *ref, unsigned share);

/* poolfix_lies(f): of all members together. */
uint64_t poolfix_lies(const struct poolfix *f);

/* poolfix_read(f, ref, payload): packs_read_all() must give this. */
void poolfix_read(struct poolfix *f, const struct pool_ref *ref, const uint8_t *payload);

#endif
