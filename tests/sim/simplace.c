/* SPDX-License-Identifier: MIT */
#include "simplace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

/* One device's door to one store. */
struct simplace {
	struct place place; /* first */
	struct simplaces *places;
	struct simplace_store *store;
	struct simenv *device;
	char name;
};

static struct simplace *of(struct place *p)
{
	return (struct simplace *)p;
}

/* ---- trace ---- */

void simplaces_note(struct simplaces *p, const char *text)
{
	const struct iovec parts[] = {
		{p->trace.bytes, sizeof(p->trace.bytes)}, {(void *)(uintptr_t)text, strlen(text)}};

	hash_sha256(parts, 2, &p->trace);
	if (p->print)
		fprintf(stderr, "%s\n", text);
}

static void trace(struct simplace *s, const char *what, const char *name, uint64_t size, int code)
{
	char line[PLACE_NAME_MAX + 100];

	snprintf(line, sizeof(line), "%c %zu %s %s %llu %d", s->name,
		(size_t)(s->store - s->places->stores), what, name, (unsigned long long)size, code);
	simplaces_note(s->places, line);
}

/* ---- moods ---- */

enum fate { FATE_WORKS, FATE_FAILS, FATE_WORKS_BUT_FAILS, FATE_NOTHING, FATE_HALF, FATE_WRONG };

static bool is_pack(const char *name)
{
	return !strncmp(name, "packs/", 6);
}

static enum fate fate_of(struct simplace *s, bool put, const char *name)
{
	struct simrandom *r = &s->places->random;

	s->places->calls++;
	if (!simenv_step(s->device))
		return FATE_FAILS;
	s->places->world->now_ns += 1000 + simrandom_below(r, 1000000);
	switch (s->store->mood) {
	case SIMPLACE_FLAKY:
		if (simrandom_chance(r, 1, 20))
			s->places->world->now_ns += UINT64_C(20000000000);
		if (simrandom_chance(r, 1, 8))
			return FATE_FAILS;
		return simrandom_chance(r, 1, 16) ? FATE_WORKS_BUT_FAILS : FATE_WORKS;
	case SIMPLACE_LOSING:
		if (!put || !is_pack(name) || simrandom_chance(r, 1, 3))
			return FATE_WORKS;
		return simrandom_chance(r, 1, 2) ? FATE_NOTHING : FATE_HALF;
	case SIMPLACE_LYING:
		return !put && is_pack(name) && simrandom_chance(r, 1, 2) ? FATE_WRONG : FATE_WORKS;
	case SIMPLACE_OFFLINE:
		return FATE_FAILS;
	default:
		return FATE_WORKS;
	}
}

static int fails(struct simplace *s, struct sherd_error *err)
{
	bool offline = s->store->mood == SIMPLACE_OFFLINE || s->device->off;

	return err_set(err, offline ? SHERD_OFFLINE : SHERD_IO, "simulated fault");
}

static struct place *inner(struct simplace *s)
{
	return s->place.inner;
}

/* ---- calls ---- */

static int sim_put(struct place *p, const char *name, const struct iovec *parts, size_t count,
	struct sherd_error *err)
{
	struct simplace *s = of(p);
	enum fate fate = fate_of(s, true, name);
	uint64_t size = 0;
	int code = 0;

	for (size_t i = 0; i < count; i++)
		size += parts[i].iov_len;
	if (fate == FATE_FAILS) {
		code = fails(s, err);
	} else if (fate != FATE_NOTHING) {
		code = place_put(inner(s), name, parts, count, err);
		if (!code && fate == FATE_HALF)
			place_mem_cut(s->store->store, name, size / 2);
		if (!code && fate == FATE_WORKS_BUT_FAILS)
			code = fails(s, err);
	}
	trace(s, "put", name, size, code);
	return code;
}

