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


def u(value, size):
    return value.to_bytes(size, 'little')


def text(value):
    return u(len(value), 2) + value


def kit_lines():
    secret = bytes([1]) + bytes(range(64))
    value = int.from_bytes(secret, 'big')
    letters = ''.join('abcdefghijklmnopqrstuvwxyz234567'[value >> 5 * i & 31]
                      for i in reversed(range(104)))
    lines = []
    for number in range(1, 7):
        part = letters[20 * (number - 1):20 * number]
        bits = int.from_bytes(hashlib.sha256(bytes([number]) + part.encode()).digest()[:2], 'big')
        check = ''.join('abcdefghijklmnopqrstuvwxyz234567'[bits >> s & 31] for s in (11, 6))
        lines.append(f'{number}  ' + ' '.join(part[i:i + 4] for i in range(0, len(part), 4)) +
                     '  ' + check + '\n')
    return lines


def make_control():
    """The first byte says what the others are: see fuzz_control.c."""
    place = u(1, 2) + bytes([5] * 16) + u(0, 2) + u(1, 4) + text(b'nas') + text(b'dir:/n') + text(b'')
    extension = u(1, 2) + u(9, 2) + u(3, 4) + b'abc'
    pool = (u(0, 8) + bytes(32) + bytes([1] * 32) + bytes([2] * 16) + u(3, 8) + bytes([2, 3, 1, 1]) +
            u(1, 4) + u(2, 4) + u(3, 4) + text(b'name') + u(2, 2) +
            u(1, 2) + bytes([3] * 16) + b'\1' + bytes([4] * 32) + text(b'') +
            u(1, 2) + u(1, 4) + bytes([6] * 32) + u(1, 2) + place)
    device = bytes([1] * 96) + u(7, 4) + u(3, 8) + text(b'host') + text(b'')
    head = (u(0, 8) + bytes([1] * 16) + bytes(32) + u(1, 8) * 4 + u(1, 4) + bytes(32) + u(1, 4) +
            bytes([7] * 16) + u(2, 8) + bytes([8] * 16) + u(4, 4) + b'body')
    slot = (b'sherd-k\n' + u(1, 2) + bytes([1, 1]) + u(1, 4) + bytes([1] * 32) + u(8192, 4) + u(1, 4) +
            bytes([2] * (16 + 32 + 32 + 104 + 152)) + bytes(32))
    record = (b'sherd-r\n' + u(1, 2) + bytes([3, 1]) + u(1, 4) + bytes([2] + [0] * 15) + u(5, 8) +
              bytes([4] * 16) + u(120, 4) + u(0, 4) + bytes(120))
    identity = b'sherd-place 1\npool ' + b'ab' * 16 + b'\nplace ' + b'cd' * 16 + b'\n\nwords\n'
    name = b'heads/' + b'12' * 16 + b'/' + b'0' * 15 + b'1-' + b'34' * 16
    kit = ''.join(kit_lines()).encode()
    seeds = {'bad-record': (0, record), 'good-pool': (1, pool + u(0, 2)),
             'good-pool-extension': (1, pool + extension), 'bad-pool-cut': (1, pool),
             'bad-pool-k': (1, pool[:96] + b'\0' + pool[97:] + u(0, 2)),
             'good-device': (2, device + u(0, 2)), 'bad-device': (2, device + u(1, 2)),
             'good-head': (3, head + extension), 'bad-head': (3, head),
             'good-slot': (4, slot), 'bad-slot-memory': (4, slot[:48] + u(1 << 31, 4) + slot[52:]),
             'good-kit': (5, kit), 'bad-kit': (5, flip(kit, 5)), 'good-identity': (6, identity),
             'newer-identity': (6, identity.replace(b'1', b'2', 1)), 'good-name': (7, name),
             'bad-name': (7, name[:-1])}
    for seed, (kind, data) in seeds.items():
        write('control', seed, bytes([kind]) + data)


