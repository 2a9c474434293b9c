/* SPDX-License-Identifier: MIT */
/*
 * poolrec_merge.c - two pool records that were written at the same time become one.
 *
 * Why merged and not chosen: two devices that change the pool at once both write their record to
 * the write quorum; neither can know whether the other has already been told "done". So neither
 * record may be dropped. The result is the same on every device, whichever record it saw first: the
 * caller gives as ${a} the one with the lower hash.
 */
#include "poolrec.h"

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <sherd/pool.h>

/* A name that is taken gets "-2", "-3" ... behind it. */
static char *free_name(const struct poolrec *rec, const char *name)
{
	char *found = wire_copy(name);

	for (unsigned i = 2; found && poolrec_place_named(rec, found); i++) {
		mem_free(found);
		found = mem_format("%.*s-%u", SHERD_POOL_NAME_MAX - 6, name, i);
	}
	return found;
}

/* Places ascend by number: move the last one, which is new, to its number. */
static void renumber_last(struct poolrec *rec, uint16_t number)
{
	size_t at = rec->place_count - 1;
	struct poolrec_place last = rec->places[at];

	for (size_t i = 0; i < at; i++)
		if (rec->places[i].number == number)
			return;
	while (at > 0 && rec->places[at - 1].number > number) {
		rec->places[at] = rec->places[at - 1];
		at--;
	}
	last.number = number;
	rec->places[at] = last;
}

static int add_place(struct poolrec *a, const struct poolrec_place *place, struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *name = free_name(a, place->name);
	struct poolrec_place added = *place;
	int r;

	if (!name)
		return err_nomem(err);
	added.name = name;
	r = poolrec_add_place(a, &added, err);
	if (!r)
		renumber_last(a, place->number);
	return r;
}

static int merge_places(const struct poolrec *base, struct poolrec *a, const struct poolrec *b,
	struct sherd_error *err)
{
	/* First, so that a new number is one that neither has given. */
	a->next_place = INT_MAX_OF(a->next_place, b->next_place);
	for (size_t i = 0; base && i < base->place_count; i++)
		if (!poolrec_place(b, base->places[i].id))
			poolrec_remove_place(a, base->places[i].id);
	for (size_t i = 0; i < b->place_count; i++) {
		const uint8_t *id = b->places[i].id;
		int r;

		if (poolrec_place(a, id) || (base && poolrec_place(base, id)))
			continue;
		r = add_place(a, &b->places[i], err);
		if (r)
			return r;
	}
	return 0;
}

static struct poolrec_slot *find_slot(const struct poolrec *rec, const uint8_t *id)
{
	for (size_t i = 0; rec && i < rec->slot_count; i++)
		if (memcmp(rec->slots[i].id, id, RECORD_ID_SIZE) == 0)
			return &rec->slots[i];
	return NULL;
}

static void remove_slot(struct poolrec *rec, struct poolrec_slot *slot)
{
	size_t at = (size_t)(slot - rec->slots);

	mem_free(slot->label);
	rec->slot_count--;
	memmove(slot, slot + 1, (rec->slot_count - at) * sizeof(*slot));
}

static int add_slot(struct poolrec *a, const struct poolrec_slot *slot, struct sherd_error *err)
{
	struct poolrec_slot *slots, added = *slot;

	if (a->slot_count == POOLREC_SLOTS_MAX)
		return err_set(err, SHERD_INVALID, "the pool has as many key slots as it can have");
	slots = mem_array(a->slot_count + 1, sizeof(*slots));
	added.label = wire_copy(slot->label);
	if (!slots || !added.label) {
		mem_free(slots);
		mem_free(added.label);
		return err_nomem(err);
	}
	if (a->slot_count)
		memcpy(slots, a->slots, a->slot_count * sizeof(*slots));
	slots[a->slot_count++] = added;
	mem_free(a->slots);
	a->slots = slots;
	return 0;
}

static int merge_slots(const struct poolrec *base, struct poolrec *a, const struct poolrec *b,
	struct sherd_error *err)
{
	for (size_t i = 0; base && i < base->slot_count; i++) {
		struct poolrec_slot *slot = find_slot(a, base->slots[i].id);

		if (slot && !find_slot(b, base->slots[i].id))
			remove_slot(a, slot);
	}
	for (size_t i = 0; i < b->slot_count; i++) {
		int r;

		if (find_slot(a, b->slots[i].id) || find_slot(base, b->slots[i].id))
			continue;
		r = add_slot(a, &b->slots[i], err);
		if (r)
			return r;
	}
	return 0;
}

/* An epoch's key is never given up. */
static int merge_epochs(struct poolrec *a, const struct poolrec *b, struct sherd_error *err)
{
	size_t room = a->epoch_count + b->epoch_count, count = 0;
	struct poolrec_epoch *epochs = mem_array(room, sizeof(*epochs));
	size_t i = 0, j = 0;

	if (!epochs)
		return err_nomem(err);
	while (i < a->epoch_count || j < b->epoch_count) {
		bool from_a = j == b->epoch_count ||
			      (i < a->epoch_count && a->epochs[i].epoch <= b->epochs[j].epoch);

		if (from_a && j < b->epoch_count && a->epochs[i].epoch == b->epochs[j].epoch)
			j++;
		epochs[count++] = from_a ? a->epochs[i++] : b->epochs[j++];
	}
	if (a->epochs)
		secret_wipe(a->epochs, a->epoch_count * sizeof(*a->epochs));
	mem_free(a->epochs);
	a->epochs = epochs;
	a->epoch_count = count;
	return 0;
}

int poolrec_merge(const struct poolrec *base, struct poolrec *a, const struct poolrec *b,
	struct sherd_error *err)
{
	int r = merge_places(base, a, b, err);

	if (!r)
		r = merge_slots(base, a, b, err);
	if (!r)
		r = merge_epochs(a, b, err);
	if (r)
		return r;
	a->features_write |= b->features_write;
	if (!a->m)
		a->m = b->m;
	return 0;
}
