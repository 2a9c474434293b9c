/* SPDX-License-Identifier: MIT */
/*
 * t_whole_replay.c - everything that was ever written, shown again as something else. Places show
 * each object of a pool, and each of another pool, under the name of every other position: another
 * kind, device, seq, epoch, slot. A device then finds an error, or exactly what it found before;
 * nobody's word is believed at a place where it was not given. Within packs: a blob of one type is
 * no blob of another, a group no group of another number, type or pack.
 */
#include "wholefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <base/hex.h>
#include <base/intmath.h>
#include <repo/repo.h>
#include <repo/store_inner.h>
#include <repo/tree.h>
#include "treefix.h"

enum { places = 3, state_size = 4096, objects_max = 256 };

struct object {
	char name[PLACE_NAME_MAX + 1];
	uint8_t *data;
	size_t size;
};

struct stage {
	struct whole *w;
	struct place_mem_store *right[places];
	struct object object[objects_max]; /* of all places, of this pool and of the other */
	size_t count, own;
	char expected[state_size]; /* what the device "a" sees */
	char newcomer[state_size]; /* what a new one sees */
	unsigned shown, refused;
};

/* --- what a device sees, as text --- */

struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(t->at, t->left, format, arguments);
	va_end(arguments);
	assert_true(n >= 0 && (size_t)n < t->left);
	t->at += n;
	t->left -= (size_t)n;
}

static void say_id(struct text *t, const uint8_t *id, size_t size)
{
	char hex[2 * 32 + 1];

	hex_of(id, size, hex);
	say(t, "%s ", hex);
}

static void describe(struct session *s, char *out)
{
	struct text t = {out, state_size};
	struct sherd_pool_info info;
	size_t count;
	const struct sherd_place_info *place = sherd_pool_places(s->pool, 0, &count);
	const struct sherd_device_info *device;
	const struct sherd_snapshot *snapshot;

	sherd_pool_info(s->pool, &info);
	say_id(&t, info.id, sizeof(info.id));
	say(&t, "%s k %u m %u epoch %u seq %llu fresh %d\n", info.name, info.k, info.m, info.epoch,
		(unsigned long long)info.seq, sherd_pool_fresh(s->pool));
	for (size_t i = 0; i < count; i++) {
		say_id(&t, place[i].id, 16);
		say(&t, "%u %s %s\n", place[i].number, place[i].name, place[i].url);
	}
	device = sherd_pool_devices(s->pool, &count);
	for (size_t i = 0; i < count; i++) {
		/* A new one is another one each time. */
		if (strncmp(device[i].host, "clone", 5) == 0)
			continue;
		say_id(&t, device[i].id, 16);
		say_id(&t, device[i].incarnation, 16);
		say(&t, "%s rights %u head %llu\n", device[i].host, device[i].rights,
			(unsigned long long)device[i].head_seq);
	}
	snapshot = sherd_snapshots(s->repo, &count);
	for (size_t i = 0; i < count; i++) {
		say_id(&t, snapshot[i].id, 32);
		say(&t, "%s\n", snapshot[i].host);
	}
}

/* --- the stage --- */

static void small_tree(const char *tree, unsigned number)
{
	char text[64];

	assert_int_equal(mkdir(tree, 0755), 0);
	snprintf(text, sizeof(text), "text of tree %u", number);
	treefix_text(tree, "file", text);
	treefix_text(tree, text, "its name tells");
}

static void save(struct session *s, unsigned number)
{
	char *tree = strdup(whole_tree(s->w, number));
	struct sherd_backup_result result;
	struct sherd_error err;

	small_tree(tree, number);
	if (whole_backup(s, tree, &result, &err))
		fail_msg("%s", err.message);
	free(tree);
}

static void gather(struct stage *g, struct place_mem_store *store, const char *prefix)
{
	struct names n = names_of(store, prefix);

	for (size_t i = 0; i < n.count; i++) {
		bool known = false;

		for (size_t j = 0; j < g->count; j++)
			known = known || strcmp(g->object[j].name, n.name[i]) == 0;
		if (known)
			continue;
		assert_true(g->count < objects_max);
		memcpy(g->object[g->count].name, n.name[i], sizeof(n.name[i]));
		g->object[g->count].data = whole_bytes(store, n.name[i], &g->object[g->count].size);
		g->count++;
	}
	names_free(&n);
}

