#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""catalog.py [--check FILE]: catalog streams as docs/format.md, 9.3, has them, and their joins.

Written from the page alone. Prints the table catalog.txt, or compares FILE with it and says so in TAP.
"""
import struct
import sys

A, B, C = bytes(range(16)), bytes([7]) * 16, bytes([0xff]) * 16  # incarnations

# vector, facts by dot: kind and payload
ONE = ({A: 3, B: 1}, {(A, 1, 0): (1, b"first"), (A, 3, 0): (1, b"third"), (B, 1, 0): (1, b"")})
TWO = ({A: 2, C: 1 << 40}, {(A, 1, 0): (1, b"first"), (A, 2, 0): (1, b"second"),
                            (C, 1 << 40, 0): (200, b"kind unknown"), (C, 1 << 40, 9): (1, b"ninth")})
EMPTY = ({}, {})


def join(one, two):
    """The rule of the page."""
    facts = {}
    for (vector, mine), (other_vector, other) in ((one, two), (two, one)):
        del vector
        for dot, fact in mine.items():
            if dot in other or other_vector.get(dot[0], 0) < dot[1]:
                facts[dot] = fact
    return {i: max(one[0].get(i, 0), two[0].get(i, 0)) for i in {**one[0], **two[0]}}, facts


def stream(catalog):
    vector, facts = catalog
    out = struct.pack("<HHI", 1, 0, len(vector))
    for incarnation in sorted(vector):
        out += incarnation + struct.pack("<Q", vector[incarnation])
    out += struct.pack("<I", len(facts))
    for dot in sorted(facts):
        kind, payload = facts[dot]
        out += dot[0] + struct.pack("<QIB3xI", dot[1], dot[2], kind, len(payload)) + payload
    return out


def table():
    yield "# Made by catalog.py from docs/format.md, 9.3; never by sherd itself."
    yield "# name facts size stream"
    for name, catalog in (("empty", EMPTY), ("one", ONE), ("two", TWO), ("joined", join(ONE, TWO))):
        whole = stream(catalog)
        yield f"{name} {len(catalog[1])} {len(whole)} {whole.hex()}"


def main():
    if len(sys.argv) == 1:
        print("\n".join(table()))
        return 0
    with open(sys.argv[2], encoding="ascii") as file:
        given = file.read().splitlines()
    wanted = list(table())
    wrong = [f"# line {i}: {a}" for i, (a, b) in enumerate(zip(given, wanted), 1) if a != b]
    good = not wrong and len(given) == len(wanted)
    print("\n".join([*wrong, f"{'' if good else 'not '}ok 1 - the table is what the page says", "1..1"]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
