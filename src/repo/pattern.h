/* SPDX-License-Identifier: MIT */
/*
 * pattern.h - gitignore's rules: which paths a list of patterns means. '*' and '?' do not match
 * '/', '**' does;
 * '[a-z]' and '[!a-z]'; a '/' in the pattern but at its end ties it to the root of the walk; one at
 * its end means folders only; '!' takes back; the last pattern that matches wins; '\\' quotes; '#'
 * begins a comment, in files. A pattern that is an absolute path beneath a backed-up path means
 * just that. Bytes, not characters.
 */
#ifndef REPO_PATTERN_H
#define REPO_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <sherd/error.h>
#include <base/cleanup.h>

struct patterns;
/* patterns_new(texts, count, ret, err): Errors: INVALID (names the pattern), NOMEM. No pattern
 * matches nothing. */
int patterns_new(
	const char *const *texts, size_t count, struct patterns **ret, struct sherd_error *err);
void patterns_free(struct patterns *p);
DEFINE_CLEANUP(struct patterns, patterns_free)

enum pattern_answer { PATTERN_NONE, PATTERN_MATCH, PATTERN_TAKEN_BACK };
/* patterns_ask(p, path, folder): ${path} is absolute; what the last matching pattern says of it.
 * Parents are the caller's business: what is inside an excluded folder is not asked for. */
enum pattern_answer patterns_ask(const struct patterns *p, const char *path, bool folder);

/* patterns_may_hold(p, path): whether something beneath the folder ${path} might match: for
 * includes. */
bool patterns_may_hold(const struct patterns *p, const char *path);

#endif
