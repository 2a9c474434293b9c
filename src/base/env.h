/* SPDX-License-Identifier: MIT */
/*
 * env.h - the world outside the process, replaceable: clock, randomness and files.
 *
 * Whatever depends on time, chance or a file system gets a `const struct sherd_env *` handed down
 * and calls through it, so that a test can make any one call fail and a model can replay a run from
 * a seed. NULL, in public options, means env_system(). The struct is immutable while it is used;
 * its functions may be called from any thread at the same time.
 *
 * The functions of `files` are the system calls of the same name, with their arguments, their
 * results (-1 and errno) and their rules; a short read or write is possible everywhere. Most
 * callers want the env_*() functions below, which loop.
 */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

struct sherd_error;

struct sherd_env_files {
	int (*openat)(void *context, int directory, const char *path, int flags, mode_t mode);
	int (*close)(void *context, int fd);
	ssize_t (*read)(void *context, int fd, void *buffer, size_t size);
	ssize_t (*preadv)(void *context, int fd, const struct iovec *parts, int count, off_t at);
	ssize_t (*write)(void *context, int fd, const void *buffer, size_t size);
	ssize_t (*pwritev)(void *context, int fd, const struct iovec *parts, int count, off_t at);
	int (*fstat)(void *context, int fd, struct stat *ret_stat);
	int (*fstatat)(
		void *context, int directory, const char *path, struct stat *ret_stat, int flags);
	ssize_t (*readlinkat)(
		void *context, int directory, const char *path, char *buffer, size_t size);
	int (*ftruncate)(void *context, int fd, off_t size);
	int (*fchmod)(void *context, int fd, mode_t mode);
	int (*fsync)(void *context, int fd);
	/* Gives the nameless file (O_TMPFILE) at ${fd} a name that nobody has: EEXIST otherwise. */
	int (*link_fd)(void *context, int fd, int directory, const char *path);
	/* renameat2(); flags RENAME_NOREPLACE and RENAME_EXCHANGE may answer EINVAL. */
	int (*renameat2)(void *context, int directory, const char *from, int to_directory,
		const char *to, unsigned flags);
	int (*linkat)(void *context, int directory, const char *from, int to_directory,
		const char *to, int flags);
	int (*unlinkat)(void *context, int directory, const char *path, int flags);
	/* poll() of one descriptor for reading: 1 readable or at its end, 0 not within ms, -1. */
	int (*wait_readable)(void *context, int fd, int milliseconds);
	/* Folders: getdents64() into ${buffer} of linux_dirent64 records; 0 at the end. */
	ssize_t (*getdents)(void *context, int fd, void *buffer, size_t size);
	int (*mkdirat)(void *context, int directory, const char *path, mode_t mode);
	int (*symlinkat)(void *context, const char *target, int directory, const char *path);
	int (*mknodat)(void *context, int directory, const char *path, mode_t mode, dev_t device);
	/* openat2(); where the kernel lacks it, -1 with ENOSYS. ${resolve}: RESOLVE_* bits. */
	int (*openat2)(void *context, int directory, const char *path, int flags, mode_t mode,
		uint64_t resolve);
	int (*fchownat)(void *context, int directory, const char *path, uid_t owner, gid_t group,
		int flags);
	int (*fchmodat)(void *context, int directory, const char *path, mode_t mode);
	int (*utimensat)(void *context, int directory, const char *path,
		const struct timespec times[2], int flags);
	int (*statx)(void *context, int directory, const char *path, int flags, unsigned mask,
		struct statx *ret_stat);
	/* Extended attributes, by descriptor or, for what cannot be opened, by path not followed.
	 */
	ssize_t (*flistxattr)(void *context, int fd, char *names, size_t size);
	ssize_t (*fgetxattr)(void *context, int fd, const char *name, void *value, size_t size);
	int (*fsetxattr)(void *context, int fd, const char *name, const void *value, size_t size);
	int (*fremovexattr)(void *context, int fd, const char *name);
	ssize_t (*llistxattr)(void *context, const char *path, char *names, size_t size);
	ssize_t (*lgetxattr)(
		void *context, const char *path, const char *name, void *value, size_t size);
	int (*lsetxattr)(
		void *context, const char *path, const char *name, const void *value, size_t size);
	off_t (*lseek)(void *context, int fd, off_t at, int whence); /* SEEK_DATA, SEEK_HOLE */
	int (*fallocate)(void *context, int fd, int mode, off_t at, off_t size);
	int (*fstatvfs)(void *context, int fd, struct statvfs *ret_stat);
	int (*flock)(void *context, int fd, int operation);
};

struct sherd_env {
	void *context; /* handed to every function */
	const struct sherd_env_files *files;
	/* Nanoseconds since 1970 (real) and since some start (monotonic). */
	uint64_t (*clock_real_ns)(void *context);
	uint64_t (*clock_monotonic_ns)(void *context);
	/* Fill with unpredictable bytes; 0, or -1 with errno. */
	int (*random)(void *context, void *buffer, size_t size);
	/* Wait so long, or until a signal; what a model only adds to its clock. */
	void (*sleep_ns)(void *context, uint64_t duration_ns);
};

/* env_system(): the real thing. Constant, never freed. */
const struct sherd_env *env_system(void);

/* env_or_system(env): env, or env_system() for NULL. */
const struct sherd_env *env_or_system(const struct sherd_env *env);

/*
 * Whole transfers: they go on after short counts and EINTR. 0, or -1 with errno. A read that meets
 * the end of the file first sets ${ret_got} to what there was and succeeds.
 */
int env_pread(const struct sherd_env *env, int fd, void *buffer, size_t size, uint64_t at,
	size_t *ret_got);
int env_pwrite(const struct sherd_env *env, int fd, const void *buffer, size_t size, uint64_t at);
int env_write(const struct sherd_env *env, int fd, const void *buffer, size_t size);

/*
 * The same with any number of parts, which are read or written one behind the other from ${at} on;
 * the array is used up (its entries are changed).
 */
int env_preadv(const struct sherd_env *env, int fd, struct iovec *parts, size_t count, uint64_t at,
	size_t *ret_got);
int env_pwritev(
	const struct sherd_env *env, int fd, struct iovec *parts, size_t count, uint64_t at);

/* env_close(env, fd): closes, keeps errno; -1 does nothing. */
void env_close(const struct sherd_env *env, int fd);

#endif
