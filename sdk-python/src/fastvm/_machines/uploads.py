"""The local end of an upload."""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Iterator, Tuple, Union

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
