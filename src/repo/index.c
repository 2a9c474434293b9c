/* SPDX-License-Identifier: MIT */
/*
 * index.c - two layers. The lower one is the file, mapped: packs, groups, blobs sorted by id,
 * streams; it never changes. The upper one is in memory: arrays that grow, and a hash table of
 * blobs. Group numbers go on from the file's to those in memory, pack numbers likewise, so that
 * both are found in the same way.
 *
 * The file, which is local and may be thrown away, is not part of the formats: magic, version, pool
 * id, counts, then the arrays, then the tree hash of all before. It is verified when it is opened
 * (4 GB/s), so that a rotten cache costs time and never a wrong answer. Numbers are in the
 * machine's own order: another machine's file has another magic.
 */
#include <repo/index.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>

enum { id_part = 20 };

struct entry {
	uint8_t id[id_part];
	uint32_t group, offset, size;
};
static_assert(sizeof(struct entry) == 32, "32 bytes a blob");

struct file_group {
	uint32_t offset;
	uint32_t what; /* plain length, codec << 23, type << 24 */
};
static_assert(sizeof(struct file_group) == 8, "8 bytes a group");
enum { plain_mask = (1 << 23) - 1, codec_shift = 23, type_shift = 24 };
static_assert(GROUP_SIZE_MAX <= plain_mask, "plain lengths fit");

struct file_pack {
	struct pool_ref ref;
	uint32_t group_first, group_count, blobs;
};

struct file_head {
	char magic[8];
	uint32_t version, order;
	uint8_t pool[POOL_ID_SIZE];
	uint64_t blobs;
	uint32_t packs, groups, streams, stream_packs;
	uint32_t pack_size, reserved;
};
static_assert(sizeof(struct file_head) == 64, "the file's arrays are aligned");

struct file_stream {
	struct hash pack;
	uint32_t number, count;
};

/* A group that was learned of or made by this process. */
struct new_group {
	struct group_place place;
	uint32_t pack; /* INDEX_NONE: none yet */
	bool dead;
};

struct index {
	struct sherd_pool *pool;
	char *cache; /* owned; NULL: no file */

	/* The file. */
	void *map;
	size_t map_size;
	const struct file_group *file_groups;
	const struct entry *file_entries;
	uint64_t file_blobs;
	uint32_t file_packs, file_group_count;

	/* In memory. Packs of the file stand in front. */
	struct index_pack *packs;
	uint32_t pack_count, pack_room;
	struct new_group *groups;
	uint32_t group_count, group_room;
	struct entry *entries;
	uint32_t entry_count, entry_room;
	uint32_t *slots; /* index into entries + 1; 0: empty */
	uint32_t slot_mask;
	uint32_t *by_id; /* packs by id: index + 1 */
	uint32_t by_id_mask;
	struct index_stream *streams;
	uint32_t stream_count, stream_room;
	uint64_t dead_blobs;
	bool dirty;
};

static const char file_magic[8] = "sherd-i\n";
static const char file_name[] = "index";
enum { file_version = 1, file_order = 0x01020304 };

/* ---- arrays ---- */

static bool grow(void **array, uint32_t count, uint32_t *room, size_t size)
{
	uint32_t more = *room ? *room + *room / 2 + 8 : 64;
	void *grown;

	if (count < *room)
		return true;
	if (more <= *room)
		return false;
	grown = mem_array(more, size);
	if (!grown)
		return false;
	if (count)
		memcpy(grown, *array, (size_t)count * size);
	mem_free(*array);
	*array = grown;
	*room = more;
	return true;
}

#define GROW(array, count, room) grow((void **)&(array), (count), &(room), sizeof(*(array)))

static uint32_t hash_of(const uint8_t *id)
{
	uint32_t h;

	/* Ids are hashes: any part of one will do. Not the first, by which the file is sorted. */
	memcpy(&h, id + 8, sizeof(h));
	return h;
}

/* ---- packs by id ---- */

