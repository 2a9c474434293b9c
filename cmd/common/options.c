/* SPDX-License-Identifier: MIT */
/*
 * options.c - reads a command line by a table.
 *
 * Every word is first classified, without regard to its neighbours: an operand, an option (perhaps
 * with a value attached), something like an option that the table does not know, or an abbreviation
 * of several. The value of an option that has none attached is the next word if that is an operand:
 * `-d -f` forgot the folder's name rather than meant a folder "-f".
 *
 * An unknown option is reported at the end only, so that `--oops -h` still shows the help.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <base/err.h>
#include <common/options.h>

enum word_kind { WORD_OPERAND, WORD_OPTION, WORD_UNKNOWN, WORD_AMBIGUOUS };

struct word {
	enum word_kind kind;
	const struct option_entry *entry; /* of WORD_OPTION */
	const char *attached;             /* value in the same word, NULL if none */
	bool is_long;                     /* written with two dashes */
};

struct parser {
	const struct option_table *table;
	int argc;
	char **argv;
	int at; /* next word */
	void *values;
	const char *unknown; /* first option not in the table */
	struct sherd_error *err;
};

static const struct option_entry *find_letter(const struct option_table *table, char letter)
{
	for (size_t i = 0; i < table->count; i++)
		if (letter && table->entries[i].letter == letter)
			return &table->entries[i];
	return NULL;
}

/* "name" or "name=value": exact, or the only one that starts so. */
static struct word classify_long(const struct option_table *table, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t size = equals ? (size_t)(equals - text) : strlen(text);
	struct word word = {
		.kind = WORD_UNKNOWN, .attached = equals ? equals + 1 : NULL, .is_long = true};

	for (size_t i = 0; i < table->count; i++) {
		const struct option_entry *entry = &table->entries[i];

		if (strncmp(entry->name, text, size))
			continue;
		word.kind = word.entry ? WORD_AMBIGUOUS : WORD_OPTION;
		word.entry = entry;
		if (!entry->name[size]) {
			word.kind = WORD_OPTION;
			break;
		}
	}
	return word;
}

/* Digits with at most one point, and one digit after it: -5, -.5, -0.25. */
static bool is_negative_number(const char *word)
{
	const char *at = word + 1;

	at += strspn(at, "0123456789");
	if (*at == '.') {
		if (!strspn(at + 1, "0123456789"))
			return false;
		at += 1 + strspn(at + 1, "0123456789");
	}
	return word[0] == '-' && at > word + 1 && !*at;
}

static struct word classify(const struct option_table *table, const char *text)
{
	struct word word = {.kind = WORD_OPERAND};

	if (text[0] != '-' || !text[1])
		return word;
	if (text[1] == '-') {
		word = classify_long(table, text + 2);
	} else {
		word.entry = find_letter(table, text[1]);
		word.kind = word.entry ? WORD_OPTION : WORD_UNKNOWN;
		word.attached = text[2] ? text + 2 : NULL;
	}
	if (word.kind == WORD_UNKNOWN && (is_negative_number(text) || strchr(text, ' ')))
		word.kind = WORD_OPERAND;
	return word;
}

/* "--requiredshares" or "-k/--requiredshares", for messages. */
static const char *spell(const struct option_entry *entry, char buffer[64])
{
	if (entry->letter)
		snprintf(buffer, 64, "-%c/--%s", entry->letter, entry->name);
	else
		snprintf(buffer, 64, "--%s", entry->name);
	return buffer;
}

/* An optional sign and digits; beyond the range of long the end of that range. */
static bool read_long(const char *text, long *ret)
{
	const char *digits = text + (*text == '-' || *text == '+');

	if (!*digits || digits[strspn(digits, "0123456789")])
		return false;
	*ret = strtol(text, NULL, 10);
	return true;
}

