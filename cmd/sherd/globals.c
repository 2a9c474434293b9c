/* SPDX-License-Identifier: MIT */
/* globals.c - the options of every verb. */
#include <assert.h>
#include <base/intmath.h>
#include "globals.h"

enum { timeout_s_max = 86400, threads_max = 256 };

const struct option_entry globals_entries[14] = {
	OPTION_HELP("show this help and exit"),
	OPTION_TEXT('p', "pool", "NAME", struct globals, pool,
		"the pool; default: $SHERD_POOL, or the only one configured"),
	OPTION_FLAG('\0', "json", struct globals, json, "machine-readable output"),
	OPTION_FLAG('q', "quiet", struct globals, quiet, "no progress, no notes; errors only"),
	OPTION_COUNT('v', "verbose", struct globals, verbose, "say more; twice: still more"),
	OPTION_FLAG('n', "dry-run", struct globals, dry_run, "change nothing, tell what would be"),
	OPTION_FLAG('y', "yes", struct globals, yes, "ask nothing: yes to all questions"),
	OPTION_CHOICE('\0', "color", "WHEN", struct globals, color, "auto|always|never",
		"colour: auto, always or never"),
	OPTION_FLAG('\0', "bytes", struct globals, bytes, "sizes in bytes, exactly"),
	OPTION_TIME('\0', "timeout", "TIME", struct globals, timeout_ns, 0, timeout_s_max,
		"how long a place may take to answer, such as 90s; default: 60s"),
	OPTION_NUMBER('j', "threads", "N", struct globals, threads, 1, threads_max,
		"work with N threads, and N calls at one time at each place"),
	OPTION_FLAG('\0', "no-cache", struct globals, no_cache,
		"trust nothing kept on this machine but keys and what was seen: fetch all anew"),
	OPTION_TEXT('\0', "cache-dir", "DIR", struct globals, cache_dir,
		"folder for what can be made again; default: $SHERD_CACHE_DIR, or below "
		"~/.cache/sherd"),
	OPTION_TEXT('\0', "config", "FILE", struct globals, config,
		"configuration; default: $SHERD_CONFIG, or ~/.config/sherd/config"),
};
const size_t globals_count = ARRAY_COUNT(globals_entries);
static_assert(ARRAY_COUNT(globals_entries) == 14, "GLOBALS_SHARED in globals.h");
