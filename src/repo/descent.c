/* SPDX-License-Identifier: MIT */
/*
 * descent.c - a level whose reader was closed remembers the last name it gave: names ascend, so a
 * new reader skips what is not behind it.
 */
#include <repo/descent.h>

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>

struct descent_level {
	struct bytes content;
	struct tree_reader *reader; /* NULL: not open (yet, or any more) */
	bool resumed;               /* the reader was opened again: skip names up to `last` */
	bool given;                 /* `last` holds a name */
	uint8_t last_size;
	char last[TREE_NAME_MAX];
};

static_assert(TREE_NAME_MAX <= UINT8_MAX, "a name's length fits");

void descent_init(struct descent *d, struct store *store)
{
	*d = (struct descent){.store = store};
}

void descent_release(struct descent *d)
{
	while (d->depth)
		descent_pop(d);
	mem_free(d->levels);
	d->levels = NULL;
	d->room = 0;
}

bool descent_gone(int code)
{
	switch (code) {
	case SHERD_LOST:
	case SHERD_QUORUM:
	case SHERD_CORRUPT:
	case SHERD_MISMATCH:
	case SHERD_NOTFOUND:
	case SHERD_NEWER:
	case SHERD_TOOFEW:
	case SHERD_TIMEOUT:
	case SHERD_OFFLINE:
		return true;
	default:
		return false;
	}
}

static bool grow(struct descent *d)
{
	size_t room = d->room ? d->room * 2 : 16;
	struct descent_level *levels;

	if (d->depth < d->room)
		return true;
	levels = mem_array(room, sizeof(*levels));
	if (!levels)
		return false;
	if (d->depth)
		memcpy(levels, d->levels, d->depth * sizeof(*levels));
	mem_free(d->levels);
	d->levels = levels;
	d->room = room;
	return true;
}

static void close_reader(struct descent_level *level)
{
	tree_reader_free(level->reader);
	level->reader = NULL;
	level->resumed = level->given;
}

int descent_push(struct descent *d, const uint8_t *content, size_t size, struct sherd_error *err)
{
	struct descent_level *level;

	if (size > DESCENT_MEMORY_MAX - d->memory)
		return err_set(err, SHERD_LOST, "folders are nested too deep");
	if (!grow(d))
		return err_nomem(err);
	level = &d->levels[d->depth];
	*level = (struct descent_level){.content = BYTES_INIT};
	bytes_add(&level->content, content, size);
	if (level->content.failed) {
		bytes_release(&level->content);
		return err_nomem(err);
	}
	d->memory += size;
	d->depth++;
	if (d->depth > DESCENT_OPEN_MAX)
		close_reader(&d->levels[d->depth - 1 - DESCENT_OPEN_MAX]);
	return 0;
}

void descent_pop(struct descent *d)
{
	struct descent_level *level;

	assert(d->depth);
	level = &d->levels[--d->depth];
	d->memory -= level->content.size;
	tree_reader_free(level->reader);
	bytes_release(&level->content);
}

/* Whether the name is not behind the last one that was given. */
static bool was_given(const struct descent_level *level, const struct tree_entry *e)
{
	size_t size = INT_MIN_OF(level->last_size, e->name_size);
	int order = memcmp(e->name, level->last, size);

	return order < 0 || (order == 0 && e->name_size <= level->last_size);
}

int descent_next(struct descent *d, struct tree_entry *ret, struct sherd_error *err)
{
	struct descent_level *level = &d->levels[d->depth - 1];
	int r;

	assert(d->depth);
	if (!level->reader) {
		r = tree_reader_new(
			d->store, level->content.data, level->content.size, &level->reader, err);
		if (r)
			return r;
	}
	do {
		r = tree_reader_next(level->reader, ret, err);
		if (r != 1)
			return r;
	} while (level->resumed && was_given(level, ret));
	level->resumed = false;
	level->given = true;
	level->last_size = (uint8_t)ret->name_size;
	memcpy(level->last, ret->name, ret->name_size);
	return 1;
}
