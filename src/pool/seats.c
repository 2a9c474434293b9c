/* SPDX-License-Identifier: MIT */
/*
 * seats.c - the places of the pool record, opened. A place counts only after its identity file said
 * that it is the one: a folder on which nothing is mounted is empty, and must not be filled.
 */
#include "inner.h"

#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <place/place.h>
#include "identity.h"

#define THREADS_DEFAULT 4
#define MS 1000000

static const char *url_of(const struct sherd_pool *pool, const struct poolrec_place *place)
{
	for (size_t i = 0; i < pool->url_count; i++)
		if (strcmp(pool->urls[i].name, place->name) == 0)
			return pool->urls[i].url;
	return place->url;
}

int pool_open_place(struct sherd_pool *pool, const char *url, bool create, struct place **ret,
	struct sherd_error *err)
{
	void *place = NULL;
	int r;

	if (!pool->open_place)
		return place_open(url, pool->env, create, ret, err);
	r = pool->open_place(pool->open_context, url, &place, err);
	if (!r)
		*ret = place;
	return r;
}

void seat_free(struct seat *seat)
{
	if (!seat)
		return;
	member_free(seat->member);
	mem_free(seat->name);
	mem_free(seat->url);
	mem_free(seat->domain);
	mem_free(seat);
}

static int open_member(
	struct sherd_pool *pool, struct seat *seat, struct place *place, struct sherd_error *err)
{
	struct member_options options = {
		.env = pool->env,
		.threads =
			pool->inline_calls ? 0 : (pool->threads ? pool->threads : THREADS_DEFAULT),
		.deadline_ns = pool->timeout_ms * MS,
	};
	struct sherd_error why = {0};
	int r = 0;

	if (!place)
		r = pool_open_place(pool, seat->url, false, &place, &why);
	if (r == SHERD_NOMEM)
		return err_nomem(err);
	if (r) {
		seat->code = r;
		snprintf(seat->why, sizeof(seat->why), "%.*s", ASK_WHY_SIZE - 1, why.message);
	}
	r = member_new(seat->number, seat->name, place, why.message, &options, &seat->member, err);
	if (r)
		place_free(place);
	return r;
}

int seat_new(struct sherd_pool *pool, const struct poolrec_place *place, const char *url,
	struct place *existing, struct seat **ret, struct sherd_error *err)
{
	CLEANUP(seat_free_at) struct seat *seat = mem_array(1, sizeof(*seat));
	int r;

	if (!seat) {
		place_free(existing);
		return err_nomem(err);
	}
	seat->number = place->number;
	seat->weight = place->weight;
	memcpy(seat->id, place->id, RECORD_ID_SIZE);
	seat->name = wire_copy(place->name);
	seat->url = wire_copy(url ? url : url_of(pool, place));
	seat->domain = wire_copy(place->domain);
	if (!seat->name || !seat->url || !seat->domain) {
		place_free(existing);
		return err_nomem(err);
	}
	r = open_member(pool, seat, existing, err);
	if (!r)
		*ret = TAKE(seat);
	return r;
}

/* --- following the record --- */

/* Take the seat of that place out of the array, if it is as the record has it. */
static struct seat *take_seat(struct sherd_pool *pool, const struct poolrec_place *place)
{
	for (size_t i = 0; i < pool->seat_count; i++) {
		struct seat *seat = pool->seats[i];

		if (!seat || memcmp(seat->id, place->id, RECORD_ID_SIZE) != 0)
			continue;
		if (seat->number != place->number || strcmp(seat->name, place->name) != 0)
			return NULL;
		seat->weight = place->weight;
		if (seat == pool->guest)
			pool->guest = NULL;
		pool->seats[i] = NULL;
		return seat;
	}
	return NULL;
}

/* The URL that a seat of that place has in use, which may be one that was given for it. */
static const char *url_in_use(const struct sherd_pool *pool, const struct poolrec_place *place)
{
	for (size_t i = 0; i < pool->seat_count; i++)
		if (pool->seats[i] && memcmp(pool->seats[i]->id, place->id, RECORD_ID_SIZE) == 0)
			return pool->seats[i]->url;
	return NULL;
}

