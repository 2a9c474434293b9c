/* SPDX-License-Identifier: MIT */
/*
 * restore_walk.c - the way through the snapshot, which of it is wanted, and who does it.
 */
#include <repo/restore.h>

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

/* What to do with an entry. */
enum wanted {
	WANTED_NOT,
	WANTED_WAY, /* a folder that may lead to something wanted */
	WANTED,
};

static bool is_folder(const struct tree_entry *e)
{
	return e->type == TREE_FOLDER;
}

/* Whether ${path} is ${below}, or a folder around it. */
static bool leads_to(const char *path, const char *below)
{
	size_t length = strlen(path);

	return strncmp(path, below, length) == 0 && (below[length] == '/' || below[length] == '\0');
}

/* A folder around what was saved: it was there before, and is nobody's to change. */
static bool is_above_saved(const struct restore *r, const char *path)
{
	for (size_t i = 0; i < r->snapshot->path_count; i++)
		if (leads_to(path, r->snapshot->paths[i]) &&
			strlen(path) < strlen(r->snapshot->paths[i]))
			return true;
	return false;
}

static enum wanted ask_includes(
	const struct restore *r, const struct folder *f, const char *path, bool folder)
{
	enum pattern_answer answer;

	if (!r->includes)
		return WANTED;
	answer = patterns_ask(r->includes, path, folder);
	if (answer == PATTERN_TAKEN_BACK)
		return WANTED_NOT;
	if (f->taken || answer == PATTERN_MATCH)
		return WANTED;
	return folder && patterns_may_hold(r->includes, path) ? WANTED_WAY : WANTED_NOT;
}

static enum wanted is_wanted(
	const struct restore *r, const struct folder *f, const char *path, bool folder)
{
	if (r->only && !leads_to(r->only, path))
		return folder && leads_to(path, r->only) ? WANTED_WAY : WANTED_NOT;
	if (r->excludes && patterns_ask(r->excludes, path, folder) == PATTERN_MATCH)
		return WANTED_NOT;
	return ask_includes(r, f, path, folder);
}

/* --- one entry --- */

static void stop_without_memory(struct restore *r)
{
	restore_stop(r, SHERD_NOMEM, NULL);
}

static void lost_folder(struct restore *r, struct folder *f, int code)
{
	f->gaps = true;
	restore_failed(r, r->walker, f, "", code, false);
}

static void visit_folder(
	struct restore *r, const struct tree_entry *e, enum wanted wanted, const char *path)
{
	int code = restore_folder_enter(r, e, wanted == WANTED_WAY || is_above_saved(r, path));
	struct folder *f;

	if (code) {
		stop_without_memory(r);
		return;
	}
	f = r->chain[r->depth - 1];
	f->taken = wanted == WANTED;
	code = wanted == WANTED_WAY || restore_folder_ready(r)
		       ? descent_push(&r->descent, e->content, e->content_size, &r->walker->error)
		       : 1;
	if (code == 0)
		return;
	if (code < 0)
		lost_folder(r, f, code);
	restore_folder_leave(r);
}

static void visit_other(struct restore *r, struct folder *f, const struct tree_entry *e)
{
	int code = 0;

	if (!restore_folder_ready(r))
		return;
	if (e->type == TREE_SYMLINK)
		code = restore_folder_keep_link(r, f, e);
	else if (e->has_link)
		restore_linked(r, f, e);
	else if (e->type == TREE_FILE)
		code = restore_batch_add(r, f, e);
	else
		restore_special(r, r->walker, f, e);
	if (code)
		stop_without_memory(r);
}

/* The reader has refused such entries already; names are what all safety rests on. */
static bool is_sound(const struct tree_entry *e)
{
	return target_name_ok(e->name, e->name_size) && e->type >= TREE_FILE &&
	       e->type <= TREE_BLOCK && !(is_folder(e) && !e->content);
}

