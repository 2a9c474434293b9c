/* SPDX-License-Identifier: MIT */
/* cmd_clone.c - sherd clone: joins this machine to a pool, from any of its places. */
#include <stdio.h>
#include <string.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <common/say.h>
#include "ask.h"
#include "cmds.h"
#include "lines.h"
#include "out.h"
#include "paths.h"
#include "times.h"

enum { url_max = 4096 };

struct values {
	struct globals g;
	const char *kit, *host, *label;
	bool no_device_key;
	struct lines urls; /* owned texts */
	char *owned[64];
	size_t owned_count;
};

static const struct option_entry entries[] = {
	OPTION_MAYBE('\0', "kit", "[FILE]", struct values, kit,
		"unlock with the recovery kit in FILE; without FILE (give it last, then) the kit is "
		"asked for"),
	OPTION_FLAG('\0', "no-device-key", struct values, no_device_key,
		"keep no key on this machine: the passphrase is asked for at every use"),
	OPTION_TEXT('\0', "host", "NAME", struct values, host,
		"name of this machine in snapshots; default: the host name"),
	OPTION_TEXT('\0', "label", "TEXT", struct values, label, "a note about this machine"),
};

static const struct option_table table = {
	.usage = "sherd clone NAME [URL ...] [--kit [FILE]] [-y]",
	.summary = "Join this machine to the pool that has a place at URL, and call it NAME here. "
		   "The other places are found from the pool itself.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

static void release(void *values)
{
	struct values *v = values;

	for (size_t i = 0; i < v->owned_count; i++)
		mem_free(v->owned[i]);
	lines_release(&v->urls);
}

static int add_url(struct values *v, const char *text, struct sherd_error *err)
{
	char *url;

	if (v->owned_count == ARRAY_COUNT(v->owned))
		return err_set(err, SHERD_INVALID, "more than %zu places", ARRAY_COUNT(v->owned));
	url = paths_url(text, err);
	if (!url)
		return err->code;
	v->owned[v->owned_count++] = url;
	return lines_add(&v->urls, url, err);
}

static int take_urls(struct values *v, char **operands, int count, struct sherd_error *err)
{
	char text[url_max];
	size_t size;
	int r = 0;

	for (int i = 0; i < count && !r; i++)
		r = add_url(v, operands[i], err);
	if (r || count)
		return r;
	if (!ask_possible())
		return err_set(err, SHERD_INVALID, "no place is named: URL");
	r = ask_line(
		"Where is one of its places (folder or URL)? ", text, sizeof(text), &size, err);
	return r ? r : add_url(v, text, err);
}

/* Places that the pool has elsewhere: where they are on this machine. */
static int remember(struct app *app, const struct values *v, struct sherd_error *err)
{
	struct sherd_pool_info info;
	const struct sherd_place_info *places;
	size_t count;
	int r;

	sherd_pool_info(app->pool, &info);
	r = app_save_pool(app, info.id, err);
	places = sherd_pool_places(app->pool, 0, &count);
	if (!r && !places)
		return err_nomem(err);
	for (size_t i = 0; i < count && !r; i++)
		for (size_t u = 0; u < v->urls.count && !r; u++) {
			CLEANUP(mem_free_at) char *url = paths_url(places[i].url, err);

			if (!url)
				return err->code;
			if (!strcmp(url, v->urls.items[u]))
				r = app_save_place(app, places[i].name, url, NULL, err);
		}
	return r;
}

static bool answers(const struct sherd_place_info *place)
{
	return place->state != SHERD_PLACE_OFFLINE && place->state != SHERD_PLACE_GONE;
}

static void tell_places(const struct sherd_place_info *places, size_t count, const char *pool)
{
	size_t up = 0;

	for (size_t i = 0; i < count; i++)
		up += answers(&places[i]);
	out("Pool %s: %zu of %zu places answer", pool, up, count);
	for (size_t i = 0, told = 0; i < count; i++)
		if (!answers(&places[i]))
			out("%s%s: %s", told++ ? "; " : " (", places[i].name, places[i].why);
	out("%s\n", up < count ? ")." : ".");
}

static void tell_heads(const struct sherd_device_info *devices, size_t count)
{
	char time[TIMES_SIZE];
	size_t told = 0;

	for (size_t i = 0; i < count; i++)
		if (devices[i].head_seq)
			out("%s%s %llu (%s, agreed by %u)",
				told++ ? ", " : "Newest heads: ", devices[i].host,
				(unsigned long long)devices[i].head_seq,
				times_minute(devices[i].head_time_ns, time),
				devices[i].head_agreed);
	out(told ? ".\n" : "No snapshots yet.\n");
}

static int tell(struct app *app)
{
	const struct sherd_place_info *places;
	const struct sherd_device_info *devices;
	size_t place_count, device_count;

	if (app->g->json) {
		struct sherd_pool_info info;
		struct json *j;

		sherd_pool_info(app->pool, &info);
		j = app_json(app, NULL);
		json_text(j, "pool", app->pool_name);
		json_hex(j, "id", info.id, sizeof(info.id));
		json_number(j, "k", info.k);
		json_number(j, "m", info.m);
		json_bool(j, "fresh", sherd_pool_fresh(app->pool));
		json_path(j, "state", app->state);
		json_end(j);
		return EXIT_OK;
	}
	places = sherd_pool_places(app->pool, 0, &place_count);
	if (places)
		tell_places(places, place_count, app->pool_name);
	devices = sherd_pool_devices(app->pool, &device_count);
	if (devices)
		tell_heads(devices, device_count);
	if (!sherd_pool_fresh(app->pool))
		out("Freshness unproven: too few places answer. Reading works; this machine is "
		    "registered when more do.\n");
	app_note(app, "Next: sherd snapshots, or sherd restore latest --to DIR");
	return EXIT_OK;
}

static int prepare(struct app *app, const char *name, struct sherd_error *err)
{
	int r = app_config(app, err);

	if (!r)
		r = app_name_pool(app, name, err);
	if (!r && config_next(&app->config, "pool", name, CONFIG_NONE) != CONFIG_NONE)
		r = err_set(err, SHERD_EXISTS, "'%s' has a pool of that name already",
			app->config.path);
	return r ? r : paths_make_parents(app->state, err);
}

static int run(struct app *app, void *values, char **operands, int count)
{
	struct values *v = values;
	struct sherd_clone_options options = {
		.host = v->host,
		.label = v->label,
		.no_device_key = v->no_device_key,
	};
	struct sherd_error err;

	if (!count)
		return app_usage(app, "no name is given for the pool: NAME");
	if (v->g.dry_run)
		return app_usage(app, "clone has no dry run");
	if (prepare(app, operands[0], &err))
		return app_fail(app, &err, "cannot clone to '%s'", operands[0]);
	if (take_urls(v, operands + 1, count - 1, &err))
		return app_fail(app, &err, "cannot clone to '%s'", operands[0]);
	app->secrets.kit_file = v->kit && *v->kit ? v->kit : NULL;
	app->secrets.ask_kit = v->kit && !*v->kit;
	app_pool_options(app, APP_CHANGE, &options.pool);
	options.places = v->urls.items;
	options.place_count = v->urls.count;
	if (sherd_pool_clone(&options, &app->pool, &err))
		return app_fail(app, &err, "cannot clone to '%s'", operands[0]);
	if (remember(app, v, &err))
		return app_fail(app, &err,
			"the pool is known in '%s', but could not be noted in '%s'", app->state,
			app->config.path);
	return tell(app);
}

const struct verb verb_clone = {
	.name = "clone",
	.group = "start",
	.summary = "join this machine to a pool that exists",
	.table = &table,
	.examples = "  sherd clone home /mnt/usb/sherd\n"
		    "  sherd clone home /mnt/usb/sherd --kit=kit.txt\n"
		    "  sherd clone home --kit\n",
	.size = sizeof(struct values),
	.run = run,
	.release = release,
};
