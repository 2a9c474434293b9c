/* SPDX-License-Identifier: MIT */
/* cpu.h - what the processor and the operating system allow; read once, then constant. */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stddef.h>

enum cpu_feature {
	CPU_SSSE3 = 1 << 0,
	CPU_AVX2 = 1 << 1,        /* with the system saving ymm registers */
	CPU_AVX512_GFNI = 1 << 2, /* AVX-512 F, BW, VL and GFNI, with the system saving zmm */
};

/* cpu_features(): the bits above that hold here. Any thread. */
unsigned cpu_features(void);

/* cpu_count(): processors this process may run on, at least 1. Any thread. */
unsigned cpu_count(void);

#endif
