"""
What each kind of `tar` can keep of a file, as options. Both sides of a transfer are asked which they have: an archive
with holes must be unpacked by a tar that knows them. Of `busybox` and others only what all of them share is asked.
"""

from __future__ import annotations

from typing import List, Tuple

GNU, BSD, OTHER = "gnu", "bsd", "other"

# Labels of SELinux belong to one machine's policy and would be wrong on another. ACLs are attributes too, with numbers
# in them.
GNU_ATTRIBUTES = ("--xattrs", "--xattrs-include=*", "--xattrs-exclude=security.selinux")
# A file of its own brings its bytes, holes, time and mode; it belongs to whoever unpacks it.
UNPACK_ONE_FILE: Tuple[str, ...] = ("-p", "--no-same-owner")


def tar_flavor(version: str) -> str:
    """By the first line of `tar --version`."""
    if "GNU tar" in version:
        return GNU
    return BSD if "bsdtar" in version else OTHER


def pack_options(packer: str, unpacker: str) -> List[str]:
    """
    The POSIX format holds times to the nanosecond, attributes, holes, and names of any length and bytes. Users go by
    number: the names of one machine mean others on another, or nobody.
    """
    if packer == OTHER:
        return []
    if unpacker == OTHER:
        return ["--format=gnu"] if packer == GNU else []
    if packer == BSD:
        return ["--format=pax", "--numeric-owner"]
    # Without being told that names are bytes, bsdtar takes them for text and fails at the first that is none in its
    # locale.
    names = ",hdrcharset:=BINARY" if unpacker == BSD else ""
    return ["--format=posix", f"--pax-option=delete=atime,delete=ctime{names}", "--sparse", "--numeric-owner", *GNU_ATTRIBUTES]


def unpack_options(flavor: str, *, is_root: bool, joins_folder: bool) -> List[str]:
    """
    Only root may give files away. With `joins_folder`, folders that are there keep what they are: /tmp must not become
    what was copied.
    """
    if flavor == OTHER:
        return ["-p"]
    owners = ["--same-owner" if is_root else "--no-same-owner", "--numeric-owner"]
    if flavor == BSD:
        return ["-p", "--xattrs", *owners]
    # An attribute that the user may not set or the file system has not is no reason to fail, and hundreds of them would
    # hide one.
    attributes = [*GNU_ATTRIBUTES, "--warning=no-xattr-write"]
    return ["-p", *owners, *attributes, *(["--no-overwrite-dir"] if joins_folder else [])]
