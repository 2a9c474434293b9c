#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""t_pools.py: what the library has stored comes back without it. pool_tool ($SHERD_POOL_TOOL) makes a 3-of-5 pool,
in which two devices have backed up trees of all kinds of files; scripts/sherd-reader reads it from every three
of the five places, with damage, and with each secret. Prints TAP; skipped without the reader's packages."""
import importlib.machinery
import importlib.util
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
READER = HERE.parents[1] / "scripts/sherd-reader"
TOOL = os.environ["SHERD_POOL_TOOL"]
PASSPHRASE = "ochre mantle twig suburb lunar fjord\n"
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
import trees  # noqa: E402

TESTS = []


def test(what):
    def add(function):
        TESTS.append((what, function))
        return function
    return add


def expect(truth, *what):
    if not truth:
        raise AssertionError(" ".join(str(w) for w in what))


def tool(*words):
    done = subprocess.run([TOOL, *map(str, words)], capture_output=True, check=False)
    expect(done.returncode == 0, words, done.returncode, done.stdout, done.stderr)
    return done.stdout.decode(errors="surrogateescape")


class Pool:
    """A pool in a folder, and the trees that are in it."""

    def __init__(self, top):
        self.top = Path(top)
        self.first, self.second = self.top / "tree1", self.top / "tree2"
        trees.make(self.first, seed=1)
        trees.make(self.second, seed=2, scale=0)
        (self.top / "pass").write_text(PASSPHRASE, encoding="ascii")
        self.dir = self.top / "pool"
        self.dir.mkdir()
        out = tool("make", self.dir, 3, 5, self.first, "+", self.second)
        self.ids = [line.split()[0] for line in out.splitlines()]
        expect(len(self.ids) == 2, out)
        self.places = [self.dir / f"p{i}" for i in range(5)]
        self.count = 0

    def read(self, places, *words, secret="--passphrase-file", code=0):
        file = {"--passphrase-file": self.top / "pass", "--kit": self.dir / "kit.txt"}[secret]
        done = subprocess.run([sys.executable, READER, secret, file, *places, *map(str, words)],
                              capture_output=True, check=False)
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        expect(done.returncode == code and "Traceback" not in err, words, "ended with", done.returncode, out, err)
        return out, err

    def bring_back(self, places, which=0, secret="--passphrase-file"):
        """Extract a snapshot, compare it with its tree; gives what was said."""
        self.count += 1
        to = self.top / f"out{self.count}"
        tree = (self.first, self.second)[which]
        _, err = self.read(places, "extract", self.ids[which], "--to", to, tree, secret=secret)
        wrong = list(itertools.islice(trees.differences(trees.describe(tree), trees.describe(to / tree.name)), 20))
        expect(not wrong, "\n".join(wrong), err)
        subprocess.run(["chmod", "-R", "u+rwX", to], check=True)
        subprocess.run(["rm", "-rf", to], check=True)
        return err


POOL = None


@test("list shows the snapshots of both devices, from any place and k of the others, with any secret")
def _():
    for secret in ("--passphrase-file", "--kit"):
        out, err = POOL.read(POOL.places, "list", secret=secret)
        lines = [line.split(" ", 3) for line in out.splitlines()]
        expect(sorted(line[0] for line in lines) == sorted(POOL.ids) and err == "", out, err)
        expect([line[2] for line in lines] == ["first", "second"], out)
        expect(lines[0][3] == str(POOL.first), out)


def subset(numbers):
    def work():
        places = [POOL.places[i] for i in numbers]
        for which in (0, 1):
            err = POOL.bring_back(places, which, random.Random(sum(numbers)).choice(["--passphrase-file", "--kit"]))
            expect(err == "", err)
    TESTS.append((f"all comes back from places {numbers}", work))


for chosen in itertools.combinations(range(5), 3):
    subset(chosen)


@test("with two places fewer than k nothing is claimed")
def _():
    # Data shares are read as they are: without them even what lies in one of them alone is out of reach.
    less = [POOL.top / f"less{i}" for i in range(2)]
    for place, copy in zip(POOL.places, less):
        shutil.copytree(place, copy)
        for number in range(3):
            for path in copy.glob(f"packs/*/*.{number}"):
                path.unlink()
    out, err = POOL.read(less, "list", code=1)
    expect("of 3 shares that are needed" in err and out == "", out, err)


@test("ls names everything, and strange names harm no terminal")
def _():
    out, _ = POOL.read(POOL.places, "ls", POOL.ids[0][:10], POOL.first)
    expect(len(out.splitlines()) == len(os.listdir(POOL.first)), out)
    expect("new\\x0aline" in out and "link -> hello" in out and "\\xff\\xfe not text" in out, out)
    out, _ = POOL.read(POOL.places, "ls", POOL.ids[0], POOL.first / "many")
    expect(len(out.splitlines()) == len(os.listdir(POOL.first / "many")))


