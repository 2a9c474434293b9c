/* SPDX-License-Identifier: MIT */
/*
 * pattern.c - gitignore's patterns. Each is taken apart once: what stands around it ('!', a '/' at
 * its beginning or end) becomes flags, and faults that git would silently never match ('[' without
 * its ']', a quote of nothing) are refused.
 *
 * Matching is by two remembered places instead of recursion: the last '*', which may take one byte
 * more as long as that is no '/', and the last "**" and '/', which may take one folder more.
 * Nothing before the last of a kind needs to be tried again, as it took the least it could, and
 * what follows can take the rest. So no pattern costs more than length * length^2.
 */
#include <repo/pattern.h>

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>

struct pattern {
	char *text; /* without '!', and without '/' at its beginning and end; "\/" is '/' */
	size_t size;
	bool back;     /* '!': what matches is taken back */
	bool folder;   /* matches folders only */
	bool tied;     /* to the root: a whole path; else the last name of one */
	bool ordinary; /* no special byte: equal or not */
};

struct patterns {
	struct pattern *all;
	size_t count;
};

/* --- one of a set: what stands in brackets --- */

/* isalpha() and its kin of the "C" locale, whatever the locale is. */
static bool in_class(const char *name, size_t size, unsigned char c)
{
	bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
	bool digit = c >= '0' && c <= '9', graph = c > 0x20 && c < 0x7f;

#define NAMED(text) (size == sizeof(text) - 1 && memcmp(name, text, size) == 0)
	if (NAMED("alpha"))
		return lower || upper;
	if (NAMED("digit"))
		return digit;
	if (NAMED("alnum"))
		return lower || upper || digit;
	if (NAMED("lower"))
		return lower;
	if (NAMED("upper"))
		return upper;
	if (NAMED("space"))
		return c == ' ' || (c >= '\t' && c <= '\r');
	if (NAMED("blank"))
		return c == ' ' || c == '\t';
	if (NAMED("punct"))
		return graph && !lower && !upper && !digit;
	if (NAMED("graph"))
		return graph;
	if (NAMED("print"))
		return graph || c == ' ';
	if (NAMED("cntrl"))
		return c < 0x20 || c == 0x7f;
	if (NAMED("xdigit"))
		return digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
	return false;
}

static bool class_known(const char *name, size_t size)
{
	for (unsigned c = 0; c < 0x80; c++)
		if (in_class(name, size, (unsigned char)c))
			return true;
	return false;
}

/* The end of "[:name:]" whose '[' stands at p: behind it; NULL if it is none. */
static const char *class_end(const char *p, const char *end)
{
	const char *close;

	if (end - p < 2 || p[1] != ':')
		return NULL;
	close = memchr(p, ']', (size_t)(end - p));
	return close && close - p >= 3 && close[-1] == ':' ? close + 1 : NULL;
}

/* One byte of a set, quoted or not; NULL at the end of the pattern. */
static const char *set_byte(const char *p, const char *end, unsigned char *ret)
{
	if (p < end && *p == '\\')
		p++;
	if (p >= end)
		return NULL;
	*ret = (unsigned char)*p;
	return p + 1;
}

/* One member of a set: a byte, a range or a class. NULL: the set is broken. */
static const char *set_member(const char *p, const char *end, unsigned char c, bool *matches)
{
	const char *behind = *p == '[' ? class_end(p, end) : NULL;
	unsigned char low = 0, high;

	if (behind) {
		size_t size = (size_t)(behind - p) - 4;

		if (!class_known(p + 2, size))
			return NULL;
		*matches |= in_class(p + 2, size, c);
		return behind;
	}
	p = set_byte(p, end, &low);
	if (!p)
		return NULL;
	high = low;
	if (end - p >= 2 && p[0] == '-' && p[1] != ']') {
		p = set_byte(p + 1, end, &high);
		if (!p)
			return NULL;
	}
	*matches |= c >= low && c <= high;
	return p;
}

