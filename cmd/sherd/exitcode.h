/* SPDX-License-Identifier: MIT */
/* exitcode.h - the exit codes, the same for all verbs. */
#ifndef CMD_SHERD_EXITCODE_H
#define CMD_SHERD_EXITCODE_H

enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_UNREADABLE = 3, /* done, but some source files could not be read */
	EXIT_DEGRADED = 4,   /* all data can be read, redundancy is lost */
	EXIT_TEMPORARY = 5,  /* a retry helps */
	EXIT_NOPOOL = 10,
	EXIT_BUSY = 11,
	EXIT_BADKEY = 12,
	EXIT_NEWER = 13,
	EXIT_NOSPACE = 14,
	EXIT_QUORUM = 15, /* too few places reachable */
	EXIT_LOST = 20,
	EXIT_ROLLBACK = 21,
	EXIT_SIGNAL = 128, /* and the signal's number */
};

/* exitcode_of(code): what the program ends with for an enum sherd_code. */
enum exit_code exitcode_of(int code);

#endif
