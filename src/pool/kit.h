/* SPDX-License-Identifier: MIT */
/* kit.h - the text of a recovery kit (docs/format.md, 8.3). Threads: any. */
#ifndef POOL_KIT_H
#define POOL_KIT_H

#include <stddef.h>
#include <stdint.h>
#include <crypt/secret.h>
#include <sherd/error.h>
#include "record.h"

#define KIT_TEXT_MAX 8192 /* bytes that kit_read() looks at, at most */

struct kit {
	uint8_t pool[POOL_ID_SIZE];
	uint8_t slot[RECORD_ID_SIZE];
	struct crypt_key secret;
};
static inline void kit_wipe_at(struct kit *kit)
{
	secret_wipe(kit, sizeof(*kit));
}

/* kit_write(kit, name, created, ret_text, err): the whole text, with words for people: in locked
 * memory, free with secret_free(). ${created}: the day, or "". Errors: NOMEM. */
int kit_write(const struct kit *kit, const char *name, const char *created, char **ret_text,
	struct sherd_error *err);

/*
 * kit_read(text, size, ret, err):
 * From the whole text, or its secret lines alone. Spaces between groups, upper case, and a number
 * or mark before a line do not matter.
 * Errors: BADKEY (a line has a typing error: it is named; or lines are missing), NEWER.
 */
int kit_read(const char *text, size_t size, struct kit *ret, struct sherd_error *err);

#endif
