/* SPDX-License-Identifier: MIT */
/*
 * cmd_repair.c - sherd repair: makes missing and bad shares again. It removes nothing, but may move
 * much; so it tells how much first, and asks.
 */
#include <stdio.h>
#include <string.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/units.h>
#include "ask.h"
#include "cmds.h"
#include "meter.h"
#include "out.h"

struct values {
	struct globals g;
	const char *place;
	bool read_all;
};

static const struct option_entry entries[] = {
	OPTION_TEXT('\0', "place", "NAME", struct values, place,
		"only shares that belong to this place"),
	OPTION_FLAG('\0', "read-all", struct values, read_all,
		"read everything first, to find shares that went bad since the last check"),
};

static const struct option_table table = {
	.usage = "sherd repair [-n] [-y] [--place NAME] [--read-all]",
	.summary = "Make missing and bad shares again from the others, move shares of places that "
		   "left the pool, and bring records to places that lack them.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

static enum exit_code judge(const struct sherd_repair_result *r, bool dry)
{
	if (r->packs_lost)
		return EXIT_LOST;
	return r->packs_failed || (dry && r->shares_wanted) ? EXIT_DEGRADED : EXIT_OK;
}

static void tell(const struct sherd_repair_result *r, bool dry)
{
	char a[UNITS_SIZE], b[UNITS_SIZE], time[UNITS_SIZE];

	if (dry) {
		out("would write %s shares; %s packs were looked at\n",
			out_count(r->shares_wanted, a), out_count(r->packs_looked_at, b));
	} else if (!r->shares_written && !r->records_written && !r->packs_failed &&
		   !r->packs_lost) {
		out("nothing to repair: %s packs are whole\n", out_count(r->packs_looked_at, a));
	} else {
		out("repaired  %s packs, ", out_count(r->packs_repaired, a));
		out("%s shares of %s and ", out_count(r->shares_written, a),
			units_size(r->bytes_written, b));
		out("%s records written in %s\n", out_count(r->records_written, a),
			units_duration((r->duration_ns + 500000000) / 1000000000, time));
	}
	if (r->packs_failed)
		out("failed    %s packs: a place did not take its share; again when it does\n",
			out_count(r->packs_failed, a));
	if (r->packs_lost)
		out("lost      %s packs: too few shares are left\n", out_count(r->packs_lost, a));
	if (r->spare >= 0 && r->packs_looked_at)
		out("spare     any %d place%s may be lost\n", r->spare, r->spare == 1 ? "" : "s");
}

static void tell_json(struct app *app, const struct sherd_repair_result *r, bool dry)
{
	struct json *j = app_json(app, "summary");

	json_bool(j, "dry_run", dry);
	json_number(j, "exit_code", judge(r, dry));
	json_number(j, "packs_looked_at", r->packs_looked_at);
	json_number(j, "packs_repaired", r->packs_repaired);
	json_number(j, "packs_failed", r->packs_failed);
	json_number(j, "packs_lost", r->packs_lost);
	json_number(j, "shares_written", r->shares_written);
	json_number(j, "shares_wanted", r->shares_wanted);
	json_number(j, "bytes_written", r->bytes_written);
	json_number(j, "records_written", r->records_written);
	json_signed(j, "spare", r->spare);
	json_real(j, "seconds", (double)r->duration_ns / 1e9);
	json_end(j);
}

static int work(struct app *app, const struct values *v, bool dry, struct sherd_repair_result *ret)
{
	const struct sherd_repair_options options = {
		.place = v->place, .dry_run = dry, .read_all = v->read_all};
	struct sherd_error err;
	struct meter meter;
	int r;

	*ret = (struct sherd_repair_result){0};
	meter_begin(&meter, app, true);
	r = sherd_repair(app->repo, &options, &meter.hooks, ret, &err);
	meter_end(&meter);
	if (r == SHERD_CANCELLED)
		return app_fail_try(app, &err, "sherd repair again: shares that were written stay",
			"stopped: not all is repaired");
	return r ? app_fail(app, &err, "cannot repair pool '%s'", app->pool_name) : EXIT_OK;
}

/* What would be written, and a question; no question if nothing would be. */
static int confirm(struct app *app, const struct values *v, bool *ret_yes)
{
	struct sherd_repair_result dry;
	char question[256], count[UNITS_SIZE];
	struct sherd_error err;
	int code = EXIT_OK;

	*ret_yes = v->g.yes;
	if (*ret_yes)
		return EXIT_OK;
	if (!ask_possible())
		return app_usage(app, "there is no terminal to ask at: add -y to repair, or -n to "
				      "see what would be done");
	if (v->read_all) {
		snprintf(question, sizeof(question),
			"Read all shares of all places, and write what is missing or bad?");
	} else {
		code = work(app, v, true, &dry);
		*ret_yes = !code && !dry.shares_wanted;
		if (code || *ret_yes)
			return code;
		snprintf(question, sizeof(question), "Write %s shares?",
			out_count(dry.shares_wanted, count));
	}
	if (ask_yes(question, ret_yes, &err))
		return app_fail(app, &err, "nothing was repaired");
	return EXIT_OK;
}

static int run(struct app *app, void *values, char **operands, int count)
{
	const struct values *v = values;
	struct sherd_repair_result result;
	bool yes = true;
	int code;

	(void)operands;
	if (count)
		return app_usage(app, "repair takes no operands (--place NAME names a place)");
	code = app_open_repo(app, APP_CHANGE);
	if (!code && !v->g.dry_run)
		code = confirm(app, v, &yes);
	if (code || !yes)
		return code ? code : EXIT_FAILED;
	code = work(app, v, v->g.dry_run, &result);
	if (code)
		return code;
	if (v->g.json)
		tell_json(app, &result, v->g.dry_run);
	else if (!v->g.quiet)
		tell(&result, v->g.dry_run);
	return judge(&result, v->g.dry_run);
}

const struct verb verb_repair = {
	.name = "repair",
	.group = "health",
	.summary = "make missing and bad shares again",
	.table = &table,
	.examples = "  sherd repair -n\n"
		    "  sherd repair -y\n"
		    "  sherd repair --place usb --read-all\n",
	.size = sizeof(struct values),
	.run = run,
};
