# SPDX-License-Identifier: MIT
"""What crashed, hung, leaked or read beyond its memory in earlier codecs, and threads."""

import gc
import random
import subprocess
import sys
import threading
import time
import unittest

from support import PACKAGE, SANITIZED, Error, pattern, resident_bytes, zfec


def grows(work, rounds=2000):
    """Bytes by which the process grows in the later half of many rounds of work."""
    for _ in range(rounds):
        work()
    gc.collect()
    before = resident_bytes()
    for _ in range(rounds):
        work()
    gc.collect()
    return resident_bytes() - before


class Misuse(unittest.TestCase):
    def test_without_init(self):
        for coder, call in (
            (zfec.Encoder, lambda c: c.encode([b"a"])),
            (zfec.Decoder, lambda c: c.decode([b"a"], [0])),
            (zfec.Decoder, lambda c: c._wrong_blocks([b"a"], [0])),
        ):
            c = coder.__new__(coder)
            self.assertEqual((c.k, c.m), (0, 0))
            for _ in range(3):
                with self.assertRaisesRegex(Error, "__init__"):
                    call(c)
            c.__init__(1, 1)
            call(c)

            class Forgets(coder):
                def __init__(self):
                    pass

            with self.assertRaises(Error):
                call(Forgets())

    def test_init_twice(self):
        e, d = zfec.Encoder(2, 4), zfec.Decoder(2, 4)
        blocks = [b"aaaa", b"bbbb", b"cccc"]
        e.encode(blocks[:2], [3])
        d.decode(blocks[:2], [2, 3])
        e.__init__(3, 5)
        d.__init__(3, 5)
        self.assertEqual((e.k, e.m, d.k, d.m), (3, 5, 3, 5))
        everything = zfec.Encoder(3, 5).encode(blocks)
        self.assertEqual(e.encode(blocks), everything)
        self.assertEqual(e.encode(blocks, [3]), everything[3:4])
        self.assertEqual(d.decode(everything[2:], [2, 3, 4]), blocks)
        with self.assertRaises(Error):
            e.__init__(5, 3)
        self.assertEqual(e.encode(blocks), everything)

    def test_init_within_a_call(self):
        e = zfec.Encoder(2, 4)

        def items():
            yield b"ab"
            e.__init__(5, 7)
            yield b"cd"

        self.assertEqual(e.encode(items()), zfec.Encoder(2, 4).encode([b"ab", b"cd"]))
        e.__init__(2, 4)
        self.assertEqual(e.encode(items(), [3, 2]), zfec.Encoder(2, 4).encode([b"ab", b"cd"], [3, 2]))

    def test_call_within_a_call(self):
        """What the inner call leaves in the cache is for another k."""
        e = zfec.Encoder(2, 4)

        def items():
            yield b"ab"
            e.__init__(3, 4)
            e.encode([b"xy"] * 3, [3])
            yield b"cd"

        self.assertEqual(e.encode(items(), [3]), zfec.Encoder(2, 4).encode([b"ab", b"cd"], [3]))

    def test_lists_that_change_while_read(self):
        blocks = [b"ab", b"cd"]

        class Sly(int):
            def __index__(self):
                blocks.clear()
                return 3

            __int__ = __index__

        self.assertEqual(len(zfec.Encoder(2, 4).encode(blocks, [Sly(2), Sly(3)])), 2)

    def test_many_outputs(self):
        e = zfec.Encoder(1, 256)
        self.assertEqual(e.encode([b"a"], [5] * 256), [b"a"] * 256)
        self.assertEqual(e.encode([b"a"], [5] * 5000), [b"a"] * 5000)
        e = zfec.Encoder(2, 5)
        self.assertEqual(len(set(e.encode([b"ab", b"cd"], [4] * 300))), 1)
        with self.assertRaises(Error):
            zfec.Encoder(2, 4).encode([b"ab", b"cd"], [4] * 300)

    def test_all_of_256(self):
        blocks = [pattern(100, i) for i in range(256)]
        numbers = list(range(256))
        random.shuffle(numbers)
        out = zfec.Decoder(256, 256).decode([blocks[i] for i in numbers], numbers)
        self.assertEqual(out, blocks)
        everything = zfec.Encoder(250, 256).encode(blocks[:250])
        out = zfec.Decoder(250, 256).decode(everything[6:], range(6, 256))
        self.assertEqual(out, blocks[:250])

    def test_first_block_empty(self):
        big = bytes(1 << 16)
        for blocks in ([b"", big], [big, b""], [b"", b"a"]):
            with self.assertRaisesRegex(Error, "same length"):
                zfec.Encoder(2, 4).encode(blocks)
            with self.assertRaisesRegex(Error, "same length"):
                zfec.Decoder(2, 4).decode(blocks, [2, 3])

    def test_decode_ends(self):
        """The same primary twice was an endless loop."""
        code = (
            "import importlib, sys; z = importlib.import_module(sys.argv[1])\n"
            "try: z.Decoder(3, 6).decode([b'a', b'b', b'c'], [0, 0, 2])\n"
            "except z.Error: sys.exit(7)\n"
        )
        done = subprocess.run([sys.executable, "-c", code, PACKAGE], timeout=120)
        self.assertEqual(done.returncode, 7)

    def test_overlapping_inputs(self):
        data = bytearray(pattern(100))
        view = memoryview(data)
        blocks = [view[0:50], view[10:60], view[0:50]]
        out = zfec.Encoder(3, 6).encode(blocks)
        self.assertEqual(out[3:], zfec.Encoder(3, 6).encode([bytes(b) for b in blocks])[3:])
        b = bytes(50)
        self.assertEqual(zfec.Encoder(2, 3).encode([b, b])[2], b)


