/* SPDX-License-Identifier: MIT */
/* headrec.h - the body of a head (docs/format.md, 7.5). */
#ifndef POOL_HEADREC_H
#define POOL_HEADREC_H

#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <crypt/hash.h>
#include <sherd/error.h>
#include "record.h"
#include "wire.h"

#define HEADREC_VETOES_MAX 65536
#define HEADREC_VECTOR_MAX 16384

/* One head of another device that this one's author had seen. */
struct headrec_seen {
	uint8_t incarnation[RECORD_ID_SIZE];
	uint64_t seq;
	uint8_t hash[RECORD_HASH_SIZE];
};

struct headrec {
	uint32_t features_read, features_write;
	uint8_t device[RECORD_ID_SIZE];
	struct hash previous;
	uint64_t time_ns, lamport, pool_seq, gc;
	size_t veto_count;
	const uint8_t *vetoes; /* 32 bytes each; in the body that was read, or the caller's */
	size_t vector_count;
	struct headrec_seen *vector; /* owned */
	const uint8_t *content;      /* in the body that was read, or the caller's */
	size_t content_size;
	struct wire_extensions extensions;
};

void headrec_write(const struct headrec *rec, struct bytes *b);

/* headrec_read(body, size, ret, err): ${ret} points into ${body}; release it in any case.
 * Errors: CORRUPT, NEWER (features that are needed to read it and unknown here), NOMEM. */
int headrec_read(const uint8_t *body, size_t size, struct headrec *ret, struct sherd_error *err);
void headrec_release(struct headrec *rec);

#endif
