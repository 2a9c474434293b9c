/* SPDX-License-Identifier: MIT */
/*
 * layout.c - rendezvous: each domain draws a number from the pack's nonce and its own name; the
 * lower, the earlier it is served. So a domain that comes or goes changes nothing in the order of
 * the others.
 *
 *   How many   The domains get one share each in their order, and again from the start, until m
 *              are given away; a domain is full with ceil(m / P) shares for each of its places.
 *              Within a domain the places are served in the same way.
 *   Which      Every pair of a share and a place draws as well; the best pair is joined first. So
 *              numbers are spread evenly, and when one place comes or leaves, few others change:
 *              about twice as many as must (some places pass a number on). Repair does not
 *              follow them; it leaves good shares where they are.
 *
 * The draw for weight w is exponential with mean 1/w: the first of them all belongs to each with
 * the probability of its weight. It is computed in integers (a logarithm by repeated squaring), so
 * that every machine places alike.
 */
#include <pool/packs.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <base/err.h>
#include <base/intmath.h>

#define LOG_BITS 24                    /* of the fraction of a logarithm */
#define WEIGHT_MAX (UINT64_C(1) << 24) /* above it weights are cut: 128 bits must hold the sums */

__extension__ typedef unsigned __int128 wide;

struct draw {
	uint64_t wait;   /* -log2 of a random number, LOG_BITS of fraction */
	uint64_t weight; /* the draw is wait / weight */
	uint16_t tie;
};

/* -log2((value + 1) / 2^64) with LOG_BITS of fraction. */
static uint64_t minus_log2(uint64_t value)
{
	unsigned whole;
	uint64_t x, log;

	if (value == UINT64_MAX)
		return 0;
	value++;
	whole = 63 - (unsigned)__builtin_clzll(value);
	x = value << (63 - whole); /* 1.x, 63 bits of fraction */
	log = whole;
	for (int i = 0; i < LOG_BITS; i++) {
		wide square = (wide)x * x; /* 126 bits of fraction */
		bool above = (square >> 127) != 0;

		x = (uint64_t)(square >> (above ? 64 : 63));
		log = log << 1 | above;
	}
	return (UINT64_C(64) << LOG_BITS) - log;
}

/* The finaliser of splitmix64: each bit of the result depends on each of the argument. */
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static uint64_t seed_of(const uint8_t nonce[POOL_NONCE_SIZE])
{
	uint8_t bytes[POOL_NONCE_SIZE];
	char tag[] = "sherd layout";
	struct iovec parts[] = {{tag, sizeof(tag) - 1}, {bytes, sizeof(bytes)}};
	struct hash hash;
	uint64_t seed = 0;

	memcpy(bytes, nonce, sizeof(bytes));
	hash_sha256(parts, ARRAY_COUNT(parts), &hash);
	for (size_t i = 0; i < 8; i++)
		seed = seed << 8 | hash.bytes[i];
	return seed;
}

static uint64_t place_chance(uint64_t seed, uint16_t number)
{
	return mix(seed ^ mix(number));
}

static uint64_t pair_chance(uint64_t seed, uint16_t number, unsigned share)
{
	return mix(seed ^ mix(UINT64_C(1) << 32 | (uint64_t)share << 16 | number));
}

static uint64_t domain_chance(uint64_t seed, const char *name)
{
	uint64_t x = UINT64_C(1) << 63;

	for (; *name; name++)
		x = mix(x ^ (unsigned char)*name);
	return mix(seed ^ x);
}

/* a before b: -1; else 1. 0 only for a draw and itself. */
static int compare_draws(const struct draw *a, const struct draw *b)
{
	wide left = (wide)a->wait * b->weight;
	wide right = (wide)b->wait * a->weight;

	if (left != right)
		return left < right ? -1 : 1;
	return (a->tie > b->tie) - (a->tie < b->tie);
}

struct domain {
	struct draw draw;
	const char *name; /* "": of one place */
	unsigned places, given;
};

/* One writable place. */
struct slot {
	struct draw draw;
	unsigned domain;
	uint16_t number;
	unsigned given; /* shares */
};

struct layout {
	uint64_t seed;
	struct domain domains[POOL_PLACES_MAX];
	unsigned order[POOL_PLACES_MAX]; /* of domains, by their draws */
	unsigned domain_count;
	struct slot slots[POOL_PLACES_MAX]; /* by their draws */
	unsigned slot_count;
};

static uint64_t weight_of(const struct packs_member *member)
{
	return INT_MIN_OF(INT_MAX_OF(member->weight, UINT64_C(1)), WEIGHT_MAX);
}

static unsigned find_domain(struct layout *l, const char *name)
{
	for (unsigned i = 0; name[0] && i < l->domain_count; i++)
		if (strcmp(l->domains[i].name, name) == 0)
			return i;
	l->domains[l->domain_count] = (struct domain){.name = name};
	return l->domain_count++;
}

