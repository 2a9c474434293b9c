# SPDX-License-Identifier: MIT
"""Encoder and Decoder: what they compute, what they hand through, and what they say when misused."""

import array
import itertools
import os
import random
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from support import GOLDEN, Error, Reference, pattern, zfec

PRE = "Precondition violation: "


def blocks_of(data, k):
    size = len(data) // k
    return [data[i * size : (i + 1) * size] for i in range(k)]


class Construct(unittest.TestCase):
    def both(self):
        return (zfec.Encoder, zfec.Decoder)

    def test_wrong_arguments(self):
        for coder in self.both():
            for bad in ((), (1,), (1, 2, 3), ("1", 2), (1.5, 2), (None, None)):
                with self.assertRaises(TypeError):
                    coder(*bad)
            for bad in ((2**31, 5), (1, 2**70), (-(2**40), 5)):
                with self.assertRaises(OverflowError):
                    coder(*bad)
            with self.assertRaises(TypeError):
                coder(k=1, n=2)

    def test_texts(self):
        first = "first argument is required to be greater than or equal to 1, but it was %d"
        second = "second argument is required to be greater than or equal to 1, but it was %d"
        above = "second argument is required to be less than or equal to 256, but it was %d"
        order = (
            "first argument is required to be less than or equal to the second argument, "
            "but they were %d and %d respectively"
        )
        for coder in self.both():
            for arguments, text in (
                ((-1, -1), first % -1),
                ((0, 5), first % 0),
                ((1, 0), second % 0),
                ((1, -7), second % -7),
                ((1, 257), above % 257),
                ((300, 300), above % 300),
                ((3, 2), order % (3, 2)),
                ((256, 255), order % (256, 255)),
            ):
                with self.assertRaises(Error) as caught:
                    coder(*arguments)
                self.assertEqual(str(caught.exception), PRE + text)

    def test_members(self):
        for coder in self.both():
            c = coder(m=7, k=3)
            self.assertEqual((c.k, c.m), (3, 7))
            with self.assertRaises(AttributeError):
                c.k = 4
            self.assertEqual(coder.__module__, "_fec")
        self.assertEqual(Error.__module__, "_fec")
        self.assertTrue(issubclass(Error, Exception))
        self.assertIs(zfec._fec.Error, Error)
        self.assertIsInstance(zfec.__version__, str)

    def test_subclass(self):
        class Mine(zfec.Encoder):
            def __init__(self, k):
                super().__init__(k, 2 * k)
                self.mine = k

        e = Mine(2)
        self.assertEqual(len(e.encode([b"a", b"b"])), 4)
        self.assertEqual((e.mine, e.k, e.m), (2, 2, 4))
        with self.assertRaises(Error):
            Mine(0)

    def test_from_agl(self):
        self.assertIs(zfec._fec.test_from_agl(), True)
        data = [b"\x01" * 8, b"\x02" * 8, b"\x03" * 8]
        check = zfec.Encoder(3, 5).encode(data, (3, 4))
        restored = zfec.Decoder(3, 5).decode((data[1], data[2], check[0]), (1, 2, 3))
        self.assertEqual(restored, data)

    def test_documented(self):
        for thing in (
            zfec, zfec._fec, zfec.Encoder, zfec.Decoder, zfec.Encoder.encode, zfec.Decoder.decode,
            zfec.Error, zfec._fec.test_from_agl, zfec.easyfec, zfec.filefec,
        ):
            self.assertTrue(thing.__doc__, thing)


class Golden(unittest.TestCase):
    def lines(self, name):
        with open(os.path.join(GOLDEN, name)) as f:
            return [line.split() for line in f if line.strip() and not line.startswith("#")]

    def test_raw_encoder(self):
        count = 0
        for fields in self.lines("raw-encoder.txt"):
            k, m, size = map(int, fields[:3])
            data = bytes.fromhex(fields[3].replace("-", ""))
            wanted = [bytes.fromhex(f.replace("-", "")) for f in fields[4:]]
            self.assertEqual(len(data), k * size)
            self.assertEqual(len(wanted), m - k)
            blocks = blocks_of(data, k)
            self.assertEqual(zfec.Encoder(k, m).encode(blocks, range(k, m)), wanted)
            everything = blocks + wanted
            numbers = list(range(m - k, m))  # the worst loss
            decoded = zfec.Decoder(k, m).decode([everything[i] for i in numbers], numbers)
            self.assertEqual(decoded, blocks)
            count += 1
        self.assertEqual(count, 71)


