/* SPDX-License-Identifier: MIT */
/*
 * target.c - folders and files beneath a target.
 *
 * A new file is written under a hidden temporary name in the folder where it will be, and then
 * renamed with RENAME_NOREPLACE. A nameless file (O_TMPFILE) and linkat() cost twice as much on
 * ext4 (its list of orphans), which counts for a hundred thousand small files; a crash leaves at
 * most one hidden file for each thread. Other ways follow where file systems lack this one, as in
 * base/newfile.c.
 */
#include <repo/target.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h> /* RENAME_NOREPLACE */
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/log.h>

#define FOLDER_MODE 0700 /* of all folders while they are being restored */
#define FILE_MODE 0600
#define RESOLVE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
#define FOLDER_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define AGAIN_MAX 16             /* openat2() may say EAGAIN while the tree is being moved */
#define PATH_STEP (PATH_MAX - 1) /* bytes of a path in one call */

static int close_with(struct target *t, int fd, int os_errno)
{
	env_close(t->env, fd);
	return os_errno;
}

bool target_name_ok(const char *name, size_t size)
{
	if (size < 1 || size > TREE_NAME_MAX || memchr(name, '/', size) || memchr(name, 0, size))
		return false;
	return name[0] != '.' || (size != 1 && (size != 2 || name[1] != '.'));
}

/* --- the target itself --- */

static int make_run(struct target *t, struct sherd_error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t random[sizeof(t->run) - 1];

	if (t->env->random(t->env->context, random, sizeof(random)) != 0)
		return err_system(err, errno, "cannot get random bytes");
	for (size_t i = 0; i < sizeof(random); i++)
		t->run[i] = letters[random[i] % 32];
	t->run[sizeof(random)] = '\0';
	return 0;
}

/* Make ${path} and what is missing above it. */
static int make_path(struct target *t, const char *path, struct sherd_error *err)
{
	size_t length = strlen(path);
	CLEANUP(mem_free_at) char *part = mem_format("%s", path);
	int error = 0;

	if (!part)
		return err_nomem(err);
	for (size_t i = 1; i <= length; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		error = t->env->files->mkdirat(t->env->context, AT_FDCWD, part, FOLDER_MODE) == 0
				? 0
				: errno;
		if (!error)
			t->root_made = true;
		if (i < length)
			part[i] = '/';
	}
	if (error && error != EEXIST)
		return err_system(err, error, "cannot make the folder '%s'", path);
	return 0;
}

int target_open(struct target *t, const struct sherd_env *env, const char *path, bool make,
	struct sherd_error *err)
{
	int r;

	*t = (struct target){.env = env, .root = -1};
	if (!path || !*path)
		return err_set(err, SHERD_INVALID, "no target folder is given");
	r = make_run(t, err);
	if (r)
		return r;
	for (int tries = 0;; tries++) {
		t->root = env->files->openat(
			env->context, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
		if (t->root >= 0)
			return 0;
		if (errno != ENOENT || (tries && make))
			return err_system(err, errno, "cannot open the folder '%s'", path);
		if (!make)
			return 0;
		r = make_path(t, path, err);
		if (r)
			return r;
	}
}

void target_close(struct target *t)
{
	if (t->root >= 0)
		env_close(t->env, t->root);
	t->root = -1;
}

/* --- folders --- */

static bool lacks_openat2(int os_errno)
{
	return os_errno == ENOSYS || os_errno == EPERM || os_errno == E2BIG;
}

/* Open one name, or with openat2() a path of several, beneath ${folder}: 0 or errno. */
static int open_beneath(
	struct target *t, int folder, const char *path, int flags, uint64_t more, int *ret_fd)
{
	const struct sherd_env *env = t->env;

	for (int tries = 0; !atomic_load_explicit(&t->no_openat2, memory_order_relaxed); tries++) {
		*ret_fd = env->files->openat2(env->context, folder, path, flags, 0, RESOLVE | more);
		if (*ret_fd >= 0)
			return 0;
		if (errno == EAGAIN && tries < AGAIN_MAX)
			continue;
		if (!lacks_openat2(errno))
			return errno;
		/* EPERM is also what a sandbox says that does not know the call. */
		if (errno == ENOSYS)
			atomic_store(&t->no_openat2, true);
		break;
	}
	if (strchr(path, '/'))
		return ENOSYS;
	*ret_fd = env->files->openat(env->context, folder, path, flags, 0);
	return *ret_fd >= 0 ? 0 : errno;
}

int target_folder_open(
	struct target *t, int folder, const char *name, int *ret_fd, struct stat *ret_stat)
{
	int fd;
	int error = open_beneath(t, folder, name, FOLDER_FLAGS | O_RDONLY, 0, &fd);

	assert(folder >= 0);
	if (error == EACCES)
		error = open_beneath(t, folder, name, FOLDER_FLAGS | O_PATH, 0, &fd);
	if (error)
		return error;
	if (t->env->files->fstat(t->env->context, fd, ret_stat) != 0)
		return close_with(t, fd, errno);
	*ret_fd = fd;
	return 0;
}

int target_folder_make(struct target *t, int folder, const char *name, bool inherits, int *ret_fd,
	struct stat *ret_stat)
{
	const struct sherd_env *env = t->env;
	int error;

