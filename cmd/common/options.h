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
 * Options that several commands share stand in a second array, `shared`, whose fields are those of
 * a struct that each command's own struct begins with.
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
#include <stdint.h>
#include <stdio.h>
#include <sherd/error.h>

enum option_kind {
	OPTION_KIND_HELP,   /* asks for the help */
	OPTION_KIND_FLAG,   /* bool, becomes true */
	OPTION_KIND_TEXT,   /* const char *, points into argv */
	OPTION_KIND_NUMBER, /* long; a number beyond long's range becomes LONG_MIN or LONG_MAX */
	OPTION_KIND_COUNT,  /* long, one more each time it is given: -vv */
	OPTION_KIND_MAYBE,  /* const char *; "" if no value follows */
	OPTION_KIND_LIST,   /* struct option_list, one more entry each time it is given */
	OPTION_KIND_CHOICE, /* const char *, one of the words of `words` */
	OPTION_KIND_SIZE,   /* uint64_t, bytes: 4096, 10KiB, 1.5GiB, 2MB; min and max in bytes */
	OPTION_KIND_TIME,   /* uint64_t, nanoseconds: 90, 500ms, 1.5h, 2d; min, max in seconds */
};

/* The values of an option that may be given several times, in order. */
struct option_list {
	const char **items; /* each points into argv; the array is owned */
	size_t count;
};

/* option_list_release(list): empty again. */
void option_list_release(struct option_list *list);

/* option_list_add(list, item): append ${item}, which is not copied; 0 or NOMEM. */
int option_list_add(struct option_list *list, const char *item);

struct option_entry {
	enum option_kind kind;
	char letter;          /* 'k' for -k; '\0': none */
	const char *name;     /* "required" for --required */
	const char *argument; /* what the help calls the value; NULL for a flag */
	size_t offset;        /* of the value in the command's struct */
	long min, max;        /* least and greatest number that is taken */
	const char *help;     /* one sentence; the printer breaks lines */
	const char *words;    /* of a CHOICE: "auto|always|never" */
};

struct option_table {
	const char *usage;    /* after "usage: ", lines separated by newlines */
	const char *summary;  /* what the command does; the printer breaks lines */
	const char *operands; /* lines about the operands, as they are; NULL: none */
	const char *footer;   /* last lines, as they are; NULL: none */
	const struct option_entry *entries;
	size_t count;
	const struct option_entry *shared; /* more entries, printed under a heading of their own */
	size_t shared_count;
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

#define OPTION_COUNT(short_name, long_name, type, field, text)                                     \
	{                                                                                          \
		.kind = OPTION_KIND_COUNT, .letter = (short_name), .name = (long_name),            \
		.offset = OPTION_OFFSET(type, field, long), .help = (text)                         \
	}

#define OPTION_MAYBE(short_name, long_name, value_name, type, field, text)                         \
	{                                                                                          \
		.kind = OPTION_KIND_MAYBE, .letter = (short_name), .name = (long_name),            \
		.argument = (value_name), .offset = OPTION_OFFSET(type, field, const char *),      \
		.help = (text)                                                                     \
	}

#define OPTION_LIST(short_name, long_name, value_name, type, field, text)                          \
	{                                                                                          \
		.kind = OPTION_KIND_LIST, .letter = (short_name), .name = (long_name),             \
		.argument = (value_name),                                                          \
		.offset = OPTION_OFFSET(type, field, struct option_list), .help = (text)           \
	}

#define OPTION_CHOICE(short_name, long_name, value_name, type, field, one_of, text)                \
	{                                                                                          \
		.kind = OPTION_KIND_CHOICE, .letter = (short_name), .name = (long_name),           \
		.argument = (value_name), .offset = OPTION_OFFSET(type, field, const char *),      \
		.words = (one_of), .help = (text)                                                  \
	}

#define OPTION_SIZE(short_name, long_name, value_name, type, field, least, greatest, text)         \
	{                                                                                          \
		.kind = OPTION_KIND_SIZE, .letter = (short_name), .name = (long_name),             \
		.argument = (value_name), .offset = OPTION_OFFSET(type, field, uint64_t),          \
		.min = (least), .max = (greatest), .help = (text)                                  \
	}

#define OPTION_TIME(short_name, long_name, value_name, type, field, least, greatest, text)         \
	{                                                                                          \
		.kind = OPTION_KIND_TIME, .letter = (short_name), .name = (long_name),             \
		.argument = (value_name), .offset = OPTION_OFFSET(type, field, uint64_t),          \
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

/*
 * options_lead(table, argc, argv, values, ret_at, err):
 * Read only the options before the first operand, whose index is *ret_at (argc: there is none);
 * nothing is moved. For programs whose first operand is a verb. Returns as options_parse(); an
 * option that is not in the table is an error at once.
 */
int options_lead(const struct option_table *table, int argc, char **argv, void *values, int *ret_at,
	struct sherd_error *err);

/* options_entry(table, index): own entries first, then shared ones; NULL behind the last. */
const struct option_entry *options_entry(const struct option_table *table, size_t index);

/* options_size(text, ret), options_time(text, ret): how the values of SIZE and TIME are read. */
bool options_size(const char *text, uint64_t *ret_bytes);
bool options_time(const char *text, uint64_t *ret_ns);

/* options_help(table, out): print the help, lines of at most 79 columns. */
void options_help(const struct option_table *table, FILE *out);

#endif
