/* SPDX-License-Identifier: MIT */
/* cryptfix.h - what the tests of the crypt floor share: inputs of the golden table, and hexadecimal
 * digits in tests. */
#ifndef TESTS_CRYPTFIX_H
#define TESTS_CRYPTFIX_H

#include <stddef.h>
#include <stdint.h>

/* golden_stream(seed, size): stream() of tests/golden/crypt.py; never NULL; mem_free() it. */
uint8_t *golden_stream(unsigned seed, size_t size);

/* assert_hex(bytes, size, text): the bytes are those digits, else the running test fails. */
void assert_hex(const void *bytes, size_t size, const char *text);

/* from_hex(text, ret): the bytes of digits, at most 256; their number. */
size_t from_hex(const char *text, uint8_t *ret);

#endif
