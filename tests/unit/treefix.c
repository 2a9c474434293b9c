/* SPDX-License-Identifier: MIT */
/* treefix.c - what cannot be set up is an error of the test, and ends it. */
#include "treefix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#define PIECE (1u << 20) /* of a file's data */
#define PATHS 8

char *treefix_folder(void)
{
	char *path = strdup("/tmp/sherd-tree-XXXXXX");

	assert_non_null(path);
	assert_non_null(mkdtemp(path));
	return path;
}

/* Names only grow by a level at a time, so that depth is not bounded by PATH_MAX. */
static void remove_in(int folder)
{
	DIR *listing = fdopendir(dup(folder));
	struct dirent *d;

	assert_non_null(listing);
	if (fchmod(folder, 0700) != 0)
		fail_msg("cannot make a folder of the test writable");
	while ((d = readdir(listing)) != NULL) {
		int below;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (unlinkat(folder, d->d_name, 0) == 0)
			continue;
		if (fchmodat(folder, d->d_name, 0700, 0) != 0 && errno != ENOENT)
			continue;
		below = openat(folder, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (below >= 0) {
			if (unlinkat(folder, d->d_name, AT_REMOVEDIR) != 0)
				remove_in(below);
			close(below);
			(void)unlinkat(folder, d->d_name, AT_REMOVEDIR);
		}
	}
	closedir(listing);
}

void treefix_remove(char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY);

	if (fd >= 0) {
		remove_in(fd);
		close(fd);
	}
	(void)rmdir(path);
	free(path);
}

const char *treefix_path(const char *folder, const char *name)
{
	static char paths[PATHS][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % PATHS];

	assert_true(snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX);
	return path;
}

void treefix_file(const char *folder, const char *name, const void *data, size_t size)
{
	int fd = open(treefix_path(folder, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_true(write(fd, data, size) == (ssize_t)size);
	close(fd);
}

void treefix_text(const char *folder, const char *name, const char *text)
{
	treefix_file(folder, name, text, strlen(text));
}

const char *treefix_read(const char *folder, const char *name)
{
	static char text[65536];
	int fd = open(treefix_path(folder, name), O_RDONLY | O_NOFOLLOW);
	ssize_t got;

	if (fd < 0)
		return NULL;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(got >= 0);
	text[got] = '\0';
	return text;
}

bool treefix_there(const char *folder, const char *name)
{
	struct stat there;

	return lstat(treefix_path(folder, name), &there) == 0;
}

/* --- every kind --- */

static void set_time(const char *path, long s, long ns)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = s, .tv_nsec = ns}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

/* An ACL as the kernel shows it: u::rw- u:UID:r-- g::r-- m::r-- o::--- */
static void set_acl(const char *path, const char *name)
{
	static const struct {
		uint16_t tag, perm;
		uint32_t id;
	} entries[] = {{0x01, 6, UINT32_MAX}, {0x02, 4, 12345}, {0x04, 4, UINT32_MAX},
		{0x10, 4, UINT32_MAX}, {0x20, 0, UINT32_MAX}};
	uint8_t acl[4 + sizeof(entries)] = {2, 0, 0, 0};

	memcpy(acl + 4, entries, sizeof(entries));
	if (setxattr(path, name, acl, sizeof(acl), 0) != 0)
		assert_int_equal(errno, EOPNOTSUPP);
}

static void make_sparse(const char *folder)
{
	const char *path = treefix_path(folder, "sparse");
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "begin", 5, 1 << 20), 5);
	assert_int_equal(pwrite(fd, "middle", 6, 9 << 20), 6);
	assert_int_equal(ftruncate(fd, 20 << 20), 0);
	close(fd);
}

static void make_socket(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0 && strlen(path) < sizeof(name.sun_path));
	memcpy(name.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	close(fd);
}

static void make_privileged(const char *folder)
{
	if (geteuid() != 0)
		return;
	assert_int_equal(mknod(treefix_path(folder, "null"), S_IFCHR | 0640, makedev(1, 3)), 0);
	assert_int_equal(mknod(treefix_path(folder, "loop"), S_IFBLK | 0600, makedev(7, 9)), 0);
	treefix_text(folder, "theirs", "of somebody else");
	assert_int_equal(chown(treefix_path(folder, "theirs"), 1234, 5678), 0);
	assert_int_equal(chmod(treefix_path(folder, "theirs"), 06755), 0);
	(void)setxattr(treefix_path(folder, "theirs"), "trusted.sherd", "t", 1, 0);
	assert_int_equal(symlink("nowhere", treefix_path(folder, "their-link")), 0);
	assert_int_equal(lchown(treefix_path(folder, "their-link"), 99, 98), 0);
}

