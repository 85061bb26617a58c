"""
Shell words, and the commands by which a VM does its side of a transfer. POSIX `sh`, `tar`, `curl`; GNU's `stat` and
`touch` where they are there.
"""

from __future__ import annotations

import posixpath
import secrets
from dataclasses import dataclass
from typing import List, Optional, Sequence

from ._errors import FileTransferError
from ._file_metadata import STAT_FORMAT, FileMetadata, parse_metadata
from ._tar_flavor import GNU, OTHER, UNPACK_ONE_FILE, pack_options, tar_flavor, unpack_options

# On the VM's disk: its /tmp may lie in memory, and an archive may be large.
STAGING_FOLDER = "/var/tmp"
# No percent sign, no braces: curl must take the URL as it is.
CURL_PUT = "curl --fail --silent --show-error --globoff -X PUT -H 'Content-Type: application/octet-stream'"
# What the shell says for a path that is not there.
MISSING_EXIT_CODE = 2


def quote(text: str) -> str:
    """POSIX single quotes: nothing between them means anything to the shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def path_word(path: str) -> str:
    """A path as one word: one that begins with a dash is a path all the same."""
    return quote(path if path.startswith("/") else f"./{path}")


def words(texts: Sequence[str]) -> str:
    return " ".join(quote(text) for text in texts)


def staging_name(kind: str, suffix: str = "") -> str:
    return f"{STAGING_FOLDER}/fastvm-{kind}-{secrets.token_hex(12)}{suffix}"


def partial_beside(path: str) -> str:
    """A new name in the folder of the path."""
    return f"{posixpath.dirname(path)}/.fastvm-upload-{secrets.token_hex(8)}"


def place_file(partial: str, target_path: str, metadata: FileMetadata) -> str:
    """It gets its mode and time under another name: under its own it is never open to more than may read it here."""
    source, target, modified = path_word(partial), path_word(target_path), metadata.modified
    # Without GNU's touch there are whole seconds, or the time of now.
    whole = modified.split(".")[0]
    time = f"{{ touch -d @{modified} {source} || touch -d @{whole} {source} || :; }} 2>/dev/null"
    place = f"chmod {metadata.octal} {source} && mv -fT {source} {target}"
    return f"{time}; {place}; status=$?; rm -f {source}; exit $status"


def place_from_archive(archive: str, flavor: str, name: str, target_path: str, metadata: FileMetadata) -> str:
    """One file that came as an archive, in which holes take no room."""
    unpack = ["-p"] if flavor == OTHER else UNPACK_ONE_FILE
    source, target, parent = quote(archive), path_word(target_path), path_word(posixpath.dirname(target_path))
    unpacked = f'"$made"/{quote(name)}'
    script = " && ".join(
        [
            f"mkdir -p {parent} && made=$(mktemp -d {parent}/.fastvm-upload-XXXXXXXX)",
            f'tar -xz {words(unpack)} -f {source} -C "$made"',
            f"chmod {metadata.octal} {unpacked}",
            f"mv -fT {unpacked} {target}",
        ]
    )
    return f'{script}; status=$?; rm -rf "$made" {source}; exit $status'


def unpack_folder(archive: str, flavor: str, target_path: str) -> str:
    target, source = path_word(target_path), quote(archive)

    def unpack(joins_folder: bool) -> str:
        options = unpack_options(flavor, is_root=True, joins_folder=joins_folder)
        return f"tar -xz {words(options)} -f {source} -C {target}"

    script = f"if [ -d {target} ]; then {unpack(True)}; else mkdir -p {target} && {unpack(False)}; fi"
    # The archive goes also when it could not be unpacked, for instance for want of room.
    return f"export LC_ALL=C; {script}; status=$?; rm -f {source}; exit $status"


@dataclass(frozen=True)
class Found:
    """What is at a path of the VM."""

    is_folder: bool
    #: Of the VM's tar.
    flavor: str
    #: None where there is no GNU `stat`.
    metadata: Optional[FileMetadata] = None

    def goes_as_archive(self, local_flavor: str) -> bool:
        has_holes = self.metadata is not None and self.metadata.has_holes
        return self.is_folder or (has_holes and self.flavor == GNU and local_flavor != OTHER)


def look_at(remote_path: str) -> str:
    path = path_word(remote_path)
    return "; ".join(
        [
            f"test -e {path} || exit {MISSING_EXIT_CODE}",
            f"if test -d {path}; then echo folder; elif test -f {path}; then echo file; else echo other; fi",
            f"LC_ALL=C stat -L -c '{STAT_FORMAT}' {path} 2>/dev/null || echo",
            "tar --version 2>/dev/null || :",
        ]
    )


def parse_look(output: str, remote_path: str) -> Found:
    kind, stat, version, *_ = [*output.split("\n"), "", "", ""]
    # A pipe would be waited for without end, and a device read.
    if kind == "other":
        raise FileTransferError(f"{remote_path} is neither a file nor a folder")
    flavor = tar_flavor(version)
    return Found(True, flavor) if kind == "folder" else Found(False, flavor, parse_metadata(stat))


def put_from_vm(found: Found, remote_path: str, url: str, local_flavor: str) -> str:
    if not found.goes_as_archive(local_flavor):
        return put_file(path_word(remote_path), quote(url))
    return pack_and_put(f"{words(pack_options(found.flavor, local_flavor))} {members_of(found, remote_path)}", quote(url))


def members_of(found: Found, remote_path: str) -> str:
    """Of a folder all, as `.`; of a file itself, also if a link led to it."""
    if found.is_folder:
        return f"-C {path_word(remote_path)} ."
    name = quote(f"./{posixpath.basename(remote_path)}")
    return f"--dereference -C {path_word(posixpath.dirname(remote_path))} {name}"


def put_file(path: str, url: str) -> str:
    """Files of /proc say that they are empty, and curl would believe it."""
    return f"if [ -s {path} ]; then {CURL_PUT} -T {path} {url}; else {CURL_PUT} -T - {url} < {path}; fi"


def pack_and_put(pack_arguments: str, url: str) -> str:
    """
    A plain `sh` has no pipefail: tar's own status travels through a file, so that a folder that was read in part is not
    taken for a whole one. Status 1 means that a file changed while it was read, which on a running system is nothing
    unusual.
    """
    return "; ".join(
        [
            "status=$(mktemp) || exit 1",
            f'{{ LC_ALL=C tar -cz {pack_arguments}; echo $? > "$status"; }} | {CURL_PUT} -T - {url}',
            'sent=$?; packed=$(cat "$status"); rm -f "$status"',
            '[ "$sent" -eq 0 ] && [ "$packed" -le 1 ]',
        ]
    )


def with_stdin_of(path: str, argv: Sequence[str]) -> List[str]:
    """The command with a file as its stdin, which is gone as soon as it is open."""
    return ["sh", "-c", 'exec 3<"$0" || exit; rm -f "$0"; exec "$@" <&3 3<&-', path, *argv]
