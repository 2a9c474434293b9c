/* SPDX-License-Identifier: MIT */
/*
 * fuzz_pattern.c - lines of patterns, an empty line, and a path: refused as a whole, or every
 * question is answered, and a folder that may hold nothing holds nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <repo/pattern.h>

#define SIZE_MAX_HERE 1024
#define PATTERNS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* Lines become texts in place; what follows the empty line is the path. */
static size_t take_lines(char *text, const char **texts, char **ret_path)
{
	size_t count = 0;

	while (*text && *text != '\n' && count < PATTERNS_MAX) {
		texts[count++] = text;
		text += strcspn(text, "\n");
		if (*text)
			*text++ = '\0';
	}
	*ret_path = text + (*text == '\n');
	return count;
}

static void ask(const struct patterns *p, char *path)
{
	enum pattern_answer answer = patterns_ask(p, path, true);
	char *slash = strrchr(path, '/');

	patterns_ask(p, path, false);
	if (slash && slash != path && slash[1] && answer == PATTERN_MATCH && !strstr(path, "//")) {
		*slash = '\0';
		must(patterns_may_hold(p, path));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char text[SIZE_MAX_HERE + 2];
	const char *texts[PATTERNS_MAX];
	struct patterns *p;
	struct sherd_error err = {0};
	size_t count;
	char *path;

	if (size > SIZE_MAX_HERE)
		return 0;
	if (size)
		memcpy(text, bytes, size);
	text[size] = '\0';
	text[size + 1] = '\0';
	count = take_lines(text, texts, &path);
	if (patterns_new(texts, count, &p, &err)) {
		must(err.code == SHERD_INVALID && err.message[0]);
		return 0;
	}
	if (*path == '/')
		ask(p, path);
	patterns_free(p);
	return 0;
}
