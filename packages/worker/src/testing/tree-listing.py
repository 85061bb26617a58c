"""Prints all that is to be known of a tree, one line an entry: for comparing trees.

    tree-listing.py FOLDER
"""

import hashlib
import json
import os
import stat
import sys

root = sys.argv[1].encode()
first_of = {}


def listing(path):
    found = os.lstat(path)
    name = os.path.relpath(path, root).decode("utf-8", "backslashreplace")
    kind = stat.S_IFMT(found.st_mode)
    entry = {
        "name": name,
        "kind": oct(kind),
        "mode": oct(stat.S_IMODE(found.st_mode)),
        "owner": [found.st_uid, found.st_gid],
        "mtime": found.st_mtime_ns,
        "xattrs": {each: os.getxattr(path, each, follow_symlinks=False).hex() for each in os.listxattr(path, follow_symlinks=False)},
    }
    if kind == stat.S_IFLNK:
        entry["target"] = os.readlink(path).decode("utf-8", "backslashreplace")
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        entry["device"] = found.st_rdev
    if kind == stat.S_IFREG:
        entry["content"] = hashlib.sha256(open(path, "rb").read()).hexdigest()
    if kind != stat.S_IFDIR and found.st_nlink > 1:
        entry["same as"] = first_of.setdefault(found.st_ino, name)
    return entry


def walk(folder):
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        print(json.dumps(listing(path), sort_keys=True))
        if stat.S_ISDIR(os.lstat(path).st_mode):
            walk(path)


walk(root)
