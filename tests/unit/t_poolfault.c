/* SPDX-License-Identifier: MIT */
/*
 * t_poolfault.c - pools whose places go away, whose state folder fails, whose process dies or has
 * no memory, at each single step. What must hold after each: the pool opens, what was acknowledged
 * is there, and work goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include "ctlfix.h"

static int setup(void **state)
{
	*state = ctlfix_new();
	return 0;
}

static int teardown(void **state)
{
	ctlfix_free(*state);
	return 0;
}

/* The pool of device a opens, its head is ${old} or ${new} (this if ${done}), and it goes on. */
static void check_goes_on(
	struct ctlfix *f, const char *old, const char *new, bool done, unsigned places)
{
	struct sherd_pool *a = ctlfix_open(f, "a"), *c;
	const char *head = ctlfix_head(a, pool_incarnation(a));
	uint8_t incarnation[16];
	size_t count;

	assert_int_equal(sherd_pool_fresh(a), 1);
	if (done || strcmp(head, old) != 0)
		assert_string_equal(head, new);
	sherd_pool_places(a, 0, &count);
	assert_true(count == places || (!done && count + 1 == places));
	ctlfix_publish(a, "next");
	memcpy(incarnation, pool_incarnation(a), 16);
	sherd_pool_free(a);
	ctlfix_remove(f, "check");
	c = ctlfix_clone(f, "check", 0);
	assert_string_equal(ctlfix_head(c, incarnation), "next");
	sherd_pool_free(c);
}

/* --- places go away --- */

static void test_publish_offline(void **state)
{
	bool struck = true;

	(void)state;
	for (unsigned long n = 1; struck; n++) {
		CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
		struct sherd_pool *a = ctlfix_make(f, "a", 3);
		struct sherd_error err;
		int r;

		ctlfix_publish(a, "one");
		atomic_store(&f->offline_from, atomic_load(&f->made) + n);
		r = ctlfix_try_publish(a, "two", &err);
		struck = atomic_load(&f->made) >= atomic_load(&f->offline_from);
		assert_true(r == 0 || r == SHERD_QUORUM);
		sherd_pool_free(a);
		ctlfix_mend(f);
		check_goes_on(f, "one", "two", r == 0, 3);
	}
}

/* Whatever it failed with, the same process goes on once the places are back. */
static void test_publish_and_again(void **state)
{
	bool struck = true;

	(void)state;
	for (unsigned long n = 1; struck; n++) {
		CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
		struct sherd_pool *a = ctlfix_make(f, "a", 3);
		struct sherd_error err;

		ctlfix_publish(a, "one");
		atomic_store(&f->offline_from, atomic_load(&f->made) + n);
		(void)ctlfix_try_publish(a, "two", &err);
		struck = atomic_load(&f->made) >= atomic_load(&f->offline_from);
		ctlfix_mend(f);
		ctlfix_publish(a, "three");
		assert_string_equal(ctlfix_head(a, pool_incarnation(a)), "three");
		sherd_pool_free(a);
		check_goes_on(f, "three", "three", true, 3);
	}
}

static void test_add_offline(void **state)
{
	bool struck = true;

	(void)state;
	for (unsigned long n = 1; struck; n++) {
		CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
		struct sherd_pool *a = ctlfix_make(f, "a", 2);
		struct sherd_error err;
		size_t count;
		int r, again;

		ctlfix_publish(a, "one");
		atomic_store(&f->offline_from, atomic_load(&f->made) + n);
		r = ctlfix_try_add(a, 2, &err);
		struck = atomic_load(&f->made) >= atomic_load(&f->offline_from);
		sherd_pool_free(a);
		ctlfix_mend(f);
		a = ctlfix_open(f, "a");
		again = ctlfix_try_add(a, 2, &err);
		if (r == 0)
			assert_int_equal(again, SHERD_EXISTS);
		else
			assert_true(again == 0 || again == SHERD_EXISTS);
		sherd_pool_places(a, 0, &count);
		assert_int_equal(count, 3);
		sherd_pool_free(a);
		check_goes_on(f, "one", "one", true, 3);
	}
}

static void test_clone_offline(void **state)
{
	bool struck = true;

	(void)state;
	for (unsigned long n = 1; struck; n++) {
		CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
		struct sherd_pool *a = ctlfix_make(f, "a", 3), *b = NULL;
		struct sherd_error err;
		int r;

		ctlfix_publish(a, "one");
		sherd_pool_free(a);
		f->kit = f->text;
		atomic_store(&f->offline_from, atomic_load(&f->made) + n);
		r = ctlfix_try_clone(f, "b", 1, &b, &err);
		struck = atomic_load(&f->made) >= atomic_load(&f->offline_from);
		ctlfix_mend(f);
		if (r)
			assert_int_not_equal(access(ctlfix_path(f, "b"), F_OK), 0);
		else
			ctlfix_publish(b, "of b");
		sherd_pool_free(b);
		b = r ? ctlfix_clone(f, "b", 1) : ctlfix_open(f, "b");
		ctlfix_publish(b, "of b, again");
		sherd_pool_free(b);
		check_goes_on(f, "one", "one", true, 3);
	}
}

