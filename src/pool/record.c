/* SPDX-License-Identifier: MIT */
/*
 * record.c - the signature is over a text of its own, the first 56 bytes of the file, the body and
 * the signer, and these stand in one block: a prefix that is computed, then the plaintext. So
 * neither signing nor checking copies the body.
 *
 * The seal binds the same header as additional data. So no record can be taken for one of another
 * kind, pool, subject, seq or epoch, neither by who has no key nor by a device that has.
 */
#include "record.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <base/alloc.h>
#include <base/bytes.h>
#include <base/cursor.h>
#include <base/err.h>
#include <base/hex.h>
#include <crypt/aead.h>

#define MAGIC "sherd-r\n"
#define MAGIC_SIZE 8
#define FORMAT 1
#define SUITE 1
#define SIGNED_HEADER 56 /* bytes of the header that are signed */
#define SIGN_TEXT "sherd record"
#define SIGN_TEXT_SIZE (sizeof(SIGN_TEXT) - 1)
#define PREFIX_SIZE (SIGN_TEXT_SIZE + SIGNED_HEADER)
#define TAIL_SIZE (RECORD_ID_SIZE + SIGN_SIZE)
#define SEQ_DIGITS 16
#define EPOCH_DIGITS 8

static_assert(MAGIC_SIZE + 2 + 1 + 1 + 4 + POOL_ID_SIZE + 8 + RECORD_ID_SIZE == SIGNED_HEADER,
	"the signed part of a record's header");
static_assert(SIGNED_HEADER + 4 + 4 == RECORD_HEADER_SIZE, "a record's header");

/* --- files --- */

struct record_file *record_file_new(const uint8_t *data, size_t size)
{
	struct record_file *file = mem_array(1, sizeof(*file) + size);
	struct iovec part = hash_part(data, size);

	if (!file)
		return NULL;
	atomic_init(&file->refs, 1);
	file->size = size;
	if (size)
		memcpy(file->data, data, size);
	hash_sha256(&part, 1, &file->hash);
	return file;
}

struct record_file *record_file_ref(struct record_file *file)
{
	atomic_fetch_add_explicit(&file->refs, 1, memory_order_relaxed);
	return file;
}

void record_file_unref(struct record_file *file)
{
	if (file && atomic_fetch_sub_explicit(&file->refs, 1, memory_order_acq_rel) == 1)
		mem_free(file);
}

/* --- names --- */

void record_name_write(const struct record_name *name, char ret[RECORD_NAME_SIZE])
{
	char subject[2 * RECORD_ID_SIZE + 1], hash[2 * RECORD_HASH_SIZE + 1];
	unsigned long long seq = name->seq;

	hex_of(name->subject, RECORD_ID_SIZE, subject);
	hex_of(name->hash, RECORD_HASH_SIZE, hash);
	switch (name->kind) {
	case RECORD_POOL:
		snprintf(ret, RECORD_NAME_SIZE, "pool/%016llx-%s", seq, hash);
		return;
	case RECORD_DEVICE:
		snprintf(ret, RECORD_NAME_SIZE, "devices/%s/%016llx-%s", subject, seq, hash);
		return;
	case RECORD_HEAD:
		snprintf(ret, RECORD_NAME_SIZE, "heads/%s/%016llx-%s", subject, seq, hash);
		return;
	case RECORD_KEYS:
		snprintf(ret, RECORD_NAME_SIZE, "keys/%08x/%s-%s", (unsigned)name->seq, subject,
			hash);
		return;
	case RECORD_GC:
		break;
	}
	assert(name->kind != RECORD_GC); /* records of this kind have no such name */
}

/* Steps over ${text} if it begins with ${start}. */
static bool skip(const char **text, const char *start)
{
	size_t size = strlen(start);

	if (strncmp(*text, start, size) != 0)
		return false;
	*text += size;
	return true;
}

static bool take_bytes(const char **text, size_t size, uint8_t *ret)
{
	if (strnlen(*text, 2 * size) != 2 * size || hex_parse(*text, 2 * size, ret) != 0)
		return false;
	*text += 2 * size;
	return true;
}

static bool take_number(const char **text, size_t digits, uint64_t *ret)
{
	uint8_t bytes[SEQ_DIGITS / 2];
	struct cursor c;

	if (!take_bytes(text, digits / 2, bytes))
		return false;
	c = cursor_of(bytes, digits / 2);
	*ret = cursor_big_endian(&c, digits / 2);
	return *ret != 0;
}

