/* SPDX-License-Identifier: MIT */
/* identity.h - `sherd-place`, the clear text by which a place is known (docs/format.md, 7.6). */
#ifndef POOL_IDENTITY_H
#define POOL_IDENTITY_H

#include <stddef.h>
#include <stdint.h>
#include <sherd/error.h>
#include "record.h"

#define IDENTITY_NAME "sherd-place"
#define IDENTITY_SIZE_MAX 4096

struct identity {
	uint8_t pool[POOL_ID_SIZE];
	uint8_t place[RECORD_ID_SIZE];
};

/* identity_write(identity): the text, NULL without memory; mem_free() it. */
char *identity_write(const struct identity *identity);

/* identity_read(data, size, ret, err): Errors: CORRUPT (it is none), NEWER. */
int identity_read(const uint8_t *data, size_t size, struct identity *ret, struct sherd_error *err);

#endif
