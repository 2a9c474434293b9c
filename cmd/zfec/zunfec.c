/* SPDX-License-Identifier: MIT */
/*
 * zunfec.c - the command that restores a file from its share files.
 *
 * The library does the work (sherd/zfec.h); this file names the share files that were left out and
 * turns errors into words and exit codes, which are those of the first zunfec:
 *     0  done
 *     1  no share file given, or one where more are needed; share files that are damaged or
 *        disagree; input/output errors
 *     2  arguments that cannot be read, an output that exists or cannot be made
 *     3  fewer share files than needed, none of them faulty
 * See zunfec(1).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <base/env.h>
#include <base/intmath.h>
#include <sherd/zfec.h>
#include <common/options.h>
#include <common/progress.h>
#include <common/say.h>
#include <common/start.h>
#include <common/stop.h>
#include "version.h"

static const char program[] = "zunfec";

enum { exit_failed = 1, exit_usage = 2, exit_output = 2, exit_too_few = 3 };

struct values {
	const char *output;
	long threads;
	bool force, verbose, quiet, version, no_sync;
};

static const struct option_entry entries[] = {
	OPTION_HELP("show this help and exit"),
	OPTION_TEXT('o', "outputfile", "OUTF", struct values, output,
		"file to restore to, or \"-\" for standard output; required"),
	OPTION_FLAG('v', "verbose", struct values, verbose,
		"say what is done, and whether spare share files confirmed the result"),
	OPTION_FLAG('f', "force", struct values, force,
		"replace an existing OUTF; write to a terminal"),
	OPTION_FLAG('q', "quiet", struct values, quiet,
		"no progress; share files that are left out are named all the same"),
	OPTION_NUMBER('\0', "threads", "N", struct values, threads, 1, 256,
		"work with N threads; default: one for each processor, at most 16"),
	OPTION_FLAG('\0', "no-sync", struct values, no_sync,
		"do not wait until OUTF is on the disk: faster, but it is lost if the power fails "
		"soon after"),
	OPTION_FLAG('V', "version", struct values, version, "show the version and exit"),
};

static const struct option_table table = {
	.usage = "zunfec [-h] -o OUTF [-v] [-f] [-q] [--threads N] [--no-sync] [-V]\n"
		 "              [SHAREFILE ...]",
	.summary = "Restore a file from share files that zfec made. Give more of them than "
		   "are needed, and they check each other.",
	.operands = "operands:\n"
		    "  SHAREFILE               share files of one file, in any order\n",
	.entries = entries,
	.count = ARRAY_COUNT(entries),
};

/* One restoration, as its notices see it. */
struct restore {
	struct progress progress;
	unsigned left_out;
};

static bool to_stdout(const struct values *v)
{
	return !strcmp(v->output, "-");
}

static const char *display(const struct values *v)
{
	return to_stdout(v) ? "standard output" : v->output;
}

static const char *verdict_text(enum sherd_zfec_verdict verdict)
{
	switch (verdict) {
	case SHERD_ZFEC_UNREADABLE:
		return "unreadable";
	case SHERD_ZFEC_DAMAGED:
		return "damaged";
	case SHERD_ZFEC_STRANGER:
		return "unlike the others";
	case SHERD_ZFEC_WRONG:
		return "wrong";
	}
	return "unusable";
}

static void notice(
	void *context, enum sherd_zfec_verdict verdict, const char *path, const char *why)
{
	struct restore *restore = context;

	restore->left_out++;
	progress_wipe(&restore->progress);
	say_warning("left out '%s', %s: %s", path, verdict_text(verdict), why);
}

/* Errors of an output that cannot be made, when the shares' own errors only leave shares out. */
static bool is_output_fault(const struct sherd_error *err)
{
	switch (err->code) {
	case SHERD_EXISTS:
	case SHERD_DENIED:
	case SHERD_NOTFOUND:
		return true;
	case SHERD_IO:
		return err->os_errno == ENAMETOOLONG || err->os_errno == ELOOP ||
		       err->os_errno == EISDIR || err->os_errno == ENXIO ||
		       err->os_errno == ETXTBSY;
	default:
		return false;
	}
}

static int fault_code(const struct sherd_error *err, size_t given, unsigned left_out)
{
	if (is_output_fault(err))
		return exit_output;
	if (err->code == SHERD_TOOFEW && given > 1 && !left_out)
		return exit_too_few;
	return exit_failed;
}

/* -f helps against a file in the way, not against a folder, nor if it was given already. */
static bool force_may_help(const struct values *v)
{
	const struct sherd_env *env = env_system();
	struct stat status;

	return !v->force && !env->files->fstatat(env->context, AT_FDCWD, v->output, &status, 0) &&
	       !S_ISDIR(status.st_mode);
}

