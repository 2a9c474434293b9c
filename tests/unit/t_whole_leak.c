/* SPDX-License-Identifier: MIT */
/*
 * t_whole_leak.c - what places learn. Nothing that was saved, nor what it is called, nor who saved
 * it stands in clear in any object at any place or in an object's name; shares have the sizes of
 * the ladder. And with a random source that stands still, two copies of one device never seal two
 * contents under one key and nonce.
 */
#include "wholefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/intmath.h>
#include <crypt/aead.h>
#include <pool/share.h>
#include "treefix.h"

/* --- what must not be seen --- */

enum { needles_max = 64, needle_max = 512, distinct = 1357911 };

struct needles {
	struct {
		uint8_t bytes[needle_max];
		size_t size;
		char what[64];
	} one[needles_max];
	size_t count;
	uint64_t objects, found;
	unsigned m;
};

static void hide(struct needles *n, const char *what, const void *bytes, size_t size)
{
	assert_true(n->count < needles_max && size <= needle_max && size >= 4);
	memcpy(n->one[n->count].bytes, bytes, size);
	n->one[n->count].size = size;
	snprintf(n->one[n->count++].what, sizeof(n->one[0].what), "%s", what);
}

static void hide_text(struct needles *n, const char *text)
{
	hide(n, text, text, strlen(text));
}

static bool search(void *context, const char *name, const uint8_t *bytes, uint64_t size)
{
	struct needles *n = context;

	n->objects++;
	for (size_t i = 0; i < n->count; i++)
		if (memmem(bytes, (size_t)size, n->one[i].bytes, n->one[i].size) ||
			memmem(name, strlen(name), n->one[i].bytes, n->one[i].size)) {
			print_error("'%s' stands in '%s'\n", n->one[i].what, name);
			n->found++;
		}
	return true;
}

static bool is_of_the_ladder(void *context, const char *name, const uint8_t *bytes, uint64_t size)
{
	struct needles *n = context;

	(void)bytes;
	if (strncmp(name, "packs/", 6) != 0)
		return true;
	for (uint32_t s = POOL_SHARE_SIZE_MIN; s <= POOL_SHARE_SIZE_MAX; s *= 2)
		if (ladder_ok(s) && size == share_head_size(n->m, s) + (uint64_t)s)
			return true;
	fail_msg("'%s' has %llu bytes", name, (unsigned long long)size);
	return false;
}

/* Text over and over, as it is compressed or not. */
static void repeat(const char *folder, const char *name, const char *text, size_t size)
{
	char *data = malloc(size);

	for (size_t i = 0; i < size; i++)
		data[i] = text[i % strlen(text)];
	treefix_file(folder, name, data, size);
	free(data);
}

#define CONTENT "a line of the diary, nobody's business\n"

static void make_tree(struct needles *n, const char *tree)
{
	uint8_t size[8];

	assert_int_equal(mkdir(tree, 0755), 0);
	treefix_text(tree, "distinct-file-name", "distinct content of a small file");
	repeat(tree, "another-name", CONTENT, distinct);
	assert_int_equal(mkdir(treefix_path(tree, "distinct-folder"), 0700), 0);
	assert_int_equal(symlink("distinct/target/of/a/link", treefix_path(tree, "alink")), 0);
	hide_text(n, "distinct-file-name");
	hide_text(n, "distinct content");
	hide_text(n, "another-name");
	hide_text(n, "distinct-folder");
	hide_text(n, "distinct/target");
	hide_text(n, "nobody's business");
	hide_text(n, tree);
	hide_text(n, "1357911");
	for (unsigned i = 0; i < 8; i++)
		size[i] = (uint8_t)((uint64_t)distinct >> 8 * i);
	hide(n, "the size of a file", size, sizeof(size));
}

