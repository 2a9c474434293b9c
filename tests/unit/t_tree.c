/* SPDX-License-Identifier: MIT */
/*
 * t_tree.c - entries, parts, contents, folders and snapshot records: there and back, byte for byte
 * as docs/format.md says, and against bytes that nobody wrote.
 */
#include <repo/tree.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <base/alloc.h>
#include <repo/content.h>
#include <repo/tree_entry.h>
#include "ctlfix.h"

static const struct hash some_id = {{1, 2, 3, 4, 5}};

static void bytes_release_at(struct bytes *b)
{
	bytes_release(b);
}

/* An entry with every field; what it points to is static or in ${keep}. */
static struct tree_entry full_entry(struct bytes *content, struct bytes *xattrs)
{
	static const uint8_t unknown[] = {9, 0, 3, 0, 0, 0, 'n', 'e', 'w', 200, 1, 0, 0, 0, 0};

	content_write_one(content, &some_id, 77);
	tree_xattr_begin(xattrs);
	tree_xattr_add(xattrs, "user.a", "\0\1", 2);
	tree_xattr_add(xattrs, "user.b", NULL, 0);
	return (struct tree_entry){.type = TREE_FILE,
		.flags = TREE_FLAG_TORN,
		.mode = 04755,
		.uid = 1,
		.gid = 0xfffffffe,
		.links = 2,
		.mtime_s = -1,
		.mtime_ns = 999999999,
		.ctime_s = 5000000000,
		.ctime_ns = 7,
		.btime_s = 3,
		.btime_ns = 4,
		.has_btime = true,
		.has_link = true,
		.link_device = 5,
		.link_inode = 6,
		.length = 77,
		.inode = UINT64_MAX,
		.name = "n\xff",
		.name_size = 2,
		.content = content->data,
		.content_size = content->size,
		.xattrs = xattrs->data,
		.xattrs_size = xattrs->size,
		.owner = "root",
		.owner_size = 4,
		.group = "wheel",
		.group_size = 5,
		.unknown = unknown,
		.unknown_size = sizeof(unknown)};
}

static void write_part(struct bytes *out, const struct tree_entry *entries, uint32_t count)
{
	bytes_u16(out, 1);
	bytes_u16(out, 0);
	bytes_u32(out, count);
	for (uint32_t i = 0; i < count; i++)
		tree_entry_write(&entries[i], out);
}

static void read_one(const struct bytes *part, struct tree_entry *ret)
{
	struct tree_entry none;
	struct tree_part p;
	struct sherd_error err;

	if (tree_part_open(&p, part->data, part->size, &err) ||
		tree_part_next(&p, ret, &err) != 1 || tree_part_next(&p, &none, &err) != 0)
		fail_msg("%s", err.message);
}

static void assert_same_entry(const struct tree_entry *a, const struct tree_entry *b)
{
	CLEANUP(bytes_release_at) struct bytes x = BYTES_INIT;
	CLEANUP(bytes_release_at) struct bytes y = BYTES_INIT;

	tree_entry_write(a, &x);
	tree_entry_write(b, &y);
	assert_int_equal(x.size, y.size);
	assert_memory_equal(x.data, y.data, x.size);
}

