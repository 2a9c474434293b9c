/* SPDX-License-Identifier: MIT */
/*
 * stop.c - signals become a request.
 *
 * A signal handler cannot be given a context, hence the static state: it is written by the handler
 * alone. System calls are not restarted after the handler (no SA_RESTART), so that opening a fifo
 * nobody writes to ends too.
 */
#include <signal.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>
#include <common/stop.h>

enum { patience_s = 1 };

static struct sherd_cancel cancel;
static volatile sig_atomic_t first_signal;
static struct timespec first_at;

static void on_signal(int number)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!first_signal) {
		first_at = now;
		first_signal = number;
	} else if (now.tv_sec - first_at.tv_sec > patience_s) {
		/* It is blocked while this runs, and delivered when this returns. */
		signal(number, SIG_DFL);
		raise(number);
	}
	sherd_cancel_request(&cancel);
}

void stop_install(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction old, action = {.sa_handler = on_signal};

	/* One handler at a time: they share the state above. */
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaddset(&action.sa_mask, signals[i]);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
}

const struct sherd_cancel *stop_cancel(void)
{
	return &cancel;
}

int stop_signal(void)
{
	return first_signal;
}

_Noreturn void stop_now(int number)
{
	sigset_t set;

	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
	_exit(128 + number);
}
