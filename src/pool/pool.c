/* SPDX-License-Identifier: MIT */
/* pool.c - life of a pool, and what it says of itself. */
#include "inner.h"

#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <crypt/kdf.h>

#define TIMEOUT_MS_DEFAULT 60000

static int copy_urls(
	struct sherd_pool *pool, const struct sherd_pool_options *options, struct sherd_error *err)
{
	pool->urls = mem_array(options->url_count, sizeof(*pool->urls));
	if (!pool->urls)
		return err_nomem(err);
	for (size_t i = 0; i < options->url_count; i++) {
		pool->url_count = i + 1;
		pool->urls[i].name = wire_copy(options->urls[i].name);
		pool->urls[i].url = wire_copy(options->urls[i].url);
		if (!pool->urls[i].name || !pool->urls[i].url)
			return err_nomem(err);
	}
	return 0;
}

int pool_new(
	const struct sherd_pool_options *options, struct sherd_pool **ret, struct sherd_error *err)
{
	CLEANUP(sherd_pool_free_at) struct sherd_pool *pool = mem_array(1, sizeof(*pool));
	int r;

	if (!pool)
		return err_nomem(err);
	pool->state = STATE_INIT;
	pool->env = env_or_system(options->env);
	pool->cancel = options->cancel;
	pool->threads = options->threads;
	pool->verify = options->verify;
	pool->inline_calls = options->inline_calls;
	pool->read_only = options->read_only;
	pool->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS_DEFAULT;
	pool->open_place = options->open_place;
	pool->open_context = options->open_context;
	pool->secrets = secret_new(sizeof(*pool->secrets));
	r = pool->secrets ? copy_urls(pool, options, err) : err_nomem(err);
	if (!r && !pool->inline_calls)
		r = sherd_workers_new(0, &pool->workers, err);
	if (r)
		return r;
	*ret = TAKE(pool);
	return 0;
}

void sherd_pool_free(struct sherd_pool *pool)
{
	if (!pool)
		return;
	/* How the places did since; a failure loses figures, nothing else. */
	if (pool->state.fd >= 0 && !pool->read_only && pool->ring && pool->rec_seq) {
		seats_count(pool);
		(void)seen_save(&pool->state, &pool->seen, NULL);
	}
	for (size_t i = 0; i < pool->seat_count; i++)
		seat_free(pool->seats[i]);
	for (size_t i = 0; i < pool->url_count; i++) {
		union {
			const char *from;
			void *to; /* they are ours */
		} name = {pool->urls[i].name}, url = {pool->urls[i].url};

		mem_free(name.to);
		mem_free(url.to);
	}
	mem_free(pool->urls);
	sherd_workers_free(pool->workers);
	mirror_release(&pool->store);
	poolrec_release(&pool->rec);
	seen_release(&pool->seen);
	state_release(&pool->state);
	keyring_free(pool->ring);
	secret_free(pool->secrets);
	secret_wipe(&pool->device, sizeof(pool->device));
	mem_free(pool->heads);
	mem_free(pool->place_infos);
	mem_free(pool->device_infos);
	mem_free(pool);
}

void sherd_text_free(char *text)
{
	secret_free(text);
}

/* --- for the floors above --- */

const struct pool_shape *pool_shape(const struct sherd_pool *pool)
{
	return &pool->shape;
}

const struct sherd_env *pool_env(const struct sherd_pool *pool)
{
	return pool->env;
}

const struct sherd_cancel *pool_cancel(const struct sherd_pool *pool)
{
	return pool->cancel;
}

struct packs *pool_packs(struct sherd_pool *pool)
{
	return &pool->packs;
}

const uint8_t *pool_incarnation(const struct sherd_pool *pool)
{
	return pool->device.incarnation;
}

const uint8_t *pool_device(const struct sherd_pool *pool)
{
	return pool->device.device;
}