static void entries_come_back(void **state)
{
	CLEANUP(bytes_release_at) struct bytes content = BYTES_INIT;
	CLEANUP(bytes_release_at) struct bytes xattrs = BYTES_INIT;
	CLEANUP(bytes_release_at) struct bytes part = BYTES_INIT;
	struct tree_entry e = full_entry(&content, &xattrs), got;
	struct tree_xattr x;
	struct cursor c;
	uint16_t count;
	size_t name_size;

	(void)state;
	write_part(&part, &e, 1);
	read_one(&part, &got);
	assert_same_entry(&e, &got);
	assert_int_equal(got.raw_size, part.size - 8);
	assert_memory_equal(got.raw, part.data + 8, got.raw_size);
	assert_int_equal(got.mtime_s, -1);
	assert_int_equal(got.btime_ns, 4);
	assert_int_equal(got.unknown_size, e.unknown_size);
	assert_memory_equal(tree_raw_name(got.raw, &name_size), "n\xff", 2);
	assert_int_equal(name_size, 2);
	assert_memory_equal(got.raw + tree_raw_content_at(2), content.data, content.size);
	assert_true(tree_xattr_open(got.xattrs, got.xattrs_size, &c, &count));
	assert_int_equal(count, 2);
	assert_true(tree_xattr_next(&c, &x));
	assert_memory_equal(x.name, "user.a", x.name_size);
	assert_memory_equal(x.value, "\0\1", 2);
	assert_true(tree_xattr_next(&c, &x));
	assert_int_equal(x.value_size, 0);
	assert_true(cursor_done(&c));
}

/* The page's fields, typed by hand. */
static void golden_bytes(void **state)
{
	static const uint8_t want[] = {1, 0, 0, 0, 1, 0, 0, 0,      /* part: one entry */
		82, 0, 0, 0, 3, 0, 0xff, 1, 2, 0, 0, 0, 3, 0, 0, 0, /* size, type, mode, uid, gid */
		1, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0,  /* links, mtime */
		0x20, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0,              /* ctime */
		0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0,     /* length, inode */
		2, 0, 2, 0, 'l', 'n',                               /* name, fields */
		2, 0, 2, 0, 0, 0, 't', 'o',                         /* target */
		5, 0, 6, 0, 0, 0, 'o', 'w', 'n', 'e', 'r', 's'};
	CLEANUP(bytes_release_at) struct bytes part = BYTES_INIT;
	const struct tree_entry e = {.type = TREE_SYMLINK,
		.mode = 0777,
		.uid = 2,
		.gid = 3,
		.links = 1,
		.mtime_s = 16,
		.mtime_ns = 5,
		.ctime_s = 32,
		.ctime_ns = 6,
		.inode = 9,
		.name = "ln",
		.name_size = 2,
		.target = "to",
		.target_size = 2,
		.owner = "owners",
		.owner_size = 6};

	(void)state;
	bytes_u16(&part, 1);
	bytes_u16(&part, 0);
	bytes_u32(&part, 1);
	tree_entry_write(&e, &part);
	assert_int_equal(part.size, sizeof(want));
	assert_memory_equal(part.data, want, sizeof(want));
}

/* Whatever the bytes are: an error, or entries that are right and are written again as they were.
 */
static void survive(const uint8_t *data, size_t size)
{
	struct tree_part p;
	struct tree_entry e;
	struct sherd_error err = {0};
	int r = tree_part_open(&p, data, size, &err);

	for (r = r ? r : 1; r == 1;) {
		CLEANUP(bytes_release_at) struct bytes again = BYTES_INIT;

		r = tree_part_next(&p, &e, &err);
		if (r != 1)
			break;
		tree_entry_write(&e, &again);
		assert_int_equal(again.size, e.raw_size);
		assert_memory_equal(again.data, e.raw, e.raw_size);
	}
	assert_true(r == 0 || r == SHERD_CORRUPT || r == SHERD_NEWER);
	assert_true(r == 0 || (err.code == r && err.message[0]));
}

