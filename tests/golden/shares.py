#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""shares.py [--check FILE]: what docs/format.md, 6, says of packs, shares and references, once more.

Written from the page alone, with nothing but hashlib and hmac. Prints the table shares.txt, or compares
FILE with it and says so in TAP. All inputs are stream(): seed 300 + case for the payload,
1300 + case the first 16 bytes for the pool id, 2300 + case the first 32 for the pack nonce.
"""
import hashlib
import hmac
import struct
import sys

LEAF = 32768

CASES = [(2, 3, 64, 1), (1, 2, 64, 7), (3, 5, 64, 4000000000), (3, 3, 256, 2)]  # k, m, KiB of S, epoch
EXP = [1]
for _ in range(254):
    EXP.append(EXP[-1] << 1 ^ (0x11d if EXP[-1] & 0x80 else 0))
LOG = {value: i for i, value in enumerate(EXP)}


def stream(seed, size):
    """The first bytes of SHA-256("sherd golden", seed, block) for block 0, 1 ...: all inputs here."""
    blocks = (hashlib.sha256(b"sherd golden" + seed.to_bytes(4, "little") + i.to_bytes(8, "little")).digest()
              for i in range((size + 31) // 32))
    return b"".join(blocks)[:size]


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def root(hashes):
    """The rule of 3.1 as it is written, by recursion."""
    if len(hashes) == 1:
        return hashes[0]
    left = 1
    while 2 * left < len(hashes):
        left *= 2
    return mac(b"sherd node", root(hashes[:left]) + root(hashes[left:]))


def div(a, b):
    return EXP[(LOG[a] - LOG[b]) % 255] if a else 0


def mul(a, b):
    return EXP[(LOG[a] + LOG[b]) % 255] if a and b else 0


def point_of(share):
    return EXP[share - 1] if share else 0


def body(data, k, share):
    """Share ${share} of the k blocks ${data}, by Lagrange's formula."""
    if share < k:
        return data[share]
    total = 0
    for i in range(k):
        factor = 1
        for j in range(k):
            if j != i:
                factor = mul(factor, div(point_of(share) ^ point_of(j), point_of(i) ^ point_of(j)))
        table = bytes(mul(factor, b) for b in range(256))
        total ^= int.from_bytes(data[i].translate(table), "big")
    return total.to_bytes(len(data[0]), "big")


def leaves(data):
    return [mac(b"sherd leaf", data[at:at + LEAF]) for at in range(0, len(data), LEAF)]


def pack(case):
    """(pack id, heads, bodies)"""
    k, m, kib, epoch = CASES[case]
    size = kib << 10
    payload = stream(300 + case, k * size)
    bodies = [body([payload[i * size:][:size] for i in range(k)], k, share) for share in range(m)]
    manifest = struct.pack("<HBBI16s32sHHI", 1, 1, 0, epoch, stream(1300 + case, 16),
                           stream(2300 + case, 32), k, m, size)
    manifest += b"".join(root(leaves(b)) for b in bodies)
    assert len(manifest) == 64 + 32 * m
    heads = []
    for share, data in enumerate(bodies):
        used = 32 + len(manifest) + 32 * (size // LEAF)
        offset = (used + 4095) // 4096 * 4096
        prefix = struct.pack("<8sHHIIIQ", b"sherd-s\n", share, 0, len(manifest), size // LEAF, offset,
                             offset + size)
        heads.append((prefix + manifest + b"".join(leaves(data))).ljust(offset, b"\0"))
    return hashlib.sha256(b"sherd pack" + manifest).digest(), heads, bodies


def reference(case, pack_id):
    k, m, kib, epoch = CASES[case]
    return pack_id + stream(2300 + case, 32) + struct.pack("<IIBBH", epoch, kib << 10, k, m, 0) + b"".join(
        struct.pack("<H", (i * 7919) % 65536) for i in range(m))


def table():
    yield "# Made by shares.py, which says what each record is; never by sherd itself."
    yield "# pack case k m S epoch pack-id reference"
    yield "# head case share head-without-its-padding"
    yield "# file case share name sha256(file)"
    for case, (k, m, kib, epoch) in enumerate(CASES):
        pack_id, heads, bodies = pack(case)
        yield f"pack {case} {k} {m} {kib << 10} {epoch} {pack_id.hex()} {reference(case, pack_id).hex()}"
        if case == 0:
            yield f"head {case} 1 {heads[1][:32 + 64 + 32 * m + 2 * 32].hex()}"
        for share in range(m):
            name = f"packs/{pack_id.hex()[:2]}/{pack_id.hex()}.{share}"
            whole = hashlib.sha256(heads[share] + bodies[share]).hexdigest()
            yield f"file {case} {share} {name} {whole}"


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
