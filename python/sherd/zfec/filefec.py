# SPDX-License-Identifier: MIT
"""Share files in zfec's format: one file in, m share files out, any k bring it back.

A share file is a header and a body. The header is a big-endian string of bits, filled up with zero
bits to 2, 3 or 4 bytes: m - 1 (8 bits), k - 1 (as many bits as m - 1 may need), pad (as many as k - 1
may need), share number (as many as k - 1 has). pad is how many bytes the file lacks to be a multiple
of k. The body is ceil(file size / k) bytes: the file is cut into segments of k * 4096 bytes, each
segment into k chunks, and share i takes chunk i of each; the last segment is cut into k chunks of
ceil(rest / k) bytes, with zero bytes at its end. Shares k to m - 1 are check bytes.

There is no checksum in it. A wrong share shows only when more than k shares are given, and then it
does: all shares given are compared.

All functions work in memory that does not grow with the file: about 20 MiB.
"""

import collections
import hashlib
import io
import os
import stat
import sys

from sherd.zfec import _fec, easyfec
from sherd.zfec._newfiles import NewFiles
from sherd.zfec.easyfec import ab, div_ceil

CHUNKSIZE = 4096  # bytes of one segment that one share takes
MILLION_BYTES = 10**6
BATCH_SIZE = 8 << 20  # bytes of all shares that are computed at once

FORMAT_FORMAT = "%%s.%%0%dd_%%0%dd%%s"  # % (digits, digits) % (prefix, number, m, suffix)
RE_FORMAT = "%s.[0-9]+_[0-9]+%s"  # % (prefix, suffix)


class InsufficientShareFilesError(_fec.Error):
    """Fewer share files than the k that are required; k and kb are the two numbers."""

    def __init__(self, k, kb, *args, **kwargs):
        _fec.Error.__init__(self, k, kb, *args, **kwargs)
        self.k = k
        self.kb = kb

    def __str__(self):
        return (
            "Insufficient share files -- %d share files are required to recover this file, "
            "but only %d were given" % (self.k, self.kb)
        )

    def __repr__(self):
        return "InsufficientShareFilesError(k=%r, kb=%r)" % (self.k, self.kb)


class CorruptedShareFilesError(_fec.Error):
    """Share files that cannot be right, or not all of them; the message says which."""


def pad_size(n, k):
    """The smallest number which, added to n, gives a multiple of k."""
    return -n % k


def log_ceil(n, b):
    """The smallest p with b ** p >= n, for n >= 1 and b >= 2."""
    p = 0
    power = 1
    while power < n:
        power *= b
        p += 1
    return p


def MASK(bits):
    """A number whose lowest `bits` bits are one."""
    return (1 << bits) - 1


# Header


def _widths(k, m):
    """Bits of the fields that depend on m (k - 1, share number) and on k (pad)."""
    return log_ceil(m, 2), log_ceil(k, 2)


def _header_size(k, m):
    """Bytes of a header: 2 to 4."""
    number_bits, pad_bits = _widths(k, m)
    return max(2, div_ceil(8 + 2 * number_bits + pad_bits, 8))


def _build_header(m, k, pad, sh):
    """The header of share sh as bytes; zfec.Error unless sh < m, pad < k <= m <= 256, none negative."""
    if not (1 <= k <= m <= 256 and 0 <= pad < k and 0 <= sh < m):
        raise _fec.Error(
            "Precondition violation: a share header is required to have 1 <= k <= m <= 256, "
            "0 <= pad < k and 0 <= sharenum < m, but k was %d, m: %d, pad: %d, sharenum: %d"
            % (k, m, pad, sh)
        )
    number_bits, pad_bits = _widths(k, m)
    value = m - 1
    value = value << number_bits | (k - 1)
    value = value << pad_bits | pad
    value = value << number_bits | sh
    size = _header_size(k, m)
    return (value << (8 * size - (8 + 2 * number_bits + pad_bits))).to_bytes(size, "big")


def _name_of(f):
    return getattr(f, "name", None) or repr(f)


