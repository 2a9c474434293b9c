# SPDX-License-Identifier: MIT
"""sherd.zfec under the name zfec: same objects, same modules."""

import importlib

from sherd.zfec import Decoder, Encoder, Error, __doc__, __version__, _fec, easyfec, filefec

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
    if name in ("cmdline_zfec", "cmdline_zunfec"):
        return importlib.import_module("zfec." + name)
    raise AttributeError("module %r has no attribute %r" % (__name__, name))
