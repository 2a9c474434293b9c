/* SPDX-License-Identifier: MIT */
/*
 * fuzz_zunfec.c - any set of share files into a decode. Input: a byte whose low 3 bits are the
 * number of files less one, then for each file its length in two bytes, low one first, and its
 * bytes; what is missing at the end is empty.
 *
 * Nothing may crash, hang or leak; and if the decode succeeds, every share file that it did not
 * leave out must be what encoding its output gives: then no wrong byte went in or out.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <base/env.h>
#include <base/intmath.h>
#include <sherd/fec.h>
#include <sherd/zfec.h>

#define FILES_MAX 8
#define LENGTH_MAX 4096 /* of a file: one segment, which the oracle relies on */
#define OUTPUT_MAX ((size_t)FILES_MAX * LENGTH_MAX) /* k is at most the number of files */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct share_file {
	const uint8_t *bytes;
	size_t size;
	int fd; /* a memory file, kept from input to input */
	char path[40];
	bool left_out;
};

static struct share_file files[FILES_MAX];
static uint8_t output[OUTPUT_MAX];
static size_t output_size;

static void must(int condition)
{
	if (!condition)
		abort();
}

/* The environment of the decode: what it writes to its output ends in ${output}. */
static ssize_t keep_output(void *context, int fd, const void *buffer, size_t size)
{
	(void)context;
	(void)fd;
	must(size <= OUTPUT_MAX - output_size);
	memcpy(output + output_size, buffer, size);
	output_size += size;
	return (ssize_t)size;
}

static void note(void *context, enum sherd_zfec_verdict verdict, const char *path, const char *why)
{
	(void)context;
	must(verdict <= SHERD_ZFEC_WRONG && why[0]);
	for (size_t i = 0; i < FILES_MAX; i++) {
		if (path != files[i].path)
			continue;
		must(!files[i].left_out);
		files[i].left_out = true;
	}
}

static void open_files(void)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		files[i].fd = memfd_create("share", MFD_CLOEXEC);
		must(files[i].fd >= 0);
		snprintf(files[i].path, sizeof(files[i].path), "/proc/self/fd/%d", files[i].fd);
	}
}

/* Cut the input into files; returns their number. */
static size_t cut(const uint8_t *bytes, size_t size)
{
	size_t count = (bytes[0] & 7) + 1;
	const uint8_t *end = bytes + size;

	bytes++;
	for (size_t i = 0; i < count; i++) {
		size_t length = 0;

		if (end - bytes >= 2) {
			length = bytes[0] | (size_t)bytes[1] << 8;
			bytes += 2;
		}
		length = INT_MIN_OF(length, (size_t)(end - bytes));
		length = INT_MIN_OF(length, (size_t)LENGTH_MAX);
		files[i].bytes = bytes;
		files[i].size = length;
		files[i].left_out = false;
		must(ftruncate(files[i].fd, 0) == 0);
		must(pwrite(files[i].fd, bytes, length, 0) == (ssize_t)length);
		bytes += length;
	}
	return count;
}

/* The share as encoding the output makes it; ${column} has room for the body. */
static void encode_share(unsigned k, unsigned m, unsigned share, size_t body, uint8_t *ret_column)
{
	static uint8_t padded[OUTPUT_MAX + FILES_MAX];
	const uint8_t *known[FILES_MAX];
	unsigned numbers[FILES_MAX];
	struct sherd_fec *code;
	struct sherd_fec_plan *plan;

	memset(padded, 0, sizeof(padded));
	memcpy(padded, output, output_size);
	for (unsigned i = 0; i < k; i++) {
		numbers[i] = i;
		known[i] = padded + i * body;
	}
	must(sherd_fec_new(k, m, "portable", &code, NULL) == 0);
	must(sherd_fec_plan_new(code, numbers, &share, 1, &plan, NULL) == 0);
	must(sherd_fec_run(plan, known, &ret_column, body, NULL, NULL) == 0);
	sherd_fec_plan_free(plan);
	sherd_fec_free(code);
}

static void check(size_t count, const struct sherd_zfec_decode_result *result)
{
	size_t used = 0, body = int_div_up(result->size, result->k);

	must(result->given == count && result->size == output_size);
	for (size_t i = 0; i < count; i++) {
		struct sherd_zfec_header h;
		uint8_t column[LENGTH_MAX];
		size_t taken;

		if (files[i].left_out)
			continue;
		used++;
		must(sherd_zfec_header_read(files[i].bytes, files[i].size, &h, &taken, NULL) == 0);
		must(h.k == result->k && h.m == result->m && taken + body == files[i].size);
		encode_share(h.k, h.m, h.share, body, column);
		must(memcmp(column, files[i].bytes + taken, body) == 0);
	}
	must(used >= result->k && count - used == result->left_out);
	must(!result->verified || used > result->k);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct sherd_env_files calls;
	static struct sherd_env env;
	struct sherd_zfec_decode_options options = {.threads = 1, .notice = note, .env = &env};
	struct sherd_zfec_decode_result result;
	struct sherd_error err = {0};
	const char *paths[FILES_MAX];
	size_t count;
	int r;

	if (!env.files) {
		open_files();
		env = *env_system();
		calls = *env.files;
		calls.write = keep_output;
		env.files = &calls;
	}
	if (!size)
		return 0;
	count = cut(bytes, size);
	for (size_t i = 0; i < count; i++)
		paths[i] = files[i].path;
	output_size = 0;
	r = sherd_zfec_decode(paths, count, "/dev/null", &options, &result, &err);
	if (r)
		must(err.code == r && err.message[0] && !output_size);
	else
		check(count, &result);
	return 0;
}
