/* SPDX-License-Identifier: MIT */
/* quorum.h - how many places must have a control record, and how many must be asked for it. */
#ifndef POOL_QUORUM_H
#define POOL_QUORUM_H

/*
 * With P places of which ${faults} may lie: a record is *written* when ${write} have it, and what
 * was written is seen when ${read} are asked, because write + read = P + faults + 1.
 */
struct quorum {
	unsigned places, faults, write, read;
};

/* quorum_of(places): all zero for 0 places. */
static inline struct quorum quorum_of(unsigned places)
{
	struct quorum q = {.places = places};

	if (!places)
		return q;
	q.faults = (places - 1) / 4;
	q.write = (places + q.faults + 2) / 2;
	q.read = places + q.faults + 1 - q.write;
#ifdef SHERD_MUTANT_SMALL_QUORUM /* tests/sim: must be noticed */
	q.write -= q.write > 1;
#endif
	return q;
}

#endif
