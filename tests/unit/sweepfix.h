/* SPDX-License-Identifier: MIT */
/*
 * sweepfix.h - for tests that let one thing go wrong in the middle of a whole piece of work: a
 * source, a pool of folders, snapshots in it, and a judge.
 *
 * All is below one folder: `source`, `work/state`, `work/cache`, `work/p1` ... Pools as a piece of
 * work finds them are made once (*stages*) and copied to `work` each time. Everything is inline, so
 * that the calls of one piece of work are the same each time.
 */
#ifndef TESTS_SWEEPFIX_H
#define TESTS_SWEEPFIX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sherd/repo.h>

#include "faultenv.h"

#define SWEEPFIX_PLACES 5
#define SWEEPFIX_PASSPHRASE "correct horse"

enum sweepfix_stage {
	SWEEPFIX_EMPTY,    /* nothing */
	SWEEPFIX_JOINING,  /* a pool that lacks its last place; no snapshot */
	SWEEPFIX_BACKED,   /* snapshot "A"; the source has changed since */
	SWEEPFIX_DEGRADED, /* likewise, and the first place lost its packs and the second its heads
			    */
	SWEEPFIX_STAGES,
};

/* Shared with processes that die. */
struct sweepfix_shared {
	atomic_bool acknowledged; /* sherd_backup() of "B" returned 0 */
	atomic_int code;          /* what the work returned */
};

struct sweepfix {
	char folder[64];
	unsigned k, m;
	unsigned places; /* of the stage */
	struct {
		char text[128];
	} url[SWEEPFIX_PLACES];
	enum sweepfix_stage stage; /* loaded last */
	struct {
		char text[128];
	} * paths; /* eight, of sweepfix_path() */
	unsigned next_path;
	struct sweepfix_shared *shared;
	struct sherd_backup_result backup; /* of the last sweepfix_backup() that succeeded */
	/* Hooks of pools, unless NULL. */
	int (*open_place)(
		void *context, const char *url, void **ret_place, struct sherd_error *err);
	void *open_context;
	bool may_be_bad;     /* the judge takes bad shares and records for possible, until repair */
	unsigned long steps; /* counted by tests */
};

/* sweepfix_new(k, m): source and stages. */
struct sweepfix *sweepfix_new(unsigned k, unsigned m);
void sweepfix_free(struct sweepfix *f);

/* sweepfix_path(f, name): below the folder; one of eight texts. */
const char *sweepfix_path(struct sweepfix *f, const char *name);

/* sweepfix_load(f, stage): `work` is as that stage has it. */
void sweepfix_load(struct sweepfix *f, enum sweepfix_stage stage);

/* Pieces of work, from opening to freeing; 0 or an error code. `env` NULL: nothing goes wrong. */
typedef int sweepfix_work(struct sweepfix *f, const struct sherd_env *env, struct sherd_error *err);
sweepfix_work sweepfix_init;    /* makes the pool */
sweepfix_work sweepfix_add;     /* adds the last place */
sweepfix_work sweepfix_backup;  /* snapshot "B" */
sweepfix_work sweepfix_repair;  /* all of it */
sweepfix_work sweepfix_check;   /* every byte, deep */
sweepfix_work sweepfix_restore; /* "A" to work/out */
sweepfix_work sweepfix_clone;   /* to work/state2, from p2 */

/* sweepfix_open(f, env, ...): the pool, and the repository on it. What it gives is closed with
 * sweepfix_close(). */
struct sweepfix_handle {
	struct sherd_pool *pool;
	struct sherd_repo *repo;
};
int sweepfix_open(struct sweepfix *f, const struct sherd_env *env, bool no_cache,
	struct sweepfix_handle *ret, struct sherd_error *err);
void sweepfix_close(struct sweepfix_handle *h);

/*
 * sweepfix_judge(f, what): with nothing going wrong any more: the pool opens; every byte of it is
 * right and nothing lost; "A", and "B" if it was acknowledged, are listed; whatever is listed
 * restores to what was saved; the next backup and repair succeed, and then nothing is missing;
 * hidden files are few. Fails the test otherwise, with ${what} in the message.
 */
void sweepfix_judge(struct sweepfix *f, const char *what);

/* sweepfix_judge_clone(f, what): work/state2 holds a pool that is as good as any, or none, and then
 * one can join there. sweepfix_judge_restore(f, what): once more, over what there is in work/out,
 * and "A" is there. Before sweepfix_judge(). */
void sweepfix_judge_clone(struct sweepfix *f, const char *what);
void sweepfix_judge_restore(struct sweepfix *f, const char *what);

/* sweepfix_whole(f): packs of the pool lack no share, as a check by name finds it. */
bool sweepfix_whole(struct sweepfix *f);
/* sweepfix_known_whole(f): what the status of the pool says without asking. */
bool sweepfix_known_whole(struct sweepfix *f);

/* sweepfix_hidden(f): hidden files below `work`. */
unsigned sweepfix_hidden(struct sweepfix *f);

/* sweepfix_all(): SHERD_SWEEP=all asks for every step; else for a number that does not take long.
 */
bool sweepfix_all(void);

/* sweepfix_sample(f, what, total): from the environment's SHERD_SEED or the clock, where to begin
 * (1..stride) and the stride with which at most ${most} of ${total} steps are made; printed. */
struct sweepfix_sample {
	unsigned long first, stride;
};
struct sweepfix_sample sweepfix_sample(const char *what, unsigned long total, unsigned long most);

#endif
