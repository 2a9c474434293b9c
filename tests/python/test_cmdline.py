# SPDX-License-Identifier: MIT
"""The two commands: options, names, exit codes, texts, pipes, and what is left after a failure."""

import contextlib
import io
import os
import resource
import stat
import subprocess
import sys
import time
from unittest import mock

from support import PACKAGE, SANITIZED, Folder, module, pattern, run_python, unittest

cmdline_zfec = module("cmdline_zfec")
cmdline_zunfec = module("cmdline_zunfec")


class Commands(Folder):
    def setUp(self):
        super().setUp()
        self.data = pattern(50001)
        self.input = self.write("in", self.data)

    def run_main(self, main, *arguments):
        """(exit code, standard output, standard error) of main() in this process."""
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(sys, "argv", ["program", *arguments]):
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    code = main()
                except SystemExit as e:
                    code = e.code
        return code, out.getvalue(), err.getvalue()

    def zfec(self, *arguments):
        return self.run_main(cmdline_zfec.main, *arguments)

    def zunfec(self, *arguments):
        return self.run_main(cmdline_zunfec.main, *arguments)

    def shares(self, numbers=range(8), m=8):
        return [self.path("in.%d_%d.fec" % (i, m)) for i in numbers]

    def encoded(self, *arguments):
        code, out, err = self.zfec(*arguments, self.input)
        self.assertEqual((code, out, err), (0, "", ""))


