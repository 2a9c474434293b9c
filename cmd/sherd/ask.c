/* SPDX-License-Identifier: MIT */
/*
 * ask.c - reads the terminal byte by byte, so that nothing typed ahead is lost or left in a buffer.
 * What is typed must not stay on the screen when a signal ends the program while echo is off: echo
 * is turned on again before anything else happens, for signals only make read() fail (stop.h).
 */
#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>
#include <base/err.h>
#include <common/stop.h>

bool ask_possible(void)
{
	int fd;

	if (!isatty(STDIN_FILENO))
		return false;
	fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void put(int fd, const char *text)
{
	size_t size = strlen(text);

	while (size) {
		ssize_t done = write(fd, text, size);

		if (done < 0 && errno != EINTR)
			return;
		text += done > 0 ? done : 0;
		size -= done > 0 ? (size_t)done : 0;
	}
}

static int read_line(int fd, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	size_t used = 0;
	char c = '\0';

	for (;;) {
		ssize_t got = read(fd, &c, 1);

		if (got < 0 && errno == EINTR && !stop_signal())
			continue;
		if (got < 0 && errno != EINTR)
			return err_system(err, errno, "cannot read the terminal");
		if (got < 0 || (got == 0 && !used))
			return err_set(err, SHERD_CANCELLED, "no answer");
		if (got == 0 || c == '\n')
			break;
		if (used + 1 == size)
			return err_set(err, SHERD_BADKEY, "the line typed is too long");
		buffer[used++] = c;
	}
	buffer[used] = '\0';
	*ret_size = used;
	return 0;
}

static int ask(const char *prompt, bool echo, char *buffer, size_t size, size_t *ret_size,
	struct sherd_error *err)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios old, quiet;
	bool hidden = false;
	int r;

	if (fd < 0)
		return err_system(err, errno, "cannot open the terminal");
	put(fd, prompt);
	if (!echo && !tcgetattr(fd, &old)) {
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		hidden = !tcsetattr(fd, TCSAFLUSH, &quiet);
	}
	if (!echo && !hidden)
		r = err_set(err, SHERD_IO, "the terminal cannot hide what is typed");
	else
		r = read_line(fd, buffer, size, ret_size, err);
	if (hidden) {
		tcsetattr(fd, TCSAFLUSH, &old);
		put(fd, "\n");
	}
	close(fd);
	return r;
}

int ask_line(
	const char *prompt, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	return ask(prompt, true, buffer, size, ret_size, err);
}

int ask_secret(
	const char *prompt, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	return ask(prompt, false, buffer, size, ret_size, err);
}

int ask_lines(
	const char *prompt, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	size_t used = 0, got;

	if (!ask_possible())
		return err_set(err, SHERD_BADKEY,
			"there is no terminal to ask for the recovery kit at: --kit=FILE");
	do {
		int r = ask(used ? "> " : prompt, true, buffer + used, size - used - 1, &got, err);

		if (r)
			return r;
		used += got;
		if (got)
			buffer[used++] = '\n';
		buffer[used] = '\0';
		if (used + 2 >= size)
			return err_set(err, SHERD_BADKEY, "what was typed is too long");
	} while (got);
	*ret_size = used;
	return 0;
}

int ask_yes(const char *question, bool *ret_yes, struct sherd_error *err)
{
	char prompt[512], answer[64];
	size_t size;
	int r;

	snprintf(prompt, sizeof(prompt), "%s [y/N] ", question);
	r = ask_line(prompt, answer, sizeof(answer), &size, err);
	if (!r)
		*ret_yes = !strcasecmp(answer, "y") || !strcasecmp(answer, "yes");
	return r;
}
