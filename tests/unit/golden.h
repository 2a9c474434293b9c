/* SPDX-License-Identifier: MIT */
/*
 * golden.h - reading the tables of tests/golden: text, one record a line, fields with one space
 * between them, '#' before a comment line, '-' for an empty run of bytes. The folder is named by
 * the environment variable SHERD_GOLDEN. Whatever is wrong with a table fails the running test,
 * naming file and line: there is no error to look at. One table belongs to one thread.
 *
 *     CLEANUP(golden_close_at) struct golden *g = golden_open("raw-encoder.txt");
 *     while (golden_next(g)) {
 *             unsigned k = golden_number(g);
 *             ...
 *             golden_end(g);
 *     }
 */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct golden;

/* golden_open(name): the table ${name} of the folder. The caller closes it. Never NULL. */
struct golden *golden_open(const char *name);

/* golden_close(g): NULL does nothing. */
void golden_close(struct golden *g);

/* golden_next(g): go to the next record; false at the end of the file. */
bool golden_next(struct golden *g);

/* golden_text(g): the next field as it stands; valid until golden_next(). */
const char *golden_text(struct golden *g);

/* golden_number(g): the next field, a decimal number. */
unsigned golden_number(struct golden *g);

/* golden_bytes(g, size, ret): the next field, exactly ${size} bytes in hexadecimal, into ${ret}. */
void golden_bytes(struct golden *g, size_t size, uint8_t *ret);

/* golden_end(g): the record must have no further field. */
void golden_end(struct golden *g);

/* For CLEANUP(). */
static inline void golden_close_at(struct golden **g)
{
	golden_close(*g);
}

#endif
