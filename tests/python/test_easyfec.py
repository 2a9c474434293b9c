# SPDX-License-Identifier: MIT
"""easyfec: one bytes object of any length."""

import random
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from support import Error, module, pattern, zfec

easyfec = module("easyfec")


class Easy(unittest.TestCase):
    def round_trip(self, k, m, data, numbers):
        blocks = easyfec.Encoder(k, m).encode(data)
        self.assertEqual(len(blocks), m)
        size = -(-len(data) // k)
        self.assertEqual({len(b) for b in blocks}, {size})
        self.assertEqual(b"".join(blocks[:k]), data + bytes(k * size - len(data)))
        out = easyfec.Decoder(k, m).decode(
            [blocks[i] for i in numbers], numbers, padlen=k * size - len(data)
        )
        self.assertEqual(out, data)
        self.assertIs(type(out), bytes)

    def test_short(self):
        for size in range(16):
            for _ in range(5):
                m = random.randint(1, 256)
                k = random.randint(1, m)
                self.round_trip(k, m, pattern(size, size), random.sample(range(m), k))

    def test_padding_over_several_blocks(self):
        blocks = easyfec.Encoder(5, 7).encode(b"ab")
        self.assertEqual(blocks[:5], [b"a", b"b", b"\0", b"\0", b"\0"])
        self.assertEqual(easyfec.Decoder(5, 7).decode(blocks[2:], [2, 3, 4, 5, 6], 3), b"ab")

    def test_empty(self):
        self.assertEqual(easyfec.Encoder(3, 5).encode(b""), [b""] * 5)
        self.assertEqual(easyfec.Decoder(3, 5).decode([b""] * 3, [4, 3, 1], 0), b"")

    @settings(deadline=None, max_examples=150)
    @given(st.data())
    def test_any(self, data):
        m = data.draw(st.integers(1, 256))
        k = data.draw(st.integers(1, m))
        numbers = data.draw(st.permutations(range(m)))[:k]
        self.round_trip(k, m, data.draw(st.binary(max_size=600)), numbers)

    def test_other_bytes(self):
        data = pattern(100)
        want = easyfec.Encoder(7, 9).encode(data)
        for kind in (bytearray, memoryview):
            given_data = kind(bytearray(data))
            got = easyfec.Encoder(7, 9).encode(given_data)
            self.assertEqual([bytes(b) for b in got], want)
            self.assertEqual(bytes(given_data), data)
        self.assertIs(type(easyfec.Encoder(7, 9).encode(bytearray(data))[0]), bytearray)

    def test_bad_arguments(self):
        d = easyfec.Decoder(2, 4)
        with self.assertRaisesRegex(TypeError, "First argument was not a sequence"):
            d.decode(98, [0, 1], 0)
        with self.assertRaisesRegex(TypeError, "Second argument was not a sequence"):
            d.decode("ab", 98, 0)
        with self.assertRaisesRegex(Error, "second argument is required to contain int"):
            d.decode("ab", ["c", "d"], 0)
        for bad in (-1, 5, 100):
            with self.assertRaisesRegex(Error, "padlen"):
                d.decode([b"ab", b"cd"], [0, 1], bad)
        self.assertEqual(d.decode([b"ab", b"cd"], [0, 1], 4), b"")
        with self.assertRaises(Error):
            easyfec.Encoder(3, 2)
        with self.assertRaises(TypeError):
            easyfec.Encoder(2, 4).encode("text")

    def test_small_functions(self):
        for n in range(50):
            for d in range(1, 12):
                q = easyfec.div_ceil(n, d)
                self.assertTrue(q * d >= n > (q - 1) * d)
        self.assertEqual(easyfec.div_ceil(10**30 + 1, 10), 10**29 + 1)
        self.assertEqual(easyfec.ab(b""), "0:--empty--")
        self.assertEqual(easyfec.ab(b"abcdef"), "6:b'MRSWM==='")
        self.assertIsInstance(easyfec.Encoder(2, 4).fec, zfec.Encoder)


if __name__ == "__main__":
    unittest.main()
