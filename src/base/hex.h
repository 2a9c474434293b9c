/* SPDX-License-Identifier: MIT */
/* hex.h - bytes as lowercase hexadecimal digits and back. Threads: any. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* hex_of(bytes, size, text): 2*size digits and a NUL into ${text}; returns it. */
char *hex_of(const void *bytes, size_t size, char *text);

/* hex_parse(text, length, ret_bytes): ${length} digits, an even number, lower case only, into
 * length/2 bytes. 0, or -1 if it is anything else; the bytes are undefined then. */
int hex_parse(const char *text, size_t length, void *ret_bytes);

#endif
