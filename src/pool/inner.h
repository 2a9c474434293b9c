/* SPDX-License-Identifier: MIT */
/*
 * inner.h - the inside of a pool, for the files of this folder that have the keys: how records come
 * to count (digest), come from the places (refresh), and go to them (spread, change, publish).
 *
 * Rules (docs/format.md, 7; DESIGN in docs/architecture.md):
 *
 *  - The *live* records are all valid pool and device records, the key slots of the newest epoch,
 * and the newest head of each incarnation. Every place of the set shall have them; the state folder
 *    does.
 *  - A record counts when its name follows from its bytes, it opens with the pool's keys, and a
 * chain of signatures leads from the administrator, whose key the pool's id fixes, to its signer.
 *  - Records of the pool: two devices may write seq s+1 at the same time, and either may be told
 * that its change is done before it could see the other's. So neither is dropped: valid records of
 * the greatest seq are *siblings*, and the pool is what they say together (poolrec_merge, the one
 * with the lower hash first: the same for everybody). Whoever writes a record reads back, after it
 * has reached the write quorum, what the read quorum lists: when a sibling stands there, the merged
 *    record is written as s+2, and so on. Success is told when a record stands alone at the
 * greatest seq. Of two writers, the one whose record reaches its quorum last sees the other's,
 * because w + r > P + f; so what was told done is in every later record. What was not told done may
 * come to count, or not.
 *  - A record at fewer than w places is unfinished. Whoever sees it brings it to w before it builds
 * on it.
 *  - `seen` has what was at w. It is compared with what the places that *answer* show (all prefixes
 *    listed to the end): r of them, all below, are a rollback.
 */
#ifndef POOL_INNER_H
#define POOL_INNER_H

#include <pool/pool.h>
#include "ask.h"
#include "memory.h"
#include "quorum.h"
#include "state.h"
#include "mirror.h"

#define HEADS_KEPT 16 /* of one's own incarnation, at places */
#define BIT(i) (UINT64_C(1) << (i))

/* A place of the set, as it is used here. */
struct seat {
	uint16_t number;
	uint8_t id[RECORD_ID_SIZE];
	uint32_t weight;
	char *name, *url, *domain; /* owned; the URL in use */
	struct member *member;     /* owned */
	bool known;                /* its identity file was read and is right */
	bool answered;             /* at the last refresh */
	bool fell_back;            /* it showed less than it did before */
	bool behind;               /* it shows less than others */
	bool liar;                 /* it gave wrong bytes, to an earlier member of this pool */
	int code;                  /* of what failed last; 0: nothing */
	int write_code;            /* NOSPACE or DENIED: of the last write */
	char why[ASK_WHY_SIZE];
	struct member_counts counted; /* of member's counts, what `seen` has already */
	uint64_t lies;                /* found with this pool */
	uint64_t total, free;
};

struct sherd_pool {
	/* Constant. */
	const struct sherd_env *env;
	const struct sherd_cancel *cancel;
	unsigned threads, verify;
	bool inline_calls, read_only;
	uint64_t timeout_ms;
	int (*open_place)(
		void *context, const char *url, void **ret_place, struct sherd_error *err);
	void *open_context;
	struct sherd_place_url *urls; /* owned, with their texts */
	size_t url_count;
	struct sherd_workers *workers; /* owned; NULL: inline */

	/* This device. */
	uint8_t id[POOL_ID_SIZE];
	struct state state;
	struct seen seen;
	struct device_file device;
	struct device_secrets *secrets; /* locked memory */
	struct keyring *ring;
	struct hash own_hash; /* of its newest head */

	/* What counts. */
	struct mirror store;
	struct poolrec rec; /* the pool record in force, siblings merged */
	uint64_t rec_seq;   /* 0: none yet */
	struct hash rec_hash;
	bool unmerged; /* rec is of several siblings and stands nowhere yet */
	bool have_admin;
	uint8_t admin[SIGN_PUBLIC_SIZE];
	bool fresh;
	bool own_fault; /* the own head log is ahead, or forked: a new incarnation is due */
	char own_why[160];

	/* The places. */
	struct seat *seats[POOL_PLACES_MAX]; /* owned */
	struct member *members[POOL_PLACES_MAX];
	size_t seat_count;  /* places of the record in force, in its order, then the guest */
	struct seat *guest; /* a place that is about to join, else NULL; owned by seats[] */

