/* SPDX-License-Identifier: MIT */
/*
 * t_restore_hard.c - restoring against enemies: hostile trees, a target that changes under the
 * restore's hands, and a system in which each call fails in turn. Outside of the target nothing may
 * change; under a real name nothing may stand that is not whole.
 */
#include "faultenv.h"
#include "memstore.h"
#include "treecmp.h"
#include "treefix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>

struct fixture {
	struct memstore m;
	char *canary; /* must not change; the target is in it */
	char *outside, *target;
	struct sherd_restore_options options;
	struct sherd_restore_result result;
	struct sherd_error err;
	struct sherd_repo_hooks hooks;
	unsigned notes[SHERD_NOTE_DELETED + 1];
	struct bytes scratch;
};

static int note(void *context, const struct sherd_note *n)
{
	struct fixture *f = context;

	f->notes[n->kind]++;
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memstore_open(&f->m);
	f->canary = treefix_folder();
	f->outside = strdup(treefix_path(f->canary, "outside"));
	f->target = strdup(treefix_path(f->canary, "target"));
	assert_int_equal(mkdir(f->outside, 0755), 0);
	assert_int_equal(mkdir(f->target, 0755), 0);
	treefix_text(f->outside, "file", "precious");
	f->options.target = f->target;
	f->hooks = (struct sherd_repo_hooks){.note = note, .context = f};
	*state = f;
	return 0;
}

static void check_outside(struct fixture *f)
{
	struct dirent **names;
	int count = scandir(f->outside, &names, NULL, alphasort);

	assert_int_equal(count, 3);
	assert_string_equal(names[2]->d_name, "file");
	assert_string_equal(treefix_read(f->outside, "file"), "precious");
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
	count = scandir(f->canary, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		assert_true(names[i]->d_name[0] == '.' ||
			    strcmp(names[i]->d_name, "outside") == 0 ||
			    strncmp(names[i]->d_name, "target", 6) == 0);
		free(names[i]);
	}
	free(names);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	check_outside(f);
	memstore_close(&f->m);
	treefix_remove(f->canary);
	bytes_release(&f->scratch);
	free(f->outside);
	free(f->target);
	free(f);
	return 0;
}

static int restore(struct fixture *f)
{
	unsigned open_before = faultenv_descriptors();
	int r;

	memset(f->notes, 0, sizeof(f->notes));
	r = sherd_restore(f->m.repo, f->m.snapshots, &f->options, &f->hooks, &f->result, &f->err);
	assert_int_equal(faultenv_descriptors(), open_before);
	return r;
}

static void restore_well(struct fixture *f)
{
	if (restore(f) != 0)
		fail_msg("%s", f->err.message);
}

static struct store *store_of(struct fixture *f)
{
	return f->m.repo->store;
}

/* --- hostile trees --- */

/* A part of entries whose names are put in by force, behind the writer's back. */
static void raw_part(struct fixture *f, const struct tree_entry *entries, size_t count,
	const char *const *names, struct bytes *content)
{
	struct bytes part = BYTES_INIT;

	bytes_u16(&part, 1);
	bytes_u16(&part, 0);
	bytes_u32(&part, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		size_t at = part.size;

		tree_entry_write(&entries[i], &part);
		assert_false(part.failed);
		/* the name stands behind 4 + 60 bytes */
		memcpy(part.data + at + 64, names[i], entries[i].name_size);
	}
	treefix_raw(store_of(f), part.data, part.size, content);
	bytes_release(&part);
}

static void hostile_name(struct fixture *f, enum tree_type type, const char *good, const char *bad)
{
	struct tree_entry e = treefix_entry(type, good);
	struct bytes content = BYTES_INIT;

	e.name_size = strlen(good);
	if (type == TREE_SYMLINK) {
		e.target = "/tmp";
		e.target_size = 4;
	} else if (type == TREE_FOLDER) {
		treefix_tree(store_of(f), NULL, 0, &content);
	} else {
		treefix_blob(store_of(f), "evil", 4, &content);
		e.length = 4;
	}
	e.content = content.data;
	e.content_size = content.size;
	raw_part(f, &e, 1, &bad, &f->m.roots[0]);
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	assert_true(restore(f) < 0 || f->result.lost + f->result.refused > 0);
	assert_int_equal(f->result.files + f->result.others, 0);
	bytes_release(&content);
	check_outside(f);
}

