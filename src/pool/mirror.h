/* SPDX-License-Identifier: MIT */
/*
 * mirror.h - the control records a device knows of: by name, and, of those that matter, file and
 * contents. Sorted by name; so records of one subject stand together and ascend by seq. Threads:
 * one.
 */
#ifndef POOL_STORE_H
#define POOL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sherd/error.h>
#include "devicerec.h"
#include "headrec.h"
#include "keyslot.h"
#include "poolrec.h"
#include "record.h"

/* How far an entry has come. */
enum entry_state {
	ENTRY_NAMED,   /* some place lists it */
	ENTRY_FETCHED, /* the bytes are those of the name's hash */
	ENTRY_OPEN,    /* unsealed and parsed; its signer is not yet known to be allowed */
	ENTRY_VALID,   /* it counts */
	ENTRY_NEWER,   /* made by a newer version */
	ENTRY_BAD,     /* it is not what its name says, and never will be */
};

struct entry {
	struct record_name name;
	char text[RECORD_NAME_SIZE];
	enum entry_state state;
	struct record_file *file; /* referenced; NULL while NAMED, or when it was let go */
	struct record record;     /* OPEN or VALID, not of a key slot */
	union {
		struct poolrec pool;
		struct devicerec device;
		struct headrec head;
		struct keyslot slot;
	};
	bool local;     /* in the state folder */
	bool own;       /* made here, or in the state folder when it was opened */
	bool tried;     /* in this refresh: no place gave it */
	size_t size;    /* of the file; the greatest that a place listed */
	uint64_t shown; /* places (bits: seats) that list it */
	char why[120];  /* of NEWER and BAD */
};

struct mirror {
	struct entry **entries;
	size_t count, room;
};

void mirror_release(struct mirror *store);

/* mirror_find(store, text): NULL if unknown. */
struct entry *mirror_find(const struct mirror *store, const char *text);

/* mirror_add(store, text, ret, err): find or make. Errors: NOMEM; INVALID (no name of a record). */
int mirror_add(struct mirror *store, const char *text, struct entry **ret, struct sherd_error *err);

/* entry_set_file(e, file): takes over the reference; the entry is FETCHED. */
void entry_set_file(struct entry *e, struct record_file *file);

/* entry_forget(e): back to NAMED: the contents go. */
void entry_forget(struct entry *e);

/* mirror_sweep(store): drop entries that no place lists, that are not local and hold no file. */
void mirror_sweep(struct mirror *store);

/* mirror_first(store, kind): index of the first entry of that kind; mirror_end(store, kind): behind
 * the last one. mirror_group_end(store, at): behind the last with the kind and subject of entry
 * ${at}. */
size_t mirror_first(const struct mirror *store, enum record_kind kind);
size_t mirror_end(const struct mirror *store, enum record_kind kind);
size_t mirror_group_end(const struct mirror *store, size_t at);

#endif
