/* SPDX-License-Identifier: MIT */
/*
 * kit.c - 65 bytes as six lines that can be copied by hand: each has its own check, so that a
 * typing error is found in its line and not somewhere. A line that begins with its number is one of
 * the six, whatever follows; a line without a number is one if it looks exactly like one.
 */
#include "kit.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <base/cursor.h>
#include <base/err.h>
#include <crypt/hash.h>

#define VERSION 1
#define BYTES (1 + POOL_ID_SIZE + RECORD_ID_SIZE + CRYPT_KEY_SIZE)
#define LETTERS (BYTES * 8 / 5)
#define LINE_LETTERS 20
#define LINES ((LETTERS + LINE_LETTERS - 1) / LINE_LETTERS)
#define CHECK_LETTERS 2
#define GROUP 4
#define TEXT_SIZE 2048

static_assert(BYTES * 8 % 5 == 0, "no padding");

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

static size_t line_letters(unsigned line)
{
	return line < LINES ? LINE_LETTERS : LETTERS - (LINES - 1) * LINE_LETTERS;
}

static void check_letters(unsigned line, const char *letters, char ret[CHECK_LETTERS])
{
	uint8_t number = (uint8_t)line;
	struct iovec parts[] = {hash_part(&number, 1), hash_part(letters, line_letters(line))};
	struct hash hash;

	hash_sha256(parts, 2, &hash);
	ret[0] = alphabet[hash.bytes[0] >> 3];
	ret[1] = alphabet[(hash.bytes[0] & 7) << 2 | hash.bytes[1] >> 6];
}

/* --- writing --- */

static void encode(const uint8_t bytes[BYTES], char ret[LETTERS])
{
	unsigned bits = 0, held = 0;
	size_t at = 0;

	for (size_t i = 0; i < BYTES; i++) {
		held = (held & 31) << 8 | bytes[i];
		bits += 8;
		while (bits >= 5) {
			bits -= 5;
			ret[at++] = alphabet[held >> bits & 31];
		}
	}
	assert(at == LETTERS && bits == 0);
}

struct text {
	char *data;
	size_t size;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *format, ...)
{
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(t->data + t->size, TEXT_SIZE - t->size, format, arguments);
	va_end(arguments);
	assert(size >= 0 && (size_t)size < TEXT_SIZE - t->size);
	t->size += (size_t)size;
}

static void add_line(struct text *t, unsigned line, const char *letters)
{
	char check[CHECK_LETTERS];

	add(t, "    %u ", line);
	for (size_t i = 0; i < line_letters(line); i += GROUP)
		add(t, " %.*s", GROUP, letters + i);
	check_letters(line, letters, check);
	add(t, "  %.*s\n", CHECK_LETTERS, check);
}

int kit_write(const struct kit *kit, const char *name, const char *created, char **ret_text,
	struct sherd_error *err)
{
	uint8_t bytes[BYTES] = {VERSION};
	char letters[LETTERS];
	struct text t = {secret_new(TEXT_SIZE), 0};

	if (!t.data)
		return err_nomem(err);
	memcpy(bytes + 1, kit->pool, POOL_ID_SIZE);
	memcpy(bytes + 1 + POOL_ID_SIZE, kit->slot, RECORD_ID_SIZE);
	memcpy(bytes + 1 + POOL_ID_SIZE + RECORD_ID_SIZE, kit->secret.bytes, CRYPT_KEY_SIZE);
	encode(bytes, letters);
	add(&t, "sherd recovery kit for the pool '%s'%s%s\n\n", name, *created ? ", made " : "",
		created);
	add(&t, "Whoever has these lines and one place of the pool can read and change everything\n"
		"in it. Print them, keep them where you keep what is precious, and not beside the\n"
		"computer. Write down with them where the places are.\n\n");
	for (unsigned line = 1; line <= LINES; line++)
		add_line(&t, line, letters + (line - 1) * LINE_LETTERS);
	add(&t, "\nTo get everything back: 'sherd clone PLACE', then type these lines.\n");
	secret_wipe(bytes, sizeof(bytes));
	secret_wipe(letters, sizeof(letters));
	*ret_text = t.data;
	return 0;
}

/* --- reading --- */

static int letter_value(char letter)
{
	const char *found = letter ? strchr(alphabet, letter) : NULL;

	return found ? (int)(found - alphabet) : -1;
}

/* The letters of a line, without what separates them; at most ${room}. Their number, or room + 1.
 */
