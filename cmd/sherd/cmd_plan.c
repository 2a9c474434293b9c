/* SPDX-License-Identifier: MIT */
/* cmd_plan.c - sherd plan: what k-of-n would cost and how safe it would be. No pool is needed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include "cmds.h"
#include "out.h"

enum { places_max = 256 };

static const double good_loss = 1e-4; /* what the star asks for: in a year ... */
static const double good_nines = 4;   /* ... and at any moment */

struct values {
	struct globals g;
	long places;
	const char *domains, *loss, *down;
	long days;
};

static const struct option_entry entries[] = {
	OPTION_NUMBER('\0', "places", "N", struct values, places, 1, places_max,
		"how many places; default: those of the pool named with -p"),
	OPTION_TEXT('\0', "domains", "A,B,...", struct values, domains,
		"how many places fail together: 2,1,1 are four places, two of which share a house "
		"or a provider"),
	OPTION_TEXT('\0', "loss", "PERCENT", struct values, loss,
		"how likely a place is lost in a year; default: 5%"),
	OPTION_TEXT('\0', "down", "PERCENT", struct values, down,
		"how likely a place cannot be read at some moment; default: 1%"),
	OPTION_NUMBER('\0', "days", "N", struct values, days, 1, 36500,
		"days until a loss is noticed and repaired; default: 30"),
};

