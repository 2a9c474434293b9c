/* SPDX-License-Identifier: MIT */
/*
 * app.c - choosing and opening the pool, and how errors are told.
 *
 * A verb that only looks opens the pool read-only: it neither waits for a backup that runs nor
 * holds one up.
 */
#include "app.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/hex.h>
#include <common/say.h>
#include <common/stop.h>
#include "advice.h"
#include "meter.h"
#include "paths.h"

static const char program[] = "sherd";

enum { hint_max = 512, why_max = 2048 };

void app_release(struct app *app)
{
	sherd_repo_free(app->repo);
	sherd_pool_free(app->pool);
	config_release(&app->config);
	secrets_release(&app->secrets);
	mem_free(app->pool_name);
	mem_free(app->state);
	mem_free(app->cache);
	mem_free(app->urls);
}

/* ---- errors ---- */

static void tell_json(
	struct app *app, int code, const char *what, const char *why, const char *hint)
{
	struct json *j = &app->json;
	char message[why_max];

	snprintf(message, sizeof(message), "%s%s%s", what, *why ? ": " : "", why);
	while (j->depth) /* a document was begun: what is written so far ends here */
		json_end(j);
	app_json(app, "exit_error");
	json_signed(j, "code", code);
	json_text(j, "message", message);
	json_text(j, "hint", hint);
	json_end(j);
}

static int tell(struct app *app, int code, const char *what, const char *why, const char *hint)
{
	meter_hide();
	if (app->g && app->g->json) {
		tell_json(app, code, what, why, hint);
		return code;
	}
	fflush(stdout);
	say_error(program, "%s", what);
	if (*why)
		say_why("%s", why);
	if (*hint)
		say_try("%s", hint);
	return code;
}

static int fail(struct app *app, const struct sherd_error *err, const char *hint,
	const char *format, va_list arguments) __attribute__((format(printf, 4, 0)));

static int fail(struct app *app, const struct sherd_error *err, const char *hint,
	const char *format, va_list arguments)
{
	char what[why_max], advised[hint_max];
	const char *verb = app->verb ? app->verb->name : "";
	int code = exitcode_of(err->code);

	if (vsnprintf(what, sizeof(what), format, arguments) < 0)
		what[0] = '\0';
	if (err->code == SHERD_CANCELLED && stop_signal())
		return tell(app, EXIT_SIGNAL + stop_signal(), what, strsignal(stop_signal()),
			hint ? hint : "");
	if (!hint && advice(err->code, verb, app->pool_name, advised, sizeof(advised)))
		hint = advised;
	return tell(app, code, what, err->message, hint ? hint : "");
}

int app_fail(struct app *app, const struct sherd_error *err, const char *format, ...)
{
	va_list arguments;
	int code;

	va_start(arguments, format);
	code = fail(app, err, NULL, format, arguments);
	va_end(arguments);
	return code;
}

int app_fail_try(
	struct app *app, const struct sherd_error *err, const char *hint, const char *format, ...)
{
	va_list arguments;
	int code;

	va_start(arguments, format);
	code = fail(app, err, hint, format, arguments);
	va_end(arguments);
	return code;
}

int app_usage(struct app *app, const char *format, ...)
{
	char what[why_max], hint[hint_max];
	va_list arguments;

	va_start(arguments, format);
	if (vsnprintf(what, sizeof(what), format, arguments) < 0)
		what[0] = '\0';
	va_end(arguments);
	snprintf(hint, sizeof(hint), app->verb ? "sherd %s -h" : "sherd help",
		app->verb ? app->verb->name : "");
	return tell(app, EXIT_USAGE, what, "", hint);
}

struct json *app_json(struct app *app, const char *type)
{
	struct json *j = &app->json;

	j->out = stdout;
	json_object(j, NULL);
	if (type)
		json_text(j, "message_type", type);
	json_object(j, "output_version");
	json_text(j, "command", app->verb ? app->verb->name : "");
	json_number(j, "major", 0);
	json_number(j, "minor", 1);
	json_end(j);
	return j;
}

