/* SPDX-License-Identifier: MIT */
/* treecmp.c - down both folders at once, by sorted names. */
#include "treecmp.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#define LINKS_MAX 4096
#define XATTRS_SIZE 65536

struct comparison {
	unsigned leave_out, count;
	char *report;
	unsigned size;
	struct {
		ino_t a, b;
	} links[LINKS_MAX]; /* files of more than one name */
	size_t link_count;
};

__attribute__((format(printf, 2, 3))) static void differ(
	struct comparison *c, const char *format, ...)
{
	va_list arguments;

	if (c->count++ || !c->report)
		return;
	va_start(arguments, format);
	vsnprintf(c->report, c->size, format, arguments);
	va_end(arguments);
}

static char *join(const char *folder, const char *name)
{
	char *path = malloc(strlen(folder) + strlen(name) + 2);

	assert_non_null(path);
	memcpy(path, folder, strlen(folder));
	path[strlen(folder)] = '/';
	memcpy(path + strlen(folder) + 1, name, strlen(name) + 1);
	return path;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All attributes as one sorted text of names and hexadecimal values. */
static void xattrs_text(const char *path, char *text)
{
	static char names[XATTRS_SIZE], value[XATTRS_SIZE];
	const char *sorted[256];
	size_t count = 0, at = 0;
	ssize_t size = llistxattr(path, names, sizeof(names));

	for (ssize_t i = 0; i < size && count < 256; i += (ssize_t)strlen(names + i) + 1)
		sorted[count++] = names + i;
	qsort(sorted, count, sizeof(*sorted), by_text);
	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		ssize_t got = lgetxattr(path, sorted[i], value, sizeof(value));

		at += (size_t)snprintf(text + at, XATTRS_SIZE - at, "%s=", sorted[i]);
		for (ssize_t b = 0; b < got && at < XATTRS_SIZE - 16; b++)
			at += (size_t)snprintf(
				text + at, XATTRS_SIZE - at, "%02x", (unsigned char)value[b]);
		at += (size_t)snprintf(text + at, XATTRS_SIZE - at, "\n");
	}
}

static void compare_xattrs(struct comparison *c, const char *a, const char *b)
{
	static char text_a[XATTRS_SIZE], text_b[XATTRS_SIZE];

	if (c->leave_out & TREECMP_NO_XATTRS)
		return;
	xattrs_text(a, text_a);
	xattrs_text(b, text_b);
	if (strcmp(text_a, text_b) != 0)
		differ(c, "'%s': attributes %s and %s", a, text_a, text_b);
}

static void compare_links(
	struct comparison *c, const char *path, const struct stat *a, const struct stat *b)
{
	if (c->leave_out & TREECMP_NO_LINKS)
		return;
	if (a->st_nlink != b->st_nlink)
		differ(c, "'%s': %lu and %lu links", path, (unsigned long)a->st_nlink,
			(unsigned long)b->st_nlink);
	if (a->st_nlink < 2)
		return;
	for (size_t i = 0; i < c->link_count; i++) {
		if ((c->links[i].a == a->st_ino) != (c->links[i].b == b->st_ino))
			differ(c, "'%s': linked to another file", path);
		if (c->links[i].a == a->st_ino)
			return;
	}
	assert_true(c->link_count < LINKS_MAX);
	c->links[c->link_count].a = a->st_ino;
	c->links[c->link_count++].b = b->st_ino;
}

static void compare_bytes(struct comparison *c, const char *path, int a, int b)
{
	static char block_a[65536], block_b[65536];
	ssize_t got_a, got_b;

	do {
		got_a = read(a, block_a, sizeof(block_a));
		got_b = read(b, block_b, sizeof(block_b));
	} while (got_a > 0 && got_a == got_b && memcmp(block_a, block_b, (size_t)got_a) == 0);
	if (got_a || got_b)
		differ(c, "'%s': content", path);
}

static void compare_holes(struct comparison *c, const char *path, int a, int b)
{
	off_t at = 0;
	int whence = SEEK_DATA;

	while (at >= 0) {
		off_t next = lseek(a, at, whence);

		if (next != lseek(b, at, whence)) {
			differ(c, "'%s': holes", path);
			return;
		}
		at = next;
		whence = whence == SEEK_DATA ? SEEK_HOLE : SEEK_DATA;
	}
}

