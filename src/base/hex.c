/* SPDX-License-Identifier: MIT */
/* hex.c - digits are looked up; nothing here is secret, so nothing is constant in time. */
#include <base/hex.h>

static const char digits[] = "0123456789abcdef";

char *hex_of(const void *bytes, size_t size, char *text)
{
	const uint8_t *from = bytes;

	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[from[i] >> 4];
		text[2 * i + 1] = digits[from[i] & 15];
	}
	text[2 * size] = '\0';
	return text;
}

/* The value of one digit, or -1. */
static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int hex_parse(const char *text, size_t length, void *ret_bytes)
{
	uint8_t *to = ret_bytes;

	if (length % 2)
		return -1;
	for (size_t i = 0; i < length; i += 2) {
		int high = digit_value(text[i]);
		int low = high < 0 ? -1 : digit_value(text[i + 1]);

		if (low < 0)
			return -1;
		to[i / 2] = (uint8_t)(high << 4 | low);
	}
	return 0;
}
