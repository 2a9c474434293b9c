# SPDX-License-Identifier: MIT
"""filefec: share files by way of file objects."""

import contextlib
import io
import os
import random
import re
import stat
import unittest
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from support import Error, Folder, module, pattern, zfec

filefec = module("filefec")


def share_body(data, k, r):
    """The body of share r as the format says, from zfec.Encoder alone."""
    out = b""
    for at in range(0, len(data), 4096 * k):
        segment = data[at : at + 4096 * k]
        size = -(-len(segment) // k)
        segment += bytes(size * k - len(segment))
        out += zfec.Encoder(k, 256).encode([segment[i * size : (i + 1) * size] for i in range(k)], [r])[0]
    return out


class OneByOne(io.RawIOBase):
    """A stream that gives and takes little at once, and cannot seek, as a pipe."""

    def __init__(self, data=b"", step=1000, name="stream"):
        self.data, self.step, self.name = data, step, name
        self.written = b""

    def readable(self):
        return True

    def writable(self):
        return True

    def read(self, size=-1):
        size = min(self.step, size if size >= 0 else len(self.data))
        out, self.data = self.data[:size], self.data[size:]
        return out

    def write(self, data):
        part = bytes(data[: self.step])
        self.written += part
        return len(part)


class Numbers(unittest.TestCase):
    def test_small_functions(self):
        for n in range(100):
            for k in range(1, 20):
                self.assertEqual((n + filefec.pad_size(n, k)) % k, 0)
                self.assertLess(filefec.pad_size(n, k), k)
        for n in range(1, 300):
            for b in (2, 3, 10):
                p = filefec.log_ceil(n, b)
                self.assertTrue(b**p >= n and (p == 0 or b ** (p - 1) < n))
        self.assertEqual([filefec.MASK(i) for i in range(5)], [0, 1, 3, 7, 15])
        self.assertEqual(filefec.CHUNKSIZE, 4096)
        self.assertEqual(filefec.MILLION_BYTES, 10**6)
        self.assertEqual(filefec.FORMAT_FORMAT % (2, 2) % ("p", 3, 10, ".fec"), "p.03_10.fec")
        self.assertEqual(filefec.RE_FORMAT % ("p", ".s"), "p.[0-9]+_[0-9]+.s")
        self.assertEqual(filefec.ab(b"abc"), "3:b'MFRGG==='")

    def test_errors(self):
        e = filefec.InsufficientShareFilesError(3, 2)
        self.assertIsInstance(e, Error)
        self.assertEqual((e.k, e.kb), (3, 2))
        self.assertEqual(
            str(e),
            "Insufficient share files -- 3 share files are required to recover this file, "
            "but only 2 were given",
        )
        self.assertTrue(issubclass(filefec.CorruptedShareFilesError, Error))


class Header(unittest.TestCase):
    def test_examples(self):
        build = filefec._build_header
        self.assertEqual(build(8, 3, 0, 0), bytes.fromhex("0740"))
        self.assertEqual(build(256, 256, 5, 7), b"\xff\xff\x05\x07")
        self.assertEqual(build(1, 1, 0, 0), b"\0\0")

    def test_lengths(self):
        counts = {2: 0, 3: 0, 4: 0}
        for m in range(1, 257):
            for k in range(1, m + 1):
                counts[len(filefec._build_header(m, k, 0, 0))] += 1
        self.assertEqual(counts, {2: 34, 3: 1390, 4: 31472})

    def test_round_trip(self):
        for m in (1, 2, 3, 5, 7, 8, 9, 16, 17, 33, 65, 128, 129, 255, 256):
            for k in {1, 2, 3, m // 2, m - 1, m} - {0, -1}:
                for pad in {0, 1, k // 2, k - 1}:
                    for sh in {0, 1, m // 2, m - 1}:
                        if not (k <= m and pad < k and sh < m):
                            continue
                        f = io.BytesIO(filefec._build_header(m, k, pad, sh) + b"BODY")
                        self.assertEqual(filefec._parse_header(f), (m, k, pad, sh))
                        self.assertEqual(f.read(), b"BODY")

    def test_refuses_to_write(self):
        for bad in ((0, 0, 0, 0), (257, 1, 0, 0), (3, 4, 0, 0), (4, 3, 3, 0), (4, 3, 0, 4),
                    (4, 3, -1, 0), (4, 3, 0, -1)):
            with self.assertRaises(Error):
                filefec._build_header(*bad)

    def test_all_headers_of_few_bytes(self):
        """Every start of a file is read to numbers that make the same bytes again, or refused."""
        good = bad = 0
        for first in range(0, 256, 5):
            for rest in range(0, 1 << 24, 4099):
                data = bytes([first]) + rest.to_bytes(3, "big")
                f = io.BytesIO(data)
                try:
                    header = filefec._parse_header(f)
                except filefec.CorruptedShareFilesError:
                    bad += 1
                    continue
                self.assertEqual(filefec._build_header(*header), data[: f.tell()])
                good += 1
        self.assertTrue(good and bad)

    def test_cut_short(self):
        for m, k in ((1, 1), (8, 3), (20, 7), (256, 256)):
            header = filefec._build_header(m, k, 0, 0)
            for size in range(len(header)):
                with self.assertRaisesRegex(filefec.CorruptedShareFilesError, "cut short"):
                    filefec._parse_header(io.BytesIO(header[:size]))

    def test_names_the_file(self):
        with self.assertRaisesRegex(filefec.CorruptedShareFilesError, "thatfile"):
            filefec._parse_header(OneByOne(b"\x02\xff\xff\xff", name="thatfile"))


class Chunked(unittest.TestCase):
    """encode_file*() call back once for each segment, and tell how much of it is data."""

    def collect(self, function, data, k, m, chunksize, **keywords):
        calls = []
        result = function(
            io.BytesIO(data), lambda blocks, n: calls.append(([bytes(b) for b in blocks], n)), k, m,
            chunksize, **keywords
        )
        return calls, result

    def test_full_chunks(self):
        for function in (filefec.encode_file, filefec.encode_file_stringy):
            for k, m, chunk in ((3, 5, 4), (1, 2, 7), (4, 4, 1)):
                for size in (0, 1, chunk, k * chunk - 1, k * chunk, k * chunk + 1, 2 * k * chunk, 50):
                    data = pattern(size)
                    calls, _ = self.collect(function, data, k, m, chunk)
                    self.assertEqual(len(calls), -(-size // (k * chunk)))
                    self.assertEqual(sum(n for _, n in calls), size)
                    for i, (blocks, n) in enumerate(calls):
                        part = data[i * k * chunk :][: k * chunk]
                        self.assertEqual(n, len(part))
                        part += bytes(k * chunk - n)
                        want = zfec.Encoder(k, m).encode(
                            [part[j * chunk : (j + 1) * chunk] for j in range(k)])
                        self.assertEqual(blocks, want)

    def test_short_last_chunks(self):
        function = filefec.encode_file_stringy_easyfec
        easyfec = module("easyfec")
        for k, m, chunk in ((3, 5, 4), (1, 2, 7)):
            for size in (0, 1, 5, k * chunk, k * chunk + 2, 50):
                data = pattern(size)
                calls, _ = self.collect(function, data, k, m, chunk)
                want = []
                for at in range(0, size, k * chunk):
                    part = data[at : at + k * chunk]
                    want.append((easyfec.Encoder(k, m).encode(part), len(part)))
                self.assertEqual(calls, want)

    def test_not_really(self):
        import hashlib

        data = pattern(50)
        calls, result = self.collect(filefec.encode_file_not_really, data, 3, 5, 4)
        self.assertIsNone(result)
        self.assertEqual(b"".join(b"".join(blocks) for blocks, _ in calls)[:50], data)
        self.assertEqual([n for _, n in calls], [12, 12, 12, 12, 2])
        again, result = self.collect(filefec.encode_file_not_really_and_hash, data, 3, 5, 4)
        self.assertEqual(again, calls)
        self.assertEqual(result.digest(), hashlib.sha256(data).digest())

    def test_streams_that_give_little(self):
        calls = []
        filefec.encode_file_stringy(OneByOne(pattern(100), 3), lambda b, n: calls.append(n), 3, 5, 10)
        self.assertEqual(calls, [30, 30, 30, 10])


class Files(Folder):
    def encode(self, data, k, m, name="p", **keywords):
        code = filefec.encode_to_files(
            io.BytesIO(data), len(data), self.folder.name, name, k, m, **keywords
        )
        self.assertEqual(code, 0)
        digits = len(str(m))
        return [self.path("%s.%0*d_%d%s" % (name, digits, i, m, keywords.get("suffix", ".fec")))
                for i in range(m)]

    def decode(self, paths, **keywords):
        with contextlib.ExitStack() as stack:
            out = io.BytesIO()
            filefec.decode_from_files(
                out, [stack.enter_context(open(p, "rb")) for p in paths], **keywords)
            return out.getvalue()

    def round_trip(self, data, k, m, count=None):
        paths = self.encode(data, k, m, overwrite=True)
        self.assertEqual(self.decode(random.sample(paths, count or m)), data)
        self.assertEqual(self.decode(random.sample(paths, k)), data)

    def test_round_trips(self):
        text = b"one line\r\nand another\r\r\n\nand the last"
        for k, m in ((3, 8), (4, 16), (1, 1), (1, 3), (5, 5), (2, 3)):
            for size in list(range(0, len(text), 4)) + list(range(len(text) - 4, len(text) + 1)):
                self.round_trip(text[:size], k, m)

    def test_round_trips_around_segments(self):
        for k, m in ((3, 8), (13, 16), (1, 2)):
            for size in (4096 * k - 1, 4096 * k, 4096 * k + 1, 8192 * k + 5, 4096, 4097):
                self.round_trip(pattern(size), k, m)

    def test_round_trip_large(self):
        self.round_trip(pattern(6176761), 13, 16, 13)
        # more than one batch, and a batch that ends where the file ends
        batch = (filefec.BATCH_SIZE // (4 * 4096)) * 3 * 4096
        for size in (batch - 1, batch, batch + 1, 2 * batch):
            self.round_trip(os.urandom(size), 3, 4)

    @settings(deadline=None, max_examples=60)
    @given(st.data())
    def test_any(self, data):
        m = data.draw(st.integers(1, 60))
        k = data.draw(st.integers(1, m))
        size = data.draw(st.one_of(st.integers(0, 200), st.integers(0, 40000)))
        content = pattern(size, data.draw(st.integers(0, 99)))
        paths = self.encode(content, k, m, overwrite=True)
        numbers = data.draw(st.permutations(range(m)))[: data.draw(st.integers(k, m))]
        self.assertEqual(self.decode([paths[i] for i in numbers]), content)
        r = data.draw(st.integers(0, m - 1))
        header = filefec._build_header(m, k, -size % k, r)
        self.assertEqual(self.read(paths[r]), header + share_body(content, k, r))

    def test_names_and_modes(self):
        old = os.umask(0o027)
        try:
            for m, names in ((8, ["p.0_8.x", "p.7_8.x"]), (10, ["p.00_10.x", "p.09_10.x"]),
                             (100, ["p.000_100.x", "p.099_100.x"])):
                paths = self.encode(b"data", 3, m, suffix=".x")
                for name in names:
                    self.assertIn(self.path(name), paths)
                    self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o640)
        finally:
            os.umask(old)
        matching = [n for n in self.names() if re.fullmatch(filefec.RE_FORMAT % ("p", ".x"), n)]
        self.assertEqual(len(matching), 118)
        self.assertEqual(matching, self.names())

    def test_many_open_files(self):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
        try:
            paths = self.encode(pattern(100000), 20, 256)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.assertEqual(self.decode(paths[200:220]), pattern(100000))

    def fails(self, text, inf, fsize, *arguments, **keywords):
        """encode_to_files() returns 1, says why, and changes nothing."""
        before = {n: self.read(n) for n in self.names()}
        with contextlib.redirect_stderr(io.StringIO()) as said:
            code = filefec.encode_to_files(
                inf, fsize, self.folder.name, "p", *(arguments or (3, 8)), **keywords)
        self.assertEqual(code, 1)
        self.assertIn("Cannot complete because of exception:", said.getvalue())
        self.assertIn(text, said.getvalue())
        self.assertEqual({n: self.read(n) for n in self.names()}, before)

    def test_size_is_not_what_was_said(self):
        data = pattern(20000)
        for size in (0, 1, 19999, 20001, 10**9):
            self.fails("Wrong file size", io.BytesIO(data), size)
        self.fails("Wrong file size", io.BytesIO(b""), 5)
        self.encode(b"old", 3, 8)
        self.fails("Wrong file size", io.BytesIO(data), 5, overwrite=True)

    def test_file_that_changes(self):
        path = self.write("in", pattern(30000))
        real = filefec._encode_batch

        def meddle(*arguments):
            with open(path, "r+b") as f:
                f.write(b"changed")
            return real(*arguments)

        with open(path, "rb") as inf, mock.patch.object(filefec, "_encode_batch", meddle):
            os.utime(path, (1, 1))
            with contextlib.redirect_stderr(io.StringIO()) as said:
                code = filefec.encode_to_files(inf, 30000, self.folder.name, "p", 3, 8)
        self.assertEqual(code, 1)
        self.assertIn("Wrong file size", said.getvalue())
        self.assertEqual(self.names(), ["in"])

    def test_existing_files(self):
        self.write("p.3_8.fec", b"precious")
        self.fails("File exists", io.BytesIO(b"new"), 3)
        self.encode(b"new", 3, 8, overwrite=True)
        self.assertEqual(len(self.names()), 8)
        self.assertNotEqual(self.read("p.3_8.fec"), b"precious")
        os.unlink(self.path("p.5_8.fec"))
        os.mkdir(self.path("p.5_8.fec"))
        os.chmod(self.path("p.4_8.fec"), 0o600)
        before = self.read("p.4_8.fec")
        with contextlib.redirect_stderr(io.StringIO()):
            code = filefec.encode_to_files(
                io.BytesIO(b"newer"), 5, self.folder.name, "p", 3, 8, overwrite=True)
        self.assertEqual(code, 1)
        self.assertEqual(self.read("p.4_8.fec"), before)
        os.rmdir(self.path("p.5_8.fec"))
        self.encode(b"newer", 3, 8, overwrite=True)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("p.4_8.fec")).st_mode), 0o600)

    def test_each_failing_call(self):
        """Whichever system call fails, the old files stay and no other is left."""
        self.encode(pattern(30000, 1), 3, 8)
        newfiles = module("filefec").NewFiles.__module__
        calls = ("open", "write", "fsync", "close", "link", "replace", "fchmod")
        reached = set()
        for name in calls:
            real = getattr(os, name)
            for nth in range(40):
                count = [0]

                def failing(*arguments, **keywords):
                    count[0] += 1
                    if count[0] == nth + 1:
                        if name == "close":
                            real(*arguments)
                        raise OSError(28, "No space left on device")
                    return real(*arguments, **keywords)

                with mock.patch(newfiles + ".os." + name, failing):
                    with contextlib.redirect_stderr(io.StringIO()):
                        before = {n: self.read(n) for n in self.names()}
                        code = filefec.encode_to_files(
                            io.BytesIO(pattern(30000, 2)), 30000, self.folder.name, "p", 3, 8,
                            overwrite=True)
                after = {n: self.read(n) for n in self.names()}
                if count[0] <= nth:
                    self.assertEqual(code, 0)
                    self.encode(pattern(30000, 1), 3, 8, overwrite=True)
                    break
                reached.add(name)
                self.assertEqual(code, 1, (name, nth))
                self.assertEqual(after, before, (name, nth))
        self.assertEqual(reached, set(calls))

    def test_synced_before_moved(self):
        """All new files are synced before the first is moved into place, the folder after the last."""
        events = []
        real = {name: getattr(os, name) for name in ("fsync", "link", "replace")}

        def fsync(fd):
            events.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
            real["fsync"](fd)

        def move(name):
            def moves(*arguments, **keywords):
                events.append("move")
                return real[name](*arguments, **keywords)

            return moves

        with mock.patch("os.fsync", fsync), mock.patch("os.link", move("link")):
            self.encode(b"first", 3, 8)
        self.assertEqual(events, ["file"] * 8 + ["move"] * 8 + ["folder"])
        events.clear()
        with mock.patch("os.fsync", fsync), mock.patch("os.replace", move("replace")):
            self.encode(b"second", 3, 8, overwrite=True)
        self.assertEqual(events, ["file"] * 8 + ["move"] * 8 + ["folder"])

    def test_endless_input(self):
        class Endless:
            reads = 0

            def read(self, size):
                self.reads += 1
                assert self.reads < 20, "it reads on and on"
                return bytes(size)

        self.fails("Wrong file size", Endless(), 10)

    def test_without_hard_links(self):
        def none(*arguments, **keywords):
            raise PermissionError(1, "Operation not permitted")

        with mock.patch("os.link", none):
            self.encode(b"first", 3, 8)
            self.fails("File exists", io.BytesIO(b"new"), 3)
            paths = self.encode(b"second", 3, 8, overwrite=True)
        self.assertEqual(self.decode(paths), b"second")
        self.assertEqual(len(self.names()), 8)

    def test_interrupted(self):
        class Interrupts:
            def read(self, size):
                raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            filefec.encode_to_files(Interrupts(), 10, self.folder.name, "p", 3, 8)
        self.assertEqual(self.names(), [])

    def test_unreadable_input_and_folder(self):
        class Broken:
            def read(self, size):
                raise OSError(5, "Input/output error")

        self.fails("Input/output error", Broken(), 10)
        with contextlib.redirect_stderr(io.StringIO()) as said:
            code = filefec.encode_to_files(io.BytesIO(b"x"), 1, self.path("absent"), "p", 3, 8)
        self.assertEqual(code, 1)
        self.assertIn("No such file", said.getvalue())

    def test_bad_parameters(self):
        for k, m in ((0, 8), (9, 8), (3, 257)):
            with self.assertRaises(Error):
                filefec.encode_to_files(io.BytesIO(b"x"), 1, self.folder.name, "p", k, m)
        self.assertEqual(self.names(), [])

    def test_verbose(self):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.encode(b"data", 2, 3, verbose=True)
        self.assertIn("Creating share file %r..." % self.path("p.0_3.fec"), said.getvalue())
        self.assertIn("100% ... ", said.getvalue())
        self.assertTrue(said.getvalue().endswith("Done!\n"))
        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.decode([self.path("p.0_3.fec"), self.path("p.2_3.fec")], verbose=True)
        self.assertIn("4e-06 MB ... ", said.getvalue())
        self.assertTrue(said.getvalue().endswith("Done!\n"))

    def test_streams(self):
        data = pattern(50000)
        self.assertEqual(
            filefec.encode_to_files(OneByOne(data), 50000, self.folder.name, "p", 3, 5), 0)
        shares = [OneByOne(self.read("p.%d_5.fec" % i), 77 + i) for i in (4, 0, 3)]
        out = OneByOne()
        filefec.decode_from_files(out, shares)
        self.assertEqual(out.written, data)
        with open(self.path("p.2_5.fec"), "rb") as share:
            shares = [share] + [OneByOne(self.read("p.%d_5.fec" % i)) for i in (4, 0)]
            out = OneByOne()
            filefec.decode_from_files(out, shares)
        self.assertEqual(out.written, data)
        read, write = os.pipe()
        with open(read, "rb") as reader, open(write, "wb") as writer:
            filefec.decode_from_files(writer, [io.BytesIO(self.read("p.%d_5.fec" % i)) for i in (1, 2, 3)][:3])
            writer.flush()
            self.assertEqual(reader.read(len(data)), data)


class Wrong(Folder):
    """Share files that are not what they should be."""

    def setUp(self):
        super().setUp()
        self.data = pattern(40000)
        self.shares = self.shares_of(self.data, 3, 8)

    def shares_of(self, data, k, m):
        filefec.encode_to_files(io.BytesIO(data), len(data), self.folder.name, "x", k, m, overwrite=True)
        return [self.read("x.%d_%d.fec" % (i, m)) for i in range(m)]

    def decode(self, shares, **keywords):
        files = []
        for i, s in enumerate(shares):
            f = io.BytesIO(s)
            f.name = "file%d" % i
            files.append(f)
        out = io.BytesIO()
        filefec.decode_from_files(out, files, **keywords)
        return out.getvalue()

    def refused(self, text, shares, kind=None):
        with self.assertRaisesRegex(kind or filefec.CorruptedShareFilesError, text):
            self.decode(shares)

    def flip(self, share, at, bit=1):
        out = bytearray(share)
        out[at] ^= bit
        return bytes(out)

    def test_too_few(self):
        with self.assertRaises(filefec.InsufficientShareFilesError) as caught:
            self.decode(self.shares[:2])
        self.assertEqual((caught.exception.k, caught.exception.kb), (3, 2))
        self.refused("No share file", [])

    def test_one_file_when_one_suffices(self):
        for data in (b"", b"x", self.data):
            for share in self.shares_of(data, 1, 4):
                self.assertEqual(self.decode([share]), data)

    def test_duplicates(self):
        self.refused("file0 and file1 are the same share, number 0", [self.shares[0]] * 3)
        self.refused("same share, number 5", [self.shares[i] for i in (5, 2, 5, 1)])

    def test_other_encodings(self):
        other = self.shares_of(self.data, 3, 9)
        self.refused("file3.*of another file", self.shares[:3] + [other[4]])
        self.refused("damaged or of different files", self.shares[:2] + other[2:4])
        self.refused("damaged or of different files", self.shares[:3] + other[3:6])
        padded = self.shares_of(self.data + b"x", 3, 8)
        self.refused("file0.*of another file", [padded[0]] + self.shares[1:5])
        notices = []
        out = self.decode(
            [padded[0]] + self.shares[1:5], on_wrong=lambda f, why: notices.append((f.name, why)))
        self.assertEqual(out, self.data)
        self.assertEqual([n for n, _ in notices], ["file0"])

    def test_lengths(self):
        cut = self.shares[1][:-1]
        self.refused("file1.*of another file", [self.shares[0], cut] + self.shares[2:])
        self.refused("damaged or of different", [self.shares[0], cut, self.shares[2]])
        with self.assertRaisesRegex(filefec.CorruptedShareFilesError, "different lengths"):
            filefec.decode_from_files(
                io.BytesIO(), [OneByOne(s) for s in (self.shares[0], cut, self.shares[2])])

    def test_every_cut(self):
        shares = self.shares_of(b"twenty bytes of data", 3, 5)
        for size in range(len(shares[4])):
            self.refused(".", [shares[0], shares[1], shares[4][:size]])
            seen = []
            out = self.decode(
                shares[:4] + [shares[4][:size]], on_wrong=lambda f, why: seen.append(f.name))
            self.assertEqual((out, seen), (b"twenty bytes of data", ["file4"]))

    def test_every_bit(self):
        """With two spare shares any flipped bit is found; with one it is noticed; header bits too."""
        data = b"twenty bytes of data"
        shares = self.shares_of(data, 3, 6)
        for victim in (0, 4):
            for at in range(len(shares[0])):
                for bit in range(8):
                    bad = self.flip(shares[victim], at, 1 << bit)
                    others = [s for i, s in enumerate(shares) if i != victim]
                    seen = []
                    try:
                        out = self.decode(
                            others[:4] + [bad], on_wrong=lambda f, why: seen.append(f.name))
                        self.assertEqual((out, seen), (data, ["file4"]))
                    except filefec.CorruptedShareFilesError as e:
                        self.assertIn("same share", str(e))  # the number became another's
                    self.refused(".", others[:3] + [bad])
                    self.refused(".", others[:4] + [bad])

    def test_wrong_in_different_places(self):
        """Each of two shares is wrong elsewhere, megabytes apart: both are found, none is written."""
        data = pattern(3) * (8 << 20)
        shares = self.shares_of(data, 3, 8)
        shares[1] = self.flip(shares[1], 100)
        shares[6] = self.flip(shares[6], 7 << 20)
        seen = []
        out = self.decode(shares, on_wrong=lambda f, why: seen.append(f.name))
        self.assertTrue(out == data)
        self.assertEqual(seen, ["file1", "file6"])

    def test_too_many_wrong(self):
        shares = [self.flip(s, 50, i + 1) if i < 3 else s for i, s in enumerate(self.shares)]
        with self.assertRaisesRegex(filefec.CorruptedShareFilesError, "cannot be told which"):
            self.decode(shares, on_wrong=lambda f, why: None)

    def test_padding(self):
        data = b"12345"  # k 3: one byte of padding, the last of share 2
        shares = self.shares_of(data, 3, 5)
        self.refused("padding", [shares[0], shares[1], self.flip(shares[2], len(shares[2]) - 1)])
        header = filefec._build_header(5, 3, 2, 0)
        self.refused("padding", [filefec._build_header(5, 3, 2, i) for i in range(3)])
        self.assertEqual(len(header), 2)

    def test_damaged_headers(self):
        for bad in (b"", b"\x07", b"\x02\xff", b"\x07\xff"):
            self.refused("file3 is damaged", self.shares[:3] + [bad])
            seen = []
            out = self.decode(self.shares[:3] + [bad], on_wrong=lambda f, why: seen.append((f.name, why)))
            self.assertEqual(out, self.data)
            self.assertEqual(seen[0][0], "file3")
            self.assertRegex(seen[0][1], "^is damaged: ")

    def test_files_that_do_not_begin_with_the_header(self):
        files = [io.BytesIO(b"skipped" + s) for s in self.shares[:3]]
        for f in files:
            f.seek(7)
        out = io.BytesIO()
        filefec.decode_from_files(out, iter(files))
        self.assertEqual(out.getvalue(), self.data)


if __name__ == "__main__":
    unittest.main()
