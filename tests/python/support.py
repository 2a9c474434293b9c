# SPDX-License-Identifier: MIT
"""What the tests share: the package under test, and an independent codec to check it against.

SHERD_PYTHON_PACKAGE names the package under test: sherd.zfec (the default) or zfec.
SHERD_GOLDEN is the folder of the vectors, SHERD_TOOLS one with the C tools, if they were built.
"""

import importlib
import os
import resource
import subprocess
import sys
import tempfile
import unittest

PACKAGE = os.environ.get("SHERD_PYTHON_PACKAGE", "sherd.zfec")
zfec = importlib.import_module(PACKAGE)
Error = zfec.Error

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.environ.get("SHERD_GOLDEN", os.path.join(HERE, "..", "golden"))
TOOLS = os.environ.get("SHERD_TOOLS")
SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")


def module(name):
    """A module of the package under test, under the name by which it is tested."""
    return importlib.import_module(PACKAGE + "." + name)


def pattern(size, seed=0):
    """Bytes that do not repeat soon, the same each time."""
    state = (seed * 2654435761 + 12345) % 2**32
    out = bytearray()
    while len(out) < size:
        state = (state * 1664525 + 1013904223) % 2**32
        out += (state >> 8).to_bytes(3, "big")
    return bytes(out[:size])


def resident_bytes():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


class Reference:
    """The code as its definition says, a byte at a time: block r is P(x_r)."""

    exp = [0] * 510
    log = [0] * 256
    value = 1
    for _i in range(255):
        exp[_i] = exp[_i + 255] = value
        log[value] = _i
        value = (value << 1) ^ (0x11D if value & 0x80 else 0)

    @classmethod
    def mul(cls, a, b):
        return cls.exp[cls.log[a] + cls.log[b]] if a and b else 0

    @classmethod
    def div(cls, a, b):
        return cls.exp[cls.log[a] + 255 - cls.log[b]] if a else 0

    @classmethod
    def point(cls, i):
        return cls.exp[i - 1] if i else 0

    @classmethod
    def block(cls, known, number):
        """Block `number` from known = {number: block}, by Lagrange."""
        if number in known:
            return bytes(known[number])
        x = cls.point(number)
        size = len(next(iter(known.values())))
        out = [0] * size
        for i, block in known.items():
            c = 1
            for j in known:
                if j != i:
                    c = cls.mul(c, cls.div(x ^ cls.point(j), cls.point(i) ^ cls.point(j)))
            for at in range(size):
                out[at] ^= cls.mul(c, block[at])
        return bytes(out)


def memory_folder():
    """A file system in memory if there is room in it: there a sync costs nothing. Else None."""
    try:
        st = os.statvfs("/dev/shm")
    except OSError:
        return None
    roomy = st.f_bavail * st.f_frsize > 512 << 20
    return "/dev/shm" if roomy and os.access("/dev/shm", os.W_OK) else None


class Folder(unittest.TestCase):
    """A test with a folder of its own; on_disk where it holds much, or should really sync."""

    on_disk = False

    def setUp(self):
        where = None if self.on_disk else memory_folder()
        self.folder = tempfile.TemporaryDirectory(prefix="sherd-python-", dir=where)
        self.addCleanup(self.folder.cleanup)

    def path(self, *names):
        return os.path.join(self.folder.name, *names)

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def read(self, *names):
        with open(self.path(*names), "rb") as f:
            return f.read()

    def names(self):
        return sorted(os.listdir(self.folder.name))


def run_python(*arguments, **options):
    """Run the python that runs this, with the same package under test."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, timeout=300, **options)
