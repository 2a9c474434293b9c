/* SPDX-License-Identifier: MIT */
/*
 * source.c - names and numbers of a source tree. A folder costs one open and a few getdents, each
 * name in it one statx relative to the folder's descriptor; no path is ever looked up twice.
 */
#include <repo/source.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h> /* SEEK_DATA, SEEK_HOLE */

#include <base/alloc.h>
#include <base/intmath.h>

#define STATX_WANTED (STATX_BASIC_STATS | STATX_BTIME)
#define NAMES_FIRST 64

/* --- numbers --- */

static void from_statx(const struct statx *x, struct source_stat *ret)
{
	*ret = (struct source_stat){
		.device = makedev(x->stx_dev_major, x->stx_dev_minor),
		.inode = x->stx_ino,
		.length = x->stx_size,
		.blocks = x->stx_blocks,
		.links = x->stx_nlink,
		.uid = x->stx_uid,
		.gid = x->stx_gid,
		.type_mode = x->stx_mode,
		.mtime_s = x->stx_mtime.tv_sec,
		.mtime_ns = x->stx_mtime.tv_nsec,
		.ctime_s = x->stx_ctime.tv_sec,
		.ctime_ns = x->stx_ctime.tv_nsec,
		.rdev_major = x->stx_rdev_major,
		.rdev_minor = x->stx_rdev_minor,
	};
	if (x->stx_mask & STATX_BTIME) {
		ret->has_btime = true;
		ret->btime_s = x->stx_btime.tv_sec;
		ret->btime_ns = x->stx_btime.tv_nsec;
	}
}

static void from_stat(const struct stat *s, struct source_stat *ret)
{
	*ret = (struct source_stat){
		.device = s->st_dev,
		.inode = s->st_ino,
		.length = (uint64_t)s->st_size,
		.blocks = (uint64_t)s->st_blocks,
		.links = (uint32_t)s->st_nlink,
		.uid = s->st_uid,
		.gid = s->st_gid,
		.type_mode = s->st_mode,
		.mtime_s = s->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)s->st_mtim.tv_nsec,
		.ctime_s = s->st_ctim.tv_sec,
		.ctime_ns = (uint32_t)s->st_ctim.tv_nsec,
		.rdev_major = major(s->st_rdev),
		.rdev_minor = minor(s->st_rdev),
	};
}

int source_stat(const struct sherd_env *env, int folder, const char *name, struct source_stat *ret)
{
	int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);
	struct statx x;
	struct stat s;

	if (env->files->statx(env->context, folder, name, flags, STATX_WANTED, &x) == 0) {
		from_statx(&x, ret);
		return 0;
	}
	if (errno != ENOSYS &&
		errno != EPERM) /* old sandboxes answer EPERM to calls they do not know */
		return errno;
	if (env->files->fstatat(env->context, folder, name, &s, flags) != 0)
		return errno;
	from_stat(&s, ret);
	return 0;
}

bool source_same(const struct source_stat *a, const struct source_stat *b)
{
	return a->device == b->device && a->inode == b->inode && a->length == b->length &&
	       a->type_mode == b->type_mode && a->mtime_s == b->mtime_s &&
	       a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns;
}

static uint8_t type_of(uint32_t mode)
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
	case S_IFBLK:
		return TREE_BLOCK;
	default:
		return 0;
	}
}

void source_fill(const struct source_stat *st, struct tree_entry *e)
{
	e->type = type_of(st->type_mode);
	e->mode = st->type_mode & 07777;
	e->uid = st->uid;
	e->gid = st->gid;
	e->links = st->links;
	e->mtime_s = st->mtime_s;
	e->mtime_ns = st->mtime_ns;
	e->ctime_s = st->ctime_s;
	e->ctime_ns = st->ctime_ns;
	e->has_btime = st->has_btime;
	e->btime_s = st->btime_s;
	e->btime_ns = st->btime_ns;
	e->inode = st->inode;
	e->length = e->type == TREE_FILE ? st->length : 0;
	e->has_link = e->type != TREE_FOLDER && st->links > 1;
	e->link_device = e->has_link ? st->device : 0;
	e->link_inode = e->has_link ? st->inode : 0;
	if (e->type == TREE_CHARACTER || e->type == TREE_BLOCK) {
		e->device_major = st->rdev_major;
		e->device_minor = st->rdev_minor;
	}
}

