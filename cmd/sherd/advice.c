/* SPDX-License-Identifier: MIT */
/*
 * advice.c - one table. A row for a verb comes before the row for all verbs ("*"); "%s" in a text
 * stands for the name of the pool.
 */
#include "advice.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <base/intmath.h>
#include <sherd/error.h>

struct row {
	int code;
	const char *verb;
	const char *text;
};

static const struct row rows[] = {
	{SHERD_INVALID, "*", "sherd help VERB"},
	{SHERD_IO, "*", "again; if it stays so, look at the disk or file system named above"},
	{SHERD_NOTFOUND, "restore",
		"sherd ls SNAP shows what a snapshot holds; sherd snapshots shows "
		"which there are"},
	{SHERD_NOTFOUND, "ls", "sherd snapshots shows which there are"},
	{SHERD_NOTFOUND, "cat", "sherd ls -R SNAP shows what a snapshot holds"},
	{SHERD_NOTFOUND, "diff", "sherd snapshots shows which there are"},
	{SHERD_NOTFOUND, "find", "sherd snapshots shows which there are"},
	{SHERD_NOTFOUND, "place", "sherd place ls shows the places"},
	{SHERD_NOTFOUND, "repair", "sherd place ls shows the places"},
	{SHERD_NOTFOUND, "backup", "ls -d PATH; no snapshot was made"},
	{SHERD_DUPLICATE, "*", "more digits of the id: sherd snapshots"},
	{SHERD_EXISTS, "init", "another name, or sherd status -p %s to look at the pool there is"},
	{SHERD_EXISTS, "clone", "another name, or sherd status -p %s to look at the pool there is"},
	{SHERD_EXISTS, "place", "an empty folder, or another name: sherd place ls"},
	{SHERD_EXISTS, "restore", "--overwrite differ, or another folder"},
	{SHERD_NOSPACE, "backup",
		"make room at the place or in the cache, then sherd backup again: "
		"what was stored is used"},
	{SHERD_NOSPACE, "*", "make room there, then again"},
	{SHERD_DENIED, "backup", "sherd status -v; a machine that may only read cannot back up"},
	{SHERD_DENIED, "*", "ls -ld on what is named above; another user may own it"},
	{SHERD_CORRUPT, "*", "sherd check"},
	{SHERD_MISMATCH, "clone",
		"only places of one pool: clone each pool under a name of its own"},
	{SHERD_MISMATCH, "place",
		"sherd place ls; the URL of another place of this pool, or of "
		"another pool, was given"},
	{SHERD_MISMATCH, "*",
		"sherd place ls; the id in the configuration is that of another pool"},
	{SHERD_TIMEOUT, "*", "again, or with --timeout 5m"},
	{SHERD_OFFLINE, "clone", "a place that can be reached: sherd clone NAME URL"},
	{SHERD_OFFLINE, "*", "sherd status shows which places answer"},
	{SHERD_QUORUM, "backup",
		"bring a place back (sherd status), then sherd backup again: what was "
		"stored is used"},
	{SHERD_QUORUM, "*",
		"bring a place back: sherd status shows which answer; one that has moved: "
		"sherd place set NAME URL"},
	{SHERD_STALE, "*", "bring more places back: sherd status"},
	{SHERD_LOST, "*", "bring places back that are away (sherd status), then again"},
	{SHERD_ROLLBACK, "*", "sherd status -v; sherd help rollback"},
	{SHERD_BADKEY, "clone",
		"the passphrase of the pool, or its recovery kit: sherd clone %s URL "
		"--kit=FILE"},
	{SHERD_BADKEY, "*",
		"the right passphrase, or sherd clone with the recovery kit under another "
		"name"},
	{SHERD_NEWER, "*", "a newer sherd; this one is: sherd version"},
	{SHERD_NOPOOL, "clone", "the folder or URL at which a place of the pool is"},
	{SHERD_NOPOOL, "*", "sherd init NAME -k 3 makes a pool, sherd clone NAME URL joins one"},
	{SHERD_BUSY, "*", "again when the other sherd has ended: ps -C sherd"},
	{SHERD_NOMEM, "*", "again with fewer threads: -j 1"},
	{SHERD_TOOFEW, "*", "sherd status"},
};

_Bool advice(int code, const char *verb, const char *pool, char *buffer, size_t size)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const char *hole;

		if (rows[i].code != code)
			continue;
		if (strcmp(rows[i].verb, "*") && strcmp(rows[i].verb, verb))
			continue;
		hole = strstr(rows[i].text, "%s");
		if (code == SHERD_INVALID)
			snprintf(buffer, size, "sherd help %s", verb);
		else if (hole)
			snprintf(buffer, size, "%.*s%s%s", (int)(hole - rows[i].text), rows[i].text,
				pool ? pool : "NAME", hole + 2);
		else
			snprintf(buffer, size, "%s", rows[i].text);
		return true;
	}
	return false;
}
