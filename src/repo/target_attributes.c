/* SPDX-License-Identifier: MIT */
/*
 * target_attributes.c - owners, extended attributes, modes and times.
 *
 * The order matters: chown() clears setuid bits and capabilities, so it comes first; a file without
 * the w bit takes no user.* attributes from its owner, so the mode comes behind these; times last.
 * Which attributes are set at all is an allow-list: user.* and POSIX ACLs; security.* and trusted.*
 * only where owners are set by root, because they are worth nothing, or are dangerous, with another
 * owner.
 *
 * What cannot be opened (links, pipes, nodes) is held by an O_PATH descriptor, which is neither
 * followed nor exchanged while it is worked on.
 */
#include <repo/target.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <base/cursor.h>
#include <base/err.h>

#define PROC_FD "/proc/self/fd/"
#define PROC_FD_SIZE (sizeof(PROC_FD) + 3 * sizeof(int))
#define XATTR_NAME_SIZE 256
#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"
#define SPECIAL_BITS (S_ISUID | S_ISGID)
#define NS_MAX 999999999

/* What is to be given its attributes. */
struct subject {
	struct target *target;
	int fd;           /* of it; O_PATH if `path` is not NULL */
	const char *path; /* by which its extended attributes are set, not followed */
	const struct tree_entry *entry;
	bool inherited;
	int code; /* first failure, told in err */
	struct sherd_error *err;
};

__attribute__((format(printf, 2, 3))) static void failed(struct subject *s, const char *what, ...);

#include <stdarg.h>

static void failed(struct subject *s, const char *what, ...)
{
	int os_errno = errno;
	char text[XATTR_NAME_SIZE + 64];
	va_list arguments;

	if (s->code)
		return;
	va_start(arguments, what);
	vsnprintf(text, sizeof(text), what, arguments);
	va_end(arguments);
	s->code = err_system(s->err, os_errno, "cannot set its %s", text);
	if (!s->code)
		s->code = SHERD_IO;
}

static bool is_folder(const struct tree_entry *e)
{
	return e->type == TREE_FOLDER;
}

mode_t target_mode(const struct target *t, const struct tree_entry *e, gid_t group)
{
	mode_t mode = e->mode & 07777;

	if (t->special_bits)
		return mode;
	if (is_folder(e) && group == e->gid)
		return mode & ~(mode_t)S_ISUID;
	return mode & ~(mode_t)SPECIAL_BITS;
}

