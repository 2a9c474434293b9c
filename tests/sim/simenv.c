/* SPDX-License-Identifier: MIT */
#include "simenv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <base/intmath.h>

/* ---- chance ---- */

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void simrandom_init(struct simrandom *r, uint64_t seed)
{
	for (size_t i = 0; i < ARRAY_COUNT(r->state); i++)
		r->state[i] = splitmix(&seed);
}

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

uint64_t simrandom_next(struct simrandom *r)
{
	uint64_t *s = r->state;
	uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t simrandom_below(struct simrandom *r, uint64_t limit)
{
	return simrandom_next(r) % limit;
}

bool simrandom_chance(struct simrandom *r, unsigned of, unsigned in)
{
	return simrandom_below(r, in) < of;
}

/* ---- the world ---- */

enum { tick_ns = 1000 };

void simworld_init(struct simworld *w)
{
	*w = (struct simworld){.now_ns = UINT64_C(1790000000) * 1000000000};
}

/* ---- one device ---- */

void simenv_power(struct simenv *e, uint64_t off_at)
{
	e->off = false;
	e->steps = 0;
	e->off_at = off_at;
}

bool simenv_step(struct simenv *e)
{
	e->world->now_ns += tick_ns;
	if (e->off)
		return false;
	if (++e->steps == e->off_at)
		e->off = true;
	return !e->off;
}

static const struct sherd_env_files *real(void)
{
	return env_system()->files;
}

static bool dead(void *context)
{
	if (simenv_step(context))
		return false;
	errno = EIO;
	return true;
}

/* A file's number is the time it was written, of which there is only one; numbers of a real file
 * system are used again. */
static uint64_t number_of(bool folder, int64_t s, uint64_t ns)
{
	return folder ? 2 : (uint64_t)s * 1000000000 + ns;
}

static void veil(struct stat *s)
{
	s->st_dev = 1;
	if (S_ISDIR(s->st_mode)) {
		/* Folders above the simulated ones belong to a machine that lives. */
		s->st_mtim = (struct timespec){.tv_sec = 1000000000};
		s->st_nlink = 2;
		s->st_size = 4096;
	}
	s->st_ctim = s->st_mtim;
	s->st_ino = number_of(S_ISDIR(s->st_mode), s->st_mtim.tv_sec, (uint64_t)s->st_mtim.tv_nsec);
	s->st_atim = s->st_mtim;
}

static int sim_openat(void *context, int directory, const char *path, int flags, mode_t mode)
{
	/* Reading is no step. A device that is off reads nothing. */
	struct simenv *e = context;

	if (flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)) {
		if (dead(e))
			return -1;
	} else if (e->off) {
		errno = EIO;
		return -1;
	}
	return real()->openat(NULL, directory, path, flags, mode);
}

static int sim_close(void *context, int fd)
{
	(void)context;
	return real()->close(NULL, fd);
}

static ssize_t sim_read(void *context, int fd, void *buffer, size_t size)
{
	(void)context;
	return real()->read(NULL, fd, buffer, size);
}

static ssize_t sim_preadv(void *context, int fd, const struct iovec *parts, int count, off_t at)
{
	(void)context;
	return real()->preadv(NULL, fd, parts, count, at);
}

static ssize_t sim_write(void *context, int fd, const void *buffer, size_t size)
{
	return dead(context) ? -1 : real()->write(NULL, fd, buffer, size);
}

static ssize_t sim_pwritev(void *context, int fd, const struct iovec *parts, int count, off_t at)
{
	return dead(context) ? -1 : real()->pwritev(NULL, fd, parts, count, at);
}

static int sim_fstat(void *context, int fd, struct stat *ret_stat)
{
	int r = real()->fstat(NULL, fd, ret_stat);

	(void)context;
	if (!r)
		veil(ret_stat);
	return r;
}

static int sim_fstatat(
	void *context, int directory, const char *path, struct stat *ret_stat, int flags)
{
	int r = real()->fstatat(NULL, directory, path, ret_stat, flags);

	(void)context;
	if (!r)
		veil(ret_stat);
	return r;
}

static int sim_statx(void *context, int directory, const char *path, int flags, unsigned mask,
	struct statx *ret_stat)
{
	int r = real()->statx(NULL, directory, path, flags, mask, ret_stat);

