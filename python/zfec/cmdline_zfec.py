# SPDX-License-Identifier: MIT
"""The module sherd.zfec.cmdline_zfec under another name."""

import sys

from sherd.zfec import cmdline_zfec

if __name__ == "__main__":
    sys.exit(cmdline_zfec.main())
sys.modules[__name__] = cmdline_zfec
