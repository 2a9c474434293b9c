/* SPDX-License-Identifier: MIT */
/*
 * paths.h - where things are on this machine (XDG Base Directory rules), and small files.
 * Strings returned are the caller's (mem_free()); NULL with err set.
 */
#ifndef CMD_SHERD_PATHS_H
#define CMD_SHERD_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <sherd/error.h>
#include "globals.h"

/* The configuration: --config, $SHERD_CONFIG, $XDG_CONFIG_HOME/sherd/config, ~/.config/sherd/config
 * and, if that is not there but this is, /etc/sherd/config. */
char *paths_config(const struct globals *g, struct sherd_error *err);

/* The state folder of a pool: beneath $SHERD_STATE_DIR, $XDG_STATE_HOME/sherd or
 * ~/.local/state/sherd. */
char *paths_state(const char *pool, struct sherd_error *err);

/* The cache folder of a pool: beneath --cache-dir, $SHERD_CACHE_DIR, $XDG_CACHE_HOME/sherd or
 * ~/.cache/sherd. */
char *paths_cache(const struct globals *g, const char *pool, struct sherd_error *err);

/* paths_absolute(path, err): the working folder is put before a relative one. */
char *paths_absolute(const char *path, struct sherd_error *err);

/* paths_url(text, err): a place as it is stored: URLs as they are, plain paths absolute. */
char *paths_url(const char *text, struct sherd_error *err);

/* paths_make_parents(path, err): make the folders above ${path}, mode 0700. */
int paths_make_parents(const char *path, struct sherd_error *err);

/* paths_name_ok(name): may it name a pool or place: letters, digits, '.', '_', '-', no '.' first.
 */
bool paths_name_ok(const char *name);

/*
 * paths_read(path, size_max, ret_text, ret_size, err):
 * All of a file, "-" being standard input, with a NUL behind it. Errors: NOTFOUND, DENIED, IO,
 * NOMEM, NOSPACE (more than size_max).
 */
int paths_read(const char *path, size_t size_max, char **ret_text, size_t *ret_size,
	struct sherd_error *err);

/* paths_read_fd(fd, name, ...): the same from a descriptor; ${wipe}: no copy is left behind. */
int paths_read_fd(int fd, const char *name, size_t size_max, bool wipe, char **ret_text,
	size_t *ret_size, struct sherd_error *err);

/* paths_wipe_free(text): overwrite and free. NULL does nothing. */
void paths_wipe_free(char *text);

#endif
