/* SPDX-License-Identifier: MIT */
/*
 * packs.h - packs as m shares at the members of a place set: put, read, check, repair. Everything
 * here works without a key: a pack's payload is already sealed.
 */
#ifndef POOL_PACKS_H
#define POOL_PACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/env.h>
#include <pool/calls.h>
#include <pool/ref.h>
#include <pool/share.h>
#include <sherd/error.h>
#include <sherd/job.h>

/* One member of the current place set, as placement sees it. */
struct packs_member {
	struct member *member;
	uint16_t number;
	const char *domain; /* failure domain (provider, site); "" counts as a domain of its own */
	bool writable;      /* new shares may go there */
	uint64_t weight;    /* relative room for shares; 0 counts as 1 */
};

/*
 * The place set packs work on. Owned by the pool; read-only while packs use it; replaced as a whole
 * when the set changes, with no call under way.
 */
struct packs {
	const struct sherd_env *env;
	uint8_t pool[POOL_ID_SIZE];
	struct packs_member *members;
	size_t count;
	uint64_t hedge_ns; /* a read asks one more member after this long; 0: 1 s */
	unsigned verify;   /* enum packs_verify: what a put verifies */
	const struct sherd_cancel *cancel;
	struct sherd_workers
		*workers;          /* for coding and hashing one pack; NULL: the caller's thread */
	struct packs_heads *heads; /* packs_init(); NULL: a read of a range rereads heads */
};

/*
 * packs_init(packs, err): give ${packs} room for verified heads (64 of them, at most 1 MiB), so
 * that many small reads of one pack read its heads once; other fields are not looked at. What is
 * there may be moved to the struct that replaces this one. Errors: NOMEM. packs_release(packs):
 * free it.
 */
int packs_init(struct packs *packs, struct sherd_error *err);
void packs_release(struct packs *packs);

enum packs_verify {
	PACKS_VERIFY_SAMPLE, /* the size, the head, and one leaf chosen at random, read back */
	PACKS_VERIFY_FULL,   /* everything, read back */
	PACKS_VERIFY_NONE,   /* tests of what would happen without: believes the place */
};

/*
 * layout_choose(packs, nonce, m, ret_places):
 * Which place gets which of the ${m} shares of the pack with this nonce: weighted rendezvous over
 * domains first, at most ceil(m / writable places) a place; a pure function of the set and the
 * nonce. Places of one domain share what the domain gets evenly. Errors: QUORUM (no writable
 * place).
 */
int layout_choose(const struct packs *packs, const uint8_t nonce[POOL_NONCE_SIZE], unsigned m,
	uint16_t ret_places[POOL_SHARES_MAX], struct sherd_error *err);

/*
 * layout_spare(packs, k, m, places, good):
 * The largest number of failure domains that may vanish, whichever they are, with k shares left,
 * when the shares i with good[i] (all, for NULL) are good at places[i]. -1: fewer than k are there.
 */
int layout_spare(const struct packs *packs, unsigned k, unsigned m, const uint16_t *places,
	const bool *good);

/*
 * A pack on its way to the places: memory for k data shares, which the caller fills, and m - k
 * check shares and m heads. Everything is aligned to 4096 bytes. Reference counted, because a slow
 * place may still read it when all others are done.
 */
struct pack_buffer;

/*
 * pack_buffer_new(k, m, share_size, ret, err): the payload, k * S bytes, is zeroed. Errors: NOMEM.
 * Budget: memory is m * S + m * 20 KiB. pack_buffer_reuse(): as new for another pack of the same or
 * a smaller S and the same k and m; false if somebody else still holds it.
 */
int pack_buffer_new(unsigned k, unsigned m, uint32_t share_size, struct pack_buffer **ret,
	struct sherd_error *err);
bool pack_buffer_reuse(struct pack_buffer *b, uint32_t share_size);

/* pack_buffer_new_raw(...): as pack_buffer_new(), but the payload is not zeroed: memory that is not
 * written to is never taken. For writers that fill all of what they use. */
int pack_buffer_new_raw(unsigned k, unsigned m, uint32_t share_size, struct pack_buffer **ret,
	struct sherd_error *err);

/* pack_buffer_reshape(b, share_size): as pack_buffer_reuse(), but the bytes of the payload stay as
 * they are. */
bool pack_buffer_reshape(struct pack_buffer *b, uint32_t share_size);
struct pack_buffer *pack_buffer_ref(struct pack_buffer *b);
void pack_buffer_unref(struct pack_buffer *b);
uint8_t *pack_buffer_payload(struct pack_buffer *b); /* k * S bytes, contiguous */

/* What became of a put. */
struct pack_put_result {
	struct pool_ref ref;       /* places[i] is where share i is or was to go */
	unsigned verified;         /* shares stored and verified */
	int code[POOL_SHARES_MAX]; /* of each share: 0, or why not */
	uint64_t bytes;            /* written, heads included, of verified shares */
};