/* Another pool, with a place of its own, of the same passphrase and name. */
static void other_pool(struct stage *g)
{
	struct session s;
	struct ctlfix *f = g->w->f;
	struct sherd_error err;

	assert_int_equal(ctlfix_try_init(f, "other", false, &err), 0);
	s.pool = ctlfix_open(f, "other");
	for (unsigned i = places; i < places + 2; i++)
		ctlfix_add(s.pool, i);
	sherd_pool_free(s.pool);
	session_open(g->w, "other", &s);
	save(&s, 8);
	session_close(&s);
}

static void newcomer(struct stage *g, char *out, int *ret_code)
{
	char device[32];
	struct session s = {.w = g->w};
	struct sherd_repo_options options = {.threads = 1};
	struct sherd_error err;

	snprintf(device, sizeof(device), "clone%u", g->w->next++);
	*ret_code = ctlfix_try_clone(g->w->f, device, 1, &s.pool, &err);
	if (!*ret_code)
		*ret_code = sherd_repo_open(s.pool, &options, &s.repo, &err);
	if (!*ret_code)
		describe(&s, out);
	session_close(&s);
	ctlfix_remove(g->w->f, device);
}

static void bring_back(struct stage *g)
{
	for (unsigned i = 0; i < places; i++)
		whole_bring_back(g->w, i, g->right[i]);
}

static struct stage *stage_new(void)
{
	struct stage *g = calloc(1, sizeof(*g));
	struct session a, b;
	int code;

	assert_non_null(g);
	g->w = whole_new(2, places);
	session_open(g->w, "a", &a);
	save(&a, 0);
	save(&a, 1);
	session_close(&a);
	b = (struct session){.w = g->w, .pool = ctlfix_clone(g->w->f, "b", 0)};
	sherd_pool_free(b.pool);
	session_open(g->w, "b", &b);
	save(&b, 2);
	session_close(&b);
	session_open(g->w, "a", &a);
	save(&a, 3);
	describe(&a, g->expected);
	session_close(&a);
	session_open(g->w, "a", &a);
	session_close(&a);
	for (unsigned i = 0; i < places; i++) {
		g->right[i] = whole_copy(g->w->f->store[i]);
		gather(g, g->right[i], "");
	}
	g->own = g->count;
	other_pool(g);
	gather(g, g->w->f->store[places], "");
	newcomer(g, g->newcomer, &code);
	assert_int_equal(code, 0);
	assert_string_equal(g->expected, g->newcomer);
	bring_back(g);
	return g;
}

static void stage_free(struct stage *g)
{
	for (unsigned i = 0; i < places; i++)
		place_mem_store_unref(g->right[i]);
	for (size_t i = 0; i < g->count; i++)
		free(g->object[i].data);
	whole_free(g->w);
	free(g);
}

/* --- the play --- */

/* All places show what they do. A device that knows the pool, and one that does not, see the same,
 * or an error. */
static void look(struct stage *g, const char *what, const char *as)
{
	char seen[state_size];
	struct session s;
	struct sherd_error err;
	int code;

	ctlfix_copy(g->w->f, "a", "copy");
	code = session_try(g->w, "copy", &s, &err);
	if (!code) {
		describe(&s, seen);
		if (strcmp(seen, g->expected) != 0)
			fail_msg("'%s' shown as '%s' changed\n%s\nto\n%s", what, as, g->expected,
				seen);
		session_close(&s);
	}
	g->refused += code != 0;
	newcomer(g, seen, &code);
	if (!code && strcmp(seen, g->newcomer) != 0)
		fail_msg("'%s' shown to a new device as '%s' changed\n%s\nto\n%s", what, as,
			g->newcomer, seen);
	g->refused += code != 0;
	g->shown += 2;
}

static bool is_record(const char *name)
{
	return strncmp(name, "packs/", 6) != 0 && strcmp(name, "sherd-place") != 0;
}

/* The name of that object's position, with the hash of other bytes. */
static void name_at(char *out, const struct object *position, const struct object *bytes)
{
	const char *dash = strrchr(position->name, '-');
	char hex[2 * 32 + 1];
	struct iovec part = hash_part(bytes->data, bytes->size);
	struct hash hash;

	hash_sha256(&part, 1, &hash);
	hex_of(hash.bytes, 16, hex);
	snprintf(out, PLACE_NAME_MAX + 1, "%.*s-%s", (int)(dash - position->name), position->name,
		hex);
}

