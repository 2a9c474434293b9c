/* SPDX-License-Identifier: MIT */
/*
 * place.c - the front door of every place: arguments are checked here, once, so that no backend has
 * to; the place's url is put before every message here, once, for wrappers call what they hold
 * without coming through this door again (wrap_common.h).
 */
#include <place/place.h>

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <place/place_backend.h>

#define PAGE_FIRST 16                  /* entries that the first allocation of a page holds */
#define WHOLE_FIRST ((size_t)64 << 10) /* bytes first asked for of a small object */

static const struct scheme {
	const char *name;
	place_opener *open;
} schemes[] = {{"dir", place_dir_open}, {"mem", place_mem_open}};

#define SCHEMES "dir:PATH, mem:, or a path" /* for messages */

/* --- names --- */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* Whether ${length} bytes are one or more parts, none empty or hidden, with single '/' between. */
static bool parts_ok(const char *name, size_t length)
{
	bool begins = true; /* a part begins here */

	for (size_t i = 0; i < length; i++) {
		bool slash = name[i] == '/';

		if (!slash && !is_letter(name[i]))
			return false;
		if (begins && (slash || name[i] == '.'))
			return false;
		begins = slash;
	}
	return !begins;
}

bool place_name_ok(const char *name)
{
	size_t length = strnlen(name, PLACE_NAME_MAX + 1);

	return length <= PLACE_NAME_MAX && parts_ok(name, length);
}

static bool prefix_ok(const char *prefix)
{
	size_t length = strnlen(prefix, PLACE_NAME_MAX + 1);

	if (length == 0)
		return true;
	return length <= PLACE_NAME_MAX && prefix[length - 1] == '/' &&
	       parts_ok(prefix, length - 1);
}

/* Any beginning of a name will do: to list from the middle of something. */
static bool after_ok(const char *after)
{
	size_t length = strnlen(after, PLACE_NAME_MAX + 1);

	for (size_t i = 0; i < length; i++)
		if (!is_letter(after[i]) && after[i] != '/')
			return false;
	return length <= PLACE_NAME_MAX;
}

