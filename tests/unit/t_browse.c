/* SPDX-License-Identifier: MIT */
/* t_browse.c - looking into snapshots: sherd_list(), sherd_diff(), sherd_cat(), repo_find_path().
 */
#include "faultenv.h"
#include "memstore.h"
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
#include <unistd.h>

#include <cmocka.h>

#include <base/alloc.h>

struct fixture {
	struct memstore m;
	char *a, *b; /* folders on disk, saved as the two snapshots */
	char told[65536];
	size_t size;
	unsigned count;
	int answer; /* of callbacks, when `after` entries were told */
	unsigned after;
	struct sherd_error err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memstore_open(&f->m);
	f->a = treefix_folder();
	f->b = treefix_folder();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	memstore_close(&f->m);
	treefix_remove(f->a);
	treefix_remove(f->b);
	free(f);
	return 0;
}

static void save(struct fixture *f)
{
	treefix_save(f->m.repo->store, f->a, &f->m.roots[0]);
	treefix_save(f->m.repo->store, f->b, &f->m.roots[1]);
}

static void add(struct fixture *f, char letter, const char *path)
{
	int more = snprintf(f->told + f->size, sizeof(f->told) - f->size, "%c%s\n", letter, path);

	if (more > 0 && f->size + (size_t)more < sizeof(f->told))
		f->size += (size_t)more;
}

static int entry_told(void *context, const struct sherd_entry *e)
{
	struct fixture *f = context;

	add(f, "?fdlpscb"[e->type], e -> path);
	assert_non_null(e->owner);
	assert_non_null(e->group);
	assert_non_null(e->content);
	assert_int_equal(e->target != NULL, e->type == SHERD_ENTRY_SYMLINK);
	return ++f->count == f->after ? f->answer : 0;
}

static int list(struct fixture *f, const char *path, int recursive)
{
	f->size = f->count = 0;
	f->told[0] = '\0';
	return sherd_list(f->m.repo, f->m.snapshots, path, recursive, entry_told, f, &f->err);
}

static void make_some(struct fixture *f)
{
	assert_int_equal(mkdir(treefix_path(f->a, "d"), 0755), 0);
	assert_int_equal(mkdir(treefix_path(f->a, "d/e"), 0755), 0);
	assert_int_equal(mkdir(treefix_path(f->a, "d/none"), 0755), 0);
	treefix_text(f->a, "d/e/file", "deep");
	treefix_text(f->a, "d/z", "z");
	treefix_text(f->a, "d.txt", "text");
	assert_int_equal(symlink("d/z", treefix_path(f->a, "link")), 0);
	save(f);
}

static void test_list(void **state)
{
	struct fixture *f = *state;

	make_some(f);
	assert_int_equal(list(f, NULL, 0), 0);
	assert_string_equal(f->told, "d/d\nf/d.txt\nl/link\n");
	assert_int_equal(list(f, "/", 1), 0);
	assert_string_equal(f->told, "d/d\nd/d/e\nf/d/e/file\nd/d/none\nf/d/z\nf/d.txt\nl/link\n");
	assert_int_equal(list(f, "/d/", 0), 0);
	assert_string_equal(f->told, "d/d/e\nd/d/none\nf/d/z\n");
	assert_int_equal(list(f, "./d//e/.", 1), 0);
	assert_string_equal(f->told, "f/d/e/file\n");
	assert_int_equal(list(f, "d/none", 1), 0);
	assert_string_equal(f->told, "");
	assert_int_equal(list(f, "d/z", 1), 0);
	assert_string_equal(f->told, "f/d/z\n");
	assert_int_equal(list(f, "link", 0), 0);
	assert_string_equal(f->told, "l/link\n");
	assert_int_equal(list(f, "no", 0), SHERD_NOTFOUND);
	assert_non_null(strstr(f->err.message, "'/no'"));
	assert_int_equal(list(f, "d/z/below", 0), SHERD_NOTFOUND);
	assert_int_equal(list(f, "d/../d", 0), SHERD_INVALID);
	assert_int_equal(sherd_list(f->m.repo, NULL, "/", 0, entry_told, f, NULL), SHERD_INVALID);
}

static void test_list_stops(void **state)
{
	struct fixture *f = *state;
	struct sherd_cancel cancel = {0};

	make_some(f);
	f->answer = 42;
	f->after = 3;
	assert_int_equal(list(f, "/", 1), 42);
	assert_int_equal(f->count, 3);
	f->after = 0;
	*f->m.cancel = &cancel;
	sherd_cancel_request(&cancel);
	assert_int_equal(list(f, "/", 1), SHERD_CANCELLED);
}

