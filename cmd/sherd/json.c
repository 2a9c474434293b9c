/* SPDX-License-Identifier: MIT */
/* json.c - the writer keeps a stack of what is open, so that commas and ends are right by
 * themselves. */
#include "json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "times.h"
#include "utf8.h"

static void put_text(struct json *j, const char *text)
{
	fputc('"', j->out);
	while (*text) {
		size_t size = utf8_size(text);
		unsigned char c = (unsigned char)*text;

		if (!size) {
			fputs("\\ufffd", j->out);
			text++;
			continue;
		}
		if (c == '"' || c == '\\')
			fprintf(j->out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(j->out, "\\u%04x", c);
		else
			fwrite(text, 1, size, j->out);
		text += size;
	}
	fputc('"', j->out);
}

static void begin(struct json *j, const char *key)
{
	if (!j->depth)
		return;
	assert(!key == j->is_array[j->depth - 1]);
	if (j->has_entry[j->depth - 1])
		fputc(',', j->out);
	j->has_entry[j->depth - 1] = true;
	if (!key)
		return;
	put_text(j, key);
	fputc(':', j->out);
}

static void open_level(struct json *j, const char *key, bool is_array)
{
	begin(j, key);
	assert(j->depth < json_depth_max);
	j->is_array[j->depth] = is_array;
	j->has_entry[j->depth++] = false;
	fputc(is_array ? '[' : '{', j->out);
}

void json_object(struct json *j, const char *key)
{
	open_level(j, key, false);
}

void json_array(struct json *j, const char *key)
{
	open_level(j, key, true);
}

void json_end(struct json *j)
{
	assert(j->depth);
	fputc(j->is_array[--j->depth] ? ']' : '}', j->out);
	if (j->depth)
		return;
	fputc('\n', j->out);
	fflush(j->out);
}

void json_text(struct json *j, const char *key, const char *text)
{
	begin(j, key);
	if (text)
		put_text(j, text);
	else
		fputs("null", j->out);
}

void json_path(struct json *j, const char *key, const char *path)
{
	char name[64];

	json_text(j, key, path);
	if (!path || utf8_valid(path))
		return;
	snprintf(name, sizeof(name), "%s_bytes", key);
	json_hex(j, name, (const uint8_t *)path, strlen(path));
}

void json_number(struct json *j, const char *key, uint64_t value)
{
	begin(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void json_signed(struct json *j, const char *key, int64_t value)
{
	begin(j, key);
	fprintf(j->out, "%" PRId64, value);
}

void json_real(struct json *j, const char *key, double value)
{
	begin(j, key);
	if (isfinite(value))
		fprintf(j->out, "%.9g", value);
	else
		fputs("null", j->out);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_hex(struct json *j, const char *key, const uint8_t *bytes, size_t size)
{
	begin(j, key);
	fputc('"', j->out);
	for (size_t i = 0; i < size; i++)
		fprintf(j->out, "%02x", bytes[i]);
	fputc('"', j->out);
}

void json_time(struct json *j, const char *key, uint64_t ns)
{
	char text[TIMES_SIZE];

	json_text(j, key, ns ? times_exact(ns, text) : NULL);
}
