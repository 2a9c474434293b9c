/* SPDX-License-Identifier: MIT */
/* cmd_snapshots.c - sherd snapshots: those of all hosts, unless one is asked for. */
#include <stdio.h>
#include <string.h>
#include <base/alloc.h>
#include <base/bytes.h>
#include <base/err.h>
#include <base/intmath.h>
#include "cmds.h"
#include "out.h"
#include "snap.h"
#include "times.h"

struct values {
	struct globals g;
	const char *host, *path;
	struct option_list tags;
	long last;
	bool ask;
};

static const struct option_entry entries[] = {
	OPTION_TEXT('H', "host", "NAME", struct values, host, "only those of this machine"),
	OPTION_TEXT('\0', "path", "PATH", struct values, path, "only those that saved PATH"),
	OPTION_LIST('t', "tag", "TAG", struct values, tags, "only those with this tag"),
	OPTION_NUMBER('\0', "last", "N", struct values, last, 1, LONG_MAX, "only the newest N"),
	OPTION_FLAG('\0', "ask", struct values, ask,
		"ask the places for every share, instead of going by what was last seen"),
};

static const struct option_table table = {
	.usage = "sherd snapshots [--host NAME] [--path PATH] [--tag TAG] [--last N]",
	.summary = "List snapshots, oldest first. The health is the least number of places that "
		   "hold a part of the data, of the number there should be.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

static void release(void *values)
{
	option_list_release(&((struct values *)values)->tags);
}

static bool has(const char *const *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i], text))
			return true;
	return false;
}

static bool wanted(const struct values *v, const struct sherd_snapshot *s)
{
	if (v->host && strcmp(v->host, s->host))
		return false;
	if (v->path && !has(s->paths, s->path_count, v->path))
		return false;
	for (size_t i = 0; i < v->tags.count; i++)
		if (!has(s->tags, s->tag_count, v->tags.items[i]))
			return false;
	return true;
}

/* "/home/me/Documents, /srv" */
static void paths_text(const struct sherd_snapshot *s, char *buffer, size_t size)
{
	size_t used = 0;

	snprintf(buffer, size, "%s", s->from_stdin ? s->name : "");
	for (size_t i = 0; i < s->path_count && used < size; i++) {
		int more =
			snprintf(buffer + used, size - used, "%s%s", used ? ", " : "", s->paths[i]);

		used += more > 0 ? (size_t)more : 0;
	}
}

static void health_text(
	const struct sherd_snapshot_health *h, unsigned m, char *buffer, size_t size)
{
	snprintf(buffer, size, "%u/%u%s%s", h->places_least, m, h->why[0] ? "  " : "", h->why);
}

static size_t count_hosts(const struct sherd_snapshot *const *list, size_t count)
{
	size_t hosts = 0;

	for (size_t i = 0; i < count; i++) {
		size_t first = 0;

		while (strcmp(list[first]->host, list[i]->host))
			first++;
		hosts += first == i;
	}
	return hosts;
}

static void tell(struct app *app, const struct sherd_snapshot *const *list, size_t count,
	const struct sherd_snapshot_health *health)
{
	CLEANUP(out_table_release) struct out_table t = {.columns = 7, .right = 1u << 4 | 1u << 5};
	static const char *const heads[] = {"ID", "time", "host", "paths", "size", "new", "health"};
	char id[2 * SHERD_ID_SIZE + 1], time[TIMES_SIZE], size[UNITS_SIZE], text[4096];
	bool exact = app->g->bytes;
	struct sherd_pool_info info;
	size_t hosts = count_hosts(list, count);

	sherd_pool_info(app->pool, &info);
	for (size_t i = 0; i < ARRAY_COUNT(heads) && count; i++)
		out_cell(&t, "%s", heads[i]);
	for (size_t i = 0; i < count; i++) {
		out_cell(&t, "%s", snap_id(list[i], id));
		out_cell(&t, "%s", times_minute(list[i]->time_ns, time));
		out_cell(&t, "%s", list[i]->host);
		paths_text(list[i], text, sizeof(text));
		out_cell(&t, "%s", text);
		out_cell(&t, "%s", out_size(list[i]->bytes, exact, size));
		out_cell(&t, "%s", out_size(list[i]->bytes_new, exact, size));
		health_text(&health[i], info.m, text, sizeof(text));
		out_cell_shaded(&t,
			health[i].spare < 0        ? SHADE_BAD
			: health[i].missing_shares ? SHADE_WARN
						   : SHADE_PLAIN,
			text);
	}
	out_table_print(&t);
	out("%zu snapshot%s of %zu host%s.\n", count, count == 1 ? "" : "s", hosts,
		hosts == 1 ? "" : "s");
}

static void tell_json(struct app *app, const struct sherd_snapshot *const *list, size_t count,
	const struct sherd_snapshot_health *health)
{
	struct json *j = app_json(app, NULL);

	json_array(j, "snapshots");
	for (size_t i = 0; i < count; i++) {
		json_object(j, NULL);
		snap_json(j, list[i]);
		json_object(j, "health");
		json_number(j, "packs", health[i].packs);
		json_number(j, "places_least", health[i].places_least);
		json_signed(j, "spare", health[i].spare);
		json_number(j, "missing_shares", health[i].missing_shares);
		json_text(j, "why", health[i].why);
		json_end(j);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static int list(
	struct app *app, const struct values *v, const struct sherd_snapshot *all, size_t all_count)
{
	CLEANUP(mem_free_at)
	const struct sherd_snapshot **wanted_ones = mem_array(all_count + 1, sizeof(*wanted_ones));
	CLEANUP(mem_free_at)
	struct sherd_snapshot_health *health = mem_array(all_count + 1, sizeof(*health));
	const struct sherd_snapshot *const *from;
	struct sherd_error err;
	size_t count = 0;

	if (!wanted_ones || !health)
		return app_usage(app, "out of memory");
	for (size_t i = 0; i < all_count; i++)
		if (wanted(v, &all[i]))
			wanted_ones[count++] = &all[i];
	from = wanted_ones;
	if (v->last && count > (size_t)v->last) {
		from += count - (size_t)v->last;
		count = (size_t)v->last;
	}
	if (count && sherd_snapshot_health(app->repo, from, count, v->ask, health, &err))
		return app_fail(app, &err, "cannot tell how the snapshots stand");
	if (v->g.json)
		tell_json(app, from, count, health);
	else
		tell(app, from, count, health);
	return EXIT_OK;
}

static int run(struct app *app, void *values, char **operands, int count)
{
	const struct sherd_snapshot *all;
	size_t all_count = 0;
	int code;

	(void)operands;
	if (count)
		return app_usage(app, "snapshots takes no operands (sherd ls SNAP looks into one)");
	code = app_open_repo(app, APP_READ);
	if (code)
		return code;
	all = sherd_snapshots(app->repo, &all_count);
	return list(app, values, all, all_count);
}

const struct verb verb_snapshots = {
	.name = "snapshots",
	.group = "backup",
	.summary = "list snapshots",
	.table = &table,
	.examples = "  sherd snapshots\n"
		    "  sherd snapshots --host laptop --last 5\n"
		    "  sherd snapshots --json\n",
	.size = sizeof(struct values),
	.run = run,
	.release = release,
};
