/* SPDX-License-Identifier: MIT */
/*
 * t_whole_hostile.c - snapshots made by somebody who has the keys and means ill, in a real pool:
 * bombs of attributes, names, lengths, lists and frames. A restore stays within its target and the
 * limit of bytes it was given, goes on with what is right, and takes a bounded amount of memory,
 * which is measured in a process of its own. (t_restore_hard.c has names that lead outside.)
 */
#include "wholefix.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include <base/bytes.h>
#include <base/intmath.h>
#include <pool/pool.h>
#include <repo/group.h>
#include <repo/repo.h>
#include <repo/store_inner.h>
#include <repo/tree.h>
#include "treefix.h"

#define MIB (1024L)                /* in KiB, as getrusage() tells */
#define RESTORE_MEMORY (200 * MIB) /* caches, buffers, and what is kept of hard links */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURED 0 /* what is freed is kept for a while, and all has a shadow */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MEASURED 0
#endif
#endif
#ifndef MEASURED
#define MEASURED 1
#endif

struct evil {
	struct whole *w;
	struct session s;
	char *target;
	struct bytes root;
	/* what the child tells, in memory that both have */
	struct told {
		struct sherd_restore_result result;
		int code;
		char message[SHERD_ERROR_SIZE];
		long kib; /* most memory, less what it began with */
		unsigned notes[SHERD_NOTE_DELETED + 1];
	} * told;
};

