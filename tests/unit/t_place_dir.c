/* SPDX-License-Identifier: MIT */
/*
 * t_place_dir.c - what is special about a folder as a place: each system call fails in turn, the
 * process dies at each, strangers plant things in the folder, the folder goes away, temporaries of
 * a crash stay behind, and large folders are not read for every page.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include <place/place.h>

#include "faultenv.h"
#include "place_contract.h"

#define STEPS_MAX 500
#define NOBODY 65534
#define MIB ((size_t)1 << 20)

static const int errors[] = {EIO, ENOSPC, EACCES, EINVAL, EINTR, ENOENT};

/* Each test runs in a new folder, in which "place" is the place. */
static char folder[100];

static int setup(void **state)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)state;
	snprintf(folder, sizeof(folder), "%s/sherd.XXXXXX", base);
	umask(022);
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	assert_int_equal(nftw(path, remove_entry, 50, FTW_DEPTH | FTW_PHYS), 0);
}

static int teardown(void **state)
{
	(void)state;
	mem_fail_at(0);
	if (getuid() == 0 && seteuid(0) != 0)
		return -1;
	return chdir("/") == 0 && nftw(folder, remove_entry, 50, FTW_DEPTH | FTW_PHYS) == 0 ? 0
											    : -1;
}

static struct place *open_place(const char *url, const struct sherd_env *env, bool create)
{
	struct place *p = NULL;
	struct sherd_error err = {0};

	assert_int_equal(place_open(url, env, create, &p, &err), 0);
	assert_non_null(p);
	return p;
}

static unsigned hidden_found;

static int count_hidden(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	hidden_found += path[ftw->base] == '.';
	return 0;
}

