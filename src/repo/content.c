/* SPDX-License-Identifier: MIT */
/*
 * content.c - which blobs a file or a folder is, run by run; long ones as trees of lists
 * (docs/format.md, 11.3).
 *
 * Writer: levels[d] gathers encoded runs of depth d. When 8192 of them are there and one more comes
 * they go to the store as a list, which is one run of depth d + 1. At the end what is left is
 * closed from below until one level has everything. So a content depends on its runs alone.
 *
 * Reader: a stack of at most four levels, indexed by depth. Each list is checked as a whole before
 * a run of it is delivered, so that a failure is always that of one whole list, of known length,
 * and reading can go on behind it.
 */
#include <repo/content.h>

#include <assert.h>
#include <string.h>

#include <base/err.h>
#include <base/intmath.h>
#include <repo/tree.h>

#define HOLE (UINT64_C(1) << 63)
#define LENGTH_MAX (HOLE - 1)

static_assert(
	CONTENT_HEAD_SIZE + TREE_RUNS_MAX * CONTENT_RUN_SIZE <= BLOB_SIZE_MAX, "a list is a blob");

/* --- encoding --- */

static void write_head(struct bytes *out, unsigned depth, uint32_t count)
{
	bytes_u8(out, (uint8_t)depth);
	bytes_u8(out, 0);
	bytes_u16(out, 0);
	bytes_u32(out, count);
}

static void write_run(struct bytes *out, const struct hash *id, uint64_t length)
{
	assert(length >= 1 && length <= LENGTH_MAX);
	bytes_u64(out, id ? length : length | HOLE);
	if (id)
		bytes_add(out, id->bytes, HASH_SIZE);
}

void content_write_empty(struct bytes *out)
{
	write_head(out, 0, 0);
}

void content_write_one(struct bytes *out, const struct hash *id, uint64_t length)
{
	write_head(out, 0, 1);
	write_run(out, id, length);
}

/* --- decoding --- */

static bool read_head(struct cursor *c, unsigned *ret_depth, uint32_t *ret_count)
{
	unsigned reserved;

	*ret_depth = cursor_u8(c);
	reserved = cursor_u8(c);
	reserved |= cursor_u16(c);
	*ret_count = cursor_u32(c);
	return !c->failed && reserved == 0 && *ret_depth <= TREE_DEPTH_MAX &&
	       *ret_count <= TREE_RUNS_MAX;
}

static void read_run(struct cursor *c, struct content_run *ret)
{
	uint64_t word = cursor_u64(c);

	*ret = (struct content_run){.hole = word & HOLE, .length = word & LENGTH_MAX};
	if (!ret->hole)
		cursor_copy(c, ret->id.bytes, HASH_SIZE);
}

static bool run_right(const struct content_run *run, unsigned depth)
{
	if (run->length == 0)
		return false;
	if (depth > 0)
		return !run->hole;
	return run->hole || run->length <= BLOB_SIZE_MAX;
}

/* Well formed; what its runs add up to, and whether there is a hole. */
static bool content_sum(
	const uint8_t *data, size_t size, unsigned *ret_depth, uint64_t *ret_length, bool *ret_hole)
{
	struct cursor c = cursor_of(data, size);
	struct content_run run;
	uint64_t length = 0;
	uint32_t count;

	*ret_hole = false;
	if (!read_head(&c, ret_depth, &count))
		return false;
	if (*ret_depth > 0 && count == 0)
		return false;
	for (; count > 0 && !c.failed; count--) {
		read_run(&c, &run);
		if (c.failed || !run_right(&run, *ret_depth) ||
			!INT_ADD(length, run.length, &length))
			return false;
		*ret_hole |= run.hole;
	}
	*ret_length = length;
	return cursor_done(&c) && length <= LENGTH_MAX;
}

bool content_right(const uint8_t *data, size_t size, bool file, uint64_t length)
{
	unsigned depth;
	uint64_t sum;
	bool hole;

	if (!content_sum(data, size, &depth, &sum, &hole))
		return false;
	return file ? sum == length : !hole;
}

size_t content_size(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(data, size);
	struct content_run run;
	unsigned depth;
	uint32_t count;

	if (!read_head(&c, &depth, &count))
		return SIZE_MAX;
	for (; count > 0 && !c.failed; count--)
		read_run(&c, &run);
	return c.failed ? SIZE_MAX : (size_t)(c.next - data);
}

/* --- writing --- */

void content_writer_init(struct content_writer *w, struct store *store)
{
	*w = (struct content_writer){.store = store};
}

static void writer_clear(struct content_writer *w)
{
	for (int d = 0; d <= TREE_DEPTH_MAX; d++) {
		bytes_clear(&w->levels[d]);
		w->counts[d] = 0;
		w->lengths[d] = 0;
	}
}

void content_writer_release(struct content_writer *w)
{
	for (int d = 0; d <= TREE_DEPTH_MAX; d++)
		bytes_release(&w->levels[d]);
	*w = (struct content_writer){0};
}

/* Append the content that the runs of level ${depth} are, and empty the level. */
static void close_level(struct content_writer *w, int depth, struct bytes *out)
{
	write_head(out, (unsigned)depth, w->counts[depth]);
	bytes_add(out, w->levels[depth].data, w->levels[depth].size);
	bytes_clear(&w->levels[depth]);
	w->counts[depth] = 0;
	w->lengths[depth] = 0;
}

static int writer_run(struct content_writer *w, int depth, const struct hash *id, uint64_t length,
	struct sherd_error *err);

