/* SPDX-License-Identifier: MIT */
/*
 * backup_paths.c - the paths asked for, as one tree from the root, which the walk then follows.
 *
 * Paths are made absolute and cleaned as text: "." and double slashes go, ".." takes the name
 * before it away. Links on the way to a path are followed, as opening the path would; a link that
 * the path itself names is saved as a link, unless a '/' behind it asks for its folder.
 */
#include "backup.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/err.h>

/* --- a path as text --- */

static void drop_last(struct bytes *path)
{
	while (path->size > 0 && path->data[--path->size] != '/')
		;
}

/* Append the names of ${text} to a clean path ("" is the root). */
static void add_names(struct bytes *path, const char *text)
{
	while (*text && !path->failed) {
		size_t size = strcspn(text, "/");

		if (size == 2 && memcmp(text, "..", 2) == 0) {
			drop_last(path);
		} else if (size > 0 && !(size == 1 && *text == '.')) {
			bytes_u8(path, '/');
			bytes_add(path, text, size);
		}
		text += size;
		text += *text == '/';
	}
}

static int clean(const char *text, struct bytes *out, struct sherd_error *err)
{
	char folder[PATH_MAX];

	if (!*text)
		return err_set(err, SHERD_INVALID, "an empty path cannot be backed up");
	if (*text != '/') {
		if (!getcwd(folder, sizeof(folder)))
			return err_system(err, errno, "cannot tell the working folder");
		add_names(out, folder);
	}
	add_names(out, text);
	bytes_u8(out, 0);
	return out->failed ? err_nomem(err) : 0;
}

static bool ends_in_slash(const char *text)
{
	size_t size = strlen(text);

	return text[size - 1] == '/' ||
	       (size >= 2 && text[size - 1] == '.' && text[size - 2] == '/');
}

/* --- the tree --- */

static void release_children(struct wanted *w);

static void release_wanted(struct wanted *w)
{
	mem_free(w->name);
	release_children(w);
}

/* As deep as the paths on a command line are: a few thousand names at most. */
static void release_children(struct wanted *w)
{
	for (size_t i = 0; i < w->count; i++)
		release_wanted(&w->children[i]);
	mem_free(w->children);
}

static bool make_room(struct wanted *w)
{
	size_t room = w->room ? 2 * w->room : 4;
	struct wanted *children = mem_array(room, sizeof(*children));

	if (!children)
		return false;
	if (w->count)
		memcpy(children, w->children, w->count * sizeof(*children));
	mem_free(w->children);
	w->children = children;
	w->room = room;
	return true;
}

/* The child of that name, made if need be; NULL without memory. */
static struct wanted *child_of(struct wanted *w, const char *name, size_t size)
{
	struct wanted *child;
	size_t at = 0;

	for (; at < w->count; at++) {
		const char *other = w->children[at].name;
		int order = tree_name_compare(other, strlen(other), name, size);

		if (order == 0)
			return &w->children[at];
		if (order > 0)
			break;
	}
	if (w->count == w->room && !make_room(w))
		return NULL;
	child = &w->children[at];
	memmove(child + 1, child, (w->count - at) * sizeof(*child));
	*child = (struct wanted){.name = mem_format("%.*s", (int)size, name)};
	w->count++;
	return child->name ? child : NULL;
}

static int add_path(
	struct backup_paths *p, const char *path, bool followed, struct sherd_error *err)
{
	struct wanted *w = &p->root;

	while (*path) {
		size_t size = strcspn(++path, "/");

		if (size > TREE_NAME_MAX)
			return err_set(err, SHERD_INVALID, "a name of %zu bytes is too long", size);
		w = child_of(w, path, size);
		if (!w)
			return err_nomem(err);
		path += size;
	}
	w->whole = true;
	w->followed |= followed;
	return 0;
}

/* --- the list --- */

static int by_text(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;

	return strcmp(*x, *y);
}

static void sort_list(struct backup_paths *p)
{
	size_t kept = 0;

	qsort(p->list, p->count, sizeof(*p->list), by_text);
	for (size_t i = 0; i < p->count; i++) {
		if (kept && strcmp(p->list[kept - 1], p->list[i]) == 0)
			mem_free(p->list[i]);
		else
			p->list[kept++] = p->list[i];
	}
	p->count = kept;
}

