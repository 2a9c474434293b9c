/* SPDX-License-Identifier: MIT */
/*
 * backup.c - a backup from beginning to end: the parent snapshot is found, the source walked, the
 * snapshot written, and only with the head that names it does any of it exist for others. Whatever
 * fails before that leaves packs in the journal, which the next backup uses.
 */
#include "backup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/log.h>

#define FLAG_INCOMPLETE 1
#define FLAG_STDIN 2
#define STDIN_MODE 0600
#define LEVEL_MAX 19
#define LOOKS_MAX 3
#define SECOND_NS UINT64_C(1000000000)
#define PLACE_SCHEME "dir:"

/* --- what is asked for --- */

static int check_texts(const struct sherd_backup_options *o, struct sherd_error *err)
{
	const char *const texts[] = {o->name, o->user, o->version};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i] && strlen(texts[i]) > UINT16_MAX)
			return err_set(err, SHERD_INVALID, "a text of the snapshot is too long");
	if (o->tag_count > UINT16_MAX)
		return err_set(err, SHERD_INVALID, "too many tags");
	for (size_t i = 0; i < o->tag_count; i++)
		if (strlen(o->tags[i]) > UINT16_MAX)
			return err_set(err, SHERD_INVALID, "a tag is too long");
	return 0;
}

static int check_options(const struct sherd_backup_options *o, struct sherd_error *err)
{
	if (o->stdin_name && o->path_count)
		return err_set(err, SHERD_INVALID, "paths and standard input at once");
	if (o->stdin_name && !tree_name_allowed(o->stdin_name, strlen(o->stdin_name)))
		return err_set(
			err, SHERD_INVALID, "'%s' cannot be the name of a file", o->stdin_name);
	if (o->compression < -1 || o->compression > LEVEL_MAX)
		return err_set(err, SHERD_INVALID, "compression level %d is not within -1..%d",
			o->compression, LEVEL_MAX);
	return check_texts(o, err);
}

/* Standard input is found again by the path that its file has. */
static int stdin_path(struct backup *b, struct sherd_error *err)
{
	b->paths.list = mem_array(1, sizeof(*b->paths.list));
	if (!b->paths.list)
		return err_nomem(err);
	b->paths.list[0] = mem_format("/%s", b->options->stdin_name);
	if (!b->paths.list[0])
		return err_nomem(err);
	b->paths.count = 1;
	return 0;
}

static bool same_paths(const struct backup *b, const struct sherd_snapshot *s)
{
	if (s->path_count != b->paths.count)
		return false;
	for (size_t i = 0; i < s->path_count; i++)
		if (strcmp(s->paths[i], b->paths.list[i]) != 0)
			return false;
	return true;
}

/* The newest snapshot of this host with the same paths; NULL: none. */
static const struct sherd_snapshot *find_parent(const struct backup *b)
{
	const char *host = pool_host(b->repo->pool);
	size_t count;
	const struct sherd_snapshot *list = sherd_snapshots(b->repo, &count);

	while (count-- > 0) {
		const struct sherd_snapshot *s = &list[count];

		if (strcmp(s->host, host) == 0 && !s->from_stdin == !b->options->stdin_name &&
			same_paths(b, s))
			return s;
	}
	return NULL;
}

/* --- places of this pool that are folders here --- */

/* A pool within what it saves would grow by saving itself. */
static int find_places(struct backup *b, struct sherd_error *err)
{
	size_t count;
	const struct sherd_place_info *places = sherd_pool_places(b->repo->pool, 0, &count);

	if (!places)
		return err_nomem(err);
	b->places = mem_array(count, sizeof(*b->places));
	if (!b->places)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++) {
		const char *url = places[i].url;
		struct stat st;

		if (strncmp(url, PLACE_SCHEME, strlen(PLACE_SCHEME)) == 0)
			url += strlen(PLACE_SCHEME);
		if (*url != '/' ||
			b->env->files->fstatat(b->env->context, AT_FDCWD, url, &st, 0) != 0)
			continue;
		b->places[b->place_count++] =
			(struct backup_place){.device = st.st_dev, .inode = st.st_ino};
	}
	return 0;
}

