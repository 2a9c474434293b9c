#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes gf256_tables.c: the multiplication tables of GF(2^8), each in the form one kernel reads.

Everything follows from mul(), the product of two polynomials over GF(2) modulo
x^8+x^4+x^3+x^2+1; tests/unit/t_gf256.c proves the tables against a definition of its own.
"""
import sys


def mul(a, b):
    r = 0
    while b:
        if b & 1:
            r ^= a
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return r


def affine(c):
    """Multiplication by c as an 8x8 bit matrix, as gf2p8affineqb takes it: row of bit i in byte 7-i."""
    m = 0
    for i in range(8):
        row = sum(1 << j for j in range(8) if mul(c, 1 << j) >> i & 1)
        m |= row << 8 * (7 - i)
    return m


def table(f, ctype, name, dims, rows):
    f.write(f"\nconst {ctype} {name}{dims} = {{\n")
    for row in rows:
        f.write("\t" + row + ",\n")
    f.write("};\n")


def lines(values, fmt, per):
    return [", ".join(fmt % v for v in values[i:i + per]) for i in range(0, len(values), per)]


def main():
    exp = [1]
    while len(exp) < 765:
        exp.append(mul(exp[-1], 2))
    log = [0] * 256
    for i in range(255):
        log[exp[i]] = i
    with open(sys.argv[1], "w") as f:
        f.write("/* Made by gf256_tables.py. */\n#include <fec/gf256.h>\n")
        table(f, "uint8_t", "gf256_exp", "[765]", lines(exp, "%3d", 17))
        table(f, "uint8_t", "gf256_log", "[256]", lines(log, "%3d", 16))
        table(f, "uint8_t", "gf256_product", "[256][256]",
              ["{" + ", ".join("%d" % mul(c, x) for x in range(256)) + "}" for c in range(256)])
        table(f, "uint8_t", "gf256_nibbles", "[256][32]",
              ["{" + ", ".join("%d" % mul(c, x << s) for s in (0, 4) for x in range(16)) + "}"
               for c in range(256)])
        table(f, "uint64_t", "gf256_affine", "[256]",
              lines([affine(c) for c in range(256)], "0x%016x", 4))


main()
