/* SPDX-License-Identifier: MIT */
/*
 * cmd_init.c - sherd init: makes a pool on this machine; places come later.
 *
 * The kit's file is begun before the pool is made, so that a folder in which nothing can be written
 * is found out in time: a pool without a kit is one forgotten passphrase from being lost.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <base/alloc.h>
#include <base/env.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/newfile.h>
#include <common/say.h>
#include "ask.h"
#include "cmds.h"
#include "out.h"
#include "paths.h"

enum { shares_max = 256, passes_max = 16, kit_tries = 3, secret_letters = 22 };

struct values {
	struct globals g;
	long k, m, passes;
	uint64_t memory;
	const char *kit, *host, *label;
	bool no_device_key;
};

static const struct option_entry entries[] = {
	OPTION_NUMBER('k', "required", "K", struct values, k, 1, shares_max,
		"any K shares bring everything back"),
	OPTION_NUMBER('m', "shares", "M", struct values, m, 1, shares_max,
		"how many shares to make; default: fixed at the first backup to the number of "
		"places there are then"),
	OPTION_TEXT('\0', "kit", "FILE", struct values, kit,
		"where to write the recovery kit; default: ./sherd-NAME-kit.txt"),
	OPTION_SIZE('\0', "kdf-memory", "SIZE", struct values, memory, 8L << 20, 4L << 30,
		"memory that trying one passphrase shall cost; default: 256MiB"),
	OPTION_NUMBER('\0', "kdf-passes", "N", struct values, passes, 1, passes_max,
		"passes over that memory; default: 3"),
	OPTION_FLAG('\0', "no-device-key", struct values, no_device_key,
		"keep no key on this machine: the passphrase is asked for at every use"),
	OPTION_TEXT('\0', "host", "NAME", struct values, host,
		"name of this machine in snapshots; default: the host name"),
	OPTION_TEXT('\0', "label", "TEXT", struct values, label, "a note about this machine"),
};

static const struct option_table table = {
	.usage = "sherd init NAME -k K [-m M] [--kit FILE] [-y]",
	.summary =
		"Make a pool called NAME on this machine, and its recovery kit. Add places next.",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
	GLOBALS_SHARED,
};

static int write_kit(struct newfile *f, const char *text, struct sherd_error *err)
{
	int r;

	if (f->env->files->fchmod(f->env->context, f->fd, 0600))
		return err_system(err, errno, "cannot set the mode of '%s'", f->path);
	if (env_write(f->env, f->fd, text, strlen(text)))
		return err_system(err, errno, "cannot write '%s'", f->path);
	r = newfile_sync(f, err);
	if (!r)
		r = newfile_publish(f, err);
	if (!r)
		r = newfile_sync_folder(f, err);
	return r ? r : newfile_settle(f, err);
}

/* The letters and digits of base32 on a line of the kit, behind its number: "  4  gqb4 7xpg". */
static size_t secret_of(const char *line, size_t size, unsigned *ret_number, char *ret, size_t room)
{
	size_t at = 0, used = 0;

	*ret_number = 0;
	while (at < size && line[at] == ' ')
		at++;
	while (at < size && line[at] >= '0' && line[at] <= '9' && *ret_number < 1000)
		*ret_number = *ret_number * 10 + (unsigned)(line[at++] - '0');
	for (; *ret_number && at < size && used + 1 < room; at++) {
		if (line[at] == ' ')
			continue;
		if (!strchr("abcdefghijklmnopqrstuvwxyz234567", line[at]))
			return 0;
		ret[used++] = line[at];
	}
	ret[used] = '\0';
	return used;
}

/* The last whole line of secrets of the kit: its number and its last four characters. 0: none. */
static unsigned secret_line(const char *kit, char tail[5])
{
	char letters[64];
	unsigned found = 0;

	for (const char *line = kit; *line;) {
		size_t size = strcspn(line, "\n");
		unsigned number;
		size_t used = secret_of(line, size, &number, letters, sizeof(letters));

		if (used >= secret_letters) {
			found = number;
			memcpy(tail, letters + used - 4, 5);
		}
		line += size + (line[size] == '\n');
	}
	explicit_bzero(letters, sizeof(letters));
	return found;
}

/* Spaces are as the kit has them, or left out. */
static void drop_spaces(char *text)
{
	char *to = text;

	for (; *text; text++)
		if (*text != ' ')
			*to++ = *text;
	*to = '\0';
}

/* Was the kit really printed or copied? Asked three times, then only a warning. */
static int confirm_kit(const char *kit, const char *path, struct sherd_error *err)
{
	char tail[5] = "", answer[64], prompt[256];
	unsigned line = secret_line(kit, tail);
	size_t size;

	for (unsigned i = 0; line && i < kit_tries; i++) {
		int r;

		snprintf(prompt, sizeof(prompt),
			"Type the last 4 characters of line %u of the printed kit to go on: ",
			line);
		r = ask_line(prompt, answer, sizeof(answer), &size, err);
		if (r)
			return r;
		drop_spaces(answer);
		if (!strcasecmp(answer, tail))
			return 0;
	}
	if (line)
		say_warning("these are not on line %u; look after '%s' yourself", line, path);
	return 0;
}

