/* SPDX-License-Identifier: MIT */
/* fuzz_catalog.c - u32 size, a catalog of that size, and the rest as another: each refused, or
 * written again as it was; and two that are right joined in both directions. */
#include <stdlib.h>
#include <string.h>

#include <base/cursor.h>
#include <repo/catalog.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void must_be(const struct catalog *c, const uint8_t *bytes, size_t size)
{
	struct bytes b = BYTES_INIT;

	catalog_write(c, &b);
	must(b.failed || (b.size == size && memcmp(b.data, bytes, size) == 0));
	bytes_release(&b);
}

static struct catalog *try_read(const uint8_t *bytes, size_t size)
{
	struct catalog *c = NULL;
	int r = catalog_read(bytes, size, &c, NULL);

	must(r == 0 ? c != NULL
		    : !c && (r == SHERD_CORRUPT || r == SHERD_NEWER || r == SHERD_NOMEM));
	if (c)
		must_be(c, bytes, size);
	return c;
}

/* A fact more and one less; what was joined knows both. */
static void change(struct catalog *c, const uint8_t incarnation[16])
{
	size_t count = catalog_count(c);
	int r = catalog_add(c, incarnation, CATALOG_SNAPSHOT, "new", 3, NULL);

	must(r == 0 || r == SHERD_NOSPACE || r == SHERD_NOMEM);
	must(catalog_count(c) == count + (r == 0));
	if (count > 0)
		catalog_remove(c, count / 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct cursor in = cursor_of(bytes, size);
	size_t first_size = cursor_u32(&in), rest;
	const uint8_t *first = cursor_take(&in, first_size);
	struct catalog *a, *b, *again;
	struct bytes left = BYTES_INIT;

	if (!first)
		return 0;
	rest = cursor_left(&in);
	a = try_read(first, first_size);
	b = try_read(in.next, rest);
	again = try_read(first, first_size);
	if (a && b && again && catalog_join(a, b, NULL) == 0 && catalog_join(b, again, NULL) == 0) {
		catalog_write(a, &left);
		must_be(b, left.data, left.size);
		if (catalog_vector_count(a) > 0)
			change(a, catalog_vector_at(a, 0)->incarnation);
		/* what changed is newer than what it came from */
		bytes_clear(&left);
		catalog_write(a, &left);
		if (catalog_join(a, b, NULL) == 0)
			must_be(a, left.data, left.size);
	}
	bytes_release(&left);
	catalog_free(a);
	catalog_free(b);
	catalog_free(again);
	return 0;
}