static int take_path(struct backup_paths *p, const char *text, struct sherd_error *err)
{
	struct bytes path = BYTES_INIT;
	int r = clean(text, &path, err);

	if (r == 0)
		r = add_path(p, (const char *)path.data, ends_in_slash(text), err);
	if (r) {
		bytes_release(&path);
		return r;
	}
	if (path.size == 1) { /* "/" is written as the root is, here and in snapshots */
		p->all = true;
		path.data[0] = '/';
		bytes_u8(&path, 0);
	}
	p->list[p->count++] = (char *)path.data;
	return path.failed ? err_nomem(err) : 0;
}

int backup_paths_init(
	struct backup_paths *p, const char *const *paths, size_t count, struct sherd_error *err)
{
	*p = (struct backup_paths){0};
	if (count == 0 || count > UINT16_MAX)
		return err_set(err, SHERD_INVALID, count ? "too many paths" : "no path is given");
	p->list = mem_array(count, sizeof(*p->list));
	if (!p->list)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++) {
		int r = take_path(p, paths[i], err);

		if (r)
			return r;
	}
	sort_list(p);
	return 0;
}

void backup_paths_release(struct backup_paths *p)
{
	for (size_t i = 0; i < p->count; i++)
		mem_free(p->list[i]);
	mem_free(p->list);
	release_children(&p->root);
	*p = (struct backup_paths){0};
}

/* --- patterns --- */

struct texts {
	char **list;
	size_t count;
};

static void release_texts(struct texts *t)
{
	for (size_t i = 0; i < t->count; i++)
		mem_free(t->list[i]);
	mem_free(t->list);
}

/* "!" if it was there, a path with its special bytes quoted, '/', and the pattern. */
static char *tie(const char *path, const char *pattern)
{
	struct bytes b = BYTES_INIT;

	if (*pattern == '!')
		bytes_u8(&b, (uint8_t)*pattern++);
	for (; *path && strcmp(path, "/") != 0; path++) {
		if (strchr("*?[\\", *path))
			bytes_u8(&b, '\\');
		bytes_u8(&b, (uint8_t)*path);
	}
	if (*pattern != '/')
		bytes_u8(&b, '/');
	bytes_text(&b, pattern);
	bytes_u8(&b, 0);
	if (b.failed)
		bytes_release(&b);
	return (char *)b.data;
}

static bool keep(struct texts *t, char *text)
{
	if (text)
		t->list[t->count++] = text;
	return text != NULL;
}

/* A '/' before the end ties a pattern. */
static bool is_tied(const char *pattern)
{
	const char *slash = strchr(pattern, '/');

	return slash && slash[1];
}

static bool expand(struct texts *t, const struct backup_paths *paths, const char *pattern)
{
	const char *begin = pattern + (*pattern == '!');

	if (!is_tied(begin))
		return keep(t, mem_format("%s", pattern));
	for (size_t i = 0; i < paths->count; i++)
		if (!keep(t, tie(paths->list[i], pattern)))
			return false;
	if (*begin == '/')
		return keep(t, mem_format("%s", pattern));
	return true;
}

int backup_patterns(const struct backup_paths *paths, const char *const *texts, size_t count,
	struct patterns **ret, struct sherd_error *err)
{
	struct texts all = {0};
	bool right = true;
	int r;

	*ret = NULL;
	if (count == 0)
		return 0;
	r = patterns_new(texts, count, ret, err); /* a fault is told of the text as it was given */
	if (r)
		return r;
	patterns_free(*ret);
	*ret = NULL;
	all.list = mem_array(count, (paths->count + 1) * sizeof(*all.list));
	for (size_t i = 0; all.list && right && i < count; i++)
		right = expand(&all, paths, texts[i]);
	if (!all.list || !right)
		r = err_nomem(err);
	else
		r = patterns_new((const char *const *)all.list, all.count, ret, err);
	release_texts(&all);
	return r;
}