bool place_under(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* --- opening --- */

/* The scheme that ${url} begins with and its length; 0: it is a path. */
static size_t scheme_length(const char *url)
{
	size_t length = strspn(url, "abcdefghijklmnopqrstuvwxyz0123456789+-.");

	return url[length] == ':' ? length : 0;
}

int place_open(const char *url, const struct sherd_env *env, bool create, struct place **ret_place,
	struct sherd_error *err)
{
	size_t length = scheme_length(url);

	env = env_or_system(env);
	if (!length && url[0])
		return place_dir_open(url, env, create, ret_place, err);
	for (size_t i = 0; i < ARRAY_COUNT(schemes); i++)
		if (strlen(schemes[i].name) == length && strncmp(schemes[i].name, url, length) == 0)
			return schemes[i].open(url + length + 1, env, create, ret_place, err);
	return err_set(err, SHERD_INVALID, "'%s' is no place: %s", url, SCHEMES);
}

void place_free(struct place *p)
{
	if (p)
		p->ops->free(p);
}

/* --- calls --- */

static int told(struct place *p, int r, struct sherd_error *err)
{
	return r ? err_wrap(err, r, "place '%s'", p->url) : 0;
}

static int check_name(struct place *p, const char *name, struct sherd_error *err)
{
	if (place_name_ok(name))
		return 0;
	return told(
		p, err_set(err, SHERD_INVALID, "'%s' cannot be the name of an object", name), err);
}

int place_parts_size(const struct iovec *parts, size_t count, uint64_t *ret_size)
{
	uint64_t size = 0;

	for (size_t i = 0; i < count; i++)
		if (!INT_ADD(size, parts[i].iov_len, &size))
			return -1;
	if (size > INT64_MAX)
		return -1;
	*ret_size = size;
	return 0;
}

int place_put(struct place *p, const char *name, const struct iovec *parts, size_t count,
	struct sherd_error *err)
{
	uint64_t size;
	int r = check_name(p, name, err);

	if (r)
		return r;
	if (place_parts_size(parts, count, &size) != 0)
		return told(p, err_set(err, SHERD_INVALID, "'%s' would be too large", name), err);
	return told(p, p->ops->put(p, name, parts, count, err), err);
}

int place_get(struct place *p, const char *name, uint64_t at, size_t size, void *buffer,
	size_t *ret_got, struct sherd_error *err)
{
	size_t got = 0;
	int r = check_name(p, name, err);

	if (r)
		return r;
	r = p->ops->get(p, name, at, size, buffer, &got, err);
	if (r)
		return told(p, r, err);
	assert(got <= size);
	*ret_got = got;
	return 0;
}

/* Room for more: the old bytes move to a new, larger buffer. */
static int grow(uint8_t **data, size_t have, size_t room, struct sherd_error *err)
{
	uint8_t *larger = mem_array(room, 1);

	if (!larger)
		return err_nomem(err);
	if (have)
		memcpy(larger, *data, have);
	mem_free(*data);
	*data = larger;
	return 0;
}

/*
 * Without asking for the size first, which would cost a second request and could be a lie: in
 * pieces, each as large as all before it, until one comes up short. A full object is found out by
 * asking for one byte more than is allowed.
 */
int place_get_whole(struct place *p, const char *name, size_t size_max, uint8_t **ret_data,
	size_t *ret_size, struct sherd_error *err)
{
	size_t limit = size_max < SIZE_MAX ? size_max + 1 : size_max;
	CLEANUP(mem_free_at) uint8_t *data = NULL;
	size_t have = 0, room = 0;

	while (have == room && have < limit) {
		size_t got = 0, more = have ? have : WHOLE_FIRST;
		int r;

		more = INT_MIN_OF(more, limit - have);
		r = grow(&data, have, have + more, err);
		if (r)
			return told(p, r, err);
		room = have + more;
		r = place_get(p, name, have, more, data + have, &got, err);
		if (r)
			return r;
		have += got;
	}
	if (have > size_max)
		return told(p,
			err_set(err, SHERD_CORRUPT, "'%s' is larger than the %zu bytes it may have",
				name, size_max),
			err);
	*ret_data = TAKE(data);
	*ret_size = have;
	return 0;
}

int place_stat(struct place *p, const char *name, struct place_stat *ret, struct sherd_error *err)
{
	int r = check_name(p, name, err);

	return r ? r : told(p, p->ops->stat(p, name, ret, err), err);
}

int place_remove(struct place *p, const char *name, struct sherd_error *err)
{
	int r = check_name(p, name, err);

	return r ? r : told(p, p->ops->remove(p, name, err), err);
}

int place_list(struct place *p, const char *prefix, const char *after, struct place_page *ret_page,
	struct sherd_error *err)
{
	if (!prefix_ok(prefix))
		return told(
			p, err_set(err, SHERD_INVALID, "'%s' is no prefix of names", prefix), err);
	if (after && !after_ok(after))
		return told(p, err_set(err, SHERD_INVALID, "'%s' is no name to go on after", after),
			err);
	if (after && !after[0])
		after = NULL;
	return told(p, p->ops->list(p, prefix, after, ret_page, err), err);
}

int place_space(struct place *p, struct place_space *ret, struct sherd_error *err)
{
	return told(p, p->ops->space(p, ret, err), err);
}

/* --- pages --- */

/* Room for entries: PAGE_FIRST, doubled each time it is used up; it follows from the count. */
static bool is_full(size_t count)
{
	return count == 0 || (count >= PAGE_FIRST && (count & (count - 1)) == 0);
}

int place_page_add(
	struct place_page *page, const char *name, uint64_t size, struct sherd_error *err)
{
	assert(page->count < PLACE_LIST_MAX && strlen(name) <= PLACE_NAME_MAX);
	if (is_full(page->count)) {
		size_t room = INT_MAX_OF(page->count * 2, (size_t)PAGE_FIRST);
		void *larger = mem_array(room, sizeof(*page->entries));

		if (!larger)
			return err_nomem(err);
		if (page->count)
			memcpy(larger, page->entries, page->count * sizeof(*page->entries));
		mem_free(page->entries);
		page->entries = larger;
	}
	memcpy(page->entries[page->count].name, name, strlen(name) + 1);
	page->entries[page->count].size = size;
	page->count++;
	return 0;
}

void place_page_release(struct place_page *page)
{
	mem_free(page->entries);
	*page = (struct place_page){0};
}
