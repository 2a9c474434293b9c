/* SPDX-License-Identifier: MIT */
/*
 * crypt.c - how fast each crypto engine hashes and seals on this machine, by one thread, from
 * memory that is in the cache: GB/s for buffers of several sizes; and trees of many small blobs.
 * The best of some runs. --quick: one short run, which says that it works and not how fast.
 */
#include <stdio.h>
#include <string.h>

#include <base/intmath.h>
#include <crypt/aead.h>
#include <crypt/engine.h>
#include <crypt/hash.h>

#include "bench.h"

#define SIZE_TOP ((size_t)1 << 20)
#define BLOBS 256

struct measure {
	uint8_t *plain, *sealed;
	size_t size;
	struct aead_keys keys;
	struct hash leaves[BLOBS];
	struct hash_item items[BLOBS];
};

typedef void piece(struct measure *m);

static void leaves(struct measure *m)
{
	hash_leaves(m->plain, m->size, m->leaves);
}

static void sha256(struct measure *m)
{
	struct iovec all = hash_part(m->plain, m->size);

	hash_sha256(&all, 1, m->leaves);
}

static void seal(struct measure *m)
{
	static const struct hash commitment;

	aead_seal(&m->keys, "aad", 3, &commitment, m->plain, m->size, m->sealed, NULL);
}

static void open_seal(struct measure *m)
{
	aead_open(&m->keys, "aad", 3, m->sealed, m->size + AEAD_OVERHEAD, m->plain, NULL);
}

/* ${size} bytes in blobs of 4 KiB. */
static void small_trees(struct measure *m)
{
	size_t count = INT_MAX_OF(m->size / 4096, (size_t)1);

	for (size_t i = 0; i < count; i++)
		m->items[i] = (struct hash_item){
			.data = m->plain + i * 4096, .size = INT_MIN_OF(m->size, (size_t)4096)};
	hash_trees(m->items, count, m->leaves);
}

/* GB/s of the best of ${runs}, each of about ${seconds}. */
static double speed(struct measure *m, piece *work, unsigned runs, double seconds)
{
	size_t rounds = 1;
	double best = 0;

	for (unsigned run = 0; run < runs;) {
		double start = bench_now(), took;

		for (size_t i = 0; i < rounds; i++)
			work(m);
		took = bench_now() - start;
		if (took < seconds / 4) {
			rounds *= 2;
			continue;
		}
		best = INT_MAX_OF(best, (double)m->size * (double)rounds / took * 1e-9);
		run++;
	}
	return best;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {64, 512, 4096, 32768, 262144, SIZE_TOP};
	static struct measure m;
	int quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
	unsigned runs = quick ? 1 : 7;
	double seconds = quick ? 0.0001 : 0.02;

	m.plain = bench_memory(SIZE_TOP);
	m.sealed = bench_memory(SIZE_TOP + AEAD_OVERHEAD);
	printf("%-10s%10s%10s%10s%10s%10s%10s   GB/s\n", "engine", "bytes", "sha-256", "leaves",
		"4K trees", "seal", "open");
	for (size_t e = 0; crypt_engine_at(e); e++) {
		crypt_engine_use(crypt_engine_at(e));
		for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
			m.size = sizes[i];
			printf("%-10s%10zu", hash_engine(), m.size);
			printf("%10.2f", speed(&m, sha256, runs, seconds));
			printf("%10.2f", speed(&m, leaves, runs, seconds));
			printf("%10.2f", speed(&m, small_trees, runs, seconds));
			printf("%10.2f", speed(&m, seal, runs, seconds));
			printf("%10.2f\n", speed(&m, open_seal, runs, seconds));
			fflush(stdout);
		}
	}
	return 0;
}
