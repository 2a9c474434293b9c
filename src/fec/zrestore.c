/* SPDX-License-Identifier: MIT */
/*
 * zrestore.c - the usual way of a piece: read the blocks of the shares in the lineup, run its plan,
 * compare the checks. Everything else is the way of a piece with a fault in it.
 *
 * If a check differs, some share is wrong, and sherd_fec_locate() is asked which: first among the
 * shares never found wrong, then among all, since a share that is wrong in one place may be right
 * in this one. What cannot be told for a piece as a whole may be told for its parts, where fewer
 * shares are wrong; so a range of columns in which it fails is halved, but not below LEAF columns:
 * the fewer columns must agree, the likelier it is that a wrong answer fits them.
 *
 * A share that was found wrong or could not be read changes the lineup of the pieces after it. The
 * others of this time end with the lineup they have: it is immutable, and whatever it gives is
 * checked all the same.
 */
#include <fec/zrestore.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <fec/plan.h>

#define LEAF 512 /* columns: a sector, the unit in which media go bad */
#define ALIGN 64
#define AGAIN 1 /* a share was lost: do the piece once more without it */

int zrestore_init(struct zrestore *r, struct ztask *task, struct zset *set, struct sherd_error *err)
{
	size_t blocks;
	unsigned data = 0;

	*r = (struct zrestore){.task = task, .set = set, .outdated = true};
	pthread_mutex_init(&r->lock, NULL); /* cannot fail with default attributes on Linux */
	for (unsigned s = 0; s < set->m; s++) {
		if (!set->share[s])
			continue;
		r->trust[s] = ZTRUST_FULL;
		data += s < set->k;
	}
	/* The data that is not held, and again all that is held and not known. */
	r->most_computed = (set->k - data) + (set->held - set->k);
	blocks = set->held + r->most_computed;
	r->segments = zlayout_segments(blocks);
	r->pieces = zlayout_pieces(set->k, r->segments, set->size);
	if (set->held == set->k)
		atomic_store(&r->unchecked, true);
	return sherd_fec_new(set->k, set->m, NULL, &r->code, err);
}

void zrestore_release(struct zrestore *r)
{
	while (r->lineups) {
		struct zlineup *l = r->lineups;

		r->lineups = l->older;
		zlineup_free(l);
	}
	sherd_fec_free(r->code);
	r->code = NULL;
	pthread_mutex_destroy(&r->lock);
}

/* --- desks --- */

int zdesk_init(struct zdesk *d, const struct zrestore *r, struct sherd_error *err)
{
	const struct zset *set = r->set;
	size_t next = 0;

	d->parts = mem_array((size_t)set->k * r->segments, sizeof(*d->parts));
	if (!d->parts || zblocks_new(&d->memory, set->held + r->most_computed, r->segments) != 0)
		return err_nomem(err);
	for (unsigned s = 0; s < set->m; s++)
		if (set->share[s] || s < set->k)
			d->home[s] = zblocks_at(&d->memory, next++);
	/* Blocks for held - k shares that are recomputed; which ones they are is up to the lineup.
	 */
	for (size_t i = 0; i < set->held - set->k; i++)
		d->spare[i] = zblocks_at(&d->memory, next++);
	assert(next == set->held + r->most_computed);
	return 0;
}

void zdesk_release(struct zdesk *d)
{
	mem_free(d->parts);
	d->parts = NULL;
	zblocks_release(&d->memory);
}

/* --- what is known of the shares --- */

/* The lineup for a new piece. */
static int current_lineup(
	struct zrestore *r, const struct zlineup **ret_lineup, struct sherd_error *err)
{
	struct zlineup *l;
	int code = 0;

	pthread_mutex_lock(&r->lock);
	if (r->outdated) {
		code = zlineup_new(r->code, r->trust, &l, err);
		if (!code) {
			l->older = r->lineups;
			r->lineups = l;
			r->outdated = false;
		}
	}
	if (!code)
		*ret_lineup = r->lineups;
	pthread_mutex_unlock(&r->lock);
	return code;
}

/* A share can no longer be read: AGAIN, or an error if too few are left. */
static int lose_share(
	struct zrestore *r, unsigned share, const struct sherd_error *why, struct sherd_error *err)
{
	unsigned left = 0;

	pthread_mutex_lock(&r->lock);
	r->trust[share] = ZTRUST_NONE;
	for (unsigned s = 0; s < r->set->m; s++)
		left += r->trust[s] != ZTRUST_NONE;
	/* With too few left the lineup in force stays as it is: another cannot be made. */
	r->outdated = left >= r->set->k;
	zset_leave_out(r->set, r->set->share[share], SHERD_ZFEC_UNREADABLE, why->message);
	pthread_mutex_unlock(&r->lock);
	if (left >= r->set->k)
		return AGAIN;
	return err_set(err, SHERD_TOOFEW,
		"%u share files are needed and only %u can be read: '%.200s': %.150s", r->set->k,
		left, r->set->share[share]->path, why->message);
}

