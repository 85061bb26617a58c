# Made by tools/unasync.py from _async/chunks.py; not to be edited.
"""What a caller gives to be sent, in pieces that are small enough."""

from __future__ import annotations

from typing import Any, Generator

from .._errors import FastvmError
from .._tar_process import CHUNK_BYTES
from .blocking import in_thread


def chunks_of(source: Any) -> Generator[bytes, None, None]:
    """Text, bytes, a file that was opened to read bytes, or something that gives bytes when iterated over."""
    if isinstance(source, str):
        source = source.encode()
    if isinstance(source, (bytes, bytearray, memoryview)):
        view = memoryview(source)
        for start in range(0, len(view), CHUNK_BYTES):
            yield bytes(view[start : start + CHUNK_BYTES])
    elif hasattr(source, "read"):
        while True:
            chunk = in_thread(source.read, CHUNK_BYTES)
            if not chunk:
                return
            yield checked(chunk)
    elif hasattr(source, "__iter__"):
        for chunk in source:
            yield checked(chunk)
    else:
        iterator = iter(source)
        while True:
            chunk = in_thread(next, iterator, None)
            if chunk is None:
                return
            yield checked(chunk)


def checked(chunk: Any) -> bytes:
    if not isinstance(chunk, (bytes, bytearray, memoryview)):
        raise FastvmError(f"What is to be sent gave {type(chunk).__name__}; a file is to be opened to read bytes")
    return bytes(chunk)