class Zfec(Commands):
    def test_defaults(self):
        self.encoded()
        self.assertEqual(self.names(), ["in"] + ["in.%d_8.fec" % i for i in range(8)])
        self.assertEqual(stat.S_IMODE(os.stat(self.path("in.0_8.fec")).st_mode) & 0o111, 0)
        self.assertEqual(self.zunfec("-o", self.path("out"), *self.shares((7, 0, 4))), (0, "", ""))
        self.assertEqual(self.read("out"), self.data)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("out")).st_mode) & 0o111, 0)

    def test_options(self):
        os.mkdir(self.path("d"))
        long = ("--output-dir=" + self.path("d"), "--prefix=p", "--suffix=.s", "--totalshares=12",
                "--requiredshares=6", "--quiet")
        short = ("-d", self.path("d"), "-p", "p", "-s", ".s", "-m", "12", "-k", "6", "-q", "-f")
        names = ["p.%02d_12.s" % i for i in range(12)]
        for options in (long, short):
            self.encoded(*options)
            self.assertEqual(sorted(os.listdir(self.path("d"))), names)
        paths = [self.path("d", n) for n in names]
        self.assertEqual(self.zunfec(*paths[6:], "--outputfile", self.path("out"))[0], 0)
        self.assertEqual(self.read("out"), self.data)

    def test_where_share_files_go(self):
        os.mkdir(self.path("d"))
        os.mkdir(self.path("d", "in"))
        for arguments, name in (
            (("-d", "d", self.input), "d/in.0_8.fec"),  # not beside the input
            (("-d", "d", "in"), "d/in.0_8.fec"),
            (("-d", "d", "-p", "in/deep", "in"), "d/in/deep.0_8.fec"),
            ((self.input,), "in.0_8.fec"),
            (("./in",), "in.0_8.fec"),
        ):
            done = run_python("-m", PACKAGE + ".cmdline_zfec", "-f", *arguments, cwd=self.folder.name)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
            self.assertTrue(os.path.exists(self.path(name)), name)
            os.unlink(self.path(name))

    def test_exit_codes(self):
        self.assertEqual(self.zfec("-h")[0], 0)
        for bad in ((), ("--nonsense", self.input), ("-m", "x", self.input), (self.input, "second")):
            self.assertEqual(self.zfec(*bad)[0], 2, bad)
        self.assertEqual(self.zfec(self.path("absent"))[0], 2)
        self.assertEqual(self.zfec(self.folder.name)[0], 2)
        self.assertEqual(self.zfec("-m", "0", self.path("absent"))[0], 2)
        total = (
            "Invalid parameters, totalshares is required to be <= 256 and >= 1\n"
            "Please see the accompanying documentation.\n"
        )
        required = (
            "Invalid parameters, requiredshares is required to be <= totalshares and >= 1\n"
            "Please see the accompanying documentation.\n"
        )
        for options, text in (
            (("-m", "0"), total), (("-m", "257"), total), (("-m", "-1"), total),
            (("-k", "0"), required), (("-k", "9"), required), (("-k", "4", "-m", "3"), required),
            (("-v", "-q"), "Please choose only one of --verbose and --quiet.\n"),
        ):
            self.assertEqual(self.zfec(*options, self.input), (1, "", text))
        self.assertEqual(self.names(), ["in"])

    def test_version(self):
        for arguments in (("-V",), ("--version",), ("--nonsense", "-V"), (self.input, "-V")):
            for run in (self.zfec, self.zunfec):
                code, out, err = run(*arguments)
                self.assertEqual((code, len(out.splitlines()), err), (0, 2, ""))
        self.assertEqual(self.names(), ["in"])

    def test_silly_parameters(self):
        for k, m, count in (("1", "3", 1), ("3", "3", 1), ("1", "1", 2)):
            code, out, err = self.zfec("-k", k, "-m", m, "-f", self.input)
            self.assertEqual((code, out), (0, ""))
            self.assertEqual(err.count("warning: silly parameters: "), count)
            self.assertEqual(self.zfec("-k", k, "-m", m, "-f", "-q", self.input), (0, "", ""))

    def test_existing_shares(self):
        self.write("in.7_8.fec", b"precious")
        code, out, err = self.zfec(self.input)
        self.assertEqual((code, out), (1, ""))
        self.assertIn("Cannot complete because of exception: \n", err)
        self.assertIn("in.7_8.fec", err)
        self.assertIn("Cleaning up...", err)
        self.assertEqual(self.names(), ["in", "in.7_8.fec"])
        self.assertEqual(self.read("in.7_8.fec"), b"precious")
        self.encoded("-f")
        self.assertEqual(len(self.names()), 9)

    def test_verbose(self):
        code, out, err = self.zfec("-v", self.input)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("Creating share file %r...\n" % self.path("in.3_8.fec"), out)
        self.assertIn("100% ... ", out)
        self.assertTrue(out.endswith("\nDone!\n"))

    def test_input_that_changes(self):
        filefec = module("filefec")
        real = filefec._encode_batch

        def meddle(*arguments):
            with open(self.input, "ab") as f:
                f.write(b"more")
            return real(*arguments)

        os.utime(self.input, (1, 1))
        with mock.patch.object(filefec, "_encode_batch", meddle):
            code, out, err = self.zfec(self.input)
        self.assertEqual(code, 1)
        self.assertIn("Wrong file size", err)
        self.assertEqual(self.names(), ["in"])

    def test_named_stdin(self):
        """A program may put a file of its own in the place of standard input."""
        with open(self.input) as f, mock.patch.object(sys, "stdin", f):
            self.assertEqual(self.zfec("-"), (0, "", ""))
        self.assertEqual(len(self.names()), 9)


