#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""chunker.py [--check FILE]: where docs/format.md, 10.1, cuts, once more.

Written from the page alone, with nothing but hashlib and hmac. Prints the table chunker.txt, or compares
FILE with it and says so in TAP. The chunker key is stream(400, 32), the input of case i stream(500 + i,
its size); of a case with a mask each byte of it is masked, so that there are few different ones.
"""
import hashlib
import hmac
import sys

CASES = [  # min, average, max, size, mask
    (4096, 16384, 65536, 1 << 20, 0xff),
    (4096, 4096, 8192, 300001, 0xff),
    (5000, 8192, 8192, 200000, 0xff),
    (4096, 8192, 32768, 300000, 0x01),
    (4096, 8192, 32768, 70000, 0x00),
    (256 << 10, 1 << 20, 4 << 20, 6 << 20, 0xff),
]


def stream(seed, size):
    """The first bytes of SHA-256("sherd golden", seed, block) for block 0, 1 ...: all inputs here."""
    blocks = (hashlib.sha256(b"sherd golden" + seed.to_bytes(4, "little") + i.to_bytes(8, "little")).digest()
              for i in range((size + 31) // 32))
    return b"".join(blocks)[:size]


KEY = stream(400, 32)
TABLE = [int.from_bytes(hmac.new(KEY, bytes([i]), hashlib.sha256).digest()[:8], "little") for i in range(256)]


def first(data, least, average, most):
    """The length of the first chunk."""
    if len(data) <= least:
        return len(data)
    bits = average.bit_length() - 1
    h = 0
    for i in range(least - 64, min(len(data), most)):
        h = ((h << 1) + TABLE[data[i]]) % (1 << 64)
        length = i + 1
        if length > least and h >> (64 - (bits + 2 if length < average else bits - 2)) == 0:
            return length
    return min(len(data), most)


def table():
    yield "# Made by chunker.py, which says what each record is; never by sherd itself."
    yield "# table byte the-u64-of-it-little-endian"
    yield "# case number min average max size mask"
    yield "# chunk case length"
    for i in (0, 1, 128, 255):
        yield f"table {i} {TABLE[i].to_bytes(8, 'little').hex()}"
    for number, (least, average, most, size, mask) in enumerate(CASES):
        yield f"case {number} {least} {average} {most} {size} {mask}"
        data = bytes(byte & mask for byte in stream(500 + number, size))
        while data:
            length = first(data, least, average, most)
            yield f"chunk {number} {length}"
            data = data[length:]


def main():
    if len(sys.argv) == 1:
        print("\n".join(table()))
        return 0
    with open(sys.argv[2], encoding="ascii") as file:
        given = file.read().splitlines()
    wanted = list(table())
    wrong = [f"# line {i}: {a}" for i, (a, b) in enumerate(zip(given, wanted), 1) if a != b]
    good = not wrong and len(given) == len(wanted)
    print("\n".join([*wrong, f"{'' if good else 'not '}ok 1 - the table is what the page says", "1..1"]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
