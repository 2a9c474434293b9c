/* SPDX-License-Identifier: MIT */
/*
 * placeset.c - adding and removing places. A new place is a *guest* until the pool record that
 * names it stands at the quorum of the old and of the new set: it gets its identity file, then
 * every live record, and only then is the set changed. So after a crash anywhere the set is the old
 * or the new one, and a place that was half added is taken as it is the next time.
 */
#include "inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/err.h>
#include <place/place.h>
#include "identity.h"

#define PATH_ROOM 4096
#define DIRENTS_SIZE 8192

/* --- addresses --- */

/* The path of a directory's URL; NULL if it is no directory's. */
static const char *path_of(const char *url)
{
	size_t scheme = strspn(url, "abcdefghijklmnopqrstuvwxyz0123456789+-.");

	if (url[scheme] != ':')
		return url;
	return strncmp(url, "dir:", 4) == 0 ? url + 4 : NULL;
}

/* Other processes stand elsewhere: a relative path would mean another folder to them. */
static char *absolute_url(const char *url)
{
	const char *path = path_of(url);
	char here[PATH_ROOM];

	if (!path)
		return wire_copy(url);
	if (path[0] == '/')
		return mem_format("dir:%s", path);
	if (!getcwd(here, sizeof(here)))
		return NULL;
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	return mem_format("dir:%s/%s", strcmp(here, "/") == 0 ? "" : here, path);
}

/* --- is it empty? --- */

