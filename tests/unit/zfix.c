/* SPDX-License-Identifier: MIT */
/* zfix.c - files are small: whole buffers, plain system calls, and an assertion behind each. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/intmath.h>
#include <sherd/fec.h>

#include "naive.h"
#include "zfix.h"

#define CHUNK 4096

unsigned zfix_random(unsigned n)
{
	return random_below(n);
}

void zfix_fill(uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i += 4) {
		uint32_t word = random_below(UINT32_MAX);

		memcpy(bytes + i, &word, INT_MIN_OF(size - i, sizeof(word)));
	}
}

int zfix_setup(void **state)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	char *folder = mem_format("%s/sherd.XXXXXX", base);

	if (!folder || !mkdtemp(folder) || chdir(folder) != 0)
		return -1;
	*state = folder;
	umask(022);
	random_start();
	return 0;
}

int zfix_teardown(void **state)
{
	zfix_clear();
	if (chdir("/") != 0 || rmdir(*state) != 0)
		return -1;
	mem_free(*state);
	return 0;
}

static unsigned each_entry(bool delete)
{
	DIR *folder = opendir(".");
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		count++;
		if (delete)
			assert_int_equal(remove(entry->d_name), 0);
	}
	closedir(folder);
	return count;
}

void zfix_clear(void)
{
	each_entry(true);
}

unsigned zfix_entries(void)
{
	return each_entry(false);
}

static void write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t put = write(fd, bytes, size);

		assert_true(put > 0);
		bytes += put;
		size -= (size_t)put;
	}
}

void zfix_write(const char *path, const uint8_t *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	write_all(fd, bytes, size);
	close(fd);
}

bool zfix_is(const char *path, const uint8_t *bytes, size_t size)
{
	CLEANUP(mem_free_at) uint8_t *found = mem_array(size + 1, 1);
	int fd = open(path, O_RDONLY);
	size_t total = 0;
	ssize_t got = 1;

	assert_non_null(found);
	if (fd < 0)
		return false;
	while (got > 0 && total <= size) {
		got = read(fd, found + total, size + 1 - total);
		assert_true(got >= 0);
		total += (size_t)got;
	}
	close(fd);
	return total == size && memcmp(found, bytes, size) == 0;
}

bool zfix_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

int zfix_pipe(const uint8_t *bytes, size_t size)
{
	int ends[2];
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		/* In odd portions, so that reads come up short in odd places. */
		while (size) {
			size_t part = INT_MIN_OF(size, (size_t)70001);

			if (write(ends[1], bytes, part) != (ssize_t)part)
				_exit(1);
			bytes += part;
			size -= part;
		}
		_exit(0);
	}
	close(ends[1]);
	return ends[0];
}

void zfix_reap(void)
{
	while (wait(NULL) > 0)
		;
}

/* Where byte ${at} of the file is, as docs/format.md says. */
static uint8_t *data_byte(struct zfix *f, size_t at)
{
	size_t segment = (size_t)f->k * CHUNK;
	size_t s = at / segment, within = at % segment;
	size_t left = f->size - s * segment;
	size_t chunk = left >= segment ? CHUNK : (left + f->k - 1) / f->k;

	return &f->shares[within / chunk][f->header_size + s * CHUNK + within % chunk];
}

static void make_checks(struct zfix *f)
{
	const uint8_t *known[256];
	uint8_t *wanted[256];
	struct sherd_fec *code;
	struct sherd_fec_plan *plan;

	for (unsigned s = 0; s < f->m; s++) {
		if (s < f->k)
			known[s] = f->shares[s] + f->header_size;
		else
			wanted[s - f->k] = f->shares[s] + f->header_size;
	}
	assert_int_equal(sherd_fec_new(f->k, f->m, "portable", &code, NULL), 0);
	assert_int_equal(sherd_fec_plan_encode(code, &plan, NULL), 0);
	assert_int_equal(
		sherd_fec_run(plan, known, wanted, f->share_size - f->header_size, NULL, NULL), 0);
	sherd_fec_plan_free(plan);
	sherd_fec_free(code);
}

void zfix_make(struct zfix *f, unsigned k, unsigned m, size_t size)
{
	struct sherd_zfec_header header = {.k = k, .m = m, .pad = (unsigned)((k - size % k) % k)};

	*f = (struct zfix){.k = k, .m = m, .size = size};
	f->header_size = sherd_zfec_header_size(k, m);
	f->share_size = f->header_size + (size + k - 1) / k;
	f->bytes = mem_array(size, 1);
	assert_non_null(f->bytes);
	zfix_fill(f->bytes, size);
	for (header.share = 0; header.share < m; header.share++) {
		uint8_t bytes[SHERD_ZFEC_HEADER_MAX];
		size_t count;

		f->shares[header.share] = mem_array(f->share_size, 1);
		assert_non_null(f->shares[header.share]);
		assert_int_equal(sherd_zfec_header_write(&header, bytes, &count, NULL), 0);
		assert_int_equal(count, f->header_size);
		memcpy(f->shares[header.share], bytes, count);
	}
	for (size_t at = 0; at < size; at++)
		*data_byte(f, at) = f->bytes[at];
	make_checks(f);
}

void zfix_free(struct zfix *f)
{
	mem_free(f->bytes);
	for (unsigned s = 0; s < f->m; s++)
		mem_free(f->shares[s]);
}

char *zfix_path(const struct zfix *f, unsigned share, char buffer[ZFIX_PATH_SIZE])
{
	struct sherd_zfec_encode_options o = {.k = f->k, .m = f->m, .prefix = "f"};

	assert_true(sherd_zfec_share_name(&o, share, buffer, ZFIX_PATH_SIZE) < ZFIX_PATH_SIZE);
	return buffer;
}

void zfix_put(const struct zfix *f, unsigned share)
{
	char path[ZFIX_PATH_SIZE];

	zfix_write(zfix_path(f, share, path), f->shares[share], f->share_size);
}

void zfix_put_all(const struct zfix *f)
{
	for (unsigned s = 0; s < f->m; s++)
		zfix_put(f, s);
}

void zfix_notice(void *context, enum sherd_zfec_verdict verdict, const char *path, const char *why)
{
	struct zfix_notices *n = context;

	assert_non_null(why);
	assert_true(strlen(why) > 0);
	assert_true(n->count < ARRAY_COUNT(n->verdict));
	n->verdict[n->count] = verdict;
	snprintf(n->path[n->count++], ZFIX_PATH_SIZE, "%s", path);
}

int zfix_decode(const struct zfix *f, const unsigned *shares, size_t count, const char *output,
	const struct sherd_zfec_decode_options *options,
	struct sherd_zfec_decode_result *ret_result, struct sherd_error *err)
{
	char names[256][ZFIX_PATH_SIZE];
	const char *paths[256];

	assert_true(count <= 256);
	for (size_t i = 0; i < count; i++)
		paths[i] = zfix_path(f, shares[i], names[i]);
	return sherd_zfec_decode(paths, count, output, options, ret_result, err);
}

void zfix_choose(unsigned n, unsigned of, unsigned *ret)
{
	unsigned numbers[256];

	assert_true(n <= of && of <= 256);
	for (unsigned i = 0; i < of; i++)
		numbers[i] = i;
	for (unsigned i = 0; i < n; i++) {
		unsigned j = i + zfix_random(of - i);

		ret[i] = numbers[j];
		numbers[j] = numbers[i];
	}
}