static bool take_subject(const char **text, uint8_t ret[RECORD_ID_SIZE], const char *behind)
{
	return take_bytes(text, RECORD_ID_SIZE, ret) && skip(text, behind);
}

static bool take_seq(const char **text, struct record_name *ret)
{
	return take_number(text, SEQ_DIGITS, &ret->seq) && skip(text, "-");
}

static bool take_name(const char **text, struct record_name *ret)
{
	if (skip(text, "pool/")) {
		ret->kind = RECORD_POOL;
		return take_seq(text, ret);
	}
	if (skip(text, "devices/")) {
		ret->kind = RECORD_DEVICE;
		return take_subject(text, ret->subject, "/") && take_seq(text, ret);
	}
	if (skip(text, "heads/")) {
		ret->kind = RECORD_HEAD;
		return take_subject(text, ret->subject, "/") && take_seq(text, ret);
	}
	if (!skip(text, "keys/"))
		return false;
	ret->kind = RECORD_KEYS;
	return take_number(text, EPOCH_DIGITS, &ret->seq) && skip(text, "/") &&
	       take_subject(text, ret->subject, "-");
}

int record_name_parse(const char *text, struct record_name *ret)
{
	*ret = (struct record_name){0};
	if (take_name(&text, ret) && take_bytes(&text, RECORD_HASH_SIZE, ret->hash) && !*text)
		return 0;
	return -1;
}

bool record_named(const struct record *record, const struct record_name *name)
{
	return record->head.kind == name->kind && record->head.seq == name->seq &&
	       memcmp(record->head.subject, name->subject, RECORD_ID_SIZE) == 0;
}

/* --- making --- */

static void write_header(struct bytes *b, const struct keyring *ring,
	const struct record_head *head, size_t sealed_size)
{
	bytes_add(b, MAGIC, MAGIC_SIZE);
	bytes_u16(b, FORMAT);
	bytes_u8(b, head->kind);
	bytes_u8(b, SUITE);
	bytes_u32(b, head->epoch);
	bytes_add(b, keyring_pool(ring), POOL_ID_SIZE);
	bytes_u64(b, head->seq);
	bytes_add(b, head->subject, RECORD_ID_SIZE);
	bytes_u32(b, (uint32_t)sealed_size);
	bytes_u32(b, 0);
}

/* What is signed, and behind it the signature; wiped by the caller. */
static void write_signed(struct bytes *b, const uint8_t *header, const uint8_t *body, size_t size,
	const uint8_t *signer, const struct crypt_key *seed)
{
	uint8_t signature[SIGN_SIZE];

	if (!bytes_reserve(b, PREFIX_SIZE + size + TAIL_SIZE))
		return;
	bytes_add(b, SIGN_TEXT, SIGN_TEXT_SIZE);
	bytes_add(b, header, SIGNED_HEADER);
	bytes_add(b, body, size);
	bytes_add(b, signer, RECORD_ID_SIZE);
	sign_make(seed, b->data, b->size, signature);
	bytes_add(b, signature, SIGN_SIZE);
}

static void wipe_bytes(struct bytes *b)
{
	if (b->data)
		secret_wipe(b->data, b->room);
	bytes_release(b);
}

int record_seal(const struct keyring *ring, const struct record_head *head, const uint8_t *body,
	size_t size, const uint8_t signer[RECORD_ID_SIZE], const struct crypt_key *seed,
	struct record_file **ret_file, struct sherd_error *err)
{
	CLEANUP(aead_keys_wipe_at) struct aead_keys keys;
	CLEANUP(wipe_bytes) struct bytes text = BYTES_INIT;
	CLEANUP(bytes_release) struct bytes file = BYTES_INIT;
	size_t plain = size + TAIL_SIZE, sealed = plain + AEAD_OVERHEAD;
	uint8_t *room;
	int r;

	assert(head->seq >= 1 && head->kind >= RECORD_POOL && head->kind <= RECORD_GC);
	memset(&keys, 0, sizeof(keys));
	if (size > RECORD_SIZE_MAX || RECORD_HEADER_SIZE + sealed > RECORD_SIZE_MAX)
		return err_set(err, SHERD_INVALID, "a record of %zu bytes is too large", size);
	if (!keyring_record_keys(ring, head->epoch, head->kind, &keys))
		return err_set(err, SHERD_CORRUPT, "the pool has no key of epoch %u", head->epoch);
	write_header(&file, ring, head, sealed);
	room = bytes_extend(&file, sealed);
	if (!room)
		return err_nomem(err);
	write_signed(&text, file.data, body, size, signer, seed);
	if (text.failed)
		return err_nomem(err);
	r = aead_seal(&keys, file.data, RECORD_HEADER_SIZE, NULL, text.data + PREFIX_SIZE, plain,
		room, err);
	if (r)
		return r;
	*ret_file = record_file_new(file.data, file.size);
	return *ret_file ? 0 : err_nomem(err);
}

