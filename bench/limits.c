/* SPDX-License-Identifier: MIT */
/* limits.c - what the machine itself can do: the ceilings under which any codec works. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "bench.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define ROUNDS 5

double bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

uint8_t *bench_memory(size_t size)
{
	size_t whole = (size + 2 * HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	uint8_t *p = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("bench: memory");
		exit(1);
	}
	madvise(p, whole, MADV_HUGEPAGE);
	return (uint8_t *)(((uintptr_t)p + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx512f,gfni"))) static double multiply_for(double seconds)
{
	enum { CHAINS = 8, STEPS = 20000 };
	__m512i a = _mm512_set1_epi8(1), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
	const __m512i m = _mm512_set1_epi64(0x0102040810204080);
	double start = bench_now(), now;
	double done = 0;

	do {
		for (int i = 0; i < STEPS; i++) {
#define STEP(x) __asm__ volatile("vgf2p8affineqb $0, %1, %0, %0" : "+v"(x) : "v"(m))
			STEP(a);
			STEP(b);
			STEP(c);
			STEP(d);
			STEP(e);
			STEP(f);
			STEP(g);
			STEP(h);
		}
		done += (double)CHAINS * STEPS;
		now = bench_now();
	} while (now - start < seconds);
	return done / (now - start);
}

__attribute__((target("avx512f"))) static void read_all(const uint8_t *p, size_t size)
{
	__m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;

	for (size_t i = 0; i + 256 <= size; i += 256) {
		a = _mm512_or_si512(a, _mm512_load_si512(p + i));
		b = _mm512_or_si512(b, _mm512_load_si512(p + i + 64));
		c = _mm512_or_si512(c, _mm512_load_si512(p + i + 128));
		d = _mm512_or_si512(d, _mm512_load_si512(p + i + 192));
	}
	__asm__ volatile("" : : "v"(a), "v"(b), "v"(c), "v"(d));
}

__attribute__((target("avx512f"))) static void store_all(uint8_t *p, size_t size)
{
	for (size_t i = 0; i + 64 <= size; i += 64)
		_mm512_stream_si512((void *)(p + i), _mm512_setzero_si512());
	_mm_sfence();
}

static bool has_wide_registers(void)
{
	return __builtin_cpu_supports("avx512f");
}

static bool has_gfni(void)
{
	return has_wide_registers() && __builtin_cpu_supports("gfni");
}
#else
static double multiply_for(double seconds)
{
	return 0 * seconds;
}
#define has_wide_registers() false
#define has_gfni() false
#define read_all(p, size) ((void)(p), (void)(size))
#define store_all(p, size) ((void)(p), (void)(size))
#endif

double bench_gfni_per_second(double seconds)
{
	return has_gfni() ? multiply_for(seconds) : 0;
}

static void read_plain(const uint8_t *p, size_t size)
{
	uint64_t sum = 0, word;

	for (size_t i = 0; i + 8 <= size; i += 8) {
		memcpy(&word, p + i, 8);
		sum |= word;
	}
	__asm__ volatile("" : : "r"(sum));
}

/* Best GB/s of a few rounds over ${size} bytes, each going over them until ${total} are through. */
static double rate_of(void (*job)(uint8_t *, size_t), uint8_t *p, size_t size, size_t total)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		double start = bench_now();

		for (size_t done = 0; done < total; done += size)
			job(p, size);
		double rate = (double)total / (bench_now() - start) / 1e9;
		best = rate > best ? rate : best;
	}
	return best;
}

static void read_job(uint8_t *p, size_t size)
{
	if (has_wide_registers())
		read_all(p, size);
	else
		read_plain(p, size);
}

static void store_job(uint8_t *p, size_t size)
{
	if (has_wide_registers())
		store_all(p, size);
	else
		memset(p, 0, size);
}

static void copy_job(uint8_t *p, size_t size)
{
	memcpy(p, p + size, size);
}

void bench_measure_limits(struct bench_limits *l)
{
	const size_t all = (size_t)512 << 20;
	uint8_t *p = bench_memory(all);

	memset(p, 1, all);
	l->gfni_per_second = 0;
	for (int round = 0; round < ROUNDS; round++) {
		double rate = bench_gfni_per_second(0.005);

		l->gfni_per_second = rate > l->gfni_per_second ? rate : l->gfni_per_second;
	}
	l->read_memory = rate_of(read_job, p, all, all);
	l->read_level3 = rate_of(read_job, p, 8 << 20, all);
	l->read_level1 = rate_of(read_job, p, 16 << 10, all);
	l->copy_memory = rate_of(copy_job, p, all / 2, all / 2);
	l->store_memory = rate_of(store_job, p, all, all);
	munmap(p, all);
}
