/* SPDX-License-Identifier: MIT */
/*
 * reach.h - which packs a snapshot needs, and which of its files a set of packs would take along.
 * Walks all of its folders, without recursion; memory grows with the depth alone. One thread.
 */
#ifndef REPO_REACH_H
#define REPO_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <repo/repo.h>

struct reach {
	struct sherd_repo *repo;
	const struct sherd_cancel *cancel;
	uint8_t *packs; /* store_pack_count() bytes: [i] becomes 1 if pack i is needed; or NULL */
	const uint8_t *lost; /* as many: [i] is 1 if pack i is lost; NULL: none is */
	/* Told of every file and folder that has something in a lost pack, or in none at all. */
	int (*hurt)(void *context, const char *path);
	void *context;
	bool torn; /* result: something was not found, or could not be read */
};

/*
 * reach_walk(r, root, size, err):
 * Walk the folder with this content. What cannot be read is told (hurt), sets torn, and is passed
 * by. Returns 0, what a callback returned, or CANCELLED, NOMEM.
 */
int reach_walk(struct reach *r, const uint8_t *root, size_t size, struct sherd_error *err);

#endif
