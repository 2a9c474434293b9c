/* SPDX-License-Identifier: MIT */
/*
 * config.c - lines, each with its text as it stood and, beside it, what it means.
 *
 * Values: spaces around them are dropped, '#' or ';' after a space begins a comment, double quotes
 * keep all of it, '\\' quotes the next character within them. No line continues on the next.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <base/alloc.h>
#include <base/bytes.h>
#include <base/env.h>
#include <base/err.h>
#include <base/newfile.h>
#include <base/target.h>
#include "paths.h"

enum line_kind { LINE_OTHER, LINE_SECTION, LINE_KEY };

struct config_line {
	enum line_kind kind;
	char *text;  /* as it stands, without its newline; owned */
	char *first; /* kind of a section, name of a key; owned */
	char *value; /* name of a section, value of a key; owned */
};

static void line_release(struct config_line *line)
{
	mem_free(line->text);
	mem_free(line->first);
	mem_free(line->value);
	*line = (struct config_line){0};
}

/* --- reading one line --- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static const char *skip_space(const char *at)
{
	while (is_space(*at))
		at++;
	return at;
}

static size_t word_size(const char *at)
{
	return strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
}

static bool ends_here(const char *at)
{
	at = skip_space(at);
	return !*at || *at == '#' || *at == ';';
}

/* "..." at ${at}: what is in it, into ${buffer}; returns what follows, NULL if it has no end. */
static const char *read_quoted(const char *at, char *buffer)
{
	for (at++; *at && *at != '"'; at++) {
		if (*at == '\\' && at[1])
			at++;
		*buffer++ = *at;
	}
	*buffer = '\0';
	return *at ? at + 1 : NULL;
}

/* A value that is not quoted: up to a comment, less the spaces before it. */
static const char *read_plain(const char *at, char *buffer)
{
	char *end = buffer;

	for (; *at; at++) {
		if ((*at == '#' || *at == ';') && is_space(at[-1]))
			break;
		*buffer++ = *at;
		if (!is_space(*at))
			end = buffer;
	}
	*end = '\0';
	return at;
}

/* [kind "name"] or [kind]; what is wrong with it, or NULL. ${value} has room for the line. */
static const char *parse_section(struct config_line *line, const char *at, char *value)
{
	size_t size;

	at = skip_space(at + 1);
	size = word_size(at);
	if (!size)
		return "a section has no kind";
	line->first = mem_format("%.*s", (int)size, at);
	at = skip_space(at + size);
	if (*at == '"') {
		at = read_quoted(at, value);
		if (!at)
			return "a quote has no end";
		at = skip_space(at);
	}
	if (*at != ']' || !ends_here(at + 1))
		return "a section does not end in ']'";
	line->kind = LINE_SECTION;
	return NULL;
}

static const char *parse_key(struct config_line *line, const char *at, char *value)
{
	size_t size = word_size(at);

	if (!size)
		return "neither a section, a key nor a comment";
	line->first = mem_format("%.*s", (int)size, at);
	at = skip_space(at + size);
	if (*at != '=')
		return "a key without '='";
	at = skip_space(at + 1);
	if (*at == '"') {
		at = read_quoted(at, value);
		if (!at)
			return "a quote has no end";
		if (!ends_here(at))
			return "something follows a quote";
	} else if (*at != '#' && *at != ';') {
		read_plain(at, value);
	}
	line->kind = LINE_KEY;
	return NULL;
}

static int parse_line(struct config_line *line, const char **ret_wrong)
{
	CLEANUP(mem_free_at) char *value = mem_array(strlen(line->text) + 1, 1);
	const char *at = skip_space(line->text);

	*ret_wrong = NULL;
	if (!value)
		return SHERD_NOMEM;
	if (!*at || *at == '#' || *at == ';')
		return 0;
	*ret_wrong = *at == '[' ? parse_section(line, at, value) : parse_key(line, at, value);
	if (*ret_wrong)
		return 0;
	line->value = TAKE(value);
	return line->first ? 0 : SHERD_NOMEM;
}

