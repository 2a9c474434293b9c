/* SPDX-License-Identifier: MIT */
/*
 * zset.c - what can be known of share files from their headers and lengths.
 *
 * Share files of one file agree in k, m, pad and length. The format says no more about what
 * belongs together, so the largest group of files that agree is taken if it is the only one of its
 * size and enough; the others are left out, and named. Without such a group nothing is decoded: a
 * guess would be a wrong file.
 */
#include <fec/zset.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <fec/zspool.h>

void zset_leave_out(
	struct zset *set, struct zmember *member, enum sherd_zfec_verdict verdict, const char *why)
{
	if (member->left_out)
		return;
	member->left_out = true;
	set->left_out++;
	if (set->options->notice)
		set->options->notice(set->options->notice_context, verdict, member->path, why);
}

static void unreadable(struct zset *set, struct zmember *member, const struct sherd_error *e)
{
	zset_leave_out(set, member, SHERD_ZFEC_UNREADABLE, e->message);
}

/* Neither the share's fault nor likely to be better with the next one. */
static bool is_shortage(const struct sherd_error *e)
{
	return e->os_errno == EMFILE || e->os_errno == ENFILE || e->code == SHERD_NOMEM;
}

static int open_file(struct zset *set, struct ztask *task, struct zmember *f, struct sherd_error *e)
{
	const struct sherd_env *env = set->env;

	/* A fifo waits here for its writer, unless a signal comes that asks to stop. */
	do
		f->fd = env->files->openat(
			env->context, AT_FDCWD, f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	while (f->fd < 0 && errno == EINTR && ztask_goes_on(task));
	if (f->fd < 0 && errno == EINTR)
		return ztask_result(task, e);
	if (f->fd < 0 && (errno == EMFILE || errno == ENFILE))
		return err_system(e, errno, "cannot open '%s'", f->path);
	if (f->fd < 0)
		return err_system(e, errno, "it cannot be opened");
	if (env->files->fstat(env->context, f->fd, &f->before) != 0)
		return err_system(e, errno, "it cannot be read");
	return S_ISDIR(f->before.st_mode) ? err_set(e, SHERD_IO, "it is a directory") : 0;
}

/* Put a temporary file in the place of a pipe or device. */
static int spool(struct zset *set, struct ztask *task, struct zmember *f, bool *ret_unreadable,
	struct sherd_error *e)
{
	const struct sherd_env *env = set->env;
	int copy;
	int r = zspool_copy(task, f->fd, f->path, &copy, ret_unreadable, e);

	if (r)
		return r;
	env_close(env, f->fd);
	f->fd = copy;
	if (env->files->fstat(env->context, f->fd, &f->before) != 0)
		return err_system(e, errno, "cannot copy '%s' to a temporary file", f->path);
	return 0;
}

/* Whether a share file of that header can have that length. */
static int judge_length(const struct zmember *f, struct sherd_error *e)
{
	uint64_t body = f->length - f->header_size;
	uint64_t padded;

	if (!body && f->header.pad)
		return err_set(e, SHERD_CORRUPT,
			"it ends behind its header, which tells of %u bytes of padding",
			f->header.pad);
	if (!INT_MUL(body, (uint64_t)f->header.k, &padded) || padded > INT64_MAX)
		return err_set(e, SHERD_CORRUPT, "no file is as long as it says");
	return 0;
}

static int read_header(
	struct zset *set, struct zmember *f, bool *ret_unreadable, struct sherd_error *e)
{
	uint8_t bytes[SHERD_ZFEC_HEADER_MAX];
	size_t got;
	int r;

	*ret_unreadable = false;
	if (env_pread(set->env, f->fd, bytes, sizeof(bytes), 0, &got) != 0) {
		*ret_unreadable = true;
		return err_system(e, errno, "it cannot be read");
	}
	r = sherd_zfec_header_read(bytes, got, &f->header, &f->header_size, e);
	if (r)
		return r;
	f->length = (uint64_t)INT_MAX_OF(f->before.st_size, 0);
	/* Of /proc and the like: the size says nothing. */
	if (f->length < f->header_size)
		return err_set(e, SHERD_CORRUPT, "its length is not known");
	return judge_length(f, e);
}

/* 0 if the file was opened or left out, else an error for the whole call. */
static int open_member(
	struct zset *set, struct ztask *task, struct zmember *f, struct sherd_error *err)
{
	struct sherd_error e = {0};
	bool blame_share = true;
	int r = open_file(set, task, f, &e);

	if (!r && !S_ISREG(f->before.st_mode))
		r = spool(set, task, f, &blame_share, &e);
	if (r) {
		if (!blame_share || is_shortage(&e) || r == SHERD_CANCELLED) {
			if (err)
				*err = e;
			return r;
		}
		unreadable(set, f, &e);
		return 0;
	}
	r = read_header(set, f, &blame_share, &e);
	if (r)
		zset_leave_out(set, f, blame_share ? SHERD_ZFEC_UNREADABLE : SHERD_ZFEC_DAMAGED,
			e.message);
	return 0;
}

static bool agree(const struct zmember *a, const struct zmember *b)
{
	return a->header.k == b->header.k && a->header.m == b->header.m &&
	       a->header.pad == b->header.pad && a->length == b->length;
}

/* A group of files that agree: its first member, and how many they are. */
struct group {
	struct zmember *first;
	size_t size;
};

static struct group group_of(const struct zset *set, struct zmember *f)
{
	struct group g = {0};

	for (size_t i = 0; i < set->count; i++) {
		struct zmember *other = &set->members[i];

		if (other->left_out || !agree(other, f))
			continue;
		if (!g.size++)
			g.first = other;
	}
	return g;
}

/* The largest group and the next one, which may be as large; their sizes are 0 if there is none. */
static void find_groups(const struct zset *set, struct group *ret_largest, struct group *ret_next)
{
	struct group largest = {0}, next = {0};

	for (size_t i = 0; i < set->count; i++) {
		struct zmember *f = &set->members[i];
		struct group g;

		if (f->left_out)
			continue;
		g = group_of(set, f);
		if (g.first != f)
			continue;
		if (g.size > largest.size) {
			next = largest;
			largest = g;
		} else if (g.size > next.size) {
			next = g;
		}
	}
	*ret_largest = largest;
	*ret_next = next;
}

#define DESCRIPTION_SIZE 96

static char *describe(const struct zmember *f, char buffer[DESCRIPTION_SIZE])
{
	snprintf(buffer, DESCRIPTION_SIZE, "%u of %u shares, padding %u, %llu bytes", f->header.k,
		f->header.m, f->header.pad, (unsigned long long)f->length);
	return buffer;
}

static int too_few(const struct zset *set, const struct group *g, struct sherd_error *err)
{
	if (!g->size)
		return err_set(err, SHERD_TOOFEW,
			"none of the share files given can be used, of %zu", set->count);
	if (set->left_out)
		return err_set(err, SHERD_TOOFEW,
			"%u share files are needed, and of the %zu given %zu can be used",
			g->first->header.k, set->count, g->size);
	return err_set(err, SHERD_TOOFEW, "%u share files are needed and %zu %s given",
		g->first->header.k, g->size, g->size == 1 ? "was" : "were");
}

static int disagree(const struct group *a, const struct group *b, struct sherd_error *err)
{
	char of_a[DESCRIPTION_SIZE], of_b[DESCRIPTION_SIZE];

	return err_set(err, SHERD_MISMATCH,
		"the share files are not of one file: %zu like '%.80s' (%s), %zu like '%.80s' (%s)",
		a->size, a->first->path, describe(a->first, of_a), b->size, b->first->path,
		describe(b->first, of_b));
}

static void leave_out_strangers(struct zset *set, const struct zmember *first)
{
	char own[DESCRIPTION_SIZE], others[DESCRIPTION_SIZE], why[2 * DESCRIPTION_SIZE + 64];

	for (size_t i = 0; i < set->count; i++) {
		struct zmember *f = &set->members[i];

		if (f->left_out || agree(f, first))
			continue;
		snprintf(why, sizeof(why), "it is of %s; the others are of %s", describe(f, own),
			describe(first, others));
		zset_leave_out(set, f, SHERD_ZFEC_STRANGER, why);
	}
}

static int place_shares(struct zset *set, struct sherd_error *err)
{
	for (size_t i = 0; i < set->count; i++) {
		struct zmember *f = &set->members[i];
		struct zmember **place = &set->share[f->header.share];

		if (f->left_out)
			continue;
		if (*place)
			return err_set(err, SHERD_DUPLICATE,
				"'%.200s' and '%.200s' are the same share, number %u",
				(*place)->path, f->path, f->header.share);
		*place = f;
		set->held++;
	}
	return 0;
}

static int choose(struct zset *set, struct sherd_error *err)
{
	struct group largest, next;
	const struct sherd_zfec_header *h;

	find_groups(set, &largest, &next);
	if (next.size && (next.size == largest.size || largest.size < largest.first->header.k))
		return disagree(&largest, &next, err);
	if (!largest.size || largest.size < largest.first->header.k)
		return too_few(set, &largest, err);
	leave_out_strangers(set, largest.first);
	h = &largest.first->header;
	set->k = h->k;
	set->m = h->m;
	set->pad = h->pad;
	set->header_size = largest.first->header_size;
	set->body = largest.first->length - set->header_size;
	set->size = set->body * h->k - h->pad;
	return place_shares(set, err);
}

int zset_open(struct zset *set, struct ztask *task, const char *const *paths, size_t count,
	const struct sherd_zfec_decode_options *options, struct sherd_error *err)
{
	*set = (struct zset){.env = task->env, .options = options};
	set->members = mem_array(count, sizeof(*set->members));
	if (!set->members)
		return err_nomem(err);
	for (; set->count < count; set->count++) {
		struct zmember *f = &set->members[set->count];

		f->path = paths[set->count];
		f->fd = -1;
	}
	for (size_t i = 0; i < count; i++) {
		int r = open_member(set, task, &set->members[i], err);

		if (r)
			return r;
		if (!ztask_goes_on(task))
			return ztask_result(task, err);
	}
	return choose(set, err);
}

void zset_release(struct zset *set)
{
	for (size_t i = 0; i < set->count; i++)
		env_close(set->env, set->members[i].fd);
	mem_free(set->members);
	*set = (struct zset){0};
}

int zset_unchanged(const struct zset *set, struct sherd_error *err)
{
	for (unsigned s = 0; s < set->m; s++) {
		const struct zmember *f = set->share[s];
		struct stat after;

		if (!f || f->left_out)
			continue;
		if (set->env->files->fstat(set->env->context, f->fd, &after) != 0)
			return err_system(err, errno, "cannot read '%s'", f->path);
		if (after.st_size != f->before.st_size ||
			after.st_mtim.tv_sec != f->before.st_mtim.tv_sec ||
			after.st_mtim.tv_nsec != f->before.st_mtim.tv_nsec)
			return err_set(
				err, SHERD_CHANGED, "'%s' changed while it was read", f->path);
	}
	return 0;
}
