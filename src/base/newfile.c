/* SPDX-License-Identifier: MIT */
/*
 * newfile.c - nothing is lost, whatever fails: an old file keeps a name until the new one is whole
 * and in its place, and each step is one atomic call of the file system or can be undone.
 *
 * File systems differ in what they can do, so every step has a best way and plainer ones:
 *
 *   begin       a nameless file (O_TMPFILE): a crash leaves nothing behind. Else, and without
 *               /proc, by which a nameless file gets its name: a hidden temporary name.
 *   place new   link the nameless file, or rename with RENAME_NOREPLACE; both refuse to replace.
 *               Else link and unlink; else claim the name with an empty file (O_EXCL) and rename
 *               over that.
 *   replace     swap the two names (RENAME_EXCHANGE): the old file then has the hidden name. Else
 *               give the old file a second, hidden name and rename over the first; else, without
 *               links, rename the old file away first. Only in this last case a crash may leave
 *               nothing at the place; the old file is whole under its hidden name even then.
 *
 * A way is given up only for an errno by which file systems say that they do not know it.
 */
#include <base/newfile.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h> /* RENAME_EXCHANGE */
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/log.h>
#include <base/target.h>

#define TRIES_MAX 100     /* hidden names tried before giving up */
#define RACES_MAX 10      /* times the place may change under our hands */
#define NAME_PART_MAX 120 /* bytes of the name that its hidden one repeats; some file systems */
			  /* allow no more than 143 in all */
#define RANDOM_LETTERS 8
#define MODE_NEW 0666
#define MODE_BITS 0777

/* Makes something of that name: 0, or -1 with errno; EEXIST asks for another name. */
typedef int hidden_maker(struct newfile *f, const char *hidden);

static int open_folder(struct newfile *f, struct sherd_error *err)
{
	const struct sherd_env *env = f->env;
	size_t length = target_folder_length(f->path);
	CLEANUP(mem_free_at) char *folder = NULL;

	if (!f->path[length])
		return err_set(
			err, SHERD_NOTFOUND, "'%s' names a folder, and none is there", f->path);
	if (length > INT_MAX)
		return err_system(err, ENAMETOOLONG, "cannot open the folder of a file");
	f->name = mem_format("%s", f->path + length);
	folder = length ? mem_format("%.*s", (int)length, f->path) : mem_format(".");
	if (!f->name || !folder)
		return err_nomem(err);
	f->directory = env->files->openat(
		env->context, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (f->directory < 0)
		return err_system(err, errno, "cannot open the folder '%s'", folder);
	return 0;
}

/* --- hidden names --- */

/* Bytes of ${name} to repeat in its hidden name; never half a UTF-8 character. */
static int name_part(const char *name)
{
	size_t length = strnlen(name, NAME_PART_MAX);

	while (length > 1 && ((unsigned char)name[length] & 0xc0) == 0x80)
		length--;
	return (int)length;
}

static char *hidden_name(struct newfile *f)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t bytes[RANDOM_LETTERS];
	char part[RANDOM_LETTERS + 1];

	if (f->env->random(f->env->context, bytes, sizeof(bytes)) != 0)
		return NULL;
	for (size_t i = 0; i < RANDOM_LETTERS; i++)
		part[i] = letters[bytes[i] % 32];
	part[RANDOM_LETTERS] = '\0';
	errno = ENOMEM;
	return mem_format(".%.*s.%s.tmp", name_part(f->name), f->name, part);
}

/* Call make() with hidden names until one was free: 0 and that name, or an errno. */
static int try_hidden(struct newfile *f, hidden_maker *make, char **ret_hidden)
{
	for (unsigned i = 0; i < TRIES_MAX; i++) {
		CLEANUP(mem_free_at) char *hidden = hidden_name(f);

		if (!hidden)
			return errno;
		if (make(f, hidden) == 0) {
			*ret_hidden = TAKE(hidden);
			return 0;
		}
		if (errno != EEXIST)
			return errno;
	}
	return EBUSY;
}

