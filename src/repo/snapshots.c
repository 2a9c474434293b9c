/* SPDX-License-Identifier: MIT */
/*
 * snapshots.c - the catalog's facts as a list of snapshots, oldest first.
 *
 * Each snapshot owns one block with its root's content and its texts, each followed by a zero, and
 * one array of pointers to paths and tags. A fact that cannot be read is left out: its device may
 * be newer than we are, and the others are none the worse for it.
 */
#include <repo/repo.h>

#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/log.h>

#define FLAG_INCOMPLETE 1
#define FLAG_STDIN 2

struct item {
	struct sherd_snapshot s; /* its strings are in the block */
	struct bytes block;
	const char **lists; /* paths, then tags */
	size_t root_size;   /* the root stands at the block's beginning */
};

struct repo_snapshots {
	struct item *items;
	size_t count;
	struct sherd_snapshot *list; /* the same, as callers see them */
};

void repo_snapshots_free(struct repo_snapshots *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++) {
		bytes_release(&s->items[i].block);
		mem_free(s->items[i].lists);
	}
	mem_free(s->items);
	mem_free(s->list);
	mem_free(s);
}

/* --- one snapshot --- */

static void keep_text(struct item *item, const struct snapshot_text *text)
{
	bytes_add(&item->block, text->text, text->size);
	bytes_u8(&item->block, 0);
}

static void keep_texts(struct item *item, const uint8_t *raw, size_t size, size_t count)
{
	struct cursor c = cursor_of(raw, size);
	struct snapshot_text text;

	for (size_t i = 0; i < count && snapshot_text_next(&c, &text); i++)
		keep_text(item, &text);
}

/* The text at *at, which moves behind it. */
static const char *next_text(const char **at)
{
	const char *text = *at;

	*at += strlen(text) + 1;
	return text;
}

static void point_texts(struct item *item, const struct snapshot_record *record)
{
	const char *at = (const char *)item->block.data + item->root_size;
	struct sherd_snapshot *s = &item->s;

	s->host = next_text(&at);
	s->user = next_text(&at);
	s->name = next_text(&at);
	s->version = next_text(&at);
	for (size_t i = 0; i < record->path_count + record->tag_count; i++)
		item->lists[i] = next_text(&at);
	s->paths = item->lists;
	s->path_count = record->path_count;
	s->tags = item->lists + record->path_count;
	s->tag_count = record->tag_count;
}

static void take_numbers(struct sherd_snapshot *s, const struct snapshot_record *record)
{
	memcpy(s->parent, record->parent, sizeof(s->parent));
	s->time_ns = record->begun_ns;
	s->ended_ns = record->ended_ns;
	s->files = record->files;
	s->folders = record->folders;
	s->others = record->others;
	s->bytes = record->bytes;
	s->bytes_new = record->bytes_new;
	s->bytes_packed = record->bytes_packed;
	s->bytes_stored = record->bytes_stored;
	s->incomplete = (record->flags & FLAG_INCOMPLETE) != 0;
	s->from_stdin = (record->flags & FLAG_STDIN) != 0;
}

static int take_record(
	struct item *item, const struct snapshot_record *record, struct sherd_error *err)
{
	item->root_size = record->root_size;
	bytes_add(&item->block, record->root, record->root_size);
	keep_text(item, &record->host);
	keep_text(item, &record->user);
	keep_text(item, &record->name);
	keep_text(item, &record->version);
	keep_texts(item, record->paths_raw, record->paths_raw_size, record->path_count);
	keep_texts(item, record->tags_raw, record->tags_raw_size, record->tag_count);
	item->lists = mem_array(record->path_count + record->tag_count, sizeof(*item->lists));
	if (item->block.failed || !item->lists)
		return err_nomem(err);
	point_texts(item, record);
	take_numbers(&item->s, record);
	return 0;
}

/* Add what a fact says; one that cannot be read is left out. */
static int take_fact(struct repo_snapshots *s, const struct store *store,
	const struct catalog_fact *fact, struct sherd_error *err)
{
	struct snapshot_record record;
	struct sherd_error why;
	struct hash id;
	struct item *item = &s->items[s->count];

	if (fact->kind != CATALOG_SNAPSHOT)
		return 0;
	if (snapshot_read(fact->payload, fact->size, &record, &why)) {
		log_warn("a snapshot is left out: %s", why.message);
		return 0;
	}
	s->count++; /* freed with the others from now on */
	store_id(store, BLOB_SNAPSHOT, fact->payload, fact->size, &id);
	memcpy(item->s.id, id.bytes, sizeof(item->s.id));
	return take_record(item, &record, err);
}

/* --- all of them --- */

static int by_time(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->s.time_ns != y->s.time_ns)
		return x->s.time_ns < y->s.time_ns ? -1 : 1;
	return memcmp(x->s.id, y->s.id, sizeof(x->s.id));
}

/* One fact may have come by two ways. */
static void drop_doubles(struct repo_snapshots *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		if (kept && memcmp(s->items[kept - 1].s.id, s->items[i].s.id, SHERD_ID_SIZE) == 0) {
			bytes_release(&s->items[i].block);
			mem_free(s->items[i].lists);
		} else {
			s->items[kept++] = s->items[i];
		}
	}
	s->count = kept;
}

static int load(struct repo_snapshots *s, const struct store *store, struct sherd_error *err)
{
	const struct catalog *catalog = store_catalog(store);
	size_t facts = catalog_count(catalog);

	s->items = mem_array(facts, sizeof(*s->items));
	s->list = mem_array(facts, sizeof(*s->list));
	if (!s->items || !s->list)
		return err_nomem(err);
	for (size_t i = 0; i < facts; i++) {
		int r = take_fact(s, store, catalog_at(catalog, i), err);

		if (r)
			return r;
	}
	if (s->count)
		qsort(s->items, s->count, sizeof(*s->items), by_time);
	drop_doubles(s);
	for (size_t i = 0; i < s->count; i++)
		s->list[i] = s->items[i].s;
	return 0;
}

int repo_snapshots_load(struct sherd_repo *repo, struct sherd_error *err)
{
	struct repo_snapshots *s = mem_array(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem(err);
	r = load(s, repo->store, err);
	if (r) {
		repo_snapshots_free(s);
		return r;
	}
	repo_snapshots_free(repo->snapshots);
	repo->snapshots = s;
	return 0;
}

void repo_snapshot_root(struct sherd_repo *repo, const struct sherd_snapshot *snapshot,
	const uint8_t **ret_content, size_t *ret_size)
{
	const struct repo_snapshots *s = repo->snapshots;

	*ret_content = NULL;
	*ret_size = 0;
	for (size_t i = 0; i < s->count; i++)
		if (memcmp(s->items[i].s.id, snapshot->id, SHERD_ID_SIZE) == 0) {
			*ret_content = s->items[i].block.data;
			*ret_size = s->items[i].root_size;
			return;
		}
}

const struct sherd_snapshot *sherd_snapshots(struct sherd_repo *repo, size_t *ret_count)
{
	*ret_count = repo->snapshots->count;
	return repo->snapshots->list;
}
