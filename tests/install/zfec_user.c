/* SPDX-License-Identifier: MIT */
/*
 * zfec_user.c - a program as people write them for zfec's fec.h, plain C99, knowing nothing of
 * sherd: encodes, loses, decodes, keeping the rules that zfec set (primaries at their own index,
 * outputs compacted). Its argument is tests/golden/raw-encoder.txt: every block must be zfec's own.
 * Beyond that it does what made zfec crash.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fec.h"

#define BLOCKS 256
#define SIZE 64 /* longest block of the table */
#define RECORDS 71
#define LINE 80000 /* longest line of the table */
#define THREADS 4

static void need(int condition, const char *what)
{
	if (condition)
		return;
	printf("failed: %s\n", what);
	exit(1);
}

struct record {
	unsigned short k, m;
	size_t size;
	gf blocks[BLOCKS][SIZE];
};

/* The next field of a line as ${size} bytes; '-' is none. */
static char *read_hex(char *text, gf *bytes, size_t size)
{
	size_t i;
	unsigned value;

	if (*text == '-')
		return text + 2;
	for (i = 0; i < size; i++) {
		need(sscanf(text + 2 * i, "%2x", &value) == 1, "table: a byte");
		bytes[i] = (gf)value;
	}
	return text + 2 * size + 1;
}

static int read_record(FILE *file, struct record *r)
{
	static char line[LINE];
	static gf data[BLOCKS * SIZE];
	char *text = line;
	unsigned i;

	do {
		if (!fgets(line, sizeof(line), file))
			return 0;
		need(strchr(line, '\n') != NULL, "table: a whole line");
	} while (line[0] == '#');
	r->k = (unsigned short)strtoul(text, &text, 10);
	r->m = (unsigned short)strtoul(text, &text, 10);
	r->size = strtoul(text, &text, 10);
	need(r->k >= 1 && r->k <= r->m && r->m <= BLOCKS && r->size <= SIZE, "table: numbers");
	text = read_hex(text + 1, data, r->k * r->size);
	for (i = 0; i < r->k; i++)
		memcpy(r->blocks[i], data + i * r->size, r->size);
	for (i = r->k; i < r->m; i++)
		text = read_hex(text, r->blocks[i], r->size);
	return 1;
}

/* Check blocks one at a time, all at once, and backwards with one of them twice. */
static void encode(const fec_t *code, const struct record *r)
{
	static gf made[BLOCKS + 1][SIZE];
	const gf *in[BLOCKS];
	gf *out[BLOCKS + 1];
	unsigned numbers[BLOCKS + 1];
	unsigned i, n = (unsigned)r->m - r->k;

	for (i = 0; i < r->k; i++)
		in[i] = r->blocks[i];
	for (i = 0; i <= n; i++)
		out[i] = made[i];
	for (i = 0; i < n; i++) {
		numbers[0] = r->k + i;
		fec_encode(code, in, out, numbers, 1, r->size);
		need(memcmp(made[0], r->blocks[r->k + i], r->size) == 0, "encode of one block");
	}
	for (i = 0; i < n; i++)
		numbers[i] = r->m - 1 - i;
	numbers[n] = numbers[0];
	memset(made, 0, sizeof(made));
	fec_encode(code, in, out, numbers, n ? n + 1 : 0, r->size);
	for (i = 0; i < n + (n > 0); i++)
		need(memcmp(made[i], r->blocks[numbers[i]], r->size) == 0, "encode of all blocks");
}

/*
 * Lose the primaries that ${lost} names and decode from the check blocks with the highest numbers:
 * a primary that is left stands at its index, the check blocks fill the holes.
 */
static void decode(const fec_t *code, const struct record *r, const char *lost)
{
	gf(*made)[SIZE] = calloc(BLOCKS, SIZE);
	const gf *in[BLOCKS];
	gf *out[BLOCKS];
	unsigned index[BLOCKS], missing[BLOCKS];
	unsigned i, n = 0;

	need(made != NULL, "memory");
	for (i = 0; i < r->k; i++) {
		index[i] = i;
		if (lost[i]) {
			missing[n] = i;
			index[i] = r->m - ++n;
		}
		in[i] = r->blocks[index[i]];
	}
	for (i = 0; i < n; i++)
		out[i] = made[i];
	fec_decode(code, in, out, index, r->size);
	for (i = 0; i < n; i++)
		need(memcmp(made[i], r->blocks[missing[i]], r->size) == 0, "decode");
	free(made);
}

