/* SPDX-License-Identifier: MIT */
/* devicerec.c - a device's certificate: its keys, its rights, and the head log that is its own. */
#include "devicerec.h"

#include <base/alloc.h>
#include <base/cursor.h>
#include <base/err.h>

void devicerec_write(const struct devicerec *rec, struct bytes *b)
{
	bytes_add(b, rec->device, RECORD_ID_SIZE);
	bytes_add(b, rec->incarnation, RECORD_ID_SIZE);
	bytes_add(b, rec->sign_key, SIGN_PUBLIC_SIZE);
	bytes_add(b, rec->box_key, BOX_PUBLIC_SIZE);
	bytes_u32(b, rec->rights);
	bytes_u64(b, rec->created_ns);
	wire_add_text(b, rec->host);
	wire_add_text(b, rec->label);
	wire_add_extensions(b, &rec->extensions);
}

int devicerec_read(const uint8_t *body, size_t size, struct devicerec *ret, struct sherd_error *err)
{
	struct cursor c = cursor_of(body, size);
	int r;

	*ret = (struct devicerec){0};
	cursor_copy(&c, ret->device, RECORD_ID_SIZE);
	cursor_copy(&c, ret->incarnation, RECORD_ID_SIZE);
	cursor_copy(&c, ret->sign_key, SIGN_PUBLIC_SIZE);
	cursor_copy(&c, ret->box_key, BOX_PUBLIC_SIZE);
	ret->rights = cursor_u32(&c);
	ret->created_ns = cursor_u64(&c);
	r = wire_text(&c, DEVICEREC_TEXT_MAX, &ret->host, err);
	if (!r)
		r = wire_text(&c, DEVICEREC_TEXT_MAX, &ret->label, err);
	if (!r)
		r = wire_extensions(&c, &ret->extensions, err);
	if (r)
		return r;
	/* A right that is unknown here does not matter here. */
	if (!cursor_done(&c))
		return err_set(err, SHERD_CORRUPT, "a device record does not end where it should");
	return 0;
}

void devicerec_release(struct devicerec *rec)
{
	mem_free(rec->host);
	mem_free(rec->label);
	wire_extensions_release(&rec->extensions);
	*rec = (struct devicerec){0};
}