static void test_hostile_names(void **state)
{
	static const enum tree_type types[] = {TREE_FILE, TREE_FOLDER, TREE_SYMLINK};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		hostile_name(f, types[i], "xx", "..");
		hostile_name(f, types[i], "x", ".");
		hostile_name(f, types[i], "x", "/");
		hostile_name(f, types[i], "xxxxxxxxxxxxxxx", "../outside/file");
		hostile_name(f, types[i], "xxxxxxxxxx", "/tmp/evil1");
		hostile_name(f, types[i], "xxxx", "a\0b");
	}
}

/* A link, and a folder of the same name with a file in it: what a follower would write outside. */
static void test_link_then_folder(void **state)
{
	struct fixture *f = *state;
	struct tree_entry e[2] = {
		treefix_entry(TREE_SYMLINK, "a"), treefix_entry(TREE_FOLDER, "b")};
	struct tree_entry in = treefix_entry(TREE_FILE, "file");
	struct bytes file = BYTES_INIT, folder = BYTES_INIT;
	static const char *const twice[] = {"a", "a"}, *const backwards[] = {"b", "a"};

	treefix_blob(store_of(f), "evil", 4, &file);
	in.content = file.data;
	in.content_size = file.size;
	in.length = 4;
	treefix_tree(store_of(f), &in, 1, &folder);
	e[0].target = f->outside;
	e[0].target_size = strlen(f->outside);
	e[1].content = folder.data;
	e[1].content_size = folder.size;
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	raw_part(f, e, 2, twice, &f->m.roots[0]);
	(void)restore(f);
	assert_true(f->result.lost > 0);
	check_outside(f);
	raw_part(f, e, 2, backwards, &f->m.roots[0]);
	(void)restore(f);
	assert_true(f->result.lost > 0);
	check_outside(f);
	/* the link is in the target from before */
	(void)unlink(treefix_path(f->target, "a"));
	(void)unlink(treefix_path(f->target, "b"));
	assert_int_equal(symlink(f->outside, treefix_path(f->target, "b")), 0);
	for (int rule = SHERD_OVERWRITE_NEVER; rule <= SHERD_OVERWRITE_ALWAYS; rule++) {
		f->options.overwrite = (enum sherd_overwrite)rule;
		treefix_tree(store_of(f), &e[1], 1, &f->m.roots[0]);
		restore_well(f);
		check_outside(f);
	}
	bytes_release(&file);
	bytes_release(&folder);
}

static void test_huge_lengths(void **state)
{
	static const uint64_t lengths[] = {1ull << 40, (1ull << 63) - 1, 1ull << 62};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		struct tree_entry e[2] = {
			treefix_entry(TREE_FILE, "huge"), treefix_entry(TREE_FILE, "small")};
		struct content_writer w;
		struct bytes content = BYTES_INIT, small = BYTES_INIT;
		struct stat there;

		content_writer_init(&w, store_of(f));
		assert_int_equal(content_writer_hole(&w, lengths[i], NULL), 0);
		assert_int_equal(content_writer_end(&w, &content, NULL), 0);
		content_writer_release(&w);
		treefix_blob(store_of(f), "1", 1, &small);
		e[0].content = content.data;
		e[0].content_size = content.size;
		e[0].length = lengths[i];
		e[1].content = small.data;
		e[1].content_size = small.size;
		e[1].length = 1;
		treefix_tree(store_of(f), e, 2, &f->m.roots[0]);
		f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
		f->options.max_bytes = 100;
		f->options.no_sparse = 0;
		f->options.verify = 1;
		restore_well(f);
		assert_string_equal(treefix_read(f->target, "small"), "1");
		/* a file that the file system can hold is there; another is told */
		if (f->result.files == 2) {
			assert_int_equal(lstat(treefix_path(f->target, "huge"), &there), 0);
			assert_int_equal(there.st_size, lengths[i]);
			assert_true(there.st_blocks < 64);
		} else {
			assert_int_equal(f->result.refused, 1);
		}
		f->options.no_sparse = 1;
		assert_int_equal(restore(f), SHERD_NOSPACE);
		bytes_release(&content);
		bytes_release(&small);
	}
}