/* --- begin and end --- */

static int prepare_paths(struct backup *b, struct sherd_error *err)
{
	const struct sherd_backup_options *o = b->options;
	int r;

	if (o->stdin_name)
		return stdin_path(b, err);
	r = backup_paths_init(&b->paths, o->paths, o->path_count, err);
	if (r)
		return r;
	r = backup_patterns(&b->paths, o->excludes, o->exclude_count, &b->patterns, err);
	return r ? r : find_places(b, err);
}

static int prepare_memory(struct backup *b, struct sherd_error *err)
{
	int r = backup_stream_init(&b->stream, b->store, err);

	if (r == 0)
		r = source_owners_new(&b->owners, err);
	if (r == 0)
		r = backup_batch_init(&b->batch, b->stream.chunker.min, err);
	if (r)
		return r;
	b->dents = mem_aligned(sizeof(uint64_t), SOURCE_DENTS_SIZE);
	return b->dents ? 0 : err_nomem(err);
}

static int prepare_progress(struct backup *b, struct sherd_error *err)
{
	int r;

	if (!b->hooks || !b->hooks->progress)
		return 0;
	r = health_progress_init(&b->progress, b->repo, b->hooks, 0, err);
	if (r)
		return r;
	b->progress_begun = true;
	if (!b->options->no_scan && !b->options->stdin_name && !pool_inline(b->repo->pool))
		b->scan = backup_scan_start(b);
	return 0;
}

static void release(struct backup *b)
{
	backup_scan_stop(b->scan);
	if (b->progress_begun)
		health_progress_release(&b->progress);
	backup_links_release(&b->links);
	backup_batch_release(&b->batch);
	backup_stream_release(&b->stream);
	source_owners_free(b->owners);
	patterns_free(b->patterns);
	backup_paths_release(&b->paths);
	mem_free(b->places);
	mem_free(b->dents);
	bytes_release(&b->path);
	bytes_release(&b->xattrs);
	bytes_release(&b->content);
	bytes_release(&b->root);
}

/* --- standard input --- */

static int save_stdin(struct backup *b, uint64_t time_ns, struct sherd_error *err)
{
	CLEANUP(tree_writer_free_at) struct tree_writer *w = NULL;
	struct tree_entry e = {.type = TREE_FILE,
		.mode = STDIN_MODE,
		.uid = b->user,
		.gid = getegid(),
		.links = 1,
		.mtime_s = (int64_t)(time_ns / SECOND_NS),
		.mtime_ns = (uint32_t)(time_ns % SECOND_NS),
		.name = b->options->stdin_name,
		.name_size = strlen(b->options->stdin_name)};
	int r = backup_stream_input(b, b->options->stdin_fd, &b->content, &e.length, err);

	if (r == 0)
		r = tree_writer_new(b->store, &w, err);
	if (r)
		return r;
	e.ctime_s = e.mtime_s;
	e.ctime_ns = e.mtime_ns;
	e.content = b->content.data;
	e.content_size = b->content.size;
	backup_owners(b, &e);
	b->result.files = b->result.files_new = 1;
	b->result.bytes = e.length;
	r = tree_writer_add(w, &e, err);
	return r ? r : tree_writer_end(w, &b->root, err);
}

static int save_paths(struct backup *b, struct sherd_error *err)
{
	const uint8_t *root = NULL;
	size_t root_size = 0;
	int r;

	if (b->parent)
		repo_snapshot_root(b->repo, b->parent, &root, &root_size);
	r = backup_walk(b, root, root_size, err);
	if (r == 0 && b->wanted_found == 0)
		r = err_set(err, SHERD_NOTFOUND,
			b->paths.count == 1 ? "'%s' is not there"
					    : "'%s' is not there, nor is any other of the paths",
			b->paths.list[0]);
	return r;
}

/*
 * What is read for the comparison can show that packs are lost which files before it were taken to
 * be in: those files are read after all, by looking once more.
 */
