/* SPDX-License-Identifier: MIT */
/* t_pattern.c - gitignore's rules, case by case; each row was also put to git itself. */
#include <repo/pattern.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <base/alloc.h>

struct row {
	const char *pattern, *path; /* a '/' at the path's end: it is a folder */
	bool matches;
};

static const struct row rows[] = {
	/* a name anywhere */
	{"a", "/a", true},
	{"a", "/x/y/a", true},
	{"a", "/x/a/", true},
	{"a", "/ab", false},
	{"a", "/a/b", false},
	/* tied to the root */
	{"/a", "/a", true},
	{"/a", "/x/a", false},
	{"x/a", "/x/a", true},
	{"x/a", "/y/x/a", false},
	{"/x/a", "/x/a", true},
	/* folders only */
	{"a/", "/a/", true},
	{"a/", "/x/a/", true},
	{"a/", "/a", false},
	{"/a/", "/x/a/", false},
	/* '*' and '?' stop at '/' */
	{"*.o", "/x/a.o", true},
	{"*.o", "/.o", true},
	{"*.o", "/a.oo", false},
	{"/*.o", "/x/a.o", false},
	{"/x/*", "/x/a", true},
	{"/x/*", "/x/a/b", false},
	{"/x*z", "/x/z", false},
	{"/x?z", "/x/z", false},
	{"x?z", "/xyz", true},
	{"x?z", "/xz", false},
	{"*a*b*c*", "/xaybzc", true},
	{"*a*b*c*", "/xaycb", false},
	/* any number of folders */
	{"**/a", "/a", true},
	{"**/a", "/x/y/a", true},
	{"**/x/a", "/y/x/a", true},
	{"x/**", "/x/a", true},
	{"x/**", "/x/a/b", true},
	{"x/**", "/x/", false},
	{"x/**", "/y/x/a", false},
	{"x/**/a", "/x/a", true},
	{"x/**/a", "/x/y/z/a", true},
	{"x/**/a", "/xa", false},
	{"x/**/a", "/x/ya", false},
	{"/**", "/a", true},
	{"**", "/a/b", true},
	{"x**/a", "/xy/a", true},
	{"x**/a", "/xy/z/a", false},
	{"x/**/y/**/z", "/x/y/q/y/z", true},
	{"x/***/a", "/x/y/z/a", true},
	{"**/*.c/*", "/q/a.c/b", true},
	{"**/*.c/*", "/q/a.c/b/c", false},
	/* sets */
	{"[a-c]x", "/bx", true},
	{"[a-c]x", "/dx", false},
	{"[!a-c]x", "/dx", true},
	{"[^a-c]x", "/bx", false},
	{"[]a]", "/]", true},
	{"[]a]", "/a", true},
	{"[a-]", "/-", true},
	{"[!]a]", "/b", true},
	{"[[:digit:]x]", "/7", true},
	{"[[:digit:]x]", "/x", true},
	{"[[:digit:]x]", "/:", false},
	{"[\\]]", "/]", true},
	{"[a\\-c]", "/b", false},
	{"[a\\-c]", "/-", true},
	{"/x[!a]y", "/x/y", false},
	{"[[]", "/[", true},
	{"x[/]a", "/x/a", false},
	/* quotes */
	{"\\*", "/*", true},
	{"\\*", "/a", false},
	{"\\!a", "/!a", true},
	{"\\#a", "/#a", true},
	{"#a", "/#a", true}, /* only files have comments */
	{"a\\ ", "/a ", true},
	{"x\\/a", "/x/a", true},
	/* bytes, not characters */
	{"?", "/\xc3\xa4", false},
	{"??", "/\xc3\xa4", true},
	{"[\x80-\xff]*", "/\xff!", true},
};

static struct patterns *made(const char *const *texts, size_t count)
{
	struct patterns *p;
	struct sherd_error err;

	if (patterns_new(texts, count, &p, &err))
		fail_msg("%s", err.message);
	return p;
}

static enum pattern_answer ask(const struct patterns *p, const char *path)
{
	char copy[256];
	size_t size = strlen(path);
	bool folder = path[size - 1] == '/';

	memcpy(copy, path, size + 1);
	if (folder)
		copy[size - 1] = '\0';
	return patterns_ask(p, copy, folder);
}

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct patterns *p = made(&rows[i].pattern, 1);

		if ((ask(p, rows[i].path) == PATTERN_MATCH) != rows[i].matches)
			fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].path);
		patterns_free(p);
	}
}