static void set_owner(struct subject *s)
{
	const struct sherd_env *env = s->target->env;

	if (!s->target->owners)
		return;
	errno = EINVAL; /* of a number that means "as it is" */
	if (s->entry->uid == UINT32_MAX || s->entry->gid == UINT32_MAX ||
		env->files->fchownat(env->context, s->fd, "", s->entry->uid, s->entry->gid,
			AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0)
		failed(s, "owner");
}

/* --- extended attributes --- */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool xattr_allowed(const struct target *t, const char *name)
{
	if (begins(name, "user.") || strcmp(name, ACL_ACCESS) == 0 ||
		strcmp(name, ACL_DEFAULT) == 0)
		return true;
	return t->privileged_xattrs && (begins(name, "security.") || begins(name, "trusted."));
}

static int set_xattr(struct subject *s, const char *name, const struct tree_xattr *x)
{
	const struct sherd_env *env = s->target->env;

	if (s->path)
		return env->files->lsetxattr(env->context, s->path, name, x->value, x->value_size);
	return env->files->fsetxattr(env->context, s->fd, name, x->value, x->value_size);
}

/*
 * An ACL that says no more than the mode: the kernel takes it for none. For what has no descriptor
 * by which an attribute could be removed.
 */
static void set_plain_acl(struct subject *s)
{
	const struct sherd_env *env = s->target->env;
	static const uint8_t tags[] = {0x01, 0x04, 0x20}; /* owner, group, others */
	mode_t mode = s->entry->mode;
	struct bytes acl = BYTES_INIT;

	bytes_u32(&acl, 2); /* version */
	for (unsigned i = 0; i < 3; i++) {
		bytes_u16(&acl, tags[i]);
		bytes_u16(&acl, (uint16_t)(mode >> (6 - 3 * i) & 7));
		bytes_u32(&acl, UINT32_MAX);
	}
	if (!acl.failed)
		(void)env->files->lsetxattr(env->context, s->path, ACL_ACCESS, acl.data, acl.size);
	bytes_release(&acl);
}

/* An ACL that came from the folder around, and that the entry has not. */
static void remove_inherited(struct subject *s, bool has_access, bool has_default)
{
	const struct sherd_env *env = s->target->env;

	if (!s->inherited || s->entry->type == TREE_SYMLINK)
		return;
	if (!has_access && s->path)
		set_plain_acl(s);
	else if (!has_access)
		(void)env->files->fremovexattr(env->context, s->fd, ACL_ACCESS);
	if (!has_default && is_folder(s->entry))
		(void)env->files->fremovexattr(env->context, s->fd, ACL_DEFAULT);
}

static void set_xattrs(struct subject *s)
{
	bool has_access = false, has_default = false;
	struct cursor c;
	uint16_t count = 0;

	if (!s->target->xattrs)
		return;
	if (s->entry->xattrs &&
		!tree_xattr_open(s->entry->xattrs, s->entry->xattrs_size, &c, &count)) {
		errno = EINVAL;
		failed(s, "extended attributes");
		count = 0;
	}
	for (uint16_t i = 0; i < count; i++) {
		char name[XATTR_NAME_SIZE];
		struct tree_xattr x;

		errno = EINVAL;
		if (!tree_xattr_next(&c, &x)) {
			failed(s, "extended attributes");
			break;
		}
		if (x.name_size >= sizeof(name) || memchr(x.name, 0, x.name_size)) {
			failed(s, "extended attributes");
			continue;
		}
		memcpy(name, x.name, x.name_size);
		name[x.name_size] = '\0';
		if (!xattr_allowed(s->target, name))
			continue;
		has_access = has_access || strcmp(name, ACL_ACCESS) == 0;
		has_default = has_default || strcmp(name, ACL_DEFAULT) == 0;
		if (set_xattr(s, name, &x) != 0)
			failed(s, "attribute '%s'", name);
	}
	remove_inherited(s, has_access, has_default);
}

/* --- mode and times --- */

static gid_t group_of(struct subject *s)
{
	const struct sherd_env *env = s->target->env;
	struct stat there;

	if (!is_folder(s->entry) || !(s->entry->mode & S_ISGID) || s->target->special_bits)
		return 0;
	if (env->files->fstat(env->context, s->fd, &there) != 0)
		return s->entry->gid + 1;
	return there.st_gid;
}

static void set_mode(struct subject *s)
{
	const struct sherd_env *env = s->target->env;
	mode_t mode = target_mode(s->target, s->entry, group_of(s));
	char link[PROC_FD_SIZE];

	if (s->path) {
		snprintf(link, sizeof(link), PROC_FD "%d", s->fd);
		if (env->files->fchmodat(env->context, AT_FDCWD, link, mode) != 0)
			failed(s, "mode");
	} else if (env->files->fchmod(env->context, s->fd, mode) != 0) {
		failed(s, "mode");
	}
	if (mode != (s->entry->mode & 07777)) {
		errno = EPERM;
		failed(s, "setuid and setgid bits, because owners are not restored");
	}
}

static void set_times(struct subject *s)
{
	const struct sherd_env *env = s->target->env;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
		{.tv_sec = s->entry->mtime_s, .tv_nsec = s->entry->mtime_ns}};
	char link[PROC_FD_SIZE];

	errno = EINVAL; /* of nanoseconds that mean "now" or "as it is" */
	if (s->entry->mtime_ns > NS_MAX) {
		failed(s, "time");
		return;
	}
	if (env->files->utimensat(env->context, s->fd, "", times, AT_EMPTY_PATH) == 0)
		return;
	/* Kernels before 5.8 do not know the flag. A link in /proc to a link is no way to it. */
	if (errno == EINVAL && s->entry->type != TREE_SYMLINK) {
		snprintf(link, sizeof(link), PROC_FD "%d", s->fd);
		if (env->files->utimensat(env->context, AT_FDCWD, link, times, 0) == 0)
			return;
	}
	failed(s, "time");
}

static int set_all(struct subject *s)
{
	set_owner(s);
	set_xattrs(s);
	if (s->entry->type != TREE_SYMLINK)
		set_mode(s);
	set_times(s);
	return s->code;
}

int target_attributes(struct target *t, int fd, const struct tree_entry *e, bool inherited,
	struct sherd_error *err)
{
	struct subject s = {.target = t, .fd = fd, .entry = e, .inherited = inherited, .err = err};

	assert(e->type == TREE_FILE || e->type == TREE_FOLDER);
	return set_all(&s);
}

/* The type of file that an entry becomes. */
static mode_t format_of(const struct tree_entry *e)
{
	static const mode_t formats[] = {[TREE_FILE] = S_IFREG,
		[TREE_FOLDER] = S_IFDIR,
		[TREE_SYMLINK] = S_IFLNK,
		[TREE_FIFO] = S_IFIFO,
		[TREE_SOCKET] = S_IFSOCK,
		[TREE_CHARACTER] = S_IFCHR,
		[TREE_BLOCK] = S_IFBLK};

	return formats[e->type];
}

int target_attributes_of(struct target *t, int folder, const char *name, const struct tree_entry *e,
	bool inherited, struct sherd_error *err)
{
	const struct sherd_env *env = t->env;
	char path[PROC_FD_SIZE + TREE_NAME_MAX + 2];
	struct subject s = {
		.target = t, .path = path, .entry = e, .inherited = inherited, .err = err};
	struct stat there;
	int r;

	s.fd = env->files->openat(env->context, folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	if (s.fd < 0)
		return err_system(err, errno, "cannot set its attributes");
	snprintf(path, sizeof(path), PROC_FD "%d/%s", folder, name);
	if (env->files->fstat(env->context, s.fd, &there) != 0)
		r = err_system(err, errno, "cannot set its attributes");
	else if ((there.st_mode & S_IFMT) != format_of(e))
		r = err_set(err, SHERD_CHANGED, "something else has come to stand there");
	else
		r = set_all(&s);
	env_close(env, s.fd);
	return r;
}
