/* SPDX-License-Identifier: MIT */
/*
 * zshare.c - the header and the name of a share file (docs/format.md, section 2).
 *
 * The header is a string of bits, the first one the highest of the first byte:
 *     m-1 : 8    k-1 : kb    pad : pb    share : kb        kb = bits that count to m, pb to k
 * and zeros up to the end of its last byte. At most 32 bits: one machine word holds it.
 */
#include <sherd/zfec.h>

#include <stdio.h>
#include <base/cursor.h>
#include <base/err.h>
#include <base/intmath.h>

#define HEADER_MIN 2 /* bytes, even where fewer bits than that are used */

static bool code_is_valid(unsigned k, unsigned m)
{
	return k >= 1 && k <= m && m <= 256;
}

static unsigned header_bits(unsigned k, unsigned m)
{
	return 8 + 2 * int_bits(m) + int_bits(k);
}

size_t sherd_zfec_header_size(unsigned k, unsigned m)
{
	size_t size;

	if (!code_is_valid(k, m))
		return 0;
	size = (header_bits(k, m) + 7) / 8;
	return INT_MAX_OF(size, (size_t)HEADER_MIN);
}

int sherd_zfec_header_write(const struct sherd_zfec_header *header,
	uint8_t ret_bytes[SHERD_ZFEC_HEADER_MAX], size_t *ret_size, struct sherd_error *err)
{
	const struct sherd_zfec_header *h = header;
	uint64_t bits;
	size_t size;

	if (!h || !ret_bytes || !ret_size)
		return err_set(err, SHERD_INVALID, "no header to write, or no place for it");
	if (!code_is_valid(h->k, h->m) || h->pad >= h->k || h->share >= h->m)
		return err_set(err, SHERD_INVALID,
			"no share file is number %u of a code of %u from %u with padding %u",
			h->share, h->k, h->m, h->pad);
	bits = h->m - 1;
	bits = bits << int_bits(h->m) | (h->k - 1);
	bits = bits << int_bits(h->k) | h->pad;
	bits = bits << int_bits(h->m) | h->share;
	size = sherd_zfec_header_size(h->k, h->m);
	bits <<= 8 * size - header_bits(h->k, h->m);
	for (size_t i = 0; i < size; i++)
		ret_bytes[i] = (uint8_t)(bits >> 8 * (size - 1 - i));
	*ret_size = size;
	return 0;
}

/* Bits of a word, taken from the highest on. */
struct bits {
	uint32_t word;
	unsigned taken;
};

static unsigned take_bits(struct bits *b, unsigned count)
{
	uint64_t rest = (uint64_t)b->word << b->taken & 0xffffffff;

	b->taken += count;
	return (unsigned)(rest >> (32 - count));
}

int sherd_zfec_header_read(const uint8_t *bytes, size_t size, struct sherd_zfec_header *ret_header,
	size_t *ret_size, struct sherd_error *err)
{
	struct sherd_zfec_header h;
	struct cursor c;
	struct bits b = {0};
	size_t wanted;

	if ((size && !bytes) || !ret_header || !ret_size)
		return err_set(err, SHERD_INVALID, "no header to read, or no place for it");
	/* Bytes that are not there read as zeros; whether they are needed shows below. */
	c = cursor_of(bytes, INT_MIN_OF(size, (size_t)SHERD_ZFEC_HEADER_MAX));
	for (size_t i = 0; i < SHERD_ZFEC_HEADER_MAX; i++)
		b.word = b.word << 8 | (uint32_t)cursor_big_endian(&c, 1);
	h.m = take_bits(&b, 8) + 1;
	h.k = take_bits(&b, int_bits(h.m)) + 1;
	if (size < HEADER_MIN)
		return err_set(err, SHERD_CORRUPT, "its header is cut short");
	if (h.k > h.m)
		return err_set(err, SHERD_CORRUPT, "its header asks for %u shares of %u", h.k, h.m);
	wanted = sherd_zfec_header_size(h.k, h.m);
	if (size < wanted)
		return err_set(err, SHERD_CORRUPT, "its header is cut short");
	h.pad = take_bits(&b, int_bits(h.k));
	h.share = take_bits(&b, int_bits(h.m));
	if (h.pad >= h.k)
		return err_set(err, SHERD_CORRUPT,
			"its header tells of %u bytes of padding where %u are most", h.pad,
			h.k - 1);
	if (h.share >= h.m)
		return err_set(err, SHERD_CORRUPT,
			"its header says it is share %u of shares 0 to %u", h.share, h.m - 1);
	if (take_bits(&b, (unsigned)(8 * wanted) - b.taken))
		return err_set(err, SHERD_CORRUPT, "its header has bits behind its last field");
	*ret_header = h;
	*ret_size = wanted;
	return 0;
}

static int decimal_digits(unsigned n)
{
	int digits = 1;

	for (; n >= 10; n /= 10)
		digits++;
	return digits;
}

size_t sherd_zfec_share_name(
	const struct sherd_zfec_encode_options *options, unsigned share, char *buffer, size_t size)
{
	const struct sherd_zfec_encode_options *o = options;
	int length;

	if (!o || !code_is_valid(o->k, o->m) || share >= o->m || (size && !buffer))
		return 0;
	length = snprintf(buffer, size, "%s/%s.%0*u_%u%s",
		o->directory && *o->directory ? o->directory : ".", o->prefix ? o->prefix : "",
		decimal_digits(o->m), share, o->m, o->suffix ? o->suffix : ".fec");
	return length > 0 ? (size_t)length : 0;
}
