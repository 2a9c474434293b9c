/* SPDX-License-Identifier: MIT */
/*
 * treefix.h - trees for tests: files of all kinds made on disk, a folder on disk written into a
 * store as a snapshot's tree (a backup without any of a backup's haste), and trees written by hand.
 */
#ifndef TEST_TREEFIX_H
#define TEST_TREEFIX_H

#include <repo/store.h>
#include <repo/tree.h>

/* treefix_folder(path): a new folder under /tmp; treefix_remove(path): it, with all in it. */
char *treefix_folder(void); /* free with treefix_remove() */
void treefix_remove(char *path);

/* treefix_path(folder, name): "folder/name" in one of eight static buffers. */
const char *treefix_path(const char *folder, const char *name);

/* treefix_file(folder, name, data, size): a file. treefix_text(): of that text. */
void treefix_file(const char *folder, const char *name, const void *data, size_t size);
void treefix_text(const char *folder, const char *name, const char *text);
/* treefix_read(folder, name): its content as text, in a static buffer; NULL: it cannot be read. */
const char *treefix_read(const char *folder, const char *name);
bool treefix_there(const char *folder, const char *name); /* anything of that name */

/* treefix_kinds(folder): every type of file with every attribute that this process may set. */
void treefix_kinds(const char *folder);

/* treefix_save(store, folder, content): the folder's tree goes to the store; its content. */
void treefix_save(struct store *store, const char *folder, struct bytes *content);

/* By hand: an entry of that type and name, mode 0644 or 0755, mtime 1000000000.5. */
struct tree_entry treefix_entry(enum tree_type type, const char *name);
/* treefix_blob(store, data, size, content): a file of one blob. */
void treefix_blob(struct store *store, const void *data, size_t size, struct bytes *content);
/* treefix_tree(store, entries, count, content): a folder of entries in that order. */
void treefix_tree(
	struct store *store, const struct tree_entry *entries, size_t count, struct bytes *content);
/* treefix_raw(store, part, size, content): a folder of one part of any bytes. */
void treefix_raw(struct store *store, const void *part, size_t size, struct bytes *content);

#endif
