/* SPDX-License-Identifier: MIT */
#include "simtree.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { path_room = 512, size_max = 300000 };

static void file_path(const char *folder, unsigned number, char path[path_room])
{
	snprintf(path, path_room, "%s/%s/file%u", folder, number % 2 ? "odd" : "even", number);
}

static uint8_t *load(const char *path, size_t *ret_size)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t *bytes = NULL;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &status) && (bytes = malloc((size_t)status.st_size + 1)) &&
		read(fd, bytes, (size_t)status.st_size) != status.st_size) {
		free(bytes);
		bytes = NULL;
	}
	close(fd);
	*ret_size = (size_t)status.st_size;
	return bytes;
}

static void write_file(const char *path, struct simtree_file *file, struct simrandom *random,
	struct simworld *world)
{
	uint32_t size = (uint32_t)simrandom_below(random, size_max);
	uint8_t *bytes = malloc(size ? size : 1);
	struct timespec times[2];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (!bytes || fd < 0)
		abort();
	if (simrandom_chance(random, 1, 6))
		size = 0;
	/* Half of it repeats, so that there is something to compress and to find again. */
	for (uint32_t i = 0; i < size; i++)
		bytes[i] = i % 8192 < 4096 ? (uint8_t)(i >> 5) : (uint8_t)simrandom_next(random);
	if (write(fd, bytes, size) != (ssize_t)size)
		abort();
	world->now_ns += 1000000;
	times[0].tv_sec = (time_t)(world->now_ns / 1000000000);
	times[0].tv_nsec = (long)(world->now_ns % 1000000000);
	times[1] = times[0];
	if (futimens(fd, times))
		abort();
	close(fd);
	file->there = true;
	file->size = size;
	hash_sha256(&(struct iovec){bytes, size}, 1, &file->content);
	free(bytes);
}

void simtree_change(
	const char *folder, struct simtree *tree, struct simrandom *random, struct simworld *world)
{
	char path[path_room];
	unsigned count = 1 + (unsigned)simrandom_below(random, 5);

	mkdir(folder, 0755);
	snprintf(path, sizeof(path), "%s/odd", folder);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/even", folder);
	mkdir(path, 0755);
	while (count--) {
		unsigned number = (unsigned)simrandom_below(random, SIMTREE_FILES);

		file_path(folder, number, path);
		if (tree->files[number].there && simrandom_chance(random, 1, 3)) {
			unlink(path);
			tree->files[number] = (struct simtree_file){0};
		} else {
			write_file(path, &tree->files[number], random, world);
		}
	}
}

static size_t entries_of(const char *folder, const char *name)
{
	char path[path_room];
	struct dirent *entry;
	size_t count = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	d = opendir(path);
	while (d && (entry = readdir(d)))
		count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	if (d)
		closedir(d);
	return count;
}

bool simtree_same(const char *folder, const struct simtree *tree, char *why, size_t size)
{
	size_t expected = 0;

	for (unsigned i = 0; i < SIMTREE_FILES; i++) {
		char path[path_room];
		struct hash content;
		size_t length;
		uint8_t *bytes;

		if (!tree->files[i].there)
			continue;
		expected++;
		file_path(folder, i, path);
		bytes = load(path, &length);
		if (!bytes) {
			snprintf(why, size, "file%u is not there", i);
			return false;
		}
		hash_sha256(&(struct iovec){bytes, length}, 1, &content);
		free(bytes);
		if (length != tree->files[i].size ||
			!hash_equal(&content, &tree->files[i].content)) {
			snprintf(why, size, "file%u has other bytes", i);
			return false;
		}
	}
	if (entries_of(folder, "odd") + entries_of(folder, "even") != expected) {
		snprintf(why, size, "there is more than there was");
		return false;
	}
	return true;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
	(void)status;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void simtree_remove(const char *folder)
{
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
