/* SPDX-License-Identifier: MIT */
/* cmd_ls.c - sherd ls: what is in a snapshot. */
#include <stdio.h>
#include <string.h>
#include <base/intmath.h>
#include "cmds.h"
#include "out.h"
#include "snap.h"
#include "times.h"

struct values {
	struct globals g;
	const char *host;
	bool recursive, details, zero;
	struct app *app;
};

static const struct option_entry entries[] = {
	OPTION_FLAG('R', "recursive", struct values, recursive, "folders with all that is below"),
	OPTION_FLAG('l', "long", struct values, details, "type, mode, owner, size and time, too"),
	OPTION_FLAG('0', "zero", struct values, zero,
		"names as they are, each with a zero byte behind it"),
	OPTION_TEXT('H', "host", "NAME", struct values, host,
		"latest means that of this machine; default: of all"),
};

static const struct option_table table = {
	.usage = "sherd ls [-R] [-l] [SNAP[:PATH]]",
	.summary = "List what a snapshot holds: of a folder its entries, of a file itself. SNAP is "
		   "the start of an id, latest, latest~2, @2026-11-01, or a name; default: latest.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

static void mode_text(const struct sherd_entry *e, char text[11])
{
	static const char letters[] = "rwxrwxrwx";

	text[0] = entry_letter(e->type);
	for (unsigned i = 0; i < 9; i++)
		text[i + 1] = e->mode & (0400u >> i) ? letters[i] : '-';
	if (e->mode & 04000)
		text[3] = text[3] == 'x' ? 's' : 'S';
	if (e->mode & 02000)
		text[6] = text[6] == 'x' ? 's' : 'S';
	if (e->mode & 01000)
		text[9] = text[9] == 'x' ? 't' : 'T';
	text[10] = '\0';
}

/* Streams: columns as wide as they mostly need to be. */
static void tell_details(const struct values *v, const struct sherd_entry *e)
{
	char mode[11], size[UNITS_SIZE], time[TIMES_SIZE], user[32], group[32];

	mode_text(e, mode);
	snprintf(user, sizeof(user), "%u", e->uid);
	snprintf(group, sizeof(group), "%u", e->gid);
	if (e->type == SHERD_ENTRY_CHARACTER || e->type == SHERD_ENTRY_BLOCK)
		snprintf(size, sizeof(size), "%u, %u", e->device_major, e->device_minor);
	else
		out_size(e->length, v->g.bytes, size);
	out("%s %-8s %-8s %10s %s ", mode, *e->owner ? e->owner : user,
		*e->group ? e->group : group, size,
		e->mtime_s > 0 ? times_minute((uint64_t)e->mtime_s * 1000000000, time)
			       : "1970-01-01 00:00");
}

static int told(void *context, const struct sherd_entry *e)
{
	struct values *v = context;

	if (v->g.json) {
		struct json *j = app_json(v->app, "entry");

		entry_json(j, e);
		json_end(j);
		return 0;
	}
	if (v->details)
		tell_details(v, e);
	if (v->zero) {
		fputs(e->path, stdout);
		fputc('\0', stdout);
		return ferror(stdout) ? SHERD_IO : 0;
	}
	out_name(e->path);
	if (v->details && e->target) {
		fputs(" -> ", stdout);
		out_name(e->target);
	}
	fputc('\n', stdout);
	return ferror(stdout) ? SHERD_IO : 0;
}

static int run(struct app *app, void *values, char **operands, int count)
{
	struct values *v = values;
	const struct sherd_snapshot *snapshot;
	const char *path, *text = count ? operands[0] : "latest";
	struct sherd_error err;
	int code, r;

	if (count > 1)
		return app_usage(app, "one snapshot at a time: SNAP[:PATH]");
	v->app = app;
	code = app_open_repo(app, APP_READ);
	if (!code)
		code = snap_find(app, text, v->host, &snapshot, &path);
	if (code)
		return code;
	r = sherd_list(app->repo, snapshot, path, v->recursive, told, v, &err);
	if (r && ferror(stdout))
		return EXIT_FAILED; /* the end of the program says why */
	if (r)
		return app_fail(app, &err, "cannot list '%s'", text);
	if (v->g.json) {
		struct json *j = app_json(app, "summary");

		json_hex(j, "snapshot", snapshot->id, SHERD_ID_SIZE);
		json_end(j);
	}
	return EXIT_OK;
}

const struct verb verb_ls = {
	.name = "ls",
	.group = "backup",
	.summary = "list what a snapshot holds",
	.table = &table,
	.examples = "  sherd ls latest:/home/me\n"
		    "  sherd ls -lR 4f1c20ab\n"
		    "  sherd ls -R0 @2026-11-01:/etc | xargs -0 -n1 echo\n",
	.size = sizeof(struct values),
	.run = run,
};
