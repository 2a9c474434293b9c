/* SPDX-License-Identifier: MIT */
/* log.c - the sink is set before threads run (log.h), so it is read without a lock. */
#include <base/log.h>

#include <stdarg.h>
#include <stdio.h>

#define LINE_SIZE 512

static log_sink *current_sink;
static void *current_context;

void log_set_sink(log_sink *sink, void *context)
{
	current_sink = sink;
	current_context = context;
}

void log_warn(const char *format, ...)
{
	char line[LINE_SIZE];
	va_list arguments;
	int length;

	if (!current_sink)
		return;
	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	current_sink(current_context, line);
}