static void tell(struct app *app, const struct values *v, const uint8_t *id, const char *kit)
{
	char text[16];

	if (v->g.json) {
		struct json *j = app_json(app, NULL);

		json_text(j, "pool", app->pool_name);
		json_hex(j, "id", id, SHERD_POOL_ID_SIZE);
		json_number(j, "k", (uint64_t)v->k);
		json_number(j, "m", (uint64_t)v->m);
		json_path(j, "kit", kit);
		json_path(j, "state", app->state);
		json_end(j);
		return;
	}
	out("Pool %s %s made. %ld share%s rebuild%s anything. No places yet.\n", app->pool_name,
		app_pool_id_text(id, text), v->k, v->k == 1 ? "" : "s", v->k == 1 ? "s" : "");
	app_note(app, "Next: sherd place add NAME URL%s",
		v->k == 1 ? "" : ", at least as many as shares are needed and some to spare");
}

/* The pool is made; now it must be found again: its id, from the state folder. */
static int remember(struct app *app, const struct values *v, const char *kit_path)
{
	struct sherd_pool_options options;
	struct sherd_pool_info info;
	struct sherd_error err;
	int r;

	app_pool_options(app, APP_CHANGE, &options);
	r = sherd_pool_open(&options, &app->pool, &err);
	if (!r) {
		sherd_pool_info(app->pool, &info);
		r = app_save_pool(app, info.id, &err);
	}
	if (r)
		return app_fail_try(app, &err, "sherd help secrets",
			"the pool is made in '%s', but could not be noted in '%s'", app->state,
			app->config.path);
	tell(app, v, info.id, kit_path);
	return EXIT_OK;
}

static int make(struct app *app, const struct values *v, const char *kit_path,
	const char *passphrase, size_t passphrase_size)
{
	struct sherd_pool_init_options options = {
		.state = app->state,
		.name = app->pool_name,
		.k = (unsigned)v->k,
		.m = (unsigned)v->m,
		.passphrase = passphrase,
		.passphrase_size = passphrase_size,
		.kdf_memory_kib = (uint32_t)(v->memory / 1024),
		.kdf_passes = (uint32_t)v->passes,
		.host = v->host,
		.label = v->label,
		.no_device_key = v->no_device_key,
	};
	CLEANUP(newfile_release) struct newfile f = NEWFILE_INIT;
	struct sherd_error err;
	char *kit = NULL;
	int r;

	if (newfile_open(&f, NULL, kit_path, false, &err))
		return app_fail_try(app, &err, "--kit FILE, a new file in a folder of yours",
			"cannot write the recovery kit");
	r = paths_make_parents(app->state, &err);
	if (!r)
		r = sherd_pool_init(&options, &kit, &err);
	if (r)
		return app_fail(app, &err, "cannot make pool '%s'", app->pool_name);
	r = write_kit(&f, kit, &err);
	if (r) {
		sherd_text_free(kit);
		return app_fail_try(app, &err, "remove that folder, then sherd init again",
			"the pool was made in '%s', but its recovery kit could not be written",
			app->state);
	}
	app_note(app,
		"Recovery kit written to %s (print it; it holds the key - keep it away from "
		"this machine)",
		kit_path);
	if (!v->g.yes)
		r = confirm_kit(kit, kit_path, &err);
	sherd_text_free(kit);
	if (r)
		say_warning("the kit was not looked at: %s", err.message);
	return remember(app, v, kit_path);
}

static int check(struct app *app, const struct values *v, const char *name, struct sherd_error *err)
{
	int r = app_config(app, err);

	if (!r)
		r = app_name_pool(app, name, err);
	if (!r && v->m && v->m < v->k)
		r = err_set(err, SHERD_INVALID, "-m %ld is less than -k %ld", v->m, v->k);
	if (!r && config_next(&app->config, "pool", name, CONFIG_NONE) != CONFIG_NONE)
		r = err_set(err, SHERD_EXISTS, "'%s' has a pool of that name already",
			app->config.path);
	return r;
}

static int run(struct app *app, void *values, char **operands, int count)
{
	const struct values *v = values;
	CLEANUP(mem_free_at) char *kit_path = NULL;
	char passphrase[SECRETS_PASSPHRASE_MAX + 2];
	struct sherd_error err;
	size_t size = 0;
	int code;

	if (count != 1)
		return app_usage(app, count ? "one pool at a time" : "no pool is named: NAME");
	if (!v->k)
		return app_usage(app, "-k K is needed: how many shares bring everything back "
				      "(sherd plan helps to choose)");
	if (check(app, v, operands[0], &err))
		return app_fail(app, &err, "cannot make pool '%s'", operands[0]);
	kit_path =
		v->kit ? mem_format("%s", v->kit) : mem_format("./sherd-%s-kit.txt", operands[0]);
	if (!kit_path)
		return app_usage(app, "out of memory");
	if (v->g.dry_run) {
		out("Would make pool %s in %s, and its kit %s.\n", app->pool_name, app->state,
			kit_path);
		return EXIT_OK;
	}
	if (!v->g.yes && !ask_possible())
		return app_usage(app, "there is no terminal to show the kit at: add -y");
	if (secrets_new_passphrase(&app->secrets, passphrase, sizeof(passphrase), &size, &err))
		return app_fail_try(app, &err, "sherd help secrets", "no passphrase");
	app->secrets.known = passphrase;
	app->secrets.known_size = size;
	code = make(app, v, kit_path, passphrase, size);
	app->secrets.known = NULL;
	explicit_bzero(passphrase, sizeof(passphrase));
	return code;
}

const struct verb verb_init = {
	.name = "init",
	.group = "start",
	.summary = "make a pool",
	.table = &table,
	.examples = "  sherd init home -k 3\n"
		    "  sherd init home -k 3 -m 5 --kit /media/stick/home-kit.txt\n"
		    "  SHERD_PASSPHRASE_FILE=/root/p sherd init home -k 2 -y --kit /root/kit.txt\n",
	.size = sizeof(struct values),
	.run = run,
};