static int save_all_paths(struct backup *b, struct sherd_error *err)
{
	int r = save_paths(b, err);

	for (unsigned looks = 1; r == 0 && looks < LOOKS_MAX && !store_relies_well(b->store);
		looks++) {
		log_warn("packs that were relied on are lost: what was in them is saved once more");
		backup_links_release(&b->links);
		b->result = (struct sherd_backup_result){0};
		bytes_release(&b->root);
		b->wanted_found = 0;
		b->incomplete = false;
		store_rely_anew(b->store);
		r = save_paths(b, err);
	}
	return r;
}

/* --- the snapshot --- */

static struct snapshot_text text_of(const char *text)
{
	return (struct snapshot_text){text ? text : "", text ? strlen(text) : 0};
}

static int write_texts(
	const char *const *texts, size_t count, struct snapshot_text **ret, struct sherd_error *err)
{
	*ret = mem_array(count, sizeof(**ret));
	if (!*ret)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++)
		(*ret)[i] = text_of(texts[i]);
	return 0;
}

static void fill_record(struct backup *b, uint64_t begun_ns, struct snapshot_record *s)
{
	const struct sherd_backup_options *o = b->options;
	struct store_totals totals;

	store_totals(b->store, &totals);
	*s = (struct snapshot_record){
		.flags = (b->incomplete ? FLAG_INCOMPLETE : 0) | (o->stdin_name ? FLAG_STDIN : 0),
		.root = b->root.data,
		.root_size = b->root.size,
		.begun_ns = begun_ns,
		.ended_ns = b->env->clock_real_ns(b->env->context),
		.files = b->result.files,
		.folders = b->result.folders,
		.others = b->result.others,
		.bytes = b->result.bytes,
		.bytes_new = totals.bytes_new,
		.bytes_packed = totals.bytes_packed,
		.bytes_stored = totals.bytes_stored,
		.host = text_of(pool_host(b->repo->pool)),
		.name = text_of(o->name),
		.version = text_of(o->version),
	};
	if (o->user)
		s->user = text_of(o->user);
	else
		s->user.text = source_owner(b->owners, false, b->user, &s->user.size);
	if (!s->user.text)
		s->user = text_of("");
	if (b->parent)
		memcpy(s->parent, b->parent->id, sizeof(s->parent));
}

static int write_snapshot(
	struct backup *b, uint64_t begun_ns, struct bytes *out, struct sherd_error *err)
{
	CLEANUP(mem_free_at) struct snapshot_text *paths = NULL;
	CLEANUP(mem_free_at) struct snapshot_text *tags = NULL;
	struct snapshot_record s;
	struct hash id;
	int r;

	fill_record(b, begun_ns, &s);
	r = write_texts((const char *const *)b->paths.list, b->paths.count, &paths, err);
	if (r == 0)
		r = write_texts(b->options->tags, b->options->tag_count, &tags, err);
	if (r)
		return r;
	s.paths = paths;
	s.path_count = b->paths.count;
	s.tags = tags;
	s.tag_count = b->options->tag_count;
	snapshot_write(&s, out);
	if (out->failed)
		return err_nomem(err);
	store_id(b->store, BLOB_SNAPSHOT, out->data, out->size, &id);
	memcpy(b->result.snapshot, id.bytes, sizeof(b->result.snapshot));
	return 0;
}

static int commit(struct backup *b, uint64_t begun_ns, struct sherd_error *err)
{
	struct bytes snapshot = BYTES_INIT;
	int r;

	if (b->options->dry_run)
		return 0;
	r = write_snapshot(b, begun_ns, &snapshot, err);
	if (r == 0)
		r = store_commit(b->store, snapshot.data, snapshot.size, &b->result.head_seq, err);
	bytes_release(&snapshot);
	return r;
}

/* --- the result --- */

static uint64_t write_errors(const struct packs *packs, size_t i)
{
	struct member_counts counts;

	member_counts(packs->members[i].member, &counts);
	return counts.write_errors;
}

static bool lacks_shares(const struct store_totals *totals, uint16_t place)
{
	for (unsigned i = 0; i < totals->lack_count; i++)
		if (totals->lacks[i].place == place)
			return true;
	return false;
}