class References(unittest.TestCase):
    def counts(self, *objects):
        return [sys.getrefcount(o) for o in objects]

    def test_counts_come_back(self):
        e, d = zfec.Encoder(2, 4), zfec.Decoder(2, 4)
        blocks = [bytearray(b"abcd"), bytearray(b"efgh")]
        tuple_of = tuple(blocks)
        numbers = [1000003, 2000003]
        before = self.counts(e, d, blocks, tuple_of, numbers, *blocks, *numbers, Error, zfec.Encoder)
        for _ in range(1000):
            e.encode(blocks)
            e.encode(tuple_of, [3, 0, 3])
            d.decode(blocks, [2, 3])
            d.decode(tuple_of, [1, 0])
            d._wrong_blocks(blocks, [3, 2])
            for call in (
                lambda: e.encode(blocks, numbers),
                lambda: e.encode(blocks, [2, -1]),
                lambda: e.encode(blocks + blocks),
                lambda: e.encode([blocks[0], bytearray(b"x")], [2]),
                lambda: e.encode([blocks[0], 5], [2]),
                lambda: e.encode(5, [2]),
                lambda: d.decode(blocks, numbers),
                lambda: d.decode(blocks, [1, 1]),
                lambda: d.decode([blocks[0], "x"], [0, 1]),
                lambda: d.decode(blocks, [0, "x"]),
                lambda: d.decode(blocks, 5),
                lambda: zfec.Encoder(0, 0),
            ):
                with self.assertRaises((Error, TypeError)):
                    call()
        after = self.counts(e, d, blocks, tuple_of, numbers, *blocks, *numbers, Error, zfec.Encoder)
        self.assertEqual(before, after)
        for b in blocks:
            b.append(0)  # BufferError if a buffer were still locked

    def test_types_are_not_held(self):
        class Mine(zfec.Encoder):
            pass

        before = sys.getrefcount(Mine), sys.getrefcount(zfec.Encoder)
        for _ in range(500):
            Mine(2, 3)
            Mine.__new__(Mine)
            zfec.Encoder(2, 3)
        gc.collect()
        self.assertEqual(before, (sys.getrefcount(Mine), sys.getrefcount(zfec.Encoder)))

    @unittest.skipIf(SANITIZED, "the sanitizer keeps freed memory")
    def test_memory_comes_back(self):
        blocks = [bytes(3000) for _ in range(10)]
        e, d = zfec.Encoder(10, 20), zfec.Decoder(10, 20)
        rng = random.Random(5)

        def again():
            e.__init__(10, 20)

        def fail():
            for call in (lambda: e.encode(blocks, [99]), lambda: d.decode(blocks, [0] * 10)):
                try:
                    call()
                except Error:
                    pass

        def fresh():
            zfec.Encoder(20, 40)
            zfec.Decoder(20, 40).decode(blocks * 2, range(20, 40))

        # one leaked code each round would be 3 MB
        self.assertLess(grows(lambda: zfec.Encoder(1, 1).encode([b""]), 60000), 1 << 20)
        self.assertLess(grows(lambda: zfec.Decoder(1, 1).decode([b""], [0]), 60000), 1 << 20)
        for work in (
            again,
            fail,
            fresh,
            lambda: e.encode(blocks),
            lambda: e.encode(blocks, rng.sample(range(20), 7)),
            lambda: d.decode(blocks, rng.sample(range(20), 10)),
            lambda: d._wrong_blocks(blocks, range(10)),
            lambda: zfec.Encoder.__new__(zfec.Encoder),
        ):
            # one leaked block each round would be 6 MB, one leaked plan or code more
            self.assertLess(grows(work), 1 << 20, work)

    def test_module_again(self):
        """A second copy of the module, as a sub-interpreter has, is independent and goes away."""
        import importlib.util

        spec = zfec._fec.__spec__
        for _ in range(20):
            copy = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(copy)
            self.assertIsNot(copy.Error, Error)
            e = copy.Encoder(2, 3)
            with self.assertRaises(copy.Error):
                e.encode([b"a"])
            del copy
            gc.collect()
            with self.assertRaisesRegex(Exception, "Wrong length"):
                e.encode([b"a"])


