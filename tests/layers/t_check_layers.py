#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Does scripts/check_layers.py find what it is there to find? Each case is a small tree of its own."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
import check_layers  # noqa: E402 pylint: disable=wrong-import-position

LICENCE = "/* SPDX-License-Identifier: MIT */\n"

# A tree without fault: each line is something that must be allowed.
GOOD = {
    "include/sherd/error.h": "#include <stdint.h>\n#include <sherd/export.h>\n",
    "include/zfec/fec.h": "#include <stddef.h>\n#include <sherd/export.h>\n",
    "src/base/alloc.c": "#include <stdlib.h>\nvoid *f(void) { return malloc(1); }\n",
    "src/base/alloc.h": "#include <sherd/error.h>\n",
    "src/base/cpu.c": "#include <cpuid.h>\n",
    "src/fec/code.c": "#include <base/alloc.h>\n#include <fec/code.h>\n#include <sherd/fec.h>\n"
                      "#include <zfec/fec.h>\n/* free(p) is a word here, and \"sprintf(\" too */\n"
                      'const char *s = "malloc(";\nvoid g(struct s *p) { p->free(p); mem_free(p); }\n',
    "src/fec/kernel_avx2.c": "#include <immintrin.h>\n",
    "src/pool/put.c": "#include <fec/code.h>\n#include <place/place.h>\n#include <sys/stat.h>\n",
    "src/view/view.c": "#include <fec/code.h>\n#include <base/alloc.h>\n",
    "cmd/common/options.h": "#include <base/units.h>\n",
    "cmd/zfec/own.h": "",
    "cmd/zfec/zfec.c": '#include <sherd/zfec.h>\n#include <base/units.h>\n#include "own.h"\n'
                       "#include <common/options.h>\n",
    "python/module.c": "#include <Python.h>\n#include <sherd/fec.h>\nvoid f(void *p) { free(p); }\n",
    "tests/unit/t_code.c": "#include <fec/code.h>\n#include <stdlib.h>\nvoid f(void) { free(0); }\n",
}

# File, text that is added to it, words of the fault that must be reported.
BAD = [
    ("src/base/alloc.h", "#include <fec/code.h>", "base may not include <fec/code.h>"),
    ("src/base/alloc.h", "#include <sherd/fec.h>", "base may not use <sherd/fec.h>"),
    ("src/crypt/hash.c", "#include <fec/code.h>", "crypt may not include <fec/code.h>"),
    ("src/fec/code.c", "#include <crypt/hash.h>", "fec may not include <crypt/hash.h>"),
    ("src/place/dir.c", "#include <fec/code.h>", "place may not include"),
    ("src/pool/put.c", "#include <repo/pack.h>", "pool may not include"),
    ("src/repo/pack.c", "#include <fec/code.h>", "repo may not include"),
    ("src/repo/pack.c", "#include <place/place.h>", "repo may not include"),
    ("src/volume/inode.c", "#include <fec/code.h>", "volume may not include"),
    ("src/view/view.c", "#include <crypt/hash.h>", "view may not include"),
    ("cmd/zfec/zfec.c", "#include <fec/code.h>", "cmd may not include"),
    ("cmd/sherd/main.c", "#include <zfec/own.h>", "may not include <zfec/own.h>"),
    ("python/module.c", "#include <base/alloc.h>", "python may not include"),
    ("include/sherd/error.h", "#include <sys/types.h>", "a public header may not include"),
    ("include/sherd/error.h", "#include <base/err.h>", "a public header may not include"),
    ("src/fec/code.c", "#include <sherd/unheard.h>", "no floor's list"),
    ("src/fec/code.c", '#include "../base/alloc.h"', "leaves the folder"),
    ("src/fec/code.c", "#include <fec/../base/alloc.h>", "leaves the folder"),
    ("src/fec/code.c", '#include "base/alloc.h"', "no file of this folder"),
    ("src/fec/code.c", "  #  include <immintrin.h>", "outside src/fec/kernel_*"),
    ("src/fec/code.c", "#include <cpuid.h>", "outside src/fec/kernel_*"),
    ("src/base/cpu.c", "#include <x86intrin.h>", "outside src/fec/kernel_*"),
    ("src/fec/code.c", "int x = __builtin_ia32_x();", "inner name"),
    ("src/fec/code.c", "void *f(void) { return malloc(1); }", "malloc() outside"),
    ("src/fec/code.c", "void f(void *p) { free (p); }", "free() outside"),
    ("cmd/zfec/zfec.c", "char *f(void) { return strdup(s); }", "strdup() outside"),
    ("src/fec/code.c", 'void f(char *p) { sprintf(p, "x"); }', "sprintf() is banned"),
    ("cmd/zfec/zfec.c", "void f(char *p) { strcpy(p, s); }", "strcpy() is banned"),
    ("tests/unit/t_code.c", "void f(void) { alloca(9); }", "alloca() is banned"),
    ("src/base/alloc.c", "void f(char *p) { strtok(p, p); }", "strtok() is banned"),
    ("src/other/x.c", "", "is no floor"),
]


class CheckLayers(unittest.TestCase):
    def faults(self, path="", text="", licence=LICENCE):
        with tempfile.TemporaryDirectory() as folder:
            tree = {name: LICENCE + body for name, body in GOOD.items()}
            if path:
                tree[path] = tree.get(path, licence) + text + "\n"
            for name, body in tree.items():
                file = Path(folder, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(body)
            return check_layers.check(Path(folder))[0]

    def test_good_tree(self):
        self.assertEqual(self.faults(), [])

    def test_each_violation_is_found(self):
        for path, text, what in BAD:
            with self.subTest(path=path, text=text):
                found = self.faults(path, text)
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(path + ":"), found)
                self.assertIn(what, found[0])

    def test_line_is_right(self):
        self.assertIn("src/view/view.c:4:", self.faults("src/view/view.c", "#include <pool/x.h>")[0])

    def test_licence(self):
        self.assertIn("no licence line", self.faults("src/fec/new.c", "int x;", licence="")[0])

    def test_empty_tree_is_no_success(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(check_layers.check(Path(folder)), ([], 0))


if __name__ == "__main__":
    unittest.main()
