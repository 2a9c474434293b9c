/* SPDX-License-Identifier: MIT */
/* times.c - by localtime_r() and mktime(), which know the zone of $TZ. */
#include "times.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <base/env.h>
#include <base/err.h>
#include <base/units.h>

static const uint64_t second_ns = 1000000000;

uint64_t times_now(void)
{
	const struct sherd_env *env = env_system();

	return env->clock_real_ns(env->context);
}

/* Local time, or false: a moment no calendar has. ${buffer} then says so in seconds. */
static bool local(uint64_t ns, struct tm *ret, char buffer[TIMES_SIZE])
{
	time_t seconds = (time_t)(ns / second_ns);

	if (localtime_r(&seconds, ret))
		return true;
	snprintf(buffer, TIMES_SIZE, "@%" PRIu64, ns / second_ns);
	return false;
}

char *times_minute(uint64_t ns, char buffer[TIMES_SIZE])
{
	struct tm tm;

	if (!ns)
		snprintf(buffer, TIMES_SIZE, "never");
	else if (local(ns, &tm, buffer))
		strftime(buffer, TIMES_SIZE, "%Y-%m-%d %H:%M", &tm);
	return buffer;
}

char *times_second(uint64_t ns, char buffer[TIMES_SIZE])
{
	struct tm tm;

	if (local(ns, &tm, buffer))
		strftime(buffer, TIMES_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
	return buffer;
}

char *times_exact(uint64_t ns, char buffer[TIMES_SIZE])
{
	char start[TIMES_SIZE], zone[8]; /* +0100 */
	struct tm tm;

	if (!local(ns, &tm, buffer))
		return buffer;
	strftime(start, sizeof(start), "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	snprintf(buffer, TIMES_SIZE, "%.30s.%09u%.3s:%.2s", start, (unsigned)(ns % second_ns), zone,
		strlen(zone) == 5 ? zone + 3 : "00");
	return buffer;
}

char *times_age(uint64_t ns, char buffer[TIMES_SIZE])
{
	uint64_t s = ns / second_ns;

	if (s < 120)
		snprintf(buffer, TIMES_SIZE, "%" PRIu64 " s", s);
	else if (s < 120 * 60)
		snprintf(buffer, TIMES_SIZE, "%" PRIu64 " min", s / 60);
	else if (s < 48 * 3600)
		snprintf(buffer, TIMES_SIZE, "%" PRIu64 " h", s / 3600);
	else
		snprintf(buffer, TIMES_SIZE, "%" PRIu64 " d", s / 86400);
	return buffer;
}

static int refuse(const char *text, struct sherd_error *err)
{
	return err_set(
		err, SHERD_INVALID, "'%s' is no time such as 2026-11-20 or 2026-11-20T10:02", text);
}

/* "", "Z", "+01:00", "-0500": whether it is a zone, and how far east in seconds. */
static bool read_zone(const char *text, bool *ret_given, long *ret_east)
{
	int hours, minutes = 0, used = 0;

	*ret_given = *text != '\0';
	*ret_east = 0;
	if (!*text || !strcmp(text, "Z") || !strcmp(text, "z"))
		return true;
	if (*text != '+' && *text != '-')
		return false;
	if (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 &&
		sscanf(text + 1, "%2d%2d%n", &hours, &minutes, &used) != 2)
		return false;
	if (text[1 + used] || hours < 0 || hours > 14 || minutes < 0 || minutes > 59)
		return false;
	*ret_east = (hours * 60L + minutes) * 60 * (*text == '-' ? -1 : 1);
	return true;
}

int times_parse(const char *text, uint64_t *ret_ns, struct sherd_error *err)
{
	struct tm tm = {.tm_isdst = -1}, given;
	const char *rest;
	bool zone_given;
	long number, east;
	time_t seconds;

	if (*text == '@') {
		if (units_number(text + 1, 0, 9999999999, &number))
			return refuse(text, err);
		*ret_ns = (uint64_t)number * second_ns;
		return 0;
	}
	rest = strptime(text, "%Y-%m-%d", &tm);
	if (rest && (*rest == ' ' || *rest == 'T')) {
		rest = strptime(rest + 1, "%H:%M", &tm);
		if (rest && *rest == ':')
			rest = strptime(rest, ":%S", &tm);
	}
	if (!rest || !read_zone(rest, &zone_given, &east))
		return refuse(text, err);
	tm.tm_isdst = -1;
	given = tm;
	seconds = zone_given ? timegm(&tm) - east : mktime(&tm);
	/* The 31st of February becomes another day. */
	if (seconds < 0 || tm.tm_mday != given.tm_mday || tm.tm_mon != given.tm_mon)
		return refuse(text, err);
	*ret_ns = (uint64_t)seconds * second_ns;
	return 0;
}
