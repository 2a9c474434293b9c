/* SPDX-License-Identifier: MIT */
/* replicate.c - every live record at every place: checked, and brought there. */
#include "inner.h"

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

/* To one place alone, so that one that refuses holds up no other. */
static int bring(struct sherd_pool *pool, struct entry *e, size_t index, struct sherd_error *err)
{
	struct ask_need need = {BIT(index), 1};

	return pool_spread_to(pool, e, need.of, &need, 1, err);
}

int pool_replicate(struct sherd_pool *pool, unsigned *ret_written, struct sherd_error *err)
{
	size_t count = ask_bits(seats_all(pool));
	int first = 0;

	*ret_written = 0;
	if (pool->read_only)
		return err_set(err, SHERD_DENIED, "the pool was opened for reading only");
	for (size_t i = 0; i < pool->store.count; i++) {
		struct entry *e = pool->store.entries[i];

		if (!entry_live(pool, e))
			continue;
		for (size_t j = 0; j < count; j++) {
			struct sherd_error why = {0};
			int r;

			if (e->shown & BIT(j))
				continue;
			r = bring(pool, e, j, &why);
			if (!r) {
				(*ret_written)++;
				continue;
			}
			if (r == SHERD_CANCELLED || r == SHERD_NOMEM)
				return err_set(err, r, "%s", why.message);
			if (!first) {
				/* What the place said, where it said something. */
				int code = pool->seats[j]->code;

				first = err_set(err, code ? code : r, "%s", why.message);
			}
		}
	}
	return first;
}

struct control_check {
	const struct entry *e;
	uint64_t good;
};

static int compare(void *context, size_t index, const uint8_t *data, size_t size)
{
	struct control_check *check = context;

	if (size == check->e->file->size && memcmp(data, check->e->file->data, size) == 0)
		check->good |= BIT(index);
	return 0;
}

static int check_entry(struct sherd_pool *pool, const struct entry *e, struct ask_answers *answers,
	void (*told)(void *context, const char *place, const char *name, int code), void *context,
	struct sherd_error *err)
{
	struct control_check check = {.e = e};
	struct ask ask = pool_ask(pool);
	int r = ask_get(&ask, seats_all(pool), e->text, e->file->size + 1, NULL, compare, &check,
		answers, err);

	for (size_t i = 0; !r && i < ask_bits(seats_all(pool)); i++) {
		int code = answers->code[i];

		if (!code && !(check.good & BIT(i))) {
			code = SHERD_CORRUPT;
			member_lied(pool->members[i], e->text);
		}
		if (code)
			told(context, pool->seats[i]->name, e->text, code);
	}
	return r;
}

int pool_control_check(struct sherd_pool *pool,
	void (*told)(void *context, const char *place, const char *name, int code), void *context,
	struct sherd_error *err)
{
	struct ask_answers *answers = mem_array(1, sizeof(*answers));
	int r = answers ? 0 : err_nomem(err);

	for (size_t i = 0; !r && i < pool->store.count; i++)
		if (entry_live(pool, pool->store.entries[i]))
			r = check_entry(pool, pool->store.entries[i], answers, told, context, err);
	mem_free(answers);
	return r;
}
