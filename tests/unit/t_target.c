/* SPDX-License-Identifier: MIT */
/* t_target.c - the folder that a restore writes into: what each call promises, alone. */
#include "faultenv.h"
#include "treefix.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include <repo/target.h>

struct fixture {
	struct faultenv fault;
	struct target t;
	char *base, *path; /* the target is a folder in base */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	faultenv_init(&f->fault);
	f->base = treefix_folder();
	f->path = strdup(treefix_path(f->base, "target"));
	assert_int_equal(mkdir(treefix_path(f->base, "outside"), 0755), 0);
	treefix_text(f->base, "outside/file", "precious");
	assert_int_equal(target_open(&f->t, &f->fault.env, f->path, true, NULL), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	target_close(&f->t);
	assert_string_equal(treefix_read(f->base, "outside/file"), "precious");
	treefix_remove(f->base);
	free(f->path);
	free(f);
	return 0;
}

static void fail_call(struct fixture *f, enum faultenv_call kind, unsigned long at, int error)
{
	f->fault.kind = kind;
	atomic_store(&f->fault.counted, 0);
	f->fault.fail_at = at;
	f->fault.error = error;
}

static void test_names(void **state)
{
	char name[TREE_NAME_MAX + 1];

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_true(target_name_ok(name, TREE_NAME_MAX));
	assert_false(target_name_ok(name, TREE_NAME_MAX + 1));
	assert_false(target_name_ok("", 0));
	assert_false(target_name_ok(".", 1));
	assert_false(target_name_ok("..", 2));
	assert_true(target_name_ok("...", 3));
	assert_true(target_name_ok(".x", 2));
	assert_true(target_name_ok("..x", 3));
	assert_false(target_name_ok("/", 1));
	assert_false(target_name_ok("a/b", 3));
	assert_false(target_name_ok("a\0b", 3));
	assert_true(target_name_ok("\n\xff", 2));
}

static void test_open(void **state)
{
	struct fixture *f = *state;
	struct target t;
	struct stat there;
	struct sherd_error err;

	assert_true(f->t.root_made);
	assert_int_equal(stat(f->path, &there), 0);
	assert_int_equal(there.st_mode & 07777, 0700);
	assert_int_equal(target_open(&t, env_system(), f->path, true, &err), 0);
	assert_false(t.root_made);
	target_close(&t);
	target_close(&t);
	assert_int_equal(
		target_open(&t, env_system(), treefix_path(f->path, "no"), false, &err), 0);
	assert_int_equal(t.root, -1);
	assert_int_equal(
		target_open(&t, env_system(), treefix_path(f->base, "outside/file"), true, &err),
		SHERD_NOTFOUND);
	assert_int_equal(
		target_open(&t, env_system(), treefix_path(f->base, "outside/file/x"), true, &err),
		SHERD_NOTFOUND);
	assert_int_equal(target_open(&t, env_system(), "", true, &err), SHERD_INVALID);
	assert_int_equal(target_open(&t, env_system(), NULL, true, &err), SHERD_INVALID);
	fail_call(f, FAULTENV_MKDIRAT, 1, ENOSPC);
	f->fault.fail_on = true;
	assert_int_equal(target_open(&t, &f->fault.env, treefix_path(f->path, "new"), true, &err),
		SHERD_NOSPACE);
}

static void folders(struct fixture *f)
{
	struct stat there;
	int fd, up;

	assert_int_equal(symlink("../outside", treefix_path(f->path, "link")), 0);
	treefix_text(f->path, "file", "x");
	assert_int_equal(target_folder_open(&f->t, f->t.root, "none", &fd, &there), ENOENT);
	assert_int_equal(target_folder_open(&f->t, f->t.root, "file", &fd, &there), ENOTDIR);
	assert_true(target_folder_open(&f->t, f->t.root, "link", &fd, &there) != 0);
	assert_int_equal(target_folder_make(&f->t, f->t.root, "link", false, &fd, &there), EEXIST);
	assert_int_equal(target_folder_make(&f->t, f->t.root, "d", false, &fd, &there), 0);
	assert_int_equal(there.st_mode & 07777, 0700);
	assert_int_equal(fstat(f->t.root, &there), 0);
	assert_int_equal(target_folder_up(&f->t, fd, there.st_dev, there.st_ino, &up), 0);
	close(up);
	assert_int_equal(target_folder_up(&f->t, fd, there.st_dev, there.st_ino + 1, &up), ESTALE);
	/* moved elsewhere: up is not where it was */
	assert_int_equal(rename(treefix_path(f->path, "d"), treefix_path(f->base, "outside/d")), 0);
	assert_int_equal(target_folder_up(&f->t, fd, there.st_dev, there.st_ino, &up), ESTALE);
	assert_int_equal(rmdir(treefix_path(f->base, "outside/d")), 0);
	close(fd);
}

static void test_folders(void **state)
{
	folders(*state);
}

static void test_folders_of_old_kernels(void **state)
{
	struct fixture *f = *state;

	fail_call(f, FAULTENV_OPENAT2, 1, ENOSYS);
	f->fault.fail_on = true;
	folders(f);
	assert_true(atomic_load(&f->t.no_openat2));
	assert_int_equal(atomic_load(&f->fault.counts[FAULTENV_OPENAT2]), 1); /* asked once */
}

static void paths(struct fixture *f)
{
	struct stat there;
	char path[9000] = "";
	int at = dup(f->t.root), fd;

	assert_int_equal(mkdirat(at, "d", 0700), 0);
	assert_int_equal(symlinkat("../../outside", at, "d/link"), 0);
	assert_int_equal(symlinkat("link/file", at, "d/end"), 0);
	assert_true(target_open_path(&f->t, "d/link/file", &fd) != 0);
	assert_true(target_open_path(&f->t, "../outside/file", &fd) != 0 || f->t.no_openat2);
	assert_int_equal(target_open_path(&f->t, "d/end", &fd), 0);
	assert_int_equal(fstat(fd, &there), 0);
	assert_true(S_ISLNK(there.st_mode));
	close(fd);
	for (int i = 0; i < 40; i++) { /* 8 KB: no call takes such a path */
		char name[201];
		int below;

		memset(name, 'a' + i % 26, 200);
		name[200] = '\0';
		assert_int_equal(mkdirat(at, name, 0700), 0);
		below = openat(at, name, O_RDONLY | O_DIRECTORY);
		close(at);
		at = below;
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s%s", i ? "/" : "",
			name);
	}
	assert_int_equal(target_open_path(&f->t, path, &fd), 0);
	close(fd);
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/none");
	assert_int_equal(target_open_path(&f->t, path, &fd), ENOENT);
	close(at);
}

