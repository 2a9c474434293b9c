/* SPDX-License-Identifier: MIT */
/*
 * chunker.c - how fast one thread finds cuts in random bytes, with the sizes of a pool: GB/s of
 * data, by the definition and by what is used. The best of some runs, from memory. --quick: one
 * short run, which says that it works and not how fast.
 */
#include <stdio.h>
#include <string.h>

#include <repo/chunker.h>

#include "bench.h"

#define DATA_SIZE ((size_t)128 << 20)
#define QUICK_SIZE ((size_t)8 << 20)

typedef size_t cutter(const struct chunker *c, const uint8_t *data, size_t size, bool end);

static void fill(uint8_t *data, size_t size)
{
	uint64_t x = 1;

	for (size_t i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		data[i] = (uint8_t)(x >> 24);
	}
}

/* Number of chunks. */
static size_t cut_all(const struct chunker *c, cutter *next, const uint8_t *data, size_t size)
{
	size_t count = 0;

	for (size_t at = 0; at < size; count++)
		at += next(c, data + at, size - at, true);
	return count;
}

static void measure(const char *name, const struct chunker *c, cutter *next, const uint8_t *data,
	size_t size, unsigned runs)
{
	double best = 0;
	size_t chunks = 0;

	for (unsigned run = 0; run < runs; run++) {
		double start = bench_now(), gigabytes;

		chunks = cut_all(c, next, data, size);
		gigabytes = (double)size / 1e9 / (bench_now() - start);
		best = gigabytes > best ? gigabytes : best;
	}
	printf("%-12s %6.2f GB/s  %5zu chunks, mean %.0f KiB\n", name, best, chunks,
		(double)size / 1024 / (double)chunks);
}

int main(int argc, char **argv)
{
	bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
	size_t size = quick ? QUICK_SIZE : DATA_SIZE;
	uint8_t *data = bench_memory(size);
	struct crypt_key key = {{1}};
	struct chunker c;

	fill(data, size);
	chunker_init(&c, &key, 256u << 10, 1u << 20, 4u << 20);
	measure("definition", &c, chunker_next_plain, data, size, quick ? 1 : 5);
	measure("chunker", &c, chunker_next, data, size, quick ? 1 : 5);
	return 0;
}
