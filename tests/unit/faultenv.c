/* SPDX-License-Identifier: MIT */
/* faultenv.c - each function asks blocked() whether to fail and else calls env_system(). */
#include "faultenv.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <base/intmath.h>

/* A process that dies frees nothing; as another program it has nothing for leak checkers to find.
 */
static void die(void)
{
	char command[16];

	snprintf(command, sizeof(command), "exit %d", FAULTENV_DIED);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(FAULTENV_DIED);
}

/* Calls after which the file system is another than before, opening aside. */
static bool changes(enum faultenv_call call)
{
	switch (call) {
	case FAULTENV_WRITE:
	case FAULTENV_PWRITEV:
	case FAULTENV_FTRUNCATE:
	case FAULTENV_FCHMOD:
	case FAULTENV_FSYNC:
	case FAULTENV_LINK_FD:
	case FAULTENV_RENAMEAT2:
	case FAULTENV_LINKAT:
	case FAULTENV_UNLINKAT:
	case FAULTENV_MKDIRAT:
	case FAULTENV_SYMLINKAT:
	case FAULTENV_MKNODAT:
	case FAULTENV_FCHOWNAT:
	case FAULTENV_FCHMODAT:
	case FAULTENV_UTIMENSAT:
	case FAULTENV_FSETXATTR:
	case FAULTENV_FREMOVEXATTR:
	case FAULTENV_LSETXATTR:
	case FAULTENV_FALLOCATE:
		return true;
	default:
		return false;
	}
}

/* What the system says the descriptor is, with the path behind it if there is one. */
static bool is_below(const char *folder, int directory, const char *path)
{
	char link[32], name[2 * PATH_MAX];
	size_t length = strlen(folder);
	ssize_t got = 0;

	if (!path || path[0] != '/') {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", directory);
		got = readlink(directory == AT_FDCWD ? "/proc/self/cwd" : link, name, PATH_MAX);
		if (got < 0)
			return false;
	}
	snprintf(name + got, sizeof(name) - (size_t)got, "%s%s", got && path ? "/" : "",
		path ? path : "");
	return strncmp(name, folder, length) == 0 && (name[length] == '/' || !name[length]);
}

/* Whether the orders are about such a call at all. */
static bool is_meant(const struct faultenv *f, enum faultenv_call call, bool changing,
	int directory, const char *path)
{
	if (f->kind == FAULTENV_CHANGING ? !changing : f->kind != FAULTENV_ANY && f->kind != call)
		return false;
	return !f->below || is_below(f->below, directory, path);
}

/* Count the call; true, with errno set, if it must fail. */
static bool count_call(
	struct faultenv *f, enum faultenv_call call, bool changing, int directory, const char *path)
{
	unsigned long number;
	int none = -1;

	atomic_fetch_add(&f->counts[call], 1);
	if (!is_meant(f, call, changing, directory, path))
		return false;
	number = atomic_fetch_add(&f->counted, 1) + 1;
	if (f->die_at == number)
		die();
	if (!f->fail_at || number < f->fail_at || (number > f->fail_at && !f->fail_on))
		return false;
	atomic_compare_exchange_strong(&f->struck, &none, (int)call);
	errno = f->error;
	return true;
}

#define NOWHERE (-1) /* calls that are about no file */

static bool blocked(struct faultenv *f, enum faultenv_call call, int directory, const char *path)
{
	return count_call(f, call, changes(call), directory, path);
}