static int store(struct parser *p, const struct option_entry *entry, const char *value)
{
	char *field = (char *)p->values + entry->offset;
	char name[64];
	long number;

	switch (entry->kind) {
	case OPTION_KIND_FLAG:
		*(bool *)(void *)field = true;
		return 0;
	case OPTION_KIND_TEXT:
		*(const char **)(void *)field = value;
		return 0;
	case OPTION_KIND_NUMBER:
		break;
	case OPTION_KIND_HELP:
		return 1;
	}
	if (!read_long(value, &number))
		return err_set(p->err, SHERD_INVALID, "option %s: '%s' is not a whole number",
			spell(entry, name), value);
	if (number < entry->min || number > entry->max)
		return err_set(p->err, SHERD_INVALID, "option %s: '%s' is not from %ld to %ld",
			spell(entry, name), value, entry->min, entry->max);
	*(long *)(void *)field = number;
	return 0;
}

/* The value of ${entry}: attached, or the next word. */
static int take_value(
	struct parser *p, const struct option_entry *entry, const char *attached, const char **ret)
{
	char name[64];

	if (attached) {
		*ret = attached;
		return 0;
	}
	if (p->at == p->argc || classify(p->table, p->argv[p->at]).kind != WORD_OPERAND)
		return err_set(p->err, SHERD_INVALID, "option %s needs a value: %s",
			spell(entry, name), entry->argument);
	*ret = p->argv[p->at++];
	return 0;
}

static int take_long(struct parser *p, const struct word *word)
{
	char name[64];
	const char *value = NULL;
	int r = 0;

	if (word->entry->argument)
		r = take_value(p, word->entry, word->attached, &value);
	else if (word->attached)
		r = err_set(p->err, SHERD_INVALID, "option %s takes no value, but '%s' was given",
			spell(word->entry, name), word->attached);
	return r ? r : store(p, word->entry, value);
}

/* -k3, -k=3, -k 3; or flags, perhaps ended by such a one: -vfk3. */
static int take_short(struct parser *p, const struct word *word)
{
	const struct option_entry *entry = word->entry;
	const char *rest = word->attached;
	const char *value = NULL;
	char name[64];
	int r;

	while (!entry->argument) {
		r = store(p, entry, NULL);
		if (r || !rest)
			return r;
		if (*rest == '=')
			return err_set(p->err, SHERD_INVALID,
				"option %s takes no value, but '%s' was given", spell(entry, name),
				rest + 1);
		entry = find_letter(p->table, *rest);
		if (!entry)
			return err_set(p->err, SHERD_INVALID, "no option '-%c' (in '%s')", *rest,
				p->argv[p->at - 1]);
		rest = rest[1] ? rest + 1 : NULL;
	}
	r = take_value(p, entry, rest && *rest == '=' ? rest + 1 : rest, &value);
	return r ? r : store(p, entry, value);
}

static int refuse_ambiguous(struct parser *p, const char *text)
{
	size_t size = strcspn(text + 2, "=");
	char list[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < p->table->count; i++) {
		const char *name = p->table->entries[i].name;

		if (!strncmp(name, text + 2, size) && used + strlen(name) + 8 < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s--%s",
				used ? " or " : "", name);
	}
	return err_set(p->err, SHERD_INVALID, "option '%s' could be %s", text, list);
}

static int take_word(struct parser *p, int *count)
{
	char *text = p->argv[p->at++];
	struct word word = classify(p->table, text);

	switch (word.kind) {
	case WORD_OPERAND:
		p->argv[++*count] = text;
		return 0;
	case WORD_OPTION:
		return word.is_long ? take_long(p, &word) : take_short(p, &word);
	case WORD_AMBIGUOUS:
		return refuse_ambiguous(p, text);
	case WORD_UNKNOWN:
		break;
	}
	if (!p->unknown)
		p->unknown = text;
	return 0;
}

int options_parse(const struct option_table *table, int argc, char **argv, void *values,
	int *ret_count, struct sherd_error *err)
{
	struct parser p = {
		.table = table, .argc = argc, .argv = argv, .at = 1, .values = values, .err = err};
	int count = 0;

	while (p.at < argc && strcmp(argv[p.at], "--")) {
		int r = take_word(&p, &count);

		if (r)
			return r;
	}
	if (p.unknown)
		return err_set(err, SHERD_INVALID, "no option '%s'", p.unknown);
	for (p.at++; p.at < argc; p.at++)
		argv[++count] = argv[p.at];
	*ret_count = count;
	return 0;
}
