/* SPDX-License-Identifier: MIT */
/*
 * cmd_restore.c - sherd restore: brings files back from a snapshot.
 *
 * --delete removes what is not in the snapshot: it runs dry first and shows what would go.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/units.h>
#include <common/say.h>
#include "ask.h"
#include "cmds.h"
#include "meter.h"
#include "out.h"
#include "snap.h"

static const char go_on[] = "the same command again goes on: what is restored already stays";

struct values {
	struct globals g;
	const char *to, *overwrite, *host;
	struct option_list includes, excludes;
	uint64_t max_bytes;
	bool in_place, delete_extra, verify, no_sparse, no_owner, same_owner, devices, xattrs,
		no_xattrs;
};

static const struct option_entry entries[] = {
	OPTION_TEXT('t', "to", "DIR", struct values, to, "restore into DIR, which is made"),
	OPTION_FLAG(
		'\0', "in-place", struct values, in_place, "restore to where the files came from"),
	OPTION_LIST('i', "include", "PATTERN", struct values, includes,
		"only what matches, by gitignore's rules"),
	OPTION_LIST('e', "exclude", "PATTERN", struct values, excludes, "not what matches"),
	OPTION_CHOICE('\0', "overwrite", "WHEN", struct values, overwrite,
		"never|newer|differ|always",
		"files that are there: never replace them (default), if the snapshot's is newer, "
		"if they differ, or always"),
	OPTION_FLAG('\0', "delete", struct values, delete_extra,
		"remove what is in restored folders but not in the snapshot; asks"),
	OPTION_FLAG('\0', "verify", struct values, verify, "read back all that was written"),
	OPTION_FLAG('\0', "no-sparse", struct values, no_sparse, "write holes as zeros"),
	OPTION_FLAG(
		'\0', "same-owner", struct values, same_owner, "set owners; the default for root"),
	OPTION_FLAG('\0', "no-owner", struct values, no_owner,
		"do not set owners; the default for others"),
	OPTION_FLAG('\0', "devices", struct values, devices,
		"make device nodes, and keep setuid bits though owners are not set"),
	OPTION_FLAG('\0', "xattrs", struct values, xattrs,
		"set extended attributes, which is the default"),
	OPTION_FLAG('\0', "no-xattrs", struct values, no_xattrs, "leave extended attributes out"),
	OPTION_SIZE('\0', "max-size", "SIZE", struct values, max_bytes, 1, LONG_MAX,
		"refuse to write more than SIZE in all"),
	OPTION_TEXT('H', "host", "NAME", struct values, host,
		"latest means that of this machine; default: of all"),
};

static const struct option_table table = {
	.usage = "sherd restore SNAP[:PATH] --to DIR [options]\n"
		 "       sherd restore SNAP[:PATH] --in-place [options]",
	.summary =
		"Bring files back. SNAP alone: its full paths beneath DIR. SNAP:PATH: what is in "
		"the folder PATH becomes what is in DIR, or the file PATH goes into DIR. Every "
		"byte is verified.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

static void release(void *values)
{
	option_list_release(&((struct values *)values)->includes);
	option_list_release(&((struct values *)values)->excludes);
}

static const char *wrong_words(const struct values *v, int count)
{
	if (count != 1)
		return count ? "one snapshot at a time: SNAP[:PATH]"
			     : "no snapshot is named: SNAP, such as latest";
	if (!v->to == !v->in_place)
		return "say where to: --to DIR or --in-place";
	if (v->to && !*v->to)
		return "--to names no folder";
	if (v->same_owner && v->no_owner)
		return "only one of --same-owner and --no-owner";
	if (v->xattrs && v->no_xattrs)
		return "only one of --xattrs and --no-xattrs";
	return NULL;
}

static enum sherd_overwrite overwrite_of(const char *word)
{
	static const char *const words[] = {"never", "newer", "differ", "always"};

	for (unsigned i = 0; word && i < ARRAY_COUNT(words); i++)
		if (!strcmp(words[i], word))
			return (enum sherd_overwrite)i;
	return SHERD_OVERWRITE_NEVER;
}

/* ---- in place, with a path: a folder returns to itself, a file to its folder ---- */

struct kind {
	const char *path;
	bool folder;
};