	/* Results for callers. */
	struct pool_shape shape;
	struct packs packs;
	struct packs_member packs_members[POOL_PLACES_MAX];
	struct pool_head *heads;
	size_t head_count;
	struct sherd_place_info *place_infos;
	size_t place_info_count;
	struct sherd_device_info *device_infos;
	size_t device_info_count;
	char number_text[32];
	char *host_text;
};

/* --- pool.c: life --- */

/* pool_new(options, ret, err): with constants filled in. Errors: NOMEM, IO. */
int pool_new(
	const struct sherd_pool_options *options, struct sherd_pool **ret, struct sherd_error *err);
DEFINE_CLEANUP(struct sherd_pool, sherd_pool_free)

/* --- seats.c --- */

/* seat_new(pool, place, url, existing, ret, err): open the place at ${url} (NULL: the overriding or
 * recorded one), or take ${existing}. That it cannot be opened is the seat's state. Errors: NOMEM,
 * IO. */
int seat_new(struct sherd_pool *pool, const struct poolrec_place *place, const char *url,
	struct place *existing, struct seat **ret, struct sherd_error *err);
void seat_free(struct seat *seat);
DEFINE_CLEANUP(struct seat, seat_free)

/* seats_follow(pool, ret_changed, err): let the seats be those of the record in force. */
int seats_follow(struct sherd_pool *pool, bool *ret_changed, struct sherd_error *err);
/* seats_count(pool): add what happened at the places to `seen`. */
void seats_count(struct sherd_pool *pool);
/* seats_use(pool): fill in pool->packs and pool->shape. */
void seats_use(struct sherd_pool *pool);
/* seats_all(pool): the bits of the place set. seats_known(pool, err): read identities where they
 * were not yet read; the bits of the seats that are what they should be. */
uint64_t seats_all(const struct sherd_pool *pool);
int seats_identify(struct sherd_pool *pool, uint64_t mask, struct sherd_error *err);
/* seat_lied(seat): whether it gave wrong bytes since the pool was opened. */
bool seat_lied(const struct seat *seat);
uint64_t seats_known(const struct sherd_pool *pool);
int seats_of(const struct sherd_pool *pool, const struct poolrec *rec, uint64_t *ret);
struct ask pool_ask(const struct sherd_pool *pool);
int pool_open_place(struct sherd_pool *pool, const char *url, bool create, struct place **ret,
	struct sherd_error *err);

/* --- digest.c --- */

/*
 * pool_digest(pool, err): see which fetched records count by now, and what the pool is then.
 * Errors: NOMEM, NEWER (the pool itself was changed by a newer version).
 */
int pool_digest(struct sherd_pool *pool, struct sherd_error *err);

/* entry_confirmed(pool, e): whether the write quorum lists it. */
bool entry_confirmed(const struct sherd_pool *pool, const struct entry *e);

/* pool_device_entry(pool, device): its newest valid record; NULL. pool_owner(pool, incarnation):
 * the valid device record that names it; NULL. */
struct entry *pool_device_entry(const struct sherd_pool *pool, const uint8_t *device);
struct entry *pool_owner(const struct sherd_pool *pool, const uint8_t *incarnation);

/* pool_newest_head(pool, incarnation): the valid head of the greatest seq; of two, the one this
 * device has seen, else the one with the lower hash. NULL. */
struct entry *pool_newest_head(const struct sherd_pool *pool, const uint8_t *incarnation);

/* entry_live(pool, e): whether every place should have it. */
bool entry_live(const struct sherd_pool *pool, const struct entry *e);

/* --- rollback.c --- */

/* rollback_check(pool, err): after the places were asked. May take ${fresh} back, and sets
 * own_fault. Errors: ROLLBACK. */
int rollback_check(struct sherd_pool *pool, struct sherd_error *err);
/* rollback_remember(pool, err): what counts now, into `seen`. Errors: NOMEM. */
int rollback_remember(struct sherd_pool *pool, struct sherd_error *err);
/* head_forked(pool, incarnation): whether two valid heads have one seq. */
bool head_forked(const struct sherd_pool *pool, const uint8_t *incarnation);

/* --- refresh.c --- */

