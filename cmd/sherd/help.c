/* SPDX-License-Identifier: MIT */
/* help.c - from the verbs' own tables. */
#include "help.h"

#include <string.h>
#include <base/intmath.h>
#include "cmds.h"

void help_all(FILE *out)
{
	const char *group = "";

	fputs("usage: sherd VERB [options]\n\n"
	      "Keeps files as m shares in m places; any k of them bring everything back.\n",
		out);
	for (size_t i = 0; verbs[i]; i++) {
		if (strcmp(group, verbs[i]->group))
			fprintf(out, "\n%s:\n", verbs[i]->group);
		group = verbs[i]->group;
		fprintf(out, "  %-12s %s\n", verbs[i]->name, verbs[i]->summary);
	}
	fputs("\nFirst steps:\n"
	      "  sherd plan --places 5              how many shares may be lost, and what it costs\n"
	      "  sherd init home -k 3               make a pool\n"
	      "  sherd place add usb /mnt/usb/sherd add places, one after the other\n"
	      "  sherd backup ~/Documents           back up\n\n"
	      "sherd help VERB explains a verb; sherd VERB -h lists its options.\n",
		out);
}

void help_long(const struct verb *verb)
{
	printf("sherd %s - %s\n\nexamples:\n%s\n", verb->name, verb->summary, verb->examples);
	options_help(verb->table, stdout);
}

void help_verb(const struct verb *verb, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help")) {
			help_long(verb);
			return;
		}
	options_help(verb->table, stdout);
}

/* Letters to change, add or drop to make ${a} of ${b}; words longer than the rows are far away. */
static unsigned distance(const char *a, const char *b)
{
	enum { most = 16 };
	unsigned row[most + 1];
	size_t width = strlen(b);

	if (strlen(a) > most || width > most)
		return most;
	for (unsigned i = 0; i <= width; i++)
		row[i] = i;
	for (unsigned y = 1; *a; a++, y++) {
		unsigned corner = row[0];

		row[0] = y;
		for (unsigned x = 1; x <= width; x++) {
			unsigned above = row[x];
			unsigned same = corner + (*a != b[x - 1]);

			row[x] = INT_MIN_OF(same, 1 + INT_MIN_OF(above, row[x - 1]));
			corner = above;
		}
	}
	return row[width];
}

char *help_guess(const char *word, char *buffer, size_t size)
{
	static const struct {
		const char *word, *advice;
	} others[] = {
		{"create", "sherd backup PATH makes a snapshot, sherd init NAME a pool"},
		{"list", "sherd snapshots, sherd ls SNAP, or sherd place ls"},
		{"extract", "sherd restore SNAP --to DIR"},
		{"verify", "sherd check --read all"},
		{"scrub", "sherd check --read all"},
		{"encode", "zfec"},
		{"decode", "zunfec"},
	};
	const struct verb *best = NULL;
	unsigned least = 3;

	for (size_t i = 0; i < ARRAY_COUNT(others); i++)
		if (!strcmp(others[i].word, word)) {
			snprintf(buffer, size, "%s", others[i].advice);
			return buffer;
		}
	for (size_t i = 0; verbs[i]; i++) {
		unsigned far = distance(word, verbs[i]->name);

		if (far < least) {
			least = far;
			best = verbs[i];
		}
	}
	snprintf(buffer, size, "%s%s", best ? "sherd help, or did you mean sherd " : "sherd help",
		best ? best->name : "");
	return buffer;
}
