/* SPDX-License-Identifier: MIT */
/*
 * standalone.c - a main() for fuzz targets without libFuzzer: each file named, and each file in a
 * folder named, is one input. So a corpus runs as an ordinary test, with any compiler.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define INPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static unsigned long inputs;

static void run_file(const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t *buffer = malloc(INPUT_MAX);
	uint8_t *bytes = NULL;
	size_t size;

	if (!file || !buffer) {
		perror(path);
		exit(1);
	}
	size = fread(buffer, 1, INPUT_MAX, file);
	/* A block of exactly that size: a sanitizer sees every byte read too much. */
	bytes = realloc(buffer, size ? size : 1);
	if (ferror(file) || !bytes) {
		perror(path);
		exit(1);
	}
	fclose(file);
	LLVMFuzzerTestOneInput(bytes, size);
	free(bytes);
	inputs++;
}

static void run_folder(const char *path, DIR *folder)
{
	struct dirent *entry;

	while ((entry = readdir(folder))) {
		char name[4096];

		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >=
			(int)sizeof(name)) {
			fprintf(stderr, "%s: name too long\n", path);
			exit(1);
		}
		run_file(name);
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);

		if (folder) {
			run_folder(argv[i], folder);
			closedir(folder);
		} else {
			run_file(argv[i]);
		}
	}
	printf("%lu inputs\n", inputs);
	return inputs ? 0 : 1;
}
