/* SPDX-License-Identifier: MIT */
/* cryptfix.c - see cryptfix.h. */
#include "cryptfix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/hex.h>
#include <base/intmath.h>
#include <crypt/hash.h>

uint8_t *golden_stream(unsigned seed, size_t size)
{
	uint8_t *bytes = mem_array(size, 1);
	uint8_t number[12] = {(uint8_t)seed, (uint8_t)(seed >> 8)};
	struct iovec parts[] = {hash_part("sherd golden", 12), hash_part(number, sizeof(number))};

	assert_non_null(bytes);
	for (size_t at = 0, block = 0; at < size; at += HASH_SIZE, block++) {
		struct hash h;

		for (size_t i = 0; i < 8; i++)
			number[4 + i] = (uint8_t)(block >> (8 * i));
		hash_sha256(parts, 2, &h);
		memcpy(bytes + at, h.bytes, INT_MIN_OF(size - at, (size_t)HASH_SIZE));
	}
	return bytes;
}

void assert_hex(const void *bytes, size_t size, const char *text)
{
	char digits[513];

	assert_in_range(size, 0, 256);
	assert_string_equal(hex_of(bytes, size, digits), text);
}

size_t from_hex(const char *text, uint8_t *ret)
{
	size_t length = strlen(text);

	assert_in_range(length, 0, 512);
	assert_int_equal(hex_parse(text, length, ret), 0);
	return length / 2;
}
