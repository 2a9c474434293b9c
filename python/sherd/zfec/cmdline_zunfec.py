# SPDX-License-Identifier: MIT
"""The command zunfec: restore a file from share files that zfec made.

Exit codes: 0 done; 1 no share file given, or one where more are needed; share files that are damaged
or disagree; input or output errors; 2 arguments that cannot be read, an output that exists or cannot
be made; 3 fewer share files than needed, none of them faulty.
"""

import argparse
import os
import shutil
import stat
import sys
import tempfile

from sherd.zfec import filefec
from sherd.zfec._cmdline import asks_version, binary, reason, say, say_version
from sherd.zfec._newfiles import NewFiles


def _parser():
    parser = argparse.ArgumentParser(
        prog="zunfec",
        description="Restore a file from share files. Give more of them than are needed, and they "
        "check each other.",
    )
    parser.add_argument(
        "-o",
        "--outputfile",
        metavar="OUTF",
        required=True,
        help='file to restore to, or "-" for standard output',
    )
    parser.add_argument("sharefiles", metavar="SHAREFILE", nargs="*", help="share files of one file")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is done")
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing OUTF")
    parser.add_argument("-V", "--version", action="store_true", help="show the version and exit")
    return parser


class _Run:
    """One restoration: what was said, and how it ends."""

    def __init__(self, args):
        self.args = args
        self.to_stdout = args.outputfile == "-"
        self.talk = sys.stderr if self.to_stdout else sys.stdout
        self.left_out = 0

    def on_wrong(self, f, why):
        self.left_out += 1
        say("warning: left out share file %s: it %s" % (f.name, why))

    def open_shares(self):
        shares = []
        for path in self.args.sharefiles:
            try:
                shares.append(open(path, "rb"))
            except OSError as e:
                self.left_out += 1
                say("warning: left out share file %s: %s" % (path, reason(e)))
        return shares

    def decode(self, outf, shares):
        progress = lambda written: None
        if self.args.verbose:
            progress = filefec._megabyte_progress(self.talk)
        written, k, verified = filefec._decode(outf, shares, progress, self.on_wrong)
        if not self.args.verbose:
            return
        if verified:
            print("\nverified by spare share files", file=self.talk)
        else:
            print("\nunverified: there was no spare share file to check with", file=self.talk)

    def done(self):
        if self.args.verbose:
            print("Done!", file=self.talk, flush=True)
        return 0


class _Appender:
    """A file to write to, in front of a NewFiles of one."""

    def __init__(self, files):
        self.files = files

    def write(self, data):
        self.files.append(0, data)


def _is_special(path):
    """Whether something that is not a file, a device or a pipe, has that name."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _restore_to_file(run, shares):
    args = run.args
    try:
        files = NewFiles([args.outputfile], args.force)
    except FileExistsError:
        return _refuse_existing(args.outputfile)
    except OSError as e:
        say("zunfec: error: can't make %r: %s" % (args.outputfile, reason(e)))
        return 2
    with files:
        run.decode(_Appender(files), shares)
        try:
            files.commit()
        except FileExistsError:
            return _refuse_existing(args.outputfile)
    return run.done()


def _restore_to_stream(run, shares, out):
    """Nothing is written before all shares were read and compared."""
    with tempfile.TemporaryFile() as spool:
        run.decode(spool, shares)
        spool.seek(0)
        try:
            shutil.copyfileobj(spool, out, 1 << 20)
            out.flush()
        except BrokenPipeError:  # `zunfec -o - ... | head` has what it wants
            if run.to_stdout:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
    return run.done()


def _refuse_existing(path):
    say("There is already a file named %r -- aborting.  Use --force to overwrite." % (path,))
    return 2


def _restore_to_stdout(run, shares):
    out = binary(sys.stdout)
    if out is None or out.closed:
        say("zunfec: error: standard output is closed")
        return 2
    if out.isatty() and not run.args.force:
        say("zunfec: error: standard output is a terminal; use a pipe, -o FILE, or --force")
        return 2
    return _restore_to_stream(run, shares, out)


def _is_a_share(path, shares):
    try:
        output = os.stat(path)
    except OSError:
        return False
    return any(os.path.samestat(output, os.fstat(f.fileno())) for f in shares)


def _restore(run, shares):
    path = run.args.outputfile
    if run.to_stdout:
        return _restore_to_stdout(run, shares)
    if os.path.lexists(path) and not run.args.force:
        return _refuse_existing(path)
    if _is_a_share(path, shares):
        say("zunfec: error: %r is one of the share files" % (path,))
        return 2
    if _is_special(path):
        try:
            out = open(path, "wb")
        except OSError as e:
            say("zunfec: error: can't open %r: %s" % (path, reason(e)))
            return 2
        with out:
            return _restore_to_stream(run, shares, out)
    return _restore_to_file(run, shares)


def main():
    """Run the command with sys.argv; return its exit code, or leave by sys.exit() for bad syntax."""
    if asks_version(sys.argv[1:]):
        return say_version("zunfec")
    args = _parser().parse_args()
    if not args.sharefiles:
        say("At least two sharefiles are required (or one, if it was made with -k 1).")
        return 1
    run = _Run(args)
    shares = run.open_shares()
    try:
        return _restore(run, shares)
    except filefec.InsufficientShareFilesError as e:
        say(str(e))
        if len(args.sharefiles) == 1:
            say("At least two sharefiles are required.")
        return 1 if run.left_out or len(args.sharefiles) == 1 else 3
    except filefec.CorruptedShareFilesError as e:
        say(str(e))
        return 1
    except OSError as e:
        say("Cannot complete because of exception: \n%s" % (e,))
        return 1
    finally:
        for f in shares:
            f.close()


if __name__ == "__main__":
    sys.exit(main())
