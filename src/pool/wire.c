/* SPDX-License-Identifier: MIT */
/* wire.c - texts and extensions of control records. */
#include "wire.h"

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <crypt/secret.h>
#include <sherd/pool.h>

int wire_text(struct cursor *c, size_t size_max, char **ret, struct sherd_error *err)
{
	size_t size = cursor_u16(c);
	const uint8_t *data = cursor_take(c, size);
	char *text;

	if (!data || size > size_max || (size && memchr(data, 0, size)))
		return err_set(err, SHERD_CORRUPT, "a text in a record breaks the rules");
	text = mem_array(size + 1, 1);
	if (!text)
		return err_nomem(err);
	if (size)
		memcpy(text, data, size);
	mem_free(*ret);
	*ret = text;
	return 0;
}

void wire_add_text(struct bytes *b, const char *text)
{
	size_t size = strlen(text);

	assert(size <= UINT16_MAX);
	bytes_u16(b, (uint16_t)size);
	bytes_add(b, text, size);
}

int wire_extensions(struct cursor *c, struct wire_extensions *ret, struct sherd_error *err)
{
	const uint8_t *start = c->next;
	unsigned count = cursor_u16(c);
	uint8_t *data;
	size_t size;

	if (count > WIRE_EXTENSIONS_MAX)
		return err_set(err, SHERD_CORRUPT, "a record has too many extensions");
	for (unsigned i = 0; i < count; i++) {
		cursor_u16(c);
		cursor_take(c, cursor_u32(c));
	}
	if (c->failed)
		return err_set(err, SHERD_CORRUPT, "the extensions of a record are cut short");
	if (!count)
		return 0;
	size = (size_t)(c->next - start);
	data = mem_array(size, 1);
	if (!data)
		return err_nomem(err);
	memcpy(data, start, size);
	ret->data = data;
	ret->size = size;
	return 0;
}

void wire_add_extensions(struct bytes *b, const struct wire_extensions *extensions)
{
	if (extensions->data)
		bytes_add(b, extensions->data, extensions->size);
	else
		bytes_u16(b, 0);
}

void wire_extensions_release(struct wire_extensions *extensions)
{
	mem_free(extensions->data);
	*extensions = (struct wire_extensions){0};
}

char *wire_copy(const char *text)
{
	return mem_format("%s", text);
}

bool wire_name_ok(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	size_t size = strnlen(name, SHERD_POOL_NAME_MAX + 1);

	return size >= 1 && size <= SHERD_POOL_NAME_MAX && name[0] != '.' &&
	       strspn(name, allowed) == size;
}

void wire_wipe(struct bytes *b)
{
	if (b->data)
		secret_wipe(b->data, b->room);
	bytes_release(b);
}
