#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""t_stop.py: the tools are interrupted, killed, and watched on a terminal. Runs what is in
$SHERD_BIN_DIR, prints TAP; each test works in a folder of its own."""
import fcntl
import hashlib
import os
import pty
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

BIN = Path(os.environ["SHERD_BIN_DIR"])
SEED = int(os.environ.get("SHERD_SEED") or random.SystemRandom().randrange(2**32))
CHANCE = random.Random(SEED)
SLOW = os.environ.get("SHERD_SANITIZED", "none") != "none"
TESTS = []


def test(what):
    def add(function):
        TESTS.append((what, function))
        return function
    return add


def expect(truth, *what):
    """What a test demands; not `assert`, which can be switched off."""
    if not truth:
        raise AssertionError(" ".join(str(w) for w in what))


def tool(name, *words, **options):
    """Start a tool, its standard error in a pipe."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               **options}
    return subprocess.Popen([BIN / name, *map(str, words)], **options)


def run(name, *words):
    process = tool(name, *words)
    out, err = process.communicate()
    expect(process.returncode == 0, name, words, process.returncode, err)
    return out, err


def names(folder=Path(".")):
    return sorted(p.name for p in folder.iterdir())


def digests(paths):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(paths)}


def make_file(name, size, seed=0):
    Path(name).write_bytes(random.Random(size + seed).randbytes(size))


