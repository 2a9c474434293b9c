/* SPDX-License-Identifier: MIT */
/* env.c - the real world (one system call behind each function), and the loops for whole transfers.
 */
#include <base/env.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <base/intmath.h>

static int system_openat(void *context, int directory, const char *path, int flags, mode_t mode)
{
	(void)context;
	return openat(directory, path, flags, mode);
}

static int system_close(void *context, int fd)
{
	(void)context;
	return close(fd);
}

static ssize_t system_read(void *context, int fd, void *buffer, size_t size)
{
	(void)context;
	return read(fd, buffer, size);
}

static ssize_t system_preadv(void *context, int fd, const struct iovec *parts, int count, off_t at)
{
	(void)context;
	return preadv(fd, parts, count, at);
}

static ssize_t system_write(void *context, int fd, const void *buffer, size_t size)
{
	(void)context;
	return write(fd, buffer, size);
}

static ssize_t system_pwritev(void *context, int fd, const struct iovec *parts, int count, off_t at)
{
	(void)context;
	return pwritev(fd, parts, count, at);
}

static int system_fstat(void *context, int fd, struct stat *ret_stat)
{
	(void)context;
	return fstat(fd, ret_stat);
}

static int system_fstatat(
	void *context, int directory, const char *path, struct stat *ret_stat, int flags)
{
	(void)context;
	return fstatat(directory, path, ret_stat, flags);
}

static ssize_t system_readlinkat(
	void *context, int directory, const char *path, char *buffer, size_t size)
{
	(void)context;
	return readlinkat(directory, path, buffer, size);
}

static int system_ftruncate(void *context, int fd, off_t size)
{
	(void)context;
	return ftruncate(fd, size);
}

static int system_fchmod(void *context, int fd, mode_t mode)
{
	(void)context;
	return fchmod(fd, mode);
}

static int system_fsync(void *context, int fd)
{
	(void)context;
	return fsync(fd);
}

/* By way of /proc, which needs no privilege; without /proc newer kernels take the descriptor. */
static int system_link_fd(void *context, int fd, int directory, const char *path)
{
	char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	int first_errno;

	(void)context;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, link, directory, path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != ENOENT && errno != EACCES && errno != ENOTDIR)
		return -1;
	first_errno = errno;
	if (linkat(fd, "", directory, path, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != EEXIST)
		errno = first_errno;
	return -1;
}

static int system_renameat2(void *context, int directory, const char *from, int to_directory,
	const char *to, unsigned flags)
{
	(void)context;
	/* Kernels and sandboxes without renameat2() still have the plain one. */
	if (!flags)
		return renameat(directory, from, to_directory, to);
	return renameat2(directory, from, to_directory, to, flags);
}

static int system_linkat(
	void *context, int directory, const char *from, int to_directory, const char *to, int flags)
{
	(void)context;
	return linkat(directory, from, to_directory, to, flags);
}

static int system_unlinkat(void *context, int directory, const char *path, int flags)
{
	(void)context;
	return unlinkat(directory, path, flags);
}

static int system_wait_readable(void *context, int fd, int milliseconds)
{
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	int ready = poll(&waiting, 1, milliseconds);

	(void)context;
	if (ready > 0 && (waiting.revents & POLLNVAL)) {
		errno = EBADF;
		return -1;
	}
	return ready;
}

static ssize_t system_getdents(void *context, int fd, void *buffer, size_t size)
{
	(void)context;
	return getdents64(fd, buffer, size);
}

static int system_mkdirat(void *context, int directory, const char *path, mode_t mode)
{
	(void)context;
	return mkdirat(directory, path, mode);
}

static int system_symlinkat(void *context, const char *target, int directory, const char *path)
{
	(void)context;
	return symlinkat(target, directory, path);
}

static int system_mknodat(void *context, int directory, const char *path, mode_t mode, dev_t device)
{
	(void)context;
	return mknodat(directory, path, mode, device);
}