static size_t squeeze(const char *line, const char *end, char *ret, size_t room)
{
	size_t count = 0;

	for (; line < end; line++) {
		unsigned char c = (unsigned char)*line;

		if (isspace(c) || c == '-')
			continue;
		if (count == room)
			return room + 1;
		ret[count++] = (char)tolower(c);
	}
	return count;
}

/* Steps over " 3 ", "3. ", "3) ", "# 3: ": the number, or 0. */
static unsigned take_number(const char **line, const char *end)
{
	const char *p = *line;
	unsigned number;

	while (p < end && (isspace((unsigned char)*p) || *p == '#' || *p == '*' || *p == '|'))
		p++;
	if (end - p < 2 || *p < '1' || *p > '0' + (char)LINES)
		return 0;
	number = (unsigned)(*p - '0');
	p++;
	if (*p == '.' || *p == ')' || *p == ':')
		p++;
	else if (!isspace((unsigned char)*p))
		return 0;
	*line = p;
	return number;
}

static bool plausible(const char *letters, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (letter_value(letters[i]) < 0)
			return false;
	return true;
}

struct lines {
	char letters[LETTERS];
	unsigned next; /* line that is expected if it has no number */
	bool have[LINES + 1];
};

static int bad_line(unsigned number, const char *what, struct sherd_error *err)
{
	return err_set(err, SHERD_BADKEY, "line %u of the recovery kit %s", number, what);
}

static int read_line(
	struct lines *lines, const char *line, const char *end, struct sherd_error *err)
{
	char letters[LINE_LETTERS + CHECK_LETTERS], check[CHECK_LETTERS];
	unsigned number = take_number(&line, end);
	size_t count = squeeze(line, end, letters, sizeof(letters)), wanted;
	bool good;

	if (!number) {
		number = lines->next;
		if (number > LINES || count != line_letters(number) + CHECK_LETTERS ||
			!plausible(letters, count))
			return 0; /* for people */
	}
	wanted = line_letters(number);
	if (count != wanted + CHECK_LETTERS)
		return bad_line(number, "has letters too many or too few", err);
	if (!plausible(letters, count))
		return bad_line(number, "has a letter that none of them has", err);
	check_letters(number, letters, check);
	good = memcmp(check, letters + wanted, CHECK_LETTERS) == 0;
	if (good)
		memcpy(lines->letters + (number - 1) * LINE_LETTERS, letters, wanted);
	secret_wipe(letters, sizeof(letters));
	if (!good)
		return bad_line(number, "has a typing error", err);
	lines->have[number] = true;
	lines->next = number + 1;
	return 0;
}

static void decode(const char letters[LETTERS], uint8_t ret[BYTES])
{
	unsigned bits = 0, held = 0;
	size_t at = 0;

	for (size_t i = 0; i < LETTERS; i++) {
		held = (held & 255) << 5 | (unsigned)letter_value(letters[i]);
		bits += 5;
		if (bits < 8)
			continue;
		bits -= 8;
		ret[at++] = (uint8_t)(held >> bits);
	}
}

static int finish(const struct lines *lines, struct kit *ret, struct sherd_error *err)
{
	uint8_t bytes[BYTES];
	struct cursor c = cursor_of(bytes, sizeof(bytes));
	unsigned version;

	for (unsigned i = 1; i <= LINES; i++)
		if (!lines->have[i])
			return bad_line(i, "is missing", err);
	decode(lines->letters, bytes);
	version = cursor_u8(&c);
	cursor_copy(&c, ret->pool, POOL_ID_SIZE);
	cursor_copy(&c, ret->slot, RECORD_ID_SIZE);
	cursor_copy(&c, ret->secret.bytes, CRYPT_KEY_SIZE);
	secret_wipe(bytes, sizeof(bytes));
	if (version == VERSION)
		return 0;
	secret_wipe(ret, sizeof(*ret));
	return err_set(err, SHERD_NEWER, "the recovery kit was made by a newer version of sherd");
}

int kit_read(const char *text, size_t size, struct kit *ret, struct sherd_error *err)
{
	struct lines lines = {.next = 1};
	const char *end = text + size;
	int r = 0;

	if (size > KIT_TEXT_MAX)
		return err_set(err, SHERD_BADKEY, "this is no recovery kit: it is too long");
	while (!r && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end;

		r = read_line(&lines, text, line_end, err);
		text = newline ? newline + 1 : end;
	}
	if (!r)
		r = finish(&lines, ret, err);
	secret_wipe(&lines, sizeof(lines));
	return r;
}