static void test_paths(void **state)
{
	paths(*state);
}

static void test_paths_of_old_kernels(void **state)
{
	struct fixture *f = *state;

	fail_call(f, FAULTENV_OPENAT2, 1, ENOSYS);
	f->fault.fail_on = true;
	paths(f);
}

static void begin(struct fixture *f, char *temporary)
{
	int fd;

	target_temporary(&f->t, 3, temporary);
	assert_int_equal(target_file_begin(&f->t, f->t.root, temporary, &fd), 0);
	assert_int_equal(write(fd, "new", 3), 3);
	close(fd);
}

static void publishing(struct fixture *f)
{
	char temporary[TARGET_TEMPORARY_SIZE];

	treefix_text(f->path, "taken", "old");
	assert_int_equal(mkdir(treefix_path(f->path, "full"), 0700), 0);
	treefix_text(f->path, "full/file", "old");
	assert_int_equal(mkdir(treefix_path(f->path, "empty"), 0700), 0);
	assert_int_equal(symlink("../outside/file", treefix_path(f->path, "link")), 0);
	begin(f, temporary);
	assert_true(temporary[0] == '.');
	assert_int_equal(target_publish(&f->t, f->t.root, temporary, "taken", TARGET_KEEP), EEXIST);
	assert_int_equal(target_publish(&f->t, f->t.root, temporary, "link", TARGET_KEEP), EEXIST);
	assert_string_equal(treefix_read(f->path, "taken"), "old");
	assert_true(treefix_there(f->path, temporary));
	assert_int_equal(target_publish(&f->t, f->t.root, temporary, "fresh", TARGET_KEEP), 0);
	assert_string_equal(treefix_read(f->path, "fresh"), "new");
	assert_false(treefix_there(f->path, temporary));
	begin(f, temporary);
	assert_int_equal(
		target_publish(&f->t, f->t.root, temporary, "full", TARGET_REPLACE), ENOTEMPTY);
	assert_int_equal(target_publish(&f->t, f->t.root, temporary, "taken", TARGET_REPLACE), 0);
	assert_string_equal(treefix_read(f->path, "taken"), "new");
	begin(f, temporary);
	assert_int_equal(target_publish(&f->t, f->t.root, temporary, "empty", TARGET_REPLACE), 0);
	assert_string_equal(treefix_read(f->path, "empty"), "new");
	begin(f, temporary);
	assert_int_equal(target_publish(&f->t, f->t.root, temporary, "link", TARGET_REPLACE), 0);
	assert_string_equal(treefix_read(f->path, "link"), "new");
	begin(f, temporary);
	target_discard(&f->t, f->t.root, temporary);
	assert_false(treefix_there(f->path, temporary));
}

