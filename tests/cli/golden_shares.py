#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""golden_shares.py: zfec makes the original's share files, all 12,870 of them, and zunfec reads them.

Reads tests/golden/zfec-shares.txt ($SHERD_GOLDEN), runs the tools in $SHERD_BIN_DIR, prints TAP. For
each of the 12 codes: every share's name, size and bytes for 11 input sizes; then zunfec restores the
input from k shares drawn at random ($SHERD_SEED), from the last k, and from all m.
"""
import hashlib
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

BIN = Path(os.environ["SHERD_BIN_DIR"])
GOLDEN = Path(os.environ["SHERD_GOLDEN"]) / "zfec-shares.txt"
SHARES = 12870


def make_input(size):
    """The input file of that size, by its rule."""
    blocks = (hashlib.sha256(b"zfec-golden:file:%d:%d" % (size, i)).digest()
              for i in range((size + 31) // 32))
    return b"".join(blocks)[:size]


def read_golden():
    """{(k, m): {size: (share length, first name, last name, [hash of each share])}}"""
    codes = {}
    for line in GOLDEN.read_text().splitlines():
        if line.startswith("= "):
            k, m, size, length, first, last = line[2:].split()
            hashes = []
            codes.setdefault((int(k), int(m)), {})[int(size)] = (int(length), first, last, hashes)
        elif not line.startswith("#"):
            hashes.append(line)
    return codes


def run(tool, *words):
    """Run a tool that must succeed without a word; what is wrong, or None."""
    done = subprocess.run([BIN / tool, *map(str, words)], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False)
    if done.returncode or done.stdout or done.stderr:
        return f"{tool} {words}: exit {done.returncode}, said {done.stdout!r} {done.stderr!r}"
    return None


def share_names(first, last, m):
    """The names of all m shares from the recorded first and last one."""
    digits = len(str(m))
    head = first[:first.rindex(".", 0, -4) + 1]
    names = [f"{head}{i:0{digits}d}_{m:0{digits}d}.fec" for i in range(m)]
    assert names[0] == first and names[-1] == last, (names[0], first)
    return names


def compare_shares(folder, names, length, hashes):
    if sorted(p.name for p in folder.iterdir()) != names:
        return f"names: {sorted(p.name for p in folder.iterdir())[:3]}..., not {names[:3]}..."
    for name, wanted in zip(names, hashes):
        data = (folder / name).read_bytes()
        if len(data) != length:
            return f"{name}: {len(data)} bytes, not {length}"
        if hashlib.sha256(data).hexdigest()[:32] != wanted:
            return f"{name}: wrong bytes; it begins {data[:16].hex()}"
    return None


def restore(work, paths, data):
    output = work / "restored"
    fault = run("zunfec", "-q", "-f", "--no-sync", "-o", output, *paths)
    if fault:
        return fault
    if output.read_bytes() != data:
        return f"restored otherwise from {[p.name for p in paths]}"
    return None


def check_code(k, m, groups, chance):
    """(what is wrong with the shares, what is wrong with restoring), None where nothing is."""
    for size, (length, first, last, hashes) in groups.items():
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            data = make_input(size)
            source = work / f"in_{size}.bin"
            source.write_bytes(data)
            folder = work / "shares"
            folder.mkdir()
            fault = run("zfec", "-q", "--no-sync", "-k", k, "-m", m, "-d", folder, "-p", source.name,
                        source)
            if fault:
                return f"{size} bytes: {fault}", "not tried"
            names = share_names(first, last, m)
            fault = compare_shares(folder, names, length, hashes)
            if fault:
                return f"{size} bytes: {fault}", "not tried"
            paths = [folder / n for n in names]
            for chosen in (chance.sample(paths, k), paths[-k:], paths):
                fault = restore(work, chosen, data)
                if fault:
                    return None, f"{size} bytes: {fault}"
    return None, None


def main():
    codes = read_golden()
    seed = int(os.environ.get("SHERD_SEED") or random.SystemRandom().randrange(2**32))
    chance = random.Random(seed)
    count = sum(len(group[3]) for groups in codes.values() for group in groups.values())
    number = failed = 0
    print(f"1..{2 * len(codes) + 1}")
    print(f"# SHERD_SEED={seed}")

    def report(what, fault):
        nonlocal number, failed
        number += 1
        failed += fault is not None
        print(f"{'not ok' if fault else 'ok'} {number} - {what}", flush=True)
        if fault:
            print(f"# {fault}", flush=True)

    report(f"{SHARES} golden shares are known", None if count == SHARES else f"{count} are")
    for (k, m), groups in codes.items():
        shares, restored = check_code(k, m, groups, chance)
        report(f"shares of ({k},{m})", shares)
        report(f"restore ({k},{m})", restored)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
