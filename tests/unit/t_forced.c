/* SPDX-License-Identifier: MIT */
/*
 * t_forced.c - choosing a kernel by name, and by SHERD_CPU. Called with arguments the program is
 * its own child, with that variable set.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <base/intmath.h>
#include <sherd/fec.h>
#include <zfec/fec.h>

static const char *self; /* path of this program */

static void unknown_name(void **state)
{
	static const char *const names[] = {"", "mmx", "portable ", "PORTABLE", "%s%n", "avx"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct sherd_error err = {.code = 77};
		struct sherd_fec *code = NULL;

		assert_int_equal(sherd_fec_new(1, 1, names[i], &code, &err), SHERD_UNSUPPORTED);
		assert_int_equal(err.code, SHERD_UNSUPPORTED);
		assert_non_null(strstr(err.message, "'portable'"));
		assert_non_null(strstr(err.message, sherd_fec_kernel_name(0)));
		assert_non_null(strstr(err.message, names[i]));
		assert_null(code);
	}
	assert_null(sherd_fec_kernel_name(100));
	assert_null(sherd_fec_kernel_name(SIZE_MAX));
}

static void each_name(void **state)
{
	struct sherd_fec *code;
	const char *name, *last = NULL;

	(void)state;
	for (size_t i = 0; (name = sherd_fec_kernel_name(i)); last = name, i++) {
		assert_int_equal(sherd_fec_new(200, 256, name, &code, NULL), 0);
		assert_string_equal(sherd_fec_kernel(code), name);
		sherd_fec_free(code);
	}
	assert_string_equal(last, "portable");
}

/* The child: exits 0 if what SHERD_CPU says was done. ${expected} is a kernel's name, or "none". */
static int child(const char *expected)
{
	struct sherd_fec *c = NULL;
	struct sherd_error err = {.code = 77};
	int r = sherd_fec_new(3, 10, NULL, &c, &err);

	if (strcmp(expected, "none") != 0) {
		if (r || strcmp(sherd_fec_kernel(c), expected) != 0)
			return 10;
		sherd_fec_free(c);
		/* a name given by the caller is stronger */
		if (sherd_fec_new(3, 10, "portable", &c, &err))
			return 11;
		r = strcmp(sherd_fec_kernel(c), "portable") != 0;
		sherd_fec_free(c);
		return r;
	}
	if (r != SHERD_UNSUPPORTED || err.code != r || c)
		return 12;
	if (!strstr(err.message, "SHERD_CPU='") || !strstr(err.message, "'portable'"))
		return 13;
	errno = 0;
	return fec_new(3, 10) || errno != EINVAL ? 14 : 0;
}

/* Run this program with SHERD_CPU=${cpu}, expecting that kernel; returns its exit status. */
static int run_child(const char *cpu, const char *expected)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		setenv("SHERD_CPU", cpu, 1);
		execl(self, self, "child", expected, (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void forced_by_environment(void **state)
{
	const char *name;
	char endless[1000];

	(void)state;
	for (size_t i = 0; (name = sherd_fec_kernel_name(i)); i++)
		assert_int_equal(run_child(name, name), 0);
	assert_int_equal(run_child("", sherd_fec_kernel_name(0)), 0);
	assert_int_equal(run_child("pentium", "none"), 0);
	assert_int_equal(run_child("%s%s%n", "none"), 0);
	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	assert_int_equal(run_child(endless, "none"), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_name),
		cmocka_unit_test(each_name),
		cmocka_unit_test(forced_by_environment),
	};

	self = argv[0];
	if (argc == 3)
		return child(argv[2]);
	return cmocka_run_group_tests_name("forced", tests, NULL, NULL);
}
