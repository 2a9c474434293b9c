/* SPDX-License-Identifier: MIT */
/*
 * simtree.h - what is backed up in the simulation: a few small files in a real folder, changed at
 * random, and what they were at a moment, to compare with what a restore brings.
 */
#ifndef SIM_SIMTREE_H
#define SIM_SIMTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <crypt/hash.h>
#include "simenv.h"

#define SIMTREE_FILES 12

/* What the folder held. */
struct simtree {
	struct simtree_file {
		bool there;
		uint32_t size;
		struct hash content;
	} files[SIMTREE_FILES];
};

/* simtree_change(folder, tree, random, world): change, add or remove some of the files. */
void simtree_change(
	const char *folder, struct simtree *tree, struct simrandom *random, struct simworld *world);

/* simtree_same(folder, tree, why, size): whether ${folder} holds just that; else why not. */
bool simtree_same(const char *folder, const struct simtree *tree, char *why, size_t size);

/* simtree_remove(folder): the folder and all in it. */
void simtree_remove(const char *folder);

#endif