void treefix_kinds(const char *folder)
{
	static uint8_t large[5 << 20];
	char name[TREE_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (uint8_t)(i * 2654435761u >> 13);
	treefix_text(folder, "text", "hello\n");
	treefix_text(folder, "empty", "");
	treefix_file(folder, "large", large, sizeof(large));
	treefix_text(folder, "no rights", "mode 0");
	treefix_text(folder, "\xff\xfe not text\n\t", "name of any bytes");
	memset(name, 'n', TREE_NAME_MAX);
	name[TREE_NAME_MAX] = '\0';
	treefix_text(folder, name, "long name");
	make_sparse(folder);
	assert_int_equal(symlink("text", treefix_path(folder, "link")), 0);
	assert_int_equal(symlink("/nowhere/at all", treefix_path(folder, "a link first")), 0);
	assert_int_equal(mkfifo(treefix_path(folder, "pipe"), 0620), 0);
	make_socket(treefix_path(folder, "socket"));
	assert_int_equal(
		link(treefix_path(folder, "text"), treefix_path(folder, "z other name")), 0);
	assert_int_equal(mkdir(treefix_path(folder, "folder"), 0700), 0);
	assert_int_equal(mkdir(treefix_path(folder, "folder/inner"), 0700), 0);
	assert_int_equal(mkdir(treefix_path(folder, "folder/none"), 0700), 0);
	assert_int_equal(
		link(treefix_path(folder, "text"), treefix_path(folder, "folder/inner/third")), 0);
	treefix_text(folder, "folder/inner/file", "deep");
	assert_int_equal(linkat(AT_FDCWD, treefix_path(folder, "link"), AT_FDCWD,
				 treefix_path(folder, "folder/link"), 0),
		0);
	assert_int_equal(
		link(treefix_path(folder, "pipe"), treefix_path(folder, "folder/inner/pipe")), 0);
	make_privileged(folder);
	if (setxattr(treefix_path(folder, "text"), "user.sherd", "value", 5, 0) == 0)
		assert_int_equal(
			setxattr(treefix_path(folder, "folder"), "user.empty", "", 0, 0), 0);
	set_acl(treefix_path(folder, "large"), "system.posix_acl_access");
	set_acl(treefix_path(folder, "folder/inner"), "system.posix_acl_default");
	set_time(treefix_path(folder, "link"), 77, 7);
	set_time(treefix_path(folder, "pipe"), 88, 8);
	set_time(treefix_path(folder, "text"), 1234567890, 123456789);
	set_time(treefix_path(folder, "empty"), -5, 999999999);
	assert_int_equal(chmod(treefix_path(folder, "no rights"), 0), 0);
	assert_int_equal(chmod(treefix_path(folder, "text"), 0444), 0);
	assert_int_equal(chmod(treefix_path(folder, "folder/none"), 01555), 0);
	set_time(treefix_path(folder, "folder/none"), 1, 1);
	set_time(treefix_path(folder, "folder/inner"), 99, 9);
	set_time(treefix_path(folder, "folder"), 1000, 1);
}

/* --- into a store --- */

static void add_piece(struct store *store, struct content_writer *w, int fd, off_t at, size_t size)
{
	static uint8_t piece[PIECE];
	struct store_item item = {.type = BLOB_DATA, .data = piece, .size = (uint32_t)size};

	assert_int_equal(pread(fd, piece, size, at), size);
	assert_int_equal(store_add(store, &item, 1, NULL), 0);
	assert_int_equal(content_writer_data(w, &item.id, size, NULL), 0);
}

static void save_file(struct store *store, int fd, off_t length, struct bytes *content)
{
	struct content_writer w;
	off_t at = 0;

	content_writer_init(&w, store);
	while (at < length) {
		off_t data = lseek(fd, at, SEEK_DATA);
		off_t end;

		if (data < 0)
			data = length;
		if (data > at)
			assert_int_equal(content_writer_hole(&w, (uint64_t)(data - at), NULL), 0);
		end = data < length ? lseek(fd, data, SEEK_HOLE) : length;
		for (at = data; at < end; at += PIECE)
			add_piece(store, &w, fd, at, end - at < PIECE ? (size_t)(end - at) : PIECE);
		at = end;
	}
	assert_int_equal(content_writer_end(&w, content, NULL), 0);
	content_writer_release(&w);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void save_xattrs(const char *path, struct bytes *out)
{
	char names[4096], value[4096];
	const char *sorted[64];
	size_t count = 0;
	ssize_t size = llistxattr(path, names, sizeof(names));

	for (ssize_t at = 0; at < size && count < 64; at += (ssize_t)strlen(names + at) + 1)
		sorted[count++] = names + at;
	if (!count)
		return;
	qsort(sorted, count, sizeof(*sorted), by_name);
	tree_xattr_begin(out);
	for (size_t i = 0; i < count; i++) {
		ssize_t got = lgetxattr(path, sorted[i], value, sizeof(value));

		assert_true(got >= 0);
		tree_xattr_add(out, sorted[i], value, (size_t)got);
	}
}

static uint8_t type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return TREE_FILE;
	case S_IFDIR:
		return TREE_FOLDER;
	case S_IFLNK:
		return TREE_SYMLINK;
	case S_IFIFO:
		return TREE_FIFO;
	case S_IFSOCK:
		return TREE_SOCKET;
	case S_IFCHR:
		return TREE_CHARACTER;
	default:
		return TREE_BLOCK;
	}
}

