/* SPDX-License-Identifier: MIT */
/*
 * wrap_fault.c - a place that fails and lies to order. Which bits flip and which bytes come instead
 * follows from the name (and, for a get, from where it reads), never from chance: a run can be
 * repeated, and the same read is wrong in the same way twice, as bad sectors are.
 */
#include <place/wrap.h>

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <place/place_backend.h>
#include <place/wrap_common.h>

struct wrap_faulty {
	struct place place;
	const struct sherd_env *env;
	struct wrap_fault_options options;
};

/* A number that name and position stand for (FNV-1a, and a last stirring). */
static uint64_t number_of(const char *name, uint64_t at)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ at;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	h ^= h >> 29;
	return h * UINT64_C(0xbf58476d1ce4e5b9) >> 3;
}

static void flip_bit(uint8_t *bytes, size_t size, uint64_t number)
{
	if (size)
		bytes[number % size] ^= (uint8_t)(1u << (number >> 40) % 8);
}

/* Every byte becomes another one. */
static void spoil(uint8_t *bytes, size_t size, uint64_t number)
{
	for (size_t i = 0; i < size; i++) {
		number = number * UINT64_C(6364136223846793005) + 1442695040888963407;
		bytes[i] ^= (uint8_t)(1 + (number >> 33) % 255);
	}
}

/* --- faults that need no call: 0 if this is none of them --- */

static int fault_io(const char *name, struct sherd_error *err)
{
	return err_set(err, SHERD_IO, "'%s': an error was ordered", name);
}

/*
 * Ask what shall happen, and do what is the same for all calls: sleeping, and failing without doing
 * anything. 0, with the fault that is left to the call; or the code it failed with.
 */
static int ask(struct place *p, enum wrap_call call, const char *name, enum wrap_fault *ret_fault,
	struct sherd_error *err)
{
	struct wrap_faulty *w = (struct wrap_faulty *)p;
	enum wrap_fault fault = w->options.decide
					? w->options.decide(w->options.context, call, name)
					: WRAP_FAULT_NONE;

	*ret_fault = fault;
	if (fault == WRAP_FAULT_HANG || fault == WRAP_FAULT_SLOW)
		w->env->sleep_ns(w->env->context, w->options.hang_ns);
	switch (fault) {
	case WRAP_FAULT_IO:
		return fault_io(name, err);
	case WRAP_FAULT_OFFLINE:
		return err_set(err, SHERD_OFFLINE, "'%s': offline was ordered", name);
	case WRAP_FAULT_HANG:
		return err_set(err, SHERD_TIMEOUT, "'%s': no answer was ordered", name);
	case WRAP_FAULT_NOSPACE:
		if (call == WRAP_CALL_PUT)
			return err_set(err, SHERD_NOSPACE, "'%s': a full disk was ordered", name);
		return 0;
	case WRAP_FAULT_DENIED:
		if (call == WRAP_CALL_PUT || call == WRAP_CALL_REMOVE)
			return err_set(err, SHERD_DENIED, "'%s': denial was ordered", name);
		return 0;
	case WRAP_FAULT_ABSENT:
		if (call == WRAP_CALL_GET || call == WRAP_CALL_STAT || call == WRAP_CALL_REMOVE)
			return err_set(err, SHERD_NOTFOUND, "'%s': absence was ordered", name);
		return 0;
	default:
		return 0;
	}
}

/* --- put --- */

/* Only the first ${size} bytes of the parts. */
static int put_beginning(struct place *inner, const char *name, const struct iovec *parts,
	size_t count, uint64_t size, struct sherd_error *err)
{
	CLEANUP(mem_free_at) struct iovec *fewer = mem_array(count, sizeof(*fewer));

	if (!fewer)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++) {
		fewer[i] = parts[i];
		fewer[i].iov_len = (size_t)INT_MIN_OF((uint64_t)parts[i].iov_len, size);
		size -= fewer[i].iov_len;
	}
	return inner->ops->put(inner, name, fewer, count, err);
}

static int put_flipped(struct place *inner, const char *name, const struct iovec *parts,
	size_t count, uint64_t size, struct sherd_error *err)
{
	CLEANUP(mem_free_at) uint8_t *bytes = mem_array((size_t)size, 1);
	struct iovec whole = {bytes, (size_t)size};
	size_t at = 0;

	if (!bytes)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].iov_len)
			memcpy(bytes + at, parts[i].iov_base, parts[i].iov_len);
		at += parts[i].iov_len;
	}
	flip_bit(bytes, (size_t)size, number_of(name, 0));
	return inner->ops->put(inner, name, &whole, 1, err);
}

static int fault_put(struct place *p, const char *name, const struct iovec *parts, size_t count,
	struct sherd_error *err)
{
	enum wrap_fault fault;
	uint64_t size = 0;
	int r = ask(p, WRAP_CALL_PUT, name, &fault, err);

