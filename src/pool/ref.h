/* SPDX-License-Identifier: MIT */
/*
 * ref.h - what one must know of a pack to read it: its name, its shape, the key material that is no
 * secret, and where its shares were put. Stored in indexes and heads (docs/format.md, 6.5).
 */
#ifndef POOL_REF_H
#define POOL_REF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <base/cursor.h>
#include <crypt/hash.h>

#define POOL_ID_SIZE 16
#define POOL_NONCE_SIZE 32
#define POOL_SHARES_MAX 64 /* m of a pool at most; 256 stays for codec, tools and views */
#define POOL_PLACES_MAX 64 /* members of a place set at most */
#define POOL_PLACE_NONE 0  /* place numbers begin with 1 and are never used again */

/* The ladder: the sizes a share body can have. */
#define POOL_RUNGS 8
#define POOL_SHARE_SIZE_MIN (64u << 10)
#define POOL_SHARE_SIZE_MAX (16u << 20)
#define POOL_PAYLOAD_MAX (48u << 20) /* k * S at most, unless the smallest rung exceeds it */
#define POOL_CODED_MAX (96u << 20)   /* m * S at most, likewise */
#define POOL_PAYLOAD_MIN                                                                           \
	(6u << 20) /* that the largest rung must give: a blob of 4 MiB and its table fit */

struct pool_ref {
	struct hash id;
	uint8_t nonce[POOL_NONCE_SIZE];
	uint32_t epoch;
	uint32_t share_size;              /* S: bytes of one share's body */
	uint8_t k, m;                     /* 1 <= k <= m <= POOL_SHARES_MAX */
	uint16_t places[POOL_SHARES_MAX]; /* number of the place of share i; POOL_PLACE_NONE:
					     nowhere */
};

/* ref_payload(ref): k * S. */
static inline uint64_t ref_payload(const struct pool_ref *ref)
{
	return (uint64_t)ref->k * ref->share_size;
}

/* ref_write(ref, b): append its encoding, 76 + 2 m bytes. */
void ref_write(const struct pool_ref *ref, struct bytes *b);

/* ref_read(c, ret): parse one; false (and c failed) if it breaks a rule of the format. */
bool ref_read(struct cursor *c, struct pool_ref *ret);

/* ladder_ok(share_size): whether it is a rung. */
bool ladder_ok(uint32_t share_size);

/* ladder_holds(k, m): whether packs of this code are large enough; they are not when m is large and
 * k is small. */
bool ladder_holds(unsigned k, unsigned m);

/* ladder_top(k, m): the largest rung for this code. ladder_fit(k, m, size): the smallest rung whose
 * payload holds ${size} bytes; the largest for the code if none does. */
uint32_t ladder_top(unsigned k, unsigned m);
uint32_t ladder_fit(unsigned k, unsigned m, uint64_t size);

#endif
