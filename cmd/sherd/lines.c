/* SPDX-License-Identifier: MIT */
/* lines.c - a file is read whole and cut in place. */
#include "lines.h"

#include <string.h>
#include <base/alloc.h>
#include <base/err.h>
#include "paths.h"

int lines_add(struct lines *l, const char *text, struct sherd_error *err)
{
	if (l->count == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		const char **items = mem_array(room, sizeof(*items));

		if (!items)
			return err_nomem(err);
		if (l->count)
			memcpy(items, l->items, l->count * sizeof(*items));
		mem_free(l->items);
		l->items = items;
		l->room = room;
	}
	l->items[l->count++] = text;
	return 0;
}

static int keep_text(struct lines *l, char *text, struct sherd_error *err)
{
	char **texts = mem_array(l->text_count + 1, sizeof(*texts));

	if (!texts) {
		mem_free(text);
		return err_nomem(err);
	}
	if (l->text_count)
		memcpy(texts, l->texts, l->text_count * sizeof(*texts));
	texts[l->text_count++] = text;
	mem_free(l->texts);
	l->texts = texts;
	return 0;
}

/* gitignore: a trailing space counts only behind a backslash; a line may end in CR LF. */
static bool trim_pattern(char *line)
{
	size_t size = strlen(line);

	if (size && line[size - 1] == '\r')
		line[--size] = '\0';
	while (size && line[size - 1] == ' ' && (size < 2 || line[size - 2] != '\\'))
		line[--size] = '\0';
	return *line != '#';
}

int lines_read(
	struct lines *l, const char *path, char separator, bool patterns, struct sherd_error *err)
{
	char *text = NULL, *end;
	size_t size = 0;
	int r = paths_read(path, LINES_SIZE_MAX, &text, &size, err);

	if (r)
		return r;
	if (separator && memchr(text, '\0', size)) {
		mem_free(text);
		return err_set(err, SHERD_INVALID, "'%s' holds a zero byte%s", path,
			patterns ? "" : ": --from0");
	}
	r = keep_text(l, text, err);
	end = text + size;
	while (!r && text < end) {
		char *stop = memchr(text, separator, (size_t)(end - text));

		if (!stop)
			stop = end; /* a NUL stands there */
		*stop = '\0';
		if ((!patterns || trim_pattern(text)) && *text)
			r = lines_add(l, text, err);
		text = stop + 1;
	}
	return r;
}

void lines_release(struct lines *l)
{
	for (size_t i = 0; i < l->text_count; i++)
		mem_free(l->texts[i]);
	mem_free(l->texts);
	mem_free(l->items);
	*l = (struct lines){0};
}