static int look(void *context, const struct sherd_entry *e)
{
	struct kind *kind = context;

	/* A folder tells of what is in it, all else of itself. */
	kind->folder = strcmp(e->path, kind->path) != 0;
	return 1;
}

static char *folder_of(
	struct app *app, const struct sherd_snapshot *s, const char *path, struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *clean = mem_format("%s", path);
	struct kind kind = {.path = clean, .folder = true};
	char *target, *slash;
	int r;

	if (!clean) {
		err_nomem(err);
		return NULL;
	}
	for (size_t end = strlen(clean); end > 1 && clean[end - 1] == '/'; end--)
		clean[end - 1] = '\0';
	r = sherd_list(app->repo, s, clean, 0, look, &kind, err);
	if (r < 0)
		return NULL;
	target = mem_format("%s", clean);
	if (!target)
		err_nomem(err);
	slash = target && !kind.folder ? strrchr(target, '/') : NULL;
	if (slash)
		slash[slash == target] = '\0';
	return target;
}

/* ---- results ---- */

static void tell_left(const struct sherd_restore_result *r)
{
	char count[UNITS_SIZE];

	if (r->same)
		out("same      %s were there already\n", out_count(r->same, count));
	if (r->deleted)
		out("deleted   %s that the snapshot does not hold\n", out_count(r->deleted, count));
	if (r->skipped)
		out("skipped   %s differ and were left as they are (--overwrite)\n",
			out_count(r->skipped, count));
	if (r->attributes)
		out("partly    %s without an owner, mode or other attribute that could not be set\n",
			out_count(r->attributes, count));
	if (r->refused)
		out("refused   %s were not made\n", out_count(r->refused, count));
	if (r->lost)
		out("lost      %s file%s, named above\n", out_count(r->lost, count),
			r->lost == 1 ? "" : "s");
}

static void tell(
	const struct values *v, const struct meter *meter, const struct sherd_restore_result *r)
{
	char count[UNITS_SIZE], size[UNITS_SIZE], time[UNITS_SIZE], rate[UNITS_SIZE], places[512];
	uint64_t ns = r->duration_ns ? r->duration_ns : 1;

	if (v->g.dry_run) {
		out("would restore  %s files, %s; nothing was written\n",
			out_count(r->files, count), out_size(r->bytes, v->g.bytes, size));
		tell_left(r);
		return;
	}
	out("restored  %s file%s, %s in %s (%s/s), all verified\n", out_count(r->files, count),
		r->files == 1 ? "" : "s", out_size(r->bytes, v->g.bytes, size),
		units_duration((ns + 500000000) / 1000000000, time),
		units_size((uint64_t)((double)r->bytes / ((double)ns / 1e9)), rate));
	if (r->bad_shares)
		out("healed    %s shares%s%s were bad or missing; right data came from other "
		    "places. Run: sherd repair\n",
			out_count(r->bad_shares, count), meter->bad_count ? " on " : "",
			meter_bad_places(meter, places, sizeof(places)));
	tell_left(r);
}

static void tell_json(struct app *app, const struct values *v, const struct meter *meter,
	const struct sherd_restore_result *r)
{
	struct json *j = app_json(app, "summary");

	json_bool(j, "dry_run", v->g.dry_run);
	json_number(j, "files", r->files);
	json_number(j, "folders", r->folders);
	json_number(j, "others", r->others);
	json_number(j, "same", r->same);
	json_number(j, "bytes", r->bytes);
	json_number(j, "skipped", r->skipped);
	json_number(j, "lost", r->lost);
	json_number(j, "attributes", r->attributes);
	json_number(j, "refused", r->refused);
	json_number(j, "deleted", r->deleted);
	json_number(j, "bad_shares", r->bad_shares);
	json_array(j, "bad_places");
	for (unsigned i = 0; i < meter->bad_count; i++)
		json_text(j, NULL, meter->bad[i].name);
	json_end(j);
	json_real(j, "seconds", (double)r->duration_ns / 1e9);
	json_end(j);
}

/* ---- the work ---- */

/* Show what --delete would remove, and ask. */
static int confirm_delete(struct app *app, const struct values *v, const struct sherd_snapshot *s,
	struct sherd_restore_options o, bool *ret_yes)
{
	struct sherd_restore_result result = {0};
	struct globals loud = *app->g;
	const struct globals *kept = app->g;
	char question[512], count[UNITS_SIZE];
	struct sherd_error err;
	struct meter meter;
	int r;