struct dirent_head {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* What a new file system, or an attempt of ours that was cut short, has in it. */
static bool harmless(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       strcmp(name, "lost+found") == 0 || strncmp(name, ".tmp-", 5) == 0;
}

/* A name in the folder that is not ours, into ${ret}; "": none. 0, or -1 with errno. */
static int find_foreign(const struct sherd_env *env, int fd, char ret[256])
{
	_Alignas(8) uint8_t buffer[DIRENTS_SIZE];
	bool ours = false;
	ssize_t got;

	ret[0] = '\0';
	while ((got = env->files->getdents(env->context, fd, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < got;) {
			const struct dirent_head *entry = (const void *)(buffer + at);

			ours = ours || strcmp(entry->name, IDENTITY_NAME) == 0;
			if (!harmless(entry->name))
				snprintf(ret, 256, "%s", entry->name);
			at += entry->size;
		}
	}
	if (ours)
		ret[0] = '\0';
	return got < 0 ? -1 : 0;
}

/* A place lists only what could be an object; here other people's files are looked for. */
static int check_folder(const struct sherd_pool *pool, const char *url, struct sherd_error *err)
{
	const struct sherd_env *env = pool->env;
	const char *path = pool->open_place ? NULL : path_of(url);
	char foreign[256];
	int fd, r = 0;

	if (!path)
		return 0;
	fd = env->files->openat(
		env->context, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return 0; /* not there, or what it is place_open() will say */
	if (find_foreign(env, fd, foreign) != 0)
		r = err_system(err, errno, "cannot list the folder '%s'", path);
	else if (foreign[0])
		r = err_set(err, SHERD_EXISTS,
			"the folder '%s' is not empty: it holds '%s'; name an empty or a new one",
			path, foreign);
	env_close(env, fd);
	return r;
}

static int check_empty(struct place *place, const char *url, struct sherd_error *err)
{
	struct place_page page = {0};
	int r = place_list(place, "", NULL, &page, err);

	if (!r && page.count)
		r = err_set(err, SHERD_EXISTS, "'%s' is not empty: it holds '%s'", url,
			page.entries[0].name);
	place_page_release(&page);
	return r;
}

/* --- identity --- */

static int write_identity(
	struct place *place, const struct identity *identity, struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *text = identity_write(identity);
	CLEANUP(mem_free_at) uint8_t *back = NULL;
	struct iovec part;
	size_t size = 0;
	int r;

	if (!text)
		return err_nomem(err);
	part = hash_part(text, strlen(text));
	r = place_put(place, IDENTITY_NAME, &part, 1, err);
	if (!r)
		r = place_get_whole(place, IDENTITY_NAME, IDENTITY_SIZE_MAX, &back, &size, err);
	if (!r && (size != part.iov_len || memcmp(back, text, size) != 0)) {
		r = err_set(err, SHERD_CORRUPT,
			"the place gives back other bytes than were written to it");
		(void)place_remove(place, IDENTITY_NAME, NULL);
	}
	return r;
}

/* Whose place is it? It becomes ours if it is nobody's. */
static int settle_identity(struct sherd_pool *pool, struct place *place, const char *url,
	uint8_t ret_id[RECORD_ID_SIZE], struct sherd_error *err)
{
	CLEANUP(mem_free_at) uint8_t *data = NULL;
	struct identity identity;
	size_t size = 0;
	int r = place_get_whole(place, IDENTITY_NAME, IDENTITY_SIZE_MAX, &data, &size, err);

	if (r == SHERD_NOTFOUND) {
		r = check_empty(place, url, err);
		if (!r)
			r = pool_random(pool->env, identity.place, RECORD_ID_SIZE, err);
		if (r)
			return r;
		memcpy(identity.pool, pool->id, POOL_ID_SIZE);
		memcpy(ret_id, identity.place, RECORD_ID_SIZE);
		return write_identity(place, &identity, err);
	}
	if (!r)
		r = identity_read(data, size, &identity, err);
	if (r)
		return r;
	if (memcmp(identity.pool, pool->id, POOL_ID_SIZE) != 0)
		return err_set(err, SHERD_EXISTS, "'%s' is a place of another pool", url);
	memcpy(ret_id, identity.place, RECORD_ID_SIZE);
	return 0;
}

/* --- adding --- */

static int check_options(const struct sherd_pool *pool, const struct sherd_place_add_options *o,
	struct sherd_error *err)
{
	if (!o->name || !wire_name_ok(o->name))
		return err_set(err, SHERD_INVALID,
			"a place's name is 1 to %d of A-Z a-z 0-9 . _ -, with no . in front",
			SHERD_POOL_NAME_MAX);
	if (!o->url || !o->url[0] || strlen(o->url) > POOLREC_URL_MAX - PATH_ROOM / 2)
		return err_set(err, SHERD_INVALID, "the address of a place is missing or too long");
	if (o->domain && strlen(o->domain) > POOLREC_TEXT_MAX)
		return err_set(err, SHERD_INVALID, "the name of a domain is too long");
	if (pool->read_only)
		return err_set(err, SHERD_DENIED, "the pool was opened for reading only");
	if (poolrec_place_named(&pool->rec, o->name))
		return err_set(err, SHERD_EXISTS, "the pool has a place '%s' already", o->name);
	if (pool->rec.place_count == POOL_PLACES_MAX)
		return err_set(err, SHERD_INVALID, "the pool has as many places as it can have");
	return 0;
}

static int add_op(void *context, struct poolrec *rec, struct sherd_error *err)
{
	const struct poolrec_place *place = context;

	return poolrec_place(rec, place->id) ? 1 : poolrec_add_place(rec, place, err);
}

static void dismiss_guest(struct sherd_pool *pool)
{
	if (!pool->guest)
		return;
	pool->seat_count--;
	pool->seats[pool->seat_count] = NULL;
	seat_free(pool->guest);
	pool->guest = NULL;
	for (size_t i = 0; i < pool->store.count; i++)
		pool->store.entries[i]->shown &= ~BIT(pool->seat_count);
}

static int invite(struct sherd_pool *pool, const struct poolrec_place *place, struct place *opened,
	struct sherd_error *err)
{
	size_t at = pool->seat_count;
	int r = seat_new(pool, place, place->url, opened, &pool->seats[at], err);

	if (r)
		return r;
	pool->guest = pool->seats[at];
	pool->guest->known = true;
	pool->members[at] = pool->guest->member;
	pool->seat_count++;
	return 0;
}

/* Every live record, before it counts. */
static int furnish(struct sherd_pool *pool, struct sherd_error *err)
{
	struct ask_need need = {BIT(pool->seat_count - 1), 1};

	for (size_t i = 0; i < pool->store.count; i++) {
		struct entry *e = pool->store.entries[i];
		int r;

		if (!entry_live(pool, e))
			continue;
		r = pool_spread_to(pool, e, need.of, &need, 1, err);
		if (r)
			return r;
	}
	return 0;
}

static int add_place(struct sherd_pool *pool, struct poolrec_place *place, struct sherd_error *err)
{
	struct place *opened = NULL;
	const struct poolrec_place *there;
	int r = check_folder(pool, place->url, err);

	if (!r)
		r = pool_open_place(pool, place->url, true, &opened, err);
	if (r)
		return r;
	r = settle_identity(pool, opened, place->url, place->id, err);
	there = r ? NULL : poolrec_place(&pool->rec, place->id);
	if (there)
		r = err_set(err, SHERD_EXISTS, "'%s' is the place '%s' of this pool already",
			place->url, there->name);
	if (r) {
		place_free(opened);
		return r;
	}
	r = invite(pool, place, opened, err);
	if (!r)
		r = furnish(pool, err);
	if (!r)
		r = pool_change(pool, add_op, place, NULL, err);
	dismiss_guest(pool);
	return r;
}

int sherd_pool_place_add(struct sherd_pool *pool, const struct sherd_place_add_options *options,
	struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *url = NULL, *name = NULL, *domain = NULL;
	struct poolrec_place place = {.weight = options->weight ? options->weight : 1};
	int r = check_options(pool, options, err);

	if (!r)
		r = pool_refresh(pool, err);
	if (!r)
		r = check_options(pool, options, err);
	if (r)
		return r;
	url = absolute_url(options->url);
	name = wire_copy(options->name);
	domain = wire_copy(options->domain ? options->domain : "");
	if (!url || !name || !domain)
		return err_nomem(err);
	place.url = url;
	place.name = name;
	place.domain = domain;
	r = add_place(pool, &place, err);
	return r ? err_wrap(err, r, "adding the place '%s'", name) : 0;
}

/* --- removing --- */

static int remove_op(void *context, struct poolrec *rec, struct sherd_error *err)
{
	const uint8_t *id = context;

	if (!poolrec_place(rec, id))
		return 1;
	if (rec->place_count == 1)
		return err_set(err, SHERD_INVALID, "it is the last place of the pool");
	poolrec_remove_place(rec, id);
	return 0;
}

int sherd_pool_place_remove(
	struct sherd_pool *pool, const char *name, int lost, struct sherd_error *err)
{
	const struct poolrec_place *place = poolrec_place_named(&pool->rec, name);
	uint8_t id[RECORD_ID_SIZE];
	int r;

	if (!place)
		return err_set(err, SHERD_NOTFOUND, "the pool has no place '%s'", name);
	memcpy(id, place->id, RECORD_ID_SIZE);
	r = pool_change(pool, remove_op, id, lost ? id : NULL, err);
	return r ? err_wrap(err, r, "removing the place '%s'", name) : 0;
}
