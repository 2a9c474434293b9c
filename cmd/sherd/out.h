/* SPDX-License-Identifier: MIT */
/*
 * out.h - results on standard output, for people: cleaned names, columns, colours.
 *
 * A table is filled cell by cell, row by row, and printed with each column as wide as its widest
 * cell. Cells are copies, cleaned by say_clean()'s rules.
 */
#ifndef CMD_SHERD_OUT_H
#define CMD_SHERD_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/cleanup.h>
#include <base/units.h>

enum { out_columns_max = 16 };

/* out_colour(when): "auto", "always", "never", or NULL: decides from here on. */
void out_colour(const char *when);

enum out_shade { SHADE_PLAIN, SHADE_GOOD, SHADE_WARN, SHADE_BAD };

/* out(format, ...): to standard output, control characters of the arguments made visible; newlines
 * of the format stay. */
void out(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* out_name(name): control characters made visible. */
void out_name(const char *name);

/* out_shaded(shade, text): with that colour, if colours are on. */
void out_shaded(enum out_shade shade, const char *text);

/* out_size(bytes, exact, buffer): "1.2 KiB", or "1234" if exact sizes are asked for. */
char *out_size(uint64_t bytes, bool exact, char buffer[UNITS_SIZE]);

/* out_count(number, buffer): groups of three digits: "66 981". */
char *out_count(uint64_t number, char buffer[UNITS_SIZE]);

struct out_table {
	unsigned columns;
	unsigned right; /* bit i: column i is aligned to the right */
	char **cells;   /* owned */
	enum out_shade *shades;
	size_t count, room; /* cells */
	bool failed;        /* no memory: some cells are missing */
};

/* Cells, in order; ${text} is copied. */
void out_cell(struct out_table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void out_cell_shaded(struct out_table *t, enum out_shade shade, const char *text);
/* out_table_print(t): two spaces between columns, none at the ends of lines; then it is empty. */
void out_table_print(struct out_table *t);
void out_table_release(struct out_table *t);

#endif