class Zunfec(Commands):
    def test_exit_codes(self):
        self.encoded()
        out = self.path("out")
        self.assertEqual(self.zunfec("-h")[0], 0)
        self.assertEqual(self.zunfec(*self.shares())[0], 2)
        self.assertEqual(self.zunfec("-o", out, "--nonsense")[0], 2)
        code, said, err = self.zunfec("-o", out)
        self.assertEqual(code, 1)
        self.assertIn("At least two sharefiles are required", err)
        code, said, err = self.zunfec("-o", out, *self.shares([0]))
        self.assertEqual(code, 1)
        self.assertIn("At least two sharefiles are required", err)
        code, said, err = self.zunfec("-o", out, *self.shares([0, 1]))
        self.assertEqual(code, 3)
        self.assertIn("Insufficient share files -- 3 share files are required", err)
        self.assertEqual(self.zunfec("-o", self.path("absent", "out"), *self.shares())[0], 2)
        self.assertEqual(self.zunfec("-o", self.folder.name, *self.shares())[0], 2)
        self.assertEqual(self.zunfec("-f", "-o", self.folder.name, *self.shares())[0], 2)
        self.assertFalse(os.path.exists(out))

    def test_existing_output(self):
        self.encoded()
        out = self.write("out", b"precious")
        code, said, err = self.zunfec("-o", out, *self.shares())
        text = "There is already a file named %r -- aborting.  Use --force to overwrite.\n" % (out,)
        self.assertEqual((code, said, err), (2, "", text))
        self.assertEqual(self.read("out"), b"precious")
        # a failure with -f keeps it too
        self.assertEqual(self.zunfec("-f", "-o", out, *self.shares([0, 1]))[0], 3)
        self.assertEqual(
            self.zunfec("-f", "-o", out, *self.shares([0, 1]), self.path("absent"))[0], 1)
        self.assertEqual(self.read("out"), b"precious")
        self.assertEqual(self.zunfec("-f", "-o", out, *self.shares()), (0, "", ""))
        self.assertEqual(self.read("out"), self.data)
        self.assertEqual(len(self.names()), 10)

    def test_output_is_a_share(self):
        self.encoded()
        before = self.read("in.0_8.fec")
        self.assertEqual(self.zunfec("-f", "-o", self.shares()[0], *self.shares())[0], 2)
        self.assertEqual(self.read("in.0_8.fec"), before)

    def test_symbolic_link(self):
        self.encoded()
        os.mkdir(self.path("d"))
        self.write("d/real", b"old")
        os.symlink("d/real", self.path("link"))
        self.assertEqual(self.zunfec("-o", self.path("link"), *self.shares())[0], 2)
        self.assertEqual(self.zunfec("-f", "-o", self.path("link"), *self.shares())[0], 0)
        self.assertTrue(os.path.islink(self.path("link")))
        self.assertEqual(self.read("d", "real"), self.data)

    def test_one_share_when_one_suffices(self):
        self.encoded("-k", "1", "-q")
        self.assertEqual(self.zunfec("-o", self.path("out"), *self.shares([5])), (0, "", ""))
        self.assertEqual(self.read("out"), self.data)

    def damage(self, number, at, bit=1):
        share = bytearray(self.read("in.%d_8.fec" % number))
        share[at] ^= bit
        self.write("in.%d_8.fec" % number, share)

    def test_faulty_shares(self):
        self.encoded()
        self.damage(2, 500)
        self.write("in.5_8.fec", b"garbage that is no share at all")
        out = self.path("out")
        code, said, err = self.zunfec("-o", out, *self.shares(), self.path("absent"))
        self.assertEqual((code, said), (0, ""))
        self.assertEqual(self.read("out"), self.data)
        for name in ("in.2_8.fec", "in.5_8.fec", "absent"):
            self.assertEqual(err.count(name), 1, err)
        code, said, err = self.zunfec("-f", "-o", out, *self.shares([0, 1, 2, 3]))
        self.assertEqual(code, 1)
        self.assertIn("disagree", err)
        code, said, err = self.zunfec("-f", "-o", out, *self.shares([0, 0, 1]))
        self.assertEqual(code, 1)
        self.assertIn("same share, number 0", err)
        self.assertEqual(self.read("out"), self.data)
        self.assertEqual(len(self.names()), 10)

    def test_verbose(self):
        self.encoded()
        for numbers, word in (((0, 1, 2), "unverified"), ((0, 1, 2, 3), "\nverified")):
            code, said, err = self.zunfec("-f", "-v", "-o", self.path("out"), *self.shares(numbers))
            self.assertEqual((code, err), (0, ""))
            self.assertIn("0.05 MB ... ", said)
            self.assertIn(word, said)
            self.assertTrue(said.endswith("\nDone!\n"))


