/* SPDX-License-Identifier: MIT */
/*
 * cmd_status.c - sherd status: how the pool stands, in the shape of zpool status. The exit code
 * alone suffices for monitoring: 0 healthy, 4 degraded, 15 too few places to read, 20 data lost.
 */
#include <stdio.h>
#include <string.h>
#include <base/err.h>
#include <base/intmath.h>
#include "cmds.h"
#include "out.h"
#include "times.h"

struct values {
	struct globals g;
	bool troubles;
};

static const struct option_entry entries[] = {
	OPTION_FLAG('x', "troubles", struct values, troubles,
		"only what is wrong; one line if nothing is"),
};

static const struct option_table table = {
	.usage = "sherd status [-x] [-v]",
	.summary =
		"How a pool stands: its places, what is missing, what to do. Exit code 0: "
		"healthy, 4: degraded, 15: too few places answer, 20: data is lost. -v shows all "
		"devices; -q prints nothing.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

/* All that is told, gathered first. */
struct view {
	struct sherd_pool_info info;
	struct sherd_status status;
	const struct sherd_place_info *places;
	const struct sherd_device_info *devices;
	size_t place_count, device_count;
	size_t up, troubled; /* places that answer; places not ONLINE, past lies not counted */
	bool fresh;
	uint64_t now;
	enum exit_code code;
	const char *state;
};

static bool is_up(const struct sherd_place_info *p)
{
	return p->state != SHERD_PLACE_OFFLINE && p->state != SHERD_PLACE_GONE;
}

/* A place that lied once is SUSPECT for good: that alone is no lost redundancy. SLOW neither. */
static bool is_trouble(const struct sherd_place_info *p)
{
	return !is_up(p) || p->state == SHERD_PLACE_BEHIND || p->state == SHERD_PLACE_FULL ||
	       p->state == SHERD_PLACE_READONLY;
}

static void judge(struct view *w)
{
	bool few = w->place_count && w->up < w->info.k;

	for (size_t i = 0; i < w->place_count; i++)
		w->troubled += is_trouble(&w->places[i]);
	if (few) {
		w->code = EXIT_QUORUM;
		w->state = "UNAVAILABLE";
	} else if (w->status.packs_lost || w->status.spare < 0) {
		w->code = EXIT_LOST;
		w->state = "DATA LOST";
	} else if (!w->fresh && w->place_count) {
		w->code = EXIT_QUORUM;
		w->state = "UNPROVEN";
	} else if (w->status.packs_degraded || w->troubled || w->status.quarantined) {
		w->code = EXIT_DEGRADED;
		w->state = "DEGRADED";
	} else {
		w->code = EXIT_OK;
		w->state = w->place_count ? "ONLINE" : "NO PLACES";
	}
}

static int gather(struct app *app, struct view *w)
{
	struct sherd_error err;

	sherd_pool_info(app->pool, &w->info);
	w->fresh = sherd_pool_fresh(app->pool);
	if (sherd_status(app->repo, &w->status, &err))
		return app_fail(app, &err, "cannot tell how pool '%s' stands", app->pool_name);
	w->devices = sherd_pool_devices(app->pool, &w->device_count);
	w->places = sherd_pool_places(app->pool, 1, &w->place_count);
	if (!w->places)
		w->place_count = 0;
	if (!w->devices)
		w->device_count = 0;
	for (size_t i = 0; i < w->place_count; i++)
		w->up += is_up(&w->places[i]);
	w->now = times_now();
	judge(w);
	return EXIT_OK;
}

/* ---- text ---- */

static enum out_shade shade_of(const struct view *w)
{
	if (w->code == EXIT_OK)
		return SHADE_GOOD;
	return w->code == EXIT_DEGRADED ? SHADE_WARN : SHADE_BAD;
}

static uint64_t missing_at(const struct view *w, size_t i)
{
	if (i >= w->status.place_count ||
		w->status.places[i].shares_wanted < w->status.places[i].shares_there)
		return 0;
	return w->status.places[i].shares_wanted - w->status.places[i].shares_there;
}

/* "b2 lacks 212 of 8 410 packs; usb is OFFLINE (refused). All data can be read ..." */
static void tell_status(const struct view *w)
{
	char a[UNITS_SIZE], b[UNITS_SIZE];
	unsigned told = 0;

	out("status: ");
	for (size_t i = 0; i < w->place_count; i++) {
		const struct sherd_place_info *p = &w->places[i];
		uint64_t missing = missing_at(w, i);

		if (!missing && !is_trouble(p) && !p->lies)
			continue;
		out("%s%s", told++ ? "; " : "", p->name);
		if (is_trouble(p))
			out(" is %s%s%s%s", sherd_place_state_text(p->state), p->why[0] ? " (" : "",
				p->why, p->why[0] ? ")" : "");
		if (missing)
			out("%s lacks %s of %s packs", is_trouble(p) ? "," : "",
				out_count(missing, a),
				out_count(w->status.places[i].shares_wanted, b));
		if (p->lies)
			out("%s gave %s bad shares", is_trouble(p) || missing ? "," : "",
				out_count(p->lies, a));
	}
	out("%s", told ? ". " : "");
	if (w->status.quarantined)
		out("The newest state of %s device%s cannot be read. ",
			out_count(w->status.quarantined, a), w->status.quarantined == 1 ? "" : "s");
	if (w->code == EXIT_QUORUM && w->up < w->info.k)
		out("%zu of %zu places answer and %u are needed: nothing can be read now.\n", w->up,
			w->place_count, w->info.k);
	else if (w->code == EXIT_LOST)
		out("%s of %s packs cannot be read any more.\n", out_count(w->status.packs_lost, a),
			out_count(w->status.packs, b));
	else if (w->code == EXIT_QUORUM)
		out("Too few places answer to be sure that this is the newest state.\n");
	else if (!w->status.packs)
		out("Nothing is stored yet.\n");
	else if (w->status.spare > 0)
		out("All data can be read; any %d%s place%s may be lost.\n", w->status.spare,
			w->code == EXIT_DEGRADED ? " more" : "", w->status.spare == 1 ? "" : "s");
	else
		out("All data can be read; no%s place may be lost.\n",
			w->code == EXIT_DEGRADED ? " more" : "");
}

static void tell_action(const struct view *w)
{
	char size[UNITS_SIZE];

	if (w->place_count < w->info.k)
		out("action: sherd place add NAME URL   (%u places are needed)\n", w->info.k);
	else if (w->code == EXIT_QUORUM)
		out("action: bring places back, or say where they are now: sherd place set NAME "
		    "URL\n");
	else if (w->code == EXIT_LOST)
		out("action: bring places back, then sherd repair; sherd check names the files\n");
	else if (w->up < w->place_count)
		out("action: bring back what is OFFLINE or GONE, or sherd place rm NAME; then sherd "
		    "repair\n");
	else if (w->code == EXIT_DEGRADED && w->status.repair_bytes)
		out("action: sherd repair   (about %s to move)\n",
			units_size(w->status.repair_bytes, size));
	else if (w->code == EXIT_DEGRADED)
		out("action: sherd repair\n");
}

static void tell_last(const struct view *w)
{
	char age[TIMES_SIZE];
	uint64_t backup = w->status.last_backup_ns, check = w->status.last_check_ns;

	if (backup)
		out("  last: backup %s ago (%s), ",
			times_age(w->now > backup ? w->now - backup : 0, age),
			w->status.last_backup_host ? w->status.last_backup_host : "?");
	else
		out("  last: no backup yet, ");
	if (check)
		out("check %s ago\n", times_age(w->now > check ? w->now - check : 0, age));
	else
		out("never checked\n");
}

static void tell_heads(const struct view *w, bool verbose)
{
	char time[TIMES_SIZE];
	unsigned told = 0;

	out(" fresh: %s", w->fresh ? "heads " : "unproven; heads ");
	for (size_t i = 0; i < w->device_count; i++)
		if (w->devices[i].head_seq)
			out("%s%s %llu agreed by %u of %zu", told++ ? ", " : "", w->devices[i].host,
				(unsigned long long)w->devices[i].head_seq,
				w->devices[i].head_agreed, w->place_count);
	out(told ? "\n" : "none yet\n");
	for (size_t i = 0; i < w->device_count; i++) {
		const struct sherd_device_info *d = &w->devices[i];

		if (verbose)
			out("device: %s%s%s%s%s, since %s, newest head %llu%s\n", d->host,
				*d->label ? " (" : "", d->label, *d->label ? ")" : "",
				d->self ? ", this one" : "", times_minute(d->created_ns, time),
				(unsigned long long)d->head_seq,
				d->rights & 2 ? "" : ", may not delete");
		if (d->fault[0])
			out("device: %s: %s\n", d->host, d->fault);
	}
}

static void table_row(struct app *app, const struct view *w, size_t i, struct out_table *t)
{
	const struct sherd_place_info *p = &w->places[i];
	char size[UNITS_SIZE], time[TIMES_SIZE];
	bool known = i < w->status.place_count;

	out_cell(t, "%s", p->name);
	out_cell_shaded(t,
		!is_up(p)                        ? SHADE_BAD
		: p->state == SHERD_PLACE_ONLINE ? SHADE_GOOD
						 : SHADE_WARN,
		sherd_place_state_text(p->state));
	out_cell(t, "%s", *p->domain ? p->domain : "-");
	if (known)
		out_cell(t, "%llu/%llu", (unsigned long long)w->status.places[i].shares_there,
			(unsigned long long)w->status.places[i].shares_wanted);
	else
		out_cell(t, "-");
	out_cell(t, "%s", known ? out_size(w->status.places[i].bytes, app->g->bytes, size) : "-");
	if (p->rtt_ns)
		out_cell(t, "%.3g ms", (double)p->rtt_ns / 1e6);
	else
		out_cell(t, "-");
	out_cell(t, "%llu", (unsigned long long)p->read_errors);
	out_cell(t, "%llu", (unsigned long long)p->write_errors);
	out_cell(t, "%llu", (unsigned long long)p->lies);
	out_cell(t, "%s",
		!p->last_ok_ns           ? "never"
		: w->now < p->last_ok_ns ? "0 s"
					 : times_age(w->now - p->last_ok_ns, time));
}

static void tell_places(struct app *app, const struct view *w)
{
	static const char *const heads[] = {"place", "state", "domain", "packs", "used", "rtt",
		"READ", "WRITE", "LIED", "last ok"};
	CLEANUP(out_table_release)
	struct out_table t = {.columns = ARRAY_COUNT(heads), .right = 0x1f8};

	if (!w->place_count)
		return;
	out("\n");
	for (size_t i = 0; i < ARRAY_COUNT(heads); i++)
		out_cell(&t, "%s", heads[i]);
	for (size_t i = 0; i < w->place_count; i++)
		table_row(app, w, i, &t);
	out_table_print(&t);
}

static void tell(struct app *app, const struct view *w)
{
	char id[16], m[16] = "m", lost[UNITS_SIZE];

	if (w->info.m)
		snprintf(m, sizeof(m), "%u", w->info.m);
	out("  pool: %s  %s   %u-of-%s, suite %u, epoch %u\n", app->pool_name,
		app_pool_id_text(w->info.id, id), w->info.k, m, w->info.suite, w->info.epoch);
	out(" state: ");
	out_shaded(shade_of(w), w->state);
	out("\n");
	tell_status(w);
	tell_action(w);
	tell_last(w);
	tell_heads(w, app->g->verbose > 0);
	tell_places(app, w);
	if (w->status.packs_lost)
		out("\nerrors: %s packs lost; sherd check names the files\n",
			out_count(w->status.packs_lost, lost));
	else
		out("\nerrors: no data lost\n");
}

/* ---- JSON ---- */

static void json_places(struct json *j, const struct view *w)
{
	json_array(j, "places");
	for (size_t i = 0; i < w->place_count; i++) {
		const struct sherd_place_info *p = &w->places[i];

		json_object(j, NULL);
		json_text(j, "name", p->name);
		json_hex(j, "id", p->id, sizeof(p->id));
		json_path(j, "url", p->url);
		json_text(j, "domain", p->domain);
		json_text(j, "state", sherd_place_state_text(p->state));
		json_text(j, "why", p->why);
		if (i < w->status.place_count) {
			json_number(j, "shares_there", w->status.places[i].shares_there);
			json_number(j, "shares_wanted", w->status.places[i].shares_wanted);
			json_number(j, "bytes", w->status.places[i].bytes);
		}
		json_number(j, "total", p->total);
		json_number(j, "free", p->free);
		json_number(j, "rtt_ns", p->rtt_ns);
		json_number(j, "read_errors", p->read_errors);
		json_number(j, "write_errors", p->write_errors);
		json_number(j, "lies", p->lies);
		json_time(j, "last_ok", p->last_ok_ns);
		json_end(j);
	}
	json_end(j);
}

static void json_devices(struct json *j, const struct view *w)
{
	json_array(j, "devices");
	for (size_t i = 0; i < w->device_count; i++) {
		const struct sherd_device_info *d = &w->devices[i];

		json_object(j, NULL);
		json_hex(j, "id", d->id, sizeof(d->id));
		json_text(j, "host", d->host);
		json_text(j, "label", d->label);
		json_bool(j, "self", d->self);
		json_number(j, "rights", d->rights);
		json_time(j, "created", d->created_ns);
		json_number(j, "head_seq", d->head_seq);
		json_time(j, "head_time", d->head_time_ns);
		json_number(j, "head_agreed", d->head_agreed);
		json_text(j, "fault", d->fault);
		json_end(j);
	}
	json_end(j);
}

static void tell_json(struct app *app, const struct view *w)
{
	struct json *j = app_json(app, NULL);

	json_text(j, "pool", app->pool_name);
	json_hex(j, "id", w->info.id, sizeof(w->info.id));
	json_text(j, "state", w->state);
	json_number(j, "exit_code", w->code);
	json_bool(j, "fresh", w->fresh);
	json_number(j, "k", w->info.k);
	json_number(j, "m", w->info.m);
	json_number(j, "suite", w->info.suite);
	json_number(j, "epoch", w->info.epoch);
	json_number(j, "quorum_read", w->info.quorum_read);
	json_number(j, "quorum_write", w->info.quorum_write);
	json_number(j, "packs", w->status.packs);
	json_number(j, "packs_degraded", w->status.packs_degraded);
	json_number(j, "packs_lost", w->status.packs_lost);
	json_signed(j, "spare", w->status.spare);
	json_signed(j, "full_spare", w->status.full_spare);
	json_number(j, "repair_bytes", w->status.repair_bytes);
	json_number(j, "snapshots", w->status.snapshots);
	json_number(j, "blobs", w->status.blobs);
	json_number(j, "index_bytes", w->status.index_bytes);
	json_number(j, "quarantined", w->status.quarantined);
	json_time(j, "last_backup", w->status.last_backup_ns);
	json_text(j, "last_backup_host", w->status.last_backup_host);
	json_time(j, "last_check", w->status.last_check_ns);
	json_places(j, w);
	json_devices(j, w);
	json_end(j);
}

static int run(struct app *app, void *values, char **operands, int count)
{
	const struct values *v = values;
	struct view view = {0};
	int code;

	(void)operands;
	if (count)
		return app_usage(app, "status takes no operands (-p NAME names the pool)");
	code = app_open_repo(app, APP_LOOK);
	if (!code)
		code = gather(app, &view);
	if (code)
		return code;
	if (v->g.json)
		tell_json(app, &view);
	else if (v->g.quiet)
		return view.code;
	else if (v->troubles && view.code == EXIT_OK)
		out("all pools are healthy\n");
	else
		tell(app, &view);
	return view.code;
}

const struct verb verb_status = {
	.name = "status",
	.group = "health",
	.summary = "how the pool stands",
	.table = &table,
	.examples = "  sherd status\n"
		    "  sherd status -x\n"
		    "  sherd status -q || mail -s 'look at the backup' me\n",
	.size = sizeof(struct values),
	.run = run,
};