/* --- opening --- */

static int read_header(const uint8_t *file, size_t size, const struct keyring *ring,
	struct record_head *ret, struct sherd_error *err)
{
	struct cursor c = cursor_of(file, size);
	const uint8_t *magic = cursor_take(&c, MAGIC_SIZE);
	unsigned format = cursor_u16(&c), suite;
	uint32_t sealed, reserved;

	if (!magic || memcmp(magic, MAGIC, MAGIC_SIZE) != 0 || size > RECORD_SIZE_MAX)
		return err_set(err, SHERD_CORRUPT, "this is no control record");
	if (!c.failed && format != FORMAT)
		return err_set(err, SHERD_NEWER,
			"a control record of format %u was made by a newer version of sherd",
			format);
	ret->kind = cursor_u8(&c);
	suite = cursor_u8(&c);
	ret->epoch = cursor_u32(&c);
	cursor_copy(&c, ret->pool, POOL_ID_SIZE);
	ret->seq = cursor_u64(&c);
	cursor_copy(&c, ret->subject, RECORD_ID_SIZE);
	sealed = cursor_u32(&c);
	reserved = cursor_u32(&c);
	if (c.failed || reserved || sealed != cursor_left(&c) ||
		sealed < TAIL_SIZE + AEAD_OVERHEAD || ret->seq == 0)
		return err_set(err, SHERD_CORRUPT, "the header of a control record is damaged");
	if (memcmp(ret->pool, keyring_pool(ring), POOL_ID_SIZE) != 0)
		return err_set(err, SHERD_CORRUPT, "a control record of another pool");
	if (suite != SUITE)
		return err_set(err, SHERD_NEWER,
			"a control record of suite %u was made by a newer version of sherd", suite);
	if (ret->kind < RECORD_POOL || ret->kind > RECORD_GC)
		return err_set(err, SHERD_CORRUPT, "a control record of an unknown kind");
	return 0;
}

int record_open(const struct keyring *ring, const uint8_t *file, size_t size, struct record *ret,
	struct sherd_error *err)
{
	CLEANUP(aead_keys_wipe_at) struct aead_keys keys;
	struct record record = {0};
	size_t plain;
	int r;

	memset(&keys, 0, sizeof(keys));
	r = read_header(file, size, ring, &record.head, err);
	if (r)
		return r;
	if (!keyring_record_keys(ring, record.head.epoch, record.head.kind, &keys))
		return err_set(
			err, SHERD_NOTFOUND, "no key of epoch %u is known here", record.head.epoch);
	plain = size - RECORD_HEADER_SIZE - AEAD_OVERHEAD;
	record.signed_size = PREFIX_SIZE + plain - SIGN_SIZE;
	record.signed_bytes = mem_array(PREFIX_SIZE + plain, 1);
	if (!record.signed_bytes)
		return err_nomem(err);
	r = aead_open(&keys, file, RECORD_HEADER_SIZE, file + RECORD_HEADER_SIZE,
		size - RECORD_HEADER_SIZE, record.signed_bytes + PREFIX_SIZE, err);
	if (r) {
		mem_free(record.signed_bytes);
		return err_wrap(err, r, "a control record does not open");
	}
	memcpy(record.signed_bytes, SIGN_TEXT, SIGN_TEXT_SIZE);
	memcpy(record.signed_bytes + SIGN_TEXT_SIZE, file, SIGNED_HEADER);
	record.body = record.signed_bytes + PREFIX_SIZE;
	record.body_size = plain - TAIL_SIZE;
	memcpy(record.signer, record.body + record.body_size, RECORD_ID_SIZE);
	*ret = record;
	return 0;
}

void record_release(struct record *record)
{
	if (record->signed_bytes)
		secret_wipe(record->signed_bytes, record->signed_size + SIGN_SIZE);
	mem_free(record->signed_bytes);
	*record = (struct record){0};
}

bool record_signed_by(const struct record *record, const uint8_t public_key[SIGN_PUBLIC_SIZE])
{
	return sign_check(public_key, record->signed_bytes, record->signed_size,
		record->signed_bytes + record->signed_size);
}
