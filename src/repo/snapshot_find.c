/* SPDX-License-Identifier: MIT */
/*
 * snapshot_find.c - the snapshot that a person means.
 *
 * What is tried, in order: "latest" and "latest~N"; "@TIME"; an id's first digits; a name. A time
 * given to the day, minute or second means the whole of it: "@2026-11-01" is the newest snapshot of
 * that day or of one before.
 */
#include <repo/repo.h>

#include <string.h>
#include <time.h>

#include <base/err.h>
#include <base/units.h>

#define PREFIX_MIN 4
#define BACK_MAX 1000000000L
#define SECOND_NS UINT64_C(1000000000)

/* The next older one of that host, from index *at on downwards; NULL: none. */
static const struct sherd_snapshot *next_older(
	const struct sherd_snapshot *list, const char *host, size_t *at)
{
	while (*at > 0) {
		const struct sherd_snapshot *s = &list[--*at];

		if (!host || strcmp(s->host, host) == 0)
			return s;
	}
	return NULL;
}

static const struct sherd_snapshot *find_back(
	const struct sherd_snapshot *list, size_t count, const char *host, long back)
{
	const struct sherd_snapshot *s;

	do
		s = next_older(list, host, &count);
	while (s && back-- > 0);
	return s;
}

static const struct sherd_snapshot *find_before(
	const struct sherd_snapshot *list, size_t count, const char *host, uint64_t limit_ns)
{
	const struct sherd_snapshot *s;

	do
		s = next_older(list, host, &count);
	while (s && s->time_ns >= limit_ns);
	return s;
}

static const struct sherd_snapshot *find_name(
	const struct sherd_snapshot *list, size_t count, const char *host, const char *name)
{
	const struct sherd_snapshot *s;

	do
		s = next_older(list, host, &count);
	while (s && strcmp(s->name, name) != 0);
	return s;
}

/* --- ids --- */

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_prefix(const char *text)
{
	size_t length = strlen(text);

	if (length < PREFIX_MIN || length > 2 * SHERD_ID_SIZE)
		return false;
	for (size_t i = 0; i < length; i++)
		if (digit_of(text[i]) < 0)
			return false;
	return true;
}

static bool id_begins(const uint8_t *id, const char *digits)
{
	for (size_t i = 0; digits[i]; i++)
		if ((id[i / 2] >> (i % 2 ? 0 : 4) & 15) != digit_of(digits[i]))
			return false;
	return true;
}

static int find_id(const struct sherd_snapshot *list, size_t count, const char *host,
	const char *digits, const struct sherd_snapshot **ret, struct sherd_error *err)
{
	const struct sherd_snapshot *s;

	*ret = NULL;
	while ((s = next_older(list, host, &count)) != NULL) {
		if (!id_begins(s->id, digits))
			continue;
		if (*ret)
			return err_set(err, SHERD_DUPLICATE,
				"several snapshots have an id that begins with '%s'", digits);
		*ret = s;
	}
	return 0;
}

/* --- times --- */

/* The first nanosecond behind the day, minute or second that the text names, local time. */
static int end_of_time(const char *text, uint64_t *ret_ns, struct sherd_error *err)
{
	static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
		"%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"};

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, formats[i], &tm);
		time_t seconds;

		if (!end || *end)
			continue;
		tm.tm_sec += i < 2;
		tm.tm_min += i == 2 || i == 3;
		tm.tm_mday += i == 4;
		tm.tm_isdst = -1;
		seconds = mktime(&tm);
		if (seconds < 0 || (uint64_t)seconds > UINT64_MAX / SECOND_NS)
			break;
		*ret_ns = (uint64_t)seconds * SECOND_NS;
		return 0;
	}
	return err_set(err, SHERD_INVALID,
		"'@%s' is no time: it is written as 2026-11-01 or 2026-11-01T10:00", text);
}

/* --- any --- */

static int find_latest(const struct sherd_snapshot *list, size_t count, const char *host,
	const char *text, const struct sherd_snapshot **ret, struct sherd_error *err)
{
	const char *behind = text + strlen("latest");
	long back = 0;

	if (*behind && units_number(behind + 1, 0, BACK_MAX, &back) != 0)
		return err_set(err, SHERD_INVALID, "'%s' is not 'latest~' and a number", text);
	*ret = find_back(list, count, host, back);
	return 0;
}

static int find_any(const struct sherd_snapshot *list, size_t count, const char *text,
	const char *host, const struct sherd_snapshot **ret, struct sherd_error *err)
{
	uint64_t limit_ns = 0;
	int r = 0;

	*ret = NULL;
	if (strcmp(text, "latest") == 0 || strncmp(text, "latest~", 7) == 0)
		return find_latest(list, count, host, text, ret, err);
	if (*text == '@') {
		r = end_of_time(text + 1, &limit_ns, err);
		if (r == 0)
			*ret = find_before(list, count, host, limit_ns);
		return r;
	}
	if (is_prefix(text))
		r = find_id(list, count, host, text, ret, err);
	if (r == 0 && !*ret && *text)
		*ret = find_name(list, count, host, text);
	return r;
}

int sherd_snapshot_find(struct sherd_repo *repo, const char *text, const char *host,
	const struct sherd_snapshot **ret, struct sherd_error *err)
{
	const struct sherd_snapshot *found;
	size_t count;
	const struct sherd_snapshot *list = sherd_snapshots(repo, &count);
	int r = find_any(list, count, text, host, &found, err);

	if (r)
		return r;
	if (!found)
		return err_set(err, SHERD_NOTFOUND, "no snapshot '%s'%s%s", text,
			host ? " of host " : "", host ? host : "");
	*ret = found;
	return 0;
}