/* Folders in folders; at the bottom a file. */
static void make_deep(struct fixture *f, unsigned depth, struct bytes *content)
{
	struct bytes below = BYTES_INIT;
	struct tree_entry e = treefix_entry(TREE_FILE, "bottom");

	treefix_blob(store_of(f), "deep", 4, content);
	e.length = 4;
	for (unsigned i = 0; i <= depth; i++) {
		struct bytes swap;

		e.content = content->data;
		e.content_size = content->size;
		treefix_tree(store_of(f), &e, 1, &below);
		swap = *content;
		*content = below;
		below = swap;
		e = treefix_entry(TREE_FOLDER, "folder-of-some-length");
	}
	bytes_release(&below);
}

static void test_deep(void **state)
{
	enum { DEPTH = 5000 };
	struct fixture *f = *state;
	int at, next;
	char text[5] = "";

	make_deep(f, DEPTH, &f->m.roots[0]);
	for (int round = 0; round < 2; round++) {
		*f->m.threads = round;
		restore_well(f);
		assert_int_equal(f->result.lost + f->result.refused, 0);
		assert_int_equal(
			round ? f->result.same : f->result.folders + f->result.files, DEPTH + 1);
	}
	at = open(f->target, O_RDONLY | O_DIRECTORY);
	for (unsigned i = 0; i < DEPTH; i++) {
		struct stat there;

		next = openat(at, "folder-of-some-length", O_RDONLY | O_DIRECTORY);
		assert_true(next >= 0);
		close(at);
		at = next;
		assert_int_equal(fstat(at, &there), 0);
		assert_int_equal(there.st_mode & 07777, 0755);
		assert_int_equal(there.st_mtim.tv_sec, 1000000000);
	}
	next = openat(at, "bottom", O_RDONLY);
	assert_int_equal(read(next, text, 4), 4);
	assert_string_equal(text, "deep");
	close(next);
	close(at);
}

/* More levels than are kept open, and something to do in each on the way back. */
static void test_deep_comb(void **state)
{
	enum { DEPTH = 300 };
	struct fixture *f = *state;
	struct bytes below = BYTES_INIT, file = BYTES_INIT, content = BYTES_INIT;

	treefix_blob(store_of(f), "tooth", 5, &file);
	treefix_tree(store_of(f), NULL, 0, &below);
	for (unsigned i = 0; i < DEPTH; i++) {
		struct tree_entry e[4] = {treefix_entry(TREE_FILE, "a"),
			treefix_entry(TREE_FOLDER, "f"), treefix_entry(TREE_SYMLINK, "s"),
			treefix_entry(TREE_FILE, "z")};

		e[0].content = e[3].content = file.data;
		e[0].content_size = e[3].content_size = file.size;
		e[0].length = e[3].length = 5;
		e[0].has_link = e[3].has_link = i % 3 == 0;
		e[0].links = e[3].links = i % 3 ? 1 : 2;
		e[0].link_inode = e[3].link_inode = i + 1;
		e[1].content = below.data;
		e[1].content_size = below.size;
		e[2].target = "a";
		e[2].target_size = 1;
		treefix_tree(store_of(f), e, 4, &content);
		bytes_clear(&below);
		bytes_add(&below, content.data, content.size);
	}
	bytes_add(&f->m.roots[0], below.data, below.size);
	for (int threads = 0; threads < 2; threads++) {
		*f->m.threads = threads;
		f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
		restore_well(f);
		assert_int_equal(f->result.lost + f->result.refused + f->result.attributes, 0);
		assert_int_equal(f->result.files, 2 * DEPTH);
		assert_int_equal(f->result.others, DEPTH);
	}
	bytes_release(&below);
	bytes_release(&file);
	bytes_release(&content);
}

/* Names that are one name for the file system cannot be had here; a name that comes meanwhile can:
 * neither overwrites the other. */
