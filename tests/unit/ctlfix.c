/* SPDX-License-Identifier: MIT */
#include "ctlfix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>

/* One fixture at a time: what an environment's functions cannot be handed. */
static struct ctlfix *current;
static uint64_t counter;
static _Atomic uint64_t ticks;

static int count_random(void *context, void *buffer, size_t size)
{
	uint8_t *bytes = buffer;

	/* the fault environment has its say */
	if (current->fault.env.random(context, buffer, size) != 0)
		return -1;
	for (size_t i = 0; i < size; i++) {
		uint64_t x = (current->freeze ? 7 : ++counter) * UINT64_C(0x9e3779b97f4a7c15);

		bytes[i] = (uint8_t)(x >> 33);
	}
	return 0;
}

static uint64_t tick(void *context)
{
	(void)context;
	if (current->freeze_clock)
		return UINT64_C(1800000000000000000);
	return UINT64_C(1800000000000000000) +
	       (atomic_fetch_add(&ticks, 1) + 1) * UINT64_C(1000000000);
}

struct ctlfix *ctlfix_new(void)
{
	struct ctlfix *f = mem_array(1, sizeof(*f));
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	assert_non_null(f);
	snprintf(f->folder, sizeof(f->folder), "%s/ctlfix.XXXXXX", base);
	assert_non_null(mkdtemp(f->folder));
	faultenv_init(&f->fault);
	f->env = f->fault.env;
	f->env.random = count_random;
	f->env.clock_real_ns = tick;
	f->passphrase = CTLFIX_PASSPHRASE;
	for (unsigned i = 0; i < CTLFIX_STORES; i++)
		assert_int_equal(place_mem_store_new(env_system(), &f->store[i], NULL), 0);
	current = f;
	counter = 0;
	atomic_store(&ticks, 0);
	return f;
}

void ctlfix_free(struct ctlfix *f)
{
	char command[128];

	if (!f)
		return;
	for (unsigned i = 0; i < CTLFIX_STORES; i++)
		place_mem_store_unref(f->store[i]);
	snprintf(command, sizeof(command), "rm -rf '%s'", f->folder);
	assert_int_equal(system(command), 0);
	sherd_text_free(f->text);
	mem_free(f);
}

const char *ctlfix_path(const struct ctlfix *f, const char *device)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->folder, device);
	return path;
}

/* --- places --- */

struct handle {
	struct ctlfix *f;
	unsigned store;
};
static struct handle handles[CTLFIX_STORES];

static enum wrap_fault decide(void *context, enum wrap_call call, const char *name)
{
	struct handle *h = context;
	unsigned long number = atomic_fetch_add(&h->f->made, 1) + 1;
	unsigned long from = atomic_load(&h->f->offline_from);
	unsigned calls = atomic_load(&h->f->calls[h->store]);

	(void)name;
	if (h->f->hook_at && number == h->f->hook_at) {
		h->f->hook_at = 0;
		h->f->hook(h->f->hook_context);
	}
	if (from && number >= from)
		return WRAP_FAULT_OFFLINE;
	if (calls && !(calls >> call & 1))
		return WRAP_FAULT_NONE;
	return (enum wrap_fault)atomic_load(&h->f->what[h->store]);
}

static int open_place(void *context, const char *url, void **ret_place, struct sherd_error *err)
{
	struct ctlfix *f = context;
	struct wrap_fault_options options = {.decide = decide, .hang_ns = UINT64_C(1000000000)};
	struct place *inner, *outer;
	int r;

	if (strncmp(url, "mem:", 4) != 0 || url[4] < '0' || url[4] >= '0' + CTLFIX_STORES || url[5])
		return err_set(err, SHERD_INVALID, "'%s' is no place of this test", url);
	handles[url[4] - '0'] = (struct handle){f, (unsigned)(url[4] - '0')};
	options.context = &handles[url[4] - '0'];
	r = place_mem_new(f->store[url[4] - '0'], &inner, err);
	if (r)
		return r;
	r = wrap_fault(inner, env_system(), &options, &outer, err);
	if (r) {
		place_free(inner);
		return r;
	}
	*ret_place = outer;
	return 0;
}

void ctlfix_break(struct ctlfix *f, unsigned store, enum wrap_fault what, unsigned calls)
{
	atomic_store(&f->what[store], what);
	atomic_store(&f->calls[store], calls);
}

