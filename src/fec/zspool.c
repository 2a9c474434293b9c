/* SPDX-License-Identifier: MIT */
/* zspool.c - a nameless file where the file system has them, else one whose name goes at once. */
#include <fec/zspool.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <base/alloc.h>
#include <base/cleanup.h>
#include <base/err.h>
#include <base/intmath.h>

#define BUFFER_SIZE (128 << 10)
#define MODE_PRIVATE 0600

/* In a folder that cannot make nameless files: -1 and errno. */
static int open_named(const struct sherd_env *env, const char *folder)
{
	CLEANUP(mem_free_at) char *path = NULL;
	uint64_t number;
	int fd;

	if (env->random(env->context, &number, sizeof(number)) != 0)
		return -1;
	path = mem_format("%s/.sherd-%016llx.tmp", folder, (unsigned long long)number);
	if (!path) {
		errno = ENOMEM;
		return -1;
	}
	fd = env->files->openat(env->context, AT_FDCWD, path,
		O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, MODE_PRIVATE);
	if (fd >= 0 && env->files->unlinkat(env->context, AT_FDCWD, path, 0) != 0) {
		env_close(env, fd);
		return -1;
	}
	return fd;
}

static int open_in(const struct sherd_env *env, const char *folder)
{
	int fd = env->files->openat(env->context, AT_FDCWD, folder,
		O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, MODE_PRIVATE);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		return open_named(env, folder);
	return fd;
}

static int open_temporary(const struct sherd_env *env, int *ret_fd, struct sherd_error *err)
{
	const char *folders[] = {secure_getenv("TMPDIR"), "/var/tmp", "/tmp"};
	int failed = ENOENT;

	for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
		int fd;

		if (!folders[i] || !*folders[i])
			continue;
		fd = open_in(env, folders[i]);
		if (fd >= 0) {
			*ret_fd = fd;
			return 0;
		}
		failed = errno;
	}
	return err_system(err, failed, "cannot create a temporary file");
}

static int copy(struct ztask *task, int from, const char *name, int to, bool *ret_unreadable,
	struct sherd_error *err)
{
	CLEANUP(mem_free_at) uint8_t *buffer = mem_aligned(64, BUFFER_SIZE);
	size_t got;

	*ret_unreadable = false;
	if (!buffer)
		return err_nomem(err);
	do {
		int r = ztask_read(task, from, name, buffer, BUFFER_SIZE, &got, err);

		if (r) {
			*ret_unreadable = r != SHERD_CANCELLED;
			return r;
		}
		if (env_write(task->env, to, buffer, got) != 0)
			return err_system(err, errno, "cannot copy '%s' to a temporary file", name);
	} while (got == BUFFER_SIZE);
	return 0;
}

int zspool_copy(struct ztask *task, int fd, const char *name, int *ret_fd, bool *ret_unreadable,
	struct sherd_error *err)
{
	int temporary = -1, r;

	*ret_unreadable = false;
	r = open_temporary(task->env, &temporary, err);
	if (r)
		return r;
	r = copy(task, fd, name, temporary, ret_unreadable, err);
	if (r) {
		env_close(task->env, temporary);
		return r;
	}
	*ret_fd = temporary;
	return 0;
}
