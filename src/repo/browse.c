/* SPDX-License-Identifier: MIT */
/* browse.c - finding a path in a snapshot, and listing what is there. */
#include <repo/browse.h>

#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <repo/descent.h>

/* --- entries for callers --- */

static const char *text_of(const char *text, size_t size, char *buffer)
{
	memcpy(buffer, text ? text : "", text ? size : 0);
	buffer[text ? size : 0] = '\0';
	return buffer;
}

/* What is there, to be compared: the content with the length; for others the type's own. */
static void hash_content(const struct tree_entry *e, struct hash *ret)
{
	struct iovec part = hash_part(e->content, e->content_size);

	if (e->content)
		hash_sha256(&part, 1, ret);
	else
		memset(ret, 0, sizeof(*ret));
}

int shown_set(
	struct shown *s, const char *path, const struct tree_entry *e, struct sherd_error *err)
{
	char *texts;

	bytes_clear(&s->texts);
	if (!bytes_reserve(&s->texts, e->target_size + e->owner_size + e->group_size + 3))
		return err_nomem(err);
	texts = (char *)s->texts.data;
	hash_content(e, &s->content);
	s->entry = (struct sherd_entry){.path = path,
		.type = (enum sherd_entry_type)e->type,
		.mode = e->mode,
		.uid = e->uid,
		.gid = e->gid,
		.links = e->links,
		.mtime_s = e->mtime_s,
		.ctime_s = e->ctime_s,
		.mtime_ns = e->mtime_ns,
		.ctime_ns = e->ctime_ns,
		.length = e->length,
		.inode = e->inode,
		.device_major = e->device_major,
		.device_minor = e->device_minor,
		.torn = e->flags & TREE_FLAG_TORN,
		.content = s->content.bytes};
	s->entry.owner = text_of(e->owner, e->owner_size, texts);
	texts += e->owner_size + 1;
	s->entry.group = text_of(e->group, e->group_size, texts);
	texts += e->group_size + 1;
	if (e->type == TREE_SYMLINK)
		s->entry.target = text_of(e->target, e->target_size, texts);
	return 0;
}

void shown_release(struct shown *s)
{
	bytes_release(&s->texts);
}

static_assert(TREE_FILE == (int)SHERD_ENTRY_FILE && TREE_BLOCK == (int)SHERD_ENTRY_BLOCK,
	"types are shown as they are stored");

/* --- finding --- */

/* Find ${name} in a folder; its entry is copied to ${keep}. */
static int find_name(struct sherd_repo *repo, const struct tree_entry *folder, const char *name,
	size_t name_size, struct tree_entry *ret, struct bytes *keep, struct sherd_error *err)
{
	CLEANUP(tree_reader_free_at) struct tree_reader *reader = NULL;
	int lost = 0;
	int r = tree_reader_new(repo->store, folder->content, folder->content_size, &reader, err);

	while (!r || descent_gone(r)) {
		if (r < 0)
			lost = r;
		r = reader ? tree_reader_next(reader, ret, err) : 0;
		if (r == 0)
			break;
		if (r == 1) {
			if (ret->name_size == name_size && memcmp(ret->name, name, name_size) == 0)
				return tree_entry_keep(ret, keep, err);
			r = 0;
		}
	}
	if (r)
		return r;
	if (lost == SHERD_NOTFOUND) /* of a blob: it is known and not to be had */
		lost = SHERD_LOST;
	if (lost && err)
		err->code = lost;
	if (lost)
		return lost;
	return err_set(err, SHERD_NOTFOUND, "not in the snapshot");
}

int tree_entry_keep(struct tree_entry *e, struct bytes *keep, struct sherd_error *err)
{
	struct bytes copy = BYTES_INIT;
	const uint8_t *from = e->raw;
	ptrdiff_t size = (ptrdiff_t)e->raw_size;

	bytes_add(&copy, from, e->raw_size);
	if (copy.failed)
		return err_nomem(err);
#define MOVE(field)                                                                                \
	do {                                                                                       \
		if (e->field) {                                                                    \
			ptrdiff_t at_ = (const uint8_t *)e->field - from;                          \
			assert(at_ >= 0 && at_ <= size);                                           \
			e->field = (const void *)(copy.data + at_);                                \
		}                                                                                  \
	} while (0)
	MOVE(name);
	MOVE(content);
	MOVE(xattrs);
	MOVE(target);
	MOVE(owner);
	MOVE(group);
	MOVE(unknown);
	MOVE(raw);
#undef MOVE
	bytes_release(keep);
	*keep = copy;
	return 0;
}

int repo_find_path(struct sherd_repo *repo, const uint8_t *root, size_t root_size, const char *path,
	struct tree_entry *ret_entry, struct bytes *ret_keep, struct sherd_error *err)
{
	struct tree_entry e = {.type = TREE_FOLDER,
		.mode = 0755,
		.name = "",
		.content = root,
		.content_size = root_size};
	const char *rest = path;

	while (*rest) {
		size_t size = strcspn(rest, "/");
		int r = 0;

		if (size == 2 && rest[0] == '.' && rest[1] == '.')
			return err_set(err, SHERD_INVALID, "'%s': '..' leads nowhere here", path);
		if (size && !(size == 1 && *rest == '.')) {
			if (e.type != TREE_FOLDER)
				return err_set(
					err, SHERD_NOTFOUND, "'%s': not in the snapshot", path);
			r = find_name(repo, &e, rest, size, &e, ret_keep, err);
		}
		if (r)
			return err_wrap(err, r, "'%s'", path);
		rest += size + (rest[size] == '/');
	}
	*ret_entry = e;
	return 0;
}

