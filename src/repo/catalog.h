/* SPDX-License-Identifier: MIT */
/* catalog.h - which snapshots there are: a set of facts with dots, joined over devices
 * (docs/format.md, 9.3, 9.4). */
#ifndef REPO_CATALOG_H
#define REPO_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <base/cleanup.h>
#include <sherd/error.h>

#define CATALOG_SNAPSHOT 1
#define CATALOG_SIZE_MAX (256u << 20) /* of a catalog stream */

struct catalog_fact {
	uint8_t incarnation[16];
	uint64_t seq;
	uint32_t number;
	uint8_t kind;           /* CATALOG_SNAPSHOT, or unknown: kept */
	const uint8_t *payload; /* owned by the catalog */
	uint32_t size;
};

struct catalog;

/* Of the vector: the dots of one incarnation that this catalog knows of, be their facts here or
 * removed: those with a seq of 1 to ${seq}. */
struct catalog_known {
	uint8_t incarnation[16];
	uint64_t seq;
};

/* catalog_new(ret, err): empty. catalog_free(NULL) does nothing. */
int catalog_new(struct catalog **ret, struct sherd_error *err);
void catalog_free(struct catalog *c);
DEFINE_CLEANUP(struct catalog, catalog_free)

/* catalog_read(data, size, ret, err): parse a stream. Errors: CORRUPT, NEWER, NOMEM. */
int catalog_read(const uint8_t *data, size_t size, struct catalog **ret, struct sherd_error *err);

/* catalog_write(c, out): append the stream; deterministic. A catalog that was read gives the bytes
 * that it was read from. */
void catalog_write(const struct catalog *c, struct bytes *out);

/*
 * catalog_join(into, other, err): into becomes the join. Should the two have different facts under
 * one dot, which no right device makes, the greater one stays, so that all devices agree.
 * Errors (into is unchanged): NOMEM, NOSPACE (the stream would exceed CATALOG_SIZE_MAX).
 */
int catalog_join(struct catalog *into, const struct catalog *other, struct sherd_error *err);

/*
 * catalog_add(c, incarnation, kind, payload, size, err): a new fact with that incarnation's next
 * dot, which is (incarnation, the vector's seq + 1, 0). ${payload} is copied.
 * Errors (c is unchanged): NOMEM, NOSPACE (the stream would exceed CATALOG_SIZE_MAX, or the
 * incarnation has used all its numbers).
 */
int catalog_add(struct catalog *c, const uint8_t incarnation[16], uint8_t kind, const void *payload,
	uint32_t size, struct sherd_error *err);

/* catalog_remove(c, index): drop fact ${index}; its dot stays covered, so that it is gone for all
 * who join this catalog. pre: index < catalog_count(c) */
void catalog_remove(struct catalog *c, size_t index);

/* Facts, ascending by dot; valid until the catalog changes. pre: index < catalog_count(c) */
size_t catalog_count(const struct catalog *c);
const struct catalog_fact *catalog_at(const struct catalog *c, size_t index);

/* The vector, ascending by incarnation; likewise. */
size_t catalog_vector_count(const struct catalog *c);
const struct catalog_known *catalog_vector_at(const struct catalog *c, size_t index);

#endif