class Threads(unittest.TestCase):
    def in_threads(self, count, work):
        errors = []
        barrier = threading.Barrier(count)

        def body(index):
            try:
                barrier.wait()
                work(index)
            except BaseException as e:
                errors.append(e)

        threads = [threading.Thread(target=body, args=(i,)) for i in range(count)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        if errors:
            raise errors[0]

    def test_one_coder_for_all(self):
        k, m, size = 5, 12, 20000
        e, d = zfec.Encoder(k, m), zfec.Decoder(k, m)
        inputs = [[pattern(size, 10 * t + i) for i in range(k)] for t in range(8)]
        wanted = [zfec.Encoder(k, m).encode(blocks) for blocks in inputs]

        def work(t):
            rng = random.Random(t)
            for _ in range(60):
                numbers = rng.sample(range(m), rng.randrange(1, m))
                if e.encode(inputs[t], numbers) != [wanted[t][i] for i in numbers]:
                    raise AssertionError("encode differs in thread %d" % t)
                numbers = rng.sample(range(m), k)
                if d.decode([wanted[t][i] for i in numbers], numbers) != inputs[t]:
                    raise AssertionError("decode differs in thread %d" % t)

        self.in_threads(8, work)

    def test_init_in_one_use_in_others(self):
        e = zfec.Encoder(2, 4)
        blocks = [pattern(50000, 1), pattern(50000, 2)]
        wanted = e.encode(blocks)

        def work(t):
            for i in range(100):
                if t == 0:
                    e.__init__(2, 4)
                elif e.encode(blocks, [2 + (i + t) % 2]) != [wanted[2 + (i + t) % 2]]:
                    raise AssertionError("wrong")

        self.in_threads(6, work)

    def test_first_use_in_many_threads(self):
        code = (
            "import importlib, sys, threading\n"
            "z = importlib.import_module(sys.argv[1])\n"
            "out = []\n"
            "b = threading.Barrier(8)\n"
            "def work():\n"
            "    b.wait()\n"
            "    out.append(z.Encoder(3, 6).encode([b'ab', b'cd', b'ef'])[5])\n"
            "ts = [threading.Thread(target=work) for _ in range(8)]\n"
            "[t.start() for t in ts]; [t.join() for t in ts]\n"
            "sys.exit(len(out) != 8 or len(set(out)) != 1)\n"
        )
        for _ in range(5):
            done = subprocess.run([sys.executable, "-c", code, PACKAGE], timeout=120)
            self.assertEqual(done.returncode, 0)

    def test_the_lock_is_released(self):
        """While one thread computes, another one runs: the clock ticks often within one call."""
        data = [bytes(4 << 20)] * 32
        e = zfec.Encoder(32, 64)
        stop = threading.Event()
        ticks = []

        def tick():
            while not stop.is_set():
                ticks.append(time.monotonic())
                time.sleep(0.0005)

        t = threading.Thread(target=tick)
        t.start()
        try:
            best = 0
            give_up = time.monotonic() + 60
            while best < 3 and time.monotonic() < give_up:
                start = time.monotonic()
                e.encode(data)
                end = time.monotonic()
                # the first and last part of the call hold the lock: look at its middle
                third = (end - start) / 3
                best = max(best, sum(start + third < at < end - third for at in ticks))
        finally:
            stop.set()
            t.join()
        self.assertGreaterEqual(best, 3)

    def test_buffers_are_locked(self):
        """A bytearray cannot be resized under a running call."""
        e = zfec.Encoder(4, 60)
        blocks = [bytearray(2 << 20) for _ in range(4)]
        stop = threading.Event()
        refused = []

        def resize():
            while not stop.is_set():
                try:
                    blocks[0].append(1)
                    blocks[0].pop()
                except BufferError:
                    refused.append(1)
                time.sleep(0)

        t = threading.Thread(target=resize)
        t.start()
        try:
            give_up = time.monotonic() + 60
            while not refused and time.monotonic() < give_up:
                try:
                    e.encode(blocks)
                except Error:  # caught between append() and pop(): one block longer
                    pass
        finally:
            stop.set()
            t.join()
        self.assertTrue(refused)


if __name__ == "__main__":
    unittest.main()