void ctlfix_mend(struct ctlfix *f)
{
	for (unsigned i = 0; i < CTLFIX_STORES; i++)
		ctlfix_break(f, i, WRAP_FAULT_NONE, 0);
	atomic_store(&f->offline_from, 0);
}

struct seek {
	const char *prefix;
	unsigned number;
	char found[256];
	bool is_found;
};

static bool seek_one(void *context, const char *name, const uint8_t *bytes, uint64_t size)
{
	struct seek *s = context;

	(void)bytes;
	(void)size;
	if (strncmp(name, s->prefix, strlen(s->prefix)) != 0 || s->number-- > 0)
		return true;
	snprintf(s->found, sizeof(s->found), "%s", name);
	s->is_found = true;
	return false;
}

const char *ctlfix_name(struct ctlfix *f, unsigned store, const char *prefix, unsigned number)
{
	static struct seek s;

	s = (struct seek){.prefix = prefix, .number = number};
	place_mem_each(f->store[store], seek_one, &s);
	return s.is_found ? s.found : NULL;
}

/* Name by name, so that never two stores are locked at one time. */
void ctlfix_copy_objects(struct place_mem_store *from, struct place_mem_store *to)
{
	struct place *source, *sink;
	struct place_page page;
	char after[PLACE_NAME_MAX + 1] = "";
	bool more = true;

	assert_int_equal(place_mem_new(from, &source, NULL), 0);
	assert_int_equal(place_mem_new(to, &sink, NULL), 0);
	while (more) {
		assert_int_equal(place_list(source, "", after[0] ? after : NULL, &page, NULL), 0);
		for (size_t i = 0; i < page.count; i++) {
			struct iovec part = {0};
			uint8_t *data;

			assert_int_equal(
				place_get_whole(source, page.entries[i].name,
					(size_t)page.entries[i].size, &data, &part.iov_len, NULL),
				0);
			part.iov_base = data;
			assert_int_equal(place_put(sink, page.entries[i].name, &part, 1, NULL), 0);
			mem_free(data);
			memcpy(after, page.entries[i].name, sizeof(after));
		}
		more = page.more;
		place_page_release(&page);
	}
	place_free(source);
	place_free(sink);
}

void ctlfix_copy_store(struct ctlfix *f, unsigned from, unsigned to)
{
	const char *name;

	while ((name = ctlfix_name(f, to, "", 0)))
		assert_true(place_mem_drop(f->store[to], name));
	ctlfix_copy_objects(f->store[from], f->store[to]);
}

/* --- secrets --- */

static int give(struct ctlfix *f, const char *text, char *buffer, size_t size, size_t *ret_size)
{
	f->asked++;
	assert_true(strlen(text) <= size);
	*ret_size = strlen(text);
	memcpy(buffer, text, *ret_size);
	return 0;
}

static int give_passphrase(
	void *context, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	struct ctlfix *f = context;

	if (!f->passphrase)
		return err_set(err, SHERD_CANCELLED, "nobody is there");
	return give(f, f->passphrase, buffer, size, ret_size);
}

static int give_kit(
	void *context, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	struct ctlfix *f = context;

	if (!f->kit)
		return err_set(err, SHERD_NOTFOUND, "no kit is at hand");
	return give(f, f->kit, buffer, size, ret_size);
}

/* --- pools --- */

struct sherd_pool_options ctlfix_options(struct ctlfix *f, const char *device)
{
	static struct sherd_secrets secrets;

	secrets = (struct sherd_secrets){give_passphrase, give_kit, f};
	return (struct sherd_pool_options){
		.env = &f->env,
		.state = ctlfix_path(f, device),
		.secrets = &secrets,
		.inline_calls = 1,
		.open_place = open_place,
		.open_context = f,
	};
}

int ctlfix_try_init(struct ctlfix *f, const char *device, bool no_key, struct sherd_error *err)
{
	struct sherd_pool_init_options options = {
		.env = &f->env,
		.state = ctlfix_path(f, device),
		.name = "test",
		.k = 2,
		.passphrase = CTLFIX_PASSPHRASE,
		.passphrase_size = strlen(CTLFIX_PASSPHRASE),
		.kdf_memory_kib = 8192,
		.kdf_passes = 1,
		.host = device,
		.label = "a label",
		.no_device_key = no_key,
	};
	char *text = NULL;
	int r = sherd_pool_init(&options, &text, err);

	if (!r) {
		sherd_text_free(f->text);
		f->text = text;
	}
	return r;
}

