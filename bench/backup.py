#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""backup.py SHERD [--data linux,random,million] [--rounds N] [--work DIR] [--crypto auto,openssl]

Backup and restore beside restic, whole commands, paired: in each round both do the same step on the same
tree, one after the other. sherd keeps 3-of-5 in five folders of one disk, restic one plain repository, both
on the file system of --work. Prints medians: processor seconds (user + system, children included), wall seconds,
peak memory of the process, bytes stored, and the ratio to restic, with the bar beside it.

Data sets, made in the work folder when they are not there:
  linux    the kernel's sources, Debian package linux-source-6.1 (downloaded with apt-get): 78,579 files
  random   one file of 4 GiB that cannot be compressed
  million  10^6 files of 100 to 400 bytes in 1,000 folders (sherd alone: memory)
"""
import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PASSPHRASE = "bench"
MIB = 1 << 20
# Step: the most that sherd's processor time may be of restic's.
BARS = {
    "linux": {"first": 0.40, "nochange": 0.40, "change": 0.50, "check": 1.0, "restore": 0.50},
    "random": {"first": 0.50},
    "million": {},
}


def fail(text):
    sys.exit(f"backup.py: {text}")


def run(command, env, cwd=None):
    """Run to its end; (processor seconds, user seconds, wall seconds, peak bytes, output)."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        out.seek(0)
        text = out.read().decode(errors="replace")
    if child.returncode:
        fail(f"'{' '.join(map(str, command))}' ended with {child.returncode}:\n{text}")
    return usage.ru_utime + usage.ru_stime, usage.ru_utime, wall, usage.ru_maxrss * 1024, text


def stored(folder):
    return sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())


