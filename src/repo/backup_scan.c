/* SPDX-License-Identifier: MIT */
/*
 * backup_scan.c - how much there is to do, counted by a thread of its own while the backup runs: a
 * walk of the same paths with the same patterns that reads no file. It is for a progress bar, so
 * what it cannot open it leaves out, and below DEPTH_MAX folders it does not count.
 */
#include "backup.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/thread.h>

#define DEPTH_MAX 100 /* descriptors held */

struct level {
	int fd;
	struct source_names names;
	size_t next, path_size;
};

struct scan {
	const struct backup *b; /* its constant parts */
	pthread_t thread;
	struct level levels[DEPTH_MAX];
	size_t depth;
	struct bytes path;
	uint8_t *dents;
	uint64_t device; /* of the path that is walked */
	atomic_bool stop, done;
	atomic_uint_least64_t files, bytes;
};

static void open_level(struct scan *s, int folder, const char *name)
{
	const struct sherd_env *env = s->b->env;
	struct level *l = &s->levels[s->depth];

	if (s->depth == DEPTH_MAX ||
		source_open(env, folder, name, SOURCE_FOLDER, s->b->user == 0, &l->fd) != 0)
		return;
	l->next = 0;
	l->path_size = s->path.size;
	if (source_names_read(env, l->fd, s->dents, &l->names) != 0)
		l->names.count = 0;
	s->depth++;
}

static void close_level(struct scan *s)
{
	struct level *l = &s->levels[--s->depth];

	env_close(s->b->env, l->fd);
	source_names_release(&l->names);
}

/* The path of a name, with its NUL behind the size. */
static bool set_path(struct scan *s, size_t folder_size, const char *name)
{
	s->path.size = folder_size;
	bytes_u8(&s->path, '/');
	bytes_add(&s->path, name, strlen(name) + 1);
	if (s->path.failed)
		return false;
	s->path.size--;
	return true;
}

static bool left_out(const struct scan *s, bool folder)
{
	return s->b->patterns &&
	       patterns_ask(s->b->patterns, (const char *)s->path.data, folder) == PATTERN_MATCH;
}

static void take(struct scan *s, int folder, const char *name, const struct source_stat *st)
{
	uint64_t limit = s->b->options->exclude_larger_than;

	if (S_ISDIR(st->type_mode)) {
		if (!s->b->options->one_file_system || st->device == s->device)
			open_level(s, folder, name);
	} else if (S_ISREG(st->type_mode) && (!limit || st->length <= limit)) {
		atomic_fetch_add(&s->files, 1);
		atomic_fetch_add(&s->bytes, st->length);
	}
}

static void walk(struct scan *s)
{
	while (s->depth > 0 && !atomic_load(&s->stop)) {
		struct level *l = &s->levels[s->depth - 1];
		struct source_stat st;
		const char *name;

		if (l->next == l->names.count) {
			close_level(s);
			continue;
		}
		name = source_names_at(&l->names, l->next++);
		if (source_stat(s->b->env, l->fd, name, &st) != 0 ||
			!set_path(s, l->path_size, name))
			continue;
		if (!left_out(s, S_ISDIR(st.type_mode)))
			take(s, l->fd, name, &st);
	}
	while (s->depth > 0)
		close_level(s);
}

static void *scan_main(void *argument)
{
	struct scan *s = argument;

	for (size_t i = 0; i < s->b->paths.count; i++) {
		const char *path = s->b->paths.list[i];
		struct source_stat st;

		if (source_stat(s->b->env, AT_FDCWD, path, &st) != 0)
			continue;
		s->device = st.device;
		bytes_clear(&s->path);
		bytes_text(&s->path, strcmp(path, "/") == 0 ? "" : path);
		take(s, AT_FDCWD, path, &st);
		walk(s);
	}
	atomic_store(&s->done, !atomic_load(&s->stop));
	return NULL;
}

struct scan *backup_scan_start(const struct backup *b)
{
	struct scan *s = mem_array(1, sizeof(*s));

	if (!s)
		return NULL;
	s->b = b;
	s->dents = mem_array(SOURCE_DENTS_SIZE, 1);
	if (s->dents && thread_start(0, scan_main, s, &s->thread) == 0)
		return s;
	mem_free(s->dents);
	mem_free(s);
	return NULL;
}

bool backup_scan_result(const struct scan *s, uint64_t *ret_files, uint64_t *ret_bytes)
{
	bool done = atomic_load(&s->done);

	*ret_files = done ? atomic_load(&s->files) : 0;
	*ret_bytes = done ? atomic_load(&s->bytes) : 0;
	return done;
}

void backup_scan_stop(struct scan *s)
{
	if (!s)
		return;
	atomic_store(&s->stop, true);
	pthread_join(s->thread, NULL);
	bytes_release(&s->path);
	mem_free(s->dents);
	mem_free(s);
}
