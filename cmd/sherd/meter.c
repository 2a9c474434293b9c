/* SPDX-License-Identifier: MIT */
/*
 * meter.c - the painter of two lines. It is called by the work, from the thread that calls it
 * (sherd/repo.h), and draws at most five times a second.
 *
 * Which meter is shown is the program's own state: a message from anywhere must hide it first.
 */
#include "meter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <base/env.h>
#include <base/units.h>
#include <common/say.h>
#include "out.h"
#include "utf8.h"

enum { line_max = 1024, columns_default = 80, bar_width = 8 };

static const uint64_t redraw_ns = 200000000;
static const uint64_t status_ns = 1000000000; /* between two JSON lines */
static const uint64_t minute_ns = 60000000000;
static const double smoothing = 0.15;

static struct meter *shown;

static uint64_t now_ns(void)
{
	const struct sherd_env *env = env_system();

	return env->clock_monotonic_ns(env->context);
}

static void put(const char *text)
{
	size_t size = strlen(text);

	while (size) {
		ssize_t done = write(STDERR_FILENO, text, size);

		if (done < 0 && errno != EINTR)
			return;
		text += done > 0 ? done : 0;
		size -= done > 0 ? (size_t)done : 0;
	}
}

static size_t columns(void)
{
	struct winsize window;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) || !window.ws_col)
		return columns_default;
	return window.ws_col;
}

/* The cursor stands at the start of the first line drawn. */
void meter_hide(void)
{
	if (!shown || !shown->lines)
		return;
	put("\r\033[J");
	shown->lines = 0;
}

/* Cut to the width of the terminal, less one column, or the line would wrap. */
static void cut(char *line)
{
	size_t room = columns() - 1;
	char *at = line;

	while (*at && room) {
		size_t size = utf8_size(at);

		at += size ? size : 1;
		room--;
	}
	*at = '\0';
}

static void format_head(
	struct meter *m, const struct sherd_repo_progress *p, char *text, size_t size)
{
	char age[UNITS_SIZE], done[UNITS_SIZE], total[UNITS_SIZE], fresh[UNITS_SIZE];
	char moved[UNITS_SIZE], rate[UNITS_SIZE], left[UNITS_SIZE], files[UNITS_SIZE];
	char all[UNITS_SIZE], part[32] = "", of[48] = "", of_files[48] = "", eta[48] = "";
	char news[48] = "";

	units_duration(meter_elapsed(m) / 1000000000, age);
	if (p->bytes_total) {
		double share = (double)p->bytes_done / (double)p->bytes_total;

		snprintf(part, sizeof(part), "%3.0f %%  ", 100.0 * (share > 1 ? 1 : share));
		snprintf(of, sizeof(of), " of %s", units_size(p->bytes_total, total));
	}
	if (p->files_total)
		snprintf(of_files, sizeof(of_files), " of %s", out_count(p->files_total, all));
	if (p->bytes_total > p->bytes_done && m->rate >= 1)
		snprintf(eta, sizeof(eta), "  ETA %s",
			units_duration(
				(uint64_t)((double)(p->bytes_total - p->bytes_done) / m->rate),
				left));
	if (m->upload)
		snprintf(news, sizeof(news), "new %s  ", units_size(p->bytes_new, fresh));
	snprintf(text, size, "[%s]  %s%s%s  %s%s files  %s%s %s (%s/s)%s", age, part,
		units_size(p->bytes_done, done), of, out_count(p->files_done, files), of_files,
		news, m->upload ? "up" : "down", units_size(p->bytes_moved, moved),
		units_size((uint64_t)m->moved_rate, rate), eta);
}