static void put_in_the_way(void *context)
{
	struct fixture *f = context;

	treefix_text(f->target, "in/late", "theirs");
}

static void test_late_entry_stays(void **state)
{
	struct fixture *f = *state;
	struct tree_entry in = treefix_entry(TREE_FILE, "late");
	struct tree_entry e = treefix_entry(TREE_FOLDER, "in");
	struct bytes file = BYTES_INIT, folder = BYTES_INIT;

	treefix_blob(store_of(f), "ours", 4, &file);
	in.content = file.data;
	in.content_size = file.size;
	in.length = 4;
	treefix_tree(store_of(f), &in, 1, &folder);
	e.content = folder.data;
	e.content_size = folder.size;
	treefix_tree(store_of(f), &e, 1, &f->m.roots[0]);
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	assert_int_equal(mkdir(treefix_path(f->target, "in"), 0700), 0);
	memstore_hook(&f->m, put_in_the_way, f);
	/* it was not there when the folder was read: the hook comes with the file's data */
	assert_int_equal(unlink(treefix_path(f->target, "in/late")), -1);
	(void)restore(f);
	memstore_hook(&f->m, NULL, NULL);
	assert_string_equal(
		treefix_read(f->target, "in/late"), f->result.skipped ? "theirs" : "ours");
	bytes_release(&file);
	bytes_release(&folder);
}

/* --- a target that changes --- */

struct swapper {
	struct fixture *fixture;
	atomic_bool stop;
	atomic_ulong rounds;
};

/* Swap the folder for a link that leads outside, and back. */
static void *swap(void *context)
{
	struct swapper *s = context;
	char folder[4096], aside[4096], link[4096];

	snprintf(folder, sizeof(folder), "%s/d", s->fixture->target);
	snprintf(aside, sizeof(aside), "%s/aside", s->fixture->target);
	snprintf(link, sizeof(link), "%s/link", s->fixture->target);
	if (symlink(s->fixture->outside, link) != 0)
		return NULL;
	while (!atomic_load(&s->stop)) {
		if (rename(folder, aside) == 0) {
			(void)rename(link, folder);
			atomic_fetch_add(&s->rounds, 1);
			(void)rename(folder, link);
			(void)rename(aside, folder);
		}
	}
	return NULL;
}

static void test_swapped_folder(void **state)
{
	struct fixture *f = *state;
	struct swapper s = {.fixture = f};
	struct tree_entry e[20], d = treefix_entry(TREE_FOLDER, "d"),
				 inner = treefix_entry(TREE_FOLDER, "e");
	struct bytes file = BYTES_INIT, folder = BYTES_INIT, outer = BYTES_INIT;
	char names[20][8];
	pthread_t thread;

	treefix_blob(store_of(f), "evil", 4, &file);
	for (size_t i = 0; i < 20; i++) {
		snprintf(names[i], sizeof(names[i]), "f%02zu", i);
		e[i] = treefix_entry(i % 5 ? TREE_FILE : TREE_SYMLINK, names[i]);
		if (i % 5 == 0) {
			e[i].target = "file";
			e[i].target_size = 4;
			continue;
		}
		e[i].content = file.data;
		e[i].content_size = file.size;
		e[i].length = 4;
	}
	treefix_tree(store_of(f), e, 20, &folder);
	inner.content = folder.data;
	inner.content_size = folder.size;
	treefix_tree(store_of(f), &inner, 1, &outer);
	d.content = outer.data;
	d.content_size = outer.size;
	treefix_tree(store_of(f), &d, 1, &f->m.roots[0]);
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	f->options.delete_extra = 1;
	restore_well(f);
	assert_int_equal(pthread_create(&thread, NULL, swap, &s), 0);
	for (unsigned i = 0; i < 3000 && (i < 300 || atomic_load(&s.rounds) < 2000); i++) {
		*f->m.threads = i & 1;
		(void)sherd_restore(f->m.repo, f->m.snapshots, &f->options, NULL, &f->result, NULL);
		if (i % 100 == 0)
			check_outside(f);
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
	print_message("# %lu swaps\n", atomic_load(&s.rounds));
	check_outside(f);
	bytes_release(&file);
	bytes_release(&folder);
	bytes_release(&outer);
}

/* --- a system that fails --- */

/* Every regular file in the folder is whole, and nothing temporary is left. */
static void check_whole(const char *folder, unsigned *temporaries)
{
	struct dirent **names;
	int count = scandir(folder, &names, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		const char *name = names[i]->d_name;
		struct stat there;
		char *path;

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			path = strdup(treefix_path(folder, name));
			assert_int_equal(lstat(path, &there), 0);
			if (strncmp(name, ".sherd-", 7) == 0)
				++*temporaries;
			else if (S_ISDIR(there.st_mode))
				check_whole(path, temporaries);
			else if (S_ISREG(there.st_mode))
				assert_string_equal(treefix_read(folder, name), name);
			free(path);
		}
		free(names[i]);
	}
	if (count >= 0)
		free(names);
}