static void begin(struct evil *e)
{
	struct store_write_options options = {0};
	struct sherd_error err;

	*e = (struct evil){.w = whole_new(2, 3), .root = BYTES_INIT};
	e->told = mmap(
		NULL, sizeof(*e->told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(e->told != MAP_FAILED);
	e->target = strdup(treefix_path(e->w->scratch, "target"));
	treefix_text(e->w->scratch, "outside", "precious");
	session_open(e->w, "a", &e->s);
	assert_int_equal(store_begin(e->s.repo->store, &options, &err), 0);
}

static struct store *store_of(struct evil *e)
{
	return e->s.repo->store;
}

/* A snapshot of the root that was made. */
static void publish(struct evil *e)
{
	struct snapshot_record record = {.root = e->root.data,
		.root_size = e->root.size,
		.begun_ns = 1,
		.ended_ns = 2,
		.host = {"a", 1}};
	struct bytes out = BYTES_INIT;
	struct sherd_error err;
	uint64_t seq;

	snapshot_write(&record, &out);
	assert_false(out.failed);
	if (store_commit(store_of(e), out.data, out.size, &seq, &err))
		fail_msg("%s", err.message);
	bytes_release(&out);
	session_close(&e->s);
}

static long peak_kib(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

/* Restore it in a process of its own. */
static void restore(struct evil *e, uint64_t max_bytes)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		long before = peak_kib();
		struct sherd_restore_options options = {
			.target = e->target, .max_bytes = max_bytes};
		struct sherd_repo_hooks hooks = whole_hooks(e->w);
		const struct sherd_snapshot *list;
		struct sherd_error err = {0};
		size_t count;

		session_open(e->w, "a", &e->s);
		list = sherd_snapshots(e->s.repo, &count);
		e->told->code = count == 1 ? sherd_restore(e->s.repo, list, &options, &hooks,
						     &e->told->result, &err)
					   : SHERD_NOTFOUND;
		memcpy(e->told->message, err.message, sizeof(err.message));
		memcpy(e->told->notes, e->w->notes, sizeof(e->w->notes));
		e->told->kib = peak_kib() - before;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	print_message("# code %d, %llu files, %llu others, %llu lost, %ld MiB %s\n", e->told->code,
		(unsigned long long)e->told->result.files,
		(unsigned long long)e->told->result.others,
		(unsigned long long)e->told->result.lost, e->told->kib / MIB, e->told->message);
	if (MEASURED && e->told->kib > RESTORE_MEMORY)
		fail_msg("%ld KiB were taken", e->told->kib);
	assert_string_equal(treefix_read(e->w->scratch, "outside"), "precious");
}

static void end(struct evil *e)
{
	munmap(e->told, sizeof(*e->told));
	bytes_release(&e->root);
	free(e->target);
	whole_free(e->w);
}

/* An entry with content, to go on with after the evil one. */
static struct tree_entry good(struct evil *e, const char *name, struct bytes *content)
{
	struct tree_entry entry = treefix_entry(TREE_FILE, name);

	treefix_blob(store_of(e), "good", 4, content);
	entry.content = content->data;
	entry.content_size = content->size;
	entry.length = 4;
	return entry;
}

static void is_good(struct evil *e, const char *name)
{
	const char *text = treefix_read(e->target, name);

	assert_non_null(text);
	assert_string_equal(text, "good");
}

/* --- attributes --- */

/* As many and as large as the format bears; the kernel takes none or few of them. */
static void test_xattr_bomb(void **state)
{
	enum { many = 50000, large = 65537 };
	static const char big[large];
	struct evil e;
	struct bytes few = BYTES_INIT, lots = BYTES_INIT, content = BYTES_INIT;
	struct tree_entry entries[3];

	(void)state;
	begin(&e);
	tree_xattr_begin(&few);
	for (unsigned i = 0; i < 10; i++) {
		char name[16];

		snprintf(name, sizeof(name), "user.%05u", i);
		tree_xattr_add(&few, name, big, large);
	}
	tree_xattr_begin(&lots);
	for (unsigned i = 0; i < many; i++) {
		char name[16];

		snprintf(name, sizeof(name), "user.%05u", i);
		tree_xattr_add(&lots, name, "x", 1);
	}
	for (unsigned i = 0; i < 3; i++)
		entries[i] = good(&e, i == 0 ? "large" : i == 1 ? "many" : "none", &content);
	entries[0].xattrs = few.data;
	entries[0].xattrs_size = few.size;
	entries[1].xattrs = lots.data;
	entries[1].xattrs_size = lots.size;
	treefix_tree(store_of(&e), entries, 3, &e.root);
	publish(&e);
	restore(&e, 0);
	assert_int_equal(e.told->code, 0);
	assert_int_equal(e.told->result.files, 3);
	assert_true(e.told->result.attributes >= 1 && e.told->result.attributes <= 2);
	is_good(&e, "large");
	is_good(&e, "many");
	is_good(&e, "none");
	bytes_release(&few);
	bytes_release(&lots);
	bytes_release(&content);
	end(&e);
}

/* --- hard links --- */

/* More names of one file than most file systems allow. */
static void test_many_links(void **state)
{
	enum { many = 70000 };
	struct evil e;
	struct bytes content = BYTES_INIT;
	struct tree_writer *w;
	struct tree_entry entry;
	struct sherd_error err;
	char name[16] = "0";

	(void)state;
	begin(&e);
	entry = good(&e, name, &content);
	assert_int_equal(tree_writer_new(store_of(&e), &w, &err), 0);
	entry.links = 1000000;
	entry.has_link = true;
	entry.link_device = 5;
	entry.link_inode = 6;
	for (unsigned i = 0; i < many; i++) {
		snprintf(name, sizeof(name), "%06u", i);
		entry.name_size = strlen(name);
		assert_int_equal(tree_writer_add(w, &entry, &err), 0);
	}
	assert_int_equal(tree_writer_end(w, &e.root, &err), 0);
	tree_writer_free(w);
	publish(&e);
	restore(&e, 1000000);
	assert_int_equal(e.told->code, 0);
	assert_int_equal(e.told->result.files + e.told->result.lost, many);
	assert_int_equal(e.told->result.lost, 0);
	is_good(&e, "000000");
	is_good(&e, "069999");
	bytes_release(&content);
	end(&e);
}

/* First names of groups of which no other name ever comes, with the longest paths there can be:
 * what is kept of them has an end. */
static void test_links_to_nowhere(void **state)
{
	enum { many = 100000, deep = 13 };
	struct evil e;
	struct bytes content = BYTES_INIT, folder = BYTES_INIT;
	struct tree_entry entry = treefix_entry(TREE_FIFO, "x"), around;
	struct sherd_error err;
	struct tree_writer *w;
	char name[TREE_NAME_MAX + 1] = "0";

	(void)state;
	begin(&e);
	assert_int_equal(tree_writer_new(store_of(&e), &w, &err), 0);
	entry.links = 2;
	entry.has_link = true;
	entry.name = name;
	for (unsigned i = 0; i < many; i++) {
		snprintf(name, sizeof(name), "%06u", i);
		entry.name_size = strlen(name);
		entry.link_inode = i + 1;
		assert_int_equal(tree_writer_add(w, &entry, &err), 0);
	}
	bytes_clear(&folder);
	assert_int_equal(tree_writer_end(w, &folder, &err), 0);
	tree_writer_free(w);
	memset(name, 'n', TREE_NAME_MAX);
	name[TREE_NAME_MAX] = '\0';
	for (unsigned i = 0; i < deep; i++) {
		struct bytes outer = BYTES_INIT;

		around = treefix_entry(TREE_FOLDER, name);
		around.content = folder.data;
		around.content_size = folder.size;
		treefix_tree(store_of(&e), &around, 1, &outer);
		bytes_release(&folder);
		folder = outer;
	}
	e.root = folder;
	publish(&e);
	restore(&e, 1000000);
	assert_int_equal(e.told->code, 0);
	assert_int_equal(e.told->result.others, many);
	bytes_release(&content);
	end(&e);
}

/* --- lengths --- */

/* A content of a depth: so many times the same run. */
static void same_runs(
	struct bytes *out, unsigned depth, uint32_t runs, uint64_t length, const struct hash *id)
{
	bytes_clear(out);
	bytes_u8(out, (uint8_t)depth);
	bytes_u8(out, 0);
	bytes_u16(out, 0);
	bytes_u32(out, runs);
	for (uint32_t i = 0; i < runs; i++) {
		bytes_u64(out, length | (id ? 0 : UINT64_C(1) << 63));
		if (id)
			bytes_add(out, id->bytes, HASH_SIZE);
	}
	assert_false(out->failed);
}

static struct hash put(struct evil *e, enum blob_type type, const void *data, size_t size)
{
	struct store_item item = {.type = type, .data = data, .size = (uint32_t)size};
	struct sherd_error err;

	assert_int_equal(store_add(store_of(e), &item, 1, &err), 0);
	return item.id;
}

/*
 * A content in which one small blob stands so often that it is 2^45 bytes: a list of a list of a
 * list. Nobody is to write that, nor to keep it. ${liar}: the same, and says that it is 10 bytes.
 */
static uint64_t list_bomb(struct evil *e, struct bytes *content, struct bytes *liar)
{
	struct hash id = put(e, BLOB_DATA, "0123456789abcdef", 16);
	struct bytes list = BYTES_INIT;
	uint64_t length = 16;

	for (unsigned depth = 0; depth < TREE_DEPTH_MAX; depth++) {
		same_runs(&list, depth, TREE_RUNS_MAX, length, &id);
		id = put(e, BLOB_LIST, list.data, list.size);
		length *= TREE_RUNS_MAX;
	}
	same_runs(content, TREE_DEPTH_MAX, 4, length, &id);
	same_runs(liar, TREE_DEPTH_MAX, 1, 10, &id);
	bytes_release(&list);
	return 4 * length;
}

/* A list that has a hole of 2^62 bytes, and is said to be 10 bytes. */
static void hole_liar(struct evil *e, struct bytes *liar)
{
	struct bytes list = BYTES_INIT;
	struct hash id;

	same_runs(&list, 0, 1, UINT64_C(1) << 62, NULL);
	id = put(e, BLOB_LIST, list.data, list.size);
	same_runs(liar, 1, 1, 10, &id);
	bytes_release(&list);
}

/* Entries [first, end) of those that lie about lengths, and a right one behind them. */
static void restore_lengths(struct evil *e, unsigned first, unsigned last)
{
	static const char *const names[] = {
		"a true bomb", "b bomb that says 10", "c hole", "d hole that says 10"};
	struct bytes bytes[4] = {BYTES_INIT, BYTES_INIT, BYTES_INIT, BYTES_INIT};
	struct bytes content = BYTES_INIT;
	struct tree_entry entries[5];
	uint64_t length;

	begin(e);
	length = list_bomb(e, &bytes[0], &bytes[1]);
	assert_true(length > UINT64_C(1) << 40);
	same_runs(&bytes[2], 0, 1, UINT64_C(1) << 62, NULL);
	hole_liar(e, &bytes[3]);
	for (unsigned i = 0; i < 4; i++) {
		entries[i] = treefix_entry(TREE_FILE, names[i]);
		entries[i].length = i == 0 ? length : i == 2 ? UINT64_C(1) << 62 : 10;
		entries[i].content = bytes[i].data;
		entries[i].content_size = bytes[i].size;
	}
	entries[last] = good(e, "e good", &content);
	treefix_tree(store_of(e), entries + first, last + 1 - first, &e->root);
	publish(e);
	restore(e, 10000000);
	assert_true(e->told->result.bytes <= 10000000);
	for (unsigned i = 0; i < 4; i++)
		bytes_release(&bytes[i]);
	bytes_release(&content);
}

/* The limit that was given ends the work: what it is about is nowhere, not even in part. */
static void test_true_bomb(void **state)
{
	struct evil e;

	(void)state;
	restore_lengths(&e, 0, 1);
	assert_int_equal(e.told->code, SHERD_NOSPACE);
	assert_false(treefix_there(e.target, "a true bomb"));
	assert_int_equal(e.told->result.bytes, 0);
	end(&e);
}

/* Who lies is lost, and nobody else. */
static void test_lying_lengths(void **state)
{
	struct evil e;

	(void)state;
	restore_lengths(&e, 1, 4);
	assert_int_equal(e.told->code, 0);
	assert_false(treefix_there(e.target, "b bomb that says 10"));
	assert_false(treefix_there(e.target, "d hole that says 10"));
	/* The true hole takes no bytes: there are file systems that bear it. */
	assert_int_equal(e.told->result.lost + e.told->result.files + e.told->result.refused, 4);
	assert_int_equal(e.told->notes[SHERD_NOTE_LOST], e.told->result.lost);
	assert_true(e.told->result.lost >= 2);
	is_good(&e, "e good");
	end(&e);
}

/* --- frames --- */

/* A frame of zeros, many times as long as what the group says. */
static size_t make_frame(uint8_t *out, size_t room, unsigned window, uint64_t zeros)
{
	static const uint8_t nothing[1 << 20];
	ZSTD_CCtx *context = ZSTD_createCCtx();
	ZSTD_outBuffer to = {out, room, 0};

	assert_non_null(context);
	ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, (int)window);
	for (uint64_t done = 0; done < zeros; done += sizeof(nothing)) {
		ZSTD_inBuffer from = {nothing, sizeof(nothing), 0};
		bool last = done + sizeof(nothing) >= zeros;

		assert_false(ZSTD_isError(ZSTD_compressStream2(
			context, &to, &from, last ? ZSTD_e_end : ZSTD_e_continue)));
	}
	ZSTD_freeCCtx(context);
	return to.pos;
}

static void test_frame_bomb(void **state)
{
	enum { room = 1 << 20, says = 4096 };
	uint8_t *sealed = malloc(room), *plain = malloc(4 << 20);
	uint8_t nonce[POOL_NONCE_SIZE] = {1};
	struct bytes scratch = BYTES_INIT;
	struct group_keys keys;
	struct sherd_error err;
	struct evil e;
	long before;

	(void)state;
	begin(&e);
	assert_int_equal(group_keys_init(&keys, e.s.pool, 1, nonce, &err), 0);
	for (unsigned window = 20; window <= 27; window += 7) {
		size_t coded = make_frame(
			sealed + AEAD_NONCE_SIZE, room - AEAD_OVERHEAD, window, UINT64_C(2) << 30);
		struct group_place g = {.type = BLOB_DATA,
			.codec = GROUP_ZSTD,
			.plain = says,
			.sealed = (uint32_t)(coded + AEAD_OVERHEAD)};

		assert_int_equal(group_seal(&keys, &g, NULL, sealed, &err), 0);
		memset(plain, 0xa5, 2 * says);
		before = peak_kib();
		assert_int_equal(
			group_open(&keys, &g, sealed, plain, &scratch, &err), SHERD_CORRUPT);
		assert_true(!MEASURED || peak_kib() - before < 8 * MIB);
		for (size_t i = says; i < 2 * says; i++)
			assert_int_equal(plain[i], 0xa5);
	}
	/* And one that says that it is longer than any is: nothing is even taken for it. */
	for (uint8_t type = 0; type < 20; type++) {
		struct group_place g = {
			.type = type, .codec = GROUP_ZSTD, .plain = UINT32_MAX, .sealed = 1000};

		before = peak_kib();
		assert_int_equal(
			group_open(&keys, &g, sealed, plain, &scratch, &err), SHERD_CORRUPT);
		assert_true(!MEASURED || peak_kib() - before < MIB);
	}
	group_keys_wipe(&keys);
	bytes_release(&scratch);
	store_abort(store_of(&e));
	session_close(&e.s);
	free(sealed);
	free(plain);
	end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xattr_bomb),
		cmocka_unit_test(test_many_links),
		cmocka_unit_test(test_links_to_nowhere),
		cmocka_unit_test(test_true_bomb),
		cmocka_unit_test(test_lying_lengths),
		cmocka_unit_test(test_frame_bomb),
	};

	return cmocka_run_group_tests_name("whole_hostile", tests, NULL, NULL);
}
