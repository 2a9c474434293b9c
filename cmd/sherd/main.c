/* SPDX-License-Identifier: MIT */
/*
 * main.c - the program sherd: finds the verb, reads its options by its table, runs it, and ends as
 * it says. A signal that stopped the work ends the process as that signal would have.
 */
#include <stdio.h>
#include <string.h>
#include <base/alloc.h>
#include <base/intmath.h>
#include <base/log.h>
#include <common/options.h>
#include <common/say.h>
#include <common/start.h>
#include <common/stop.h>
#include "app.h"
#include "cmds.h"
#include "help.h"
#include "meter.h"
#include "out.h"

static const char program[] = "sherd";

const struct verb *const verbs[] = {
	&verb_init,
	&verb_plan,
	&verb_place,
	&verb_clone,
	&verb_backup,
	&verb_snapshots,
	&verb_ls,
	&verb_find,
	&verb_diff,
	&verb_cat,
	&verb_restore,
	&verb_status,
	&verb_check,
	&verb_repair,
	&verb_version,
	&verb_completion,
	&verb_help,
	NULL,
};

const struct verb *verb_named(const char *name)
{
	for (size_t i = 0; verbs[i]; i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

static const struct option_entry version_entry[] = {
	OPTION_FLAG('V', "version", struct globals, version, "show the version and exit"),
};

static const struct option_table lead = {
	.usage = "sherd [options] VERB ...",
	.summary = "",
	.entries = version_entry,
	.count = ARRAY_COUNT(version_entry),
	GLOBALS_SHARED,
};

static void log_line(void *context, const char *line)
{
	meter_hide();
	say_log(context, line);
}

static int refuse(const char *text, const char *advice)
{
	say_error(program, "%s", text);
	say_try("%s", advice);
	return EXIT_USAGE;
}

/* argv[at] is the verb; its options are read into ${values}, which begins with the globals. */
static int run_verb(struct app *app, void *values, int argc, char **argv)
{
	struct sherd_error err;
	int count, code;
	int r = options_parse(app->verb->table, argc, argv, values, &count, &err);

	if (r > 0) {
		help_verb(app->verb, argc, argv);
		return EXIT_OK;
	}
	if (r)
		return app_usage(app, "%s", err.message);
	if (app->g->verbose && app->g->quiet)
		return app_usage(app, "only one of -v and -q");
	out_colour(app->g->color);
	app->secrets.verbose = app->g->verbose > 0;
	stop_install();
	code = app->verb->run(app, values, argv + 1, count);
	return code;
}

static int end_output(int code)
{
	int failed = start_end_output(program);

	return code ? code : failed;
}

static int run(struct app *app, const struct globals *globals, int argc, char **argv)
{
	struct globals *values = mem_array(1, app->verb->size);
	int code;

	if (!values) {
		say_error(program, "out of memory");
		return EXIT_FAILED;
	}
	*values = *globals;
	app->g = values;
	code = run_verb(app, values, argc, argv);
	app_release(app);
	if (app->verb->release)
		app->verb->release(values);
	mem_free(values);
	return code;
}

int main(int argc, char **argv)
{
	struct globals globals = {0};
	struct app app = {0};
	struct sherd_error err;
	int at, r, code;

	start_process();
	log_set_sink(log_line, NULL);
	r = options_lead(&lead, argc, argv, &globals, &at, &err);
	if (r > 0) {
		help_all(stdout);
		return end_output(EXIT_OK);
	}
	if (r < 0)
		return refuse(err.message, "sherd help");
	app.g = &globals;
	if (globals.version)
		app.verb = &verb_version;
	else if (at < argc)
		app.verb = verb_named(argv[at]);
	if (!app.verb && at == argc) {
		help_all(stderr);
		return EXIT_USAGE;
	}
	if (!app.verb) {
		char text[256], hint[256];

		snprintf(text, sizeof(text), "no verb '%.200s'", argv[at]);
		return refuse(text, help_guess(argv[at], hint, sizeof(hint)));
	}
	code = globals.version ? run(&app, &globals, 1, argv)
			       : run(&app, &globals, argc - at, argv + at);
	code = end_output(code);
	if (stop_signal() && code == EXIT_SIGNAL + stop_signal())
		stop_now(stop_signal());
	return code;
}