/* --- the state folder fails --- */

static void test_state_fails(void **state)
{
	static const int errors[] = {EIO, ENOSPC};

	(void)state;
	for (unsigned e = 0; e < ARRAY_COUNT(errors); e++)
		for (unsigned long n = 1;; n++) {
			CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
			struct sherd_pool *a = ctlfix_make(f, "a", 3);
			struct sherd_error err;
			int r;
			bool struck;

			ctlfix_publish(a, "one");
			f->fault.fail_at = atomic_load(&f->fault.counted) + n;
			f->fault.error = errors[e];
			f->fault.fail_on = e == 1;
			r = ctlfix_try_publish(a, "two", &err);
			struck = faultenv_struck(&f->fault);
			f->fault.fail_at = 0;
			sherd_pool_free(a);
			check_goes_on(f, "one", "two", r == 0, 3);
			if (!struck)
				break;
		}
}

static void test_init_fails(void **state)
{
	(void)state;
	for (unsigned long n = 1;; n++) {
		CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
		struct sherd_error err;
		int r;
		bool struck;

		f->fault.fail_at = n;
		r = ctlfix_try_init(f, "a", false, &err);
		struck = faultenv_struck(&f->fault);
		f->fault.fail_at = 0;
		if (r)
			assert_int_not_equal(access(ctlfix_path(f, "a/device"), F_OK), 0);
		if (r)
			ctlfix_init(f, "a");
		sherd_pool_free(ctlfix_open(f, "a"));
		if (!struck)
			break;
	}
}

/* --- the process dies: with places in folders, which outlive it --- */

static struct sherd_pool *open_in_folders(struct ctlfix *f, const char *device, int *ret)
{
	struct sherd_pool_options options = ctlfix_options(f, device);
	struct sherd_pool *pool = NULL;

	options.open_place = NULL;
	*ret = sherd_pool_open(&options, &pool, NULL);
	return pool;
}

static int add_folder(struct ctlfix *f, struct sherd_pool *pool, unsigned number)
{
	char url[128], name[8];
	struct sherd_place_add_options options = {.name = name, .url = url};

	snprintf(url, sizeof(url), "%s/place%u", f->folder, number);
	snprintf(name, sizeof(name), "p%u", number);
	return sherd_pool_place_add(pool, &options, NULL);
}

static void work_to_die_in(struct ctlfix *f)
{
	struct sherd_pool *pool;
	int r;

	pool = open_in_folders(f, "a", &r);
	if (r || add_folder(f, pool, 2) != 0 || ctlfix_try_publish(pool, "two", NULL) != 0)
		_exit(1);
	sherd_pool_free(pool);
	_exit(0);
}

static void test_dies(void **state)
{
	int status = 0;

	(void)state;
	for (unsigned long n = 1; n == 1 || WEXITSTATUS(status) == FAULTENV_DIED; n += 7) {
		CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
		struct sherd_pool *pool;
		const char *head;
		int r;
		pid_t child;

		ctlfix_init(f, "a");
		pool = open_in_folders(f, "a", &r);
		assert_int_equal(r, 0);
		assert_int_equal(add_folder(f, pool, 0), 0);
		assert_int_equal(add_folder(f, pool, 1), 0);
		ctlfix_publish(pool, "one");
		sherd_pool_free(pool);
		child = fork();
		if (child == 0) {
			f->fault.die_at = atomic_load(&f->fault.counted) + n;
			work_to_die_in(f);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == FAULTENV_DIED);
		pool = open_in_folders(f, "a", &r);
		assert_int_equal(r, 0);
		assert_int_equal(sherd_pool_fresh(pool), 1);
		head = ctlfix_head(pool, pool_incarnation(pool));
		if (WEXITSTATUS(status) == 0 || strcmp(head, "one") != 0)
			assert_string_equal(head, "two");
		r = add_folder(f, pool, 2);
		assert_true(r == 0 || r == SHERD_EXISTS);
		ctlfix_publish(pool, "next");
		sherd_pool_free(pool);
	}
}

/* --- no memory --- */

static int run_all(struct ctlfix *f, unsigned what)
{
	struct sherd_pool *pool = NULL, *b = NULL;
	struct sherd_error err;
	int r;

	if (what == 0)
		return ctlfix_try_init(f, "new", false, &err);
	if (what == 1) {
		r = ctlfix_try_clone(f, "b", 0, &b, &err);
		sherd_pool_free(b);
		return r;
	}
	r = ctlfix_try_open(f, "a", &pool, &err);
	if (!r && what == 2)
		r = ctlfix_try_publish(pool, "two", &err);
	if (!r && what == 3)
		r = ctlfix_try_add(pool, 2, &err);
	sherd_pool_free(pool);
	return r;
}