static void visit(struct restore *r, const struct tree_entry *e)
{
	struct folder *f = r->chain[r->depth - 1];
	bool by_path = r->includes || r->excludes || r->only || is_folder(e);
	enum wanted wanted = WANTED;
	char name[TREE_NAME_MAX + 1] = "";
	size_t before = r->path.size;

	if (!is_sound(e)) {
		err_set(&r->walker->error, SHERD_CORRUPT, "an entry that is not what it must be");
		restore_failed(r, r->walker, f, "", SHERD_CORRUPT, true);
		return;
	}
	memcpy(name, e->name, e->name_size);
	target_names_see(&f->names, name);
	if (by_path) {
		CLEANUP(mem_free_at) char *path = NULL;

		bytes_add(&r->path, name, e->name_size + 1);
		if (r->path.failed) {
			stop_without_memory(r);
			return;
		}
		r->path.size = before;
		wanted = is_wanted(r, f, (const char *)r->path.data, is_folder(e));
		if (wanted != WANTED_NOT && is_folder(e)) {
			path = mem_format("%s", (const char *)r->path.data);
			if (path)
				visit_folder(r, e, wanted, path);
			else
				stop_without_memory(r);
		}
	}
	if (wanted == WANTED && !is_folder(e))
		visit_other(r, f, e);
}

/* --- telling --- */

static void report(struct restore *r)
{
	struct sherd_repo_progress p = {0};
	bool whole = !r->only && !r->options->path && !r->includes && !r->excludes;
	int code = told_notes(&r->told);

	if (code) {
		struct sherd_error err;

		err_set(&err, code, "stopped by a callback");
		restore_stop(r, code, &err);
	}
	if (!told_due(&r->told))
		return;
	pthread_mutex_lock(&r->lock);
	p.files_done = r->result.files + r->result.same;
	p.bytes_done = r->result.bytes;
	pthread_mutex_unlock(&r->lock);
	p.files_done += r->walker->tally.files + r->walker->tally.same;
	p.bytes_done += r->walker->tally.bytes;
	p.files_total = whole ? r->snapshot->files : 0;
	p.bytes_total = whole ? r->snapshot->bytes : 0;
	bytes_u8(&r->path, 0);
	p.current = r->path.failed ? NULL : (const char *)r->path.data;
	if (!r->path.failed)
		r->path.size--;
	told_progress(&r->told, &p);
}

/* --- the way --- */

static void step(struct restore *r, bool *seen)
{
	struct tree_entry e;
	int code = descent_next(&r->descent, &e, &r->walker->error);

	if (code == 1) {
		*seen = true;
		visit(r, &e);
	} else if (code == 0) {
		descent_pop(&r->descent);
		restore_folder_leave(r);
	} else if (!descent_gone(code) || (!*seen && r->depth == 1)) {
		/* Without a single entry there is nothing to restore. */
		code = code == SHERD_NOTFOUND ? SHERD_LOST : code;
		r->walker->error.code = code;
		err_wrap(&r->walker->error, code, "the snapshot's root folder");
		restore_stop(r, code, &r->walker->error);
	} else {
		lost_folder(r, r->chain[r->depth - 1], code);
	}
}

void restore_walk(struct restore *r, const uint8_t *root, size_t root_size)
{
	struct sherd_error err;
	int code = descent_push(&r->descent, root, root_size, &err);
	bool seen = false;

	if (code)
		restore_stop(r, code, &err);
	while (r->descent.depth && restore_going(r)) {
		step(r, &seen);
		report(r);
	}
	restore_close(r);
	report(r);
}

/* What was not left stays as it is when the work was stopped. */
void restore_close(struct restore *r)
{
	if (restore_going(r))
		restore_batch_flush(r);
	else
		restore_batch_drop(r);
	while (r->depth)
		restore_folder_leave(r);
	restore_folder_finish_all(r);
	tasks_wait(r->tasks);
}

void restore_one(struct restore *r, const struct tree_entry *e)
{
	visit(r, e);
	restore_close(r);
	report(r);
}
