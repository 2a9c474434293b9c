# SPDX-License-Identifier: MIT
"""With others' programs: Debian's python3-zfec, both ways, and our own C tools."""

import io
import json
import os
import random
import subprocess
import sys
import unittest

from support import PACKAGE, TOOLS, Folder, module, pattern, run_python, zfec

filefec = module("filefec")

# Runs in a process of its own, where only Debian's packages are found.
PEER = """
import json, sys, zfec, zfec.easyfec
assert zfec.__file__.startswith("/usr/lib/python3/dist-packages/zfec/"), zfec.__file__
for line in sys.stdin:
    what, k, m, blocks, numbers = json.loads(line)
    blocks = [bytes.fromhex(b) for b in blocks]
    if what == "encode":
        out = zfec.Encoder(k, m).encode(blocks)
    elif what == "easy":
        out = zfec.easyfec.Encoder(k, m).encode(blocks[0])
    else:
        out = zfec.Decoder(k, m).decode(blocks, numbers)
    print(json.dumps([b.hex() for b in out]), flush=True)
"""


class Peer:
    def __init__(self):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-I", "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={"PATH": "/usr/bin:/bin"})

    def __call__(self, what, k, m, blocks, numbers=None):
        ask = json.dumps([what, k, m, [bytes(b).hex() for b in blocks], numbers])
        try:
            self.process.stdin.write(ask + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self.process.stdout.readline()
        if not answer:
            raise AssertionError(self.process.stderr.read())
        return [bytes.fromhex(b) for b in json.loads(answer)]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def peer_is_installed():
    if os.path.exists("/usr/lib/python3/dist-packages/zfec/__init__.py"):
        return True
    print("SKIPPED: python3-zfec is not installed, nothing is compared with it", file=sys.stderr)
    return False


@unittest.skipUnless(peer_is_installed(), "python3-zfec is not installed")
class Debian(unittest.TestCase):
    def setUp(self):
        self.peer = Peer()
        self.addCleanup(self.peer.close)

    def test_both_ways(self):
        rng = random.Random(11)
        pairs = [(1, 1), (1, 2), (2, 3), (3, 5), (3, 10), (6, 12), (10, 14), (94, 100), (128, 255),
                 (128, 256), (255, 256), (254, 254)]
        pairs += [(rng.randint(1, m), m) for m in rng.sample(range(2, 256), 30)]
        for k, m in pairs:  # not k = 256, which crashes Debian's
            size = rng.choice((0, 1, 2, 15, 16, 17, 33, 64, 100))
            blocks = [pattern(size, i) for i in range(k)]
            ours = zfec.Encoder(k, m).encode(blocks)
            theirs = self.peer("encode", k, m, blocks)
            self.assertEqual(ours, theirs, (k, m, size))
            numbers = rng.sample(range(m), k)
            self.assertEqual(
                zfec.Decoder(k, m).decode([theirs[i] for i in numbers], numbers), blocks)
            numbers.sort()  # theirs wants a primary at its own place, and takes care of it
            self.assertEqual(
                self.peer("decode", k, m, [ours[i] for i in numbers], numbers), blocks)

    def test_easyfec(self):
        easyfec = module("easyfec")
        for k, m in ((1, 2), (3, 5), (5, 7), (20, 30)):
            for size in (0, 1, 2, 19, 20, 21, 100):
                data = pattern(size)
                ours = [bytes(b) for b in easyfec.Encoder(k, m).encode(data)]
                self.assertEqual(ours, self.peer("easy", k, m, [data]))


def tools_are_built():
    if TOOLS and os.access(os.path.join(TOOLS, "zfec"), os.X_OK) and os.access(
            os.path.join(TOOLS, "zunfec"), os.X_OK):
        return True
    print("SKIPPED: SHERD_TOOLS names no folder with zfec and zunfec", file=sys.stderr)
    return False


@unittest.skipUnless(tools_are_built(), "the C tools are not built")
class Tools(Folder):
    def tool(self, name, *arguments, **options):
        environment = {n: v for n, v in os.environ.items() if n != "LD_PRELOAD"}
        done = subprocess.run([os.path.join(TOOLS, name), *arguments], cwd=self.folder.name,
                              capture_output=True, timeout=300, env=environment, **options)
        self.assertEqual((done.returncode, done.stderr), (0, b""), arguments)
        return done.stdout

    def test_same_share_files(self):
        for k, m in ((1, 1), (1, 3), (3, 8), (3, 10), (4, 4), (94, 100), (200, 256)):
            for size in (0, 1, 5, 4096 * k - 1, 4096 * k, 4096 * k + 1, 100001):
                data = pattern(size)
                self.write("in", data)
                self.tool("zfec", "-q", "-f", "-k", str(k), "-m", str(m), "-p", "c", "in")
                code = filefec.encode_to_files(
                    io.BytesIO(data), size, self.folder.name, "p", k, m, overwrite=True)
                self.assertEqual(code, 0)
                digits = len(str(m))
                for i in range(m):
                    end = ".%0*d_%d.fec" % (digits, i, m)
                    self.assertEqual(self.read("p" + end), self.read("c" + end), (k, m, size, i))

    def test_each_reads_the_others(self):
        data = pattern(300001)
        self.write("in", data)
        self.tool("zfec", "-q", "-p", "c", "in")
        with open(self.path("in"), "rb") as f:
            filefec.encode_to_files(f, len(data), self.folder.name, "p", 3, 8)
        for numbers in ((7, 6, 5), (0, 1, 2), (0, 4, 2, 7), range(8)):
            out = io.BytesIO()
            files = [open(self.path("c.%d_8.fec" % i), "rb") for i in numbers]
            try:
                filefec.decode_from_files(out, files)
            finally:
                for f in files:
                    f.close()
            self.assertEqual(out.getvalue(), data)
            self.assertEqual(
                self.tool("zunfec", "-o", "-", *["p.%d_8.fec" % i for i in numbers]), data)

    def test_same_exit_codes(self):
        self.write("in", pattern(1000))
        self.write("there", b"precious")
        run_python("-m", PACKAGE + ".cmdline_zfec", "in", cwd=self.folder.name)
        shares = ["in.%d_8.fec" % i for i in range(8)]
        self.assertTrue(os.path.exists(self.path(shares[7])))
        environment = {n: v for n, v in os.environ.items() if n != "LD_PRELOAD"}
        for name, *arguments in (
            ("zfec", "absent"), ("zfec",), ("zfec", "in"), ("zfec", "-m", "0", "in"),
            ("zfec", "-m", "0", "absent"), ("zfec", "-k", "9", "in"), ("zfec", "-v", "-q", "in"),
            ("zfec", "-m", "x", "in"), ("zfec", "--nonsense", "-V"), ("zfec", "-h"),
            ("zfec", "-d", "absent", "in"),
            ("zunfec", "-o", "x"), ("zunfec", *shares), ("zunfec", "-o", "x", shares[0]),
            ("zunfec", "-o", "x", *shares[:2]), ("zunfec", "-o", "there", *shares),
            ("zunfec", "-o", "absent/x", *shares), ("zunfec", "-o", "x", *shares[:2], "absent"),
            ("zunfec", "-o", "x", shares[0], shares[0], shares[1]),
            ("zunfec", "-f", "-o", shares[0], *shares), ("zunfec", "-V"), ("zunfec", "-h"),
            ("zunfec", "-o", "x", "in", "there", shares[0]),
            ("zunfec", "-f", "-o", ".", *shares),
        ):
            ours = run_python("-m", "%s.cmdline_%s" % (PACKAGE, name), *arguments,
                              cwd=self.folder.name).returncode
            theirs = subprocess.run(
                [os.path.join(TOOLS, name), *arguments], cwd=self.folder.name, capture_output=True,
                timeout=300, env=environment).returncode
            self.assertEqual(ours, theirs, (name, arguments))
        self.assertEqual(self.names(), ["in", *shares, "there"])


if __name__ == "__main__":
    unittest.main()
