/* SPDX-License-Identifier: MIT */
/*
 * bytes.c - room grows to twice what it was, so that n appended bytes cost n copies or fewer in
 * all. A new block, a copy and a free in place of realloc(): the allocator of base/alloc.h has
 * none, and big blocks would be moved anyway.
 */
#include <base/bytes.h>

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/intmath.h>

#define ROOM_MIN ((size_t)64)
#define ALIGNMENT 64 /* a cache line: what is written whole records at a time starts on one */

void bytes_release(struct bytes *b)
{
	mem_free(b->data);
	*b = BYTES_INIT;
}

void bytes_clear(struct bytes *b)
{
	b->size = 0;
	b->failed = false;
}

bool bytes_reserve(struct bytes *b, size_t more)
{
	size_t wanted, room;
	uint8_t *data;

	assert(b->size <= b->room);
	if (b->failed)
		return false;
	if (more <= b->room - b->size)
		return true;
	b->failed = true;
	/* More than PTRDIFF_MAX bytes are no object that C can speak of. */
	if (!INT_ADD(b->size, more, &wanted) || wanted > PTRDIFF_MAX)
		return false;
	room = INT_MAX_OF(ROOM_MIN, b->room);
	if (!INT_MUL(room, (size_t)2, &room) || room > PTRDIFF_MAX || room < wanted)
		room = wanted;
	data = mem_aligned(ALIGNMENT, room);
	if (!data)
		return false;
	if (b->size)
		memcpy(data, b->data, b->size);
	mem_free(b->data);
	b->data = data;
	b->room = room;
	b->failed = false;
	return true;
}

void bytes_add(struct bytes *b, const void *data, size_t size)
{
	if (!bytes_reserve(b, size) || !size)
		return;
	memcpy(b->data + b->size, data, size);
	b->size += size;
}

uint8_t *bytes_extend(struct bytes *b, size_t size)
{
	uint8_t *first;

	/* At least one byte of room: the pointer must not be NULL when nothing failed. */
	if (!bytes_reserve(b, INT_MAX_OF(size, (size_t)1)))
		return NULL;
	first = b->data + b->size;
	memset(first, 0, size);
	b->size += size;
	return first;
}

static void put_little_endian(uint8_t *to, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static void add_little_endian(struct bytes *b, uint64_t value, size_t size)
{
	if (!bytes_reserve(b, size))
		return;
	put_little_endian(b->data + b->size, value, size);
	b->size += size;
}

void bytes_u8(struct bytes *b, uint8_t value)
{
	add_little_endian(b, value, 1);
}

void bytes_u16(struct bytes *b, uint16_t value)
{
	add_little_endian(b, value, 2);
}

void bytes_u32(struct bytes *b, uint32_t value)
{
	add_little_endian(b, value, 4);
}

void bytes_u64(struct bytes *b, uint64_t value)
{
	add_little_endian(b, value, 8);
}

void bytes_set_u32(struct bytes *b, size_t at, uint32_t value)
{
	if (b->failed)
		return;
	assert(b->size >= 4 && at <= b->size - 4);
	put_little_endian(b->data + at, value, 4);
}

void bytes_text(struct bytes *b, const char *text)
{
	bytes_add(b, text, strlen(text));
}