static void the_last_one_wins(void **state)
{
	static const char *const texts[] = {"*.o", "!keep.o", "/x/keep.o", "!*/"};
	struct patterns *p = made(texts, 4);

	(void)state;
	assert_int_equal(ask(p, "/a.o"), PATTERN_MATCH);
	assert_int_equal(ask(p, "/keep.o"), PATTERN_TAKEN_BACK);
	assert_int_equal(ask(p, "/x/keep.o"), PATTERN_MATCH);
	assert_int_equal(ask(p, "/y/keep.o"), PATTERN_TAKEN_BACK);
	assert_int_equal(ask(p, "/a.o/"), PATTERN_TAKEN_BACK);
	assert_int_equal(ask(p, "/a.c"), PATTERN_NONE);
	assert_int_equal(ask(p, "/"), PATTERN_NONE);
	patterns_free(p);
	p = made(NULL, 0);
	assert_int_equal(ask(p, "/a"), PATTERN_NONE);
	assert_false(patterns_may_hold(p, "/"));
	patterns_free(p);
}

static void what_may_be_beneath(void **state)
{
	static const struct row may[] = {
		{"a", "/x/y", true},
		{"/a/b/c", "/", true},
		{"/a/b/c", "/a", true},
		{"/a/b/c", "/a/b", true},
		{"/a/b/c", "/a/b/c", false},
		{"/a/b/c", "/a/x", false},
		{"/a/b/c", "/b", false},
		{"/a/*/c", "/a/x", true},
		{"/a/*/c", "/a/x/y", false},
		{"/a/**/c", "/a/x/y/z", true},
		{"/a/**", "/a", true},
		{"/a/**", "/b", false},
		{"**/a", "/q", true},
		{"!a", "/x", false},
		{"a[x/]b/c", "/axb", true}, /* the first '/' is in a set */
		{"a[x/]b/c", "/ab", false},
		{"*[*//[:]", "/x[", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(may) / sizeof(*may); i++) {
		struct patterns *p = made(&may[i].pattern, 1);

		if (patterns_may_hold(p, may[i].path) != may[i].matches)
			fail_msg("'%s' and '%s'", may[i].pattern, may[i].path);
		patterns_free(p);
	}
}

static void faults_are_named(void **state)
{
	static const char *const bad[] = {
		"", "!", "/", "!/", "a[", "[!", "[]", "a\\", "[[:none:]]", "[a-\\"};
	struct patterns *p;
	struct sherd_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *const texts[] = {"good", bad[i]};

		if (patterns_new(texts, 2, &p, &err) != SHERD_INVALID)
			fail_msg("'%s'", bad[i]);
		assert_non_null(strstr(err.message, bad[i]));
	}
}

/* What would take for ever with a method that tries everything. */
static void no_pattern_takes_long(void **state)
{
	char text[256], path[256];
	const char *texts[] = {text};
	struct patterns *p;

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[200] = '\0';
	for (size_t i = 0; i < 120; i += 2)
		memcpy(text + i, "*a", 2);
	memcpy(text + 120, "b", 2);
	p = made(texts, 1);
	assert_int_equal(patterns_ask(p, path, false), PATTERN_NONE);
	patterns_free(p);
	for (size_t i = 0; i < 120; i += 5)
		memcpy(text + i, "**/*/", 5);
	memcpy(text + 120, "b", 2);
	for (size_t i = 2; i < 200; i += 2)
		path[i] = '/';
	p = made(texts, 1);
	assert_int_equal(patterns_ask(p, path, false), PATTERN_NONE);
	patterns_free(p);
}

static void without_memory(void **state)
{
	static const char *const texts[] = {"a", "b/c"};

	(void)state;
	for (unsigned long n = 1;; n++) {
		struct patterns *p;
		struct sherd_error err;
		int r;

		mem_fail_at(n);
		r = patterns_new(texts, 2, &p, &err);
		mem_fail_at(0);
		if (r == 0) {
			patterns_free(p);
			assert_int_equal(n, 5);
			break;
		}
		assert_int_equal(r, SHERD_NOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(the_last_one_wins),
		cmocka_unit_test(what_may_be_beneath),
		cmocka_unit_test(faults_are_named),
		cmocka_unit_test(no_pattern_takes_long),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
