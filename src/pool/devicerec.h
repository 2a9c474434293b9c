/* SPDX-License-Identifier: MIT */
/* devicerec.h - the body of a device record (docs/format.md, 7.4). */
#ifndef POOL_DEVICEREC_H
#define POOL_DEVICEREC_H

#include <stdint.h>
#include <base/bytes.h>
#include <crypt/sign.h>
#include <crypt/box.h>
#include <sherd/error.h>
#include "record.h"
#include "wire.h"

#define DEVICEREC_TEXT_MAX 255 /* bytes of host and label */

enum devicerec_right {
	DEVICEREC_ADD = 1,
	DEVICEREC_DELETE = 2,
	DEVICEREC_MANAGE = 4,
	DEVICEREC_RIGHTS = 7, /* all there are */
};

struct devicerec {
	uint8_t device[RECORD_ID_SIZE];
	uint8_t incarnation[RECORD_ID_SIZE];
	uint8_t sign_key[SIGN_PUBLIC_SIZE];
	uint8_t box_key[BOX_PUBLIC_SIZE];
	uint32_t rights;
	uint64_t created_ns;
	char *host, *label; /* owned */
	struct wire_extensions extensions;
};

/* devicerec_write(rec, b): append the body. */
void devicerec_write(const struct devicerec *rec, struct bytes *b);

/* devicerec_read(body, size, ret, err): Errors: CORRUPT, NOMEM. ${ret} is to be released in any
 * case. */
int devicerec_read(
	const uint8_t *body, size_t size, struct devicerec *ret, struct sherd_error *err);
void devicerec_release(struct devicerec *rec);

#endif
