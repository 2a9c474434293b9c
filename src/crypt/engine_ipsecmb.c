/* SPDX-License-Identifier: MIT */
/*
 * engine_ipsecmb.c - Intel's IPsec-MB: HMAC-SHA-256 of 16 messages in the lanes of AVX-512
 * registers (8 with AVX2), and AES-256-GCM with the wide AES instructions.
 *
 * One lane is slow (0.28 GB/s on a Xeon with AVX-512, where OpenSSL with the SHA instructions makes
 * 1.9 and 16 lanes 4.4), so a batch goes into lanes only as far as they are busy; the rest is
 * hashed one by one.
 *
 * A manager of the library serves one thread at a time, takes 60 KiB and a tenth of a millisecond
 * to make. Managers are kept in a list, borrowed and given back; there are as many as threads were
 * at work at once. Not one for each thread: a destructor for a thread's own would outlive a library
 * that is unloaded. Where none can be had, OpenSSL does the work.
 */
#include <crypt/engine.h>

#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <crypt/secret.h>

#define BATCH_MAX IMB_MAX_BURST_SIZE
#define BLOCK_SIZE 64

/* What one thread at work needs. */
struct manager {
	struct manager *next; /* in the list of idle ones */
	IMB_MGR *mgr;
	struct gcm_context_data gcm;
	_Alignas(64) struct gcm_key_data gcm_key;            /* wiped after each use */
	_Alignas(16) uint8_t pads[HMAC_KINDS][2][HASH_SIZE]; /* states behind inner and outer pad */
	IMB_JOB jobs[BATCH_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards: */
static struct manager *idle;

/* Written once, by usable(), before any other use. */
static size_t lanes;     /* messages that are hashed at once */
static size_t lanes_min; /* so many must be busy to be faster than OpenSSL */

static void manager_free(struct manager *m)
{
	free_mb_mgr(m->mgr);
	mem_free(m);
}

static void make_pads(struct manager *m)
{
	static const uint8_t masks[] = {0x36, 0x5c};

	for (int kind = 0; kind < HMAC_KINDS; kind++) {
		for (size_t pad = 0; pad < ARRAY_COUNT(masks); pad++) {
			uint8_t block[BLOCK_SIZE] = {0};

			memcpy(block, crypt_hmac_keys[kind].text, crypt_hmac_keys[kind].size);
			for (size_t i = 0; i < sizeof(block); i++)
				block[i] ^= masks[pad];
			IMB_SHA256_ONE_BLOCK(m->mgr, block, m->pads[kind][pad]);
		}
	}
}

/* NULL: no memory, or the library does not pass its own tests. */
static struct manager *manager_new(void)
{
	struct manager *m = mem_aligned(64, sizeof(*m));
	IMB_ARCH arch;

	if (!m)
		return NULL;
	memset(m, 0, sizeof(*m));
	m->mgr = mem_count() ? alloc_mb_mgr(0) : NULL;
	if (!m->mgr) {
		mem_free(m);
		return NULL;
	}
	init_mb_mgr_auto(m->mgr, &arch);
	if (imb_get_errno(m->mgr) != 0 || arch < IMB_ARCH_AVX2) {
		manager_free(m);
		return NULL;
	}
	make_pads(m);
	return m;
}

static struct manager *borrow(void)
{
	struct manager *m;

	pthread_mutex_lock(&lock);
	m = idle;
	if (m)
		idle = m->next;
	pthread_mutex_unlock(&lock);
	return m ? m : manager_new();
}

static void give_back(struct manager *m)
{
	pthread_mutex_lock(&lock);
	m->next = idle;
	idle = m;
	pthread_mutex_unlock(&lock);
}

/* At exit, and when the library is unloaded. One that is borrowed then is left alone. */
__attribute__((destructor)) static void free_idle(void)
{
	struct manager *m;

	pthread_mutex_lock(&lock);
	m = idle;
	idle = NULL;
	pthread_mutex_unlock(&lock);
	while (m) {
		struct manager *next = m->next;

		manager_free(m);
		m = next;
	}
}

static int usable(void)
{
	struct manager *m = manager_new();

	if (!m)
		return 0;
	lanes = m->mgr->used_arch == IMB_ARCH_AVX512 ? 16 : 8;
	/* With the SHA instructions OpenSSL is as fast as 7 lanes, without as 2. */
	lanes_min = m->mgr->features & IMB_FEATURE_SHANI ? 8 : 3;
	give_back(m);
	return 1;
}

/* How many of the first jobs are better hashed in lanes: all but those that would leave most lanes
 * idle at the end, and none if one long message keeps a lane busy long after the others. */
static size_t worth_lanes(const struct hmac_job *jobs, size_t count)
{
	size_t blocks = 0, longest = 0;

	if (count % lanes < lanes_min)
		count -= count % lanes;
	for (size_t i = 0; i < count; i++) {
		size_t own = jobs[i].size / BLOCK_SIZE + 2; /* padding, and the outer hash */

		if (!jobs[i].size)
			return 0; /* no message of the library's */
		blocks += own;
		longest = INT_MAX_OF(longest, own);
	}
	return blocks < lanes_min * longest ? 0 : count;
}

static bool hash_in_lanes(
	struct manager *m, enum hmac_kind kind, const struct hmac_job *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		IMB_JOB *job = &m->jobs[i];

		job->src = jobs[i].data;
		job->hash_start_src_offset_in_bytes = 0;
		job->msg_len_to_hash_in_bytes = jobs[i].size;
		job->auth_tag_output = jobs[i].ret->bytes;
		job->auth_tag_output_len_in_bytes = HASH_SIZE;
		job->u.HMAC._hashed_auth_key_xor_ipad = m->pads[kind][0];
		job->u.HMAC._hashed_auth_key_xor_opad = m->pads[kind][1];
	}
	return IMB_SUBMIT_HASH_BURST_NOCHECK(
		       m->mgr, m->jobs, (uint32_t)count, IMB_AUTH_HMAC_SHA_256) == count;
}

static void hmac_many(enum hmac_kind kind, const struct hmac_job *jobs, size_t count)
{
	struct manager *m = NULL;

	while (count) {
		size_t batch = INT_MIN_OF(count, (size_t)BATCH_MAX);
		size_t done = worth_lanes(jobs, batch);

		if (done && !m)
			m = borrow();
		if (done && (!m || !hash_in_lanes(m, kind, jobs, done)))
			done = 0;
		crypt_engine_openssl.hmac_many(kind, jobs + done, batch - done);
		jobs += batch;
		count -= batch;
	}
	if (m)
		give_back(m);
}

static int gcm_seal(const struct gcm_message *g, uint8_t ret_tag[16], struct sherd_error *err)
{
	struct manager *m = borrow();

	if (!m)
		return crypt_engine_openssl.gcm_seal(g, ret_tag, err);
	IMB_AES256_GCM_PRE(m->mgr, g->key, &m->gcm_key);
	IMB_AES256_GCM_ENC(m->mgr, &m->gcm_key, &m->gcm, g->to, g->from, g->size, g->nonce, g->aad,
		g->aad_size, ret_tag, 16);
	secret_wipe(&m->gcm_key, sizeof(m->gcm_key));
	secret_wipe(&m->gcm, sizeof(m->gcm));
	give_back(m);
	return 0;
}

static int gcm_open(const struct gcm_message *g, const uint8_t tag[16], struct sherd_error *err)
{
	struct manager *m = borrow();
	uint8_t expected[16];
	bool good;

	if (!m)
		return crypt_engine_openssl.gcm_open(g, tag, err);
	IMB_AES256_GCM_PRE(m->mgr, g->key, &m->gcm_key);
	IMB_AES256_GCM_DEC(m->mgr, &m->gcm_key, &m->gcm, g->to, g->from, g->size, g->nonce, g->aad,
		g->aad_size, expected, 16);
	secret_wipe(&m->gcm_key, sizeof(m->gcm_key));
	secret_wipe(&m->gcm, sizeof(m->gcm));
	give_back(m);
	good = secret_equal(expected, tag, sizeof(expected));
	secret_wipe(expected, sizeof(expected));
	return good ? 0 : err_set(err, SHERD_CORRUPT, "not sealed with this key");
}

const struct crypt_engine crypt_engine_ipsec_mb = {
	.name = "ipsec-mb",
	.usable = usable,
	.hmac_many = hmac_many,
	.gcm_seal = gcm_seal,
	.gcm_open = gcm_open,
};