def make_catalogs():
    def catalog(vector, facts):
        out = struct.pack('<HHI', 1, 0, len(vector))
        out += b''.join(device * 16 + struct.pack('<Q', seq) for device, seq in vector)
        out += struct.pack('<I', len(facts))
        for device, seq, number, kind, payload in facts:
            out += device * 16 + struct.pack('<QIB3xI', seq, number, kind, len(payload)) + payload
        return out

    def pair(one, two):
        return struct.pack('<I', len(one)) + one + two

    empty = catalog([], [])
    one = catalog([(b'a', 3), (b'b', 1)], [(b'a', 1, 0, 1, b'first'), (b'a', 3, 0, 1, b'third'), (b'b', 1, 0, 1, b'')])
    two = catalog([(b'a', 2), (b'c', 1 << 40)],
                  [(b'a', 1, 0, 1, b'first'), (b'a', 2, 0, 1, b'second'), (b'c', 1 << 40, 0, 200, b'unknown')])
    fork = catalog([(b'a', 3)], [(b'a', 3, 0, 1, b'other')])
    last = catalog([(b'a', (1 << 64) - 1)], [(b'a', (1 << 64) - 1, 7, 1, b'last')])
    write('catalog', 'good-empty', pair(empty, empty))
    write('catalog', 'good-into-empty', pair(empty, one))
    write('catalog', 'good-two', pair(one, two))
    write('catalog', 'good-fork', pair(one, fork))
    write('catalog', 'good-last', pair(last, one))
    write('catalog', 'bad-cut', pair(one, two[:-1]))
    write('catalog', 'bad-size', pair(one, two)[:100])
    write('catalog', 'bad-behind-end', pair(one, two + b'x'))
    write('catalog', 'bad-counts', pair(flip(one, 7, 0xff), flip(one, 59, 0xff)))
    write('catalog', 'bad-not-covered', pair(catalog([(b'a', 1)], [(b'a', 2, 0, 1, b'x')]), empty))
    write('catalog', 'bad-newer', pair(flip(one, 0, 2), one))
    write('catalog', 'bad-order', pair(catalog([(b'b', 1), (b'a', 1)], []), empty))


def field(tag, data):
    return tag.to_bytes(2, 'little') + len(data).to_bytes(4, 'little') + data


def content(*runs, depth=0):
    return bytes([depth, 0, 0, 0]) + len(runs).to_bytes(4, 'little') + b''.join(
        (length | (id is None) << 63).to_bytes(8, 'little') + (id or b'') for length, id in runs)


def entry(kind, name, fields=(), length=0, links=1):
    body = bytes([kind, 0]) + (0o644).to_bytes(2, 'little') + bytes(8) + links.to_bytes(4, 'little')
    body += 2 * ((10 ** 9).to_bytes(8, 'little') + (5).to_bytes(4, 'little'))
    body += length.to_bytes(8, 'little') + (7).to_bytes(8, 'little')
    body += len(name).to_bytes(2, 'little') + len(fields).to_bytes(2, 'little') + name
    body += b''.join(fields)
    return len(body).to_bytes(4, 'little') + body


def part(*entries, version=1):
    return version.to_bytes(2, 'little') + bytes(2) + len(entries).to_bytes(4, 'little') + \
        b''.join(entries)


def text(value):
    return len(value).to_bytes(2, 'little') + value


def make_trees():
    id = bytes(range(32))
    xattrs = (2).to_bytes(2, 'little') + b''.join(
        len(n).to_bytes(2, 'little') + len(v).to_bytes(4, 'little') + n + v
        for n, v in ((b'user.a', b'1'), (b'user.b', b'')))
    file = entry(1, b'file', [field(1, content((5, id))), field(4, xattrs), field(5, b'root'),
                              field(7, bytes(16)), field(8, bytes(12)), field(99, b'new')],
                 length=5, links=2)
    sparse = entry(1, b'hole', [field(1, content((100, None), (5, id)))], length=105)
    folder = entry(2, b'folder', [field(1, content())])
    link = entry(3, b'ln', [field(2, b'target')])
    device = entry(6, b'null', [field(3, bytes([1, 0, 0, 0, 3, 0, 0, 0]))])
    write('tree', 'good-empty', part())
    write('tree', 'good-kinds', part(file, folder, sparse, link, device, entry(4, b'z')))
    write('tree', 'good-list', part(entry(1, b'big', [field(1, content((9, id), depth=1))],
                                          length=9)))
    write('tree', 'bad-order', part(folder, file))
    write('tree', 'bad-cut', part(file)[:-3])
    write('tree', 'bad-behind', part(file) + b'x')
    write('tree', 'bad-name', part(entry(4, b'..')))
    write('tree', 'bad-sum', part(entry(1, b'f', [field(1, content((5, id)))], length=6)))
    write('tree', 'bad-tags', part(entry(3, b'l', [field(5, b'o'), field(2, b't')])))
    write('tree', 'unsupported-newer', part(version=2))
    snapshot = bytes([1, 0, 1, 0]) + content((9, id)) + bytes(72) + bytes(32) + text(b'host') + \
        text(b'user') + text(b'') + text(b'1') + bytes([2, 0]) + text(b'/a') + text(b'/b') + \
        bytes([1, 0]) + text(b'tag')
    write('snapshot', 'good', snapshot + bytes(2))
    write('snapshot', 'good-extension', snapshot + bytes([1, 0]) + field(5, b'later'))
    write('snapshot', 'bad-cut', snapshot)
    write('snapshot', 'bad-behind', snapshot + bytes(3))
    write('snapshot', 'bad-zero', snapshot[:-1] + bytes(3))
    write('snapshot', 'unsupported-newer', bytes([2]) + snapshot[1:] + bytes(2))
    for name, patterns, path in (
            ('good-names', b'*.o\n!keep.o\n', b'/a/b.o'), ('good-tied', b'/a/*/c\n', b'/a/b/c'),
            ('good-deep', b'**/x/**/y\na/**\n', b'/q/x/z/y'),
            ('good-sets', b'[!a-c][[:digit:]]\\*\n', b'/d5*'), ('good-none', b'', b'/a'),
            ('bad-set', b'a[\n', b'/a'), ('bad-quote', b'a\\\n', b'/a')):
        write('pattern', name, patterns + b'\n' + path)