static void every_cut_and_every_flip(void **state)
{
	CLEANUP(bytes_release_at) struct bytes content = BYTES_INIT;
	CLEANUP(bytes_release_at) struct bytes xattrs = BYTES_INIT;
	CLEANUP(bytes_release_at) struct bytes part = BYTES_INIT;
	struct tree_entry e[2] = {full_entry(&content, &xattrs)};

	(void)state;
	e[1] = (struct tree_entry){
		.type = TREE_BLOCK, .name = "z", .name_size = 1, .device_major = 8};
	write_part(&part, e, 2);
	for (size_t size = 0; size < part.size; size++) {
		CLEANUP(mem_free_at) uint8_t *cut = mem_array(size, 1); /* its end is guarded */
		struct tree_part p;
		struct tree_entry got;
		int r;

		if (size)
			memcpy(cut, part.data, size);
		r = tree_part_open(&p, cut, size, NULL);
		while (r == 0 && (r = tree_part_next(&p, &got, NULL)) == 1)
			r = 0;
		if (r == 0 && size >= 8 && p.left == 0)
			fail_msg("cut to %zu bytes and not seen", size);
		survive(cut, size);
	}
	for (size_t at = 0; at < part.size; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			part.data[at] ^= (uint8_t)(1u << bit);
			survive(part.data, part.size);
			part.data[at] ^= (uint8_t)(1u << bit);
		}
}

static void refuse(struct tree_entry *e, size_t at, uint8_t value)
{
	CLEANUP(bytes_release_at) struct bytes part = BYTES_INIT;
	struct tree_part p;
	struct tree_entry got;
	struct sherd_error err;

	write_part(&part, e, 1);
	assert_true(at < part.size);
	part.data[at] = value;
	assert_int_equal(tree_part_open(&p, part.data, part.size, &err), 0);
	assert_int_equal(tree_part_next(&p, &got, &err), SHERD_CORRUPT);
}

static void hostile_names(void **state)
{
	struct tree_entry e = {.type = TREE_FIFO, .name = ".x", .name_size = 2};
	const size_t name_at = 8 + TREE_RAW_NAME_AT;

	(void)state;
	refuse(&e, name_at + 1, '.');
	refuse(&e, name_at + 1, '/');
	refuse(&e, name_at + 1, 0);
	refuse(&e, name_at - 4, 0); /* no name */
	refuse(&e, name_at - 4, 3); /* longer than the entry */
	refuse(&e, name_at - 2, 1); /* a field too many */
	refuse(&e, 8 + 4, 0);       /* types */
	refuse(&e, 8 + 4, 8);
	refuse(&e, 8 + 4, TREE_FILE);  /* without a content */
	refuse(&e, 8 + 4, TREE_BLOCK); /* without a number */
	refuse(&e, 8 + 7, 0x10);       /* mode */
	refuse(&e, 8 + 23 + 8, 0xff);  /* nanoseconds, their last byte */
	e.name = ".";
	e.name_size = 1;
	assert_false(tree_name_allowed(".", 1));
	assert_false(tree_name_allowed("..", 2));
	assert_true(tree_name_allowed("...", 3));
	assert_false(tree_name_allowed("", 0));
}

static void names_must_ascend(void **state)
{
	CLEANUP(bytes_release_at) struct bytes part = BYTES_INIT;
	struct tree_entry e[2] = {{.type = TREE_FIFO, .name = "b", .name_size = 1},
		{.type = TREE_FIFO, .name = "b", .name_size = 1}};
	struct tree_part p;
	struct tree_entry got;
	struct sherd_error err;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		bytes_clear(&part);
		e[1].name = i ? "a" : "b";
		write_part(&part, e, 2);
		assert_int_equal(tree_part_open(&p, part.data, part.size, &err), 0);
		assert_int_equal(tree_part_next(&p, &got, &err), 1);
		assert_int_equal(tree_part_next(&p, &got, &err), SHERD_CORRUPT);
	}
	part.data[0] = 2;
	assert_int_equal(tree_part_open(&p, part.data, part.size, &err), SHERD_NEWER);
	part.data[0] = 0;
	assert_int_equal(tree_part_open(&p, part.data, part.size, &err), SHERD_CORRUPT);
}