def change(tree):
    """The 1 % change: 24 bytes in the middle of 1 % of the files; fixed seed, sizes stay."""
    rnd = random.Random(7)
    files = sorted(f for f in Path(tree).rglob("*") if f.is_file() and not f.is_symlink() and f.stat().st_size)
    for path in rnd.sample(files, len(files) // 100) if len(files) >= 100 else files:
        size = path.stat().st_size
        count = min(24, size) if len(files) >= 100 else size // 100
        with open(path, "r+b") as f:
            f.seek((size - count) // 2)
            f.write(rnd.randbytes(count))


def make_linux(data):
    folder = data / "linux"
    package = "linux-source-6.1"
    with tempfile.TemporaryDirectory(dir=data) as work:
        subprocess.run(["apt-get", "-q", "download", package], cwd=work, check=True, stdout=subprocess.DEVNULL)
        deb = next(Path(work).glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", deb, work + "/deb"], check=True)
        made = Path(work) / "made"
        made.mkdir()
        subprocess.run(["tar", "-xf", f"{work}/deb/usr/src/{package}.tar.xz", "-C", made], check=True)
        made.rename(folder)


def make_random(data):
    folder = data / "random"
    with tempfile.TemporaryDirectory(dir=data) as work:
        made = Path(work) / "made"
        made.mkdir()
        stream = subprocess.Popen(["openssl", "enc", "-aes-256-ctr", "-pass", "pass:x", "-nosalt", "-in", "/dev/zero"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with open(made / "big.bin", "wb") as out:
            for _ in range(256):
                out.write(stream.stdout.read(16 * MIB))
        stream.kill()
        stream.wait()
        made.rename(folder)


def make_million(data):
    folder = data / "million"
    with tempfile.TemporaryDirectory(dir=data) as work:
        made = Path(work) / "made"
        rnd = random.Random(1)
        for d in range(1000):
            (made / f"d{d:03}").mkdir(parents=True)
            for n in range(1000):
                (made / f"d{d:03}" / f"file{n:03}").write_bytes(rnd.randbytes(rnd.randrange(100, 400)))
        made.rename(folder)


MAKERS = {"linux": make_linux, "random": make_random, "million": make_million}


class Restic:
    name = "restic"
    round = 0

    def __init__(self, work):
        self.work = work / "restic"
        self.repo = self.work / "repo"
        self.env = {**os.environ, "RESTIC_PASSWORD": PASSPHRASE, "RESTIC_REPOSITORY": str(self.repo),
                    "RESTIC_CACHE_DIR": str(self.work / "cache")}

    def start(self):
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        run(["restic", "init"], self.env)

    def step(self, name, tree):
        if name in ("first", "nochange", "change"):
            return run(["restic", "-q", "backup", str(tree)], self.env)
        if name == "check":
            return run(["restic", "-q", "check", "--read-data"], self.env)
        return run(["restic", "-q", "restore", "latest", "--target", str(self.back())], self.env)

    def stored(self):
        return stored(self.repo)

    def before(self, name):
        pass

    def back(self):
        return self.work.parent / f"back-restic-{self.round}"


class Sherd:
    round = 0

    def __init__(self, work, program, crypto):
        self.name = "sherd" if crypto == "auto" else f"sherd, {crypto}"
        self.work = work / "sherd"
        self.program = str(program)
        self.places = [self.work / f"place{i}" for i in range(5)]
        self.env = {**os.environ, "HOME": str(self.work / "home"), "SHERD_PASSPHRASE": PASSPHRASE}
        self.env.pop("XDG_CONFIG_HOME", None)
        if crypto != "auto":
            self.env["SHERD_CRYPTO"] = crypto

    def start(self):
        shutil.rmtree(self.work, ignore_errors=True)
        (self.work / "home").mkdir(parents=True)
        run([self.program, "init", "bench", "-k", "3", "-m", "5", "-y", "--kit", str(self.work / "kit"),
             "--kdf-memory", "8MiB", "--kdf-passes", "1"], self.env)
        for i, place in enumerate(self.places):
            run([self.program, "place", "add", f"p{i}", str(place), "-y"], self.env)

    def before(self, name):
        if name == "restore":  # the two that hold data shares; what is left must be decoded
            for place in self.places[:2]:
                shutil.rmtree(place)

    def step(self, name, tree):
        if name in ("first", "nochange", "change"):
            return run([self.program, "-q", "backup", str(tree)], self.env)
        if name == "check":
            return run([self.program, "-q", "check", "--read", "all"], self.env)
        return run([self.program, "-q", "restore", "latest", "--to", str(self.back())], self.env)

    def stored(self):
        return sum(stored(place) for place in self.places if place.exists())

    def back(self):
        return self.work.parent / f"back-sherd-{self.round}"


def same(tree, back):
    found = subprocess.run(["diff", "-rq", "--no-dereference", tree, back], capture_output=True, text=True, check=False)
    if found.returncode:
        fail(f"'{back}' differs from '{tree}':\n{found.stdout[:2000]}{found.stderr[:2000]}")


def one_round(tools, data, work, steps, results):
    """Every tool begins with the tree as it was; steps go in turn."""
    source = work / "tree"
    for tool in tools:
        tool.start()
        tool.round += 1
    fresh = "change" in steps or not source.exists()
    if fresh:
        shutil.rmtree(source, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", data, source], check=True)
        subprocess.run(["sync"], check=True)
    subprocess.run(f"tar -cf - '{source}' 2>/dev/null | cat >/dev/null", shell=True, check=True)
    for step in steps:
        if step == "change":
            change(source)
            subprocess.run(["sync"], check=True)
        for tool in tools:
            tool.before(step)
            cpu, user, wall, peak, _ = tool.step(step, source)
            size = tool.stored() if step != "restore" else 0
            results.setdefault((step, tool.name), []).append((cpu, user, wall, peak, size))
            if step == "restore":
                same(source, tool.back() / str(source).lstrip("/"))


def medians(rows):
    return [statistics.median(column) for column in zip(*rows)]


def report(name, tools, steps, results):
    print(f"\n{name}: medians of {len(next(iter(results.values())))}")
    print(f"{'step':10}{'tool':18}{'cpu s':>8}{'user s':>8}{'wall s':>8}{'peak MiB':>10}{'stored MB':>11}"
          f"{'cpu/restic':>12}{'wall/restic':>12}{'bar':>7}")
    for step in steps:
        base = medians(results[step, "restic"]) if (step, "restic") in results else None
        for tool in tools:
            cpu, user, wall, peak, size = medians(results[step, tool.name])
            line = (f"{step:10}{tool.name:18}{cpu:8.2f}{user:8.2f}{wall:8.2f}{peak / MIB:10.0f}"
                    f"{size / 1e6 if size else 0:11.1f}")
            if base and tool.name != "restic":
                bar = BARS[name].get(step)
                line += f"{cpu / base[0]:12.2f}{wall / base[2]:12.2f}{bar if bar else '':>7}"
            print(line)
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sherd", type=Path)
    parser.add_argument("--data", default="linux,random,million")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("build/bench-data"))
    parser.add_argument("--crypto", default="auto,openssl")
    parser.add_argument("--steps", default="")
    args = parser.parse_args()
    program = args.sherd.resolve()
    args.work.mkdir(parents=True, exist_ok=True)
    args.work = args.work.resolve()
    if not shutil.which("restic"):
        fail("restic is not installed: scripts/install-deps bench")
    version = subprocess.run(["restic", "version"], capture_output=True, text=True, check=True).stdout.split()[1]
    print(f"sherd 3-of-5 over five folders of one disk beside restic {version}, one plain repository")
    for name in args.data.split(","):
        data = args.work / name
        if not data.exists():
            print(f"making the data set {name}", file=sys.stderr)
            MAKERS[name](args.work)
        steps = {"linux": ["first", "nochange", "change", "check", "restore"], "random": ["first", "check", "restore"],
                 "million": ["first", "nochange"]}[name]
        if args.steps:
            steps = args.steps.split(",")
        tools = [Restic(args.work)] if name != "million" else []
        results = {}
        for crypto in args.crypto.split(","):
            tools_now = tools + [Sherd(args.work, program, crypto)]
            for _ in range(args.rounds if name != "million" else 1):
                one_round(tools_now, data, args.work, steps, results)
            report(name, tools_now, steps, results)
            tools = [Restic(args.work)] if name != "million" else []
            results = {}
        # Not before: ext4 looks at every inode deleted in the last minutes before it gives a new one, and
        # whoever restores after something was deleted pays for it (10 s of system time for this tree).
        for left in ("tree", "sherd", "restic", *(path.name for path in args.work.glob("back-*"))):
            shutil.rmtree(args.work / left, ignore_errors=True)


if __name__ == "__main__":
    main()
