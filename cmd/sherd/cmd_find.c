/* SPDX-License-Identifier: MIT */
/* cmd_find.c - sherd find: which snapshots hold a file of that name. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <base/intmath.h>
#include "cmds.h"
#include "out.h"
#include "snap.h"
#include "times.h"

struct values {
	struct globals g;
	const char *host, *type, *newer, *older;
	uint64_t larger, smaller;
	bool ignore_case, zero;
	/* while it runs */
	struct app *app;
	const char *pattern;
	uint64_t newer_ns, older_ns, found;
	const struct sherd_snapshot *snapshot;
};

static const struct option_entry entries[] = {
	OPTION_FLAG('i', "ignore-case", struct values, ignore_case, "capital letters are the same"),
	OPTION_CHOICE('\0', "type", "f|d|l", struct values, type, "f|d|l|p|s|c|b",
		"only files, folders, symbolic links, fifos, sockets, devices"),
	OPTION_SIZE('\0', "larger", "SIZE", struct values, larger, 0, LONG_MAX,
		"only files of more than SIZE"),
	OPTION_SIZE('\0', "smaller", "SIZE", struct values, smaller, 1, LONG_MAX,
		"only files of less than SIZE"),
	OPTION_TEXT('\0', "newer", "TIME", struct values, newer, "only if modified after TIME"),
	OPTION_TEXT('\0', "older", "TIME", struct values, older, "only if modified before TIME"),
	OPTION_TEXT('H', "host", "NAME", struct values, host,
		"only in snapshots of this machine; default: of all"),
	OPTION_FLAG('0', "zero", struct values, zero,
		"names as they are, each with a zero byte behind it"),
};

static const struct option_table table = {
	.usage = "sherd find PATTERN [SNAP[:PATH] ...]",
	.summary =
		"Find files by a shell pattern: over names, or over whole paths if it has a '/'. "
		"In the snapshots given, below PATH; default: in all.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

static bool type_fits(const struct values *v, const struct sherd_entry *e)
{
	char letter = entry_letter(e->type);

	return !v->type || *v->type == (letter == '-' ? 'f' : letter);
}

static bool fits(const struct values *v, const struct sherd_entry *e)
{
	const char *slash = strrchr(e->path, '/');
	const char *name = strchr(v->pattern, '/') || !slash ? e->path : slash + 1;
	uint64_t mtime = e->mtime_s > 0 ? (uint64_t)e->mtime_s * 1000000000 + e->mtime_ns : 0;

	if (!type_fits(v, e))
		return false;
	if ((v->larger || v->smaller) && e->type != SHERD_ENTRY_FILE)
		return false;
	if ((v->larger && e->length <= v->larger) || (v->smaller && e->length >= v->smaller))
		return false;
	if ((v->newer && mtime <= v->newer_ns) || (v->older && mtime >= v->older_ns))
		return false;
	return !fnmatch(v->pattern, name, v->ignore_case ? FNM_CASEFOLD : 0);
}

static int told(void *context, const struct sherd_entry *e)
{
	struct values *v = context;
	char id[2 * SHERD_ID_SIZE + 1];

	if (!fits(v, e))
		return 0;
	v->found++;
	if (v->g.json) {
		struct json *j = app_json(v->app, "match");

		json_hex(j, "snapshot", v->snapshot->id, SHERD_ID_SIZE);
		entry_json(j, e);
		json_end(j);
		return 0;
	}
	printf("%s:", snap_id(v->snapshot, id));
	if (v->zero) {
		fputs(e->path, stdout);
		fputc('\0', stdout);
	} else {
		out_name(e->path);
		fputc('\n', stdout);
	}
	return ferror(stdout) ? SHERD_IO : 0;
}

static int search(
	struct app *app, struct values *v, const struct sherd_snapshot *s, const char *path)
{
	struct sherd_error err;
	char id[2 * SHERD_ID_SIZE + 1];
	int r;

	v->snapshot = s;
	r = sherd_list(app->repo, s, path, 1, told, v, &err);
	if (r && ferror(stdout))
		return EXIT_FAILED;
	return r ? app_fail(app, &err, "cannot search snapshot %s", snap_id(s, id)) : EXIT_OK;
}

static int search_all(struct app *app, struct values *v)
{
	size_t count = 0;
	const struct sherd_snapshot *all = sherd_snapshots(app->repo, &count);
	int worst = EXIT_OK;

	/* A snapshot that is damaged must not hide the others. */
	for (size_t i = 0; i < count; i++) {
		int code = v->host && strcmp(v->host, all[i].host) ? EXIT_OK
								   : search(app, v, &all[i], NULL);

		if (code > EXIT_SIGNAL || ferror(stdout))
			return code;
		worst = worst ? worst : code;
	}
	return worst;
}

static int search_named(struct app *app, struct values *v, char **words, int count)
{
	int code = EXIT_OK;

	for (int i = 0; i < count && !code; i++) {
		const struct sherd_snapshot *snapshot;
		const char *path;

		code = snap_find(app, words[i], v->host, &snapshot, &path);
		if (!code)
			code = search(app, v, snapshot, path);
	}
	return code;
}

static int run(struct app *app, void *values, char **operands, int count)
{
	struct values *v = values;
	struct sherd_error err;
	int code;

	if (!count)
		return app_usage(app, "what to find? PATTERN");
	if ((v->newer && times_parse(v->newer, &v->newer_ns, &err)) ||
		(v->older && times_parse(v->older, &v->older_ns, &err)))
		return app_usage(app, "%s", err.message);
	v->app = app;
	v->pattern = operands[0];
	code = app_open_repo(app, APP_READ);
	if (code)
		return code;
	code = count > 1 ? search_named(app, v, operands + 1, count - 1) : search_all(app, v);
	if (!code && v->g.json) {
		struct json *j = app_json(app, "summary");

		json_number(j, "found", v->found);
		json_end(j);
	}
	return code;
}

const struct verb verb_find = {
	.name = "find",
	.group = "backup",
	.summary = "find files in snapshots",
	.table = &table,
	.examples = "  sherd find 'tax*.ods'\n"
		    "  sherd find --larger 1GiB '*' latest\n"
		    "  sherd find '/home/*/.ssh/*' @2026-11-01\n",
	.size = sizeof(struct values),
	.run = run,
};
