/* SPDX-License-Identifier: MIT */
/* identity.c - three lines that count, and words for people who find the folder. */
#include "identity.h"

#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/hex.h>

#define FIRST "sherd-place 1\n"
#define KIND "sherd-place "
#define POOL_LINE "pool "
#define PLACE_LINE "place "
#define DIGITS (2 * RECORD_ID_SIZE)

char *identity_write(const struct identity *identity)
{
	char pool[DIGITS + 1], place[DIGITS + 1];

	return mem_format(FIRST POOL_LINE
		"%s\n" PLACE_LINE "%s\n\nThis is a place of a sherd pool: encrypted pieces "
		"of somebody's files. Please do not change anything here.\n",
		hex_of(identity->pool, POOL_ID_SIZE, pool),
		hex_of(identity->place, RECORD_ID_SIZE, place));
}

/* Steps over "WORD <32 hex digits>\n". */
static int take_id(const char **text, const char *end, const char *word, uint8_t *ret)
{
	size_t size = strlen(word);

	if ((size_t)(end - *text) < size + DIGITS + 1 || memcmp(*text, word, size) != 0 ||
		hex_parse(*text + size, DIGITS, ret) != 0 || (*text)[size + DIGITS] != '\n')
		return -1;
	*text += size + DIGITS + 1;
	return 0;
}

int identity_read(const uint8_t *data, size_t size, struct identity *ret, struct sherd_error *err)
{
	const char *text = (const char *)data, *end = text + size;
	size_t first = sizeof(FIRST) - 1, kind = sizeof(KIND) - 1;

	if (size < first || memcmp(text, KIND, kind) != 0)
		return err_set(err, SHERD_CORRUPT, "'" IDENTITY_NAME "' is damaged");
	if (memcmp(text, FIRST, first) != 0) {
		const char *digit = text + kind;

		while (digit < end && *digit >= '0' && *digit <= '9')
			digit++;
		if (digit > text + kind && digit < end && *digit == '\n')
			return err_set(
				err, SHERD_NEWER, "the place was made by a newer version of sherd");
		return err_set(err, SHERD_CORRUPT, "'" IDENTITY_NAME "' is damaged");
	}
	text += first;
	if (take_id(&text, end, POOL_LINE, ret->pool) != 0 ||
		take_id(&text, end, PLACE_LINE, ret->place) != 0)
		return err_set(err, SHERD_CORRUPT, "'" IDENTITY_NAME "' is damaged");
	return 0;
}