static bool rebuild_by_id(struct index *x)
{
	uint32_t size = 64;
	uint32_t *slots;

	while (size < x->pack_room * 2)
		size *= 2;
	slots = mem_array(size, sizeof(*slots));
	if (!slots)
		return false;
	for (uint32_t i = 0; i < x->pack_count; i++) {
		uint32_t at = hash_of(x->packs[i].ref.id.bytes) & (size - 1);

		if (!x->packs[i].ref.k)
			continue;
		while (slots[at])
			at = (at + 1) & (size - 1);
		slots[at] = i + 1;
	}
	mem_free(x->by_id);
	x->by_id = slots;
	x->by_id_mask = size - 1;
	return true;
}

uint32_t index_pack_find(const struct index *x, const struct hash *id)
{
	uint32_t at = hash_of(id->bytes) & x->by_id_mask;

	while (x->by_id && x->by_id[at]) {
		if (hash_equal(&x->packs[x->by_id[at] - 1].ref.id, id))
			return x->by_id[at] - 1;
		at = (at + 1) & x->by_id_mask;
	}
	return INDEX_NONE;
}

static void enter_by_id(struct index *x, uint32_t pack)
{
	uint32_t at = hash_of(x->packs[pack].ref.id.bytes) & x->by_id_mask;

	while (x->by_id[at])
		at = (at + 1) & x->by_id_mask;
	x->by_id[at] = pack + 1;
}

static int new_pack(struct index *x, uint32_t *ret_pack, struct sherd_error *err)
{
	uint32_t room = x->pack_room;

	if (!GROW(x->packs, x->pack_count, x->pack_room))
		return err_nomem(err);
	if ((room != x->pack_room || !x->by_id) && !rebuild_by_id(x))
		return err_nomem(err);
	memset(&x->packs[x->pack_count], 0, sizeof(x->packs[0]));
	*ret_pack = x->pack_count++;
	return 0;
}

uint32_t index_pack_count(const struct index *x)
{
	return x->pack_count;
}

struct index_pack *index_pack_at(const struct index *x, uint32_t pack)
{
	assert(pack < x->pack_count);
	return &x->packs[pack];
}

/* ---- blobs in memory ---- */

static struct entry *find_new(const struct index *x, const uint8_t *id)
{
	uint32_t at = hash_of(id) & x->slot_mask;

	while (x->slots && x->slots[at]) {
		struct entry *e = &x->entries[x->slots[at] - 1];

		if (!memcmp(e->id, id, id_part))
			return e;
		at = (at + 1) & x->slot_mask;
	}
	return NULL;
}

static bool rebuild_slots(struct index *x)
{
	uint32_t size = 1024;
	uint32_t *slots;

	while (size / 3 * 2 < x->entry_room)
		size *= 2;
	if (x->slots && size == x->slot_mask + 1)
		return true;
	slots = mem_array(size, sizeof(*slots));
	if (!slots)
		return false;
	for (uint32_t i = 0; i < x->entry_count; i++) {
		uint32_t at = hash_of(x->entries[i].id) & (size - 1);

		while (slots[at])
			at = (at + 1) & (size - 1);
		slots[at] = i + 1;
	}
	mem_free(x->slots);
	x->slots = slots;
	x->slot_mask = size - 1;
	return true;
}

static bool group_dead(const struct index *x, uint32_t group)
{
	return group >= x->file_group_count && x->groups[group - x->file_group_count].dead;
}

static int enter(struct index *x, const struct entry *e, struct sherd_error *err)
{
	struct entry *old = find_new(x, e->id);
	uint32_t room = x->entry_room, at;

	/* The newest one: a blob is stored again when it could not be relied on where it was. */
	if (old) {
		*old = *e;
		return 0;
	}
	if (!GROW(x->entries, x->entry_count, x->entry_room))
		return err_nomem(err);
	if ((room != x->entry_room || !x->slots) && !rebuild_slots(x))
		return err_nomem(err);
	at = hash_of(e->id) & x->slot_mask;
	while (x->slots[at])
		at = (at + 1) & x->slot_mask;
	x->entries[x->entry_count++] = *e;
	x->slots[at] = x->entry_count;
	return 0;
}

/* ---- finding ---- */