/* Files hold their own names; one of each kind, and what a rule replaces. */
static void make_small(struct fixture *f)
{
	char *source = treefix_folder();

	assert_int_equal(mkdir(treefix_path(source, "folder"), 0755), 0);
	treefix_text(source, "folder/inner", "inner");
	treefix_text(source, "file", "file");
	treefix_text(source, "replaced", "replaced");
	assert_int_equal(symlink("file", treefix_path(source, "link")), 0);
	assert_int_equal(mkfifo(treefix_path(source, "pipe"), 0600), 0);
	assert_int_equal(mkdir(treefix_path(source, "names"), 0755), 0);
	treefix_text(source, "names/one", "one");
	(void)setxattr(treefix_path(source, "names/one"), "user.x", "y", 1, 0);
	treefix_text(source, "names/two", "two");
	assert_int_equal(link(treefix_path(source, "pipe"), treefix_path(source, "names/pipe")), 0);
	treefix_save(store_of(f), source, &f->m.roots[0]);
	treefix_remove(source);
}

static void fresh_target(struct fixture *f)
{
	char *old = f->target;
	static unsigned number;
	char name[32];

	snprintf(name, sizeof(name), "target%u", number++);
	treefix_remove(old);
	f->target = strdup(treefix_path(f->canary, name));
	assert_int_equal(mkdir(f->target, 0755), 0);
	treefix_text(f->target, "replaced", "replaced");
	treefix_text(f->target, "extra", "extra");
	f->options.target = f->target;
}

static void sweep(struct fixture *f, int error, bool go_on, bool plain)
{
	unsigned long n;

	for (n = 1; n < 2000; n++) {
		struct faultenv fault;
		unsigned temporaries = 0;
		int r;

		fresh_target(f);
		faultenv_init(&fault);
		fault.fail_at = n;
		fault.fail_on = go_on;
		fault.error = error;
		fault.no_flags = plain ? EINVAL : 0;
		fault.no_link = plain && (n & 1) ? EPERM : 0;
		*f->m.env = &fault.env;
		r = restore(f);
		*f->m.env = env_system();
		check_whole(f->target, &temporaries);
		if (!faultenv_struck(&fault)) {
			assert_int_equal(r, 0);
			assert_int_equal(f->result.refused + f->result.attributes, 0);
			break;
		}
		if (fault.struck != FAULTENV_UNLINKAT && !go_on && temporaries)
			fail_msg("call %lu (%s): a temporary file is left", n,
				faultenv_name(fault.struck));
		/* Closing, and looking for ACLs, may fail unheard. */
		if (r == 0 && error != ENOSYS && !(plain && fault.struck == FAULTENV_LINKAT) &&
			fault.struck != FAULTENV_CLOSE && fault.struck != FAULTENV_FGETXATTR &&
			fault.struck != FAULTENV_FREMOVEXATTR && fault.struck != FAULTENV_OPENAT2 &&
			fault.struck != FAULTENV_GETDENTS && fault.struck != FAULTENV_LSEEK &&
			fault.struck != FAULTENV_FSTAT && fault.struck != FAULTENV_UNLINKAT &&
			fault.struck != FAULTENV_FCHMOD &&
			f->result.refused + f->result.attributes + f->result.skipped == 0)
			fail_msg("call %lu (%s) failed unheard", n, faultenv_name(fault.struck));
	}
	print_message("# %lu calls\n", n);
	assert_in_range(n, 50, 1999);
}

