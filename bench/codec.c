/* SPDX-License-Identifier: MIT */
/*
 * codec.c - the codec beside others, in one run, as ratios.
 *
 *     codec [--quick] [--sections limits,hot,stream,setup,avx2]
 *
 * Data GB/s = k * block size / time. *hot*: the same stripe again and again; *stream*: stripes that
 * rotate over 512 MiB. Blocks lie block size + 64 bytes apart. Every codec is measured in turn,
 * ROUNDS times; rates are medians, and a ratio is the median of the ratios of single rounds, which
 * a machine that changes its speed does not move. Rates of the machine's limits are best values.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sherd/fec.h>
#include "bench.h"

#define ROUNDS_MAX 9
#define CODECS_MAX 3
#define STREAM_BYTES ((size_t)512 << 20)
#define THREADS_MAX 2
#define ZFEC_SLOW (8 << 20) /* products k * p * block size above which zfec gets smaller blocks */

static const unsigned codes[][2] = {
	{3, 10}, {4, 6}, {6, 12}, {10, 14}, {17, 20}, {94, 100}, {128, 256}};
static const size_t block_sizes[] = {4096, 65536, 1 << 20};
static int rounds = 5;
static double window = 0.03; /* seconds of one measurement */
static struct bench_limits limits;

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Encode, or decode with the most data shares lost. Free task->rows. */
static struct bench_task task_of(unsigned k, unsigned m, bool decode, bool stream)
{
	struct bench_task t = {.k = k, .m = m, .stream = stream};
	unsigned lost = m - k < k ? m - k : k;

	if (!decode) {
		t.wanted_count = m - k;
		for (unsigned j = 0; j < k; j++)
			t.known[j] = j;
		for (unsigned w = 0; w < t.wanted_count; w++)
			t.wanted[w] = k + w;
	} else {
		t.wanted_count = lost;
		/* present data shares stand at their own index, as zfec wants them */
		for (unsigned j = 0; j < k; j++)
			t.known[j] = j < lost ? k + j : j;
		for (unsigned w = 0; w < lost; w++)
			t.wanted[w] = w;
	}
	t.rows = bench_rows(&t);
	return t;
}

/* The stripes of one thread. */
struct stripes {
	uint8_t *memory;
	size_t memory_size, size, count, next;
	unsigned m;
};

static struct stripes stripes_new(unsigned m, size_t size, bool stream)
{
	size_t stripe = (size + 64) * m;
	struct stripes s = {.size = size, .m = m, .count = stream ? STREAM_BYTES / stripe : 1};

	s.count = s.count ? s.count : 1;
	s.memory_size = s.count * stripe + 4096;
	s.memory = bench_memory(s.memory_size);
	for (size_t i = 0; i + 4 <= s.memory_size; i += 4) {
		uint32_t word = (uint32_t)i * 2654435761u;

		memcpy(s.memory + i, &word, 4);
	}
	return s;
}

/* The blocks of the next stripe, in the order of the task's lists. */
static void stripes_next(
	struct stripes *s, const struct bench_task *task, uint8_t **ret_known, uint8_t **ret_wanted)
{
	uint8_t *p = s->memory + s->next * (s->size + 64) * s->m;

	for (unsigned i = 0; i < task->k; i++)
		ret_known[i] = p + task->known[i] * (s->size + 64);
	for (unsigned i = 0; i < task->wanted_count; i++)
		ret_wanted[i] = p + task->wanted[i] * (s->size + 64);
	s->next = (s->next + 1) % s->count;
}

/* One measurement by one thread. */
struct measurement {
	const struct bench_codec *codec;
	void *ready;
	const struct bench_task *task;
	struct stripes *stripes;
	size_t size; /* of the blocks used: may be less than the stripes have */
	pthread_barrier_t *barrier;
	double rate;
};

static void *measure(void *argument)
{
	struct measurement *m = argument;
	const size_t stripe = m->size * m->task->k;
	const int batch = stripe < 65536 ? 32 : stripe < (1 << 22) ? 4 : 1;
	uint8_t *known[SHARES_MAX], *wanted[SHARES_MAX];
	double start, now;
	long runs = 0;

	stripes_next(m->stripes, m->task, known, wanted);
	pthread_barrier_wait(m->barrier);
	start = bench_now();
	do {
		for (int i = 0; i < batch; i++, runs++) {
			if (m->stripes->count > 1)
				stripes_next(m->stripes, m->task, known, wanted);
			m->codec->run(m->ready, known, wanted, m->size);
		}
		now = bench_now();
	} while (now - start < window);
	m->rate = (double)runs * (double)stripe / (now - start) / 1e9;
	return NULL;
}

