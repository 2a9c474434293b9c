/* SPDX-License-Identifier: MIT */
/* lines.h - files that are lists: patterns, paths. */
#ifndef CMD_SHERD_LINES_H
#define CMD_SHERD_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <sherd/error.h>

#define LINES_SIZE_MAX ((size_t)1 << 30) /* bytes of a list of paths */

/* Growable list of texts, some of which lie in files read. */
struct lines {
	const char **items; /* owned; what they point to belongs to argv or to `texts` */
	size_t count, room;
	char **texts; /* owned: files read */
	size_t text_count;
};

/* lines_add(l, text): ${text} is not copied. NOMEM. */
int lines_add(struct lines *l, const char *text, struct sherd_error *err);

/*
 * lines_read(l, path, separator, patterns, err):
 * Append what stands in a file ("-": standard input), one entry for each ${separator}; empty ones
 * are dropped, and with ${patterns} comments ('#' first) and spaces at the end that are not quoted.
 */
int lines_read(
	struct lines *l, const char *path, char separator, bool patterns, struct sherd_error *err);

void lines_release(struct lines *l);

#endif
