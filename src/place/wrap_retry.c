/* SPDX-License-Identifier: MIT */
/*
 * wrap_retry.c - trying again, and what an answer means that was lost.
 *
 * A call that failed may have been carried out. For a put that shows when a later try answers
 * EXISTS: the object is either our own, of an earlier try, or somebody else's, from before. A stat
 * before the second try tells the two apart when it finds nothing, or an object of another size
 * than ours; when it finds one of our size, or the one found is of our size but appeared meanwhile,
 * only the bytes themselves tell. So EXISTS on a later try is answered with 0 exactly if what
 * stands there holds the bytes that were to be put. That is asked after EXISTS, never instead of
 * trying: a store answers EXISTS for what is durable there, and a stat for what is visible.
 *
 * A remove that is tried again and finds nothing has done its work.
 */
#include <place/wrap.h>

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <place/place_backend.h>
#include <place/wrap_common.h>

#define TRIES 4
#define FIRST_NS UINT64_C(200000000)
#define MOST_NS UINT64_C(10000000000)
#define COMPARE_SIZE ((size_t)256 << 10)

struct wrap_retrying {
	struct place place;
	const struct sherd_env *env;
	struct wrap_retry_options options; /* no zeros */
};

/* The state of one call. */
struct attempt {
	struct wrap_retrying *w;
	unsigned done;            /* tries made */
	struct sherd_error error; /* of the last one; the caller's is touched only by failure */
};

static bool is_worth_it(int r)
{
	return r == SHERD_IO || r == SHERD_TIMEOUT || r == SHERD_OFFLINE;
}

/* first * 2^i, bounded; half of it certain, half by chance, so that many do not come back at once.
 */
static uint64_t pause_ns(struct wrap_retrying *w, unsigned i)
{
	uint64_t most = w->options.most_ns, pause = INT_MIN_OF(w->options.first_ns, most);
	uint64_t chance;

	while (i-- && pause < most)
		pause = pause > most / 2 ? most : pause * 2;
	if (w->env->random(w->env->context, &chance, sizeof(chance)) != 0)
		chance = 0;
	return pause - pause / 2 + chance % (pause / 2 + 1);
}

/* After a try that gave ${r}: whether to make another one; waits before it says so. */
static bool again(struct attempt *a, int r)
{
	struct wrap_retrying *w = a->w;

	a->done++;
	if (!is_worth_it(r) || a->done >= w->options.tries)
		return false;
	w->env->sleep_ns(w->env->context, pause_ns(w, a->done - 1));
	return true;
}

static struct attempt first_try(struct place *p)
{
	return (struct attempt){.w = (struct wrap_retrying *)p};
}

/* The last try gave ${r}. */
static int ended(const struct attempt *a, int r, struct sherd_error *err)
{
	if (r && err)
		*err = a->error;
	return r;
}

static int retry_get(struct place *p, const char *name, uint64_t at, size_t size, void *buffer,
	size_t *ret_got, struct sherd_error *err)
{
	struct attempt a = first_try(p);
	int r;

	do
		r = p->inner->ops->get(p->inner, name, at, size, buffer, ret_got, &a.error);
	while (again(&a, r));
	return ended(&a, r, err);
}

static int retry_stat(
	struct place *p, const char *name, struct place_stat *ret, struct sherd_error *err)
{
	struct attempt a = first_try(p);
	int r;

	do
		r = p->inner->ops->stat(p->inner, name, ret, &a.error);
	while (again(&a, r));
	return ended(&a, r, err);
}

static int retry_remove(struct place *p, const char *name, struct sherd_error *err)
{
	struct attempt a = first_try(p);
	int r;

	do
		r = p->inner->ops->remove(p->inner, name, &a.error);
	while (again(&a, r));
	return r == SHERD_NOTFOUND && a.done > 1 ? 0 : ended(&a, r, err);
}

static int retry_list(struct place *p, const char *prefix, const char *after,
	struct place_page *ret_page, struct sherd_error *err)
{
	struct attempt a = first_try(p);
	int r;

