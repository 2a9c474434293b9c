/* SPDX-License-Identifier: MIT */
/* t_config.c - the configuration file: what is read, what is refused, what a change leaves alone.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <base/alloc.h>
#include <base/intmath.h>
#include <config.h>

static char folder[] = "/tmp/t_config.XXXXXX";
static char path[64];

static void write_text(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void expect_text(const char *text)
{
	char buffer[4096] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	buffer[fread(buffer, 1, sizeof(buffer) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(buffer, text);
}

static struct config load(const char *text)
{
	struct config c;
	struct sherd_error err;

	write_text(text);
	assert_int_equal(config_load(&c, path, &err), 0);
	return c;
}

static const char *get(struct config *c, const char *kind, const char *name, const char *key)
{
	size_t at = config_next(c, kind, name, CONFIG_NONE);

	return at == CONFIG_NONE ? NULL : config_get(c, at, key);
}

static void test_reads(void **state)
{
	struct config c = load("# a comment\n"
			       "\n"
			       "[pool \"home\"]\r\n"
			       "\tid=abc   ; the id\n"
			       "  passphrase-command = pass 'sherd/home' | head -1#x   # why\n"
			       "  quoted = \" a;b#c \\\"d\\\\ \" ; end\n"
			       "  empty =\n"
			       "  nothing = # none\n"
			       "  twice = 1\n"
			       "  twice = 2\n"
			       "[ place \"nas\" ]  ; here\n"
			       "url = /mnt/nas\n"
			       "[other]\n"
			       "x = y");

	(void)state;
	assert_true(c.exists);
	assert_string_equal(get(&c, "pool", "home", "id"), "abc");
	assert_string_equal(
		get(&c, "pool", "home", "passphrase-command"), "pass 'sherd/home' | head -1#x");
	assert_string_equal(get(&c, "pool", "home", "quoted"), " a;b#c \"d\\ ");
	assert_string_equal(get(&c, "pool", "home", "empty"), "");
	assert_string_equal(get(&c, "pool", "home", "nothing"), "");
	assert_string_equal(get(&c, "pool", "home", "twice"), "2");
	assert_null(get(&c, "pool", "home", "url"));
	assert_string_equal(get(&c, "place", "nas", "url"), "/mnt/nas");
	assert_string_equal(get(&c, "other", "", "x"), "y");
	assert_null(get(&c, "pool", "work", "id"));
	config_release(&c);
}

static void test_not_there(void **state)
{
	struct config c;
	struct sherd_error err;

	(void)state;
	unlink(path);
	assert_int_equal(config_load(&c, path, &err), 0);
	assert_false(c.exists);
	assert_int_equal(config_next(&c, "pool", NULL, CONFIG_NONE), CONFIG_NONE);
	config_release(&c);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		const char *line;
	} bad[] = {
		{"[pool \"home\"]\nnonsense\n", "line 2"},
		{"= x\n", "line 1"},
		{"[pool \"home\n", "line 1"},
		{"[pool \"home\"] x\n", "line 1"},
		{"[]\n", "line 1"},
		{"[pool \"home\"\n", "line 1"},
		{"\n\n[pool]\nx = \"a\n", "line 4"},
		{"x = \"a\" b\n", "line 1"},
		{"x \"a\"\n", "line 1"},
	};
	struct sherd_error err;
	struct config c;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		write_text(bad[i].text);
		assert_int_equal(config_load(&c, path, &err), SHERD_INVALID);
		assert_non_null(strstr(err.message, bad[i].line));
		assert_non_null(strstr(err.message, path));
		config_release(&c);
	}
	assert_int_equal(config_load(&c, folder, &err), SHERD_IO);
	config_release(&c);
}

static void test_change_keeps_the_rest(void **state)
{
	struct config c = load("# mine\n"
			       "[pool \"home\"]\n"
			       "  id = 1 ; old\n"
			       "  future-key = 7 # keep\n"
			       "\n"
			       "# about work\n"
			       "[pool \"work\"]\n"
			       "  id = 2\n");
	struct sherd_error err;
	size_t at = config_next(&c, "pool", "home", CONFIG_NONE);

	(void)state;
	assert_int_equal(config_set(&c, at, "id", "3", &err), 0);
	assert_int_equal(config_set(&c, at, "cache", "20 # GiB ", &err), 0);
	assert_int_equal(config_add(&c, "place", "a\"b", &at, &err), 0);
	assert_int_equal(config_set(&c, at, "url", "/mnt/a b", &err), 0);
	assert_int_equal(config_save(&c, &err), 0);
	expect_text("# mine\n"
		    "[pool \"home\"]\n"
		    "    id = 3\n"
		    "  future-key = 7 # keep\n"
		    "    cache = \"20 # GiB \"\n"
		    "\n"
		    "# about work\n"
		    "[pool \"work\"]\n"
		    "  id = 2\n"
		    "[place \"a\\\"b\"]\n"
		    "    url = /mnt/a b\n");
	config_release(&c);
	assert_int_equal(config_load(&c, path, &err), 0);
	assert_string_equal(get(&c, "pool", "home", "cache"), "20 # GiB ");
	assert_string_equal(get(&c, "place", "a\"b", "url"), "/mnt/a b");
	assert_int_equal(config_set(&c, 1, "x", "a\nb", &err), SHERD_INVALID);
	config_release(&c);
}

static void test_removes_a_section(void **state)
{
	struct config c = load("[place \"a\"]\nurl = 1\n\n# of b\n[place \"b\"]\nurl = 2\n");
	struct sherd_error err;

	(void)state;
	config_remove(&c, config_next(&c, "place", "a", CONFIG_NONE));
	assert_int_equal(config_save(&c, &err), 0);
	expect_text("\n# of b\n[place \"b\"]\nurl = 2\n");
	config_remove(&c, config_next(&c, "place", "b", CONFIG_NONE));
	assert_int_equal(config_save(&c, &err), 0);
	expect_text("\n# of b\n");
	config_release(&c);
}

static void test_places_of_a_pool(void **state)
{
	struct config c = load("[place \"nas\"]\npool = work\nurl = 1\n"
			       "[place \"nas\"]\npool = home\nurl = 2\n"
			       "[place \"usb\"]\nurl = 3\n");

	(void)state;
	assert_string_equal(config_get(&c, config_place(&c, "home", "nas"), "url"), "2");
	assert_string_equal(config_get(&c, config_place(&c, "work", "nas"), "url"), "1");
	assert_int_equal(config_place(&c, "third", "nas"), CONFIG_NONE);
	assert_string_equal(config_get(&c, config_place(&c, "third", "usb"), "url"), "3");
	config_release(&c);
}

static void test_saves_closed_and_makes_folders(void **state)
{
	char deep[128];
	struct config c;
	struct sherd_error err;
	struct stat st;
	size_t at;

	(void)state;
	snprintf(deep, sizeof(deep), "%s/one/two/config", folder);
	assert_int_equal(config_load(&c, deep, &err), 0);
	assert_int_equal(config_add(&c, "pool", "home", &at, &err), 0);
	assert_int_equal(config_save(&c, &err), 0);
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	config_release(&c);
	unlink(deep);
	snprintf(deep, sizeof(deep), "%s/one/two", folder);
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	rmdir(deep);
	snprintf(deep, sizeof(deep), "%s/one", folder);
	rmdir(deep);
}

/* Each allocation fails once: an error, no crash, no leak, and the file as it was. */
static void test_memory(void **state)
{
	static const char text[] = "[pool \"home\"]\nid = 1\n";
	bool failed = true;

	(void)state;
	for (unsigned long n = 1; failed; n++) {
		struct sherd_error err;
		struct config c;
		size_t at;
		int r;

		write_text(text);
		mem_fail_at(n);
		r = config_load(&c, path, &err);
		if (!r)
			r = config_set(&c, 0, "id", "#2", &err);
		if (!r)
			r = config_add(&c, "place", "x", &at, &err);
		if (!r)
			r = config_save(&c, &err);
		mem_fail_at(0);
		config_release(&c);
		failed = r != 0;
		if (failed) {
			assert_int_equal(r, SHERD_NOMEM);
			expect_text(text);
		} else {
			assert_true(n > 8);
			expect_text("[pool \"home\"]\n    id = \"#2\"\n[place \"x\"]\n");
		}
		assert_true(n < 1000);
	}
}

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/config", folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_change_keeps_the_rest),
		cmocka_unit_test(test_removes_a_section),
		cmocka_unit_test(test_places_of_a_pool),
		cmocka_unit_test(test_saves_closed_and_makes_folders),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
