#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""t_golden.py: tests/golden/pool-1, a pool of the first version of the format, is read by scripts/sherd-reader,
by the library ($SHERD_POOL_TOOL) and by the program ($SHERD_PROGRAM), from every two of its places and with
damage: now and by all later versions. Prints TAP."""
import itertools
import os
import subprocess
import sys
import tarfile
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
READER = HERE.parents[1] / "scripts/sherd-reader"
GOLDEN = Path(os.environ.get("SHERD_GOLDEN") or HERE.parent / "golden") / "pool-1"
PASSPHRASE = "ochre mantle twig suburb lunar fjord\n"
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
import trees  # noqa: E402

IDS = [line.split() for line in (GOLDEN / "ids.txt").read_text().splitlines()]
TREES = [trees.from_text((GOLDEN / f"tree-{i}.txt").read_text().splitlines()) for i in (1, 2, 3)]
HAVE_READER = subprocess.run([sys.executable, READER, "--help"], capture_output=True, check=False).returncode == 0


def expect(truth, *what):
    if not truth:
        raise AssertionError(" ".join(str(w) for w in what))


def run(*words, **options):
    done = subprocess.run(list(map(str, words)), capture_output=True, check=False, **options)
    expect(done.returncode == 0, words, done.returncode, done.stdout, done.stderr)
    return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def compare(which, top):
    ignored = ["owner"]
    try:
        os.setxattr(top, "user.test", b"")
        os.removexattr(top, "user.test")
    except OSError:
        ignored.append("xattrs")
    got = trees.describe(top / IDS[which][1].lstrip("/"))
    wrong = list(itertools.islice(trees.differences(TREES[which], got, ignored), 20))
    expect(not wrong, "\n".join(wrong))


def by_reader(top, places, which, secret):
    """All of the snapshot, with the folders that lead to the tree."""
    to = top / "reader"
    words = ["--kit", top / "kit.txt"] if secret else ["--passphrase-file", top / "pass"]
    run(sys.executable, READER, *words, *places, "extract", IDS[which][0], "--to", to)
    compare(which, to)


def by_library(top, places, which, _secret):
    run(os.environ["SHERD_POOL_TOOL"], "restore", top / "state", top / "kit.txt", IDS[which][0], top / "library",
        *places)
    compare(which, top / "library")


def by_program(top, places, which, _secret):
    """As a person would, on a machine that has nothing but the kit."""
    home = {key: value for key, value in os.environ.items() if not key.startswith(("SHERD_", "XDG_"))}
    home["HOME"] = str(top / "home")
    (top / "home").mkdir()
    sherd = os.environ["SHERD_PROGRAM"]
    run(sherd, "clone", "golden", *places, "--kit", top / "kit.txt", "-y", env=home)
    run(sherd, "restore", IDS[which][0], "--to", top / "program", "--devices", env=home)
    compare(which, top / "program")


def fresh(function):
    """With the pool unpacked in a folder of its own."""
    with tempfile.TemporaryDirectory() as top:
        top = Path(top)
        with tarfile.open(GOLDEN / "pool.tar.xz") as tar:
            tar.extractall(top)
        (top / "pass").write_text(PASSPHRASE, encoding="ascii")
        try:
            function(top)
        finally:
            subprocess.run(["chmod", "-R", "u+rwX", top], check=True)


def damage(top):
    """Place 0 lies in every record and share."""
    for path in sorted(top.glob("p0/*/**/*")):
        if path.is_file():
            data = bytearray(path.read_bytes())
            for at in range(70, len(data), 20000):
                data[at] ^= 0x40
            path.write_bytes(data)


def tests():
    for name, read in (("the reader", by_reader), ("the library", by_library), ("the program", by_program)):
        for which in range(3):
            for pair in itertools.combinations(range(3), 2):
                def from_two(top, read=read, which=which, pair=pair):
                    read(top, [top / f"p{i}" for i in pair], which, sum(pair) % 2)
                yield f"{name} reads snapshot {which + 1} from places {pair}", read, from_two

            def from_damaged(top, read=read, which=which):
                damage(top)
                read(top, [top / f"p{i}" for i in range(3)], which, 0)
            yield f"{name} reads snapshot {which + 1} though place 0 lies", read, from_damaged

    def verify(top):
        out, _ = run(sys.executable, READER, top / "p0", top / "p1", top / "p2", "verify")
        files = sum(len(names) for i in range(3) for _, _, names in os.walk(top / f"p{i}")) - 3
        expect(out.startswith(f"{files} good, 0 bad"), out)
        listed, _ = run(sys.executable, READER, "--kit", top / "kit.txt", top / "p0", top / "p1", "list")
        expect(sorted(line.split()[0] for line in listed.splitlines()) == sorted(line[0] for line in IDS), listed)
    yield "its files are what their names say, its snapshots those of ids.txt", by_reader, verify


def main():
    todo, failed = list(tests()), 0
    print(f"1..{len(todo)}")
    for number, (what, read, function) in enumerate(todo, 1):
        if read is by_reader and not HAVE_READER:
            print(f"ok {number} - {what} # SKIP its packages are missing")
            continue
        try:
            fresh(function)
            print(f"ok {number} - {what}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            for line in traceback.format_exc().splitlines():
                print("#", line)
            print(f"not ok {number} - {what}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
