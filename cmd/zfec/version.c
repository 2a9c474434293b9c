/* SPDX-License-Identifier: MIT */
/* version.c - the version, as the first zfec told it. */
#include <stdio.h>
#include <string.h>
#include <common/start.h>
#include "version.h"

bool asks_version(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "-V") || !strcmp(argv[i], "--version"))
			return true;
	return false;
}

int say_version(const char *program)
{
	printf("zfec library version: %s (sherd)\n", SHERD_VERSION);
	printf("%s command-line tool version: %s (sherd)\n", program, SHERD_VERSION);
	return start_end_output(program);
}