	(void)context;
	if (r)
		return r;
	ret_stat->stx_dev_major = 0;
	ret_stat->stx_dev_minor = 1;
	if (S_ISDIR(ret_stat->stx_mode)) {
		ret_stat->stx_mtime = (struct statx_timestamp){.tv_sec = 1000000000};
		ret_stat->stx_nlink = 2;
		ret_stat->stx_size = 4096;
	}
	ret_stat->stx_ctime = ret_stat->stx_mtime;
	ret_stat->stx_atime = ret_stat->stx_mtime;
	ret_stat->stx_btime = ret_stat->stx_mtime;
	ret_stat->stx_ino = number_of(S_ISDIR(ret_stat->stx_mode), ret_stat->stx_mtime.tv_sec,
		ret_stat->stx_mtime.tv_nsec);
	return 0;
}

static ssize_t sim_readlinkat(
	void *context, int directory, const char *path, char *buffer, size_t size)
{
	(void)context;
	return real()->readlinkat(NULL, directory, path, buffer, size);
}

static int sim_ftruncate(void *context, int fd, off_t size)
{
	return dead(context) ? -1 : real()->ftruncate(NULL, fd, size);
}

static int sim_fchmod(void *context, int fd, mode_t mode)
{
	return dead(context) ? -1 : real()->fchmod(NULL, fd, mode);
}

static int sim_fsync(void *context, int fd)
{
	/* The file system is not what is simulated: what was written stays written. */
	(void)fd;
	return dead(context) ? -1 : 0;
}

static int sim_link_fd(void *context, int fd, int directory, const char *path)
{
	return dead(context) ? -1 : real()->link_fd(NULL, fd, directory, path);
}

static int sim_renameat2(void *context, int directory, const char *from, int to_directory,
	const char *to, unsigned flags)
{
	return dead(context) ? -1
			     : real()->renameat2(NULL, directory, from, to_directory, to, flags);
}

static int sim_linkat(
	void *context, int directory, const char *from, int to_directory, const char *to, int flags)
{
	return dead(context) ? -1 : real()->linkat(NULL, directory, from, to_directory, to, flags);
}

static int sim_unlinkat(void *context, int directory, const char *path, int flags)
{
	return dead(context) ? -1 : real()->unlinkat(NULL, directory, path, flags);
}

static int sim_mkdirat(void *context, int directory, const char *path, mode_t mode)
{
	return dead(context) ? -1 : real()->mkdirat(NULL, directory, path, mode);
}

static int sim_utimensat(
	void *context, int directory, const char *path, const struct timespec times[2], int flags)
{
	return dead(context) ? -1 : real()->utimensat(NULL, directory, path, times, flags);
}

/* Extended attributes of this machine's file system are not part of the simulated world. */
static ssize_t sim_flistxattr(void *context, int fd, char *names, size_t size)
{
	(void)context;
	(void)fd;
	(void)names;
	(void)size;
	return 0;
}

static ssize_t sim_llistxattr(void *context, const char *path, char *names, size_t size)
{
	(void)context;
	(void)path;
	(void)names;
	(void)size;
	return 0;
}

static uint64_t sim_clock(void *context)
{
	struct simenv *e = context;

	return e->world->now_ns += tick_ns;
}

static int sim_random(void *context, void *buffer, size_t size)
{
	struct simenv *e = context;
	uint8_t *bytes = buffer;

	for (size_t i = 0; i < size; i++)
		bytes[i] = e->frozen_random ? 0x5a : (uint8_t)simrandom_next(&e->random);
	return 0;
}

static void sim_sleep(void *context, uint64_t duration_ns)
{
	struct simenv *e = context;

	e->world->now_ns += duration_ns;
}

static struct sherd_env_files files;

void simenv_init(struct simenv *e, struct simworld *world, uint64_t seed)
{
	/* Everything that is not named here is the system's. */
	files = *real();
	files.openat = sim_openat;
	files.close = sim_close;
	files.read = sim_read;
	files.preadv = sim_preadv;
	files.write = sim_write;
	files.pwritev = sim_pwritev;
	files.fstat = sim_fstat;
	files.fstatat = sim_fstatat;
	files.statx = sim_statx;
	files.readlinkat = sim_readlinkat;
	files.ftruncate = sim_ftruncate;
	files.fchmod = sim_fchmod;
	files.fsync = sim_fsync;
	files.link_fd = sim_link_fd;
	files.renameat2 = sim_renameat2;
	files.linkat = sim_linkat;
	files.unlinkat = sim_unlinkat;
	files.mkdirat = sim_mkdirat;
	files.utimensat = sim_utimensat;
	files.flistxattr = sim_flistxattr;
	files.llistxattr = sim_llistxattr;
	*e = (struct simenv){.world = world};
	simrandom_init(&e->random, seed);
	e->env = (struct sherd_env){
		.context = e,
		.files = &files,
		.clock_real_ns = sim_clock,
		.clock_monotonic_ns = sim_clock,
		.random = sim_random,
		.sleep_ns = sim_sleep,
	};
}
