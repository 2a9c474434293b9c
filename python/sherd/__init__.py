# SPDX-License-Identifier: MIT
"""sherd: keep your files as m shares in m places; any k of them bring them back.

sherd.zfec is the erasure code: the Python interface of zfec, served by libsherd.
"""

from sherd._version import __version__

__all__ = ["__version__", "zfec"]