static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned what = 0; what < 4; what++) {
		unsigned long all, step;
		{
			CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();

			sherd_pool_free(ctlfix_make(f, "a", 2));
			f->kit = f->text;
			mem_fail_at(0);
			assert_int_equal(run_all(f, what), 0);
			all = mem_fail_at(0);
		}
		step = all / 50 + 1;
		for (unsigned long n = 1; n <= all; n += step) {
			CLEANUP(ctlfix_free_at) struct ctlfix *f = ctlfix_new();
			struct sherd_pool *a = ctlfix_make(f, "a", 2);
			int r;

			ctlfix_publish(a, "one");
			sherd_pool_free(a);
			f->kit = f->text;
			mem_fail_at(n);
			r = run_all(f, what);
			mem_fail_at(0);
			if (r != 0 && r != SHERD_NOMEM && r != SHERD_QUORUM)
				print_error("%u, allocation %lu of %lu: %d\n", what, n, all, r);
			/* memory that a place lacked is that place's failure */
			assert_true(r == 0 || r == SHERD_NOMEM || r == SHERD_QUORUM);
			f->kit = NULL;
			check_goes_on(f, "one", "two", r == 0 && what == 2, what == 3 ? 3 : 2);
		}
	}
}

/* --- damage --- */

/* A byte of each object of one place is wrong: what is right comes from the others. */
static void test_flips(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3), *b;
	uint8_t incarnation[16];
	const char *urls[] = {"mem:0", "mem:1"};
	unsigned count = (unsigned)place_mem_count(f->store[0]);

	memcpy(incarnation, pool_incarnation(a), 16);
	ctlfix_publish(a, "one");
	sherd_pool_free(a);
	count = (unsigned)place_mem_count(f->store[0]);
	for (unsigned i = 0; i < 3; i++)
		ctlfix_copy_store(f, i, i + 3);
	for (unsigned i = 0; i < count; i++)
		for (unsigned at = 3; at < 1000; at += 97) {
			struct sherd_clone_options options = {
				.places = urls, .place_count = 2, .host = "b"};
			struct sherd_error err;
			const char *name;
			bool first;
			int r;

			for (unsigned j = 0; j < 3; j++)
				ctlfix_copy_store(f, j + 3, j);
			name = ctlfix_name(f, 0, "", i);
			if (!place_mem_corrupt(f->store[0], name, at, 0x20))
				continue;
			first = strcmp(name, "sherd-place") == 0;
			if (first && at > 90)
				continue; /* words for people */
			f->kit = f->text;
			ctlfix_remove(f, "b");
			options.pool = ctlfix_options(f, "b");
			r = sherd_pool_clone(&options, &b, &err);
			if (first && r == SHERD_MISMATCH)
				continue;
			if (r)
				print_error("%s, %u: %s\n", name, at, err.message);
			assert_int_equal(r, 0);
			assert_string_equal(ctlfix_head(b, incarnation), "one");
			assert_int_not_equal(ctlfix_place(b, "p0")->state, SHERD_PLACE_ONLINE);
			assert_int_equal(ctlfix_place(b, "p1")->state, SHERD_PLACE_ONLINE);
			sherd_pool_free(b);
		}
}

static void test_state_damaged(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_pool *a = ctlfix_make(f, "a", 3);
	static const char *const files[] = {"device", "seen"};
	struct sherd_error err;

	ctlfix_publish(a, "one");
	sherd_pool_free(a);
	for (unsigned i = 0; i < 2; i++)
		for (long at = 0; at < 216; at += 13) {
			char path[160];
			FILE *file;
			int c;

			ctlfix_copy(f, "a", "b");
			snprintf(path, sizeof(path), "%s/%s", ctlfix_path(f, "b"), files[i]);
			file = fopen(path, "r+");
			assert_non_null(file);
			fseek(file, at, SEEK_SET);
			c = fgetc(file);
			fseek(file, at, SEEK_SET);
			fputc(c ^ 1, file);
			fclose(file);
			assert_int_equal(ctlfix_try_open(f, "b", &a, &err), SHERD_CORRUPT);
			unlink(path);
			assert_int_equal(ctlfix_try_open(f, "b", &a, &err),
				i ? SHERD_CORRUPT : SHERD_NOPOOL);
		}
	/* records that were lost come back from the places */
	ctlfix_copy(f, "a", "b");
	ctlfix_remove(f, "b/records/heads");
	a = ctlfix_open(f, "b");
	assert_string_equal(ctlfix_head(a, pool_incarnation(a)), "one");
	sherd_pool_free(a);
}