static void contents_that_do_not_add_up(void **state)
{
	CLEANUP(bytes_release_at) struct bytes c = BYTES_INIT;

	(void)state;
	content_write_one(&c, &some_id, 77);
	assert_int_equal(c.size, CONTENT_ONE_SIZE);
	assert_memory_equal(c.data + CONTENT_ONE_ID, some_id.bytes, HASH_SIZE);
	assert_true(content_right(c.data, c.size, true, 77));
	assert_false(content_right(c.data, c.size, true, 78));
	assert_true(content_right(c.data, c.size, false, 0));
	assert_false(content_right(c.data, c.size - 1, true, 77));
	assert_int_equal(content_size(c.data, c.size), c.size);
	c.data[0] = 4; /* too deep */
	assert_false(content_right(c.data, c.size, false, 0));
	c.data[0] = 0;
	c.data[15] = 0x80; /* a hole has no id behind it */
	assert_false(content_right(c.data, c.size, true, 77));
	c.data[15] = 0;
	c.data[8] = 0; /* a run of nothing */
	assert_false(content_right(c.data, c.size, false, 0));
	c.data[8] = 77;
	c.data[11] = 1; /* a blob of 16 MiB */
	assert_false(content_right(c.data, c.size, false, 0));
	bytes_clear(&c);
	content_write_empty(&c);
	assert_true(content_right(c.data, c.size, true, 0));
	assert_false(content_right(c.data, c.size, true, 1));
}

/* --- with a store --- */

struct bench {
	struct ctlfix *fix;
	struct sherd_pool *pool;
	struct store *store;
};

static int setup(void **state)
{
	struct bench *b = test_calloc(1, sizeof(*b));
	struct store_write_options options = {0};
	struct sherd_error err;

	b->fix = ctlfix_new();
	b->pool = ctlfix_make(b->fix, "a", 3);
	if (store_open(b->pool, &(struct store_options){0}, &b->store, &err) ||
		store_begin(b->store, &options, &err))
		fail_msg("%s", err.message);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	store_free(b->store);
	sherd_pool_free(b->pool);
	ctlfix_free(b->fix);
	test_free(b);
	return 0;
}

static void commit(struct bench *b)
{
	struct sherd_error err;
	uint64_t seq;

	if (store_commit(b->store, NULL, 0, &seq, &err))
		fail_msg("%s", err.message);
}

static void long_contents_are_lists(void **state)
{
	struct bench *b = *state;
	CLEANUP(bytes_release_at) struct bytes out = BYTES_INIT;
	CLEANUP(bytes_release_at) struct bytes again = BYTES_INIT;
	const uint32_t runs = 3 * TREE_RUNS_MAX + 5;
	struct content_writer w;
	struct content_reader r;
	struct content_run run;
	struct sherd_error err;

	content_writer_init(&w, b->store);
	for (unsigned turn = 0; turn < 2; turn++) {
		for (uint32_t i = 0; i < runs; i++) {
			struct hash id = {{(uint8_t)i, (uint8_t)(i >> 8)}};
			int code = i % 3 ? content_writer_data(&w, &id, i % 1000 + 1, &err)
					 : content_writer_hole(&w, i + 1, &err);

			assert_int_equal(code, 0);
		}
		assert_int_equal(content_writer_end(&w, turn ? &again : &out, &err), 0);
	}
	content_writer_release(&w);
	assert_int_equal(out.size, again.size);
	assert_memory_equal(out.data, again.data, out.size);
	assert_int_equal(out.data[0], 1);
	assert_int_equal(out.data[4], 4);
	commit(b);
	assert_int_equal(content_reader_open(&r, b->store, out.data, out.size, &err), 0);
	for (uint32_t i = 0; i < runs; i++) {
		assert_int_equal(content_reader_next(&r, &run, &err), 1);
		assert_int_equal(run.hole, i % 3 == 0);
		assert_int_equal(run.length, i % 3 ? i % 1000 + 1 : i + 1);
		assert_true(run.hole || run.id.bytes[1] == (uint8_t)(i >> 8));
	}
	assert_int_equal(content_reader_next(&r, &run, &err), 0);
	content_reader_release(&r);
	assert_false(content_sound(b->store, out.data, out.size)); /* its blobs were never there */
}