static double rate_by(const struct bench_codec *codec, void *ready, const struct bench_task *task,
	struct stripes *stripes, size_t size, int threads)
{
	pthread_barrier_t barrier;
	struct measurement m[THREADS_MAX];
	pthread_t id[THREADS_MAX];
	double sum = 0;

	pthread_barrier_init(&barrier, NULL, (unsigned)threads);
	for (int i = 0; i < threads; i++) {
		m[i] = (struct measurement){codec, ready, task, &stripes[i], size, &barrier, 0};
		if (i)
			pthread_create(&id[i], NULL, measure, &m[i]);
	}
	measure(&m[0]);
	for (int i = 1; i < threads; i++)
		pthread_join(id[i], NULL);
	for (int i = 0; i < threads; i++)
		sum += m[i].rate;
	pthread_barrier_destroy(&barrier);
	return sum;
}

/* Medians of each codec's rates, and of its first's rate divided by each other's, round by round.
 */
struct row {
	double rate[CODECS_MAX], ratio[CODECS_MAX];
};

static struct row compare(const struct bench_codec *const *codecs, int count,
	const struct bench_task *task, struct stripes *stripes, int threads)
{
	double rate[CODECS_MAX][ROUNDS_MAX], ratio[ROUNDS_MAX];
	void *ready[CODECS_MAX];
	struct row row = {0};

	for (int c = 0; c < count; c++)
		ready[c] = codecs[c]->prepare(task);
	for (int round = 0; round < rounds; round++) {
		for (int c = 0; c < count; c++) {
			size_t size = stripes->size;

			/* zfec needs minutes for the largest; its speed does not depend on the size
			 */
			if (codecs[c] == &bench_zfec)
				while (size > 4096 &&
					size * task->k * task->wanted_count > ZFEC_SLOW)
					size /= 2;
			rate[c][round] = ready[c] ? rate_by(codecs[c], ready[c], task, stripes,
							    size, threads)
						  : 0;
		}
	}
	for (int c = count - 1; c >= 0; c--) {
		for (int i = 0; i < rounds; i++)
			ratio[i] = rate[c][i] > 0 ? rate[0][i] / rate[c][i] : 0;
		row.ratio[c] = bench_median(ratio, (size_t)rounds);
	}
	for (int c = 0; c < count; c++) {
		row.rate[c] = bench_median(rate[c], (size_t)rounds);
		if (ready[c])
			codecs[c]->release(ready[c]);
	}
	return row;
}

/* At best: the multiplier's limit, and for streams also the time to read and to store. */
static double limit_of(const struct bench_task *t, bool stream)
{
	double issue = limits.gfni_per_second * 64 / t->wanted_count / 1e9;
	double memory =
		1 / (1 / limits.read_memory + t->wanted_count / (double)t->k / limits.store_memory);

	return stream && (memory < issue || issue == 0) ? memory : issue;
}

static void table(const char *title, const struct bench_codec *const *codecs, int count,
	size_t size, bool stream, bool decode, int threads)
{
	printf("\n%s, blocks of %zu KiB, %d thread%s\n", title, size >> 10, threads,
		threads > 1 ? "s" : "");
	printf("   k    m ");
	for (int c = 0; c < count; c++)
		printf("%14s", codecs[c]->name);
	for (int c = 1; c < count; c++)
		printf("  / %-12s", codecs[c]->name);
	printf("   limit  reached\n");
	for (size_t i = 0; i < COUNT(codes); i++) {
		struct bench_task task = task_of(codes[i][0], codes[i][1], decode, stream);
		struct stripes stripes[THREADS_MAX];

		for (int t = 0; t < threads; t++)
			stripes[t] = stripes_new(task.m, size, stream);
		struct row row = compare(codecs, count, &task, stripes, threads);
		double limit = limit_of(&task, stream) * threads;

		printf("%4u %4u ", task.k, task.m);
		for (int c = 0; c < count; c++)
			printf("%14.2f", row.rate[c]);
		for (int c = 1; c < count; c++)
			printf("  %-14.2f", row.ratio[c]);
		printf("%8.1f  %5.0f %%\n", limit, limit > 0 ? 100 * row.rate[0] / limit : 0);
		fflush(stdout);
		for (int t = 0; t < threads; t++)
			munmap(stripes[t].memory, stripes[t].memory_size);
		free((void *)(uintptr_t)task.rows);
	}
}

/*
 * Rows that the goals speak of: 4 KiB, three to six outputs from ten sources or more. The limit is
 * measured anew beside each measurement, so that both see the same clock.
 */