static void unlink_quietly(struct newfile *f, const char *name)
{
	int saved = errno;

	if (f->env->files->unlinkat(f->env->context, f->directory, name, 0) != 0)
		log_warn("cannot remove the temporary file '%s' beside '%s'", name, f->path);
	errno = saved;
}

/* --- beginning --- */

static bool knows_no_tmpfile(int os_errno)
{
	return os_errno == EOPNOTSUPP || os_errno == EISDIR || os_errno == EINVAL ||
	       os_errno == ENOENT || os_errno == ENOSYS;
}

static int open_nameless(struct newfile *f)
{
	const struct sherd_env *env = f->env;
	struct stat proc;

	if (env->files->fstatat(env->context, AT_FDCWD, "/proc/self/fd", &proc, 0) != 0)
		return EOPNOTSUPP;
	f->fd = env->files->openat(
		env->context, f->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, MODE_NEW);
	return f->fd < 0 ? errno : 0;
}

static int open_hidden(struct newfile *f, const char *hidden)
{
	f->fd = f->env->files->openat(f->env->context, f->directory, hidden,
		O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, MODE_NEW);
	return f->fd < 0 ? -1 : 0;
}

static int begin(struct newfile *f)
{
	int failed = open_nameless(f);

	if (failed && knows_no_tmpfile(failed))
		failed = try_hidden(f, open_hidden, &f->temporary);
	return failed;
}

/* The new file is as open or closed to others as the one it replaces was. */
static int copy_mode(struct newfile *f, const struct stat *old, struct sherd_error *err)
{
	const struct sherd_env *env = f->env;
	struct stat st;

	if (env->files->fstat(env->context, f->fd, &st) != 0)
		return err_system(err, errno, "cannot look at the new '%s'", f->path);
	if (((st.st_mode ^ old->st_mode) & MODE_BITS) == 0)
		return 0;
	if (env->files->fchmod(env->context, f->fd, old->st_mode & MODE_BITS) != 0)
		return err_system(err, errno, "cannot give '%s' the mode it had", f->path);
	return 0;
}

static int open_steps(struct newfile *f, const char *path, struct sherd_error *err)
{
	struct stat old = {0};
	int r, failed;

	r = target_find(f->env, path, f->overwrite, &f->path, &old, err);
	if (r)
		return r;
	r = open_folder(f, err);
	if (r)
		return r;
	failed = begin(f);
	if (failed)
		return err_system(err, failed, "cannot create '%s'", f->path);
	return old.st_mode ? copy_mode(f, &old, err) : 0;
}

int newfile_open(struct newfile *f, const struct sherd_env *env, const char *path, bool overwrite,
	struct sherd_error *err)
{
	int r;

	*f = NEWFILE_INIT;
	f->env = env_or_system(env);
	f->overwrite = overwrite;
	r = open_steps(f, path, err);
	if (r)
		newfile_release(f);
	return r;
}

/* --- making it durable --- */

static int sync_fd(const struct sherd_env *env, int fd)
{
	int r;

	do
		r = env->files->fsync(env->context, fd);
	while (r != 0 && errno == EINTR);
	return r;
}

int newfile_sync(struct newfile *f, struct sherd_error *err)
{
	assert(f->fd >= 0);
	if (sync_fd(f->env, f->fd) != 0)
		return err_system(err, errno, "cannot write '%s' to its medium", f->path);
	return 0;
}

/* --- moving into place. These give 0 or an errno. --- */

static bool knows_no_link(int os_errno)
{
	return os_errno == EPERM || os_errno == EOPNOTSUPP || os_errno == ENOSYS ||
	       os_errno == EINVAL || os_errno == EMLINK || os_errno == EACCES;
}

static bool knows_no_flag(int os_errno)
{
	return os_errno == EINVAL || os_errno == ENOSYS || os_errno == EOPNOTSUPP;
}

static int errno_of(int r)
{
	return r == 0 ? 0 : errno;
}

static int rename_in(struct newfile *f, const char *from, const char *to, unsigned flags)
{
	return errno_of(f->env->files->renameat2(
		f->env->context, f->directory, from, f->directory, to, flags));
}

