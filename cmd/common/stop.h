/* SPDX-License-Identifier: MIT */
/*
 * stop.h - ending cleanly on Ctrl-C, SIGTERM and SIGHUP.
 *
 * The first of these signals asks the running work to stop; the work undoes what is half done and
 * returns SHERD_CANCELLED, and the command then dies by stop_now(). Whoever repeats the signal more
 * than a second later does not want to wait: it then has its default effect at once. A signal that
 * was ignored when the process started (nohup, background jobs) stays ignored.
 */
#ifndef CMD_COMMON_STOP_H
#define CMD_COMMON_STOP_H

#include <sherd/job.h>

/* stop_install(): from here on the signals are requests. Call once, before other threads run. */
void stop_install(void);

/* stop_cancel(): what to hand to long work; the signals make its request. Never NULL. */
const struct sherd_cancel *stop_cancel(void);

/* stop_signal(): the first signal that asked for the end; 0 while none did. */
int stop_signal(void);

/*
 * stop_now(number):
 * End by the default action of signal ${number}, which parents and shells can see (exit status
 * 128 + number). Nothing is said and nothing flushed.
 */
_Noreturn void stop_now(int number);

#endif
