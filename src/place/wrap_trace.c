/* SPDX-License-Identifier: MIT */
/*
 * wrap_trace.c - one line a call: what, on what, how much, how it ended, how long it took.
 *
 *     put packs/ab/c1 16777216 ok 12.3ms
 *     get packs/ab/c1 65536 NOTFOUND 0.1ms
 *
 * "How much" is the bytes to put, those that were got (or asked for, if it failed), the size a stat
 * gave, the names a list gave, the free bytes; 0 else. "-" stands for an empty name.
 */
#include <place/wrap.h>

#include <string.h>

#include <base/intmath.h>
#include <place/place_backend.h>
#include <place/wrap_common.h>

#define LINE_SIZE (PLACE_NAME_MAX + 100)

struct wrap_traced {
	struct place place;
	const struct sherd_env *env;
	wrap_trace_sink *sink;
	void *context;
};

static const char *result_name(int r)
{
	switch (r) {
	case 0:
		return "ok";
#define SHERD_X(name, number, class, text)                                                         \
	case SHERD_##name:                                                                         \
		return #name;
		SHERD_ERROR_CODES(SHERD_X)
#undef SHERD_X
	default:
		return "?";
	}
}

static uint64_t start(struct place *p)
{
	struct wrap_traced *w = (struct wrap_traced *)p;

	return w->env->clock_monotonic_ns(w->env->context);
}

/* Say it; gives back ${r}. */
static int traced(struct place *p, uint64_t started_ns, const char *verb, const char *name,
	uint64_t amount, int r)
{
	struct wrap_traced *w = (struct wrap_traced *)p;
	uint64_t tenths = (w->env->clock_monotonic_ns(w->env->context) - started_ns) / 100000;
	char line[LINE_SIZE];

	snprintf(line, sizeof(line), "%s %s %llu %s %llu.%ums", verb, name[0] ? name : "-",
		(unsigned long long)amount, result_name(r), (unsigned long long)tenths / 10,
		(unsigned)(tenths % 10));
	w->sink(w->context, line);
	return r;
}

static int trace_put(struct place *p, const char *name, const struct iovec *parts, size_t count,
	struct sherd_error *err)
{
	uint64_t started = start(p), size = 0;
	int r = p->inner->ops->put(p->inner, name, parts, count, err);

	place_parts_size(parts, count, &size);
	return traced(p, started, "put", name, size, r);
}

static int trace_get(struct place *p, const char *name, uint64_t at, size_t size, void *buffer,
	size_t *ret_got, struct sherd_error *err)
{
	uint64_t started = start(p);
	int r = p->inner->ops->get(p->inner, name, at, size, buffer, ret_got, err);

	return traced(p, started, "get", name, r ? size : *ret_got, r);
}

static int trace_stat(
	struct place *p, const char *name, struct place_stat *ret, struct sherd_error *err)
{
	uint64_t started = start(p);
	int r = p->inner->ops->stat(p->inner, name, ret, err);

	return traced(p, started, "stat", name, r ? 0 : ret->size, r);
}

static int trace_remove(struct place *p, const char *name, struct sherd_error *err)
{
	uint64_t started = start(p);
	int r = p->inner->ops->remove(p->inner, name, err);

	return traced(p, started, "remove", name, 0, r);
}

static int trace_list(struct place *p, const char *prefix, const char *after,
	struct place_page *ret_page, struct sherd_error *err)
{
	uint64_t started = start(p);
	int r = p->inner->ops->list(p->inner, prefix, after, ret_page, err);

	return traced(p, started, "list", prefix, r ? 0 : ret_page->count, r);
}

static int trace_space(struct place *p, struct place_space *ret, struct sherd_error *err)
{
	uint64_t started = start(p);
	int r = p->inner->ops->space(p->inner, ret, err);

	return traced(p, started, "space", "", r ? 0 : ret->free, r);
}

static const struct place_ops trace_ops = {
	.kind = "trace",
	.put = trace_put,
	.get = trace_get,
	.stat = trace_stat,
	.remove = trace_remove,
	.list = trace_list,
	.space = trace_space,
	.free = wrap_end,
};

int wrap_trace(struct place *inner, const struct sherd_env *env, wrap_trace_sink *sink,
	void *context, struct place **ret, struct sherd_error *err)
{
	struct wrap_traced *w;
	struct place *p;
	int r = wrap_begin(sizeof(*w), &trace_ops, inner, &p, err);

	if (r)
		return r;
	w = (struct wrap_traced *)p;
	w->env = env_or_system(env);
	w->sink = sink;
	w->context = context;
	*ret = p;
	return 0;
}
