/* SPDX-License-Identifier: MIT */
/* cmd_help.c - sherd help [VERB | TOPIC] */
#include <stdio.h>
#include <string.h>
#include <base/intmath.h>
#include "cmds.h"
#include "help.h"

struct values {
	struct globals g;
};

static const struct option_table table = {
	.usage = "sherd help [VERB]",
	.summary = "Explain a verb, or list all of them. There are also pages that no verb has: "
		   "rollback, append-only, secrets.",
	.entries = NULL,
	.count = 0,
	GLOBALS_SHARED,
};

static const struct {
	const char *name, *text;
} topics[] = {
	{"rollback",
		"Every device numbers the states (heads) it publishes, and remembers the newest one\n"
		"it has seen of each device. When a quorum of places shows an older state than this\n"
		"device has seen, or two different states under one number, sherd refuses to work\n"
		"and changes nothing (exit 21): the places were put back together from an old copy,\n"
		"or somebody with access to them hides what was stored since.\n\n"
		"One place alone that shows less is only BEHIND; sherd repair brings it up to date.\n"
		"\n"
		"What to do: find out who restored the places (a backup of a backup, a file system\n"
		"snapshot), and put the newer state back if it still exists. Until then\n"
		"  sherd status -v           shows each device's newest head\n"
		"  sherd clone NAME2 URL ... with another name and another state folder looks at\n"
		"                            what the places hold now\n"},
	{"append-only",
		"A place at which this machine may add but not delete keeps old snapshots safe from\n"
		"whoever breaks into this machine. Whether a place refuses to overwrite and to delete\n"
		"is told by\n"
		"  sherd place test NAME\n"
		"sherd itself never overwrites an object. The right to delete is only needed by the\n"
		"machine that removes old data.\n"},
	{"secrets",
		"A passphrase never stands on a command line, where others could read it. It comes\n"
		"from the first of these that is there:\n"
		"  SHERD_PASSPHRASE_FILE     a file\n"
		"  SHERD_PASSPHRASE_COMMAND  what a command prints\n"
		"  SHERD_PASSPHRASE_FD       a descriptor that is open\n"
		"  CREDENTIALS_DIRECTORY     its file sherd-passphrase (systemd's LoadCredential=)\n"
		"  passphrase-command        in the configuration, in the pool's section\n"
		"  SHERD_PASSPHRASE          the passphrase itself; other programs of yours see it\n"
		"  a question at the terminal\n"
		"It is asked for only when this machine has no device key for the pool.\n"},
};

static int run(struct app *app, void *values, char **operands, int count)
{
	const struct verb *verb;

	(void)values;
	if (count > 1)
		return app_usage(app, "one verb at a time");
	if (!count) {
		help_all(stdout);
		return EXIT_OK;
	}
	for (size_t i = 0; i < ARRAY_COUNT(topics); i++)
		if (!strcmp(topics[i].name, operands[0])) {
			fputs(topics[i].text, stdout);
			return EXIT_OK;
		}
	verb = verb_named(operands[0]);
	if (!verb)
		return app_usage(app, "no verb '%s'", operands[0]);
	help_long(verb);
	return EXIT_OK;
}

const struct verb verb_help = {
	.name = "help",
	.group = "other",
	.summary = "explain a verb",
	.table = &table,
	.examples = "  sherd help\n  sherd help backup\n  sherd help rollback\n",
	.size = sizeof(struct values),
	.run = run,
};