static void decode_sets(const fec_t *code, const struct record *r)
{
	char lost[BLOCKS];
	unsigned i, most = (unsigned)r->m - r->k < r->k ? (unsigned)r->m - r->k : r->k;

	memset(lost, 0, sizeof(lost));
	decode(code, r, lost);
	for (i = 0; i < most; i++)
		lost[i] = 1;
	decode(code, r, lost);
	memset(lost, 0, sizeof(lost));
	for (i = 0; i < most; i++)
		lost[r->k - 1 - i] = 1;
	decode(code, r, lost);
	memset(lost, 0, sizeof(lost));
	for (i = 0; i < most; i++)
		lost[i * r->k / most] = 1;
	decode(code, r, lost);
}

struct job {
	const fec_t *code;
	const struct record *record;
};

static void *worker(void *argument)
{
	const struct job *job = argument;
	unsigned round;

	for (round = 0; round < 50; round++) {
		encode(job->code, job->record);
		decode_sets(job->code, job->record);
	}
	return NULL;
}

/* One code, many threads. encode() keeps its blocks in one place, so the threads only decode. */
static void *decoder(void *argument)
{
	const struct job *job = argument;
	unsigned round;

	for (round = 0; round < 200; round++)
		decode_sets(job->code, job->record);
	return NULL;
}

static void threads(const struct record *r)
{
	pthread_t thread[THREADS];
	struct job job;
	fec_t *code = fec_new(r->k, r->m);
	unsigned i;

	need(code != NULL, "fec_new");
	job.code = code;
	job.record = r;
	for (i = 0; i < THREADS; i++)
		need(pthread_create(&thread[i], NULL, i ? decoder : worker, &job) == 0, "thread");
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	fec_free(code);
}

static void structure(const fec_t *code, const struct record *r)
{
	unsigned i, j;

	need(code->k == r->k && code->n == r->m, "k and n of fec_t");
	need(code->magic == (0xFECC0DECUL ^ code->k ^ code->n ^ (unsigned long)code->enc_matrix),
		"magic of fec_t");
	for (i = 0; i < code->k; i++)
		for (j = 0; j < code->k; j++)
			need(code->enc_matrix[i * code->k + j] == (i == j), "identity");
}

/* What zfec answers with a crash, an endless loop or garbage. */
static void misuse(void)
{
	static gf block[8] = {1, 2, 3, 4, 5, 6, 7, 8}, made[300][8];
	const gf *in[3];
	gf *out[300];
	unsigned numbers[300], i;
	fec_t *code;

	errno = 0;
	need(!fec_new(4, 3) && errno == EINVAL, "k above m is refused");
	errno = 0;
	need(!fec_new(0, 3) && errno == EINVAL, "k of 0 is refused");
	need(!fec_new(3, 257), "m above 256 is refused");
	code = fec_new(3, 10);
	need(code != NULL, "fec_new(3, 10)");
	for (i = 0; i < 3; i++)
		in[i] = block;
	for (i = 0; i < 300; i++) {
		out[i] = made[i];
		numbers[i] = 4;
	}
	fec_encode(code, in, out, numbers, 300, 8);
	for (i = 1; i < 300; i++)
		need(memcmp(made[0], made[i], 8) == 0, "300 times the same block");
	memset(made, 0xee, sizeof(made));
	numbers[0] = 10;
	errno = 0;
	fec_encode(code, in, out, numbers, 1, 8);
	need(errno == EINVAL && made[0][0] == 0xee, "encode of block m is refused");
	numbers[0] = numbers[1] = 0;
	numbers[2] = 5;
	errno = 0;
	fec_decode(code, in, out, numbers, 8);
	need(errno == EINVAL && made[0][0] == 0xee, "decode of a block twice is refused");
	fec_free(code);
	fec_free(NULL);
}

int main(int argc, char **argv)
{
	static struct record record;
	FILE *table = argc == 2 ? fopen(argv[1], "r") : NULL;
	unsigned records = 0;

	need(table != NULL, "open the table");
	fec_init();
	fec_init();
	while (read_record(table, &record)) {
		fec_t *code = fec_new(record.k, record.m);

		need(code != NULL, "fec_new");
		structure(code, &record);
		encode(code, &record);
		decode_sets(code, &record);
		fec_free(code);
		if (record.size == 17)
			threads(&record);
		records++;
	}
	fclose(table);
	need(records == RECORDS, "number of records");
	misuse();
	return 0;
}