static const struct option_table table = {
	.usage = "sherd plan --places N [--domains A,B,...] [--loss PERCENT] [--days N]",
	.summary = "For each number of shares that suffice: how much is stored, how many places "
		   "may be lost, and how likely data is lost or cannot be read.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

/* "5%", "5", "0.5 %": a part of one. */
static int read_percent(const char *text, const char *option, double *ret, struct sherd_error *err)
{
	size_t digits = strspn(text, "0123456789.");
	const char *rest = text + digits + strspn(text + digits, " ");
	char *end;
	double value = strtod(text, &end);

	if (!digits || end != text + digits || (*rest && strcmp(rest, "%")) || value <= 0 ||
		value >= 100)
		return err_set(err, SHERD_INVALID, "--%s: '%s' is no percentage between 0 and 100",
			option, text);
	*ret = value / 100;
	return 0;
}

struct domains {
	unsigned counts[places_max];
	size_t count;
	unsigned total;
};

static int read_domains(const char *text, struct domains *d, struct sherd_error *err)
{
	while (*text) {
		size_t digits = strspn(text, "0123456789");
		long value = digits && digits < 4 ? strtol(text, NULL, 10) : 0;

		if (value < 1 || value > places_max || d->total + value > places_max ||
			(text[digits] && (text[digits] != ',' || !text[digits + 1])))
			return err_set(
				err, SHERD_INVALID, "--domains: numbers of places, such as 2,1,1");
		d->counts[d->count++] = (unsigned)value;
		d->total += (unsigned)value;
		text += digits + (text[digits] == ',');
	}
	return d->total ? 0 : err_set(err, SHERD_INVALID, "--domains: no place at all");
}

/* The places of an open pool, by domain; a place without one is a domain of its own. */
static int count_domains(struct app *app, struct domains *d)
{
	const char *names[places_max];
	size_t count;
	const struct sherd_place_info *places = sherd_pool_places(app->pool, 0, &count);

	for (size_t i = 0; places && i < count && i < places_max; i++) {
		size_t at = 0;

		while (at < d->count && (!*places[i].domain || strcmp(names[at], places[i].domain)))
			at++;
		if (at == d->count)
			names[d->count++] = places[i].domain;
		d->counts[at]++;
		d->total++;
	}
	return d->total ? EXIT_OK : app_usage(app, "the pool has no places yet: --places N");
}

static char *odds(double p, char buffer[32])
{
	char number[UNITS_SIZE];

	if (p <= 0)
		snprintf(buffer, 32, "never");
	else if (1 / p < 1e9)
		snprintf(buffer, 32, "1 in %s", out_count((uint64_t)(1 / p + 0.5), number));
	else
		snprintf(buffer, 32, "1 in %.1e", 1 / p);
	return buffer;
}

static double nines(double p)
{
	return p > 0 ? -log10(p) : 99;
}

/* The cheapest row that is safe enough; k = 1 (plain copies) and k = n (nothing to spare) only if
 * there is no other. */
static size_t choose(const struct sherd_plan_row *rows, size_t count)
{
	size_t best = count;

	for (size_t i = 0; i < count; i++)
		if (rows[i].may_lose && rows[i].k > 1 && rows[i].loss_year <= good_loss &&
			nines(rows[i].unreadable) >= good_nines)
			best = i;
	return best;
}

static void tell(const struct values *v, const struct sherd_plan_row *rows, size_t count,
	const struct sherd_plan_options *o)
{
	CLEANUP(out_table_release)
	struct out_table t = {.columns = 6, .right = 1u << 2 | 1u << 5};
	static const char *const heads[] = {
		"", "k-of-n", "stored", "may lose", "loss in 1 year", "readable at any moment"};
	size_t best = choose(rows, count);
	char text[32];

	out("With %u places you may choose (place lost %.3g %%/year, noticed and repaired in %.0f "
	    "days):\n",
		o->places, 100 * o->place_loss_year, o->repair_days);
	for (size_t i = 0; i < ARRAY_COUNT(heads); i++)
		out_cell(&t, "%s", heads[i]);
	for (size_t i = 0; i < count; i++) {
		const struct sherd_plan_row *r = &rows[i];

		out_cell(&t, "%s", i == best ? "*" : "");
		out_cell(&t, "%u-of-%u", r->k, r->n);
		out_cell(&t, "%.2fx", r->stored);
		out_cell(&t, "%u place%s", r->may_lose, r->may_lose == 1 ? "" : "s");
		out_cell(&t, "%s", odds(r->loss_year, text));
		out_cell(&t, "%.1f nines", nines(r->unreadable));
	}
	out_table_print(&t);
	out("Figures hold only while places fail independently");
	if (o->domain_count && o->domain_count < o->places)
		out("; places of one domain are taken to fail together");
	out(".\n");
	if (best < count && !v->g.pool)
		out("Next: sherd init NAME -k %u\n", rows[best].k);
}

static void tell_json(struct app *app, const struct sherd_plan_row *rows, size_t count,
	const struct sherd_plan_options *o)
{
	struct json *j = app_json(app, NULL);
	size_t best = choose(rows, count);

	json_number(j, "places", o->places);
	json_real(j, "place_loss_year", o->place_loss_year);
	json_real(j, "place_down", o->place_down);
	json_real(j, "repair_days", o->repair_days);
	json_array(j, "rows");
	for (size_t i = 0; i < count; i++) {
		json_object(j, NULL);
		json_number(j, "k", rows[i].k);
		json_number(j, "n", rows[i].n);
		json_real(j, "stored", rows[i].stored);
		json_number(j, "may_lose", rows[i].may_lose);
		json_real(j, "loss_year", rows[i].loss_year);
		json_real(j, "loss_five_years_unrepaired", rows[i].loss_unrepaired);
		json_real(j, "unreadable", rows[i].unreadable);
		json_bool(j, "suggested", i == best);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

/* Places and domains from the options or the pool: 0, or an exit code. */
static int take_places(struct app *app, const struct values *v, struct domains *d)
{
	struct sherd_error err;
	int code;

	if (v->domains) {
		if (read_domains(v->domains, d, &err))
			return app_usage(app, "%s", err.message);
		if (v->places && v->places != (long)d->total)
			return app_usage(app, "--domains names %u places, --places %ld", d->total,
				v->places);
		return EXIT_OK;
	}
	if (v->places) {
		d->total = (unsigned)v->places;
		return EXIT_OK;
	}
	if (!v->g.pool)
		return app_usage(app, "how many places? --places N, or -p NAME of a pool");
	code = app_open_pool(app, APP_READ);
	return code ? code : count_domains(app, d);
}

static int run(struct app *app, void *values, char **operands, int count)
{
	const struct values *v = values;
	struct sherd_plan_options options = {
		.place_loss_year = 0.05, .place_down = 0.01, .repair_days = 30};
	CLEANUP(mem_free_at) struct sherd_plan_row *rows = NULL;
	struct domains domains = {0};
	struct sherd_error err;
	size_t row_count;
	int code;

	(void)operands;
	if (count)
		return app_usage(app, "plan takes no operands");
	if ((v->loss && read_percent(v->loss, "loss", &options.place_loss_year, &err)) ||
		(v->down && read_percent(v->down, "down", &options.place_down, &err)))
		return app_usage(app, "%s", err.message);
	if (v->days)
		options.repair_days = (double)v->days;
	code = take_places(app, v, &domains);
	if (code)
		return code;
	options.places = domains.total;
	options.domains = domains.count ? domains.counts : NULL;
	options.domain_count = domains.count;
	rows = mem_array(domains.total, sizeof(*rows));
	if (!rows)
		return app_usage(app, "out of memory");
	if (sherd_plan(&options, rows, &row_count, &err))
		return app_fail(app, &err, "cannot plan");
	if (v->g.json)
		tell_json(app, rows, row_count, &options);
	else
		tell(v, rows, row_count, &options);
	return EXIT_OK;
}

const struct verb verb_plan = {
	.name = "plan",
	.group = "start",
	.summary = "how many places, how many may be lost, what it costs",
	.table = &table,
	.examples = "  sherd plan --places 5\n"
		    "  sherd plan --domains 2,1,1 --loss 3% --days 14\n"
		    "  sherd plan -p home\n",
	.size = sizeof(struct values),
	.run = run,
};