/* What could not be written there and is no share is a control record. */
static void say_record(struct sherd_backup_result *res, const char *place)
{
	size_t used = strlen(res->missing);

	snprintf(res->missing + used, sizeof(res->missing) - used, "%s%s: control records missing",
		used ? ", " : "", place);
}

static void fill_result(struct backup *b, const uint64_t *errors_before)
{
	const struct packs *packs = pool_packs(b->repo->pool);
	struct sherd_backup_result *res = &b->result;
	struct store_totals totals;

	store_totals(b->store, &totals);
	res->bytes_new = totals.bytes_new;
	res->bytes_packed = totals.bytes_packed;
	res->bytes_stored = totals.bytes_stored;
	res->packs = totals.packs;
	res->shares_least = totals.shares_least == UINT_MAX ? pool_shape(b->repo->pool)->m
							    : totals.shares_least;
	res->spare = totals.spare == INT_MAX ? -1 : totals.spare;
	memcpy(res->missing, totals.missing, sizeof(res->missing));
	res->missing[sizeof(res->missing) - 1] = '\0';
	res->places_total = (unsigned)packs->count;
	for (size_t i = 0; i < packs->count; i++) {
		if (lacks_shares(&totals, packs->members[i].number))
			continue;
		if (write_errors(packs, i) == errors_before[i])
			res->places_complete++;
		else
			say_record(res, member_name(packs->members[i].member));
	}
}

static int run(struct backup *b, struct sherd_error *err)
{
	const struct packs *packs = pool_packs(b->repo->pool);
	CLEANUP(mem_free_at) uint64_t *errors = mem_array(packs->count, sizeof(*errors));
	uint64_t now = b->env->clock_real_ns(b->env->context);
	uint64_t begun = b->options->time_ns ? b->options->time_ns : now;
	int r;

	if (!errors)
		return err_nomem(err);
	for (size_t i = 0; i < packs->count; i++)
		errors[i] = write_errors(packs, i);
	r = b->options->stdin_name ? save_stdin(b, begun, err) : save_all_paths(b, err);
	if (r == 0)
		r = commit(b, begun, err);
	if (r == 0) {
		fill_result(b, errors);
		if (b->progress_begun)
			health_progress_tell(&b->progress, b->result.bytes, true);
	}
	return r;
}

static int prepare(struct backup *b, struct sherd_error *err)
{
	const struct store_write_options write = {.level = b->options->compression,
		.need = b->options->need,
		.dry_run = b->options->dry_run};
	int r = check_options(b->options, err);

	if (r == 0)
		r = prepare_paths(b, err);
	if (r == 0)
		r = prepare_memory(b, err);
	if (r)
		return r;
	b->parent = find_parent(b);
	return store_begin(b->store, &write, err);
}

static int run_all(struct backup *b, struct sherd_error *err)
{
	int r = prepare(b, err);

	if (r)
		return r;
	r = prepare_progress(b, err);
	if (r == 0)
		r = run(b, err);
	if (r || b->options->dry_run)
		store_abort(b->store);
	if (r == 0 && !b->options->dry_run)
		(void)repo_snapshots_load(b->repo, NULL); /* without memory the old list stays */
	return r;
}

int sherd_backup(struct sherd_repo *repo, const struct sherd_backup_options *options,
	const struct sherd_repo_hooks *hooks, struct sherd_backup_result *ret_result,
	struct sherd_error *err)
{
	struct backup b = {.repo = repo, .options = options, .hooks = hooks};
	uint64_t begun;
	int r;

	if (!repo || !options || !ret_result)
		return err_set(err, SHERD_INVALID, "a backup without options");
	b.store = repo->store;
	b.env = pool_env(repo->pool);
	b.cancel = repo_cancel(repo, hooks);
	b.user = geteuid();
	begun = b.env->clock_monotonic_ns(b.env->context);
	r = run_all(&b, err);
	if (r == 0) {
		b.result.duration_ns = b.env->clock_monotonic_ns(b.env->context) - begun;
		*ret_result = b.result;
	}
	release(&b);
	return r;
}
