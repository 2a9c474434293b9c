/* SPDX-License-Identifier: MIT */
/*
 * smallfile.c - the temporary name is `.NAME.new`: a left-over of a crash is written over by the
 * next try, so that nothing gathers.
 */
#include <base/smallfile.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include <base/err.h>
#include <base/intmath.h>

enum { name_room = 256 };

static int read_open(const struct sherd_env *env, int fd, const char *name, size_t size_max,
	struct bytes *out, struct sherd_error *err)
{
	struct stat status;
	size_t got;

	if (env->files->fstat(env->context, fd, &status))
		return err_system(err, errno, "cannot read '%s'", name);
	if (status.st_size < 0 || (uint64_t)status.st_size > size_max)
		return err_set(err, SHERD_CORRUPT, "'%s' is too large", name);
	bytes_clear(out);
	if (!bytes_reserve(out, (size_t)status.st_size + 1))
		return err_nomem(err);
	if (env_pread(env, fd, out->data, (size_t)status.st_size, 0, &got))
		return err_system(err, errno, "cannot read '%s'", name);
	out->size = got;
	return 0;
}

int smallfile_read(const struct sherd_env *env, int folder, const char *name, size_t size_max,
	struct bytes *out, struct sherd_error *err)
{
	int fd = env->files->openat(
		env->context, folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	int code;

	if (fd < 0)
		return err_system(err, errno, "cannot open '%s'", name);
	code = read_open(env, fd, name, size_max, out, err);
	env_close(env, fd);
	return code;
}

static int write_synced(const struct sherd_env *env, int folder, const char *temporary,
	const void *data, size_t size)
{
	int fd = env->files->openat(env->context, folder, temporary,
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int failed;

	if (fd < 0)
		return -1;
	failed = env_pwrite(env, fd, data, size, 0) || env->files->fsync(env->context, fd);
	env_close(env, fd);
	return failed ? -1 : 0;
}

int smallfile_replace(const struct sherd_env *env, int folder, const char *name, const void *data,
	size_t size, struct sherd_error *err)
{
	char temporary[name_room];
	int length = snprintf(temporary, sizeof(temporary), ".%s.new", name);
	int saved;

	if (length < 0 || (size_t)length >= sizeof(temporary))
		return err_set(err, SHERD_INVALID, "'%s' is too long a name", name);
	if (write_synced(env, folder, temporary, data, size) ||
		env->files->renameat2(env->context, folder, temporary, folder, name, 0)) {
		saved = errno;
		env->files->unlinkat(env->context, folder, temporary, 0);
		return err_system(err, saved, "cannot write '%s'", name);
	}
	if (env->files->fsync(env->context, folder) && errno != EINVAL)
		return err_system(err, errno, "cannot sync the folder of '%s'", name);
	return 0;
}
