/* SPDX-License-Identifier: MIT */
/*
 * reader.h - blobs out of packs: opened groups are kept for a while, and a pack of which much is
 * wanted is read as a whole, the one behind it being fetched meanwhile. Memory is bounded. Threads:
 * any.
 */
#ifndef REPO_READER_H
#define REPO_READER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <pool/packs.h>
#include <pool/pool.h>
#include <repo/index.h>
#include <repo/segment.h>

struct reader;

struct reader_options {
	struct sherd_pool *pool;
	struct index *index;
	pthread_rwlock_t *index_lock;
	const struct crypt_key *id_key;
	const struct packs_watch *watch;
	bool threads; /* read ahead in a thread of its own */
	size_t memory;
};
int reader_new(const struct reader_options *options, struct reader **ret, struct sherd_error *err);
void reader_free(struct reader *r);

/* reader_release_packs(r): give back the memory of whole packs, before a batch of writing. */
void reader_release_packs(struct reader *r);

/* reader_blob(r, found, type, id, buffer, err): found->size bytes, verified by the id. Errors as
 * store_read(). */
int reader_blob(struct reader *r, const struct index_found *found, uint8_t type,
	const struct hash *id, uint8_t *buffer, struct sherd_error *err);

/* reader_group(r, ref, place, out, err): a group that is not found by blobs: appended to ${out}. */
int reader_group(struct reader *r, const struct pool_ref *ref, const struct group_place *place,
	struct bytes *out, struct sherd_error *err);

/* reader_table(r, ref, out, err): a pack's own table, by its footer. Errors as packs_read(), and
 * CORRUPT. */
int reader_table(
	struct reader *r, const struct pool_ref *ref, struct bytes *out, struct sherd_error *err);

/* blob_id(key, type, size, root, ret): docs/format.md, 4.3. */
void blob_id(const struct crypt_key *key, uint8_t type, uint64_t size, const struct hash *root,
	struct hash *ret);

#endif