class Pipes(Commands):
    on_disk = True

    def command(self, name, *arguments, **options):
        return run_python("-m", "%s.cmdline_%s" % (PACKAGE, name), *arguments, cwd=self.folder.name, **options)

    def test_standard_input(self):
        for size in (0, 1, 2, 3, 12288, 12289, 100000):
            data = pattern(size)
            done = self.command("zfec", "-f", "-", input=data)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
            names = [".%d_8.fec" % i for i in (7, 1, 5)]
            done = self.command("zunfec", "-o", "-", *names)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, data, b""))

    def test_standard_input_is_a_file(self):
        with open(self.input, "rb") as f:
            f.seek(1000)  # a shell may have read a part of it
            os.lseek(f.fileno(), 1000, os.SEEK_SET)
            done = self.command("zfec", "-p", "x", "-", stdin=f)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        done = self.command("zunfec", "-o", "-", "x.0_8.fec", "x.7_8.fec", "x.3_8.fec", "x.2_8.fec")
        self.assertEqual((done.returncode, done.stdout), (0, self.data[1000:]))

    def test_proc(self):
        """A file that claims to be empty and is not."""
        done = self.command("zfec", "-d", ".", "/proc/version")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        done = self.command("zunfec", "-o", "-", *["version.%d_8.fec" % i for i in (3, 4, 5)])
        with open("/proc/version", "rb") as f:
            self.assertEqual(done.stdout, f.read())

    @unittest.skipIf(SANITIZED, "the sanitizer needs the address space")
    def test_bounded_memory(self):
        """600 MB through a pipe, both ways, with 300 MB of address space."""
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))

        size = 600 << 20
        with subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE) as head:
            done = self.command("zfec", "-k", "20", "-m", "21", "-p", "z", "-", stdin=head.stdout,
                                preexec_fn=limit)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        names = ["z.%02d_21.fec" % i for i in range(1, 21)]
        done = self.command("zunfec", "-f", "-o", "/dev/null", *names, preexec_fn=limit)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        done = self.command("zunfec", "-o", "whole", *names, preexec_fn=limit)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(os.path.getsize(self.path("whole")), size)

    def test_nothing_on_stdout_before_all_is_compared(self):
        self.assertEqual(self.zfec(self.input)[0], 0)
        share = bytearray(self.read("in.1_8.fec"))
        share[-1] ^= 1
        self.write("in.1_8.fec", share)
        done = self.command("zunfec", "-o", "-", *["in.%d_8.fec" % i for i in range(4)])
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"disagree", done.stderr)

    def test_reader_that_leaves(self):
        self.assertEqual(self.zfec(self.input)[0], 0)
        with subprocess.Popen(
            [sys.executable, "-m", PACKAGE + ".cmdline_zunfec", "-o", "-", *self.shares((1, 2, 3))],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as p:
            p.stdout.close()
            self.assertEqual(p.stderr.read(), b"")

    def test_full_disk(self):
        self.assertEqual(self.zfec(self.input)[0], 0)
        done = self.command("zunfec", "-f", "-o", "/dev/full", *self.shares((1, 2, 3)))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", PACKAGE + ".cmdline_zunfec", "-o", "-", *self.shares((1, 2, 3))],
                stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)
        self.assertNotIn(b"Traceback", done.stderr)

    def test_limited_file_size(self):
        """A write that fails half way: no share file stays, the old ones do."""
        self.assertEqual(self.zfec(self.input)[0], 0)
        before = {n: self.read(n) for n in self.names()}

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))

        done = self.command("zfec", "-f", "in", preexec_fn=limit)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"File too large", done.stderr)
        done = self.command("zunfec", "-o", "out", *self.shares((1, 2, 3)), preexec_fn=limit)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"File too large", done.stderr)
        self.assertEqual({n: self.read(n) for n in self.names()}, before)

    def test_interrupted(self):
        p = subprocess.Popen(
            [sys.executable, "-m", PACKAGE + ".cmdline_zfec", "-"], stdin=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=self.folder.name)
        with p:
            p.stdin.write(bytes(5 << 20))
            p.stdin.flush()
            for _ in range(200):
                if len(self.names()) > 8:
                    break
                time.sleep(0.02)
            self.assertGreater(len(self.names()), 8)
            p.send_signal(2)
            p.stdin.close()
            p.wait()
            p.stderr.read()
        self.assertNotEqual(p.returncode, 0)
        self.assertEqual(self.names(), ["in"])


if __name__ == "__main__":
    unittest.main()