static const struct entry *find_file(const struct index *x, const uint8_t *id)
{
	uint64_t low = 0, high = x->file_blobs;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		int order = memcmp(x->file_entries[middle].id, id, id_part);

		if (!order)
			return &x->file_entries[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The pack of the file that has this group. */
static uint32_t pack_of_group(const struct index *x, uint32_t group)
{
	uint32_t low = 0, high = x->file_packs;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (x->packs[middle].group_first <= group)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* In the file each pack's groups are followed by one that only says where the last one ends. */
static void file_place(
	const struct index *x, uint32_t group, uint32_t pack, struct group_place *ret)
{
	const struct file_group *g = &x->file_groups[group];

	*ret = (struct group_place){
		.number = group - x->packs[pack].group_first,
		.offset = g->offset,
		.sealed = g[1].offset - g->offset,
		.plain = g->what & plain_mask,
		.codec = g->what >> codec_shift & 1,
		.type = (uint8_t)(g->what >> type_shift),
	};
}

bool index_find(const struct index *x, const struct hash *id, struct index_found *ret)
{
	const struct entry *e = find_new(x, id->bytes);

	if (!e || group_dead(x, e->group))
		e = find_file(x, id->bytes);
	if (!e)
		return false;
	ret->offset = e->offset;
	ret->size = e->size;
	if (e->group < x->file_group_count) {
		ret->pack = pack_of_group(x, e->group);
		file_place(x, e->group, ret->pack, &ret->place);
	} else {
		ret->pack = x->groups[e->group - x->file_group_count].pack;
		ret->place = x->groups[e->group - x->file_group_count].place;
	}
	return true;
}

/* ---- adding ---- */

int index_open_group(struct index *x, uint8_t type, uint32_t *ret_group, struct sherd_error *err)
{
	if (!GROW(x->groups, x->group_count, x->group_room))
		return err_nomem(err);
	x->groups[x->group_count] = (struct new_group){.pack = INDEX_NONE, .place = {.type = type}};
	*ret_group = x->file_group_count + x->group_count++;
	return 0;
}

int index_add_blob(struct index *x, uint32_t group, const struct hash *id, uint32_t offset,
	uint32_t size, struct sherd_error *err)
{
	struct entry e = {.group = group, .offset = offset, .size = size};

	memcpy(e.id, id->bytes, id_part);
	return enter(x, &e, err);
}

int index_open_pack(struct index *x, uint32_t *ret_pack, struct sherd_error *err)
{
	return new_pack(x, ret_pack, err);
}

void index_place_group(
	struct index *x, uint32_t group, uint32_t pack, const struct group_place *place)
{
	struct new_group *g = &x->groups[group - x->file_group_count];

	g->pack = pack;
	g->place = *place;
	x->packs[pack].group_count++;
}

void index_move_groups(struct index *x, uint32_t pack, uint32_t first, uint32_t to, uint32_t offset)
{
	for (uint32_t i = 0; i < x->group_count; i++) {
		struct new_group *g = &x->groups[i];

		if (g->pack != pack || g->place.number < first)
			continue;
		g->pack = to;
		g->place.number -= first;
		g->place.offset -= offset;
		x->packs[pack].group_count--;
		x->packs[to].group_count++;
	}
}

void index_group_at(
	const struct index *x, uint32_t group, uint32_t *ret_pack, struct group_place *ret)
{
	assert(group >= x->file_group_count);
	*ret_pack = x->groups[group - x->file_group_count].pack;
	*ret = x->groups[group - x->file_group_count].place;
}

void index_seal_pack(struct index *x, uint32_t pack, const struct pool_ref *ref)
{
	x->packs[pack].ref = *ref;
	enter_by_id(x, pack);
}

void index_drop_unsealed(struct index *x)
{
	for (uint32_t i = x->file_packs; i < x->pack_count; i++)
		x->packs[i].dead = !x->packs[i].ref.k;
	for (uint32_t i = 0; i < x->group_count; i++) {
		struct new_group *g = &x->groups[i];

		g->dead = g->dead || g->pack == INDEX_NONE || x->packs[g->pack].dead;
	}
}

static int add_groups(
	struct index *x, uint32_t pack, const uint8_t *table, size_t size, struct sherd_error *err)
{
	struct table_reader r;
	struct group_place place;
	uint32_t blobs, group = 0;
	int code;

	table_open(&r, table, size, ref_payload(&x->packs[pack].ref));
	while ((code = table_next_group(&r, &place, &blobs, err)) > 0) {
		struct hash id;
		uint32_t length, offset = 0;
		int one;

		if (place.type == GROUP_PADDING)
			continue;
		one = index_open_group(x, place.type, &group, err);
		if (one)
			return one;
		index_place_group(x, group, pack, &place);
		while ((one = table_next_blob(&r, &id, &length, err)) > 0) {
			one = index_add_blob(x, group, &id, offset, length, err);
			if (one)
				return one;
			offset += length;
			x->packs[pack].blobs++;
		}
		if (one)
			return one;
	}
	return code;
}

int index_add_table(struct index *x, const struct pool_ref *ref, bool published,
	const uint8_t *table, size_t size, uint32_t *ret_pack, struct sherd_error *err)
{
	uint32_t pack = index_pack_find(x, &ref->id);
	uint32_t groups = x->group_count;
	int code = 0;

	if (pack != INDEX_NONE) {
		memcpy(x->packs[pack].ref.places, ref->places, sizeof(ref->places));
	} else {
		code = new_pack(x, &pack, err);
		if (code)
			return code;
		x->packs[pack].ref = *ref;
		code = add_groups(x, pack, table, size, err);
		if (code) {
			x->packs[pack].ref = (struct pool_ref){0};
			x->packs[pack].dead = true;
			for (uint32_t i = groups; i < x->group_count; i++)
				x->groups[i].dead = true;
			return code;
		}
		enter_by_id(x, pack);
		x->dirty = x->dirty || published;
	}
	x->packs[pack].published = x->packs[pack].published || published;
	if (ret_pack)
		*ret_pack = pack;
	return 0;
}

/* ---- streams ---- */

const struct index_stream *index_stream_find(
	const struct index *x, const struct hash *pack, uint32_t number)
{
	for (uint32_t i = 0; i < x->stream_count; i++)
		if (x->streams[i].number == number && hash_equal(&x->streams[i].pack, pack))
			return &x->streams[i];
	return NULL;
}

int index_stream_add(struct index *x, const struct hash *pack, uint32_t number,
	const uint32_t *packs, uint32_t count, struct sherd_error *err)
{
	struct index_stream *s;

	if (!GROW(x->streams, x->stream_count, x->stream_room))
		return err_nomem(err);
	s = &x->streams[x->stream_count];
	*s = (struct index_stream){.pack = *pack, .number = number, .count = count};
	s->packs = mem_array(count, sizeof(*s->packs));
	if (!s->packs)
		return err_nomem(err);
	if (count)
		memcpy(s->packs, packs, count * sizeof(*packs));
	x->stream_count++;
	x->dirty = true;
	return 0;
}

uint64_t index_blobs(const struct index *x)
{
	return x->file_blobs + x->entry_count;
}

uint64_t index_file_size(const struct index *x)
{
	return x->map_size;
}

bool index_dirty(const struct index *x)
{
	return x->dirty;
}

/* ---- the file: reading ---- */

static void unmap(struct index *x)
{
	if (x->map)
		munmap(x->map, x->map_size);
	x->map = NULL;
	x->map_size = 0;
	x->file_blobs = 0;
	x->file_packs = x->file_group_count = 0;
}

/* Sizes of the parts, as the head has them; false: they do not add up to the file. */
static bool file_fits(const struct file_head *h, size_t size, const struct sherd_pool *pool)
{
	uint64_t sum = sizeof(*h) + HASH_SIZE;

	sum += (uint64_t)h->packs * sizeof(struct file_pack);
	sum += (uint64_t)h->groups * sizeof(struct file_group);
	sum += (uint64_t)h->streams * sizeof(struct file_stream);
	sum += ((uint64_t)h->stream_packs + (h->stream_packs & 1)) * sizeof(uint32_t);
	return !memcmp(h->magic, file_magic, sizeof(h->magic)) && h->version == file_version &&
	       h->order == file_order && h->pack_size == sizeof(struct file_pack) &&
	       !memcmp(h->pool, pool_shape(pool)->id, POOL_ID_SIZE) && sum <= size &&
	       h->blobs == (size - sum) / sizeof(struct entry) &&
	       (size - sum) % sizeof(struct entry) == 0;
}

static bool file_whole(const uint8_t *map, size_t size)
{
	struct hash_item item = {.data = map, .size = size - HASH_SIZE};
	struct hash *scratch = mem_array(hash_leaf_count(item.size), sizeof(*scratch));
	bool whole = false;

	if (scratch) {
		hash_trees(&item, 1, scratch);
		whole = !memcmp(item.root.bytes, map + size - HASH_SIZE, HASH_SIZE);
	}
	mem_free(scratch);
	return whole;
}

static int take_packs(
	struct index *x, const struct file_pack *from, uint32_t count, struct sherd_error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t pack;
		int code = new_pack(x, &pack, err);

		if (code)
			return code;
		x->packs[pack].ref = from[i].ref;
		x->packs[pack].group_first = from[i].group_first;
		x->packs[pack].group_count = from[i].group_count;
		x->packs[pack].blobs = from[i].blobs;
		x->packs[pack].published = true;
		enter_by_id(x, pack);
	}
	return 0;
}

static int take_streams(struct index *x, const struct file_stream *from, const uint32_t *packs,
	uint32_t count, uint32_t pack_count, struct sherd_error *err)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < count; i++) {
		int code;

		if (from[i].count > pack_count - used)
			return 0;
		code = index_stream_add(
			x, &from[i].pack, from[i].number, packs + used, from[i].count, err);
		if (code)
			return code;
		used += from[i].count;
	}
	return 0;
}

