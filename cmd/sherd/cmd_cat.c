/* SPDX-License-Identifier: MIT */
/* cmd_cat.c - sherd cat: the content of a file in a snapshot, to standard output. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <base/err.h>
#include <base/intmath.h>
#include <common/start.h>
#include "cmds.h"
#include "meter.h"
#include "snap.h"

struct values {
	struct globals g;
	const char *host;
};

static const struct option_entry entries[] = {
	OPTION_TEXT('H', "host", "NAME", struct values, host,
		"latest means that of this machine; default: of all"),
};

static const struct option_table table = {
	.usage = "sherd cat SNAP:PATH",
	.summary = "Write the content of a file in a snapshot to standard output.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

static int run(struct app *app, void *values, char **operands, int count)
{
	const struct values *v = values;
	const struct sherd_snapshot *snapshot;
	struct sherd_error err;
	struct meter meter;
	const char *path;
	int code, r;

	if (count != 1)
		return app_usage(app, "one file at a time: SNAP:PATH");
	if (v->g.json)
		return app_usage(app, "the content of a file is no JSON");
	if (!start_has_output())
		return app_usage(app, "standard output is closed");
	code = app_open_repo(app, APP_READ);
	if (!code)
		code = snap_find(app, operands[0], v->host, &snapshot, &path);
	if (code)
		return code;
	if (!path)
		return app_usage(app, "which file of '%s'? SNAP:PATH", operands[0]);
	meter_begin(&meter, app, false);
	if (isatty(STDOUT_FILENO))
		meter.style = PROGRESS_NONE;
	r = sherd_cat(app->repo, snapshot, path, STDOUT_FILENO, &meter.hooks, &err);
	meter_end(&meter);
	if (r == SHERD_IO && err.os_errno == EPIPE)
		return EXIT_FAILED; /* nobody reads any more */
	return r ? app_fail(app, &err, "cannot show '%s'", operands[0]) : EXIT_OK;
}

const struct verb verb_cat = {
	.name = "cat",
	.group = "backup",
	.summary = "write a file of a snapshot to standard output",
	.table = &table,
	.examples = "  sherd cat latest:/etc/fstab\n"
		    "  sherd cat 4f1c20ab:/srv/db.sql | psql db\n"
		    "  sherd cat @2026-11-01:/home/me/notes.txt | diff - notes.txt\n",
	.size = sizeof(struct values),
	.run = run,
};