/* The position's seq (or epoch) is another: it is the number in hex before the last '-', or for
 * slots before the last '/'. */
static void move_seq(char *name, int by)
{
	char *end = strncmp(name, "keys/", 5) == 0 ? strrchr(name, '/') : strrchr(name, '-');
	int digits = strncmp(name, "keys/", 5) == 0 ? 8 : 16;
	char text[17];
	unsigned long long seq;

	memcpy(text, end - digits, (size_t)digits);
	text[digits] = '\0';
	seq = strtoull(text, NULL, 16) + (unsigned long long)by;
	snprintf(text, sizeof(text), "%0*llx", digits, seq);
	memcpy(end - digits, text, (size_t)digits);
}

static void show_everywhere(struct stage *g, const char *name, const struct object *o)
{
	for (unsigned i = 0; i < places; i++)
		whole_set(g->w->f->store[i], name, o->data, o->size);
}

/* Beside all that is right, each record stands at each other position, and a step further. */
static void test_records_at_other_positions(void **state)
{
	struct stage *g = stage_new();

	(void)state;
	for (size_t from = 0; from < g->count; from++) {
		if (!is_record(g->object[from].name) && from < g->own)
			continue;
		for (size_t at = 0; at < g->own; at++) {
			char name[PLACE_NAME_MAX + 1], last[PLACE_NAME_MAX + 1] = "";

			if (!is_record(g->object[at].name))
				continue;
			for (int by = 0; by < 2; by++) {
				name_at(name, &g->object[at], &g->object[from]);
				if (by)
					move_seq(name, by);
				if (strcmp(name, g->object[from].name) == 0)
					continue;
				show_everywhere(g, name, &g->object[from]);
				snprintf(last, sizeof(last), "%s", name);
			}
			/* Several of them at one time: it would not be seen which, but that. */
			if (at % 4 == 3 || at + 1 == g->own) {
				look(g, g->object[from].name, last);
				bring_back(g);
			}
		}
		look(g, g->object[from].name, "all that were left");
		bring_back(g);
	}
	print_message("# %u looks, %u of them refused\n", g->shown, g->refused);
	stage_free(g);
}

/* Whatever has another's name, instead of it: records of this pool, and the other pool's. */
static void test_objects_instead_of_others(void **state)
{
	struct stage *g = stage_new();

	(void)state;
	for (size_t at = 0; at < g->own; at++) {
		if (strncmp(g->object[at].name, "packs/", 6) == 0)
			continue;
		for (size_t from = 0; from < g->count; from += 1 + from % 3) {
			if (from == at)
				continue;
			/* One place, so that the others can say what is right; then all. */
			whole_set(g->w->f->store[at % places], g->object[at].name,
				g->object[from].data, g->object[from].size);
			look(g, g->object[from].name, g->object[at].name);
			bring_back(g);
		}
	}
	print_message("# %u looks, %u of them refused\n", g->shown, g->refused);
	stage_free(g);
}

/* All that the other pool wrote, under its own names, beside or instead of what is ours. */
static void test_all_of_another_pool(void **state)
{
	struct stage *g = stage_new();
	const char *urls[] = {"mem:1"};
	struct sherd_clone_options options = {.places = urls, .place_count = 1, .host = "new"};
	char seen[state_size];
	struct sherd_pool *pool;
	struct sherd_error err;
	struct session s;
	uint8_t id[16];
	size_t count;

	(void)state;
	for (size_t i = g->own; i < g->count; i++)
		if (strcmp(g->object[i].name, "sherd-place") != 0)
			show_everywhere(g, g->object[i].name, &g->object[i]);
	look(g, "all of another pool", "itself");
	assert_int_equal(g->refused, 0);
	bring_back(g);
	for (unsigned i = 0; i < places; i++)
		whole_bring_back(g->w, i, g->w->f->store[places]);
	/* None of its places is there: the device knows what it knew, and that it knows no more. */
	session_open(g->w, "a", &s);
	assert_int_equal(sherd_pool_fresh(s.pool), 0);
	describe(&s, seen);
	(void)sherd_snapshots(s.repo, &count);
	assert_int_equal(count, 0);
	assert_memory_equal(seen, g->expected, 2 * sizeof(id));
	session_close(&s);
	/* Who knows the pool's id is not led to another. */
	assert_int_equal(hex_parse(g->expected, 32, id), 0);
	options.pool = ctlfix_options(g->w->f, "new");
	options.pool.id = id;
	assert_int_equal(sherd_pool_clone(&options, &pool, &err), SHERD_MISMATCH);
	stage_free(g);
}

