# SPDX-License-Identifier: MIT
"""What the two command line tools have in common."""

import sys

from sherd._version import __version__


def asks_version(arguments):
    """-V wins wherever it stands, whatever else is wrong."""
    return "-V" in arguments or "--version" in arguments


def say_version(program):
    print("zfec library version: %s (sherd)" % (__version__,))
    print("%s command-line tool version: %s (sherd)" % (program, __version__))
    return 0


def say(text):
    """One message for a person. Standard output is kept for what was asked for."""
    print(text, file=sys.stderr)


def reason(error):
    """What the system says of an OSError, without the number."""
    return error.strerror or str(error)


def binary(stream):
    """The bytes beneath a standard stream; None if there is none."""
    return getattr(stream, "buffer", stream)
