/* SPDX-License-Identifier: MIT */
/*
 * secrets.c - a list of sources, tried in order; the first that is there decides, also when it
 * fails: a file that cannot be read must not lead to a question that nobody answers.
 *
 * Every buffer that held a secret is wiped. A command runs by /bin/sh -c with a pipe at its
 * standard output; its other streams are ours.
 */
#include "secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <base/alloc.h>
#include <base/env.h>
#include <base/err.h>
#include <base/units.h>
#include <common/say.h>
#include "ask.h"
#include "paths.h"

static const char no_source[] =
	"no passphrase is given, and there is no terminal to ask at: set SHERD_PASSPHRASE_FILE or "
	"SHERD_PASSPHRASE_COMMAND";

static const char *set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value ? value : NULL;
}

/* Copy a passphrase to the caller's buffer, less one newline at its end; refuse an empty one. */
static int take(const char *text, size_t length, const char *source, char *buffer, size_t size,
	size_t *ret_size, struct sherd_error *err)
{
	if (length && text[length - 1] == '\n')
		length--;
	if (length && text[length - 1] == '\r')
		length--;
	if (!length)
		return err_set(err, SHERD_BADKEY, "the passphrase from %s is empty", source);
	if (memchr(text, '\0', length))
		return err_set(err, SHERD_BADKEY, "the passphrase from %s has a zero byte", source);
	if (length >= size || length > SECRETS_PASSPHRASE_MAX)
		return err_set(err, SHERD_BADKEY, "the passphrase from %s is longer than %d bytes",
			source, SECRETS_PASSPHRASE_MAX);
	memcpy(buffer, text, length);
	buffer[length] = '\0';
	*ret_size = length;
	return 0;
}

static int from_fd(int fd, const char *source, char *buffer, size_t size, size_t *ret_size,
	struct sherd_error *err)
{
	char *text = NULL;
	size_t length = 0;
	int r = paths_read_fd(fd, source, SECRETS_PASSPHRASE_MAX + 2, true, &text, &length, err);

	if (r == SHERD_NOSPACE)
		return err_set(err, SHERD_BADKEY, "the passphrase from %s is longer than %d bytes",
			source, SECRETS_PASSPHRASE_MAX);
	if (r)
		return r;
	r = take(text, length, source, buffer, size, ret_size, err);
	explicit_bzero(text, length);
	mem_free(text);
	return r;
}

