/* SPDX-License-Identifier: MIT */
/*
 * journal.c - records of u32 length, then reference and table, then 16 bytes of their SHA-256.
 * Where it ends is found out once, when it is opened; from then on everything up to there must be
 * readable, because what a commit lists comes from here.
 */
#include <repo/journal.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <base/alloc.h>
#include <base/bytes.h>
#include <base/cursor.h>
#include <base/err.h>
#include <crypt/hash.h>

enum { check_size = 16, record_max = 64 << 20 };

struct journal {
	const struct sherd_env *env;
	int fd;       /* -1: none, and none is made */
	uint64_t end; /* behind the last good record */
	struct bytes record;
};

static void check_of(const struct bytes *b, uint8_t ret[check_size])
{
	struct hash sum;

	hash_sha256(&(struct iovec){b->data, b->size}, 1, &sum);
	memcpy(ret, sum.bytes, check_size);
}

static int unreadable(struct sherd_error *err)
{
	return err_system(err, errno, "cannot read the journal in the state folder");
}

/* The record at ${at} into j->record: 1, 0 if there is no good one, NOMEM, IO. */
static int read_record(struct journal *j, uint64_t at, struct sherd_error *err)
{
	uint8_t number[4], check[check_size], good[check_size];
	struct cursor c = cursor_of(number, sizeof(number));
	uint32_t size;
	size_t got;

	if (env_pread(j->env, j->fd, number, sizeof(number), at, &got))
		return unreadable(err);
	if (got < sizeof(number))
		return 0;
	size = cursor_u32(&c);
	if (size > record_max)
		return 0;
	bytes_clear(&j->record);
	if (!bytes_extend(&j->record, size) && size)
		return err_nomem(err);
	if (env_pread(j->env, j->fd, j->record.data, size, at + 4, &got))
		return unreadable(err);
	if (got < size)
		return 0;
	if (env_pread(j->env, j->fd, check, check_size, at + 4 + size, &got))
		return unreadable(err);
	if (got < check_size)
		return 0;
	check_of(&j->record, good);
	return !memcmp(check, good, check_size);
}

static int ignore(void *context, const struct pool_ref *ref, const uint8_t *table, size_t size,
	struct sherd_error *err)
{
	(void)context;
	(void)ref;
	(void)table;
	(void)size;
	(void)err;
	return 0;
}

int journal_open(struct sherd_pool *pool, struct journal **ret, struct sherd_error *err)
{
	struct journal *j = mem_array(1, sizeof(*j));
	int flags = pool_read_only(pool) ? O_RDONLY : O_RDWR | O_CREAT, code;

	if (!j)
		return err_nomem(err);
	j->env = pool_env(pool);
	j->fd = j->env->files->openat(j->env->context, pool_state_fd(pool), "journal",
		flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fd < 0 && !(pool_read_only(pool) && errno == ENOENT)) {
		code = err_system(err, errno, "cannot open the journal in the state folder");
		mem_free(j);
		return code;
	}
	code = journal_each(j, ignore, NULL, err);
	if (code) {
		journal_free(j);
		return code;
	}
	*ret = j;
	return 0;
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	env_close(j->env, j->fd);
	bytes_release(&j->record);
	mem_free(j);
}

int journal_each(struct journal *j, journal_visit *visit, void *context, struct sherd_error *err)
{
	uint64_t at = 0;
	int code = 0;

	while (j->fd >= 0 && !code) {
		struct cursor c;
		struct pool_ref ref;

		code = read_record(j, at, err);
		if (code <= 0)
			break;
		c = cursor_of(j->record.data, j->record.size);
		if (!ref_read(&c, &ref)) {
			code = 0;
			break;
		}
		code = visit(context, &ref, c.next, cursor_left(&c), err);
		at += 4 + j->record.size + check_size;
	}
	if (visit == ignore)
		j->end = at;
	/* A commit is made of what stands here: half of it is no journal. */
	else if (!code && j->fd >= 0 && at != j->end)
		return err_set(err, SHERD_CORRUPT,
			"the journal in the state folder is not what was written to it");
	return code;
}

int journal_add(struct journal *j, const struct pool_ref *ref, const uint8_t *table, size_t size,
	struct sherd_error *err)
{
	struct bytes *b = &j->record;
	uint8_t check[check_size];
	uint8_t *number;

	if (j->fd < 0)
		return 0;
	bytes_clear(b);
	ref_write(ref, b);
	bytes_add(b, table, size);
	if (b->failed)
		return err_nomem(err);
	check_of(b, check);
	bytes_add(b, check, check_size);
	bytes_u32(b, (uint32_t)(b->size - check_size));
	if (b->failed)
		return err_nomem(err);
	number = b->data + b->size - 4;
	if (env_pwrite(j->env, j->fd, b->data, b->size - 4, j->end + 4) ||
		env_pwrite(j->env, j->fd, number, 4, j->end))
		return err_system(err, errno, "cannot write the journal in the state folder");
	j->end += b->size;
	return 0;
}

void journal_clear(struct journal *j)
{
	j->end = 0;
	/* What cannot be cut off is known to be in a head when it is read the next time. */
	if (j->fd >= 0 && j->env->files->ftruncate(j->env->context, j->fd, 0)) {
		uint8_t none[4] = {0xff, 0xff, 0xff, 0xff};

		env_pwrite(j->env, j->fd, none, sizeof(none), 0);
	}
}
