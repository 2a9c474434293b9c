/* SPDX-License-Identifier: MIT */
/*
 * start.c - the process before the work.
 *
 * A closed descriptor 0, 1 or 2 is filled with /dev/null opened the wrong way round (for writing
 * at 0, for reading at 1 and 2): it is taken, and yet using it fails with EBADF as before. Opened
 * the right way, `zfec - <&-` would make shares of an empty file and call that a success.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <base/log.h>
#include <common/say.h>
#include <common/start.h>

static void take_streams(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* The lowest free number is this one: those below are taken. */
		if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			_exit(1);
	}
}

/* zfec has all m <= 256 share files open at once, and common soft limits are 256 and 1024. */
static void raise_open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

void start_process(void)
{
	take_streams();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	raise_open_files();
	log_set_sink(say_log, NULL);
}

bool start_has_input(void)
{
	int flags = fcntl(STDIN_FILENO, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_WRONLY;
}

bool start_has_output(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

int start_end_output(const char *program)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	if (errno != EPIPE) {
		say_error(program, "cannot write to standard output");
		say_why("%s", strerror(errno ? errno : EIO));
	}
	return 1;
}
