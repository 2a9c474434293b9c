/* SPDX-License-Identifier: MIT */
/* blob.h - types and limits of blobs and groups (docs/format.md, 4.3 and 5.2). */
#ifndef REPO_BLOB_H
#define REPO_BLOB_H

#include <stdint.h>
#include <crypt/hash.h>

enum blob_type {
	BLOB_DATA = 1,
	BLOB_TREE = 2,
	BLOB_LIST = 3,
	BLOB_INDEX = 4, /* streams of groups, not blobs */
	BLOB_CATALOG = 5,
	BLOB_SNAPSHOT = 6, /* only an id */
	GROUP_PADDING = 16,
	GROUP_TABLE = 17,
	GROUP_FOOTER = 18,
};

#define BLOB_SIZE_MAX (4u << 20)                  /* of one blob */
#define GROUP_SIZE_MAX ((4u << 20) + (64u << 10)) /* of a group's plaintext */
#define GROUP_SIZE_AIM (1u << 20)                 /* a group is closed when it would grow beyond */

#endif
