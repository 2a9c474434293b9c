/* SPDX-License-Identifier: MIT */
/*
 * zfec.c - the command that cuts files into share files.
 *
 * The library does the work (sherd/zfec.h); this file decides where the share files go, does the
 * inputs one after the other, and turns errors into words and exit codes. Options, names and exit
 * codes are those of the first zfec:
 *     0  done
 *     1  parameters that make no sense, input/output errors, existing share files
 *     2  arguments that cannot be read, inputs that cannot be opened
 * With several inputs the first code that is not 0 is the result. See zfec(1).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <base/alloc.h>
#include <base/env.h>
#include <base/err.h>
#include <base/intmath.h>
#include <sherd/zfec.h>
#include <common/options.h>
#include <common/progress.h>
#include <common/say.h>
#include <common/start.h>
#include <common/stop.h>
#include "version.h"

static const char program[] = "zfec";

enum { exit_failed = 1, exit_usage = 2, name_max = 8192 };

struct values {
	const char *directory;
	const char *prefix;
	const char *suffix;
	long m, k;
	long threads;
	bool force, verbose, quiet, version, no_sync;
};

static const struct option_entry entries[] = {
	OPTION_HELP("show this help and exit"),
	OPTION_TEXT('d', "output-dir", "DIR", struct values, directory,
		"folder for the share files; default: the current one, or that of an input "
		"given by its absolute path"),
	OPTION_TEXT('p', "prefix", "PREFIX", struct values, prefix,
		"how the names of the share files begin; default: the input as it is named here, "
		"and nothing with standard input"),
	OPTION_TEXT('s', "suffix", "SUFFIX", struct values, suffix,
		"how the names of the share files end; default: .fec"),
	OPTION_NUMBER('m', "totalshares", "M", struct values, m, LONG_MIN, LONG_MAX,
		"how many share files to make, 1 to 256; default: 8"),
	OPTION_NUMBER('k', "requiredshares", "K", struct values, k, LONG_MIN, LONG_MAX,
		"how many of them shall suffice to restore the file, 1 to M; default: 3"),
	OPTION_FLAG('f', "force", struct values, force, "replace existing share files"),
	OPTION_FLAG('v', "verbose", struct values, verbose, "say what is done"),
	OPTION_FLAG('q', "quiet", struct values, quiet, "no progress, no advice; errors only"),
	OPTION_NUMBER('\0', "threads", "N", struct values, threads, 1, 256,
		"work with N threads; default: one for each processor, at most 16"),
	OPTION_FLAG('\0', "no-sync", struct values, no_sync,
		"do not wait until the share files are on the disk: faster, but a power failure "
		"soon after may lose them"),
	OPTION_FLAG('V', "version", struct values, version, "show the version and exit"),
};

static const struct option_table table = {
	.usage = "zfec [-h] [-d DIR] [-p PREFIX] [-s SUFFIX] [-m M] [-k K] [-f] [-v] [-q]\n"
		 "            [--threads N] [--no-sync] [-V] INF [INF ...]",
	.summary =
		"Cut each file INF into M share files, any K of which bring it back (see zunfec).",
	.operands = "operands:\n"
		    "  INF                     a file to cut, or \"-\" for standard input\n",
	.footer = "Share number 4 of 8 is DIR/PREFIX.4_8.fec; numbers begin at 0.\n",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
};

/* Where the share files of one input go. */
struct target {
	char *directory; /* owned */
	const char *prefix;
};

static void target_release(struct target *t)
{
	mem_free(t->directory);
}

/*
 * A relative prefix is kept whole, its folders too: `zfec -d out a/b` makes out/a/b.0_8.fec. An
 * absolute one names its folder itself, unless -d was given: then only its last part counts.
 */
static int target_init(struct target *t, const struct values *v, const char *input)
{
	const char *path = v->prefix ? v->prefix : strcmp(input, "-") ? input : "";
	const char *given = v->directory && *v->directory ? v->directory : NULL;
	const char *slash = path[0] == '/' ? strrchr(path, '/') : NULL;

	t->prefix = slash ? slash + 1 : path;
	if (given || !slash)
		t->directory = mem_format("%s", given ? given : ".");
	else
		t->directory = mem_format("%.*s", slash > path ? (int)(slash - path) : 1, path);
	return t->directory ? 0 : SHERD_NOMEM;
}

static const char *display(const char *input)
{
	return strcmp(input, "-") ? input : "standard input";
}

