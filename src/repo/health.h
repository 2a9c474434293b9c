/* SPDX-License-Identifier: MIT */
/*
 * health.h - what check, repair, status and the health of snapshots share: results that live until
 * the next call, the place set as an array, how a pack stands from what is known.
 */
#ifndef REPO_HEALTH_H
#define REPO_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/tasks.h>
#include <repo/checked.h>
#include <repo/repo.h>

/* Owned by the repo; made at first use. */
struct repo_results {
	struct sherd_place_check *checks; /* one for each place of the set, in its order */
	size_t check_count;
	void *status_places;
	char host[256];
};

/* repo_results(repo, err): the results of this repo; NULL without memory. */
struct repo_results *repo_results(struct sherd_repo *repo, struct sherd_error *err);

/* Bytes of one share file of a pack. */
uint64_t health_file_size(const struct pool_ref *ref);

/* health_place(packs, number): index of a place in the set; the count if it is not in it. */
size_t health_place(const struct packs *packs, uint16_t number);

/*
 * health_homes(packs, ref, ret_homes): for each share the index of the place where it is, or, if it
 * is nowhere or at a place no longer in the set, where it belongs (layout_choose()); packs->count:
 * nowhere at all.
 */
void health_homes(
	const struct packs *packs, const struct pool_ref *ref, size_t ret_homes[POOL_SHARES_MAX]);

/* The set of places, and which of them answer now. */
struct health_places {
	const struct packs *packs;
	const struct sherd_place_info *infos; /* of the pool, in order of numbers */
	size_t count;
};
/* health_places_init(p, repo, probe, err): Errors: NOMEM. */
int health_places_init(
	struct health_places *p, struct sherd_repo *repo, bool probe, struct sherd_error *err);
/* health_answers(p, number): the place is in the set, and answers. */
bool health_answers(const struct health_places *p, uint16_t number);

/* How a pack stands without asking anybody. */
struct health_pack {
	bool good[POOL_SHARES_MAX]; /* recorded at a place that answers, and not suspect */
	unsigned shares;            /* of these */
	unsigned places;            /* that hold them */
	unsigned missing; /* shares suspect, nowhere, or at a place no longer in the set */
	int spare;
};
void health_of_pack(const struct health_places *p, const struct store *store, size_t index,
	struct health_pack *ret);

/* Progress of work on packs, at most ten times a second. */
struct health_progress {
	const struct sherd_repo_hooks *hooks;
	const struct sherd_env *env;
	struct sherd_repo_progress state;
	struct sherd_place_progress *places; /* owned */
	const struct packs *packs;
	uint64_t *begun; /* bytes moved by each member when the work began; owned */
	uint64_t told_ns;
};
int health_progress_init(struct health_progress *p, struct sherd_repo *repo,
	const struct sherd_repo_hooks *hooks, uint64_t packs_total, struct sherd_error *err);
void health_progress_release(struct health_progress *p);
/* health_progress_tell(p, done, name): ${done} packs are through. ${last}: tell whatever the clock
 * says. */
void health_progress_tell(struct health_progress *p, uint64_t done, bool last);

/*
 * health_watch_note(hooks, ...): a SHARE note for a share that was found bad or missing. Returns
 * what the hook returned.
 */
int health_note_share(const struct sherd_repo_hooks *hooks, const struct pool_ref *ref,
	unsigned share, const char *place, int code, const char *why);

#endif