	do
		r = p->inner->ops->list(p->inner, prefix, after, ret_page, &a.error);
	while (again(&a, r));
	return ended(&a, r, err);
}

static int retry_space(struct place *p, struct place_space *ret, struct sherd_error *err)
{
	struct attempt a = first_try(p);
	int r;

	do
		r = p->inner->ops->space(p->inner, ret, &a.error);
	while (again(&a, r));
	return ended(&a, r, err);
}

/* --- put --- */

/* Where a comparison stands in the parts. */
struct place_in_parts {
	const struct iovec *parts;
	size_t count, part, offset;
};

static bool same_bytes(struct place_in_parts *in, const uint8_t *bytes, size_t size)
{
	while (size) {
		size_t left, take;

		if (in->part == in->count)
			return false;
		left = in->parts[in->part].iov_len - in->offset;
		take = INT_MIN_OF(left, size);
		if (take && memcmp((const uint8_t *)in->parts[in->part].iov_base + in->offset,
				    bytes, take) != 0)
			return false;
		bytes += take;
		size -= take;
		in->offset += take;
		if (take == left) {
			in->part++;
			in->offset = 0;
		}
	}
	return true;
}

/* Whether the object holds just these bytes. A size that differs saves reading it. */
static int is_ours(struct place *p, const char *name, const struct iovec *parts, size_t count,
	bool *ret_ours, struct sherd_error *err)
{
	struct place_in_parts in = {parts, count, 0, 0};
	CLEANUP(mem_free_at) uint8_t *buffer = NULL;
	struct place_stat st;
	uint64_t size = 0, at = 0;
	bool ours;
	int r = retry_stat(p, name, &st, err);

	if (r)
		return r;
	place_parts_size(parts, count, &size);
	buffer = mem_aligned(4096, COMPARE_SIZE);
	if (!buffer)
		return err_nomem(err);
	ours = st.size == size;
	while (ours && at < size) {
		size_t got, want = (size_t)INT_MIN_OF(size - at, (uint64_t)COMPARE_SIZE);

		r = retry_get(p, name, at, want, buffer, &got, err);
		if (r)
			return r;
		ours = got == want && same_bytes(&in, buffer, got);
		at += got;
	}
	*ret_ours = ours;
	return 0;
}

static int retry_put(struct place *p, const char *name, const struct iovec *parts, size_t count,
	struct sherd_error *err)
{
	struct attempt a = first_try(p);
	bool ours = false;
	int r;

	do
		r = p->inner->ops->put(p->inner, name, parts, count, &a.error);
	while (again(&a, r));
	if (r != SHERD_EXISTS || a.done == 1)
		return ended(&a, r, err);
	r = is_ours(p, name, parts, count, &ours, err);
	if (r)
		return err_wrap(err, r, "'%s' appeared while it was put", name);
	return ours ? 0 : ended(&a, SHERD_EXISTS, err);
}

static const struct place_ops retry_ops = {
	.kind = "retry",
	.put = retry_put,
	.get = retry_get,
	.stat = retry_stat,
	.remove = retry_remove,
	.list = retry_list,
	.space = retry_space,
	.free = wrap_end,
};

int wrap_retry(struct place *inner, const struct sherd_env *env,
	const struct wrap_retry_options *options, struct place **ret, struct sherd_error *err)
{
	struct wrap_retry_options o = options ? *options : (struct wrap_retry_options){0};
	struct wrap_retrying *w;
	struct place *p;
	int r = wrap_begin(sizeof(*w), &retry_ops, inner, &p, err);

	if (r)
		return r;
	w = (struct wrap_retrying *)p;
	w->env = env_or_system(env);
	w->options.tries = o.tries ? o.tries : TRIES;
	w->options.first_ns = o.first_ns ? o.first_ns : FIRST_NS;
	w->options.most_ns = o.most_ns ? o.most_ns : MOST_NS;
	*ret = p;
	return 0;
}