	*ret_yes = v->g.yes || v->g.dry_run;
	if (*ret_yes)
		return EXIT_OK;
	if (!ask_possible())
		return app_usage(app, "there is no terminal to ask at: add -y to delete, or -n to "
				      "see what would go");
	o.dry_run = 1;
	loud.verbose++; /* names what would be deleted */
	app->g = &loud;
	meter_begin(&meter, app, false);
	r = sherd_restore(app->repo, s, &o, &meter.hooks, &result, &err);
	meter_end(&meter);
	app->g = kept;
	if (r)
		return app_fail(app, &err, "nothing was restored");
	*ret_yes = !result.deleted;
	if (*ret_yes)
		return EXIT_OK;
	snprintf(question, sizeof(question), "Delete these %s and restore?",
		out_count(result.deleted, count));
	if (ask_yes(question, ret_yes, &err))
		return app_fail(app, &err, "nothing was restored");
	return EXIT_OK;
}

static int restore(struct app *app, const struct values *v, const struct sherd_snapshot *s,
	const struct sherd_restore_options *o)
{
	struct sherd_restore_result result = {0};
	struct sherd_error err;
	struct meter meter;
	int r;

	meter_begin(&meter, app, false);
	r = sherd_restore(app->repo, s, o, &meter.hooks, &result, &err);
	meter_end(&meter);
	if (r == SHERD_CANCELLED)
		return app_fail_try(app, &err, go_on, "stopped: not all is restored");
	if (r)
		return app_fail(app, &err, "not all is restored");
	if (v->g.json)
		tell_json(app, v, &meter, &result);
	else if (!v->g.quiet)
		tell(v, &meter, &result);
	if (result.lost)
		return EXIT_LOST;
	return result.refused ? EXIT_UNREADABLE : EXIT_OK;
}

static int start(struct app *app, const struct values *v, const char *text)
{
	CLEANUP(mem_free_at) char *folder = NULL;
	const struct sherd_snapshot *snapshot;
	struct sherd_restore_options o = {
		.target = v->to ? v->to : "/",
		.in_place = v->in_place,
		.overwrite = overwrite_of(v->overwrite),
		.delete_extra = v->delete_extra,
		.dry_run = v->g.dry_run,
		.includes = v->includes.items,
		.include_count = v->includes.count,
		.excludes = v->excludes.items,
		.exclude_count = v->excludes.count,
		.no_owner = v->no_owner || (geteuid() && !v->same_owner),
		.no_xattrs = v->no_xattrs,
		.devices = v->devices,
		.no_sparse = v->no_sparse,
		.verify = v->verify,
		.max_bytes = v->max_bytes,
	};
	struct sherd_error err;
	bool yes = true;
	int code = snap_find(app, text, v->host, &snapshot, &o.path);

	if (code)
		return code;
	if (v->in_place && o.path) {
		folder = folder_of(app, snapshot, o.path, &err);
		if (!folder)
			return app_fail(app, &err, "cannot restore '%s'", text);
		o.target = folder;
		o.in_place = 0;
	}
	if (v->delete_extra)
		code = confirm_delete(app, v, snapshot, o, &yes);
	if (code || !yes)
		return code ? code : EXIT_FAILED;
	return restore(app, v, snapshot, &o);
}

static int run(struct app *app, void *values, char **operands, int count)
{
	const struct values *v = values;
	const char *wrong = wrong_words(v, count);
	int code;

	if (wrong)
		return app_usage(app, "%s", wrong);
	code = app_open_repo(app, APP_READ);
	return code ? code : start(app, v, operands[0]);
}

const struct verb verb_restore = {
	.name = "restore",
	.group = "backup",
	.summary = "bring files back",
	.table = &table,
	.examples = "  sherd restore latest:/home/me/Documents --to ~/r\n"
		    "  sherd restore latest --to /mnt --include '*.jpg'\n"
		    "  sherd restore 4f1c20ab:/etc --in-place --overwrite differ -n\n",
	.size = sizeof(struct values),
	.run = run,
	.release = release,
};
