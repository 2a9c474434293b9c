/* SPDX-License-Identifier: MIT */
/* utf8.h - is it UTF-8 (RFC 3629), and how wide is it on a terminal. */
#ifndef CMD_SHERD_UTF8_H
#define CMD_SHERD_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* utf8_size(text): bytes of the character there, 1 to 4; 0 if it is none. ${text} is not empty. */
size_t utf8_size(const char *text);

bool utf8_valid(const char *text);

/* utf8_columns(text): characters, each counted as one column; a wrong byte is one as well. */
size_t utf8_columns(const char *text);

#endif
