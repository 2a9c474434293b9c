/* SPDX-License-Identifier: MIT */
/*
 * hash.c - the tree hash by levels. Pairing the hashes of a level from the left, and taking a last
 * one without partner up as it is, gives the same root as the rule of hash.h: the first 2^j leaves
 * are paired among themselves until one hash stands for them. So the two hashes of a pair stand
 * side by side in the array and are one message as they are, the hashes of a level take the place
 * of those below, and all pairs of a level - of all items of a batch - can be hashed at once.
 */
#include <crypt/hash.h>

#include <assert.h>
#include <string.h>

#include <base/intmath.h>
#include <crypt/engine.h>
#include <crypt/secret.h>
#include "hmac.h"

#define BATCH_MAX 128

int hash_equal(const struct hash *a, const struct hash *b)
{
	return secret_equal(a->bytes, b->bytes, sizeof(a->bytes));
}

static void add_parts(SHA256_CTX *state, const struct iovec *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (parts[i].iov_len)
			SHA256_Update(state, parts[i].iov_base, parts[i].iov_len);
}

void hash_sha256(const struct iovec *parts, size_t count, struct hash *ret)
{
	SHA256_CTX state;

	SHA256_Init(&state);
	add_parts(&state, parts, count);
	SHA256_Final(ret->bytes, &state);
}

void hash_hmac(
	const void *key, size_t key_size, const struct iovec *parts, size_t count, struct hash *ret)
{
	struct hmac_pads pads;
	SHA256_CTX inner;

	hmac_pads_init(&pads, key, key_size);
	inner = pads.inner;
	add_parts(&inner, parts, count);
	hmac_end(&pads, &inner, ret);
	secret_wipe(&pads, sizeof(pads));
	secret_wipe(&inner, sizeof(inner));
}

size_t hash_leaf_count(uint64_t size)
{
	return size ? (size_t)int_div_up(size, HASH_LEAF_SIZE) : 1;
}

/* --- leaves --- */

/* Jobs that wait until there are enough of them. */
struct batch {
	size_t count;
	struct hmac_job jobs[BATCH_MAX];
};

static void run_leaves(struct batch *b)
{
	if (b->count)
		crypt_engine()->hmac_many(HMAC_LEAF, b->jobs, b->count);
	b->count = 0;
}

static void add_leaves(struct batch *b, const uint8_t *data, size_t size, struct hash *ret_leaves)
{
	size_t count = hash_leaf_count(size);

	for (size_t i = 0; i < count; i++) {
		size_t at = i * HASH_LEAF_SIZE;

		/* No message may be at NULL, not even an empty one. */
		b->jobs[b->count++] = (struct hmac_job){size ? data + at : (const uint8_t *)"",
			INT_MIN_OF(size - at, (size_t)HASH_LEAF_SIZE), &ret_leaves[i]};
		if (b->count == BATCH_MAX)
			run_leaves(b);
	}
}

void hash_leaves(const uint8_t *data, size_t size, struct hash *ret_leaves)
{
	struct batch b;

	b.count = 0;
	add_leaves(&b, data, size, ret_leaves);
	run_leaves(&b);
}

/* --- nodes --- */

/* Pairs that wait, and where their nodes go. A node takes a place that other pairs may still be
 * read from while a batch runs, so it is put there afterwards. */
struct pairs {
	size_t count;
	struct hmac_job jobs[BATCH_MAX];
	struct hash nodes[BATCH_MAX];
	struct hash *to[BATCH_MAX];
};

static void run_pairs(struct pairs *p)
{
	if (p->count)
		crypt_engine()->hmac_many(HMAC_NODE, p->jobs, p->count);
	for (size_t i = 0; i < p->count; i++)
		*p->to[i] = p->nodes[i];
	p->count = 0;
}

/* One level up; returns how many hashes that leaves. What is read is never before what an earlier
 * batch wrote: node i goes to place i, and batches go up. */
static void add_level(struct pairs *p, struct hash *hashes, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		p->jobs[p->count] =
			(struct hmac_job){hashes[2 * i].bytes, 2 * HASH_SIZE, &p->nodes[p->count]};
		p->to[p->count++] = &hashes[i];
		if (p->count == BATCH_MAX)
			run_pairs(p);
	}
}

/* Once the pairs of the level are done. */
static void lift_last(struct hash *hashes, size_t count)
{
	if (count % 2)
		hashes[count / 2] = hashes[count - 1];
}

void hash_root(struct hash *leaves, size_t count, struct hash *ret_root)
{
	struct pairs p;

	assert(count);
	p.count = 0;
	for (; count > 1; count = count / 2 + count % 2) {
		add_level(&p, leaves, count);
		run_pairs(&p);
		lift_last(leaves, count);
	}
	*ret_root = leaves[0];
}

/* Hashes that are left of ${leaves} after ${levels} levels. */
static size_t left_after(size_t leaves, unsigned levels)
{
	for (; levels && leaves > 1; levels--)
		leaves = leaves / 2 + leaves % 2;
	return leaves;
}

/* One level of all items, whose hashes stand in ${scratch} one item behind the other; 0 if there
 * was none left to do. */
static size_t level_of_all(struct pairs *p, const struct hash_item *items, size_t count,
	struct hash *scratch, unsigned level)
{
	struct hash *hashes = scratch;
	size_t open = 0;

	for (size_t i = 0; i < count; i++) {
		size_t leaves = hash_leaf_count(items[i].size);
		size_t left = left_after(leaves, level);

		if (left > 1) {
			add_level(p, hashes, left);
			open++;
		}
		hashes += leaves;
	}
	run_pairs(p);
	hashes = scratch;
	for (size_t i = 0; open && i < count; i++) {
		size_t leaves = hash_leaf_count(items[i].size);
		size_t left = left_after(leaves, level);

		if (left > 1)
			lift_last(hashes, left);
		hashes += leaves;
	}
	return open;
}

void hash_trees(struct hash_item *items, size_t count, struct hash *scratch)
{
	struct hash *hashes = scratch;
	struct batch b;
	struct pairs p;

	b.count = 0;
	for (size_t i = 0; i < count; i++) {
		add_leaves(&b, items[i].data, items[i].size, hashes);
		hashes += hash_leaf_count(items[i].size);
	}
	run_leaves(&b);
	p.count = 0;
	for (unsigned level = 0; level_of_all(&p, items, count, scratch, level); level++)
		;
	hashes = scratch;
	for (size_t i = 0; i < count; i++) {
		items[i].root = hashes[0];
		hashes += hash_leaf_count(items[i].size);
	}
}

const char *hash_engine(void)
{
	return crypt_engine()->name;
}
