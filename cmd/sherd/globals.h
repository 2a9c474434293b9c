/* SPDX-License-Identifier: MIT */
/* globals.h - the options of every verb. Each verb's own struct of values begins with this one. */
#ifndef CMD_SHERD_GLOBALS_H
#define CMD_SHERD_GLOBALS_H

#include <stdbool.h>
#include <stdint.h>
#include <common/options.h>

struct globals {
	const char *pool;      /* NULL: SHERD_POOL, or the only one configured */
	const char *config;    /* file */
	const char *cache_dir; /* folder in which each pool has one of its own */
	const char *color;     /* "auto", "always", "never" */
	uint64_t timeout_ns;   /* of a call to a place; 0: the library's */
	long threads;          /* 0: the library's choice */
	long verbose;
	bool json, quiet, dry_run, yes, no_cache, bytes, version;
};

extern const struct option_entry globals_entries[];
extern const size_t globals_count;

/* What a verb's table says about them. */
#define GLOBALS_SHARED .shared = globals_entries, .shared_count = 14

#endif
