/* SPDX-License-Identifier: MIT */
/*
 * say.h - what a command tells its user, on standard error, one line at a time.
 *
 * An error is up to three lines: what failed, why, what to type next:
 *     zfec: cannot encode 'a.tar'
 *       './a.tar.0_8.fec' exists already
 *       try: zfec -f to replace existing share files
 * Every line is written with one call, without buffering, so lines of several threads do not mix.
 * File names are somebody else's bytes: control characters in a line are shown as \xNN, so that a
 * name cannot drive the terminal. Lines longer than SAY_LINE_MAX bytes are cut. A standard error
 * that cannot be written to is ignored. Threads: any.
 */
#ifndef CMD_COMMON_SAY_H
#define CMD_COMMON_SAY_H

#include <stddef.h>

#define SAY_LINE_MAX 16384

/* "PROGRAM: text": what failed. */
void say_error(const char *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "  text": why it failed. */
void say_why(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "  try: text": what to do or type next. */
void say_try(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "warning: text": the work goes on. */
void say_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "text": for -v. */
void say_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A log_sink (base/log.h) that says warnings. */
void say_log(void *context, const char *line);

/*
 * say_clean(text, buffer, size):
 * Copy ${text} with its control characters made visible, cut to ${size} bytes with the final NUL
 * and never in the middle of a UTF-8 character. Returns the length of the copy.
 * pre: size >= 1
 */
size_t say_clean(const char *text, char *buffer, size_t size);

#endif
