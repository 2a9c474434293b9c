/* SPDX-License-Identifier: MIT */
/*
 * app.h - one run of the program: its verb, its options, its configuration, the pool it works with.
 *
 * A verb is a function that gets this and returns an exit code. What it opens is closed by main().
 */
#ifndef CMD_SHERD_APP_H
#define CMD_SHERD_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <sherd/error.h>
#include <sherd/pool.h>
#include <sherd/repo.h>
#include <common/options.h>
#include "config.h"
#include "exitcode.h"
#include "globals.h"
#include "json.h"
#include "secrets.h"

struct app;

/* One verb. ${size} bytes of values begin with struct globals; zero is the default of each. */
struct verb {
	const char *name;
	const char *group;   /* heading in the list of verbs */
	const char *summary; /* a few words */
	const struct option_table *table;
	const char *examples; /* three, of what is typed, and a few lines more: for help VERB */
	size_t size;
	int (*run)(struct app *app, void *values, char **operands, int count);
	void (*release)(void *values); /* what the values own; NULL: nothing */
};

/* All verbs; the last has no name. main.c */
extern const struct verb *const verbs[];
const struct verb *verb_named(const char *name);

struct app {
	const struct verb *verb;
	const struct globals *g;
	struct json json;
	struct config config;
	bool has_config;
	char *pool_name; /* owned; NULL until app_choose_pool() */
	char *state;     /* its state folder; owned */
	char *cache;     /* its cache folder; owned */
	struct secrets secrets;
	struct sherd_place_url *urls; /* from the configuration; owned */
	size_t url_count;
	uint8_t pool_id[SHERD_POOL_ID_SIZE]; /* pinned in the configuration */
	bool has_id;
	struct sherd_pool *pool;
	struct sherd_repo *repo;
};

void app_release(struct app *app);

/* app_config(app, err): read the configuration, once. */
int app_config(struct app *app, struct sherd_error *err);

/*
 * app_choose_pool(app, err):
 * Which pool: -p, $SHERD_POOL, or the only one configured; and where it is. Errors: NOPOOL (not
 * configured), INVALID (which of several?), those of the configuration.
 */
int app_choose_pool(struct app *app, struct sherd_error *err);

/* app_name_pool(app, name, err): the same for a pool that is about to be made. INVALID: the name.
 */
int app_name_pool(struct app *app, const char *name, struct sherd_error *err);

/* How a verb opens the pool. */
enum app_access {
	APP_READ,   /* look only, beside others */
	APP_LOOK,   /* as writers do if nobody else has it, else look only */
	APP_CHANGE, /* alone */
};

/* app_pool_options(app, access, ret): as the command line and the configuration say. */
void app_pool_options(struct app *app, enum app_access access, struct sherd_pool_options *ret);

/* app_open_pool(app, access): 0, or an exit code after saying why. */
int app_open_pool(struct app *app, enum app_access access);

/* app_open_repo(app, access): the pool and what is in it. Likewise. */
int app_open_repo(struct app *app, enum app_access access);

/* app_save_pool(app, err): a section of the pool with its id, in the configuration. */
int app_save_pool(struct app *app, const uint8_t id[SHERD_POOL_ID_SIZE], struct sherd_error *err);

/* app_save_place(app, name, url, domain, err): where a place of this pool is on this machine. */
int app_save_place(struct app *app, const char *name, const char *url, const char *domain,
	struct sherd_error *err);

/* ---- errors: three lines, or a JSON line; both give the exit code ---- */

/* app_fail(app, err, format, ...): what failed; why is err's message, and what to do follows from
 * its code. After a signal only the first line is said. */
int app_fail(struct app *app, const struct sherd_error *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* app_fail_try(app, err, hint, format, ...): with a hint of the caller's own. */
int app_fail_try(struct app *app, const struct sherd_error *err, const char *hint,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* app_usage(app, format, ...): exit code 2. */
int app_usage(struct app *app, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- JSON documents ---- */

/* app_json(app, type): begin a document with output_version and, if not NULL, message_type. */
struct json *app_json(struct app *app, const char *type);

/* ---- small talk ---- */

/* app_note(app, format, ...): on standard error, but with -q or --json. */
void app_note(struct app *app, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* app_pool_id_text(id, buffer): "7c29-b2a0", for people. */
char *app_pool_id_text(const uint8_t id[SHERD_POOL_ID_SIZE], char buffer[16]);

#endif
