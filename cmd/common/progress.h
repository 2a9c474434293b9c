/* SPDX-License-Identifier: MIT */
/*
 * progress.h - shows how far long work is (sherd/job.h), on standard error.
 *
 * On a terminal one line is redrawn a few times a second: part done, rate, time left; it is wiped
 * before anything else is said. Elsewhere nothing is shown, or with -v a mark at every ten percent
 * ("10% ... 20% ... "). Work that ends within a moment shows nothing.
 */
#ifndef CMD_COMMON_PROGRESS_H
#define CMD_COMMON_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sherd/job.h>

enum progress_style {
	PROGRESS_NONE,
	PROGRESS_LINE,  /* redrawn */
	PROGRESS_MARKS, /* every ten percent */
};

struct progress {
	struct sherd_progress hook; /* hand its address to the work */
	enum progress_style style;
	const char *label;    /* what is worked on; not copied */
	uint64_t started_ns;  /* all times: monotonic clock */
	uint64_t drawn_ns;    /* when the line was last drawn, or the work started */
	uint64_t drawn_done;  /* how much was done then */
	uint64_t done, total; /* latest news */
	double rate;          /* bytes a second, smoothed */
	bool visible;         /* a line without its end is on the screen */
	unsigned marks;       /* marks made */
	pthread_mutex_t lock; /* guards all but hook, style, label, started_ns */
};

/* progress_style(verbose, quiet): the style for this standard error. */
enum progress_style progress_style(bool verbose, bool quiet);

/* progress_begin(p, style, label): start the clock; progress_end() must follow. */
void progress_begin(struct progress *p, enum progress_style style, const char *label);

/* progress_wipe(p): make room for a message. The line comes back by itself. Threads: any. */
void progress_wipe(struct progress *p);

/* progress_end(p): leave a clean line. The work has ended. */
void progress_end(struct progress *p);

/*
 * progress_total(p, bytes, buffer, size):
 * "1.5 GiB in 0:07 (219 MiB/s)", of ${bytes} done since progress_begin(). Returns the buffer.
 */
char *progress_total(const struct progress *p, uint64_t bytes, char *buffer, size_t size);

#endif
