#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""t_parts.py: scripts/sherd-reader against golden tables, and with pools made by pools.py: good ones, and such
as thieves and bad disks leave behind. Prints TAP; skipped without the Debian packages the reader needs."""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

try:
    import pools
except ImportError as problem:
    print(f"1..0 # SKIP {problem}")
    sys.exit(0)

R, GOLDEN = pools.R, Path(os.environ.get("SHERD_GOLDEN") or Path(__file__).resolve().parents[1] / "golden")
TESTS = []


def test(what):
    def add(function):
        TESTS.append((what, function))
        return function
    return add


def expect(truth, *what):
    if not truth:
        raise AssertionError(" ".join(str(w) for w in what))


def same(got, wanted, *what):
    expect(got == wanted, *what, "got", repr(got)[:300], "not", repr(wanted)[:300])


def refused(what, function, *words):
    try:
        function(*words)
    except R.Bad as error:
        expect(what in str(error), f"'{error}' does not say '{what}'")
        return
    raise AssertionError(f"'{what}' is not refused")


def golden(name, kind=None):
    for line in (GOLDEN / name).read_text().splitlines():
        if not line.startswith("#") and (kind is None or line.startswith(kind + " ")):
            yield line.split()


def unhex(word):
    return b"" if word == "-" else bytes.fromhex(word)


def stream(seed, size):
    blocks = (R.sha256(b"sherd golden", seed.to_bytes(4, "little"), i.to_bytes(8, "little"))
              for i in range((size + 31) // 32))
    return b"".join(blocks)[:size]


@test("the code makes zfec's matrices")
def _():
    count = 0
    for k, m, row, coefficients in golden("generator-matrices.txt"):
        if count % 7 == 0:  # they are many, and this is Python
            same(bytes(R.lagrange(range(int(k)), int(row))), unhex(coefficients), k, m, row)
        count += 1
    same(count, 1394)


@test("the code makes zfec's check blocks, and data from any k of them")
def _():
    count = 0
    for k, m, size, data, *checks in golden("raw-encoder.txt"):
        k, m, size, data = int(k), int(m), int(size), unhex(data)
        blocks = [data[i * size:(i + 1) * size] for i in range(k)] + [unhex(check) for check in checks]
        if size:
            for _ in range(3):
                known = random.Random(count).sample(range(m), k)
                wanted = random.Random(count + 1).randrange(m)
                same(R.combine(R.lagrange(known, wanted), [blocks[i] for i in known]), blocks[wanted], k, m, known)
        count += 1
    same(count, 71)


@test("hashes and derived keys are those of the golden table")
def _():
    trees = list(golden("crypt.txt", "tree"))
    same(len(trees), 17)
    for _, seed, size, root in trees:
        same(R.tree_hash(stream(int(seed), int(size))).hex(), root, "tree of", size)
    derived = list(golden("crypt.txt", "derive"))
    same(len(derived), 4)
    for _, seed, salt_size, extra, key, info in derived:
        seed, salt_size, extra = int(seed), int(salt_size), int(extra)
        info = (b"" if info == "-" else info.replace("_", " ").encode()) + stream(seed + 2000, extra)
        same(R.derive(stream(seed, 32), stream(seed + 1000, salt_size), info).hex(), key, "derive", seed)
    seals = list(golden("crypt.txt", "seal"))
    same(len(seals), 22)
    for _, seed, aad_size, size, _own, begin, whole in seals:
        seed, aad, plain = int(seed), stream(int(seed) + 1000, int(aad_size)), stream(int(seed) + 2000, int(size))
        key, nonce = stream(seed, 32), unhex(begin)[:12]
        sealed = nonce + R.AESGCM(key).encrypt(nonce, plain, aad)
        same(R.sha256(sealed).hex(), whole, "seal", seed)
        same(R.unseal(key, sealed, aad, "it"), plain)
        refused("does not open", R.unseal, key, sealed, aad + b"x", "it")
        refused("does not open", R.unseal, key, sealed[:-1] + bytes([sealed[-1] ^ 1]), aad, "it")
    refused("shorter", R.unseal, key, bytes(27), aad, "it")


@test("share files of the golden table are read, and every wrong one is refused")
def _():
    import importlib.util
    spec = importlib.util.spec_from_file_location("shares_golden", GOLDEN / "shares.py")
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    with tempfile.TemporaryDirectory() as top:
        for case in range(len(table.CASES)):
            pack_id, heads, bodies = table.pack(case)
            ids = [line[6] for line in golden("shares.txt", "pack") if int(line[1]) == case]
            same(ids, [pack_id.hex()])
            for number, (head, body) in enumerate(zip(heads, bodies)):
                path = os.path.join(top, f"{pack_id.hex()}.{number}")
                Path(path).write_bytes(head + body)
                share = R.Share(path, pack_id, number)
                got = b"".join(share.block(i) for i in range(len(share.leaves)))
                same(got, body, case, number)
                if case or number:
                    continue
                refused("another share", R.Share, path, pack_id, 1)
                refused("not this pack", R.Share, path, bytes(32), number)
                for at in range(0, len(head), 1 if len(head) < 300 else 13):
                    wrong = bytearray(head + body)
                    wrong[at] ^= 1 << at % 8
                    Path(path).write_bytes(wrong)
                    refused("", R.Share, path, pack_id, number)
                for wrong in (head + body[:-1], head + body + b"x", head, head[:31], b""):
                    Path(path).write_bytes(wrong)
                    refused("", R.Share, path, pack_id, number)
                Path(path).write_bytes(head + body[:40000] + b"!" + body[40001:])
                share = R.Share(path, pack_id, number)
                share.block(0)
                if body[40000:40001] != b"!":
                    refused("block 1", share.block, 1)


# --- whole pools ---

def run(folders, *words, passphrase=pools.PASSPHRASE, kit=None, code=0):
    with tempfile.TemporaryDirectory() as top:
        secret = Path(top) / "secret"
        secret.write_bytes(kit.encode() if kit else passphrase + b"\n")
        done = subprocess.run([sys.executable, pools.SCRIPT, "--kit" if kit else "--passphrase-file", secret,
                               *folders, *words], capture_output=True, check=False)
    expect("Traceback" not in done.stderr.decode(), done.stderr.decode())
    same(done.returncode, code, words, done.stdout.decode(), done.stderr.decode())
    return done.stdout.decode(), done.stderr.decode()


BIG = random.Random(5).randbytes(50000)
HARD = pools.struct.pack("<QQ", 1, 99)


def fill(maker, device, seq=1, vector=None, facts=None, what=b"hello\n", index=True, flag=1, **how):
    """One pack with a small tree of every kind of thing, and a head. Gives (snapshot id, payload)."""
    datas = [what, BIG[:20000], BIG[20000:]]
    ids = [maker.blob_id(1, data) for data in datas]
    runs = pools.content([(20000, ids[1]), (100000, None)])
    lists = [runs, pools.content([(30000, ids[2])])]
    sparse = pools.content([(120000, maker.blob_id(3, lists[0])), (30000, maker.blob_id(3, lists[1]))], 1)
    one = dict(mode=0o640, length=len(what), links=2, t1=pools.content([(len(what), ids[0])]), t7=HARD)
    deep = pools.part(pools.entry(b"again", 1, **one), pools.entry(b"empty", 1, 0o600, t1=pools.content([])))
    first = pools.part(
        pools.entry(b"deep", 2, 0o750, t1=pools.content([(len(deep), maker.blob_id(2, deep))])),
        pools.entry(b"fifo", 4, 0o600), pools.entry(b"hello", 1, **one))
    second = pools.part(
        pools.entry(b"link", 3, 0o777, t2=b"../no/where"),
        pools.entry(b"sparse", 1, 0o4755, length=150000, t1=sparse),
        pools.entry(b"\xff\x1b[2J", 2, 0o700, t1=pools.content([])))
    root = pools.content([(len(part), maker.blob_id(2, part)) for part in (first, second)])
    payload = maker.snapshot(root, begun=(1600000000 + seq) * 10**9)
    snapshot = maker.blob_id(6, payload)
    dot = (device.incarnation, seq, 0)
    vector = {device.incarnation: seq, **(vector or {})}
    catalog = maker.catalog(vector, {dot: payload, **(facts or {})})
    groups = [(1, 0, datas), (2, 1, [first, second, deep]), (3, 1, lists), (5, 1, [catalog])]
    streams = [(5, [3])]
    if index:
        table = maker.pack(groups)[1]  # an older pack with the same blobs, which the index lists
        reference = maker.pack(groups)
        groups.append((4, 1, [maker.index([(reference[0], table, None), reference])]))
        streams.append((4, [4]))
    pack = maker.pack(groups)
    maker.head(device, seq, maker.head_content(pack, flag, streams), **how)
    return snapshot.hex(), {dot: payload}


def check_tree(folder, what=b"hello\n"):
    folder = Path(folder)
    names = sorted(os.listdir(os.fsencode(folder)))
    same(names, [b"deep", b"fifo", b"hello", b"link", b"sparse", b"\xff\x1b[2J"])
    same((folder / "hello").read_bytes(), what)
    same((folder / "hello").stat().st_ino, (folder / "deep/again").stat().st_ino, "hard link")
    same((folder / "hello").stat().st_mode & 0o7777, 0o640)
    same((folder / "sparse").stat().st_mode & 0o7777, 0o4755)
    same((folder / "sparse").stat().st_mtime_ns, 1600000000 * 10**9 + 5)
    same((folder / "deep").stat().st_mtime_ns, 1600000000 * 10**9 + 5)
    same((folder / "deep").stat().st_mode & 0o7777, 0o750)
    same((folder / "sparse").read_bytes(), BIG[:20000] + bytes(100000) + BIG[20000:])
    expect((folder / "sparse").stat().st_blocks * 512 < 150000, "the hole is filled")
    same(os.readlink(folder / "link"), "../no/where")
    same((folder / "link").lstat().st_mtime_ns, 1600000000 * 10**9 + 5)
    expect((folder / "fifo").is_fifo(), "fifo")
    same((folder / "deep/empty").read_bytes(), b"")


def pool_test(what):
    """A test that gets a maker with a slot, a pool record and one device with all rights, in a folder of its own."""
    def add(function):
        def work():
            with tempfile.TemporaryDirectory() as top:
                maker = pools.Maker(top)
                maker.slot()
                maker.pool_record()
                function(maker, maker.device(), Path(top))
        TESTS.append((what, work))
        return function
    return add


@pool_test("a pool is read from any k of its places, with passphrase and kit")
def _(maker, device, top):
    maker.slot(kind=2)
    snapshot, _ = fill(maker, device)
    for left_out in range(3):
        folders = [folder for i, folder in enumerate(maker.folders) if i != left_out]
        out, err = run(folders, "list", kit=maker.kit() if left_out == 1 else None)
        expect(out.startswith(snapshot) and out.endswith("Z host /home\n"), out)
        same(err, "")
        to = top / f"out{left_out}"
        same(run(folders, "extract", snapshot[:8], "--to", to)[1], "")
        check_tree(to)
    out, _ = run(maker.folders, "ls", "latest")
    same(len(out.splitlines()), 6)
    expect("\\xff\\x1b[2J" in out, out)
    out, _ = run(maker.folders, "ls", "latest", "deep/again")
    expect(out.startswith("-rw-r-----"), out)
    run(maker.folders, "extract", "latest", "--to", top / "one", "deep")
    same(sorted(os.listdir(top / "one/deep")), ["again", "empty"])
    same(run(maker.folders, "verify")[0], "24 good, 0 bad; 3 packs, 0 of them short of shares\n")


@pool_test("wrong passphrases, kits, places and words are refused")
def _(maker, device, top):
    maker.slot(kind=2)
    fill(maker, device)
    _, err = run(maker.folders, "list", passphrase=b"other", code=1)
    expect("no key slot opens" in err, err)
    kit = maker.kit()
    at = kit.index("    1  ") + 8
    mistyped = kit[:at] + ("a" if kit[at] != "a" else "b") + kit[at + 1:]
    expect("mistyped" in run(maker.folders, "list", kit=mistyped, code=1)[1], "mistyped")
    other = pools.Maker(top / "other", seed=2)
    expect("another pool" in run([maker.folders[0], other.folders[0]], "list", code=1)[1], "two pools")
    expect("given twice" in run([maker.folders[0]] * 2, "list", code=1)[1], "twice")
    expect("no snapshot 'ffff'" in run(maker.folders, "ls", "ffff", code=1)[1], "absent")
    expect("there is no 'deep/x'" in run(maker.folders, "ls", "latest", "deep/x", code=1)[1], "absent")
    expect("not empty" in run(maker.folders, "extract", "latest", "--to", maker.folders[0], code=1)[1], "full")
    for words in (["ls"], ["extract", "latest"], ["list", "x"], ["list", "--to", "x"], ["list", "--what"], []):
        run(maker.folders, *words, code=2)


@pool_test("damage is named and mended as far as it goes")
def _(maker, device, top):
    fill(maker, device, index=False)
    shares = sorted(path for folder in maker.folders for path in folder.glob("packs/*/*"))
    same(len(shares), 3)
    good = [path.read_bytes() for path in shares]
    for number, path in enumerate(shares):  # leaf 0 of one and leaf 1 of another: every column has k good ones
        other = shares[(number + 1) % 3]
        path.write_bytes(good[number][:5000] + bytes(100) + good[number][5100:])
        at = shares.index(other)
        other.write_bytes(good[at][:-100] + bytes(100))
        _, err = run(maker.folders, "extract", "latest", "--to", top / f"a{number}")
        same("is not what was stored" in err, number != 1, err)  # no good group begins in data share 1
        check_tree(top / f"a{number}")
        out, err = run(maker.folders, "verify", code=1)
        expect("2 bad; 1 packs, 1 of them short" in out and path.name in err and other.name in err, out, err)
        path.write_bytes(good[number])
        other.write_bytes(good[at])
    shares[0].unlink()
    shares[1].unlink()
    expect("of 2 shares that are needed" in run(maker.folders, "list", code=1)[1], "too few")


@pool_test("files that are lost in part are written, marked, and named; the others are whole")
def _(maker, device, top):
    maker.size = 65536
    data = [random.Random(i).randbytes(60000) for i in range(2)]
    ids = [maker.blob_id(1, blob) for blob in data]
    tree = pools.part(pools.entry(b"a", 1, length=120000, t1=pools.content([(60000, i) for i in ids])),
                      pools.entry(b"b", 1, length=60000, t1=pools.content([(60000, ids[0])])),
                      pools.entry(b"c", 2, t1=pools.content([(9, bytes(32))])))
    payload = maker.snapshot(pools.content([(len(tree), maker.blob_id(2, tree))]))
    catalog = maker.catalog({device.incarnation: 1}, {(device.incarnation, 1, 0): payload})
    lost = maker.pack([(1, 0, [data[1]])])
    rest = maker.pack([(1, 0, [data[0]]), (2, 1, [tree]), (5, 0, [catalog]), (4, 0, [maker.index([lost])])])
    maker.head(device, 1, maker.head_content(rest, 1, [(5, [2]), (4, [3])]))
    for folder in maker.folders[:2]:
        for path in folder.glob(f"packs/*/{lost[0][:32].hex()}.*"):
            path.unlink()
    _, err = run(maker.folders, "extract", "latest", "--to", top / "out", code=1)
    same(sorted(os.listdir(top / "out")), ["a.incomplete", "b", "c"])
    same((top / "out/b").read_bytes(), data[0])
    same((top / "out/a.incomplete").read_bytes(), data[0] + bytes(60000))
    expect("'a': bytes 60000 to 120000 of 120000 are missing" in err and "'c': part of this folder" in err, err)


@pool_test("without its index a pack's own table is found")
def _(maker, device, top):
    fill(maker, device, index=False, flag=0)
    run(maker.folders, "extract", "latest", "--to", top / "out")
    check_tree(top / "out")


@pool_test("the newest head counts; one that cannot be read gives way to its forerunner")
def _(maker, device, top):
    fill(maker, device, 1, index=False, what=b"one")
    snapshot, _ = fill(maker, device, 2, index=False, what=b"two")
    out, _ = run(maker.folders, "list")
    same([line.split()[0] for line in out.splitlines()], [snapshot])  # it knows dot 1 no more: removed
    maker.head(device, 3, b"\7\0 rubbish")
    out, err = run(maker.folders, "list", code=1)
    same([line.split()[0] for line in out.splitlines()], [snapshot])
    expect("its forerunner is tried" in err, err)
    maker.head(device, 4, b"", features=8)
    expect("features that this reader does not know: 0x8" in run(maker.folders, "list", code=1)[1], "features")


@pool_test("catalogs are joined; only who may delete can remove")
def _(maker, device, top):
    first, facts = fill(maker, device, index=False)
    adder = maker.device(rights=1)
    second, _ = fill(maker, adder, index=False, what=b"adder", vector={device.incarnation: 1})
    out, _ = run(maker.folders, "list")
    same(sorted(line.split()[0] for line in out.splitlines()), sorted([first, second]))
    deleter = maker.device(rights=3)
    third, _ = fill(maker, deleter, index=False, what=b"deleter", vector={device.incarnation: 1})
    out, _ = run(maker.folders, "list")
    same(sorted(line.split()[0] for line in out.splitlines()), sorted([second, third]))


@pool_test("a fork is named, and both its heads are read")
def _(maker, device, top):
    both = [fill(maker, device, 1, index=False, what=what)[0] for what in (b"one", b"two")]
    out, err = run(maker.folders, "list")
    expect("forked at 1" in err, err)
    same(sorted(line.split()[0] for line in out.splitlines()), sorted(both))


@pool_test("heads of a fork that know each other's dots remove nothing of each other")
def _(maker, device, top):
    payloads = [maker.snapshot(pools.content([]), begun=10**18 + i) for i in range(2)]
    for number, payload in enumerate(payloads):
        catalog = maker.catalog({device.incarnation: 1}, {(device.incarnation, 1, number): payload})
        maker.head(device, 1, maker.head_content(maker.pack([(5, 0, [catalog])]), 1, [(5, [0])]))
    out, _ = run(maker.folders, "list")
    same(sorted(line.split()[0] for line in out.splitlines()), sorted(maker.blob_id(6, p).hex() for p in payloads))


@pool_test("a blob that is not that of its id is no blob")
def _(maker, device, top):
    wanted = maker.blob_id(1, b"right")
    tree = pools.part(pools.entry(b"a", 1, length=5, t1=pools.content([(5, wanted)])))
    payload = maker.snapshot(pools.content([(len(tree), maker.blob_id(2, tree))]))
    catalog = maker.catalog({device.incarnation: 1}, {(device.incarnation, 1, 0): payload})
    liar = maker.pack([(1, 0, [b"wrong"])], wrong_id=wanted)
    rest = maker.pack([(2, 0, [tree]), (5, 0, [catalog]), (4, 0, [maker.index([liar])])])
    maker.head(device, 1, maker.head_content(rest, 1, [(5, [1]), (4, [2])]))
    _, err = run(maker.folders, "extract", "latest", "--to", top / "out", code=1)
    expect("is not that of its id" in err and os.listdir(top / "out") == ["a.incomplete"], err)


@pool_test("pool records that the administrator or a manager did not make for this pool are left out")
def _(maker, device, top):
    fill(maker, device, index=False)
    adder = maker.device(rights=1)
    maker.pool_record(signer=device)
    same(run(maker.folders, "list")[1], "")
    maker.pool_record(signer=adder)
    expect("it is not signed by one who may" in run(maker.folders, "list")[1], "an adder's")
    saved, maker.salt = maker.salt, bytes(16)
    maker.pool_record()
    expect("does not follow from the administrator" in run(maker.folders, "list")[1], "another salt")
    maker.salt = saved


@test("a slot whose commitment is to another key is refused")
def _():
    with tempfile.TemporaryDirectory() as top:
        maker = pools.Maker(top)
        maker.slot(commitment=bytes(32))
        maker.pool_record()
        expect("not the one committed to" in run(maker.folders, "list", code=1)[1], "commitment")


@pool_test("heads and devices that nobody vouches for are left out")
def _(maker, device, top):
    snapshot, _ = fill(maker, device, index=False)
    stranger = pools.Device(maker, 7)
    maker.device(7, device=stranger, key=stranger.key)  # "signed by the administrator", with its own key
    fill(maker, stranger, 9, index=False, what=b"stranger")
    adder = maker.device(rights=1)
    fill(maker, adder, 9, index=False, what=b"over", incarnation=device.incarnation)
    fill(maker, device, 9, index=False, what=b"forged", key=stranger.key)
    out, err = run(maker.folders, "list")
    same([line.split()[0] for line in out.splitlines()], [snapshot])
    for why in ("its device has no such incarnation", "its signature is wrong"):
        expect(why in err, why, err)


@pool_test("a device can change its record but give itself no rights")
def _(maker, device, top):
    adder = maker.device(rights=1)
    first, _ = fill(maker, device, index=False)
    second, _ = fill(maker, adder, index=False, what=b"adder", vector={device.incarnation: 1})
    maker.device(3, device=adder, seq=2, signer=adder)
    out, err = run(maker.folders, "list")
    expect("gave itself rights" in err, err)
    same(len(out.splitlines()), 2)
    adder.incarnation = maker.bytes(16)
    maker.device(1, device=adder, seq=3, signer=adder)
    fill(maker, adder, index=False, what=b"anew")
    same(len(run(maker.folders, "list")[0].splitlines()), 3)


@pool_test("packs and heads of old epochs open, forged slots of new ones do not")
def _(maker, device, top):
    first, _ = fill(maker, device, index=False, what=b"one")
    other = maker.device()
    maker.epoch, maker.epochs[2] = 2, maker.bytes(32)
    maker.slot()
    maker.pool_record()
    second, _ = fill(maker, other, index=False, what=b"two")
    same(len(run(maker.folders, "list")[0].splitlines()), 2)
    run(maker.folders, "extract", first, "--to", top / "one")
    check_tree(top / "one", b"one")
    maker.epoch, maker.epochs[3] = 3, maker.bytes(32)
    maker.slot()  # by someone who knows the slot's public key: no pool record goes with it
    del maker.epochs[3]
    maker.epoch = 2
    same(len(run(maker.folders, "list")[0].splitlines()), 2)


@pool_test("a record whose bytes are not those of its name is left out, and another place has it")
def _(maker, device, top):
    fill(maker, device, index=False)
    for folder in ("heads", "pool", "devices", "keys"):
        for path in maker.folders[0].glob(f"{folder}/**/*-*"):
            path.write_bytes(path.read_bytes()[:-1] + b"?")
    out, err = run(maker.folders, "list")
    same((len(out.splitlines()), err.count("not those it was named after")), (1, 4))
    expect("5 bad" not in run(maker.folders, "verify", code=1)[0], "4 are bad")


@pool_test("entries that cannot be written are named, and the others come back")
def _(maker, device, top):
    far = (1 << 62, 5)
    tree = pools.part(pools.entry(b"attributes", 1, t1=pools.content([]), t4=pools.struct.pack("<HHI", 1, 3, 0) + b"a\0b"),
                      pools.entry(b"device", 6, t3=b"\xff" * 8), pools.entry(b"far", 1, mtime=far, t1=pools.content([])),
                      pools.entry(b"good", 1, t1=pools.content([])),
                      pools.entry(b"huge", 1, length=(1 << 63) - 1, t1=pools.content([((1 << 63) - 1, None)])),
                      pools.entry(b"link", 3, t2=b"a\0b"), pools.entry(b"none", 1))
    payload = maker.snapshot(pools.content([(len(tree), maker.blob_id(2, tree))]))
    catalog = maker.catalog({device.incarnation: 1}, {(device.incarnation, 1, 0): payload})
    maker.head(device, 1, maker.head_content(maker.pack([(2, 1, [tree]), (5, 0, [catalog])]), 1, [(5, [1])]))
    expect(f"@{1 << 62}" in run(maker.folders, "ls", "latest")[0], "a far time")
    _, err = run(maker.folders, "extract", "latest", "--to", top / "out", code=1)
    expect((top / "out/good").exists() and (top / "out/attributes").exists(), err)
    for name in ("attributes", "huge", "link", "none"):
        expect(f"'{name}'" in err, name, err)


@test("cursors and trees refuse what cannot be")
def _():
    entry, part = pools.entry, pools.part
    for name in (b"", b".", b"..", b"a/b", b"a\0b"):
        data = entry(name, 1)[4:]
        refused("a name that cannot be", R.read_entry, R.Cursor(data, "x"))
    refused("cannot be", R.read_entry, R.Cursor(entry(b"a", 8)[4:], "x"))
    refused("goes on behind", R.read_entry, R.Cursor(entry(b"a", 1)[4:] + b"x", "x"))
    refused("too early", R.read_entry, R.Cursor(entry(b"a", 1)[4:-1], "x"))

    class Fake:
        def __init__(self, data):
            self.data = data

        def blob(self, kind, _id):
            return self.data

    for data, why in ((part(entry(b"b", 1), entry(b"a", 1)), "ascend"), (part(entry(b"a", 1), entry(b"a", 1)), "ascend"),
                      (part(entry(b"a", 1))[:-1], "too"), (part(entry(b"a", 1)) + b"x", "goes on")):
        told = []
        found = list(R.entries(Fake(data), R.Content(0, [(len(data), bytes(32))]), told.append))
        expect(not found and len(told) == 1 and why in str(told[0]), data, told)
    refused("too deep", R.read_content, R.Cursor(pools.content([], 4), "x"))
    known, maker = bytes(16), pools.Maker(tempfile.mkdtemp())
    R.read_catalog(maker.catalog({known: 2}, {(known, 2, 0): b""}))
    for vector, dot in (({}, (known, 1, 0)), ({known: 1}, (known, 2, 0)), ({known: 1}, (known, 0, 0))):
        refused("its own vector does not know", R.read_catalog, maker.catalog(vector, {dot: b""}))
    shutil.rmtree(maker.folders[0].parent)
    looped = pools.content([(5, bytes(32))], 1)
    runs = list(R.expand(Fake(looped), R.Content(1, [(5, bytes(32))])))
    expect(len(runs) == 1 and "another depth" in str(runs[0][2]), runs)


def main():
    failed = 0
    print(f"1..{len(TESTS)}")
    for number, (what, function) in enumerate(TESTS, 1):
        try:
            function()
            print(f"ok {number} - {what}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            for line in traceback.format_exc().splitlines():
                print("#", line)
            print(f"not ok {number} - {what}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
