#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the seeds in corpus/: good and bad headers and sets of share files, always the same ones.

Written from docs/format.md alone, so that a seed is what the format says and not what our code
does. Inputs that a fuzzer found are kept beside them under names that begin with 'found-'.
"""
import hashlib
import hmac
import os
import random
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
EXP = [1]
for _ in range(254):
    EXP.append(EXP[-1] << 1 ^ (0x11d if EXP[-1] & 0x80 else 0))
LOG = {value: i for i, value in enumerate(EXP)}


def mul(a, b):
    return EXP[(LOG[a] + LOG[b]) % 255] if a and b else 0


def div(a, b):
    return EXP[(LOG[a] - LOG[b]) % 255] if a else 0


def point(share):
    return EXP[share - 1] if share else 0


def bits_for(n):
    return (n - 1).bit_length()


def header(k, m, pad, share):
    kb, pb = bits_for(m), bits_for(k)
    value = (((m - 1) << kb | (k - 1)) << pb | pad) << kb | share
    size = max(2, (8 + 2 * kb + pb + 7) // 8)
    return (value << 8 * size - (8 + 2 * kb + pb)).to_bytes(size, 'big')


def share_file(data, k, m, share):
    """A share of a file of one segment."""
    pad = -len(data) % k
    chunk = (len(data) + pad) // k
    padded = data + bytes(pad)
    body = bytearray(chunk)
    for i in range(k):
        factor = 1
        for j in range(k):
            if j != i:
                factor = mul(factor, div(point(share) ^ point(j), point(i) ^ point(j)))
        for at in range(chunk):
            body[at] ^= mul(factor, padded[i * chunk + at])
    return header(k, m, pad, share) + bytes(body)


def pack(files):
    return bytes([len(files) - 1]) + b''.join(
        len(f).to_bytes(2, 'little') + f for f in files)


def write(folder, name, data):
    path = os.path.join(HERE, 'corpus', folder)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, name), 'wb') as f:
        f.write(data)


def flip(data, at, mask=1):
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]


def make_headers():
    for k, m, pad, share in ((1, 1, 0, 0), (1, 2, 0, 1), (2, 2, 1, 1), (3, 8, 0, 0), (3, 8, 2, 7),
                             (3, 10, 1, 9), (94, 100, 93, 99), (128, 256, 5, 200),
                             (256, 256, 255, 255), (1, 256, 0, 255)):
        write('header', f'good-{k}-{m}-{pad}-{share}', header(k, m, pad, share))
    write('header', 'bad-empty', b'')
    write('header', 'bad-cut', header(256, 256, 255, 255)[:3])
    write('header', 'bad-k-above-m', bytes([2, 0xc0, 0]))
    write('header', 'bad-pad', bytes([2, 0xb0, 0]))
    write('header', 'bad-share', bytes([2, 0x8c, 0]))
    write('header', 'bad-bits-behind', bytes([2, 0x81, 0]))


def make_sets():
    rng = random.Random(1)
    data = bytes(rng.randrange(256) for _ in range(100))
    s = [share_file(data, 3, 8, i) for i in range(8)]
    other = [share_file(data[::-1], 3, 8, i) for i in range(8)]
    shorter = [share_file(data[:50], 3, 8, i) for i in range(8)]
    sets = {
        'good-data': s[:3],
        'good-checks': s[5:],
        'good-all': s,
        'good-mixed': [s[7], s[0], s[4], s[2]],
        'good-empty-file': [share_file(b'', 3, 8, i) for i in (1, 5, 6)],
        'good-one-byte': [share_file(b'x', 3, 8, i) for i in (0, 5, 6, 7)],
        'good-1-of-1': [share_file(data, 1, 1, 0)],
        'good-1-of-5': [share_file(data, 1, 5, i) for i in (4, 2)],
        'good-8-of-8': [share_file(data, 8, 8, i) for i in range(8)],
        'good-7-of-256': [share_file(data, 7, 256, i) for i in (255, 0, 31, 200, 4, 5, 6, 128)],
        'good-4000-bytes': [share_file(data * 40, 2, 4, i) for i in (1, 2, 3)],
        'wrong-one-byte': [flip(s[0], 10)] + s[1:],
        'wrong-two-shares': [flip(s[0], 10), flip(s[5], 20)] + s[1:5] + s[6:],
        'wrong-two-whole': s[:4] + other[4:6] + s[6:],
        'wrong-stale-half': s[:4] + other[4:],
        'wrong-three-of-eight': other[:3] + s[3:],
        'wrong-with-one-spare': [flip(s[0], 10)] + s[1:4],
        'wrong-with-none': [flip(s[0], 10)] + s[1:3],
        'wrong-in-padding': [s[0], s[1], flip(s[2], len(s[2]) - 1)],
        'wrong-number': [flip(s[0], 1, 1)] + s[2:],
        'bad-duplicate': [s[0], s[1], s[0]],
        'bad-too-few': s[:2],
        'bad-tie': s[:3] + shorter[3:6],
        'strangers': s[:4] + shorter[5:7],
        'bad-cut-one': s[:2] + [s[2][:20]],
        'cut-one-with-spare': s[:3] + [s[3][:20]],
        'header-cut-with-spare': s[:3] + [s[3][:1]],
        'header-only-with-spare': s[:3] + [s[3][:2]],
        'bad-empty-files': [b'', b'', b''],
        'bad-wide': [header(256, 256, 0, 0) + b'x'],
    }
    for name, files in sets.items():
        write('zunfec', name, pack(files))
    write('zunfec', 'bad-no-input', b'')
    write('zunfec', 'bad-lengths', bytes([7, 0xff, 0xff, 1, 2, 3]))


def share_head(k, m, size, share, leaves):
    """The head of a share file (docs/format.md, 6), all of whose shares have these leaves."""
    def mac(key, data):
        return hmac.new(key, data, hashlib.sha256).digest()

    def root(hashes):
        if len(hashes) == 1:
            return hashes[0]
        left = 1
        while 2 * left < len(hashes):
            left *= 2
        return mac(b'sherd node', root(hashes[:left]) + root(hashes[left:]))

    manifest = struct.pack('<HBBI16s32sHHI', 1, 1, 0, 1, bytes(16), bytes(range(32)), k, m, size)
    manifest += root(leaves) * m
    offset = (32 + len(manifest) + 32 * len(leaves) + 4095) // 4096 * 4096
    prefix = struct.pack('<8sHHIIIQ', b'sherd-s\n', share, 0, len(manifest), len(leaves), offset,
                         offset + size)
    return (prefix + manifest + b''.join(leaves)).ljust(offset, b'\0')


def make_share_heads():
    for k, m, kib, share in ((1, 1, 64, 0), (2, 3, 64, 1), (3, 5, 16384, 4), (38, 64, 512, 63)):
        leaves = [bytes([i % 256]) * 32 for i in range(kib // 32)]
        head = share_head(k, m, kib << 10, share, leaves)
        write('share_head', f'good-{k}-{m}-{kib}', bytes([share]) + head)
    head = bytes([1]) + share_head(2, 3, 1 << 16, 1, [bytes(32), bytes(32)])
    write('share_head', 'bad-empty', b'')
    write('share_head', 'bad-cut', head[:200])
    for name, at in (('magic', 1), ('number', 9), ('manifest-size', 13), ('leaf-count', 17), ('offset', 21),
                     ('length', 25), ('format', 33), ('suite', 35), ('k', 89), ('m', 91), ('size', 93),
                     ('root', 97), ('leaf', 200), ('padding', 4000)):
        write('share_head', 'bad-' + name, flip(head, at))


def make_refs():
    def ref(k, m, size, epoch=1):
        return (bytes(range(64)) + struct.pack('<IIBBH', epoch, size, k, m, 0) +
                b''.join(struct.pack('<H', i) for i in range(m)))

    name = 'packs/01/' + '0123456789abcdef' * 4 + '.7'
    write('ref', 'good-one', ref(3, 5, 16 << 20))
    write('ref', 'good-many', ref(1, 1, 1 << 16) + ref(64, 64, 512 << 10) + ref(2, 3, 1 << 20))
    write('ref', 'good-name', name.encode())
    write('ref', 'bad-name', name.replace('.7', '.07').encode())
    write('ref', 'bad-empty', b'')
    write('ref', 'bad-cut', ref(3, 5, 16 << 20)[:-1])
    write('ref', 'bad-epoch', ref(3, 5, 1 << 20, 0))
    write('ref', 'bad-k', ref(0, 5, 1 << 20))
    write('ref', 'bad-m', ref(3, 65, 1 << 16))
    write('ref', 'bad-size', ref(3, 5, 3 << 20))
    write('ref', 'bad-too-large', ref(4, 6, 16 << 20))


make_headers()
make_sets()
make_share_heads()
make_refs()