def _parse_header(f):
    """Read a header from the file f, which is left behind it. Returns (m, k, pad, sh).

    Raises CorruptedShareFilesError if it is cut short, if k > m, pad >= k or sh >= m, or if a bit
    behind the last field is set: nobody writes these.
    """
    start = _read_full(f, 2)
    if len(start) < 2:
        raise CorruptedShareFilesError(
            "Share file %s is damaged: its header is cut short" % (_name_of(f),)
        )
    m = start[0] + 1
    number_bits = log_ceil(m, 2)
    k = (int.from_bytes(start, "big") >> (8 - number_bits) & MASK(number_bits)) + 1
    if k > m:
        raise CorruptedShareFilesError(
            "Share file %s is damaged: its header says that %d of %d shares are needed"
            % (_name_of(f), k, m)
        )
    size = _header_size(k, m)
    header = start + _read_full(f, size - 2)
    if len(header) < size:
        raise CorruptedShareFilesError(
            "Share file %s is damaged: its header is cut short" % (_name_of(f),)
        )
    pad_bits = log_ceil(k, 2)
    spare_bits = 8 * size - (8 + 2 * number_bits + pad_bits)
    value = int.from_bytes(header, "big")
    sh = value >> spare_bits & MASK(number_bits)
    pad = value >> (spare_bits + number_bits) & MASK(pad_bits)
    if pad >= k or sh >= m or value & MASK(spare_bits):
        raise CorruptedShareFilesError(
            "Share file %s is damaged: its header says k %d, m %d, padding %d, share number %d"
            % (_name_of(f), k, m, pad, sh)
        )
    return m, k, pad, sh


# Reading and encoding


def _read_full(f, size):
    """Read size bytes, fewer only at the end of the file. Raw files and pipes may give less at once."""
    data = f.read(size)
    if data is None:
        raise BlockingIOError("%s is not ready, and cannot be waited for" % (_name_of(f),))
    if len(data) == size or not data:
        return data
    parts = [data]
    got = len(data)
    while got < size:
        data = f.read(size - got)
        if data is None:
            raise BlockingIOError("%s is not ready, and cannot be waited for" % (_name_of(f),))
        if not data:
            break
        parts.append(data)
        got += len(data)
    return b"".join(parts)


def _encode_batch(encoder, data, chunksize):
    """The m pieces of share bodies that belong to data, which is full segments and no less."""
    k = encoder.k
    view = memoryview(data)
    if k == 1:
        return encoder.encode([view])
    if len(data) == k * chunksize:
        return encoder.encode([view[i * chunksize : (i + 1) * chunksize] for i in range(k)])
    primaries = []
    for i in range(k):
        starts = range(i * chunksize, len(data), k * chunksize)
        primaries.append(b"".join([view[s : s + chunksize] for s in starts]))
    return encoder.encode(primaries)


