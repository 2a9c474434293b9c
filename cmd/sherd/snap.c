/* SPDX-License-Identifier: MIT */
/* snap.c - naming snapshots, and their fields in JSON. */
#include "snap.h"

#include <stdio.h>
#include <string.h>
#include <base/alloc.h>
#include <base/hex.h>

char *snap_id(const struct sherd_snapshot *s, char buffer[2 * SHERD_ID_SIZE + 1])
{
	hex_of(s->id, SHERD_ID_SIZE, buffer);
	buffer[snap_id_digits] = '\0';
	return buffer;
}

/* Where the colon before the path is: behind "@DATETHH:MM[:SS]" if it begins so. */
static const char *find_colon(const char *text)
{
	const char *at = strchr(text, ':');

	if (*text != '@')
		return at;
	/* A path begins with '/', or is at the end: what a time never is. */
	while (at && at[1] >= '0' && at[1] <= '9')
		at = strchr(at + 1, ':');
	return at;
}

int snap_find(struct app *app, const char *text, const char *host,
	const struct sherd_snapshot **ret, const char **ret_path)
{
	const char *colon = find_colon(text);
	CLEANUP(mem_free_at)
	char *name = mem_format("%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
	struct sherd_error err;
	int r;

	if (!name) {
		err.code = SHERD_NOMEM;
		snprintf(err.message, sizeof(err.message), "out of memory");
		return app_fail(app, &err, "cannot find the snapshot");
	}
	r = sherd_snapshot_find(app->repo, name, host, ret, &err);
	if (r)
		return app_fail_try(app, &err, "sherd snapshots shows which there are",
			"no such snapshot: '%s'", name);
	*ret_path = colon && colon[1] ? colon + 1 : NULL;
	return 0;
}

void snap_json(struct json *j, const struct sherd_snapshot *s)
{
	static const uint8_t none[SHERD_ID_SIZE];

	json_hex(j, "id", s->id, SHERD_ID_SIZE);
	if (memcmp(s->parent, none, SHERD_ID_SIZE))
		json_hex(j, "parent", s->parent, SHERD_ID_SIZE);
	else
		json_text(j, "parent", NULL);
	json_time(j, "time", s->time_ns);
	json_time(j, "ended", s->ended_ns);
	json_text(j, "host", s->host);
	json_text(j, "user", s->user);
	json_text(j, "name", s->name);
	json_text(j, "version", s->version);
	json_array(j, "paths");
	for (size_t i = 0; i < s->path_count; i++) {
		json_object(j, NULL);
		json_path(j, "path", s->paths[i]);
		json_end(j);
	}
	json_end(j);
	json_array(j, "tags");
	for (size_t i = 0; i < s->tag_count; i++)
		json_text(j, NULL, s->tags[i]);
	json_end(j);
	json_number(j, "files", s->files);
	json_number(j, "folders", s->folders);
	json_number(j, "others", s->others);
	json_number(j, "bytes", s->bytes);
	json_number(j, "bytes_new", s->bytes_new);
	json_number(j, "bytes_packed", s->bytes_packed);
	json_number(j, "bytes_stored", s->bytes_stored);
	json_bool(j, "incomplete", s->incomplete);
	json_bool(j, "from_stdin", s->from_stdin);
}

static const struct {
	char letter;
	const char *word;
} types[] = {
	[0] = {'?', "unknown"},
	[SHERD_ENTRY_FILE] = {'-', "file"},
	[SHERD_ENTRY_FOLDER] = {'d', "folder"},
	[SHERD_ENTRY_SYMLINK] = {'l', "symlink"},
	[SHERD_ENTRY_FIFO] = {'p', "fifo"},
	[SHERD_ENTRY_SOCKET] = {'s', "socket"},
	[SHERD_ENTRY_CHARACTER] = {'c', "character"},
	[SHERD_ENTRY_BLOCK] = {'b', "block"},
};

char entry_letter(enum sherd_entry_type type)
{
	return types[(unsigned)type <= SHERD_ENTRY_BLOCK ? type : 0].letter;
}

void entry_json(struct json *j, const struct sherd_entry *e)
{
	json_path(j, "path", e->path);
	json_text(j, "type", types[(unsigned)e->type <= SHERD_ENTRY_BLOCK ? e->type : 0].word);
	json_number(j, "mode", e->mode);
	json_number(j, "uid", e->uid);
	json_number(j, "gid", e->gid);
	json_text(j, "owner", e->owner);
	json_text(j, "group", e->group);
	json_number(j, "links", e->links);
	json_number(j, "size", e->length);
	json_signed(j, "mtime_s", e->mtime_s);
	json_number(j, "mtime_ns", e->mtime_ns);
	if (e->target)
		json_path(j, "target", e->target);
	if (e->type == SHERD_ENTRY_CHARACTER || e->type == SHERD_ENTRY_BLOCK) {
		json_number(j, "device_major", e->device_major);
		json_number(j, "device_minor", e->device_minor);
	}
	if (e->torn)
		json_bool(j, "torn", true);
}
