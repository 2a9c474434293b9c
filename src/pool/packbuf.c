/* SPDX-License-Identifier: MIT */
/*
 * packbuf.c - one block of memory: m bodies, one behind the other, so that the k data shares are
 * one payload; behind them m heads. A share file is then two aligned parts.
 */
#include "packbuf.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

struct pack_buffer {
	atomic_uint refs;
	unsigned k, m;
	uint32_t room;       /* share size that there is memory for */
	uint32_t share_size; /* in use; <= room */
	uint8_t *memory;
};

int pack_buffer_new_raw(unsigned k, unsigned m, uint32_t share_size, struct pack_buffer **ret,
	struct sherd_error *err)
{
	struct pack_buffer *b = mem_array(1, sizeof(*b));

	assert(k >= 1 && k <= m && m <= POOL_SHARES_MAX && ladder_ok(share_size));
	if (!b)
		return err_nomem(err);
	atomic_init(&b->refs, 1);
	b->k = k;
	b->m = m;
	b->room = b->share_size = share_size;
	b->memory =
		mem_aligned(SHARE_ALIGN, m * ((size_t)share_size + share_head_size(m, share_size)));
	if (!b->memory) {
		mem_free(b);
		return err_nomem(err);
	}
	*ret = b;
	return 0;
}

int pack_buffer_new(unsigned k, unsigned m, uint32_t share_size, struct pack_buffer **ret,
	struct sherd_error *err)
{
	struct pack_buffer *b = NULL;
	int r = pack_buffer_new_raw(k, m, share_size, &b, err);

	if (r)
		return r;
	memset(b->memory, 0, (size_t)k * share_size);
	*ret = b;
	return 0;
}

bool pack_buffer_reshape(struct pack_buffer *b, uint32_t share_size)
{
	assert(ladder_ok(share_size));
	/* Nobody can gain a reference meanwhile: the only one is ours. */
	if (atomic_load_explicit(&b->refs, memory_order_acquire) != 1 || share_size > b->room)
		return false;
	b->share_size = share_size;
	return true;
}

bool pack_buffer_reuse(struct pack_buffer *b, uint32_t share_size)
{
	if (!pack_buffer_reshape(b, share_size))
		return false;
	memset(b->memory, 0, (size_t)b->k * share_size);
	return true;
}

struct pack_buffer *pack_buffer_ref(struct pack_buffer *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void pack_buffer_unref(struct pack_buffer *b)
{
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	mem_free(b->memory);
	mem_free(b);
}

uint8_t *pack_buffer_payload(struct pack_buffer *b)
{
	return b->memory;
}

uint8_t *packbuf_body(struct pack_buffer *b, unsigned share)
{
	assert(share < b->m);
	return b->memory + (size_t)share * b->share_size;
}

uint8_t *packbuf_head(struct pack_buffer *b, unsigned share)
{
	assert(share < b->m);
	return b->memory + (size_t)b->m * b->share_size + share * packbuf_head_size(b);
}

size_t packbuf_head_size(const struct pack_buffer *b)
{
	return share_head_size(b->m, b->share_size);
}

unsigned packbuf_k(const struct pack_buffer *b)
{
	return b->k;
}

unsigned packbuf_m(const struct pack_buffer *b)
{
	return b->m;
}

uint32_t packbuf_share_size(const struct pack_buffer *b)
{
	return b->share_size;
}

static void hold_ref(void *object)
{
	pack_buffer_ref(object);
}

static void hold_unref(void *object)
{
	pack_buffer_unref(object);
}

struct call_hold packbuf_hold(struct pack_buffer *b)
{
	return (struct call_hold){hold_ref, hold_unref, b};
}
