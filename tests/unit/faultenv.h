/* SPDX-License-Identifier: MIT */
/*
 * faultenv.h - the real environment (env_system()) with faults put in: one chosen call fails, or
 * all from it on, or the process dies there; reads and writes may come up short; abilities of the
 * file system may be taken away. For tests that let each system call of a piece of work fail in
 * turn:
 *
 *     for (unsigned long n = 1;; n++) {
 *             struct faultenv f;
 *             faultenv_init(&f);
 *             f.fail_at = n;
 *             f.error = EIO;
 *             ... work with &f.env and check what it left behind ...
 *             if (!faultenv_struck(&f))
 *                     break;  (the work needs fewer than n calls)
 *     }
 *
 * Set the fields under "orders" before the first call. Calls may come from any thread.
 */
#ifndef TEST_FAULTENV_H
#define TEST_FAULTENV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <base/env.h>

/* The functions of an environment that can fail. */
enum faultenv_call {
	FAULTENV_OPENAT,
	FAULTENV_CLOSE, /* closes all the same, as Linux does */
	FAULTENV_READ,
	FAULTENV_PREADV,
	FAULTENV_WRITE,
	FAULTENV_PWRITEV,
	FAULTENV_FSTAT,
	FAULTENV_FSTATAT,
	FAULTENV_READLINKAT,
	FAULTENV_FTRUNCATE,
	FAULTENV_FCHMOD,
	FAULTENV_FSYNC,
	FAULTENV_LINK_FD,
	FAULTENV_RENAMEAT2,
	FAULTENV_LINKAT,
	FAULTENV_UNLINKAT,
	FAULTENV_WAIT_READABLE,
	FAULTENV_RANDOM,
	FAULTENV_GETDENTS,
	FAULTENV_MKDIRAT,
	FAULTENV_SYMLINKAT,
	FAULTENV_MKNODAT,
	FAULTENV_OPENAT2,
	FAULTENV_FCHOWNAT,
	FAULTENV_FCHMODAT,
	FAULTENV_UTIMENSAT,
	FAULTENV_STATX,
	FAULTENV_FLISTXATTR,
	FAULTENV_FGETXATTR,
	FAULTENV_FSETXATTR,
	FAULTENV_FREMOVEXATTR,
	FAULTENV_LLISTXATTR,
	FAULTENV_LGETXATTR,
	FAULTENV_LSETXATTR,
	FAULTENV_LSEEK,
	FAULTENV_FALLOCATE,
	FAULTENV_FSTATVFS,
	FAULTENV_FLOCK,
	FAULTENV_CALLS, /* how many there are */
	FAULTENV_ANY = FAULTENV_CALLS,
	FAULTENV_CHANGING, /* after which the file system is another; syncs among them */
};

#define FAULTENV_DIED 86 /* exit status of a process that die_at ended */

struct faultenv {
	struct sherd_env env; /* hand this to what is tested */

	/* Orders. All zero: everything works. */
	enum faultenv_call kind; /* which calls fail_at and die_at count; FAULTENV_ANY: all */
	const char *below; /* an absolute path: only calls about it or what is beneath it count; */
			   /* NULL: all */
	unsigned long fail_at; /* number of the call that fails, from 1; 0: none */
	bool fail_on;          /* and all (of that kind) after it */
	int error;             /* errno it fails with */
	unsigned long die_at;  /* the process ends in place of this call; 0: none */
	size_t short_max;      /* bytes a read or write moves at most; 0: no limit */
	bool write_nothing;    /* writes return 0 */
	bool no_sleep;         /* time that is to be slept is not */
	int no_tmpfile;        /* errno of openat() with O_TMPFILE; 0: works */
	int no_flags;          /* errno of renameat2() with any flag; 0: works */
	int no_link;           /* errno of linkat(); 0: works */

	/* What happened. */
	atomic_ulong counted;                /* calls of ${kind} */
	atomic_ulong counts[FAULTENV_CALLS]; /* calls of each kind */
	atomic_int struck;                   /* call that failed first, as ordered; -1: none */
};

/* faultenv_init(f): no faults, nothing counted, kind FAULTENV_ANY, error EIO. */
void faultenv_init(struct faultenv *f);

/* faultenv_struck(f): whether the ordered failure happened. */
bool faultenv_struck(const struct faultenv *f);

/* faultenv_name(call): for messages. */
const char *faultenv_name(int call);

/* faultenv_descriptors(): open descriptors of this process, to find leaks. */
unsigned faultenv_descriptors(void);

#endif
