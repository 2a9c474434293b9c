/* SPDX-License-Identifier: MIT */
/* bench.h - pieces of the codec benchmark: the machine's limits, the codecs compared, stripes. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARES_MAX 256

/* Monotonic seconds. */
double bench_now(void);

/* Median of ${count} values, which are sorted. */
double bench_median(double *values, size_t count);

/* ${size} zeroed bytes in 2 MiB pages if the system gives them; ends the program if it has none. */
uint8_t *bench_memory(size_t size);

/* What this machine can do at best, each in GB/s but for the first. Each measured by one thread. */
struct bench_limits {
	double gfni_per_second; /* 64-byte gf2p8affineqb; 0 where there is none */
	double read_memory;     /* 512 MiB */
	double read_level3;     /* 8 MiB: beyond the second-level cache */
	double read_level1;     /* 16 KiB */
	double copy_memory;     /* memcpy of 256 MiB: bytes copied, not touched */
	double store_memory;    /* stores around the cache */
};
void bench_measure_limits(struct bench_limits *ret_limits);

/* 64-byte products a second at the multiplier's best, measured for ${seconds}; 0: there is none. */
double bench_gfni_per_second(double seconds);

/* One job for a codec: these shares wanted from those known. */
struct bench_task {
	unsigned k, m, wanted_count;
	unsigned known[SHARES_MAX], wanted[SHARES_MAX];
	const uint8_t *rows; /* coefficients, [wanted][known] */
	bool stream;         /* blocks come from memory: a codec may say so */
};

/* A codec in the comparison. */
struct bench_codec {
	const char *name;
	/* Make ready for a task; NULL if this codec cannot be had here. */
	void *(*prepare)(const struct bench_task *task);
	/* Blocks of ${size} bytes in the order of the task's lists. Any thread, concurrently. */
	void (*run)(void *ready, uint8_t **known, uint8_t **wanted, size_t size);
	void (*release)(void *ready);
};
extern const struct bench_codec bench_sherd, bench_sherd_avx2, bench_isal, bench_isal_avx2,
	bench_zfec;

/* Rows for a task, by our own code on unit vectors; free() them. */
uint8_t *bench_rows(const struct bench_task *task);

#endif
