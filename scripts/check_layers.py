#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_layers.py [ROOT]: do the sources keep to their floors?

A floor includes only floors below it (docs/architecture.md). Besides that: no intrinsics outside the
kernels, no allocation outside base/alloc.c, no function that cannot be used safely, a licence line
in every file. Prints one line for each fault, `file:line: what`, and exits 1 if there is any.
"""
import re
import sys
from pathlib import Path

# Floor: the floors it may include, besides itself.
FLOORS = {
    "base": [],
    "crypt": ["base"],
    "fec": ["base"],
    "place": ["base", "crypt"],
    "pool": ["base", "crypt", "fec", "place"],
    "repo": ["base", "crypt", "pool"],
    "volume": ["base", "crypt", "pool", "repo"],
    "view": ["base", "fec"],
}
# Public header: the floor that implements it.
PUBLIC = {
    "sherd/error.h": "base",
    "sherd/export.h": "base",
    "sherd/job.h": "base",
    "sherd/fec.h": "fec",
    "sherd/pool.h": "pool",
    "sherd/zfec.h": "fec",
    "zfec/fec.h": "fec",
    "sherd/pool.h": "pool",
    "sherd/repo.h": "repo",
}
# Front end: the floors whose inner headers it may use.
FRONT_ENDS = {"cmd": ["base"], "fuse": ["base"], "python": []}
OTHERS = ["tests", "fuzz", "bench"]  # free to look inside
C99_HEADERS = {
    "assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "iso646", "limits", "locale",
    "math", "setjmp", "signal", "stdarg", "stdbool", "stddef", "stdint", "stdio", "stdlib", "string",
    "tgmath", "time", "wchar", "wctype",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
INTRINSICS = re.compile(r"^(\w*intrin|arm_\w+|cpuid)\.h$")
ALLOCATION = re.compile(
    r"(?<![\w.>])(malloc|calloc|realloc|reallocarray|free|strn?dup|v?asprintf|posix_memalign"
    r"|aligned_alloc|memalign|valloc)\s*\(")
BANNED = re.compile(
    r"(?<![\w.>])(strcpy|strcat|stpcpy|strncpy|strncat|v?sprintf|gets|strtok|alloca|atoi|atol|atoll"
    r"|mktemp|tmpnam|tempnam)\s*\(")
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
LICENCE = "SPDX-License-Identifier: MIT"


def code_of(text):
    """The text without comments, strings and characters, on the same lines."""
    return NOT_CODE.sub(lambda match: "\n" * match[0].count("\n") or " ", text)


def floor_of(path):
    """What a file belongs to: ("floor", "fec"), ("front", "cmd"), ("public", ""), ("other", ...)."""
    parts = path.parts
    if parts[0] == "include":
        return "public", ""
    if parts[0] == "src":
        return "floor", parts[1] if len(parts) > 2 else ""
    return ("front", parts[0]) if parts[0] in FRONT_ENDS else ("other", parts[0])


def angle_fault(root, path, header):
    """Why this file must not include <header>; None if it may."""
    kind, name = floor_of(path)
    first = header.split("/")[0]
    if header in PUBLIC or first == "sherd":
        owner = PUBLIC.get(header)
        if owner is None:
            return f"<{header}> stands in no floor's list of public headers"
        if kind == "floor" and owner != name and owner not in FLOORS[name]:
            return f"{name} may not use <{header}>, which is {owner}'s"
        return None
    if kind == "public":
        if header.removesuffix(".h") not in C99_HEADERS:
            return f"a public header may not include <{header}>"
        return None
    if first in FLOORS and "/" in header:
        allowed = FLOORS[name] + [name] if kind == "floor" else FRONT_ENDS.get(name)
        if kind != "other" and first not in allowed:
            return f"{name} may not include <{header}>"
        return None
    if "/" in header and kind == "front" and (root / name / header).is_file():
        folder = path.parts[1] if len(path.parts) > 2 else ""
        if first not in ("common", folder):
            return f"{path.parent} may not include <{header}>"
    return None


def include_fault(root, path, quote, header):
    if ".." in header.split("/"):
        return f"'{header}' leaves the folder"
    if quote == '"':
        # tests/install is built as strangers build: zfec's users say #include "fec.h"
        if path.parts[:2] == ("tests", "install"):
            return None
        if "/" in header or not (root / path.parent / header).is_file():
            return f'"{header}" is no file of this folder; use <...> for others'
        return None
    if INTRINSICS.match(header) and path.parts[0] != "bench":
        kernel = path.parent == Path("src/fec") and path.name.startswith("kernel_")
        if not kernel and (header, str(path)) != ("cpuid.h", "src/base/cpu.c"):
            return f"<{header}> outside src/fec/kernel_*"
    return angle_fault(root, path, header)


def faults_of(root, path):
    """(line, what) for each fault of one C file."""
    text = (root / path).read_text()
    kind, name = floor_of(path)
    if kind == "floor" and name not in FLOORS:
        yield 1, f"src/{name} is no floor"
        return
    if LICENCE not in "\n".join(text.splitlines()[:2]):
        yield 1, "no licence line"
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            fault = include_fault(root, path, match[1], match[2])
            if fault:
                yield number, fault
    allocates = kind in ("floor", "front") and name != "python" and str(path) != "src/base/alloc.c"
    for number, line in enumerate(code_of(text).splitlines(), 1):
        for match in ALLOCATION.finditer(line) if allocates else []:
            yield number, f"{match[1]}() outside base/alloc.c"
        for match in BANNED.finditer(line):
            yield number, f"{match[1]}() is banned"
        if "__builtin_ia32_" in line and kind != "other":
            yield number, "a compiler's intrinsic by its inner name"


def check(root):
    """All faults as text, and the number of files looked at."""
    found = []
    count = 0
    for top in ["include", "src", *FRONT_ENDS, *OTHERS]:
        for file in sorted((root / top).rglob("*.[ch]")):
            path = file.relative_to(root)
            count += 1
            found += [f"{path}:{line}: {what}" for line, what in faults_of(root, path)]
    return found, count


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    found, count = check(root)
    for fault in found:
        print(fault)
    print(f"{count} files, {len(found)} faults")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
