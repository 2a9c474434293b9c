/* SPDX-License-Identifier: MIT */
/* headrec.c - a head: what a device says it has, and what it had seen of the others. */
#include "headrec.h"

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/cursor.h>
#include <base/err.h>

#define VECTOR_ENTRY (RECORD_ID_SIZE + 8 + RECORD_HASH_SIZE)

void headrec_write(const struct headrec *rec, struct bytes *b)
{
	bytes_u32(b, rec->features_read);
	bytes_u32(b, rec->features_write);
	bytes_add(b, rec->device, RECORD_ID_SIZE);
	bytes_add(b, rec->previous.bytes, HASH_SIZE);
	bytes_u64(b, rec->time_ns);
	bytes_u64(b, rec->lamport);
	bytes_u64(b, rec->pool_seq);
	bytes_u64(b, rec->gc);
	bytes_u32(b, (uint32_t)rec->veto_count);
	bytes_add(b, rec->vetoes, rec->veto_count * HASH_SIZE);
	bytes_u32(b, (uint32_t)rec->vector_count);
	for (size_t i = 0; i < rec->vector_count; i++) {
		assert(i == 0 || memcmp(rec->vector[i - 1].incarnation, rec->vector[i].incarnation,
					 RECORD_ID_SIZE) < 0);
		bytes_add(b, rec->vector[i].incarnation, RECORD_ID_SIZE);
		bytes_u64(b, rec->vector[i].seq);
		bytes_add(b, rec->vector[i].hash, RECORD_HASH_SIZE);
	}
	bytes_u32(b, (uint32_t)rec->content_size);
	bytes_add(b, rec->content, rec->content_size);
	wire_add_extensions(b, &rec->extensions);
}

static int read_vector(struct cursor *c, struct headrec *ret, struct sherd_error *err)
{
	size_t count = cursor_u32(c);

	if (c->failed || count > HEADREC_VECTOR_MAX || count > cursor_left(c) / VECTOR_ENTRY)
		return err_set(err, SHERD_CORRUPT, "the vector of a head is damaged");
	ret->vector = mem_array(count, sizeof(*ret->vector));
	if (!ret->vector)
		return err_nomem(err);
	ret->vector_count = count;
	for (size_t i = 0; i < count; i++) {
		struct headrec_seen *seen = &ret->vector[i];

		cursor_copy(c, seen->incarnation, RECORD_ID_SIZE);
		seen->seq = cursor_u64(c);
		cursor_copy(c, seen->hash, RECORD_HASH_SIZE);
		if (!seen->seq || (i > 0 && memcmp(seen[-1].incarnation, seen->incarnation,
						    RECORD_ID_SIZE) >= 0))
			return err_set(err, SHERD_CORRUPT, "the vector of a head is not in order");
	}
	return 0;
}

int headrec_read(const uint8_t *body, size_t size, struct headrec *ret, struct sherd_error *err)
{
	struct cursor c = cursor_of(body, size);
	int r;

	*ret = (struct headrec){0};
	ret->features_read = cursor_u32(&c);
	ret->features_write = cursor_u32(&c);
	if (!c.failed && ret->features_read)
		return err_set(err, SHERD_NEWER, "a head was made by a newer version of sherd");
	cursor_copy(&c, ret->device, RECORD_ID_SIZE);
	cursor_copy(&c, ret->previous.bytes, HASH_SIZE);
	ret->time_ns = cursor_u64(&c);
	ret->lamport = cursor_u64(&c);
	ret->pool_seq = cursor_u64(&c);
	ret->gc = cursor_u64(&c);
	ret->veto_count = cursor_u32(&c);
	if (ret->veto_count > HEADREC_VETOES_MAX)
		return err_set(err, SHERD_CORRUPT, "a head has too many vetoes");
	ret->vetoes = cursor_take(&c, ret->veto_count * HASH_SIZE);
	r = read_vector(&c, ret, err);
	if (r)
		return r;
	ret->content_size = cursor_u32(&c);
	ret->content = cursor_take(&c, ret->content_size);
	r = wire_extensions(&c, &ret->extensions, err);
	if (r)
		return r;
	if (!cursor_done(&c))
		return err_set(err, SHERD_CORRUPT, "a head does not end where it should");
	return 0;
}

void headrec_release(struct headrec *rec)
{
	mem_free(rec->vector);
	wire_extensions_release(&rec->extensions);
	*rec = (struct headrec){0};
}
