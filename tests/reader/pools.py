# SPDX-License-Identifier: MIT
"""Pools written from docs/format.md, without the sherd program: also such as no program would write.

Maker makes a pool of folders; its parts can be made wrong on purpose. The reader's own hashes, seals and
code are used, which golden tables check.
"""
import importlib.machinery
import importlib.util
import os
import random
import struct
from pathlib import Path

import nacl.bindings
import nacl.public
import nacl.pwhash
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/sherd-reader"


def load_reader():
    """scripts/sherd-reader as a module."""
    loader = importlib.machinery.SourceFileLoader("sherd_reader", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("sherd_reader", loader))
    loader.exec_module(module)
    return module


R = load_reader()
PASSPHRASE = b"four words of fame"
NONE = struct.pack("<H", 0)  # of extensions


def public_of(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def text(data):
    return struct.pack("<H", len(data)) + data


def content(runs, depth=0):
    """Runs are (length, blob id, or None for a hole)."""
    return struct.pack("<B3xI", depth, len(runs)) + b"".join(
        struct.pack("<Q", length | (0 if blob else 1 << 63)) + (blob or b"") for length, blob in runs)


def entry(name, kind, mode=0o644, length=0, links=1, mtime=(1600000000, 5), **fields):
    """fields: t1=bytes ... for tag 1 ..."""
    pairs = sorted((int(tag[1:]), value) for tag, value in fields.items())
    tail = name + b"".join(struct.pack("<HI", tag, len(value)) + value for tag, value in pairs)
    head = struct.pack("<BBHIIIqIqIQQHH", kind, 0, mode, os.getuid(), os.getgid(), links, *mtime, *mtime, length,
                       7, len(name), len(pairs))
    return struct.pack("<I", len(head + tail)) + head + tail


def part(*entries):
    return struct.pack("<HHI", 1, 0, len(entries)) + b"".join(entries)


class Device:
    def __init__(self, maker, rights):
        self.id, self.incarnation = maker.bytes(16), maker.bytes(16)
        self.key, self.rights = Ed25519PrivateKey.from_private_bytes(maker.bytes(32)), rights


class Maker:
    def __init__(self, top, k=2, m=3, places=3, seed=1, size=65536):
        self.random, self.k, self.m, self.size = random.Random(seed), k, m, size
        self.folders = [Path(top) / f"place{i}" for i in range(places)]
        self.administrator = Ed25519PrivateKey.from_private_bytes(self.bytes(32))
        self.salt = self.bytes(16)
        self.id = R.sha256(b"sherd pool", public_of(self.administrator), self.salt)[:16]
        self.epochs, self.epoch, self.content_key = {1: self.bytes(32)}, 1, self.bytes(32)
        self.slot_secret, self.kit_secret, self.kit_slot = self.bytes(32), self.bytes(32), self.bytes(16)
        self.pool_seq, self.indexed, self.devices = 0, [], []
        for folder in self.folders:
            folder.mkdir(parents=True)
            folder.joinpath("sherd-place").write_text(
                f"sherd-place 1\npool {self.id.hex()}\nplace {self.bytes(16).hex()}\n\nDo not touch.\n")

    def bytes(self, size):
        return self.random.randbytes(size)

    def put(self, name, data, places=None):
        for folder in self.folders if places is None else [self.folders[i] for i in places]:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    # -- 8 --

    def slot(self, kind=1, memory=8192, passes=1, commitment=None):
        slot = self.kit_slot if kind == 2 else self.bytes(16)
        salt, box = self.bytes(16), nacl.public.PrivateKey(self.slot_secret)
        if kind == 2:
            memory = passes = 0
            key = R.derive(self.kit_secret, self.id, b"sherd kit")
        else:
            key = nacl.pwhash.argon2id.kdf(32, PASSPHRASE, salt, passes, memory << 10)
        nonce, epoch_key = self.bytes(24), self.epochs[self.epoch]
        locked = nonce + nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            self.slot_secret + public_of(self.administrator), self.id + slot + bytes([kind]), nonce, key)
        payload = struct.pack("<B3xI", 0, self.epoch) + epoch_key + self.content_key + bytes(32)
        commitment = commitment or R.derive(epoch_key, self.id, b"sherd epoch commitment" + struct.pack("<I", self.epoch))
        data = struct.pack("<8sHBBI16s16sII16s32s32s", b"sherd-k\n", 1, kind, 1, self.epoch, self.id, slot, memory,
                           passes, salt, bytes(box.public_key), commitment)
        data += locked + nacl.public.SealedBox(box.public_key).encrypt(payload)
        data = data.ljust(R.SLOT_SIZE, b"\0")
        self.put(f"keys/{self.epoch:08x}/{slot.hex()}-{R.sha256(data)[:16].hex()}", data)

    def kit(self):
        import base64
        raw = b"\1" + self.id + self.kit_slot + self.kit_secret
        chars = base64.b32encode(raw).decode().lower().rstrip("=")
        lines = []
        for number, at in enumerate(range(0, len(chars), 20), 1):
            line = chars[at:at + 20]
            groups = [line[i:i + 4] for i in range(0, len(line), 4)]
            lines.append(f"    {number}  " + " ".join(groups + [R.kit_check(number, line)]))
        return "\n".join(["Keep this safe: it opens all.", "", *lines, ""])

    # -- 7 --

    def record(self, kind, folder, seq, subject, body, signer=None, key=None, places=None):
        """signer None: the administrator."""
        signer_id = signer.id if signer else bytes(16)
        key = key or (signer.key if signer else self.administrator)
        size = len(body) + 80 + 28
        head = struct.pack("<8sHBBI16sQ16sII", b"sherd-r\n", 1, kind, 1, self.epoch, self.id, seq, subject, size, 0)
        plain = body + signer_id + key.sign(b"sherd record" + head[:56] + body + signer_id)
        nonce = self.bytes(12)
        seal = R.derive(self.epochs[self.epoch], self.id, b"sherd record seal" + bytes([kind]))
        data = head + nonce + AESGCM(seal).encrypt(nonce, plain, head)
        name = f"{folder}/{seq:016x}-{R.sha256(data)[:16].hex()}"
        self.put(name, data, places)
        return name

    def pool_record(self, **how):
        self.pool_seq += 1
        old = [(epoch, key) for epoch, key in self.epochs.items() if epoch != self.epoch]
        body = struct.pack("<II32s32s16sQBBBBIII", 0, 0, bytes(32), public_of(self.administrator), self.salt, 5,
                           self.k, self.m, 1, 1, 1 << 18, 1 << 20, 1 << 22)
        body += text(b"a pool") + struct.pack("<HHH", 9, 0, len(old))
        body += b"".join(struct.pack("<I32s", *pair) for pair in old)
        body += struct.pack("<HH16sHI", 1, 0, self.bytes(16), 0, 1) + text(b"nas") + text(b"") + text(b"") + NONE
        return self.record(1, "pool", self.pool_seq, bytes(16), body, **how)

    def device(self, rights=7, device=None, seq=1, **how):
        if device is None:
            device = Device(self, rights)
            self.devices.append(device)
        body = device.id + device.incarnation + public_of(device.key) + self.bytes(32)
        body += struct.pack("<IQ", rights, 5) + text(b"host") + text(b"") + NONE
        self.record(2, f"devices/{device.id.hex()}", seq, device.id, body, **how)
        return device

    def head(self, device, seq, content_bytes, vector=(), features=0, incarnation=None, **how):
        incarnation = incarnation or device.incarnation
        body = struct.pack("<II16s32sQQQQII", features, 0, device.id, bytes(32), 5, seq, 1, 0, 0, len(vector))
        body += b"".join(struct.pack("<16sQ16s", *three) for three in vector)
        body += struct.pack("<I", len(content_bytes)) + content_bytes + NONE
        return self.record(3, f"heads/{incarnation.hex()}", seq, incarnation, body, signer=device, **how)

    # -- 5, 6, 9 --

    def blob_id(self, kind, data):
        id_key = R.derive(self.content_key, self.id, b"sherd id")
        return R.mac(id_key, struct.pack("<BQ", kind, len(data)) + R.tree_hash(data))

    def pack(self, groups, wrong_id=None):
        """groups: (type, codec, [blob]). Writes the shares; gives reference, table, places of groups."""
        nonce, key_epoch = self.bytes(32), self.epochs[self.epoch]
        key = R.derive(key_epoch, self.id, b"sherd pack seal" + nonce)
        payload, table, where, total = b"", b"", [], self.k * self.size

        def seal(kind, number, plain, codec):
            coded = zstandard.ZstdCompressor().compress(plain) if codec else plain
            aad = struct.pack("<HBBI16s32sIIIB3x", 1, 1, kind, self.epoch, self.id, nonce, number, len(plain),
                              len(coded), codec)
            iv = self.bytes(12)
            return iv + AESGCM(key).encrypt(iv, coded, aad)

        for number, (kind, codec, blobs) in enumerate(groups):
            plain = b"".join(blobs)
            sealed = seal(kind, number, plain, codec)
            where.append((number, len(payload), len(sealed), len(plain), codec))
            blobs = blobs if kind in (1, 2, 3) else []
            table += struct.pack("<BBHIII", kind, codec, 0, len(sealed), len(plain), len(blobs))
            table += b"".join((wrong_id or self.blob_id(kind, b)) + struct.pack("<I", len(b)) for b in blobs)
            payload += sealed
        padding = total - 64 - len(payload) - len(table) - 16 - 28 - 28
        assert padding >= 0, "too much for one pack"
        table += struct.pack("<BBHIII", 16, 0, 0, padding + 28, padding, 0)
        payload += seal(16, len(groups), bytes(padding), 0)
        sealed_table = seal(17, 0xfffffffe, table, 0)
        footer = struct.pack("<IIIB3xI16x", len(payload), len(sealed_table), len(table), 0, len(groups) + 1)
        payload += sealed_table + seal(18, 0xffffffff, footer, 0)
        assert len(payload) == total
        return self.shares(payload, nonce), table, where

    def shares(self, payload, nonce):
        data = [payload[i * self.size:(i + 1) * self.size] for i in range(self.k)]
        bodies = data + [R.combine(R.lagrange(range(self.k), i), data) for i in range(self.k, self.m)]
        leaves = [[R.leaf_hash(body[at:at + 32768]) for at in range(0, self.size, 32768)] for body in bodies]
        manifest = struct.pack("<HBBI16s32sHHI", 1, 1, 0, self.epoch, self.id, nonce, self.k, self.m, self.size)
        manifest += b"".join(R.root_of(hashes) for hashes in leaves)
        pack_id = R.sha256(b"sherd pack", manifest)
        for i, body in enumerate(bodies):
            front = 32 + len(manifest) + 32 * len(leaves[i])
            offset = -(-front // 4096) * 4096
            head = struct.pack("<8sHHIIIQ", b"sherd-s\n", i, 0, len(manifest), len(leaves[i]), offset,
                               offset + self.size)
            file = (head + manifest + b"".join(leaves[i])).ljust(offset, b"\0") + body
            self.put(f"packs/{pack_id.hex()[:2]}/{pack_id.hex()}.{i}", file, [i % len(self.folders)])
        return pack_id + nonce + struct.pack("<IIBBH", self.epoch, self.size, self.k, self.m, 0) + b"".join(
            struct.pack("<H", i) for i in range(self.m))

    def index(self, packs):
        return struct.pack("<HHI", 1, 0, len(packs)) + b"".join(
            reference + struct.pack("<I", len(table)) + table for reference, table, _ in packs)

    def catalog(self, vector, facts):
        """vector: {incarnation: seq}; facts: {dot: payload}."""
        out = struct.pack("<HHI", 1, 0, len(vector))
        out += b"".join(struct.pack("<16sQ", *pair) for pair in sorted(vector.items()))
        out += struct.pack("<I", len(facts))
        for dot, payload in sorted(facts.items()):
            out += struct.pack("<16sQIB3xI", *dot, 1, len(payload)) + payload
        return out

    def head_content(self, pack, self_flag, streams):
        """streams: (type, [index of a group in the pack])."""
        reference, _table, where = pack
        out = struct.pack("<HHI", 1, 0, 1) + reference + struct.pack("<B3xI", self_flag, len(streams))
        for kind, groups in streams:
            out += struct.pack("<B3xI", kind, len(groups))
            out += b"".join(struct.pack("<IIIIIB3x", 0, *where[i]) for i in groups)
        return out

    def snapshot(self, root, begun=1600000000 * 10**9, host=b"host"):
        out = struct.pack("<HH", 1, 0) + root + struct.pack("<QQ7Q32s", begun, begun + 1, 1, 1, 0, 1, 1, 1, 1, bytes(32))
        out += text(host) + text(b"user") + text(b"") + text(b"0.1") + struct.pack("<H", 1) + text(b"/home")
        return out + struct.pack("<H", 0) + NONE