bool seat_lied(const struct seat *seat)
{
	struct member_counts counts;

	member_counts(seat->member, &counts);
	return seat->liar || counts.lies > 0;
}

/* What an earlier seat of that place is known for. */
static bool had_lied(const struct sherd_pool *pool, const uint8_t *id)
{
	for (size_t i = 0; i < pool->seat_count; i++)
		if (pool->seats[i] && memcmp(pool->seats[i]->id, id, RECORD_ID_SIZE) == 0)
			return seat_lied(pool->seats[i]);
	return false;
}

static bool seats_right(const struct sherd_pool *pool)
{
	if (pool->seat_count != pool->rec.place_count + (pool->guest ? 1 : 0))
		return false;
	for (size_t i = 0; i < pool->rec.place_count; i++)
		if (pool->seats[i] == pool->guest ||
			pool->seats[i]->number != pool->rec.places[i].number ||
			strcmp(pool->seats[i]->name, pool->rec.places[i].name) != 0 ||
			memcmp(pool->seats[i]->id, pool->rec.places[i].id, RECORD_ID_SIZE) != 0)
			return false;
	return true;
}

static void replace_seats(struct sherd_pool *pool, struct seat **seats, size_t count)
{
	for (size_t i = 0; i < pool->seat_count; i++)
		if (pool->seats[i] != pool->guest)
			seat_free(pool->seats[i]);
	if (pool->guest)
		seats[count++] = pool->guest;
	for (size_t i = 0; i < count; i++) {
		pool->seats[i] = seats[i];
		pool->members[i] = seats[i]->member;
	}
	pool->seat_count = count;
	/* The bits stand for other places now. */
	for (size_t i = 0; i < pool->store.count; i++)
		pool->store.entries[i]->shown = 0;
}

int seats_follow(struct sherd_pool *pool, bool *ret_changed, struct sherd_error *err)
{
	struct seat *seats[POOL_PLACES_MAX + 1] = {0};
	size_t count = pool->rec.place_count;
	int r = 0;

	if (seats_right(pool))
		return 0;
	*ret_changed = true;
	seats_count(pool);
	for (size_t i = 0; i < count && !r; i++) {
		const struct poolrec_place *place = &pool->rec.places[i];

		seats[i] = take_seat(pool, place);
		if (seats[i])
			continue;
		r = seat_new(pool, place, url_in_use(pool, place), NULL, &seats[i], err);
		if (!r)
			seats[i]->liar = had_lied(pool, place->id);
	}
	if (pool->guest && poolrec_place(&pool->rec, pool->guest->id)) {
		/* It has joined, with another number than it had as a guest. */
		for (size_t i = 0; i < pool->seat_count; i++)
			if (pool->seats[i] == pool->guest)
				pool->seats[i] = NULL;
		seat_free(pool->guest);
		pool->guest = NULL;
	}
	if (r) {
		/* What was taken goes as well: the next refresh opens all anew. */
		for (size_t i = 0; i < count; i++)
			seat_free(seats[i]);
		count = 0;
	}
	replace_seats(pool, seats, count);
	return r;
}

uint64_t seats_all(const struct sherd_pool *pool)
{
	size_t count = INT_MIN_OF(pool->rec.place_count, pool->seat_count);

	return count < 64 ? BIT(count) - 1 : UINT64_MAX;
}

uint64_t seats_known(const struct sherd_pool *pool)
{
	uint64_t known = 0;

	for (size_t i = 0; i < pool->seat_count; i++)
		if (pool->seats[i]->known)
			known |= BIT(i);
	return known;
}

int seats_of(const struct sherd_pool *pool, const struct poolrec *rec, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < pool->seat_count; i++)
		if (poolrec_place(rec, pool->seats[i]->id))
			*ret |= BIT(i);
	return ask_bits(*ret) == rec->place_count ? 0 : SHERD_NOTFOUND;
}

struct ask pool_ask(const struct sherd_pool *pool)
{
	return (struct ask){.env = pool->env,
		.cancel = pool->cancel,
		.members = pool->members,
		.count = pool->seat_count};
}

/* --- who is there --- */

