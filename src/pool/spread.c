/* SPDX-License-Identifier: MIT */
/* spread.c - records on their way to the places. */
#include "inner.h"

#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

int pool_seal(struct sherd_pool *pool, enum record_kind kind, const uint8_t *subject, uint64_t seq,
	const struct bytes *body, const uint8_t *signer, const struct crypt_key *seed,
	struct record_name *ret_name, struct record_file **ret_file, struct sherd_error *err)
{
	struct record_head head = {
		.kind = (uint8_t)kind, .epoch = keyring_newest(pool->ring), .seq = seq};
	int r;

	if (body->failed)
		return err_nomem(err);
	memcpy(head.subject, subject, RECORD_ID_SIZE);
	r = record_seal(pool->ring, &head, body->data, body->size, signer, seed, ret_file, err);
	if (r)
		return r;
	*ret_name = (struct record_name){.kind = kind, .seq = seq};
	memcpy(ret_name->subject, subject, RECORD_ID_SIZE);
	memcpy(ret_name->hash, (*ret_file)->hash.bytes, RECORD_HASH_SIZE);
	return 0;
}

int pool_adopt(struct sherd_pool *pool, const struct record_name *name, struct record_file *file,
	struct entry **ret, struct sherd_error *err)
{
	char text[RECORD_NAME_SIZE];
	struct entry *e;
	int r;

	record_name_write(name, text);
	r = mirror_add(&pool->store, text, &e, err);
	if (r)
		return r;
	if (!e->file)
		entry_set_file(e, record_file_ref(file));
	e->own = true;
	*ret = e;
	return 0;
}

/* "head 5 is at 1 of the 2 places that it needs: place 'a': why; ..." */
static int no_quorum(struct sherd_pool *pool, const struct entry *e, uint64_t mask,
	const struct ask_answers *answers, const struct ask_need *need, struct sherd_error *err)
{
	char text[400];
	size_t size = 0;

	text[0] = '\0';
	for (size_t i = 0; i < pool->seat_count; i++) {
		const struct seat *seat = pool->seats[i];
		const char *why = mask & BIT(i) ? answers->why[i] : seat->why;
		int more;

		if (e->shown & BIT(i) || !(need->of & BIT(i)))
			continue;
		more = snprintf(
			text + size, sizeof(text) - size, "; place '%s': %s", seat->name, why);
		if (more < 0 || (size_t)more >= sizeof(text) - size)
			break;
		size += (size_t)more;
	}
	return err_set(err, SHERD_QUORUM, "'%.40s...' is at %u of the %u places that it needs%s",
		e->text, ask_bits(need->of & e->shown), need->count, text);
}

static void note_writes(struct sherd_pool *pool, uint64_t mask, const struct ask_answers *answers)
{
	for (size_t i = 0; i < pool->seat_count; i++) {
		struct seat *seat = pool->seats[i];
		int code = answers->code[i];

		if (!(mask & BIT(i)))
			continue;
		seat->write_code = code == SHERD_NOSPACE || code == SHERD_DENIED ? code : 0;
		if (!code)
			continue;
		seat->code = code;
		memcpy(seat->why, answers->why[i], sizeof(seat->why));
	}
}

int pool_spread_to(struct sherd_pool *pool, struct entry *e, uint64_t mask,
	const struct ask_need *needs, size_t need_count, struct sherd_error *err)
{
	struct ask ask = pool_ask(pool);
	struct ask_answers *answers;
	struct ask_need left[2];
	uint64_t good = 0;
	int r = seats_identify(pool, mask, err);

	if (r)
		return r;
	answers = mem_array(1, sizeof(*answers));
	if (!answers)
		return err_nomem(err);
	mask &= seats_known(pool) & ~e->shown;
	for (size_t i = 0; i < need_count; i++) {
		unsigned have = ask_bits(needs[i].of & e->shown);

		left[i] = (struct ask_need){
			needs[i].of, needs[i].count > have ? needs[i].count - have : 0};
	}
	r = ask_put(&ask, mask, e->text, e->file, left, need_count, &good, answers, err);
	e->shown |= good;
	if (!r)
		note_writes(pool, mask, answers);
	for (size_t i = 0; !r && i < need_count; i++)
		if (!ask_met(&needs[i], e->shown))
			r = no_quorum(pool, e, mask, answers, &needs[i], err);
	mem_free(answers);
	return r;
}

int pool_spread(struct sherd_pool *pool, struct entry *e, struct sherd_error *err)
{
	struct quorum q = quorum_of((unsigned)pool->rec.place_count);
	struct ask_need need = {seats_all(pool), q.write};

	if (entry_confirmed(pool, e))
		return 0;
	return pool_spread_to(pool, e, need.of, &need, 1, err);
}
