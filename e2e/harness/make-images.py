"""Writes an OCI layout with images of many kinds, made of Debian's packages as the base image has them, so that no network is needed.

    make-images.py ROOT PROGRAM LAYOUT KIND...

ROOT is a tree of the base image, PROGRAM a static program. The same input gives the same bytes.
"""

import functools
import gzip
import hashlib
import io
import json
import os
import stat
import sys
import tarfile

root, program, layout, *kinds = sys.argv[1:]
BUSYBOX = "/bin/busybox"
TIME = 1_700_000_000
LAYERS_OF_MANY = 130
# Of packages, what nobody looks at in a test.
LEFT_OUT = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/", "usr/share/zoneinfo/", "usr/share/lintian/",
            "usr/share/i18n/", "usr/lib/x86_64-linux-gnu/gconv/", "usr/share/bash-completion/", "usr/lib/x86_64-linux-gnu/perl-base/unicore/",
            # The base image has all of Perl; a slim Debian has its essential part, and an emulated VM unpacks 2,000 files less.
            "usr/share/perl/", "usr/share/perl5/", "usr/lib/x86_64-linux-gnu/perl/", "usr/lib/x86_64-linux-gnu/perl5/",
            "usr/lib/x86_64-linux-gnu/libperl")
# No package lists these.
MADE_LATER = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/ld.so.cache", "etc/alternatives", "etc/debian_version",
              "var/lib/dpkg/status")
MERGED = ("bin", "sbin", "lib", "lib64")
# cap_net_raw, as `setcap` writes it.
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000").decode("latin1")
LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def blob(content, media_type):
    with open(os.path.join(layout, "blobs/sha256", digest(content)[7:]), "wb") as file:
        file.write(content)
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def entry(name, kind=tarfile.REGTYPE, content=b"", **fields):
    made = tarfile.TarInfo(name)
    made.type, made.size, made.mtime = kind, len(content), TIME
    made.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in fields.items():
        setattr(made, key, value)
    return made, content


def layer(entries):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for made, content in entries:
            tar.addfile(made, io.BytesIO(content))
    return file.getvalue()


class Packages:
    """What dpkg has installed in the tree."""

    def __init__(self):
        self.known, self.provided = {}, {}
        with open(os.path.join(root, "var/lib/dpkg/status"), encoding="utf-8") as file:
            for text in file.read().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(" "))
                if "Package" not in fields:
                    continue
                self.known[fields["Package"]] = fields
                for name in names_of(fields.get("Provides", "")):
                    self.provided.setdefault(name[0], fields["Package"])

    def essential(self):
        return [name for name, fields in self.known.items() if fields.get("Essential") == "yes"]

    def closure(self, names):
        wanted, found = list(names), set()
        while wanted:
            name = wanted.pop()
            name = name if name in self.known else self.provided.get(name)
            if name is None or name in found:
                continue
            found.add(name)
            fields = self.known[name]
            for kind in ("Depends", "Pre-Depends"):
                for choices in names_of(fields.get(kind, "")):
                    wanted += [each for each in choices if each in self.known or each in self.provided][:1]
        return found

    def files(self, name):
        for each in (name, f"{name}:amd64"):
            path = os.path.join(root, f"var/lib/dpkg/info/{each}.list")
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    return file.read().splitlines()
        return []


def names_of(field):
    return [[choice.split("(")[0].split(":")[0].strip() for choice in each.split("|")] for each in field.split(",") if each.strip()]


def canonical(path):
    """Packages name files by paths that lead through the links of the merged /usr."""
    parent, name = os.path.split(path.strip("/"))
    real = os.path.realpath(os.path.join(root, parent))
    return os.path.relpath(os.path.join(real, name), root)


def tree_entry(path, first_of):
    whole = os.path.join(root, path)
    made = tarfile.TarInfo(path)
    found = os.lstat(whole)
    made.mode, made.uid, made.gid, made.mtime = stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, int(found.st_mtime)
    if stat.S_ISDIR(found.st_mode):
        made.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(found.st_mode):
        made.type, made.linkname = tarfile.SYMTYPE, os.readlink(whole)
    elif found.st_nlink > 1 and first_of.setdefault(found.st_ino, path) != path:
        made.type, made.linkname = tarfile.LNKTYPE, first_of[found.st_ino]
    elif stat.S_ISREG(found.st_mode):
        with open(whole, "rb") as file:
            content = file.read()
        made.size = len(content)
        return made, content
    return made, b""


def tree_layer(paths):
    first_of = {}
    with_parents = set()
    for path in paths:
        while path not in ("", "."):
            with_parents.add(path)
            path = os.path.dirname(path)
    return layer(tree_entry(path, first_of) for path in sorted(with_parents))


def is_wanted(path):
    return path not in ("", ".") and not path.startswith(LEFT_OUT) and os.path.lexists(os.path.join(root, path))


def paths_of(packages, names):
    return {path for name in names for path in map(canonical, packages.files(name)) if is_wanted(path)}