/* pool_load(pool, err): the records of the state folder. Errors: NOMEM, IO. */
int pool_load(struct sherd_pool *pool, struct sherd_error *err);
/* pool_listen(pool, err): ask all places, fetch what is new, digest; until nothing changes. */
int pool_listen(struct sherd_pool *pool, struct sherd_error *err);
/* pool_listen_to(pool, mask, ret_answered, err): once, to those seats. */
int pool_listen_to(
	struct sherd_pool *pool, uint64_t mask, uint64_t *ret_answered, struct sherd_error *err);
/* pool_keep(pool, err): what was learned to the state folder. */
int pool_keep(struct sherd_pool *pool, struct sherd_error *err);

/* --- publish.c --- */

/* pool_gather_heads(pool, err): fill in pool->heads. */
int pool_gather_heads(struct sherd_pool *pool, struct sherd_error *err);

/* --- spread.c --- */

/* pool_spread(pool, e, err): bring a record to the write quorum. Errors: QUORUM (names the places).
 */
int pool_spread(struct sherd_pool *pool, struct entry *e, struct sherd_error *err);
/* pool_spread_to(pool, e, mask, needs, need_count, err): to those places. */
int pool_spread_to(struct sherd_pool *pool, struct entry *e, uint64_t mask,
	const struct ask_need *needs, size_t need_count, struct sherd_error *err);
/* pool_adopt(pool, file, ret, err): a record that was made here: an entry, VALID after the next
 * digest. It is not yet in the state folder. */
int pool_adopt(struct sherd_pool *pool, const struct record_name *name, struct record_file *file,
	struct entry **ret, struct sherd_error *err);
int pool_save_entry(struct sherd_pool *pool, struct entry *e, struct sherd_error *err);

/* pool_seal(pool, head, body, signer, seed, ret_name, ret_file, err): make a record of this pool.
 */
int pool_seal(struct sherd_pool *pool, enum record_kind kind, const uint8_t *subject, uint64_t seq,
	const struct bytes *body, const uint8_t *signer, const struct crypt_key *seed,
	struct record_name *ret_name, struct record_file **ret_file, struct sherd_error *err);

/* --- change.c --- */

/*
 * pool_change(pool, op, context, lost, err): write a new pool record: op(context, rec) changes a
 * copy of the one in force; it may be called again when somebody else changed the pool meanwhile,
 * and does nothing then if its change is there already (returns 1). Errors: DENIED (read-only, not
 * fresh, no right), QUORUM, NEWER, BUSY (others keep changing it), and those of op().
 */
typedef int pool_op(void *context, struct poolrec *rec, struct sherd_error *err);
int pool_change(struct sherd_pool *pool, pool_op *op, void *context, const uint8_t *lost,
	struct sherd_error *err);

/* --- enroll.c: devices and slots --- */

struct enroll {
	const char *host, *label; /* NULL: the host name, "" */
	unsigned rights;
	bool no_device_key;
	const struct crypt_key *admin_seed;
};
/* pool_random(pool, ret, size, err). Errors: IO. */
int pool_random(const struct sherd_env *env, void *ret, size_t size, struct sherd_error *err);
/* pool_enroll(pool, how, err): ids, keys, device record of seq 1 and key slot of a new device, as
 * entries; pool->device is filled in. Nothing is written. */
int pool_enroll(struct sherd_pool *pool, const struct enroll *how, struct sherd_error *err);
/* pool_reincarnate(pool, err): a new incarnation for this device, durable here; not yet spread. */
int pool_reincarnate(struct sherd_pool *pool, struct sherd_error *err);
/* pool_add_slot(pool, slot, err): a key slot as an entry. */
int pool_add_slot(struct sherd_pool *pool, const struct keyslot *slot, struct sherd_error *err);

/* --- unlock.c --- */

/* pool_unlock(pool, secrets, err): the keys, by passphrase or kit, from the slots in the store;
 * those of the newest epoch first. ${ret} gets what the slot gave. Errors: BADKEY, CANCELLED,
 * CORRUPT, ... */
int pool_unlock(struct sherd_pool *pool, const struct sherd_secrets *secrets,
	struct keyslot_keys *ret, struct sherd_error *err);
/* pool_unlock_device(pool, err): by the device's own slot. Errors: CORRUPT. */
int pool_unlock_device(struct sherd_pool *pool, struct sherd_error *err);
/* pool_learn_epochs(pool): the keys of epochs for which this device has got a slot meanwhile, made
 * by somebody who knows the content key; whether there was one. */
bool pool_learn_epochs(struct sherd_pool *pool);

#endif
