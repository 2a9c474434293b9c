/* SPDX-License-Identifier: MIT */
/* t_env.c - the calls on folders, attributes and holes: each does what its name says, and each can
 * be made to fail by faultenv. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/env.h>

#include "faultenv.h"

#define FOLDER_SIZE 64

/* A folder of a test's own. */
struct place {
	struct faultenv fault;
	const struct sherd_env_files *files;
	char path[FOLDER_SIZE];
	int folder;
	int file; /* "file" in it, of 3 bytes */
};

static int place_make(void **state)
{
	static struct place p;

	faultenv_init(&p.fault);
	p.files = p.fault.env.files;
	snprintf(p.path, sizeof(p.path), "/tmp/sherd-t_env-XXXXXX");
	if (!mkdtemp(p.path))
		return -1;
	p.folder = open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p.file = openat(p.folder, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	*state = &p;
	return p.folder < 0 || p.file < 0 || write(p.file, "abc", 3) != 3 ? -1 : 0;
}

static int place_remove_all(void **state)
{
	static const char *const names[] = {"file", "link", "fifo"};
	struct place *p = *state;

	for (size_t i = 0; i < 3; i++)
		unlinkat(p->folder, names[i], 0);
	unlinkat(p->folder, "sub", AT_REMOVEDIR);
	close(p->file);
	close(p->folder);
	return rmdir(p->path);
}

static void folders_are_listed(void **state)
{
	struct place *p = *state;
	_Alignas(struct dirent64) char buffer[1024];
	static const struct {
		const char *name;
		unsigned char type;
	} wanted[] = {{"sub", DT_DIR}, {"file", DT_REG}, {"link", DT_LNK}, {"fifo", DT_FIFO}};
	unsigned seen = 0;
	ssize_t got;

	assert_int_equal(p->files->mkdirat(&p->fault, p->folder, "sub", 0700), 0);
	assert_int_equal(p->files->mkdirat(&p->fault, p->folder, "sub", 0700), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(p->files->symlinkat(&p->fault, "to/nowhere", p->folder, "link"), 0);
	assert_int_equal(p->files->mknodat(&p->fault, p->folder, "fifo", S_IFIFO | 0600, 0), 0);
	while ((got = p->files->getdents(&p->fault, p->folder, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < got;) {
			struct dirent64 entry;

			memcpy(&entry, buffer + at,
				(size_t)(got - at) < sizeof(entry) ? (size_t)(got - at)
								   : sizeof(entry));
			for (size_t i = 0; i < 4; i++)
				seen += strcmp(entry.d_name, wanted[i].name) == 0 &&
					entry.d_type == wanted[i].type;
			at += entry.d_reclen;
		}
	}
	assert_int_equal(got, 0);
	assert_int_equal(seen, 4);
}

static void openat2_stays_beneath(void **state)
{
	struct place *p = *state;
	int fd = p->files->openat2(
		&p->fault, p->folder, "file", O_RDONLY | O_CLOEXEC, 0, RESOLVE_BENEATH);

	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		skip(); /* an old kernel or a sandbox */
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(symlinkat("/etc", p->folder, "link"), 0);
	assert_int_equal(p->files->openat2(&p->fault, p->folder, "link/passwd",
				 O_RDONLY | O_CLOEXEC, 0, RESOLVE_BENEATH),
		-1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(p->files->openat2(&p->fault, p->folder, "link", O_RDONLY | O_CLOEXEC, 0,
				 RESOLVE_NO_SYMLINKS),
		-1);
	assert_int_equal(errno, ELOOP);
	fd = p->files->openat2(&p->fault, p->folder, "file", O_PATH | O_CLOEXEC, 0, 0);
	assert_true(fd >= 0);
	close(fd);
}

static void inodes_are_changed(void **state)
{
	const struct timespec times[2] = {{1000, 1}, {2000, 123456789}};
	struct place *p = *state;
	struct statx st;

	assert_int_equal(p->files->fchmodat(&p->fault, p->folder, "file", 0640), 0);
	assert_int_equal(
		p->files->fchownat(&p->fault, p->folder, "file", getuid(), getgid(), 0), 0);
	assert_int_equal(p->files->utimensat(&p->fault, p->folder, "file", times, 0), 0);
	assert_int_equal(
		p->files->statx(&p->fault, p->folder, "file", 0, STATX_BASIC_STATS, &st), 0);
	assert_int_equal(st.stx_mode & 07777, 0640);
	assert_int_equal(st.stx_size, 3);
	assert_int_equal(st.stx_mtime.tv_sec, 2000);
	assert_int_equal(st.stx_mtime.tv_nsec, 123456789);
	assert_int_equal(
		p->files->statx(&p->fault, p->folder, "none", 0, STATX_BASIC_STATS, &st), -1);
	assert_int_equal(errno, ENOENT);
}

static void attributes_are_kept(void **state)
{
	struct place *p = *state;
	char path[FOLDER_SIZE + 8], value[16];

	snprintf(path, sizeof(path), "%s/file", p->path);
	if (p->files->fsetxattr(&p->fault, p->file, "user.a", "one", 3) != 0 && errno == ENOTSUP)
		skip(); /* this file system has none */
	assert_int_equal(p->files->flistxattr(&p->fault, p->file, value, sizeof(value)), 7);
	assert_string_equal(value, "user.a");
	assert_int_equal(
		p->files->fgetxattr(&p->fault, p->file, "user.a", value, sizeof(value)), 3);
	assert_memory_equal(value, "one", 3);
	assert_int_equal(p->files->lsetxattr(&p->fault, path, "user.a", "other", 5), 0);
	assert_int_equal(p->files->lgetxattr(&p->fault, path, "user.a", value, sizeof(value)), 5);
	assert_memory_equal(value, "other", 5);
	assert_int_equal(p->files->fremovexattr(&p->fault, p->file, "user.a"), 0);
	assert_int_equal(p->files->llistxattr(&p->fault, path, value, sizeof(value)), 0);
	assert_int_equal(
		p->files->fgetxattr(&p->fault, p->file, "user.a", value, sizeof(value)), -1);
	assert_int_equal(errno, ENODATA);
}

static void files_have_room_and_locks(void **state)
{
	struct place *p = *state;
	struct statvfs fs;
	int other = openat(p->folder, "file", O_RDONLY | O_CLOEXEC);

	assert_true(other >= 0);
	assert_int_equal(p->files->lseek(&p->fault, p->file, 0, SEEK_END), 3);
	assert_int_equal(p->files->lseek(&p->fault, p->file, 0, SEEK_HOLE), 3);
	assert_int_equal(p->files->lseek(&p->fault, p->file, 3, SEEK_DATA), -1);
	assert_int_equal(errno, ENXIO);
	if (p->files->fallocate(&p->fault, p->file, 0, 0, 10000) == 0)
		assert_int_equal(p->files->lseek(&p->fault, p->file, 0, SEEK_END), 10000);
	else
		assert_int_equal(errno, EOPNOTSUPP);
	assert_int_equal(p->files->fstatvfs(&p->fault, p->file, &fs), 0);
	assert_true(fs.f_blocks > 0);
	assert_int_equal(p->files->flock(&p->fault, p->file, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(p->files->flock(&p->fault, other, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	close(other);
}

static void sleep_takes_its_time(void **state)
{
	const struct sherd_env *env = env_system();
	uint64_t before = env->clock_monotonic_ns(env->context);

	(void)state;
	env->sleep_ns(env->context, 3000000);
	assert_true(env->clock_monotonic_ns(env->context) - before >= 3000000);
	env->sleep_ns(env->context, 0);
}

/* Make the call of number ${call}, with arguments that would be wrong for the real one. */
static long make_call(const struct sherd_env *env, enum faultenv_call call)
{
	const struct sherd_env_files *f = env->files;
	void *c = env->context;
	char b[8] = "";

	switch (call) {
	case FAULTENV_GETDENTS:
		return f->getdents(c, -1, b, sizeof(b));
	case FAULTENV_MKDIRAT:
		return f->mkdirat(c, -1, "a", 0);
	case FAULTENV_SYMLINKAT:
		return f->symlinkat(c, "a", -1, "b");
	case FAULTENV_MKNODAT:
		return f->mknodat(c, -1, "a", 0, 0);
	case FAULTENV_OPENAT2:
		return f->openat2(c, -1, "a", 0, 0, 0);
	case FAULTENV_FCHOWNAT:
		return f->fchownat(c, -1, "a", 0, 0, 0);
	case FAULTENV_FCHMODAT:
		return f->fchmodat(c, -1, "a", 0);
	case FAULTENV_UTIMENSAT:
		return f->utimensat(c, -1, "a", NULL, 0);
	case FAULTENV_STATX:
		return f->statx(c, -1, "a", 0, 0, &(struct statx){0});
	case FAULTENV_FLISTXATTR:
		return f->flistxattr(c, -1, b, sizeof(b));
	case FAULTENV_FGETXATTR:
		return f->fgetxattr(c, -1, "user.a", b, sizeof(b));
	case FAULTENV_FSETXATTR:
		return f->fsetxattr(c, -1, "user.a", b, sizeof(b));
	case FAULTENV_FREMOVEXATTR:
		return f->fremovexattr(c, -1, "user.a");
	case FAULTENV_LLISTXATTR:
		return f->llistxattr(c, "", b, sizeof(b));
	case FAULTENV_LGETXATTR:
		return f->lgetxattr(c, "", "user.a", b, sizeof(b));
	case FAULTENV_LSETXATTR:
		return f->lsetxattr(c, "", "user.a", b, sizeof(b));
	case FAULTENV_LSEEK:
		return f->lseek(c, -1, 0, SEEK_SET);
	case FAULTENV_FALLOCATE:
		return f->fallocate(c, -1, 0, 0, 1);
	case FAULTENV_FSTATVFS:
		return f->fstatvfs(c, -1, &(struct statvfs){0});
	case FAULTENV_FLOCK:
		return f->flock(c, -1, LOCK_UN);
	default:
		return 0;
	}
}

static void each_call_can_be_made_to_fail(void **state)
{
	unsigned calls = 0;

	(void)state;
	for (int call = 0; call < FAULTENV_CALLS; call++) {
		struct faultenv f;

		faultenv_init(&f);
		f.kind = (enum faultenv_call)call;
		f.fail_at = 2;
		f.error = EXFULL; /* which none of them would say */
		if (make_call(&f.env, f.kind) == 0)
			continue;
		calls++;
		assert_true(errno == EBADF || errno == ENOENT || errno == ENOSYS || errno == EPERM);
		assert_false(faultenv_struck(&f));
		assert_int_equal(make_call(&f.env, f.kind), -1);
		assert_int_equal(errno, EXFULL);
		assert_true(faultenv_struck(&f));
		assert_int_equal(f.counts[call], 2);
		assert_true(strlen(faultenv_name(call)) > 3);
	}
	assert_int_equal(calls, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(folders_are_listed, place_make, place_remove_all),
		cmocka_unit_test_setup_teardown(
			openat2_stays_beneath, place_make, place_remove_all),
		cmocka_unit_test_setup_teardown(inodes_are_changed, place_make, place_remove_all),
		cmocka_unit_test_setup_teardown(attributes_are_kept, place_make, place_remove_all),
		cmocka_unit_test_setup_teardown(
			files_have_room_and_locks, place_make, place_remove_all),
		cmocka_unit_test(sleep_takes_its_time),
		cmocka_unit_test(each_call_can_be_made_to_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