/* --- lines --- */

static int insert(struct config *c, size_t at, char *text, const char **ret_wrong)
{
	struct config_line line = {.text = text};
	int r;

	if (!text)
		return SHERD_NOMEM;
	r = parse_line(&line, ret_wrong);
	if (!r && !*ret_wrong && c->count == c->room) {
		size_t room = c->room ? 2 * c->room : 32;
		struct config_line *lines = mem_array(room, sizeof(*lines));

		r = lines ? 0 : SHERD_NOMEM;
		if (lines && c->count)
			memcpy(lines, c->lines, c->count * sizeof(*lines));
		if (lines) {
			mem_free(c->lines);
			c->lines = lines;
			c->room = room;
		}
	}
	if (r || *ret_wrong) {
		line_release(&line);
		return r;
	}
	memmove(c->lines + at + 1, c->lines + at, (c->count - at) * sizeof(line));
	c->lines[at] = line;
	c->count++;
	return 0;
}

static int parse_text(struct config *c, const char *text, size_t size, struct sherd_error *err)
{
	const char *wrong;

	while (size) {
		const char *newline = memchr(text, '\n', size);
		size_t length = newline ? (size_t)(newline - text) : size;
		int r;

		if (memchr(text, '\0', length))
			return err_set(err, SHERD_INVALID, "'%s' line %zu: a zero byte", c->path,
				c->count + 1);
		r = insert(c, c->count, mem_format("%.*s", (int)length, text), &wrong);
		if (r)
			return err_nomem(err);
		if (wrong)
			return err_set(err, SHERD_INVALID, "'%s' line %zu: %s", c->path,
				c->count + 1, wrong);
		text += length + (newline ? 1 : 0);
		size -= length + (newline ? 1 : 0);
	}
	return 0;
}

int config_load(struct config *c, const char *path, struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *text = NULL;
	size_t size = 0;
	int r;

	*c = (struct config){.path = mem_format("%s", path)};
	if (!c->path)
		return err_nomem(err);
	r = paths_read(path, CONFIG_SIZE_MAX, &text, &size, err);
	if (r == SHERD_NOTFOUND)
		return 0;
	if (r)
		return r;
	c->exists = true;
	return parse_text(c, text, size, err);
}

void config_release(struct config *c)
{
	for (size_t i = 0; i < c->count; i++)
		line_release(&c->lines[i]);
	mem_free(c->lines);
	mem_free(c->path);
	*c = (struct config){0};
}

size_t config_next(const struct config *c, const char *kind, const char *name, size_t after)
{
	for (size_t i = after == CONFIG_NONE ? 0 : after + 1; i < c->count; i++)
		if (c->lines[i].kind == LINE_SECTION && !strcmp(c->lines[i].first, kind) &&
			(!name || !strcmp(c->lines[i].value, name)))
			return i;
	return CONFIG_NONE;
}

const char *config_section_name(const struct config *c, size_t section)
{
	return c->lines[section].value;
}

/* The line of the key given last in a section; CONFIG_NONE. */
static size_t find_key(const struct config *c, size_t section, const char *key)
{
	size_t found = CONFIG_NONE;

	for (size_t i = section + 1; i < c->count && c->lines[i].kind != LINE_SECTION; i++)
		if (c->lines[i].kind == LINE_KEY && !strcmp(c->lines[i].first, key))
			found = i;
	return found;
}

const char *config_get(const struct config *c, size_t section, const char *key)
{
	size_t at = find_key(c, section, key);

	return at == CONFIG_NONE ? NULL : c->lines[at].value;
}

/* Needs quotes: empty, spaces at its ends, a comment's sign, quotes. */
static bool needs_quotes(const char *value)
{
	return !*value || is_space(*value) || is_space(value[strlen(value) - 1]) ||
	       value[strcspn(value, "#;\"\\")];
}

