/* SPDX-License-Identifier: MIT */
/*
 * golden.c - one line at a time through getline(), cut into its fields in place. The tables are
 * ours, yet a slip in one must not pass as a shorter test: every field is checked for its form, and
 * the tests count the records they have seen.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "golden.h"

struct golden {
	FILE *file;
	char *line;      /* current record, its spaces replaced by NUL as fields are taken */
	size_t capacity; /* bytes at line */
	char *rest;      /* next field in line; NULL behind the last */
	unsigned number; /* of the line, from 1 */
	char name[];
};

struct golden *golden_open(const char *name)
{
	const char *folder = getenv("SHERD_GOLDEN");
	char path[4096];
	struct golden *g;

	if (!folder)
		fail_msg("SHERD_GOLDEN does not name the folder tests/golden");
	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		fail_msg("path of '%s' is too long", name);
	g = calloc(1, sizeof(*g) + strlen(name) + 1);
	assert_non_null(g);
	memcpy(g->name, name, strlen(name) + 1);
	g->file = fopen(path, "re");
	if (!g->file) {
		free(g);
		fail_msg("cannot open '%s': %s", path, strerror(errno));
	}
	return g;
}

void golden_close(struct golden *g)
{
	if (!g)
		return;
	fclose(g->file);
	free(g->line);
	free(g);
}

bool golden_next(struct golden *g)
{
	ssize_t length;

	do {
		length = getline(&g->line, &g->capacity, g->file);
		if (length < 0) {
			assert_false(ferror(g->file));
			return false;
		}
		g->number++;
		if (g->line[length - 1] != '\n')
			fail_msg("%s:%u: line has no end", g->name, g->number);
		g->line[length - 1] = '\0';
	} while (g->line[0] == '#' || g->line[0] == '\0');
	g->rest = g->line;
	return true;
}

const char *golden_text(struct golden *g)
{
	char *field = strsep(&g->rest, " ");

	if (!field || !*field)
		fail_msg("%s:%u: a field is missing", g->name, g->number);
	return field;
}

unsigned golden_number(struct golden *g)
{
	const char *field = golden_text(g);
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(field, &end, 10);
	if (*end || *field < '0' || *field > '9' || errno || value > 0xffffffff)
		fail_msg("%s:%u: '%s' is no number", g->name, g->number, field);
	return (unsigned)value;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void golden_bytes(struct golden *g, size_t size, uint8_t *ret)
{
	const char *field = golden_text(g);

	if (strcmp(field, "-") == 0)
		field = "";
	if (strlen(field) != 2 * size)
		fail_msg("%s:%u: %zu digits instead of %zu", g->name, g->number, strlen(field),
			2 * size);
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(field[2 * i]);
		int low = hex_digit(field[2 * i + 1]);

		if (high < 0 || low < 0)
			fail_msg("%s:%u: no hexadecimal digit", g->name, g->number);
		ret[i] = (uint8_t)(high << 4 | low);
	}
}

void golden_end(struct golden *g)
{
	if (g->rest)
		fail_msg("%s:%u: one field too many", g->name, g->number);
}