class Reckon(unittest.TestCase):
    """Against the definition, which shares no code with the library."""

    def test_every_pair_small(self):
        for m in range(1, 9):
            for k in range(1, m + 1):
                blocks = blocks_of(pattern(5 * k, seed=16 * m + k), k)
                known = dict(enumerate(blocks))
                wanted = [Reference.block(known, r) for r in range(m)]
                self.assertEqual(zfec.Encoder(k, m).encode(blocks), wanted)

    def test_every_loss_small(self):
        for k, m in ((1, 4), (2, 5), (3, 6), (4, 7), (5, 5)):
            blocks = blocks_of(pattern(7 * k), k)
            everything = zfec.Encoder(k, m).encode(blocks)
            decoder = zfec.Decoder(k, m)
            for numbers in itertools.permutations(range(m), k):
                self.assertEqual(decoder.decode([everything[i] for i in numbers], numbers), blocks)

    def test_largest(self):
        for k, m in ((256, 256), (255, 256), (1, 256), (128, 256), (200, 256)):
            blocks = blocks_of(pattern(3 * k), k)
            everything = zfec.Encoder(k, m).encode(blocks)
            self.assertEqual(len(everything), m)
            known = dict(enumerate(blocks))
            for r in {k, (k + m) // 2, m - 1} - {m}:
                self.assertEqual(everything[r], Reference.block(known, r))
            numbers = random.sample(range(m), k)
            decoded = zfec.Decoder(k, m).decode([everything[i] for i in numbers], numbers)
            self.assertEqual(decoded, blocks)

    @settings(deadline=None, max_examples=150)
    @given(st.data())
    def test_any(self, data):
        m = data.draw(st.integers(1, 256))
        k = data.draw(st.integers(1, m))
        size = data.draw(st.integers(0, 40))
        blocks = blocks_of(pattern(size * k, data.draw(st.integers(0, 1000))), k)
        everything = zfec.Encoder(k, m).encode(blocks)
        numbers = data.draw(st.permutations(range(m)))[:k]
        decoded = zfec.Decoder(k, m).decode([everything[i] for i in numbers], numbers)
        self.assertEqual(decoded, blocks)
        if k < 32:
            r = data.draw(st.integers(0, m - 1))
            known = {i: everything[i] for i in numbers}
            self.assertEqual(Reference.block(known, r), everything[r])

    def test_sizes(self):
        e, d = zfec.Encoder(3, 6), zfec.Decoder(3, 6)
        for size in [0, 1, 2, 15, 16, 17, 31, 63, 64, 65, 4095, 4096, 4097, 65537, 1 << 20]:
            blocks = blocks_of(pattern(3 * size), 3)
            everything = e.encode(blocks)
            self.assertEqual(d.decode(everything[3:], [3, 4, 5]), blocks)

    def test_large_blocks(self):
        blocks = blocks_of(pattern(9) * (1 << 20), 3)  # beyond the caches: the streaming way
        everything = zfec.Encoder(3, 6).encode(blocks)
        again = [e[: 9 << 10] for e in everything]
        self.assertEqual(again, zfec.Encoder(3, 6).encode([b[: 9 << 10] for b in blocks]))
        self.assertEqual(zfec.Decoder(3, 6).decode(everything[3:], [3, 4, 5]), blocks)


class Encode(unittest.TestCase):
    def setUp(self):
        self.e = zfec.Encoder(2, 4)

    def test_same_objects(self):
        a, b = bytes(bytearray(b"first")), bytearray(b"other")
        out = self.e.encode([a, b])
        self.assertIsInstance(out, list)
        self.assertIs(out[0], a)
        self.assertIs(out[1], b)
        self.assertEqual([type(x) for x in out[2:]], [bytes, bytes])
        out = self.e.encode((a, b), [1, 0, 1])
        self.assertIs(out[0], b)
        self.assertIs(out[1], a)
        self.assertIs(out[2], b)

    def test_desired(self):
        blocks = [b"ab", b"cd"]
        a, b, c, d = self.e.encode(blocks)
        self.assertEqual(self.e.encode(blocks, []), [])
        self.assertEqual(self.e.encode(blocks, [3, 3, 0, 2, 3]), [d, d, a, c, d])
        self.assertEqual(self.e.encode(blocks, iter((3, 1))), [d, b])
        self.assertEqual(self.e.encode(blocks, {2: None}), [c])
        self.assertEqual(self.e.encode(blocks, [True, False]), [b, a])
        self.assertEqual(self.e.encode(blocks, [2] * 100000), [c] * 100000)

    def test_the_cache_is_no_memory(self):
        blocks = [b"ab", b"cd"]
        a, b, c, d = self.e.encode(blocks)
        for wanted, result in (([2], [c]), ([3], [d]), ([3, 2], [d, c]), ([2, 3], [c, d])) * 3:
            self.assertEqual(self.e.encode(blocks, wanted), result)
        self.assertEqual(self.e.encode([b"xy", b"zw"], [3, 2])[0], zfec.Encoder(2, 4).encode(
            [b"xy", b"zw"])[3])

    def test_kinds_of_input(self):
        want = self.e.encode([b"abcdefgh", b"ijklmnop"])[2:]
        halves = (b"abcdefgh", b"ijklmnop")
        for make in (bytearray, memoryview, lambda b: array.array("H", b),
                     lambda b: array.array("d", b), lambda b: memoryview(b).cast("H"),
                     lambda b: memoryview(b"x" + b)[1:]):
            self.assertEqual(self.e.encode([make(h) for h in halves])[2:], want)
            self.assertEqual(self.e.encode(make(h) for h in halves)[2:], want)

    def test_wrong_kinds(self):
        good = [b"ab", b"cd"]
        for bad in (5, None, 1.5):
            with self.assertRaisesRegex(TypeError, r"^First argument was not a sequence\.$"):
                self.e.encode(bad)
            with self.assertRaisesRegex(
                TypeError, r"^Second argument \(optional\) was not a sequence\.$"
            ):
                self.e.encode(good, bad)
        with self.assertRaisesRegex(TypeError, "a bytes-like object is required, not 'str'"):
            self.e.encode(["ab", "cd"])
        with self.assertRaises(TypeError):
            self.e.encode([b"ab", None])
        with self.assertRaises(BufferError):
            self.e.encode([memoryview(b"abcd")[::2], b"ab"])
        for bad in ((), (good, [2], 3)):
            with self.assertRaises(TypeError):
                self.e.encode(*bad)
        with self.assertRaises(TypeError):
            self.e.encode(inblocks=good)

    def refused(self, text, *arguments):
        with self.assertRaises(Error) as caught:
            self.e.encode(*arguments)
        self.assertEqual(str(caught.exception), PRE + text)

    def test_texts(self):
        good = [b"ab", b"cd"]
        for bad in (["2"], [2, None], [1.0], "23", [b"2"]):
            self.refused("second argument is required to contain int.", good, bad)
        text = (
            "Wrong length -- first argument (the sequence of input blocks) is required to contain "
            "exactly k blocks.  len(first): %d, k: 2"
        )
        for bad in ([], [b"ab"], [b"ab"] * 3, [b"ab"] * 1000):
            self.refused(text % len(bad), bad)
        text = (
            "Input blocks are required to be all the same length.  length of one block was: %d, "
            "length of another block was: %d"
        )
        self.refused(text % (2, 1), [b"ab", b"c"])
        self.refused(text % (1, 3), [b"a", b"bcd"])

    def test_numbers_out_of_range(self):
        good = [b"ab", b"cd"]
        for bad in (-1, -(2**31), -(2**63), -(2**80), 4, 5, 200, 255, 256, 10**8, 2**31, 2**63,
                    2**64 + 2, 10**5000):
            with self.assertRaisesRegex(Error, "^Precondition violation: block nums "):
                self.e.encode(good, [2, bad])
        self.refused(
            "block nums are required to be less than m.  block num: 4, m: 4", good, [4] * 300
        )

    def test_errors_from_the_arguments(self):
        class Boom(Exception):
            pass

        def items():
            yield b"ab"
            raise Boom

        with self.assertRaises(Boom):
            self.e.encode(items())
        with self.assertRaises(Boom):
            self.e.encode([b"ab", b"cd"], items())


class Decode(unittest.TestCase):
    def setUp(self):
        self.d = zfec.Decoder(3, 6)
        self.blocks = [b"abcd", b"efgh", b"ijkl"]
        self.all = zfec.Encoder(3, 6).encode(self.blocks)

    def test_same_objects_in_order(self):
        out = self.d.decode(self.all[:3], [0, 1, 2])
        self.assertTrue(all(x is y for x, y in zip(out, self.blocks)))
        out = self.d.decode([self.all[2], self.all[5], self.all[0]], (2, 5, 0))
        self.assertIs(out[0], self.blocks[0])
        self.assertIs(out[2], self.blocks[2])
        self.assertEqual(out[1], self.blocks[1])
        self.assertIs(type(out[1]), bytes)

    def test_the_callers_lists_stay(self):
        blocks = [self.all[5], self.all[1], self.all[0]]
        numbers = [5, 1, 0]
        before = list(blocks), list(numbers)
        self.assertEqual(self.d.decode(blocks, numbers), self.blocks)
        self.assertEqual((blocks, numbers), before)
        self.assertTrue(all(x is y for x, y in zip(blocks, before[0])))

    def test_kinds_of_input(self):
        blocks = [bytearray(self.all[4]), memoryview(self.all[3]), array.array("I", self.all[1])]
        out = self.d.decode(iter(blocks), iter([4, 3, 1]))
        self.assertEqual([out[0], out[2]], [self.blocks[0], self.blocks[2]])
        self.assertIs(out[1], blocks[2])

    def test_wrong_kinds(self):
        for bad in (98, None):
            with self.assertRaisesRegex(TypeError, r"^First argument was not a sequence\.$"):
                self.d.decode(bad, [0, 1, 2])
            with self.assertRaisesRegex(TypeError, r"^Second argument was not a sequence\.$"):
                self.d.decode(self.blocks, bad)
        with self.assertRaisesRegex(TypeError, "a bytes-like object is required, not 'str'"):
            self.d.decode(["a", "b", "c"], [0, 1, 2])
        with self.assertRaises(BufferError):
            self.d.decode([b"ab", b"cd", memoryview(b"abcd")[::2]], [0, 1, 2])
        for bad in ((), (self.blocks,), (self.blocks, [0, 1, 2], 0)):
            with self.assertRaises(TypeError):
                self.d.decode(*bad)

    def refused(self, text, *arguments):
        with self.assertRaises(Error) as caught:
            self.d.decode(*arguments)
        self.assertEqual(str(caught.exception), PRE + text)

    def test_texts(self):
        text = "Wrong length -- first argument is required to contain exactly k blocks.  len(first): %d, k: 3"
        self.refused(text % 2, [b"a", b"b"], [0, 1, 2])
        self.refused(text % 0, [], [])
        text = "Wrong length -- blocknums is required to contain exactly k blocks.  len(blocknums): %d, k: 3"
        self.refused(text % 2, self.blocks, [0, 1])
        self.refused(text % 300, self.blocks, [0] * 300)
        self.refused("second argument is required to contain int.", self.blocks, [0, 1, "2"])
        # the number is looked at before the block it belongs to
        self.refused("second argument is required to contain int.", ["a", "b", "c"], ["d", "e", "f"])
        text = "block nums can't be less than zero or greater than 255.  %d\n"
        self.refused(text % -1, self.blocks, [0, 1, -1])
        self.refused(text % 256, self.blocks, [0, 256, 1])
        self.refused(
            "Input blocks are required to be all the same length.  length of one block was: 2, "
            "length of another block was: 1\n",
            [b"ab", b"c", b"de"], [0, 1, 2],
        )

    def test_numbers_out_of_range(self):
        for bad in (-1, -(2**63), -(2**80), 6, 7, 255, 256, 10**8, 2**63, 2**80, 10**5000):
            for place in range(3):
                numbers = [0, 1, 2]
                numbers[place] = bad
                with self.assertRaisesRegex(Error, "^Precondition violation: block nums "):
                    self.d.decode(self.blocks, numbers)

    def test_duplicates(self):
        for bad, twice in (([0, 0, 2], 0), ([2, 5, 2], 2), ([5, 5, 5], 5), ([4, 0, 4], 4)):
            with self.assertRaisesRegex(Error, "given twice: %d$" % twice):
                self.d.decode(self.blocks, bad)

    def test_the_cache_is_no_memory(self):
        sets = list(itertools.permutations(range(6), 3))
        random.Random(1).shuffle(sets)
        for numbers in sets:
            for _ in range(2):
                out = self.d.decode([self.all[i] for i in numbers], numbers)
                self.assertEqual(out, self.blocks)

    def test_wrong_blocks(self):
        numbers = list(range(6))
        self.assertEqual(self.d._wrong_blocks(self.all, numbers), ())
        self.assertEqual(self.d._wrong_blocks(self.all[3:], numbers[3:]), ())
        for bad in range(6):
            blocks = list(self.all)
            blocks[bad] = bytes(b ^ 1 for b in blocks[bad])
            self.assertEqual(self.d._wrong_blocks(blocks, numbers), (bad,))
            reverse = self.d._wrong_blocks(blocks[::-1], numbers[::-1])
            self.assertEqual(reverse, (5 - bad,))
            four = [(bad + i) % 6 for i in range(4)]  # one more than k: noticed, not located
            with self.assertRaises(Error):
                self.d._wrong_blocks([blocks[i] for i in four], four)
            three = four[:3]  # nothing to compare with
            self.assertEqual(self.d._wrong_blocks([blocks[i] for i in three], three), ())
        for bad in ((self.all, numbers[:5]), (self.all[:2], [0, 1]), (self.all, [0] * 6),
                    (self.all + [b"abcd"], numbers + [6])):
            with self.assertRaises(Error):
                self.d._wrong_blocks(*bad)


if __name__ == "__main__":
    unittest.main()
