/* SPDX-License-Identifier: MIT */
/*
 * simenv.h - the world of one simulated device: a clock that only moves when it is looked at or
 * waited on, random bytes from a seed, and the real file system, seen so that nothing of it depends
 * on this machine or this moment (inodes are numbered as they are met, change times are
 * modification times).
 *
 * The device can be switched off at any step: from then on every call that would change something,
 * or that reaches a place, fails, until simenv_power() switches it on again; what was done by then
 * stays.
 */
#ifndef SIM_SIMENV_H
#define SIM_SIMENV_H

#include <stdbool.h>
#include <stdint.h>
#include <base/env.h>

/* A generator with a seed: xoshiro256**, seeded by splitmix64. */
struct simrandom {
	uint64_t state[4];
};
void simrandom_init(struct simrandom *r, uint64_t seed);
uint64_t simrandom_next(struct simrandom *r);
/* A number below ${limit} >= 1. */
uint64_t simrandom_below(struct simrandom *r, uint64_t limit);
/* Whether something happens that happens in ${of} of ${in} cases. */
bool simrandom_chance(struct simrandom *r, unsigned of, unsigned in);

/* What all devices share: one clock for the whole world. */
struct simworld {
	uint64_t now_ns; /* since 1970 */
};
void simworld_init(struct simworld *w);

struct simenv {
	struct sherd_env env; /* hand this to what is simulated */
	struct simworld *world;
	struct simrandom random;
	bool off;           /* switched off */
	bool frozen_random; /* every random byte is 0x5a: two clones of one machine */
	uint64_t steps;     /* calls that change something, or reach a place, since power on */
	uint64_t off_at;    /* number of the step in place of which it goes off; 0: never */
};

void simenv_init(struct simenv *e, struct simworld *world, uint64_t seed);

/* simenv_power(e, off_at): switch on, go off in place of the off_at-th step (0: never). */
void simenv_power(struct simenv *e, uint64_t off_at);

/* simenv_step(e): one more step; false: it is off, and nothing may happen. Places call this too. */
bool simenv_step(struct simenv *e);

#endif