int source_open(const struct sherd_env *env, int folder, const char *name, enum source_kind kind,
	bool quiet, int *ret_fd)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

	if (kind != SOURCE_FILE)
		flags |= O_DIRECTORY;
	if (kind != SOURCE_FOLDER_FOLLOWED)
		flags |= O_NOFOLLOW;
	if (quiet) {
		*ret_fd = env->files->openat(env->context, folder, name, flags | O_NOATIME, 0);
		if (*ret_fd >= 0)
			return 0;
		if (errno != EPERM)
			return errno;
	}
	*ret_fd = env->files->openat(env->context, folder, name, flags, 0);
	return *ret_fd >= 0 ? 0 : errno;
}

/* --- names --- */

/* What getdents64() writes. */
struct dent {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};
#define DENT_NAME_AT 19

static bool make_room(struct source_names *names)
{
	size_t room = names->room ? names->room * 2 : NAMES_FIRST;
	uint32_t *order = mem_array(room, sizeof(*order));

	if (!order)
		return false;
	if (names->count)
		memcpy(order, names->order, names->count * sizeof(*order));
	mem_free(names->order);
	names->order = order;
	names->room = room;
	return true;
}

int source_names_add(struct source_names *names, const char *name)
{
	if (names->arena.size > UINT32_MAX - TREE_NAME_MAX - 1)
		return EOVERFLOW;
	if (names->count == names->room && !make_room(names))
		return ENOMEM;
	names->order[names->count] = (uint32_t)names->arena.size;
	bytes_add(&names->arena, name, strlen(name) + 1);
	if (names->arena.failed)
		return ENOMEM;
	names->count++;
	return 0;
}

static int by_name(const void *a, const void *b, void *arena)
{
	const char *names = arena;
	uint32_t first, second;

	memcpy(&first, a, sizeof(first));
	memcpy(&second, b, sizeof(second));
	return strcmp(names + first, names + second);
}

void source_names_sort(struct source_names *names)
{
	if (names->count > 1)
		qsort_r(names->order, names->count, sizeof(*names->order), by_name,
			names->arena.data);
}

void source_names_release(struct source_names *names)
{
	bytes_release(&names->arena);
	mem_free(names->order);
	*names = (struct source_names){0};
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* The records of one getdents(); EIO if they are not what the kernel would write. */
static int take_dents(const uint8_t *buffer, size_t size, struct source_names *names)
{
	for (size_t at = 0; at < size;) {
		uint16_t record;
		const char *name;
		int failed;

		if (size - at <= DENT_NAME_AT)
			return EIO;
		memcpy(&record, buffer + at + offsetof(struct dent, size), sizeof(record));
		name = (const char *)buffer + at + DENT_NAME_AT;
		if (record <= DENT_NAME_AT || record > size - at ||
			!memchr(name, '\0', record - DENT_NAME_AT))
			return EIO;
		at += record;
		if (is_dots(name))
			continue;
		if (!*name || strchr(name, '/') || strlen(name) > TREE_NAME_MAX)
			return EIO;
		failed = source_names_add(names, name);
		if (failed)
			return failed;
	}
	return 0;
}

int source_names_read(const struct sherd_env *env, int fd, void *buffer, struct source_names *names)
{
	bytes_clear(&names->arena);
	names->count = 0;
	for (;;) {
		ssize_t n = env->files->getdents(env->context, fd, buffer, SOURCE_DENTS_SIZE);
		int failed;

		if (n < 0)
			return errno;
		if (n == 0)
			break;
		failed = take_dents(buffer, (size_t)n, names);
		if (failed)
			return failed;
	}
	source_names_sort(names);
	return 0;
}

bool source_names_have(const struct source_names *names, const char *name)
{
	size_t low = 0, high = names->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(source_names_at(names, middle), name);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* --- holes --- */

void source_data(const struct sherd_env *env, int fd, uint64_t at, uint64_t end, uint64_t *ret_data,
	uint64_t *ret_hole)
{
	off_t data = env->files->lseek(env->context, fd, (off_t)at, SEEK_DATA);
	off_t hole;

	*ret_data = at;
	*ret_hole = end;
	if (data < 0) {
		if (errno == ENXIO) /* a hole up to the end of the file */
			*ret_data = end;
		return;
	}
	if ((uint64_t)data >= end) {
		*ret_data = end;
		return;
	}
	*ret_data = INT_MAX_OF((uint64_t)data, at);
	hole = env->files->lseek(env->context, fd, (off_t)*ret_data, SEEK_HOLE);
	if (hole > (off_t)*ret_data && (uint64_t)hole < end)
		*ret_hole = (uint64_t)hole;
}