/* The set whose '[' stands at p: the place behind its ']', and whether c is in it; NULL: broken. */
static const char *match_set(const char *p, const char *end, unsigned char c, bool *ret_matches)
{
	bool matches = false, not = false, first = true;

	p++;
	if (p < end && (*p == '!' || *p == '^')) {
		not = true;
		p++;
	}
	for (; p && p < end && (first || *p != ']'); first = false)
		p = set_member(p, end, c, &matches);
	if (!p || p >= end)
		return NULL;
	*ret_matches = matches != not &&c != '/';
	return p + 1;
}

/* --- matching --- */

/* One byte against what stands at *p, which moves behind it if it matches. */
static bool match_byte(const char **p, const char *end, unsigned char c)
{
	const char *behind = *p + 1;
	bool matches;

	switch (**p) {
	case '?':
		matches = c != '/';
		break;
	case '[':
		behind = match_set(*p, end, c, &matches);
		break;
	case '\\':
		matches = (unsigned char)behind[0] == c;
		behind++;
		break;
	default:
		matches = (unsigned char)**p == c;
	}
	if (matches)
		*p = behind;
	return matches;
}

/* How many '*' stand at p; and whether they mean any number of folders. */
static size_t stars_at(const char *start, const char *p, const char *end, bool *ret_folders)
{
	size_t n = 0;

	while (p + n < end && p[n] == '*')
		n++;
	*ret_folders = n >= 2 && (p == start || p[-1] == '/') && (p + n == end || p[n] == '/');
	return n;
}

struct matching {
	const char *p, *t;         /* where both are */
	const char *star, *star_t; /* behind the last '*', and how far that reaches */
	const char *deep, *deep_t; /* the same for "**" and '/' */
	const char *start, *end;   /* of the pattern */
	const char *text_end;
};

/* Take the '*' at m->p; true: they match all the rest. */
static bool take_stars(struct matching *m)
{
	bool folders;
	size_t n = stars_at(m->start, m->p, m->end, &folders);

	m->p += n;
	m->star = folders ? NULL : m->p;
	m->star_t = m->t;
	if (!folders)
		return false;
	if (m->p == m->end)
		return true;
	m->deep = ++m->p;
	m->deep_t = m->t;
	return false;
}

/* Something did not match: let the last '*' or "**" take more; false: none can. */
static bool try_again(struct matching *m)
{
	const char *slash;

	if (m->star && m->star_t < m->text_end && *m->star_t != '/') {
		m->t = ++m->star_t;
		m->p = m->star;
		return true;
	}
	slash = m->deep ? memchr(m->deep_t, '/', (size_t)(m->text_end - m->deep_t)) : NULL;
	if (!slash)
		return false;
	m->t = m->deep_t = slash + 1;
	m->p = m->deep;
	m->star = NULL;
	return true;
}

static bool match(const char *pattern, size_t size, const char *text, size_t text_size)
{
	struct matching m = {.p = pattern,
		.t = text,
		.start = pattern,
		.end = pattern + size,
		.text_end = text + text_size};

	while (m.p < m.end || m.t < m.text_end) {
		if (m.p < m.end && *m.p == '*') {
			if (take_stars(&m))
				return true;
		} else if (m.p < m.end && m.t < m.text_end &&
			   match_byte(&m.p, m.end, (unsigned char)*m.t)) {
			m.t++;
		} else if (!try_again(&m)) {
			return false;
		}
	}
	return true;
}

/* --- taking apart --- */

static bool has_special(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (strchr("*?[\\", text[i]))
			return true;
	return false;
}

static const char *fault_of(const char *p, size_t size)
{
	const char *end = p + size;
	bool matches;

	if (size == 0)
		return "is empty";
	while (p < end) {
		if (*p == '[') {
			p = match_set(p, end, 0, &matches);
			if (!p)
				return "has a '[' without its ']', or an unknown class";
		} else if (*p == '\\' && p + 1 == end) {
			return "ends with a quote of nothing";
		} else {
			p += *p == '\\' ? 2 : 1;
		}
	}
	return NULL;
}

