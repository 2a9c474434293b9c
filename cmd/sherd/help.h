/* SPDX-License-Identifier: MIT */
/* help.h - what sherd says about itself. */
#ifndef CMD_SHERD_HELP_H
#define CMD_SHERD_HELP_H

#include <stdio.h>
#include "app.h"

/* help_all(out): the list of verbs. */
void help_all(FILE *out);

/* help_verb(verb, argc, argv): the short help for -h; the long one, examples first, if --help is
 * among the words. */
void help_verb(const struct verb *verb, int argc, char **argv);

/* help_long(verb): examples first, then all options. */
void help_long(const struct verb *verb);

/* help_guess(word, buffer, size): what to type instead of a verb that is none; returns the buffer.
 */
char *help_guess(const char *word, char *buffer, size_t size);

#endif
