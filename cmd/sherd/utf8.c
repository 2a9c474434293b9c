/* SPDX-License-Identifier: MIT */
/* utf8.c - overlong forms, surrogates and numbers above 0x10ffff are none. */
#include "utf8.h"

#include <stdint.h>

size_t utf8_size(const char *text)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *at = (const unsigned char *)text;
	size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	uint32_t value;

	if (size < 2)
		return size;
	if (at[0] > 0xf4)
		return 0;
	value = at[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (at[i] & 0x3fu);
	}
	if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 0;
	return size;
}

bool utf8_valid(const char *text)
{
	while (*text) {
		size_t size = utf8_size(text);

		if (!size)
			return false;
		text += size;
	}
	return true;
}

size_t utf8_columns(const char *text)
{
	size_t columns = 0;

	while (*text) {
		size_t size = utf8_size(text);

		text += size ? size : 1;
		columns++;
	}
	return columns;
}
