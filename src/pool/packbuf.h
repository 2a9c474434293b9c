/* SPDX-License-Identifier: MIT */
/* packbuf.h - the inside of a pack's buffer (packs.h), for those that code, put and repair packs.
 */
#ifndef POOL_PACKBUF_H
#define POOL_PACKBUF_H

#include <pool/packs.h>

/* packbuf_body(b, share): its S bytes, aligned. packbuf_head(b, share): its head, aligned; garbage
 * until written. */
uint8_t *packbuf_body(struct pack_buffer *b, unsigned share);
uint8_t *packbuf_head(struct pack_buffer *b, unsigned share);
size_t packbuf_head_size(const struct pack_buffer *b);
unsigned packbuf_k(const struct pack_buffer *b);
unsigned packbuf_m(const struct pack_buffer *b);
uint32_t packbuf_share_size(const struct pack_buffer *b);

/* packbuf_hold(b): what keeps it alive for a call. */
struct call_hold packbuf_hold(struct pack_buffer *b);

DEFINE_CLEANUP(struct pack_buffer, pack_buffer_unref)

#endif