static void add_place(struct layout *l, const struct packs_member *member)
{
	struct slot *slot = &l->slots[l->slot_count++];
	struct domain *d;

	*slot = (struct slot){.number = member->number};
	slot->domain = find_domain(l, member->domain ? member->domain : "");
	slot->draw.weight = weight_of(member);
	slot->draw.wait = minus_log2(place_chance(l->seed, member->number));
	slot->draw.tie = member->number;
	d = &l->domains[slot->domain];
	d->draw.weight += slot->draw.weight;
	d->draw.wait = d->name[0] ? minus_log2(domain_chance(l->seed, d->name)) : slot->draw.wait;
	if (!d->places++ || member->number < d->draw.tie)
		d->draw.tie = member->number;
}

static int compare_slots(const void *a, const void *b)
{
	const struct slot *left = a, *right = b;

	return compare_draws(&left->draw, &right->draw);
}

static void sort_domains(struct layout *l)
{
	for (unsigned i = 0; i < l->domain_count; i++) {
		const struct draw *mine = &l->domains[i].draw;
		unsigned at = i;

		for (; at > 0 && compare_draws(mine, &l->domains[l->order[at - 1]].draw) < 0; at--)
			l->order[at] = l->order[at - 1];
		l->order[at] = i;
	}
}

static void gather(struct layout *l, const struct packs *packs, const uint8_t *nonce)
{
	*l = (struct layout){.seed = seed_of(nonce)};
	assert(packs->count <= POOL_PLACES_MAX);
	for (size_t i = 0; i < packs->count; i++)
		if (packs->members[i].writable)
			add_place(l, &packs->members[i]);
	qsort(l->slots, l->slot_count, sizeof(l->slots[0]), compare_slots);
	sort_domains(l);
}

/* One more share for the domain: to the first of its places among those with the fewest. */
static void serve(struct layout *l, unsigned domain)
{
	struct slot *best = NULL;

	for (unsigned i = 0; i < l->slot_count; i++) {
		struct slot *slot = &l->slots[i];

		if (slot->domain == domain && (!best || slot->given < best->given))
			best = slot;
	}
	best->given++;
	l->domains[domain].given++;
}

/* How many shares each place gets. */
static void give(struct layout *l, unsigned m)
{
	unsigned each = (unsigned)int_div_up(m, l->slot_count);

	for (unsigned left = m, turn = 0; left > 0; turn++) {
		unsigned domain = l->order[turn % l->domain_count];

		if (l->domains[domain].given == l->domains[domain].places * each)
			continue;
		serve(l, domain);
		left--;
	}
}

/* The best pair of a share that has no place and a place that is still due some. */
static struct slot *best_pair(struct layout *l, unsigned m, const uint16_t *places, unsigned *ret)
{
	struct slot *best = NULL;
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < l->slot_count; i++)
		for (unsigned share = 0; l->slots[i].given && share < m; share++) {
			uint64_t this = pair_chance(l->seed, l->slots[i].number, share);

			if (places[share] != POOL_PLACE_NONE || (best && this >= least))
				continue;
			least = this;
			best = &l->slots[i];
			*ret = share;
		}
	return best;
}

int layout_choose(const struct packs *packs, const uint8_t nonce[POOL_NONCE_SIZE], unsigned m,
	uint16_t ret_places[POOL_SHARES_MAX], struct sherd_error *err)
{
	struct layout l;

	assert(m >= 1 && m <= POOL_SHARES_MAX);
	gather(&l, packs, nonce);
	if (!l.slot_count)
		return err_set(err, SHERD_QUORUM, "no place takes new shares");
	give(&l, m);
	for (unsigned i = 0; i < POOL_SHARES_MAX; i++)
		ret_places[i] = POOL_PLACE_NONE;
	for (unsigned i = 0; i < m; i++) {
		unsigned share = 0;
		struct slot *slot = best_pair(&l, m, ret_places, &share);

		ret_places[share] = slot->number;
		slot->given--;
	}
	return 0;
}

/* --- the spare --- */

/* Number of the domain of place ${number}: that of its first member; count for none. */
static size_t domain_of(const struct packs *packs, uint16_t number)
{
	size_t at = 0;

	while (at < packs->count && packs->members[at].number != number)
		at++;
	if (at == packs->count || !packs->members[at].domain || !packs->members[at].domain[0])
		return at;
	for (size_t i = 0; i < at; i++)
		if (packs->members[i].domain &&
			strcmp(packs->members[i].domain, packs->members[at].domain) == 0)
			return i;
	return at;
}

static int descending(const void *a, const void *b)
{
	const unsigned *left = a, *right = b;

	return (*left < *right) - (*left > *right);
}

int layout_spare(
	const struct packs *packs, unsigned k, unsigned m, const uint16_t *places, const bool *good)
{
	unsigned held[POOL_PLACES_MAX] = {0};
	unsigned left = 0;
	int spare = 0;

	assert(packs->count <= POOL_PLACES_MAX);
	for (unsigned i = 0; i < m; i++) {
		size_t domain = domain_of(packs, places[i]);

		if ((good && !good[i]) || domain == packs->count)
			continue;
		held[domain]++;
		left++;
	}
	if (left < k)
		return -1;
	/* The worst that can happen to n domains happens to those that hold most. */
	qsort(held, packs->count, sizeof(held[0]), descending);
	while ((size_t)spare < packs->count && left >= k + held[spare])
		left -= held[spare++];
	return spare;
}
