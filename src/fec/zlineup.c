/* SPDX-License-Identifier: MIT */
/*
 * zlineup.c - one plan computes the lost data shares and the checks together: each known block is
 * read once for all of them.
 */
#include <fec/zlineup.h>

#include <assert.h>
#include <base/alloc.h>
#include <base/err.h>

static void take_known(struct zlineup *l, const struct sherd_fec *code, const enum ztrust *trust,
	enum ztrust wanted, bool *is_known)
{
	unsigned k = sherd_fec_k(code);
	unsigned m = sherd_fec_m(code);

	for (unsigned s = 0; s < m && l->known_count < k; s++) {
		if (trust[s] != wanted)
			continue;
		l->known[l->known_count++] = s;
		is_known[s] = true;
	}
}

static void take_checks(struct zlineup *l, const struct sherd_fec *code, const enum ztrust *trust,
	enum ztrust wanted, const bool *is_known, bool *is_check)
{
	for (unsigned s = 0; s < sherd_fec_m(code); s++) {
		if (trust[s] != wanted || is_known[s])
			continue;
		is_check[s] = true;
		l->check_count++;
	}
}

int zlineup_new(const struct sherd_fec *code, const enum ztrust *trust, struct zlineup **ret_lineup,
	struct sherd_error *err)
{
	CLEANUP(zlineup_free_at) struct zlineup *l = mem_array(1, sizeof(*l));
	bool is_known[SHERD_FEC_SHARES_MAX] = {false};
	bool is_check[SHERD_FEC_SHARES_MAX] = {false};
	int r;

	if (!l)
		return err_nomem(err);
	take_known(l, code, trust, ZTRUST_FULL, is_known);
	take_known(l, code, trust, ZTRUST_BLAMED, is_known);
	assert(l->known_count == sherd_fec_k(code));
	take_checks(l, code, trust, ZTRUST_FULL, is_known, is_check);
	if (!l->check_count)
		take_checks(l, code, trust, ZTRUST_BLAMED, is_known, is_check);
	for (unsigned s = 0; s < sherd_fec_m(code); s++) {
		bool lost_data = s < sherd_fec_k(code) && !is_known[s];

		if (!lost_data && !is_check[s])
			continue;
		l->check[l->wanted_count] = is_check[s];
		l->wanted[l->wanted_count++] = s;
	}
	r = sherd_fec_plan_new(code, l->known, l->wanted, l->wanted_count, &l->plan, err);
	if (r)
		return r;
	*ret_lineup = TAKE(l);
	return 0;
}

void zlineup_free(struct zlineup *l)
{
	if (!l)
		return;
	sherd_fec_plan_free(l->plan);
	mem_free(l);
}
