/* SPDX-License-Identifier: MIT */
/* start.h - what every command does first, and last with its standard output. */
#ifndef CMD_COMMON_START_H
#define CMD_COMMON_START_H

#include <stdbool.h>

/*
 * start_process():
 * Make the process safe to work in: descriptors 0 to 2 are taken even if the caller had closed
 * them, so that no file opened later lands there and is mistaken for a stream; writing to a pipe
 * that nobody reads, or past a file size limit, is an error of that call and not a signal; as many
 * files as the hard limit permits may be open; warnings of the library reach the user.
 * Call it first in main(), before any thread runs.
 */
void start_process(void);

/* start_has_input(): false if the process was started with its standard input closed. */
bool start_has_input(void);

/* start_has_output(): false if the process was started with its standard output closed. */
bool start_has_output(void);

/*
 * start_end_output(program):
 * Write out what stdio holds for standard output. Returns 0, or 1 after saying what went wrong.
 * Nobody reading any more (EPIPE) returns 1 in silence.
 */
int start_end_output(const char *program);

#endif
