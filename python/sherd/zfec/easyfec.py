# SPDX-License-Identifier: MIT
"""Encode and decode one bytes object of any length.

The data is cut into k chunks of ceil(length / k) bytes, the last ones filled up with zero bytes, so
that block i < k is a contiguous piece of the data. The number of zero bytes, padlen, is not in the
blocks: who decodes must know it (k * len(block) - len(data)).
"""

from base64 import b32encode

from sherd.zfec import _fec


def div_ceil(n, d):
    """The smallest integer that is not less than n / d, for integers n and d > 0."""
    return -(-n // d)


def ab(x):
    """A short text that tells byte strings apart when debugging: length and last bytes in base 32."""
    return "%d:%s" % (len(x), b32encode(x[-3:]) if len(x) else "--empty--")


class Encoder:
    """Encoder(k, m): 1 <= k <= m <= 256, errors as for zfec.Encoder. Any thread, concurrently."""

    def __init__(self, k, m):
        self.fec = _fec.Encoder(k, m)

    def encode(self, data):
        """Return a list of m blocks of ceil(len(data) / k) bytes made from data.

        data: bytes, bytearray or another flat bytes-like object, of any length; it is not changed.
        Blocks that lie wholly in data are slices of it, of its type. Empty data gives empty blocks.
        The padding may span several blocks: 2 bytes at k = 5 are blocks of 1 byte, 3 of them zero.
        """
        k = self.fec.k
        size = div_ceil(len(data), k)
        chunks = [data[i * size : (i + 1) * size] for i in range(k)]
        for i in range(len(data) // size if size else k, k):
            lacking = size - len(chunks[i])
            if isinstance(chunks[i], memoryview):
                chunks[i] = bytes(chunks[i])
            chunks[i] += b"\x00" * lacking
        return self.fec.encode(chunks)


class Decoder:
    """Decoder(k, m): 1 <= k <= m <= 256, errors as for zfec.Decoder. Any thread, concurrently."""

    def __init__(self, k, m):
        self.fec = _fec.Decoder(k, m)

    def decode(self, blocks, sharenums, padlen):
        """Return the data as bytes.

        blocks, sharenums: any k blocks and their numbers, as for zfec.Decoder.decode().
        padlen: how many zero bytes encode() added, 0 <= padlen <= k * len(block).
        Raises what zfec.Decoder.decode() raises, and zfec.Error for a padlen out of range.
        """
        data = b"".join(self.fec.decode(blocks, sharenums))
        if not 0 <= padlen <= len(data):
            raise _fec.Error(
                "Precondition violation: padlen is required to be between 0 and the length of "
                "all blocks, %d, but it was %d" % (len(data), padlen)
            )
        return data[: len(data) - padlen]