/* --- folders --- */

static void test_folders(void **state)
{
	struct ctlfix *f = *state;
	struct sherd_place_add_options options = {.name = "usb", .url = "usb"};
	struct sherd_pool *a;
	struct sherd_error err;
	const struct sherd_place_info *places;
	char here[256], path[256];
	size_t count;
	int r;

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(f->folder), 0);
	ctlfix_init(f, "a");
	a = open_in_folders(f, "a", &r);
	assert_int_equal(r, 0);
	assert_int_equal(mkdir("photos", 0700), 0);
	fclose(fopen("photos/IMG 1.JPG", "w"));
	options.url = "photos";
	assert_int_equal(sherd_pool_place_add(a, &options, &err), SHERD_EXISTS);
	assert_non_null(strstr(err.message, "IMG 1.JPG"));
	assert_int_not_equal(access("photos/sherd-place", F_OK), 0);
	options.url = "./usb";
	assert_int_equal(sherd_pool_place_add(a, &options, &err), 0);
	places = sherd_pool_places(a, 1, &count);
	snprintf(path, sizeof(path), "dir:%s/usb", f->folder);
	assert_string_equal(places[0].url, path);
	assert_int_equal(places[0].state, SHERD_PLACE_ONLINE);
	assert_true(places[0].total > 0);
	sherd_pool_free(a);
	/* nothing is mounted there: the folder is not taken for the place */
	assert_int_equal(rename("usb", "away"), 0);
	assert_int_equal(mkdir("usb", 0700), 0);
	a = open_in_folders(f, "a", &r);
	assert_int_equal(r, 0);
	assert_int_equal(sherd_pool_fresh(a), 0);
	places = sherd_pool_places(a, 1, &count);
	assert_int_equal(places[0].state, SHERD_PLACE_GONE);
	assert_int_equal(rmdir("usb"), 0);
	sherd_pool_free(a);
	a = open_in_folders(f, "a", &r);
	places = sherd_pool_places(a, 0, &count);
	assert_int_equal(places[0].state, SHERD_PLACE_OFFLINE);
	sherd_pool_free(a);
	assert_int_equal(chdir(here), 0);
}

/* --- nonces --- */

#define SEALS_MAX 4096

struct seals {
	size_t count;
	struct {
		struct crypt_key key;
		uint8_t nonce[AEAD_NONCE_SIZE];
		struct hash what;
	} seal[SEALS_MAX];
};

static void witness(void *context, const struct crypt_key *key,
	const uint8_t nonce[AEAD_NONCE_SIZE], const struct hash *what)
{
	struct seals *s = context;

	for (size_t i = 0; i < s->count; i++)
		if (memcmp(&s->seal[i].key, key, sizeof(*key)) == 0 &&
			memcmp(s->seal[i].nonce, nonce, AEAD_NONCE_SIZE) == 0)
			assert_true(hash_equal(&s->seal[i].what, what));
	assert_true(s->count < SEALS_MAX);
	s->seal[s->count].key = *key;
	memcpy(s->seal[s->count].nonce, nonce, AEAD_NONCE_SIZE);
	s->seal[s->count++].what = *what;
}

/* Two copies of one machine whose random source stands still. */
static void test_frozen_random(void **state)
{
	struct ctlfix *f = *state;
	struct seals *seals = mem_array(1, sizeof(*seals));
	struct sherd_pool *a, *twin;
	struct sherd_error err;

	assert_non_null(seals);
	aead_set_witness(witness, seals);
	f->freeze = true;
	a = ctlfix_make(f, "a", 1);
	ctlfix_publish(a, "one");
	ctlfix_copy(f, "a", "twin");
	twin = ctlfix_open(f, "twin");
	ctlfix_publish(a, "two of a");
	ctlfix_publish(twin, "two of its twin");
	assert_int_equal(pool_refresh(a, &err), 0);
	(void)ctlfix_try_publish(a, "three", &err);
	(void)ctlfix_try_publish(twin, "three", &err);
	(void)pool_refresh(twin, &err);
	(void)ctlfix_try_publish(twin, "four", &err);
	assert_memory_not_equal(pool_incarnation(a), pool_incarnation(twin), 16);
	aead_set_witness(NULL, NULL);
	assert_true(seals->count >= 7);
	sherd_pool_free(a);
	sherd_pool_free(twin);
	mem_free(seals);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_publish_offline),
		cmocka_unit_test(test_publish_and_again),
		cmocka_unit_test(test_add_offline),
		cmocka_unit_test(test_clone_offline),
		cmocka_unit_test(test_state_fails),
		cmocka_unit_test(test_init_fails),
		cmocka_unit_test(test_dies),
		cmocka_unit_test(test_no_memory),
		TEST(test_flips),
		TEST(test_state_damaged),
		TEST(test_folders),
		TEST(test_frozen_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