@test("a single folder, file and link are extracted")
def _():
    for name in ("many", "noise", "dangling"):
        to = POOL.top / f"single {name}"
        POOL.read(POOL.places, "extract", POOL.ids[0], "--to", to, POOL.first / name)
        wrong = list(trees.differences(trees.describe(POOL.first / name), trees.describe(to / name)))
        expect(not wrong and os.listdir(to) == [name], wrong)


@test("every file of every place is what its name says")
def _():
    out, err = POOL.read(POOL.places, "verify")
    files = sum(len(names) for place in POOL.places for _, _, names in os.walk(place)) - len(POOL.places)
    expect(out.startswith(f"{files} good, 0 bad") and err == "", files, out, err)


@test("with one place damaged and one gone all comes back, and what is bad is named")
def _():
    saved = {}
    try:
        for path in sorted(POOL.places[1].glob("*/**/*")):
            if path.is_file():
                saved[path] = path.read_bytes()
                data = bytearray(saved[path])
                for at in range(random.Random(len(saved)).randrange(80), len(data), 5000):  # every block of a share
                    data[at] ^= 1 << at % 8
                path.write_bytes(data)
        err = POOL.bring_back(POOL.places[:4])
        expect(str(POOL.places[1]) in err and str(POOL.places[0]) not in err, err)
        out, err = POOL.read(POOL.places, "verify", code=1)
        expect(f" {len(saved)} bad" in out, len(saved), out)
        for path in saved:
            expect(str(path) in err, path, "is not named")
        for path in POOL.places[0].glob("packs/*/*"):
            saved[path] = path.read_bytes()
            path.unlink()
        _, err = POOL.read(POOL.places[:4], "list", code=1)
        expect("2 of 3 shares that are needed" in err, err)
    finally:
        for path, data in saved.items():
            path.write_bytes(data)
    POOL.read(POOL.places, "verify")


@test("shares that moved to another place are found")
def _():
    moved = []
    try:
        for path in sorted(POOL.places[0].glob("packs/*/*")):
            to = POOL.places[4] / path.relative_to(POOL.places[0])
            to.parent.mkdir(exist_ok=True)
            path.rename(to)
            moved.append((path, to))
        err = POOL.bring_back([POOL.places[i] for i in (0, 1, 4)])
        expect(err == "", err)
    finally:
        for path, to in moved:
            to.rename(path)


@test("a second snapshot of the same tree is there too, and shares its data")
def _():
    before = sum(path.stat().st_size for path in POOL.places[0].glob("packs/*/*"))
    (POOL.first / "hello").write_bytes(b"hello, changed world\n")
    (POOL.first / "fresh").write_bytes(b"fresh")
    POOL.ids[0] = tool("backup", POOL.dir, POOL.first).split()[0]
    out, _ = POOL.read(POOL.places, "list")
    expect(len(out.splitlines()) == 3 and POOL.ids[0] in out, out)
    POOL.bring_back(POOL.places[2:])
    after = sum(path.stat().st_size for path in POOL.places[0].glob("packs/*/*"))
    expect(after < before * 3 // 2, before, after)


@test("after many backups there is an index, and all comes back through it")
def _():
    small = POOL.top / "small"
    small.mkdir()
    (small / "file").write_bytes(b"small")
    out = tool("backup", POOL.dir, *[small] * 20)
    loader = importlib.machinery.SourceFileLoader("sherd_reader", str(READER))
    reader = importlib.util.module_from_spec(importlib.util.spec_from_loader("sherd_reader", loader))
    loader.exec_module(reader)
    pool, indexes = reader.Pool([str(place) for place in POOL.places]), []
    pool.open(reader.Secrets(passphrase=PASSPHRASE.strip().encode()))
    read_index = pool.read_index
    pool.read_index = lambda data: indexes.append(len(data)) or read_index(data)
    found = {key.hex() for key in pool.catalog()}
    expect(indexes, "no index was met")
    expect(set(line.split()[0] for line in out.splitlines()) | set(POOL.ids) <= found, len(found))
    for which in (0, 1):
        expect(POOL.bring_back(POOL.places[:3], which) == "")


def main():
    global POOL  # pylint: disable=global-statement
    if subprocess.run([sys.executable, READER, "--help"], capture_output=True, check=False).returncode != 0:
        print("1..0 # SKIP the packages of sherd-reader are missing")
        return 0
    failed = 0
    print(f"1..{len(TESTS)}")
    with tempfile.TemporaryDirectory() as top:
        POOL = Pool(top)
        for number, (what, function) in enumerate(TESTS, 1):
            try:
                function()
                print(f"ok {number} - {what}", flush=True)
            except Exception:  # pylint: disable=broad-except
                failed += 1
                for line in traceback.format_exc().splitlines():
                    print("#", line)
                print(f"not ok {number} - {what}", flush=True)
        subprocess.run(["chmod", "-R", "u+rwX", top], check=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