void app_note(struct app *app, const char *format, ...)
{
	char text[why_max];
	va_list arguments;

	if (app->g->quiet || app->g->json)
		return;
	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	fflush(stdout);
	meter_hide();
	say_note("%s", text);
}

char *app_pool_id_text(const uint8_t id[SHERD_POOL_ID_SIZE], char buffer[16])
{
	snprintf(buffer, 16, "%02x%02x-%02x%02x", id[0], id[1], id[2], id[3]);
	return buffer;
}

/* ---- which pool ---- */

int app_config(struct app *app, struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *path = NULL;
	int r;

	if (app->has_config)
		return 0;
	path = paths_config(app->g, err);
	if (!path)
		return err->code;
	r = config_load(&app->config, path, err);
	app->has_config = !r;
	return r;
}

/* "home, work" */
static void list_pools(const struct config *c, char *buffer, size_t size)
{
	size_t used = 0;

	*buffer = '\0';
	for (size_t at = CONFIG_NONE; (at = config_next(c, "pool", NULL, at)) != CONFIG_NONE;) {
		int more = snprintf(buffer + used, size - used, "%s%s", used ? ", " : "",
			config_section_name(c, at));

		if (more < 0 || (size_t)more >= size - used)
			return;
		used += (size_t)more;
	}
}

static int choose_name(struct app *app, const char **ret, struct sherd_error *err)
{
	const char *from_env = getenv("SHERD_POOL");
	size_t first;
	char list[256];

	*ret = app->g->pool ? app->g->pool : from_env && *from_env ? from_env : NULL;
	if (*ret)
		return 0;
	first = config_next(&app->config, "pool", NULL, CONFIG_NONE);
	if (first == CONFIG_NONE)
		return err_set(
			err, SHERD_NOPOOL, "no pool is configured in '%s'", app->config.path);
	if (config_next(&app->config, "pool", NULL, first) != CONFIG_NONE) {
		list_pools(&app->config, list, sizeof(list));
		return err_set(err, SHERD_INVALID, "which pool? -p NAME, one of: %s", list);
	}
	*ret = config_section_name(&app->config, first);
	return 0;
}

int app_name_pool(struct app *app, const char *name, struct sherd_error *err)
{
	if (!paths_name_ok(name))
		return err_set(err, SHERD_INVALID,
			"'%s' cannot name a pool: letters, digits, '.', '_' and '-', at most %d, "
			"no '.' first",
			name, SHERD_POOL_NAME_MAX);
	app->pool_name = mem_format("%s", name);
	app->state = paths_state(name, err);
	app->cache = app->state ? paths_cache(app->g, name, err) : NULL;
	if (!app->pool_name)
		return err_nomem(err);
	return app->state && app->cache ? 0 : err->code;
}

static int take_id(struct app *app, size_t section, struct sherd_error *err)
{
	const char *text = config_get(&app->config, section, "id");

	if (!text)
		return 0;
	if (strlen(text) != 2 * SHERD_POOL_ID_SIZE ||
		hex_parse(text, 2 * SHERD_POOL_ID_SIZE, app->pool_id))
		return err_set(err, SHERD_INVALID, "'%s': the id of pool '%s' is not %d hex digits",
			app->config.path, app->pool_name, 2 * SHERD_POOL_ID_SIZE);
	app->has_id = true;
	return 0;
}

/* Where the configuration says the places are. */
static int take_urls(struct app *app, struct sherd_error *err)
{
	const struct config *c = &app->config;

	app->urls = mem_array(c->count + 1, sizeof(*app->urls));
	if (!app->urls)
		return err_nomem(err);
	for (size_t at = CONFIG_NONE; (at = config_next(c, "place", NULL, at)) != CONFIG_NONE;) {
		const char *name = config_section_name(c, at);
		const char *url = config_get(c, at, "url");

		if (url && config_place(c, app->pool_name, name) == at)
			app->urls[app->url_count++] =
				(struct sherd_place_url){.name = name, .url = url};
	}
	return 0;
}

