/* SPDX-License-Identifier: MIT */
/*
 * ladder.c - the sizes a share can have. Few, so that a place learns little from them; the smallest
 * is allowed for every code, however large its packs get.
 */
#include <base/intmath.h>
#include <pool/ref.h>

static const uint32_t rungs[] = {
	POOL_SHARE_SIZE_MIN,
	256u << 10,
	512u << 10,
	1u << 20,
	2u << 20,
	4u << 20,
	8u << 20,
	POOL_SHARE_SIZE_MAX,
};
_Static_assert(ARRAY_COUNT(rungs) == POOL_RUNGS, "the ladder of the format");

bool ladder_ok(uint32_t share_size)
{
	for (size_t i = 0; i < ARRAY_COUNT(rungs); i++)
		if (rungs[i] == share_size)
			return true;
	return false;
}

static bool fits(unsigned k, unsigned m, uint32_t rung)
{
	return (uint64_t)k * rung <= POOL_PAYLOAD_MAX && (uint64_t)m * rung <= POOL_CODED_MAX;
}

uint32_t ladder_top(unsigned k, unsigned m)
{
	uint32_t top = rungs[0];

	for (size_t i = 1; i < ARRAY_COUNT(rungs); i++)
		if (fits(k, m, rungs[i]))
			top = rungs[i];
	return top;
}

bool ladder_holds(unsigned k, unsigned m)
{
	return (uint64_t)k * ladder_top(k, m) >= POOL_PAYLOAD_MIN;
}

uint32_t ladder_fit(unsigned k, unsigned m, uint64_t size)
{
	uint32_t top = ladder_top(k, m);

	for (size_t i = 0; rungs[i] < top; i++)
		if ((uint64_t)k * rungs[i] >= size)
			return rungs[i];
	return top;
}
