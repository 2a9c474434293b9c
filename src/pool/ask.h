/* SPDX-License-Identifier: MIT */
/*
 * ask.h - one question to many places: put a control record and read it back, list names, fetch
 * files. What fails at a place is that place's answer, not an error of the call.
 *
 * Each function asks the members of its array whose bit is in ${mask}; bit i is member i, so there
 * are at most POOL_PLACES_MAX. Threads: the caller's; the members' threads do the work.
 */
#ifndef POOL_ASK_H
#define POOL_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <pool/calls.h>
#include <sherd/error.h>
#include <sherd/job.h>
#include "record.h"

#define ASK_WHY_SIZE 160
#define ASK_NAMES_MAX 200000 /* names of one prefix at one place: more is a place gone mad */

struct ask {
	const struct sherd_env *env;
	const struct sherd_cancel *cancel;
	struct member *const *members;
	size_t count;
};

/* What the places said. */
struct ask_answers {
	uint64_t answered;         /* bits of those that came to an end, whichever */
	int code[POOL_PLACES_MAX]; /* 0 or an error code */
	char why[POOL_PLACES_MAX][ASK_WHY_SIZE];
};

/* A number of places, out of some, that will do. */
struct ask_need {
	uint64_t of;
	unsigned count;
};
/* ask_met(need, good): whether enough of need->of are among the bits ${good}. */
bool ask_met(const struct ask_need *need, uint64_t good);
unsigned ask_bits(uint64_t mask);

/*
 * ask_put(ask, mask, name, file, needs, need_count, ret_good, answers, err):
 * Put ${file} as ${name} and read it back; an object that is there already and is the same is as
 * good. Returns when all have ended, or when all needs are met and the others are slower than twice
 * the time that took (at least 1 s): these go on for themselves and count as TIMEOUT.
 * ${ret_good}: those that have it, verified. Errors: CANCELLED, NOMEM.
 */
int ask_put(const struct ask *ask, uint64_t mask, const char *name, struct record_file *file,
	const struct ask_need *needs, size_t need_count, uint64_t *ret_good,
	struct ask_answers *answers, struct sherd_error *err);

/*
 * ask_list(ask, mask, prefix, need, visit, context, answers, err):
 * All names under ${prefix} at each place, page by page: visit(context, index, name, size) returns
 * 0 or an error, which ends it all. Returns as ask_put() does. A place whose listing broke off has
 * an error code; names seen before count as seen. Errors: CANCELLED, NOMEM, those of visit().
 */
typedef int ask_visit(void *context, size_t index, const char *name, uint64_t size);
int ask_list(const struct ask *ask, uint64_t mask, const char *prefix, const struct ask_need *need,
	ask_visit *visit, void *context, struct ask_answers *answers, struct sherd_error *err);

/* Something to fetch. */
struct ask_want {
	const char *name;
	size_t size;              /* it is not larger: the greatest size that a place listed */
	uint64_t from;            /* places that may have it; those that did not are taken out */
	uint64_t wrong;           /* result: places that gave other bytes than the name says */
	struct record_file *file; /* result, owned by the receiver; NULL: nowhere */
	int code;                 /* result without a file: of the last place asked; 0: none was */
};

/*
 * ask_fetch(ask, wants, count, err):
 * Fetch each from one place after the other until one gives bytes with the hash that the name ends
 * with. Errors: CANCELLED, NOMEM.
 */
int ask_fetch(const struct ask *ask, struct ask_want *wants, size_t count, struct sherd_error *err);

/*
 * ask_get(ask, mask, name, size_max, visit, context, answers, err):
 * Fetch ${name} from every place of the mask: visit(context, index, data, size) of each that has
 * it. Returns as ask_put() does. Errors: CANCELLED, NOMEM, those of visit().
 */
typedef int ask_data(void *context, size_t index, const uint8_t *data, size_t size);
int ask_get(const struct ask *ask, uint64_t mask, const char *name, size_t size_max,
	const struct ask_need *need, ask_data *visit, void *context, struct ask_answers *answers,
	struct sherd_error *err);

/* ask_hash_of(name, ret): the hash at the end of a record's name; false if it is none. */
bool ask_hash_of(const char *name, uint8_t ret[RECORD_HASH_SIZE]);

#endif
