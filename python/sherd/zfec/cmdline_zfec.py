# SPDX-License-Identifier: MIT
"""The command zfec: cut a file into m share files, any k of which bring it back.

Exit codes: 0 done; 1 parameters that make no sense, input or output errors, share files that exist;
2 arguments that cannot be read, an input that cannot be opened.
"""

import argparse
import os
import stat
import sys

from sherd.zfec import filefec
from sherd.zfec._cmdline import asks_version, binary, reason, say, say_version

DEFAULT_K = 3
DEFAULT_M = 8


def _parser():
    parser = argparse.ArgumentParser(
        prog="zfec",
        description="Cut a file into M share files, any K of which bring it back.",
    )
    parser.add_argument("inputfile", metavar="INF", help='file to cut, or "-" for standard input')
    parser.add_argument(
        "-d",
        "--output-dir",
        metavar="D",
        help="folder for the share files (default: the current one, or that of an INF given by "
        "its absolute path)",
    )
    parser.add_argument(
        "-p",
        "--prefix",
        metavar="P",
        help="how the names of the share files begin (default: INF as given; with standard input, "
        "nothing)",
    )
    parser.add_argument(
        "-s",
        "--suffix",
        metavar="S",
        default=".fec",
        help="how the names of the share files end (default: .fec)",
    )
    parser.add_argument(
        "-m",
        "--totalshares",
        metavar="M",
        type=int,
        default=DEFAULT_M,
        help="how many share files to make, 1 to 256 (default: %d)" % DEFAULT_M,
    )
    parser.add_argument(
        "-k",
        "--requiredshares",
        metavar="K",
        type=int,
        default=DEFAULT_K,
        help="how many of them shall suffice, 1 to M (default: %d)" % DEFAULT_K,
    )
    parser.add_argument("-f", "--force", action="store_true", help="replace existing share files")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is done")
    parser.add_argument("-q", "--quiet", action="store_true", help="no advice; errors only")
    parser.add_argument("-V", "--version", action="store_true", help="show the version and exit")
    return parser


def _open_input(name):
    """The input, open for reading bytes; raises OSError."""
    if name != "-":
        return open(name, "rb")
    f = binary(sys.stdin)
    if f is None or f.closed:
        raise OSError("standard input is closed")
    return f


def _default_prefix(f, name):
    """The input's name. A program may have put a named file in the place of standard input."""
    if name != "-":
        return name
    name = getattr(f, "name", "")
    return name if isinstance(name, str) and name != "<stdin>" else ""


def _target(directory, prefix):
    """Folder and prefix of the share files. A relative prefix is kept whole, its folders too; an
    absolute one names its folder itself, unless -d was given: then only its last part counts."""
    if not os.path.isabs(prefix):
        return directory or ".", prefix
    return directory or os.path.dirname(prefix), os.path.basename(prefix)


def _parameters_fit(args):
    if args.verbose and args.quiet:
        say("Please choose only one of --verbose and --quiet.")
        return False
    if not 1 <= args.totalshares <= 256:
        say(
            "Invalid parameters, totalshares is required to be <= 256 and >= 1\n"
            "Please see the accompanying documentation."
        )
        return False
    if not 1 <= args.requiredshares <= args.totalshares:
        say(
            "Invalid parameters, requiredshares is required to be <= totalshares and >= 1\n"
            "Please see the accompanying documentation."
        )
        return False
    return True


def _warn_silly(k, m):
    if k == 1:
        say(
            "warning: silly parameters: with -k 1 every share file is a copy of the whole file; "
            "cp does the same"
        )
    if k == m:
        say(
            "warning: silly parameters: with -k %d -m %d no share file may be lost; split does "
            "the same" % (k, m)
        )


def _regular_size(f):
    """Bytes from here to the end of a regular file; None for others, and for empty ones, as a file
    of /proc claims to be."""
    try:
        st = os.fstat(f.fileno())
        return (st.st_size - f.tell() or None) if stat.S_ISREG(st.st_mode) else None
    except (AttributeError, OSError, ValueError):
        return None


def _encode(f, args):
    directory, prefix = _target(
        args.output_dir, args.prefix if args.prefix is not None else _default_prefix(f, args.inputfile)
    )
    k, m = args.requiredshares, args.totalshares
    paths = filefec._share_paths(directory, prefix, m, args.suffix)
    size = _regular_size(f)
    progress = lambda done: None
    if args.verbose:
        for path in paths:
            print("Creating share file %r..." % (path,))
        if size:
            progress = filefec._percent_progress(size, sys.stdout)
    try:
        filefec._encode_to_paths(f, size, paths, k, m, args.force, progress)
    except OSError as e:
        say("Cannot complete because of exception: \n%s\nCleaning up..." % (e,))
        if isinstance(e, FileExistsError):
            say("Use --force to replace existing share files.")
        return 1
    if args.verbose:
        print("\nDone!")
    return 0


def main():
    """Run the command with sys.argv; return its exit code, or leave by sys.exit() for bad syntax."""
    if asks_version(sys.argv[1:]):
        return say_version("zfec")
    args = _parser().parse_args()
    try:
        f = _open_input(args.inputfile)
    except OSError as e:
        say("zfec: error: can't open %r: %s" % (args.inputfile, reason(e)))
        return 2
    try:
        if not _parameters_fit(args):
            return 1
        if not args.quiet:
            _warn_silly(args.requiredshares, args.totalshares)
        return _encode(f, args)
    finally:
        if args.inputfile != "-":
            f.close()


if __name__ == "__main__":
    sys.exit(main())
