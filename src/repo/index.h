/* SPDX-License-Identifier: MIT */
/*
 * index.h - which blob lies in which group of which pack: a sorted file, mapped into memory, that
 * can be made again from the pool at any time, and above it what this process has learned or added.
 *
 * A blob takes 32 bytes of the file (20 bytes of its id, which is keyed, so nobody can make two
 * that agree), a group 8. Packs have numbers that stay the same while the index lives. Threads:
 * lookups from any; changes from one, with no lookup under way (the store has a lock for it).
 */
#ifndef REPO_INDEX_H
#define REPO_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <pool/pool.h>
#include <pool/ref.h>
#include <repo/group.h>

#define INDEX_NONE UINT32_MAX

struct index;

struct index_pack {
	struct pool_ref ref;
	uint32_t group_first, group_count;
	uint32_t blobs;
	bool published; /* in a head; else only in our journal, or being written */
	bool dead;      /* was never stored: its blobs are gone from the index */
	bool used;      /* a batch relies on a blob that is in it */
	uint64_t suspects;
};

struct index_found {
	uint32_t pack; /* INDEX_NONE: in a group that has no pack yet */
	struct group_place place;
	uint32_t offset, size; /* in the opened group */
};

/* An index stream that was taken in: the pack and group it begins with, and the packs it covers. */
struct index_stream {
	struct hash pack;
	uint32_t number;
	uint32_t *packs; /* owned */
	uint32_t count;
};

/* index_new(pool, cache, use, ret, err): with ${cache} a folder whose file `index` is used if
 * ${use} and if it is whole and of this pool; else it begins empty. Errors: NOMEM. */
int index_new(struct sherd_pool *pool, const char *cache, bool use, struct index **ret,
	struct sherd_error *err);
void index_free(struct index *x);

bool index_find(const struct index *x, const struct hash *id, struct index_found *ret);

uint32_t index_pack_count(const struct index *x);
struct index_pack *index_pack_at(const struct index *x, uint32_t pack);
uint32_t index_pack_find(const struct index *x, const struct hash *id); /* or INDEX_NONE */

/* index_add_table(x, ref, published, table, size, ret_pack, err): a pack and all of its blobs;
 * known already: only its places and published are taken. Errors: CORRUPT, NOMEM; the index may
 * have a part of it then, which is not found. */
int index_add_table(struct index *x, const struct pool_ref *ref, bool published,
	const uint8_t *table, size_t size, uint32_t *ret_pack, struct sherd_error *err);

/* Writing a batch: a group that is being filled gets a number, and its blobs are found at once;
 * later it gets a pack; a pack that was never stored takes them away again. */
int index_open_group(struct index *x, uint8_t type, uint32_t *ret_group, struct sherd_error *err);
int index_add_blob(struct index *x, uint32_t group, const struct hash *id, uint32_t offset,
	uint32_t size, struct sherd_error *err);
int index_open_pack(struct index *x, uint32_t *ret_pack, struct sherd_error *err);
void index_place_group(
	struct index *x, uint32_t group, uint32_t pack, const struct group_place *place);
/* index_move_groups(x, pack, first, to, offset): groups of ${pack} from number ${first} on belong
 * to pack ${to}, as its first ones; they lie ${offset} bytes further in front there. Neither is
 * sealed. */
void index_move_groups(
	struct index *x, uint32_t pack, uint32_t first, uint32_t to, uint32_t offset);
void index_seal_pack(struct index *x, uint32_t pack, const struct pool_ref *ref);
/* index_group_at(x, group, ret_pack, ret): where a group that this process opened has come to lie. */
void index_group_at(const struct index *x, uint32_t group, uint32_t *ret_pack, struct group_place *ret);
/* index_drop_unsealed(x): forget the groups without a pack and the packs that were not sealed. */
void index_drop_unsealed(struct index *x);

/* Streams. */
const struct index_stream *index_stream_find(
	const struct index *x, const struct hash *pack, uint32_t number);
int index_stream_add(struct index *x, const struct hash *pack, uint32_t number,
	const uint32_t *packs, uint32_t count, struct sherd_error *err);

/* index_dirty(x): published packs or streams are not in the file. index_save(x, err): write the
 * file and use it. Without a cache folder, or unpublished packs among them: those stay in memory.
 * Errors: IO, NOSPACE, NOMEM; the index goes on as it is. */
bool index_dirty(const struct index *x);
int index_save(struct index *x, struct sherd_error *err);

uint64_t index_blobs(const struct index *x);
uint64_t index_file_size(const struct index *x);

#endif