static void compare_content(struct comparison *c, const char *path_a, const char *path_b)
{
	int a = open(path_a, O_RDONLY), b = open(path_b, O_RDONLY);

	if (a < 0 || b < 0) {
		differ(c, "'%s': cannot be read", path_a);
	} else {
		compare_bytes(c, path_a, a, b);
		if (!(c->leave_out & TREECMP_NO_HOLES))
			compare_holes(c, path_a, a, b);
	}
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
}

static void compare_targets(struct comparison *c, const char *a, const char *b)
{
	char target_a[4096], target_b[4096];
	ssize_t size_a = readlink(a, target_a, sizeof(target_a));
	ssize_t size_b = readlink(b, target_b, sizeof(target_b));

	if (size_a < 0 || size_a != size_b || memcmp(target_a, target_b, (size_t)size_a) != 0)
		differ(c, "'%s': target", a);
}

static void compare_folders(struct comparison *c, const char *a, const char *b);

static void compare_entries(struct comparison *c, const char *a, const char *b)
{
	struct stat there_a, there_b;

	if (lstat(a, &there_a) != 0 || lstat(b, &there_b) != 0) {
		differ(c, "'%s' or '%s' is not there", a, b);
		return;
	}
	if (there_a.st_mode != there_b.st_mode)
		differ(c, "'%s': mode %o and %o", a, there_a.st_mode, there_b.st_mode);
	if ((there_a.st_mode & S_IFMT) != (there_b.st_mode & S_IFMT))
		return;
	if (!(c->leave_out & TREECMP_NO_OWNERS) &&
		(there_a.st_uid != there_b.st_uid || there_a.st_gid != there_b.st_gid))
		differ(c, "'%s': owner", a);
	if (!(c->leave_out & TREECMP_NO_TIMES) &&
		(there_a.st_mtim.tv_sec != there_b.st_mtim.tv_sec ||
			there_a.st_mtim.tv_nsec != there_b.st_mtim.tv_nsec))
		differ(c, "'%s': mtime %ld.%09ld and %ld.%09ld", a, (long)there_a.st_mtim.tv_sec,
			there_a.st_mtim.tv_nsec, (long)there_b.st_mtim.tv_sec,
			there_b.st_mtim.tv_nsec);
	compare_xattrs(c, a, b);
	if (S_ISDIR(there_a.st_mode)) {
		compare_folders(c, a, b);
		return;
	}
	compare_links(c, a, &there_a, &there_b);
	if (there_a.st_rdev != there_b.st_rdev)
		differ(c, "'%s': device", a);
	if (S_ISLNK(there_a.st_mode))
		compare_targets(c, a, b);
	if (S_ISREG(there_a.st_mode) && there_a.st_size != there_b.st_size)
		differ(c, "'%s': length", a);
	else if (S_ISREG(there_a.st_mode))
		compare_content(c, a, b);
}

static void compare_folders(struct comparison *c, const char *a, const char *b)
{
	struct dirent **names_a, **names_b;
	int count_a = scandir(a, &names_a, NULL, alphasort);
	int count_b = scandir(b, &names_b, NULL, alphasort);

	assert_true(count_a >= 0 && count_b >= 0);
	if (count_a != count_b)
		differ(c, "'%s': %d and %d entries", a, count_a - 2, count_b - 2);
	for (int i = 0; i < count_a; i++) {
		const char *name = names_a[i]->d_name;
		char *path_a = join(a, name), *path_b = join(b, name);

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			compare_entries(c, path_a, path_b);
		free(path_a);
		free(path_b);
		free(names_a[i]);
	}
	for (int i = 0; i < count_b; i++)
		free(names_b[i]);
	free(names_a);
	free(names_b);
}

unsigned treecmp_differences(
	const char *a, const char *b, unsigned leave_out, char *report, unsigned size)
{
	struct comparison *c = calloc(1, sizeof(*c));
	unsigned count;

	assert_non_null(c);
	c->leave_out = leave_out;
	c->report = report;
	c->size = size;
	compare_folders(c, a, b);
	count = c->count;
	free(c);
	return count;
}

void assert_same_trees(const char *a, const char *b, unsigned leave_out)
{
	char report[1024] = "";

	if (treecmp_differences(a, b, leave_out, report, sizeof(report)))
		fail_msg("%s", report);
}
