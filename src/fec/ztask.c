/* SPDX-License-Identifier: MIT */
/* ztask.c - one lock for all: it is taken once for each piece, which is some hundred microseconds.
 */
#include <fec/ztask.h>

#include <errno.h>
#include <base/err.h>

#define REPORT_NS 100000000 /* between two reports of progress */
#define WAIT_MS 200         /* between two looks at the request to stop */

void ztask_init(struct ztask *t, const struct sherd_env *env, const struct sherd_progress *progress,
	const struct sherd_cancel *cancel)
{
	*t = (struct ztask){.env = env, .progress = progress, .cancel = cancel};
	pthread_mutex_init(&t->lock, NULL); /* cannot fail with default attributes on Linux */
}

void ztask_release(struct ztask *t)
{
	pthread_mutex_destroy(&t->lock);
}

void ztask_fail(struct ztask *t, int code, const struct sherd_error *err)
{
	pthread_mutex_lock(&t->lock);
	if (!t->code) {
		t->code = code;
		t->error = *err;
	}
	atomic_store(&t->failed, true);
	pthread_mutex_unlock(&t->lock);
}

bool ztask_goes_on(struct ztask *t)
{
	if (atomic_load(&t->failed))
		return false;
	if (sherd_cancel_requested(t->cancel)) {
		struct sherd_error e;
		int code = err_set(&e, SHERD_CANCELLED, "stopped on request");

		ztask_fail(t, code, &e);
		return false;
	}
	return true;
}

void ztask_advance(struct ztask *t, uint64_t bytes)
{
	uint64_t now = t->progress ? t->env->clock_monotonic_ns(t->env->context) : 0;

	pthread_mutex_lock(&t->lock);
	t->done += bytes;
	if (t->progress && now >= t->told_ns + REPORT_NS) {
		t->told_ns = now;
		t->progress->update(t->progress->context, t->done, t->total);
	}
	pthread_mutex_unlock(&t->lock);
}

int ztask_result(struct ztask *t, struct sherd_error *err)
{
	int code;

	pthread_mutex_lock(&t->lock);
	code = t->code;
	if (code && err)
		*err = t->error;
	if (!code && t->progress)
		t->progress->update(t->progress->context, t->done, t->total);
	pthread_mutex_unlock(&t->lock);
	return code;
}

/* Wait until there is something to read, or the end. */
static int wait_for_input(struct ztask *t, int fd, const char *name, struct sherd_error *err)
{
	for (;;) {
		int ready;

		if (!ztask_goes_on(t))
			return ztask_result(t, err);
		ready = t->env->files->wait_readable(t->env->context, fd, WAIT_MS);
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return err_system(err, errno, "cannot wait for '%s'", name);
	}
}

int ztask_read(struct ztask *t, int fd, const char *name, void *buffer, size_t size,
	size_t *ret_got, struct sherd_error *err)
{
	size_t total = 0;

	while (total < size) {
		ssize_t got;
		int r = wait_for_input(t, fd, name, err);

		if (r)
			return r;
		got = t->env->files->read(
			t->env->context, fd, (uint8_t *)buffer + total, size - total);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return err_system(err, errno, "cannot read '%s'", name);
		if (got == 0)
			break;
		total += (size_t)got;
	}
	*ret_got = total;
	return 0;
}