/* A list that is not there: an error that says how much it stood for, and reading goes on. */
static void lost_lists_are_passed_over(void **state)
{
	struct bench *b = *state;
	CLEANUP(bytes_release_at) struct bytes c = BYTES_INIT;
	struct content_reader r;
	struct content_run run;
	struct sherd_error err;

	bytes_u32(&c, 1); /* depth 1 */
	bytes_u32(&c, 2);
	for (unsigned i = 0; i < 2; i++) {
		bytes_u64(&c, 1000 + i);
		bytes_add(&c, some_id.bytes, HASH_SIZE);
	}
	assert_int_equal(content_reader_open(&r, b->store, c.data, c.size, &err), 0);
	assert_int_equal(content_reader_next(&r, &run, &err), SHERD_NOTFOUND);
	assert_int_equal(run.length, 1000);
	assert_int_equal(content_reader_next(&r, &run, &err), SHERD_NOTFOUND);
	assert_int_equal(run.length, 1001);
	assert_int_equal(content_reader_next(&r, &run, &err), 0);
	content_reader_release(&r);
}

static struct bytes write_folder(struct bench *b, unsigned count, unsigned leave_out)
{
	CLEANUP(tree_writer_free_at) struct tree_writer *w = NULL;
	struct bytes content = BYTES_INIT;
	struct sherd_error err;

	assert_int_equal(tree_writer_new(b->store, &w, &err), 0);
	for (unsigned i = 0; i < count; i++) {
		char name[32];
		struct tree_entry e = {.type = TREE_FIFO, .name = name, .inode = i};

		snprintf(name, sizeof(name), "%06u", i);
		e.name_size = strlen(name);
		if (i != leave_out && tree_writer_add(w, &e, &err))
			fail_msg("%s", err.message);
	}
	if (tree_writer_end(w, &content, &err))
		fail_msg("%s", err.message);
	return content;
}

static void folders_come_back_in_parts(void **state)
{
	enum { count = 30000 };
	struct bench *b = *state;
	CLEANUP(bytes_release_at) struct bytes content = write_folder(b, count, count);
	CLEANUP(bytes_release_at) struct bytes again = write_folder(b, count, count);
	CLEANUP(bytes_release_at) struct bytes less = write_folder(b, count, 15000);
	CLEANUP(tree_reader_free_at) struct tree_reader *r = NULL;
	struct tree_entry e;
	struct sherd_error err;
	unsigned equal = 0, parts;

	assert_int_equal(content.size, again.size);
	assert_memory_equal(content.data, again.data, content.size);
	parts = content.data[4];
	assert_in_range(parts, 4, 40);
	for (size_t at = 8; at < content.size; at += CONTENT_RUN_SIZE)
		for (size_t other = 8; other < less.size; other += CONTENT_RUN_SIZE)
			equal +=
				memcmp(content.data + at, less.data + other, CONTENT_RUN_SIZE) == 0;
	assert_true(equal + 3 >= parts); /* a name less changes its part, and hardly another */
	commit(b);
	assert_int_equal(tree_reader_new(b->store, content.data, content.size, &r, &err), 0);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(tree_reader_next(r, &e, &err), 1);
		assert_int_equal(e.inode, i);
	}
	assert_int_equal(tree_reader_next(r, &e, &err), 0);
	assert_true(content_sound(b->store, content.data, content.size));
}

static void an_empty_folder(void **state)
{
	struct bench *b = *state;
	CLEANUP(bytes_release_at) struct bytes content = write_folder(b, 0, 0);
	CLEANUP(tree_reader_free_at) struct tree_reader *r = NULL;
	struct tree_entry e;
	struct sherd_error err;

	assert_int_equal(content.size, CONTENT_HEAD_SIZE);
	assert_int_equal(tree_reader_new(b->store, content.data, content.size, &r, &err), 0);
	assert_int_equal(tree_reader_next(r, &e, &err), 0);
}

