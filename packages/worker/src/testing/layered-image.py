"""Writes an OCI layout with an image of three layers, one of each kind of compression, that has all that layers can do to each other.

    layered-image.py FOLDER         prints, for each layer: file, bytes, compression, digest of what is in it
"""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

folder = sys.argv[1]
FILE, FOLDER, HARD, SOFT = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE
DEVICE, PIPE = tarfile.CHRTYPE, tarfile.FIFOTYPE
# cap_net_raw, as `setcap` writes it.
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000").decode("latin1")


def layer(*entries):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, fields in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mtime = kind, 1_700_000_000
            entry.mode = 0o755 if kind == FOLDER else 0o644
            content = fields.pop("content", b"")
            entry.size = len(content) if kind == FILE else 0
            for key, value in fields.items():
                setattr(entry, key, value)
            tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def text(name, content, **fields):
    return (name, FILE, {"content": content.encode(), **fields})


def directory(name, **fields):
    return (name, FOLDER, fields)


LAYERS = [
    layer(
        directory("etc/"),
        text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
        directory("bin/", pax_headers={"mtime": "1600000000.5"}),
        text("bin/su", "su", mode=0o4755),
        text("bin/ping", "ping", mode=0o755, pax_headers={"SCHILY.xattr.security.capability": CAPABILITY, "mtime": "1650000000.123456789"}),
        ("bin/sh", SOFT, {"linkname": "../bin/su"}),
        ("bin/hard", HARD, {"linkname": "bin/su"}),
        directory("gone/", mode=0o700),
        text("gone/a", "a"),
        directory("gone/b/"),
        text("gone/b/c", "c"),
        directory("opaque/"),
        text("opaque/old", "old"),
        directory("opaque/sub/"),
        text("opaque/sub/x", "x"),
        text("file-to-folder", "f"),
        directory("folder-to-file/"),
        text("folder-to-file/in", "in"),
        directory("dev/"),
        ("dev/null", DEVICE, {"mode": 0o666, "devmajor": 1, "devminor": 3}),
        ("dev/pipe", PIPE, {"mode": 0o600}),
        directory("var/", mode=0o1777, uid=33, gid=44),
        ("lib", SOFT, {"linkname": "usr/lib"}),
        directory("usr/"),
        directory("usr/lib/"),
        ("absolute", SOFT, {"linkname": "/etc"}),
        ("early", SOFT, {"linkname": "late/place"}),
        text("early/in", "where the link leads"),
        directory("late/"),
        directory("late/place/"),
        text("näme", "u", uid=3_000_000, gid=4_000_000),
        directory("x" * 120 + "/"),
        text("x" * 120 + "/y", "y", pax_headers={"SCHILY.xattr.user.note": "line\nline"}),
    ),
    layer(
        text(".wh.gone", ""),
        directory("opaque/", mode=0o750),
        text("opaque/new", "new"),
        text("opaque/.wh..wh..opq", ""),
        directory("file-to-folder/", mode=0o711),
        text("file-to-folder/in", "in"),
        text("folder-to-file", "now"),
        text("lib/libx", "through a link"),
        text("absolute/hosts", "through another"),
        text("etc/.wh.passwd", ""),
        text("../../outside", "is inside"),
        text("/from-the-root", "a"),
        ("bin/hard2", HARD, {"linkname": "bin/ping"}),
        text("bin/.wh.hard", ""),
    ),
    layer(
        directory("gone/"),
        text("gone/again", "again"),
        text(".wh.nothing", ""),
        text("bin/ping", "another", mode=0o755),
        directory("var/log/", uid=1),
    ),
]


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def path_of(content):
    return os.path.join(folder, "blobs/sha256", digest(content)[7:])


def blob(content, media_type):
    with open(path_of(content), "wb") as file:
        file.write(content)
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def write(name, content):
    with open(os.path.join(folder, name), "w") as file:
        json.dump(content, file)


os.makedirs(os.path.join(folder, "blobs/sha256"))
LAYER = "application/vnd.oci.image.layer.v1.tar"
zstd = subprocess.run(["zstd", "-qc"], input=LAYERS[2], stdout=subprocess.PIPE, check=True).stdout
# umoci of today knows no zstd: what it is given is the same layer without.
layers = [blob(LAYERS[0], LAYER), blob(gzip.compress(LAYERS[1]), LAYER + "+gzip"), blob(LAYERS[2], LAYER)]
blob(zstd, LAYER + "+zstd")
config = {"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {"type": "layers", "diff_ids": [digest(each) for each in LAYERS]}}
configuration = blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")
content = {"schemaVersion": 2, "config": configuration, "layers": layers}
manifest = blob(json.dumps(content).encode(), "application/vnd.oci.image.manifest.v1+json")
manifest["annotations"] = {"org.opencontainers.image.ref.name": "test"}
write("index.json", {"schemaVersion": 2, "manifests": [manifest]})
write("oci-layout", {"imageLayoutVersion": "1.0.0"})
for index, (content, compression) in enumerate([(LAYERS[0], "none"), (gzip.compress(LAYERS[1], mtime=0), "gzip"), (zstd, "zstd")]):
    if compression == "gzip":
        blob(content, LAYER + "+gzip")
    print(json.dumps({"path": path_of(content), "sizeBytes": len(content), "compression": compression, "diffId": digest(LAYERS[index])}))