static int sim_get(struct place *p, const char *name, uint64_t at, size_t size, void *buffer,
	size_t *ret_got, struct sherd_error *err)
{
	struct simplace *s = of(p);
	enum fate fate = fate_of(s, false, name);
	int code = fate == FATE_FAILS || fate == FATE_WORKS_BUT_FAILS
			   ? fails(s, err)
			   : place_get(inner(s), name, at, size, buffer, ret_got, err);

	if (!code && fate == FATE_WRONG && *ret_got)
		((uint8_t *)buffer)[simrandom_below(&s->places->random, *ret_got)] ^= 0x40;
	trace(s, "get", name, at, code);
	return code;
}

static int sim_stat(
	struct place *p, const char *name, struct place_stat *ret, struct sherd_error *err)
{
	struct simplace *s = of(p);
	enum fate fate = fate_of(s, false, name);
	int code = fate == FATE_FAILS || fate == FATE_WORKS_BUT_FAILS
			   ? fails(s, err)
			   : place_stat(inner(s), name, ret, err);

	trace(s, "stat", name, 0, code);
	return code;
}

static int sim_remove(struct place *p, const char *name, struct sherd_error *err)
{
	struct simplace *s = of(p);
	enum fate fate = fate_of(s, false, name);
	int code = fate == FATE_FAILS ? fails(s, err) : place_remove(inner(s), name, err);

	if (!code && fate == FATE_WORKS_BUT_FAILS)
		code = fails(s, err);
	trace(s, "remove", name, 0, code);
	return code;
}

static int sim_list(struct place *p, const char *prefix, const char *after,
	struct place_page *ret_page, struct sherd_error *err)
{
	struct simplace *s = of(p);
	enum fate fate = fate_of(s, false, prefix);
	int code = fate == FATE_FAILS || fate == FATE_WORKS_BUT_FAILS
			   ? fails(s, err)
			   : place_list(inner(s), prefix, after, ret_page, err);

	trace(s, "list", prefix, code ? 0 : ret_page->count, code);
	return code;
}

static int sim_space(struct place *p, struct place_space *ret, struct sherd_error *err)
{
	struct simplace *s = of(p);

	if (fate_of(s, false, "") == FATE_FAILS)
		return fails(s, err);
	*ret = (struct place_space){0};
	return 0;
}

static void sim_free(struct place *p)
{
	place_free(p->inner);
	mem_free(p->url);
	mem_free(p);
}

static const struct place_ops ops = {
	.kind = "sim",
	.put = sim_put,
	.get = sim_get,
	.stat = sim_stat,
	.remove = sim_remove,
	.list = sim_list,
	.space = sim_space,
	.free = sim_free,
};

int simplaces_open(void *context, const char *url, void **ret_place, struct sherd_error *err)
{
	struct simplaces_hook *hook = context;
	struct simplace *s;
	unsigned long index;
	int code;

	if (strncmp(url, "mem:", 4))
		return err_set(err, SHERD_INVALID, "'%s' is no simulated place", url);
	index = strtoul(url + 4, NULL, 10);
	assert(index < hook->places->count);
	s = mem_array(1, sizeof(*s));
	if (!s)
		return err_nomem(err);
	s->places = hook->places;
	s->store = &hook->places->stores[index];
	s->device = hook->device;
	s->name = hook->name;
	s->place.ops = &ops;
	s->place.url = mem_format("%s", url);
	code = s->place.url ? place_mem_new(s->store->store, &s->place.inner, err) : err_nomem(err);
	if (code) {
		mem_free(s->place.url);
		mem_free(s);
		return code;
	}
	*ret_place = &s->place;
	return 0;
}

/* ---- the stores ---- */

int simplaces_init(struct simplaces *p, struct simworld *world, size_t count, uint64_t seed)
{
	static struct sherd_env still; /* the stores' own clock stands */

	still = *env_system();
	*p = (struct simplaces){.world = world, .count = count};
	simrandom_init(&p->random, seed);
	for (size_t i = 0; i < count; i++)
		if (place_mem_store_new(&still, &p->stores[i].store, NULL))
			return -1;
	return 0;
}

void simplaces_release(struct simplaces *p)
{
	for (size_t i = 0; i < p->count; i++)
		place_mem_store_unref(p->stores[i].store);
}