/* Take in the mapped file, which is whole, and was written by this version on this machine. */
static int take_file(struct index *x, struct sherd_error *err)
{
	const uint8_t *at = x->map;
	const struct file_head *h = x->map;
	const struct file_pack *packs;
	const struct file_stream *streams;
	const uint32_t *stream_packs;
	int code;

	at += sizeof(*h);
	x->file_entries = (const void *)at;
	at += h->blobs * sizeof(struct entry);
	x->file_groups = (const void *)at;
	at += h->groups * sizeof(struct file_group);
	packs = (const void *)at;
	at += h->packs * sizeof(struct file_pack);
	streams = (const void *)at;
	at += h->streams * sizeof(struct file_stream);
	stream_packs = (const void *)at;
	x->file_blobs = h->blobs;
	x->file_packs = h->packs;
	x->file_group_count = h->groups;
	code = take_packs(x, packs, h->packs, err);
	if (!code)
		code = take_streams(x, streams, stream_packs, h->streams, h->stream_packs, err);
	x->dirty = false;
	return code;
}

static int open_cache(
	const struct index *x, const struct sherd_env *env, const char *name, int flags)
{
	int folder = env->files->openat(
		env->context, AT_FDCWD, x->cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int fd;

	if (folder < 0)
		return -1;
	fd = env->files->openat(env->context, folder, name, flags | O_CLOEXEC, 0600);
	env_close(env, folder);
	return fd;
}

static int map_file(struct index *x, struct sherd_error *err)
{
	const struct sherd_env *env = pool_env(x->pool);
	struct stat status;
	int fd = open_cache(x, env, file_name, O_RDONLY);
	void *map;

	if (fd < 0)
		return 0;
	if (env->files->fstat(env->context, fd, &status) ||
		(size_t)status.st_size < sizeof(struct file_head) + HASH_SIZE) {
		env_close(env, fd);
		return 0;
	}
	map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	env_close(env, fd);
	if (map == MAP_FAILED)
		return 0;
	if (!file_fits(map, (size_t)status.st_size, x->pool) ||
		!file_whole(map, (size_t)status.st_size)) {
		munmap(map, (size_t)status.st_size);
		return 0;
	}
	x->map = map;
	x->map_size = (size_t)status.st_size;
	return take_file(x, err);
}

static void clear(struct index *x)
{
	for (uint32_t i = 0; i < x->stream_count; i++)
		mem_free(x->streams[i].packs);
	mem_free(x->streams);
	mem_free(x->packs);
	mem_free(x->groups);
	mem_free(x->entries);
	mem_free(x->slots);
	mem_free(x->by_id);
	unmap(x);
	*x = (struct index){.pool = x->pool, .cache = x->cache};
}

int index_new(struct sherd_pool *pool, const char *cache, bool use, struct index **ret,
	struct sherd_error *err)
{
	struct index *x = mem_array(1, sizeof(*x));
	int code = 0;

	if (!x)
		return err_nomem(err);
	x->pool = pool;
	x->cache = cache ? mem_format("%s", cache) : NULL;
	if (cache && !x->cache)
		code = err_nomem(err);
	if (!code && cache && use)
		code = map_file(x, err);
	if (!code && !x->by_id && !rebuild_by_id(x))
		code = err_nomem(err);
	if (code) {
		index_free(x);
		return code;
	}
	*ret = x;
	return 0;
}

void index_free(struct index *x)
{
	if (!x)
		return;
	clear(x);
	mem_free(x->cache);
	mem_free(x);
}

/* ---- the file: writing ---- */

struct saving {
	struct index *x;
	const struct sherd_env *env;
	uint32_t *pack_to;  /* new number of each pack; INDEX_NONE: left out */
	uint32_t *group_to; /* new number of each group in memory, likewise */
	uint32_t packs, groups;
	struct bytes head, tail; /* what stands before and behind the blobs */
	struct entry *sorted;    /* those in memory, sorted, with new numbers */
	uint32_t sorted_count;
};

static void saving_release(struct saving *s)
{
	mem_free(s->pack_to);
	mem_free(s->group_to);
	mem_free(s->sorted);
	bytes_release(&s->head);
	bytes_release(&s->tail);
}

static bool goes_in(const struct index_pack *p)
{
	return p->published && !p->dead;
}

static void add_group(struct saving *s, const struct group_place *g)
{
	struct file_group f = {g->offset,
		g->plain | (uint32_t)g->codec << codec_shift | (uint32_t)g->type << type_shift};

	bytes_add(&s->tail, &f, sizeof(f));
	s->groups++;
}

/* Groups in memory lie in the order in which they were opened: bring each pack's together. */
static int order_groups(
	struct saving *s, uint32_t **ret_list, uint32_t **ret_first, struct sherd_error *err)
{
	struct index *x = s->x;
	uint32_t *first = mem_array((size_t)x->pack_count + 1, sizeof(*first));
	uint32_t *list = mem_array(x->group_count, sizeof(*list));

	*ret_list = list;
	*ret_first = first;
	if (!first || !list)
		return err_nomem(err);
	for (uint32_t i = 0; i < x->group_count; i++)
		if (!x->groups[i].dead && x->groups[i].pack != INDEX_NONE)
			first[x->groups[i].pack + 1]++;
	for (uint32_t i = 0; i < x->pack_count; i++)
		first[i + 1] += first[i];
	for (uint32_t i = 0; i < x->group_count; i++) {
		const struct new_group *g = &x->groups[i];

		if (!g->dead && g->pack != INDEX_NONE)
			list[first[g->pack] + g->place.number] = i;
	}
	return 0;
}

static int add_packs(struct saving *s, struct sherd_error *err)
{
	struct index *x = s->x;
	CLEANUP(mem_free_at) uint32_t *list = NULL;
	CLEANUP(mem_free_at) uint32_t *first = NULL;
	int code = order_groups(s, &list, &first, err);

	if (code)
		return code;
	for (uint32_t p = 0; p < x->pack_count; p++) {
		struct index_pack *pack = &x->packs[p];
		struct group_place place = {0};
		uint32_t count = 0;

		s->pack_to[p] = INDEX_NONE;
		if (!goes_in(pack))
			continue;
		s->pack_to[p] = s->packs++;
		if (p < x->file_packs) {
			for (; count < pack->group_count; count++) {
				file_place(x, pack->group_first + count, p, &place);
				add_group(s, &place);
			}
		} else {
			for (; count < first[p + 1] - first[p]; count++) {
				uint32_t g = list[first[p] + count];

				s->group_to[g] = s->groups;
				place = x->groups[g].place;
				add_group(s, &place);
			}
		}
		/* The one that says where the last ends. */
		place.offset += place.sealed;
		place.plain = 0;
		add_group(s, &place);
	}
	return s->tail.failed ? err_nomem(err) : 0;
}

static void add_pack_records(struct saving *s)
{
	struct index *x = s->x;
	uint32_t groups = 0;

	for (uint32_t p = 0; p < x->pack_count; p++) {
		struct index_pack *pack = &x->packs[p];
		struct file_pack f;

		if (s->pack_to[p] == INDEX_NONE)
			continue;
		memset(&f, 0, sizeof(f));
		f.ref = pack->ref;
		f.group_first = groups;
		f.group_count = pack->group_count;
		f.blobs = pack->blobs;
		bytes_add(&s->tail, &f, sizeof(f));
		groups += pack->group_count + 1;
	}
}

static uint32_t add_streams(struct saving *s)
{
	struct index *x = s->x;
	uint32_t packs = 0;

	for (uint32_t i = 0; i < x->stream_count; i++) {
		struct file_stream f;

		memset(&f, 0, sizeof(f));
		f.pack = x->streams[i].pack;
		f.number = x->streams[i].number;
		f.count = x->streams[i].count;
		bytes_add(&s->tail, &f, sizeof(f));
	}
	for (uint32_t i = 0; i < x->stream_count; i++)
		for (uint32_t n = 0; n < x->streams[i].count; n++) {
			uint32_t to = s->pack_to[x->streams[i].packs[n]];

			bytes_add(&s->tail, &to, sizeof(to));
			packs++;
		}
	if (packs & 1)
		bytes_extend(&s->tail, sizeof(uint32_t));
	return packs;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct entry *)a)->id, ((const struct entry *)b)->id, id_part);
}

