/* SPDX-License-Identifier: MIT */
/*
 * meter.h - what long work tells while it runs (struct sherd_repo_hooks): progress and notes.
 *
 * On a terminal two lines are redrawn: how far, how fast, how long; and a bar for each place, how
 * far it is compared with the others. Elsewhere one line a minute with -v; with --json lines of
 * type "status" and "note" on standard output. Notes are counted by kind.
 */
#ifndef CMD_SHERD_METER_H
#define CMD_SHERD_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <sherd/repo.h>
#include <common/progress.h>
#include "app.h"

enum { meter_places_max = 16, meter_kinds = SHERD_NOTE_DELETED + 1 };

struct meter {
	struct app *app;
	struct sherd_repo_hooks hooks; /* hand its address to the work */
	bool upload;                   /* bytes go to places, rather than come from them */
	enum progress_style style;
	uint64_t started_ns, drawn_ns, drawn_moved;
	double rate;         /* bytes of files a second, smoothed */
	double moved_rate;   /* bytes moved a second, smoothed */
	uint64_t drawn_done; /* bytes of files when last drawn */
	unsigned lines;      /* on the screen now */
	uint64_t notes[meter_kinds];
	struct {
		char name[SHERD_POOL_NAME_MAX + 1];
		uint64_t shares;
	} bad[meter_places_max]; /* whose shares were bad or missing */
	unsigned bad_count;
};

/* meter_begin(m, app, upload): the hooks are ready; meter_end() must follow. One at a time. */
void meter_begin(struct meter *m, struct app *app, bool upload);
void meter_end(struct meter *m);

/* meter_hide(): make room for a message; it comes back by itself. Nothing if none is shown. */
void meter_hide(void);

/* meter_elapsed(m): nanoseconds since meter_begin(). */
uint64_t meter_elapsed(const struct meter *m);

/* meter_bad_places(m, buffer, size): "usb, pi". */
char *meter_bad_places(const struct meter *m, char *buffer, size_t size);

#endif