static void test_publishing(void **state)
{
	publishing(*state);
}

static void test_publishing_without_flags(void **state)
{
	struct fixture *f = *state;

	f->fault.no_flags = EINVAL;
	publishing(f);
}

static void test_publishing_without_links(void **state)
{
	struct fixture *f = *state;

	f->fault.no_flags = EINVAL;
	f->fault.no_link = EPERM;
	publishing(f);
}

static void test_listing(void **state)
{
	struct fixture *f = *state;
	struct target_names names;
	unsigned many = 1500;
	char name[32];

	for (unsigned i = 0; i < many; i++) {
		snprintf(name, sizeof(name), "file number %u", i);
		treefix_text(f->path, name, "");
	}
	assert_int_equal(target_names_read(&f->t, f->t.root, &names, NULL), 0);
	assert_int_equal(names.count, many);
	for (unsigned i = 0; i < many; i++) {
		snprintf(name, sizeof(name), "file number %u", i);
		assert_true(target_names_find(&names, name));
		assert_true(i == 0 || strcmp(names.names[i - 1], names.names[i]) < 0);
	}
	assert_false(target_names_find(&names, "file"));
	assert_false(target_names_find(&names, "."));
	target_names_see(&names, "file number 7");
	target_names_see(&names, "nothing");
	for (size_t i = 0; i < names.count; i++)
		assert_int_equal(names.seen[i], strcmp(names.names[i], "file number 7") == 0);
	target_names_release(&names);
	fail_call(f, FAULTENV_GETDENTS, 2, EIO);
	assert_int_equal(target_names_read(&f->t, f->t.root, &names, NULL), SHERD_IO);
}

static void test_deleting(void **state)
{
	struct fixture *f = *state;
	struct sherd_cancel cancel = {0};
	char name[32];
	int at = dup(f->t.root);

	assert_int_equal(mkdirat(at, "top", 0700), 0);
	for (int i = 0; i < 300; i++) { /* deep, with something at each level */
		int below = openat(at, i ? "d" : "top", O_RDONLY | O_DIRECTORY);

		assert_true(below >= 0);
		close(at);
		at = below;
		assert_int_equal(mkdirat(at, "d", 0700), 0);
		assert_int_equal(mkdirat(at, "e", 0700), 0);
		assert_int_equal(symlinkat("/", at, "link"), 0);
		assert_int_equal(mknodat(at, "pipe", S_IFIFO | 0600, 0), 0);
	}
	close(at);
	for (unsigned i = 0; i < 700; i++) {
		snprintf(name, sizeof(name), "top/file %u", i);
		treefix_text(f->path, name, "");
	}
	assert_int_equal(symlink("../outside", treefix_path(f->path, "link")), 0);
	assert_int_equal(target_delete(&f->t, f->t.root, "link", NULL), 0);
	assert_int_equal(target_delete(&f->t, f->t.root, "none", NULL), ENOENT);
	sherd_cancel_request(&cancel);
	assert_int_equal(target_delete(&f->t, f->t.root, "top", &cancel), ECANCELED);
	fail_call(f, FAULTENV_UNLINKAT, 900, EACCES);
	assert_int_equal(target_delete(&f->t, f->t.root, "top", NULL), EACCES);
	assert_int_equal(target_delete(&f->t, f->t.root, "top", NULL), 0);
	assert_false(treefix_there(f->path, "top"));
}

