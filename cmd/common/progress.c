/* SPDX-License-Identifier: MIT */
/*
 * progress.c - the painter.
 *
 * The rate shown is an average that forgets: each redraw moves it a part of the way to the rate
 * since the last one, so that it follows a slow disk within seconds and does not jump. The name
 * comes last in the line, where a narrow terminal cuts it off first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <base/env.h>
#include <base/units.h>
#include <common/progress.h>
#include <common/say.h>

enum { line_max = 512, columns_default = 80 };

static const uint64_t redraw_ns = 200000000; /* five times a second */
static const double smoothing = 0.15;        /* weight of the newest rate */

static uint64_t now_ns(void)
{
	const struct sherd_env *env = env_system();

	return env->clock_monotonic_ns(env->context);
}

static void put(const char *text, size_t size)
{
	/* What a terminal refuses is not worth an error. */
	while (size) {
		ssize_t done = write(STDERR_FILENO, text, size);

		if (done < 0 && errno != EINTR)
			return;
		if (done > 0) {
			text += done;
			size -= (size_t)done;
		}
	}
}

static size_t columns(void)
{
	struct winsize window;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) || !window.ws_col)
		return columns_default;
	return window.ws_col;
}

enum progress_style progress_style(bool verbose, bool quiet)
{
	const char *term = getenv("TERM");

	if (quiet)
		return PROGRESS_NONE;
	if (isatty(STDERR_FILENO) && term && strcmp(term, "dumb"))
		return PROGRESS_LINE;
	return verbose ? PROGRESS_MARKS : PROGRESS_NONE;
}

/* "\r" ESC "[K": to the first column, erase what follows. */
static void wipe_locked(struct progress *p)
{
	if (p->visible && p->style == PROGRESS_LINE)
		put("\r\033[K", 4);
	else if (p->visible)
		put("\n", 1);
	p->visible = false;
}

static size_t format_line(const struct progress *p, char *line, size_t size)
{
	char done[UNITS_SIZE], total[UNITS_SIZE], rate[UNITS_SIZE], left[UNITS_SIZE];
	char text[line_max];
	int used;

	units_size(p->done, done);
	units_size((uint64_t)p->rate, rate);
	if (p->total && p->rate >= 1 && p->done <= p->total) {
		units_duration((uint64_t)((double)(p->total - p->done) / p->rate + 0.5), left);
		used = snprintf(text, sizeof(text), "%3.0f%%  %s of %s  %s/s  ETA %s  %s",
			100.0 * (double)p->done / (double)p->total, done,
			units_size(p->total, total), rate, left, p->label);
	} else {
		used = snprintf(text, sizeof(text), "%s  %s/s  %s", done, rate, p->label);
	}
	return used < 0 ? 0 : say_clean(text, line, size);
}

static void draw_line(struct progress *p, uint64_t now)
{
	char line[line_max] = "\r\033[K";
	size_t room = columns(); /* cut one short of it, or the line would wrap */
	double seconds = (double)(now - p->drawn_ns) / 1e9;
	double latest = (double)(p->done - p->drawn_done) / seconds;
	size_t size;

	p->rate = p->rate > 0 ? p->rate + smoothing * (latest - p->rate) : latest;
	p->drawn_ns = now;
	p->drawn_done = p->done;
	size = format_line(p, line + 4, room < line_max - 4 ? room : line_max - 4);
	put(line, 4 + size);
	p->visible = true;
}

static void draw_marks(struct progress *p)
{
	unsigned tenths = p->total ? (unsigned)((double)p->done / (double)p->total * 10) : 0;
	char text[32];

	while (p->marks < tenths && p->marks < 10) {
		int size = snprintf(text, sizeof(text), "%u%% ... ", ++p->marks * 10);

		put(text, (size_t)size);
		p->visible = true;
	}
}

static void update(void *context, uint64_t done, uint64_t total)
{
	struct progress *p = context;
	uint64_t now = now_ns();

	pthread_mutex_lock(&p->lock);
	if (done > p->done)
		p->done = done;
	p->total = total;
	if (p->style == PROGRESS_MARKS)
		draw_marks(p);
	else if (p->style == PROGRESS_LINE && now - p->drawn_ns >= redraw_ns)
		draw_line(p, now);
	pthread_mutex_unlock(&p->lock);
}

void progress_begin(struct progress *p, enum progress_style style, const char *label)
{
	*p = (struct progress){.style = style, .label = label};
	p->hook = (struct sherd_progress){.update = update, .context = p};
	p->started_ns = p->drawn_ns = now_ns();
	pthread_mutex_init(&p->lock, NULL);
}

void progress_wipe(struct progress *p)
{
	pthread_mutex_lock(&p->lock);
	wipe_locked(p);
	pthread_mutex_unlock(&p->lock);
}

void progress_end(struct progress *p)
{
	progress_wipe(p);
	pthread_mutex_destroy(&p->lock);
}

char *progress_total(const struct progress *p, uint64_t bytes, char *buffer, size_t size)
{
	char amount[UNITS_SIZE], time[UNITS_SIZE], rate[UNITS_SIZE];
	uint64_t ns = now_ns() - p->started_ns;

	units_size(bytes, amount);
	units_duration((ns + 500000000) / 1000000000, time);
	units_size((uint64_t)((double)bytes / ((double)(ns ? ns : 1) / 1e9)), rate);
	snprintf(buffer, size, "%s in %s (%s/s)", amount, time, rate);
	return buffer;
}