static void say_fault(const struct values *v, const struct sherd_error *err)
{
	say_error(program, "cannot restore to '%s'", display(v));
	say_why("%s", err->message);
	switch (err->code) {
	case SHERD_TOOFEW:
		say_try("find more share files of this file; names like NAME.0_8.fec");
		break;
	case SHERD_EXISTS:
		say_try("%sanother name for -o", force_may_help(v) ? "-f to replace it, or " : "");
		break;
	case SHERD_NOTFOUND:
	case SHERD_DENIED:
		say_try("another name for -o, in a folder in which you may write");
		break;
	case SHERD_NOSPACE:
		say_try("make room there, or another place for -o");
		break;
	case SHERD_DUPLICATE:
		say_try("name each share once");
		break;
	case SHERD_MISMATCH:
		say_try("give more share files, so that the wrong ones can be told, or only those "
			"you trust");
		break;
	default:
		break;
	}
}

static void say_success(const struct values *v, const struct restore *restore,
	const struct sherd_zfec_decode_result *result)
{
	unsigned used = result->given - result->left_out;
	char total[128];

	if (result->verified && v->verbose)
		say_note("verified by %u shares, of which %u are needed", used, result->k);
	else if (!result->verified && v->verbose)
		say_note(
			"unverified: %u %s needed and no more %s usable; one more would check them",
			result->k, result->k == 1 ? "share was" : "shares were",
			used == 1 ? "was" : "were");
	else if (!result->verified && restore->left_out)
		say_warning("'%s' is unverified: no more than the %u needed %s usable", display(v),
			result->k, result->k == 1 ? "share was" : "shares were");
	if (v->verbose)
		say_note("Done! %s",
			progress_total(&restore->progress, result->size, total, sizeof(total)));
}

static int restore_file(const struct values *v, const char *const *paths, size_t count)
{
	struct restore restore = {.left_out = 0};
	struct sherd_zfec_decode_options options = {
		.overwrite = v->force,
		.no_sync = v->no_sync,
		.threads = (unsigned)v->threads,
		.notice = notice,
		.notice_context = &restore,
		.cancel = stop_cancel(),
	};
	struct sherd_zfec_decode_result result;
	struct sherd_error err;
	int r;

	progress_begin(&restore.progress, progress_style(v->verbose, v->quiet), display(v));
	options.progress = &restore.progress.hook;
	r = sherd_zfec_decode(paths, count, v->output, &options, &result, &err);
	progress_end(&restore.progress);
	if (!r) {
		say_success(v, &restore, &result);
		return 0;
	}
	if (r == SHERD_CANCELLED) {
		say_error(program, "stopped (%s): '%s' was not restored", strsignal(stop_signal()),
			display(v));
		return exit_failed;
	}
	/* `zunfec -o - ... | head` has what it wants: end as other filters do, without a word. */
	if (to_stdout(v) && err.os_errno == EPIPE)
		stop_now(SIGPIPE);
	say_fault(v, &err);
	return fault_code(&err, count, restore.left_out);
}

static int usage_error(const char *text)
{
	say_error(program, "%s", text);
	say_try("zunfec --help");
	return exit_usage;
}

static int check_stdout(const struct values *v)
{
	if (!start_has_output()) {
		say_error(program, "cannot write to standard output");
		say_why("it was closed when zunfec started");
		return exit_output;
	}
	if (isatty(STDOUT_FILENO) && !v->force) {
		say_error(program,
			"standard output is a terminal, and files are not made for terminals");
		say_try("-o FILE, a pipe, or -f if you want it so");
		return exit_output;
	}
	return 0;
}

/* With -f the restored file would replace one of the shares it comes from. */
static int check_output_is_no_share(const struct values *v, const char *const *paths, size_t count)
{
	const struct sherd_env *env = env_system();
	struct stat output, share;

	if (!v->force || env->files->fstatat(env->context, AT_FDCWD, v->output, &output, 0))
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (env->files->fstatat(env->context, AT_FDCWD, paths[i], &share, 0) ||
			share.st_dev != output.st_dev || share.st_ino != output.st_ino)
			continue;
		say_error(program, "'%s' is one of the share files", v->output);
		say_try("another name for -o");
		return exit_output;
	}
	return 0;
}

static int check(const struct values *v, const char *const *paths, size_t count)
{
	if (!v->output)
		return usage_error("the output is not named: -o OUTF");
	if (v->verbose && v->quiet) {
		say_note("Please choose only one of --verbose and --quiet.");
		return exit_failed;
	}
	if (!count) {
		say_error(program, "no share file is named");
		say_why("at least two share files are required, or one if it was made with -k 1");
		say_try("zunfec -o NAME NAME.*.fec");
		return exit_failed;
	}
	return to_stdout(v) ? check_stdout(v) : check_output_is_no_share(v, paths, count);
}

int main(int argc, char **argv)
{
	struct values v = {0};
	const char *const *paths = (const char *const *)(argv + 1);
	struct sherd_error err;
	int count, r;

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
	r = check(&v, paths, (size_t)count);
	if (r)
		return r;
	stop_install();
	r = restore_file(&v, paths, (size_t)count);
	if (stop_signal())
		stop_now(stop_signal());
	return r;
}