int app_choose_pool(struct app *app, struct sherd_error *err)
{
	const char *name;
	size_t section;
	int r = app_config(app, err);

	if (!r)
		r = choose_name(app, &name, err);
	if (!r)
		r = app_name_pool(app, name, err);
	if (r)
		return r;
	section = config_next(&app->config, "pool", name, CONFIG_NONE);
	if (section == CONFIG_NONE)
		return err_set(err, SHERD_NOPOOL, "no pool '%s' is configured in '%s'", name,
			app->config.path);
	app->secrets.command = config_get(&app->config, section, "passphrase-command");
	r = take_id(app, section, err);
	return r ? r : take_urls(app, err);
}

/* ---- opening ---- */

void app_pool_options(struct app *app, enum app_access access, struct sherd_pool_options *ret)
{
	*ret = (struct sherd_pool_options){
		.state = app->state,
		.id = app->has_id ? app->pool_id : NULL,
		.secrets = secrets_hooks(&app->secrets),
		.urls = app->urls,
		.url_count = app->url_count,
		.threads = (unsigned)app->g->threads,
		.timeout_ms = (app->g->timeout_ns + 999999) / 1000000,
		.read_only = access == APP_READ,
		.cancel = stop_cancel(),
	};
}

int app_open_pool(struct app *app, enum app_access access)
{
	struct sherd_pool_options options;
	struct sherd_error err;
	int r = app_choose_pool(app, &err);

	if (r)
		return app_fail(app, &err, "cannot choose a pool");
	app_pool_options(app, access, &options);
	r = sherd_pool_open(&options, &app->pool, &err);
	if (r == SHERD_BUSY && access == APP_LOOK) {
		options.read_only = 1;
		r = sherd_pool_open(&options, &app->pool, &err);
	}
	if (r == SHERD_ROLLBACK)
		return app_fail(
			app, &err, "refused: pool '%s' shows an older state", app->pool_name);
	if (r)
		return app_fail(app, &err, "cannot open pool '%s'", app->pool_name);
	if (!sherd_pool_fresh(app->pool) && !app->g->quiet)
		say_warning("freshness unproven: too few places of pool '%s' answer to be sure "
			    "that this is the newest state",
			app->pool_name);
	return 0;
}

int app_open_repo(struct app *app, enum app_access access)
{
	struct sherd_repo_options options = {
		.threads = (unsigned)app->g->threads,
		.no_cache = app->g->no_cache,
	};
	struct sherd_error err;
	int code = app_open_pool(app, access);

	if (code)
		return code;
	options.cache = app->cache;
	if (paths_make_parents(app->cache, &err)) {
		say_warning("%s: working without a cache", err.message);
		options.cache = NULL;
	}
	if (sherd_repo_open(app->pool, &options, &app->repo, &err))
		return app_fail(app, &err, "cannot read the index of pool '%s'", app->pool_name);
	return 0;
}

/* ---- remembering ---- */

int app_save_pool(struct app *app, const uint8_t id[SHERD_POOL_ID_SIZE], struct sherd_error *err)
{
	char text[2 * SHERD_POOL_ID_SIZE + 1];
	size_t section = config_next(&app->config, "pool", app->pool_name, CONFIG_NONE);
	int r = 0;

	if (section == CONFIG_NONE)
		r = config_add(&app->config, "pool", app->pool_name, &section, err);
	if (!r)
		r = config_set(
			&app->config, section, "id", hex_of(id, SHERD_POOL_ID_SIZE, text), err);
	return r ? r : config_save(&app->config, err);
}

int app_save_place(struct app *app, const char *name, const char *url, const char *domain,
	struct sherd_error *err)
{
	struct config *c = &app->config;
	size_t section = config_place(c, app->pool_name, name);
	int r = 0;

	if (section == CONFIG_NONE) {
		r = config_add(c, "place", name, &section, err);
		if (!r)
			r = config_set(c, section, "pool", app->pool_name, err);
	}
	if (!r)
		r = config_set(c, section, "url", url, err);
	if (!r && domain && *domain)
		r = config_set(c, section, "domain", domain, err);
	return r ? r : config_save(c, err);
}