def wait_reading(process, seconds=10):
    """Until the process blocks in a system call: it has read what there is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state == "S":
            time.sleep(0.05)
            return
        time.sleep(0.01)
    raise AssertionError("it never waits")


def end_of(process):
    """The exit code, soon; a process that goes on is killed, and that is a failure."""
    try:
        return process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def feed_and_signal(number, words):
    """zfec on a pipe that has bytes and no end; the signal; (exit code, what it said)."""
    if os.environ.get("SHERD_SANITIZED") == "thread":
        # ThreadSanitizer runs no handler while the main thread waits for a mutex, which another
        # thread holds that waits for input. Alone, the main thread does not wait for one.
        words = ["--threads", "1", *words]
    process = tool("zfec", *words, "-", stdin=subprocess.PIPE)
    process.stdin.write(random.Random(1).randbytes(3000000))
    process.stdin.flush()
    wait_reading(process)
    process.send_signal(number)
    code = end_of(process)  # which must not need the end of the pipe
    process.stdin.close()
    return code, process.stderr.read().decode()


@test("SIGINT, SIGTERM, SIGHUP: one line, nothing left, death by that signal (zfec)")
def stop_encode():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        code, err = feed_and_signal(number, ["-p", "p"])
        expect(code == -number, "exit", code, err)
        expect(re.fullmatch(r"zfec: stopped \(\w+\): [^\n]*\n", err), repr(err))
        expect(names() == [], names())


@test("the same with -f: the old shares are unchanged")
def stop_encode_forced():
    make_file("f", 50000)
    run("zfec", "-p", "p", "f")
    before = digests(Path(".").iterdir())
    code, err = feed_and_signal(signal.SIGINT, ["-f", "-p", "p"])
    expect(code == -signal.SIGINT, "exit", code, err)
    expect(digests(Path(".").iterdir()) == before, names())


@test("a signal that was ignored at the start stays ignored (nohup)")
def stop_ignored():
    process = tool("zfec", "-p", "p", "-", stdin=subprocess.PIPE,
                   preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.stdin.write(b"x" * 1000)
    process.stdin.flush()
    wait_reading(process)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate()
    expect(process.returncode == 0, process.returncode, err)
    expect(len(names()) == 8, names())


@test("waiting for the writer of a fifo can be interrupted")
def stop_fifo():
    os.mkfifo("in")
    process = tool("zfec", "in")
    wait_reading(process)
    process.send_signal(signal.SIGINT)
    end_of(process)
    err = process.stderr.read()
    expect(process.returncode == -signal.SIGINT, process.returncode, err)
    expect(re.fullmatch(rb"zfec: stopped \(\w+\): [^\n]*\n", err), err)
    expect(names() == ["in"], names())


@test("several inputs: a signal ends them all")
def stop_several():
    os.mkfifo("b")
    make_file("a", 1000)
    make_file("c", 1000)
    process = tool("zfec", "a", "b", "c")
    wait_reading(process)
    process.send_signal(signal.SIGTERM)
    end_of(process)
    err = process.stderr.read()
    expect(process.returncode == -signal.SIGTERM, process.returncode, err)
    expect(b"not begun: 'c'" in err, err)
    expect(names() == sorted(["a", "b", "c"] + [f"a.{i}_8.fec" for i in range(8)]), names())


def duration(*command):
    started = time.monotonic()
    run(*command)
    return time.monotonic() - started


def at_moments(count, length):
    """Moments from the start of a run to a little after its end."""
    return [CHANCE.uniform(0, 1.15) * length for _ in range(count)]


@test("Ctrl-C at any moment: all shares or none, and never exit 0 with none (zfec)")
def stop_encode_anywhen():
    make_file("f", 20000000)
    length = duration("zfec", "f")
    wanted = digests(Path(".").glob("f.*"))
    for delay in at_moments(8 if SLOW else 25, length):
        for path in Path(".").glob("f.*"):
            path.unlink()
        process = tool("zfec", "f")
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        found = digests(p for p in Path(".").iterdir() if p.name != "f")
        expect(found in ({}, wanted), delay, sorted(found))
        expect(found == wanted or process.returncode == -signal.SIGINT, delay, process.returncode)
        expect(process.returncode in (0, -signal.SIGINT), delay, process.returncode, err)


@test("Ctrl-C at any moment: the old output or the new one (zunfec)")
def stop_decode_anywhen():
    make_file("f", 20000000)
    run("zfec", "f")
    shares = [f"f.{i}_8.fec" for i in (2, 3, 5, 7)]
    old = b"the only copy"
    length = duration("zunfec", "-o", "g", *shares)
    new = Path("f").read_bytes()
    before = names()
    for delay in at_moments(8 if SLOW else 25, length):
        Path("g").write_bytes(old)
        process = tool("zunfec", "-f", "-o", "g", *shares)
        time.sleep(delay)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
        expect(process.returncode in (0, -signal.SIGTERM), delay, process.returncode, err)
        found = Path("g").read_bytes()
        expect(found in (old, new), delay, len(found))
        expect(found == new or process.returncode == -signal.SIGTERM, delay, process.returncode)
        expect(names() == before, delay, names())


@test("kill -9 at any moment: every visible share is an old one or a new one, whole")
def kill_encode():
    make_file("f", 20000000)
    make_file("h", 20000000, seed=1)
    length = duration("zfec", "-p", "s", "f")
    old = digests(Path(".").glob("s.*"))
    run("zfec", "-f", "-p", "s", "h")
    new = digests(Path(".").glob("s.*"))
    for forced in (False, True):
        for delay in at_moments(6 if SLOW else 20, length):
            for path in list(Path(".").glob("s.*")) + list(Path(".").glob(".*")):
                path.unlink()
            if forced:
                run("zfec", "--no-sync", "-p", "s", "f")
            process = tool("zfec", *(["-f"] if forced else []), "-p", "s", "h")
            time.sleep(delay)
            process.kill()
            process.communicate()
            found = digests(Path(".").glob("s.*"))
            expect(not forced or set(found) == set(old), delay, sorted(found))
            for name, digest in found.items():
                expect(digest == new[name] or forced and digest == old[name], delay, name)
            hidden = [n for n in names() if n not in ("f", "h") and not n.startswith("s.")]
            expect(all(n.startswith(".") for n in hidden), delay, hidden)


@test("kill -9 at any moment: the output is the old one or the new one, whole")
def kill_decode():
    make_file("f", 20000000)
    run("zfec", "f")
    shares = [f"f.{i}_8.fec" for i in (2, 3, 5, 7)]
    length = duration("zunfec", "-o", "g", *shares)
    new = Path("f").read_bytes()
    for forced in (False, True):
        for delay in at_moments(6 if SLOW else 20, length):
            Path("g").unlink(missing_ok=True)
            if forced:
                Path("g").write_bytes(b"the only copy")
            process = tool("zunfec", *(["-f"] if forced else []), "-o", "g", *shares)
            time.sleep(delay)
            process.kill()
            process.communicate()
            if forced:
                expect(Path("g").read_bytes() in (b"the only copy", new), delay)
            elif Path("g").exists():
                expect(Path("g").read_bytes() == new, delay)


def on_terminal(command, feed=None, columns=80, stdout=None, term="xterm"):
    """Run with a terminal as standard error; (exit code, all that the terminal got)."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [BIN / command[0], *command[1:]], stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
        stdout=slave if stdout == "terminal" else subprocess.DEVNULL, stderr=slave,
        env={**os.environ, "TERM": term})
    os.close(slave)
    if feed:
        for part in feed:
            process.stdin.write(part)
            process.stdin.flush()
            time.sleep(0.02)
        process.stdin.close()
    seen = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # EIO: all its users have gone
            break
        if not part:
            break
        seen += part
    os.close(master)
    return process.wait(), seen.decode()


