/* SPDX-License-Identifier: MIT */
/*
 * cpu.c - CPUID for what the processor can do and XGETBV for which registers the system saves at a
 * context switch; an instruction set is only there when both say so. Asked directly, because the
 * compilers' __builtin_cpu_supports() do not know GFNI in every version we build with.
 */
#include <base/cpu.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

#define XCR0_YMM 0x06U /* sse and avx state */
#define XCR0_ZMM 0xe6U /* those, opmask and both parts of zmm */

#define LEAF1_ECX_SSSE3 (1U << 9)
#define LEAF1_ECX_OSXSAVE (1U << 27)
#define LEAF1_ECX_AVX (1U << 28)
#define LEAF7_EBX_AVX2 (1U << 5)
#define LEAF7_EBX_AVX512 (1U << 16 | 1U << 30 | 1U << 31) /* F, BW, VL */
#define LEAF7_ECX_GFNI (1U << 8)

static unsigned saved_registers(void)
{
	unsigned low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

static bool has_all(unsigned value, unsigned bits)
{
	return (value & bits) == bits;
}

static unsigned detect(void)
{
	unsigned eax, ebx, ecx, edx, saved;
	unsigned features = 0;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
		return 0;
	if (has_all(ecx, LEAF1_ECX_SSSE3))
		features |= CPU_SSSE3;
	if (!has_all(ecx, LEAF1_ECX_OSXSAVE | LEAF1_ECX_AVX))
		return features;
	saved = saved_registers();
	if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
		return features;
	if (has_all(ebx, LEAF7_EBX_AVX2) && has_all(saved, XCR0_YMM))
		features |= CPU_AVX2;
	if (has_all(ebx, LEAF7_EBX_AVX512) && has_all(ecx, LEAF7_ECX_GFNI) &&
		has_all(saved, XCR0_ZMM))
		features |= CPU_AVX512_GFNI;
	return features;
}
#else
static unsigned detect(void)
{
	return 0;
}
#endif

#define KNOWN (1U << 31) /* set once the features were read */

unsigned cpu_features(void)
{
	static atomic_uint cached;
	unsigned features = atomic_load_explicit(&cached, memory_order_relaxed);

	if (!(features & KNOWN)) {
		/* Threads that race here all store the same. */
		features = detect() | KNOWN;
		atomic_store_explicit(&cached, features, memory_order_relaxed);
	}
	return features & ~KNOWN;
}

#define CPUS_MAX 8192 /* the kernel's own greatest number; a shorter set is refused by it */

unsigned cpu_count(void)
{
	cpu_set_t sets[CPUS_MAX / CPU_SETSIZE];
	int count;

	CPU_ZERO_S(sizeof(sets), sets);
	if (sched_getaffinity(0, sizeof(sets), sets) != 0)
		return 1;
	count = CPU_COUNT_S(sizeof(sets), sets);
	return count > 0 ? (unsigned)count : 1;
}
