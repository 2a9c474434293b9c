/* SPDX-License-Identifier: MIT */
/*
 * cmd_backup.c - sherd backup: saves paths as a new snapshot.
 *
 * A backup that is stopped or fails leaves nothing visible, but what was stored is used by the
 * next.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/hex.h>
#include <base/intmath.h>
#include <base/units.h>
#include <common/say.h>
#include <common/start.h>
#include "cmds.h"
#include "lines.h"
#include "meter.h"
#include "out.h"
#include "snap.h"
#include "times.h"

enum { need_max = 256, level_max = 19 };

static const char reused[] =
	"sherd backup again with the same words: what was stored already is used";

struct values {
	struct globals g;
	struct option_list excludes, exclude_files, if_present, tags;
	const char *files_from, *name, *compression, *time;
	uint64_t larger_than;
	long need;
	bool exclude_caches, one_file_system, from_stdin, from0, force_read, no_scan, no_xattrs;
	bool xattrs;
	struct lines patterns, paths;
};

static const struct option_entry entries[] = {
	OPTION_LIST('e', "exclude", "PATTERN", struct values, excludes,
		"leave out what matches, by gitignore's rules"),
	OPTION_LIST('\0', "exclude-file", "FILE", struct values, exclude_files,
		"patterns from a file, one a line"),
	OPTION_FLAG('\0', "exclude-caches", struct values, exclude_caches,
		"leave out what is in folders with a CACHEDIR.TAG"),
	OPTION_LIST('\0', "exclude-if-present", "NAME", struct values, if_present,
		"leave out what is in folders that hold a file NAME"),
	OPTION_SIZE('\0', "exclude-larger-than", "SIZE", struct values, larger_than, 1, LONG_MAX,
		"leave out larger files"),
	OPTION_FLAG('x', "one-file-system", struct values, one_file_system,
		"stay on the file systems of the paths given"),
	OPTION_FLAG('\0', "stdin", struct values, from_stdin,
		"save standard input as one file, called --name"),
	OPTION_TEXT('\0', "name", "NAME", struct values, name,
		"name of the snapshot, and of the file with --stdin"),
	OPTION_TEXT('\0', "files-from", "FILE", struct values, files_from,
		"also save the paths that stand in FILE, one a line (\"-\": standard input)"),
	OPTION_FLAG('0', "from0", struct values, from0, "the paths in it end in a zero byte"),
	OPTION_LIST('t', "tag", "TAG", struct values, tags, "tag of the snapshot; may be repeated"),
	OPTION_NUMBER('\0', "need", "N", struct values, need, 1, need_max,
		"shares of each pack that must be stored and verified, or the backup fails; "
		"default: K and half of the spare ones"),
	OPTION_TEXT('\0', "compression", "LEVEL", struct values, compression,
		"1 (fast) to 19 (small), or off"),
	OPTION_FLAG('\0', "force-read", struct values, force_read,
		"read all files, even those that seem unchanged"),
	OPTION_FLAG('\0', "no-scan", struct values, no_scan,
		"do not count files first; the progress shows no end then"),
	OPTION_FLAG('\0', "xattrs", struct values, xattrs,
		"save extended attributes, which is the default"),
	OPTION_FLAG('\0', "no-xattrs", struct values, no_xattrs, "leave extended attributes out"),
	OPTION_TEXT('\0', "time", "TIME", struct values, time,
		"time of the snapshot, such as 2026-11-20T10:02; default: now"),
};

static const struct option_table table = {
	.usage = "sherd backup [options] PATH ...\n"
		 "       sherd backup [options] --files-from FILE\n"
		 "       sherd backup [options] --stdin --name NAME",
	.summary =
		"Save files and folders as a new snapshot. Files that have not changed since the "
		"last one are not read; data that is in the pool is not stored again.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

static void release(void *values)
{
	struct values *v = values;

	option_list_release(&v->excludes);
	option_list_release(&v->exclude_files);
	option_list_release(&v->if_present);
	option_list_release(&v->tags);
	lines_release(&v->patterns);
	lines_release(&v->paths);
}

/* ---- options ---- */

static int read_compression(const char *text, int *ret, struct sherd_error *err)
{
	long level;

	if (!text) {
		*ret = 0;
	} else if (!strcmp(text, "off")) {
		*ret = -1;
	} else if (!units_number(text, 1, level_max, &level)) {
		*ret = (int)level;
	} else {
		return err_set(err, SHERD_INVALID, "--compression '%s' is neither 1 to %d nor off",
			text, level_max);
	}
	return 0;
}