def ref(tag, k, m, size):
    """A pack reference (6.5)."""
    return (bytes([tag]) * 32 + bytes([tag ^ 0xff]) * 32 + u(1, 4) + u(size, 4) + u(k, 1) + u(m, 1) + u(0, 2)
            + b''.join(u(i + 1, 2) for i in range(m)))


def table(*groups):
    """groups: (type, codec, sealed, plain, blob lengths) (5.4)."""
    return b''.join(u(kind, 1) + u(codec, 1) + u(0, 2) + u(sealed, 4) + u(plain, 4) + u(len(blobs), 4)
                    + b''.join(bytes([i + 1]) * 32 + u(length, 4) for i, length in enumerate(blobs))
                    for kind, codec, sealed, plain, blobs in groups)


TABLE = table((1, 0, 28 + 300, 300, [100, 200]), (2, 1, 28 + 50, 90, [90]), (5, 1, 28 + 60, 200, []),
              (16, 0, 28 + 1000, 1000, []))


def make_tables():
    def sized(payload, data):
        return u(payload, 4) + data

    write('table', 'good-four', sized(65536, TABLE))
    write('table', 'good-empty', sized(65536, b''))
    write('table', 'bad-behind-payload', sized(1000, TABLE))
    write('table', 'bad-cut', sized(65536, TABLE[:-1]))
    write('table', 'bad-lengths', sized(65536, table((1, 0, 28 + 300, 300, [100, 199]))))
    write('table', 'bad-type', sized(65536, table((7, 0, 28 + 300, 300, []))))
    write('table', 'bad-codec', sized(65536, table((1, 2, 28 + 300, 300, [300]))))
    write('table', 'bad-plain', sized(65536, table((1, 0, 28 + 300, 301, [301]))))
    write('table', 'bad-count', sized(65536, flip(TABLE, 15, 0xff)))
    write('table', 'bad-no-length', sized(65536, table((1, 0, 28 + 300, 300, [300, 0]))))


def make_segments():
    def head(packs, streams):
        return (b'\0' + u(1, 2) + u(0, 2) + u(len(packs), 4) + b''.join(r + u(self, 4) for r, self in packs)
                + u(len(streams), 4)
                + b''.join(u(kind, 4) + u(len(groups), 4) + b''.join(b''.join(u(n, 4) for n in g) for g in groups)
                           for kind, groups in streams))

    def index(packs):
        return (b'\1' + u(1, 2) + u(0, 2) + u(len(packs), 4)
                + b''.join(r + u(len(t), 4) + t for r, t in packs))

    two = [(ref(1, 1, 1, 65536), 1), (ref(2, 2, 3, 65536), 0)]
    streams = [(4, [(1, 0, 0, 100, 200, 1)]), (5, [(0, 3, 65000, 128, 100, 0), (1, 9, 100, 128, 100, 0)])]
    good = head(two, streams)
    write('segment', 'good-head-empty', head([], []))
    write('segment', 'good-head', good)
    write('segment', 'bad-head-cut', good[:-1])
    write('segment', 'bad-head-behind-end', good + b'x')
    write('segment', 'bad-head-pack', head(two, [(4, [(2, 0, 0, 100, 200, 1)])]))
    write('segment', 'bad-head-offset', head(two, [(4, [(0, 0, 65500, 100, 72, 0)])]))
    write('segment', 'bad-head-count', flip(good, 8, 0xff))
    write('segment', 'bad-head-newer', flip(good, 1, 2))
    packs = [(ref(1, 1, 1, 65536), TABLE), (ref(2, 2, 3, 1 << 20), table())]
    good = index(packs)
    write('segment', 'good-index-empty', index([]))
    write('segment', 'good-index', good)
    write('segment', 'bad-index-cut', good[:-1])
    write('segment', 'bad-index-behind-end', good + b'x')
    write('segment', 'bad-index-count', flip(good, 8, 0x7f))
    write('segment', 'bad-index-ref', index([(ref(1, 3, 2, 65536), TABLE)]))
    write('segment', 'bad-index-newer', flip(good, 1, 2))


make_headers()
make_control()
make_sets()
make_share_heads()
make_refs()
make_catalogs()


make_trees()


make_tables()
make_segments()