static int link_in(struct newfile *f, const char *from, const char *to)
{
	return errno_of(
		f->env->files->linkat(f->env->context, f->directory, from, f->directory, to, 0));
}

static int link_fd_in(struct newfile *f, const char *to)
{
	return errno_of(f->env->files->link_fd(f->env->context, f->fd, f->directory, to));
}

/* For file systems that know neither NOREPLACE nor links: the empty file keeps others out. */
static int claim_and_rename(struct newfile *f)
{
	const struct sherd_env *env = f->env;
	int failed;
	int fd = env->files->openat(env->context, f->directory, f->name,
		O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, MODE_NEW);

	if (fd < 0)
		return errno;
	env_close(env, fd);
	failed = rename_in(f, f->temporary, f->name, 0);
	if (failed)
		unlink_quietly(f, f->name);
	return failed;
}

/* Move the file to a place where nothing is: EEXIST if something is. */
static int place_new(struct newfile *f)
{
	int failed;

	if (!f->temporary)
		return link_fd_in(f, f->name);
	failed = rename_in(f, f->temporary, f->name, RENAME_NOREPLACE);
	if (failed && knows_no_flag(failed)) {
		failed = link_in(f, f->temporary, f->name);
		if (!failed)
			unlink_quietly(f, f->temporary);
		else if (knows_no_link(failed))
			failed = claim_and_rename(f);
	}
	if (!failed) {
		mem_free(f->temporary);
		f->temporary = NULL;
	}
	return failed;
}

static int link_fd_hidden(struct newfile *f, const char *hidden)
{
	errno = link_fd_in(f, hidden);
	return errno ? -1 : 0;
}

static int link_old_hidden(struct newfile *f, const char *hidden)
{
	errno = link_in(f, f->name, hidden);
	return errno ? -1 : 0;
}

static int move_old_hidden(struct newfile *f, const char *hidden)
{
	errno = rename_in(f, f->name, hidden, RENAME_NOREPLACE);
	if (errno && knows_no_flag(errno)) {
		struct stat st;
		const struct sherd_env *env = f->env;

		if (env->files->fstatat(
			    env->context, f->directory, hidden, &st, AT_SYMLINK_NOFOLLOW) == 0)
			errno = EEXIST;
		else if (errno == ENOENT)
			errno = rename_in(f, f->name, hidden, 0);
	}
	return errno ? -1 : 0;
}

/* The old file under a second name, then ours over its first. */
static int replace_linked(struct newfile *f)
{
	CLEANUP(mem_free_at) char *backup = NULL;
	int failed = try_hidden(f, link_old_hidden, &backup);

	if (failed)
		return failed;
	failed = rename_in(f, f->temporary, f->name, 0);
	if (failed)
		unlink_quietly(f, backup);
	else
		f->displaced = TAKE(backup);
	return failed;
}

/* The old file away, then ours to its place. */
static int replace_moved(struct newfile *f)
{
	CLEANUP(mem_free_at) char *backup = NULL;
	int failed = try_hidden(f, move_old_hidden, &backup);

	if (failed)
		return failed;
	failed = rename_in(f, f->temporary, f->name, 0);
	if (!failed)
		f->displaced = TAKE(backup);
	else if (rename_in(f, backup, f->name, 0) != 0)
		log_warn("the old '%s' is now called '%s'", f->path, backup);
	return failed;
}

/* Move the file to a place where a regular file is: ENOENT if none is any more. */
static int place_over(struct newfile *f)
{
	int failed = 0;

	if (!f->temporary)
		failed = try_hidden(f, link_fd_hidden, &f->temporary);
	if (failed)
		return failed;
	failed = rename_in(f, f->temporary, f->name, RENAME_EXCHANGE);
	if (!failed) {
		f->displaced = TAKE(f->temporary);
		return 0;
	}
	if (!knows_no_flag(failed))
		return failed;
	failed = replace_linked(f);
	if (failed && knows_no_link(failed))
		failed = replace_moved(f);
	if (!failed) {
		mem_free(f->temporary);
		f->temporary = NULL;
	}
	return failed;
}

