/* SPDX-License-Identifier: MIT */
/*
 * fuzz_control.c - any bytes as what a place, a person or a state folder may hand to the pool. The
 * first byte says as what: 0 a record's file, 1 a pool record's body, 2 a device record's, 3 a
 * head's, 4 a key slot, 5 the text of a recovery kit, 6 an identity file, 7 a name. Refused with a
 * code that is allowed, or read as exactly what a writer makes those bytes of.
 */
#include <stdlib.h>
#include <string.h>
#include <base/alloc.h>
#include <pool/devicerec.h>
#include <pool/headrec.h>
#include <pool/identity.h>
#include <pool/keyslot.h>
#include <pool/kit.h>
#include <pool/poolrec.h>
#include <pool/record.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void refused(int r, const struct sherd_error *err)
{
	must(r == SHERD_CORRUPT || r == SHERD_NEWER || r == SHERD_NOTFOUND || r == SHERD_INVALID ||
		r == SHERD_BADKEY);
	must(err->code == r && err->message[0]);
}

/* What was read, written again. */
static void same(struct bytes *b, const uint8_t *bytes, size_t size)
{
	must(!b->failed && b->size == size && (!size || memcmp(b->data, bytes, size) == 0));
	bytes_release(b);
}

static void as_record(const uint8_t *bytes, size_t size)
{
	struct crypt_key key = {{1}};
	uint8_t pool[POOL_ID_SIZE] = {2};
	struct keyring *ring;
	struct record record;
	struct sherd_error err = {0};
	int r;

	must(keyring_new(pool, &key, &ring, NULL) == 0 && keyring_add(ring, 1, &key, NULL) == 0);
	r = record_open(ring, bytes, size, &record, &err);
	if (r) {
		refused(r, &err);
	} else {
		must(record.body_size < size);
		record_release(&record);
	}
	keyring_free(ring);
}

static void as_pool(const uint8_t *bytes, size_t size)
{
	struct poolrec rec;
	struct sherd_error err = {0};
	struct bytes b = BYTES_INIT;
	int r = poolrec_read(bytes, size, &rec, &err);

	if (r) {
		refused(r, &err);
	} else {
		must(rec.k >= 1 && rec.place_count <= POOL_PLACES_MAX);
		poolrec_write(&rec, &b);
		same(&b, bytes, size);
	}
	poolrec_release(&rec);
}

static void as_device(const uint8_t *bytes, size_t size)
{
	struct devicerec rec;
	struct sherd_error err = {0};
	struct bytes b = BYTES_INIT;
	int r = devicerec_read(bytes, size, &rec, &err);

	if (r) {
		refused(r, &err);
	} else {
		devicerec_write(&rec, &b);
		same(&b, bytes, size);
	}
	devicerec_release(&rec);
}

static void as_head(const uint8_t *bytes, size_t size)
{
	struct headrec rec;
	struct sherd_error err = {0};
	struct bytes b = BYTES_INIT;
	int r = headrec_read(bytes, size, &rec, &err);

	if (r) {
		refused(r, &err);
	} else {
		headrec_write(&rec, &b);
		same(&b, bytes, size);
	}
	headrec_release(&rec);
}

static void as_slot(const uint8_t *bytes, size_t size)
{
	struct keyslot slot;
	struct sherd_error err = {0};
	uint8_t again[KEYSLOT_FILE_SIZE];
	int r = keyslot_read(bytes, size, &slot, &err);

	if (r) {
		refused(r, &err);
		return;
	}
	keyslot_write(&slot, again);
	must(size == sizeof(again) && memcmp(again, bytes, size) == 0);
}

static void as_kit(const uint8_t *bytes, size_t size)
{
	struct kit kit, back;
	struct sherd_error err = {0};
	char *text;
	int r = kit_read((const char *)bytes, size, &kit, &err);

	if (r) {
		refused(r, &err);
		return;
	}
	must(kit_write(&kit, "name", "", &text, NULL) == 0);
	must(kit_read(text, strlen(text), &back, NULL) == 0);
	must(memcmp(&kit, &back, sizeof(kit)) == 0);
	secret_free(text);
}

static void as_identity(const uint8_t *bytes, size_t size)
{
	struct identity identity;
	struct sherd_error err = {0};
	int r = identity_read(bytes, size, &identity, &err);
	char *text;

	if (r) {
		refused(r, &err);
		return;
	}
	text = identity_write(&identity);
	must(text && memcmp(text, bytes, 90) == 0);
	mem_free(text);
}

static void as_name(const uint8_t *bytes, size_t size)
{
	char text[256] = "", again[RECORD_NAME_SIZE];
	struct record_name name;

	if (size >= sizeof(text))
		return;
	if (size)
		memcpy(text, bytes, size);
	if (record_name_parse(text, &name) != 0)
		return;
	record_name_write(&name, again);
	must(strcmp(text, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static void (*const as[])(const uint8_t *bytes, size_t size) = {
		as_record, as_pool, as_device, as_head, as_slot, as_kit, as_identity, as_name};

	if (size)
		as[bytes[0] % 8](bytes + 1, size - 1);
	return 0;
}