/*
 * packs_code(packs, buffer, manifest, ret_ref, err):
 * Compute check shares, leaf hashes, roots and heads; ${manifest} comes with pool, nonce, epoch,
 * suite, k, m and share_size, and leaves with its roots. ret_ref has everything but places.
 * Errors: NOMEM, CANCELLED.
 */
int packs_code(const struct packs *packs, struct pack_buffer *buffer,
	struct share_manifest *manifest, struct pool_ref *ret_ref, struct sherd_error *err);

/*
 * packs_put(packs, buffer, ref, need, ret_result, err):
 * Store a coded pack: choose places, put all m shares, verify each as packs->verify says. A place
 * that fails loses its share to no other: the share is missing, and reported. (With fewer places up
 * than m, choose among all writable places, up or not, so that repair later knows where it
 * belongs.) Returns when ${need} shares are verified and the others have ended or are slower than
 * twice the time that these took (at least 1 s); the slow ones go on and are reported as TIMEOUT.
 * Success means: >= need verified. Errors: QUORUM (fewer; the message names each place and why),
 * CANCELLED, NOMEM. ret_result is filled in in every case.
 */
int packs_put(const struct packs *packs, struct pack_buffer *buffer, const struct pool_ref *ref,
	unsigned need, struct pack_put_result *ret_result, struct sherd_error *err);

/* Told of every share that was found bad or missing while something else was wanted. */
struct packs_watch {
	void (*share)(void *context, const struct pool_ref *ref, unsigned share,
		const struct member *member, int code, const char *why);
	void *context;
};

/*
 * packs_read(packs, ref, at, size, out, watch, err):
 * Bytes [at, at+size) of the payload, verified leaf by leaf. Asks the data shares concerned first;
 * what is missing, bad, or not there after hedge_ns comes from any k shares' same columns. A share
 * is looked for at its recorded place, then at every other member. ${watch} may be NULL.
 * A wrong share is an erasure, counted as a lie (member_lied) and told to watch.
 * Errors: LOST (fewer than k good shares, all members answered: the message says which place said
 * what), QUORUM (fewer than k, and some place could not be asked), CANCELLED, NOMEM.
 */
int packs_read(const struct packs *packs, const struct pool_ref *ref, uint64_t at, size_t size,
	uint8_t *out, const struct packs_watch *watch, struct sherd_error *err);

/*
 * packs_read_all(packs, ref, out, watch, err): the whole payload (k * S bytes, ${out} aligned to
 * 4096), in large reads from the k fastest places. Otherwise as packs_read().
 */
int packs_read_all(const struct packs *packs, const struct pool_ref *ref, uint8_t *out,
	const struct packs_watch *watch, struct sherd_error *err);

/* How one pack stands. */
enum share_health {
	SHARE_GOOD,        /* as deep as was asked */
	SHARE_MISSING,     /* its place answers and has it not, nor has any other asked */
	SHARE_BAD,         /* there, and wrong */
	SHARE_UNREACHABLE, /* its place does not answer */
};
struct pack_health {
	uint8_t shares[POOL_SHARES_MAX];  /* enum share_health of the m shares */
	uint16_t places[POOL_SHARES_MAX]; /* where each was found; the recorded place if nowhere */
	unsigned good;
	int spare; /* layout_spare() of the good ones */
};
enum packs_depth {
	PACKS_DEPTH_STAT, /* the size by name */
	PACKS_DEPTH_HEAD, /* the head verified */
	PACKS_DEPTH_BODY, /* every byte verified */
};

/*
 * packs_check(packs, ref, depth, buffer, buffer_size, ret_health, watch, err):
 * Look at each of the m shares. With PACKS_DEPTH_BODY ${buffer} (aligned to 4096, m * S bytes) gets
 * the bodies, share i at i * S, where good. NULL: memory is taken as needed. A share missing at its
 * recorded place is asked for at the other members. Absence is believed only when two asks say so.
 * Errors: CANCELLED, NOMEM. A pack in ruins is no error of the call: see good.
 */
int packs_check(const struct packs *packs, const struct pool_ref *ref, enum packs_depth depth,
	uint8_t *buffer, size_t buffer_size, struct pack_health *ret_health,
	const struct packs_watch *watch, struct sherd_error *err);

/*
 * packs_repair(packs, ref, health, ret_ref, ret_written, err):
 * Make the shares that are missing or bad, and those whose place is no longer in the set, again:
 * from k verified shares, each new body proved by the manifest's root, put at a place chosen by
 * layout_choose() among the writable places that are up and hold no more than their part, read
 * back, and only then is a bad one removed (a bad share that stands at the very name and place the
 * new one needs is removed first, but never while fewer than k good ones are verified elsewhere).
 * ${ret_ref}: ref with the new places. ${ret_written}: shares written.
 * Errors: LOST (fewer than k good), QUORUM (fewer reachable), NOSPACE and others of the first place
 * that refused (what could be done is done), CANCELLED, NOMEM.
 */
int packs_repair(const struct packs *packs, const struct pool_ref *ref,
	const struct pack_health *health, struct pool_ref *ret_ref, unsigned *ret_written,
	struct sherd_error *err);

#endif
