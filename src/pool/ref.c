/* SPDX-License-Identifier: MIT */
/* ref.c - pack references as bytes (docs/format.md, 6.5). */
#include <pool/ref.h>

#include <assert.h>

static bool shape_ok(const struct pool_ref *ref)
{
	return ref->k >= 1 && ref->k <= ref->m && ref->m <= POOL_SHARES_MAX && ref->epoch >= 1 &&
	       ladder_ok(ref->share_size) && ref->share_size <= ladder_top(ref->k, ref->m);
}

void ref_write(const struct pool_ref *ref, struct bytes *b)
{
	assert(shape_ok(ref));
	bytes_add(b, ref->id.bytes, sizeof(ref->id.bytes));
	bytes_add(b, ref->nonce, sizeof(ref->nonce));
	bytes_u32(b, ref->epoch);
	bytes_u32(b, ref->share_size);
	bytes_u8(b, ref->k);
	bytes_u8(b, ref->m);
	bytes_u16(b, 0);
	for (unsigned i = 0; i < ref->m; i++)
		bytes_u16(b, ref->places[i]);
}

bool ref_read(struct cursor *c, struct pool_ref *ret)
{
	*ret = (struct pool_ref){0};
	cursor_copy(c, ret->id.bytes, sizeof(ret->id.bytes));
	cursor_copy(c, ret->nonce, sizeof(ret->nonce));
	ret->epoch = cursor_u32(c);
	ret->share_size = cursor_u32(c);
	ret->k = cursor_u8(c);
	ret->m = cursor_u8(c);
	if (cursor_u16(c) != 0 || !shape_ok(ret))
		c->failed = true;
	for (unsigned i = 0; !c->failed && i < ret->m; i++)
		ret->places[i] = cursor_u16(c);
	return !c->failed;
}
