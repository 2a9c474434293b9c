/* SPDX-License-Identifier: MIT */
/*
 * say.c - lines on standard error.
 *
 * A line is put together in a buffer on the stack and leaves with one write(): no stdio, so nothing
 * is left over when the process dies by a signal, and nothing depends on which thread speaks.
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <common/say.h>

/* Control characters: C0, DEL, and C1 as UTF-8 (0xc2 0x80..0x9f). Returns their bytes, 0 if none.
 */
static size_t control_size(const unsigned char *at)
{
	if (at[0] < 0x20 || at[0] == 0x7f)
		return 1;
	return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f ? 2 : 0;
}

/* Bytes of the UTF-8 character at ${at}; 1 where there is no whole one. */
static size_t character_size(const unsigned char *at)
{
	size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc2 ? 2 : 1;

	for (size_t i = 1; i < size; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 1;
	return size;
}

size_t say_clean(const char *text, char *buffer, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *at = (const unsigned char *)text;
	size_t used = 0;

	assert(size >= 1);
	while (*at) {
		size_t control = control_size(at);
		size_t taken = control ? control : character_size(at);

		if (used + (control ? 4 * control : taken) >= size)
			break;
		for (size_t i = 0; i < taken && !control; i++)
			buffer[used++] = (char)at[i];
		for (size_t i = 0; i < control; i++) {
			buffer[used++] = '\\';
			buffer[used++] = 'x';
			buffer[used++] = digits[at[i] >> 4];
			buffer[used++] = digits[at[i] & 15];
		}
		at += taken;
	}
	buffer[used] = '\0';
	return used;
}

static void write_all(const char *text, size_t size)
{
	while (size) {
		ssize_t done = write(STDERR_FILENO, text, size);

		if (done < 0 && errno != EINTR)
			return;
		if (done > 0) {
			text += done;
			size -= (size_t)done;
		}
	}
}

static void say_line(const char *start, const char *colon, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

static void say_line(const char *start, const char *colon, const char *format, va_list arguments)
{
	char text[SAY_LINE_MAX], line[SAY_LINE_MAX];
	int saved = errno;
	size_t size;

	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	size = say_clean(start, line, sizeof(line) - 4);
	size += say_clean(colon, line + size, sizeof(line) - 1 - size);
	size += say_clean(text, line + size, sizeof(line) - 1 - size);
	line[size++] = '\n';
	write_all(line, size);
	errno = saved;
}

void say_error(const char *program, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_line(program, ": ", format, arguments);
	va_end(arguments);
}

void say_why(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_line("  ", "", format, arguments);
	va_end(arguments);
}

void say_try(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_line("  try", ": ", format, arguments);
	va_end(arguments);
}

void say_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_line("warning", ": ", format, arguments);
	va_end(arguments);
}

void say_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_line("", "", format, arguments);
	va_end(arguments);
}

void say_log(void *context, const char *line)
{
	(void)context;
	say_warning("%s", line);
}
