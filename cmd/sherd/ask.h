/* SPDX-License-Identifier: MIT */
/*
 * ask.h - questions at the terminal (/dev/tty). Nothing is asked when standard input is no
 * terminal: a script must not hang.
 */
#ifndef CMD_SHERD_ASK_H
#define CMD_SHERD_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <sherd/error.h>

/* ask_possible(): is there a person to ask? */
bool ask_possible(void);

/* ask_line(prompt, buffer, size, ret_size, err): one line without its newline. CANCELLED: Ctrl-C or
 * the end of input; BADKEY: too long. */
int ask_line(
	const char *prompt, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err);

/* The same without showing what is typed. */
int ask_secret(
	const char *prompt, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err);

/* Lines up to an empty one, with their newlines. */
int ask_lines(
	const char *prompt, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err);

/* ask_yes(question, ret_yes, err): "question [y/N] "; only y or yes is yes. */
int ask_yes(const char *question, bool *ret_yes, struct sherd_error *err);

#endif