static int read_lists(struct values *v, char **operands, int count, struct sherd_error *err)
{
	int r = 0;

	for (int i = 0; i < count && !r; i++)
		r = lines_add(&v->paths, operands[i], err);
	if (!r && v->files_from)
		r = lines_read(&v->paths, v->files_from, v->from0 ? '\0' : '\n', false, err);
	/* Patterns given here come last, so that they win over those of files. */
	for (size_t i = 0; i < v->exclude_files.count && !r; i++)
		r = lines_read(&v->patterns, v->exclude_files.items[i], '\n', true, err);
	for (size_t i = 0; i < v->excludes.count && !r; i++)
		r = lines_add(&v->patterns, v->excludes.items[i], err);
	return r;
}

static const char *wrong_words(const struct values *v, int count)
{
	if (v->from_stdin && (count || v->files_from))
		return "--stdin saves standard input alone: no paths";
	if (v->from_stdin && (!v->name || !*v->name || strchr(v->name, '/')))
		return "--stdin needs --name NAME, without a '/': what the file is called";
	if (v->from_stdin && !start_has_input())
		return "standard input is closed";
	if (!v->from_stdin && !count && !v->files_from)
		return "nothing to save is named: PATH";
	if (v->xattrs && v->no_xattrs)
		return "only one of --xattrs and --no-xattrs";
	if (v->from0 && !v->files_from)
		return "--from0 goes with --files-from";
	for (size_t i = 0; i < v->tags.count; i++)
		if (!*v->tags.items[i])
			return "an empty --tag";
	return NULL;
}

static int fill(struct sherd_backup_options *o, const struct values *v, struct sherd_error *err)
{
	*o = (struct sherd_backup_options){
		.paths = v->paths.items,
		.path_count = v->paths.count,
		.stdin_fd = STDIN_FILENO,
		.stdin_name = v->from_stdin ? v->name : NULL,
		.excludes = v->patterns.items,
		.exclude_count = v->patterns.count,
		.exclude_caches = v->exclude_caches,
		.exclude_if_present = v->if_present.items,
		.exclude_if_present_count = v->if_present.count,
		.exclude_larger_than = v->larger_than,
		.one_file_system = v->one_file_system,
		.force_read = v->force_read,
		.no_xattrs = v->no_xattrs,
		.dry_run = v->g.dry_run,
		.no_scan = v->no_scan,
		.tags = v->tags.items,
		.tag_count = v->tags.count,
		.name = v->name,
		.version = "sherd " SHERD_VERSION,
		.need = (unsigned)v->need,
	};
	if (read_compression(v->compression, &o->compression, err))
		return err->code;
	return v->time ? times_parse(v->time, &o->time_ns, err) : 0;
}

/* ---- results ---- */

static void tell_places(const struct sherd_backup_result *r)
{
	const char *more = r->places_complete < r->places_total ? " more" : "";

	out("places    %u of %u have it all; ", r->places_complete, r->places_total);
	if (r->spare < 0)
		out("how many may be lost is not known");
	else if (r->spare == 0)
		out("none%s may be lost", more);
	else
		out("any %d%s may be lost", r->spare, more);
	if (r->missing[0])
		out(". %s - will be filled by \"sherd repair\"", r->missing);
	out("\n");
}

static const struct sherd_snapshot *made(struct app *app, const struct sherd_backup_result *r)
{
	size_t count;
	const struct sherd_snapshot *all = sherd_snapshots(app->repo, &count);

	for (size_t i = count; all && i-- > 0;)
		if (!memcmp(all[i].id, r->snapshot, SHERD_ID_SIZE))
			return &all[i];
	return NULL;
}

static void tell_snapshot(struct app *app, const struct sherd_backup_result *r)
{
	const struct sherd_snapshot *s = made(app, r);
	char id[2 * SHERD_ID_SIZE + 1], time[TIMES_SIZE], took[UNITS_SIZE];

	hex_of(r->snapshot, SHERD_ID_SIZE, id);
	out("snapshot  %.*s  %s  %s  (%s)\n", snap_id_digits, id, app->pool_name,
		times_second(s ? s->time_ns : times_now(), time),
		units_duration((r->duration_ns + 500000000) / 1000000000, took));
}