static bool blocked_open(
	struct faultenv *f, enum faultenv_call call, int directory, const char *path, int flags)
{
	bool making = (flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE;

	return count_call(f, call, making, directory, path);
}

static bool refused(int error)
{
	if (error)
		errno = error;
	return error != 0;
}

static const struct sherd_env_files *real(void)
{
	return env_system()->files;
}

static int fault_openat(void *context, int directory, const char *path, int flags, mode_t mode)
{
	struct faultenv *f = context;

	if (blocked_open(f, FAULTENV_OPENAT, directory, path, flags))
		return -1;
	if ((flags & O_TMPFILE) == O_TMPFILE && refused(f->no_tmpfile))
		return -1;
	return real()->openat(NULL, directory, path, flags, mode);
}

static int fault_close(void *context, int fd)
{
	bool fails = blocked(context, FAULTENV_CLOSE, fd, NULL);
	int error = errno;
	int r = real()->close(NULL, fd);

	if (fails)
		errno = error;
	return fails ? -1 : r;
}

static size_t shortened(const struct faultenv *f, size_t size)
{
	return f->short_max ? INT_MIN_OF(size, f->short_max) : size;
}

static ssize_t fault_read(void *context, int fd, void *buffer, size_t size)
{
	if (blocked(context, FAULTENV_READ, fd, NULL))
		return -1;
	return real()->read(NULL, fd, buffer, shortened(context, size));
}

static ssize_t fault_write(void *context, int fd, const void *buffer, size_t size)
{
	struct faultenv *f = context;

	if (blocked(f, FAULTENV_WRITE, fd, NULL))
		return -1;
	if (f->write_nothing)
		return 0;
	return real()->write(NULL, fd, buffer, shortened(f, size));
}

/* Copies of the parts, as many as kernels take, that hold no more than short_max bytes. */
static int shorten_parts(
	const struct faultenv *f, const struct iovec *parts, int count, struct iovec *ret_parts)
{
	size_t left = f->short_max ? f->short_max : SIZE_MAX;
	int used = 0;

	assert(count >= 0 && count <= IOV_MAX);
	while (used < count && left) {
		ret_parts[used] = parts[used];
		ret_parts[used].iov_len = INT_MIN_OF(parts[used].iov_len, left);
		left -= ret_parts[used].iov_len;
		used++;
	}
	return used;
}

static ssize_t fault_preadv(void *context, int fd, const struct iovec *parts, int count, off_t at)
{
	struct iovec fewer[IOV_MAX];

	if (blocked(context, FAULTENV_PREADV, fd, NULL))
		return -1;
	count = shorten_parts(context, parts, count, fewer);
	return real()->preadv(NULL, fd, fewer, count, at);
}

static ssize_t fault_pwritev(void *context, int fd, const struct iovec *parts, int count, off_t at)
{
	struct faultenv *f = context;
	struct iovec fewer[IOV_MAX];

	if (blocked(f, FAULTENV_PWRITEV, fd, NULL))
		return -1;
	if (f->write_nothing)
		return 0;
	count = shorten_parts(f, parts, count, fewer);
	return real()->pwritev(NULL, fd, fewer, count, at);
}

static int fault_fstat(void *context, int fd, struct stat *ret_stat)
{
	if (blocked(context, FAULTENV_FSTAT, fd, NULL))
		return -1;
	return real()->fstat(NULL, fd, ret_stat);
}

static int fault_fstatat(
	void *context, int directory, const char *path, struct stat *ret_stat, int flags)
{
	if (blocked(context, FAULTENV_FSTATAT, directory, path))
		return -1;
	return real()->fstatat(NULL, directory, path, ret_stat, flags);
}

static ssize_t fault_readlinkat(
	void *context, int directory, const char *path, char *buffer, size_t size)
{
	if (blocked(context, FAULTENV_READLINKAT, directory, path))
		return -1;
	return real()->readlinkat(NULL, directory, path, buffer, size);
}

static int fault_ftruncate(void *context, int fd, off_t size)
{
	if (blocked(context, FAULTENV_FTRUNCATE, fd, NULL))
		return -1;
	return real()->ftruncate(NULL, fd, size);
}

static int fault_fchmod(void *context, int fd, mode_t mode)
{
	if (blocked(context, FAULTENV_FCHMOD, fd, NULL))
		return -1;
	return real()->fchmod(NULL, fd, mode);
}

static int fault_fsync(void *context, int fd)
{
	if (blocked(context, FAULTENV_FSYNC, fd, NULL))
		return -1;
	return real()->fsync(NULL, fd);
}

static int fault_link_fd(void *context, int fd, int directory, const char *path)
{
	if (blocked(context, FAULTENV_LINK_FD, directory, path))
		return -1;
	return real()->link_fd(NULL, fd, directory, path);
}

static int fault_renameat2(void *context, int directory, const char *from, int to_directory,
	const char *to, unsigned flags)
{
	struct faultenv *f = context;

	if (blocked(f, FAULTENV_RENAMEAT2, directory, from))
		return -1;
	if (flags && refused(f->no_flags))
		return -1;
	return real()->renameat2(NULL, directory, from, to_directory, to, flags);
}

static int fault_linkat(
	void *context, int directory, const char *from, int to_directory, const char *to, int flags)
{
	struct faultenv *f = context;

	if (blocked(f, FAULTENV_LINKAT, directory, from) || refused(f->no_link))
		return -1;
	return real()->linkat(NULL, directory, from, to_directory, to, flags);
}

static int fault_unlinkat(void *context, int directory, const char *path, int flags)
{
	if (blocked(context, FAULTENV_UNLINKAT, directory, path))
		return -1;
	return real()->unlinkat(NULL, directory, path, flags);
}

static int fault_wait_readable(void *context, int fd, int milliseconds)
{
	if (blocked(context, FAULTENV_WAIT_READABLE, fd, NULL))
		return -1;
	return real()->wait_readable(NULL, fd, milliseconds);
}

static ssize_t fault_getdents(void *context, int fd, void *buffer, size_t size)
{
	if (blocked(context, FAULTENV_GETDENTS, fd, NULL))
		return -1;
	return real()->getdents(NULL, fd, buffer, size);
}

static int fault_mkdirat(void *context, int directory, const char *path, mode_t mode)
{
	if (blocked(context, FAULTENV_MKDIRAT, directory, path))
		return -1;
	return real()->mkdirat(NULL, directory, path, mode);
}

static int fault_symlinkat(void *context, const char *target, int directory, const char *path)
{
	if (blocked(context, FAULTENV_SYMLINKAT, directory, path))
		return -1;
	return real()->symlinkat(NULL, target, directory, path);
}

static int fault_mknodat(void *context, int directory, const char *path, mode_t mode, dev_t device)
{
	if (blocked(context, FAULTENV_MKNODAT, directory, path))
		return -1;
	return real()->mknodat(NULL, directory, path, mode, device);
}

static int fault_openat2(
	void *context, int directory, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	if (blocked_open(context, FAULTENV_OPENAT2, directory, path, flags))
		return -1;
	return real()->openat2(NULL, directory, path, flags, mode, resolve);
}

static int fault_fchownat(
	void *context, int directory, const char *path, uid_t owner, gid_t group, int flags)
{
	if (blocked(context, FAULTENV_FCHOWNAT, directory, path))
		return -1;
	return real()->fchownat(NULL, directory, path, owner, group, flags);
}

static int fault_fchmodat(void *context, int directory, const char *path, mode_t mode)
{
	if (blocked(context, FAULTENV_FCHMODAT, directory, path))
		return -1;
	return real()->fchmodat(NULL, directory, path, mode);
}

static int fault_utimensat(
	void *context, int directory, const char *path, const struct timespec times[2], int flags)
{
	if (blocked(context, FAULTENV_UTIMENSAT, directory, path))
		return -1;
	return real()->utimensat(NULL, directory, path, times, flags);
}

static int fault_statx(void *context, int directory, const char *path, int flags, unsigned mask,
	struct statx *ret_stat)
{
	if (blocked(context, FAULTENV_STATX, directory, path))
		return -1;
	return real()->statx(NULL, directory, path, flags, mask, ret_stat);
}

static ssize_t fault_flistxattr(void *context, int fd, char *names, size_t size)
{
	if (blocked(context, FAULTENV_FLISTXATTR, fd, NULL))
		return -1;
	return real()->flistxattr(NULL, fd, names, size);
}

static ssize_t fault_fgetxattr(void *context, int fd, const char *name, void *value, size_t size)
{
	if (blocked(context, FAULTENV_FGETXATTR, fd, NULL))
		return -1;
	return real()->fgetxattr(NULL, fd, name, value, size);
}

static int fault_fsetxattr(void *context, int fd, const char *name, const void *value, size_t size)
{
	if (blocked(context, FAULTENV_FSETXATTR, fd, NULL))
		return -1;
	return real()->fsetxattr(NULL, fd, name, value, size);
}

static int fault_fremovexattr(void *context, int fd, const char *name)
{
	if (blocked(context, FAULTENV_FREMOVEXATTR, fd, NULL))
		return -1;
	return real()->fremovexattr(NULL, fd, name);
}

static ssize_t fault_llistxattr(void *context, const char *path, char *names, size_t size)
{
	if (blocked(context, FAULTENV_LLISTXATTR, AT_FDCWD, path))
		return -1;
	return real()->llistxattr(NULL, path, names, size);
}

static ssize_t fault_lgetxattr(
	void *context, const char *path, const char *name, void *value, size_t size)
{
	if (blocked(context, FAULTENV_LGETXATTR, AT_FDCWD, path))
		return -1;
	return real()->lgetxattr(NULL, path, name, value, size);
}

static int fault_lsetxattr(
	void *context, const char *path, const char *name, const void *value, size_t size)
{
	if (blocked(context, FAULTENV_LSETXATTR, AT_FDCWD, path))
		return -1;
	return real()->lsetxattr(NULL, path, name, value, size);
}

static off_t fault_lseek(void *context, int fd, off_t at, int whence)
{
	if (blocked(context, FAULTENV_LSEEK, fd, NULL))
		return -1;
	return real()->lseek(NULL, fd, at, whence);
}

static int fault_fallocate(void *context, int fd, int mode, off_t at, off_t size)
{
	if (blocked(context, FAULTENV_FALLOCATE, fd, NULL))
		return -1;
	return real()->fallocate(NULL, fd, mode, at, size);
}

static int fault_fstatvfs(void *context, int fd, struct statvfs *ret_stat)
{
	if (blocked(context, FAULTENV_FSTATVFS, fd, NULL))
		return -1;
	return real()->fstatvfs(NULL, fd, ret_stat);
}

static int fault_flock(void *context, int fd, int operation)
{
	if (blocked(context, FAULTENV_FLOCK, fd, NULL))
		return -1;
	return real()->flock(NULL, fd, operation);
}

static uint64_t fault_clock_real_ns(void *context)
{
	(void)context;
	return env_system()->clock_real_ns(NULL);
}

static uint64_t fault_clock_monotonic_ns(void *context)
{
	(void)context;
	return env_system()->clock_monotonic_ns(NULL);
}

static int fault_random(void *context, void *buffer, size_t size)
{
	if (blocked(context, FAULTENV_RANDOM, NOWHERE, NULL))
		return -1;
	return env_system()->random(NULL, buffer, size);
}

static void fault_sleep_ns(void *context, uint64_t duration_ns)
{
	const struct faultenv *f = context;

	if (!f->no_sleep)
		env_system()->sleep_ns(NULL, duration_ns);
}

static const struct sherd_env_files fault_files = {
	.openat = fault_openat,
	.close = fault_close,
	.read = fault_read,
	.preadv = fault_preadv,
	.write = fault_write,
	.pwritev = fault_pwritev,
	.fstat = fault_fstat,
	.fstatat = fault_fstatat,
	.readlinkat = fault_readlinkat,
	.ftruncate = fault_ftruncate,
	.fchmod = fault_fchmod,
	.fsync = fault_fsync,
	.link_fd = fault_link_fd,
	.renameat2 = fault_renameat2,
	.linkat = fault_linkat,
	.unlinkat = fault_unlinkat,
	.wait_readable = fault_wait_readable,
	.getdents = fault_getdents,
	.mkdirat = fault_mkdirat,
	.symlinkat = fault_symlinkat,
	.mknodat = fault_mknodat,
	.openat2 = fault_openat2,
	.fchownat = fault_fchownat,
	.fchmodat = fault_fchmodat,
	.utimensat = fault_utimensat,
	.statx = fault_statx,
	.flistxattr = fault_flistxattr,
	.fgetxattr = fault_fgetxattr,
	.fsetxattr = fault_fsetxattr,
	.fremovexattr = fault_fremovexattr,
	.llistxattr = fault_llistxattr,
	.lgetxattr = fault_lgetxattr,
	.lsetxattr = fault_lsetxattr,
	.lseek = fault_lseek,
	.fallocate = fault_fallocate,
	.fstatvfs = fault_fstatvfs,
	.flock = fault_flock,
};

void faultenv_init(struct faultenv *f)
{
	memset(f, 0, sizeof(*f));
	f->env = (struct sherd_env){
		.context = f,
		.files = &fault_files,
		.clock_real_ns = fault_clock_real_ns,
		.clock_monotonic_ns = fault_clock_monotonic_ns,
		.random = fault_random,
		.sleep_ns = fault_sleep_ns,
	};
	f->kind = FAULTENV_ANY;
	f->error = EIO;
	atomic_store(&f->struck, -1);
}

bool faultenv_struck(const struct faultenv *f)
{
	return atomic_load(&f->struck) >= 0;
}

const char *faultenv_name(int call)
{
	static const char *const names[] = {"openat", "close", "read", "preadv", "write", "pwritev",
		"fstat", "fstatat", "readlinkat", "ftruncate", "fchmod", "fsync", "link_fd",
		"renameat2", "linkat", "unlinkat", "wait_readable", "random", "getdents", "mkdirat",
		"symlinkat", "mknodat", "openat2", "fchownat", "fchmodat", "utimensat", "statx",
		"flistxattr", "fgetxattr", "fsetxattr", "fremovexattr", "llistxattr", "lgetxattr",
		"lsetxattr", "lseek", "fallocate", "fstatvfs", "flock"};

	static_assert(ARRAY_COUNT(names) == FAULTENV_CALLS, "one name for each call");
	return call >= 0 && call < FAULTENV_CALLS ? names[call] : "nothing";
}

unsigned faultenv_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	assert(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count - 3; /* ".", ".." and the folder's own */
}