static int sort_entries(struct saving *s, struct sherd_error *err)
{
	struct index *x = s->x;

	s->sorted = mem_array(x->entry_count, sizeof(*s->sorted));
	if (!s->sorted)
		return err_nomem(err);
	for (uint32_t i = 0; i < x->entry_count; i++) {
		struct entry e = x->entries[i];
		const struct new_group *g = &x->groups[e.group - x->file_group_count];

		if (g->dead || g->pack == INDEX_NONE || s->pack_to[g->pack] == INDEX_NONE)
			continue;
		e.group = s->group_to[e.group - x->file_group_count];
		s->sorted[s->sorted_count++] = e;
	}
	if (s->sorted_count)
		qsort(s->sorted, s->sorted_count, sizeof(*s->sorted), by_id);
	return 0;
}

/* Group numbers of the file's blobs move by what was put between: each pack keeps its order. */
static uint32_t moved_group(const struct saving *s, const uint32_t *first_to, uint32_t group)
{
	uint32_t pack = pack_of_group(s->x, group);

	return first_to[pack] + (group - s->x->packs[pack].group_first);
}

/* What is written is hashed as it goes: leaves of 32 KiB. */
struct sink {
	const struct sherd_env *env;
	int fd;
	uint64_t at;
	struct bytes buffer;
	struct bytes leaves;
};

