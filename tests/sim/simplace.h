/* SPDX-License-Identifier: MIT */
/*
 * simplace.h - the places of a simulated world: stores in memory that delay, lose, tear, lie, rot,
 * vanish and come back, each decision taken from the world's seed; and a trace of every call.
 */
#ifndef SIM_SIMPLACE_H
#define SIM_SIMPLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <crypt/hash.h>
#include <place/place_mem.h>
#include "simenv.h"

#define SIM_PLACES_MAX 8

/* How one place is at present. */
enum simplace_mood {
	SIMPLACE_GOOD,
	SIMPLACE_FLAKY,   /* some calls fail, some are carried out and reported as failed, some take
			     long */
	SIMPLACE_LOSING,  /* says it stored packs, and stores nothing, or half */
	SIMPLACE_LYING,   /* some reads of packs are wrong */
	SIMPLACE_OFFLINE, /* nothing works */
};

struct simplaces {
	struct simworld *world;
	struct simrandom random;
	size_t count;
	struct simplace_store {
		struct place_mem_store *store; /* owned */
		enum simplace_mood mood;
	} stores[SIM_PLACES_MAX];
	struct hash trace; /* running hash over all calls and their results */
	uint64_t calls;
	bool print; /* every call to stderr */
};

int simplaces_init(struct simplaces *p, struct simworld *world, size_t count, uint64_t seed);
void simplaces_release(struct simplaces *p);

/* simplaces_open(p, device, url, ret): the hook of sherd_pool_options: "mem:N", seen by a device.
 */
struct simplaces_hook {
	struct simplaces *places;
	struct simenv *device;
	char name; /* of the device, for the trace */
};
int simplaces_open(void *context, const char *url, void **ret_place, struct sherd_error *err);

/* simplaces_wipe(p, index): all of its objects are gone, but for the file that says what it is. */
void simplaces_wipe(struct simplaces *p, size_t index);

/* simplaces_rot(p, index, count): ${count} bytes somewhere in packs of that place turn. Returns how
 * many. */
unsigned simplaces_rot(struct simplaces *p, size_t index, unsigned count);

/* A copy of what a place holds, and going back to it: a place that is rolled back. */
struct simplace_copy {
	char (*names)[PLACE_NAME_MAX + 1];
	uint8_t **bytes;
	uint64_t *sizes;
	size_t count;
};
void simplaces_copy(struct simplaces *p, size_t index, struct simplace_copy *ret);
void simplaces_revert(struct simplaces *p, size_t index, const struct simplace_copy *copy);
void simplace_copy_release(struct simplace_copy *copy);

/* simplaces_note(p, text): into the trace. */
void simplaces_note(struct simplaces *p, const char *text);

#endif