/* What a folder's parts are called. */
static struct hash part_of(struct fixture *f, const char *folder)
{
	struct bytes content = BYTES_INIT;
	struct content_reader reader;
	struct content_run run;

	treefix_save(f->m.repo->store, folder, &content);
	assert_int_equal(
		content_reader_open(&reader, f->m.repo->store, content.data, content.size, NULL),
		0);
	assert_int_equal(content_reader_next(&reader, &run, NULL), 1);
	content_reader_release(&reader);
	bytes_release(&content);
	return run.id;
}

static void test_list_of_ruins(void **state)
{
	struct fixture *f = *state;
	struct hash id;

	make_some(f);
	id = part_of(f, treefix_path(f->a, "d/e"));
	memstore_lose(&f->m, &id, SHERD_LOST);
	assert_int_equal(list(f, "/", 1), SHERD_LOST);
	assert_non_null(strstr(f->err.message, "/d/e"));
	assert_string_equal(f->told, "d/d\nd/d/e\nd/d/none\nf/d/z\nf/d.txt\nl/link\n");
	memstore_lose(&f->m, &id, SHERD_QUORUM);
	assert_int_equal(list(f, "/", 1), SHERD_QUORUM);
	assert_int_equal(list(f, "/d/e/file", 1), SHERD_QUORUM);
	memstore_lose(&f->m, &id, SHERD_NOTFOUND);
	assert_int_equal(list(f, "/d/e/file", 1), SHERD_LOST);
	memstore_lose(&f->m, &id, SHERD_NOMEM);
	assert_int_equal(list(f, "/", 1), SHERD_NOMEM);
}

static void make_deep(struct fixture *f, const char *text, struct bytes *content)
{
	struct bytes below = BYTES_INIT;
	struct tree_entry e = treefix_entry(TREE_FILE, "bottom");

	treefix_blob(f->m.repo->store, text, strlen(text), content);
	e.length = strlen(text);
	for (unsigned i = 0; i <= 5000; i++) {
		struct bytes swap;

		e.content = content->data;
		e.content_size = content->size;
		treefix_tree(f->m.repo->store, &e, 1, &below);
		swap = *content;
		*content = below;
		below = swap;
		e = treefix_entry(TREE_FOLDER, "f");
	}
	bytes_release(&below);
}

static int change_told(void *context, enum sherd_change change, const struct sherd_entry *before,
	const struct sherd_entry *after)
{
	struct fixture *f = context;

	assert_true(before || after);
	if (before && after)
		assert_string_equal(before->path, after->path);
	add(f, "+-CMT"[change], (before ? before : after) -> path);
	return ++f->count == f->after ? f->answer : 0;
}

static int diff(struct fixture *f, const char *path)
{
	f->size = f->count = 0;
	f->told[0] = '\0';
	return sherd_diff(
		f->m.repo, &f->m.snapshots[0], &f->m.snapshots[1], path, change_told, f, &f->err);
}

static void test_deep(void **state)
{
	struct fixture *f = *state;

	make_deep(f, "a", &f->m.roots[0]);
	make_deep(f, "b", &f->m.roots[1]);
	assert_int_equal(list(f, "/", 1), 0);
	assert_int_equal(f->count, 5001);
	assert_int_equal(diff(f, "/"), 0);
	assert_int_equal(f->count, 1);
	bytes_clear(&f->m.roots[0]);
	treefix_tree(f->m.repo->store, NULL, 0, &f->m.roots[0]);
	assert_int_equal(diff(f, "/"), 0);
	assert_int_equal(f->count, 5001);
}

static void set_times(const char *folder)
{
	static const char *const names[] = {"d/e/file", "d/e", "d/z", "d", "d.txt", "link"};
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000}};

	for (size_t i = 0; i < 6; i++)
		(void)utimensat(
			AT_FDCWD, treefix_path(folder, names[i]), times, AT_SYMLINK_NOFOLLOW);
}

static void make_two(struct fixture *f)
{
	const char *folders[2] = {f->a, f->b};

	for (int i = 0; i < 2; i++) {
		assert_int_equal(mkdir(treefix_path(folders[i], "d"), 0755), 0);
		assert_int_equal(mkdir(treefix_path(folders[i], "d/e"), 0755), 0);
		treefix_text(folders[i], "d/e/file", "deep");
		treefix_text(folders[i], "d/z", "z");
		treefix_text(folders[i], "d.txt", "text");
		assert_int_equal(symlink("d/z", treefix_path(folders[i], "link")), 0);
		set_times(folders[i]);
	}
}