static unsigned hidden_files(const char *path)
{
	hidden_found = 0;
	assert_int_equal(nftw(path, count_hidden, 50, FTW_PHYS), 0);
	return hidden_found;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* --- opening --- */

static void refused(const char *url, bool create, int code)
{
	struct place *p = NULL;
	struct sherd_error err = {0};
	unsigned before = faultenv_descriptors();

	assert_int_equal(place_open(url, NULL, create, &p, &err), code);
	assert_int_equal(err.code, code);
	assert_null(p);
	assert_int_equal(place_open(url, NULL, create, &p, NULL), code);
	assert_int_equal(faultenv_descriptors(), before);
}

static void opening(void **state)
{
	static const char *const good[] = {"place", "dir:place", "./place", "place/", "dir:place/"};
	char absolute[120];
	struct place *p;
	struct stat st;

	(void)state;
	write_file("file", "x");
	refused("", false, SHERD_INVALID);
	refused("dir:", true, SHERD_INVALID);
	refused("s3:bucket", true, SHERD_INVALID);
	refused("place:x", true, SHERD_INVALID);
	refused("mem:x", true, SHERD_INVALID);
	refused("place", false, SHERD_NOTFOUND);
	refused("no/place", true, SHERD_NOTFOUND);
	refused("no/place", false, SHERD_NOTFOUND);
	refused("file", true, SHERD_EXISTS);
	refused("file", false, SHERD_EXISTS);
	refused("file/place", true, SHERD_NOTFOUND);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	refused("dangling", false, SHERD_NOTFOUND);
	refused("dangling", true, SHERD_NOTFOUND);
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		p = open_place(good[i], NULL, i == 0);
		assert_string_equal(p->ops->kind, "dir");
		assert_int_equal(strncmp(p->url, "dir:", 4), 0);
		assert_int_equal(contract_put(p, "a", 3), i ? SHERD_EXISTS : 0);
		place_free(p);
	}
	assert_int_equal(stat("place", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(absolute, sizeof(absolute), "%s/place", folder);
	p = open_place(absolute, NULL, true);
	assert_int_equal(contract_holds(p, "a", 3), 0);
	place_free(p);
	p = open_place("mem:", NULL, false);
	assert_string_equal(p->ops->kind, "mem");
	place_free(p);
	/* A root that is a link is the caller's wish; what is below it is not. */
	assert_int_equal(symlink("place", "link"), 0);
	p = open_place("link", NULL, false);
	assert_int_equal(contract_holds(p, "a", 3), 0);
	place_free(p);
}

static void message_lists_schemes(void **state)
{
	struct place *p;
	struct sherd_error err;

	(void)state;
	assert_int_equal(place_open("ftp:x", NULL, false, &p, &err), SHERD_INVALID);
	assert_non_null(strstr(err.message, "dir:"));
	assert_non_null(strstr(err.message, "mem:"));
}

static void opening_without_memory(void **state)
{
	unsigned long made, n = 1;

	(void)state;
	do {
		unsigned before = faultenv_descriptors();
		struct place *p = NULL;
		int r;

		mem_fail_at(n);
		r = place_open("place", NULL, true, &p, NULL);
		made = mem_fail_at(0);
		assert_int_equal(r, made >= n ? SHERD_NOMEM : 0);
		place_free(p);
		assert_int_equal(faultenv_descriptors(), before);
		assert_true(n++ < STEPS_MAX);
	} while (made >= n - 1);
	assert_true(n > 3);
}

static void opening_with_faults(void **state)
{
	struct faultenv e;
	unsigned long n = 1;

	(void)state;
	do {
		unsigned before = faultenv_descriptors();
		struct place *p = NULL;
		struct sherd_error err = {0};
		int r;

		rmdir("place");
		faultenv_init(&e);
		e.fail_at = n;
		r = place_open("place", &e.env, true, &p, &err);
		assert_int_equal(err.code, r);
		assert_int_equal(r == 0, p != NULL);
		/* A close that fails has closed all the same. */
		if (faultenv_struck(&e) && atomic_load(&e.struck) != FAULTENV_CLOSE)
			assert_int_equal(r, SHERD_IO);
		place_free(p);
		assert_int_equal(faultenv_descriptors(), before);
		assert_true(n++ < STEPS_MAX);
	} while (faultenv_struck(&e));
	assert_true(n > 6);
}

/* --- modes, and what else stands in the folder --- */

static void modes(void **state)
{
	struct place *p = open_place("place", NULL, true);
	struct faultenv e;
	struct stat st;

	(void)state;
	umask(0);
	assert_int_equal(contract_put(p, "a/b/c", 3), 0);
	place_free(p);
	faultenv_init(&e);
	e.no_tmpfile = EOPNOTSUPP;
	p = open_place("place", &e.env, false);
	assert_int_equal(contract_put(p, "a/b/d", 3), 0);
	place_free(p);
	umask(022);
	assert_int_equal(stat("place/a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat("place/a/b", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat("place/a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat("place/a/b/d", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
}

static void plant_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void strange_things(void **state)
{
	static const char *const strange[] = {"fifo", "socket", "link", "dangling"};
	struct place *p = open_place("place", NULL, true);
	struct place_stat st;
	uint8_t byte;
	size_t got;

	(void)state;
	assert_int_equal(contract_put(p, "good", 3), 0);
	assert_int_equal(mkdir("place/UPPER", 0755), 0);
	write_file("place/UPPER/a", "x");
	write_file("place/.hidden", "x");
	write_file("place/Big", "x");
	write_file("place/a b", "x");
	write_file("place/.tmp-0123456789abcdef", "x");
	assert_int_equal(mkdir("place/.git", 0755), 0);
	write_file("place/.git/a", "x");
	assert_int_equal(mkfifo("place/fifo", 0644), 0);
	plant_socket("place/socket");
	assert_int_equal(symlink("good", "place/link"), 0);
	assert_int_equal(symlink("/nowhere", "place/dangling"), 0);
	{
		CLEANUP(mem_free_at) char *names = contract_names(p, "", NULL);

		assert_string_equal(names, "good");
	}
	for (size_t i = 0; i < ARRAY_COUNT(strange); i++) {
		assert_int_equal(place_get(p, strange[i], 0, 1, &byte, &got, NULL), SHERD_CORRUPT);
		assert_int_equal(place_stat(p, strange[i], &st, NULL), SHERD_IO);
		assert_int_equal(contract_put(p, strange[i], 5), SHERD_EXISTS);
		/* It can be removed, and then put. */
		assert_int_equal(place_remove(p, strange[i], NULL), 0);
		assert_int_equal(contract_put(p, strange[i], 5), 0);
		assert_int_equal(contract_holds(p, strange[i], 5), 0);
	}
	assert_int_equal(contract_holds(p, "good", 3), 0);
	/* What is a folder cannot be an object, nor the other way round. */
	assert_int_equal(contract_put(p, "a/b", 5), 0);
	assert_int_equal(contract_put(p, "a", 5), SHERD_IO);
	assert_int_equal(contract_put(p, "a/b/c", 5), SHERD_IO);
	place_free(p);
}

/* Links inside the root lead nowhere. */
static void links_are_not_followed(void **state)
{
	struct place *p = open_place("place", NULL, true);
	struct place_stat st;
	uint8_t byte;
	size_t got;

	(void)state;
	assert_int_equal(mkdir("outside", 0755), 0);
	write_file("outside/secret", "secret");
	assert_int_equal(symlink("../outside", "place/packs"), 0);
	assert_int_equal(symlink("..", "place/up"), 0);
	assert_int_equal(contract_put(p, "packs/new", 5), SHERD_IO);
	assert_int_equal(contract_put(p, "packs/ab/new", 5), SHERD_IO);
	assert_int_equal(contract_put(p, "up/outside/new", 5), SHERD_IO);
	assert_int_equal(place_get(p, "packs/secret", 0, 1, &byte, &got, NULL), SHERD_NOTFOUND);
	assert_int_equal(place_stat(p, "packs/secret", &st, NULL), SHERD_NOTFOUND);
	assert_int_equal(place_remove(p, "packs/secret", NULL), SHERD_NOTFOUND);
	for (size_t i = 0; i < 3; i++) {
		static const char *const prefixes[] = {"", "packs/", "up/outside/"};
		CLEANUP(mem_free_at) char *names = contract_names(p, prefixes[i], NULL);

		assert_string_equal(names, "");
	}
	assert_int_equal(access("outside/secret", F_OK), 0);
	assert_int_equal(access("outside/new", F_OK), -1);
	assert_int_equal(access("outside/ab", F_OK), -1);
	place_free(p);
}

/* --- the root goes away --- */

static void all_offline(struct place *p)
{
	CLEANUP(place_page_release) struct place_page page = {0};
	struct sherd_error err = {0};
	struct place_space s;
	struct place_stat st;
	uint8_t byte;
	size_t got;

	assert_int_equal(contract_put(p, "new", 3), SHERD_OFFLINE);
	assert_int_equal(contract_put(p, "new/folder/x", 3), SHERD_OFFLINE);
	assert_int_equal(place_get(p, "a/b", 0, 1, &byte, &got, &err), SHERD_OFFLINE);
	assert_int_equal(err.code, SHERD_OFFLINE);
	assert_int_equal(place_stat(p, "a/b", &st, NULL), SHERD_OFFLINE);
	assert_int_equal(place_remove(p, "a/b", NULL), SHERD_OFFLINE);
	assert_int_equal(place_remove(p, "none", NULL), SHERD_OFFLINE);
	assert_int_equal(place_list(p, "", NULL, &page, NULL), SHERD_OFFLINE);
	assert_int_equal(place_list(p, "a/", NULL, &page, NULL), SHERD_OFFLINE);
	assert_int_equal(place_space(p, &s, NULL), SHERD_OFFLINE);
}

static void root_goes_away(void **state)
{
	struct place *p = open_place("place", NULL, true);

	(void)state;
	assert_int_equal(contract_put(p, "a/b", 3), 0);
	assert_int_equal(rename("place", "moved"), 0);
	all_offline(p);
	/* Another folder in its place, as a mount point is when its disk is not mounted. */
	assert_int_equal(mkdir("place", 0755), 0);
	all_offline(p);
	assert_int_equal(rmdir("place"), 0); /* nothing was put into it */
	write_file("place", "a file");
	all_offline(p);
	assert_int_equal(unlink("place"), 0);
	assert_int_equal(access("moved/new", F_OK), -1);
	/* Back again. */
	assert_int_equal(rename("moved", "place"), 0);
	assert_int_equal(contract_holds(p, "a/b", 3), 0);
	assert_int_equal(contract_put(p, "new", 3), 0);
	remove_tree("place");
	all_offline(p);
	place_free(p);
}

/* The process goes elsewhere; "." was where it was then, and may be removed. */
static void relative_roots(void **state)
{
	struct place *p = open_place("place", NULL, true), *here;

	(void)state;
	assert_int_equal(chdir("place"), 0);
	here = open_place(".", NULL, false);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(contract_put(p, "a/b", 3), 0);
	assert_int_equal(contract_holds(here, "a/b", 3), 0);
	assert_int_equal(chdir(folder), 0);
	remove_tree("place");
	all_offline(p);
	all_offline(here);
	place_free(p);
	place_free(here);
}

/* The root vanishes in the middle of a call: at each system call of it. */
struct vanishing {
	struct faultenv e;
	struct sherd_env_files files;
	unsigned long at;
	unsigned long calls;
};

static struct vanishing vanishing;

static int vanishing_openat(void *context, int directory, const char *path, int flags, mode_t mode)
{
	if (++vanishing.calls == vanishing.at)
		assert_int_equal(rename("place", "moved"), 0);
	return env_system()->files->openat(context, directory, path, flags, mode);
}

static void root_vanishes_meanwhile(void **state)
{
	struct place *p;
	unsigned long n = 0;

	(void)state;
	p = open_place("place", NULL, true);
	assert_int_equal(contract_put(p, "a/b", 3), 0);
	place_free(p);
	faultenv_init(&vanishing.e);
	vanishing.files = *vanishing.e.env.files;
	vanishing.files.openat = vanishing_openat;
	vanishing.e.env.files = &vanishing.files;
	do {
		CLEANUP(place_page_release) struct place_page page = {0};

		vanishing.at = 0;
		p = open_place("place", &vanishing.e.env, false);
		for (unsigned i = 0; i < 3; i++) {
			int r;

			vanishing.calls = 0;
			vanishing.at = n + 1;
			r = i == 0   ? contract_put(p, "c/d", 3)
			    : i == 1 ? place_remove(p, "a/none", NULL)
				     : place_list(p, "", NULL, &page, NULL);
			if (vanishing.calls >= vanishing.at) {
				assert_int_equal(r, SHERD_OFFLINE);
				assert_int_equal(rename("moved", "place"), 0);
			} else {
				assert_int_equal(r, i == 1 ? SHERD_NOTFOUND : 0);
			}
			vanishing.at = 0;
			place_remove(p, "c/d", NULL);
			place_page_release(&page);
		}
		place_free(p);
	} while (n++ < 6);
}

/* --- each system call fails in turn --- */

struct scene {
	int no_tmpfile, no_flags;
	size_t size;
	const char *name;
};

static const struct scene scenes[] = {
	{0, 0, 3, "a/new"},
	{0, 0, 3, "fresh/folder/new"},
	{0, 0, 2 * MIB, "new"},
	{EOPNOTSUPP, 0, 5000, "a/new"},
	{EOPNOTSUPP, EINVAL, 5000, "fresh/new"},
};

static void scene_env(const struct scene *s, struct faultenv *e)
{
	faultenv_init(e);
	e->no_tmpfile = s->no_tmpfile;
	e->no_flags = s->no_flags;
}

static void fresh_place(size_t big)
{
	struct place *p;

	if (access("place", F_OK) == 0)
		remove_tree("place");
	p = open_place("place", NULL, true);
	assert_int_equal(contract_put(p, "a/old", 70000), 0);
	assert_int_equal(contract_put(p, "big", big), 0);
	place_free(p);
}

/* The object is there, whole, or not at all, and the others as they were. */
static void check_whole(const struct scene *s, bool must, bool must_not)
{
	struct place *p = open_place("place", NULL, false);
	CLEANUP(place_page_release) struct place_page page = {0};
	int r = contract_holds(p, s->name, s->size);

	assert_true(r == 0 || r == SHERD_NOTFOUND);
	assert_true(!must || r == 0);
	assert_true(!must_not || r == SHERD_NOTFOUND);
	assert_int_equal(contract_holds(p, "a/old", 70000), 0);
	assert_int_equal(place_list(p, "", NULL, &page, NULL), 0);
	assert_int_equal(page.count, r == 0 ? 3 : 2);
	/* And whatever happened, it can be put now. */
	assert_int_equal(contract_put(p, s->name, s->size), r == 0 ? SHERD_EXISTS : 0);
	assert_int_equal(contract_holds(p, s->name, s->size), 0);
	place_free(p);
}

static void put_with_each_call_failing(const struct scene *s, int error, bool all_after)
{
	struct faultenv e;
	unsigned long n = 1;

	do {
		unsigned before = faultenv_descriptors();
		struct place *p;
		int r;

		fresh_place(3);
		scene_env(s, &e);
		p = open_place("place", &e.env, false);
		atomic_store(&e.counted, 0);
		e.fail_at = n;
		e.fail_on = all_after;
		e.error = error;
		r = contract_put(p, s->name, s->size);
		assert_int_not_equal(r, SHERD_EXISTS);
		assert_int_not_equal(r, SHERD_NOTFOUND);
		e.fail_at = 0;
		place_free(p);
		if (!all_after)
			assert_true(hidden_files("place") <=
				    (atomic_load(&e.struck) == FAULTENV_UNLINKAT));
		check_whole(s, r == 0, false);
		assert_int_equal(faultenv_descriptors(), before);
		assert_true(n++ < STEPS_MAX);
	} while (faultenv_struck(&e));
	assert_true(n > 8);
}

static void put_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(scenes); i++)
		for (size_t j = 0; j < ARRAY_COUNT(errors); j++) {
			put_with_each_call_failing(&scenes[i], errors[j], false);
			if (errors[j] != EINTR)
				put_with_each_call_failing(&scenes[i], errors[j], true);
		}
}

/* In place of each call of a put. */
static void put_and_die(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(scenes); i++) {
		const struct scene *s = &scenes[i];
		unsigned long n = 1;
		int status;

		do {
			pid_t child;

			fresh_place(3);
			child = fork();
			assert_true(child >= 0);
			if (child == 0) {
				struct faultenv e;
				struct place *p = NULL;

				scene_env(s, &e);
				if (place_open("place", &e.env, false, &p, NULL) != 0)
					_exit(1);
				atomic_store(&e.counted, 0);
				e.die_at = n;
				_exit(contract_put(p, s->name, s->size) != 0);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
			assert_true(WIFEXITED(status));
			check_whole(s, WEXITSTATUS(status) == 0, false);
			if (!s->no_tmpfile)
				assert_int_equal(hidden_files("place"), 0);
			assert_true(n++ < STEPS_MAX);
		} while (WEXITSTATUS(status) == FAULTENV_DIED);
		assert_int_equal(WEXITSTATUS(status), 0);
		assert_true(n > 8);
	}
}

/* The other calls: each fails with a code of its contract, or works. */
static int other_call(struct place *p, unsigned which)
{
	CLEANUP(place_page_release) struct place_page page = {0};
	CLEANUP(mem_free_at) uint8_t *buffer = NULL;
	struct place_stat st;
	struct place_space space;
	struct sherd_error err = {0};
	size_t got = 0;
	int r;

	switch (which) {
	case 0:
		return contract_holds(p, "a/old", 70000);
	case 1:
		buffer = mem_aligned(4096, 3 * MIB);
		r = place_get(p, "big", 0, 3 * MIB, buffer, &got, &err);
		assert_int_equal(got, r ? 0 : 2 * MIB + 5);
		break;
	case 2:
		r = place_stat(p, "a/old", &st, &err);
		assert_true(r || st.size == 70000);
		break;
	case 3:
		r = place_list(p, "", NULL, &page, &err);
		/* EACCES, EIO ... must not look like an empty place; what is gone is gone. */
		assert_true(r || page.count == 2 || page.count == 1);
		break;
	case 4:
		r = place_space(p, &space, &err);
		break;
	default:
		r = place_remove(p, "a/old", &err);
		break;
	}
	assert_int_equal(err.code, r);
	return r;
}

static void others_with_each_call_failing(unsigned which, int error)
{
	struct faultenv e;
	unsigned long n = 1;

	do {
		unsigned before = faultenv_descriptors();
		struct place *p;
		int r, there;

		faultenv_init(&e);
		p = open_place("place", &e.env, false);
		atomic_store(&e.counted, 0);
		e.fail_at = n;
		e.error = error;
		r = other_call(p, which);
		e.fail_at = 0;
		if (error == EIO && faultenv_struck(&e) && atomic_load(&e.struck) != FAULTENV_CLOSE)
			assert_int_equal(r, SHERD_IO);
		if (error == EACCES && faultenv_struck(&e) &&
			atomic_load(&e.struck) != FAULTENV_CLOSE)
			assert_int_equal(r, SHERD_DENIED);
		if (r == SHERD_NOTFOUND)
			assert_int_equal(error, ENOENT);
		there = contract_holds(p, "a/old", 70000);
		assert_true(there == 0 || (which == 5 && there == SHERD_NOTFOUND));
		if (which == 5 && r == 0)
			assert_int_equal(there, SHERD_NOTFOUND);
		if (there)
			assert_int_equal(contract_put(p, "a/old", 70000), 0);
		place_free(p);
		assert_int_equal(faultenv_descriptors(), before);
		assert_true(n++ < STEPS_MAX);
	} while (faultenv_struck(&e));
	assert_true(n > 2);
}

static void other_faults(void **state)
{
	(void)state;
	fresh_place(2 * MIB + 5);
	for (unsigned which = 0; which < 6; which++)
		for (size_t j = 0; j < ARRAY_COUNT(errors); j++)
			others_with_each_call_failing(which, errors[j]);
}

/* Writes that take nothing, and a file that is shorter than what was written. */
static int fstat_short(void *context, int fd, struct stat *ret_stat)
{
	int r = env_system()->files->fstat(context, fd, ret_stat);

	if (r == 0 && S_ISREG(ret_stat->st_mode) && ret_stat->st_size)
		ret_stat->st_size--;
	return r;
}

static void lying_disks(void **state)
{
	struct sherd_env env = *env_system();
	struct sherd_env_files files = *env.files;
	struct faultenv e;
	struct place *p;

	(void)state;
	fresh_place(3);
	faultenv_init(&e);
	e.write_nothing = true;
	p = open_place("place", &e.env, false);
	assert_int_equal(contract_put(p, "new", 10), SHERD_NOSPACE);
	assert_int_equal(contract_put(p, "new", 2 * MIB), SHERD_NOSPACE);
	assert_int_equal(contract_put(p, "empty", 0), 0);
	place_free(p);
	files.fstat = fstat_short;
	env.files = &files;
	p = open_place("place", &env, false);
	assert_int_equal(contract_put(p, "new", 10), SHERD_IO);
	place_free(p);
	p = open_place("place", NULL, false);
	assert_int_equal(contract_holds(p, "new", 10), SHERD_NOTFOUND);
	place_free(p);
	assert_int_equal(hidden_files("place"), 0);
}

/* A file system on which nothing can be put without perhaps replacing something. */
static void no_way_to_put(void **state)
{
	struct faultenv e;
	struct place *p;

	(void)state;
	fresh_place(3);
	faultenv_init(&e);
	e.no_tmpfile = EOPNOTSUPP;
	e.no_flags = EINVAL;
	e.no_link = EPERM;
	p = open_place("place", &e.env, false);
	assert_int_equal(contract_put(p, "new", 10), SHERD_UNSUPPORTED);
	assert_int_equal(contract_holds(p, "new", 10), SHERD_NOTFOUND);
	place_free(p);
	assert_int_equal(hidden_files("place"), 0);
}

/* --- O_DIRECT --- */

struct direct {
	bool refused;   /* as some file systems do */
	unsigned asked; /* opens with it */
	unsigned plain; /* opens of files without it */
};

static struct direct direct;

static int direct_openat(void *context, int directory, const char *path, int flags, mode_t mode)
{
	if (flags & O_DIRECT) {
		direct.asked++;
		if (direct.refused) {
			errno = EINVAL;
			return -1;
		}
	} else if ((flags & O_TMPFILE) == O_TMPFILE || !(flags & O_DIRECTORY)) {
		direct.plain++;
	}
	return env_system()->files->openat(context, directory, path, flags, mode);
}

static void assert_opens(unsigned asked, unsigned plain)
{
	assert_int_equal(direct.asked, asked);
	assert_int_equal(direct.plain, plain);
	direct.asked = direct.plain = 0;
}

static void get_at(struct place *p, const uint8_t *bytes, uint64_t at, size_t size, size_t shift)
{
	CLEANUP(mem_free_at) uint8_t *buffer = mem_aligned(4096, size + shift);
	size_t got;

	assert_int_equal(place_get(p, "a", at, size, buffer + shift, &got, NULL), 0);
	assert_int_equal(got, size);
	assert_memory_equal(buffer + shift, bytes + at, size);
}

static void direct_where_it_pays(void **state)
{
	CLEANUP(mem_free_at) uint8_t *bytes = contract_bytes("a", 2 * MIB);
	struct sherd_env env = *env_system();
	struct sherd_env_files files = *env.files;
	struct iovec halves[] = {{bytes, MIB + 1}, {bytes + MIB + 1, MIB - 1}};
	struct place *p;

	(void)state;
	files.openat = direct_openat;
	env.files = &files;
	direct = (struct direct){0};
	p = open_place("place", &env, true);
	assert_int_equal(contract_put(p, "a", 2 * MIB), 0);
	assert_opens(1, 0);
	get_at(p, bytes, 0, 2 * MIB, 0);
	get_at(p, bytes, 4096, MIB, 0);
	assert_opens(2, 0);
	get_at(p, bytes, 4095, MIB, 0);
	get_at(p, bytes, 0, MIB, 1);
	get_at(p, bytes, 0, MIB + 1, 0);
	get_at(p, bytes, 0, MIB - 4096, 0);
	assert_opens(0, 4);
	assert_int_equal(place_put(p, "unaligned", halves, 2, NULL), 0);
	assert_int_equal(contract_put(p, "small", MIB - 4096), 0);
	assert_opens(0, 2);
	/* Refused: all goes on without. */
	assert_int_equal(place_remove(p, "a", NULL), 0);
	direct.refused = true;
	assert_int_equal(contract_put(p, "a", 2 * MIB), 0);
	assert_opens(1, 1);
	get_at(p, bytes, 0, 2 * MIB, 0);
	assert_opens(1, 1);
	place_free(p);
}

/* --- what is synced, and when --- */

static unsigned long syncs(struct faultenv *e)
{
	return atomic_exchange(&e->counts[FAULTENV_FSYNC], 0);
}

static void syncing(void **state)
{
	struct faultenv e;
	struct place *p;

	(void)state;
	faultenv_init(&e);
	p = open_place("place", &e.env, true);
	assert_int_equal(syncs(&e), 1); /* the folder it was made in */
	assert_int_equal(contract_put(p, "x", 3), 0);
	assert_int_equal(syncs(&e), 2); /* file and folder */
	assert_int_equal(contract_put(p, "a/b/x", 3), 0);
	assert_int_equal(syncs(&e), 4); /* and for each folder made its parent */
	assert_int_equal(contract_put(p, "a/b/y", 3), 0);
	assert_int_equal(syncs(&e), 2);
	assert_int_equal(contract_put(p, "a/b/y", 3), SHERD_EXISTS);
	assert_int_equal(syncs(&e), 1); /* what is told of as there will stay */
	assert_int_equal(place_remove(p, "a/b/y", NULL), 0);
	assert_int_equal(syncs(&e), 1);
	/* A folder that could not be made durable: the next put into it sees to that. */
	e.kind = FAULTENV_FSYNC;
	atomic_store(&e.counted, 0);
	e.fail_at = 1;
	assert_int_equal(contract_put(p, "c/d/x", 3), SHERD_IO);
	e.fail_at = 0;
	syncs(&e);
	assert_int_equal(contract_put(p, "c/x", 3), 0);
	assert_int_equal(syncs(&e), 3); /* file, folder, and the root for 'c' */
	place_free(p);
}

/* --- temporaries of a crash --- */

static void age(const char *path, time_t seconds)
{
	struct timespec times[2] = {{time(NULL) - seconds, 0}, {time(NULL) - seconds, 0}};

	write_file(path, "x");
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void sweeping(void **state)
{
	static const char *const stay[] = {"place/.tmp-00000000000000bb", "place/.tmp-short",
		"place/.tmp-00000000000000AA", "place/.other", "place/a/b/.tmp-00000000000000bb",
		"place/.hidden/.tmp-00000000000000aa"};
	static const char *const go[] = {"place/.tmp-00000000000000aa",
		"place/a/.tmp-00000000000000aa", "place/a/b/.tmp-00000000000000aa",
		"place/a/b/.tmp-0123456789abcdef", "place/z/.tmp-00000000000000aa"};
	struct faultenv e;
	struct place *p = open_place("place", NULL, true);

	(void)state;
	assert_int_equal(contract_put(p, "a/b/c", 3), 0);
	assert_int_equal(contract_put(p, "z/c", 3), 0);
	place_free(p);
	assert_int_equal(mkdir("place/.hidden", 0755), 0);
	for (size_t i = 0; i < ARRAY_COUNT(stay); i++)
		age(stay[i], strstr(stay[i], "bb") ? 23 * 3600 : 90000);
	for (size_t i = 0; i < ARRAY_COUNT(go); i++)
		age(go[i], 90000);
	faultenv_init(&e);
	e.no_tmpfile = EOPNOTSUPP;
	p = open_place("place", &e.env, false);
	/* Looking removes nothing; putting does, once. */
	assert_int_equal(contract_holds(p, "a/b/c", 3), 0);
	assert_int_equal(access(go[0], F_OK), 0);
	assert_int_equal(contract_put(p, "new", 3), 0);
	for (size_t i = 0; i < ARRAY_COUNT(stay); i++)
		assert_int_equal(access(stay[i], F_OK), 0);
	for (size_t i = 0; i < ARRAY_COUNT(go); i++)
		assert_int_equal(access(go[i], F_OK), -1);
	age(go[0], 90000);
	assert_int_equal(contract_put(p, "newer", 3), 0);
	assert_int_equal(access(go[0], F_OK), 0);
	place_free(p);
}

/* --- large folders --- */

static void list_reads_what_it_must(void **state)
{
	struct faultenv e;
	struct place *p;
	CLEANUP(place_page_release) struct place_page page = {0};
	char name[40];

	(void)state;
	faultenv_init(&e);
	p = open_place("place", &e.env, true);
	for (unsigned i = 0; i < 40; i++)
		for (unsigned j = 0; j < 3; j++) {
			snprintf(name, sizeof(name), "packs/%02x/%u", i, j);
			assert_int_equal(place_put(p, name, NULL, 0, NULL), 0);
		}
	atomic_store(&e.counts[FAULTENV_OPENAT], 0);
	assert_int_equal(place_list(p, "packs/", "packs/26/1", &page, NULL), 0);
	assert_int_equal(page.count, 4); /* 26/2 and 27/0..2 */
	/* "." and packs, 26, 27. */
	assert_int_equal(atomic_load(&e.counts[FAULTENV_OPENAT]), 4);
	place_page_release(&page);
	atomic_store(&e.counts[FAULTENV_OPENAT], 0);
	assert_int_equal(place_list(p, "packs/1a/", NULL, &page, NULL), 0);
	assert_int_equal(page.count, 3);
	assert_int_equal(atomic_load(&e.counts[FAULTENV_OPENAT]), 3);
	place_free(p);
}

/* More empty folders than a level holds, in front of the objects: it is read again behind them. */
static void many_empty_folders(void **state)
{
	struct place *p = open_place("place", NULL, true);
	char path[60];

	(void)state;
	for (unsigned i = 0; i < 3 * PLACE_LIST_MAX; i++) {
		snprintf(path, sizeof(path), "place/%05u", i * 1999 % (3 * PLACE_LIST_MAX));
		assert_int_equal(mkdir(path, 0755), 0);
	}
	assert_int_equal(contract_put(p, "01500/x", 3), 0);
	assert_int_equal(contract_put(p, "02999/x", 3), 0);
	assert_int_equal(contract_put(p, "z", 3), 0);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const after[] = {NULL, "01500/x", "02999/x"};
		static const char *const want[] = {"01500/x 02999/x z", "02999/x z", "z"};
		CLEANUP(mem_free_at) char *names = contract_names(p, "", after[i]);

		assert_string_equal(names, want[i]);
	}
	place_free(p);
}

/* Deeper than any name can be: not entered, not a fault. */
static void too_deep(void **state)
{
	struct place *p = open_place("place", NULL, true);
	unsigned i;

	(void)state;
	assert_int_equal(contract_put(p, "z", 3), 0);
	assert_int_equal(chdir("place"), 0);
	for (i = 0; i < 300; i++) {
		assert_int_equal(mkdir("a", 0755), 0);
		assert_int_equal(chdir("a"), 0);
		write_file("b", "x");
	}
	{
		CLEANUP(place_page_release) struct place_page page = {0};

		assert_int_equal(place_list(p, "", NULL, &page, NULL), 0);
		assert_int_equal(page.count, 100); /* 99 of a/.../b up to 199 bytes, and z */
		assert_int_equal(strlen(page.entries[0].name), 199);
		assert_string_equal(page.entries[99].name, "z");
	}
	while (i--) {
		assert_int_equal(unlink("b"), 0);
		assert_int_equal(chdir(".."), 0);
		assert_int_equal(rmdir("a"), 0);
	}
	assert_int_equal(chdir(folder), 0);
	place_free(p);
}

/* A file system that does not tell types (and the ways of reading that follow). */
static ssize_t getdents_untyped(void *context, int fd, void *buffer, size_t size)
{
	ssize_t got = env_system()->files->getdents(context, fd, buffer, size);

	for (ssize_t at = 0; at < got;) {
		uint8_t *record = (uint8_t *)buffer + at;
		uint16_t length;

		memcpy(&length, record + 16, sizeof(length));
		record[18] = DT_UNKNOWN;
		at += length;
	}
	return got;
}

static void untyped_entries(void **state)
{
	struct sherd_env env = *env_system();
	struct sherd_env_files files = *env.files;
	struct place *p;

	(void)state;
	files.getdents = getdents_untyped;
	env.files = &files;
	p = open_place("place", &env, true);
	assert_int_equal(contract_put(p, "a/b/c", 3), 0);
	assert_int_equal(contract_put(p, "d", 3), 0);
	assert_int_equal(symlink("d", "place/e"), 0);
	{
		CLEANUP(mem_free_at) char *names = contract_names(p, "", NULL);

		assert_string_equal(names, "a/b/c d");
	}
	place_free(p);
}

static void space_is_told(void **state)
{
	struct place *p = open_place("place", NULL, true);
	struct place_space s = {0};
	struct statvfs st;

	(void)state;
	assert_int_equal(statvfs("place", &st), 0);
	assert_int_equal(place_space(p, &s, NULL), 0);
	assert_int_equal(s.total, (uint64_t)st.f_blocks * st.f_frsize);
	assert_true(s.free <= s.total);
	place_free(p);
}

static void times_are_told(void **state)
{
	struct place *p = open_place("place", NULL, true);
	struct place_stat st = {0};

	(void)state;
	age("place/a", 1000);
	assert_int_equal(place_stat(p, "a", &st, NULL), 0);
	assert_int_equal(st.size, 1);
	assert_in_range(st.mtime_ns / 1000000000, time(NULL) - 1010, time(NULL) - 990);
	place_free(p);
}

/* What the modes of others forbid. */
static void denied(void **state)
{
	struct place *p;

	(void)state;
	/* Nothing is forbidden to root, who becomes somebody else for a while. */
	if (geteuid() == 0 && (chown(".", NOBODY, NOBODY) != 0 || seteuid(NOBODY) != 0)) {
		print_message("# denied: left out, this root cannot be anybody else\n");
		return;
	}
	fresh_place(3);
	p = open_place("place", NULL, false);
	assert_int_equal(chmod("place/a", 0500), 0);
	assert_int_equal(contract_put(p, "a/new", 3), SHERD_DENIED);
	assert_int_equal(place_remove(p, "a/old", NULL), SHERD_DENIED);
	assert_int_equal(chmod("place/a", 0), 0);
	assert_int_equal(contract_holds(p, "a/old", 70000), SHERD_DENIED);
	{
		struct place_page page = {0};

		assert_int_equal(place_list(p, "", NULL, &page, NULL), SHERD_DENIED);
	}
	assert_int_equal(chmod("place/a", 0700), 0);
	place_free(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opening),
		TEST(message_lists_schemes),
		TEST(opening_without_memory),
		TEST(opening_with_faults),
		TEST(modes),
		TEST(strange_things),
		TEST(links_are_not_followed),
		TEST(root_goes_away),
		TEST(relative_roots),
		TEST(root_vanishes_meanwhile),
		TEST(put_faults),
		TEST(put_and_die),
		TEST(other_faults),
		TEST(lying_disks),
		TEST(no_way_to_put),
		TEST(direct_where_it_pays),
		TEST(syncing),
		TEST(sweeping),
		TEST(list_reads_what_it_must),
		TEST(many_empty_folders),
		TEST(too_deep),
		TEST(untyped_entries),
		TEST(space_is_told),
		TEST(times_are_told),
		TEST(denied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