static void issue_limit_table(void)
{
	static const unsigned pairs[][2] = {
		{10, 13}, {10, 14}, {10, 15}, {10, 16}, {17, 20}, {32, 36}, {64, 69}, {94, 100}};

	printf("\nencode, hot, blocks of 4 KiB, 1 thread, against one multiplication a cycle "
	       "(measured beside it)\n   k    m         sherd    limit  reached\n");
	for (size_t i = 0; i < COUNT(pairs) && limits.gfni_per_second > 0; i++) {
		struct bench_task task = task_of(pairs[i][0], pairs[i][1], false, false);
		struct stripes stripes = stripes_new(task.m, 4096, false);
		void *ready = bench_sherd.prepare(&task);
		double rate[ROUNDS_MAX], limit[ROUNDS_MAX], reached[ROUNDS_MAX];

		for (int r = 0; r < rounds; r++) {
			limit[r] = bench_gfni_per_second(window / 4) * 64 / task.wanted_count / 1e9;
			rate[r] = rate_by(&bench_sherd, ready, &task, &stripes, 4096, 1);
			reached[r] = rate[r] / limit[r];
		}
		printf("%4u %4u %13.2f %8.1f  %5.0f %%\n", task.k, task.m,
			bench_median(rate, (size_t)rounds), bench_median(limit, (size_t)rounds),
			100 * bench_median(reached, (size_t)rounds));
		bench_sherd.release(ready);
		munmap(stripes.memory, stripes.memory_size);
		free((void *)(uintptr_t)task.rows);
	}
}

static void setup_table(void)
{
	printf("\ntime to set up the worst decode, microseconds (median, largest of 201)\n");
	for (size_t i = 0; i < COUNT(codes); i++) {
		struct bench_task t = task_of(codes[i][0], codes[i][1], true, false);
		struct sherd_fec *code;
		double us[201], most = 0;

		if (sherd_fec_new(t.k, t.m, NULL, &code, NULL))
			exit(1);
		for (size_t n = 0; n < COUNT(us); n++) {
			struct sherd_fec_plan *plan;
			double start = bench_now();

			if (sherd_fec_plan_new(
				    code, t.known, t.wanted, t.wanted_count, &plan, NULL))
				exit(1);
			us[n] = (bench_now() - start) * 1e6;
			most = us[n] > most ? us[n] : most;
			sherd_fec_plan_free(plan);
		}
		printf("%4u %4u %8.1f %8.1f\n", t.k, t.m, bench_median(us, COUNT(us)), most);
		sherd_fec_free(code);
		free((void *)(uintptr_t)t.rows);
	}
}

static void print_limits(void)
{
	printf("machine, one thread, best of 5: GFNI %.2f G products of 64 bytes a second; "
	       "GB/s: read %.1f (16 KiB), %.1f (8 MiB), %.1f (512 MiB); memcpy %.1f (256 MiB); "
	       "store %.1f\n",
		limits.gfni_per_second / 1e9, limits.read_level1, limits.read_level3,
		limits.read_memory, limits.copy_memory, limits.store_memory);
	printf("kernels here, fastest first:");
	for (size_t i = 0; sherd_fec_kernel_name(i); i++)
		printf(" %s", sherd_fec_kernel_name(i));
	printf("\npython3-zfec: the C core of Debian's package as it is built; at its best flags "
	       "it is about twice as fast");
	printf("\nrates: data GB/s, medians of %d rounds; limit: the multiplier, and for streams "
	       "reading and storing as well\n",
		rounds);
}

int main(int argc, char **argv)
{
	static const struct bench_codec *const all[] = {&bench_sherd, &bench_isal, &bench_zfec};
	static const struct bench_codec *const avx2[] = {&bench_sherd_avx2, &bench_isal_avx2};
	const char *sections = "limits,hot,stream,setup,avx2";

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0) {
			rounds = 3;
			window = 0.01;
		} else if (strcmp(argv[i], "--sections") == 0 && i + 1 < argc) {
			sections = argv[++i];
		} else {
			fprintf(stderr, "usage: codec [--quick] [--sections LIST]\n");
			return 2;
		}
	}
	bench_measure_limits(&limits);
	print_limits();
	if (strstr(sections, "limits"))
		issue_limit_table();
	for (int stream = 0; stream < 2; stream++) {
		if (!strstr(sections, stream ? "stream" : "hot"))
			continue;
		for (int threads = 1; threads <= THREADS_MAX; threads++)
			for (int decode = 0; decode < 2; decode++)
				for (size_t b = 0; b < COUNT(block_sizes); b++) {
					char title[64];

					snprintf(title, sizeof(title), "%s, %s",
						decode ? "decode, most data shares lost" : "encode",
						stream ? "from memory" : "hot");
					table(title, all, 3, block_sizes[b], stream, decode,
						threads);
				}
	}
	if (strstr(sections, "setup"))
		setup_table();
	if (strstr(sections, "avx2"))
		for (size_t b = 0; b < 2; b++)
			table("encode, hot, AVX2 only", avx2, 2, block_sizes[b], false, false, 1);
	return 0;
}
