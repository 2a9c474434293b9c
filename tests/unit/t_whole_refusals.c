/* SPDX-License-Identifier: MIT */
/*
 * t_whole_refusals.c - what is refused as a whole, with the right code and a message that names the
 * thing: wrong passphrases and kits, folders and places without a pool or of another one, pools
 * changed by a newer version, snapshots and paths that are not there.
 */
#include "wholefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <base/bytes.h>
#include <pool/inner.h>
#include "treefix.h"

static void assert_says(int code, int expected, const struct sherd_error *err, const char *what)
{
	if (code != expected)
		fail_msg("%d instead of %d: %s", code, expected, code ? err->message : "");
	assert_int_equal(err->code, expected);
	if (!strstr(err->message, what))
		fail_msg("'%s' does not say '%s'", err->message, what);
}

static int clone(struct whole *w, const char *const *urls, size_t count, struct sherd_error *err)
{
	struct sherd_clone_options options = {
		.pool = ctlfix_options(w->f, "new"), .places = urls, .place_count = count};
	struct sherd_pool *pool = NULL;
	int r = sherd_pool_clone(&options, &pool, err);

	sherd_pool_free(pool);
	ctlfix_remove(w->f, "new");
	return r;
}

static void test_secrets(void **state)
{
	struct whole *w = whole_make(2, 3, 1);
	const char *urls[] = {"mem:1"};
	struct sherd_error err;
	char *kit = strdup(w->f->text), *other;
	char *digit;

	(void)state;
	w->f->passphrase = "correct hors";
	assert_says(clone(w, urls, 1, &err), SHERD_BADKEY, &err, "passphrase");
	w->f->passphrase = "";
	assert_says(clone(w, urls, 1, &err), SHERD_BADKEY, &err, "passphrase");
	w->f->passphrase = NULL;
	assert_int_equal(clone(w, urls, 1, &err), SHERD_CANCELLED);
	/* Another pool's kit, and a letter of ours copied wrongly. */
	assert_int_equal(ctlfix_try_init(w->f, "other", false, &err), 0);
	other = strdup(w->f->text);
	w->f->kit = other;
	assert_says(clone(w, urls, 1, &err), SHERD_BADKEY, &err, "another pool");
	digit = strstr(kit, "\n    2  ");
	assert_non_null(digit);
	digit[9] = digit[9] == 'a' ? 'b' : 'a';
	w->f->kit = kit;
	assert_says(clone(w, urls, 1, &err), SHERD_BADKEY, &err, "line 2");
	free(kit);
	free(other);
	whole_free(w);
}

static void test_no_pool(void **state)
{
	struct whole *w = whole_make(2, 3, 1);
	const char *nobodys[] = {"mem:6"}, *unknown[] = {"gopher:6"};
	struct sherd_error err;
	struct sherd_pool *pool;

	(void)state;
	assert_says(ctlfix_try_open(w->f, "nobody", &pool, &err), SHERD_NOPOOL, &err, "nobody");
	assert_says(clone(w, nobodys, 1, &err), SHERD_NOPOOL, &err, "mem:6");
	assert_says(clone(w, unknown, 1, &err), SHERD_INVALID, &err, "gopher:6");
	ctlfix_break(w->f, 1, WRAP_FAULT_OFFLINE, 0);
	nobodys[0] = "mem:1";
	assert_says(clone(w, nobodys, 1, &err), SHERD_OFFLINE, &err, "mem:1");
	whole_free(w);
}

/* A second pool, on mem:5 and mem:6. */
static void test_places_of_others(void **state)
{
	struct whole *w = whole_make(2, 3, 1);
	const char *both[] = {"mem:0", "mem:5"};
	struct sherd_place_add_options add = {.name = "more", .url = "mem:5"};
	struct sherd_pool *pool;
	struct sherd_error err;

	(void)state;
	assert_int_equal(ctlfix_try_init(w->f, "other", false, &err), 0);
	pool = ctlfix_open(w->f, "other");
	ctlfix_add(pool, 5);
	ctlfix_add(pool, 6);
	sherd_pool_free(pool);
	assert_says(clone(w, both, 2, &err), SHERD_MISMATCH, &err, "mem:5");
	pool = ctlfix_open(w->f, "a");
	assert_says(sherd_pool_place_add(pool, &add, &err), SHERD_EXISTS, &err, "mem:5");
	assert_non_null(strstr(err.message, "another pool"));
	add.url = "mem:0";
	assert_says(sherd_pool_place_add(pool, &add, &err), SHERD_EXISTS, &err, "p0");
	add.url = "mem:7";
	add.name = "p0";
	assert_says(sherd_pool_place_add(pool, &add, &err), SHERD_EXISTS, &err, "p0");
	add.name = "../p";
	assert_int_equal(sherd_pool_place_add(pool, &add, &err), SHERD_INVALID);
	sherd_pool_free(pool);
	whole_free(w);
}

/* Folders on disk: the library makes the places itself. */
static void test_folders(void **state)
{
	struct whole *w = whole_make(2, 3, 1);
	struct sherd_place_add_options add = {.name = "more"};
	struct sherd_pool_options options = ctlfix_options(w->f, "a");
	struct sherd_error err;
	struct sherd_pool *pool;
	char *file, *full, *deep;

	(void)state;
	options.open_place = NULL;
	if (sherd_pool_open(&options, &pool, &err) == 0)
		sherd_pool_free(pool);
	pool = ctlfix_open(w->f, "a");
	pool->open_place = NULL;
	treefix_text(w->scratch, "a file", "is no place");
	file = strdup(treefix_path(w->scratch, "a file"));
	full = strdup(w->scratch);
	deep = strdup(treefix_path(w->scratch, "not/there"));
	add.url = file;
	assert_says(sherd_pool_place_add(pool, &add, &err), SHERD_EXISTS, &err, file);
	add.url = full;
	assert_says(sherd_pool_place_add(pool, &add, &err), SHERD_EXISTS, &err, "a file");
	add.url = deep;
	assert_says(sherd_pool_place_add(pool, &add, &err), SHERD_NOTFOUND, &err, deep);
	assert_string_equal(treefix_read(w->scratch, "a file"), "is no place");
	sherd_pool_free(pool);
	free(file);
	free(full);
	free(deep);
	whole_free(w);
}

