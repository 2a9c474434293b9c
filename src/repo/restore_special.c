/* SPDX-License-Identifier: MIT */
/*
 * restore_special.c - symbolic links, pipes, sockets and device nodes. Each is made under a hidden
 * name and gets its own when its attributes are set, as a file does: one with the right target and
 * the wrong time would be taken for somebody else's by the next restore. Nodes open the machine's
 * hardware: they are made only where owners are restored, or when that was asked for.
 */
#include <repo/restore.h>

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <base/err.h>

#define MODE_AT_FIRST 0600

static bool is_node(const struct tree_entry *e)
{
	return e->type == TREE_CHARACTER || e->type == TREE_BLOCK;
}

static int make_link(
	struct restore *r, struct folder *f, const char *name, const struct tree_entry *e)
{
	char target[TREE_TARGET_MAX + 1];

	if (!e->target || e->target_size < 1 || e->target_size > TREE_TARGET_MAX ||
		memchr(e->target, 0, e->target_size))
		return EINVAL;
	memcpy(target, e->target, e->target_size);
	target[e->target_size] = '\0';
	return r->env->files->symlinkat(r->env->context, target, f->fd, name) == 0 ? 0 : errno;
}

static int make(struct restore *r, struct folder *f, const char *name, const struct tree_entry *e)
{
	static const mode_t formats[] = {[TREE_FIFO] = S_IFIFO,
		[TREE_SOCKET] = S_IFSOCK,
		[TREE_CHARACTER] = S_IFCHR,
		[TREE_BLOCK] = S_IFBLK};
	dev_t device = is_node(e) ? makedev(e->device_major, e->device_minor) : 0;

	if (e->type == TREE_SYMLINK)
		return make_link(r, f, name, e);
	return r->env->files->mknodat(
		       r->env->context, f->fd, name, formats[e->type] | MODE_AT_FIRST, device) == 0
		       ? 0
		       : errno;
}

static void set_attributes(struct restore *r, struct restorer *w, struct folder *f, const char *at,
	const char *name, const struct tree_entry *e)
{
	restore_attribute(r, w, f, name,
		target_attributes_of(&r->target, f->fd, at, e, f->inherits, &w->error));
}

static int make_whole(struct restore *r, struct restorer *w, struct folder *f, const char *name,
	const struct tree_entry *e, enum target_replace replace)
{
	int error = make(r, f, w->temporary, e);

	if (error)
		return error;
	set_attributes(r, w, f, w->temporary, name, e);
	error = target_publish(&r->target, f->fd, w->temporary, name, replace);
	if (error)
		target_discard(&r->target, f->fd, w->temporary);
	return error;
}

static bool allowed(struct restore *r, const struct tree_entry *e)
{
	return !is_node(e) || r->target.owners || r->options->devices;
}

void restore_special(
	struct restore *r, struct restorer *w, struct folder *f, const struct tree_entry *e)
{
	char name[TREE_NAME_MAX + 1] = "";
	enum there_answer answer;
	int error;

	memcpy(name, e->name, e->name_size);
	if (!allowed(r, e)) {
		err_set(&w->error, SHERD_DENIED, "device nodes are made only with owners");
		restore_failed(r, w, f, name, SHERD_DENIED, true);
		return;
	}
	answer = restore_there(r, w, f, name, e, NULL);
	if (answer != THERE_NOTHING && answer != THERE_REPLACE)
		return;
	if (r->options->dry_run) {
		w->tally.others++;
		return;
	}
	error = make_whole(
		r, w, f, name, e, answer == THERE_REPLACE ? TARGET_REPLACE : TARGET_KEEP);
	if (error == EEXIST || error == ENOTEMPTY)
		restore_taken(r, w, f, name);
	else if (error)
		restore_failed(r, w, f, name, err_system(&w->error, error, "cannot make it"), true);
	else
		w->tally.others++;
}
