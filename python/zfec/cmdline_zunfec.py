# SPDX-License-Identifier: MIT
"""The module sherd.zfec.cmdline_zunfec under another name."""

import sys

from sherd.zfec import cmdline_zunfec

if __name__ == "__main__":
    sys.exit(cmdline_zunfec.main())
sys.modules[__name__] = cmdline_zunfec