/* glibc 2.36 has no function for it. */
static int system_openat2(
	void *context, int directory, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {.flags = (unsigned)flags, .mode = mode, .resolve = resolve};

	(void)context;
	/* As openat() adds it; with O_PATH openat2() refuses it. */
	if (!(flags & O_PATH))
		how.flags |= O_LARGEFILE;
	return (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

static int system_fchownat(
	void *context, int directory, const char *path, uid_t owner, gid_t group, int flags)
{
	(void)context;
	return fchownat(directory, path, owner, group, flags);
}

static int system_fchmodat(void *context, int directory, const char *path, mode_t mode)
{
	(void)context;
	return fchmodat(directory, path, mode, 0);
}

static int system_utimensat(
	void *context, int directory, const char *path, const struct timespec times[2], int flags)
{
	(void)context;
	return utimensat(directory, path, times, flags);
}

static int system_statx(void *context, int directory, const char *path, int flags, unsigned mask,
	struct statx *ret_stat)
{
	(void)context;
	return statx(directory, path, flags, mask, ret_stat);
}

static ssize_t system_flistxattr(void *context, int fd, char *names, size_t size)
{
	(void)context;
	return flistxattr(fd, names, size);
}

static ssize_t system_fgetxattr(void *context, int fd, const char *name, void *value, size_t size)
{
	(void)context;
	return fgetxattr(fd, name, value, size);
}

static int system_fsetxattr(void *context, int fd, const char *name, const void *value, size_t size)
{
	(void)context;
	return fsetxattr(fd, name, value, size, 0);
}

static int system_fremovexattr(void *context, int fd, const char *name)
{
	(void)context;
	return fremovexattr(fd, name);
}

static ssize_t system_llistxattr(void *context, const char *path, char *names, size_t size)
{
	(void)context;
	return llistxattr(path, names, size);
}

static ssize_t system_lgetxattr(
	void *context, const char *path, const char *name, void *value, size_t size)
{
	(void)context;
	return lgetxattr(path, name, value, size);
}

static int system_lsetxattr(
	void *context, const char *path, const char *name, const void *value, size_t size)
{
	(void)context;
	return lsetxattr(path, name, value, size, 0);
}

static off_t system_lseek(void *context, int fd, off_t at, int whence)
{
	(void)context;
	return lseek(fd, at, whence);
}

static int system_fallocate(void *context, int fd, int mode, off_t at, off_t size)
{
	(void)context;
	return fallocate(fd, mode, at, size);
}

static int system_fstatvfs(void *context, int fd, struct statvfs *ret_stat)
{
	(void)context;
	return fstatvfs(fd, ret_stat);
}

static int system_flock(void *context, int fd, int operation)
{
	(void)context;
	return flock(fd, operation);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) != 0 || now.tv_sec < 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t system_clock_real_ns(void *context)
{
	(void)context;
	return clock_ns(CLOCK_REALTIME);
}

static uint64_t system_clock_monotonic_ns(void *context)
{
	(void)context;
	return clock_ns(CLOCK_MONOTONIC);
}

static int system_random(void *context, void *buffer, size_t size)
{
	uint8_t *next = buffer;

	(void)context;
	while (size) {
		ssize_t got = getrandom(next, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		next += got;
		size -= (size_t)got;
	}
	return 0;
}

static void system_sleep_ns(void *context, uint64_t duration_ns)
{
	struct timespec duration = {.tv_sec = (time_t)(duration_ns / 1000000000),
		.tv_nsec = (long)(duration_ns % 1000000000)};

	(void)context;
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, NULL);
}

static const struct sherd_env_files system_files = {
	.openat = system_openat,
	.close = system_close,
	.read = system_read,
	.preadv = system_preadv,
	.write = system_write,
	.pwritev = system_pwritev,
	.fstat = system_fstat,
	.fstatat = system_fstatat,
	.readlinkat = system_readlinkat,
	.ftruncate = system_ftruncate,
	.fchmod = system_fchmod,
	.fsync = system_fsync,
	.link_fd = system_link_fd,
	.renameat2 = system_renameat2,
	.linkat = system_linkat,
	.unlinkat = system_unlinkat,
	.wait_readable = system_wait_readable,
	.getdents = system_getdents,
	.mkdirat = system_mkdirat,
	.symlinkat = system_symlinkat,
	.mknodat = system_mknodat,
	.openat2 = system_openat2,
	.fchownat = system_fchownat,
	.fchmodat = system_fchmodat,
	.utimensat = system_utimensat,
	.statx = system_statx,
	.flistxattr = system_flistxattr,
	.fgetxattr = system_fgetxattr,
	.fsetxattr = system_fsetxattr,
	.fremovexattr = system_fremovexattr,
	.llistxattr = system_llistxattr,
	.lgetxattr = system_lgetxattr,
	.lsetxattr = system_lsetxattr,
	.lseek = system_lseek,
	.fallocate = system_fallocate,
	.fstatvfs = system_fstatvfs,
	.flock = system_flock,
};

const struct sherd_env *env_system(void)
{
	static const struct sherd_env system_env = {
		.files = &system_files,
		.clock_real_ns = system_clock_real_ns,
		.clock_monotonic_ns = system_clock_monotonic_ns,
		.random = system_random,
		.sleep_ns = system_sleep_ns,
	};

	return &system_env;
}

const struct sherd_env *env_or_system(const struct sherd_env *env)
{
	return env ? env : env_system();
}

/* The parts of a transfer that is under way. */
struct parts {
	struct iovec *next;
	size_t count;
};

static void skip_empty(struct parts *p)
{
	while (p->count && p->next->iov_len == 0) {
		p->next++;
		p->count--;
	}
}

/* Step over ${moved} bytes, no more than there are. */
static void advance(struct parts *p, size_t moved)
{
	skip_empty(p);
	while (moved) {
		size_t step;

		assert(p->count);
		step = INT_MIN_OF(moved, p->next->iov_len);
		p->next->iov_base = (uint8_t *)p->next->iov_base + step;
		p->next->iov_len -= step;
		moved -= step;
		skip_empty(p);
	}
}

static int batch_of(const struct parts *p)
{
	return (int)INT_MIN_OF(p->count, (size_t)IOV_MAX);
}

int env_preadv(const struct sherd_env *env, int fd, struct iovec *parts, size_t count, uint64_t at,
	size_t *ret_got)
{
	struct parts p = {parts, count};
	size_t total = 0;

	skip_empty(&p);
	while (p.count) {
		ssize_t got;

		if (at > INT64_MAX) {
			errno = EOVERFLOW;
			return -1;
		}
		got = env->files->preadv(env->context, fd, p.next, batch_of(&p), (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		advance(&p, (size_t)got);
		at += (uint64_t)got;
		total += (size_t)got;
	}
	*ret_got = total;
	return 0;
}

int env_pwritev(const struct sherd_env *env, int fd, struct iovec *parts, size_t count, uint64_t at)
{
	struct parts p = {parts, count};

	skip_empty(&p);
	while (p.count) {
		ssize_t put;

		if (at > INT64_MAX) {
			errno = EFBIG;
			return -1;
		}
		put = env->files->pwritev(env->context, fd, p.next, batch_of(&p), (off_t)at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		if (put == 0) {
			/* Accepts nothing and gives no reason: the like of a full device. */
			errno = ENOSPC;
			return -1;
		}
		advance(&p, (size_t)put);
		at += (uint64_t)put;
	}
	return 0;
}

int env_pread(const struct sherd_env *env, int fd, void *buffer, size_t size, uint64_t at,
	size_t *ret_got)
{
	struct iovec part = {buffer, size};

	return env_preadv(env, fd, &part, 1, at, ret_got);
}

/* An iovec has no const; pwritev() only reads what it points to. */
static void *without_const(const void *p)
{
	union {
		const void *from;
		void *to;
	} u = {p};

	return u.to;
}

int env_pwrite(const struct sherd_env *env, int fd, const void *buffer, size_t size, uint64_t at)
{
	struct iovec part = {without_const(buffer), size};

	return env_pwritev(env, fd, &part, 1, at);
}

int env_write(const struct sherd_env *env, int fd, const void *buffer, size_t size)
{
	const uint8_t *next = buffer;

	while (size) {
		ssize_t put = env->files->write(env->context, fd, next, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		if (put == 0) {
			errno = ENOSPC;
			return -1;
		}
		assert((size_t)put <= size);
		next += put;
		size -= (size_t)put;
	}
	return 0;
}

void env_close(const struct sherd_env *env, int fd)
{
	int saved = errno;

	/* Not again after EINTR: on Linux the descriptor is gone, and may be another's by then. */
	if (fd >= 0)
		env->files->close(env->context, fd);
	errno = saved;
}