/* The pool's keys as they are, and the kit's secret lines. */
static void hide_secrets(struct needles *n, struct whole *w, struct sherd_pool *pool)
{
	struct crypt_key key;
	const char *line = w->f->text;
	unsigned lines = 0;

	hide(n, "the content key", keyring_content(pool->ring), CRYPT_KEY_SIZE);
	for (int which = POOL_KEY_ID; which <= POOL_KEY_NAME; which++) {
		pool_content_key(pool, (enum pool_content_key)which, &key);
		hide(n, "a key of ids, names or cuts", key.bytes, CRYPT_KEY_SIZE);
	}
	hide(n, "the secrets of the device", pool->secrets, CRYPT_KEY_SIZE);
	/* "    1  abcd efgh ijkl mnop qrst  uv": as it is, and the letters alone. */
	for (; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		char letters[32];
		size_t count = 0;

		if (strncmp(line, "    ", 4) != 0 || line[5] != ' ' || line[6] != ' ')
			continue;
		for (const char *at = line + 7; at[0] != ' ' || at[1] != ' '; at++)
			if (*at != ' ')
				letters[count++] = *at;
		hide(n, "letters of the kit", letters, count);
		hide(n, "a line of the kit", line + 7, count);
		lines++;
	}
	assert_true(lines >= 6);
}

static void save(struct session *s, const char *tree, int compression, bool again)
{
	const char *paths[] = {tree}, *tags[] = {"distinct-tag"};
	struct sherd_backup_options options = {.paths = paths,
		.path_count = 1,
		.tags = tags,
		.tag_count = 1,
		.name = "distinct-snapshot",
		.user = "distinct-user",
		.version = "distinct-version",
		.no_scan = 1,
		.force_read = again,
		.compression = compression};
	struct sherd_backup_result result;
	struct sherd_error err;

	if (sherd_backup(s->repo, &options, NULL, &result, &err))
		fail_msg("%s", err.message);
}

static void leak(unsigned k, unsigned places, int compression)
{
	struct whole *w =
		whole_new_named(k, places, "distinct-pool", "distinct-host", "distinct-place");
	struct needles *n = calloc(1, sizeof(*n));
	char *tree = strdup(treefix_path(w->source, "distinct-root"));
	struct session s;

	assert_non_null(n);
	n->m = places;
	make_tree(n, tree);
	hide_text(n, CTLFIX_PASSPHRASE);
	hide_text(n, "a label");
	hide_text(n, "distinct-snapshot");
	hide_text(n, "distinct-user");
	hide_text(n, "distinct-version");
	hide_text(n, "distinct-tag");
	hide_text(n, "distinct-pool");
	hide_text(n, "distinct-host");
	hide_text(n, "distinct-place");
	hide_text(n, "mem:");
	session_open(w, "a", &s);
	hide_secrets(n, w, s.pool);
	save(&s, tree, compression, false);
	treefix_text(tree, "distinct-file-name", "distinct content, changed");
	save(&s, tree, compression, true);
	session_close(&s);
	for (unsigned i = 0; i < places; i++) {
		place_mem_each(w->f->store[i], search, n);
		place_mem_each(w->f->store[i], is_of_the_ladder, n);
	}
	print_message("# %zu secrets, %llu objects\n", n->count, (unsigned long long)n->objects);
	assert_true(n->objects >= 8 * places && n->count > 20);
	assert_int_equal(n->found, 0);
	/* The search does find: what is meant to be in clear is. */
	n->count = 0;
	hide_text(n, "sherd-place 1");
	for (unsigned i = 0; i < places; i++)
		place_mem_each(w->f->store[i], search, n);
	assert_int_equal(n->found, places);
	free(tree);
	free(n);
	whole_free(w);
}

static void test_nothing_in_clear(void **state)
{
	(void)state;
	leak(2, 3, 0);
	leak(1, 2, -1); /* copies, not compressed: the least that is done to the bytes */
	leak(3, 5, -1);
}

/* --- no two contents under one key and nonce --- */

enum { seals_max = 20000 };

struct seals {
	struct seal {
		struct crypt_key key;
		uint8_t nonce[AEAD_NONCE_SIZE];
		struct hash what;
		unsigned run;
	} * seal;
	size_t count;
	unsigned run, same_keys, same_seals, broken;
};