static void must(int r, const struct sherd_error *err)
{
	if (r)
		print_error("%d: %s\n", r, err->message);
	assert_int_equal(r, 0);
}

void ctlfix_init(struct ctlfix *f, const char *device)
{
	struct sherd_error err = {0};

	must(ctlfix_try_init(f, device, false, &err), &err);
}

int ctlfix_try_open(
	struct ctlfix *f, const char *device, struct sherd_pool **ret, struct sherd_error *err)
{
	struct sherd_pool_options options = ctlfix_options(f, device);

	return sherd_pool_open(&options, ret, err);
}

struct sherd_pool *ctlfix_open(struct ctlfix *f, const char *device)
{
	struct sherd_error err = {0};
	struct sherd_pool *pool = NULL;

	must(ctlfix_try_open(f, device, &pool, &err), &err);
	return pool;
}

int ctlfix_try_clone(struct ctlfix *f, const char *device, unsigned store, struct sherd_pool **ret,
	struct sherd_error *err)
{
	char url[8];
	const char *urls[] = {url};
	struct sherd_clone_options options = {.pool = ctlfix_options(f, device),
		.places = urls,
		.place_count = 1,
		.host = device};

	snprintf(url, sizeof(url), "mem:%u", store);
	return sherd_pool_clone(&options, ret, err);
}

struct sherd_pool *ctlfix_clone(struct ctlfix *f, const char *device, unsigned store)
{
	struct sherd_error err = {0};
	struct sherd_pool *pool = NULL;

	must(ctlfix_try_clone(f, device, store, &pool, &err), &err);
	return pool;
}

int ctlfix_try_add(struct sherd_pool *pool, unsigned store, struct sherd_error *err)
{
	char url[8], name[8];
	struct sherd_place_add_options options = {.name = name, .url = url};

	snprintf(url, sizeof(url), "mem:%u", store);
	snprintf(name, sizeof(name), "p%u", store);
	return sherd_pool_place_add(pool, &options, err);
}

void ctlfix_add(struct sherd_pool *pool, unsigned store)
{
	struct sherd_error err = {0};

	must(ctlfix_try_add(pool, store, &err), &err);
}

struct sherd_pool *ctlfix_make(struct ctlfix *f, const char *device, unsigned places)
{
	struct sherd_pool *pool;

	ctlfix_init(f, device);
	pool = ctlfix_open(f, device);
	for (unsigned i = 0; i < places; i++)
		ctlfix_add(pool, i);
	return pool;
}

int ctlfix_try_publish(struct sherd_pool *pool, const char *text, struct sherd_error *err)
{
	uint64_t seq;

	return pool_publish(pool, (const uint8_t *)text, strlen(text), &seq, err);
}

uint64_t ctlfix_publish(struct sherd_pool *pool, const char *text)
{
	struct sherd_error err = {0};
	uint64_t seq = 0;

	must(pool_publish(pool, (const uint8_t *)text, strlen(text), &seq, &err), &err);
	return seq;
}

const char *ctlfix_head(struct sherd_pool *pool, const uint8_t *incarnation)
{
	static char text[256];
	size_t count;
	const struct pool_head *heads = pool_heads(pool, &count);

	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		if (memcmp(heads[i].incarnation, incarnation, 16) == 0)
			snprintf(text, sizeof(text), "%.*s", (int)heads[i].content_size,
				(const char *)heads[i].content);
	return text;
}

void ctlfix_copy(struct ctlfix *f, const char *from, const char *to)
{
	char command[300];

	ctlfix_remove(f, to);
	snprintf(command, sizeof(command), "cp -a '%s/%s' '%s/%s'", f->folder, from, f->folder, to);
	assert_int_equal(system(command), 0);
}

void ctlfix_remove(struct ctlfix *f, const char *device)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s/%s'", f->folder, device);
	assert_int_equal(system(command), 0);
}

const struct sherd_place_info *ctlfix_place(struct sherd_pool *pool, const char *name)
{
	size_t count;
	const struct sherd_place_info *infos = sherd_pool_places(pool, 0, &count);

	assert_non_null(infos);
	for (size_t i = 0; i < count; i++)
		if (strcmp(infos[i].name, name) == 0)
			return &infos[i];
	fail_msg("no place '%s'", name);
	return NULL;
}