/* What is at the place may be replaced, or is gone again: 0. */
static int check_replaceable(struct newfile *f, struct sherd_error *err)
{
	const struct sherd_env *env = f->env;
	struct stat there;

	if (env->files->fstatat(env->context, f->directory, f->name, &there, AT_SYMLINK_NOFOLLOW) ==
		0)
		return target_check(f->path, &there, f->overwrite, err);
	if (errno != ENOENT)
		return err_system(err, errno, "cannot look at '%s'", f->path);
	return 0;
}

int newfile_publish(struct newfile *f, struct sherd_error *err)
{
	assert(f->fd >= 0 && !f->published);
	for (unsigned i = 0; i < RACES_MAX; i++) {
		int failed = place_new(f);
		int r;

		if (failed == EEXIST) {
			r = check_replaceable(f, err);
			if (r)
				return r;
			failed = f->overwrite ? place_over(f) : ENOENT;
			if (failed == ENOENT)
				continue;
		}
		if (failed)
			return err_system(
				err, failed, "cannot move the new '%s' to its place", f->path);
		f->published = true;
		return 0;
	}
	return err_set(err, SHERD_IO, "'%s' comes and goes while it is replaced", f->path);
}

/* --- and after --- */

/* Whether the new file, or nothing, is at its place; false: another's, or nobody can tell. */
static bool place_is_ours(struct newfile *f, bool *ret_empty)
{
	const struct sherd_env *env = f->env;
	struct stat ours, there;

	*ret_empty = false;
	if (env->files->fstat(env->context, f->fd, &ours) != 0)
		return false;
	if (env->files->fstatat(env->context, f->directory, f->name, &there, AT_SYMLINK_NOFOLLOW) !=
		0) {
		*ret_empty = errno == ENOENT;
		return *ret_empty;
	}
	return target_same_file(&ours, &there);
}

void newfile_revert(struct newfile *f)
{
	bool empty;

	if (!f->published)
		return;
	f->published = false;
	if (!place_is_ours(f, &empty)) {
		log_warn("'%s' is not as it was left and stays as it is", f->path);
		if (f->displaced)
			log_warn("the old '%s' is now called '%s'", f->path, f->displaced);
	} else if (f->displaced) {
		if (rename_in(f, f->displaced, f->name, 0) != 0)
			log_warn("the old '%s' is now called '%s'", f->path, f->displaced);
	} else if (!empty) {
		unlink_quietly(f, f->name);
	}
	mem_free(f->displaced);
	f->displaced = NULL;
}

int newfile_sync_folder(struct newfile *f, struct sherd_error *err)
{
	/* Some file systems cannot sync a folder and say EINVAL: theirs are as durable as can be.
	 */
	if (sync_fd(f->env, f->directory) == 0 || errno == EINVAL)
		return 0;
	return err_system(err, errno, "cannot write the folder of '%s' to its medium", f->path);
}

int newfile_settle(struct newfile *f, struct sherd_error *err)
{
	const struct sherd_env *env = f->env;

	assert(f->published);
	if (f->displaced && env->files->unlinkat(env->context, f->directory, f->displaced, 0) != 0)
		return err_system(err, errno, "cannot remove the old '%s', now called '%s'",
			f->path, f->displaced);
	mem_free(f->displaced);
	f->displaced = NULL;
	return 0;
}

bool newfile_would_replace(const struct newfile *f, const struct stat *input)
{
	struct stat there;

	return f->env->files->fstatat(
		       f->env->context, f->directory, f->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       target_same_file(&there, input);
}

void newfile_release(struct newfile *f)
{
	if (f->temporary && f->directory >= 0)
		unlink_quietly(f, f->temporary);
	if (f->env) {
		env_close(f->env, f->fd);
		env_close(f->env, f->directory);
	}
	mem_free(f->path);
	mem_free(f->name);
	mem_free(f->temporary);
	mem_free(f->displaced);
	*f = NEWFILE_INIT;
}
