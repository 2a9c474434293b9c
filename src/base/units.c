/* SPDX-License-Identifier: MIT */
/* units.c - integers only: a size is counted in rounded tenths of its unit. */
#include <base/units.h>

#include <inttypes.h>
#include <stdio.h>

#include <base/intmath.h>

/* Rounded tenths of 2^shift bytes; shift 10 to 60. (2^60 - 1) * 10 + 2^59 fits 64 bits. */
static uint64_t tenths_of(uint64_t bytes, unsigned shift)
{
	uint64_t rest = bytes & ((UINT64_C(1) << shift) - 1);

	return (bytes >> shift) * 10 + ((rest * 10 + (UINT64_C(1) << (shift - 1))) >> shift);
}

char *units_size(uint64_t bytes, char buffer[UNITS_SIZE])
{
	static const char letters[] = "KMGTPE";
	unsigned unit = 0;
	uint64_t tenths;

	if (bytes < 1024) {
		snprintf(buffer, UNITS_SIZE, "%" PRIu64 " B", bytes);
		return buffer;
	}
	/* Rounding may reach the next unit: 1048575 bytes are 1.0 MiB, not 1024.0 KiB. */
	tenths = tenths_of(bytes, 10);
	while (tenths >= 10240 && letters[unit + 1]) {
		unit++;
		tenths = tenths_of(bytes, 10 * (unit + 1));
	}
	snprintf(buffer, UNITS_SIZE, "%" PRIu64 ".%u %ciB", tenths / 10, (unsigned)(tenths % 10),
		letters[unit]);
	return buffer;
}

char *units_duration(uint64_t seconds, char buffer[UNITS_SIZE])
{
	uint64_t minutes = seconds / 60;
	unsigned rest = (unsigned)(seconds % 60);

	if (minutes < 60)
		snprintf(buffer, UNITS_SIZE, "%u:%02u", (unsigned)minutes, rest);
	else
		snprintf(buffer, UNITS_SIZE, "%" PRIu64 ":%02u:%02u", minutes / 60,
			(unsigned)(minutes % 60), rest);
	return buffer;
}

int units_number(const char *text, long min, long max, long *ret)
{
	long value = 0;

	if (!*text)
		return -1;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return -1;
		if (!INT_MUL(value, 10, &value) || !INT_ADD(value, *p - '0', &value))
			return -1;
	}
	if (value < min || value > max)
		return -1;
	*ret = value;
	return 0;
}