/* "  nas ####----  b2 ##------ slow": a place that moved as much as any is as far as all is. */
static void format_places(const struct sherd_repo_progress *p, char *text, size_t size)
{
	double share = p->bytes_total ? (double)p->bytes_done / (double)p->bytes_total : 1;
	uint64_t most = 1;
	size_t used = 0;

	for (size_t i = 0; i < p->place_count; i++)
		if (p->places[i].bytes > most)
			most = p->places[i].bytes;
	text[0] = '\0';
	for (size_t i = 0; i < p->place_count && used + 96 < size; i++) {
		const struct sherd_place_progress *place = &p->places[i];
		double full = (share > 1 ? 1 : share) * (double)place->bytes / (double)most;
		int marks = (int)(full * bar_width + 0.5);

		used += (size_t)snprintf(text + used, size - used, "  %.40s %.*s%.*s%s",
			place->name, marks, "########", bar_width - marks, "--------",
			place->failing ? " slow" : "");
	}
}

static void draw(struct meter *m, const struct sherd_repo_progress *p)
{
	char text[line_max], line[line_max];

	format_head(m, p, text, sizeof(text));
	say_clean(text, line, sizeof(line));
	cut(line);
	put("\r\033[J");
	put(line);
	if (p->place_count) {
		format_places(p, text, sizeof(text));
		say_clean(text, line, sizeof(line));
		cut(line);
		put("\n");
		put(line);
		put("\033[A\r");
	} else {
		put("\r");
	}
	m->lines = p->place_count ? 2 : 1;
}