/* --- within packs --- */

/* The id and type of each blob of a pack, from its own table. */
struct blob {
	struct hash id;
	uint8_t type;
};

static size_t blobs_of(struct store *s, const struct pool_ref *ref, struct blob *out, size_t room,
	struct group_place *groups, size_t *ret_groups)
{
	struct bytes table = BYTES_INIT;
	struct table_reader r;
	struct group_place place;
	struct sherd_error err;
	uint32_t blobs, size;
	size_t count = 0;

	*ret_groups = 0;
	assert_int_equal(reader_table(s->reader, ref, &table, &err), 0);
	table_open(&r, table.data, table.size, ref_payload(ref));
	while (table_next_group(&r, &place, &blobs, &err) == 1) {
		groups[(*ret_groups)++] = place;
		while (blobs-- > 0) {
			assert_true(count < room);
			assert_int_equal(table_next_blob(&r, &out[count].id, &size, &err), 1);
			out[count++].type = place.type;
		}
		assert_int_equal(table_next_blob(&r, &out[count].id, &size, &err), 0);
	}
	bytes_release(&table);
	return count;
}

static void refuse_group(struct store *s, const struct pool_ref *ref, const struct group_place *g)
{
	struct bytes out = BYTES_INIT;
	struct sherd_error err;

	if (reader_group(s->reader, ref, g, &out, &err) != SHERD_CORRUPT)
		fail_msg("group of type %u, number %u, codec %u was taken", g->type, g->number,
			g->codec);
	bytes_release(&out);
}

static void test_types_of_blobs(void **state)
{
	struct stage *g = stage_new();
	struct group_place groups[32];
	struct blob blobs[64];
	struct sherd_error err;
	struct session s;
	unsigned seen = 0;

	(void)state;
	session_open(g->w, "a", &s);
	for (size_t p = 0; p < store_pack_count(s.repo->store); p++) {
		struct store_pack pack, other;
		size_t group_count, count;

		store_pack_at(s.repo->store, p, &pack);
		store_pack_at(s.repo->store, (p + 1) % store_pack_count(s.repo->store), &other);
		count = blobs_of(s.repo->store, pack.ref, blobs, 64, groups, &group_count);
		for (size_t i = 0; i < count; i++)
			for (uint8_t type = BLOB_DATA; type <= BLOB_LIST; type++) {
				static uint8_t buffer[BLOB_SIZE_MAX];
				uint32_t size;
				int r = store_read(s.repo->store, (enum blob_type)type,
					&blobs[i].id, buffer, sizeof(buffer), &size, &err);

				assert_int_equal(r, type == blobs[i].type ? 0 : SHERD_CORRUPT);
				seen |= 1u << blobs[i].type;
			}
		for (size_t i = 0; i < group_count; i++) {
			struct group_place as = groups[i];
			struct bytes out = BYTES_INIT;
			struct pool_ref mixed;

			seen |= 1u << groups[i].type;
			if (groups[i].type == 16)
				continue;
			assert_int_equal(
				reader_group(s.repo->store->reader, pack.ref, &as, &out, &err), 0);
			bytes_release(&out);
			for (as.type = 1; as.type <= 18; as.type++)
				if (as.type != groups[i].type)
					refuse_group(s.repo->store, pack.ref, &as);
			as = groups[i];
			as.number++;
			refuse_group(s.repo->store, pack.ref, &as);
			as = groups[i];
			as.plain++;
			refuse_group(s.repo->store, pack.ref, &as);
			as = groups[i];
			as.codec = !as.codec;
			refuse_group(s.repo->store, pack.ref, &as);
			/* As if it were in a pack of another nonce. */
			mixed = *pack.ref;
			memcpy(mixed.nonce, other.ref->nonce, sizeof(mixed.nonce));
			refuse_group(s.repo->store, &mixed, &groups[i]);
		}
	}
	/* data, trees and catalogs were there */
	assert_true((seen & 0x26) == 0x26);
	session_close(&s);
	stage_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_at_other_positions),
		cmocka_unit_test(test_objects_instead_of_others),
		cmocka_unit_test(test_all_of_another_pool),
		cmocka_unit_test(test_types_of_blobs),
	};

	return cmocka_run_group_tests_name("whole_replay", tests, NULL, NULL);
}