/* A copy in which "\/" is '/', as a '/' has no other meaning. */
static char *copy_text(const char *text, size_t *size)
{
	char *copy = mem_array(*size + 1, 1);
	size_t n = 0;

	if (!copy)
		return NULL;
	for (size_t i = 0; i < *size; i++) {
		bool quote = text[i] == '\\' && i + 1 < *size;

		if (!quote || text[i + 1] != '/')
			copy[n++] = text[i];
		if (quote)
			copy[n++] = text[++i];
	}
	*size = n;
	return copy;
}

static int parse(const char *given, struct pattern *ret, struct sherd_error *err)
{
	const char *text = given;
	const char *fault;
	size_t size;

	ret->back = *text == '!';
	text += ret->back;
	size = strlen(text);
	ret->folder = size > 0 && text[size - 1] == '/';
	size -= ret->folder;
	ret->tied = memchr(text, '/', size) != NULL;
	if (size > 0 && *text == '/') {
		text++;
		size--;
	}
	ret->ordinary = !has_special(text, size);
	ret->text = copy_text(text, &size);
	ret->size = size;
	if (!ret->text)
		return err_nomem(err);
	fault = fault_of(ret->text, size);
	return fault ? err_set(err, SHERD_INVALID, "pattern '%s' %s", given, fault) : 0;
}

int patterns_new(
	const char *const *texts, size_t count, struct patterns **ret, struct sherd_error *err)
{
	CLEANUP(patterns_free_at) struct patterns *p = mem_array(1, sizeof(*p));

	if (!p)
		return err_nomem(err);
	p->all = mem_array(count, sizeof(*p->all));
	if (!p->all)
		return err_nomem(err);
	for (; p->count < count; p->count++) {
		int r = parse(texts[p->count], &p->all[p->count], err);

		if (r) {
			mem_free(p->all[p->count].text);
			return r;
		}
	}
	*ret = TAKE(p);
	return 0;
}

void patterns_free(struct patterns *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++)
		mem_free(p->all[i].text);
	mem_free(p->all);
	mem_free(p);
}

/* --- asking --- */

static bool pattern_matches(const struct pattern *p, const char *text, size_t size)
{
	if (p->ordinary)
		return size == p->size && memcmp(p->text, text, size) == 0;
	return match(p->text, p->size, text, size);
}

enum pattern_answer patterns_ask(const struct patterns *p, const char *path, bool folder)
{
	const char *whole = path + (*path == '/');
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t whole_size = strlen(whole), name_size = strlen(name);

	if (whole_size == 0)
		return PATTERN_NONE;
	for (size_t i = p->count; i > 0; i--) {
		const struct pattern *one = &p->all[i - 1];

		if (one->folder && !folder)
			continue;
		if (pattern_matches(
			    one, one->tied ? whole : name, one->tied ? whole_size : name_size))
			return one->back ? PATTERN_TAKEN_BACK : PATTERN_MATCH;
	}
	return PATTERN_NONE;
}

/* Bytes up to the next '/' of a pattern; one in a set is none. */
static size_t pattern_part(const char *text, const char *end)
{
	const char *p = text;
	bool matches;

	while (p < end && *p != '/') {
		if (*p == '[')
			p = match_set(p, end, 0, &matches);
		else
			p += *p == '\\' ? 2 : 1;
	}
	return (size_t)(p - text);
}

/* Whether the parts of the path are what the pattern begins with, and it goes on. */
static bool may_hold(const struct pattern *p, const char *path)
{
	const char *part = p->text, *end = p->text + p->size;
	const char *path_end = path + strlen(path);

	while (part < end) {
		size_t size = pattern_part(part, end), have = strcspn(path, "/");
		bool folders;

		if (stars_at(p->text, part, end, &folders) == size && folders)
			return true;
		if (path == path_end)
			return true;
		if (!match(part, size, path, have))
			return false;
		part += size + (part + size < end);
		path += have + (path + have < path_end);
	}
	return false;
}

bool patterns_may_hold(const struct patterns *p, const char *path)
{
	path += *path == '/';
	for (size_t i = 0; i < p->count; i++)
		if (!p->all[i].back && (!p->all[i].tied || may_hold(&p->all[i], path)))
			return true;
	return false;
}
