/* SPDX-License-Identifier: MIT */
/*
 * journal.h - packs that were stored and are in no head yet: file `journal` of the state folder.
 * The next backup of this device finds what an interrupted one stored. A record that is torn, and
 * what is behind it, is as good as not written. Not synced: a pack that is forgotten costs room,
 * nothing else. One thread at a time.
 */
#ifndef REPO_JOURNAL_H
#define REPO_JOURNAL_H

#include <stddef.h>
#include <stdint.h>
#include <pool/pool.h>
#include <pool/ref.h>
#include <sherd/error.h>

struct journal;

/* journal_open(pool, ret, err): opened for appending behind its last good record, unless the pool
 * is read-only. */
int journal_open(struct sherd_pool *pool, struct journal **ret, struct sherd_error *err);
void journal_free(struct journal *j);

/* journal_add(j, ref, table, size, err): Errors: NOSPACE, IO, NOMEM. */
int journal_add(struct journal *j, const struct pool_ref *ref, const uint8_t *table, size_t size,
	struct sherd_error *err);

/* journal_each(j, visit, context, err): every record in order; visit() returns 0, or an error that
 * ends it. */
typedef int journal_visit(void *context, const struct pool_ref *ref, const uint8_t *table,
	size_t size, struct sherd_error *err);
int journal_each(struct journal *j, journal_visit *visit, void *context, struct sherd_error *err);

/* journal_clear(j): all of it is in a head now. */
void journal_clear(struct journal *j);

#endif
