/* SPDX-License-Identifier: MIT */
/* infos.c - places and devices, for people. */
#include "inner.h"

#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <place/place.h>

const char *sherd_place_state_text(enum sherd_place_state state)
{
	switch (state) {
	case SHERD_PLACE_ONLINE:
		return "ONLINE";
	case SHERD_PLACE_BEHIND:
		return "BEHIND";
	case SHERD_PLACE_SLOW:
		return "SLOW";
	case SHERD_PLACE_SUSPECT:
		return "SUSPECT";
	case SHERD_PLACE_OFFLINE:
		return "OFFLINE";
	case SHERD_PLACE_FULL:
		return "FULL";
	case SHERD_PLACE_READONLY:
		return "READONLY";
	case SHERD_PLACE_GONE:
		return "GONE";
	}
	return "unknown";
}

static bool lied(const struct seat *seat)
{
	return seat_lied(seat) || (!seat->known && seat->code == SHERD_CORRUPT);
}

static enum sherd_place_state set_why(
	struct sherd_place_info *info, enum sherd_place_state state, const char *why)
{
	snprintf(info->why, sizeof(info->why), "%.*s", (int)sizeof(info->why) - 1, why);
	return state;
}

static enum sherd_place_state judge(const struct seat *seat, struct sherd_place_info *info)
{
	if (!seat->known && (seat->code == SHERD_NOTFOUND || seat->code == SHERD_MISMATCH) &&
		member_place(seat->member))
		return set_why(info, SHERD_PLACE_GONE, seat->why);
	if (lied(seat))
		return set_why(info, SHERD_PLACE_SUSPECT,
			"it gave other bytes than it was given, or damaged ones");
	if (seat->answered && seat->fell_back)
		return set_why(info, SHERD_PLACE_SUSPECT, "it shows less than it showed before");
	if (!seat->answered && seat->code == SHERD_TIMEOUT)
		return set_why(info, SHERD_PLACE_SLOW, seat->why);
	if (!seat->answered)
		return set_why(info, SHERD_PLACE_OFFLINE, seat->why);
	if (seat->write_code == SHERD_NOSPACE)
		return set_why(info, SHERD_PLACE_FULL, seat->why);
	if (seat->write_code == SHERD_DENIED)
		return set_why(info, SHERD_PLACE_READONLY, seat->why);
	if (seat->behind)
		return set_why(info, SHERD_PLACE_BEHIND, "it lacks records that other places have");
	return set_why(info, SHERD_PLACE_ONLINE, "");
}

static void take_probe(struct seat *seat, const struct call_end *end)
{
	struct place_space space;

	if (end->code && end->code != SHERD_NOTFOUND) {
		seat->answered = false;
		seat->code = end->code;
		memcpy(seat->why, end->error.message, ASK_WHY_SIZE);
		seat->why[ASK_WHY_SIZE - 1] = '\0';
	} else if (place_space(member_place(seat->member), &space, NULL) == 0) {
		/* It has answered a moment ago: this is not asked of one that hangs. */
		seat->total = space.total;
		seat->free = space.free;
	}
}

/* Ask for their round trips and their space, now: all at once, so that those that hang cost one
 * deadline together. */
static void probe_all(struct sherd_pool *pool, size_t count)
{
	struct calls *calls;
	struct call_end end;

	if (calls_new(pool->env, &calls, NULL) != 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (member_place(pool->seats[i]->member))
			(void)calls_stat(calls, pool->seats[i]->member, i, "sherd-place", NULL);
	while (calls_open(calls) > 0 && calls_next(calls, UINT64_MAX, &end, NULL) == 0) {
		take_probe(pool->seats[end.tag], &end);
		call_end_release(&end);
	}
	calls_free(calls);
}

static void fill_place(
	struct sherd_pool *pool, const struct seat *seat, struct sherd_place_info *ret)
{
	const struct seen_place *seen = seen_place_of(&pool->seen, seat->id, false);
	struct member_counts counts;

	member_counts(seat->member, &counts);
	*ret = (struct sherd_place_info){
		.number = seat->number,
		.name = seat->name,
		.url = seat->url,
		.domain = seat->domain,
		.total = seat->total,
		.free = seat->free,
		.rtt_ns = counts.latency_ns,
	};
	memcpy(ret->id, seat->id, RECORD_ID_SIZE);
	ret->state = judge(seat, ret);
	if (!seen)
		return;
	ret->read_errors = seen->read_errors;
	ret->write_errors = seen->write_errors;
	ret->lies = seen->lies;
	ret->bytes_read = seen->bytes_read;
	ret->bytes_written = seen->bytes_written;
	ret->last_ok_ns = seen->last_ok_ns;
}

const struct sherd_place_info *sherd_pool_places(
	struct sherd_pool *pool, int ask, size_t *ret_count)
{
	size_t count = ask_bits(seats_all(pool));
	struct sherd_place_info *infos = mem_array(count, sizeof(*infos));

	if (!infos)
		return NULL;
	if (ask)
		probe_all(pool, count);
	seats_count(pool);
	for (size_t i = 0; i < count; i++)
		fill_place(pool, pool->seats[i], &infos[i]);
	mem_free(pool->place_infos);
	pool->place_infos = infos;
	*ret_count = count;
	return infos;
}

/* --- devices --- */

static void fill_device(
	const struct sherd_pool *pool, const struct entry *e, struct sherd_device_info *ret)
{
	const struct entry *head = pool_newest_head(pool, e->device.incarnation);
	const struct entry *first = e;

	*ret = (struct sherd_device_info){
		.host = e->device.host,
		.label = e->device.label,
		.rights = e->device.rights,
		.created_ns = first->device.created_ns,
		.self = memcmp(e->device.device, pool->device.device, RECORD_ID_SIZE) == 0,
	};
	memcpy(ret->id, e->device.device, RECORD_ID_SIZE);
	memcpy(ret->incarnation, e->device.incarnation, RECORD_ID_SIZE);
	if (head) {
		ret->head_seq = head->name.seq;
		ret->head_time_ns = head->head.time_ns;
		ret->head_agreed = ask_bits(head->shown & seats_all(pool));
	}
	if (head_forked(pool, e->device.incarnation))
		snprintf(ret->fault, sizeof(ret->fault),
			"the device was copied: there are two of one of its heads");
	for (size_t i = mirror_first(&pool->store, RECORD_HEAD);
		i < mirror_end(&pool->store, RECORD_HEAD); i++) {
		const struct entry *other = pool->store.entries[i];

		if (other->state == ENTRY_NEWER && other->name.seq > ret->head_seq &&
			memcmp(other->name.subject, e->device.incarnation, RECORD_ID_SIZE) == 0)
			snprintf(ret->fault, sizeof(ret->fault), "%s", other->why);
	}
}

const struct sherd_device_info *sherd_pool_devices(struct sherd_pool *pool, size_t *ret_count)
{
	size_t first = mirror_first(&pool->store, RECORD_DEVICE),
	       end = mirror_end(&pool->store, RECORD_DEVICE), count = 0;
	struct sherd_device_info *infos = mem_array(end - first, sizeof(*infos));

	if (!infos)
		return NULL;
	for (size_t i = first; i < end; i = mirror_group_end(&pool->store, i)) {
		const struct entry *e =
			pool_device_entry(pool, pool->store.entries[i]->name.subject);

		if (e)
			fill_device(pool, e, &infos[count++]);
	}
	mem_free(pool->device_infos);
	pool->device_infos = infos;
	*ret_count = count;
	return infos;
}
