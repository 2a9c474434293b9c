/* SPDX-License-Identifier: MIT */
/*
 * t_place.c - the contract of places, over every backend and every wrapper around it. The folder
 * backend comes as the file system is (in memory, and on a disk if /var/tmp is one), without
 * nameless files, without renameat2() flags too, and with reads and writes that come up short.
 * Syncs are left out on the disk: what is tested here does not depend on them.
 */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include <place/wrap.h>

#include "faultenv.h"
#include "place_contract.h"

static const char *const backends[] = {"mem", "dir", "disk", "plain", "plainest", "short"};
static const char *const wrappers[] = {"", "retry", "throttle", "trace", "fault", "all"};

/* One place is open at a time. */
static char folder[100];
static struct faultenv faults;
static struct sherd_env_files unsynced_files;
static struct wrap_rates rates;

static int no_fsync(void *context, int fd)
{
	(void)context;
	(void)fd;
	return 0;
}

static const struct sherd_env *env_of(const char *backend)
{
	faultenv_init(&faults);
	if (strcmp(backend, "plain") == 0 || strcmp(backend, "plainest") == 0)
		faults.no_tmpfile = EOPNOTSUPP;
	if (strcmp(backend, "plainest") == 0)
		faults.no_flags = EINVAL;
	if (strcmp(backend, "short") == 0)
		faults.short_max = 4097;
	if (strcmp(backend, "disk") == 0) {
		unsynced_files = *faults.env.files;
		unsynced_files.fsync = no_fsync;
		faults.env.files = &unsynced_files;
	}
	return &faults.env;
}

static struct place *open_backend(const char *backend)
{
	const struct sherd_env *env = env_of(backend);
	struct place *p = NULL;
	bool memory = strcmp(backend, "disk") != 0 && access("/dev/shm", W_OK) == 0;
	char url[120];

	if (strcmp(backend, "mem") == 0) {
		assert_int_equal(place_open("mem:", env, false, &p, NULL), 0);
		return p;
	}
	snprintf(folder, sizeof(folder), "%s/sherd.XXXXXX", memory ? "/dev/shm" : "/var/tmp");
	assert_non_null(mkdtemp(folder));
	snprintf(url, sizeof(url), "dir:%s/place", folder);
	assert_int_equal(place_open(url, env, true, &p, NULL), 0);
	return p;
}

static void no_sink(void *context, const char *line)
{
	(void)context;
	assert_true(strlen(line) > 10);
}

static struct place *wrap(struct place *p, const char *wrapper)
{
	struct wrap_retry_options retry = {.tries = 2, .first_ns = 1000, .most_ns = 1000};
	bool all = strcmp(wrapper, "all") == 0;

	if (all || strcmp(wrapper, "fault") == 0)
		assert_int_equal(wrap_fault(p, NULL, NULL, &p, NULL), 0);
	if (all || strcmp(wrapper, "retry") == 0)
		assert_int_equal(wrap_retry(p, NULL, &retry, &p, NULL), 0);
	if (all || strcmp(wrapper, "throttle") == 0) {
		/* Fast enough to be quick, slow enough to go through the buckets. */
		rates.up = rates.down = (uint64_t)8 << 30;
		assert_int_equal(wrap_throttle(p, NULL, &rates, &p, NULL), 0);
	}
	if (all || strcmp(wrapper, "trace") == 0)
		assert_int_equal(wrap_trace(p, NULL, no_sink, NULL, &p, NULL), 0);
	return p;
}

static struct place *open_place(const struct place_maker *maker)
{
	return wrap(open_backend(maker->backend), maker->wrapper);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	/* No test of the contract leaves a hidden file. */
	assert_true(ftw->level == 0 || path[ftw->base] != '.');
	return remove(path);
}

static void clean_place(const struct place_maker *maker)
{
	if (strcmp(maker->backend, "mem") != 0)
		assert_int_equal(nftw(folder, remove_entry, 50, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
	static struct place_maker makers[ARRAY_COUNT(backends) * ARRAY_COUNT(wrappers)];
	static char names[ARRAY_COUNT(makers)][40];
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(makers); i++) {
		const char *backend = backends[i / ARRAY_COUNT(wrappers)];
		const char *wrapper = wrappers[i % ARRAY_COUNT(wrappers)];

		/* The odder folders alone, and under all wrappers at once: time is short. */
		if (i / ARRAY_COUNT(wrappers) >= 2 && *wrapper && strcmp(wrapper, "all") != 0)
			continue;
		snprintf(names[i], sizeof(names[i]), "%s%s%s", backend, *wrapper ? "+" : "",
			wrapper);
		makers[count++] = (struct place_maker){.name = names[i],
			.backend = backend,
			.wrapper = wrapper,
			.open = open_place,
			.clean = clean_place};
	}
	return place_contract_run(makers, count);
}
