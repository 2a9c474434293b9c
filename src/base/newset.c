/* SPDX-License-Identifier: MIT */
/*
 * newset.c - first everything that needs time and may fail (data and sizes to the medium), then
 * all renames in a row, then the folders, and only then the old files go.
 */
#include <base/newset.h>

#include <pthread.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/log.h>
#include <base/workers.h>

#define SYNCS_AT_ONCE 8

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

/*
 * Several at once: they wait for the medium, and a journal writes what came meanwhile in one go.
 * 100 small files on ext4 take 0.35 s one after the other and 0.02 s this way. If the threads
 * cannot be had, it takes its time.
 */
static int sync_files(struct newfile *files, size_t count, struct sherd_error *err)
{
	CLEANUP(sherd_workers_free_at) struct sherd_workers *workers = NULL;
	struct syncing s = {.files = files, .lock = PTHREAD_MUTEX_INITIALIZER};
	unsigned threads = (unsigned)INT_MIN_OF(count, (size_t)SYNCS_AT_ONCE);

	if (threads > 1)
		(void)sherd_workers_new(threads, &workers, NULL);
	workers_run(workers, sync_one, &s, count);
	if (s.code && err)
		*err = s.error;
	return s.code;
}

/* Each folder once, as far as files of one folder follow each other. */
static int sync_folders(struct newfile *files, size_t count, struct sherd_error *err)
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
		r = newfile_sync_folder(&files[i], err);
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

int newset_commit(struct newfile *files, size_t count, bool sync, struct sherd_error *err)
{
	int r = sync ? sync_files(files, count, err) : 0;

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

		if (newfile_settle(&files[i], &e) != 0)
			log_warn("%s", e.message);
	}
	return 0;
}

void newset_release(struct newfile *files, size_t count)
{
	for (size_t i = 0; i < count; i++)
		newfile_release(&files[i]);
}