static void witness(void *context, const struct crypt_key *key,
	const uint8_t nonce[AEAD_NONCE_SIZE], const struct hash *what)
{
	struct seals *s = context;

	for (size_t i = 0; i < s->count; i++) {
		const struct seal *old = &s->seal[i];

		if (memcmp(&old->key, key, sizeof(*key)) != 0)
			continue;
		s->same_keys += old->run != s->run;
		if (memcmp(old->nonce, nonce, AEAD_NONCE_SIZE) != 0)
			continue;
		s->same_seals++;
		s->broken += !hash_equal(&old->what, what);
	}
	assert_true(s->count < seals_max);
	s->seal[s->count].key = *key;
	memcpy(s->seal[s->count].nonce, nonce, AEAD_NONCE_SIZE);
	s->seal[s->count].what = *what;
	s->seal[s->count++].run = s->run;
}

/* Trees alike in all but a little, so that lengths and numbers of groups are the same. */
static char *make_variant(struct whole *w, unsigned variant)
{
	char name[32];
	char *tree;

	snprintf(name, sizeof(name), "variant %u", variant);
	tree = strdup(treefix_path(w->source, name));
	assert_int_equal(mkdir(tree, 0755), 0);
	for (unsigned i = 0; i < 40; i++) {
		uint8_t data[5000];

		for (size_t j = 0; j < sizeof(data); j++)
			data[j] = (uint8_t)((j * (i + 3) + i) * 2654435761u >> 11);
		data[17] = (uint8_t)(data[17] + variant);
		snprintf(name, sizeof(name), "file %u", i);
		treefix_file(tree, name, data, sizeof(data));
	}
	return tree;
}

static void frozen_run(
	struct whole *w, struct seals *s, const char *device, unsigned variant, int compression)
{
	char *tree = make_variant(w, variant);
	struct session session;
	const char *paths[] = {tree};
	struct sherd_backup_options options = {
		.paths = paths, .path_count = 1, .no_scan = 1, .compression = compression};
	struct sherd_backup_result result;
	struct sherd_error err;
	int r;

	s->run++;
	session_open(w, device, &session);
	w->f->freeze = w->f->freeze_clock = true;
	aead_set_witness(witness, s);
	r = sherd_backup(session.repo, &options, NULL, &result, &err);
	/* A device that sees that it is a copy says so, and goes on under a new incarnation. */
	if (r == SHERD_ROLLBACK)
		r = sherd_backup(session.repo, &options, NULL, &result, &err);
	if (r)
		fail_msg("%s, run %u: %s", device, s->run, err.message);
	aead_set_witness(NULL, NULL);
	w->f->freeze = w->f->freeze_clock = false;
	session_close(&session);
	free(tree);
}

static void frozen(int compression)
{
	struct whole *w = whole_make(2, 3, 1);
	struct seals s = {.seal = calloc(seals_max, sizeof(*s.seal))};
	struct place_mem_store *before[3];

	assert_non_null(s.seal);
	ctlfix_copy(w->f, "a", "b");
	ctlfix_copy(w->f, "a", "c");
	for (unsigned i = 0; i < 3; i++)
		before[i] = whole_copy(w->f->store[i]);
	frozen_run(w, &s, "a", 1, compression);
	/* One that sees what the first did, and one that is shown the past as well. */
	frozen_run(w, &s, "b", 2, compression);
	for (unsigned i = 0; i < 3; i++) {
		whole_bring_back(w, i, before[i]);
		place_mem_store_unref(before[i]);
	}
	frozen_run(w, &s, "c", 3, compression);
	frozen_run(w, &s, "c", 4, compression);
	print_message("# %zu seals, %u under keys of an earlier run, %u twice the same\n", s.count,
		s.same_keys, s.same_seals);
	assert_true(s.count >= 12);
	assert_true(s.same_keys > 10); /* chance did stand still */
	assert_int_equal(s.broken, 0);
	free(s.seal);
	whole_free(w);
}

static void test_frozen_randomness(void **state)
{
	(void)state;
	frozen(0);
	frozen(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_in_clear),
		cmocka_unit_test(test_frozen_randomness),
	};

	return cmocka_run_group_tests_name("whole_leak", tests, NULL, NULL);
}
