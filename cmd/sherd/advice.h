/* SPDX-License-Identifier: MIT */
/* advice.h - what to type next after an error. */
#ifndef CMD_SHERD_ADVICE_H
#define CMD_SHERD_ADVICE_H

#include <stddef.h>

/* advice(code, verb, pool, buffer, size): for an enum sherd_code met by a verb with a pool (NULL:
 * none chosen yet); false if there is nothing useful to say. */
_Bool advice(int code, const char *verb, const char *pool, char *buffer, size_t size);

#endif
