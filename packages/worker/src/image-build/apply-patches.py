"""Makes changes in a folder, in their order: runs in a build VM alone, as that folder is a stranger's.

    apply-patches.py TARGET [ARCHIVES] <PATCHES

PATCHES is a list of JSON objects (BroughtPatch); behind ARCHIVES and a number is the path of each archive that they name. All paths are
looked up below TARGET, links on the way included, since the process that writes has no other root. What cannot be done ends it with 3 and one line that says which and why; nobody uses a root of which that was said.
"""

import base64
import hashlib
import json
import os
import shutil
import stat
import sys
import tarfile

REFUSED = 3
FOLDER_MODE = 0o755
END = b"-----END CERTIFICATE-----"
BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
LOCAL = "/usr/local/share/ca-certificates"


class Refused(Exception):
    """What is wrong with a patch."""


def kind_at(path):
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None


def make_parents(path):
    try:
        os.makedirs(os.path.dirname(path), FOLDER_MODE, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise Refused("is beneath what is no folder") from None


def make_room(path, replace):
    """What is above it is there then, and it is not."""
    make_parents(path)
    found = kind_at(path)
    if found is None:
        return
    if not replace:
        raise Refused("is there already")
    if found == stat.S_IFDIR:
        raise Refused("is a folder")
    os.unlink(path)


def write(patch):
    path = patch["path"]
    make_room(path, patch["replace"])
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(base64.b64decode(patch["content"]))
        os.fchmod(file.fileno(), patch["mode"])


def symlink(patch):
    make_room(patch["path"], patch["replace"])
    os.symlink(patch["target"], patch["path"])


def mkdir(patch):
    path = patch["path"]
    make_parents(path)
    if os.path.isdir(path):
        return
    if kind_at(path) is not None:
        raise Refused("is there already, and no folder")
    os.mkdir(path)
    os.chmod(path, patch["mode"])


def remove(patch):
    found = kind_at(patch["path"])
    if found == stat.S_IFDIR:
        shutil.rmtree(patch["path"])
    elif found is not None:
        os.unlink(patch["path"])


def append(patch):
    found = kind_at(patch["path"])
    if found != stat.S_IFREG:
        raise Refused("is not there" if found is None else "is no file")
    with open(os.open(patch["path"], os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW), "ab") as file:
        file.write(base64.b64decode(patch["content"]))


def unpack(patch):
    """A folder, into the one that is there or a new one."""
    top = patch["path"]
    make_parents(top)
    if kind_at(top) not in (None, stat.S_IFDIR):
        make_room(top, patch["replace"])
    os.makedirs(top, FOLDER_MODE, exist_ok=True)
    with tarfile.open(fileobj=ARCHIVES[patch["archive"]], mode="r:") as archive:
        for member in archive:
            name = os.path.normpath(member.name)
            if name == ".":
                continue
            path = os.path.join(top, name)
            if member.isdir() and kind_at(path) == stat.S_IFDIR:
                continue
            try:
                make_room(path, patch["replace"])
            except Refused as error:
                raise Refused(f"has {name} in it, which {error}") from None
            archive.extract(member, top, numeric_owner=True)


def trust(patch):
    """Authorities, behind those of each bundle that there is, and where Debian makes its own of. In bytes: no codec is found here."""
    given = base64.b64decode(patch["content"])
    certificates = [part.strip() + b"\n" + END + b"\n" for part in given.split(END) if part.strip()]
    bundles = {os.path.realpath(path) for path in BUNDLES if os.path.isfile(path)}
    if not bundles:
        make_parents(BUNDLES[0])
        open(BUNDLES[0], "wb").close()
        bundles = {BUNDLES[0]}
    for bundle in bundles:
        with open(bundle, "rb+") as file:
            known = file.read()
            file.write(b"" if known in (b"",) or known.endswith(b"\n") else b"\n")
            file.writelines(new for new in certificates if new not in known)
    if not os.path.isdir(LOCAL):
        return
    for certificate in certificates:
        name = hashlib.sha256(certificate).hexdigest()[:16]
        with open(f"{LOCAL}/fastvm-host-{name}.crt", "wb") as file:
            file.write(certificate)


APPLY = {
    "write": write,
    "symlink": symlink,
    "mkdir": mkdir,
    "remove": remove,
    "append": append,
    "unpack": unpack,
    "trust": trust,
}
ARCHIVES = {}


def main(target, archives=""):
    patches = json.load(sys.stdin)
    # While their paths still lead to them.
    for patch in patches:
        if "archive" in patch:
            ARCHIVES[patch["archive"]] = open(f"{archives}{patch['archive']}", "rb")
    os.umask(0o022)
    os.chroot(target)
    os.chdir("/")
    for index, patch in enumerate(patches):
        try:
            APPLY[patch["kind"]](patch)
        except (Refused, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            print(f"patches.{index}: {patch['path']} {reason}", file=sys.stderr)
            sys.exit(REFUSED)


main(*sys.argv[1:])