/* Open an input for reading; folders are refused here, where the original refuses them. */
static int open_input(const char *input, int *ret_fd, struct sherd_error *err)
{
	const struct sherd_env *env = env_system();
	struct stat status;
	int fd = STDIN_FILENO;

	if (!strcmp(input, "-")) {
		if (!start_has_input())
			return err_set(err, SHERD_NOTFOUND, "it was closed when zfec started");
	} else {
		fd = env->files->openat(
			env->context, AT_FDCWD, input, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
		if (fd < 0)
			return err_set(err, SHERD_IO, "%s", strerror(errno));
	}
	if (!env->files->fstat(env->context, fd, &status) && S_ISDIR(status.st_mode)) {
		if (fd != STDIN_FILENO)
			env_close(env, fd);
		return err_set(err, SHERD_INVALID, "%s", strerror(EISDIR));
	}
	*ret_fd = fd;
	return 0;
}

static int say_unopened(const char *input, const struct sherd_error *err)
{
	say_error(program, "cannot open '%s'", display(input));
	say_why("%s", err->message);
	if (err->code == SHERD_INVALID)
		say_try("name its files one by one, or pipe an archive: tar -c FOLDER | zfec -p "
			"NAME -");
	return exit_usage;
}

static void say_encode_fault(
	const char *input, const struct values *v, const struct sherd_error *err)
{
	say_error(program, "cannot encode '%s'", display(input));
	say_why("%s", err->message);
	switch (err->code) {
	case SHERD_EXISTS:
		say_try("%s-d DIR to put the share files elsewhere",
			v->force ? "" : "-f to replace existing share files, or ");
		break;
	case SHERD_NOSPACE:
		say_try("make room there, or -d DIR to put the share files elsewhere");
		break;
	case SHERD_NOTFOUND:
		say_try("make the folder first, or -d DIR to name another");
		break;
	case SHERD_DENIED:
		say_try("-d DIR to name a folder in which you may write");
		break;
	case SHERD_CHANGED:
		say_try("again when nothing writes to the file any more");
		break;
	default:
		break;
	}
}

static void say_names(const struct sherd_zfec_encode_options *options)
{
	char name[name_max];

	for (unsigned share = 0; share < options->m; share++) {
		sherd_zfec_share_name(options, share, name, sizeof(name));
		say_note("Creating share file '%s'...", name);
	}
}

static int encode(int fd, const char *input, const struct values *v,
	struct sherd_zfec_encode_options *options)
{
	struct sherd_error err;
	struct progress progress;
	char total[128];
	uint64_t size = 0;
	int r;

	if (v->verbose)
		say_names(options);
	progress_begin(&progress, progress_style(v->verbose, v->quiet), display(input));
	options->progress = &progress.hook;
	r = sherd_zfec_encode(fd, display(input), options, &size, &err);
	options->progress = NULL;
	progress_end(&progress);
	if (r && r != SHERD_CANCELLED)
		say_encode_fault(input, v, &err);
	else if (!r && v->verbose)
		say_note("Done! %s", progress_total(&progress, size, total, sizeof(total)));
	return r ? exit_failed : 0;
}

static int encode_input(const char *input, const struct values *v)
{
	CLEANUP(target_release) struct target target = {0};
	struct sherd_zfec_encode_options options = {
		.k = (unsigned)v->k,
		.m = (unsigned)v->m,
		.suffix = v->suffix,
		.overwrite = v->force,
		.no_sync = v->no_sync,
		.threads = (unsigned)v->threads,
		.cancel = stop_cancel(),
	};
	struct sherd_error err;
	int fd = -1, code;

	if (target_init(&target, v, input)) {
		say_error(program, "out of memory");
		return exit_failed;
	}
	options.directory = target.directory;
	options.prefix = target.prefix;
	if (open_input(input, &fd, &err))
		return stop_signal() ? exit_failed : say_unopened(input, &err);
	code = encode(fd, input, v, &options);
	if (fd != STDIN_FILENO)
		env_close(env_system(), fd);
	return code;
}

/* Ends the process when a signal asked for it; inputs[0] is the one just done. */
static void stop_if_asked(char **inputs, int count, int code)
{
	if (!stop_signal())
		return;
	if (code)
		say_error(program, "stopped (%s): no share file of '%s' was made",
			strsignal(stop_signal()), display(inputs[0]));
	if (count > 1)
		say_why("not begun: '%s'%s", display(inputs[1]),
			count > 2 ? " and those after it" : "");
	stop_now(stop_signal());
}

static int encode_all(char **inputs, int count, const struct values *v)
{
	int worst = 0;

	for (int i = 0; i < count; i++) {
		int code = encode_input(inputs[i], v);

		stop_if_asked(inputs + i, count - i, code);
		if (!worst)
			worst = code;
	}
	return worst;
}

/* The values of k and m, and -q with -v. Says what is wrong, in the words of the original. */
static bool parameters_fit(const struct values *v)
{
	static const char see[] = "Please see the accompanying documentation.";

	if (v->verbose && v->quiet) {
		say_note("Please choose only one of --verbose and --quiet.");
		return false;
	}
	if (v->m < 1 || v->m > 256) {
		say_note("Invalid parameters, totalshares is required to be <= 256 and >= 1");
		say_note(see);
		say_why("given: -m %ld", v->m);
		return false;
	}
	if (v->k < 1 || v->k > v->m) {
		say_note("Invalid parameters, requiredshares is required to be <= totalshares and "
			 ">= 1");
		say_note(see);
		say_why("given: -k %ld -m %ld", v->k, v->m);
		return false;
	}
	return true;
}

/* The original opens its input before it looks at the parameters: exit 2 comes before 1. */
static int refuse_parameters(char **inputs, int count)
{
	const struct sherd_env *env = env_system();
	int code = exit_failed;

	for (int i = 0; i < count; i++) {
		struct stat status;
		struct sherd_error err;

		if (!strcmp(inputs[i], "-"))
			continue;
		errno = 0;
		if (!env->files->fstatat(env->context, AT_FDCWD, inputs[i], &status, 0) &&
			!S_ISDIR(status.st_mode) && !access(inputs[i], R_OK))
			continue;
		err_set(&err, SHERD_IO, "%s", strerror(errno ? errno : EISDIR));
		code = say_unopened(inputs[i], &err);
	}
	return code;
}

static void warn_silly(const struct values *v)
{
	if (v->k == 1)
		say_warning("silly parameters: with -k 1 every share file is a copy of the file, "
			    "as cp makes");
	if (v->k == v->m)
		say_warning("silly parameters: with -k %ld -m %ld not one share file may be lost",
			v->k, v->m);
}

static int usage_error(const char *text)
{
	say_error(program, "%s", text);
	say_try("zfec --help");
	return exit_usage;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_free(char ***names)
{
	for (char **at = *names; at && *at; at++)
		mem_free(*at);
	mem_free(*names);
}

/*
 * Two inputs whose share files would have the same names: the second would fail, or with -f replace
 * the shares of the first. Returns an exit code.
 */
static int check_targets(char **inputs, int count, const struct values *v)
{
	CLEANUP(names_free) char **names = mem_array((size_t)count + 1, sizeof(*names));
	char text[name_max];

	for (int i = 0; names && i < count; i++) {
		CLEANUP(target_release) struct target target = {0};

		if (!target_init(&target, v, inputs[i]))
			names[i] = mem_format("%s/%s", target.directory, target.prefix);
		if (!names[i])
			return usage_error("out of memory");
	}
	if (!names)
		return usage_error("out of memory");
	qsort(names, (size_t)count, sizeof(*names), compare_names);
	for (int i = 1; i < count; i++) {
		if (strcmp(names[i - 1], names[i]))
			continue;
		snprintf(text, sizeof(text), "two inputs would make the same share files, '%s.*'",
			names[i]);
		return usage_error(text);
	}
	return 0;
}

static int check_operands(char **inputs, int count, const struct values *v)
{
	int streams = 0;

	for (int i = 0; i < count; i++)
		streams += !strcmp(inputs[i], "-");
	if (!count)
		return usage_error("no input file is named: INF");
	if (streams > 1)
		return usage_error("standard input, \"-\", is named more than once");
	if (count > 1 && v->prefix)
		return usage_error("-p names the share files of one input, but several are given");
	return check_targets(inputs, count, v);
}

int main(int argc, char **argv)
{
	struct values v = {.k = 3, .m = 8};
	struct sherd_error err;
	int count, r, code;

	start_process();
	if (asks_version(argc, argv))
		return say_version(program);
	r = options_parse(&table, argc, argv, &v, &count, &err);
	if (r > 0) {
		options_help(&table, stdout);
		return start_end_output(program);
	}
	if (r)
		return usage_error(err.message);
	if (v.version)
		return say_version(program);
	code = check_operands(argv + 1, count, &v);
	if (code)
		return code;
	if (!parameters_fit(&v))
		return refuse_parameters(argv + 1, count);
	if (!v.quiet)
		warn_silly(&v);
	stop_install();
	return encode_all(argv + 1, count, &v);
}
