"""Writes layers that somebody made to do harm, each as a file.

    hostile-layers.py FOLDER         prints, for each: name, file, bytes, compression, digest of what is in it
"""

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

folder = sys.argv[1]
FILE, FOLDER, HARD, SOFT, BLOCK, CHARACTER = (
    tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.BLKTYPE, tarfile.CHRTYPE)
MIB = 1024 * 1024
# What a test looks for on the host afterwards.
ESCAPED = "fastvm-escaped"


def header(name, kind=FILE, size=0, tar_format=tarfile.PAX_FORMAT, **fields):
    made = tarfile.TarInfo(name)
    made.type, made.size, made.mode = kind, size, 0o755
    for key, value in fields.items():
        setattr(made, key, value)
    return made.tobuf(tar_format)


def padded(content):
    return content + bytes(-len(content) % 512)


def entry(name, content=b"", **fields):
    return header(name, size=len(content), **fields) + padded(content)


END = bytes(1024)


def escapes():
    """Names that lead out of the tree, and links that do. All of it is to come out inside, as with every other unpacker."""
    up = "../" * 30
    return b"".join([
        entry(up + f"tmp/{ESCAPED}-up", b"up"),
        entry(f"/tmp/{ESCAPED}-absolute", b"absolute"),
        header("out", SOFT, linkname="/tmp"),
        entry(f"out/{ESCAPED}-by-link", b"by link"),
        header("far", SOFT, linkname=up + "tmp"),
        entry(f"far/{ESCAPED}-by-far-link", b"by a far link"),
        header("process", SOFT, linkname="/proc/1/root/tmp"),
        entry(f"process/{ESCAPED}-by-process", b"by a process"),
        header("disk", BLOCK, devmajor=254, devminor=0),
        header("memory", CHARACTER, devmajor=1, devminor=1),
        header("out", SOFT, linkname=up + "etc"),
        entry("out/.wh.passwd"),
    ]) + END


def layers():
    yield "escapes", escapes(), "none"
    yield "a link to a file of the host", header("shadow", HARD, linkname="../../../../etc/shadow") + END, "none"
    yield "a link to itself", header("round", SOFT, linkname="round") + entry("round/in", b"in") + END, "none"
    chain = header("one", SOFT, linkname="another") + header("another", SOFT, linkname="one")
    yield "links in a circle", chain + entry("one/in", b"in") + END, "none"
    yield "zeros without end", Repeated(header("zeros", size=64 * MIB) + bytes(64 * MIB), 64), "gzip"
    yield "the same again and again", Repeated(header("again", size=60 * MIB) + b"fastvm-1" * (60 * MIB // 8), 8), "gzip"
    # In GNU's form: one piece of a byte, in a file of 8 EiB.
    sparse = bytearray(header("sparse", b"S", 1, tarfile.GNU_FORMAT))
    sparse[386:410] = b"%011o\0%011o\0" % (0, 1)
    sparse[483:495] = (1 << 95 | (1 << 62)).to_bytes(12, "big")
    sparse[148:156] = b" " * 8
    sparse[148:156] = b"%06o\0 " % sum(sparse)
    yield "a file with a hole of exabytes", bytes(sparse) + padded(b"x") + END, "none"
    yield "more entries than may be", b"".join(header("a", FOLDER) for _ in range(3000)) + END, "none"
    yield "a size that lies", header("short", size=100 * MIB) + padded(b"short"), "none"
    yield "a name of gigabytes", header("././@LongLink", b"L", 8 * 1024 * MIB, tarfile.GNU_FORMAT) + bytes(400 * MIB), "gzip"
    nested = b"".join(header("././@LongLink", b"L", 2, tarfile.GNU_FORMAT) + padded(b"a\0") for _ in range(20_000))
    yield "names of names of names", nested + END, "none"
    yield "a user beyond all numbers", entry("owned", b"", pax_headers={"uid": "9" * 30}) + END, "none"
    yield "a time beyond all times", entry("late", b"", pax_headers={"mtime": "9" * 30}) + END, "none"
    yield "a whiteout of what is above", entry(".wh..") + END, "none"
    yield "a file that is the root", entry("./", b"root") + END, "none"


class Repeated:
    """As a gzip of members, which is small and soon made."""

    def __init__(self, content, times):
        self.bytes = gzip.compress(content, compresslevel=1, mtime=0) * times


def write(name, content, compression):
    path = os.path.join(folder, name.replace(" ", "-"))
    inner = "0" * 64
    if isinstance(content, Repeated):
        content = content.bytes
    else:
        inner = hashlib.sha256(content).hexdigest()
        content = gzip.compress(content, compresslevel=1, mtime=0) if compression == "gzip" else content
    with open(path, "wb") as file:
        file.write(content)
    layer = {"path": path, "sizeBytes": len(content), "compression": compression, "diffId": f"sha256:{inner}"}
    print(json.dumps({"name": name, "layer": layer}))


for each in layers():
    write(*each)
