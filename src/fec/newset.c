/* SPDX-License-Identifier: MIT */
/*
 * newset.c - first everything that needs time and may fail (data and sizes to the medium, on all
 * threads: syncs of many files at once share journal commits), then all renames in a row, then the
 * folders, and only then the old files go.
 */
#include <fec/newset.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <base/err.h>
#include <base/log.h>
#include <fec/ztask.h>

int newset_open(struct newfile *f, const struct sherd_env *env, const char *path, bool overwrite,
	struct sherd_error *err)
{
	struct sherd_error e;
	int r = newfile_open(f, env, path, overwrite, &e);

	if (r && (e.os_errno == EMFILE || e.os_errno == ENFILE))
		return ztask_open_error(e.os_errno, path, err);
	if (r && err)
		*err = e;
	return r;
}

bool newset_would_replace(const struct newfile *f, const struct stat *input)
{
	const struct sherd_env *env = f->env;
	struct stat there;

	if (env->files->fstatat(env->context, f->directory, f->name, &there, AT_SYMLINK_NOFOLLOW) !=
		0)
		return false;
	return there.st_dev == input->st_dev && there.st_ino == input->st_ino;
}

/* Files that are being synced by several threads. */
struct syncing {
	struct newfile *files;
	pthread_mutex_t lock;     /* guards what follows */
	int code;                 /* of the first error, or 0 */
	struct sherd_error error; /* the first error */
};

static void sync_one(void *context, size_t index, unsigned worker)
{
	struct syncing *s = context;
	struct sherd_error e;
	int r = newfile_sync(&s->files[index], &e);

	(void)worker;
	if (!r)
		return;
	pthread_mutex_lock(&s->lock);
	if (!s->code) {
		s->code = r;
		s->error = e;
	}
	pthread_mutex_unlock(&s->lock);
}

static int sync_files(
	struct newfile *files, size_t count, struct sherd_workers *workers, struct sherd_error *err)
{
	struct syncing s = {.files = files, .lock = PTHREAD_MUTEX_INITIALIZER};

	workers_run(workers, sync_one, &s, count);
	if (s.code && err)
		*err = s.error;
	return s.code;
}

static int sync_folder(const struct newfile *f, struct sherd_error *err)
{
	const struct sherd_env *env = f->env;
	int r;

	do
		r = env->files->fsync(env->context, f->directory);
	while (r != 0 && errno == EINTR);
	/* EINVAL: the file system cannot sync a folder; its own are as durable as can be. */
	if (r != 0 && errno != EINVAL)
		return err_system(
			err, errno, "cannot write the folder of '%s' to its medium", f->path);
	return 0;
}

/* Each folder once, as far as files of one folder follow each other. */
static int sync_folders(const struct newfile *files, size_t count, struct sherd_error *err)
{
	struct stat last = {0};

	for (size_t i = 0; i < count; i++) {
		const struct sherd_env *env = files[i].env;
		struct stat st = {0};
		int r;

		/* If it cannot be told which folder that is, it is synced once more. */
		if (env->files->fstat(env->context, files[i].directory, &st) == 0 &&
			st.st_dev == last.st_dev && st.st_ino == last.st_ino)
			continue;
		last = st;
		r = sync_folder(&files[i], err);
		if (r)
			return r;
	}
	return 0;
}

static int publish_all(struct newfile *files, size_t count, bool sync, struct sherd_error *err)
{
	for (size_t i = 0; i < count; i++) {
		int r = newfile_publish(&files[i], err);

		if (r)
			return r;
	}
	return sync ? sync_folders(files, count, err) : 0;
}

int newset_commit(struct newfile *files, size_t count, bool sync, struct sherd_workers *workers,
	struct sherd_error *err)
{
	int r = sync ? sync_files(files, count, workers, err) : 0;

	if (r)
		return r;
	r = publish_all(files, count, sync, err);
	if (r) {
		for (size_t i = count; i > 0; i--)
			newfile_revert(&files[i - 1]);
		return r;
	}
	for (size_t i = 0; i < count; i++) {
		struct sherd_error e;

		if (newfile_settle(&files[i], false, &e) != 0)
			log_warn("%s", e.message);
	}
	return 0;
}

void newset_release(struct newfile *files, size_t count)
{
	for (size_t i = 0; i < count; i++)
		newfile_release(&files[i]);
}