	if (r || fault == WRAP_FAULT_LOSE)
		return r;
	place_parts_size(parts, count, &size);
	if (fault == WRAP_FAULT_TORN)
		return put_beginning(p->inner, name, parts, count, size / 2, err);
	if (fault == WRAP_FAULT_FLIP)
		return put_flipped(p->inner, name, parts, count, size, err);
	r = p->inner->ops->put(p->inner, name, parts, count, err);
	return !r && fault == WRAP_FAULT_DONE_IO ? fault_io(name, err) : r;
}

/* --- the others --- */

static int fault_get(struct place *p, const char *name, uint64_t at, size_t size, void *buffer,
	size_t *ret_got, struct sherd_error *err)
{
	enum wrap_fault fault;
	size_t got;
	int r = ask(p, WRAP_CALL_GET, name, &fault, err);

	if (r)
		return r;
	r = p->inner->ops->get(p->inner, name, at, size, buffer, &got, err);
	if (r)
		return r;
	if (fault == WRAP_FAULT_DONE_IO)
		return fault_io(name, err);
	if (fault == WRAP_FAULT_FLIP)
		flip_bit(buffer, got, number_of(name, at));
	if (fault == WRAP_FAULT_GARBAGE)
		spoil(buffer, got, number_of(name, at));
	*ret_got = fault == WRAP_FAULT_EMPTY ? 0 : got;
	return 0;
}

static int fault_stat(
	struct place *p, const char *name, struct place_stat *ret, struct sherd_error *err)
{
	enum wrap_fault fault;
	struct place_stat st;
	int r = ask(p, WRAP_CALL_STAT, name, &fault, err);

	if (!r)
		r = p->inner->ops->stat(p->inner, name, &st, err);
	if (r)
		return r;
	if (fault == WRAP_FAULT_DONE_IO)
		return fault_io(name, err);
	if (fault == WRAP_FAULT_EMPTY)
		st.size = 0;
	*ret = st;
	return 0;
}

static int fault_remove(struct place *p, const char *name, struct sherd_error *err)
{
	enum wrap_fault fault;
	int r = ask(p, WRAP_CALL_REMOVE, name, &fault, err);

	if (r || fault == WRAP_FAULT_LOSE)
		return r;
	r = p->inner->ops->remove(p->inner, name, err);
	return !r && fault == WRAP_FAULT_DONE_IO ? fault_io(name, err) : r;
}

/* Keep the second, fourth ... name: the last of a full page stays, and the next one goes on there.
 */
static void forget_every_other(struct place_page *page)
{
	page->count /= 2;
	for (size_t i = 0; i < page->count; i++)
		page->entries[i] = page->entries[2 * i + 1];
}

static int fault_list(struct place *p, const char *prefix, const char *after,
	struct place_page *ret_page, struct sherd_error *err)
{
	enum wrap_fault fault;
	struct place_page page;
	int r = ask(p, WRAP_CALL_LIST, prefix, &fault, err);

	if (!r)
		r = p->inner->ops->list(p->inner, prefix, after, &page, err);
	if (r)
		return r;
	if (fault == WRAP_FAULT_DONE_IO) {
		place_page_release(&page);
		return fault_io(prefix, err);
	}
	if (fault == WRAP_FAULT_EMPTY || fault == WRAP_FAULT_ABSENT)
		place_page_release(&page);
	if (fault == WRAP_FAULT_FORGET)
		forget_every_other(&page);
	*ret_page = page;
	return 0;
}

static int fault_space(struct place *p, struct place_space *ret, struct sherd_error *err)
{
	enum wrap_fault fault;
	struct place_space space;
	int r = ask(p, WRAP_CALL_SPACE, "", &fault, err);

	if (!r)
		r = p->inner->ops->space(p->inner, &space, err);
	if (r)
		return r;
	if (fault == WRAP_FAULT_DONE_IO)
		return fault_io("space", err);
	*ret = space;
	return 0;
}

static const struct place_ops fault_ops = {
	.kind = "fault",
	.put = fault_put,
	.get = fault_get,
	.stat = fault_stat,
	.remove = fault_remove,
	.list = fault_list,
	.space = fault_space,
	.free = wrap_end,
};

int wrap_fault(struct place *inner, const struct sherd_env *env,
	const struct wrap_fault_options *options, struct place **ret, struct sherd_error *err)
{
	struct wrap_faulty *w;
	struct place *p;
	int r = wrap_begin(sizeof(*w), &fault_ops, inner, &p, err);

	if (r)
		return r;
	w = (struct wrap_faulty *)p;
	w->env = env_or_system(env);
	if (options)
		w->options = *options;
	*ret = p;
	return 0;
}
