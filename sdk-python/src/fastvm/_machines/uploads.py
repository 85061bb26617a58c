"""The local end of an upload, of a file and of a folder."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Iterator, List, Sequence, Tuple, Union

from .._dockerignore import files_below, read

IGNORE_FILE = ".nullspaceignore"

# Enough that reading costs nothing beside the sum.
BLOCK = 1024 * 1024


@contextmanager
def local_file(source: Union[str, Path, bytes]) -> Iterator[Tuple[BinaryIO, int]]:
    """A file by its path, or bytes, with its length."""
    if isinstance(source, bytes):
        yield io.BytesIO(source), len(source)
        return
    with open(source, "rb") as content:
        yield content, os.fstat(content.fileno()).st_size


def checksum_of(content: BinaryIO) -> str:
    """Of all of it, as hexadecimal SHA-256."""
    content.seek(0)
    digest = hashlib.sha256()
    while True:
        block = content.read(BLOCK)
        if not block:
            return digest.hexdigest()
        digest.update(block)


@dataclass
class UploadedDir:
    #: Paths in the machine, in order.
    uploaded: List[str]
    #: That were there, with `on_conflict="skip"`.
    skipped: List[str]


@dataclass
class LocalEntry:
    source: str
    #: In the machine.
    path: str
    #: Octal.
    mode: str
    size: int
    is_folder: bool


def local_entries(folder: Union[str, Path], target: str, ignore: Sequence[str]) -> List[LocalEntry]:
    """Folders before what is in them; links as what they lead to, without those that lead nowhere."""
    ignored = "\n".join([read(Path(folder, IGNORE_FILE)) or "", *ignore])
    found: List[LocalEntry] = []
    for name in files_below(str(folder), ignored):
        source = os.path.join(folder, name)
        try:
            known = os.stat(source)
        except OSError:
            continue
        if not (stat.S_ISREG(known.st_mode) or stat.S_ISDIR(known.st_mode)):
            continue
        path, mode = str(PurePosixPath(target, name)), f"{known.st_mode & 0o777:04o}"
        found.append(LocalEntry(source, path, mode, known.st_size, stat.S_ISDIR(known.st_mode)))
    return found
