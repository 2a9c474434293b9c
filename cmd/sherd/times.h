/* SPDX-License-Identifier: MIT */
/* times.h - moments as people and machines write them. Moments are nanoseconds since 1970. */
#ifndef CMD_SHERD_TIMES_H
#define CMD_SHERD_TIMES_H

#include <stdint.h>
#include <sherd/error.h>

#define TIMES_SIZE 64 /* bytes that hold any text made here */

uint64_t times_now(void);

/* "2026-11-20 10:02" in local time; "never" for 0. */
char *times_minute(uint64_t ns, char buffer[TIMES_SIZE]);
/* "2026-11-20 10:02:11" */
char *times_second(uint64_t ns, char buffer[TIMES_SIZE]);
/* "2026-11-20T10:02:11.123456789+01:00" */
char *times_exact(uint64_t ns, char buffer[TIMES_SIZE]);
/* "8 s", "12 min", "2 h", "3 d", of a length of time */
char *times_age(uint64_t ns, char buffer[TIMES_SIZE]);

/*
 * times_parse(text, ret_ns, err):
 * 2026-11-20, 2026-11-20 10:02, 2026-11-20T10:02:11, local; with Z or +01:00 behind it: that zone.
 * "@SECONDS" since 1970. Errors: INVALID.
 */
int times_parse(const char *text, uint64_t *ret_ns, struct sherd_error *err);

#endif