static void describe(const struct stat *there, struct tree_entry *e)
{
	e->type = type_of(there->st_mode);
	e->mode = there->st_mode & 07777;
	e->uid = there->st_uid;
	e->gid = there->st_gid;
	e->links = (uint32_t)there->st_nlink;
	e->mtime_s = there->st_mtim.tv_sec;
	e->mtime_ns = (uint32_t)there->st_mtim.tv_nsec;
	e->ctime_s = there->st_ctim.tv_sec;
	e->ctime_ns = (uint32_t)there->st_ctim.tv_nsec;
	e->inode = there->st_ino;
	if (e->type == TREE_FILE)
		e->length = (uint64_t)there->st_size;
	if (e->type != TREE_FOLDER && e->links > 1) {
		e->has_link = true;
		e->link_device = there->st_dev;
		e->link_inode = there->st_ino;
	}
	if (e->type == TREE_CHARACTER || e->type == TREE_BLOCK) {
		e->device_major = major(there->st_rdev);
		e->device_minor = minor(there->st_rdev);
	}
}

static void save_entry(
	struct store *store, struct tree_writer *w, const char *folder, const char *name)
{
	const char *path = treefix_path(folder, name);
	struct tree_entry e = {.name = name, .name_size = strlen(name)};
	struct bytes content = BYTES_INIT, xattrs = BYTES_INIT;
	char target[PATH_MAX];
	struct stat there;
	int fd;

	assert_int_equal(lstat(path, &there), 0);
	describe(&there, &e);
	save_xattrs(path, &xattrs);
	e.xattrs = xattrs.data;
	e.xattrs_size = xattrs.size;
	if (e.type == TREE_FOLDER) {
		char *below = strdup(path);

		treefix_save(store, below, &content);
		free(below);
	} else if (e.type == TREE_FILE) {
		fd = open(path, O_RDONLY);
		assert_true(fd >= 0);
		save_file(store, fd, there.st_size, &content);
		close(fd);
	} else if (e.type == TREE_SYMLINK) {
		e.target_size = (size_t)readlink(path, target, sizeof(target));
		e.target = target;
	}
	e.content = content.data;
	e.content_size = content.size;
	assert_int_equal(tree_writer_add(w, &e, NULL), 0);
	bytes_release(&content);
	bytes_release(&xattrs);
}

void treefix_save(struct store *store, const char *folder, struct bytes *content)
{
	struct dirent **names;
	struct tree_writer *w;
	int count = scandir(folder, &names, NULL, NULL);
	const char **sorted = calloc((size_t)count, sizeof(*sorted));

	assert_true(count >= 0 && sorted);
	for (int i = 0; i < count; i++)
		sorted[i] = names[i]->d_name;
	qsort(sorted, (size_t)count, sizeof(*sorted), by_name);
	assert_int_equal(tree_writer_new(store, &w, NULL), 0);
	for (int i = 0; i < count; i++)
		if (strcmp(sorted[i], ".") != 0 && strcmp(sorted[i], "..") != 0)
			save_entry(store, w, folder, sorted[i]);
	bytes_clear(content);
	assert_int_equal(tree_writer_end(w, content, NULL), 0);
	tree_writer_free(w);
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
	free(sorted);
}

/* --- by hand --- */

struct tree_entry treefix_entry(enum tree_type type, const char *name)
{
	return (struct tree_entry){.type = (uint8_t)type,
		.mode = type == TREE_FOLDER ? 0755 : 0644,
		.uid = geteuid(),
		.gid = getegid(),
		.links = 1,
		.mtime_s = 1000000000,
		.mtime_ns = 500000000,
		.name = name,
		.name_size = strlen(name)};
}

void treefix_blob(struct store *store, const void *data, size_t size, struct bytes *content)
{
	struct store_item item = {.type = BLOB_DATA, .data = data, .size = (uint32_t)size};
	struct content_writer w;

	content_writer_init(&w, store);
	if (size) {
		assert_int_equal(store_add(store, &item, 1, NULL), 0);
		assert_int_equal(content_writer_data(&w, &item.id, size, NULL), 0);
	}
	bytes_clear(content);
	assert_int_equal(content_writer_end(&w, content, NULL), 0);
	content_writer_release(&w);
}

void treefix_tree(
	struct store *store, const struct tree_entry *entries, size_t count, struct bytes *content)
{
	struct tree_writer *w;

	assert_int_equal(tree_writer_new(store, &w, NULL), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(tree_writer_add(w, &entries[i], NULL), 0);
	bytes_clear(content);
	assert_int_equal(tree_writer_end(w, content, NULL), 0);
	tree_writer_free(w);
}

void treefix_raw(struct store *store, const void *part, size_t size, struct bytes *content)
{
	struct store_item item = {.type = BLOB_TREE, .data = part, .size = (uint32_t)size};
	struct content_writer w;

	content_writer_init(&w, store);
	assert_int_equal(store_add(store, &item, 1, NULL), 0);
	assert_int_equal(content_writer_data(&w, &item.id, size, NULL), 0);
	bytes_clear(content);
	assert_int_equal(content_writer_end(&w, content, NULL), 0);
	content_writer_release(&w);
}
