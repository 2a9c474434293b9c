/* SPDX-License-Identifier: MIT */
/* t_source.c - reading folders, numbers, attributes and holes; and a kernel that answers wrong. */
#include <repo/source.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/alloc.h>
#include "faultenv.h"
#include "treefix.h"

static int setup(void **state)
{
	*state = treefix_folder();
	return 0;
}

static int teardown(void **state)
{
	treefix_remove(*state);
	return 0;
}

static int open_folder(const char *path)
{
	int fd = -1;

	assert_int_equal(source_open(env_system(), AT_FDCWD, path, SOURCE_FOLDER, false, &fd), 0);
	return fd;
}

static void names_in_order(void **state)
{
	const char *folder = *state;
	CLEANUP(mem_free_at) uint8_t *buffer = mem_array(SOURCE_DENTS_SIZE, 1);
	struct source_names names = {0};
	char name[300];
	int fd;

	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "%u", i * 7919 % 3000);
		treefix_text(folder, name, "");
	}
	memset(name, '\xff', 255);
	name[255] = '\0';
	treefix_text(folder, name, "");
	fd = open_folder(folder);
	assert_int_equal(source_names_read(env_system(), fd, buffer, &names), 0);
	close(fd);
	assert_int_equal(names.count, 3001);
	for (size_t i = 1; i < names.count; i++)
		assert_true(strcmp(source_names_at(&names, i - 1), source_names_at(&names, i)) < 0);
	assert_string_equal(source_names_at(&names, 3000), name);
	assert_true(source_names_have(&names, "2999") && source_names_have(&names, name));
	assert_false(source_names_have(&names, "3000") || source_names_have(&names, "."));
	source_names_release(&names);
}

/* What a broken file system might put into a folder's records. */
static const uint8_t *wrong;
static size_t wrong_size;

static ssize_t wrong_getdents(void *context, int fd, void *buffer, size_t size)
{
	size_t n = wrong_size;

	(void)context;
	(void)fd;
	assert_true(n <= size);
	if (n)
		memcpy(buffer, wrong, n);
	wrong_size = 0;
	return (ssize_t)n;
}

static void wrong_records_are_refused(void **state)
{
	static const uint8_t records[][24] = {
		{[16] = 24, [19] = 'a', '/', 'b'}, /* a path */
		{[16] = 24},                       /* no name */
		{[16] = 25, [19] = 'a'},           /* longer than what is there */
		{[16] = 19, [19] = 'a'},           /* too short for a name */
		{[16] = 0, [19] = 'a'}, {[16] = 24, [19] = 'a', 'b', 'c', 'd', 'e'}, /* no end */
	};
	struct sherd_env_files files = *env_system()->files;
	struct sherd_env env = *env_system();
	CLEANUP(mem_free_at) uint8_t *buffer = mem_array(SOURCE_DENTS_SIZE, 1);

	(void)state;
	files.getdents = wrong_getdents;
	env.files = &files;
	for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++) {
		struct source_names names = {0};

		wrong = records[i];
		wrong_size = sizeof(records[i]);
		assert_int_equal(source_names_read(&env, 0, buffer, &names), EIO);
		source_names_release(&names);
	}
}

static int no_statx(
	void *context, int directory, const char *path, int flags, unsigned mask, struct statx *ret)
{
	(void)context;
	(void)directory;
	(void)path;
	(void)flags;
	(void)mask;
	(void)ret;
	errno = ENOSYS;
	return -1;
}

static void numbers_with_and_without_statx(void **state)
{
	const char *folder = *state;
	struct sherd_env_files files = *env_system()->files;
	struct sherd_env env = *env_system();
	struct source_stat a, b;
	struct tree_entry e = {0};
	int fd = open_folder(folder);

	files.statx = no_statx;
	env.files = &files;
	treefix_text(folder, "f", "12345");
	assert_int_equal(link(treefix_path(folder, "f"), treefix_path(folder, "g")), 0);
	assert_int_equal(source_stat(env_system(), fd, "f", &a), 0);
	assert_int_equal(source_stat(&env, fd, "f", &b), 0);
	assert_true(source_same(&a, &b));
	assert_int_equal(a.links, 2);
	assert_int_equal(a.blocks, b.blocks);
	source_fill(&a, &e);
	assert_int_equal(e.type, TREE_FILE);
	assert_int_equal(e.length, 5);
	assert_true(e.has_link && e.link_inode == a.inode);
	assert_int_equal(source_stat(env_system(), fd, "none", &a), ENOENT);
	assert_int_equal(source_stat(env_system(), fd, "", &a), 0);
	source_fill(&a, &e);
	assert_int_equal(e.type, TREE_FOLDER);
	assert_true(!e.has_link && e.length == 0);
	close(fd);
}

