# SPDX-License-Identifier: MIT
"""The module sherd.zfec.easyfec under another name."""

import sys

from sherd.zfec import easyfec

sys.modules[__name__] = easyfec
