/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - a growable string of bytes, and little-endian writing into it: the other half of
 * cursor.h. An allocation that fails sets `failed`, which stays set, and later writes do nothing,
 * so that a writer may write a whole record and ask once. Single-threaded.
 *
 * Invariants: data is NULL only while room is 0; size <= room.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	uint8_t *data; /* owned */
	size_t size;   /* bytes in use */
	size_t room;   /* bytes allocated */
	bool failed;   /* an allocation failed */
};

#define BYTES_INIT ((struct bytes){0})

/* bytes_release(b): free the contents; all zero afterwards. */
void bytes_release(struct bytes *b);

/* bytes_clear(b): empty again, not failed; memory is kept. */
void bytes_clear(struct bytes *b);

/* bytes_reserve(b, more): room for ${more} bytes behind size; false, and failed, without memory. */
bool bytes_reserve(struct bytes *b, size_t more);

/* bytes_add(b, data, size): append. ${size} may be 0, ${data} NULL then; it may not lie within b.
 */
void bytes_add(struct bytes *b, const void *data, size_t size);

/* bytes_extend(b, size): append ${size} zeros; pointer to the first, NULL if it failed. The pointer
 * is valid until the next call that appends. */
uint8_t *bytes_extend(struct bytes *b, size_t size);

/* Little-endian numbers. */
void bytes_u8(struct bytes *b, uint8_t value);
void bytes_u16(struct bytes *b, uint16_t value);
void bytes_u32(struct bytes *b, uint32_t value);
void bytes_u64(struct bytes *b, uint64_t value);

/* bytes_set_u32(b, at, value): overwrite 4 bytes at ${at}; nothing if b failed. pre: at+4 <= size
 */
void bytes_set_u32(struct bytes *b, size_t at, uint32_t value);

/* bytes_text(b, text): append ${text} without its NUL. */
void bytes_text(struct bytes *b, const char *text);

#endif
