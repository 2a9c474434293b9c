/* SPDX-License-Identifier: MIT */
/* t_bytes.c - growable bytes, what cursors read back of them, and hexadecimal digits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <base/alloc.h>
#include <base/bytes.h>
#include <base/cursor.h>
#include <base/hex.h>

static void numbers_are_little_endian(void **state)
{
	static const uint8_t want[] = {0xfe, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12, 8, 7, 6, 5, 4, 3,
		2, 1, 'h', 'i', 0, 0, 0};
	struct bytes b = BYTES_INIT;
	struct cursor c;

	(void)state;
	bytes_u8(&b, 0xfe);
	bytes_u16(&b, 0x1234);
	bytes_u32(&b, 0x12345678);
	bytes_u64(&b, UINT64_C(0x0102030405060708));
	bytes_text(&b, "hi");
	assert_non_null(bytes_extend(&b, 3));
	assert_false(b.failed);
	assert_int_equal(b.size, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
	c = cursor_of(b.data, b.size);
	assert_int_equal(cursor_u8(&c), 0xfe);
	assert_int_equal(cursor_u16(&c), 0x1234);
	assert_int_equal(cursor_u32(&c), 0x12345678);
	assert_int_equal(cursor_u64(&c), UINT64_C(0x0102030405060708));
	assert_memory_equal(cursor_take(&c, 5), "hi\0\0\0", 5);
	assert_true(cursor_done(&c));
	assert_int_equal(cursor_u16(&c), 0);
	assert_true(c.failed);
	bytes_set_u32(&b, 3, UINT32_MAX);
	assert_memory_equal(b.data + 2, "\x12\xff\xff\xff\xff\x08", 6);
	bytes_set_u32(&b, b.size - 4, 1);
	assert_memory_equal(b.data + b.size - 5, "h\1\0\0", 4);
	assert_int_equal(b.size, sizeof(want));
	bytes_release(&b);
	assert_null(b.data);
	assert_int_equal(b.size + b.room + b.failed, 0);
	bytes_release(&b);
}

static void bytes_grow_by_doubling(void **state)
{
	struct bytes b = BYTES_INIT;
	uint32_t sum = 0;
	unsigned long allocations;

	(void)state;
	mem_fail_at(0);
	for (uint32_t i = 0; i < 100000; i++)
		bytes_u32(&b, i * i);
	allocations = mem_fail_at(0);
	assert_in_range(allocations, 1, 20);
	assert_int_equal(b.size, 400000);
	assert_true(b.room < 2 * b.size + 128);
	for (uint32_t i = 0; i < 100000; i++) {
		struct cursor c = cursor_of(b.data + 4 * (size_t)i, 4);

		sum |= cursor_u32(&c) ^ (i * i);
	}
	assert_int_equal(sum, 0);
	assert_true(bytes_reserve(&b, 3000000)); /* more than twice the room */
	assert_true(b.room - b.size >= 3000000);
	mem_fail_at(0);
	memset(bytes_extend(&b, 3000000), 1, 3000000);
	assert_int_equal(mem_fail_at(0), 0);
	assert_int_equal(b.data[399999], (uint8_t)((UINT32_C(99999) * 99999) >> 24));
	bytes_clear(&b);
	assert_int_equal(b.size, 0);
	assert_true(b.room > 0);
	bytes_release(&b);
}

static void nothing_may_be_added(void **state)
{
	struct bytes b = BYTES_INIT;

	(void)state;
	assert_true(bytes_reserve(&b, 0));
	bytes_add(&b, NULL, 0);
	bytes_text(&b, "");
	assert_null(b.data);
	assert_non_null(bytes_extend(&b, 0));
	assert_int_equal(b.size, 0);
	assert_false(b.failed);
	bytes_release(&b);
}

static void failure_stays(void **state)
{
	struct bytes b = BYTES_INIT;

	(void)state;
	bytes_text(&b, "kept");
	mem_fail_at(1);
	assert_null(bytes_extend(&b, 1000));
	mem_fail_at(0);
	assert_true(b.failed);
	bytes_u64(&b, 1); /* there would be room, and memory */
	bytes_add(&b, "x", 1);
	bytes_set_u32(&b, 0, 0);
	assert_null(bytes_extend(&b, 0));
	assert_false(bytes_reserve(&b, 0));
	assert_int_equal(b.size, 4);
	assert_memory_equal(b.data, "kept", 4);
	bytes_clear(&b);
	bytes_u8(&b, 7);
	assert_false(b.failed);
	assert_int_equal(b.size, 1);
	bytes_release(&b);
}

static void sizes_do_not_overflow(void **state)
{
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2, SIZE_MAX - 63};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct bytes b = BYTES_INIT;

		bytes_text(&b, "kept");
		assert_false(bytes_reserve(&b, sizes[i]));
		assert_true(b.failed);
		assert_int_equal(b.size, 4);
		bytes_release(&b);
	}
}

static void every_allocation_may_fail(void **state)
{
	unsigned long n = 0;
	bool failed = true;

	(void)state;
	while (failed) {
		struct bytes b = BYTES_INIT;

		mem_fail_at(++n);
		for (unsigned i = 0; i < 300; i++)
			bytes_u64(&b, i);
		mem_fail_at(0);
		failed = b.failed;
		assert_int_equal(failed ? b.size < 2400 : b.size == 2400, 1);
		bytes_release(&b);
	}
	assert_true(n > 3);
}

static void hex_there_and_back(void **state)
{
	uint8_t all[256], back[256];
	char text[513];

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	assert_ptr_equal(hex_of(all, 256, text), text);
	assert_int_equal(strlen(text), 512);
	assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
	assert_string_equal(text + 508, "feff");
	assert_int_equal(hex_parse(text, 512, back), 0);
	assert_memory_equal(back, all, 256);
	assert_string_equal(hex_of(NULL, 0, text), "");
	assert_int_equal(hex_parse("", 0, back), 0);
}

static void hex_refuses_all_else(void **state)
{
	uint8_t back[2];

	(void)state;
	assert_int_equal(hex_parse("abc", 3, back), -1);
	assert_int_equal(hex_parse("a", 1, back), -1);
	for (int c = 0; c < 256; c++) {
		const char text[] = {'0', (char)c, (char)c, '0'};
		int good = c < 128 && c && strchr("0123456789abcdef", c) ? 0 : -1;

		assert_int_equal(hex_parse(text, 2, back), good);
		assert_int_equal(hex_parse(text + 2, 2, back), good);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_little_endian),
		cmocka_unit_test(bytes_grow_by_doubling),
		cmocka_unit_test(nothing_may_be_added),
		cmocka_unit_test(failure_stays),
		cmocka_unit_test(sizes_do_not_overflow),
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(hex_there_and_back),
		cmocka_unit_test(hex_refuses_all_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