static int from_file(
	const char *path, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	const struct sherd_env *env = env_system();
	CLEANUP(mem_free_at) char *source = mem_format("'%s'", path);
	int fd, r;

	if (!source)
		return err_nomem(err);
	fd = env->files->openat(env->context, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	if (fd < 0)
		return err_system(err, errno, "cannot open the passphrase file '%s'", path);
	r = from_fd(fd, source, buffer, size, ret_size, err);
	env_close(env, fd);
	return r;
}

/* The child: only calls that are safe after fork(). */
static _Noreturn void run_command(const char *command, int out)
{
	char shell[] = "/bin/sh", option[] = "-c";
	char *words[] = {shell, option, (char *)(uintptr_t)command, NULL};

	signal(SIGPIPE, SIG_DFL);
	if (dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	execv(shell, words);
	_exit(127);
}

static int from_command(
	const char *command, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	int ends[2], status, r;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return err_system(err, errno, "cannot make a pipe for the passphrase command");
	child = fork();
	if (child == 0)
		run_command(command, ends[1]);
	close(ends[1]);
	if (child < 0) {
		close(ends[0]);
		return err_system(err, errno, "cannot start the passphrase command");
	}
	r = from_fd(ends[0], "the passphrase command", buffer, size, ret_size, err);
	close(ends[0]);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return err_system(err, errno, "cannot wait for the passphrase command");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return r;
	explicit_bzero(buffer, size);
	if (WIFEXITED(status))
		return err_set(err, SHERD_BADKEY, "the passphrase command ended with %d",
			WEXITSTATUS(status));
	return err_set(err, SHERD_BADKEY, "the passphrase command was ended by signal %d",
		WTERMSIG(status));
}

static int from_number(
	const char *text, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	long fd;

	if (units_number(text, 0, 1 << 20, &fd))
		return err_set(
			err, SHERD_BADKEY, "SHERD_PASSPHRASE_FD: '%s' is no descriptor", text);
	return from_fd((int)fd, "SHERD_PASSPHRASE_FD", buffer, size, ret_size, err);
}

/* The credential of systemd; *ret_there false if there is none. */
static int from_credential(
	bool *ret_there, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	const char *folder = set("CREDENTIALS_DIRECTORY");
	CLEANUP(mem_free_at) char *path = NULL;

	*ret_there = false;
	if (!folder)
		return 0;
	path = mem_format("%s/sherd-passphrase", folder);
	if (!path)
		return err_nomem(err);
	if (access(path, F_OK))
		return 0;
	*ret_there = true;
	return from_file(path, buffer, size, ret_size, err);
}

/* All sources but the terminal. *ret_found: one was there. */
static int find(struct secrets *s, bool *ret_found, char *buffer, size_t size, size_t *ret_size,
	struct sherd_error *err)
{
	int r;

	*ret_found = true;
	if (s->known)
		return take(s->known, s->known_size, "before", buffer, size, ret_size, err);
	if (set("SHERD_PASSPHRASE_FILE"))
		return from_file(set("SHERD_PASSPHRASE_FILE"), buffer, size, ret_size, err);
	if (set("SHERD_PASSPHRASE_COMMAND"))
		return from_command(set("SHERD_PASSPHRASE_COMMAND"), buffer, size, ret_size, err);
	if (set("SHERD_PASSPHRASE_FD"))
		return from_number(set("SHERD_PASSPHRASE_FD"), buffer, size, ret_size, err);
	r = from_credential(ret_found, buffer, size, ret_size, err);
	if (r || *ret_found)
		return r;
	*ret_found = true;
	if (s->command && *s->command)
		return from_command(s->command, buffer, size, ret_size, err);
	if (set("SHERD_PASSPHRASE")) {
		if (s->verbose)
			say_warning("SHERD_PASSPHRASE: other programs of this user can read it; "
				    "SHERD_PASSPHRASE_FILE is safer");
		return take(getenv("SHERD_PASSPHRASE"), strlen(getenv("SHERD_PASSPHRASE")),
			"SHERD_PASSPHRASE", buffer, size, ret_size, err);
	}
	*ret_found = false;
	return 0;
}

static int ask(
	const char *prompt, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	char text[SECRETS_PASSPHRASE_MAX + 2];
	size_t length;
	int r = ask_secret(prompt, text, sizeof(text), &length, err);

	if (!r)
		r = take(text, length, "the terminal", buffer, size, ret_size, err);
	explicit_bzero(text, sizeof(text));
	return r;
}

static int passphrase(
	void *context, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	struct secrets *s = context;
	bool found;
	int r = find(s, &found, buffer, size, ret_size, err);

	if (r || found)
		return r;
	if (!ask_possible())
		return err_set(err, SHERD_BADKEY, "%s", no_source);
	return ask("Passphrase: ", buffer, size, ret_size, err);
}

static int ask_twice(char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	char again[SECRETS_PASSPHRASE_MAX + 2];
	size_t length;
	int r = ask("New passphrase (six random words are good, eight letters are not): ", buffer,
		size, ret_size, err);

	if (!r)
		r = ask("The same again: ", again, sizeof(again), &length, err);
	if (!r && (length != *ret_size || memcmp(again, buffer, length)))
		r = err_set(err, SHERD_BADKEY, "the two passphrases differ");
	explicit_bzero(again, sizeof(again));
	return r;
}

int secrets_new_passphrase(
	struct secrets *s, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	bool found;
	int r = find(s, &found, buffer, size, ret_size, err);

	if (r || found)
		return r;
	if (!ask_possible())
		return err_set(err, SHERD_BADKEY, "%s", no_source);
	return ask_twice(buffer, size, ret_size, err);
}

static int kit(void *context, char *buffer, size_t size, size_t *ret_size, struct sherd_error *err)
{
	struct secrets *s = context;
	char *text = NULL;
	size_t length = 0;
	int r;

	if (!s->kit_file)
		return ask_lines("Type the secret lines of the recovery kit, then an empty line:\n",
			buffer, size, ret_size, err);
	r = paths_read(s->kit_file, SECRETS_KIT_MAX, &text, &length, err);
	if (r)
		return err_wrap(err, r, "cannot read the recovery kit");
	if (length < size) {
		memcpy(buffer, text, length);
		buffer[length] = '\0';
		*ret_size = length;
	} else {
		r = err_set(err, SHERD_BADKEY, "'%s' is too long for a recovery kit", s->kit_file);
	}
	explicit_bzero(text, length);
	mem_free(text);
	return r;
}

const struct sherd_secrets *secrets_hooks(struct secrets *s)
{
	bool with_kit = s->kit_file || s->ask_kit;

	s->hooks = (struct sherd_secrets){
		.passphrase = passphrase,
		.kit = with_kit ? kit : NULL,
		.context = s,
	};
	return &s->hooks;
}

void secrets_release(struct secrets *s)
{
	*s = (struct secrets){0};
}
