/* SPDX-License-Identifier: MIT */
/*
 * err.c - messages are put together in a buffer of their own and then copied, so that an argument
 * may be (part of) the message that is being replaced. What does not fit is cut between two
 * characters and ends in "..."; the text of the system stays whole, for it is the cause. Control
 * characters, which come from hostile file names, become '?': one message is one line.
 */
#include <base/err.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/intmath.h>

struct code_entry {
	int code;
	enum sherd_class class;
	const char *text;
};

static const struct code_entry entries[] = {{SHERD_OK, SHERD_CLASS_OK, "no error"},
#define SHERD_X(name, number, class, text) {SHERD_##name, SHERD_CLASS_##class, text},
	SHERD_ERROR_CODES(SHERD_X)
#undef SHERD_X
};

static const struct code_entry *find_entry(int code)
{
	for (size_t i = 0; i < ARRAY_COUNT(entries); i++)
		if (entries[i].code == code)
			return &entries[i];
	return NULL;
}

enum sherd_class sherd_code_class(int code)
{
	const struct code_entry *entry = find_entry(code);

	return entry ? entry->class : SHERD_CLASS_UNREACHABLE;
}

const char *sherd_code_text(int code)
{
	const struct code_entry *entry = find_entry(code);

	return entry ? entry->text : "unknown error";
}

#define CUT_MARK "..."

/* The greatest length <= limit at which no UTF-8 character of text is cut apart. */
static size_t cut_before(const char *text, size_t limit)
{
	size_t at = limit;

	/* A character has at most three bytes of the form 10xxxxxx behind its first. */
	while (at > 0 && limit - at < 3 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	return ((unsigned char)text[at] & 0xc0) == 0x80 ? limit : at;
}

/*
 * Make text, which holds at most size-1 bytes and wanted to be ${length} long, end cleanly, and
 * free it of control characters.
 */
static void finish(char *text, size_t size, size_t length)
{
	if (length >= size) {
		size_t kept = cut_before(text, size - sizeof(CUT_MARK));

		memcpy(text + kept, CUT_MARK, sizeof(CUT_MARK));
	}
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

__attribute__((format(printf, 3, 0))) static void format_into(
	char *text, size_t size, const char *format, va_list arguments)
{
	int length = vsnprintf(text, size, format, arguments);

	/* It fails for arguments it cannot convert; the code must come through all the same. */
	if (length < 0) {
		text[0] = '\0';
		length = 0;
	}
	finish(text, size, (size_t)length);
}

static void store(struct sherd_error *err, int code, int os_errno, const char *text)
{
	err->code = code;
	err->os_errno = os_errno;
	memcpy(err->message, text, strlen(text) + 1);
}

int err_set(struct sherd_error *err, int code, const char *format, ...)
{
	char text[SHERD_ERROR_SIZE];
	va_list arguments;

	if (!err)
		return code;
	va_start(arguments, format);
	format_into(text, sizeof(text), format, arguments);
	va_end(arguments);
	store(err, code, 0, text);
	return code;
}

static int code_of_errno(int os_errno)
{
	switch (os_errno) {
	case ENOENT:
	case ENOTDIR:
		return SHERD_NOTFOUND;
	case EEXIST:
		return SHERD_EXISTS;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return SHERD_NOSPACE;
	case EACCES:
	case EPERM:
	case EROFS:
		return SHERD_DENIED;
	case ENOMEM:
		return SHERD_NOMEM;
	default:
		return SHERD_IO;
	}
}

/* Neither function used here shares a buffer between threads; strerror() of glibc does. */
static const char *system_text(int os_errno)
{
#if defined(__GLIBC__)
	const char *text = strerrordesc_np(os_errno);
#else
	const char *text = strerror(os_errno);
#endif
	/* The one shortage that whoever reads this can mend. */
	if (os_errno == EMFILE)
		return "Too many open files; raise the limit with 'ulimit -n'";
	return text ? text : "unknown system error";
}

int err_system(struct sherd_error *err, int os_errno, const char *format, ...)
{
	int code = code_of_errno(os_errno);
	const char *cause = system_text(os_errno);
	char text[SHERD_ERROR_SIZE];
	size_t room = sizeof(text) - strlen(cause) - 2, length;
	va_list arguments;

	if (!err)
		return code;
	va_start(arguments, format);
	format_into(text, room, format, arguments);
	va_end(arguments);
	length = strlen(text);
	snprintf(text + length, sizeof(text) - length, ": %s", cause);
	store(err, code, os_errno, text);
	return code;
}

int err_wrap(struct sherd_error *err, int code, const char *format, ...)
{
	char front[SHERD_ERROR_SIZE];
	char text[SHERD_ERROR_SIZE];
	va_list arguments;
	size_t room;
	int length;

	if (!err)
		return code;
	/* When both do not fit the front gives way first, but keeps half. */
	room = sizeof(front) - INT_MIN_OF(strlen(err->message) + 2, sizeof(front) / 2);
	va_start(arguments, format);
	format_into(front, room, format, arguments);
	va_end(arguments);
	length = snprintf(text, sizeof(text), "%s: %s", front, err->message);
	finish(text, sizeof(text), length < 0 ? 0 : (size_t)length);
	memcpy(err->message, text, strlen(text) + 1);
	return err->code;
}

int err_nomem(struct sherd_error *err)
{
	return err_set(err, SHERD_NOMEM, "out of memory");
}
