#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""files.py BIN_DIR [--size BYTES] [--rounds N] [--dir DIR] [--no-par2]: zfec's own headline table.

A file of 160 MB on a tmpfs, cut into shares and restored with the worst loss, at 94-of-100 and
6-of-12: by our zfec and zunfec (found in BIN_DIR), by a loop of Debian's python3-zfec over chunks of
4,096 bytes (Debian packages no zfec tool), by cp of as many bytes, and by par2. Each contender runs
in turn, N times; times are medians of wall seconds, and a ratio is the median over the rounds.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

LOOP = r'''
import sys, os
sys.path = [p for p in sys.path if "site-packages" not in p]
import zfec
verb, k, m, source, target = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
CHUNK = 4096
if verb == "encode":
    coder = zfec.Encoder(k, m)
    outs = [open(os.path.join(target, "%d" % i), "wb") for i in range(m)]
    with open(source, "rb") as f:
        while True:
            data = f.read(CHUNK * k)
            if not data:
                break
            chunk = -(-len(data) // k)
            data = data.ljust(chunk * k, b"\0")
            for out, block in zip(outs, coder.encode([data[i * chunk:(i + 1) * chunk] for i in range(k)])):
                out.write(block)
    for out in outs:
        out.close()
else:
    coder = zfec.Decoder(k, m)
    lost = min(k, m - k)
    # python3-zfec wants present primaries at their own index
    numbers = [k + i if i < lost else i for i in range(k)]
    ins = [open(os.path.join(source, "%d" % i), "rb") for i in numbers]
    with open(target, "wb") as out:
        while True:
            blocks = [f.read(CHUNK) for f in ins]
            if not blocks[0]:
                break
            out.write(b"".join(coder.decode(blocks, numbers)))
'''


def timed(command, **options):
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    return time.monotonic() - start


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path)
    return path


class Bench:
    def __init__(self, arguments, work):
        self.arguments, self.work = arguments, work
        self.source = os.path.join(work, "source")
        self.shares, self.out = os.path.join(work, "shares"), os.path.join(work, "out")
        self.plain = os.path.join(work, "plain")
        with open(self.source, "wb") as f:
            left = arguments.size
            while left:
                left -= f.write(os.urandom(min(left, 1 << 20)))

    def tool(self, name):
        return os.path.join(self.arguments.bin_dir, name)

    def median(self, contenders):
        """{name: callable -> seconds} -> {name: median}, {name: median ratio of the first to it}."""
        times = {name: [] for name in contenders}
        for _ in range(self.arguments.rounds):
            for name, run in contenders.items():
                times[name].append(run())
        first = next(iter(times.values()))
        return ({n: statistics.median(t) for n, t in times.items()},
                {n: statistics.median(a / b for a, b in zip(first, t)) for n, t in times.items()})

    def report(self, title, contenders):
        seconds, ratios = self.median(contenders)
        print(f"\n{title}")
        for name in contenders:
            print(f"  {name:36s} {seconds[name]:8.3f} s   ours / it {ratios[name]:6.3f}")
        sys.stdout.flush()

    def copy_of(self, size):
        """cp of a file of so many bytes."""
        path = os.path.join(self.work, "bytes")
        with open(path, "wb") as f:
            left = size
            while left:
                left -= f.write(os.urandom(min(left, 1 << 20)))
        target = os.path.join(fresh(self.out), "copy")

        def run():
            fresh(self.out)
            return timed(["cp", path, target])
        return run

    def encode(self, k, m):
        size = -(-self.arguments.size // k) * m

        def ours(*more):
            fresh(self.shares)
            return timed([self.tool("zfec"), "-q", "-k", str(k), "-m", str(m), "-d", self.shares,
                          "-p", "f", *more, self.source])

        def loop():
            fresh(self.plain)
            return timed(["/usr/bin/python3", "-c", LOOP, "encode", str(k), str(m), self.source, self.plain])

        self.report(f"encode {self.arguments.size:,} bytes, {k}-of-{m}: {size:,} bytes of shares",
                    {"sherd zfec": ours, "sherd zfec --threads 1": lambda: ours("--threads", "1"),
                     f"cp of {size:,} bytes": self.copy_of(size), "loop of python3-zfec": loop})

    def decode(self, k, m):
        lost = min(k, m - k)
        names = sorted(os.listdir(self.shares))
        used = [os.path.join(self.shares, n) for n in names[lost:lost + k]]
        target = os.path.join(self.work, "restored")

        def ours(*more):
            if os.path.exists(target):
                os.unlink(target)
            return timed([self.tool("zunfec"), *more, "-o", target, *used])

        def loop():
            return timed(["/usr/bin/python3", "-c", LOOP, "decode", str(k), str(m), self.plain, target + "2"])

        ours()
        same = subprocess.run(["cmp", self.source, target]).returncode == 0
        self.report(f"decode with {lost} data shares missing, {k}-of-{m} (result identical: {same})",
                    {"sherd zunfec": ours, "sherd zunfec --threads 1": lambda: ours("--threads", "1"),
                     f"cp of {self.arguments.size:,} bytes": self.copy_of(self.arguments.size),
                     "loop of python3-zfec": loop})
        for name in (target, target + "2"):
            os.unlink(name)

    def par2(self, k, m):
        percent = round(100 * (m - k) / k)
        seconds = timed(["par2", "create", "-qq", f"-r{percent}", "f.par2", self.source], cwd=self.work)
        for name in os.listdir(self.work):
            if name.endswith(".par2"):
                os.unlink(os.path.join(self.work, name))
        print(f"  {'par2 create, %d %% redundancy, once' % percent:36s} {seconds:8.3f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("bin_dir")
    parser.add_argument("--size", type=int, default=160_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", default="/dev/shm")
    parser.add_argument("--no-par2", action="store_true")
    arguments = parser.parse_args()
    work = tempfile.mkdtemp(prefix="sherd-bench.", dir=arguments.dir)
    try:
        bench = Bench(arguments, work)
        for k, m in ((94, 100), (6, 12)):
            bench.encode(k, m)
            bench.decode(k, m)
            shutil.rmtree(bench.shares)
            if not arguments.no_par2 and shutil.which("par2"):
                bench.par2(k, m)
    finally:
        shutil.rmtree(work, ignore_errors=True)


main()