static void tell_status(struct meter *m, const struct sherd_repo_progress *p)
{
	struct json *j = app_json(m->app, "status");

	json_real(j, "seconds_elapsed", (double)meter_elapsed(m) / 1e9);
	json_number(j, "files_done", p->files_done);
	json_number(j, "files_total", p->files_total);
	json_number(j, "bytes_done", p->bytes_done);
	json_number(j, "bytes_total", p->bytes_total);
	json_number(j, "bytes_new", p->bytes_new);
	json_number(j, "bytes_moved", p->bytes_moved);
	json_path(j, "current", p->current);
	json_array(j, "places");
	for (size_t i = 0; i < p->place_count; i++) {
		json_object(j, NULL);
		json_text(j, "name", p->places[i].name);
		json_number(j, "bytes", p->places[i].bytes);
		json_bool(j, "failing", p->places[i].failing);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static void measure(struct meter *m, const struct sherd_repo_progress *p, uint64_t now)
{
	double seconds = (double)(now - m->drawn_ns) / 1e9;
	double latest = (double)(p->bytes_done - m->drawn_done) / seconds;
	double moved = (double)(p->bytes_moved - m->drawn_moved) / seconds;

	if (p->bytes_done < m->drawn_done || p->bytes_moved < m->drawn_moved)
		latest = moved = 0; /* another phase of the work began */
	m->rate = m->rate > 0 ? m->rate + smoothing * (latest - m->rate) : latest;
	m->moved_rate =
		m->moved_rate > 0 ? m->moved_rate + smoothing * (moved - m->moved_rate) : moved;
	m->drawn_ns = now;
	m->drawn_done = p->bytes_done;
	m->drawn_moved = p->bytes_moved;
}

/* Files count when they are done; what is new of one large file is done as well. */
static struct sherd_repo_progress with_parts(const struct sherd_repo_progress *p)
{
	struct sherd_repo_progress all = *p;

	if (all.bytes_new > all.bytes_done && all.bytes_new <= all.bytes_total)
		all.bytes_done = all.bytes_new;
	return all;
}

static void on_progress(void *context, const struct sherd_repo_progress *told)
{
	struct meter *m = context;
	const struct sherd_repo_progress all = with_parts(told), *p = &all;
	bool json = m->app->g->json;
	uint64_t now = now_ns();
	uint64_t wait = json ? status_ns : m->style == PROGRESS_LINE ? redraw_ns : minute_ns;
	char line[line_max];

	if (now - m->drawn_ns < wait || m->app->g->quiet)
		return;
	measure(m, p, now);
	if (json) {
		tell_status(m, p);
	} else if (m->style == PROGRESS_LINE) {
		draw(m, p);
	} else if (m->style == PROGRESS_MARKS) {
		format_head(m, p, line, sizeof(line));
		say_note("%s", line);
	}
}

/* ---- notes ---- */

static const struct {
	const char *word; /* for JSON */
	const char *text; /* before the path */
} kinds[meter_kinds] = {
	[SHERD_NOTE_UNREADABLE] = {"unreadable", "cannot read"},
	[SHERD_NOTE_VANISHED] = {"vanished", "went away before it was read:"},
	[SHERD_NOTE_CHANGED] = {"changed", "changed while it was read:"},
	[SHERD_NOTE_LOST] = {"lost", "data lost:"},
	[SHERD_NOTE_EXISTS] = {"exists", "left as it is, something else is there:"},
	[SHERD_NOTE_ATTRIBUTE] = {"attribute", "an attribute could not be set:"},
	[SHERD_NOTE_SHARE] = {"share", "a share is bad or missing:"},
	[SHERD_NOTE_REFUSED] = {"refused", "not made:"},
	[SHERD_NOTE_DELETED] = {"deleted", "removed:"},
};

static void count_bad(struct meter *m, const char *place)
{
	unsigned i = 0;

	while (i < m->bad_count && strcmp(m->bad[i].name, place))
		i++;
	if (i == meter_places_max)
		return;
	if (i == m->bad_count) {
		snprintf(m->bad[i].name, sizeof(m->bad[i].name), "%s", place);
		m->bad_count++;
	}
	m->bad[i].shares++;
}

static void say_one(const struct sherd_note *note)
{
	const char *why = note->why && note->why->message[0] ? note->why->message : NULL;
	char place[SHERD_POOL_NAME_MAX + 8] = "";

	if (note->place)
		snprintf(place, sizeof(place), " at %s", note->place);
	if (note->kind == SHERD_NOTE_LOST || note->kind == SHERD_NOTE_UNREADABLE) {
		say_error("sherd", "%s '%s'", kinds[note->kind].text, note->path);
		if (why)
			say_why("%s", why);
		return;
	}
	say_note("%s '%s'%s%s%s", kinds[note->kind].text, note->path, place, why ? ": " : "",
		why ? why : "");
}

static void tell_note(struct app *app, const struct sherd_note *note)
{
	struct json *j = app_json(app, "note");

	json_text(j, "kind", kinds[note->kind].word);
	json_path(j, "path", note->path);
	if (note->place)
		json_text(j, "place", note->place);
	json_text(j, "message", note->why ? note->why->message : NULL);
	json_end(j);
}

static int on_note(void *context, const struct sherd_note *note)
{
	struct meter *m = context;
	bool detail = note->kind == SHERD_NOTE_SHARE || note->kind == SHERD_NOTE_DELETED;

	if ((unsigned)note->kind >= meter_kinds)
		return 0;
	m->notes[note->kind]++;
	if (note->kind == SHERD_NOTE_SHARE && note->place)
		count_bad(m, note->place);
	if (m->app->g->json) {
		tell_note(m->app, note);
		return 0;
	}
	if (detail && !m->app->g->verbose)
		return 0;
	meter_hide();
	say_one(note);
	return 0;
}

void meter_begin(struct meter *m, struct app *app, bool upload)
{
	*m = (struct meter){.app = app, .upload = upload};
	m->hooks.cancel = NULL; /* the pool's */
	m->hooks.progress = on_progress;
	m->hooks.note = on_note;
	m->hooks.context = m;
	m->style =
		app->g->json ? PROGRESS_NONE : progress_style(app->g->verbose > 0, app->g->quiet);
	m->started_ns = m->drawn_ns = now_ns();
	shown = m;
}

void meter_end(struct meter *m)
{
	meter_hide();
	if (shown == m)
		shown = NULL;
}

uint64_t meter_elapsed(const struct meter *m)
{
	return now_ns() - m->started_ns;
}

char *meter_bad_places(const struct meter *m, char *buffer, size_t size)
{
	size_t used = 0;

	*buffer = '\0';
	for (unsigned i = 0; i < m->bad_count && used + SHERD_POOL_NAME_MAX + 3 < size; i++)
		used += (size_t)snprintf(
			buffer + used, size - used, "%s%s", used ? ", " : "", m->bad[i].name);
	return buffer;
}