static void tell(struct app *app, const struct values *v, const struct sherd_backup_result *r)
{
	char a[UNITS_SIZE], b[UNITS_SIZE], c[UNITS_SIZE], d[UNITS_SIZE];
	bool exact = v->g.bytes;
	struct sherd_pool_info info;

	sherd_pool_info(app->pool, &info);
	out("files     %s new, %s changed, %s same, %s unreadable\n", out_count(r->files_new, a),
		out_count(r->files_changed, b), out_count(r->files_same, c),
		out_count(r->files_unreadable, d));
	if (v->g.dry_run) {
		out("data      %s new of %s\n", out_size(r->bytes_new, exact, a),
			out_size(r->bytes, exact, b));
		out("dry run   nothing was stored\n");
		return;
	}
	out("data      %s new of %s; %s packed; %s stored (%u-of-%u)\n",
		out_size(r->bytes_new, exact, a), out_size(r->bytes, exact, b),
		out_size(r->bytes_packed, exact, c), out_size(r->bytes_stored, exact, d), info.k,
		info.m);
	tell_places(r);
	tell_snapshot(app, r);
}

static void tell_json(struct app *app, const struct values *v, const struct sherd_backup_result *r)
{
	struct json *j = app_json(app, "summary");

	json_bool(j, "dry_run", v->g.dry_run);
	if (v->g.dry_run)
		json_text(j, "snapshot", NULL);
	else
		json_hex(j, "snapshot", r->snapshot, SHERD_ID_SIZE);
	json_number(j, "files", r->files);
	json_number(j, "folders", r->folders);
	json_number(j, "others", r->others);
	json_number(j, "files_new", r->files_new);
	json_number(j, "files_changed", r->files_changed);
	json_number(j, "files_same", r->files_same);
	json_number(j, "files_unreadable", r->files_unreadable);
	json_number(j, "files_torn", r->files_torn);
	json_number(j, "bytes", r->bytes);
	json_number(j, "bytes_read", r->bytes_read);
	json_number(j, "bytes_new", r->bytes_new);
	json_number(j, "bytes_packed", r->bytes_packed);
	json_number(j, "bytes_stored", r->bytes_stored);
	json_number(j, "packs", r->packs);
	json_number(j, "shares_least", r->shares_least);
	json_signed(j, "spare", r->spare);
	json_number(j, "places_complete", r->places_complete);
	json_number(j, "places_total", r->places_total);
	json_text(j, "missing", r->missing);
	json_number(j, "head_seq", r->head_seq);
	json_real(j, "seconds", (double)r->duration_ns / 1e9);
	json_end(j);
}

/* The number of shares is fixed by the first backup: said aloud, for it lasts. */
static void tell_fixed(struct app *app, unsigned before)
{
	struct sherd_pool_info info;

	sherd_pool_info(app->pool, &info);
	if (!before && info.m)
		app_note(app,
			"The pool makes %u shares of everything from here on (%u-of-%u); places "
			"added later change where they go, not how many there are.",
			info.m, info.k, info.m);
}

static int back_up(struct app *app, const struct values *v, const struct sherd_backup_options *o)
{
	struct sherd_backup_result result = {0};
	struct sherd_pool_info info;
	struct sherd_error err;
	struct meter meter;
	unsigned before;
	int r;

	sherd_pool_info(app->pool, &info);
	before = info.m;
	meter_begin(&meter, app, true);
	r = sherd_backup(app->repo, o, &meter.hooks, &result, &err);
	meter_end(&meter);
	if (r == SHERD_CANCELLED)
		return app_fail_try(app, &err, reused, "stopped: no snapshot was made");
	if (r)
		return app_fail(app, &err, "no snapshot was made");
	if (!v->g.dry_run)
		tell_fixed(app, before);
	if (v->g.json)
		tell_json(app, v, &result);
	else if (!v->g.quiet)
		tell(app, v, &result);
	return result.files_unreadable ? EXIT_UNREADABLE : EXIT_OK;
}

static int run(struct app *app, void *values, char **operands, int count)
{
	struct values *v = values;
	const char *wrong = wrong_words(v, count);
	struct sherd_backup_options options;
	struct sherd_error err;
	int code;

	if (wrong)
		return app_usage(app, "%s", wrong);
	if (read_lists(v, operands, count, &err))
		return app_fail(app, &err, "no snapshot was made");
	if (!v->from_stdin && !v->paths.count)
		return app_usage(app, "'%s' names nothing to save", v->files_from);
	if (fill(&options, v, &err))
		return app_usage(app, "%s", err.message);
	code = app_open_repo(app, APP_CHANGE);
	return code ? code : back_up(app, v, &options);
}

const struct verb verb_backup = {
	.name = "backup",
	.group = "backup",
	.summary = "save files as a new snapshot",
	.table = &table,
	.examples = "  sherd backup ~/Documents ~/Pictures\n"
		    "  sherd backup / -x --exclude-caches --exclude-file /etc/sherd/exclude\n"
		    "  pg_dump db | sherd backup --stdin --name db.sql\n",
	.size = sizeof(struct values),
	.run = run,
	.release = release,
};
