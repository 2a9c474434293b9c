/* SPDX-License-Identifier: MIT */
/* wire.h - what the bodies of control records have in common: texts and extensions
 * (docs/format.md, 7.3). Threads: any. */
#ifndef POOL_WIRE_H
#define POOL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <base/cursor.h>
#include <sherd/error.h>

#define WIRE_EXTENSIONS_MAX 64 /* in one record */

/*
 * wire_text(c, size_max, ret, err): a text of at most ${size_max} bytes without a zero among them,
 * as a new string. Errors: CORRUPT, NOMEM. What *ret held before is freed.
 */
int wire_text(struct cursor *c, size_t size_max, char **ret, struct sherd_error *err);
void wire_add_text(struct bytes *b, const char *text);

/* Extensions are kept as they stand, their count included. */
struct wire_extensions {
	uint8_t *data; /* owned; NULL: none */
	size_t size;
};
int wire_extensions(struct cursor *c, struct wire_extensions *ret, struct sherd_error *err);
void wire_add_extensions(struct bytes *b, const struct wire_extensions *extensions);
void wire_extensions_release(struct wire_extensions *extensions);

/* wire_copy(text): a new copy, NULL without memory. */
char *wire_copy(const char *text);

/* wire_name_ok(name): [A-Za-z0-9._-], 1 to SHERD_POOL_NAME_MAX bytes, no '.' first. */
bool wire_name_ok(const char *name);

/* wire_wipe(b): overwrite the contents, then free them. */
void wire_wipe(struct bytes *b);

#endif
