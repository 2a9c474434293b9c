/* SPDX-License-Identifier: MIT */
/* content.h - contents without the store: their encoding alone (docs/format.md, 11.3). Reading and
 * writing with the store is in tree.h. Threads: any. */
#ifndef REPO_CONTENT_H
#define REPO_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/bytes.h>
#include <crypt/hash.h>

#define CONTENT_HEAD_SIZE 8
#define CONTENT_RUN_SIZE 40                                     /* with an id */
#define CONTENT_ONE_SIZE (CONTENT_HEAD_SIZE + CONTENT_RUN_SIZE) /* of one run */
#define CONTENT_ONE_ID (CONTENT_HEAD_SIZE + 8)                  /* where the id stands in that */

/* content_right(data, size, file, length): well formed; and with ${file} its runs add up to
 * ${length}. Without: no holes, as the parts of a folder have none. */
bool content_right(const uint8_t *data, size_t size, bool file, uint64_t length);

/* content_size(data, size): bytes of the content that stands at ${data}, followed by other things;
 * SIZE_MAX if it is cut short. */
size_t content_size(const uint8_t *data, size_t size);

/* content_sound(store, data, size): whether every blob of a content, lists included, may be relied
 * on (store_sound()), so that nothing of it need be stored again. */
struct store;
bool content_sound(struct store *store, const uint8_t *data, size_t size);

/* content_write_empty(out), content_write_one(out, id, length): append a content of no run, or of
 * one blob. */
void content_write_empty(struct bytes *out);
void content_write_one(struct bytes *out, const struct hash *id, uint64_t length);

#endif
