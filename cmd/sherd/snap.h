/* SPDX-License-Identifier: MIT */
/* snap.h - snapshots as they are named on a command line: SNAP, SNAP:PATH. */
#ifndef CMD_SHERD_SNAP_H
#define CMD_SHERD_SNAP_H

#include "app.h"

enum { snap_id_digits = 8 }; /* of an id, for people */

/* snap_id(snapshot, buffer): the first digits of its id. */
char *snap_id(const struct sherd_snapshot *s, char buffer[2 * SHERD_ID_SIZE + 1]);

/*
 * snap_find(app, text, host, ret, ret_path):
 * The snapshot that "SNAP" or "SNAP:PATH" means, and the path in ${text}; NULL if there is none.
 * The first colon ends SNAP, but not one in the time of "@2026-11-01T10:00". 0, or an exit code
 * after saying why.
 */
int snap_find(struct app *app, const char *text, const char *host,
	const struct sherd_snapshot **ret, const char **ret_path);

/* snap_json(j, s): its fields, in an object that is open. */
void snap_json(struct json *j, const struct sherd_snapshot *s);

/* entry_json(j, e): the fields of a file in a snapshot, likewise. */
void entry_json(struct json *j, const struct sherd_entry *e);

/* entry_letter(e): 'd', '-', 'l' ... as ls shows it. */
char entry_letter(enum sherd_entry_type type);

#endif