enum { sink_size = 32 * HASH_LEAF_SIZE };

static int sink_flush(struct sink *k)
{
	struct hash leaves[sink_size / HASH_LEAF_SIZE];

	if (!k->buffer.size)
		return 0;
	hash_leaves(k->buffer.data, k->buffer.size, leaves);
	bytes_add(&k->leaves, leaves, hash_leaf_count(k->buffer.size) * HASH_SIZE);
	if (env_pwrite(k->env, k->fd, k->buffer.data, k->buffer.size, k->at))
		return -1;
	k->at += k->buffer.size;
	k->buffer.size = 0;
	return 0;
}

static int sink_add(struct sink *k, const void *data, size_t size)
{
	const uint8_t *from = data;

	while (size) {
		size_t part = INT_MIN_OF(size, sink_size - k->buffer.size);

		bytes_add(&k->buffer, from, part);
		if (k->buffer.failed) {
			errno = ENOMEM;
			return -1;
		}
		from += part;
		size -= part;
		if (k->buffer.size == sink_size && sink_flush(k))
			return -1;
	}
	return 0;
}

static int sink_end(struct sink *k)
{
	struct hash root;

	if (sink_flush(k))
		return -1;
	if (k->leaves.failed) {
		errno = ENOMEM;
		return -1;
	}
	hash_root((struct hash *)k->leaves.data, k->leaves.size / HASH_SIZE, &root);
	return env_pwrite(k->env, k->fd, root.bytes, HASH_SIZE, k->at);
}