static int see_identity(void *context, size_t index, const uint8_t *data, size_t size)
{
	struct sherd_pool *pool = context;
	struct seat *seat = pool->seats[index];
	struct identity identity;
	struct sherd_error why;
	int r = identity_read(data, size, &identity, &why);

	seat->code = 0;
	seat->why[0] = '\0';
	if (r) {
		seat->code = r;
		snprintf(seat->why, sizeof(seat->why), "%.*s", ASK_WHY_SIZE - 1, why.message);
		if (r == SHERD_CORRUPT)
			seat->lies++;
		return 0;
	}
	if (memcmp(identity.pool, pool->id, POOL_ID_SIZE) != 0 ||
		memcmp(identity.place, seat->id, RECORD_ID_SIZE) != 0) {
		seat->code = SHERD_MISMATCH;
		snprintf(seat->why, sizeof(seat->why), "%s",
			memcmp(identity.pool, pool->id, POOL_ID_SIZE) != 0
				? "it is a place of another pool"
				: "it is another place of this pool");
		return 0;
	}
	seat->known = true;
	return 0;
}

int seats_identify(struct sherd_pool *pool, uint64_t mask, struct sherd_error *err)
{
	struct ask ask = pool_ask(pool);
	struct ask_answers *answers;
	int r;

	mask &= ~seats_known(pool);
	if (!mask)
		return 0;
	answers = mem_array(1, sizeof(*answers));
	if (!answers)
		return err_nomem(err);
	r = ask_get(&ask, mask, IDENTITY_NAME, IDENTITY_SIZE_MAX, NULL, see_identity, pool, answers,
		err);
	for (size_t i = 0; !r && i < pool->seat_count; i++) {
		struct seat *seat = pool->seats[i];

		if (!(mask & BIT(i)) || !answers->code[i])
			continue;
		seat->code = answers->code[i];
		snprintf(seat->why, sizeof(seat->why), "%s",
			answers->code[i] == SHERD_NOTFOUND
				? "there is no place of a pool at its address"
				: answers->why[i]);
	}
	mem_free(answers);
	return r;
}

/* --- for others --- */

void seats_count(struct sherd_pool *pool)
{
	for (size_t i = 0; i < pool->seat_count; i++) {
		struct seat *seat = pool->seats[i];
		struct seen_place *place;
		struct member_counts now;

		if (!seat)
			continue;
		place = seen_place_of(&pool->seen, seat->id, true);
		if (!place)
			continue;
		member_counts(seat->member, &now);
		place->read_errors += now.read_errors - seat->counted.read_errors;
		place->write_errors += now.write_errors - seat->counted.write_errors;
		place->lies += now.lies - seat->counted.lies + seat->lies;
		place->bytes_read += now.bytes_read - seat->counted.bytes_read;
		place->bytes_written += now.bytes_written - seat->counted.bytes_written;
		place->last_ok_ns = INT_MAX_OF(place->last_ok_ns, now.last_ok_ns);
		seat->counted = now;
		seat->lies = 0;
	}
}

void seats_use(struct sherd_pool *pool)
{
	struct packs *packs = &pool->packs;

	packs->env = pool->env;
	memcpy(packs->pool, pool->id, POOL_ID_SIZE);
	packs->members = pool->packs_members;
	packs->count = ask_bits(seats_all(pool));
	packs->verify = pool->verify <= PACKS_VERIFY_NONE ? pool->verify : PACKS_VERIFY_SAMPLE;
	packs->cancel = pool->cancel;
	packs->workers = pool->workers;
	for (size_t i = 0; i < packs->count; i++) {
		struct seat *seat = pool->seats[i];
		bool gone = !seat->known &&
			    (seat->code == SHERD_NOTFOUND || seat->code == SHERD_MISMATCH);

		pool->packs_members[i] = (struct packs_member){
			.member = seat->member,
			.number = seat->number,
			.domain = seat->domain,
			.writable = !gone && !seat->write_code,
			.weight = seat->weight,
		};
	}
	pool->shape = (struct pool_shape){
		.k = pool->rec.k,
		.m = pool->rec.m,
		.suite = POOL_SUITE,
		.epoch = keyring_newest(pool->ring),
		.chunk_min = pool->rec.chunk_min,
		.chunk_average = pool->rec.chunk_average,
		.chunk_max = pool->rec.chunk_max,
	};
	memcpy(pool->shape.id, pool->id, POOL_ID_SIZE);
}