/* --- listing --- */

struct listing {
	struct descent descent;
	struct bytes path; /* of the folder, with its last slash */
	struct bytes ends; /* size_t: where the paths of the folders around end */
	struct shown shown;
	sherd_entry_told *told;
	void *context;
	bool recursive;
	const struct sherd_cancel *cancel;
};

/* The path of an entry, NUL-terminated, in place behind that of the folder. */
static const char *path_of(struct bytes *path, const char *name, size_t size)
{
	size_t before = path->size;

	bytes_add(path, name, size);
	bytes_u8(path, 0);
	if (path->failed)
		return NULL;
	path->size = before;
	return (const char *)path->data;
}

static int go_down(struct listing *l, const struct tree_entry *e, struct sherd_error *err)
{
	size_t end = l->path.size;
	int r = descent_push(&l->descent, e->content, e->content_size, err);

	if (r)
		return r;
	bytes_add(&l->ends, &end, sizeof(end));
	bytes_add(&l->path, e->name, e->name_size);
	bytes_u8(&l->path, '/');
	return l->path.failed || l->ends.failed ? err_nomem(err) : 0;
}

static void go_up(struct listing *l)
{
	descent_pop(&l->descent);
	if (l->ends.size) {
		l->ends.size -= sizeof(size_t);
		memcpy(&l->path.size, l->ends.data + l->ends.size, sizeof(size_t));
	}
}

static int tell(struct listing *l, const struct tree_entry *e, struct sherd_error *err)
{
	const char *path = path_of(&l->path, e->name, e->name_size);
	int r = path ? shown_set(&l->shown, path, e, err) : err_nomem(err);

	if (!r) {
		r = l->told(l->context, &l->shown.entry);
		if (r)
			return err_set(err, r, "stopped by a callback");
	}
	return r;
}

/* Everything in the folder that was pushed. What is lost is the result when all else was told. */
static int list_all(struct listing *l, struct sherd_error *err)
{
	struct sherd_error why, first;
	int lost = 0;

	while (l->descent.depth) {
		struct tree_entry e;
		int r = descent_next(&l->descent, &e, &why);

		if (sherd_cancel_requested(l->cancel))
			return err_set(err, SHERD_CANCELLED, "cancelled");
		if (r == 1) {
			r = tell(l, &e, err);
			if (r)
				return r;
			r = l->recursive && e.type == TREE_FOLDER ? go_down(l, &e, &why) : 0;
		} else if (r == 0) {
			go_up(l);
		}
		if (r < 0 && !descent_gone(r)) {
			if (err)
				*err = why;
			return r;
		}
		if (r < 0 && !lost) {
			const char *path = path_of(&l->path, "", 0);

			lost = r == SHERD_QUORUM ? r : SHERD_LOST;
			why.code = lost;
			err_wrap(&why, lost, "a part of '%s'", path ? path : "?");
			first = why;
		}
	}
	if (lost && err)
		*err = first;
	return lost;
}

static int list_folder(
	struct listing *l, const char *plain, const struct tree_entry *e, struct sherd_error *err)
{
	int r;

	bytes_add(&l->path, plain, strlen(plain));
	bytes_u8(&l->path, '/');
	if (l->path.failed)
		return err_nomem(err);
	r = descent_push(&l->descent, e->content, e->content_size, err);
	return r ? r : list_all(l, err);
}

static int list_one(
	struct listing *l, const char *plain, const struct tree_entry *e, struct sherd_error *err)
{
	const char *slash = strrchr(plain, '/');

	bytes_add(&l->path, plain, slash ? (size_t)(slash - plain) + 1 : 0);
	return tell(l, e, err);
}

char *repo_plain_path(const char *path)
{
	char *plain = mem_array(strlen(path) + 2, 1);
	char *at = plain;

	while (plain && *path) {
		size_t size = strcspn(path, "/");

		if (size && !(size == 1 && *path == '.')) {
			*at++ = '/';
			memcpy(at, path, size);
			at += size;
		}
		path += size + (path[size] == '/');
	}
	return plain;
}

int sherd_list(struct sherd_repo *repo, const struct sherd_snapshot *snapshot, const char *path,
	int recursive, sherd_entry_told *told, void *context, struct sherd_error *err)
{
	CLEANUP(mem_free_at) char *plain = NULL;
	struct listing l = {.told = told, .context = context, .recursive = recursive};
	struct bytes keep = BYTES_INIT;
	struct tree_entry e;
	const uint8_t *root = NULL;
	size_t root_size = 0;
	int r;

	if (!repo || !snapshot || !told)
		return err_set(err, SHERD_INVALID, "nothing to list");
	plain = repo_plain_path(path ? path : "/");
	if (!plain)
		return err_nomem(err);
	repo_snapshot_root(repo, snapshot, &root, &root_size);
	if (!root)
		return err_set(err, SHERD_NOTFOUND, "no such snapshot");
	r = repo_find_path(repo, root, root_size, plain, &e, &keep, err);
	if (!r) {
		l.cancel = repo_cancel(repo, NULL);
		descent_init(&l.descent, repo->store);
		r = e.type == TREE_FOLDER ? list_folder(&l, plain, &e, err)
					  : list_one(&l, plain, &e, err);
		descent_release(&l.descent);
	}
	bytes_release(&keep);
	bytes_release(&l.path);
	bytes_release(&l.ends);
	shown_release(&l.shown);
	return r;
}