	if (env->files->mkdirat(env->context, folder, name, FOLDER_MODE) != 0)
		return errno;
	error = target_folder_open(t, folder, name, ret_fd, ret_stat);
	if (error) {
		(void)env->files->unlinkat(env->context, folder, name, AT_REMOVEDIR);
		return error;
	}
	if (inherits) {
		(void)env->files->fremovexattr(env->context, *ret_fd, "system.posix_acl_default");
		(void)env->files->fremovexattr(env->context, *ret_fd, "system.posix_acl_access");
		(void)env->files->fchmod(env->context, *ret_fd, FOLDER_MODE);
	}
	return 0;
}

int target_folder_up(struct target *t, int fd, dev_t device, ino_t inode, int *ret_fd)
{
	const struct sherd_env *env = t->env;
	struct stat there;
	int up = env->files->openat(env->context, fd, "..", FOLDER_FLAGS | O_RDONLY, 0);

	if (up < 0 && errno == EACCES)
		up = env->files->openat(env->context, fd, "..", FOLDER_FLAGS | O_PATH, 0);
	if (up < 0)
		return errno;
	if (env->files->fstat(env->context, up, &there) != 0)
		return close_with(t, up, errno);
	if (there.st_dev != device || there.st_ino != inode)
		return close_with(t, up, ESTALE);
	*ret_fd = up;
	return 0;
}

bool target_folder_inherits(struct target *t, int fd)
{
	return t->env->files->fgetxattr(t->env->context, fd, "system.posix_acl_default", NULL, 0) >
	       0;
}

/* Bytes of ${path} for one call: all of it, or up to a slash. */
static size_t path_step(const struct target *t, const char *path)
{
	size_t length = strlen(path);
	const char *slash;

	if (atomic_load(&t->no_openat2)) {
		slash = strchr(path, '/');
		return slash ? (size_t)(slash - path) : length;
	}
	if (length <= PATH_STEP)
		return length;
	slash = memrchr(path, '/', PATH_STEP);
	assert(slash); /* names are of 255 bytes at most */
	return (size_t)(slash - path);
}

int target_open_path(struct target *t, const char *path, int *ret_fd)
{
	int at = t->root;

	while (*path) {
		char step[PATH_MAX];
		size_t size = path_step(t, path);
		bool last = !path[size];
		int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC | (last ? 0 : O_DIRECTORY);
		int error, next;

		memcpy(step, path, size);
		step[size] = '\0';
		error = open_beneath(t, at, step, flags, 0, &next);
		if (error == ENOSYS && strchr(step, '/')) {
			atomic_store(&t->no_openat2, true);
			continue;
		}
		if (at != t->root)
			env_close(t->env, at);
		if (error)
			return error;
		at = next;
		path += size + !last;
	}
	*ret_fd = at;
	return 0;
}

/* --- files --- */

void target_temporary(const struct target *t, unsigned number, char name[TARGET_TEMPORARY_SIZE])
{
	snprintf(name, TARGET_TEMPORARY_SIZE, ".sherd-%s-%u.tmp", t->run, number);
}

int target_file_begin(struct target *t, int folder, const char *temporary, int *ret_fd)
{
	const struct sherd_env *env = t->env;

	*ret_fd = env->files->openat(env->context, folder, temporary,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	return *ret_fd >= 0 ? 0 : errno;
}

void target_discard(struct target *t, int folder, const char *name)
{
	int saved = errno;

	if (t->env->files->unlinkat(t->env->context, folder, name, 0) != 0 && errno != ENOENT)
		log_warn("cannot remove the temporary file '%s' in the target", name);
	errno = saved;
}

static bool knows_no_flags(int os_errno)
{
	return os_errno == EINVAL || os_errno == ENOSYS || os_errno == EOPNOTSUPP;
}

/* For file systems without links too: the name is claimed with an empty file first. */
static int claim_and_rename(struct target *t, int folder, const char *temporary, const char *name)
{
	const struct sherd_env *env = t->env;
	int fd = env->files->openat(env->context, folder, name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	int error;

	if (fd < 0)
		return errno;
	env_close(env, fd);
	if (env->files->renameat2(env->context, folder, temporary, folder, name, 0) == 0)
		return 0;
	error = errno;
	target_discard(t, folder, name);
	return error;
}

static int publish_new(struct target *t, int folder, const char *temporary, const char *name)
{
	const struct sherd_env *env = t->env;

	if (env->files->renameat2(
		    env->context, folder, temporary, folder, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (!knows_no_flags(errno))
		return errno;
	if (env->files->linkat(env->context, folder, temporary, folder, name, 0) == 0) {
		target_discard(t, folder, temporary);
		return 0;
	}
	if (errno == EEXIST)
		return errno;
	return claim_and_rename(t, folder, temporary, name);
}

int target_publish(struct target *t, int folder, const char *temporary, const char *name,
	enum target_replace replace)
{
	const struct sherd_env *env = t->env;

	if (replace == TARGET_KEEP)
		return publish_new(t, folder, temporary, name);
	if (env->files->renameat2(env->context, folder, temporary, folder, name, 0) == 0)
		return 0;
	if (errno != EISDIR && errno != EEXIST && errno != ENOTEMPTY)
		return errno;
	if (env->files->unlinkat(env->context, folder, name, AT_REMOVEDIR) != 0)
		return errno;
	return publish_new(t, folder, temporary, name);
}

int target_stat(struct target *t, int folder, const char *name, struct stat *ret)
{
	return t->env->files->fstatat(t->env->context, folder, name, ret, AT_SYMLINK_NOFOLLOW) == 0
		       ? 0
		       : errno;
}

int target_link(struct target *t, int fd, int folder, const char *name)
{
	return t->env->files->link_fd(t->env->context, fd, folder, name) == 0 ? 0 : errno;
}
