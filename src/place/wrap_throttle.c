/* SPDX-License-Identifier: MIT */
/*
 * wrap_throttle.c - a bucket for each direction, filled at the rate, never holding more than one
 * second of it. A put pays for its bytes before it begins, a get after it ended (before, nobody
 * knows how many there are); only contents are counted. Who finds too little takes an eighth of a
 * second's worth at a time and sleeps until that is there, so that all who wait get on, and a rate
 * that is changed holds from the next eighth of a second on (at a rate below 8, the next byte).
 */
#include <place/wrap.h>

#include <pthread.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <place/place_backend.h>
#include <place/wrap_common.h>

#define SECOND_NS UINT64_C(1000000000)
#define RATE_MAX (UINT64_C(1) << 33) /* what is faster is not slowed down: no product overflows */
#define SLICES 8                     /* in a second */

struct bucket {
	const _Atomic uint64_t *rate;
	pthread_mutex_t lock; /* guards what follows */
	uint64_t bytes;       /* that may pass now */
	uint64_t filled_ns;   /* up to when it was filled */
	bool used;            /* filled_ns is set */
};

struct wrap_throttled {
	struct place place;
	const struct sherd_env *env;
	struct bucket up, down;
};

/* With the lock: what came in since, by the clock; fractions of a byte are kept as time. */
static void fill(struct bucket *b, uint64_t rate, uint64_t now_ns)
{
	uint64_t elapsed, came;

	if (!b->used || now_ns < b->filled_ns || now_ns - b->filled_ns >= SECOND_NS) {
		bool backwards = b->used && now_ns < b->filled_ns;

		b->bytes = backwards ? b->bytes : rate;
		b->filled_ns = now_ns;
		b->used = true;
		return;
	}
	elapsed = now_ns - b->filled_ns;
	came = elapsed * rate / SECOND_NS;
	b->filled_ns += came * SECOND_NS / rate;
	b->bytes = INT_MIN_OF(b->bytes + came, rate);
}

/* Take up to ${size} bytes; how many; if none, ${ret_wait_ns} is how long to wait for some. */
static uint64_t take(struct wrap_throttled *w, struct bucket *b, uint64_t size, uint64_t rate,
	uint64_t *ret_wait_ns)
{
	uint64_t slice = INT_MAX_OF(rate / SLICES, (uint64_t)1);
	uint64_t taken = 0;

	slice = INT_MIN_OF(slice, size);
	pthread_mutex_lock(&b->lock);
	fill(b, rate, w->env->clock_monotonic_ns(w->env->context));
	if (b->bytes >= slice) {
		taken = INT_MIN_OF(b->bytes, size);
		b->bytes -= taken;
	} else {
		*ret_wait_ns = int_div_up((slice - b->bytes) * SECOND_NS, rate);
	}
	pthread_mutex_unlock(&b->lock);
	return taken;
}

static void pay(struct wrap_throttled *w, struct bucket *b, uint64_t size)
{
	while (size) {
		uint64_t rate = atomic_load_explicit(b->rate, memory_order_relaxed);
		uint64_t wait_ns = 0, taken;

		if (rate == 0 || rate > RATE_MAX)
			return;
		taken = take(w, b, size, rate, &wait_ns);
		if (!taken)
			w->env->sleep_ns(w->env->context, wait_ns);
		size -= taken;
	}
}

static int throttle_put(struct place *p, const char *name, const struct iovec *parts, size_t count,
	struct sherd_error *err)
{
	struct wrap_throttled *w = (struct wrap_throttled *)p;
	uint64_t size = 0;

	place_parts_size(parts, count, &size);
	pay(w, &w->up, size);
	return p->inner->ops->put(p->inner, name, parts, count, err);
}

static int throttle_get(struct place *p, const char *name, uint64_t at, size_t size, void *buffer,
	size_t *ret_got, struct sherd_error *err)
{
	struct wrap_throttled *w = (struct wrap_throttled *)p;
	int r = p->inner->ops->get(p->inner, name, at, size, buffer, ret_got, err);

	if (!r)
		pay(w, &w->down, *ret_got);
	return r;
}

static int throttle_stat(
	struct place *p, const char *name, struct place_stat *ret, struct sherd_error *err)
{
	return p->inner->ops->stat(p->inner, name, ret, err);
}

static int throttle_remove(struct place *p, const char *name, struct sherd_error *err)
{
	return p->inner->ops->remove(p->inner, name, err);
}

static int throttle_list(struct place *p, const char *prefix, const char *after,
	struct place_page *ret_page, struct sherd_error *err)
{
	return p->inner->ops->list(p->inner, prefix, after, ret_page, err);
}

static int throttle_space(struct place *p, struct place_space *ret, struct sherd_error *err)
{
	return p->inner->ops->space(p->inner, ret, err);
}

static void throttle_free(struct place *p)
{
	struct wrap_throttled *w = (struct wrap_throttled *)p;

	pthread_mutex_destroy(&w->up.lock);
	pthread_mutex_destroy(&w->down.lock);
	wrap_end(p);
}

static const struct place_ops throttle_ops = {
	.kind = "throttle",
	.put = throttle_put,
	.get = throttle_get,
	.stat = throttle_stat,
	.remove = throttle_remove,
	.list = throttle_list,
	.space = throttle_space,
	.free = throttle_free,
};

static int make_locks(struct wrap_throttled *w)
{
	int failed = pthread_mutex_init(&w->up.lock, NULL);

	if (failed)
		return failed;
	failed = pthread_mutex_init(&w->down.lock, NULL);
	if (failed)
		pthread_mutex_destroy(&w->up.lock);
	return failed;
}

int wrap_throttle(struct place *inner, const struct sherd_env *env, const struct wrap_rates *rates,
	struct place **ret, struct sherd_error *err)
{
	struct wrap_throttled *w;
	struct place *p;
	int failed, r = wrap_begin(sizeof(*w), &throttle_ops, inner, &p, err);

	if (r)
		return r;
	w = (struct wrap_throttled *)p;
	w->env = env_or_system(env);
	w->up.rate = &rates->up;
	w->down.rate = &rates->down;
	failed = make_locks(w);
	if (failed) {
		wrap_abandon(p);
		return err_system(err, failed, "cannot make a lock");
	}
	*ret = p;
	return 0;
}
