/* SPDX-License-Identifier: MIT */
/*
 * kernel_portable.c - the definition of the dot product, in plain C. It is written to be read; the
 * other kernels are written to be fast, and must do what this one does.
 */
#include <string.h>
#include <fec/gf256.h>
#include <fec/kernel.h>

static void prepare(const uint8_t *coefficients, size_t count, uint8_t *slots)
{
	memcpy(slots, coefficients, count);
}

static void dot(const struct fec_dot *d)
{
	for (size_t o = 0; o < d->outputs; o++) {
		uint8_t *target = d->target[o] + d->target_at;

		if (!d->start)
			memset(target, 0, d->size);
		else
			memmove(target, d->start[o] + d->start_at, d->size);
		for (size_t s = 0; s < d->sources; s++) {
			const uint8_t *product = gf256_product[d->table[s * d->outputs + o]];
			const uint8_t *source = d->source[s] + d->source_at;

			for (size_t c = 0; c < d->size; c++)
				target[c] ^= product[source[c]];
		}
	}
}

const struct fec_kernel fec_kernel_portable = {
	.name = "portable",
	.slot_size = 1,
	.outputs_max = FEC_OUTPUTS_MAX,
	.group = FEC_OUTPUTS_MAX,
	.prepare = prepare,
	.dot = dot,
};