/* --- a newer version --- */

/* A pool record as a newer version would sign it, at all places. */
static void write_newer(struct whole *w, uint32_t to_read, uint32_t to_write)
{
	static const uint8_t zeros[RECORD_ID_SIZE];
	struct sherd_pool *pool = ctlfix_open(w->f, "a");
	struct bytes body = BYTES_INIT;
	struct record_file *file;
	struct record_name name;
	struct sherd_error err;
	struct poolrec rec;
	char text[RECORD_NAME_SIZE];

	assert_int_equal(poolrec_copy(&pool->rec, &rec, &err), 0);
	rec.previous = pool->rec_hash;
	poolrec_write(&rec, &body);
	for (unsigned i = 0; i < 4; i++) {
		body.data[i] = (uint8_t)(to_read >> 8 * i);
		body.data[4 + i] = (uint8_t)(to_write >> 8 * i);
	}
	assert_int_equal(pool_seal(pool, RECORD_POOL, zeros, pool->rec_seq + 1, &body,
				 pool->device.device, &pool->secrets->sign, &name, &file, &err),
		0);
	record_name_write(&name, text);
	for (unsigned i = 0; i < w->places; i++)
		whole_set(w->f->store[i], text, file->data, file->size);
	record_file_unref(file);
	bytes_release(&body);
	poolrec_release(&rec);
	sherd_pool_free(pool);
}

static void test_newer_to_read(void **state)
{
	struct whole *w = whole_make(2, 3, 1);
	const char *urls[] = {"mem:2"};
	struct sherd_error err;
	struct sherd_pool *pool;

	(void)state;
	write_newer(w, 0x80000000, 0);
	assert_says(ctlfix_try_open(w->f, "a", &pool, &err), SHERD_NEWER, &err, "newer");
	assert_says(clone(w, urls, 1, &err), SHERD_NEWER, &err, "newer");
	whole_free(w);
}

/* What only writers must know is no hindrance to a restore. */
static void test_newer_to_write(void **state)
{
	struct whole *w = whole_make(2, 3, 1);
	struct sherd_place_add_options add = {.name = "more", .url = "mem:5"};
	struct sherd_backup_result result;
	struct sherd_error err;
	struct session s;
	int code;

	(void)state;
	write_newer(w, 0, 1);
	session_open(w, "a", &s);
	whole_right(&s, 0);
	code = whole_backup(&s, whole_tree(w, 0), &result, &err);
	assert_says(code, SHERD_NEWER, &err, "newer");
	assert_says(sherd_pool_place_add(s.pool, &add, &err), SHERD_NEWER, &err, "newer");
	session_close(&s);
	whole_free(w);
}

/* --- what is not in the pool --- */

static int ignore(void *context, const struct sherd_entry *entry)
{
	(void)context;
	(void)entry;
	return 0;
}

static void test_not_there(void **state)
{
	struct whole *w = whole_make(2, 3, 1);
	const struct sherd_snapshot *found, *first;
	struct sherd_restore_options options = {.path = "/nowhere/at-all"};
	struct sherd_restore_result result;
	struct sherd_backup_result saved;
	struct sherd_error err;
	struct session s;
	char *target = strdup(treefix_path(w->scratch, "target"));
	size_t count;

	(void)state;
	session_open(w, "a", &s);
	first = sherd_snapshots(s.repo, &count);
	assert_says(sherd_snapshot_find(s.repo, "0badc0de", NULL, &found, &err), SHERD_NOTFOUND,
		&err, "0badc0de");
	assert_says(sherd_snapshot_find(s.repo, "latest~7", NULL, &found, &err), SHERD_NOTFOUND,
		&err, "latest~7");
	assert_says(sherd_snapshot_find(s.repo, "latest", "elsewhere", &found, &err),
		SHERD_NOTFOUND, &err, "elsewhere");
	options.target = target;
	assert_says(sherd_restore(s.repo, first, &options, NULL, &result, &err), SHERD_NOTFOUND,
		&err, "/nowhere");
	assert_says(sherd_list(s.repo, first, "/nowhere", 0, ignore, NULL, &err), SHERD_NOTFOUND,
		&err, "/nowhere");
	assert_says(sherd_cat(s.repo, first, "/nowhere", 1, NULL, &err), SHERD_NOTFOUND, &err,
		"/nowhere");
	assert_says(sherd_cat(s.repo, first, "/", 1, NULL, &err), SHERD_INVALID, &err, "/");
	assert_says(whole_backup(&s, "/no/such/path", &saved, &err), SHERD_NOTFOUND, &err,
		"/no/such/path");
	sherd_snapshots(s.repo, &count);
	assert_int_equal(count, 1);
	session_close(&s);
	free(target);
	whole_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_no_pool),
		cmocka_unit_test(test_places_of_others),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_newer_to_read),
		cmocka_unit_test(test_newer_to_write),
		cmocka_unit_test(test_not_there),
	};

	return cmocka_run_group_tests_name("whole_refusals", tests, NULL, NULL);
}