static void test_diff(void **state)
{
	struct fixture *f = *state;

	make_two(f);
	save(f);
	assert_int_equal(diff(f, NULL), 0); /* other inodes and ctimes are no difference */
	assert_string_equal(f->told, "");
	treefix_text(f->b, "d/z", "other");
	assert_int_equal(chmod(treefix_path(f->b, "d.txt"), 0600), 0);
	assert_int_equal(unlink(treefix_path(f->b, "link")), 0);
	assert_int_equal(symlink("elsewhere", treefix_path(f->b, "link")), 0);
	set_times(f->b);
	save(f);
	assert_int_equal(diff(f, "/"), 0);
	assert_string_equal(f->told, "C/d/z\nM/d.txt\nC/link\n");
	assert_int_equal(diff(f, "/d"), 0);
	assert_string_equal(f->told, "C/d/z\n");
	assert_int_equal(diff(f, "d.txt"), 0);
	assert_string_equal(f->told, "M/d.txt\n");
	assert_int_equal(diff(f, "no"), SHERD_NOTFOUND);
	f->after = 2;
	f->answer = 5;
	assert_int_equal(diff(f, "/"), 5);
	assert_int_equal(f->count, 2);
}

static void test_equal_is_not_read(void **state)
{
	struct fixture *f = *state;
	unsigned long reads;

	make_two(f);
	treefix_save(f->m.repo->store, f->a, &f->m.roots[0]);
	treefix_save(f->m.repo->store, f->a, &f->m.roots[1]);
	reads = atomic_load(f->m.reads);
	assert_int_equal(diff(f, "/"), 0);
	assert_string_equal(f->told, "");
	assert_int_equal(atomic_load(f->m.reads), reads);
	treefix_text(f->a, "d/z", "other");
	treefix_save(f->m.repo->store, f->a, &f->m.roots[1]);
	reads = atomic_load(f->m.reads);
	assert_int_equal(diff(f, "/"), 0);
	assert_string_equal(f->told, "C/d/z\n");
	assert_int_equal(atomic_load(f->m.reads), reads + 4); /* the root and '/d', twice */
}

static void test_diff_of_names(void **state)
{
	struct fixture *f = *state;

	make_two(f);
	/* a folder became a file, a file a folder, others came and went */
	assert_int_equal(unlink(treefix_path(f->b, "d/e/file")), 0);
	assert_int_equal(rmdir(treefix_path(f->b, "d/e")), 0);
	treefix_text(f->b, "d/e", "file now");
	assert_int_equal(unlink(treefix_path(f->b, "d.txt")), 0);
	assert_int_equal(mkdir(treefix_path(f->b, "d.txt"), 0755), 0);
	treefix_text(f->b, "d.txt/in", "1");
	assert_int_equal(mkdir(treefix_path(f->b, "c"), 0755), 0);
	treefix_text(f->b, "c/new", "1");
	treefix_text(f->a, "zz", "gone");
	assert_int_equal(mkdir(treefix_path(f->a, "e"), 0755), 0);
	treefix_text(f->a, "e/gone", "1");
	set_times(f->a);
	set_times(f->b);
	save(f);
	assert_int_equal(diff(f, "/"), 0);
	assert_string_equal(f->told, "+/c\n+/c/new\nT/d/e\n-/d/e/file\nT/d.txt\n+/d.txt/in\n"
				     "-/e\n-/e/gone\n-/zz\n");
	assert_int_equal(diff(f, "/c"), 0);
	assert_string_equal(f->told, "+/c\n+/c/new\n");
	assert_int_equal(diff(f, "/e"), 0);
	assert_string_equal(f->told, "-/e\n-/e/gone\n");
}

static void test_diff_of_ruins(void **state)
{
	struct fixture *f = *state;
	struct hash id;

	make_two(f);
	treefix_text(f->b, "d/e/more", "1");
	treefix_text(f->b, "other", "1");
	set_times(f->b);
	save(f);
	id = part_of(f, treefix_path(f->b, "d/e"));
	memstore_lose(&f->m, &id, SHERD_LOST);
	assert_int_equal(diff(f, "/"), SHERD_LOST);
	assert_non_null(strstr(f->err.message, "/d/e"));
	assert_string_equal(f->told, "+/other\n");
}

/* --- cat --- */

