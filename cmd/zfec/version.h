/* SPDX-License-Identifier: MIT */
/* version.h - the version of zfec and zunfec, asked for and told. */
#ifndef CMD_ZFEC_VERSION_H
#define CMD_ZFEC_VERSION_H

#include <stdbool.h>

/* asks_version(argc, argv): true if -V or --version stands anywhere: it wins over all else. */
bool asks_version(int argc, char **argv);

/* say_version(program): two lines on standard output; returns the exit code. */
int say_version(const char *program);

#endif
