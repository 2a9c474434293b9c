/* SPDX-License-Identifier: MIT */
/*
 * config.h - the configuration file: sections with a kind and a name, and keys in them.
 *
 *     [pool "home"]
 *         id = 7c29...            ; the pinned pool
 *     [place "nas"]
 *         pool = home
 *         url = /mnt/nas/sherd
 *
 * The file is kept as lines; what is set changes one line or adds one, so that comments, order and
 * keys of later versions survive. It is replaced atomically, mode 0600. Nothing in it is secret.
 */
#ifndef CMD_SHERD_CONFIG_H
#define CMD_SHERD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <sherd/error.h>

#define CONFIG_SIZE_MAX (1 << 20) /* bytes of the file */

struct config_line; /* config.c */

struct config {
	char *path;                /* owned */
	struct config_line *lines; /* owned */
	size_t count, room;
	bool exists; /* the file was there */
};

/* A section as it stands in the file: index of its header line. */
#define CONFIG_NONE ((size_t)-1)

/* config_load(c, path, err): a file that is not there is an empty one. Errors: INVALID (names the
 * line), DENIED, IO, NOMEM; release it all the same. */
int config_load(struct config *c, const char *path, struct sherd_error *err);
void config_release(struct config *c);

/* config_next(c, kind, name, after): the next section of that kind (and name, if not NULL) behind
 * ${after}, which is CONFIG_NONE at first. CONFIG_NONE: no more. */
size_t config_next(const struct config *c, const char *kind, const char *name, size_t after);
const char *config_section_name(const struct config *c, size_t section);

/* config_get(c, section, key): the last value given; NULL: none. Valid until the next change. */
const char *config_get(const struct config *c, size_t section, const char *key);

/* config_add(c, kind, name, ret_section, err): a new section at the end. */
int config_add(struct config *c, const char *kind, const char *name, size_t *ret_section,
	struct sherd_error *err);

/* config_set(c, section, key, value, err): change the last value given, or add one at the end of
 * the section. Later sections move: take their indices anew. NOMEM. */
int config_set(struct config *c, size_t section, const char *key, const char *value,
	struct sherd_error *err);

/* config_remove(c, section): the section with its keys; comments before the next one stay. */
void config_remove(struct config *c, size_t section);

/* config_save(c, err): durable at return; the folder is made if need be (mode 0700). */
int config_save(const struct config *c, struct sherd_error *err);

/* config_place(c, pool, name): the section of a place of that pool: its key "pool" names the pool
 * or is not there. CONFIG_NONE: none. */
size_t config_place(const struct config *c, const char *pool, const char *name);

#endif