/* --- snapshot records --- */

static struct bytes some_snapshot(struct bytes *root)
{
	static const struct snapshot_text texts[] = {{"/a", 2}, {"/b\xff", 3}, {"", 0}};
	struct bytes out = BYTES_INIT;
	struct snapshot_record s = {.flags = 1,
		.begun_ns = 1,
		.ended_ns = 2,
		.files = 3,
		.folders = 4,
		.others = 5,
		.bytes = 6,
		.bytes_new = 7,
		.bytes_packed = 8,
		.bytes_stored = 9,
		.parent = {1, 2},
		.host = {"host", 4},
		.user = {"user", 4},
		.name = {"", 0},
		.version = {"v", 1},
		.paths = texts,
		.path_count = 2,
		.tags = texts + 2,
		.tag_count = 1};

	content_write_one(root, &some_id, 9);
	s.root = root->data;
	s.root_size = root->size;
	snapshot_write(&s, &out);
	return out;
}

static void snapshots_come_back(void **state)
{
	CLEANUP(bytes_release_at) struct bytes root = BYTES_INIT;
	CLEANUP(bytes_release_at) struct bytes record = some_snapshot(&root);
	struct snapshot_record s;
	struct snapshot_text text;
	struct sherd_error err;
	struct cursor c;

	(void)state;
	assert_int_equal(snapshot_read(record.data, record.size, &s, &err), 0);
	assert_int_equal(s.flags, 1);
	assert_int_equal(s.root_size, root.size);
	assert_memory_equal(s.root, root.data, root.size);
	assert_int_equal(s.begun_ns, 1);
	assert_int_equal(s.bytes_stored, 9);
	assert_int_equal(s.parent[1], 2);
	assert_memory_equal(s.host.text, "host", 4);
	assert_int_equal(s.version.size, 1);
	assert_int_equal(s.path_count, 2);
	assert_int_equal(s.tag_count, 1);
	c = cursor_of(s.paths_raw, s.paths_raw_size);
	assert_true(snapshot_text_next(&c, &text) && text.size == 2);
	assert_true(snapshot_text_next(&c, &text) && memcmp(text.text, "/b\xff", 3) == 0);
	assert_true(cursor_done(&c));
}

static void snapshots_cut_and_flipped(void **state)
{
	CLEANUP(bytes_release_at) struct bytes root = BYTES_INIT;
	CLEANUP(bytes_release_at) struct bytes record = some_snapshot(&root);
	struct snapshot_record s;
	struct sherd_error err;

	(void)state;
	for (size_t size = 0; size < record.size; size++) {
		CLEANUP(mem_free_at) uint8_t *cut = mem_array(size, 1);

		if (size)
			memcpy(cut, record.data, size);
		assert_int_equal(snapshot_read(cut, size, &s, &err), SHERD_CORRUPT);
	}
	for (size_t at = 0; at < record.size; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			int r;

			record.data[at] ^= (uint8_t)(1u << bit);
			r = snapshot_read(record.data, record.size, &s, &err);
			assert_true(r == 0 || r == SHERD_CORRUPT || r == SHERD_NEWER);
			record.data[at] ^= (uint8_t)(1u << bit);
		}
	record.data[0] = 2;
	assert_int_equal(snapshot_read(record.data, record.size, &s, &err), SHERD_NEWER);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_back),
		cmocka_unit_test(golden_bytes),
		cmocka_unit_test(every_cut_and_every_flip),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(names_must_ascend),
		cmocka_unit_test(contents_that_do_not_add_up),
		TEST(long_contents_are_lists),
		TEST(lost_lists_are_passed_over),
		TEST(folders_come_back_in_parts),
		TEST(an_empty_folder),
		cmocka_unit_test(snapshots_come_back),
		cmocka_unit_test(snapshots_cut_and_flipped),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
