# SPDX-License-Identifier: MIT
"""Erasure code: k blocks become m blocks, and any k of those m bring the k back.

The whole interface of the zfec package, byte-compatible with it:

    Encoder(k, m).encode(blocks[, numbers])   k blocks in, m (or the numbered ones) out
    Decoder(k, m).decode(blocks, numbers)     any k of the m in, the first k out
    Error                                     what both raise for numbers out of range
    easyfec                                   the same for one bytes object of any length
    filefec                                   the same for files: one in, m share files out
    cmdline_zfec, cmdline_zunfec              the command line tools

    >>> from sherd import zfec
    >>> a, b, check = zfec.Encoder(2, 3).encode([b"keep", b"this"])
    >>> zfec.Decoder(2, 3).decode([check, b], [2, 1])
    [b'keep', b'this']

Sizes are bytes. Blocks are any bytes-like objects of one length; primary blocks are handed through
as the objects they are, never copied. An Encoder or Decoder may be used by any number of threads at
once; the interpreter's lock is released while they compute.
"""

import importlib

from sherd._version import __version__
from sherd.zfec import _fec
from sherd.zfec._fec import Decoder, Encoder, Error
from sherd.zfec import easyfec, filefec

__all__ = [
    "Decoder",
    "Encoder",
    "Error",
    "__version__",
    "_fec",
    "cmdline_zfec",
    "cmdline_zunfec",
    "easyfec",
    "filefec",
]


def __getattr__(name):
    # Imported when first used, so that `python3 -m sherd.zfec.cmdline_zfec` runs one copy of it.
    if name in ("cmdline_zfec", "cmdline_zunfec"):
        return importlib.import_module("sherd.zfec." + name)
    raise AttributeError("module %r has no attribute %r" % (__name__, name))
