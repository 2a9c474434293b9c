/* SPDX-License-Identifier: MIT */
/*
 * target.c - links are followed one by one, since the new file must be made in the folder where
 * they end, also when nothing is there yet. The kernel is asked first all the same: it follows what
 * is no path, too (/dev/stdout may lead to a pipe), and refuses links that are traps (a stranger's
 * link in a folder that everybody may write to). What it finds and what we find must be one file.
 */
#include <base/target.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

#define LINKS_MAX 40 /* symbolic links followed, as the kernel does */

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	case S_IFIFO:
		return "a pipe";
	case S_IFSOCK:
		return "a socket";
	case S_IFLNK:
		return "a symbolic link";
	default:
		return "no regular file";
	}
}

int target_check(
	const char *path, const struct stat *there, bool overwrite, struct sherd_error *err)
{
	if (!S_ISREG(there->st_mode))
		return err_set(err, SHERD_EXISTS, "'%s' is %s, which is never replaced", path,
			kind_of(there->st_mode));
	if (!overwrite)
		return err_set(err, SHERD_EXISTS, "'%s' exists already", path);
	return 0;
}

bool target_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

size_t target_folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Where the link at ${path} points, as seen from where ${path} is seen from. */
static int follow_link(
	const struct sherd_env *env, const char *path, char **ret_path, struct sherd_error *err)
{
	char target[PATH_MAX];
	ssize_t length =
		env->files->readlinkat(env->context, AT_FDCWD, path, target, sizeof(target) - 1);
	size_t folder;
	char *followed;

	if (length < 0)
		return err_system(err, errno, "cannot read the link '%s'", path);
	target[length] = '\0';
	folder = target[0] == '/' ? 0 : target_folder_length(path);
	if (folder > INT_MAX)
		return err_system(err, ENAMETOOLONG, "cannot follow the link '%s'", path);
	followed = mem_format("%.*s%s", (int)folder, path, target);
	if (!followed)
		return err_nomem(err);
	*ret_path = followed;
	return 0;
}

/*
 * Follow the links from ${path} on, which is replaced, until it names something that is no link,
 * or nothing: ${ret_stat} is all zero then.
 */
static int follow_links(
	const struct sherd_env *env, char **path, struct stat *ret_stat, struct sherd_error *err)
{
	struct stat st;

	for (unsigned links = 0; links <= LINKS_MAX; links++) {
		char *followed;
		int r;

		if (env->files->fstatat(env->context, AT_FDCWD, *path, &st, AT_SYMLINK_NOFOLLOW) !=
			0) {
			if (errno != ENOENT)
				return err_system(err, errno, "cannot look at '%s'", *path);
			*ret_stat = (struct stat){0};
			return 0;
		}
		if (!S_ISLNK(st.st_mode)) {
			*ret_stat = st;
			return 0;
		}
		r = follow_link(env, *path, &followed, err);
		if (r)
			return r;
		mem_free(*path);
		*path = followed;
	}
	return err_system(err, ELOOP, "cannot follow the link '%s'", *path);
}

int target_find(const struct sherd_env *env, const char *path, bool overwrite, char **ret_path,
	struct stat *ret_stat, struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *end = NULL;
	struct stat found = {0};
	struct stat seen;
	bool exists;
	int r;

	exists = env->files->fstatat(env->context, AT_FDCWD, path, &seen, 0) == 0;
	if (!exists && errno != ENOENT)
		return err_system(err, errno, "cannot look at '%s'", path);
	r = exists ? target_check(path, &seen, overwrite, err) : 0;
	if (r)
		return r;
	end = mem_format("%s", path);
	if (!end)
		return err_nomem(err);
	r = follow_links(env, &end, &found, err);
	if (r)
		return r;
	r = found.st_mode ? target_check(end, &found, overwrite, err) : 0;
	if (r)
		return r;
	if (exists && (!found.st_mode || !target_same_file(&seen, &found)))
		return err_set(
			err, SHERD_IO, "'%s' leads to a file that has no path of its own", path);
	*ret_stat = found;
	*ret_path = TAKE(end);
	return 0;
}