def slow_feed():
    block = random.Random(2).randbytes(1 << 20)
    return (block for _ in range(60))


@test("a terminal sees one line redrawn, cut to its width, and a clean end")
def terminal_line():
    for columns in (80, 20):
        code, seen = on_terminal(["zfec", "--no-sync", "-f", "-p", "p", "-"], slow_feed(), columns)
        expect(code == 0, code, seen)
        lines = seen.split("\r\x1b[K")
        expect(len(lines) > 3, repr(seen))
        expect(lines[0] == "" and lines[-1] == "", repr(seen))
        expect(all(len(line) < columns for line in lines), columns, repr(seen))
        expect("\n" not in seen, repr(seen))
        expect(re.fullmatch(r"\d.*iB  \d.*/s.*", lines[2]) or columns == 20, repr(lines[2]))


@test("no progress with -q, on a dumb terminal, and for what takes but a moment")
def terminal_silence():
    words = ["zfec", "--no-sync", "-f", "-p", "p"]
    expect(on_terminal([*words, "-q", "-"], slow_feed()) == (0, ""), "-q")
    expect(on_terminal([*words, "-"], slow_feed(), term="dumb") == (0, ""), "dumb")
    make_file("f", 1000)
    expect(on_terminal([*words, "f"]) == (0, ""), "small")


@test("zunfec does not write a file to a terminal, but with -f")
def terminal_output():
    Path("f").write_bytes(b"text")
    run("zfec", "f")
    shares = ["f.0_8.fec", "f.1_8.fec", "f.7_8.fec"]
    code, seen = on_terminal(["zunfec", "-o", "-", *shares], stdout="terminal")
    expect(code == 2 and "terminal" in seen and "text" not in seen, code, seen)
    code, seen = on_terminal(["zunfec", "-f", "-o", "-", *shares], stdout="terminal")
    expect((code, seen) == (0, "text"), code, seen)


def main():
    # Who started us may have had signals ignored (nohup, a job in the background): the tools would
    # keep that, and rightly so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    print(f"1..{len(TESTS)}")
    print(f"# SHERD_SEED={SEED}")
    failed = 0
    start = os.getcwd()
    for number, (what, function) in enumerate(TESTS, 1):
        if len(sys.argv) > 1 and sys.argv[1] not in function.__name__:
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                function()
                print(f"ok {number} - {what}", flush=True)
            except Exception as fault:  # a test's own crash is a failure of it, the rest still run
                failed += 1
                print(f"not ok {number} - {what}")
                print("\n".join(f"# {line}" for line in f"{type(fault).__name__}: {fault}".splitlines()),
                      flush=True)
            os.chdir(start)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
