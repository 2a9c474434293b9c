/* SPDX-License-Identifier: MIT */
/* help.c - prints an option table (options.h) as two columns, like argparse. */
#include <string.h>
#include <common/options.h>

enum {
	help_width = 79,  /* columns, at most */
	help_column = 26, /* where the explanations stand */
};

/* Print words from ${column} on, breaking lines and indenting them by ${indent}. */
static void print_wrapped(FILE *out, const char *text, int column, int indent)
{
	while (*text) {
		int size = (int)strcspn(text, " ");

		if (column > indent && column + 1 + size > help_width) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", size, text);
		column += size;
		text += size + strspn(text + size, " ");
	}
	fputc('\n', out);
}

static void print_entry(const struct option_entry *entry, FILE *out)
{
	const char *argument = entry->argument ? entry->argument : "";
	const char *space = entry->argument ? " " : "";
	int column;

	if (entry->letter)
		column = fprintf(out, "  -%c%s%s, --%s%s%s", entry->letter, space, argument,
			entry->name, space, argument);
	else
		column = fprintf(out, "  --%s%s%s", entry->name, space, argument);
	if (column > help_column - 2) {
		fputc('\n', out);
		column = 0;
	}
	fprintf(out, "%*s", help_column - column, "");
	print_wrapped(out, entry->help, help_column, help_column);
}

void options_help(const struct option_table *table, FILE *out)
{
	fprintf(out, "usage: %s\n\n", table->usage);
	print_wrapped(out, table->summary, 0, 0);
	if (table->operands)
		fprintf(out, "\n%s", table->operands);
	fprintf(out, "\noptions:\n");
	for (size_t i = 0; i < table->count; i++)
		print_entry(&table->entries[i], out);
	if (table->shared_count)
		fprintf(out, "\noptions of every verb:\n");
	for (size_t i = 0; i < table->shared_count; i++)
		print_entry(&table->shared[i], out);
	if (table->footer)
		fprintf(out, "\n%s", table->footer);
}
