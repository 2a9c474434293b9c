# SPDX-License-Identifier: MIT
"""A tree with all kinds of things, and what is to be compared of two trees."""
import hashlib
import json
import os
import random
import socket
import stat
from pathlib import Path

COMPARED = ["type", "mode", "owner", "mtime", "length", "sha256", "target", "device", "xattrs", "linked", "sparse"]


def make_comb(path):
    """A file of more runs than fit into one list."""
    with open(path, "wb") as file:
        for i in range(9000):
            file.seek(i << 13)
            file.write(b"tooth")


def make(top, seed=1, scale=1, owners=True):
    """Fill the new folder `top`. `scale`: 0 for a tiny tree. `owners`: also what only root can make and read."""
    chance, top = random.Random(seed), Path(top)
    top.mkdir()
    (top / "empty").write_bytes(b"")
    (top / "hello").write_bytes(b"hello, world\n")
    (top / "text").write_bytes(b"all work and no play makes a dull file\n" * (200 + 100000 * scale))
    (top / "noise").write_bytes(chance.randbytes(3000 + 2900000 * scale))
    (top / "edge").write_bytes(chance.randbytes(32768))
    (top / "edge1").write_bytes(chance.randbytes(32769))
    with open(top / "sparse", "wb") as file:  # holes before, between and behind
        for at in (1 << 20, 5 << 20):
            file.seek(at)
            file.write(chance.randbytes(5000))
        file.truncate(8 << 20)
    with open(top / "hollow", "wb") as file:
        file.truncate(1 << 33)
    if scale:
        make_comb(top / "comb")
    os.link(top / "hello", top / "hello again")
    deep = top
    for level in range(40 if scale else 4):
        deep = deep / f"level {level}"
        deep.mkdir()
    os.link(top / "hello", deep / "hello from below")
    (deep / "bottom").write_bytes(b"reached")
    many = top / "many"
    many.mkdir()
    for i in range(4000 * scale + 20):
        (many / f"{chance.randrange(1 << 40):x}-{i}").write_bytes(b"%d" % (i % 50) * (i % 90))
    (top / "bare").mkdir()
    os.symlink("no/where", top / "dangling")
    os.symlink("hello", top / "link")
    os.symlink("x" * 1000, top / "long link")
    os.mkfifo(top / "fifo")
    here = os.getcwd()
    os.chdir(top)
    with socket.socket(socket.AF_UNIX) as ear:
        ear.bind("socket")
    os.chdir(here)
    for name in (b"\xff\xfe not text", b"new\nline", b"quote'\"\\", "naïve ☃".encode(), b"n" * 255, b"..."):
        Path(os.fsdecode(os.fsencode(top) + b"/" + name)).write_bytes(name)
    owners = owners and os.geteuid() == 0
    for mode in (0o000,) * owners + (0o400, 0o4711, 0o2755, 0o1777, 0o7777):
        path = top / f"mode {mode:o}"
        path.write_bytes(b"m")
        path.chmod(mode)
    (top / "closed").mkdir()
    (top / "closed/in").write_bytes(b"behind a door")
    try:
        os.setxattr(top / "hello", "user.colour", b"blue\0green")
        os.setxattr(top / "bare", "user.empty", b"")
    except OSError:
        pass  # a file system without them
    if owners:
        os.chown(top / "text", 1234, 54321)
        os.chown(top / "dangling", 77, 88, follow_symlinks=False)
        try:
            os.mknod(top / "null", stat.S_IFCHR | 0o640, os.makedev(1, 3))
        except PermissionError:
            pass
    for path, ns in (("hello", 987654321), ("link", 10**18 + 1), ("noise", -5 * 10**9 + 1), ("bare", 1), ("fifo", 0)):
        os.utime(top / path, ns=(0, ns), follow_symlinks=False)
    (top / "closed").chmod(0o500)
    os.utime(top / "closed", ns=(0, 123456789123456789))
    os.utime(top, ns=(0, 1500000000 * 10**9))


def digest(path):
    """Of the data and where it lies: holes of gigabytes cost nothing."""
    total = hashlib.sha256()
    with open(path, "rb") as file:
        at = 0
        while True:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return total.hexdigest()
            file.seek(at)
            for start in range(0, 1 << 16, 4096):
                block = os.pread(file.fileno(), 4096, at + start)
                if block.strip(b"\0"):
                    total.update(b"%d " % (at + start) + block)
            at += 1 << 16


def describe(top):
    """{path: {what: value}} of all below `top` and itself; times and owners of links too."""
    top, found, links = os.fsencode(top), {}, {}
    paths = [top]
    for folder, folders, files in os.walk(top):
        paths += [os.path.join(folder, name) for name in folders + files]
    for path in sorted(paths):
        about = os.lstat(path)
        name = os.path.relpath(path, top)
        what = {"type": stat.filemode(about.st_mode)[0], "mode": oct(stat.S_IMODE(about.st_mode)),
                "mtime": about.st_mtime_ns, "xattrs": {}, "linked": None}
        if os.geteuid() == 0:
            what["owner"] = (about.st_uid, about.st_gid)
        try:
            what["xattrs"] = {x: os.getxattr(path, x, follow_symlinks=False)
                              for x in os.listxattr(path, follow_symlinks=False)}
        except OSError:
            pass
        if stat.S_ISREG(about.st_mode):
            what.update(length=about.st_size, sha256=digest(path), sparse=about.st_blocks * 512 < about.st_size * 3 // 4)
        if stat.S_ISLNK(about.st_mode):
            what["target"] = os.readlink(path)
        if about.st_rdev:
            what["device"] = about.st_rdev
        if about.st_nlink > 1 and not stat.S_ISDIR(about.st_mode):
            what["linked"] = links.setdefault((about.st_dev, about.st_ino), name)
        found[name] = what
    return found


def to_text(found):
    """What describe() gives, one line of JSON for each entry, without owners."""
    for name, what in sorted(found.items()):
        plain = {key: value for key, value in what.items() if key != "owner"}
        plain["xattrs"] = {key: value.hex() for key, value in what["xattrs"].items()}
        for key in ("linked", "target"):
            if isinstance(plain.get(key), bytes):
                plain[key] = plain[key].hex()
        yield json.dumps({"name": name.hex(), **plain}, sort_keys=True)


def from_text(lines):
    found = {}
    for line in lines:
        what = json.loads(line)
        what["xattrs"] = {key: bytes.fromhex(value) for key, value in what["xattrs"].items()}
        for key in ("linked", "target"):
            if what.get(key) is not None:
                what[key] = bytes.fromhex(what[key])
        found[bytes.fromhex(what.pop("name"))] = what
    return found


def differences(wanted, got, ignored=()):
    """Lines, none if all is equal."""
    for name in sorted(wanted.keys() | got.keys()):
        one, two = wanted.get(name), got.get(name)
        if one is None or two is None:
            yield f"{name!r} is only in the {'second' if one is None else 'first'}"
            continue
        for what in COMPARED:
            if what not in ignored and one.get(what) != two.get(what):
                yield f"{name!r}: {what} {one.get(what)!r} became {two.get(what)!r}"