const char *pool_host(const struct sherd_pool *pool)
{
	const struct entry *own = pool_device_entry(pool, pool->device.device);

	return own ? own->device.host : "";
}

bool pool_read_only(const struct sherd_pool *pool)
{
	return pool->read_only;
}

bool pool_inline(const struct sherd_pool *pool)
{
	return pool->inline_calls;
}

int pool_state_fd(const struct sherd_pool *pool)
{
	return pool->state.fd;
}

void pool_content_key(
	const struct sherd_pool *pool, enum pool_content_key which, struct crypt_key *ret)
{
	static const char *const names[] = {
		[POOL_KEY_ID] = "sherd id",
		[POOL_KEY_CHUNKER] = "sherd chunker",
		[POOL_KEY_NAME] = "sherd name",
	};

	kdf_derive(keyring_content(pool->ring), pool->id, POOL_ID_SIZE, names[which], NULL, 0, ret);
}

int pool_pack_keys(const struct sherd_pool *pool, uint32_t epoch,
	const uint8_t nonce[POOL_NONCE_SIZE], struct aead_keys *ret, struct sherd_error *err)
{
	if (keyring_pack_keys(pool->ring, epoch, nonce, ret))
		return 0;
	return err_set(err, SHERD_CORRUPT, "the pool has no key of epoch %u", epoch);
}

const char *pool_place_name(const struct sherd_pool *pool, unsigned number)
{
	/* One text for each of the numbers that a caller may hold at a time would be too much;
	 * this one is valid until the next call for a place that is gone. */
	union {
		const struct sherd_pool *from;
		struct sherd_pool *to;
	} self = {pool};

	for (size_t i = 0; i < pool->rec.place_count; i++)
		if (pool->rec.places[i].number == number)
			return pool->rec.places[i].name;
	snprintf(self.to->number_text, sizeof(self.to->number_text), "place %u", number);
	return pool->number_text;
}

unsigned pool_need(const struct sherd_pool *pool)
{
	unsigned k = pool->rec.k, m = pool->rec.m;
	unsigned need = k + (m - k + 1) / 2;

	return k == 1 && m > 1 && need < 2 ? 2 : need;
}

/* --- the public face --- */

void sherd_pool_info(const struct sherd_pool *pool, struct sherd_pool_info *ret)
{
	struct quorum q = quorum_of((unsigned)pool->rec.place_count);

	*ret = (struct sherd_pool_info){
		.name = pool->rec.name,
		.k = pool->rec.k,
		.m = pool->rec.m,
		.suite = POOL_SUITE,
		.epoch = keyring_newest(pool->ring),
		.seq = pool->rec_seq,
		.created_ns = pool->rec.created_ns,
		.quorum_write = q.write,
		.quorum_read = q.read,
		.host = pool_host(pool),
	};
	memcpy(ret->id, pool->id, POOL_ID_SIZE);
	memcpy(ret->device, pool->device.device, RECORD_ID_SIZE);
	memcpy(ret->incarnation, pool->device.incarnation, RECORD_ID_SIZE);
}

int sherd_pool_fresh(const struct sherd_pool *pool)
{
	return pool->fresh;
}

/* --- m --- */

static int fix_m(void *context, struct poolrec *rec, struct sherd_error *err)
{
	(void)context;
	if (rec->m)
		return 1;
	if (rec->place_count < rec->k)
		return err_set(err, SHERD_QUORUM, "the pool has %zu places and needs at least %u",
			rec->place_count, rec->k);
	if (!ladder_holds(rec->k, (unsigned)rec->place_count))
		return err_set(err, SHERD_INVALID,
			"%u of %zu makes packs that are too small: the pool must be made with -m, smaller",
			rec->k, rec->place_count);
	rec->m = (uint8_t)rec->place_count;
	return 0;
}

int pool_fix_m(struct sherd_pool *pool, struct sherd_error *err)
{
	return pool->rec.m ? 0 : pool_change(pool, fix_m, NULL, NULL, err);
}
