# SPDX-License-Identifier: MIT
"""The module sherd.zfec.filefec under another name."""

import sys

from sherd.zfec import filefec

sys.modules[__name__] = filefec
