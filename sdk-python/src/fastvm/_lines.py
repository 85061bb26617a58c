"""Cuts a stream of bytes into its lines, which come in any pieces."""

from __future__ import annotations

from typing import Iterator, List

from ._errors import APIResponseValidationError

# The server sends output in pieces far smaller than this; more means that the other end is no FastVM server.
MAX_LINE_BYTES = 32 * 1024 * 1024


class LineReader:
    """Gives the lines that are whole. Blank ones are heartbeats, and left out."""

    def __init__(self) -> None:
        # Pieces of the line that is not finished yet, joined once at its end so that a long line costs linear time.
        self._pieces: List[bytes] = []
        self._pending_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            whole = b"".join([*self._pieces, line])
            self._pieces, self._pending_bytes = [], 0
            if whole.strip():
                yield whole
        self._pieces.append(rest)
        self._pending_bytes += len(rest)
        if self._pending_bytes > MAX_LINE_BYTES:
            raise APIResponseValidationError(f"A line of the stream is over {MAX_LINE_BYTES} bytes")

    def end(self) -> Iterator[bytes]:
        """The last line needs no newline."""
        whole = b"".join(self._pieces)
        if whole.strip():
            yield whole