static void test_faults(void **state)
{
	struct fixture *f = *state;

	make_small(f);
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	f->options.verify = 1;
	sweep(f, EIO, false, false);
	sweep(f, ENOSPC, false, false);
	sweep(f, EACCES, false, false);
	sweep(f, ENOSPC, true, false);
	sweep(f, ENOSYS, false, false);
	sweep(f, EIO, false, true);
}

static void test_no_space(void **state)
{
	struct fixture *f = *state;
	struct faultenv fault;

	make_small(f);
	faultenv_init(&fault);
	fault.kind = FAULTENV_PWRITEV;
	fault.fail_at = 2;
	fault.error = ENOSPC;
	*f->m.env = &fault.env;
	assert_int_equal(restore(f), SHERD_NOSPACE);
	*f->m.env = env_system();
	assert_non_null(strstr(f->err.message, "'/"));
	assert_int_equal(f->err.os_errno, ENOSPC);
	/* one file's trouble is not the end */
	faultenv_init(&fault);
	fault.kind = FAULTENV_PWRITEV;
	fault.fail_at = 2;
	fault.error = EFBIG;
	*f->m.env = &fault.env;
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	restore_well(f);
	*f->m.env = env_system();
	assert_int_equal(f->result.refused, 1);
	assert_int_equal(f->notes[SHERD_NOTE_REFUSED], 1);
}

static void test_old_kernel(void **state)
{
	struct fixture *f = *state;
	struct faultenv fault;

	make_small(f);
	faultenv_init(&fault);
	fault.kind = FAULTENV_OPENAT2;
	fault.fail_at = 1;
	fault.fail_on = true;
	fault.error = ENOSYS;
	*f->m.env = &fault.env;
	for (int round = 0; round < 2; round++) {
		f->options.overwrite = round ? SHERD_OVERWRITE_ALWAYS : SHERD_OVERWRITE_NEVER;
		restore_well(f);
		assert_int_equal(f->result.refused + f->result.lost + f->result.attributes, 0);
	}
	*f->m.env = env_system();
	assert_true(faultenv_struck(&fault));
	assert_string_equal(treefix_read(f->target, "names/one"), "one");
}

static void test_memory_fails(void **state)
{
	struct fixture *f = *state;
	unsigned long n, all;

	make_small(f);
	f->options.overwrite = SHERD_OVERWRITE_ALWAYS;
	fresh_target(f);
	mem_fail_at(0);
	restore_well(f);
	all = mem_fail_at(0);
	assert_in_range(all, 20, 5000);
	for (n = 1; n <= all; n++) {
		unsigned temporaries = 0;
		int r;

		fresh_target(f);
		mem_fail_at(n);
		r = restore(f);
		mem_fail_at(0);
		check_whole(f->target, &temporaries);
		assert_int_equal(temporaries, 0);
		if (r != SHERD_NOMEM && r != 0)
			fail_msg("allocation %lu: %d %s", n, r, f->err.message);
		/* Listing a folder may do without. */
		if (r == 0)
			assert_int_equal(f->result.lost, 0);
	}
}

static void test_readback_differs(void **state)
{
	struct fixture *f = *state;
	struct faultenv fault;

	make_small(f);
	f->options.verify = 1;
	faultenv_init(&fault);
	fault.kind = FAULTENV_PREADV;
	fault.fail_at = 1;
	fault.error = EIO;
	*f->m.env = &fault.env;
	restore_well(f);
	*f->m.env = env_system();
	assert_int_equal(f->result.refused, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hostile_names),
		TEST(test_link_then_folder),
		TEST(test_huge_lengths),
		TEST(test_deep),
		TEST(test_deep_comb),
		TEST(test_late_entry_stays),
		TEST(test_swapped_folder),
		TEST(test_faults),
		TEST(test_no_space),
		TEST(test_old_kernel),
		TEST(test_memory_fails),
		TEST(test_readback_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
