/* SPDX-License-Identifier: MIT */
/*
 * checked.h - when each pack was last read in full, and when a check last ran: file `checked` of
 * the state folder. Lost or damaged it costs nothing but the order in which packs are read. One
 * thread.
 */
#ifndef REPO_CHECKED_H
#define REPO_CHECKED_H

#include <stddef.h>
#include <stdint.h>
#include <crypt/hash.h>
#include <pool/pool.h>

struct checked;

/* checked_load(pool, ret, err): what the file says; empty if there is none that can be used. */
int checked_load(struct sherd_pool *pool, struct checked **ret, struct sherd_error *err);
void checked_free(struct checked *c);

/* checked_time(c, id): when the pack was last read, real clock; 0: never. checked_last(c): last
 * check. */
uint64_t checked_time(const struct checked *c, const struct hash *id);
uint64_t checked_last(const struct checked *c);

/* checked_note(c, id, now): the pack was read now. checked_done(c, now): a check ran. Errors:
 * NOMEM. */
int checked_note(struct checked *c, const struct hash *id, uint64_t now, struct sherd_error *err);
void checked_done(struct checked *c, uint64_t now);

/* checked_save(c, err): replace the file. A read-only pool: nothing is done. Errors: IO, NOSPACE
 * ... */
int checked_save(const struct checked *c, struct sherd_error *err);

#endif