/* Names of a store, for going over it while it changes. */
struct names {
	char (*list)[PLACE_NAME_MAX + 1];
	uint64_t *sizes;
	size_t count, room;
	bool packs_only;
};

static bool gather(void *context, const char *name, const uint8_t *bytes, uint64_t size)
{
	struct names *n = context;

	(void)bytes;
	if (n->packs_only && !is_pack(name))
		return true;
	if (n->count == n->room) {
		n->room = n->room ? n->room * 2 : 64;
		n->list = reallocarray(n->list, n->room, sizeof(*n->list));
		n->sizes = reallocarray(n->sizes, n->room, sizeof(*n->sizes));
		if (!n->list || !n->sizes)
			abort();
	}
	snprintf(n->list[n->count], sizeof(*n->list), "%s", name);
	n->sizes[n->count++] = size;
	return true;
}

void simplaces_wipe(struct simplaces *p, size_t index)
{
	struct names names = {0};

	place_mem_each(p->stores[index].store, gather, &names);
	for (size_t i = 0; i < names.count; i++)
		if (strcmp(names.list[i], "sherd-place"))
			place_mem_drop(p->stores[index].store, names.list[i]);
	free(names.list);
	free(names.sizes);
}

unsigned simplaces_rot(struct simplaces *p, size_t index, unsigned count)
{
	struct names names = {.packs_only = true};
	unsigned done = 0;

	place_mem_each(p->stores[index].store, gather, &names);
	while (names.count && done < count) {
		size_t at = simrandom_below(&p->random, names.count);

		if (names.sizes[at])
			place_mem_corrupt(p->stores[index].store, names.list[at],
				simrandom_below(&p->random, names.sizes[at]), 0x10);
		done++;
	}
	free(names.list);
	free(names.sizes);
	return done;
}

struct copier {
	struct simplace_copy *copy;
	size_t room;
};

static bool copy_one(void *context, const char *name, const uint8_t *bytes, uint64_t size)
{
	struct copier *c = context;
	struct simplace_copy *copy = c->copy;

	if (copy->count == c->room) {
		c->room = c->room ? c->room * 2 : 64;
		copy->names = reallocarray(copy->names, c->room, sizeof(*copy->names));
		copy->bytes = reallocarray(copy->bytes, c->room, sizeof(*copy->bytes));
		copy->sizes = reallocarray(copy->sizes, c->room, sizeof(*copy->sizes));
		if (!copy->names || !copy->bytes || !copy->sizes)
			abort();
	}
	snprintf(copy->names[copy->count], sizeof(*copy->names), "%s", name);
	copy->bytes[copy->count] = malloc(size ? size : 1);
	if (!copy->bytes[copy->count])
		abort();
	if (size)
		memcpy(copy->bytes[copy->count], bytes, size);
	copy->sizes[copy->count++] = size;
	return true;
}

void simplaces_copy(struct simplaces *p, size_t index, struct simplace_copy *ret)
{
	struct copier c = {.copy = ret};

	*ret = (struct simplace_copy){0};
	place_mem_each(p->stores[index].store, copy_one, &c);
}

void simplaces_revert(struct simplaces *p, size_t index, const struct simplace_copy *copy)
{
	struct place *place;

	simplaces_wipe(p, index);
	place_mem_drop(p->stores[index].store, "sherd-place");
	if (place_mem_new(p->stores[index].store, &place, NULL))
		abort();
	for (size_t i = 0; i < copy->count; i++) {
		struct iovec part = {copy->bytes[i], copy->sizes[i]};

		if (place_put(place, copy->names[i], &part, 1, NULL))
			abort();
	}
	place_free(place);
}

void simplace_copy_release(struct simplace_copy *copy)
{
	for (size_t i = 0; i < copy->count; i++)
		free(copy->bytes[i]);
	free(copy->names);
	free(copy->bytes);
	free(copy->sizes);
	*copy = (struct simplace_copy){0};
}
