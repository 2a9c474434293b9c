/* SPDX-License-Identifier: MIT */
/*
 * fec_user.c - a stranger's program for <sherd/fec.h> and <sherd/zfec.h>, plain C99: makes ten
 * shares of three blocks, loses seven, restores them, finds a wrong one, and misuses the interface.
 */
#include <sherd/fec.h>
#include <sherd/zfec.h>
#include <stdio.h>
#include <string.h>

#define K 3
#define M 10
#define SIZE 100003

static uint8_t shares[M][SIZE];
static uint8_t restored[M][SIZE];

#define NEED(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("line %d: %s; %s\n", __LINE__, #condition, err.message);            \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static int encode_and_restore(const struct sherd_fec *code, struct sherd_workers *workers)
{
	static const unsigned known[K] = {8, 4, 9};
	unsigned wanted[M];
	const uint8_t *in[M];
	uint8_t *out[M];
	struct sherd_error err = {0, 0, ""};
	struct sherd_fec_plan *plan = NULL;
	struct sherd_fec_options options = {0, NULL};
	unsigned i;

	options.workers = workers;
	for (i = 0; i < M; i++) {
		in[i] = shares[i];
		out[i] = shares[i];
		wanted[i] = i;
	}
	NEED(sherd_fec_plan_encode(code, &plan, &err) == 0);
	NEED(sherd_fec_plan_known_count(plan) == K && sherd_fec_plan_wanted_count(plan) == M - K);
	NEED(sherd_fec_run(plan, in, out + K, SIZE, &options, &err) == 0);
	sherd_fec_plan_free(plan);
	plan = NULL;

	for (i = 0; i < K; i++)
		in[i] = shares[known[i]];
	for (i = 0; i < M; i++)
		out[i] = restored[i];
	NEED(sherd_fec_plan_new(code, known, wanted, M, &plan, &err) == 0);
	options.stream = 1;
	NEED(sherd_fec_run(plan, in, out, SIZE, &options, &err) == 0);
	NEED(memcmp(shares, restored, sizeof(shares)) == 0);
	sherd_fec_plan_free(plan);
	return 0;
}

static int find_wrong_share(const struct sherd_fec *code)
{
	static const unsigned held[5] = {0, 1, 5, 7, 9};
	struct sherd_error err = {0, 0, ""};
	const uint8_t *in[5];
	uint8_t wrong[5];
	size_t wrong_count = 0;
	unsigned i;

	for (i = 0; i < 5; i++)
		in[i] = shares[held[i]];
	NEED(sherd_fec_locate(code, held, in, 5, SIZE, wrong, &wrong_count, &err) == 0);
	NEED(wrong_count == 0);
	shares[5][SIZE - 1] ^= 0x40;
	NEED(sherd_fec_locate(code, held, in, 5, SIZE, wrong, &wrong_count, &err) == 0);
	NEED(wrong_count == 1 && wrong[2] == 1);
	return 0;
}

static int misuse(const struct sherd_fec *code)
{
	static const unsigned twice[K] = {1, 2, 1}, beyond[K] = {0, 1, M}, wanted[1] = {0};
	struct sherd_error err = {0, 0, ""};
	struct sherd_fec_plan *plan = NULL;
	struct sherd_fec *none = NULL;

	NEED(sherd_fec_new(4, 3, NULL, &none, &err) == SHERD_INVALID && !none && err.message[0]);
	NEED(sherd_fec_new(0, 3, NULL, &none, NULL) == SHERD_INVALID && !none);
	NEED(sherd_fec_new(3, 257, NULL, &none, &err) == SHERD_INVALID);
	NEED(sherd_fec_new(3, 4, "abacus", &none, &err) == SHERD_UNSUPPORTED);
	NEED(sherd_fec_plan_new(code, twice, wanted, 1, &plan, &err) == SHERD_INVALID && !plan);
	NEED(sherd_fec_plan_new(code, beyond, wanted, 1, &plan, &err) == SHERD_INVALID && !plan);
	NEED(sherd_code_class(SHERD_INVALID) == SHERD_CLASS_USAGE);
	NEED(sherd_code_text(SHERD_INVALID)[0]);
	return 0;
}

static int header(void)
{
	struct sherd_zfec_header h = {3, 8, 0, 0}, again;
	struct sherd_error err = {0, 0, ""};
	uint8_t bytes[SHERD_ZFEC_HEADER_MAX];
	size_t size = 0, read = 0;

	NEED(sherd_zfec_header_write(&h, bytes, &size, &err) == 0);
	NEED(size == 2 && size == sherd_zfec_header_size(3, 8));
	NEED(bytes[0] == 0x07 && bytes[1] == 0x40);
	NEED(sherd_zfec_header_read(bytes, size, &again, &read, &err) == 0 && read == 2);
	NEED(again.k == 3 && again.m == 8 && again.pad == 0 && again.share == 0);
	return 0;
}

int main(void)
{
	struct sherd_error err = {0, 0, ""};
	struct sherd_workers *workers = NULL;
	struct sherd_fec *code = NULL;
	unsigned i;
	int r;

	for (i = 0; i < K * SIZE; i++)
		shares[i / SIZE][i % SIZE] = (uint8_t)(i * 2654435761U >> 24);
	NEED(sherd_fec_new(K, M, NULL, &code, &err) == 0);
	NEED(sherd_workers_new(2, &workers, &err) == 0);
	NEED(sherd_workers_count(workers) == 2);
	r = encode_and_restore(code, NULL) || encode_and_restore(code, workers) || misuse(code) ||
	    header() || find_wrong_share(code);
	sherd_workers_free(workers);
	sherd_fec_free(code);
	return r;
}