static void blame_shares(struct zrestore *r, const bool *wrong)
{
	pthread_mutex_lock(&r->lock);
	for (unsigned s = 0; s < r->set->m; s++) {
		if (!wrong[s] || r->trust[s] != ZTRUST_FULL)
			continue;
		r->trust[s] = ZTRUST_BLAMED;
		r->outdated = true;
		zset_leave_out(r->set, r->set->share[s], SHERD_ZFEC_WRONG,
			"its bytes disagree with those of the others");
	}
	pthread_mutex_unlock(&r->lock);
}

static void copy_trust(struct zrestore *r, enum ztrust *ret_trust)
{
	pthread_mutex_lock(&r->lock);
	memcpy(ret_trust, r->trust, sizeof(r->trust));
	pthread_mutex_unlock(&r->lock);
}

/* --- reading and computing --- */

static int read_share(struct zrestore *r, struct zdesk *d, const struct zpiece *piece,
	unsigned share, struct sherd_error *err)
{
	const struct zset *set = r->set;
	const struct zmember *f = set->share[share];
	struct sherd_error why;
	size_t got;

	if (d->read[share])
		return 0;
	if (env_pread(set->env, f->fd, d->home[share], piece->columns,
		    set->header_size + piece->body_at, &got) != 0)
		err_system(&why, errno, "it cannot be read");
	else if (got < piece->columns)
		err_set(&why, SHERD_CHANGED, "it became shorter while it was read");
	else
		d->read[share] = true;
	return d->read[share] ? 0 : lose_share(r, share, &why, err);
}

static int read_lineup(struct zrestore *r, struct zdesk *d, const struct zpiece *piece,
	const struct zlineup *l, struct sherd_error *err)
{
	for (size_t i = 0; i < l->known_count; i++) {
		int code = read_share(r, d, piece, l->known[i], err);

		if (code)
			return code;
	}
	for (size_t i = 0; i < l->wanted_count; i++) {
		int code = l->check[i] ? read_share(r, d, piece, l->wanted[i], err) : 0;

		if (code)
			return code;
	}
	return 0;
}

/*
 * Columns [at, at + size) by that lineup: true if all checks agree, and then home has the data,
 * which replaces that of data shares not trusted here.
 */
static bool compute(
	const struct zrestore *r, struct zdesk *d, const struct zlineup *l, size_t at, size_t size)
{
	const uint8_t *known[SHERD_FEC_SHARES_MAX];
	uint8_t *wanted[SHERD_FEC_SHARES_MAX];
	size_t spares = 0;

	for (size_t i = 0; i < l->known_count; i++)
		known[i] = d->home[l->known[i]] + at;
	for (size_t i = 0; i < l->wanted_count; i++) {
		bool held = r->set->share[l->wanted[i]] != NULL;

		assert(!held || spares < r->set->held - r->set->k);
		wanted[i] = (held ? d->spare[spares++] : d->home[l->wanted[i]]) + at;
	}
	fec_run(l->plan, known, wanted, size, NULL);
	for (size_t i = 0; i < l->wanted_count; i++)
		if (l->check[i] && memcmp(wanted[i], d->home[l->wanted[i]] + at, size) != 0)
			return false;
	for (size_t i = 0; i < l->wanted_count; i++) {
		uint8_t *home = d->home[l->wanted[i]] + at;

		if (!l->check[i] && wanted[i] != home)
			memcpy(home, wanted[i], size);
	}
	return true;
}

/* --- the way of a piece with a fault --- */

/*
 * Which of the shares with at least that trust are wrong in these columns; the others of them get
 * ZTRUST_FULL in ${ret_found}, all else ZTRUST_NONE.
 */
static int locate(const struct zrestore *r, const struct zdesk *d, const enum ztrust *trust,
	enum ztrust least, size_t at, size_t size, enum ztrust *ret_found, struct sherd_error *err)
{
	unsigned shares[SHERD_FEC_SHARES_MAX];
	const uint8_t *blocks[SHERD_FEC_SHARES_MAX];
	uint8_t wrong[SHERD_FEC_SHARES_MAX];
	size_t count = 0, wrong_count;
	int code;