static int merge_entries(struct saving *s, struct sink *k, const uint32_t *first_to)
{
	struct index *x = s->x;
	uint64_t f = 0;
	uint32_t n = 0;

	while (f < x->file_blobs || n < s->sorted_count) {
		int order = f == x->file_blobs     ? 1
			    : n == s->sorted_count ? -1
						   : by_id(&x->file_entries[f], &s->sorted[n]);
		struct entry e;

		/* Of both the newer one: the older one's pack was not sound. */
		if (order >= 0) {
			e = s->sorted[n++];
			f += order == 0;
		} else {
			e = x->file_entries[f++];
			e.group = moved_group(s, first_to, e.group);
		}
		if (sink_add(k, &e, sizeof(e)))
			return -1;
	}
	return 0;
}

static uint64_t count_entries(const struct saving *s)
{
	const struct index *x = s->x;
	uint64_t count = x->file_blobs;

	for (uint32_t i = 0; i < s->sorted_count; i++)
		count += !find_file(x, s->sorted[i].id);
	return count;
}

static int write_all(struct saving *s, int fd)
{
	struct index *x = s->x;
	struct sink k = {.env = s->env, .fd = fd};
	uint32_t *first_to = mem_array((size_t)x->file_packs + 1, sizeof(*first_to));
	uint32_t groups = 0;
	int failed;

	if (!first_to) {
		errno = ENOMEM;
		return -1;
	}
	/* Published packs are never left out, and the file's stand in front: only sentinels count.
	 */
	for (uint32_t p = 0; p < x->file_packs; p++) {
		first_to[p] = groups;
		groups += x->packs[p].group_count + 1;
	}
	failed = sink_add(&k, s->head.data, s->head.size) || merge_entries(s, &k, first_to) ||
		 sink_add(&k, s->tail.data, s->tail.size) || sink_end(&k);
	bytes_release(&k.buffer);
	bytes_release(&k.leaves);
	mem_free(first_to);
	return failed ? -1 : 0;
}

