# SPDX-License-Identifier: MIT
"""The module sherd.zfec._fec under another name."""

import sys

from sherd.zfec import _fec

sys.modules[__name__] = _fec