static char *quoted(const char *value)
{
	CLEANUP(bytes_release) struct bytes b = BYTES_INIT;

	bytes_u8(&b, '"');
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			bytes_u8(&b, '\\');
		bytes_u8(&b, (uint8_t)*value);
	}
	bytes_u8(&b, '"');
	return b.failed ? NULL : mem_format("%.*s", (int)b.size, (const char *)b.data);
}

int config_add(struct config *c, const char *kind, const char *name, size_t *ret_section,
	struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *word = quoted(name);
	const char *wrong = NULL;

	if (!word || insert(c, c->count, mem_format("[%s %s]", kind, word), &wrong))
		return err_nomem(err);
	if (wrong)
		return err_set(err, SHERD_INVALID, "'%s' cannot be the name of a section", name);
	*ret_section = c->count - 1;
	return 0;
}

int config_set(struct config *c, size_t section, const char *key, const char *value,
	struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *word = NULL;
	size_t old = find_key(c, section, key), at = section + 1;
	const char *wrong = NULL;

	if (strchr(value, '\n'))
		return err_set(err, SHERD_INVALID, "a newline in '%s'", key);
	word = needs_quotes(value) ? quoted(value) : mem_format("%s", value);
	/* Behind the last key, before comments and empty lines that lead to the next section. */
	for (size_t i = at; i < c->count && c->lines[i].kind != LINE_SECTION; i++)
		if (c->lines[i].kind == LINE_KEY)
			at = i + 1;
	if (old != CONFIG_NONE)
		at = old + 1;
	if (!word || insert(c, at, mem_format("    %s = %s", key, word), &wrong))
		return err_nomem(err);
	if (wrong)
		return err_set(err, SHERD_INVALID, "'%s' cannot be a key: %s", key, wrong);
	if (old == CONFIG_NONE)
		return 0;
	line_release(&c->lines[old]);
	memmove(c->lines + old, c->lines + old + 1, (--c->count - old) * sizeof(*c->lines));
	return 0;
}

void config_remove(struct config *c, size_t section)
{
	size_t last = section, gone;

	for (size_t i = section; i < c->count && (i == section || c->lines[i].kind != LINE_SECTION);
		i++)
		if (c->lines[i].kind != LINE_OTHER)
			last = i;
	gone = last + 1 - section;
	for (size_t i = section; i <= last; i++)
		line_release(&c->lines[i]);
	memmove(c->lines + section, c->lines + last + 1, (c->count - last - 1) * sizeof(*c->lines));
	c->count -= gone;
}

/* --- writing --- */

static int write_steps(struct newfile *f, const struct bytes *b, struct sherd_error *err)
{
	int r;

	if (f->env->files->fchmod(f->env->context, f->fd, 0600))
		return err_system(err, errno, "cannot set the mode of '%s'", f->path);
	if (env_write(f->env, f->fd, b->data, b->size))
		return err_system(err, errno, "cannot write '%s'", f->path);
	r = newfile_sync(f, err);
	if (!r)
		r = newfile_publish(f, err);
	if (!r)
		r = newfile_sync_folder(f, err);
	return r ? r : newfile_settle(f, err);
}

int config_save(const struct config *c, struct sherd_error *err)
{
	CLEANUP(bytes_release) struct bytes b = BYTES_INIT;
	CLEANUP(newfile_release) struct newfile f = NEWFILE_INIT;
	int r;

	for (size_t i = 0; i < c->count; i++) {
		bytes_text(&b, c->lines[i].text);
		bytes_u8(&b, '\n');
	}
	if (b.failed)
		return err_nomem(err);
	r = paths_make_parents(c->path, err);
	if (!r)
		r = newfile_open(&f, NULL, c->path, true, err);
	return r ? r : write_steps(&f, &b, err);
}

size_t config_place(const struct config *c, const char *pool, const char *name)
{
	size_t at = CONFIG_NONE;

	while ((at = config_next(c, "place", name, at)) != CONFIG_NONE) {
		const char *owner = config_get(c, at, "pool");

		if (!owner || !strcmp(owner, pool))
			return at;
	}
	return CONFIG_NONE;
}
