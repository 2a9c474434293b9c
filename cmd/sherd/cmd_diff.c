/* SPDX-License-Identifier: MIT */
/* cmd_diff.c - sherd diff: what changed between two snapshots. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <base/intmath.h>
#include "cmds.h"
#include "out.h"
#include "snap.h"
#include "utf8.h"

enum { path_column = 40 };

struct values {
	struct globals g;
	const char *host;
	bool no_meta, zero;
	struct app *app;
	uint64_t added, removed, changed, meta;
};

static const struct option_entry entries[] = {
	OPTION_FLAG('\0', "no-metadata", struct values, no_meta,
		"leave out what differs in owner, mode or time only"),
	OPTION_FLAG('0', "zero", struct values, zero,
		"names as they are, each with a zero byte behind it"),
	OPTION_TEXT('H', "host", "NAME", struct values, host,
		"latest means that of this machine; default: of all"),
};

static const struct option_table table = {
	.usage = "sherd diff SNAP[:PATH] SNAP",
	.summary = "What differs between two snapshots, at or below PATH: + added, - removed, M "
		   "content, m only owner, mode, time or other attributes, T another type of file.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

static const struct {
	char letter;
	const char *word;
} changes[] = {
	[SHERD_CHANGE_ADDED] = {'+', "added"},
	[SHERD_CHANGE_REMOVED] = {'-', "removed"},
	[SHERD_CHANGE_CONTENT] = {'M', "content"},
	[SHERD_CHANGE_META] = {'m', "metadata"},
	[SHERD_CHANGE_TYPE] = {'T', "type"},
};

/* The size of what came or went, or how much a file grew: "+1.2 KiB". */
static void size_text(const struct values *v, enum sherd_change change,
	const struct sherd_entry *before, const struct sherd_entry *after,
	char text[UNITS_SIZE + 1])
{
	const struct sherd_entry *one = after ? after : before;
	uint64_t old = before ? before->length : 0, new = after ? after->length : 0;

	text[0] = '\0';
	if (one->type != SHERD_ENTRY_FILE || change == SHERD_CHANGE_META)
		return;
	if (change != SHERD_CHANGE_CONTENT) {
		out_size(one->length, v->g.bytes, text);
		return;
	}
	text[0] = new < old ? '-' : '+';
	out_size(new < old ? old - new : new - old, v->g.bytes, text + 1);
}

static void tell_json(struct values *v, enum sherd_change change, const struct sherd_entry *before,
	const struct sherd_entry *after)
{
	struct json *j = app_json(v->app, "change");

	json_text(j, "change", changes[change].word);
	json_path(j, "path", (after ? after : before)->path);
	if (before) {
		json_object(j, "before");
		entry_json(j, before);
		json_end(j);
	}
	if (after) {
		json_object(j, "after");
		entry_json(j, after);
		json_end(j);
	}
	json_end(j);
}

static int told(void *context, enum sherd_change change, const struct sherd_entry *before,
	const struct sherd_entry *after)
{
	struct values *v = context;
	const char *path = (after ? after : before)->path;
	char size[UNITS_SIZE + 1];
	size_t width;

	if ((unsigned)change >= ARRAY_COUNT(changes) || (change == SHERD_CHANGE_META && v->no_meta))
		return 0;
	v->added += change == SHERD_CHANGE_ADDED;
	v->removed += change == SHERD_CHANGE_REMOVED;
	v->changed += change == SHERD_CHANGE_CONTENT || change == SHERD_CHANGE_TYPE;
	v->meta += change == SHERD_CHANGE_META;
	if (v->g.json) {
		tell_json(v, change, before, after);
		return 0;
	}
	printf("%c  ", changes[change].letter);
	if (v->zero) {
		fputs(path, stdout);
		fputc('\0', stdout);
		return ferror(stdout) ? SHERD_IO : 0;
	}
	out_name(path);
	size_text(v, change, before, after, size);
	width = utf8_columns(path);
	if (*size)
		printf("%*s  %10s", width < path_column ? (int)(path_column - width) : 0, "", size);
	fputc('\n', stdout);
	return ferror(stdout) ? SHERD_IO : 0;
}

static int tell_end(struct app *app, const struct values *v)
{
	char a[UNITS_SIZE], b[UNITS_SIZE], c[UNITS_SIZE], d[UNITS_SIZE];

	if (v->g.json) {
		struct json *j = app_json(app, "summary");

		json_number(j, "added", v->added);
		json_number(j, "removed", v->removed);
		json_number(j, "changed", v->changed);
		json_number(j, "metadata", v->meta);
		json_end(j);
		return EXIT_OK;
	}
	fflush(stdout);
	app_note(app, "%s added, %s removed, %s changed, %s in attributes only",
		out_count(v->added, a), out_count(v->removed, b), out_count(v->changed, c),
		out_count(v->meta, d));
	return EXIT_OK;
}

static int run(struct app *app, void *values, char **operands, int count)
{
	struct values *v = values;
	const struct sherd_snapshot *a, *b;
	const char *path, *other;
	struct sherd_error err;
	int code, r;

	if (count != 2)
		return app_usage(app, "two snapshots are compared: SNAP[:PATH] SNAP");
	v->app = app;
	code = app_open_repo(app, APP_READ);
	if (!code)
		code = snap_find(app, operands[0], v->host, &a, &path);
	if (!code)
		code = snap_find(app, operands[1], v->host, &b, &other);
	if (code)
		return code;
	if (path && other && strcmp(path, other))
		return app_usage(app, "one path in both: '%s' is not '%s'", other, path);
	r = sherd_diff(app->repo, a, b, path ? path : other, told, v, &err);
	if (r && ferror(stdout))
		return EXIT_FAILED;
	if (r)
		return app_fail(
			app, &err, "cannot compare '%s' with '%s'", operands[0], operands[1]);
	return tell_end(app, v);
}

const struct verb verb_diff = {
	.name = "diff",
	.group = "backup",
	.summary = "what changed between two snapshots",
	.table = &table,
	.examples = "  sherd diff latest~1 latest\n"
		    "  sherd diff 785bbee3:/home/me 4f1c20ab\n"
		    "  sherd diff --no-metadata @2026-11-01 latest\n",
	.size = sizeof(struct values),
	.run = run,
};
