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
#include <strings.h>
#include <base/alloc.h>
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

const struct option_entry *options_entry(const struct option_table *table, size_t index)
{
	if (index < table->count)
		return &table->entries[index];
	index -= table->count;
	return index < table->shared_count ? &table->shared[index] : NULL;
}

static const struct option_entry *find_letter(const struct option_table *table, char letter)
{
	const struct option_entry *entry;

	for (size_t i = 0; (entry = options_entry(table, i)); i++)
		if (letter && entry->letter == letter)
			return entry;
	return NULL;
}

/* "name" or "name=value": exact, or the only one that starts so. */
static struct word classify_long(const struct option_table *table, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t size = equals ? (size_t)(equals - text) : strlen(text);
	struct word word = {
		.kind = WORD_UNKNOWN, .attached = equals ? equals + 1 : NULL, .is_long = true};

	for (size_t i = 0; options_entry(table, i); i++) {
		const struct option_entry *entry = options_entry(table, i);

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

void option_list_release(struct option_list *list)
{
	mem_free(list->items);
	*list = (struct option_list){0};
}

int option_list_add(struct option_list *list, const char *item)
{
	const char **items = mem_array(list->count + 1, sizeof(*items));

	if (!items)
		return SHERD_NOMEM;
	if (list->count)
		memcpy(items, list->items, list->count * sizeof(*items));
	items[list->count++] = item;
	mem_free(list->items);
	list->items = items;
	return 0;
}

/* "1.5GiB" with a table of units: digits, perhaps a point and digits, perhaps a unit. */
struct unit {
	const char *name;
	double factor;
};

static bool read_amount(const char *text, const struct unit *units, uint64_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	char *end;
	double value;

	if (!digits)
		return false;
	if (text[digits] == '.' && !strspn(text + digits + 1, "0123456789"))
		return false;
	/* strtod() would read "0x10", "1e3" and, in some locales, other points. */
	if (text[digits] && strchr("xXeEpP", text[digits]) && text[digits + 1])
		return false;
	value = strtod(text, &end);
	for (; units->name; units++)
		if (!strcasecmp(end, units->name))
			break;
	if (!units->name || value * units->factor >= 18446744073709551615.0)
		return false;
	*ret = (uint64_t)(value * units->factor + 0.5);
	return true;
}

bool options_size(const char *text, uint64_t *ret_bytes)
{
	static const struct unit units[] = {{"", 1}, {"B", 1}, {"K", 0x1p10}, {"KiB", 0x1p10},
		{"M", 0x1p20}, {"MiB", 0x1p20}, {"G", 0x1p30}, {"GiB", 0x1p30}, {"T", 0x1p40},
		{"TiB", 0x1p40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {NULL, 0}};

	return read_amount(text, units, ret_bytes);
}

bool options_time(const char *text, uint64_t *ret_ns)
{
	static const struct unit units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"m", 60e9},
		{"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}, {"w", 604800e9}, {NULL, 0}};

	return read_amount(text, units, ret_ns);
}

static int store_choice(
	struct parser *p, const struct option_entry *entry, const char *value, const char **ret)
{
	size_t size = strlen(value);
	char name[64];

	for (const char *word = entry->words; *word; word += strspn(word, "|")) {
		size_t length = strcspn(word, "|");

		if (length == size && !strncmp(word, value, size)) {
			*ret = value;
			return 0;
		}
		word += length;
	}
	return err_set(p->err, SHERD_INVALID, "option %s: '%s' is none of %s", spell(entry, name),
		value, entry->words);
}

static int store_amount(
	struct parser *p, const struct option_entry *entry, const char *value, uint64_t *ret)
{
	bool size = entry->kind == OPTION_KIND_SIZE;
	uint64_t scale = size ? 1 : 1000000000;
	uint64_t amount;
	char name[64];

	if (!(size ? options_size : options_time)(value, &amount))
		return err_set(p->err, SHERD_INVALID, "option %s: '%s' is no %s",
			spell(entry, name), value,
			size ? "size such as 4096 or 10MiB" : "time such as 90s, 15m or 2h");
	if (amount < (uint64_t)entry->min * scale || amount / scale > (uint64_t)entry->max)
		return err_set(p->err, SHERD_INVALID, "option %s: '%s' is not from %ld to %ld",
			spell(entry, name), value, entry->min, entry->max);
	*ret = amount;
	return 0;
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
	case OPTION_KIND_COUNT:
		++*(long *)(void *)field;
		return 0;
	case OPTION_KIND_TEXT:
	case OPTION_KIND_MAYBE:
		*(const char **)(void *)field = value;
		return 0;
	case OPTION_KIND_LIST:
		return option_list_add((void *)field, value) ? err_nomem(p->err) : 0;
	case OPTION_KIND_CHOICE:
		return store_choice(p, entry, value, (void *)field);
	case OPTION_KIND_SIZE:
	case OPTION_KIND_TIME:
		return store_amount(p, entry, value, (void *)field);
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
	if (p->at == p->argc || classify(p->table, p->argv[p->at]).kind != WORD_OPERAND) {
		if (entry->kind == OPTION_KIND_MAYBE) {
			*ret = "";
			return 0;
		}
		return err_set(p->err, SHERD_INVALID, "option %s needs a value: %s",
			spell(entry, name), entry->argument);
	}
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

	for (size_t i = 0; options_entry(p->table, i); i++) {
		const char *name = options_entry(p->table, i)->name;

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

int options_lead(const struct option_table *table, int argc, char **argv, void *values, int *ret_at,
	struct sherd_error *err)
{
	struct parser p = {
		.table = table, .argc = argc, .argv = argv, .at = 1, .values = values, .err = err};
	int none = 0;

	while (p.at < argc && classify(table, argv[p.at]).kind != WORD_OPERAND) {
		int r = take_word(&p, &none);

		if (r)
			return r;
		if (p.unknown)
			return err_set(err, SHERD_INVALID, "no option '%s'", p.unknown);
	}
	*ret_at = p.at;
	return 0;
}
