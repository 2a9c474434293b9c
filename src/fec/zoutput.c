/* SPDX-License-Identifier: MIT */
/* zoutput.c - a file takes one gathering write at the piece's place; a stream one write in turn. */
#include <fec/zoutput.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/newset.h>

static bool is_stdout(const char *path)
{
	return !path || strcmp(path, "-") == 0;
}

/* The type of what is there, links followed; 0: nothing. */
static mode_t kind_at(const struct sherd_env *env, const char *path)
{
	struct stat st;

	return env->files->fstatat(env->context, AT_FDCWD, path, &st, 0) == 0 ? st.st_mode : 0;
}

static int open_device(struct zoutput *o, const char *path, struct sherd_error *err)
{
	do
		o->fd = o->env->files->openat(
			o->env->context, AT_FDCWD, path, O_WRONLY | O_CLOEXEC | O_NOCTTY, 0);
	while (o->fd < 0 && errno == EINTR && ztask_goes_on(o->task));
	if (o->fd < 0 && errno == EINTR)
		return ztask_result(o->task, err);
	if (o->fd < 0)
		return err_system(err, errno, "cannot open '%s'", path);
	o->close = true;
	return 0;
}

int zoutput_open(struct zoutput *o, struct ztask *task, const char *path, bool overwrite,
	struct sherd_error *err)
{
	mode_t kind;

	*o = (struct zoutput){.task = task,
		.env = task->env,
		.name = is_stdout(path) ? "standard output" : path,
		.file = NEWFILE_INIT,
		.fd = -1};
	pthread_mutex_init(&o->lock, NULL); /* neither can fail with default attributes on Linux */
	pthread_cond_init(&o->moved, NULL);
	o->stream = true;
	if (is_stdout(path)) {
		o->fd = STDOUT_FILENO;
		return 0;
	}
	kind = kind_at(o->env, path);
	if (kind && !S_ISREG(kind) && !S_ISDIR(kind)) {
		if (S_ISBLK(kind) && !overwrite)
			return err_set(err, SHERD_EXISTS,
				"'%s' is a device that holds data, which would be lost", path);
		return open_device(o, path, err);
	}
	o->stream = false;
	return newfile_open(&o->file, o->env, path, overwrite, err);
}

void zoutput_release(struct zoutput *o)
{
	newfile_release(&o->file);
	if (o->close)
		env_close(o->env, o->fd);
	o->close = false;
	mem_free(o->bytes);
	o->bytes = NULL;
	pthread_cond_destroy(&o->moved);
	pthread_mutex_destroy(&o->lock);
}

int zoutput_reserve(struct zoutput *o, size_t size, struct sherd_error *err)
{
	if (!o->stream)
		return 0;
	o->bytes = mem_aligned(64, size);
	return o->bytes ? 0 : err_nomem(err);
}

static int write_failed(const struct zoutput *o, struct sherd_error *err)
{
	return err_system(err, errno, "cannot write '%s'", o->name);
}

/* True when it is the piece's turn, false if the task failed. */
static bool wait_for_turn(struct zoutput *o, uint64_t index)
{
	bool goes_on;

	pthread_mutex_lock(&o->lock);
	while ((goes_on = ztask_goes_on(o->task)) && o->next != index)
		pthread_cond_wait(&o->moved, &o->lock);
	pthread_mutex_unlock(&o->lock);
	return goes_on;
}

static void end_turn(struct zoutput *o)
{
	pthread_mutex_lock(&o->lock);
	o->next++;
	pthread_cond_broadcast(&o->moved);
	pthread_mutex_unlock(&o->lock);
}

int zoutput_put(struct zoutput *o, const struct zpiece *piece, struct iovec *parts, size_t count,
	struct sherd_error *err)
{
	if (!o->stream)
		return env_pwritev(o->env, o->file.fd, parts, count, piece->file_at) == 0
			       ? 0
			       : write_failed(o, err);
	if (!wait_for_turn(o, piece->index))
		return ztask_result(o->task, err);
	zlayout_gather(parts, count, o->bytes);
	if (env_write(o->env, o->fd, o->bytes, piece->size) != 0)
		return write_failed(o, err);
	end_turn(o);
	return 0;
}

void zoutput_wake(struct zoutput *o)
{
	pthread_mutex_lock(&o->lock);
	pthread_cond_broadcast(&o->moved);
	pthread_mutex_unlock(&o->lock);
}

int zoutput_commit(struct zoutput *o, bool sync, struct sherd_error *err)
{
	return o->stream ? 0 : newset_commit(&o->file, 1, sync, err);
}
