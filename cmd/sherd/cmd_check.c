/* SPDX-License-Identifier: MIT */
/* cmd_check.c - sherd check: is everything there, and right? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/units.h>
#include "cmds.h"
#include "meter.h"
#include "out.h"

struct values {
	struct globals g;
	const char *read;
	bool deep;
};

static const struct option_entry entries[] = {
	OPTION_TEXT('\0', "read", "PERCENT", struct values, read,
		"also read so many of the shares, such as 5%, or all; those that were not read "
		"for the longest time come first"),
	OPTION_FLAG('\0', "deep", struct values, deep,
		"also decrypt and decompress what is read, and verify every piece of every file"),
};

static const struct option_table table = {
	.usage = "sherd check [--read PERCENT|all] [--deep]",
	.summary = "Ask every place for every share it should hold and, with --read, verify their "
		   "bytes. Exit code 0: all is there, 4: something is missing or wrong and can be "
		   "repaired, 20: data is lost.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

/* "5%", "5", "0.5%", "all". */
static int read_percent(const char *text, double *ret)
{
	char *end;
	size_t digits = strspn(text, "0123456789.");

	if (!strcmp(text, "all")) {
		*ret = 100;
		return 0;
	}
	*ret = strtod(text, &end);
	if (!digits || end != text + digits || (*end && strcmp(end, "%")))
		return -1;
	return *ret > 0 && *ret <= 100 ? 0 : -1;
}

static bool place_whole(const struct sherd_place_check *p)
{
	return !p->unreachable && !p->shares_missing && !p->shares_bad && !p->shares_unasked &&
	       !p->records_missing && !p->records_bad;
}

static enum exit_code judge(const struct sherd_check_result *r)
{
	if (r->packs_lost || r->snapshots_lost || r->blobs_bad)
		return EXIT_LOST;
	if (r->packs_degraded || r->snapshots_degraded)
		return EXIT_DEGRADED;
	for (size_t i = 0; i < r->place_count; i++)
		if (!place_whole(&r->places[i]))
			return EXIT_DEGRADED;
	return EXIT_OK;
}

static void table_row(struct app *app, const struct sherd_place_check *p, struct out_table *t)
{
	char size[UNITS_SIZE];

	out_cell(t, "%s", p->name);
	out_cell(t, "%llu/%llu", (unsigned long long)p->shares_good,
		(unsigned long long)p->shares_wanted);
	out_cell(t, "%llu", (unsigned long long)(p->shares_missing + p->records_missing));
	out_cell(t, "%llu", (unsigned long long)(p->shares_bad + p->records_bad));
	out_cell(t, "%s", out_size(p->bytes_verified, app->g->bytes, size));
	out_cell(t, "%s", p->unreachable ? "cannot be reached" : "");
}

static void tell(struct app *app, const struct sherd_check_result *r, unsigned full_spare)
{
	CLEANUP(out_table_release)
	struct out_table t = {.columns = 6, .right = 0x1e};
	static const char *const heads[] = {"place", "packs", "missing", "bad", "verified", ""};
	char a[UNITS_SIZE], b[UNITS_SIZE];
	enum exit_code code = judge(r);

	for (size_t i = 0; i < ARRAY_COUNT(heads) && r->place_count; i++)
		out_cell(&t, "%s", heads[i]);
	for (size_t i = 0; i < r->place_count; i++)
		table_row(app, &r->places[i], &t);
	out_table_print(&t);
	if (r->blobs_bad)
		out("%s pieces of files are wrong though their shares are right\n",
			out_count(r->blobs_bad, a));
	if (r->packs_read)
		out("%s of %s packs read\n", out_count(r->packs_read, a), out_count(r->packs, b));
	out("%llu snapshots whole, %llu degraded", (unsigned long long)r->snapshots_whole,
		(unsigned long long)r->snapshots_degraded);
	if (r->snapshots_degraded && r->spare >= 0)
		out(" (spare %d of %u)", r->spare, full_spare);
	out(", %llu lost.%s\n", (unsigned long long)r->snapshots_lost,
		code == EXIT_OK ? "" : "   Next: sherd repair");
}

static void json_place(struct json *j, const struct sherd_place_check *p)
{
	json_object(j, NULL);
	json_text(j, "name", p->name);
	json_number(j, "shares_wanted", p->shares_wanted);
	json_number(j, "shares_good", p->shares_good);
	json_number(j, "shares_missing", p->shares_missing);
	json_number(j, "shares_bad", p->shares_bad);
	json_number(j, "shares_unasked", p->shares_unasked);
	json_number(j, "bytes_good", p->bytes_good);
	json_number(j, "bytes_verified", p->bytes_verified);
	json_number(j, "records_missing", p->records_missing);
	json_number(j, "records_bad", p->records_bad);
	json_bool(j, "unreachable", p->unreachable);
	json_end(j);
}

static void tell_json(struct app *app, const struct sherd_check_result *r)
{
	struct json *j = app_json(app, "summary");

	json_number(j, "exit_code", judge(r));
	json_array(j, "places");
	for (size_t i = 0; i < r->place_count; i++)
		json_place(j, &r->places[i]);
	json_end(j);
	json_number(j, "packs", r->packs);
	json_number(j, "packs_whole", r->packs_whole);
	json_number(j, "packs_degraded", r->packs_degraded);
	json_number(j, "packs_lost", r->packs_lost);
	json_number(j, "packs_read", r->packs_read);
	json_number(j, "blobs_bad", r->blobs_bad);
	json_number(j, "snapshots_whole", r->snapshots_whole);
	json_number(j, "snapshots_degraded", r->snapshots_degraded);
	json_number(j, "snapshots_lost", r->snapshots_lost);
	json_signed(j, "spare", r->spare);
	json_number(j, "bytes_read", r->bytes_read);
	json_real(j, "seconds", (double)r->duration_ns / 1e9);
	json_end(j);
}

static int check(struct app *app, const struct sherd_check_options *options)
{
	struct sherd_check_result result = {0};
	struct sherd_pool_info info;
	struct sherd_error err;
	struct meter meter;
	int r;

	meter_begin(&meter, app, false);
	r = sherd_check(app->repo, options, &meter.hooks, &result, &err);
	meter_end(&meter);
	if (r == SHERD_CANCELLED)
		return app_fail(app, &err, "stopped: not all was checked");
	if (r)
		return app_fail(app, &err, "cannot check pool '%s'", app->pool_name);
	sherd_pool_info(app->pool, &info);
	if (app->g->json)
		tell_json(app, &result);
	else if (!app->g->quiet)
		tell(app, &result, info.m ? info.m - info.k : 0);
	return judge(&result);
}

static int run(struct app *app, void *values, char **operands, int count)
{
	const struct values *v = values;
	struct sherd_check_options options = {.deep = v->deep};
	int code;

	(void)operands;
	if (count)
		return app_usage(app, "check takes no operands (-p NAME names the pool)");
	if (v->read && read_percent(v->read, &options.read_percent))
		return app_usage(
			app, "--read '%s' is neither a percentage such as 5%% nor all", v->read);
	if (v->deep && !v->read)
		return app_usage(app, "--deep goes with --read: nothing is read otherwise");
	code = app_open_repo(app, APP_CHANGE);
	return code ? code : check(app, &options);
}

const struct verb verb_check = {
	.name = "check",
	.group = "health",
	.summary = "is everything there, and right?",
	.table = &table,
	.examples = "  sherd check\n"
		    "  sherd check --read 5%\n"
		    "  sherd check --read all --deep\n",
	.size = sizeof(struct values),
	.run = run,
};