static int write_file(struct saving *s, struct sherd_error *err)
{
	struct index *x = s->x;
	const struct sherd_env *env = s->env;
	int folder = env->files->openat(
		env->context, AT_FDCWD, x->cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int fd, failed, saved;

	if (folder < 0)
		return err_system(err, errno, "cannot open the cache folder '%s'", x->cache);
	fd = env->files->openat(env->context, folder, ".index.new",
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* Not synced: what a power cut makes of it is found out by its hash. */
	failed = fd < 0 || write_all(s, fd) ||
		 env->files->renameat2(env->context, folder, ".index.new", folder, file_name, 0);
	saved = errno;
	if (fd >= 0)
		env_close(env, fd);
	if (failed && fd >= 0)
		env->files->unlinkat(env->context, folder, ".index.new", 0);
	env_close(env, folder);
	return failed ? err_system(err, saved, "cannot write the index in '%s'", x->cache) : 0;
}

static int prepare(struct saving *s, struct sherd_error *err)
{
	struct index *x = s->x;
	struct file_head h = {.version = file_version,
		.order = file_order,
		.pack_size = sizeof(struct file_pack)};
	int code;

	s->pack_to = mem_array(x->pack_count, sizeof(*s->pack_to));
	s->group_to = mem_array(x->group_count, sizeof(*s->group_to));
	code = s->pack_to && s->group_to ? add_packs(s, err) : err_nomem(err);
	if (!code)
		code = sort_entries(s, err);
	if (code)
		return code;
	add_pack_records(s);
	h.stream_packs = add_streams(s);
	memcpy(h.magic, file_magic, sizeof(h.magic));
	memcpy(h.pool, pool_shape(x->pool)->id, POOL_ID_SIZE);
	h.packs = s->packs;
	h.groups = s->groups;
	h.streams = x->stream_count;
	h.blobs = count_entries(s);
	bytes_add(&s->head, &h, sizeof(h));
	return s->head.failed || s->tail.failed ? err_nomem(err) : 0;
}

int index_save(struct index *x, struct sherd_error *err)
{
	CLEANUP(saving_release) struct saving s = {.x = x, .env = pool_env(x->pool)};
	int code;

	if (!x->cache)
		return 0;
	code = prepare(&s, err);
	if (!code)
		code = write_file(&s, err);
	if (code)
		return code;
	x->dirty = false;
	return 0;
}