static void opens_do_not_follow_or_wait(void **state)
{
	const char *folder = *state;
	int fd = open_folder(folder), got;

	assert_int_equal(symlink(".", treefix_path(folder, "link")), 0);
	assert_int_equal(mkfifo(treefix_path(folder, "fifo"), 0600), 0);
	assert_int_equal(source_open(env_system(), fd, "link", SOURCE_FILE, false, &got), ELOOP);
	assert_true(source_open(env_system(), fd, "link", SOURCE_FOLDER, false, &got) != 0);
	assert_int_equal(
		source_open(env_system(), fd, "link", SOURCE_FOLDER_FOLLOWED, false, &got), 0);
	close(got);
	assert_int_equal(source_open(env_system(), fd, "fifo", SOURCE_FILE, true, &got), 0);
	close(got);
	close(fd);
}

static void attributes(void **state)
{
	const char *folder = *state;
	struct bytes out = BYTES_INIT;
	struct tree_xattr x;
	struct cursor c;
	uint16_t count;
	int fd, in = open_folder(folder);

	treefix_text(folder, "f", "1");
	assert_int_equal(source_open(env_system(), in, "f", SOURCE_FILE, false, &fd), 0);
	assert_int_equal(source_xattrs(env_system(), fd, in, "f", &out), 0);
	if (setxattr(treefix_path(folder, "f"), "user.b", "2", 1, 0) != 0) {
		close(fd);
		close(in);
		skip();
	}
	setxattr(treefix_path(folder, "f"), "user.a", "", 0, 0);
	for (unsigned by_path = 0; by_path < 2; by_path++) {
		assert_int_equal(source_xattrs(env_system(), by_path ? -1 : fd, in, "f", &out), 0);
		assert_true(tree_xattr_open(out.data, out.size, &c, &count));
		assert_true(count >= 2);
		do
			assert_true(tree_xattr_next(&c, &x));
		while (x.name_size != 6 || memcmp(x.name, "user.a", 6) != 0);
		assert_int_equal(x.value_size, 0);
		assert_true(tree_xattr_next(&c, &x));
		assert_memory_equal(x.name, "user.b", 6);
		assert_memory_equal(x.value, "2", 1);
	}
	bytes_release(&out);
	close(fd);
	close(in);
}

static void owners_have_names(void **state)
{
	struct source_owners *o;
	struct sherd_error err;
	const char *name;
	size_t size;

	(void)state;
	assert_int_equal(source_owners_new(&o, &err), 0);
	name = source_owner(o, false, 0, &size);
	assert_string_equal(name, "root");
	assert_int_equal(size, 4);
	assert_ptr_equal(source_owner(o, false, 0, &size), name);
	assert_non_null(source_owner(o, true, 0, &size));
	assert_null(source_owner(o, false, 0x7ffffff1, &size));
	assert_int_equal(size, 0);
	source_owners_free(o);
}

static void holes_are_seen(void **state)
{
	const char *folder = *state;
	int fd = open(treefix_path(folder, "s"), O_CREAT | O_RDWR, 0600);
	const uint64_t end = 4 << 20;
	uint64_t data, hole;

	assert_int_equal(pwrite(fd, "x", 1, 1 << 20), 1);
	assert_int_equal(ftruncate(fd, (off_t)end), 0);
	source_data(env_system(), fd, 0, end, &data, &hole);
	if (data == 0) {
		close(fd);
		skip(); /* no holes here */
	}
	assert_true(data <= 1 << 20 && hole > 1 << 20 && hole < end);
	source_data(env_system(), fd, hole, end, &data, &hole);
	assert_true(data == end && hole == end);
	close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(names_in_order),
		TEST(wrong_records_are_refused),
		TEST(numbers_with_and_without_statx),
		TEST(opens_do_not_follow_or_wait),
		TEST(attributes),
		cmocka_unit_test(owners_have_names),
		TEST(holes_are_seen),
	};

	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