static void test_mode(void **state)
{
	struct fixture *f = *state;
	struct tree_entry file = treefix_entry(TREE_FILE, "f");
	struct tree_entry folder = treefix_entry(TREE_FOLDER, "d");

	file.mode = folder.mode = 07755;
	file.gid = folder.gid = 7;
	assert_int_equal(target_mode(&f->t, &file, 7), 01755);
	assert_int_equal(target_mode(&f->t, &folder, 8), 01755);
	assert_int_equal(target_mode(&f->t, &folder, 7), 03755);
	f->t.special_bits = true;
	assert_int_equal(target_mode(&f->t, &file, 8), 07755);
	assert_int_equal(target_mode(&f->t, &folder, 8), 07755);
}

static void test_attributes(void **state)
{
	struct fixture *f = *state;
	struct tree_entry e = treefix_entry(TREE_FILE, "file");
	struct bytes xattrs = BYTES_INIT;
	struct sherd_error err;
	struct stat there;
	char value[8] = "";
	int fd;

	treefix_text(f->path, "file", "x");
	fd = open(treefix_path(f->path, "file"), O_RDONLY);
	tree_xattr_begin(&xattrs);
	tree_xattr_add(&xattrs, "security.evil", "1", 1); /* not in the list: left out */
	tree_xattr_add(&xattrs, "system.other", "1", 1);
	tree_xattr_add(&xattrs, "trusted.evil", "1", 1);
	tree_xattr_add(&xattrs, "user.good", "yes", 3);
	e.xattrs = xattrs.data;
	e.xattrs_size = xattrs.size;
	e.mode = 0400;
	f->t.xattrs = true;
	assert_int_equal(target_attributes(&f->t, fd, &e, false, &err), 0);
	assert_int_equal(fstat(fd, &there), 0);
	assert_int_equal(there.st_mode & 07777, 0400);
	assert_int_equal(there.st_mtim.tv_sec, 1000000000);
	assert_int_equal(there.st_mtim.tv_nsec, 500000000);
	assert_int_equal(fgetxattr(fd, "user.good", value, sizeof(value)), 3);
	assert_string_equal(value, "yes");
	assert_int_equal(flistxattr(fd, NULL, 0), sizeof("user.good"));
	/* what cannot be set is told, and the rest is set */
	fail_call(f, FAULTENV_FSETXATTR, 1, EIO);
	e.mode = 0600;
	assert_int_equal(target_attributes(&f->t, fd, &e, false, &err), SHERD_IO);
	assert_non_null(strstr(err.message, "user.good"));
	assert_int_equal(fstat(fd, &there), 0);
	assert_int_equal(there.st_mode & 07777, 0600);
	e.mtime_ns = UTIME_NOW;
	assert_true(target_attributes(&f->t, fd, &e, false, &err) < 0);
	e.mtime_ns = 0;
	f->t.owners = true;
	e.uid = UINT32_MAX;
	assert_true(target_attributes(&f->t, fd, &e, false, &err) < 0);
	/* another type has come to stand there */
	e = treefix_entry(TREE_FIFO, "file");
	assert_int_equal(
		target_attributes_of(&f->t, f->t.root, "file", &e, false, &err), SHERD_CHANGED);
	close(fd);
	bytes_release(&xattrs);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names),
		TEST(test_open),
		TEST(test_folders),
		TEST(test_folders_of_old_kernels),
		TEST(test_paths),
		TEST(test_paths_of_old_kernels),
		TEST(test_publishing),
		TEST(test_publishing_without_flags),
		TEST(test_publishing_without_links),
		TEST(test_listing),
		TEST(test_deleting),
		TEST(test_mode),
		TEST(test_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
