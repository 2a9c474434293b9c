/* SPDX-License-Identifier: MIT */
/* units.h - numbers for people: sizes, rates and times out; whole numbers with a range in. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define UNITS_SIZE 32 /* bytes that hold any text made here, with its NUL */

/* units_size(bytes, buffer): "0 B", "999 B", "1.2 KiB", "31.2 GiB"; returns the buffer. */
char *units_size(uint64_t bytes, char buffer[UNITS_SIZE]);

/* units_duration(seconds, buffer): "0:07", "12:34", "1:02:03"; returns the buffer. */
char *units_duration(uint64_t seconds, char buffer[UNITS_SIZE]);

/* units_number(text, min, max, ret): decimal digits only; 0, or -1 if it is none or out of range.
 */
int units_number(const char *text, long min, long max, long *ret);

#endif
