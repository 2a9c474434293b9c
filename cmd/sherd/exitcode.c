/* SPDX-License-Identifier: MIT */
/* exitcode.c - the one table from library codes to exit codes; what is not in it is 1. */
#include "exitcode.h"

#include <stddef.h>
#include <base/intmath.h>
#include <sherd/error.h>

enum exit_code exitcode_of(int code)
{
	static const struct {
		int code;
		enum exit_code exit;
	} table[] = {
		{SHERD_OK, EXIT_OK},
		{SHERD_INVALID, EXIT_USAGE},
		{SHERD_TIMEOUT, EXIT_TEMPORARY},
		{SHERD_OFFLINE, EXIT_TEMPORARY},
		{SHERD_NOPOOL, EXIT_NOPOOL},
		{SHERD_BUSY, EXIT_BUSY},
		{SHERD_BADKEY, EXIT_BADKEY},
		{SHERD_NEWER, EXIT_NEWER},
		{SHERD_NOSPACE, EXIT_NOSPACE},
		{SHERD_QUORUM, EXIT_QUORUM},
		{SHERD_STALE, EXIT_QUORUM},
		{SHERD_LOST, EXIT_LOST},
		{SHERD_ROLLBACK, EXIT_ROLLBACK},
	};

	for (size_t i = 0; i < ARRAY_COUNT(table); i++)
		if (table[i].code == code)
			return table[i].exit;
	return EXIT_FAILED;
}
