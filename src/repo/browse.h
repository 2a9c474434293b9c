/* SPDX-License-Identifier: MIT */
/* browse.h - entries of trees as callers are shown them. Single-threaded. */
#ifndef REPO_BROWSE_H
#define REPO_BROWSE_H

#include <base/bytes.h>
#include <crypt/hash.h>
#include <repo/repo.h>
#include <repo/tree.h>

/* An entry for a callback, and what its pointers lead to. All zero to begin with. */
struct shown {
	struct sherd_entry entry;
	struct hash content;
	struct bytes texts;
};
/* shown_set(s, path, e, err): ${path} must live as long as s->entry. Errors: NOMEM. */
int shown_set(
	struct shown *s, const char *path, const struct tree_entry *e, struct sherd_error *err);
void shown_release(struct shown *s);

/* tree_entry_keep(e, keep, err): copy what ${e} points to into ${keep}, replacing what that held,
 * and let it point there. Errors: NOMEM. */
int tree_entry_keep(struct tree_entry *e, struct bytes *keep, struct sherd_error *err);

/* repo_plain_path(path): a slash before each part, none at the end, no "." parts; "" is the root.
 * NULL without memory. */
char *repo_plain_path(const char *path);

#endif
