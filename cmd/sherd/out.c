/* SPDX-License-Identifier: MIT */
/*
 * out.c - through stdio, so that large listings are fast; the end of the program flushes and looks
 * for errors.
 *
 * Whether colours are on is the program's own state, set once before the first line.
 */
#include "out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <base/alloc.h>
#include <common/say.h>
#include "utf8.h"

enum { line_max = 16384 };

static bool colours;

void out_colour(const char *when)
{
	const char *no_color = getenv("NO_COLOR");
	const char *clicolor = getenv("CLICOLOR");
	const char *term = getenv("TERM");

	if (when && strcmp(when, "auto")) {
		colours = !strcmp(when, "always");
		return;
	}
	colours = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") &&
		  !(no_color && *no_color) && !(clicolor && !strcmp(clicolor, "0"));
}

void out(const char *format, ...)
{
	char text[line_max], clean[line_max];
	va_list arguments;
	char *at = text;

	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	/* Newlines are the format's: arguments that may hold some are cleaned by out_cell() or
	 * by the caller. Here a newline ends a line. */
	for (char *newline; (newline = strchr(at, '\n')); at = newline + 1) {
		*newline = '\0';
		say_clean(at, clean, sizeof(clean));
		fputs(clean, stdout);
		fputc('\n', stdout);
	}
	say_clean(at, clean, sizeof(clean));
	fputs(clean, stdout);
}

void out_name(const char *name)
{
	char clean[65536]; /* four times the longest path of most systems */

	say_clean(name, clean, sizeof(clean));
	fputs(clean, stdout);
}

void out_shaded(enum out_shade shade, const char *text)
{
	static const char *const starts[] = {"", "\033[32m", "\033[33m", "\033[31m"};

	if (colours && shade != SHADE_PLAIN)
		printf("%s%s\033[0m", starts[shade], text);
	else
		fputs(text, stdout);
}

char *out_size(uint64_t bytes, bool exact, char buffer[UNITS_SIZE])
{
	if (!exact)
		return units_size(bytes, buffer);
	snprintf(buffer, UNITS_SIZE, "%llu", (unsigned long long)bytes);
	return buffer;
}

char *out_count(uint64_t number, char buffer[UNITS_SIZE])
{
	char digits[UNITS_SIZE];
	int size = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
	int used = 0;

	for (int i = 0; i < size; i++) {
		if (i && (size - i) % 3 == 0)
			buffer[used++] = ' ';
		buffer[used++] = digits[i];
	}
	buffer[used] = '\0';
	return buffer;
}

static void add_cell(struct out_table *t, enum out_shade shade, const char *text)
{
	char clean[line_max];

	if (t->count == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		char **cells = mem_array(room, sizeof(*cells));
		enum out_shade *shades = mem_array(room, sizeof(*shades));

		if (!cells || !shades) {
			mem_free(cells);
			mem_free(shades);
			t->failed = true;
			return;
		}
		if (t->count) {
			memcpy(cells, t->cells, t->count * sizeof(*cells));
			memcpy(shades, t->shades, t->count * sizeof(*shades));
		}
		mem_free(t->cells);
		mem_free(t->shades);
		t->cells = cells;
		t->shades = shades;
		t->room = room;
	}
	say_clean(text, clean, sizeof(clean));
	t->shades[t->count] = shade;
	t->cells[t->count] = mem_format("%s", clean);
	if (t->cells[t->count])
		t->count++;
	else
		t->failed = true;
}

void out_cell(struct out_table *t, const char *format, ...)
{
	char text[line_max];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	add_cell(t, SHADE_PLAIN, text);
}

void out_cell_shaded(struct out_table *t, enum out_shade shade, const char *text)
{
	add_cell(t, shade, text);
}

/* What of the row behind ${from} is not empty. */
static bool rest_empty(const struct out_table *t, size_t from, size_t end)
{
	for (size_t i = from; i < end; i++)
		if (*t->cells[i])
			return false;
	return true;
}

static void print_row(const struct out_table *t, size_t row, const size_t *widths)
{
	size_t end = row + t->columns < t->count ? row + t->columns : t->count;

	for (size_t i = row; i < end && !rest_empty(t, i, end); i++) {
		unsigned column = (unsigned)(i - row);
		int pad = (int)(widths[column] - utf8_columns(t->cells[i]));

		if (column)
			fputs("  ", stdout);
		if (t->right & 1u << column)
			printf("%*s", pad, "");
		out_shaded(t->shades[i], t->cells[i]);
		if (!(t->right & 1u << column) && i + 1 < end && !rest_empty(t, i + 1, end))
			printf("%*s", pad, "");
	}
	fputc('\n', stdout);
}

void out_table_print(struct out_table *t)
{
	size_t widths[out_columns_max] = {0};

	for (size_t i = 0; i < t->count; i++) {
		size_t width = utf8_columns(t->cells[i]);

		if (width > widths[i % t->columns])
			widths[i % t->columns] = width;
	}
	for (size_t row = 0; row < t->count; row += t->columns)
		print_row(t, row, widths);
	if (t->failed)
		say_warning("out of memory: some lines are missing");
	out_table_release(t);
}

void out_table_release(struct out_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		mem_free(t->cells[i]);
	mem_free(t->cells);
	mem_free(t->shades);
	t->cells = NULL;
	t->shades = NULL;
	t->count = t->room = 0;
	t->failed = false;
}
