#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""crypt.py [--check FILE]: what docs/format.md, 3 and 4, say of hashes and seals, done once more.

Written from the page alone, with nothing but hashlib and hmac; AES-256-GCM as its standards (FIPS 197
and SP 800-38D) have it. Prints the table crypt.txt, or compares FILE with it and says so in TAP.
"""
import hashlib
import hmac
import sys

LEAF = 32768
SIZES = [0, 1, 63, 64, 65, 4096, LEAF - 1, LEAF, LEAF + 1, 2 * LEAF, 100000, 3 * LEAF + 5, 5 * LEAF,
         7 * LEAF - 1, 16 * LEAF, 17 * LEAF + 17, 1000003]
SEALS = [(0, 0), (0, 1), (1, 0), (13, 15), (16, 16), (20, 17), (12, 255), (100, 256), (3, 769), (70, 5000),
         (8, LEAF + 1)]
DERIVED = [(0, "", 0), (13, "sherd seal", 0), (32, "sherd nonce", 8), (100, "a longer text for it", 32)]


def stream(seed, size):
    """The first bytes of SHA-256("sherd golden", seed, block) for block 0, 1 ...: all inputs here."""
    blocks = (hashlib.sha256(b"sherd golden" + seed.to_bytes(4, "little") + i.to_bytes(8, "little")).digest()
              for i in range((size + 31) // 32))
    return b"".join(blocks)[:size]


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def root(leaves):
    """The rule as it is written, by recursion."""
    if len(leaves) == 1:
        return leaves[0]
    left = 1
    while 2 * left < len(leaves):
        left *= 2
    return mac(b"sherd node", root(leaves[:left]) + root(leaves[left:]))


def tree(data):
    return root([mac(b"sherd leaf", data[at:at + LEAF]) for at in range(0, max(len(data), 1), LEAF)])


def make_box():
    """The S-box of AES: inverses of GF(2^8), with an affine map."""
    powers = [1]
    for _ in range(254):
        last = powers[-1]
        powers.append(last ^ (last << 1 & 0xff) ^ (0x1b if last & 0x80 else 0))  # times 3
    inverse = [0] * 256
    for i, value in enumerate(powers):
        inverse[value] = powers[(255 - i) % 255]
    turn = lambda x, n: (x << n | x >> 8 - n) & 0xff
    return [x ^ turn(x, 1) ^ turn(x, 2) ^ turn(x, 3) ^ turn(x, 4) ^ 0x63 for x in inverse]


BOX = make_box()


def double(x):
    return (x << 1 & 0xff) ^ (0x1b if x & 0x80 else 0)


DOUBLE = [double(x) for x in range(256)]


def expand_key(key):
    words = [list(key[i:i + 4]) for i in range(0, 32, 4)]
    constant = 1
    while len(words) < 60:
        word = words[-1]
        if len(words) % 8 == 0:
            word = [BOX[x] for x in word[1:] + word[:1]]
            word[0] ^= constant
            constant = double(constant)
        elif len(words) % 8 == 4:
            word = [BOX[x] for x in word]
        words.append([a ^ b for a, b in zip(words[-8], word)])
    return [sum(words[i:i + 4], []) for i in range(0, 60, 4)]


def encrypt_block(keys, block):
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number, key in enumerate(keys[1:], 1):
        state = [BOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if number < 14:
            mixed = []
            for c in range(0, 16, 4):
                column = state[c:c + 4]
                everything = column[0] ^ column[1] ^ column[2] ^ column[3]
                mixed += [x ^ everything ^ DOUBLE[x ^ column[(i + 1) % 4]] for i, x in enumerate(column)]
            state = mixed
        state = [a ^ b for a, b in zip(state, key)]
    return bytes(state)


def ghash(key, data):
    """The blocks as a polynomial, at the point ${key}; bit 0 is the most significant."""
    total = 0
    for at in range(0, len(data), 16):
        factor = total ^ int.from_bytes(data[at:at + 16], "big")
        total, power = 0, key
        for bit in range(127, -1, -1):
            if factor >> bit & 1:
                total ^= power
            power = power >> 1 ^ (0xe1 << 120 if power & 1 else 0)
    return total


def padded(data):
    return data + bytes(-len(data) % 16)


def gcm(key, nonce, aad, plain):
    keys = expand_key(key)
    pad = b"".join(encrypt_block(keys, nonce + (i + 2).to_bytes(4, "big")) for i in range((len(plain) + 15) // 16))
    cipher = bytes(a ^ b for a, b in zip(plain, pad))
    lengths = (8 * len(aad)).to_bytes(8, "big") + (8 * len(cipher)).to_bytes(8, "big")
    point = int.from_bytes(encrypt_block(keys, bytes(16)), "big")
    tag = ghash(point, padded(aad) + padded(cipher) + lengths)
    tag ^= int.from_bytes(encrypt_block(keys, nonce + b"\0\0\0\1"), "big")
    return cipher + tag.to_bytes(16, "big")


def seal(seal_key, nonce_key, aad, commitment, plain):
    nonce = mac(nonce_key, len(aad).to_bytes(8, "little") + aad + commitment)[:12]
    return nonce + gcm(seal_key, nonce, aad, plain)


def derive(key, salt, info, extra):
    return mac(mac(salt, key), info.encode() + extra + b"\1")


def table():
    """The lines of the file."""
    yield "# Made by crypt.py, which says what each record is; never by sherd itself."
    yield "# tree seed size root"
    for seed, size in enumerate(SIZES):
        yield f"tree {seed} {size} {tree(stream(seed, size)).hex()}"
    yield "# seal seed aad-size size own-commitment sealed-begin(12+16 bytes) sha256(sealed)"
    for seed, (aad_size, size) in enumerate(SEALS, 100):
        keys, aad, plain = stream(seed, 64), stream(seed + 1000, aad_size), stream(seed + 2000, size)
        for own in (0, 1):
            commitment = stream(seed + 3000, 32) if own else tree(plain)
            sealed = seal(keys[:32], keys[32:], aad, commitment, plain)
            yield (f"seal {seed} {aad_size} {size} {own} {sealed[:28].hex()} "
                   f"{hashlib.sha256(sealed).hexdigest()}")
    yield "# derive seed salt-size extra-size key info"
    for seed, (salt_size, info, extra_size) in enumerate(DERIVED, 200):
        key = derive(stream(seed, 32), stream(seed + 1000, salt_size), info, stream(seed + 2000, extra_size))
        yield f"derive {seed} {salt_size} {extra_size} {key.hex()} {info.replace(' ', '_') or '-'}"


def main():
    if len(sys.argv) == 1:
        print("\n".join(table()))
        return 0
    with open(sys.argv[2], encoding="ascii") as file:
        given = file.read().splitlines()
    wanted = list(table())
    wrong = [f"# line {i}: {a}" for i, (a, b) in enumerate(zip(given, wanted), 1) if a != b]
    good = not wrong and len(given) == len(wanted)
    # FIPS 197, appendix C.3: that this file's own AES is AES
    block = encrypt_block(expand_key(bytes(range(32))), bytes(17 * i for i in range(16)))
    aes = block.hex() == "8ea2b7ca516745bfeafc49904b496089"
    print("\n".join([*wrong, f"{'' if good else 'not '}ok 1 - the table is what the page says",
                     f"{'' if aes else 'not '}ok 2 - AES as in FIPS 197", "1..2"]))
    return 0 if good and aes else 1


if __name__ == "__main__":
    sys.exit(main())