static int cat(struct fixture *f, const char *path, const struct sherd_repo_hooks *hooks)
{
	int fd = open(treefix_path(f->b, "out"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	int r = sherd_cat(f->m.repo, f->m.snapshots, path, fd, hooks, &f->err);

	close(fd);
	return r;
}

static void check_same(const char *a, const char *a_name, const char *b, const char *b_name)
{
	static char block_a[1 << 16], block_b[1 << 16];
	int fd_a = open(treefix_path(a, a_name), O_RDONLY);
	int fd_b = open(treefix_path(b, b_name), O_RDONLY);
	ssize_t got;

	do {
		got = read(fd_a, block_a, sizeof(block_a));
		assert_int_equal(read(fd_b, block_b, sizeof(block_b)), got);
		assert_memory_equal(block_a, block_b, (size_t)got);
	} while (got > 0);
	close(fd_a);
	close(fd_b);
}

static void test_cat(void **state)
{
	struct fixture *f = *state;
	struct hash id;
	struct stat there;
	int fd;

	make_some(f);
	fd = open(treefix_path(f->a, "sparse"), O_WRONLY | O_CREAT, 0600);
	assert_int_equal(pwrite(fd, "middle", 6, 6 << 20), 6);
	assert_int_equal(ftruncate(fd, 11 << 20), 0);
	close(fd);
	treefix_text(f->a, "empty", "");
	save(f);
	assert_int_equal(cat(f, "/d/e/file", NULL), 0);
	assert_string_equal(treefix_read(f->b, "out"), "deep");
	assert_int_equal(cat(f, "empty", NULL), 0);
	assert_string_equal(treefix_read(f->b, "out"), "");
	assert_int_equal(cat(f, "sparse", NULL), 0);
	assert_int_equal(stat(treefix_path(f->b, "out"), &there), 0);
	assert_int_equal(there.st_size, 11 << 20);
	check_same(f->a, "sparse", f->b, "out");
	assert_int_equal(cat(f, "/d", NULL), SHERD_INVALID);
	assert_int_equal(cat(f, "link", NULL), SHERD_INVALID);
	assert_int_equal(cat(f, "none", NULL), SHERD_NOTFOUND);
	store_id(f->m.repo->store, BLOB_DATA, "deep", 4, &id);
	memstore_lose(&f->m, &id, SHERD_NOTFOUND);
	assert_int_equal(cat(f, "/d/e/file", NULL), SHERD_LOST);
	assert_int_equal(f->err.code, SHERD_LOST);
	assert_non_null(strstr(f->err.message, "/d/e/file"));
	memstore_lose(&f->m, &id, SHERD_QUORUM);
	assert_int_equal(cat(f, "/d/e/file", NULL), SHERD_QUORUM);
}

static void test_cat_fails(void **state)
{
	struct fixture *f = *state;
	struct faultenv fault;
	struct sherd_cancel cancel = {0};
	struct sherd_repo_hooks hooks = {.cancel = &cancel};

	make_some(f);
	faultenv_init(&fault);
	fault.kind = FAULTENV_WRITE;
	fault.fail_at = 1;
	fault.error = ENOSPC;
	*f->m.env = &fault.env;
	assert_int_equal(cat(f, "d/z", NULL), SHERD_IO);
	*f->m.env = env_system();
	sherd_cancel_request(&cancel);
	assert_int_equal(cat(f, "d/z", &hooks), SHERD_CANCELLED);
}

static void test_memory_fails(void **state)
{
	struct fixture *f = *state;
	unsigned long all;

	make_two(f);
	treefix_text(f->b, "d/z", "other");
	treefix_text(f->b, "x", "y");
	save(f);
	for (int what = 0; what < 3; what++) {
		all = 1;
		for (unsigned long n = 0; n <= all; n++) {
			int r;

			mem_fail_at(n);
			r = what == 0   ? list(f, "/", 1)
			    : what == 1 ? diff(f, "/")
					: cat(f, "/d/e/file", NULL);
			if (n == 0)
				all = mem_fail_at(0);
			else
				mem_fail_at(0);
			assert_int_equal(r, n ? SHERD_NOMEM : 0);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_list),
		TEST(test_list_stops),
		TEST(test_list_of_ruins),
		TEST(test_deep),
		TEST(test_diff),
		TEST(test_equal_is_not_read),
		TEST(test_diff_of_names),
		TEST(test_diff_of_ruins),
		TEST(test_cat),
		TEST(test_cat_fails),
		TEST(test_memory_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