	for (unsigned s = 0; s < r->set->m; s++) {
		ret_found[s] = ZTRUST_NONE;
		if (trust[s] < least)
			continue;
		shares[count] = s;
		blocks[count++] = d->home[s] + at;
	}
	if (count <= r->set->k)
		return err_set(err, SHERD_MISMATCH, "no share is left to check with");
	code = sherd_fec_locate(r->code, shares, blocks, count, size, wrong, &wrong_count, err);
	for (size_t i = 0; !code && i < count; i++)
		ret_found[shares[i]] = wrong[i] ? ZTRUST_NONE : ZTRUST_FULL;
	return code;
}

/* One range of columns; the shares that are wrong in it are added to ${wrong}. */
static int repair_range(const struct zrestore *r, struct zdesk *d, const enum ztrust *trust,
	size_t at, size_t size, bool *wrong, struct sherd_error *err)
{
	CLEANUP(zlineup_free_at) struct zlineup *l = NULL;
	enum ztrust found[SHERD_FEC_SHARES_MAX] = {ZTRUST_NONE};
	enum ztrust least = ZTRUST_FULL;
	int code = locate(r, d, trust, least, at, size, found, err);

	if (code == SHERD_MISMATCH) {
		least = ZTRUST_BLAMED;
		code = locate(r, d, trust, least, at, size, found, err);
	}
	if (code)
		return code;
	code = zlineup_new(r->code, found, &l, err);
	if (code)
		return code;
	if (!l->check_count || !compute(r, d, l, at, size))
		return err_set(err, SHERD_MISMATCH, "the shares disagree");
	for (unsigned s = 0; s < r->set->m; s++)
		wrong[s] |= trust[s] >= least && found[s] == ZTRUST_NONE;
	return 0;
}

static int cannot_tell(const struct zrestore *r, uint64_t column, struct sherd_error *err)
{
	const struct zset *set = r->set;
	unsigned spare = set->held - set->k;

	if (spare < 2)
		return err_set(err, SHERD_MISMATCH,
			"the share files disagree at byte %llu, and which one is wrong can only be "
			"found with more of them: %u are needed, %u were used",
			(unsigned long long)(set->header_size + column), set->k, set->held);
	return err_set(err, SHERD_MISMATCH,
		"the share files disagree at byte %llu and more than %u of the %u used are wrong "
		"there: which ones cannot be told without more share files",
		(unsigned long long)(set->header_size + column), spare / 2, set->held);
}

static int repair(
	struct zrestore *r, struct zdesk *d, const struct zpiece *piece, struct sherd_error *err)
{
	enum ztrust trust[SHERD_FEC_SHARES_MAX];
	bool wrong[SHERD_FEC_SHARES_MAX] = {false};
	int code;

	copy_trust(r, trust);
	for (unsigned s = 0; s < r->set->m; s++) {
		if (trust[s] == ZTRUST_NONE)
			continue;
		code = read_share(r, d, piece, s, err);
		if (code)
			return code;
	}
	for (size_t at = 0, size; at < piece->columns; at += size) {
		size = piece->columns - at;
		code = repair_range(r, d, trust, at, size, wrong, err);
		while (code == SHERD_MISMATCH && size > LEAF) {
			size = int_div_up(size / 2, ALIGN) * ALIGN;
			code = repair_range(r, d, trust, at, size, wrong, err);
		}
		if (code == SHERD_MISMATCH)
			return cannot_tell(r, piece->body_at + at, err);
		if (code)
			return code;
	}
	blame_shares(r, wrong);
	return 0;
}

/* --- a piece --- */

/* 0, AGAIN or an error. */
static int try_piece(
	struct zrestore *r, struct zdesk *d, const struct zpiece *piece, struct sherd_error *err)
{
	const struct zlineup *l;
	int code = current_lineup(r, &l, err);

	if (code)
		return code;
	memset(d->read, 0, sizeof(d->read));
	code = read_lineup(r, d, piece, l, err);
	if (code)
		return code;
	if (!compute(r, d, l, 0, piece->columns))
		return repair(r, d, piece, err);
	if (!l->check_count)
		atomic_store(&r->unchecked, true);
	return 0;
}

int zrestore_piece(struct zrestore *r, struct zdesk *d, uint64_t index, struct zpiece *ret_piece,
	struct sherd_error *err)
{
	const struct zset *set = r->set;
	struct zpiece piece = zlayout_piece(set->k, r->segments, index, set->size);
	int code;

	do
		code = try_piece(r, d, &piece, err);
	while (code == AGAIN);
	if (code)
		return code;
	if (!zlayout_padded(set->k, &piece, d->home))
		return err_set(err, SHERD_CORRUPT,
			"the padding that the headers tell of is not zero: a share file is "
			"damaged");
	d->part_count = zlayout_parts(set->k, &piece, d->home, d->parts);
	*ret_piece = piece;
	return 0;
}