/* The runs of a level become a list in the store and one run of the level above. */
static int level_to_list(struct content_writer *w, int depth, struct sherd_error *err)
{
	struct bytes list = BYTES_INIT;
	uint64_t length = w->lengths[depth];
	struct store_item item = {.type = BLOB_LIST};
	int r;

	close_level(w, depth, &list);
	item.data = list.data;
	item.size = (uint32_t)list.size;
	r = list.failed ? err_nomem(err) : store_add(w->store, &item, 1, err);
	bytes_release(&list);
	if (r)
		return r;
	return writer_run(w, depth + 1, &item.id, length, err); /* at most three levels */
}

static int writer_run(struct content_writer *w, int depth, const struct hash *id, uint64_t length,
	struct sherd_error *err)
{
	struct bytes *level = &w->levels[depth];
	int r;

	if (w->counts[depth] == TREE_RUNS_MAX) {
		if (depth == TREE_DEPTH_MAX)
			return err_set(err, SHERD_UNSUPPORTED, "a file of too many pieces");
		r = level_to_list(w, depth, err);
		if (r)
			return r;
	}
	if (length > LENGTH_MAX - w->lengths[depth])
		return err_set(err, SHERD_UNSUPPORTED, "a file of too many bytes");
	write_run(level, id, length);
	if (level->failed)
		return err_nomem(err);
	w->counts[depth]++;
	w->lengths[depth] += length;
	return 0;
}

int content_writer_data(
	struct content_writer *w, const struct hash *id, uint64_t length, struct sherd_error *err)
{
	assert(length >= 1 && length <= BLOB_SIZE_MAX);
	return writer_run(w, 0, id, length, err);
}

int content_writer_hole(struct content_writer *w, uint64_t length, struct sherd_error *err)
{
	assert(length >= 1);
	return writer_run(w, 0, NULL, length, err);
}

static bool nothing_above(const struct content_writer *w, int depth)
{
	for (int d = depth + 1; d <= TREE_DEPTH_MAX; d++)
		if (w->counts[d])
			return false;
	return true;
}

int content_writer_end(struct content_writer *w, struct bytes *out, struct sherd_error *err)
{
	int depth = 0;

	for (; !nothing_above(w, depth); depth++) {
		int r = w->counts[depth] ? level_to_list(w, depth, err) : 0;

		if (r) {
			writer_clear(w);
			return r;
		}
	}
	close_level(w, depth, out);
	writer_clear(w);
	return out->failed ? err_nomem(err) : 0;
}

/* --- reading --- */

/* Begin with a content that was found right; its runs add up to ${length}. */
static void enter(struct content_reader *r, const uint8_t *data, size_t size)
{
	unsigned depth;
	uint32_t count;
	struct cursor c = cursor_of(data, size);
	bool right = read_head(&c, &depth, &count);

	assert(right);
	r->level = (int)depth;
	r->levels[depth].cursor = c;
	r->levels[depth].left = count;
}

int content_reader_open(struct content_reader *r, struct store *store, const uint8_t *data,
	size_t size, struct sherd_error *err)
{
	unsigned depth;
	uint64_t length;
	bool hole;

	*r = (struct content_reader){.store = store};
	if (!content_sum(data, size, &depth, &length, &hole))
		return err_set(err, SHERD_CORRUPT, "a list of blobs is not what it must be");
	enter(r, data, size);
	r->top = (int)depth;
	return 0;
}

/* Lists are read only if they are sound, and then their runs are looked at as well. */
bool content_sound(struct store *store, const uint8_t *data, size_t size)
{
	struct content_reader r;
	struct content_run run;
	bool sound = content_reader_open(&r, store, data, size, NULL) == 0;

	r.sound_only = true;
	while (sound) {
		int code = content_reader_next(&r, &run, NULL);

		if (code == 0)
			break;
		sound = code == 1 && (run.hole || store_sound(store, &run.id));
	}
	content_reader_release(&r);
	return sound;
}

/* Fetch the list that ${run} of the present level is, and go into it. */
static int descend(struct content_reader *r, const struct content_run *run, struct sherd_error *err)
{
	int depth = r->level - 1;
	struct bytes *list = &r->levels[depth].owned;
	unsigned got_depth;
	uint64_t length;
	bool hole;
	int code;

	if (r->sound_only && !store_sound(r->store, &run->id))
		return err_set(err, SHERD_LOST, "a list of blobs has too few shares");
	code = store_read_bytes(r->store, BLOB_LIST, &run->id, list, err);
	if (code)
		return code;
	if (!content_sum(list->data, list->size, &got_depth, &length, &hole) ||
		(int)got_depth != depth || length != run->length)
		return err_set(err, SHERD_CORRUPT, "a list of blobs is not what it must be");
	enter(r, list->data, list->size);
	return 0;
}

int content_reader_next(struct content_reader *r, struct content_run *ret, struct sherd_error *err)
{
	for (;;) {
		int code;

		while (r->levels[r->level].left == 0) {
			if (r->level == r->top)
				return 0;
			r->level++;
		}
		r->levels[r->level].left--;
		read_run(&r->levels[r->level].cursor, ret);
		if (r->level == 0)
			return 1;
		code = descend(r, ret, err);
		if (code)
			return code;
	}
}

void content_reader_release(struct content_reader *r)
{
	for (int d = 0; d <= TREE_DEPTH_MAX; d++)
		bytes_release(&r->levels[d].owned);
	*r = (struct content_reader){0};
}