def _share_bodies(inf, k, m, chunksize):
    """Read inf to its end; yield (list of the m shares' next bytes, bytes read)."""
    encoder = _fec.Encoder(k, m)
    segment = k * chunksize
    batch = max(1, BATCH_SIZE // (m * chunksize)) * segment
    while True:
        data = _read_full(inf, batch)
        whole = len(data) - len(data) % segment
        if whole:
            yield _encode_batch(encoder, memoryview(data)[:whole], chunksize), whole
        if whole < len(data):
            rest = data[whole:]
            size = div_ceil(len(rest), k)
            rest += bytes(k * size - len(rest))
            yield _encode_batch(encoder, rest, size), len(data) - whole
        if len(data) < batch:
            return


class _Unchanged:
    """Notices that a regular file changes while it is read. Other files cannot be watched."""

    def __init__(self, f):
        self.f = f
        self.before = self._look()

    def _look(self):
        try:
            st = os.fstat(self.f.fileno())
        except (AttributeError, OSError, ValueError):
            return None
        return (st.st_size, st.st_mtime_ns) if stat.S_ISREG(st.st_mode) else None

    def check(self):
        if self.before and self._look() != self.before:
            raise IOError(
                "Wrong file size -- possibly the size of the file changed during encoding.  "
                "%s was written to while it was read" % (_name_of(self.f),)
            )


def _share_paths(dirname, prefix, m, suffix):
    digits = len(str(m))
    form = FORMAT_FORMAT % (digits, digits)
    return [os.path.join(dirname, form % (prefix, i, m, suffix)) for i in range(m)]


def _encode_to_paths(inf, fsize, paths, k, m, overwrite, progress):
    """Encode inf into the share files `paths`, all or none. fsize None: whatever inf holds.

    progress(bytes read) is called after each step. Returns the bytes read.
    """
    done = 0
    watch = None
    with NewFiles(paths, overwrite) as files:
        room = bytes(_header_size(k, m))  # the pad is known only at the end
        for i in range(m):
            files.append(i, room)
        for pieces, size in _share_bodies(inf, k, m, CHUNKSIZE):
            watch = watch or _Unchanged(inf)  # the first read may flush inf's own pending writes
            done += size
            if fsize is not None and done > fsize:
                break
            for i, piece in enumerate(pieces):
                files.append(i, piece)
            progress(done)
        if fsize is not None and done != fsize:
            raise IOError(
                "Wrong file size -- possibly the size of the file changed during encoding.  "
                "Original size: %d, observed size at least: %d" % (fsize, done)
            )
        if watch:
            watch.check()
        for i in range(m):
            files.overwrite_start(i, _build_header(m, k, pad_size(done, k), i))
        files.commit()
    return done


def _percent_progress(fsize, out):
    last = [-1]

    def progress(done):
        percent = 100 * done // fsize if fsize else 100
        if percent != last[0]:
            last[0] = percent
            out.write("%d%% ... " % percent)
            out.flush()

    return progress


def encode_to_files(inf, fsize, dirname, prefix, k, m, suffix=".fec", overwrite=False, verbose=False):
    """Write the m share files of inf, named DIRNAME/PREFIX.NN_MM + SUFFIX.

    inf: a file open for reading bytes, read from where it is to its end; a pipe will do.
    fsize: how many bytes that is. It is an error if there are fewer or more.
    overwrite: replace share files that exist; otherwise one that exists is an error.
    verbose: report on standard output.

    All share files appear, whole and synced to disk, or none, and then files that were there before
    are unchanged. Returns 0; or 1 after an input or output error, which it reports on standard
    error. Raises zfec.Error for k or m out of range.
    """
    _fec.Encoder(k, m)  # raises before anything is touched
    paths = _share_paths(dirname, prefix, m, suffix)
    try:
        if verbose:
            for path in paths:
                print("Creating share file %r..." % (path,))
        progress = _percent_progress(fsize, sys.stdout) if verbose else lambda done: None
        _encode_to_paths(inf, fsize, paths, k, m, overwrite, progress)
    except OSError as e:
        print("Cannot complete because of exception: \n%s\nCleaning up..." % (e,), file=sys.stderr)
        return 1
    if verbose:
        print("\nDone!")
    return 0


def _segments(inf, k, chunksize):
    """Yield (bytes of one segment, how many of them are data): the last filled up with zeros."""
    while True:
        data = _read_full(inf, k * chunksize)
        if not data:
            return
        yield data + bytes(k * chunksize - len(data)), len(data)
        if len(data) < k * chunksize:
            return


def encode_file(inf, cb, k, m, chunksize=4096):
    """For each segment of k * chunksize bytes of inf call cb(list of m blocks, length).

    Each block is chunksize bytes-like bytes, those of the last segment too, which is filled up with
    zeros; length is how many bytes of the segment are the file's, at least 1. An empty file has no
    segment. The blocks belong to cb.
    """
    encode_file_stringy(inf, cb, k, m, chunksize)


def encode_file_stringy(inf, cb, k, m, chunksize=4096):
    """As encode_file(), all blocks being bytes objects."""
    encoder = _fec.Encoder(k, m)
    for data, length in _segments(inf, k, chunksize):
        blocks = [data[i * chunksize : (i + 1) * chunksize] for i in range(k)]
        cb(encoder.encode(blocks), length)


def encode_file_stringy_easyfec(inf, cb, k, m, chunksize=4096):
    """For each segment of k * chunksize bytes of inf call cb(list of m blocks, length).

    Each block is chunksize bytes, but those of a last segment that is short are only
    ceil(length / k), as easyfec makes them and as share files hold them. length is how many bytes of
    the segment are the file's, at least 1. An empty file has no segment. The blocks belong to cb.
    """
    encoder = easyfec.Encoder(k, m)
    while True:
        data = _read_full(inf, k * chunksize)
        if data:
            cb(encoder.encode(data), len(data))
        if len(data) < k * chunksize:
            return


def encode_file_not_really(inf, cb, k, m, chunksize=4096):
    """Read as encode_file() does, encode nothing, call cb(list of the k blocks, length).

    What it takes is what encode_file() takes less the coding: for measurements.
    """
    _fec.Encoder(k, m)
    for data, length in _segments(inf, k, chunksize):
        cb([data[i * chunksize : (i + 1) * chunksize] for i in range(k)], length)


def encode_file_not_really_and_hash(inf, cb, k, m, chunksize=4096):
    """As encode_file_not_really(), and return the hashlib SHA-256 object of the bytes read."""
    hasher = hashlib.sha256()
    _fec.Encoder(k, m)
    for data, length in _segments(inf, k, chunksize):
        hasher.update(memoryview(data)[:length])
        cb([data[i * chunksize : (i + 1) * chunksize] for i in range(k)], length)
    return hasher


# Decoding


class _Share:
    """A share file behind its header."""

    def __init__(self, f):
        self.f = f
        self.name = _name_of(f)
        self.m, self.k, self.pad, self.number = _parse_header(f)
        self.body_size = self._rest_size()

    def _rest_size(self):
        """Bytes behind the header; None for a pipe or whatever else does not tell."""
        try:
            here = self.f.tell()
            end = self.f.seek(0, os.SEEK_END)
            self.f.seek(here)
            return end - here
        except (AttributeError, OSError, ValueError):
            return None

    def kind(self):
        return self.k, self.m, self.pad, self.body_size


def _refuse(f, why):
    raise CorruptedShareFilesError("Share file %s %s" % (_name_of(f), why))


def _open_shares(infiles, on_wrong):
    shares = []
    for f in infiles:
        try:
            shares.append(_Share(f))
        except CorruptedShareFilesError as e:
            if on_wrong is _refuse:
                raise
            on_wrong(f, str(e).partition("Share file %s " % (_name_of(f),))[2])
    return shares


def _compare_known_lengths(shares):
    """A pipe does not tell its length: then lengths are compared while reading, not before."""
    if any(share.body_size is None for share in shares):
        for share in shares:
            share.body_size = None


def _kind_text(kind):
    return "k %d, m %d, padding %d, length %s" % (kind[:3] + ("unknown" if kind[3] is None else kind[3],))


def _agreeing(shares, on_wrong):
    """The shares that agree with most in k, m, padding and length, at least k; or raises."""
    kinds = collections.Counter(share.kind() for share in shares).most_common()
    kind, count = kinds[0]
    if len(kinds) > 1 and (count < kind[0] or kinds[1][1] == count):
        raise CorruptedShareFilesError(
            "Share files are damaged or of different files: "
            + "; ".join("%s has %s" % (share.name, _kind_text(share.kind())) for share in shares)
        )
    for share in shares:
        if share.kind() != kind:
            on_wrong(
                share.f,
                "is damaged or of another file: it has %s, most have %s"
                % (_kind_text(share.kind()), _kind_text(kind)),
            )
    return [share for share in shares if share.kind() == kind]


def _refuse_duplicates(shares):
    seen = {}
    for share in shares:
        if share.number in seen:
            raise CorruptedShareFilesError(
                "Share files %s and %s are the same share, number %d: give it once"
                % (seen[share.number].name, share.name, share.number)
            )
        seen[share.number] = share


def _select(infiles, on_wrong):
    """The shares to decode from, primary ones first; at least k, all alike, all different."""
    shares = _open_shares(infiles, on_wrong)
    if not shares:
        raise CorruptedShareFilesError("No share file is left to decode from")
    _compare_known_lengths(shares)
    shares = _agreeing(shares, on_wrong)
    _refuse_duplicates(shares)
    k, m, pad, body_size = shares[0].kind()
    if len(shares) < k:
        raise InsufficientShareFilesError(k, len(shares))
    if body_size == 0 and pad:
        raise CorruptedShareFilesError(
            "Share file %s is damaged: its header says that %d bytes are padding, and it is empty"
            % (shares[0].name, pad)
        )
    return sorted(shares, key=lambda share: share.number)


def _read_blocks(shares, size):
    """The next bytes of all shares: `size` each, or fewer at the end, but the same of all."""
    blocks = [_read_full(share.f, size) for share in shares]
    for share, block in zip(shares, blocks):
        if len(block) != len(blocks[0]):
            raise CorruptedShareFilesError(
                "Share files %s and %s have different lengths" % (shares[0].name, share.name)
            )
    return blocks


def _leave_out_wrong(shares, blocks, decoder, on_wrong):
    """Compare all blocks; take the wrong ones out of both lists, or raise if that cannot be told."""
    try:
        wrong = decoder._wrong_blocks(blocks, [share.number for share in shares])
    except _fec.Error:
        raise CorruptedShareFilesError(
            "Share files disagree, and it cannot be told which is wrong: %s"
            % (", ".join(str(share.name) for share in shares),)
        ) from None
    for i in reversed(wrong):
        on_wrong(shares[i].f, "is damaged: it disagrees with all the others")
        del shares[i], blocks[i]


def _interleave(primaries, chunksize):
    """The bytes of the file from the primary shares' next bytes: chunk by chunk in turn."""
    size = len(primaries[0])
    if size <= chunksize or len(primaries) == 1:
        return b"".join(primaries)
    views = [memoryview(p) for p in primaries]
    whole = range(0, size, chunksize)
    return b"".join([view[s : s + chunksize] for s in whole for view in views])


def _decode(outf, infiles, progress, on_wrong):
    """As decode_from_files(); returns (bytes written, k, whether all was compared)."""
    shares = _select(infiles, on_wrong)
    k, m, pad = shares[0].k, shares[0].m, shares[0].pad
    decoder = _fec.Decoder(k, m)
    size = max(1, BATCH_SIZE // (len(shares) * CHUNKSIZE)) * CHUNKSIZE
    held = b""  # the last bytes so far, which are padding if nothing follows
    written = 0
    verified = True
    while True:
        blocks = _read_blocks(shares, size)
        at_end = len(blocks[0]) < size
        if len(shares) > k:
            _leave_out_wrong(shares, blocks, decoder, on_wrong)
        verified = verified and len(shares) > k
        data = decoder.decode(blocks[:k], [share.number for share in shares[:k]])
        data = held + _interleave(data, CHUNKSIZE)
        held = data[len(data) - pad :] if pad else b""
        ready = memoryview(data)[: max(0, len(data) - pad)]
        if len(ready):
            _write_full(outf, ready)
        written += len(ready)
        progress(written)
        if at_end:
            break
    if len(held) < pad or any(held):
        raise CorruptedShareFilesError(
            "Share files are damaged: the %d bytes of padding at the end are not zero" % (pad,)
        )
    return written, k, verified


def _write_full(outf, data):
    """Write all; a raw file may take less at once, and other objects need not say how much."""
    while len(data):
        count = outf.write(data)
        if count is None and isinstance(outf, io.RawIOBase):
            raise BlockingIOError("%s is not ready, and cannot be waited for" % (_name_of(outf),))
        data = data[len(data) if count is None else count :]


def _megabyte_progress(out):
    def progress(written):
        out.write("%.2g MB ... " % (written / MILLION_BYTES,))
        out.flush()

    return progress


def decode_from_files(outf, infiles, verbose=False, on_wrong=None):
    """Write the file that the share files bring back.

    outf: a file open for writing bytes; a pipe will do, nothing is taken back.
    infiles: an iterable of files open for reading bytes, each at the start of its header; at least k
    of one encoding, in any order; pipes will do.
    verbose: report on standard output.
    on_wrong: None, or a function that is called with (file, text) for each share file that is found
    to be wrong, and left out, while enough others agree. With None the first such file raises.

    All files given are read and compared. With exactly k of them there is nothing to compare: a
    wrong one then gives a wrong file, and no error.

    Raises InsufficientShareFilesError; CorruptedShareFilesError if files are damaged, of different
    encodings, the same share, or disagree; OSError. What was written to outf before stays there.
    """
    progress = _megabyte_progress(sys.stdout) if verbose else lambda written: None
    _decode(outf, infiles, progress, on_wrong or _refuse)
    if verbose:
        print("\nDone!")
