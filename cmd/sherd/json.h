/* SPDX-License-Identifier: MIT */
/*
 * json.h - writes JSON to a stream, one document a line.
 *
 * ${key} is NULL for the entries of an array. Text that is not UTF-8 is written with U+FFFD in
 * place of what is wrong; json_path() adds the bytes themselves then, as hexadecimal in KEY_bytes.
 * Write errors are the stream's: ferror() tells.
 */
#ifndef CMD_SHERD_JSON_H
#define CMD_SHERD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { json_depth_max = 16 };

struct json {
	FILE *out;
	unsigned depth;
	bool is_array[json_depth_max];
	bool has_entry[json_depth_max];
};

void json_object(struct json *j, const char *key); /* { */
void json_array(struct json *j, const char *key);  /* [ */
/* json_end(j): } or ]; behind the outermost one a newline, and the stream is flushed. */
void json_end(struct json *j);

void json_text(struct json *j, const char *key, const char *text); /* NULL: null */
void json_path(struct json *j, const char *key, const char *path);
void json_number(struct json *j, const char *key, uint64_t value);
void json_signed(struct json *j, const char *key, int64_t value);
void json_real(struct json *j, const char *key, double value); /* not finite: null */
void json_bool(struct json *j, const char *key, bool value);
void json_hex(struct json *j, const char *key, const uint8_t *bytes, size_t size);
/* json_time(j, key, ns): RFC 3339 in local time with nanoseconds; 0: null. */
void json_time(struct json *j, const char *key, uint64_t ns);

#endif