def below(path):
    whole = os.path.join(root, path)
    found = [path]
    if os.path.isdir(whole) and not os.path.islink(whole):
        for name in os.listdir(whole):
            found += below(os.path.join(path, name))
    return found


@functools.cache
def debian():
    """Layers by name: the smallest Debian, and what others add to it."""
    packages = Packages()
    slim_names = packages.closure([*packages.essential(), "base-files"])
    slim = paths_of(packages, slim_names) | set(MERGED)
    for path in MADE_LATER:
        slim |= {each for each in below(path) if is_wanted(each)}
    added = {}
    for name, wanted in {"python": ["python3-minimal"], "systemd": ["systemd", "systemd-sysv", "dbus"]}.items():
        more = paths_of(packages, packages.closure(wanted) - slim_names) - slim
        added[name] = tree_layer(more)
    return {"slim": tree_layer(slim), **added}


def busybox():
    with open(BUSYBOX, "rb") as file:
        content = file.read()
    names = ("sh", "cat", "id", "ls", "sync", "sleep", "true", "mount", "env", "pwd")
    return layer([
        *(entry(name, tarfile.DIRTYPE) for name in ("bin", "etc", "sbin")),
        entry("root", tarfile.DIRTYPE, mode=0o700),
        entry("tmp", tarfile.DIRTYPE, mode=0o1777),
        entry("bin/busybox", content=content, mode=0o755, pax_headers={"SCHILY.xattr.security.capability": CAPABILITY}),
        *(entry(f"bin/{name}", tarfile.SYMTYPE, linkname="busybox") for name in names),
        # As images of alpine have it: an init that nothing is there for.
        entry("sbin/init", tarfile.SYMTYPE, linkname="/bin/busybox"),
        entry("etc/passwd", content=b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n"),
        entry("etc/group", content=b"root:x:0:\napp:x:1000:\nextra:x:1001:app\n"),
        # Where the image was built.
        entry("etc/resolv.conf", tarfile.SYMTYPE, linkname="../run/nowhere/resolv.conf"),
    ])


def many():
    """As many layers as a long Dockerfile makes, most of them small."""
    folders = [entry("layers", tarfile.DIRTYPE), entry("srv", tarfile.DIRTYPE), entry("srv/app", tarfile.DIRTYPE, uid=1000, gid=1000)]
    made = [busybox(), layer(folders)]
    while len(made) < LAYERS_OF_MANY:
        number = len(made)
        entries = [entry(f"layers/{number}", content=f"{number}\n".encode(), mtime=TIME + number)]
        if number % 10 == 0:
            entries.append(entry(f"layers/.wh.{number - 5}"))
        made.append(layer(entries))
    return made


def scratch():
    with open(program, "rb") as file:
        return layer([entry("program", content=file.read(), mode=0o755)])


CONFIGURED = {
    "User": "app",
    "WorkingDir": "/srv/app",
    "Env": ["PATH=/opt/bin:/bin", "GREETING=hello from the image"],
    "Entrypoint": ["/bin/sh", "-c"],
    "Cmd": ["echo started"],
    "ExposedPorts": {"8080/tcp": {}},
    "Labels": {"org.example.kind": "configured"},
    "StopSignal": "SIGINT",
}


# Layers and configuration of each kind.
KINDS = {
    "scratch": (lambda: [scratch()], {}),
    "busybox": (many, CONFIGURED),
    "slim": (lambda: [debian()["slim"]], {"Cmd": ["/bin/sh"]}),
    "python": (lambda: [debian()["slim"], debian()["python"]], {"Cmd": ["python3"]}),
    "systemd": (lambda: [debian()["slim"], debian()["systemd"]], {"Cmd": ["/sbin/init"]}),
}


@functools.cache
def compressed(content):
    return gzip.compress(content, compresslevel=1, mtime=0)


def manifest_of(name):
    make_layers, config = KINDS[name]
    layers = make_layers()
    described = {"os": "linux", "architecture": "amd64", "config": config,
                 "rootfs": {"type": "layers", "diff_ids": [digest(each) for each in layers]}}
    content = {
        "schemaVersion": 2,
        "config": blob(json.dumps(described).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [blob(compressed(each), LAYER + "+gzip") for each in layers],
    }
    manifest = blob(json.dumps(content).encode(), "application/vnd.oci.image.manifest.v1+json")
    annotations = {"org.opencontainers.image.ref.name": name, "io.containerd.image.name": f"localhost/kinds:{name}"}
    return {**manifest, "annotations": annotations}


def write(name, content):
    with open(os.path.join(layout, name), "w", encoding="utf-8") as file:
        json.dump(content, file)


os.makedirs(os.path.join(layout, "blobs/sha256"))
write("index.json", {"schemaVersion": 2, "manifests": [manifest_of(name) for name in kinds]})
write("oci-layout", {"imageLayoutVersion": "1.0.0"})
