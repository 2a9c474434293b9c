/* SPDX-License-Identifier: MIT */
/* backup_tell.c - what a person hears of a backup while it runs; and stopping it. */
#include "backup.h"

#include <errno.h>
#include <string.h>

#include <base/err.h>

#define TELL_EVERY_NS 100000000u

/* The path is put together only when somebody wants it: for most files nobody does. */
const char *backup_path(struct backup *b, const char *name)
{
	if (*name || b->path.size == 0) {
		bytes_u8(&b->path, '/');
		bytes_text(&b->path, name);
	}
	bytes_u8(&b->path, 0);
	return b->path.failed ? NULL : (const char *)b->path.data;
}

void backup_path_end(struct backup *b)
{
	b->path.size = b->top ? b->top->path_size : 0;
	b->path.failed = false;
}

int backup_note(struct backup *b, enum sherd_note_kind kind, const char *name,
	const struct sherd_error *why, struct sherd_error *err)
{
	struct sherd_note note = {.kind = kind, .why = why};
	int r;

	if (!b->hooks || !b->hooks->note)
		return 0;
	note.path = backup_path(b, name);
	if (!note.path) {
		backup_path_end(b);
		return err_nomem(err);
	}
	r = b->hooks->note(b->hooks->context, &note);
	backup_path_end(b);
	return r ? err_set(err, r, "stopped by who was told of a file") : 0;
}

int backup_lost(struct backup *b, const char *name, int os_errno, struct sherd_error *err)
{
	bool gone = os_errno == ENOENT || os_errno == ENOTDIR || os_errno == ELOOP;
	struct sherd_error why;

	if (os_errno == ENOMEM)
		return err_nomem(err);
	err_system(&why, os_errno, gone ? "it went away" : "it cannot be read");
	b->result.files_unreadable++;
	b->incomplete = true;
	if (b->top)
		b->top->folder->same = false; /* what the parent has under the name is missing */
	return backup_note(b, gone ? SHERD_NOTE_VANISHED : SHERD_NOTE_UNREADABLE, name, &why, err);
}

static void tell(struct backup *b, const char *path)
{
	struct sherd_repo_progress *state = &b->progress.state;
	struct store_totals totals;

	store_totals(b->store, &totals);
	state->current = path;
	state->files_done = b->result.files;
	state->bytes_new = totals.bytes_new;
	if (b->scan)
		backup_scan_result(b->scan, &state->files_total, &state->bytes_total);
	health_progress_tell(&b->progress, b->result.bytes + b->partial, false);
	state->current = NULL;
}

int backup_tell(struct backup *b, const char *name, uint64_t more, struct sherd_error *err)
{
	struct health_progress *p = &b->progress;

	b->result.bytes_read += more;
	b->partial += more;
	if (sherd_cancel_requested(b->cancel))
		return err_set(err, SHERD_CANCELLED, "the backup was cancelled");
	if (!b->progress_begun ||
		b->env->clock_monotonic_ns(b->env->context) - p->told_ns < TELL_EVERY_NS)
		return 0;
	tell(b, name ? backup_path(b, name) : NULL);
	backup_path_end(b);
	return 0;
}
