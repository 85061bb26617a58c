"""Makes changes in a folder, in their order: runs in a build VM alone, as that folder is a stranger's.

    apply-patches.py TARGET <PATCHES

PATCHES is a list of JSON objects (RootPatch). All paths are looked up below TARGET, links on the way included, since the process that
writes has no other root. What cannot be done ends it with 3 and one line that says which and why; nobody uses a root of which that was said.
"""

import base64
import json
import os
import shutil
import stat
import sys

REFUSED = 3
FOLDER_MODE = 0o755


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


APPLY = {"write": write, "symlink": symlink, "mkdir": mkdir, "remove": remove, "append": append}


def main(target):
    patches = json.load(sys.stdin)
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


main(sys.argv[1])
