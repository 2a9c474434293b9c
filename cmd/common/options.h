/* SPDX-License-Identifier: MIT */
/*
 * options.h - command lines as tables.
 *
 * A command describes its options in one constant array, which is parsed by and printed from the
 * same entries. The values land in a struct of the command's own; the macros below check at compile
 * time that a field has the type its option needs:
 *
 *     struct values { bool force; long k; const char *directory; };
 *     static const struct option_entry entries[] = {
 *             OPTION_HELP("show this help and exit"),
 *             OPTION_FLAG('f', "force", struct values, force, "overwrite"),
 *             OPTION_NUMBER('k', "required", "K", struct values, k, 1, 256, "how many"),
 *             OPTION_TEXT('d', "dir", "DIR", struct values, directory, "where to"),
 *     };
 *
 * The grammar is that of Python's argparse, which the first zfec used: options and operands in any
 * order; -k3, -k 3, -k=3, --required=3, --required 3; one-letter flags in a bundle (-vf); long
 * names cut short as long as they stay unique (--req 3); "--" ends the options; "-" alone, negative
 * numbers, and words with a space in them that name no option are operands.
 */
#ifndef CMD_COMMON_OPTIONS_H
#define CMD_COMMON_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sherd/error.h>

enum option_kind {
	OPTION_KIND_HELP,   /* asks for the help */
	OPTION_KIND_FLAG,   /* bool, becomes true */
	OPTION_KIND_TEXT,   /* const char *, points into argv */
	OPTION_KIND_NUMBER, /* long; a number beyond long's range becomes LONG_MIN or LONG_MAX */
};

struct option_entry {
	enum option_kind kind;
	char letter;          /* 'k' for -k; '\0': none */
	const char *name;     /* "required" for --required */
	const char *argument; /* what the help calls the value; NULL for a flag */
	size_t offset;        /* of the value in the command's struct */
	long min, max;        /* least and greatest number that is taken */
	const char *help;     /* one sentence; the printer breaks lines */
};

struct option_table {
	const char *usage;    /* after "usage: ", lines separated by newlines */
	const char *summary;  /* what the command does; the printer breaks lines */
	const char *operands; /* lines about the operands, as they are; NULL: none */
	const char *footer;   /* last lines, as they are; NULL: none */
	const struct option_entry *entries;
	size_t count;
};

#define OPTION_OFFSET(type, field, wanted)                                                         \
	(offsetof(type, field) + 0 * sizeof(char[__builtin_types_compatible_p(                     \
							 __typeof__(((type *)0)->field), wanted)   \
							 ? 1                                       \
							 : -1]))

#define OPTION_HELP(text)                                                                          \
	{                                                                                          \
		.kind = OPTION_KIND_HELP, .letter = 'h', .name = "help", .help = (text)            \
	}

#define OPTION_FLAG(short_name, long_name, type, field, text)                                      \
	{                                                                                          \
		.kind = OPTION_KIND_FLAG, .letter = (short_name), .name = (long_name),             \
		.offset = OPTION_OFFSET(type, field, bool), .help = (text)                         \
	}

#define OPTION_TEXT(short_name, long_name, value_name, type, field, text)                          \
	{                                                                                          \
		.kind = OPTION_KIND_TEXT, .letter = (short_name), .name = (long_name),             \
		.argument = (value_name), .offset = OPTION_OFFSET(type, field, const char *),      \
		.help = (text)                                                                     \
	}

#define OPTION_NUMBER(short_name, long_name, value_name, type, field, least, greatest, text)       \
	{                                                                                          \
		.kind = OPTION_KIND_NUMBER, .letter = (short_name), .name = (long_name),           \
		.argument = (value_name), .offset = OPTION_OFFSET(type, field, long),              \
		.min = (least), .max = (greatest), .help = (text)                                  \
	}

/*
 * options_parse(table, argc, argv, values, ret_count, err):
 * Read argv[1..argc-1]; options given set their fields of ${values} (the last of several wins),
 * the others keep what they hold. The operands are gathered, in order, in argv[1..*ret_count].
 * Returns 0, 1 if help is asked for (before anything wrong but a bad value was met; the rest is
 * not read), or INVALID with a message that names the word at fault.
 */
int options_parse(const struct option_table *table, int argc, char **argv, void *values,
	int *ret_count, struct sherd_error *err);

/* options_help(table, out): print the help, lines of at most 79 columns. */
void options_help(const struct option_table *table, FILE *out);

#endif
