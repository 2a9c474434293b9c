/* SPDX-License-Identifier: MIT */
/* paths.c - by the XDG Base Directory rules: a variable that holds no absolute path does not count.
 */
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <base/alloc.h>
#include <base/env.h>
#include <base/err.h>
#include <sherd/pool.h>

enum { read_step = 65536 };

/* The user's home folder; NULL if it is not known. */
static const char *home(void)
{
	const char *path = getenv("HOME");
	struct passwd *user;

	if (path && *path == '/')
		return path;
	user = getpwuid(getuid());
	return user && user->pw_dir && *user->pw_dir == '/' ? user->pw_dir : NULL;
}

static const char *set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value ? value : NULL;
}

/* $XDG/sherd/rest or ~/FALLBACK/sherd/rest. */
static char *xdg(
	const char *variable, const char *fallback, const char *rest, struct sherd_error *err)
{
	const char *base = set(variable);
	char *path;

	if (base && *base == '/') {
		path = mem_format("%s/sherd/%s", base, rest);
	} else {
		if (!home()) {
			err_set(err, SHERD_NOTFOUND, "neither $HOME nor $%s is set", variable);
			return NULL;
		}
		path = mem_format("%s/%s/sherd/%s", home(), fallback, rest);
	}
	if (!path)
		err_nomem(err);
	return path;
}

static char *beneath(const char *folder, const char *name, struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *base = paths_absolute(folder, err);
	char *path = base ? mem_format("%s/%s", base, name) : NULL;

	if (base && !path)
		err_nomem(err);
	return path;
}

char *paths_config(const struct globals *g, struct sherd_error *err)
{
	static const char machine[] = "/etc/sherd/config";
	const char *given = g->config ? g->config : set("SHERD_CONFIG");
	char *path;

	if (given)
		return paths_absolute(given, err);
	path = xdg("XDG_CONFIG_HOME", ".config", "config", err);
	if (path && access(path, F_OK) && errno == ENOENT && !access(machine, F_OK)) {
		mem_free(path);
		path = mem_format("%s", machine);
		if (!path)
			err_nomem(err);
	}
	return path;
}

char *paths_state(const char *pool, struct sherd_error *err)
{
	if (set("SHERD_STATE_DIR"))
		return beneath(set("SHERD_STATE_DIR"), pool, err);
	return xdg("XDG_STATE_HOME", ".local/state", pool, err);
}

char *paths_cache(const struct globals *g, const char *pool, struct sherd_error *err)
{
	const char *given = g->cache_dir ? g->cache_dir : set("SHERD_CACHE_DIR");

	return given ? beneath(given, pool, err) : xdg("XDG_CACHE_HOME", ".cache", pool, err);
}

char *paths_absolute(const char *path, struct sherd_error *err)
{
	char folder[4096];
	char *whole;

	if (!*path) {
		err_set(err, SHERD_INVALID, "an empty path");
		return NULL;
	}
	if (*path == '/') {
		whole = mem_format("%s", path);
	} else if (!getcwd(folder, sizeof(folder))) {
		err_system(err, errno, "the working folder has no path");
		return NULL;
	} else {
		while (!strncmp(path, "./", 2))
			path += 2;
		whole = mem_format("%s/%s", strcmp(folder, "/") ? folder : "", path);
	}
	if (!whole)
		err_nomem(err);
	return whole;
}

/* Bytes of "sftp:" at the start, 0 if there is none: two letters at least, so that it is no drive,
 * and no slash before the colon. */
static size_t scheme_size(const char *text)
{
	size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+");

	return size >= 2 && text[size] == ':' ? size + 1 : 0;
}

char *paths_url(const char *text, struct sherd_error *err)
{
	size_t size = scheme_size(text);
	char *url;

	if (size && strncmp(text, "dir:", 4)) {
		url = mem_format("%s", text);
		if (!url)
			err_nomem(err);
		return url;
	}
	url = paths_absolute(text + size, err);
	/* A trailing slash means the same folder. */
	for (size_t end = url ? strlen(url) : 0; end > 1 && url[end - 1] == '/'; end--)
		url[end - 1] = '\0';
	return url;
}

int paths_make_parents(const char *path, struct sherd_error *err)
{
	const struct sherd_env *env = env_system();
	CLEANUP(mem_free_at) char *copy = mem_format("%s", path);

	if (!copy)
		return err_nomem(err);
	for (char *at = copy; *at; at++) {
		if (*at != '/' || at == copy)
			continue;
		*at = '\0';
		if (env->files->mkdirat(env->context, AT_FDCWD, copy, 0700) && errno != EEXIST)
			return err_system(err, errno, "cannot make the folder '%s'", copy);
		*at = '/';
	}
	return 0;
}

bool paths_name_ok(const char *name)
{
	size_t size = strlen(name);

	return size && size <= SHERD_POOL_NAME_MAX && *name != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       size;
}

void paths_wipe_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	mem_free(text);
}

/* A bigger buffer with the same start. */
static char *grow(char *old, size_t used, size_t room, bool wipe)
{
	char *bigger = mem_array(room, 1);

	if (bigger && used)
		memcpy(bigger, old, used);
	if (old && wipe)
		explicit_bzero(old, used);
	mem_free(old);
	return bigger;
}

int paths_read_fd(int fd, const char *name, size_t size_max, bool wipe, char **ret_text,
	size_t *ret_size, struct sherd_error *err)
{
	const struct sherd_env *env = env_system();
	char *text = NULL;
	size_t used = 0, room = 0;

	for (;;) {
		ssize_t got;

		if (used + 1 >= room) {
			room = room ? 2 * room : (size_t)read_step;
			text = grow(text, used, room, wipe);
			if (!text)
				return err_nomem(err);
		}
		got = env->files->read(env->context, fd, text + used, room - used - 1);
		if (got == 0)
			break;
		if (got < 0 && errno != EINTR) {
			int failed = errno;

			explicit_bzero(text, used);
			mem_free(text);
			return err_system(err, failed, "cannot read %s", name);
		}
		used += got > 0 ? (size_t)got : 0;
		if (used > size_max) {
			explicit_bzero(text, used);
			mem_free(text);
			return err_set(
				err, SHERD_NOSPACE, "%s is longer than %zu bytes", name, size_max);
		}
	}
	*ret_text = text;
	*ret_size = used;
	return 0;
}

int paths_read(const char *path, size_t size_max, char **ret_text, size_t *ret_size,
	struct sherd_error *err)
{
	const struct sherd_env *env = env_system();
	CLEANUP(mem_free_at) char *name = mem_format("'%s'", path);
	int fd, r;

	if (!name)
		return err_nomem(err);
	if (!strcmp(path, "-"))
		return paths_read_fd(
			STDIN_FILENO, "standard input", size_max, false, ret_text, ret_size, err);
	fd = env->files->openat(env->context, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	if (fd < 0)
		return err_system(err, errno, "cannot open '%s'", path);
	r = paths_read_fd(fd, name, size_max, false, ret_text, ret_size, err);
	env_close(env, fd);
	return r;
}
