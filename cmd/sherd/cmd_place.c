/* SPDX-License-Identifier: MIT */
/* cmd_place.c - sherd place add|ls|test|rm|set */
#include <stdio.h>
#include <string.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <common/say.h>
#include "ask.h"
#include "cmds.h"
#include "out.h"
#include "paths.h"
#include "times.h"

enum { weight_max = 1000000 };

struct values {
	struct globals g;
	const char *domain;
	struct option_list tags;
	long weight;
	bool lost, no_test;
};

static const struct option_entry entries[] = {
	OPTION_TEXT('\0', "domain", "NAME", struct values, domain,
		"add: what fails together with other places of this domain, such as a house or a "
		"provider; default: the place alone"),
	OPTION_LIST(
		'\0', "tag", "site=NAME", struct values, tags, "add: the same as --domain NAME"),
	OPTION_NUMBER('\0', "weight", "N", struct values, weight, 1, weight_max,
		"add: how large a part of the data it takes, compared with others; default: 1"),
	OPTION_FLAG('\0', "no-test", struct values, no_test, "add: do not test it"),
	OPTION_FLAG('\0', "lost", struct values, lost,
		"rm: it is gone for good and need not be reached"),
};

static const struct option_table table = {
	.usage = "sherd place add NAME URL [--domain NAME]\n"
		 "       sherd place ls\n"
		 "       sherd place test [NAME ...]\n"
		 "       sherd place set NAME URL\n"
		 "       sherd place rm NAME [--lost]",
	.summary = "The places of a pool: add one, list them, test them, say where one is on this "
		   "machine, take one out of the pool. A URL may be a plain path.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

static void release(void *values)
{
	option_list_release(&((struct values *)values)->tags);
}

static const struct sherd_place_info *find_place(
	struct app *app, const char *name, int probe, size_t *ret_count)
{
	const struct sherd_place_info *places = sherd_pool_places(app->pool, probe, ret_count);

	for (size_t i = 0; places && i < *ret_count; i++)
		if (!strcmp(places[i].name, name))
			return &places[i];
	return NULL;
}

/* ---- test ---- */

static const char *outcome(int code)
{
	return code ? sherd_code_text(code) : "ok";
}

static bool test_failed(const struct sherd_place_test *t)
{
	return t->write || t->read || t->list;
}

static void tell_test(struct app *app, const char *name, const struct sherd_place_test *t)
{
	char up[UNITS_SIZE], down[UNITS_SIZE], space[UNITS_SIZE], total[UNITS_SIZE];
	bool exact = app->g->bytes;

	out("testing %s ... write %s, read %s, list %s, remove %s, overwrite refused: %s\n", name,
		outcome(t->write), outcome(t->read), outcome(t->list), outcome(t->remove),
		t->overwrite_refused ? "yes" : "no");
	if (t->message[0])
		out("  %s\n", t->message);
	if (t->write_bps && t->read_bps)
		out("  %s/s to it, %s/s from it, round trip %.3g ms\n",
			out_size(t->write_bps, exact, up), out_size(t->read_bps, exact, down),
			(double)t->rtt_ns / 1e6);
	if (t->total)
		out("  %s free of %s\n", out_size(t->free, exact, space),
			out_size(t->total, exact, total));
	if (!t->overwrite_refused)
		out("  warning: objects may be overwritten there; see sherd help append-only\n");
}

static void json_test(struct app *app, const char *name, const struct sherd_place_test *t)
{
	struct json *j = &app->json;

	json_object(j, NULL);
	json_text(j, "name", name);
	json_text(j, "write", outcome(t->write));
	json_text(j, "read", outcome(t->read));
	json_text(j, "list", outcome(t->list));
	json_text(j, "remove", outcome(t->remove));
	json_bool(j, "overwrite_refused", t->overwrite_refused);
	json_number(j, "write_bytes_per_second", t->write_bps);
	json_number(j, "read_bytes_per_second", t->read_bps);
	json_number(j, "rtt_ns", t->rtt_ns);
	json_number(j, "total", t->total);
	json_number(j, "free", t->free);
	json_text(j, "message", t->message);
	json_end(j);
}

/* One place by name; *ret_bad becomes true if it failed. An exit code if it cannot be tested. */
static int test_one(struct app *app, const char *name, bool *ret_bad)
{
	struct sherd_place_test t = {0};
	struct sherd_error err;

	if (sherd_pool_place_test(app->pool, name, &t, &err))
		return app_fail(app, &err, "cannot test place '%s'", name);
	if (app->g->json)
		json_test(app, name, &t);
	else
		tell_test(app, name, &t);
	*ret_bad |= test_failed(&t);
	return EXIT_OK;
}

/* The names of all places: results of sherd_pool_places() do not outlive a test. */
static int all_names(struct app *app, char ***ret_names, size_t *ret_count)
{
	const struct sherd_place_info *places = sherd_pool_places(app->pool, 0, ret_count);
	char **names = places ? mem_array(*ret_count + 1, sizeof(*names)) : NULL;

	if (!names)
		return SHERD_NOMEM;
	for (size_t i = 0; i < *ret_count; i++)
		names[i] = mem_format("%s", places[i].name);
	*ret_names = names;
	return 0;
}

static int test_all(struct app *app, bool *ret_bad)
{
	char **names = NULL;
	size_t count = 0;
	int code = EXIT_OK;

	if (all_names(app, &names, &count))
		return app_usage(app, "out of memory");
	for (size_t i = 0; i < count && !code; i++)
		code = names[i] ? test_one(app, names[i], ret_bad) : EXIT_FAILED;
	for (size_t i = 0; i < count; i++)
		mem_free(names[i]);
	mem_free(names);
	return code;
}

static int run_test(struct app *app, char **names, int count)
{
	bool bad = false;
	int code;

	if (app->g->dry_run)
		return app_usage(app, "a test writes test objects: it has no dry run");
	code = app_open_pool(app, APP_CHANGE);
	if (code)
		return code;
	if (app->g->json)
		json_array(app_json(app, NULL), "places");
	if (!count)
		code = test_all(app, &bad);
	for (int i = 0; i < count && !code; i++)
		code = test_one(app, names[i], &bad);
	if (app->g->json && !code) {
		json_end(&app->json);
		json_end(&app->json);
	}
	return code ? code : bad ? EXIT_FAILED : EXIT_OK;
}

/* ---- add ---- */

static int choose_domain(struct values *v, struct sherd_error *err)
{
	for (size_t i = 0; i < v->tags.count; i++) {
		if (strncmp(v->tags.items[i], "site=", 5))
			return err_set(err, SHERD_INVALID, "--tag '%s': only site=NAME is known",
				v->tags.items[i]);
		v->domain = v->tags.items[i] + 5;
	}
	return 0;
}

static void tell_added(struct app *app, const char *name, const char *url)
{
	struct sherd_pool_info info;
	size_t count = 0;

	sherd_pool_info(app->pool, &info);
	sherd_pool_places(app->pool, 0, &count);
	if (app->g->json) {
		struct json *j = app_json(app, NULL);

		json_text(j, "added", name);
		json_path(j, "url", url);
		json_number(j, "places", count);
		json_end(j);
		return;
	}
	out("Place %s added: the pool has %zu.\n", name, count);
	if (count < info.k)
		app_note(app,
			"Next: sherd place add NAME URL (%u are needed, %u with one to spare)",
			info.k, info.k + 1);
	else if (info.m && count > info.m)
		app_note(app, "The pool keeps making %u shares; new data spreads over all places.",
			info.m);
	else
		app_note(app, "Next: sherd place add NAME URL, or sherd backup PATH");
}

static int add(struct app *app, struct values *v, const char *name, const char *url)
{
	const struct sherd_place_add_options options = {
		.name = name,
		.url = url,
		.domain = v->domain,
		.weight = (uint32_t)v->weight,
	};
	struct sherd_error err;
	bool bad = false;
	int code = app_open_pool(app, APP_CHANGE);

	if (code)
		return code;
	if (v->g.dry_run) {
		size_t count;

		if (find_place(app, name, 0, &count))
			return app_usage(app, "there is a place '%s' already", name);
		out("Would add place %s at %s.\n", name, url);
		return EXIT_OK;
	}
	if (sherd_pool_place_add(app->pool, &options, &err))
		return app_fail(app, &err, "cannot add place '%s'", name);
	if (app_save_place(app, name, url, v->domain, &err))
		say_warning("the place is added, but not noted here: %s", err.message);
	if (!v->no_test && !v->g.json && !v->g.quiet)
		code = test_one(app, name, &bad);
	if (bad)
		say_warning(
			"place '%s' does not work as it should: sherd place test %s", name, name);
	tell_added(app, name, url);
	return code;
}

static int run_add(struct app *app, struct values *v, char **words, int count)
{
	CLEANUP(mem_free_at) char *url = NULL;
	struct sherd_error err;

	if (count != 2)
		return app_usage(app, "place add NAME URL");
	if (!paths_name_ok(words[0]))
		return app_usage(app,
			"'%s' cannot name a place: letters, digits, '.', '_' and '-', "
			"no '.' first",
			words[0]);
	if (choose_domain(v, &err))
		return app_usage(app, "%s", err.message);
	url = paths_url(words[1], &err);
	if (!url)
		return app_fail(app, &err, "cannot add place '%s'", words[0]);
	return add(app, v, words[0], url);
}

/* ---- set ---- */

static int check_moved(struct app *app, const char *name, const char *url)
{
	const struct sherd_place_info *place;
	struct sherd_error err;
	size_t count;

	place = find_place(app, name, 1, &count);
	if (!place) {
		err_set(&err, SHERD_NOTFOUND, "the pool has no place of that name");
		return app_fail(app, &err, "cannot set place '%s'", name);
	}
	if (place->state == SHERD_PLACE_GONE) {
		err_set(&err, SHERD_MISMATCH, "%s",
			place->why[0] ? place->why : "what is there is not this place");
		return app_fail(app, &err, "refused: place '%s' is not at '%s'", name, url);
	}
	if (place->state == SHERD_PLACE_OFFLINE) {
		err_set(&err, SHERD_OFFLINE, "%s", place->why);
		return app_fail(app, &err, "place '%s' does not answer at '%s'", name, url);
	}
	return EXIT_OK;
}

/* The pool is opened with the place at its new URL, which looks at the place's identity. */
static int run_set(struct app *app, char **words, int count)
{
	CLEANUP(mem_free_at) char *url = NULL;
	struct sherd_pool_options options;
	struct sherd_error err;
	size_t at = 0;
	int code;

	if (count != 2)
		return app_usage(app, "place set NAME URL");
	url = paths_url(words[1], &err);
	if (!url || app_choose_pool(app, &err))
		return app_fail(app, &err, "cannot set place '%s'", words[0]);
	while (at < app->url_count && strcmp(app->urls[at].name, words[0]))
		at++;
	/* take_urls() in app.c leaves room for one more */
	app->urls[at] = (struct sherd_place_url){.name = words[0], .url = url};
	app->url_count += at == app->url_count;
	app_pool_options(app, APP_READ, &options);
	if (sherd_pool_open(&options, &app->pool, &err))
		return app_fail(app, &err, "cannot open pool '%s'", app->pool_name);
	code = check_moved(app, words[0], url);
	if (code)
		return code;
	if (app->g->dry_run) {
		out("Would look for place %s at %s.\n", words[0], url);
		return EXIT_OK;
	}
	if (app_save_place(app, words[0], url, NULL, &err))
		return app_fail(app, &err, "cannot note where place '%s' is", words[0]);
	if (app->g->json) {
		struct json *j = app_json(app, NULL);

		json_text(j, "set", words[0]);
		json_path(j, "url", url);
		json_end(j);
	} else {
		out("Place %s is at %s.\n", words[0], url);
	}
	return EXIT_OK;
}

/* ---- rm ---- */

static int confirm_remove(struct app *app, const struct sherd_place_info *place, bool *ret_yes)
{
	char question[512];
	struct sherd_error err;

	*ret_yes = app->g->yes;
	if (*ret_yes)
		return EXIT_OK;
	if (!ask_possible())
		return app_usage(app, "there is no terminal to ask at: add -y to remove place '%s'",
			place->name);
	snprintf(question, sizeof(question),
		"Take place '%s' (%s) out of the pool? What is there stays there, but does not "
		"count any more.",
		place->name, place->url);
	if (ask_yes(question, ret_yes, &err))
		return app_fail(app, &err, "place '%s' was not removed", place->name);
	return EXIT_OK;
}

static int run_remove(struct app *app, const struct values *v, char **words, int count)
{
	const struct sherd_place_info *place;
	struct sherd_error err;
	size_t places;
	bool yes;
	int code;

	if (count != 1)
		return app_usage(app, "place rm NAME");
	code = app_open_pool(app, APP_CHANGE);
	if (code)
		return code;
	place = find_place(app, words[0], 0, &places);
	if (!place) {
		err_set(&err, SHERD_NOTFOUND, "the pool has no place of that name");
		return app_fail(app, &err, "cannot remove place '%s'", words[0]);
	}
	if (v->g.dry_run) {
		out("Would take place %s (%s) out of the pool.\n", place->name, place->url);
		return EXIT_OK;
	}
	code = confirm_remove(app, place, &yes);
	if (code || !yes)
		return code ? code : EXIT_FAILED;
	if (sherd_pool_place_remove(app->pool, words[0], v->lost, &err))
		return app_fail(app, &err, "cannot remove place '%s'", words[0]);
	if (config_place(&app->config, app->pool_name, words[0]) != CONFIG_NONE) {
		config_remove(&app->config, config_place(&app->config, app->pool_name, words[0]));
		if (config_save(&app->config, &err))
			say_warning("%s", err.message);
	}
	if (v->g.json) {
		struct json *j = app_json(app, NULL);

		json_text(j, "removed", words[0]);
		json_end(j);
	} else {
		out("Place %s removed: the pool has %zu.\n", words[0], places - 1);
		app_note(app, "Next: sherd repair makes its shares again at other places");
	}
	return EXIT_OK;
}

/* ---- ls ---- */

static enum out_shade shade_of(enum sherd_place_state state)
{
	if (state == SHERD_PLACE_ONLINE)
		return SHADE_GOOD;
	return state == SHERD_PLACE_OFFLINE || state == SHERD_PLACE_GONE ? SHADE_BAD : SHADE_WARN;
}

static void list_text(
	struct app *app, const struct sherd_place_info *places, size_t count, uint64_t now)
{
	CLEANUP(out_table_release) struct out_table t = {.columns = 7, .right = 1u << 3 | 1u << 4};
	static const char *const heads[] = {
		"place", "state", "domain", "free", "rtt", "last ok", "url"};
	char size[UNITS_SIZE], time[TIMES_SIZE];

	for (size_t i = 0; i < ARRAY_COUNT(heads); i++)
		out_cell(&t, "%s", heads[i]);
	for (size_t i = 0; i < count; i++) {
		const struct sherd_place_info *p = &places[i];

		out_cell(&t, "%s", p->name);
		out_cell_shaded(&t, shade_of(p->state), sherd_place_state_text(p->state));
		out_cell(&t, "%s", *p->domain ? p->domain : "-");
		out_cell(&t, "%s", p->total ? out_size(p->free, app->g->bytes, size) : "-");
		if (p->rtt_ns)
			out_cell(&t, "%.3g ms", (double)p->rtt_ns / 1e6);
		else
			out_cell(&t, "-");
		out_cell(&t, "%s",
			!p->last_ok_ns        ? "never"
			: now < p->last_ok_ns ? "0 s"
					      : times_age(now - p->last_ok_ns, time));
		out_cell(&t, "%s", p->url);
	}
	out_table_print(&t);
	for (size_t i = 0; i < count; i++)
		if (places[i].why[0])
			out("%s: %s\n", places[i].name, places[i].why);
}

static void list_json(struct app *app, const struct sherd_place_info *places, size_t count)
{
	struct json *j = app_json(app, NULL);

	json_array(j, "places");
	for (size_t i = 0; i < count; i++) {
		const struct sherd_place_info *p = &places[i];

		json_object(j, NULL);
		json_text(j, "name", p->name);
		json_number(j, "number", p->number);
		json_hex(j, "id", p->id, sizeof(p->id));
		json_path(j, "url", p->url);
		json_text(j, "domain", p->domain);
		json_text(j, "state", sherd_place_state_text(p->state));
		json_text(j, "why", p->why);
		json_number(j, "total", p->total);
		json_number(j, "free", p->free);
		json_number(j, "rtt_ns", p->rtt_ns);
		json_number(j, "read_errors", p->read_errors);
		json_number(j, "write_errors", p->write_errors);
		json_number(j, "lies", p->lies);
		json_number(j, "bytes_read", p->bytes_read);
		json_number(j, "bytes_written", p->bytes_written);
		json_time(j, "last_ok", p->last_ok_ns);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static int run_list(struct app *app, int count)
{
	const struct sherd_place_info *places;
	size_t found;
	int code;

	if (count)
		return app_usage(app, "place ls takes no more words");
	code = app_open_pool(app, APP_LOOK);
	if (code)
		return code;
	places = sherd_pool_places(app->pool, 1, &found);
	if (!places && found)
		return app_usage(app, "out of memory");
	if (app->g->json)
		list_json(app, places, found);
	else if (found)
		list_text(app, places, found, times_now());
	else
		app_note(app, "No places yet. Next: sherd place add NAME URL");
	return EXIT_OK;
}

static int run(struct app *app, void *values, char **operands, int count)
{
	const char *what = count ? operands[0] : "ls";
	char **rest = operands + 1;
	int left = count ? count - 1 : 0;

	if (!strcmp(what, "add"))
		return run_add(app, values, rest, left);
	if (!strcmp(what, "ls") || !strcmp(what, "list"))
		return run_list(app, left);
	if (!strcmp(what, "test"))
		return run_test(app, rest, left);
	if (!strcmp(what, "set"))
		return run_set(app, rest, left);
	if (!strcmp(what, "rm") || !strcmp(what, "remove"))
		return run_remove(app, values, rest, left);
	return app_usage(app, "place '%s' is none of add, ls, test, set, rm", what);
}

const struct verb verb_place = {
	.name = "place",
	.group = "start",
	.summary = "add, list, test, move and remove places",
	.table = &table,
	.examples = "  sherd place add usb /mnt/usb/sherd --domain home\n"
		    "  sherd place test usb\n"
		    "  sherd place set usb /media/usb/sherd\n",
	.size = sizeof(struct values),
	.run = run,
	.release = release,
};
